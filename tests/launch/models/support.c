#include "support.h"

void clear(built *b)
{
    hoop_model_destroy(&b->model);
    hoop_config_destroy(&b->config);
}

static const hoop__model_kind *kind_of(const built *b)
{
    const char *name = hoop_value_text(hoop_config_get(b->config, "model.kind"));
    if (name != NULL) return hoop__model_kind_find(name);
    return hoop__model_kind_find(hoop_config_has(b->config, "model.layers") ? "layers" : "mlp");
}

hoop_status build(built *b, const char *text, hoop_dtype dtype, int nin, const hoop__model_input *in, int ny,
                  const hoop__model_target *t, hoop_error *err)
{
    static const hoop_option which = {
        .key = "kind", .type = HOOP_OPT_STRING, .offset = 4096 - HOOP_OPT_STRING_MAX, .fallback = ""};
    const hoop__model_kind *kind;
    hoop__model_call        call = {.inputs = in, .ninputs = nin, .targets = t, .ntargets = ny, .opts = b->opts};
    hoop_option             rows[64];
    hoop_option_table       options = {"model", rows, 0};
    hoop_shape              shape[2];
    hoop_status             st;
    memset(b, 0, sizeof *b);
    HOOP_TRY(st, done, hoop_config_parse(text, "m.yaml", err, &b->config));
    kind = kind_of(b);
    assert_non_null(kind);
    assert_true(kind->opts_size <= which.offset && kind->options.count < 64);
    if (kind->options.count > 0) memcpy(rows, kind->options.rows, (size_t)kind->options.count * sizeof *rows);
    rows[kind->options.count] = which;
    options.count             = kind->options.count + 1;
    if (kind->opts_size > 0) HOOP_TRY(st, done, hoop_config_fill(b->config, &options, err, b->opts));
    HOOP_TRY(st, done, hoop_model_create(dtype, err, &b->model));
    call.parent = hoop_model_root(b->model);
    call.config = b->config;
    HOOP_TRY(st, done, kind->build(&call, err));
    for (int i = 0; i < nin; i++) {
        shape[i]       = in[i].shape;
        shape[i].dtype = hoop_model_takes_indices(b->model, i) ? HOOP_I64 : dtype;
    }
    st = hoop_model_build(b->model, nin, shape, err);
done:
    return st;
}
