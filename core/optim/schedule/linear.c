/* linear: a straight line. As PyTorch's LinearLR. */
#include "hoop/optim.h"

#include "optim/kinds.h"

extern const hoop_schedule_kind hoop__schedule_linear;

#define AT(field) offsetof(hoop_linear_schedule_opts, field)
static const hoop_option rows[] = {
    {"start_factor", HOOP_OPT_FLOAT, AT(start_factor), "1.0", 0, 1e6, NULL, true, "where it begins, as a factor of lr"},
    {"end_factor", HOOP_OPT_FLOAT, AT(end_factor), "0.0", 0, 1e6, NULL, true, "where it ends, as a factor of lr"},
    {"total_steps", HOOP_OPT_INT, AT(total_steps), "auto", 1, 1e15, NULL, true, HOOP__TOTAL_STEPS},
};
#undef AT

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_linear_schedule_opts *o = opts;
    return o->start_factor + (o->end_factor - o->start_factor) * hoop__schedule_share(o->total_steps, step, steps);
}

static bool by_end(const void *opts)
{
    return ((const hoop_linear_schedule_opts *)opts)->total_steps == HOOP_OPT_AUTO;
}

const hoop_schedule_kind hoop__schedule_linear = {
    .name      = "linear",
    .help      = "a straight line, over all steps",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_linear_schedule_opts),
    .by_end    = by_end,
    .factor    = factor,
};
