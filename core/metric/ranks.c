/*
 * auroc and average_precision: how well scores part what is a class from what is not.
 *
 * Scores are counted in bins, so that sums over leaves and ranks are whole numbers: a score's log-odds as f32, of which the sign,
 * the power of two and some bits of the fraction are kept, 15 of one class, 11 of 10, 5 of 1000 (so that all bins take at most 16
 * MB to 32 MB). Two scores nearer to each other than that share of their log-odds, or both within 2^-10 of even odds, or both
 * beyond 2^6, count as equal, and a pair of equal ones as half in order, as where they are equal indeed: auroc is off by at most
 * half the share of pairs of one that is the class and one that is not which have a bin in common. Of C classes each is parted
 * from all others.
 */
#include "metric/classes.h"

#include "kernels/vmath64.h"

extern const hoop_metric hoop__metric_auroc, hoop__metric_average_precision;

enum { OCTAVES = 16, LEAST = -10, MOST_FRACTION = 15, LEAST_FRACTION = 5 };

/* bits of the fraction that are kept, and bins on either side of even odds */
static int fraction_of(int64_t width)
{
    int f = MOST_FRACTION;
    while (f > LEAST_FRACTION && width << f > INT64_C(1) << MOST_FRACTION) f--;
    return f;
}
static int64_t half_of(int64_t width)
{
    return 1 + ((int64_t)OCTAVES << fraction_of(width));
}
static int64_t bins_of(int64_t width)
{
    return 2 * half_of(width);
}

/* sums of a class: bins of what is not it, bins of what is; then the rows of targets that are 0 and 1 */
static int64_t count_sums(int64_t width, const void *opts)
{
    (void)opts;
    return width * 2 * bins_of(width) + 1;
}

static int64_t bin_of(double odds, int fraction, int64_t half)
{
    const float f = (float)odds + 0.0F; /* minus zero is zero */
    uint32_t    u;
    int64_t     at;
    memcpy(&u, &f, sizeof u);
    if (odds != odds) return 0;
    at = (int64_t)((u & 0x7fffffffu) >> (23 - fraction)) - ((int64_t)(127 + LEAST) << fraction) + 1;
    at = at < 0 ? 0 : at >= half ? half - 1 : at;
    return u >> 31 ? half - 1 - at : half + at;
}

static double score(const hoop_metric_call *c, int64_t i, int64_t k)
{
    return hoop_metric_at(c->out, c->out_dtype, i * c->width + k);
}

/* Of a row of logits: the largest and the sum of e^(x - largest); the same of all but class `top`, whose x is the largest. */
typedef struct row_sums {
    int64_t top;
    double  largest, sum, others_largest, others_sum;
} row_sums;

static row_sums sums_of(const hoop_metric_call *c, int64_t i)
{
    row_sums r = {.top = 0, .largest = score(c, i, 0), .others_largest = -(double)INFINITY};
    for (int64_t j = 1; j < c->width; j++)
        if (score(c, i, j) > r.largest) r.top = j, r.largest = score(c, i, j);
    for (int64_t j = 0; j < c->width; j++)
        if (j != r.top && !(score(c, i, j) <= r.others_largest)) r.others_largest = score(c, i, j);
    for (int64_t j = 0; j < c->width; j++) {
        r.sum += v_exp_f64(score(c, i, j) - r.largest);
        if (j != r.top) r.others_sum += v_exp_f64(score(c, i, j) - r.others_largest);
    }
    return r;
}

/* log-odds of class k of row i: x_k - log of the sum of e^x over the others, that of the largest being 1 of it */
static double odds_of(const hoop_metric_call *c, int64_t i, int64_t k, const row_sums *r)
{
    if (c->width == 2) return score(c, i, k) - score(c, i, 1 - k);
    if (k == r->top) return r->largest - r->others_largest - v_log_f64(r->others_sum);
    return score(c, i, k) - r->largest - v_log_f64(r->sum - v_exp_f64(score(c, i, k) - r->largest));
}

static void add(const hoop_metric_call *c, double *sums)
{
    const bool     labels = c->target_dtype == HOOP_I64;
    const int64_t *label = c->target, half = half_of(c->width), bins = 2 * half;
    const int      fraction = fraction_of(c->width);
    for (int64_t i = 0; i < c->rows; i++) {
        row_sums r = {0};
        if (labels && (label[i] < 0 || label[i] >= c->width)) continue; /* ignored, or refused by the loss */
        if (labels && c->width > 2) r = sums_of(c, i);
        for (int64_t k = labels ? 0 : c->first; k < (labels ? c->width : c->first + c->count); k++) {
            const double odds = labels ? odds_of(c, i, k, &r) : score(c, i, k);
            const bool   is   = labels ? label[i] == k : hoop_metric_wants(c, i, k);
            sums[(2 * k + is) * bins + bin_of(odds, fraction, half)] += 1;
        }
    }
    if (!labels) sums[2 * c->width * bins] += (double)c->rows;
}

static double total(const double *in, int64_t bins)
{
    double n = 0;
    for (int64_t b = 0; b < bins; b++) n += in[b];
    return n;
}

/* pairs in order, of all */
static double area(const double *others, const double *is, int64_t bins)
{
    const double all   = total(others, bins) * total(is, bins);
    double       below = 0, pairs = 0;
    for (int64_t b = 0; b < bins; b++) {
        pairs += is[b] * (below + 0.5 * others[b]);
        below += others[b];
    }
    return all > 0 ? pairs / all : (double)NAN;
}

/* precision at each bin's threshold, weighted by the recall that it adds */
static double precision(const double *others, const double *is, int64_t bins)
{
    const double all   = total(is, bins);
    double       right = 0, said = 0, sum = 0;
    for (int64_t b = bins - 1; b >= 0; b--) {
        right += is[b];
        said += is[b] + others[b];
        if (is[b] > 0) sum += is[b] * (right / said);
    }
    return all > 0 ? sum / all : (double)NAN;
}

typedef double rank_fn(const double *others, const double *is, int64_t bins);

enum { MACRO, WEIGHTED, BY_CLASS };
static const char *const averages[] = {"macro", "weighted", "none", NULL};
typedef struct rank_opts {
    int average;
} rank_opts;
static const hoop_option rows[] = {
    {"average", HOOP_OPT_ENUM, offsetof(rank_opts, average), "macro", 0, 0, averages, false,
     "macro: mean over classes, of two that of class 1; weighted: by how often each is so; none: each"},
};

static void by_class(const double *sums, int64_t width, rank_fn *fn, double *out)
{
    const int64_t bins = bins_of(width);
    for (int64_t k = 0; k < width; k++) out[k] = fn(sums + 2 * k * bins, sums + (2 * k + 1) * bins, bins);
}

static double average(const double *sums, int64_t width, const void *opts, rank_fn *fn)
{
    const int     how   = ((const rank_opts *)opts)->average;
    const int64_t bins  = bins_of(width);
    const bool    two   = width == 2 && sums[2 * width * bins] == 0; /* labels 0 and 1 */
    double        value = 0, weight = 0;
    if (how == BY_CLASS) return (double)NAN;
    for (int64_t k = two ? 1 : 0; k < width; k++) {
        const double *is = sums + (2 * k + 1) * bins, own = fn(is - bins, is, bins), w = how == WEIGHTED ? total(is, bins) : 1;
        if (isnan(own)) continue;
        value += w * own;
        weight += w;
    }
    return weight > 0 ? value / weight : (double)NAN;
}

static int64_t numbers(int64_t width, const void *opts, int64_t *columns)
{
    *columns = 0;
    return ((const rank_opts *)opts)->average == BY_CLASS ? width : 0;
}

#define RANK_METRIC(word, function, text)                                                                                        \
    static double word##_value(const double *sums, int64_t width, const void *opts)                                              \
    {                                                                                                                            \
        return average(sums, width, opts, function);                                                                             \
    }                                                                                                                            \
    static void word##_list(const double *sums, int64_t width, const void *opts, double *out)                                    \
    {                                                                                                                            \
        (void)opts;                                                                                                              \
        by_class(sums, width, function, out);                                                                                    \
    }                                                                                                                            \
    const hoop_metric hoop__metric_##word = {                                                                                    \
        .name             = #word,                                                                                               \
        .help             = text,                                                                                                \
        .brief            = #word,                                                                                               \
        .labels           = true,                                                                                                \
        .binary           = true,                                                                                                \
        .counts           = true,                                                                                                \
        .evaluation       = true,                                                                                                \
        .higher_is_better = true,                                                                                                \
        .options          = HOOP_OPTIONS(rows),                                                                                  \
        .opts_size        = sizeof(rank_opts),                                                                                   \
        .sums             = count_sums,                                                                                          \
        .add              = add,                                                                                                 \
        .value            = word##_value,                                                                                        \
        .numbers          = numbers,                                                                                             \
        .list             = word##_list,                                                                                         \
    }
RANK_METRIC(auroc, area, "area under the receiver operating characteristic, each class against all others");
RANK_METRIC(average_precision, precision, "mean precision over recall, each class against all others");
