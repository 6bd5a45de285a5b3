/* vit: a transformer over patches of images (Dosovitskiy et al., ICLR 2021), under torchvision's names: class_token, conv_proj,
 * encoder.layers.encoder_layer_0 ... */
#include "models/parts.h"

#include "hoop/ops.h"

#include <stdio.h>

typedef struct vit_opts {
    int64_t patch, layers, heads, width, feedforward;
    double  dropout;
    bool    checkpoint;
} vit_opts;

#define AT(field) offsetof(vit_opts, field)
static const hoop_option rows[] = {
    {"patch", HOOP_OPT_INT, AT(patch), "4", 1, 1e5, NULL, true, "pixels of a patch's side; the image's sides are multiples"},
    {"layers", HOOP_OPT_INT, AT(layers), "4", 1, 1000, NULL, true, "blocks, one on top of the other"},
    {"heads", HOOP_OPT_INT, AT(heads), "4", 1, 1e4, NULL, true, "heads of each attention"},
    {"width", HOOP_OPT_INT, AT(width), "64", 1, 1e6, NULL, true, "elements of a patch between blocks; a multiple of the heads"},
    {"feedforward", HOOP_OPT_INT, AT(feedforward), "auto", 1, 1e9, NULL, true,
     "outputs of the first linear of a block's perceptron; auto: 4 times the width"},
    {"dropout", HOOP_OPT_FLOAT, AT(dropout), "0.0", 0, 0.999, NULL, true,
     "of the embeddings and of what each block adds, in training"},
    {"checkpoint", HOOP_OPT_BOOL, AT(checkpoint), "false", 0, 0, NULL, false,
     "tensors inside a block are made again in backward: less memory, more time, the same bits"},
};
#undef AT

/* ---- patches as tokens, behind one for the class, whose parameter stands at the top ---- */

typedef struct tokens_opts {
    hoop_module *top;
} tokens_opts;

static hoop_status tokens_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const int64_t width = shape[1];
    shape[1]            = shape[2] * shape[3] + 1;
    shape[2]            = width;
    *ndim               = 3;
    return hoop_module_param(((const tokens_opts *)hoop_module_opts(m))->top, 0, "class_token", HOOP_PARAM_TABLE, 3,
                             (int64_t[]){1, 1, width}, 1, err);
}

/* The class's token stands before each image as zeros and that: so its gradient is a sum of rows, and leaves run at once. */
static hoop_tensor *tokens_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const int64_t n = hoop_tensor_size(x, 0), width = hoop_tensor_size(x, 1);
    const int64_t patches = hoop_tensor_size(x, 2) * hoop_tensor_size(x, 3);
    hoop_tensor  *both[2];
    x       = hoop_permute(t, x, 4, (int64_t[]){0, 2, 3, 1}); /* as it lies in memory */
    both[1] = hoop_reshape(t, x, 3, (int64_t[]){n, patches, width});
    x       = hoop_slice(t, both[1], 1, 0, 1);
    x       = hoop_unslice(t, x, 1, 1, 2);
    x       = hoop_slice(t, x, 1, 0, 1);
    both[0] = hoop_add(t, x, hoop_module_tensor(((const tokens_opts *)hoop_module_opts(m))->top, 0));
    return hoop_concat(t, both, 2, 1);
}

static const hoop_module_kind vit_tokens = {
    .name      = "vit_tokens",
    .help      = "(N, C, H, W) -> (N, H W + 1, C): a token for the class, then the patches",
    .opts_size = sizeof(tokens_opts),
    .build     = tokens_build,
    .forward   = tokens_forward,
};

/* ---- the encoder: positions, blocks, a norm of the class's token ---- */

static hoop_status add_layers(hoop_module *m, const vit_opts *o, hoop_error *err)
{
    const hoop__block_opts block = {.heads   = o->heads,
                                    .hidden  = o->feedforward == HOOP_OPT_AUTO ? 4 * o->width : o->feedforward,
                                    .dropout = o->dropout,
                                    .eps     = 1e-6};
    hoop_module           *layers;
    hoop_status            st = hoop__part_add(m, "sequential", "layers", NULL, err, &layers);
    for (int64_t i = 0; i < o->layers && st == HOOP_OK; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "encoder_layer_%lld", (long long)i);
        st = hoop_module_add(layers, &hoop__block, name, &block, err, NULL);
    }
    return st;
}

static hoop_status encoder_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const vit_opts *o = hoop_module_opts(m);
    hoop_shape      x = in[0];
    hoop_status     st;
    *nout = 1;
    HOOP_TRY(st, done, hoop__part_takes(m, nin, in, 3, err));
    HOOP_TRY(st, done,
             hoop_module_param(m, 0, "pos_embedding", HOOP_PARAM_TABLE, 3, (int64_t[]){1, x.size[1], x.size[2]}, 1, err));
    HOOP_TRY(st, done, hoop__part_add(m, "dropout", "dropout", &(hoop_dropout_opts){.p = o->dropout}, err, NULL));
    HOOP_TRY(st, done, add_layers(m, o, err));
    HOOP_TRY(st, done, hoop__part_add(m, "layer_norm", "ln", &(hoop_layer_norm_opts){.eps = 1e-6}, err, NULL));
    HOOP_TRY(st, done, hoop__part_build(m, "dropout", &x, err));
    HOOP_TRY(st, done, hoop__part_build(m, "layers", &x, err));
    x.ndim    = 2; /* of the class's token */
    x.size[1] = x.size[2];
    HOOP_TRY(st, done, hoop__part_build(m, "ln", &x, err));
    out[0] = x;
done:
    return st;
}

static void encoder_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const bool         segments = ((const vit_opts *)hoop_module_opts(m))->checkpoint;
    hoop_tensor       *x        = hoop_add(t, in[0], hoop_module_tensor(m, 0));
    const hoop_module *layer    = hoop_module_first(hoop_module_find(m, "layers"));
    (void)nin;
    x = hoop__part_run(m, "dropout", t, x);
    for (; layer != NULL; layer = hoop_module_next(layer)) {
        const int64_t s = segments ? hoop_segment_begin(t) : -1;
        hoop_tensor  *y;
        hoop_module_forward(layer, t, 1, &x, &y);
        hoop_segment_end(t, s, &y, 1);
        x = y;
    }
    x      = hoop_slice(t, x, 1, 0, 1);
    x      = hoop_squeeze(t, x, 1);
    out[0] = hoop__part_run(m, "ln", t, x);
}

static const hoop_module_kind vit_encoder = {
    .name         = "vit_encoder",
    .help         = "(N, T, C) -> (N, C): the first of T, after blocks",
    .opts_size    = sizeof(vit_opts),
    .build_many   = encoder_build,
    .forward_many = encoder_forward,
    .children     = hoop__parts,
    .nchildren    = 1,
    .feeds        = hoop__parts_feed,
};

/* ---- the model ---- */

static hoop_status check(const hoop__model_call *c, hoop_error *err)
{
    const vit_opts   *o = c->opts;
    const hoop_shape *x = &c->inputs[0].shape;
    if (o->width % o->heads != 0)
        return hoop_config_fail(c->config, "model.heads", err, "%lld, of which width, %lld, is no multiple", (long long)o->heads,
                                (long long)o->width);
    for (int d = x->ndim - 2; d < x->ndim; d++)
        if (x->size[d] < 0 || x->size[d] % o->patch != 0)
            return hoop_config_fail(c->config, "model.patch", err,
                                    "%lld, of which the images' size in dim %d, %lld, is no multiple", (long long)o->patch, d,
                                    (long long)x->size[d]);
    return HOOP_OK;
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const vit_opts            *o    = c->opts;
    const hoop_conv_layer_opts conv = {.out = o->width, .kernel = {1, {o->patch}}, .stride = {1, {o->patch}}};
    hoop_linear_opts           last = {0};
    hoop_module               *heads;
    hoop_status                st;
    int                        dims;
    HOOP_TRY(st, done, hoop__model_image(c, 2, &dims, err));
    HOOP_TRY(st, done, hoop__model_outputs(c, &last.out, err));
    HOOP_TRY(st, done, check(c, err));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "conv", "conv_proj", &conv, err, NULL));
    HOOP_TRY(st, done, hoop_module_add(c->parent, &vit_tokens, "tokens", &(tokens_opts){c->parent}, err, NULL));
    HOOP_TRY(st, done, hoop_module_add(c->parent, &vit_encoder, "encoder", o, err, NULL));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "sequential", "heads", NULL, err, &heads));
    st = hoop__part_add(heads, "linear", "head", &last, err, NULL);
done:
    return st;
}

/* as torchvision has it, but for the last layer, which it leaves at 0 */
static int begin(const void *opts, hoop__model_begin *out)
{
    int n = hoop__begin(out, 0, "encoder.pos_embedding", "normal", "std", 0.02);
    (void)opts;
    n = hoop__begin(out, n, "class_token", "zeros", NULL, 0.0);
    n = hoop__begin(out, n, "*.mlp.?.weight", "xavier_uniform", NULL, 0.0);
    n = hoop__begin(out, n, "*.mlp.?.bias", "normal", "std", 1e-6);
    return hoop__begin(out, n, "*.self_attention.in_proj_weight", "xavier_uniform", NULL, 0.0);
}

const hoop__model_kind hoop__model_vit = {
    .name      = "vit",
    .help      = "a transformer over patches: images (N, C, H, W) or (N, H, W) -> (N, classes or values)",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(vit_opts),
    .build     = build,
    .begin     = begin,
};
