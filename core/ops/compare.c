/* greater, equal: elementwise comparisons, 1 or 0 in the inputs' dtype. */
#include "hoop/ops.h"
#include "ops/shape.h"

static const hoop_case cases[] = {
    {"3x4 3x4"}, {"3x4 4"}, {". 5"}, {"0x3 3"}, {"3 4", NULL, HOOP_ESHAPE}, {"3 i64:3<5", NULL, HOOP_EDTYPE}};

extern const hoop_op hoop__op_greater, hoop__op_equal;

#define COMPARE(op_name, sign)                                                                                                   \
    hoop_tensor *hoop_##op_name(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)                                                    \
    {                                                                                                                            \
        return hoop_op_call(t, &hoop__op_##op_name, (hoop_tensor *[]){a, b}, 2, NULL, NULL);                                     \
    }                                                                                                                            \
    static hoop_status op_name##_forward(const hoop_call *c)                                                                     \
    {                                                                                                                            \
        return hoop__run_binary(c, HOOP_BINARY_##op_name);                                                                       \
    }                                                                                                                            \
    static void op_name##_reference(const hoop_call *c)                                                                          \
    {                                                                                                                            \
        hoop_view a = *c->in[0], b = *c->in[1];                                                                                  \
        hoop__broadcast_strides(c->in[0], c->out, a.stride);                                                                     \
        hoop__broadcast_strides(c->in[1], c->out, b.stride);                                                                     \
        a.ndim = b.ndim = c->out->ndim;                                                                                          \
        for (int d = 0; d < c->out->ndim; d++) a.shape[d] = b.shape[d] = c->out->shape[d];                                       \
        for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {                                                          \
            ((double *)c->out->data)[i] = hoop__at(&a, i) sign hoop__at(&b, i) ? 1.0 : 0.0;                                      \
        }                                                                                                                        \
    }                                                                                                                            \
    const hoop_op hoop__op_##op_name = {.name      = #op_name,                                                                   \
                                        .min_in    = 2,                                                                          \
                                        .max_in    = 2,                                                                          \
                                        .nout      = 1,                                                                          \
                                        .flags     = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_NO_GRAD,                    \
                                        .shape     = hoop__shape_broadcast,                                                      \
                                        .forward   = op_name##_forward,                                                          \
                                        .reference = op_name##_reference,                                                        \
                                        HOOP_CASES(cases)};

/**
 * hoop_greater - 1 where a > b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none (zero almost everywhere)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
COMPARE(greater, >)
/**
 * hoop_equal - 1 where a == b, else 0 (NaN: 0).
 * Shape   a, b broadcast -> y        Grad   none
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
COMPARE(equal, ==)
