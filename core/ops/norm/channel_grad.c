/* The gradients of group_norm and batch_norm: sums over places, which are those of weight and bias, and then that of x. */
#include "hoop/ops.h"
#include "ops/norm/channel.h"

#include <math.h>

extern const hoop_op hoop__op_channel_norm_sums, hoop__op_channel_norm_grad;

/* channel_norm_sums: x, dy (N, S.., C), mean, variance (N, G) -> (N, 2, C): over places, sums of dy x^ and of dy */
static hoop_status check_backward(hoop_shape_call *s, channel_sizes *z)
{
    const hoop_view *x  = s->in[0];
    hoop_status      st = hoop__channel_check(s);
    if (st != HOOP_OK) return st;
    *z = hoop__channel_sizes(x, s->attrs);
    st = hoop__channel_check_dims(s, 1, x->ndim, x->shape, "dy");
    for (int i = 2; i < 4 && st == HOOP_OK; i++) st = hoop__channel_check_dims(s, i, 2, (int64_t[]){z->n, z->g}, "a statistic");
    return st;
}
static hoop_status sums_shape(hoop_shape_call *s)
{
    channel_sizes z;
    hoop_status   st = check_backward(s, &z);
    if (st == HOOP_OK) hoop__view_set(&s->out[0], (hoop_dtype)s->in[0]->dtype, 3, (int64_t[]){z.n, 2, z.c});
    return st;
}

static double root_at(const channel_parts *p, int64_t g)
{
    return 1.0 / sqrt(hoop__channel_in(p, 3, g, 0.0) + ((const channel_attrs *)p->c->attrs)->eps);
}

static void sums_range(const void *ctx, int64_t first, int64_t n)
{
    const channel_parts *p = ctx;
    for (int64_t i = first; i < first + n; i++) {
        int64_t       sample, at;
        const int64_t rows  = hoop__channel_part(p, i, &sample, &at);
        double       *joint = p->joint + 2 * i * p->z.c;
        p->c->kernels->norm->sums[p->c->in[0]->dtype](rows, p->z.c, p->z.c, hoop__channel_data(p, 0) + at,
                                                      hoop__channel_data(p, 1) + at, hoop__channel_array(p, 0, sample),
                                                      joint + p->z.c, joint);
    }
}
static hoop_status sums_forward(const hoop_call *c)
{
    channel_parts p = hoop__channel_parts(c);
    for (int64_t n = 0; n < p.z.n; n++)
        for (int64_t k = 0; k < p.z.c; k++)
            hoop__channel_put(&p, hoop__channel_array(&p, 0, n), k,
                              hoop__channel_in(&p, 2, n * p.z.g + k / (p.z.c / p.z.g), 0.0));
    hoop__channel_run(&p, 2, sums_range);
    for (int64_t n = 0; n < p.z.n; n++) {
        for (int64_t k = 0; k < 2 * p.z.c; k++) {
            double sum = 0.0;
            for (int64_t i = 0; i < p.each; i++) sum += p.joint[2 * (n * p.each + i) * p.z.c + k];
            if (k < p.z.c) sum *= root_at(&p, n * p.z.g + k / (p.z.c / p.z.g));
            hoop__channel_put(&p, c->out->data, 2 * n * p.z.c + k, sum);
        }
    }
    return HOOP_OK;
}
static int sums_samples(const hoop_samples_call *s)
{
    return hoop__channel_samples(s, 4);
}
static hoop_tensor *sums_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const channel_attrs *a  = attrs;
    const channel_sizes  z  = hoop__channel_sizes(hoop_tensor_view(in[0]), a);
    hoop_tensor         *dy = hoop__channel_groups(t, in[1], &z), *x = hoop__channel_off_mean(t, in[0], in[2], &z), *r, *two[2];
    (void)nin;
    r      = hoop__channel_stats(t, in[3], &z);
    r      = hoop__channel_root(t, r, a->eps);
    x      = hoop_mul(t, x, r);
    x      = hoop_mul(t, dy, x);
    two[0] = hoop_sum(t, x, 2, false); /* (N, G, C / G) */
    two[1] = hoop_sum(t, dy, 2, false);
    for (int i = 0; i < 2; i++) two[i] = hoop_reshape(t, two[i], 3, (int64_t[]){z.n, 1, z.c});
    return hoop_concat(t, two, 2, 1);
}
static void sums_reference(const hoop_call *c)
{
    const channel_attrs *a = c->attrs;
    const channel_sizes  z = hoop__channel_sizes(c->in[0], a);
    for (int64_t i = 0; i < z.n * z.c; i++) {
        const int64_t n = i / z.c, k = i % z.c, g = n * z.g + k / (z.c / z.g);
        double        sum = 0.0, product = 0.0;
        for (int64_t s = 0; s < z.s; s++) {
            const int64_t e = (n * z.s + s) * z.c + k;
            sum += hoop__at(c->in[1], e);
            product += hoop__at(c->in[1], e) * (hoop__at(c->in[0], e) - hoop__at(c->in[2], g));
        }
        ((double *)c->out->data)[2 * n * z.c + k]       = product / sqrt(hoop__at(c->in[3], g) + a->eps);
        ((double *)c->out->data)[(2 * n + 1) * z.c + k] = sum;
    }
}

static const channel_attrs two_groups = {2, 1e-5, 0}, one_group = {1, 0.1, 0}, single = {6, 1e-5, 0}, batch = {0, 0.1, 1},
                           wide_batch = {0, 1.0, 1}, three_groups = {3, 1e-5, 0}, below = {2, -1.0, 0};

static const hoop_case sums_cases[] = {
    {"3x5x4 3x5x4 3x2 3x2+", &two_groups},
    {"2x3x6 2x3x6 1x6 1x6+", &batch},
    {"4x6 4x6 4x6 4x6+", &single},
    {"520x1 520x1 1x1 1x1+", &wide_batch},
    {"5x17 5x17 5x1 5x1+", &one_group},
    {"0x3x4 0x3x4 0x2 0x2+", &two_groups},
    {"3x5x4 3x5x5 3x2 3x2+", &two_groups, HOOP_ESHAPE},
    {"3x5x4 3x5x4 3x4 3x2+", &two_groups, HOOP_ESHAPE},
    {"3x5x4 3x5x4 3x2 2+", &two_groups, HOOP_ESHAPE},
    {"3x5x4 3x5x4 3x2 3x2+", &three_groups, HOOP_ESHAPE},
    {"3x5x4 3x5x4 3x2 3x2+", &below, HOOP_EARG},
    {"3x5x4 3x5x4 3x2 i64:3x2<2", &two_groups, HOOP_EDTYPE},
};

const hoop_op hoop__op_channel_norm_sums = {
    .name       = "channel_norm_sums",
    .min_in     = 4,
    .max_in     = 4,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(channel_attrs),
    .fields     = hoop__channel_fields,
    .nfields    = HOOP__CHANNEL_FIELDS,
    .shape      = sums_shape,
    .forward    = sums_forward,
    .workspace  = hoop__channel_workspace,
    .composite  = sums_composite,
    .reference  = sums_reference,
    .samples    = sums_samples,
    HOOP_CASES(sums_cases),
};

/* channel_norm_grad: x, dy (N, S.., C), mean, variance (N, G), sums (N, 2, C), w (C) or none -> dx */
static hoop_status grad_shape(hoop_shape_call *s)
{
    channel_sizes z;
    hoop_status   st = check_backward(s, &z);
    if (st == HOOP_OK) st = hoop__channel_check_dims(s, 4, 3, (int64_t[]){z.n, 2, z.c}, "the sums");
    if (st == HOOP_OK && s->nin > 5) st = hoop__channel_check_dims(s, 5, 1, &z.c, "the weight");
    hoop__out_like(&s->out[0], s->in[0]);
    return st;
}
static void grad_range(const void *ctx, int64_t first, int64_t n)
{
    const channel_parts *p = ctx;
    for (int64_t i = first + n - 1; i >= first; i--) { /* what was summed last is in a cache yet */
        int64_t       sample, at;
        const int64_t rows = hoop__channel_part(p, i, &sample, &at);
        p->c->kernels->norm->apply_grad[p->c->in[0]->dtype](
            rows, p->z.c, p->z.c, hoop__channel_data(p, 0) + at, hoop__channel_data(p, 1) + at, hoop__channel_array(p, 0, sample),
            hoop__channel_array(p, 1, sample), hoop__channel_array(p, 2, sample), hoop__channel_array(p, 3, sample),
            (char *)p->c->out->data + at, p->c->add);
    }
}
static void grad_group(const channel_parts *p, int64_t n, int64_t g)
{
    const int64_t w    = p->z.c / p->z.g;
    const double  root = root_at(p, n * p->z.g + g), count = (double)(p->z.s * w);
    double        sum = 0.0, product = 0.0;
    for (int64_t k = g * w; k < (g + 1) * w; k++) {
        product += hoop__channel_in(p, 5, k, 1.0) * hoop__channel_in(p, 4, 2 * n * p->z.c + k, 0.0);
        sum += hoop__channel_in(p, 5, k, 1.0) * hoop__channel_in(p, 4, (2 * n + 1) * p->z.c + k, 0.0);
    }
    for (int64_t k = g * w; k < (g + 1) * w; k++) {
        hoop__channel_put(p, hoop__channel_array(p, 0, n), k, hoop__channel_in(p, 2, n * p->z.g + g, 0.0));
        hoop__channel_put(p, hoop__channel_array(p, 1, n), k, hoop__channel_in(p, 5, k, 1.0) * root);
        hoop__channel_put(p, hoop__channel_array(p, 2, n), k, root * (sum / count));
        hoop__channel_put(p, hoop__channel_array(p, 3, n), k, root * root * (product / count));
    }
}
static hoop_status grad_forward(const hoop_call *c)
{
    channel_parts p = hoop__channel_parts(c);
    for (int64_t i = 0; i < p.z.n * p.z.g; i++) grad_group(&p, i / p.z.g, i % p.z.g);
    hoop__channel_run(&p, 3, grad_range);
    return HOOP_OK;
}
static int grad_samples(const hoop_samples_call *s)
{
    return hoop__channel_samples(s, 5);
}
static hoop_tensor *grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const channel_attrs *a = attrs;
    const channel_sizes  z = hoop__channel_sizes(hoop_tensor_view(in[0]), a);
    const int64_t        n = z.s * z.c / z.g;
    hoop_tensor         *g = in[1], *x = hoop__channel_off_mean(t, in[0], in[2], &z), *r, *s;
    r = hoop__channel_stats(t, in[3], &z);
    r = hoop__channel_root(t, r, a->eps);
    x = hoop_mul(t, x, r);
    if (nin > 5) g = hoop_mul(t, g, in[5]);
    g = hoop__channel_groups(t, g, &z);
    for (int i = 0; i < 2; i++) {
        s = hoop_slice(t, in[4], 1, i, 1); /* (N, 1, C) */
        if (nin > 5) s = hoop_mul(t, s, in[5]);
        s = hoop_reshape(t, s, 4, (int64_t[]){z.n, 1, z.g, z.c / z.g});
        s = hoop_sum(t, s, 8, true);
        s = hoop_scale(t, s, 1.0 / (double)n);
        if (i == 0) s = hoop_mul(t, x, s);
        g = hoop_sub(t, g, s);
    }
    g = hoop_mul(t, g, r);
    return hoop__channel_like(t, g, in[0]);
}
static void grad_reference(const hoop_call *c)
{
    const channel_attrs *a = c->attrs;
    const channel_sizes  z = hoop__channel_sizes(c->in[0], a);
    const int64_t        w = z.c / z.g;
    for (int64_t e = 0; e < z.n * z.s * z.c; e++) {
        const int64_t k = e % z.c, n = e / z.c / z.s, g = k / w;
        const double  root = 1.0 / sqrt(hoop__at(c->in[3], n * z.g + g) + a->eps), of = c->nin > 5 ? hoop__at(c->in[5], k) : 1.0;
        double        sum = 0.0, product = 0.0;
        for (int64_t i = g * w; i < (g + 1) * w; i++) {
            const double f = (c->nin > 5 ? hoop__at(c->in[5], i) : 1.0) / (double)(z.s * w);
            product += f * hoop__at(c->in[4], 2 * n * z.c + i);
            sum += f * hoop__at(c->in[4], (2 * n + 1) * z.c + i);
        }
        ((double *)c->out->data)[e] = root * (hoop__at(c->in[1], e) * of - sum -
                                              (hoop__at(c->in[0], e) - hoop__at(c->in[2], n * z.g + g)) * root * product);
    }
}

static const hoop_case grad_cases[] = {
    {"2x3x4 2x3x4 2x2 2x2+ 2x2x4", &two_groups},
    {"3x17 3x17 1x17 1x17+ 1x2x17 17", &batch},
    {"4x6 4x6 4x6 4x6+ 4x2x6", &single},
    {"520x1 520x1 1x1 1x1+ 1x2x1", &wide_batch},
    {"0x4 0x4 0x2 0x2+ 0x2x4 4", &two_groups},
    {"3x5x4 3x5x5 3x2 3x2+ 3x2x4 4", &two_groups, HOOP_ESHAPE},
    {"3x5x4 3x5x4 3x4 3x2+ 3x2x4 4", &two_groups, HOOP_ESHAPE},
    {"3x5x4 3x5x4 3x2 3x2+ 3x4 4", &two_groups, HOOP_ESHAPE},
    {"3x5x4 3x5x4 3x2 3x2+ 3x2x4 5", &two_groups, HOOP_ESHAPE},
    {"3x5x4 3x5x4 3x2 3x2+ 3x2x4 4", &below, HOOP_EARG},
    {"3x5x4 3x5x4 3x2 3x2+ i64:3x2x4<2 4", &two_groups, HOOP_EDTYPE},
};

const hoop_op hoop__op_channel_norm_grad = {
    .name       = "channel_norm_grad",
    .min_in     = 5,
    .max_in     = 6,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(channel_attrs),
    .fields     = hoop__channel_fields,
    .nfields    = HOOP__CHANNEL_FIELDS,
    .shape      = grad_shape,
    .forward    = grad_forward,
    .workspace  = hoop__channel_workspace,
    .composite  = grad_composite,
    .reference  = grad_reference,
    .samples    = grad_samples,
    HOOP_CASES(grad_cases),
};
