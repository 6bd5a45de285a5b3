/*
 * Leaves at once. Rows of several leaves stand one after the other; a tensor's axis is the dim that runs over them. What an op
 * does with them its row says (rows.h): row by row it runs once, or leaf by leaf where keys differ; where samples are contracted
 * to a parameter's gradient it runs leaf by leaf, on slices (leaf_grads.c). Anything else would mix leaves, and the tape fails.
 */
#include "tape/rows.h"
#include "tape/tape.h"

#include <stdlib.h>
#include <string.h>

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
    g->latest     = -1;
    return HOOP_OK;
}

void hoop__leaves_clear(hoop_tape *t)
{
    t->leaves.n       = 0;
    t->leaves.current = -1;
    t->leaves.samples = 0;
    t->leaves.mixed   = false;
    t->leaves.sites.n = 0;
}

void hoop__leaves_free(hoop_tape *t)
{
    hoop__leaves_clear(t);
    free(t->leaves.first.v);
    free(t->leaves.number.v);
    free(t->leaves.sites.v);
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
    if (i >= 0 && i <= g->latest) {
        hoop_tape_fail(t, HOOP_ESTATE, "hoop_tape_set_leaf: leaf %d after leaf %d; each once, in their order", i, g->latest);
        return;
    }
    if (i < 0 && g->latest < 0) return; /* it is still all */
    if (g->latest < 0) {
        if (!HOOP_GROW(t, g->sites, t->sites.n + 1)) return;
        if (t->sites.n > 0) memcpy(g->sites.v, t->sites.v, (size_t)t->sites.n * sizeof *t->sites.v);
        g->sites.n = t->sites.n;
    }
    if (i >= 0) g->latest = i;
    if (g->sites.n > 0) memcpy(t->sites.v, g->sites.v, (size_t)g->sites.n * sizeof *t->sites.v);
    t->sites.n = g->sites.n;
    g->current = i;
}

bool hoop_tape_mixed(const hoop_tape *t)
{
    return t->leaves.mixed;
}

static hoop__way mixed(hoop_tape *t, const hoop_op *op, const char *why);

/* ---- rows of one leaf ---- */

void hoop__leaf_view(const hoop_tape *t, hoop_view *v, int axis, int leaf)
{
    const int64_t *first = t->leaves.first.v, n = v->shape[axis], each = n == t->leaves.samples ? 1 : n / t->leaves.samples;
    const int64_t  at = first[leaf] * each * v->stride[axis];
    v->shape[axis]    = (first[leaf + 1] - first[leaf]) * each;
    v->data           = (char *)v->data + at * (int64_t)hoop_dtype_size((hoop_dtype)v->dtype);
}

void hoop__leaf_views(const hoop_tape *t, int nin, const hoop_view *const *in, const int16_t *axis, int leaf, hoop_view *v,
                      const hoop_view **at)
{
    for (int i = 0; i < nin; i++) {
        v[i]  = *in[i];
        at[i] = &v[i];
        if (axis[i] >= 0) hoop__leaf_view(t, &v[i], axis[i], leaf);
    }
}

hoop_tensor *hoop__leaf_slice(hoop_tape *t, hoop_tensor *x, int leaf)
{
    hoop_view    v = x->v;
    hoop_tensor *y;
    if (x->axis < 0) return x;
    hoop__leaf_view(t, &v, x->axis, leaf);
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
    if (t->recording && i != t->leaves.current) {
        hoop_tape_fail(t, HOOP_ESTATE, "hoop_tape_leaf_rows of leaf %d without hoop_tape_set_leaf(t, %d) before it", i, i);
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
    const int    leaf = t->nodes.v[x->node].leaf;
    if (t->create_graph) {
        (void)mixed(t, &leaf_rows, "second derivatives");
        return NULL;
    }
    if (g == NULL || !g->rows) {
        hoop_tensor *before = g;
        hoop_view    v;
        hoop__view_set(&v, (hoop_dtype)whole->v.dtype, whole->v.ndim, whole->v.shape);
        g = hoop__tensor_new(t, &v);
        if (g == NULL || !hoop__tensor_allocate(t, g, "backward")) return NULL;
        g->axis   = whole->axis;
        g->filled = hoop__arena_alloc(&t->arena, t->leaves.n);
        if (g->filled == NULL) return NULL;
        memset(g->filled, before != NULL, (size_t)t->leaves.n);
        g->rows = true;
        if (before == NULL) {
            hoop__tape_fill(t, &g->v, 0, 0.0);
        } else {
            const hoop_view *from = &before->v;
            if (!hoop__launch(t, &(hoop_launch){t->ops->copy_op, NULL, &from, &before->base, &g->v, 0, 1, 1, -1, false}))
                return NULL;
            hoop__tensor_release(t, before);
        }
        t->slots.v[whole->id].grad = g;
    }
    *add            = g->filled[leaf] != 0;
    g->filled[leaf] = 1;
    h               = t->slots.v[x->id].grad;
    if (h != NULL) return h;
    h = hoop__leaf_slice(t, g, leaf);
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

int hoop__called_axis(const hoop_tape *t, const hoop_called *c, const int *axis, int64_t samples)
{
    return hoop__op_samples(c->op, &(hoop_samples_call){.in      = c->inv,
                                                        .nin     = c->nin,
                                                        .attrs   = c->attrs,
                                                        .out     = c->out,
                                                        .nout    = c->nout,
                                                        .axis    = axis,
                                                        .samples = samples,
                                                        .blas    = t->rt->blas,
                                                        .kernels = t->rt->kernels});
}

static int output_axis(hoop_tape *t, const hoop_called *c)
{
    int few[HOOP__FEW_IN], *axis = few;
    if (c->nin > HOOP__FEW_IN) axis = hoop__arena_alloc(&t->arena, (int64_t)((size_t)c->nin * sizeof *axis));
    if (axis == NULL) return -1;
    for (int i = 0; i < c->nin; i++) axis[i] = c->in[i]->axis;
    return hoop__called_axis(t, c, axis, t->leaves.samples);
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
    if (t->leaves.latest >= 0 && t->leaves.current < 0 && !t->backward && (c->op->flags & HOOP_OP_RANDOM) != 0)
        return mixed(t, c->op, "randomness of all leaves after that of one");
    *axis = output_axis(t, c);
    if (*axis >= 0) return (c->op->flags & HOOP_OP_RANDOM) != 0 ? HOOP__APART : HOOP__ROWS;
    if (sink != NULL && hoop__is_param(t, sink)) return HOOP__EACH;
    return mixed(t, c->op, "it would mix samples of several leaves");
}

bool hoop__leaves_apart(hoop_tape *t, const hoop_launch *l, hoop_tensor *const *in, int axis)
{
    hoop_view        v[HOOP__FEW_IN], out[HOOP__FEW_IN];
    const hoop_view *at[HOOP__FEW_IN];
    int16_t          axes[HOOP__FEW_IN];
    if (l->nin > HOOP__FEW_IN || l->nout > HOOP__FEW_IN) {
        (void)mixed(t, l->op, "it is random and has many inputs or outputs");
        return false;
    }
    for (int i = 0; i < l->nin; i++) axes[i] = in[i]->axis;
    for (int leaf = 0; leaf < t->leaves.n; leaf++) {
        hoop_launch one = *l;
        hoop__leaf_views(t, l->nin, l->in, axes, leaf, v, at);
        for (int j = 0; j < l->nout; j++) {
            out[j] = l->out[j];
            hoop__leaf_view(t, &out[j], axis, leaf);
        }
        one.in   = at;
        one.out  = out;
        one.leaf = leaf;
        if (!hoop__launch(t, &one)) return false;
    }
    return true;
}
