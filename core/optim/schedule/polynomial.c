/* polynomial: a power of what is left. As PyTorch's PolynomialLR. */
#include "hoop/optim.h"

#include "kernels/vmath64.h"
#include "optim/kinds.h"

extern const hoop_schedule_kind hoop__schedule_polynomial;

#define AT(field) offsetof(hoop_polynomial_opts, field)
static const hoop_option rows[] = {
    {"power", HOOP_OPT_FLOAT, AT(power), "1.0", 0, 100, NULL, true, "of the share of steps that are left"},
    {"min_factor", HOOP_OPT_FLOAT, AT(min_factor), "0.0", 0, 1, NULL, true, "where it ends, as a factor of lr"},
    {"total_steps", HOOP_OPT_INT, AT(total_steps), "auto", 1, 1e15, NULL, true, HOOP__TOTAL_STEPS},
};
#undef AT

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_polynomial_opts *o    = opts;
    const double                left = 1.0 - hoop__schedule_share(o->total_steps, step, steps);
    return o->min_factor + (1.0 - o->min_factor) * (left > 0.0 ? v_exp_f64(o->power * v_log_f64(left)) : 0.0);
}

static bool by_end(const void *opts)
{
    return ((const hoop_polynomial_opts *)opts)->total_steps == HOOP_OPT_AUTO;
}

const hoop_schedule_kind hoop__schedule_polynomial = {
    .name      = "polynomial",
    .help      = "a power of the share of steps that are left",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_polynomial_opts),
    .by_end    = by_end,
    .factor    = factor,
};
