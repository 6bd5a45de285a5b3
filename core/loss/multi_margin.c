/* multi_margin: by how much others come near the label's output; weight: labels that count. Crammer & Singer, JMLR 2 (2001). */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_multi_margin;

typedef struct multi_margin_opts {
    int         p; /* 0: 1, 1: 2 */
    double      margin;
    int64_t     ignore_index;
    hoop_floats weight;
} multi_margin_opts;
static const char *const powers[] = {"1", "2", NULL};
#define AT(field) offsetof(multi_margin_opts, field)
static const hoop_option rows[] = {
    {"p", HOOP_OPT_ENUM, AT(p), "1", 0, 0, powers, true, "power of what is missing to the margin"},
    {"margin", HOOP_OPT_FLOAT, AT(margin), "1.0", -1e30, 1e30, NULL, true, "by so much the label's output is to be above others"},
    HOOP__IGNORE_ROW(AT(ignore_index)),
    HOOP__WEIGHT_ROW(AT(weight)),
};
#undef AT

/* out: (n, ..., C), target: labels (n, ...) */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const multi_margin_opts *o = opts;
    hoop_tensor             *weight, *hot, *own, *near, *others, *counted;
    (void)lengths;
    unsigned last;
    if (!hoop__weights(t, &o->weight, out, "weight", &weight)) return hoop__failed_loss(t);
    target = hoop_loss_ignore(t, target, o->ignore_index);
    if (hoop_tensor_is_poison(out) || hoop_tensor_ndim(out) < 1) return hoop_cross_entropy(t, out, target);
    last = 1u << (hoop_tensor_ndim(out) - 1);
    hot  = hoop_one_hot(t, target, hoop_tensor_size(out, -1), hoop_tensor_dtype(out));
    if (hoop_tensor_is_poison(hot) || hoop_tensor_ndim(hot) != hoop_tensor_ndim(out)) return hoop_cross_entropy(t, out, target);
    counted = hoop_sum(t, hot, last, true); /* (n, ..., 1) */
    own     = hoop_sum(t, hoop_mul(t, hot, out), last, true);
    others  = hoop_sub(t, counted, hot); /* 1 for the others of labels that count */
    near    = hoop_relu(t, hoop_shift(t, hoop_sub(t, out, own), o->margin));
    if (o->p == 1) near = hoop_square(t, near);
    near = hoop_mul(t, near, others);
    if (weight != NULL) near = hoop_mul(t, near, hoop_sum(t, hoop_mul(t, hot, weight), last, true));
    near = hoop_scale(t, near, 1.0 / (double)hoop_tensor_size(out, -1));
    return hoop_loss_sum(t, near, counted, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_multi_margin = {
    .name      = "multi_margin",
    .help      = "for classes: by how much other outputs come nearer to the label's than a margin",
    .classes   = true,
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(multi_margin_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};
