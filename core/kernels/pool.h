/**
 * core/kernels/pool.h - windows over images that lie channels-last, (N, in.., C): their largest, and weighted sums.
 *
 * Images have three spatial dims; where there are fewer, the first are of size 1. A row is what one sample's first two give:
 * `rows` of them are made, from number `first` on, of N * size[0] * size[1].
 */
#ifndef HOOP_POOL_H
#define HOOP_POOL_H

#include "kernels/kernels.h"

enum { HOOP_POOL_DIMS = 3 };

/* of output o of a dim: count[o] places, from first[o] on, `step` apart; all inside */
typedef struct hoop_windows {
    int64_t        in[HOOP_POOL_DIMS], out[HOOP_POOL_DIMS], step[HOOP_POOL_DIMS], channels;
    const int32_t *first[HOOP_POOL_DIMS], *count[HOOP_POOL_DIMS];
} hoop_windows;

/* of output o of a dim: places from[i] of the input, times weight[i], i from begin[o] to begin[o + 1] - 1 */
typedef struct hoop_taps {
    const int32_t *begin, *from;
    const double  *weight;
} hoop_taps;
typedef struct hoop_resample {
    int64_t   in[HOOP_POOL_DIMS], out[HOOP_POOL_DIMS], channels;
    hoop_taps taps[HOOP_POOL_DIMS];
} hoop_resample;

/* y = the largest of each window, the first of several, NaN before all; index: where it is among the places of a sample */
typedef void hoop_max_pool_fn(const hoop_windows *w, int64_t first, int64_t rows, const void *x, void *y, int32_t *index);
/* dx (+)= the sum of dy over windows whose largest is this place; rows are of dx, and first, count say for each place of a dim
 * which outputs may have it, steps are 1: in and out are dy's and dx's */
typedef void hoop_max_pool_grad_fn(const hoop_windows *w, int64_t first, int64_t rows, const int32_t *index, const void *dy,
                                   void *dx, bool add);
/* y (+)= the sum of taps of x, a tap's weight being the product of its dims' */
typedef void hoop_resample_fn(const hoop_resample *r, int64_t first, int64_t rows, const void *x, void *y, bool add);

typedef struct hoop_pool_kernels {
    hoop_max_pool_fn      *max_pool[HOOP_NFLOAT];
    hoop_max_pool_grad_fn *max_pool_grad[HOOP_NFLOAT];
    hoop_resample_fn      *resample[HOOP_NFLOAT];
} hoop_pool_kernels;

#endif
