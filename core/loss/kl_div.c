/* kl_div: divergence of a target distribution from log-probabilities; weight: rows, as PyTorch's batchmean. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_kl_div;

typedef struct kl_div_opts {
    bool log_target;
} kl_div_opts;
#define AT(field) offsetof(kl_div_opts, field)
static const hoop_option rows[] = {
    {"log_target", HOOP_OPT_BOOL, AT(log_target), "false", 0, 0, NULL, true, "targets are log-probabilities too"},
};
#undef AT

/* out, target: (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const kl_div_opts *o = opts;
    return hoop_kl_div(t, out, target, o->log_target);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_kl_div = {
    .name      = "kl_div",
    .help      = "for distributions: Kullback-Leibler divergence, outputs being log-probabilities; its mean is over samples",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(kl_div_opts),
    .forward   = forward,
    .metrics   = metrics,
};
