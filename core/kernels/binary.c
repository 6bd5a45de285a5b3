/* core/kernels/binary.c - y (+)= f(a, b), an element at a time; strides 1 and 0 are loops of their own. */
#include "kernels/isa.h"

enum { CHUNK = 256 }; /* other strides go through buffers of this many */

#define BINARY_MATH(dt, T, I)                                                                                                    \
    HOOP_INLINE T f_add_##dt(T a, T b)                                                                                           \
    {                                                                                                                            \
        return a + b;                                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T f_sub_##dt(T a, T b)                                                                                           \
    {                                                                                                                            \
        return a - b;                                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T f_mul_##dt(T a, T b)                                                                                           \
    {                                                                                                                            \
        return a * b;                                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T f_div_##dt(T a, T b)                                                                                           \
    {                                                                                                                            \
        return a / b;                                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T f_greater_##dt(T a, T b)                                                                                       \
    {                                                                                                                            \
        return a > b ? 1 : 0;                                                                                                    \
    }                                                                                                                            \
    HOOP_INLINE T f_equal_##dt(T a, T b)                                                                                         \
    {                                                                                                                            \
        return a == b ? 1 : 0;                                                                                                   \
    }                                                                                                                            \
    static const T *gather_##dt(int64_t m, const T *x, int64_t stride, T *buf)                                                   \
    {                                                                                                                            \
        if (stride == 1) return x;                                                                                               \
        for (int64_t k = 0; k < m; k++) buf[k] = x[k * stride];                                                                  \
        return buf;                                                                                                              \
    }
HOOP_FLOAT_LIST(BINARY_MATH)

#define BINARY(name, dt, T)                                                                                                      \
    static void name##_##dt(int64_t n, const T *a, const T *b, T *y, bool add)                                                   \
    {                                                                                                                            \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] += f_##name##_##dt(a[i], b[i]);                                       \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = f_##name##_##dt(a[i], b[i]);                                        \
        }                                                                                                                        \
    }                                                                                                                            \
    static void name##_##dt##_right(int64_t n, const T *a, T b, T *y, bool add)                                                  \
    {                                                                                                                            \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] += f_##name##_##dt(a[i], b);                                          \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = f_##name##_##dt(a[i], b);                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    static void name##_##dt##_left(int64_t n, T a, const T *b, T *y, bool add)                                                   \
    {                                                                                                                            \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] += f_##name##_##dt(a, b[i]);                                          \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = f_##name##_##dt(a, b[i]);                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(binary_##name##_##dt)(int64_t n, const void *av, int64_t sa, const void *bv, int64_t sb, void *yv,          \
                                           bool add)                                                                             \
    {                                                                                                                            \
        const T *a = av, *b = bv;                                                                                                \
        T       *y = yv, abuf[CHUNK], bbuf[CHUNK];                                                                               \
        if (n <= 0) return;                                                                                                      \
        if (sa == 1 && sb == 1) {                                                                                                \
            name##_##dt(n, a, b, y, add);                                                                                        \
        } else if (sa == 1 && sb == 0) {                                                                                         \
            name##_##dt##_right(n, a, *b, y, add);                                                                               \
        } else if (sa == 0 && sb == 1) {                                                                                         \
            name##_##dt##_left(n, *a, b, y, add);                                                                                \
        } else {                                                                                                                 \
            for (int64_t i = 0; i < n; i += CHUNK) {                                                                             \
                int64_t m = n - i < CHUNK ? n - i : CHUNK;                                                                       \
                name##_##dt(m, gather_##dt(m, a + i * sa, sa, abuf), gather_##dt(m, b + i * sb, sb, bbuf), y + i, add);          \
            }                                                                                                                    \
        }                                                                                                                        \
    }
#define BINARY_BOTH(name) BINARY(name, f32, float) BINARY(name, f64, double)
HOOP_BINARY_LIST(BINARY_BOTH)
