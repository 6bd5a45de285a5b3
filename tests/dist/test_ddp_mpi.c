/* DDP over MPI: the bits of one rank (a communicator of its own) at as many ranks as mpirun starts, all algorithms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "check_ddp.h"
#include "comm_internal.h"
#include "hoop/comm_mpi.h"

static void assert_everywhere(bool ok)
{
    int mine = ok, all = 0;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
    assert_true(all);
}

static hoop_comm *create(hoop_algorithm algorithm)
{
    const hoop_comm_opts opts = {.algorithm = algorithm, .timeout_s = 30, .segment_bytes = 4000};
    hoop_error           err  = {0};
    hoop_comm           *c    = NULL;
    if (hoop_comm_create_mpi(MPI_COMM_WORLD, &opts, &err, &c) != HOOP_OK) fprintf(stderr, "%s\n", err.text);
    assert_everywhere(c != NULL);
    return c;
}

static void same_bits(ddp_case k)
{
    const int64_t buckets[] = {1, 9000, 0};
    uint64_t      want = 0, hash = 0;
    hoop_comm    *alone;
    assert_int_equal(hoop_comm_create_self(NULL, NULL, &alone), HOOP_OK);
    assert_everywhere(check_ddp(alone, &k, &want));
    hoop_comm_destroy(&alone);
    for (hoop_algorithm a = HOOP_ALGORITHM_AUTO; a < HOOP_ALGORITHM_COUNT; a++) {
        hoop_comm *c = create(a);
        for (int b = 0; b < 3; b++) {
            k.bucket_bytes = buckets[b];
            k.at_once      = b;
            for (k.whole = 0; k.whole < 3; k.whole++) {
                assert_everywhere(check_ddp(c, &k, &hash));
                assert_everywhere(hash == want);
            }
        }
        hoop_comm_destroy(&c);
    }
}

static void test_same_bits(void **state)
{
    (void)state;
    same_bits((ddp_case){.dtype = HOOP_F32, .nparams = 12, .leaves = 12, .exact = true});
    same_bits((ddp_case){.dtype = HOOP_F64, .nparams = 9, .leaves = 7, .exact = true, .gaps = true});
}

/* one leaf a rank: the sum of raw gradients must be that of the accumulators */
static void test_leaf_a_rank(void **state)
{
    int size;
    (void)state;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    same_bits((ddp_case){.dtype = HOOP_F32, .nparams = 12, .leaves = size, .exact = true});
}

static void test_float_repeats(void **state)
{
    const ddp_case k = {.dtype = HOOP_F32, .nparams = 12, .leaves = 14, .bucket_bytes = 5000, .skew_us = 100};
    (void)state;
    for (hoop_algorithm a = HOOP_ALGORITHM_AUTO; a < HOOP_ALGORITHM_COUNT; a++) {
        hoop_comm *c     = create(a);
        uint64_t   first = 0, again = 0;
        assert_everywhere(check_ddp(c, &k, &first) && check_ddp(c, &k, &again));
        assert_everywhere(a == HOOP_ALGORITHM_MPI || first == again);
        hoop_comm_destroy(&c);
    }
}

/* MPI's collectives in pieces of a few units, as where a buffer is too large for its counts */
static void test_whole_in_pieces(void **state)
{
    ddp_case   k     = {.dtype = HOOP_F32, .nparams = 12, .leaves = 12, .exact = true, .wide = true};
    hoop_comm *alone = NULL, *c = create(HOOP_ALGORITHM_MPI);
    uint64_t   want = 0, hash = 0;
    (void)state;
    assert_int_equal(hoop_comm_create_self(NULL, NULL, &alone), HOOP_OK);
    assert_everywhere(check_ddp(alone, &k, &want));
    hoop_comm_destroy(&alone);
    c->mpi_max_units = 50;
    for (k.whole = 0; k.whole < 3; k.whole++) {
        assert_everywhere(check_ddp(c, &k, &hash));
        assert_everywhere(hash == want);
    }
    hoop_comm_destroy(&c);
}

static void test_misfits(void **state)
{
    hoop_comm *c = create(HOOP_ALGORITHM_AUTO);
    (void)state;
    assert_everywhere(check_ddp_misfits(c));
    hoop_comm_destroy(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),       cmocka_unit_test(test_leaf_a_rank), cmocka_unit_test(test_float_repeats),
        cmocka_unit_test(test_whole_in_pieces), cmocka_unit_test(test_misfits),
    };
    int failed;
    MPI_Init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
