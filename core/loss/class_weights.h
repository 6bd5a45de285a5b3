/** loss/class_weights.h - options that losses of classes share: weights by class, and a label that is ignored. */
#ifndef HOOP_LOSS_CLASS_WEIGHTS_H
#define HOOP_LOSS_CLASS_WEIGHTS_H

#include "hoop/loss.h"
#include "ops/shape.h"

/** `what` of a list, one number for each class in the last dim of out, or one for all, as a tensor of its dtype; NULL of none.
 * False: there are others, and the tape says so. */
bool hoop__weights(hoop_tape *t, const hoop_floats *list, const hoop_tensor *out, const char *what, hoop_tensor **weights);
/** Weights of samples w (n), in x's dtype, as (n, 1, ...) beside x (n, ...); poison, and the tape says so: x has not as many. */
hoop_tensor *hoop__beside(hoop_tape *t, hoop_tensor *w, const hoop_tensor *x);
/** What each element loses by binary cross entropy of logits, (n, ...): as hoop_bce_with_logits, before its sum. */
hoop_tensor *hoop__bce_each(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *pos_weight, hoop_tensor *weight);
/** The same of hoop_class_loss, (n, ..., 1), and the labels' weights, of that shape, to *counted. */
hoop_tensor *hoop__class_each(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *weight, double smoothing,
                              double gamma, hoop_tensor **counted);
/** What forward gives after an error. */
hoop_tensor *hoop__failed_loss(hoop_tape *t);

#define HOOP__WEIGHT_ROW(place)                                                                                                  \
    {                                                                                                                            \
        "weight", HOOP_OPT_FLOATS, (place), "[]", 0, 1e30, NULL, true, "of each class; [] for 1"                                 \
    }
#define HOOP__IGNORE_ROW(place)                                                                                                  \
    {                                                                                                                            \
        "ignore_index", HOOP_OPT_INT, (place), "-100", -1e15, 1e15, NULL, true, "this label, beside -100, does not count"        \
    }

#endif
