/* relu, tanh, sigmoid, gelu: elementwise, of any shape. */
#include "hoop/ops.h"
#include "nn/module.h"

static hoop_tensor *relu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_relu(t, x);
}

static hoop_tensor *tanh_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_tanh(t, x);
}

static hoop_tensor *sigmoid_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_sigmoid(t, x);
}

static const char *const approximations[] = {"none", "tanh", NULL};
static const hoop_option gelu_rows[]      = {
         {"approximate", HOOP_OPT_ENUM, offsetof(hoop_gelu_opts, approximate), "none", 0, 0, approximations, true,
          "none: by erf; tanh: the approximation"},
};

static hoop_tensor *gelu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_gelu(t, x, (hoop_gelu_kind)((const hoop_gelu_opts *)hoop_module_opts(m))->approximate);
}

const hoop_module_kind hoop__module_relu    = {.name = "relu", .help = "max(x, 0)", .forward = relu_forward};
const hoop_module_kind hoop__module_tanh    = {.name = "tanh", .help = "hyperbolic tangent", .forward = tanh_forward};
const hoop_module_kind hoop__module_sigmoid = {.name = "sigmoid", .help = "1 / (1 + exp(-x))", .forward = sigmoid_forward};
const hoop_module_kind hoop__module_gelu    = {
       .name        = "gelu",
       .help        = "x times the normal distribution at x",
       .options     = HOOP_OPTIONS(gelu_rows),
       .opts_size   = sizeof(hoop_gelu_opts),
       .main_option = "approximate",
       .forward     = gelu_forward,
};
