/* minimum, maximum of two. */
#include "hoop/ops.h"
#include "ops/shape.h"

static const hoop_case cases[] = {
    {"3x4 3x4"},
    {"3x4 4"},
    {"2x1x3 4x1"},
    {". 5"},
    {"0x3 3"},
    {"131 131"},
    {"i64:3x4<9 i64:4<9"},
    {"i32:17<9 i32:17<9"},
    {"u8:5<9 u8:.<9"},
    {"3 4", NULL, HOOP_ESHAPE},
    {"3 i64:3<5", NULL, HOOP_EDTYPE},
};
static const hoop_case float_cases[] = {
    {"3x4 3x4"}, {"3x4 4"}, {". 5"}, {"0x3 3"}, {"3 4", NULL, HOOP_ESHAPE}, {"i64:3<5 i64:3<5", NULL, HOOP_EDTYPE},
};

extern const hoop_op hoop__op_minimum, hoop__op_maximum, hoop__op_above;

/* above: 1 where a > b, 1/2 where they are equal, else 0 (NaN: 1): the part of a gradient that goes to a where it is the larger
 */
static hoop_tensor *above(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_above, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double above_reference(double p, double q)
{
    return p < q ? 0.0 : p == q ? 0.5 : 1.0;
}
const hoop_op hoop__op_above = {
    .name = "above",
    HOOP__BINARY(HOOP_BINARY_above, above_reference),
    .flags = HOOP__ELEMENTWISE | HOOP_OP_NO_GRAD,
    HOOP_CASES(float_cases),
};

/* the gradients of a choice between a and b: of the lesser where `least` */
static void choice_backward(hoop_backward_call *b, bool least)
{
    for (int i = 0; i < 2; i++) {
        hoop_tensor *part;
        if (!hoop_needs(b, i)) continue;
        part = least ? above(b->t, b->in[1 - i], b->in[i]) : above(b->t, b->in[i], b->in[1 - i]);
        if (hoop_sink(b, i)) hoop_mul(b->t, b->dy[0], part);
    }
}

/**
 * hoop_minimum - the lesser of a and b; NaN where one is NaN.
 * Shape   a, b broadcast -> y        Grad   dy to the one that was taken, half to each where they are equal
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_minimum(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_minimum, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double minimum_reference(double p, double q)
{
    return p < q || p != p ? p : q;
}
static void minimum_backward(hoop_backward_call *b)
{
    choice_backward(b, true);
}
const hoop_op hoop__op_minimum = {
    .name = "minimum",
    HOOP__BINARY_ANY(HOOP_BINARY_minimum, minimum_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .backward = minimum_backward,
    HOOP_CASES(cases),
};

/**
 * hoop_maximum - the larger of a and b; NaN where one is NaN.
 * Shape   a, b broadcast -> y        Grad   dy to the one that was taken, half to each where they are equal
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_maximum(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_maximum, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double maximum_reference(double p, double q)
{
    return p > q || p != p ? p : q;
}
static void maximum_backward(hoop_backward_call *b)
{
    choice_backward(b, false);
}
const hoop_op hoop__op_maximum = {
    .name = "maximum",
    HOOP__BINARY_ANY(HOOP_BINARY_maximum, maximum_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .backward = maximum_backward,
    HOOP_CASES(cases),
};
