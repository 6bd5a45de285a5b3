/**
 * tests/core/kernels/kernels_test.h - what the tests of kernels share: the tables this processor runs, test values, exact
 * comparison, and the check that an element's bits do not depend on where it stands.
 */
#ifndef KERNELS_TEST_H
#define KERNELS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

static inline int tables_get(const hoop_kernels *out[3])
{
    static const char *const names[] = {"avx512", "avx2", "baseline"};
    int                      n       = 0;
    for (int i = 0; i < 3; i++)
        if (hoop_kernels_select(names[i], NULL, &out[n]) == HOOP_OK) n++;
    return n;
}
/* one after the other: k */
#define FOR_EACH_TABLE(k)                                                                                                        \
    const hoop_kernels *tables_[3], *k;                                                                                          \
    for (int ntables_ = tables_get(tables_), i_ = 0; i_ < ntables_ && (k = tables_[i_]) != NULL; i_++)

static const hoop_key test_key = {.k = 0x9b5f3a1c, .stream = 7};

static inline double uniform(uint64_t i)
{
    return hoop_random_f64(test_key, i);
}

static inline double get(hoop_dtype dt, const void *x, int64_t i)
{
    return dt == HOOP_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static inline void set(hoop_dtype dt, void *x, int64_t i, double value)
{
    if (dt == HOOP_F32)
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

/* Same bits, or NaN both: which NaN a sum of two gives is the processor's business. */
static inline bool same(hoop_dtype dt, const void *a, int64_t i, const void *b, int64_t j)
{
    size_t size = hoop_dtype_size(dt);
    return memcmp((const char *)a + (size_t)i * size, (const char *)b + (size_t)j * size, size) == 0 ||
           (isnan(get(dt, a, i)) && isnan(get(dt, b, j)));
}

/* |a - b| within rel |b| + abs, infinities and NaN equal */
static inline bool near(hoop_dtype dt, double a, double b, double rel, double abs)
{
    if (dt == HOOP_F32 && fabs(b) > (double)FLT_MAX * (1 + 1e-7)) b = b > 0 ? (double)INFINITY : -(double)INFINITY;
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return a == b || (fabs(a) >= (double)FLT_MAX && fabs(b) >= (double)FLT_MAX * (1 - rel) && a * b > 0);
    return fabs(a - b) <= rel * fabs(b) + abs;
}

static inline double epsilon(hoop_dtype dt)
{
    return dt == HOOP_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
}

static inline double tiniest(hoop_dtype dt)
{
    return dt == HOOP_F32 ? 0x1p-149 : 0x1p-1074;
}

/* n values: first what is special, then of all sizes and signs */
static inline void values_fill(hoop_dtype dt, void *x, int64_t n, uint64_t seed)
{
    static const double special[] = {0,
                                     -0.0,
                                     1,
                                     -1,
                                     (double)INFINITY,
                                     -(double)INFINITY,
                                     (double)NAN,
                                     0x1p-149,
                                     -0x1p-149,
                                     0x1p-130,
                                     0x1.fffffep127,
                                     -0x1.fffffep127,
                                     88.8,
                                     -88,
                                     89.5,
                                     -104,
                                     -150,
                                     20,
                                     -20,
                                     0.93,
                                     0x1p-126,
                                     0.5,
                                     -0.92,
                                     3.99};
    const int64_t       count     = (int64_t)(sizeof special / sizeof special[0]);
    for (int64_t i = 0; i < n; i++) {
        double u = uniform(seed * 1000003 + 2 * (uint64_t)i), e = uniform(seed * 1000003 + 2 * (uint64_t)i + 1);
        set(dt, x, i, i < count && seed == 0 ? special[i] : (2 * u - 1) * (e < 0.6 ? 6 : exp2(40 * e - 30)));
    }
}

enum { PLACE_OFFSETS = 64, PLACE_LENGTHS = 130, PLACE_N = PLACE_OFFSETS + PLACE_LENGTHS, PLACE_MAX = 4 };

/* in[k], out[k] point at the first of n elements; out holds state on entry */
typedef void place_run(const void *ctx, int64_t n, void *const *in, void *const *out);

static inline void place_step(hoop_dtype dt, int count, char *const *from, int64_t offset, void **to)
{
    for (int k = 0; k < count; k++) to[k] = from[k] + (size_t)offset * hoop_dtype_size(dt);
}

/* Run on single elements, then on every offset and length: the same bits, and nothing written outside. */
static inline void place_check(const char *what, hoop_dtype dt, int nin, int nout, place_run *run, const void *ctx)
{
    size_t size = hoop_dtype_size(dt), bytes = PLACE_N * size;
    char  *in[PLACE_MAX], *start[PLACE_MAX], *alone[PLACE_MAX], *work[PLACE_MAX];
    void  *pin[PLACE_MAX], *pout[PLACE_MAX];
    for (int k = 0; k < nin; k++) {
        in[k] = aligned_alloc(64, (bytes + 63) / 64 * 64);
        values_fill(dt, in[k], PLACE_N, (uint64_t)k);
    }
    for (int k = 0; k < nout; k++) {
        start[k] = aligned_alloc(64, (bytes + 63) / 64 * 64);
        alone[k] = aligned_alloc(64, (bytes + 63) / 64 * 64);
        work[k]  = aligned_alloc(64, (bytes + 63) / 64 * 64);
        values_fill(dt, start[k], PLACE_N, 10 + (uint64_t)k);
        for (int64_t i = 0; i < PLACE_N && k == 3; i++) set(dt, start[k], i, fabs(get(dt, start[k], i))); /* Adam's v */
        memcpy(alone[k], start[k], bytes);
    }
    for (int64_t i = 0; i < PLACE_N; i++) {
        place_step(dt, nin, in, i, pin);
        place_step(dt, nout, alone, i, pout);
        run(ctx, 1, pin, pout);
    }
    for (int64_t offset = 0; offset < PLACE_OFFSETS; offset++) {
        for (int64_t n = 1; n <= PLACE_LENGTHS; n++) {
            for (int k = 0; k < nout; k++) memcpy(work[k], start[k], bytes);
            place_step(dt, nin, in, offset, pin);
            place_step(dt, nout, work, offset, pout);
            run(ctx, n, pin, pout);
            for (int k = 0; k < nout; k++) {
                for (int64_t i = 0; i < PLACE_N; i++) {
                    bool inside = i >= offset && i < offset + n;
                    if (same(dt, work[k], i, inside ? alone[k] : start[k], i)) continue;
                    fail_msg("%s %s: output %d, element %" PRId64 " of offset %" PRId64 " length %" PRId64 " is %a, %s %a", what,
                             hoop_dtype_name(dt), k, i, offset, n, get(dt, work[k], i), inside ? "alone" : "outside",
                             get(dt, inside ? alone[k] : start[k], i));
                }
            }
        }
    }
    for (int k = 0; k < nin; k++) free(in[k]);
    for (int k = 0; k < nout; k++) {
        free(start[k]);
        free(alone[k]);
        free(work[k]);
    }
}

#endif
