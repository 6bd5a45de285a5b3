/* mse: squared error; loss: any sum with its weight. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "tape/tape.h"

#include <string.h>

extern const hoop_op hoop__op_mse, hoop__op_mse_grad, hoop__op_loss;

typedef struct mse_grad_attrs {
    double factor; /* 2 of y, -2 of the target */
} mse_grad_attrs;
static const hoop_field mse_grad_fields[] = {{"factor", 'f', offsetof(mse_grad_attrs, factor)}};

/**
 * hoop_mse - squared differences, summed.
 * Shape   y, target of one shape -> () with weight () in f64 = elements
 * Value   sum (y - target)^2
 * Grad    dy += 2 dloss (y - target), dtarget the opposite
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_mse(hoop_tape *t, hoop_tensor *y, hoop_tensor *target)
{
    hoop_tensor *out[2];
    hoop_tensor *loss = hoop_op_call(t, &hoop__op_mse, (hoop_tensor *[]){y, target}, 2, NULL, out);
    if (!hoop_tensor_is_poison(loss)) loss->weight = hoop_retain(t, out[1]);
    return loss;
}
static hoop_status mse_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__shape_same(s);
    hoop__view_set(&s->out[0], (hoop_dtype)s->in[0]->dtype, 0, NULL);
    hoop__view_set(&s->out[1], HOOP_F64, 0, NULL); /* f32 counts to 2^24 only */
    return st;
}
static int64_t mse_workspace(const hoop_call *c)
{
    return hoop__view_numel(c->in[0]) * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
}
/* into the workspace: differences, then their squares */
static void squares_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c     = ctx;
    hoop_dtype       dtype = (hoop_dtype)c->out->dtype;
    int64_t          at    = first * (int64_t)hoop_dtype_size(dtype);
    char            *d     = (char *)c->work + at;
    c->kernels->binary[HOOP_BINARY_sub][dtype](n, (const char *)c->in[0]->data + at, 1, (const char *)c->in[1]->data + at, 1, d,
                                               false);
    c->kernels->binary[HOOP_BINARY_mul][dtype](n, d, 1, d, 1, d, false);
}
static hoop_status mse_forward(const hoop_call *c)
{
    hoop_dtype dtype = (hoop_dtype)c->out->dtype;
    int64_t    n     = hoop__view_numel(c->in[0]);
    hoop_threads_share(c->threads, n, 2 * (int64_t)hoop_dtype_size(dtype), 64, squares_range, c);
    c->kernels->sum_rows[dtype](1, n, c->work, n, c->out[0].data, c->add);
    *(double *)c->out[1].data = (double)n;
    return HOOP_OK;
}
static void mse_backward(hoop_backward_call *b)
{
    for (int i = 0; i < 2 && b->dy[0] != NULL; i++) {
        if (hoop_sink(b, i))
            hoop_op_call(b->t, &hoop__op_mse_grad, (hoop_tensor *[]){b->in[0], b->in[1], b->dy[0]}, 3,
                         &(mse_grad_attrs){i == 0 ? 2.0 : -2.0}, NULL);
    }
}
static void mse_reference(const hoop_call *c)
{
    double sum = 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[0]); i < n; i++) {
        double d = hoop__at(c->in[0], i) - hoop__at(c->in[1], i);
        sum += d * d;
    }
    *(double *)c->out[0].data = sum;
    *(double *)c->out[1].data = (double)hoop__view_numel(c->in[0]);
}
static const hoop_case mse_cases[] = {
    {"3x4 3x4"}, {". ."}, {"0x3 0x3"}, {"133 133"}, {"3x4 4", NULL, HOOP_ESHAPE}, {"3 i64:3<4", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_mse = {
    .name      = "mse",
    .min_in    = 2,
    .max_in    = 2,
    .nout      = 2,
    .reads     = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .shape     = mse_shape,
    .forward   = mse_forward,
    .workspace = mse_workspace,
    .backward  = mse_backward,
    .reference = mse_reference,
    HOOP_CASES(mse_cases),
};

/* mse_grad: (y, target, dloss ()) -> (y - target) (factor dloss) */
static hoop_status mse_grad_shape(hoop_shape_call *s)
{
    hoop_shape_call two = *s;
    hoop_status     st;
    two.nin = 2;
    st      = hoop__shape_same(&two);
    if (st != HOOP_OK) return st;
    if (s->in[2]->ndim != 0) return hoop_fail(s->err, HOOP_ESHAPE, "dloss () is wanted");
    return s->in[2]->dtype == s->in[0]->dtype ? HOOP_OK : hoop_fail(s->err, HOOP_EDTYPE, "floats of one dtype are wanted");
}
static void mse_grad_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c      = ctx;
    const double     factor = ((const mse_grad_attrs *)c->attrs)->factor;
    hoop_dtype       dtype  = (hoop_dtype)c->out->dtype;
    int64_t          at     = first * (int64_t)hoop_dtype_size(dtype);
    char            *dx     = (char *)c->out->data + at;
    float            f      = 0.0F;
    double           d      = 0.0;
    if (dtype == HOOP_F32)
        f = *(const float *)c->in[2]->data * (float)factor;
    else
        d = *(const double *)c->in[2]->data * factor;
    c->kernels->binary[HOOP_BINARY_sub][dtype](n, (const char *)c->in[0]->data + at, 1, (const char *)c->in[1]->data + at, 1, dx,
                                               false);
    c->kernels->binary[HOOP_BINARY_mul][dtype](n, dx, 1, dtype == HOOP_F32 ? (const void *)&f : (const void *)&d, 0, dx, false);
}
static hoop_status mse_grad_forward(const hoop_call *c)
{
    hoop_threads_share(c->threads, hoop__view_numel(c->out), 2 * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype), 64,
                       mse_grad_range, c);
    return HOOP_OK;
}
static hoop_tensor *mse_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *difference = hoop_sub(t, in[0], in[1]);
    hoop_tensor *scaled     = hoop_scale(t, in[2], ((const mse_grad_attrs *)attrs)->factor);
    (void)nin;
    return hoop_mul(t, difference, scaled);
}
static void mse_grad_reference(const hoop_call *c)
{
    const double scaled = hoop__at(c->in[2], 0) * ((const mse_grad_attrs *)c->attrs)->factor;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++)
        ((double *)c->out->data)[i] = (hoop__at(c->in[0], i) - hoop__at(c->in[1], i)) * scaled;
}
static const mse_grad_attrs two = {2.0}, minus_two = {-2.0};

static const hoop_case mse_grad_cases[] = {
    {"3x4 3x4 .", &two},          {"133 133 .", &minus_two},          {"0x3 0x3 .", &two}, {"3x4 4 .", &two, HOOP_ESHAPE},
    {"3 3 3", &two, HOOP_ESHAPE}, {"3 3 i64:.<4", &two, HOOP_EDTYPE},
};

const hoop_op hoop__op_mse_grad = {
    .name       = "mse_grad",
    .min_in     = 3,
    .max_in     = 3,
    .nout       = 1,
    .attrs_size = sizeof(mse_grad_attrs),
    HOOP_FIELDS(mse_grad_fields),
    .shape     = mse_grad_shape,
    .forward   = mse_grad_forward,
    .composite = mse_grad_composite,
    .reference = mse_grad_reference,
    HOOP_CASES(mse_grad_cases),
};

/**
 * hoop_loss - a sum with its weight: what an op on a loss gives is a plain tensor, which this makes a loss again.
 * Shape   sum (), weight () -> ()    Grad   dsum += dy
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_loss(hoop_tape *t, hoop_tensor *sum, hoop_tensor *weight)
{
    hoop_tensor *loss = hoop_op_call(t, &hoop__op_loss, (hoop_tensor *[]){sum, weight}, 2, NULL, NULL);
    if (!hoop_tensor_is_poison(loss)) loss->weight = hoop_retain(t, hoop__acquire(t, weight));
    return loss;
}
static hoop_status loss_shape(hoop_shape_call *s)
{
    if (hoop__check_float(s, 0) != HOOP_OK || hoop__check_float(s, 1) != HOOP_OK) return HOOP_EDTYPE;
    if (s->in[0]->ndim != 0 || s->in[1]->ndim != 0) return hoop_fail(s->err, HOOP_ESHAPE, "scalars are wanted (hoop_sum)");
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}
static hoop_status loss_forward(const hoop_call *c)
{
    memcpy(c->out->data, c->in[0]->data, hoop_dtype_size((hoop_dtype)c->out->dtype));
    return HOOP_OK;
}
static void loss_backward(hoop_backward_call *b)
{
    hoop_pass(b, 0, b->dy[0]);
}
static void loss_reference(const hoop_call *c)
{
    *(double *)c->out->data = hoop__at(c->in[0], 0);
}
static const hoop_case loss_cases[] = {{". ."}, {"3 3", NULL, HOOP_ESHAPE}, {". i64:.<4", NULL, HOOP_EDTYPE}};

const hoop_op hoop__op_loss = {
    .name      = "loss",
    .min_in    = 2,
    .max_in    = 2,
    .nout      = 1,
    .shape     = loss_shape,
    .forward   = loss_forward,
    .backward  = loss_backward,
    .reference = loss_reference,
    HOOP_CASES(loss_cases),
};
