/** hoop/ops/loss.h - ops: losses. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_LOSS_H
#define HOOP_OPS_LOSS_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Losses give a sum and, in f64, its weight (hoop_loss_weight): divide by it for the mean. */
#define HOOP_IGNORE_LABEL (-100)

/** logits (..., C), label i64 (...) -> (), weight: labels that are not HOOP_IGNORE_LABEL; dlogits = dy (softmax - one_hot); f32,
 * f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (label). */
HOOP_API hoop_tensor *hoop_cross_entropy(hoop_tape *t, hoop_tensor *logits, hoop_tensor *label);
/** Sum of squares of y - target, of one shape -> (), weight: elements; dy = 2 (y - target); f32, f64; HOOP_ESHAPE, HOOP_EDTYPE.
 */
HOOP_API hoop_tensor *hoop_mse(hoop_tape *t, hoop_tensor *y, hoop_tensor *target);
/** Make a loss of a sum and its weight, f32 or f64 (the losses' own are f64): (), () -> (); dsum = dy; HOOP_ESHAPE, HOOP_EDTYPE.
 * A loss with a penalty: hoop_loss(t, hoop_add(t, loss, penalty), hoop_loss_weight(loss)). */
HOOP_API hoop_tensor *hoop_loss(hoop_tape *t, hoop_tensor *sum, hoop_tensor *weight);

#ifdef __cplusplus
}
#endif
#endif
