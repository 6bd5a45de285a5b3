/* exp, log, sqrt, erf: elementwise transcendentals. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

static const hoop_case any_cases[]      = {{"3x4"}, {"."}, {"0x3"}, {"131"}, {"i64:3<5", NULL, HOOP_EDTYPE}};
static const hoop_case positive_cases[] = {{"3x4+"}, {".+"}, {"0x3+"}, {"131+"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

extern const hoop_op hoop__op_exp, hoop__op_log, hoop__op_sqrt, hoop__op_erf;

/**
 * hoop_exp - e^x.
 * Shape   x -> same                  Grad   dx += dy y
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_exp(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_exp, &x, 1, NULL, NULL);
}
static void exp_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], b->out[0]);
}
const hoop_op hoop__op_exp = {
    .name = "exp",
    HOOP__UNARY(HOOP_UNARY_exp, exp),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_OUT(0),
    .backward = exp_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_log - natural logarithm; -inf at 0, NaN below.
 * Shape   x -> same                  Grad   dx += dy / x
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_log(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_log, &x, 1, NULL, NULL);
}
static void log_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_div(b->t, b->dy[0], b->in[0]);
}
const hoop_op hoop__op_log = {
    .name = "log",
    HOOP__UNARY(HOOP_UNARY_log, log),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_IN(0),
    .backward = log_backward,
    HOOP_CASES(positive_cases),
};

/**
 * hoop_sqrt - square root; NaN below 0.
 * Shape   x -> same                  Grad   dx += dy / (2 y)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_sqrt(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_sqrt, &x, 1, NULL, NULL);
}
static void sqrt_backward(hoop_backward_call *b)
{
    hoop_tensor *half = hoop_scale(b->t, b->dy[0], 0.5);
    if (hoop_sink(b, 0)) hoop_div(b->t, half, b->out[0]);
}
const hoop_op hoop__op_sqrt = {
    .name = "sqrt",
    HOOP__UNARY(HOOP_UNARY_sqrt, sqrt),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_OUT(0),
    .backward = sqrt_backward,
    HOOP_CASES(positive_cases),
};

/**
 * hoop_erf - the error function, 2/sqrt(pi) times the integral of e^(-u^2) from 0 to x.
 * Shape   x -> same                  Grad   dx += dy 2/sqrt(pi) e^(-x^2)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_erf(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_erf, &x, 1, NULL, NULL);
}
static void erf_backward(hoop_backward_call *b)
{
    hoop_tensor *square, *minus, *bell, *slope;
    if (!hoop_needs(b, 0)) return;
    square = hoop_mul(b->t, b->in[0], b->in[0]);
    minus  = hoop_neg(b->t, square);
    bell   = hoop_exp(b->t, minus);
    slope  = hoop_scale(b->t, bell, M_2_SQRTPI);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_erf = {
    .name = "erf",
    HOOP__UNARY(HOOP_UNARY_erf, erf),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_IN(0),
    .backward = erf_backward,
    HOOP_CASES(any_cases),
};
