/**
 * core/kernels/vmath_trig.h - sin, cos, tan and their inverses.
 *
 * As vmath64.h; f32 is in vmath_wide.h. Angles up to 2^20 pi/2 are reduced in the vector, by pi/2 in parts of 33 bits, whose
 * products with the quotient are exact. Larger ones (far_f64) want the many bits of 2/pi that they begin to see (Payne & Hanek,
 * SIGNUM Newsletter 1983): one by one, by trig_far_f64, which is right for every number there is.
 */
#ifndef HOOP_VMATH_TRIG_H
#define HOOP_VMATH_TRIG_H

#include "kernels/vmath_exp.h"

/* x = n pi/2 + r.hi + r.lo, |r| <= pi/4; the quarter n is known modulo 4 */
typedef struct angle {
    two_f64  r;
    uint64_t quarter;
} angle;

#define HOOP_FAR_ANGLE 0x1.921fbp20

HOOP_INLINE bool far_f64(double x)
{
    double a = f64_of_bits(bits_of_f64(x) & 0x7fffffffffffffffu);
    return a >= HOOP_FAR_ANGLE && a < (double)INFINITY;
}

HOOP_INLINE angle angle_of_f64(double x)
{
    double  z = x * 0x1.45f306dc9c883p-1 + HOOP_ROUNDER64, k = z - HOOP_ROUNDER64;
    two_f64 r = two_sum_f64(x - k * 0x1.921fb54400000p+0, -k * 0x1.0b4611a600000p-34), s; /* the first difference is exact */
    s         = two_sum_f64(r.hi, -k * 0x1.3198a2e000000p-69);
    s.lo += r.lo - k * 0x1.b839a252049c1p-104;
    return (angle){two_sum_f64(s.hi, s.lo), bits_of_f64(z)};
}

HOOP_INLINE double sin_reduced_f64(two_f64 r)
{
    double z = r.hi * r.hi, p = 0x1.5d9246bcd7377p-33;
    p = p * z - 0x1.ae5e63cdb3034p-26;
    p = p * z + 0x1.71de3574bbab6p-19;
    p = p * z - 0x1.a01a019c0e504p-13;
    p = p * z + 0x1.111111110f861p-7;
    p = p * z - 0x1.5555555555549p-3;
    return r.hi + (r.hi * z * p + r.lo);
}

HOOP_INLINE double cos_reduced_f64(two_f64 r)
{
    double z = r.hi * r.hi, half = 0.5 * z, w = 1.0 - half, p = -0x1.8fadcf5e50fc6p-37;
    p = p * z + 0x1.1ee9ea6ae3dcap-29;
    p = p * z - 0x1.27e4f807d3cadp-22;
    p = p * z + 0x1.a01a019caef0fp-16;
    p = p * z - 0x1.6c16c16c15162p-10;
    p = p * z + 0x1.555555555554cp-5;
    return w + (((1.0 - w) - half) + (z * z * p - r.hi * r.lo));
}

HOOP_INLINE double sin_of_angle(angle a)
{
    double s = sin_reduced_f64(a.r), c = cos_reduced_f64(a.r), y = (a.quarter & 1) != 0 ? c : s;
    return (a.quarter & 2) != 0 ? -y : y;
}

HOOP_INLINE double cos_of_angle(angle a)
{
    double s = sin_reduced_f64(a.r), c = cos_reduced_f64(a.r), y = (a.quarter & 1) != 0 ? s : c;
    return ((a.quarter + 1) & 2) != 0 ? -y : y;
}

HOOP_INLINE double tan_of_angle(angle a)
{
    double s = sin_reduced_f64(a.r), c = cos_reduced_f64(a.r);
    return (a.quarter & 1) != 0 ? -c / s : s / c;
}

/* for finite x that are not far; infinity and NaN give NaN */
HOOP_INLINE double v_sin_f64(double x)
{
    return x == 0.0 ? x : sin_of_angle(angle_of_f64(x));
}
HOOP_INLINE double v_cos_f64(double x)
{
    return cos_of_angle(angle_of_f64(x));
}
HOOP_INLINE double v_tan_f64(double x)
{
    return x == 0.0 ? x : tan_of_angle(angle_of_f64(x));
}

/*
 * A far angle m 2^e, m of 53 bits: of 2/pi those bits count that give less than 4 quarters with 2^e, and 190 of them are more
 * than enough, since no f64 comes nearer to a multiple of pi/2 than 2^-62. m times these, modulo 2^192, is the angle in quarters
 * with 190 bits behind the point.
 */
static inline angle angle_of_far_f64(double x)
{
    static const uint64_t two_over_pi[] = {
        0, /* for e < 2 */
        0xa2f9836e4e441529,
        0xfc2757d1f534ddc0,
        0xdb6295993c439041,
        0xfe5163abdebbc561,
        0xb7246e3a424dd2e0,
        0x06492eea09d1921c,
        0xfe1deb1cb129a73e,
        0xe88235f52ebb4484,
        0xe99c7026b45f7e41,
        0x3991d639835339f4,
        0x9c845f8bbdf9283b,
        0x1ff897ffde05980f,
        0xef2f118b5a0a6d1f,
        0x6d367ecf27cb09b7,
        0x4f463f669e5fea2d,
        0x7527bac7ebe5f17b,
        0x3d0739f78a5292ea,
        0x6bfb5fb11f8d5d08,
        0x56033046fc7b6bab,
        0xf0cfbc209af4361d,
    };
    uint64_t          u = bits_of_f64(x), m = (u & 0x000fffffffffffffu) | 0x0010000000000000u, w[3], f[3];
    int               first = (int)(u >> 52 & 0x7ff) - 1075 - 2 + 64, word = first / 64, shift = first % 64;
    unsigned __int128 t;
    angle             a;
    two_f64           p;
    double            hi, lo;
    bool              up;
    for (int i = 0; i < 3; i++)
        w[i] = two_over_pi[word + i] << shift | (shift > 0 ? two_over_pi[word + i + 1] >> (64 - shift) : 0);
    t         = (unsigned __int128)m * w[2];
    f[2]      = (uint64_t)t;
    t         = (unsigned __int128)m * w[1] + (uint64_t)(t >> 64);
    f[1]      = (uint64_t)t;
    f[0]      = m * w[0] + (uint64_t)(t >> 64);
    up        = (f[0] >> 61 & 1) != 0; /* nearer to the next quarter */
    a.quarter = (f[0] >> 62) + (up ? 1 : 0);
    f[0] <<= 2; /* the fraction, in 192 bits with the two below */
    f[0] |= f[1] >> 62;
    f[1] = f[1] << 2 | f[2] >> 62;
    f[2] <<= 2;
    for (int i = 0; i < 3 && up; i++) f[i] = ~f[i];
    /* in pieces of 32 bits that add without rounding to a sum of two */
    hi = lo = 0.0;
    for (int i = 0; i < 3; i++) {
        two_f64 s = two_sum_f64(hi, (double)(uint32_t)(f[i] >> 32) * (i == 0 ? 0x1p-32 : i == 1 ? 0x1p-96 : 0x1p-160)), q;
        q         = two_sum_f64(s.hi, (double)(uint32_t)f[i] * (i == 0 ? 0x1p-64 : i == 1 ? 0x1p-128 : 0x1p-192));
        p         = two_sum_f64(q.hi, lo + s.lo + q.lo);
        hi        = p.hi;
        lo        = p.lo;
    }
    p = two_product_f64(hi, 0x1.921fb54442d18p+0);
    p = two_sum_f64(p.hi, p.lo + (lo * 0x1.921fb54442d18p+0 + hi * 0x1.1a62633145c07p-54));
    up ^= (u >> 63) != 0;
    a.r = up ? (two_f64){-p.hi, -p.lo} : p;
    if ((u >> 63) != 0) a.quarter = 0 - a.quarter;
    return a;
}

typedef enum trig_kind { TRIG_sin, TRIG_cos, TRIG_tan } trig_kind;

static inline double trig_far_f64(trig_kind kind, double x)
{
    angle a = angle_of_far_f64(x);
    return kind == TRIG_sin ? sin_of_angle(a) : kind == TRIG_cos ? cos_of_angle(a) : tan_of_angle(a);
}

/* ---- inverses ---- */

/* |x| <= sqrt(2) - 1 as it is; up to its reciprocal through (x - 1) / (x + 1), beyond through -1 / x */
HOOP_INLINE double v_atan_f64(double x)
{
    uint64_t u = bits_of_f64(x), sign = u & 0x8000000000000000u;
    double   a = f64_of_bits(u ^ sign), top, under, t, z, p = -0x1.25646fb383835p-6;
    bool     middle = a > 0.41421356237309503, large = a > 2.4142135623730949;
    double   hi = large ? 0x1.921fb54442d18p+0 : middle ? 0x1.921fb54442d18p-1 : 0.0;
    double   lo = large ? 0x1.1a62633145c07p-54 : middle ? 0x1.1a62633145c07p-55 : 0.0;
    top         = large ? -1.0 : middle ? a - 1.0 : a;
    under       = large ? a : middle ? a + 1.0 : 1.0;
    t           = top / under;
    z           = t * t;
    p           = p * z + 0x1.37d3cf2df68bfp-5;
    p           = p * z - 0x1.9cd25a5f9c0e7p-5;
    p           = p * z + 0x1.df0f47c97373bp-5;
    p           = p * z - 0x1.10ebb936aab31p-4;
    p           = p * z + 0x1.3b111947d77adp-4;
    p           = p * z - 0x1.745cf8dfba0fdp-4;
    p           = p * z + 0x1.c71c70e62dcfep-4;
    p           = p * z - 0x1.24924922ad8dap-3;
    p           = p * z + 0x1.9999999995861p-3;
    p           = p * z - 0x1.555555555553dp-2;
    return f64_of_bits(bits_of_f64(hi + (t + (t * (z * p) + lo))) | sign);
}

/* asin x = x + x z P(z), z = x^2 <= 1/4 */
HOOP_INLINE double asin_reduced_f64(double z)
{
    double p = 0x1.143e369cd2c78p-5;
    p        = p * z - 0x1.ae9ed67d66ff2p-6;
    p        = p * z + 0x1.987155f0b2fbcp-6;
    p        = p * z + 0x1.4d1ea69ef97c8p-11;
    p        = p * z + 0x1.4874bde610e70p-7;
    p        = p * z + 0x1.36ad1e703e0cdp-7;
    p        = p * z + 0x1.7ba754b749379p-7;
    p        = p * z + 0x1.c980904d58bacp-7;
    p        = p * z + 0x1.1c4f884bcb6ecp-6;
    p        = p * z + 0x1.6e8b9acf744e5p-6;
    p        = p * z + 0x1.f1c71ca9466f9p-6;
    p        = p * z + 0x1.6db6db6d464b3p-5;
    p        = p * z + 0x1.3333333333a68p-4;
    p        = p * z + 0x1.5555555555553p-3;
    return p;
}

HOOP_INLINE double v_asin_f64(double x)
{
    uint64_t u = bits_of_f64(x), sign = u & 0x8000000000000000u;
    double   a = f64_of_bits(u ^ sign), z = a > 0.5 ? (1.0 - a) * 0.5 : a * a, s = a > 0.5 ? __builtin_sqrt(z) : a;
    double   y = s * (z * asin_reduced_f64(z));
    y          = a > 0.5 ? 0x1.921fb54442d18p+0 - (2.0 * s + (2.0 * y - 0x1.1a62633145c07p-54)) : s + y;
    return f64_of_bits(bits_of_f64(y) | sign);
}

HOOP_INLINE double v_acos_f64(double x)
{
    double a = f64_of_bits(bits_of_f64(x) & 0x7fffffffffffffffu), z = a > 0.5 ? (1.0 - a) * 0.5 : a * a;
    double s = a > 0.5 ? __builtin_sqrt(z) : x, y = s * (z * asin_reduced_f64(z)), near, far;
    near = 0x1.921fb54442d18p+0 - (s - (0x1.1a62633145c07p-54 - y));
    far  = x < 0.0 ? 0x1.921fb54442d18p+1 - 2.0 * (s + (y - 0x1.1a62633145c07p-54)) : 2.0 * (s + y);
    return a > 0.5 ? far : near;
}

/* the angle of (x, y): atan |y / x|, mirrored where x < 0; both 0 or infinite: of (1 or 0, 0), (1, 1) */
HOOP_INLINE double v_atan2_f64(double y, double x)
{
    uint64_t sign = bits_of_f64(y) & 0x8000000000000000u, left = bits_of_f64(x) >> 63;
    double   a = f64_of_bits(bits_of_f64(y) & 0x7fffffffffffffffu), b = f64_of_bits(bits_of_f64(x) & 0x7fffffffffffffffu), t;
    bool     ends = a == (double)INFINITY && b == (double)INFINITY;
    t             = v_atan_f64((ends ? 1.0 : a) / (ends || (a == 0.0 && b == 0.0) ? 1.0 : b));
    t             = left != 0 ? 0x1.921fb54442d18p+1 - (t - 0x1.1a62633145c07p-53) : t;
    t             = x != x || y != y ? (double)NAN : t;
    return f64_of_bits(bits_of_f64(t) | sign);
}

#endif
