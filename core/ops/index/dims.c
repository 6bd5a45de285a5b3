/* unsqueeze, squeeze, unfold: views with a dim more or less; unfold_grad. */
#include "ops/index/index.h"
#include "tape/tape.h"

#include <string.h>

extern const hoop_op hoop__op_unsqueeze, hoop__op_squeeze, hoop__op_unfold, hoop__op_unfold_grad;

typedef struct dim_attrs {
    int64_t dim;
} dim_attrs;
static const hoop_field dim_fields[] = {{"dim", 'i', offsetof(dim_attrs, dim)}};

static void view_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) hoop__put(c->out, i, hoop__at(c->in[0], i));
}

/**
 * hoop_unsqueeze - a new dim of size 1 (dim < 0 counts from the end of the result).
 * Shape   x [A, B] -> [A, 1, B]      Grad   dx += dy without it
 * Dtype   any                        Errors HOOP_ESHAPE (no such place, too many dims)
 */
hoop_tensor *hoop_unsqueeze(hoop_tape *t, hoop_tensor *x, int dim)
{
    return hoop_op_call(t, &hoop__op_unsqueeze, &x, 1, &(dim_attrs){dim < 0 ? dim + hoop_tensor_ndim(x) + 1 : dim}, NULL);
}
static hoop_status unsqueeze_shape(hoop_shape_call *s)
{
    int64_t          dim = ((const dim_attrs *)s->attrs)->dim;
    const hoop_view *x   = s->in[0];
    hoop_view       *y   = &s->out[0];
    if (x->ndim == HOOP_MAX_DIMS || dim < 0 || dim > x->ndim)
        return hoop_fail(s->err, HOOP_ESHAPE, "a new dim %lld beside %d, at most %d", (long long)dim, x->ndim, HOOP_MAX_DIMS);
    *y      = *x;
    y->ndim = x->ndim + 1;
    for (int d = x->ndim; d > dim; d--) {
        y->shape[d]  = x->shape[d - 1];
        y->stride[d] = x->stride[d - 1];
    }
    y->shape[dim]  = 1;
    y->stride[dim] = dim < x->ndim ? x->shape[dim] * x->stride[dim] : 1;
    s->offset      = 0;
    return HOOP_OK;
}
static int unsqueeze_samples(const hoop_samples_call *s)
{
    return s->axis[0] + (s->axis[0] >= ((const dim_attrs *)s->attrs)->dim);
}
static void unsqueeze_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_squeeze(b->t, b->dy[0], (int)((const dim_attrs *)b->attrs)->dim);
}
static const dim_attrs dim0 = {0}, dim1 = {1}, dim2 = {2}, dim4 = {4}, minus = {-1};
static const hoop_case unsqueeze_cases[] = {
    {"3x4", &dim0},
    {"3x4", &dim1},
    {"3x4", &dim2},
    {".", &dim0},
    {"0x3", &dim1},
    {"u8:5<9", &dim0},
    {"3x4", &dim4, HOOP_ESHAPE},
    {"3x4", &minus, HOOP_ESHAPE},
};
const hoop_op hoop__op_unsqueeze = {
    .name       = "unsqueeze",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_VIEW | HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(dim_attrs),
    HOOP_FIELDS(dim_fields),
    .shape     = unsqueeze_shape,
    .backward  = unsqueeze_backward,
    .reference = view_reference,
    .samples   = unsqueeze_samples,
    HOOP_CASES(unsqueeze_cases),
};

/**
 * hoop_squeeze - without a dim of size 1.
 * Shape   x [A, 1, B] -> [A, B]      Grad   dx += dy with it
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim, or not of size 1)
 */
hoop_tensor *hoop_squeeze(hoop_tape *t, hoop_tensor *x, int dim)
{
    return hoop_op_call(t, &hoop__op_squeeze, &x, 1, &(dim_attrs){dim < 0 ? dim + hoop_tensor_ndim(x) : dim}, NULL);
}
static hoop_status squeeze_shape(hoop_shape_call *s)
{
    int64_t          dim = ((const dim_attrs *)s->attrs)->dim;
    const hoop_view *x   = s->in[0];
    hoop_view       *y   = &s->out[0];
    if (dim < 0 || dim >= x->ndim || x->shape[dim] != 1)
        return hoop_fail(s->err, HOOP_ESHAPE, "dim %lld of %d is not of size 1", (long long)dim, x->ndim);
    *y      = *x;
    y->ndim = x->ndim - 1;
    for (int d = (int)dim; d < y->ndim; d++) {
        y->shape[d]  = x->shape[d + 1];
        y->stride[d] = x->stride[d + 1];
    }
    s->offset = 0;
    return HOOP_OK;
}
static int squeeze_samples(const hoop_samples_call *s)
{
    int64_t dim = ((const dim_attrs *)s->attrs)->dim;
    return s->axis[0] == dim ? -1 : s->axis[0] - (s->axis[0] > dim);
}
static void squeeze_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_unsqueeze(b->t, b->dy[0], (int)((const dim_attrs *)b->attrs)->dim);
}
static const hoop_case squeeze_cases[] = {
    {"1x4", &dim0},
    {"3x1x4", &dim1},
    {"3x1", &dim1},
    {"1", &dim0},
    {"0x1", &dim1},
    {"i32:1x5<9", &dim0},
    {"3x4", &dim1, HOOP_ESHAPE},
    {"3x1", &dim4, HOOP_ESHAPE},
    {"3x1", &minus, HOOP_ESHAPE},
};
const hoop_op hoop__op_squeeze = {
    .name       = "squeeze",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_VIEW | HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(dim_attrs),
    HOOP_FIELDS(dim_fields),
    .shape     = squeeze_shape,
    .backward  = squeeze_backward,
    .reference = view_reference,
    .samples   = squeeze_samples,
    HOOP_CASES(squeeze_cases),
};

/* ---- windows ---- */

typedef struct unfold_attrs {
    int64_t dim, size, step, dilation, n; /* n: of unfold_grad, the size that dim had */
} unfold_attrs;
static const hoop_field unfold_fields[] = {
    {"dim", 'i', offsetof(unfold_attrs, dim)},   {"size", 'i', offsetof(unfold_attrs, size)},
    {"step", 'i', offsetof(unfold_attrs, step)}, {"dilation", 'i', offsetof(unfold_attrs, dilation)},
    {"n", 'i', offsetof(unfold_attrs, n)},
};

/* windows over n elements; what is wrong with that, if anything */
static hoop_status windows_of(hoop_shape_call *s, int64_t n, int64_t *count)
{
    const unfold_attrs *a = s->attrs;
    int64_t             reach;
    if (a->size < 1 || a->step < 1 || a->dilation < 1)
        return hoop_fail(s->err, HOOP_EARG, "windows of size %lld, step %lld, dilation %lld; at least 1 each", (long long)a->size,
                         (long long)a->step, (long long)a->dilation);
    if (n < 0 || __builtin_mul_overflow(a->size - 1, a->dilation, &reach) || reach >= n)
        return hoop_fail(s->err, HOOP_ERANGE, "windows of %lld elements with dilation %lld in %lld of dim %lld",
                         (long long)a->size, (long long)a->dilation, (long long)n, (long long)a->dim);
    *count = (n - reach - 1) / a->step + 1;
    return HOOP_OK;
}

/**
 * hoop_unfold - windows along a dim, a view: y[.., l, .., k] = x[.., l step + k dilation, ..].
 * Shape   x [.., N, ..] -> [.., L, .., size], L = (N - (size - 1) dilation - 1) / step + 1
 * Grad    dx += dy, added up where windows overlap, the earlier window first
 * Dtype   any (gradient: floats)     Errors HOOP_ESHAPE (dim), HOOP_EARG, HOOP_ERANGE (larger than the dim)
 */
hoop_tensor *hoop_unfold(hoop_tape *t, hoop_tensor *x, int dim, int64_t size, int64_t step, int64_t dilation)
{
    dim = dim < 0 ? dim + hoop_tensor_ndim(x) : dim;
    return hoop_op_call(t, &hoop__op_unfold, &x, 1, &(unfold_attrs){dim, size, step, dilation, 0}, NULL);
}
static hoop_status unfold_shape(hoop_shape_call *s)
{
    const unfold_attrs *a = s->attrs;
    const hoop_view    *x = s->in[0];
    hoop_view          *y = &s->out[0];
    hoop_status         st;
    if (a->dim < 0 || a->dim >= x->ndim || x->ndim == HOOP_MAX_DIMS)
        return hoop_fail(s->err, HOOP_ESHAPE, "dim %lld of %d; one more comes, of at most %d", (long long)a->dim, x->ndim,
                         HOOP_MAX_DIMS);
    *y = *x;
    st = windows_of(s, x->shape[a->dim], &y->shape[a->dim]);
    if (st != HOOP_OK) return st;
    y->stride[a->dim] *= a->step;
    y->shape[x->ndim]  = a->size;
    y->stride[x->ndim] = x->stride[a->dim] * a->dilation;
    y->ndim            = x->ndim + 1;
    s->offset          = 0;
    return HOOP_OK;
}
static int unfold_samples(const hoop_samples_call *s)
{
    return s->axis[0] != ((const unfold_attrs *)s->attrs)->dim ? s->axis[0] : -1;
}
static void unfold_backward(hoop_backward_call *b)
{
    unfold_attrs a = *(const unfold_attrs *)b->attrs;
    a.n            = hoop_tensor_size(b->in[0], (int)a.dim);
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_unfold_grad, &b->dy[0], 1, &a, NULL);
}
static void unfold_reference(const hoop_call *c)
{
    const unfold_attrs *a = c->attrs;
    int64_t             at[HOOP_MAX_DIMS];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        hoop__places(c->out, i, at);
        at[a->dim] = at[a->dim] * a->step + at[c->in[0]->ndim] * a->dilation;
        hoop__put(c->out, i, hoop__at(c->in[0], hoop__number(c->in[0], at)));
    }
}
static const unfold_attrs triples = {1, 3, 1, 1, 7}, pairs = {0, 2, 2, 1, 5}, wide = {1, 2, 3, 3, 9}, singles = {0, 1, 1, 1, 4},
                          one_less = {1, 3, 1, 1, 8}, empty = {1, 0, 1, 1, 7}, still = {1, 3, 0, 1, 7}, tight = {1, 3, 1, 0, 7},
                          no_dim = {3, 2, 1, 1, 7}, large = {1, 9, 1, 1, 7};
static const hoop_case unfold_cases[] = {
    {"3x7", &triples},
    {"5x2", &pairs},
    {"2x9x3", &wide},
    {"4", &singles},
    {"0x7", &triples},
    {"u8:3x7<9", &triples},
    {"3x7", &empty, HOOP_EARG},
    {"3x7", &still, HOOP_EARG},
    {"3x7", &tight, HOOP_EARG},
    {"3x7", &no_dim, HOOP_ESHAPE},
    {"3x7", &large, HOOP_ERANGE},
};
const hoop_op hoop__op_unfold = {
    .name       = "unfold",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_VIEW | HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(unfold_attrs),
    HOOP_FIELDS(unfold_fields),
    .shape     = unfold_shape,
    .backward  = unfold_backward,
    .reference = unfold_reference,
    .samples   = unfold_samples,
    HOOP_CASES(unfold_cases),
};

/* unfold_grad: windows [.., L, .., size] added up -> [.., n, ..], the earlier window first */
static hoop_status unfold_grad_shape(hoop_shape_call *s)
{
    const unfold_attrs *a = s->attrs;
    const hoop_view    *x = s->in[0];
    hoop_view          *y = &s->out[0];
    int64_t             count;
    hoop_status         st = hoop__check_float(s, 0);
    if (st != HOOP_OK) return st;
    if (a->dim < 0 || a->dim >= x->ndim - 1)
        return hoop_fail(s->err, HOOP_ESHAPE, "dim %lld of %d, the last of which runs over windows", (long long)a->dim, x->ndim);
    st = windows_of(s, a->n, &count);
    if (st != HOOP_OK) return st;
    if (x->shape[a->dim] != count || x->shape[x->ndim - 1] != a->size)
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld windows of %lld are wanted of %lld elements", (long long)count,
                         (long long)a->size, (long long)a->n);
    hoop__view_set(y, (hoop_dtype)x->dtype, x->ndim - 1, x->shape);
    y->shape[a->dim] = a->n;
    hoop__view_set(y, (hoop_dtype)x->dtype, x->ndim - 1, y->shape);
    return HOOP_OK;
}
/* x (outer, L, inner, size), y (outer, n, inner) */
static void unfold_grad_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call    *c     = ctx;
    const unfold_attrs *a     = c->attrs;
    const hoop_view    *x     = c->in[0];
    hoop_dtype          dtype = (hoop_dtype)x->dtype;
    int64_t             size = hoop__size(x), count = x->shape[a->dim], inner = hoop__inner(c->out, (int)a->dim);
    hoop_binary_fn     *add = c->kernels->binary[HOOP_BINARY_add][dtype];
    for (int64_t i = first; i < first + n; i++) {
        for (int64_t l = 0; l < count; l++) {
            const char *from = (const char *)x->data + (i * count + l) * inner * a->size * size;
            for (int64_t k = 0; k < (inner == 1 && a->dilation == 1 ? 1 : a->size); k++) {
                char *to = (char *)c->out->data + (i * a->n + l * a->step + k * a->dilation) * inner * size;
                if (inner == 1 && a->dilation == 1)
                    add(a->size, to, 1, from, 1, to, false);
                else
                    add(inner, to, 1, from + k * size, a->size, to, false);
            }
        }
    }
}
static hoop_status unfold_grad_forward(const hoop_call *c)
{
    int64_t outer = hoop__outer(c->out, (int)((const unfold_attrs *)c->attrs)->dim),
            bytes = hoop__view_numel(c->out) * hoop__size(c->out);
    if (!c->add) hoop__clear(c, c->out->data, bytes);
    if (bytes > 0) hoop_threads_share(c->threads, outer, 64 + 8 * hoop__view_numel(c->in[0]) / outer, 1, unfold_grad_range, c);
    return HOOP_OK;
}
static int unfold_grad_samples(const hoop_samples_call *s)
{
    return s->axis[0] != ((const unfold_attrs *)s->attrs)->dim && s->axis[0] < s->in[0]->ndim - 1 ? s->axis[0] : -1;
}
static void unfold_grad_backward(hoop_backward_call *b)
{
    const unfold_attrs *a = b->attrs;
    if (hoop_sink(b, 0)) hoop_unfold(b->t, b->dy[0], (int)a->dim, a->size, a->step, a->dilation);
}
static void unfold_grad_reference(const hoop_call *c)
{
    const unfold_attrs *a = c->attrs;
    double             *y = c->out->data;
    int64_t             at[HOOP_MAX_DIMS];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) y[i] = 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[0]); i < n; i++) {
        hoop__places(c->in[0], i, at);
        at[a->dim] = at[a->dim] * a->step + at[c->out->ndim] * a->dilation;
        y[hoop__number(c->out, at)] += hoop__at(c->in[0], i);
    }
}
static const hoop_case unfold_grad_cases[] = {
    {"3x5x3", &triples},
    {"2x2x2", &pairs},
    {"2x2x3x2", &wide},
    {"4x1", &singles},
    {"0x5x3", &triples},
    {"3x5x0", &empty, HOOP_EARG},
    {"3x5x3", &still, HOOP_EARG},
    {"3x5x3", &tight, HOOP_EARG},
    {"3x5x3", &no_dim, HOOP_ESHAPE},
    {"3x5x9", &large, HOOP_ERANGE},
    {"3x5x3", &one_less, HOOP_ESHAPE},
    {"i64:3x5x3<4", &triples, HOOP_EDTYPE},
};
const hoop_op hoop__op_unfold_grad = {
    .name       = "unfold_grad",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(unfold_attrs),
    HOOP_FIELDS(unfold_fields),
    .shape     = unfold_grad_shape,
    .forward   = unfold_grad_forward,
    .backward  = unfold_grad_backward,
    .reference = unfold_grad_reference,
    .samples   = unfold_grad_samples,
    HOOP_CASES(unfold_grad_cases),
};
