/* nll: minus the output of the label, outputs being log-probabilities; weight: those of labels that count. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_nll;

typedef struct nll_opts {
    int64_t     ignore_index;
    hoop_floats weight;
} nll_opts;
#define AT(field) offsetof(nll_opts, field)
static const hoop_option rows[] = {HOOP__IGNORE_ROW(AT(ignore_index)), HOOP__WEIGHT_ROW(AT(weight))};
#undef AT

/* out: log-probabilities (n, ..., C), target: labels (n, ...) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const nll_opts *o = opts;
    hoop_tensor    *weight, *own, *place, *picked;
    (void)lengths;
    target = hoop_loss_ignore(t, target, o->ignore_index);
    if (!hoop__weights(t, &o->weight, out, "weight", &weight) || hoop_tensor_is_poison(out)) return hoop__failed_loss(t);
    own = hoop_one_hot(t, target, hoop_tensor_size(out, -1), hoop_tensor_dtype(out));
    if (weight != NULL) own = hoop_mul(t, own, weight);
    if (hoop_tensor_is_poison(own)) return hoop__failed_loss(t);
    own    = hoop_sum(t, own, 1u << (hoop_tensor_ndim(own) - 1),
                      true); /* (n, ..., 1): the label's weight, 0 where it does not count */
    place  = hoop_unsqueeze(t, hoop_relabel(t, target, HOOP_IGNORE_LABEL, 0), -1);
    picked = hoop_gather(t, out, -1, place);
    picked = hoop_neg(t, hoop_mul(t, own, picked));
    return hoop_loss_sum(t, picked, own, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_nll = {
    .name      = "nll",
    .help      = "for classes: minus the output of the label, outputs being log-probabilities (log_softmax)",
    .classes   = true,
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(nll_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};
