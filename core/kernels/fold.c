/* core/kernels/fold.c - smallest elements and products, whether any or all are not zero; of integers sums and maxima as well. */
#include "kernels/isa.h"
#include "kernels/reduce.h"

enum { COL_CHUNK = 256 /* columns at a time, in the nearest cache */ };

/* ---- floats: sixteen lanes, joined as sums are ---- */

#define LOWEST(dt, T, I)                                                                                                         \
    HOOP_INLINE T min_##dt(T m, T u)                                                                                             \
    {                                                                                                                            \
        return u < m || u != u ? u : m;                                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T prod_##dt(T m, T u)                                                                                            \
    {                                                                                                                            \
        return m * u;                                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE void lanes_min_##dt(lanes_##dt *a, const T *x)                                                                   \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) {                                                                                    \
            vec_##dt  u = *(const vecu_##dt *)(const void *)(x + k * VECW_##dt), m = a->v[k];                                    \
            ivec_##dt take = (ivec_##dt)(u < m) | (ivec_##dt)(u != u);                                                           \
            a->v[k]        = (vec_##dt)((take & (ivec_##dt)u) | (~take & (ivec_##dt)m));                                         \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void lanes_prod_##dt(lanes_##dt *a, const T *x)                                                                  \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) a->v[k] *= *(const vecu_##dt *)(const void *)(x + k * VECW_##dt);                    \
    }
HOOP_FLOAT_LIST(LOWEST)

#define FLOAT_FOLD(name, dt, T, neutral)                                                                                         \
    void HOOP_KERNEL(name##_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, bool add)               \
    {                                                                                                                            \
        T *y = yv;                                                                                                               \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T   *x = (const T *)xv + r * ld;                                                                               \
            lanes_##dt a;                                                                                                        \
            T          s[HOOP_LANES];                                                                                            \
            int64_t    c = 0;                                                                                                    \
            lanes_fill_##dt(&a, (T)(neutral));                                                                                   \
            for (; c + HOOP_LANES <= cols; c += HOOP_LANES) lanes_##name##_##dt(&a, x + c);                                      \
            if (c < cols) {                                                                                                      \
                lanes_pad_##dt(s, x + c, cols - c, (T)(neutral));                                                                \
                lanes_##name##_##dt(&a, s);                                                                                      \
            }                                                                                                                    \
            lanes_store_##dt(&a, s);                                                                                             \
            for (int w = HOOP_LANES / 2; w > 0; w /= 2)                                                                          \
                for (int l = 0; l < w; l++) s[l] = name##_##dt(s[l], s[l + w]);                                                  \
            y[r] = add ? y[r] + s[0] : s[0];                                                                                     \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(name##_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, bool add)               \
    {                                                                                                                            \
        T acc[COL_CHUNK];                                                                                                        \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            const T *x = (const T *)xv + c0;                                                                                     \
            T       *y = (T *)yv + c0;                                                                                           \
            int64_t  m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                          \
            for (int64_t c = 0; c < m; c++) acc[c] = (T)(neutral);                                                               \
            for (int64_t r = 0; r < rows; r++)                                                                                   \
                HOOP_SIMD for (int64_t c = 0; c < m; c++) acc[c] = name##_##dt(acc[c], x[r * ld + c]);                           \
            for (int64_t c = 0; c < m; c++) y[c] = add ? y[c] + acc[c] : acc[c];                                                 \
        }                                                                                                                        \
    }
FLOAT_FOLD(min, f32, float, INFINITY)
FLOAT_FOLD(prod, f32, float, 1)
FLOAT_FOLD(min, f64, double, INFINITY)
FLOAT_FOLD(prod, f64, double, 1)

/* ---- integers, and bits of any dtype: in whatever order ---- */

#define JOIN_SUM(a, b) ((a) + (b))
#define JOIN_PROD(a, b) ((a) * (b))
#define JOIN_MAX(a, b) ((b) > (a) ? (b) : (a))
#define JOIN_MIN(a, b) ((b) < (a) ? (b) : (a))
#define JOIN_ANY(a, b) ((a) | (b))
#define JOIN_ALL(a, b) ((a) & (b))

/* x of T, taken as V (unsigned where it may wrap), into y of Y */
#define WHOLE_FOLD(name, dt, T, V, Y, take, join, neutral)                                                                       \
    void HOOP_KERNEL(name##_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, bool add)               \
    {                                                                                                                            \
        Y *y = yv;                                                                                                               \
        (void)add;                                                                                                               \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x = (const T *)xv + r * ld;                                                                                 \
            V        a = (V)(neutral);                                                                                           \
            for (int64_t c = 0; c < cols; c++) a = (V)join(a, take(x[c]));                                                       \
            y[r] = (Y)a;                                                                                                         \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(name##_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, bool add)               \
    {                                                                                                                            \
        V acc[COL_CHUNK];                                                                                                        \
        (void)add;                                                                                                               \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            const T *x = (const T *)xv + c0;                                                                                     \
            Y       *y = (Y *)yv + c0;                                                                                           \
            int64_t  m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                          \
            for (int64_t c = 0; c < m; c++) acc[c] = (V)(neutral);                                                               \
            for (int64_t r = 0; r < rows; r++)                                                                                   \
                HOOP_SIMD for (int64_t c = 0; c < m; c++) acc[c] = (V)join(acc[c], take(x[r * ld + c]));                         \
            for (int64_t c = 0; c < m; c++) y[c] = (Y)acc[c];                                                                    \
        }                                                                                                                        \
    }
#define AS_IS(x) (x)
#define AS_UNSIGNED(x) ((uint64_t)(x))
#define IS_SET(x) ((uint8_t)((x) != 0))
#define INTEGER_FOLDS(dt, T, least, most)                                                                                        \
    WHOLE_FOLD(sum, dt, T, uint64_t, int64_t, AS_UNSIGNED, JOIN_SUM, 0)                                                          \
    WHOLE_FOLD(prod, dt, T, uint64_t, int64_t, AS_UNSIGNED, JOIN_PROD, 1)                                                        \
    WHOLE_FOLD(max, dt, T, T, T, AS_IS, JOIN_MAX, least)                                                                         \
    WHOLE_FOLD(min, dt, T, T, T, AS_IS, JOIN_MIN, most)
INTEGER_FOLDS(i64, int64_t, INT64_MIN, INT64_MAX)
INTEGER_FOLDS(i32, int32_t, INT32_MIN, INT32_MAX)
INTEGER_FOLDS(u8, uint8_t, 0, UINT8_MAX)
#define BIT_FOLDS(NAME, dt, T)                                                                                                   \
    WHOLE_FOLD(any, dt, T, uint8_t, uint8_t, IS_SET, JOIN_ANY, 0)                                                                \
    WHOLE_FOLD(all, dt, T, uint8_t, uint8_t, IS_SET, JOIN_ALL, 1)
HOOP_DTYPE_LIST(BIT_FOLDS)
