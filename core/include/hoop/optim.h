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
    void               *w;                        /* weights */
    const void         *g;                        /* gradient sums, to be multiplied by grad_scale first */
    void               *state[HOOP_OPTIM_STATES]; /* each where w is; NULL: not kept for this group */
    int64_t             step;                     /* this one, from 1 */
    double              lr, grad_scale;
} hoop_optim_call;

/** A row of the table. */
typedef struct hoop_optim_kind {
    const char       *name, *help;
    hoop_option_table options; /* lr and weight_decay among them */
    size_t            opts_size;
    /** State arrays kept with these options, under PyTorch's names, into names[HOOP_OPTIM_STATES]: a prefix of all it may keep.
     *  Returns how many. NULL: none. */
    int (*states)(const void *opts, const char **names);
    hoop_granularity granularity;
    /** Do options that are each in range fit together? The error begins with a key: "nesterov: wants". NULL: they do. */
    hoop_status (*check)(const void *opts, hoop_error *err);
    void (*update)(const hoop_optim_call *c); /* on any thread; what it computes depends on the call alone */
} hoop_optim_kind;

/** The optimiser of a name, NULL if there is none; kind i, NULL after the last; 0 is the default. Calls: Local. */
HOOP_API const hoop_optim_kind *hoop_optim_kind_find(const char *name);
HOOP_API const hoop_optim_kind *hoop_optim_kind_get(int i);

/* Options of the kinds, for C: a field that is 0 has its default; an lr, beta or eps that shall be 0 is HOOP_ZERO ("0" in a
 * config is). */
typedef struct hoop_adam_opts { /* adamw, adam */
    double lr;                  /* 1e-3 */
    double weight_decay;        /* 0 */
    double beta1, beta2, eps;   /* 0.9, 0.999, 1e-8 */
} hoop_adam_opts;
typedef struct hoop_sgd_opts {
    double lr;                                /* 1e-3 */
    double weight_decay, momentum, dampening; /* 0 */
    bool   nesterov;
} hoop_sgd_opts;

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
} hoop_optim_opts;

/** opts: copied, with all they point to; NULL: the defaults. State is zero and as long as the store, which must outlive it; only
 * the ranges that are updated get touched. Owns: caller. Errors: HOOP_ECONFIG (names the option; a group that matches no
 * parameter), HOOP_EARG for a kind that is not whole, HOOP_ENOMEM. Calls: Local. */
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
/** Apply step hoop_optim_step + 1 to blocks [first, first + n) with gradient * grad_scale and the learning rates of the options
 * times lr_factor; 0 changes nothing but state. HOOP_EARG: the range cuts a parameter that must be updated as a whole; nothing
 * was changed. Calls: Local. */
HOOP_API hoop_status hoop_optim_update(hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks,
                                       double lr_factor, double grad_scale, hoop_error *err);
/** All ranges of this step have been updated. Calls: Local. */
HOOP_API void hoop_optim_advance(hoop_optim *o);
/** The learning rate that options give (of parameters in no group), before the schedule. Calls: Local. */
HOOP_API double hoop_optim_lr(const hoop_optim *o);

/* ---- schedules ---- */

/** A row of the table. */
typedef struct hoop_schedule_kind {
    const char       *name, *help;
    hoop_option_table options; /* beside warmup_steps; rows may be NULL */
    size_t            opts_size;
    bool              by_end;                                        /* it depends on how many steps there are in all */
    double (*factor)(const void *opts, int64_t step, int64_t steps); /* of lr in step 0 .. steps - 1 behind the warm-up */
} hoop_schedule_kind;

/** As for optimisers. Calls: Local. */
HOOP_API const hoop_schedule_kind *hoop_schedule_kind_find(const char *name);
HOOP_API const hoop_schedule_kind *hoop_schedule_kind_get(int i);

/* options of the kinds, for C: as in hoop_adam_opts */
typedef struct hoop_cosine_opts {
    double min_factor; /* of lr, reached at the end; 0 */
} hoop_cosine_opts;
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

/* ---- clipping ---- */

/** Deposit the squares of gradients of blocks [first, first + n): finish over all ranges is the squared global norm. Calls:
 * Local. */
HOOP_API void hoop_grad_squares(const hoop_params *params, const hoop_runtime *rt, int64_t first_block, int64_t nblocks,
                                hoop_exact_scalar *sum);
/** min(1, clip_norm / (norm + 1e-6)), as PyTorch's clip_grad_norm_; 1 where clip_norm is 0. Calls: Local. */
HOOP_API double hoop_clip_factor(double norm, double clip_norm);

#ifdef __cplusplus
}
#endif
#endif
