/* aside.c - long work of one rank alone, while it answers the others. */
#include "comm_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

typedef struct job {
    void (*run)(void *ctx);
    void      *ctx;
    atomic_int done;
} job;

static void *run(void *arg)
{
    job *j = arg;
    j->run(j->ctx);
    atomic_store(&j->done, 1);
    return NULL;
}

void hoop_comm_aside(hoop_comm *c, const char *what, void (*work)(void *ctx), void *ctx)
{
    const struct timespec nap    = {0, 200000};
    const hoop__position  before = c->position;
    job                   j      = {.run = work, .ctx = ctx};
    pthread_t             thread;
    hoop_comm_set_position(c, before.step, what);
    c->position.busy = 1;
    if (c->size == 1 || pthread_create(&thread, NULL, run, &j) != 0) {
        work(ctx);
    } else {
        while (!atomic_load(&j.done)) {
            hoop_comm_progress(c);
            (void)nanosleep(&nap, NULL);
        }
        (void)pthread_join(thread, NULL);
    }
    hoop_comm_set_position(c, before.step, before.what);
    c->position.busy = before.busy;
}
