/**
 * train/tally.h - what an evaluation counts beside the loss: for classes, what was taken for what; for real targets, the error of
 * each. Integers and exact sums, so that the numbers are the same for any number of ranks.
 */
#ifndef HOOP_TALLY_H
#define HOOP_TALLY_H

#include "hoop/exact.h"
#include "hoop/trained.h"
#include "train/data.h"

struct hoop__tally {
    int64_t            classes;                   /* 0: no classes */
    int64_t           *count, *predicted, *right; /* of each class: labels, predictions, both */
    int64_t           *matrix;                    /* (true, predicted); NULL: too many classes */
    int64_t            targets, rows;             /* values of a row, 0: no real targets, or too many */
    double            *shift;                     /* taken from a target before it is summed: that of row 0 */
    hoop_exact_scalar *sums;                      /* (targets, 4): squared errors, absolute errors, targets, squared targets */
    void              *memory;
    hoop_target_error *error; /* (targets), once reduced */
    hoop_tally         told;  /* all of it as programs see it */
};

/** For an evaluation of ds by tr. Errors: HOOP_ENOMEM, those of reading. Calls: Local. */
hoop_status hoop__tally_create(const hoop_trainer *tr, hoop_dataset *ds, hoop_error *err, hoop__tally *out);
void        hoop__tally_free(hoop__tally *t);
/** A leaf's outputs and targets, as the loader gave these. */
void hoop__tally_leaf(hoop_trainer *tr, hoop__tally *t, const hoop_tensor *out, const void *y, int64_t n);
/** Of all ranks, and `told`. Calls: Collective. */
hoop_status hoop__tally_reduce(hoop_trainer *tr, hoop__tally *t, hoop_error *err);

#endif
