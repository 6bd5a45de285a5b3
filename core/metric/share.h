/** core/metric/share.h - metrics that are a share of labels: right ones of those that count. */
#ifndef HOOP_SHARE_H
#define HOOP_SHARE_H

#include "hoop/metric.h"

enum { HOOP__CORRECT, HOOP__COUNTED, HOOP__SHARE_SUMS };

/* add, of labels: right says whether the outputs of a row are so, of a label that is a class */
void   hoop__share_add(const hoop_metric_call *c, bool (*right)(const hoop_metric_call *c, int64_t row, int64_t label),
                       double                 *sums);
double hoop__share_value(const double *sums, int64_t width, const void *opts);
void   hoop__share_format(double value, char *out, size_t size); /* "98.41%" */

#endif
