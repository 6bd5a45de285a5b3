/**
 * core/kernels/fma.h - a b + c rounded once, for processors without an instruction for it: the same bits as theirs. Slow.
 *
 * f32: the product is exact in f64. Its sum with c is rounded there to odd (an inexact result whose last bit is 0 becomes its
 * neighbour on the exact one's side), so that rounding it to f32 rounds as if once: Boldo and Melquiond, "Emulation of FMA and
 * correctly rounded sums: proved algorithms using rounding to odd", IEEE Transactions on Computers 2008. Branch-free: loops over
 * it are vectorised. f64: in integers. Both for rounding to nearest, ties to even. Which NaN comes is not promised.
 */
#ifndef HOOP_FMA_H
#define HOOP_FMA_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline __attribute__((always_inline)) float hoop__fma_f32(float a, float b, float c)
{
    const uint64_t infinite = (uint64_t)0x7ff << 52;
    const double   p = (double)a * (double)b, q = (double)c, s = p + q, t = s - p;
    const double   rest = (p - (s - t)) + (q - t); /* exact (Knuth); NaN where s is infinite or NaN */
    uint64_t       u, v, size, inexact;
    double         odd;
    memcpy(&u, &s, sizeof u);
    memcpy(&v, &rest, sizeof v);
    size    = v & ~((uint64_t)1 << 63);
    inexact = ((0 - size) & ~(infinite - size)) >> 63; /* 0 < size <= infinite; SSE2 compares no integers of 64 bits */
    u += (1 - ((u ^ v) >> 63 << 1)) & (0 - inexact) & ((u & 1) - 1); /* away from zero or towards it; if even */
    memcpy(&odd, &u, sizeof odd);
    return (float)odd;
}

/* |x| = m 2^e, 2^52 <= m < 2^53; x is finite and not 0 */
static inline uint64_t hoop__fma_parts(double x, int *e)
{
    uint64_t u, m;
    int      up;
    memcpy(&u, &x, sizeof u);
    m = u & (((uint64_t)1 << 52) - 1);
    if ((u >> 52 & 0x7ff) != 0) {
        *e = (int)(u >> 52 & 0x7ff) - 1075;
        return m | (uint64_t)1 << 52;
    }
    up = __builtin_clzll(m) - 11;
    *e = -1074 - up;
    return m << up;
}

/* x >> n; what is cut off leaves a 1 at the end if it was not 0 */
static inline unsigned __int128 hoop__fma_shift(unsigned __int128 x, int n)
{
    if (n == 0) return x;
    if (n > 127) return x != 0;
    return x >> n | (unsigned __int128)(x << (128 - n) != 0);
}

/* x 2^e rounded; the last bit of x may stand for more below it. x is not 0 */
static inline double hoop__fma_round(bool negative, unsigned __int128 x, int e)
{
    const uint64_t high   = (uint64_t)(x >> 64);
    const int      zeros  = high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)x);
    int            biased = e - zeros + 127 + 1023; /* of x with its first bit at the top, if it is not denormal */
    uint64_t       m      = (uint64_t)hoop__fma_shift(x << zeros, 64), u, rest;
    if (biased > 2046) {
        u = (uint64_t)0x7ff << 52;
    } else {
        if (biased < 1) {
            m      = (uint64_t)hoop__fma_shift(m, 1 - biased);
            biased = 1;
        }
        rest = m & 0x7ff;
        m >>= 11;
        m += rest > 0x400 || (rest == 0x400 && (m & 1) != 0);
        u = ((uint64_t)(biased - 1) << 52) + m; /* a carry goes on into the exponent, as far as infinity */
    }
    u |= (uint64_t)negative << 63;
    double y;
    memcpy(&y, &u, sizeof y);
    return y;
}

static inline double hoop__fma_f64(double a, double b, double c)
{
    unsigned __int128 x, y, sum;
    int               ea, eb, ec;
    bool              minus, minus_c;
    if (!(a - a == 0.0 && b - b == 0.0) || a == 0.0 || b == 0.0) return a * b + c; /* infinite, NaN, or exact */
    if (!(c - c == 0.0)) return c;
    if (c == 0.0) return a * b; /* whose sign a product too small keeps */
    minus   = (a < 0.0) != (b < 0.0);
    minus_c = c < 0.0;
    x       = (unsigned __int128)hoop__fma_parts(a, &ea) * hoop__fma_parts(b, &eb) << 21; /* both from 2^125, below 2^127 */
    y       = (unsigned __int128)hoop__fma_parts(c, &ec) << 73;
    ea += eb - 21;
    ec -= 73;
    if (ea > ec)
        y = hoop__fma_shift(y, ea - ec);
    else
        x = hoop__fma_shift(x, ec - ea);
    if (minus == minus_c)
        sum = x + y;
    else if (x >= y)
        sum = x - y;
    else
        sum = y - x, minus = minus_c;
    return sum == 0 ? 0.0 : hoop__fma_round(minus, sum, ea > ec ? ea : ec);
}

#endif
