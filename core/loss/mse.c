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

/* (out - target)^2 */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    hoop_tensor *e = hoop_sub(t, out, target);
    (void)lengths, (void)opts;
    return hoop_loss_sum(t, hoop_square(t, e), NULL, w);
}

static double element(double out, double target, const void *opts)
{
    const double e = out - target;
    (void)opts;
    return e * e;
}

static const char *const metrics[] = {"rmse", "mae", "r2", NULL};

const hoop_loss_kind hoop__loss_mse = {
    .name     = "mse",
    .help     = "for real targets: squared error",
    .forward  = forward,
    .weighted = weighted,
    .element  = element,
    .metrics  = metrics,
};
