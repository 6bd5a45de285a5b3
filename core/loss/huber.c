/* huber: squares near the target, lines beyond delta; weight: elements. Huber, Ann. Math. Statist. 1964. */
#include "hoop/loss.h"
#include "hoop/ops.h"

#include <math.h>

extern const hoop_loss_kind hoop__loss_huber;

typedef struct huber_opts {
    double delta;
} huber_opts;
#define AT(field) offsetof(huber_opts, field)
static const hoop_option rows[] = {
    {"delta", HOOP_OPT_FLOAT, AT(delta), "1.0", 1e-9, 1e30, NULL, true, "where squares give way to lines"},
};
#undef AT

/* out, target: (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const huber_opts *o = opts;
    return hoop_huber(t, out, target, o->delta);
}

static double element(double out, double target, const void *opts)
{
    const double delta = ((const huber_opts *)opts)->delta, size = fabs(out - target);
    return size < delta ? 0.5 * size * size : delta * (size - 0.5 * delta);
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
