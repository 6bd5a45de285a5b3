/** train/step.h - the step under way: its leaves, and the record that all ranks sum. */
#ifndef HOOP_TRAINER_STEP_H
#define HOOP_TRAINER_STEP_H

#include "hoop/exact.h"
#include "train/trainer.h"

/* what all ranks learn of each other in a step, summed by one small all-reduce */
typedef struct hoop__record {
    hoop_exact_scalar loss, weight, correct, counted, squares;
    hoop_exact_scalar units; /* the loss in the data's units, where targets are normalised */
    int64_t           samples;
    int64_t           nonfinite;    /* ranks that saw a gradient that is not finite */
    int64_t           stop, saving; /* saving: ranks that are busy with a checkpoint */
    int64_t           error_rank;   /* lowest; INT64_MAX: none */
    char              error_text[HOOP_ERROR_TEXT / 2];
} hoop__record;

struct hoop_leaf {
    hoop_trainer *tr;
    hoop_tensor  *x, *y;
    int64_t       n;
    hoop_dtype    raw_dtype; /* of the targets as they came */
    const void   *raw;
    double        units; /* its loss in the data's units; NaN: not known */
};

struct hoop__step {
    hoop__record record;
    hoop_leaf    leaf;
    int64_t      first_leaf, nleaves, next_leaf, last_nonempty, samples;
    const char  *array_x, *array_y;
    bool         begun;     /* a step is: next_step was called, update not yet */
    bool         leaf_open; /* next_leaf was called, backward not yet */
    volatile int stop;
    double       created_s; /* when the trainer was */
};

/* step.c: HOOP_ESTATE inside a step, of the call `what` */
hoop_status  hoop__step_outside(const hoop_trainer *tr, const char *what, hoop_error *err);
hoop_tensor *hoop__step_loss(hoop_trainer *tr, hoop_tensor *out, hoop_tensor *target);
/* record.c */
void        hoop__record_clear(hoop__record *r);
void        hoop__record_loss(hoop__record *r, hoop_tensor *loss, int64_t samples);
void        hoop__record_accuracy(hoop__record *r, hoop_tensor *logits, hoop_tensor *label);
hoop_status hoop__record_reduce(hoop_trainer *tr, hoop__record *r, const char *what, hoop_error *err);
void        hoop__record_error(hoop__record *r, int rank, const hoop_error *why);
void        hoop__record_sums(const hoop_trainer *tr, const hoop__record *r, hoop_metrics_sums *out);
hoop_status hoop__record_verdict(const hoop_trainer *tr, const hoop__record *r, hoop_error *err);

#endif
