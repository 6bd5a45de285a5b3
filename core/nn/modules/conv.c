/* conv: (N, C, in...) -> (N, out, ...); weight (out, C / groups, kernel...), bias (out). */
#include "hoop/ops.h"
#include "nn/module.h"

static const char *const words[] = {"same", "valid", NULL};                             /* hoop_conv_padding, from -1 down */
static const char *const modes[] = {"zeros", "reflect", "replicate", "circular", NULL}; /* hoop_pad_mode */
static const hoop_option rows[]  = {
     {"out", HOOP_OPT_INT, offsetof(hoop_conv_layer_opts, out), NULL, 1, 1e9, NULL, true, "channels it gives"},
     {"kernel", HOOP_OPT_INTS, offsetof(hoop_conv_layer_opts, kernel), NULL, 1, 1e9, NULL, true,
      "size of the kernel, of all spatial dims or each"},
     {"stride", HOOP_OPT_INTS, offsetof(hoop_conv_layer_opts, stride), "1", 1, 1e9, NULL, true, "step from output to output"},
     {"padding", HOOP_OPT_INTS, offsetof(hoop_conv_layer_opts, padding), "0", 0, 1e9, words, true,
      "pixels added at both ends; same: as many as keep the sizes"},
     {"padding_mode", HOOP_OPT_ENUM, offsetof(hoop_conv_layer_opts, padding_mode), "zeros", 0, 0, modes, true,
      "what these are: zeros, or pixels from within, from the edge, from the other end"},
     {"dilation", HOOP_OPT_INTS, offsetof(hoop_conv_layer_opts, dilation), "1", 1, 1e9, NULL, true, "step within the kernel"},
     {"groups", HOOP_OPT_INT, offsetof(hoop_conv_layer_opts, groups), "1", 1, 1e9, NULL, true,
      "channels in so many parts, each convolved by itself"},
     {"no_bias", HOOP_OPT_BOOL, offsetof(hoop_conv_layer_opts, no_bias), "false", 0, 0, NULL, true, "leave the bias out"},
};

static hoop_status options_of(const hoop_conv_layer_opts *o, int dims, int64_t *kernel, hoop_conv_opts *conv, hoop_error *err)
{
    static const hoop_ints none = {0};
    hoop_status            st;
    *conv = (hoop_conv_opts){
        .groups = o->groups == 0 ? 1 : o->groups, .same = o->padding.n == HOOP_CONV_SAME, .mode = o->padding_mode};
    st = hoop__spread_option("kernel", &o->kernel, dims, 0, kernel, err);
    if (st == HOOP_OK) st = hoop__spread_option("stride", &o->stride, dims, 1, conv->stride, err);
    if (st == HOOP_OK) st = hoop__spread_option("padding", o->padding.n < 0 ? &none : &o->padding, dims, 0, conv->padding, err);
    if (st == HOOP_OK) st = hoop__spread_option("dilation", &o->dilation, dims, 1, conv->dilation, err);
    for (int d = 0; d < dims && st == HOOP_OK; d++) {
        if (conv->same && conv->stride[d] != 1)
            st = hoop_fail(err, HOOP_EARG, "padding: same is for a stride of 1, which is %lld", (long long)conv->stride[d]);
        if (kernel[d] < 1 || conv->stride[d] < 1 || conv->dilation[d] < 1 || conv->padding[d] < 0)
            st = hoop_fail(err, HOOP_EARG, "kernel, stride and dilation are at least 1, padding at least 0");
    }
    return st;
}

/* of a padding that is not zeros: is it there to be taken from a spatial dim's `in` pixels? */
static hoop_status borders(const hoop_conv_opts *conv, int64_t reach, int64_t in, int d, hoop_error *err)
{
    const int64_t before = conv->same ? (reach - 1) / 2 : conv->padding[d], after = conv->same ? reach - 1 - before : before;
    return hoop__check_borders(conv->mode, before, after, in, 2 + d, err);
}

static hoop_status build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_conv_layer_opts *o    = hoop_module_opts(m);
    const int                   dims = *ndim - 2;
    int64_t                     w[5] = {o->out}, fan_in, image[4] = {shape[1]};
    hoop_conv_opts              conv;
    hoop_status                 st;
    if (dims < 1 || dims > 3)
        return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims; (N, C, ...) with 1 to 3 spatial dims is wanted", *ndim);
    st = options_of(o, dims, w + 2, &conv, err);
    if (st != HOOP_OK) return st;
    if (o->out < 1 || shape[1] < 0 || o->out % conv.groups != 0 || shape[1] % conv.groups != 0) {
        return hoop_fail(err, HOOP_ESHAPE, "%lld channels to %lld in %lld groups: both are multiples of the groups",
                         (long long)shape[1], (long long)o->out, (long long)conv.groups);
    }
    fan_in = w[1] = shape[1] / conv.groups;
    st            = hoop__check_room(m, "its weight", dims + 2, w, err);
    if (st != HOOP_OK) return st;
    shape[1] = o->out;
    for (int d = 0; d < dims; d++) {
        int64_t reach = conv.dilation[d] * (w[2 + d] - 1) + 1, padded = shape[2 + d] + 2 * conv.padding[d];
        st = borders(&conv, reach, shape[2 + d], d, err);
        if (st != HOOP_OK) return st;
        fan_in *= w[2 + d];
        image[1 + d] = shape[2 + d] < 0 ? -1 : padded + (conv.same ? reach - 1 : 0);
        if (shape[2 + d] < 0 || conv.same) continue;
        if (padded < reach) {
            return hoop_fail(err, HOOP_ESHAPE, "the kernel reaches over %lld in dim %d, its padded input has %lld",
                             (long long)reach, d, (long long)padded);
        }
        shape[2 + d] = (padded - reach) / conv.stride[d] + 1;
    }
    st = hoop__check_room(m, "a sample with its padding", dims + 1, image, err);
    if (st == HOOP_OK) st = hoop__check_room(m, "a sample of its output", dims + 1, shape + 1, err);
    if (st == HOOP_OK) st = hoop_module_param(m, 0, "weight", HOOP_PARAM_WEIGHT, dims + 2, w, fan_in, err);
    if (st == HOOP_OK && !o->no_bias) st = hoop_module_param(m, 1, "bias", HOOP_PARAM_BIAS, 1, &o->out, fan_in, err);
    return st;
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    int64_t        kernel[3];
    hoop_conv_opts conv;
    (void)options_of(hoop_module_opts(m), hoop_tensor_ndim(hoop_module_tensor(m, 0)) - 2, kernel, &conv, NULL);
    return hoop_conv(t, x, hoop_module_tensor(m, 0), hoop_module_tensor(m, 1), &conv);
}

const hoop_module_kind hoop__module_conv = {
    .name      = "conv",
    .help      = "(N, C, ...) -> (N, out, ...): convolution over 1 to 3 spatial dims",
    .example   = "{conv: {out: 16, kernel: 3, padding: 1}}",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_conv_layer_opts),
    .build     = build,
    .forward   = forward,
};
