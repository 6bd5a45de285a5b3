/**
 * core/kernels/exact.c - binned accumulators: deposit, merge, finish. hoop/exact.h says what they are.
 *
 * U_j = 2^(W j). A term x of a block with bin t becomes h = rint(x / U_t) and rint((x - h U_t) / U_(t-1)). Both are computed
 * from s = x / U_t, so that h U_t never overflows: s - h is exact, and where s is denormal both integers are 0 anyway. Of
 * several terms the largest bin is taken first: each may be cut at any bin that is large enough.
 */
#include "kernels/vmath.h"

#include <stddef.h>

#define NOINLINE __attribute__((noinline))

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

/* integers of a vector whose sums may wrap round */
typedef uint32_t uvec_f32 __attribute__((vector_size(HOOP_VEC_BYTES), may_alias));
typedef uint64_t uvec_f64 __attribute__((vector_size(HOOP_VEC_BYTES), may_alias));
typedef uint32_t uvecu_f32 __attribute__((vector_size(HOOP_VEC_BYTES), aligned(4), may_alias));
typedef uint64_t uvecu_f64 __attribute__((vector_size(HOOP_VEC_BYTES), aligned(8), may_alias));

HOOP_INLINE ivec_f32 larger_f32(ivec_f32 a, ivec_f32 b)
{
#if defined(__AVX512F__)
    return (ivec_f32)_mm512_max_epi32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (ivec_f32)_mm256_max_epi32((__m256i)a, (__m256i)b);
#else
    ivec_f32 take = a > b;
    return (a & take) | (b & ~take);
#endif
}

HOOP_INLINE ivec_f64 larger_f64(ivec_f64 a, ivec_f64 b)
{
#if defined(__AVX512F__)
    return (ivec_f64)_mm512_max_epi64((__m512i)a, (__m512i)b);
#else
    ivec_f64 take = a > b;
    return (a & take) | (b & ~take);
#endif
}

HOOP_INLINE int32_t largest_lane_f32(ivec_f32 m)
{
#if defined(__AVX512F__)
    return _mm512_reduce_max_epi32((__m512i)m);
#elif defined(__AVX2__)
    __m128i a = _mm_max_epi32(_mm256_castsi256_si128((__m256i)m), _mm256_extracti128_si256((__m256i)m, 1));
    a         = _mm_max_epi32(a, _mm_shuffle_epi32(a, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(a, _mm_shuffle_epi32(a, 0xb1)));
#else
    int32_t a = m[0] > m[1] ? m[0] : m[1], b = m[2] > m[3] ? m[2] : m[3];
    return a > b ? a : b;
#endif
}

HOOP_INLINE int64_t largest_lane_f64(ivec_f64 m)
{
#if defined(__AVX512F__)
    return _mm512_reduce_max_epi64((__m512i)m);
#else
    int64_t a = m[0];
    for (int l = 1; l < VECW_f64; l++) a = m[l] > a ? m[l] : a;
    return a;
#endif
}

enum { AT_ONCE = 4 /* registers of elements whose sums stay in registers while terms pass */ };

/*
 * largest: the largest |x| of a block's terms, as the bits of a float without sign; beyond those of infinity for NaN.
 * bin: of a block whose largest |x| has these bits: every |x| < U_(t+1) / 2. Neighbours mostly share one, so the last is kept:
 * work on the next block need not wait for its largest.
 */
#define BIN(dt, T, N, MANTISSA, BIAS)                                                                                            \
    typedef struct bin_##dt {                                                                                                    \
        N   from, below;                                                                                                         \
        int t;                                                                                                                   \
    } bin_##dt;                                                                                                                  \
    HOOP_INLINE N largest_##dt(const void *const *terms, int nterms, int64_t at)                                                 \
    {                                                                                                                            \
        const N   magnitude = (N)(((uint64_t)1 << (8 * sizeof(N) - 1)) - 1);                                                     \
        ivec_##dt m[AT_ONCE];                                                                                                    \
        for (int v = 0; v < AT_ONCE; v++) m[v] = (ivec_##dt){0};                                                                 \
        for (int k = 0; k < nterms; k++) {                                                                                       \
            const T *x = (const T *)terms[k] + at;                                                                               \
            for (int i = 0; i < HOOP_EXACT_BLOCK; i += AT_ONCE * VECW_##dt)                                                      \
                for (int v = 0; v < AT_ONCE; v++)                                                                                \
                    m[v] = larger_##dt(m[v], *(const ivecu_##dt *)(const void *)(x + i + v * VECW_##dt) & magnitude);            \
        }                                                                                                                        \
        return largest_lane_##dt(larger_##dt(larger_##dt(m[0], m[1]), larger_##dt(m[2], m[3])));                                 \
    }                                                                                                                            \
    static NOINLINE void bin_find_##dt(bin_##dt *b, N m, int width, int tmin)                                                    \
    {                                                                                                                            \
        const N infinite = (N)(2 * BIAS + 3) << MANTISSA;                                                                        \
        int     exponent = (int)(m >> MANTISSA) - BIAS;                                                                          \
        *b               = (bin_##dt){infinite, (N)(((uint64_t)1 << (8 * sizeof(N) - 1)) - 1), HOOP_EXACT_NONFINITE};            \
        if (m >= infinite) return;                                                                                               \
        b->t     = floor_div(exponent, width);                                                                                   \
        b->t     = b->t < tmin ? tmin : b->t;                                                                                    \
        b->from  = b->t == tmin ? 0 : (N)(b->t * width + BIAS) << MANTISSA;                                                      \
        exponent = (b->t + 1) * width + BIAS;                                                                                    \
        b->below = exponent > 2 * BIAS + 3 ? infinite : (N)exponent << MANTISSA;                                                 \
    }                                                                                                                            \
    HOOP_INLINE int bin_of_##dt(bin_##dt *b, N m, int width, int tmin)                                                           \
    {                                                                                                                            \
        if (__builtin_expect(m < b->from || m >= b->below, 0)) bin_find_##dt(b, m, width, tmin);                                 \
        return b->t;                                                                                                             \
    }
BIN(f32, float, int32_t, 23, 126)
BIN(f64, double, int64_t, 52, 1022)

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

/* a b + c, where a b is exact, so that one with fma is one without */
#if defined(__AVX512F__)
#define FUSED_F32 1
HOOP_INLINE vec_f32 times_plus_f32(vec_f32 a, vec_f32 b, vec_f32 c)
{
    return _mm512_fmadd_ps(a, b, c);
}
#elif defined(__AVX2__) && defined(__FMA__)
#define FUSED_F32 1
HOOP_INLINE vec_f32 times_plus_f32(vec_f32 a, vec_f32 b, vec_f32 c)
{
    return _mm256_fmadd_ps(a, b, c);
}
#else
#define FUSED_F32 0
HOOP_INLINE vec_f32 times_plus_f32(vec_f32 a, vec_f32 b, vec_f32 c)
{
    return a * b + c;
}
#endif

/* a - b and a + b. Where there is fma every other addition of a chain is one, since processors add and multiply in different
 * pipes; the product by 1, which the compiler must not see, is exact. */
HOOP_INLINE vec_f32 minus_f32(vec_f32 a, vec_f32 b, vec_f32 one)
{
    if (FUSED_F32) return times_plus_f32(-b, one, a);
    return a - b;
}

HOOP_INLINE vec_f32 plus_f32(vec_f32 a, vec_f32 b, vec_f32 one)
{
    if (FUSED_F32) return times_plus_f32(a, one, b);
    return a + b;
}

HOOP_INLINE vec_f32 ones_f32(void)
{
    float one = 1;
#if defined(__x86_64__)
    __asm__("" : "+x"(one));
#endif
    return one - (vec_f32){0};
}

/*
 * How terms are cut in one bin. Adding 1.5 2^23 units (f64: 1.5 2^52) rounds |x| <= 2^22 units to nearest, ties to even, and
 * leaves the integer in the low bits: sums of such bits are off by the number of terms times the rounder's.
 */
typedef struct cutter_f32 {
    float    down, up, rounder, one_down; /* 1 / U_t, 2^W, 1.5 2^23 U_t, 1 / U_(t-1) */
    uint32_t hi, lo;                      /* what sums start with */
} cutter_f32;
typedef struct cutter_f64 {
    double   down, up, rounder;
    uint64_t hi, lo;
} cutter_f64;

/* m: bits of the largest |x|. Whether adding the rounder does for hi: f32 has no bit to spare where W is 24 and |x| large */
HOOP_INLINE bool cutter_f32_set(cutter_f32 *c, int width, int t, int32_t m, int nterms)
{
    const int unit = width * t;
    if (unit <= 103 && m < (unit + 22 + 127) << 23) {
        *c    = (cutter_f32){.rounder = 3 * pow2_f32(unit + 22), .one_down = pow2_f32(width - unit)};
        c->hi = -(uint32_t)nterms * bits_of_f32(c->rounder);
        return true;
    }
    *c = (cutter_f32){.down = pow2_f32(-unit), .up = pow2_f32(width)};
    return false;
}

/* |s| <= 2^49 */
HOOP_INLINE bool cutter_f64_set(cutter_f64 *c, int width, int t, int64_t m, int nterms)
{
    uint64_t bits;
    (void)m;
    *c = (cutter_f64){.down = pow2_f64(-width * t), .up = pow2_f64(width), .rounder = 0x1.8p52};
    memcpy(&bits, &c->rounder, sizeof bits);
    c->hi = c->lo = -(uint64_t)nterms * bits;
    return true;
}

/* what one term adds to hi and lo */
HOOP_INLINE void cut_f32(const cutter_f32 *c, bool fast, vec_f32 x, vec_f32 one, uvec_f32 *hi, uvec_f32 *lo)
{
    if (fast) {
        vec_f32 h = x + c->rounder;
        *hi += (uvec_f32)h;
        *lo += (uvec_f32)nearest_f32(minus_f32(x, h - c->rounder, one) * c->one_down);
    } else {
        vec_f32  s = x * c->down;
        ivec_f32 h = nearest_f32(s);
        *hi += (uvec_f32)h;
        *lo += (uvec_f32)nearest_f32((s - __builtin_convertvector(h, vec_f32)) * c->up);
    }
}

HOOP_INLINE void cut_f64(const cutter_f64 *c, bool fast, vec_f64 x, vec_f64 one, uvec_f64 *hi, uvec_f64 *lo)
{
    vec_f64 s = x * c->down, h = s + c->rounder, l = (s - (h - c->rounder)) * c->up + c->rounder;
    (void)fast, (void)one;
    *hi += (uvec_f64)h;
    *lo += (uvec_f64)l;
}

HOOP_INLINE vec_f64 ones_f64(void)
{
    return (vec_f64){0};
}

/* (hi 2^W + lo) 2^unit, rounded to f32, and then to a denormal where it is one */
static bool value_f32(const hoop_exact_block32 *b, int width, int exponent, float *x)
{
    const float  unit = pow2_f32(exponent), base = pow2_f32(width);
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
    if (width + exponent <= 127 - 31) return true; /* |hi 2^W + lo| < 2^(31 + W) */
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        int32_t u = (int32_t)(bits_of_f32(x[i]) & 0x7fffffffu);
        bits      = u > bits ? u : bits;
    }
    return bits < 0x7f800000;
}

static bool value_f64(const hoop_exact_block64 *b, int width, int exponent, double *x)
{
    const double unit = pow2_f64(exponent);
    bool         fine = true;
    for (int i = 0; i < HOOP_EXACT_BLOCK; i++) {
        x[i] = (double)((__int128)b->hi[i] * (INT64_C(1) << width) + b->lo[i]) * unit;
        fine &= x[i] - x[i] == 0;
    }
    return fine;
}

/*
 * f32 terms that are summed at once have no use for hi and lo: the sum is N U_(t-1), N the sum of all rint(x / U_(t-1)), and
 * may be cut anywhere. It is cut at 2^low U_(t-1), so that adding rounders does for both parts. Mostly so low that both sums
 * are exact in f32, and one addition rounds N. A plan holds while the largest |x| stays within [from, below).
 */
typedef struct plan_f32 {
    int32_t from, below;
    enum { SUM_ANY, SUM_NARROW, SUM_SMALL } how; /* narrow: adding rounders does; small: both sums are exact in f32, too */
    int   t, exponent, low;                      /* U_(t-1) = 2^exponent */
    float high, rounder;                         /* 1.5 2^23 of the parts' units */
    float unit, scale;                           /* U_(t-1), and 1 / U_(t-1) */
} plan_f32;

/* the bits of 2^e */
static int32_t power_bits_f32(int e)
{
    return e > 127 ? 0x7f800000 : (e + 127) << 23;
}

static NOINLINE void plan_find_f32(plan_f32 *p, int32_t m, int width, int tmin, int nterms)
{
    bin_f32 b;
    int     log2 = 0, exponent, small, narrow;
    bin_find_f32(&b, m, width, tmin);
    exponent = width * (b.t - 1);
    *p       = (plan_f32){.from = b.from, .below = b.below, .how = SUM_ANY, .t = b.t, .exponent = exponent};
    if (exponent > 72 || nterms > 256) return; /* 2^45 units and the rounders are far from infinity */
    while (1 << log2 < nterms) log2++;
    /* |low part| <= 2^(low - 1) and |high part| <= 2^22, of the terms as of the rounders; where small, the sum of low parts is
     * <= 2^24, that of high parts <= 2^22 at every term */
    p->low = log2 < 2 ? 23 : 25 - log2;
    small  = power_bits_f32(exponent + p->low + 22 - log2);
    narrow = power_bits_f32(exponent + 45);
    if (m < small) {
        p->how   = SUM_SMALL;
        p->below = small < p->below ? small : p->below;
    } else {
        p->low  = 23;
        p->from = small > p->from ? small : p->from;
        if (m < narrow) {
            p->how   = SUM_NARROW;
            p->below = narrow < p->below ? narrow : p->below;
        } else {
            p->from = narrow > p->from ? narrow : p->from;
            return;
        }
    }
    p->rounder = 3 * pow2_f32(exponent + 22);
    p->high    = 3 * pow2_f32(exponent + p->low + 22);
    p->unit    = pow2_f32(exponent);
    p->scale   = pow2_f32(-exponent);
}

/* m, or |x| where that is larger; of NaN what it will */
HOOP_INLINE ivec_f32 larger_magnitude_f32(ivec_f32 m, vec_f32 x)
{
#if defined(__AVX512DQ__)
    return (ivec_f32)_mm512_range_ps((vec_f32)m, x, 0xb);
#else
    return larger_f32(m, (ivec_f32)x & 0x7fffffff);
#endif
}

/* whether the largest of m is within [from, below) */
HOOP_INLINE bool plan_holds_f32(const plan_f32 *p, ivec_f32 m)
{
#if defined(__AVX512F__)
    const __m512i from = _mm512_set1_epi32(p->from), below = _mm512_set1_epi32(p->below);
    return (_mm512_cmpge_epi32_mask((__m512i)m, from) != 0) && (_mm512_cmpge_epi32_mask((__m512i)m, below) == 0);
#else
    const int32_t largest = largest_lane_f32(m);
    return largest >= p->from && largest < p->below;
#endif
}

HOOP_INLINE bool any_nan_f32(vec_f32 x)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q) != 0;
#else
    return largest_lane_f32((ivec_f32)x & 0x7fffffff) > 0x7f800000;
#endif
}

/*
 * A block of out by a plan; false, and nothing that holds, where the largest |x|, which is found on the way, asks for another.
 * Where small, the sum of high parts runs on top of their rounder: what a term moved it by is the term's high part. Of two that
 * are as near the sum, not the term, decides which; the low part makes up for it.
 */
HOOP_INLINE bool sum_small_f32(const plan_f32 *p, const void *const *terms, int nterms, int64_t at, float *out)
{
    const uint32_t lo_start = -(uint32_t)nterms * bits_of_f32(p->rounder);
    const vec_f32  one = ones_f32(), high = p->high - (vec_f32){0}, rounder = p->rounder - (vec_f32){0};
    const vec_f32  unit = p->unit - (vec_f32){0}, scale = p->scale - (vec_f32){0};
    ivec_f32       m[AT_ONCE];
    vec_f32        nan = {0}; /* if a term was */
    for (int v = 0; v < AT_ONCE; v++) m[v] = (ivec_f32){0};
    for (int i = 0; i < HOOP_EXACT_BLOCK; i += AT_ONCE * VECW_f32) {
        vec_f32  hi[AT_ONCE];
        uvec_f32 lo[AT_ONCE];
        for (int v = 0; v < AT_ONCE; v++) {
            hi[v] = high;
            lo[v] = lo_start - (uvec_f32){0};
        }
        for (int k = 0; k < nterms; k++) {
            const float *x = (const float *)terms[k] + at + i;
            for (int v = 0; v < AT_ONCE; v++) {
                vec_f32 u = *(const vecu_f32 *)(const void *)(x + v * VECW_f32), h;
                __asm__("" : "+v"(u));
                h    = hi[v] + u;
                m[v] = larger_magnitude_f32(m[v], u);
                lo[v] += (uvec_f32)plus_f32(minus_f32(u, h - hi[v], one), rounder, one);
                hi[v] = h;
            }
        }
        for (int v = 0; v < AT_ONCE; v++) {
            const vec_f32 low                             = __builtin_convertvector((ivec_f32)lo[v], vec_f32);
            *(vecu_f32 *)(void *)(out + i + v * VECW_f32) = times_plus_f32(hi[v] - high, scale, low) * unit;
            nan += hi[v];
        }
    }
    return plan_holds_f32(p, larger_f32(larger_f32(m[0], m[1]), larger_f32(m[2], m[3]))) && !any_nan_f32(nan);
}

HOOP_INLINE bool sum_narrow_f32(const plan_f32 *p, const void *const *terms, int nterms, int64_t at, hoop_exact_block32 *b)
{
    const uint32_t hi_start = -(uint32_t)nterms * bits_of_f32(p->high), lo_start = -(uint32_t)nterms * bits_of_f32(p->rounder);
    const vec_f32  one = ones_f32(), high = p->high - (vec_f32){0}, rounder = p->rounder - (vec_f32){0};
    ivec_f32       m = {0};
    for (int i = 0; i < HOOP_EXACT_BLOCK; i += AT_ONCE * VECW_f32) {
        uvec_f32 hi[AT_ONCE], lo[AT_ONCE];
        for (int v = 0; v < AT_ONCE; v++) {
            hi[v] = hi_start - (uvec_f32){0};
            lo[v] = lo_start - (uvec_f32){0};
        }
        for (int k = 0; k < nterms; k++) {
            const float *x = (const float *)terms[k] + at + i;
            for (int v = 0; v < AT_ONCE; v++) {
                vec_f32 u = *(const vecu_f32 *)(const void *)(x + v * VECW_f32), h = u + high;
                m = larger_f32(m, (ivec_f32)u & 0x7fffffff);
                hi[v] += (uvec_f32)h;
                lo[v] += (uvec_f32)plus_f32(minus_f32(u, h - high, one), rounder, one);
            }
        }
        for (int v = 0; v < AT_ONCE; v++) {
            *(uvecu_f32 *)(void *)(b->hi + i + v * VECW_f32) = hi[v];
            *(uvecu_f32 *)(void *)(b->lo + i + v * VECW_f32) = lo[v];
        }
    }
    return plan_holds_f32(p, m);
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
    void HOOP_KERNEL(exact_clear_##dt)(int64_t nblocks, void *blocks)                                                            \
    {                                                                                                                            \
        block *b = blocks;                                                                                                       \
        for (int64_t k = 0; k < nblocks; k++) {                                                                                  \
            memset(&b[k], 0, offsetof(block, hi));                                                                               \
            b[k].t = HOOP_EXACT_EMPTY;                                                                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    /* into a block of final bin; what was in an empty one is not looked at */                                                   \
    HOOP_INLINE void cut_all_##dt(block *b, bool empty, const cutter_##dt *c, bool fast, const void *const *terms, int nterms,   \
                                  int64_t at)                                                                                    \
    {                                                                                                                            \
        const vec_##dt one = ones_##dt();                                                                                        \
        for (int i = 0; i < HOOP_EXACT_BLOCK; i += AT_ONCE * VECW_##dt) {                                                        \
            uvec_##dt hi[AT_ONCE], lo[AT_ONCE];                                                                                  \
            for (int v = 0; v < AT_ONCE; v++) {                                                                                  \
                hi[v] = c->hi - (uvec_##dt){0};                                                                                  \
                lo[v] = c->lo - (uvec_##dt){0};                                                                                  \
                if (empty) continue;                                                                                             \
                hi[v] += *(const uvecu_##dt *)(const void *)(b->hi + i + v * VECW_##dt);                                         \
                lo[v] += *(const uvecu_##dt *)(const void *)(b->lo + i + v * VECW_##dt);                                         \
            }                                                                                                                    \
            for (int k = 0; k < nterms; k++) {                                                                                   \
                const T *x = (const T *)terms[k] + at + i;                                                                       \
                for (int v = 0; v < AT_ONCE; v++)                                                                                \
                    cut_##dt(c, fast, *(const vecu_##dt *)(const void *)(x + v * VECW_##dt), one, &hi[v], &lo[v]);               \
            }                                                                                                                    \
            for (int v = 0; v < AT_ONCE; v++) {                                                                                  \
                *(uvecu_##dt *)(void *)(b->hi + i + v * VECW_##dt) = hi[v];                                                      \
                *(uvecu_##dt *)(void *)(b->lo + i + v * VECW_##dt) = lo[v];                                                      \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void cut_block_##dt(block *b, bool empty, int width, N largest, const void *const *terms, int nterms,            \
                                    int64_t at)                                                                                  \
    {                                                                                                                            \
        cutter_##dt c;                                                                                                           \
        if (cutter_##dt##_set(&c, width, b->t, largest, nterms))                                                                 \
            cut_all_##dt(b, empty, &c, true, terms, nterms, at);                                                                 \
        else                                                                                                                     \
            cut_all_##dt(b, empty, &c, false, terms, nterms, at);                                                                \
    }                                                                                                                            \
    void HOOP_KERNEL(exact_deposit_##dt)(int64_t nblocks, int width, int tmin, void *blocks, const void *const *terms,           \
                                         int nterms)                                                                             \
    {                                                                                                                            \
        block   *b    = blocks;                                                                                                  \
        bin_##dt last = {0};                                                                                                     \
        for (int64_t at = 0; at < nblocks * HOOP_EXACT_BLOCK; at += HOOP_EXACT_BLOCK, b++) {                                     \
            N    m     = largest_##dt(terms, nterms, at);                                                                        \
            bool empty = b->t == HOOP_EXACT_EMPTY;                                                                               \
            int  t     = bin_of_##dt(&last, m, width, tmin);                                                                     \
            if (empty && t != HOOP_EXACT_NONFINITE)                                                                              \
                b->t = t;                                                                                                        \
            else if (t > b->t)                                                                                                   \
                raise_##dt(b, t);                                                                                                \
            if (b->t == HOOP_EXACT_NONFINITE) continue;                                                                          \
            if (empty)                                                                                                           \
                cut_block_##dt(b, true, width, m, terms, nterms, at);                                                            \
            else                                                                                                                 \
                cut_block_##dt(b, false, width, m, terms, nterms, at);                                                           \
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
                fine &= value_##dt(b, width, width * (b->t - 1), x);                                                             \
            }                                                                                                                    \
        }                                                                                                                        \
        return fine;                                                                                                             \
    }                                                                                                                            \
    /* of a block whose largest |x| is known */                                                                                  \
    static NOINLINE bool sum_any_##dt(int width, int t, N m, const void *const *terms, int nterms, int64_t at, T *x)             \
    {                                                                                                                            \
        block b;                                                                                                                 \
        b.t = t;                                                                                                                 \
        if (t == HOOP_EXACT_NONFINITE) {                                                                                         \
            for (int i = 0; i < HOOP_EXACT_BLOCK; i++) x[at + i] = (T)NAN;                                                       \
            return false;                                                                                                        \
        }                                                                                                                        \
        cut_block_##dt(&b, true, width, m, terms, nterms, at);                                                                   \
        return value_##dt(&b, width, width * (t - 1), x + at);                                                                   \
    }
EXACT(f32, float, hoop_exact_block32, int32_t)
EXACT(f64, double, hoop_exact_block64, int64_t)

/* A block of x by the plan of the one before; false where that is no plan for this one. apart: x is none of the terms, and may be
 * written before it is known which. */
HOOP_INLINE bool sum_planned_f32(const plan_f32 *p, const void *const *terms, int nterms, int64_t at, float *x, bool apart,
                                 bool *fine)
{
    float              sum[HOOP_EXACT_BLOCK];
    hoop_exact_block32 b;
    if (p->how == SUM_ANY) return false;
    if (p->how == SUM_NARROW) {
        if (!sum_narrow_f32(p, terms, nterms, at, &b)) return false;
        *fine &= value_f32(&b, p->low, p->exponent, x + at);
        return true;
    }
    if (apart && nterms == 4) return sum_small_f32(p, terms, 4, at, x + at); /* the leaves of a batch of 64: 5 % faster */
    if (apart) return sum_small_f32(p, terms, nterms, at, x + at);
    if (!sum_small_f32(p, terms, nterms, at, sum)) return false;
    memcpy(x + at, sum, sizeof sum);
    return true;
}

bool HOOP_KERNEL(exact_sum_f32)(int64_t nblocks, int width, int tmin, const void *const *terms, int nterms, void *x)
{
    plan_f32 p    = {0};
    bool     fine = true, apart = true;
    for (int k = 0; k < nterms; k++) apart &= terms[k] != x;
    for (int64_t at = 0; at < nblocks * HOOP_EXACT_BLOCK; at += HOOP_EXACT_BLOCK) {
        int32_t m;
        if (sum_planned_f32(&p, terms, nterms, at, x, apart, &fine)) continue;
        m = largest_f32(terms, nterms, at);
        if (m < p.from || m >= p.below) plan_find_f32(&p, m, width, tmin, nterms);
        if (p.how == SUM_ANY)
            fine &= sum_any_f32(width, p.t, m, terms, nterms, at, x);
        else
            (void)sum_planned_f32(&p, terms, nterms, at, x, apart, &fine);
    }
    return fine;
}

bool HOOP_KERNEL(exact_sum_f64)(int64_t nblocks, int width, int tmin, const void *const *terms, int nterms, void *x)
{
    bin_f64 last = {0};
    bool    fine = true;
    for (int64_t at = 0; at < nblocks * HOOP_EXACT_BLOCK; at += HOOP_EXACT_BLOCK) {
        int64_t m = largest_f64(terms, nterms, at);
        fine &= sum_any_f64(width, bin_of_f64(&last, m, width, tmin), m, terms, nterms, at, x);
    }
    return fine;
}
