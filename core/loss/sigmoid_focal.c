/* sigmoid_focal: binary cross entropy of logits, less of what is already right; weight: elements. Lin et al., ICCV 2017. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_sigmoid_focal;

typedef struct sigmoid_focal_opts {
    double alpha;
    double gamma;
} sigmoid_focal_opts;
#define AT(field) offsetof(sigmoid_focal_opts, field)
static const hoop_option rows[] = {
    {"alpha", HOOP_OPT_FLOAT, AT(alpha), "0.25", -1, 1, NULL, true, "weight of target 1, 1 - alpha that of 0; -1: none"},
    {"gamma", HOOP_OPT_FLOAT, AT(gamma), "2.0", 0, 100, NULL, true, "0: binary cross entropy"},
};
#undef AT

/* out, target: (n, ...) */
static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const sigmoid_focal_opts *o = opts;
    return hoop_sigmoid_focal(t, out, target, o->alpha, o->gamma);
}

/* alpha_t (1 - p_t)^gamma ((1 - target) out - log p), 1 - p_t = p (1 - target) + (1 - p) target */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const sigmoid_focal_opts *o    = opts;
    hoop_tensor              *none = hoop_shift(t, hoop_neg(t, target), 1.0), *p = hoop_sigmoid(t, out), *q, *each, *part;
    (void)lengths;
    q    = hoop_mul(t, hoop_sigmoid(t, hoop_neg(t, out)), target);
    part = hoop_mul(t, p, none);
    q    = hoop_clamp(t, hoop_add(t, q, part), 1e-30, 1.0); /* below it has no slope of a power below 1 */
    each = hoop_mul(t, none, out);
    each = hoop_sub(t, each, hoop_log_sigmoid(t, out));
    each = hoop_mul(t, each, hoop_pow_scalar(t, q, o->gamma));
    if (o->alpha >= 0.0) {
        part = hoop_shift(t, hoop_scale(t, target, 2.0 * o->alpha - 1.0), 1.0 - o->alpha);
        each = hoop_mul(t, each, part);
    }
    return hoop_loss_sum(t, each, NULL, w);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_sigmoid_focal = {
    .name      = "sigmoid_focal",
    .help      = "for targets of 0 and 1: binary cross entropy of logits times (1 - p)^gamma, p that of the target",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(sigmoid_focal_opts),
    .forward   = forward,
    .weighted  = weighted,
    .binary    = true,
    .metrics   = metrics,
};
