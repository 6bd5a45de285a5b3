/* greater, equal: elementwise comparisons, 1 or 0 in the inputs' dtype. */
#include "hoop/ops.h"
#include "ops/shape.h"

static const hoop_case cases[] = {
    {"3x4 3x4"}, {"3x4 4"}, {". 5"}, {"0x3 3"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

extern const hoop_op hoop__op_greater, hoop__op_equal;

/**
 * hoop_greater - 1 where a > b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none (zero almost everywhere)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_greater(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_greater, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double greater_reference(double p, double q)
{
    return p > q ? 1.0 : 0.0;
}
const hoop_op hoop__op_greater = {
    .name = "greater",
    HOOP__BINARY(HOOP_BINARY_greater, greater_reference),
    .flags = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER | HOOP_OP_NO_GRAD,
    HOOP_CASES(cases),
};

/**
 * hoop_equal - 1 where a == b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_equal, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double equal_reference(double p, double q)
{
    return p == q ? 1.0 : 0.0;
}
const hoop_op hoop__op_equal = {
    .name = "equal",
    HOOP__BINARY(HOOP_BINARY_equal, equal_reference),
    .flags = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER | HOOP_OP_NO_GRAD,
    HOOP_CASES(cases),
};
