/* core/kernels/elementwise.c - elementwise kernels with parameters, of integers, by a mask. */
#include "kernels/elementwise.h"

#include "kernels/activations.h"

enum { CHUNK = 256 }; /* other strides than 1 go through buffers of this many */

/* ---- f(x; p) ---- */

#define TUNED_MATH(dt, T, I)                                                                                                     \
    HOOP_INLINE T t_leaky_relu_##dt(T x, T p0, T p1, T p2)                                                                       \
    {                                                                                                                            \
        (void)p1, (void)p2;                                                                                                      \
        return x > 0 ? x : x * p0;                                                                                               \
    }                                                                                                                            \
    HOOP_INLINE T t_clamp_##dt(T x, T p0, T p1, T p2)                                                                            \
    {                                                                                                                            \
        (void)p2;                                                                                                                \
        return limited_##dt(x, p0, p1);                                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T t_elu_##dt(T x, T p0, T p1, T p2)                                                                              \
    {                                                                                                                            \
        return x > 0 ? x * p1 : p0 * v_expm1_##dt(x * p2);                                                                       \
    }                                                                                                                            \
    HOOP_INLINE T t_softplus_##dt(T x, T p0, T p1, T p2)                                                                         \
    {                                                                                                                            \
        T z = x * p0;                                                                                                            \
        (void)p2;                                                                                                                \
        return z > p1 ? x : ((z < 0 ? 0 : z) + softplus_tail_##dt(z)) / p0;                                                      \
    }                                                                                                                            \
    HOOP_INLINE T t_cube_##dt(T x, T p0, T p1, T p2)                                                                             \
    {                                                                                                                            \
        (void)p0, (void)p1, (void)p2;                                                                                            \
        return (T)((double)x * (double)x * (double)x); /* of f32 rounded once, as pow is, but for f64's last bit */              \
    }                                                                                                                            \
    HOOP_INLINE T t_shrink_##dt(T x, T p0, T p1, T p2)                                                                           \
    {                                                                                                                            \
        return x >= p0 && x <= p1 ? p2 : x;                                                                                      \
    }                                                                                                                            \
    HOOP_INLINE T t_soft_shrink_##dt(T x, T p0, T p1, T p2)                                                                      \
    {                                                                                                                            \
        (void)p2;                                                                                                                \
        return x >= p0 && x <= p1 ? 0 : x - (x > p1 ? p1 : p0);                                                                  \
    }                                                                                                                            \
    HOOP_INLINE T g_leaky_relu_##dt(T a, T dy, T p0, T p1, T p2)                                                                 \
    {                                                                                                                            \
        (void)p1, (void)p2;                                                                                                      \
        return a > 0 ? dy : dy * p0;                                                                                             \
    }                                                                                                                            \
    HOOP_INLINE T g_clamp_##dt(T a, T dy, T p0, T p1, T p2)                                                                      \
    {                                                                                                                            \
        (void)p2;                                                                                                                \
        return a >= p0 && a <= p1 ? dy : 0;                                                                                      \
    }                                                                                                                            \
    HOOP_INLINE T g_hardtanh_##dt(T a, T dy, T p0, T p1, T p2)                                                                   \
    {                                                                                                                            \
        (void)p2;                                                                                                                \
        return a > p0 && a < p1 ? dy : 0;                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE T g_elu_##dt(T a, T dy, T p0, T p1, T p2)                                                                        \
    {                                                                                                                            \
        return a > 0 ? dy * p1 : dy * ((a + p0) * p2);                                                                           \
    }                                                                                                                            \
    HOOP_INLINE T g_softplus_##dt(T a, T dy, T p0, T p1, T p2)                                                                   \
    {                                                                                                                            \
        T z = a * p0, s = v_sigmoid_##dt(z);                                                                                     \
        (void)p2;                                                                                                                \
        return z > p1 ? dy : dy * s;                                                                                             \
    }                                                                                                                            \
    HOOP_INLINE T g_shrink_##dt(T a, T dy, T p0, T p1, T p2)                                                                     \
    {                                                                                                                            \
        (void)p2;                                                                                                                \
        return a >= p0 && a <= p1 ? 0 : dy;                                                                                      \
    }
HOOP_FLOAT_LIST(TUNED_MATH)

#define TUNED(name, dt, T)                                                                                                       \
    static void name##_##dt(int64_t n, const T *x, T p0, T p1, T p2, T *y, bool add)                                             \
    {                                                                                                                            \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] += t_##name##_##dt(x[i], p0, p1, p2);                                 \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = t_##name##_##dt(x[i], p0, p1, p2);                                  \
        }                                                                                                                        \
    }                                                                                                                            \
    static void tuned_##name##_##dt(int64_t n, const void *xv, int64_t sx, const double p[HOOP_TUNED_PARAMS], void *yv,          \
                                    bool add)                                                                                    \
    {                                                                                                                            \
        const T *x = xv, p0 = (T)p[0], p1 = (T)p[1], p2 = (T)p[2];                                                               \
        T       *y = yv, buf[CHUNK];                                                                                             \
        if (sx == 1) {                                                                                                           \
            name##_##dt(n, x, p0, p1, p2, y, add);                                                                               \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t i = 0; i < n; i += CHUNK) {                                                                                 \
            int64_t m = n - i < CHUNK ? n - i : CHUNK;                                                                           \
            for (int64_t k = 0; k < m; k++) buf[k] = x[(i + k) * sx];                                                            \
            name##_##dt(m, buf, p0, p1, p2, y + i, add);                                                                         \
        }                                                                                                                        \
    }
#define TUNED_BOTH(name) TUNED(name, f32, float) TUNED(name, f64, double)
HOOP_TUNED_LIST(TUNED_BOTH)

#define TUNED_GRAD(name, dt, T)                                                                                                  \
    static void tuned_grad_##name##_##dt(int64_t n, const void *av, const void *dyv, const double p[HOOP_TUNED_PARAMS],          \
                                         void *dxv, bool add)                                                                    \
    {                                                                                                                            \
        const T *a = av, *dy = dyv, p0 = (T)p[0], p1 = (T)p[1], p2 = (T)p[2];                                                    \
        T       *dx = dxv;                                                                                                       \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) dx[i] += g_##name##_##dt(a[i], dy[i], p0, p1, p2);                         \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) dx[i] = g_##name##_##dt(a[i], dy[i], p0, p1, p2);                          \
        }                                                                                                                        \
    }
#define TUNED_GRAD_BOTH(name) TUNED_GRAD(name, f32, float) TUNED_GRAD(name, f64, double)
HOOP_TUNED_GRAD_LIST(TUNED_GRAD_BOTH)

/* ---- integers; U: unsigned, so that what wraps is defined ---- */

#define INTEGER_add(T, U, a, b) (T)((U)a + (U)b)
#define INTEGER_sub(T, U, a, b) (T)((U)a - (U)b)
#define INTEGER_mul(T, U, a, b) (T)((U)a * (U)b)
#define INTEGER_greater(T, U, a, b) a > b
#define INTEGER_equal(T, U, a, b) a == b
#define INTEGER_not_equal(T, U, a, b) a != b
#define INTEGER_less(T, U, a, b) a < b
#define INTEGER_less_equal(T, U, a, b) a <= b
#define INTEGER_greater_equal(T, U, a, b) a >= b
#define INTEGER_and(T, U, a, b) a != 0 && b != 0
#define INTEGER_or(T, U, a, b) a != 0 || b != 0
#define INTEGER_xor(T, U, a, b) (a != 0) != (b != 0)
#define INTEGER_minimum(T, U, a, b) a < b ? a : b
#define INTEGER_maximum(T, U, a, b) a > b ? a : b

#define INTEGER(name, dt, T, U)                                                                                                  \
    static void integer_##name##_##dt(int64_t n, const void *av, int64_t sa, const void *bv, int64_t sb, void *yv, bool add)     \
    {                                                                                                                            \
        const T *a = av, *b = bv;                                                                                                \
        T       *y = yv;                                                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                                        \
            const T p = a[i * sa], q = b[i * sb];                                                                                \
            const T f = INTEGER_##name(T, U, p, q);                                                                              \
            y[i]      = add ? (T)((U)y[i] + (U)f) : f;                                                                           \
        }                                                                                                                        \
    }
#define INTEGER_ALL(name)                                                                                                        \
    INTEGER(name, i64, int64_t, uint64_t) INTEGER(name, i32, int32_t, uint32_t) INTEGER(name, u8, uint8_t, uint8_t)
HOOP_INTEGER_LIST(INTEGER_ALL)

#define INTEGER_neg(T, U, a) (T)(0 - (U)a)
#define INTEGER_abs(T, U, a) (T)(a > 0 ? (U)a : (U)(0 - (U)a))
#define INTEGER_iszero(T, U, a) a == 0

#define INTEGER_UNARY(name, dt, T, U)                                                                                            \
    static void integer_unary_##name##_##dt(int64_t n, const void *xv, int64_t sx, void *yv, bool add)                           \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        T       *y = yv;                                                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                                        \
            const T p = x[i * sx];                                                                                               \
            const T f = INTEGER_##name(T, U, p);                                                                                 \
            y[i]      = add ? (T)((U)y[i] + (U)f) : f;                                                                           \
        }                                                                                                                        \
    }
#define INTEGER_UNARY_ALL(name)                                                                                                  \
    INTEGER_UNARY(name, i64, int64_t, uint64_t)                                                                                  \
    INTEGER_UNARY(name, i32, int32_t, uint32_t) INTEGER_UNARY(name, u8, uint8_t, uint8_t)
HOOP_INTEGER_UNARY_LIST(INTEGER_UNARY_ALL)

/* ---- by a mask ---- */

#define MASKED(NAME, dt, T)                                                                                                      \
    static void truth_##dt(int64_t n, const void *xv, int64_t sx, uint8_t *m)                                                    \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        if (sx == 1) {                                                                                                           \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) m[i] = x[i] != 0;                                                          \
        } else {                                                                                                                 \
            for (int64_t i = 0; i < n; i++) m[i] = x[i * sx] != 0;                                                               \
        }                                                                                                                        \
    }                                                                                                                            \
    static void where_##dt(int64_t n, const uint8_t *m, const void *av, int64_t sa, const void *bv, int64_t sb, void *yv)        \
    {                                                                                                                            \
        const T *a = av, *b = bv;                                                                                                \
        T       *y = yv, c;                                                                                                      \
        if (sa == 1 && sb == 1) {                                                                                                \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = m[i] != 0 ? a[i] : b[i];                                            \
        } else if (sa == 1 && sb == 0) {                                                                                         \
            c                                              = *b;                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = m[i] != 0 ? a[i] : c;                                               \
        } else if (sa == 0 && sb == 1) {                                                                                         \
            c                                              = *a;                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = m[i] != 0 ? c : b[i];                                               \
        } else {                                                                                                                 \
            for (int64_t i = 0; i < n; i++) y[i] = m[i] != 0 ? a[i * sa] : b[i * sb];                                            \
        }                                                                                                                        \
    }
HOOP_DTYPE_LIST(MASKED)

extern const hoop_elementwise_kernels HOOP_KERNEL(elementwise_kernels);

#define ROW_TUNED(name) [HOOP_TUNED_##name] = {tuned_##name##_f32, tuned_##name##_f64},
#define ROW_TUNED_GRAD(name) [HOOP_TUNED_GRAD_##name] = {tuned_grad_##name##_f32, tuned_grad_##name##_f64},
#define ROW_INTEGER(name)                                                                                                        \
    [HOOP_BINARY_##                                                                                                              \
        name] = {[HOOP_I64] = integer_##name##_i64, [HOOP_I32] = integer_##name##_i32, [HOOP_U8] = integer_##name##_u8},
#define ROW_INTEGER_UNARY(name)                                                                                                  \
    [HOOP_UNARY_##name] = {[HOOP_I64] = integer_unary_##name##_i64,                                                              \
                           [HOOP_I32] = integer_unary_##name##_i32,                                                              \
                           [HOOP_U8]  = integer_unary_##name##_u8},
#define ROW_TRUTH(NAME, dt, T) [HOOP_##NAME] = truth_##dt,
#define ROW_WHERE(NAME, dt, T) [HOOP_##NAME] = where_##dt,

const hoop_elementwise_kernels HOOP_KERNEL(elementwise_kernels) = {
    .tuned         = {HOOP_TUNED_LIST(ROW_TUNED)},
    .tuned_grad    = {HOOP_TUNED_GRAD_LIST(ROW_TUNED_GRAD)},
    .integer       = {HOOP_INTEGER_LIST(ROW_INTEGER)},
    .integer_unary = {HOOP_INTEGER_UNARY_LIST(ROW_INTEGER_UNARY)},
    .truth         = {HOOP_DTYPE_LIST(ROW_TRUTH)},
    .where         = {HOOP_DTYPE_LIST(ROW_WHERE)},
};
