/* unet: an encoder and a decoder of images whose levels are joined (Ronneberger et al., MICCAI 2015; in 3-d Cicek et al., MICCAI
 * 2016): down.0.conv1 ..., up.0.up, up.0.conv1 ..., head. */
#include "models/parts.h"

#include "hoop/ops.h"

#include <stdio.h>

typedef struct unet_opts {
    hoop_ints channels;
    int       norm;
} unet_opts;

enum { NO_NORM, BATCH_NORM, GROUP_NORM };
static const char *const norms[] = {"none", "batch", "group", NULL};

#define AT(field) offsetof(unet_opts, field)
static const hoop_option rows[] = {
    {"channels", HOOP_OPT_INTS, AT(channels), "[16, 32, 64]", 1, 1e6, NULL, true,
     "of each level, from the whole image down; each halves the size, which is a multiple of 2^(levels - 1)"},
    {"norm", HOOP_OPT_ENUM, AT(norm), "batch", 0, 0, norms, true, "after each convolution; group: of 8 groups at most"},
};
#undef AT

/* ---- two convolutions; before them, on the way up, the size doubles and the level's own comes beside ---- */

typedef struct level_opts {
    int64_t channels;
    int     norm;
    bool    up;
} level_opts;

static hoop_status add_conv(hoop_module *m, const level_opts *o, const char *name, const char *norm, hoop_error *err)
{
    const hoop_conv_layer_opts conv = {
        .out = o->channels, .kernel = {1, {3}}, .padding = {1, {1}}, .no_bias = o->norm != NO_NORM};
    int64_t     groups = o->channels < 8 ? o->channels : 8;
    hoop_status st     = hoop__part_add(m, "conv", name, &conv, err, NULL);
    while (o->channels % groups != 0) groups--;
    if (st != HOOP_OK || o->norm == NO_NORM) return st;
    if (o->norm == BATCH_NORM) return hoop__part_add(m, "batch_norm", norm, NULL, err, NULL);
    return hoop__part_add(m, "group_norm", norm, &(hoop_group_norm_opts){.num_groups = groups, .eps = 1e-5}, err, NULL);
}

static hoop_status level_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    static const char *const             parts[] = {"conv1", "bn1", "conv2", "bn2"};
    const level_opts                    *o       = hoop_module_opts(m);
    const hoop_conv_transpose_layer_opts twice   = {.out = o->channels, .kernel = {1, {2}}, .stride = {1, {2}}};
    hoop_shape                           x       = in[0];
    hoop_status                          st      = HOOP_OK;
    *nout                                        = 1;
    if (nin != (o->up ? 2 : 1)) return hoop_fail(err, HOOP_ESHAPE, "it is given %d tensors", nin);
    if (o->up) st = hoop__part_add(m, "conv_transpose", "up", &twice, err, NULL);
    if (st == HOOP_OK) st = add_conv(m, o, "conv1", "bn1", err);
    if (st == HOOP_OK) st = add_conv(m, o, "conv2", "bn2", err);
    if (st == HOOP_OK && o->up) st = hoop__part_build(m, "up", &x, err);
    if (o->up) x.size[1] += in[1].size[1];
    for (int i = 0; i < 4 && st == HOOP_OK; i++)
        if (hoop_module_find(m, parts[i]) != NULL) st = hoop__part_build(m, parts[i], &x, err);
    out[0] = x;
    return st;
}

static void level_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    static const char *const parts[2][2] = {{"conv1", "bn1"}, {"conv2", "bn2"}};
    const level_opts        *o           = hoop_module_opts(m);
    hoop_tensor             *x           = in[0];
    if (nin > 1) {
        hoop_tensor *both[2] = {in[1], NULL};
        both[1]              = hoop__part_run(m, "up", t, x);
        x                    = hoop_concat(t, both, 2, 1);
    }
    for (int i = 0; i < 2; i++) {
        x = hoop__part_run(m, parts[i][0], t, x);
        if (o->norm != NO_NORM) x = hoop__part_run(m, parts[i][1], t, x);
        x = hoop_relu(t, x);
    }
    out[0] = x;
}

static const hoop_module_kind unet_level = {
    .name         = "unet_level",
    .help         = "two convolutions of a level",
    .opts_size    = sizeof(level_opts),
    .build_many   = level_build,
    .forward_many = level_forward,
    .children     = hoop__parts,
    .nchildren    = 1,
    .feeds        = hoop__parts_feed,
};

/* ---- the net ---- */

static hoop_status add_levels(hoop_module *m, bool up, hoop_error *err)
{
    const unet_opts *o = hoop_module_opts(m);
    const int        n = o->channels.n - (up ? 1 : 0);
    hoop_module     *way;
    hoop_status      st = hoop__part_add(m, "sequential", up ? "up" : "down", NULL, err, &way);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        const level_opts level = {o->channels.v[up ? n - 1 - i : i], o->norm, up};
        char             name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        st = hoop_module_add(way, &unet_level, name, &level, err, NULL);
    }
    return st;
}

static hoop_status net_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    hoop_shape  skip[HOOP_OPT_INTS_MAX], pair[2], of[HOOP_MODULE_TENSORS], x = in[0];
    int         n  = 0;
    hoop_status st = hoop__part_takes(m, nin, in, in[0].ndim, err);
    *nout          = 1;
    if (st == HOOP_OK) st = add_levels(m, false, err);
    if (st == HOOP_OK) st = add_levels(m, true, err);
    for (hoop_module *l = st == HOOP_OK ? hoop_module_first(hoop_module_find(m, "down")) : NULL; l != NULL && st == HOOP_OK;
         l              = hoop_module_next(l), n++) {
        for (int d = 2; d < x.ndim && n > 0; d++) x.size[d] /= 2;
        st = hoop_module_build(l, 1, &x, nout, of, err);
        x = skip[n] = of[0];
    }
    for (hoop_module *l = st == HOOP_OK ? hoop_module_first(hoop_module_find(m, "up")) : NULL; l != NULL && st == HOOP_OK;
         l              = hoop_module_next(l)) {
        pair[0] = x;
        pair[1] = skip[--n - 1];
        st      = hoop_module_build(l, 2, pair, nout, of, err);
        x       = of[0];
    }
    out[0] = x;
    return st;
}

static void net_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    hoop_tensor *skip[HOOP_OPT_INTS_MAX], *pair[2], *x = in[0], *y;
    int          n = 0;
    (void)nin;
    for (const hoop_module *l = hoop_module_first(hoop_module_find(m, "down")); l != NULL; l = hoop_module_next(l), n++) {
        if (n > 0) x = hoop_max_pool(t, x, &(hoop_pool_opts){.kernel = {2, 2, 2}}, NULL);
        hoop_module_forward(l, t, 1, &x, &y);
        x = skip[n] = y;
    }
    for (const hoop_module *l = hoop_module_first(hoop_module_find(m, "up")); l != NULL; l = hoop_module_next(l)) {
        pair[0] = x;
        pair[1] = skip[--n - 1];
        hoop_module_forward(l, t, 2, pair, &y);
        x = y;
    }
    out[0] = x;
}

static const hoop_module_kind unet_net = {
    .name         = "unet",
    .help         = "levels down and up again",
    .opts_size    = sizeof(unet_opts),
    .build_many   = net_build,
    .forward_many = net_forward,
    .children     = hoop__parts,
    .nchildren    = 1,
    .feeds        = hoop__parts_feed,
};

/* channels that the last convolution gives */
static hoop_status outputs(const hoop__model_call *c, int dims, int64_t *out, hoop_error *err)
{
    const hoop_shape *x  = &c->inputs[0].shape;
    int64_t           n  = 1;
    hoop_status       st = hoop__model_outputs(c, out, err);
    for (int d = x->ndim - dims; d < x->ndim; d++) n *= x->size[d];
    if (st != HOOP_OK || c->targets[0].classes) return st;
    if (n < 1 || *out % n != 0)
        return hoop_config_fail(c->config, "model", err,
                                "target '%s' has %lld elements, which are not the same for each of %lld pixels",
                                c->targets[0].name, (long long)*out, (long long)n);
    *out /= n;
    return HOOP_OK;
}

static hoop_status check(const hoop__model_call *c, int dims, hoop_error *err)
{
    const unet_opts  *o    = c->opts;
    const hoop_shape *x    = &c->inputs[0].shape;
    const int64_t     part = (int64_t)1 << (o->channels.n < 1 ? 0 : o->channels.n < 40 ? o->channels.n - 1 : 40);
    if (o->channels.n < 1) return hoop_config_fail(c->config, "model.channels", err, "at least one level is wanted");
    for (int d = x->ndim - dims; d < x->ndim; d++)
        if (x->size[d] < 1 || x->size[d] % part != 0)
            return hoop_config_fail(
                c->config, "model.channels", err,
                "%d levels halve the size down to 1/%lld, of which the images' size in dim %d, %lld, is no multiple",
                o->channels.n, (long long)part, d, (long long)x->size[d]);
    return HOOP_OK;
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    hoop_conv_layer_opts last  = {.kernel = {1, {1}}};
    const bool           plain = c->inputs[0].shape.ndim == 3; /* no dim of channels, here and there */
    hoop_status          st;
    int                  dims;
    HOOP_TRY(st, done, hoop__model_image(c, 3, &dims, err));
    HOOP_TRY(st, done, check(c, dims, err));
    HOOP_TRY(st, done, outputs(c, dims, &last.out, err));
    HOOP_TRY(st, done, hoop_module_add(c->parent, &unet_net, "unet", c->opts, err, NULL));
    HOOP_TRY(st, done, hoop__part_add(c->parent, "conv", "head", &last, err, NULL));
    if (plain && last.out == 1 && !c->targets[0].classes)
        st = hoop__part_set(c->parent, "flatten", "plain", (const char *const[]){"start_dim", "1", "end_dim", "2", NULL}, err);
done:
    return st;
}

const hoop__model_kind hoop__model_unet = {
    .name      = "unet",
    .help      = "images (N, C, H, W), (N, H, W) or (N, C, D, H, W) -> (N, classes or channels, H, W): masks, fields",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(unet_opts),
    .build     = build,
};
