/* gpt: a language model as GPT-2 (Radford et al., 2019), under the names it has in PyTorch: transformer.wte, transformer.h.0.attn
 * ... */
#include "models/parts.h"

#include "hoop/ops.h"

#include <math.h>
#include <stdlib.h>

typedef struct gpt_opts {
    int64_t layers, heads, width, context, vocabulary, feedforward;
    double  dropout;
    bool    tied, checkpoint;
} gpt_opts;

#define AT(field) offsetof(gpt_opts, field)
static const hoop_option rows[] = {
    {"layers", HOOP_OPT_INT, AT(layers), "4", 1, 1000, NULL, true, "blocks, one on top of the other"},
    {"heads", HOOP_OPT_INT, AT(heads), "4", 1, 1e4, NULL, true, "heads of each attention"},
    {"width", HOOP_OPT_INT, AT(width), "128", 1, 1e6, NULL, true, "elements of a token between blocks; a multiple of the heads"},
    {"context", HOOP_OPT_INT, AT(context), "auto", 1, 1e7, NULL, true,
     "tokens that one can be told from at most, itself among them; auto: those of a row"},
    {"vocabulary", HOOP_OPT_INT, AT(vocabulary), "auto", 1, 1e9, NULL, true, "different tokens; auto: classes of the targets"},
    {"feedforward", HOOP_OPT_INT, AT(feedforward), "auto", 1, 1e9, NULL, true,
     "outputs of the first linear of a block's perceptron; auto: 4 times the width"},
    {"dropout", HOOP_OPT_FLOAT, AT(dropout), "0.0", 0, 0.999, NULL, true,
     "of the embeddings, of attention's probabilities and of what each block adds, in training"},
    {"tied", HOOP_OPT_BOOL, AT(tied), "true", 0, 0, NULL, true, "the last layer is the table of tokens, too"},
    {"checkpoint", HOOP_OPT_BOOL, AT(checkpoint), "false", 0, 0, NULL, false,
     "tensors inside a block are made again in backward: less memory, more time, the same bits"},
};
#undef AT

/* ---- the last layer: the table of tokens once more ---- */

typedef struct tied_opts {
    const hoop_module *table; /* an embedding of this model */
} tied_opts;

static hoop_status tied_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_tensor *w = hoop_module_tensor(((const tied_opts *)hoop_module_opts(m))->table, 0);
    if (hoop_tensor_size(w, 1) != shape[*ndim - 1])
        return hoop_fail(err, HOOP_ESHAPE, "its input is %lld wide, and the table %lld", (long long)shape[*ndim - 1],
                         (long long)hoop_tensor_size(w, 1));
    shape[*ndim - 1] = hoop_tensor_size(w, 0);
    return HOOP_OK;
}

static hoop_tensor *tied_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_linear(t, x, hoop_module_tensor(((const tied_opts *)hoop_module_opts(m))->table, 0), NULL);
}

static const hoop_module_kind tied_linear = {
    .name      = "tied_linear",
    .help      = "(N, ..., width) -> (N, ..., rows): a linear whose weight is that of an embedding",
    .opts_size = sizeof(tied_opts),
    .build     = tied_build,
    .forward   = tied_forward,
};

/* ---- the model ---- */

static hoop_status sizes(const hoop__model_call *c, hoop_error *err)
{
    gpt_opts     *o    = c->opts;
    const int64_t size = c->inputs[0].shape.size[1];
    hoop_status   st   = hoop__model_one(c, 1, 1, "tokens: (N, T)", err);
    if (st == HOOP_OK && o->width % o->heads != 0)
        return hoop_config_fail(c->config, "model.heads", err, "%lld, of which width, %lld, is no multiple", (long long)o->heads,
                                (long long)o->width);
    if (st == HOOP_OK && !c->targets[0].classes)
        return hoop_config_fail(c->config, "model.kind", err,
                                "gpt tells tokens, and the loss of target '%s' is none of classes; loss: cross_entropy is",
                                c->targets[0].name);
    if (st == HOOP_OK && o->vocabulary == HOOP_OPT_AUTO) st = hoop__model_outputs(c, &o->vocabulary, err);
    if (st == HOOP_OK && o->context == HOOP_OPT_AUTO && size < 1)
        return hoop_config_fail(c->config, "model.context", err, "rows of '%s' vary in length, so that it must be given",
                                c->inputs[0].name);
    if (st == HOOP_OK && o->context == HOOP_OPT_AUTO) o->context = size;
    if (st == HOOP_OK && o->context < size)
        return hoop_config_fail(c->config, "model.context", err, "%lld tokens, and rows of '%s' have %lld", (long long)o->context,
                                c->inputs[0].name, (long long)size);
    return st;
}

static hoop_status add_blocks(hoop_module *transformer, const gpt_opts *o, hoop_error *err)
{
    const hoop_repeat_opts times = {.times = o->layers, .checkpoint = o->checkpoint};
    const hoop__block_opts block = {.gpt     = true,
                                    .heads   = o->heads,
                                    .hidden  = o->feedforward == HOOP_OPT_AUTO ? 4 * o->width : o->feedforward,
                                    .dropout = o->dropout,
                                    .eps     = 1e-5};
    hoop_module           *h;
    hoop_status            st = hoop__part_add(transformer, "repeat", "h", &times, err, &h);
    return st == HOOP_OK ? hoop_module_add(h, &hoop__block, "body", &block, err, NULL) : st;
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const gpt_opts     *o     = c->opts;
    hoop_embedding_opts table = {.width = o->width};
    hoop_position_opts  place = {.kind = HOOP_POSITION_LEARNED};
    hoop_module        *transformer;
    tied_opts           tied = {NULL};
    hoop_status         st;
    HOOP_TRY(st, done, sizes(c, err));
    table.rows   = o->vocabulary;
    place.length = o->context;
    HOOP_TRY(st, done, hoop__part_add(c->parent, "sequential", "transformer", NULL, err, &transformer));
    HOOP_TRY(st, done, hoop__part_add(transformer, "embedding", "wte", &table, err, (hoop_module **)(void *)&tied.table));
    HOOP_TRY(st, done, hoop__part_add(transformer, "position", "wpe", &place, err, NULL));
    HOOP_TRY(st, done, hoop__part_add(transformer, "dropout", "drop", &(hoop_dropout_opts){.p = o->dropout}, err, NULL));
    HOOP_TRY(st, done, add_blocks(transformer, o, err));
    HOOP_TRY(st, done, hoop__part_add(transformer, "layer_norm", "ln_f", NULL, err, NULL));
    if (o->tied)
        st = hoop_module_add(c->parent, &tied_linear, "lm_head", &tied, err, NULL);
    else
        st = hoop__part_add(c->parent, "linear", "lm_head", &(hoop_linear_opts){.out = table.rows, .no_bias = true}, err, NULL);
done:
    return st;
}

static int begin(const void *opts, hoop__model_begin *out)
{
    const gpt_opts *o = opts;
    int             n = hoop__begin(out, 0, "*.c_proj.weight", "normal", "std", 0.02 / sqrt(2.0 * (double)o->layers));
    n                 = hoop__begin(out, n, "*.w[tp]e.weight", "normal", "std", 0.02);
    n                 = hoop__begin(out, n, "*.c_*.weight", "normal", "std", 0.02);
    n                 = hoop__begin(out, n, "lm_head.weight", "normal", "std", 0.02);
    return hoop__begin(out, n, "*.c_*.bias", "zeros", NULL, 0.0);
}

/* ---- one token after the other ---- */

static hoop_status remember(const hoop_module *parent, hoop__model_memory *out, hoop_error *err)
{
    const hoop_module      *transformer = hoop_module_find(parent, "transformer"), *h = hoop_module_find(transformer, "h");
    const hoop_tensor      *wpe     = hoop_module_tensor(hoop_module_find(transformer, "wpe"), 0);
    const hoop__block_opts *o       = hoop_module_opts(hoop_module_first(h));
    const int64_t           size[4] = {1, hoop_tensor_size(wpe, 0), 2 * o->heads, hoop_tensor_size(wpe, 1) / o->heads};
    hoop_status             st      = HOOP_OK;
    int                     n       = 0;
    for (const hoop_module *m = hoop_module_first(h); m != NULL; m = hoop_module_next(m)) n++;
    *out = (hoop__model_memory){.limit = size[1], .n = n, .part = calloc((size_t)n + 1, sizeof(hoop_tensor *))};
    if (out->part == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for keys and values");
    for (int i = 0; i < n && st == HOOP_OK; i++) st = hoop_tensor_create(hoop_module_dtype(parent), 4, size, err, &out->part[i]);
    return st;
}

static hoop_tensor *next(const hoop_module *parent, hoop_tape *t, hoop__model_memory *memory, hoop_tensor *tokens)
{
    const hoop_module *transformer = hoop_module_find(parent, "transformer"), *m;
    hoop_tensor       *wpe         = hoop_module_tensor(hoop_module_find(transformer, "wpe"), 0), *first, *x;
    int                i           = 0;
    first                          = hoop_tape_tensor(t, HOOP_I64, 0, NULL, &memory->read);
    x                              = hoop__part_run(transformer, "wte", t, tokens);
    x                              = hoop_position(t, x, wpe, first);
    for (m = hoop_module_first(hoop_module_find(transformer, "h")); m != NULL; m = hoop_module_next(m), i++)
        x = hoop__block_next(m, t, x, memory->part[i], memory->read);
    x = hoop__part_run(transformer, "ln_f", t, x);
    memory->read += hoop_tensor_size(tokens, 1);
    return hoop__part_run(parent, "lm_head", t, x);
}

const hoop__model_kind hoop__model_gpt = {
    .name      = "gpt",
    .help      = "a language model as GPT-2: tokens (N, T) -> (N, T, vocabulary), what comes after each",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(gpt_opts),
    .build     = build,
    .begin     = begin,
    .remember  = remember,
    .next      = next,
};
