/* tanh, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_tanh, hoop__op_tanh_grad;

/**
 * hoop_tanh - hyperbolic tangent.
 * Shape   x -> same                  Grad   dx += dy (1 - y^2)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_tanh(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_tanh, &x, 1, NULL, NULL);
}
static void tanh_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_tanh_grad(b->t, b->out[0], b->dy[0]);
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_tanh = {
    .name = "tanh",
    HOOP__UNARY(HOOP_UNARY_tanh, tanh),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_OUT(0),
    .backward = tanh_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_tanh_grad - the gradient of hoop_tanh from its output y and dy.
 * Shape   y, dy of one shape -> same  Value  dy (1 - y^2)
 * Grad    by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_tanh_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_tanh_grad, (hoop_tensor *[]){y, dy}, 2, NULL, NULL);
}
static hoop_tensor *tanh_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *square = hoop_mul(t, in[0], in[0]), *minus = hoop_neg(t, square), *slope = hoop_shift(t, minus, 1.0);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[1], slope);
}
static double tanh_grad_reference(double y, double dy)
{
    return (1.0 - y * y) * dy;
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_tanh_grad = {
    .name = "tanh_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_tanh, tanh_grad_reference),
    .flags     = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .composite = tanh_grad_composite,
    HOOP_CASES(grad_cases),
};
