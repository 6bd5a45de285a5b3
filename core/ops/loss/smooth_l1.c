/* smooth_l1 and huber: squares near the target, lines beyond. */
#include "hoop/ops.h"
#include "ops/loss/pair.h"

#include <math.h>

extern const hoop_op hoop__op_smooth_l1, hoop__op_smooth_l1_grad, hoop__op_huber, hoop__op_huber_grad;

/**
 * hoop_smooth_l1 - squares near the target, beyond beta lines of slope 1, summed.
 * Shape   y, target of one shape -> () with weight () in f64 = elements
 * Value   sum e^2 / (2 beta) where |e| < beta, else |e| - beta / 2; e = y - target; beta 0: |e|
 * Grad    dy += dloss times e / beta, or the sign; dtarget the opposite
 * Dtype   f32, f64                   Errors HOOP_EARG, HOOP_ESHAPE, HOOP_EDTYPE
 * Source  Girshick, ICCV 2015
 */
hoop_tensor *hoop_smooth_l1(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, double beta)
{
    return hoop__pair_loss(t, HOOP_PAIR_smooth_l1, y, target, beta, 0.0);
}
static double smooth_value_reference(double x, double t, double a, double b)
{
    const double s = fabs(x - t);
    (void)b;
    return s < a ? 0.5 * s * s / a : s - 0.5 * a;
}
static double smooth_slope_reference(double x, double t, double a, double b)
{
    (void)b;
    return fabs(x - t) < a ? (x - t) / a : x > t ? 1.0 : x < t ? -1.0 : 0.0;
}
/* e held within -d and d */
static hoop_tensor *within(hoop_tape *t, hoop_tensor *e, double d)
{
    hoop_tensor *above = hoop_relu(t, hoop_shift(t, e, d)), *far = hoop_relu(t, hoop_shift(t, e, -d));
    return hoop_shift(t, hoop_sub(t, above, far), -d);
}
static hoop_tensor *smooth_by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    if (a->a > 0.0) return hoop_scale(t, within(t, hoop_sub(t, x, target), a->a), 1.0 / a->a);
    return hoop__pair_l1.by_x(t, x, target, a);
}

/**
 * hoop_huber - squares near the target, beyond delta lines of slope delta, summed.
 * Shape   y, target of one shape -> () with weight () in f64 = elements
 * Value   sum e^2 / 2 where |e| < delta, else delta (|e| - delta / 2); e = y - target
 * Grad    dy += dloss times e held within -delta and delta; dtarget the opposite
 * Dtype   f32, f64                   Errors HOOP_EARG, HOOP_ESHAPE, HOOP_EDTYPE
 * Source  Huber, Ann. Math. Statist. 1964
 */
hoop_tensor *hoop_huber(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, double delta)
{
    return hoop__pair_loss(t, HOOP_PAIR_huber, y, target, delta, 0.0);
}
static double huber_value_reference(double x, double t, double a, double b)
{
    const double s = fabs(x - t);
    (void)b;
    return s < a ? 0.5 * s * s : a * (s - 0.5 * a);
}
static double huber_slope_reference(double x, double t, double a, double b)
{
    (void)b;
    return fmax(-a, fmin(a, x - t));
}
static hoop_tensor *huber_by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    return within(t, hoop_sub(t, x, target), a->a);
}

static const hoop__pair_attrs one = {1.0, 0.0}, half = {0.5, 0.0}, zero = {0.0, 0.0}, negative = {-1.0, 0.0};

static const hoop_case cases[]           = {{"3x4 3x4", &one},
                                            {". .", &half},
                                            {"0x3 0x3", &one},
                                            {"133 133", &half},
                                            {"3x4 4", &one, HOOP_ESHAPE},
                                            {"3 i64:3<4", &one, HOOP_EDTYPE},
                                            {"3 3", &negative, HOOP_EARG}};
static const hoop_case by_cases[]        = {{"3x4 3x4 .", &one},
                                            {"133 133 .", &half},
                                            {"0x3 0x3 .", &one},
                                            {"3x4 4 .", &one, HOOP_ESHAPE},
                                            {"3 3 3", &one, HOOP_ESHAPE},
                                            {"3 3 i64:.<4", &one, HOOP_EDTYPE},
                                            {"3 3 .", &negative, HOOP_EARG}};
static const hoop_case smooth_cases[]    = {{"3x4 3x4", &one},
                                            {". .", &half},
                                            {"0x3 0x3", &one},
                                            {"133 133", &half},
                                            {"3x5 3x5", &zero},
                                            {"3x4 4", &one, HOOP_ESHAPE},
                                            {"3 i64:3<4", &one, HOOP_EDTYPE},
                                            {"3 3", &negative, HOOP_EARG}};
static const hoop_case smooth_by_cases[] = {{"3x4 3x4 .", &one},
                                            {"133 133 .", &half},
                                            {"3x5 3x5 .", &zero},
                                            {"0x3 0x3 .", &one},
                                            {"3x4 4 .", &one, HOOP_ESHAPE},
                                            {"3 3 3", &one, HOOP_ESHAPE},
                                            {"3 3 i64:.<4", &one, HOOP_EDTYPE},
                                            {"3 3 .", &negative, HOOP_EARG}};

HOOP__PAIR_ROWS(smooth_l1, smooth_cases, smooth_by_cases);
const hoop__pair hoop__pair_smooth_l1 = {.op    = &hoop__op_smooth_l1,
                                         .grad  = &hoop__op_smooth_l1_grad,
                                         .value = smooth_value_reference,
                                         .slope = smooth_slope_reference,
                                         .by_x  = smooth_by_x,
                                         .key   = "beta"};
HOOP__PAIR_ROWS(huber, cases, by_cases);
const hoop__pair hoop__pair_huber = {.op    = &hoop__op_huber,
                                     .grad  = &hoop__op_huber_grad,
                                     .value = huber_value_reference,
                                     .slope = huber_slope_reference,
                                     .by_x  = huber_by_x,
                                     .key   = "delta"};
