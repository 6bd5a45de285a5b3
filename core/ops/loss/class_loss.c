/* class_loss: cross entropy with weights of classes, label smoothing and focusing; what losses of classes with options are made
 * of. */
#include "hoop/ops.h"
#include "kernels/loss.h"
#include "ops/loss/classes.h"
#include "tape/tape.h"

#include <math.h>

extern const hoop_op hoop__op_class_loss, hoop__op_class_loss_grad;

typedef struct class_attrs {
    double smoothing, gamma;
} class_attrs;
static const hoop_field fields[] = {
    {"smoothing", 'f', offsetof(class_attrs, smoothing)},
    {"gamma", 'f', offsetof(class_attrs, gamma)},
};

/**
 * hoop_class_loss - cross entropy with weights of classes, label smoothing and focusing, summed.
 * Shape   logits (..., C), label i64 (...), weight (C) -> () with weight () in f64 = the sum of the labels' weights
 * Value   of a row with label y, n = -log p_y: (1 - smoothing) w_y (1 - p_y)^gamma n + smoothing / C sum_c w_c (-log p_c), and 0
 *         where y is HOOP_IGNORE_LABEL
 * Grad    dlogits: the fused op class_loss_grad; dweight: in primitive ops
 * Dtype   f32, f64                   Errors HOOP_EARG, HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (names the label)
 * Source  Szegedy et al., CVPR 2016 (smoothing); Lin et al., ICCV 2017 (focusing)
 */
hoop_tensor *hoop_class_loss(hoop_tape *t, hoop_tensor *logits, hoop_tensor *label, hoop_tensor *weight, double smoothing,
                             double gamma)
{
    hoop_tensor *out[3], *loss;
    loss = hoop_op_call(t, &hoop__op_class_loss, (hoop_tensor *[]){logits, label, weight}, weight == NULL ? 2 : 3,
                        &(class_attrs){smoothing, gamma}, out);
    if (!hoop_tensor_is_poison(loss)) loss->weight = hoop_retain(t, out[1]);
    return loss;
}
/* of inputs logits, label and, at number w, weight */
static hoop_status check(const hoop_shape_call *s, int w)
{
    const class_attrs *a  = s->attrs;
    hoop_shape_call    in = *s;
    hoop_status        st = hoop__check_logits(&in);
    if (st != HOOP_OK) return st;
    if (!(a->smoothing >= 0.0 && a->smoothing <= 1.0))
        return hoop_fail(s->err, HOOP_EARG, "label smoothing is %g; it is 0 to 1", a->smoothing);
    if (!(a->gamma >= 0.0)) return hoop_fail(s->err, HOOP_EARG, "gamma is %g; it is 0 or more", a->gamma);
    if (s->nin <= w) return HOOP_OK;
    if (s->in[w]->dtype != s->in[0]->dtype) return hoop_fail(s->err, HOOP_EDTYPE, "weights of the logits' dtype are wanted");
    if (s->in[w]->ndim != 1 || s->in[w]->shape[0] != s->in[0]->shape[s->in[0]->ndim - 1])
        return hoop_fail(s->err, HOOP_ESHAPE, "a weight for each of %lld classes is wanted",
                         (long long)s->in[0]->shape[s->in[0]->ndim - 1]);
    return HOOP_OK;
}
static hoop_status shape(hoop_shape_call *s)
{
    hoop_dtype  dtype = (hoop_dtype)s->in[0]->dtype;
    hoop_status st    = check(s, 2);
    if (st != HOOP_OK) return st;
    hoop__view_set(&s->out[0], dtype, 0, NULL);
    hoop__view_set(&s->out[1], HOOP_F64, 0, NULL);
    hoop__view_set(&s->out[2], dtype, s->in[1]->ndim, s->in[1]->shape); /* log-sum-exp by row, for backward */
    return HOOP_OK;
}
static int64_t workspace(const hoop_call *c)
{
    return hoop__view_numel(c->in[1]) * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype); /* a loss of each row */
}
static double weight_at(const hoop_view *w, int64_t c)
{
    if (w == NULL) return 1.0;
    return w->dtype == HOOP_F64 ? ((const double *)w->data)[c] : (double)((const float *)w->data)[c];
}
static hoop_class_opts kernel_options(const hoop_call *c, const hoop_view *w)
{
    const class_attrs *a = c->attrs;
    hoop_class_opts    o = {.smoothing = a->smoothing, .gamma = a->gamma, .weight = w == NULL ? NULL : w->data};
    int64_t            rows;
    hoop__rows(c->in[0], &rows, &o.cols);
    for (int64_t i = 0; i < o.cols; i++) o.total += weight_at(w, i);
    return o;
}
static const hoop_view *weights_of(const hoop_call *c, int w)
{
    return c->nin > w ? c->in[w] : NULL;
}
typedef struct class_work {
    const hoop_call *call;
    hoop_class_opts  options;
} class_work;
static void range(const void *ctx, int64_t first, int64_t n)
{
    const class_work *w     = ctx;
    const hoop_call  *c     = w->call;
    hoop_dtype        dtype = (hoop_dtype)c->out->dtype;
    int64_t           size  = (int64_t)hoop_dtype_size(dtype);
    c->kernels->loss->class_loss[dtype](n, &w->options, (const char *)c->in[0]->data + first * w->options.cols * size,
                                        (const int64_t *)c->in[1]->data + first, (char *)c->out[2].data + first * size,
                                        (char *)c->work + first * size);
}
static hoop_status forward(const hoop_call *c)
{
    const hoop_view *weights = weights_of(c, 2);
    class_work       w       = {c, kernel_options(c, weights)};
    const int64_t   *label   = c->in[1]->data;
    int64_t          rows, cols;
    double           counted = 0.0;
    hoop__rows(c->in[0], &rows, &cols);
    if (hoop__check_labels(c->in[1], cols, c->err) != HOOP_OK) return HOOP_ERANGE;
    hoop_threads_share(c->threads, rows, 2 * hoop__exp_weight(c, cols), 16, range, &w);
    c->kernels->sum_rows[c->out->dtype](1, rows, c->work, rows, c->out[0].data, c->add);
    for (int64_t i = 0; i < rows; i++) counted += label[i] == HOOP_IGNORE_LABEL ? 0.0 : weight_at(weights, label[i]);
    *(double *)c->out[1].data = counted;
    return HOOP_OK;
}

/* what derivatives are made of, of a row's label: (..., 1) unless said */
typedef struct parts {
    hoop_tensor *hot, *counted, *logs, *n, *own; /* (..., C); 1 where it counts; log p (..., C); -log p_y; w_y */
    hoop_tensor *total;                          /* of weights, () */
} parts;
static parts parts_of(hoop_tape *t, hoop_tensor *logits, hoop_tensor *label, hoop_tensor *lse, hoop_tensor *weight)
{
    const unsigned last = 1u << (hoop_tensor_ndim(logits) - 1);
    parts          o    = {.hot = hoop_one_hot(t, label, hoop_tensor_size(logits, -1), hoop_tensor_dtype(logits))};
    hoop_tensor   *pick;
    o.counted = hoop_sum(t, o.hot, last, true);
    lse       = hoop__with_last_dim(t, lse);
    o.logs    = hoop_sub(t, logits, lse);
    pick      = hoop_mul(t, o.hot, o.logs);
    o.n       = hoop_neg(t, hoop_sum(t, pick, last, true));
    o.own     = weight == NULL ? o.counted : hoop_sum(t, hoop_mul(t, o.hot, weight), last, true);
    o.total   = weight == NULL ? hoop_fill(t, hoop_tensor_dtype(logits), 0, NULL, (double)hoop_tensor_size(logits, -1))
                               : hoop_sum(t, weight, 1u, false);
    return o;
}
/* q^gamma, q = 1 - p_y; of rows that do not count 1 - 1 + 1 */
static hoop_tensor *focus(hoop_tape *t, const parts *o, double gamma, hoop_tensor **p, hoop_tensor **q)
{
    hoop_tensor *ignored = hoop_shift(t, hoop_neg(t, o->counted), 1.0), *rest;
    *p                   = hoop_exp(t, hoop_neg(t, o->n));
    rest                 = hoop_shift(t, hoop_neg(t, *p), 1.0);
    *q                   = hoop_add(t, rest, ignored);
    return hoop_exp(t, hoop_scale(t, hoop_log(t, *q), gamma));
}
/* dL/dw_c summed over rows: (1 - smoothing) q^gamma n at the label, smoothing / C times -log p_c */
static void by_weight(hoop_backward_call *b)
{
    const class_attrs *a = b->attrs;
    const parts        o = parts_of(b->t, b->in[0], b->in[1], b->out[2], b->in[2]);
    const int          n = hoop_tensor_ndim(b->in[0]);
    hoop_tensor       *f = o.n, *p, *q, *even, *all;
    if (a->gamma > 0.0) f = hoop_mul(b->t, f, focus(b->t, &o, a->gamma, &p, &q));
    f    = hoop_mul(b->t, o.hot, hoop_scale(b->t, f, 1.0 - a->smoothing));
    even = hoop_mul(b->t, o.logs, hoop_scale(b->t, o.counted, -a->smoothing / (double)hoop_tensor_size(b->in[0], -1)));
    all  = hoop_mul(b->t, hoop_add(b->t, f, even), b->dy[0]);
    if (hoop_sink(b, 2)) hoop_sum(b->t, all, (1u << (n - 1)) - 1u, false);
}
static void backward(hoop_backward_call *b)
{
    hoop_tensor *in[5] = {b->in[0], b->in[1], b->out[2], b->dy[0], b->nin > 2 ? b->in[2] : NULL};
    if (b->dy[0] != NULL && hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_class_loss_grad, in, b->nin + 2, b->attrs, NULL);
    if (b->dy[0] != NULL && b->nin > 2 && hoop_needs(b, 2)) by_weight(b);
    if (b->dy[2] != NULL) hoop__lse_backward(b, b->out[2], b->dy[2]);
}

/* L and, where dx is not NULL, dL/dx of row r by the formulas above */
static double row_reference(const hoop_call *c, int64_t r, const hoop_view *w, double lse, double *dx)
{
    const class_attrs *a     = c->attrs;
    const int64_t      label = (int64_t)hoop__at(c->in[1], r);
    int64_t            rows, cols;
    double             loss = 0.0, total = 0.0, n, own, bend;
    hoop__rows(c->in[0], &rows, &cols);
    for (int64_t i = 0; i < cols && dx != NULL; i++) dx[i] = 0.0;
    if (label == HOOP_IGNORE_LABEL) return 0.0;
    n    = lse - hoop__at(c->in[0], r * cols + label);
    own  = (1.0 - a->smoothing) * (w == NULL ? 1.0 : hoop__at(w, label));
    bend = a->gamma == 0.0 ? 1.0 : pow(1.0 - exp(-n), a->gamma) * (1.0 + a->gamma * n * exp(-n) / (1.0 - exp(-n)));
    for (int64_t i = 0; i < cols; i++) {
        const double wi = w == NULL ? 1.0 : hoop__at(w, i);
        total += wi;
        loss += a->smoothing / (double)cols * wi * (lse - hoop__at(c->in[0], r * cols + i));
    }
    for (int64_t i = 0; i < cols && dx != NULL; i++) {
        const double p = exp(hoop__at(c->in[0], r * cols + i) - lse), wi = w == NULL ? 1.0 : hoop__at(w, i);
        dx[i] = own * bend * (p - (i == label ? 1.0 : 0.0)) + a->smoothing / (double)cols * (total * p - wi);
    }
    return loss + own * pow(1.0 - exp(-n), a->gamma) * n;
}
static double lse_reference(const hoop_view *x, int64_t r, int64_t cols)
{
    double sum = 0.0, largest = -INFINITY;
    for (int64_t i = 0; i < cols; i++) largest = fmax(largest, hoop__at(x, r * cols + i));
    for (int64_t i = 0; i < cols; i++) sum += exp(hoop__at(x, r * cols + i) - largest);
    return largest + log(sum);
}
static void reference(const hoop_call *c)
{
    const hoop_view *w    = weights_of(c, 2);
    double           loss = 0.0, counted = 0.0;
    int64_t          rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    for (int64_t r = 0; r < rows; r++) {
        const double  lse             = lse_reference(c->in[0], r, cols);
        const int64_t label           = (int64_t)hoop__at(c->in[1], r);
        ((double *)c->out[2].data)[r] = lse;
        loss += row_reference(c, r, w, lse, NULL);
        if (label != HOOP_IGNORE_LABEL) counted += w == NULL ? 1.0 : hoop__at(w, label);
    }
    *(double *)c->out[0].data = loss;
    *(double *)c->out[1].data = counted;
}
static const class_attrs plain = {0.0, 0.0}, smooth = {0.1, 0.0}, focal = {0.0, 2.0}, both = {0.3, 0.5}, most = {1.0, 0.0},
                         too_smooth = {1.5, 0.0}, blurred = {0.0, -1.0};
static const hoop_case cases[] = {
    {"3x4 i64:3<4", &plain},
    {"3x4 i64:3<4 4+", &plain},
    {"2x3x5 i64:2x3<5", &smooth},
    {"7x5 i64:7<5 5+", &smooth},
    {"7x5 i64:7<5 5+", &focal},
    {"5x3 i64:5<3 3+", &both},
    {"4x3 i64:4<3", &most},
    {"4 i64:.<4 4+", &both},
    {"3x1 i64:3<1 1+", &smooth},
    {"0x3 i64:0<3 3+", &both},
    {"70x33 i64:70<33 33+", &both},
    {"3x4 i64:4<4", &plain, HOOP_ESHAPE},
    {"3x4 i64:3<4 3+", &plain, HOOP_ESHAPE},
    {"3x4 i64:3<4 3x4+", &plain, HOOP_ESHAPE},
    {"3x4 3", &plain, HOOP_EDTYPE},
    {"3x4 i64:3<4 i64:4<3", &plain, HOOP_EDTYPE},
    {"32x2 i64:32<9", &plain, HOOP_ERANGE},
    {"3x4 i64:3<4", &too_smooth, HOOP_EARG},
    {"3x4 i64:3<4", &blurred, HOOP_EARG},
};

const hoop_op hoop__op_class_loss = {
    .name       = "class_loss",
    .min_in     = 2,
    .max_in     = 3,
    .nout       = 3,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_IN(2) | HOOP_READS_OUT(2),
    .attrs_size = sizeof(class_attrs),
    HOOP_FIELDS(fields),
    .shape     = shape,
    .forward   = forward,
    .workspace = workspace,
    .backward  = backward,
    .reference = reference,
    HOOP_CASES(cases),
};

/* class_loss_grad: (logits, label, lse, dloss (), weight) -> dlogits */
static hoop_status grad_shape(hoop_shape_call *s)
{
    hoop_status st = check(s, 4);
    if (st != HOOP_OK) return st;
    if (s->in[2]->dtype != s->in[0]->dtype || s->in[3]->dtype != s->in[0]->dtype)
        return hoop_fail(s->err, HOOP_EDTYPE, "floats of one dtype are wanted");
    if (!hoop__same_shape(s->in[2], s->in[1]) || s->in[3]->ndim != 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "lse like label and dloss () are wanted");
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}
static void grad_range(const void *ctx, int64_t first, int64_t n)
{
    const class_work *w     = ctx;
    const hoop_call  *c     = w->call;
    hoop_dtype        dtype = (hoop_dtype)c->out->dtype;
    int64_t           size = (int64_t)hoop_dtype_size(dtype), at = first * w->options.cols * size;
    c->kernels->loss->class_loss_grad[dtype](n, &w->options, (const char *)c->in[0]->data + at,
                                             (const int64_t *)c->in[1]->data + first, (const char *)c->in[2]->data + first * size,
                                             weight_at(c->in[3], 0), (char *)c->out->data + at, c->add);
}
static hoop_status grad_forward(const hoop_call *c)
{
    class_work w = {c, kernel_options(c, weights_of(c, 4))};
    int64_t    rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    if (hoop__check_labels(c->in[1], cols, c->err) != HOOP_OK) return HOOP_ERANGE;
    hoop_threads_share(c->threads, rows, 2 * hoop__exp_weight(c, cols), 16, grad_range, &w);
    return HOOP_OK;
}
/* p (own + smoothing / C total) - own hot - smoothing / C w, own = (1 - smoothing) w_y q^gamma (1 + gamma n p_y / q); lse is a
 * function of its own here, as the op takes it */
static hoop_tensor *grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const class_attrs *a    = attrs;
    hoop_tensor       *w    = nin > 4 ? in[4] : NULL;
    const parts        o    = parts_of(t, in[0], in[1], in[2], w);
    const double       even = a->smoothing / (double)hoop_tensor_size(in[0], -1);
    hoop_tensor       *own  = hoop_scale(t, o.own, 1.0 - a->smoothing), *p, *q, *power, *bend, *all, *less, *first;
    if (a->gamma > 0.0) {
        power = focus(t, &o, a->gamma, &p, &q);
        bend  = hoop_div(t, hoop_mul(t, o.n, p), q);
        bend  = hoop_mul(t, power, hoop_shift(t, hoop_scale(t, bend, a->gamma), 1.0));
        own   = hoop_mul(t, own, bend);
    }
    all   = hoop_mul(t, o.counted, hoop_scale(t, o.total, even));
    all   = hoop_add(t, own, all);
    p     = hoop_exp(t, o.logs);
    first = hoop_mul(t, p, all);
    less  = hoop_mul(t, o.hot, own);
    first = hoop_sub(t, first, less);
    less  = hoop_scale(t, o.counted, even);
    if (w != NULL) less = hoop_mul(t, less, w);
    first = hoop_sub(t, first, less);
    return hoop_mul(t, first, in[3]);
}
static void grad_reference(const hoop_call *c)
{
    const hoop_view *w = weights_of(c, 4);
    int64_t          rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    for (int64_t r = 0; r < rows; r++) {
        double *dx = (double *)c->out->data + r * cols;
        (void)row_reference(c, r, w, hoop__at(c->in[2], r), dx);
        for (int64_t i = 0; i < cols; i++) dx[i] *= hoop__at(c->in[3], 0);
    }
}
static const hoop_case grad_cases[] = {
    {"3x4 i64:3<4 3+ .", &plain},
    {"2x3x5 i64:2x3<5 2x3+ .", &smooth},
    {"5x3 i64:5<3 5+ . 3+", &smooth},
    {"0x3 i64:0<3 0 . 3+", &both},
    {"3x4 i64:3<4 3 1", &plain, HOOP_ESHAPE},
    {"3x4 i64:3<4 4 .", &plain, HOOP_ESHAPE},
    {"3x4 i64:3<4 3 . 3+", &plain, HOOP_ESHAPE},
    {"3x4 i64:3<4 3 i64:.<3", &plain, HOOP_EDTYPE},
    {"32x2 i64:32<9 32 .", &plain, HOOP_ERANGE},
    {"3x4 i64:3<4 3 .", &too_smooth, HOOP_EARG},
    {"3x4 i64:3<4 3 .", &blurred, HOOP_EARG},
};

const hoop_op hoop__op_class_loss_grad = {
    .name       = "class_loss_grad",
    .min_in     = 4,
    .max_in     = 5,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES,
    .attrs_size = sizeof(class_attrs),
    HOOP_FIELDS(fields),
    .shape     = grad_shape,
    .forward   = grad_forward,
    .composite = grad_composite,
    .reference = grad_reference,
    HOOP_CASES(grad_cases),
};
