/**
 * hoop/train.h - training as a library: what the hoop command does, on the caller's communicator.
 *
 * A step of all ranks is cut into leaves (hoop/loader.h); each rank runs forward and backward of its leaves, gradients meet
 * as exact sums, and each rank updates its part of the weights. The bits follow from config, data and seed alone.
 *
 *     while (hoop_trainer_next_step(tr)) {
 *         while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
 *             hoop_tensor *loss = my_loss(hoop_leaf_tape(leaf), hoop_leaf_input(leaf, 0), hoop_leaf_target(leaf, 0));
 *             hoop_trainer_backward(tr, loss);
 *         }
 *         HOOP_TRY(st, done, hoop_trainer_update(tr, err));
 *     }
 *
 * A rank that fails in a leaf still joins the step: hoop_trainer_update returns its error there and HOOP_EPEER elsewhere.
 *
 * A model of the caller's own goes through that loop, leaf by leaf; given as a function (opts.forward), it trains, evaluates and
 * predicts as a config's does: leaves run at once, and steps are replayed.
 */
#ifndef HOOP_TRAIN_H
#define HOOP_TRAIN_H

#include "hoop/comm.h"
#include "hoop/config.h"
#include "hoop/dataset.h"
#include "hoop/inspect.h"
#include "hoop/loss.h"
#include "hoop/metric.h"
#include "hoop/nn.h"
#include "hoop/optim.h"
#include "hoop/random.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_trainer hoop_trainer;
typedef struct hoop_leaf    hoop_leaf;

/** An input or target of the caller's arrays. */
typedef struct hoop_trainer_field {
    const char *name;
    int         ndim; /* of a row; of targets -1 with evaluate_only: not known, to predict */
    int64_t     shape[HOOP_MAX_DIMS];
    /* of a target */
    const char *loss;    /* by name (hoop/loss.h), with its defaults; NULL: the config's */
    double      weight;  /* of its loss among those of several; 0: 1 */
    int64_t     classes; /* of a loss for classes */
    /* where ndim is -1: "first", outputs are (n, C, ...) and predictions (n, ..., C); "last": both so; NULL: sizes say it */
    const char *class_dim;
} hoop_trainer_field;

/** Zero is the default. What is given stays the caller's and must outlive the trainer, the config as well. */
typedef struct hoop_trainer_opts {
    hoop_params *params; /* the caller's own model: registered, not finalized; create finalizes and initialises it, and
                          * values set afterwards must be the same on all ranks. NULL: the model of the config */
    /** What the caller's own model makes of inputs (rows, ...): out[k] (rows, ...) is what target k is predicted to be, in the
     * run's precision: logits of classes, or values in the target's shape or in a row. A function of these, parameters, buffers
     * and the tape's randomness alone: what it recorded runs again without it (capture: off calls it each time), rows may be
     * those of several leaves, and it is tried on two rows of zeros when the trainer is made. Failures stick to the tape. NULL:
     * the loop above */
    void (*forward)(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out);
    bool row_wise; /* of forward: no row has a part in another's outputs, nor has their number: leaves may run at once. Where an
                    * op mixes rows all the same, they run one by one */
    const char               *run_dir; /* where checkpoints go; NULL: nothing is written */
    const char               *resume;  /* a run or checkpoint to go on from; NULL: from the start */
    bool                      arrays;  /* steps on the caller's arrays (hoop_trainer_step): no data section, the shapes below */
    bool                      evaluate_only;    /* no training data, no optimizer state: evaluate and predict */
    const hoop_trainer_field *inputs, *targets; /* of arrays; NULL: one of each, x and y, as the following says */
    int                       ninputs, ntargets;
    int                       input_ndim, target_ndim; /* of a row; target_ndim -1 with evaluate_only: not known, to predict */
    int64_t                   input_shape[HOOP_MAX_DIMS], target_shape[HOOP_MAX_DIMS];
    int64_t                   classes;            /* of a loss for classes */
    void                     *ctx;                /* of the functions here */
    void (*note)(void *ctx, const char *text);    /* warnings and news, one line each; on every rank that has one; may be NULL */
    void (*progress)(void *ctx, double fraction); /* how much of an evaluation is done; may be NULL */
} hoop_trainer_opts;

typedef struct hoop_metric_value {
    const hoop_metric *metric;
    const char        *name;                  /* its own, with the options that are not as by default: "f1_micro" */
    double             value;                 /* over all samples seen; NaN: there was nothing it could be of */
    double             sum[HOOP_METRIC_SUMS]; /* what it is made from, where it is counted in each step */
    const double      *list;                  /* where it is several numbers, these: one a class, or a table by rows; NULL: not */
    int64_t            numbers, columns;      /* how many; of a table, else 0 */
} hoop_metric_value;

/** What one target lost. */
typedef struct hoop_target_sums {
    const char *name;
    double      loss, weight;        /* sum, in the data's units, and what it is divided by; of a model of the caller's own with
                                        several targets both are 0 */
    const hoop_metric_value *metric; /* those of the config, or of its loss: in steps, those that are counted in each */
    int                      nmetrics;
} hoop_target_sums;

/** Sums over all ranks of what the last step or an evaluation saw. The target's are the trainer's, and stay until the next of its
 * kind: step, validation, evaluation of other data. */
typedef struct hoop_metrics_sums {
    double  loss;   /* sum of losses: of one target in the data's units, of several as it is trained (hoop_trainer_loss) */
    double  weight; /* what it is divided by */
    int64_t samples;
    const hoop_target_sums *target;
    int                     ntargets;
} hoop_metrics_sums;

/** A target, and what the model predicts of it. */
typedef struct hoop_target {
    const char           *name; /* NULL: there is none */
    const hoop_loss_kind *loss;
    double                weight;
    int64_t               classes;
    int                   ndim;  /* of a row of predictions; -1: not known, of the caller's own model without opts.forward */
    const int64_t        *shape; /* that of the target, with a loss that is not for classes; of lists of boxes (most, 6): x1, y1,
                                    x2, y2, score, class, which is -1 behind the last */
    int nmetrics;                /* that are shown of it, at most */
} hoop_target;

typedef struct hoop_trainer_status {
    int64_t           step, steps;   /* done, of how many */
    int64_t           epoch, epochs; /* of the last step, from 0; epochs 0: not counted */
    int64_t           steps_per_epoch;
    bool              epoch_end;          /* the last step ended its epoch */
    bool              validates;          /* after it the validation data are to be looked at (validation.every_steps) */
    double            lr, grad_norm;      /* of the last step; grad_norm NaN where it was not needed */
    int64_t           evaluations;        /* of loss and gradient in the last step, where it searches; else 0 */
    hoop_metrics_sums last;               /* of the last step */
    hoop_metrics_sums validation;         /* of the last evaluation of the validation data, */
    int64_t           validation_step;    /* which was made after this step; -1: none was */
    int64_t           validation_samples; /* rows of the validation data; 0: there are none */
    double            stall_s, communication_s, first_step_s; /* waited for data, for other ranks; since creation */
    int64_t           memory_peak_bytes;                      /* of tensors on the tape */
    int64_t           batch, leaves; /* samples of a step over all ranks, and the leaves they are cut into */
    int               threads;
    int     at_once;       /* most of this rank's leaves that ran together in the last step of hoop_trainer_run or on arrays */
    bool    replayed;      /* all of them ran from what was recorded of a step before */
    bool    stopped;       /* hoop_trainer_stop was heard by all */
    bool    early_stopped; /* early_stop has ended the run: there is no next step */
    int64_t best_step;     /* checkpoint.best: the step that was best so far; -1: none */
    int64_t saved_step;    /* of the last published checkpoint; -1: none */
} hoop_trainer_status;

/** Bytes that this rank holds, as they are now: after two steps they are what later ones take (another shape of a step, as the
 * end of an epoch may be, and the validation data come on top). */
typedef struct hoop_trainer_bytes {
    int64_t parameters, gradients; /* with buffers; of those that are not frozen */
    int64_t exchange;              /* sums of leaves, and what goes to other ranks */
    int64_t optimizer;             /* its states, of the rank's share, and what updates of these compute in */
    int64_t activations;           /* of tensors, at most at once, on all tapes that are kept (memory_peak_bytes) */
    int64_t reserve;               /* what tapes keep beyond that for later tensors */
    int64_t data;                  /* batches that are read ahead, decoded chunks; not what is mapped */
    int64_t checkpoint;            /* the copy of one, while it is written: not held yet */
} hoop_trainer_bytes;

/** Something that follows a run. Each call is made on all ranks at the same step, of one observer after the other: `step` of all
 * before any `epoch`, which comes at the end of each epoch and where the validation data are to be looked at. A failure ends the
 * run on all. NULL: not called. */
typedef struct hoop_observer {
    void *ctx;
    hoop_status (*start)(void *ctx, hoop_trainer *tr, hoop_error *err);
    hoop_status (*step)(void *ctx, hoop_trainer *tr, hoop_error *err);
    hoop_status (*epoch)(void *ctx, hoop_trainer *tr, hoop_error *err);
    hoop_status (*end)(void *ctx, hoop_trainer *tr, hoop_error *err);
} hoop_observer;

/** What a config says of communication (dist.algorithm, dist.timeout_s), for the communicator that is to be made: a trainer uses
 *  the one it is given as it is. Errors: HOOP_ECONFIG. Calls: Local. */
HOOP_API hoop_status hoop_train_comm_opts(const hoop_config *config, hoop_error *err, hoop_comm_opts *out);

/** All keys a training config may have, without values: for checks and help. Calls: Local. */
HOOP_API const hoop_config_schema *hoop_train_schema(void);

/**
 * Check the config, open data, build and initialise (or load) the model, and compare all of it across ranks. Owns: caller.
 * Errors: HOOP_ECONFIG, HOOP_EDESYNC naming both sides, those of data and checkpoints. Calls: Collective.
 */
HOOP_API hoop_status hoop_trainer_create(hoop_comm *comm, const hoop_config *config, const hoop_trainer_opts *opts,
                                         hoop_error *err, hoop_trainer **out);
/** Ends at any moment; that a save under way gets published is sure only after hoop_trainer_finish. Inside a step the others wait
 * for this rank: the communicator is poisoned. Calls: Local. */
HOOP_API void hoop_trainer_destroy(hoop_trainer **tr);

/** Begin a step (again: no effect). One that searches (optimizer: lbfgs) takes this, its leaves and hoop_trainer_update several
 * times, with the same rows, until status.step has gone up. False when all steps are done, when stopped, or after an error (which
 * update returned). Calls: Local. */
HOOP_API bool hoop_trainer_next_step(hoop_trainer *tr);
/** This rank's next leaf, its tape reset and its randomness keyed; NULL: no more. Calls: Local. */
HOOP_API hoop_leaf *hoop_trainer_next_leaf(hoop_trainer *tr);
HOOP_API hoop_tape *hoop_leaf_tape(hoop_leaf *leaf);
/** Input i (n, ...), as it is before data.normalize and data.transform, in the run's precision, i64 for integer data under an
 * embedding or one_hot, or f64 where the mean of data is taken away that f32 cannot hold. NULL, and HOOP_EARG on the tape: there
 * is none. Calls: Local. */
HOOP_API hoop_tensor *hoop_leaf_input(hoop_leaf *leaf, int i);
/** Target i: labels i64 (n, ...) where its loss is for classes (a column (n, 1) as (n) where the config's model wants that), else
 * values (n, ...), normalised where data.normalize_targets is on. NULL, and HOOP_EARG on the tape: there is none. Calls: Local.
 */
HOOP_API hoop_tensor *hoop_leaf_target(hoop_leaf *leaf, int i);
/** The input or target called so ("x" and "y" in the short form). NULL, and HOOP_EARG on the tape: there is none. Calls: Local.
 */
HOOP_API hoop_tensor *hoop_leaf_find(hoop_leaf *leaf, const char *name);
/** How long each row of the input or target is that is padded, i64 (n); NULL where rows do not vary. HOOP_EARG on the tape: there
 * is none called so. Calls: Local. */
HOOP_API hoop_tensor *hoop_leaf_lengths(hoop_leaf *leaf, const char *name);
/** Weights of the leaf's samples, f64 (n), where the config has data.weights, for a loss of the caller's own; NULL: it has none.
 * Calls: Local. */
HOOP_API hoop_tensor *hoop_leaf_weights(hoop_leaf *leaf);
/**
 * The loss of the config's model, or of opts.forward, for a leaf. Of one target it is that of its kind (hoop/loss.h), with its
 * weight. Of several it is sum over targets k of weight_k * loss_k / (elements of a row of k; 1 where each leaf has its own
 * length) with the leaf's samples as weight. With data.weights, what each sample loses, and its weight in the mean, are
 * multiplied by its own. Labels and values that rows are padded with are no part of it. Outputs go to targets by name, where the
 * model names them, else in their order. Calls: Local.
 */
HOOP_API hoop_tensor *hoop_trainer_loss(hoop_trainer *tr, hoop_leaf *leaf);
/** Backward of a leaf's loss (a sum with a weight, as hoop_mse, hoop_cross_entropy and hoop_loss make it; HOOP_EARG without);
 * its gradient joins the step's sum. hoop_params_grad holds this sum, in the ranges of parameters that the rank owns, once update
 * has returned, and nothing to rely on before. Errors are kept for update. Calls: Local. */
HOOP_API void hoop_trainer_backward(hoop_trainer *tr, hoop_tensor *loss);
/** Reduce, agree, update, gather. Calls: Collective. */
HOOP_API hoop_status hoop_trainer_update(hoop_trainer *tr, hoop_error *err);

/** All steps of the config's model, or of opts.forward, telling the observers. A rank's leaves run at once where the model treats
 * each row by itself, and steps are replayed (memory.limit and capture of the config); no bits depend on it. Calls: Collective.
 */
HOOP_API hoop_status hoop_trainer_run(hoop_trainer *tr, const hoop_observer *observers, int n, hoop_error *err);
/** Which of a step's samples this rank's leaves take: positions [*first, *first + return). Calls: Local. */
HOOP_API int64_t hoop_trainer_share(const hoop_trainer *tr, int64_t *first);
/** One step on the caller's arrays: x, y hold this rank's share of the step's samples, in order, in the run's precision (labels
 * and indices i64). For one input and one target. Runs as in hoop_trainer_run. Errors: HOOP_EARG where there are more,
 * HOOP_ESTATE. Calls: Collective. */
HOOP_API hoop_status hoop_trainer_step(hoop_trainer *tr, const void *x, const void *y, hoop_error *err);
/** The same of any number: one array each, in the order of opts.inputs and opts.targets. Calls: Collective. */
HOOP_API hoop_status hoop_trainer_step_fields(hoop_trainer *tr, const void *const *inputs, const void *const *targets,
                                              hoop_error *err);
/** Loss and metrics in evaluation mode over `ds`, or (NULL) over the validation data, which the status then tells too; out may
 *  be NULL. Where ema.decay is on, they are those of the mean of the weights. Where the status says `validates`, plateau,
 * early_stop and checkpoint.best go by those of the validation data. Columns and classes of ds are taken by name, in the order of
 * those trained on, which ds presents from then on. Errors: HOOP_ECONFIG where names are missing or others, HOOP_ESHAPE,
 * HOOP_ESTATE inside a step. Calls: Collective. */
HOOP_API hoop_status hoop_trainer_evaluate(hoop_trainer *tr, hoop_dataset *ds, hoop_error *err, hoop_metrics_sums *out);
/** The config's model, or opts.forward, in evaluation mode for x (n, ...), as it is before data.normalize and
 * data.transform, which are parts of the model, in the run's precision, or i64 under an embedding or one_hot: out (n, output...),
 * in the run's precision and the data's units. Of a trainer that trains, with its weights as they are. Errors: HOOP_ESTATE inside
 * a step. Calls: Local. */
HOOP_API hoop_status hoop_trainer_predict(hoop_trainer *tr, const void *x, int64_t n, void *out, hoop_error *err);
/** The same of any number of inputs and targets: outputs[k] is what target k is predicted to be. Calls: Local. */
HOOP_API hoop_status hoop_trainer_predict_fields(hoop_trainer *tr, const void *const *inputs, int64_t n, void *const *outputs,
                                                 hoop_error *err);
/** What a hook sees of a parameter's gradient: elements [first, first + count) of it, in the run's precision. */
typedef struct hoop_gradient {
    int         param;
    int64_t     first, count;
    const void *values; /* until the call returns */
    int64_t     leaf;   /* whose it is, by its number in the step; -1: the sum of all leaves of all ranks */
    double      weight; /* of such a sum: what the update divides it by */
} hoop_gradient;
/** Who looks at gradients. A leaf's are seen in backward, when they are final, of this rank's leaves; the step's sum in
 * hoop_trainer_update before clipping, in the parts that this rank owns: of all ranks each element once. */
typedef struct hoop_hook {
    void       *ctx;
    const char *match;  /* names of parameters, as of files; NULL: all. Frozen ones have no gradient */
    bool        summed; /* the step's */
    void (*see)(void *ctx, hoop_trainer *tr, const hoop_gradient *g);
} hoop_hook;
/** From the next step on. With hooks of leaves these run one by one, to the same bits; hooks of sums cost a call a part. Errors:
 * HOOP_EARG (no parameter is called so; a leaf's with dist.reduce: fast), HOOP_ESTATE inside a step. Calls: Local. */
HOOP_API hoop_status hoop_trainer_hook(hoop_trainer *tr, const hoop_hook *hook, hoop_error *err);

/** How many targets there are; target i. Calls: Local. */
HOOP_API int         hoop_trainer_targets(const hoop_trainer *tr);
HOOP_API hoop_target hoop_trainer_target(const hoop_trainer *tr, int i);

/** Begin to save this step; it is written and published behind the next steps, and a failure ends one of those. Waits until the
 *  one before it is published. Calls: Collective. */
HOOP_API hoop_status hoop_trainer_save(hoop_trainer *tr, hoop_error *err);
/** Wait until a save under way is published; a disk may take longer than the communicator's deadline. Calls: Collective. */
HOOP_API hoop_status hoop_trainer_finish(hoop_trainer *tr, hoop_error *err);
/** The hash of the parameters (hoop/inspect.h) in this step's checkpoint in run_dir, read back from the disk by rank 0, and there
 *  alone; "" on other ranks. A disk may take longer than the communicator's deadline. Errors: HOOP_ESTATE where it is not saved,
 *  those of reading. Calls: Collective. */
HOOP_API hoop_status hoop_trainer_hash_saved(hoop_trainer *tr, hoop_error *err, char hex[HOOP_CHECKPOINT_HASH_SIZE]);
/** Go on from a run or checkpoint written by the same config (but for keys that decide no bits). Calls: Collective. */
HOOP_API hoop_status hoop_trainer_load(hoop_trainer *tr, const char *path, hoop_error *err);
/** Ask all ranks to stop after the same step; may be called in a signal handler, on any rank. Calls: Local. */
HOOP_API void hoop_trainer_stop(hoop_trainer *tr);

/** Tell a line as one of the trainer's own notes: for observers. Calls: Local. */
HOOP_API void hoop_trainer_note(const hoop_trainer *tr, const char *text);

/* What it consists of; all of it belongs to the trainer. */
HOOP_API const hoop_trainer_status *hoop_trainer_about(hoop_trainer *tr);
HOOP_API hoop_trainer_bytes         hoop_trainer_memory(const hoop_trainer *tr);
HOOP_API hoop_comm                 *hoop_trainer_comm(hoop_trainer *tr);
HOOP_API hoop_params               *hoop_trainer_params(hoop_trainer *tr);
HOOP_API hoop_model                *hoop_trainer_model(hoop_trainer *tr); /* NULL: the caller's own */
HOOP_API hoop_runtime              *hoop_trainer_runtime(hoop_trainer *tr);
HOOP_API hoop_optim                *hoop_trainer_optim(hoop_trainer *tr); /* NULL: evaluate_only */
HOOP_API hoop_dataset              *hoop_trainer_data(hoop_trainer *tr);  /* trained on; NULL: arrays */
HOOP_API hoop_dtype                 hoop_trainer_dtype(const hoop_trainer *tr);
/** The resolved config (YAML), every key with the value in force. Calls: Local. */
HOOP_API const char *hoop_trainer_config(const hoop_trainer *tr);
/** Of the keys that decide bits, in hex (hoop_config_fingerprint). Calls: Local. */
HOOP_API const char *hoop_trainer_fingerprint(const hoop_trainer *tr);
/** Every how many steps the config wants a checkpoint; 0: only at the end. Calls: Local. */
HOOP_API int64_t hoop_trainer_save_every(const hoop_trainer *tr);
/** Is the run directory still this trainer's? HOOP_EBUSY: another generation has it (hoop_run_fence), and nothing may be written
 * there any more. True of all ranks but the first, which asks. Calls: Local. */
HOOP_API hoop_status hoop_trainer_check_run(const hoop_trainer *tr, hoop_error *err);
/** Signals that the config wants to stop a run as SIGTERM does (checkpoint.signals). The library listens to none: who does calls
 * hoop_trainer_stop. Calls: Local. */
typedef enum hoop_stop_signals { HOOP_STOP_NONE, HOOP_STOP_USR1, HOOP_STOP_USR2, HOOP_STOP_BOTH } hoop_stop_signals;
HOOP_API hoop_stop_signals hoop_trainer_stop_signals(const hoop_trainer *tr);

/** V for `leaves: auto`, from the batch alone: up to batch/16 leaves (at least 4), with as many divisors as possible.
 * Where the model takes statistics over a leaf (batch norm), a trainer takes up to batch/32 (at least 1). Calls: Local. */
HOOP_API int64_t hoop_leaves_auto(int64_t batch);

#ifdef __cplusplus
}
#endif
#endif
