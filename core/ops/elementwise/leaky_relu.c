/* leaky_relu, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "kernels/elementwise.h"

#include <math.h>

extern const hoop_op hoop__op_leaky_relu, hoop__op_leaky_relu_grad;

typedef struct leaky_relu_attrs {
    double slope;
} leaky_relu_attrs;
static const hoop_field fields[] = {{"slope", 'f', offsetof(leaky_relu_attrs, slope)}};

/**
 * hoop_leaky_relu - x, or slope x where x is not above 0.
 * Shape   x -> same                  Grad   dx += dy, or slope dy where x is not above 0
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 * Source  Maas, Hannun & Ng, ICML 2013
 */
hoop_tensor *hoop_leaky_relu(hoop_tape *t, hoop_tensor *x, double slope)
{
    return hoop_op_call(t, &hoop__op_leaky_relu, &x, 1, &(leaky_relu_attrs){slope}, NULL);
}
static hoop_status leaky_relu_shape(hoop_shape_call *s)
{
    return hoop__shape_same(s);
}
/* y tells the side as well as x does, unless the slope turns it round */
static uint64_t leaky_relu_reads(const void *attrs, int nin)
{
    (void)nin;
    return ((const leaky_relu_attrs *)attrs)->slope >= 0.0 ? HOOP_READS_OUT(0) : HOOP_READS_IN(0);
}
static hoop_status leaky_relu_forward(const hoop_call *c)
{
    const leaky_relu_attrs *o = c->attrs;
    return hoop__run_tuned(c, HOOP_TUNED_leaky_relu, (const double[HOOP_TUNED_PARAMS]){o->slope});
}
static void leaky_relu_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0))
        hoop_op_call(b->t, &hoop__op_leaky_relu_grad,
                     (hoop_tensor *[]){((const leaky_relu_attrs *)b->attrs)->slope >= 0.0 ? b->out[0] : b->in[0], b->dy[0]}, 2,
                     b->attrs, NULL);
}
static void leaky_relu_reference(const hoop_call *c)
{
    const leaky_relu_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i);
        hoop__put(c->out, i, x > 0.0 ? x : o->slope * x);
    }
}
static const leaky_relu_attrs tenth = {0.1}, turned = {-0.5}, none = {0.0};
static const hoop_case        cases[] = {
           {"3x4", &tenth}, {".", &tenth}, {"0x3", &none}, {"133", &turned}, {"i64:3<5", &tenth, HOOP_EDTYPE}};

const hoop_op hoop__op_leaky_relu = {
    .name       = "leaky_relu",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE,
    .reads_of   = leaky_relu_reads,
    .attrs_size = sizeof(leaky_relu_attrs),
    HOOP_FIELDS(fields),
    .shape     = leaky_relu_shape,
    .forward   = leaky_relu_forward,
    .backward  = leaky_relu_backward,
    .reference = leaky_relu_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(cases),
};

/* leaky_relu_grad: y, dy of one shape -> dx */
static hoop_status leaky_relu_grad_forward(const hoop_call *c)
{
    const leaky_relu_attrs *o = c->attrs;
    return hoop__run_tuned_grad(c, HOOP_TUNED_GRAD_leaky_relu, (const double[HOOP_TUNED_PARAMS]){o->slope});
}
static hoop_tensor *leaky_relu_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const leaky_relu_attrs *o    = attrs;
    hoop_tensor            *zero = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, 0.0), *above = hoop_greater(t, in[0], zero);
    hoop_tensor            *less = hoop_scale(t, in[1], o->slope);
    (void)nin;
    return hoop_where(t, above, in[1], less);
}
static void leaky_relu_grad_reference(const hoop_call *c)
{
    const leaky_relu_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double y = hoop__at(c->in[0], i), dy = hoop__at(c->in[1], i);
        hoop__put(c->out, i, y > 0.0 ? dy : o->slope * dy);
    }
}
static const hoop_case grad_cases[] = {{"3x4 3x4", &tenth},
                                       {"133 133", &turned},
                                       {"0x3 0x3", &tenth},
                                       {"3 4", &tenth, HOOP_ESHAPE},
                                       {"3 i64:3<5", &tenth, HOOP_EDTYPE}};

const hoop_op hoop__op_leaky_relu_grad = {
    .name       = "leaky_relu_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE_GRAD,
    .attrs_size = sizeof(leaky_relu_attrs),
    HOOP_FIELDS(fields),
    .shape     = leaky_relu_shape,
    .forward   = leaky_relu_grad_forward,
    .composite = leaky_relu_grad_composite,
    .reference = leaky_relu_grad_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(grad_cases),
};
