/* The pool: every task once, results visible, late and sleeping workers, nesting, errors, the rounding mode. */
#include "kernels_test.h"

#include <fenv.h>
#include <stdatomic.h>
#include <time.h>

#include "base/threads.h"

enum { TASKS = 1000 };

typedef struct job {
    int           seen[TASKS]; /* plain memory: the pool must order it */
    hoop_threads *pool;
    int64_t       n;
    atomic_int    inner;
} job;

static void count_task(void *ctx, int64_t task)
{
    job *j = ctx;
    j->seen[task]++;
}

static void nap(double s)
{
    struct timespec t = {(time_t)s, (long)((s - floor(s)) * 1e9)};
    (void)nanosleep(&t, NULL);
}

static void check(job *j, int64_t n, int times)
{
    for (int64_t i = 0; i < TASKS; i++)
        if (j->seen[i] != (i < n ? times : 0)) fail_msg("task %d of %d ran %d times, want %d", (int)i, (int)n, j->seen[i], times);
}

static void test_counts(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 7; threads++) {
        hoop_threads *pool;
        assert_int_equal(hoop_threads_create(threads, NULL, &pool), HOOP_OK);
        assert_int_equal(hoop_threads_count(pool), threads);
        for (int64_t n = 0; n <= TASKS; n += n < 20 ? 1 : 197) {
            job j = {0};
            hoop_threads_run(pool, n, count_task, &j);
            check(&j, n, 1);
        }
        hoop_threads_destroy(&pool);
        assert_null(pool);
    }
}

/* many short runs, with pauses so that workers are met spinning, falling asleep and asleep */
static void test_stress(void **state)
{
    hoop_threads *pool;
    (void)state;
    assert_int_equal(hoop_threads_create(4, NULL, &pool), HOOP_OK);
    for (int round = 0; round < 3000; round++) {
        job     j = {0};
        int64_t n = round * 31 % 40;
        for (int again = 1; again <= 3; again++) hoop_threads_run(pool, n, count_task, &j);
        check(&j, n, 3);
        if (round % 16 == 0) nap((round % 64) * 2e-6);
    }
    hoop_threads_destroy(&pool);
}

static void inner_task(void *ctx, int64_t task)
{
    (void)task;
    (void)atomic_fetch_add((atomic_int *)ctx, 1);
}

static void outer_task(void *ctx, int64_t task)
{
    job *j = ctx;
    hoop_threads_run(j->pool, 10, inner_task, &j->inner);
    j->seen[task]++;
}

static void test_nested(void **state)
{
    job j = {0};
    (void)state;
    assert_int_equal(hoop_threads_create(3, NULL, &j.pool), HOOP_OK);
    hoop_threads_run(j.pool, 50, outer_task, &j);
    check(&j, 50, 1);
    assert_int_equal(atomic_load(&j.inner), 500);
    hoop_threads_destroy(&j.pool);
}

static void order_task(void *ctx, int64_t task)
{
    job *j = ctx;
    assert_int_equal(j->n, task);
    j->n++;
}

static void test_no_pool(void **state)
{
    job           j    = {0};
    hoop_threads *none = NULL;
    (void)state;
    hoop_threads_run(NULL, 20, order_task, &j);
    assert_int_equal(j.n, 20);
    assert_int_equal(hoop_threads_count(NULL), 1);
    hoop_threads_destroy(&none);
    hoop_threads_destroy(NULL);
}

/* several pools at once, some never used */
static void test_pools(void **state)
{
    hoop_threads *pool[6];
    (void)state;
    for (int i = 0; i < 6; i++) assert_int_equal(hoop_threads_create(1 + i % 3, NULL, &pool[i]), HOOP_OK);
    for (int round = 0; round < 100; round++) {
        job j = {0};
        for (int i = 0; i < 5; i++) hoop_threads_run(pool[i], 13, count_task, &j);
        check(&j, 13, 5);
    }
    for (int i = 0; i < 6; i++) hoop_threads_destroy(&pool[i]);
}

static void slow_task(void *ctx, int64_t task)
{
    nap(task == 0 ? 2e-3 : 1e-4);
    count_task(ctx, task);
}

/* the caller runs out of tasks first, and sleeps until the slow one is done */
static void test_slow(void **state)
{
    hoop_threads *pool;
    (void)state;
    assert_int_equal(hoop_threads_create(3, NULL, &pool), HOOP_OK);
    for (int round = 0; round < 20; round++) {
        job j = {0};
        hoop_threads_run(pool, 4, slow_task, &j);
        check(&j, 4, 1);
    }
    hoop_threads_destroy(&pool);
}

static void test_errors(void **state)
{
    hoop_threads *pool;
    hoop_error    err = {0};
    (void)state;
    assert_int_equal(hoop_threads_create(0, &err, &pool), HOOP_EARG);
    assert_null(pool);
    assert_non_null(strstr(err.text, "threads"));
    assert_int_equal(hoop_threads_create(-3, NULL, &pool), HOOP_EARG);
    assert_int_equal(hoop_threads_create(5000, NULL, &pool), HOOP_EARG);
}

static void mode_task(void *ctx, int64_t task)
{
    volatile float a = 0x1p-126f, b = 0.5f, one = 1, third = 3;
    (void)task;
    if (a * b != 0x1p-127f || one / third != 0x1.555556p-2f) (void)atomic_fetch_add((atomic_int *)ctx, 1);
}

/* round to nearest with denormals on every thread, whatever the caller had, and back again */
static void test_mode(void **state)
{
    hoop_threads  *pool;
    atomic_int     wrong = 0;
    volatile float one = 1, third = 3;
    uint64_t       saved;
    (void)state;
    (void)fesetround(FE_DOWNWARD);
    assert_int_equal(hoop_threads_create(3, NULL, &pool), HOOP_OK);
    assert_true(one / third == 0x1.555554p-2f);
    saved = hoop_fp_enter();
    hoop_threads_run(pool, 200, mode_task, &wrong);
    hoop_fp_restore(saved);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_true(one / third == 0x1.555554p-2f);
    (void)fesetround(FE_TONEAREST);
    hoop_threads_destroy(&pool);
}

/* CPU time of this process so far */
static double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* some tenths of a millisecond of work, the same each time */
static void work_task(void *ctx, int64_t task)
{
    volatile double x = 1.0;
    for (int i = 0; i < 20000; i++) x = x * 1.000001;
    count_task(ctx, task);
}

/* of runs with pauses between them */
static double cpu_of_runs(int threads)
{
    hoop_threads *pool;
    double        start;
    job           j = {0};
    assert_int_equal(hoop_threads_create(threads, NULL, &pool), HOOP_OK);
    hoop_threads_run(pool, 8, work_task, &j);
    nap(5e-3);
    start = cpu_s();
    for (int round = 0; round < 60; round++) {
        hoop_threads_run(pool, 8, work_task, &j);
        nap(2e-3);
    }
    start = cpu_s() - start;
    check(&j, 8, 61);
    hoop_threads_destroy(&pool);
    return start;
}

/* Nobody spins while nothing is to do: what several threads burn is the work, and a little at its end; an idle pool burns
 * nothing.
 */
static void test_idle(void **state)
{
    hoop_threads *pool;
    job           j = {0};
    double        one, start;
    (void)state;
    one = cpu_of_runs(1);
    for (int threads = 2; threads <= 5; threads += 3) {
        double more = cpu_of_runs(threads);
        if (more > 1.5 * one) fail_msg("runs take %.4f s of CPU on one thread, %.4f s on %d", one, more, threads);
    }
    assert_int_equal(hoop_threads_create(2, NULL, &pool), HOOP_OK);
    hoop_threads_run(pool, 8, count_task, &j);
    nap(5e-3);
    start = cpu_s();
    nap(0.3);
    if (cpu_s() - start > 0.01) fail_msg("an idle pool burned %.4f s of CPU in 0.3 s", cpu_s() - start);
    hoop_threads_destroy(&pool);
}

/* more threads than processors: short runs take no longer than a few times what one thread takes */
static void test_crowded(void **state)
{
    enum { ROUNDS = 300 };
    double s[2];
    (void)state;
    for (int k = 0; k < 2; k++) {
        hoop_threads   *pool;
        struct timespec from, to;
        job             j = {0};
        assert_int_equal(hoop_threads_create(k == 0 ? 1 : 64, NULL, &pool), HOOP_OK);
        (void)clock_gettime(CLOCK_MONOTONIC, &from);
        for (int round = 0; round < ROUNDS; round++) hoop_threads_run(pool, 4, work_task, &j);
        (void)clock_gettime(CLOCK_MONOTONIC, &to);
        check(&j, 4, ROUNDS);
        s[k] = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
        hoop_threads_destroy(&pool);
    }
    if (s[1] > 3.0 * s[0]) fail_msg("runs take %.4f s with one thread, %.4f s with 64", s[0], s[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),  cmocka_unit_test(test_stress), cmocka_unit_test(test_nested),
        cmocka_unit_test(test_no_pool), cmocka_unit_test(test_pools),  cmocka_unit_test(test_slow),
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_mode),   cmocka_unit_test(test_idle),
        cmocka_unit_test(test_crowded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
