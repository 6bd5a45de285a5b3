/* permute, pad, unfold, reduce: layers without parameters that move or join what is in their input. */
#include "hoop/ops.h"
#include "nn/module.h"

#include <string.h>

/* ---- permute ---- */

typedef struct permute_opts {
    hoop_ints dims;
} permute_opts;
static const hoop_option permute_rows[] = {
    {"dims", HOOP_OPT_INTS, offsetof(permute_opts, dims), NULL, 0, HOOP_MAX_DIMS, NULL, true,
     "the dims of its input in their new order, that of the samples first"},
};

static hoop_status permute_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const hoop_ints *dims = &((const permute_opts *)hoop_module_opts(m))->dims;
    unsigned         seen = 0;
    (void)nout;
    if (nin != 1) return hoop_fail(err, HOOP_ESHAPE, "it takes one tensor and is given %d", nin);
    *out = (hoop_shape){.dtype = in->dtype, .ndim = in->ndim};
    for (int d = 0; d < dims->n && d < in->ndim; d++) {
        if (dims->v[d] < 0 || dims->v[d] >= in->ndim) break;
        seen |= 1u << dims->v[d];
        out->size[d] = in->size[dims->v[d]];
    }
    if (dims->n == in->ndim && seen == (1u << in->ndim) - 1 && dims->v[0] == 0) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "dims: each of the %d of its input once, and 0 first, is wanted", in->ndim);
}

static hoop_tensor *permute_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_ints *dims = &((const permute_opts *)hoop_module_opts(m))->dims;
    return hoop_permute(t, x, dims->n, dims->v);
}

const hoop_module_kind hoop__module_permute = {
    .name        = "permute",
    .help        = "(N, A, B) -> (N, B, A): dims in another order",
    .example     = "{permute: [0, 2, 1]}",
    .options     = HOOP_OPTIONS(permute_rows),
    .opts_size   = sizeof(permute_opts),
    .main_option = "dims",
    .prepares    = true,
    .build_many  = permute_build,
    .forward     = permute_forward,
};

/* ---- pad ---- */

typedef struct pad_opts {
    hoop_ints padding;
    int       mode; /* hoop_pad_mode */
    double    value;
} pad_opts;
static const char *const modes[]    = {"constant", "reflect", "replicate", "circular", NULL};
static const hoop_option pad_rows[] = {
    {"padding", HOOP_OPT_INTS, offsetof(pad_opts, padding), NULL, 0, 1e9, NULL, true,
     "before and after the last dim, then the one before it, ...; a lone number: all dims behind (N, C)"},
    {"mode", HOOP_OPT_ENUM, offsetof(pad_opts, mode), "constant", 0, 0, modes, true, "what borders are made of"},
    {"value", HOOP_OPT_FLOAT, offsetof(pad_opts, value), "0", 0, 0, NULL, true, "of constant borders"},
};

/* two numbers a dim, from the last on */
static int pads_of(const pad_opts *o, int ndim, int64_t *pads)
{
    int n = o->padding.n == 1 ? 2 * (ndim - 2) : o->padding.n;
    if (n < 2 || n % 2 != 0 || n > 2 * (ndim - 1)) return 0;
    for (int i = 0; i < n; i++) pads[i] = o->padding.v[o->padding.n == 1 ? 0 : i];
    return n;
}

hoop_status hoop__check_borders(int mode, int64_t before, int64_t after, int64_t size, int d, hoop_error *err)
{
    const int64_t most = before > after ? before : after;
    if (size < 0 || most == 0 || mode == HOOP_PAD_CONSTANT) return HOOP_OK;
    if (mode == HOOP_PAD_REPLICATE ? size > 0 : most <= size - (mode == HOOP_PAD_REFLECT)) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "%s borders of %lld and %lld from the %lld elements of dim %d", modes[mode],
                     (long long)before, (long long)after, (long long)size, d);
}

static hoop_status pad_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const pad_opts *o = hoop_module_opts(m);
    int64_t         pads[2 * HOOP_MAX_DIMS];
    int             n = pads_of(o, *ndim, pads);
    if (n == 0)
        return hoop_fail(err, HOOP_ESHAPE, "padding: one number, or two a dim, for the %d dims of its input behind the samples",
                         *ndim - 1);
    for (int i = 0; i < n; i += 2) {
        const int         d  = *ndim - 1 - i / 2;
        const hoop_status st = hoop__check_borders(o->mode, pads[i], pads[i + 1], shape[d], d, err);
        if (st != HOOP_OK) return st;
        if (shape[d] >= 0) shape[d] += pads[i] + pads[i + 1];
    }
    return HOOP_OK;
}

static hoop_tensor *pad_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const pad_opts *o = hoop_module_opts(m);
    int64_t         pads[2 * HOOP_MAX_DIMS];
    int             n = pads_of(o, hoop_tensor_ndim(x), pads);
    return hoop_pad(t, x, n, pads, (hoop_pad_mode)o->mode, o->value);
}

const hoop_module_kind hoop__module_pad = {
    .name        = "pad",
    .help        = "(N, ...) -> the same with borders: constant, reflected, replicated or circular",
    .example     = "{pad: {padding: 1, mode: circular}}",
    .options     = HOOP_OPTIONS(pad_rows),
    .opts_size   = sizeof(pad_opts),
    .main_option = "padding",
    .prepares    = true,
    .build       = pad_build,
    .forward     = pad_forward,
};

/* ---- unfold ---- */

typedef struct unfold_opts {
    hoop_ints kernel, dilation, padding, stride;
} unfold_opts;
static const hoop_option unfold_rows[] = {
    {"kernel", HOOP_OPT_INTS, offsetof(unfold_opts, kernel), NULL, 1, 1e9, NULL, true,
     "size of a patch, of all spatial dims or each"},
    {"dilation", HOOP_OPT_INTS, offsetof(unfold_opts, dilation), "1", 1, 1e9, NULL, true, "step within a patch"},
    {"padding", HOOP_OPT_INTS, offsetof(unfold_opts, padding), "0", 0, 1e9, NULL, true, "zeros at both ends"},
    {"stride", HOOP_OPT_INTS, offsetof(unfold_opts, stride), "1", 1, 1e9, NULL, true, "step from patch to patch"},
};

static hoop_status patches_of(const unfold_opts *o, int dims, hoop_patches_opts *p, hoop_error *err)
{
    hoop_status st = hoop__spread_option("kernel", &o->kernel, dims, 0, p->kernel, err);
    if (st == HOOP_OK) st = hoop__spread_option("dilation", &o->dilation, dims, 1, p->dilation, err);
    if (st == HOOP_OK) st = hoop__spread_option("padding", &o->padding, dims, 0, p->padding, err);
    if (st == HOOP_OK) st = hoop__spread_option("stride", &o->stride, dims, 1, p->stride, err);
    return st;
}

static hoop_status unfold_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    hoop_patches_opts p    = {{0}, {0}, {0}, {0}};
    int               dims = *ndim - 2;
    int64_t           rows = shape[1], cols = 1;
    hoop_status       st;
    if (dims < 1 || dims > 3)
        return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims; (N, C, ...) with 1 to 3 spatial dims is wanted", *ndim);
    st = patches_of(hoop_module_opts(m), dims, &p, err);
    for (int d = 0; d < dims && st == HOOP_OK; d++) {
        int64_t padded = shape[2 + d] + 2 * p.padding[d], reach = p.dilation[d] * (p.kernel[d] - 1) + 1;
        if (p.kernel[d] < 1) st = hoop_fail(err, HOOP_EARG, "kernel: at least 1");
        if (st == HOOP_OK && shape[2 + d] >= 0 && padded < reach)
            st = hoop_fail(err, HOOP_ESHAPE, "a patch reaches over %lld in dim %d, its padded input has %lld", (long long)reach,
                           d, (long long)padded);
        rows = rows < 0 ? -1 : rows * p.kernel[d];
        cols = cols < 0 || shape[2 + d] < 0 ? -1 : cols * ((padded - reach) / p.stride[d] + 1);
    }
    *ndim    = 3;
    shape[1] = rows;
    shape[2] = cols;
    return st;
}

static hoop_tensor *unfold_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    hoop_patches_opts p = {{0}, {0}, {0}, {0}};
    (void)patches_of(hoop_module_opts(m), hoop_tensor_ndim(x) - 2, &p, NULL);
    return hoop_im2col(t, x, &p);
}

const hoop_module_kind hoop__module_unfold = {
    .name        = "unfold",
    .help        = "(N, C, ...) -> (N, C prod(kernel), L): patches as columns",
    .example     = "{unfold: {kernel: 4, stride: 4}}",
    .options     = HOOP_OPTIONS(unfold_rows),
    .opts_size   = sizeof(unfold_opts),
    .main_option = "kernel",
    .build       = unfold_build,
    .forward     = unfold_forward,
};

/* ---- reduce ---- */

typedef struct reduce_opts {
    hoop_ints dims;
    int       by;
    bool      keep;
} reduce_opts;
enum { BY_MEAN, BY_SUM, BY_MAX, BY_MIN, BY_PROD, BY_STD, BY_VAR, BY_LOGSUMEXP, BY_NORM };
static const char *const ways[]        = {"mean", "sum", "max", "min", "prod", "std", "var", "logsumexp", "norm", NULL};
static const hoop_option reduce_rows[] = {
    {"dims", HOOP_OPT_INTS, offsetof(reduce_opts, dims), NULL, -HOOP_MAX_DIMS, HOOP_MAX_DIMS, NULL, true,
     "dims that go, not that of the samples; below 0 from the end"},
    {"by", HOOP_OPT_ENUM, offsetof(reduce_opts, by), "mean", 0, 0, ways, true, "what is made of them"},
    {"keep", HOOP_OPT_BOOL, offsetof(reduce_opts, keep), "false", 0, 0, NULL, true, "leave them, of size 1"},
};

/* as a bit mask; 0: they are not dims behind the first */
static unsigned mask_of(const reduce_opts *o, int ndim)
{
    unsigned mask = 0;
    for (int k = 0; k < o->dims.n; k++) {
        int64_t d = o->dims.v[k] < 0 ? o->dims.v[k] + ndim : o->dims.v[k];
        if (d < 1 || d >= ndim || (mask >> d & 1) != 0) return 0;
        mask |= 1u << d;
    }
    return mask;
}

static hoop_status reduce_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const reduce_opts *o    = hoop_module_opts(m);
    unsigned           mask = mask_of(o, *ndim);
    bool               one  = true; /* element goes into each */
    int                n    = 0;
    if (mask == 0) return hoop_fail(err, HOOP_ESHAPE, "dims: some of 1 to %d, each once, are wanted", *ndim - 1);
    for (int d = 0; d < *ndim; d++) {
        bool goes = (mask >> d & 1) != 0;
        if (goes && shape[d] == 0 && o->by != BY_SUM && o->by != BY_PROD)
            return hoop_fail(err, HOOP_ESHAPE, "dim %d of its input has no elements", d);
        if (goes) one &= shape[d] == 1;
        if (!goes || o->keep) shape[n++] = goes ? 1 : shape[d];
    }
    if (one && (o->by == BY_STD || o->by == BY_VAR))
        return hoop_fail(err, HOOP_ESHAPE, "by: %s of one element; 2 or more are wanted", ways[o->by]);
    *ndim = n;
    return HOOP_OK;
}

static hoop_tensor *reduce_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const reduce_opts *o    = hoop_module_opts(m);
    unsigned           mask = mask_of(o, hoop_tensor_ndim(x));
    switch (o->by) {
    case BY_SUM:
        return hoop_sum(t, x, mask, o->keep);
    case BY_MAX:
        return hoop_max(t, x, mask, o->keep);
    case BY_MIN:
        return hoop_min(t, x, mask, o->keep);
    case BY_PROD:
        return hoop_prod(t, x, mask, o->keep);
    case BY_STD:
        return hoop_std(t, x, mask, 1, o->keep);
    case BY_VAR:
        return hoop_var(t, x, mask, 1, o->keep);
    case BY_LOGSUMEXP:
        return hoop_logsumexp(t, x, mask, o->keep);
    case BY_NORM:
        return hoop_norm(t, x, 2.0, mask, o->keep);
    default:
        return hoop_mean(t, x, mask, o->keep);
    }
}

const hoop_module_kind hoop__module_reduce = {
    .name        = "reduce",
    .help        = "(N, A, B) -> (N, B): over dims, by mean, sum, max, min, prod, std, var, logsumexp or norm",
    .example     = "{reduce: {dims: [2, 3], by: mean}}",
    .options     = HOOP_OPTIONS(reduce_rows),
    .opts_size   = sizeof(reduce_opts),
    .main_option = "dims",
    .build       = reduce_build,
    .forward     = reduce_forward,
};
