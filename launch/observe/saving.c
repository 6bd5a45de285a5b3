#include "observe/observe.h"

bool hoop__saves_now(hoop_trainer *tr)
{
    const hoop_trainer_status *s     = hoop_trainer_about(tr);
    int64_t                    every = hoop_trainer_save_every(tr);
    return s->step < s->steps && ((every > 0 && s->step % every == 0) || s->best_step == s->step);
}

/* Where the validation data are looked at, that is first: what goes by their metrics is part of the checkpoint. */
static hoop_status save_step(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    const hoop_trainer_status *s = hoop_trainer_about(tr);
    (void)ctx;
    return hoop__saves_now(tr) && !s->epoch_end && !s->validates ? hoop_trainer_save(tr, err) : HOOP_OK;
}

static hoop_status save_epoch(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    (void)ctx;
    return hoop__saves_now(tr) ? hoop_trainer_save(tr, err) : HOOP_OK;
}

static hoop_status save_end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop_status st;
    (void)ctx;
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
    if (hoop_trainer_about(tr)->saved_step != hoop_trainer_about(tr)->step) HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
done:
    return st;
}

hoop_observer hoop__observe_saving(void)
{
    return (hoop_observer){.step = save_step, .epoch = save_epoch, .end = save_end};
}
