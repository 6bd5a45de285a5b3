/* cross_entropy: minus the log-probability of the label; weight: labels that are not HOOP_IGNORE_LABEL. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_cross_entropy;

/* out: logits (n, ..., C), target: labels (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    (void)opts;
    return hoop_cross_entropy(t, out, target);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_cross_entropy = {
    .name    = "cross_entropy",
    .help    = "for classes: minus the log-probability of the label",
    .classes = true,
    .forward = forward,
    .metrics = metrics,
};
