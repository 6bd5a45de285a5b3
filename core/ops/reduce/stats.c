/* var, std, logsumexp, norm: of floats, in one pass through memory. */
#include "ops/reduce/reduce.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct stat_attrs {
    reduce_attrs over;
    double       param; /* the correction of var and std, the p of norm */
} stat_attrs;
static const hoop_field fields[] = {
    {"dims", 'i', offsetof(stat_attrs, over.dims)},
    {"keep", 'i', offsetof(stat_attrs, over.keep)},
    {"param", 'f', offsetof(stat_attrs, param)},
};

extern const hoop_op hoop__op_var, hoop__op_std, hoop__op_logsumexp, hoop__op_norm;

#define DIMS(mask, kept, number)                                                                                                 \
    {                                                                                                                            \
        {mask, kept}, number                                                                                                     \
    }
static const stat_attrs all1 = DIMS(HOOP_ALL_DIMS, 0, 1), all1_kept = DIMS(HOOP_ALL_DIMS, 1, 1), first0 = DIMS(1, 0, 0),
                        first1 = DIMS(1, 0, 1), second0 = DIMS(2, 0, 0), second1 = DIMS(2, 0, 1), outer1 = DIMS(5, 1, 1),
                        even0 = DIMS(10, 0, 0), fourth = DIMS(8, 0, 1), half = DIMS(1, 0, 0.5), minus = DIMS(1, 0, -1);

static double param_of(const void *attrs)
{
    return ((const stat_attrs *)attrs)->param;
}

static hoop_tensor *call(hoop_tape *t, const hoop_op *op, hoop_tensor *x, unsigned dims, bool keep, double param)
{
    stat_attrs attrs = {{dims, keep}, param};
    return hoop_op_call(t, op, &x, 1, &attrs, NULL);
}

/* the naive ones: sums of what `term` says of each element, and of how many */
typedef struct sums {
    const double *shift; /* by output; NULL: 0 */
    double       *y, (*term)(double d, double p), p;
} sums;

static void add_term(void *ctx, int64_t to, int64_t k, double v)
{
    const sums *s = ctx;
    (void)k;
    s->y[to] += s->term(v - (s->shift == NULL ? 0.0 : s->shift[to]), s->p);
}

static void sum_reference(const hoop_call *c, double (*term)(double, double), const double *shift, double p)
{
    sums s = {shift, c->out->data, term, p};
    for (int64_t i = 0, m = hoop__view_numel(c->out); i < m; i++) s.y[i] = 0.0;
    hoop__reduce_walk(c, add_term, &s);
}

static double term_itself(double d, double p)
{
    (void)p;
    return d;
}
static double term_square(double d, double p)
{
    (void)p;
    return d * d;
}
static double term_exp_reference(double d, double p)
{
    (void)p;
    return exp(d);
}
static double term_power_reference(double d, double p)
{
    return d == 0.0 ? 0.0 : pow(fabs(d), p);
}

/* ---- variance ---- */

/**
 * hoop_var - variance over dims: sum (x - mean)^2 / (count - correction); NaN where that is 0 / 0.
 * Shape   as hoop_sum                Grad   dx += dy 2 (x - mean) / (count - correction)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim, no elements), HOOP_EDTYPE, HOOP_EARG (correction)
 * Source  Chan, Golub & LeVeque, The American Statistician 1983 (joining groups)
 */
hoop_tensor *hoop_var(hoop_tape *t, hoop_tensor *x, unsigned dims, int correction, bool keep)
{
    return call(t, &hoop__op_var, x, dims, keep, correction);
}
static hoop_status var_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__reduce_shape_some(s);
    if (st == HOOP_OK) st = hoop__check_float(s, 0);
    if (st == HOOP_OK && param_of(s->attrs) != 0 && param_of(s->attrs) != 1)
        return hoop_fail(s->err, HOOP_EARG, "correction %g; 0 or 1 is wanted", param_of(s->attrs));
    return st;
}
static hoop_status var_forward(const hoop_call *c)
{
    return hoop__stat(c, HOOP_STAT_VAR, param_of(c->attrs));
}
/* (x - mean) dy / (count - correction) */
static hoop_tensor *slope(hoop_backward_call *b, hoop_tensor *dy, hoop_tensor **away)
{
    const stat_attrs *a     = b->attrs;
    double            count = (double)hoop__reduced_count(hoop_tensor_view(b->in[0]), &a->over) - a->param;
    hoop_tensor      *mean  = hoop_mean(b->t, b->in[0], (unsigned)a->over.dims, true);
    *away                   = hoop_sub(b->t, b->in[0], mean);
    return hoop_scale(b->t, dy, 1.0 / count);
}
static void var_backward(hoop_backward_call *b)
{
    hoop_tensor *away, *dy = hoop__with_dims(b, b->dy[0]), *part = slope(b, dy, &away), *twice = hoop_scale(b->t, part, 2.0);
    if (hoop_sink(b, 0)) hoop_mul(b->t, away, twice);
}
static void var_reference(const hoop_call *c)
{
    const stat_attrs *a = c->attrs;
    double            n = (double)hoop__reduced_count(c->in[0], &a->over), *y = c->out->data, *mean;
    int64_t           m = hoop__view_numel(c->out);
    sum_reference(c, term_itself, NULL, 0);
    mean = malloc((size_t)(m + 1) * sizeof *mean);
    if (mean == NULL) return;
    for (int64_t i = 0; i < m; i++) mean[i] = y[i] / n;
    sum_reference(c, term_square, mean, 0);
    for (int64_t i = 0; i < m; i++) y[i] /= n - a->param;
    free(mean);
}
static const hoop_case var_cases[] = {
    {"3x4", &all1},
    {"3x4", &all1_kept},
    {"3x4", &first0},
    {"3x4", &second1},
    {"2x3x4", &outer1},
    {"2x3x4", &second0},
    {"1x5", &first0},
    {"131x3", &first1},
    {"3x1031", &second1},
    {"2x3x2x3x2", &even0},
    {"0x3", &second1},
    {"3", &fourth, HOOP_ESHAPE},
    {"0x3", &first1, HOOP_ESHAPE},
    {"3x4", &half, HOOP_EARG},
    {"i64:3<5", &all1, HOOP_EDTYPE},
};
const hoop_op hoop__op_var = {
    .name  = "var",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .reads = HOOP_READS_IN(0),
    HOOP__REDUCTION(stat_attrs, fields),
    .shape     = var_shape,
    .forward   = var_forward,
    .workspace = hoop__stat_workspace,
    .backward  = var_backward,
    .reference = var_reference,
    HOOP_CASES(var_cases),
};

/**
 * hoop_std - standard deviation over dims: the root of hoop_var.
 * Shape   as hoop_sum                Grad   dx += dy (x - mean) / (y (count - correction)), 0 where y is 0
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim, no elements), HOOP_EDTYPE, HOOP_EARG (correction)
 */
hoop_tensor *hoop_std(hoop_tape *t, hoop_tensor *x, unsigned dims, int correction, bool keep)
{
    return call(t, &hoop__op_std, x, dims, keep, correction);
}
static hoop_status std_forward(const hoop_call *c)
{
    return hoop__stat(c, HOOP_STAT_STD, param_of(c->attrs));
}
/* y, and 1 where it is 0: to divide by */
static hoop_tensor *not_zero(hoop_backward_call *b, hoop_tensor *y)
{
    hoop_tensor *zero = hoop_fill(b->t, hoop_tensor_dtype(y), 0, NULL, 0.0), *is = hoop_equal(b->t, y, zero);
    return hoop_add(b->t, y, is);
}
static void std_backward(hoop_backward_call *b)
{
    hoop_tensor *away, *y = hoop__with_dims(b, b->out[0]), *dy = hoop__with_dims(b, b->dy[0]), *divisor = not_zero(b, y);
    hoop_tensor *part = slope(b, dy, &away), *share = hoop_div(b->t, part, divisor);
    if (hoop_sink(b, 0)) hoop_mul(b->t, away, share);
}
static void std_reference(const hoop_call *c)
{
    var_reference(c);
    for (int64_t i = 0, m = hoop__view_numel(c->out); i < m; i++) ((double *)c->out->data)[i] = sqrt(((double *)c->out->data)[i]);
}
static const hoop_case std_cases[] = {
    {"3x4", &all1},
    {"3x4", &all1_kept},
    {"3x4", &first0},
    {"3x4", &second1},
    {"2x3x4", &outer1},
    {"131x3", &first1},
    {"3x1031", &second1},
    {"2x3x2x3x2", &even0},
    {"0x3", &second1},
    {"3", &fourth, HOOP_ESHAPE},
    {"0x3", &first1, HOOP_ESHAPE},
    {"3x4", &half, HOOP_EARG},
    {"i64:3<5", &all1, HOOP_EDTYPE},
};
const hoop_op hoop__op_std = {
    .name  = "std",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .reads = HOOP_READS_IN(0) | HOOP_READS_OUT(0),
    HOOP__REDUCTION(stat_attrs, fields),
    .shape     = var_shape,
    .forward   = std_forward,
    .workspace = hoop__stat_workspace,
    .backward  = std_backward,
    .reference = std_reference,
    HOOP_CASES(std_cases),
};

/* ---- log-sum-exp ---- */

/**
 * hoop_logsumexp - log of the sum of exponentials over dims; -inf for no elements.
 * Shape   as hoop_sum                Grad   dx += dy e^(x - y)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim), HOOP_EDTYPE
 */
hoop_tensor *hoop_logsumexp(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_logsumexp, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status float_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__reduce_shape(s);
    return st == HOOP_OK ? hoop__check_float(s, 0) : st;
}
static hoop_status logsumexp_forward(const hoop_call *c)
{
    return hoop__stat(c, HOOP_STAT_LOGSUMEXP, 0);
}
static void logsumexp_backward(hoop_backward_call *b)
{
    hoop_tensor *y = hoop__with_dims(b, b->out[0]), *dy = hoop__with_dims(b, b->dy[0]);
    hoop_tensor *below = hoop_sub(b->t, b->in[0], y), *share = hoop_exp(b->t, below);
    if (hoop_sink(b, 0)) hoop_mul(b->t, share, dy);
}
static void logsumexp_reference(const hoop_call *c)
{
    sum_reference(c, term_exp_reference, NULL, 0);
    for (int64_t i = 0, m = hoop__view_numel(c->out); i < m; i++) ((double *)c->out->data)[i] = log(((double *)c->out->data)[i]);
}
static const reduce_attrs all = {HOOP_ALL_DIMS, 0}, all_kept = {HOOP_ALL_DIMS, 1}, first = {1, 0}, second = {2, 0},
                          outer = {5, 1}, even = {10, 0}, no_dim = {8, 0};
static const hoop_case logsumexp_cases[] = {
    {"3x4", &all},
    {"3x4", &all_kept},
    {"3x4", &first},
    {"3x4", &second},
    {"2x3x4", &outer},
    {"2x3x4", &second},
    {".", &all},
    {"131x3", &first},
    {"3x131", &second},
    {"2x3x2x3x2", &even},
    {"0x3", &second},
    {"3", &no_dim, HOOP_ESHAPE},
    {"i64:3<5", &all, HOOP_EDTYPE},
};
const hoop_op hoop__op_logsumexp = {
    .name  = "logsumexp",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .reads = HOOP_READS_IN(0) | HOOP_READS_OUT(0),
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = float_shape,
    .forward   = logsumexp_forward,
    .workspace = hoop__stat_workspace,
    .backward  = logsumexp_backward,
    .reference = logsumexp_reference,
    HOOP_CASES(logsumexp_cases),
};

/* ---- norm ---- */

/**
 * hoop_norm - (sum |x|^p)^(1/p) over dims; p infinity: the largest |x|; 0 for no elements.
 * Shape   as hoop_sum
 * Grad    dx += dy sign(x) (|x| / y)^(p-1), 0 where y is 0; of p infinity as hoop_max
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim), HOOP_EDTYPE, HOOP_EARG (p is not above 0)
 * Powers other than 1 and 2 go through f64.
 */
hoop_tensor *hoop_norm(hoop_tape *t, hoop_tensor *x, double p, unsigned dims, bool keep)
{
    return call(t, &hoop__op_norm, x, dims, keep, p);
}
static hoop_status norm_shape(hoop_shape_call *s)
{
    if (!(param_of(s->attrs) > 0)) return hoop_fail(s->err, HOOP_EARG, "p is %g; above 0 is wanted", param_of(s->attrs));
    return float_shape(s);
}
static hoop_status norm_forward(const hoop_call *c)
{
    return hoop__stat(c, HOOP_STAT_NORM, param_of(c->attrs));
}
static hoop_tensor *sign_of(hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *zero = hoop_fill(t, hoop_tensor_dtype(x), 0, NULL, 0.0), *above = hoop_greater(t, x, zero);
    hoop_tensor *below = hoop_greater(t, zero, x);
    return hoop_sub(t, above, below);
}
static void norm_backward(hoop_backward_call *b)
{
    const stat_attrs *a = b->attrs;
    hoop_tensor      *x = b->in[0], *y = hoop__with_dims(b, b->out[0]), *dy = hoop__with_dims(b, b->dy[0]), *sign, *size, *share;
    if (a->param == 2) {
        hoop_tensor *divisor = not_zero(b, y);
        share                = hoop_div(b->t, dy, divisor);
        if (hoop_sink(b, 0)) hoop_mul(b->t, x, share);
        return;
    }
    sign = sign_of(b->t, x);
    if (a->param == 1) {
        if (hoop_sink(b, 0)) hoop_mul(b->t, sign, dy);
        return;
    }
    size = hoop_mul(b->t, x, sign); /* |x| */
    if (a->param == (double)INFINITY) {
        hoop_tensor *mask = hoop_equal(b->t, size, y), *ties = hoop_sum(b->t, mask, (unsigned)a->over.dims, true),
                    *side = hoop_mul(b->t, mask, sign);
        share             = hoop_div(b->t, dy, ties);
        if (hoop_sink(b, 0)) hoop_mul(b->t, side, share);
    } else { /* e^((p - 1) (log |x| - log y)), where x is 0 times its sign */
        hoop_tensor *some = not_zero(b, size), *divisor = not_zero(b, y), *ratio = hoop_div(b->t, some, divisor),
                    *log = hoop_log(b->t, ratio), *times = hoop_scale(b->t, log, a->param - 1), *power = hoop_exp(b->t, times);
        share = hoop_mul(b->t, sign, power);
        if (hoop_sink(b, 0)) hoop_mul(b->t, share, dy);
    }
}
typedef struct largest {
    double *y;
} largest;
static void take_largest(void *ctx, int64_t to, int64_t k, double v)
{
    double *y = ((const largest *)ctx)->y;
    (void)k;
    y[to] = fmax(y[to], fabs(v));
}
static void norm_reference(const hoop_call *c)
{
    double  p = param_of(c->attrs), *y = c->out->data;
    int64_t m = hoop__view_numel(c->out);
    if (p == (double)INFINITY) {
        for (int64_t i = 0; i < m; i++) y[i] = 0.0;
        hoop__reduce_walk(c, take_largest, &(largest){y});
        return;
    }
    sum_reference(c, term_power_reference, NULL, p);
    for (int64_t i = 0; i < m; i++) y[i] = pow(y[i], 1.0 / p);
}
static const stat_attrs all2 = DIMS(HOOP_ALL_DIMS, 0, 2), first2 = DIMS(1, 1, 2), second2 = DIMS(2, 0, 2), even2 = DIMS(10, 0, 2),
                        second_most = DIMS(2, 0, (double)INFINITY), first_most = DIMS(1, 0, (double)INFINITY),
                        second3 = DIMS(2, 0, 3), first_half = DIMS(1, 0, 0.5), fourth2 = DIMS(8, 0, 2);
static const hoop_case norm_cases[] = {
    {"3x4", &all2},
    {"3x4", &first2},
    {"131x3", &first2},
    {"3x1031", &second2},
    {"2x3x2x3x2", &even2},
    {"3x4", &all1_kept},
    {"67x3", &first1},
    {"3x131", &second1},
    {"3x17", &second_most},
    {"70x3", &first_most},
    {"3x17", &second3},
    {"17x3+", &first_half},
    {"0x3", &second2},
    {".", &all2},
    {"3", &fourth2, HOOP_ESHAPE},
    {"3", &minus, HOOP_EARG},
    {"i64:3<5", &all2, HOOP_EDTYPE},
};
const hoop_op hoop__op_norm = {
    .name  = "norm",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .reads = HOOP_READS_IN(0) | HOOP_READS_OUT(0),
    HOOP__REDUCTION(stat_attrs, fields),
    .shape     = norm_shape,
    .forward   = norm_forward,
    .workspace = hoop__stat_workspace,
    .backward  = norm_backward,
    .reference = norm_reference,
    HOOP_CASES(norm_cases),
};
