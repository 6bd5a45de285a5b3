/**
 * core/kernels/vmath64.h - functions of one f64: v_exp_f64 and so on, what random numbers are made of, integer powers.
 *
 * Additions, multiplications and divisions only, each rounded by itself: no libm, no fma, so the bits are the same in every
 * instruction set, in a vector, in its tail and alone. Branch-free, and in operations that AVX2 has for 64 bits, so that loops
 * over them are vectorised. Coefficients are minimax fits (Remez) made for hoop. Errors, in units of the last place, measured by
 * tests/core/kernels/test_ulp.c: exp 0.8, log 0.8, tanh 2.3, sigmoid 2.2, erf 1.2; sine and cosine of a turn 1.6.
 */
#ifndef HOOP_VMATH64_H
#define HOOP_VMATH64_H

#include "kernels/isa.h"

HOOP_INLINE double f64_of_bits(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

HOOP_INLINE uint64_t bits_of_f64(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* adding it leaves an integer, rounded to nearest, in the low bits of the sum */
#define HOOP_ROUNDER64 0x1.8p52
#define HOOP_LN2_HI64 0x1.62e42fefa0000p-1 /* few enough bits that n * HOOP_LN2_HI64 is exact */
#define HOOP_LN2_LO64 0x1.cf79abc9e3b3ap-40

/* 2^k for whole k, -1022 to 1023 */
HOOP_INLINE double pow2_of_f64(double k)
{
    return f64_of_bits((bits_of_f64(k + HOOP_ROUNDER64) + 1023) << 52);
}

/* x = n ln 2 + r, |r| <= ln 2 / 2; returns e^r - 1, exact in r's relative error */
HOOP_INLINE double expm1_reduced_f64(double x, double *n)
{
    double k = (x * 0x1.71547652b82fep+0 + HOOP_ROUNDER64) - HOOP_ROUNDER64, hi = x - k * HOOP_LN2_HI64, lo = k * HOOP_LN2_LO64;
    double r = hi - lo, tail = (hi - r) - lo, q = 0x1.1f8b6875609e6p-29;
    q  = q * r + 0x1.af4deba487705p-26;
    q  = q * r + 0x1.27e4ccbebd22dp-22;
    q  = q * r + 0x1.71de023074ec3p-19;
    q  = q * r + 0x1.a01a01ad007b0p-16;
    q  = q * r + 0x1.a01a01abe862fp-13;
    q  = q * r + 0x1.6c16c16c151efp-10;
    q  = q * r + 0x1.11111111100dbp-7;
    q  = q * r + 0x1.5555555555558p-5;
    q  = q * r + 0x1.5555555555557p-3;
    q  = q * r + 0.5;
    *n = k;
    return r + (q * (r * r) + tail);
}

HOOP_INLINE double v_exp_f64(double x)
{
    double n, half, c = x > 710.0 ? 710.0 : x; /* infinity, and below: zero, by themselves; NaN stays */
    c    = c < -746.0 ? -746.0 : c;
    c    = 1.0 + expm1_reduced_f64(c, &n);
    half = (n * 0.5 + HOOP_ROUNDER64) - HOOP_ROUNDER64;
    return c * pow2_of_f64(half) * pow2_of_f64(n - half); /* exact, then rounded to a denormal once */
}

/* x = 2^k m, sqrt(1/2) <= m < sqrt(2); with s = (m - 1) / (m + 1): log m = 2 s + s R(s^2) */
HOOP_INLINE double v_log_f64(double x)
{
    bool     tiny = x < 0x1p-1022;
    uint64_t u    = bits_of_f64(tiny ? x * 0x1p54 : x) + 0x00095f619980c433u; /* 1 - sqrt(1/2) in bits */
    double   k    = f64_of_bits(u >> 52 | 0x4330000000000000u) - (tiny ? 0x1p52 + 1077.0 : 0x1p52 + 1023.0);
    double   f = f64_of_bits((u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0, s = f / (2.0 + f), z = s * s,
           half = 0.5 * f * f;
    double p    = 0x1.2f0598138454bp-3, r;
    p           = p * z + 0x1.39a1bcd61f725p-3;
    p           = p * z + 0x1.74663e8402a7ap-3;
    p           = p * z + 0x1.c71c520ce496ap-3;
    p           = p * z + 0x1.24924941eabd9p-2;
    p           = p * z + 0x1.999999997fe50p-2;
    p           = p * z + 0x1.5555555555592p-1;
    r           = k * HOOP_LN2_HI64 - ((half - (s * (half + z * p) + k * HOOP_LN2_LO64)) - f);
    r           = x < (double)INFINITY ? r : x; /* infinity, NaN */
    r           = x == 0.0 ? -(double)INFINITY : r;
    return x < 0.0 ? (double)NAN : r;
}

/* With t = e^2|x| - 1: t / (t + 2), which keeps its relative error down to denormals. */
HOOP_INLINE double v_tanh_f64(double x)
{
    uint64_t u = bits_of_f64(x), sign = u & 0x8000000000000000u;
    double   a = f64_of_bits(u ^ sign), n, p, s, t;
    a          = a > 22.0 ? 22.0 : a;
    p          = expm1_reduced_f64(a + a, &n);
    s          = pow2_of_f64(n);
    t          = p * s + (s - 1.0);
    return f64_of_bits(bits_of_f64(t / (t + 2.0)) | sign);
}

HOOP_INLINE double v_sigmoid_f64(double x)
{
    double e = v_exp_f64(x < 0.0 ? x : -x);
    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

/* |x| < 0.93: x + x P(x^2); above: 1 - e^(-x^2) W(v), W = e^(x^2) erfc(x) as a polynomial in v = (x - 3) / (x + 3) */
HOOP_INLINE double v_erf_f64(double x)
{
    uint64_t u = bits_of_f64(x), sign = u & 0x8000000000000000u;
    double   a = f64_of_bits(u ^ sign), t = a * a, c = a > 6.0 ? 6.0 : a, v = (c - 3.0) / (c + 3.0);
    double   p = -0x1.c6c369d86f692p-31, w = -0x1.9231723feb6e2p-18;
    p = p * t + 0x1.df6f0bdaa3e91p-27;
    p = p * t - 0x1.5d2247706095cp-23;
    p = p * t + 0x1.b9aa51e48a38dp-20;
    p = p * t - 0x1.f4ce42efca1eap-17;
    p = p * t + 0x1.f9a2f74b0609ep-14;
    p = p * t - 0x1.c02db291d2fa1p-11;
    p = p * t + 0x1.565bcd076c286p-8;
    p = p * t - 0x1.b82ce312604a3p-6;
    p = p * t + 0x1.ce2f21a042452p-4;
    p = p * t - 0x1.812746b0379dep-2;
    p = p * t + 0x1.06eba8214db68p-3;
    w = w * v - 0x1.2fe4e47499fafp-18;
    w = w * v + 0x1.37e7fccce9b32p-14;
    w = w * v + 0x1.b83af4a54b05cp-15;
    w = w * v - 0x1.3754d6b2fe710p-11;
    w = w * v + 0x1.73919c7af7242p-11;
    w = w * v + 0x1.17cb5ce39e274p-8;
    w = w * v - 0x1.8fa5772ff39fcp-6;
    w = w * v + 0x1.258b13fe1d675p-4;
    w = w * v - 0x1.336ffbf07df8cp-3;
    w = w * v + 0x1.f6ff2040ba0bep-3;
    w = w * v - 0x1.4e102b9cf9d0bp-2;
    w = w * v + 0x1.6e9827d229cdcp-3;
    w = 1.0 - v_exp_f64(-c * c) * w;
    return f64_of_bits(bits_of_f64(a < 0.93 ? a + a * p : w) | sign);
}

/* cosine and sine of u turns (2 pi u), 0 <= u < 1 */
HOOP_INLINE void v_turn_f64(double u, double *cosine, double *sine)
{
    double   z = u * 4.0 + HOOP_ROUNDER64, r = u - 0.25 * (z - HOOP_ROUNDER64), t = r * r; /* |r| <= 1/8, exact */
    double   s = -0x1.6c64102df13cep-1, c = 0x1.1e2f97924c231p-2;
    uint64_t quarter = bits_of_f64(z);
    s                = s * t + 0x1.e8eef115184c0p+1;
    s                = s * t - 0x1.e3074b7f8bef7p+3;
    s                = s * t + 0x1.50783485efe6dp+5;
    s                = s * t - 0x1.32d2cce62adf4p+6;
    s                = s * t + 0x1.466bc6775aadbp+6;
    s                = s * t - 0x1.4abbce625be53p+5;
    s                = r * 0x1.921fb54442d18p+2 + r * (s * t + 0x1.1a62633145c07p-52);
    c                = c * t - 0x1.b6dd82f3850dep+0;
    c                = c * t + 0x1.f9d3856e6a270p+2;
    c                = c * t - 0x1.a6d1f29f3fec5p+4;
    c                = c * t + 0x1.e1f5068919cddp+5;
    c                = c * t - 0x1.55d3c7e3cbfefp+6;
    c                = c * t + 0x1.03c1f081b5ac4p+6;
    c                = c * t - 0x1.3bd3cc9be45dep+4;
    c                = c * t + 1.0;
    *cosine          = (quarter & 1) != 0 ? s : c;
    *sine            = (quarter & 1) != 0 ? c : s;
    *cosine          = ((quarter + 1) & 2) != 0 ? -*cosine : *cosine;
    *sine            = (quarter & 2) != 0 ? -*sine : *sine;
}

/* x^n by squaring, n >= 0: relative error n / 2 units in the last place, as much as half a unit of x makes */
HOOP_INLINE double v_power_f64(double x, int64_t n)
{
    double y = 1.0;
    for (; n > 0; n /= 2) {
        if (n % 2 != 0) y *= x;
        x *= x;
    }
    return y;
}

#endif
