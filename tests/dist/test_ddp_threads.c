/* DDP over ranks-as-threads: the same bits for any number of ranks, bucket size and algorithm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../allocations.h"
#include "check_ddp.h"
#include "kernels/kernels.h"
#include "on_threads.h"

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
            k.whole        = (i + 2 * b) % 3;
            k.at_once      = (i + b) % 4;
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
        k.whole    = i % 2;
        for (hoop_algorithm a = HOOP_ALGORITHM_AUTO; a < HOOP_ALGORITHM_COUNT; a++)
            if (a != HOOP_ALGORITHM_MPI) assert_int_equal(hash_of(sizes[i], a, k), hash_of(sizes[i], a, k));
    }
}

/* The example of ddp_cut.c. Ranks own the parameters that their bits say, and no rank more than its share and a parameter. */
static bool whole_example(hoop_comm *c, void *ctx)
{
    static const int64_t  first[] = {0, 2, 11, 12, 21}, count[] = {2, 9, 1, 9, 2};
    static const bool     whole[]    = {true, true, true, true, true};
    hoop_ddp_opts         opts       = {.dtype        = HOOP_F32,
                                        .nblocks      = 23,
                                        .nparams      = 5,
                                        .first_block  = first,
                                        .param_blocks = count,
                                        .whole        = whole,
                                        .leaves       = 3,
                                        .bucket_bytes = 8 * 512};
    const hoop_ddp_range  want[3][3] = {{{2, 9}}, {{12, 9}}, {{0, 2}, {11, 1}, {21, 2}}};
    const int             counts[]   = {1, 1, 3};
    hoop_ddp             *d          = NULL;
    int                   n          = 0;
    const hoop_ddp_range *ranges;
    bool                  same;
    (void)ctx;
    if (hoop_ddp_create(c, &opts, NULL, &d) != HOOP_OK) return false;
    hoop_ddp_ranges(d, &n, &ranges);
    same = hoop_ddp_nbuckets(d) == 5 && n == counts[hoop_comm_rank(c)];
    for (int i = 0; same && i < n; i++)
        same = ranges[i].first_block == want[hoop_comm_rank(c)][i].first_block &&
               ranges[i].nblocks == want[hoop_comm_rank(c)][i].nblocks;
    hoop_ddp_destroy(&d);
    return same;
}

static void test_whole_example(void **state)
{
    (void)state;
    assert_true(on_threads(3, NULL, whole_example, NULL));
}

/* 40 equal matrices, each a bucket of its own: no rank has more than one above its share. */
static bool whole_is_fair(hoop_comm *c, void *ctx)
{
    enum { N = 40, EACH = 30 };
    int64_t               first[N], count[N], own = 0;
    bool                  whole[N];
    hoop_ddp_opts         opts = {.dtype        = HOOP_F64,
                                  .nblocks      = N * EACH,
                                  .nparams      = N,
                                  .first_block  = first,
                                  .param_blocks = count,
                                  .whole        = whole,
                                  .leaves       = 12,
                                  .bucket_bytes = *(const int64_t *)ctx};
    hoop_ddp             *d    = NULL;
    int                   n    = 0;
    const hoop_ddp_range *ranges;
    for (int i = 0; i < N; i++) first[i] = i * EACH, count[i] = EACH, whole[i] = true;
    if (hoop_ddp_create(c, &opts, NULL, &d) != HOOP_OK) return false;
    hoop_ddp_ranges(d, &n, &ranges);
    for (int i = 0; i < n; i++) own += ranges[i].nblocks;
    hoop_ddp_destroy(&d);
    return own % EACH == 0 && own / EACH >= N / hoop_comm_size(c) - 1 && own / EACH <= N / hoop_comm_size(c) + 2;
}

static void test_whole_is_fair(void **state)
{
    int64_t buckets[] = {1, 40000, 100000, 0};
    (void)state;
    for (int size = 1; size <= 7; size++)
        for (int b = 0; b < 4; b++) assert_true(on_threads(size, NULL, whole_is_fair, &buckets[b]));
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
        cmocka_unit_test(test_misfits),       cmocka_unit_test(test_no_malloc),     cmocka_unit_test(test_whole_example),
        cmocka_unit_test(test_whole_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
