/**
 * hoop/ddp.h - gradients of data-parallel training: summed over leaves and ranks, bucket by bucket, while backward runs.
 *
 * Gradients lie in one flat buffer of 128-element blocks. It is cut into buckets from its end, as the parameters registered
 * last have their gradients first. A bucket's reduce-scatter starts when its last gradient of the rank's last leaf is there;
 * buckets start in the same order on all ranks. Afterwards each rank owns the sums of its chunk of every bucket, updates those
 * parameters only (ZeRO-1), and the weights are gathered again. A chunk begins and ends anywhere, unless a parameter must be
 * updated as a whole (`whole`). A step:
 *
 *     hoop_ddp_begin(d, step, grad);
 *     for each leaf of this rank: backward writes to hoop_ddp_next_leaf(d), calls hoop_ddp_ready(d, param, is_last_leaf) for each
 *                              parameter and, between ops, hoop_ddp_poll(d)
 *     hoop_ddp_skip_all(d);                    if some gradient did not become ready: no leaf, an empty last one, or a failure
 *     hoop_ddp_reduce(d, &err, &finite);       own ranges of grad now hold the sums
 *     update the weights of hoop_ddp_ranges(d)
 *     hoop_ddp_gather(d, weights, &err);
 *
 * Leaves of a rank that run at once go another way to the same bits, and both may be taken in one step:
 *
 *     hoop_ddp_next_leaves(d, n, last, &err);
 *     for each parameter, from its gradients in n leaves: hoop_ddp_sum(d, block, nblocks, terms) until all its blocks were there,
 *                              from any thread, then hoop_ddp_ready_leaves(d, param)
 *
 * With `exact`, leaves are summed as integers (hoop/exact.h), so the bits do not depend on ranks, buckets or algorithm, only on
 * the number of leaves. Each leaf's gradient starts anew, and leaves take turns in a few buffers, so that a sum in memory is
 * read and written once for several of them. Without, leaves of a rank are accumulated in grad by backward, and ranks are summed
 * in floating point: repeatable for the same number of ranks (not with algorithm mpi). Buckets start when they are ready, on each
 * rank at another moment: between begin and reduce the communicator takes no other collectives. Sums, not means: whoever updates
 * divides by the weight.
 */
#ifndef HOOP_DDP_H
#define HOOP_DDP_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/comm.h"
#include "hoop/dtype.h"
#include "hoop/runtime.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hoop_kernels;
typedef struct hoop_ddp hoop_ddp;

typedef struct hoop_ddp_opts {
    hoop_dtype     dtype;   /* f32 or f64 */
    int64_t        nblocks; /* grad and weights have 128 * nblocks elements */
    int            nparams;
    const int64_t *first_block;  /* [nparams] ascending, not overlapping; copied */
    const int64_t *param_blocks; /* [nparams]; copied. Blocks of no parameter are taken as zero; one without blocks need not
                                  * become ready */
    const bool *whole;           /* [nparams]: this one's blocks stay in one bucket and with one rank; NULL: none need
                                  * to. Read at creation only. Buckets and ranks' shares are then less even */
    int64_t leaves;              /* of all ranks, at least one a rank; no rank has more than ceil(leaves / size) */
    bool    exact;
    int64_t bucket_bytes; /* of gradient; 0: 4 MiB; rounded to blocks, at least one; more where a whole parameter has more */
    const struct hoop_kernels *kernels; /* those of exact sums */
    const hoop_runtime        *runtime; /* whose threads share them; NULL: the caller's alone */
} hoop_ddp_opts;

/* Blocks [first_block, first_block + nblocks). */
typedef struct hoop_ddp_range {
    int64_t first_block, nblocks;
} hoop_ddp_range;

/** `comm` outlives it. All ranks give the same opts. Errors: HOOP_EARG, HOOP_EDTYPE, HOOP_ESIZE, HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_ddp_create(hoop_comm *comm, const hoop_ddp_opts *opts, hoop_error *err, hoop_ddp **out);
/** Inside a step, what other ranks wait for goes with it: the communicator is poisoned. Calls: Local. */
HOOP_API void hoop_ddp_destroy(hoop_ddp **d);

/** Start a step. `grad` stays the same until hoop_ddp_reduce returned. Errors: HOOP_ESTATE inside a step; what the communicator
 * is poisoned with. Calls: Local. */
HOOP_API hoop_status hoop_ddp_begin(hoop_ddp *d, int64_t step, void *grad, hoop_error *err);
/** Begin a leaf of this rank: where its gradient goes, 128 * nblocks elements, zero behind each parameter's last one. The first
 * leaf's, and without exact every leaf's, is the `grad` of hoop_ddp_begin; the others belong to d, which takes memory for them
 * when it is first asked, and come round again some leaves later. NULL outside a step, for more leaves than this rank may have,
 * and without memory, which reduce returns. Calls: Local. */
HOOP_API void *hoop_ddp_next_leaf(hoop_ddp *d);
/** The gradient of a parameter is final for this leaf. Any order, but the same on all ranks is best. Once a parameter
 * a leaf, `last_leaf` once a parameter a step. A misuse is kept and returned by reduce. Calls: Local. */
HOOP_API void hoop_ddp_ready(hoop_ddp *d, int param, bool last_leaf);
/** Begin the next n leaves of this rank at once, in place of hoop_ddp_next_leaf. `last`: no leaf comes after them in this step;
 * where these are also the first, a rank alone keeps no sums but those in grad. Errors: HOOP_ESTATE outside a step, for more
 * leaves than this rank may have, and without exact (sums of floats take leaves one by one); HOOP_ENOMEM. Kept, and returned by
 * reduce too. Calls: Local. */
HOOP_API hoop_status hoop_ddp_next_leaves(hoop_ddp *d, int64_t n, bool last, hoop_error *err);
/** Their gradients for blocks [first_block, + nblocks) of the buffer, terms[i] those of leaf i (128 * nblocks elements, zero
 * behind a parameter's last one); terms NULL: all zero. Once for each block of a parameter, from any thread, other blocks in
 * others. They are read before it returns. A misuse is kept and returned by reduce. Calls: Local. */
HOOP_API void hoop_ddp_sum(hoop_ddp *d, int64_t first_block, int64_t nblocks, const void *const *terms);
/** All blocks of a parameter came, from all threads: what hoop_ddp_ready is for one leaf. Of a parameter for which it is not
 * called, as in a rank that failed, the sum is undefined. Calls: Local. */
HOOP_API void hoop_ddp_ready_leaves(hoop_ddp *d, int param);
/** Make progress; cheap. Calls: Local. */
HOOP_API void hoop_ddp_poll(hoop_ddp *d);
/** What did not become ready for the last time is so now, with what leaves left so far (zero if there were none). A rank without
 * leaves, or one that failed, calls it so that all others return. Calls: Local. */
HOOP_API void hoop_ddp_skip_all(hoop_ddp *d);
/** Wait for all buckets; grad holds the sums in the own ranges, the rest of it is undefined. *finite (may be NULL): false if an
 * own sum is NaN or Inf. Errors: HOOP_ESTATE if a parameter never became ready; those of hoop_work_wait. Calls: Collective. */
HOOP_API hoop_status hoop_ddp_reduce(hoop_ddp *d, hoop_error *err, bool *finite);
/** The ranges this rank owns, ascending, apart from each other; they do not change. A whole parameter lies in one of one rank.
 * Calls: Local. */
HOOP_API void hoop_ddp_ranges(const hoop_ddp *d, int *nranges, const hoop_ddp_range **ranges);
/** Each rank's own ranges of `weights` (128 * nblocks elements) to all. Calls: Collective. */
HOOP_API hoop_status hoop_ddp_gather(hoop_ddp *d, void *weights, hoop_error *err);

/** Calls: Local. */
HOOP_API int hoop_ddp_nbuckets(const hoop_ddp *d);
/** Seconds this rank has spent waiting in reduce and gather since creation. Calls: Local. */
HOOP_API double hoop_ddp_wait_s(const hoop_ddp *d);
/** Bytes of memory held so far. Calls: Local. */
HOOP_API int64_t hoop_ddp_bytes(const hoop_ddp *d);

#ifdef __cplusplus
}
#endif
#endif
