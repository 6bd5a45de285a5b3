/* add, sub, mul, div, neg, scale, shift, reciprocal: elementwise arithmetic with broadcasting. */
#include "hoop/ops.h"
#include "ops/shape.h"

static const hoop_case binary_cases[] = {
    {"3x4 3x4"},
    {"3x4 4"},
    {"2x1x3 4x1"},
    {". 5"},
    {"5 ."},
    {". ."},
    {"0x3 3"},
    {"17 17"},
    {"2x3x4x5 3x1x5"},
    {"i64:3x4<9 i64:4<9"},
    {"i32:17<9 i32:17<9"},
    {"u8:5<9 u8:.<1"},
    {"3 4", NULL, HOOP_ESHAPE},
    {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

static const hoop_case divisor_cases[] = {
    {"3x4 3x4+"}, {"3x4 4+"}, {"2x1x3 4x1+"}, {". 5+"}, {"0x3 3+"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<4", NULL, HOOP_EDTYPE},
};
static const hoop_case unary_cases[] = {{"3x4"}, {"."}, {"0x3"}, {"129"}, {"i64:3x4<5"}, {"i32:17<5"}, {"u8:3<1"}};

extern const hoop_op hoop__op_add, hoop__op_sub, hoop__op_mul, hoop__op_div, hoop__op_neg, hoop__op_scale, hoop__op_shift,
    hoop__op_reciprocal;

/**
 * hoop_add - a + b; integers wrap around.
 * Shape   a, b broadcast -> y        Value  y = a + b
 * Grad    da += dy, db += dy (summed over broadcast dims)
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_add(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_add, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double add_reference(double p, double q)
{
    return p + q;
}
static void add_backward(hoop_backward_call *b)
{
    hoop_pass(b, 0, b->dy[0]);
    hoop_pass(b, 1, b->dy[0]);
}
const hoop_op hoop__op_add = {
    .name = "add",
    HOOP__BINARY_ANY(HOOP_BINARY_add, add_reference),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .backward = add_backward,
    HOOP_CASES(binary_cases),
};

/**
 * hoop_sub - a - b; integers wrap around.
 * Shape   a, b broadcast -> y        Grad   da += dy, db -= dy
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_sub(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_sub, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double sub_reference(double p, double q)
{
    return p - q;
}
static void sub_backward(hoop_backward_call *b)
{
    hoop_pass(b, 0, b->dy[0]);
    if (hoop_sink(b, 1)) hoop_neg(b->t, b->dy[0]);
}
const hoop_op hoop__op_sub = {
    .name = "sub",
    HOOP__BINARY_ANY(HOOP_BINARY_sub, sub_reference),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .backward = sub_backward,
    HOOP_CASES(binary_cases),
};

/**
 * hoop_mul - a * b; integers wrap around.
 * Shape   a, b broadcast -> y        Grad   da += dy b, db += dy a
 * Dtype   any, both one              Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_mul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_mul, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double mul_reference(double p, double q)
{
    return p * q;
}
static void mul_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], b->in[1]);
    if (hoop_sink(b, 1)) hoop_mul(b->t, b->dy[0], b->in[0]);
}
const hoop_op hoop__op_mul = {
    .name = "mul",
    HOOP__BINARY_ANY(HOOP_BINARY_mul, mul_reference),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .backward = mul_backward,
    HOOP_CASES(binary_cases),
};

/**
 * hoop_div - a / b.
 * Shape   a, b broadcast -> y        Grad   da += dy / b, db -= dy y / b
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_div(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_div, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static double div_reference(double p, double q)
{
    return p / q;
}
static void div_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_div(b->t, b->dy[0], b->in[1]);
    if (hoop_needs(b, 1)) {
        hoop_tensor *g = hoop_mul(b->t, b->dy[0], b->out[0]), *ratio = hoop_div(b->t, g, b->in[1]);
        if (hoop_sink(b, 1)) hoop_neg(b->t, ratio);
    }
}
const hoop_op hoop__op_div = {
    .name = "div",
    HOOP__BINARY(HOOP_BINARY_div, div_reference),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_IN(1) | HOOP_READS_OUT(0),
    .backward = div_backward,
    HOOP_CASES(divisor_cases),
};

/**
 * hoop_neg - -x; integers wrap around.
 * Shape   x -> same                  Grad   dx -= dy
 * Dtype   any
 */
hoop_tensor *hoop_neg(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_neg, &x, 1, NULL, NULL);
}
static void neg_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_neg(b->t, b->dy[0]);
}
static double neg_reference(double x)
{
    return -x;
}
const hoop_op hoop__op_neg = {
    .name = "neg",
    HOOP__UNARY_ANY(HOOP_UNARY_neg, neg_reference),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .backward = neg_backward,
    HOOP_CASES(unary_cases),
};

typedef struct scalar_attrs {
    double value;
} scalar_attrs;
static const hoop_field   scalar_fields[] = {{"value", 'f', offsetof(scalar_attrs, value)}};
static const scalar_attrs three           = {3.0};
static const hoop_case    scalar_cases[]  = {{"3x4", &three}, {".", &three}, {"0x3", &three}, {"i64:3<5", &three, HOOP_EDTYPE}};

/**
 * hoop_scale - factor * x, the factor in x's dtype.
 * Shape   x -> same                  Grad   dx += factor dy
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_scale(hoop_tape *t, hoop_tensor *x, double factor)
{
    return hoop_op_call(t, &hoop__op_scale, &x, 1, &(scalar_attrs){factor}, NULL);
}
static hoop_status scale_forward(const hoop_call *c)
{
    return hoop__run_scalar(c, HOOP_BINARY_mul, ((const scalar_attrs *)c->attrs)->value);
}
static void scale_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_scale(b->t, b->dy[0], ((const scalar_attrs *)b->attrs)->value);
}
static void scale_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        ((double *)c->out->data)[i] = ((const scalar_attrs *)c->attrs)->value * hoop__at(c->in[0], i);
    }
}
const hoop_op hoop__op_scale = {
    .name       = "scale",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .attrs_size = sizeof(scalar_attrs),
    HOOP_FIELDS(scalar_fields),
    .shape     = hoop__shape_unary,
    .forward   = scale_forward,
    .backward  = scale_backward,
    .reference = scale_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(scalar_cases),
};

/**
 * hoop_shift - x + term, the term in x's dtype.
 * Shape   x -> same                  Grad   dx += dy
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_shift(hoop_tape *t, hoop_tensor *x, double term)
{
    return hoop_op_call(t, &hoop__op_shift, &x, 1, &(scalar_attrs){term}, NULL);
}
static hoop_status shift_forward(const hoop_call *c)
{
    return hoop__run_scalar(c, HOOP_BINARY_add, ((const scalar_attrs *)c->attrs)->value);
}
static void shift_backward(hoop_backward_call *b)
{
    hoop_pass(b, 0, b->dy[0]);
}
static void shift_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        ((double *)c->out->data)[i] = ((const scalar_attrs *)c->attrs)->value + hoop__at(c->in[0], i);
    }
}
const hoop_op hoop__op_shift = {
    .name       = "shift",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .attrs_size = sizeof(scalar_attrs),
    HOOP_FIELDS(scalar_fields),
    .shape     = hoop__shape_unary,
    .forward   = shift_forward,
    .backward  = shift_backward,
    .reference = shift_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(scalar_cases),
};

/**
 * hoop_reciprocal - 1 / x.
 * Shape   x -> same                  Grad   dx -= dy y y
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_reciprocal(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_reciprocal, &x, 1, NULL, NULL);
}
static void reciprocal_backward(hoop_backward_call *b)
{
    hoop_tensor *square = hoop_mul(b->t, b->out[0], b->out[0]), *minus = hoop_neg(b->t, square);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], minus);
}
static double reciprocal_reference(double x)
{
    return 1.0 / x;
}
static const hoop_case reciprocal_cases[] = {{"3x4+"}, {".+"}, {"0x3"}, {"i64:3<5", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_reciprocal = {
    .name = "reciprocal",
    HOOP__UNARY(HOOP_UNARY_reciprocal, reciprocal_reference),
    .flags    = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads    = HOOP_READS_OUT(0),
    .backward = reciprocal_backward,
    HOOP_CASES(reciprocal_cases),
};
