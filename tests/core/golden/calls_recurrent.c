/* Functions of the cases of recurrent. Their inputs: x, then weights, then h0, c0 and lengths as options say. */
#include "golden.h"

static hoop_tensor *rnn(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_rnn_opts o     = {.kind          = (hoop_cell_kind)golden_int(c, "kind", 0, 0),
                           .layers        = (int)golden_int(c, "layers", 0, 1),
                           .bidirectional = golden_int(c, "bidirectional", 0, 0) != 0,
                           .time_first    = golden_int(c, "time_first", 0, 0) != 0,
                           .projected     = golden_int(c, "projected", 0, 0) != 0};
    hoop_tensor  *w[64] = {NULL};
    const bool    bias  = golden_int(c, "bias", 0, 1) != 0;
    const int     sets  = o.layers * (o.bidirectional ? 2 : 1);
    const int     each  = o.projected ? 5 : 4;
    int           n     = 1;
    for (int i = 0; i < each * sets; i++) w[i] = i % each < 2 || i % each == 4 || bias ? x[n++] : NULL;
    if (golden_int(c, "state", 0, 0) != 0) o.h0 = x[n++];
    if (golden_int(c, "state", 0, 0) != 0 && o.kind == HOOP_LSTM) o.c0 = x[n++];
    if (golden_int(c, "packed", 0, 0) != 0) o.lengths = x[n++];
    out[0] = hoop_rnn(t, x[0], w, &o, &out[1], o.kind == HOOP_LSTM ? &out[2] : NULL);
    return out[0];
}

extern const golden_call golden_calls_recurrent[];
const golden_call        golden_calls_recurrent[] = {{"rnn", rnn}, {NULL, NULL}};
