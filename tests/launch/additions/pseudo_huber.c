/* pseudo_huber: a smooth curve, squares near the target and lines of slope delta far from it; weight: elements. Charbonnier et
 * al., ICIP 1994. */
#include "hoop/loss.h"
#include "hoop/ops.h"

#include <math.h>

extern const hoop_loss_kind hoop__loss_pseudo_huber;

typedef struct pseudo_huber_opts {
    double delta;
} pseudo_huber_opts;

static const hoop_option rows[] = {
    {"delta", HOOP_OPT_FLOAT, offsetof(pseudo_huber_opts, delta), "1.0", 1e-9, 1e9, NULL, true,
     "where squares give way to lines"},
};

/* the sum of delta^2 (sqrt(1 + (e / delta)^2) - 1) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const double delta  = ((const pseudo_huber_opts *)opts)->delta;
    hoop_tensor *error  = hoop_scale(t, hoop_sub(t, out, target), 1.0 / delta);
    hoop_tensor *root   = hoop_sqrt(t, hoop_shift(t, hoop_mul(t, error, error), 1.0));
    hoop_tensor *curve  = hoop_scale(t, hoop_shift(t, root, -1.0), delta * delta);
    hoop_tensor *sum    = hoop_sum(t, curve, HOOP_ALL_DIMS, false);
    hoop_tensor *weight = hoop_fill(t, HOOP_F64, 0, NULL, (double)hoop_tensor_numel(target));
    return hoop_loss(t, sum, weight);
}

static double element(double out, double target, const void *opts)
{
    const double delta = ((const pseudo_huber_opts *)opts)->delta, e = (out - target) / delta;
    return delta * delta * (sqrt(1 + e * e) - 1);
}

static const char *const metrics[] = {"rmse", "mae", "r2", NULL};

const hoop_loss_kind hoop__loss_pseudo_huber = {
    .name      = "pseudo_huber",
    .help      = "for real targets: half the squared error near them, a line far from them, and a curve between",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(pseudo_huber_opts),
    .forward   = forward,
    .element   = element,
    .metrics   = metrics,
};
