#include "tensor/view.h"

#include "kernels/kernels.h"

#include <stdio.h>
#include <string.h>

hoop_status hoop_shape_numel(hoop_dtype dtype, int ndim, const int64_t *shape, hoop_error *err, int64_t *numel)
{
    int64_t n     = 1, bytes;
    bool    empty = false, overflow = false;
    if (hoop_dtype_size(dtype) == 0) return hoop_fail(err, HOOP_EDTYPE, "%d is no dtype", (int)dtype);
    if (ndim < 0 || ndim > HOOP_MAX_DIMS)
        return hoop_fail(err, HOOP_ESHAPE, "%d dims; 0 to %d are possible", ndim, HOOP_MAX_DIMS);
    for (int d = 0; d < ndim; d++) {
        if (shape[d] < 0) return hoop_fail(err, HOOP_ESHAPE, "size %lld of dim %d is negative", (long long)shape[d], d);
        if (shape[d] == 0)
            empty = true;
        else
            overflow |= __builtin_mul_overflow(n, shape[d], &n);
    }
    overflow |= __builtin_mul_overflow(n, (int64_t)hoop_dtype_size(dtype), &bytes);
    if (overflow)
        return hoop_fail(err, HOOP_ESIZE, "a tensor of %d dims, the first %lld, has more bytes than fit 63 bits", ndim,
                         (long long)shape[0]);
    *numel = empty ? 0 : n;
    return HOOP_OK;
}

void hoop__view_set(hoop_view *v, hoop_dtype dtype, int ndim, const int64_t *shape)
{
    int64_t step = 1;
    v->data      = NULL;
    v->dtype     = (int32_t)dtype;
    v->ndim      = ndim;
    for (int d = ndim - 1; d >= 0; d--) {
        v->shape[d]  = shape[d];
        v->stride[d] = step;
        (void)__builtin_mul_overflow(step, shape[d] > 0 ? shape[d] : 1, &step); /* a shape rule's; refused by its numel later */
    }
}

bool hoop__view_contiguous(const hoop_view *v)
{
    int64_t step = 1;
    for (int d = v->ndim - 1; d >= 0; d--) {
        if (v->shape[d] == 0) return true;
        if (v->shape[d] != 1 && v->stride[d] != step) return false;
        step *= v->shape[d];
    }
    return true;
}

int64_t hoop__view_numel(const hoop_view *v)
{
    int64_t n = 1;
    for (int d = 0; d < v->ndim; d++) n *= v->shape[d];
    return n;
}

bool hoop__same_shape(const hoop_view *a, const hoop_view *b)
{
    if (a->ndim != b->ndim) return false;
    for (int d = 0; d < a->ndim; d++) {
        if (a->shape[d] != b->shape[d]) return false;
    }
    return true;
}

void hoop__view_copy_range(const struct hoop_kernels *k, const hoop_view *x, int64_t first, int64_t n, void *out)
{
    int64_t size = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype), inner = x->ndim > 0 ? x->shape[x->ndim - 1] : 1;
    int64_t stride = x->ndim > 0 ? x->stride[x->ndim - 1] : 1, index[HOOP_MAX_DIMS] = {0}, at = 0, col;
    char   *to = (char *)out + first * size;
    if (n == 0) return;
    if (hoop__view_contiguous(x)) {
        memcpy(to, (const char *)x->data + first * size, (size_t)(n * size));
        return;
    }
    col = first % inner;
    first /= inner;
    for (int d = x->ndim - 2; d >= 0; d--) {
        index[d] = first % x->shape[d];
        at += index[d] * x->stride[d];
        first /= x->shape[d];
    }
    for (int64_t m; n > 0; n -= m, col = 0) {
        m = inner - col < n ? inner - col : n;
        k->copy[x->dtype](m, (const char *)x->data + (at + col * stride) * size, stride, to, 1);
        to += m * size;
        for (int d = x->ndim - 2; d >= 0; d--) {
            at += x->stride[d];
            if (++index[d] < x->shape[d]) break;
            at -= index[d] * x->stride[d];
            index[d] = 0;
        }
    }
}

void hoop__view_copy(const struct hoop_kernels *k, const hoop_view *x, void *out)
{
    hoop__view_copy_range(k, x, 0, hoop__view_numel(x), out);
}

const char *hoop__view_describe(const hoop_view *v, char *out, size_t size)
{
    int    n  = snprintf(out, size, "%s (", hoop_dtype_name((hoop_dtype)v->dtype));
    size_t at = n > 0 ? (size_t)n : 0;
    for (int d = 0; d < v->ndim && at < size; d++) {
        n = snprintf(out + at, size - at, d == 0 ? "%lld" : ", %lld", (long long)v->shape[d]);
        if (n > 0) at += (size_t)n;
    }
    if (at < size) (void)snprintf(out + at, size - at, ")");
    return out;
}
