/**
 * train/tally.h - what an evaluation counts beside the loss, by target: for classes, what was taken for what; for real targets,
 * the metrics of each of their values. Integers and exact sums, so that the numbers are the same for any number of ranks.
 */
#ifndef HOOP_TALLY_H
#define HOOP_TALLY_H

#include "hoop/exact.h"
#include "hoop/trained.h"
#include "train/data.h"

enum { HOOP__TALLY_METRICS = 8 };

typedef struct hoop__target_tally {
    int64_t            classes;                     /* 0: no classes */
    int64_t           *count, *predicted, *right;   /* of each class: labels, predictions, both */
    int64_t           *matrix;                      /* (true, predicted); NULL: too many classes */
    int64_t            values;                      /* of a row, of real targets; 0: none, or too many */
    int                nmetrics;                    /* of each value */
    const hoop_metric *metric[HOOP__TALLY_METRICS]; /* those of its loss that are for evaluations */
    double            *origin;                      /* near which a value lies: that of row 0 */
    double            *value;                       /* (values, nmetrics), once reduced */
    hoop_exact_scalar *sums;                        /* (values, nmetrics, HOOP_METRIC_SUMS) */
    void              *memory;
    hoop_tally         told; /* all of it as programs see it, once reduced */
} hoop__target_tally;

struct hoop__tally {
    hoop__target_tally *target;
    int                 n;
};

/** For an evaluation of ds by tr. Errors: HOOP_ENOMEM, those of reading. Calls: Local. */
hoop_status hoop__tally_create(const hoop_trainer *tr, hoop_dataset *ds, hoop_error *err, hoop__tally *out);
void        hoop__tally_free(hoop__tally *t);
/** A leaf, and the model's outputs for it, which is number i of those that ran together. */
void hoop__tally_leaf(hoop_trainer *tr, hoop__tally *t, const hoop_leaf *leaf, int i);
/** Of all ranks, and what is told. Calls: Collective. */
hoop_status hoop__tally_reduce(hoop_trainer *tr, hoop__tally *t, hoop_error *err);

#endif
