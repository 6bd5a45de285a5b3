/**
 * core/kernels/vmath_wide.h - functions of one f32 that are made in f64 and rounded: v_NAME_f32.
 *
 * Their polynomials (Remez) go as far as f32 sees: relative errors are below 2^-33 before they are rounded, so at most 0.51 units
 * in the last place after. As vmath64.h: no fma, branch-free, operations that AVX2 has; ends are seen to in f32, in half as many
 * registers.
 */
#ifndef HOOP_VMATH_WIDE_H
#define HOOP_VMATH_WIDE_H

#include "kernels/vmath_trig.h"

HOOP_INLINE float size_of_f32(float x)
{
    return f32_of_bits(bits_of_f32(x) & 0x7fffffffu);
}
HOOP_INLINE float signed_as_f32(double size, float x)
{
    return f32_of_bits(bits_of_f32((float)size) | (bits_of_f32(x) & 0x80000000u));
}
/* ---- exponentials ---- */

/* 2^x, |x| < 1000 or NaN */
HOOP_INLINE double wide_exp2(double x)
{
    double z = x + HOOP_ROUNDER64, r = x - (z - HOOP_ROUNDER64), p = 0x1.fe179d7408f3dp-17;
    p = p * r + 0x1.446a20e173a10p-13;
    p = p * r + 0x1.5d8a706f27492p-10;
    p = p * r + 0x1.3b29dc3f67134p-7;
    p = p * r + 0x1.c6b08aaf4decdp-5;
    p = p * r + 0x1.ebfbe0a4c078dp-3;
    p = p * r + 0x1.62e42ff116118p-1;
    p = p * r + 0x1.ffffffffabbb4p-1;
    return p * f64_of_bits((bits_of_f64(z) + 1023) << 52);
}

/* with a = k ln 2 + r: a's hyperbolic functions of r, which keep their relative errors, and 2^(k-1) +- 2^(-k-1) */
typedef struct hyperbolic {
    double sinh, cosh, sum, difference;
} hyperbolic;
HOOP_INLINE hyperbolic hyperbolic_of(double a)
{
    double k = a * 0x1.71547652b82fep+0 + HOOP_ROUNDER64, r, z, s = 0x1.a16fe1f04b623p-13, c = 0x1.6d977f417c0c9p-10, up, down;
    up   = f64_of_bits((bits_of_f64(k) + 1022) << 52);
    down = f64_of_bits((1022 - bits_of_f64(k)) << 52);
    k    = k - HOOP_ROUNDER64;
    r    = a - k * 0x1.62e42fefa39efp-1;
    z    = r * r;
    s    = s * z + 0x1.1110b1cc5e322p-7;
    s    = s * z + 0x1.55555573837b0p-3;
    c    = c * z + 0x1.55547ee1774b5p-5;
    c    = c * z + 0x1.00000043f1126p-1;
    return (hyperbolic){r * (1.0 + z * s), 1.0 + z * c, up + down, up - down};
}

HOOP_INLINE float v_sinh_f32(float x)
{
    float      a = size_of_f32(x);
    hyperbolic h = hyperbolic_of((double)(a > 100.0f ? 100.0f : a));
    return signed_as_f32(h.difference * h.cosh + h.sum * h.sinh, x);
}

HOOP_INLINE float v_cosh_f32(float x)
{
    float      a = size_of_f32(x);
    hyperbolic h = hyperbolic_of((double)(a > 100.0f ? 100.0f : a));
    return (float)(h.sum * h.cosh + h.difference * h.sinh);
}

/* ---- logarithms ---- */

/* x = 2^k m, sqrt(1/2) <= m < sqrt(2), of a positive and finite x that is no f64 denormal; returns log m */
HOOP_INLINE double wide_log(double x, double *k)
{
    uint64_t u = bits_of_f64(x) + 0x00095f619980c433u; /* 1 - sqrt(1/2) in bits */
    double   f = f64_of_bits((u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0, s = f / (2.0 + f), z = s * s;
    double   p = 0x1.911c95dff489ap-3;
    *k         = f64_of_bits(u >> 52 | 0x4330000000000000u) - (0x1p52 + 1023.0);
    p          = p * z + 0x1.c62aa02dde94ap-3;
    p          = p * z + 0x1.24941336e9345p-2;
    p          = p * z + 0x1.999996a67a337p-2;
    p          = p * z + 0x1.555555561f334p-1;
    return s * (2.0 + z * p);
}

/* what logarithms are where the argument is none */
HOOP_INLINE float log_ends_f32(float x, double y64)
{
    float y = x < INFINITY ? (float)y64 : x; /* infinity, NaN */
    y       = x == 0.0f ? -INFINITY : y;
    return x < 0.0f ? NAN : y;
}

HOOP_INLINE float v_log2_f32(float x)
{
    double k, r = wide_log((double)x, &k);
    return log_ends_f32(x, k + r * 0x1.71547652b82fep+0);
}

HOOP_INLINE float v_log10_f32(float x)
{
    double k, r = wide_log((double)x, &k);
    return log_ends_f32(x, k * 0x1.34413509f79ffp-2 + r * 0x1.bcb7b1526e50ep-2);
}

/* of what may be infinite or NaN */
HOOP_INLINE double wide_log_of(double x)
{
    double k, r = wide_log(x, &k);
    return x < (double)INFINITY ? k * 0x1.62e42fefa39efp-1 + r : x;
}

/* log(a + sqrt(a^2 + 1)), which loses itself near 0: there a - a^3 / 6 + ... */
HOOP_INLINE float v_asinh_f32(float x)
{
    double a = (double)size_of_f32(x), z = a * a, y = wide_log_of(a + __builtin_sqrt(z + 1.0)), p = -0x1.6db6db6db6db7p-5;
    p = p * z + 0x1.3333333333333p-4;
    p = p * z - 0x1.5555555555555p-3;
    return signed_as_f32(a < 0x1p-5 ? a * (1.0 + z * p) : y, x);
}

HOOP_INLINE float v_acosh_f32(float x)
{
    double a = (double)x;
    return x < 1.0f ? NAN : (float)wide_log_of(a + __builtin_sqrt(a * a - 1.0));
}

/* log((1 + a) / (1 - a)) / 2; near 0 as above */
HOOP_INLINE float v_atanh_f32(float x)
{
    double a = (double)size_of_f32(x), z = a * a, y = 0.5 * wide_log_of((1.0 + a) / (1.0 - a)), p = 0x1.2492492492492p-3;
    p = p * z + 0x1.999999999999ap-3;
    p = p * z + 0x1.5555555555555p-2;
    y = a < 0x1p-5 ? a * (1.0 + z * p) : y;
    return a > 1.0 ? NAN : signed_as_f32(y, x);
}

/* ---- powers ---- */

/* whole, and odd, for any y */
HOOP_INLINE bool whole_f32(float y)
{
    float a = size_of_f32(y);
    return a >= 0x1p23f || (a + 0x1p23f) - 0x1p23f == a;
}
HOOP_INLINE bool odd_f32(float y)
{
    return whole_f32(y) && !whole_f32(0.5f * y);
}

HOOP_INLINE float v_pow_f32(float x, float y)
{
    const float size = size_of_f32(x);
    double      a = (double)size, k, r = wide_log(a, &k), e = k + r * 0x1.71547652b82fep+0;
    float       p;
    e = a < (double)INFINITY ? e : a; /* infinity, NaN */
    e = a == 0.0 ? -(double)INFINITY : e;
    e = e * (double)y;
    e = e > 200.0 ? 200.0 : e;
    e = e < -200.0 ? -200.0 : e;
    p = (float)wide_exp2(e);
    p = size == 1.0f && y == y ? 1.0f : p; /* y may be infinite */
    p = x < 0.0f && size < INFINITY && !whole_f32(y) ? NAN : p;
    p = f32_of_bits(bits_of_f32(p) ^ (odd_f32(y) ? bits_of_f32(x) & 0x80000000u : 0));
    return y == 0.0f || x == 1.0f ? 1.0f : p;
}

/* ---- angles ---- */

#define HOOP_PI_HI 0x1.921fb54400000p+1 /* 33 bits: its product with 20 bits is exact */
#define HOOP_PI_LO 0x1.0b4611a626331p-33

HOOP_INLINE bool far_f32(float x)
{
    float a = size_of_f32(x);
    return a >= (float)HOOP_FAR_ANGLE && a < INFINITY;
}

/* sin r, |r| <= pi/2 */
HOOP_INLINE double wide_sin(double r)
{
    double z = r * r, p = -0x1.9a68018ca4fd6p-26;
    p = p * z + 0x1.71707a4e2e58ap-19;
    p = p * z - 0x1.a017d973c33f4p-13;
    p = p * z + 0x1.11110c497cf15p-7;
    p = p * z - 0x1.5555554767915p-3;
    return r * (1.0 + z * p);
}

/* as in vmath_trig.h, not far; x = n pi + r: (-1)^n sin r, n in the low bits of z */
HOOP_INLINE float v_sin_f32(float x)
{
    double a = (double)x, z = a * 0x1.45f306dc9c883p-2 + HOOP_ROUNDER64, k = z - HOOP_ROUNDER64;
    double y = wide_sin((a - k * HOOP_PI_HI) - k * HOOP_PI_LO);
    return (float)f64_of_bits(bits_of_f64(y) ^ bits_of_f64(z) << 63);
}

/* x = (n + 1/2) pi + r: -(-1)^n sin r */
HOOP_INLINE float v_cos_f32(float x)
{
    double a = (double)x, z = (a * 0x1.45f306dc9c883p-2 - 0.5) + HOOP_ROUNDER64, k = (z - HOOP_ROUNDER64) + 0.5;
    double y = wide_sin((a - k * HOOP_PI_HI) - k * HOOP_PI_LO);
    return (float)f64_of_bits(bits_of_f64(y) ^ (bits_of_f64(z) + 1) << 63);
}

/* x = n pi/2 + r: sin r / cos r, or -cos r / sin r where n is odd */
HOOP_INLINE float v_tan_f32(float x)
{
    double   a = (double)x, n = a * 0x1.45f306dc9c883p-1 + HOOP_ROUNDER64, k = n - HOOP_ROUNDER64;
    double   r = (a - k * (0.5 * HOOP_PI_HI)) - k * (0.5 * HOOP_PI_LO), z = r * r, s = 0x1.6cd1d11cdc356p-19, c, y;
    uint64_t odd = bits_of_f64(n) & 1;
    s            = s * z - 0x1.a00f7e9c4a223p-13;
    s            = s * z + 0x1.11110869b35f5p-7;
    s            = s * z - 0x1.5555554c70e3ep-3;
    s            = r * (1.0 + z * s);
    c            = 0x1.99167043bc35bp-16;
    c            = c * z - 0x1.6c07f09ee199cp-10;
    c            = c * z + 0x1.55553c7698469p-5;
    c            = c * z - 0x1.ffffffcb7d496p-2;
    c            = 1.0 + z * c;
    y            = (odd != 0 ? c : s) / (odd != 0 ? s : c);
    return (float)f64_of_bits(bits_of_f64(y) ^ odd << 63);
}

/* base + atan t, |t| <= sqrt(2) - 1 */
HOOP_INLINE double wide_atan(double base, double t)
{
    double z = t * t, p = 0x1.84f5fbf8844dep-5;
    p = p * z - 0x1.5b4579d2df21ep-4;
    p = p * z + 0x1.c4680508ad1d4p-4;
    p = p * z - 0x1.247f069d6ddcbp-3;
    p = p * z + 0x1.99991a4920233p-3;
    p = p * z - 0x1.555554c8997d4p-2;
    return base + (t + t * (z * p));
}

/* |x| as v_atan_f64 has it */
HOOP_INLINE float v_atan_f32(float x)
{
    double a      = (double)size_of_f32(x), top, under, base;
    bool   middle = a > 0.41421356237309503, large = a > 2.4142135623730949;
    base  = large ? 0x1.921fb54442d18p+0 : middle ? 0x1.921fb54442d18p-1 : 0.0;
    top   = large ? -1.0 : middle ? a - 1.0 : a;
    under = large ? a : middle ? a + 1.0 : 1.0;
    return signed_as_f32(wide_atan(base, top / under), x);
}

/* of the smaller over the larger, which is the angle from the nearer axis; both 0 or infinite: of (1 or 0, 0), (1, 1) */
HOOP_INLINE float v_atan2_f32(float y, float x)
{
    float  sy = size_of_f32(y), sx = size_of_f32(x), small = sy < sx ? sy : sx, large = sy < sx ? sx : sy, v;
    bool   middle, ends = small == INFINITY;
    double a = (double)(ends ? 1.0f : small), b = (double)(ends || large == 0.0f ? 1.0f : large), t;
    middle = a > 0.41421356237309503 * b;
    t      = wide_atan(middle ? 0x1.921fb54442d18p-1 : 0.0, (middle ? a - b : a) / (middle ? a + b : b));
    t      = sy > sx ? 0x1.921fb54442d18p+0 - t : t;
    t      = (bits_of_f32(x) >> 31) != 0 ? 0x1.921fb54442d18p+1 - t : t;
    v      = signed_as_f32(t, y);
    return x != x || y != y ? NAN : v;
}

/* asin x = x + x z P(z), z = x^2 <= 1/4 */
HOOP_INLINE double wide_asin(double z)
{
    double p = 0x1.1c345d1038768p-5;
    p        = p * z + 0x1.e97f40e682020p-8;
    p        = p * z + 0x1.9358eb85a646ap-6;
    p        = p * z + 0x1.ed538b42e6057p-6;
    p        = p * z + 0x1.6ddb26e49c59ap-5;
    p        = p * z + 0x1.3332a80761acfp-4;
    p        = p * z + 0x1.5555560918ee8p-3;
    return p;
}

HOOP_INLINE float v_asin_f32(float x)
{
    double a = (double)size_of_f32(x), z = a > 0.5 ? (1.0 - a) * 0.5 : a * a, s = a > 0.5 ? __builtin_sqrt(z) : a;
    double y = s + s * (z * wide_asin(z));
    return signed_as_f32(a > 0.5 ? 0x1.921fb54442d18p+0 - 2.0 * y : y, x);
}

HOOP_INLINE float v_acos_f32(float x)
{
    double b = (double)x, a = (double)size_of_f32(x), z = a > 0.5 ? (1.0 - a) * 0.5 : a * a, s = a > 0.5 ? __builtin_sqrt(z) : b;
    double y = s + s * (z * wide_asin(z)), far = b < 0.0 ? 0x1.921fb54442d18p+1 - 2.0 * y : 2.0 * y;
    return (float)(a > 0.5 ? far : 0x1.921fb54442d18p+0 - y);
}

#endif
