/* rmse: root of the mean squared error. */
#include "hoop/metric.h"

#include <math.h>

extern const hoop_metric hoop__metric_rmse;

enum { SQUARES, COUNT, SUMS };

static void add(const hoop_metric_call *c, double *sums)
{
    double squares = 0;
    for (int64_t i = 0; i < c->rows; i++) {
        for (int64_t j = c->first; j < c->first + c->count; j++) {
            const double e = hoop_metric_error(c, i, j);
            squares += e * e;
        }
    }
    sums[SQUARES] += squares;
    sums[COUNT] += (double)(c->rows * c->count);
}

static double value(const double *sums, int64_t width, const void *opts)
{
    (void)width, (void)opts;
    return sqrt(sums[SQUARES] / sums[COUNT]);
}

const hoop_metric hoop__metric_rmse = {
    .name       = "rmse",
    .help       = "root of the mean squared error",
    .brief      = "rmse",
    .nsums      = SUMS,
    .evaluation = true,
    .add        = add,
    .value      = value,
};
