/* layer_norm and rms_norm: by the statistics of each row's last dims; weight and bias of their shape. */
#include "hoop/ops.h"
#include "nn/module.h"

static const char *const there[] = {"true", "false", NULL}; /* true is the default of a struct of zeros */
#define AT(field) offsetof(hoop_layer_norm_opts, field)
static const hoop_option layer_rows[] = {
    {"normalized_shape", HOOP_OPT_INTS, AT(normalized_shape), "[]", 1, 1e9, NULL, true,
     "sizes of the last dims; []: the last one"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-5", 0, 1e3, NULL, true, "added to the variance"},
    {"elementwise_affine", HOOP_OPT_ENUM, AT(elementwise_affine), "true", 0, 0, there, true, "weight and bias"},
    {"bias", HOOP_OPT_ENUM, AT(bias), "true", 0, 0, there, true, "a bias beside the weight"},
};
#undef AT
#define AT(field) offsetof(hoop_rms_norm_opts, field)
static const hoop_option rms_rows[] = {
    {"normalized_shape", HOOP_OPT_INTS, AT(normalized_shape), "[]", 1, 1e9, NULL, true,
     "sizes of the last dims; []: the last one"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "0", 0, 1e3, NULL, true, "added to the mean square; 0: the dtype's epsilon"},
    {"elementwise_affine", HOOP_OPT_ENUM, AT(elementwise_affine), "true", 0, 0, there, true, "a weight"},
};
#undef AT

enum { WEIGHT, BIAS };

/* The last dims that are normalised: how many; 0: they are not the input's, or vary. */
static int last_dims(const hoop_ints *want, int ndim, const int64_t *shape, hoop_error *err)
{
    const int n = want->n == 0 ? 1 : want->n;
    if (n >= ndim) {
        (void)hoop_fail(err, HOOP_ESHAPE, "it normalises the last %d dims, and its input has %d behind the batch", n, ndim - 1);
        return 0;
    }
    for (int d = 0; d < n; d++) {
        const int64_t size = shape[ndim - n + d];
        if (size >= 0 && (want->n == 0 || want->v[d] == size)) continue;
        if (size < 0)
            (void)hoop_fail(err, HOOP_ESHAPE, "dim %d of its input varies from leaf to leaf; it needs one size", ndim - n + d);
        else
            (void)hoop_fail(err, HOOP_ESHAPE, "normalized_shape: %lld where its input has %lld in dim %d", (long long)want->v[d],
                            (long long)size, ndim - n + d);
        return 0;
    }
    return n;
}

static hoop_status build(hoop_module *m, const hoop_ints *want, bool weight, bool bias, const int *ndim, const int64_t *shape,
                         hoop_error *err)
{
    const int   n  = last_dims(want, *ndim, shape, err);
    hoop_status st = n == 0 ? HOOP_ESHAPE : HOOP_OK;
    if (st == HOOP_OK && weight) st = hoop_module_param(m, WEIGHT, "weight", HOOP_PARAM_ONES, n, shape + *ndim - n, 1, err);
    if (st == HOOP_OK && bias) st = hoop_module_param(m, BIAS, "bias", HOOP_PARAM_ZEROS, n, shape + *ndim - n, 1, err);
    return st;
}

static hoop_status layer_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_layer_norm_opts *o = hoop_module_opts(m);
    return build(m, &o->normalized_shape, !o->elementwise_affine, !o->elementwise_affine && !o->bias, ndim, shape, err);
}

static hoop_tensor *layer_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_layer_norm_opts *o = hoop_module_opts(m);
    const int                   n = o->normalized_shape.n == 0 ? 1 : o->normalized_shape.n;
    return hoop_layer_norm(t, x, n, hoop_module_tensor(m, WEIGHT), hoop_module_tensor(m, BIAS), o->eps);
}

static hoop_status rms_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_rms_norm_opts *o = hoop_module_opts(m);
    return build(m, &o->normalized_shape, !o->elementwise_affine, false, ndim, shape, err);
}

static hoop_tensor *rms_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_rms_norm_opts *o = hoop_module_opts(m);
    const int                 n = o->normalized_shape.n == 0 ? 1 : o->normalized_shape.n;
    return hoop_rms_norm(t, x, n, hoop_module_tensor(m, WEIGHT), o->eps + 0.0); /* minus zero is the default here, too */
}

const hoop_module_kind hoop__module_layer_norm = {
    .name      = "layer_norm",
    .help      = "each row's last dims by their mean and variance, times a weight, plus a bias",
    .example   = "{layer_norm: {eps: 1e-6}}",
    .options   = HOOP_OPTIONS(layer_rows),
    .opts_size = sizeof(hoop_layer_norm_opts),
    .build     = layer_build,
    .forward   = layer_forward,
};
const hoop_module_kind hoop__module_rms_norm = {
    .name      = "rms_norm",
    .help      = "each row's last dims by the root of their mean square, times a weight",
    .options   = HOOP_OPTIONS(rms_rows),
    .opts_size = sizeof(hoop_rms_norm_opts),
    .build     = rms_build,
    .forward   = rms_forward,
};
