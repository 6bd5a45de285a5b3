/* sum, mean; sum_to, the inverse of broadcasting. */
#include "ops/reduce/reduce.h"

extern const hoop_op hoop__op_sum, hoop__op_mean;

static const reduce_attrs all = {HOOP_ALL_DIMS, 0}, all_kept = {HOOP_ALL_DIMS, 1}, first = {1, 0}, second = {2, 0},
                          outer = {5, 1}, fourth = {8, 0}, even = {10, 0}, negative = {-2, 0};

typedef struct total {
    double  *y, share; /* of floats */
    int64_t *i;        /* of integers */
} total;

static void add_up(void *ctx, int64_t to, int64_t k, double v)
{
    const total *s = ctx;
    (void)k;
    if (s->i != NULL)
        s->i[to] += (int64_t)v;
    else
        s->y[to] += v * s->share;
}

static void reference(const hoop_call *c, double share)
{
    total s = {c->out->data, share, c->out->dtype == HOOP_I64 ? c->out->data : NULL};
    for (int64_t i = 0, m = hoop__view_numel(c->out); i < m; i++) hoop__put(c->out, i, 0.0);
    hoop__reduce_walk(c, add_up, &s);
}

/**
 * hoop_sum - sum over dims; 0 for no elements.
 * Shape   x [...] -> without the dims of the mask, or with size 1 there
 * Grad    dx += dy, broadcast back
 * Dtype   f32, f64; i64, i32, u8 -> i64          Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_sum(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_sum, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status sum_shape(hoop_shape_call *s)
{
    return hoop__fold_shape(s, HOOP_REDUCE_SUM);
}
static void sum_backward(hoop_backward_call *b)
{
    hoop_tensor *dy = hoop__with_dims(b, b->dy[0]);
    if (hoop_sink(b, 0)) hoop_expand(b->t, dy, hoop_tensor_ndim(b->in[0]), hoop_tensor_shape(b->in[0]));
}
static void sum_reference(const hoop_call *c)
{
    reference(c, 1.0);
}
static const hoop_case sum_cases[] = {
    {"3x4", &all},
    {"3x4", &all_kept},
    {"3x4", &first},
    {"3x4", &second},
    {"2x3x4", &outer},
    {"2x3x4", &second},
    {".", &all},
    {"1x5", &first},
    {"70x33", &first},
    {"33x70", &second},
    {"3x70x2", &second},
    {"2x3x2x3x2", &even},
    {"0x3", &all},
    {"0x3", &first},
    {"0x3", &second},
    {"i64:7x5<9", &all},
    {"i32:70x33<9", &first},
    {"u8:3x70x2<200", &outer},
    {"u8:3x1<200", &second},
    {"i32:0x3<9", &first},
    {"3", &fourth, HOOP_ESHAPE},
    {"3x3", &negative, HOOP_ESHAPE},
};
const hoop_op hoop__op_sum = {
    .name  = "sum",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = sum_shape,
    .forward   = hoop__fold,
    .workspace = hoop__fold_workspace,
    .kernel    = HOOP_REDUCE_SUM,
    .backward  = sum_backward,
    .reference = sum_reference,
    HOOP_CASES(sum_cases),
};

/**
 * hoop_mean - mean over dims: the sum times 1/count.
 * Shape   as hoop_sum                Grad   dx += dy / count
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim, no elements), HOOP_EDTYPE
 */
hoop_tensor *hoop_mean(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_mean, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status mean_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__reduce_shape_some(s);
    return st == HOOP_OK ? hoop__check_float(s, 0) : st;
}
static hoop_status mean_forward(const hoop_call *c)
{
    double      d     = 1.0 / (double)hoop__reduced_count(c->in[0], c->attrs);
    float       f     = (float)d;
    hoop_view   share = {.dtype = c->out->dtype};
    hoop_call   mean  = *c;
    hoop_status st    = hoop__fold(c);
    share.data        = c->out->dtype == HOOP_F32 ? (void *)&f : (void *)&d;
    mean.in           = (const hoop_view *[]){c->out, &share};
    return st == HOOP_OK ? hoop__run_binary(&mean, HOOP_BINARY_mul) : st;
}
static void mean_backward(hoop_backward_call *b)
{
    hoop_tensor *dy    = hoop__with_dims(b, b->dy[0]),
                *share = hoop_scale(b->t, dy, 1.0 / (double)hoop__reduced_count(hoop_tensor_view(b->in[0]), b->attrs));
    if (hoop_sink(b, 0)) hoop_expand(b->t, share, hoop_tensor_ndim(b->in[0]), hoop_tensor_shape(b->in[0]));
}
static void mean_reference(const hoop_call *c)
{
    reference(c, 1.0 / (double)hoop__reduced_count(c->in[0], c->attrs));
}
static const hoop_case mean_cases[] = {
    {"3x4", &all},
    {"3x4", &all_kept},
    {"3x4", &second},
    {"2x3x4", &outer},
    {".", &all},
    {"70x33", &first},
    {"33x70", &second},
    {"2x3x2x3x2", &even},
    {"0x3", &second},
    {"3", &fourth, HOOP_ESHAPE},
    {"0x3", &first, HOOP_ESHAPE},
    {"i64:3<5", &all, HOOP_EDTYPE},
};
const hoop_op hoop__op_mean = {
    .name  = "mean",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = mean_shape,
    .forward   = mean_forward,
    .workspace = hoop__fold_workspace,
    .kernel    = HOOP_REDUCE_SUM,
    .backward  = mean_backward,
    .reference = mean_reference,
    HOOP_CASES(mean_cases),
};

hoop_tensor *hoop_sum_to(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape)
{
    unsigned dims = 0;
    int      lead = hoop_tensor_ndim(x) - ndim;
    for (int d = 0; d < hoop_tensor_ndim(x); d++) {
        if (d < lead || (shape[d - lead] == 1 && hoop_tensor_size(x, d) != 1)) dims |= 1u << d;
    }
    if (dims != 0) x = hoop_sum(t, x, dims, true);
    return hoop_reshape(t, x, ndim, shape);
}
