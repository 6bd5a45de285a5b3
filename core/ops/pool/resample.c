/*
 * avg_pool, adaptive_avg_pool and upsample: weighted sums of places, whose weights are products of those of each dim. A dim's
 * weights are a table of taps; backward is the same sum by the table turned round. Rows of the table see images as they lie: (N,
 * S.., C).
 */
#include "hoop/ops.h"
#include "ops/pool/pool.h"

#include <math.h>
#include <string.h>

typedef struct upsample_attrs {
    int64_t mode; /* hoop_upsample_mode */
    int64_t align_corners;
    int64_t out[HOOP_MAX_DIMS];        /* spatial sizes of the output, */
    int64_t size[HOOP_MAX_DIMS];       /* and of gradients: of the input */
    double  scale_0, scale_1, scale_2; /* places of the input a place of the output, where that is not the ratio of the sizes */
} upsample_attrs;
static const hoop_field upsample_fields[] = {
    {"mode", 'i', offsetof(upsample_attrs, mode)},       {"align_corners", 'i', offsetof(upsample_attrs, align_corners)},
    {"out", 'I', offsetof(upsample_attrs, out)},         {"size", 'I', offsetof(upsample_attrs, size)},
    {"scale_0", 'f', offsetof(upsample_attrs, scale_0)}, {"scale_1", 'f', offsetof(upsample_attrs, scale_1)},
    {"scale_2", 'f', offsetof(upsample_attrs, scale_2)},
};

extern const hoop_op hoop__op_avg_pool, hoop__op_avg_pool_grad, hoop__op_upsample, hoop__op_upsample_grad;

enum { AVERAGE, UPSAMPLE, GRADIENT = 2 /* of either */ }; /* hoop_op.kernel */

/* ---- taps of one output of a dim ---- */

enum { CUBIC_TAPS = 4 };

/* Where output o of a dim is in the input, in places. Cubic may be outside. */
static double source(const upsample_attrs *a, double scale, int64_t in, int64_t out, int64_t o)
{
    double x;
    if (a->align_corners) return out > 1 ? (double)o * ((double)(in - 1) / (double)(out - 1)) : 0.0;
    if (!(scale > 0.0)) scale = (double)in / (double)out;
    x = ((double)o + 0.5) * scale - 0.5;
    return a->mode != HOOP_UPSAMPLE_CUBIC && x < 0.0 ? 0.0 : x;
}

/* Keys' convolution with a = -3/4 at a distance of 0 to 1, and of 1 to 2 (IEEE Trans. ASSP 29, 1981) */
static double cubic_near(double x)
{
    return (1.25 * x - 2.25) * x * x + 1.0;
}
static double cubic_far(double x)
{
    return ((-0.75 * x + 3.75) * x - 6.0) * x + 3.0;
}

static int upsample_taps(const upsample_attrs *a, double scale, int64_t in, int64_t out, int64_t o, int32_t *from, double *weight)
{
    const double  x     = a->mode == HOOP_UPSAMPLE_NEAREST ? 0.0 : source(a, scale, in, out, o);
    const int64_t floor = x < 0.0 ? (int64_t)x - ((double)(int64_t)x > x) : (int64_t)x;
    const double  part  = x - (double)floor;
    int64_t       low   = floor < in - 1 ? floor : in - 1;
    if (a->mode == HOOP_UPSAMPLE_NEAREST) {
        low       = scale > 0.0 ? (int64_t)((double)o * scale) : o * in / out;
        from[0]   = (int32_t)(low < in - 1 ? low : in - 1);
        weight[0] = 1.0;
        return 1;
    }
    if (a->mode == HOOP_UPSAMPLE_LINEAR) {
        from[0]   = (int32_t)low;
        from[1]   = (int32_t)(low < in - 1 ? low + 1 : low);
        weight[0] = 1.0 - part;
        weight[1] = part;
        return 2;
    }
    weight[0] = cubic_far(part + 1.0);
    weight[1] = cubic_near(part);
    weight[2] = cubic_near(1.0 - part);
    weight[3] = cubic_far(2.0 - part);
    for (int k = 0; k < CUBIC_TAPS; k++) {
        const int64_t at = floor - 1 + k;
        from[k]          = (int32_t)(at < 0 ? 0 : at < in - 1 ? at : in - 1);
    }
    return CUBIC_TAPS;
}

static double scale_of(const upsample_attrs *a, int d)
{
    return d == 0 ? a->scale_0 : d == 1 ? a->scale_1 : a->scale_2;
}

/* ---- tables: taps of a dim of `in` places to `out` ---- */

typedef struct table {
    const hoop_op *op;
    const void    *attrs;
    int            d, dims;
    int64_t        in, out;
} table;

static bool averages(const hoop_op *op)
{
    return (op->kernel & ~GRADIENT) == AVERAGE;
}

/* most taps of an output */
static int64_t most(const table *t)
{
    const pool_attrs *a = t->attrs;
    if (t->d < 0) return 1;
    if (!averages(t->op)) return CUBIC_TAPS;
    if (a->adaptive) return t->in / t->out + 2 < t->in ? t->in / t->out + 2 : t->in;
    return a->kernel[t->d] < t->in ? a->kernel[t->d] : t->in;
}

static int64_t taps_of(const table *t, int64_t o, int32_t *from, double *weight)
{
    const pool_attrs *a = t->attrs;
    int64_t           count, all, first;
    double            w;
    if (t->d < 0) { /* a dim that is not there */
        from[0]   = 0;
        weight[0] = 1.0;
        return 1;
    }
    if (!averages(t->op)) return upsample_taps(t->attrs, scale_of(t->attrs, t->d), t->in, t->out, o, from, weight);
    first = hoop__pool_window(a, t->d, t->in, t->out, o, &count, &all);
    w     = a->divisor != 0 ? (t->d == t->dims - 1 ? 1.0 / (double)a->divisor : 1.0)
                            : 1.0 / (double)(a->count_include_pad && !a->adaptive ? all : count);
    for (int64_t k = 0; k < count; k++) {
        from[k]   = (int32_t)(first + k);
        weight[k] = w;
    }
    return count;
}

/* bytes of a table and of the one turned round */
static int64_t table_bytes(const table *t)
{
    const int64_t taps = t->out * most(t);
    return 2 * ((taps * (int64_t)(sizeof(double) + sizeof(int32_t)) + (t->in + t->out + 2) * (int64_t)sizeof(int32_t) + 63) / 64 *
                64);
}

typedef struct lists {
    int32_t *begin, *from;
    double  *weight;
} lists;

/* at `*at`, which goes on behind it */
static lists make_lists(char **at, int64_t outputs, int64_t taps)
{
    lists l;
    l.weight = (double *)(void *)*at;
    l.from   = (int32_t *)(void *)(*at + taps * (int64_t)sizeof(double));
    l.begin  = l.from + taps;
    *at =
        (char *)*at + (taps * (int64_t)(sizeof(double) + sizeof(int32_t)) + (outputs + 1) * (int64_t)sizeof(int32_t) + 7) / 8 * 8;
    return l;
}

/* taps of each input, from those of each output, in the order of outputs */
static void turn(const lists *l, int64_t in, int64_t out, lists *to)
{
    memset(to->begin, 0, (size_t)(in + 1) * sizeof *to->begin);
    for (int32_t k = 0; k < l->begin[out]; k++) to->begin[l->from[k] + 1]++;
    for (int64_t i = 0; i < in; i++) to->begin[i + 1] += to->begin[i];
    for (int64_t o = 0; o < out; o++) {
        for (int32_t k = l->begin[o]; k < l->begin[o + 1]; k++) {
            const int32_t at = to->begin[l->from[k]]++;
            to->from[at]     = (int32_t)o;
            to->weight[at]   = l->weight[k];
        }
    }
    for (int64_t i = in; i > 0; i--) to->begin[i] = to->begin[i - 1];
    to->begin[0] = 0;
}

static hoop_taps make_taps(const table *t, bool turned, char **at)
{
    const int64_t taps = t->out * most(t);
    lists         l    = make_lists(at, t->out, taps), back;
    l.begin[0]         = 0;
    for (int64_t o = 0; o < t->out; o++)
        l.begin[o + 1] = l.begin[o] + (int32_t)taps_of(t, o, l.from + l.begin[o], l.weight + l.begin[o]);
    if (!turned) return (hoop_taps){l.begin, l.from, l.weight};
    back = make_lists(at, t->in, taps);
    turn(&l, t->in, t->out, &back);
    return (hoop_taps){back.begin, back.from, back.weight};
}

/* table d of three, of a call */
static table table_of(const hoop_call *c, int d)
{
    const bool       turned = (c->op->kernel & GRADIENT) != 0;
    const hoop_view *from = turned ? c->out : c->in[0], *to = turned ? c->in[0] : c->out;
    const int        dims = from->ndim - 2, at = d - (HOOP_POOL_DIMS - dims);
    return (table){c->op, c->attrs, at, dims, at < 0 ? 1 : from->shape[1 + at], at < 0 ? 1 : to->shape[1 + at]};
}

static int64_t workspace(const hoop_call *c)
{
    int64_t bytes = 0;
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        const table t = table_of(c, d);
        bytes += table_bytes(&t);
    }
    return bytes;
}

/* ---- kernel ---- */

typedef struct job {
    const hoop_call *c;
    hoop_resample    r;
} job;

static void range(const void *ctx, int64_t first, int64_t n)
{
    const job       *j = ctx;
    const hoop_call *c = j->c;
    c->kernels->pool->resample[c->out->dtype](&j->r, first, n, c->in[0]->data, c->out->data, c->add);
}
static hoop_status forward(const hoop_call *c)
{
    const bool turned = (c->op->kernel & GRADIENT) != 0;
    char      *at     = c->work;
    job        j      = {.c = c, .r.channels = c->out->shape[c->out->ndim - 1]};
    int64_t    taps   = 1, row;
    if (hoop__view_numel(c->out) == 0) return HOOP_OK;
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        const table t = table_of(c, d);
        j.r.in[d]     = turned ? t.out : t.in;
        j.r.out[d]    = turned ? t.in : t.out;
        j.r.taps[d]   = make_taps(&t, turned, &at);
        taps *= (j.r.taps[d].begin[j.r.out[d]] + j.r.out[d] - 1) / j.r.out[d];
    }
    row = j.r.out[2] * j.r.channels * (taps + 1) * 4;
    hoop_threads_share(c->threads, c->out->shape[0] * j.r.out[0] * j.r.out[1], row, 1, range, &j);
    return HOOP_OK;
}

static void reference(const hoop_call *c)
{
    enum { MOST = 64 };
    const bool       turned = (c->op->kernel & GRADIENT) != 0;
    const hoop_view *small = turned ? c->out : c->in[0], *large = turned ? c->in[0] : c->out;
    const int64_t    channels = small->shape[small->ndim - 1], n = hoop__view_numel(c->out);
    double          *to = c->out->data;
    for (int64_t e = 0; e < n; e++) to[e] = 0.0;
    for (int64_t e = 0, all = hoop__view_numel(large); e < all; e++) {
        int32_t from[HOOP_POOL_DIMS][MOST];
        double  weight[HOOP_POOL_DIMS][MOST];
        int64_t count[HOOP_POOL_DIMS], size[HOOP_POOL_DIMS], rest = e / channels;
        for (int d = HOOP_POOL_DIMS - 1; d >= 0; d--) {
            const table t = table_of(c, d);
            size[d]       = t.in;
            count[d]      = taps_of(&t, rest % t.out, from[d], weight[d]);
            rest /= t.out;
        }
        for (int64_t k = 0; k < count[0] * count[1] * count[2]; k++) {
            const int64_t a = k / count[2] / count[1], b = k / count[2] % count[1], o = k % count[2];
            const int64_t at =
                (((rest * size[0] + from[0][a]) * size[1] + from[1][b]) * size[2] + from[2][o]) * channels + e % channels;
            const double w = weight[0][a] * weight[1][b] * weight[2][o];
            if (turned)
                to[at] += w * hoop__at(c->in[0], e);
            else
                to[e] += w * hoop__at(c->in[0], at);
        }
    }
}

/* ---- averages ---- */

/* spatial sizes of the output of `size`; where `given`, x has these */
static hoop_status pool_sizes(hoop_shape_call *s, const int64_t *size, const int64_t *given, int64_t *out)
{
    const pool_attrs *a    = s->attrs;
    hoop_status       st   = hoop__check_float(s, 0);
    const int         dims = st == HOOP_OK ? hoop__spatial_dims(s, 0) : 0;
    if (dims == 0) return st == HOOP_OK ? s->err->status : st;
    if (a->divisor < 0) return hoop_fail(s->err, HOOP_EARG, "divisor_override %lld; at least 1 is wanted", (long long)a->divisor);
    for (int d = 0; d < dims; d++) {
        if (a->dilation[d] != 1 && !a->adaptive)
            return hoop_fail(s->err, HOOP_EARG, "dilation %lld: averages have none", (long long)a->dilation[d]);
        out[d] = hoop__pool_out(s, a, d, size[d]);
        if (out[d] < 1) return s->err->status;
        if (given != NULL && given[d] != out[d])
            return hoop_fail(s->err, HOOP_ESHAPE, "%lld outputs in spatial dim %d, where its windows are %lld",
                             (long long)given[d], d, (long long)out[d]);
    }
    return HOOP_OK;
}
static void resized(const hoop_view *x, const int64_t *size, hoop_view *out)
{
    int64_t shape[HOOP_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    for (int d = 1; d + 1 < x->ndim; d++) shape[d] = size[d - 1];
    hoop__view_set(out, (hoop_dtype)x->dtype, x->ndim, shape);
}
static hoop_status avg_shape(hoop_shape_call *s)
{
    int64_t     out[HOOP_MAX_DIMS];
    hoop_status st = pool_sizes(s, s->in[0]->shape + 1, NULL, out);
    if (st == HOOP_OK) resized(s->in[0], out, &s->out[0]);
    return st;
}
static hoop_status avg_grad_shape(hoop_shape_call *s)
{
    int64_t     out[HOOP_MAX_DIMS];
    hoop_status st = pool_sizes(s, ((const pool_attrs *)s->attrs)->size, s->in[0]->shape + 1, out);
    if (st == HOOP_OK) resized(s->in[0], ((const pool_attrs *)s->attrs)->size, &s->out[0]);
    return st;
}
static void avg_backward(hoop_backward_call *b)
{
    pool_attrs a = *(const pool_attrs *)b->attrs;
    for (int d = 0; d + 2 < hoop_tensor_ndim(b->in[0]); d++) a.size[d] = hoop_tensor_size(b->in[0], 1 + d);
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_avg_pool_grad, b->dy, 1, &a, NULL);
}
static void avg_grad_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_avg_pool, b->dy, 1, b->attrs, NULL);
}

#define WITH(...)                                                                                                                \
    {                                                                                                                            \
        .dilation = {1, 1, 1}, __VA_ARGS__                                                                                       \
    }
static const pool_attrs k2 = WITH(.kernel = {2}, .stride = {2}, .size = {5}),
                        k3 = WITH(.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}, .size = {5, 4}),
                        k3_all =
                            WITH(.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}, .count_include_pad = 1, .size = {5, 4}),
                        k3_ceil = WITH(.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .ceil_mode = 1,
                                       .count_include_pad = 1, .size = {4, 6}),
                        cube =
                            WITH(.kernel = {2, 2, 2}, .stride = {2, 1, 2}, .padding = {0, 1, 1}, .divisor = 5, .size = {3, 2, 4}),
                        to_3x2    = WITH(.kernel = {3, 2}, .adaptive = 1, .size = {5, 3}),
                        to_1      = WITH(.kernel = {1}, .adaptive = 1, .size = {7}),
                        no_kernel = WITH(.kernel = {0}, .stride = {1}, .size = {5}),
                        no_stride = WITH(.kernel = {2}, .stride = {0}, .size = {5}),
                        wide_pad  = WITH(.kernel = {2}, .stride = {1}, .padding = {2}, .size = {5}),
                        divided   = WITH(.kernel = {2}, .stride = {2}, .divisor = -2, .size = {5}),
                        no_size   = WITH(.kernel = {1}, .adaptive = 1, .size = {0}),
                        dilated   = {.kernel = {2}, .stride = {2}, .dilation = {2}, .size = {5}};

static const hoop_case avg_cases[] = {
    {"2x5x3", &k2},
    {"2x5x4x3", &k3},
    {"2x5x4x3", &k3_all},
    {"1x4x6x17", &k3_ceil},
    {"1x3x2x4x2", &cube},
    {"2x5x3x2", &to_3x2},
    {"2x7x3", &to_1},
    {"0x5x3", &k2},
    {"5x3", &k2, HOOP_ESHAPE},
    {"2x1x3", &k2, HOOP_ESHAPE},
    {"2x0x3", &to_1, HOOP_ESHAPE},
    {"2x5x3", &no_kernel, HOOP_EARG},
    {"2x5x3", &no_stride, HOOP_EARG},
    {"2x5x3", &wide_pad, HOOP_EARG},
    {"2x5x3", &divided, HOOP_EARG},
    {"2x5x3", &dilated, HOOP_EARG},
    {"i64:2x5x3<9", &k2, HOOP_EDTYPE},
};
static const hoop_case avg_grad_cases[] = {
    {"2x2x3", &k2},
    {"2x3x3x3", &k3},
    {"2x3x5x3", &k3_all},
    {"1x3x4x17", &k3_ceil},
    {"1x1x3x3x2", &cube},
    {"2x3x2x2", &to_3x2},
    {"2x1x3", &to_1},
    {"0x2x3", &k2},
    {"2x3", &k2, HOOP_ESHAPE},
    {"2x3x3", &k2, HOOP_ESHAPE},
    {"2x1x3", &no_size, HOOP_ESHAPE},
    {"2x2x3", &no_kernel, HOOP_EARG},
    {"2x2x3", &no_stride, HOOP_EARG},
    {"2x2x3", &wide_pad, HOOP_EARG},
    {"2x2x3", &divided, HOOP_EARG},
    {"2x2x3", &dilated, HOOP_EARG},
    {"i64:2x2x3<9", &k2, HOOP_EDTYPE},
};

/**
 * hoop_avg_pool - the mean of each window; with count_exclude_pad of what lies inside, with divisor_override the sum over that.
 * Shape   x (N, C, S..) -> (N, C, O..), O = floor((S + 2 padding - kernel) / stride) + 1, or its ceiling
 * Grad    dx += dy / number, from each window to its places
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EARG (options), HOOP_EDTYPE
 */
static hoop_tensor *averaged(hoop_tape *t, hoop_tensor *x, const pool_attrs *a)
{
    x = hoop__channels_last(t, x);
    x = hoop_op_call(t, &hoop__op_avg_pool, &x, 1, a, NULL);
    return hoop__channels_first(t, x);
}
hoop_tensor *hoop_avg_pool(hoop_tape *t, hoop_tensor *x, const hoop_pool_opts *opts)
{
    pool_attrs a;
    if (!hoop__pool_attrs(t, "avg_pool", x, opts, &a)) return hoop_op_call(t, &hoop__op_avg_pool, &x, 1, &a, NULL);
    return averaged(t, x, &a);
}

/**
 * hoop_adaptive_avg_pool - the mean of each of O windows that cover a dim evenly, from floor(o S / O) to ceil((o + 1) S / O).
 * Shape   x (N, C, S..), size[] -> (N, C, size..)
 * Grad, Dtype, Errors as hoop_avg_pool
 */
hoop_tensor *hoop_adaptive_avg_pool(hoop_tape *t, hoop_tensor *x, const int64_t *size)
{
    pool_attrs a;
    if (!hoop__pool_attrs(t, "adaptive_avg_pool", x, NULL, &a)) return hoop_op_call(t, &hoop__op_avg_pool, &x, 1, &a, NULL);
    for (int d = 0; d + 2 < hoop_tensor_ndim(x); d++) a.kernel[d] = size[d];
    a.adaptive = 1;
    return averaged(t, x, &a);
}

const hoop_op hoop__op_avg_pool = {
    .name       = "avg_pool",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(pool_attrs),
    .fields     = hoop__pool_fields,
    .nfields    = HOOP__POOL_FIELDS,
    .kernel     = AVERAGE,
    .shape      = avg_shape,
    .forward    = forward,
    .workspace  = workspace,
    .backward   = avg_backward,
    .reference  = reference,
    HOOP_CASES(avg_cases),
};
/* avg_pool_grad: dy (N, O.., C) -> dx (N, size.., C) */
const hoop_op hoop__op_avg_pool_grad = {
    .name       = "avg_pool_grad",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(pool_attrs),
    .fields     = hoop__pool_fields,
    .nfields    = HOOP__POOL_FIELDS,
    .kernel     = AVERAGE | GRADIENT,
    .shape      = avg_grad_shape,
    .forward    = forward,
    .workspace  = workspace,
    .backward   = avg_grad_backward,
    .reference  = reference,
    HOOP_CASES(avg_grad_cases),
};

/* ---- upsample ---- */

static hoop_status check_upsample(hoop_shape_call *s, const int64_t *size, const int64_t *given)
{
    const upsample_attrs *a    = s->attrs;
    hoop_status           st   = hoop__check_float(s, 0);
    const int             dims = st == HOOP_OK ? hoop__spatial_dims(s, 0) : 0;
    if (dims == 0) return st == HOOP_OK ? s->err->status : st;
    if (a->mode < HOOP_UPSAMPLE_NEAREST || a->mode > HOOP_UPSAMPLE_CUBIC)
        return hoop_fail(s->err, HOOP_EARG, "mode %lld; 0 (nearest) to 2 (cubic) are possible", (long long)a->mode);
    if (a->align_corners && a->mode == HOOP_UPSAMPLE_NEAREST)
        return hoop_fail(s->err, HOOP_EARG, "align_corners has no meaning to the nearest place");
    for (int d = 0; d < dims; d++) {
        const double scale = scale_of(a, d);
        if (size[d] < 1 || size[d] > INT32_MAX || a->out[d] < 1 || a->out[d] > INT32_MAX / CUBIC_TAPS)
            return hoop_fail(s->err, HOOP_ESHAPE, "%lld places to %lld in spatial dim %d; 1 or more of both are wanted",
                             (long long)size[d], (long long)a->out[d], d);
        if (given != NULL && given[d] != a->out[d])
            return hoop_fail(s->err, HOOP_ESHAPE, "%lld places in spatial dim %d, and %lld are said", (long long)given[d], d,
                             (long long)a->out[d]);
        if (!(scale >= 0.0 && scale <= 1e9)) return hoop_fail(s->err, HOOP_EARG, "a scale of %g in spatial dim %d", scale, d);
    }
    return HOOP_OK;
}
static hoop_status upsample_shape(hoop_shape_call *s)
{
    hoop_status st = check_upsample(s, s->in[0]->shape + 1, NULL);
    if (st == HOOP_OK) resized(s->in[0], ((const upsample_attrs *)s->attrs)->out, &s->out[0]);
    return st;
}
static hoop_status upsample_grad_shape(hoop_shape_call *s)
{
    const upsample_attrs *a  = s->attrs;
    hoop_status           st = check_upsample(s, a->size, s->in[0]->shape + 1);
    if (st == HOOP_OK) resized(s->in[0], a->size, &s->out[0]);
    return st;
}
static void upsample_backward(hoop_backward_call *b)
{
    upsample_attrs a = *(const upsample_attrs *)b->attrs;
    for (int d = 0; d + 2 < hoop_tensor_ndim(b->in[0]); d++) a.size[d] = hoop_tensor_size(b->in[0], 1 + d);
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_upsample_grad, b->dy, 1, &a, NULL);
}
static void upsample_grad_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_upsample, b->dy, 1, b->attrs, NULL);
}

static const upsample_attrs nearest       = {HOOP_UPSAMPLE_NEAREST, 0, {7}, {3}, 0, 0, 0},
                            nearest_2d    = {HOOP_UPSAMPLE_NEAREST, 0, {2, 5}, {3, 2}, 0, 0.4, 0},
                            linear        = {HOOP_UPSAMPLE_LINEAR, 0, {7}, {3}, 0, 0, 0},
                            bilinear      = {HOOP_UPSAMPLE_LINEAR, 1, {5, 4}, {3, 2}, 0, 0, 0},
                            trilinear     = {HOOP_UPSAMPLE_LINEAR, 0, {3, 4, 1}, {2, 2, 3}, 0, 0.5, 0},
                            cubic         = {HOOP_UPSAMPLE_CUBIC, 0, {5, 3}, {3, 4}, 0, 0, 0},
                            cubic_aligned = {HOOP_UPSAMPLE_CUBIC, 1, {5, 1}, {3, 4}, 0, 0, 0},
                            no_mode = {7, 0, {7}, {3}, 0, 0, 0}, aligned = {HOOP_UPSAMPLE_NEAREST, 1, {7}, {3}, 0, 0, 0},
                            no_out      = {HOOP_UPSAMPLE_LINEAR, 0, {0}, {3}, 0, 0, 0},
                            no_in       = {HOOP_UPSAMPLE_LINEAR, 0, {7}, {0}, 0, 0, 0},
                            bad_scale_0 = {HOOP_UPSAMPLE_LINEAR, 0, {7}, {3}, -1, 0, 0},
                            bad_scale_1 = {HOOP_UPSAMPLE_LINEAR, 0, {5, 4}, {3, 2}, 0, -1, 0},
                            bad_scale_2 = {HOOP_UPSAMPLE_LINEAR, 0, {3, 4, 1}, {2, 2, 3}, 0, 0, -1};

static const hoop_case upsample_cases[] = {
    {"2x3x3", &nearest},
    {"2x3x2x3", &nearest_2d},
    {"2x3x17", &linear},
    {"2x3x2x3", &bilinear},
    {"1x2x2x3x2", &trilinear},
    {"2x3x4x2", &cubic},
    {"2x3x4x2", &cubic_aligned},
    {"0x3x3", &linear},
    {"3x3", &linear, HOOP_ESHAPE},
    {"2x0x3", &linear, HOOP_ESHAPE},
    {"2x3x3", &no_out, HOOP_ESHAPE},
    {"2x3x3", &no_mode, HOOP_EARG},
    {"2x3x3", &aligned, HOOP_EARG},
    {"2x3x3", &bad_scale_0, HOOP_EARG},
    {"2x3x2x3", &bad_scale_1, HOOP_EARG},
    {"1x2x2x3x2", &bad_scale_2, HOOP_EARG},
    {"i64:2x3x3<9", &linear, HOOP_EDTYPE},
};
static const hoop_case upsample_grad_cases[] = {
    {"2x7x3", &nearest},
    {"2x2x5x3", &nearest_2d},
    {"2x7x17", &linear},
    {"2x5x4x3", &bilinear},
    {"1x3x4x1x2", &trilinear},
    {"2x5x3x2", &cubic},
    {"2x5x1x2", &cubic_aligned},
    {"0x7x3", &linear},
    {"7x3", &linear, HOOP_ESHAPE},
    {"2x6x3", &linear, HOOP_ESHAPE},
    {"2x7x3", &no_out, HOOP_ESHAPE},
    {"2x7x3", &no_in, HOOP_ESHAPE},
    {"2x7x3", &no_mode, HOOP_EARG},
    {"2x7x3", &aligned, HOOP_EARG},
    {"2x7x3", &bad_scale_0, HOOP_EARG},
    {"2x5x4x3", &bad_scale_1, HOOP_EARG},
    {"1x3x4x1x2", &bad_scale_2, HOOP_EARG},
    {"i64:2x7x3<9", &linear, HOOP_EDTYPE},
};

/**
 * hoop_upsample - to other spatial sizes (smaller ones, too): the nearest place, or linear or cubic interpolation between places.
 * Shape   x (N, C, S..) -> (N, C, O..), O = size, or floor(S scale)
 * Value   place o is at (o + 1/2) S / O - 1/2 (with a scale: over that), with align_corners at o (S - 1) / (O - 1); nearest:
 * floor(o S / O) Grad    dx += dy by the same weights Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EARG (options),
 * HOOP_EDTYPE Source  PyTorch's interpolate; cubic: Keys, IEEE Trans. ASSP 29 (1981), a = -3/4
 */
hoop_tensor *hoop_upsample(hoop_tape *t, hoop_tensor *x, const hoop_upsample_opts *opts)
{
    upsample_attrs a     = {.mode = opts->mode, .align_corners = opts->align_corners};
    double         by[3] = {0};
    const int      dims  = hoop_tensor_ndim(x) - 2;
    for (int d = 0; d < dims && d < HOOP_POOL_DIMS; d++) {
        const double scale = opts->scale_factor[d];
        a.out[d]           = opts->size[d];
        if (opts->size[d] != 0) continue;
        if (scale > 0.0 && scale <= 1e6) {
            a.out[d] = (int64_t)((double)hoop_tensor_size(x, 2 + d) * scale);
            by[d]    = 1.0 / scale;
        }
    }
    a.scale_0 = by[0];
    a.scale_1 = by[1];
    a.scale_2 = by[2];
    x         = hoop__channels_last(t, x);
    x         = hoop_op_call(t, &hoop__op_upsample, &x, 1, &a, NULL);
    return hoop__channels_first(t, x);
}

const hoop_op hoop__op_upsample = {
    .name       = "upsample",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(upsample_attrs),
    HOOP_FIELDS(upsample_fields),
    .kernel    = UPSAMPLE,
    .shape     = upsample_shape,
    .forward   = forward,
    .workspace = workspace,
    .backward  = upsample_backward,
    .reference = reference,
    HOOP_CASES(upsample_cases),
};
/* upsample_grad: dy (N, out.., C) -> dx (N, size.., C) */
const hoop_op hoop__op_upsample_grad = {
    .name       = "upsample_grad",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(upsample_attrs),
    HOOP_FIELDS(upsample_fields),
    .kernel    = UPSAMPLE | GRADIENT,
    .shape     = upsample_grad_shape,
    .forward   = forward,
    .workspace = workspace,
    .backward  = upsample_grad_backward,
    .reference = reference,
    HOOP_CASES(upsample_grad_cases),
};
