/* group_norm, and batch_norm by the statistics of its own samples: forward, and backward by the ops of channel_grad.c. */
#include "hoop/ops.h"
#include "ops/norm/channel.h"

#include <math.h>

extern const hoop_op hoop__op_group_norm, hoop__op_batch_norm, hoop__op_channel_norm_sums, hoop__op_channel_norm_grad;

static hoop_status forward_shape(hoop_shape_call *s)
{
    const channel_attrs *a  = s->attrs;
    const hoop_view     *x  = s->in[0];
    hoop_status          st = hoop__channel_check(s);
    channel_sizes        z;
    if (st != HOOP_OK) return st;
    z = hoop__channel_sizes(x, a);
    for (int i = 1; i < s->nin && st == HOOP_OK; i++)
        st = hoop__channel_check_dims(s, i, 1, &z.c, i == 1 ? "the weight" : "the bias");
    hoop__out_like(&s->out[0], x);
    for (int j = 1; j < 3; j++) hoop__view_set(&s->out[j], (hoop_dtype)x->dtype, 2, (int64_t[]){z.n, z.g});
    return st;
}

static void moments_range(const void *ctx, int64_t first, int64_t n)
{
    const channel_parts *p = ctx;
    for (int64_t i = first; i < first + n; i++) {
        int64_t       sample, at;
        const int64_t rows  = hoop__channel_part(p, i, &sample, &at);
        double       *joint = p->joint + 2 * i * p->z.c;
        p->c->kernels->norm->moments[p->c->in[0]->dtype](rows, p->z.c, p->z.c, hoop__channel_data(p, 0) + at, joint,
                                                         joint + p->z.c);
    }
}

typedef struct moments {
    double n, mean, squares;
} moments;

static void join(moments *a, double n, double mean, double squares)
{
    const double total = a->n + n, off = mean - a->mean;
    a->mean += off * (n / total);
    a->squares += squares + off * off * (a->n * n / total);
    a->n = total;
}

/* mean and variance of the groups of a sample */
static void join_sample(const channel_parts *p, int64_t sample)
{
    const int64_t per_group = p->z.c / p->z.g;
    for (int64_t g = 0; g < p->z.g; g++) {
        moments all = {0};
        for (int64_t k = 0; k < p->each; k++) {
            const double *joint = p->joint + 2 * (sample * p->each + k) * p->z.c;
            const int64_t rows  = k + 1 < p->each ? HOOP_NORM_ROWS : p->z.s - k * HOOP_NORM_ROWS;
            for (int64_t c = g * per_group; c < (g + 1) * per_group; c++) join(&all, (double)rows, joint[c], joint[p->z.c + c]);
        }
        hoop__channel_put(p, p->c->out[1].data, sample * p->z.g + g, all.mean);
        hoop__channel_put(p, p->c->out[2].data, sample * p->z.g + g, all.squares / all.n);
    }
}

static double out_at(const channel_parts *p, int k, int64_t i)
{
    return p->size == 4 ? (double)((const float *)p->c->out[k].data)[i] : ((const double *)p->c->out[k].data)[i];
}

static hoop_status channel_forward(const hoop_call *c)
{
    const channel_attrs *a = c->attrs;
    channel_parts        p = hoop__channel_parts(c);
    hoop__channel_run(&p, 1, moments_range);
    for (int64_t n = 0; n < p.z.n; n++) {
        join_sample(&p, n);
        for (int64_t k = 0; k < p.z.c; k++) {
            const int64_t g = n * p.z.g + k / (p.z.c / p.z.g);
            hoop__channel_put(&p, hoop__channel_array(&p, 0, n), k, out_at(&p, 1, g));
            hoop__channel_put(&p, hoop__channel_array(&p, 1, n), k,
                              hoop__channel_in(&p, 1, k, 1.0) / sqrt(out_at(&p, 2, g) + a->eps));
            hoop__channel_put(&p, hoop__channel_array(&p, 2, n), k, hoop__channel_in(&p, 2, k, 0.0));
        }
    }
    hoop__channel_run(&p, 2, hoop__channel_apply);
    return HOOP_OK;
}

static void channel_reference(const hoop_call *c)
{
    const channel_attrs *a = c->attrs;
    const channel_sizes  z = hoop__channel_sizes(c->in[0], a);
    const int64_t        w = z.c / z.g;
    for (int64_t i = 0; i < z.n * z.g; i++) {
        const int64_t at =
            i / z.g * z.s * z.c + i % z.g * w; /* of element (place j / w, channel j % w): at + j / w * c + j % w */
        double mean = 0.0, variance = 0.0;
        for (int64_t j = 0; j < z.s * w; j++) mean += hoop__at(c->in[0], at + j / w * z.c + j % w) / (double)(z.s * w);
        for (int64_t j = 0; j < z.s * w; j++)
            variance += pow(hoop__at(c->in[0], at + j / w * z.c + j % w) - mean, 2) / (double)(z.s * w);
        for (int64_t j = 0; j < z.s * w; j++) {
            const int64_t e = at + j / w * z.c + j % w, k = i % z.g * w + j % w;
            double        y = (hoop__at(c->in[0], e) - mean) / sqrt(variance + a->eps);
            if (c->nin > 1) y *= hoop__at(c->in[1], k);
            if (c->nin > 2) y += hoop__at(c->in[2], k);
            ((double *)c->out->data)[e] = y;
        }
        ((double *)c->out[1].data)[i] = mean;
        ((double *)c->out[2].data)[i] = variance;
    }
}

/* ---- backward ---- */

/* what the gradients of mean and variance, outputs of their own, give: dmean / n, 2 dvariance (x - mean) / n */
static void statistics_backward(hoop_backward_call *b)
{
    const channel_sizes z = hoop__channel_sizes(hoop_tensor_view(b->in[0]), b->attrs);
    const int64_t       n = z.s * z.c / z.g;
    hoop_tensor        *x = b->in[0], *g, *d;
    if (!hoop_needs(b, 0)) return;
    if (b->dy[1] != NULL) {
        g = hoop_scale(b->t, b->dy[1], 1.0 / (double)n);
        g = hoop__channel_stats(b->t, g, &z);
        g = hoop_expand(b->t, g, 4, (int64_t[]){z.n, z.s, z.g, z.c / z.g});
        if (hoop_sink(b, 0)) (void)hoop__channel_like(b->t, g, x);
    }
    if (b->dy[2] != NULL) {
        d = hoop__channel_off_mean(b->t, x, b->out[1], &z);
        g = hoop_scale(b->t, b->dy[2], 2.0 / (double)n);
        g = hoop__channel_stats(b->t, g, &z);
        g = hoop_mul(b->t, g, d);
        if (hoop_sink(b, 0)) (void)hoop__channel_like(b->t, g, x);
    }
}

static void channel_backward(hoop_backward_call *b)
{
    hoop_tensor *in[6] = {b->in[0], b->dy[0], b->out[1], b->out[2]}, *s;
    if (b->dy[0] != NULL) {
        in[4] = hoop_op_call(b->t, &hoop__op_channel_norm_sums, in, 4, b->attrs, NULL); /* (N, 2, C) */
        if (b->nin > 1) in[5] = b->in[1];
        if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_channel_norm_grad, in, b->nin > 1 ? 6 : 5, b->attrs, NULL);
        for (int i = 1; i < b->nin; i++) {
            if (!hoop_needs(b, i)) continue;
            s = hoop_slice(b->t, in[4], 1, i - 1, 1);
            if (hoop_sink(b, i)) hoop_sum(b->t, s, 3, false);
        }
    }
    statistics_backward(b);
}

static hoop_status group_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__channel_check_batch(s, false);
    return st == HOOP_OK ? forward_shape(s) : st;
}
static hoop_status batch_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__channel_check_batch(s, true);
    return st == HOOP_OK ? forward_shape(s) : st;
}

static int forward_samples(const hoop_samples_call *s)
{
    return hoop__channel_samples(s, 1);
}

static const channel_attrs two_groups = {2, 1e-5, 0}, one_group = {1, 0.1, 0}, single = {6, 1e-5, 0}, batch = {0, 0.1, 1},
                           wide_batch = {0, 1.0, 1}, batch_below = {0, -1.0, 1}, three_groups = {3, 1e-5, 0},
                           no_groups = {0, 1e-5, 0}, below = {2, -1.0, 0};

static const hoop_case group_cases[] = {
    {"3x5x4 4 4", &two_groups},
    {"2x3x2x6 6", &single},
    {"2x1x3x2x4", &two_groups},
    {"4x6 6 6", &three_groups},
    {"1x7x5 5 5", &one_group},
    {"1x520x2 2 2", &one_group},
    {"2x3x34 34 34", &two_groups},
    {"0x3x4 4 4", &two_groups},
    {"3x5x4 4 4", &three_groups, HOOP_ESHAPE},
    {"3x5x4 4 4", &no_groups, HOOP_ESHAPE},
    {"3x0x4 4 4", &two_groups, HOOP_ESHAPE},
    {"4 4 4", &two_groups, HOOP_ESHAPE},
    {"3x5x4 3 4", &two_groups, HOOP_ESHAPE},
    {"3x5x4 4 1x4", &two_groups, HOOP_ESHAPE},
    {"3x5x4 4 4", &below, HOOP_EARG},
    {"3x5x4 4 4", &batch, HOOP_EARG},
    {"3x5x4 i64:4<3", &two_groups, HOOP_EDTYPE},
    {"i64:3x5x4<3", &two_groups, HOOP_EDTYPE},
};
static const hoop_case batch_cases[] = {
    {"7x3 3 3", &batch},
    {"3x5x4 4 4", &batch},
    {"2x3x2x6 6", &wide_batch},
    {"2x2x3x2x5", &batch},
    {"130x5x17 17 17", &batch},
    {"0x3 3 3", &batch, HOOP_ESHAPE},
    {"3x5x4 5 4", &batch, HOOP_ESHAPE},
    {"3x5x4 4 5", &batch, HOOP_ESHAPE},
    {"4 4 4", &batch, HOOP_ESHAPE},
    {"3x5x4 4 4", &batch_below, HOOP_EARG},
    {"3x5x4 4 4", &two_groups, HOOP_EARG},
    {"3x5x4 i64:4<3", &batch, HOOP_EDTYPE},
};

const hoop_op hoop__op_group_norm = {
    .name       = "group_norm",
    .min_in     = 1,
    .max_in     = 3,
    .nout       = 3,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_OUT(1) | HOOP_READS_OUT(2),
    .attrs_size = sizeof(channel_attrs),
    .fields     = hoop__channel_fields,
    .nfields    = HOOP__CHANNEL_FIELDS,
    .shape      = group_shape,
    .forward    = channel_forward,
    .workspace  = hoop__channel_workspace,
    .backward   = channel_backward,
    .reference  = channel_reference,
    .samples    = forward_samples,
    HOOP_CASES(group_cases),
};

const hoop_op hoop__op_batch_norm = {
    .name       = "batch_norm",
    .min_in     = 1,
    .max_in     = 3,
    .nout       = 3,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1) | HOOP_READS_OUT(1) | HOOP_READS_OUT(2),
    .attrs_size = sizeof(channel_attrs),
    .fields     = hoop__channel_fields,
    .nfields    = HOOP__CHANNEL_FIELDS,
    .shape      = batch_shape,
    .forward    = channel_forward,
    .workspace  = hoop__channel_workspace,
    .backward   = channel_backward,
    .reference  = channel_reference,
    HOOP_CASES(batch_cases),
};
