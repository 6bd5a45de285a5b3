/** core/kernels/recurrent.h - the cells of recurrent nets: what one step does with the sums of its gates, forward and backward.
 */
#ifndef HOOP_RECURRENT_KERNELS_H
#define HOOP_RECURRENT_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/ops/recurrent.h"

/**
 * Step `at` of `rows` sequences, H = hidden units, G = 1 (RNN), 4 (LSTM: i, f, g, o) or 3 (GRU: r, z, n) gates in PyTorch's
 * order. before: the step that was made before it; out of [0, steps): none was. A row r with length[r] <= at stands still: its
 * state stays, what it gives is 0. Sequences are (rows, steps, ..), row by row; length may be NULL.
 */
typedef struct hoop_cell {
    int64_t        rows, hidden, steps, at, before;
    const int64_t *length;
    void          *g; /* (rows, G H), rows g_row apart: forward W h + b; backward the gradient of that, to be filled */
    void          *h; /* (rows, H), rows h_row apart: the state; backward its gradient */
    int64_t        g_row, h_row;
    void          *c;     /* (rows, H): LSTM's cell; backward its gradient */
    const void    *x;     /* (rows, steps, G H): W x + b; forward only */
    void          *y;     /* (rows, steps, H) */
    void          *gates; /* (rows, steps, 4 H): LSTM i, f, g, o; GRU r, z, n and n's share of W h + b */
    void          *cells; /* (rows, steps, H): LSTM's c */
    /* backward only */
    const void *h0, *c0; /* (rows, H); NULL: 0 */
    const void *zeros;   /* (H) */
    const void *dy;      /* (rows, steps, H); NULL: 0 */
    void       *dx;      /* (rows, steps, G H): the gradient of x */
    void       *dg;      /* the same of g, where it is another (GRU) */
} hoop_cell;

/* forward: h and c become the step's. backward: of h what the gates hand on is missing, W^T g, which the caller adds */
typedef void hoop_cell_fn(const hoop_cell *c);

typedef struct hoop_recurrent_kernels {
    hoop_cell_fn *cell[HOOP_CELLS][2], *cell_grad[HOOP_CELLS][2]; /* [kind][f32, f64] */
} hoop_recurrent_kernels;

#endif
