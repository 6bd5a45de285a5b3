/**
 * core/base/threads.h - the threads of one rank, sharing fixed tiles.
 *
 * Which tiles there are follows from shapes alone; which thread does which is left to chance and decides nothing.
 */
#ifndef HOOP_THREADS_H
#define HOOP_THREADS_H

#include <stdint.h>

#include "hoop/runtime.h"

enum { HOOP_MOST_THREADS = 1024 };

typedef struct hoop_threads hoop_threads;
typedef void                hoop_task_fn(void *ctx, int64_t task);

/** A pool of n threads (1 to HOOP_MOST_THREADS), the caller's included (n = 1 starts none). Workers spin briefly, then sleep.
 * Calls: Local. */
HOOP_API hoop_status hoop_threads_create(int n, hoop_error *err, hoop_threads **out);
HOOP_API void        hoop_threads_destroy(hoop_threads **pool);
HOOP_API int         hoop_threads_count(const hoop_threads *pool); /* NULL: 1 */
/** Run fn(ctx, 0) .. fn(ctx, ntasks-1) on the pool's threads and return when all are done. NULL pool: in order on the caller.
 * Calls: Local. */
HOOP_API void hoop_threads_run(hoop_threads *pool, int64_t ntasks, hoop_task_fn *fn, void *ctx);

/** On functions that compute between hoop_fp_enter and hoop_fp_restore: the compiler does not know that these change what
 *  arithmetic gives, and would move it across them. */
#if defined(__clang__)
#define HOOP_NOINLINE __attribute__((noinline))
#else
#define HOOP_NOINLINE __attribute__((noipa))
#endif

#endif
