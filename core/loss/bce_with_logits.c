/* bce_with_logits: binary cross entropy of logits; weight: elements. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_bce_with_logits;

typedef struct bce_with_logits_opts {
    hoop_floats pos_weight, weight;
} bce_with_logits_opts;
#define AT(field) offsetof(bce_with_logits_opts, field)
static const hoop_option rows[] = {
    {"pos_weight", HOOP_OPT_FLOATS, AT(pos_weight), "[]", 0, 1e30, NULL, true,
     "of target 1, for each value of the last dim; [] for 1"},
    {"weight", HOOP_OPT_FLOATS, AT(weight), "[]", 0, 1e30, NULL, true, "of each value of the last dim; [] for 1"},
};
#undef AT

/* out: logits, target: 0 to 1, (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const bce_with_logits_opts *o = opts;
    hoop_tensor                *pos_weight, *weight;
    if (!hoop__weights(t, &o->pos_weight, out, "pos_weight", &pos_weight) ||
        !hoop__weights(t, &o->weight, out, "weight", &weight))
        return hoop__failed_loss(t);
    return hoop_bce_with_logits(t, out, target, pos_weight, weight);
}

static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const bce_with_logits_opts *o = opts;
    hoop_tensor                *pos_weight, *weight;
    (void)lengths;
    if (!hoop__weights(t, &o->pos_weight, out, "pos_weight", &pos_weight) ||
        !hoop__weights(t, &o->weight, out, "weight", &weight))
        return hoop__failed_loss(t);
    return hoop_loss_sum(t, hoop__bce_each(t, out, target, pos_weight, weight), NULL, w);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_bce_with_logits = {
    .name      = "bce_with_logits",
    .help      = "for targets of 0 and 1: binary cross entropy of logits",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(bce_with_logits_opts),
    .forward   = forward,
    .weighted  = weighted,
    .binary    = true,
    .metrics   = metrics,
};
