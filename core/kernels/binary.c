/* core/kernels/binary.c - y (+)= f(a, b), an element at a time; strides 1 and 0 are loops of their own. */
#include "kernels/vmath_wide.h"

enum { CHUNK = 256 }; /* other strides go through buffers of this many */

/* what is left of a when as many b as fit are taken away: exact, by long division */
static double fmod_of(double a, double b)
{
    uint64_t sign = bits_of_f64(a) & 0x8000000000000000u, r, m;
    double   x = f64_of_bits(bits_of_f64(a) ^ sign), y = f64_of_bits(bits_of_f64(b) & 0x7fffffffffffffffu);
    int      e, f;
    if (!(x < (double)INFINITY) || !(y > 0.0)) return (double)NAN;
    if (x < y) return a;
    r = hoop__fma_parts(x, &e);
    m = hoop__fma_parts(y, &f);
    r %= m;
    for (int step; e > f; e -= step) {
        step = e - f < 11 ? e - f : 11;
        r    = (r << step) % m;
    }
    e = f / 2;
    x = (double)r * pow2_of_f64(e) * pow2_of_f64(f - e); /* exact */
    return f64_of_bits(bits_of_f64(x) | sign);
}

/* the same, of b's sign */
static double remainder_of(double a, double b)
{
    double r = fmod_of(a, b);
    return r != 0.0 && (r < 0.0) != (b < 0.0) ? r + b : r;
}

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
    HOOP_INLINE T f_not_equal_##dt(T a, T b)                                                                                     \
    {                                                                                                                            \
        return a != b ? 1 : 0;                                                                                                   \
    }                                                                                                                            \
    HOOP_INLINE T f_less_##dt(T a, T b)                                                                                          \
    {                                                                                                                            \
        return a < b ? 1 : 0;                                                                                                    \
    }                                                                                                                            \
    HOOP_INLINE T f_less_equal_##dt(T a, T b)                                                                                    \
    {                                                                                                                            \
        return a <= b ? 1 : 0;                                                                                                   \
    }                                                                                                                            \
    HOOP_INLINE T f_greater_equal_##dt(T a, T b)                                                                                 \
    {                                                                                                                            \
        return a >= b ? 1 : 0;                                                                                                   \
    }                                                                                                                            \
    HOOP_INLINE T f_and_##dt(T a, T b)                                                                                           \
    {                                                                                                                            \
        return a != 0 && b != 0 ? 1 : 0;                                                                                         \
    }                                                                                                                            \
    HOOP_INLINE T f_or_##dt(T a, T b)                                                                                            \
    {                                                                                                                            \
        return a != 0 || b != 0 ? 1 : 0;                                                                                         \
    }                                                                                                                            \
    HOOP_INLINE T f_xor_##dt(T a, T b)                                                                                           \
    {                                                                                                                            \
        return (a != 0) != (b != 0) ? 1 : 0;                                                                                     \
    }                                                                                                                            \
    HOOP_INLINE T f_minimum_##dt(T a, T b)                                                                                       \
    {                                                                                                                            \
        return a < b || a != a ? a : b;                                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T f_maximum_##dt(T a, T b)                                                                                       \
    {                                                                                                                            \
        return a > b || a != a ? a : b;                                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T f_above_##dt(T a, T b)                                                                                         \
    {                                                                                                                            \
        return a < b ? 0 : a == b ? (T)0.5 : 1;                                                                                  \
    }                                                                                                                            \
    HOOP_INLINE T f_prelu_##dt(T a, T b)                                                                                         \
    {                                                                                                                            \
        return a > 0 ? a : a * b;                                                                                                \
    }                                                                                                                            \
    HOOP_INLINE T f_pow_##dt(T a, T b)                                                                                           \
    {                                                                                                                            \
        return v_pow_##dt(a, b);                                                                                                 \
    }                                                                                                                            \
    HOOP_INLINE T f_atan2_##dt(T a, T b)                                                                                         \
    {                                                                                                                            \
        return v_atan2_##dt(a, b);                                                                                               \
    }                                                                                                                            \
    HOOP_INLINE T f_fmod_##dt(T a, T b)                                                                                          \
    {                                                                                                                            \
        return (T)fmod_of((double)a, (double)b);                                                                                 \
    }                                                                                                                            \
    HOOP_INLINE T f_remainder_##dt(T a, T b)                                                                                     \
    {                                                                                                                            \
        return (T)remainder_of((double)a, (double)b);                                                                            \
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
