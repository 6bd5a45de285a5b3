/* softmax, log_softmax over the last dim, and the fused ops that are their gradients. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>

static const hoop_case cases[] = {
    {"3x4"}, {"2x3x5"}, {"4"}, {"0x3"}, {"7x129"}, {"5x1"}, {".", NULL, HOOP_ESHAPE}, {"i64:3<5", NULL, HOOP_EDTYPE}};
static const hoop_case grad_cases[] = {{"3x4 3x4"}, {"2x3x5 2x3x5"}, {"0x3 0x3"}, {"7x129 7x129"}, {"3 4", NULL, HOOP_ESHAPE}};

extern const hoop_op hoop__op_softmax, hoop__op_softmax_grad, hoop__op_log_softmax, hoop__op_log_softmax_grad;

#define SOFTMAX(op_name)                                                                                                         \
    hoop_tensor *hoop_##op_name(hoop_tape *t, hoop_tensor *x)                                                                    \
    {                                                                                                                            \
        return hoop_op_call(t, &hoop__op_##op_name, &x, 1, NULL, NULL);                                                          \
    }                                                                                                                            \
    static hoop_status op_name##_forward(const hoop_call *c)                                                                     \
    {                                                                                                                            \
        int64_t rows, cols;                                                                                                      \
        hoop__rows(c->in[0], &rows, &cols);                                                                                      \
        if (rows > 0 && cols > 0) c->kernels->op_name[c->out->dtype](rows, cols, c->in[0]->data, c->out->data);                  \
        return HOOP_OK;                                                                                                          \
    }                                                                                                                            \
    static hoop_status op_name##_grad_forward(const hoop_call *c)                                                                \
    {                                                                                                                            \
        int64_t rows, cols;                                                                                                      \
        hoop__rows(c->in[0], &rows, &cols);                                                                                      \
        if (rows > 0 && cols > 0)                                                                                                \
            c->kernels->op_name##_grad[c->out->dtype](rows, cols, c->in[0]->data, c->in[1]->data, c->out->data, c->add);         \
        return HOOP_OK;                                                                                                          \
    }                                                                                                                            \
    static void op_name##_backward(hoop_backward_call *b)                                                                        \
    {                                                                                                                            \
        if (hoop_sink(b, 0))                                                                                                     \
            hoop_op_call(b->t, &hoop__op_##op_name##_grad, (hoop_tensor *[]){b->out[0], b->dy[0]}, 2, NULL, NULL);               \
    }                                                                                                                            \
    const hoop_op hoop__op_##op_name        = {.name      = #op_name,                                                            \
                                               .min_in    = 1,                                                                   \
                                               .max_in    = 1,                                                                   \
                                               .nout      = 1,                                                                   \
                                               .reads     = HOOP_READS_OUT(0),                                                   \
                                               .shape     = hoop__shape_rows,                                                    \
                                               .forward   = op_name##_forward,                                                   \
                                               .backward  = op_name##_backward,                                                  \
                                               .reference = op_name##_reference,                                                 \
                                               HOOP_CASES(cases)};                                                               \
    const hoop_op hoop__op_##op_name##_grad = {.name      = #op_name "_grad",                                                    \
                                               .min_in    = 2,                                                                   \
                                               .max_in    = 2,                                                                   \
                                               .nout      = 1,                                                                   \
                                               .flags     = HOOP_OP_ACCUMULATES,                                                 \
                                               .shape     = hoop__shape_rows,                                                    \
                                               .forward   = op_name##_grad_forward,                                              \
                                               .composite = op_name##_grad_composite,                                            \
                                               .reference = op_name##_grad_reference,                                            \
                                               HOOP_CASES(grad_cases)};

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
static void softmax_reference(const hoop_call *c)
{
    log_softmax_reference(c);
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) ((double *)c->out->data)[i] = exp(((double *)c->out->data)[i]);
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
static void softmax_grad_reference(const hoop_call *c)
{
    any_grad_reference(c, false);
}
static void log_softmax_grad_reference(const hoop_call *c)
{
    any_grad_reference(c, true);
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
static hoop_tensor *softmax_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *product = hoop_mul(t, in[0], in[1]), *sum = hoop_sum(t, product, last_dim(in[0]), true),
                *rest = hoop_sub(t, in[1], sum);
    (void)nin, (void)attrs;
    return hoop_mul(t, in[0], rest);
}
SOFTMAX(softmax)

/**
 * hoop_log_softmax - x - log sum e^x over the last dim, with the row's largest taken off first.
 * Shape   x (..., C) -> same         Grad   dx += dy - e^y sum(dy)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (scalar), HOOP_EDTYPE
 */
static hoop_tensor *log_softmax_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *p = hoop_exp(t, in[0]), *sum = hoop_sum(t, in[1], last_dim(in[0]), true), *part = hoop_mul(t, p, sum);
    (void)nin, (void)attrs;
    return hoop_sub(t, in[1], part);
}
SOFTMAX(log_softmax)
