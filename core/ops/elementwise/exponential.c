/* exp, log, their kin to other bases and near 0, roots, square, erf. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

static const hoop_case any_cases[]      = {{"3x4"}, {"."}, {"0x3"}, {"131"}, {"i64:3<5", NULL, HOOP_EDTYPE}};
static const hoop_case positive_cases[] = {{"3x4+"}, {".+"}, {"0x3+"}, {"131+"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

extern const hoop_op hoop__op_exp, hoop__op_log, hoop__op_sqrt, hoop__op_erf, hoop__op_exp2, hoop__op_expm1, hoop__op_log1p,
    hoop__op_log2, hoop__op_log10, hoop__op_rsqrt, hoop__op_square;

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

/**
 * hoop_exp2 - 2^x.
 * Shape   x -> same                  Grad   dx += dy y ln 2
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_exp2(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_exp2, &x, 1, NULL, NULL);
}
static void exp2_backward(hoop_backward_call *b)
{
    hoop_tensor *slope;
    if (!hoop_needs(b, 0)) return;
    slope = hoop_scale(b->t, b->out[0], M_LN2);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_exp2 = {
    .name = "exp2",
    HOOP__UNARY(HOOP_UNARY_exp2, exp2),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_OUT(0),
    .backward = exp2_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_expm1 - e^x - 1, exact near 0.
 * Shape   x -> same                  Grad   dx += dy (y + 1)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_expm1(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_expm1, &x, 1, NULL, NULL);
}
static void expm1_backward(hoop_backward_call *b)
{
    hoop_tensor *slope;
    if (!hoop_needs(b, 0)) return;
    slope = hoop_shift(b->t, b->out[0], 1.0);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_expm1 = {
    .name = "expm1",
    HOOP__UNARY(HOOP_UNARY_expm1, expm1),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_OUT(0),
    .backward = expm1_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_log1p - ln(1 + x), exact near 0; -inf at -1, NaN below.
 * Shape   x -> same                  Grad   dx += dy / (1 + x)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_log1p(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_log1p, &x, 1, NULL, NULL);
}
static void log1p_backward(hoop_backward_call *b)
{
    hoop_tensor *under;
    if (!hoop_needs(b, 0)) return;
    under = hoop_shift(b->t, b->in[0], 1.0);
    if (hoop_sink(b, 0)) hoop_div(b->t, b->dy[0], under);
}
const hoop_op hoop__op_log1p = {
    .name = "log1p",
    HOOP__UNARY(HOOP_UNARY_log1p, log1p),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = log1p_backward,
    HOOP_CASES(positive_cases),
};

/**
 * hoop_log2 - logarithm to base 2; -inf at 0, NaN below.
 * Shape   x -> same                  Grad   dx += dy / (x ln 2)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_log2(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_log2, &x, 1, NULL, NULL);
}
static void log2_backward(hoop_backward_call *b)
{
    hoop_tensor *under;
    if (!hoop_needs(b, 0)) return;
    under = hoop_scale(b->t, b->in[0], M_LN2);
    if (hoop_sink(b, 0)) hoop_div(b->t, b->dy[0], under);
}
const hoop_op hoop__op_log2 = {
    .name = "log2",
    HOOP__UNARY(HOOP_UNARY_log2, log2),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = log2_backward,
    HOOP_CASES(positive_cases),
};

/**
 * hoop_log10 - logarithm to base 10; -inf at 0, NaN below.
 * Shape   x -> same                  Grad   dx += dy / (x ln 10)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_log10(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_log10, &x, 1, NULL, NULL);
}
static void log10_backward(hoop_backward_call *b)
{
    hoop_tensor *under;
    if (!hoop_needs(b, 0)) return;
    under = hoop_scale(b->t, b->in[0], M_LN10);
    if (hoop_sink(b, 0)) hoop_div(b->t, b->dy[0], under);
}
const hoop_op hoop__op_log10 = {
    .name = "log10",
    HOOP__UNARY(HOOP_UNARY_log10, log10),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = log10_backward,
    HOOP_CASES(positive_cases),
};

/**
 * hoop_rsqrt - 1 / sqrt(x); inf at 0, NaN below.
 * Shape   x -> same                  Grad   dx -= dy y^3 / 2
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_rsqrt(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_rsqrt, &x, 1, NULL, NULL);
}
static void rsqrt_backward(hoop_backward_call *b)
{
    hoop_tensor *square, *cube, *slope;
    if (!hoop_needs(b, 0)) return;
    square = hoop_mul(b->t, b->out[0], b->out[0]);
    cube   = hoop_mul(b->t, square, b->out[0]);
    slope  = hoop_scale(b->t, cube, -0.5);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
static double rsqrt_reference(double x)
{
    return 1.0 / sqrt(x);
}
const hoop_op hoop__op_rsqrt = {
    .name = "rsqrt",
    HOOP__UNARY(HOOP_UNARY_rsqrt, rsqrt_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_OUT(0),
    .backward = rsqrt_backward,
    HOOP_CASES(positive_cases),
};

/**
 * hoop_square - x^2.
 * Shape   x -> same                  Grad   dx += 2 dy x
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_square(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_square, &x, 1, NULL, NULL);
}
static void square_backward(hoop_backward_call *b)
{
    hoop_tensor *half;
    if (!hoop_needs(b, 0)) return;
    half = hoop_mul(b->t, b->dy[0], b->in[0]);
    if (hoop_sink(b, 0)) hoop_scale(b->t, half, 2.0);
}
static double square_reference(double x)
{
    return x * x;
}
const hoop_op hoop__op_square = {
    .name = "square",
    HOOP__UNARY(HOOP_UNARY_square, square_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = square_backward,
    HOOP_CASES(any_cases),
};
