/* residual_mlp: linear layers in residual blocks (He et al., CVPR 2016). Inputs are flattened, several joined; several targets
 * each have a last layer of their own. */
#include "models/models.h"

typedef struct residual_opts {
    int64_t width, blocks;
    int     activation;
} residual_opts;

static const char *const activations[] = {"relu", "tanh", "sigmoid", "gelu", NULL};
#define AT(field) offsetof(residual_opts, field)
static const hoop_option rows[] = {
    {"width", HOOP_OPT_INT, AT(width), "64", 1, 1e9, NULL, true, "outputs of every layer but the last"},
    {"blocks", HOOP_OPT_INT, AT(blocks), "2", 1, 10000, NULL, true, "residual blocks: x + linear(activation(linear(x)))"},
    {"activation", HOOP_OPT_ENUM, AT(activation), "relu", 0, 0, activations, true, "within each block, and behind the last"},
};
#undef AT

/* blocks.0.body.0 linear, blocks.0.body.1 activation, blocks.0.body.2 linear, blocks.1.body.0 ... */
static hoop_status add_block(hoop_module *blocks, int *block, const residual_opts *o, hoop_error *err)
{
    const hoop_linear_opts linear = {.out = o->width};
    hoop_module           *residual, *body;
    hoop_status            st;
    int                    index = 0;
    HOOP_TRY(st, done, hoop__model_add(blocks, "residual", block, NULL, err, &residual));
    HOOP_TRY(st, done, hoop_module_add(residual, hoop_module_kind_find("sequential"), "body", NULL, err, &body));
    HOOP_TRY(st, done, hoop__model_add(body, "linear", &index, &linear, err, NULL));
    HOOP_TRY(st, done, hoop__model_add(body, activations[o->activation], &index, NULL, err, NULL));
    HOOP_TRY(st, done, hoop__model_add(body, "linear", &index, &linear, err, NULL));
done:
    return st;
}

/* input (linear), blocks, activation, output (linear, or one for each target: output.NAME) */
static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const residual_opts   *o     = c->opts;
    const hoop_linear_opts input = {.out = o->width};
    hoop_module           *blocks;
    hoop_status            st;
    int                    block = 0;
    HOOP_TRY(st, done, hoop__model_flatten(c, err));
    HOOP_TRY(st, done, hoop_module_add(c->parent, hoop_module_kind_find("linear"), "input", &input, err, NULL));
    HOOP_TRY(st, done, hoop_module_add(c->parent, hoop_module_kind_find("sequential"), "blocks", NULL, err, &blocks));
    while (block < o->blocks) HOOP_TRY(st, done, add_block(blocks, &block, o, err));
    HOOP_TRY(st, done,
             hoop_module_add(c->parent, hoop_module_kind_find(activations[o->activation]), "activation", NULL, err, NULL));
    st = hoop__model_heads(c, c->parent, "output", err);
done:
    return st;
}

const hoop__model_kind hoop__model_residual_mlp = {
    .name      = "residual_mlp",
    .help      = "a linear, residual blocks of two linears each, an activation, and a last linear for each target",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(residual_opts),
    .build     = build,
};
