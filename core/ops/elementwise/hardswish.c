/* hardswish, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_hardswish, hoop__op_hardswish_grad;

/**
 * hoop_hardswish - x times its hard sigmoid.
 * Shape   x -> same                  Value  x min(max(x + 3, 0), 6) / 6
 * Grad    dx += 0 up to -3, dy (x / 3 + 1 / 2) up to 3, then dy, the fused op hardswish_grad
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 * Source  Howard et al., ICCV 2019
 */
hoop_tensor *hoop_hardswish(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_hardswish, &x, 1, NULL, NULL);
}
static void hardswish_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_hardswish_grad(b->t, b->in[0], b->dy[0]);
}
static double hardswish_reference(double x)
{
    return x * fmin(fmax(x + 3.0, 0.0), 6.0) / 6.0;
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_hardswish = {
    .name = "hardswish",
    HOOP__UNARY(HOOP_UNARY_hardswish, hardswish_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = hardswish_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_hardswish_grad - the gradient of hoop_hardswish from its input x and dy.
 * Shape   x, dy of one shape -> same  Grad  by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_hardswish_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_hardswish_grad, (hoop_tensor *[]){x, dy}, 2, NULL, NULL);
}
static hoop_tensor *hardswish_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *low = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, -3.0), *high = hoop_neg(t, low);
    hoop_tensor *zero = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, 0.0), *third = hoop_scale(t, in[0], 1.0 / 3.0);
    hoop_tensor *slope = hoop_shift(t, third, 0.5), *bent = hoop_mul(t, in[1], slope), *under = hoop_less(t, in[0], high);
    hoop_tensor *above = hoop_greater(t, in[0], low), *right = hoop_where(t, under, bent, in[1]);
    (void)nin, (void)attrs;
    return hoop_where(t, above, right, zero);
}
static double hardswish_grad_reference(double x, double dy)
{
    return x <= -3.0 ? 0.0 : x < 3.0 ? dy * (x / 3.0 + 0.5) : dy;
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_hardswish_grad = {
    .name = "hardswish_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_hardswish, hardswish_grad_reference),
    .flags     = HOOP__ELEMENTWISE_GRAD,
    .composite = hardswish_grad_composite,
    HOOP_CASES(grad_cases),
};
