/* What is done to inputs before a model, element by element: log, log1p, clip; and one_hot, i64 (N, ...) -> (N, ..., classes). */
#include "hoop/ops.h"
#include "nn/module.h"

#include <math.h>
#include <string.h>

extern const hoop_module_kind hoop__module_log, hoop__module_log1p, hoop__module_clip, hoop__module_one_hot;

typedef struct log_opts {
    double eps;
} log_opts;
static const hoop_option log_rows[] = {
    {"eps", HOOP_OPT_FLOAT, offsetof(log_opts, eps), "0", 0, 1e30, NULL, true, "added before"},
};
static hoop_tensor *log_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const double eps = ((const log_opts *)hoop_module_opts(m))->eps;
    if (eps > 0) x = hoop_shift(t, x, eps);
    return hoop_log(t, x);
}
const hoop_module_kind hoop__module_log = {
    .name        = "log",
    .help        = "ln(x + eps)",
    .options     = HOOP_OPTIONS(log_rows),
    .opts_size   = sizeof(log_opts),
    .main_option = "eps",
    .prepares    = true,
    .forward     = log_forward,
};

static hoop_tensor *log1p_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_log1p(t, x);
}
const hoop_module_kind hoop__module_log1p = {.name = "log1p", .help = "ln(1 + x)", .prepares = true, .forward = log1p_forward};

typedef struct clip_opts {
    double min, max; /* NaN: no bound */
} clip_opts;
static const hoop_option clip_rows[] = {
    {"min", HOOP_OPT_FLOAT, offsetof(clip_opts, min), "auto", -1e300, 1e300, NULL, true,
     "what is below becomes this; auto: nothing does"},
    {"max", HOOP_OPT_FLOAT, offsetof(clip_opts, max), "auto", -1e300, 1e300, NULL, true,
     "what is above becomes this; auto: nothing does"},
};
static hoop_status clip_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const clip_opts *o = hoop_module_opts(m);
    (void)ndim;
    (void)shape;
    if (isnan(o->min) && isnan(o->max)) return hoop_fail(err, HOOP_EARG, "min, max or both must be given");
    if (o->min > o->max) return hoop_fail(err, HOOP_EARG, "min is %g, above max, %g", o->min, o->max);
    return HOOP_OK;
}
static hoop_tensor *clip_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const clip_opts *o = hoop_module_opts(m);
    return hoop_clamp(t, x, isnan(o->min) ? -INFINITY : o->min, isnan(o->max) ? INFINITY : o->max);
}
const hoop_module_kind hoop__module_clip = {
    .name      = "clip",
    .help      = "at least min, at most max",
    .example   = "{clip: {min: 0, max: 5}}",
    .options   = HOOP_OPTIONS(clip_rows),
    .opts_size = sizeof(clip_opts),
    .prepares  = true,
    .build     = clip_build,
    .forward   = clip_forward,
};

typedef struct one_hot_opts {
    int64_t classes;
    bool    first;
} one_hot_opts;
static const hoop_option one_hot_rows[] = {
    {"classes", HOOP_OPT_INT, offsetof(one_hot_opts, classes), NULL, 1, 1e9, NULL, true, "integers run from 0 to classes - 1"},
    {"first", HOOP_OPT_BOOL, offsetof(one_hot_opts, first), "false", 0, 0, NULL, true,
     "the new dim stands before the others of a row, as channels of images do; else behind them"},
};
static hoop_status one_hot_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const one_hot_opts *o = hoop_module_opts(m);
    if (o->classes < 1) return hoop_fail(err, HOOP_EARG, "classes: at least 1");
    if (*ndim == HOOP_MAX_DIMS) return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims already", *ndim);
    if (o->first && *ndim > 1) {
        memmove(shape + 2, shape + 1, (size_t)(*ndim - 1) * sizeof *shape);
        shape[1] = o->classes;
    } else {
        shape[*ndim] = o->classes;
    }
    ++*ndim;
    return HOOP_OK;
}
static hoop_tensor *one_hot_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const one_hot_opts *o                    = hoop_module_opts(m);
    int64_t             order[HOOP_MAX_DIMS] = {0};
    x                                        = hoop_one_hot(t, x, o->classes, hoop_module_dtype(m));
    if (!o->first || hoop_tensor_is_poison(x)) return x;
    order[1] = hoop_tensor_ndim(x) - 1;
    for (int d = 2; d < hoop_tensor_ndim(x); d++) order[d] = d - 1;
    return hoop_permute(t, x, hoop_tensor_ndim(x), order);
}
const hoop_module_kind hoop__module_one_hot = {
    .name          = "one_hot",
    .help          = "i64 (N, ...) -> (N, ..., classes): 1 at the integer's place, else 0",
    .example       = "{one_hot: 10}",
    .options       = HOOP_OPTIONS(one_hot_rows),
    .opts_size     = sizeof(one_hot_opts),
    .main_option   = "classes",
    .takes_indices = true,
    .prepares      = true,
    .build         = one_hot_build,
    .forward       = one_hot_forward,
};
