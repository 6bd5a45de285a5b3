/* resnet: residual nets for images (He et al., CVPR 2016), under torchvision's names: conv1, bn1, layer1.0.conv1, ... , fc. */
#include "models/parts.h"

#include "hoop/ops.h"

#include <stdio.h>

typedef struct resnet_opts {
    int     depth;
    int64_t width;
} resnet_opts;

/* Those for small images begin with a convolution of 3, those for large ones with 7, and both halve the size from stage to stage.
 */
typedef struct form {
    const char *name;
    bool        large, bottleneck;
    int         stages, blocks[4];
} form;
static const form forms[] = {
    {"20", false, false, 3, {3, 3, 3}},    {"32", false, false, 3, {5, 5, 5}},     {"44", false, false, 3, {7, 7, 7}},
    {"56", false, false, 3, {9, 9, 9}},    {"110", false, false, 3, {18, 18, 18}}, {"18", true, false, 4, {2, 2, 2, 2}},
    {"34", true, false, 4, {3, 4, 6, 3}},  {"50", true, true, 4, {3, 4, 6, 3}},    {"101", true, true, 4, {3, 4, 23, 3}},
    {"152", true, true, 4, {3, 8, 36, 3}},
};
static const char *const depths[] = {"20", "32", "44", "56", "110", "18", "34", "50", "101", "152", NULL};

#define AT(field) offsetof(resnet_opts, field)
static const hoop_option rows[] = {
    {"depth", HOOP_OPT_ENUM, AT(depth), "20", 0, 0, depths, true,
     "layers: the first five for small images (CIFAR's), the others for large ones (ImageNet's)"},
    {"width", HOOP_OPT_INT, AT(width), "auto", 1, 1e5, NULL, true,
     "channels of the first stage; auto: 16 in small ones, else 64"},
};
#undef AT

/* ---- a block ---- */

typedef hoop__residual_opts block_opts;

hoop_status hoop__resnet_conv(hoop_module *m, const char *name, int64_t out, int64_t kernel, int64_t stride, hoop_error *err)
{
    const hoop_conv_layer_opts conv = {
        .out = out, .kernel = {1, {kernel}}, .stride = {1, {stride}}, .padding = {1, {kernel / 2}}, .groups = 1, .no_bias = true};
    return hoop__part_add(m, "conv", name, &conv, err, NULL);
}

static int convs(const block_opts *o)
{
    return o->bottleneck ? 3 : 2;
}

static hoop_status add_parts(hoop_module *m, hoop_error *err)
{
    const block_opts *o         = hoop_module_opts(m);
    const int64_t     out       = o->bottleneck ? 4 * o->planes : o->planes;
    const int64_t     kernel[3] = {o->bottleneck ? 1 : 3, 3, 1};
    hoop_module      *shortcut;
    hoop_status       st = HOOP_OK;
    for (int i = 0; i < convs(o) && st == HOOP_OK; i++) {
        const bool strides = i == (o->bottleneck ? 1 : 0);
        char       conv[] = "conv1", norm[] = "bn1";
        conv[4] = norm[2] = (char)('1' + i);
        st                = hoop__resnet_conv(m, conv, i == 2 ? out : o->planes, kernel[i], strides ? o->stride : 1, err);
        if (st == HOOP_OK) st = hoop__part_add(m, "batch_norm", norm, NULL, err, NULL);
    }
    if (st != HOOP_OK || !o->downsample) return st;
    st = hoop__part_add(m, "sequential", "downsample", NULL, err, &shortcut);
    if (st == HOOP_OK) st = hoop__resnet_conv(shortcut, "0", out, 1, o->stride, err);
    return st == HOOP_OK ? hoop__part_add(shortcut, "batch_norm", "1", NULL, err, NULL) : st;
}

static hoop_status block_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const block_opts *o  = hoop_module_opts(m);
    hoop_shape        x  = in[0];
    hoop_status       st = hoop__part_takes(m, nin, in, 4, err);
    *nout                = 1;
    if (st == HOOP_OK) st = add_parts(m, err);
    for (int i = 0; i < convs(o) && st == HOOP_OK; i++) {
        char conv[] = "conv1", norm[] = "bn1";
        conv[4] = norm[2] = (char)('1' + i);
        st                = hoop__part_build(m, conv, &x, err);
        if (st == HOOP_OK) st = hoop__part_build(m, norm, &x, err);
    }
    out[0] = x;
    x      = in[0];
    return st == HOOP_OK && o->downsample ? hoop__part_build(m, "downsample", &x, err) : st;
}

static void block_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const block_opts *o = hoop_module_opts(m);
    hoop_tensor      *x = in[0], *y = x;
    (void)nin;
    for (int i = 0; i < convs(o); i++) {
        char conv[] = "conv1", norm[] = "bn1";
        conv[4] = norm[2] = (char)('1' + i);
        y                 = hoop__part_run(m, conv, t, y);
        y                 = hoop__part_run(m, norm, t, y);
        if (i + 1 < convs(o)) y = hoop_relu(t, y);
    }
    if (o->downsample) x = hoop__part_run(m, "downsample", t, x);
    y      = hoop_add(t, y, x);
    out[0] = hoop_relu(t, y);
}

const hoop_module_kind hoop__residual = {
    .name         = "resnet_block",
    .help         = "convolutions, added to the block's input",
    .opts_size    = sizeof(block_opts),
    .build_many   = block_build,
    .forward_many = block_forward,
    .children     = hoop__parts,
    .nchildren    = 1,
    .feeds        = hoop__parts_feed,
};

/* ---- the model ---- */

/* *channels: those that come in, and then those that go out */
static hoop_status add_stage(hoop_module *parent, const form *f, int s, int64_t width, int64_t *channels, hoop_error *err)
{
    const int64_t planes = width << s, out = f->bottleneck ? 4 * planes : planes;
    char          name[16];
    hoop_module  *stage;
    hoop_status   st;
    (void)snprintf(name, sizeof name, "layer%d", s + 1);
    st = hoop__part_add(parent, "sequential", name, NULL, err, &stage);
    for (int b = 0; b < f->blocks[s] && st == HOOP_OK; b++) {
        const int64_t    stride = s > 0 && b == 0 ? 2 : 1;
        const block_opts block  = {planes, stride, f->bottleneck, stride != 1 || *channels != out};
        (void)snprintf(name, sizeof name, "%d", b);
        st        = hoop_module_add(stage, &hoop__residual, name, &block, err, NULL);
        *channels = out;
    }
    return st;
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const resnet_opts *o        = c->opts;
    const form        *f        = &forms[o->depth];
    const int64_t      width    = o->width != HOOP_OPT_AUTO ? o->width : f->large ? 64 : 16;
    int64_t            channels = width, outputs;
    hoop_status        st;
    int                dims;
    HOOP_TRY(st, done, hoop__model_image(c, 2, &dims, err));
    HOOP_TRY(st, done, hoop__model_outputs(c, &outputs, err));
    HOOP_TRY(st, done, hoop__resnet_conv(c->parent, "conv1", width, f->large ? 7 : 3, f->large ? 2 : 1, err));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "batch_norm", "bn1", NULL, err, NULL));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "relu", "relu", NULL, err, NULL));
    if (f->large)
        HOOP_TRY(st, done,
                 hoop__part_set(c->parent, "max_pool", "maxpool",
                                (const char *const[]){"kernel", "3", "stride", "2", "padding", "1", NULL}, err));
    for (int s = 0; s < f->stages; s++) HOOP_TRY(st, done, add_stage(c->parent, f, s, width, &channels, err));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "adaptive_avg_pool", "avgpool", NULL, err, NULL));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "flatten", "flatten", NULL, err, NULL));
    st = hoop__part_add(c->parent, "linear", "fc", &(hoop_linear_opts){.out = outputs}, err, NULL);
done:
    return st;
}

/* He et al., ICCV 2015, as torchvision has it */
static int begin(const void *opts, hoop__model_begin *out)
{
    static const hoop__model_begin kaiming = {.init = "kaiming_normal", .words = {"mode", "fan_out", "nonlinearity", "relu"}};
    (void)opts;
    out[0] = out[1] = kaiming;
    out[0].match    = "*conv?.weight";
    out[1].match    = "*.downsample.0.weight";
    return 2;
}

const hoop__model_kind hoop__model_resnet = {
    .name      = "resnet",
    .help      = "a residual net: images (N, C, H, W) or (N, H, W) -> (N, classes or values)",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(resnet_opts),
    .build     = build,
    .begin     = begin,
};
