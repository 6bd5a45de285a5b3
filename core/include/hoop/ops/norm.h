/** hoop/ops/norm.h - ops: over rows. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_NORM_H
#define HOOP_OPS_NORM_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Over the last dim. */

/** (..., C) -> same; dx = y (dy - sum y dy); f32, f64; HOOP_ESHAPE (a scalar), HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_softmax(hoop_tape *t, hoop_tensor *x);
/** (..., C) -> same; dx = dy - e^y sum dy; f32, f64; HOOP_ESHAPE (a scalar), HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_log_softmax(hoop_tape *t, hoop_tensor *x);

/* Normalisation: y = x^ w + b, x^ = (x - mean) / sqrt(variance + eps); w, b may be NULL. eps 0: the default, HOOP_ZERO: none. dx
 * = rstd (g - mean(g) - x^ mean(g x^)), g = dy w; dw = sum dy x^, db = sum dy. f32, f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG
 * (eps). */

/** By rows of the last `dims` dims: (..., D..), w (D..), b (D..) -> same; eps 1e-5. */
HOOP_API hoop_tensor *hoop_layer_norm(hoop_tape *t, hoop_tensor *x, int dims, hoop_tensor *w, hoop_tensor *b, double eps);
/** The same by the root of their mean square, with no mean taken off: (..., D..), w (D..) -> same; eps that of the dtype. */
HOOP_API hoop_tensor *hoop_rms_norm(hoop_tape *t, hoop_tensor *x, int dims, hoop_tensor *w, double eps);
/** By sample and group of channels: (N, C, S..), w (C), b (C) -> same; eps 1e-5; HOOP_ESHAPE also where groups do not divide C.
 */
HOOP_API hoop_tensor *hoop_group_norm(hoop_tape *t, hoop_tensor *x, int64_t groups, hoop_tensor *w, hoop_tensor *b, double eps);
/** By channel, of all samples: (N, C, S..), running mean and variance (C) or NULL, w (C), b (C) -> same; eps 1e-5. In training it
 * emits the running ones (hoop_params_running), in evaluation it uses them. HOOP_EARG: one of them alone. */
HOOP_API hoop_tensor *hoop_batch_norm(hoop_tape *t, hoop_tensor *x, hoop_tensor *mean, hoop_tensor *variance, hoop_tensor *w,
                                      hoop_tensor *b, double eps);
/** By sample and channel: (N, C, S..), running mean and variance (C) or NULL, w (C), b (C) -> same; eps 1e-5, momentum of the
 * running ones, which are as batch norm's but means over samples, 0.1. HOOP_ESHAPE: one place; HOOP_EARG: as there. */
HOOP_API hoop_tensor *hoop_instance_norm(hoop_tape *t, hoop_tensor *x, hoop_tensor *mean, hoop_tensor *variance, hoop_tensor *w,
                                         hoop_tensor *b, double momentum, double eps);

#ifdef __cplusplus
}
#endif
#endif
