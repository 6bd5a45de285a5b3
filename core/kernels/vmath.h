/**
 * core/kernels/vmath.h - functions of one element, v_NAME_f32 and v_NAME_f64.
 *
 * f32: branch-free polynomials that the compiler vectorises inside the loops that use them. Every operation is written out
 * (fma included), so an element has the same bits in a vector, in its tail and alone. Coefficients are minimax fits (Remez)
 * made for hoop. f64: vmath64.h.
 */
#ifndef HOOP_VMATH_H
#define HOOP_VMATH_H

#include "kernels/isa.h"
#include "kernels/vmath64.h"

HOOP_INLINE float f32_of_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

HOOP_INLINE uint32_t bits_of_f32(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* adding it leaves an integer, rounded to nearest, in the low bits of the sum */
#define HOOP_ROUNDER 0x1.8p23f
#define HOOP_LN2_HI 0x1.63p-1f /* few enough bits that n * HOOP_LN2_HI is exact */
#define HOOP_LN2_LO -0x1.bd0106p-13f

/* x = n ln 2 + r, |r| <= ln 2 / 2; returns e^r - 1, exact in r's relative error */
HOOP_INLINE float expm1_reduced_f32(float x, uint32_t *n)
{
    float z = HOOP_FMA_F32(x, 0x1.715476p+0f, HOOP_ROUNDER), k = z - HOOP_ROUNDER;
    float r = HOOP_FMA_F32(k, -HOOP_LN2_LO, HOOP_FMA_F32(k, -HOOP_LN2_HI, x));
    float q = 0x1.6a1f68p-10f;
    q       = HOOP_FMA_F32(q, r, 0x1.123ccap-7f);
    q       = HOOP_FMA_F32(q, r, 0x1.555904p-5f);
    q       = HOOP_FMA_F32(q, r, 0x1.55548ep-3f);
    q       = HOOP_FMA_F32(q, r, 0x1.fffffcp-2f);
    *n      = bits_of_f32(z) - bits_of_f32(HOOP_ROUNDER);
    return HOOP_FMA_F32(q, r * r, r);
}

HOOP_INLINE float v_exp_f32(float x)
{
    uint32_t n, half;
    float    c = x > 89.0f ? 89.0f : x; /* infinity, and below: zero, by themselves; NaN stays */
    c          = c < -104.0f ? -104.0f : c;
    c          = 1.0f + expm1_reduced_f32(c, &n);
    /* 2^n in two factors: the first multiplication is exact, the second rounds to a denormal once */
    half = (uint32_t)((int32_t)n >> 1);
    return c * f32_of_bits((half + 127) << 23) * f32_of_bits((n - half + 127) << 23);
}

HOOP_INLINE float v_log_f32(float x)
{
    bool     tiny = x < 0x1p-126f;
    uint32_t u    = bits_of_f32(tiny ? x * 0x1p23f : x) - 0x3f3504f3u; /* sqrt(1/2) */
    float    k    = (float)(((int32_t)u >> 23) - (tiny ? 23 : 0));
    float    f = f32_of_bits((u & 0x7fffffu) + 0x3f3504f3u) - 1.0f, s = f * f, p = -0x1.38b694p-4f, r;
    p = HOOP_FMA_F32(p, f, 0x1.055b6ep-3f);
    p = HOOP_FMA_F32(p, f, -0x1.0d8508p-3f);
    p = HOOP_FMA_F32(p, f, 0x1.22da18p-3f);
    p = HOOP_FMA_F32(p, f, -0x1.54724ap-3f);
    p = HOOP_FMA_F32(p, f, 0x1.99a008p-3f);
    p = HOOP_FMA_F32(p, f, -0x1.000226p-2f);
    p = HOOP_FMA_F32(p, f, 0x1.555554p-2f);
    r = HOOP_FMA_F32(k, HOOP_LN2_LO, p * (f * s));
    r = HOOP_FMA_F32(k, HOOP_LN2_HI, f + HOOP_FMA_F32(-0.5f, s, r));
    r = x < INFINITY ? r : x; /* infinity, NaN */
    r = x == 0.0f ? -INFINITY : r;
    return x < 0.0f ? NAN : r;
}

/* With t = e^2|x| - 1: t / (t + 2), which keeps its relative error down to denormals. */
HOOP_INLINE float v_tanh_f32(float x)
{
    uint32_t u = bits_of_f32(x), sign = u & 0x80000000u, n;
    float    a = f32_of_bits(u ^ sign), p, s, t;
    a          = a > 10.0f ? 10.0f : a;
    p          = expm1_reduced_f32(a + a, &n);
    s          = f32_of_bits((n + 127) << 23);
    t          = HOOP_FMA_F32(p, s, s - 1.0f);
    return f32_of_bits(bits_of_f32(t / (t + 2.0f)) | sign);
}

HOOP_INLINE float v_sigmoid_f32(float x)
{
    float e = v_exp_f32(x < 0.0f ? x : -x);
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* |x| < 0.93: x + x P(x^2); above: 1 - e^Q(|x|), Q = log erfc */
HOOP_INLINE float v_erf_f32(float x)
{
    uint32_t u = bits_of_f32(x), sign = u & 0x80000000u, n;
    float    a = f32_of_bits(u ^ sign), t = a * a, p = 0x1.5a0728p-14f, q = 0x1.987a50p-13f, c, big;
    p   = HOOP_FMA_F32(p, t, -0x1.a964d0p-11f);
    p   = HOOP_FMA_F32(p, t, 0x1.54af28p-8f);
    p   = HOOP_FMA_F32(p, t, -0x1.b80bfcp-6f);
    p   = HOOP_FMA_F32(p, t, 0x1.ce2deap-4f);
    p   = HOOP_FMA_F32(p, t, -0x1.812742p-2f);
    p   = HOOP_FMA_F32(p, t, 0x1.06eba8p-3f);
    p   = HOOP_FMA_F32(p, a, a);
    c   = a > 4.0f ? 4.0f : a;
    q   = HOOP_FMA_F32(q, c, -0x1.8d62e6p-9f);
    q   = HOOP_FMA_F32(q, c, 0x1.6b6b6ep-6f);
    q   = HOOP_FMA_F32(q, c, -0x1.a950dep-4f);
    q   = HOOP_FMA_F32(q, c, -0x1.464aeep-1f);
    q   = HOOP_FMA_F32(q, c, -0x1.20ab20p+0f);
    q   = HOOP_FMA_F32(q, c, -0x1.bb299cp-13f);
    big = 1.0f + expm1_reduced_f32(q, &n);
    big = HOOP_FMA_F32(-big, f32_of_bits((n + 127) << 23), 1.0f);
    return f32_of_bits(bits_of_f32(a < 0.93f ? p : big) | sign);
}

HOOP_INLINE float v_sqrt_f32(float x)
{
    return __builtin_sqrtf(x);
}
HOOP_INLINE double v_sqrt_f64(double x)
{
    return __builtin_sqrt(x);
}

/* sqrt(2/pi) (x + 0.044715 x^3) is tanh's argument in gelu_tanh. Below -40 gelu is 0, whatever x: no infinity times 0. */
#define HOOP_SIMPLE_MATH(dt, T, I)                                                                                               \
    HOOP_INLINE T v_neg_##dt(T x)                                                                                                \
    {                                                                                                                            \
        return -x;                                                                                                               \
    }                                                                                                                            \
    HOOP_INLINE T v_relu_##dt(T x)                                                                                               \
    {                                                                                                                            \
        return x <= 0 ? 0 : x;                                                                                                   \
    } /* NaN kept */                                                                                                             \
    HOOP_INLINE T v_reciprocal_##dt(T x)                                                                                         \
    {                                                                                                                            \
        return 1 / x;                                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T gelu_floor_##dt(T x)                                                                                           \
    {                                                                                                                            \
        return x < -40 ? -40 : x;                                                                                                \
    }                                                                                                                            \
    HOOP_INLINE T gelu_inner_##dt(T x)                                                                                           \
    {                                                                                                                            \
        return (T)0.79788456080286535588 * (x + (T)0.044715 * (x * x * x));                                                      \
    }                                                                                                                            \
    HOOP_INLINE T v_gelu_##dt(T x)                                                                                               \
    {                                                                                                                            \
        return (T)0.5 * gelu_floor_##dt(x) * (1 + v_erf_##dt(x * (T)0.70710678118654752440));                                    \
    }                                                                                                                            \
    HOOP_INLINE T v_gelu_tanh_##dt(T x)                                                                                          \
    {                                                                                                                            \
        return (T)0.5 * gelu_floor_##dt(x) * (1 + v_tanh_##dt(gelu_inner_##dt(x)));                                              \
    }
HOOP_FLOAT_LIST(HOOP_SIMPLE_MATH)
#undef HOOP_SIMPLE_MATH

#endif
