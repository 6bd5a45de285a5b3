/* accuracy: labels whose logit is the largest, of those that are not HOOP_IGNORE_LABEL. */
#include "metric/share.h"

extern const hoop_metric hoop__metric_accuracy;

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
    sums[HOOP__CORRECT] += (double)right;
    sums[HOOP__COUNTED] += (double)(c->rows * c->count);
}

static bool is_right(const hoop_metric_call *c, int64_t row, int64_t label)
{
    return c->out_dtype == HOOP_F32 ? is_largest_f32((const float *)c->out + row * c->width, c->width, label)
                                    : is_largest_f64((const double *)c->out + row * c->width, c->width, label);
}

static void add(const hoop_metric_call *c, double *sums)
{
    if (c->target_dtype == HOOP_I64)
        hoop__share_add(c, is_right, sums);
    else
        add_binary(c, sums);
}

const hoop_metric hoop__metric_accuracy = {
    .name             = "accuracy",
    .help             = "share of labels predicted, or of targets of 0 and 1",
    .brief            = "acc",
    .nsums            = HOOP__SHARE_SUMS,
    .labels           = true,
    .binary           = true,
    .counts           = true,
    .higher_is_better = true,
    .add              = add,
    .value            = hoop__share_value,
    .format           = hoop__share_format,
};
