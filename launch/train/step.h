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
    int64_t           emissions;    /* for buffers */
    int64_t           error_rank;   /* lowest; INT64_MAX: none */
    char              error_text[HOOP_ERROR_TEXT / 2];
    hoop_exact_scalar squares; /* of gradients */
    int64_t           nsums;
    hoop_exact_scalar sum[];
} hoop__record;
enum { HOOP__SUM_LOSS, HOOP__SUM_WEIGHT, HOOP__SUM_TARGETS };

/* where the sums of a target stand in a record, and where what they are made from is kept of a leaf (leaf->kept) */
typedef struct hoop__places {
    int loss; /* then its weight */
    int units;
    int metrics; /* those of shown[0], then of shown[1] ... */
    int kept;    /* its loss, its outputs (or NULL: they are not read), a tensor for each metric of steps, then, in an evaluation
                  * that    counts others, outputs and target */
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
    hoop_tape        *tape;
    int64_t           number; /* among those of the step */
    int64_t           n;
    const int64_t    *sample;     /* place in the dataset of each; NULL: arrays */
    const double     *w;          /* of each, what it loses is multiplied by; NULL: 1 */
    hoop_tensor      *weights;    /* the same, on the tape */
    const void       *parts;      /* of the labels of each (hoop_augment_part); NULL: they are its own */
    hoop_tensor      *of, *share; /* the same, on the tape: (n, parts) */
    hoop__leaf_field *field;      /* inputs, then targets */
    hoop_tensor     **kept;       /* its loss, then as hoop__places says: read once backward is done */
    bool              told;       /* what the targets lose and their metrics are among them */
    bool              training;   /* else it is one of an evaluation */
};

/* Leaves that run at once (one is too), and what is read of them afterwards: on the trainer's tape, or on one that is kept and
 * can run again. */
typedef struct hoop__run {
    hoop_tape    *tape;
    int           n;                 /* leaves; 0: it is free */
    int64_t      *shape;             /* rows of each, then the lengths of fields whose rows vary */
    hoop_tensor **kept;              /* of each leaf as many as step->nkept */
    bool          recorded, refused; /* it can run again; it was found that it cannot */
    int64_t       used;              /* when last */
} hoop__run;
enum { HOOP__RUNS = 4 }; /* that are kept */

typedef struct hoop__hook hoop__hook; /* hooks.c */

struct hoop__step {
    hoop__record      *record;     /* of the step under way */
    hoop__record      *evaluation; /* of the evaluation under way */
    hoop__places      *place;      /* of each target */
    hoop_target_sums  *told[HOOP__TOLD];
    void              *memory;  /* metrics, and what is told of them */
    hoop_reducer       reducer; /* of records */
    hoop_leaf          leaf;
    const double      *weights;    /* of the samples of the dataset that leaves are from; NULL: they have none */
    double            *row_weight; /* of the rows of this rank's leaves, one behind the other, */
    int64_t            nweights;   /* so many so far */
    hoop_leaf         *listed;     /* of this rank and step, those that have rows, */
    int                nlisted, room;
    hoop_leaf          all;   /* and the rows of those that run now */
    int                nkept; /* tensors that are kept of a leaf */
    hoop__run          plain, run[HOOP__RUNS];
    int64_t            runs;              /* so far */
    bool               one_by_one[2];     /* in evaluation, in training: the model mixes rows, or may */
    double             row_bytes;         /* of tensors that a row takes on a tape; 0: not known yet, */
    int64_t            measured;          /* known from so many rows at once */
    bool               measured_backward; /* and from backward too */
    hoop_exact_scalar *emitted;           /* for buffers (emissions.c); NULL: nothing was so far */
    int64_t            nemitted;
    hoop_tensor      **in, **out; /* of the model */
    const char       **array;     /* the caller's rows of each field, that of the next leaf */
    int64_t            first_leaf, nleaves, next_leaf, last_nonempty, samples;
    bool               last;      /* no leaf comes after those that run now */
    bool               again;     /* the step has begun before: its rows once more, with other weights (hoop_optim_tell), */
    bool               held;      /* which are all listed */
    bool               begun;     /* a step is: next_step was called, update not yet */
    bool               leaf_open; /* next_leaf was called, backward not yet */
    hoop__hook        *hook;
    int                nhooks;
    bool               looks;   /* a hook at leaves' gradients */
    int64_t            running; /* the leaf that is run alone, by number */
    volatile int       stop;
    double             created_s; /* when the trainer was */
};

/* HOOP_ESTATE inside a step, of the call `what` */
static inline hoop_status hoop__step_outside(const hoop_trainer *tr, const char *what, hoop_error *err)
{
    return tr->step->begun || tr->step->again
               ? hoop_fail(err, HOOP_ESTATE, "%s inside a step: after hoop_trainer_update, please", what)
               : HOOP_OK;
}
/* step.c: room for leaves and records, once the model is known */
hoop_status hoop__step_create(hoop_trainer *tr, hoop_error *err);
void        hoop__step_destroy(hoop_trainer *tr);
/* rows as the loader gave them */
struct hoop_loader_leaf;
void hoop__leaf_from(hoop_leaf *leaf, const struct hoop_loader_leaf *rows);
/* its tensors, of rows that stand in leaf->field */
void hoop__leaf_wrap(hoop_leaf *leaf);
/* forward: tr->step->out are the outputs; in the fields of its targets stands what their losses compare */
void hoop__leaf_forward(hoop_leaf *leaf);
/* then the loss, and what else is read of the leaf, into leaf->kept. It is number i of those whose rows `all` has. */
hoop_tensor *hoop__leaf_lost(const hoop_leaf *all, hoop_leaf *leaf, int i);
/* step.c: the next leaf of the step that has rows. False: there is none. */
bool hoop__step_next(hoop_trainer *tr, hoop_leaf *leaf);
/* an error in a leaf, with where it was */
void hoop__step_failed(hoop_trainer *tr, hoop_error *err);
/* HOOP_ENOMEM, where there is a limit, with what that is of */
void hoop__step_no_memory(const hoop_trainer *tr, hoop_error *err);
/* where gradients of n leaves go, of one what hoop_ddp_next_leaf gave. A loss that has no weight fails its tape. */
hoop_backward_opts hoop__step_opts(hoop_trainer *tr, int n);
void               hoop__step_check_loss(hoop_tape *t, const hoop_tensor *loss);
/* all leaves that are left, and the update */
hoop_status hoop__step_finish(hoop_trainer *tr, hoop_error *err);
/* emissions.c: what was emitted for buffers on a tape; in update, with all ranks, buffers become that */
hoop_status hoop__emissions_take(hoop_trainer *tr, const hoop_tape *t, hoop_error *err);
hoop_status hoop__emissions_apply(hoop_trainer *tr, hoop_error *err);
/* hooks.c: a leaf's gradient of a parameter is final; so is the step's */
void hoop__hooks_leaf(hoop_trainer *tr, int param);
void hoop__hooks_step(hoop_trainer *tr);
void hoop__hooks_destroy(hoop_trainer *tr);
/* leaves.c */
hoop_status hoop__leaves_create(hoop_trainer *tr, hoop_error *err);
void        hoop__leaves_destroy(hoop_trainer *tr);
/* Forward and backward of all leaves of the step that are left, as many at once as may be. Errors are kept for update. */
void hoop__step_leaves(hoop_trainer *tr);
/* How many of those listed, from `first` on, may run at once; rows of a tape whose tensors stay in memory.limit, INT64_MAX where
 * that is not known, */
int     hoop__leaves_at_once(const hoop_trainer *tr, int first, bool training);
int64_t hoop__leaves_rows(const hoop_trainer *tr);
/* where one leaf runs on a tape, memory.limit is what its tensors may take; n together have so many rows that they keep to it */
void hoop__leaves_limit(const hoop_trainer *tr, hoop_tape *t, int n);
/* which these rows on it told */
void hoop__leaves_measure(hoop_trainer *tr, const hoop_tape *t, int64_t rows, bool backward);
/* Forward of n of them on the run's tape. False, and the tape keeps the error; where rows were mixed (step->one_by_one) the tape
 * is reset, and they are to run one by one. */
bool hoop__leaves_forward(hoop_trainer *tr, hoop__run *run, int first, int n, bool training, bool record);
/* Peak of tensors on all tapes that are kept. */
int64_t hoop__leaves_peak(const hoop_trainer *tr);
int64_t hoop__leaves_reserved(const hoop_trainer *tr); /* what they hold, for tensors to come too */
/* record.c */
hoop_status hoop__record_create(hoop_trainer *tr, hoop_error *err);
void        hoop__record_clear(hoop__record *r);
void        hoop__record_loss(hoop__record *r, hoop_tensor *loss, int64_t samples);
/* what its targets lose, and their metrics, from leaf->kept */
void        hoop__record_targets(const hoop_leaf *leaf, hoop__record *r, hoop_error *err);
hoop_status hoop__record_reduce(hoop_trainer *tr, hoop__record *r, const char *what, hoop_error *err);
void        hoop__record_error(hoop__record *r, int rank, const hoop_error *why);
void        hoop__record_sums(const hoop_trainer *tr, const hoop__record *r, int told, hoop_metrics_sums *out);
hoop_status hoop__record_verdict(const hoop_trainer *tr, const hoop__record *r, hoop_error *err);

#endif
