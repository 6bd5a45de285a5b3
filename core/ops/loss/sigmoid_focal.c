/* sigmoid_focal: binary cross entropy of logits, less of what is already right. */
#include "hoop/ops.h"
#include "ops/loss/pair.h"

#include <math.h>

extern const hoop_op hoop__op_sigmoid_focal, hoop__op_sigmoid_focal_grad;

/**
 * hoop_sigmoid_focal - focal loss of logits, summed.
 * Shape   y, target of one shape -> () with weight () in f64 = elements
 * Value   sum alpha_t (1 - p_t)^gamma ce, ce the binary cross entropy, p_t = p target + (1 - p) (1 - target), p = sigmoid(y);
 *         alpha_t = alpha target + (1 - alpha) (1 - target), 1 where alpha is below 0
 * Grad    the fused op sigmoid_focal_grad
 * Dtype   f32, f64                   Errors HOOP_EARG, HOOP_ESHAPE, HOOP_EDTYPE
 * Source  Lin et al., ICCV 2017
 */
hoop_tensor *hoop_sigmoid_focal(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, double alpha, double gamma)
{
    return hoop__pair_loss(t, HOOP_PAIR_sigmoid_focal, y, target, alpha, gamma);
}
static double value_reference(double x, double t, double a, double b)
{
    const double p = 1.0 / (1.0 + exp(-x)), q = p * (1.0 - t) + (1.0 - p) * t,
                 side = a < 0.0 ? 1.0 : a * t + (1.0 - a) * (1.0 - t);
    return side * pow(q, b) * ((1.0 - t) * x + log1p(exp(-x)));
}
static double slope_reference(double x, double t, double a, double b)
{
    const double p = 1.0 / (1.0 + exp(-x)), q = p * (1.0 - t) + (1.0 - p) * t,
                 side = a < 0.0 ? 1.0 : a * t + (1.0 - a) * (1.0 - t);
    const double ce   = (1.0 - t) * x + log1p(exp(-x));
    return side * pow(q, b) * (b * p * (1.0 - p) * (1.0 - 2.0 * t) / q * ce + p - t);
}

/* what both derivatives are made of */
typedef struct parts {
    hoop_tensor *p, *rest, *q, *ce, *side, *power; /* p, 1 - p, 1 - p_t, cross entropy, alpha_t (NULL: 1), q^gamma */
} parts;
static parts parts_of(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    parts        o;
    hoop_tensor *none = hoop_shift(t, hoop_neg(t, target), 1.0), *one, *two, *logs; /* 1 - target */
    o.p               = hoop_sigmoid(t, x);
    o.rest            = hoop_sigmoid(t, hoop_neg(t, x));
    one               = hoop_mul(t, o.p, none);
    two               = hoop_mul(t, o.rest, target);
    o.q               = hoop_add(t, one, two);
    one               = hoop_mul(t, none, x);
    logs              = hoop_log(t, o.p);
    o.ce              = hoop_sub(t, one, logs);
    o.side            = a->a < 0.0 ? NULL : hoop_shift(t, hoop_scale(t, target, 2.0 * a->a - 1.0), 1.0 - a->a);
    o.power           = hoop_exp(t, hoop_scale(t, hoop_log(t, o.q), a->b));
    return o;
}
/* side power (gamma dq / q ce + dce) */
static hoop_tensor *join(hoop_tape *t, const parts *o, hoop_tensor *dq, hoop_tensor *dce, double gamma)
{
    hoop_tensor *bend = hoop_div(t, dq, o->q), *sum, *all;
    bend              = hoop_mul(t, bend, hoop_scale(t, o->ce, gamma));
    sum               = hoop_add(t, bend, dce);
    all               = hoop_mul(t, sum, o->power);
    return o->side == NULL ? all : hoop_mul(t, all, o->side);
}
static hoop_tensor *by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    const parts  o    = parts_of(t, x, target, a);
    hoop_tensor *turn = hoop_shift(t, hoop_scale(t, target, -2.0), 1.0), *spread = hoop_mul(t, o.p, o.rest);
    hoop_tensor *dq = hoop_mul(t, spread, turn), *dce = hoop_sub(t, o.p, target);
    return join(t, &o, dq, dce, a->b);
}
static hoop_tensor *by_target(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    const parts  o  = parts_of(t, x, target, a);
    hoop_tensor *dq = hoop_sub(t, o.rest, o.p), *dce = hoop_neg(t, x), *slope = join(t, &o, dq, dce, a->b), *more;
    if (o.side == NULL) return slope;
    more = hoop_mul(t, o.power, hoop_scale(t, o.ce, 2.0 * a->a - 1.0));
    return hoop_add(t, slope, more);
}

static const hoop__pair_attrs usual = {0.25, 2.0}, sharp = {-1.0, 0.5}, flat = {0.6, 0.0}, negative = {0.25, -1.0},
                              large = {1.5, 2.0};
static const hoop_case cases[]      = {{"3x4 3x4%", &usual},
                                       {". .%", &usual},
                                       {"0x3 0x3", &usual},
                                       {"133 133%", &sharp},
                                       {"3x5 3x5%", &flat},
                                       {"3x4 4", &usual, HOOP_ESHAPE},
                                       {"3 i64:3<4", &usual, HOOP_EDTYPE},
                                       {"3 3", &negative, HOOP_EARG},
                                       {"3 3", &large, HOOP_EARG}};
static const hoop_case by_cases[]   = {{"3x4 3x4% .", &usual},
                                       {"133 133% .", &sharp},
                                       {"3x5 3x5% .", &flat},
                                       {"0x3 0x3 .", &usual},
                                       {"3x4 4 .", &usual, HOOP_ESHAPE},
                                       {"3 3 3", &usual, HOOP_ESHAPE},
                                       {"3 3 i64:.<4", &usual, HOOP_EDTYPE},
                                       {"3 3 .", &negative, HOOP_EARG},
                                       {"3 3 .", &large, HOOP_EARG}};

HOOP__PAIR_ROWS(sigmoid_focal, cases, by_cases);
const hoop__pair hoop__pair_sigmoid_focal = {.op        = &hoop__op_sigmoid_focal,
                                             .grad      = &hoop__op_sigmoid_focal_grad,
                                             .value     = value_reference,
                                             .slope     = slope_reference,
                                             .by_x      = by_x,
                                             .by_target = by_target,
                                             .key       = "alpha",
                                             .least     = -1e300,
                                             .most      = 1.0,
                                             .key_b     = "gamma"};
