/* Casts of rows from stored to wanted dtype with scale. Each loop is compiled for the baseline and for AVX2 and vectorised;
 * every element is converted and multiplied by itself, so both give the same bits. */
#include "data/dataset.h"

#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#define VECTORISED __attribute__((optimize("O3")))
#else
#define VECTORISED
#endif

#define CAST(suffix, attributes, FROM, as, AS)                                                                                   \
    attributes static void FROM##_to_##AS##_##suffix(const void *src, void *dst, int64_t n, double scale)                        \
    {                                                                                                                            \
        const hoop_stored_##FROM *restrict x = src;                                                                              \
        as *restrict y                       = dst;                                                                              \
        const as k                           = (as)scale;                                                                        \
        for (int64_t i = 0; i < n; i++) y[i] = (as)x[i] * k;                                                                     \
    }
#define CASTS(suffix, attributes)                                                                                                \
    CAST(suffix, attributes, F32, float, F32)                                                                                    \
    CAST(suffix, attributes, F64, float, F32)                                                                                    \
    CAST(suffix, attributes, I64, float, F32)                                                                                    \
    CAST(suffix, attributes, I32, float, F32)                                                                                    \
    CAST(suffix, attributes, U8, float, F32)                                                                                     \
    CAST(suffix, attributes, F32, double, F64)                                                                                   \
    CAST(suffix, attributes, F64, double, F64)                                                                                   \
    CAST(suffix, attributes, I64, double, F64)                                                                                   \
    CAST(suffix, attributes, I32, double, F64)                                                                                   \
    CAST(suffix, attributes, U8, double, F64)                                                                                    \
    CAST(suffix, attributes, I64, int64_t, I64)                                                                                  \
    CAST(suffix, attributes, I32, int64_t, I64)                                                                                  \
    CAST(suffix, attributes, U8, int64_t, I64)                                                                                   \
    static hoop_row_cast *const casts_##suffix[HOOP_DTYPE_COUNT][3] = {                                                          \
        [HOOP_F32] = {F32_to_F32_##suffix, F32_to_F64_##suffix, NULL},                                                           \
        [HOOP_F64] = {F64_to_F32_##suffix, F64_to_F64_##suffix, NULL},                                                           \
        [HOOP_I64] = {I64_to_F32_##suffix, I64_to_F64_##suffix, I64_to_I64_##suffix},                                            \
        [HOOP_I32] = {I32_to_F32_##suffix, I32_to_F64_##suffix, I32_to_I64_##suffix},                                            \
        [HOOP_U8]  = {U8_to_F32_##suffix, U8_to_F64_##suffix, U8_to_I64_##suffix},                                               \
    };

CASTS(base, VECTORISED)
#if defined(__x86_64__)
CASTS(avx2, VECTORISED __attribute__((target("avx2"))))
#endif

#define COPY(type, NAME)                                                                                                         \
    static void copy_##NAME(const void *src, void *dst, int64_t n, double scale)                                                 \
    {                                                                                                                            \
        (void)scale;                                                                                                             \
        memcpy(dst, src, (size_t)n * sizeof(type));                                                                              \
    }
COPY(float, F32)
COPY(double, F64)
COPY(int64_t, I64)

hoop_row_cast *hoop__row_cast(hoop_dtype from, hoop_dtype as, double scale)
{
    const int column = as == HOOP_F32 ? 0 : as == HOOP_F64 ? 1 : as == HOOP_I64 ? 2 : -1;
    if (column < 0 || from >= HOOP_DTYPE_COUNT || (as == HOOP_I64 && scale != 1.0)) return NULL;
    if (from == as && scale == 1.0) return as == HOOP_F32 ? copy_F32 : as == HOOP_F64 ? copy_F64 : copy_I64;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return casts_avx2[from][column];
#endif
    return casts_base[from][column];
}
