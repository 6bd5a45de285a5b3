/* sigmoid, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_sigmoid, hoop__op_sigmoid_grad;

/**
 * hoop_sigmoid - 1 / (1 + e^-x).
 * Shape   x -> same                  Grad   dx += dy y (1 - y)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_sigmoid(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_sigmoid, &x, 1, NULL, NULL);
}
static void sigmoid_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_sigmoid_grad(b->t, b->out[0], b->dy[0]);
}
static double sigmoid_reference(double x)
{
    return 1.0 / (1.0 + exp(-x));
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_sigmoid = {
    .name = "sigmoid",
    HOOP__UNARY(HOOP_UNARY_sigmoid, sigmoid_reference),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_OUT(0),
    .backward = sigmoid_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_sigmoid_grad - the gradient of hoop_sigmoid from its output y and dy.
 * Shape   y, dy of one shape -> same  Value  dy y (1 - y)
 * Grad    by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_sigmoid_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_sigmoid_grad, (hoop_tensor *[]){y, dy}, 2, NULL, NULL);
}
static hoop_tensor *sigmoid_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *square = hoop_mul(t, in[0], in[0]), *slope = hoop_sub(t, in[0], square);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[1], slope);
}
static double sigmoid_grad_reference(double y, double dy)
{
    return y * (1.0 - y) * dy;
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_sigmoid_grad = {
    .name = "sigmoid_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_sigmoid, sigmoid_grad_reference),
    .flags     = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .composite = sigmoid_grad_composite,
    HOOP_CASES(grad_cases),
};
