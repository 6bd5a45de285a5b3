/* prelu: x above 0, weight x below; weight (num_parameters), one or one for each channel (dim 1). */
#include "hoop/ops.h"
#include "nn/module.h"

extern const hoop_module_kind hoop__module_prelu;

typedef struct prelu_opts {
    int64_t num_parameters;
    double  init;
} prelu_opts;
static const hoop_option rows[] = {
    {"num_parameters", HOOP_OPT_INT, offsetof(prelu_opts, num_parameters), "1", 1, 1e9, NULL, true, "1, or as many as channels"},
    {"init", HOOP_OPT_FLOAT, offsetof(prelu_opts, init), "0.25", -1e30, 1e30, NULL, true, "the slopes at first"},
};

static hoop_status build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const prelu_opts *o = hoop_module_opts(m);
    if (o->num_parameters != 1 && (*ndim < 2 || shape[1] != o->num_parameters))
        return hoop_fail(err, HOOP_ESHAPE, "num_parameters: %lld slopes for %lld channels", (long long)o->num_parameters,
                         *ndim < 2 ? 0LL : (long long)shape[1]);
    return hoop_module_constant(m, 0, "weight", o->init, 1, &o->num_parameters, err);
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_prelu(t, x, hoop_module_tensor(m, 0));
}

const hoop_module_kind hoop__module_prelu = {
    .name        = "prelu",
    .help        = "x above 0, weight x below; one weight, or one for each channel",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(prelu_opts),
    .main_option = "num_parameters",
    .build       = build,
    .forward     = forward,
};
