/**
 * core/kernels/exact.c - binned accumulators: deposit, merge, finish. hoop/exact.h says what they are.
 *
 * U_j = 2^(W j). A term x of a block with bin t becomes h = rint(x / U_t) and rint((x - h U_t) / U_(t-1)). Both are computed
 * from s = x / U_t, so that h U_t never overflows: s - h is exact, and where s is denormal both integers are 0 anyway. Of
 * several terms the largest bin is taken first: each may be cut at any bin that is large enough.
 */
#include "kernels/vmath.h"

#include <stddef.h>

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

/* The largest |x|, as the bits of a float without sign; beyond those of infinity for NaN. */
static int32_t largest_f32(const float *x)
{
    int32_t m = 0;
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        int32_t u = (int32_t)(bits_of_f32(x[i]) & 0x7fffffffu);
        m         = u > m ? u : m;
    }
    return m;
}

static int64_t largest_f64(const double *x)
{
    int64_t m = 0;
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        int64_t u;
        memcpy(&u, &x[i], sizeof u);
        u &= INT64_MAX;
        m = u > m ? u : m;
    }
    return m;
}

/* Bin of a block whose largest |x| has these bits: every |x| < U_(t+1) / 2. */
static int bin_f32(int32_t m, int width, int tmin)
{
    if (m >= 0x7f800000) return HOOP_EXACT_NONFINITE;
    m = floor_div((m >> 23) - 126, width);
    return m < tmin ? tmin : m;
}

static int bin_f64(int64_t m, int width, int tmin)
{
    int t;
    if (m >= INT64_C(0x7ff) << 52) return HOOP_EXACT_NONFINITE;
    t = floor_div((int)(m >> 52) - 1022, width);
    return t < tmin ? tmin : t;
}

/* to nearest, ties to even (the mode is set on entry), for |x| <= 2^23 */
HOOP_INLINE ivec_f32 nearest_f32(vec_f32 x)
{
#if defined(__AVX512F__)
    return (ivec_f32)_mm512_cvtps_epi32(x);
#elif defined(__AVX2__)
    return (ivec_f32)_mm256_cvtps_epi32(x);
#elif defined(__x86_64__)
    return (ivec_f32)_mm_cvtps_epi32(x);
#else
    ivec_f32 n;
    for (int l = 0; l < VECW_f32; l++) n[l] = (int32_t)__builtin_rintf(x[l]);
    return n;
#endif
}

/* what one term adds to hi and lo */
HOOP_INLINE void cut_f32(vec_f32 x, float down, float up, ivec_f32 *hi, ivec_f32 *lo)
{
    vec_f32  s = x * down;
    ivec_f32 h = nearest_f32(s);
    *hi += h;
    *lo += nearest_f32((s - __builtin_convertvector(h, vec_f32)) * up);
}

/* |s| <= 2^49: adding 1.5 2^52 rounds, and leaves the integer in the low bits */
HOOP_INLINE void cut_f64(vec_f64 x, double down, double up, ivec_f64 *hi, ivec_f64 *lo)
{
    const vec_f64 rounder = 0x1.8p52 - (vec_f64){0};
    vec_f64       s = x * down, h = s + rounder, l = (s - (h - rounder)) * up + rounder;
    *hi += (ivec_f64)h - (ivec_f64)rounder;
    *lo += (ivec_f64)l - (ivec_f64)rounder;
}

/* (hi 2^W + lo) U_(t-1), rounded to f32, and then to a denormal where it is one */
static bool value_f32(const hoop_exact_block32 *b, int width, float *x)
{
    const float  unit = pow2_f32(width * (b->t - 1)), base = pow2_f32(width);
    const double wide = pow2_f64(width);
    int32_t      most = 0, bits = 0;
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) most |= b->hi[i] ^ (b->hi[i] >> 31);
    if (most < 1 << 23) { /* with what lo carries into it hi is exact in f32, and so is the rest of lo: the addition rounds */
        const int32_t half = 1 << (width - 1);
        for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
            int32_t carry = (b->lo[i] + half) >> width;
            x[i]          = ((float)(b->hi[i] + carry) * base + (float)(b->lo[i] - carry * (1 << width))) * unit;
        }
    } else if (most < 1 << 28) { /* less than 2^53 in all: exact in f64 */
        for (int i = 0; i < HOOP_EXACT_BLOCK; i++) x[i] = (float)((double)b->hi[i] * wide + (double)b->lo[i]) * unit;
    } else {
        for (int i = 0; i < HOOP_EXACT_BLOCK; i++) x[i] = (float)((int64_t)b->hi[i] * (INT64_C(1) << width) + b->lo[i]) * unit;
    }
    if (width * b->t <= 127 - 31) return true; /* |hi 2^W + lo| < 2^(31 + W) */
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

enum { AT_ONCE = 4 /* registers of elements whose hi and lo stay in registers while terms pass */ };

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
    void HOOP_KERNEL(exact_clear_##dt)(int64_t nblocks, void *blocks)                                                            \
    {                                                                                                                            \
        block *b = blocks;                                                                                                       \
        for (int64_t k = 0; k < nblocks; k++) {                                                                                  \
            memset(&b[k], 0, offsetof(block, hi));                                                                               \
            b[k].t = HOOP_EXACT_EMPTY;                                                                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    /* into a block of final bin; what was in an empty one is not looked at */                                                   \
    HOOP_INLINE void cut_all_##dt(block *b, bool empty, int width, const void *const *terms, int nterms, int64_t at)             \
    {                                                                                                                            \
        const T down = pow2_##dt(-width * b->t), up = pow2_##dt(width);                                                          \
        for (int i = 0; i < HOOP_EXACT_BLOCK; i += AT_ONCE * VECW_##dt) {                                                        \
            ivec_##dt hi[AT_ONCE], lo[AT_ONCE];                                                                                  \
            for (int v = 0; v < AT_ONCE; v++) {                                                                                  \
                hi[v] = lo[v] = (ivec_##dt){0};                                                                                  \
                if (empty) continue;                                                                                             \
                hi[v] = *(const ivecu_##dt *)(const void *)(b->hi + i + v * VECW_##dt);                                          \
                lo[v] = *(const ivecu_##dt *)(const void *)(b->lo + i + v * VECW_##dt);                                          \
            }                                                                                                                    \
            for (int k = 0; k < nterms; k++) {                                                                                   \
                const T *x = (const T *)terms[k] + at + i;                                                                       \
                for (int v = 0; v < AT_ONCE; v++)                                                                                \
                    cut_##dt(*(const vecu_##dt *)(const void *)(x + v * VECW_##dt), down, up, &hi[v], &lo[v]);                   \
            }                                                                                                                    \
            for (int v = 0; v < AT_ONCE; v++) {                                                                                  \
                *(ivecu_##dt *)(void *)(b->hi + i + v * VECW_##dt) = hi[v];                                                      \
                *(ivecu_##dt *)(void *)(b->lo + i + v * VECW_##dt) = lo[v];                                                      \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    static N largest_of_all_##dt(const void *const *terms, int nterms, int64_t at)                                               \
    {                                                                                                                            \
        N m = 0;                                                                                                                 \
        for (int k = 0; k < nterms; k++) {                                                                                       \
            N u = largest_##dt((const T *)terms[k] + at);                                                                        \
            m   = u > m ? u : m;                                                                                                 \
        }                                                                                                                        \
        return m;                                                                                                                \
    }                                                                                                                            \
    void HOOP_KERNEL(exact_deposit_##dt)(int64_t nblocks, int width, int tmin, void *blocks, const void *const *terms,           \
                                         int nterms)                                                                             \
    {                                                                                                                            \
        block *b = blocks;                                                                                                       \
        for (int64_t at = 0; at < nblocks * HOOP_EXACT_BLOCK; at += HOOP_EXACT_BLOCK, b++) {                                     \
            bool empty = b->t == HOOP_EXACT_EMPTY;                                                                               \
            int  t     = bin_##dt(largest_of_all_##dt(terms, nterms, at), width, tmin);                                          \
            if (empty && t != HOOP_EXACT_NONFINITE)                                                                              \
                b->t = t;                                                                                                        \
            else if (t > b->t)                                                                                                   \
                raise_##dt(b, t);                                                                                                \
            if (b->t == HOOP_EXACT_NONFINITE) continue;                                                                          \
            if (empty)                                                                                                           \
                cut_all_##dt(b, true, width, terms, nterms, at);                                                                 \
            else                                                                                                                 \
                cut_all_##dt(b, false, width, terms, nterms, at);                                                                \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(exact_merge_##dt)(int64_t nblocks, void *dst, const void *src)                                              \
    {                                                                                                                            \
        block       *d = dst;                                                                                                    \
        const block *s = src;                                                                                                    \
        for (int64_t k = 0; k < nblocks; k++, d++, s++) {                                                                        \
            const N *hi = s->hi, *lo = s->lo;                                                                                    \
            if (s->t == HOOP_EXACT_EMPTY) continue;                                                                              \
            if (d->t == HOOP_EXACT_EMPTY) {                                                                                      \
                *d = *s;                                                                                                         \
                continue;                                                                                                        \
            }                                                                                                                    \
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
            if (b->t == HOOP_EXACT_EMPTY) {                                                                                      \
                memset(x, 0, HOOP_EXACT_BLOCK * sizeof *x);                                                                      \
            } else if (b->t == HOOP_EXACT_NONFINITE) {                                                                           \
                for (int i = 0; i < HOOP_EXACT_BLOCK; i++) x[i] = (T)NAN;                                                        \
                fine = false;                                                                                                    \
            } else {                                                                                                             \
                fine &= value_##dt(b, width, x);                                                                                 \
            }                                                                                                                    \
        }                                                                                                                        \
        return fine;                                                                                                             \
    }                                                                                                                            \
    bool HOOP_KERNEL(exact_sum_##dt)(int64_t nblocks, int width, int tmin, const void *const *terms, int nterms, void *xv)       \
    {                                                                                                                            \
        T   *x    = xv;                                                                                                          \
        bool fine = true;                                                                                                        \
        for (int64_t at = 0; at < nblocks * HOOP_EXACT_BLOCK; at += HOOP_EXACT_BLOCK) {                                          \
            block b;                                                                                                             \
            b.t = bin_##dt(largest_of_all_##dt(terms, nterms, at), width, tmin);                                                 \
            if (b.t == HOOP_EXACT_NONFINITE) {                                                                                   \
                for (int i = 0; i < HOOP_EXACT_BLOCK; i++) x[at + i] = (T)NAN;                                                   \
                fine = false;                                                                                                    \
            } else {                                                                                                             \
                cut_all_##dt(&b, true, width, terms, nterms, at);                                                                \
                fine &= value_##dt(&b, width, x + at);                                                                           \
            }                                                                                                                    \
        }                                                                                                                        \
        return fine;                                                                                                             \
    }
EXACT(f32, float, hoop_exact_block32, int32_t)
EXACT(f64, double, hoop_exact_block64, int64_t)
