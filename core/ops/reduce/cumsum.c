/* cumsum: running sums along a dim. */
#include "ops/reduce/reduce.h"

extern const hoop_op hoop__op_cumsum;

typedef struct cumsum_attrs {
    int64_t dim, reverse; /* reverse: from the end */
} cumsum_attrs;
static const hoop_field fields[] = {{"dim", 'i', offsetof(cumsum_attrs, dim)}, {"reverse", 'i', offsetof(cumsum_attrs, reverse)}};

static hoop_tensor *cumsum(hoop_tape *t, hoop_tensor *x, int64_t dim, int64_t reverse)
{
    return hoop_op_call(t, &hoop__op_cumsum, &x, 1, &(cumsum_attrs){dim, reverse}, NULL);
}

/**
 * hoop_cumsum - sums of the elements up to each, along a dim; f32 is added up in f64.
 * Shape   x [.., N, ..] -> same      Grad   dx += running sums of dy from the end
 * Dtype   f32, f64; i64, i32, u8 -> i64          Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_cumsum(hoop_tape *t, hoop_tensor *x, int dim)
{
    return cumsum(t, x, dim < 0 ? dim + hoop_tensor_ndim(x) : dim, 0);
}
hoop_status hoop__running_shape(hoop_shape_call *s, int64_t dim)
{
    if (dim < 0 || dim >= s->in[0]->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "no dim %lld", (long long)dim);
    hoop__out_like(&s->out[0], s->in[0]);
    s->out[0].dtype = (int32_t)hoop_reduce_dtype(HOOP_REDUCE_SUM, (hoop_dtype)s->in[0]->dtype);
    return HOOP_OK;
}
static hoop_status cumsum_shape(hoop_shape_call *s)
{
    return hoop__running_shape(s, ((const cumsum_attrs *)s->attrs)->dim);
}
/* x as (outer, n, inner) */
typedef struct job {
    const hoop_call *c;
    int              kind;
    bool             reverse;
    int64_t          n, inner, size, to_size;
} job;
static void rows_range(const void *ctx, int64_t begin, int64_t rows)
{
    const job *j = ctx;
    j->c->kernels->reduce->running_rows[j->kind][j->c->in[0]->dtype](
        rows, j->n, (const char *)j->c->in[0]->data + begin * j->n * j->size, j->n,
        (char *)j->c->out->data + begin * j->n * j->to_size, j->n, j->reverse);
}
static void cols_range(const void *ctx, int64_t begin, int64_t n)
{
    const job *j = ctx;
    int64_t    o = begin / j->inner, col = begin % j->inner;
    for (int64_t m; n > 0; n -= m, o++, col = 0) {
        int64_t at = o * j->n * j->inner + col;
        m          = j->inner - col < n ? j->inner - col : n;
        j->c->kernels->reduce->running_cols[j->kind][j->c->in[0]->dtype](j->n, m, (const char *)j->c->in[0]->data + at * j->size,
                                                                         j->inner, (char *)j->c->out->data + at * j->to_size,
                                                                         j->inner, j->reverse);
    }
}
hoop_status hoop__running(const hoop_call *c, int kind, int64_t dim, bool reverse)
{
    const hoop_view *x     = c->in[0];
    int              d     = (int)dim;
    job              j     = {.c       = c,
                              .kind    = kind,
                              .reverse = reverse,
                              .n       = x->shape[d],
                              .inner   = 1,
                              .size    = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype),
                              .to_size = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype)};
    int64_t          outer = 1;
    for (int k = 0; k < d; k++) outer *= x->shape[k];
    for (int k = d + 1; k < x->ndim; k++) j.inner *= x->shape[k];
    if (hoop__view_numel(x) == 0) return HOOP_OK;
    if (j.inner == 1)
        hoop_threads_share(c->threads, outer, 256 + 32 * j.n, 4, rows_range, &j);
    else
        hoop_threads_share(c->threads, outer * j.inner, 16 * j.n + 256 / j.inner, 64, cols_range, &j);
    return HOOP_OK;
}
static hoop_status cumsum_forward(const hoop_call *c)
{
    const cumsum_attrs *a = c->attrs;
    return hoop__running(c, HOOP_RUNNING_SUM, a->dim, a->reverse != 0);
}
int hoop__running_samples(const hoop_samples_call *s)
{
    const int64_t dim = *(const int64_t *)s->attrs;
    for (int i = 0; i < s->nin; i++)
        if (s->axis[i] != s->axis[0]) return -1;
    return s->axis[0] != dim ? s->axis[0] : -1;
}
static void cumsum_backward(hoop_backward_call *b)
{
    const cumsum_attrs *a = b->attrs;
    if (hoop_sink(b, 0)) cumsum(b->t, b->dy[0], a->dim, a->reverse == 0);
}
static void cumsum_reference(const hoop_call *c)
{
    const cumsum_attrs *a     = c->attrs;
    int64_t             inner = 1, size = c->in[0]->shape[a->dim];
    for (int d = (int)a->dim + 1; d < c->in[0]->ndim; d++) inner *= c->in[0]->shape[d];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        int64_t at  = i / inner % size;
        double  sum = 0.0;
        for (int64_t k = a->reverse != 0 ? at : 0; k <= (a->reverse != 0 ? size - 1 : at); k++)
            sum += hoop__at(c->in[0], i + (k - at) * inner);
        hoop__put(c->out, i, sum);
    }
}
static const cumsum_attrs dim0 = {0, 0}, dim1 = {1, 0}, dim1_back = {1, 1}, dim0_back = {0, 1}, dim3 = {3, 0};
static const hoop_case    cases[] = {
       {"3x4", &dim0},
       {"3x4", &dim1},
       {"7x5x3", &dim1_back},
       {"5x7", &dim1_back},
       {"9x2", &dim0_back},
       {"1", &dim0},
       {"0x3", &dim1},
       {"3x0", &dim1},
       {"i64:3x4<9", &dim0},
       {"i32:3x4<9", &dim1},
       {"u8:3x70<250", &dim1},
       {"u8:3x7x2<250", &dim1_back},
       {"3x4", &dim3, HOOP_ESHAPE},
};
const hoop_op hoop__op_cumsum = {
    .name       = "cumsum",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(cumsum_attrs),
    HOOP_FIELDS(fields),
    .shape     = cumsum_shape,
    .forward   = cumsum_forward,
    .backward  = cumsum_backward,
    .reference = cumsum_reference,
    .samples   = hoop__running_samples,
    HOOP_CASES(cases),
};
