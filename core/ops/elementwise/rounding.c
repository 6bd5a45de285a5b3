/* abs, sign, and rounding to whole numbers. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

static const hoop_case any_cases[]     = {{"3x4"}, {"."}, {"0x3"}, {"131"}, {"i64:3<5", NULL, HOOP_EDTYPE}};
static const hoop_case numbers_cases[] = {{"3x4"}, {"."}, {"0x3"}, {"131"}, {"i64:3x4<9"}, {"i32:17<9"}, {"u8:5<9"}};

extern const hoop_op hoop__op_abs, hoop__op_sign, hoop__op_floor, hoop__op_ceil, hoop__op_round, hoop__op_trunc;

/**
 * hoop_abs - |x|.
 * Shape   x -> same                  Grad   dx += dy sign x
 * Dtype   any
 */
hoop_tensor *hoop_abs(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_abs, &x, 1, NULL, NULL);
}
static void abs_backward(hoop_backward_call *b)
{
    hoop_tensor *slope;
    if (!hoop_needs(b, 0)) return;
    slope = hoop_sign(b->t, b->in[0]);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_abs = {
    .name = "abs",
    HOOP__UNARY_ANY(HOOP_UNARY_abs, fabs),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = abs_backward,
    HOOP_CASES(numbers_cases),
};

/**
 * hoop_sign - 1, 0 or -1 by the sign of x; NaN gives 0.
 * Shape   x -> same                  Grad   none (zero almost everywhere)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_sign(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_sign, &x, 1, NULL, NULL);
}
static double sign_reference(double x)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0;
}
const hoop_op hoop__op_sign = {
    .name = "sign",
    HOOP__UNARY(HOOP_UNARY_sign, sign_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(any_cases),
};

/**
 * hoop_floor - the largest whole number up to x.
 * Shape   x -> same                  Grad   none
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_floor(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_floor, &x, 1, NULL, NULL);
}
const hoop_op hoop__op_floor = {
    .name = "floor",
    HOOP__UNARY(HOOP_UNARY_floor, floor),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(any_cases),
};

/**
 * hoop_ceil - the least whole number from x on.
 * Shape   x -> same                  Grad   none
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_ceil(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_ceil, &x, 1, NULL, NULL);
}
const hoop_op hoop__op_ceil = {
    .name = "ceil",
    HOOP__UNARY(HOOP_UNARY_ceil, ceil),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(any_cases),
};

/**
 * hoop_round - the nearest whole number, half way the even one.
 * Shape   x -> same                  Grad   none
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_round(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_round, &x, 1, NULL, NULL);
}
const hoop_op hoop__op_round = {
    .name = "round",
    HOOP__UNARY(HOOP_UNARY_round, nearbyint),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(any_cases),
};

/**
 * hoop_trunc - x without what is behind the point.
 * Shape   x -> same                  Grad   none
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_trunc(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_trunc, &x, 1, NULL, NULL);
}
const hoop_op hoop__op_trunc = {
    .name = "trunc",
    HOOP__UNARY(HOOP_UNARY_trunc, trunc),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(any_cases),
};
