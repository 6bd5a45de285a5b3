/** hoop/ops/linear.h - ops: matrix products. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_LINEAR_H
#define HOOP_OPS_LINEAR_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Products. */

/** (..., M, K) or (K), (..., K, N) or (K) -> (..., M, N), the rest broadcast; da = dy b^T, db = a^T dy; f32, f64; HOOP_ESHAPE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_matmul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** x (..., I), w (O, I), b (O) or NULL -> (..., O); dx = dy w, dw = dy^T x, db = sum of dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE.
 */
HOOP_API hoop_tensor *hoop_linear(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b);
/** "bij,bjk->bik": n tensors, whose dims are called by letters (and "...") -> the result's letters, without "->" those there
 * once; its gradients; f32, f64; HOOP_EARG (equation), HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_einsum(hoop_tape *t, const char *equation, hoop_tensor *const *xs, int n);
/** (M), (N) -> (M, N); da = dy b, db = a dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_outer(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** (N), (N) -> (); da = dy b, db = dy a; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_dot(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** x (..., I), z (..., J), w (O, I, J), b (O) or NULL -> (..., O), sum x_i w_oij z_j + b_o; its gradients; f32, f64; HOOP_ESHAPE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_bilinear(hoop_tape *t, hoop_tensor *x, hoop_tensor *z, hoop_tensor *w, hoop_tensor *b);

#ifdef __cplusplus
}
#endif
#endif
