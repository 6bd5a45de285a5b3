/** train/trainer.h - the insides of a trainer, shared by the files of launch/train. Each component's options struct stands beside
 * its table. */
#ifndef HOOP_TRAINER_INTERNAL_H
#define HOOP_TRAINER_INTERNAL_H

#include "base/clock.h"
#include "hoop/ddp.h"
#include "hoop/exact.h"
#include "hoop/loader.h"
#include "hoop/ops.h"
#include "hoop/train.h"
#include "train/meaning.h"

/* top level (trainer.c) */
typedef struct hoop__run_opts {
    int64_t seed, batch, leaves, epochs, steps, threads;
    int     loss, precision, isa, gemm;
    double  clip_norm;
} hoop__run_opts;
/* model (model.c): any, and of kind: mlp */
typedef struct hoop__model_opts {
    int       kind, activation, init;
    hoop_ints output_shape; /* of a row; none: that of the last layer */
    hoop_ints hidden;
    double    dropout;
    int64_t   outputs;
} hoop__model_opts;
/* data (data.c) */
typedef struct hoop__data_opts {
    char    train[HOOP_OPT_STRING_MAX], validation[HOOP_OPT_STRING_MAX], x[HOOP_OPT_STRING_MAX], y[HOOP_OPT_STRING_MAX];
    int     normalize, normalize_targets, unknown, labels, attributes;
    bool    shuffle;
    int64_t prefetch, cache_mb, classes;
} hoop__data_opts;
/* dist (reduce.c) */
typedef struct hoop__dist_opts {
    int    algorithm, reduce;
    double bucket_mb, timeout_s;
} hoop__dist_opts;
/* checkpoint (save.c) */
typedef struct hoop__save_opts {
    int64_t every_steps, keep;
} hoop__save_opts;

enum { HOOP__MODEL_MLP, HOOP__MODEL_LAYERS };
enum { HOOP__REDUCE_EXACT, HOOP__REDUCE_FAST };
enum { HOOP__NORMALIZE_NONE, HOOP__NORMALIZE_STANDARD };
enum { HOOP__TARGETS_AUTO, HOOP__TARGETS_NONE, HOOP__TARGETS_STANDARD };
enum { HOOP__UNKNOWN_REFUSE, HOOP__UNKNOWN_ZERO };

extern const hoop_option_table hoop__run_options, hoop__model_options, hoop__mlp_options, hoop__data_options, hoop__dist_options,
    hoop__save_options;
extern const hoop_config_free hoop__model_layers; /* model.layers: a list of modules */

enum { HOOP__PARTS = 8 }; /* option tables of a training config (schema.c) */

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

typedef struct hoop__save  hoop__save;  /* a save under way (save.c) */
typedef struct hoop__tally hoop__tally; /* of an evaluation (tally.h) */

struct hoop_trainer {
    hoop_comm         *comm;
    const hoop_config *config;
    hoop_trainer_opts  opts;
    hoop__run_opts     run;
    hoop__model_opts   model_opts;
    hoop__data_opts    data_opts;
    hoop__dist_opts    dist;
    hoop__save_opts    save_opts;
    hoop_optim_opts    optim_opts;
    hoop_schedule_opts schedule;
    hoop_config_part   part[HOOP__PARTS];
    hoop_config_schema schema;
    char              *resolved;                           /* config text */
    char               fingerprint[HOOP_FINGERPRINT_SIZE]; /* of the keys that decide bits */

    hoop_runtime *rt;
    hoop_tape    *tape;
    hoop_model   *model;
    hoop_params  *params;
    hoop_optim   *optim;
    hoop_ddp     *ddp;
    hoop_dataset *train_set, *validation_set;
    hoop_loader  *loader;
    hoop__save   *save;
    hoop__tally  *tally;   /* of the evaluation under way; NULL: only sums are wanted */
    hoop__meaning meaning; /* of the training data, which may be known from a checkpoint only */
    int64_t       classes;
    int           input_ndim, target_ndim; /* without the batch */
    int64_t       input_shape[HOOP_MAX_DIMS], target_shape[HOOP_MAX_DIMS];
    hoop_dtype    dtype, input_dtype, target_dtype;
    hoop_tensor  *target_mean, *target_std; /* buffers (outputs), where targets are normalised; else NULL */
    double       *target_found;             /* rank 0, until these exist: means, deviations */
    bool          exact;

    hoop_trainer_status status;
    hoop_error          error;  /* of this rank in this step, or what ended the run */
    hoop__record        record; /* of the step under way */
    hoop_leaf           leaf;
    int64_t             first_leaf, nleaves, next_leaf, last_nonempty, step_samples;
    const char         *array_x, *array_y;
    bool                begun;     /* a step is: next_step was called, update not yet */
    bool                leaf_open; /* next_leaf was called, backward not yet */
    volatile int        stop;
    double              created_s;
};

/* element i of an array of f32 or f64 */
static inline double hoop__value_at(const void *values, hoop_dtype dtype, int64_t i)
{
    return dtype == HOOP_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

/* schema.c */
void hoop__schema_init(hoop_trainer *tr);
/* tr->resolved and tr->fingerprint, of the keys that say something to this model */
hoop_status hoop__schema_resolve(hoop_trainer *tr, hoop_error *err);
/* model.c */
hoop_status  hoop__model_check(hoop_trainer *tr, hoop_error *err);
hoop_status  hoop__model_from_config(hoop_trainer *tr, hoop_error *err);
hoop_tensor *hoop__model_loss(hoop_trainer *tr, hoop_tensor *out, hoop_tensor *target);
/* data.c */
hoop_status hoop__data_open(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__data_loader(hoop_trainer *tr, hoop_error *err);
/* before the first step: are there values that cannot be read? Collective */
hoop_status hoop__data_check(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__data_normalize(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__data_decide(hoop_trainer *tr, hoop_error *err);
/* targets.c: of a trainer that has target_mean; hoop__targets_buffers makes it, hoop__targets_wrap is for any. */
hoop_status  hoop__targets_buffers(hoop_trainer *tr, hoop_error *err);
hoop_tensor *hoop__targets_wrap(hoop_trainer *tr, hoop_dtype dtype, const void *y, int64_t n);
double       hoop__targets_squares(const hoop_trainer *tr, const hoop_tensor *out, hoop_dtype dtype, const void *y, int64_t n);
void         hoop__targets_units(const hoop_trainer *tr, const void *values, int64_t n, void *out, hoop_dtype dtype);
/* predict.c */
typedef struct hoop__rows {
    const void *data;
    hoop_dtype  dtype;         /* the run's precision, or what its loader gives (input_dtype) */
    bool        probabilities; /* of classes are wanted, not logits */
} hoop__rows;
/* `dtype` of out: the run's precision, or f64 where targets are normalised (hoop__predict_dtype keeps all there is) */
hoop_status hoop__predict(hoop_trainer *tr, const hoop__rows *in, int64_t n, void *out, hoop_dtype dtype, hoop_error *err);
hoop_dtype  hoop__predict_dtype(const hoop_trainer *tr);
/* load.c: what a checkpoint says that a model must be built for; not found: nothing is known */
typedef struct hoop__peek {
    bool       found, targets; /* targets are normalised */
    hoop_dtype mean;           /* of normalize.mean */
} hoop__peek;
void hoop__load_peek(const char *path, hoop__peek *out);
/* reduce.c */
void        hoop__record_clear(hoop__record *r);
void        hoop__record_loss(hoop__record *r, hoop_tensor *loss, int64_t samples);
void        hoop__record_accuracy(hoop__record *r, hoop_tensor *logits, hoop_tensor *label);
hoop_status hoop__record_reduce(hoop_trainer *tr, hoop__record *r, const char *what, hoop_error *err);
void        hoop__record_error(hoop__record *r, int rank, const hoop_error *why);
void        hoop__record_sums(const hoop_trainer *tr, const hoop__record *r, hoop_metrics_sums *out);
hoop_status hoop__record_verdict(const hoop_trainer *tr, const hoop__record *r, hoop_error *err);
/* nonfinite.c: the first value of a leaf that is not finite, with its file and row (HOOP_OK: there is none); agree: that of the
 * lowest rank, so of the first leaf that has one, for all. Collective */
void        hoop__nonfinite_find(const hoop_trainer *tr, hoop_dataset *ds, const hoop_loader_leaf *leaf, hoop_error *found);
hoop_status hoop__nonfinite_agree(hoop_trainer *tr, hoop_error *found, hoop_error *err);
/* save.c */
hoop_status hoop__save_create(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__save_after_step(hoop_trainer *tr, const hoop__record *r, hoop_error *err);
bool        hoop__save_running(const hoop_trainer *tr);
void        hoop__save_destroy(hoop_trainer *tr);
/* each part of each parameter that this rank holds the optimiser state of */
typedef hoop_status hoop__part_fn(hoop_trainer *tr, void *ctx, int param, int64_t first, int64_t count, hoop_error *err);
hoop_status         hoop__each_own_part(hoop_trainer *tr, hoop__part_fn *f, void *ctx, hoop_error *err);
/* trainer.c */
void hoop__note(const hoop_trainer *tr, const char *format, ...) HOOP_PRINTF(2, 3);

#endif
