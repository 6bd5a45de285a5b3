/**
 * hoop/params.h - the flat store of parameters, and the buffers beside it.
 *
 * Register, finalize, initialise. After finalize all parameters lie in one array in order of registration, those that are frozen
 * behind the others; gradients of these others in a second (or one of the caller's). Each starts on a block of 128 elements, so
 * that update, clipping, hash, checkpoint and sharding are loops over ranges. Buffers (saved, not trained) are persistent tensors
 * of their own.
 */
#ifndef HOOP_PARAMS_H
#define HOOP_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOOP_BLOCK = 128 /* elements */ };

typedef struct hoop_params hoop_params;

/** An empty store whose parameters are of one float dtype. Owns: caller. Calls: Local. */
HOOP_API hoop_status hoop_params_create(hoop_dtype dtype, hoop_error *err, hoop_params **out);
HOOP_API void        hoop_params_destroy(hoop_params **p);
/** Register a parameter; *out belongs to the store and is usable after finalize. Errors: HOOP_ESTATE after finalize, HOOP_EARG
 * for a name that is empty, too long or taken, HOOP_ESHAPE, HOOP_ESIZE. Calls: Local. */
HOOP_API hoop_status hoop_params_add(hoop_params *p, const char *name, int ndim, const int64_t *shape, hoop_error *err,
                                     hoop_tensor **out);
/** A second name for a parameter (tied weights): the same tensor, one gradient. Calls: Local. */
HOOP_API hoop_status hoop_params_alias(hoop_params *p, const char *name, hoop_tensor *param, hoop_error *err);
/** Register a buffer (any dtype), zero. Allowed at any time. Calls: Local. */
HOOP_API hoop_status hoop_params_add_buffer(hoop_params *p, const char *name, hoop_dtype dtype, int ndim, const int64_t *shape,
                                            hoop_error *err, hoop_tensor **out);
/** Which parameters are called like `pattern` (as of files: "encoder.*"), by name or an alias: of[hoop_params_count]. Errors:
 * HOOP_EARG where none is, and the text says what is called nearly so. Calls: Local. */
HOOP_API hoop_status hoop_params_match(const hoop_params *p, const char *pattern, bool *of, hoop_error *err);
/** Three buffers of this store are running statistics, as batch norm's: mean and var of one shape, of a float dtype, and count
 * (i64, one number; NULL: none). What leaves emit for the first two (hoop_emit) are means and variances (of squares / elements)
 * of `weight` elements each. After the step mean = (1 - momentum) mean + momentum M,  var = (1 - momentum) var + momentum V,
 * count = count + 1 where M is the mean of all leaves' elements and V their unbiased variance, pooled: within leaves, and between
 * their means. One element has no V, and leaves var alone. momentum below 0: 1 / count, so that they are the mean of all steps
 * (it wants a count). At any time. Errors: HOOP_EARG (buffers, shapes, momentum above 1), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_params_running(hoop_params *p, hoop_tensor *mean, hoop_tensor *var, hoop_tensor *count, double momentum,
                                         hoop_error *err);
typedef struct hoop_running {
    int    mean, var, count; /* numbers of buffers; count may be -1 */
    double momentum;
} hoop_running;
HOOP_API int                 hoop_params_running_count(const hoop_params *p);
HOOP_API const hoop_running *hoop_params_running_get(const hoop_params *p, int i);
/** Keep parameters as they are: all whose name, or an alias of it, is like `pattern` (as of files: "encoder.*"). They have no
 * gradient, no optimiser state and no update, no rank sends them, and no node of a tape is walked back for them alone. Errors:
 * HOOP_EARG (none is called so; the text says what is), HOOP_ESTATE after finalize. Calls: Local. */
HOOP_API hoop_status hoop_params_freeze(hoop_params *p, const char *pattern, hoop_error *err);
HOOP_API bool        hoop_params_frozen(const hoop_params *p, int i);
/** Lay the parameters out. `memory` (may be NULL: the store allocates) holds at least hoop_params_bytes, aligned to 64: weights,
 * then gradients. Calls: Local. */
HOOP_API hoop_status hoop_params_finalize(hoop_params *p, void *memory, hoop_error *err);
HOOP_API int64_t     hoop_params_bytes(const hoop_params *p);

HOOP_API hoop_dtype   hoop_params_dtype(const hoop_params *p);
HOOP_API int          hoop_params_count(const hoop_params *p);
HOOP_API const char  *hoop_params_name(const hoop_params *p, int i);
HOOP_API hoop_tensor *hoop_params_tensor(const hoop_params *p, int i);
HOOP_API int64_t      hoop_params_first_block(const hoop_params *p, int i);
HOOP_API int64_t      hoop_params_nblocks_of(const hoop_params *p, int i);
HOOP_API int64_t      hoop_params_nblocks(const hoop_params *p);        /* of the whole store */
HOOP_API int64_t      hoop_params_trained(const hoop_params *p);        /* blocks of those that are not frozen, the first ones */
HOOP_API int64_t      hoop_params_numel(const hoop_params *p);          /* without padding */
HOOP_API void        *hoop_params_data(const hoop_params *p);           /* 128 * nblocks elements */
HOOP_API void        *hoop_params_grad(const hoop_params *p);           /* 128 * trained elements */
HOOP_API void        *hoop_params_grad_of(const hoop_params *p, int i); /* NULL: it is frozen */
HOOP_API int          hoop_params_find(const hoop_params *p, const char *name); /* -1: none; aliases are found */
HOOP_API int          hoop_params_buffer_count(const hoop_params *p);
HOOP_API const char  *hoop_params_buffer_name(const hoop_params *p, int i);
HOOP_API hoop_tensor *hoop_params_buffer(const hoop_params *p, int i);
/** From now on gradients are kept in `grad`, NULL: in the store's own array again. It holds 128 * trained elements, aligned to
 * 64, zero behind each parameter's last one (whole blocks are summed); it is the caller's and outlives its use. Neither array is
 * changed. Errors: HOOP_ESTATE before finalize, HOOP_EARG. Calls: Local. */
HOOP_API hoop_status hoop_params_use_grad(hoop_params *p, void *grad, hoop_error *err);
/** From now on weights are in `data`, which holds them already; NULL: in the store's own array again. As for gradients; tapes
 * follow when they next use a parameter. Errors: HOOP_ESTATE before finalize, HOOP_EARG. Calls: Local. */
HOOP_API hoop_status hoop_params_use_data(hoop_params *p, void *data, hoop_error *err);
/** Tell that the weights were written: derived copies and older uses are stale. Calls: Local. */
HOOP_API void hoop_params_touch(hoop_params *p);
HOOP_API void hoop_params_zero_grad(hoop_params *p);

#ifdef __cplusplus
}
#endif
#endif
