/** hoop/ops/linear.h - ops: matrix products. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_LINEAR_H
#define HOOP_OPS_LINEAR_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Products. */

/** (..., M, K), (..., K, N) -> (..., M, N), the rest broadcast; da = dy b^T, db = a^T dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_matmul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** x (..., I), w (O, I), b (O) or NULL -> (..., O); dx = dy w, dw = dy^T x, db = sum of dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE.
 */
HOOP_API hoop_tensor *hoop_linear(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b);

#ifdef __cplusplus
}
#endif
#endif
