/* Collectives over ranks-as-threads: a grid of ranks, algorithms, segment sizes and counts; failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_collectives.h"
#include "on_threads.h"

typedef struct grid_point {
    int64_t  most;
    unsigned skew_us;
} grid_point;

static bool everything(hoop_comm *c, void *ctx)
{
    const grid_point *p = ctx;
    return check_everything(c, p->most, p->skew_us);
}

static void grid(hoop_algorithm algorithm)
{
    const int     sizes[]    = {1, 2, 3, 4, 7};
    const int64_t segments[] = {1, 24, 4096, 0};
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 4; k++) {
            grid_point           point = {k == 0 ? 127 : k == 1 ? 1009 : 20011, k == 1 ? 100 : 0};
            const hoop_comm_opts opts  = {.algorithm = algorithm, .timeout_s = 60, .segment_bytes = segments[k]};
            assert_true(on_threads(sizes[i], &opts, everything, &point));
        }
    }
}

static void test_ring(void **state)
{
    (void)state;
    grid(HOOP_ALGORITHM_RING);
}

static void test_exchange(void **state)
{
    (void)state;
    grid(HOOP_ALGORITHM_EXCHANGE);
}

static void test_bruck(void **state)
{
    (void)state;
    grid(HOOP_ALGORITHM_BRUCK);
}

static void test_auto(void **state)
{
    (void)state;
    grid(HOOP_ALGORITHM_AUTO);
}

static bool large(hoop_comm *c, void *ctx)
{
    (void)ctx;
    return check_reduce_scatter(c, 500009) && check_all_gather(c, 500009) && check_all_reduce(c, 500009) &&
           check_in_flight(c, 100003, 0);
}

static void test_large(void **state)
{
    (void)state;
    for (hoop_algorithm a = HOOP_ALGORITHM_AUTO; a < HOOP_ALGORITHM_COUNT; a++) {
        const hoop_comm_opts opts = {.algorithm = a, .timeout_s = 60, .segment_bytes = 100000};
        if (a != HOOP_ALGORITHM_MPI) assert_true(on_threads(3, &opts, large, NULL));
    }
}

static void test_self(void **state)
{
    hoop_error err = {0};
    hoop_comm *c;
    hoop_work *w = NULL;
    double     x = 3;
    (void)state;
    assert_int_equal(hoop_comm_create_self(NULL, &err, &c), HOOP_OK);
    assert_true(check_everything(c, 20011, 0));
    assert_int_equal(hoop_comm_reduce_scatter(c, &x, 1, hoop_reducer_of(HOOP_F64, HOOP_SUM), "one", &err, &w), HOOP_OK);
    assert_null(w);
    assert_int_equal(hoop_comm_size(c), 1);
    hoop_comm_progress(c);
    hoop_comm_destroy(&c);
    hoop_comm_destroy(&c);
}

static void test_arguments(void **state)
{
    hoop_error           err   = {0};
    hoop_comm           *c[65] = {NULL};
    hoop_work           *w;
    int64_t              x[4]  = {0};
    const hoop_reducer  *sum   = hoop_reducer_of(HOOP_I64, HOOP_SUM);
    const hoop_comm_opts bad[] = {
        {.timeout_s = -1}, {.segment_bytes = -5}, {.segment_bytes = INT64_C(1) << 31}, {.algorithm = HOOP_ALGORITHM_COUNT}};
    (void)state;
    for (int i = 0; i < 4; i++) assert_int_equal(hoop_comm_create_self(&bad[i], NULL, c), HOOP_EARG);
    assert_int_equal(hoop_comm_create_threads(2, &(hoop_comm_opts){.algorithm = HOOP_ALGORITHM_MPI}, &err, c), HOOP_EARG);
    assert_non_null(strstr(err.text, "MPI communicator"));
    assert_int_equal(hoop_comm_create_threads(0, NULL, NULL, c), HOOP_EARG);
    assert_int_equal(hoop_comm_create_threads(65, NULL, NULL, c), HOOP_EARG);
    assert_null(hoop_reducer_of(HOOP_U8, HOOP_SUM));
    assert_int_equal(hoop_comm_create_threads(1, NULL, NULL, c), HOOP_OK);
    assert_int_equal(hoop_comm_reduce_scatter(c[0], x, -1, sum, "x", NULL, &w), HOOP_EARG);
    assert_int_equal(hoop_comm_reduce_scatter(c[0], NULL, 4, sum, "x", NULL, &w), HOOP_EARG);
    assert_int_equal(hoop_comm_reduce_scatter(c[0], x, 4, NULL, "x", NULL, &w), HOOP_EARG);
    assert_int_equal(hoop_comm_reduce_scatter(c[0], x, INT64_MAX / 4, sum, "x", NULL, &w), HOOP_ESIZE);
    assert_int_equal(hoop_comm_all_gather(c[0], x, 4, 0, "x", NULL, &w), HOOP_EARG);
    assert_int_equal(hoop_work_wait(&w, NULL), HOOP_OK);
    hoop_comm_destroy(c);
}

static void test_chunks(void **state)
{
    const int64_t counts[] = {0, 1, 6, 7, 8, 1000003, INT64_MAX};
    (void)state;
    for (int k = 0; k < 7; k++) {
        for (int size = 1; size < 70; size++) {
            int64_t next = 0, first, count;
            for (int r = 0; r < size; r++) {
                hoop_comm_chunk(counts[k], size, r, &first, &count);
                assert_true(first == next && count >= counts[k] / size && count - counts[k] / size <= 1);
                assert_true(first == (int64_t)((__int128)counts[k] * r / size));
                next = first + count;
            }
            assert_true(next == counts[k]);
        }
    }
}

/* Rank 1 stays away for longer than the deadline. */
static bool silent_rank(hoop_comm *c, void *ctx)
{
    hoop_error  err = {0}, again = {0};
    int64_t     x[1000] = {0};
    hoop_work  *w, *more;
    hoop_status st;
    (void)ctx;
    hoop_comm_set_position(c, 11, "forward");
    if (!check_all_reduce(c, 300)) return false;
    hoop_comm_set_position(c, 12, "backward");
    if (hoop_comm_rank(c) == 1) {
        usleep(2500000);
        st = hoop_comm_barrier(c, "late", &err);
        return st == HOOP_ETIMEOUT && strstr(err.text, "silent: rank 1 on ") != NULL;
    }
    if (hoop_comm_all_reduce(c, x, 1000, hoop_reducer_of(HOOP_I64, HOOP_SUM), "bucket 3", &err, &w) != HOOP_OK) return false;
    if (hoop_comm_all_reduce(c, x, 10, hoop_reducer_of(HOOP_I64, HOOP_SUM), "bucket 4", &err, &more) != HOOP_OK) return false;
    st = hoop_work_wait(&w, &err);
    if (st != HOOP_ETIMEOUT || strstr(err.text, "silent: rank 1 on ") == NULL || strstr(err.text, "bucket 3") == NULL ||
        strstr(err.text, "\"reduce\" of step 11") == NULL)
        return false;
    /* poisoned: the same error at once */
    st = hoop_comm_barrier(c, "after", &again);
    return st == HOOP_ETIMEOUT && strcmp(again.text, err.text) == 0 && hoop_work_test(more) &&
           hoop_work_wait(&more, NULL) == HOOP_ETIMEOUT;
}

static void test_silent_rank(void **state)
{
    const hoop_comm_opts opts = {.timeout_s = 0.3, .segment_bytes = 64};
    (void)state;
    assert_true(on_threads(2, &opts, silent_rank, NULL));
    assert_true(on_threads(4, &opts, silent_rank, NULL));
}

/* Ranks 1 to 6 stay away; rank 0 has heard of 1, 2 and 4 (whom bruck lets it hear), so 3, 5 and 6 are the least advanced. */
static bool many_silent(hoop_comm *c, void *ctx)
{
    hoop_error  err = {0};
    const char *at[4];
    (void)ctx;
    hoop_comm_set_position(c, 5, "update");
    if (hoop_comm_barrier(c, "roll call", &err) != HOOP_OK) return false;
    hoop_comm_set_position(c, 6, "update");
    if (hoop_comm_rank(c) > 0) {
        usleep(2500000);
        return hoop_comm_barrier(c, "late", &err) == HOOP_ETIMEOUT;
    }
    if (hoop_comm_barrier(c, "second roll call", &err) != HOOP_ETIMEOUT) return false;
    at[0] = strstr(err.text, "silent: rank 3 on ");
    at[1] = strstr(err.text, ", rank 5 on ");
    at[2] = strstr(err.text, ", rank 6 on ");
    at[3] = strstr(err.text, "(last heard of in \"roll call\" of step 5, ");
    return at[0] != NULL && at[0] < at[1] && at[1] < at[2] && at[2] < at[3] && strstr(at[3], " and 2 more; ") != NULL;
}

static void test_many_silent(void **state)
{
    const hoop_comm_opts opts = {.timeout_s = 0.3};
    (void)state;
    assert_true(on_threads(7, &opts, many_silent, NULL));
}

/* Rank 0 calls another collective than the others: all answer, and the error says who is behind. */
static bool behind(hoop_comm *c, void *ctx)
{
    hoop_error err     = {0};
    char       x[4096] = {0};
    (void)ctx;
    hoop_comm_set_position(c, hoop_comm_rank(c) == 0 ? 4 : 5, "forward");
    if (hoop_comm_rank(c) == 0) {
        for (int i = 0; i < 1500 && hoop_comm_check(c, NULL) == HOOP_OK; i++) {
            hoop_comm_progress(c);
            usleep(1000);
        }
        return hoop_comm_check(c, &err) == HOOP_ETIMEOUT;
    }
    return hoop_comm_broadcast(c, 0, x, sizeof x, "weights", &err) == HOOP_ETIMEOUT &&
           strstr(err.text, "all ranks answer") != NULL && strstr(err.text, "rank 0 on ") != NULL &&
           strstr(err.text, "in \"forward\" of step 4") != NULL;
}

static void test_behind(void **state)
{
    const hoop_comm_opts opts = {.timeout_s = 0.2};
    (void)state;
    assert_true(on_threads(3, &opts, behind, NULL));
}

static bool sizes_differ(hoop_comm *c, void *ctx)
{
    hoop_error  err   = {0};
    int64_t     x[64] = {0};
    hoop_status st;
    (void)ctx;
    st = hoop_comm_all_reduce_wait(c, x, hoop_comm_rank(c) == 0 ? 64 : 32, hoop_reducer_of(HOOP_I64, HOOP_SUM), "metrics", &err);
    return st == HOOP_EDESYNC && strstr(err.text, "metrics") != NULL && strstr(err.text, "ranks disagree") != NULL;
}

static void test_sizes_differ(void **state)
{
    const hoop_comm_opts opts = {.timeout_s = 20};
    (void)state;
    assert_true(on_threads(2, &opts, sizes_differ, NULL));
    assert_true(on_threads(3, &opts, sizes_differ, NULL));
}

static bool gives_up(hoop_comm *c, void *ctx)
{
    hoop_error err = {0}, why = {0};
    int64_t    x[64] = {0};
    (void)ctx;
    if (hoop_comm_rank(c) == 1) {
        (void)hoop_fail(&why, HOOP_EIO, "disk is on fire");
        hoop_comm_poison(c, &why);
        return hoop_comm_barrier(c, "x", &err) == HOOP_EIO;
    }
    return hoop_comm_all_reduce_wait(c, x, 64, hoop_reducer_of(HOOP_I64, HOOP_SUM), "metrics", &err) == HOOP_EPEER &&
           strstr(err.text, "rank 1 on ") != NULL && strstr(err.text, "disk is on fire") != NULL;
}

static void test_gives_up(void **state)
{
    const hoop_comm_opts opts = {.timeout_s = 20};
    (void)state;
    assert_true(on_threads(4, &opts, gives_up, NULL));
}

/* Destroyed with works pending: nothing crashes, nothing waits. */
static bool leaves_early(hoop_comm *c, void *ctx)
{
    int64_t   *x = ctx;
    hoop_work *w;
    return hoop_comm_all_reduce(c, x + 64 * hoop_comm_rank(c), 64, hoop_reducer_of(HOOP_I64, HOOP_SUM), "left", NULL, &w) ==
           HOOP_OK;
}

static void test_leaves_early(void **state)
{
    const hoop_comm_opts opts = {.timeout_s = 20, .segment_bytes = 16};
    static int64_t       x[4 * 64];
    (void)state;
    assert_true(on_threads(4, &opts, leaves_early, x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks),      cmocka_unit_test(test_arguments),    cmocka_unit_test(test_self),
        cmocka_unit_test(test_ring),        cmocka_unit_test(test_exchange),     cmocka_unit_test(test_bruck),
        cmocka_unit_test(test_auto),        cmocka_unit_test(test_large),        cmocka_unit_test(test_silent_rank),
        cmocka_unit_test(test_many_silent), cmocka_unit_test(test_behind),       cmocka_unit_test(test_sizes_differ),
        cmocka_unit_test(test_gives_up),    cmocka_unit_test(test_leaves_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
