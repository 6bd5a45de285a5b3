/* mse: squared error; weight: elements. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_mse;

/* out, target: (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    (void)opts;
    return hoop_mse(t, out, target);
}

static double element(double out, double target, const void *opts)
{
    const double e = out - target;
    (void)opts;
    return e * e;
}

static const char *const metrics[] = {"rmse", "mae", "r2", NULL};

const hoop_loss_kind hoop__loss_mse = {
    .name    = "mse",
    .help    = "for real targets: squared error",
    .forward = forward,
    .element = element,
    .metrics = metrics,
};
