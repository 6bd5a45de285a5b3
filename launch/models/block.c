/* A block of a transformer whose norms come first: GPT-2's (Radford et al., 2019) and ViT's (Dosovitskiy et al., ICLR 2021),
 * under the names they have in PyTorch. */
#include "models/parts.h"

#include "hoop/ops.h"

/* ---- attention of GPT-2: c_attn, c_proj ---- */

static hoop_status attention_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const hoop__block_opts *o     = hoop_module_opts(m);
    const int64_t           width = in[0].size[2];
    hoop_shape              x     = in[0];
    hoop_status             st    = hoop__part_takes(m, nin, in, 3, err);
    *nout                         = 1;
    if (st == HOOP_OK && (o->heads < 1 || width < 1 || width % o->heads != 0))
        st = hoop_fail(err, HOOP_ESHAPE, "%lld elements do not divide among %lld heads", (long long)width, (long long)o->heads);
    if (st == HOOP_OK) st = hoop__part_add(m, "linear", "c_attn", &(hoop_linear_opts){.out = 3 * width}, err, NULL);
    if (st == HOOP_OK) st = hoop__part_add(m, "linear", "c_proj", &(hoop_linear_opts){.out = width}, err, NULL);
    if (st == HOOP_OK) st = hoop__part_add(m, "dropout", "resid_dropout", &(hoop_dropout_opts){.p = o->dropout}, err, NULL);
    if (st == HOOP_OK) st = hoop__part_build(m, "c_attn", &x, err);
    x = in[0];
    if (st == HOOP_OK) st = hoop__part_build(m, "c_proj", &x, err);
    if (st == HOOP_OK) st = hoop__part_build(m, "resid_dropout", &x, err);
    out[0] = x;
    return st;
}

/* (1, n, 3 heads, D) behind what is remembered: keys and values go there, queries look at all of them */
static hoop_tensor *look_back(hoop_tape *t, hoop_tensor *qkv, int64_t heads, hoop_tensor *memory, int64_t read)
{
    const int64_t n = hoop_tensor_size(qkv, 1);
    hoop_tensor  *q = hoop_slice(t, qkv, 2, 0, heads), *kv = hoop_slice(t, qkv, 2, heads, 2 * heads);
    hoop_error    why = {.status = HOOP_OK};
    if (hoop_tape_error(t)->status == HOOP_OK && hoop_tensor_assign_part(memory, 1, read, kv, &why) != HOOP_OK)
        hoop_tape_fail(t, why.status, "%s", why.text);
    kv = hoop_slice(t, memory, 1, 0, read + n);
    return hoop_attention_cross(t, q, kv, NULL, &(hoop_attention_opts){.causal = HOOP_CAUSAL_END});
}

static hoop_tensor *attend(const hoop_module *m, hoop_tape *t, hoop_tensor *x, hoop_tensor *memory, int64_t read)
{
    const hoop__block_opts *o     = hoop_module_opts(m);
    const int64_t           heads = o->heads, width = hoop_tensor_size(x, 2);
    const int64_t           by_head[4] = {hoop_tensor_size(x, 0), hoop_tensor_size(x, 1), 3 * heads, width / heads};
    hoop_tensor            *y          = hoop__part_run(m, "c_attn", t, x);
    y                                  = hoop_reshape(t, y, 4, by_head);
    if (memory != NULL)
        y = look_back(t, y, heads, memory, read);
    else
        y = hoop_attention_packed(t, y, heads, NULL, &(hoop_attention_opts){.causal = HOOP_CAUSAL_START, .dropout = o->dropout});
    y = hoop_reshape(t, y, 3, (int64_t[]){by_head[0], by_head[1], width});
    y = hoop__part_run(m, "c_proj", t, y);
    return hoop__part_run(m, "resid_dropout", t, y);
}

static void attention_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    (void)nin;
    out[0] = attend(m, t, in[0], NULL, 0);
}

static const hoop_module_kind gpt_attention = {
    .name         = "gpt_attention",
    .help         = "causal attention of GPT-2's parameters",
    .opts_size    = sizeof(hoop__block_opts),
    .build_many   = attention_build,
    .forward_many = attention_forward,
    .children     = hoop__parts,
    .nchildren    = 1,
    .feeds        = hoop__parts_feed,
};

/* ---- the block ---- */

static const char *attention_name(const hoop_module *m)
{
    return ((const hoop__block_opts *)hoop_module_opts(m))->gpt ? "attn" : "self_attention";
}

static hoop_status add_attention(hoop_module *m, hoop_error *err)
{
    const hoop__block_opts *o = hoop_module_opts(m);
    hoop_status             st;
    if (o->gpt) return hoop_module_add(m, &gpt_attention, "attn", o, err, NULL);
    st = hoop__part_add(m, "attention", "self_attention", &(hoop_attention_layer_opts){.heads = o->heads}, err, NULL);
    return st == HOOP_OK ? hoop__part_add(m, "dropout", "dropout", &(hoop_dropout_opts){.p = o->dropout}, err, NULL) : st;
}

static hoop_status add_mlp(hoop_module *m, int64_t width, hoop_error *err)
{
    static const char *const gpt[] = {"c_fc", "act", "c_proj", "dropout"}, *const vit[] = {"0", "1", "3", "4"};
    const hoop__block_opts *o    = hoop_module_opts(m);
    const char *const      *name = o->gpt ? gpt : vit;
    const hoop_dropout_opts drop = {.p = o->dropout};
    const hoop_gelu_opts    gelu = {.approximate = o->gpt ? HOOP_GELU_TANH : HOOP_GELU_ERF};
    hoop_module            *mlp  = NULL;
    hoop_status             st   = hoop__part_add(m, "sequential", "mlp", NULL, err, &mlp);
    if (st == HOOP_OK) st = hoop__part_add(mlp, "linear", name[0], &(hoop_linear_opts){.out = o->hidden}, err, NULL);
    if (st == HOOP_OK) st = hoop__part_add(mlp, "gelu", name[1], &gelu, err, NULL);
    if (st == HOOP_OK && !o->gpt) st = hoop__part_add(mlp, "dropout", "2", &drop, err, NULL);
    if (st == HOOP_OK) st = hoop__part_add(mlp, "linear", name[2], &(hoop_linear_opts){.out = width}, err, NULL);
    if (st == HOOP_OK) st = hoop__part_add(mlp, "dropout", name[3], &drop, err, NULL);
    return st;
}

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const hoop__block_opts    *o    = hoop_module_opts(m);
    const hoop_layer_norm_opts norm = {.eps = o->eps};
    hoop_shape                 x    = in[0];
    hoop_status                st   = hoop__part_takes(m, nin, in, 3, err);
    *nout                           = 1;
    if (st == HOOP_OK) st = hoop__part_add(m, "layer_norm", "ln_1", &norm, err, NULL);
    if (st == HOOP_OK) st = add_attention(m, err);
    if (st == HOOP_OK) st = hoop__part_add(m, "layer_norm", "ln_2", &norm, err, NULL);
    if (st == HOOP_OK) st = add_mlp(m, in[0].size[2], err);
    if (st == HOOP_OK) st = hoop__part_build(m, "ln_1", &x, err);
    if (st == HOOP_OK) st = hoop__part_build(m, attention_name(m), &x, err);
    if (st == HOOP_OK && !o->gpt) st = hoop__part_build(m, "dropout", &x, err);
    if (st == HOOP_OK) st = hoop__part_build(m, "ln_2", &x, err);
    if (st == HOOP_OK) st = hoop__part_build(m, "mlp", &x, err);
    out[0] = x;
    return st;
}

hoop_tensor *hoop__block_next(const hoop_module *m, hoop_tape *t, hoop_tensor *x, hoop_tensor *memory, int64_t read)
{
    const bool   gpt = ((const hoop__block_opts *)hoop_module_opts(m))->gpt;
    hoop_tensor *y   = hoop__part_run(m, "ln_1", t, x);
    if (memory != NULL)
        y = attend(hoop_module_find(m, "attn"), t, y, memory, read);
    else
        y = hoop__part_run(m, attention_name(m), t, y);
    if (!gpt) y = hoop__part_run(m, "dropout", t, y);
    x = hoop_add(t, x, y);
    y = hoop__part_run(m, "ln_2", t, x);
    y = hoop__part_run(m, "mlp", t, y);
    return hoop_add(t, x, y);
}

static void forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    (void)nin;
    out[0] = hoop__block_next(m, t, in[0], NULL, 0);
}

const hoop_module_kind hoop__block = {
    .name         = "block",
    .help         = "(N, T, C) -> same: attention and a perceptron, each of what is normalised and added to its input",
    .opts_size    = sizeof(hoop__block_opts),
    .build_many   = build,
    .forward_many = forward,
    .children     = hoop__parts,
    .nchildren    = 1,
    .feeds        = hoop__parts_feed,
};
