/* accuracy: labels whose logit is the largest, of those that are not HOOP_IGNORE_LABEL. */
#include "hoop/metric.h"
#include "hoop/ops.h"

#include <math.h>
#include <stdio.h>

extern const hoop_metric hoop__metric_accuracy;

enum { CORRECT, COUNTED, SUMS };

/* Is x[label] the largest, and the first of these? Not if any is NaN. */
static bool is_largest_f32(const float *x, int64_t n, int64_t label)
{
    const float v    = x[label];
    int         more = 0;
    for (int64_t c = 0; c < label; c++) more |= !(x[c] < v);
    for (int64_t c = label; c < n; c++) more |= !(x[c] <= v);
    return more == 0;
}
static bool is_largest_f64(const double *x, int64_t n, int64_t label)
{
    const double v    = x[label];
    int          more = 0;
    for (int64_t c = 0; c < label; c++) more |= !(x[c] < v);
    for (int64_t c = label; c < n; c++) more |= !(x[c] <= v);
    return more == 0;
}

/* Targets of 0 and 1, each for itself. */
static void add_binary(const hoop_metric_call *c, double *sums)
{
    int64_t right = 0;
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = c->first; j < c->first + c->count; j++) right += hoop_metric_says(c, i, j) == hoop_metric_wants(c, i, j);
    sums[CORRECT] += (double)right;
    sums[COUNTED] += (double)(c->rows * c->count);
}

static void add(const hoop_metric_call *c, double *sums)
{
    const int64_t *label = c->target;
    int64_t        right = 0, seen = 0;
    if (c->target_dtype != HOOP_I64) {
        add_binary(c, sums);
        return;
    }
    for (int64_t i = 0; i < c->rows; i++) {
        if (label[i] == HOOP_IGNORE_LABEL) continue;
        seen++;
        if (label[i] < 0 || label[i] >= c->width) continue; /* the loss refuses it */
        right += c->out_dtype == HOOP_F32 ? is_largest_f32((const float *)c->out + i * c->width, c->width, label[i])
                                          : is_largest_f64((const double *)c->out + i * c->width, c->width, label[i]);
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

const hoop_metric hoop__metric_accuracy = {
    .name             = "accuracy",
    .help             = "share of labels predicted, or of targets of 0 and 1",
    .brief            = "acc",
    .nsums            = SUMS,
    .labels           = true,
    .binary           = true,
    .counts           = true,
    .higher_is_better = true,
    .add              = add,
    .value            = value,
    .format           = format,
};
