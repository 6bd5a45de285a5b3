/*
 * pytorch, he, glorot: by what a parameter is to its layer. PyTorch: weights and biases uniform within 1/sqrt(fan_in) (its Linear
 * and convolutions). He: normal of variance 2/fan_in (He et al., ICCV 2015); Glorot: uniform within sqrt(6/(fan_in + fan_out))
 * (Glorot & Bengio, AISTATS 2010); both with biases of zero. These are about sums over fan_in inputs; a table's rows are looked
 * up, and N(0, 1) in every scheme, as PyTorch's Embedding; ones, zeros and constants are what their layer says.
 */
#include "kernels/vmath.h"
#include "nn/module.h"

extern const hoop_init_kind hoop__init_pytorch, hoop__init_he, hoop__init_glorot;

/* is it `normal`, and with which spread */
static double spread(const hoop_init_call *c, hoop_init scheme, bool *normal)
{
    double fan_out = c->ndim > 0 ? (double)c->shape[0] : 1.0, fan = c->fan_in > 0 ? (double)c->fan_in : 1.0;
    *normal = c->kind == HOOP_PARAM_TABLE || scheme == HOOP_INIT_HE;
    if (c->kind == HOOP_PARAM_TABLE) return 1.0;
    if (scheme == HOOP_INIT_HE) return v_sqrt_f64(2.0 / fan);
    return scheme == HOOP_INIT_GLOROT ? v_sqrt_f64(6.0 / (fan + fan_out)) : 1.0 / v_sqrt_f64(fan);
}

static hoop_status fill(const hoop_init_call *c, hoop_init scheme, int64_t first, int64_t n, double *v)
{
    bool   normal;
    double scale = spread(c, scheme, &normal);
    if (c->kind >= HOOP_PARAM_ONES || (c->kind == HOOP_PARAM_BIAS && scheme != HOOP_INIT_PYTORCH)) {
        const double value = c->kind == HOOP_PARAM_ONES ? 1.0 : c->kind == HOOP_PARAM_CONSTANT ? c->value : 0.0;
        for (int64_t i = 0; i < n; i++) v[i] = value;
        return HOOP_OK;
    }
    if (normal)
        hoop_random_normal_fill(c->key, (uint64_t)first, n, v);
    else
        hoop_random_f64_fill(c->key, (uint64_t)first, n, v);
    for (int64_t i = 0; i < n; i++) v[i] = scale * (normal ? v[i] : 2.0 * v[i] - 1.0);
    return HOOP_OK;
}

static hoop_status fill_pytorch(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    return fill(c, HOOP_INIT_PYTORCH, first, n, v);
}
static hoop_status fill_he(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    return fill(c, HOOP_INIT_HE, first, n, v);
}
static hoop_status fill_glorot(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    return fill(c, HOOP_INIT_GLOROT, first, n, v);
}

const hoop_init_kind hoop__init_pytorch = {
    .name = "pytorch", .help = "as torch.nn's layers do by themselves", .fill = fill_pytorch};
const hoop_init_kind hoop__init_he     = {.name = "he", .help = "normal of variance 2 / inputs; biases 0", .fill = fill_he};
const hoop_init_kind hoop__init_glorot = {
    .name = "glorot", .help = "uniform within sqrt(6 / (inputs + outputs)); biases 0", .fill = fill_glorot};
