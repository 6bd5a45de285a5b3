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

/* target (log target - out), where 0 log 0 = 0, or e^target (target - out) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    hoop_tensor  *p = target, *logs = target, *none, *count;
    const int64_t n = hoop_tensor_is_poison(out) || hoop_tensor_ndim(out) < 1 ? 1 : hoop_tensor_size(out, 0);
    (void)lengths;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target)) return hoop_mse(t, out, target);
    if (((const kl_div_opts *)opts)->log_target) {
        p = hoop_exp(t, target);
    } else {
        none = hoop_logical_not(t, target);
        logs = hoop_log(t, hoop_add(t, target, none));
    }
    count = hoop_fill(t, hoop_tensor_dtype(out), 1, &n, 1.0);
    p     = hoop_mul(t, p, hoop_sub(t, logs, out));
    return hoop_loss_sum(t, p, count, w);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_kl_div = {
    .name      = "kl_div",
    .help      = "for distributions: Kullback-Leibler divergence, outputs being log-probabilities; its mean is over samples",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(kl_div_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};
