/* gather and scatter_add, by a place for each element; index_select and index_add, by a place for each row. */
#include "ops/index/index.h"

#include <stdatomic.h>
#include <string.h>

extern const hoop_op hoop__op_gather, hoop__op_scatter_add, hoop__op_index_select, hoop__op_index_add;

enum { CALL_WEIGHT = 256 /* of finding a row and calling for it (hoop_threads_share) */ };

enum { BATCH = 64 }; /* indices that are checked at once: a number that the compiler knows */

/* all of n are 0 to size - 1: the first bit tells that one is below or above */
static bool in_range(int64_t n, const int64_t *v, int64_t size)
{
    uint64_t off = 0;
    int64_t  k   = 0;
    for (; k + BATCH <= n; k += BATCH)
        for (int i = 0; i < BATCH; i++) off |= (uint64_t)v[k + i] | ((uint64_t)size - 1 - (uint64_t)v[k + i]);
    for (; k < n; k++) off |= (uint64_t)v[k] | ((uint64_t)size - 1 - (uint64_t)v[k]);
    return off >> 63 == 0;
}

hoop_status hoop__check_index(const hoop_view *index, int64_t size, hoop_error *err)
{
    const int64_t *v = index->data;
    for (int64_t i = 0, n = hoop__view_numel(index); i < n; i++) {
        while (n - i >= BATCH && in_range(BATCH, v + i, size)) i += BATCH;
        if (i == n || (uint64_t)v[i] < (uint64_t)size) continue;
        return hoop_fail(err, HOOP_ERANGE, "index %lld at position %lld is not between 0 and %lld", (long long)v[i], (long long)i,
                         (long long)(size - 1));
    }
    return HOOP_OK;
}

/* A call whose indices are checked part by part as they are used, while they are in the nearest cache. What is out of range is
 * left out, and named when all is done. */
typedef struct checked {
    const hoop_call *c;
    int64_t          size; /* of the dim */
    bool             each; /* scatter_add: each row is begun when it is added to */
    atomic_bool     *off;
} checked;

static bool usable(const checked *j, int64_t n, const int64_t *index)
{
    if (in_range(n, index, j->size)) return true;
    atomic_store(j->off, true);
    return false;
}

#define TAKE(T)                                                                                                                  \
    {                                                                                                                            \
        const T *from = x;                                                                                                       \
        T       *to   = y;                                                                                                       \
        if (step == 1 && along == 0) {                                                                                           \
            for (int64_t i = 0; i < n; i++) to[i] = from[index[i]];                                                              \
        } else {                                                                                                                 \
            for (int64_t i = 0; i < n; i++) to[i] = from[index[i] * step + i * along];                                           \
        }                                                                                                                        \
    }

void hoop__take(int64_t n, int64_t size, const void *x, int64_t step, int64_t along, const int64_t *index, void *y)
{
    if (size == 1)
        TAKE(uint8_t)
    else if (size == 4)
        TAKE(uint32_t)
    else
        TAKE(uint64_t)
}

#define ADD(T)                                                                                                                   \
    {                                                                                                                            \
        const T *from = x;                                                                                                       \
        T       *to   = y;                                                                                                       \
        for (int64_t i = 0; i < n; i++) to[index[i] * step + i * along] += from[i];                                              \
    }

/* y[index[i] * step + i * along] += x[i], i ascending */
static void add_to(hoop_dtype dtype, int64_t n, void *y, int64_t step, int64_t along, const int64_t *index, const void *x)
{
    if (dtype == HOOP_F32)
        ADD(float)
    else
        ADD(double)
}

static int from_end(int dim, const hoop_tensor *x)
{
    return dim < 0 ? dim + hoop_tensor_ndim(x) : dim;
}

static hoop_status check_dim(hoop_shape_call *s, int64_t dim, int ndim)
{
    if (dim >= 0 && dim < ndim) return HOOP_OK;
    return hoop_fail(s->err, HOOP_ESHAPE, "no dim %lld of %d", (long long)dim, ndim);
}

static hoop_status check_places(hoop_shape_call *s, int i)
{
    if (s->in[i]->dtype == HOOP_I64) return HOOP_OK;
    return hoop_fail(s->err, HOOP_EDTYPE, "indices are i64, input %d is %s (hoop_cast)", i,
                     hoop_dtype_name((hoop_dtype)s->in[i]->dtype));
}

/* ---- gather ---- */

typedef struct dim_attrs {
    int64_t dim;
} dim_attrs;
static const hoop_field dim_fields[] = {{"dim", 'i', offsetof(dim_attrs, dim)}};

/**
 * hoop_gather - elements by their places in a dim: y[.., i, ..] = x[.., index[.., i, ..], ..].
 * Shape   x [.., N, ..], index i64 [.., K, ..], in the other dims at most x's sizes -> index's
 * Grad    dx[index] += dy, positions in ascending order
 * Dtype   any                        Errors HOOP_ESHAPE, HOOP_EDTYPE (index), HOOP_ERANGE (names the index)
 */
hoop_tensor *hoop_gather(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor *index)
{
    return hoop_op_call(t, &hoop__op_gather, (hoop_tensor *[]){x, index}, 2, &(dim_attrs){from_end(dim, x)}, NULL);
}
static hoop_status gather_shape(hoop_shape_call *s)
{
    int64_t          dim = ((const dim_attrs *)s->attrs)->dim;
    const hoop_view *x = s->in[0], *index = s->in[1];
    if (check_dim(s, dim, x->ndim) != HOOP_OK) return HOOP_ESHAPE;
    if (check_places(s, 1) != HOOP_OK) return HOOP_EDTYPE;
    if (index->ndim != x->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "indices of %d dims for %d", index->ndim, x->ndim);
    for (int d = 0; d < x->ndim; d++) {
        if (d != dim && index->shape[d] > x->shape[d])
            return hoop_fail(s->err, HOOP_ESHAPE, "indices of size %lld in dim %d, where there are %lld",
                             (long long)index->shape[d], d, (long long)x->shape[d]);
    }
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, index->ndim, index->shape);
    return HOOP_OK;
}
/* rows of the last dim of the indices */
static void gather_range(const void *ctx, int64_t first, int64_t n)
{
    const checked   *j = ctx;
    const hoop_call *c = j->c;
    const hoop_view *x = c->in[0], *y = c->out;
    int              dim = (int)((const dim_attrs *)c->attrs)->dim, last = y->ndim - 1;
    int64_t          cols = y->shape[last], size = hoop__size(x), stride[HOOP_MAX_DIMS];
    hoop_walk        w = {.ndim = last, .shape = y->shape, .stride = {stride}, .noperands = 1};
    for (int d = 0; d < y->ndim; d++) stride[d] = d == dim ? 0 : x->stride[d];
    hoop__walk_to(&w, first);
    for (int64_t r = first; r < first + n; r++) {
        const int64_t *index = (const int64_t *)c->in[1]->data + r * cols;
        if (usable(j, cols, index))
            hoop__take(cols, size, (const char *)x->data + w.at[0] * size, x->stride[dim], dim == last ? 0 : 1, index,
                       (char *)y->data + r * cols * size);
        hoop__walk_next(&w);
    }
}
static hoop_status gather_forward(const hoop_call *c)
{
    atomic_bool off = false;
    checked     j   = {c, c->in[0]->shape[((const dim_attrs *)c->attrs)->dim], false, &off};
    int64_t     rows, cols;
    hoop__rows(c->out, &rows, &cols);
    if (hoop__view_numel(c->out) > 0) hoop_threads_share(c->threads, rows, CALL_WEIGHT + 16 * cols, 1, gather_range, &j);
    return atomic_load(&off) ? hoop__check_index(c->in[1], j.size, c->err) : HOOP_OK;
}
static double gather_bytes(const hoop_call *c)
{
    return (double)hoop__view_numel(c->out) * (double)(8 + 2 * hoop__size(c->out));
}
static int gather_samples(const hoop_samples_call *s)
{
    int64_t dim = ((const dim_attrs *)s->attrs)->dim;
    if (s->axis[0] < 0) return s->axis[1] == dim ? (int)dim : -1;
    if (s->axis[0] != s->axis[1] || s->axis[0] == dim) return -1;
    return s->in[0]->shape[s->axis[0]] == s->in[1]->shape[s->axis[0]] ? s->axis[0] : -1;
}
static void gather_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop__scatter_to(b->t, b->dy[0], b->in[1], (int)((const dim_attrs *)b->attrs)->dim, b->in[0]);
}
static void gather_reference(const hoop_call *c)
{
    int64_t dim = ((const dim_attrs *)c->attrs)->dim, at[HOOP_MAX_DIMS];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        hoop__places(c->out, i, at);
        at[dim] = (int64_t)hoop__at(c->in[1], i);
        hoop__put(c->out, i, hoop__at(c->in[0], hoop__number(c->in[0], at)));
    }
}
static const dim_attrs dim0 = {0}, dim1 = {1}, dim2 = {2}, minus = {-1};
static const hoop_case gather_cases[] = {
    {"3x4 i64:3x4<3", &dim0},
    {"3x4 i64:3x7<4", &dim1},
    {"5x4 i64:2x3<4", &dim1},
    {"3x4 i64:7x2<3", &dim0},
    {"2x5x3 i64:2x4x3<5", &dim1},
    {"5 i64:3<5", &dim0},
    {"3x4 i64:3x0<4", &dim1},
    {"i32:3x4<9 i64:3x7<4", &dim1},
    {"u8:3x4<9 i64:2x4<3", &dim0},
    {"i64:3x4<9 i64:2x4<3", &dim0},
    {"3x4 i64:4x4<4", &dim1, HOOP_ESHAPE},
    {"3x4 i64:3<4", &dim1, HOOP_ESHAPE},
    {"3x4 i64:3x4<3", &dim2, HOOP_ESHAPE},
    {"3x4 i64:3x4<3", &minus, HOOP_ESHAPE},
    {"3x4 3x4", &dim1, HOOP_EDTYPE},
    {"2x4 i64:2x64<9", &dim1, HOOP_ERANGE},
};
const hoop_op hoop__op_gather = {
    .name       = "gather",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(1),
    .attrs_size = sizeof(dim_attrs),
    HOOP_FIELDS(dim_fields),
    .shape     = gather_shape,
    .forward   = gather_forward,
    .backward  = gather_backward,
    .reference = gather_reference,
    .bytes     = gather_bytes,
    .samples   = gather_samples,
    HOOP_CASES(gather_cases),
};

/* ---- scatter_add ---- */

static const hoop_field place_fields[] = {{"dim", 'i', offsetof(place_attrs, dim)}, {"shape", 'I', offsetof(place_attrs, shape)}};

/**
 * hoop_scatter_add - x with src added at the places of a dim: y[.., index[.., i, ..], ..] += src[.., i, ..], i ascending.
 * Shape   x [.., N, ..], index i64 and src [.., K, ..], in the other dims at most x's sizes -> x's
 * Grad    dx += dy, dsrc += dy at the places
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (names the index)
 */
hoop_tensor *hoop_scatter_add(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor *index, hoop_tensor *src)
{
    place_attrs attrs = {.dim = from_end(dim, x)};
    return hoop_op_call(t, &hoop__op_scatter_add, (hoop_tensor *[]){src, index, x}, 3, &attrs, NULL);
}
hoop_tensor *hoop__scatter_to(hoop_tape *t, hoop_tensor *dy, hoop_tensor *index, int dim, const hoop_tensor *x)
{
    place_attrs attrs = {.dim = dim};
    for (int d = 0; d < hoop_tensor_ndim(x); d++) attrs.shape[d] = hoop_tensor_size(x, d);
    return hoop_op_call(t, &hoop__op_scatter_add, (hoop_tensor *[]){dy, index}, 2, &attrs, NULL);
}
/* src, index, and x or zeros of the shape */
static hoop_status scatter_add_shape(hoop_shape_call *s)
{
    const place_attrs *a   = s->attrs;
    const hoop_view   *src = s->in[0], *index = s->in[1];
    hoop_view         *y = &s->out[0];
    int64_t            numel;
    if (hoop__check_float(s, 0) != HOOP_OK || check_places(s, 1) != HOOP_OK) return HOOP_EDTYPE;
    if (s->nin == 3 && s->in[2]->dtype != src->dtype)
        return hoop_fail(s->err, HOOP_EDTYPE, "what is added is of x's dtype (hoop_cast)");
    if (check_dim(s, a->dim, src->ndim) != HOOP_OK) return HOOP_ESHAPE;
    if (!hoop__same_shape(src, index)) return hoop_fail(s->err, HOOP_ESHAPE, "an index for each element that is added is wanted");
    if (s->nin == 3 && s->in[2]->ndim != src->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "as many dims as x has are wanted");
    if (s->nin == 3)
        hoop__out_like(y, s->in[2]);
    else if (hoop_shape_numel((hoop_dtype)src->dtype, src->ndim, a->shape, s->err, &numel) != HOOP_OK)
        return s->err->status;
    else
        hoop__view_set(y, (hoop_dtype)src->dtype, src->ndim, a->shape);
    for (int d = 0; d < y->ndim; d++) {
        if (d != a->dim && index->shape[d] > y->shape[d])
            return hoop_fail(s->err, HOOP_ESHAPE, "indices of size %lld in dim %d, where there are %lld",
                             (long long)index->shape[d], d, (long long)y->shape[d]);
    }
    return HOOP_OK;
}
/* x, or zeros, to be added to */
static void begin(const hoop_call *c)
{
    int64_t bytes = hoop__view_numel(c->out) * hoop__size(c->out);
    if (c->nin == 3)
        hoop__copy_rows(c, 1, bytes, c->in[2]->data, bytes, c->out->data, bytes);
    else if (!c->add)
        hoop__clear(c, c->out->data, bytes);
}
/* the same of a row of y */
static void begin_row(const hoop_call *c, void *to, int64_t bytes)
{
    if (c->nin == 3)
        memcpy(to, (const char *)c->in[2]->data + ((char *)to - (char *)c->out->data), (size_t)bytes);
    else if (!c->add)
        memset(to, 0, (size_t)bytes);
}
/* whatever has places of its own: elements of the indices but for dim, as (outer, inner); here a part of inner, or some of outer
 */
static void scatter_add_range(const void *ctx, int64_t first, int64_t n)
{
    const checked   *j     = ctx;
    const hoop_call *c     = j->c;
    const hoop_view *index = c->in[1], *y = c->out;
    int              dim = (int)((const place_attrs *)c->attrs)->dim, last = y->ndim - 1;
    int64_t          count = index->shape[dim], size = hoop__size(y), stride[HOOP_MAX_DIMS], shape[HOOP_MAX_DIMS];
    int64_t run = dim == last ? 1 : index->shape[last], behind = hoop__inner(index, dim); /* run: neighbours in the last dim */
    const int64_t *at = index->data;
    hoop_walk      w  = {.shape = shape, .stride = {stride}, .noperands = 1};
    for (int d = 0; d < (dim == last ? dim : last); d++) {
        if (d == dim) continue;
        stride[w.ndim]  = y->stride[d];
        shape[w.ndim++] = index->shape[d];
    }
    hoop__walk_to(&w, first / run);
    for (int64_t m, i = first, col = first % run; i < first + n; i += m, col = 0) {
        int64_t from = i / behind * count * behind + i % behind;
        char   *to   = (char *)y->data + (w.at[0] + col) * size;
        m            = run - col < first + n - i ? run - col : first + n - i;
        if (j->each) begin_row(c, to, j->size * size);
        if (dim == last && usable(j, count, at + from))
            add_to((hoop_dtype)y->dtype, count, to, 1, 0, at + from, (const char *)c->in[0]->data + from * size);
        for (int64_t k = 0; k < count && dim != last; k++, from += behind)
            if (usable(j, m, at + from))
                add_to((hoop_dtype)y->dtype, m, to, y->stride[dim], 1, at + from, (const char *)c->in[0]->data + from * size);
        hoop__walk_next(&w);
    }
}
static hoop_status scatter_add_forward(const hoop_call *c)
{
    int         dim   = (int)((const place_attrs *)c->attrs)->dim;
    int64_t     apart = hoop__outer(c->in[1], dim) * hoop__inner(c->in[1], dim);
    atomic_bool off   = false;
    checked     j     = {c, c->out->shape[dim], dim == c->out->ndim - 1 && hoop__outer(c->out, dim) == apart, &off};
    if (hoop__view_numel(c->in[1]) == 0 || (c->nin == 3 && c->add)) j.each = false;
    if (!j.each) begin(c);
    if (hoop__view_numel(c->in[1]) > 0)
        hoop_threads_share(c->threads, apart, CALL_WEIGHT + 64 * c->in[1]->shape[dim], 16, scatter_add_range, &j);
    return atomic_load(&off) ? hoop__check_index(c->in[1], j.size, c->err) : HOOP_OK;
}
static int scatter_add_samples(const hoop_samples_call *s)
{
    int64_t dim  = ((const place_attrs *)s->attrs)->dim;
    int     axis = s->axis[0];
    if (axis < 0 || axis == dim || s->axis[1] != axis || (s->nin == 3 && s->axis[2] != axis)) return -1;
    return s->out->shape[axis] == s->in[0]->shape[axis] ? axis : -1;
}
static void scatter_add_backward(hoop_backward_call *b)
{
    int dim = (int)((const place_attrs *)b->attrs)->dim;
    if (hoop_sink(b, 0)) hoop_gather(b->t, b->dy[0], dim, b->in[1]);
    if (b->nin == 3) hoop_pass(b, 2, b->dy[0]);
}
static void scatter_add_reference(const hoop_call *c)
{
    int64_t dim = ((const place_attrs *)c->attrs)->dim, at[HOOP_MAX_DIMS];
    double *y   = c->out->data;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) y[i] = c->nin == 3 ? hoop__at(c->in[2], i) : 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[1]); i < n; i++) {
        hoop__places(c->in[1], i, at);
        at[dim] = (int64_t)hoop__at(c->in[1], i);
        y[hoop__number(c->out, at)] += hoop__at(c->in[0], i);
    }
}
static const place_attrs to_3x4_0 = {0, {3, 4}}, to_3x4_1 = {1, {3, 4}}, to_5x4_1 = {1, {5, 4}}, to_2x5x3_1 = {1, {2, 5, 3}},
                         to_5_0 = {0, {5}}, to_less = {1, {2, 4}}, to_negative = {1, {3, -4}}, no_place = {2, {3, 4}};
static const hoop_case scatter_add_cases[] = {
    {"3x4 i64:3x4<3", &to_3x4_0},
    {"3x7 i64:3x7<4 3x4", &to_3x4_1},
    {"2x3 i64:2x3<4", &to_5x4_1},
    {"2x4x3 i64:2x4x3<5", &to_2x5x3_1},
    {"7 i64:7<5 5", &to_5_0},
    {"3x0 i64:3x0<4 3x4", &to_3x4_1},
    {"3x4 i64:3x4<4", &to_less, HOOP_ESHAPE},
    {"3x4 i64:3x4<4", &to_negative, HOOP_ESHAPE},
    {"3x4 i64:3x4<3", &no_place, HOOP_ESHAPE},
    {"3x4 i64:3<4", &to_3x4_1, HOOP_ESHAPE},
    {"3x4 i64:3x4<4 3", &to_3x4_1, HOOP_ESHAPE},
    {"3x4 3x4", &to_3x4_1, HOOP_EDTYPE},
    {"3x64 i64:3x64<9 3x4", &to_3x4_1, HOOP_ERANGE},
};
const hoop_op hoop__op_scatter_add = {
    .name       = "scatter_add",
    .min_in     = 2,
    .max_in     = 3,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(1),
    .attrs_size = sizeof(place_attrs),
    HOOP_FIELDS(place_fields),
    .shape     = scatter_add_shape,
    .forward   = scatter_add_forward,
    .backward  = scatter_add_backward,
    .reference = scatter_add_reference,
    .samples   = scatter_add_samples,
    HOOP_CASES(scatter_add_cases),
};

/* ---- index_select ---- */

typedef struct rows_attrs {
    int64_t dim, size; /* of what comes out there */
} rows_attrs;
static const hoop_field rows_fields[] = {{"dim", 'i', offsetof(rows_attrs, dim)}, {"size", 'i', offsetof(rows_attrs, size)}};

/**
 * hoop_index_select - what stands at some places of a dim.
 * Shape   x [.., N, ..], index i64 (K) -> [.., K, ..]
 * Grad    dx[index] += dy, positions in ascending order
 * Dtype   any                        Errors HOOP_ESHAPE, HOOP_EDTYPE (index), HOOP_ERANGE (names the index)
 */
hoop_tensor *hoop_index_select(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor *index)
{
    return hoop_op_call(t, &hoop__op_index_select, (hoop_tensor *[]){x, index}, 2, &(dim_attrs){from_end(dim, x)}, NULL);
}
static hoop_status index_select_shape(hoop_shape_call *s)
{
    int64_t          dim = ((const dim_attrs *)s->attrs)->dim, shape[HOOP_MAX_DIMS] = {0};
    const hoop_view *x = s->in[0];
    if (check_dim(s, dim, x->ndim) != HOOP_OK) return HOOP_ESHAPE;
    if (check_places(s, 1) != HOOP_OK) return HOOP_EDTYPE;
    if (s->in[1]->ndim != 1) return hoop_fail(s->err, HOOP_ESHAPE, "indices (K) are wanted");
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    shape[dim] = s->in[1]->shape[0];
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, x->ndim, shape);
    return HOOP_OK;
}
/* of (outer, K) rows of `inner` elements */
static void index_select_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c     = ctx;
    const int64_t   *index = c->in[1]->data;
    int              dim   = (int)((const dim_attrs *)c->attrs)->dim;
    int64_t inner = hoop__inner(c->out, dim) * hoop__size(c->out), count = c->in[1]->shape[0], size = c->in[0]->shape[dim];
    for (int64_t i = first; i < first + n; i++)
        memcpy((char *)c->out->data + i * inner, (const char *)c->in[0]->data + (i / count * size + index[i % count]) * inner,
               (size_t)inner);
}
/* where rows are single elements: of `outer` */
static void index_select_elements(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c    = ctx;
    int              dim  = (int)((const dim_attrs *)c->attrs)->dim;
    int64_t          size = hoop__size(c->out), count = c->in[1]->shape[0], row = c->in[0]->shape[dim];
    for (int64_t o = first; o < first + n; o++)
        hoop__take(count, size, (const char *)c->in[0]->data + o * row * size, 1, 0, c->in[1]->data,
                   (char *)c->out->data + o * count * size);
}
static hoop_status index_select_forward(const hoop_call *c)
{
    int     dim   = (int)((const dim_attrs *)c->attrs)->dim;
    int64_t outer = hoop__outer(c->out, dim), count = c->in[1]->shape[0], inner = hoop__inner(c->out, dim);
    if (hoop__check_index(c->in[1], c->in[0]->shape[dim], c->err) != HOOP_OK) return HOOP_ERANGE;
    if (hoop__view_numel(c->out) == 0) return HOOP_OK;
    if (inner == 1)
        hoop_threads_share(c->threads, outer, CALL_WEIGHT + 16 * count, 1, index_select_elements, c);
    else
        hoop_threads_share(c->threads, outer * count, CALL_WEIGHT + inner * hoop__size(c->out), 1, index_select_range, c);
    return HOOP_OK;
}
static double index_select_bytes(const hoop_call *c)
{
    return 2.0 * (double)hoop__view_numel(c->out) * (double)hoop__size(c->out) + 8.0 * (double)c->in[1]->shape[0];
}
static int index_select_samples(const hoop_samples_call *s)
{
    int dim = (int)((const dim_attrs *)s->attrs)->dim;
    if (s->axis[0] < 0) return dim;
    return s->axis[1] < 0 && s->axis[0] != dim ? s->axis[0] : -1;
}
static void index_select_backward(hoop_backward_call *b)
{
    int        dim   = (int)((const dim_attrs *)b->attrs)->dim;
    rows_attrs attrs = {dim, hoop_tensor_size(b->in[0], dim)};
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_index_add, (hoop_tensor *[]){b->dy[0], b->in[1]}, 2, &attrs, NULL);
}
static void index_select_reference(const hoop_call *c)
{
    int64_t dim = ((const dim_attrs *)c->attrs)->dim, at[HOOP_MAX_DIMS];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        hoop__places(c->out, i, at);
        at[dim] = (int64_t)hoop__at(c->in[1], at[dim]);
        hoop__put(c->out, i, hoop__at(c->in[0], hoop__number(c->in[0], at)));
    }
}
static const hoop_case index_select_cases[] = {
    {"5x3 i64:4<5", &dim0},
    {"3x5 i64:7<5", &dim1},
    {"2x5x3 i64:4<5", &dim1},
    {"5 i64:3<5", &dim0},
    {"3x4 i64:0<4", &dim1},
    {"0x4 i64:3<4", &dim1},
    {"i32:5x3<9 i64:4<5", &dim0},
    {"u8:3x5<9 i64:4<5", &dim1},
    {"3x4 i64:3<3", &dim2, HOOP_ESHAPE},
    {"3x4 i64:3x1<3", &dim1, HOOP_ESHAPE},
    {"3x4 3", &dim1, HOOP_EDTYPE},
    {"2x4 i64:64<9", &dim1, HOOP_ERANGE},
};
const hoop_op hoop__op_index_select = {
    .name       = "index_select",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(1),
    .attrs_size = sizeof(dim_attrs),
    HOOP_FIELDS(dim_fields),
    .shape     = index_select_shape,
    .forward   = index_select_forward,
    .backward  = index_select_backward,
    .reference = index_select_reference,
    .bytes     = index_select_bytes,
    .samples   = index_select_samples,
    HOOP_CASES(index_select_cases),
};

/* ---- index_add ---- */

/**
 * hoop_index_add - x with parts of src added at some places of a dim, positions in ascending order.
 * Shape   x [.., N, ..], index i64 (K), src [.., K, ..] -> x's
 * Grad    dx += dy, dsrc += dy at the places
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (names the index)
 */
hoop_tensor *hoop_index_add(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor *index, hoop_tensor *src)
{
    dim = from_end(dim, x);
    return hoop_op_call(t, &hoop__op_index_add, (hoop_tensor *[]){src, index, x}, 3, &(rows_attrs){dim, hoop_tensor_size(x, dim)},
                        NULL);
}
static hoop_status index_add_shape(hoop_shape_call *s)
{
    const rows_attrs *a                    = s->attrs;
    const hoop_view  *x                    = s->in[0];
    int64_t           shape[HOOP_MAX_DIMS] = {0};
    if (hoop__check_float(s, 0) != HOOP_OK || check_places(s, 1) != HOOP_OK) return HOOP_EDTYPE;
    if (s->nin == 3 && s->in[2]->dtype != x->dtype)
        return hoop_fail(s->err, HOOP_EDTYPE, "what is added is of x's dtype (hoop_cast)");
    if (check_dim(s, a->dim, x->ndim) != HOOP_OK) return HOOP_ESHAPE;
    if (s->in[1]->ndim != 1 || s->in[1]->shape[0] != x->shape[a->dim])
        return hoop_fail(s->err, HOOP_ESHAPE, "an index for each of %lld parts is wanted", (long long)x->shape[a->dim]);
    if (a->size < 0) return hoop_fail(s->err, HOOP_ESHAPE, "size %lld", (long long)a->size);
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    shape[a->dim] = a->size;
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, x->ndim, shape);
    if (s->nin == 3 && !hoop__same_shape(s->in[2], &s->out[0]))
        return hoop_fail(s->err, HOOP_ESHAPE, "in the other dims, sizes of x are wanted");
    return HOOP_OK;
}
/* of (outer, inner) elements, each with places of its own */
static void index_add_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call  *c     = ctx;
    const rows_attrs *a     = c->attrs;
    const int64_t    *index = c->in[1]->data;
    hoop_dtype        dtype = (hoop_dtype)c->out->dtype;
    int64_t           inner = hoop__inner(c->out, (int)a->dim), count = c->in[1]->shape[0], size = hoop__size(c->out);
    for (int64_t m, o = first / inner, col = first % inner; n > 0; n -= m, o++, col = 0) {
        m = inner - col < n ? inner - col : n;
        if (inner == 1)
            add_to(dtype, count, (char *)c->out->data + o * a->size * size, 1, 0, index,
                   (const char *)c->in[0]->data + o * count * size);
        for (int64_t k = 0; k < count && inner > 1; k++) {
            int64_t to = (o * a->size + index[k]) * inner + col, from = (o * count + k) * inner + col;
            char   *y = (char *)c->out->data + to * size;
            c->kernels->binary[HOOP_BINARY_add][dtype](m, y, 1, (const char *)c->in[0]->data + from * size, 1, y, false);
        }
    }
}
static hoop_status index_add_forward(const hoop_call *c)
{
    const rows_attrs *a     = c->attrs;
    int64_t           inner = hoop__inner(c->out, (int)a->dim), apart = hoop__outer(c->out, (int)a->dim) * inner,
            count = c->in[1]->shape[0];
    if (hoop__check_index(c->in[1], a->size, c->err) != HOOP_OK) return HOOP_ERANGE;
    begin(c);
    if (apart > 0 && count > 0)
        hoop_threads_share(c->threads, apart, count * (hoop__size(c->out) + CALL_WEIGHT / inner), 16, index_add_range, c);
    return HOOP_OK;
}
static int index_add_samples(const hoop_samples_call *s)
{
    int axis = s->axis[0];
    if (axis < 0 || axis == ((const rows_attrs *)s->attrs)->dim || s->axis[1] >= 0) return -1;
    return s->nin == 3 && s->axis[2] != axis ? -1 : axis;
}
static void index_add_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_index_select(b->t, b->dy[0], (int)((const rows_attrs *)b->attrs)->dim, b->in[1]);
    if (b->nin == 3) hoop_pass(b, 2, b->dy[0]);
}
static void index_add_reference(const hoop_call *c)
{
    int64_t dim = ((const rows_attrs *)c->attrs)->dim, at[HOOP_MAX_DIMS];
    double *y   = c->out->data;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) y[i] = c->nin == 3 ? hoop__at(c->in[2], i) : 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[0]); i < n; i++) {
        hoop__places(c->in[0], i, at);
        at[dim] = (int64_t)hoop__at(c->in[1], at[dim]);
        y[hoop__number(c->out, at)] += hoop__at(c->in[0], i);
    }
}
static const rows_attrs five_rows = {0, 5}, five_cols = {1, 5}, four_cols = {1, 4}, third = {2, 5}, minus_rows = {1, -5};
static const hoop_case  index_add_cases[] = {
     {"4x3 i64:4<5", &five_rows},
     {"3x7 i64:7<5 3x5", &five_cols},
     {"2x7x3 i64:7<5", &five_cols},
     {"7 i64:7<5 5", &five_rows},
     {"3x0 i64:0<5", &five_cols},
     {"4x3 i64:5<5", &five_rows, HOOP_ESHAPE},
     {"3x7 i64:7<4 3x5", &four_cols, HOOP_ESHAPE},
     {"3x7 i64:7<4", &minus_rows, HOOP_ESHAPE},
     {"3x7 i64:7<4", &third, HOOP_ESHAPE},
     {"4x3 4", &five_rows, HOOP_EDTYPE},
     {"3x64 i64:64<9", &five_cols, HOOP_ERANGE},
};
const hoop_op hoop__op_index_add = {
    .name       = "index_add",
    .min_in     = 2,
    .max_in     = 3,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(1),
    .attrs_size = sizeof(rows_attrs),
    HOOP_FIELDS(rows_fields),
    .shape     = index_add_shape,
    .forward   = index_add_forward,
    .backward  = index_add_backward,
    .reference = index_add_reference,
    .samples   = index_add_samples,
    HOOP_CASES(index_add_cases),
};
