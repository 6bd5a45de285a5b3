#include "observe/observe.h"

static hoop_status evaluate(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    (void)ctx;
    return hoop_trainer_about(tr)->validation_samples == 0 ? HOOP_OK : hoop_trainer_evaluate(tr, NULL, err, NULL);
}

static hoop_status evaluate_then(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    return hoop_trainer_about(tr)->validates ? evaluate(ctx, tr, err) : HOOP_OK;
}

/* a run that ends in between is looked at as well */
static hoop_status evaluate_end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    const hoop_trainer_status *s = hoop_trainer_about(tr);
    return s->validation_step == s->step || s->stopped ? HOOP_OK : evaluate(ctx, tr, err);
}

hoop_observer hoop__observe_validation(void)
{
    return (hoop_observer){.epoch = evaluate_then, .end = evaluate_end};
}
