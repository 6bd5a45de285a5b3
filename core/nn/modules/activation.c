/* Activations without options: elementwise, of any shape. */
#include "hoop/ops.h"
#include "nn/module.h"

/* the layer of an op */
#define ACTIVATION(op, text)                                                                                                     \
    static hoop_tensor *op##_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)                                         \
    {                                                                                                                            \
        (void)m;                                                                                                                 \
        return hoop_##op(t, x);                                                                                                  \
    }                                                                                                                            \
    extern const hoop_module_kind hoop__module_##op;                                                                             \
    const hoop_module_kind        hoop__module_##op = {.name = #op, .help = (text), .forward = op##_forward};

ACTIVATION(relu, "max(x, 0)")
ACTIVATION(relu6, "min(max(x, 0), 6)")
ACTIVATION(selu, "elu with numbers that keep mean and variance")
ACTIVATION(silu, "x times its sigmoid")
ACTIVATION(mish, "x tanh(softplus x)")
ACTIVATION(sigmoid, "1 / (1 + exp(-x))")
ACTIVATION(log_sigmoid, "the logarithm of the sigmoid")
ACTIVATION(tanh, "hyperbolic tangent")
ACTIVATION(softsign, "x / (1 + |x|)")
ACTIVATION(tanhshrink, "x - tanh x")
ACTIVATION(hardsigmoid, "min(max(x + 3, 0), 6) / 6")
ACTIVATION(hardswish, "x times its hardsigmoid")
