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

#include "hoop/exact.h"
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
/** From here on tensors and workspace take at most so many bytes at once (0: any): the op that would take more fails with
 * HOOP_ENOMEM, and its text says what it wants, what is live and what was at most. A replay takes what it took when it was
 * recorded. Calls: Local. */
HOOP_API void hoop_tape_set_limit(hoop_tape *t, int64_t bytes);
/** Remember file and line for the error of the op called next; the op macros of hoop/ops.h do it. Returns t. Calls: Local. */
HOOP_API hoop_tape *hoop_tape_at(hoop_tape *t, const char *file, int line);

/** A tape tensor of zeros, or with the contents of `data` (contiguous) when that is not NULL. Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_tensor(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, const void *data);
/** The same of numbers that every run has: they are kept until reset, so that what reads them can be replayed. Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_constant(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, const void *data);
/** A tape tensor over the caller's memory (not copied), which must stay as it is until reset. Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_wrap(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, const void *data);
/** x, cut off from what made it, as a tensor whose gradient is wanted: hoop_tensor_grad gives it after backward. Shares x's
 * storage. Errors: HOOP_EDTYPE, HOOP_ERELEASED, HOOP_EARG (of another tape). Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_watch(hoop_tape *t, const hoop_tensor *x);
/** Keep x's storage through backward, for reading afterwards. Returns x. Calls: Local. */
HOOP_API hoop_tensor *hoop_retain(hoop_tape *t, hoop_tensor *x);
/** The gradient that backward left for a tensor made by hoop_tape_watch; NULL if none. Of leaves at once it has the rows of all,
 * each with the bits it has alone; after a replay it is that of then. Calls: Local. */
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
    /** A parameter's gradient of this pass is final (hoop_params_grad_of; of leaves at once `sum` was given all of it); called
     * once for every parameter that is not frozen, in the same order each step; those not used come last, with zero. */
    void (*ready)(void *ctx, int param);
    void (*poll)(void *ctx); /* between nodes */
    /** Of leaves at once: terms[i] holds the gradient of leaf i for blocks [first_block, first_block + nblocks) of the store
     * (zeros behind a parameter's last element). Once for each block of every parameter, before `ready` of it; from any thread of
     * the runtime, several at a time. The terms are gone when it returns. */
    void (*sum)(void *ctx, int64_t first_block, int64_t nblocks, const void *const *terms, int nterms);
} hoop_backward_opts;

/** d sum(y) / d everything that wants a gradient. Returns the sticky error. opts may be NULL. Calls: Local. */
HOOP_API hoop_status hoop_backward(hoop_tape *t, hoop_tensor *y, const hoop_backward_opts *opts, hoop_error *err);

enum { HOOP_RETAIN_GRAPH = 1, HOOP_CREATE_GRAPH = 3 };
/** dxs[i] = d sum(y) / d xs[i] as tape tensors (zeros where y does not depend on it); with HOOP_CREATE_GRAPH they are recorded
 *  and can be differentiated again. xs are tape tensors or parameters. Of leaves at once: y is one leaf's, or has samples, and xs
 *  have samples, as a parameter's gradient would be one of all leaves (HOOP_ESTATE, hoop_tape_mixed). Calls: Local. */
HOOP_API hoop_status hoop_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *const *xs, int n, int flags, hoop_error *err,
                               hoop_tensor **dxs);

/*
 * Leaves at once. A leaf is a part of a batch whose gradients are summed apart from those of other leaves, to bits that no other
 * leaf has a part in. Rows of several may run together: ops that treat each row by itself (HOOP_OP_ROW_WISE) run on all of them;
 * gradients of parameters, and what is lost, are made leaf by leaf. Each leaf has the bits it has alone on a tape.
 *
 *     hoop_tape_set_leaves(t, n, rows, leaf)
 *     x = hoop_tape_samples(t, hoop_tape_wrap(...));            rows of all leaves
 *     out = ops on x and parameters
 *     for each leaf i: hoop_tape_set_leaf(t, i), y[i] = loss of hoop_tape_leaf_rows(t, out, i)
 *     hoop_backward_leaves(t, y, n, opts)
 */
enum { HOOP_LEAVES_AT_ONCE = 256 /* at most */ };
/** Right after hoop_tape_reset: what comes are rows of n leaves, rows[i] of them of leaf number leaf[i], one leaf's after the
 * other. n = 1: as without; the number replaces that of the key. Errors: HOOP_EARG (n not 1 to HOOP_LEAVES_AT_ONCE, a leaf
 * without rows), HOOP_ESTATE (something was recorded before), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_tape_set_leaves(hoop_tape *t, int n, const int64_t *rows, const uint64_t *leaf, hoop_error *err);
/** Dim 0 of x, a tensor without history, runs over these rows. Returns x. Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_samples(hoop_tape *t, hoop_tensor *x);
/** What is recorded from here on is of leaf i of the n (its randomness is keyed by that leaf), each once, in their order; -1: of
 * all, as at first. Calls: Local. */
HOOP_API void hoop_tape_set_leaf(hoop_tape *t, int i);
/** The rows of leaf i of x, a view; x itself where there is one leaf, or x has no samples. While recording, after
 * hoop_tape_set_leaf(t, i). Calls: Local. */
HOOP_API hoop_tensor *hoop_tape_leaf_rows(hoop_tape *t, hoop_tensor *x, int i);
/** Did the tape fail since an op would have mixed rows of several leaves? They are to run one by one, then. Calls: Local. */
HOOP_API bool hoop_tape_mixed(const hoop_tape *t);
/** hoop_backward of n losses, y[i] of leaf i; opts->sum gets the gradients of parameters. Calls: Local. */
HOOP_API hoop_status hoop_backward_leaves(hoop_tape *t, hoop_tensor *const *y, int n, const hoop_backward_opts *opts,
                                          hoop_error *err);

/*
 * Segments: memory for time. What the ops of a segment made is let go of at its end, but for what is kept of it; backward runs
 * them again, to the same bits, when it comes there. So of n segments alike, memory holds what goes from one to the next, and the
 * tensors of one.
 *
 *     s = hoop_segment_begin(t)
 *     x = ops on x
 *     hoop_segment_end(t, s, &x, 1)
 */
/** What is recorded from here on is a segment's. Returns which; -1 inside another, whose part it then is, and where nothing is
 * recorded. Calls: Local. */
HOOP_API int64_t hoop_segment_begin(hoop_tape *t);
/** Its end: to an op behind it, and to who reads, there are of its tensors keep[n] and those that were retained; others are
 * HOOP_ERELEASED. Errors stick: HOOP_ESTATE (no
 * such segment is under way). Calls: Local. */
HOOP_API void hoop_segment_end(hoop_tape *t, int64_t segment, hoop_tensor *const *keep, int n);

/*
 * Buffers. Ops are pure: a module never writes to a buffer, it tells what a leaf makes of it. After the step, whoever drives it
 * sets each buffer to the mean of what all leaves of all ranks emitted for it, by their weights, summed exactly.
 */
typedef struct hoop_emission {
    hoop_tensor *buffer, *value; /* value: of this tape, of the buffer's dtype and shape; kept through backward */
    double       weight;
    int          leaf; /* of leaves at once; else -1 or 0 */
} hoop_emission;
/** Emit what this leaf makes of a buffer, with a weight (its samples). Once more for the same buffer in a leaf, it replaces what
 * was emitted: running a part again changes nothing twice. Nothing in evaluation mode. No gradient flows. Errors stick:
 * HOOP_EARG, HOOP_EDTYPE (f32 or f64, both the same), HOOP_ESHAPE. Calls: Local. */
HOOP_API void hoop_emit(hoop_tape *t, hoop_tensor *buffer, hoop_tensor *value, double weight);
/** What was emitted since the reset; values are those of the last run, a replay's too. *out is valid until the next emission.
 * Calls: Local. */
HOOP_API int hoop_tape_emissions(const hoop_tape *t, const hoop_emission **out);
/*
 * What buffers become of it, for whoever drives a step. sums[hoop_emitted_count] (hoop/exact.h) begin cleared, are added to for
 * each leaf, may be merged with those of other ranks, and end cleared when buffers are set: each is the mean, by weights, or is
 * pooled with what it was (hoop_params_running).
 */
HOOP_API int64_t hoop_emitted_count(const hoop_params *p);
/** Errors: HOOP_EARG (a buffer of another store), HOOP_ENONFINITE (names the buffer). Calls: Local. */
HOOP_API hoop_status hoop_emitted_add(const hoop_tape *t, const hoop_params *p, hoop_exact_scalar *sums, hoop_error *err);
HOOP_API void        hoop_emitted_apply(const hoop_params *p, hoop_exact_scalar *sums);

/*
 * Replay. What runs on a tape between hoop_tape_record and the end of backward can run again without shape rules, recording and
 * looking for storage: with other inputs, another key, the weights of then. The tape is kept for that and not reset; its tensors
 * keep their handles, and those that were retained (hoop_retain; the losses) hold the values of the last run.
 */
/** Right after hoop_tape_reset (and set_leaves): keep what runs until the next reset. Errors: HOOP_ESTATE. Calls: Local. */
HOOP_API hoop_status hoop_tape_record(hoop_tape *t, hoop_error *err);
/** Is all that ran since then kept? False before backward and after a second one, after an error, and where values of the tape
 * were read or written from outside in between (hoop_tape_tensor with data, hoop_tensor_data or _item before backward), or
 * hoop_grad or a scope was used. Numbers that the host takes elsewhere (a buffer's item, a weight of hoop_emit) stay what they
 * were. Calls: Local. */
HOOP_API bool hoop_tape_recorded(const hoop_tape *t);
/** Run it again, and what was added to gradients or stored there is so again, whatever opts->accumulate says: input[i] is the
 * memory of the i-th hoop_tape_wrap, leaf[i] the number of leaf i (NULL without leaves), opts as in backward. Errors: those of
 * the ops, HOOP_ESTATE (nothing recorded), HOOP_EARG (inputs). Calls: Local. */
HOOP_API hoop_status hoop_tape_replay(hoop_tape *t, const hoop_tape_key *key, const uint64_t *leaf, int ninputs,
                                      const void *const *input, const hoop_backward_opts *opts, hoop_error *err);

/** Bind the store whose parameters are used on this tape, for good (NULL: none any more): it must outlive that, and backward
 *  tells `ready` of all its parameters. Without it the first parameter used names the store, until reset. HOOP_EARG: parameters
 *  of another are in use. Calls: Local. */
HOOP_API hoop_status hoop_tape_bind(hoop_tape *t, hoop_params *params, hoop_error *err);

#ifdef __cplusplus
}
#endif
#endif
