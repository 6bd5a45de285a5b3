/* hardtanh, with relu6, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "kernels/elementwise.h"

#include <math.h>

extern const hoop_op hoop__op_hardtanh, hoop__op_hardtanh_grad;

typedef struct hardtanh_attrs {
    double min, max;
} hardtanh_attrs;
static const hoop_field fields[] = {{"min", 'f', offsetof(hardtanh_attrs, min)}, {"max", 'f', offsetof(hardtanh_attrs, max)}};

/**
 * hoop_hardtanh - x, but at least min and at most max.
 * Shape   x -> same                  Grad   dx += dy where min < y < max
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (min not below max)
 */
hoop_tensor *hoop_hardtanh(hoop_tape *t, hoop_tensor *x, double min, double max)
{
    return hoop_op_call(t, &hoop__op_hardtanh, &x, 1, &(hardtanh_attrs){min, max}, NULL);
}
/** hoop_relu6 - min(max(x, 0), 6): as hoop_hardtanh. */
hoop_tensor *hoop_relu6(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_hardtanh, &x, 1, &(hardtanh_attrs){0.0, 6.0}, NULL);
}
static hoop_status hardtanh_shape(hoop_shape_call *s)
{
    const hardtanh_attrs *o = s->attrs;
    if (!(o->min < o->max)) return hoop_fail(s->err, HOOP_EARG, "min %g is not below max %g", o->min, o->max);
    return hoop__shape_same(s);
}
static hoop_status hardtanh_forward(const hoop_call *c)
{
    const hardtanh_attrs *o = c->attrs;
    return hoop__run_tuned(c, HOOP_TUNED_clamp, (const double[HOOP_TUNED_PARAMS]){o->min, o->max});
}
static void hardtanh_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_hardtanh_grad, (hoop_tensor *[]){b->out[0], b->dy[0]}, 2, b->attrs, NULL);
}
static void hardtanh_reference(const hoop_call *c)
{
    const hardtanh_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i);
        hoop__put(c->out, i, fmin(fmax(x, o->min), o->max));
    }
}
static const hardtanh_attrs usual = {-1.0, 1.0}, six = {0.0, 6.0}, turned = {1.0, -1.0};
static const hoop_case      cases[] = {
         {"3x4", &usual}, {".", &six}, {"0x3", &usual}, {"133", &six}, {"3", &turned, HOOP_EARG}, {"i64:3<5", &usual, HOOP_EDTYPE}};

const hoop_op hoop__op_hardtanh = {
    .name       = "hardtanh",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE,
    .reads      = HOOP_READS_OUT(0),
    .attrs_size = sizeof(hardtanh_attrs),
    HOOP_FIELDS(fields),
    .shape     = hardtanh_shape,
    .forward   = hardtanh_forward,
    .backward  = hardtanh_backward,
    .reference = hardtanh_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(cases),
};

/* hardtanh_grad: y, dy of one shape -> dx */
static hoop_status hardtanh_grad_forward(const hoop_call *c)
{
    const hardtanh_attrs *o = c->attrs;
    return hoop__run_tuned_grad(c, HOOP_TUNED_GRAD_hardtanh, (const double[HOOP_TUNED_PARAMS]){o->min, o->max});
}
static hoop_tensor *hardtanh_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const hardtanh_attrs *o     = attrs;
    hoop_tensor          *least = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, o->min),
                *most           = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, o->max);
    hoop_tensor *above = hoop_greater(t, in[0], least), *under = hoop_less(t, in[0], most), *within = hoop_mul(t, above, under);
    (void)nin;
    return hoop_mul(t, in[1], within);
}
static void hardtanh_grad_reference(const hoop_call *c)
{
    const hardtanh_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double y = hoop__at(c->in[0], i), dy = hoop__at(c->in[1], i);
        hoop__put(c->out, i, y > o->min && y < o->max ? dy : 0.0);
    }
}
static const hoop_case grad_cases[] = {{"3x4 3x4", &usual},         {"133 133", &six},
                                       {"0x3 0x3", &usual},         {"3 4", &usual, HOOP_ESHAPE},
                                       {"3 3", &turned, HOOP_EARG}, {"3 i64:3<5", &usual, HOOP_EDTYPE}};

const hoop_op hoop__op_hardtanh_grad = {
    .name       = "hardtanh_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE_GRAD,
    .attrs_size = sizeof(hardtanh_attrs),
    HOOP_FIELDS(fields),
    .shape     = hardtanh_shape,
    .forward   = hardtanh_grad_forward,
    .composite = hardtanh_grad_composite,
    .reference = hardtanh_grad_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(grad_cases),
};
