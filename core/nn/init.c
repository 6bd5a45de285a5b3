/* Initialisation: what a parameter is filled with, keyed by seed and its name. */
#include "base/threads.h"
#include "hoop/random.h"
#include "kernels/vmath.h"
#include "nn/module.h"

enum { CHUNK = 256 };

/*
 * Weights and biases. PyTorch: both uniform within 1/sqrt(fan_in) (its Linear). He: normal of variance 2/fan_in (He et al., ICCV
 * 2015); Glorot: uniform within sqrt(6/(fan_in + fan_out)) (Glorot & Bengio, AISTATS 2010); both with biases of zero. These are
 * about sums over fan_in inputs; a table's rows are looked up, and N(0, 1) in every scheme, as PyTorch's Embedding; what is to be
 * ones or zeros is so, too.
 */
static HOOP_NOINLINE void param_fill(hoop_params *p, int param, hoop_param_kind kind, hoop_init init, int64_t fan_in,
                                     uint64_t seed)
{
    hoop_tensor *x       = hoop_params_tensor(p, param);
    hoop_key     key     = hoop_key_make(seed, HOOP_FOR_INIT, hoop__name_hash(hoop_params_name(p, param)), 0, 0);
    int64_t      fan_out = hoop_tensor_size(x, 0), n = hoop_tensor_numel(x);
    double       fan = fan_in > 0 ? (double)fan_in : 1.0;
    bool         one = kind == HOOP_PARAM_ONES,
         zero        = one || kind == HOOP_PARAM_ZEROS || (kind == HOOP_PARAM_BIAS && init != HOOP_INIT_PYTORCH);
    bool   normal    = kind == HOOP_PARAM_TABLE || init == HOOP_INIT_HE;
    double scale     = kind == HOOP_PARAM_TABLE   ? 1.0
                       : init == HOOP_INIT_HE     ? v_sqrt_f64(2.0 / fan)
                       : init == HOOP_INIT_GLOROT ? v_sqrt_f64(6.0 / (fan + (double)fan_out))
                                                  : 1.0 / v_sqrt_f64(fan);
    void  *data      = hoop_tensor_data(x);
    for (int64_t first = 0; first < n; first += CHUNK) {
        double  v[CHUNK] = {0.0};
        int64_t m        = n - first < CHUNK ? n - first : CHUNK;
        if (!zero && normal) hoop_random_normal_fill(key, (uint64_t)first, m, v);
        if (!zero && !normal) hoop_random_f64_fill(key, (uint64_t)first, m, v);
        for (int64_t i = 0; i < m && one; i++) v[i] = 1.0;
        for (int64_t i = 0; i < m && !zero; i++) v[i] = scale * (normal ? v[i] : 2.0 * v[i] - 1.0);
        for (int64_t i = 0; i < m; i++) {
            if (hoop_params_dtype(p) == HOOP_F32)
                ((float *)data)[first + i] = (float)v[i];
            else
                ((double *)data)[first + i] = v[i];
        }
    }
    hoop_tensor_touch(x);
}

static hoop_status param_init(hoop_params *p, int param, hoop_param_kind kind, hoop_init init, int64_t fan_in, uint64_t seed)
{
    uint64_t mode;
    if (param < 0 || param >= hoop_params_count(p) || (int)init < 0 || init > HOOP_INIT_GLOROT) return HOOP_EARG;
    if (hoop_params_data(p) == NULL) return HOOP_ESTATE;
    mode = hoop_fp_enter();
    param_fill(p, param, kind, init, fan_in, seed);
    hoop_fp_restore(mode);
    return HOOP_OK;
}

hoop_status hoop_param_init(hoop_params *p, int param, hoop_init init, int64_t fan_in, uint64_t seed)
{
    bool weight = param >= 0 && param < hoop_params_count(p) && hoop_tensor_ndim(hoop_params_tensor(p, param)) >= 2;
    return param_init(p, param, weight ? HOOP_PARAM_WEIGHT : HOOP_PARAM_BIAS, init, fan_in, seed);
}

hoop_status hoop_model_init(hoop_model *m, hoop_init init, uint64_t seed)
{
    hoop_status st = HOOP_OK;
    int         k  = 0;
    for (int i = 0; i < hoop_params_count(m->params) && st == HOOP_OK; i++) {
        if (k < m->ninit && m->init[k].param == i) {
            st = param_init(m->params, i, m->init[k].kind, init, m->init[k].fan_in, seed);
            k++;
        } else { /* registered by hand, before the modules' or behind them */
            st = hoop_param_init(m->params, i, init, 1, seed);
        }
    }
    return st;
}
