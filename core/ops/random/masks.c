/* What is dropped whole: channels, samples (stochastic depth); and alpha dropout. Keyed as dropout (dropout.c). */
#include "hoop/ops.h"
#include "kernels/vmath.h"
#include "ops/random/random.h"

extern const hoop_op hoop__op_dropout_dims;

typedef struct dims_attrs {
    double  p;
    int64_t dims; /* bit d: the mask runs over dim d; it is the same along the others */
    int64_t site, call;
} dims_attrs;
static const hoop_field fields[] = {
    {"p", 'f', offsetof(dims_attrs, p)},
    {"dims", 'i', offsetof(dims_attrs, dims)},
    {"site", 'i', offsetof(dims_attrs, site)},
    {"call", 'i', offsetof(dims_attrs, call)},
};

static hoop_tensor *dropout_dims(hoop_tape *t, hoop_tensor *x, double p, int64_t dims)
{
    dims_attrs attrs = {.p = p, .dims = dims, .site = (int64_t)t->site};
    bool       fine  = p >= 0.0 && p < 1.0;
    if (fine && (!t->training || p == 0.0)) return x;
    if (fine) attrs.call = (int64_t)hoop__random_call(t);
    return hoop_op_call(t, &hoop__op_dropout_dims, &x, 1, &attrs, NULL);
}

/**
 * hoop_dropout_channels - zero each channel of each sample with probability p, scale the rest by 1 / (1 - p). The identity unless
 * training.
 * Shape   x (N, C, ..) -> same
 * Grad    dx += dy under the same mask
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (fewer than 2 dims), HOOP_EDTYPE, HOOP_EARG (p not in [0, 1))
 * Key     as hoop_dropout; channel c of sample n of the leaf is number n C + c
 * Source  Tompson et al., CVPR 2015
 */
hoop_tensor *hoop_dropout_channels(hoop_tape *t, hoop_tensor *x, double p)
{
    const int ndim = hoop_tensor_ndim(x);
    if (ndim < 3 || hoop_tensor_is_contiguous(x)) return dropout_dims(t, x, p, 3);
    x = hoop__channels_last(t, x); /* as images lie */
    x = dropout_dims(t, x, p, (INT64_C(1) << (ndim - 1)) | 1);
    return hoop__channels_first(t, x);
}
/**
 * hoop_drop_path - zero each sample with probability p, scale the rest by 1 / (1 - p): what a residual adds. The identity unless
 * training.
 * Shape   x (N, ..) -> same
 * Grad, Dtype, Errors, Key: as hoop_dropout_channels; sample n of the leaf is number n
 * Source  Huang et al., ECCV 2016
 */
hoop_tensor *hoop_drop_path(hoop_tape *t, hoop_tensor *x, double p)
{
    return dropout_dims(t, x, p, 1);
}
/**
 * hoop_alpha_dropout - dropout that keeps mean and variance of what selu gives: elements become -1.758 with probability p, and
 * all are scaled and shifted. The identity unless training. Shape   x -> same                  Grad   dx += dy a under the mask
 * Dtype, Errors, Key: as hoop_dropout
 * Source  Klambauer et al., NeurIPS 2017
 */
hoop_tensor *hoop_alpha_dropout(hoop_tape *t, hoop_tensor *x, double p)
{
    const double alpha = 1.7580993408473766, a = 1.0 / v_sqrt_f64((alpha * alpha * p + 1.0) * (1.0 - p));
    if (!(p > 0.0 && p < 1.0) || !t->training) return hoop_dropout(t, x, p);
    x = hoop_shift(t, x, alpha); /* 0 is what is dropped */
    x = hoop_dropout(t, x, p);
    x = hoop_scale(t, x, a * (1.0 - p));
    return hoop_shift(t, x, alpha * a * (p - 1.0));
}

static hoop_status dropout_dims_shape(hoop_shape_call *s)
{
    const dims_attrs *a = s->attrs;
    const hoop_view  *x = s->in[0];
    if (!(a->p >= 0.0 && a->p < 1.0)) return hoop_fail(s->err, HOOP_EARG, "p = %g is not in [0, 1)", a->p);
    if ((a->dims & 1) == 0 || a->dims >= INT64_C(1) << HOOP_MAX_DIMS || a->dims >> x->ndim != 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "an input of %d dims has no channels, or no samples", x->ndim);
    return hoop__shape_unary(s);
}
/* the mask: of x's dims, size 1 where it is the same */
static hoop_view mask_of(const hoop_call *c)
{
    const dims_attrs *a                    = c->attrs;
    int64_t           shape[HOOP_MAX_DIMS] = {0};
    hoop_view         mask;
    for (int d = 0; d < c->out->ndim; d++) shape[d] = (a->dims >> d & 1) != 0 ? c->out->shape[d] : 1;
    hoop__view_set(&mask, (hoop_dtype)c->out->dtype, c->out->ndim, shape);
    mask.data = c->work;
    return mask;
}
static int64_t dropout_dims_workspace(const hoop_call *c)
{
    const hoop_view mask = mask_of(c);
    return hoop__view_numel(&mask) * (int64_t)hoop_dtype_size((hoop_dtype)mask.dtype);
}
static hoop_status dropout_dims_forward(const hoop_call *c)
{
    const dims_attrs *a    = c->attrs;
    hoop_view         mask = mask_of(c);
    const hoop_view  *in[] = {c->in[0], &mask};
    hoop_call         pair = *c;
    int64_t           n    = hoop__view_numel(&mask);
    for (int64_t i = 0; i < n; i++) {
        if (mask.dtype == HOOP_F32)
            ((float *)mask.data)[i] = 1.0F;
        else
            ((double *)mask.data)[i] = 1.0;
    }
    c->kernels->dropout[mask.dtype](0, n, mask.data, a->p, 1.0 / (1.0 - a->p), hoop__random_key(c, a->site, a->call), mask.data,
                                    false);
    pair.in  = in;
    pair.nin = 2;
    return hoop__run_binary(&pair, HOOP_BINARY_mul);
}
static void dropout_dims_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_dropout_dims, &b->dy[0], 1, b->attrs, NULL);
}
static void dropout_dims_reference(const hoop_call *c)
{
    const dims_attrs *a   = c->attrs;
    const hoop_key    key = hoop__random_key(c, a->site, a->call);
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        int64_t index[HOOP_MAX_DIMS], rest = i, at = 0;
        for (int d = c->out->ndim - 1; d >= 0; d--) {
            index[d] = rest % c->out->shape[d];
            rest /= c->out->shape[d];
        }
        for (int d = 0; d < c->out->ndim; d++) at = (a->dims >> d & 1) != 0 ? at * c->out->shape[d] + index[d] : at;
        hoop__put(c->out, i, (double)hoop_random_f32(key, (uint64_t)at) >= a->p ? hoop__at(c->in[0], i) / (1.0 - a->p) : 0.0);
    }
}
static const dims_attrs channels = {0.5, 3, 7, 9}, last = {0.25, 5, 3, 1}, samples = {0.1, 1, 3, 1}, whole = {1.0, 1, 0, 0},
                        none = {0.5, 2, 0, 0}, beyond = {0.5, 9, 0, 0};
static const hoop_case cases[] = {
    {"3x4x2", &channels},          {"3x4x5", &last},
    {"133x5", &samples},           {"7x3", &channels},
    {"0x3x2", &channels},          {"5x1x3", &channels},
    {"2x3", &whole, HOOP_EARG},    {"2x3", &none, HOOP_ESHAPE},
    {"2x3", &beyond, HOOP_ESHAPE}, {"i64:3x2<4", &samples, HOOP_EDTYPE},
};
const hoop_op hoop__op_dropout_dims = {
    .name       = "dropout_dims",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_RANDOM | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(dims_attrs),
    HOOP_FIELDS(fields),
    .shape     = dropout_dims_shape,
    .forward   = dropout_dims_forward,
    .workspace = dropout_dims_workspace,
    .backward  = dropout_dims_backward,
    .reference = dropout_dims_reference,
    HOOP_CASES(cases),
};
