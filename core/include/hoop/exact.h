/**
 * hoop/exact.h - sums that do not depend on order: binned accumulators of gradients and of scalars.
 *
 * After Demmel and Nguyen, "Fast reproducible floating-point summation", ARITH 2013. Gradients are summed in blocks of 128
 * elements. A block keeps a bin index t and two integers an element: hi counts multiples of U_t, lo multiples of U_(t-1),
 * U_j = 2^(W*j). Each term is cut into these integers by itself; integers add in any order. So the bits of a sum depend on
 * the set of its terms only: not on ranks, buckets, algorithm or order.
 */
#ifndef HOOP_EXACT_H
#define HOOP_EXACT_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hoop_kernels;

enum {
    HOOP_EXACT_BLOCK     = 128,
    HOOP_EXACT_NONFINITE = 127, /* as t: a term was not finite */
    HOOP_EXACT_EMPTY     = -128 /* as t: there were no terms; hi and lo mean nothing */
};

/** One block of f32 terms, in memory and on the wire (1,088 bytes). */
typedef struct hoop_exact_block32 {
    int32_t t, pad[15];
    int32_t hi[HOOP_EXACT_BLOCK], lo[HOOP_EXACT_BLOCK];
} hoop_exact_block32;

/** One block of f64 terms (2,112 bytes). */
typedef struct hoop_exact_block64 {
    int32_t t, pad[15];
    int64_t hi[HOOP_EXACT_BLOCK], lo[HOOP_EXACT_BLOCK];
} hoop_exact_block64;

/** How a set of blocks is summed: W and the smallest bin follow from dtype and number of terms (leaves) alone. */
typedef struct hoop_exact {
    const struct hoop_kernels *kernels;
    hoop_dtype                 dtype;
    int     width;       /* W: bits a bin; f32: min(24, 31 - ceil(log2 leaves)), f64: min(50, 62 - ceil(log2 leaves)) */
    int     tmin;        /* smallest bin: below it terms flush to zero */
    int64_t block_bytes; /* of one block in memory */
} hoop_exact;

/** Prepare for sums of up to `leaves` terms (1 .. 2^20) of f32 or f64. Errors: HOOP_EARG, HOOP_EDTYPE. Calls: Local. */
HOOP_API hoop_status hoop_exact_init(hoop_exact *e, const struct hoop_kernels *kernels, hoop_dtype dtype, int64_t leaves,
                                     hoop_error *err);
/** Make blocks the empty sum; hi and lo stay as they were. Calls: Local. */
HOOP_API void hoop_exact_clear(const hoop_exact *e, void *blocks, int64_t nblocks);
/** Add terms[0 .. nterms - 1], each of 128*nblocks elements; several at once are cheaper. A NaN or Inf marks its block as not
 * finite for good. Calls: Local. */
HOOP_API void hoop_exact_deposit(const hoop_exact *e, void *blocks, int64_t nblocks, const void *const *terms, int nterms);
/** dst += src, blockwise. Calls: Local. */
HOOP_API void hoop_exact_merge(const hoop_exact *e, void *dst, const void *src, int64_t nblocks);
/** Round the sums to x[128*nblocks]. False (and NaN in x) where a block is not finite. Calls: Local. */
HOOP_API bool hoop_exact_finish(const hoop_exact *e, const void *blocks, int64_t nblocks, void *x);
/** x[128*nblocks] = the sum of terms[0 .. nterms - 1], all that there are: clear, deposit and finish, without accumulators in
 * memory. x may be one of the terms. False as hoop_exact_finish. Calls: Local. */
HOOP_API bool hoop_exact_sum(const hoop_exact *e, int64_t nblocks, const void *const *terms, int nterms, void *x);

/** An order-free sum of up to 2^24 f64 terms (losses, metrics, squares for norms); 24 bytes on the wire; W = 38. */
typedef struct hoop_exact_scalar {
    int64_t t, hi, lo;
} hoop_exact_scalar;

HOOP_API void hoop_exact_scalar_clear(hoop_exact_scalar *s);
HOOP_API void hoop_exact_scalar_deposit(hoop_exact_scalar *s, double x);
HOOP_API void hoop_exact_scalar_merge(hoop_exact_scalar *dst, const hoop_exact_scalar *src);
/** The sum; NaN if any term was not finite. Calls: Local. */
HOOP_API double hoop_exact_scalar_finish(const hoop_exact_scalar *s);

#ifdef __cplusplus
}
#endif
#endif
