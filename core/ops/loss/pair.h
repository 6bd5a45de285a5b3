/**
 * ops/loss/pair.h - losses that are a sum over elements of f(x, t), x an output and t its target of the same shape: what their
 * rows share. A loss is two rows, NAME (x, t) -> sum (), weight () and NAME_grad (x, t, dloss ()) -> dx, and a hoop__pair for
 * both. One that says what its elements are may be weighted: NAME (x, t, w), all of a shape, and dloss of that shape.
 */
#ifndef HOOP_OPS_LOSS_PAIR_H
#define HOOP_OPS_LOSS_PAIR_H

#include "kernels/loss.h"
#include "ops/shape.h"

/* options: what a and b are, each loss says */
typedef struct hoop__pair_attrs {
    double a, b;
} hoop__pair_attrs;

typedef struct hoop__pair {
    const hoop_op *op, *grad;
    double (*value)(double x, double t, double a, double b);
    double (*slope)(double x, double t, double a, double b); /* df/dx */
    /* df/dx, df/dt in primitive ops; by_target NULL: minus df/dx */
    hoop_tensor *(*by_x)(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a);
    hoop_tensor *(*by_target)(hoop_tape *t, hoop_tensor *x, hoop_tensor *target, const hoop__pair_attrs *a);
    hoop_tensor *(*elements)(hoop_tape *t, hoop_tensor *x, hoop_tensor *target); /* f in primitive ops; NULL: no weights */
    bool        by_rows;                                                         /* the weight is rows, dim 0; else elements */
    const char *key, *key_b; /* what a and b are called; NULL: they are not looked at */
    double      least, most; /* of a; both 0: from 0 on. b is from 0 on. */
} hoop__pair;

#define HOOP__PAIR_DECLARE(name) extern const hoop__pair hoop__pair_##name;
HOOP_PAIR_LIST(HOOP__PAIR_DECLARE)

/* the loss, by its kernel's number; poison after an error */
hoop_tensor *hoop__pair_loss(hoop_tape *t, int kernel, hoop_tensor *x, hoop_tensor *target, double a, double b);
/* elements times weight, of x's shape or NULL, of a loss that has weights */
hoop_tensor *hoop__pair_weighted(hoop_tape *t, int kernel, hoop_tensor *x, hoop_tensor *target, hoop_tensor *weight, double a,
                                 double b);
/* with the weight of a loss: an op's second output */
hoop_tensor *hoop__with_weight(hoop_tape *t, hoop_tensor *loss, hoop_tensor *weight);

hoop_status  hoop__pair_shape(hoop_shape_call *s, int kernel);
hoop_status  hoop__pair_forward(const hoop_call *c);
int64_t      hoop__pair_workspace(const hoop_call *c);
uint64_t     hoop__pair_reads(const void *attrs, int nin);
void         hoop__pair_backward(hoop_backward_call *b, int kernel);
void         hoop__pair_reference(const hoop_call *c);
hoop_status  hoop__pair_grad_shape(hoop_shape_call *s, int kernel);
hoop_status  hoop__pair_grad_forward(const hoop_call *c);
int64_t      hoop__pair_grad_workspace(const hoop_call *c);
hoop_tensor *hoop__pair_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs, int kernel);
void         hoop__pair_grad_reference(const hoop_call *c);

extern const hoop_field hoop__pair_fields[2];

/* both rows of a loss, from its cases; most: 3 inputs where there may be weights */
#define HOOP__PAIR_ROWS(word, loss_cases, slope_cases) HOOP__PAIR_ROWS_OF(word, 2, loss_cases, slope_cases)
#define HOOP__PAIR_ROWS_OF(word, most, loss_cases, slope_cases)                                                                  \
    static hoop_tensor *word##_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)                  \
    {                                                                                                                            \
        return hoop__pair_grad_composite(t, in, nin, attrs, HOOP_PAIR_##word);                                                   \
    }                                                                                                                            \
    static hoop_status word##_shape(hoop_shape_call *s)                                                                          \
    {                                                                                                                            \
        return hoop__pair_shape(s, HOOP_PAIR_##word);                                                                            \
    }                                                                                                                            \
    static hoop_status word##_grad_shape(hoop_shape_call *s)                                                                     \
    {                                                                                                                            \
        return hoop__pair_grad_shape(s, HOOP_PAIR_##word);                                                                       \
    }                                                                                                                            \
    static void word##_backward(hoop_backward_call *b)                                                                           \
    {                                                                                                                            \
        hoop__pair_backward(b, HOOP_PAIR_##word);                                                                                \
    }                                                                                                                            \
    const hoop_op hoop__op_##word = {                                                                                            \
        .name       = #word,                                                                                                     \
        .min_in     = 2,                                                                                                         \
        .max_in     = (most),                                                                                                    \
        .nout       = 2,                                                                                                         \
        .reads_of   = hoop__pair_reads,                                                                                          \
        .attrs_size = sizeof(hoop__pair_attrs),                                                                                  \
        .fields     = hoop__pair_fields,                                                                                         \
        .nfields    = 2,                                                                                                         \
        .shape      = word##_shape,                                                                                              \
        .forward    = hoop__pair_forward,                                                                                        \
        .workspace  = hoop__pair_workspace,                                                                                      \
        .backward   = word##_backward,                                                                                           \
        .reference  = hoop__pair_reference,                                                                                      \
        .kernel     = HOOP_PAIR_##word,                                                                                          \
        HOOP_CASES(loss_cases),                                                                                                  \
    };                                                                                                                           \
    const hoop_op hoop__op_##word##_grad = {                                                                                     \
        .name       = #word "_grad",                                                                                             \
        .min_in     = 3,                                                                                                         \
        .max_in     = 3,                                                                                                         \
        .nout       = 1,                                                                                                         \
        .flags      = HOOP_OP_ACCUMULATES,                                                                                       \
        .attrs_size = sizeof(hoop__pair_attrs),                                                                                  \
        .fields     = hoop__pair_fields,                                                                                         \
        .nfields    = 2,                                                                                                         \
        .shape      = word##_grad_shape,                                                                                         \
        .workspace  = hoop__pair_grad_workspace,                                                                                 \
        .forward    = hoop__pair_grad_forward,                                                                                   \
        .composite  = word##_grad_composite,                                                                                     \
        .reference  = hoop__pair_grad_reference,                                                                                 \
        .kernel     = HOOP_PAIR_##word,                                                                                          \
        HOOP_CASES(slope_cases),                                                                                                 \
    }

#endif
