/* relu, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

extern const hoop_op hoop__op_relu, hoop__op_relu_grad;

/**
 * hoop_relu - rectified linear unit.
 * Shape   x -> same                  Value  y = max(x, 0); NaN kept
 * Grad    dx += dy where y > 0 (0 at the kink)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 * Source  Nair & Hinton, ICML 2010
 */
hoop_tensor *hoop_relu(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_relu, &x, 1, NULL, NULL);
}
static void relu_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_relu_grad(b->t, b->out[0], b->dy[0]);
}
static double relu_reference(double x)
{
    return x > 0.0 ? x : 0.0;
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_relu = {
    .name = "relu",
    HOOP__UNARY(HOOP_UNARY_relu, relu_reference),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_OUT(0),
    .backward = relu_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_relu_grad - the gradient of hoop_relu from its output y and dy.
 * Shape   y, dy of one shape -> same  Value  dy where y > 0, else 0
 * Grad    by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_relu_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_relu_grad, (hoop_tensor *[]){y, dy}, 2, NULL, NULL);
}
static hoop_tensor *relu_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *zero = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, 0.0), *mask = hoop_greater(t, in[0], zero);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[1], mask);
}
static double relu_grad_reference(double y, double dy)
{
    return (y > 0.0 ? 1.0 : 0.0) * dy;
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_relu_grad = {
    .name = "relu_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_relu, relu_grad_reference),
    .flags     = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .composite = relu_grad_composite,
    HOOP_CASES(grad_cases),
};
