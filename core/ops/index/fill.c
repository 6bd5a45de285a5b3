/* fill, arange: tensors from nothing. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <string.h>

extern const hoop_op hoop__op_fill, hoop__op_arange;

typedef struct fill_attrs {
    int64_t dtype, ndim, shape[HOOP_MAX_DIMS];
    double  value;
} fill_attrs;
static const hoop_field fill_fields[] = {
    {"dtype", 'i', offsetof(fill_attrs, dtype)},
    {"ndim", 'i', offsetof(fill_attrs, ndim)},
    {"shape", 'I', offsetof(fill_attrs, shape)},
    {"value", 'f', offsetof(fill_attrs, value)},
};

static hoop_status check_dtype(hoop_shape_call *s, int64_t dtype)
{
    if (dtype >= 0 && dtype < HOOP_DTYPE_COUNT) return HOOP_OK;
    return hoop_fail(s->err, HOOP_EDTYPE, "%lld is no dtype", (long long)dtype);
}

/**
 * hoop_fill - a tensor of one value, as hoop_cast makes it of f64.
 * Shape   () -> shape                Grad   none
 * Dtype   any                        Errors HOOP_ESHAPE, HOOP_EDTYPE (no such dtype)
 */
hoop_tensor *hoop_fill(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, double value)
{
    fill_attrs attrs = {.dtype = dtype, .ndim = ndim, .value = value};
    for (int d = 0; d < ndim && d < HOOP_MAX_DIMS; d++) attrs.shape[d] = shape[d];
    return hoop_op_call(t, &hoop__op_fill, NULL, 0, &attrs, NULL);
}
static hoop_status fill_shape(hoop_shape_call *s)
{
    const fill_attrs *a = s->attrs;
    int64_t           numel;
    if (check_dtype(s, a->dtype) != HOOP_OK) return HOOP_EDTYPE;
    if (hoop_shape_numel((hoop_dtype)a->dtype, (int)a->ndim, a->shape, s->err, &numel) != HOOP_OK) return s->err->status;
    hoop__view_set(&s->out[0], (hoop_dtype)a->dtype, (int)a->ndim, a->shape);
    return HOOP_OK;
}
static hoop_status fill_forward(const hoop_call *c)
{
    double    value = ((const fill_attrs *)c->attrs)->value;
    int64_t   one_of;
    hoop_view one = *c->out; /* of the shape, every element the same */
    c->kernels->cast[HOOP_F64][c->out->dtype](1, &value, &one_of);
    one.data = &one_of;
    memset(one.stride, 0, sizeof one.stride);
    hoop__copy(c, &one, c->out->data);
    return HOOP_OK;
}
static void fill_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) hoop__put(c->out, i, ((const fill_attrs *)c->attrs)->value);
}
static const fill_attrs threes = {HOOP_F64, 2, {3, 4}, 3.0}, many = {HOOP_F64, 2, {300, 301}, 0.5},
                        whole = {HOOP_I64, 1, {3}, -2.0}, bytes = {HOOP_U8, 2, {3, 5}, 7.0}, none = {HOOP_I32, 2, {0, 5}, 7.0},
                        negative = {HOOP_F64, 1, {-1}, 0.0}, no_dims = {HOOP_F64, -1, {0}, 0.0}, nothing = {-1, 1, {3}, 0.0};
static const hoop_case fill_cases[] = {
    {"", &threes},
    {"", &many},
    {"", &whole},
    {"", &bytes},
    {"", &none},
    {"", &negative, HOOP_ESHAPE},
    {"", &no_dims, HOOP_ESHAPE},
    {"", &nothing, HOOP_EDTYPE},
};

const hoop_op hoop__op_fill = {
    .name       = "fill",
    .min_in     = 0,
    .max_in     = 0,
    .nout       = 1,
    .flags      = HOOP_OP_NO_GRAD,
    .attrs_size = sizeof(fill_attrs),
    HOOP_FIELDS(fill_fields),
    .shape     = fill_shape,
    .forward   = fill_forward,
    .reference = fill_reference,
    HOOP_CASES(fill_cases),
};

typedef struct arange_attrs {
    int64_t dtype, n;
    double  start, step;
} arange_attrs;
static const hoop_field arange_fields[] = {
    {"dtype", 'i', offsetof(arange_attrs, dtype)},
    {"n", 'i', offsetof(arange_attrs, n)},
    {"start", 'f', offsetof(arange_attrs, start)},
    {"step", 'f', offsetof(arange_attrs, step)},
};

/**
 * hoop_arange - start + i step for i below n, worked out in f64.
 * Shape   () -> (n)                  Grad   none
 * Dtype   any                        Errors HOOP_ESHAPE (n), HOOP_EDTYPE (no such dtype)
 */
hoop_tensor *hoop_arange(hoop_tape *t, hoop_dtype dtype, int64_t n, double start, double step)
{
    return hoop_op_call(t, &hoop__op_arange, NULL, 0, &(arange_attrs){dtype, n, start, step}, NULL);
}
static hoop_status arange_shape(hoop_shape_call *s)
{
    const arange_attrs *a = s->attrs;
    int64_t             numel;
    if (check_dtype(s, a->dtype) != HOOP_OK) return HOOP_EDTYPE;
    if (hoop_shape_numel((hoop_dtype)a->dtype, 1, &a->n, s->err, &numel) != HOOP_OK) return s->err->status;
    hoop__view_set(&s->out[0], (hoop_dtype)a->dtype, 1, &a->n);
    return HOOP_OK;
}
static void arange_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call    *c = ctx;
    const arange_attrs *a = c->attrs;
    double              v[64];
    for (int64_t i = first, m; i < first + n; i += m) {
        m = first + n - i < 64 ? first + n - i : 64;
        for (int64_t k = 0; k < m; k++) v[k] = a->start + (double)(i + k) * a->step;
        c->kernels->cast[HOOP_F64][c->out->dtype](m, v,
                                                  (char *)c->out->data + i * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype));
    }
}
static hoop_status arange_forward(const hoop_call *c)
{
    hoop_threads_share(c->threads, c->out->shape[0], 8, 64, arange_range, c);
    return HOOP_OK;
}
static void arange_reference(const hoop_call *c)
{
    const arange_attrs *a = c->attrs;
    for (int64_t i = 0; i < c->out->shape[0]; i++) hoop__put(c->out, i, a->start + (double)i * a->step);
}
static const arange_attrs five = {HOOP_I64, 5, 0, 1}, ninety = {HOOP_F64, 90000, -1, 0.25}, down = {HOOP_I32, 4, 7, -2},
                          empty = {HOOP_U8, 0, 0, 1}, minus = {HOOP_I64, -1, 0, 1}, no_dtype = {HOOP_DTYPE_COUNT, 1, 0, 1};
static const hoop_case arange_cases[] = {
    {"", &five}, {"", &ninety}, {"", &down}, {"", &empty}, {"", &minus, HOOP_ESHAPE}, {"", &no_dtype, HOOP_EDTYPE},
};

const hoop_op hoop__op_arange = {
    .name       = "arange",
    .min_in     = 0,
    .max_in     = 0,
    .nout       = 1,
    .flags      = HOOP_OP_NO_GRAD,
    .attrs_size = sizeof(arange_attrs),
    HOOP_FIELDS(arange_fields),
    .shape     = arange_shape,
    .forward   = arange_forward,
    .reference = arange_reference,
    HOOP_CASES(arange_cases),
};
