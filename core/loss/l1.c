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

static double element(double out, double target, const void *opts)
{
    (void)opts;
    return fabs(out - target);
}

static const char *const metrics[] = {"rmse", "mae", "r2", NULL};

const hoop_loss_kind hoop__loss_l1 = {
    .name    = "l1",
    .help    = "for real targets: absolute error",
    .forward = forward,
    .element = element,
    .metrics = metrics,
};
