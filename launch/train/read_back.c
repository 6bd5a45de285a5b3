/* The last checkpoint, read back from the disk. */
#include "train/trainer.h"

#include "hoop/inspect.h"
#include "train/task.h"

typedef struct saved {
    char path[HOOP_CHECKPOINT_PATH], *hex;
} saved;

static hoop_status hash_saved(void *ctx, hoop_error *err)
{
    saved           *x = ctx;
    hoop_checkpoint *c = NULL;
    hoop_status      st;
    HOOP_TRY(st, done, hoop_checkpoint_open(x->path, err, &c));
    st = hoop_checkpoint_hash(c, false, err, x->hex);
done:
    hoop_checkpoint_close(&c);
    return st;
}

hoop_status hoop_trainer_hash_saved(hoop_trainer *tr, hoop_error *err, char hex[HOOP_CHECKPOINT_HASH_SIZE])
{
    hoop__task  task = {.joinable = false};
    saved       x    = {.hex = hex};
    hoop_status st;
    hex[0] = '\0';
    if (tr->opts.run_dir == NULL || tr->status.saved_step != tr->status.step) /* the same on all ranks */
        return hoop_fail(err, HOOP_ESTATE, "step %lld is not saved: there is nothing to read back", (long long)tr->status.step);
    HOOP_TRY(st, done, hoop_checkpoint_step_path(tr->opts.run_dir, tr->status.step, err, x.path));
    if (hoop_comm_rank(tr->comm) == 0) hoop__task_start(&task, hash_saved, &x);
    st = hoop__task_wait(tr, &task, "reading the checkpoint back", err);
    hoop__task_join(&task);
done:
    return st;
}
