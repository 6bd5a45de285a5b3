#include "hoop/optim.h"

#include "base/threads.h"
#include "kernels/vmath64.h"

#include <math.h>

static const char *const names[] = {"constant", "cosine", "step", NULL};
#define AT(field) offsetof(hoop_schedule_opts, field)
static const hoop_option options[] = {
    {"name", HOOP_OPT_ENUM, AT(kind), "constant", 0, 0, names, true, "how the learning rate goes after warm-up"},
    {"warmup_steps", HOOP_OPT_INT, AT(warmup_steps), "0", 0, 1e12, NULL, true, "steps of linear warm-up from 0"},
    {"min_factor", HOOP_OPT_FLOAT, AT(min_factor), "0.0", 0, 1, NULL, true, "cosine: where it ends, as a factor of lr"},
    {"every_steps", HOOP_OPT_INT, AT(every_steps), "1000", 1, 1e12, NULL, true, "step: steps between drops"},
    {"gamma", HOOP_OPT_FLOAT, AT(gamma), "0.1", 0, 1, NULL, true, "step: factor of each drop"},
};
#undef AT
const hoop_option_table hoop_schedule_options = {"schedule", options, (int)(sizeof options / sizeof options[0])};

/* cosine: Loshchilov & Hutter, ICLR 2017, one cycle */
static HOOP_NOINLINE double factor(const hoop_schedule_opts *s, int64_t step, int64_t total_steps)
{
    int64_t after = step - s->warmup_steps, span = total_steps - s->warmup_steps;
    double  cosine, sine;
    if (step < s->warmup_steps) return (double)(step + 1) / (double)s->warmup_steps;
    switch ((hoop_schedule_kind)s->kind) {
    case HOOP_SCHEDULE_COSINE:
        if (span <= 0 || after >= span) return s->min_factor;
        v_turn_f64((double)after / (double)span * 0.5, &cosine, &sine);
        return s->min_factor + (1.0 - s->min_factor) * 0.5 * (1.0 + cosine);
    case HOOP_SCHEDULE_STEP:
        return v_power_f64(s->gamma, after / s->every_steps);
    case HOOP_SCHEDULE_CONSTANT:
    default:
        return 1.0;
    }
}

/* What a config gives needs no look at the table, which is written for people and slow. */
static bool is_resolved(const hoop_schedule_opts *s)
{
    return s->kind >= 0 && s->kind <= HOOP_SCHEDULE_STEP && s->warmup_steps >= 0 && s->warmup_steps <= 1000000000000 &&
           s->min_factor >= 0 && s->min_factor <= 1 && s->every_steps >= 1 && s->every_steps <= 1000000000000 && s->gamma > 0 &&
           s->gamma <= 1;
}

double hoop_schedule_factor(const hoop_schedule_opts *s, int64_t step, int64_t total_steps)
{
    hoop_schedule_opts opts = *s;
    uint64_t           mode;
    double             f;
    if (!is_resolved(s) && hoop_option_resolve(&hoop_schedule_options, &opts, NULL) != HOOP_OK) return (double)NAN;
    mode = hoop_fp_enter();
    f    = factor(&opts, step, total_steps);
    hoop_fp_restore(mode);
    return f;
}
