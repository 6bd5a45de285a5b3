/* Comparisons: masks, 1 where it is so and 0 elsewhere, in the dtype of what is compared. */
#include "hoop/ops.h"
#include "ops/shape.h"

static const hoop_case cases[] = {
    {"3x4 3x4"},
    {"3x4 4"},
    {". 5"},
    {"0x3 3"},
    {"i64:3x4<4 i64:4<4"},
    {"i32:17<4 i32:17<4"},
    {"u8:5<3 u8:.<3"},
    {"3 4", NULL, HOOP_ESHAPE},
    {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

extern const hoop_op hoop__op_equal, hoop__op_not_equal, hoop__op_less, hoop__op_less_equal, hoop__op_greater,
    hoop__op_greater_equal;

/**
 * hoop_equal - 1 where a == b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
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
    HOOP__BINARY_ANY(HOOP_BINARY_equal, equal_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(cases),
};

/**
 * hoop_not_equal - 1 where a != b, else 0 (NaN: 1).
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_not_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_not_equal, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double not_equal_reference(double p, double q)
{
    return p != q ? 1.0 : 0.0;
}
const hoop_op hoop__op_not_equal = {
    .name = "not_equal",
    HOOP__BINARY_ANY(HOOP_BINARY_not_equal, not_equal_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(cases),
};

/**
 * hoop_less - 1 where a < b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_less(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_less, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double less_reference(double p, double q)
{
    return p < q ? 1.0 : 0.0;
}
const hoop_op hoop__op_less = {
    .name = "less",
    HOOP__BINARY_ANY(HOOP_BINARY_less, less_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(cases),
};

/**
 * hoop_less_equal - 1 where a <= b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_less_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_less_equal, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double less_equal_reference(double p, double q)
{
    return p <= q ? 1.0 : 0.0;
}
const hoop_op hoop__op_less_equal = {
    .name = "less_equal",
    HOOP__BINARY_ANY(HOOP_BINARY_less_equal, less_equal_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(cases),
};

/**
 * hoop_greater - 1 where a > b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
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
    HOOP__BINARY_ANY(HOOP_BINARY_greater, greater_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(cases),
};

/**
 * hoop_greater_equal - 1 where a >= b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_greater_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_greater_equal, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double greater_equal_reference(double p, double q)
{
    return p >= q ? 1.0 : 0.0;
}
const hoop_op hoop__op_greater_equal = {
    .name = "greater_equal",
    HOOP__BINARY_ANY(HOOP_BINARY_greater_equal, greater_equal_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(cases),
};
