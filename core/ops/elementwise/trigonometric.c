/* sin, cos, tan and their inverses. Angles are in radians, and right however large they are. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

static const hoop_case any_cases[]   = {{"3x4"}, {"."}, {"0x3"}, {"131"}, {"i64:3<5", NULL, HOOP_EDTYPE}};
static const hoop_case inner_cases[] = {{"3x4~"}, {".~"}, {"0x3~"}, {"131~"}, {"i64:3<5", NULL, HOOP_EDTYPE}};
static const hoop_case pair_cases[]  = {
     {"3x4 3x4+"}, {"3x4+ 4"}, {". 5+"}, {"0x3 3"}, {"131 131+"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE}};

extern const hoop_op hoop__op_sin, hoop__op_cos, hoop__op_tan, hoop__op_asin, hoop__op_acos, hoop__op_atan, hoop__op_atan2;

/**
 * hoop_sin - sine.
 * Shape   x -> same                  Grad   dx += dy cos x
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_sin(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_sin, &x, 1, NULL, NULL);
}
static void sin_backward(hoop_backward_call *b)
{
    hoop_tensor *slope;
    if (!hoop_needs(b, 0)) return;
    slope = hoop_cos(b->t, b->in[0]);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_sin = {
    .name = "sin",
    HOOP__UNARY(HOOP_UNARY_sin, sin),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = sin_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_cos - cosine.
 * Shape   x -> same                  Grad   dx -= dy sin x
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_cos(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_cos, &x, 1, NULL, NULL);
}
static void cos_backward(hoop_backward_call *b)
{
    hoop_tensor *sine, *slope;
    if (!hoop_needs(b, 0)) return;
    sine  = hoop_sin(b->t, b->in[0]);
    slope = hoop_neg(b->t, sine);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_cos = {
    .name = "cos",
    HOOP__UNARY(HOOP_UNARY_cos, cos),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = cos_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_tan - tangent.
 * Shape   x -> same                  Grad   dx += dy (1 + y^2)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_tan(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_tan, &x, 1, NULL, NULL);
}
static void tan_backward(hoop_backward_call *b)
{
    hoop_tensor *square, *slope;
    if (!hoop_needs(b, 0)) return;
    square = hoop_square(b->t, b->out[0]);
    slope  = hoop_shift(b->t, square, 1.0);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_tan = {
    .name = "tan",
    HOOP__UNARY(HOOP_UNARY_tan, tan),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_OUT(0),
    .backward = tan_backward,
    HOOP_CASES(inner_cases),
};

/* 1 - x^2 */
static hoop_tensor *one_minus_square(hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *square = hoop_square(t, x), *minus = hoop_neg(t, square);
    return hoop_shift(t, minus, 1.0);
}
/* x^2 + 1 */
static hoop_tensor *one_plus_square(hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *square = hoop_square(t, x);
    return hoop_shift(t, square, 1.0);
}

/**
 * hoop_asin - the angle in [-pi/2, pi/2] whose sine is x; NaN beyond 1.
 * Shape   x -> same                  Grad   dx += dy / sqrt(1 - x^2)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_asin(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_asin, &x, 1, NULL, NULL);
}
static void asin_backward(hoop_backward_call *b)
{
    hoop_tensor *rest, *slope;
    if (!hoop_needs(b, 0)) return;
    rest  = one_minus_square(b->t, b->in[0]);
    slope = hoop_rsqrt(b->t, rest);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_asin = {
    .name = "asin",
    HOOP__UNARY(HOOP_UNARY_asin, asin),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = asin_backward,
    HOOP_CASES(inner_cases),
};

/**
 * hoop_acos - the angle in [0, pi] whose cosine is x; NaN beyond 1.
 * Shape   x -> same                  Grad   dx -= dy / sqrt(1 - x^2)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_acos(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_acos, &x, 1, NULL, NULL);
}
static void acos_backward(hoop_backward_call *b)
{
    hoop_tensor *rest, *root, *slope;
    if (!hoop_needs(b, 0)) return;
    rest  = one_minus_square(b->t, b->in[0]);
    root  = hoop_rsqrt(b->t, rest);
    slope = hoop_neg(b->t, root);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
const hoop_op hoop__op_acos = {
    .name = "acos",
    HOOP__UNARY(HOOP_UNARY_acos, acos),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = acos_backward,
    HOOP_CASES(inner_cases),
};

/**
 * hoop_atan - the angle in [-pi/2, pi/2] whose tangent is x.
 * Shape   x -> same                  Grad   dx += dy / (1 + x^2)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_atan(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_atan, &x, 1, NULL, NULL);
}
static void atan_backward(hoop_backward_call *b)
{
    hoop_tensor *under;
    if (!hoop_needs(b, 0)) return;
    under = one_plus_square(b->t, b->in[0]);
    if (hoop_sink(b, 0)) hoop_div(b->t, b->dy[0], under);
}
const hoop_op hoop__op_atan = {
    .name = "atan",
    HOOP__UNARY(HOOP_UNARY_atan, atan),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0),
    .backward = atan_backward,
    HOOP_CASES(any_cases),
};

/**
 * hoop_atan2 - the angle in [-pi, pi] of the point (x, y) from the first axis.
 * Shape   y, x broadcast -> angle    Grad   dy += da x / (x^2 + y^2), dx -= da y / (x^2 + y^2)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_atan2(hoop_tape *t, hoop_tensor *y, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_atan2, (hoop_tensor *[]){y, x}, 2, NULL, NULL);
}
static void atan2_backward(hoop_backward_call *b)
{
    hoop_tensor *y = b->in[0], *x = b->in[1], *yy, *xx, *radius, *g, *part;
    yy     = hoop_square(b->t, y);
    xx     = hoop_square(b->t, x);
    radius = hoop_add(b->t, yy, xx);
    g      = hoop_div(b->t, b->dy[0], radius);
    if (hoop_sink(b, 0)) hoop_mul(b->t, g, x);
    if (!hoop_needs(b, 1)) return;
    part = hoop_mul(b->t, g, y);
    if (hoop_sink(b, 1)) hoop_neg(b->t, part);
}
const hoop_op hoop__op_atan2 = {
    .name = "atan2",
    HOOP__BINARY(HOOP_BINARY_atan2, atan2),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .backward = atan2_backward,
    HOOP_CASES(pair_cases),
};
