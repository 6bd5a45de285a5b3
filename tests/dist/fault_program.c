/*
 * fault_program KIND - reduces for ever, until rank SIZE-1 stops, dies or errs; what the others then get is printed, a line a
 * rank. Exit code 3 where hoop returned an error. The script `faults` starts it and reads.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hoop/comm_mpi.h"

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void misbehave(hoop_comm *c, const char *kind)
{
    if (strcmp(kind, "stop") == 0) (void)raise(SIGSTOP);
    if (strcmp(kind, "kill") == 0) (void)raise(SIGKILL);
    if (strcmp(kind, "give-up") == 0) {
        hoop_error why = {0};
        (void)hoop_fail(&why, HOOP_EIO, "disk is full");
        hoop_comm_poison(c, &why);
    }
}

int main(int argc, char **argv)
{
    enum { N = 300000 };
    const char          *kind = argc > 1 ? argv[1] : "stop";
    const hoop_comm_opts opts = {.algorithm = argc > 2 ? (hoop_algorithm)atoi(argv[2]) : HOOP_ALGORITHM_AUTO, .timeout_s = 1};
    hoop_error           err  = {0};
    hoop_comm           *c    = NULL;
    static float         x[2][N];
    double               begin = 0;
    hoop_status          st;
    MPI_Init(&argc, &argv);
    st = hoop_comm_create_mpi(MPI_COMM_WORLD, &opts, &err, &c);
    for (int step = 0; st == HOOP_OK && step < 1000000; step++) {
        hoop_work *w[2] = {NULL, NULL};
        begin           = now_s();
        hoop_comm_set_position(c, step, "forward");
        if (step == 20 && hoop_comm_rank(c) == hoop_comm_size(c) - 1) misbehave(c, kind);
        for (int i = 0; i < 2 && st == HOOP_OK; i++)
            st = hoop_comm_all_reduce(c, x[i], N, hoop_reducer_of(HOOP_F32, HOOP_SUM), i == 0 ? "bucket 0" : "bucket 1", &err,
                                      &w[i]);
        for (int i = 0; i < 2; i++) {
            hoop_status waited = hoop_work_wait(&w[i], &err);
            if (st == HOOP_OK) st = waited;
        }
    }
    printf("rank %d got %s after %.1f s: %s\n", c != NULL ? hoop_comm_rank(c) : -1, hoop_status_name(st), now_s() - begin,
           err.text);
    fflush(stdout);
    hoop_comm_destroy(&c);
    usleep(500000); /* until the others have said theirs */
    MPI_Abort(MPI_COMM_WORLD, 3);
}
