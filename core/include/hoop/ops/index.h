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
/** The same, of every step-th; HOOP_EARG (step below 1). */
HOOP_API hoop_tensor *hoop_slice_step(hoop_tape *t, hoop_tensor *x, int dim, int64_t first, int64_t count, int64_t step);
/** A new dim of size 1: (A, B) -> (A, 1, B); dx = dy without it; any; HOOP_ESHAPE (no such place). */
HOOP_API hoop_tensor *hoop_unsqueeze(hoop_tape *t, hoop_tensor *x, int dim);
/** Without a dim of size 1: (A, 1, B) -> (A, B); dx = dy with it; any; HOOP_ESHAPE (no such dim, or not of size 1). */
HOOP_API hoop_tensor *hoop_squeeze(hoop_tape *t, hoop_tensor *x, int dim);
/** A diagonal of two dims: (.., A, .., B, ..) -> (.., n), n elements of which the first is `offset` further towards the end of
 * dim_b; dx = dy there; any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_diagonal(hoop_tape *t, hoop_tensor *x, int64_t offset, int dim_a, int dim_b);
/** Windows: (.., N, ..) -> (.., L, .., size), L = (N - (size - 1) dilation - 1) / step + 1; dx = dy, added up where they overlap;
 * any; HOOP_ESHAPE, HOOP_EARG, HOOP_ERANGE. */
HOOP_API hoop_tensor *hoop_unfold(hoop_tape *t, hoop_tensor *x, int dim, int64_t size, int64_t step, int64_t dilation);
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

/** n tensors (A, B) -> (A, n, B), the new dim where it is said; dxi = its part of dy; any, all one; HOOP_ESHAPE, HOOP_EDTYPE,
 * HOOP_EARG (n). */
HOOP_API hoop_tensor *hoop_stack(hoop_tape *t, hoop_tensor *const *xs, int n, int dim);
/** In up to n parts of ceil(N / n), the last of what is left, into outs[n], *parts of them (may be NULL); returns the first:
 * (.., N, ..) -> parts; dx = each dyi at its part; any; HOOP_EARG (n), HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_chunk(hoop_tape *t, hoop_tensor *x, int dim, int n, hoop_tensor **outs, int *parts);
typedef enum hoop_pad_mode { HOOP_PAD_CONSTANT, HOOP_PAD_REFLECT, HOOP_PAD_REPLICATE, HOOP_PAD_CIRCULAR } hoop_pad_mode;
/** Borders, n numbers from 0 on: before and after the last dim, then of the one before it, ..: (.., N, ..) -> (.., b + N + a,
 * ..); dx = dy, the borders' too where they came from; any; HOOP_EARG, HOOP_ESHAPE (wider than what they come from). */
HOOP_API hoop_tensor *hoop_pad(hoop_tape *t, hoop_tensor *x, int n, const int64_t *pads, hoop_pad_mode mode, double value);
/** The dims of a bit mask from their end: (...) -> same; dx = dy flipped; any; HOOP_ESHAPE (no such dim). */
HOOP_API hoop_tensor *hoop_flip(hoop_tape *t, hoop_tensor *x, unsigned dims);
/** Element i to (i + shift) mod N: (.., N, ..) -> same; dx = dy rolled back; any; HOOP_ESHAPE (no such dim). */
HOOP_API hoop_tensor *hoop_roll(hoop_tape *t, hoop_tensor *x, int dim, int64_t shift);
/** So many times along each of n dims, the last ones x's: (A, B) -> (count0 A, count1 B); dx = dy summed over repetitions; any;
 * HOOP_EARG, HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_repeat(hoop_tape *t, hoop_tensor *x, int n, const int64_t *count);
/** Each element of a dim so many times: (.., N, ..) -> (.., N count, ..); dx = dy summed over repetitions; any; HOOP_EARG,
 * HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_repeat_interleave(hoop_tape *t, hoop_tensor *x, int dim, int64_t count);
/** Zeros below a diagonal of the last two dims (0: the main one, above 0: further right): (.., M, N) -> same; dx = triu of dy;
 * any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_triu(hoop_tape *t, hoop_tensor *x, int64_t diagonal);
/** Zeros above it: as hoop_triu. */
HOOP_API hoop_tensor *hoop_tril(hoop_tape *t, hoop_tensor *x, int64_t diagonal);
/** kernel (at least 1), stride, padding, dilation of each spatial dim; 0: 1, of padding 0. */
typedef struct hoop_patches_opts {
    int64_t kernel[3], stride[3], padding[3], dilation[3];
} hoop_patches_opts;
/** Patches as columns: (N, C, spatial..) -> (N, C prod(kernel), L), 1 to 3 spatial dims; dx = dy, added up where they overlap;
 * f32, f64; HOOP_ESHAPE, HOOP_EARG, HOOP_ERANGE. */
HOOP_API hoop_tensor *hoop_im2col(hoop_tape *t, hoop_tensor *x, const hoop_patches_opts *opts);
/** Columns added up to images of these sizes: (N, C prod(kernel), L) -> (N, C, sizes..); dx = patches of dy; as hoop_im2col. */
HOOP_API hoop_tensor *hoop_col2im(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *sizes, const hoop_patches_opts *opts);

/* Order. *places, which may be NULL, gets where each was (i64). */

/** In order, equal ones as they were, NaN as the largest: (.., N, ..) -> same; dx[places] = dy; any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_sort(hoop_tape *t, hoop_tensor *x, int dim, bool descending, hoop_tensor **places);
/** These places: (.., N, ..) -> i64 of the same; no gradient; any; HOOP_ESHAPE. */
HOOP_API hoop_tensor *hoop_argsort(hoop_tape *t, hoop_tensor *x, int dim, bool descending);
/** The k largest or smallest in order, of equal ones the first: (.., N, ..) -> (.., k, ..); dx[places] = dy; any; HOOP_ESHAPE,
 * HOOP_ERANGE (k). */
HOOP_API hoop_tensor *hoop_topk(hoop_tape *t, hoop_tensor *x, int64_t k, int dim, bool largest, hoop_tensor **places);

/* Look-ups. Indices are i64; what is added to one place comes in the order of positions. */

/** y[.., i, ..] = x[.., index[.., i, ..], ..]: (.., N, ..), index (.., K, ..) -> index's; dx[index] = dy; any; HOOP_ESHAPE,
 * HOOP_EDTYPE, HOOP_ERANGE (index). */
HOOP_API hoop_tensor *hoop_gather(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor *index);
/** x, and src at the places index[.., i, ..]: (.., N, ..), (.., K, ..) twice -> x's; dx = dy, dsrc = dy there; f32, f64;
 * HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (index). */
HOOP_API hoop_tensor *hoop_scatter_add(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor *index, hoop_tensor *src);
/** At some places of a dim: (.., N, ..), index (K) -> (.., K, ..); dx[index] = dy; any; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE. */
HOOP_API hoop_tensor *hoop_index_select(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor *index);
/** x, and parts of src at some places of a dim: (.., N, ..), (K), (.., K, ..) -> x's; dx = dy, dsrc = dy there; f32, f64;
 * HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (index). */
HOOP_API hoop_tensor *hoop_index_add(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor *index, hoop_tensor *src);

/** Rows of a table: w (R, D), i64 (...) -> (..., D); dw[index] = dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (index). */
HOOP_API hoop_tensor *hoop_embedding(hoop_tape *t, hoop_tensor *w, hoop_tensor *index);
/** The same, and no gradient for the row `padding` (below 0: from the end); HOOP_ERANGE also where there is no such row. */
HOOP_API hoop_tensor *hoop_embedding_padded(hoop_tape *t, hoop_tensor *w, hoop_tensor *index, int64_t padding);

#ifdef __cplusplus
}
#endif
#endif
