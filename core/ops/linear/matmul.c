/* matmul: batched matrix product, and the layout of its operands. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "runtime/blas.h"

#include <string.h>

extern const hoop_op hoop__op_matmul;

/**
 * hoop_matmul - matrix product over the last two dims, the others broadcast. One dim is a row of a, a column of b, and not there
 * in the result. Shape   a (..., M, K) or (K), b (..., K, N) or (K) -> (..., M, N) Grad    da += dy b^T, db += a^T dy (summed
 * over broadcast dims) Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ESIZE Transposed operands are
 * used where they lie; K = 0 gives zeros. The row of the table takes at least 2 dims of each.
 */
hoop_tensor *hoop_matmul(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    bool         row = hoop_tensor_ndim(a) == 1, column = hoop_tensor_ndim(b) == 1;
    hoop_tensor *y;
    if (row) a = hoop_unsqueeze(t, a, 0);
    if (column) b = hoop_unsqueeze(t, b, 1);
    y = hoop_op_call(t, &hoop__op_matmul, (hoop_tensor *[]){a, b}, 2, NULL, NULL);
    if (column) y = hoop_squeeze(t, y, -1);
    return row ? hoop_squeeze(t, y, column ? -1 : -2) : y;
}

static hoop_status matmul_shape(hoop_shape_call *s)
{
    hoop_view        a = *s->in[0], b = *s->in[1];
    const hoop_view *outer[2] = {&a, &b};
    hoop_shape_call  batch    = *s;
    int64_t          m, n;
    hoop_status      st;
    if (a.ndim < 2 || b.ndim < 2) return hoop_fail(s->err, HOOP_ESHAPE, "at least 2 dims are wanted");
    if (a.shape[a.ndim - 1] != b.shape[b.ndim - 2]) {
        return hoop_fail(s->err, HOOP_ESHAPE, "inner sizes %lld and %lld differ", (long long)a.shape[a.ndim - 1],
                         (long long)b.shape[b.ndim - 2]);
    }
    m = a.shape[a.ndim - 2];
    n = b.shape[b.ndim - 1];
    a.ndim -= 2;
    b.ndim -= 2;
    batch.in = outer;
    st       = hoop__shape_broadcast(&batch);
    if (st != HOOP_OK) return st;
    s->out[0].shape[s->out[0].ndim++] = m;
    s->out[0].shape[s->out[0].ndim++] = n;
    return HOOP_OK;
}

/* Can the last two dims of x go to BLAS as they lie? Plain rows, or the transpose of rows. */
static bool layout(const hoop_view *x, bool *transposed, int64_t *ld)
{
    int64_t r = x->shape[x->ndim - 2], c = x->shape[x->ndim - 1], sr = x->stride[x->ndim - 2], sc = x->stride[x->ndim - 1];
    *transposed = false;
    if ((sc == 1 || c == 1) && (sr >= c || r == 1)) {
        *ld = r == 1 ? c : sr;
        return true;
    }
    *transposed = true;
    if ((sr == 1 || r == 1) && (sc >= r || c == 1)) {
        *ld = c == 1 ? r : sc;
        return true;
    }
    return false;
}

/* offsets of each matrix of x in the broadcast batch */
static void batch_offsets(const hoop_view *x, const hoop_view *y, int64_t batch, int64_t *offset)
{
    hoop_view outer = *x, full = *y;
    int64_t   stride[HOOP_MAX_DIMS];
    hoop_walk w = {.stride = {stride}, .noperands = 1};
    outer.ndim -= 2;
    full.ndim -= 2;
    hoop__broadcast_strides(&outer, &full, stride);
    w.ndim  = full.ndim;
    w.shape = full.shape;
    for (int64_t i = 0; i < batch; i++) {
        offset[i] = w.at[0];
        hoop__walk_next(&w);
    }
}

static int64_t aligned(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

/* x, which BLAS cannot take as it lies, becomes a copy in row-major order */
static void copy_operand(const hoop_call *c, hoop_view *x, void *copy, bool *transposed, int64_t *ld)
{
    hoop_view from = *x;
    hoop__copy(c, &from, copy);
    hoop__view_set(x, (hoop_dtype)from.dtype, from.ndim, from.shape);
    x->data = copy;
    (void)layout(x, transposed, ld);
}

/* the product, and what of the workspace goes to copies of operands and to the batch's offsets, in bytes */
typedef struct plan {
    hoop_gemm_args g;
    bool           a_fits, b_fits;
    int64_t        copy_a, copy_b, offsets;
} plan;

static plan plan_of(const hoop_call *c)
{
    const hoop_view *a = c->in[0], *b = c->in[1], *y = c->out;
    int64_t          size = (int64_t)hoop_dtype_size((hoop_dtype)y->dtype);
    plan             p    = {.g = {
                                 .dtype = (hoop_dtype)y->dtype,
                                 .add   = c->add,
                                 .m     = y->shape[y->ndim - 2],
                                 .n     = y->shape[y->ndim - 1],
                                 .k     = a->shape[a->ndim - 1],
                                 .c     = y->data,
                                 .batch = 1,
              }};
    p.a_fits              = layout(a, &p.g.ta, &p.g.lda);
    p.b_fits              = layout(b, &p.g.tb, &p.g.ldb);
    for (int d = 0; d + 2 < y->ndim; d++) p.g.batch *= y->shape[d];
    p.g.ldc    = p.g.n;
    p.g.c_step = p.g.m * p.g.n;
    if (p.g.batch > 1 && b->ndim == 2 && p.a_fits && !p.g.ta && hoop__view_contiguous(a)) { /* one product of all rows */
        p.g.m *= p.g.batch;
        p.g.batch = 1;
    }
    p.copy_a  = p.a_fits ? 0 : aligned(hoop__view_numel(a) * size);
    p.copy_b  = p.b_fits ? 0 : aligned(hoop__view_numel(b) * size);
    p.offsets = aligned(p.g.batch > 1 ? 2 * p.g.batch * (int64_t)sizeof(int64_t) : 0);
    return p;
}

static int64_t matmul_workspace(const hoop_call *c)
{
    plan p = plan_of(c);
    return p.copy_a + p.copy_b + p.offsets + hoop__gemm_work_bytes(c, &p.g);
}

static hoop_status matmul_forward(const hoop_call *c)
{
    hoop_view a = *c->in[0], b = *c->in[1];
    plan      p    = plan_of(c);
    char     *work = c->work;
    if (!p.a_fits) copy_operand(c, &a, work, &p.g.ta, &p.g.lda);
    if (!p.b_fits) copy_operand(c, &b, work + p.copy_a, &p.g.tb, &p.g.ldb);
    p.g.a = a.data;
    p.g.b = b.data;
    if (p.g.batch > 1) {
        int64_t *offset = (int64_t *)(void *)(work + p.copy_a + p.copy_b);
        batch_offsets(&a, c->out, p.g.batch, offset);
        batch_offsets(&b, c->out, p.g.batch, offset + p.g.batch);
        p.g.a_offset = offset;
        p.g.b_offset = offset + p.g.batch;
    }
    return hoop__gemm(c, &p.g, work == NULL ? NULL : work + p.copy_a + p.copy_b + p.offsets);
}

/* Rows of a and columns of b are products of their own, and so are those of a batch. */
static int matmul_samples(const hoop_samples_call *s)
{
    const hoop_view *y = s->out;
    int              a = s->axis[0], b = s->axis[1], batch = y->ndim - 2, axis;
    if (hoop__gemm_kernel(s->kernels, s->blas, (hoop_dtype)y->dtype) == NULL) return -1;
    if (a == s->in[0]->ndim - 1 || b == s->in[1]->ndim - 2) return -1; /* summed over */
    if (a > 0 && s->in[0]->ndim > 2 && s->in[1]->ndim == 2) return -1; /* backward takes dY as rows */
    a    = a < 0 ? -1 : a + y->ndim - s->in[0]->ndim;                  /* which dims of y they are */
    b    = b < 0 ? -1 : b + y->ndim - s->in[1]->ndim;
    axis = a >= 0 ? a : b;
    if (a >= 0 && b >= 0 && a != b) return -1;
    for (int i = 0; i < 2 && axis < batch; i++) { /* operands with samples have all; the other is broadcast */
        const hoop_view *x = s->in[i];
        int              d = axis + x->ndim - y->ndim;
        if (d >= 0 && x->shape[d] != (s->axis[i] >= 0 ? y->shape[axis] : 1)) return -1;
    }
    return axis;
}

static double matmul_flops(const hoop_call *c)
{
    return 2.0 * (double)hoop__view_numel(c->out) * (double)c->in[0]->shape[c->in[0]->ndim - 1];
}

static void matmul_backward(hoop_backward_call *b)
{
    hoop_tensor *dy = b->dy[0];
    if (hoop_needs(b, 0)) {
        hoop_tensor *bt = hoop_transpose(b->t, b->in[1], -2, -1); /* (..., N, K) */
        if (hoop_sink(b, 0)) hoop_matmul(b->t, dy, bt);           /* (..., M, N) (..., N, K) -> (..., M, K) */
    }
    if (!hoop_needs(b, 1)) return;
    if (hoop_tensor_ndim(b->in[1]) == 2 && hoop_tensor_ndim(b->in[0]) > 2 && hoop_tensor_numel(b->in[0]) > 0 &&
        hoop_tensor_numel(dy) > 0) { /* one product, not a sum of many */
        hoop_tensor *a2  = hoop_reshape(b->t, b->in[0], 2, (int64_t[]){-1, hoop_tensor_size(b->in[0], -1)}); /* (rows, K) */
        hoop_tensor *dy2 = hoop_reshape(b->t, dy, 2, (int64_t[]){-1, hoop_tensor_size(dy, -1)});             /* (rows, N) */
        hoop_tensor *at  = hoop_transpose(b->t, a2, 0, 1);                                                   /* (K, rows) */
        if (hoop_sink(b, 1)) hoop_matmul(b->t, at, dy2);                                                     /* (K, N) */
    } else {
        hoop_tensor *at = hoop_transpose(b->t, b->in[0], -2, -1); /* (..., K, M) */
        if (hoop_sink(b, 1)) hoop_matmul(b->t, at, dy);           /* (..., K, N) */
    }
}

static void matmul_reference(const hoop_call *c)
{
    hoop_view a = *c->in[0], b = *c->in[1];
    int64_t   m = c->out->shape[c->out->ndim - 2], n = c->out->shape[c->out->ndim - 1], k = a.shape[a.ndim - 1];
    int64_t   batch = 1, stride_a[HOOP_MAX_DIMS], stride_b[HOOP_MAX_DIMS];
    hoop_view full  = *c->out;
    full.ndim -= 2;
    a.ndim -= 2;
    b.ndim -= 2;
    hoop__broadcast_strides(&a, &full, stride_a);
    hoop__broadcast_strides(&b, &full, stride_b);
    for (int d = 0; d < full.ndim; d++) batch *= full.shape[d];
    for (int64_t i = 0; i < batch; i++) {
        int64_t       rest = i, at_a = 0, at_b = 0;
        const double *pa = a.data, *pb = b.data;
        for (int d = full.ndim - 1; d >= 0; d--) {
            at_a += rest % full.shape[d] * stride_a[d];
            at_b += rest % full.shape[d] * stride_b[d];
            rest /= full.shape[d];
        }
        for (int64_t e = 0; e < m * n; e++) {
            double sum = 0.0;
            for (int64_t j = 0; j < k; j++) sum += pa[at_a + e / n * k + j] * pb[at_b + j * n + e % n];
            ((double *)c->out->data)[i * m * n + e] = sum;
        }
    }
}

static const hoop_case cases[] = {
    {"3x4 4x5"},
    {"2x3x4 4x5"},
    {"2x3x4 2x4x5"},
    {"2x1x3x4 5x4x2"},
    {"1x4 4x1"},
    {"3x0 0x2"},
    {"0x3 3x2"},
    {"33x17 17x300"},
    {"3x4 3x5", NULL, HOOP_ESHAPE},
    {"4 4x5", NULL, HOOP_ESHAPE},
    {"2x3x4 3x4x5", NULL, HOOP_ESHAPE},
    {"3x4 i64:4x5<3", NULL, HOOP_EDTYPE},
};

const hoop_op hoop__op_matmul = {
    .name      = "matmul",
    .min_in    = 2,
    .max_in    = 2,
    .nout      = 1,
    .flags     = HOOP_OP_STRIDED | HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads     = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .shape     = matmul_shape,
    .forward   = matmul_forward,
    .workspace = matmul_workspace,
    .backward  = matmul_backward,
    .reference = matmul_reference,
    .samples   = matmul_samples,
    .flops     = matmul_flops,
    HOOP_CASES(cases),
};
