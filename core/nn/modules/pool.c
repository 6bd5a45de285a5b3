/* max_pool, avg_pool, lp_pool, their adaptive forms, upsample, pixel_shuffle and its like: (N, C, S..), of 1 to 3 spatial dims.
 * No parameters. */
#include "hoop/ops.h"
#include "nn/module.h"

#include <string.h>

enum { MOST = 3 };

/* spatial dims; 0: it has none, or more than three */
static int spatial(int ndim, hoop_error *err)
{
    if (ndim >= 3 && ndim <= 2 + MOST) return ndim - 2;
    (void)hoop_fail(err, HOOP_ESHAPE, "its input has %d dims; (N, C, ...) with 1 to 3 spatial dims is wanted", ndim);
    return 0;
}

static hoop_status known(const int64_t *shape, int first, int ndim, hoop_error *err)
{
    for (int d = first; d < ndim; d++)
        if (shape[d] < 0)
            return hoop_fail(err, HOOP_ESHAPE, "dim %d of its input varies from leaf to leaf; it needs one size", d);
    return HOOP_OK;
}

static hoop_status spread(const char *key, const hoop_ints *list, int dims, int64_t fallback, int64_t *out, hoop_error *err)
{
    if (hoop__spread(list, dims, fallback, out)) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG, "%s: %d numbers for %d spatial dim%s; one, or one for each, is wanted", key, list->n, dims,
                     dims == 1 ? "" : "s");
}

/* ---- windows ---- */

#define AT(field) offsetof(hoop_max_pool_opts, field)
static const hoop_option max_rows[] = {
    {"kernel", HOOP_OPT_INTS, AT(kernel), NULL, 1, 1e9, NULL, true, "size of a window, by spatial dim"},
    {"stride", HOOP_OPT_INTS, AT(stride), "[]", 1, 1e9, NULL, true, "places from one window to the next; []: the kernel"},
    {"padding", HOOP_OPT_INTS, AT(padding), "[0]", 0, 1e9, NULL, true, "places before and after, which are never the largest"},
    {"dilation", HOOP_OPT_INTS, AT(dilation), "[1]", 1, 1e9, NULL, true, "places from one of a window to its next"},
    {"ceil_mode", HOOP_OPT_BOOL, AT(ceil_mode), "false", 0, 0, NULL, true, "the last window may reach over the end"},
};
#undef AT
static const char *const there[] = {"true", "false", NULL}; /* true is the default of a struct of zeros */
#define AT(field) offsetof(hoop_avg_pool_opts, field)
static const hoop_option avg_rows[] = {
    {"kernel", HOOP_OPT_INTS, AT(kernel), NULL, 1, 1e9, NULL, true, "size of a window, by spatial dim"},
    {"stride", HOOP_OPT_INTS, AT(stride), "[]", 1, 1e9, NULL, true, "places from one window to the next; []: the kernel"},
    {"padding", HOOP_OPT_INTS, AT(padding), "[0]", 0, 1e9, NULL, true, "zeros before and after"},
    {"ceil_mode", HOOP_OPT_BOOL, AT(ceil_mode), "false", 0, 0, NULL, true, "the last window may reach over the end"},
    {"count_include_pad", HOOP_OPT_ENUM, AT(count_include_pad), "true", 0, 0, there, true, "means are of the padding, too"},
    {"divisor_override", HOOP_OPT_INT, AT(divisor_override), "0", 0, 1e9, NULL, true,
     "what sums are divided by; 0: the places of a window"},
};
#undef AT
#define AT(field) offsetof(hoop_lp_pool_opts, field)
static const hoop_option lp_rows[] = {
    {"norm_type", HOOP_OPT_FLOAT, AT(norm_type), NULL, 1e-30, 1e30, NULL, true, "p of (sum x^p)^(1/p)"},
    {"kernel", HOOP_OPT_INTS, AT(kernel), NULL, 1, 1e9, NULL, true, "size of a window, by spatial dim"},
    {"stride", HOOP_OPT_INTS, AT(stride), "[]", 1, 1e9, NULL, true, "places from one window to the next; []: the kernel"},
    {"ceil_mode", HOOP_OPT_BOOL, AT(ceil_mode), "false", 0, 0, NULL, true, "the last window may reach over the end"},
};
#undef AT
static const hoop_option adaptive_rows[] = {
    {"size", HOOP_OPT_INTS, offsetof(hoop_adaptive_pool_opts, size), "[1]", 1, 1e9, NULL, true,
     "windows in each spatial dim; 1: one over all of it"},
};

static hoop_status windows(const hoop_max_pool_opts *o, int dims, hoop_pool_opts *out, hoop_error *err)
{
    hoop_status st;
    memset(out, 0, sizeof *out);
    out->ceil_mode = o->ceil_mode;
    HOOP_TRY(st, done, spread("kernel", &o->kernel, dims, 0, out->kernel, err));
    HOOP_TRY(st, done, spread("stride", &o->stride, dims, 0, out->stride, err));
    HOOP_TRY(st, done, spread("padding", &o->padding, dims, 0, out->padding, err));
    HOOP_TRY(st, done, spread("dilation", &o->dilation, dims, 1, out->dilation, err));
done:
    return st;
}

/* sizes of the output, -1 where the input's vary */
static hoop_status window_sizes(const hoop_pool_opts *o, int dims, int64_t *size, hoop_error *err)
{
    for (int d = 0; d < dims; d++) {
        const int64_t stride = o->stride[d] == 0 ? o->kernel[d] : o->stride[d], span = o->dilation[d] * (o->kernel[d] - 1) + 1;
        const int64_t padded = size[d] + 2 * o->padding[d];
        if (o->kernel[d] < 1) return hoop_fail(err, HOOP_EARG, "kernel: at least 1 in each spatial dim");
        if (o->padding[d] > span / 2)
            return hoop_fail(err, HOOP_EARG, "padding: %lld in spatial dim %d; 0 to half of the kernel is possible",
                             (long long)o->padding[d], d);
        if (size[d] < 0) continue;
        if (padded < span)
            return hoop_fail(err, HOOP_ESHAPE,
                             "a kernel that spans %lld in spatial dim %d, where its input has %lld and %lld of padding",
                             (long long)span, d, (long long)size[d], (long long)(2 * o->padding[d]));
        size[d] = (padded - span + (o->ceil_mode ? stride - 1 : 0)) / stride + 1;
        if (o->ceil_mode && (size[d] - 1) * stride >= padded - o->padding[d]) size[d]--;
    }
    return HOOP_OK;
}

static hoop_max_pool_opts as_max(const hoop_avg_pool_opts *o)
{
    hoop_max_pool_opts m = {.kernel = o->kernel, .stride = o->stride, .padding = o->padding, .ceil_mode = o->ceil_mode};
    return m;
}

static hoop_status windows_build(const hoop_max_pool_opts *o, int ndim, int64_t *shape, hoop_error *err)
{
    const int      dims = spatial(ndim, err);
    hoop_pool_opts w;
    hoop_status    st = dims == 0 ? HOOP_ESHAPE : windows(o, dims, &w, err);
    return st == HOOP_OK ? window_sizes(&w, dims, shape + 2, err) : st;
}
static hoop_status max_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    return windows_build(hoop_module_opts(m), *ndim, shape, err);
}
static hoop_tensor *max_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    hoop_pool_opts w;
    (void)windows(hoop_module_opts(m), hoop_tensor_ndim(x) - 2, &w, NULL);
    return hoop_max_pool(t, x, &w, NULL);
}
static hoop_status avg_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_max_pool_opts o = as_max(hoop_module_opts(m));
    return windows_build(&o, *ndim, shape, err);
}
static hoop_tensor *avg_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_avg_pool_opts *a = hoop_module_opts(m);
    const hoop_max_pool_opts  o = as_max(a);
    hoop_pool_opts            w;
    (void)windows(&o, hoop_tensor_ndim(x) - 2, &w, NULL);
    w.count_exclude_pad = a->count_include_pad != 0;
    w.divisor_override  = a->divisor_override;
    return hoop_avg_pool(t, x, &w);
}

static hoop_max_pool_opts lp_as_max(const hoop_lp_pool_opts *o)
{
    hoop_max_pool_opts m = {.kernel = o->kernel, .stride = o->stride, .ceil_mode = o->ceil_mode};
    return m;
}
static hoop_status lp_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_lp_pool_opts *a = hoop_module_opts(m);
    const hoop_max_pool_opts o = lp_as_max(a);
    if (!(a->norm_type > 0.0)) return hoop_fail(err, HOOP_EARG, "norm_type: %g; a number above 0 is wanted", a->norm_type);
    return windows_build(&o, *ndim, shape, err);
}
static hoop_tensor *lp_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_lp_pool_opts *a = hoop_module_opts(m);
    const hoop_max_pool_opts o = lp_as_max(a);
    hoop_pool_opts           w;
    (void)windows(&o, hoop_tensor_ndim(x) - 2, &w, NULL);
    return hoop_lp_pool(t, x, a->norm_type, &w);
}

static hoop_status adaptive_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_adaptive_pool_opts *o    = hoop_module_opts(m);
    const int                      dims = spatial(*ndim, err);
    return dims == 0 ? HOOP_ESHAPE : spread("size", &o->size, dims, 1, shape + 2, err);
}
static hoop_tensor *adaptive_max_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    int64_t size[MOST];
    (void)hoop__spread(&((const hoop_adaptive_pool_opts *)hoop_module_opts(m))->size, hoop_tensor_ndim(x) - 2, 1, size);
    return hoop_adaptive_max_pool(t, x, size, NULL);
}
static hoop_tensor *adaptive_avg_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    int64_t size[MOST];
    (void)hoop__spread(&((const hoop_adaptive_pool_opts *)hoop_module_opts(m))->size, hoop_tensor_ndim(x) - 2, 1, size);
    return hoop_adaptive_avg_pool(t, x, size);
}

/* ---- upsample ---- */

static const char *const modes[] = {"nearest", "linear", "bilinear", "trilinear", "bicubic", NULL};
enum { NEAREST, LINEAR, BILINEAR, TRILINEAR, BICUBIC };
#define AT(field) offsetof(hoop_upsample_layer_opts, field)
static const hoop_option upsample_rows[] = {
    {"scale_factor", HOOP_OPT_FLOAT, AT(scale_factor), "0", 0, 1e6, NULL, true, "times as large in each spatial dim (or size)",
     "size"},
    {"size", HOOP_OPT_INTS, AT(size), "[]", 1, 1e9, NULL, true, "spatial sizes (or scale_factor)", "scale_factor"},
    {"mode", HOOP_OPT_ENUM, AT(mode), "nearest", 0, 0, modes, true, "nearest place, or interpolation in 1, 2 or 3 spatial dims"},
    {"align_corners", HOOP_OPT_BOOL, AT(align_corners), "false", 0, 0, NULL, true, "first and last places stay where they are"},
};
#undef AT

static hoop_status upsample_opts(const hoop_upsample_layer_opts *o, int dims, hoop_upsample_opts *out, hoop_error *err)
{
    static const hoop_upsample_mode of[]     = {HOOP_UPSAMPLE_NEAREST, HOOP_UPSAMPLE_LINEAR, HOOP_UPSAMPLE_LINEAR,
                                                HOOP_UPSAMPLE_LINEAR, HOOP_UPSAMPLE_CUBIC};
    static const int                wanted[] = {0, 1, 2, 3, 2};
    *out                                     = (hoop_upsample_opts){.mode = of[o->mode], .align_corners = o->align_corners};
    if (wanted[o->mode] != 0 && wanted[o->mode] != dims)
        return hoop_fail(err, HOOP_ESHAPE, "mode: %s is of %d spatial dim%s, and its input has %d", modes[o->mode],
                         wanted[o->mode], wanted[o->mode] == 1 ? "" : "s", dims);
    if (o->align_corners && o->mode == NEAREST) return hoop_fail(err, HOOP_EARG, "align_corners: mode nearest has none");
    if ((o->size.n > 0) == (o->scale_factor > 0.0))
        return hoop_fail(err, HOOP_EARG, "one of scale_factor and size is wanted%s", o->size.n > 0 ? ", not both" : "");
    for (int d = 0; d < dims; d++) out->scale_factor[d] = o->scale_factor;
    return spread("size", &o->size, dims, 0, out->size, err);
}
static hoop_status upsample_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const int          dims = spatial(*ndim, err);
    hoop_upsample_opts o;
    hoop_status        st = dims == 0 ? HOOP_ESHAPE : upsample_opts(hoop_module_opts(m), dims, &o, err);
    for (int d = 0; d < dims && st == HOOP_OK; d++) {
        if (o.size[d] > 0)
            shape[2 + d] = o.size[d];
        else if (shape[2 + d] >= 0)
            shape[2 + d] = (int64_t)((double)shape[2 + d] * o.scale_factor[d]);
        if (shape[2 + d] == 0)
            st = hoop_fail(err, HOOP_ESHAPE, "scale_factor: %g leaves nothing of spatial dim %d", o.scale_factor[d], d);
    }
    return st;
}
static hoop_tensor *upsample_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    hoop_upsample_opts o;
    (void)upsample_opts(hoop_module_opts(m), hoop_tensor_ndim(x) - 2, &o, NULL);
    return hoop_upsample(t, x, &o);
}

/* ---- shuffles ---- */

static const hoop_option shuffle_rows[] = {
    {"factor", HOOP_OPT_INT, offsetof(hoop_pixel_shuffle_opts, factor), NULL, 1, 65536, NULL, true, "places in each spatial dim"},
};
static const hoop_option channel_rows[] = {
    {"groups", HOOP_OPT_INT, offsetof(hoop_channel_shuffle_opts, groups), NULL, 1, 65536, NULL, true,
     "of channels, of equal size"},
};

static hoop_status at_least_one(const char *key, int64_t n, hoop_error *err)
{
    return n >= 1 ? HOOP_OK : hoop_fail(err, HOOP_EARG, "%s: %lld; at least 1 is wanted", key, (long long)n);
}

static hoop_status shuffle_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const int64_t r    = ((const hoop_pixel_shuffle_opts *)hoop_module_opts(m))->factor;
    const int     dims = spatial(*ndim, err);
    hoop_status   st   = dims == 0 ? HOOP_ESHAPE : known(shape, 1, 2, err);
    if (st == HOOP_OK) st = at_least_one("factor", r, err);
    for (int d = 0; d < dims && st == HOOP_OK; d++) {
        if (shape[1] % r != 0)
            return hoop_fail(err, HOOP_ESHAPE, "factor: its input has channels that do not divide by %lld^%d", (long long)r,
                             dims);
        shape[1] /= r;
        if (shape[2 + d] >= 0) shape[2 + d] *= r;
    }
    return st;
}
static hoop_tensor *shuffle_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_pixel_shuffle(t, x, ((const hoop_pixel_shuffle_opts *)hoop_module_opts(m))->factor);
}
static hoop_status unshuffle_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const int64_t r    = ((const hoop_pixel_shuffle_opts *)hoop_module_opts(m))->factor;
    const int     dims = spatial(*ndim, err);
    hoop_status   st   = dims == 0 ? HOOP_ESHAPE : known(shape, 1, *ndim, err);
    if (st == HOOP_OK) st = at_least_one("factor", r, err);
    for (int d = 0; d < dims && st == HOOP_OK; d++) {
        if (shape[2 + d] % r != 0)
            return hoop_fail(err, HOOP_ESHAPE, "factor: its input has %lld in spatial dim %d, which does not divide by %lld",
                             (long long)shape[2 + d], d, (long long)r);
        shape[1] *= r;
        shape[2 + d] /= r;
    }
    return st;
}
static hoop_tensor *unshuffle_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_pixel_unshuffle(t, x, ((const hoop_pixel_shuffle_opts *)hoop_module_opts(m))->factor);
}
static hoop_status channel_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const int64_t groups = ((const hoop_channel_shuffle_opts *)hoop_module_opts(m))->groups;
    hoop_status   st     = spatial(*ndim, err) == 0 ? HOOP_ESHAPE : known(shape, 1, 2, err);
    if (st == HOOP_OK) st = at_least_one("groups", groups, err);
    if (st == HOOP_OK && shape[1] % groups != 0)
        st = hoop_fail(err, HOOP_ESHAPE, "groups: %lld channels in %lld groups are not of equal size", (long long)shape[1],
                       (long long)groups);
    return st;
}
static hoop_tensor *channel_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_channel_shuffle(t, x, ((const hoop_channel_shuffle_opts *)hoop_module_opts(m))->groups);
}

const hoop_module_kind hoop__module_max_pool = {
    .name        = "max_pool",
    .help        = "(N, C, S..) -> (N, C, O..): the largest of each window",
    .example     = "{max_pool: {kernel: 3, stride: 2, padding: 1}}",
    .options     = HOOP_OPTIONS(max_rows),
    .opts_size   = sizeof(hoop_max_pool_opts),
    .main_option = "kernel",
    .build       = max_build,
    .forward     = max_forward,
};
const hoop_module_kind hoop__module_avg_pool = {
    .name        = "avg_pool",
    .help        = "(N, C, S..) -> (N, C, O..): the mean of each window",
    .example     = "{avg_pool: 2}",
    .options     = HOOP_OPTIONS(avg_rows),
    .opts_size   = sizeof(hoop_avg_pool_opts),
    .main_option = "kernel",
    .build       = avg_build,
    .forward     = avg_forward,
};
const hoop_module_kind hoop__module_lp_pool = {
    .name      = "lp_pool",
    .help      = "(N, C, S..) -> (N, C, O..): the norm of each window, (sum x^p)^(1/p)",
    .example   = "{lp_pool: {norm_type: 2, kernel: 3, stride: 2}}",
    .options   = HOOP_OPTIONS(lp_rows),
    .opts_size = sizeof(hoop_lp_pool_opts),
    .build     = lp_build,
    .forward   = lp_forward,
};
const hoop_module_kind hoop__module_adaptive_max_pool = {
    .name        = "adaptive_max_pool",
    .help        = "(N, C, S..) -> (N, C, size..): the largest of windows that cover all",
    .options     = HOOP_OPTIONS(adaptive_rows),
    .opts_size   = sizeof(hoop_adaptive_pool_opts),
    .main_option = "size",
    .build       = adaptive_build,
    .forward     = adaptive_max_forward,
};
const hoop_module_kind hoop__module_adaptive_avg_pool = {
    .name        = "adaptive_avg_pool",
    .help        = "(N, C, S..) -> (N, C, size..): the mean of windows that cover all; of size 1, global pooling",
    .example     = "{adaptive_avg_pool: 1}",
    .options     = HOOP_OPTIONS(adaptive_rows),
    .opts_size   = sizeof(hoop_adaptive_pool_opts),
    .main_option = "size",
    .build       = adaptive_build,
    .forward     = adaptive_avg_forward,
};
const hoop_module_kind hoop__module_upsample = {
    .name        = "upsample",
    .help        = "(N, C, S..) -> (N, C, O..): other spatial sizes, by the nearest place or interpolated",
    .example     = "{upsample: {scale_factor: 2, mode: bilinear}}",
    .options     = HOOP_OPTIONS(upsample_rows),
    .opts_size   = sizeof(hoop_upsample_layer_opts),
    .main_option = "scale_factor",
    .build       = upsample_build,
    .forward     = upsample_forward,
};
const hoop_module_kind hoop__module_pixel_shuffle = {
    .name        = "pixel_shuffle",
    .help        = "(N, C r^d, S..) -> (N, C, S r..): channels become places",
    .example     = "{pixel_shuffle: 2}",
    .options     = HOOP_OPTIONS(shuffle_rows),
    .opts_size   = sizeof(hoop_pixel_shuffle_opts),
    .main_option = "factor",
    .build       = shuffle_build,
    .forward     = shuffle_forward,
};
const hoop_module_kind hoop__module_pixel_unshuffle = {
    .name        = "pixel_unshuffle",
    .help        = "(N, C, S r..) -> (N, C r^d, S..): places become channels",
    .options     = HOOP_OPTIONS(shuffle_rows),
    .opts_size   = sizeof(hoop_pixel_shuffle_opts),
    .main_option = "factor",
    .build       = unshuffle_build,
    .forward     = unshuffle_forward,
};
const hoop_module_kind hoop__module_channel_shuffle = {
    .name        = "channel_shuffle",
    .help        = "(N, C, S..) -> same: channel i of group g becomes channel g of group i",
    .options     = HOOP_OPTIONS(channel_rows),
    .opts_size   = sizeof(hoop_channel_shuffle_opts),
    .main_option = "groups",
    .build       = channel_build,
    .forward     = channel_forward,
};
