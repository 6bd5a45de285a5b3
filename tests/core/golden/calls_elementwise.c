/* Functions of the cases of elementwise. */
#include "golden.h"

static hoop_tensor *masked_fill(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_masked_fill(t, x[0], x[1], golden_float(c, "value", 0.0));
}
static hoop_tensor *prelu(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c, (void)out;
    return hoop_prelu(t, x[0], x[1]);
}
static hoop_tensor *elu(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_elu(t, x[0], golden_float(c, "alpha", 1.0));
}
static hoop_tensor *selu(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c, (void)out;
    return hoop_selu(t, x[0]);
}
static hoop_tensor *celu(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_celu(t, x[0], golden_float(c, "alpha", 1.0));
}
static hoop_tensor *relu6(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c, (void)out;
    return hoop_relu6(t, x[0]);
}
static hoop_tensor *glu(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_glu(t, x[0], (int)golden_int(c, "dim", 0, -1));
}
static hoop_tensor *hardshrink(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_hardshrink(t, x[0], golden_float(c, "lambda", 0.5));
}
static hoop_tensor *softshrink(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_softshrink(t, x[0], golden_float(c, "lambda", 0.5));
}
static hoop_tensor *tanhshrink(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c, (void)out;
    return hoop_tanhshrink(t, x[0]);
}
static hoop_tensor *threshold(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_threshold(t, x[0], golden_float(c, "threshold", 0.0), golden_float(c, "value", 0.0));
}
static hoop_tensor *rrelu(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_rrelu(t, x[0], golden_float(c, "lower", 0.0), golden_float(c, "upper", 0.0));
}

extern const golden_call golden_calls_elementwise[];
const golden_call        golden_calls_elementwise[] = {{"masked_fill", masked_fill},
                                                       {"prelu", prelu},
                                                       {"elu", elu},
                                                       {"selu", selu},
                                                       {"celu", celu},
                                                       {"relu6", relu6},
                                                       {"glu", glu},
                                                       {"hardshrink", hardshrink},
                                                       {"softshrink", softshrink},
                                                       {"tanhshrink", tanhshrink},
                                                       {"threshold", threshold},
                                                       {"rrelu", rrelu},
                                                       {NULL, NULL}};
