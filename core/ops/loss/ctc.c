/* ctc: connectionist temporal classification, sample by sample, and its gradient. */
#include "hoop/ops.h"
#include "kernels/loss.h"
#include "ops/shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const hoop_op hoop__op_ctc, hoop__op_ctc_grad;

typedef struct ctc_attrs {
    int64_t blank;
    int     zero_infinity, by_length;
} ctc_attrs;
static const hoop_field fields[] = {
    {"blank", 'i', offsetof(ctc_attrs, blank)},
    {"zero_infinity", 'n', offsetof(ctc_attrs, zero_infinity)},
    {"by_length", 'n', offsetof(ctc_attrs, by_length)},
};

/**
 * hoop_ctc - minus the log of the probability of label sequences under all alignments to frames.
 * Shape   logits (n, T, C), label i64 (n, S), frames i64 (n) or NULL -> (n)
 * Value   -log sum over paths that become the labels once repeats are joined and blanks left out of prod_t softmax(logits)_t;
 *         infinite where the frames do not suffice, then 0 with zero_infinity; by_length: divided by max(labels, 1)
 * Grad    dlogits += dy (softmax - the share of paths in each class), by forward and backward sums: the op ctc_grad; no second
 * Dtype   f32, f64; sums are of f64      Errors HOOP_EARG, HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (names the label, the frames)
 * Source  Graves et al., ICML 2006
 */
hoop_tensor *hoop_ctc(hoop_tape *t, hoop_tensor *logits, hoop_tensor *label, hoop_tensor *frames, int64_t blank,
                      bool zero_infinity, bool by_length)
{
    return hoop_op_call(t, &hoop__op_ctc, (hoop_tensor *[]){logits, label, frames}, frames == NULL ? 2 : 3,
                        &(ctc_attrs){blank, zero_infinity, by_length}, NULL);
}

/* of inputs logits, label and, at number f, frames */
static hoop_status check(const hoop_shape_call *s, int f)
{
    const hoop_view *x = s->in[0], *label = s->in[1];
    const ctc_attrs *a = s->attrs;
    if (!hoop_dtype_is_float((hoop_dtype)x->dtype) || label->dtype != HOOP_I64 || (s->nin > f && s->in[f]->dtype != HOOP_I64))
        return hoop_fail(s->err, HOOP_EDTYPE, "logits of floats, labels and frames i64 are wanted (hoop_cast)");
    if (x->ndim != 3 || label->ndim != 2 || label->shape[0] != x->shape[0])
        return hoop_fail(s->err, HOOP_ESHAPE, "logits (n, frames, classes) and labels (n, most) are wanted");
    if (s->nin > f && (s->in[f]->ndim != 1 || s->in[f]->shape[0] != x->shape[0]))
        return hoop_fail(s->err, HOOP_ESHAPE, "a number of frames for each of %lld samples is wanted", (long long)x->shape[0]);
    if (a->blank < 0 || a->blank >= x->shape[2])
        return hoop_fail(s->err, HOOP_EARG, "blank is class %lld, and there are %lld", (long long)a->blank,
                         (long long)x->shape[2]);
    return HOOP_OK;
}
static hoop_status shape(hoop_shape_call *s)
{
    hoop_status st = check(s, 2);
    if (st == HOOP_OK) hoop__view_set(&s->out[0], (hoop_dtype)s->in[0]->dtype, 1, s->in[0]->shape);
    return st;
}

/* labels of sample i: those before the first that is HOOP_IGNORE_LABEL */
static int64_t labels_of(const hoop_view *label, int64_t i)
{
    const int64_t  most = label->shape[1];
    const int64_t *v    = (const int64_t *)label->data + i * most;
    int64_t        n    = 0;
    while (n < most && v[n] != HOOP_IGNORE_LABEL) n++;
    return n;
}
static int64_t frames_of(const hoop_call *c, int f, int64_t i)
{
    return c->nin > f ? ((const int64_t *)c->in[f]->data)[i] : c->in[0]->shape[1];
}
static hoop_status check_values(const hoop_call *c, int f)
{
    const ctc_attrs *a = c->attrs;
    const int64_t    n = c->in[0]->shape[0], most = c->in[1]->shape[1], classes = c->in[0]->shape[2];
    for (int64_t i = 0; i < n; i++) {
        const int64_t *v = (const int64_t *)c->in[1]->data + i * most, labels = labels_of(c->in[1], i),
                      frames = frames_of(c, f, i);
        for (int64_t k = 0; k < labels; k++)
            if (v[k] < 0 || v[k] >= classes || v[k] == a->blank)
                return hoop_fail(c->err, HOOP_ERANGE, "label %lld of sample %lld is not between 0 and %lld, or the blank, %lld",
                                 (long long)v[k], (long long)i, (long long)classes - 1, (long long)a->blank);
        if (frames < 0 || frames > c->in[0]->shape[1])
            return hoop_fail(c->err, HOOP_ERANGE, "sample %lld has %lld frames, and there are %lld", (long long)i,
                             (long long)frames, (long long)c->in[0]->shape[1]);
    }
    return HOOP_OK;
}

/* Samples run in groups of a few a thread, each in a room of its own. */
static int64_t room_of(const hoop_call *c)
{
    return (hoop_ctc_work(c->in[0]->shape[1], c->in[1]->shape[1]) + 7) / 8 * 8;
}
static int64_t group_of(const hoop_call *c)
{
    const int64_t n = c->in[0]->shape[0], most = 2 * (int64_t)hoop_threads_count(c->threads);
    return n < most ? n : most;
}
static int64_t workspace(const hoop_call *c)
{
    return room_of(c) * group_of(c) * (int64_t)sizeof(double);
}
typedef struct group {
    const hoop_call *call;
    int64_t          first; /* of its samples */
} group;
static void run_groups(const hoop_call *c, int64_t weight, hoop_range_fn *fn)
{
    const int64_t n = c->in[0]->shape[0], most = group_of(c);
    for (int64_t i = 0; i < n; i += most)
        hoop_threads_share(c->threads, n - i < most ? n - i : most, weight, 1, fn, &(group){c, i});
}
static int samples(const hoop_samples_call *s)
{
    for (int i = 0; i < s->nin; i++)
        if (s->axis[i] != 0) return -1;
    return 0;
}
static int64_t weight_of(const hoop_call *c)
{
    return c->in[0]->shape[1] * (hoop__exp_weight(c, c->in[0]->shape[2]) + 1024 * (2 * c->in[1]->shape[1] + 1));
}
static hoop_ctc_sample sample(const hoop_call *c, int f, int64_t i, int64_t room)
{
    const int64_t size = (int64_t)hoop_dtype_size((hoop_dtype)c->in[0]->dtype);
    return (hoop_ctc_sample){.frames = frames_of(c, f, i),
                             .cols   = c->in[0]->shape[2],
                             .labels = labels_of(c->in[1], i),
                             .blank  = ((const ctc_attrs *)c->attrs)->blank,
                             .x      = (const char *)c->in[0]->data + i * c->in[0]->shape[1] * c->in[0]->shape[2] * size,
                             .label  = (const int64_t *)c->in[1]->data + i * c->in[1]->shape[1],
                             .work   = (double *)c->work + room * room_of(c)};
}
/* what a sample's loss is multiplied by; 0: it is set to 0 */
static double factor(const ctc_attrs *a, double loss, int64_t labels)
{
    if (a->zero_infinity && loss > 1.7e308) return 0.0;
    return a->by_length && labels > 1 ? 1.0 / (double)labels : 1.0;
}
static void range(const void *ctx, int64_t first, int64_t n)
{
    const group     *g = ctx;
    const hoop_call *c = g->call;
    for (int64_t k = first; k < first + n; k++) {
        const int64_t         i    = g->first + k;
        const hoop_ctc_sample s    = sample(c, 2, i, k);
        const double          loss = c->kernels->loss->ctc[c->in[0]->dtype](&s), by = factor(c->attrs, loss, s.labels);
        if (c->out->dtype == HOOP_F64)
            ((double *)c->out->data)[i] = by == 0.0 ? 0.0 : by * loss;
        else
            ((float *)c->out->data)[i] = by == 0.0 ? 0.0F : (float)(by * loss);
    }
}
static hoop_status forward(const hoop_call *c)
{
    if (check_values(c, 2) != HOOP_OK) return HOOP_ERANGE;
    run_groups(c, weight_of(c), range);
    return HOOP_OK;
}
static void backward(hoop_backward_call *b)
{
    hoop_tensor *in[4] = {b->in[0], b->in[1], b->dy[0], b->nin > 2 ? b->in[2] : NULL};
    if (b->dy[0] != NULL && hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_ctc_grad, in, b->nin + 1, b->attrs, NULL);
}

/* The sum over all paths of frames t on, state by state: exponential in time, as the definition says. */
static double paths_reference(const hoop_ctc_sample *s, const double *p, int64_t t, int64_t done, int64_t last)
{
    double sum = 0.0;
    if (t == s->frames) return done == s->labels ? 1.0 : 0.0;
    for (int64_t k = 0; k < s->cols; k++) {
        int64_t next = done;
        if (k != s->blank && k != last) {
            if (done == s->labels || s->label[done] != k) continue;
            next = done + 1;
        }
        sum += p[t * s->cols + k] * paths_reference(s, p, t + 1, next, k);
    }
    return sum;
}
static void softmax_reference(const hoop_call *c, int64_t i, double *p)
{
    const int64_t frames = c->in[0]->shape[1], cols = c->in[0]->shape[2];
    for (int64_t t = 0; t < frames; t++) {
        double sum = 0.0;
        for (int64_t k = 0; k < cols; k++) sum += p[t * cols + k] = exp(hoop__at(c->in[0], (i * frames + t) * cols + k));
        for (int64_t k = 0; k < cols; k++) p[t * cols + k] /= sum;
    }
}
static void reference(const hoop_call *c)
{
    const ctc_attrs *a = c->attrs;
    double          *p = malloc((size_t)(c->in[0]->shape[1] * c->in[0]->shape[2] + 1) * sizeof *p);
    for (int64_t i = 0; i < c->in[0]->shape[0] && p != NULL; i++) {
        const hoop_ctc_sample s = sample(c, 2, i, 0);
        double                loss, k;
        softmax_reference(c, i, p);
        loss                        = -log(paths_reference(&s, p, 0, 0, s.blank));
        k                           = factor(a, loss, s.labels);
        ((double *)c->out->data)[i] = k == 0.0 ? 0.0 : k * loss;
    }
    free(p);
}
static const ctc_attrs plain = {0, 0, 0}, mean = {0, 0, 1}, zero = {2, 1, 1}, none = {5, 0, 0};
static const hoop_case cases[] = {
    {"2x5x3 i64:2x2<2", &zero},
    {"3x4x4 i64:3x2<2", &zero},
    {"2x6x3 i64:2x1<2", &zero},
    {"1x1x3 i64:1x1<2", &zero},
    {"2x3x3 i64:2x0<1", &plain},
    {"0x3x3 i64:0x2<1", &mean},
    {"2x2x3 i64:2x2<2", &zero},
    {"2x4x3 i64:2x2<2 i64:2<5", &zero},
    {"2x4x3 i64:2x2<1", &plain, HOOP_ERANGE},
    {"16x4x3 i64:16x2<5", &zero, HOOP_ERANGE},
    {"16x4x3 i64:16x2<2 i64:16<99", &zero, HOOP_ERANGE},
    {"2x4x3 i64:2x2<1", &none, HOOP_EARG},
    {"2x4 i64:2x2<2", &zero, HOOP_ESHAPE},
    {"2x4x3 i64:3x2<2", &zero, HOOP_ESHAPE},
    {"2x4x3 i64:2<1", &zero, HOOP_ESHAPE},
    {"2x4x3 i64:2x2<2 i64:3<2", &zero, HOOP_ESHAPE},
    {"2x4x3 2x2", &zero, HOOP_EDTYPE},
    {"2x4x3 i64:2x2<2 2", &zero, HOOP_EDTYPE},
};

const hoop_op hoop__op_ctc = {
    .name       = "ctc",
    .min_in     = 2,
    .max_in     = 3,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_IN(2),
    .attrs_size = sizeof(ctc_attrs),
    HOOP_FIELDS(fields),
    .shape     = shape,
    .forward   = forward,
    .workspace = workspace,
    .backward  = backward,
    .reference = reference,
    .samples   = samples,
    HOOP_CASES(cases),
};

/* ctc_grad: (logits, label, dy (n), frames) -> dlogits */
static hoop_status grad_shape(hoop_shape_call *s)
{
    hoop_status st = check(s, 3);
    if (st != HOOP_OK) return st;
    if (s->in[2]->dtype != s->in[0]->dtype) return hoop_fail(s->err, HOOP_EDTYPE, "floats of one dtype are wanted");
    if (s->in[2]->ndim != 1 || s->in[2]->shape[0] != s->in[0]->shape[0])
        return hoop_fail(s->err, HOOP_ESHAPE, "dy of %lld samples is wanted", (long long)s->in[0]->shape[0]);
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}
static void grad_range(const void *ctx, int64_t first, int64_t n)
{
    const group     *g     = ctx;
    const hoop_call *c     = g->call;
    const ctc_attrs *a     = c->attrs;
    const int        dtype = c->out->dtype;
    const int64_t    size = (int64_t)hoop_dtype_size((hoop_dtype)dtype), row = c->in[0]->shape[2], all = c->in[0]->shape[1] * row;
    for (int64_t room = first; room < first + n; room++) {
        const int64_t         i    = g->first + room;
        const hoop_ctc_sample s    = sample(c, 3, i, room);
        char                 *dx   = (char *)c->out->data + i * all * size;
        const double          loss = a->zero_infinity ? c->kernels->loss->ctc[dtype](&s) : 0.0, k = factor(a, loss, s.labels);
        const double  dy   = dtype == HOOP_F64 ? ((const double *)c->in[2]->data)[i] : (double)((const float *)c->in[2]->data)[i];
        const int64_t rest = k == 0.0 ? 0 : s.frames * row * size;
        if (k != 0.0) c->kernels->loss->ctc_grad[dtype](&s, k * dy, dx, c->add);
        if (!c->add) memset(dx + rest, 0, (size_t)(all * size - rest));
    }
}
static hoop_status grad_forward(const hoop_call *c)
{
    if (check_values(c, 3) != HOOP_OK) return HOOP_ERANGE;
    run_groups(c, 3 * weight_of(c), grad_range);
    return HOOP_OK;
}
/* p - (the probability of paths through class k in frame t) / (that of all) */
static void grad_reference(const hoop_call *c)
{
    const ctc_attrs *a    = c->attrs;
    const int64_t    most = c->in[0]->shape[1], cols = c->in[0]->shape[2];
    double          *p = malloc((size_t)(2 * most * cols + 1) * sizeof *p), *only = p + most * cols;
    for (int64_t i = 0; i < c->in[0]->shape[0] && p != NULL; i++) {
        const hoop_ctc_sample s = sample(c, 3, i, 0);
        double                all, k;
        softmax_reference(c, i, p);
        all = paths_reference(&s, p, 0, 0, s.blank);
        k   = factor(a, -log(all), s.labels) * hoop__at(c->in[2], i);
        for (int64_t e = 0; e < most * cols; e++) {
            const int64_t t = e / cols;
            memcpy(only, p, (size_t)(most * cols) * sizeof *p);
            for (int64_t j = 0; j < cols; j++) only[t * cols + j] = j == e % cols ? p[e] : 0.0;
            ((double *)c->out->data)[i * most * cols + e] =
                k == 0.0 || t >= s.frames ? 0.0 : k * (p[e] - paths_reference(&s, only, 0, 0, s.blank) / all);
        }
    }
    free(p);
}
static const hoop_case grad_cases[] = {
    {"2x5x3 i64:2x2<2 2", &zero},
    {"2x3x3 i64:2x0<1 2", &plain},
    {"0x3x3 i64:0x2<1 0", &mean},
    {"2x2x3 i64:2x2<2 2", &zero},
    {"3x4x3 i64:3x2<2 3 i64:3<5", &zero},
    {"2x4x3 i64:2x2<2 3", &zero, HOOP_ESHAPE},
    {"2x4x3 i64:2x2<2 i64:2<3", &zero, HOOP_EDTYPE},
    {"2x4x3 i64:2x2<1 2", &none, HOOP_EARG},
    {"2x4x3 i64:2x2<1 2", &plain, HOOP_ERANGE},
};

const hoop_op hoop__op_ctc_grad = {
    .name       = "ctc_grad",
    .min_in     = 3,
    .max_in     = 4,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE | HOOP_OP_ACCUMULATES | HOOP_OP_NO_DERIV,
    .attrs_size = sizeof(ctc_attrs),
    HOOP_FIELDS(fields),
    .shape     = grad_shape,
    .forward   = grad_forward,
    .workspace = workspace,
    .reference = grad_reference,
    .samples   = samples,
    HOOP_CASES(grad_cases),
};
