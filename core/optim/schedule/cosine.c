/* cosine: half a wave from lr to its end. Loshchilov & Hutter, ICLR 2017, one cycle. */
#include "hoop/optim.h"

#include "optim/kinds.h"

extern const hoop_schedule_kind hoop__schedule_cosine;

#define AT(field) offsetof(hoop_cosine_opts, field)
static const hoop_option rows[] = {
    {"min_factor", HOOP_OPT_FLOAT, AT(min_factor), "0.0", 0, 1, NULL, true, "where it ends, as a factor of lr"},
    {"total_steps", HOOP_OPT_INT, AT(total_steps), "auto", 1, 1e15, NULL, true, HOOP__TOTAL_STEPS},
};
#undef AT

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_cosine_opts *o = opts;
    return hoop__schedule_wave(1.0, o->min_factor, hoop__schedule_share(o->total_steps, step, steps));
}

static bool by_end(const void *opts)
{
    return ((const hoop_cosine_opts *)opts)->total_steps == HOOP_OPT_AUTO;
}

const hoop_schedule_kind hoop__schedule_cosine = {
    .name      = "cosine",
    .help      = "half a cosine from lr down, over all steps",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_cosine_opts),
    .by_end    = by_end,
    .factor    = factor,
};
