/**
 * hoop/comm.h - communicators: what ranks say to each other, and what happens when one of them does not answer.
 *
 * A hoop_comm belongs to one thread of one rank. Collectives are called by all ranks of it, in the same order, with the same
 * sizes. Large ones are nonblocking: they move while any rank's hoop_comm_progress, hoop_work_test or hoop_work_wait runs.
 * No call waits for ever: a wait that sees no movement for `timeout_s` asks all ranks where they are and fails with
 * HOOP_ETIMEOUT, naming those that stayed silent. After that, or any other failure of the transport, the communicator is
 * poisoned: every later call returns the same error at once. Buffers given to collectives that were under way at that
 * moment must stay allocated until the process ends (another rank may still be writing to them).
 *
 * chunk: a rank's part of a buffer; segment: what goes over the wire at once. comm_mpi.h makes a hoop_comm of an MPI_Comm.
 */
#ifndef HOOP_COMM_H
#define HOOP_COMM_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_comm hoop_comm;
typedef struct hoop_work hoop_work; /* a collective under way; NULL: nothing left to do */

typedef enum hoop_algorithm {
    HOOP_ALGORITHM_AUTO,     /* by size and number of ranks, never by time: README.md of dist has the thresholds */
    HOOP_ALGORITHM_RING,     /* reduce-scatter and all-gather around the ring, in segments */
    HOOP_ALGORITHM_MPI,      /* MPI_Ireduce_scatter, MPI_Iallgatherv, MPI_Iallreduce; needs an MPI communicator */
    HOOP_ALGORITHM_EXCHANGE, /* reduce-scatter by direct exchange between all pairs; gathers around the ring */
    HOOP_ALGORITHM_BRUCK,    /* gather all, combine locally: few steps, many bytes; for small messages */
    HOOP_ALGORITHM_COUNT
} hoop_algorithm;

typedef struct hoop_comm_opts {
    hoop_algorithm algorithm;
    double         timeout_s;     /* 0: 300 */
    int64_t        segment_bytes; /* 0: 512 KiB; at most 1 GiB */
} hoop_comm_opts;

/** dst[i] = dst[i] + src[i] for nunits units, whatever + is: commutative, and associative up to rounding. With `combine_all`,
 *  own[i] += others[0][i] + .. + others[n-1][i] in this order at once; a reducer may have that only (combine NULL): then
 *  reduce-scatter goes by exchange, whatever the algorithm, and nothing else takes it. `ctx` outlives the work. */
typedef struct hoop_reducer {
    int64_t unit_bytes;
    void (*combine)(const void *ctx, void *dst, const void *src, int64_t nunits);
    void (*combine_all)(const void *ctx, void *own, const void *const *others, int n, int64_t nunits);
    const void *ctx;
} hoop_reducer;

typedef enum hoop_reduction { HOOP_SUM, HOOP_MAX } hoop_reduction;

/** Sum or maximum (NaN wins) of f32, f64 or i64 elements; NULL for other dtypes. Calls: Local. */
HOOP_API const hoop_reducer *hoop_reducer_of(hoop_dtype dtype, hoop_reduction reduction);

/** A communicator of one rank: no MPI call is made; collectives are done at once. `opts` may be NULL. Calls: Local. */
HOOP_API hoop_status hoop_comm_create_self(const hoop_comm_opts *opts, hoop_error *err, hoop_comm **out);
/** `size` ranks (1 .. 64) as threads of this process: out[r] is for the thread that is rank r. Each is destroyed by itself.
 *  Errors: HOOP_EARG (algorithm mpi needs MPI). Calls: Local. */
HOOP_API hoop_status hoop_comm_create_threads(int size, const hoop_comm_opts *opts, hoop_error *err, hoop_comm **out);
/** Works still pending are abandoned. Accepts NULL. Calls: Local. */
HOOP_API void hoop_comm_destroy(hoop_comm **c);

/** Calls: Local. */
HOOP_API int hoop_comm_rank(const hoop_comm *c);
/** Calls: Local. */
HOOP_API int hoop_comm_size(const hoop_comm *c);
/** Host name of rank r; "?" if there is no such rank. Calls: Local. */
HOOP_API const char *hoop_comm_host(const hoop_comm *c, int r);
/** Ranks on this rank's host, and the cores they may use together. Calls: Local. */
HOOP_API int hoop_comm_host_ranks(const hoop_comm *c);
HOOP_API int hoop_comm_host_cores(const hoop_comm *c);
/** Rank r's chunk of nunits units: [nunits*r/size, nunits*(r+1)/size). Calls: Local. */
HOOP_API void hoop_comm_chunk(int64_t nunits, int size, int r, int64_t *first, int64_t *count);

/**
 * Nonblocking collectives. `what` names the collective in errors ("bucket 3"; copied). `buf` belongs to the collective until
 * its work was waited for. Sums of floats come in an order that is fixed by size and number of ranks (not so with algorithm
 * mpi, where MPI decides). Errors: HOOP_EARG, HOOP_ESIZE; those of the transport come from wait. Calls: Collective.
 *   reduce_scatter: this rank's chunk of buf becomes the sum; the rest of buf is undefined afterwards
 *   all_gather:     every rank's chunk of its buf is copied to all
 *   all_reduce:     buf becomes the sum, with the same bits on all ranks
 */
HOOP_API hoop_status hoop_comm_reduce_scatter(hoop_comm *c, void *buf, int64_t nunits, const hoop_reducer *reducer,
                                              const char *what, hoop_error *err, hoop_work **out);
HOOP_API hoop_status hoop_comm_all_gather(hoop_comm *c, void *buf, int64_t nunits, int64_t unit_bytes, const char *what,
                                          hoop_error *err, hoop_work **out);
HOOP_API hoop_status hoop_comm_all_reduce(hoop_comm *c, void *buf, int64_t nunits, const hoop_reducer *reducer, const char *what,
                                          hoop_error *err, hoop_work **out);

/** Move what can be moved, answer who asks. A few nanoseconds when nothing is pending. A failure is kept and returned by the
 *  next wait. Calls: Local. */
HOOP_API void hoop_comm_progress(hoop_comm *c);
/** Is it over (done or failed)? Moves things too, but looks at no deadline: only waits do. NULL: true. Calls: Local. */
HOOP_API bool hoop_work_test(hoop_work *w);
/** Wait until it is done, free it, set it to NULL. Errors: HOOP_ETIMEOUT, HOOP_ECOMM, HOOP_EDESYNC, HOOP_EPEER, each
 *  for all later calls too. Calls: Local (the collective was called before). */
HOOP_API hoop_status hoop_work_wait(hoop_work **w, hoop_error *err);

/** Blocking collectives, with the same deadline and errors. Calls: Collective. */
HOOP_API hoop_status hoop_comm_barrier(hoop_comm *c, const char *what, hoop_error *err);
HOOP_API hoop_status hoop_comm_broadcast(hoop_comm *c, int root, void *buf, int64_t bytes, const char *what, hoop_error *err);
/** out[size * bytes]: every rank's `bytes` of `mine`, by rank. Errors: HOOP_ESIZE. Calls: Collective. */
HOOP_API hoop_status hoop_comm_all_gather_bytes(hoop_comm *c, const void *mine, int64_t bytes, const char *what, hoop_error *err,
                                                void *out);
/** Reduce and wait. Calls: Collective. */
HOOP_API hoop_status hoop_comm_all_reduce_wait(hoop_comm *c, void *buf, int64_t nunits, const hoop_reducer *reducer,
                                               const char *what, hoop_error *err);
/** HOOP_OK if `value` (text) is the same on all ranks; else HOOP_EDESYNC on all of them, naming rank, host and value of two
 *  that differ. The communicator stays usable. Calls: Collective. */
HOOP_API hoop_status hoop_comm_agree(hoop_comm *c, const char *what, const char *value, hoop_error *err);
/** HOOP_OK if no rank holds an error in *err; else every rank returns one: those that have their own keep it, the others get
 *  HOOP_EPEER "rank 2 on host h: its text". The communicator stays usable. Calls: Collective. */
HOOP_API hoop_status hoop_comm_agree_status(hoop_comm *c, hoop_error *err);

/** Publish where this rank is, for the errors of others: step and what it does ("backward"; copied). Calls: Local. */
HOOP_API void hoop_comm_set_position(hoop_comm *c, int64_t step, const char *what);
/** Give up: poison this communicator with *why (which holds an error) on all ranks that still listen; they get HOOP_EPEER with
 *  its text. Calls: Local. */
HOOP_API void hoop_comm_poison(hoop_comm *c, const hoop_error *why);
/** HOOP_OK, or what the communicator is poisoned with. Calls: Local. */
HOOP_API hoop_status hoop_comm_check(const hoop_comm *c, hoop_error *err);
/** True where another rank found out what this communicator is poisoned with, and told: one that prints need not. Calls: Local.
 */
HOOP_API bool hoop_comm_was_told(const hoop_comm *c);
/** After a failure: a message that was under way could not be called back, and may still be written into the buffer of its
 *  collective (or MPI call its reducer). NULL: false. Calls: Local. */
HOOP_API bool hoop_comm_unsettled(const hoop_comm *c);
/** Seconds spent in waits since creation. Calls: Local. */
HOOP_API double hoop_comm_wait_s(const hoop_comm *c);

#ifdef __cplusplus
}
#endif
#endif
