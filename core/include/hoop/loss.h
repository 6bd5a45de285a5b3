/**
 * hoop/loss.h - the losses that a config can name: one row of the table, one file of core/loss.
 *
 * A loss is a sum over a leaf with its weight (hoop/tape.h); the step divides the sum over all leaves by the sum of weights. Code
 * of one's own needs no row here: any ops do, and hoop_loss makes a loss of them.
 */
#ifndef HOOP_LOSS_H
#define HOOP_LOSS_H

#include "hoop/option.h"
#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_loss_kind {
    const char       *name, *help;
    bool              classes; /* targets are labels i64 (n, ...) beside outputs (n, ..., C); else floats of the outputs' shape */
    hoop_option_table options; /* keys beside the name; rows may be NULL */
    size_t            opts_size;
    /** (sum, weight) of a leaf, recorded on t; poison after an error. opts: the kind's struct, all fields set. */
    hoop_tensor *(*forward)(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts);
    /** The loss of one element, of values that are both less one number (it sees their difference): what targets that were
     *  normalised for training lose in the data's units. NULL: targets are not normalised with this loss. */
    double (*element)(double out, double target, const void *opts);
    /**
     * Where targets have a shape of their own: does a row of them (n, target[0], ...) belong beside outputs (n, out[0], ...)?
     * NULL: it does; else what is wanted, "outputs (N, ..., 2 D) beside targets (N, ..., D)". Sizes that vary are -1.
     */
    const char *(*fits)(int ndim, const int64_t *out, int target_ndim, const int64_t *target);
    int64_t outputs; /* of a model for each value of a target; 0: 1 */
    bool    binary;  /* targets are 0 and 1, or shares between: metrics of such go with it, too */
    double  cut;     /* of these: outputs above it mean 1 */
    /** The same where samples have weights w, f64 (n): what each loses, and its weight, times its own (hoop_loss_sum). lengths as
     * of forward_lengths, or NULL. NULL: samples of this loss have none. */
    hoop_tensor *(*weighted)(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts);
    /** In place of forward where outputs are sequences (n, T, ...) of different lengths: i64 (n). */
    hoop_tensor *(*forward_lengths)(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, const void *opts);
    bool boxes; /* targets are lists of boxes, f32 or f64 (n, most, 5): x1, y1, x2, y2, class; padded with such as have no area */
    /** What is told of outputs, in evaluations and predictions, where that is not the outputs themselves: an op on them that
     * treats each row by itself; and its shape, of a row: returns its dims. Of boxes: those that were found. Both or neither. */
    hoop_tensor *(*told)(hoop_tape *t, hoop_tensor *out, const void *opts);
    int (*told_shape)(int ndim, const int64_t *out, const void *opts, int64_t *shape);
    const char *const *metrics; /* names (hoop/metric.h) of what is shown beside it, NULL-terminated; NULL: nothing */
} hoop_loss_kind;

/**
 * What losses of classes, and what is shown beside them, see of outputs and labels. Classes stand in the last dim: (n, C, ...),
 * as PyTorch's images have them, become (n, ..., C), which costs nothing where they lie in memory so. Labels that are `ignore`
 * become HOOP_IGNORE_LABEL. Calls: Local.
 */
HOOP_API hoop_tensor *hoop_loss_classes_last(hoop_tape *t, hoop_tensor *out);
HOOP_API hoop_tensor *hoop_loss_ignore(hoop_tape *t, hoop_tensor *label, int64_t ignore);
/**
 * A loss of what each element loses, (n, ...), and of its weight in the mean, counted (n, ...), both of the outputs' dtype;
 * counted NULL: 1 for each element. Both are summed; where w, f64 (n), is not NULL, each times that of its sample. Gradients
 * reach `each` alone. HOOP_ESHAPE: as many weights as samples are wanted. Calls: Local.
 */
HOOP_API hoop_tensor *hoop_loss_sum(hoop_tape *t, hoop_tensor *each, hoop_tensor *counted, hoop_tensor *w);
/** Its option ignore_index, HOOP_IGNORE_LABEL where it has none. Calls: Local. */
HOOP_API int64_t hoop_loss_ignores(const hoop_loss_kind *kind, const void *opts);

/** The loss of a name, NULL if there is none; loss i, NULL after the last. Calls: Local. */
HOOP_API const hoop_loss_kind *hoop_loss_find(const char *name);
HOOP_API const hoop_loss_kind *hoop_loss_get(int i);

#ifdef __cplusplus
}
#endif
#endif
