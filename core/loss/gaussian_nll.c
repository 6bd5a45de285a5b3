/* gaussian_nll: minus the log-likelihood under normal distributions whose variance is predicted, too; weight: elements. Nix &
 * Weigend, ICNN 1994. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_gaussian_nll;

typedef struct gaussian_nll_opts {
    double eps;
    bool   full;
} gaussian_nll_opts;
#define AT(field) offsetof(gaussian_nll_opts, field)
static const hoop_option rows[] = {
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-6", 1e-30, 1e30, NULL, true, "least variance"},
    {"full", HOOP_OPT_BOOL, AT(full), "false", 0, 0, NULL, true, "with log(2 pi) / 2"},
};
#undef AT

static const char *fits(int ndim, const int64_t *out, int target_ndim, const int64_t *target)
{
    bool fine = ndim == target_ndim && ndim >= 1;
    for (int d = 0; d < ndim && fine; d++) fine = out[d] == (d == ndim - 1 ? 2 * target[d] : target[d]);
    return fine ? NULL : "outputs (N, ..., 2 D), means and then variances, beside targets (N, ..., D)";
}

/* out: means and variances (n, ..., 2 D), target: (n, ..., D) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const gaussian_nll_opts *o = opts;
    hoop_tensor             *mean, *variance, *least, *error;
    int64_t                  d;
    (void)lengths;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target) || hoop_tensor_ndim(target) < 1)
        return hoop_mse(t, out, target);
    d        = hoop_tensor_size(target, -1);
    mean     = hoop_slice(t, out, -1, 0, d);
    variance = hoop_slice(t, out, -1, d, d);
    least    = hoop_shift(t, hoop_relu(t, hoop_shift(t, variance, -o->eps)), o->eps);
    variance = hoop_add(t, variance, hoop_detach(t, hoop_sub(t, least, variance))); /* the gradient passes, as in torch.nn */
    error    = hoop_sub(t, mean, target);
    error    = hoop_div(t, hoop_mul(t, error, error), variance);
    error    = hoop_scale(t, hoop_add(t, error, hoop_log(t, variance)), 0.5);
    if (o->full) error = hoop_shift(t, error, 0.91893853320467274178); /* log(2 pi) / 2 */
    return hoop_loss_sum(t, error, NULL, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_gaussian_nll = {
    .name      = "gaussian_nll",
    .help      = "for real targets: minus their log-likelihood; the first half of the outputs are means, the second variances",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(gaussian_nll_opts),
    .forward   = forward,
    .weighted  = weighted,
    .fits      = fits,
    .outputs   = 2,
    .metrics   = metrics,
};
