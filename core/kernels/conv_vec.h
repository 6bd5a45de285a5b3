/** core/kernels/conv_vec.h - registers of the type that conv.c and winograd.c are compiled for: f32, or f64 with HOOP_KERNEL_F64.
 */
#ifndef HOOP_KERNELS_CONV_VEC_H
#define HOOP_KERNELS_CONV_VEC_H

#include "kernels/conv.h"
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

/* the first n < W */
HOOP_INLINE vec load_part(const real *x, int64_t n)
{
#if defined(__AVX512F__) && defined(HOOP_KERNEL_F64)
    return _mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), x);
#elif defined(__AVX512F__)
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
#elif defined(__AVX2__) && defined(HOOP_KERNEL_F64)
    static const int64_t ones[2 * W] = {-1, -1, -1, -1};
    return _mm256_maskload_pd(x, _mm256_loadu_si256((const __m256i *)(const void *)(ones + W - n)));
#elif defined(__AVX2__)
    static const int32_t ones[2 * W] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_maskload_ps(x, _mm256_loadu_si256((const __m256i *)(const void *)(ones + W - n)));
#else
    vec v = {0};
    for (int l = 0; l < W; l++)
        if (l < n) v[l] = x[l];
    return v;
#endif
}

HOOP_INLINE vec multiply_add(vec a, vec b, vec c)
{
#if defined(__AVX512F__) && defined(HOOP_KERNEL_F64)
    return _mm512_fmadd_pd(a, b, c);
#elif defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__) && defined(__AVX2__) && defined(HOOP_KERNEL_F64)
    return _mm256_fmadd_pd(a, b, c);
#elif defined(__FMA__) && defined(__AVX2__)
    return _mm256_fmadd_ps(a, b, c);
#else
    for (int l = 0; l < W; l++) c[l] = FMA(a[l], b[l], c[l]);
    return c;
#endif
}

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
