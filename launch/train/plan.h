/** train/plan.h - what the config decides. Each component's options struct stands here, its table beside its code. */
#ifndef HOOP_TRAINER_PLAN_H
#define HOOP_TRAINER_PLAN_H

#include "hoop/loss.h"
#include "hoop/nn.h"
#include "train/specs.h"
#include "train/trainer.h"

/* top level (plan.c) */
typedef struct hoop__run_opts {
    int64_t seed, batch, leaves, epochs, steps, threads;
    int     precision, isa, gemm, capture;
    double  clip_norm, clip_value;
} hoop__run_opts;
/* model (model.c): of any kind */
typedef struct hoop__model_opts {
    hoop_ints output_shape; /* of a row; none: that of the last layer */
    char      weights[HOOP_OPT_STRING_MAX];
} hoop__model_opts;
/* data (data.c) */
typedef struct hoop__data_opts {
    char train[HOOP_OPT_STRING_MAX], validation[HOOP_OPT_STRING_MAX], x[HOOP_OPT_STRING_MAX], y[HOOP_OPT_STRING_MAX],
        sampling_weights[HOOP_OPT_STRING_MAX], weights[HOOP_OPT_STRING_MAX];
    int     normalize, normalize_targets, unknown, labels, attributes, sampling;
    bool    shuffle;
    int64_t prefetch, cache_mb, classes;
} hoop__data_opts;
/* dist (plan.c) */
typedef struct hoop__dist_opts {
    int    algorithm, reduce;
    double bucket_mb, timeout_s;
} hoop__dist_opts;
/* memory (plan.c) */
typedef struct hoop__memory_opts {
    double limit;
} hoop__memory_opts;
/* checkpoint (save.c) */
typedef struct hoop__save_opts {
    int64_t every_steps, keep;
    int     signals; /* an enum hoop_stop_signals */
} hoop__save_opts;

/* validation, ema, early_stop, checkpoint.best (watch.c) */
typedef struct hoop__validation_opts {
    int64_t every_steps;
} hoop__validation_opts;
typedef struct hoop__ema_opts {
    double decay;
} hoop__ema_opts;
typedef struct hoop__stop_opts {
    char    metric[HOOP_OPT_STRING_MAX];
    int     mode;
    int64_t patience;
    double  min_delta;
} hoop__stop_opts;
typedef struct hoop__best_opts {
    char metric[HOOP_OPT_STRING_MAX];
    int  mode;
} hoop__best_opts;

enum { HOOP__REDUCE_EXACT, HOOP__REDUCE_FAST };
enum { HOOP__CAPTURE_AUTO, HOOP__CAPTURE_OFF };
enum { HOOP__UNKNOWN_REFUSE, HOOP__UNKNOWN_ZERO };

extern const hoop_option_table hoop__run_options, hoop__model_options, hoop__data_options, hoop__short_options,
    hoop__dist_options, hoop__memory_options, hoop__save_options, hoop__validation_options, hoop__ema_options, hoop__stop_options,
    hoop__best_options;
extern const hoop_config_choice hoop__model_choice;

/* sections whose keys are those of a row of core's tables (schema.c) */
extern const hoop_config_choice hoop__loss_choice, hoop__optim_choice, hoop__schedule_choice;

enum { HOOP__PARTS = 24 }; /* option tables, choices and free keys of a training config (schema.c) */

struct hoop__plan {
    hoop__run_opts        run;
    hoop_config_chosen    kind;  /* of model, and its options */
    hoop__model_opts      model; /* what all kinds have */
    hoop__data_opts       data;
    hoop__specs           specs; /* of its fields */
    hoop__dist_opts       dist;
    hoop__memory_opts     memory;
    hoop__save_opts       save;
    hoop__validation_opts validation;
    hoop__ema_opts        ema;
    hoop__stop_opts       stop;
    hoop__best_opts       best;
    hoop_config_chosen    loss, optim, schedule; /* rows of their tables, and the options of these */
    hoop_schedule_opts    warmup;                /* what all schedules have */
    hoop_optim_group     *groups;                /* of parameters (optimizer.groups), */
    int                   ngroups;
    char                 *group_memory; /* with what they point to */
    hoop_init_rule       *inits;        /* of parameters (model.init), */
    int                   ninits;
    char                 *init_memory; /* with what they point to, */
    char                 *own_inits;   /* those of the kind of model too */
    bool                  exact;       /* dist.reduce */
    bool                  auto_leaves; /* leaves: auto */
    hoop_config_part      part[HOOP__PARTS];
    hoop_config_schema    schema;
    char                 *resolved;                           /* config text */
    char                  fingerprint[HOOP_FINGERPRINT_SIZE]; /* of the keys that decide bits */
};

/* plan.c: read the config, into tr->plan, and check what needs no data */
hoop_status hoop__plan_read(hoop_trainer *tr, hoop_error *err);
/* once there is a model: leaves: auto where it takes statistics of a leaf; what is to be said of their size */
hoop_status       hoop__plan_model_leaves(hoop_trainer *tr, hoop_error *err);
void              hoop__plan_note_leaves(const hoop_trainer *tr);
hoop_runtime_opts hoop__plan_runtime(const hoop_trainer *tr);
/* rows of one forward pass where all are wanted: those of the largest leaf */
int64_t hoop__plan_leaf_rows(const hoop_trainer *tr);
/* of targets that name none */
const hoop_loss_kind *hoop__plan_loss(const hoop_trainer *tr);
void                  hoop__plan_clear(hoop__plan *plan);
/* optimizer.c: read optimizer.groups, check options; make tr->optim and tr->schedule */
extern const hoop_config_free hoop__optim_groups, hoop__model_frozen, hoop__model_init;
hoop_status                   hoop__optim_read(hoop_trainer *tr, hoop_error *err);
hoop_status                   hoop__optim_make(hoop_trainer *tr, hoop_error *err);
void                          hoop__optim_note(const hoop_trainer *tr);
/* init.c: read model.init; fill the parameters of a finalized model by it */
hoop_status hoop__init_read(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__init_apply(hoop_trainer *tr, hoop_error *err);
/* schema.c */
void hoop__schema_init(hoop_trainer *tr);
/* plan->resolved and plan->fingerprint, of the keys that say something to this model */
hoop_status hoop__schema_resolve(hoop_trainer *tr, hoop_error *err);
/* model.c */
hoop_status hoop__model_check(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__model_from_config(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__model_from_caller(hoop_trainer *tr, hoop_error *err);
/* tr->step->in to ->out */
void hoop__model_forward(const hoop_trainer *tr, hoop_tape *t);

#endif
