/**
 * hoop/tensor.h - tensors: dtype, shape, strides in elements, storage.
 *
 * Two lifetimes only. A persistent tensor is created and destroyed by the caller (or belongs to a parameter store). A tape
 * tensor - everything an op returns - lives until hoop_tape_reset, and is never destroyed one by one. Accessors are safe on
 * the poison tensor that failed ops return, and on NULL.
 */
#ifndef HOOP_TENSOR_H
#define HOOP_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOOP_MAX_DIMS = 8, HOOP_ALIGN = 64 };

typedef struct hoop_tensor hoop_tensor;

/** What a kernel sees of a tensor. A dim of size 0 makes it empty; ndim 0 is a scalar. */
typedef struct hoop_view {
    void   *data;
    int32_t dtype; /* hoop_dtype */
    int32_t ndim;
    int64_t shape[HOOP_MAX_DIMS], stride[HOOP_MAX_DIMS]; /* strides in elements */
} hoop_view;

/** A new persistent tensor of zeros. Owns: caller. Errors: HOOP_ESHAPE (ndim, negative size), HOOP_ESIZE, HOOP_ENOMEM. Calls:
 * Local. */
HOOP_API hoop_status hoop_tensor_create(hoop_dtype dtype, int ndim, const int64_t *shape, hoop_error *err, hoop_tensor **out);
/** A persistent tensor over the caller's memory (contiguous), which must outlive it. Calls: Local. */
HOOP_API hoop_status hoop_tensor_wrap(hoop_dtype dtype, int ndim, const int64_t *shape, void *data, hoop_error *err,
                                      hoop_tensor **out);
/** Destroy a persistent tensor (not one of a store, nor of a tape). Accepts NULL; sets *x to NULL. Calls: Local. */
HOOP_API void hoop_tensor_destroy(hoop_tensor **x);
/** Copy src (same dtype and numel, any tape or lifetime) into persistent dst, raising dst's version: state crosses a reset this
 * way. On failure dst and its version stay. Errors: HOOP_EARG (a source that overlaps dst), HOOP_ESHAPE, HOOP_ERELEASED,
 * HOOP_ESTATE (a parameter before finalize). Calls: Local. */
HOOP_API hoop_status hoop_tensor_assign(hoop_tensor *dst, const hoop_tensor *src, hoop_error *err);

/** The same to a part of dst: from `first` on along a dim, src being as large as dst in all others. A cache of keys and values
 * grows this way. Errors: those of hoop_tensor_assign; HOOP_ESHAPE (it does not fit). Calls: Local. */
HOOP_API hoop_status hoop_tensor_assign_part(hoop_tensor *dst, int dim, int64_t first, const hoop_tensor *src, hoop_error *err);

HOOP_API hoop_dtype     hoop_tensor_dtype(const hoop_tensor *x);
HOOP_API int            hoop_tensor_ndim(const hoop_tensor *x);
HOOP_API int64_t        hoop_tensor_size(const hoop_tensor *x, int dim); /* dim < 0 counts from the end; 0 if there is none */
HOOP_API int64_t        hoop_tensor_numel(const hoop_tensor *x);
HOOP_API const int64_t *hoop_tensor_shape(const hoop_tensor *x);
HOOP_API bool           hoop_tensor_is_contiguous(const hoop_tensor *x);
HOOP_API bool           hoop_tensor_is_poison(const hoop_tensor *x);
/** First element of a contiguous tensor; NULL for poison, released or non-contiguous ones. Writing to it: persistent tensors,
 *  then hoop_tensor_touch, and tape tensors that no op has taken yet. Calls: Local. */
HOOP_API void *hoop_tensor_data(const hoop_tensor *x);
/** Tell that the caller wrote to a persistent tensor: backward through an older use is then HOOP_ESTALE. Calls: Local. */
HOOP_API void hoop_tensor_touch(hoop_tensor *x);
/** The value of a one-element tensor of any dtype; NaN for poison, released or other tensors. Calls: Local. */
HOOP_API double hoop_tensor_item(const hoop_tensor *x);
/** Copy all elements in row-major order to out (numel of x's dtype). Errors: HOOP_ERELEASED. Calls: Local. */
HOOP_API hoop_status hoop_tensor_read(const hoop_tensor *x, void *out, hoop_error *err);
/** "f32 (64, 784)" into out[size]; returns out. Calls: Local. */
HOOP_API const char *hoop_tensor_describe(const hoop_tensor *x, char *out, size_t size);
/** Its view; data is NULL once the storage was released. Calls: Local. */
HOOP_API const hoop_view *hoop_tensor_view(const hoop_tensor *x);

/** numel of a shape, checked: HOOP_ESHAPE for ndim or a negative size, HOOP_ESIZE when numel or bytes overflow int64. Calls:
 * Local. */
HOOP_API hoop_status hoop_shape_numel(hoop_dtype dtype, int ndim, const int64_t *shape, hoop_error *err, int64_t *numel);

#ifdef __cplusplus
}
#endif
#endif
