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
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const nll_opts *o = opts;
    hoop_tensor    *weight, *hot, *all, *sum, *count;
    target = hoop_loss_ignore(t, target, o->ignore_index);
    if (!hoop__weights(t, &o->weight, out, "weight", &weight)) return hoop__failed_loss(t);
    if (hoop_tensor_is_poison(out)) return hoop__failed_loss(t);
    hot = hoop_one_hot(t, target, hoop_tensor_size(out, -1), hoop_tensor_dtype(out));
    if (weight != NULL) hot = hoop_mul(t, hot, weight);
    count = hoop_cast(t, hoop_sum(t, hot, HOOP_ALL_DIMS, false), HOOP_F64);
    all   = hoop_mul(t, hot, out);
    sum   = hoop_neg(t, hoop_sum(t, all, HOOP_ALL_DIMS, false));
    return hoop_loss(t, sum, count);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_nll = {
    .name      = "nll",
    .help      = "for classes: minus the output of the label, outputs being log-probabilities (log_softmax)",
    .classes   = true,
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(nll_opts),
    .forward   = forward,
    .metrics   = metrics,
};
