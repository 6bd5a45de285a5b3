/* poisson_nll: minus the log-likelihood of counts. */
#include "hoop/ops.h"
#include "ops/loss/pair.h"

#include <math.h>

extern const hoop_op hoop__op_poisson_nll, hoop__op_poisson_nll_grad, hoop__op_poisson_nll_log, hoop__op_poisson_nll_log_grad;

/**
 * hoop_poisson_nll - minus the log-likelihood of counts under Poisson distributions, summed.
 * Shape   y, target of one shape -> () with weight () in f64 = elements
 * Value   log_input: sum e^y - target y; else y - target log(y + eps); full: + Stirling's log target! where target > 1
 * Grad    dy += dloss (e^y - target), or dloss (1 - target / (y + eps))
 * Dtype   f32, f64                   Errors HOOP_EARG, HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_poisson_nll(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, bool log_input, bool full, double eps)
{
    return hoop__pair_loss(t, log_input ? HOOP_PAIR_poisson_nll_log : HOOP_PAIR_poisson_nll, y, target, eps, full ? 1.0 : 0.0);
}
static double stirling_reference(double t, double b)
{
    return b != 0.0 && t > 1.0 ? t * log(t) - t + 0.5 * log(6.28318530717958647693 * t) : 0.0;
}
/* its derivative, where it is: log t + 1 / (2 t) */
static hoop_tensor *plus_stirling(hoop_tape *t, hoop_tensor *slope, hoop_tensor *target, double b)
{
    hoop_tensor *most, *above, *logs, *half, *both;
    if (b == 0.0) return slope;
    above = hoop_greater(t, target, hoop_fill(t, hoop_tensor_dtype(target), 0, NULL, 1.0));
    most  = hoop_shift(t, hoop_relu(t, hoop_shift(t, target, -1.0)), 1.0); /* max(target, 1) */
    logs  = hoop_log(t, most);
    half  = hoop_scale(t, hoop_reciprocal(t, most), 0.5);
    both  = hoop_add(t, logs, half);
    both  = hoop_mul(t, both, above);
    return hoop_add(t, slope, both);
}
static double value_reference(double x, double t, double a, double b)
{
    return x - t * log(x + a) + stirling_reference(t, b);
}
static double slope_reference(double x, double t, double a, double b)
{
    (void)b;
    return 1.0 - t / (x + a);
}
static hoop_tensor *by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    hoop_tensor *rate = hoop_shift(t, x, a->a), *share = hoop_div(t, target, rate);
    return hoop_shift(t, hoop_neg(t, share), 1.0);
}
static hoop_tensor *by_target(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    hoop_tensor *logs = hoop_log(t, hoop_shift(t, x, a->a));
    return plus_stirling(t, hoop_neg(t, logs), target, a->b);
}
static double log_value_reference(double x, double t, double a, double b)
{
    (void)a;
    return exp(x) - t * x + stirling_reference(t, b);
}
static double log_slope_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return exp(x) - t;
}
static hoop_tensor *log_by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    (void)a;
    return hoop_sub(t, hoop_exp(t, x), target);
}
static hoop_tensor *log_by_target(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    return plus_stirling(t, hoop_neg(t, x), target, a->b);
}

static const hoop__pair_attrs plain = {1e-3, 0.0}, full = {1e-3, 1.0}, negative = {-1.0, 0.0};
static const hoop_case        cases[]    = {{"3x4+ 3x4+", &plain},
                                            {".+ .+", &full},
                                            {"0x3 0x3", &plain},
                                            {"133+ 133+", &full},
                                            {"3x4 4", &plain, HOOP_ESHAPE},
                                            {"3 i64:3<4", &plain, HOOP_EDTYPE},
                                            {"3 3", &negative, HOOP_EARG}};
static const hoop_case        by_cases[] = {{"3x4+ 3x4+ .", &plain},        {"133+ 133+ .", &full},
                                            {"0x3 0x3 .", &plain},          {"3x4 4 .", &plain, HOOP_ESHAPE},
                                            {"3 3 3", &plain, HOOP_ESHAPE}, {"3 3 i64:.<4", &plain, HOOP_EDTYPE},
                                            {"3 3 .", &negative, HOOP_EARG}};

HOOP__PAIR_ROWS(poisson_nll, cases, by_cases);
const hoop__pair hoop__pair_poisson_nll = {.op        = &hoop__op_poisson_nll,
                                           .grad      = &hoop__op_poisson_nll_grad,
                                           .value     = value_reference,
                                           .slope     = slope_reference,
                                           .by_x      = by_x,
                                           .by_target = by_target,
                                           .key       = "eps"};
HOOP__PAIR_ROWS(poisson_nll_log, cases, by_cases);
const hoop__pair hoop__pair_poisson_nll_log = {.op        = &hoop__op_poisson_nll_log,
                                               .grad      = &hoop__op_poisson_nll_log_grad,
                                               .value     = log_value_reference,
                                               .slope     = log_slope_reference,
                                               .by_x      = log_by_x,
                                               .by_target = log_by_target,
                                               .key       = "eps"};
