/* The model of a config: `kind: mlp` with hidden sizes, or `layers:` one by one. */
#include "train/data.h"
#include "train/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[]       = {"mlp", "layers", NULL};
static const char *const activations[] = {"relu", "tanh", "sigmoid", "gelu", NULL};
static const char *const inits[]       = {"pytorch", "he", "glorot", NULL};
#define AT(field) offsetof(hoop__model_opts, field)
static const hoop_option rows[] = {
    {"kind", HOOP_OPT_ENUM, AT(kind), "mlp", 0, 0, kinds, true,
     "mlp: hidden layers of the sizes below; layers: those of model.layers"},
    {"init", HOOP_OPT_ENUM, AT(init), "pytorch", 0, 0, inits, true, "of weights"},
    {"output_shape", HOOP_OPT_INTS, AT(output_shape), "[]", 1, 1e9, NULL, false,
     "of a row of predictions; []: that of the targets"},
};
static const hoop_option mlp_rows[] = {
    {"hidden", HOOP_OPT_INTS, AT(hidden), "[512, 256]", 1, 1e9, NULL, true, "mlp: outputs of each hidden layer"},
    {"activation", HOOP_OPT_ENUM, AT(activation), "relu", 0, 0, activations, true, "mlp: after each hidden layer"},
    {"dropout", HOOP_OPT_FLOAT, AT(dropout), "0.0", 0, 0.999, NULL, true, "mlp: after each activation"},
    {"outputs", HOOP_OPT_INT, AT(outputs), "auto", 1, 1e9, NULL, true,
     "mlp: of the last layer; auto: classes, or size of the targets"},
};
#undef AT
const hoop_option_table hoop__model_options = {"model", rows, (int)(sizeof rows / sizeof rows[0])};
const hoop_option_table hoop__mlp_options   = {"model", mlp_rows, (int)(sizeof mlp_rows / sizeof mlp_rows[0])};

/* what stands in model.layers for each of mlp_rows */
static const char *const layers_for[] = {"{linear: 512}", "relu", "{dropout: 0.1}", "{linear: 10}"};
_Static_assert(sizeof layers_for / sizeof *layers_for == sizeof mlp_rows / sizeof *mlp_rows, "one for each");

/* which kind, and no key that says nothing to it */
hoop_status hoop__model_check(hoop_trainer *tr, hoop_error *err)
{
    char path[64];
    if (tr->opts.params != NULL) {
        if (hoop_value_count(hoop_config_get(tr->config, "model")) > 0)
            return hoop_config_fail(tr->config, "model", err, "the model is the caller's own (opts.params); take this out");
        return HOOP_OK;
    }
    if (!hoop_config_has(tr->config, "model.layers")) return HOOP_OK;
    if (!hoop_config_has(tr->config, "model.kind")) tr->plan->model.kind = HOOP__MODEL_LAYERS;
    if (tr->plan->model.kind != HOOP__MODEL_LAYERS) {
        return hoop_config_fail(tr->config, "model.layers", err,
                                "model.kind is %s, which has no layers of its own: leave out one of kind and layers",
                                kinds[tr->plan->model.kind]);
    }
    for (int i = 0; i < hoop__mlp_options.count; i++) {
        (void)snprintf(path, sizeof path, "model.%s", mlp_rows[i].key);
        if (hoop_config_has(tr->config, path))
            return hoop_config_fail(
                tr->config, path, err,
                "is a key of kind: mlp, and model.layers is given; leave it out, and write it as a layer of the list, such as %s",
                layers_for[i]);
    }
    return HOOP_OK;
}

static hoop_status add(hoop_module *parent, const char *kind, int *index, const void *opts, hoop_error *err)
{
    char name[24];
    (void)snprintf(name, sizeof name, "%d", (*index)++);
    return hoop_module_add(parent, hoop_module_kind_find(kind), name, opts, err, NULL);
}

static int64_t wanted_outputs(const hoop_trainer *tr)
{
    const hoop__field *y = hoop__target(tr, 0);
    return y->loss->classes ? y->classes : hoop__field_numel(y);
}

/* layers.0 linear, layers.1 activation, layers.2 dropout (if any), ... as a torch.nn.Sequential would number them */
static hoop_status add_mlp(hoop_trainer *tr, hoop_module *layers, hoop_error *err)
{
    const hoop__model_opts *o     = &tr->plan->model;
    hoop_linear_opts        last  = {.out = o->outputs == HOOP_OPT_AUTO ? wanted_outputs(tr) : o->outputs};
    hoop_status             st    = HOOP_OK;
    int                     index = 0;
    for (int i = 0; i < o->hidden.n; i++) {
        HOOP_TRY(st, done, add(layers, "linear", &index, &(hoop_linear_opts){.out = o->hidden.v[i]}, err));
        HOOP_TRY(st, done, add(layers, activations[o->activation], &index, NULL, err));
        if (o->dropout > 0.0) HOOP_TRY(st, done, add(layers, "dropout", &index, &(hoop_dropout_opts){o->dropout}, err));
    }
    HOOP_TRY(st, done, add(layers, "linear", &index, &last, err));
done:
    return st;
}

/* one item of model.layers: `relu`, `{linear: 512}` or `{embedding: {rows: 65, width: 128}}` */
static hoop_status add_layer(hoop_module *layers, const hoop_value *item, int *index, hoop_error *err)
{
    const char             *name = hoop_value_text(item);
    const hoop_value       *opts = NULL;
    const hoop_module_kind *kind;
    const char             *names[32];
    const char             *near;
    void                   *values = NULL;
    int                     n      = 0;
    hoop_status             st     = HOOP_OK;
    if (name == NULL && hoop_value_get_kind(item) == HOOP_VALUE_MAP && hoop_value_count(item) == 1) {
        name = hoop_value_key(item, 0);
        opts = hoop_value_at(item, 0);
    }
    if (name == NULL) return hoop_value_fail(item, err, "a layer is a name or one `name: options`, such as {linear: 512}");
    kind = hoop_module_kind_find(name);
    if (kind == NULL || strcmp(name, "sequential") == 0) {
        for (const hoop_module_kind *k; n < 32 && (k = hoop_module_kind_get(n)) != NULL; n++) names[n] = k->name;
        near = hoop_nearest(name, names, n);
        return near != NULL
                   ? hoop_value_fail(item, err, "there is no layer '%s'; did you mean %s?", name, near)
                   : hoop_value_fail(
                         item, err,
                         "there is no layer '%s'; there are linear, relu, tanh, sigmoid, gelu, dropout, flatten, embedding",
                         name);
    }
    for (int i = 0; opts == NULL && kind->opts_size > 0 && i < kind->options.count; i++) {
        const char *key = kind->options.rows[i].key;
        if (kind->options.rows[i].fallback != NULL) continue;
        if (kind->main_option != NULL && strcmp(key, kind->main_option) == 0)
            return hoop_value_fail(item, err, "%s of %s must be given, as in {%s: 10}", key, name, name);
        return hoop_value_fail(item, err, "%s of %s must be given, as in {%s: {%s: 10}}", key, name, name, key);
    }
    if (kind->opts_size > 0) {
        values = calloc(1, kind->opts_size);
        if (values == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a layer");
        if (opts != NULL && hoop_value_get_kind(opts) != HOOP_VALUE_MAP && hoop_value_get_kind(opts) != HOOP_VALUE_NULL &&
            kind->main_option != NULL) {
            hoop_option_defaults(&kind->options, values);
            HOOP_TRY(st, done, hoop_value_parse(opts, hoop_option_find(&kind->options, kind->main_option), err, values));
        } else {
            HOOP_TRY(st, done, hoop_value_fill(opts, &kind->options, err, values));
        }
    } else if (opts != NULL && hoop_value_get_kind(opts) != HOOP_VALUE_NULL) {
        st = hoop_value_fail(opts, err, "%s takes no options", name);
        goto done;
    }
    st = add(layers, name, index, values, err);
done:
    free(values);
    return st;
}

static hoop_status add_layers(hoop_trainer *tr, hoop_module *layers, hoop_error *err)
{
    const hoop_value *list  = hoop_config_get(tr->config, "model.layers");
    hoop_status       st    = HOOP_OK;
    int               index = 0;
    if (hoop_value_get_kind(list) != HOOP_VALUE_LIST || hoop_value_count(list) == 0) {
        return hoop_config_fail(tr->config, "model.layers", err,
                                "a list of layers is wanted, such as [{linear: 512}, relu, {linear: 10}]");
    }
    for (int i = 0; i < hoop_value_count(list) && st == HOOP_OK; i++) st = add_layer(layers, hoop_value_at(list, i), &index, err);
    return st;
}

hoop_status hoop__model_from_config(hoop_trainer *tr, hoop_error *err)
{
    hoop_module *root, *layers = NULL;
    hoop__field *x  = hoop__input(tr, 0);
    hoop_shape   in = {.ndim = x->ndim + 1};
    hoop_status  st;

    const hoop_normalize_opts normalize = {hoop__input(tr, 0)->dtype == HOOP_F64 ? HOOP_NORMALIZE_F64 : HOOP_NORMALIZE_MODEL};
    HOOP_TRY(st, done, hoop_model_create(tr->dtype, err, &tr->model));
    tr->params = hoop_model_params(tr->model);
    root       = hoop_model_root(tr->model);
    if (hoop__input(tr, 0)->normalized)
        HOOP_TRY(st, done, hoop_module_add(root, hoop_module_kind_find("normalize"), "normalize", &normalize, err, NULL));
    if (tr->plan->model.kind == HOOP__MODEL_MLP)
        HOOP_TRY(st, done, hoop_module_add(root, hoop_module_kind_find("flatten"), "flatten", NULL, err, NULL));
    HOOP_TRY(st, done, hoop_module_add(root, hoop_module_kind_find("sequential"), "layers", NULL, err, &layers));
    HOOP_TRY(st, done, tr->plan->model.kind == HOOP__MODEL_MLP ? add_mlp(tr, layers, err) : add_layers(tr, layers, err));
    if (hoop_model_takes_indices(tr->model, 0)) x->dtype = HOOP_I64;
    in.dtype = x->dtype;
    memcpy(in.size + 1, x->shape, (size_t)x->ndim * sizeof *in.size);
    st = hoop_model_build(tr->model, 1, &in, err);
    if (st != HOOP_OK) {
        (void)hoop_fail_within(err, "%s: model", hoop_config_name(tr->config));
        goto done;
    }
    HOOP_TRY(st, done, hoop__outputs_match(tr, err));
    HOOP_TRY(st, done, hoop__targets_buffers(tr, err));
    HOOP_TRY(st, done, hoop_model_finalize(tr->model, NULL, err));
    hoop_model_init(tr->model, (hoop_init)tr->plan->model.init, (uint64_t)tr->plan->run.seed);
done:
    return st;
}
