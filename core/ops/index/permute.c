/* permute, and transpose: a view with dims in another order. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "tape/tape.h"

#include <string.h>

extern const hoop_op hoop__op_permute;

/* dim d of the result is dim dims[d] of x */
typedef struct permute_attrs {
    int64_t ndim, dims[HOOP_MAX_DIMS];
} permute_attrs;
static const hoop_field fields[] = {{"ndim", 'i', offsetof(permute_attrs, ndim)}, {"dims", 'I', offsetof(permute_attrs, dims)}};

/* x's own input, where x is it with dims in the order that this call undoes: its uses then meet in one gradient. Where calls are
 * not recorded the result has no gradient, and x's input may have one. */
static hoop_tensor *undone(const hoop_tape *t, hoop_tensor *x, const permute_attrs *attrs)
{
    const permute_attrs *before;
    const hoop_node     *n;
    hoop_tensor         *y;
    if (!t->recording || x == NULL || x->tape != t || x->poison || x->node < 0) return NULL;
    n = &t->nodes.v[x->node];
    if (n->op != &hoop__op_permute) return NULL;
    before = (const permute_attrs *)(const void *)(t->attrs.v + n->attrs);
    y      = hoop__node_in(t, n, 0);
    if (before->ndim != attrs->ndim || y->released || y->source != NULL) return NULL;
    for (int d = 0; d < attrs->ndim; d++) {
        if (attrs->dims[d] < 0 || attrs->dims[d] >= attrs->ndim || before->dims[attrs->dims[d]] != d) return NULL;
    }
    x->bypassed = true;
    return y;
}

static hoop_tensor *permuted(hoop_tape *t, hoop_tensor *x, const permute_attrs *attrs)
{
    hoop_tensor *before = undone(t, x, attrs);
    if (before == NULL) return hoop_op_call(t, &hoop__op_permute, &x, 1, attrs, NULL);
    t->passed = true;
    return before;
}

/**
 * hoop_permute - dims in another order: dim d of the result is dim dims[d] of x (below 0: from the end), each once.
 * Shape   x [N0, N1, ..] -> [N(dims[0]), N(dims[1]), ..]
 * Grad    dx += dy, its dims put back
 * Dtype   any                        Errors HOOP_ESHAPE (ndim is not x's; no such dim, or one twice)
 */
hoop_tensor *hoop_permute(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *dims)
{
    permute_attrs attrs = {.ndim = ndim};
    for (int d = 0; d < ndim && d < HOOP_MAX_DIMS; d++) attrs.dims[d] = dims[d] < 0 ? dims[d] + ndim : dims[d];
    return permuted(t, x, &attrs);
}

/**
 * hoop_transpose - swap two dims (dims < 0 count from the end), by the op permute.
 * Shape   x [.., A, .., B, ..] -> [.., B, .., A, ..]
 * Grad    dx += dy swapped back
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_transpose(hoop_tape *t, hoop_tensor *x, int dim_a, int dim_b)
{
    const int     ndim = hoop_tensor_ndim(x), a = dim_a < 0 ? dim_a + ndim : dim_a, b = dim_b < 0 ? dim_b + ndim : dim_b;
    permute_attrs attrs = {.ndim = ndim};
    if (x != NULL && (a < 0 || a >= ndim || b < 0 || b >= ndim)) { /* what the shape rule refuses, with a word on it */
        hoop_tape_fail(t, HOOP_ESHAPE, "transpose: dims %d and %d of %d", dim_a, dim_b, ndim);
        return &t->poison;
    }
    for (int d = 0; d < ndim; d++) attrs.dims[d] = d == a ? b : d == b ? a : d;
    return permuted(t, x, &attrs);
}

static hoop_status permute_shape(hoop_shape_call *s)
{
    const permute_attrs *a    = s->attrs;
    const hoop_view     *x    = s->in[0];
    hoop_view           *y    = &s->out[0];
    unsigned             seen = 0;
    *y                        = *x;
    s->offset                 = 0;
    if (a->ndim != x->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "an order of %lld dims for %d", (long long)a->ndim, x->ndim);
    for (int d = 0; d < x->ndim; d++) {
        const int64_t from = a->dims[d];
        if (from < 0 || from >= x->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "no dim %lld among %d", (long long)from, x->ndim);
        if ((seen >> from & 1u) != 0) return hoop_fail(s->err, HOOP_ESHAPE, "dim %lld twice", (long long)from);
        seen |= 1u << from;
        y->shape[d]  = x->shape[from];
        y->stride[d] = x->stride[from];
    }
    return HOOP_OK;
}
static int permute_samples(const hoop_samples_call *s)
{
    const permute_attrs *a = s->attrs;
    for (int d = 0; d < a->ndim; d++) {
        if (a->dims[d] == s->axis[0]) return d;
    }
    return -1;
}
static void permute_backward(hoop_backward_call *b)
{
    const permute_attrs *a    = b->attrs;
    permute_attrs        back = {.ndim = a->ndim};
    for (int d = 0; d < a->ndim; d++) back.dims[a->dims[d]] = d;
    if (hoop_sink(b, 0)) (void)hoop_op_call(b->t, &hoop__op_permute, &b->dy[0], 1, &back, NULL);
}
static void permute_reference(const hoop_call *c)
{
    const permute_attrs *a = c->attrs;
    hoop_view            x = *c->in[0];
    for (int d = 0; d < x.ndim; d++) {
        x.shape[d]  = c->in[0]->shape[a->dims[d]];
        x.stride[d] = c->in[0]->stride[a->dims[d]];
    }
    for (int64_t i = 0, n = hoop__view_numel(&x); i < n; i++) hoop__put(c->out, i, hoop__at(&x, i));
}

static const permute_attrs swap01 = {2, {1, 0}}, swap02 = {3, {2, 1, 0}}, last_first = {3, {2, 0, 1}},
                           channels_last = {4, {0, 2, 3, 1}}, scalar = {0, {0}}, no_dim = {2, {0, 2}}, twice = {2, {1, 1}},
                           nor_this = {2, {-1, 0}};

static const hoop_case cases[] = {
    {"3x4", &swap01},
    {"2x3x4", &swap02},
    {"2x3x4", &last_first},
    {"2x3x1x5", &channels_last},
    {"0x3", &swap01},
    {"u8:3x4<9", &swap01},
    {".", &scalar},
    {"3x4", &no_dim, HOOP_ESHAPE},
    {"3x4", &twice, HOOP_ESHAPE},
    {"3x4", &nor_this, HOOP_ESHAPE},
    {"5", &swap01, HOOP_ESHAPE},
};

const hoop_op hoop__op_permute = {
    .name       = "permute",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_VIEW | HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(permute_attrs),
    HOOP_FIELDS(fields),
    .shape     = permute_shape,
    .backward  = permute_backward,
    .reference = permute_reference,
    .samples   = permute_samples,
    HOOP_CASES(cases),
};
