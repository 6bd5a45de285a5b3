/* bce_with_logits and bce: binary cross entropy of logits, of probabilities. */
#include "hoop/ops.h"
#include "ops/loss/pair.h"
#include "tape/tape.h"

#include <math.h>

extern const hoop_op hoop__op_bce, hoop__op_bce_grad, hoop__op_bce_with_logits, hoop__op_bce_with_logits_grad;

/* f weighted by class, summed */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *f, hoop_tensor *weight)
{
    hoop_tensor *all   = weight == NULL ? f : hoop_mul(t, f, weight), *sum;
    hoop_tensor *count = hoop_fill(t, HOOP_F64, 0, NULL, (double)hoop_tensor_numel(f));
    if (!hoop_tensor_is_poison(all) && hoop_tensor_numel(all) != hoop_tensor_numel(f))
        hoop_tape_fail(t, HOOP_ESHAPE, "a weight for each class is wanted, of %lld; there are %lld",
                       (long long)hoop_tensor_size(f, -1), (long long)hoop_tensor_numel(weight));
    sum = hoop_sum(t, all, HOOP_ALL_DIMS, false);
    return hoop_loss(t, sum, count);
}

/**
 * hoop_bce_with_logits - binary cross entropy of logits, summed.
 * Shape   y, target (..., C), pos_weight and weight (C), () or NULL -> () with weight () in f64 = elements
 * Value   sum weight ((1 - target) y + (1 + (pos_weight - 1) target) log(1 + e^-y))
 * Grad    dy += dloss (sigmoid(y) - target) without weights: the fused op bce_with_logits_grad; with them as their ops say
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_bce_with_logits(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, hoop_tensor *pos_weight, hoop_tensor *weight)
{
    hoop_tensor *negative, *soft, *more, *first, *second;
    if (pos_weight == NULL && weight == NULL) return hoop__pair_loss(t, HOOP_PAIR_bce_with_logits, y, target, 0.0, 0.0);
    negative = hoop_shift(t, hoop_neg(t, target), 1.0); /* 1 - target */
    soft     = hoop_neg(t, hoop_log_sigmoid(t, y));     /* log(1 + e^-y) */
    first    = hoop_mul(t, negative, y);
    if (pos_weight != NULL) {
        more = hoop_mul(t, target, hoop_shift(t, pos_weight, -1.0));
        soft = hoop_mul(t, soft, hoop_shift(t, more, 1.0));
    }
    second = hoop_add(t, first, soft);
    return weighted(t, second, weight);
}
static double logits_value_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return (1.0 - t) * x + fmax(-x, 0.0) + log1p(exp(-fabs(x)));
}
static double logits_slope_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return 1.0 / (1.0 + exp(-x)) - t;
}
static hoop_tensor *logits_by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    (void)a;
    return hoop_sub(t, hoop_sigmoid(t, x), target);
}
static hoop_tensor *logits_by_target(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    (void)target, (void)a;
    return hoop_neg(t, x);
}

/**
 * hoop_bce - binary cross entropy of probabilities, summed; a log is at least -100.
 * Shape   y, target (..., C), weight (C), () or NULL -> () with weight () in f64 = elements
 * Value   - sum weight (target log y + (1 - target) log(1 - y))
 * Grad    dy += dloss weight (y - target) / (y (1 - y)), the divisor at least 1e-12
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (names a y that is no probability)
 */
hoop_tensor *hoop_bce(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, hoop_tensor *weight)
{
    const hoop_view *v = hoop_tensor_view(y);
    if (weight != NULL && v != NULL) weight = hoop_expand(t, weight, v->ndim, v->shape);
    return hoop__pair_weighted(t, HOOP_PAIR_bce, y, target, weight, 0.0, 0.0);
}
static double value_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return (t - 1.0) * fmax(log1p(-x), -100.0) - t * fmax(log(x), -100.0);
}
static double slope_reference(double x, double t, double a, double b)
{
    (void)a, (void)b;
    return (x - t) / fmax(x * (1.0 - x), 1e-12);
}
static hoop_tensor *by_x(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    hoop_tensor *rest = hoop_shift(t, hoop_neg(t, x), 1.0), *spread = hoop_mul(t, x, rest), *off = hoop_sub(t, x, target);
    (void)a;
    return hoop_div(t, off, spread);
}
static hoop_tensor *by_target(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a)
{
    hoop_tensor *log_x = hoop_log(t, x), *log_rest = hoop_log(t, hoop_shift(t, hoop_neg(t, x), 1.0));
    (void)target, (void)a;
    return hoop_sub(t, log_rest, log_x);
}
/* elements of the loss: what weights them has these for its gradient */
static hoop_tensor *log_from(hoop_tape *t, hoop_tensor *x)
{
    x = hoop_shift(t, hoop_log(t, x), 100.0);
    return hoop_shift(t, hoop_relu(t, x), -100.0);
}
static hoop_tensor *elements(hoop_tape *t, hoop_tensor *x, hoop_tensor *target)
{
    hoop_tensor *rest = hoop_shift(t, hoop_neg(t, x), 1.0), *first = log_from(t, rest), *second = log_from(t, x);
    rest   = hoop_shift(t, target, -1.0);
    first  = hoop_mul(t, rest, first);
    second = hoop_mul(t, target, second);
    return hoop_sub(t, first, second);
}

static const hoop__pair_attrs none             = {0.0, 0.0};
static const hoop_case        cases[]          = {{"3x4 3x4%", &none},
                                                  {". .%", &none},
                                                  {"0x3 0x3", &none},
                                                  {"133 133%", &none},
                                                  {"3x4 4", &none, HOOP_ESHAPE},
                                                  {"3 i64:3<4", &none, HOOP_EDTYPE}};
static const hoop_case        by_cases[]       = {{"3x4 3x4% .", &none},         {"133 133% .", &none},
                                                  {"0x3 0x3 .", &none},          {"3x4 4 .", &none, HOOP_ESHAPE},
                                                  {"3 3 3", &none, HOOP_ESHAPE}, {"3 3 i64:.<4", &none, HOOP_EDTYPE}};
static const hoop_case        share_cases[]    = {{"3x4% 3x4%", &none},
                                                  {".% .%", &none},
                                                  {"0x3% 0x3", &none},
                                                  {"133% 133%", &none},
                                                  {"133% 133% 133", &none},
                                                  {"3x4% 3x4% 3x4", &none},
                                                  {"3x4% 3x4 4", &none, HOOP_ESHAPE},
                                                  {"3% 3 i64:3<4", &none, HOOP_EDTYPE},
                                                  {"3x4% 4", &none, HOOP_ESHAPE},
                                                  {"3% i64:3<4", &none, HOOP_EDTYPE},
                                                  {"33 33%", &none, HOOP_ERANGE},
                                                  {"33 33% 33", &none, HOOP_ERANGE}};
static const hoop_case        share_by_cases[] = {
           {"3x4% 3x4% .", &none},         {"133% 133% .", &none},   {"0x3% 0x3 .", &none},    {"3x4% 4 .", &none, HOOP_ESHAPE},
           {"3% 3 2", &none, HOOP_ESHAPE}, {"133% 133% 133", &none}, {"3x4% 3x4% 3x4", &none}, {"3% 3 i64:.<4", &none, HOOP_EDTYPE}};

HOOP__PAIR_ROWS(bce_with_logits, cases, by_cases);
const hoop__pair hoop__pair_bce_with_logits = {.op        = &hoop__op_bce_with_logits,
                                               .grad      = &hoop__op_bce_with_logits_grad,
                                               .value     = logits_value_reference,
                                               .slope     = logits_slope_reference,
                                               .by_x      = logits_by_x,
                                               .by_target = logits_by_target};
HOOP__PAIR_ROWS_OF(bce, 3, share_cases, share_by_cases);
const hoop__pair hoop__pair_bce = {.op        = &hoop__op_bce,
                                   .grad      = &hoop__op_bce_grad,
                                   .value     = value_reference,
                                   .slope     = slope_reference,
                                   .by_x      = by_x,
                                   .by_target = by_target,
                                   .elements  = elements};
