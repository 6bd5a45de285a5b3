/* soft_margin: log(1 + exp(-target x)) for targets of 1 and -1; weight: elements. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_soft_margin;

/* out, target: (n, ...) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    (void)lengths, (void)opts;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target)) return hoop_mse(t, out, target);
    out = hoop_log_sigmoid(t, hoop_mul(t, out, target));
    return hoop_loss_sum(t, hoop_neg(t, out), NULL, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_soft_margin = {
    .name     = "soft_margin",
    .help     = "for targets of 1 and -1: log(1 + exp(-target x))",
    .forward  = forward,
    .weighted = weighted,
    .metrics  = metrics,
};
