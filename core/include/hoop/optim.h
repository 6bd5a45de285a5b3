/**
 * hoop/optim.h - optimisers over ranges of the flat store, learning-rate schedules, clipping.
 *
 * Both are tables, a row a file (core/optim): a config names a row, and its options are the row's own.
 */
#ifndef HOOP_OPTIM_H
#define HOOP_OPTIM_H

#include "hoop/exact.h"
#include "hoop/option.h"
#include "hoop/params.h"
#include "hoop/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- kinds of optimisers ---- */

/** What one update must see at once: any range of elements, a whole parameter, or a whole parameter where that is a matrix (2
 * dims or more). Ranks share the work by ranges that keep this whole. */
typedef enum hoop_granularity { HOOP_BY_ELEMENT, HOOP_BY_TENSOR, HOOP_BY_MATRIX } hoop_granularity;

enum { HOOP_OPTIM_STATES = 8 }; /* most state arrays of an optimiser */

/** What an update works on. */
typedef struct hoop_optim_call {
    const hoop_runtime *rt;
    const void         *opts; /* the kind's struct, of the parameters' group */
    hoop_dtype          dtype;
    int64_t             n;     /* elements; those behind a parameter's last one, up to a whole block, are zero */
    const int64_t      *shape; /* (ndim) of a whole parameter; NULL: these are a range of elements */
    int                 ndim;
    void               *w;                         /* weights */
    const void         *g;                         /* gradient sums, to be multiplied by grad_scale first */
    void               *state[HOOP_OPTIM_STATES];  /* each where w is; NULL: not kept for this group */
    int64_t             step;                      /* this one, from 1 */
    double              lr, lr_factor, grad_scale; /* lr: that of the options times lr_factor, the schedule's */
    const double       *run;                       /* what the kind's `begin` has made of this step */
    void               *work;                      /* of a whole parameter: what `workspace` asked for, 64-aligned */
} hoop_optim_call;

enum { HOOP_OPTIM_RUN = 2 }; /* numbers of an optimiser that go on from step to step */

/** What a step that searches works on: all parameters that are trained, as one vector. */
typedef struct hoop_search_call {
    const hoop_runtime *rt;
    const void         *opts; /* the kind's struct */
    hoop_dtype          dtype;
    int64_t             nblocks; /* vectors have 128 * nblocks elements; those of no parameter are zero */
    void               *w;       /* weights. Loss and gradient are of these; where the next ones are wanted goes here */
    const void         *g;       /* gradient of the mean loss */
    double              loss;    /* infinite: it, or its gradient, is not finite here */
    double              lr;      /* that of the options times the schedule's factor */
    void              **state;   /* [arrays] vectors that go on from step to step; they may change places */
    double             *number;  /* [numbers] that do so, 0 at first */
    void              **work;    /* [work] vectors of one step, which may change places with those of state */
    void               *at;      /* [at_size] bytes of one step, zero at its first call */
} hoop_search_call;

/** How a step goes that looks at loss and gradient in several places. */
typedef struct hoop_search_kind {
    int (*arrays)(const void *opts);
    int (*numbers)(const void *opts);
    void (*name)(const void *opts, int i, char *name, size_t size); /* of state array i, PyTorch's */
    bool (*live)(const void *opts, const double *number, int i);    /* does it hold anything yet? */
    bool (*sound)(const void *opts, const double *number);          /* may numbers that come from a file be gone on with? */
    int    work;
    size_t at_size;
    bool (*tell)(hoop_search_call *c); /* false: the step has ended, with these weights */
} hoop_search_kind;

/** A row of the table. */
typedef struct hoop_optim_kind {
    const char       *name, *help;
    hoop_option_table options; /* lr and, of those that do not search, weight_decay among them */
    size_t            opts_size;
    /** State arrays kept with these options, under PyTorch's names, into names[HOOP_OPTIM_STATES]: a prefix of all it may keep.
     *  Returns how many. NULL: none. */
    int (*states)(const void *opts, const char **names);
    /** Dims of state array i of a parameter (ndim, shape), into out: -1, it has none; else ndim and shape, or, of what is updated
     *  as a whole, others of no more elements, which stand where the parameter's begin. NULL: all have all, in their own shape.
     */
    int (*state_shape)(const void *opts, int i, int ndim, const int64_t *shape, int64_t *out);
    hoop_granularity granularity;
    /** Scratch memory of a whole parameter's update, which then may use the runtime's threads; NULL: none, and whole parameters
     * are updated each on a thread. */
    int64_t (*workspace)(const void *opts, const hoop_runtime *rt, hoop_dtype dtype, int ndim, const int64_t *shape);
    /** Numbers that follow from those of the step before, run[HOOP_OPTIM_RUN], 0 before step 1: called for each step in turn. */
    void (*begin)(const void *opts, int64_t step, double *run);
    /** Do options that are each in range fit together? The error begins with a key: "nesterov: wants". NULL: they do. */
    hoop_status (*check)(const void *opts, hoop_error *err);
    void (*update)(const hoop_optim_call *c); /* on any thread; what it computes depends on the call alone */
    const hoop_search_kind *search;           /* in place of update, states and what belongs to these; NULL: it does not search */
} hoop_optim_kind;

/** The optimiser of a name, NULL if there is none; kind i, NULL after the last; 0 is the default. Calls: Local. */
HOOP_API const hoop_optim_kind *hoop_optim_kind_find(const char *name);
HOOP_API const hoop_optim_kind *hoop_optim_kind_get(int i);

/** Has it a momentum, or beta1, that a schedule may set by step? Calls: Local. */
HOOP_API bool hoop_optim_kind_momentum(const hoop_optim_kind *kind);

/* Options of the kinds, for C: a field that is 0 has its default; an lr, beta or eps that shall be 0 is HOOP_ZERO ("0" in a
 * config is). */
typedef struct hoop_adam_opts { /* adamw, adam */
    double lr;                  /* 1e-3 */
    double weight_decay;        /* 0 */
    double beta1, beta2, eps;   /* 0.9, 0.999, 1e-8 */
    bool   amsgrad, maximize;
} hoop_adam_opts;
typedef struct hoop_sgd_opts {
    double lr;                                /* 1e-3 */
    double weight_decay, momentum, dampening; /* 0 */
    bool   nesterov, maximize;
} hoop_sgd_opts;
typedef struct hoop_rmsprop_opts {
    double lr, alpha, eps;         /* 1e-2, 0.99, 1e-8 */
    double weight_decay, momentum; /* 0 */
    bool   centered, maximize;
} hoop_rmsprop_opts;
typedef struct hoop_adagrad_opts {
    double lr, eps;                                           /* 1e-2, 1e-10 */
    double weight_decay, lr_decay, initial_accumulator_value; /* 0 */
    bool   maximize;
} hoop_adagrad_opts;
typedef struct hoop_radam_opts {
    double lr, beta1, beta2, eps; /* 1e-3, 0.9, 0.999, 1e-8 */
    double weight_decay;          /* 0 */
    bool   decoupled_weight_decay, maximize;
} hoop_radam_opts;
typedef struct hoop_nadam_opts {
    double lr, beta1, beta2, eps, momentum_decay; /* 2e-3, 0.9, 0.999, 1e-8, 4e-3 */
    double weight_decay;                          /* 0 */
    bool   decoupled_weight_decay, maximize;
} hoop_nadam_opts;
typedef struct hoop_lion_opts {
    double lr, beta1, beta2; /* 1e-4, 0.9, 0.99 */
    double weight_decay;     /* 0 */
    bool   maximize;
} hoop_lion_opts;
typedef struct hoop_lamb_opts {
    double lr, beta1, beta2, eps; /* 1e-3, 0.9, 0.999, 1e-6 */
    double weight_decay;          /* 0 */
    int    trust;                 /* 0: the ratio of norms of each parameter; 1: none, which is AdamW */
    bool   maximize;
} hoop_lamb_opts;
typedef struct hoop_lars_opts {
    double lr, momentum, trust_coefficient, eps; /* 0.1, 0.9, 1e-3, 1e-8; a trust_coefficient of HOOP_ZERO: no ratio */
    double weight_decay;                         /* 0 */
    bool   maximize;
} hoop_lars_opts;
typedef struct hoop_adafactor_opts {
    double lr, beta2_decay, eps1, eps2, d; /* 1e-2, -0.8, auto (that of the precision), 1e-3, 1 */
    double weight_decay;                   /* 0 */
    bool   maximize;
} hoop_adafactor_opts;
typedef struct hoop_muon_opts {
    double      lr, weight_decay, momentum, eps;   /* 1e-3, 0.1, 0.95, 1e-7 */
    hoop_floats ns_coefficients;                   /* 3.4445, -4.775, 2.0315 */
    int64_t     ns_steps;                          /* 5 */
    int         adjust_lr_fn;                      /* 0: original; 1: match_rms_adamw */
    int         by;                                /* 0: matrices by Muon, others by AdamW; 1: all by AdamW */
    double      adamw_lr, beta1, beta2, adamw_eps; /* auto (lr), 0.9, 0.95, 1e-8 */
    bool        no_nesterov, maximize;
} hoop_muon_opts;

typedef struct hoop_lbfgs_opts {
    double  lr;                               /* 1 */
    int64_t max_iter, max_eval;               /* 20, 1.25 * max_iter: HOOP_OPT_AUTO, as 0 is */
    double  tolerance_grad, tolerance_change; /* 1e-7, 1e-9 */
    int64_t history_size;                     /* 100 */
    int     line_search_fn;                   /* 0: strong_wolfe; 1: none */
} hoop_lbfgs_opts;

/* ---- an optimiser of a store ---- */

typedef struct hoop_optim hoop_optim;

/** Parameters with options of their own. */
typedef struct hoop_optim_group {
    const char
        *match;       /* a pattern of their names, as file names have: "*.bias". The first group that matches takes a parameter */
    const void *opts; /* the kind's struct, in full: nothing is taken from those of the others */
} hoop_optim_group;

typedef struct hoop_optim_opts {
    const char             *name; /* NULL: adamw */
    const hoop_optim_kind  *kind; /* one of the caller's own instead; NULL: that of the name */
    const void             *opts; /* the kind's struct; NULL: its defaults */
    const hoop_optim_group *groups;
    int                     ngroups;
    double                  ema_decay; /* of a mean of the weights that is kept beside them, from 0 up to 1; 0: none */
    double
        momentum; /* of all groups, in place of momentum, or else beta1, of their options, until it is set anew; 0: as they say */
} hoop_optim_opts;

/** opts: copied, with all they point to; NULL: the defaults. State is zero and as long as the store, which must outlive it; only
 * the ranges that are updated get touched. Owns: caller. Errors: HOOP_ECONFIG (names the option; a group that matches no
 * parameter; momentum where the kind has none, or one of its own by step), HOOP_EARG for a kind that is not whole, HOOP_ENOMEM.
 * Calls: Local. */
HOOP_API hoop_status      hoop_optim_create(const hoop_optim_opts *opts, hoop_params *params, hoop_error *err, hoop_optim **out);
HOOP_API void             hoop_optim_destroy(hoop_optim **o);
HOOP_API const char      *hoop_optim_name(const hoop_optim *o);
HOOP_API hoop_granularity hoop_optim_granularity(const hoop_optim *o);
/** Must this parameter be updated as a whole? Calls: Local. */
HOOP_API bool hoop_optim_whole(const hoop_optim *o, int param);
/** The number of this parameter's group, -1: none. Calls: Local. */
HOOP_API int hoop_optim_group_of(const hoop_optim *o, int param);
/** Steps done. Calls: Local. */
HOOP_API int64_t hoop_optim_step(const hoop_optim *o);
HOOP_API void    hoop_optim_set_step(hoop_optim *o, int64_t step);
/** State arrays, parallel to the store: PyTorch's names ("exp_avg"), 128 * nblocks elements of the store's dtype; where groups
 * keep different ones, all of them. Calls: Local. */
HOOP_API int         hoop_optim_state_count(const hoop_optim *o);
HOOP_API const char *hoop_optim_state_name(const hoop_optim *o, int i);
HOOP_API void       *hoop_optim_state(const hoop_optim *o, int i);
/** Dims of state i of a parameter, into shape[HOOP_MAX_DIMS], from where the parameter begins in the array; -1: it has none,
 * or its group keeps none. Calls: Local. */
HOOP_API int hoop_optim_state_shape(const hoop_optim *o, int i, int param, int64_t *shape);
/** The mean of the weights, parallel to the store: those after step 1, then mean += (1 - ema_decay) * (weights - mean) behind
 * each update; the last of the states, called "ema". NULL: none is kept. Frozen parameters have none. Calls: Local. */
HOOP_API void *hoop_optim_ema(const hoop_optim *o);
/** Bytes of scratch memory that an update of blocks [first, first + n) on this runtime wants. Calls: Local. */
HOOP_API int64_t hoop_optim_work_bytes(const hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks);
/** Take them, unless as many are there; an update does so by itself. Errors: HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_optim_prepare(hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks,
                                        hoop_error *err);
/** Apply step hoop_optim_step + 1 to blocks [first, first + n) with gradient * grad_scale and the learning rates of the options
 * times lr_factor; 0 changes nothing but state. HOOP_EARG: the range cuts a parameter that must be updated as a whole; nothing
 * was changed. Calls: Local. */
HOOP_API hoop_status hoop_optim_update(hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks,
                                       double lr_factor, double grad_scale, hoop_error *err);
/** Momentum, or else beta1, of all groups in the updates to come: of an optimiser that was made with opts.momentum, since what it
 * keeps hangs on that. Calls: Local. */
HOOP_API void hoop_optim_set_momentum(hoop_optim *o, double momentum);
/** All ranges of this step have been updated. Calls: Local. */
HOOP_API void hoop_optim_advance(hoop_optim *o);
/** Does it search (hoop_search_kind)? Then a step is calls of hoop_optim_tell, and all its states are whole on each rank: */
HOOP_API bool hoop_optim_searches(const hoop_optim *o);
/** The loss at the weights, and in hoop_params_grad the whole sum of gradients, which is multiplied by grad_scale there. *again:
 * the weights are now those of which it wants to be told next; else the step has ended (hoop_optim_advance). A loss that is not
 * finite, or the gradient of which is not (the caller says so by such a loss), is one that the search turns back from. Whoever
 * tells the same gets the same bits. Errors: HOOP_EARG of one that does not search; where a step begins HOOP_ENONFINITE,
 * and HOOP_EFORMAT with numbers that no search has left. Calls: Local. */
HOOP_API hoop_status hoop_optim_tell(hoop_optim *o, const hoop_runtime *rt, double loss, double lr_factor, double grad_scale,
                                     hoop_error *err, bool *again);
/** Bytes of all state arrays, and of those of a step, once all are in use. Calls: Local. */
HOOP_API int64_t hoop_optim_bytes(const hoop_optim *o);
/** Numbers of one that searches, which go with its states: *n of them; NULL: there are none. Calls: Local. */
HOOP_API double *hoop_optim_numbers(const hoop_optim *o, int *n);
/** The learning rate that options give (of parameters in no group), before the schedule. Calls: Local. */
HOOP_API double hoop_optim_lr(const hoop_optim *o);

/* ---- schedules ---- */

/* which way a metric is better; auto is what the metric itself says */
enum { HOOP_WATCH_AUTO, HOOP_WATCH_MIN, HOOP_WATCH_MAX };
HOOP_API extern const char *const hoop_watch_modes[]; /* "auto", "min", "max", NULL: choices of an option */

/** A metric of the validation data that something goes by. */
typedef struct hoop_watched {
    const char *metric; /* "loss", "accuracy", "p.rmse" */
    int         mode;
} hoop_watched;

enum { HOOP_SCHEDULE_STATE = 5 }; /* numbers of a schedule that goes by a metric */

/** A row of the table. */
typedef struct hoop_schedule_kind {
    const char       *name, *help;
    hoop_option_table options; /* beside warmup_steps; rows may be NULL */
    size_t            opts_size;
    hoop_status (*check)(const void *opts, hoop_error *err); /* as that of an optimiser */
    bool (*by_end)(const void *opts);                        /* does it depend on how many steps there are in all? NULL: no */
    double (*factor)(const void *opts, int64_t step, int64_t steps); /* of lr in step 0 .. steps - 1 behind the warm-up */
    /** The optimiser's momentum, or beta1, in that step; NaN: as its options say. NULL: always. */
    double (*momentum)(const void *opts, int64_t step, int64_t steps);
    /* of one that goes by a metric, in place of `factor`; state[HOOP_SCHEDULE_STATE] is zero at first */
    void (*watched)(const void *opts, hoop_watched *out);
    void (*set_mode)(void *opts, int mode); /* what auto stands for */
    void (*feed)(const void *opts, double value, double *state);
    double (*factor_now)(const void *opts, const double *state);
} hoop_schedule_kind;

/** As for optimisers. Calls: Local. */
HOOP_API const hoop_schedule_kind *hoop_schedule_kind_find(const char *name);
HOOP_API const hoop_schedule_kind *hoop_schedule_kind_get(int i);

/* options of the kinds, for C: as in hoop_adam_opts */
typedef struct hoop_linear_schedule_opts {
    double  start_factor, end_factor; /* 1, 0 */
    int64_t total_steps;              /* of all there are: HOOP_OPT_AUTO, as 0 is */
} hoop_linear_schedule_opts;
typedef struct hoop_cosine_opts {
    double  min_factor; /* of lr, reached at the end; 0 */
    int64_t total_steps;
} hoop_cosine_opts;
typedef struct hoop_cosine_restarts_opts {
    int64_t t_0, t_mult; /* 1000, 1 */
    double  min_factor;  /* 0 */
} hoop_cosine_restarts_opts;
typedef struct hoop_multi_step_opts {
    hoop_ints milestones; /* ascending */
    double    gamma;      /* 0.1 */
} hoop_multi_step_opts;
typedef struct hoop_exponential_opts {
    double gamma; /* 0.999 */
} hoop_exponential_opts;
typedef struct hoop_polynomial_opts {
    double  power, min_factor; /* 1, 0 */
    int64_t total_steps;
} hoop_polynomial_opts;
typedef struct hoop_one_cycle_opts {
    double  pct_start, div_factor, final_div_factor; /* 0.3, 25, 1e4 */
    int     anneal_strategy;                         /* 0: cos, 1: linear */
    bool    three_phase, cycle_momentum;
    double  base_momentum, max_momentum; /* 0.85, 0.95 */
    int64_t total_steps;
} hoop_one_cycle_opts;
typedef struct hoop_plateau_opts {
    char    metric[HOOP_OPT_STRING_MAX]; /* "loss" */
    int     mode;                        /* HOOP_WATCH_AUTO */
    double  factor, threshold, patience; /* 0.1, 1e-4, 10; a patience that shall be 0 is HOOP_ZERO */
    int     threshold_mode;              /* 0: rel, 1: abs */
    int64_t cooldown;                    /* 0 */
    double  min_factor;                  /* 0 */
} hoop_plateau_opts;
typedef struct hoop_step_opts {
    int64_t every_steps; /* 1000 */
    double  gamma;       /* factor each every_steps; 0.1 */
} hoop_step_opts;

typedef struct hoop_schedule hoop_schedule;
typedef struct hoop_schedule_opts {
    const char               *name; /* NULL: constant */
    const hoop_schedule_kind *kind; /* one of the caller's own instead; NULL: that of the name */
    const void               *opts; /* the kind's struct; NULL: its defaults */
    int64_t                   warmup_steps;
} hoop_schedule_opts;
/** Section "schedule": what all kinds have, warmup_steps, into a hoop_schedule_opts. */
HOOP_API extern const hoop_option_table hoop_schedule_options;

/** opts: copied; NULL: the defaults. Owns: caller. Errors: HOOP_ECONFIG (names the option), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status               hoop_schedule_create(const hoop_schedule_opts *opts, hoop_error *err, hoop_schedule **out);
HOOP_API void                      hoop_schedule_destroy(hoop_schedule **s);
HOOP_API const hoop_schedule_kind *hoop_schedule_about(const hoop_schedule *s);
/** What lr is multiplied by in step 0 .. total-1: linear over warm-up ((step + 1) / warmup_steps), then by kind. Calls: Local. */
HOOP_API double hoop_schedule_factor(const hoop_schedule *s, int64_t step, int64_t total_steps);
/** The momentum, or beta1, that it wants in that step, in warm-up as in the first step behind it; NaN: that of the optimiser's
 * options. Calls: Local. */
HOOP_API double hoop_schedule_momentum(const hoop_schedule *s, int64_t step, int64_t total_steps);
/** Does the factor depend on total_steps? Calls: Local. */
HOOP_API bool hoop_schedule_by_end(const hoop_schedule *s);
/** What it goes by; false: by nothing but the step. Calls: Local. */
HOOP_API bool hoop_schedule_watched(const hoop_schedule *s, hoop_watched *out);
/** What HOOP_WATCH_AUTO stands for. Calls: Local. */
HOOP_API void hoop_schedule_set_mode(hoop_schedule *s, int mode);
/** A new value of what it goes by, for the steps to come. Calls: Local. */
HOOP_API void hoop_schedule_feed(hoop_schedule *s, double value);
/** Its numbers, [HOOP_SCHEDULE_STATE], to keep and to set. Calls: Local. */
HOOP_API double *hoop_schedule_state(hoop_schedule *s);

/* ---- clipping ---- */

/** Deposit the squares of gradients of blocks [first, first + n): finish over all ranges is the squared global norm. Calls:
 * Local. */
HOOP_API void hoop_grad_squares(const hoop_params *params, const hoop_runtime *rt, int64_t first_block, int64_t nblocks,
                                hoop_exact_scalar *sum);
/** Bring elements of gradients of these blocks into [-most, most], NaN kept. Calls: Local. */
HOOP_API void hoop_grad_clip_values(const hoop_params *params, const hoop_runtime *rt, int64_t first_block, int64_t nblocks,
                                    double most);
/** min(1, clip_norm / (norm + 1e-6)), as PyTorch's clip_grad_norm_; 1 where clip_norm is 0. Calls: Local. */
HOOP_API double hoop_clip_factor(double norm, double clip_norm);

#ifdef __cplusplus
}
#endif
#endif
