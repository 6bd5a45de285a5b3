/* dice: overlap of predicted and true regions, of classes (dice) and of masks (binary_dice); weight: samples. Milletari et al.,
 * 3DV 2016. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_dice, hoop__loss_binary_dice;

/* Of p and g (n, pixels, regions): the mean over regions of 1 - (2 sum p g + smooth) / (sum p + sum g + smooth), summed over
 * samples by their weights. */
static hoop_tensor *overlap(hoop_tape *t, hoop_tensor *p, hoop_tensor *g, double smooth, hoop_tensor *w)
{
    const int64_t n = hoop_tensor_size(p, 0), regions = hoop_tensor_size(p, -1);
    const int64_t shape[3] = {n, n * regions > 0 ? hoop_tensor_numel(p) / (n * regions) : 0, regions};
    hoop_tensor  *both, *sizes, *most, *share;
    p     = hoop_reshape(t, p, 3, shape);
    g     = hoop_reshape(t, g, 3, shape);
    both  = hoop_sum(t, hoop_mul(t, p, g), 1u << 1, false); /* (n, regions) */
    sizes = hoop_sum(t, hoop_add(t, p, g), 1u << 1, false);
    both  = hoop_shift(t, hoop_scale(t, both, 2.0), smooth);
    most  = hoop_shift(t, sizes, smooth);
    share = hoop_div(t, both, most);
    share = hoop_sum(t, share, 1u << 1, false); /* (n) */
    share = hoop_shift(t, hoop_scale(t, share, -1.0 / (double)(regions > 0 ? regions : 1)), 1.0);
    return hoop_loss_sum(t, share, NULL, w);
}

/* ---- of classes ---- */

typedef struct dice_opts {
    double  smooth;
    int64_t ignore_index;
} dice_opts;
#define AT(field) offsetof(dice_opts, field)
static const hoop_option rows[] = {
    {"smooth", HOOP_OPT_FLOAT, AT(smooth), "1.0", 1e-12, 1e30, NULL, true,
     "added to both sides, so that regions without pixels count as right"},
    HOOP__IGNORE_ROW(AT(ignore_index)),
};
#undef AT

/* out: logits (n, ..., C), target: labels (n, ...); those that do not count are of no region */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const dice_opts *o = opts;
    hoop_tensor     *p, *hot, *counted;
    (void)lengths;
    target = hoop_loss_ignore(t, target, o->ignore_index);
    if (hoop_tensor_is_poison(out)) return hoop__failed_loss(t);
    hot = hoop_one_hot(t, target, hoop_tensor_size(out, -1), hoop_tensor_dtype(out));
    p   = hoop_softmax(t, out);
    if (hoop_tensor_is_poison(hot) || hoop_tensor_is_poison(p)) return hoop__failed_loss(t);
    counted = hoop_sum(t, hot, 1u << (hoop_tensor_ndim(hot) - 1), true);
    p       = hoop_mul(t, p, counted);
    if (hoop_tensor_is_poison(p)) return hoop__failed_loss(t);
    return overlap(t, p, hot, o->smooth, w);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *const metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_dice = {
    .name      = "dice",
    .help      = "for classes of pixels: 1 - the overlap of what each class is taken for and what it is",
    .classes   = true,
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(dice_opts),
    .forward   = forward,
    .weighted  = weighted,
    .metrics   = metrics,
};

/* ---- of masks ---- */

typedef struct binary_dice_opts {
    double smooth;
} binary_dice_opts;
static const hoop_option binary_rows[] = {
    {"smooth", HOOP_OPT_FLOAT, offsetof(binary_dice_opts, smooth), "1.0", 1e-12, 1e30, NULL, true,
     "added to both sides, so that empty masks count as right"},
};

/* out: logits, target: masks of 0 and 1, (n, ...), a region a sample */
static hoop_tensor *binary_weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                                    const void *opts)
{
    const binary_dice_opts *o = opts;
    hoop_tensor            *p = hoop_sigmoid(t, out);
    int64_t                 flat[2];
    (void)lengths;
    if (hoop_tensor_is_poison(p) || hoop_tensor_is_poison(target)) return hoop__failed_loss(t);
    flat[0] = hoop_tensor_size(p, 0);
    flat[1] = flat[0] > 0 ? hoop_tensor_numel(p) / flat[0] : 0;
    p       = hoop_reshape(t, p, 3, (const int64_t[]){flat[0], flat[1], 1});
    target  = hoop_reshape(t, target, 3, (const int64_t[]){flat[0], flat[1], 1});
    if (hoop_tensor_is_poison(p) || hoop_tensor_is_poison(target)) return hoop__failed_loss(t);
    return overlap(t, p, target, o->smooth, w);
}

static hoop_tensor *binary_forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return binary_weighted(t, out, target, NULL, NULL, opts);
}

static const char *const binary_metrics[] = {"accuracy", NULL};

const hoop_loss_kind hoop__loss_binary_dice = {
    .name      = "binary_dice",
    .help      = "for masks of 0 and 1: 1 - the overlap of the sigmoid of the outputs and the mask",
    .options   = HOOP_OPTIONS(binary_rows),
    .opts_size = sizeof(binary_dice_opts),
    .forward   = binary_forward,
    .weighted  = binary_weighted,
    .binary    = true,
    .metrics   = binary_metrics,
};
