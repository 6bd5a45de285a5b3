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

static const char *const metrics[] = {"rmse", "mae", NULL};

const hoop_loss_kind hoop__loss_poisson_nll = {
    .name      = "poisson_nll",
    .help      = "for counts: minus their log-likelihood under Poisson distributions",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(poisson_nll_opts),
    .forward   = forward,
    .metrics   = metrics,
};
