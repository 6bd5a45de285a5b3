/* where: one or the other by a mask; masked_fill. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "kernels/elementwise.h"

extern const hoop_op hoop__op_where;

/**
 * hoop_where - a where the mask is not 0, else b.
 * Shape   mask, a, b broadcast -> y  Grad   da += dy where the mask is not 0, db += dy elsewhere
 * Dtype   a, b any, both one; mask any
 * Errors  HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_where(hoop_tape *t, hoop_tensor *mask, hoop_tensor *a, hoop_tensor *b)
{
    return hoop_op_call(t, &hoop__op_where, (hoop_tensor *[]){mask, a, b}, 3, NULL, NULL);
}
/** hoop_masked_fill - a value, in x's dtype (f32, f64), where the mask is not 0, else x: as hoop_where. */
hoop_tensor *hoop_masked_fill(hoop_tape *t, hoop_tensor *x, hoop_tensor *mask, double value)
{
    hoop_tensor *fill = hoop_fill(t, hoop_tensor_dtype(x), 0, NULL, value);
    return hoop_where(t, mask, fill, x);
}

static hoop_status where_shape(hoop_shape_call *s)
{
    const hoop_view *const pair[2] = {s->in[1], s->in[2]}, *both[2];
    hoop_view              values, mask = *s->in[0];
    hoop_shape_call        inner = {.in = pair, .nin = 2, .out = &values, .nout = 1, .err = s->err};
    hoop_status            st    = hoop__shape_broadcast_any(&inner);
    if (st != HOOP_OK) return st;
    mask.dtype = values.dtype; /* whose own may be any */
    both[0]    = &mask;
    both[1]    = &values;
    inner      = (hoop_shape_call){.in = both, .nin = 2, .out = s->out, .nout = 1, .err = s->err};
    return hoop__shape_broadcast_any(&inner);
}

typedef struct choice {
    const hoop_elementwise_kernels *k;
    const hoop_view                *mask;
    const char                     *x[3]; /* mask, a, b */
    char                           *y;
    int64_t                         mask_size, size, inner, shape[HOOP_MAX_DIMS], stride[3][HOOP_MAX_DIMS];
    int                             ndim, dtype;
} choice;

static void choice_range(const void *ctx, int64_t first, int64_t n)
{
    const choice *e = ctx;
    hoop_walk w  = {.ndim = e->ndim - 1, .shape = e->shape, .stride = {e->stride[0], e->stride[1], e->stride[2]}, .noperands = 3};
    int64_t   sm = e->stride[0][e->ndim - 1], sa = e->stride[1][e->ndim - 1], sb = e->stride[2][e->ndim - 1],
            col = first % e->inner;
    char   *y   = e->y + first * e->size;
    uint8_t truth[HOOP_WHERE_CHUNK];
    hoop__walk_to(&w, first / e->inner);
    for (int64_t m; n > 0; n -= m, y += m * e->size) {
        m = e->inner - col < n ? e->inner - col : n;
        m = m < HOOP_WHERE_CHUNK ? m : HOOP_WHERE_CHUNK;
        e->k->truth[e->mask->dtype](m, e->x[0] + (w.at[0] + col * sm) * e->mask_size, sm, truth);
        e->k->where[e->dtype](m, truth, e->x[1] + (w.at[1] + col * sa) * e->size, sa, e->x[2] + (w.at[2] + col * sb) * e->size,
                              sb, y);
        col += m;
        if (col < e->inner) continue;
        hoop__walk_next(&w);
        col = 0;
    }
}
static hoop_status where_forward(const hoop_call *c)
{
    choice e = {.k = c->kernels->elementwise, .mask = c->in[0], .y = c->out->data, .ndim = c->out->ndim, .dtype = c->out->dtype};
    int64_t *strides[3] = {e.stride[0], e.stride[1], e.stride[2]}, n = hoop__view_numel(c->out);
    if (n == 0) return HOOP_OK;
    e.mask_size = (int64_t)hoop_dtype_size((hoop_dtype)c->in[0]->dtype);
    e.size      = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
    for (int d = 0; d < e.ndim; d++) e.shape[d] = c->out->shape[d];
    for (int i = 0; i < 3; i++) {
        e.x[i] = c->in[i]->data;
        hoop__broadcast_strides(c->in[i], c->out, e.stride[i]);
    }
    e.ndim = hoop__collapse(e.ndim, e.shape, strides, 3);
    if (e.ndim == 0) { /* a scalar is a row of one */
        e.ndim     = 1;
        e.shape[0] = e.stride[0][0] = e.stride[1][0] = e.stride[2][0] = 1;
    }
    e.inner = e.shape[e.ndim - 1];
    hoop_threads_share(c->threads, n, 2 * e.size, HOOP_WHERE_CHUNK, choice_range, &e);
    return HOOP_OK;
}
static void where_backward(hoop_backward_call *b)
{
    hoop_tensor *zero = hoop_fill(b->t, hoop_tensor_dtype(b->dy[0]), 0, NULL, 0.0);
    if (hoop_sink(b, 1)) hoop_where(b->t, b->in[0], b->dy[0], zero);
    if (hoop_sink(b, 2)) hoop_where(b->t, b->in[0], zero, b->dy[0]);
}
static void where_reference(const hoop_call *c)
{
    hoop_view x[3];
    for (int i = 0; i < 3; i++) {
        x[i]       = *c->out;
        x[i].dtype = c->in[i]->dtype;
        x[i].data  = c->in[i]->data;
        hoop__broadcast_strides(c->in[i], c->out, x[i].stride);
    }
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++)
        hoop__put(c->out, i, hoop__at(&x[0], i) != 0.0 ? hoop__at(&x[1], i) : hoop__at(&x[2], i));
}
static const hoop_case cases[] = {
    {"u8:3x4<2 3x4 3x4"},
    {"u8:4<2 3x1 ."},
    {"i64:2x1x3<2 4x1 3"},
    {"i32:133<2 133 133"},
    {"u8:0x3<2 3 0x3"},
    {"u8:.<2 . ."},
    {"u8:700<2 . 700"},
    {"u8:3x4<2 i64:3x4<9 i64:4<9"},
    {"u8:7<2 i32:7<9 i32:.<9"},
    {"u8:7<2 u8:7<9 u8:7<9"},
    {"u8:3<2 3 4", NULL, HOOP_ESHAPE},
    {"u8:4<2 3 3", NULL, HOOP_ESHAPE},
    {"u8:3<2 3 i64:3<5", NULL, HOOP_EDTYPE},
};
const hoop_op hoop__op_where = {
    .name      = "where",
    .min_in    = 3,
    .max_in    = 3,
    .nout      = 1,
    .flags     = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .reads     = HOOP_READS_IN(0),
    .shape     = where_shape,
    .forward   = where_forward,
    .backward  = where_backward,
    .reference = where_reference,
    .samples   = hoop__samples_broadcast,
    HOOP_CASES(cases),
};
