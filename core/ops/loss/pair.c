/* What losses of an output and its target share (pair.h). */
#include "ops/loss/pair.h"

#include "hoop/ops.h"
#include "tape/tape.h"

#define PAIR_ROW(name) [HOOP_PAIR_##name] = &hoop__pair_##name,
static const hoop__pair *const pairs[HOOP_PAIR_COUNT] = {HOOP_PAIR_LIST(PAIR_ROW)};

const hoop_field hoop__pair_fields[2] = {
    {"a", 'f', offsetof(hoop__pair_attrs, a)},
    {"b", 'f', offsetof(hoop__pair_attrs, b)},
};

hoop_tensor *hoop__with_weight(hoop_tape *t, hoop_tensor *loss, hoop_tensor *weight)
{
    if (!hoop_tensor_is_poison(loss)) loss->weight = hoop_retain(t, weight);
    return loss;
}

hoop_tensor *hoop__pair_weighted(hoop_tape *t, int kernel, hoop_tensor *x, hoop_tensor *target, hoop_tensor *weight, double a,
                                 double b)
{
    const int    nin = weight == NULL ? 2 : 3;
    hoop_tensor *out[2], *in[3] = {x, target, weight};
    hoop_tensor *loss = hoop_op_call(t, pairs[kernel]->op, in, nin, &(hoop__pair_attrs){a, b}, out);
    return hoop__with_weight(t, loss, out[1]);
}
hoop_tensor *hoop__pair_loss(hoop_tape *t, int kernel, hoop_tensor *x, hoop_tensor *target, double a, double b)
{
    return hoop__pair_weighted(t, kernel, x, target, NULL, a, b);
}

static hoop_status check_options(const hoop_shape_call *s, const hoop__pair *p)
{
    const hoop__pair_attrs *o     = s->attrs;
    const bool              bound = p->least != 0.0 || p->most != 0.0;
    if (p->key != NULL && (!(o->a >= p->least) || (bound && !(o->a <= p->most))))
        return hoop_fail(s->err, HOOP_EARG, bound ? "%s is %g; it is at most %g" : "%s is %g; it is %g or more", p->key, o->a,
                         bound ? p->most : p->least);
    if (p->key_b != NULL && !(o->b >= 0.0)) return hoop_fail(s->err, HOOP_EARG, "%s is %g; it is 0 or more", p->key_b, o->b);
    return HOOP_OK;
}

static hoop_status check_two(hoop_shape_call *s, int kernel)
{
    hoop_shape_call two = *s;
    hoop_status     st  = check_options(s, pairs[kernel]);
    two.nin             = 2;
    return st != HOOP_OK ? st : hoop__shape_same(&two);
}

hoop_status hoop__pair_shape(hoop_shape_call *s, int kernel)
{
    hoop_status st = check_two(s, kernel);
    if (st == HOOP_OK && s->nin > 2) {
        const hoop_view *pair[2] = {s->in[0], s->in[2]};
        hoop_shape_call  two     = *s;
        two.in                   = pair;
        two.nin                  = 2;
        st                       = hoop__shape_same(&two);
    }
    hoop__view_set(&s->out[0], (hoop_dtype)s->in[0]->dtype, 0, NULL);
    hoop__view_set(&s->out[1], HOOP_F64, 0, NULL); /* f32 counts to 2^24 only */
    return st;
}

uint64_t hoop__pair_reads(const void *attrs, int nin)
{
    (void)attrs;
    return HOOP_READS_IN(0) | HOOP_READS_IN(1) | (nin > 2 ? HOOP_READS_IN(2) : 0);
}

int64_t hoop__pair_workspace(const hoop_call *c)
{
    return hoop__view_numel(c->in[0]) * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
}

/* the work of an element (hoop_threads_share): a few exponentials */
static int64_t weight_of(const hoop_call *c)
{
    return hoop__exp_weight(c, 2);
}

/* the losses of elements, into the workspace */
static void values_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call        *c  = ctx;
    const hoop__pair_attrs *a  = c->attrs;
    const int64_t           at = first * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
    c->kernels->loss->pair[c->op->kernel][c->out->dtype](n, (const char *)c->in[0]->data + at, (const char *)c->in[1]->data + at,
                                                         a->a, a->b, (char *)c->work + at);
    if (c->nin > 2) /* times the weights */
        c->kernels->binary[HOOP_BINARY_mul][c->out->dtype](n, (const char *)c->work + at, 1, (const char *)c->in[2]->data + at, 1,
                                                           (char *)c->work + at, false);
}

static int64_t count(const hoop__pair *p, const hoop_view *x)
{
    if (!p->by_rows) return hoop__view_numel(x);
    return x->ndim > 0 ? x->shape[0] : 1;
}

/* Probabilities are wanted between 0 and 1. */
static hoop_status check_probabilities(const hoop_call *c)
{
    const hoop_view *x = c->in[0];
    for (int64_t i = 0, n = hoop__view_numel(x); i < n; i++) {
        const double v = x->dtype == HOOP_F64 ? ((const double *)x->data)[i] : (double)((const float *)x->data)[i];
        if (v < 0.0 || v > 1.0)
            return hoop_fail(c->err, HOOP_ERANGE, "output %g at position %lld is no probability; of logits, bce_with_logits", v,
                             (long long)i);
    }
    return HOOP_OK;
}

hoop_status hoop__pair_forward(const hoop_call *c)
{
    const int64_t n = hoop__view_numel(c->in[0]);
    if (c->op->kernel == HOOP_PAIR_bce && check_probabilities(c) != HOOP_OK) return HOOP_ERANGE;
    hoop_threads_share(c->threads, n, weight_of(c), 64, values_range, c);
    c->kernels->sum_rows[c->out->dtype](1, n, c->work, n, c->out[0].data, c->add);
    *(double *)c->out[1].data = (double)count(pairs[c->op->kernel], c->in[0]);
    return HOOP_OK;
}

/* dt: what the loss says, or minus dx */
void hoop__pair_backward(hoop_backward_call *b, int kernel)
{
    const hoop__pair *p     = pairs[kernel];
    hoop_tensor      *in[3] = {b->in[0], b->in[1], b->dy[0]}, *slope;
    if (b->dy[0] == NULL) return;
    if (b->nin > 2) in[2] = hoop_mul(b->t, b->in[2], b->dy[0]);
    if (b->nin > 2 && hoop_needs(b, 2)) {
        slope = p->elements(b->t, b->in[0], b->in[1]);
        if (hoop_sink(b, 2)) hoop_mul(b->t, slope, b->dy[0]);
    }
    if (hoop_sink(b, 0)) hoop_op_call(b->t, p->grad, in, 3, b->attrs, NULL);
    if (!hoop_needs(b, 1)) return;
    slope = p->by_target == NULL ? hoop_op_call(b->t, p->grad, in, 3, b->attrs, NULL)
                                 : p->by_target(b->t, b->in[0], b->in[1], b->attrs);
    if (!hoop_sink(b, 1)) return;
    if (p->by_target == NULL)
        hoop_neg(b->t, slope);
    else
        hoop_mul(b->t, slope, in[2]);
}

void hoop__pair_reference(const hoop_call *c)
{
    const hoop__pair       *p   = pairs[c->op->kernel];
    const hoop__pair_attrs *a   = c->attrs;
    double                  sum = 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[0]); i < n; i++)
        sum += p->value(hoop__at(c->in[0], i), hoop__at(c->in[1], i), a->a, a->b) * (c->nin > 2 ? hoop__at(c->in[2], i) : 1.0);
    *(double *)c->out[0].data = sum;
    *(double *)c->out[1].data = (double)count(p, c->in[0]);
}

/* (x, target, dloss () or of x's shape) -> dloss df/dx */
hoop_status hoop__pair_grad_shape(hoop_shape_call *s, int kernel)
{
    hoop_status st = check_two(s, kernel);
    if (st != HOOP_OK) return st;
    if (s->in[2]->ndim != 0 && (pairs[kernel]->elements == NULL || !hoop__same_shape(s->in[2], s->in[0])))
        return hoop_fail(s->err, HOOP_ESHAPE, "dloss () is wanted%s",
                         pairs[kernel]->elements == NULL ? "" : ", or one an element");
    return s->in[2]->dtype == s->in[0]->dtype ? HOOP_OK : hoop_fail(s->err, HOOP_EDTYPE, "floats of one dtype are wanted");
}

int64_t hoop__pair_grad_workspace(const hoop_call *c)
{
    return c->in[2]->ndim == 0 ? 0 : hoop__view_numel(c->out) * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
}

static void slopes_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call        *c  = ctx;
    const hoop__pair_attrs *a  = c->attrs;
    const int64_t           at = first * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
    const char        *x = (const char *)c->in[0]->data + at, *t = (const char *)c->in[1]->data + at, *scale = c->in[2]->data;
    hoop_pair_grad_fn *f = c->kernels->loss->pair_grad[c->op->kernel][c->out->dtype];
    char              *y = (char *)c->out->data + at, *work = (char *)c->work + at;
    if (c->in[2]->ndim == 0) {
        f(n, x, t, a->a, a->b, c->out->dtype == HOOP_F32 ? (double)*(const float *)scale : *(const double *)scale, y, c->add);
        return;
    }
    f(n, x, t, a->a, a->b, 1.0, work, false);
    c->kernels->binary[HOOP_BINARY_mul][c->out->dtype](n, work, 1, scale + at, 1, y, c->add);
}

hoop_status hoop__pair_grad_forward(const hoop_call *c)
{
    hoop_threads_share(c->threads, hoop__view_numel(c->out), weight_of(c), 64, slopes_range, c);
    return HOOP_OK;
}

hoop_tensor *hoop__pair_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs, int kernel)
{
    hoop_tensor *slope = pairs[kernel]->by_x(t, in[0], in[1], attrs);
    (void)nin;
    return hoop_mul(t, slope, in[2]);
}

void hoop__pair_grad_reference(const hoop_call *c)
{
    const hoop__pair       *p = pairs[c->op->kernel];
    const hoop__pair_attrs *a = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++)
        ((double *)c->out->data)[i] =
            hoop__at(c->in[2], c->in[2]->ndim == 0 ? 0 : i) * p->slope(hoop__at(c->in[0], i), hoop__at(c->in[1], i), a->a, a->b);
}
