/* soft_cross_entropy: cross entropy of shares of classes, torch.nn.CrossEntropyLoss with probabilities; weight: rows. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_soft_cross_entropy;

typedef struct soft_cross_entropy_opts {
    double      label_smoothing;
    int         dim; /* 0: the last, 1: dim 1 */
    hoop_floats weight;
} soft_cross_entropy_opts;
static const char *const dims[] = {"-1", "1", NULL};
#define AT(field) offsetof(soft_cross_entropy_opts, field)
static const hoop_option rows[] = {
    {"label_smoothing", HOOP_OPT_FLOAT, AT(label_smoothing), "0.0", 0, 1, NULL, true,
     "this share of a target is spread over all classes"},
    {"dim", HOOP_OPT_ENUM, AT(dim), "-1", 0, 0, dims, true, "where classes are: the last dim, or 1, as PyTorch's of images"},
    HOOP__WEIGHT_ROW(AT(weight)),
};
#undef AT

/* out: logits, target: shares, (n, ..., C), or (n, C, ...) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const soft_cross_entropy_opts *o = opts;
    hoop_tensor                   *weight, *counted, *loss;
    double                         classes;
    (void)lengths;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target) || hoop_tensor_ndim(out) < 1) return hoop_mse(t, out, target);
    if (o->dim == 1) {
        out    = hoop_loss_classes_last(t, out);
        target = hoop_loss_classes_last(t, target);
    }
    if (!hoop__weights(t, &o->weight, out, "weight", &weight)) return hoop__failed_loss(t);
    classes = (double)hoop_tensor_size(out, -1);
    if (o->label_smoothing > 0.0) {
        target = hoop_scale(t, target, 1.0 - o->label_smoothing);
        target = hoop_shift(t, target, o->label_smoothing / classes);
    }
    loss = hoop_mul(t, hoop_log_softmax(t, out), target);
    if (weight != NULL) loss = hoop_mul(t, loss, weight);
    if (hoop_tensor_is_poison(loss)) return hoop__failed_loss(t);
    counted = hoop_fill(t, hoop_tensor_dtype(loss), hoop_tensor_ndim(loss) - 1, hoop_tensor_shape(loss), 1.0);
    return hoop_loss_sum(t, hoop_neg(t, loss), counted, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_soft_cross_entropy = {
    .name      = "soft_cross_entropy",
    .help      = "for shares of classes, real targets of the outputs' shape: minus the log-probabilities by their shares",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(soft_cross_entropy_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};
