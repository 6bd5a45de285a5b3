#include "on_threads.h"

#include <pthread.h>
#include <stdio.h>

typedef struct job {
    hoop_comm *comm;
    rank_fn   *fn;
    void      *ctx;
    bool       ok;
} job;

static void *run(void *arg)
{
    job *j = arg;
    j->ok  = j->fn(j->comm, j->ctx);
    hoop_comm_destroy(&j->comm);
    return NULL;
}

bool on_threads(int size, const hoop_comm_opts *opts, rank_fn *fn, void *ctx)
{
    enum { MOST = 64 };
    hoop_comm *comms[MOST];
    pthread_t  threads[MOST];
    job        jobs[MOST];
    hoop_error err = {0};
    bool       ok  = true;
    if (size > MOST || hoop_comm_create_threads(size, opts, &err, comms) != HOOP_OK) {
        fprintf(stderr, "no %d ranks as threads: %s\n", size, err.text);
        return false;
    }
    for (int r = 0; r < size; r++) {
        jobs[r] = (job){comms[r], fn, ctx, false};
        if (pthread_create(&threads[r], NULL, run, &jobs[r]) != 0) return false;
    }
    for (int r = 0; r < size; r++) {
        (void)pthread_join(threads[r], NULL);
        ok = ok && jobs[r].ok;
    }
    return ok;
}
