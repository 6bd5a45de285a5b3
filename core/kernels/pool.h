/**
 * core/kernels/pool.h - windows over images that lie channels-last, (N, in.., C): their largest, and weighted sums; patches of
 * planes.
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

/* Patches of a plane as columns: row t of them is what tap t of the kernel meets, out[0] * out[1] * out[2] places, zeros outside.
 */
typedef struct hoop_patches {
    int64_t in[HOOP_POOL_DIMS], out[HOOP_POOL_DIMS], kernel[HOOP_POOL_DIMS], stride[HOOP_POOL_DIMS], before[HOOP_POOL_DIMS],
        dilation[HOOP_POOL_DIMS];
} hoop_patches;

/* y = the largest of each window, the first of several, NaN before all; index: where it is among the places of a sample */
typedef void hoop_max_pool_fn(const hoop_windows *w, int64_t first, int64_t rows, const void *x, void *y, int32_t *index);
/* dx (+)= the sum of dy over windows whose largest is this place; rows are of dx, and first, count say for each place of a dim
 * which outputs may have it, steps are 1: in and out are dy's and dx's */
typedef void hoop_max_pool_grad_fn(const hoop_windows *w, int64_t first, int64_t rows, const int32_t *index, const void *dy,
                                   void *dx, bool add);
/* y (+)= the sum of taps of x, a tap's weight being the product of its dims' */
typedef void hoop_resample_fn(const hoop_resample *r, int64_t first, int64_t rows, const void *x, void *y, bool add);
/* y = patches of the plane x */
typedef void hoop_im2col_fn(const hoop_patches *p, const void *x, void *y);
/* the plane x += what lies in rows y, by their order */
typedef void hoop_col2im_fn(const hoop_patches *p, const void *y, void *x);

typedef struct hoop_pool_kernels {
    hoop_max_pool_fn      *max_pool[HOOP_NFLOAT];
    hoop_max_pool_grad_fn *max_pool_grad[HOOP_NFLOAT];
    hoop_resample_fn      *resample[HOOP_NFLOAT];
    hoop_im2col_fn        *im2col[HOOP_NFLOAT];
    hoop_col2im_fn        *col2im[HOOP_NFLOAT];
} hoop_pool_kernels;

#endif
