/**
 * core/kernels/norm.h - statistics of rows and of channels, and what is normalised by them; the same backward.
 *
 * Rows (layer norm) are contiguous, cols elements each. Channels (batch, group and instance norm) are the columns of (rows, cols)
 * whose rows lie ld elements apart: channels-last. Statistics are of deviations from a number near the mean, so that a mean that
 * is large beside the deviation costs no digits.
 */
#ifndef HOOP_NORM_H
#define HOOP_NORM_H

#include "kernels/kernels.h"

/* most rows of one call of moments and sums: longer columns are cut, and the parts joined in f64 in their order */
enum { HOOP_NORM_ROWS = 512 };

/* y = (x - mean) rstd w + b; mean NULL: of squares (RMS), with no mean taken off; w, b may be NULL (b only with w) */
typedef void hoop_norm_rows_fn(int64_t rows, int64_t cols, double eps, const void *x, const void *w, const void *b, void *y,
                               void *mean, void *rstd);
/* dx (+)= rstd (g - mean of g - x^ mean of g x^), g = dy w, x^ = (x - mean) rstd; mean NULL: RMS */
typedef void hoop_norm_rows_grad_fn(int64_t rows, int64_t cols, const void *x, const void *dy, const void *mean, const void *rstd,
                                    const void *w, void *dx, bool add);
/* dw[c] (+)= sum over rows of dy x^, for cols of the ld columns */
typedef void hoop_norm_weight_grad_fn(int64_t rows, int64_t cols, int64_t ld, const void *x, const void *dy, const void *mean,
                                      const void *rstd, void *dw, bool add);
/* of each column of at most HOOP_NORM_ROWS rows: mean, and the sum of squared deviations from it */
typedef void hoop_norm_moments_fn(int64_t rows, int64_t cols, int64_t ld, const void *x, double *mean, double *squares);
/* of each column of at most HOOP_NORM_ROWS rows: the sums of dy and of dy (x - mean) */
typedef void hoop_norm_sums_fn(int64_t rows, int64_t cols, int64_t ld, const void *x, const void *dy, const void *mean,
                               double *sum, double *product);
/* y = (x - mean[c]) scale[c] + bias[c] */
typedef void hoop_norm_apply_fn(int64_t rows, int64_t cols, int64_t ld, const void *x, const void *mean, const void *scale,
                                const void *bias, void *y);
/* dx (+)= dy scale[c] - shift[c] - (x - mean[c]) slope[c] */
typedef void hoop_norm_apply_grad_fn(int64_t rows, int64_t cols, int64_t ld, const void *x, const void *dy, const void *mean,
                                     const void *scale, const void *shift, const void *slope, void *dx, bool add);

typedef struct hoop_norm_kernels {
    hoop_norm_rows_fn        *rows[HOOP_NFLOAT];
    hoop_norm_rows_grad_fn   *rows_grad[HOOP_NFLOAT];
    hoop_norm_weight_grad_fn *weight_grad[HOOP_NFLOAT];
    hoop_norm_moments_fn     *moments[HOOP_NFLOAT];
    hoop_norm_sums_fn        *sums[HOOP_NFLOAT];
    hoop_norm_apply_fn       *apply[HOOP_NFLOAT];
    hoop_norm_apply_grad_fn  *apply_grad[HOOP_NFLOAT];
} hoop_norm_kernels;

#endif
