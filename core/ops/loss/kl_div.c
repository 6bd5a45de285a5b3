/* kl_div: Kullback-Leibler divergence of log-probabilities from a target distribution. */
#include "hoop/ops.h"
#include "ops/loss/pair.h"

#include <math.h>

extern const hoop_op hoop__op_kl_div, hoop__op_kl_div_grad, hoop__op_kl_div_log, hoop__op_kl_div_log_grad;

/**
 * hoop_kl_div - how far a target distribution is from log-probabilities, summed.
 * Shape   y (log-probabilities), target of one shape -> () with weight () in f64 = rows, dim 0
 * Value   sum target (log target - y), where 0 log 0 = 0; log_target: the target is logs too, sum e^target (target - y)
 * Grad    dy -= dloss target
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 * Source  Kullback & Leibler, Ann. Math. Statist. 1951
 */
hoop_tensor *hoop_kl_div(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, bool log_target)
{
    return hoop__pair_loss(t, log_target ? HOOP_PAIR_kl_div_log : HOOP_PAIR_kl_div, y, target, 0.0, 0.0);
}
static double value_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return (t == 0.0 ? 0.0 : t * log(t)) - t * x;
}
static double slope_reference(double x, double t, double a, double b)
{
    (void)x, (void)a, (void)b;
    return -t;
}
static hoop_tensor *by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    (void)x, (void)a;
    return hoop_neg(t, target);
}
static hoop_tensor *by_target(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    hoop_tensor *off = hoop_sub(t, hoop_log(t, target), x);
    (void)a;
    return hoop_shift(t, off, 1.0);
}
static double log_value_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return exp(t) * (t - x);
}
static double log_slope_reference(double x, double t, double a, double b)
{
    (void)x, (void)a, (void)b;
    return -exp(t);
}
static hoop_tensor *log_by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    (void)x, (void)a;
    return hoop_neg(t, hoop_exp(t, target));
}
static hoop_tensor *log_by_target(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    hoop_tensor *off = hoop_shift(t, hoop_sub(t, target, x), 1.0), *p = hoop_exp(t, target);
    (void)a;
    return hoop_mul(t, p, off);
}

static const hoop__pair_attrs none       = {0.0, 0.0};
static const hoop_case        cases[]    = {{"3x4 3x4%", &none},
                                            {". .%", &none},
                                            {"0x3 0x3", &none},
                                            {"133 133%", &none},
                                            {"3x4 4", &none, HOOP_ESHAPE},
                                            {"3 i64:3<4", &none, HOOP_EDTYPE}};
static const hoop_case        by_cases[] = {{"3x4 3x4% .", &none},         {"133 133% .", &none},
                                            {"0x3 0x3 .", &none},          {"3x4 4 .", &none, HOOP_ESHAPE},
                                            {"3 3 3", &none, HOOP_ESHAPE}, {"3 3 i64:.<4", &none, HOOP_EDTYPE}};

HOOP__PAIR_ROWS(kl_div, cases, by_cases);
const hoop__pair hoop__pair_kl_div = {.op        = &hoop__op_kl_div,
                                      .grad      = &hoop__op_kl_div_grad,
                                      .value     = value_reference,
                                      .slope     = slope_reference,
                                      .by_x      = by_x,
                                      .by_target = by_target,
                                      .by_rows   = true};
HOOP__PAIR_ROWS(kl_div_log, cases, by_cases);
const hoop__pair hoop__pair_kl_div_log = {.op        = &hoop__op_kl_div_log,
                                          .grad      = &hoop__op_kl_div_log_grad,
                                          .value     = log_value_reference,
                                          .slope     = log_slope_reference,
                                          .by_x      = log_by_x,
                                          .by_target = log_by_target,
                                          .by_rows   = true};
