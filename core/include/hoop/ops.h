/**
 * hoop/ops.h - the ops: each returns a tape tensor, never NULL; a failure sticks to the tape and gives poison.
 *
 * Inputs are tensors of this tape or persistent ones. Binary ops broadcast as NumPy does. No dtype is promoted: hoop_cast. A line
 * an op: shapes, its gradient (dx: what is added to that of x), dtypes, errors; HOOP_EARG (an input that is NULL),
 * HOOP_ERELEASED, HOOP_ESIZE and HOOP_ENOMEM are possible everywhere. Values and sources stand above the code in core/ops. All
 * calls: Local.
 */
#ifndef HOOP_OPS_H
#define HOOP_OPS_H

#include "hoop/random.h"
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

/* Reductions, over the dims of a bit mask (bit d: dim d; HOOP_ALL_DIMS); keep: reduced dims stay, of size 1. */
#define HOOP_ALL_DIMS (~0u)

/** Sum, 0 of no elements: (...) -> the other dims; dx = dy, broadcast; f32, f64; HOOP_ESHAPE (no such dim), HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sum(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Mean: as hoop_sum; dx = dy / count; HOOP_ESHAPE also where there are no elements. */
HOOP_API hoop_tensor *hoop_mean(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Largest, NaN if there is one: as hoop_mean; dx = dy at the largest, in equal parts where several are. */
HOOP_API hoop_tensor *hoop_max(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Sum to a shape that broadcasts to x's: (...) -> shape; dx = dy, broadcast; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sum_to(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);

/* Views, which share x's storage. Dims below 0 count from the end. */

/** The same elements, of which one size may be -1: (...) -> shape (a copy where x is not contiguous); dx = dy; any; HOOP_ESHAPE.
 */
HOOP_API hoop_tensor *hoop_reshape(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);
/** (.., A, .., B, ..) -> (.., B, .., A, ..); dx = dy, swapped; any; HOOP_ESHAPE (no such dim). */
HOOP_API hoop_tensor *hoop_transpose(hoop_tape *t, hoop_tensor *x, int dim_a, int dim_b);
/** Dims of size 1, and new ones in front, repeated: (...) -> shape; dx = dy, summed to x's shape; any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_expand(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);
/** (.., N, ..) -> (.., count, ..) from `first` on; dx = dy there; any; HOOP_ESHAPE (no such dim), HOOP_ERANGE. */
HOOP_API hoop_tensor *hoop_slice(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t count);
/** x, through which no gradient flows: (...) -> same; none; any. */
HOOP_API hoop_tensor *hoop_detach(hoop_tape *t, hoop_tensor *x);

/* Copies. */

/** Zeros with x from `first` on: (.., n, ..) -> (.., size, ..); dx = that part of dy; f32, f64; HOOP_ESHAPE, HOOP_ERANGE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_unslice(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t size);
/** n tensors (.., Ni, ..) -> (.., sum Ni, ..); dxi = its part of dy; any, all one; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (n < 1).
 */
HOOP_API hoop_tensor *hoop_concat(hoop_tape *t, hoop_tensor *const *xs, int n, int dim);
/** In n parts, of sizes[i] or (sizes NULL) of equal size, into outs[n]; returns the first: (.., sum Ni, ..) -> n of (.., Ni, ..);
 * dx = each dyi at its part; any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_split(hoop_tape *t, hoop_tensor *x, int dim, int n, const int64_t *sizes, hoop_tensor **outs);
/** In row-major order: (...) -> same; dx = dy; any. */
HOOP_API hoop_tensor *hoop_contiguous(hoop_tape *t, hoop_tensor *x);
/** Floats to integers truncate towards zero: (...) -> same; dx = dy, cast back (floats); any; HOOP_EDTYPE (no such dtype). */
HOOP_API hoop_tensor *hoop_cast(hoop_tape *t, hoop_tensor *x, hoop_dtype dtype);
/** One value: -> shape; no gradient; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_fill(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, double value);
/** 1 at the label: i64 (...) -> (..., classes), a row of zeros for HOOP_IGNORE_LABEL; no gradient; to f32, f64; HOOP_ERANGE. */
HOOP_API hoop_tensor *hoop_one_hot(hoop_tape *t, hoop_tensor *label, int64_t classes, hoop_dtype dtype);

/* Products. */

/** (..., M, K), (..., K, N) -> (..., M, N), the rest broadcast; da = dy b^T, db = a^T dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_matmul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
/** x (..., I), w (O, I), b (O) or NULL -> (..., O); dx = dy w, dw = dy^T x, db = sum of dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE.
 */
HOOP_API hoop_tensor *hoop_linear(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b);
/** Rows of a table: w (R, D), i64 (...) -> (..., D); dw[index] = dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (index). */
HOOP_API hoop_tensor *hoop_embedding(hoop_tape *t, hoop_tensor *w, hoop_tensor *index);

/* Over the last dim. */

/** (..., C) -> same; dx = y (dy - sum y dy); f32, f64; HOOP_ESHAPE (a scalar), HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_softmax(hoop_tape *t, hoop_tensor *x);
/** (..., C) -> same; dx = dy - e^y sum dy; f32, f64; HOOP_ESHAPE (a scalar), HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_log_softmax(hoop_tape *t, hoop_tensor *x);

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

/** Zero with probability p, else x / (1 - p); the identity unless training: (...) -> same; dx = dy by the same mask; f32, f64;
 *  HOOP_EDTYPE, HOOP_EARG (p not in [0, 1)). Keyed by the tape's key and site (modules set it; code of one's own:
 *  hoop_tape_set_site), and by the number of the call at that site. */
HOOP_API hoop_tensor *hoop_dropout(hoop_tape *t, hoop_tensor *x, double p);

#ifdef __cplusplus
}
#endif

#ifndef HOOP_NO_LOCATIONS
#include "hoop/op_lines.h" /* errors name the line of the call: made from the prototypes above when hoop is built */
#endif
#endif
