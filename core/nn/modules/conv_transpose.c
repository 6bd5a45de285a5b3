/* conv_transpose: (N, C, in...) -> (N, out, ...); weight (C, out / groups, kernel...), bias (out). */
#include "hoop/ops.h"
#include "nn/module.h"

#define AT(field) offsetof(hoop_conv_transpose_layer_opts, field)
static const hoop_option rows[] = {
    {"out", HOOP_OPT_INT, AT(out), NULL, 1, 1e9, NULL, true, "channels it gives"},
    {"kernel", HOOP_OPT_INTS, AT(kernel), NULL, 1, 1e9, NULL, true, "size of the kernel, of all spatial dims or each"},
    {"stride", HOOP_OPT_INTS, AT(stride), "1", 1, 1e9, NULL, true, "pixels of its output from input to input"},
    {"padding", HOOP_OPT_INTS, AT(padding), "0", 0, 1e9, NULL, true, "pixels of its output cut off at both ends"},
    {"output_padding", HOOP_OPT_INTS, AT(output_padding), "0", 0, 1e9, NULL, true, "pixels more at the far end"},
    {"dilation", HOOP_OPT_INTS, AT(dilation), "1", 1, 1e9, NULL, true, "step within the kernel"},
    {"groups", HOOP_OPT_INT, AT(groups), "1", 1, 1e9, NULL, true, "channels in so many parts, each convolved by itself"},
    {"no_bias", HOOP_OPT_BOOL, AT(no_bias), "false", 0, 0, NULL, true, "leave the bias out"},
};

static hoop_status options_of(const hoop_conv_transpose_layer_opts *o, int dims, int64_t *kernel, hoop_conv_transpose_opts *conv,
                              hoop_error *err)
{
    hoop_status st;
    *conv = (hoop_conv_transpose_opts){.groups = o->groups == 0 ? 1 : o->groups};
    st    = hoop__spread_option("kernel", &o->kernel, dims, 0, kernel, err);
    if (st == HOOP_OK) st = hoop__spread_option("stride", &o->stride, dims, 1, conv->stride, err);
    if (st == HOOP_OK) st = hoop__spread_option("padding", &o->padding, dims, 0, conv->padding, err);
    if (st == HOOP_OK) st = hoop__spread_option("output_padding", &o->output_padding, dims, 0, conv->output_padding, err);
    if (st == HOOP_OK) st = hoop__spread_option("dilation", &o->dilation, dims, 1, conv->dilation, err);
    for (int d = 0; d < dims && st == HOOP_OK; d++) {
        if (kernel[d] < 1 || conv->stride[d] < 1 || conv->dilation[d] < 1 || conv->padding[d] < 0)
            st = hoop_fail(err, HOOP_EARG, "kernel, stride and dilation are at least 1, padding at least 0");
        if (conv->output_padding[d] < 0 ||
            (conv->output_padding[d] >= conv->stride[d] && conv->output_padding[d] >= conv->dilation[d]))
            st = hoop_fail(err, HOOP_EARG, "output_padding: %lld; it is below stride %lld or dilation %lld",
                           (long long)conv->output_padding[d], (long long)conv->stride[d], (long long)conv->dilation[d]);
    }
    return st;
}

static hoop_status build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_conv_transpose_layer_opts *o    = hoop_module_opts(m);
    const int                             dims = *ndim - 2;
    int64_t                               w[5] = {shape[1]}, fan_in, image[4] = {shape[1]};
    hoop_conv_transpose_opts              conv;
    hoop_status                           st;
    if (dims < 1 || dims > 3)
        return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims; (N, C, ...) with 1 to 3 spatial dims is wanted", *ndim);
    st = options_of(o, dims, w + 2, &conv, err);
    if (st != HOOP_OK) return st;
    if (o->out < 1 || shape[1] < 0 || o->out % conv.groups != 0 || shape[1] % conv.groups != 0) {
        return hoop_fail(err, HOOP_ESHAPE, "%lld channels to %lld in %lld groups: both are multiples of the groups",
                         (long long)shape[1], (long long)o->out, (long long)conv.groups);
    }
    fan_in = w[1] = o->out / conv.groups; /* as PyTorch counts it */
    st            = hoop__check_room(m, "its weight", dims + 2, w, err);
    if (st != HOOP_OK) return st;
    shape[1] = o->out;
    for (int d = 0; d < dims; d++) {
        fan_in *= w[2 + d];
        if (shape[2 + d] < 0) continue;
        if (shape[2 + d] > 1 << 30)
            return hoop_fail(err, HOOP_ESIZE, "%lld pixels in dim %d of its input; at most %d", (long long)shape[2 + d], 2 + d,
                             1 << 30);
        shape[2 + d] = (shape[2 + d] - 1) * conv.stride[d] - 2 * conv.padding[d] + conv.dilation[d] * (w[2 + d] - 1) +
                       conv.output_padding[d] + 1;
        if (shape[2 + d] < 0) return hoop_fail(err, HOOP_ESHAPE, "its padding leaves nothing in dim %d", d);
        image[1 + d] = shape[2 + d] + conv.dilation[d] * (w[2 + d] - 1) / conv.stride[d] + 1; /* that the kernel reaches */
    }
    st = hoop__check_room(m, "a sample with all that its kernel reaches", dims + 1, image, err);
    if (st == HOOP_OK) st = hoop__check_room(m, "a sample of its output", dims + 1, shape + 1, err);
    if (st == HOOP_OK) st = hoop_module_param(m, 0, "weight", HOOP_PARAM_WEIGHT, dims + 2, w, fan_in, err);
    if (st == HOOP_OK && !o->no_bias) st = hoop_module_param(m, 1, "bias", HOOP_PARAM_BIAS, 1, &o->out, fan_in, err);
    return st;
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    int64_t                  kernel[3];
    hoop_conv_transpose_opts conv;
    (void)options_of(hoop_module_opts(m), hoop_tensor_ndim(hoop_module_tensor(m, 0)) - 2, kernel, &conv, NULL);
    return hoop_conv_transpose(t, x, hoop_module_tensor(m, 0), hoop_module_tensor(m, 1), &conv);
}

const hoop_module_kind hoop__module_conv_transpose = {
    .name      = "conv_transpose",
    .help      = "(N, C, ...) -> (N, out, ...): transposed convolution over 1 to 3 spatial dims",
    .example   = "{conv_transpose: {out: 16, kernel: 4, stride: 2, padding: 1}}",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_conv_transpose_layer_opts),
    .build     = build,
    .forward   = forward,
};
