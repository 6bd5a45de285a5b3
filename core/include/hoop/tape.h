/**
 * hoop/tape.h - the tape: records ops as they run, and walks them back.
 *
 * A tape belongs to one thread at a time. Its first failure sticks: later ops on it do nothing and return poison, and
 * backward and reset return that first error. After the first step with given shapes, a step on a tape allocates nothing.
 */
#ifndef HOOP_TAPE_H
#define HOOP_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/runtime.h"
#include "hoop/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_tape   hoop_tape;
typedef struct hoop_params hoop_params;

/** What randomness on the tape is keyed by until the next reset (BITS: seed, step, leaf). */
typedef struct hoop_tape_key {
    uint64_t seed, step, leaf;
} hoop_tape_key;

/** Owns: caller. The runtime must outlive the tape. Calls: Local. */
HOOP_API hoop_status hoop_tape_create(hoop_runtime *rt, hoop_error *err, hoop_tape **out);
HOOP_API void        hoop_tape_destroy(hoop_tape **t);
/** End every tape tensor and start anew under a key (NULL: the same). Returns the error that stuck, which is thereby cleared.
 * Calls: Local. */
HOOP_API hoop_status hoop_tape_reset(hoop_tape *t, const hoop_tape_key *key, hoop_error *err);
/** The sticky error; status HOOP_OK when there is none. Calls: Local. */
HOOP_API const hoop_error *hoop_tape_error(const hoop_tape *t);
/** Make an error of the caller's stick (the first is kept). Calls: Local. */
HOOP_API void hoop_tape_fail(hoop_tape *t, hoop_status status, const char *format, ...) HOOP_PRINTF(3, 4);
/** Record for backward (default) or not. Returns what was set before. Calls: Local. */
HOOP_API bool hoop_tape_set_grad(hoop_tape *t, bool on);
/** Training mode (default off: dropout is the identity). Returns what was set before. Calls: Local. */
HOOP_API bool hoop_tape_set_training(hoop_tape *t, bool on);
/** Name the module whose random ops come next, by a number that depends on its path alone. Returns the one before. Calls: Local.
 */
HOOP_API uint64_t hoop_tape_set_site(hoop_tape *t, uint64_t site);
/** Bytes of tensors live now, the most so far, and taken from the system. Any out may be NULL. Calls: Local. */
HOOP_API void hoop_tape_memory(const hoop_tape *t, int64_t *live, int64_t *peak, int64_t *reserved);
/** Remember file and line for the error of the op called next; the op macros of hoop/ops.h do it. Returns t. Calls: Local. */
HOOP_API hoop_tape *hoop_tape_at(hoop_tape *t, const char *file, int line);

/** A tape tensor of zeros, or with the contents of `data` (contiguous) when that is not NULL. Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_tensor(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, const void *data);
/** A tape tensor over the caller's memory (not copied), which must stay as it is until reset. Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_wrap(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, const void *data);
/** x, cut off from what made it, as a tensor whose gradient is wanted: hoop_tensor_grad gives it after backward. Shares x's
 * storage. Errors: HOOP_EDTYPE, HOOP_ERELEASED, HOOP_EARG (of another tape). Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_watch(hoop_tape *t, const hoop_tensor *x);
/** Keep x's storage through backward, for reading afterwards. Returns x. Calls: Local. */
HOOP_API hoop_tensor *hoop_retain(hoop_tape *t, hoop_tensor *x);
/** The gradient that backward left for a tensor made by hoop_tape_watch; NULL if none. Calls: Local. */
HOOP_API hoop_tensor *hoop_tensor_grad(const hoop_tensor *x);
/** A loss's weight (samples, unmasked tokens, elements): the update divides by the sum of weights; readable after backward. NULL
 * if x is no loss: an op on a loss gives a plain tensor, which hoop_loss makes a loss again. Calls: Local. */
HOOP_API hoop_tensor *hoop_loss_weight(const hoop_tensor *x);

/** Free all that ops of a scope made except keep[n], whose handles are replaced in place: bounded memory for loops that do
 *  not record (HOOP_ESTATE while recording). Scopes nest. Calls: Local. */
HOOP_API int64_t hoop_scope_begin(hoop_tape *t);
HOOP_API void    hoop_scope_end(hoop_tape *t, int64_t scope, hoop_tensor **keep, int n);

typedef struct hoop_backward_opts {
    bool  retain_graph; /* keep storage, so that backward can run again */
    bool  accumulate;   /* parameters' gradients add to what the store holds; else the first contribution stores */
    void *ctx;
    /** A parameter's gradient of this pass is final; called once for every parameter, in the same order each step; those not
     *  used come last, with zero. */
    void (*ready)(void *ctx, int param);
    void (*poll)(void *ctx); /* between nodes */
} hoop_backward_opts;

/** d sum(y) / d everything that wants a gradient. Returns the sticky error. opts may be NULL. Calls: Local. */
HOOP_API hoop_status hoop_backward(hoop_tape *t, hoop_tensor *y, const hoop_backward_opts *opts, hoop_error *err);

enum { HOOP_RETAIN_GRAPH = 1, HOOP_CREATE_GRAPH = 3 };
/** dxs[i] = d sum(y) / d xs[i] as tape tensors (zeros where y does not depend on it); with HOOP_CREATE_GRAPH they are recorded
 *  and can be differentiated again. xs are tape tensors or parameters. Calls: Local. */
HOOP_API hoop_status hoop_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *const *xs, int n, int flags, hoop_error *err,
                               hoop_tensor **dxs);

/** Bind the store whose parameters are used on this tape, for good (NULL: none any more): it must outlive that, and backward
 *  tells `ready` of all its parameters. Without it the first parameter used names the store, until reset. HOOP_EARG: parameters
 *  of another are in use. Calls: Local. */
HOOP_API hoop_status hoop_tape_bind(hoop_tape *t, hoop_params *params, hoop_error *err);

#ifdef __cplusplus
}
#endif
#endif
