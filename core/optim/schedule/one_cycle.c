/* one_cycle: up to lr, and down to next to nothing. Smith & Topin, 'Super-Convergence', 2018. As PyTorch's OneCycleLR with
 * cycle_momentum=False. */
#include "hoop/optim.h"

#include "optim/kinds.h"

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
    {"total_steps", HOOP_OPT_INT, AT(total_steps), "auto", 2, 1e15, NULL, true, HOOP__TOTAL_STEPS},
};
#undef AT

static double factor(const void *opts, int64_t step, int64_t steps)
{
    const hoop_one_cycle_opts *o     = opts;
    const double               total = (double)(o->total_steps == HOOP_OPT_AUTO ? steps : o->total_steps);
    const double               low = 1.0 / o->div_factor, least = low / o->final_div_factor, at = (double)step;
    const double               top = o->pct_start * total - 1.0, back = o->three_phase ? 2.0 * o->pct_start * total - 2.0 : top;
    double                     from = 0.0, to = top, a = low, b = 1.0, share;
    if (at > top) from = top, to = back, a = 1.0, b = low;
    if (at > back || (at > top && !o->three_phase)) from = back, to = total - 1.0, a = o->three_phase ? low : 1.0, b = least;
    share = to > from ? (at - from) / (to - from) : 1.0;
    if (share > 1.0) share = 1.0;
    return o->anneal_strategy == STRATEGY_COS ? hoop__schedule_wave(a, b, share) : a + (b - a) * share;
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
    .factor    = factor,
};
