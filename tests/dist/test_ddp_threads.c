/* DDP over ranks-as-threads: the same bits for any number of ranks, bucket size and algorithm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "check_ddp.h"
#include "kernels/kernels.h"
#include "on_threads.h"

/* The linker sends every allocation of this program and of hoop through these. */
static atomic_long allocations;

#define COUNTED(result, name, parameters, arguments)                                                                             \
    result __real_##name parameters;                                                                                             \
    result __wrap_##name parameters;                                                                                             \
    result __wrap_##name parameters                                                                                              \
    {                                                                                                                            \
        atomic_fetch_add(&allocations, 1);                                                                                       \
        return __real_##name arguments;                                                                                          \
    }
COUNTED(void *, malloc, (size_t n), (n))
COUNTED(void *, calloc, (size_t n, size_t size), (n, size))
COUNTED(void *, realloc, (void *p, size_t n), (p, n))
COUNTED(void *, aligned_alloc, (size_t alignment, size_t n), (alignment, n))

typedef struct job {
    ddp_case        k;
    uint64_t        hash;
    pthread_mutex_t lock;
} job;

static bool run(hoop_comm *c, void *ctx)
{
    job     *j = ctx;
    uint64_t hash;
    bool     ok = check_ddp(c, &j->k, &hash);
    (void)pthread_mutex_lock(&j->lock);
    if (hoop_comm_rank(c) == 0) j->hash = hash;
    (void)pthread_mutex_unlock(&j->lock);
    return ok;
}

static uint64_t hash_of(int size, hoop_algorithm algorithm, ddp_case k)
{
    const hoop_comm_opts opts = {.algorithm = algorithm, .timeout_s = 60, .segment_bytes = 3000};
    job                  j    = {.k = k};
    pthread_mutex_init(&j.lock, NULL);
    assert_true(on_threads(size, &opts, run, &j));
    return j.hash;
}

static void same_bits(hoop_dtype dtype, bool gaps)
{
    const int            sizes[]      = {1, 2, 3, 4, 7, 12};
    const int64_t        buckets[]    = {1, 5000, 0};
    const hoop_algorithm algorithms[] = {HOOP_ALGORITHM_AUTO, HOOP_ALGORITHM_RING, HOOP_ALGORITHM_BRUCK};
    ddp_case             k    = {.dtype = dtype, .nparams = 12, .leaves = 12, .bucket_bytes = 0, .exact = true, .gaps = gaps};
    const uint64_t       want = hash_of(1, HOOP_ALGORITHM_AUTO, k);
    for (int i = 0; i < 6; i++) {
        for (int b = 0; b < 3; b++) {
            k.bucket_bytes = buckets[b];
            k.skew_us      = b == 1 ? 100 : 0;
            assert_int_equal(hash_of(sizes[i], algorithms[(i + b) % 3], k), want);
        }
        assert_int_equal(hash_of(sizes[i], HOOP_ALGORITHM_AUTO, k), want);
    }
}

static void test_same_bits_f32(void **state)
{
    (void)state;
    same_bits(HOOP_F32, false);
    same_bits(HOOP_F32, true);
}

static void test_same_bits_f64(void **state)
{
    (void)state;
    same_bits(HOOP_F64, true);
}

static void test_threads(void **state)
{
    ddp_case k = {.dtype = HOOP_F32, .nparams = 8, .leaves = 6, .exact = true, .wide = true};
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        k.dtype             = dtype == 0 ? HOOP_F32 : HOOP_F64;
        k.threads           = 1;
        const uint64_t want = hash_of(1, HOOP_ALGORITHM_AUTO, k);
        k.threads           = 3;
        assert_int_equal(hash_of(1, HOOP_ALGORITHM_AUTO, k), want);
        assert_int_equal(hash_of(2, HOOP_ALGORITHM_AUTO, k), want);
        assert_int_equal(hash_of(6, HOOP_ALGORITHM_AUTO, k), want); /* one leaf a rank: raw gradients travel */
    }
}

static void test_float_repeats(void **state)
{
    const int sizes[] = {1, 2, 3, 7};
    (void)state;
    for (int i = 0; i < 4; i++) {
        ddp_case k = {.dtype = HOOP_F32, .nparams = 12, .leaves = 14, .bucket_bytes = 5000, .skew_us = 200};
        for (hoop_algorithm a = HOOP_ALGORITHM_AUTO; a < HOOP_ALGORITHM_COUNT; a++)
            if (a != HOOP_ALGORITHM_MPI) assert_int_equal(hash_of(sizes[i], a, k), hash_of(sizes[i], a, k));
    }
}

/* the sums are checked inside */
static void test_one_leaf(void **state)
{
    ddp_case k = {.dtype = HOOP_F32, .nparams = 12, .leaves = 1, .exact = true};
    (void)state;
    (void)hash_of(1, HOOP_ALGORITHM_AUTO, k);
    k.exact = false;
    (void)hash_of(1, HOOP_ALGORITHM_AUTO, k);
}

static bool left(hoop_comm *c, void *ctx)
{
    return check_ddp_left(c, *(const bool *)ctx);
}

static void test_left(void **state)
{
    const hoop_comm_opts opts = {.timeout_s = 60, .segment_bytes = 1000};
    (void)state;
    for (int i = 0; i < 4; i++) assert_true(on_threads(i < 2 ? 2 : 4, &opts, left, &(bool){i % 2 == 0}));
}

static bool misfits(hoop_comm *c, void *ctx)
{
    (void)ctx;
    return check_ddp_misfits(c);
}

static void test_misfits(void **state)
{
    const hoop_comm_opts opts    = {.timeout_s = 60, .segment_bytes = 1000};
    const int            sizes[] = {1, 2, 3, 7};
    (void)state;
    for (int i = 0; i < 4; i++) assert_true(on_threads(sizes[i], &opts, misfits, NULL));
}

/* After the first steps a step allocates nothing. */
static bool no_malloc(hoop_comm *c, void *ctx)
{
    enum { BLOCKS = 64, WARM = 20, STEPS = 60 };
    _Alignas(64) static float grad[2][BLOCKS * 128];
    const int64_t             first[] = {0, 20}, count[] = {20, 44};
    hoop_ddp_opts             opts = {.dtype        = HOOP_F32,
                                      .nblocks      = BLOCKS,
                                      .nparams      = 2,
                                      .first_block  = first,
                                      .param_blocks = count,
                                      .leaves       = *(int64_t *)ctx,
                                      .exact        = true,
                                      .bucket_bytes = 3000};
    hoop_ddp                 *d;
    long                      before = 0;
    hoop_status               st     = hoop_kernels_select(NULL, NULL, &opts.kernels);
    if (st == HOOP_OK) st = hoop_ddp_create(c, &opts, NULL, &d);
    if (st != HOOP_OK) return false;
    for (int step = 0; step < STEPS && st == HOOP_OK; step++) {
        if (step == WARM) {
            if (hoop_comm_barrier(c, "warm", NULL) != HOOP_OK) return false;
            before = atomic_load(&allocations);
            if (hoop_comm_barrier(c, "counted", NULL) != HOOP_OK) return false;
        }
        st = hoop_ddp_begin(d, step, grad[hoop_comm_rank(c)], NULL);
        hoop_ddp_skip_all(d);
        if (st == HOOP_OK) st = hoop_ddp_reduce(d, NULL, NULL);
        if (st == HOOP_OK) st = hoop_ddp_gather(d, grad[hoop_comm_rank(c)], NULL);
    }
    if (hoop_comm_barrier(c, "done", NULL) != HOOP_OK || atomic_load(&allocations) != before) return false;
    hoop_ddp_destroy(&d);
    return st == HOOP_OK && hoop_comm_barrier(c, "seen", NULL) == HOOP_OK;
}

static void test_no_malloc(void **state)
{
    int64_t leaves[] = {2, 5};
    (void)state;
    assert_true(atomic_load(&allocations) > 0);
    for (int i = 0; i < 2; i++) assert_true(on_threads(2, NULL, no_malloc, &leaves[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_f32), cmocka_unit_test(test_same_bits_f64), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_left),          cmocka_unit_test(test_float_repeats), cmocka_unit_test(test_one_leaf),
        cmocka_unit_test(test_misfits),       cmocka_unit_test(test_no_malloc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
