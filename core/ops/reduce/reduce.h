/**
 * core/ops/reduce/reduce.h - what reductions over any dims share.
 *
 * x is taken as it lies in memory where that is without gaps (images lie channels-last), and as runs of dims of one kind, reduced
 * or kept. Which way is taken depends on nothing that the number of rows in dim 0 decides: leaves keep their bits.
 */
#ifndef HOOP_REDUCE_OPS_H
#define HOOP_REDUCE_OPS_H

#include "hoop/ops.h"
#include "kernels/reduce.h"
#include "ops/shape.h"

/* the beginning of every reduction's attributes */
typedef struct reduce_attrs {
    int64_t dims; /* bit mask */
    int64_t keep;
} reduce_attrs;
extern const hoop_field hoop__reduce_fields[2];

bool    hoop__reduces(const reduce_attrs *a, int d);
int64_t hoop__reduced_count(const hoop_view *x, const reduce_attrs *a);

/* the shape of what comes out, of x's dtype; refuses what is empty where something is wanted of it */
hoop_status hoop__reduce_shape(hoop_shape_call *s);
hoop_status hoop__reduce_shape_some(hoop_shape_call *s);
hoop_status hoop__fold_shape(hoop_shape_call *s, int kind); /* in the dtype that it folds to */
int         hoop__reduce_samples(const hoop_samples_call *s);

/* y (+)= what the row's kind (its kernel, a hoop_reduce_kind) makes of x, pass by pass */
hoop_status hoop__fold(const hoop_call *c);
int64_t     hoop__fold_workspace(const hoop_call *c);

/* one pass: stats of a kind, or places */
hoop_status hoop__stat(const hoop_call *c, int kind, double param);
hoop_status hoop__place(const hoop_call *c, bool smallest);
int64_t     hoop__stat_workspace(const hoop_call *c);
int64_t     hoop__place_workspace(const hoop_call *c);

/* an output, or its gradient, with the reduced dims put back as size 1 */
hoop_tensor *hoop__with_dims(hoop_backward_call *b, hoop_tensor *y);
/* x as (what is kept, what is reduced), a row an output: work has room for all of it */
void hoop__reduced_rows(const hoop_call *c, const hoop_view *x, void *work);

/* along a dim, in the order of memory: sums or products (hoop_running_kind) of in[0]; attributes that begin with the dim */
hoop_status hoop__running_shape(hoop_shape_call *s, int64_t dim);
hoop_status hoop__running(const hoop_call *c, int kind, int64_t dim, bool reverse);
int         hoop__running_samples(const hoop_samples_call *s);
/* of x, the product of what stands before each element along a dim */
hoop_tensor *hoop__products_before(hoop_tape *t, hoop_tensor *x, int dim);

/* for gradients of products, an f64 an element of the output: in the workspace, or the output itself where it is f64 */
int64_t hoop__products_workspace(const hoop_call *c);
double *hoop__products_f64(const hoop_call *c);

/* of each output, the elements it is made of: visit(ctx, output, the element's number there, value) in row-major order */
void hoop__reduce_walk(const hoop_call *c, void (*visit)(void *ctx, int64_t to, int64_t k, double v), void *ctx);

#define HOOP__REDUCTION(attrs_type, its_fields)                                                                                  \
    .min_in = 1, .max_in = 1, .nout = 1, .attrs_size = sizeof(attrs_type), HOOP_FIELDS(its_fields),                              \
    .samples = hoop__reduce_samples

#endif
