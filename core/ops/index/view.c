/* Views that share storage: reshape, expand, slice, detach. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <string.h>

typedef struct view_attrs {
    int64_t ndim, shape[HOOP_MAX_DIMS];
} view_attrs;
typedef struct slice_attrs {
    int64_t dim, first, count, step; /* unslice: count is the size of the result */
} slice_attrs;
static const hoop_field view_fields[]  = {{"ndim", 'i', offsetof(view_attrs, ndim)}, {"shape", 'I', offsetof(view_attrs, shape)}};
static const hoop_field slice_fields[] = {
    {"dim", 'i', offsetof(slice_attrs, dim)},
    {"first", 'i', offsetof(slice_attrs, first)},
    {"count", 'i', offsetof(slice_attrs, count)},
    {"step", 'i', offsetof(slice_attrs, step)},
};

extern const hoop_op hoop__op_reshape, hoop__op_expand, hoop__op_slice, hoop__op_unslice, hoop__op_detach;

/* a view's reference: its elements in row-major order */
static void copy_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) hoop__put(c->out, i, hoop__at(c->in[0], i));
}

static bool view_attrs_set(hoop_tape *t, view_attrs *attrs, const char *op, int ndim, const int64_t *shape)
{
    memset(attrs, 0, sizeof *attrs);
    attrs->ndim = ndim;
    if (ndim >= 0 && ndim <= HOOP_MAX_DIMS) {
        for (int d = 0; d < ndim; d++) attrs->shape[d] = shape[d];
        return true;
    }
    hoop_tape_fail(t, HOOP_ESHAPE, "%s: %d dims; 0 to %d are possible", op, ndim, HOOP_MAX_DIMS);
    return false;
}

/**
 * hoop_reshape - the same elements in row-major order under another shape; one size may be -1 (worked out).
 * Shape   x [...] -> shape           Grad   dx += dy reshaped back
 * Dtype   any                        Errors HOOP_ESHAPE
 * A non-contiguous x is made contiguous first.
 */
hoop_tensor *hoop_reshape(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape)
{
    view_attrs attrs;
    if (!view_attrs_set(t, &attrs, "reshape", ndim, shape)) return hoop_op_call(t, &hoop__op_reshape, &x, 1, NULL, NULL);
    return hoop_op_call(t, &hoop__op_reshape, &x, 1, &attrs, NULL);
}
static hoop_status reshape_shape(hoop_shape_call *s)
{
    const view_attrs *a = s->attrs;
    int64_t           n = hoop__view_numel(s->in[0]), known = 1, shape[HOOP_MAX_DIMS] = {0};
    int               missing = -1;
    if (a->ndim < 0 || a->ndim > HOOP_MAX_DIMS) return hoop_fail(s->err, HOOP_ESHAPE, "%lld dims", (long long)a->ndim);
    for (int d = 0; d < a->ndim; d++) {
        shape[d] = a->shape[d];
        if (shape[d] == -1 && missing < 0)
            missing = d;
        else if (shape[d] < 0)
            return hoop_fail(s->err, HOOP_ESHAPE, "size %lld of dim %d", (long long)shape[d], d);
        else if (__builtin_mul_overflow(known, shape[d], &known))
            return hoop_fail(s->err, HOOP_ESIZE, "the new shape overflows");
    }
    if (missing >= 0) {
        if (known == 0 || n % known != 0)
            return hoop_fail(s->err, HOOP_ESHAPE, "%lld elements do not divide by %lld", (long long)n, (long long)known);
        shape[missing] = n / known;
    } else if (known != n) {
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld elements cannot become %lld", (long long)n, (long long)known);
    }
    hoop__view_set(&s->out[0], (hoop_dtype)s->in[0]->dtype, (int)a->ndim, shape);
    s->offset = 0;
    return HOOP_OK;
}
/* a dim with as many elements before it, that all samples divide among them */
static int reshape_samples(const hoop_samples_call *s)
{
    int64_t before = 1, passed = 1;
    for (int d = 0; d < s->axis[0]; d++) before *= s->in[0]->shape[d];
    for (int d = 0; d < s->out->ndim; d++) {
        int64_t size = s->out->shape[d];
        if (passed == before && size > 0 && size % s->samples == 0) return d;
        passed *= size;
    }
    return -1;
}
static void reshape_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_reshape(b->t, b->dy[0], hoop_tensor_ndim(b->in[0]), hoop_tensor_shape(b->in[0]));
}
static const view_attrs to_4x3 = {2, {4, 3}}, to_rows = {2, {-1, 4}}, to_2x12 = {2, {2, 12}}, to_1x2x2x6 = {4, {1, 2, 2, 6}},
                        to_flat = {1, {-1}}, to_scalar = {0, {0}}, to_empty = {2, {3, 0}}, two_unknown = {2, {-1, -1}},
                        no_dims = {-1, {0}};

static const hoop_case reshape_cases[] = {
    {"3x4", &to_4x3},
    {"2x6", &to_flat},
    {"u8:3x4<9", &to_4x3},
    {"2x3x4", &to_rows},
    {"2x3x4", &to_2x12},
    {"2x12", &to_1x2x2x6},
    {"1x1", &to_scalar},
    {"0x5", &to_empty},
    {"3x5", &to_4x3, HOOP_ESHAPE},
    {"3x4", &two_unknown, HOOP_ESHAPE},
    {"3x4", &no_dims, HOOP_ESHAPE},
};

const hoop_op hoop__op_reshape = {
    .name       = "reshape",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_VIEW | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(view_attrs),
    HOOP_FIELDS(view_fields),
    .shape     = reshape_shape,
    .backward  = reshape_backward,
    .reference = copy_reference,
    .samples   = reshape_samples,
    HOOP_CASES(reshape_cases),
};

/**
 * hoop_expand - repeat dims of size 1 (and new leading dims) without copying.
 * Shape   x -> shape, to which it broadcasts
 * Grad    dx += dy summed over what was repeated
 * Dtype   any                        Errors HOOP_ESHAPE
 */
hoop_tensor *hoop_expand(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape)
{
    view_attrs attrs;
    if (!view_attrs_set(t, &attrs, "expand", ndim, shape)) return hoop_op_call(t, &hoop__op_expand, &x, 1, NULL, NULL);
    return hoop_op_call(t, &hoop__op_expand, &x, 1, &attrs, NULL);
}
static hoop_status expand_shape(hoop_shape_call *s)
{
    const view_attrs *a    = s->attrs;
    const hoop_view  *x    = s->in[0];
    hoop_view        *y    = &s->out[0];
    int               lead = a->ndim > HOOP_MAX_DIMS ? -1 : (int)a->ndim - x->ndim;
    for (int d = 0; d < x->ndim && lead >= 0; d++) {
        if (x->shape[d] != 1 && x->shape[d] != a->shape[d + lead]) {
            return hoop_fail(s->err, HOOP_ESHAPE, "size %lld does not expand to %lld", (long long)x->shape[d],
                             (long long)a->shape[d + lead]);
        }
    }
    for (int d = 0; d < lead; d++) {
        if (a->shape[d] < 0) return hoop_fail(s->err, HOOP_ESHAPE, "size %lld of dim %d", (long long)a->shape[d], d);
    }
    if (lead < 0) return hoop_fail(s->err, HOOP_ESHAPE, "%d dims do not expand to %lld", x->ndim, (long long)a->ndim);
    hoop__view_set(y, (hoop_dtype)x->dtype, (int)a->ndim, a->shape);
    hoop__broadcast_strides(x, y, y->stride);
    s->offset = 0;
    return HOOP_OK;
}
static int expand_samples(const hoop_samples_call *s)
{
    return s->axis[0] + s->out->ndim - s->in[0]->ndim;
}
static void expand_backward(hoop_backward_call *b)
{
    hoop_pass(b, 0, b->dy[0]); /* the sink sums to shape */
}
static void expand_reference(const hoop_call *c)
{
    hoop_view x = *c->in[0];
    hoop__broadcast_strides(c->in[0], c->out, x.stride);
    x.ndim = c->out->ndim;
    memcpy(x.shape, c->out->shape, sizeof x.shape);
    for (int64_t i = 0, n = hoop__view_numel(&x); i < n; i++) hoop__put(c->out, i, hoop__at(&x, i));
}
static const view_attrs to_3x4 = {2, {3, 4}}, to_2x3x4 = {3, {2, 3, 4}}, minus_one = {3, {-1, 3, 4}};

static const hoop_case expand_cases[] = {
    {"4", &to_3x4},
    {"i32:4<9", &to_3x4},
    {"3x1", &to_2x3x4},
    {".", &to_3x4},
    {"2x3x1", &to_2x3x4},
    {"3", &to_3x4, HOOP_ESHAPE},
    {"2x3x4", &to_3x4, HOOP_ESHAPE},
    {"3x4", &no_dims, HOOP_ESHAPE},
    {"3x4", &minus_one, HOOP_ESHAPE},
};

const hoop_op hoop__op_expand = {
    .name       = "expand",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_VIEW | HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(view_attrs),
    HOOP_FIELDS(view_fields),
    .shape     = expand_shape,
    .backward  = expand_backward,
    .reference = expand_reference,
    .samples   = expand_samples,
    HOOP_CASES(expand_cases),
};

/**
 * hoop_slice - elements first .. first+count-1 of a dim. hoop_slice_step: `count` of them, every step-th.
 * Shape   x [.., N, ..] -> [.., count, ..]
 * Grad    dx += dy at these places
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim), HOOP_ERANGE, HOOP_EARG (step below 1)
 */
hoop_tensor *hoop_slice(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t count)
{
    return hoop_slice_step(t, x, dim, first, count, 1);
}
hoop_tensor *hoop_slice_step(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t count, int64_t step)
{
    return hoop_op_call(t, &hoop__op_slice, &x, 1, &(slice_attrs){dim < 0 ? dim + hoop_tensor_ndim(x) : dim, first, count, step},
                        NULL);
}
static hoop_status slice_shape(hoop_shape_call *s)
{
    const slice_attrs *a = s->attrs;
    const hoop_view   *x = s->in[0];
    if (a->dim < 0 || a->dim >= x->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "no dim %lld", (long long)a->dim);
    if (a->step < 1) return hoop_fail(s->err, HOOP_EARG, "step %lld; at least 1", (long long)a->step);
    if (a->first < 0 || a->count < 0 || a->first > x->shape[a->dim] ||
        (a->count > 0 && a->count > (x->shape[a->dim] - a->first - 1) / a->step + (a->first < x->shape[a->dim]))) {
        return hoop_fail(s->err, HOOP_ERANGE, "%lld elements from %lld on, every %lld-th, of %lld", (long long)a->count,
                         (long long)a->first, (long long)a->step, (long long)x->shape[a->dim]);
    }
    s->out[0]               = *x;
    s->out[0].shape[a->dim] = a->count;
    s->out[0].stride[a->dim] *= a->step;
    s->offset = a->count == 0 ? 0 : a->first * x->stride[a->dim];
    return HOOP_OK;
}
static int slice_samples(const hoop_samples_call *s)
{
    return s->axis[0] != ((const slice_attrs *)s->attrs)->dim ? s->axis[0] : -1;
}
static void slice_backward(hoop_backward_call *b)
{
    slice_attrs a = *(const slice_attrs *)b->attrs;
    a.count       = hoop_tensor_size(b->in[0], (int)a.dim);
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_unslice, &b->dy[0], 1, &a, NULL);
}
static void slice_reference(const hoop_call *c)
{
    const slice_attrs *a = c->attrs;
    hoop_view          x = *c->in[0];
    x.shape[a->dim]      = a->count;
    x.data               = (double *)x.data + a->first * x.stride[a->dim];
    x.stride[a->dim] *= a->step;
    for (int64_t i = 0, n = hoop__view_numel(&x); i < n; i++) hoop__put(c->out, i, hoop__at(&x, i));
}
static const slice_attrs middle = {0, 1, 2, 1}, columns = {1, 2, 2, 1}, nothing = {0, 1, 0, 1}, beyond = {0, 2, 2, 1},
                         no_slice_dim = {2, 0, 1, 1}, too_many = {1, 0, 5, 1}, thirds = {1, 1, 2, 3}, ends = {0, 0, 2, 4},
                         still = {1, 0, 2, 0}, too_wide = {1, 1, 3, 3};

static const hoop_case slice_cases[] = {
    {"3x4", &middle},
    {"i64:3x4<9", &middle},
    {"3x4", &columns},
    {"3x7", &thirds},
    {"5x2", &ends},
    {"3x4", &nothing},
    {"3x4", &beyond, HOOP_ERANGE},
    {"3x4", &no_slice_dim, HOOP_ESHAPE},
    {"3x4", &too_many, HOOP_ERANGE},
    {"3x7", &too_wide, HOOP_ERANGE},
    {"3x7", &still, HOOP_EARG},
};

const hoop_op hoop__op_slice = {
    .name       = "slice",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_VIEW | HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(slice_attrs),
    HOOP_FIELDS(slice_fields),
    .shape     = slice_shape,
    .backward  = slice_backward,
    .reference = slice_reference,
    .samples   = slice_samples,
    HOOP_CASES(slice_cases),
};

/**
 * hoop_unslice - zeros of a size in one dim with x at [first, first + its size): the gradient of hoop_slice.
 * Shape   x [.., n, ..] -> [.., size, ..]
 * Grad    dx += dy[first:first+n]
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim), HOOP_ERANGE, HOOP_EDTYPE
 */
hoop_tensor *hoop_unslice(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t size)
{
    return hoop_op_call(t, &hoop__op_unslice, &x, 1, &(slice_attrs){dim < 0 ? dim + hoop_tensor_ndim(x) : dim, first, size, 1},
                        NULL);
}
static hoop_status unslice_shape(hoop_shape_call *s)
{
    const slice_attrs *a                    = s->attrs;
    const hoop_view   *x                    = s->in[0];
    int64_t            shape[HOOP_MAX_DIMS] = {0};
    if (a->dim < 0 || a->dim >= x->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "no dim %lld", (long long)a->dim);
    if (a->step < 1) return hoop_fail(s->err, HOOP_EARG, "step %lld; at least 1", (long long)a->step);
    if (a->first < 0 || a->first > a->count ||
        (x->shape[a->dim] > 0 && x->shape[a->dim] > (a->count - a->first - 1) / a->step + (a->first < a->count))) {
        return hoop_fail(s->err, HOOP_ERANGE, "%lld elements from %lld on, every %lld-th, of %lld", (long long)x->shape[a->dim],
                         (long long)a->first, (long long)a->step, (long long)a->count);
    }
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    shape[a->dim] = a->count;
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, x->ndim, shape);
    return hoop__check_float(s, 0);
}
/* x as (outer, n * inner) into y (outer, size * inner); with a step, as (outer, n) parts of `inner` */
static hoop_status unslice_forward(const hoop_call *c)
{
    const slice_attrs *a = c->attrs;
    const hoop_view   *x = c->in[0], *y = c->out;
    int64_t            size = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype), outer = 1, inner = size, n = x->shape[a->dim];
    for (int d = 0; d < a->dim; d++) outer *= x->shape[d];
    for (int d = (int)a->dim + 1; d < x->ndim; d++) inner *= x->shape[d]; /* in bytes */
    if (!c->add) hoop__clear(c, y->data, hoop__view_numel(y) * size);
    if (a->step == 1) {
        hoop__copy_rows(c, outer, n * inner, x->data, n * inner, (char *)y->data + a->first * inner, a->count * inner);
        return HOOP_OK;
    }
    for (int64_t o = 0; o < outer && n > 0; o++)
        hoop__copy_rows(c, n, inner, (const char *)x->data + o * n * inner, inner,
                        (char *)y->data + (o * a->count + a->first) * inner, a->step * inner);
    return HOOP_OK;
}
static void unslice_backward(hoop_backward_call *b)
{
    const slice_attrs *a = b->attrs;
    if (hoop_sink(b, 0)) hoop_slice_step(b->t, b->dy[0], (int)a->dim, a->first, hoop_tensor_size(b->in[0], (int)a->dim), a->step);
}
static void unslice_reference(const hoop_call *c)
{
    const slice_attrs *a    = c->attrs;
    hoop_view          y    = *c->out;
    double            *data = y.data;
    for (int64_t i = 0, n = hoop__view_numel(&y); i < n; i++) data[i] = 0.0;
    y.shape[a->dim] = c->in[0]->shape[a->dim];
    for (int64_t i = 0, n = hoop__view_numel(&y); i < n; i++) {
        int64_t rest = i, at = a->first * y.stride[a->dim];
        for (int d = y.ndim - 1; d >= 0; d--) {
            at += rest % y.shape[d] * y.stride[d] * (d == a->dim ? a->step : 1);
            rest /= y.shape[d];
        }
        data[at] = hoop__at(c->in[0], i);
    }
}
static const slice_attrs row_of_5 = {0, 1, 5, 1}, column_of_6 = {1, 2, 6, 1}, too_far = {0, 3, 5, 1}, spread = {1, 1, 11, 3},
                         apart = {0, 0, 5, 2}, no_step = {1, 2, 6, -1};

static const hoop_case unslice_cases[] = {
    {"3x4", &row_of_5},
    {"3x4", &column_of_6},
    {"2x4", &spread},
    {"3x2", &apart},
    {"3x5", &spread, HOOP_ERANGE},
    {"3x4", &no_step, HOOP_EARG},
    {"0x4", &row_of_5},
    {"3x4", &too_far, HOOP_ERANGE},
    {"3x4", &no_slice_dim, HOOP_ESHAPE},
    {"i64:3<5", &row_of_5, HOOP_EDTYPE},
};

const hoop_op hoop__op_unslice = {
    .name       = "unslice",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(slice_attrs),
    HOOP_FIELDS(slice_fields),
    .shape     = unslice_shape,
    .forward   = unslice_forward,
    .backward  = unslice_backward,
    .reference = unslice_reference,
    .samples   = slice_samples,
    HOOP_CASES(unslice_cases),
};

/**
 * hoop_detach - x, through which no gradient flows.
 * Shape   x -> same                  Grad   none
 * Dtype   any
 */
hoop_tensor *hoop_detach(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_detach, &x, 1, NULL, NULL);
}
static hoop_status detach_shape(hoop_shape_call *s)
{
    s->out[0] = *s->in[0];
    s->offset = 0;
    return HOOP_OK;
}
static const hoop_case detach_cases[] = {{"3x4"}, {"."}, {"0x3"}};

const hoop_op hoop__op_detach = {
    .name      = "detach",
    .min_in    = 1,
    .max_in    = 1,
    .nout      = 1,
    .flags     = HOOP_OP_VIEW | HOOP_OP_STRIDED | HOOP_OP_NO_GRAD | HOOP_OP_ROW_WISE,
    .shape     = detach_shape,
    .reference = copy_reference,
    .samples   = hoop__samples_any,
    HOOP_CASES(detach_cases),
};
