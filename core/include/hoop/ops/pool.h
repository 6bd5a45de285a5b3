/** hoop/ops/pool.h - ops: pooling, resampling. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_POOL_H
#define HOOP_OPS_POOL_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of images (N, C, S..) with 1 to 3 spatial dims, which lie channels-last when they come out. f32, f64; HOOP_ESHAPE, HOOP_EDTYPE,
 * HOOP_EARG (options). */

/** Windows, by spatial dim: stride 0 is the kernel, dilation 0 is 1. */
typedef struct hoop_pool_opts {
    int64_t kernel[3], stride[3], padding[3], dilation[3]; /* averages have no dilation */
    bool    ceil_mode;                                     /* the last window may reach over the end */
    bool    count_exclude_pad; /* averages: of what is no padding (PyTorch: count_include_pad=False) */
    int64_t divisor_override;  /* averages: what sums are divided by; 0: how many there are */
} hoop_pool_opts;

/** Largest of each window, NaN if there is one: -> (N, C, O..); index, unless NULL: i64, which place of the sample it is, the
 * first of several; dx = dy there. */
HOOP_API hoop_tensor *hoop_max_pool(hoop_tape *t, hoop_tensor *x, const hoop_pool_opts *opts, hoop_tensor **index);
/** Mean of each window: -> (N, C, O..); dx = dy / number. */
HOOP_API hoop_tensor *hoop_avg_pool(hoop_tape *t, hoop_tensor *x, const hoop_pool_opts *opts);
/** The same of size[] windows (by spatial dim) that cover all places: -> (N, C, size..). */
HOOP_API hoop_tensor *hoop_adaptive_max_pool(hoop_tape *t, hoop_tensor *x, const int64_t *size, hoop_tensor **index);
HOOP_API hoop_tensor *hoop_adaptive_avg_pool(hoop_tape *t, hoop_tensor *x, const int64_t *size);
/** Norm of each window, (sum x^p)^(1/p), p = norm_type above 0; of the options kernel, stride and ceil_mode: -> (N, C, O..);
 * dx = dy (x / y)^(p - 1), 0 where the sum is 0. */
HOOP_API hoop_tensor *hoop_lp_pool(hoop_tape *t, hoop_tensor *x, double norm_type, const hoop_pool_opts *opts);

typedef enum hoop_upsample_mode { HOOP_UPSAMPLE_NEAREST, HOOP_UPSAMPLE_LINEAR, HOOP_UPSAMPLE_CUBIC } hoop_upsample_mode;
typedef struct hoop_upsample_opts {
    hoop_upsample_mode mode; /* linear: bilinear, trilinear where there are as many dims */
    bool               align_corners;
    int64_t            size[3];         /* by spatial dim, */
    double             scale_factor[3]; /* or, where that is 0, times what it was */
} hoop_upsample_opts;
/** Other spatial sizes: -> (N, C, size..); dx = dy by the same weights. */
HOOP_API hoop_tensor *hoop_upsample(hoop_tape *t, hoop_tensor *x, const hoop_upsample_opts *opts);

/* Any dtype; dx = dy, moved back. */

/** Channels to places, r in each of d dims: (N, C r^d, S..) -> (N, C, S r..). */
HOOP_API hoop_tensor *hoop_pixel_shuffle(hoop_tape *t, hoop_tensor *x, int64_t r);
/** Places to channels: (N, C, S r..) -> (N, C r^d, S..). */
HOOP_API hoop_tensor *hoop_pixel_unshuffle(hoop_tape *t, hoop_tensor *x, int64_t r);
/** Channel i of group g becomes channel g of group i: (N, C, S..) -> same. */
HOOP_API hoop_tensor *hoop_channel_shuffle(hoop_tape *t, hoop_tensor *x, int64_t groups);

#ifdef __cplusplus
}
#endif
#endif
