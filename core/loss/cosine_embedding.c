/* cosine_embedding: are two vectors alike (target 1) or not (-1)? weight: pairs. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_cosine_embedding;

typedef struct cosine_embedding_opts {
    double margin;
} cosine_embedding_opts;
static const hoop_option rows[] = {
    {"margin", HOOP_OPT_FLOAT, offsetof(cosine_embedding_opts, margin), "0.0", -1, 1, NULL, true,
     "of vectors that are not alike: up to this cosine they lose nothing"},
};

static const char *fits(int ndim, const int64_t *out, int target_ndim, const int64_t *target)
{
    bool fine =
        ndim >= 1 && out[ndim - 1] % 2 == 0 && (target_ndim == ndim - 1 || (target_ndim == ndim && target[ndim - 1] == 1));
    for (int d = 0; d < ndim - 1 && fine; d++) fine = out[d] == target[d];
    return fine ? NULL : "outputs (N, ..., 2 D), two vectors, beside targets (N, ...) of 1 and -1";
}

/* 1 / sqrt(|x|^2 + eps), eps as torch.nn.functional.cosine_embedding_loss has it; (..., 1) */
static hoop_tensor *one_over_norm(hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *squares = hoop_sum(t, hoop_mul(t, x, x), 1u << (hoop_tensor_ndim(x) - 1), true);
    return hoop_reciprocal(t, hoop_sqrt(t, hoop_shift(t, squares, 1e-12)));
}

/* out: two vectors (n, ..., 2 D), target: 1 or -1 (n, ...) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const double margin = ((const cosine_embedding_opts *)opts)->margin;
    hoop_tensor *a, *b, *cosine, *alike, *apart, *is;
    int64_t      d, shape[HOOP_MAX_DIMS];
    (void)lengths;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target) || hoop_tensor_ndim(out) < 1) return hoop_mse(t, out, target);
    for (int i = 0; i < hoop_tensor_ndim(out); i++) shape[i] = hoop_tensor_size(out, i);
    shape[hoop_tensor_ndim(out) - 1] = 1;
    d                                = hoop_tensor_size(out, -1) / 2;
    target                           = hoop_reshape(t, target, hoop_tensor_ndim(out), shape); /* (n, ..., 1) */
    a                                = hoop_slice(t, out, -1, 0, d);
    b                                = hoop_slice(t, out, -1, d, d);
    if (hoop_tensor_is_poison(b) || hoop_tensor_is_poison(target)) return hoop_mse(t, b, target);
    cosine = hoop_sum(t, hoop_mul(t, a, b), 1u << (hoop_tensor_ndim(out) - 1), true);
    cosine = hoop_mul(t, cosine, one_over_norm(t, a));
    cosine = hoop_mul(t, cosine, one_over_norm(t, b));
    is     = hoop_greater(t, target, hoop_fill(t, hoop_tensor_dtype(out), 0, NULL, 0.0));
    alike  = hoop_shift(t, hoop_neg(t, cosine), 1.0);
    apart  = hoop_relu(t, hoop_shift(t, cosine, -margin));
    alike  = hoop_mul(t, alike, is);
    apart  = hoop_mul(t, apart, hoop_shift(t, hoop_neg(t, is), 1.0));
    return hoop_loss_sum(t, hoop_add(t, alike, apart), NULL, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_cosine_embedding = {
    .name      = "cosine_embedding",
    .help      = "for targets of 1 and -1: are the two halves of the outputs, two vectors, alike?",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(cosine_embedding_opts),
    .forward   = forward,
    .weighted  = weighted,
    .fits      = fits,
    .metrics   = metrics,
};
