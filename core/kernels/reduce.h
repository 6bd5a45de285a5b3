/**
 * core/kernels/reduce.h - reductions besides the sums and maxima of floats (kernels.h), and what runs along rows or columns.
 *
 * A reduction is over rows, y[r] of x[r * ld + c] for all c, or over columns, y[c] of x[r * ld + c] for all r. Floats have the
 * lanes, groups and blocks of reduce.c and rows.h: bits depend on values and lengths alone. Integers wrap.
 */
#ifndef HOOP_REDUCE_H
#define HOOP_REDUCE_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"

/* what is made of many numbers, pass by pass: y is of hoop_reduce_dtype */
enum hoop_reduce_kind {
    HOOP_REDUCE_SUM,
    HOOP_REDUCE_MAX,
    HOOP_REDUCE_MIN,
    HOOP_REDUCE_PROD,
    HOOP_REDUCE_ANY,
    HOOP_REDUCE_ALL,
    HOOP_REDUCE_COUNT
};

/* sums and products of integers are i64, any and all u8 (0 or 1; NaN counts as one), the others of x's dtype */
static inline hoop_dtype hoop_reduce_dtype(int kind, hoop_dtype x)
{
    if (kind == HOOP_REDUCE_ANY || kind == HOOP_REDUCE_ALL) return HOOP_U8;
    return kind == HOOP_REDUCE_MAX || kind == HOOP_REDUCE_MIN || hoop_dtype_is_float(x) ? x : HOOP_I64;
}

typedef void hoop_fold_fn(int64_t rows, int64_t cols, const void *x, int64_t ld, void *y, bool add);

/* what has a pass of its own; `param` is the correction of var and std, the p of norm (infinity: the largest) */
enum hoop_stat_kind { HOOP_STAT_VAR, HOOP_STAT_STD, HOOP_STAT_LOGSUMEXP, HOOP_STAT_NORM, HOOP_STAT_COUNT };
typedef void hoop_stat_fn(int64_t rows, int64_t cols, const void *x, int64_t ld, double param, void *y);

/* y, i64: where the largest or smallest is first; where the first NaN is, if there is one */
typedef void hoop_arg_fn(int64_t rows, int64_t cols, const void *x, int64_t ld, int64_t *y);

/* y[r, c] = the sum or product of x[0 .. r, c], in f64 or i64; from the last row up where `reverse`. ld of both. Of rows: of
 * x[r, 0 .. c] */
enum hoop_running_kind { HOOP_RUNNING_SUM, HOOP_RUNNING_PROD, HOOP_RUNNING_COUNT };
typedef void hoop_running_fn(int64_t rows, int64_t cols, const void *x, int64_t ld, void *y, int64_t ldy, bool reverse);
/* Lines of n elements ld apart, `lines` of them step apart. The largest or smallest up to each, and of i64 which of its line it
 * is; n at least 1 */
typedef void hoop_running_place_fn(int64_t n, int64_t lines, const void *x, int64_t ld, int64_t step, void *y, int64_t *place);

/* dx[r, c] = dy[r] times the product of row r without x[r, c]; contiguous. before: scratch, (rows, cols); of f64, dx will do */
typedef void hoop_prod_grad_fn(int64_t rows, int64_t cols, const void *x, const void *dy, double *before, void *dx);
/* of such lines: dx[i] = sum over k from i on of dy[k] times the product of x[0 .. k] without x[i]. s: scratch that
 * lies as dx does; of f64, dx will do */
typedef void hoop_cumprod_grad_fn(int64_t n, int64_t lines, const void *x, const void *dy, int64_t ld, int64_t step, double *s,
                                  void *dx);

typedef struct hoop_reduce_kernels {
    hoop_fold_fn    *fold_rows[HOOP_REDUCE_COUNT][HOOP_DTYPE_COUNT], *fold_cols[HOOP_REDUCE_COUNT][HOOP_DTYPE_COUNT];
    hoop_stat_fn    *stat_rows[HOOP_STAT_COUNT][2], *stat_cols[HOOP_STAT_COUNT][2];
    hoop_arg_fn     *arg_rows[2][HOOP_DTYPE_COUNT], *arg_cols[2][HOOP_DTYPE_COUNT]; /* [smallest] */
    hoop_running_fn *running_rows[HOOP_RUNNING_COUNT][HOOP_DTYPE_COUNT], *running_cols[HOOP_RUNNING_COUNT][HOOP_DTYPE_COUNT];
    hoop_running_place_fn *running_place[2][HOOP_DTYPE_COUNT]; /* [smallest] */
    hoop_prod_grad_fn     *prod_grad[2];
    hoop_cumprod_grad_fn  *cumprod_grad[2];
} hoop_reduce_kernels;

#endif
