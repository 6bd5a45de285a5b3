#include "hoop/tensor.h"

#include "kernels/kernels.h"
#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hoop_status persistent_new(hoop_dtype dtype, int ndim, const int64_t *shape, void *data, hoop_error *err,
                                  hoop_tensor **out)
{
    int64_t      numel;
    hoop_status  st = hoop_shape_numel(dtype, ndim, shape, err, &numel);
    hoop_tensor *x;
    *out = NULL;
    if (st != HOOP_OK) return st;
    x = calloc(1, sizeof *x);
    if (x == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a tensor's header");
    hoop__view_set(&x->v, dtype, ndim, shape);
    x->numel = numel;
    x->id = x->node = x->param = x->rows_of = -1;
    x->axis                                 = -1;
    x->contiguous                           = true;
    x->v.data                               = data;
    *out                                    = x;
    return HOOP_OK;
}

hoop_status hoop_tensor_create(hoop_dtype dtype, int ndim, const int64_t *shape, hoop_error *err, hoop_tensor **out)
{
    hoop_cache   none = {0};
    hoop_tensor *x;
    hoop_status  st = persistent_new(dtype, ndim, shape, NULL, err, out);
    int64_t      bytes;
    if (st != HOOP_OK) return st;
    x          = *out;
    bytes      = x->numel * (int64_t)hoop_dtype_size(dtype);
    x->storage = hoop__storage_get(&none, bytes > 0 ? bytes : 1);
    if (x->storage == NULL) {
        hoop_tensor_destroy(out);
        return hoop_fail(err, HOOP_ENOMEM, "no memory for a tensor of %lld bytes", (long long)bytes);
    }
    x->v.data = x->storage->data;
    memset(x->v.data, 0, (size_t)bytes);
    return HOOP_OK;
}

hoop_status hoop_tensor_wrap(hoop_dtype dtype, int ndim, const int64_t *shape, void *data, hoop_error *err, hoop_tensor **out)
{
    hoop_status st = persistent_new(dtype, ndim, shape, data, err, out);
    if (st == HOOP_OK && data == NULL && (*out)->numel > 0) {
        hoop_tensor_destroy(out);
        return hoop_fail(err, HOOP_EARG, "hoop_tensor_wrap: data is NULL");
    }
    return st;
}

void hoop_tensor_destroy(hoop_tensor **x)
{
    if (x == NULL || *x == NULL) return;
    free((*x)->storage);
    free(*x);
    *x = NULL;
}

/* does a view reach into bytes [at, at + bytes)? (its strides are not negative) */
static bool spans_meet(const hoop_view *v, uintptr_t at, uintptr_t bytes)
{
    uintptr_t first = (uintptr_t)v->data, last = first;
    for (int d = 0; d < v->ndim; d++)
        last += (uintptr_t)(v->shape[d] - 1) * (uintptr_t)v->stride[d] * hoop_dtype_size((hoop_dtype)v->dtype);
    return first < at + bytes && at < last + hoop_dtype_size((hoop_dtype)v->dtype);
}

hoop_status hoop_tensor_assign(hoop_tensor *dst, const hoop_tensor *src, hoop_error *err)
{
    char        a[160], b[160];
    uintptr_t   bytes;
    hoop_status st;
    if (dst == NULL || src == NULL || dst->tape != NULL)
        return hoop_fail(err, HOOP_EARG, "hoop_tensor_assign: the destination must be a persistent tensor");
    if (src->poison || dst->v.dtype != src->v.dtype || dst->numel != src->numel) {
        return hoop_fail(err, HOOP_ESHAPE, "hoop_tensor_assign: %s into %s", hoop_tensor_describe(src, b, sizeof b),
                         hoop_tensor_describe(dst, a, sizeof a));
    }
    bytes = (uintptr_t)((size_t)dst->numel * hoop_dtype_size((hoop_dtype)dst->v.dtype));
    if (bytes > 0 && (dst->v.data == NULL || (src->v.data == NULL && !src->released)))
        return hoop_fail(err, HOOP_ESTATE, "hoop_tensor_assign: a parameter before hoop_params_finalize");
    if (bytes > 0 && !src->released && spans_meet(&src->v, (uintptr_t)dst->v.data, bytes)) {
        if (src->contiguous && src->v.data == dst->v.data) return HOOP_OK; /* to itself: nothing is written */
        return hoop_fail(err, HOOP_EARG, "hoop_tensor_assign: the source lies in the destination's memory; copy it first");
    }
    st = hoop_tensor_read(src, dst->v.data, err);
    if (st == HOOP_OK) hoop_tensor_touch(dst);
    return st;
}

/* What the host reads of a tape it may act on: that cannot be replayed. */
static void mark_read(const hoop_tensor *x)
{
    if (x != NULL && x->tape != NULL && !x->poison) ((hoop_tensor *)(uintptr_t)x)->read = true;
}

/* does src fit into dst, from `first` on along dim? */
static bool part_fits(const hoop_tensor *dst, int dim, int64_t first, const hoop_tensor *src)
{
    bool fits = src->v.dtype == dst->v.dtype && src->v.ndim == dst->v.ndim && dim >= 0 && dim < dst->v.ndim;
    for (int d = 0; d < dst->v.ndim && fits; d++) fits = d == dim || src->v.shape[d] == dst->v.shape[d];
    return fits && first >= 0 && first <= dst->v.shape[dim] - src->v.shape[dim];
}

hoop_status hoop_tensor_assign_part(hoop_tensor *dst, int dim, int64_t first, const hoop_tensor *src, hoop_error *err)
{
    const hoop_kernels *k;
    char                a[160], b[160];
    int64_t             inner, apart, rows = 1;
    size_t              size;
    if (dst == NULL || src == NULL || dst->tape != NULL)
        return hoop_fail(err, HOOP_EARG, "hoop_tensor_assign_part: the destination must be a persistent tensor");
    if (dim < 0) dim += dst->v.ndim;
    if (src->poison || !part_fits(dst, dim, first, src))
        return hoop_fail(err, HOOP_ESHAPE, "hoop_tensor_assign_part: %s into %s, from %lld on along dim %d",
                         hoop_tensor_describe(src, b, sizeof b), hoop_tensor_describe(dst, a, sizeof a), (long long)first, dim);
    if (src->released)
        return hoop_fail(err, HOOP_ERELEASED,
                         "hoop_tensor_assign_part: the source's storage was released; call hoop_retain before it");
    if (src->numel == 0) return HOOP_OK;
    size = hoop_dtype_size((hoop_dtype)dst->v.dtype);
    if (dst->v.data == NULL || src->v.data == NULL)
        return hoop_fail(err, HOOP_ESTATE, "hoop_tensor_assign_part: a parameter before hoop_params_finalize");
    if (spans_meet(&src->v, (uintptr_t)dst->v.data, (uintptr_t)dst->numel * size))
        return hoop_fail(err, HOOP_EARG, "hoop_tensor_assign_part: the source lies in the destination's memory; copy it first");
    if (hoop_kernels_select(NULL, err, &k) != HOOP_OK) return HOOP_EARG; /* a copy is the same by any */
    mark_read(src);
    inner = dst->v.stride[dim];
    for (int d = 0; d < dim; d++) rows *= dst->v.shape[d];
    apart = dst->v.shape[dim] - src->v.shape[dim];
    for (int64_t r = 0, n = src->v.shape[dim] * inner; r < rows; r++) /* it puts them at number r n of what it is given */
        hoop__view_copy_range(k, &src->v, r * n, n, (char *)dst->v.data + (size_t)((r * apart + first) * inner) * size);
    hoop_tensor_touch(dst);
    return HOOP_OK;
}

void hoop_tensor_touch(hoop_tensor *x)
{
    if (x != NULL && x->tape == NULL) x->version++;
}

hoop_dtype hoop_tensor_dtype(const hoop_tensor *x)
{
    return x == NULL ? HOOP_F32 : (hoop_dtype)x->v.dtype;
}

int hoop_tensor_ndim(const hoop_tensor *x)
{
    return x == NULL ? 0 : x->v.ndim;
}

int64_t hoop_tensor_size(const hoop_tensor *x, int dim)
{
    int d;
    if (x == NULL) return 0;
    d = dim < 0 ? dim + x->v.ndim : dim;
    return d >= 0 && d < x->v.ndim ? x->v.shape[d] : 0;
}

int64_t hoop_tensor_numel(const hoop_tensor *x)
{
    return x == NULL ? 0 : x->numel;
}

const int64_t *hoop_tensor_shape(const hoop_tensor *x)
{
    static const int64_t none[HOOP_MAX_DIMS] = {0};
    return x == NULL ? none : x->v.shape;
}

bool hoop_tensor_is_contiguous(const hoop_tensor *x)
{
    return x == NULL || x->contiguous;
}

bool hoop_tensor_is_poison(const hoop_tensor *x)
{
    return x == NULL || x->poison;
}

void *hoop_tensor_data(const hoop_tensor *x)
{
    mark_read(x);
    return x == NULL || x->poison || x->released || !x->contiguous ? NULL : x->v.data;
}

const hoop_view *hoop_tensor_view(const hoop_tensor *x)
{
    return x == NULL ? NULL : &x->v;
}

double hoop_tensor_item(const hoop_tensor *x)
{
    if (x == NULL || x->poison || x->released || x->numel != 1 || x->v.data == NULL) return NAN;
    mark_read(x);
    switch ((hoop_dtype)x->v.dtype) {
    case HOOP_F32:
        return (double)*(const float *)x->v.data;
    case HOOP_F64:
        return *(const double *)x->v.data;
    case HOOP_I64:
        return (double)*(const int64_t *)x->v.data;
    case HOOP_I32:
        return (double)*(const int32_t *)x->v.data;
    case HOOP_U8:
        return (double)*(const uint8_t *)x->v.data;
    default:
        return NAN;
    }
}

hoop_status hoop_tensor_read(const hoop_tensor *x, void *out, hoop_error *err)
{
    const hoop_kernels *k;
    mark_read(x);
    if (x == NULL || x->poison) return hoop_fail(err, HOOP_EARG, "hoop_tensor_read: the tensor is the poison of a failed op");
    if (x->released)
        return hoop_fail(err, HOOP_ERELEASED,
                         "hoop_tensor_read: backward has released this tensor's storage; call hoop_retain before it");
    if (x->v.data == NULL && x->numel > 0)
        return hoop_fail(err, HOOP_ESTATE, "hoop_tensor_read: a parameter before hoop_params_finalize");
    if (x->contiguous) {
        if (x->numel > 0) memcpy(out, x->v.data, (size_t)x->numel * hoop_dtype_size((hoop_dtype)x->v.dtype));
        return HOOP_OK;
    }
    if (hoop_kernels_select(NULL, err, &k) != HOOP_OK) return HOOP_EARG; /* a copy is the same by any */
    hoop__view_copy(k, &x->v, out);
    return HOOP_OK;
}

const char *hoop_tensor_describe(const hoop_tensor *x, char *out, size_t size)
{
    if (x == NULL || x->poison) {
        (void)snprintf(out, size, x == NULL ? "NULL" : "poison");
        return out;
    }
    return hoop__view_describe(&x->v, out, size);
}
