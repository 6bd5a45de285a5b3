/* rnn, lstm, gru: (N, T, I) -> (N, T, hidden), twice that in both directions; parameters as torch.nn's of these names. */
#include "hoop/ops.h"
#include "nn/module.h"

#include <stdio.h>

enum { MOST = HOOP_MODULE_SLOTS / 4 }; /* layers: each has four parameters in a direction, or five */

static const char *const nonlinearities[] = {"tanh", "relu", NULL};
#define ROWS                                                                                                                     \
    {"hidden", HOOP_OPT_INT, offsetof(hoop_rnn_module_opts, hidden), NULL, 1, 1e6, NULL, true, "units of a layer"},              \
        {"layers", HOOP_OPT_INT, offsetof(hoop_rnn_module_opts, layers), "1", 1, MOST,                                           \
         NULL,     true,         "layers, one on top of the other"},                                                             \
        {"bidirectional",                                                                                                        \
         HOOP_OPT_BOOL,                                                                                                          \
         offsetof(hoop_rnn_module_opts, bidirectional),                                                                          \
         "false",                                                                                                                \
         0,                                                                                                                      \
         0,                                                                                                                      \
         NULL,                                                                                                                   \
         true,                                                                                                                   \
         "each layer also from the last step to the first; twice as many outputs"},                                              \
        {"dropout", HOOP_OPT_FLOAT, offsetof(hoop_rnn_module_opts, dropout), "0", 0, 0.999,                                      \
         NULL,      true,           "of outputs between layers, in training"},                                                   \
    {                                                                                                                            \
        "no_bias", HOOP_OPT_BOOL, offsetof(hoop_rnn_module_opts, no_bias), "false", 0, 0, NULL, true, "leave both biases out"    \
    }
static const hoop_option rows[]      = {ROWS};
static const hoop_option rnn_rows[]  = {ROWS,
                                        {"nonlinearity", HOOP_OPT_ENUM, offsetof(hoop_rnn_module_opts, nonlinearity), "tanh", 0, 0,
                                         nonlinearities, true, "of its one gate"}};
static const hoop_option lstm_rows[] = {ROWS,
                                        {"proj_size", HOOP_OPT_INT, offsetof(hoop_rnn_module_opts, proj_size), "0", 0, 1e6, NULL,
                                         true, "what it gives is projected to so many, fewer than hidden; 0: it is not"}};

extern const hoop_module_kind hoop__module_rnn, hoop__module_lstm, hoop__module_gru;

static hoop_cell_kind cell_of(const hoop_module *m)
{
    const hoop_rnn_module_opts *o = hoop_module_opts(m);
    if (hoop_module_kind_of(m) == &hoop__module_lstm) return HOOP_LSTM;
    if (hoop_module_kind_of(m) == &hoop__module_gru) return HOOP_GRU;
    return o->nonlinearity == 0 ? HOOP_RNN_TANH : HOOP_RNN_RELU;
}

/* parameters of a layer in a direction, and what it gives */
static int each_of(const hoop_rnn_module_opts *o)
{
    return o->proj_size > 0 ? 5 : 4;
}
static int64_t width_of(const hoop_rnn_module_opts *o)
{
    return o->proj_size > 0 ? o->proj_size : o->hidden;
}

/* those of layer l in direction d, from slot on */
static hoop_status direction_build(hoop_module *m, int slot, int64_t l, int d, int64_t in, hoop_error *err)
{
    static const char *const    names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"};
    const hoop_rnn_module_opts *o       = hoop_module_opts(m);
    const int64_t               gates = o->hidden * hoop_cell_gates(cell_of(m)), width = width_of(o);
    hoop_status                 st = HOOP_OK;
    for (int i = 0; i < each_of(o) && st == HOOP_OK; i++) {
        const bool    bias     = i == 2 || i == 3;
        const int64_t shape[2] = {i == 4 ? width : gates, i == 0 ? in : i == 4 ? o->hidden : width};
        char          name[64];
        if (bias && o->no_bias) continue;
        (void)snprintf(name, sizeof name, "%s_l%lld%s", names[i], (long long)l, d == 0 ? "" : "_reverse");
        st =
            hoop_module_param(m, slot + i, name, bias ? HOOP_PARAM_BIAS : HOOP_PARAM_WEIGHT, bias ? 1 : 2, shape, o->hidden, err);
    }
    return st;
}

static hoop_status build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_rnn_module_opts *o      = hoop_module_opts(m);
    const int                   ways   = o->bidirectional ? 2 : 1;
    const int64_t               layers = o->layers < 1 ? 1 : o->layers;
    int64_t                     in     = shape[*ndim - 1];
    hoop_status                 st     = HOOP_OK;
    if (*ndim != 3) return hoop_fail(err, HOOP_ESHAPE, "its input (N, T, I) is wanted to have 3 dims, and has %d", *ndim);
    if (in < 0) return hoop_fail(err, HOOP_ESHAPE, "the last dim of its input varies from leaf to leaf; it needs one size");
    if (o->hidden < 1) return hoop_fail(err, HOOP_EARG, "hidden: %lld units; at least 1", (long long)o->hidden);
    if (o->proj_size < 0 || o->proj_size >= o->hidden)
        return hoop_fail(err, HOOP_EARG, "proj_size: %lld of %lld units; fewer than these", (long long)o->proj_size,
                         (long long)o->hidden);
    if (layers * ways * each_of(o) > HOOP_MODULE_SLOTS)
        return hoop_fail(err, HOOP_EARG, "layers: %lld in %d directions; at most %d in one module", (long long)layers, ways,
                         HOOP_MODULE_SLOTS / each_of(o) / ways);
    for (int64_t l = 0; l < layers && st == HOOP_OK; l++) {
        for (int d = 0; d < ways && st == HOOP_OK; d++) st = direction_build(m, each_of(o) * (int)(l * ways + d), l, d, in, err);
        in = width_of(o) * ways;
    }
    shape[2] = in;
    return st;
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_rnn_module_opts *o = hoop_module_opts(m);
    hoop_tensor                *w[HOOP_MODULE_SLOTS];
    hoop_rnn_opts               opts = {.kind = cell_of(m), .layers = (int)o->layers, .bidirectional = o->bidirectional};
    opts.dropout                     = o->dropout;
    opts.projected                   = o->proj_size > 0;
    for (int i = 0; i < HOOP_MODULE_SLOTS; i++) w[i] = hoop_module_tensor(m, i);
    return hoop_rnn(t, x, w, &opts, NULL, NULL);
}

const hoop_module_kind hoop__module_rnn = {
    .name        = "rnn",
    .help        = "(N, T, I) -> (N, T, hidden): h' = tanh(W_ih x + b_ih + W_hh h + b_hh), step by step",
    .example     = "{rnn: {hidden: 64, nonlinearity: relu}}",
    .options     = HOOP_OPTIONS(rnn_rows),
    .opts_size   = sizeof(hoop_rnn_module_opts),
    .main_option = "hidden",
    .build       = build,
    .forward     = forward,
};
const hoop_module_kind hoop__module_lstm = {
    .name        = "lstm",
    .help        = "(N, T, I) -> (N, T, hidden): long short-term memory",
    .example     = "{lstm: {hidden: 256, layers: 2}}",
    .options     = HOOP_OPTIONS(lstm_rows),
    .opts_size   = sizeof(hoop_rnn_module_opts),
    .main_option = "hidden",
    .build       = build,
    .forward     = forward,
};
const hoop_module_kind hoop__module_gru = {
    .name        = "gru",
    .help        = "(N, T, I) -> (N, T, hidden): gated recurrent units",
    .example     = "{gru: {hidden: 64, bidirectional: true}}",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_rnn_module_opts),
    .main_option = "hidden",
    .build       = build,
    .forward     = forward,
};
