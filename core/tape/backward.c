/*
 * Backward: three iterative walks over the nodes of the tape.
 *   1. reach: which nodes lead from y to something that wants a gradient; how often each parameter is used; which node is
 *      the last that reads a tensor.
 *   2. what no backward reads is released at once.
 *   3. nodes in descending order: backward (written in ops, its results go to sinks), then the storage and gradients that
 *      nothing reads any more go, and parameters whose last use this was are ready.
 */
#include "tape/tape.h"

#include <string.h>

typedef struct pass {
    hoop_tape                *t;
    const hoop_backward_opts *opts;
    bool                      release; /* let go of what is not read any more */
    bool                      nested;  /* inside a composite: parameters' uses are counted outside */
} pass;

static bool reads_input(const hoop_op *op, int i)
{
    return (op->reads & HOOP_READS_IN(i)) != 0 || (op->backward == NULL && op->composite != NULL);
}

static bool node_leads(const hoop_tape *t, int32_t k)
{
    const hoop_node *n     = &t->nodes.v[k];
    bool             leads = !t->functional;
    for (int i = 0; i < n->nin && !leads; i++) leads = n->in[i]->leads;
    return leads;
}

/* mark the tensors that depend on one that hoop_grad wants */
static void mark_leads(hoop_tape *t)
{
    for (int32_t i = 0; i < t->tensors.n; i++) t->tensors.v[i]->leads = t->tensors.v[i]->wanted;
    for (int32_t k = 0; k < t->nodes.n; k++) {
        const hoop_node *n = &t->nodes.v[k];
        if (!node_leads(t, k)) continue;
        for (int j = 0; j < n->op->nout; j++) n->out[j]->leads |= n->out[j]->needs_grad;
    }
}

/* mark the nodes that y's gradient flows through */
static bool reach(const pass *p, const hoop_tensor *y)
{
    hoop_tape *t = p->t;
    if (!HOOP_GROW(t, t->reached, t->nodes.n + 1) || !HOOP_GROW(t, t->last_reader, t->tensors.n + 1)) return false;
    memset(t->reached.v, 0, (size_t)t->nodes.n);
    for (int32_t i = 0; i < t->tensors.n; i++) t->last_reader.v[i] = INT32_MAX;
    if (t->functional) mark_leads(t);
    if (y->node >= 0) t->reached.v[y->node] = node_leads(t, y->node);
    for (int32_t k = t->nodes.n - 1; k >= 0; k--) {
        const hoop_node *n = &t->nodes.v[k];
        if (!t->reached.v[k]) continue;
        for (int i = 0; i < n->nin; i++) {
            hoop_tensor *x = n->in[i];
            if (reads_input(n->op, i)) t->last_reader.v[x->id] = k;
            if (!hoop__follows(t, x)) continue;
            if (x->node >= 0) t->reached.v[x->node] = node_leads(t, x->node);
            if (x->param >= 0) t->uses.v[x->param]++;
        }
        for (int j = 0; j < n->op->nout; j++) {
            if ((n->op->reads & HOOP_READS_OUT(j)) != 0) t->last_reader.v[n->out[j]->id] = k;
        }
    }
    return true;
}

static bool releasable(const hoop_tensor *x)
{
    return !x->retained && !x->leaf && x->node >= 0 && x->storage != NULL;
}

static void release_read_by(const pass *p, int32_t k)
{
    hoop_tape *t = p->t;
    hoop_node *n = &t->nodes.v[k];
    for (int i = 0; i < n->nin; i++) {
        if (t->last_reader.v[n->in[i]->id] == k && releasable(n->in[i])) hoop__tensor_release(t, n->in[i]);
    }
    for (int j = 0; j < n->op->nout; j++) {
        if (t->last_reader.v[n->out[j]->id] == k && releasable(n->out[j])) hoop__tensor_release(t, n->out[j]);
    }
}

static void param_ready(const pass *p, int param)
{
    hoop_params *store = p->t->params;
    if (!store->grad_set[param]) { /* nothing came: zero */
        memset(hoop_params_grad_of(store, param), 0,
               (size_t)(store->param[param].nblocks * HOOP_BLOCK) * hoop_dtype_size(store->dtype));
        store->grad_set[param] = true;
    }
    p->t->uses.v[param] = -1;
    if (p->opts->ready != NULL) p->opts->ready(p->opts->ctx, param);
}

static bool stale(const pass *p, const hoop_node *n)
{
    for (int i = 0; i < n->nin; i++) {
        const hoop_tensor *x = n->in[i];
        if (x->source == NULL || !reads_input(n->op, i) || x->source->version == x->version) continue;
        hoop_tape_fail(p->t, HOOP_ESTALE, "%s: input %d%s%s was written after it was used; run the forward pass again",
                       n->op->name, i, x->param >= 0 ? ", parameter " : "",
                       x->param >= 0 ? hoop_params_name(x->params, x->param) : "");
        return true;
    }
    return false;
}

static void walk(const pass *p, int32_t first, int32_t last);

/* y, which a composite returned, was not made by it: an input as it stands, or a mistake */
static void pass_to_input(hoop_tape *t, const hoop_node *n, hoop_tensor *y, hoop_tensor *dy)
{
    for (int i = 0; i < n->nin; i++) {
        if (n->in[i] != y) continue;
        hoop__sink_value(t, y, dy, true);
        return;
    }
    hoop_tape_fail(t, HOOP_ENODERIV, "%s: its composite returned a tensor that is older than it and no input", n->op->name);
}

/* differentiate a fused op through the primitive ops of its composite */
static void node_composite(const pass *p, const hoop_node *n, hoop_tensor *dy)
{
    hoop_tape   *t         = p->t;
    bool         recording = hoop_tape_set_grad(t, true);
    int32_t      first     = t->nodes.n;
    hoop_tensor *y         = n->op->composite(t, n->in, n->nin, n->attrs);
    int32_t      last      = t->nodes.n;
    bool         follows   = !y->poison && hoop__follows(t, y);
    (void)hoop_tape_set_grad(t, recording);
    if (follows && y->node < first) {
        pass_to_input(t, n, y, dy);
    } else if (follows && HOOP_GROW(t, t->reached, last + 1)) {
        memset(t->reached.v + first, 1, (size_t)(last - first));
        hoop__sink_value(t, y, dy, true);
        walk(&(pass){t, p->opts, false, true}, first, last);
    }
    if (!recording) t->nodes.n = first; /* a passing detour, not part of the graph */
}

static void node_backward(const pass *p, int32_t k)
{
    hoop_tape         *t = p->t;
    hoop_node          n = t->nodes.v[k]; /* a copy: the array may move while ops are recorded */
    hoop_tensor       *few[4], **dy = few;
    bool               any = false;
    hoop_backward_call b;
    if (n.op->nout > 4) dy = hoop__arena_alloc(&t->arena, (int64_t)((size_t)n.op->nout * sizeof *dy));
    if (dy == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for its gradients", n.op->name);
        return;
    }
    b = (hoop_backward_call){.t = t, .in = n.in, .nin = n.nin, .out = n.out, .dy = dy, .attrs = n.attrs};
    for (int j = 0; j < n.op->nout; j++) {
        dy[j] = t->slots.v[n.out[j]->id].grad;
        any |= dy[j] != NULL;
    }
    if (!any || (n.op->flags & HOOP_OP_NO_GRAD) != 0 || stale(p, &n)) return;
    if (n.op->backward != NULL)
        n.op->backward(&b);
    else if (n.op->composite != NULL && dy[0] != NULL)
        node_composite(p, &n, dy[0]);
    else
        hoop_tape_fail(t, HOOP_ENODERIV, "%s: it has no derivative", n.op->name);
}

/* temporaries of one backward call that no gradient refers to */
static void release_temporaries(hoop_tape *t, int32_t from, const hoop_node *n)
{
    for (int32_t i = from; i < t->tensors.n; i++) {
        hoop_tensor *x    = t->tensors.v[i];
        bool         held = x->retained || x->leaf;
        for (int j = 0; j < n->nin && !held; j++) held = t->slots.v[n->in[j]->id].grad == x;
        if (!held) hoop__tensor_release(t, x);
    }
}

static void drop_output_grads(hoop_tape *t, const hoop_node *n)
{
    for (int j = 0; j < n->op->nout; j++) {
        hoop_slot *slot = &t->slots.v[n->out[j]->id];
        if (slot->grad == NULL || n->out[j]->wanted) continue;
        if (!t->create_graph) hoop__tensor_release(t, slot->grad);
        slot->grad = NULL;
    }
}

static void walk(const pass *p, int32_t first, int32_t last)
{
    hoop_tape *t = p->t;
    for (int32_t k = last - 1; k >= first; k--) {
        int32_t   before = t->tensors.n;
        hoop_node n;
        if (!t->reached.v[k]) continue;
        node_backward(p, k);
        if (t->error.status != HOOP_OK) return;
        n = t->nodes.v[k];
        if (!t->create_graph) release_temporaries(t, before, &n);
        drop_output_grads(t, &n);
        if (p->release) release_read_by(p, k);
        for (int i = 0; i < n.nin && !p->nested; i++) {
            int q = n.in[i]->param;
            if (q >= 0 && !t->functional && --t->uses.v[q] == 0) param_ready(p, q);
        }
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

static void release_unread(hoop_tape *t, const hoop_tensor *y, int32_t last)
{
    for (int32_t k = 0; k < last; k++) {
        const hoop_node *n = &t->nodes.v[k];
        for (int j = 0; t->reached.v[k] && j < n->op->nout; j++) {
            hoop_tensor *x = n->out[j];
            if (t->last_reader.v[x->id] == INT32_MAX && releasable(x) && x != y && x != y->weight) hoop__tensor_release(t, x);
        }
    }
}

static hoop_tensor *ones_like(hoop_tape *t, const hoop_tensor *y)
{
    hoop_tensor *one = hoop_tape_tensor(t, (hoop_dtype)y->v.dtype, y->v.ndim, y->v.shape, NULL);
    float        f   = 1.0F;
    double       d   = 1.0;
    if (!one->poison)
        t->rt->kernels->copy[y->v.dtype](one->numel, y->v.dtype == HOOP_F32 ? (void *)&f : (void *)&d, 0, one->v.data, 1);
    return one;
}

static HOOP_NOINLINE hoop_status run_clean(const pass *p, hoop_tensor *y, hoop_error *err)
{
    hoop_tape   *t         = p->t;
    int          nparams   = t->params == NULL ? 0 : t->params->count;
    bool         recording = t->recording, kept = y->retained;
    hoop_tensor *one;
    int32_t      last = t->nodes.n;
    t->passes++;
    if (t->error.status != HOOP_OK || !HOOP_GROW(t, t->uses, nparams + 1)) goto done;
    memset(t->uses.v, 0, (size_t)(nparams + 1) * sizeof *t->uses.v);
    if (!reach(p, y)) goto done;
    t->backward  = true;
    t->recording = t->create_graph;
    y->retained  = true; /* the loss is read after backward */
    one          = ones_like(t, y);
    if (!one->poison && hoop__follows(t, y)) hoop__sink_value(t, y, one, false);
    if (p->release) release_unread(t, y, last);
    if (t->error.status == HOOP_OK) walk(p, 0, last);
    y->retained = kept;
    for (int i = 0; i < nparams && t->error.status == HOOP_OK && !t->functional; i++) {
        if (t->uses.v[i] == 0) param_ready(p, i);
    }
done:
    t->backward  = false;
    t->recording = recording;
    return t->error.status == HOOP_OK ? HOOP_OK : hoop_fail(err, t->error.status, "%s", t->error.text);
}

static hoop_status run(const pass *p, hoop_tensor *y, hoop_error *err)
{
    uint64_t    mode = hoop_fp_enter();
    hoop_status st   = run_clean(p, y, err);
    hoop_fp_restore(mode);
    return st;
}

hoop_status hoop_backward(hoop_tape *t, hoop_tensor *y, const hoop_backward_opts *opts, hoop_error *err)
{
    static const hoop_backward_opts defaults = {0};
    const pass                      p        = {t, opts == NULL ? &defaults : opts, opts == NULL || !opts->retain_graph, false};
    hoop_status                     st       = check(t, y, err);
    if (st != HOOP_OK) return st;
    if (t->params != NULL && !p.opts->accumulate) hoop_params_zero_grad(t->params);
    return run(&p, y, err);
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
    static const hoop_backward_opts none = {0};
    const pass                      p    = {t, &none, (flags & HOOP_RETAIN_GRAPH) == 0, false};
    hoop_tensor                   **x = hoop__arena_alloc(&t->arena, (int64_t)(n > 0 ? n : 1) * (int64_t)sizeof(hoop_tensor *));
    hoop_status                     st;
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
    st = run(&p, y, err);
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
