/* The op by which a tape counts a metric. */
#include "hoop/metric.h"
#include "hoop/op.h"
#include "tensor/view.h"

typedef struct metric_attrs {
    int64_t metric; /* number of its row */
} metric_attrs;
static const hoop_field fields[] = {{"metric", 'i', offsetof(metric_attrs, metric)}};

static const hoop_metric *metric_of(const void *attrs)
{
    return hoop_metric_get((int)((const metric_attrs *)attrs)->metric);
}

static bool is_values(const hoop_view *x, int64_t n)
{
    return (hoop_dtype)x->dtype == HOOP_F64 && hoop__view_numel(x) == n;
}

/* out (n, ..., C), label (n, ...); or out and target of n rows and as many values, scale and shift of a row's */
static hoop_status shape(hoop_shape_call *s)
{
    const hoop_metric *m   = metric_of(s->attrs);
    const hoop_view   *out = s->in[0], *target = s->in[1];
    const int64_t      n = out->ndim > 0 ? out->shape[0] : 0, width = n > 0 ? hoop__view_numel(out) / n : 0;
    if (m == NULL)
        return hoop_fail(s->err, HOOP_EARG, "there is no metric %lld", (long long)((const metric_attrs *)s->attrs)->metric);
    if (!hoop_dtype_is_float((hoop_dtype)out->dtype) || hoop_dtype_is_float((hoop_dtype)target->dtype) == m->labels ||
        (m->labels && target->dtype != HOOP_I64))
        return hoop_fail(s->err, HOOP_EDTYPE, "%s is of floats and %s", m->name, m->labels ? "labels i64" : "floats");
    if (out->ndim < 1 ||
        (m->labels &&
         (out->shape[out->ndim - 1] < 1 || hoop__view_numel(target) * out->shape[out->ndim - 1] != hoop__view_numel(out))) ||
        (!m->labels && (target->ndim < 1 || target->shape[0] != n || hoop__view_numel(target) != hoop__view_numel(out))))
        return hoop_fail(s->err, HOOP_ESHAPE,
                         m->labels ? "labels for each row of logits are wanted" : "rows of as many values are wanted");
    if (s->nin == 3 || (s->nin == 4 && (m->labels || !is_values(s->in[2], width) || !is_values(s->in[3], width))))
        return hoop_fail(s->err, HOOP_ESHAPE, "scale and shift are f64, one for each value of a row");
    hoop__view_set(&s->out[0], HOOP_F64, 1, (int64_t[]){m->nsums});
    return HOOP_OK;
}

static hoop_status forward(const hoop_call *c)
{
    const hoop_metric *m   = metric_of(c->attrs);
    const hoop_view   *out = c->in[0], *target = c->in[1];
    const int64_t      n = out->shape[0], width = m->labels ? out->shape[out->ndim - 1] : n > 0 ? hoop__view_numel(out) / n : 0;
    const hoop_metric_call call                   = {.rows         = m->labels ? hoop__view_numel(target) : n,
                                                     .width        = width,
                                                     .count        = m->labels ? 0 : width,
                                                     .out          = out->data,
                                                     .target       = target->data,
                                                     .out_dtype    = (hoop_dtype)out->dtype,
                                                     .target_dtype = (hoop_dtype)target->dtype,
                                                     .scale        = c->nin < 4 ? NULL : c->in[2]->data,
                                                     .shift        = c->nin < 4 ? NULL : c->in[3]->data};
    double                 sums[HOOP_METRIC_SUMS] = {0};
    if (width > 0) m->add(&call, sums);
    for (int i = 0; i < m->nsums; i++) ((double *)c->out->data)[i] = sums[i];
    return HOOP_OK;
}

static const hoop_op row = {
    .name       = "metric",
    .min_in     = 2,
    .max_in     = 4,
    .nout       = 1,
    .flags      = HOOP_OP_NO_GRAD,
    .attrs_size = sizeof(metric_attrs),
    HOOP_FIELDS(fields),
    .shape   = shape,
    .forward = forward,
};

hoop_tensor *hoop_metric_sums(hoop_tape *t, const hoop_metric *m, hoop_tensor *out, hoop_tensor *target, hoop_tensor *scale,
                              hoop_tensor *shift)
{
    hoop_tensor *in[]  = {out, target, scale, shift};
    metric_attrs attrs = {0};
    while (hoop_metric_get((int)attrs.metric) != NULL && hoop_metric_get((int)attrs.metric) != m) attrs.metric++;
    return hoop_op_call(t, &row, in, scale == NULL ? 2 : 4, &attrs, NULL);
}
