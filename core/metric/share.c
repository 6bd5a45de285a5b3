#include "metric/share.h"

#include "hoop/ops.h"

#include <math.h>
#include <stdio.h>

void hoop__share_add(const hoop_metric_call *c, bool (*right)(const hoop_metric_call *c, int64_t row, int64_t label),
                     double                 *sums)
{
    const int64_t *label   = c->target;
    int64_t        correct = 0, seen = 0;
    for (int64_t i = 0; i < c->rows; i++) {
        if (label[i] == HOOP_IGNORE_LABEL) continue;
        seen++;
        if (label[i] < 0 || label[i] >= c->width) continue; /* the loss refuses it */
        correct += right(c, i, label[i]);
    }
    sums[HOOP__CORRECT] += (double)correct;
    sums[HOOP__COUNTED] += (double)seen;
}

double hoop__share_value(const double *sums, int64_t width, const void *opts)
{
    (void)width, (void)opts;
    return sums[HOOP__COUNTED] > 0 ? sums[HOOP__CORRECT] / sums[HOOP__COUNTED] : (double)NAN;
}

void hoop__share_format(double value, char *out, size_t size)
{
    (void)snprintf(out, size, "%.2f%%", 100 * value);
}
