/** train/step.h - the step under way: its leaves, and the record that all ranks sum. */
#ifndef HOOP_TRAINER_STEP_H
#define HOOP_TRAINER_STEP_H

#include "hoop/exact.h"
#include "hoop/metric.h"
#include "train/trainer.h"

/* What all ranks learn of each other in a step, summed by one small all-reduce. Its sums are the loss and its weight; then for
 * each target those of its own (where there are several), its loss in the data's units (where it is normalised), and those of its
 * metrics. */
typedef struct hoop__record {
    int64_t           samples;
    int64_t           nonfinite;    /* ranks that saw a gradient that is not finite */
    int64_t           stop, saving; /* saving: ranks that are busy with a checkpoint */
    int64_t           error_rank;   /* lowest; INT64_MAX: none */
    char              error_text[HOOP_ERROR_TEXT / 2];
    hoop_exact_scalar squares; /* of gradients */
    int64_t           nsums;
    hoop_exact_scalar sum[];
} hoop__record;
enum { HOOP__SUM_LOSS, HOOP__SUM_WEIGHT, HOOP__SUM_TARGETS };

/* where the sums of a target stand in a record, and where what they are made from is kept of a leaf (leaf->kept) */
typedef struct hoop__places {
    int                       loss; /* then its weight */
    int                       units;
    int                       metrics; /* those of metric[0], then of metric[1] ... */
    const hoop_metric *const *metric;
    int                       nmetrics;
    int                       kept; /* its loss, its outputs (or NULL: they are not read), then a tensor for each metric */
} hoop__places;

/* What is told of a record lives here until the next of its kind. */
enum { HOOP__TOLD_LAST, HOOP__TOLD_VALIDATION, HOOP__TOLD_OTHER, HOOP__TOLD };

/* a leaf's rows of one field */
typedef struct hoop__leaf_field {
    const void    *rows; /* as they came */
    hoop_dtype     dtype;
    int64_t        length; /* where they vary: what they are padded to, and what each was */
    const int64_t *lengths;
    hoop_tensor   *tensor; /* on the tape */
    hoop_tensor   *raw;    /* of a target: as it came, where it is normalised on the tape */
    hoop_tensor   *out;    /* of a target: what the model gives for it, as its loss compares them */
} hoop__leaf_field;

struct hoop_leaf {
    hoop_trainer     *tr;
    int64_t           n;
    hoop__leaf_field *field; /* inputs, then targets */
    hoop_tensor     **kept;  /* its loss, then as hoop__places says: read once backward is done */
    bool              told;  /* what the targets lose and their metrics are among them */
};

struct hoop__step {
    hoop__record     *record;     /* of the step under way */
    hoop__record     *evaluation; /* of the evaluation under way */
    hoop__places     *place;      /* of each target */
    hoop_target_sums *told[HOOP__TOLD];
    void             *memory;  /* metrics, and what is told of them */
    hoop_reducer      reducer; /* of records */
    hoop_leaf         leaf;
    int               nkept;     /* tensors that are kept of a leaf */
    hoop_tensor     **in, **out; /* of the model */
    const char      **array;     /* the caller's rows of each field, that of the next leaf */
    int64_t           first_leaf, nleaves, next_leaf, last_nonempty, samples;
    bool              begun;     /* a step is: next_step was called, update not yet */
    bool              leaf_open; /* next_leaf was called, backward not yet */
    volatile int      stop;
    double            created_s; /* when the trainer was */
};

/* HOOP_ESTATE inside a step, of the call `what` */
static inline hoop_status hoop__step_outside(const hoop_trainer *tr, const char *what, hoop_error *err)
{
    return tr->step->begun ? hoop_fail(err, HOOP_ESTATE, "%s inside a step: after hoop_trainer_update, please", what) : HOOP_OK;
}
/* step.c: room for leaves and records, once the model is known */
hoop_status hoop__step_create(hoop_trainer *tr, hoop_error *err);
void        hoop__step_destroy(hoop_trainer *tr);
/* rows as the loader gave them */
struct hoop_loader_leaf;
void hoop__leaf_from(hoop_leaf *leaf, const struct hoop_loader_leaf *rows);
/* its tensors, of rows that stand in leaf->field */
void hoop__leaf_wrap(hoop_leaf *leaf);
/* forward: the loss, and what else is read of the leaf, into leaf->kept; tr->step->out are the outputs */
hoop_tensor *hoop__leaf_loss(hoop_leaf *leaf);
/* record.c */
hoop_status hoop__record_create(hoop_trainer *tr, hoop_error *err);
void        hoop__record_clear(hoop__record *r);
void        hoop__record_loss(hoop__record *r, hoop_tensor *loss, int64_t samples);
/* what its targets lose, and their metrics, from leaf->kept */
void        hoop__record_targets(const hoop_leaf *leaf, hoop__record *r);
hoop_status hoop__record_reduce(hoop_trainer *tr, hoop__record *r, const char *what, hoop_error *err);
void        hoop__record_error(hoop__record *r, int rank, const hoop_error *why);
void        hoop__record_sums(const hoop_trainer *tr, const hoop__record *r, int told, hoop_metrics_sums *out);
hoop_status hoop__record_verdict(const hoop_trainer *tr, const hoop__record *r, hoop_error *err);

#endif
