/** core/ops/index/index.h - what ops share that look up or add to places. */
#ifndef HOOP_INDEX_OPS_H
#define HOOP_INDEX_OPS_H

#include "hoop/ops.h"
#include "ops/shape.h"

/* indices (i64) are 0 to size - 1; the error names the first that is not, and its position */
hoop_status hoop__check_index(const hoop_view *index, int64_t size, hoop_error *err);

/* bytes of an element; sizes before and behind a dim */
static inline int64_t hoop__size(const hoop_view *x)
{
    return (int64_t)hoop_dtype_size((hoop_dtype)x->dtype);
}
static inline int64_t hoop__outer(const hoop_view *x, int dim)
{
    int64_t n = 1;
    for (int d = 0; d < dim; d++) n *= x->shape[d];
    return n;
}
static inline int64_t hoop__inner(const hoop_view *x, int dim)
{
    int64_t n = 1;
    for (int d = dim + 1; d < x->ndim; d++) n *= x->shape[d];
    return n;
}

/* y[i] = x[index[i] * step + i * along] of elements of `size` bytes: 1, 4 or 8 */
void hoop__take(int64_t n, int64_t size, const void *x, int64_t step, int64_t along, const int64_t *index, void *y);

/* y += x, one element of a float dtype */
static inline void hoop__add_one(hoop_dtype dtype, void *y, int64_t to, const void *x, int64_t from)
{
    if (dtype == HOOP_F32)
        ((float *)y)[to] += ((const float *)x)[from];
    else
        ((double *)y)[to] += ((const double *)x)[from];
}

/* the number of an element of v's shape, at these places */
static inline int64_t hoop__number(const hoop_view *v, const int64_t *at)
{
    int64_t n = 0;
    for (int d = 0; d < v->ndim; d++) n = n * v->shape[d] + at[d];
    return n;
}
/* and its places */
static inline void hoop__places(const hoop_view *v, int64_t i, int64_t *at)
{
    for (int d = v->ndim - 1; d >= 0; d--) {
        at[d] = i % v->shape[d];
        i /= v->shape[d];
    }
}

/* in x's shape, zeros; the attributes of gather, and of what adds to places */
typedef struct place_attrs {
    int64_t dim, shape[HOOP_MAX_DIMS];
} place_attrs;

/* dy added at the places index of dim, of zeros (shape of x) */
hoop_tensor *hoop__scatter_to(hoop_tape *t, hoop_tensor *dy, hoop_tensor *index, int dim, const hoop_tensor *x);

#endif
