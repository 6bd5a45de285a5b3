/* smooth_l1: squares near the target, lines of slope 1 beyond; weight: elements. Girshick, ICCV 2015. */
#include "hoop/loss.h"
#include "hoop/ops.h"

#include <math.h>

extern const hoop_loss_kind hoop__loss_smooth_l1;

typedef struct smooth_l1_opts {
    double beta;
} smooth_l1_opts;
#define AT(field) offsetof(smooth_l1_opts, field)
static const hoop_option rows[] = {
    {"beta", HOOP_OPT_FLOAT, AT(beta), "1.0", 0, 1e30, NULL, true, "where squares give way to lines; 0: l1"},
};
#undef AT

/* out, target: (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const smooth_l1_opts *o = opts;
    return hoop_smooth_l1(t, out, target, o->beta);
}

/* with s = |out - target| and c = s up to beta: c^2 / (2 beta) + s - c */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const double beta = ((const smooth_l1_opts *)opts)->beta;
    hoop_tensor *s    = hoop_abs(t, hoop_sub(t, out, target)), *c, *rest;
    (void)lengths;
    if (beta == 0.0) return hoop_loss_sum(t, s, NULL, w);
    c    = hoop_clamp(t, s, 0.0, beta);
    rest = hoop_sub(t, s, c);
    c    = hoop_scale(t, hoop_square(t, c), 0.5 / beta);
    return hoop_loss_sum(t, hoop_add(t, c, rest), NULL, w);
}

static double element(double out, double target, const void *opts)
{
    const double beta = ((const smooth_l1_opts *)opts)->beta, size = fabs(out - target);
    return size < beta ? 0.5 * size * size / beta : size - 0.5 * beta;
}

static const char *const metrics[] = {"rmse", "mae", "r2", NULL};

const hoop_loss_kind hoop__loss_smooth_l1 = {
    .name      = "smooth_l1",
    .help      = "for real targets: squared error over 2 beta up to beta, then a line of slope 1",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(smooth_l1_opts),
    .forward   = forward,
    .weighted  = weighted,
    .element   = element,
    .metrics   = metrics,
};
