/* bce: binary cross entropy of probabilities; weight: elements. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_bce;

typedef struct bce_opts {
    hoop_floats weight;
} bce_opts;
static const hoop_option rows[] = {
    {"weight", HOOP_OPT_FLOATS, offsetof(bce_opts, weight), "[]", 0, 1e30, NULL, true, "of each value of the last dim; [] for 1"},
};

/* out: probabilities, target: 0 to 1, (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const bce_opts *o = opts;
    hoop_tensor    *weight;
    if (!hoop__weights(t, &o->weight, out, "weight", &weight)) return hoop__failed_loss(t);
    return hoop_bce(t, out, target, weight);
}

/* the op has weights of elements */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    hoop_tensor *by, *full, *sum, *weight;
    (void)lengths;
    if (hoop_tensor_is_poison(out) || !hoop__weights(t, &((const bce_opts *)opts)->weight, out, "weight", &by))
        return hoop__failed_loss(t);
    full   = hoop_fill(t, hoop_tensor_dtype(out), hoop_tensor_ndim(out), hoop_tensor_shape(out), 1.0);
    weight = hoop_loss_weight(hoop_loss_sum(t, full, NULL, w));
    if (weight == NULL) return hoop__failed_loss(t);
    if (by != NULL) full = hoop_mul(t, full, by);
    if (w != NULL) full = hoop_mul(t, full, hoop__beside(t, w, out));
    sum = hoop_bce(t, out, target, full);
    return hoop_loss(t, sum, weight);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_bce = {
    .name      = "bce",
    .help      = "for targets of 0 and 1: binary cross entropy of probabilities (sigmoid); of logits bce_with_logits is exact",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(bce_opts),
    .forward   = forward,
    .weighted  = weighted,
    .binary    = true,
    .cut       = 0.5,
    .metrics   = metrics,
};
