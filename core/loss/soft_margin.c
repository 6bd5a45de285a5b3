/* soft_margin: log(1 + exp(-target x)) for targets of 1 and -1; weight: elements. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_soft_margin;

/* out, target: (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    hoop_tensor *loss, *sum, *count;
    (void)opts;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target)) return hoop_mse(t, out, target);
    loss  = hoop_log_sigmoid(t, hoop_mul(t, out, target));
    sum   = hoop_neg(t, hoop_sum(t, loss, HOOP_ALL_DIMS, false));
    count = hoop_fill(t, HOOP_F64, 0, NULL, (double)hoop_tensor_numel(target));
    return hoop_loss(t, sum, count);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_soft_margin = {
    .name    = "soft_margin",
    .help    = "for targets of 1 and -1: log(1 + exp(-target x))",
    .forward = forward,
    .metrics = metrics,
};
