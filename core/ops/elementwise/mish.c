/* mish, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_mish, hoop__op_mish_grad;

/**
 * hoop_mish - x tanh(softplus x).
 * Shape   x -> same                  Value  x tanh(ln(1 + e^x))
 * Grad    dx += dy (w + x s (1 - w^2)), w = tanh(softplus x), s = sigmoid x, the fused op mish_grad
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 * Source  Misra, BMVC 2020
 */
hoop_tensor *hoop_mish(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_mish, &x, 1, NULL, NULL);
}
static void mish_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_mish_grad(b->t, b->in[0], b->dy[0]);
}
static double mish_reference(double x)
{
    return x * tanh(log1p(exp(x)));
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_mish = {
    .name = "mish",
    HOOP__UNARY(HOOP_UNARY_mish, mish_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = mish_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_mish_grad - the gradient of hoop_mish from its input x and dy.
 * Shape   x, dy of one shape -> same  Grad  by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_mish_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_mish_grad, (hoop_tensor *[]){x, dy}, 2, NULL, NULL);
}
static hoop_tensor *mish_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *soft = hoop_softplus(t, in[0], 1.0, 20.0), *w = hoop_tanh(t, soft), *s = hoop_sigmoid(t, in[0]);
    hoop_tensor *square = hoop_square(t, w), *minus = hoop_neg(t, square), *rest = hoop_shift(t, minus, 1.0);
    hoop_tensor *xs = hoop_mul(t, in[0], s), *part = hoop_mul(t, xs, rest), *slope = hoop_add(t, w, part);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[1], slope);
}
static double mish_grad_reference(double x, double dy)
{
    double w = tanh(log1p(exp(x))), s = 1.0 / (1.0 + exp(-x));
    return dy * (w + x * s * (1.0 - w * w));
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_mish_grad = {
    .name = "mish_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_mish, mish_grad_reference),
    .flags     = HOOP__ELEMENTWISE_GRAD,
    .composite = mish_grad_composite,
    HOOP_CASES(grad_cases),
};
