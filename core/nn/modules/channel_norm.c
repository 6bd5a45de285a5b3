/* batch_norm, group_norm, instance_norm: (N, C, ...) by the statistics of channels; weight and bias (C), running statistics (C).
 */
#include "hoop/ops.h"
#include "nn/module.h"

#include <math.h>

static const char *const there[] = {"true", "false", NULL}; /* true is the default of a struct of zeros */
#define AT(field) offsetof(hoop_batch_norm_opts, field)
static const hoop_option batch_rows[] = {
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-5", 0, 1e3, NULL, true, "added to the variance"},
    {"momentum", HOOP_OPT_FLOAT, AT(momentum), "0.1", 0, 1, NULL, true, "of a step's statistics in the running ones"},
    {"cumulative", HOOP_OPT_BOOL, AT(cumulative), "false", 0, 0, NULL, true,
     "running statistics are the mean of all steps (PyTorch's momentum=None)"},
    {"affine", HOOP_OPT_ENUM, AT(affine), "true", 0, 0, there, true, "weight and bias"},
    {"track_running_stats", HOOP_OPT_ENUM, AT(track_running_stats), "true", 0, 0, there, true,
     "keep running statistics for evaluation; false: it uses those of its samples, too"},
};
#undef AT
#define AT(field) offsetof(hoop_group_norm_opts, field)
static const hoop_option group_rows[] = {
    {"num_groups", HOOP_OPT_INT, AT(num_groups), NULL, 1, 1e9, NULL, true, "of channels, of equal size"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-5", 0, 1e3, NULL, true, "added to the variance"},
    {"affine", HOOP_OPT_ENUM, AT(affine), "true", 0, 0, there, true, "weight and bias"},
};
#undef AT
#define AT(field) offsetof(hoop_instance_norm_opts, field)
static const hoop_option instance_rows[] = {
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-5", 0, 1e3, NULL, true, "added to the variance"},
    {"momentum", HOOP_OPT_FLOAT, AT(momentum), "0.1", 0, 1, NULL, true, "of a step's statistics in the running ones"},
    {"affine", HOOP_OPT_BOOL, AT(affine), "false", 0, 0, NULL, true, "weight and bias"},
    {"track_running_stats", HOOP_OPT_BOOL, AT(track_running_stats), "false", 0, 0, NULL, true,
     "keep running statistics for evaluation"},
};
#undef AT

enum { WEIGHT, BIAS, MEAN, VAR, COUNT };

static hoop_status check(int ndim, const int64_t *shape, int least, hoop_error *err)
{
    if (ndim < least || ndim > 5)
        return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims; (N, C%s and up to 3 spatial dims are wanted", ndim,
                         least > 2 ? ", L)" : ")");
    if (shape[1] < 0)
        return hoop_fail(err, HOOP_ESHAPE, "the channels of its input, dim 1, vary from leaf to leaf; it needs one size");
    return HOOP_OK;
}

static hoop_status add_affine(hoop_module *m, const int64_t *channels, hoop_error *err)
{
    hoop_status st = hoop_module_param(m, WEIGHT, "weight", HOOP_PARAM_ONES, 1, channels, 1, err);
    return st == HOOP_OK ? hoop_module_param(m, BIAS, "bias", HOOP_PARAM_ZEROS, 1, channels, 1, err) : st;
}

static hoop_status add_running(hoop_module *m, const int64_t *channels, hoop_error *err)
{
    const hoop_dtype dtype = hoop_module_dtype(m);
    hoop_status      st    = hoop_module_buffer(m, MEAN, "running_mean", dtype, 1, channels, err);
    if (st == HOOP_OK) st = hoop_module_buffer(m, VAR, "running_var", dtype, 1, channels, err);
    if (st == HOOP_OK) st = hoop_module_buffer(m, COUNT, "num_batches_tracked", HOOP_I64, 0, NULL, err);
    for (int64_t c = 0; c < *channels && st == HOOP_OK; c++) {
        void *var = hoop_tensor_data(hoop_module_tensor(m, VAR));
        if (dtype == HOOP_F32)
            ((float *)var)[c] = 1.0F;
        else
            ((double *)var)[c] = 1.0;
    }
    return st;
}

/* 0 is the default; a config's own 0 is HOOP_ZERO */
static double momentum_of(double momentum)
{
    return momentum == 0.0 && !signbit(momentum) ? 0.1 : momentum;
}

static hoop_status batch_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_batch_norm_opts *o  = hoop_module_opts(m);
    hoop_status                 st = check(*ndim, shape, 2, err);
    if (st == HOOP_OK && !o->affine) st = add_affine(m, &shape[1], err);
    if (st != HOOP_OK || o->track_running_stats) return st;
    st = add_running(m, &shape[1], err);
    return st == HOOP_OK ? hoop_module_running(m, MEAN, VAR, COUNT, o->cumulative ? -1.0 : momentum_of(o->momentum), err) : st;
}

static hoop_tensor *batch_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_batch_norm_opts *o = hoop_module_opts(m);
    return hoop_batch_norm(t, x, hoop_module_tensor(m, MEAN), hoop_module_tensor(m, VAR), hoop_module_tensor(m, WEIGHT),
                           hoop_module_tensor(m, BIAS), o->eps);
}

static hoop_status group_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_group_norm_opts *o  = hoop_module_opts(m);
    hoop_status                 st = check(*ndim, shape, 2, err);
    if (st == HOOP_OK && o->num_groups < 1)
        st = hoop_fail(err, HOOP_EARG, "num_groups: %lld; at least 1 is wanted", (long long)o->num_groups);
    if (st == HOOP_OK && shape[1] % o->num_groups != 0)
        st = hoop_fail(err, HOOP_ESHAPE, "num_groups: %lld groups of %lld channels are not of equal size",
                       (long long)o->num_groups, (long long)shape[1]);
    return st == HOOP_OK && !o->affine ? add_affine(m, &shape[1], err) : st;
}

static hoop_tensor *group_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_group_norm_opts *o = hoop_module_opts(m);
    return hoop_group_norm(t, x, o->num_groups, hoop_module_tensor(m, WEIGHT), hoop_module_tensor(m, BIAS), o->eps);
}

static hoop_status instance_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_instance_norm_opts *o   = hoop_module_opts(m);
    hoop_status                    st  = check(*ndim, shape, 3, err);
    bool                           one = true; /* place a channel */
    for (int d = 2; d < *ndim && st == HOOP_OK; d++) one &= shape[d] == 1;
    if (st == HOOP_OK && one)
        st = hoop_fail(err, HOOP_ESHAPE, "its input has one place of each channel, which has no variance; 2 or more are wanted");
    if (st == HOOP_OK && o->affine) st = add_affine(m, &shape[1], err);
    return st == HOOP_OK && o->track_running_stats ? add_running(m, &shape[1], err) : st;
}

static hoop_tensor *instance_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_instance_norm_opts *o = hoop_module_opts(m);
    return hoop_instance_norm(t, x, hoop_module_tensor(m, MEAN), hoop_module_tensor(m, VAR), hoop_module_tensor(m, WEIGHT),
                              hoop_module_tensor(m, BIAS), o->momentum, o->eps);
}

const hoop_module_kind hoop__module_batch_norm = {
    .name      = "batch_norm",
    .help      = "(N, C, ...) -> same: channels by mean and variance over a leaf, times a weight, plus a bias",
    .example   = "{batch_norm: {momentum: 0.05}}",
    .options   = HOOP_OPTIONS(batch_rows),
    .opts_size = sizeof(hoop_batch_norm_opts),
    .over_leaf = true,
    .build     = batch_build,
    .forward   = batch_forward,
};
const hoop_module_kind hoop__module_group_norm = {
    .name        = "group_norm",
    .help        = "(N, C, ...) -> same: groups of channels by their mean and variance in a sample, times a weight, plus a bias",
    .example     = "{group_norm: 8}",
    .options     = HOOP_OPTIONS(group_rows),
    .opts_size   = sizeof(hoop_group_norm_opts),
    .main_option = "num_groups",
    .build       = group_build,
    .forward     = group_forward,
};
const hoop_module_kind hoop__module_instance_norm = {
    .name      = "instance_norm",
    .help      = "(N, C, L, ...) -> same: channels by their mean and variance in a sample",
    .example   = "{instance_norm: {affine: true}}",
    .options   = HOOP_OPTIONS(instance_rows),
    .opts_size = sizeof(hoop_instance_norm_opts),
    .build     = instance_build,
    .forward   = instance_forward,
};
