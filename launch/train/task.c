#include "train/task.h"

#include <signal.h>
#include <time.h>

static void *work(void *arg)
{
    hoop__task *t    = arg;
    uint64_t    mode = hoop_fp_enter(); /* a thread begins with its parent's */
    (void)t->run(t->ctx, &t->error);
    hoop_fp_restore(mode);
    atomic_store(&t->done, true);
    return NULL;
}

void hoop__task_start(hoop__task *t, hoop__task_fn *run, void *ctx)
{
    sigset_t all, before;
    t->run          = run;
    t->ctx          = ctx;
    t->error.status = HOOP_OK;
    atomic_store(&t->done, false);
    (void)sigfillset(&all); /* signals are for the program's own threads */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    t->joinable = pthread_create(&t->thread, NULL, work, t) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!t->joinable) (void)work(t);
}

bool hoop__task_busy(const hoop__task *t)
{
    return t->joinable && !atomic_load(&t->done);
}

void hoop__task_join(hoop__task *t)
{
    if (t->joinable) (void)pthread_join(t->thread, NULL);
    t->joinable = false;
}

hoop_status hoop__task_wait(hoop_trainer *tr, hoop__task *t, const char *what, hoop_error *err)
{
    const hoop_reducer *max   = hoop_reducer_of(HOOP_I64, HOOP_MAX);
    struct timespec     pause = {0, 1000000};
    hoop_error          local;
    int64_t             busy;
    hoop_status         st;
    if (hoop_comm_size(tr->comm) == 1) hoop__task_join(t);
    for (;;) {
        busy = hoop__task_busy(t);
        HOOP_TRY(st, done, hoop_comm_all_reduce_wait(tr->comm, &busy, 1, max, what, err));
        if (busy == 0) break;
        (void)nanosleep(&pause, NULL);
        if (pause.tv_nsec < 32000000) pause.tv_nsec *= 2;
    }
    hoop__task_join(t);
    local           = t->error;
    t->error.status = HOOP_OK;
    st              = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) (void)hoop_fail(err, st, "%s", local.text);
done:
    return st;
}
