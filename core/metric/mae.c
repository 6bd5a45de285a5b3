/* mae: mean absolute error. */
#include "hoop/metric.h"

#include <math.h>

extern const hoop_metric hoop__metric_mae;

enum { ABSOLUTE, COUNT, SUMS };

static void add(const hoop_metric_call *c, double *sums)
{
    double absolute = 0;
    for (int64_t i = 0; i < c->rows; i++) {
        for (int64_t j = c->first; j < c->first + c->count; j++) absolute += fabs(hoop_metric_error(c, i, j));
    }
    sums[ABSOLUTE] += absolute;
    sums[COUNT] += (double)(c->rows * c->count);
}

static double value(const double *sums, int64_t width, const void *opts)
{
    (void)width, (void)opts;
    return sums[ABSOLUTE] / sums[COUNT];
}

const hoop_metric hoop__metric_mae = {
    .name       = "mae",
    .help       = "mean absolute error",
    .brief      = "mae",
    .nsums      = SUMS,
    .evaluation = true,
    .add        = add,
    .value      = value,
};
