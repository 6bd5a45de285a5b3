/* dropout, of elements or whole channels; alpha_dropout; drop_path: the identity in evaluation. */
#include "hoop/ops.h"
#include "nn/module.h"

extern const hoop_module_kind hoop__module_dropout, hoop__module_alpha_dropout, hoop__module_drop_path;

#define P(text)                                                                                                                  \
    {                                                                                                                            \
        "p", HOOP_OPT_FLOAT, offsetof(hoop_dropout_opts, p), NULL, 0, 0.999, NULL, true, (text)                                  \
    }
static const hoop_option rows[] = {
    P("probability of zeroing an element"),
    {"channels", HOOP_OPT_BOOL, offsetof(hoop_dropout_opts, channels), "false", 0, 0, NULL, true, "zero whole channels (dim 1)"},
};
static const hoop_option alpha_rows[] = {P("probability of dropping an element")};
static const hoop_option path_rows[]  = {P("probability of zeroing a sample")};
#undef P

static const hoop_dropout_opts *opts(const hoop_module *m)
{
    return hoop_module_opts(m);
}

static hoop_status build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    (void)shape;
    if (!opts(m)->channels || *ndim >= 2) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "channels: its input has no dim behind the batch");
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return opts(m)->channels ? hoop_dropout_channels(t, x, opts(m)->p) : hoop_dropout(t, x, opts(m)->p);
}
static hoop_tensor *alpha_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_alpha_dropout(t, x, opts(m)->p);
}
static hoop_tensor *path_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_drop_path(t, x, opts(m)->p);
}

const hoop_module_kind hoop__module_dropout = {
    .name        = "dropout",
    .help        = "zeroes elements in training, and scales the others by 1 / (1 - p)",
    .example     = "{dropout: 0.1}",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_dropout_opts),
    .main_option = "p",
    .build       = build,
    .forward     = forward,
};
const hoop_module_kind hoop__module_alpha_dropout = {
    .name        = "alpha_dropout",
    .help        = "drops elements in training, and keeps mean and variance of what selu gives",
    .options     = HOOP_OPTIONS(alpha_rows),
    .opts_size   = sizeof(hoop_dropout_opts),
    .main_option = "p",
    .forward     = alpha_forward,
};
const hoop_module_kind hoop__module_drop_path = {
    .name        = "drop_path",
    .help        = "zeroes samples in training, and scales the others: the end of a residual's body",
    .example     = "{residual: [{linear: 64}, relu, {drop_path: 0.1}]}",
    .options     = HOOP_OPTIONS(path_rows),
    .opts_size   = sizeof(hoop_dropout_opts),
    .main_option = "p",
    .forward     = path_forward,
};
