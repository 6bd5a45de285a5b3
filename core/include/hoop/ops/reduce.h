/** hoop/ops/reduce.h - ops: over some dims. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_REDUCE_H
#define HOOP_OPS_REDUCE_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reductions, over the dims of a bit mask (bit d: dim d; HOOP_ALL_DIMS); keep: reduced dims stay, of size 1. */
#define HOOP_ALL_DIMS (~0u)

/** Sum, 0 of no elements: (...) -> the other dims; dx = dy, broadcast; f32, f64, integers -> i64; HOOP_ESHAPE (no such dim). */
HOOP_API hoop_tensor *hoop_sum(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Mean: as hoop_sum; dx = dy / count; f32, f64; HOOP_ESHAPE also where there are no elements, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_mean(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Variance, of count - correction (0 or 1): as hoop_mean; dx = dy 2 (x - mean) / (count - correction); HOOP_EARG (correction).
 */
HOOP_API hoop_tensor *hoop_var(hoop_tape *t, hoop_tensor *x, unsigned dims, int correction, bool keep);
/** Its root: as hoop_var; dx = dy (x - mean) / (y (count - correction)), 0 where y is 0. */
HOOP_API hoop_tensor *hoop_std(hoop_tape *t, hoop_tensor *x, unsigned dims, int correction, bool keep);
/** Largest, NaN if there is one: as hoop_mean; dx = dy at the largest, in equal parts where several are; any. */
HOOP_API hoop_tensor *hoop_max(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Smallest: as hoop_max. */
HOOP_API hoop_tensor *hoop_min(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Number of the largest among the elements of the reduced dims, the first of equal ones: as hoop_max; no gradient; any -> i64.
 */
HOOP_API hoop_tensor *hoop_argmax(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Of the smallest: as hoop_argmax. */
HOOP_API hoop_tensor *hoop_argmin(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** log sum e^x, -inf of no elements: as hoop_sum; dx = dy e^(x - y); f32, f64; HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_logsumexp(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** (sum |x|^p)^(1/p), p above 0, INFINITY: the largest |x|: as hoop_sum; dx = dy sign(x) (|x| / y)^(p-1); f32, f64; HOOP_EDTYPE,
 * HOOP_EARG (p). */
HOOP_API hoop_tensor *hoop_norm(hoop_tape *t, hoop_tensor *x, double p, unsigned dims, bool keep);
/** Product, 1 of no elements: as hoop_sum; dx = dy times the product of the others. */
HOOP_API hoop_tensor *hoop_prod(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** 1 where an element is not 0, else 0: as hoop_sum; no gradient; any -> u8. */
HOOP_API hoop_tensor *hoop_any(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** 1 where none is 0, else 0: as hoop_any. */
HOOP_API hoop_tensor *hoop_all(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Sum to a shape that broadcasts to x's: (...) -> shape; dx = dy, broadcast; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sum_to(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);

/* Along one dim. */

/** Running sums: (.., N, ..) -> same; dx = running sums of dy from the end; f32, f64, integers -> i64; HOOP_ESHAPE (no dim). */
HOOP_API hoop_tensor *hoop_cumsum(hoop_tape *t, hoop_tensor *x, int dim);
/** Running products: as hoop_cumsum; dx_i = sum of dy_k times the product up to k without x_i, from i on. */
HOOP_API hoop_tensor *hoop_cumprod(hoop_tape *t, hoop_tensor *x, int dim);
/** Largest up to each element, NaN from the first on: (.., N, ..) -> same; index, unless NULL: i64, its place in the dim, the
 * last of equal ones; dx = dy there; any; HOOP_ESHAPE (no dim). */
HOOP_API hoop_tensor *hoop_cummax(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor **index);
/** Smallest: likewise. */
HOOP_API hoop_tensor *hoop_cummin(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor **index);

#ifdef __cplusplus
}
#endif
#endif
