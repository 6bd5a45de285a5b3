/**
 * core/kernels/isa.h - what every kernel file includes: names that carry the instruction set, loops to be vectorised, and
 * vectors of the set's own width for the sixteen lanes of reductions.
 */
#ifndef HOOP_ISA_H
#define HOOP_ISA_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/fma.h"
#include "kernels/kernels.h"

#ifndef HOOP_ISA
#define HOOP_ISA baseline
#endif

/* HOOP_KERNEL(copy_f32) is hoop__copy_f32_avx512 in the objects of avx512, and so on: no two sets share a symbol */
#define HOOP_KERNEL(name) HOOP_KERNEL_OF(name, HOOP_ISA)
#define HOOP_KERNEL_OF(name, isa) HOOP_KERNEL_PASTE(name, isa)
#define HOOP_KERNEL_PASTE(name, isa) hoop__##name##_##isa
#define HOOP_ISA_TEXT HOOP_ISA_TEXT_OF(HOOP_ISA)
#define HOOP_ISA_TEXT_OF(isa) HOOP_ISA_QUOTE(isa)
#define HOOP_ISA_QUOTE(isa) #isa

/* Operands either are the same array or do not overlap, so that iterations are independent. */
#if defined(__clang__)
#define HOOP_SIMD _Pragma("clang loop vectorize(assume_safety)")
#else
#define HOOP_SIMD _Pragma("GCC ivdep")
#endif
#define HOOP_INLINE static inline __attribute__((always_inline))

/* f32 and f64: name, C type, integer of the same size */
#define HOOP_FLOAT_LIST(X) X(f32, float, int32_t) X(f64, double, int64_t)

/* a b + c rounded once, by every set. The compiler never contracts by itself (-ffp-contract=off). */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__FP_FAST_FMAF)
#define HOOP_FMA_F32(a, b, c) __builtin_fmaf(a, b, c)
#define HOOP_FMA_F64(a, b, c) __builtin_fma(a, b, c)
#else
#define HOOP_FMA_F32(a, b, c) hoop__fma_f32(a, b, c)
#define HOOP_FMA_F64(a, b, c) hoop__fma_f64(a, b, c)
#endif

/*
 * Reductions have 16 lanes whatever the register width: element i goes to lane i % 16. A vec is a register, HOOP_VECS of them
 * are the lanes. vecu and ivecu are at any address.
 */
#if defined(__AVX512F__)
#define HOOP_VEC_BYTES 64
#elif defined(__AVX2__)
#define HOOP_VEC_BYTES 32
#else
#define HOOP_VEC_BYTES 16
#endif
enum { HOOP_LANES = 16 };

#define HOOP_LANE_TYPES(dt, T, I)                                                                                                \
    enum { VECW_##dt = HOOP_VEC_BYTES / (int)sizeof(T), VECS_##dt = HOOP_LANES * (int)sizeof(T) / HOOP_VEC_BYTES };              \
    typedef T vec_##dt __attribute__((vector_size(HOOP_VEC_BYTES), may_alias));                                                  \
    typedef T vecu_##dt __attribute__((vector_size(HOOP_VEC_BYTES), aligned(sizeof(T)), may_alias));                             \
    typedef I ivec_##dt __attribute__((vector_size(HOOP_VEC_BYTES), may_alias));                                                 \
    typedef I ivecu_##dt __attribute__((vector_size(HOOP_VEC_BYTES), aligned(sizeof(I)), may_alias));                            \
    typedef struct lanes_##dt {                                                                                                  \
        vec_##dt v[VECS_##dt];                                                                                                   \
    } lanes_##dt;                                                                                                                \
    HOOP_INLINE void lanes_load_##dt(lanes_##dt *a, const T *x)                                                                  \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) a->v[k] = *(const vecu_##dt *)(const void *)(x + k * VECW_##dt);                     \
    }                                                                                                                            \
    HOOP_INLINE void lanes_store_##dt(const lanes_##dt *a, T *x)                                                                 \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) *(vecu_##dt *)(void *)(x + k * VECW_##dt) = a->v[k];                                 \
    }                                                                                                                            \
    HOOP_INLINE void lanes_fill_##dt(lanes_##dt *a, T value)                                                                     \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) a->v[k] = value - (vec_##dt){0};                                                     \
    }                                                                                                                            \
    HOOP_INLINE void lanes_add_##dt(lanes_##dt *a, const T *x)                                                                   \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) a->v[k] += *(const vecu_##dt *)(const void *)(x + k * VECW_##dt);                    \
    }                                                                                                                            \
    HOOP_INLINE void lanes_add_product_##dt(lanes_##dt *a, const T *x, const T *y)                                               \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++)                                                                                      \
            a->v[k] +=                                                                                                           \
                *(const vecu_##dt *)(const void *)(x + k * VECW_##dt) * *(const vecu_##dt *)(const void *)(y + k * VECW_##dt);   \
    }                                                                                                                            \
    /* lane = NaN if either is, else the larger */                                                                               \
    HOOP_INLINE void lanes_max_##dt(lanes_##dt *a, const T *x)                                                                   \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) {                                                                                    \
            vec_##dt  u = *(const vecu_##dt *)(const void *)(x + k * VECW_##dt), m = a->v[k];                                    \
            ivec_##dt take = (ivec_##dt)(u > m) | (ivec_##dt)(u != u);                                                           \
            a->v[k]        = (vec_##dt)((take & (ivec_##dt)u) | (~take & (ivec_##dt)m));                                         \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE T max_##dt(T m, T u)                                                                                             \
    {                                                                                                                            \
        return u > m || u != u ? u : m;                                                                                          \
    }                                                                                                                            \
    /* the fixed tree: lane l with lane l + 8, then 4, 2, 1 */                                                                   \
    HOOP_INLINE T lanes_sum_##dt(const lanes_##dt *a)                                                                            \
    {                                                                                                                            \
        typedef T quad __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));                               \
        T         s[HOOP_LANES];                                                                                                 \
        quad      q;                                                                                                             \
        lanes_store_##dt(a, s);                                                                                                  \
        q = (*(quad *)(void *)s + *(quad *)(void *)(s + 8)) + (*(quad *)(void *)(s + 4) + *(quad *)(void *)(s + 12));            \
        return (q[0] + q[2]) + (q[1] + q[3]);                                                                                    \
    }                                                                                                                            \
    HOOP_INLINE T lanes_largest_##dt(const lanes_##dt *a)                                                                        \
    {                                                                                                                            \
        typedef T quad __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));                               \
        typedef I mask __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));                               \
        T         s[HOOP_LANES];                                                                                                 \
        quad      q[4];                                                                                                          \
        lanes_store_##dt(a, s);                                                                                                  \
        memcpy(q, s, sizeof q);                                                                                                  \
        for (int w = 2; w > 0; w /= 2) {                                                                                         \
            for (int l = 0; l < w; l++) {                                                                                        \
                mask take = (mask)(q[l + w] > q[l]) | (mask)(q[l + w] != q[l + w]);                                              \
                q[l]      = (quad)((take & (mask)q[l + w]) | (~take & (mask)q[l]));                                              \
            }                                                                                                                    \
        }                                                                                                                        \
        return max_##dt(max_##dt(q[0][0], q[0][2]), max_##dt(q[0][1], q[0][3]));                                                 \
    }
HOOP_FLOAT_LIST(HOOP_LANE_TYPES)
#undef HOOP_LANE_TYPES

/* The last n < 16 elements of a row: read into a buffer of 16 with the rest padded, and written back from one. */
#if defined(__AVX512F__)
HOOP_INLINE void lanes_pad_f32(float buf[HOOP_LANES], const float *x, int64_t n, float pad)
{
    _mm512_storeu_ps(buf, _mm512_mask_loadu_ps(_mm512_set1_ps(pad), (__mmask16)((1u << n) - 1), x));
}

HOOP_INLINE void lanes_unpad_f32(float *y, const float buf[HOOP_LANES], int64_t n)
{
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << n) - 1), _mm512_loadu_ps(buf));
}
#elif defined(__AVX2__)
/* the mask of lanes 8 h to 8 h + 7 of the first n */
HOOP_INLINE __m256i lanes_mask_f32(int64_t n, int h)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - 8 * h), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

HOOP_INLINE void lanes_pad_f32(float buf[HOOP_LANES], const float *x, int64_t n, float pad)
{
    for (int h = 0; h < 2; h++) {
        __m256i mask = lanes_mask_f32(n, h);
        _mm256_storeu_ps(buf + 8 * h,
                         _mm256_blendv_ps(_mm256_set1_ps(pad), _mm256_maskload_ps(x + 8 * h, mask), _mm256_castsi256_ps(mask)));
    }
}

HOOP_INLINE void lanes_unpad_f32(float *y, const float buf[HOOP_LANES], int64_t n)
{
    for (int h = 0; h < 2; h++) _mm256_maskstore_ps(y + 8 * h, lanes_mask_f32(n, h), _mm256_loadu_ps(buf + 8 * h));
}
#else
HOOP_INLINE void lanes_pad_f32(float buf[HOOP_LANES], const float *x, int64_t n, float pad)
{
    for (int l = 0; l < HOOP_LANES; l++) buf[l] = pad;
    for (int64_t l = 0; l < n; l++) buf[l] = x[l];
}

HOOP_INLINE void lanes_unpad_f32(float *y, const float buf[HOOP_LANES], int64_t n)
{
    for (int64_t l = 0; l < n; l++) y[l] = buf[l];
}
#endif
HOOP_INLINE void lanes_pad_f64(double buf[HOOP_LANES], const double *x, int64_t n, double pad)
{
    for (int l = 0; l < HOOP_LANES; l++) buf[l] = pad;
    for (int64_t l = 0; l < n; l++) buf[l] = x[l];
}

HOOP_INLINE void lanes_unpad_f64(double *y, const double buf[HOOP_LANES], int64_t n)
{
    for (int64_t l = 0; l < n; l++) y[l] = buf[l];
}

#define HOOP_ROW_MAX(dt, T, I)                                                                                                   \
    HOOP_INLINE T row_max_##dt(int64_t n, const T *x)                                                                            \
    {                                                                                                                            \
        lanes_##dt a;                                                                                                            \
        T          buf[HOOP_LANES];                                                                                              \
        int64_t    i = 0;                                                                                                        \
        lanes_fill_##dt(&a, (T)-INFINITY);                                                                                       \
        for (; i + HOOP_LANES <= n; i += HOOP_LANES) lanes_max_##dt(&a, x + i);                                                  \
        if (i < n) {                                                                                                             \
            lanes_pad_##dt(buf, x + i, n - i, (T)-INFINITY);                                                                     \
            lanes_max_##dt(&a, buf);                                                                                             \
        }                                                                                                                        \
        return lanes_largest_##dt(&a);                                                                                           \
    }
HOOP_FLOAT_LIST(HOOP_ROW_MAX)
#undef HOOP_ROW_MAX

/* Every kernel of this instruction set, so that table.c sees them and the compiler compares prototypes. */
#define HOOP_DECLARE_UNARY(name) extern hoop_unary_fn HOOP_KERNEL(unary_##name##_f32), HOOP_KERNEL(unary_##name##_f64);
#define HOOP_DECLARE_UNARY_GRAD(name)                                                                                            \
    extern hoop_unary_grad_fn HOOP_KERNEL(unary_grad_##name##_f32), HOOP_KERNEL(unary_grad_##name##_f64);
#define HOOP_DECLARE_BINARY(name) extern hoop_binary_fn HOOP_KERNEL(binary_##name##_f32), HOOP_KERNEL(binary_##name##_f64);
HOOP_UNARY_LIST(HOOP_DECLARE_UNARY)
HOOP_UNARY_GRAD_LIST(HOOP_DECLARE_UNARY_GRAD)
HOOP_BINARY_LIST(HOOP_DECLARE_BINARY)
#define HOOP_DECLARE_COPY(NAME, name, type) extern hoop_copy_fn HOOP_KERNEL(copy_##name);
HOOP_DTYPE_LIST(HOOP_DECLARE_COPY)
#define HOOP_DECLARE_CAST(NAME, name, type)                                                                                      \
    extern hoop_cast_fn HOOP_KERNEL(cast_##name##_f32), HOOP_KERNEL(cast_##name##_f64), HOOP_KERNEL(cast_##name##_i64),          \
        HOOP_KERNEL(cast_##name##_i32), HOOP_KERNEL(cast_##name##_u8);
HOOP_DTYPE_LIST(HOOP_DECLARE_CAST)
#define HOOP_DECLARE_FLOAT(dt, T, I)                                                                                             \
    extern hoop_reduce_rows_fn        HOOP_KERNEL(sum_rows_##dt), HOOP_KERNEL(max_rows_##dt);                                    \
    extern hoop_reduce_cols_fn        HOOP_KERNEL(sum_cols_##dt), HOOP_KERNEL(max_cols_##dt);                                    \
    extern hoop_softmax_fn            HOOP_KERNEL(softmax_##dt), HOOP_KERNEL(log_softmax_##dt);                                  \
    extern hoop_softmax_grad_fn       HOOP_KERNEL(softmax_grad_##dt), HOOP_KERNEL(log_softmax_grad_##dt);                        \
    extern hoop_cross_entropy_fn      HOOP_KERNEL(cross_entropy_##dt);                                                           \
    extern hoop_cross_entropy_grad_fn HOOP_KERNEL(cross_entropy_grad_##dt);                                                      \
    extern hoop_dropout_fn            HOOP_KERNEL(dropout_##dt);                                                                 \
    extern hoop_sgd_fn                HOOP_KERNEL(sgd_##dt);                                                                     \
    extern hoop_adam_fn               HOOP_KERNEL(adam_##dt);                                                                    \
    extern hoop_update_fn             HOOP_KERNEL(rmsprop_##dt), HOOP_KERNEL(adagrad_##dt), HOOP_KERNEL(radam_##dt);             \
    extern hoop_update_fn             HOOP_KERNEL(nadam_##dt), HOOP_KERNEL(lion_##dt), HOOP_KERNEL(lars_##dt);                   \
    extern hoop_lamb_fn               HOOP_KERNEL(lamb_##dt);                                                                    \
    extern hoop_lamb_step_fn          HOOP_KERNEL(lamb_step_##dt);                                                               \
    extern hoop_ema_fn                HOOP_KERNEL(ema_##dt);                                                                     \
    extern hoop_squares_fn            HOOP_KERNEL(squares_##dt);                                                                 \
    extern hoop_exact_clear_fn        HOOP_KERNEL(exact_clear_##dt);                                                             \
    extern hoop_exact_deposit_fn      HOOP_KERNEL(exact_deposit_##dt);                                                           \
    extern hoop_exact_merge_fn        HOOP_KERNEL(exact_merge_##dt);                                                             \
    extern hoop_exact_finish_fn       HOOP_KERNEL(exact_finish_##dt);                                                            \
    extern hoop_exact_sum_fn          HOOP_KERNEL(exact_sum_##dt);
HOOP_FLOAT_LIST(HOOP_DECLARE_FLOAT)
extern hoop_gemm_fn HOOP_KERNEL(gemm_f32), HOOP_KERNEL(gemm_f64);

#endif
