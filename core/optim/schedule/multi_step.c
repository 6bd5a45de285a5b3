/* multi_step: lr drops by a factor at given steps. As PyTorch's MultiStepLR. */
#include "hoop/optim.h"

#include "kernels/vmath64.h"

extern const hoop_schedule_kind hoop__schedule_multi_step;

#define AT(field) offsetof(hoop_multi_step_opts, field)
static const hoop_option rows[] = {
    {"milestones", HOOP_OPT_INTS, AT(milestones), "[]", 1, 1e15, NULL, true,
     "steps at which lr drops, counted behind the warm-up, such as [2000, 3000]"},
    {"gamma", HOOP_OPT_FLOAT, AT(gamma), "0.1", 0, 1e6, NULL, true, "factor of each drop"},
};
#undef AT

static hoop_status check(const void *opts, hoop_error *err)
{
    const hoop_multi_step_opts *o = opts;
    if (o->milestones.n == 0) return hoop_fail(err, HOOP_ECONFIG, "milestones: steps are wanted, such as [2000, 3000]");
    for (int i = 1; i < o->milestones.n; i++) {
        if (o->milestones.v[i] < o->milestones.v[i - 1])
            return hoop_fail(err, HOOP_ECONFIG, "milestones: %lld comes after %lld; they are wanted in order",
                             (long long)o->milestones.v[i], (long long)o->milestones.v[i - 1]);
    }
    return HOOP_OK;
}

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_multi_step_opts *o = opts;
    int                         n = 0;
    (void)steps;
    while (n < o->milestones.n && o->milestones.v[n] <= step) n++;
    return v_power_f64(o->gamma, n);
}

const hoop_schedule_kind hoop__schedule_multi_step = {
    .name      = "multi_step",
    .help      = "lr drops by a factor at given steps",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_multi_step_opts),
    .check     = check,
    .factor    = factor,
};
