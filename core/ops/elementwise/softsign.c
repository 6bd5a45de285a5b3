/* softsign, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_softsign, hoop__op_softsign_grad;

/**
 * hoop_softsign - x / (1 + |x|).
 * Shape   x -> same                  Value  x / (1 + |x|)
 * Grad    dx += dy (1 - |y|)^2, the fused op softsign_grad
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_softsign(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_softsign, &x, 1, NULL, NULL);
}
static void softsign_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_softsign_grad(b->t, b->out[0], b->dy[0]);
}
static double softsign_reference(double x)
{
    return x / (1.0 + fabs(x));
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_softsign = {
    .name = "softsign",
    HOOP__UNARY(HOOP_UNARY_softsign, softsign_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_OUT(0),
    .backward = softsign_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_softsign_grad - the gradient of hoop_softsign from its output y and dy.
 * Shape   y, dy of one shape -> same  Grad  by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_softsign_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_softsign_grad, (hoop_tensor *[]){y, dy}, 2, NULL, NULL);
}
static hoop_tensor *softsign_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *size = hoop_abs(t, in[0]), *minus = hoop_neg(t, size), *rest = hoop_shift(t, minus, 1.0);
    hoop_tensor *slope = hoop_square(t, rest);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[1], slope);
}
static double softsign_grad_reference(double y, double dy)
{
    return dy * (1.0 - fabs(y)) * (1.0 - fabs(y));
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_softsign_grad = {
    .name = "softsign_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_softsign, softsign_grad_reference),
    .flags     = HOOP__ELEMENTWISE_GRAD,
    .composite = softsign_grad_composite,
    HOOP_CASES(grad_cases),
};
