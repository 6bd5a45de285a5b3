/*
 * max_pool and adaptive_max_pool: the largest of each window, and where it is; their gradient, and what that one's is. Rows of
 * the table see images as they lie, channels-last: (N, S.., C).
 */
#include "hoop/ops.h"
#include "ops/pool/pool.h"

#include <math.h>
#include <string.h>

extern const hoop_op hoop__op_max_pool, hoop__op_max_pool_grad, hoop__op_max_pool_take;

/* spatial sizes with ones in front, so that there are three */
static void to_three(int dims, const int64_t *size, int64_t *out)
{
    for (int d = 0; d < HOOP_POOL_DIMS; d++) out[d] = d < HOOP_POOL_DIMS - dims ? 1 : size[d - (HOOP_POOL_DIMS - dims)];
}

/* (N, S.., C) of x with other spatial sizes */
static void resized(const hoop_view *x, hoop_dtype dtype, const int64_t *size, hoop_view *out)
{
    int64_t shape[HOOP_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    for (int d = 1; d + 1 < x->ndim; d++) shape[d] = size[d - 1];
    hoop__view_set(out, dtype, x->ndim, shape);
}

/* ---- max_pool ---- */

static hoop_status max_shape(hoop_shape_call *s)
{
    const hoop_view *x = s->in[0];
    int64_t          out[HOOP_MAX_DIMS];
    hoop_status      st   = hoop__check_float(s, 0);
    const int        dims = st == HOOP_OK ? hoop__spatial_dims(s, 0) : 0;
    if (dims == 0) return st == HOOP_OK ? s->err->status : st;
    for (int d = 0; d < dims; d++) {
        out[d] = hoop__pool_out(s, s->attrs, d, x->shape[1 + d]);
        if (out[d] < 1) return s->err->status;
    }
    resized(x, (hoop_dtype)x->dtype, out, &s->out[0]);
    resized(x, HOOP_I32, out, &s->out[1]);
    return HOOP_OK;
}

/* tables of windows in the workspace: first and count of all outputs of three dims */
static int64_t table_bytes(const int64_t *size)
{
    return (size[0] + size[1] + size[2]) * 2 * (int64_t)sizeof(int32_t);
}
static void sizes_of(const hoop_view *x, int64_t *size)
{
    to_three(x->ndim - 2, x->shape + 1, size);
}

static int64_t max_workspace(const hoop_call *c)
{
    int64_t size[HOOP_POOL_DIMS];
    sizes_of(c->out, size);
    return table_bytes(size);
}

static hoop_windows windows_of(const hoop_call *c)
{
    hoop_windows w    = {.channels = c->in[0]->shape[c->in[0]->ndim - 1]};
    const int    lead = HOOP_POOL_DIMS - (c->in[0]->ndim - 2);
    int32_t     *to   = c->work;
    sizes_of(c->in[0], w.in);
    sizes_of(c->out, w.out);
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        const pool_attrs *a = c->attrs;
        w.step[d]           = d < lead || a->adaptive ? 1 : a->dilation[d - lead];
        w.first[d]          = to;
        w.count[d]          = to + w.out[d];
        for (int64_t o = 0; o < w.out[d]; o++) {
            int64_t count = 1, all, first = d < lead ? 0 : hoop__pool_window(a, d - lead, w.in[d], w.out[d], o, &count, &all);
            to[o]            = (int32_t)first;
            to[w.out[d] + o] = (int32_t)count;
        }
        to += 2 * w.out[d];
    }
    return w;
}

typedef struct max_job {
    const hoop_call *c;
    hoop_windows     w;
} max_job;

static void max_range(const void *ctx, int64_t first, int64_t n)
{
    const max_job   *j = ctx;
    const hoop_call *c = j->c;
    c->kernels->pool->max_pool[c->out->dtype](&j->w, first, n, c->in[0]->data, c->out[0].data, c->out[1].data);
}
/* rows of the first two dims of x, each with so much work */
static void share(const hoop_call *c, const hoop_windows *w, int64_t taps, hoop_range_fn *f, const void *ctx)
{
    const int64_t row = w->out[2] * w->channels * (taps + 1) * 4;
    hoop_threads_share(c->threads, row == 0 ? 0 : c->in[0]->shape[0] * w->out[0] * w->out[1], row, 1, f, ctx);
}
static hoop_status max_forward(const hoop_call *c)
{
    const max_job j    = {c, windows_of(c)};
    int64_t       taps = 1;
    for (int d = 0; d < HOOP_POOL_DIMS && j.w.out[d] > 0; d++) taps *= j.w.count[d][0];
    share(c, &j.w, taps, max_range, &j);
    return HOOP_OK;
}

static void max_backward(hoop_backward_call *b)
{
    pool_attrs a = *(const pool_attrs *)b->attrs;
    for (int d = 0; d + 2 < hoop_tensor_ndim(b->in[0]); d++) a.size[d] = hoop_tensor_size(b->in[0], 1 + d);
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_max_pool_grad, (hoop_tensor *[]){b->out[1], b->dy[0]}, 2, &a, NULL);
}

static void max_reference(const hoop_call *c)
{
    const pool_attrs *a    = c->attrs;
    const int         dims = c->in[0]->ndim - 2, lead = HOOP_POOL_DIMS - dims;
    int64_t           in[HOOP_POOL_DIMS], out[HOOP_POOL_DIMS], channels = c->in[0]->shape[dims + 1];
    sizes_of(c->in[0], in);
    sizes_of(c->out, out);
    for (int64_t e = 0, n = hoop__view_numel(c->out); e < n; e++) {
        int64_t rest = e / channels, first[HOOP_POOL_DIMS] = {0}, count[HOOP_POOL_DIMS] = {1, 1, 1}, all;
        double  most = -(double)INFINITY;
        for (int d = HOOP_POOL_DIMS - 1; d >= 0; rest /= out[d--])
            if (d >= lead) first[d] = hoop__pool_window(a, d - lead, in[d], out[d], rest % out[d], &count[d], &all);
        for (int64_t k = 0; k < count[0] * count[1] * count[2]; k++) {
            int64_t step[HOOP_POOL_DIMS] = {1, 1, 1}, place;
            double  v;
            for (int d = lead; d < HOOP_POOL_DIMS; d++) step[d] = a->adaptive ? 1 : a->dilation[d - lead];
            place = first[0] + k / count[2] / count[1] * step[0];
            place = place * in[1] + first[1] + k / count[2] % count[1] * step[1];
            place = place * in[2] + first[2] + k % count[2] * step[2];
            v     = hoop__at(c->in[0], (rest * in[0] * in[1] * in[2] + place) * channels + e % channels);
            if (k > 0 && !(v > most) && !isnan(v)) continue;
            most                           = v;
            ((int64_t *)c->out[1].data)[e] = place;
        }
        ((double *)c->out->data)[e] = most;
    }
}

static const pool_attrs k2      = {.kernel = {2}, .stride = {2}, .dilation = {1}},
                        k3      = {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}, .dilation = {1, 1}},
                        k3_ceil = {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .dilation = {1, 1}, .ceil_mode = 1},
                        dilated = {.kernel = {2, 3}, .stride = {1, 2}, .padding = {0, 1}, .dilation = {3, 2}},
                        apart_2 = {.kernel = {3}, .stride = {1}, .padding = {1}, .dilation = {2}},
                        apart_3 = {.kernel = {3, 2}, .stride = {1, 1}, .padding = {1, 1}, .dilation = {3, 2}},
                        cube    = {.kernel = {2, 2, 2}, .stride = {2, 1, 2}, .padding = {0, 1, 1}, .dilation = {1, 1, 1}},
                        to_3x2 = {.kernel = {3, 2}, .adaptive = 1}, to_1 = {.kernel = {1}, .adaptive = 1},
                        no_kernel   = {.kernel = {0}, .stride = {1}, .dilation = {1}},
                        no_stride   = {.kernel = {2}, .stride = {0}, .dilation = {1}},
                        no_dilation = {.kernel = {2}, .stride = {1}, .dilation = {0}},
                        wide_pad    = {.kernel = {2}, .stride = {1}, .padding = {2}, .dilation = {1}},
                        apart       = {.kernel = {2}, .stride = {1}, .padding = {1}, .dilation = {2}},
                        to_0        = {.kernel = {0}, .adaptive = 1};

static const hoop_case max_cases[] = {
    {"2x5x3", &k2},
    {"2x5x4x3", &k3},
    {"1x4x6x17", &k3_ceil},
    {"2x4x5x2", &dilated},
    {"2x7x3", &apart_2},
    {"1x8x3x2", &apart_3},
    {"1x3x2x4x2", &cube},
    {"2x5x3x2", &to_3x2},
    {"2x7x3", &to_1},
    {"0x5x3", &k2},
    {"2x5x0", &k2},
    {"5x3", &k2, HOOP_ESHAPE},
    {"2x1x3", &k2, HOOP_ESHAPE},
    {"2x0x3", &to_1, HOOP_ESHAPE},
    {"2x1x3", &apart, HOOP_ESHAPE},
    {"2x5x3", &no_kernel, HOOP_EARG},
    {"2x5x3", &to_0, HOOP_EARG},
    {"2x5x3", &no_stride, HOOP_EARG},
    {"2x5x3", &no_dilation, HOOP_EARG},
    {"2x5x3", &wide_pad, HOOP_EARG},
    {"i64:2x5x3<9", &k2, HOOP_EDTYPE},
};

const hoop_op hoop__op_max_pool = {
    .name       = "max_pool",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 2,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_OUT(1),
    .attrs_size = sizeof(pool_attrs),
    .fields     = hoop__pool_fields,
    .nfields    = HOOP__POOL_FIELDS,
    .shape      = max_shape,
    .forward    = max_forward,
    .workspace  = max_workspace,
    .backward   = max_backward,
    .reference  = max_reference,
    HOOP_CASES(max_cases),
};

/**
 * hoop_max_pool - the largest of each window, NaN before all.
 * Shape   x (N, C, S..) -> (N, C, O..), O = floor((S + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, or its ceiling;
 * index (may be NULL) i64 (N, C, O..): the first place of it among a sample's, in row-major order Grad    dx += dy at that place
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EARG (options), HOOP_EDTYPE
 */
static hoop_tensor *pooled(hoop_tape *t, hoop_tensor *x, const pool_attrs *a, hoop_tensor **index)
{
    hoop_tensor *y, *out[2];
    x = hoop__channels_last(t, x);
    y = hoop_op_call(t, &hoop__op_max_pool, &x, 1, a, out);
    if (index != NULL) {
        out[1] = hoop_cast(t, out[1], HOOP_I64);
        *index = hoop__channels_first(t, out[1]);
    }
    return hoop__channels_first(t, y);
}
hoop_tensor *hoop_max_pool(hoop_tape *t, hoop_tensor *x, const hoop_pool_opts *opts, hoop_tensor **index)
{
    pool_attrs a;
    if (!hoop__pool_attrs(t, "max_pool", x, opts, &a)) return hoop_op_call(t, &hoop__op_max_pool, &x, 1, &a, NULL);
    return pooled(t, x, &a, index);
}

/**
 * hoop_adaptive_max_pool - the largest of each of O windows that cover a dim evenly, from floor(o S / O) to ceil((o + 1) S / O).
 * Shape   x (N, C, S..), size[] -> (N, C, size..); index as hoop_max_pool
 * Grad, Dtype, Errors as hoop_max_pool
 */
hoop_tensor *hoop_adaptive_max_pool(hoop_tape *t, hoop_tensor *x, const int64_t *size, hoop_tensor **index)
{
    pool_attrs     a;
    hoop_pool_opts opts = {{0}};
    for (int d = 0; d < 3 && d + 2 < hoop_tensor_ndim(x); d++) opts.kernel[d] = size[d];
    if (!hoop__pool_attrs(t, "adaptive_max_pool", x, &opts, &a)) return hoop_op_call(t, &hoop__op_max_pool, &x, 1, &a, NULL);
    for (int d = 0; d + 2 < hoop_tensor_ndim(x); d++) a.kernel[d] = size[d];
    a.adaptive = 1;
    return pooled(t, x, &a, index);
}

/* ---- max_pool_grad: index i32, dy (N, O.., C) -> dx (N, size.., C) ---- */

static hoop_status check_index(hoop_shape_call *s)
{
    const hoop_view *index = s->in[0], *dy = s->in[1];
    hoop_status      st = hoop__check_float(s, 1);
    if (st == HOOP_OK && index->dtype != HOOP_I32) st = hoop_fail(s->err, HOOP_EDTYPE, "places are i32 (hoop_cast)");
    if (st == HOOP_OK && hoop__spatial_dims(s, 0) == 0) st = s->err->status;
    if (st == HOOP_OK &&
        (dy->ndim != index->ndim || dy->shape[0] != index->shape[0] || dy->shape[dy->ndim - 1] != index->shape[index->ndim - 1]))
        st = hoop_fail(s->err, HOOP_ESHAPE, "places and values have other samples, dims or channels");
    return st;
}

static hoop_status grad_shape(hoop_shape_call *s)
{
    const pool_attrs *a    = s->attrs;
    const hoop_view  *dy   = s->in[1];
    hoop_status       st   = check_index(s);
    const int         dims = st == HOOP_OK ? dy->ndim - 2 : 0;
    for (int d = 0; d < dims; d++) {
        const int64_t out = hoop__pool_out(s, a, d, a->size[d]);
        if (out < 1) return s->err->status;
        if (out != dy->shape[1 + d] || out != s->in[0]->shape[1 + d])
            return hoop_fail(s->err, HOOP_ESHAPE, "%lld outputs in spatial dim %d, where its windows are %lld",
                             (long long)dy->shape[1 + d], d, (long long)out);
    }
    if (st == HOOP_OK) resized(dy, (hoop_dtype)dy->dtype, a->size, &s->out[0]);
    return st;
}

/* of output o's window, in the padding perhaps */
static int64_t begin_of(const pool_attrs *a, int d, int64_t in, int64_t out, int64_t o)
{
    int64_t n, all;
    return a->adaptive ? hoop__pool_window(a, d, in, out, o, &n, &all) : o * a->stride[d] - a->padding[d];
}

/* which outputs may have a place as their largest: those from the first whose window ends behind it to the last that begins
 * before, padding counted: a dilated window's first place inside need not ascend */
static void reversed(const pool_attrs *a, int d, int64_t in, int64_t out, int32_t *first, int32_t *count)
{
    int64_t low = 0, high = 0;
    for (int64_t i = 0; i < in; i++) {
        const int64_t step = a->adaptive ? 1 : a->dilation[d];
        int64_t       n, all;
        while (low < out && hoop__pool_window(a, d, in, out, low, &n, &all) + (n - 1) * step < i) low++;
        while (high < out && begin_of(a, d, in, out, high) <= i) high++;
        first[i] = (int32_t)low;
        count[i] = (int32_t)(high > low ? high - low : 0);
    }
}

static hoop_windows reversed_of(const hoop_call *c)
{
    hoop_windows w    = {.channels = c->out->shape[c->out->ndim - 1], .step = {1, 1, 1}};
    const int    lead = HOOP_POOL_DIMS - (c->out->ndim - 2);
    int32_t     *to   = c->work;
    sizes_of(c->in[1], w.in);
    sizes_of(c->out, w.out);
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        w.first[d] = to;
        w.count[d] = to + w.out[d];
        if (d < lead) {
            to[0] = 0;
            to[1] = 1;
        } else {
            reversed(c->attrs, d - lead, w.out[d], w.in[d], to, to + w.out[d]);
        }
        to += 2 * w.out[d];
    }
    return w;
}

static void grad_range(const void *ctx, int64_t first, int64_t n)
{
    const max_job   *j = ctx;
    const hoop_call *c = j->c;
    c->kernels->pool->max_pool_grad[c->out->dtype](&j->w, first, n, c->in[0]->data, c->in[1]->data, c->out->data, c->add);
}
static hoop_status grad_forward(const hoop_call *c)
{
    const max_job j    = {c, reversed_of(c)};
    int64_t       taps = 1;
    for (int d = 0; d < HOOP_POOL_DIMS; d++) taps *= 1 + j.w.in[d] / (j.w.out[d] > 0 ? j.w.out[d] : 1);
    share(c, &j.w, 2 * taps, grad_range, &j);
    return HOOP_OK;
}
static void grad_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 1)) hoop_op_call(b->t, &hoop__op_max_pool_take, (hoop_tensor *[]){b->in[0], b->dy[0]}, 2, b->attrs, NULL);
}
static void grad_reference(const hoop_call *c)
{
    const int64_t  n = hoop__view_numel(c->out), channels = c->out->shape[c->out->ndim - 1];
    const int64_t  each  = hoop__view_numel(c->in[0]) / (c->in[0]->shape[0] > 0 ? c->in[0]->shape[0] : 1);
    const int64_t *index = c->in[0]->data;
    memset(c->out->data, 0, (size_t)n * sizeof(double));
    for (int64_t e = 0, all = hoop__view_numel(c->in[0]); e < all; e++) {
        const int64_t to = e / each * (n / c->out->shape[0]) + index[e] * channels + e % channels;
        ((double *)c->out->data)[to] += hoop__at(c->in[1], e);
    }
}

/* of a case's places some may be of other windows: they have no part in them, but for where windows are all there is */
static const pool_attrs grad_all         = {.kernel = {5}, .stride = {1}, .padding = {2}, .dilation = {1}, .size = {5}},
                        grad_3x2         = {.kernel = {1, 1}, .adaptive = 1, .size = {3, 2}},
                        grad_1           = {.kernel = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .size = {1, 1, 1}},
                        grad_0           = {.kernel = {1}, .adaptive = 1, .size = {0}},
                        grad_no_kernel   = {.kernel = {0}, .stride = {1}, .dilation = {1}, .size = {5}},
                        grad_no_stride   = {.kernel = {2}, .stride = {0}, .dilation = {1}, .size = {5}},
                        grad_no_dilation = {.kernel = {2}, .stride = {1}, .dilation = {0}, .size = {5}},
                        grad_wide_pad    = {.kernel = {2}, .stride = {1}, .padding = {2}, .dilation = {1}, .size = {5}};

static const hoop_case grad_cases[] = {
    {"i32:2x1x1x3<6 2x1x1x3", &grad_3x2},
    {"i32:1x1x1x1x17<1 1x1x1x1x17", &grad_1},
    {"i32:0x5x3<5 0x5x3", &grad_all},
    {"i32:2x5x3<3 2x4x3", &grad_all, HOOP_ESHAPE},
    {"i32:2x5x3<3 2x5x4", &grad_all, HOOP_ESHAPE},
    {"i32:2x5x3<3 3x5x3", &grad_all, HOOP_ESHAPE},
    {"i32:2x4x3<3 2x4x3", &grad_all, HOOP_ESHAPE},
    {"i32:2x1x3<1 2x1x3", &grad_0, HOOP_ESHAPE},
    {"i32:5x3<3 5x3", &grad_all, HOOP_ESHAPE},
    {"i32:2x5x3<3 2x5x3", &grad_no_kernel, HOOP_EARG},
    {"i32:2x5x3<3 2x5x3", &grad_no_stride, HOOP_EARG},
    {"i32:2x5x3<3 2x5x3", &grad_no_dilation, HOOP_EARG},
    {"i32:2x5x3<3 2x5x3", &grad_wide_pad, HOOP_EARG},
    {"i64:2x5x3<3 2x5x3", &grad_all, HOOP_EDTYPE},
    {"i32:2x5x3<3 i32:2x5x3<3", &grad_all, HOOP_EDTYPE},
};

const hoop_op hoop__op_max_pool_grad = {
    .name       = "max_pool_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(pool_attrs),
    .fields     = hoop__pool_fields,
    .nfields    = HOOP__POOL_FIELDS,
    .shape      = grad_shape,
    .forward    = grad_forward,
    .workspace  = max_workspace,
    .backward   = grad_backward,
    .reference  = grad_reference,
    HOOP_CASES(grad_cases),
};

/* ---- max_pool_take: index i32 (N, O.., C), x (N, size.., C) -> what x has there ---- */

static hoop_status take_shape(hoop_shape_call *s)
{
    hoop_status st = check_index(s);
    if (st == HOOP_OK && hoop__spatial_dims(s, 1) == 0) st = s->err->status;
    if (st == HOOP_OK) resized(s->in[0], (hoop_dtype)s->in[1]->dtype, s->in[0]->shape + 1, &s->out[0]);
    return st;
}

typedef struct take_job {
    const hoop_call *c;
    int64_t          channels, outs, ins, size; /* elements of a sample; bytes of one */
} take_job;

static void take_range(const void *ctx, int64_t first, int64_t n)
{
    const take_job *j     = ctx;
    const int32_t  *index = j->c->in[0]->data;
    const char     *x     = j->c->in[1]->data;
    char           *y     = j->c->out->data;
    for (int64_t e = first; e < first + n; e++) {
        const int64_t at = e / j->outs * j->ins + index[e] * j->channels + e % j->channels;
        memcpy(y + e * j->size, x + at * j->size, (size_t)j->size);
    }
}
static hoop_status take_forward(const hoop_call *c)
{
    const int64_t  n = hoop__view_numel(c->out), samples = c->out->shape[0] > 0 ? c->out->shape[0] : 1;
    const int32_t *index = c->in[0]->data;
    take_job       j     = {c, c->out->shape[c->out->ndim - 1], n / samples, hoop__view_numel(c->in[1]) / samples,
                            (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype)};
    for (int64_t e = 0; e < n; e++)
        if (index[e] < 0 || index[e] >= j.ins / j.channels)
            return hoop_fail(c->err, HOOP_ERANGE, "place %d of %lld", (int)index[e], (long long)(j.ins / j.channels));
    hoop_threads_share(c->threads, n, 4 * j.size, 64, take_range, &j);
    return HOOP_OK;
}
static void take_backward(hoop_backward_call *b)
{
    pool_attrs a = *(const pool_attrs *)b->attrs;
    for (int d = 0; d + 2 < hoop_tensor_ndim(b->in[1]); d++) a.size[d] = hoop_tensor_size(b->in[1], 1 + d);
    if (hoop_sink(b, 1)) hoop_op_call(b->t, &hoop__op_max_pool_grad, (hoop_tensor *[]){b->in[0], b->dy[0]}, 2, &a, NULL);
}
static void take_reference(const hoop_call *c)
{
    const int64_t  n = hoop__view_numel(c->out), samples = c->out->shape[0] > 0 ? c->out->shape[0] : 1;
    const int64_t  channels = c->out->shape[c->out->ndim - 1], ins = hoop__view_numel(c->in[1]) / samples;
    const int64_t *index = c->in[0]->data;
    for (int64_t e = 0; e < n; e++)
        ((double *)c->out->data)[e] = hoop__at(c->in[1], e / (n / samples) * ins + index[e] * channels + e % channels);
}

static const hoop_case take_cases[] = {
    {"i32:2x1x1x3<6 2x3x2x3", &grad_3x2},
    {"i32:1x1x1x1x17<1 1x1x1x1x17", &grad_1},
    {"i32:0x5x3<5 0x5x3", &grad_all},
    {"i32:2x5x3<3 2x5x4", &grad_all, HOOP_ESHAPE},
    {"i32:2x5x3<3 3x5x3", &grad_all, HOOP_ESHAPE},
    {"i32:5x3<3 5x3", &grad_all, HOOP_ESHAPE},
    {"i32:2x5x3<9 2x1x3", &grad_all, HOOP_ERANGE},
    {"i64:2x5x3<3 2x5x3", &grad_all, HOOP_EDTYPE},
    {"i32:2x5x3<3 i32:2x5x3<3", &grad_all, HOOP_EDTYPE},
};

const hoop_op hoop__op_max_pool_take = {
    .name       = "max_pool_take",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(pool_attrs),
    .fields     = hoop__pool_fields,
    .nfields    = HOOP__POOL_FIELDS,
    .shape      = take_shape,
    .forward    = take_forward,
    .backward   = take_backward,
    .reference  = take_reference,
    HOOP_CASES(take_cases),
};
