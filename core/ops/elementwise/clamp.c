/* clamp, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "kernels/elementwise.h"

#include <math.h>

extern const hoop_op hoop__op_clamp, hoop__op_clamp_grad;

typedef struct clamp_attrs {
    double min, max;
} clamp_attrs;
static const hoop_field fields[] = {{"min", 'f', offsetof(clamp_attrs, min)}, {"max", 'f', offsetof(clamp_attrs, max)}};

/**
 * hoop_clamp - x, but at least min and at most max (max, where min is above it); infinities set no bound.
 * Shape   x -> same                  Grad   dx += dy where min <= x <= max
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (a bound that is NaN)
 */
hoop_tensor *hoop_clamp(hoop_tape *t, hoop_tensor *x, double min, double max)
{
    return hoop_op_call(t, &hoop__op_clamp, &x, 1, &(clamp_attrs){min, max}, NULL);
}
static hoop_status clamp_shape(hoop_shape_call *s)
{
    const clamp_attrs *o = s->attrs;
    if (o->min != o->min || o->max != o->max)
        return hoop_fail(s->err, HOOP_EARG, "bounds %g and %g: numbers are wanted", o->min, o->max);
    return hoop__shape_same(s);
}
static hoop_status clamp_forward(const hoop_call *c)
{
    const clamp_attrs *o = c->attrs;
    return hoop__run_tuned(c, HOOP_TUNED_clamp, (const double[HOOP_TUNED_PARAMS]){o->min, o->max});
}
static void clamp_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_clamp_grad, (hoop_tensor *[]){b->in[0], b->dy[0]}, 2, b->attrs, NULL);
}
static void clamp_reference(const hoop_call *c)
{
    const clamp_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i);
        hoop__put(c->out, i, fmin(fmax(x, o->min), o->max));
    }
}
static const clamp_attrs both = {-0.5, 1.25}, least = {0.3, (double)INFINITY}, most = {-(double)INFINITY, 0.7},
                         crossed = {1.0, -1.0}, no_min = {(double)NAN, 1.0}, no_max = {0.0, (double)NAN};
static const hoop_case cases[] = {{"3x4", &both},
                                  {".", &least},
                                  {"0x3", &both},
                                  {"133", &most},
                                  {"7", &crossed},
                                  {"3", &no_min, HOOP_EARG},
                                  {"3", &no_max, HOOP_EARG},
                                  {"i64:3<5", &both, HOOP_EDTYPE}};

const hoop_op hoop__op_clamp = {
    .name       = "clamp",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(clamp_attrs),
    HOOP_FIELDS(fields),
    .shape     = clamp_shape,
    .forward   = clamp_forward,
    .backward  = clamp_backward,
    .reference = clamp_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(cases),
};

/* clamp_grad: x, dy of one shape -> dx */
static hoop_status clamp_grad_forward(const hoop_call *c)
{
    const clamp_attrs *o = c->attrs;
    return hoop__run_tuned_grad(c, HOOP_TUNED_GRAD_clamp, (const double[HOOP_TUNED_PARAMS]){o->min, o->max});
}
static hoop_tensor *clamp_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const clamp_attrs *o   = attrs;
    hoop_tensor       *low = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, o->min),
                *high      = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, o->max);
    hoop_tensor *above = hoop_greater_equal(t, in[0], low), *under = hoop_less_equal(t, in[0], high),
                *within = hoop_mul(t, above, under);
    (void)nin;
    return hoop_mul(t, in[1], within);
}
static void clamp_grad_reference(const hoop_call *c)
{
    const clamp_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i), dy = hoop__at(c->in[1], i);
        hoop__put(c->out, i, x >= o->min && x <= o->max ? dy : 0.0);
    }
}
static const hoop_case grad_cases[] = {{"3x4 3x4", &both},
                                       {"133 133", &least},
                                       {"5 5", &most},
                                       {"0x3 0x3", &both},
                                       {"3 4", &both, HOOP_ESHAPE},
                                       {"3 3", &no_min, HOOP_EARG},
                                       {"3 3", &no_max, HOOP_EARG},
                                       {"3 i64:3<5", &both, HOOP_EDTYPE}};

const hoop_op hoop__op_clamp_grad = {
    .name       = "clamp_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE_GRAD,
    .attrs_size = sizeof(clamp_attrs),
    HOOP_FIELDS(fields),
    .shape     = clamp_shape,
    .forward   = clamp_grad_forward,
    .composite = clamp_grad_composite,
    .reference = clamp_grad_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(grad_cases),
};
