/*
 * attention: multi-head attention, of torch.nn.MultiheadAttention's parameters: in_proj_weight, in_proj_bias, out_proj.weight,
 * out_proj.bias; q_proj_weight, k_proj_weight, v_proj_weight where keys come from a memory of another size.
 */
#include "hoop/ops.h"
#include "nn/module.h"

enum { IN, IN_BIAS, OUT, OUT_BIAS, Q, K, V }; /* slots */

static const char *const turns[] = {"none", "half", "interleaved", NULL};
static const hoop_option rows[]  = {
     {"heads", HOOP_OPT_INT, offsetof(hoop_attention_layer_opts, heads), NULL, 1, 1e6, NULL, true, "heads of queries"},
     {"kv_heads", HOOP_OPT_INT, offsetof(hoop_attention_layer_opts, kv_heads), "0", 0, 1e6, NULL, true,
      "heads of keys and values, each of several heads of queries; 0: as many as those"},
     {"head_dim", HOOP_OPT_INT, offsetof(hoop_attention_layer_opts, head_dim), "0", 0, 1e9, NULL, true,
      "elements of a head; 0: those of the input, divided among the heads"},
     {"causal", HOOP_OPT_BOOL, offsetof(hoop_attention_layer_opts, causal), "false", 0, 0, NULL, true,
      "nothing sees what comes after it"},
     {"rotary", HOOP_OPT_ENUM, offsetof(hoop_attention_layer_opts, rotary), "none", 0, 0, turns, true,
      "positions as turns of pairs: of a head's halves, or of neighbours; of one input alone"},
     {"rotary_base", HOOP_OPT_FLOAT, offsetof(hoop_attention_layer_opts, rotary_base), "10000.0", 1, 1e30, NULL, true,
      "turns slow down by it from the first pair to the last"},
     {"no_bias", HOOP_OPT_BOOL, offsetof(hoop_attention_layer_opts, no_bias), "false", 0, 0, NULL, true, "leave the biases out"},
     {"dropout", HOOP_OPT_FLOAT, offsetof(hoop_attention_layer_opts, dropout), "0", 0, 0.999, NULL, true,
      "of probabilities, in training"},
};

/* sizes that follow from the options and the input's */
typedef struct sizes {
    int64_t heads, kv, d, q, k; /* q, k: elements of all heads of queries, and of keys */
} sizes;

static sizes sizes_of(const hoop_attention_layer_opts *o, int64_t width)
{
    sizes s = {.heads = o->heads, .kv = o->kv_heads > 0 ? o->kv_heads : o->heads, .d = o->head_dim};
    if (s.d == 0) s.d = width / s.heads;
    s.q = s.heads * s.d;
    s.k = s.kv * s.d;
    return s;
}

/* Inputs: x; or x and a memory; behind them a mask of keys, u8 (N, S) or lengths i64 (N) */
static int mask_of(int nin, const hoop_shape *in)
{
    return nin > 1 && (in[nin - 1].dtype == HOOP_U8 || in[nin - 1].dtype == HOOP_I64) ? nin - 1 : -1;
}

static hoop_status check(const hoop_module *m, int nin, const hoop_shape *in, hoop_error *err)
{
    const hoop_attention_layer_opts *o    = hoop_module_opts(m);
    const int                        mask = mask_of(nin, in), n = mask < 0 ? nin : mask;
    sizes                            s;
    if (o->heads < 1 || o->kv_heads < 0 || o->head_dim < 0)
        return hoop_fail(err, HOOP_EARG, "heads: %lld; at least 1 is wanted, and no kv_heads or head_dim below 0",
                         (long long)o->heads);
    if (n < 1 || n > 2)
        return hoop_fail(err, HOOP_ESHAPE,
                         "%d inputs; it takes x, or x and a memory, and a mask of keys (u8, or i64 lengths) behind", nin);
    for (int i = 0; i < n; i++) {
        if (in[i].dtype != hoop_module_dtype(m))
            return hoop_fail(err, HOOP_EDTYPE, "its input %d is %s, and the model %s", i, hoop_dtype_name(in[i].dtype),
                             hoop_dtype_name(hoop_module_dtype(m)));
        if (in[i].ndim != 3 || in[i].size[2] < 1)
            return hoop_fail(err, HOOP_ESHAPE, "its input %d has %d dims; (N, T, C) is wanted, C of one size", i, in[i].ndim);
    }
    if (mask >= 0 && in[mask].ndim != (in[mask].dtype == HOOP_U8 ? 2 : 1))
        return hoop_fail(err, HOOP_ESHAPE, "its mask of %s has %d dims; u8 (N, S), or i64 (N), lengths",
                         hoop_dtype_name(in[mask].dtype), in[mask].ndim);
    s = sizes_of(o, in[0].size[2]);
    if (s.heads % s.kv != 0)
        return hoop_fail(err, HOOP_EARG, "kv_heads: %lld, of which %lld heads are no multiple", (long long)s.kv,
                         (long long)s.heads);
    if (o->head_dim == 0 && in[0].size[2] % s.heads != 0)
        return hoop_fail(err, HOOP_ESHAPE, "%lld elements do not divide among %lld heads; head_dim sets their size",
                         (long long)in[0].size[2], (long long)s.heads);
    if (o->rotary != HOOP_ROTARY_NONE && (n > 1 || s.d % 2 != 0))
        return hoop_fail(err, HOOP_EARG, "rotary: of one input alone, and heads of an even size (here %d and %lld)", n,
                         (long long)s.d);
    return HOOP_OK;
}

static hoop_status weights(hoop_module *m, const sizes *s, int64_t width, int64_t memory, hoop_error *err)
{
    const int64_t all = s->q + 2 * s->k;
    hoop_status   st;
    if (memory == width)
        return hoop_module_param(m, IN, "in_proj_weight", HOOP_PARAM_WEIGHT, 2, (int64_t[]){all, width}, width, err);
    st = hoop_module_param(m, Q, "q_proj_weight", HOOP_PARAM_WEIGHT, 2, (int64_t[]){s->q, width}, width, err);
    if (st == HOOP_OK)
        st = hoop_module_param(m, K, "k_proj_weight", HOOP_PARAM_WEIGHT, 2, (int64_t[]){s->k, memory}, memory, err);
    if (st == HOOP_OK)
        st = hoop_module_param(m, V, "v_proj_weight", HOOP_PARAM_WEIGHT, 2, (int64_t[]){s->k, memory}, memory, err);
    return st;
}

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const hoop_attention_layer_opts *o  = hoop_module_opts(m);
    hoop_status                      st = check(m, nin, in, err);
    int64_t                          width, memory, all;
    sizes                            s;
    if (st != HOOP_OK) return st;
    width  = in[0].size[2];
    memory = nin > 1 && mask_of(nin, in) != 1 ? in[1].size[2] : width;
    s      = sizes_of(o, width);
    all    = s.q + 2 * s.k;
    st     = weights(m, &s, width, memory, err);
    if (st == HOOP_OK && !o->no_bias) st = hoop_module_param(m, IN_BIAS, "in_proj_bias", HOOP_PARAM_BIAS, 1, &all, width, err);
    if (st == HOOP_OK) st = hoop_module_param(m, OUT, "out_proj.weight", HOOP_PARAM_WEIGHT, 2, (int64_t[]){width, s.q}, s.q, err);
    if (st == HOOP_OK && !o->no_bias) st = hoop_module_param(m, OUT_BIAS, "out_proj.bias", HOOP_PARAM_BIAS, 1, &width, s.q, err);
    *nout  = 1;
    out[0] = in[0];
    return st;
}

/* (N, T, C) -> (N, T, heads, D) */
static hoop_tensor *by_head(hoop_tape *t, hoop_tensor *x, int64_t heads, int64_t d)
{
    return hoop_reshape(t, x, 4, (int64_t[]){hoop_tensor_size(x, 0), hoop_tensor_size(x, 1), heads, d});
}

static hoop_tensor *part(hoop_tape *t, hoop_tensor *x, int64_t first, int64_t n)
{
    return x == NULL ? NULL : hoop_slice(t, x, 0, first, n);
}

static hoop_tensor *self(const hoop_module *m, hoop_tape *t, hoop_tensor *x, hoop_tensor *mask, const hoop_attention_opts *opts)
{
    const hoop_attention_layer_opts *o = hoop_module_opts(m);
    const sizes                      s = sizes_of(o, hoop_tensor_size(x, 2));
    hoop_tensor                     *y = hoop_linear(t, x, hoop_module_tensor(m, IN), hoop_module_tensor(m, IN_BIAS));
    y                                  = by_head(t, y, s.heads + 2 * s.kv, s.d);
    if (o->rotary != HOOP_ROTARY_NONE)
        y = hoop_rotary(t, y, NULL,
                        &(hoop_rotary_opts){.base        = o->rotary_base,
                                            .interleaved = o->rotary == HOOP_ROTARY_INTERLEAVED,
                                            .heads       = s.heads + s.kv});
    return hoop_attention_packed(t, y, s.kv, mask, opts);
}

static hoop_tensor *cross(const hoop_module *m, hoop_tape *t, hoop_tensor *x, hoop_tensor *memory, hoop_tensor *mask,
                          const hoop_attention_opts *opts)
{
    const sizes  s  = sizes_of(hoop_module_opts(m), hoop_tensor_size(x, 2));
    hoop_tensor *in = hoop_module_tensor(m, IN), *bias = hoop_module_tensor(m, IN_BIAS), *w, *b, *q, *k, *v;
    w = in != NULL ? part(t, in, 0, s.q) : hoop_module_tensor(m, Q);
    b = part(t, bias, 0, s.q);
    q = hoop_linear(t, x, w, b);
    q = by_head(t, q, s.heads, s.d);
    if (in != NULL) {
        w = part(t, in, s.q, 2 * s.k);
        b = part(t, bias, s.q, 2 * s.k);
        k = hoop_linear(t, memory, w, b);
        k = by_head(t, k, 2 * s.kv, s.d);
        return hoop_attention_cross(t, q, k, mask, opts);
    }
    b = part(t, bias, s.q, s.k);
    k = hoop_linear(t, memory, hoop_module_tensor(m, K), b);
    k = by_head(t, k, s.kv, s.d);
    b = part(t, bias, s.q + s.k, s.k);
    v = hoop_linear(t, memory, hoop_module_tensor(m, V), b);
    v = by_head(t, v, s.kv, s.d);
    q = hoop_transpose(t, q, 1, 2);
    k = hoop_transpose(t, k, 1, 2);
    v = hoop_transpose(t, v, 1, 2);
    q = hoop_attention(t, q, k, v, mask, opts);
    return hoop_transpose(t, q, 1, 2);
}

static void forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const hoop_attention_layer_opts *o    = hoop_module_opts(m);
    const hoop_attention_opts        opts = {.causal = o->causal ? HOOP_CAUSAL_START : HOOP_CAUSAL_NONE, .dropout = o->dropout};
    const sizes                      s    = sizes_of(o, hoop_tensor_size(in[0], 2));
    const hoop_dtype                 last = hoop_tensor_dtype(in[nin - 1]);
    hoop_tensor                     *mask = nin > 1 && (last == HOOP_U8 || last == HOOP_I64) ? in[nin - 1] : NULL, *y;
    if (mask != NULL && last == HOOP_U8) {
        const int64_t keys[4] = {hoop_tensor_size(mask, 0), 1, 1, hoop_tensor_size(mask, 1)};
        mask                  = hoop_reshape(t, mask, 4, keys);
    }
    y      = nin - (mask != NULL) == 1 ? self(m, t, in[0], mask, &opts) : cross(m, t, in[0], in[1], mask, &opts);
    y      = hoop_reshape(t, y, 3, (int64_t[]){hoop_tensor_size(in[0], 0), hoop_tensor_size(in[0], 1), s.q});
    out[0] = hoop_linear(t, y, hoop_module_tensor(m, OUT), hoop_module_tensor(m, OUT_BIAS));
}

const hoop_module_kind hoop__module_attention = {
    .name         = "attention",
    .help         = "(N, T, C) -> same: multi-head attention, of x to itself or (x, memory)",
    .example      = "{attention: {heads: 6, causal: true}}",
    .options      = HOOP_OPTIONS(rows),
    .opts_size    = sizeof(hoop_attention_layer_opts),
    .main_option  = "heads",
    .build_many   = build,
    .forward_many = forward,
};
