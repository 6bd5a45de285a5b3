/**
 * core/kernels/real_vec.h - registers of the type that gemm.c, conv.c and winograd.c are compiled for: f32, or f64 with
 * HOOP_KERNEL_F64.
 */
#ifndef HOOP_KERNELS_REAL_VEC_H
#define HOOP_KERNELS_REAL_VEC_H

#include "kernels/isa.h"

#if defined(HOOP_KERNEL_F64)
typedef double   real;
typedef vec_f64  vec;
typedef vecu_f64 vecu;
enum { W = VECW_f64 };
#define NAME(name) HOOP_KERNEL(name##_f64)
#define FMA HOOP_FMA_F64
#else
typedef float    real;
typedef vec_f32  vec;
typedef vecu_f32 vecu;
enum { W = VECW_f32 };
#define NAME(name) HOOP_KERNEL(name##_f32)
#define FMA HOOP_FMA_F32
#endif

/* UNROLL (i, n) ...: the loop over i from 0 to n - 1, written out by the compiler, so that what it indexes stays in registers */
#if defined(__clang__)
#define UNROLL(i, n) _Pragma("unroll") for (int i = 0; i < (n); i++)
#else
#define UNROLL(i, n) _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
#endif

/* load_part, store_part: the first n of a register, 0 to W */
#if defined(__AVX512F__)
#if defined(HOOP_KERNEL_F64)
HOOP_INLINE vec multiply_add(vec a, vec b, vec c)
{
    return _mm512_fmadd_pd(a, b, c);
}

HOOP_INLINE vec load_part(const real *x, int64_t n)
{
    return _mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), x);
}

HOOP_INLINE void store_part(real *x, vec v, int64_t n)
{
    _mm512_mask_storeu_pd(x, (__mmask8)((1u << n) - 1), v);
}
#else
HOOP_INLINE vec multiply_add(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

HOOP_INLINE vec load_part(const real *x, int64_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
}

HOOP_INLINE void store_part(real *x, vec v, int64_t n)
{
    _mm512_mask_storeu_ps(x, (__mmask16)((1u << n) - 1), v);
}
#endif
#else
HOOP_INLINE vec multiply_add(vec a, vec b, vec c)
{
#if defined(__FMA__) && defined(__AVX2__) && defined(HOOP_KERNEL_F64)
    return _mm256_fmadd_pd(a, b, c);
#elif defined(__FMA__) && defined(__AVX2__)
    return _mm256_fmadd_ps(a, b, c);
#else
    for (int l = 0; l < W; l++) c[l] = FMA(a[l], b[l], c[l]);
    return c;
#endif
}

/* not maskstore: on Zen it takes tens of cycles */
#if defined(__AVX2__) && defined(HOOP_KERNEL_F64)
HOOP_INLINE vec load_part(const real *x, int64_t n)
{
    static const int64_t ones[2 * W] = {-1, -1, -1, -1};
    if (n >= W) return _mm256_loadu_pd(x);
    return _mm256_maskload_pd(x, _mm256_loadu_si256((const __m256i *)(const void *)(ones + W - n)));
}

HOOP_INLINE void store_part(real *x, vec v, int64_t n)
{
    __m128d part = _mm256_castpd256_pd128(v);
    if (n >= W) {
        _mm256_storeu_pd(x, v);
        return;
    }
    if (n & 2) {
        _mm_storeu_pd(x, part);
        part = _mm256_extractf128_pd(v, 1);
        x += 2;
    }
    if (n & 1) _mm_store_sd(x, part);
}
#elif defined(__AVX2__)
HOOP_INLINE vec load_part(const real *x, int64_t n)
{
    static const int32_t ones[2 * W] = {-1, -1, -1, -1, -1, -1, -1, -1};
    if (n >= W) return _mm256_loadu_ps(x);
    return _mm256_maskload_ps(x, _mm256_loadu_si256((const __m256i *)(const void *)(ones + W - n)));
}

HOOP_INLINE void store_part(real *x, vec v, int64_t n)
{
    __m128 part = _mm256_castps256_ps128(v);
    if (n >= W) {
        _mm256_storeu_ps(x, v);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(x, part);
        part = _mm256_extractf128_ps(v, 1);
        x += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)x, part);
        part = _mm_movehl_ps(part, part);
        x += 2;
    }
    if (n & 1) _mm_store_ss(x, part);
}
#else
HOOP_INLINE vec load_part(const real *x, int64_t n)
{
    vec v = {0};
    for (int l = 0; l < W; l++)
        if (l < n) v[l] = x[l];
    return v;
}

HOOP_INLINE void store_part(real *x, vec v, int64_t n)
{
    for (int l = 0; l < W; l++)
        if (l < n) x[l] = v[l];
}
#endif
#endif

HOOP_INLINE vec load(const real *x)
{
    return *(const vecu *)(const void *)x;
}

HOOP_INLINE void store(real *x, vec v)
{
    *(vecu *)(void *)x = v;
}

HOOP_INLINE vec broadcast(real x)
{
    return x - (vec){0};
}

HOOP_INLINE int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
