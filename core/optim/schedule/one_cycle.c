/* one_cycle: up to lr, and down to next to nothing. Smith & Topin, 'Super-Convergence', 2018, and momentum the other way.
 * As PyTorch's OneCycleLR, where cycle_momentum is on unless one says otherwise. */
#include "hoop/optim.h"

#include "optim/kinds.h"

#include <math.h>

extern const hoop_schedule_kind hoop__schedule_one_cycle;

static const char *const strategies[] = {"cos", "linear", NULL};
enum { STRATEGY_COS };
#define AT(field) offsetof(hoop_one_cycle_opts, field)
static const hoop_option rows[] = {
    {"pct_start", HOOP_OPT_FLOAT, AT(pct_start), "0.3", 0, 1, NULL, true, "share of the steps in which lr rises"},
    {"div_factor", HOOP_OPT_FLOAT, AT(div_factor), "25.0", 1e-6, 1e12, NULL, true, "it begins at lr / div_factor"},
    {"final_div_factor", HOOP_OPT_FLOAT, AT(final_div_factor), "1e4", 1e-6, 1e12, NULL, true,
     "and ends at lr / div_factor / final_div_factor"},
    {"anneal_strategy", HOOP_OPT_ENUM, AT(anneal_strategy), "cos", 0, 0, strategies, true, "half cosines, or straight lines"},
    {"three_phase", HOOP_OPT_BOOL, AT(three_phase), "false", 0, 0, NULL, true,
     "down to where it began in as many steps as it rose, and then to its end"},
    {"cycle_momentum", HOOP_OPT_BOOL, AT(cycle_momentum), "false", 0, 0, NULL, true,
     "momentum, or beta1, of the optimizer goes from max_momentum down to base_momentum while lr rises, and back, in place of "
     "what "
     "the optimizer says"},
    {"base_momentum", HOOP_OPT_FLOAT, AT(base_momentum), "0.85", 0.001, 0.999999, NULL, true, "momentum at the highest lr"},
    {"max_momentum", HOOP_OPT_FLOAT, AT(max_momentum), "0.95", 0.001, 0.999999, NULL, true, "momentum at its begin and end"},
    {"total_steps", HOOP_OPT_INT, AT(total_steps), "auto", 2, 1e15, NULL, true, HOOP__TOTAL_STEPS},
};
#undef AT

/* from `first` to `second` where lr rises, back where it falls again, and to `last` at the end */
typedef struct way {
    double first, second, last;
} way;

static double value(const hoop_one_cycle_opts *o, const way *w, int64_t step, int64_t steps)
{
    const double total = (double)(o->total_steps == HOOP_OPT_AUTO ? steps : o->total_steps), at = (double)step;
    const double top = o->pct_start * total - 1.0, back = o->three_phase ? 2.0 * o->pct_start * total - 2.0 : top;
    double       from = 0.0, to = top, a = w->first, b = w->second, share;
    if (at > top) from = top, to = back, a = w->second, b = w->first;
    if (at > back || (at > top && !o->three_phase))
        from = back, to = total - 1.0, a = o->three_phase ? w->first : w->second, b = w->last;
    share = to > from ? (at - from) / (to - from) : 1.0;
    if (share > 1.0) share = 1.0;
    return o->anneal_strategy == STRATEGY_COS ? hoop__schedule_wave(a, b, share) : a + (b - a) * share;
}

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_one_cycle_opts *o   = opts;
    const double               low = 1.0 / o->div_factor;
    return value(o, &(way){low, 1.0, low / o->final_div_factor}, step, steps);
}

static double momentum(const void *opts, int64_t step, int64_t steps)
{
    const hoop_one_cycle_opts *o = opts;
    if (!o->cycle_momentum) return (double)NAN;
    return value(o, &(way){o->max_momentum, o->base_momentum, o->max_momentum}, step, steps);
}

static hoop_status check(const void *opts, hoop_error *err)
{
    const hoop_one_cycle_opts *o = opts;
    if (o->base_momentum <= o->max_momentum) return HOOP_OK;
    return hoop_fail(err, HOOP_ECONFIG, "base_momentum: is %g, above max_momentum, %g; it is that of the highest lr",
                     o->base_momentum, o->max_momentum);
}

static bool by_end(const void *opts)
{
    return ((const hoop_one_cycle_opts *)opts)->total_steps == HOOP_OPT_AUTO;
}

const hoop_schedule_kind hoop__schedule_one_cycle = {
    .name      = "one_cycle",
    .help      = "from a fraction of lr up to it, and down to next to nothing, over all steps",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_one_cycle_opts),
    .by_end    = by_end,
    .check     = check,
    .factor    = factor,
    .momentum  = momentum,
};
