/* r2: 1 - squared errors / squared distances of the targets from their mean, for one value of a row; NaN where it does not vary.
 */
#include "hoop/metric.h"

#include <math.h>

extern const hoop_metric hoop__metric_r2;

enum { SQUARES, VALUES, VALUES_SQUARED, COUNT, SUMS };

static void add(const hoop_metric_call *c, double *sums)
{
    double squares = 0, values = 0, values_squared = 0;
    for (int64_t i = 0; i < c->rows; i++) {
        for (int64_t j = c->first; j < c->first + c->count; j++) {
            const double want = hoop_metric_at(c->target, c->target_dtype, i * c->width + j), e = hoop_metric_error(c, i, j),
                         d = c->origin == NULL ? want : want - c->origin[j]; /* sums of what is far from 0 lose the spread */
            squares += e * e;
            values += d;
            values_squared += d * d;
        }
    }
    sums[SQUARES] += squares;
    sums[VALUES] += values;
    sums[VALUES_SQUARED] += values_squared;
    sums[COUNT] += (double)(c->rows * c->count);
}

static double value(const double *sums, int64_t width, const void *opts)
{
    const double spread = sums[VALUES_SQUARED] - sums[VALUES] * sums[VALUES] / sums[COUNT];
    (void)width, (void)opts;
    return spread > 0 ? 1 - sums[SQUARES] / spread : (double)NAN;
}

const hoop_metric hoop__metric_r2 = {
    .name             = "r2",
    .help             = "share of the targets' variance that the outputs explain",
    .brief            = "R^2",
    .nsums            = SUMS,
    .higher_is_better = true,
    .evaluation       = true,
    .add              = add,
    .value            = value,
};
_Static_assert((int)SUMS <= (int)HOOP_METRIC_SUMS, "they fit");
