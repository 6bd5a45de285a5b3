/* detection: boxes and classes of a detector of one stage (hoop_box_assign, Tian et al., ICCV 2019); scores by quality focal loss
 * (Li et al., NeurIPS 2020), boxes by generalised IoU (Rezatofighi et al., CVPR 2019); weight: places that have a box, at least
 * one a sample. */
#include "hoop/ops.h"
#include "loss/class_weights.h"

extern const hoop_loss_kind hoop__loss_detection;

typedef struct detection_opts {
    double  radius, box, score, overlap;
    int64_t most;
} detection_opts;
#define AT(field) offsetof(detection_opts, field)
static const hoop_option rows[] = {
    {"radius", HOOP_OPT_FLOAT, AT(radius), "1.5", 1e-3, 1e6, NULL, true,
     "a box is found by places at most so many strides from its middle"},
    {"box", HOOP_OPT_FLOAT, AT(box), "2.0", 0, 1e30, NULL, true, "times what boxes lose, beside their scores"},
    {"score", HOOP_OPT_FLOAT, AT(score), "0.05", 1e-9, 0.999999, NULL, false, "least score of a box that counts as found"},
    {"overlap", HOOP_OPT_FLOAT, AT(overlap), "0.6", 0, 1, NULL, false,
     "of boxes of a class that overlap by more (intersection over union) the best is found"},
    {"most", HOOP_OPT_INT, AT(most), "100", 1, 1e5, NULL, false, "boxes that are found in a picture, at most"},
};
#undef AT

/* Li et al.: of logits z and wanted scores q, |q - s(z)|^2 times their cross entropy; of each */
static hoop_tensor *score_loss(hoop_tape *t, hoop_tensor *logits, hoop_tensor *wanted)
{
    hoop_tensor *far = hoop_sub(t, hoop_sigmoid(t, logits), wanted), *entropy = hoop_softplus(t, logits, 1.0, 100.0), *told;
    told    = hoop_mul(t, logits, wanted);
    entropy = hoop_sub(t, entropy, told);
    return hoop_mul(t, entropy, hoop_square(t, far));
}

/* What scores (n, places, classes) and boxes (n, places) lose, and of each sample the places that have one, at least 1: (n). out:
 * (n, places, 7 + C), target: (n, most, 5). False: the tape says why not. */
static bool lost(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const detection_opts *o, hoop_tensor **scores,
                 hoop_tensor **boxes, hoop_tensor **places)
{
    hoop_tensor *assigned = hoop_box_assign(t, out, target, o->radius), *has, *wanted, *given;
    int64_t      classes;
    if (hoop_tensor_is_poison(assigned)) return false;
    classes = hoop_tensor_size(out, 2) - HOOP_BOX_CLASSES;
    wanted  = hoop_slice(t, assigned, 2, 0, classes);
    given   = hoop_slice(t, out, 2, HOOP_BOX_CLASSES, classes);
    *scores = score_loss(t, given, wanted);
    has     = hoop_slice(t, assigned, 2, classes, 1);
    has     = hoop_squeeze(t, has, 2);
    wanted  = hoop_slice(t, assigned, 2, classes + 1, 4);
    given   = hoop_slice(t, out, 2, HOOP_BOX_SIDES, 4);
    *boxes  = hoop_mul(t, hoop_box_giou(t, given, wanted), has);
    *places = hoop_sum(t, has, 1u << 1, false);
    *places = hoop_clamp(t, *places, 1.0, 1e30);
    return true;
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    const detection_opts *o = opts;
    hoop_tensor          *sum, *boxes, *weight;
    if (!lost(t, out, target, o, &sum, &boxes, &weight)) return hoop__failed_loss(t);
    sum    = hoop_sum(t, sum, HOOP_ALL_DIMS, false);
    boxes  = hoop_sum(t, boxes, HOOP_ALL_DIMS, false);
    sum    = hoop_add(t, sum, hoop_scale(t, boxes, o->box));
    weight = hoop_sum(t, weight, HOOP_ALL_DIMS, false);
    if (hoop_tensor_dtype(out) != HOOP_F64) weight = hoop_cast(t, weight, HOOP_F64);
    return hoop_loss(t, sum, weight);
}

static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const detection_opts *o = opts;
    hoop_tensor          *each, *boxes, *places;
    (void)lengths;
    if (!lost(t, out, target, o, &each, &boxes, &places)) return hoop__failed_loss(t);
    each  = hoop_sum(t, each, 1u << 1 | 1u << 2, false);
    boxes = hoop_sum(t, boxes, 1u << 1, false);
    each  = hoop_add(t, each, hoop_scale(t, boxes, o->box));
    return hoop_loss_sum(t, each, places, w);
}

static hoop_tensor *told(hoop_tape *t, hoop_tensor *out, const void *opts)
{
    const detection_opts *o = opts;
    return hoop_box_detect(t, out, o->score, o->overlap, o->most);
}

static int told_shape(int ndim, const int64_t *out, const void *opts, int64_t *shape)
{
    (void)ndim, (void)out;
    shape[0] = ((const detection_opts *)opts)->most;
    shape[1] = HOOP_BOX_FOUND;
    return 2;
}

static const char *fits(int ndim, const int64_t *out, int target_ndim, const int64_t *target)
{
    return ndim == 2 && out[1] > HOOP_BOX_CLASSES && target_ndim == 2 && target[1] == 5
               ? NULL
               : "outputs (N, places, 7 + classes), as a detector gives them, beside lists of boxes (N, most, 5): x1, y1, x2, "
                 "y2, class";
}

static const char *const metrics[] = {"map_50", "map_50_95", NULL};

const hoop_loss_kind hoop__loss_detection = {
    .name       = "detection",
    .help       = "for lists of boxes (x1, y1, x2, y2 in pixels, class): their scores, and how they overlap the true ones",
    .boxes      = true,
    .options    = HOOP_OPTIONS(rows),
    .opts_size  = sizeof(detection_opts),
    .forward    = forward,
    .weighted   = weighted,
    .fits       = fits,
    .told       = told,
    .told_shape = told_shape,
    .metrics    = metrics,
};
