/* Powers, and what is left of a division. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "kernels/elementwise.h"

#include <math.h>

static const hoop_case pow_cases[] = {
    {"3x4+ 3x4"}, {"3x4+ 4"}, {".+ 5"}, {"0x3 3"}, {"131+ 131"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};
static const hoop_case rest_cases[] = {
    {"3x4 3x4+"}, {"3x4 4+"}, {". 5+"}, {"0x3 3"}, {"131 131+"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE},
};

extern const hoop_op hoop__op_pow, hoop__op_pow_scalar, hoop__op_fmod, hoop__op_remainder;

/**
 * hoop_pow - a^b; NaN for a < 0 unless b is whole.
 * Shape   a, b broadcast -> y        Grad   da += dy b a^(b - 1) (0 where b = 0), db += dy y ln a (0 where a = 0 <= b)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_pow(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_pow, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static void pow_backward(hoop_backward_call *b)
{
    hoop_tape   *t = b->t;
    hoop_tensor *x = b->in[0], *e = b->in[1], *zero = hoop_fill(t, hoop_tensor_dtype(x), 0, NULL, 0.0);
    if (hoop_needs(b, 0)) {
        hoop_tensor *less = hoop_shift(t, e, -1.0), *power = hoop_pow(t, x, less), *slope = hoop_mul(t, e, power);
        slope = hoop_where(t, e, slope, zero);
        if (hoop_sink(b, 0)) hoop_mul(t, b->dy[0], slope);
    }
    if (hoop_needs(b, 1)) {
        hoop_tensor *at_zero = hoop_equal(t, x, zero), *positive = hoop_greater_equal(t, e, zero);
        hoop_tensor *flat = hoop_logical_and(t, at_zero, positive), *log = hoop_log(t, x), *slope = hoop_mul(t, b->out[0], log);
        slope = hoop_where(t, flat, zero, slope);
        if (hoop_sink(b, 1)) hoop_mul(t, b->dy[0], slope);
    }
}
const hoop_op hoop__op_pow = {
    .name = "pow",
    HOOP__BINARY(HOOP_BINARY_pow, pow),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_OUT(0),
    .backward = pow_backward,
    HOOP_CASES(pow_cases),
};

typedef struct pow_attrs {
    double value;
} pow_attrs;
static const hoop_field pow_fields[] = {{"value", 'f', offsetof(pow_attrs, value)}};

/**
 * hoop_pow_scalar - x^e, the exponent in x's dtype; 1/2, -1/2, 2 and -1 as sqrt, rsqrt, square and reciprocal have it, 1 and 3
 * by products.
 * Shape   x -> same                  Grad   dx += dy e x^(e - 1)
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_pow_scalar(hoop_tape *t, hoop_tensor *x, double e)
{
    return hoop_op_call(t, &hoop__op_pow_scalar, &x, 1, &(pow_attrs){e}, NULL);
}
static hoop_status pow_scalar_forward(const hoop_call *c)
{
    double e = ((const pow_attrs *)c->attrs)->value;
    if (e == 1.0) return hoop__run_scalar(c, HOOP_BINARY_mul, 1.0);
    if (e == 2.0) return hoop__run_unary(c, HOOP_UNARY_square);
    if (e == 3.0) return hoop__run_tuned(c, HOOP_TUNED_cube, (const double[HOOP_TUNED_PARAMS]){0.0});
    if (e == 0.5) return hoop__run_unary(c, HOOP_UNARY_sqrt);
    if (e == -0.5) return hoop__run_unary(c, HOOP_UNARY_rsqrt);
    if (e == -1.0) return hoop__run_unary(c, HOOP_UNARY_reciprocal);
    return hoop__run_scalar(c, HOOP_BINARY_pow, e);
}
static void pow_scalar_backward(hoop_backward_call *b)
{
    double       e = ((const pow_attrs *)b->attrs)->value;
    hoop_tensor *power, *slope;
    if (!hoop_needs(b, 0)) return;
    if (e == 0.0) { /* whatever x is */
        if (hoop_sink(b, 0)) hoop_scale(b->t, b->dy[0], 0.0);
        return;
    }
    power = hoop_pow_scalar(b->t, b->in[0], e - 1.0);
    slope = hoop_scale(b->t, power, e);
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], slope);
}
static void pow_scalar_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++)
        hoop__put(c->out, i, pow(hoop__at(c->in[0], i), ((const pow_attrs *)c->attrs)->value));
}
static const pow_attrs none = {0.0}, one = {1.0}, two = {2.0}, three = {3.0}, half = {0.5}, over_root = {-0.5}, over = {-1.0},
                       odd = {1.7}, low = {-2.5};
static const hoop_case pow_scalar_cases[] = {
    {"3x4", &two},
    {"3x4", &three},
    {".+", &half},
    {"7+", &over_root},
    {"131+", &odd},
    {"5+", &low},
    {"4+", &over},
    {"3", &one},
    {"3", &none},
    {"0x3", &odd},
    {"i64:3<5", &two, HOOP_EDTYPE},
};
const hoop_op hoop__op_pow_scalar = {
    .name       = "pow_scalar",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(pow_attrs),
    HOOP_FIELDS(pow_fields),
    .shape     = hoop__shape_unary,
    .forward   = pow_scalar_forward,
    .backward  = pow_scalar_backward,
    .reference = pow_scalar_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(pow_scalar_cases),
};

/* da = dy, db = -dy (whole number of times b that was taken away) */
static void rest_backward(hoop_backward_call *b, hoop_tensor *(*whole)(hoop_tape *, hoop_tensor *))
{
    hoop_tensor *ratio, *times, *minus;
    hoop_pass(b, 0, b->dy[0]);
    if (!hoop_needs(b, 1)) return;
    ratio = hoop_div(b->t, b->in[0], b->in[1]);
    times = whole(b->t, ratio);
    minus = hoop_neg(b->t, times);
    if (hoop_sink(b, 1)) hoop_mul(b->t, b->dy[0], minus);
}

/**
 * hoop_fmod - what a / b leaves over, of a's sign and exact; NaN for b = 0.
 * Shape   a, b broadcast -> y        Grad   da += dy, db -= dy trunc(a / b)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_fmod(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_fmod, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static hoop_tensor *truncated(hoop_tape *t, hoop_tensor *x)
{
    return hoop_trunc(t, x);
}
static void fmod_backward(hoop_backward_call *b)
{
    rest_backward(b, truncated);
}
const hoop_op hoop__op_fmod = {
    .name = "fmod",
    HOOP__BINARY(HOOP_BINARY_fmod, fmod),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .backward = fmod_backward,
    HOOP_CASES(rest_cases),
};

/**
 * hoop_remainder - what a / b leaves over, of b's sign; NaN for b = 0.
 * Shape   a, b broadcast -> y        Grad   da += dy, db -= dy floor(a / b)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_remainder(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_remainder, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
}
static hoop_tensor *floored(hoop_tape *t, hoop_tensor *x)
{
    return hoop_floor(t, x);
}
static void remainder_backward(hoop_backward_call *b)
{
    rest_backward(b, floored);
}
static double remainder_reference(double p, double q)
{
    double r = fmod(p, q);
    return r != 0.0 && (r < 0.0) != (q < 0.0) ? r + q : r;
}
const hoop_op hoop__op_remainder = {
    .name = "remainder",
    HOOP__BINARY(HOOP_BINARY_remainder, remainder_reference),
    .flags    = HOOP__ELEMENTWISE,
    .reads    = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .backward = remainder_backward,
    HOOP_CASES(rest_cases),
};
