/* elu, with selu and celu, which are it with other numbers, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "kernels/elementwise.h"

#include <math.h>

extern const hoop_op hoop__op_elu, hoop__op_elu_grad;

typedef struct elu_attrs {
    double alpha, scale, input_scale;
} elu_attrs;
static const hoop_field fields[] = {{"alpha", 'f', offsetof(elu_attrs, alpha)},
                                    {"scale", 'f', offsetof(elu_attrs, scale)},
                                    {"input_scale", 'f', offsetof(elu_attrs, input_scale)}};

/**
 * hoop_elu - scale x above 0, scale alpha (e^(input_scale x) - 1) below.
 * Shape   x -> same                  Grad   dx += dy scale above 0, dy (y + scale alpha) input_scale below
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (alpha below 0)
 * Source  Clevert, Unterthiner & Hochreiter, ICLR 2016
 */
hoop_tensor *hoop_elu(hoop_tape *t, hoop_tensor *x, double alpha)
{
    return hoop_op_call(t, &hoop__op_elu, &x, 1, &(elu_attrs){alpha, 1.0, 1.0}, NULL);
}
#define SELU_ALPHA 1.6732632423543772848170429916717
#define SELU_SCALE 1.0507009873554804934193349852946

/** hoop_selu - elu with the alpha and scale that keep mean and variance (Klambauer et al., NeurIPS 2017): as hoop_elu. */
hoop_tensor *hoop_selu(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_elu, &x, 1, &(elu_attrs){SELU_ALPHA, SELU_SCALE, 1.0}, NULL);
}
/** hoop_celu - x above 0, alpha (e^(x / alpha) - 1) below (Barron, arXiv 1704.07483): as hoop_elu. */
hoop_tensor *hoop_celu(hoop_tape *t, hoop_tensor *x, double alpha)
{
    return hoop_op_call(t, &hoop__op_elu, &x, 1, &(elu_attrs){alpha, 1.0, 1.0 / alpha}, NULL);
}
static hoop_status elu_shape(hoop_shape_call *s)
{
    const elu_attrs *o = s->attrs;
    if (!(o->alpha >= 0.0 && o->alpha <= 1e30))
        return hoop_fail(s->err, HOOP_EARG, "alpha = %g: a number from 0 on is wanted", o->alpha);
    if (!(o->scale > 0.0 && o->scale <= 1e30 && o->input_scale > 0.0 && o->input_scale <= 1e30))
        return hoop_fail(s->err, HOOP_EARG, "scale %g and input_scale %g: numbers above 0 are wanted", o->scale, o->input_scale);
    return hoop__shape_same(s);
}
static hoop_status elu_forward(const hoop_call *c)
{
    const elu_attrs *o = c->attrs;
    return hoop__run_tuned(c, HOOP_TUNED_elu, (const double[HOOP_TUNED_PARAMS]){o->alpha * o->scale, o->scale, o->input_scale});
}
static void elu_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_elu_grad, (hoop_tensor *[]){b->out[0], b->dy[0]}, 2, b->attrs, NULL);
}
static void elu_reference(const hoop_call *c)
{
    const elu_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i);
        hoop__put(c->out, i, x > 0.0 ? o->scale * x : o->scale * o->alpha * expm1(o->input_scale * x));
    }
}
static const elu_attrs plain = {1.0, 1.0, 1.0}, selu = {SELU_ALPHA, SELU_SCALE, 1.0}, celu = {2.0, 1.0, 0.5},
                       flat = {0.0, 1.0, 1.0}, negative = {-1.0, 1.0, 1.0}, endless = {(double)INFINITY, 1.0, 1.0},
                       no_scale = {1.0, -1.0, 1.0}, no_input = {1.0, 1.0, 0.0};
static const hoop_case cases[] = {{"3x4", &plain},
                                  {".", &selu},
                                  {"0x3", &plain},
                                  {"133", &celu},
                                  {"5", &flat},
                                  {"3", &negative, HOOP_EARG},
                                  {"3", &endless, HOOP_EARG},
                                  {"3", &no_scale, HOOP_EARG},
                                  {"3", &no_input, HOOP_EARG},
                                  {"i64:3<5", &plain, HOOP_EDTYPE}};

const hoop_op hoop__op_elu = {
    .name       = "elu",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE,
    .reads      = HOOP_READS_OUT(0),
    .attrs_size = sizeof(elu_attrs),
    HOOP_FIELDS(fields),
    .shape     = elu_shape,
    .forward   = elu_forward,
    .backward  = elu_backward,
    .reference = elu_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(cases),
};

/* elu_grad: y, dy of one shape -> dx */
static hoop_status elu_grad_forward(const hoop_call *c)
{
    const elu_attrs *o = c->attrs;
    return hoop__run_tuned_grad(c, HOOP_TUNED_GRAD_elu,
                                (const double[HOOP_TUNED_PARAMS]){o->alpha * o->scale, o->scale, o->input_scale});
}
static hoop_tensor *elu_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const elu_attrs *o    = attrs;
    hoop_tensor     *zero = hoop_fill(t, hoop_tensor_dtype(in[0]), 0, NULL, 0.0), *above = hoop_greater(t, in[0], zero);
    hoop_tensor     *sum = hoop_shift(t, in[0], o->scale * o->alpha), *slope = hoop_scale(t, sum, o->input_scale);
    hoop_tensor     *bent = hoop_mul(t, in[1], slope), *straight = hoop_scale(t, in[1], o->scale);
    (void)nin;
    return hoop_where(t, above, straight, bent);
}
static void elu_grad_reference(const hoop_call *c)
{
    const elu_attrs *o = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double y = hoop__at(c->in[0], i), dy = hoop__at(c->in[1], i);
        hoop__put(c->out, i, y > 0.0 ? o->scale * dy : dy * (y + o->scale * o->alpha) * o->input_scale);
    }
}
static const hoop_case grad_cases[] = {{"3x4 3x4", &plain},
                                       {"133 133", &selu},
                                       {"7 7", &celu},
                                       {"0x3 0x3", &plain},
                                       {"3 4", &plain, HOOP_ESHAPE},
                                       {"3 3", &negative, HOOP_EARG},
                                       {"3 3", &no_scale, HOOP_EARG},
                                       {"3 3", &no_input, HOOP_EARG},
                                       {"3 i64:3<5", &plain, HOOP_EDTYPE}};

const hoop_op hoop__op_elu_grad = {
    .name       = "elu_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP__ELEMENTWISE_GRAD,
    .attrs_size = sizeof(elu_attrs),
    HOOP_FIELDS(fields),
    .shape     = elu_shape,
    .forward   = elu_grad_forward,
    .composite = elu_grad_composite,
    .reference = elu_grad_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(grad_cases),
};
