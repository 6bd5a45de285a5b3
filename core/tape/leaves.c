/*
 * Leaves at once. Rows of several leaves stand one after the other; a tensor's axis is the dim that runs over them. What an op
 * does with them its row says (rows.h): row by row it runs once, or leaf by leaf where keys differ; where samples are contracted
 * to a parameter's gradient it runs leaf by leaf, on slices. Anything else would mix leaves, and the tape fails.
 *
 * Gradients of parameters are kept leaf by leaf until all uses are added, and then handed to opts->sum. One that a single op
 * makes row by row of its first input (dY^T X is) is made in pieces instead: some rows of it of all leaves, which are in the
 * cache when they are summed.
 */
#include "tape/tape.h"

#include "base/threads.h"
#include "runtime/profile.h"
#include "tape/rows.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_BYTES = 256 * 1024 /* of all leaves' terms: they and what they are made of share a second-level cache */ };

/* ---- the group ---- */

hoop_status hoop_tape_set_leaves(hoop_tape *t, int n, const int64_t *rows, const uint64_t *leaf, hoop_error *err)
{
    hoop_leaves *g = &t->leaves;
    if (t->tensors.n > 0)
        return hoop_fail(err, HOOP_ESTATE, "hoop_tape_set_leaves: call it right after hoop_tape_reset, before anything else");
    if (n < 1 || n > HOOP_LEAVES_AT_ONCE)
        return hoop_fail(err, HOOP_EARG, "hoop_tape_set_leaves: %d leaves; 1 to %d run at once", n, HOOP_LEAVES_AT_ONCE);
    for (int i = 0; i < n; i++)
        if (rows[i] < 1) return hoop_fail(err, HOOP_EARG, "hoop_tape_set_leaves: leaf %d of the %d has no rows", i, n);
    hoop__leaves_clear(t);
    if (!HOOP_GROW(t, g->first, n + 1) || !HOOP_GROW(t, g->number, n))
        return hoop_fail(err, HOOP_ENOMEM, "hoop_tape_set_leaves: no memory for %d leaves", n);
    for (int i = 0; i < n; i++) {
        g->first.v[i]  = g->samples;
        g->number.v[i] = leaf[i];
        g->samples += rows[i];
    }
    g->first.v[n] = g->samples;
    g->n          = n;
    g->current    = n == 1 ? 0 : -1;
    return HOOP_OK;
}

/* what a pass that failed has left */
static void leaf_grads_drop(hoop_tape *t)
{
    for (int32_t i = 0; i < t->leaf_grads.n; i++)
        if (t->leaf_grads.v[i].storage != NULL) hoop__storage_put(&t->cache, t->leaf_grads.v[i].storage);
    t->leaf_grads.n = 0;
}

void hoop__leaves_clear(hoop_tape *t)
{
    leaf_grads_drop(t);
    t->leaves.n       = 0;
    t->leaves.current = -1;
    t->leaves.samples = 0;
    t->leaves.mixed   = false;
    t->leaves.sites.n = 0;
    t->leaves.apart   = false;
}

void hoop__leaves_free(hoop_tape *t)
{
    hoop__leaves_clear(t);
    free(t->leaves.first.v);
    free(t->leaves.number.v);
    free(t->leaves.sites.v);
    free(t->leaf_grads.v);
}

hoop_tensor *hoop_tape_samples(hoop_tape *t, hoop_tensor *x)
{
    if (x == NULL || x->poison || t->leaves.n <= 1) return x;
    if (x->tape != t || x->node >= 0 || x->v.ndim < 1 || x->v.shape[0] % t->leaves.samples != 0)
        hoop_tape_fail(t, HOOP_EARG, "hoop_tape_samples: an input of this tape is wanted whose dim 0 runs over %lld samples",
                       (long long)t->leaves.samples);
    else
        x->axis = 0;
    return x;
}

/* Calls at a site are counted anew in each leaf, from where those of all leaves ended. */
void hoop_tape_set_leaf(hoop_tape *t, int i)
{
    hoop_leaves *g = &t->leaves;
    if (i < -1 || i >= g->n) {
        hoop_tape_fail(t, HOOP_EARG, "hoop_tape_set_leaf: %d of %d leaves", i, g->n);
        return;
    }
    if (g->n <= 1) return;
    if (!g->apart) {
        if (!HOOP_GROW(t, g->sites, t->sites.n + 1)) return;
        if (t->sites.n > 0) memcpy(g->sites.v, t->sites.v, (size_t)t->sites.n * sizeof *t->sites.v);
        g->sites.n = t->sites.n;
        g->apart   = true;
    }
    if (g->sites.n > 0) memcpy(t->sites.v, g->sites.v, (size_t)g->sites.n * sizeof *t->sites.v);
    t->sites.n = g->sites.n;
    g->current = i;
}

bool hoop_tape_mixed(const hoop_tape *t)
{
    return t->leaves.mixed;
}

/* ---- rows of one leaf ---- */

/* of a view whose dim `axis` runs over samples */
static void leaf_view(const hoop_tape *t, hoop_view *v, int axis, int leaf)
{
    const int64_t *first = t->leaves.first.v, each = v->shape[axis] / t->leaves.samples;
    const int64_t  at = first[leaf] * each * v->stride[axis];
    v->shape[axis]    = (first[leaf + 1] - first[leaf]) * each;
    v->data           = (char *)v->data + at * (int64_t)hoop_dtype_size((hoop_dtype)v->dtype);
}

hoop_tensor *hoop__leaf_slice(hoop_tape *t, hoop_tensor *x, int leaf)
{
    hoop_view    v = x->v;
    hoop_tensor *y;
    if (x->axis < 0) return x;
    leaf_view(t, &v, x->axis, leaf);
    y = hoop__tensor_new(t, &v);
    if (y == NULL) return NULL;
    y->storage = x->storage;
    if (y->storage != NULL) y->storage->refs++;
    y->base       = x->base;
    y->source     = x->source;
    y->version    = x->version;
    y->contiguous = hoop__view_contiguous(&v);
    return y;
}

/* the gradient of such rows goes straight to its place in that of all */
static void leaf_rows_backward(hoop_backward_call *b)
{
    (void)b;
}
static const hoop_op leaf_rows = {
    .name = "leaf_rows", .min_in = 1, .max_in = 1, .nout = 1, .flags = HOOP_OP_VIEW, .backward = leaf_rows_backward};

hoop_tensor *hoop_tape_leaf_rows(hoop_tape *t, hoop_tensor *x, int i)
{
    hoop_tensor *y;
    if (x == NULL || x->poison || t->error.status != HOOP_OK || t->leaves.n <= 1 || x->axis < 0) return x;
    if (i < 0 || i >= t->leaves.n || x->tape != t || x->axis != 0 || x->released) {
        hoop_tape_fail(t, HOOP_EARG, "hoop_tape_leaf_rows: leaf %d of %d, of a tensor of this tape with samples in dim 0", i,
                       t->leaves.n);
        return &t->poison;
    }
    y = hoop__leaf_slice(t, x, i);
    if (y == NULL) return &t->poison;
    y->rows_of = x->id;
    if (t->recording) hoop__record(t, &leaf_rows, &x, 1, NULL, &y, 1);
    return t->error.status == HOOP_OK ? y : &t->poison;
}

hoop_tensor *hoop__rows_grad(hoop_tape *t, hoop_tensor *x, bool *add)
{
    hoop_tensor *whole = t->tensors.v[x->rows_of], *g = t->slots.v[whole->id].grad, *h;
    if (g == NULL || g->rows == HOOP__ROWS_NONE) {
        hoop_tensor *before = g;
        hoop_view    v;
        hoop__view_set(&v, (hoop_dtype)whole->v.dtype, whole->v.ndim, whole->v.shape);
        g = hoop__tensor_new(t, &v);
        if (g == NULL || !hoop__tensor_allocate(t, g, "backward")) return NULL;
        g->axis = whole->axis;
        g->rows = before == NULL ? HOOP__ROWS_STORED : HOOP__ROWS_ADDED;
        if (before == NULL) {
            hoop__tape_fill(t, &g->v, 0, 0.0);
        } else {
            const hoop_view *from = &before->v;
            if (!hoop__launch(t, &(hoop_launch){t->ops->copy_op, NULL, &from, &before->base, &g->v, 0, 1, 1, -1, false, NULL}))
                return NULL;
            hoop__tensor_release(t, before);
        }
        t->slots.v[whole->id].grad = g;
    }
    *add = g->rows == HOOP__ROWS_ADDED || t->slots.v[x->id].grad != NULL;
    h    = t->slots.v[x->id].grad;
    if (h != NULL) return h;
    h = hoop__leaf_slice(t, g, t->nodes.v[x->node].leaf);
    if (h != NULL) t->slots.v[x->id].grad = h;
    return h;
}

/* ---- how an op is run ---- */

static hoop__way mixed(hoop_tape *t, const hoop_op *op, const char *why)
{
    t->leaves.mixed = true;
    hoop_tape_fail(t, HOOP_ESTATE, "%s: %s; these leaves are to run one by one", op->name, why);
    return HOOP__MIXED;
}

/* Gradients of what is computed of all leaves and has no samples would be those of all leaves in one: only parameters have theirs
 * leaf by leaf. */
static bool history_fits(const hoop_tape *t, const hoop_called *c, bool samples)
{
    const int current = t->leaves.current;
    for (int i = 0; i < c->nin; i++) {
        const hoop_tensor *x = c->in[i];
        if (!x->needs_grad || x->axis >= 0 || x->param >= 0) continue;
        if (samples || (current >= 0 && (x->node < 0 || t->nodes.v[x->node].leaf != current))) return false;
    }
    return true;
}

static int output_axis(hoop_tape *t, const hoop_called *c)
{
    int few[HOOP__FEW_IN], *axis = few;
    if (c->nin > HOOP__FEW_IN) axis = hoop__arena_alloc(&t->arena, (int64_t)((size_t)c->nin * sizeof *axis));
    if (axis == NULL) return -1;
    for (int i = 0; i < c->nin; i++) axis[i] = c->in[i]->axis;
    return hoop__op_samples(c->op, &(hoop_samples_call){.in      = c->inv,
                                                        .nin     = c->nin,
                                                        .attrs   = c->attrs,
                                                        .out     = c->out,
                                                        .nout    = c->nout,
                                                        .axis    = axis,
                                                        .samples = t->leaves.samples,
                                                        .blas    = t->rt->blas,
                                                        .kernels = t->rt->kernels});
}

hoop__way hoop__leaves_way(hoop_tape *t, const hoop_called *c, const hoop_tensor *sink, int *axis)
{
    bool samples = false;
    *axis        = -1;
    if (t->leaves.n <= 1) return HOOP__PLAIN;
    for (int i = 0; i < c->nin; i++) samples |= c->in[i]->axis >= 0;
    if (t->recording && !t->backward && !history_fits(t, c, samples))
        return mixed(t, c->op, "an input has no samples and is no parameter, but wants a gradient");
    if (!samples)
        return (c->op->flags & HOOP_OP_RANDOM) != 0 && t->leaves.current < 0
                   ? mixed(t, c->op, "randomness without samples is another in each leaf")
                   : HOOP__PLAIN;
    if (t->leaves.current >= 0 && !t->backward) return mixed(t, c->op, "samples of all leaves in what is one leaf's");
    *axis = output_axis(t, c);
    if (*axis >= 0) return (c->op->flags & HOOP_OP_RANDOM) != 0 ? HOOP__APART : HOOP__ROWS;
    if (sink != NULL && hoop__is_param(t, sink)) return HOOP__EACH;
    return mixed(t, c->op, "it would mix samples of several leaves");
}

bool hoop__leaves_apart(hoop_tape *t, const hoop_launch *l, hoop_tensor *const *in, int axis)
{
    hoop_view        v[HOOP__FEW_IN], out[HOOP__FEW_IN];
    const hoop_view *at[HOOP__FEW_IN];
    if (l->nin > HOOP__FEW_IN || l->nout > HOOP__FEW_IN) {
        (void)mixed(t, l->op, "it is random and has many inputs or outputs");
        return false;
    }
    for (int leaf = 0; leaf < t->leaves.n; leaf++) {
        hoop_launch one = *l;
        for (int i = 0; i < l->nin; i++) {
            v[i]  = *l->in[i];
            at[i] = &v[i];
            if (in[i]->axis >= 0) leaf_view(t, &v[i], in[i]->axis, leaf);
        }
        for (int j = 0; j < l->nout; j++) {
            out[j] = l->out[j];
            leaf_view(t, &out[j], axis, leaf);
        }
        one.in   = at;
        one.out  = out;
        one.leaf = leaf;
        if (!hoop__launch(t, &one)) return false;
    }
    return true;
}

/* ---- gradients of parameters ---- */

bool hoop__leaves_begin_backward(hoop_tape *t)
{
    const int nparams = t->params == NULL ? 0 : t->params->count;
    if (t->leaves.n == 0) return true;
    leaf_grads_drop(t);
    if (!HOOP_GROW(t, t->leaf_grads, nparams + 1)) return false;
    memset(t->leaf_grads.v, 0, (size_t)(nparams + 1) * sizeof *t->leaf_grads.v);
    t->leaf_grads.n = nparams;
    return true;
}

static int64_t term_bytes(const hoop_tape *t, int param)
{
    return t->params->param[param].nblocks * HOOP_BLOCK * (int64_t)hoop_dtype_size(t->params->dtype);
}

/* zeros behind a parameter's last element, in a term or in its last piece */
static void pad(hoop_tape *t, int param, char *term)
{
    const hoop_tensor *x = t->params->param[param].tensor;
    const int64_t      n = t->params->param[param].nblocks * HOOP_BLOCK - x->numel;
    hoop_view          tail;
    if (n == 0) return;
    hoop__view_set(&tail, t->params->dtype, 1, &n);
    tail.data = term + x->numel * (int64_t)hoop_dtype_size(t->params->dtype);
    hoop__tape_fill(t, &tail, 0, 0.0);
}

static bool terms_take(hoop_tape *t, int param)
{
    hoop_leaf_grads *g    = &t->leaf_grads.v[param];
    const int64_t    each = term_bytes(t, param);
    if (g->storage != NULL) return true;
    g->storage = hoop__storage_get(&t->cache, t->leaves.n * each + 1);
    g->set     = hoop__arena_alloc(&t->arena, t->leaves.n);
    if (g->storage == NULL || g->set == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "backward: no memory for %d gradients of parameter %s, %lld bytes each", t->leaves.n,
                       hoop_params_name(t->params, param), (long long)each);
        return false;
    }
    memset(g->set, 0, (size_t)t->leaves.n);
    for (int i = 0; i < t->leaves.n; i++) pad(t, param, (char *)g->storage->data + i * each);
    return true;
}

static void pending_store(hoop_tape *t, int param);

void *hoop__leaf_grad(hoop_tape *t, int param, uint8_t **set)
{
    hoop_leaf_grads *g    = &t->leaf_grads.v[param];
    const int        leaf = t->leaves.current;
    if (leaf < 0 || g->summed) {
        hoop_tape_fail(t, HOOP_ESTATE, "backward: a gradient of parameter %s that is no leaf's",
                       hoop_params_name(t->params, param));
        return NULL;
    }
    if (g->pending != NULL) pending_store(t, param);
    if (!terms_take(t, param)) return NULL;
    *set = &g->set[leaf];
    return (char *)g->storage->data + leaf * term_bytes(t, param);
}

/* ---- leaf by leaf, or in pieces ---- */

/* the inputs' slices of one leaf */
static bool slices(const hoop_tape *t, const hoop_called *c, int leaf, hoop_view *v, const hoop_view **at)
{
    for (int i = 0; i < c->nin; i++) {
        v[i]  = *c->inv[i];
        at[i] = &v[i];
        if (c->in[i]->axis >= 0) leaf_view(t, &v[i], c->in[i]->axis, leaf);
    }
    return true;
}

/* Does the op make rows of the parameter's gradient of rows of its first input, leaf by leaf, and is it all there is of it? */
static bool in_pieces(hoop_tape *t, const hoop_called *c, const hoop_tensor *target)
{
    const hoop_leaf_grads *g = &t->leaf_grads.v[target->param];
    hoop_view              v[HOOP__FEW_IN], out;
    const hoop_view       *at[HOOP__FEW_IN];
    int                    axis[HOOP__FEW_IN];
    hoop_error             why;
    hoop_shape_call        s = {.in = at, .nin = c->nin, .attrs = c->attrs, .out = &out, .nout = 1, .err = &why};
    if (t->uses.v[target->param] != 1 || t->composites > 0 || g->pending != NULL || g->storage != NULL || g->summed) return false;
    if (c->nin < 1 || c->nin > HOOP__FEW_IN || c->nout != 1 || target->v.ndim < 1 || target->numel == 0) return false;
    if ((c->op->flags & (HOOP_OP_STRIDED | HOOP_OP_VIEW | HOOP_OP_RANDOM)) != HOOP_OP_STRIDED) return false;
    if (c->in[0]->axis == 0 || c->in[0]->v.ndim < 1 || c->out->dtype != target->v.dtype) return false;
    (void)slices(t, c, 0, v, at);
    why.status = HOOP_OK;
    if (c->op->shape(&s) != HOOP_OK || !hoop__same_shape(&out, &target->v) || v[0].shape[0] != out.shape[0]) return false;
    for (int i = 0; i < c->nin; i++) axis[i] = i == 0 ? 0 : -1;
    return hoop__op_samples(c->op, &(hoop_samples_call){.in      = at,
                                                        .nin     = c->nin,
                                                        .attrs   = c->attrs,
                                                        .out     = &out,
                                                        .nout    = 1,
                                                        .axis    = axis,
                                                        .samples = out.shape[0],
                                                        .blas    = t->rt->blas,
                                                        .kernels = t->rt->kernels}) == 0;
}

static bool pending_keep(hoop_tape *t, const hoop_called *c, hoop_tensor *target)
{
    hoop_pending *p = hoop__arena_alloc(&t->arena, (int64_t)sizeof *p + (int64_t)c->op->attrs_size);
    if (p == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for its gradient", c->op->name);
        return false;
    }
    p->op     = c->op;
    p->nin    = c->nin;
    p->target = target;
    p->attrs  = c->attrs == NULL ? NULL : p + 1;
    if (p->attrs != NULL) memcpy(p + 1, c->attrs, c->op->attrs_size);
    for (int i = 0; i < c->nin; i++) p->in[i] = c->in[i];
    t->leaf_grads.v[target->param].pending = p;
    return true;
}

static void each(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor *target)
{
    const int    current = t->leaves.current;
    hoop_tensor *few[HOOP__FEW_IN], **slice = few;
    if (nin > HOOP__FEW_IN) slice = hoop__arena_alloc(&t->arena, (int64_t)((size_t)nin * sizeof(hoop_tensor *)));
    for (int leaf = 0; leaf < t->leaves.n && t->error.status == HOOP_OK && slice != NULL; leaf++) {
        for (int i = 0; i < nin; i++) {
            slice[i] = hoop__leaf_slice(t, in[i], leaf);
            if (slice[i] == NULL) return;
        }
        t->leaves.current = leaf;
        t->sink           = target;
        (void)hoop__op_run(t, op, slice, nin, attrs, NULL);
    }
    t->leaves.current = current;
}

void hoop__leaves_each(hoop_tape *t, const hoop_called *c, hoop_tensor *target)
{
    if (in_pieces(t, c, target))
        (void)pending_keep(t, c, target);
    else
        each(t, c->op, c->in, c->nin, c->attrs, target);
}

/* another contribution comes: what was to be made in pieces is made whole */
static void pending_store(hoop_tape *t, int param)
{
    hoop_leaf_grads    *g    = &t->leaf_grads.v[param];
    const hoop_pending *p    = g->pending;
    hoop_tensor        *sink = t->sink;
    g->pending               = NULL;
    each(t, p->op, p->in, p->nin, p->attrs, p->target);
    t->sink = sink;
}

void hoop__leaf_grads_flush(hoop_tape *t, int param)
{
    hoop_leaf_grads    *g = &t->leaf_grads.v[param];
    const hoop_pending *p = g->pending;
    const hoop_view    *in[HOOP__FEW_IN];
    int32_t             base[HOOP__FEW_IN];
    int8_t              axis[HOOP__FEW_IN];
    hoop_launch         l = {.in = in, .in_base = base, .nout = 1, .axis = axis};
    hoop_error          why;
    if (p == NULL) return;
    g->pending = NULL;
    for (int i = 0; i < p->nin; i++) {
        in[i]   = &p->in[i]->v;
        base[i] = p->in[i]->base;
        axis[i] = p->in[i]->axis;
    }
    l.op       = p->op;
    l.attrs    = p->attrs;
    l.nin      = p->nin;
    l.out      = &p->target->v;
    l.out_base = p->target->base;
    l.leaf     = -1;
    hoop__keep_pieces(t, &l, param);
    why.status = HOOP_OK;
    if (hoop__sum_pieces(t, &l, param, &why) != HOOP_OK) hoop__op_failed(t, p->op, in, p->nin, &why);
    g->summed = true;
}

void hoop__leaf_grads_sum(hoop_tape *t, int param)
{
    hoop_leaf_grads *g    = &t->leaf_grads.v[param];
    const int64_t    each = term_bytes(t, param);
    if (g->pending != NULL) hoop__leaf_grads_flush(t, param);
    if (g->summed || !terms_take(t, param)) return;
    for (int i = 0; i < t->leaves.n; i++) {
        hoop_view v = t->params->param[param].tensor->v;
        v.data      = (char *)g->storage->data + i * each;
        if (g->set[i] == 0) hoop__tape_fill(t, &v, 0, 0.0);
    }
    hoop__keep_terms(t, param, g->storage->data);
    hoop__sum_terms(t, param, g->storage->data);
    hoop__storage_put(&t->cache, g->storage);
    g->storage = NULL;
    g->summed  = true;
}

/* ---- sums ---- */

enum { SUM_BLOCKS = 128 /* worth a thread's attention */ };

typedef struct sum_job {
    hoop_tape  *t;
    const char *terms;
    int64_t     first_block, nblocks, block_bytes, each;
} sum_job;

static void sum_task(void *ctx, int64_t task)
{
    const sum_job *job  = ctx;
    const int64_t  from = task * SUM_BLOCKS, n = job->nblocks - from < SUM_BLOCKS ? job->nblocks - from : SUM_BLOCKS;
    const void    *at[HOOP_LEAVES_AT_ONCE];
    for (int i = 0; i < job->t->leaves.n; i++) at[i] = job->terms + i * job->each + from * job->block_bytes;
    job->t->opts->sum(job->t->opts->ctx, job->first_block + from, n, at, job->t->leaves.n);
}

void hoop__sum_terms(hoop_tape *t, int param, const void *terms)
{
    const struct hoop_param *p   = &t->params->param[param];
    sum_job                  job = {
                         t, terms, p->first_block, p->nblocks, HOOP_BLOCK * (int64_t)hoop_dtype_size(t->params->dtype), term_bytes(t, param)};
    if (t->opts->sum != NULL) hoop_threads_run(t->rt->threads, (p->nblocks + SUM_BLOCKS - 1) / SUM_BLOCKS, sum_task, &job);
}

typedef struct pieces {
    hoop_tape         *t;
    const hoop_launch *l;
    int64_t            first_block;
    int64_t            rows, width, step; /* of the parameter: rows of so many elements; rows a piece */
    int64_t            npieces, buffer_bytes, work_bytes;
    char              *memory; /* of each worker: a buffer a leaf, workspace */
    atomic_llong       next;
    atomic_bool        failed;
    hoop_error        *why;
} pieces;

/* rows first .. first + n - 1 of the gradient, of one leaf, to out */
static hoop_launch piece_launch(const pieces *p, int leaf, int64_t first, int64_t n, char *to, hoop_view *v, const hoop_view **at,
                                hoop_view *out)
{
    hoop_launch l = *p->l;
    for (int i = 0; i < l.nin; i++) {
        v[i]  = *p->l->in[i];
        at[i] = &v[i];
        if (p->l->axis[i] >= 0) leaf_view(p->t, &v[i], p->l->axis[i], leaf);
    }
    v[0].data     = (char *)v[0].data + first * v[0].stride[0] * (int64_t)hoop_dtype_size((hoop_dtype)v[0].dtype);
    v[0].shape[0] = n;
    hoop__view_set(out, (hoop_dtype)p->l->out->dtype, p->l->out->ndim, p->l->out->shape);
    out->shape[0] = n;
    out->data     = to;
    l.in          = at;
    l.out         = out;
    l.leaf        = leaf;
    l.add         = false;
    return l;
}

static void piece_make(pieces *p, int64_t piece, char *memory)
{
    const int64_t    first = piece * p->step, n = p->rows - first < p->step ? p->rows - first : p->step;
    const int64_t    size = (int64_t)hoop_dtype_size((hoop_dtype)p->l->out->dtype), filled = n * p->width;
    const int64_t    nblocks = (filled + HOOP_BLOCK - 1) / HOOP_BLOCK;
    hoop_view        v[HOOP__FEW_IN], out;
    const hoop_view *at[HOOP__FEW_IN];
    const void      *terms[HOOP_LEAVES_AT_ONCE];
    hoop_error       why;
    why.status = HOOP_OK;
    for (int leaf = 0; leaf < p->t->leaves.n; leaf++) {
        char       *to = memory + leaf * p->buffer_bytes;
        hoop_launch l  = piece_launch(p, leaf, first, n, to, v, at, &out);
        if (hoop__run_kernel(p->t, &l, NULL, memory + p->t->leaves.n * p->buffer_bytes, &why) != HOOP_OK) {
            if (!atomic_exchange(&p->failed, true)) (void)hoop_fail(p->why, why.status, "%s", why.text);
            return;
        }
        memset(to + filled * size, 0, (size_t)((nblocks * HOOP_BLOCK - filled) * size));
        terms[leaf] = to;
    }
    if (p->t->opts->sum != NULL)
        p->t->opts->sum(p->t->opts->ctx, p->first_block + first * p->width / HOOP_BLOCK, nblocks, terms, p->t->leaves.n);
}

static void pieces_task(void *ctx, int64_t worker)
{
    pieces       *p    = ctx;
    const int64_t each = p->t->leaves.n * p->buffer_bytes + p->work_bytes;
    for (int64_t k = atomic_fetch_add(&p->next, 1); k < p->npieces; k = atomic_fetch_add(&p->next, 1))
        piece_make(p, k, p->memory + worker * each);
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}

/* Rows a piece: whole blocks, in the cache, and enough pieces for the threads. They decide no bits. */
static void pieces_cut(pieces *p, int64_t threads)
{
    const int64_t size  = (int64_t)hoop_dtype_size((hoop_dtype)p->l->out->dtype);
    const int64_t whole = HOOP_BLOCK / gcd(p->width, HOOP_BLOCK), fit = PIECES_BYTES / (p->t->leaves.n * p->width * size);
    const int64_t share = threads > 1 ? (p->rows + 4 * threads - 1) / (4 * threads) : p->rows;
    p->step             = fit < share ? fit : share;
    p->step             = (p->step + whole - 1) / whole * whole;
    if (p->step == 0) p->step = whole;
    if (p->step > p->rows) p->step = p->rows;
    p->npieces = (p->rows + p->step - 1) / p->step;
    p->buffer_bytes =
        ((p->step * p->width + HOOP_BLOCK - 1) / HOOP_BLOCK * HOOP_BLOCK * size + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

static int64_t pieces_workspace(const pieces *p)
{
    int64_t          most = 0;
    hoop_view        v[HOOP__FEW_IN], out;
    const hoop_view *at[HOOP__FEW_IN];
    for (int leaf = 0; leaf < p->t->leaves.n; leaf++) {
        const hoop_launch l     = piece_launch(p, leaf, 0, p->step, NULL, v, at, &out);
        const int64_t     bytes = hoop__workspace(p->t, &l, NULL);
        most                    = bytes > most ? bytes : most;
    }
    return (most + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

hoop_status hoop__sum_pieces(hoop_tape *t, const hoop_launch *l, int param, hoop_error *why)
{
    const int64_t numel = hoop__view_numel(l->out), rows = l->out->shape[0];
    int64_t       threads = hoop_threads_count(t->rt->threads);
    pieces        p       = {
                     .t = t, .l = l, .first_block = t->params->param[param].first_block, .rows = rows, .width = numel / rows, .why = why};
    if ((double)numel * (double)t->leaves.samples < 65536.0) threads = 1; /* not worth waking anybody */
    pieces_cut(&p, threads);
    if (threads > p.npieces) threads = p.npieces;
    p.work_bytes = pieces_workspace(&p);
    p.memory     = hoop__scratch(t, &t->pieces, threads * (t->leaves.n * p.buffer_bytes + p.work_bytes));
    if (p.memory == NULL) return hoop_fail(why, HOOP_ENOMEM, "no memory for gradients of %d leaves", t->leaves.n);
    if (t->rt->profile != NULL) hoop__profile_launch(t, l);
    hoop_threads_run(t->rt->threads, threads, pieces_task, &p);
    if (t->rt->profile != NULL) hoop__profile_end(t->rt->profile);
    return why->status;
}
