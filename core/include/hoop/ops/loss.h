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
/** Sum of |y - target| -> (), weight: elements; dy = sign(y - target); f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_l1(hoop_tape *t, hoop_tensor *y, hoop_tensor *target);
/** Sum of e^2 / (2 beta) where |e| = |y - target| < beta, else |e| - beta / 2 -> (), weight: elements; dy = e / beta within -1
 * and 1; f32, f64; HOOP_EARG (beta below 0), HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_smooth_l1(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, double beta);
/** Sum of e^2 / 2 where |e| = |y - target| < delta, else delta (|e| - delta / 2) -> (), weight: elements; dy = e within -delta
 * and delta; f32, f64; HOOP_EARG (delta below 0), HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_huber(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, double delta);
/** Binary cross entropy of logits y with targets from 0 to 1, (..., C); pos_weight and weight (C), (), or NULL: times the part of
 * target 1, times all -> (), weight: elements; dy = weight (sigmoid(y) - target) without pos_weight; f32, f64; HOOP_ESHAPE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_bce_with_logits(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, hoop_tensor *pos_weight,
                                           hoop_tensor *weight);
/** The same of probabilities y; a log is at least -100; dy = weight (y - target) / (y (1 - y)); f32, f64; HOOP_ESHAPE,
 * HOOP_EDTYPE, HOOP_ERANGE (y). */
HOOP_API hoop_tensor *hoop_bce(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, hoop_tensor *weight);
/** Sum of target (log target - y) of log-probabilities y; log_target: of e^target (target - y) -> (), weight: rows (dim 0), as
 * PyTorch's batchmean; dy = -target; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_kl_div(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, bool log_target);
/** Sum of e^y - target y, or (not log_input) y - target log(y + eps); full: with Stirling's log target! -> (), weight: elements;
 * dy = e^y - target, or 1 - target / (y + eps); f32, f64; HOOP_EARG (eps), HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_poisson_nll(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, bool log_input, bool full, double eps);
/** Sum of alpha_t (1 - p_t)^gamma times the binary cross entropy of logits; alpha below 0: without alpha_t -> (), weight:
 * elements; f32, f64; HOOP_EARG (alpha above 1, gamma below 0), HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sigmoid_focal(hoop_tape *t, hoop_tensor *y, hoop_tensor *target, double alpha, double gamma);
/** Cross entropy with options: of a row with label y, n = -log p_y, (1 - smoothing) w_y (1 - p_y)^gamma n + smoothing / C sum_c
 * w_c
 * (-log p_c); logits (..., C), label i64 (...), weight (C) or NULL -> (), weight: that of the labels that are not
 * HOOP_IGNORE_LABEL; f32, f64; HOOP_EARG (smoothing, gamma), HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (label). */
HOOP_API hoop_tensor *hoop_class_loss(hoop_tape *t, hoop_tensor *logits, hoop_tensor *label, hoop_tensor *weight,
                                      double smoothing, double gamma);
/** Connectionist temporal classification of logits (n, T, C): label i64 (n, S), each row ended by HOOP_IGNORE_LABEL or its
 * length, frames i64 (n): how many of T count, or NULL -> (n), minus log-probabilities, in by_length divided by the number of
 * labels (1 of none); one that is infinite is 0 with zero_infinity; f32, f64; HOOP_EARG (blank), HOOP_ESHAPE, HOOP_EDTYPE,
 * HOOP_ERANGE. */
HOOP_API hoop_tensor *hoop_ctc(hoop_tape *t, hoop_tensor *logits, hoop_tensor *label, hoop_tensor *frames, int64_t blank,
                               bool zero_infinity, bool by_length);
/** Labels i64, but `to` where they are `from`; no gradient; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_relabel(hoop_tape *t, hoop_tensor *label, int64_t from, int64_t to);
/* Boxes. A detector's outputs (n, places, 7 + classes) have for each place where it is and how far from the next, distances from
 * it to the sides of a box (left, top, right, bottom), all in pixels, and a logit for each class. */
enum { HOOP_BOX_X, HOOP_BOX_Y, HOOP_BOX_STRIDE, HOOP_BOX_SIDES, HOOP_BOX_CLASSES = HOOP_BOX_SIDES + 4, HOOP_BOX_FOUND = 6 };
/** What outputs are compared with: boxes (n, most, 5) of x1, y1, x2, y2, class, those without an area being padding -> (n,
 * places, C + 5): scores by class, 1 where the place has a box, distances to its sides; a place has the smallest box that it is
 * in, at most radius strides from its middle; no gradient; HOOP_EARG (radius), HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (class). */
HOOP_API hoop_tensor *hoop_box_assign(hoop_tape *t, hoop_tensor *out, hoop_tensor *boxes, double radius);
/** 1 - generalised IoU of boxes by their distances (..., 4) from one place -> (...); no second derivative; HOOP_ESHAPE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_box_giou(hoop_tape *t, hoop_tensor *y, hoop_tensor *target);
/** The boxes that outputs say, by non-maximum suppression in each class -> (n, most, HOOP_BOX_FOUND): x1, y1, x2, y2, score,
 * class, the best first; behind the last 0, and class -1; no gradient; HOOP_EARG (score, overlap, most), HOOP_ESHAPE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_box_detect(hoop_tape *t, hoop_tensor *out, double score, double overlap, int64_t most);
/** Make a loss of a sum and its weight, f32 or f64 (the losses' own are f64): (), () -> (); dsum = dy; HOOP_ESHAPE, HOOP_EDTYPE.
 * A loss with a penalty: hoop_loss(t, hoop_add(t, loss, penalty), hoop_loss_weight(loss)). */
HOOP_API hoop_tensor *hoop_loss(hoop_tape *t, hoop_tensor *sum, hoop_tensor *weight);

#ifdef __cplusplus
}
#endif
#endif
