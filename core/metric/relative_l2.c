/* relative_l2: the norm of a row's errors over that of its targets, its mean over rows whose targets are not all 0. */
#include "hoop/metric.h"

#include <math.h>

extern const hoop_metric hoop__metric_relative_l2;

enum { RATIOS, ROWS, SUMS };

static void add(const hoop_metric_call *c, double *sums)
{
    for (int64_t i = 0; i < c->rows; i++) {
        double errors = 0, size = 0;
        for (int64_t j = c->first; j < c->first + c->count; j++) {
            const double e = hoop_metric_error(c, i, j), want = hoop_metric_at(c->target, c->target_dtype, i * c->width + j);
            errors += e * e;
            size += want * want;
        }
        if (size == 0) continue;
        sums[RATIOS] += sqrt(errors / size);
        sums[ROWS] += 1;
    }
}

static double value(const double *sums, int64_t width, const void *opts)
{
    (void)width, (void)opts;
    return sums[ROWS] > 0 ? sums[RATIOS] / sums[ROWS] : (double)NAN;
}

const hoop_metric hoop__metric_relative_l2 = {
    .name       = "relative_l2",
    .help       = "norm of a row's errors over that of its targets, mean over rows",
    .brief      = "rel",
    .nsums      = SUMS,
    .evaluation = true,
    .add        = add,
    .value      = value,
};
