/**
 * hoop/ops.h - the ops: each returns a tape tensor, never NULL; a failure sticks to the tape and gives poison.
 *
 * Inputs are tensors of this tape or persistent ones. Binary ops broadcast as NumPy does. No dtype is promoted: hoop_cast.
 * What each op computes, its gradient, dtypes, errors and source stand above its code in core/ops. All calls: Local.
 */
#ifndef HOOP_OPS_H
#define HOOP_OPS_H

#include "hoop/random.h"
#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* arithmetic.c: y = f(a, b) or f(x), elementwise */
HOOP_API hoop_tensor *hoop_add(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_sub(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_mul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_div(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
HOOP_API hoop_tensor *hoop_neg(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_scale(hoop_tape *t, hoop_tensor *x, double factor);
HOOP_API hoop_tensor *hoop_shift(hoop_tape *t, hoop_tensor *x, double term);
HOOP_API hoop_tensor *hoop_reciprocal(hoop_tape *t, hoop_tensor *x);

/* exponential.c, compare.c */
HOOP_API hoop_tensor *hoop_exp(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_log(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_sqrt(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_erf(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_greater(hoop_tape *t, hoop_tensor *a, hoop_tensor *b); /* 1 or 0 in a's dtype; no gradient */
HOOP_API hoop_tensor *hoop_equal(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);

/* activation.c */
typedef enum hoop_gelu_kind { HOOP_GELU_ERF, HOOP_GELU_TANH } hoop_gelu_kind;
HOOP_API hoop_tensor *hoop_tanh(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_sigmoid(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_relu(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_gelu(hoop_tape *t, hoop_tensor *x, hoop_gelu_kind kind);
/* their gradients, ops as well: y the activation's output (gelu: x its input), dy its gradient */
HOOP_API hoop_tensor *hoop_tanh_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_sigmoid_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_relu_grad(hoop_tape *t, hoop_tensor *y, hoop_tensor *dy);
HOOP_API hoop_tensor *hoop_gelu_grad(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy, hoop_gelu_kind kind);

/* reduce.c: over the dims of a bit mask (bit d: dim d; HOOP_ALL_DIMS); keep: reduced dims stay, of size 1 */
#define HOOP_ALL_DIMS (~0u)
HOOP_API hoop_tensor *hoop_sum(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
HOOP_API hoop_tensor *hoop_mean(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
HOOP_API hoop_tensor *hoop_max(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Sum x (a broadcast result) to a shape that broadcasts to x's. */
HOOP_API hoop_tensor *hoop_sum_to(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);

/* view.c: views share storage; concat and contiguous copy */
HOOP_API hoop_tensor *hoop_reshape(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape); /* one size may be -1 */
HOOP_API hoop_tensor *hoop_transpose(hoop_tape *t, hoop_tensor *x, int dim_a, int dim_b); /* dims < 0 count from the end */
HOOP_API hoop_tensor *hoop_expand(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);
HOOP_API hoop_tensor *hoop_slice(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t count);
HOOP_API hoop_tensor *hoop_unslice(hoop_tape *t, hoop_tensor *x, int dim, int64_t first,
                                   int64_t size); /* size zeros with x from first on */
HOOP_API hoop_tensor *hoop_concat(hoop_tape *t, hoop_tensor *const *xs, int n, int dim);
HOOP_API hoop_tensor *hoop_contiguous(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_cast(hoop_tape *t, hoop_tensor *x, hoop_dtype dtype);
HOOP_API hoop_tensor *hoop_fill(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, double value);
HOOP_API hoop_tensor *hoop_detach(hoop_tape *t, hoop_tensor *x);

/* matmul.c, linear.c */
HOOP_API hoop_tensor *hoop_matmul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b); /* (..., M, K) x (..., K, N) -> (..., M, N) */
HOOP_API hoop_tensor *hoop_linear(hoop_tape *t, hoop_tensor *x, hoop_tensor *w,
                                  hoop_tensor *b); /* (..., I), (O, I), (O) or NULL -> (..., O) */

/* softmax.c: over the last dim */
HOOP_API hoop_tensor *hoop_softmax(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_log_softmax(hoop_tape *t, hoop_tensor *x);
HOOP_API hoop_tensor *hoop_one_hot(hoop_tape *t, hoop_tensor *label, int64_t classes,
                                   hoop_dtype dtype); /* i64 (...) -> (..., classes) */

/* Losses give a sum and, in f64, its weight (hoop_loss_weight): divide by it for the mean. */
#define HOOP_IGNORE_LABEL (-100)
HOOP_API hoop_tensor *hoop_cross_entropy(hoop_tape *t, hoop_tensor *logits,
                                         hoop_tensor *label); /* (..., C), i64 (...); weight: labels not ignored */
HOOP_API hoop_tensor *hoop_mse(hoop_tape *t, hoop_tensor *y, hoop_tensor *target); /* same shape; weight: elements */

/* dropout.c: keyed by the tape's key and site (modules set it; code of one's own: hoop_tape_set_site), and by the number of the
 * call at that site; the identity unless training */
HOOP_API hoop_tensor *hoop_dropout(hoop_tape *t, hoop_tensor *x, double p);
/* embedding.c */
HOOP_API hoop_tensor *hoop_embedding(hoop_tape *t, hoop_tensor *w, hoop_tensor *index); /* (R, D), i64 (...) -> (..., D) */

/* Error messages name the line of the call. Each name is a function as well (for pointers, and for Fortran). */
#ifndef HOOP_NO_LOCATIONS
#define HOOP_AT(t) hoop_tape_at((t), __FILE__, __LINE__)
#define hoop_add(t, ...) hoop_add(HOOP_AT(t), __VA_ARGS__)
#define hoop_sub(t, ...) hoop_sub(HOOP_AT(t), __VA_ARGS__)
#define hoop_mul(t, ...) hoop_mul(HOOP_AT(t), __VA_ARGS__)
#define hoop_div(t, ...) hoop_div(HOOP_AT(t), __VA_ARGS__)
#define hoop_neg(t, ...) hoop_neg(HOOP_AT(t), __VA_ARGS__)
#define hoop_scale(t, ...) hoop_scale(HOOP_AT(t), __VA_ARGS__)
#define hoop_shift(t, ...) hoop_shift(HOOP_AT(t), __VA_ARGS__)
#define hoop_reciprocal(t, ...) hoop_reciprocal(HOOP_AT(t), __VA_ARGS__)
#define hoop_exp(t, ...) hoop_exp(HOOP_AT(t), __VA_ARGS__)
#define hoop_log(t, ...) hoop_log(HOOP_AT(t), __VA_ARGS__)
#define hoop_sqrt(t, ...) hoop_sqrt(HOOP_AT(t), __VA_ARGS__)
#define hoop_erf(t, ...) hoop_erf(HOOP_AT(t), __VA_ARGS__)
#define hoop_greater(t, ...) hoop_greater(HOOP_AT(t), __VA_ARGS__)
#define hoop_equal(t, ...) hoop_equal(HOOP_AT(t), __VA_ARGS__)
#define hoop_tanh(t, ...) hoop_tanh(HOOP_AT(t), __VA_ARGS__)
#define hoop_sigmoid(t, ...) hoop_sigmoid(HOOP_AT(t), __VA_ARGS__)
#define hoop_relu(t, ...) hoop_relu(HOOP_AT(t), __VA_ARGS__)
#define hoop_gelu(t, ...) hoop_gelu(HOOP_AT(t), __VA_ARGS__)
#define hoop_tanh_grad(t, ...) hoop_tanh_grad(HOOP_AT(t), __VA_ARGS__)
#define hoop_sigmoid_grad(t, ...) hoop_sigmoid_grad(HOOP_AT(t), __VA_ARGS__)
#define hoop_relu_grad(t, ...) hoop_relu_grad(HOOP_AT(t), __VA_ARGS__)
#define hoop_gelu_grad(t, ...) hoop_gelu_grad(HOOP_AT(t), __VA_ARGS__)
#define hoop_sum(t, ...) hoop_sum(HOOP_AT(t), __VA_ARGS__)
#define hoop_mean(t, ...) hoop_mean(HOOP_AT(t), __VA_ARGS__)
#define hoop_max(t, ...) hoop_max(HOOP_AT(t), __VA_ARGS__)
#define hoop_sum_to(t, ...) hoop_sum_to(HOOP_AT(t), __VA_ARGS__)
#define hoop_reshape(t, ...) hoop_reshape(HOOP_AT(t), __VA_ARGS__)
#define hoop_transpose(t, ...) hoop_transpose(HOOP_AT(t), __VA_ARGS__)
#define hoop_expand(t, ...) hoop_expand(HOOP_AT(t), __VA_ARGS__)
#define hoop_slice(t, ...) hoop_slice(HOOP_AT(t), __VA_ARGS__)
#define hoop_unslice(t, ...) hoop_unslice(HOOP_AT(t), __VA_ARGS__)
#define hoop_concat(t, ...) hoop_concat(HOOP_AT(t), __VA_ARGS__)
#define hoop_contiguous(t, ...) hoop_contiguous(HOOP_AT(t), __VA_ARGS__)
#define hoop_cast(t, ...) hoop_cast(HOOP_AT(t), __VA_ARGS__)
#define hoop_fill(t, ...) hoop_fill(HOOP_AT(t), __VA_ARGS__)
#define hoop_detach(t, ...) hoop_detach(HOOP_AT(t), __VA_ARGS__)
#define hoop_matmul(t, ...) hoop_matmul(HOOP_AT(t), __VA_ARGS__)
#define hoop_linear(t, ...) hoop_linear(HOOP_AT(t), __VA_ARGS__)
#define hoop_softmax(t, ...) hoop_softmax(HOOP_AT(t), __VA_ARGS__)
#define hoop_log_softmax(t, ...) hoop_log_softmax(HOOP_AT(t), __VA_ARGS__)
#define hoop_one_hot(t, ...) hoop_one_hot(HOOP_AT(t), __VA_ARGS__)
#define hoop_cross_entropy(t, ...) hoop_cross_entropy(HOOP_AT(t), __VA_ARGS__)
#define hoop_mse(t, ...) hoop_mse(HOOP_AT(t), __VA_ARGS__)
#define hoop_dropout(t, ...) hoop_dropout(HOOP_AT(t), __VA_ARGS__)
#define hoop_embedding(t, ...) hoop_embedding(HOOP_AT(t), __VA_ARGS__)
#define hoop_loss(t, ...) hoop_loss(HOOP_AT(t), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
