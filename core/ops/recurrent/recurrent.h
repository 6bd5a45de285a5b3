/** core/ops/recurrent/recurrent.h - what the files of this folder share: attributes of the two ops, and the steps of a sequence.
 */
#ifndef HOOP_RECURRENT_H
#define HOOP_RECURRENT_H

#include "hoop/ops.h"
#include "kernels/recurrent.h"
#include "ops/shape.h"
#include "runtime/blas.h"

/* which of its inputs a call has: flags are 0 or 1 */
typedef struct hoop__recurrent_attrs {
    int64_t kind, reverse, bias, h0, c0, lengths, proj;
} hoop__recurrent_attrs;
#define HOOP__RECURRENT_FIELDS                                                                                                   \
    {"kind", 'i', offsetof(hoop__recurrent_attrs, kind)}, {"reverse", 'i', offsetof(hoop__recurrent_attrs, reverse)},            \
        {"bias", 'i', offsetof(hoop__recurrent_attrs, bias)}, {"h0", 'i', offsetof(hoop__recurrent_attrs, h0)},                  \
        {"c0", 'i', offsetof(hoop__recurrent_attrs, c0)}, {"lengths", 'i', offsetof(hoop__recurrent_attrs, lengths)},            \
    {                                                                                                                            \
        "proj", 'i', offsetof(hoop__recurrent_attrs, proj)                                                                       \
    }

/* the gradient: and which of those of the outputs came */
typedef struct hoop__recurrent_grad_attrs {
    hoop__recurrent_attrs of;
    int64_t               dy, dh, dc;
} hoop__recurrent_grad_attrs;

/* outputs: y, h, then of LSTM c, gates, cells and, where it is projected, o tanh(c); of GRU gates. Inputs: x, w, then b, r (the
 * projection), h0, c0, lengths, as far as the call has them */
enum { X, W, Y = 0, LAST_H = 1, UNPROJECTED = 5 };
typedef struct hoop__places {
    int b, r, h0, c0, lengths; /* -1: none */
} hoop__places;
hoop__places hoop__recurrent_places(const hoop__recurrent_attrs *a);
int          hoop__recurrent_gates_at(int64_t kind); /* the output that saves gates; -1: none does */

/* of recurrent_grad: w, y, gates, cells, r, h0, c0, lengths, dy, dh, dc, as far as the call has them -> dx, the states before,
 * dh0, then of LSTM dc0 and, where it is projected, the gradients of all h; of GRU the gradient of w h + b */
typedef struct hoop__grad_places {
    int gates, cells, r, h0, c0, lengths, dy, dh, dc, count;
} hoop__grad_places;
enum { GRAD_W, GRAD_Y, DX = 0, BEFORE = 1, DH0 = 2, MORE = 3, DPROJ = 4 };
hoop__grad_places hoop__recurrent_grad_places(const hoop__recurrent_grad_attrs *a);

/* parts of both shape rules: the kind, the flags and how many inputs there are; input i (-1: none) of that dtype and shape */
hoop_status hoop__recurrent_flags(hoop_shape_call *s, const hoop__recurrent_attrs *a, int inputs);
hoop_status hoop__recurrent_input(hoop_shape_call *s, int i, const char *name, int dtype, int ndim, const int64_t *shape);
/* all inputs but weights w, b and r run over samples in dim 0 */
int hoop__recurrent_samples(const hoop_samples_call *s, int w, int b, int r);

static inline const void *hoop__data_of(const hoop_call *c, int i)
{
    return i < 0 ? NULL : c->in[i]->data;
}

/* element `at` of input i in references; -1: there is none, and it is 0 */
static inline double hoop__begin_reference(const hoop_call *c, int i, int64_t at)
{
    return i < 0 ? 0.0 : ((const double *)c->in[i]->data)[at];
}

/* what a step multiplies with: (rows, k) (k, n) */
typedef struct hoop__weight {
    const void *w, *bias; /* bias (n), or NULL */
    int64_t     ld, k, n;
    bool        turned; /* w is (n, k) */
    char       *panels;
} hoop__weight;

/* all rows through all steps. A state has `width` elements: `hidden`, or those it is projected to. */
typedef struct hoop__sequence {
    const hoop_call *c;
    hoop_cell        all;
    hoop_cell_fn    *cell;
    hoop_gemm_fn    *kernel; /* NULL: BLAS */
    hoop_dtype       dtype;
    bool             reverse, grad, packed;
    hoop__weight     w, r; /* (G H, width) with the bias (G H); the projection (width, H), w NULL: none */
    int64_t          width;
    void            *y;                 /* (rows, steps, width) */
    const void      *first_h, *first_c; /* what h (rows, width) and c (rows, H) begin with; NULL: 0 */
    const void      *dy;                /* of a projected one: (rows, steps, width), or NULL; grad only */
    void            *last_h;
    void            *before; /* (rows, steps, width): the state before each step; grad only */
    void            *dproj;  /* the same: the gradient of each h that was projected; grad only */
    int64_t          parts;
    char            *zeros, *g, *h, *u, *work; /* u: what is projected, or its gradient, (rows, H) */
    int64_t          work_bytes;
} hoop__sequence;
int64_t     hoop__sequence_bytes(hoop__sequence s); /* of workspace */
hoop_status hoop__sequence_run(hoop__sequence *s);

#endif
