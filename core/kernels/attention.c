/* core/kernels/attention.c - rows of attention's scores, and rotary positions. */
#include "kernels/attention.h"

#include "kernels/rows.h"

extern const hoop_attention_kernels HOOP_KERNEL(attention_kernels);

/* of complex numbers: written out, since gcc 12 makes fused ones of these by itself where they alternate */
#define FMA_f32 HOOP_FMA_F32
#define FMA_f64 HOOP_FMA_F64

/* how many keys row i looks at */
HOOP_INLINE int64_t row_keys(const hoop_attention_strip *s, int64_t i)
{
    int64_t n = s->limit + i * s->slope;
    return n < 0 ? 0 : n < s->keys ? n : s->keys;
}

#define ROWS(dt, T, I)                                                                                                           \
    /* x = x scale, with the mask */                                                                                             \
    HOOP_INLINE void row_masked_##dt(const hoop_attention_strip *s, int64_t i, int64_t n, T *x)                                  \
    {                                                                                                                            \
        const T        scale = (T)s->scale, *add = (const T *)s->masks;                                                          \
        const uint8_t *kept = s->masks;                                                                                          \
        const int64_t  at = i * s->mask_row, step = s->mask_key;                                                                 \
        if (s->mask == HOOP_MASK_NONE) {                                                                                         \
            HOOP_SIMD for (int64_t j = 0; j < n; j++) x[j] = x[j] * scale;                                                       \
        } else if (s->mask == HOOP_MASK_ADDED && step == 1) {                                                                    \
            HOOP_SIMD for (int64_t j = 0; j < n; j++) x[j] = x[j] * scale + add[at + j];                                         \
        } else if (s->mask == HOOP_MASK_ADDED) {                                                                                 \
            for (int64_t j = 0; j < n; j++) x[j] = x[j] * scale + add[at + j * step];                                            \
        } else {                                                                                                                 \
            for (int64_t j = 0; j < n; j++) x[j] = kept[at + j * step] != 0 ? x[j] * scale : (T)-INFINITY;                       \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(attention_forward_##dt)(const hoop_attention_strip *s, void *xv, void *keptv)                               \
    {                                                                                                                            \
        for (int64_t i = 0; i < s->rows; i++) {                                                                                  \
            T      *x = (T *)xv + i * s->ld, *kept = (T *)keptv + 2 * i, m, r;                                                   \
            int64_t n = row_keys(s, i);                                                                                          \
            row_masked_##dt(s, i, n, x);                                                                                         \
            m = row_max_##dt(n, x);                                                                                              \
            if (m == (T)-INFINITY) { /* nothing to look at */                                                                    \
                n = 0;                                                                                                           \
                m = r = 0;                                                                                                       \
            } else {                                                                                                             \
                r = 1 / row_exp_##dt(n, x, m, x);                                                                                \
            }                                                                                                                    \
            HOOP_SIMD for (int64_t j = 0; j < n; j++) x[j] *= r;                                                                 \
            for (int64_t j = n; j < s->keys; j++) x[j] = 0;                                                                      \
            kept[0] = m;                                                                                                         \
            kept[1] = r;                                                                                                         \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(attention_backward_##dt)(const hoop_attention_strip *s, void *xv, void *dpv, const void *keptv)             \
    {                                                                                                                            \
        const T scale = (T)s->scale;                                                                                             \
        for (int64_t i = 0; i < s->rows; i++) {                                                                                  \
            T      *x = (T *)xv + i * s->ld, *dp = (T *)dpv + i * s->ld, dot;                                                    \
            const T m = ((const T *)keptv)[2 * i], r = ((const T *)keptv)[2 * i + 1];                                            \
            int64_t n = row_keys(s, i);                                                                                          \
            row_masked_##dt(s, i, n, x);                                                                                         \
            HOOP_SIMD for (int64_t j = 0; j < n; j++) x[j]  = v_exp_##dt(x[j] - m) * r;                                          \
            dot                                             = row_dot_##dt(n, dp, x);                                            \
            HOOP_SIMD for (int64_t j = 0; j < n; j++) dp[j] = x[j] * (dp[j] - dot) * scale;                                      \
            for (int64_t j = n; j < s->keys; j++) x[j] = dp[j] = 0;                                                              \
        }                                                                                                                        \
    }                                                                                                                            \
    /* blocks of 4 x 4, then what is left of rows and columns */                                                                 \
    void HOOP_KERNEL(attention_turn_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ldx, void *yv, int64_t ldy)        \
    {                                                                                                                            \
        typedef T     quad __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));                           \
        const int64_t whole_rows = rows / 4 * 4, whole_cols = cols / 4 * 4;                                                      \
        for (int64_t r = 0; r < whole_rows; r += 4) {                                                                            \
            for (int64_t c = 0; c < whole_cols; c += 4) {                                                                        \
                const T *x = (const T *)xv + r * ldx + c;                                                                        \
                T       *y = (T *)yv + c * ldy + r;                                                                              \
                quad     a = *(const quad *)(const void *)x, b = *(const quad *)(const void *)(x + ldx);                         \
                quad     d = *(const quad *)(const void *)(x + 2 * ldx), e = *(const quad *)(const void *)(x + 3 * ldx);         \
                quad     ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), de = __builtin_shufflevector(d, e, 0, 4, 1, 5);         \
                quad     ba = __builtin_shufflevector(a, b, 2, 6, 3, 7), ed = __builtin_shufflevector(d, e, 2, 6, 3, 7);         \
                *(quad *)(void *)y             = __builtin_shufflevector(ab, de, 0, 1, 4, 5);                                    \
                *(quad *)(void *)(y + ldy)     = __builtin_shufflevector(ab, de, 2, 3, 6, 7);                                    \
                *(quad *)(void *)(y + 2 * ldy) = __builtin_shufflevector(ba, ed, 0, 1, 4, 5);                                    \
                *(quad *)(void *)(y + 3 * ldy) = __builtin_shufflevector(ba, ed, 2, 3, 6, 7);                                    \
            }                                                                                                                    \
        }                                                                                                                        \
        for (int64_t r = 0; r < rows; r++)                                                                                       \
            for (int64_t c = r < whole_rows ? whole_cols : 0; c < cols; c++)                                                     \
                ((T *)yv)[c * ldy + r] = ((const T *)xv)[r * ldx + c];                                                           \
    }                                                                                                                            \
    void HOOP_KERNEL(rotary_turns_##dt)(int64_t rows, int64_t pairs, int64_t first, const double *rates, void *cv, void *sv)     \
    {                                                                                                                            \
        for (int64_t i = 0; i < rows; i++) {                                                                                     \
            T *cosine = (T *)cv + i * pairs, *sine = (T *)sv + i * pairs;                                                        \
            for (int64_t p = 0; p < pairs; p++) {                                                                                \
                double u = (double)(first + i) * rates[p], c, s;                                                                 \
                u -= (double)(int64_t)u;                                                                                         \
                v_turn_f64(u < 0.0 ? u + 1.0 : u, &c, &s);                                                                       \
                cosine[p] = (T)c;                                                                                                \
                sine[p]   = (T)s;                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void rotate_##dt(int64_t pairs, int64_t apart, int64_t step, T sign, const T *cosine, const T *sine, const T *x, \
                                 T *y, bool add)                                                                                 \
    {                                                                                                                            \
        HOOP_SIMD for (int64_t p = 0; p < pairs; p++)                                                                            \
        {                                                                                                                        \
            T a = x[p * step], b = x[p * step + apart], c = cosine[p], s = sign * sine[p];                                       \
            T u = FMA_##dt(a, c, -(b * s)), v = FMA_##dt(b, c, a * s);                                                           \
            y[p * step]         = add ? y[p * step] + u : u;                                                                     \
            y[p * step + apart] = add ? y[p * step + apart] + v : v;                                                             \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(rotary_rotate_##dt)(int64_t pairs, bool interleaved, bool back, const void *c, const void *s,               \
                                         const void *x, void *y, bool add)                                                       \
    {                                                                                                                            \
        T sign = back ? -1 : 1;                                                                                                  \
        if (interleaved)                                                                                                         \
            rotate_##dt(pairs, 1, 2, sign, c, s, x, y, add);                                                                     \
        else if (add)                                                                                                            \
            rotate_##dt(pairs, pairs, 1, sign, c, s, x, y, true);                                                                \
        else                                                                                                                     \
            rotate_##dt(pairs, pairs, 1, sign, c, s, x, y, false);                                                               \
    }
HOOP_FLOAT_LIST(ROWS)
#undef ROWS

#define BOTH(name)                                                                                                               \
    {                                                                                                                            \
        HOOP_KERNEL(name##_f32), HOOP_KERNEL(name##_f64)                                                                         \
    }
const hoop_attention_kernels HOOP_KERNEL(attention_kernels) = {
    .forward  = BOTH(attention_forward),
    .backward = BOTH(attention_backward),
    .turn     = BOTH(attention_turn),
    .turns    = BOTH(rotary_turns),
    .rotate   = BOTH(rotary_rotate),
};
