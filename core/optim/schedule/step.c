/* step: lr drops by a factor now and then. */
#include "hoop/optim.h"

#include "kernels/vmath64.h"

extern const hoop_schedule_kind hoop__schedule_step;

static const hoop_option rows[] = {
    {"every_steps", HOOP_OPT_INT, offsetof(hoop_step_opts, every_steps), "1000", 1, 1e12, NULL, true,
     "steps between drops, counted behind the warm-up"},
    {"gamma", HOOP_OPT_FLOAT, offsetof(hoop_step_opts, gamma), "0.1", 0, 1, NULL, true, "factor of each drop"},
};

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_step_opts *o = opts;
    (void)steps;
    return v_power_f64(o->gamma, step / o->every_steps);
}

const hoop_schedule_kind hoop__schedule_step = {
    .name      = "step",
    .help      = "lr drops by a factor every so many steps",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_step_opts),
    .factor    = factor,
};
