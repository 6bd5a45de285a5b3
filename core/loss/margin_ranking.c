/* margin_ranking: which of two outputs is the larger, the first (target 1) or the second (-1)? weight: pairs. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_margin_ranking;

typedef struct margin_ranking_opts {
    double margin;
} margin_ranking_opts;
static const hoop_option rows[] = {
    {"margin", HOOP_OPT_FLOAT, offsetof(margin_ranking_opts, margin), "0.0", -1e30, 1e30, NULL, true,
     "by so much it is to be the larger"},
};

static const char *fits(int ndim, const int64_t *out, int target_ndim, const int64_t *target)
{
    bool fine = ndim == target_ndim && ndim >= 1;
    for (int d = 0; d < ndim && fine; d++) fine = out[d] == (d == ndim - 1 ? 2 * target[d] : target[d]);
    return fine ? NULL : "outputs (N, ..., 2 D), what is compared, beside targets (N, ..., D) of 1 and -1";
}

/* out: first and second ones (n, ..., 2 D), target: (n, ..., D) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const double margin = ((const margin_ranking_opts *)opts)->margin;
    hoop_tensor *first, *second, *apart;
    int64_t      d;
    (void)lengths;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target) || hoop_tensor_ndim(target) < 1)
        return hoop_mse(t, out, target);
    d      = hoop_tensor_size(target, -1);
    first  = hoop_slice(t, out, -1, 0, d);
    second = hoop_slice(t, out, -1, d, d);
    apart  = hoop_mul(t, hoop_sub(t, second, first), target);
    apart  = hoop_relu(t, hoop_shift(t, apart, margin));
    return hoop_loss_sum(t, apart, NULL, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_margin_ranking = {
    .name      = "margin_ranking",
    .help      = "for targets of 1 and -1: is the first half of the outputs above the second, or below?",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(margin_ranking_opts),
    .forward   = forward,
    .weighted  = weighted,
    .fits      = fits,
    .outputs   = 2,
    .metrics   = metrics,
};
