/**
 * core/base/threads.h - the threads of one rank, sharing fixed tiles.
 *
 * Which tiles there are follows from shapes alone; which thread does which is left to chance and decides nothing.
 */
#ifndef HOOP_THREADS_H
#define HOOP_THREADS_H

#include <stdint.h>

#include "hoop/status.h"

typedef struct hoop_threads hoop_threads;
typedef void                hoop_task_fn(void *ctx, int64_t task);

/** A pool of n threads, the caller's included (n = 1 starts none). Workers spin briefly, then sleep. Calls: Local. */
HOOP_API hoop_status hoop_threads_create(int n, hoop_error *err, hoop_threads **out);
HOOP_API void        hoop_threads_destroy(hoop_threads **pool);
HOOP_API int         hoop_threads_count(const hoop_threads *pool); /* NULL: 1 */
/** Run fn(ctx, 0) .. fn(ctx, ntasks-1) on the pool's threads and return when all are done. NULL pool: in order on the caller.
 * Calls: Local. */
HOOP_API void hoop_threads_run(hoop_threads *pool, int64_t ntasks, hoop_task_fn *fn, void *ctx);

/** Round to nearest, denormals kept, on this thread; returns what was set before, for hoop_fp_restore. Calls: Local. */
HOOP_API uint64_t hoop_fp_enter(void);
HOOP_API void     hoop_fp_restore(uint64_t saved);

#endif
