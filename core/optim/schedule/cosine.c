/* cosine: half a wave from lr to its end. Loshchilov & Hutter, ICLR 2017, one cycle. */
#include "hoop/optim.h"

#include "kernels/vmath64.h"

extern const hoop_schedule_kind hoop__schedule_cosine;

static const hoop_option rows[] = {
    {"min_factor", HOOP_OPT_FLOAT, offsetof(hoop_cosine_opts, min_factor), "0.0", 0, 1, NULL, true,
     "where it ends, as a factor of lr"},
};

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_cosine_opts *o = opts;
    double                  cosine, sine;
    if (steps <= 0 || step >= steps) return o->min_factor;
    v_turn_f64((double)step / (double)steps * 0.5, &cosine, &sine);
    return o->min_factor + (1.0 - o->min_factor) * 0.5 * (1.0 + cosine);
}

const hoop_schedule_kind hoop__schedule_cosine = {
    .name      = "cosine",
    .help      = "half a cosine from lr down, over all steps",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_cosine_opts),
    .by_end    = true,
    .factor    = factor,
};
