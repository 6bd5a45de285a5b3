/* core/runtime/exact.c - binned sums: how blocks are set up (the loops are in kernels/exact.c), and sums of scalars. */
#include "hoop/exact.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "kernels/kernels.h"

enum { MAX_LOG2_LEAVES = 20 };

hoop_status hoop_exact_init(hoop_exact *e, const struct hoop_kernels *kernels, hoop_dtype dtype, int64_t leaves, hoop_error *err)
{
    int log2_leaves = 0;
    memset(e, 0, sizeof *e);
    if (kernels == NULL) return hoop_fail(err, HOOP_EARG, "exact sum: no kernels were selected");
    if (leaves < 1 || leaves > (int64_t)1 << MAX_LOG2_LEAVES)
        return hoop_fail(err, HOOP_EARG, "exact sum: %" PRId64 " leaves, must be 1 to %" PRId64, leaves,
                         (int64_t)1 << MAX_LOG2_LEAVES);
    if (!hoop_dtype_is_float(dtype))
        return hoop_fail(err, HOOP_EDTYPE, "exact sum: dtype is %s, must be f32 or f64", hoop_dtype_name(dtype));
    while ((int64_t)1 << log2_leaves < leaves) log2_leaves++;
    e->kernels = kernels;
    e->dtype   = dtype;
    /* no partial sum of |s| <= 2^(W-1) passes 2^30 (2^61); 2^120 (2^1000) and its inverse are normal numbers */
    if (dtype == HOOP_F32) {
        e->width       = 31 - log2_leaves < 24 ? 31 - log2_leaves : 24;
        e->tmin        = 1 - 120 / e->width;
        e->block_bytes = (int64_t)sizeof(hoop_exact_block32);
    } else {
        e->width       = 62 - log2_leaves < 50 ? 62 - log2_leaves : 50;
        e->tmin        = 1 - 1000 / e->width;
        e->block_bytes = (int64_t)sizeof(hoop_exact_block64);
    }
    return HOOP_OK;
}

void hoop_exact_clear(const hoop_exact *e, void *blocks, int64_t nblocks)
{
    e->kernels->exact_clear[e->dtype](nblocks, blocks);
}

void hoop_exact_deposit(const hoop_exact *e, void *blocks, int64_t nblocks, const void *const *terms, int nterms)
{
    uint64_t mode = hoop_fp_enter();
    if (nterms > 0) e->kernels->exact_deposit[e->dtype](nblocks, e->width, e->tmin, blocks, terms, nterms);
    hoop_fp_restore(mode);
}

void hoop_exact_merge(const hoop_exact *e, void *dst, const void *src, int64_t nblocks)
{
    e->kernels->exact_merge[e->dtype](nblocks, dst, src);
}

bool hoop_exact_finish(const hoop_exact *e, const void *blocks, int64_t nblocks, void *x)
{
    uint64_t mode   = hoop_fp_enter();
    bool     finite = e->kernels->exact_finish[e->dtype](nblocks, e->width, blocks, x);
    hoop_fp_restore(mode);
    return finite;
}

bool hoop_exact_sum(const hoop_exact *e, int64_t nblocks, const void *const *terms, int nterms, void *x)
{
    uint64_t mode   = hoop_fp_enter();
    bool     finite = e->kernels->exact_sum[e->dtype](nblocks, e->width, e->tmin, terms, nterms, x);
    hoop_fp_restore(mode);
    return finite;
}

/* Scalars: the same sum with one element a block. 2^24 terms of |s| <= 2^37 stay below 2^62. */
enum { SCALAR_WIDTH = 38, SCALAR_TMIN = 1 - 1000 / SCALAR_WIDTH };

static void scalar_raise(hoop_exact_scalar *s, int64_t t)
{
    if (t <= s->t) return;
    s->lo = t == s->t + 1 ? s->hi : 0;
    s->hi = 0;
    s->t  = t;
    if (t == HOOP_EXACT_NONFINITE) s->lo = 0;
}

void hoop_exact_scalar_clear(hoop_exact_scalar *s)
{
    *s = (hoop_exact_scalar){.t = SCALAR_TMIN};
}

/* v / 2^shift to nearest, ties to even; |v| < 2^53 */
static int64_t round_shift(int64_t v, int64_t shift)
{
    int64_t whole, rest, half;
    if (shift <= 0) return v * (INT64_C(1) << -shift);
    if (shift > 54) return 0;
    whole = v >> shift;
    rest  = v - whole * (INT64_C(1) << shift);
    half  = INT64_C(1) << (shift - 1);
    return whole + (rest > half || (rest == half && (whole & 1) != 0) ? 1 : 0);
}

/* In integers: faster than frexp, ldexp and rint, and no mode of the processor can reach it. */
void hoop_exact_scalar_deposit(hoop_exact_scalar *s, double x)
{
    const int64_t hidden = INT64_C(1) << 52;
    int64_t       u, m, exponent, t, shift, high; /* |x| = m 2^(exponent - 1075) < 2^(exponent - 1022) */
    memcpy(&u, &x, sizeof u);
    exponent = u >> 52 & 0x7ff;
    m        = u & (hidden - 1);
    if (exponent == 0x7ff) scalar_raise(s, HOOP_EXACT_NONFINITE);
    if (s->t == HOOP_EXACT_NONFINITE || (exponent == 0 && m == 0)) return;
    if (exponent == 0)
        exponent = 1;
    else
        m |= hidden;
    if (u < 0) m = -m;
    t = exponent >= 1022 ? (exponent - 1022) / SCALAR_WIDTH : -((1022 - exponent + SCALAR_WIDTH - 1) / SCALAR_WIDTH);
    scalar_raise(s, t < SCALAR_TMIN ? SCALAR_TMIN : t);
    shift = SCALAR_WIDTH * s->t + 1075 - exponent; /* x is m / 2^shift units of bin t */
    high  = round_shift(m, shift);
    s->hi += high;
    if (shift <= 54) m -= high * (INT64_C(1) << shift);
    s->lo += round_shift(m, shift - SCALAR_WIDTH);
}

void hoop_exact_scalar_merge(hoop_exact_scalar *dst, const hoop_exact_scalar *src)
{
    scalar_raise(dst, src->t);
    if (dst->t == HOOP_EXACT_NONFINITE) return;
    if (dst->t == src->t) {
        dst->hi += src->hi;
        dst->lo += src->lo;
    } else if (dst->t == src->t + 1) {
        dst->lo += src->hi;
    }
}

static HOOP_NOINLINE double scalar_value(const hoop_exact_scalar *s)
{
    if (s->t == HOOP_EXACT_NONFINITE) return (double)NAN;
    return ldexp((double)((__int128)s->hi * (INT64_C(1) << SCALAR_WIDTH) + s->lo), (int)(SCALAR_WIDTH * (s->t - 1)));
}

double hoop_exact_scalar_finish(const hoop_exact_scalar *s)
{
    uint64_t mode  = hoop_fp_enter();
    double   value = scalar_value(s);
    hoop_fp_restore(mode);
    return value;
}
