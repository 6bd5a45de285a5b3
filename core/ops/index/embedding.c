/* embedding: rows of a table by index, and its gradient. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <string.h>

extern const hoop_op hoop__op_embedding, hoop__op_embedding_grad;

/* padding: 1 + a row that gets no gradient; 0: none */
typedef struct embedding_attrs {
    int64_t padding;
} embedding_attrs;
static const hoop_field fields[] = {{"padding", 'i', offsetof(embedding_attrs, padding)}};
typedef struct embedding_grad_attrs {
    int64_t rows, padding;
} embedding_grad_attrs;
static const hoop_field grad_fields[] = {{"rows", 'i', offsetof(embedding_grad_attrs, rows)},
                                         {"padding", 'i', offsetof(embedding_grad_attrs, padding)}};

enum { ROW_WEIGHT = 256 /* of finding a row and calling for it (hoop_threads_share) */ };

static hoop_status check_index(const hoop_view *index, int64_t rows, hoop_error *err)
{
    const int64_t *v = index->data;
    for (int64_t i = 0, n = hoop__view_numel(index); i < n; i++) {
        if ((uint64_t)v[i] < (uint64_t)rows) continue;
        return hoop_fail(err, HOOP_ERANGE, "index %lld at position %lld is not between 0 and %lld", (long long)v[i], (long long)i,
                         (long long)(rows - 1));
    }
    return HOOP_OK;
}

/**
 * hoop_embedding - rows of a table.
 * Shape   w (R, D), index i64 (...) -> (..., D)
 * Grad    dw[index] += dy, positions in ascending order
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (names the index)
 */
hoop_tensor *hoop_embedding(hoop_tape *t, hoop_tensor *w, hoop_tensor *index)
{
    return hoop_op_call(t, &hoop__op_embedding, (hoop_tensor *[]){w, index}, 2, &(embedding_attrs){0}, NULL);
}
/** hoop_embedding_padded - the same; no gradient goes to row `padding` (below 0: from the end). HOOP_ERANGE: there is no such
 * row. */
hoop_tensor *hoop_embedding_padded(hoop_tape *t, hoop_tensor *w, hoop_tensor *index, int64_t padding)
{
    int64_t         rows  = hoop_tensor_ndim(w) > 0 ? hoop_tensor_size(w, 0) : 0;
    embedding_attrs attrs = {1 + (padding < 0 ? padding + rows : padding)};
    if (attrs.padding < 1) attrs.padding = rows + 1; /* which is refused */
    return hoop_op_call(t, &hoop__op_embedding, (hoop_tensor *[]){w, index}, 2, &attrs, NULL);
}
static hoop_status check_padding(int64_t padding, int64_t rows, hoop_error *err)
{
    if (padding >= 0 && padding <= rows) return HOOP_OK;
    return hoop_fail(err, HOOP_ERANGE, "a padding row %lld of %lld rows", (long long)padding - 1, (long long)rows);
}
static hoop_status embedding_shape(hoop_shape_call *s)
{
    const hoop_view *w = s->in[0], *index = s->in[1];
    int64_t          shape[HOOP_MAX_DIMS];
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (index->dtype != HOOP_I64) return hoop_fail(s->err, HOOP_EDTYPE, "indices are i64 (hoop_cast)");
    if (w->ndim != 2 || index->ndim == HOOP_MAX_DIMS) return hoop_fail(s->err, HOOP_ESHAPE, "a table (rows, width) is wanted");
    memcpy(shape, index->shape, sizeof shape);
    shape[index->ndim] = w->shape[1];
    hoop__view_set(&s->out[0], (hoop_dtype)w->dtype, index->ndim + 1, shape);
    return check_padding(((const embedding_attrs *)s->attrs)->padding, w->shape[0], s->err);
}
static int64_t row_bytes(const hoop_call *c)
{
    return c->out->shape[c->out->ndim - 1] * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
}
static void embedding_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c     = ctx;
    const int64_t   *index = c->in[1]->data;
    int64_t          bytes = row_bytes(c);
    for (int64_t i = first; i < first + n; i++)
        memcpy((char *)c->out->data + i * bytes, (const char *)c->in[0]->data + index[i] * bytes, (size_t)bytes);
}
static hoop_status embedding_forward(const hoop_call *c)
{
    int64_t bytes = row_bytes(c);
    if (check_index(c->in[1], c->in[0]->shape[0], c->err) != HOOP_OK) return HOOP_ERANGE;
    if (bytes > 0) hoop_threads_share(c->threads, hoop__view_numel(c->in[1]), ROW_WEIGHT + bytes, 1, embedding_range, c);
    return HOOP_OK;
}
/* rows that are looked up, indices, and what comes out: not the whole table */
static double embedding_bytes(const hoop_call *c)
{
    return (double)hoop__view_numel(c->in[1]) * (double)(2 * row_bytes(c) + (int64_t)sizeof(int64_t));
}
static int embedding_samples(const hoop_samples_call *s)
{
    return s->axis[0] < 0 ? s->axis[1] : -1;
}
static void embedding_backward(hoop_backward_call *b)
{
    embedding_grad_attrs attrs = {hoop_tensor_size(b->in[0], 0), ((const embedding_attrs *)b->attrs)->padding};
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_embedding_grad, (hoop_tensor *[]){b->dy[0], b->in[1]}, 2, &attrs, NULL);
}
static void embedding_reference(const hoop_call *c)
{
    int64_t width = c->in[0]->shape[1];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        ((double *)c->out->data)[i] = hoop__at(c->in[0], (int64_t)hoop__at(c->in[1], i / width) * width + i % width);
    }
}
static const embedding_attrs none = {0}, sixth = {6}, negative = {-1};

static const hoop_case cases[] = {
    {"5x3 i64:4<5", &none},
    {"5x3 i64:2x4<5", &none},
    {"5x3 i64:0<5", &none},
    {"5x3 i64:.<5", &none},
    {"3x2 i64:64<5", &none, HOOP_ERANGE},
    {"5x3 i64:4<5", &sixth, HOOP_ERANGE},
    {"5x3 i64:4<5", &negative, HOOP_ERANGE},
    {"5x3 4", &none, HOOP_EDTYPE},
    {"5 i64:4<5", &none, HOOP_ESHAPE},
};

const hoop_op hoop__op_embedding = {
    .name       = "embedding",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(1),
    .attrs_size = sizeof(embedding_attrs),
    HOOP_FIELDS(fields),
    .shape     = embedding_shape,
    .forward   = embedding_forward,
    .backward  = embedding_backward,
    .reference = embedding_reference,
    .bytes     = embedding_bytes,
    .samples   = embedding_samples,
    HOOP_CASES(cases),
};

/* embedding_grad: (dy (..., D), index (...)) -> dw (rows, D); its own gradient is embedding */
static hoop_status embedding_grad_shape(hoop_shape_call *s)
{
    hoop_view dy   = *s->in[0];
    int64_t   rows = ((const embedding_grad_attrs *)s->attrs)->rows;
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (s->in[1]->dtype != HOOP_I64) return hoop_fail(s->err, HOOP_EDTYPE, "indices are i64 (hoop_cast)");
    if (dy.ndim < 1) return hoop_fail(s->err, HOOP_ESHAPE, "gradients (..., width) are wanted");
    dy.ndim--;
    if (!hoop__same_shape(&dy, s->in[1])) return hoop_fail(s->err, HOOP_ESHAPE, "an index for each row is wanted");
    hoop__view_set(&s->out[0], (hoop_dtype)dy.dtype, 2, (int64_t[]){rows, dy.shape[dy.ndim]});
    return check_padding(((const embedding_grad_attrs *)s->attrs)->padding, rows, s->err);
}
/* columns [first, first + n) of all rows, positions in ascending order */
static void embedding_grad_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c     = ctx;
    hoop_dtype       dtype = (hoop_dtype)c->out->dtype;
    const int64_t   *index = c->in[1]->data;
    int64_t          bytes = row_bytes(c), at = first * (int64_t)hoop_dtype_size(dtype);
    const int64_t    padding = ((const embedding_grad_attrs *)c->attrs)->padding - 1;
    for (int64_t i = 0, rows = hoop__view_numel(c->in[1]); i < rows; i++) {
        char *row = (char *)c->out->data + index[i] * bytes + at;
        if (index[i] == padding) continue;
        c->kernels->binary[HOOP_BINARY_add][dtype](n, row, 1, (const char *)c->in[0]->data + i * bytes + at, 1, row, false);
    }
}
static hoop_status embedding_grad_forward(const hoop_call *c)
{
    int64_t width = c->out->shape[1], rows = hoop__view_numel(c->in[1]);
    if (check_index(c->in[1], c->out->shape[0], c->err) != HOOP_OK) return HOOP_ERANGE;
    if (!c->add) hoop__clear(c, c->out->data, c->out->shape[0] * row_bytes(c));
    if (rows > 0 && width > 0)
        hoop_threads_share(c->threads, width, rows * (row_bytes(c) + ROW_WEIGHT) / width, 16, embedding_grad_range, c);
    return HOOP_OK;
}
/* gradients and indices, the table's rows that they are added to, and the table where it is cleared before */
static double embedding_grad_bytes(const hoop_call *c)
{
    return (double)hoop__view_numel(c->in[1]) * (double)(3 * row_bytes(c) + (int64_t)sizeof(int64_t)) +
           (c->add ? 0.0 : (double)c->out->shape[0] * (double)row_bytes(c));
}
static void embedding_grad_backward(hoop_backward_call *b)
{
    const int64_t padding = ((const embedding_grad_attrs *)b->attrs)->padding - 1;
    int           ndim    = hoop_tensor_ndim(b->in[1]);
    int64_t       shape[HOOP_MAX_DIMS];
    hoop_tensor  *rows, *other, *zero;
    if (padding < 0) {
        if (hoop_sink(b, 0)) hoop_embedding(b->t, b->dy[0], b->in[1]);
        return;
    }
    if (!hoop_needs(b, 0)) return;
    for (int d = 0; d < ndim; d++) shape[d] = hoop_tensor_size(b->in[1], d);
    shape[ndim] = 1;
    rows        = hoop_embedding(b->t, b->dy[0], b->in[1]);
    other       = hoop_cast(b->t, b->in[1], HOOP_F64);
    other       = hoop_shift(b->t, other, -(double)padding); /* not 0: of another row */
    other       = hoop_reshape(b->t, other, ndim + 1, shape);
    zero        = hoop_fill(b->t, hoop_tensor_dtype(rows), 0, NULL, 0.0);
    if (hoop_sink(b, 0)) hoop_where(b->t, other, rows, zero);
}
static void embedding_grad_reference(const hoop_call *c)
{
    int64_t width = c->out->shape[1], padding = ((const embedding_grad_attrs *)c->attrs)->padding - 1;
    double *dw = c->out->data;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) dw[i] = 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[0]); i < n; i++) {
        int64_t row = (int64_t)hoop__at(c->in[1], i / width);
        if (row != padding) dw[row * width + i % width] += hoop__at(c->in[0], i);
    }
}
static const embedding_grad_attrs five = {5, 0}, padded = {5, 2}, no_row = {5, 6}, few_rows = {1, 2};

static const hoop_case grad_cases[] = {
    {"4x3 i64:4<5", &five},
    {"2x4x3 i64:2x4<5", &five},
    {"0x3 i64:0<5", &five},
    {"3 i64:.<5", &five},
    {"9x3 i64:9<5", &padded},
    {"64x2 i64:64<9", &five, HOOP_ERANGE},
    {"4x3 i64:4<5", &no_row, HOOP_ERANGE},
    {"4x3 i64:4<1", &few_rows, HOOP_ERANGE},
    {"4x3 i64:5<5", &five, HOOP_ESHAPE},
    {"4x3 4", &five, HOOP_EDTYPE},
};

const hoop_op hoop__op_embedding_grad = {
    .name       = "embedding_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES,
    .reads      = HOOP_READS_IN(1),
    .attrs_size = sizeof(embedding_grad_attrs),
    HOOP_FIELDS(grad_fields),
    .shape     = embedding_grad_shape,
    .forward   = embedding_grad_forward,
    .backward  = embedding_grad_backward,
    .reference = embedding_grad_reference,
    .bytes     = embedding_grad_bytes,
    HOOP_CASES(grad_cases),
};
