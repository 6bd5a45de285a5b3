/* mlp: a multi-layer perceptron. Inputs are flattened, several joined; several targets each have a last layer of their own. */
#include "models/models.h"

typedef struct mlp_opts {
    hoop_ints hidden;
    int       activation;
    double    dropout;
    int64_t   outputs;
} mlp_opts;

static const char *const activations[] = {"relu", "tanh", "sigmoid", "gelu", NULL};
#define AT(field) offsetof(mlp_opts, field)
static const hoop_option rows[] = {
    {"hidden", HOOP_OPT_INTS, AT(hidden), "[512, 256]", 1, 1e9, NULL, true, "outputs of each hidden layer"},
    {"activation", HOOP_OPT_ENUM, AT(activation), "relu", 0, 0, activations, true, "after each hidden layer"},
    {"dropout", HOOP_OPT_FLOAT, AT(dropout), "0.0", 0, 0.999, NULL, true, "after each activation"},
    {"outputs", HOOP_OPT_INT, AT(outputs), "auto", 1, 1e9, NULL, true,
     "of the last layer; auto: classes, or size of the targets"},
};
#undef AT

/* (N, ...) -> (N, I); several: each, and then side by side */
static hoop_status flatten(const hoop__model_call *c, hoop_error *err)
{
    const hoop_module_kind  *kind   = hoop_module_kind_find("flatten");
    const hoop_parallel_opts joined = {HOOP_JOIN_CONCAT, HOOP_INPUTS_EACH};
    hoop_module             *each;
    hoop_status              st;
    char                     name[24];
    if (c->ninputs == 1) return hoop_module_add(c->parent, kind, "flatten", NULL, err, NULL);
    st = hoop_module_add(c->parent, hoop_module_kind_find("parallel"), "flatten", &joined, err, &each);
    for (int i = 0; i < c->ninputs && st == HOOP_OK; i++)
        st = hoop_module_add(each, kind, hoop__model_branch(c->inputs[i].name, i, name), NULL, err, NULL);
    return st;
}

/* a linear for each target */
static hoop_status heads(const hoop__model_call *c, hoop_module *layers, int *index, hoop_error *err)
{
    hoop_module *each;
    hoop_status  st = hoop__model_add(layers, "parallel", index, NULL, err, &each);
    for (int k = 0; k < c->ntargets && st == HOOP_OK; k++) {
        const hoop__model_target *y    = &c->targets[k];
        const hoop_linear_opts    last = {.out = y->outputs};
        char                      name[24];
        if (y->outputs < 1)
            return hoop_config_fail(c->config, "model", err,
                                    "kind: mlp needs to know how many %s target '%s' has, and does not; choose kind: layers",
                                    y->classes ? "classes" : "elements", y->name);
        st = hoop_module_add(each, hoop_module_kind_find("linear"), hoop__model_branch(y->name, k, name), &last, err, NULL);
    }
    return st;
}

/* layers.0 linear, layers.1 activation, layers.2 dropout (if any), ... as a torch.nn.Sequential would number them */
static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const mlp_opts *o = c->opts;
    hoop_module    *layers;
    hoop_status     st    = HOOP_OK;
    int             index = 0;
    if (c->ntargets > 1 && o->outputs != HOOP_OPT_AUTO)
        return hoop_config_fail(c->config, "model.outputs", err, "is for one target, and there are %d; leave it out",
                                c->ntargets);
    HOOP_TRY(st, done, flatten(c, err));
    HOOP_TRY(st, done, hoop_module_add(c->parent, hoop_module_kind_find("sequential"), "layers", NULL, err, &layers));
    for (int i = 0; i < o->hidden.n; i++) {
        const hoop_linear_opts hidden = {.out = o->hidden.v[i]};
        HOOP_TRY(st, done, hoop__model_add(layers, "linear", &index, &hidden, err, NULL));
        HOOP_TRY(st, done, hoop__model_add(layers, activations[o->activation], &index, NULL, err, NULL));
        if (o->dropout > 0.0)
            HOOP_TRY(st, done, hoop__model_add(layers, "dropout", &index, &(hoop_dropout_opts){o->dropout}, err, NULL));
    }
    if (c->ntargets > 1) {
        st = heads(c, layers, &index, err);
    } else {
        const hoop_linear_opts last = {.out = o->outputs == HOOP_OPT_AUTO ? c->targets[0].outputs : o->outputs};
        st                          = hoop__model_add(layers, "linear", &index, &last, err, NULL);
    }
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
