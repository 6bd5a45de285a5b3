/* exponential: lr by a factor in each step. As PyTorch's ExponentialLR. */
#include "hoop/optim.h"

#include "kernels/vmath64.h"

extern const hoop_schedule_kind hoop__schedule_exponential;

static const hoop_option rows[] = {
    {"gamma", HOOP_OPT_FLOAT, offsetof(hoop_exponential_opts, gamma), "0.999", 0, 1e6, NULL, true, "factor of each step"},
};

static double factor(const void *opts, int64_t step, int64_t steps)
{
    (void)steps;
    return v_power_f64(((const hoop_exponential_opts *)opts)->gamma, step);
}

const hoop_schedule_kind hoop__schedule_exponential = {
    .name      = "exponential",
    .help      = "lr times a factor in each step",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_exponential_opts),
    .factor    = factor,
};
