/* huber: squares near the target, lines beyond delta; weight: elements. Huber, Ann. Math. Statist. 1964; torch.nn.HuberLoss. */
#include "hoop/loss.h"
#include "hoop/ops.h"

#include <math.h>

extern const hoop_loss_kind hoop__loss_huber;

typedef struct huber_opts {
    double delta;
} huber_opts;

static const hoop_option rows[] = {
    {"delta", HOOP_OPT_FLOAT, offsetof(huber_opts, delta), "1.0", 1e-9, 1e9, NULL, true, "where squares give way to lines"},
};

/* |e| = square + line, with line = max(|e| - delta, 0): the sum of 0.5 square^2 + delta line */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const double delta  = ((const huber_opts *)opts)->delta;
    hoop_tensor *error  = hoop_sub(t, out, target);
    hoop_tensor *minus  = hoop_neg(t, error);
    hoop_tensor *above  = hoop_relu(t, error);
    hoop_tensor *below  = hoop_relu(t, minus);
    hoop_tensor *size   = hoop_add(t, above, below);
    hoop_tensor *line   = hoop_relu(t, hoop_shift(t, size, -delta));
    hoop_tensor *square = hoop_sub(t, size, line);
    hoop_tensor *near   = hoop_scale(t, hoop_mul(t, square, square), 0.5);
    hoop_tensor *far    = hoop_scale(t, line, delta);
    hoop_tensor *sum    = hoop_sum(t, hoop_add(t, near, far), HOOP_ALL_DIMS, false);
    hoop_tensor *weight = hoop_fill(t, HOOP_F64, 0, NULL, (double)hoop_tensor_numel(target));
    return hoop_loss(t, sum, weight);
}

static double element(double out, double target, const void *opts)
{
    const double delta = ((const huber_opts *)opts)->delta, size = fabs(out - target);
    return size <= delta ? 0.5 * size * size : delta * (size - 0.5 * delta);
}

static const char *const metrics[] = {"rmse", "mae", "r2", NULL};

const hoop_loss_kind hoop__loss_huber = {
    .name      = "huber",
    .help      = "for real targets: half the squared error up to delta, then a line",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(huber_opts),
    .forward   = forward,
    .element   = element,
    .metrics   = metrics,
};
