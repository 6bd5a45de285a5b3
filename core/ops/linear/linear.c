/* linear: x W^T + b in one op. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "runtime/blas.h"

#include <string.h>

extern const hoop_op hoop__op_linear;

/**
 * hoop_linear - affine map of the last dim.
 * Shape   x (..., I), w (O, I), b (O) or NULL -> y (..., O)
 * Grad    dx += dy w, dw += dy^T x, db += sum of dy over all but the last dim
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_linear(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_linear, (hoop_tensor *[]){x, w, b}, b == NULL ? 2 : 3, NULL, NULL);
}

static hoop_status linear_shape(hoop_shape_call *s)
{
    const hoop_view *x = s->in[0], *w = s->in[1];
    int64_t          shape[HOOP_MAX_DIMS] = {0};
    hoop_status      st                   = hoop__check_float(s, 0);
    if (st != HOOP_OK) return st;
    for (int i = 1; i < s->nin; i++) {
        if (s->in[i]->dtype != x->dtype) return hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
    }
    if (x->ndim < 1 || w->ndim != 2 || x->shape[x->ndim - 1] != w->shape[1]) {
        return hoop_fail(s->err, HOOP_ESHAPE, "x (..., I) and w (O, I) are wanted");
    }
    if (s->nin == 3 && (s->in[2]->ndim != 1 || s->in[2]->shape[0] != w->shape[0]))
        return hoop_fail(s->err, HOOP_ESHAPE, "b (O) is wanted");
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    shape[x->ndim - 1] = w->shape[0];
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, x->ndim, shape);
    return HOOP_OK;
}

static hoop_gemm_args product_of(const hoop_call *c)
{
    int64_t rows, in, out = c->in[1]->shape[0];
    hoop__rows(c->in[0], &rows, &in);
    return (hoop_gemm_args){
        .dtype = (hoop_dtype)c->out->dtype,
        .tb    = true,
        .add   = c->add,
        .m     = rows,
        .n     = out,
        .k     = in,
        .a     = c->in[0]->data, /* (rows, I) */
        .b     = c->in[1]->data, /* (O, I) */
        .c     = c->out->data,   /* (rows, O) */
        .lda   = in,
        .ldb   = in,
        .ldc   = out,
        .batch = 1,
        .bias  = c->nin == 3 && !c->add ? c->in[2]->data : NULL, /* (O) */
    };
}

static int64_t linear_workspace(const hoop_call *c)
{
    hoop_gemm_args g = product_of(c);
    return hoop__gemm_work_bytes(c, &g);
}

static hoop_status linear_forward(const hoop_call *c)
{
    hoop_gemm_args g = product_of(c);
    if (c->nin == 3 && c->add) { /* y += b first, as a product that adds takes no bias */
        hoop_call y = *c;
        y.in        = (const hoop_view *[]){c->out, c->in[2]};
        y.add       = false;
        (void)hoop__run_binary(&y, HOOP_BINARY_add);
    }
    return hoop__gemm(c, &g, c->work);
}

static int linear_samples(const hoop_samples_call *s)
{
    if (hoop__gemm_kernel(s->kernels, s->blas, (hoop_dtype)s->out->dtype) == NULL) return -1;
    for (int i = 1; i < s->nin; i++) {
        if (s->axis[i] >= 0) return -1;
    }
    return s->axis[0] == 0 && s->in[0]->ndim > 1 ? 0 : -1; /* backward takes dY as rows */
}

static double linear_flops(const hoop_call *c)
{
    return 2.0 * (double)hoop__view_numel(c->out) * (double)c->in[1]->shape[1];
}

static void linear_backward(hoop_backward_call *b)
{
    hoop_tensor *x = b->in[0], *w = b->in[1], *dy = b->dy[0];
    int64_t      rows, in;
    hoop__rows(hoop_tensor_view(x), &rows, &in);
    if (hoop_tensor_ndim(x) > 1 && hoop_sink(b, 0)) hoop_matmul(b->t, dy, w); /* (..., O) (O, I) -> (..., I) */
    if (hoop_tensor_ndim(dy) != 2) dy = hoop_reshape(b->t, dy, 2, (int64_t[]){rows, hoop_tensor_size(w, 0)}); /* (rows, O) */
    if (hoop_tensor_ndim(x) == 1 && hoop_needs(b, 0)) {
        hoop_tensor *row = hoop_matmul(b->t, dy, w); /* (1, I) */
        if (hoop_sink(b, 0)) hoop_reshape(b->t, row, 1, &in);
    }
    if (hoop_needs(b, 1)) {
        hoop_tensor *dyt = hoop_transpose(b->t, dy, 0, 1);                                 /* (O, rows) */
        if (hoop_tensor_ndim(x) != 2) x = hoop_reshape(b->t, x, 2, (int64_t[]){rows, in}); /* (rows, I) */
        if (hoop_sink(b, 1)) hoop_matmul(b->t, dyt, x);                                    /* (O, I) */
    }
    if (hoop_sink(b, 2)) hoop_sum(b->t, dy, 1, false); /* (rows, O) -> (O) */
}

static void linear_reference(const hoop_call *c)
{
    int64_t       rows, in, out = c->in[1]->shape[0];
    const double *x = c->in[0]->data, *w = c->in[1]->data, *bias = c->nin == 3 ? c->in[2]->data : NULL;
    hoop__rows(c->in[0], &rows, &in);
    for (int64_t e = 0; e < rows * out; e++) {
        double sum = bias == NULL ? 0.0 : bias[e % out];
        for (int64_t j = 0; j < in; j++) sum += x[e / out * in + j] * w[e % out * in + j];
        ((double *)c->out->data)[e] = sum;
    }
}

static const hoop_case cases[] = {
    {"3x4 5x4 5"},
    {"3x4 5x4"},
    {"2x3x4 5x4 5"},
    {"4 5x4 5"},
    {"0x4 5x4 5"},
    {"3x0 5x0 5"},
    {"20x33 301x33 301"},
    {"3x4 5x3 5", NULL, HOOP_ESHAPE},
    {"3x4 5x4 4", NULL, HOOP_ESHAPE},
    {"3x4 i64:5x4<3", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_linear = {
    .name      = "linear",
    .min_in    = 2,
    .max_in    = 3,
    .nout      = 1,
    .flags     = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads     = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .shape     = linear_shape,
    .forward   = linear_forward,
    .workspace = linear_workspace,
    .backward  = linear_backward,
    .reference = linear_reference,
    .samples   = linear_samples,
    .flops     = linear_flops,
    HOOP_CASES(cases),
};
