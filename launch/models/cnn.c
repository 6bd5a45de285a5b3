/* cnn: blocks of a convolution, a norm, an activation and a pool, then hidden layers; named as torchvision's VGG: features,
 * classifier. */
#include "models/parts.h"

#include <stdio.h>

typedef struct cnn_opts {
    hoop_ints channels, hidden;
    int64_t   kernel, convs;
    int       norm, activation, pool;
    double    dropout;
} cnn_opts;

enum { NO_NORM, BATCH_NORM, GROUP_NORM };
static const char *const norms[]       = {"none", "batch", "group", NULL};
static const char *const activations[] = {"relu", "gelu", "silu", "elu", "leaky_relu", "tanh", NULL};
enum { NO_POOL, MAX_POOL, AVG_POOL };
static const char *const pools[] = {"none", "max", "avg", NULL};

#define AT(field) offsetof(cnn_opts, field)
static const hoop_option rows[] = {
    {"channels", HOOP_OPT_INTS, AT(channels), "[32, 64]", 1, 1e6, NULL, true, "of each block; each halves the size"},
    {"convs", HOOP_OPT_INT, AT(convs), "1", 1, 100, NULL, true, "convolutions in a block, one after the other"},
    {"kernel", HOOP_OPT_INT, AT(kernel), "3", 1, 99, NULL, true, "size of these, odd: the size stays as it is"},
    {"norm", HOOP_OPT_ENUM, AT(norm), "batch", 0, 0, norms, true, "after each convolution; group: of 8 groups at most"},
    {"activation", HOOP_OPT_ENUM, AT(activation), "relu", 0, 0, activations, true, "after each norm and each hidden layer"},
    {"pool", HOOP_OPT_ENUM, AT(pool), "max", 0, 0, pools, true, "of 2 at the end of each block"},
    {"hidden", HOOP_OPT_INTS, AT(hidden), "[128]", 1, 1e9, NULL, true, "outputs of each layer between blocks and the last one"},
    {"dropout", HOOP_OPT_FLOAT, AT(dropout), "0.0", 0, 0.999, NULL, true, "before each of these and the last"},
};
#undef AT

static hoop_status add_norm(hoop_module *m, int *index, const cnn_opts *o, int64_t channels, hoop_error *err)
{
    int64_t groups = channels < 8 ? channels : 8;
    while (channels % groups != 0) groups--;
    if (o->norm == BATCH_NORM) return hoop__model_add(m, "batch_norm", index, NULL, err, NULL);
    if (o->norm == NO_NORM) return HOOP_OK;
    return hoop__model_add(m, "group_norm", index, &(hoop_group_norm_opts){.num_groups = groups, .eps = 1e-5}, err, NULL);
}

static hoop_status add_block(hoop_module *m, int *index, const cnn_opts *o, int64_t channels, hoop_error *err)
{
    const hoop_conv_layer_opts conv = {
        .out = channels, .kernel = {1, {o->kernel}}, .padding = {1, {o->kernel / 2}}, .no_bias = o->norm == BATCH_NORM};
    char        name[24];
    hoop_status st = HOOP_OK;
    for (int64_t i = 0; i < o->convs && st == HOOP_OK; i++) {
        st = hoop__model_add(m, "conv", index, &conv, err, NULL);
        if (st == HOOP_OK) st = add_norm(m, index, o, channels, err);
        if (st == HOOP_OK) st = hoop__model_add(m, activations[o->activation], index, NULL, err, NULL);
    }
    if (st != HOOP_OK || o->pool == NO_POOL) return st;
    (void)snprintf(name, sizeof name, "%d", (*index)++);
    return hoop__part_set(m, o->pool == MAX_POOL ? "max_pool" : "avg_pool", name, (const char *const[]){"kernel", "2", NULL},
                          err);
}

static hoop_status add_classifier(const hoop__model_call *c, hoop_error *err)
{
    const cnn_opts         *o    = c->opts;
    const hoop_dropout_opts drop = {.p = o->dropout};
    hoop_linear_opts        last = {0};
    hoop_module            *m;
    hoop_status             st;
    int                     index = 0;
    HOOP_TRY(st, done, hoop__model_outputs(c, &last.out, err));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "sequential", "classifier", NULL, err, &m));
    for (int i = 0; i <= o->hidden.n; i++) {
        const hoop_linear_opts hidden = {.out = i < o->hidden.n ? o->hidden.v[i] : last.out};
        if (o->dropout > 0.0) HOOP_TRY(st, done, hoop__model_add(m, "dropout", &index, &drop, err, NULL));
        HOOP_TRY(st, done, hoop__model_add(m, "linear", &index, &hidden, err, NULL));
        if (i < o->hidden.n) HOOP_TRY(st, done, hoop__model_add(m, activations[o->activation], &index, NULL, err, NULL));
    }
done:
    return st;
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const cnn_opts *o = c->opts;
    hoop_module    *features;
    hoop_status     st;
    int             dims, index = 0;
    HOOP_TRY(st, done, hoop__model_image(c, 3, &dims, err));
    if (o->kernel % 2 == 0)
        return hoop_config_fail(c->config, "model.kernel", err, "%lld; an odd one is wanted, as 3 or 5", (long long)o->kernel);
    HOOP_TRY(st, done, hoop__part_add(c->parent, "sequential", "features", NULL, err, &features));
    for (int i = 0; i < o->channels.n; i++) HOOP_TRY(st, done, add_block(features, &index, o, o->channels.v[i], err));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "flatten", "flatten", NULL, err, NULL));
    st = add_classifier(c, err);
done:
    return st;
}

const hoop__model_kind hoop__model_cnn = {
    .name = "cnn",
    .help = "blocks of convolutions, then linears: images (N, C, H, W), (N, H, W) or (N, C, D, H, W) -> (N, classes or values)",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(cnn_opts),
    .build     = build,
};
