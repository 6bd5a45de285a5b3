/*
 * xavier_uniform, xavier_normal (Glorot & Bengio, AISTATS 2010), kaiming_uniform, kaiming_normal (He et al., ICCV 2015): a spread
 * by how many inputs a sum has and to how many outputs an input goes, as the shape (out, in, kernel...) says.
 */
#include "kernels/vmath.h"
#include "nn/module.h"

extern const hoop_init_kind hoop__init_xavier_uniform, hoop__init_xavier_normal, hoop__init_kaiming_uniform,
    hoop__init_kaiming_normal;

enum { FAN_IN, FAN_OUT };
enum { LEAKY_RELU, RELU, SELU, TANH, LINEAR, SIGMOID };
static const char *const modes[]          = {"fan_in", "fan_out", NULL};
static const char *const nonlinearities[] = {"leaky_relu", "relu", "selu", "tanh", "linear", "sigmoid", NULL};

typedef struct xavier_opts {
    double gain;
} xavier_opts;
static const hoop_option xavier_rows[] = {
    {"gain", HOOP_OPT_FLOAT, offsetof(xavier_opts, gain), "1.0", 0, 1e30, NULL, true, "times this"},
};
typedef struct kaiming_opts {
    double a;
    int    mode, nonlinearity;
} kaiming_opts;
static const hoop_option kaiming_rows[] = {
    {"a", HOOP_OPT_FLOAT, offsetof(kaiming_opts, a), "0.0", -1e30, 1e30, NULL, true, "slope below 0 of leaky_relu"},
    {"mode", HOOP_OPT_ENUM, offsetof(kaiming_opts, mode), "fan_in", 0, 0, modes, true,
     "fan_in keeps the variance forward, fan_out that of gradients"},
    {"nonlinearity", HOOP_OPT_ENUM, offsetof(kaiming_opts, nonlinearity), "leaky_relu", 0, 0, nonlinearities, true,
     "what stands behind the layer"},
};

static hoop_status check(const hoop_init_call *c, hoop_error *err)
{
    if (c->ndim >= 2) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "it has %d dims; inputs and outputs are counted in 2 or more", c->ndim);
}

static double fan(const hoop_init_call *c, int mode)
{
    int64_t n = c->shape[mode == FAN_IN ? 1 : 0];
    for (int d = 2; d < c->ndim; d++) n *= c->shape[d];
    return n > 0 ? (double)n : 1.0;
}

static hoop_status fill(const hoop_init_call *c, bool normal, double std, int64_t first, int64_t n, double *v)
{
    const double bound = v_sqrt_f64(3.0) * std;
    if (normal)
        hoop_random_normal_fill(c->key, (uint64_t)first, n, v);
    else
        hoop_random_f64_fill(c->key, (uint64_t)first, n, v);
    for (int64_t i = 0; i < n; i++) v[i] = normal ? std * v[i] : bound * (2.0 * v[i] - 1.0);
    return HOOP_OK;
}

static double xavier_std(const hoop_init_call *c)
{
    return ((const xavier_opts *)c->opts)->gain * v_sqrt_f64(2.0 / (fan(c, FAN_IN) + fan(c, FAN_OUT)));
}
static hoop_status fill_xavier_uniform(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    return fill(c, false, xavier_std(c), first, n, v);
}
static hoop_status fill_xavier_normal(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    return fill(c, true, xavier_std(c), first, n, v);
}

/* torch.nn.init.calculate_gain */
static double gain(const kaiming_opts *o)
{
    switch (o->nonlinearity) {
    case LEAKY_RELU:
        return v_sqrt_f64(2.0 / (1.0 + o->a * o->a));
    case RELU:
        return v_sqrt_f64(2.0);
    case SELU:
        return 0.75;
    case TANH:
        return 5.0 / 3.0;
    default:
        return 1.0;
    }
}
static double kaiming_std(const hoop_init_call *c)
{
    const kaiming_opts *o = c->opts;
    return gain(o) / v_sqrt_f64(fan(c, o->mode));
}
static hoop_status fill_kaiming_uniform(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    return fill(c, false, kaiming_std(c), first, n, v);
}
static hoop_status fill_kaiming_normal(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    return fill(c, true, kaiming_std(c), first, n, v);
}

const hoop_init_kind hoop__init_xavier_uniform  = {.name      = "xavier_uniform",
                                                   .help      = "uniform, of variance 2 / (inputs + outputs)",
                                                   .options   = HOOP_OPTIONS(xavier_rows),
                                                   .opts_size = sizeof(xavier_opts),
                                                   .check     = check,
                                                   .fill      = fill_xavier_uniform};
const hoop_init_kind hoop__init_xavier_normal   = {.name      = "xavier_normal",
                                                   .help      = "normal, of variance 2 / (inputs + outputs)",
                                                   .options   = HOOP_OPTIONS(xavier_rows),
                                                   .opts_size = sizeof(xavier_opts),
                                                   .check     = check,
                                                   .fill      = fill_xavier_normal};
const hoop_init_kind hoop__init_kaiming_uniform = {.name      = "kaiming_uniform",
                                                   .help      = "uniform, of variance gain^2 / inputs (or outputs)",
                                                   .options   = HOOP_OPTIONS(kaiming_rows),
                                                   .opts_size = sizeof(kaiming_opts),
                                                   .check     = check,
                                                   .fill      = fill_kaiming_uniform};
const hoop_init_kind hoop__init_kaiming_normal  = {.name      = "kaiming_normal",
                                                   .help      = "normal, of variance gain^2 / inputs (or outputs)",
                                                   .options   = HOOP_OPTIONS(kaiming_rows),
                                                   .opts_size = sizeof(kaiming_opts),
                                                   .check     = check,
                                                   .fill      = fill_kaiming_normal};
