/* log_sigmoid, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_log_sigmoid, hoop__op_log_sigmoid_grad;

/**
 * hoop_log_sigmoid - the logarithm of the sigmoid.
 * Shape   x -> same                  Value  -ln(1 + e^-x)
 * Grad    dx += dy (1 - e^y), the fused op log_sigmoid_grad
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_log_sigmoid(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_log_sigmoid, &x, 1, NULL, NULL);
}
static void log_sigmoid_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_log_sigmoid_grad(b->t, b->out[0], b->dy[0]);
}
static double log_sigmoid_reference(double x)
{
    return x < 0.0 ? x - log1p(exp(x)) : -log1p(exp(-x));
}
static const hoop_case cases[] = {{"3x4"}, {"."}, {"0x3"}, {"133"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_log_sigmoid = {
    .name = "log_sigmoid",
    HOOP__UNARY(HOOP_UNARY_log_sigmoid, log_sigmoid_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_OUT(0),
    .backward = log_sigmoid_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_log_sigmoid_grad - the gradient of hoop_log_sigmoid from its output y and dy.
 * Shape   y, dy of one shape -> same  Grad  by the primitive ops of its composite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_log_sigmoid_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy)
{
    return hoop_op_call(t, &hoop__op_log_sigmoid_grad, (hoop_tensor *[]){y, dy}, 2, NULL, NULL);
}
static hoop_tensor *log_sigmoid_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *less = hoop_expm1(t, in[0]), *slope = hoop_neg(t, less);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[1], slope);
}
static double log_sigmoid_grad_reference(double y, double dy)
{
    return -dy * expm1(y);
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_log_sigmoid_grad = {
    .name = "log_sigmoid_grad",
    HOOP__UNARY_GRAD(HOOP_UNARY_GRAD_log_sigmoid, log_sigmoid_grad_reference),
    .flags     = HOOP__ELEMENTWISE_GRAD,
    .composite = log_sigmoid_grad_composite,
    HOOP_CASES(grad_cases),
};
