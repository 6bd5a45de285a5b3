/**
 * hoop/ops/index.h - ops: shape and index: views, copies, look-ups.
 * What holds of all is said in hoop/ops.h, which includes this.
 */
#ifndef HOOP_OPS_INDEX_H
#define HOOP_OPS_INDEX_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Views, which share x's storage. Dims below 0 count from the end. */

/** The same elements, of which one size may be -1: (...) -> shape (a copy where x is not contiguous); dx = dy; any; HOOP_ESHAPE.
 */
HOOP_API hoop_tensor *hoop_reshape(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);
/** Dim d of the result is dim dims[d] of x, each once: (N0, N1, ..) -> (N[dims[0]], ..); dx = dy, put back; any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_permute(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *dims);
/** (.., A, .., B, ..) -> (.., B, .., A, ..); dx = dy, swapped; any; HOOP_ESHAPE (no such dim). */
HOOP_API hoop_tensor *hoop_transpose(hoop_tape *t, hoop_tensor *x, int dim_a, int dim_b);
/** Dims of size 1, and new ones in front, repeated: (...) -> shape; dx = dy, summed to x's shape; any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_expand(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);
/** (.., N, ..) -> (.., count, ..) from `first` on; dx = dy there; any; HOOP_ESHAPE (no such dim), HOOP_ERANGE. */
HOOP_API hoop_tensor *hoop_slice(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t count);
/** x, through which no gradient flows: (...) -> same; none; any. */
HOOP_API hoop_tensor *hoop_detach(hoop_tape *t, hoop_tensor *x);

/* Copies. */

/** Zeros with x from `first` on: (.., n, ..) -> (.., size, ..); dx = that part of dy; f32, f64; HOOP_ESHAPE, HOOP_ERANGE,
 * HOOP_EDTYPE. */
HOOP_API hoop_tensor *hoop_unslice(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t size);
/** n tensors (.., Ni, ..) -> (.., sum Ni, ..); dxi = its part of dy; any, all one; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (n < 1).
 */
HOOP_API hoop_tensor *hoop_concat(hoop_tape *t, hoop_tensor *const *xs, int n, int dim);
/** In n parts, of sizes[i] or (sizes NULL) of equal size, into outs[n]; returns the first: (.., sum Ni, ..) -> n of (.., Ni, ..);
 * dx = each dyi at its part; any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_split(hoop_tape *t, hoop_tensor *x, int dim, int n, const int64_t *sizes, hoop_tensor **outs);
/** In row-major order: (...) -> same; dx = dy; any. */
HOOP_API hoop_tensor *hoop_contiguous(hoop_tape *t, hoop_tensor *x);
/** Floats to integers truncate towards zero: (...) -> same; dx = dy, cast back (floats); any; HOOP_EDTYPE (no such dtype). */
HOOP_API hoop_tensor *hoop_cast(hoop_tape *t, hoop_tensor *x, hoop_dtype dtype);
/** One value, as hoop_cast makes it of f64: -> shape; no gradient; any; HOOP_ESHAPE, HOOP_EDTYPE (no such dtype). */
HOOP_API hoop_tensor *hoop_fill(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, double value);
/** start + i step, i below n: -> (n); no gradient; any; HOOP_ESHAPE (n), HOOP_EDTYPE (no such dtype). */
HOOP_API hoop_tensor *hoop_arange(hoop_tape *t, hoop_dtype dtype, int64_t n, double start, double step);
/** 1 at the label: i64 (...) -> (..., classes), a row of zeros for HOOP_IGNORE_LABEL; no gradient; to f32, f64; HOOP_ERANGE. */
HOOP_API hoop_tensor *hoop_one_hot(hoop_tape *t, hoop_tensor *label, int64_t classes, hoop_dtype dtype);

/* Look-ups. */

/** Rows of a table: w (R, D), i64 (...) -> (..., D); dw[index] = dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (index). */
HOOP_API hoop_tensor *hoop_embedding(hoop_tape *t, hoop_tensor *w, hoop_tensor *index);

#ifdef __cplusplus
}
#endif
#endif
