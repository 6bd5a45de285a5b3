/* sinh, cosh and the inverses of the hyperbolic functions; tanh is in tanh.c. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

static const hoop_case any_cases[]    = {{"3x4"}, {"."}, {"0x3"}, {"131"}, {"i64:3<5", NULL, HOOP_EDTYPE}};
static const hoop_case inner_cases[]  = {{"3x4~"}, {".~"}, {"0x3~"}, {"131~"}, {"i64:3<5", NULL, HOOP_EDTYPE}};
static const hoop_case beyond_cases[] = {{"3x4^"}, {".^"}, {"0x3^"}, {"131^"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

extern const hoop_op hoop__op_sinh, hoop__op_cosh, hoop__op_asinh, hoop__op_acosh, hoop__op_atanh;

/**
 * hoop_sinh - hyperbolic sine.
 * Shape   x -> same                  Grad   dx += dy cosh x
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_sinh(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_sinh, &x, 1, NULL, NULL);
}
static void sinh_backward(hoop_backward_call *b)
{
    hoop_tensor *slope;
    if (!hoop_needs(b, 0)) return;
    slope = hoop_cosh(b->t, b->in[0]);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_sinh = {
    .name = "sinh",
    HOOP__UNARY(HOOP_UNARY_sinh, sinh),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = sinh_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_cosh - hyperbolic cosine.
 * Shape   x -> same                  Grad   dx += dy sinh x
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_cosh(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_cosh, &x, 1, NULL, NULL);
}
static void cosh_backward(hoop_backward_call *b)
{
    hoop_tensor *slope;
    if (!hoop_needs(b, 0)) return;
    slope = hoop_sinh(b->t, b->in[0]);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_cosh = {
    .name = "cosh",
    HOOP__UNARY(HOOP_UNARY_cosh, cosh),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = cosh_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_asinh - inverse of sinh.
 * Shape   x -> same                  Grad   dx += dy / sqrt(x^2 + 1)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_asinh(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_asinh, &x, 1, NULL, NULL);
}
static void asinh_backward(hoop_backward_call *b)
{
    hoop_tensor *square, *sum, *slope;
    if (!hoop_needs(b, 0)) return;
    square = hoop_square(b->t, b->in[0]);
    sum    = hoop_shift(b->t, square, 1.0);
    slope  = hoop_rsqrt(b->t, sum);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_asinh = {
    .name = "asinh",
    HOOP__UNARY(HOOP_UNARY_asinh, asinh),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = asinh_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_acosh - inverse of cosh, x >= 1; NaN below.
 * Shape   x -> same                  Grad   dx += dy / sqrt(x^2 - 1)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_acosh(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_acosh, &x, 1, NULL, NULL);
}
static void acosh_backward(hoop_backward_call *b)
{
    hoop_tensor *square, *rest, *slope;
    if (!hoop_needs(b, 0)) return;
    square = hoop_square(b->t, b->in[0]);
    rest   = hoop_shift(b->t, square, -1.0);
    slope  = hoop_rsqrt(b->t, rest);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_acosh = {
    .name = "acosh",
    HOOP__UNARY(HOOP_UNARY_acosh, acosh),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = acosh_backward,
    HOOP_CASES(beyond_cases),
};

/**
 * hoop_atanh - inverse of tanh, |x| <= 1; NaN beyond.
 * Shape   x -> same                  Grad   dx += dy / (1 - x^2)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_atanh(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_atanh, &x, 1, NULL, NULL);
}
static void atanh_backward(hoop_backward_call *b)
{
    hoop_tensor *square, *minus, *under;
    if (!hoop_needs(b, 0)) return;
    square = hoop_square(b->t, b->in[0]);
    minus  = hoop_neg(b->t, square);
    under  = hoop_shift(b->t, minus, 1.0);
    if (hoop_sink(b, 0)) hoop_div(b->t, b->dy[0], under);
}
const hoop_op hoop__op_atanh = {
    .name = "atanh",
    HOOP__UNARY(HOOP_UNARY_atanh, atanh),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = atanh_backward,
    HOOP_CASES(inner_cases),
};
