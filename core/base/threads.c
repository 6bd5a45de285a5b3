/**
 * core/base/threads.c - a pool that shares out numbered tasks.
 *
 * The run in progress is one atomic word, the ticket: its number, tasks not yet claimed, and how many were claimed from the end.
 * A thread claims a task by taking one off with a compare-and-swap. While a run has unclaimed tasks its fn, ctx and count do not
 * change, so what was read before a swap that succeeds belongs to that run: a worker that wakes late finds nothing to claim,
 * and nobody waits for it.
 *
 * The caller claims from the first task on, workers from the last: what is cut alike from one run to the next stays in the cache
 * of the core that had it.
 *
 * Between the runs of a step a worker spins, since one that sleeps comes 20 us late, and then it sleeps. No more are woken than
 * there are tasks, or processors for them; where there are fewer processors than threads, nobody spins.
 */
#include "base/threads.h"

#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SPIN_S 50e-6 /* a worker looks for work this long before it sleeps */
/* of a ticket: the claimed from the end, the unclaimed, and above them the run's number */
enum { COUNT_BITS = 18 };
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1) /* also the tasks of a run at most; more are several runs */
#define UNCLAIMED(ticket) ((int64_t)((ticket) >> COUNT_BITS & COUNT_MASK))
#define FROM_END(ticket) ((int64_t)((ticket)&COUNT_MASK))
#define ONE_UNCLAIMED (UINT64_C(1) << COUNT_BITS)

struct hoop_threads {
    int         n;       /* the caller included */
    int         at_once; /* of them, as there are processors */
    double      spin_s;
    pthread_t  *thread;
    atomic_bool busy, stop;

    _Alignas(64) _Atomic uint64_t ticket;
    _Atomic(hoop_task_fn *) fn;
    _Atomic(void *)         ctx;
    _Atomic int64_t         first, count;
    _Alignas(64) _Atomic int64_t done;
    _Atomic int64_t by_others; /* tasks that workers did, of all runs */
    int64_t         runs;

    _Alignas(64) pthread_mutex_t lock;
    pthread_cond_t work, finished;
    atomic_int     sleepers;
    atomic_bool    caller_sleeps;
};

/* The register is read at every entry and written only where it holds something else: writing takes ten times as long. */
#if defined(__x86_64__)
/* Low half: MXCSR, which arithmetic goes by: exceptions masked, round to nearest, denormals kept; all but the sticky flags. High
 * half: the rounding of the x87 unit, which the C library goes by where it reads and writes numbers. */
enum { CONTROL = 0xffc0, X87_ROUNDING = 0x0c00 };
#define CLEAN UINT64_C(0x1f80)
static uint16_t x87_get(void)
{
    uint16_t word;
    __asm__ volatile("fnstcw %0" : "=m"(word));
    return word;
}
static uint64_t mode_get(void)
{
    return (_mm_getcsr() & CONTROL) | (uint64_t)(x87_get() & X87_ROUNDING) << 32;
}
static void mode_set(uint64_t mode)
{
    uint16_t word = (uint16_t)((x87_get() & 0xf3ffu) | (mode >> 32 & X87_ROUNDING));
    _mm_setcsr((uint32_t)mode | (_mm_getcsr() & ~(uint32_t)CONTROL));
    __asm__ volatile("fldcw %0" : : "m"(word));
}
#elif defined(__aarch64__)
enum { CLEAN = 0 };
static uint64_t mode_get(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static void mode_set(uint64_t mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
#else
enum { CLEAN = FE_TONEAREST };
static uint64_t mode_get(void)
{
    return (uint64_t)fegetround();
}
static void mode_set(uint64_t mode)
{
    (void)fesetround((int)mode);
}
#endif

uint64_t hoop_fp_enter(void)
{
    uint64_t before = mode_get();
    if (before != CLEAN) mode_set(CLEAN);
    return before;
}

void hoop_fp_restore(uint64_t before)
{
    if (before != CLEAN) mode_set(before);
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool has_tasks(hoop_threads *p)
{
    return UNCLAIMED(atomic_load(&p->ticket)) != 0;
}

/* Take one task of the run in progress, the first unclaimed or the last; false when none is left. */
static bool task_claim(hoop_threads *p, bool last, hoop_task_fn **fn, void **ctx, int64_t *task, int64_t *count)
{
    uint64_t ticket = atomic_load_explicit(&p->ticket, memory_order_acquire);
    while (UNCLAIMED(ticket) != 0) {
        uint64_t less = ticket - ONE_UNCLAIMED + (last ? 1 : 0);
        *fn           = atomic_load_explicit(&p->fn, memory_order_relaxed);
        *ctx          = atomic_load_explicit(&p->ctx, memory_order_relaxed);
        *count        = atomic_load_explicit(&p->count, memory_order_relaxed);
        *task =
            atomic_load_explicit(&p->first, memory_order_relaxed) + *count - FROM_END(ticket) - (last ? 1 : UNCLAIMED(ticket));
        if (atomic_compare_exchange_weak_explicit(&p->ticket, &ticket, less, memory_order_acq_rel, memory_order_acquire))
            return true;
    }
    return false;
}

/* Claim and run tasks until there are none; `others` counts them. What one thread finished is counted once, when it finds no
 * more: until then its run is not done, so all its tasks are of the same run. */
static void tasks_run(hoop_threads *p, _Atomic int64_t *others)
{
    int64_t       finished = 0, all = 0, task, count;
    hoop_task_fn *fn;
    void         *ctx;
    while (task_claim(p, others != NULL, &fn, &ctx, &task, &count)) {
        fn(ctx, task);
        finished++;
        all = count;
    }
    if (finished > 0 && others != NULL) (void)atomic_fetch_add_explicit(others, finished, memory_order_relaxed);
    if (finished == 0 || atomic_fetch_add(&p->done, finished) + finished != all || !atomic_load(&p->caller_sleeps)) return;
    (void)pthread_mutex_lock(&p->lock);
    (void)pthread_cond_signal(&p->finished);
    (void)pthread_mutex_unlock(&p->lock);
}

static bool worker_wanted(hoop_threads *p)
{
    return has_tasks(p) || atomic_load(&p->stop);
}

static uint64_t run_number(hoop_threads *p)
{
    return atomic_load(&p->ticket) >> 2 * COUNT_BITS;
}

/* Until ready, or until so long after the last run began; false: it is not. */
static bool spin_for(hoop_threads *p, bool (*ready)(hoop_threads *p))
{
    double   start = p->spin_s > 0 ? now_s() : 0, now = start;
    uint64_t run = run_number(p), before = run;
    while (now - start < p->spin_s) {
        for (int i = 0; i < 64; i++) {
            if (ready(p)) return true;
            relax();
        }
        (void)sched_yield(); /* to another rank's thread on this processor */
        now = now_s();
        run = run_number(p);
        if (run != before) start = now; /* one that others were done with before it was seen */
        before = run;
    }
    return ready(p);
}

static void *worker_main(void *arg)
{
    hoop_threads *p = arg;
    (void)hoop_fp_enter();
    while (!atomic_load(&p->stop)) {
        if (!spin_for(p, worker_wanted)) {
            uint64_t run;
            (void)pthread_mutex_lock(&p->lock);
            (void)atomic_fetch_add(&p->sleepers, 1);
            run = run_number(p);
            while (!worker_wanted(p) && run == run_number(p)) (void)pthread_cond_wait(&p->work, &p->lock);
            (void)atomic_fetch_sub(&p->sleepers, 1);
            (void)pthread_mutex_unlock(&p->lock);
        }
        tasks_run(p, &p->by_others);
    }
    return NULL;
}

/* as many as there is use for, besides those that are awake */
static void workers_wake(hoop_threads *p, int64_t tasks)
{
    int     asleep = atomic_load(&p->sleepers), awake = p->n - 1 - asleep;
    int64_t wanted = (tasks < p->at_once ? tasks : p->at_once) - 1 - awake;
    if (asleep == 0 || wanted <= 0) return;
    (void)pthread_mutex_lock(&p->lock);
    if (wanted >= asleep) (void)pthread_cond_broadcast(&p->work);
    for (int64_t i = 0; i < wanted && wanted < asleep; i++) (void)pthread_cond_signal(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
}

static bool run_done(hoop_threads *p)
{
    return atomic_load(&p->done) == atomic_load_explicit(&p->count, memory_order_relaxed);
}

static void batch_run(hoop_threads *p, int64_t first, int64_t count, hoop_task_fn *fn, void *ctx)
{
    uint64_t run = (atomic_load_explicit(&p->ticket, memory_order_relaxed) >> 2 * COUNT_BITS) + 1;
    atomic_store_explicit(&p->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&p->ctx, ctx, memory_order_relaxed);
    atomic_store_explicit(&p->first, first, memory_order_relaxed);
    atomic_store_explicit(&p->count, count, memory_order_relaxed);
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    atomic_store(&p->ticket, run << 2 * COUNT_BITS | (uint64_t)count << COUNT_BITS);
    p->runs++;
    workers_wake(p, count);
    tasks_run(p, NULL);
    if (spin_for(p, run_done)) return;
    (void)pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (!run_done(p)) (void)pthread_cond_wait(&p->finished, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    (void)pthread_mutex_unlock(&p->lock);
}

void hoop_threads_run(hoop_threads *pool, int64_t ntasks, hoop_task_fn *fn, void *ctx)
{
    /* a pool that is at work (a task that runs tasks) does not wait for itself */
    if (pool == NULL || pool->n == 1 || ntasks <= 1 || atomic_exchange(&pool->busy, true)) {
        for (int64_t i = 0; i < ntasks; i++) fn(ctx, i);
        return;
    }
    for (int64_t i = 0, most = (int64_t)COUNT_MASK; i < ntasks; i += most)
        batch_run(pool, i, ntasks - i < most ? ntasks - i : most, fn, ctx);
    atomic_store(&pool->busy, false);
}

typedef struct tiles {
    int64_t        n, size;
    hoop_range_fn *fn;
    const void    *ctx;
} tiles;

static void tile_run(void *ctx, int64_t task)
{
    const tiles *t     = ctx;
    int64_t      first = task * t->size;
    t->fn(t->ctx, first, t->n - first < t->size ? t->n - first : t->size);
}

void hoop_threads_share(hoop_threads *pool, int64_t n, int64_t weight, int64_t align, hoop_range_fn *fn, const void *ctx)
{
    tiles t = {n, HOOP_TILE / (weight > 0 ? weight : 1), fn, ctx};
    if (n <= 0) return;
    if (t.size < n / HOOP_MOST_TILES) t.size = n / HOOP_MOST_TILES;
    t.size = (t.size / align + 1) * align;
    if (pool == NULL || pool->n == 1 || n < t.size + t.size / 2)
        fn(ctx, 0, n);
    else
        hoop_threads_run(pool, (n + t.size - 1) / t.size, tile_run, &t);
}

void hoop_threads_shared(const hoop_threads *pool, int64_t *runs, int64_t *by_others)
{
    *runs      = pool->runs;
    *by_others = atomic_load_explicit(&pool->by_others, memory_order_relaxed);
}

int hoop_threads_count(const hoop_threads *pool)
{
    return pool == NULL ? 1 : pool->n;
}

/* those that this process may run on */
static int processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
    return HOOP_MOST_THREADS;
}

hoop_status hoop_threads_create(int n, hoop_error *err, hoop_threads **out)
{
    hoop_threads *p = NULL;
    sigset_t      all, before;
    int           rc = 0, i = 1;
    *out = NULL;
    if (n < 1 || n > HOOP_MOST_THREADS)
        return hoop_fail(err, HOOP_EARG, "threads: %d is not between 1 and %d", n, HOOP_MOST_THREADS);
    p = aligned_alloc(64, sizeof *p);
    if (p == NULL) return hoop_fail(err, HOOP_ENOMEM, "threads: no memory for a pool of %d", n);
    memset(p, 0, sizeof *p);
    p->at_once = processors();
    p->spin_s  = n <= p->at_once ? SPIN_S : 0;
    p->n       = 1;
    p->thread  = calloc((size_t)n, sizeof *p->thread);
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->work, NULL);
    (void)pthread_cond_init(&p->finished, NULL);
    if (p->thread == NULL) {
        hoop_threads_destroy(&p);
        return hoop_fail(err, HOOP_ENOMEM, "threads: no memory for a pool of %d", n);
    }
    /* signals are for the thread that called, not for workers */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; i < n && rc == 0; i++) {
        rc = pthread_create(&p->thread[i], NULL, worker_main, p);
        if (rc == 0) p->n++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        hoop_threads_destroy(&p);
        return hoop_fail(err, HOOP_ENOMEM, "threads: cannot start thread %d of %d: %s", i, n, strerror(rc));
    }
    *out = p;
    return HOOP_OK;
}

void hoop_threads_destroy(hoop_threads **pool)
{
    hoop_threads *p = pool == NULL ? NULL : *pool;
    if (p == NULL) return;
    (void)pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->n; i++) (void)pthread_join(p->thread[i], NULL);
    (void)pthread_cond_destroy(&p->finished);
    (void)pthread_cond_destroy(&p->work);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->thread);
    free(p);
    *pool = NULL;
}
