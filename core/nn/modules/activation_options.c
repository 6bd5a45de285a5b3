/* Activations with options, under PyTorch's names: of any shape. */
#include "hoop/ops.h"
#include "nn/module.h"
#include "ops/shape.h"

extern const hoop_module_kind hoop__module_leaky_relu, hoop__module_elu, hoop__module_celu, hoop__module_gelu,
    hoop__module_softplus, hoop__module_hardtanh, hoop__module_glu, hoop__module_hardshrink, hoop__module_softshrink,
    hoop__module_threshold, hoop__module_rrelu, hoop__module_softmax, hoop__module_log_softmax, hoop__module_softmin;

typedef struct slope_opts {
    double negative_slope;
} slope_opts;
static const hoop_option leaky_relu_rows[] = {
    {"negative_slope", HOOP_OPT_FLOAT, offsetof(slope_opts, negative_slope), "0.01", -1e30, 1e30, NULL, true, "slope below 0"},
};
static hoop_tensor *leaky_relu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_leaky_relu(t, x, ((const slope_opts *)hoop_module_opts(m))->negative_slope);
}
const hoop_module_kind hoop__module_leaky_relu = {
    .name        = "leaky_relu",
    .help        = "x above 0, negative_slope x below",
    .options     = HOOP_OPTIONS(leaky_relu_rows),
    .opts_size   = sizeof(slope_opts),
    .main_option = "negative_slope",
    .forward     = leaky_relu_forward,
};

typedef struct alpha_opts {
    double alpha;
} alpha_opts;
static const hoop_option elu_rows[] = {
    {"alpha", HOOP_OPT_FLOAT, offsetof(alpha_opts, alpha), "1.0", 0, 1e30, NULL, true, "what it falls to, below 0"},
};
static const hoop_option celu_rows[] = {
    {"alpha", HOOP_OPT_FLOAT, offsetof(alpha_opts, alpha), "1.0", 1e-30, 1e30, NULL, true, "what it falls to, below 0"},
};
static hoop_tensor *elu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_elu(t, x, ((const alpha_opts *)hoop_module_opts(m))->alpha);
}
static hoop_tensor *celu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_celu(t, x, ((const alpha_opts *)hoop_module_opts(m))->alpha);
}
const hoop_module_kind hoop__module_elu = {
    .name        = "elu",
    .help        = "x above 0, alpha (exp(x) - 1) below",
    .options     = HOOP_OPTIONS(elu_rows),
    .opts_size   = sizeof(alpha_opts),
    .main_option = "alpha",
    .forward     = elu_forward,
};
const hoop_module_kind hoop__module_celu = {
    .name        = "celu",
    .help        = "x above 0, alpha (exp(x / alpha) - 1) below",
    .options     = HOOP_OPTIONS(celu_rows),
    .opts_size   = sizeof(alpha_opts),
    .main_option = "alpha",
    .forward     = celu_forward,
};

static const char *const approximations[] = {"none", "tanh", NULL};
static const hoop_option gelu_rows[]      = {
         {"approximate", HOOP_OPT_ENUM, offsetof(hoop_gelu_opts, approximate), "none", 0, 0, approximations, true,
          "none: by erf; tanh: the approximation"},
};
static hoop_tensor *gelu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_gelu(t, x, (hoop_gelu_kind)((const hoop_gelu_opts *)hoop_module_opts(m))->approximate);
}
const hoop_module_kind hoop__module_gelu = {
    .name        = "gelu",
    .help        = "x times the normal distribution at x",
    .options     = HOOP_OPTIONS(gelu_rows),
    .opts_size   = sizeof(hoop_gelu_opts),
    .main_option = "approximate",
    .forward     = gelu_forward,
};

typedef struct softplus_opts {
    double beta, threshold;
} softplus_opts;
static const hoop_option softplus_rows[] = {
    {"beta", HOOP_OPT_FLOAT, offsetof(softplus_opts, beta), "1.0", 1e-30, 1e30, NULL, true, "how sharp it bends"},
    {"threshold", HOOP_OPT_FLOAT, offsetof(softplus_opts, threshold), "20.0", -1e30, 1e30, NULL, true,
     "of beta x: x itself above"},
};
static hoop_tensor *softplus_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const softplus_opts *o = hoop_module_opts(m);
    return hoop_softplus(t, x, o->beta, o->threshold);
}
const hoop_module_kind hoop__module_softplus = {
    .name      = "softplus",
    .help      = "log(1 + exp(beta x)) / beta",
    .options   = HOOP_OPTIONS(softplus_rows),
    .opts_size = sizeof(softplus_opts),
    .forward   = softplus_forward,
};

typedef struct hardtanh_opts {
    double min_val, max_val;
} hardtanh_opts;
static const hoop_option hardtanh_rows[] = {
    {"min_val", HOOP_OPT_FLOAT, offsetof(hardtanh_opts, min_val), "-1.0", -1e30, 1e30, NULL, true, "least"},
    {"max_val", HOOP_OPT_FLOAT, offsetof(hardtanh_opts, max_val), "1.0", -1e30, 1e30, NULL, true, "largest"},
};
static hoop_status hardtanh_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hardtanh_opts *o = hoop_module_opts(m);
    (void)ndim, (void)shape;
    if (o->min_val < o->max_val) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG, "min_val, %g, is not below max_val, %g", o->min_val, o->max_val);
}
static hoop_tensor *hardtanh_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hardtanh_opts *o = hoop_module_opts(m);
    return hoop_hardtanh(t, x, o->min_val, o->max_val);
}
const hoop_module_kind hoop__module_hardtanh = {
    .name      = "hardtanh",
    .help      = "x between min_val and max_val, else these",
    .options   = HOOP_OPTIONS(hardtanh_rows),
    .opts_size = sizeof(hardtanh_opts),
    .build     = hardtanh_build,
    .forward   = hardtanh_forward,
};

typedef struct lambda_opts {
    double lambda;
} lambda_opts;
static const hoop_option shrink_rows[] = {
    {"lambda", HOOP_OPT_FLOAT, offsetof(lambda_opts, lambda), "0.5", 0, 1e30, NULL, true, "what lies so near to 0 becomes 0"},
};
static hoop_tensor *hardshrink_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_hardshrink(t, x, ((const lambda_opts *)hoop_module_opts(m))->lambda);
}
static hoop_tensor *softshrink_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_softshrink(t, x, ((const lambda_opts *)hoop_module_opts(m))->lambda);
}
const hoop_module_kind hoop__module_hardshrink = {
    .name        = "hardshrink",
    .help        = "x, but 0 within lambda of 0",
    .options     = HOOP_OPTIONS(shrink_rows),
    .opts_size   = sizeof(lambda_opts),
    .main_option = "lambda",
    .forward     = hardshrink_forward,
};
const hoop_module_kind hoop__module_softshrink = {
    .name        = "softshrink",
    .help        = "x, lambda nearer to 0, or 0 within lambda of it",
    .options     = HOOP_OPTIONS(shrink_rows),
    .opts_size   = sizeof(lambda_opts),
    .main_option = "lambda",
    .forward     = softshrink_forward,
};

typedef struct threshold_opts {
    double threshold, value;
} threshold_opts;
static const hoop_option threshold_rows[] = {
    {"threshold", HOOP_OPT_FLOAT, offsetof(threshold_opts, threshold), NULL, -1e30, 1e30, NULL, true, "x above it stays"},
    {"value", HOOP_OPT_FLOAT, offsetof(threshold_opts, value), NULL, -1e30, 1e30, NULL, true, "what all else becomes"},
};
static hoop_tensor *threshold_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const threshold_opts *o = hoop_module_opts(m);
    return hoop_threshold(t, x, o->threshold, o->value);
}
const hoop_module_kind hoop__module_threshold = {
    .name      = "threshold",
    .help      = "x above a threshold, else a value",
    .example   = "{threshold: {threshold: 0.1, value: 0}}",
    .options   = HOOP_OPTIONS(threshold_rows),
    .opts_size = sizeof(threshold_opts),
    .forward   = threshold_forward,
};

typedef struct rrelu_opts {
    double lower, upper;
} rrelu_opts;
static const hoop_option rrelu_rows[] = {
    {"lower", HOOP_OPT_FLOAT, offsetof(rrelu_opts, lower), "0.125", -1e30, 1e30, NULL, true, "least slope below 0"},
    {"upper", HOOP_OPT_FLOAT, offsetof(rrelu_opts, upper), "0.3333333333333333", -1e30, 1e30, NULL, true, "largest"},
};
static hoop_status rrelu_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const rrelu_opts *o = hoop_module_opts(m);
    (void)ndim, (void)shape;
    if (o->lower <= o->upper) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG, "lower, %g, is above upper, %g", o->lower, o->upper);
}
static hoop_tensor *rrelu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const rrelu_opts *o = hoop_module_opts(m);
    return hoop_rrelu(t, x, o->lower, o->upper);
}
const hoop_module_kind hoop__module_rrelu = {
    .name      = "rrelu",
    .help      = "x above 0, below it by a slope of its own for each element in training, else by their mean",
    .options   = HOOP_OPTIONS(rrelu_rows),
    .opts_size = sizeof(rrelu_opts),
    .build     = rrelu_build,
    .forward   = rrelu_forward,
};

typedef struct softmax_opts {
    int64_t dim;
} softmax_opts;
static const hoop_option softmax_rows[] = {
    {"dim", HOOP_OPT_INT, offsetof(softmax_opts, dim), "-1", -HOOP_MAX_DIMS, HOOP_MAX_DIMS - 1, NULL, true,
     "that adds up to 1; below 0 from the end, and never the batch"},
};
static hoop_status softmax_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const softmax_opts *o   = hoop_module_opts(m);
    const int64_t       dim = o->dim < 0 ? o->dim + *ndim : o->dim;
    (void)shape;
    if (dim >= 1 && dim < *ndim) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "dim %lld is none of its %d behind the batch", (long long)o->dim, *ndim - 1);
}
/* f over a dim; channels of images lie last */
static hoop_tensor *along(const hoop_module *m, hoop_tape *t, hoop_tensor *x, hoop_tensor *(*f)(hoop_tape *t, hoop_tensor *x))
{
    const int64_t of   = ((const softmax_opts *)hoop_module_opts(m))->dim;
    const int     ndim = hoop_tensor_ndim(x), dim = (int)(of < 0 ? of + ndim : of);
    if (dim == ndim - 1) return f(t, x);
    if (dim == 1) {
        x = hoop__channels_last(t, x);
        return hoop__channels_first(t, f(t, x));
    }
    x = hoop_transpose(t, x, dim, ndim - 1);
    return hoop_transpose(t, f(t, x), dim, ndim - 1);
}
static hoop_tensor *softmax_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return along(m, t, x, hoop_softmax);
}
static hoop_tensor *log_softmax_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return along(m, t, x, hoop_log_softmax);
}
static hoop_tensor *softmin_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    x = hoop_neg(t, x);
    return along(m, t, x, hoop_softmax);
}
#define SOFTMAX(kind, text)                                                                                                      \
    const hoop_module_kind hoop__module_##kind = {                                                                               \
        .name        = #kind,                                                                                                    \
        .help        = (text),                                                                                                   \
        .options     = HOOP_OPTIONS(softmax_rows),                                                                               \
        .opts_size   = sizeof(softmax_opts),                                                                                     \
        .main_option = "dim",                                                                                                    \
        .build       = softmax_build,                                                                                            \
        .forward     = kind##_forward,                                                                                           \
    };
SOFTMAX(softmax, "exp(x) divided by its sum over a dim")
SOFTMAX(log_softmax, "the logarithm of softmax")
SOFTMAX(softmin, "softmax of -x")

typedef struct glu_opts {
    int64_t dim;
} glu_opts;
static const hoop_option glu_rows[] = {
    {"dim", HOOP_OPT_INT, offsetof(glu_opts, dim), "-1", -HOOP_MAX_DIMS, HOOP_MAX_DIMS - 1, NULL, true,
     "that is halved; below 0 from the end, and never the batch"},
};
static hoop_status glu_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const glu_opts *o   = hoop_module_opts(m);
    int64_t         dim = o->dim < 0 ? o->dim + *ndim : o->dim;
    if (dim < 1 || dim >= *ndim)
        return hoop_fail(err, HOOP_ESHAPE, "dim %lld is none of its %d behind the batch", (long long)o->dim, *ndim - 1);
    if (shape[dim] >= 0 && shape[dim] % 2 != 0)
        return hoop_fail(err, HOOP_ESHAPE, "dim %lld of its input has %lld elements; an even number is wanted", (long long)dim,
                         (long long)shape[dim]);
    if (shape[dim] >= 0) shape[dim] /= 2;
    return HOOP_OK;
}
static hoop_tensor *glu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_glu(t, x, (int)((const glu_opts *)hoop_module_opts(m))->dim);
}
const hoop_module_kind hoop__module_glu = {
    .name        = "glu",
    .help        = "one half of a dim times the sigmoid of the other",
    .options     = HOOP_OPTIONS(glu_rows),
    .opts_size   = sizeof(glu_opts),
    .main_option = "dim",
    .build       = glu_build,
    .forward     = glu_forward,
};
