/**
 * hoop/ops/elementwise.h - ops: arithmetic, comparisons, functions and activations, element by element.
 * What holds of all is said in hoop/ops.h, which includes this.
 */
#ifndef HOOP_OPS_ELEMENTWISE_H
#define HOOP_OPS_ELEMENTWISE_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Arithmetic, element by element. */

/** a + b: broadcast -> (...); da = dy, db = dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_add(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** a - b: broadcast -> (...); da = dy, db = -dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sub(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** a b: broadcast -> (...); da = dy b, db = dy a; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_mul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** a / b: broadcast -> (...); da = dy / b, db = -dy y / b; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_div(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** -x: (...) -> same; dx = -dy; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_neg(hoop_tape *t, hoop_tensor *x);
/** factor x, the factor in x's dtype: (...) -> same; dx = factor dy; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_scale(hoop_tape *t, hoop_tensor *x, double factor);
/** x + term, the term in x's dtype: (...) -> same; dx = dy; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_shift(hoop_tape *t, hoop_tensor *x, double term);
/** 1 / x: (...) -> same; dx = -dy y^2; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_reciprocal(hoop_tape *t, hoop_tensor *x);
/** e^x: (...) -> same; dx = dy y; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_exp(hoop_tape *t, hoop_tensor *x);
/** ln x, -inf at 0, NaN below: (...) -> same; dx = dy / x; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_log(hoop_tape *t, hoop_tensor *x);
/** Square root, NaN below 0: (...) -> same; dx = dy / (2 y); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sqrt(hoop_tape *t, hoop_tensor *x);
/** Error function: (...) -> same; dx = dy 2/sqrt(pi) e^(-x^2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_erf(hoop_tape *t, hoop_tensor *x);
/** 1 where a > b, else 0, in their dtype: broadcast -> (...); no gradient; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_greater(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** 1 where a == b, else 0, in their dtype: broadcast -> (...); no gradient; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);

/* Activations. Their gradients are ops as well: y is the activation's output (gelu: x its input), dy its gradient. */

/** (...) -> same; dx = dy (1 - y^2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_tanh(hoop_tape *t, hoop_tensor *x);
/** 1 / (1 + e^-x): (...) -> same; dx = dy y (1 - y); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sigmoid(hoop_tape *t, hoop_tensor *x);
/** max(x, 0), NaN kept: (...) -> same; dx = dy where y > 0; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_relu(hoop_tape *t, hoop_tensor *x);
typedef enum hoop_gelu_kind { HOOP_GELU_ERF, HOOP_GELU_TANH } hoop_gelu_kind;
/** x Phi(x), or its approximation by tanh: (...) -> same; dx = dy dgelu/dx; f32, f64; HOOP_EDTYPE, HOOP_EARG (kind). */
HOOP_API hoop_tensor *hoop_gelu(hoop_tape *t, hoop_tensor *x, hoop_gelu_kind kind);
/** Of one shape -> same; differentiable; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. So the next three. */
HOOP_API hoop_tensor *hoop_tanh_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_sigmoid_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_relu_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_gelu_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy, hoop_gelu_kind kind);

#ifdef __cplusplus
}
#endif
#endif
