/* top_k: labels whose logit is among the k largest; of equal ones the first count more. */
#include "hoop/metric.h"
#include "hoop/ops.h"

#include <math.h>
#include <stdio.h>

extern const hoop_metric hoop__metric_top_k;

enum { CORRECT, COUNTED, SUMS };

typedef struct top_k_opts {
    int64_t k;
} top_k_opts;
static const hoop_option rows[] = {
    {"k", HOOP_OPT_INT, offsetof(top_k_opts, k), "5", 1, 1e9, NULL, false, "how many of the largest"},
};

/* how many logits are before that of the label; all, if any is NaN */
static int64_t rank(const hoop_metric_call *c, int64_t row, int64_t label)
{
    const double own    = hoop_metric_at(c->out, c->out_dtype, row * c->width + label);
    int64_t      before = 0;
    for (int64_t j = 0; j < c->width; j++) {
        const double v = hoop_metric_at(c->out, c->out_dtype, row * c->width + j);
        if (isnan(v)) return c->width;
        before += v > own || (v == own && j < label);
    }
    return before;
}

static void add(const hoop_metric_call *c, double *sums)
{
    const int64_t *label = c->target, k = ((const top_k_opts *)c->opts)->k;
    int64_t        right = 0, seen = 0;
    for (int64_t i = 0; i < c->rows; i++) {
        int64_t before;
        if (label[i] == HOOP_IGNORE_LABEL) continue;
        seen++;
        if (label[i] < 0 || label[i] >= c->width) continue; /* the loss refuses it */
        before = rank(c, i, label[i]);
        right += before < k && before < c->width;
    }
    sums[CORRECT] += (double)right;
    sums[COUNTED] += (double)seen;
}

static double value(const double *sums, int64_t width, const void *opts)
{
    (void)width, (void)opts;
    return sums[COUNTED] > 0 ? sums[CORRECT] / sums[COUNTED] : (double)NAN;
}

static void format(double value, char *out, size_t size)
{
    (void)snprintf(out, size, "%.2f%%", 100 * value);
}

const hoop_metric hoop__metric_top_k = {
    .name             = "top_k",
    .help             = "share of labels among the k most probable classes",
    .brief            = "top",
    .nsums            = SUMS,
    .labels           = true,
    .counts           = true,
    .higher_is_better = true,
    .options          = HOOP_OPTIONS(rows),
    .opts_size        = sizeof(top_k_opts),
    .add              = add,
    .value            = value,
    .format           = format,
};
