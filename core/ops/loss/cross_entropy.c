/* cross_entropy (fused with log_softmax) and its gradient. */
#include "hoop/ops.h"
#include "ops/loss/classes.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

extern const hoop_op hoop__op_cross_entropy, hoop__op_cross_entropy_grad;

_Static_assert(HOOP_IGNORE_LABEL == HOOP_IGNORE_LABEL_VALUE, "the label that ops and kernels ignore is one");

/**
 * hoop_cross_entropy - minus the log-probability of the label, summed.
 * Shape   logits (..., C), label i64 (...) -> () with weight () in f64 = labels that are not HOOP_IGNORE_LABEL
 * Value   sum of log sum e^x - x[label]
 * Grad    dlogits += dy (softmax(x) - one_hot(label)), 0 for ignored rows: the fused op cross_entropy_grad
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (names the label)
 */
hoop_tensor *hoop_cross_entropy(hoop_tape *t, hoop_tensor *logits, hoop_tensor *label)
{
    hoop_tensor *out[3];
    hoop_tensor *loss = hoop_op_call(t, &hoop__op_cross_entropy, (hoop_tensor *[]){logits, label}, 2, NULL, out);
    if (!hoop_tensor_is_poison(loss)) loss->weight = hoop_retain(t, out[1]);
    return loss;
}
hoop_status hoop__check_logits(hoop_shape_call *s)
{
    hoop_view x = *s->in[0];
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (s->in[1]->dtype != HOOP_I64) return hoop_fail(s->err, HOOP_EDTYPE, "labels are i64 (hoop_cast)");
    if (x.ndim < 1 || x.shape[x.ndim - 1] < 1) return hoop_fail(s->err, HOOP_ESHAPE, "logits (..., classes) are wanted");
    x.ndim--;
    if (!hoop__same_shape(&x, s->in[1])) return hoop_fail(s->err, HOOP_ESHAPE, "labels for each row of logits are wanted");
    return HOOP_OK;
}
static hoop_status cross_entropy_shape(hoop_shape_call *s)
{
    hoop_dtype  dtype = (hoop_dtype)s->in[0]->dtype;
    hoop_status st    = hoop__check_logits(s);
    if (st != HOOP_OK) return st;
    hoop__view_set(&s->out[0], dtype, 0, NULL);
    hoop__view_set(&s->out[1], HOOP_F64, 0, NULL);                      /* f32 counts to 2^24 only */
    hoop__view_set(&s->out[2], dtype, s->in[1]->ndim, s->in[1]->shape); /* log-sum-exp by row, for backward */
    return HOOP_OK;
}
static int64_t cross_entropy_workspace(const hoop_call *c)
{
    return hoop__view_numel(c->in[1]) * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype); /* a loss of each row */
}
/* (n, C), (n) -> lse (n), losses (n) */
static void cross_entropy_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c     = ctx;
    hoop_dtype       dtype = (hoop_dtype)c->out->dtype;
    int64_t          size  = (int64_t)hoop_dtype_size(dtype), rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    c->kernels->cross_entropy[dtype](n, cols, (const char *)c->in[0]->data + first * cols * size,
                                     (const int64_t *)c->in[1]->data + first, (char *)c->out[2].data + first * size,
                                     (char *)c->work + first * size);
}
static hoop_status cross_entropy_forward(const hoop_call *c)
{
    hoop_dtype     dtype = (hoop_dtype)c->out->dtype;
    const int64_t *label = c->in[1]->data;
    int64_t        rows, cols, counted = 0;
    hoop__rows(c->in[0], &rows, &cols);
    if (hoop__check_labels(c->in[1], cols, c->err) != HOOP_OK) return HOOP_ERANGE;
    hoop_threads_share(c->threads, rows, hoop__exp_weight(c, cols), 16, cross_entropy_range, c);
    c->kernels->sum_rows[dtype](1, rows, c->work, rows, c->out[0].data, c->add);
    for (int64_t i = 0; i < rows; i++) counted += label[i] != HOOP_IGNORE_LABEL;
    *(double *)c->out[1].data = (double)counted;
    return HOOP_OK;
}
hoop_tensor *hoop__with_last_dim(hoop_tape *t, hoop_tensor *x)
{
    int     ndim = hoop_tensor_ndim(x);
    int64_t shape[HOOP_MAX_DIMS];
    memcpy(shape, hoop_tensor_shape(x), sizeof shape);
    shape[ndim] = 1;
    return hoop_reshape(t, x, ndim + 1, shape);
}
/* d lse / dx = softmax(x) */
void hoop__lse_backward(hoop_backward_call *b, hoop_tensor *lse, hoop_tensor *dlse)
{
    hoop_tensor *off, *p;
    if (!hoop_needs(b, 0)) return;
    lse  = hoop__with_last_dim(b->t, lse);
    dlse = hoop__with_last_dim(b->t, dlse); /* (..., 1) */
    off  = hoop_sub(b->t, b->in[0], lse);
    p    = hoop_exp(b->t, off); /* (..., C) */
    if (hoop_sink(b, 0)) hoop_mul(b->t, p, dlse);
}
static void cross_entropy_backward(hoop_backward_call *b)
{
    if (b->dy[0] != NULL && hoop_sink(b, 0)) {
        hoop_op_call(b->t, &hoop__op_cross_entropy_grad, (hoop_tensor *[]){b->in[0], b->in[1], b->out[2], b->dy[0]}, 4, NULL,
                     NULL);
    }
    if (b->dy[2] != NULL) hoop__lse_backward(b, b->out[2], b->dy[2]);
}
static void cross_entropy_reference(const hoop_call *c)
{
    int64_t rows, cols;
    double  loss = 0.0, weight = 0.0;
    hoop__rows(c->in[0], &rows, &cols);
    for (int64_t r = 0; r < rows; r++) {
        double  sum = 0.0, largest = -INFINITY;
        int64_t label = (int64_t)hoop__at(c->in[1], r);
        for (int64_t i = 0; i < cols; i++) largest = fmax(largest, hoop__at(c->in[0], r * cols + i));
        for (int64_t i = 0; i < cols; i++) sum += exp(hoop__at(c->in[0], r * cols + i) - largest);
        ((double *)c->out[2].data)[r] = largest + log(sum);
        if (label == HOOP_IGNORE_LABEL) continue;
        loss += largest + log(sum) - hoop__at(c->in[0], r * cols + label);
        weight += 1.0;
    }
    *(double *)c->out[0].data = loss;
    *(double *)c->out[1].data = weight;
}
static const hoop_case cases[] = {
    {"3x4 i64:3<4"},
    {"2x3x5 i64:2x3<5"},
    {"4 i64:.<4"},
    {"0x3 i64:0<3"},
    {"70x33 i64:70<33"},
    {"3x4 i64:4<4", NULL, HOOP_ESHAPE},
    {"3x4 3", NULL, HOOP_EDTYPE},
    {"32x2 i64:32<9", NULL, HOOP_ERANGE},
};

const hoop_op hoop__op_cross_entropy = {
    .name      = "cross_entropy",
    .min_in    = 2,
    .max_in    = 2,
    .nout      = 3,
    .reads     = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_OUT(2),
    .shape     = cross_entropy_shape,
    .forward   = cross_entropy_forward,
    .workspace = cross_entropy_workspace,
    .backward  = cross_entropy_backward,
    .reference = cross_entropy_reference,
    HOOP_CASES(cases),
};

/* cross_entropy_grad: (logits, label, lse, dloss ()) -> dlogits */
static hoop_status cross_entropy_grad_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__check_logits(s);
    if (st != HOOP_OK) return st;
    if (s->in[2]->dtype != s->in[0]->dtype || s->in[3]->dtype != s->in[0]->dtype)
        return hoop_fail(s->err, HOOP_EDTYPE, "floats of one dtype are wanted");
    if (!hoop__same_shape(s->in[2], s->in[1]) || s->in[3]->ndim != 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "lse like label and dloss () are wanted");
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}
static void cross_entropy_grad_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c     = ctx;
    int64_t          size  = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype), rows, cols;
    double           scale = c->out->dtype == HOOP_F32 ? (double)*(const float *)c->in[3]->data : *(const double *)c->in[3]->data;
    hoop__rows(c->in[0], &rows, &cols);
    c->kernels->cross_entropy_grad[c->out->dtype](
        n, cols, (const char *)c->in[0]->data + first * cols * size, (const int64_t *)c->in[1]->data + first,
        (const char *)c->in[2]->data + first * size, scale, (char *)c->out->data + first * cols * size, c->add);
}
static hoop_status cross_entropy_grad_forward(const hoop_call *c)
{
    int64_t rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    if (hoop__check_labels(c->in[1], cols, c->err) != HOOP_OK) return HOOP_ERANGE;
    hoop_threads_share(c->threads, rows, hoop__exp_weight(c, cols), 16, cross_entropy_grad_range, c);
    return HOOP_OK;
}
/* of the logits and dloss: e^(x - lse) - one_hot, ignored rows masked. lse is a function of its own here, as the op takes it. */
static hoop_tensor *cross_entropy_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    int          ndim    = hoop_tensor_ndim(in[0]);
    hoop_tensor *hot     = hoop_one_hot(t, in[1], hoop_tensor_size(in[0], -1), hoop_tensor_dtype(in[0])); /* (..., C) */
    hoop_tensor *counted = hoop_sum(t, hot, 1u << (ndim - 1), true);                                      /* (..., 1) */
    hoop_tensor *lse     = hoop__with_last_dim(t, in[2]);                                                 /* (..., 1) */
    hoop_tensor *off = hoop_sub(t, in[0], lse), *p = hoop_exp(t, off);                                    /* (..., C) */
    hoop_tensor *masked = hoop_mul(t, p, counted), *slope = hoop_sub(t, masked, hot);                     /* (..., C) */
    (void)nin, (void)attrs;
    return hoop_mul(t, slope, in[3]);
}
static void cross_entropy_grad_reference(const hoop_call *c)
{
    int64_t rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    for (int64_t i = 0; i < rows * cols; i++) {
        int64_t label = (int64_t)hoop__at(c->in[1], i / cols);
        double  p     = exp(hoop__at(c->in[0], i) - hoop__at(c->in[2], i / cols));
        ((double *)c->out->data)[i] =
            label == HOOP_IGNORE_LABEL ? 0.0 : *(const double *)c->in[3]->data * (p - (i % cols == label ? 1.0 : 0.0));
    }
}
static const hoop_case grad_cases[] = {
    {"3x4 i64:3<4 3 ."},
    {"2x3x5 i64:2x3<5 2x3 ."},
    {"0x3 i64:0<3 0 ."},
    {"3x4 i64:3<4 3 1", NULL, HOOP_ESHAPE},
    {"3x4 3 3 .", NULL, HOOP_EDTYPE},
    {"32x2 i64:32<9 32 .", NULL, HOOP_ERANGE},
};

const hoop_op hoop__op_cross_entropy_grad = {
    .name      = "cross_entropy_grad",
    .min_in    = 4,
    .max_in    = 4,
    .nout      = 1,
    .flags     = HOOP_OP_ACCUMULATES,
    .shape     = cross_entropy_grad_shape,
    .forward   = cross_entropy_grad_forward,
    .composite = cross_entropy_grad_composite,
    .reference = cross_entropy_grad_reference,
    HOOP_CASES(grad_cases),
};
