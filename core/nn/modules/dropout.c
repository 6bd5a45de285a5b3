/* dropout: zeroes elements in training, and scales the others by 1 / (1 - p); of any shape. */
#include "hoop/ops.h"
#include "nn/module.h"

static const hoop_option rows[] = {
    {"p", HOOP_OPT_FLOAT, offsetof(hoop_dropout_opts, p), NULL, 0, 0.999, NULL, true, "probability of zeroing an element"},
};

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_dropout(t, x, ((const hoop_dropout_opts *)hoop_module_opts(m))->p);
}

const hoop_module_kind hoop__module_dropout = {
    .name        = "dropout",
    .help        = "zeroes elements in training, and scales the others by 1 / (1 - p)",
    .example     = "{dropout: 0.1}",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_dropout_opts),
    .main_option = "p",
    .forward     = forward,
};
