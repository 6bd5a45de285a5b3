/* cosine_restarts: half waves, one after the other. Loshchilov & Hutter, 'SGDR: Stochastic Gradient Descent with Warm Restarts',
 * ICLR 2017. As PyTorch's CosineAnnealingWarmRestarts. */
#include "hoop/optim.h"

#include "optim/kinds.h"

extern const hoop_schedule_kind hoop__schedule_cosine_restarts;

#define AT(field) offsetof(hoop_cosine_restarts_opts, field)
static const hoop_option rows[] = {
    {"t_0", HOOP_OPT_INT, AT(t_0), "1000", 1, 1e12, NULL, true, "steps of the first wave, which begins behind the warm-up"},
    {"t_mult", HOOP_OPT_INT, AT(t_mult), "1", 1, 1000, NULL, true, "each wave is so many times as long as the one before it"},
    {"min_factor", HOOP_OPT_FLOAT, AT(min_factor), "0.0", 0, 1, NULL, true, "where a wave ends, as a factor of lr"},
};
#undef AT

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_cosine_restarts_opts *o = opts;
    int64_t                          n = o->t_0;
    (void)steps;
    if (o->t_mult == 1) step %= n;
    while (step >= n) { /* a few times: waves grow */
        step -= n;
        n *= o->t_mult;
    }
    return hoop__schedule_wave(1.0, o->min_factor, (double)step / (double)n);
}

const hoop_schedule_kind hoop__schedule_cosine_restarts = {
    .name      = "cosine_restarts",
    .help      = "half cosines from lr down, which begin anew",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_cosine_restarts_opts),
    .factor    = factor,
};
