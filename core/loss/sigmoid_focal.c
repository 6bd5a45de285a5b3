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

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_sigmoid_focal = {
    .name      = "sigmoid_focal",
    .help      = "for targets of 0 and 1: binary cross entropy of logits times (1 - p)^gamma, p that of the target",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(sigmoid_focal_opts),
    .forward   = forward,
    .binary    = true,
    .metrics   = metrics,
};
