/* gelu, and the fused op that is its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

extern const hoop_op hoop__op_gelu, hoop__op_gelu_grad;

typedef struct gelu_attrs {
    int64_t kind;
} gelu_attrs;
static const hoop_field gelu_fields[] = {{"kind", 'i', offsetof(gelu_attrs, kind)}};
static const gelu_attrs by_erf = {HOOP_GELU_ERF}, by_tanh = {HOOP_GELU_TANH}, by_nothing = {-1};

static const hoop_case gelu_cases[] = {
    {"3x4", &by_erf},
    {"133", &by_tanh},
    {"0x3", &by_erf},
    {".", &by_tanh},
    {"i64:3<5", &by_erf, HOOP_EDTYPE},
    {"3", &by_nothing, HOOP_EARG},
};

static const hoop_case gelu_grad_cases[] = {
    {"3x4 3x4", &by_erf},
    {"133 133", &by_tanh},
    {"0x3 0x3", &by_erf},
    {"3 4", &by_erf, HOOP_ESHAPE},
    {"3 i64:3<4", &by_erf, HOOP_EDTYPE},
    {"3 3", &by_nothing, HOOP_EARG},
};

#define SQRT_2_OVER_PI 0.79788456080286535588
#define GELU_CUBIC 0.044715

/* u = sqrt(2/pi) (x + 0.044715 x^3) */
static hoop_tensor *gelu_inner(hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *square = hoop_mul(t, x, x), *scaled = hoop_scale(t, square, GELU_CUBIC), *factor = hoop_shift(t, scaled, 1.0);
    hoop_tensor *v = hoop_mul(t, x, factor);
    return hoop_scale(t, v, SQRT_2_OVER_PI);
}

/* (1 + g) / 2 */
static hoop_tensor *half_plus(hoop_tape *t, hoop_tensor *g)
{
    hoop_tensor *half = hoop_scale(t, g, 0.5);
    return hoop_shift(t, half, 0.5);
}

/* erf: Phi(x) + x phi(x). tanh: (1 + tanh u) / 2 + x (1 - tanh^2 u) u' / 2 */
static hoop_tensor *gelu_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *x = in[0], *cdf, *density, *slope, *rest;
    (void)nin;
    if (((const gelu_attrs *)attrs)->kind == HOOP_GELU_ERF) {
        hoop_tensor *scaled = hoop_scale(t, x, M_SQRT1_2), *e = hoop_erf(t, scaled), *square = hoop_mul(t, scaled, scaled);
        hoop_tensor *minus = hoop_neg(t, square), *bell = hoop_exp(t, minus);
        cdf     = half_plus(t, e);
        density = hoop_scale(t, bell, 0.5 * M_2_SQRTPI * M_SQRT1_2);
    } else {
        hoop_tensor *u = gelu_inner(t, x), *th = hoop_tanh(t, u), *square = hoop_mul(t, th, th), *minus = hoop_neg(t, square);
        hoop_tensor *sech = hoop_shift(t, minus, 1.0), *xx = hoop_mul(t, x, x), *cubic = hoop_scale(t, xx, 3.0 * GELU_CUBIC);
        hoop_tensor *one = hoop_shift(t, cubic, 1.0), *du = hoop_scale(t, one, 0.5 * SQRT_2_OVER_PI);
        cdf     = half_plus(t, th);
        density = hoop_mul(t, sech, du);
    }
    rest  = hoop_mul(t, x, density);
    slope = hoop_add(t, cdf, rest);
    return hoop_mul(t, in[1], slope);
}

/**
 * hoop_gelu - Gaussian error linear unit.
 * Shape   x -> same
 * Value   HOOP_GELU_ERF: x Phi(x); HOOP_GELU_TANH: x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
 * Grad    dx += dy dgelu/dx, the fused op gelu_grad
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (kind)
 * Source  Hendrycks & Gimpel, arXiv 1606.08415
 */
hoop_tensor *hoop_gelu(hoop_tape *t, hoop_tensor *x, hoop_gelu_kind kind)
{
    return hoop_op_call(t, &hoop__op_gelu, &x, 1, &(gelu_attrs){kind}, NULL);
}
hoop_tensor *hoop_gelu_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy, hoop_gelu_kind kind)
{
    return hoop_op_call(t, &hoop__op_gelu_grad, (hoop_tensor *[]){x, dy}, 2, &(gelu_attrs){kind}, NULL);
}
static bool is_tanh(const hoop_call *c)
{
    return ((const gelu_attrs *)c->attrs)->kind == HOOP_GELU_TANH;
}
static hoop_status gelu_shape(hoop_shape_call *s)
{
    int64_t kind = ((const gelu_attrs *)s->attrs)->kind;
    if (kind != HOOP_GELU_ERF && kind != HOOP_GELU_TANH)
        return hoop_fail(s->err, HOOP_EARG, "kind %lld is neither erf nor tanh", (long long)kind);
    return hoop__shape_same(s);
}
static hoop_status gelu_forward(const hoop_call *c)
{
    return hoop__run_unary(c, is_tanh(c) ? HOOP_UNARY_gelu_tanh : HOOP_UNARY_gelu);
}
static hoop_status gelu_grad_forward(const hoop_call *c)
{
    return hoop__run_unary_grad(c, is_tanh(c) ? HOOP_UNARY_GRAD_gelu_tanh : HOOP_UNARY_GRAD_gelu);
}
static void gelu_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_gelu_grad(b->t, b->in[0], b->dy[0], (hoop_gelu_kind)((const gelu_attrs *)b->attrs)->kind);
}
static void gelu_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i), u = SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x);
        ((double *)c->out->data)[i] = 0.5 * x * (1.0 + (is_tanh(c) ? tanh(u) : erf(x * M_SQRT1_2)));
    }
}
static void gelu_grad_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double x = hoop__at(c->in[0], i), th = tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x)), slope;
        if (is_tanh(c))
            slope = 0.5 * (1.0 + th) + 0.5 * x * (1.0 - th * th) * SQRT_2_OVER_PI * (1.0 + 3.0 * GELU_CUBIC * x * x);
        else
            slope = 0.5 * (1.0 + erf(x * M_SQRT1_2)) + x * exp(-0.5 * x * x) * 0.5 * M_2_SQRTPI * M_SQRT1_2;
        ((double *)c->out->data)[i] = slope * hoop__at(c->in[1], i);
    }
}
const hoop_op hoop__op_gelu = {
    .name       = "gelu",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(gelu_attrs),
    HOOP_FIELDS(gelu_fields),
    .shape     = gelu_shape,
    .forward   = gelu_forward,
    .backward  = gelu_backward,
    .reference = gelu_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(gelu_cases),
};

const hoop_op hoop__op_gelu_grad = {
    .name       = "gelu_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .attrs_size = sizeof(gelu_attrs),
    HOOP_FIELDS(gelu_fields),
    .shape     = gelu_shape,
    .forward   = gelu_grad_forward,
    .composite = gelu_grad_composite,
    .reference = gelu_grad_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(gelu_grad_cases),
};
