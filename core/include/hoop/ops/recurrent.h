/** hoop/ops/recurrent.h - ops: recurrent nets. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_RECURRENT_H
#define HOOP_OPS_RECURRENT_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/** h' of a step, with sums s of its gates, PyTorch's: tanh s; max(s, 0); LSTM (gates i, f, g, o); GRU (r, z, n). */
typedef enum hoop_cell_kind { HOOP_RNN_TANH, HOOP_RNN_RELU, HOOP_LSTM, HOOP_GRU, HOOP_CELLS } hoop_cell_kind;
/** Gates of a kind: 1, 1, 4, 3. Calls: Local. */
HOOP_API int64_t hoop_cell_gates(hoop_cell_kind kind);

/** Zero is the default. */
typedef struct hoop_recurrent_opts {
    hoop_cell_kind kind;
    bool           reverse; /* from the last step to the first */
    hoop_tensor   *h0, *c0; /* (N, H): the state before the first step; c0 of an LSTM alone; NULL: 0 */
    hoop_tensor   *lengths; /* i64 (N): steps of each row, the first so many; what follows gives 0 and changes no state */
    hoop_tensor   *proj;    /* (P, H), of an LSTM: its h is this times what it would be, and P is in H's place in w, y and h0 */
} hoop_recurrent_opts;

/** One layer in one direction: x (N, T, G H) the inputs' share of the gates' sums (hoop_linear), w (G H, H), b (G H) or NULL ->
 * y (N, T, H). outs (may be NULL): y, the last state h (N, H), of an LSTM c (N, H). dx, dw, db, dh0, dc0, dproj. f32, f64.
 * ESHAPE, EDTYPE, ERANGE (a length not in [0, T]). */
HOOP_API hoop_tensor *hoop_recurrent(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop_recurrent_opts *o,
                                     hoop_tensor **outs);

/** A net of layers, as torch.nn.RNN, LSTM and GRU. Zero is the default. */
typedef struct hoop_rnn_opts {
    hoop_cell_kind kind;
    int            layers;        /* 0: 1 */
    bool           bidirectional; /* each layer also from the end; outputs of both side by side */
    bool           time_first;    /* x and y are (T, N, ..), PyTorch's batch_first=False */
    double         dropout;       /* on the outputs of all layers but the last, in training */
    hoop_tensor   *h0, *c0;       /* (layers * directions, N, H; h0 projected: N, P); NULL: 0 */
    hoop_tensor   *lengths;       /* as above */
    bool           projected;     /* of an LSTM: each direction has a fifth weight, weight_hr (P, H) */
} hoop_rnn_opts;

/** x (N, T, I) -> y (N, T, H or 2 H; projected, P or 2 P). w: for each layer, and in it each direction, weight_ih (G H, I),
 * weight_hh (G H, H), bias_ih and bias_hh (G H), which may be NULL. h, c (may be NULL) receive the last states (layers *
 * directions, N, H). Errors as those of hoop_linear, hoop_recurrent and hoop_dropout. */
HOOP_API hoop_tensor *hoop_rnn(hoop_tape *t, hoop_tensor *x, hoop_tensor *const *w, const hoop_rnn_opts *o, hoop_tensor **h,
                               hoop_tensor **c);

#ifdef __cplusplus
}
#endif
#endif
