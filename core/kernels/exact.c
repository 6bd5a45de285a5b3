/**
 * core/kernels/exact.c - binned accumulators: deposit, merge, finish. hoop/exact.h says what they are.
 *
 * U_j = 2^(W j). A term x of a block with bin t becomes h = rint(x / U_t) and rint((x - h U_t) / U_(t-1)). Both are computed
 * from s = x / U_t, so that h U_t never overflows: s - h is exact, and where s is denormal both integers are 0 anyway.
 */
#include "kernels/vmath.h"

/* to nearest, ties to even, for |x| <= 2^23 */
HOOP_INLINE float rint_f32(float x)
{
#if defined(__SSE4_1__) || !defined(__x86_64__)
    return __builtin_rintf(x);
#else
    float big = f32_of_bits(bits_of_f32(0x1p23f) | (bits_of_f32(x) & 0x80000000u));
    return (x + big) - big;
#endif
}

/* 2^e as f32 (e >= -149) and f64 (e >= -1022) */
static float pow2_f32(int e)
{
    return e >= -126 ? f32_of_bits((uint32_t)(e + 127) << 23) : f32_of_bits(1u << (e + 149));
}

static double pow2_f64(int e)
{
    return f64_of_bits((uint64_t)(e + 1023) << 52);
}

static int floor_div(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Bin of a block whose largest |x| has these bits: every |x| < U_(t+1) / 2. */
static int bin_f32(const float *x, int width, int tmin)
{
    int32_t m = 0;
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        int32_t u = (int32_t)(bits_of_f32(x[i]) & 0x7fffffffu);
        m         = u > m ? u : m;
    }
    if (m >= 0x7f800000) return HOOP_EXACT_NONFINITE;
    m = floor_div((m >> 23) - 126, width);
    return m < tmin ? tmin : m;
}

static int bin_f64(const double *x, int width, int tmin)
{
    int64_t m = 0;
    int     t;
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        int64_t u;
        memcpy(&u, &x[i], sizeof u);
        u &= INT64_MAX;
        m = u > m ? u : m;
    }
    if (m >= INT64_C(0x7ff) << 52) return HOOP_EXACT_NONFINITE;
    t = floor_div((int)(m >> 52) - 1022, width);
    return t < tmin ? tmin : t;
}

HOOP_INLINE void cut_f32(const float *x, int32_t *hi, int32_t *lo, int width, int t)
{
    const float down = pow2_f32(-width * t), up = pow2_f32(width);
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        float s = x[i] * down, h = rint_f32(s);
        hi[i] += (int32_t)h;
        lo[i] += (int32_t)rint_f32((s - h) * up);
    }
}

/* |s| <= 2^49: adding 1.5 2^52 rounds, and leaves the integer in the low bits */
HOOP_INLINE void cut_f64(const double *x, int64_t *hi, int64_t *lo, int width, int t)
{
    const double down = pow2_f64(-width * t), up = pow2_f64(width), rounder = 0x1.8p52;
    int64_t      zero;
    memcpy(&zero, &rounder, sizeof zero);
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        double  s = x[i] * down, h = s + rounder, l = (s - (h - rounder)) * up + rounder;
        int64_t hbits, lbits;
        memcpy(&hbits, &h, sizeof hbits);
        memcpy(&lbits, &l, sizeof lbits);
        hi[i] += hbits - zero;
        lo[i] += lbits - zero;
    }
}

/* (hi 2^W + lo) U_(t-1), rounded once */
static bool value_f32(const hoop_exact_block32 *b, int width, float *x)
{
    const float  unit = pow2_f32(width * (b->t - 1));
    const double base = pow2_f64(width);
    int32_t      most = 0, bits = 0;
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) most |= b->hi[i] ^ (b->hi[i] >> 31);
    if (most < 1 << 28) { /* less than 2^53 in all, so f64 is exact and the only rounding is to f32 */
        for (int i = 0; i < HOOP_EXACT_BLOCK; i++) x[i] = (float)((double)b->hi[i] * base + (double)b->lo[i]) * unit;
    } else {
        for (int i = 0; i < HOOP_EXACT_BLOCK; i++) x[i] = (float)((int64_t)b->hi[i] * (INT64_C(1) << width) + b->lo[i]) * unit;
    }
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        int32_t u = (int32_t)(bits_of_f32(x[i]) & 0x7fffffffu);
        bits      = u > bits ? u : bits;
    }
    return bits < 0x7f800000;
}

static bool value_f64(const hoop_exact_block64 *b, int width, double *x)
{
    const double unit = pow2_f64(width * (b->t - 1));
    bool         fine = true;
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        x[i] = (double)((__int128)b->hi[i] * (INT64_C(1) << width) + b->lo[i]) * unit;
        fine &= x[i] - x[i] == 0;
    }
    return fine;
}

#define EXACT(dt, T, block, N)                                                                                                   \
    /* to a larger bin: by one, lo takes hi's place; by more, both are below what it counts */                                   \
    static void raise_##dt(block *b, int t)                                                                                      \
    {                                                                                                                            \
        if (t == HOOP_EXACT_NONFINITE || t > b->t + 1)                                                                           \
            memset(b->lo, 0, sizeof b->lo);                                                                                      \
        else                                                                                                                     \
            memcpy(b->lo, b->hi, sizeof b->lo);                                                                                  \
        memset(b->hi, 0, sizeof b->hi);                                                                                          \
        b->t = t;                                                                                                                \
    }                                                                                                                            \
    void HOOP_KERNEL(exact_clear_##dt)(int64_t nblocks, int tmin, void *blocks)                                                  \
    {                                                                                                                            \
        block *b = blocks;                                                                                                       \
        memset(blocks, 0, (size_t)nblocks * sizeof *b);                                                                          \
        for (int64_t k = 0; k < nblocks; k++) b[k].t = tmin;                                                                     \
    }                                                                                                                            \
    void HOOP_KERNEL(exact_deposit_##dt)(int64_t nblocks, int width, int tmin, void *blocks, const void *xv)                     \
    {                                                                                                                            \
        block   *b = blocks;                                                                                                     \
        const T *x = xv;                                                                                                         \
        for (int64_t k = 0; k < nblocks; k++, b++, x += HOOP_EXACT_BLOCK) {                                                      \
            int t = bin_##dt(x, width, tmin);                                                                                    \
            if (t > b->t) raise_##dt(b, t);                                                                                      \
            if (b->t != HOOP_EXACT_NONFINITE) cut_##dt(x, b->hi, b->lo, width, b->t);                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(exact_merge_##dt)(int64_t nblocks, void *dst, const void *src)                                              \
    {                                                                                                                            \
        block       *d = dst;                                                                                                    \
        const block *s = src;                                                                                                    \
        for (int64_t k = 0; k < nblocks; k++, d++, s++) {                                                                        \
            const N *hi = s->hi, *lo = s->lo;                                                                                    \
            if (s->t > d->t) raise_##dt(d, s->t);                                                                                \
            if (d->t == HOOP_EXACT_NONFINITE || d->t > s->t + 1) continue;                                                       \
            if (d->t == s->t) {                                                                                                  \
                HOOP_SIMD for (int i = 0; i < HOOP_EXACT_BLOCK; i++) d->hi[i] += hi[i];                                          \
            } else {                                                                                                             \
                lo = hi;                                                                                                         \
            }                                                                                                                    \
            HOOP_SIMD for (int i = 0; i < HOOP_EXACT_BLOCK; i++) d->lo[i] += lo[i];                                              \
        }                                                                                                                        \
    }                                                                                                                            \
    bool HOOP_KERNEL(exact_finish_##dt)(int64_t nblocks, int width, const void *blocks, void *xv)                                \
    {                                                                                                                            \
        const block *b    = blocks;                                                                                              \
        T           *x    = xv;                                                                                                  \
        bool         fine = true;                                                                                                \
        for (int64_t k = 0; k < nblocks; k++, b++, x += HOOP_EXACT_BLOCK) {                                                      \
            if (b->t == HOOP_EXACT_NONFINITE) {                                                                                  \
                for (int i = 0; i < HOOP_EXACT_BLOCK; i++) x[i] = (T)NAN;                                                        \
                fine = false;                                                                                                    \
            } else {                                                                                                             \
                fine &= value_##dt(b, width, x);                                                                                 \
            }                                                                                                                    \
        }                                                                                                                        \
        return fine;                                                                                                             \
    }
EXACT(f32, float, hoop_exact_block32, int32_t)
EXACT(f64, double, hoop_exact_block64, int64_t)
