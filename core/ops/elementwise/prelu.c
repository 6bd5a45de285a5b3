/* prelu: a rectifier whose slope below 0 is a parameter. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "tape/tape.h"

static const hoop_case cases[] = {
    {"3x4 3x4"},
    {"3x4 4"},
    {"2x3x5 3x1"},
    {"133 ."},
    {"0x3 3"},
    {"3 4", NULL, HOOP_ESHAPE},
    {"i64:3<5 i64:3<5", NULL, HOOP_EDTYPE},
};

extern const hoop_op hoop__op_prelu;

/**
 * hoop_prelu - x, or w x where x is not above 0; w one slope, or one for each channel (dim 1).
 * Shape   x (N, C, ..), w (C) -> same; x (..), w (1) or () -> same
 * Grad    dx += dy, or w dy where x is not above 0; dw += dy x there, summed
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 * Source  He, Zhang, Ren & Sun, ICCV 2015
 */
hoop_tensor *hoop_prelu(hoop_tape *t, hoop_tensor *x, hoop_tensor *w)
{
    int64_t shape[HOOP_MAX_DIMS] = {hoop_tensor_numel(w)};
    int     ndim                 = hoop_tensor_ndim(x) - 1;
    if (hoop_tensor_numel(w) == 1)
        ndim = 0;
    else if (ndim < 1 || hoop_tensor_size(x, 1) != hoop_tensor_numel(w)) {
        hoop_tape_fail(t, HOOP_ESHAPE, "prelu: %lld slopes for %lld channels (dim 1)", (long long)hoop_tensor_numel(w),
                       ndim < 1 ? 0LL : (long long)hoop_tensor_size(x, 1));
        return &t->poison;
    }
    for (int d = 1; d < ndim; d++) shape[d] = 1;
    w = hoop_reshape(t, w, ndim, shape);
    return hoop_op_call(t, &hoop__op_prelu, (hoop_tensor *[]){x, w}, 2, NULL, NULL);
}
static void prelu_backward(hoop_backward_call *b)
{
    hoop_tensor *x = b->in[0], *zero = hoop_fill(b->t, hoop_tensor_dtype(x), 0, NULL, 0.0);
    if (hoop_needs(b, 0)) {
        hoop_tensor *above = hoop_greater(b->t, x, zero), *less = hoop_mul(b->t, b->dy[0], b->in[1]);
        if (hoop_sink(b, 0)) hoop_where(b->t, above, b->dy[0], less);
    }
    if (hoop_needs(b, 1)) {
        hoop_tensor *below = hoop_minimum(b->t, x, zero);
        if (hoop_sink(b, 1)) hoop_mul(b->t, b->dy[0], below);
    }
}
static double prelu_reference(double x, double w)
{
    return x > 0.0 ? x : w * x;
}
const hoop_op hoop__op_prelu = {
    .name = "prelu",
    HOOP__BINARY(HOOP_BINARY_prelu, prelu_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .backward = prelu_backward,
    HOOP_CASES(cases),
};
