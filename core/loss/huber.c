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

/* with s = |out - target| and c = s up to delta: c^2 / 2 + delta (s - c) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const double delta = ((const huber_opts *)opts)->delta;
    hoop_tensor *s = hoop_abs(t, hoop_sub(t, out, target)), *c = hoop_clamp(t, s, 0.0, delta), *rest;
    (void)lengths;
    rest = hoop_scale(t, hoop_sub(t, s, c), delta);
    c    = hoop_scale(t, hoop_square(t, c), 0.5);
    return hoop_loss_sum(t, hoop_add(t, c, rest), NULL, w);
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
    .weighted  = weighted,
    .element   = element,
    .metrics   = metrics,
};
