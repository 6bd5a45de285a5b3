/* batch_norm by running statistics, and what people call: hoop_group_norm, hoop_batch_norm, hoop_instance_norm. */
#include "hoop/ops.h"
#include "ops/norm/channel.h"
#include "tape/tape.h"

#include <math.h>

extern const hoop_op hoop__op_batch_norm_eval, hoop__op_group_norm, hoop__op_batch_norm;

/* batch_norm_eval: x (N, S.., C), mean, variance (C), w, b (C) or none -> (x - mean) / sqrt(variance + eps) w + b */
static hoop_status eval_shape(hoop_shape_call *s)
{
    static const char *const what[] = {"", "the mean", "the variance", "the weight", "the bias"};
    const channel_attrs     *a      = s->attrs;
    const hoop_view         *x      = s->in[0];
    hoop_status              st     = hoop__channel_check_batch(s, true);
    if (st == HOOP_OK) st = hoop__channel_check_input(s, a->eps);
    for (int i = 1; i < s->nin && st == HOOP_OK; i++) st = hoop__channel_check_dims(s, i, 1, &x->shape[x->ndim - 1], what[i]);
    hoop__out_like(&s->out[0], x);
    return st;
}
static hoop_status eval_forward(const hoop_call *c)
{
    const channel_attrs *a = c->attrs;
    channel_parts        p = hoop__channel_parts(c);
    for (int64_t k = 0; k < p.z.c; k++) {
        hoop__channel_put(&p, hoop__channel_array(&p, 0, 0), k, hoop__channel_in(&p, 1, k, 0.0));
        hoop__channel_put(&p, hoop__channel_array(&p, 1, 0), k,
                          hoop__channel_in(&p, 3, k, 1.0) / sqrt(hoop__channel_in(&p, 2, k, 1.0) + a->eps));
        hoop__channel_put(&p, hoop__channel_array(&p, 2, 0), k, hoop__channel_in(&p, 4, k, 0.0));
    }
    hoop__channel_run(&p, 2, hoop__channel_apply);
    return HOOP_OK;
}
static void eval_backward(hoop_backward_call *b)
{
    hoop_tensor *r = hoop__channel_root(b->t, b->in[2], ((const channel_attrs *)b->attrs)->eps), *dy = b->dy[0], *g = dy,
                *h = NULL;
    if (b->nin > 3) g = hoop_mul(b->t, dy, b->in[3]);
    if (hoop_sink(b, 0)) hoop_mul(b->t, g, r);
    if (hoop_needs(b, 1)) {
        hoop_tensor *d = hoop_mul(b->t, g, r);
        if (hoop_sink(b, 1)) hoop_neg(b->t, d);
    }
    if (hoop_needs(b, 2) || hoop_needs(b, 3)) {
        h = hoop_sub(b->t, b->in[0], b->in[1]);
        h = hoop_mul(b->t, h, r);
    }
    if (hoop_needs(b, 2)) { /* rstd' = - rstd^3 / 2 */
        hoop_tensor *p = hoop_mul(b->t, g, h), *q = hoop_mul(b->t, r, r);
        q = hoop_scale(b->t, q, -0.5);
        if (hoop_sink(b, 2)) hoop_mul(b->t, p, q);
    }
    if (hoop_sink(b, 3)) hoop_mul(b->t, dy, h);
    if (b->nin > 4) hoop_pass(b, 4, dy);
}
static void eval_reference(const hoop_call *c)
{
    const int64_t n = c->in[0]->shape[c->in[0]->ndim - 1];
    for (int64_t e = 0, all = hoop__view_numel(c->out); e < all; e++) {
        const int64_t k = e % n;
        double        y = (hoop__at(c->in[0], e) - hoop__at(c->in[1], k)) /
                   sqrt(hoop__at(c->in[2], k) + ((const channel_attrs *)c->attrs)->eps);
        if (c->nin > 3) y *= hoop__at(c->in[3], k);
        if (c->nin > 4) y += hoop__at(c->in[4], k);
        ((double *)c->out->data)[e] = y;
    }
}

static const channel_attrs single = {6, 1e-5, 0}, batch = {0, 0.1, 1}, wide_batch = {0, 1.0, 1}, batch_below = {0, -1.0, 1};

static const hoop_case eval_cases[] = {
    {"7x3 3 3+ 3 3", &batch},
    {"3x5x4 4 4+ 4", &wide_batch},
    {"520x2 2 2+", &batch},
    {"2x17 17 17+ 17 17", &batch},
    {"0x3 3 3+ 3 3", &batch},
    {"4 4 4+", &batch, HOOP_ESHAPE},
    {"7x3 4 3+", &batch, HOOP_ESHAPE},
    {"7x3 3 1x3+", &batch, HOOP_ESHAPE},
    {"7x3 3 3+ 4 3", &batch, HOOP_ESHAPE},
    {"7x3 3 3+ 3 4", &batch, HOOP_ESHAPE},
    {"7x3 3 3+", &batch_below, HOOP_EARG},
    {"7x3 3 3+", &single, HOOP_EARG},
    {"7x3 3 i64:3<3", &batch, HOOP_EDTYPE},
};

const hoop_op hoop__op_batch_norm_eval = {
    .name       = "batch_norm_eval",
    .min_in     = 3,
    .max_in     = 5,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_IN(2) | HOOP_READS_IN(3),
    .attrs_size = sizeof(channel_attrs),
    .fields     = hoop__channel_fields,
    .nfields    = HOOP__CHANNEL_FIELDS,
    .shape      = eval_shape,
    .forward    = eval_forward,
    .workspace  = hoop__channel_workspace,
    .backward   = eval_backward,
    .reference  = eval_reference,
    HOOP_CASES(eval_cases),
};

/* ---- with running statistics ---- */

/* w and b as inputs from in[n] on, w of ones where there is b alone; returns how many inputs there are */
static int affine(hoop_tape *t, hoop_tensor *w, hoop_tensor *b, hoop_tensor **in, int n)
{
    if (w == NULL && b != NULL) w = hoop_fill(t, hoop_tensor_dtype(b), 1, hoop_tensor_shape(b), 1.0);
    if (w != NULL) in[n++] = w;
    if (b != NULL) in[n++] = b;
    return n;
}

/* running statistics are two, or none */
static bool both(hoop_tape *t, const char *op, const hoop_tensor *mean, const hoop_tensor *variance)
{
    if ((mean == NULL) == (variance == NULL)) return true;
    hoop_tape_fail(t, HOOP_EARG, "%s: a running %s without the other; both or none are wanted", op,
                   mean != NULL ? "mean" : "variance");
    return false;
}

static hoop_tensor *by_running(hoop_tape *t, hoop_tensor *x, hoop_tensor *mean, hoop_tensor *variance, hoop_tensor *w,
                               hoop_tensor *b, double eps)
{
    const channel_attrs a     = {0, eps, 1};
    hoop_tensor        *in[5] = {x, mean, variance};
    const int           n     = affine(t, w, b, in, 3);
    return hoop_op_call(t, &hoop__op_batch_norm_eval, in, n, &a, NULL);
}

static hoop_tensor *by_own(hoop_tape *t, const hoop_op *op, hoop_tensor *x, int64_t groups, hoop_tensor *w, hoop_tensor *b,
                           double eps, hoop_tensor **outs)
{
    const channel_attrs a     = {groups, eps, op == &hoop__op_batch_norm};
    hoop_tensor        *in[3] = {x};
    const int           n     = affine(t, w, b, in, 1);
    return hoop_op_call(t, op, in, n, &a, outs);
}

/**
 * hoop_group_norm - (x - mean) / sqrt(variance + eps) w + b, statistics of each sample's groups of channels.
 * Shape   x (N, C, S..), w (C) or NULL, b (C) or NULL -> y as x; eps 0: 1e-5 (HOOP_ZERO: none)
 * Grad    dx += rstd (g - mean(g) - x^ mean(g x^)), g = dy w, x^ = (x - mean) rstd; dw += sum dy x^, db += sum dy over all but C
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (eps)
 * Source  Wu & He, ECCV 2018
 */
hoop_tensor *hoop_group_norm(hoop_tape *t, hoop_tensor *x, int64_t groups, hoop_tensor *w, hoop_tensor *b, double eps)
{
    x = hoop__channels_last(t, x);
    x = by_own(t, &hoop__op_group_norm, x, groups, w, b, hoop__norm_eps(eps, 1e-5), NULL);
    return hoop__channels_first(t, x);
}

/* without a place in the graph: what a leaf's samples make of a buffer */
static void emit(hoop_tape *t, hoop_tensor *buffer, hoop_tensor *value, double weight)
{
    const bool grads = hoop_tape_set_grad(t, false);
    value            = hoop__channel_like(t, value, buffer);
    hoop_emit(t, buffer, value, weight);
    (void)hoop_tape_set_grad(t, grads);
}

/**
 * hoop_batch_norm - (x - mean) / sqrt(variance + eps) w + b by channel, statistics of all samples; in evaluation mode the running
 * ones, where they are given.
 * Shape   x (N, C, S..), running mean and variance (C) or NULL, w (C) or NULL, b (C) or NULL -> y as x; eps 0: 1e-5
 * Grad    by statistics of its own as hoop_group_norm; by running ones dx += dy w rstd, dw += sum dy x^, db += sum dy
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (eps, one running statistic alone)
 * Source  Ioffe & Szegedy, ICML 2015
 * In training it emits mean and variance of the samples for the running ones (hoop_params_running says what these become), and is
 * not row-wise: samples of several leaves would mix.
 */
hoop_tensor *hoop_batch_norm(hoop_tape *t, hoop_tensor *x, hoop_tensor *mean, hoop_tensor *variance, hoop_tensor *w,
                             hoop_tensor *b, double eps)
{
    hoop_tensor *y, *out[3];
    if (!both(t, "batch_norm", mean, variance)) mean = NULL;
    x   = hoop__channels_last(t, x);
    eps = hoop__norm_eps(eps, 1e-5);
    if (!t->training && mean != NULL) {
        y = by_running(t, x, mean, variance, w, b, eps);
        return hoop__channels_first(t, y);
    }
    y = by_own(t, &hoop__op_batch_norm, x, 0, w, b, eps, out);
    if (t->training && mean != NULL && !hoop_tensor_is_poison(y)) {
        const int64_t n = hoop_tensor_numel(x) / hoop_tensor_size(x, -1);
        emit(t, mean, out[1], (double)n);
        emit(t, variance, out[2], (double)n);
    }
    return hoop__channels_first(t, y);
}

/* (1 - momentum) buffer + momentum scale (mean over samples of stat) */
static void emit_mean(hoop_tape *t, hoop_tensor *buffer, hoop_tensor *stat, double momentum, double scale)
{
    const bool   grads = hoop_tape_set_grad(t, false);
    const double n     = (double)hoop_tensor_size(stat, 0);
    hoop_tensor *old   = hoop_scale(t, buffer, 1.0 - momentum);
    stat               = hoop_mean(t, stat, 1, false);
    stat               = hoop_scale(t, stat, momentum * scale);
    stat               = hoop_add(t, old, stat);
    (void)hoop_tape_set_grad(t, grads);
    emit(t, buffer, stat, n);
}

/**
 * hoop_instance_norm - hoop_group_norm whose groups are single channels; in evaluation mode by running statistics, where they are
 * given.
 * Shape   x (N, C, S..), running mean and variance (C) or NULL, w (C) or NULL, b (C) or NULL -> y as x; eps 0: 1e-5
 * Grad    as hoop_batch_norm, by each sample's statistics
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (one place), HOOP_EDTYPE, HOOP_EARG (eps, one running statistic alone)
 * Source  Ulyanov, Vedaldi & Lempitsky, arXiv 1607.08022
 * In training it emits (1 - momentum) times the running ones + momentum times the means over samples of mean and unbiased
 * variance (momentum 0: 0.1).
 */
hoop_tensor *hoop_instance_norm(hoop_tape *t, hoop_tensor *x, hoop_tensor *mean, hoop_tensor *variance, hoop_tensor *w,
                                hoop_tensor *b, double momentum, double eps)
{
    hoop_tensor *y, *out[3];
    double       s;
    if (!both(t, "instance_norm", mean, variance)) mean = NULL;
    x   = hoop__channels_last(t, x);
    eps = hoop__norm_eps(eps, 1e-5);
    if (!t->training && mean != NULL) {
        y = by_running(t, x, mean, variance, w, b, eps);
        return hoop__channels_first(t, y);
    }
    y = by_own(t, &hoop__op_group_norm, x, hoop_tensor_size(x, -1), w, b, eps, out);
    if (hoop_tensor_is_poison(y)) return y;
    s = (double)hoop_tensor_numel(x) / (double)(hoop_tensor_size(x, 0) * hoop_tensor_size(x, -1));
    if (s == 1.0) {
        hoop_tape_fail(t, HOOP_ESHAPE, "instance_norm: one place of each channel has no variance; 2 or more are wanted");
    } else if (t->training && mean != NULL) {
        momentum = hoop__norm_eps(momentum, 0.1);
        emit_mean(t, mean, out[1], momentum, 1.0);
        emit_mean(t, variance, out[2], momentum, s / (s - 1.0));
    }
    return hoop__channels_first(t, y);
}
