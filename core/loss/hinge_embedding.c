/* hinge_embedding: distances, of what is alike (target 1) and what is not (-1); weight: elements. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_hinge_embedding;

typedef struct hinge_embedding_opts {
    double margin;
} hinge_embedding_opts;
static const hoop_option rows[] = {
    {"margin", HOOP_OPT_FLOAT, offsetof(hinge_embedding_opts, margin), "1.0", -1e30, 1e30, NULL, true,
     "of what is not alike: from this distance on it loses nothing"},
};

/* out, target: (n, ...); x where the target is not -1, and max(0, margin - x) where it is not 1 */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const double margin = ((const hinge_embedding_opts *)opts)->margin;
    hoop_tensor *one, *minus, *near, *far;
    (void)lengths;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target)) return hoop_mse(t, out, target);
    one   = hoop_fill(t, hoop_tensor_dtype(out), 0, NULL, 1.0);
    minus = hoop_fill(t, hoop_tensor_dtype(out), 0, NULL, -1.0);
    near  = hoop_mul(t, out, hoop_not_equal(t, target, minus));
    far   = hoop_relu(t, hoop_shift(t, hoop_neg(t, out), margin));
    far   = hoop_mul(t, far, hoop_not_equal(t, target, one));
    return hoop_loss_sum(t, hoop_add(t, near, far), NULL, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_hinge_embedding = {
    .name      = "hinge_embedding",
    .help      = "for targets of 1 and -1: outputs are distances of what is alike, and of what is not",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hinge_embedding_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};
