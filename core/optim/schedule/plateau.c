/* plateau: lr drops where a metric of the validation data has stopped to improve. As PyTorch's ReduceLROnPlateau with eps=0. */
#include "hoop/optim.h"

#include <math.h>

extern const hoop_schedule_kind hoop__schedule_plateau;

static const char *const thresholds[] = {"rel", "abs", NULL};
enum { THRESHOLD_REL };
#define AT(field) offsetof(hoop_plateau_opts, field)
static const hoop_option rows[] = {
    {"metric", HOOP_OPT_STRING, AT(metric), "loss", 0, 0, NULL, true,
     "of the validation data, as its lines name it: loss, accuracy, p.rmse"},
    {"mode", HOOP_OPT_ENUM, AT(mode), "auto", 0, 0, hoop_watch_modes, true,
     "min: less is better; max: more is; auto: as of the metric"},
    {"factor", HOOP_OPT_FLOAT, AT(factor), "0.1", 0, 1, NULL, true, "factor of each drop"},
    {"patience", HOOP_OPT_FLOAT, AT(patience), "10", 0, 1e9, NULL, true,
     "evaluations without improvement that are waited for (validation.every_steps)"},
    {"threshold", HOOP_OPT_FLOAT, AT(threshold), "1e-4", 0, 1e12, NULL, true, "an improvement is one by more than this"},
    {"threshold_mode", HOOP_OPT_ENUM, AT(threshold_mode), "rel", 0, 0, thresholds, true,
     "rel: as a share of the best value; abs: as it is"},
    {"cooldown", HOOP_OPT_INT, AT(cooldown), "0", 0, 1e9, NULL, true, "evaluations after a drop that are not counted"},
    {"min_factor", HOOP_OPT_FLOAT, AT(min_factor), "0.0", 0, 1, NULL, true, "least factor of lr"},
};
#undef AT

enum { FED, FACTOR, BEST, BAD, COOLDOWN }; /* state; FED: how many were */

/* of type float, so that 0 is not the default */
static hoop_status check(const void *opts, hoop_error *err)
{
    const double patience = ((const hoop_plateau_opts *)opts)->patience;
    if (patience == (double)(int64_t)patience) return HOOP_OK;
    return hoop_fail(err, HOOP_ECONFIG, "patience: %g is no whole number", patience);
}

static bool better(const hoop_plateau_opts *o, double value, double best)
{
    const bool rel = o->threshold_mode == THRESHOLD_REL; /* multiplied: an infinite value is improved on */
    if (o->mode == HOOP_WATCH_MAX) return value > (rel ? best * (1.0 + o->threshold) : best + o->threshold);
    return value < (rel ? best * (1.0 - o->threshold) : best - o->threshold);
}

static void feed(const void *opts, double value, double *state)
{
    const hoop_plateau_opts *o = opts;
    double                   lower;
    if (state[FED] == 0.0) {
        state[FACTOR] = 1.0;
        state[BEST]   = o->mode == HOOP_WATCH_MAX ? -INFINITY : INFINITY;
    }
    state[FED] += 1.0;
    if (better(o, value, state[BEST])) {
        state[BEST] = value;
        state[BAD]  = 0.0;
    } else {
        state[BAD] += 1.0;
    }
    if (state[COOLDOWN] > 0.0) {
        state[COOLDOWN] -= 1.0;
        state[BAD] = 0.0;
    }
    if (state[BAD] <= o->patience) return;
    lower           = state[FACTOR] * o->factor;
    state[FACTOR]   = lower < o->min_factor ? o->min_factor : lower;
    state[COOLDOWN] = (double)o->cooldown;
    state[BAD]      = 0.0;
}

static double factor_now(const void *opts, const double *state)
{
    (void)opts;
    return state[FED] == 0.0 ? 1.0 : state[FACTOR];
}

static void watched(const void *opts, hoop_watched *out)
{
    const hoop_plateau_opts *o = opts;
    *out                       = (hoop_watched){o->metric[0] == '\0' ? "loss" : o->metric, o->mode};
}

static void set_mode(void *opts, int mode)
{
    ((hoop_plateau_opts *)opts)->mode = mode;
}

const hoop_schedule_kind hoop__schedule_plateau = {
    .name       = "plateau",
    .help       = "lr drops by a factor where a metric of the validation data has stopped to improve",
    .options    = HOOP_OPTIONS(rows),
    .opts_size  = sizeof(hoop_plateau_opts),
    .check      = check,
    .watched    = watched,
    .set_mode   = set_mode,
    .feed       = feed,
    .factor_now = factor_now,
};
