/* position: rows of a table of positions, added. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <string.h>

extern const hoop_op hoop__op_position, hoop__op_position_grad;

typedef struct position_attrs {
    int64_t length; /* of the table, of its gradient */
} position_attrs;
static const hoop_field fields[] = {{"length", 'i', offsetof(position_attrs, length)}};

/**
 * hoop_position - add row first + t of a table to what stands at t: learned positions.
 * Shape   x (N, T, C), w (L, C), first i64 () or NULL (0) -> like x
 * Grad    dx += dy, dw[first + t] += the sum of dy over samples
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (T rows from first on are not in the table)
 */
hoop_tensor *hoop_position(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *first)
{
    return hoop_op_call(t, &hoop__op_position, (hoop_tensor *[]){x, w, first}, first == NULL ? 2 : 3, NULL, NULL);
}
static hoop_status check_first(hoop_shape_call *s, int i)
{
    if (s->nin <= i) return HOOP_OK;
    if (s->in[i]->dtype != HOOP_I64)
        return hoop_fail(s->err, HOOP_EDTYPE, "the first position is %s and must be i64",
                         hoop_dtype_name((hoop_dtype)s->in[i]->dtype));
    if (s->in[i]->ndim != 0) return hoop_fail(s->err, HOOP_ESHAPE, "the first position has %d dims; it is ()", s->in[i]->ndim);
    return HOOP_OK;
}
static hoop_status check_rows(const hoop_call *c, const hoop_view *first, int64_t rows, int64_t length, int64_t *at)
{
    *at = first == NULL ? 0 : *(const int64_t *)first->data;
    if (*at >= 0 && *at <= length - rows) return HOOP_OK;
    return hoop_fail(c->err, HOOP_ERANGE, "%lld positions from %lld on; the table has %lld", (long long)rows, (long long)*at,
                     (long long)length);
}
static hoop_status position_shape(hoop_shape_call *s)
{
    const hoop_view *x = s->in[0], *w = s->in[1];
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (w->dtype != x->dtype) return hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
    if (x->ndim != 3 || w->ndim != 2 || w->shape[1] != x->shape[2])
        return hoop_fail(s->err, HOOP_ESHAPE, "x (N, T, C) and a table (L, C) are wanted");
    if (s->nin == 2 && w->shape[0] < x->shape[1])
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld positions; the table has %lld", (long long)x->shape[1],
                         (long long)w->shape[0]);
    hoop__out_like(&s->out[0], x);
    return check_first(s, 2);
}
typedef struct adding {
    const hoop_call *c;
    const char      *rows;
    int64_t          width, size; /* of a sample, all its rows */
} adding;
static void position_range(const void *ctx, int64_t at, int64_t n)
{
    const adding    *a = ctx;
    const hoop_call *c = a->c;
    for (int64_t m; n > 0; at += m, n -= m) {
        const int64_t col = at % a->width;
        m                 = a->width - col < n ? a->width - col : n;
        c->kernels->binary[HOOP_BINARY_add][c->out->dtype](m, (const char *)c->in[0]->data + at * a->size, 1,
                                                           a->rows + col * a->size, 1, (char *)c->out->data + at * a->size,
                                                           c->add);
    }
}
static hoop_status position_forward(const hoop_call *c)
{
    const hoop_view *x = c->in[0], *w = c->in[1];
    int64_t          first;
    hoop_status      st = check_rows(c, c->nin > 2 ? c->in[2] : NULL, x->shape[1], w->shape[0], &first);
    adding           a  = {.c = c, .width = x->shape[1] * x->shape[2], .size = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype)};
    if (st != HOOP_OK) return st;
    a.rows = (const char *)w->data + first * x->shape[2] * a.size;
    hoop_threads_share(c->threads, hoop__view_numel(x), a.size, 64, position_range, &a);
    return HOOP_OK;
}
static int position_samples(const hoop_samples_call *s)
{
    if (s->axis[0] != 0 || s->axis[1] >= 0) return -1;
    return s->nin > 2 && s->axis[2] >= 0 ? -1 : 0;
}
static void position_backward(hoop_backward_call *b)
{
    const position_attrs attrs = {hoop_tensor_size(b->in[1], 0)};
    hoop_pass(b, 0, b->dy[0]);
    if (hoop_sink(b, 1))
        hoop_op_call(b->t, &hoop__op_position_grad, (hoop_tensor *[]){b->dy[0], b->nin > 2 ? b->in[2] : NULL}, b->nin - 1, &attrs,
                     NULL);
}
static void position_reference(const hoop_call *c)
{
    const int64_t width = c->out->shape[1] * c->out->shape[2], first = c->nin > 2 ? (int64_t)hoop__at(c->in[2], 0) : 0;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++)
        ((double *)c->out->data)[i] = hoop__at(c->in[0], i) + hoop__at(c->in[1], first * c->out->shape[2] + i % width);
}
static const hoop_case cases[] = {
    {"2x3x4 3x4"},
    {"1x1x1 1x1"},
    {"3x2x5 7x5"},
    {"3x2x5 7x5 i64:.<6"},
    {"0x2x5 7x5"},
    {"2x3x4 2x4", NULL, HOOP_ESHAPE},
    {"2x3x4 3x5", NULL, HOOP_ESHAPE},
    {"2x3 3x3", NULL, HOOP_ESHAPE},
    {"2x3x4 3x4 i64:1<3", NULL, HOOP_ESHAPE},
    {"2x3x4 3x4 .", NULL, HOOP_EDTYPE},
    {"2x3x4 i64:3x4<9", NULL, HOOP_EDTYPE},
    {"2x3x4 2x4 i64:.<9", NULL, HOOP_ERANGE},
};

const hoop_op hoop__op_position = {
    .name      = "position",
    .min_in    = 2,
    .max_in    = 3,
    .nout      = 1,
    .flags     = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads     = HOOP_READS_IN(2),
    .shape     = position_shape,
    .forward   = position_forward,
    .backward  = position_backward,
    .reference = position_reference,
    .samples   = position_samples,
    HOOP_CASES(cases),
};

/* position_grad: dy (N, T, C), first or none -> (length, C): sums over samples from row `first` on, else zeros */
static hoop_status position_grad_shape(hoop_shape_call *s)
{
    const int64_t    length = ((const position_attrs *)s->attrs)->length;
    const hoop_view *dy     = s->in[0];
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (dy->ndim != 3) return hoop_fail(s->err, HOOP_ESHAPE, "%d dims; (N, T, C) is wanted", dy->ndim);
    if (length < dy->shape[1])
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld positions; the table has %lld", (long long)dy->shape[1], (long long)length);
    hoop__view_set(&s->out[0], (hoop_dtype)dy->dtype, 2, (int64_t[]){length, dy->shape[2]});
    return check_first(s, 1);
}
typedef struct summing {
    const hoop_call *c;
    char            *to;
    int64_t          width, size; /* of a sample, all its rows */
} summing;
static void position_grad_range(const void *ctx, int64_t at, int64_t n)
{
    const summing   *u = ctx;
    const hoop_call *c = u->c;
    c->kernels->sum_cols[c->out->dtype](c->in[0]->shape[0], n, (const char *)c->in[0]->data + at * u->size, u->width,
                                        u->to + at * u->size, c->add);
}
static hoop_status position_grad_forward(const hoop_call *c)
{
    const hoop_view *dy     = c->in[0];
    const int64_t    length = c->out->shape[0], row = dy->shape[2] * (int64_t)hoop_dtype_size((hoop_dtype)dy->dtype);
    char            *to = c->out->data;
    summing          u  = {.c = c, .width = dy->shape[1] * dy->shape[2], .size = (int64_t)hoop_dtype_size((hoop_dtype)dy->dtype)};
    int64_t          first;
    hoop_status      st = check_rows(c, c->nin > 1 ? c->in[1] : NULL, dy->shape[1], length, &first);
    if (st != HOOP_OK) return st;
    u.to = to + first * row;
    if (!c->add) {
        hoop__clear(c, to, first * row);
        hoop__clear(c, to + (first + dy->shape[1]) * row, (length - first - dy->shape[1]) * row);
    }
    hoop_threads_share(c->threads, u.width, (dy->shape[0] + 1) * u.size, 1, position_grad_range, &u);
    return HOOP_OK;
}
static void position_grad_backward(hoop_backward_call *b)
{
    hoop_tensor *zero = hoop_fill(b->t, hoop_tensor_dtype(b->in[0]), 3, hoop_tensor_shape(b->in[0]), 0.0);
    if (hoop_sink(b, 0)) hoop_position(b->t, zero, b->dy[0], b->nin > 1 ? b->in[1] : NULL);
}
static void position_grad_reference(const hoop_call *c)
{
    const hoop_view *dy    = c->in[0];
    const int64_t    width = dy->shape[1] * dy->shape[2], at = (c->nin > 1 ? (int64_t)hoop__at(c->in[1], 0) : 0) * dy->shape[2];
    memset(c->out->data, 0, (size_t)hoop__view_numel(c->out) * sizeof(double));
    for (int64_t i = 0, n = hoop__view_numel(dy); i < n; i++) ((double *)c->out->data)[at + i % width] += hoop__at(dy, i);
}
static const position_attrs three = {3}, seven = {7}, two = {2};
static const hoop_case      grad_cases[] = {
         {"2x3x4", &three},
         {"3x2x5", &seven},
         {"3x2x5 i64:.<6", &seven},
         {"0x2x5", &seven},
         {"2x3x4", &two, HOOP_ESHAPE},
         {"2x3", &three, HOOP_ESHAPE},
         {"2x3x4 i64:1<3", &seven, HOOP_ESHAPE},
         {"2x3x4 .", &seven, HOOP_EDTYPE},
         {"i64:2x3x4<9", &three, HOOP_EDTYPE},
};

const hoop_op hoop__op_position_grad = {
    .name       = "position_grad",
    .min_in     = 1,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES,
    .reads      = HOOP_READS_IN(1),
    .attrs_size = sizeof(position_attrs),
    HOOP_FIELDS(fields),
    .shape     = position_grad_shape,
    .forward   = position_grad_forward,
    .backward  = position_grad_backward,
    .reference = position_grad_reference,
    HOOP_CASES(grad_cases),
};
