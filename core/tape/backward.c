/*
 * Backward: three iterative walks over the nodes of the tape.
 *   1. reach: which nodes lead from y to something that wants a gradient; how often each parameter is used; which node is
 *      the last that reads a tensor.
 *   2. what no backward reads is released at once.
 *   3. nodes in descending order: backward (written in ops, its results go to sinks), then the storage and gradients that
 *      nothing reads any more go, and parameters whose last use this was are ready.
 */
#include "tape/rows.h"
#include "tape/tape.h"

#include <string.h>

typedef struct pass {
    hoop_tape                *t;
    const hoop_backward_opts *opts;
    bool                      release; /* let go of what is not read any more */
    bool                      nested;  /* inside a composite: parameters' uses are counted outside */
} pass;

static const void *node_attrs(const hoop_tape *t, const hoop_node *n)
{
    return n->attrs < 0 ? NULL : t->attrs.v + n->attrs;
}

static uint64_t node_reads(const hoop_tape *t, const hoop_node *n)
{
    return hoop__op_reads(n->op, node_attrs(t, n), n->nin);
}

static bool reads_input(const hoop_op *op, uint64_t reads, int i)
{
    return (reads & HOOP_READS_IN(i)) != 0 || (op->backward == NULL && op->composite != NULL);
}

static bool node_leads(const hoop_tape *t, int32_t k)
{
    const hoop_node *n     = &t->nodes.v[k];
    bool             leads = !t->functional;
    for (int i = 0; i < n->nin && !leads; i++) leads = hoop__node_in(t, n, i)->leads;
    return leads;
}

/* mark the tensors that depend on one that hoop_grad wants */
static void mark_leads(hoop_tape *t)
{
    for (int32_t i = 0; i < t->tensors.n; i++) t->tensors.v[i]->leads = t->tensors.v[i]->wanted;
    for (int32_t k = 0; k < t->nodes.n; k++) {
        const hoop_node *n = &t->nodes.v[k];
        if (!node_leads(t, k)) continue;
        for (int j = 0; j < n->nout; j++) {
            hoop_tensor *y = hoop__node_out(t, n, j);
            y->leads |= y->needs_grad;
        }
    }
}

/* mark the nodes that the gradients of ys flow through */
static bool reach(const pass *p, hoop_tensor *const *ys, int n_ys)
{
    hoop_tape *t = p->t;
    if (!HOOP_GROW(t, t->reached, t->nodes.n + 1) || !HOOP_GROW(t, t->last_reader, t->tensors.n + 1)) return false;
    memset(t->reached.v, 0, (size_t)t->nodes.n);
    for (int32_t i = 0; i < t->tensors.n; i++) t->last_reader.v[i] = INT32_MAX;
    if (t->functional) mark_leads(t);
    for (int i = 0; i < n_ys; i++)
        if (ys[i]->node >= 0) t->reached.v[ys[i]->node] = node_leads(t, ys[i]->node);
    for (int32_t k = t->nodes.n - 1; k >= 0; k--) {
        const hoop_node *n = &t->nodes.v[k];
        uint64_t         reads;
        if (!t->reached.v[k]) continue;
        reads = node_reads(t, n);
        for (int i = 0; i < n->nin; i++) {
            const hoop_tensor *x = hoop__node_in(t, n, i);
            if (reads_input(n->op, reads, i)) t->last_reader.v[x->id] = k;
            if (!hoop__follows(t, x)) continue;
            if (x->node >= 0) t->reached.v[x->node] = node_leads(t, x->node);
            if (x->param >= 0) t->uses.v[x->param]++;
        }
        for (int j = 0; j < n->nout; j++) {
            if ((reads & HOOP_READS_OUT(j)) != 0) t->last_reader.v[hoop__node_out(t, n, j)->id] = k;
        }
    }
    return hoop__segments_reach(t);
}

static void release_read_by(const pass *p, const hoop_node *n, int32_t k)
{
    hoop_tape *t = p->t;
    for (int i = 0; i < n->nin + n->nout; i++) { /* inputs, then outputs */
        hoop_tensor *x = hoop__node_in(t, n, i);
        if (t->last_reader.v[x->id] == k && hoop__releasable(x)) hoop__tensor_release(t, x);
    }
}

/* the store's gradient of it is final; nothing came: zero */
static void param_zero(hoop_tape *t, int param)
{
    const struct hoop_param *p = &t->params->param[param];
    hoop_view                v;
    const int64_t            n = p->nblocks * HOOP_BLOCK;
    if (t->params->grad_set[param]) return;
    hoop__view_set(&v, t->params->dtype, 1, &n);
    v.data = hoop_params_grad_of(t->params, param);
    hoop__tape_fill(t, &v, -1 - param, 0.0);
    t->params->grad_set[param] = true;
}

static void param_ready(const pass *p, int param)
{
    hoop_tape *t = p->t;
    if (t->leaves.n > 0)
        hoop__leaf_grads_sum(t, param);
    else
        param_zero(t, param);
    t->uses.v[param] = -1;
    hoop__keep(t, HOOP__READY, param);
    if (t->error.status == HOOP_OK && p->opts->ready != NULL) p->opts->ready(p->opts->ctx, param);
}

static bool stale(const pass *p, const hoop_node *n)
{
    const uint64_t reads = node_reads(p->t, n);
    for (int i = 0; i < n->nin; i++) {
        const hoop_tensor *x = hoop__node_in(p->t, n, i);
        if (x->source == NULL || !reads_input(n->op, reads, i) || x->source->version == x->version) continue;
        hoop_tape_fail(p->t, HOOP_ESTALE, "%s: input %d%s%s was written after it was used; run the forward pass again",
                       n->op->name, i, x->param >= 0 ? ", parameter " : "",
                       x->param >= 0 ? hoop_params_name(x->params, x->param) : "");
        return true;
    }
    return false;
}

static void walk(const pass *p, int32_t first, int32_t last);

/* y, which a composite returned, was not made by it: an input as it stands, or a mistake */
static void pass_to_input(const hoop_backward_call *b, const hoop_op *op, hoop_tensor *y, hoop_tensor *dy)
{
    for (int i = 0; i < b->nin; i++) {
        if (b->in[i] != y) continue;
        hoop__sink_value(b->t, y, dy, true);
        return;
    }
    hoop_tape_fail(b->t, HOOP_ENODERIV, "%s: its composite returned a tensor that is older than it and no input", op->name);
}

/* differentiate a fused op through the primitive ops of its composite */
static void node_composite(const pass *p, const hoop_backward_call *b, const hoop_node *n)
{
    hoop_tape     *t         = p->t;
    const hoop_op *op        = n->op;
    bool           recording = hoop_tape_set_grad(t, true);
    int32_t        first = t->nodes.n, ids = t->ids.n, attrs = t->attrs.n, last;
    hoop_tensor   *y[HOOP_MAX_OUT] = {NULL};
    bool           made            = false;
    if (op->composite_all != NULL)
        op->composite_all(t, b->in, b->nin, b->attrs, y);
    else
        y[0] = op->composite(t, b->in, b->nin, b->attrs);
    last = t->nodes.n;
    (void)hoop_tape_set_grad(t, recording);
    t->composites++;
    for (int j = 0; j < n->nout; j++) {
        if (y[j] == NULL || b->dy[j] == NULL || y[j]->poison || !hoop__follows(t, y[j])) continue;
        made |= y[j]->node >= first;
        if (y[j]->node < first)
            pass_to_input(b, op, y[j], b->dy[j]);
        else
            hoop__sink_value(t, y[j], b->dy[j], true);
    }
    if (made && HOOP_GROW(t, t->reached, last + 1)) {
        memset(t->reached.v + first, 1, (size_t)(last - first));
        walk(&(pass){t, p->opts, false, true}, first, last);
    }
    t->composites--;
    if (recording) return;
    t->nodes.n = first; /* a passing detour, not part of the graph */
    t->ids.n   = ids;
    t->attrs.n = attrs;
}

enum { FEW = HOOP__FEW_IN, FEW_BYTES = 128 };

/* what of a node moves while ops are recorded: its tensors and attributes, copied. False: out of memory */
static bool node_open(hoop_tape *t, const hoop_node *n, hoop_backward_call *b, hoop_tensor **tensors, char *attrs)
{
    const int all = n->nin + 2 * n->nout;
    if (all > 3 * FEW) tensors = hoop__arena_alloc(&t->arena, (int64_t)((size_t)all * sizeof *tensors));
    if (n->op->attrs_size > FEW_BYTES && n->attrs >= 0) attrs = hoop__arena_alloc(&t->arena, (int64_t)n->op->attrs_size);
    if (tensors == NULL || attrs == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for its gradients", n->op->name);
        return false;
    }
    for (int i = 0; i < n->nin + n->nout; i++) tensors[i] = hoop__node_in(t, n, i);
    for (int j = 0; j < n->nout; j++) tensors[n->nin + n->nout + j] = t->slots.v[tensors[n->nin + j]->id].grad;
    if (n->attrs >= 0) memcpy(attrs, node_attrs(t, n), n->op->attrs_size);
    *b = (hoop_backward_call){.t     = t,
                              .in    = tensors,
                              .nin   = n->nin,
                              .out   = tensors + n->nin,
                              .dy    = tensors + n->nin + n->nout,
                              .attrs = n->attrs < 0 ? NULL : attrs};
    return true;
}

static void node_backward(const pass *p, const hoop_node *n)
{
    hoop_tape         *t = p->t;
    hoop_tensor       *tensors[3 * FEW];
    _Alignas(16) char  attrs[FEW_BYTES];
    bool               any = false;
    hoop_backward_call b;
    if (!node_open(t, n, &b, tensors, attrs)) return;
    for (int j = 0; j < n->nout; j++) any |= b.dy[j] != NULL;
    if (!any || (n->op->flags & HOOP_OP_NO_GRAD) != 0 || stale(p, n)) return;
    t->leaves.current = n->leaf;
    if (n->op->backward != NULL && (n->op->composite_all == NULL || !t->create_graph))
        n->op->backward(&b);
    else if (n->op->composite_all != NULL || (n->op->composite != NULL && b.dy[0] != NULL))
        node_composite(p, &b, n);
    else
        hoop_tape_fail(t, HOOP_ENODERIV, "%s: it has no derivative", n->op->name);
}

/* temporaries of one backward call that no gradient refers to */
static void release_temporaries(hoop_tape *t, int32_t from, const hoop_node *n)
{
    for (int32_t i = from; i < t->tensors.n; i++) {
        hoop_tensor *x    = t->tensors.v[i];
        bool         held = x->retained || x->leaf || x->rows;
        for (int j = 0; j < n->nin && !held; j++) held = t->slots.v[t->ids.v[n->first + j]].grad == x;
        if (!held) hoop__tensor_release(t, x);
    }
}

static void drop_output_grads(hoop_tape *t, const hoop_node *n)
{
    for (int j = 0; j < n->nout; j++) {
        const hoop_tensor *y    = hoop__node_out(t, n, j);
        hoop_slot         *slot = &t->slots.v[y->id];
        if (slot->grad == NULL || y->wanted) continue;
        if (!t->create_graph) hoop__tensor_release(t, slot->grad);
        slot->grad = NULL;
    }
}

/* the node is done: parameters it was the last to use are ready */
static void count_uses(const pass *p, const hoop_node *n)
{
    hoop_tape *t = p->t;
    for (int i = 0; i < n->nin && t->error.status == HOOP_OK; i++) {
        int q = hoop__node_in(t, n, i)->param;
        if (q >= 0 && !t->functional && --t->uses.v[q] == 0) param_ready(p, q);
    }
}

static void walk(const pass *p, int32_t first, int32_t last)
{
    hoop_tape *t = p->t;
    for (int32_t k = last - 1; k >= first; k--) {
        int32_t   before = t->tensors.n;
        hoop_node n;
        if (!t->reached.v[k]) continue;
        if (t->segments.n > 0) hoop__segment_again(t, k);
        n = t->nodes.v[k]; /* a copy: the array may move while ops are recorded */
        node_backward(p, &n);
        if (t->error.status != HOOP_OK) return;
        for (int i = 0; i < n.nin && t->leaves.n > 0 && !p->nested; i++) {
            const int q = hoop__node_in(t, &n, i)->param;
            if (q >= 0) hoop__leaf_grads_flush(t, q);
        }
        if (!t->create_graph) release_temporaries(t, before, &n);
        drop_output_grads(t, &n);
        if (p->release) release_read_by(p, &n, k);
        if (!p->nested) count_uses(p, &n);
        hoop__keep(t, HOOP__POLL, 0);
        if (p->opts->poll != NULL) p->opts->poll(p->opts->ctx);
    }
}

static hoop_status check(hoop_tape *t, const hoop_tensor *y, hoop_error *err)
{
    char shape[160];
    t->file = NULL; /* the line of an op says nothing about backward */
    if (t->error.status == HOOP_OK) {
        if (y == NULL || y->tape != t || y->poison)
            hoop_tape_fail(t, HOOP_EARG, "backward: y is not a tensor of this tape");
        else if (!hoop_dtype_is_float((hoop_dtype)y->v.dtype))
            hoop_tape_fail(t, HOOP_EDTYPE, "backward: y is %s", hoop_tensor_describe(y, shape, sizeof shape));
        else if (!y->needs_grad)
            hoop_tape_fail(t, HOOP_EARG, "backward: y depends on nothing that wants a gradient (was recording off?)");
    }
    return t->error.status == HOOP_OK ? HOOP_OK : hoop_fail(err, t->error.status, "%s", t->error.text);
}

static void release_unread(hoop_tape *t, int32_t last)
{
    for (int32_t k = 0; k < last; k++) {
        const hoop_node *n = &t->nodes.v[k];
        for (int j = 0; j < n->nout; j++) {
            hoop_tensor *x = hoop__node_out(t, n, j);
            if (!t->reached.v[k] && !x->bypassed) continue; /* views alone, of what backward does not come to */
            if (t->last_reader.v[x->id] == INT32_MAX && hoop__releasable(x)) hoop__tensor_release(t, x);
        }
    }
}

/* in y's order in memory */
static hoop_tensor *ones_like(hoop_tape *t, const hoop_tensor *y)
{
    hoop_view    v;
    hoop_tensor *one;
    int64_t      dims[HOOP_MAX_DIMS], step = 1;
    const bool   strange = !y->contiguous && hoop__memory_order(&y->v, dims);
    hoop__view_set(&v, (hoop_dtype)y->v.dtype, y->v.ndim, y->v.shape);
    for (int k = v.ndim - 1; k >= 0 && strange; k--) {
        v.stride[dims[k]] = step;
        step *= v.shape[dims[k]];
    }
    one = hoop__tensor_new(t, &v);
    if (one == NULL || !hoop__tensor_allocate(t, one, "backward")) return &t->poison;
    one->contiguous = !strange;
    hoop__tape_fill(t, &one->v, 0, 1.0);
    return one;
}

/* the losses, and their weights, are read after backward */
static void seed(const pass *p, hoop_tensor *const *ys, int n)
{
    hoop_tape *t = p->t;
    for (int i = 0; i < n && t->error.status == HOOP_OK; i++) {
        hoop_tensor *one = ones_like(t, ys[i]);
        ys[i]->retained  = true;
        if (ys[i]->weight != NULL) ys[i]->weight->retained = true;
        if (!one->poison && hoop__follows(t, ys[i])) hoop__sink_value(t, ys[i], one, false);
    }
}

static HOOP_NOINLINE hoop_status run_clean(const pass *p, hoop_tensor *const *ys, int n, hoop_error *err)
{
    hoop_tape *t         = p->t;
    int        nparams   = t->params == NULL ? 0 : t->params->count;
    bool       recording = t->recording;
    int        current   = t->leaves.current;
    int32_t    last      = t->nodes.n;
    t->passes++;
    if (t->error.status != HOOP_OK || !HOOP_GROW(t, t->uses, nparams + 1) || !hoop__leaf_grads_begin(t)) goto done;
    memset(t->uses.v, 0, (size_t)(nparams + 1) * sizeof *t->uses.v);
    if (!reach(p, ys, n)) goto done;
    t->recording = t->create_graph;
    t->backward  = true;
    t->opts      = p->opts;
    seed(p, ys, n);
    if (p->release) release_unread(t, last);
    if (t->error.status == HOOP_OK) walk(p, 0, last);
    for (int i = 0; i < nparams && t->error.status == HOOP_OK && !t->functional; i++) {
        if (t->uses.v[i] == 0 && !t->params->param[i].frozen) param_ready(p, i);
    }
done:
    hoop__program_end(t);
    t->recording      = recording;
    t->backward       = false;
    t->opts           = NULL;
    t->leaves.current = current;
    return t->error.status == HOOP_OK ? HOOP_OK : hoop_fail(err, t->error.status, "%s", t->error.text);
}

static hoop_status run(const pass *p, hoop_tensor *const *ys, int n, hoop_error *err)
{
    uint64_t    mode = hoop_fp_enter();
    hoop_status st   = run_clean(p, ys, n, err);
    hoop_fp_restore(mode);
    return st;
}

static const hoop_backward_opts defaults = {0};

hoop_status hoop_backward(hoop_tape *t, hoop_tensor *y, const hoop_backward_opts *opts, hoop_error *err)
{
    const pass  p  = {t, opts == NULL ? &defaults : opts, opts == NULL || !opts->retain_graph, false};
    hoop_status st = check(t, y, err);
    if (st != HOOP_OK) return st;
    if (t->leaves.n > 0)
        return hoop_fail(err, HOOP_ESTATE, "hoop_backward on a tape of %d leaves: hoop_backward_leaves is for these",
                         t->leaves.n);
    if (t->params != NULL && !p.opts->accumulate) hoop_params_zero_grad(t->params);
    return run(&p, &y, 1, err);
}

hoop_status hoop_backward_leaves(hoop_tape *t, hoop_tensor *const *y, int n, const hoop_backward_opts *opts, hoop_error *err)
{
    const pass  p  = {t, opts == NULL ? &defaults : opts, opts == NULL || !opts->retain_graph, false};
    hoop_status st = HOOP_OK;
    for (int i = 0; i < n && st == HOOP_OK; i++) st = check(t, y[i], err);
    if (st != HOOP_OK) return st;
    if (n != t->leaves.n)
        return hoop_fail(err, HOOP_EARG, "hoop_backward_leaves: %d losses of %d leaves (hoop_tape_set_leaves)", n, t->leaves.n);
    return run(&p, y, n, err);
}

/* Gradients of a functional pass live in slots of their own, so that those of leaves and of the store stay as they are. */
static void swap_slots(hoop_tape *t)
{
    hoop_slot *v            = t->slots.v;
    int32_t    capacity     = t->slots.capacity;
    t->slots.v              = t->other_slots.v;
    t->slots.capacity       = t->other_slots.capacity;
    t->other_slots.v        = v;
    t->other_slots.capacity = capacity;
    (void)HOOP_GROW(t, t->slots, t->tensors.n);
}

hoop_status hoop_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *const *xs, int n, int flags, hoop_error *err, hoop_tensor **dxs)
{
    const pass    p = {t, &defaults, (flags & HOOP_RETAIN_GRAPH) == 0, false};
    hoop_tensor **x = hoop__arena_alloc(&t->arena, (int64_t)(n > 0 ? n : 1) * (int64_t)sizeof(hoop_tensor *));
    hoop_status   st;
    for (int i = 0; i < n; i++) dxs[i] = &t->poison;
    if (x == NULL) hoop_tape_fail(t, HOOP_ENOMEM, "hoop_grad: no memory for %d tensors", n);
    st = check(t, y, err);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        x[i] = xs[i] == NULL || xs[i]->poison ? NULL : hoop__acquire(t, xs[i]);
        if (x[i] == NULL)
            hoop_tape_fail(t, HOOP_EARG, "hoop_grad: tensor %d is NULL, poison or of another tape", i);
        else if (!x[i]->needs_grad)
            hoop_tape_fail(t, HOOP_EARG, "hoop_grad: tensor %d wants no gradient (hoop_tape_watch; was recording off?)", i);
        st = t->error.status == HOOP_OK ? HOOP_OK : hoop_fail(err, t->error.status, "%s", t->error.text);
    }
    if (st != HOOP_OK) return st;
    swap_slots(t);
    t->functional   = true;
    t->create_graph = (flags & HOOP_CREATE_GRAPH) == HOOP_CREATE_GRAPH;
    for (int i = 0; i < n; i++) x[i]->wanted = true;
    t->program.broken = true;
    st                = run(&p, &y, 1, err);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        hoop_tensor *g = t->slots.v[x[i]->id].grad;
        dxs[i]         = g != NULL ? g : hoop_tape_tensor(t, (hoop_dtype)x[i]->v.dtype, x[i]->v.ndim, x[i]->v.shape, NULL);
    }
    for (int i = 0; i < n; i++) x[i]->wanted = false;
    if (t->slots.v != NULL) memset(t->slots.v, 0, (size_t)t->slots.capacity * sizeof *t->slots.v);
    t->create_graph = t->functional = false;
    swap_slots(t);
    return st;
}
