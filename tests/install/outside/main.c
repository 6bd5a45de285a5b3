/* A program outside hoop's tree: uses the installed headers and library, alone or under mpirun. */
#include <hoop/dtype.h>
#include <hoop/random.h>
#include <hoop/status.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The keyed shuffle visits every index once, and the same on all ranks. */
static int check_shuffle(void)
{
    enum { N = 1000 };
    hoop_key      key     = hoop_key_make(7, HOOP_FOR_SHUFFLE, 1, 0, 0);
    unsigned char seen[N] = {0};
    uint64_t      hash    = 0, low, high;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t p = hoop_random_permute(key, N, i);
        if (p >= N || seen[p]++) return 1;
        hash = hash * 31 + p;
    }
    MPI_Allreduce(&hash, &low, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&hash, &high, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    return low != high;
}

int main(int argc, char **argv)
{
    hoop_dtype dtype;
    int        bad;
    MPI_Init(&argc, &argv);
    bad = !hoop_dtype_parse("f32", &dtype) || hoop_dtype_size(dtype) != 4 || check_shuffle();
    if (bad) fprintf(stderr, "outside: wrong answer from the installed hoop\n");
    MPI_Finalize();
    return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
