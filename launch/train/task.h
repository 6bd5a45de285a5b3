/** train/task.h - what takes as long as a disk does, done on a thread beside the trainer's. */
#ifndef HOOP_TRAINER_TASK_H
#define HOOP_TRAINER_TASK_H

#include <pthread.h>
#include <stdatomic.h>

#include "train/trainer.h"

typedef hoop_status hoop__task_fn(void *ctx, hoop_error *err);

/* All zero: none is under way. */
typedef struct hoop__task {
    hoop__task_fn *run;
    void          *ctx;
    hoop_error     error; /* its own: for others once it was joined */
    pthread_t      thread;
    bool           joinable;
    atomic_bool    done;
} hoop__task;

/** Start it; where there can be no thread, do it here. What it uses stays as it is until it is joined. */
void hoop__task_start(hoop__task *t, hoop__task_fn *run, void *ctx);
bool hoop__task_busy(const hoop__task *t);
/** Wait for it, deaf to other ranks. */
void hoop__task_join(hoop__task *t);
/** Wait until it is over on all ranks, and agree on how: as hoop_comm_agree_status. Ranks tell each other meanwhile that they are
 * there, so that `timeout_s` is not for slow disks. A rank that has none waits with the others. Collective. */
hoop_status hoop__task_wait(hoop_trainer *tr, hoop__task *t, const char *what, hoop_error *err);

#endif
