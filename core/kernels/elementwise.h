/**
 * core/kernels/elementwise.h - elementwise kernels beyond the lists of kernels.h: with parameters, of integers, by a mask.
 */
#ifndef HOOP_ELEMENTWISE_KERNELS_H
#define HOOP_ELEMENTWISE_KERNELS_H

#include "kernels/kernels.h"

/* f(x; p). leaky_relu: slope; clamp: least, largest; elu: below 0 p0 (e^(p2 x) - 1), above p1 x; softplus: beta, threshold;
 * cube: x^3; shrink: p2 from p0 to p1, else x; soft_shrink: 0 there, else x less p1 above it, less p0 below */
#define HOOP_TUNED_LIST(X) X(leaky_relu) X(clamp) X(elu) X(softplus) X(cube) X(shrink) X(soft_shrink)
/* dx from a (the input x for clamp, softplus and shrink, the output y for hardtanh and elu, either for leaky_relu), dy and p */
#define HOOP_TUNED_GRAD_LIST(X) X(leaky_relu) X(clamp) X(hardtanh) X(elu) X(softplus) X(shrink)
/* f(a, b) of integers, in their own dtype; sums and products wrap around */
#define HOOP_INTEGER_BASIC(X) X(add) X(sub) X(mul) X(minimum) X(maximum) X(greater) X(equal)
#define HOOP_INTEGER_LIST(X) HOOP_INTEGER_BASIC(X) HOOP_BINARY_MASKS(X)
/* f(x) of integers */
#define HOOP_INTEGER_UNARY_LIST(X) X(neg) X(abs) X(iszero)

enum { HOOP_TUNED_PARAMS = 3 };
enum hoop_tuned_kernel {
#define HOOP_TUNED_ENUM(name) HOOP_TUNED_##name,
    HOOP_TUNED_LIST(HOOP_TUNED_ENUM) HOOP_TUNED_COUNT
#undef HOOP_TUNED_ENUM
};
enum hoop_tuned_grad_kernel {
#define HOOP_TUNED_GRAD_ENUM(name) HOOP_TUNED_GRAD_##name,
    HOOP_TUNED_GRAD_LIST(HOOP_TUNED_GRAD_ENUM) HOOP_TUNED_GRAD_COUNT
#undef HOOP_TUNED_GRAD_ENUM
};

/* as hoop_unary_fn and hoop_unary_grad_fn; p is rounded to the dtype */
typedef void hoop_tuned_fn(int64_t n, const void *x, int64_t sx, const double p[HOOP_TUNED_PARAMS], void *y, bool add);
typedef void hoop_tuned_grad_fn(int64_t n, const void *a, const void *dy, const double p[HOOP_TUNED_PARAMS], void *dx, bool add);
/* m[i] = x[i*sx] != 0, for n <= HOOP_WHERE_CHUNK */
enum { HOOP_WHERE_CHUNK = 256 };
typedef void hoop_truth_fn(int64_t n, const void *x, int64_t sx, uint8_t *m);
/* y[i] = m[i] ? a[i*sa] : b[i*sb] */
typedef void hoop_where_fn(int64_t n, const uint8_t *m, const void *a, int64_t sa, const void *b, int64_t sb, void *y);

typedef struct hoop_elementwise_kernels {
    hoop_tuned_fn      *tuned[HOOP_TUNED_COUNT][HOOP_NFLOAT];
    hoop_tuned_grad_fn *tuned_grad[HOOP_TUNED_GRAD_COUNT][HOOP_NFLOAT];
    hoop_binary_fn     *integer[HOOP_BINARY_COUNT][HOOP_DTYPE_COUNT]; /* NULL: floats, and what integers do not have */
    hoop_unary_fn      *integer_unary[HOOP_UNARY_COUNT][HOOP_DTYPE_COUNT];
    hoop_truth_fn      *truth[HOOP_DTYPE_COUNT];
    hoop_where_fn      *where[HOOP_DTYPE_COUNT];
} hoop_elementwise_kernels;

#endif
