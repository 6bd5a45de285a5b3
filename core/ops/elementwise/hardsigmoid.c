/* hardsigmoid, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_hardsigmoid, hoop__op_hardsigmoid_grad;

/**
 * hoop_hardsigmoid - a sigmoid of three straight lines.
 * Shape   x -> same                  Value  min(max(x + 3, 0), 6) / 6
 * Grad    dx += dy / 6 where 0 < y < 1, the fused op hardsigmoid_grad
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_hardsigmoid(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_hardsigmoid, &x, 1, NULL, NULL);
}
static void hardsigmoid_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_hardsigmoid_grad(b->t, b->out[0], b->dy[0]);
}
static double hardsigmoid_reference(double x)
{
    return fmin(fmax(x + 3.0, 0.0), 6.0) / 6.0;
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_hardsigmoid = {
    .name = "hardsigmoid",
    HOOP__UNARY(HOOP_UNARY_hardsigmoid, hardsigmoid_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_OUT(0),
    .backward = hardsigmoid_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_hardsigmoid_grad - the gradient of hoop_hardsigmoid from its output y and dy.
 * Shape   y, dy of one shape -> same  Grad  by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_hardsigmoid_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_hardsigmoid_grad, (hoop_tensor *[]){y, dy}, 2, NULL, NULL);
}
static hoop_tensor *hardsigmoid_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *zero = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, 0.0), *one = hoop_shift(t, zero, 1.0);
    hoop_tensor *above = hoop_greater(t, in[0], zero), *under = hoop_less(t, in[0], one), *bent = hoop_mul(t, above, under);
    hoop_tensor *slope = hoop_scale(t, bent, 1.0 / 6.0);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[1], slope);
}
static double hardsigmoid_grad_reference(double y, double dy)
{
    return y > 0.0 && y < 1.0 ? dy / 6.0 : 0.0;
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_hardsigmoid_grad = {
    .name = "hardsigmoid_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_hardsigmoid, hardsigmoid_grad_reference),
    .flags     = HOOP__ELEMENTWISE_GRAD,
    .composite = hardsigmoid_grad_composite,
    HOOP_CASES(grad_cases),
};
