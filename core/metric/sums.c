/* The op by which a tape counts a metric. */
#include "hoop/metric.h"
#include "hoop/op.h"
#include "tensor/view.h"

#include <string.h>

typedef struct metric_attrs {
    int64_t metric; /* number of its row */
    double  cut;
    int64_t opts[HOOP_MAX_DIMS]; /* the bytes of its options */
} metric_attrs;
static const hoop_field fields[] = {{"metric", 'i', offsetof(metric_attrs, metric)},
                                    {"cut", 'f', offsetof(metric_attrs, cut)},
                                    {"opts", 'I', offsetof(metric_attrs, opts)}};
_Static_assert((int)(HOOP_MAX_DIMS * sizeof(int64_t)) >= (int)HOOP_METRIC_OPTS, "they fit");

static const hoop_metric *metric_of(const void *attrs)
{
    return hoop_metric_get((int)((const metric_attrs *)attrs)->metric);
}

static bool is_values(const hoop_view *x, int64_t n)
{
    return (hoop_dtype)x->dtype == HOOP_F64 && hoop__view_numel(x) == n;
}

int64_t hoop_metric_count(const hoop_metric *m, int64_t width, const void *opts)
{
    return m->sums == NULL ? m->nsums : m->sums(width, opts);
}

/* Are these labels, or values? */
static bool is_labels(const hoop_metric *m, const hoop_view *target)
{
    return m->labels && !(m->binary && hoop_dtype_is_float((hoop_dtype)target->dtype));
}

static int64_t width_of(const hoop_view *out, bool labels)
{
    if (labels) return out->shape[out->ndim - 1];
    return out->shape[0] > 0 ? hoop__view_numel(out) / out->shape[0] : 0;
}

/* out (n, ..., C), label (n, ...); or out and target of n rows and as many values, scale and shift of a row's */
static hoop_status shape(hoop_shape_call *s)
{
    const hoop_metric *m   = metric_of(s->attrs);
    const hoop_view   *out = s->in[0], *target = s->in[1];
    const int64_t      n = out->ndim > 0 ? out->shape[0] : 0;
    int64_t            width;
    bool               labels;
    if (m == NULL)
        return hoop_fail(s->err, HOOP_EARG, "there is no metric %lld", (long long)((const metric_attrs *)s->attrs)->metric);
    labels = is_labels(m, target);
    if (!hoop_dtype_is_float((hoop_dtype)out->dtype) || hoop_dtype_is_float((hoop_dtype)target->dtype) == labels ||
        (labels && target->dtype != HOOP_I64))
        return hoop_fail(s->err, HOOP_EDTYPE, "%s is of floats and %s", m->name,
                         m->binary ? "labels i64, or floats of 0 and 1"
                         : labels  ? "labels i64"
                                   : "floats");
    if (out->ndim < 1 ||
        (labels &&
         (out->shape[out->ndim - 1] < 1 || hoop__view_numel(target) * out->shape[out->ndim - 1] != hoop__view_numel(out))) ||
        (!labels && (target->ndim < 1 || target->shape[0] != n || hoop__view_numel(target) != hoop__view_numel(out))))
        return hoop_fail(s->err, HOOP_ESHAPE,
                         labels ? "labels for each row of logits are wanted" : "rows of as many values are wanted");
    width = width_of(out, labels);
    if (s->nin == 3 || (s->nin == 4 && (labels || !is_values(s->in[2], width) || !is_values(s->in[3], width))))
        return hoop_fail(s->err, HOOP_ESHAPE, "scale and shift are f64, one for each value of a row");
    hoop__view_set(&s->out[0], HOOP_F64, 1, (int64_t[]){hoop_metric_count(m, width, ((const metric_attrs *)s->attrs)->opts)});
    return HOOP_OK;
}

static hoop_status forward(const hoop_call *c)
{
    const metric_attrs    *a   = c->attrs;
    const hoop_metric     *m   = metric_of(a);
    const hoop_view       *out = c->in[0], *target = c->in[1];
    const bool             labels = is_labels(m, target);
    const int64_t          width  = width_of(out, labels);
    const hoop_metric_call call   = {.rows         = labels ? hoop__view_numel(target) : out->shape[0],
                                     .width        = width,
                                     .count        = labels ? 0 : width,
                                     .out          = out->data,
                                     .target       = target->data,
                                     .out_dtype    = (hoop_dtype)out->dtype,
                                     .target_dtype = (hoop_dtype)target->dtype,
                                     .scale        = c->nin < 4 ? NULL : c->in[2]->data,
                                     .shift        = c->nin < 4 ? NULL : c->in[3]->data,
                                     .cut          = a->cut,
                                     .opts         = a->opts};
    double                *sums   = c->out->data;
    memset(sums, 0, (size_t)hoop__view_numel(c->out) * sizeof *sums);
    if (width > 0) m->add(&call, sums);
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

hoop_tensor *hoop_metric_sums(hoop_tape *t, const hoop_metric_use *use, hoop_tensor *out, hoop_tensor *target, hoop_tensor *scale,
                              hoop_tensor *shift)
{
    hoop_tensor *in[]  = {out, target, scale, shift};
    metric_attrs attrs = {.cut = use->cut};
    if (use->opts != NULL && use->metric->opts_size <= sizeof attrs.opts) memcpy(attrs.opts, use->opts, use->metric->opts_size);
    while (hoop_metric_get((int)attrs.metric) != NULL && hoop_metric_get((int)attrs.metric) != use->metric) attrs.metric++;
    return hoop_op_call(t, &row, in, scale == NULL ? 2 : 4, &attrs, NULL);
}
