#include "hoop/comm.h"

/* One pass of a = a OP b over n elements, as reducers see it. */
#define REDUCER(name, T, expression)                                                                                             \
    static void name(const void *ctx, void *dst, const void *src, int64_t n)                                                     \
    {                                                                                                                            \
        T *restrict a       = dst;                                                                                               \
        const T *restrict b = src;                                                                                               \
        (void)ctx;                                                                                                               \
        for (int64_t i = 0; i < n; i++) a[i] = (expression);                                                                     \
    }

REDUCER(sum_f32, float, a[i] + b[i])
REDUCER(sum_f64, double, a[i] + b[i])
REDUCER(sum_i64, int64_t, (int64_t)((uint64_t)a[i] + (uint64_t)b[i])) /* wraps */
/* NaN wins: no comparison with it is true */
REDUCER(max_f32, float, b[i] <= a[i] || a[i] != a[i] ? a[i] : b[i])
REDUCER(max_f64, double, b[i] <= a[i] || a[i] != a[i] ? a[i] : b[i])
REDUCER(max_i64, int64_t, b[i] > a[i] ? b[i] : a[i])

const hoop_reducer *hoop_reducer_of(hoop_dtype dtype, hoop_reduction reduction)
{
    static const hoop_reducer reducers[HOOP_DTYPE_COUNT][2] = {
        [HOOP_F32] = {[HOOP_SUM] = {sizeof(float), sum_f32, NULL, NULL}, [HOOP_MAX] = {sizeof(float), max_f32, NULL, NULL}},
        [HOOP_F64] = {[HOOP_SUM] = {sizeof(double), sum_f64, NULL, NULL}, [HOOP_MAX] = {sizeof(double), max_f64, NULL, NULL}},
        [HOOP_I64] = {[HOOP_SUM] = {sizeof(int64_t), sum_i64, NULL, NULL}, [HOOP_MAX] = {sizeof(int64_t), max_i64, NULL, NULL}},
    };
    if ((int)dtype < 0 || dtype >= HOOP_DTYPE_COUNT || (reduction != HOOP_SUM && reduction != HOOP_MAX)) return NULL;
    return reducers[dtype][reduction].combine != NULL ? &reducers[dtype][reduction] : NULL;
}
