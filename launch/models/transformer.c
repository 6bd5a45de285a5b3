/* transformer: an encoder of sequences (Vaswani et al., NeurIPS 2017), its layers under the names of torch.nn.TransformerEncoder.
 */
#include "models/parts.h"

typedef struct transformer_opts {
    int64_t vocabulary, width, layers, heads, feedforward, length;
    int     activation, position, pool;
    bool    norm_first, causal, checkpoint;
    double  dropout;
} transformer_opts;

static const char *const activations[] = {"relu", "gelu", NULL};
enum { NO_POSITION, LEARNED, SINUSOIDAL };
static const char *const positions[] = {"none", "learned", "sinusoidal", NULL};
enum { MEAN, MAX, FIRST, LAST, EACH };
static const char *const pools[] = {"mean", "max", "first", "last", "none", NULL};

#define AT(field) offsetof(transformer_opts, field)
static const hoop_option rows[] = {
    {"vocabulary", HOOP_OPT_INT, AT(vocabulary), "auto", 0, 1e9, NULL, true,
     "different tokens of rows (T); 0: rows are numbers, (T, F) or (T); auto: those of a text, else 0"},
    {"pool", HOOP_OPT_ENUM, AT(pool), "mean", 0, 0, pools, true,
     "which steps a row's outputs are of; none: each has its own (tags)"},
    {"width", HOOP_OPT_INT, AT(width), "64", 1, 1e6, NULL, true, "elements of a step between layers; a multiple of the heads"},
    {"layers", HOOP_OPT_INT, AT(layers), "2", 1, 1000, NULL, true, "one on top of the other"},
    {"heads", HOOP_OPT_INT, AT(heads), "4", 1, 1e4, NULL, true, "heads of each attention"},
    {"feedforward", HOOP_OPT_INT, AT(feedforward), "auto", 1, 1e9, NULL, true,
     "outputs of the first linear of a layer; auto: 4 times the width"},
    {"activation", HOOP_OPT_ENUM, AT(activation), "gelu", 0, 0, activations, true, "behind it"},
    {"norm_first", HOOP_OPT_BOOL, AT(norm_first), "true", 0, 0, NULL, true,
     "normalise what attention and linears are given, not the sums"},
    {"causal", HOOP_OPT_BOOL, AT(causal), "false", 0, 0, NULL, true, "no step sees those after it"},
    {"position", HOOP_OPT_ENUM, AT(position), "learned", 0, 0, positions, true, "what says where each step stands"},
    {"length", HOOP_OPT_INT, AT(length), "0", 0, 1e9, NULL, true, "steps at most, of learned positions; 0: those of a row"},
    {"dropout", HOOP_OPT_FLOAT, AT(dropout), "0.0", 0, 0.999, NULL, true,
     "of the embeddings, and as torch.nn.TransformerEncoderLayer has it, in training"},
    {"checkpoint", HOOP_OPT_BOOL, AT(checkpoint), "false", 0, 0, NULL, false,
     "tensors inside a layer are made again in backward: less memory, more time, the same bits"},
};
#undef AT

static hoop_status add_layers(const hoop__model_call *c, hoop_error *err)
{
    const transformer_opts       *o     = c->opts;
    const hoop_repeat_opts        times = {.times = o->layers, .checkpoint = o->checkpoint};
    const hoop_encoder_layer_opts layer = {.heads       = o->heads,
                                           .feedforward = o->feedforward == HOOP_OPT_AUTO ? 4 * o->width : o->feedforward,
                                           .activation  = o->activation,
                                           .norm_first  = o->norm_first,
                                           .causal      = o->causal,
                                           .dropout     = o->dropout,
                                           .eps         = 1e-5};
    hoop_module                  *encoder, *layers;
    hoop_status                   st;
    HOOP_TRY(st, done, hoop__part_add(c->parent, "sequential", "encoder", NULL, err, &encoder));
    HOOP_TRY(st, done, hoop__part_add(encoder, "repeat", "layers", &times, err, &layers));
    HOOP_TRY(st, done, hoop__part_add(layers, "transformer_encoder_layer", "body", &layer, err, NULL));
    if (o->norm_first) st = hoop__part_add(encoder, "layer_norm", "norm", NULL, err, NULL);
done:
    return st;
}

static hoop_status add_pool(const hoop__model_call *c, int pool, hoop_error *err)
{
    if (pool == EACH) return HOOP_OK;
    if (pool == FIRST || pool == LAST) return hoop__part_step(c->parent, "pool", pool == LAST, err);
    return hoop__part_set(c->parent, "reduce", "pool", (const char *const[]){"dims", "1", "by", pools[pool], NULL}, err);
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    transformer_opts        *o    = c->opts;
    const hoop_position_opts kind = {o->position == SINUSOIDAL ? HOOP_POSITION_SINUSOIDAL : HOOP_POSITION_LEARNED, o->length,
                                     0.0};
    hoop_linear_opts         last = {0};
    hoop_status              st;
    if (o->width % o->heads != 0)
        return hoop_config_fail(c->config, "model.heads", err, "%lld, of which width, %lld, is no multiple", (long long)o->heads,
                                (long long)o->width);
    (void)hoop__model_vocabulary(c, &o->vocabulary);
    HOOP_TRY(st, done, hoop__model_sequence(c, o->vocabulary, o->width, true, err));
    if (o->position != NO_POSITION) HOOP_TRY(st, done, hoop__part_add(c->parent, "position", "position", &kind, err, NULL));
    if (o->dropout > 0.0)
        HOOP_TRY(st, done, hoop__part_add(c->parent, "dropout", "dropout", &(hoop_dropout_opts){.p = o->dropout}, err, NULL));
    HOOP_TRY(st, done, add_layers(c, err));
    HOOP_TRY(st, done, add_pool(c, o->pool, err));
    HOOP_TRY(st, done, o->pool == EACH ? hoop__model_outputs_each(c, &last.out, err) : hoop__model_outputs(c, &last.out, err));
    st = hoop__part_add(c->parent, "linear", "head", &last, err, NULL);
done:
    return st;
}

/* Tables begin small, so that they do not drown what stands beside them. */
static int begin(const void *opts, hoop__model_begin *out)
{
    const transformer_opts *o = opts;
    int                     n = hoop__begin(out, 0, "position.weight", "normal", "std", 0.02);
    return o->vocabulary > 0 ? hoop__begin(out, n, "embedding.weight", "normal", "std", 0.02) : n;
}

const hoop__model_kind hoop__model_transformer = {
    .name      = "transformer",
    .help      = "an encoder of sequences: tokens (N, T), or numbers (N, T, F) -> (N, classes or values), or (N, T, ...)",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(transformer_opts),
    .build     = build,
    .begin     = begin,
};
