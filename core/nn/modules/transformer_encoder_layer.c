/*
 * transformer_encoder_layer: attention of x to itself, then two linears with an activation between, each added to what it was
 * given and normalised: of torch.nn.TransformerEncoderLayer's parameters (self_attn, linear1, linear2, norm1, norm2).
 */
#include "hoop/ops.h"
#include "nn/module.h"

static const char *const activations[] = {"relu", "gelu", NULL};
static const hoop_option rows[]        = {
           {"heads", HOOP_OPT_INT, offsetof(hoop_encoder_layer_opts, heads), NULL, 1, 1e6, NULL, true, "heads of its attention"},
           {"feedforward", HOOP_OPT_INT, offsetof(hoop_encoder_layer_opts, feedforward), "2048", 1, 1e9, NULL, true,
            "outputs of its first linear"},
           {"activation", HOOP_OPT_ENUM, offsetof(hoop_encoder_layer_opts, activation), "relu", 0, 0, activations, true, "behind it"},
           {"norm_first", HOOP_OPT_BOOL, offsetof(hoop_encoder_layer_opts, norm_first), "false", 0, 0, NULL, true,
            "normalise what attention and linears are given, not the sums"},
           {"causal", HOOP_OPT_BOOL, offsetof(hoop_encoder_layer_opts, causal), "false", 0, 0, NULL, true,
            "nothing sees what comes after it"},
           {"eps", HOOP_OPT_FLOAT, offsetof(hoop_encoder_layer_opts, eps), "1e-5", 0, 1e3, NULL, true, "added to variances"},
           {"dropout", HOOP_OPT_FLOAT, offsetof(hoop_encoder_layer_opts, dropout), "0", 0, 0.999, NULL, true,
            "in training: of probabilities, of what attention gives, behind the activation, of what the linears give"},
};

enum { ATTENTION, LINEAR1, LINEAR2, NORM1, NORM2, PARTS };
static const char *const names[PARTS] = {"self_attn", "linear1", "linear2", "norm1", "norm2"};

static hoop_status add_parts(hoop_module *m, int64_t width, hoop_error *err)
{
    const hoop_encoder_layer_opts  *o    = hoop_module_opts(m);
    const hoop_attention_layer_opts self = {.heads = o->heads, .causal = o->causal, .dropout = o->dropout};
    const hoop_linear_opts          up = {.out = o->feedforward > 0 ? o->feedforward : 2048}, down = {.out = width};
    const hoop_layer_norm_opts      norm        = {.eps = o->eps};
    const char *const               kind[PARTS] = {"attention", "linear", "linear", "layer_norm", "layer_norm"};
    const void *const               opts[PARTS] = {&self, &up, &down, &norm, &norm};
    hoop_status                     st          = HOOP_OK;
    for (int i = 0; i < PARTS && st == HOOP_OK; i++) {
        hoop_module *part;
        st = hoop__module_append(m, hoop_module_kind_find(kind[i]), names[i], opts[i], err, &part);
    }
    return st;
}

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const int64_t heads = ((const hoop_encoder_layer_opts *)hoop_module_opts(m))->heads;
    hoop_shape    wide  = in[0], of[HOOP_MODULE_TENSORS];
    hoop_status   st;
    if (heads < 1) return hoop_fail(err, HOOP_EARG, "heads: %lld; at least 1 is wanted", (long long)heads);
    if (nin > 2 || in[0].ndim != 3 || in[0].size[2] < 1)
        return hoop_fail(err, HOOP_ESHAPE,
                         "%d inputs, the first of %d dims; x (N, T, C), C of one size, and a mask of keys are taken", nin,
                         in[0].ndim);
    st = add_parts(m, in[0].size[2], err);
    for (int i = 0; i < PARTS && st == HOOP_OK; i++) {
        const hoop_shape *x = i == LINEAR2 ? &wide : in;
        st                  = hoop_module_build(hoop_module_find(m, names[i]), i == ATTENTION ? nin : 1, x, nout, of, err);
        if (i == LINEAR1) wide = of[0];
    }
    *nout  = 1;
    out[0] = in[0];
    return st;
}

static hoop_tensor *run(const hoop_module *m, int part, hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *y;
    hoop_module_forward(hoop_module_find(m, names[part]), t, 1, &x, &y);
    return y;
}

static hoop_tensor *attend(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor *x)
{
    hoop_tensor *of[2] = {x, nin > 1 ? in[1] : NULL}, *y;
    hoop_module_forward(hoop_module_find(m, names[ATTENTION]), t, nin, of, &y);
    return y;
}

static hoop_tensor *feed(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_encoder_layer_opts *o = hoop_module_opts(m);
    x                                = run(m, LINEAR1, t, x);
    x                                = o->activation == 0 ? hoop_relu(t, x) : hoop_gelu(t, x, HOOP_GELU_ERF);
    x                                = hoop_dropout(t, x, o->dropout);
    return run(m, LINEAR2, t, x);
}

static void forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const double p     = ((const hoop_encoder_layer_opts *)hoop_module_opts(m))->dropout;
    const bool   first = ((const hoop_encoder_layer_opts *)hoop_module_opts(m))->norm_first;
    hoop_tensor *x = in[0], *y = first ? run(m, NORM1, t, x) : x;
    y = attend(m, t, nin, in, y);
    y = hoop_dropout(t, y, p);
    x = hoop_add(t, x, y);
    if (!first) x = run(m, NORM1, t, x);
    y      = first ? run(m, NORM2, t, x) : x;
    y      = feed(m, t, y);
    y      = hoop_dropout(t, y, p);
    x      = hoop_add(t, x, y);
    out[0] = first ? x : run(m, NORM2, t, x);
}

const hoop_module_kind hoop__module_transformer_encoder_layer = {
    .name         = "transformer_encoder_layer",
    .help         = "(N, T, C) -> same: attention and two linears, each added to its input and normalised",
    .example      = "{transformer_encoder_layer: {heads: 8, feedforward: 1024, norm_first: true}}",
    .options      = HOOP_OPTIONS(rows),
    .opts_size    = sizeof(hoop_encoder_layer_opts),
    .main_option  = "heads",
    .build_many   = build,
    .forward_many = forward,
};
