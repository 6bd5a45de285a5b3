/* shrink, which hardshrink, softshrink and threshold are, and the fused op that is its gradient; tanhshrink calls others. */
#include "hoop/ops.h"
#include "kernels/elementwise.h"
#include "ops/shape.h"
#include "tape/tape.h"

#include <math.h>

extern const hoop_op hoop__op_shrink, hoop__op_shrink_grad;

/* x from min to max becomes value; all else stays, or (soft) is 0 there and nearer to it by the bound elsewhere */
typedef struct shrink_attrs {
    double  min, max, value;
    int64_t soft;
} shrink_attrs;
static const hoop_field fields[] = {{"min", 'f', offsetof(shrink_attrs, min)},
                                    {"max", 'f', offsetof(shrink_attrs, max)},
                                    {"value", 'f', offsetof(shrink_attrs, value)},
                                    {"soft", 'i', offsetof(shrink_attrs, soft)}};

static hoop_tensor *within(hoop_tape *t, const char *op, hoop_tensor *x, double lambda, bool soft)
{
    if (lambda >= 0.0) return hoop_op_call(t, &hoop__op_shrink, &x, 1, &(shrink_attrs){-lambda, lambda, 0.0, soft}, NULL);
    hoop_tape_fail(t, HOOP_EARG, "%s: lambda is %g; it is 0 or more", op, lambda);
    return &t->poison;
}

/**
 * hoop_hardshrink - x, but 0 within lambda of 0.
 * Shape   x -> same                  Grad   dx += dy where |x| > lambda
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (lambda)
 */
hoop_tensor *hoop_hardshrink(hoop_tape *t, hoop_tensor *x, double lambda)
{
    return within(t, "hardshrink", x, lambda, false);
}

/**
 * hoop_softshrink - x, lambda nearer to 0, or 0 within lambda of it.
 * Shape   x -> same                  Grad   dx += dy where |x| > lambda
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (lambda)
 */
hoop_tensor *hoop_softshrink(hoop_tape *t, hoop_tensor *x, double lambda)
{
    return within(t, "softshrink", x, lambda, true);
}

/**
 * hoop_tanhshrink - x - tanh x.
 * Shape   x -> same                  Grad   dx += dy tanh(x)^2
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_tanhshrink(hoop_tape *t, hoop_tensor *x)
{
    return hoop_sub(t, x, hoop_tanh(t, x));
}

/**
 * hoop_threshold - x where it is above threshold, else value.
 * Shape   x -> same                  Grad   dx += dy where x > threshold
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (threshold is NaN)
 */
hoop_tensor *hoop_threshold(hoop_tape *t, hoop_tensor *x, double threshold, double value)
{
    return hoop_op_call(t, &hoop__op_shrink, &x, 1, &(shrink_attrs){-(double)INFINITY, threshold, value, false}, NULL);
}

static hoop_status shrink_shape(hoop_shape_call *s)
{
    const shrink_attrs *o = s->attrs;
    if (o->min <= o->max) return hoop__shape_same(s);
    return hoop_fail(s->err, HOOP_EARG, "from %g to %g: numbers are wanted, the first not above the second", o->min, o->max);
}
static const double *bounds(const shrink_attrs *o, double p[HOOP_TUNED_PARAMS])
{
    p[0] = o->min;
    p[1] = o->max;
    p[2] = o->value;
    return p;
}
static hoop_status shrink_forward(const hoop_call *c)
{
    const shrink_attrs *o = c->attrs;
    double              p[HOOP_TUNED_PARAMS];
    return hoop__run_tuned(c, o->soft ? HOOP_TUNED_soft_shrink : HOOP_TUNED_shrink, bounds(o, p));
}
static void shrink_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_shrink_grad, (hoop_tensor *[]){b->in[0], b->dy[0]}, 2, b->attrs, NULL);
}
static void shrink_reference(const hoop_call *c)
{
    const shrink_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i), y = x;
        if (o->soft) y -= fmin(fmax(x, o->min), o->max);
        if (x >= o->min && x <= o->max) y = o->soft ? 0.0 : o->value;
        hoop__put(c->out, i, y);
    }
}
static const shrink_attrs hard = {-0.5, 0.5, 0.0, 0}, soft = {-0.5, 0.5, 0.0, 1}, below = {-(double)INFINITY, 0.25, -3.0, 0},
                          uneven = {-0.25, 0.75, 0.0, 1}, crossed = {1.0, -1.0, 0.0, 0}, no_max = {0.0, (double)NAN, 0.0, 0};
static const hoop_case cases[] = {{"3x4", &hard},
                                  {"133", &soft},
                                  {".", &below},
                                  {"0x3", &hard},
                                  {"7", &uneven},
                                  {"3", &crossed, HOOP_EARG},
                                  {"3", &no_max, HOOP_EARG},
                                  {"i64:3<5", &soft, HOOP_EDTYPE}};

const hoop_op hoop__op_shrink = {
    .name       = "shrink",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(shrink_attrs),
    HOOP_FIELDS(fields),
    .shape     = shrink_shape,
    .forward   = shrink_forward,
    .backward  = shrink_backward,
    .reference = shrink_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(cases),
};

/* shrink_grad: x, dy of one shape -> dx */
static hoop_status shrink_grad_forward(const hoop_call *c)
{
    double p[HOOP_TUNED_PARAMS];
    return hoop__run_tuned_grad(c, HOOP_TUNED_GRAD_shrink, bounds(c->attrs, p));
}
static hoop_tensor *shrink_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const shrink_attrs *o   = attrs;
    hoop_tensor        *low = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, o->min),
                *high       = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, o->max);
    hoop_tensor *above = hoop_greater_equal(t, in[0], low), *under = hoop_less_equal(t, in[0], high),
                *inside = hoop_logical_and(t, above, under);
    (void)nin;
    return hoop_masked_fill(t, in[1], inside, 0.0);
}
static void shrink_grad_reference(const hoop_call *c)
{
    const shrink_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i);
        hoop__put(c->out, i, x >= o->min && x <= o->max ? 0.0 : hoop__at(c->in[1], i));
    }
}
static const hoop_case grad_cases[] = {{"3x4 3x4", &hard},
                                       {"133 133", &soft},
                                       {"5 5", &below},
                                       {"0x3 0x3", &hard},
                                       {"3 4", &hard, HOOP_ESHAPE},
                                       {"3 3", &crossed, HOOP_EARG},
                                       {"3 3", &no_max, HOOP_EARG},
                                       {"3 i64:3<5", &soft, HOOP_EDTYPE}};

const hoop_op hoop__op_shrink_grad = {
    .name       = "shrink_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE_GRAD,
    .attrs_size = sizeof(shrink_attrs),
    HOOP_FIELDS(fields),
    .shape     = shrink_shape,
    .forward   = shrink_grad_forward,
    .composite = shrink_grad_composite,
    .reference = shrink_grad_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(grad_cases),
};
