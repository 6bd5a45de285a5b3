/**
 * hoop/optim.h - optimisers over ranges of the flat store, learning-rate schedules, clipping.
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

typedef struct hoop_optim hoop_optim;

typedef enum hoop_optim_kind { HOOP_ADAMW, HOOP_ADAM, HOOP_SGD } hoop_optim_kind;

/** A field that is 0 has its default; an lr, beta or eps that shall be 0 is HOOP_ZERO ("0" in a config is). */
typedef struct hoop_optim_opts {
    int    kind;                              /* hoop_optim_kind; "name" in a config */
    double lr;                                /* 1e-3 */
    double weight_decay, momentum, dampening; /* 0 */
    double beta1, beta2, eps;                 /* 0.9, 0.999, 1e-8 */
    bool   nesterov;
} hoop_optim_opts;
/** Section "optimizer". */
HOOP_API extern const hoop_option_table hoop_optim_options;

/** opts: copied; NULL: the defaults. State is zero and as long as the store, which must outlive it; only the ranges that are
 * updated get touched. Owns: caller. Errors: HOOP_ECONFIG (names the option), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_optim_create(const hoop_optim_opts *opts, hoop_params *params, hoop_error *err, hoop_optim **out);
HOOP_API void        hoop_optim_destroy(hoop_optim **o);
HOOP_API const char *hoop_optim_name(const hoop_optim *o);
/** Steps done. Calls: Local. */
HOOP_API int64_t hoop_optim_step(const hoop_optim *o);
HOOP_API void    hoop_optim_set_step(hoop_optim *o, int64_t step);
/** State arrays, parallel to the store: PyTorch's names ("exp_avg"), 128 * nblocks elements of the store's dtype. Calls: Local.
 */
HOOP_API int         hoop_optim_state_count(const hoop_optim *o);
HOOP_API const char *hoop_optim_state_name(const hoop_optim *o, int i);
HOOP_API void       *hoop_optim_state(const hoop_optim *o, int i);
/** Apply step hoop_optim_step + 1 to blocks [first, first + n) with gradient * grad_scale; lr <= 0 changes nothing but state.
 * Calls: Local. */
HOOP_API void hoop_optim_update(hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks, double lr,
                                double grad_scale);
/** All ranges of this step have been updated. Calls: Local. */
HOOP_API void hoop_optim_advance(hoop_optim *o);
/** The learning rate that options give, before the schedule. Calls: Local. */
HOOP_API double hoop_optim_lr(const hoop_optim *o);

typedef enum hoop_schedule_kind { HOOP_SCHEDULE_CONSTANT, HOOP_SCHEDULE_COSINE, HOOP_SCHEDULE_STEP } hoop_schedule_kind;
/** A field that is 0 has its default, as in hoop_optim_opts. */
typedef struct hoop_schedule_opts {
    int     kind; /* hoop_schedule_kind; "name" in a config */
    int64_t warmup_steps;
    double  min_factor;  /* cosine: of lr, reached at the end; 0 */
    int64_t every_steps; /* step; 1000 */
    double  gamma;       /* step: factor each every_steps; 0.1 */
} hoop_schedule_opts;
/** Section "schedule". */
HOOP_API extern const hoop_option_table hoop_schedule_options;
/** What lr is multiplied by in step 0 .. total-1: linear over warm-up ((step + 1) / warmup_steps), then by kind. NaN for
 * options out of the table's range. Calls: Local. */
HOOP_API double hoop_schedule_factor(const hoop_schedule_opts *s, int64_t step, int64_t total_steps);

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
