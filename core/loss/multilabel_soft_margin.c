/* multilabel_soft_margin: binary cross entropy of logits, the mean over classes; weight: elements. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_multilabel_soft_margin;

typedef struct multilabel_soft_margin_opts {
    hoop_floats weight;
} multilabel_soft_margin_opts;
static const hoop_option rows[] = {
    HOOP__WEIGHT_ROW(offsetof(multilabel_soft_margin_opts, weight)),
};

/* out: logits, target: 0 to 1, (n, ..., C) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    hoop_tensor *weight;
    if (!hoop__weights(t, &((const multilabel_soft_margin_opts *)opts)->weight, out, "weight", &weight))
        return hoop__failed_loss(t);
    return hoop_bce_with_logits(t, out, target, NULL, weight);
}

static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    hoop_tensor *weight;
    (void)lengths;
    if (!hoop__weights(t, &((const multilabel_soft_margin_opts *)opts)->weight, out, "weight", &weight))
        return hoop__failed_loss(t);
    return hoop_loss_sum(t, hoop__bce_each(t, out, target, NULL, weight), NULL, w);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_multilabel_soft_margin = {
    .name      = "multilabel_soft_margin",
    .help      = "for targets of 0 and 1, several a row: binary cross entropy of logits, with weights of classes",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(multilabel_soft_margin_opts),
    .forward   = forward,
    .weighted  = weighted,
    .binary    = true,
    .metrics   = metrics,
};
