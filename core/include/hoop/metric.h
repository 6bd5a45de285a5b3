/**
 * hoop/metric.h - the numbers shown beside a loss: one row of the table, one file of core/metric.
 *
 * A metric is a function of a few sums over samples. A leaf's sums are added up in the order of its rows; the caller deposits
 * them in exact sums (hoop/exact.h), so that the metric is the same for any number of ranks.
 */
#ifndef HOOP_METRIC_H
#define HOOP_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOOP_METRIC_SUMS = 4 }; /* most sums of a metric */

/** Outputs of a leaf and what they should have been. */
typedef struct hoop_metric_call {
    int64_t       rows;         /* labels, or rows of values */
    int64_t       width;        /* out is (rows, width): a logit for each class, or the values of a row, as many as in target */
    int64_t       first, count; /* which of a row's values are looked at; not for labels */
    const void   *out;          /* contiguous, f32 or f64 */
    const void   *target;       /* labels i64 (rows), or values (rows, width) as the data has them, f32 or f64 */
    hoop_dtype    out_dtype, target_dtype;
    const double *scale, *shift; /* [width]: out * scale + shift is in the data's units; NULL: out is so as it is */
    const double *origin;        /* [width]: taken from targets that are summed themselves, near which they lie; NULL: 0 */
} hoop_metric_call;

typedef struct hoop_metric {
    const char *name, *help;
    const char *brief; /* its name where there is little room: "acc"; NULL: the same */
    int         nsums;
    bool        higher_is_better;
    bool        labels;     /* targets are labels; else values */
    bool        evaluation; /* of evaluations only; others are counted in each step too */
    void (*add)(const hoop_metric_call *c, double sums[HOOP_METRIC_SUMS]); /* to sums[nsums] */
    double (*value)(const double *sums);                                   /* NaN: there is nothing it could be of */
    void (*format)(double value, char *out, size_t size);                  /* "98.41%"; NULL: as %.6g */
} hoop_metric;

/** The metric of a name, NULL if there is none; metric i, NULL after the last. Calls: Local. */
HOOP_API const hoop_metric *hoop_metric_find(const char *name);
HOOP_API const hoop_metric *hoop_metric_get(int i);

/**
 * Its sums over a leaf, as an op on the leaf's tape: out (n, ..., C) and labels i64 (n, ...), or out (n, ...) and values of as
 * many rows and elements; scale and shift (elements of a row) in f64, by which out comes to the data's units, or both NULL -> f64
 * (nsums). No gradient. Errors: HOOP_EARG (m is no row of the table), HOOP_EDTYPE, HOOP_ESHAPE. Calls: Local.
 */
HOOP_API hoop_tensor *hoop_metric_sums(hoop_tape *t, const hoop_metric *m, hoop_tensor *out, hoop_tensor *target,
                                       hoop_tensor *scale, hoop_tensor *shift);

/* for metrics: element i of floats, */
static inline double hoop_metric_at(const void *values, hoop_dtype dtype, int64_t i)
{
    return dtype == HOOP_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}
/* and the error of value j of a row, in the data's units */
static inline double hoop_metric_error(const hoop_metric_call *c, int64_t row, int64_t j)
{
    const double got  = hoop_metric_at(c->out, c->out_dtype, row * c->width + j),
                 want = hoop_metric_at(c->target, c->target_dtype, row * c->width + j);
    return c->scale == NULL ? got - want : got * c->scale[j] - (want - c->shift[j]);
}

#ifdef __cplusplus
}
#endif
#endif
