#include "models/parts.h"

#include "hoop/ops.h"

#include <stdlib.h>

const hoop_module_child hoop__parts[1] = {{"parts", .many = true, .named = true, .help = "of a model"}};

int hoop__parts_feed(const hoop_module *m, int c, int i)
{
    (void)m;
    return c == 0 ? i : -1;
}

hoop_status hoop__part_add(hoop_module *parent, const char *kind, const char *name, const void *opts, hoop_error *err,
                           hoop_module **out)
{
    return hoop_module_add(parent, hoop_module_kind_find(kind), name, opts, err, out);
}

hoop_status hoop__part_set(hoop_module *parent, const char *kind, const char *name, const char *const *set, hoop_error *err)
{
    const hoop_module_kind *k    = hoop_module_kind_find(kind);
    void                   *opts = calloc(1, k->opts_size + 1);
    hoop_status             st   = HOOP_OK;
    if (opts == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a layer");
    (void)hoop_option_defaults(&k->options, opts);
    for (; set[0] != NULL && st == HOOP_OK; set += 2)
        st = hoop_option_parse(hoop_option_find(&k->options, set[0]), set[1], opts, err);
    if (st == HOOP_OK) st = hoop_module_add(parent, k, name, opts, err, NULL);
    free(opts);
    return st;
}

hoop_status hoop__part_build(hoop_module *m, const char *name, hoop_shape *x, hoop_error *err)
{
    hoop_shape  out[HOOP_MODULE_TENSORS];
    int         n  = 0;
    hoop_status st = hoop_module_build(hoop_module_find(m, name), 1, x, &n, out, err);
    if (st == HOOP_OK && n != 1) return hoop_fail(err, HOOP_ESHAPE, "its %s gives %d tensors; one is wanted", name, n);
    if (st == HOOP_OK) *x = out[0];
    return st;
}

hoop_tensor *hoop__part_run(const hoop_module *m, const char *name, hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *y[HOOP_MODULE_TENSORS];
    hoop_module_forward(hoop_module_find(m, name), t, 1, &x, y);
    return y[0];
}

hoop_status hoop__part_takes(const hoop_module *m, int nin, const hoop_shape *in, int ndim, hoop_error *err)
{
    if (nin != 1) return hoop_fail(err, HOOP_ESHAPE, "it takes one tensor and is given %d", nin);
    if (in->dtype != hoop_module_dtype(m))
        return hoop_fail(err, HOOP_EDTYPE, "its input is %s, and it takes %s", hoop_dtype_name(in->dtype),
                         hoop_dtype_name(hoop_module_dtype(m)));
    if (in->ndim != ndim) return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims; %d are wanted", in->ndim, ndim);
    return HOOP_OK;
}

hoop_status hoop__model_one(const hoop__model_call *c, int from, int to, const char *what, hoop_error *err)
{
    const int ndim = c->inputs[0].shape.ndim - 1;
    if (c->ninputs != 1 || c->ntargets != 1)
        return hoop_config_fail(c->config, "model", err,
                                "this kind is for one input and one target, and there are %d and %d; choose kind: layers or mlp",
                                c->ninputs, c->ntargets);
    if (ndim < from || ndim > to)
        return hoop_config_fail(c->config, "model", err, "rows of '%s' have %d dims, and this kind takes %s", c->inputs[0].name,
                                ndim, what);
    return HOOP_OK;
}

hoop_status hoop__model_image(const hoop__model_call *c, int most, int *dims, hoop_error *err)
{
    const int   ndim = c->inputs[0].shape.ndim;
    hoop_status st   = hoop__model_one(
          c, 2, most + 1, most == 2 ? "images: (N, C, H, W), or (N, H, W)" : "images: (N, H, W), (N, C, H, W) or (N, C, D, H, W)",
          err);
    *dims = ndim == 3 ? 2 : ndim - 2;
    if (st != HOOP_OK || ndim > 3) return st;
    return hoop__part_set(c->parent, "unflatten", "image", (const char *const[]){"sizes", "[1, -1]", NULL}, err);
}

hoop_status hoop__model_outputs(const hoop__model_call *c, int64_t *out, hoop_error *err)
{
    *out = c->targets[0].outputs;
    if (*out >= 1) return HOOP_OK;
    return hoop_config_fail(c->config, "model", err, "this kind needs to know how many %s target '%s' has, and does not",
                            c->targets[0].classes ? "classes" : "elements", c->targets[0].name);
}

int hoop__begin(hoop__model_begin *out, int n, const char *match, const char *init, const char *key, double value)
{
    out[n] = (hoop__model_begin){.match = match, .init = init, .key = key, .value = value};
    return n + 1;
}

/* ---- sequences ---- */

int64_t hoop__model_vocabulary(const hoop__model_call *c, int64_t *vocabulary)
{
    if (*vocabulary == HOOP_OPT_AUTO) *vocabulary = c->inputs[0].tokens;
    return *vocabulary;
}

hoop_status hoop__model_sequence(const hoop__model_call *c, int64_t vocabulary, int64_t width, bool linear, hoop_error *err)
{
    const int64_t             tokens = c->inputs[0].tokens;
    const hoop_embedding_opts table  = {.rows = vocabulary, .width = width};
    const hoop_linear_opts    each   = {.out = width};
    hoop_status               st     = hoop__model_one(c, 1, vocabulary > 0 ? 1 : 2,
                                     vocabulary > 0 ? "tokens, (N, T), of a vocabulary; 0: numbers, (N, T, F) or (N, T)"
                                                                      : "numbers, (N, T, F) or (N, T); tokens have a vocabulary",
                                                       err);
    if (st != HOOP_OK) return st;
    if (vocabulary > 0 && vocabulary < tokens)
        return hoop_config_fail(c->config, "model.vocabulary", err, "%lld, and '%s' is of %lld different tokens; give as many",
                                (long long)vocabulary, c->inputs[0].name, (long long)tokens);
    if (vocabulary > 0) return hoop__part_add(c->parent, "embedding", "embedding", &table, err, NULL);
    if (c->inputs[0].shape.ndim == 2)
        st = hoop__part_set(c->parent, "unflatten", "series", (const char *const[]){"sizes", "[-1, 1]", NULL}, err);
    return st == HOOP_OK && linear ? hoop__part_add(c->parent, "linear", "embedding", &each, err, NULL) : st;
}

typedef struct step_opts {
    bool last;
} step_opts;

static hoop_status step_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    if (*ndim != 3) return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims; (N, T, C) is wanted", *ndim);
    if (shape[1] < 1 && ((const step_opts *)hoop_module_opts(m))->last)
        return hoop_fail(err, HOOP_ESHAPE, "its input has no step, or varies in length, and then the last is padding");
    shape[1] = shape[2];
    *ndim    = 2;
    return HOOP_OK;
}

static hoop_tensor *step_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const bool last = ((const step_opts *)hoop_module_opts(m))->last;
    x               = hoop_slice(t, x, 1, last ? hoop_tensor_size(x, 1) - 1 : 0, 1);
    return hoop_squeeze(t, x, 1);
}

static const hoop_module_kind step = {
    .name      = "step",
    .help      = "(N, T, C) -> (N, C): the first or last of T",
    .opts_size = sizeof(step_opts),
    .build     = step_build,
    .forward   = step_forward,
};

hoop_status hoop__part_step(hoop_module *parent, const char *name, bool last, hoop_error *err)
{
    return hoop_module_add(parent, &step, name, &(step_opts){last}, err, NULL);
}

hoop_status hoop__model_outputs_each(const hoop__model_call *c, int64_t *out, hoop_error *err)
{
    const int64_t steps = c->inputs[0].shape.size[1];
    hoop_status   st    = hoop__model_outputs(c, out, err);
    if (st != HOOP_OK || c->targets[0].classes) return st;
    if (steps < 1 || *out % steps != 0)
        return hoop_config_fail(c->config, "model", err,
                                "target '%s' has %lld elements, which are not the same for each of %lld steps",
                                c->targets[0].name, (long long)*out, (long long)steps);
    *out /= steps;
    return HOOP_OK;
}
