/**
 * core/kernels/kernels.h - the table of inner loops.
 *
 * Every .c file of this folder is compiled once for each instruction set (HOOP_ISA names it) and fills its part of one const
 * table; hoop_kernels_select picks the table at run time. A kernel sees pointers, sizes and strides: no tape, no tensor, no
 * malloc, no libm. Elementwise kernels give the same bits at any offset and length; reductions use 16 fixed lanes and
 * a fixed tree, so their bits depend on the values and the length alone.
 *
 * `add`: y += result instead of y = result. Kernels with it accumulate gradients without a temporary.
 */
#ifndef HOOP_KERNELS_H
#define HOOP_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/exact.h"
#include "hoop/random.h"
#include "hoop/status.h"
#include "kernels/gemm.h"

/* f(x). gelu is the exact one (erf), gelu_tanh the approximation of Hendrycks & Gimpel; isnan and its like: 1 or 0. */
#define HOOP_UNARY_BASIC(X) X(neg) X(exp) X(log) X(sqrt) X(tanh) X(sigmoid) X(relu) X(gelu) X(gelu_tanh) X(erf) X(reciprocal)
#define HOOP_UNARY_POWERS(X) X(exp2) X(expm1) X(log1p) X(log2) X(log10) X(rsqrt) X(square)
#define HOOP_UNARY_INVERSES(X) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(asinh) X(acosh) X(atanh)
#define HOOP_UNARY_NUMBERS(X) X(abs) X(sign) X(floor) X(ceil) X(round) X(trunc) X(isfinite) X(isnan) X(isinf) X(iszero)
#define HOOP_UNARY_ACTIVATIONS(X) X(silu) X(softsign) X(log_sigmoid) X(hardswish) X(hardsigmoid) X(mish)
#define HOOP_UNARY_ANGLE_LIST(X) X(sin) X(cos) X(tan)
#define HOOP_UNARY_NEAR_LIST(X)                                                                                                  \
    HOOP_UNARY_BASIC(X)                                                                                                          \
    HOOP_UNARY_POWERS(X) HOOP_UNARY_INVERSES(X) HOOP_UNARY_NUMBERS(X) HOOP_UNARY_ACTIVATIONS(X)
#define HOOP_UNARY_LIST(X) HOOP_UNARY_NEAR_LIST(X) HOOP_UNARY_ANGLE_LIST(X)
/* dx from a (the op's input x for gelu, gelu_tanh, silu, hardswish and mish, its output y for the others) and dy */
#define HOOP_UNARY_GRAD_LIST(X) X(relu) X(tanh) X(sigmoid) X(gelu) X(gelu_tanh) HOOP_UNARY_ACTIVATIONS(X)
/* f(a, b); comparisons, and, or, xor: 1 or 0; above: 1, 0 where a < b, 1/2 where equal; prelu: a where a > 0, else a b */
#define HOOP_BINARY_BASIC(X) X(add) X(sub) X(mul) X(div) X(greater) X(equal)
#define HOOP_BINARY_MASKS(X) X(not_equal) X(less) X(less_equal) X(greater_equal) X(and) X(or) X(xor)
#define HOOP_BINARY_OTHERS(X) X(minimum) X(maximum) X(above) X(prelu) X(pow) X(atan2) X(fmod) X(remainder)
#define HOOP_BINARY_LIST(X) HOOP_BINARY_BASIC(X) HOOP_BINARY_MASKS(X) HOOP_BINARY_OTHERS(X)

enum hoop_unary_kernel {
#define HOOP_UNARY_ENUM(name) HOOP_UNARY_##name,
    HOOP_UNARY_LIST(HOOP_UNARY_ENUM) HOOP_UNARY_COUNT
#undef HOOP_UNARY_ENUM
};
enum hoop_unary_grad_kernel {
#define HOOP_UNARY_GRAD_ENUM(name) HOOP_UNARY_GRAD_##name,
    HOOP_UNARY_GRAD_LIST(HOOP_UNARY_GRAD_ENUM) HOOP_UNARY_GRAD_COUNT
#undef HOOP_UNARY_GRAD_ENUM
};
enum hoop_binary_kernel {
#define HOOP_BINARY_ENUM(name) HOOP_BINARY_##name,
    HOOP_BINARY_LIST(HOOP_BINARY_ENUM) HOOP_BINARY_COUNT
#undef HOOP_BINARY_ENUM
};

/* [HOOP_F32] and [HOOP_F64] index the float kernels */
enum { HOOP_NFLOAT = 2 };

typedef void hoop_unary_fn(int64_t n, const void *x, int64_t sx, void *y, bool add);           /* x[i*sx], y[i] */
typedef void hoop_unary_grad_fn(int64_t n, const void *a, const void *dy, void *dx, bool add); /* all contiguous */
typedef void hoop_binary_fn(int64_t n, const void *a, int64_t sa, const void *b, int64_t sb, void *y,
                            bool add); /* strides in elements; 0 and 1 are fast */
typedef void hoop_copy_fn(int64_t n, const void *x, int64_t sx, void *y, int64_t sy);
typedef void hoop_cast_fn(int64_t n, const void *x, void *y); /* contiguous; float to int truncates towards zero */
/* y[r] (+)= sum or max over c of x[r*ld + c] */
typedef void hoop_reduce_rows_fn(int64_t rows, int64_t cols, const void *x, int64_t ld, void *y, bool add);
/* y[c] (+)= sum or max over r of x[r*ld + c], r ascending in fixed blocks */
typedef void hoop_reduce_cols_fn(int64_t rows, int64_t cols, const void *x, int64_t ld, void *y, bool add);
/* y = softmax or log_softmax of each row of x (rows, cols), contiguous */
typedef void hoop_softmax_fn(int64_t rows, int64_t cols, const void *x, void *y);
/* dx (+)= the gradient from y and dy, (rows, cols) contiguous */
typedef void hoop_softmax_grad_fn(int64_t rows, int64_t cols, const void *y, const void *dy, void *dx, bool add);
/* lse[r] = log sum_c exp x[r, c], loss[r] = lse[r] - x[r, label[r]] (0 where label[r] == HOOP_IGNORE_LABEL); labels were checked
 */
typedef void hoop_cross_entropy_fn(int64_t rows, int64_t cols, const void *x, const int64_t *label, void *lse, void *loss);
/* dx[r, c] (+)= scale * (exp(x[r, c] - lse[r]) - (c == label[r])), 0 for ignored rows */
typedef void hoop_cross_entropy_grad_fn(int64_t rows, int64_t cols, const void *x, const int64_t *label, const void *lse,
                                        double scale, void *dx, bool add);
/* y[i] (+)= x[i] * m, m = u(key, first + i) >= p ? scale : 0, u = hoop_random_f32 of an element in both dtypes; first is a
 * multiple of HOOP_DROPOUT_ALIGN */
enum { HOOP_DROPOUT_ALIGN = 128 };
typedef void hoop_dropout_fn(int64_t first, int64_t n, const void *x, double p, double scale, hoop_key key, void *y, bool add);

/* what one update applies to a range; m and v are the optimiser's state there */
typedef struct hoop_update {
    double grad_scale; /* multiplies the gradient sum first: 1/weight, clipping */
    double lr, weight_decay;
    double momentum, dampening;
    bool   nesterov, first;                 /* first: SGD's momentum buffer becomes the gradient, Adagrad's sum begins */
    double beta1, beta2, eps, bias1, bias2; /* bias: 1 - beta^step */
    bool   decoupled;                       /* AdamW's weight decay: off the weights, by lr */
    double step, step2;                     /* of the direction, where lr is not it; NAdam: of the gradient, of the moment */
    double initial;                         /* Adagrad: what its sums begin with */
    bool   plain;                           /* RAdam: the first moment alone */
} hoop_update;
typedef void hoop_sgd_fn(int64_t n, const hoop_update *u, void *w, const void *g, void *m); /* m may be NULL: no momentum */
/* most: the largest v so far (amsgrad); may be NULL */
typedef void hoop_adam_fn(int64_t n, const hoop_update *u, void *w, const void *g, void *m, void *v, void *most);
typedef void hoop_update_fn(int64_t n, const hoop_update *u, void *w, const void *g, void *const *state);
/* LAMB: moments and the direction of a step into r; w -= step * r */
typedef void hoop_lamb_fn(int64_t n, const hoop_update *u, const void *w, const void *g, void *m, void *v, void *r);
typedef void hoop_ema_fn(int64_t n, double rate, const void *w, void *mean); /* mean += rate * (w - mean) */
typedef void hoop_lamb_step_fn(int64_t n, const hoop_update *u, void *w, const void *m, const void *v);

/* out[b] = sum of squares of block b (128 elements), in f64, 16 lanes and a fixed tree */
typedef void hoop_squares_fn(int64_t nblocks, const void *x, double *out);
/* accumulators of hoop/exact.h, `nblocks` in a row */
typedef void hoop_exact_clear_fn(int64_t nblocks, void *blocks);
typedef void hoop_exact_deposit_fn(int64_t nblocks, int width, int tmin, void *blocks, const void *const *terms, int nterms);
typedef void hoop_exact_merge_fn(int64_t nblocks, void *dst, const void *src); /* of one width */
typedef bool hoop_exact_finish_fn(int64_t nblocks, int width, const void *blocks, void *x);
/* clear, deposit and finish, without accumulators in memory; x may be one of the terms */
typedef bool hoop_exact_sum_fn(int64_t nblocks, int width, int tmin, const void *const *terms, int nterms, void *x);

struct hoop_attention_kernels;   /* families with headers of their own */
struct hoop_elementwise_kernels; /* kernels/elementwise.h */

typedef struct hoop_kernels {
    const char                 *isa; /* "avx512", "avx2", "baseline" */
    hoop_unary_fn              *unary[HOOP_UNARY_COUNT][HOOP_NFLOAT];
    hoop_unary_grad_fn         *unary_grad[HOOP_UNARY_GRAD_COUNT][HOOP_NFLOAT];
    hoop_binary_fn             *binary[HOOP_BINARY_COUNT][HOOP_NFLOAT];
    hoop_copy_fn               *copy[HOOP_DTYPE_COUNT];
    hoop_cast_fn               *cast[HOOP_DTYPE_COUNT][HOOP_DTYPE_COUNT]; /* [from][to] */
    hoop_reduce_rows_fn        *sum_rows[HOOP_NFLOAT], *max_rows[HOOP_NFLOAT];
    hoop_reduce_cols_fn        *sum_cols[HOOP_NFLOAT], *max_cols[HOOP_NFLOAT];
    hoop_softmax_fn            *softmax[HOOP_NFLOAT], *log_softmax[HOOP_NFLOAT];
    hoop_softmax_grad_fn       *softmax_grad[HOOP_NFLOAT], *log_softmax_grad[HOOP_NFLOAT];
    hoop_cross_entropy_fn      *cross_entropy[HOOP_NFLOAT];
    hoop_cross_entropy_grad_fn *cross_entropy_grad[HOOP_NFLOAT];
    hoop_dropout_fn            *dropout[HOOP_NFLOAT];
    hoop_sgd_fn                *sgd[HOOP_NFLOAT];
    hoop_adam_fn               *adam[HOOP_NFLOAT];
    hoop_update_fn             *rmsprop[HOOP_NFLOAT], *adagrad[HOOP_NFLOAT], *radam[HOOP_NFLOAT], *nadam[HOOP_NFLOAT];
    hoop_update_fn             *lion[HOOP_NFLOAT], *lars[HOOP_NFLOAT];
    hoop_lamb_fn               *lamb[HOOP_NFLOAT];
    hoop_lamb_step_fn          *lamb_step[HOOP_NFLOAT];
    hoop_ema_fn                *ema[HOOP_NFLOAT];
    hoop_squares_fn            *squares[HOOP_NFLOAT];
    hoop_exact_clear_fn        *exact_clear[HOOP_NFLOAT];
    hoop_exact_deposit_fn      *exact_deposit[HOOP_NFLOAT];
    hoop_exact_merge_fn        *exact_merge[HOOP_NFLOAT];
    hoop_exact_finish_fn       *exact_finish[HOOP_NFLOAT];
    hoop_exact_sum_fn          *exact_sum[HOOP_NFLOAT];
    hoop_gemm_fn               *gemm[HOOP_NFLOAT];

    /* of families of ops: kernels/NAME.h */
    const struct hoop_reduce_kernels      *reduce;
    const struct hoop_conv_kernels        *conv;
    const struct hoop_attention_kernels   *attention;
    const struct hoop_recurrent_kernels   *recurrent;
    const struct hoop_loss_kernels        *loss;
    const struct hoop_norm_kernels        *norm;
    const struct hoop_pool_kernels        *pool;
    const struct hoop_elementwise_kernels *elementwise;
} hoop_kernels;

enum { HOOP_IGNORE_LABEL_VALUE = -100 };

/** The table for `isa` ("auto" or NULL: the best this CPU runs). Errors: HOOP_EARG names those that work here. Calls: Local. */
HOOP_API hoop_status hoop_kernels_select(const char *isa, hoop_error *err, const hoop_kernels **out);

#endif
