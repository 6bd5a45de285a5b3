/* l1: absolute error; weight: elements. */
#include "hoop/loss.h"
#include "hoop/ops.h"

#include <math.h>

extern const hoop_loss_kind hoop__loss_l1;

/* out, target: (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    (void)opts;
    return hoop_l1(t, out, target);
}

/* |out - target| */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    hoop_tensor *e = hoop_sub(t, out, target);
    (void)lengths, (void)opts;
    return hoop_loss_sum(t, hoop_abs(t, e), NULL, w);
}

static double element(double out, double target, const void *opts)
{
    (void)opts;
    return fabs(out - target);
}

static const char *const metrics[] = {"rmse", "mae", "r2", NULL};

const hoop_loss_kind hoop__loss_l1 = {
    .name     = "l1",
    .help     = "for real targets: absolute error",
    .forward  = forward,
    .weighted = weighted,
    .element  = element,
    .metrics  = metrics,
};
