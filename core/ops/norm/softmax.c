/* softmax, log_softmax over the last dim, and the fused ops that are their gradients. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

static const hoop_case cases[] = {
    {"3x4"}, {"2x3x5"}, {"4"}, {"0x3"}, {"7x129"}, {"5x1"}, {".", NULL, HOOP_ESHAPE}, {"i64:3<5", NULL, HOOP_EDTYPE},
};
static const hoop_case grad_cases[] = {
    {"3x4 3x4"}, {"2x3x5 2x3x5"}, {"0x3 0x3"}, {"7x129 7x129"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<4", NULL, HOOP_EDTYPE}};

extern const hoop_op hoop__op_softmax, hoop__op_softmax_grad, hoop__op_log_softmax, hoop__op_log_softmax_grad;

/* x (..., C) as (rows, C) */
typedef struct rows_job {
    const hoop_call      *c;
    hoop_softmax_fn      *f;
    hoop_softmax_grad_fn *grad;
    int64_t               cols, row_bytes;
} rows_job;

static void rows_range(const void *ctx, int64_t first, int64_t n)
{
    const rows_job  *j  = ctx;
    const hoop_call *c  = j->c;
    int64_t          at = first * j->row_bytes;
    const char      *x  = (const char *)c->in[0]->data + at;
    char            *y  = (char *)c->out->data + at;
    if (j->f != NULL)
        j->f(n, j->cols, x, y);
    else
        j->grad(n, j->cols, x, (const char *)c->in[1]->data + at, y, c->add);
}
static hoop_status rows_run(rows_job *j)
{
    int64_t rows;
    hoop__rows(j->c->in[0], &rows, &j->cols);
    j->row_bytes = j->cols * (int64_t)hoop_dtype_size((hoop_dtype)j->c->out->dtype);
    if (j->cols > 0) hoop_threads_share(j->c->threads, rows, hoop__exp_weight(j->c, j->cols), 1, rows_range, j);
    return HOOP_OK;
}
static hoop_status rows_forward(const hoop_call *c, hoop_softmax_fn *f)
{
    return rows_run(&(rows_job){.c = c, .f = f});
}
static hoop_status rows_grad_forward(const hoop_call *c, hoop_softmax_grad_fn *f)
{
    return rows_run(&(rows_job){.c = c, .grad = f});
}

static void log_softmax_reference(const hoop_call *c)
{
    int64_t rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0.0, largest = -INFINITY;
        for (int64_t i = 0; i < cols; i++) largest = fmax(largest, hoop__at(c->in[0], r * cols + i));
        for (int64_t i = 0; i < cols; i++) sum += exp(hoop__at(c->in[0], r * cols + i) - largest);
        for (int64_t i = 0; i < cols; i++)
            ((double *)c->out->data)[r * cols + i] = hoop__at(c->in[0], r * cols + i) - largest - log(sum);
    }
}
static void any_grad_reference(const hoop_call *c, bool logarithm)
{
    int64_t rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (int64_t i = r * cols; i < (r + 1) * cols; i++)
            sum += hoop__at(c->in[1], i) * (logarithm ? 1.0 : hoop__at(c->in[0], i));
        for (int64_t i = r * cols; i < (r + 1) * cols; i++) {
            double y = hoop__at(c->in[0], i), dy = hoop__at(c->in[1], i);
            ((double *)c->out->data)[i] = logarithm ? dy - exp(y) * sum : y * (dy - sum);
        }
    }
}

static unsigned last_dim(const hoop_tensor *x)
{
    return 1u << (hoop_tensor_ndim(x) - 1);
}

/**
 * hoop_softmax - e^x / sum e^x over the last dim, with the row's largest taken off first.
 * Shape   x (..., C) -> same         Grad   dx += y (dy - sum(y dy))
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (scalar), HOOP_EDTYPE
 */
hoop_tensor *hoop_softmax(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_softmax, &x, 1, NULL, NULL);
}
static hoop_status softmax_forward(const hoop_call *c)
{
    return rows_forward(c, c->kernels->softmax[c->out->dtype]);
}
static void softmax_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_softmax_grad, (hoop_tensor *[]){b->out[0], b->dy[0]}, 2, NULL, NULL);
}
static void softmax_reference(const hoop_call *c)
{
    log_softmax_reference(c);
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) ((double *)c->out->data)[i] = exp(((double *)c->out->data)[i]);
}

const hoop_op hoop__op_softmax = {
    .name      = "softmax",
    .min_in    = 1,
    .max_in    = 1,
    .nout      = 1,
    .flags     = HOOP_OP_ROW_WISE,
    .reads     = HOOP_READS_OUT(0),
    .shape     = hoop__shape_rows,
    .forward   = softmax_forward,
    .backward  = softmax_backward,
    .reference = softmax_reference,
    .samples   = hoop__samples_outer,
    HOOP_CASES(cases),
};

/* softmax_grad: y, dy -> dx, all of one shape (..., C) */
static hoop_status softmax_grad_forward(const hoop_call *c)
{
    return rows_grad_forward(c, c->kernels->softmax_grad[c->out->dtype]);
}
static hoop_tensor *softmax_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *product = hoop_mul(t, in[0], in[1]);                   /* (..., C) */
    hoop_tensor *sum     = hoop_sum(t, product, last_dim(in[0]), true); /* (..., 1) */
    hoop_tensor *rest    = hoop_sub(t, in[1], sum);                     /* (..., C) */
    (void)nin, (void)attrs;
    return hoop_mul(t, in[0], rest);
}
static void softmax_grad_reference(const hoop_call *c)
{
    any_grad_reference(c, false);
}

const hoop_op hoop__op_softmax_grad = {
    .name      = "softmax_grad",
    .min_in    = 2,
    .max_in    = 2,
    .nout      = 1,
    .flags     = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .shape     = hoop__shape_rows,
    .forward   = softmax_grad_forward,
    .composite = softmax_grad_composite,
    .reference = softmax_grad_reference,
    .samples   = hoop__samples_outer,
    HOOP_CASES(grad_cases),
};

/**
 * hoop_log_softmax - x - log sum e^x over the last dim, with the row's largest taken off first.
 * Shape   x (..., C) -> same         Grad   dx += dy - e^y sum(dy)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (scalar), HOOP_EDTYPE
 */
hoop_tensor *hoop_log_softmax(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_log_softmax, &x, 1, NULL, NULL);
}
static hoop_status log_softmax_forward(const hoop_call *c)
{
    return rows_forward(c, c->kernels->log_softmax[c->out->dtype]);
}
static void log_softmax_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_log_softmax_grad, (hoop_tensor *[]){b->out[0], b->dy[0]}, 2, NULL, NULL);
}

const hoop_op hoop__op_log_softmax = {
    .name      = "log_softmax",
    .min_in    = 1,
    .max_in    = 1,
    .nout      = 1,
    .flags     = HOOP_OP_ROW_WISE,
    .reads     = HOOP_READS_OUT(0),
    .shape     = hoop__shape_rows,
    .forward   = log_softmax_forward,
    .backward  = log_softmax_backward,
    .reference = log_softmax_reference,
    .samples   = hoop__samples_outer,
    HOOP_CASES(cases),
};

/* log_softmax_grad: y, dy -> dx, all of one shape (..., C) */
static hoop_status log_softmax_grad_forward(const hoop_call *c)
{
    return rows_grad_forward(c, c->kernels->log_softmax_grad[c->out->dtype]);
}
static hoop_tensor *log_softmax_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *p    = hoop_exp(t, in[0]);                        /* (..., C) */
    hoop_tensor *sum  = hoop_sum(t, in[1], last_dim(in[0]), true); /* (..., 1) */
    hoop_tensor *part = hoop_mul(t, p, sum);                       /* (..., C) */
    (void)nin, (void)attrs;
    return hoop_sub(t, in[1], part);
}
static void log_softmax_grad_reference(const hoop_call *c)
{
    any_grad_reference(c, true);
}

const hoop_op hoop__op_log_softmax_grad = {
    .name      = "log_softmax_grad",
    .min_in    = 2,
    .max_in    = 2,
    .nout      = 1,
    .flags     = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .shape     = hoop__shape_rows,
    .forward   = log_softmax_grad_forward,
    .composite = log_softmax_grad_composite,
    .reference = log_softmax_grad_reference,
    .samples   = hoop__samples_outer,
    HOOP_CASES(grad_cases),
};
