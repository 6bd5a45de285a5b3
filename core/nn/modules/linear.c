/* linear: (N, ..., I) -> (N, ..., out); weight (out, I), bias (out). */
#include "hoop/ops.h"
#include "nn/module.h"

static const hoop_option rows[] = {
    {"out", HOOP_OPT_INT, offsetof(hoop_linear_opts, out), NULL, 1, 1e9, NULL, true, "number of outputs"},
    {"no_bias", HOOP_OPT_BOOL, offsetof(hoop_linear_opts, no_bias), "false", 0, 0, NULL, true, "leave the bias out"},
};

static hoop_status build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_linear_opts *o  = hoop_module_opts(m);
    int64_t                 in = shape[*ndim - 1];
    hoop_status             st;
    if (*ndim < 2) return hoop_fail(err, HOOP_ESHAPE, "its input has no dim behind the batch");
    if (in < 0) return hoop_fail(err, HOOP_ESHAPE, "the last dim of its input varies from leaf to leaf; it needs one size");
    if (o->out < 1) return hoop_fail(err, HOOP_EARG, "out: %lld outputs; at least 1", (long long)o->out);
    st = hoop_module_param(m, 0, "weight", HOOP_PARAM_WEIGHT, 2, (int64_t[]){o->out, in}, in, err);
    if (st == HOOP_OK && !o->no_bias) st = hoop_module_param(m, 1, "bias", HOOP_PARAM_BIAS, 1, &o->out, in, err);
    shape[*ndim - 1] = o->out;
    return st;
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_linear(t, x, hoop_module_tensor(m, 0), hoop_module_tensor(m, 1));
}

const hoop_module_kind hoop__module_linear = {
    .name        = "linear",
    .help        = "(N, ..., I) -> (N, ..., out): x W^T + b",
    .example     = "{linear: 512}",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_linear_opts),
    .main_option = "out",
    .build       = build,
    .forward     = forward,
};
