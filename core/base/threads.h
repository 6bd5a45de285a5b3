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

/** A pool of n threads (1 to HOOP_MOST_THREADS), the caller's included (n = 1 starts none). Workers
 * spin briefly, then sleep; where there are fewer processors, they sleep at once, and no more take part than there are. Calls:
 * Local. */
HOOP_API hoop_status hoop_threads_create(int n, hoop_error *err, hoop_threads **out);
HOOP_API void        hoop_threads_destroy(hoop_threads **pool);
HOOP_API int         hoop_threads_count(const hoop_threads *pool); /* NULL: 1 */
/** Run fn(ctx, 0) .. fn(ctx, ntasks-1) on the pool's threads and return when all are done. NULL pool: in order on the caller.
 * Calls: Local. */
HOOP_API void hoop_threads_run(hoop_threads *pool, int64_t ntasks, hoop_task_fn *fn, void *ctx);
/** For tests: runs of several tasks that were shared so far, and how many of their tasks the callers left to other threads.
 * Calls: Local. */
HOOP_API void hoop_threads_shared(const hoop_threads *pool, int64_t *runs, int64_t *by_others);

/*
 * Work is counted in bytes of f32 that are added in the same time: 40 a nanosecond, as long as a second-level cache holds them. A
 * thread that is awake begins a tile 0.3 us after it was handed out, and what it reads comes from the other's cache: two tiles of
 * 1.6 us gain, two of half that may not. One that sleeps is there after 20 us, and waking it takes 6 of the caller's.
 */
enum { HOOP_TILE = 65536, HOOP_MOST_TILES = 64 };
typedef void hoop_range_fn(const void *ctx, int64_t first, int64_t n);
/**
 * Cut n items, each `weight` of work, into tiles of at least HOOP_TILE, which begin at multiples of `align`, and run
 * fn(ctx, first, count) for all of them on the pool's threads. Where there are not two tiles, or no pool, it is one call for all
 * n; for n = 0 none. Whatever fn computes must not depend on how the items are cut. Calls: Local.
 */
HOOP_API void hoop_threads_share(hoop_threads *pool, int64_t n, int64_t weight, int64_t align, hoop_range_fn *fn,
                                 const void *ctx);

/** On functions that compute between hoop_fp_enter and hoop_fp_restore: the compiler does not know that these change what
 *  arithmetic gives, and would move it across them. */
#if defined(__clang__)
#define HOOP_NOINLINE __attribute__((noinline))
#else
#define HOOP_NOINLINE __attribute__((noipa))
#endif

#endif
