#include "observe/observe.h"

#include "train/trainer.h"

static hoop_status evaluate(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    (void)ctx;
    if (tr->validation_set == NULL) return HOOP_OK;
    return hoop_trainer_evaluate(tr, NULL, err, &tr->status.validation);
}

/* a run that ends inside an epoch is looked at as well */
static hoop_status evaluate_end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    return tr->status.epoch_end || tr->status.stopped ? HOOP_OK : evaluate(ctx, tr, err);
}

hoop_observer hoop__observe_validation(void)
{
    return (hoop_observer){.epoch = evaluate, .end = evaluate_end};
}
