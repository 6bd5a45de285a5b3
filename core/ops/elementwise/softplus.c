/* softplus, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "kernels/elementwise.h"

#include <math.h>

extern const hoop_op hoop__op_softplus, hoop__op_softplus_grad;

typedef struct softplus_attrs {
    double beta, threshold;
} softplus_attrs;
static const hoop_field fields[] = {{"beta", 'f', offsetof(softplus_attrs, beta)},
                                    {"threshold", 'f', offsetof(softplus_attrs, threshold)}};

/**
 * hoop_softplus - ln(1 + e^(beta x)) / beta, or x where beta x is above the threshold.
 * Shape   x -> same                  Grad   dx += dy sigmoid(beta x), or dy above the threshold
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (beta, threshold)
 * Source  Dugas et al., NeurIPS 2000
 */
hoop_tensor *hoop_softplus(hoop_tape *t, hoop_tensor *x, double beta, double threshold)
{
    return hoop_op_call(t, &hoop__op_softplus, &x, 1, &(softplus_attrs){beta, threshold}, NULL);
}
static hoop_status softplus_shape(hoop_shape_call *s)
{
    const softplus_attrs *o = s->attrs;
    if (!(o->beta > 0.0 && o->beta <= 1e30))
        return hoop_fail(s->err, HOOP_EARG, "beta = %g: a number above 0 is wanted", o->beta);
    if (o->threshold != o->threshold) return hoop_fail(s->err, HOOP_EARG, "threshold is NaN: a number is wanted");
    return hoop__shape_same(s);
}
static hoop_status softplus_forward(const hoop_call *c)
{
    const softplus_attrs *o = c->attrs;
    return hoop__run_tuned(c, HOOP_TUNED_softplus, (const double[HOOP_TUNED_PARAMS]){o->beta, o->threshold});
}
static void softplus_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_softplus_grad, (hoop_tensor *[]){b->in[0], b->dy[0]}, 2, b->attrs, NULL);
}
static void softplus_reference(const hoop_call *c)
{
    const softplus_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i);
        hoop__put(c->out, i, o->beta * x > o->threshold ? x : log1p(exp(o->beta * x)) / o->beta);
    }
}
static const softplus_attrs usual = {1.0, 20.0}, sharp = {2.5, 20.0}, early = {1.5, 25.0}, none = {0.0, 20.0},
                            unknown = {1.0, (double)NAN};
static const hoop_case cases[]      = {{"3x4", &usual},
                                       {".", &sharp},
                                       {"0x3", &usual},
                                       {"133", &early},
                                       {"3", &none, HOOP_EARG},
                                       {"3", &unknown, HOOP_EARG},
                                       {"i64:3<5", &usual, HOOP_EDTYPE}};

const hoop_op hoop__op_softplus = {
    .name       = "softplus",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(softplus_attrs),
    HOOP_FIELDS(fields),
    .shape     = softplus_shape,
    .forward   = softplus_forward,
    .backward  = softplus_backward,
    .reference = softplus_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(cases),
};

/* softplus_grad: x, dy of one shape -> dx */
static hoop_status softplus_grad_forward(const hoop_call *c)
{
    const softplus_attrs *o = c->attrs;
    return hoop__run_tuned_grad(c, HOOP_TUNED_GRAD_softplus, (const double[HOOP_TUNED_PARAMS]){o->beta, o->threshold});
}
static hoop_tensor *softplus_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const softplus_attrs *o = attrs;
    hoop_tensor          *z = hoop_scale(t, in[0], o->beta), *s = hoop_sigmoid(t, z), *bent = hoop_mul(t, in[1], s);
    hoop_tensor          *end = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, o->threshold), *above = hoop_greater(t, z, end);
    (void)nin;
    return hoop_where(t, above, in[1], bent);
}
static void softplus_grad_reference(const hoop_call *c)
{
    const softplus_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i), dy = hoop__at(c->in[1], i);
        hoop__put(c->out, i, o->beta * x > o->threshold ? dy : dy / (1.0 + exp(-o->beta * x)));
    }
}
static const hoop_case grad_cases[] = {{"3x4 3x4", &usual},
                                       {"133 133", &sharp},
                                       {"0x3 0x3", &usual},
                                       {"3 4", &usual, HOOP_ESHAPE},
                                       {"3 3", &none, HOOP_EARG},
                                       {"3 3", &unknown, HOOP_EARG},
                                       {"3 i64:3<5", &usual, HOOP_EDTYPE}};

const hoop_op hoop__op_softplus_grad = {
    .name       = "softplus_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE_GRAD,
    .attrs_size = sizeof(softplus_attrs),
    HOOP_FIELDS(fields),
    .shape     = softplus_shape,
    .forward   = softplus_grad_forward,
    .composite = softplus_grad_composite,
    .reference = softplus_grad_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(grad_cases),
};
