/** core/ops/shape.h - what an op is written with: views, kernels, and the shape rules and loops that several share. */
#ifndef HOOP_SHAPE_H
#define HOOP_SHAPE_H

#include "hoop/op.h"

#include "base/threads.h"
#include "kernels/kernels.h"
#include "tensor/view.h"

/* shape rules */
hoop_status hoop__shape_unary(hoop_shape_call *s);         /* float x -> same */
hoop_status hoop__shape_same(hoop_shape_call *s);          /* all inputs of one float dtype and shape -> same */
hoop_status hoop__shape_broadcast(hoop_shape_call *s);     /* two of one float dtype -> the broadcast shape */
hoop_status hoop__shape_unary_any(hoop_shape_call *s);     /* x of any dtype -> same */
hoop_status hoop__shape_broadcast_any(hoop_shape_call *s); /* two of any one dtype -> the broadcast shape */
hoop_status hoop__shape_rows(hoop_shape_call *s);          /* as same, with at least one dim */
hoop_status hoop__check_float(hoop_shape_call *s, int i);

/* where samples are (hoop_op.samples), besides hoop__samples_rows */
int hoop__samples_any(const hoop_samples_call *s);       /* one input: in the same dim, whichever it is */
int hoop__samples_outer(const hoop_samples_call *s);     /* all inputs of one shape: in any dim but the last */
int hoop__samples_broadcast(const hoop_samples_call *s); /* element by element: in any dim */

/* checks of what an input is; the text says what would be right */
void hoop__out_like(hoop_view *out, const hoop_view *x);

/* strides of x broadcast to out's shape (0 where x has size 1 or no dim) */
void hoop__broadcast_strides(const hoop_view *x, const hoop_view *out, int64_t *stride);

/* row-major walk over the outer dims of a shape; offsets of up to three operands in elements */
typedef struct hoop_walk {
    int            ndim; /* outer dims */
    const int64_t *shape;
    const int64_t *stride[3];
    int64_t        index[HOOP_MAX_DIMS], at[3];
    int            noperands;
} hoop_walk;
void hoop__walk_to(hoop_walk *w, int64_t i); /* from the first position to number i */
void hoop__walk_next(hoop_walk *w);

/* Images and the like are (N, C, spatial..) and lie in memory as (N, spatial.., C), which rows of the table take. Views: of x as
 * it lies, and back. Fewer than 3 dims stay as they are. */
hoop_tensor *hoop__channels_last(hoop_tape *t, hoop_tensor *x);
hoop_tensor *hoop__channels_first(hoop_tape *t, hoop_tensor *y);

/* rows and columns of the last dim */
void hoop__rows(const hoop_view *x, int64_t *rows, int64_t *cols);

/* merge neighbouring dims that all operands walk evenly; returns how many are left: most calls become one inner loop */
int hoop__collapse(int ndim, int64_t *shape, int64_t *const *stride, int noperands);

/* kernels of elementwise ops on views */
hoop_status hoop__run_unary(const hoop_call *c, int kernel);
hoop_status hoop__run_unary_grad(const hoop_call *c, int kernel);
hoop_status hoop__run_binary(const hoop_call *c, int kernel);
hoop_status hoop__run_scalar(const hoop_call *c, int kernel, double b); /* binary, of in[0] and a number of its dtype */
/* those with up to HOOP_TUNED_PARAMS parameters (kernels/elementwise.h) */
hoop_status hoop__run_tuned(const hoop_call *c, int kernel, const double *p);
hoop_status hoop__run_tuned_grad(const hoop_call *c, int kernel, const double *p);
/* the same, by the op's own kernel */
hoop_status hoop__forward_unary(const hoop_call *c);
hoop_status hoop__forward_unary_grad(const hoop_call *c);
hoop_status hoop__forward_binary(const hoop_call *c);

/* By all threads: x, of any strides, to `to` in row-major order; rows of `bytes`, steps in bytes, added where call->add; zeros.
 */
void hoop__copy(const hoop_call *c, const hoop_view *x, void *to);
void hoop__copy_rows(const hoop_call *c, int64_t rows, int64_t bytes, const void *from, int64_t from_step, void *to,
                     int64_t to_step);
void hoop__clear(const hoop_call *c, void *to, int64_t bytes);

/* the work of a row of exponentials (hoop_threads_share) */
int64_t hoop__exp_weight(const hoop_call *c, int64_t cols);

/* element i of any view of f64 or i64 in row-major order, for references */
double hoop__at(const hoop_view *x, int64_t i);
/* the same of a contiguous output: set to value */
void hoop__put(const hoop_view *y, int64_t i, double value);
/* references: out[0] of the op's unary or binary at each element, of one input or of two that are broadcast */
void hoop__reference_unary(const hoop_call *c);
void hoop__reference_binary(const hoop_call *c);

/* flags of an op of the lists below, and of its gradient */
#define HOOP__ELEMENTWISE (HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER)
#define HOOP__ELEMENTWISE_GRAD (HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER)

/* What descriptors of elementwise ops have in common: f(x), the gradient of one of y and dy, f(a, b) broadcast. */
#define HOOP__UNARY(number, f)                                                                                                   \
    .min_in = 1, .max_in = 1, .nout = 1, .shape = hoop__shape_unary, .forward = hoop__forward_unary, .kernel = (number),         \
    .reference = hoop__reference_unary, .unary = (f), .samples = hoop__samples_broadcast
#define HOOP__UNARY_GRAD(number, f)                                                                                              \
    .min_in = 2, .max_in = 2, .nout = 1, .shape = hoop__shape_same, .forward = hoop__forward_unary_grad, .kernel = (number),     \
    .reference = hoop__reference_binary, .binary = (f), .samples = hoop__samples_broadcast
#define HOOP__BINARY(number, f)                                                                                                  \
    .min_in = 2, .max_in = 2, .nout = 1, .shape = hoop__shape_broadcast, .forward = hoop__forward_binary, .kernel = (number),    \
    .reference = hoop__reference_binary, .binary = (f), .samples = hoop__samples_broadcast
/* of integers, too */
#define HOOP__UNARY_ANY(number, f)                                                                                               \
    .min_in = 1, .max_in = 1, .nout = 1, .shape = hoop__shape_unary_any, .forward = hoop__forward_unary, .kernel = (number),     \
    .reference = hoop__reference_unary, .unary = (f), .samples = hoop__samples_broadcast
#define HOOP__BINARY_ANY(number, f)                                                                                              \
    .min_in = 2, .max_in = 2, .nout = 1, .shape = hoop__shape_broadcast_any, .forward = hoop__forward_binary,                    \
    .kernel = (number), .reference = hoop__reference_binary, .binary = (f), .samples = hoop__samples_broadcast

#endif
