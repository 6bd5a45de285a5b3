/* detector: one stage, without anchors (Tian et al., ICCV 2019): a residual net (He et al., CVPR 2016) whose stages meet, from
 * the deepest up, in one map (Lin et al., CVPR 2017), of which each place says classes and the distances to a box's sides: conv1,
 * bn1, layer1.0.conv1 ..., lateral1 ..., smooth, head.0 ..., cls, box. */
#include "models/parts.h"

#include "hoop/ops.h"

#include <stdio.h>

typedef struct detector_opts {
    hoop_ints channels;
    int64_t   stem, blocks, width, head;
    int       stride;
} detector_opts;

static const char *const strides[] = {"4", "8", NULL};

#define AT(field) offsetof(detector_opts, field)
static const hoop_option rows[] = {
    {"channels", HOOP_OPT_INTS, AT(channels), "[32, 48, 96, 128]", 1, 1e6, NULL, true,
     "of the first convolution, then of each stage; each halves the size, which is a multiple of 2^(how many)"},
    {"stem", HOOP_OPT_INT, AT(stem), "1", 1, 9, NULL, true,
     "convolutions before the stages, at half the size of images: what tells small objects apart"},
    {"blocks", HOOP_OPT_INT, AT(blocks), "1", 1, 1000, NULL, true, "of a stage"},
    {"width", HOOP_OPT_INT, AT(width), "48", 1, 1e6, NULL, true, "channels of the map in which stages meet, and of the head"},
    {"head", HOOP_OPT_INT, AT(head), "2", 0, 100, NULL, true, "convolutions before those that give classes and boxes"},
    {"stride", HOOP_OPT_ENUM, AT(stride), "4", 0, 0, strides, true, "pixels from place to place; small boxes want few"},
};
#undef AT

typedef struct net_opts {
    detector_opts is;
    int64_t       classes;
} net_opts;

enum { NAME = 24 };

/* stages by number, from 1; of the first whose places are those of the outputs */
static int stages(const net_opts *o)
{
    return o->is.channels.n - 1;
}
static int first_met(const net_opts *o)
{
    return o->is.stride + 1;
}
static int64_t stride_of(const net_opts *o)
{
    return (int64_t)4 << o->is.stride;
}
static const char *numbered(const char *what, int i, char out[NAME])
{
    (void)snprintf(out, NAME, "%s%d", what, i);
    return out;
}

/* ---- build ---- */

static hoop_status add_plain(hoop_module *m, const char *name, int64_t out, int64_t kernel, hoop_error *err)
{
    const hoop_conv_layer_opts conv = {.out = out, .kernel = {1, {kernel}}, .padding = {1, {kernel / 2}}};
    return hoop__part_add(m, "conv", name, &conv, err, NULL);
}

/* NAME.0 convolution, NAME.1 norm, NAME.2 relu, and so on */
static hoop_status add_tower(hoop_module *m, const char *name, int64_t width, int64_t times, hoop_error *err)
{
    hoop_module *tower;
    char         number[NAME];
    hoop_status  st = hoop__part_add(m, "sequential", name, NULL, err, &tower);
    for (int i = 0; i < 3 * times && st == HOOP_OK; i += 3) {
        st = hoop__resnet_conv(tower, numbered("", i, number), width, 3, 1, err);
        if (st == HOOP_OK) st = hoop__part_add(tower, "batch_norm", numbered("", i + 1, number), NULL, err, NULL);
        if (st == HOOP_OK) st = hoop__part_add(tower, "relu", numbered("", i + 2, number), NULL, err, NULL);
    }
    return st;
}

static hoop_status add_stage(hoop_module *m, int s, hoop_error *err)
{
    const net_opts *o = hoop_module_opts(m);
    hoop_module    *stage;
    char            name[NAME];
    hoop_status     st = hoop__part_add(m, "sequential", numbered("layer", s, name), NULL, err, &stage);
    for (int b = 0; b < o->is.blocks && st == HOOP_OK; b++) {
        const hoop__residual_opts block = {o->is.channels.v[s], b == 0 ? 2 : 1, false, b == 0};
        st                              = hoop_module_add(stage, &hoop__residual, numbered("", b, name), &block, err, NULL);
    }
    return st;
}

static hoop_status add_parts(hoop_module *m, hoop_error *err)
{
    const net_opts *o = hoop_module_opts(m);
    char            name[NAME];
    hoop_status     st = HOOP_OK;
    for (int i = 1; i <= o->is.stem && st == HOOP_OK; i++) {
        st = hoop__resnet_conv(m, numbered("conv", i, name), o->is.channels.v[0], 3, i == 1 ? 2 : 1, err);
        if (st == HOOP_OK) st = hoop__part_add(m, "batch_norm", numbered("bn", i, name), NULL, err, NULL);
    }
    for (int s = 1; s <= stages(o) && st == HOOP_OK; s++) st = add_stage(m, s, err);
    for (int s = first_met(o); s <= stages(o) && st == HOOP_OK; s++)
        st = add_plain(m, numbered("lateral", s, name), o->is.width, 1, err);
    if (st == HOOP_OK) st = add_tower(m, "smooth", o->is.width, 1, err);
    if (st == HOOP_OK && o->is.head > 0) st = add_tower(m, "head", o->is.width, o->is.head, err);
    if (st == HOOP_OK) st = add_plain(m, "cls", o->classes, 3, err);
    return st == HOOP_OK ? add_plain(m, "box", 4, 3, err) : st;
}

static hoop_status net_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const net_opts *o = hoop_module_opts(m);
    hoop_shape      x = in[0], level[HOOP_OPT_INTS_MAX + 1], part;
    char            name[NAME];
    hoop_status     st = hoop__part_takes(m, nin, in, 4, err);
    *nout              = 1;
    if (st == HOOP_OK) st = add_parts(m, err);
    for (int i = 1; i <= o->is.stem && st == HOOP_OK; i++) {
        st = hoop__part_build(m, numbered("conv", i, name), &x, err);
        if (st == HOOP_OK) st = hoop__part_build(m, numbered("bn", i, name), &x, err);
    }
    for (int s = 1; s <= stages(o) && st == HOOP_OK; s++) {
        st       = hoop__part_build(m, numbered("layer", s, name), &x, err);
        level[s] = x;
    }
    for (int s = first_met(o); s <= stages(o) && st == HOOP_OK; s++)
        st = hoop__part_build(m, numbered("lateral", s, name), &level[s], err);
    if (st != HOOP_OK) return st;
    x  = level[first_met(o)];
    st = hoop__part_build(m, "smooth", &x, err);
    if (st == HOOP_OK && o->is.head > 0) st = hoop__part_build(m, "head", &x, err);
    part = x;
    if (st == HOOP_OK) st = hoop__part_build(m, "cls", &part, err);
    part = x;
    if (st == HOOP_OK) st = hoop__part_build(m, "box", &part, err);
    out[0] = (hoop_shape){
        .dtype = in[0].dtype, .ndim = 3, .size = {in[0].size[0], x.size[2] * x.size[3], HOOP_BOX_CLASSES + o->classes}};
    return st;
}

/* ---- forward ---- */

/* (1, high * wide, 7 + classes): where places are and how far apart, and 0 */
static hoop_tensor *places(hoop_tape *t, hoop_dtype dtype, int64_t high, int64_t wide, double stride, int64_t classes)
{
    const int64_t all[3] = {high, wide, 1}, rest[3] = {high, wide, 4 + classes},
                  flat[3] = {1, high * wide, HOOP_BOX_CLASSES + classes};
    hoop_tensor *part[4];
    part[0] = hoop_arange(t, dtype, wide, stride / 2, stride);
    part[0] = hoop_reshape(t, part[0], 3, (int64_t[]){1, wide, 1});
    part[0] = hoop_expand(t, part[0], 3, all);
    part[1] = hoop_arange(t, dtype, high, stride / 2, stride);
    part[1] = hoop_reshape(t, part[1], 3, (int64_t[]){high, 1, 1});
    part[1] = hoop_expand(t, part[1], 3, all);
    part[2] = hoop_fill(t, dtype, 3, all, stride);
    part[3] = hoop_fill(t, dtype, 3, rest, 0.0);
    return hoop_reshape(t, hoop_concat(t, part, 4, 2), 3, flat);
}

/* (N, C, H, W) -> (N, H * W, C), as it lies in memory */
static hoop_tensor *by_place(hoop_tape *t, hoop_tensor *x)
{
    const int64_t n = hoop_tensor_size(x, 0), c = hoop_tensor_size(x, 1), all = hoop_tensor_size(x, 2) * hoop_tensor_size(x, 3);
    x = hoop_permute(t, x, 4, (const int64_t[]){0, 2, 3, 1});
    return hoop_reshape(t, x, 3, (const int64_t[]){n, all, c});
}

/* what stages give, the deepest first, each upon the next one's places */
static hoop_tensor *meet(const hoop_module *m, hoop_tape *t, hoop_tensor *const *level)
{
    const net_opts *o = hoop_module_opts(m);
    hoop_tensor    *x = NULL, *own;
    char            name[NAME];
    for (int s = stages(o); s >= first_met(o); s--) {
        own = hoop__part_run(m, numbered("lateral", s, name), t, level[s]);
        if (x != NULL) {
            x   = hoop_upsample(t, x, &(hoop_upsample_opts){.scale_factor = {2, 2}});
            own = hoop_add(t, own, x);
        }
        x = own;
    }
    return hoop__part_run(m, "smooth", t, x);
}

static void net_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const net_opts *o = hoop_module_opts(m);
    hoop_tensor    *level[HOOP_OPT_INTS_MAX + 1], *x = in[0], *said[2];
    int64_t         high, wide;
    char            name[NAME];
    (void)nin;
    for (int i = 1; i <= o->is.stem; i++) {
        x = hoop__part_run(m, numbered("conv", i, name), t, x);
        x = hoop_relu(t, hoop__part_run(m, numbered("bn", i, name), t, x));
    }
    for (int s = 1; s <= stages(o); s++) level[s] = x = hoop__part_run(m, numbered("layer", s, name), t, x);
    x = meet(m, t, level);
    if (o->is.head > 0) x = hoop__part_run(m, "head", t, x);
    high    = hoop_tensor_size(x, 2);
    wide    = hoop_tensor_size(x, 3);
    said[0] = hoop__part_run(m, "box", t, x);
    said[0] = by_place(t, said[0]);
    said[0] = hoop_exp(t, hoop_clamp(t, said[0], -8.0, 8.0));
    said[0] = hoop_scale(t, said[0], (double)stride_of(o));
    said[1] = hoop__part_run(m, "cls", t, x);
    said[1] = by_place(t, said[1]);
    x       = hoop_concat(t, said, 2, 2);
    x       = hoop_pad(t, x, 2, (const int64_t[]){HOOP_BOX_SIDES, 0}, HOOP_PAD_CONSTANT, 0.0);
    said[0] = places(t, hoop_module_dtype(m), high, wide, (double)stride_of(o), o->classes);
    out[0]  = hoop_add(t, x, said[0]);
}

static const hoop_module_kind detector_net = {
    .name         = "detector",
    .help         = "(N, C, H, W) -> (N, places, 7 + classes)",
    .opts_size    = sizeof(net_opts),
    .build_many   = net_build,
    .forward_many = net_forward,
    .children     = hoop__parts,
    .nchildren    = 1,
    .feeds        = hoop__parts_feed,
};

/* ---- the model ---- */

static hoop_status check(const hoop__model_call *c, hoop_error *err)
{
    const detector_opts *o    = c->opts;
    const hoop_shape    *x    = &c->inputs[0].shape;
    const int            n    = o->channels.n;
    const int64_t        part = (int64_t)1 << (n < 1 ? 0 : n < 40 ? n : 40);
    if (!c->targets[0].boxes)
        return hoop_config_fail(c->config, "model", err,
                                "this kind is for lists of boxes, and '%s' are %s; give it loss: detection", c->targets[0].name,
                                c->targets[0].classes ? "classes" : "values");
    if (n < o->stride + 2)
        return hoop_config_fail(c->config, "model.channels", err, "%d are given; a stride of %s wants %d or more", n,
                                strides[o->stride], o->stride + 2);
    for (int d = x->ndim - 2; d < x->ndim; d++)
        if (x->size[d] < 1 || x->size[d] % part != 0)
            return hoop_config_fail(c->config, "model.channels", err,
                                    "%d of them halve the size down to 1/%lld, of which the images' size in dim %d, %lld, is no "
                                    "multiple",
                                    n, (long long)part, d, (long long)x->size[d]);
    return HOOP_OK;
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    net_opts    o = {.is = *(const detector_opts *)c->opts};
    hoop_status st;
    int         dims;
    HOOP_TRY(st, done, hoop__model_image(c, 2, &dims, err));
    HOOP_TRY(st, done, check(c, err));
    HOOP_TRY(st, done, hoop__model_outputs(c, &o.classes, err));
    st = hoop_module_add(c->parent, &detector_net, "detector", &o, err, NULL);
done:
    return st;
}

/* Convolutions as resnet's; what gives classes and boxes small, and scores at first 0.01 (Lin et al., ICCV 2017). */
static int begin(const void *opts, hoop__model_begin *out)
{
    static const hoop__model_begin kaiming = {.init = "kaiming_normal", .words = {"mode", "fan_out", "nonlinearity", "relu"}};
    int                            n;
    (void)opts;
    out[0] = out[1] = kaiming;
    out[0].match    = "*conv?.weight";
    out[1].match    = "*.downsample.0.weight";
    n               = hoop__begin(out, 2, "*.cls.weight", "normal", "std", 0.01);
    n               = hoop__begin(out, n, "*.box.weight", "normal", "std", 0.01);
    n               = hoop__begin(out, n, "*.cls.bias", "constant", "value", -4.59511985013459);
    return hoop__begin(out, n, "*.box.bias", "constant", "value", 0.0);
}

const hoop__model_kind hoop__model_detector = {
    .name      = "detector",
    .help      = "boxes and classes in images (N, C, H, W) or (N, H, W) -> (N, places, 7 + classes): loss: detection",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(detector_opts),
    .build     = build,
    .begin     = begin,
};
