/* triu, tril; diagonal, and its gradient. */
#include "ops/index/index.h"

#include <string.h>

extern const hoop_op hoop__op_triu, hoop__op_tril, hoop__op_diagonal, hoop__op_diagonal_grad;

typedef struct tri_attrs {
    int64_t diagonal;
} tri_attrs;
static const hoop_field tri_fields[] = {{"diagonal", 'i', offsetof(tri_attrs, diagonal)}};

static hoop_status tri_shape(hoop_shape_call *s)
{
    if (s->in[0]->ndim < 2) return hoop_fail(s->err, HOOP_ESHAPE, "matrices are wanted, of at least 2 dims");
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}
static void tri_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c     = ctx;
    bool             upper = c->op == &hoop__op_triu;
    const hoop_view *y     = c->out;
    int64_t          rows = y->shape[y->ndim - 2], cols = y->shape[y->ndim - 1], size = hoop__size(y),
            d = ((const tri_attrs *)c->attrs)->diagonal;
    for (int64_t r = first; r < first + n; r++) {
        int64_t     edge = r % rows + d + !upper, from, to; /* what is kept */
        const char *x    = (const char *)c->in[0]->data + r * cols * size;
        char       *z    = (char *)y->data + r * cols * size;
        edge             = edge < 0 ? 0 : edge > cols ? cols : edge;
        from             = upper ? edge : 0;
        to               = upper ? cols : edge;
        memset(z, 0, (size_t)(from * size));
        memcpy(z + from * size, x + from * size, (size_t)((to - from) * size));
        memset(z + to * size, 0, (size_t)((cols - to) * size));
    }
}
static hoop_status tri_forward(const hoop_call *c)
{
    int64_t rows, cols;
    hoop__rows(c->out, &rows, &cols);
    if (cols > 0) hoop_threads_share(c->threads, rows, 128 + 2 * cols * hoop__size(c->out), 1, tri_range, c);
    return HOOP_OK;
}
static int tri_samples(const hoop_samples_call *s)
{
    return s->axis[0] < s->in[0]->ndim - 2 ? s->axis[0] : -1;
}
static void tri_reference(const hoop_call *c)
{
    const hoop_view *y    = c->out;
    int64_t          rows = y->shape[y->ndim - 2], cols = y->shape[y->ndim - 1], d = ((const tri_attrs *)c->attrs)->diagonal;
    for (int64_t i = 0, n = hoop__view_numel(y); i < n; i++) {
        int64_t right = i % cols - i / cols % rows;
        bool    kept  = c->op == &hoop__op_triu ? right >= d : right <= d;
        hoop__put(y, i, kept ? hoop__at(c->in[0], i) : 0.0);
    }
}

/**
 * hoop_triu - zeros below a diagonal of the last two dims (0: the main one, above 0: further right).
 * Shape   x [.., M, N] -> same       Grad   dx += triu of dy
 * Dtype   any                        Errors HOOP_ESHAPE (fewer than 2 dims)
 */
hoop_tensor *hoop_triu(hoop_tape *t, hoop_tensor *x, int64_t diagonal)
{
    return hoop_op_call(t, &hoop__op_triu, &x, 1, &(tri_attrs){diagonal}, NULL);
}
static void triu_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_triu(b->t, b->dy[0], ((const tri_attrs *)b->attrs)->diagonal);
}

/**
 * hoop_tril - zeros above a diagonal of the last two dims (0: the main one, above 0: further right).
 * Shape   x [.., M, N] -> same       Grad   dx += tril of dy
 * Dtype   any                        Errors HOOP_ESHAPE (fewer than 2 dims)
 */
hoop_tensor *hoop_tril(hoop_tape *t, hoop_tensor *x, int64_t diagonal)
{
    return hoop_op_call(t, &hoop__op_tril, &x, 1, &(tri_attrs){diagonal}, NULL);
}
static void tril_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_tril(b->t, b->dy[0], ((const tri_attrs *)b->attrs)->diagonal);
}
static const tri_attrs main_one = {0}, right2 = {2}, left2 = {-2}, far = {9};
static const hoop_case tri_cases[] = {
    {"5x5", &main_one}, {"3x7", &right2},   {"7x3", &left2},          {"2x3x4", &main_one},  {"3x3", &far},
    {"0x3", &main_one}, {"1x1", &main_one}, {"i64:4x3<9", &main_one}, {"u8:3x7<9", &right2}, {"3", &main_one, HOOP_ESHAPE},
};

#define TRI(op, grad)                                                                                                            \
    .name = op, .min_in = 1, .max_in = 1, .nout = 1, .flags = HOOP_OP_ROW_WISE, .attrs_size = sizeof(tri_attrs),                 \
    HOOP_FIELDS(tri_fields), .shape = tri_shape, .forward = tri_forward, .backward = (grad), .reference = tri_reference,         \
    .samples = tri_samples, HOOP_CASES(tri_cases)
const hoop_op hoop__op_triu = {TRI("triu", triu_backward)};
const hoop_op hoop__op_tril = {TRI("tril", tril_backward)};

/* ---- diagonal ---- */

typedef struct diagonal_attrs {
    int64_t offset, a, b, rows, cols; /* rows, cols: of diagonal_grad, the sizes of dims a and b */
} diagonal_attrs;
static const hoop_field diagonal_fields[] = {
    {"offset", 'i', offsetof(diagonal_attrs, offset)}, {"a", 'i', offsetof(diagonal_attrs, a)},
    {"b", 'i', offsetof(diagonal_attrs, b)},           {"rows", 'i', offsetof(diagonal_attrs, rows)},
    {"cols", 'i', offsetof(diagonal_attrs, cols)},
};

/* elements on the diagonal of (rows, cols) */
static int64_t length_of(int64_t rows, int64_t cols, int64_t offset)
{
    int64_t r = rows + (offset < 0 ? offset : 0), c = cols - (offset > 0 ? offset : 0), n = r < c ? r : c;
    return n > 0 ? n : 0;
}

/**
 * hoop_diagonal - a diagonal of two dims, as the last dim of a view; offset above 0: further towards the end of dim_b.
 * Shape   x [.., A, .., B, ..] -> [.., .., min(A, B) (of offset 0)]
 * Grad    dx += dy on the diagonal
 * Dtype   any (gradient: floats)     Errors HOOP_ESHAPE (no such dims, or one twice)
 */
hoop_tensor *hoop_diagonal(hoop_tape *t, hoop_tensor *x, int64_t offset, int dim_a, int dim_b)
{
    int n = hoop_tensor_ndim(x);
    return hoop_op_call(t, &hoop__op_diagonal, &x, 1,
                        &(diagonal_attrs){offset, dim_a < 0 ? dim_a + n : dim_a, dim_b < 0 ? dim_b + n : dim_b, 0, 0}, NULL);
}
static hoop_status check_dims(hoop_shape_call *s, int ndim)
{
    const diagonal_attrs *p = s->attrs;
    if (p->a >= 0 && p->b >= 0 && p->a < ndim && p->b < ndim && p->a != p->b && p->offset > -((int64_t)1 << 40) &&
        p->offset < (int64_t)1 << 40)
        return HOOP_OK;
    return hoop_fail(s->err, HOOP_ESHAPE, "diagonal %lld of dims %lld and %lld of %d", (long long)p->offset, (long long)p->a,
                     (long long)p->b, ndim);
}
static hoop_status diagonal_shape(hoop_shape_call *s)
{
    const diagonal_attrs *p = s->attrs;
    const hoop_view      *x = s->in[0];
    hoop_view            *y = &s->out[0];
    if (check_dims(s, x->ndim) != HOOP_OK) return HOOP_ESHAPE;
    y->dtype = x->dtype;
    y->ndim  = 0;
    for (int d = 0; d < x->ndim; d++) {
        if (d == p->a || d == p->b) continue;
        y->shape[y->ndim]    = x->shape[d];
        y->stride[y->ndim++] = x->stride[d];
    }
    y->shape[y->ndim]    = length_of(x->shape[p->a], x->shape[p->b], p->offset);
    y->stride[y->ndim++] = x->stride[p->a] + x->stride[p->b];
    s->offset = hoop__view_numel(y) == 0 ? 0 : p->offset > 0 ? p->offset * x->stride[p->b] : -p->offset * x->stride[p->a];
    return HOOP_OK;
}
static int diagonal_samples(const hoop_samples_call *s)
{
    const diagonal_attrs *p = s->attrs;
    int                   d = s->axis[0];
    return d == p->a || d == p->b ? -1 : d - (d > p->a) - (d > p->b);
}
static void diagonal_backward(hoop_backward_call *b)
{
    diagonal_attrs p = *(const diagonal_attrs *)b->attrs;
    p.rows           = hoop_tensor_size(b->in[0], (int)p.a);
    p.cols           = hoop_tensor_size(b->in[0], (int)p.b);
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_diagonal_grad, &b->dy[0], 1, &p, NULL);
}
/* the number, in `whole`, of element i of what lies on its diagonal */
static int64_t on_diagonal(const hoop_view *whole, const hoop_view *on, const diagonal_attrs *p, int64_t i)
{
    int64_t at[HOOP_MAX_DIMS], of[HOOP_MAX_DIMS];
    hoop__places(on, i, at);
    for (int d = 0, k = 0; d < whole->ndim; d++)
        of[d] = d == p->a   ? at[on->ndim - 1] + (p->offset < 0 ? -p->offset : 0)
                : d == p->b ? at[on->ndim - 1] + (p->offset > 0 ? p->offset : 0)
                            : at[k++];
    return hoop__number(whole, of);
}
static void diagonal_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++)
        hoop__put(c->out, i, hoop__at(c->in[0], on_diagonal(c->in[0], c->out, c->attrs, i)));
}
static const diagonal_attrs plain = {0, 0, 1, 4, 4}, above = {2, 0, 1, 3, 7}, below = {-1, 1, 2, 4, 3}, turned = {1, 2, 0, 3, 5},
                            outside = {5, 0, 1, 4, 4}, same = {0, 1, 1, 4, 4}, no_dim = {0, 0, 3, 4, 4}, minus = {0, -1, 1, 4, 4},
                            huge = {(int64_t)1 << 50, 0, 1, 4, 4}, short_of = {0, 0, 1, 3, 4}, negative = {0, 0, 1, -1, 4},
                            negative2   = {0, 0, 1, 4, -1};
static const hoop_case diagonal_cases[] = {
    {"4x4", &plain},
    {"3x7", &above},
    {"2x4x3", &below},
    {"5x2x3", &turned},
    {"4x4", &outside},
    {"0x4", &plain},
    {"u8:4x4<9", &plain},
    {"4x4", &same, HOOP_ESHAPE},
    {"4x4", &no_dim, HOOP_ESHAPE},
    {"4x4", &minus, HOOP_ESHAPE},
    {"4x4", &huge, HOOP_ESHAPE},
};
const hoop_op hoop__op_diagonal = {
    .name       = "diagonal",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_VIEW | HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(diagonal_attrs),
    HOOP_FIELDS(diagonal_fields),
    .shape     = diagonal_shape,
    .backward  = diagonal_backward,
    .reference = diagonal_reference,
    .samples   = diagonal_samples,
    HOOP_CASES(diagonal_cases),
};

/* diagonal_grad: zeros with x (.., n) on a diagonal of two dims */
static hoop_status diagonal_grad_shape(hoop_shape_call *s)
{
    const diagonal_attrs *p = s->attrs;
    const hoop_view      *x = s->in[0];
    int64_t               shape[HOOP_MAX_DIMS];
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (x->ndim < 1 || x->ndim == HOOP_MAX_DIMS)
        return hoop_fail(s->err, HOOP_ESHAPE, "1 to %d dims are wanted", HOOP_MAX_DIMS - 1);
    if (check_dims(s, x->ndim + 1) != HOOP_OK) return HOOP_ESHAPE;
    if (p->rows < 0 || p->cols < 0 || length_of(p->rows, p->cols, p->offset) != x->shape[x->ndim - 1])
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld elements on diagonal %lld of %lld x %lld", (long long)x->shape[x->ndim - 1],
                         (long long)p->offset, (long long)p->rows, (long long)p->cols);
    for (int d = 0, k = 0; d <= x->ndim; d++) shape[d] = d == p->a ? p->rows : d == p->b ? p->cols : x->shape[k++];
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, x->ndim + 1, shape);
    return HOOP_OK;
}
static hoop_status diagonal_grad_forward(const hoop_call *c)
{
    const diagonal_attrs *p    = c->attrs;
    int64_t               size = hoop__size(c->out), rows, cols, step = c->out->stride[p->a] + c->out->stride[p->b];
    hoop_binary_fn       *add = c->kernels->binary[HOOP_BINARY_add][c->out->dtype];
    hoop__rows(c->in[0], &rows, &cols);
    if (!c->add) hoop__clear(c, c->out->data, hoop__view_numel(c->out) * size);
    for (int64_t r = 0; r < rows && cols > 0; r++) {
        int64_t     to   = on_diagonal(c->out, c->in[0], p, r * cols);
        const char *from = (const char *)c->in[0]->data + r * cols * size;
        if (!c->add)
            c->kernels->copy[c->out->dtype](cols, from, 1, (char *)c->out->data + to * size, step);
        else
            for (int64_t k = 0; k < cols; k++) {
                char *y = (char *)c->out->data + (to + k * step) * size;
                add(1, y, 1, from + k * size, 1, y, false);
            }
    }
    return HOOP_OK;
}
static int diagonal_grad_samples(const hoop_samples_call *s)
{
    const diagonal_attrs *p = s->attrs;
    if (s->axis[0] == s->in[0]->ndim - 1) return -1;
    for (int d = 0, k = 0; d < s->out->ndim; d++) {
        if (d == p->a || d == p->b) continue;
        if (k++ == s->axis[0]) return d;
    }
    return -1;
}
static void diagonal_grad_backward(hoop_backward_call *b)
{
    const diagonal_attrs *p = b->attrs;
    if (hoop_sink(b, 0)) hoop_diagonal(b->t, b->dy[0], p->offset, (int)p->a, (int)p->b);
}
static void diagonal_grad_reference(const hoop_call *c)
{
    double *y = c->out->data;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) y[i] = 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[0]); i < n; i++)
        y[on_diagonal(c->out, c->in[0], c->attrs, i)] = hoop__at(c->in[0], i);
}
static const hoop_case diagonal_grad_cases[] = {
    {"4", &plain},
    {"3", &above},
    {"2x3", &below},
    {"2x3", &turned},
    {"0", &outside},
    {"0x3", &below},
    {"4", &short_of, HOOP_ESHAPE},
    {"4", &same, HOOP_ESHAPE},
    {"4", &no_dim, HOOP_ESHAPE},
    {"4", &minus, HOOP_ESHAPE},
    {"4", &huge, HOOP_ESHAPE},
    {"0", &negative, HOOP_ESHAPE},
    {"0", &negative2, HOOP_ESHAPE},
    {"i64:4<9", &plain, HOOP_EDTYPE},
};
const hoop_op hoop__op_diagonal_grad = {
    .name       = "diagonal_grad",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(diagonal_attrs),
    HOOP_FIELDS(diagonal_fields),
    .shape     = diagonal_grad_shape,
    .forward   = diagonal_grad_forward,
    .backward  = diagonal_grad_backward,
    .reference = diagonal_grad_reference,
    .samples   = diagonal_grad_samples,
    HOOP_CASES(diagonal_grad_cases),
};
