/** hoop/ops/reduce.h - ops: over some dims. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_REDUCE_H
#define HOOP_OPS_REDUCE_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reductions, over the dims of a bit mask (bit d: dim d; HOOP_ALL_DIMS); keep: reduced dims stay, of size 1. */
#define HOOP_ALL_DIMS (~0u)

/** Sum, 0 of no elements: (...) -> the other dims; dx = dy, broadcast; f32, f64; HOOP_ESHAPE (no such dim), HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sum(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Mean: as hoop_sum; dx = dy / count; HOOP_ESHAPE also where there are no elements. */
HOOP_API hoop_tensor *hoop_mean(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Largest, NaN if there is one: as hoop_mean; dx = dy at the largest, in equal parts where several are. */
HOOP_API hoop_tensor *hoop_max(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep);
/** Sum to a shape that broadcasts to x's: (...) -> shape; dx = dy, broadcast; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_sum_to(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);

#ifdef __cplusplus
}
#endif
#endif
