/* Collectives over MPI, at as many ranks as mpirun starts: all algorithms, a part of MPI_COMM_WORLD, disagreements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_collectives.h"
#include "comm_internal.h"
#include "hoop/comm_mpi.h"

/* All ranks pass or fail together, so that none is left waiting for one that failed. */
static void assert_everywhere(bool ok)
{
    int mine = ok, all = 0;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
    assert_true(all);
}

static hoop_comm *create(MPI_Comm comm, hoop_algorithm algorithm, int64_t segment_bytes)
{
    const hoop_comm_opts opts = {.algorithm = algorithm, .timeout_s = 30, .segment_bytes = segment_bytes};
    hoop_error           err  = {0};
    hoop_comm           *c    = NULL;
    if (hoop_comm_create_mpi(comm, &opts, &err, &c) != HOOP_OK) fprintf(stderr, "%s\n", err.text);
    assert_everywhere(c != NULL);
    return c;
}

static void everything(hoop_algorithm algorithm)
{
    const int64_t segments[] = {24, 4096, 0};
    for (int k = 0; k < 3; k++) {
        hoop_comm *c = create(MPI_COMM_WORLD, algorithm, segments[k]);
        assert_everywhere(check_everything(c, k == 0 ? 127 : 20011, k == 0 ? 100 : 0));
        hoop_comm_destroy(&c);
    }
}

static void test_auto(void **state)
{
    (void)state;
    everything(HOOP_ALGORITHM_AUTO);
}

static void test_ring(void **state)
{
    (void)state;
    everything(HOOP_ALGORITHM_RING);
}

static void test_exchange(void **state)
{
    (void)state;
    everything(HOOP_ALGORITHM_EXCHANGE);
}

static void test_bruck(void **state)
{
    (void)state;
    everything(HOOP_ALGORITHM_BRUCK);
}

/* MPI's own: not repeatable by promise, but here it is. In pieces too, as for counts beyond int. */
static void test_mpi(void **state)
{
    const int64_t pieces[] = {INT64_C(1) << 30, 100, 1};
    (void)state;
    for (int k = 0; k < 3; k++) {
        hoop_comm *c     = create(MPI_COMM_WORLD, HOOP_ALGORITHM_MPI, 0);
        c->mpi_max_units = pieces[k];
        assert_everywhere(check_everything(c, k == 0 ? 20011 : k == 1 ? 1009 : 13, 0));
        hoop_comm_destroy(&c);
    }
}

static void test_large(void **state)
{
    (void)state;
    for (hoop_algorithm a = HOOP_ALGORITHM_AUTO; a < HOOP_ALGORITHM_COUNT; a++) {
        hoop_comm *c = create(MPI_COMM_WORLD, a, 0);
        assert_everywhere(check_reduce_scatter(c, 500009) && check_all_gather(c, 1000003) && check_all_reduce(c, 500009) &&
                          check_in_flight(c, 50021, 0));
        hoop_comm_destroy(&c);
    }
}

/* The odd ranks work; the even ones do something else meanwhile, on the communicator that hoop was never given. */
static void test_half_of_the_world(void **state)
{
    int      rank, size;
    bool     ok = true;
    MPI_Comm half;
    (void)state;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, 0, &half);
    if (rank % 2 == 1) {
        hoop_comm *c   = NULL;
        hoop_error err = {0};
        ok             = hoop_comm_create_mpi(half, NULL, &err, &c) == HOOP_OK && hoop_comm_size(c) == size / 2 &&
             check_everything(c, 1009, 0);
        hoop_comm_destroy(&c);
    } else {
        int sum = 0, one = 1, all;
        MPI_Comm_size(half, &all);
        for (int i = 0; i < 100; i++) MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, half);
        ok = sum == all;
    }
    MPI_Comm_free(&half);
    assert_everywhere(ok);
}

static void test_options_differ(void **state)
{
    hoop_comm     *c   = NULL;
    hoop_error     err = {0};
    int            rank, size;
    hoop_comm_opts opts = {.timeout_s = 30};
    (void)state;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    opts.segment_bytes = rank == size - 1 ? 4096 : 8192;
    opts.algorithm     = rank == size - 1 ? HOOP_ALGORITHM_MPI : HOOP_ALGORITHM_RING;
    assert_everywhere(hoop_comm_create_mpi(MPI_COMM_WORLD, &opts, &err, &c) == (size == 1 ? HOOP_OK : HOOP_EDESYNC));
    assert_everywhere(size == 1 || (strstr(err.text, "8192") != NULL && strstr(err.text, "4096") != NULL));
    hoop_comm_destroy(&c);
}

static void test_arguments(void **state)
{
    hoop_comm *c   = NULL;
    hoop_error err = {0};
    (void)state;
    assert_int_equal(hoop_comm_create_mpi(MPI_COMM_NULL, NULL, &err, &c), HOOP_EARG);
    assert_null(c);
    assert_int_equal(hoop_comm_create_mpi(MPI_COMM_WORLD, &(hoop_comm_opts){.timeout_s = -1}, NULL, &c), HOOP_EARG);
}

/* Ranks disagree about a size: all get an error that says so, and destroying what is left does not hang. */
static void test_sizes_differ(void **state)
{
    hoop_comm *c     = create(MPI_COMM_WORLD, HOOP_ALGORITHM_RING, 0);
    hoop_error err   = {0};
    int64_t    x[64] = {0};
    bool       ok;
    (void)state;
    if (hoop_comm_size(c) > 1) {
        const int64_t n = hoop_comm_rank(c) == 0 ? 64 : 32;
        ok = hoop_comm_all_reduce_wait(c, x, n, hoop_reducer_of(HOOP_I64, HOOP_SUM), "metrics", &err) == HOOP_EDESYNC;
        if (!ok || strstr(err.text, "metrics") == NULL) fprintf(stderr, "rank %d: %s\n", hoop_comm_rank(c), err.text);
        assert_everywhere(ok && strstr(err.text, "metrics") != NULL);
    }
    hoop_comm_destroy(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),    cmocka_unit_test(test_options_differ), cmocka_unit_test(test_auto),
        cmocka_unit_test(test_ring),         cmocka_unit_test(test_exchange),       cmocka_unit_test(test_bruck),
        cmocka_unit_test(test_mpi),          cmocka_unit_test(test_large),          cmocka_unit_test(test_half_of_the_world),
        cmocka_unit_test(test_sizes_differ),
    };
    int failed;
    MPI_Init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
