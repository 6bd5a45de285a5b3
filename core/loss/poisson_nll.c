/* poisson_nll: minus the log-likelihood of counts; weight: elements. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_poisson_nll;

typedef struct poisson_nll_opts {
    double eps;
    bool   log_input;
    bool   full;
} poisson_nll_opts;
#define AT(field) offsetof(poisson_nll_opts, field)
static const hoop_option rows[] = {
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-8", 0, 1, NULL, true, "added to outputs before their log, where log_input is false"},
    {"log_input", HOOP_OPT_BOOL, AT(log_input), "true", 0, 0, NULL, true, "outputs are logs of rates; false: rates"},
    {"full", HOOP_OPT_BOOL, AT(full), "false", 0, 0, NULL, true, "with Stirling's formula for the log of target!"},
};
#undef AT

/* out, target: (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const poisson_nll_opts *o = opts;
    return hoop_poisson_nll(t, out, target, o->log_input, o->full, o->eps);
}

/* of targets above 1: target log target - target + log(2 pi target) / 2 */
static hoop_tensor *stirling(hoop_tape *t, hoop_tensor *target)
{
    hoop_tensor *one   = hoop_fill(t, hoop_tensor_dtype(target), 0, NULL, 1.0), *most, *logs, *all;
    hoop_tensor *above = hoop_greater(t, target, one);
    most               = hoop_maximum(t, target, one);
    logs               = hoop_log(t, most);
    all                = hoop_mul(t, logs, hoop_shift(t, most, 0.5));
    all                = hoop_sub(t, all, most);
    all                = hoop_shift(t, all, 0.91893853320467274178); /* log(2 pi) / 2 */
    return hoop_mul(t, all, above);
}

/* as hoop_poisson_nll has it */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const poisson_nll_opts *o = opts;
    hoop_tensor            *rate, *logs, *each;
    (void)lengths;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target)) return hoop_mse(t, out, target);
    rate = o->log_input ? hoop_exp(t, out) : out;
    logs = o->log_input ? out : hoop_log(t, hoop_shift(t, out, o->eps));
    each = hoop_sub(t, rate, hoop_mul(t, target, logs));
    if (o->full) each = hoop_add(t, each, stirling(t, target));
    return hoop_loss_sum(t, each, NULL, w);
}

static const char *const metrics[] = {"rmse", "mae", NULL};

const hoop_loss_kind hoop__loss_poisson_nll = {
    .name      = "poisson_nll",
    .help      = "for counts: minus their log-likelihood under Poisson distributions",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(poisson_nll_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};
