/* layer_norm and rms_norm: rows of the last dims, each by its own statistics; and the fused ops that are their gradients. */
#include "hoop/ops.h"
#include "kernels/norm.h"
#include "ops/norm/norm.h"

#include <math.h>

typedef struct layer_attrs {
    int64_t dims; /* the last ones */
    double  eps;
    int64_t rms; /* of the gradients, too: there is no mean */
} layer_attrs;
static const hoop_field fields[] = {
    {"dims", 'i', offsetof(layer_attrs, dims)},
    {"eps", 'f', offsetof(layer_attrs, eps)},
    {"rms", 'i', offsetof(layer_attrs, rms)},
};

extern const hoop_op hoop__op_layer_norm, hoop__op_rms_norm, hoop__op_layer_norm_grad, hoop__op_layer_norm_weight_grad;

double hoop__norm_eps(double eps, double fallback)
{
    return eps == 0.0 && !signbit(eps) ? fallback : eps;
}

hoop_status hoop__norm_check_eps(hoop_shape_call *s, double eps)
{
    return eps >= 0.0 && eps <= 1e30 ? HOOP_OK : hoop_fail(s->err, HOOP_EARG, "eps is %g; 0 or more is wanted", eps);
}

hoop_status hoop__norm_check_dtypes(hoop_shape_call *s)
{
    hoop_status st = hoop__check_float(s, 0);
    for (int i = 1; i < s->nin && st == HOOP_OK; i++)
        if (s->in[i]->dtype != s->in[0]->dtype) st = hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
    return st;
}

/* rows, and how many numbers each has */
static int64_t row_count(const hoop_view *x, const layer_attrs *a, int64_t *cols)
{
    int64_t rows = 1;
    *cols        = 1;
    for (int d = 0; d < x->ndim; d++) {
        if (d < x->ndim - a->dims)
            rows *= x->shape[d];
        else
            *cols *= x->shape[d];
    }
    return rows;
}

/* input i has the dims of x from `first` on, n of them */
static hoop_status check_part(hoop_shape_call *s, int i, int first, int n, const char *what)
{
    const hoop_view *x = s->in[0], *w = s->in[i];
    for (int d = 0; d < n && w->ndim == n; d++)
        if (w->shape[d] != x->shape[first + d])
            return hoop_fail(s->err, HOOP_ESHAPE, "%s has %lld in dim %d, and the input %lld there", what, (long long)w->shape[d],
                             d, (long long)x->shape[first + d]);
    if (w->ndim == n) return HOOP_OK;
    return hoop_fail(s->err, HOOP_ESHAPE, "%s has %d dims; those of the input from dim %d on are wanted, %d", what, w->ndim,
                     first, n);
}

static hoop_status check_rows(hoop_shape_call *s)
{
    const layer_attrs *a  = s->attrs;
    const hoop_view   *x  = s->in[0];
    hoop_status        st = hoop__norm_check_dtypes(s);
    int64_t            cols;
    if (st == HOOP_OK) st = hoop__norm_check_eps(s, a->eps);
    if (st != HOOP_OK) return st;
    if (a->dims < 1 || a->dims > x->ndim)
        return hoop_fail(s->err, HOOP_ESHAPE, "the last %lld of %d dims; 1 to %d are possible", (long long)a->dims, x->ndim,
                         x->ndim);
    if (row_count(x, a, &cols) > 0 && cols == 0) return hoop_fail(s->err, HOOP_ESHAPE, "rows of no elements have no statistics");
    return HOOP_OK;
}

static hoop_status layer_shape(hoop_shape_call *s)
{
    const layer_attrs *a    = s->attrs;
    const hoop_view   *x    = s->in[0];
    const int          lead = x->ndim - (int)a->dims;
    hoop_status        st   = check_rows(s);
    for (int i = 1; i < s->nin && st == HOOP_OK; i++)
        st = check_part(s, i, lead, (int)a->dims, i == 1 ? "the weight" : "the bias");
    if (st != HOOP_OK) return st;
    hoop__out_like(&s->out[0], x);
    for (int j = 1; j < s->nout; j++) hoop__view_set(&s->out[j], (hoop_dtype)x->dtype, lead, x->shape);
    return HOOP_OK;
}

/* the first n inputs have samples, in a dim that is not normalised; the others have none */
static int rows_samples(const hoop_samples_call *s, int n)
{
    const layer_attrs *a = s->attrs;
    for (int i = 1; i < s->nin; i++)
        if (s->axis[i] != (i < n ? s->axis[0] : -1)) return -1;
    return s->axis[0] < s->in[0]->ndim - a->dims ? s->axis[0] : -1;
}

static int layer_samples(const hoop_samples_call *s)
{
    return rows_samples(s, 1);
}

/* ---- kernels, by threads ---- */

typedef struct rows_job {
    const hoop_call *c;
    int64_t          rows, cols, size;
} rows_job;

static rows_job job_of(const hoop_call *c)
{
    rows_job j = {.c = c, .size = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype)};
    j.rows     = row_count(c->in[0], c->attrs, &j.cols);
    return j;
}

static const void *in_at(const hoop_call *c, int i, int64_t bytes)
{
    return i < c->nin ? (const char *)c->in[i]->data + bytes : NULL;
}
static void *out_at(const hoop_call *c, int j, int64_t bytes)
{
    return (char *)c->out[j].data + bytes;
}

static void layer_range(const void *ctx, int64_t first, int64_t n)
{
    const rows_job    *j  = ctx;
    const hoop_call   *c  = j->c;
    const layer_attrs *a  = c->attrs;
    const int64_t      at = first * j->cols * j->size;
    c->kernels->norm->rows[c->out->dtype](n, j->cols, a->eps, in_at(c, 0, at), in_at(c, 1, 0), in_at(c, 2, 0), out_at(c, 0, at),
                                          a->rms ? NULL : out_at(c, 1, first * j->size),
                                          out_at(c, a->rms ? 1 : 2, first * j->size));
}
static hoop_status layer_forward(const hoop_call *c)
{
    const rows_job j = job_of(c);
    hoop_threads_share(c->threads, j.rows, 2 * j.cols * j.size + 64, 1, layer_range, &j);
    return HOOP_OK;
}

static double row_mean(const hoop_view *x, int64_t r, int64_t cols)
{
    double sum = 0.0;
    for (int64_t i = 0; i < cols; i++) sum += hoop__at(x, r * cols + i);
    return sum / (double)cols;
}
static void layer_reference(const hoop_call *c)
{
    const layer_attrs *a = c->attrs;
    const rows_job     j = job_of(c);
    for (int64_t r = 0; r < j.rows; r++) {
        double mean = a->rms ? 0.0 : row_mean(c->in[0], r, j.cols), squares = 0.0, rstd;
        for (int64_t i = 0; i < j.cols; i++) squares += pow(hoop__at(c->in[0], r * j.cols + i) - mean, 2);
        rstd = 1.0 / sqrt(squares / (double)j.cols + a->eps);
        if (!a->rms) ((double *)c->out[1].data)[r] = mean;
        ((double *)c->out[a->rms ? 1 : 2].data)[r] = rstd;
        for (int64_t i = 0; i < j.cols; i++) {
            double y = (hoop__at(c->in[0], r * j.cols + i) - mean) * rstd * (c->nin > 1 ? hoop__at(c->in[1], i) : 1.0);
            ((double *)c->out->data)[r * j.cols + i] = y + (c->nin > 2 ? hoop__at(c->in[2], i) : 0.0);
        }
    }
}

/* ---- backward ---- */

/* a statistic with dims of size 1 behind it, so that it broadcasts to rows */
static hoop_tensor *over_rows(hoop_tape *t, hoop_tensor *stat, int64_t dims)
{
    int64_t   shape[HOOP_MAX_DIMS];
    const int lead = hoop_tensor_ndim(stat);
    for (int d = 0; d < lead + dims; d++) shape[d] = d < lead ? hoop_tensor_size(stat, d) : 1;
    return hoop_reshape(t, stat, lead + (int)dims, shape);
}

/* x^ = (x - mean) rstd; mean NULL: x rstd */
static hoop_tensor *hat(hoop_tape *t, hoop_tensor *x, hoop_tensor *mean, hoop_tensor *rstd, int64_t dims)
{
    if (mean != NULL) mean = over_rows(t, mean, dims);
    if (mean != NULL) x = hoop_sub(t, x, mean);
    rstd = over_rows(t, rstd, dims);
    return hoop_mul(t, x, rstd);
}

static unsigned last_dims(const hoop_tensor *x, int64_t dims)
{
    return ((1u << dims) - 1) << (hoop_tensor_ndim(x) - (int)dims);
}

/* what the gradients of mean and rstd, outputs of their own, give: dmean / n, - drstd rstd^2 x^ / n */
static void statistics_backward(hoop_backward_call *b)
{
    const layer_attrs *a    = b->attrs;
    const int          last = a->rms ? 1 : 2;
    hoop_tensor       *x = b->in[0], *mean = a->rms ? NULL : b->out[1], *rstd = b->out[last], *g, *h;
    int64_t            cols;
    if (!hoop_needs(b, 0)) return;
    (void)row_count(hoop_tensor_view(x), a, &cols);
    if (!a->rms && b->dy[1] != NULL) {
        g = hoop_scale(b->t, b->dy[1], 1.0 / (double)cols);
        g = over_rows(b->t, g, a->dims);
        if (hoop_sink(b, 0)) hoop_expand(b->t, g, hoop_tensor_ndim(x), hoop_tensor_shape(x));
    }
    if (b->dy[last] != NULL) {
        h = hat(b->t, x, mean, rstd, a->dims);
        g = hoop_mul(b->t, rstd, rstd);
        g = hoop_mul(b->t, g, b->dy[last]);
        g = hoop_scale(b->t, g, -1.0 / (double)cols);
        g = over_rows(b->t, g, a->dims);
        if (hoop_sink(b, 0)) hoop_mul(b->t, g, h);
    }
}

static void layer_backward(hoop_backward_call *b)
{
    const layer_attrs *a  = b->attrs;
    hoop_tensor       *dy = b->dy[0], *in[5] = {b->in[0], dy, b->out[1]};
    int                n = 3;
    if (!a->rms) in[n++] = b->out[2];
    if (b->nin > 1) in[n] = b->in[1];
    if (dy != NULL && hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_layer_norm_grad, in, n + (b->nin > 1), a, NULL);
    if (dy != NULL && b->nin > 1 && hoop_sink(b, 1)) hoop_op_call(b->t, &hoop__op_layer_norm_weight_grad, in, n, a, NULL);
    if (dy != NULL && b->nin > 2) hoop_pass(b, 2, dy);
    statistics_backward(b);
}

static const layer_attrs one = {1, 1e-5, 0}, two = {2, 1e-5, 0}, wide_eps = {1, 0.5, 0}, rms_one = {1, 1e-5, 1},
                         rms_two = {2, 0.1, 1}, no_dims = {0, 1e-5, 0}, rms_below = {1, -1.0, 1}, rms_no_dims = {0, 1e-5, 1},
                         many_dims = {3, 1e-5, 0}, below = {1, -1.0, 0};

static const hoop_case layer_cases[] = {
    {"3x4 4 4", &one},
    {"2x3x5 5", &one},
    {"2x3x5 3x5 3x5", &two},
    {"7x67", &wide_eps},
    {"5x1 1 1", &wide_eps},
    {"4 4", &one},
    {"3x129 129 129", &one},
    {"0x3 3 3", &one},
    {"3x4 4 4", &no_dims, HOOP_ESHAPE},
    {"3x4 4 4", &many_dims, HOOP_ESHAPE},
    {"3x4 4 4", &below, HOOP_EARG},
    {"3x0 0 0", &one, HOOP_ESHAPE},
    {"3x4 3 4", &one, HOOP_ESHAPE},
    {"3x4 4 3x4", &one, HOOP_ESHAPE},
    {"3x4 i64:4<3", &one, HOOP_EDTYPE},
    {"i64:3x4<3", &one, HOOP_EDTYPE},
};
static const hoop_case rms_cases[] = {
    {"3x4 4", &rms_one},
    {"2x3x5 3x5", &rms_two},
    {"7x67", &rms_one},
    {"5x1 1", &rms_one},
    {"0x3 3", &rms_one},
    {"3x0 0", &rms_one, HOOP_ESHAPE},
    {"3x4 3", &rms_one, HOOP_ESHAPE},
    {"3x4 4", &rms_below, HOOP_EARG},
    {"3x4 4", &rms_no_dims, HOOP_ESHAPE},
    {"3x4 i64:4<3", &rms_one, HOOP_EDTYPE},
};

/**
 * hoop_layer_norm - (x - mean) / sqrt(variance + eps) w + b over the last dims, statistics of each row's own.
 * Shape   x (..., D..), D.. the last `dims` dims, w (D..) or NULL, b (D..) or NULL -> y as x; eps 0: 1e-5 (HOOP_ZERO: none)
 * Grad    dx += rstd (g - mean(g) - x^ mean(g x^)), g = dy w, x^ = (x - mean) rstd; dw += sum dy x^, db += sum dy over rows
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (eps)
 * Source  Ba, Kiros & Hinton, arXiv 1607.06450
 */
hoop_tensor *hoop_layer_norm(hoop_tape *t, hoop_tensor *x, int dims, hoop_tensor *w, hoop_tensor *b, double eps)
{
    const layer_attrs a = {dims, hoop__norm_eps(eps, 1e-5), 0};
    hoop_tensor      *y;
    if (w != NULL || b == NULL)
        return hoop_op_call(t, &hoop__op_layer_norm, (hoop_tensor *[]){x, w, b}, 1 + (w != NULL) + (b != NULL), &a, NULL);
    y = hoop_op_call(t, &hoop__op_layer_norm, &x, 1, &a, NULL);
    return hoop_add(t, y, b);
}

const hoop_op hoop__op_layer_norm = {
    .name       = "layer_norm",
    .min_in     = 1,
    .max_in     = 3,
    .nout       = 3,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_OUT(1) | HOOP_READS_OUT(2),
    .attrs_size = sizeof(layer_attrs),
    HOOP_FIELDS(fields),
    .shape     = layer_shape,
    .forward   = layer_forward,
    .backward  = layer_backward,
    .reference = layer_reference,
    .samples   = layer_samples,
    HOOP_CASES(layer_cases),
};

/**
 * hoop_rms_norm - x / sqrt(mean(x^2) + eps) w over the last dims.
 * Shape   x (..., D..), D.. the last `dims` dims, w (D..) or NULL -> y as x; eps 0: the dtype's epsilon (HOOP_ZERO: none)
 * Grad    dx += rstd (g - x^ mean(g x^)), g = dy w, x^ = x rstd; dw += sum of dy x^ over rows
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (eps)
 * Source  Zhang & Sennrich, NeurIPS 2019
 */
hoop_tensor *hoop_rms_norm(hoop_tape *t, hoop_tensor *x, int dims, hoop_tensor *w, double eps)
{
    const bool        f32 = x != NULL && hoop_tensor_dtype(x) == HOOP_F32;
    const layer_attrs a   = {dims, hoop__norm_eps(eps, f32 ? 0x1p-23 : 0x1p-52), 1};
    return hoop_op_call(t, &hoop__op_rms_norm, (hoop_tensor *[]){x, w}, w == NULL ? 1 : 2, &a, NULL);
}

const hoop_op hoop__op_rms_norm = {
    .name       = "rms_norm",
    .min_in     = 1,
    .max_in     = 2,
    .nout       = 2,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_OUT(1),
    .attrs_size = sizeof(layer_attrs),
    HOOP_FIELDS(fields),
    .shape     = layer_shape,
    .forward   = layer_forward,
    .backward  = layer_backward,
    .reference = layer_reference,
    .samples   = layer_samples,
    HOOP_CASES(rms_cases),
};

/* layer_norm_grad: x, dy (..., D..), mean (...) unless rms, rstd (...), w (D..) or none -> dx */
static hoop_status grad_shape(hoop_shape_call *s)
{
    const layer_attrs *a    = s->attrs;
    const hoop_view   *x    = s->in[0];
    const int          lead = x->ndim - (int)a->dims, stats = a->rms ? 3 : 4;
    hoop_status        st = check_rows(s);
    if (st == HOOP_OK) st = check_part(s, 1, 0, x->ndim, "dy");
    for (int i = 2; i < stats && st == HOOP_OK; i++)
        st = i < s->nin ? check_part(s, i, 0, lead, "a statistic") : hoop_fail(s->err, HOOP_EARG, "mean and rstd are wanted");
    if (st == HOOP_OK && s->nin > stats) st = check_part(s, stats, lead, (int)a->dims, "the weight");
    hoop__out_like(&s->out[0], x);
    return st;
}

static void grad_range(const void *ctx, int64_t first, int64_t n)
{
    const rows_job    *j  = ctx;
    const hoop_call   *c  = j->c;
    const layer_attrs *a  = c->attrs;
    const int64_t      at = first * j->cols * j->size, stat = first * j->size;
    c->kernels->norm->rows_grad[c->out->dtype](n, j->cols, in_at(c, 0, at), in_at(c, 1, at), a->rms ? NULL : in_at(c, 2, stat),
                                               in_at(c, a->rms ? 2 : 3, stat), in_at(c, a->rms ? 3 : 4, 0), out_at(c, 0, at),
                                               c->add);
}
static hoop_status grad_forward(const hoop_call *c)
{
    const rows_job j = job_of(c);
    hoop_threads_share(c->threads, j.rows, 3 * j.cols * j.size + 64, 1, grad_range, &j);
    return HOOP_OK;
}
static int grad_samples(const hoop_samples_call *s)
{
    return rows_samples(s, ((const layer_attrs *)s->attrs)->rms ? 3 : 4);
}
static hoop_tensor *grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const layer_attrs *a    = attrs;
    hoop_tensor       *mean = a->rms ? NULL : in[2], *rstd = in[a->rms ? 2 : 3], *g = in[1], *h, *p, *r;
    const int          w    = a->rms ? 3 : 4;
    const unsigned     dims = last_dims(in[0], a->dims);
    if (nin > w) g = hoop_mul(t, g, in[w]);
    h = hat(t, in[0], mean, rstd, a->dims);
    p = hoop_mul(t, g, h);
    p = hoop_mean(t, p, dims, true);
    p = hoop_mul(t, h, p);
    r = hoop_sub(t, g, p);
    if (mean != NULL) {
        p = hoop_mean(t, g, dims, true);
        r = hoop_sub(t, r, p);
    }
    rstd = over_rows(t, rstd, a->dims);
    return hoop_mul(t, r, rstd);
}
static void grad_reference(const hoop_call *c)
{
    const layer_attrs *a = c->attrs;
    const rows_job     j = job_of(c);
    const int          w = a->rms ? 3 : 4;
    for (int64_t r = 0; r < j.rows; r++) {
        double mean = a->rms ? 0.0 : hoop__at(c->in[2], r), rstd = hoop__at(c->in[a->rms ? 2 : 3], r), sum = 0.0, product = 0.0;
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t i = 0; i < j.cols; i++) {
                double x = (hoop__at(c->in[0], r * j.cols + i) - mean) * rstd;
                double g = hoop__at(c->in[1], r * j.cols + i) * (c->nin > w ? hoop__at(c->in[w], i) : 1.0);
                if (pass == 0) {
                    sum += a->rms ? 0.0 : g / (double)j.cols;
                    product += g * x / (double)j.cols;
                } else {
                    ((double *)c->out->data)[r * j.cols + i] = rstd * (g - sum - x * product);
                }
            }
        }
    }
}

static const hoop_case grad_cases[] = {
    {"3x4 3x4 3 3+ 4", &one},
    {"2x3x5 2x3x5 2x3 2x3+", &one},
    {"2x3x5 2x3x5 2 2+ 3x5", &two},
    {"3x67 3x67 3+ 67", &rms_one},
    {"5x1 5x1 5 5+", &one},
    {"0x3 0x3 0 0+ 3", &one},
    {"3x4 3x5 3 3+ 4", &one, HOOP_ESHAPE},
    {"3x4 3x4 4 3+ 4", &one, HOOP_ESHAPE},
    {"3x4 3x4 3 3+ 3", &one, HOOP_ESHAPE},
    {"3x4 3x4 3", &one, HOOP_EARG},
    {"3x4 3x4 3 i64:3<2", &one, HOOP_EDTYPE},
    {"3x4 3x4 3 3 4", &below, HOOP_EARG},
    {"3x4 3x4 3 3 4", &no_dims, HOOP_ESHAPE},
};

const hoop_op hoop__op_layer_norm_grad = {
    .name       = "layer_norm_grad",
    .min_in     = 3,
    .max_in     = 5,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(layer_attrs),
    HOOP_FIELDS(fields),
    .shape     = grad_shape,
    .forward   = grad_forward,
    .composite = grad_composite,
    .reference = grad_reference,
    .samples   = grad_samples,
    HOOP_CASES(grad_cases),
};

/* layer_norm_weight_grad: x, dy (..., D..), mean (...) unless rms, rstd (...) -> dw (D..) */
static hoop_status weight_shape(hoop_shape_call *s)
{
    const layer_attrs *a  = s->attrs;
    const hoop_view   *x  = s->in[0];
    hoop_status        st = grad_shape(s);
    if (st == HOOP_OK) hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, (int)a->dims, x->shape + x->ndim - a->dims);
    if (st == HOOP_OK && s->nin > (a->rms ? 3 : 4))
        st = hoop_fail(s->err, HOOP_EARG, "%d inputs: a weight is not wanted", s->nin);
    return st;
}
static void weight_range(const void *ctx, int64_t first, int64_t n)
{
    const rows_job    *j  = ctx;
    const hoop_call   *c  = j->c;
    const layer_attrs *a  = c->attrs;
    const int64_t      at = first * j->size;
    c->kernels->norm->weight_grad[c->out->dtype](j->rows, n, j->cols, in_at(c, 0, at), in_at(c, 1, at),
                                                 a->rms ? NULL : in_at(c, 2, 0), in_at(c, a->rms ? 2 : 3, 0), out_at(c, 0, at),
                                                 c->add);
}
static hoop_status weight_forward(const hoop_call *c)
{
    const rows_job j = job_of(c);
    hoop_threads_share(c->threads, j.cols, 3 * j.rows * j.size + 1, 64, weight_range, &j);
    return HOOP_OK;
}
static hoop_tensor *weight_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const layer_attrs *a = attrs;
    hoop_tensor       *h = hat(t, in[0], a->rms ? NULL : in[2], in[a->rms ? 2 : 3], a->dims), *p;
    const int          n = hoop_tensor_ndim(h);
    (void)nin;
    p = hoop_mul(t, in[1], h);
    return hoop_sum_to(t, p, (int)a->dims, hoop_tensor_shape(h) + n - a->dims);
}
static void weight_reference(const hoop_call *c)
{
    const layer_attrs *a = c->attrs;
    const rows_job     j = job_of(c);
    for (int64_t i = 0; i < j.cols; i++) {
        double sum = 0.0;
        for (int64_t r = 0; r < j.rows; r++) {
            double mean = a->rms ? 0.0 : hoop__at(c->in[2], r), rstd = hoop__at(c->in[a->rms ? 2 : 3], r);
            sum += hoop__at(c->in[1], r * j.cols + i) * (hoop__at(c->in[0], r * j.cols + i) - mean) * rstd;
        }
        ((double *)c->out->data)[i] = sum;
    }
}

static const hoop_case weight_cases[] = {
    {"3x4 3x4 3 3+", &one},
    {"2x3x5 2x3x5 2 2+", &two},
    {"70x3 70x3 70+", &rms_one},
    {"1x259 1x259 1 1+", &one},
    {"0x3 0x3 0 0+", &one},
    {"3x4 3x5 3 3+", &one, HOOP_ESHAPE},
    {"3x4 3x4 3 4+", &one, HOOP_ESHAPE},
    {"3x4 3x4 3 3 4", &one, HOOP_EARG},
    {"3x4 3x4 3 3", &below, HOOP_EARG},
    {"3x4 3x4 3 3", &no_dims, HOOP_ESHAPE},
    {"3x4 3x4 3 i64:3<2", &one, HOOP_EDTYPE},
};

const hoop_op hoop__op_layer_norm_weight_grad = {
    .name       = "layer_norm_weight_grad",
    .min_in     = 3,
    .max_in     = 5,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES,
    .attrs_size = sizeof(layer_attrs),
    HOOP_FIELDS(fields),
    .shape     = weight_shape,
    .forward   = weight_forward,
    .composite = weight_composite,
    .reference = weight_reference,
    HOOP_CASES(weight_cases),
};
