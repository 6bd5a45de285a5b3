/* silu, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_silu, hoop__op_silu_grad;

/**
 * hoop_silu - x times its sigmoid (swish).
 * Shape   x -> same                  Value  x / (1 + e^-x)
 * Grad    dx += dy s (1 + x (1 - s)), s = sigmoid x, the fused op silu_grad
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 * Source  Elfwing, Uchibe & Doya, arXiv 1702.03118
 */
hoop_tensor *hoop_silu(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_silu, &x, 1, NULL, NULL);
}
static void silu_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_silu_grad(b->t, b->in[0], b->dy[0]);
}
static double silu_reference(double x)
{
    return x / (1.0 + exp(-x));
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_silu = {
    .name = "silu",
    HOOP__UNARY(HOOP_UNARY_silu, silu_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = silu_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_silu_grad - the gradient of hoop_silu from its input x and dy.
 * Shape   x, dy of one shape -> same  Grad  by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_silu_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_silu_grad, (hoop_tensor *[]){x, dy}, 2, NULL, NULL);
}
static hoop_tensor *silu_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *s = hoop_sigmoid(t, in[0]), *minus = hoop_neg(t, s), *rest = hoop_shift(t, minus, 1.0);
    hoop_tensor *part = hoop_mul(t, in[0], rest), *factor = hoop_shift(t, part, 1.0), *slope = hoop_mul(t, s, factor);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[1], slope);
}
static double silu_grad_reference(double x, double dy)
{
    double s = 1.0 / (1.0 + exp(-x));
    return dy * s * (1.0 + x * (1.0 - s));
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_silu_grad = {
    .name = "silu_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_silu, silu_grad_reference),
    .flags     = HOOP__ELEMENTWISE_GRAD,
    .composite = silu_grad_composite,
    HOOP_CASES(grad_cases),
};
