/* focal: cross entropy of classes, less of what is already right; weight: those of labels that count. Lin et al., ICCV 2017. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_focal;

typedef struct focal_opts {
    double      gamma;
    int64_t     ignore_index;
    hoop_floats alpha;
} focal_opts;
#define AT(field) offsetof(focal_opts, field)
static const hoop_option rows[] = {
    {"gamma", HOOP_OPT_FLOAT, AT(gamma), "2.0", 0, 100, NULL, true, "of (1 - p)^gamma, p that of the label; 0: cross_entropy"},
    HOOP__IGNORE_ROW(AT(ignore_index)),
    {"alpha", HOOP_OPT_FLOATS, AT(alpha), "[]", 0, 1e30, NULL, true, "weight of each class; [] for 1"},
};
#undef AT

/* out: logits (n, ..., C), target: labels (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const focal_opts *o = opts;
    hoop_tensor      *alpha;
    target = hoop_loss_ignore(t, target, o->ignore_index);
    if (!hoop__weights(t, &o->alpha, out, "alpha", &alpha)) return hoop__failed_loss(t);
    return hoop_class_loss(t, out, target, alpha, 0.0, o->gamma);
}

static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const focal_opts *o = opts;
    hoop_tensor      *alpha, *each, *counted;
    (void)lengths;
    target = hoop_loss_ignore(t, target, o->ignore_index);
    if (!hoop__weights(t, &o->alpha, out, "alpha", &alpha)) return hoop__failed_loss(t);
    each = hoop__class_each(t, out, target, alpha, 0.0, o->gamma, &counted);
    return counted == NULL ? each : hoop_loss_sum(t, each, counted, w);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_focal = {
    .name      = "focal",
    .help      = "for classes: cross entropy times (1 - p)^gamma",
    .classes   = true,
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(focal_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};
