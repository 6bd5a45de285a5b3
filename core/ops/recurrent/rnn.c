/* hoop_rnn: layers and directions of hoop_recurrent, as torch.nn.RNN, LSTM and GRU have them. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "tape/tape.h"

/* a net under way */
typedef struct net {
    hoop_tape           *t;
    const hoop_rnn_opts *o;
    int                  layers, ways;
    hoop_tensor        **h, **c; /* last states, (1, N, H) each; c NULL: none are wanted */
} net;

/* state i of all (layers * directions, N, H) as (N, H); NULL: 0 */
static hoop_tensor *state_of(const net *r, hoop_tensor *states, int i)
{
    hoop_tensor *one;
    if (states == NULL) return NULL;
    one = hoop_slice(r->t, states, 0, i, 1);
    return hoop_reshape(r->t, one, 2, (int64_t[]){hoop_tensor_size(states, 1), hoop_tensor_size(states, 2)});
}

static hoop_tensor *stacked(const net *r, hoop_tensor *state)
{
    return hoop_reshape(r->t, state, 3, (int64_t[]){1, hoop_tensor_size(state, 0), hoop_tensor_size(state, 1)});
}

/* one layer in one direction, x (N, T, I) */
static hoop_tensor *direction(const net *r, hoop_tensor *x, hoop_tensor *const *w, int i)
{
    hoop_tensor *sums = hoop_linear(r->t, x, w[0], w[2]), *h0 = state_of(r, r->o->h0, i), *c0 = state_of(r, r->o->c0, i);
    const hoop_recurrent_opts o = {r->o->kind, i % r->ways == 1, h0, c0, r->o->lengths, r->o->projected ? w[4] : NULL};
    hoop_tensor              *out[3];
    (void)hoop_recurrent(r->t, sums, w[1], w[3], &o, out);
    if (r->h != NULL) r->h[i] = stacked(r, out[1]);
    if (r->c != NULL && r->o->kind == HOOP_LSTM) r->c[i] = stacked(r, out[2]);
    return out[0];
}

static bool fine(hoop_tape *t, const net *r, const hoop_tensor *x)
{
    const hoop_tensor *states[] = {r->o->h0, r->o->c0};
    if (hoop_tensor_is_poison(x)) return false;
    if (hoop_tensor_ndim(x) != 3) {
        hoop_tape_fail(t, HOOP_ESHAPE, "rnn: x (N, T, I) is wanted, and it has %d dims", hoop_tensor_ndim(x));
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (states[i] == NULL || hoop_tensor_is_poison(states[i])) continue;
        if (hoop_tensor_ndim(states[i]) == 3 && hoop_tensor_size(states[i], 0) == (int64_t)r->layers * r->ways) continue;
        hoop_tape_fail(t, HOOP_ESHAPE, "rnn: %s (%d, N, H) is wanted: of %d layers in %d directions", i == 0 ? "h0" : "c0",
                       r->layers * r->ways, r->layers, r->ways);
        return false;
    }
    return true;
}

/**
 * hoop_rnn - a recurrent net: layers of one kind, each in one direction or both.
 * Shape   x (N, T, I), weights as PyTorch's -> y (N, T, H directions); h, c (layers directions, N, H)
 * Grad    of x, all weights, h0 and c0   Dtype f32, f64   Errors those of hoop_linear, hoop_recurrent, hoop_dropout
 */
hoop_tensor *hoop_rnn(hoop_tape *t, hoop_tensor *x, hoop_tensor *const *w, const hoop_rnn_opts *o, hoop_tensor **h,
                      hoop_tensor **c)
{
    static const hoop_rnn_opts zero = {0};
    net                        r    = {.t = t, .o = o == NULL ? &zero : o};
    r.layers                        = r.o->layers > 0 ? r.o->layers : 1;
    r.ways                          = r.o->bidirectional ? 2 : 1;
    if (h != NULL) *h = &t->poison;
    if (c != NULL) *c = &t->poison;
    if (x == NULL || !fine(t, &r, x)) return &t->poison;
    r.h = hoop__arena_alloc(&t->arena, (int64_t)r.layers * r.ways * 2 * (int64_t)sizeof *r.h);
    if (r.h == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "rnn: no memory for %d layers", r.layers);
        return &t->poison;
    }
    r.c = c == NULL ? NULL : r.h + r.layers * r.ways;
    if (h == NULL) r.h = NULL;
    if (r.o->time_first) x = hoop_transpose(t, x, 0, 1);
    for (int l = 0; l < r.layers; l++) {
        hoop_tensor *y[2];
        for (int d = 0; d < r.ways; d++) y[d] = direction(&r, x, w + (r.o->projected ? 5 : 4) * (l * r.ways + d), l * r.ways + d);
        x = r.ways == 1 ? y[0] : hoop_concat(t, y, 2, 2);
        if (l + 1 < r.layers && r.o->dropout > 0) x = hoop_dropout(t, x, r.o->dropout);
    }
    if (h != NULL) *h = hoop_concat(t, r.h, r.layers * r.ways, 0);
    if (c != NULL && r.o->kind == HOOP_LSTM) *c = hoop_concat(t, r.c, r.layers * r.ways, 0);
    return r.o->time_first ? hoop_transpose(t, x, 0, 1) : x;
}
