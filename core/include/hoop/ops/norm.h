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

#ifdef __cplusplus
}
#endif
#endif
