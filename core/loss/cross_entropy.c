/* cross_entropy: minus the log-probability of the label; weight: those of labels that count. Szegedy et al., CVPR 2016. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_cross_entropy;

typedef struct cross_entropy_opts {
    double      label_smoothing;
    int64_t     ignore_index;
    hoop_floats weight;
} cross_entropy_opts;
#define AT(field) offsetof(cross_entropy_opts, field)
static const hoop_option rows[] = {
    {"label_smoothing", HOOP_OPT_FLOAT, AT(label_smoothing), "0.0", 0, 1, NULL, true,
     "this share of a label is spread over all classes"},
    HOOP__IGNORE_ROW(AT(ignore_index)),
    HOOP__WEIGHT_ROW(AT(weight)),
};
#undef AT

/* out: logits (n, ..., C), target: labels (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const cross_entropy_opts *o = opts;
    hoop_tensor              *weight;
    target = hoop_loss_ignore(t, target, o->ignore_index);
    if (o->label_smoothing == 0.0 && o->weight.n == 0) return hoop_cross_entropy(t, out, target);
    if (!hoop__weights(t, &o->weight, out, "weight", &weight)) return hoop__failed_loss(t);
    return hoop_class_loss(t, out, target, weight, o->label_smoothing, 0.0);
}

static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const cross_entropy_opts *o = opts;
    hoop_tensor              *weight, *each, *counted;
    (void)lengths;
    target = hoop_loss_ignore(t, target, o->ignore_index);
    if (!hoop__weights(t, &o->weight, out, "weight", &weight)) return hoop__failed_loss(t);
    each = hoop__class_each(t, out, target, weight, o->label_smoothing, 0.0, &counted);
    return counted == NULL ? each : hoop_loss_sum(t, each, counted, w);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_cross_entropy = {
    .name      = "cross_entropy",
    .help      = "for classes: minus the log-probability of the label",
    .classes   = true,
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(cross_entropy_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};
