/**
 * core/kernels/activations.h - more functions of one element, v_NAME_f32 and v_NAME_f64: rounding, tests, activations.
 */
#ifndef HOOP_ACTIVATIONS_H
#define HOOP_ACTIVATIONS_H

#include "kernels/vmath_exp.h"

/* whole numbers from here on; (x + it) - it rounds smaller ones to even */
#define HOOP_WHOLE_f32 0x1p23f
#define HOOP_WHOLE_f64 0x1p52
#define HOOP_SIGNED_f32(x, sign) f32_of_bits(bits_of_f32(x) | (bits_of_f32(sign) & 0x80000000u))
#define HOOP_SIGNED_f64(x, sign) f64_of_bits(bits_of_f64(x) | (bits_of_f64(sign) & 0x8000000000000000u))

/*
 * Signs of zero are kept. log_sigmoid: min(x, 0) - log(1 + e^-|x|). mish: with e = e^x and n = e (e + 2), tanh(log(1 + e)) is
 * n / (n + 2).
 */
#define HOOP_MORE_MATH(dt, T, I)                                                                                                 \
    HOOP_INLINE T v_abs_##dt(T x)                                                                                                \
    {                                                                                                                            \
        return x <= 0 ? 0 - x : x;                                                                                               \
    }                                                                                                                            \
    HOOP_INLINE T v_sign_##dt(T x)                                                                                               \
    {                                                                                                                            \
        return x > 0 ? 1 : x < 0 ? -1 : 0;                                                                                       \
    }                                                                                                                            \
    HOOP_INLINE T v_square_##dt(T x)                                                                                             \
    {                                                                                                                            \
        return x * x;                                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T v_rsqrt_##dt(T x)                                                                                              \
    {                                                                                                                            \
        return 1 / v_sqrt_##dt(x);                                                                                               \
    }                                                                                                                            \
    HOOP_INLINE T v_round_##dt(T x)                                                                                              \
    {                                                                                                                            \
        T a = v_abs_##dt(x), r = (a + HOOP_WHOLE_##dt) - HOOP_WHOLE_##dt;                                                        \
        return a < HOOP_WHOLE_##dt ? HOOP_SIGNED_##dt(r, x) : x;                                                                 \
    }                                                                                                                            \
    HOOP_INLINE T v_trunc_##dt(T x)                                                                                              \
    {                                                                                                                            \
        T a = v_abs_##dt(x), r = (a + HOOP_WHOLE_##dt) - HOOP_WHOLE_##dt;                                                        \
        r = r > a ? r - 1 : r;                                                                                                   \
        return a < HOOP_WHOLE_##dt ? HOOP_SIGNED_##dt(r, x) : x;                                                                 \
    }                                                                                                                            \
    HOOP_INLINE T v_floor_##dt(T x)                                                                                              \
    {                                                                                                                            \
        T r = v_round_##dt(x);                                                                                                   \
        return r > x ? r - 1 : r;                                                                                                \
    }                                                                                                                            \
    HOOP_INLINE T v_ceil_##dt(T x)                                                                                               \
    {                                                                                                                            \
        T r = v_round_##dt(x);                                                                                                   \
        return r < x ? HOOP_SIGNED_##dt(v_abs_##dt(r + 1), x) : r;                                                               \
    }                                                                                                                            \
    HOOP_INLINE T v_isnan_##dt(T x)                                                                                              \
    {                                                                                                                            \
        return x != x ? 1 : 0;                                                                                                   \
    }                                                                                                                            \
    HOOP_INLINE T v_isinf_##dt(T x)                                                                                              \
    {                                                                                                                            \
        return v_abs_##dt(x) == (T)INFINITY ? 1 : 0;                                                                             \
    }                                                                                                                            \
    HOOP_INLINE T v_isfinite_##dt(T x)                                                                                           \
    {                                                                                                                            \
        return v_abs_##dt(x) < (T)INFINITY ? 1 : 0;                                                                              \
    }                                                                                                                            \
    HOOP_INLINE T v_iszero_##dt(T x)                                                                                             \
    {                                                                                                                            \
        return x == 0 ? 1 : 0;                                                                                                   \
    }                                                                                                                            \
    HOOP_INLINE T v_silu_##dt(T x)                                                                                               \
    {                                                                                                                            \
        T e = v_exp_##dt(x < 0 ? x : -x);                                                                                        \
        return (x < 0 ? x * e : x) / (1 + e);                                                                                    \
    }                                                                                                                            \
    HOOP_INLINE T v_softsign_##dt(T x)                                                                                           \
    {                                                                                                                            \
        return x / (1 + v_abs_##dt(x));                                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T softplus_tail_##dt(T x) /* log(1 + e^-|x|) */                                                                  \
    {                                                                                                                            \
        T u = v_exp_##dt(-v_abs_##dt(x)), w = 1 + u;                                                                             \
        return v_log_##dt(w) + (u - (w - 1)) / w;                                                                                \
    }                                                                                                                            \
    HOOP_INLINE T v_log_sigmoid_##dt(T x)                                                                                        \
    {                                                                                                                            \
        return (x > 0 ? 0 : x) - softplus_tail_##dt(x);                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T limited_##dt(T x, T low, T high)                                                                               \
    {                                                                                                                            \
        T t = x < low ? low : x;                                                                                                 \
        return t > high ? high : t;                                                                                              \
    }                                                                                                                            \
    HOOP_INLINE T v_hardsigmoid_##dt(T x)                                                                                        \
    {                                                                                                                            \
        return limited_##dt(x + 3, 0, 6) / 6;                                                                                    \
    }                                                                                                                            \
    HOOP_INLINE T v_hardswish_##dt(T x)                                                                                          \
    {                                                                                                                            \
        return x * limited_##dt(x + 3, 0, 6) / 6;                                                                                \
    }                                                                                                                            \
    HOOP_INLINE T v_mish_##dt(T x)                                                                                               \
    {                                                                                                                            \
        T e = v_exp_##dt(x > 40 ? 40 : x), n = e * (e + 2);                                                                      \
        return x * (n / (n + 2));                                                                                                \
    }
HOOP_FLOAT_LIST(HOOP_MORE_MATH)
#undef HOOP_MORE_MATH

#endif
