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

#include "hoop/option.h"
#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HOOP_METRIC_SUMS = 4, /* most sums of a metric that is counted in each step */
    HOOP_METRIC_OPTS = 64 /* most bytes of options */
};

/** Outputs of a leaf and what they should have been. */
typedef struct hoop_metric_call {
    int64_t       rows;         /* labels, or rows of values */
    int64_t       width;        /* out is (rows, width): a logit for each class, or the values of a row, as many as in target */
    int64_t       first, count; /* which of a row's values are looked at; not for labels */
    const void   *out;          /* contiguous, f32 or f64 */
    const void   *target;       /* labels i64 (rows), or values (rows, width) as the data has them, f32 or f64 */
    hoop_dtype    out_dtype, target_dtype;
    const double *scale, *shift; /* [width]: out * scale + shift is in the data's units; NULL: out is so as it is */
    double        cut;           /* of targets that are 0 and 1: values above it mean 1 */
    const void   *opts;          /* the metric's struct, all fields set */
    const double *origin;        /* [width]: taken from targets that are summed themselves, near which they lie; NULL: 0 */
} hoop_metric_call;

typedef struct hoop_metric {
    const char       *name, *help;
    const char       *brief; /* its name where there is little room: "acc"; NULL: the same */
    int               nsums;
    bool              higher_is_better;
    bool              labels;     /* targets are labels; else values */
    bool              binary;     /* beside labels: targets may be values of 0 and 1, each for itself */
    bool              evaluation; /* of evaluations only; others are counted in each step too */
    bool              counts;     /* its sums are whole numbers: they are added as they are */
    bool              boxes;      /* targets are lists of boxes: all of it is counted by hoop/detection.h, at this */
    int               overlap;    /* number of an overlap (-1: the mean over all): there are no sums, add, value or list */
    hoop_option_table options;    /* keys beside the name; rows may be NULL */
    size_t            opts_size;
    /** How many sums, where that depends on the width and the options: in place of nsums, of evaluations only. */
    int64_t (*sums)(int64_t width, const void *opts);
    /** Is it of outputs so wide? NULL: it is; else what it wants, "two classes or one value". NULL itself: of any. */
    const char *(*fits)(int64_t width, const void *opts);
    void (*add)(const hoop_metric_call *c, double *sums);
    double (*value)(const double *sums, int64_t width, const void *opts); /* NaN: there is nothing it could be of */
    /** How many numbers it is, its value being NaN then; 0 or NULL: value is all. *columns: of a table, else 0. */
    int64_t (*numbers)(int64_t width, const void *opts, int64_t *columns);
    void (*list)(const double *sums, int64_t width, const void *opts, double *out); /* these */
    void (*format)(double value, char *out, size_t size);                           /* "98.41%"; NULL: as %.6g */
} hoop_metric;

/** The metric of a name, NULL if there is none; metric i, NULL after the last. Calls: Local. */
HOOP_API const hoop_metric *hoop_metric_find(const char *name);
HOOP_API const hoop_metric *hoop_metric_get(int i);

/** How many sums m has. Calls: Local. */
HOOP_API int64_t hoop_metric_count(const hoop_metric *m, int64_t width, const void *opts);

/** A metric, its options (NULL: it has none) and what hoop_metric_call says of targets that are 0 and 1. */
typedef struct hoop_metric_use {
    const hoop_metric *metric;
    const void        *opts;
    double             cut;
} hoop_metric_use;

/**
 * Its sums over a leaf, as an op on the leaf's tape: out (n, ..., C) and labels i64 (n, ...), or out (n, ...) and values of as
 * many rows and elements; scale and shift (elements of a row) in f64, by which out comes to the data's units, or both NULL -> f64
 * (sums). No gradient. Errors: HOOP_EARG (it is no row of the table), HOOP_EDTYPE, HOOP_ESHAPE. Calls: Local.
 */
HOOP_API hoop_tensor *hoop_metric_sums(hoop_tape *t, const hoop_metric_use *use, hoop_tensor *out, hoop_tensor *target,
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
/* of targets that are 0 and 1: what the output says of value j of a row, 1 or 0, -1 of NaN, and what is so */
static inline int hoop_metric_says(const hoop_metric_call *c, int64_t row, int64_t j)
{
    const double got = hoop_metric_at(c->out, c->out_dtype, row * c->width + j);
    return got > c->cut ? 1 : got <= c->cut ? 0 : -1;
}
static inline int hoop_metric_wants(const hoop_metric_call *c, int64_t row, int64_t j)
{
    return hoop_metric_at(c->target, c->target_dtype, row * c->width + j) > 0.5;
}

#ifdef __cplusplus
}
#endif
#endif
