/* l1: absolute differences. */
#include "hoop/ops.h"
#include "ops/loss/pair.h"

#include <math.h>

extern const hoop_op hoop__op_l1, hoop__op_l1_grad;

/**
 * hoop_l1 - absolute differences, summed.
 * Shape   y, target of one shape -> () with weight () in f64 = elements
 * Value   sum |y - target|
 * Grad    dy += dloss sign(y - target), 0 at the kink; dtarget the opposite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_l1(hoop_tape *t, hoop_tensor *y, hoop_tensor *target)
{
    return hoop__pair_loss(t, HOOP_PAIR_l1, y, target, 0.0, 0.0);
}
static double value_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return fabs(x - t);
}
static double slope_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return x > t ? 1.0 : x < t ? -1.0 : 0.0;
}
/* sign(x - t); what is added is 0, and says of what this is a function */
static hoop_tensor *by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    hoop_tensor *above = hoop_greater(t, x, target), *below = hoop_greater(t, target, x);
    hoop_tensor *sign = hoop_sub(t, above, below), *flat = hoop_scale(t, hoop_sub(t, x, target), 0.0);
    (void)a;
    return hoop_add(t, sign, flat);
}

static const hoop__pair_attrs none       = {0.0, 0.0};
static const hoop_case        cases[]    = {{"3x4 3x4", &none},
                                            {". .", &none},
                                            {"0x3 0x3", &none},
                                            {"133 133", &none},
                                            {"3x4 4", &none, HOOP_ESHAPE},
                                            {"3 i64:3<4", &none, HOOP_EDTYPE}};
static const hoop_case        by_cases[] = {{"3x4 3x4 .", &none},          {"133 133 .", &none},
                                            {"0x3 0x3 .", &none},          {"3x4 4 .", &none, HOOP_ESHAPE},
                                            {"3 3 3", &none, HOOP_ESHAPE}, {"3 3 i64:.<4", &none, HOOP_EDTYPE}};

HOOP__PAIR_ROWS(l1, cases, by_cases);
const hoop__pair hoop__pair_l1 = {
    .op = &hoop__op_l1, .grad = &hoop__op_l1_grad, .value = value_reference, .slope = slope_reference, .by_x = by_x};
