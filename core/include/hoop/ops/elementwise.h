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

/** a + b: broadcast -> (...); da = dy, db = dy; any (integers wrap around; so the next two, and neg); HOOP_ESHAPE, HOOP_EDTYPE.
 */
HOOP_API hoop_tensor *hoop_add(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** a - b: broadcast -> (...); da = dy, db = -dy; any; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sub(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** a b: broadcast -> (...); da = dy b, db = dy a; any; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_mul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** a / b: broadcast -> (...); da = dy / b, db = -dy y / b; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_div(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** -x: (...) -> same; dx = -dy; any. */
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
/* Powers, exponentials, logarithms. */

/** a^b: broadcast -> (...); da = dy b a^(b - 1), db = dy y ln a; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_pow(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** x^e, the exponent in x's dtype: (...) -> same; dx = dy e x^(e - 1); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_pow_scalar(hoop_tape *t, hoop_tensor *x, double e);
/** What a / b leaves over, exact, of a's sign: broadcast -> (...); da = dy, db = -dy trunc(a / b); f32, f64; HOOP_ESHAPE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_fmod(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** The same, of b's sign: broadcast -> (...); da = dy, db = -dy floor(a / b); f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_remainder(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** x^2: (...) -> same; dx = 2 dy x; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_square(hoop_tape *t, hoop_tensor *x);
/** 1 / sqrt(x), NaN below 0: (...) -> same; dx = -dy y^3 / 2; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_rsqrt(hoop_tape *t, hoop_tensor *x);
/** 2^x: (...) -> same; dx = dy y ln 2; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_exp2(hoop_tape *t, hoop_tensor *x);
/** e^x - 1, exact near 0: (...) -> same; dx = dy (y + 1); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_expm1(hoop_tape *t, hoop_tensor *x);
/** ln(1 + x), exact near 0: (...) -> same; dx = dy / (1 + x); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_log1p(hoop_tape *t, hoop_tensor *x);
/** Logarithm to base 2: (...) -> same; dx = dy / (x ln 2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_log2(hoop_tape *t, hoop_tensor *x);
/** Logarithm to base 10: (...) -> same; dx = dy / (x ln 10); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_log10(hoop_tape *t, hoop_tensor *x);

/* Angles, in radians, and hyperbolic functions. Right for arguments of any size; NaN where there is no value. */

/** (...) -> same; dx = dy cos x; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sin(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = -dy sin x; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_cos(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = dy (1 + y^2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_tan(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = dy / sqrt(1 - x^2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_asin(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = -dy / sqrt(1 - x^2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_acos(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = dy / (1 + x^2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_atan(hoop_tape *t, hoop_tensor *x);
/** The angle of the point (x, y): broadcast -> (...); dy = da x / (x^2 + y^2), dx = -da y / (x^2 + y^2); f32, f64; HOOP_ESHAPE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_atan2(hoop_tape *t, hoop_tensor *y, hoop_tensor *x);
/** (...) -> same; dx = dy cosh x; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sinh(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = dy sinh x; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_cosh(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = dy / sqrt(x^2 + 1); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_asinh(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = dy / sqrt(x^2 - 1); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_acosh(hoop_tape *t, hoop_tensor *x);
/** (...) -> same; dx = dy / (1 - x^2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_atanh(hoop_tape *t, hoop_tensor *x);

/* Size, rounding, choice. */

/** |x|: (...) -> same; dx = dy sign x; any. */
HOOP_API hoop_tensor *hoop_abs(hoop_tape *t, hoop_tensor *x);
/** 1, 0, -1 by the sign; NaN gives 0: (...) -> same; no gradient; f32, f64; HOOP_EDTYPE. So the next four: down, up, to the
 * nearest (half way: the even one), towards 0. */
HOOP_API hoop_tensor *hoop_sign(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_floor(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_ceil(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_round(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_trunc(hoop_tape *t, hoop_tensor *x);
/** The lesser, NaN if one is: broadcast -> (...); dy to the one taken, half to each where equal; any; HOOP_ESHAPE, HOOP_EDTYPE.
 */
HOOP_API hoop_tensor *hoop_minimum(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** The larger, likewise. */
HOOP_API hoop_tensor *hoop_maximum(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** At least min, at most max; infinities: no bound: (...) -> same; dx = dy where min <= x <= max; f32, f64; HOOP_EDTYPE,
 * HOOP_EARG (NaN). */
HOOP_API hoop_tensor *hoop_clamp(hoop_tape *t, hoop_tensor *x, double min, double max);

/*
 * Masks. There is no dtype of truth values: a mask is a tensor of any dtype, true where it is not 0 (u8 takes least memory, NaN
 * is true). Comparisons and logic give masks of 1 and 0 in the dtype of their inputs, so that they can be multiplied and summed.
 */

/** 1 where a > b, else 0: broadcast -> (...); no gradient; any; HOOP_ESHAPE, HOOP_EDTYPE. So the next five. */
HOOP_API hoop_tensor *hoop_greater(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_greater_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_less(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_less_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_not_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** 1 where both are true, else 0: broadcast -> (...); no gradient; any; HOOP_ESHAPE, HOOP_EDTYPE. So the next two. */
HOOP_API hoop_tensor *hoop_logical_and(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_logical_or(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_logical_xor(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** 1 where x is 0, else 0: (...) -> same; no gradient; any. */
HOOP_API hoop_tensor *hoop_logical_not(hoop_tape *t, hoop_tensor *x);
/** 1 where it is so, else 0: (...) -> same; no gradient; f32, f64; HOOP_EDTYPE. So the next two. */
HOOP_API hoop_tensor *hoop_isfinite(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_isinf(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_isnan(hoop_tape *t, hoop_tensor *x);
/** a where the mask is true, else b: broadcast -> (...); da = dy there, db = dy elsewhere; a, b any; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_where(hoop_tape *t, hoop_tensor *mask, hoop_tensor *a, hoop_tensor *b);
/** value where the mask is true, else x: broadcast -> (...); dx = dy elsewhere; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_masked_fill(hoop_tape *t, hoop_tensor *x, hoop_tensor *mask, double value);

/* Activations. Their gradients are ops as well: y is the activation's output (x its input), dy its gradient. */

/** (...) -> same; dx = dy (1 - y^2); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_tanh(hoop_tape *t, hoop_tensor *x);
/** 1 / (1 + e^-x): (...) -> same; dx = dy y (1 - y); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sigmoid(hoop_tape *t, hoop_tensor *x);
/** max(x, 0), NaN kept: (...) -> same; dx = dy where y > 0; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_relu(hoop_tape *t, hoop_tensor *x);
typedef enum hoop_gelu_kind { HOOP_GELU_ERF, HOOP_GELU_TANH } hoop_gelu_kind;
/** x Phi(x), or its approximation by tanh: (...) -> same; dx = dy dgelu/dx; f32, f64; HOOP_EDTYPE, HOOP_EARG (kind). */
HOOP_API hoop_tensor *hoop_gelu(hoop_tape *t, hoop_tensor *x, hoop_gelu_kind kind);
/** x, or slope x where x is not above 0: (...) -> same; dx = dy, or slope dy; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_leaky_relu(hoop_tape *t, hoop_tensor *x, double slope);
/** The same, its slope a parameter for each channel (dim 1), or one: (N, C, ..), (C) -> same; dw = dy x where x is not above 0,
 * summed; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_prelu(hoop_tape *t, hoop_tensor *x, hoop_tensor *w);
/** x, or alpha (e^x - 1) where x is not above 0: (...) -> same; dx = dy, or dy (y + alpha); f32, f64; HOOP_EDTYPE, HOOP_EARG
 * (alpha below 0). selu: with numbers that keep mean and variance. celu: alpha (e^(x / alpha) - 1). */
HOOP_API hoop_tensor *hoop_elu(hoop_tape *t, hoop_tensor *x, double alpha);
HOOP_API hoop_tensor *hoop_selu(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_celu(hoop_tape *t, hoop_tensor *x, double alpha);
/** x sigmoid(x): (...) -> same; dx = dy s (1 + x (1 - s)); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_silu(hoop_tape *t, hoop_tensor *x);
/** x tanh(softplus x): (...) -> same; dx = dy dmish/dx; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_mish(hoop_tape *t, hoop_tensor *x);
/** ln(1 + e^(beta x)) / beta, x where beta x > threshold: (...) -> same; dx = dy sigmoid(beta x); f32, f64; HOOP_EDTYPE,
 * HOOP_EARG. PyTorch's: 1, 20. */
HOOP_API hoop_tensor *hoop_softplus(hoop_tape *t, hoop_tensor *x, double beta, double threshold);
/** ln sigmoid(x): (...) -> same; dx = dy (1 - e^y); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_log_sigmoid(hoop_tape *t, hoop_tensor *x);
/** x / (1 + |x|): (...) -> same; dx = dy (1 - |y|)^2; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_softsign(hoop_tape *t, hoop_tensor *x);
/** min(max(x + 3, 0), 6) / 6, and x times that: (...) -> same; dx = dy times the slope; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_hardsigmoid(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_hardswish(hoop_tape *t, hoop_tensor *x);
/** x between min and max, else these: (...) -> same; dx = dy where min < y < max; f32, f64; HOOP_EDTYPE, HOOP_EARG. relu6: 0, 6.
 */
HOOP_API hoop_tensor *hoop_hardtanh(hoop_tape *t, hoop_tensor *x, double min, double max);
HOOP_API hoop_tensor *hoop_relu6(hoop_tape *t, hoop_tensor *x);
/** x where |x| > lambda, else 0: (...) -> same; dx = dy there; f32, f64; HOOP_EDTYPE, HOOP_EARG (lambda below 0). */
HOOP_API hoop_tensor *hoop_hardshrink(hoop_tape *t, hoop_tensor *x, double lambda);
/** The same, lambda nearer to 0. */
HOOP_API hoop_tensor *hoop_softshrink(hoop_tape *t, hoop_tensor *x, double lambda);
/** x - tanh x: (...) -> same; dx = dy tanh(x)^2; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_tanhshrink(hoop_tape *t, hoop_tensor *x);
/** x above threshold, else value: (...) -> same; dx = dy where it is x; f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_threshold(hoop_tape *t, hoop_tensor *x, double threshold, double value);
/** The first half of a dim times the sigmoid of the second: (.., 2 N, ..) -> (.., N, ..); f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_glu(hoop_tape *t, hoop_tensor *x, int dim);
/** Of one shape -> same; differentiable; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. So the next nine. */
HOOP_API hoop_tensor *hoop_tanh_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_sigmoid_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_relu_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_softsign_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_log_sigmoid_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_hardsigmoid_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_hardswish_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_silu_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_mish_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_gelu_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy, hoop_gelu_kind kind);

#ifdef __cplusplus
}
#endif
#endif
