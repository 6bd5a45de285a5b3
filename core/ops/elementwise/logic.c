/* Logic on masks, and what kind of number it is. A mask is true where it is not 0; what comes is 1 or 0 in its dtype. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

static const hoop_case pair_cases[] = {
    {"3x4 3x4"},
    {"3x4 4"},
    {". 5"},
    {"0x3 3"},
    {"i64:3x4<2 i64:4<2"},
    {"i32:17<2 i32:17<2"},
    {"u8:3x5<2 u8:5<2"},
    {"3 4", NULL, HOOP_ESHAPE},
    {"3 i64:3<5", NULL, HOOP_EDTYPE},
};
static const hoop_case mask_cases[]  = {{"3x4"}, {"."}, {"0x3"}, {"131"}, {"i64:3x4<2"}, {"i32:17<2"}, {"u8:5<2"}};
static const hoop_case float_cases[] = {{"3x4"}, {"."}, {"0x3"}, {"131"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

extern const hoop_op hoop__op_logical_and, hoop__op_logical_or, hoop__op_logical_xor, hoop__op_logical_not, hoop__op_isfinite,
    hoop__op_isinf, hoop__op_isnan;

/**
 * hoop_logical_and - 1 where both a and b are not 0, else 0.
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_logical_and(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_logical_and, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double logical_and_reference(double p, double q)
{
    return p != 0.0 && q != 0.0 ? 1.0 : 0.0;
}
const hoop_op hoop__op_logical_and = {
    .name = "logical_and",
    HOOP__BINARY_ANY(HOOP_BINARY_and, logical_and_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(pair_cases),
};

/**
 * hoop_logical_or - 1 where a or b is not 0, else 0.
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_logical_or(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_logical_or, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double logical_or_reference(double p, double q)
{
    return p != 0.0 || q != 0.0 ? 1.0 : 0.0;
}
const hoop_op hoop__op_logical_or = {
    .name = "logical_or",
    HOOP__BINARY_ANY(HOOP_BINARY_or, logical_or_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(pair_cases),
};

/**
 * hoop_logical_xor - 1 where one of a and b is 0 and the other is not, else 0.
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_logical_xor(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_logical_xor, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double logical_xor_reference(double p, double q)
{
    return (p != 0.0) != (q != 0.0) ? 1.0 : 0.0;
}
const hoop_op hoop__op_logical_xor = {
    .name = "logical_xor",
    HOOP__BINARY_ANY(HOOP_BINARY_xor, logical_xor_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(pair_cases),
};

/**
 * hoop_logical_not - 1 where x is 0, else 0.
 * Shape   x -> same                  Grad   none
 * Dtype   any
 */
hoop_tensor *hoop_logical_not(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_logical_not, &x, 1, NULL, NULL);
}
static double logical_not_reference(double x)
{
    return x == 0.0 ? 1.0 : 0.0;
}
const hoop_op hoop__op_logical_not = {
    .name = "logical_not",
    HOOP__UNARY_ANY(HOOP_UNARY_iszero, logical_not_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(mask_cases),
};

/**
 * hoop_isfinite - 1 where x is neither infinite nor NaN, else 0.
 * Shape   x -> same                  Grad   none
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_isfinite(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_isfinite, &x, 1, NULL, NULL);
}
static double isfinite_reference(double x)
{
    return isfinite(x) ? 1.0 : 0.0;
}
const hoop_op hoop__op_isfinite = {
    .name = "isfinite",
    HOOP__UNARY(HOOP_UNARY_isfinite, isfinite_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(float_cases),
};

/**
 * hoop_isinf - 1 where x is infinite, else 0.
 * Shape   x -> same                  Grad   none
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_isinf(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_isinf, &x, 1, NULL, NULL);
}
static double isinf_reference(double x)
{
    return isinf(x) ? 1.0 : 0.0;
}
const hoop_op hoop__op_isinf = {
    .name = "isinf",
    HOOP__UNARY(HOOP_UNARY_isinf, isinf_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(float_cases),
};

/**
 * hoop_isnan - 1 where x is NaN, else 0.
 * Shape   x -> same                  Grad   none
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_isnan(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_isnan, &x, 1, NULL, NULL);
}
static double isnan_reference(double x)
{
    return isnan(x) ? 1.0 : 0.0;
}
const hoop_op hoop__op_isnan = {
    .name = "isnan",
    HOOP__UNARY(HOOP_UNARY_isnan, isnan_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(float_cases),
};
