/* core/kernels/copy.c - strided copies and casts. */
#include "kernels/isa.h"

#define COPY(NAME, name, T)                                                                                                      \
    void HOOP_KERNEL(copy_##name)(int64_t n, const void *xv, int64_t sx, void *yv, int64_t sy)                                   \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        T       *y = yv;                                                                                                         \
        if (n <= 0) return;                                                                                                      \
        if (sx == 1 && sy == 1) {                                                                                                \
            memmove(y, x, (size_t)n * sizeof(T));                                                                                \
        } else if (sx == 0 && sy == 1) {                                                                                         \
            T value                                        = *x;                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = value;                                                              \
        } else if (sx == -1 && sy == 1) {                                                                                        \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = x[-i];                                                              \
        } else if (sy == 1) {                                                                                                    \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = x[i * sx];                                                          \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i * sy] = x[i * sx];                                                     \
        }                                                                                                                        \
    }
HOOP_DTYPE_LIST(COPY)

/* NaN becomes 0 and what is out of range the nearest end, so that no bit is left to the processor */
#define ROUND_TO(name, T, low, high, least, most)                                                                                \
    HOOP_INLINE T name##_of_f32(float x)                                                                                         \
    {                                                                                                                            \
        return x != x ? 0 : x <= low##f ? least : x >= high##f ? most : (T)x;                                                    \
    }                                                                                                                            \
    HOOP_INLINE T name##_of_f64(double x)                                                                                        \
    {                                                                                                                            \
        return x != x ? 0 : x <= low ? least : x >= high ? most : (T)x;                                                          \
    }
ROUND_TO(i64, int64_t, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)
ROUND_TO(i32, int32_t, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX)
ROUND_TO(u8, uint8_t, 0.0, 0x1p8, 0, UINT8_MAX)

#define CAST_LOOP(from, F, to, T, convert)                                                                                       \
    void HOOP_KERNEL(cast_##from##_##to)(int64_t n, const void *xv, void *yv)                                                    \
    {                                                                                                                            \
        const F *x = xv;                                                                                                         \
        T       *y = yv;                                                                                                         \
        for (int64_t i = 0; i < n; i++) y[i] = convert(x[i]);                                                                    \
    }
/* integers wrap */
#define CAST_FROM_INT(from, F)                                                                                                   \
    CAST_LOOP(from, F, f32, float, (float))                                                                                      \
    CAST_LOOP(from, F, f64, double, (double))                                                                                    \
    CAST_LOOP(from, F, i64, int64_t, (int64_t))                                                                                  \
    CAST_LOOP(from, F, i32, int32_t, (int32_t))                                                                                  \
    CAST_LOOP(from, F, u8, uint8_t, (uint8_t))
#define CAST_FROM_FLOAT(from, F)                                                                                                 \
    CAST_LOOP(from, F, f32, float, (float))                                                                                      \
    CAST_LOOP(from, F, f64, double, (double))                                                                                    \
    CAST_LOOP(from, F, i64, int64_t, i64_of_##from)                                                                              \
    CAST_LOOP(from, F, i32, int32_t, i32_of_##from)                                                                              \
    CAST_LOOP(from, F, u8, uint8_t, u8_of_##from)
CAST_FROM_FLOAT(f32, float)
CAST_FROM_FLOAT(f64, double)
CAST_FROM_INT(i64, int64_t)
CAST_FROM_INT(i32, int32_t)
CAST_FROM_INT(u8, uint8_t)
