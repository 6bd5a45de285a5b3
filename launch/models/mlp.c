/* mlp: a multi-layer perceptron. Inputs are flattened, several joined; several targets each have a last layer of their own. */
#include "models/models.h"

typedef struct mlp_opts {
    hoop_ints hidden;
    int       activation;
    double    dropout;
    int64_t   outputs;
} mlp_opts;

static const char *const activations[] = {"relu", "tanh", "sigmoid", "gelu",     "silu",      "leaky_relu",
                                          "elu",  "selu", "mish",    "softplus", "hardswish", NULL};
#define AT(field) offsetof(mlp_opts, field)
static const hoop_option rows[] = {
    {"hidden", HOOP_OPT_INTS, AT(hidden), "[512, 256]", 1, 1e9, NULL, true, "outputs of each hidden layer"},
    {"activation", HOOP_OPT_ENUM, AT(activation), "relu", 0, 0, activations, true, "after each hidden layer"},
    {"dropout", HOOP_OPT_FLOAT, AT(dropout), "0.0", 0, 0.999, NULL, true, "after each activation"},
    {"outputs", HOOP_OPT_INT, AT(outputs), "auto", 1, 1e9, NULL, true,
     "of the last layer; auto: classes, or size of the targets"},
};
#undef AT

/* layers.0 linear, layers.1 activation, layers.2 dropout (if any), ... as a torch.nn.Sequential would number them */
static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const mlp_opts *o = c->opts;
    hoop_module    *layers;
    hoop_status     st    = HOOP_OK;
    int             index = 0;
    char            name[24];
    if (c->ntargets > 1 && o->outputs != HOOP_OPT_AUTO)
        return hoop_config_fail(c->config, "model.outputs", err, "is for one target, and there are %d; leave it out",
                                c->ntargets);
    HOOP_TRY(st, done, hoop__model_flatten(c, err));
    HOOP_TRY(st, done, hoop_module_add(c->parent, hoop_module_kind_find("sequential"), "layers", NULL, err, &layers));
    for (int i = 0; i < o->hidden.n; i++) {
        const hoop_linear_opts hidden = {.out = o->hidden.v[i]};
        HOOP_TRY(st, done, hoop__model_add(layers, "linear", &index, &hidden, err, NULL));
        HOOP_TRY(st, done, hoop__model_add(layers, activations[o->activation], &index, NULL, err, NULL));
        if (o->dropout > 0.0)
            HOOP_TRY(st, done, hoop__model_add(layers, "dropout", &index, &(hoop_dropout_opts){o->dropout}, err, NULL));
    }
    if (o->outputs == HOOP_OPT_AUTO)
        st = hoop__model_heads(c, layers, hoop__model_branch("", index, name), err);
    else
        st = hoop__model_add(layers, "linear", &index, &(hoop_linear_opts){.out = o->outputs}, err, NULL);
done:
    return st;
}

const hoop__model_kind hoop__model_mlp = {
    .name      = "mlp",
    .help      = "hidden layers, each a linear and an activation, and a last linear for each target",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(mlp_opts),
    .build     = build,
};
