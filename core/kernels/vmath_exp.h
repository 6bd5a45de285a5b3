/**
 * core/kernels/vmath_exp.h - exp2, expm1, log1p, log2, log10, powers, and hyperbolic functions with their inverses.
 *
 * As vmath.h and vmath64.h, which hold what these are made of. f32: exp2, and expm1 and log1p, which activations are made of; the
 * others are in vmath_wide.h. Errors are measured by tests/core/kernels/test_ulp.c.
 */
#ifndef HOOP_VMATH_EXP_H
#define HOOP_VMATH_EXP_H

#include "kernels/vmath.h"

/* the half of 2^n that v_expm1 multiplies by is there for all n: twice (p 2^(n-1) + 2^(n-1) - 1/2) */
HOOP_INLINE float v_expm1_f32(float x)
{
    uint32_t n;
    float    c = x > 89.0f ? 89.0f : x, p, s;
    c          = c < -20.0f ? -20.0f : c;
    p          = expm1_reduced_f32(c, &n);
    s          = f32_of_bits((n + 126) << 23);
    return x == 0.0f ? x : 2.0f * HOOP_FMA_F32(p, s, s - 0.5f);
}

/* 2^r = 1 + r ln 2 + r^2 Q(r), |r| <= 1/2; what 1 + r ln 2 loses is added again */
HOOP_INLINE float v_exp2_f32(float x)
{
    float    c = x > 200.0f ? 200.0f : x, z, r, q = 0x1.414eeap-13f, p, s, rest;
    uint32_t n, half;
    c    = c < -200.0f ? -200.0f : c;
    z    = c + HOOP_ROUNDER;
    r    = c - (z - HOOP_ROUNDER); /* exact */
    q    = HOOP_FMA_F32(q, r, 0x1.5f03dcp-10f);
    q    = HOOP_FMA_F32(q, r, 0x1.3b2e0cp-7f);
    q    = HOOP_FMA_F32(q, r, 0x1.c6af88p-5f);
    q    = HOOP_FMA_F32(q, r, 0x1.ebfbdcp-3f);
    p    = r * 0x1.62e43p-1f;
    rest = HOOP_FMA_F32(r, -0x1.05c61p-29f, HOOP_FMA_F32(r, 0x1.62e43p-1f, -p));
    s    = 1.0f + p;
    s    = s + ((p - (s - 1.0f)) + HOOP_FMA_F32(q, r * r, rest));
    n    = bits_of_f32(z) - bits_of_f32(HOOP_ROUNDER);
    half = (uint32_t)((int32_t)n >> 1);
    return s * f32_of_bits((half + 127) << 23) * f32_of_bits((n - half + 127) << 23);
}

HOOP_INLINE double v_expm1_f64(double x)
{
    double n, c = x > 710.0 ? 710.0 : x, p, s;
    c = c < -40.0 ? -40.0 : c;
    p = expm1_reduced_f64(c, &n);
    s = pow2_of_f64(n - 1.0);
    return x == 0.0 ? x : 2.0 * (p * s + (s - 0.5));
}

/* with w = 1 + x rounded and c what that lost: log w + c / w */
#define HOOP_LOG1P(dt, T, I)                                                                                                     \
    HOOP_INLINE T v_log1p_##dt(T x)                                                                                              \
    {                                                                                                                            \
        T w = 1 + x, c = x < 1 ? x - (w - 1) : 1 - (w - x), y = v_log_##dt(w) + c / w;                                           \
        y = x < (T)INFINITY ? y : x; /* infinity, NaN */                                                                         \
        y = x == 0 ? x : y;                                                                                                      \
        return x == -1 ? -(T)INFINITY : y;                                                                                       \
    }
HOOP_FLOAT_LIST(HOOP_LOG1P)
#undef HOOP_LOG1P

/* e^(x + tail) 2^n for whole n: x is at most 745 in size, or NaN */
HOOP_INLINE double exp_times_f64(double x, double tail, double n)
{
    double k, half, e = expm1_reduced_f64(x, &k);
    e    = 1.0 + (e + (tail + tail * e));
    k    = k + n;
    half = (k * 0.5 + HOOP_ROUNDER64) - HOOP_ROUNDER64;
    return e * pow2_of_f64(half) * pow2_of_f64(k - half);
}

HOOP_INLINE double v_exp2_f64(double x)
{
    double c = x > 1100.0 ? 1100.0 : x, k, r;
    c        = c < -1100.0 ? -1100.0 : c;
    k        = (c + HOOP_ROUNDER64) - HOOP_ROUNDER64;
    r        = c - k; /* exact */
    return exp_times_f64(r * 0x1.62e42fefa39efp-1, r * 0x1.abc9e3b39803fp-56, k);
}

/* x = 2^k m, sqrt(1/2) <= m < sqrt(2); returns log m as v_log_f64 makes it; x > 0 and finite */
HOOP_INLINE double log_reduced_f64(double x, double *k)
{
    bool     tiny = x < 0x1p-1022;
    uint64_t u    = bits_of_f64(tiny ? x * 0x1p54 : x) + 0x00095f619980c433u;
    double   f = f64_of_bits((u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0, s = f / (2.0 + f), z = s * s,
           half = 0.5 * f * f;
    double p    = 0x1.2f0598138454bp-3;
    *k          = f64_of_bits(u >> 52 | 0x4330000000000000u) - (tiny ? 0x1p52 + 1077.0 : 0x1p52 + 1023.0);
    p           = p * z + 0x1.39a1bcd61f725p-3;
    p           = p * z + 0x1.74663e8402a7ap-3;
    p           = p * z + 0x1.c71c520ce496ap-3;
    p           = p * z + 0x1.24924941eabd9p-2;
    p           = p * z + 0x1.999999997fe50p-2;
    p           = p * z + 0x1.5555555555592p-1;
    return f - (half - s * (half + z * p));
}

/* what logarithms are where the argument is none */
HOOP_INLINE double log_ends_f64(double x, double y)
{
    y = x < (double)INFINITY ? y : x; /* infinity, NaN */
    y = x == 0.0 ? -(double)INFINITY : y;
    return x < 0.0 ? (double)NAN : y;
}

HOOP_INLINE double v_log2_f64(double x)
{
    double k, r = log_reduced_f64(x, &k);
    return log_ends_f64(x, k + r * 0x1.71547652b82fep+0);
}

HOOP_INLINE double v_log10_f64(double x)
{
    double k, r = log_reduced_f64(x, &k);
    return log_ends_f64(x, k * 0x1.34413509f6000p-2 + (r * 0x1.bcb7b1526e50ep-2 + k * 0x1.9fef311f12b36p-42));
}

/* with t = e^|x| - 1: (t + t / (t + 1)) / 2; from 22 on half of e^|x| */
HOOP_INLINE double v_sinh_f64(double x)
{
    uint64_t u = bits_of_f64(x), sign = u & 0x8000000000000000u;
    double   a = f64_of_bits(u ^ sign), small = a > 22.0 ? 22.0 : a, c = a > 720.0 ? 720.0 : a, t = v_expm1_f64(small);
    t = 0.5 * (t + t / (t + 1.0));
    return f64_of_bits(bits_of_f64(a < 22.0 ? t : exp_times_f64(c, 0.0, -1.0)) | sign);
}

HOOP_INLINE double v_cosh_f64(double x)
{
    double a = f64_of_bits(bits_of_f64(x) & 0x7fffffffffffffffu), c = a > 720.0 ? 720.0 : a, e = exp_times_f64(c, 0.0, -1.0);
    return e + 0.25 / e;
}

/* log1p(a + a^2 / (1 + sqrt(a^2 + 1))), where a^2 would overflow log 2a */
HOOP_INLINE double v_asinh_f64(double x)
{
    uint64_t u = bits_of_f64(x), sign = u & 0x8000000000000000u;
    double   a = f64_of_bits(u ^ sign), c = a > 0x1p30 ? 0x1p30 : a, z = c * c,
           y = v_log1p_f64(c + z / (1.0 + __builtin_sqrt(z + 1.0)));
    return f64_of_bits(bits_of_f64(a > 0x1p30 ? v_log_f64(a) + 0x1.62e42fefa39efp-1 : y) | sign);
}

HOOP_INLINE double v_acosh_f64(double x)
{
    double t = x - 1.0, c = t > 0x1p30 ? 0x1p30 : t, y = v_log1p_f64(c + __builtin_sqrt(c + c + c * c));
    return x > 0x1p30 ? v_log_f64(x) + 0x1.62e42fefa39efp-1 : x < 1.0 ? (double)NAN : y;
}

HOOP_INLINE double v_atanh_f64(double x)
{
    uint64_t u = bits_of_f64(x), sign = u & 0x8000000000000000u;
    double   a = f64_of_bits(u ^ sign), two = a + a, q = a < 0.5 ? two + two * a / (1.0 - a) : two / (1.0 - a);
    double   y = a == 1.0 ? (double)INFINITY : 0.5 * v_log1p_f64(q);
    return a > 1.0 ? (double)NAN : f64_of_bits(bits_of_f64(y) | sign);
}

/* ---- powers: the logarithm to twice the precision ---- */

typedef struct two_f64 {
    double hi, lo;
} two_f64;

/* a + b exactly (Knuth) */
HOOP_INLINE two_f64 two_sum_f64(double a, double b)
{
    double s = a + b, t = s - a;
    return (two_f64){s, (a - (s - t)) + (b - t)};
}

/* a b exactly (Dekker), where neither the product nor its parts leave the range */
HOOP_INLINE two_f64 two_product_f64(double a, double b)
{
    double ah = f64_of_bits(bits_of_f64(a) & 0xfffffffff8000000u), bh = f64_of_bits(bits_of_f64(b) & 0xfffffffff8000000u);
    double al = a - ah, bl = b - bh, p = a * b;
    return (two_f64){p, ((ah * bh - p) + (ah * bl + al * bh)) + al * bl};
}

/* log x, x > 0 and finite, to about 2^-68: k ln 2 + 2 s + s^3 (2/3 + s^2 Q(s^2)), s = (m - 1) / (m + 1) */
HOOP_INLINE two_f64 log_two_f64(double x)
{
    bool     tiny = x < 0x1p-1022;
    uint64_t u    = bits_of_f64(tiny ? x * 0x1p54 : x) + 0x00095f619980c433u;
    double   k    = f64_of_bits(u >> 52 | 0x4330000000000000u) - (tiny ? 0x1p52 + 1077.0 : 0x1p52 + 1023.0);
    double   f    = f64_of_bits((u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0; /* exact */
    two_f64  d    = two_sum_f64(2.0, f), s, z, p, c, y, l;
    double   q    = 0x1.0e4a129cc8ce3p-3;
    s.hi          = f / d.hi;
    p             = two_product_f64(s.hi, d.hi);
    s.lo          = (((f - p.hi) - p.lo) - s.hi * d.lo) / d.hi;
    z             = two_product_f64(s.hi, s.hi);
    z.lo += 2.0 * s.hi * s.lo;
    q = q * z.hi + 0x1.0f7f242571679p-3;
    q = q * z.hi + 0x1.3b1ef4380e7c1p-3;
    q = q * z.hi + 0x1.745ce9b7b7ea8p-3;
    q = q * z.hi + 0x1.c71c722de0753p-3;
    q = q * z.hi + 0x1.2492492457828p-2;
    q = q * z.hi + 0x1.9999999999b33p-2;
    p = two_sum_f64(0x1.5555555555555p-1, q * z.hi);
    p.lo += 0x1.5555555555555p-55;
    c = two_product_f64(s.hi, z.hi); /* s^3 */
    c.lo += s.hi * z.lo + s.lo * z.hi;
    y = two_product_f64(c.hi, p.hi);
    y.lo += c.hi * p.lo + c.lo * p.hi;
    l = two_sum_f64(2.0 * s.hi, y.hi);
    l.lo += 2.0 * s.lo + y.lo;
    y = two_sum_f64(k * HOOP_LN2_HI64, l.hi);
    y.lo += l.lo + k * HOOP_LN2_LO64;
    return two_sum_f64(y.hi, y.lo);
}

/* whole, and odd, for any y */
HOOP_INLINE bool whole_f64(double y)
{
    double a = f64_of_bits(bits_of_f64(y) & 0x7fffffffffffffffu);
    return a >= 0x1p52 || (a + 0x1p52) - 0x1p52 == a;
}
HOOP_INLINE bool odd_f64(double y)
{
    return whole_f64(y) && !whole_f64(0.5 * y);
}

HOOP_INLINE double v_pow_f64(double x, double y)
{
    double  a     = f64_of_bits(bits_of_f64(x) & 0x7fffffffffffffffu), r, e;
    bool    usual = a > 0.0 && a < (double)INFINITY, odd = odd_f64(y);
    two_f64 l = log_two_f64(usual ? a : 1.0), t;
    /* beyond 2^20 every x but 1 has gone to an end of the range already, unless it is 1 to 2^-11 */
    double c = y > 0x1p64 ? 0x1p64 : y < -0x1p64 ? -0x1p64 : y;
    t        = two_product_f64(c, l.hi);
    t.lo += c * l.lo;
    e = t.hi > 745.0 ? 745.0 : t.hi < -746.0 ? -746.0 : t.hi;
    r = exp_times_f64(e, e == t.hi ? t.lo : 0.0, 0.0);
    /* 0 and infinity by the sign of y */
    r = usual ? r : (a == 0.0) == (y > 0.0) ? 0.0 : (double)INFINITY;
    r = x < 0.0 && usual && !whole_f64(y) ? (double)NAN : r;
    r = (bits_of_f64(x) >> 63) != 0 && odd ? -r : r;
    r = x != x || y != y ? (double)NAN : r;
    r = a == 1.0 && (x == 1.0 || y - y != 0.0) && y == y ? 1.0 : r; /* 1^y, and (-1)^infinity */
    return y == 0.0 || x == 1.0 ? 1.0 : r;
}

#endif
