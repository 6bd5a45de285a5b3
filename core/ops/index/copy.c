/* concat, contiguous, cast: ops that write their elements somewhere new. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <string.h>

extern const hoop_op hoop__op_concat, hoop__op_contiguous, hoop__op_cast;

typedef struct concat_attrs {
    int64_t dim;
} concat_attrs;
static const hoop_field concat_fields[] = {{"dim", 'i', offsetof(concat_attrs, dim)}};

/**
 * hoop_concat - join tensors along a dim.
 * Shape   n tensors [.., Ni, ..], equal but for the dim -> [.., sum Ni, ..]
 * Grad    dxi += its part of dy
 * Dtype   any, all one               Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (n < 1)
 */
hoop_tensor *hoop_concat(hoop_tape *t, hoop_tensor *const *xs, int n, int dim)
{
    hoop_tensor *part[HOOP_MAX_IN];
    int          parts = 0, each = (n - 1) / HOOP_MAX_IN + 1; /* of more than an op takes: parts first */
    if (n <= HOOP_MAX_IN)
        return hoop_op_call(t, &hoop__op_concat, xs, n, &(concat_attrs){dim < 0 && n > 0 ? dim + hoop_tensor_ndim(xs[0]) : dim},
                            NULL);
    for (int i = 0; i < n; i += each) part[parts++] = hoop_concat(t, xs + i, n - i < each ? n - i : each, dim);
    return hoop_concat(t, part, parts, dim);
}
static hoop_status concat_shape(hoop_shape_call *s)
{
    int64_t          dim = ((const concat_attrs *)s->attrs)->dim, shape[HOOP_MAX_DIMS] = {0};
    const hoop_view *x = s->in[0];
    if (dim < 0 || dim >= x->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "no dim %lld", (long long)dim);
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    for (int i = 1; i < s->nin; i++) {
        const hoop_view *o = s->in[i];
        if (o->dtype != x->dtype) return hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
        if (o->ndim != x->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "inputs of as many dims are wanted");
        for (int d = 0; d < x->ndim; d++) {
            if (d != dim && o->shape[d] != x->shape[d]) return hoop_fail(s->err, HOOP_ESHAPE, "sizes of dim %d differ", d);
        }
        if (__builtin_add_overflow(shape[dim], o->shape[dim], &shape[dim]))
            return hoop_fail(s->err, HOOP_ESIZE, "the joined size overflows");
    }
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, x->ndim, shape);
    return HOOP_OK;
}
static hoop_status concat_forward(const hoop_call *c)
{
    int64_t dim = ((const concat_attrs *)c->attrs)->dim, outer = 1, inner = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype),
            at = 0;
    int64_t step;
    for (int d = 0; d < dim; d++) outer *= c->out->shape[d];
    for (int d = (int)dim + 1; d < c->out->ndim; d++) inner *= c->out->shape[d];
    step = c->out->shape[dim] * inner;
    for (int i = 0; i < c->nin; i++) {
        int64_t bytes = c->in[i]->shape[dim] * inner;
        hoop__copy_rows(c, outer, bytes, c->in[i]->data, bytes, (char *)c->out->data + at, step);
        at += bytes;
    }
    return HOOP_OK;
}
static int concat_samples(const hoop_samples_call *s)
{
    for (int i = 1; i < s->nin; i++) {
        if (s->axis[i] != s->axis[0]) return -1;
    }
    return s->axis[0] != ((const concat_attrs *)s->attrs)->dim ? s->axis[0] : -1;
}
static void concat_backward(hoop_backward_call *b)
{
    int     dim = (int)((const concat_attrs *)b->attrs)->dim;
    int64_t at  = 0;
    for (int i = 0; i < b->nin; i++) {
        int64_t n = hoop_tensor_size(b->in[i], dim);
        if (hoop_sink(b, i)) hoop_slice(b->t, b->dy[0], dim, at, n);
        at += n;
    }
}
static void concat_reference(const hoop_call *c)
{
    int64_t dim = ((const concat_attrs *)c->attrs)->dim;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        int64_t index[HOOP_MAX_DIMS] = {0}, rest = i, at = 0;
        int     from = 0;
        for (int d = c->out->ndim - 1; d >= 0; d--) {
            index[d] = rest % c->out->shape[d];
            rest /= c->out->shape[d];
        }
        while (index[dim] >= c->in[from]->shape[dim]) index[dim] -= c->in[from++]->shape[dim];
        for (int d = 0; d < c->out->ndim; d++) at = at * c->in[from]->shape[d] + index[d];
        hoop__put(c->out, i, hoop__at(c->in[from], at));
    }
}
static const concat_attrs dim0 = {0}, dim1 = {1}, dim2 = {2};

static const hoop_case concat_cases[] = {
    {"3x4 2x4", &dim0},
    {"3x4 3x1 3x2", &dim1},
    {"0x4 2x4", &dim0},
    {"5", &dim0},
    {"i32:3x4<9 i32:2x4<9", &dim0},
    {"u8:3x1<9 u8:3x2<9", &dim1},
    {"3x4 3x3", &dim0, HOOP_ESHAPE},
    {"3x4 3x4", &dim2, HOOP_ESHAPE},
    {"3 i64:3<4", &dim0, HOOP_EDTYPE},
};

const hoop_op hoop__op_concat = {
    .name       = "concat",
    .min_in     = 1,
    .max_in     = HOOP_MAX_IN,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(concat_attrs),
    HOOP_FIELDS(concat_fields),
    .shape     = concat_shape,
    .forward   = concat_forward,
    .backward  = concat_backward,
    .reference = concat_reference,
    .samples   = concat_samples,
    HOOP_CASES(concat_cases),
};

static void same_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) hoop__put(c->out, i, hoop__at(c->in[0], i));
}

/**
 * hoop_contiguous - a copy in row-major order.
 * Shape   x -> same                  Grad   dx += dy
 * Dtype   any
 */
hoop_tensor *hoop_contiguous(hoop_tape *t, hoop_tensor *x)
{
    return hoop_op_call(t, &hoop__op_contiguous, &x, 1, NULL, NULL);
}
static hoop_status contiguous_shape(hoop_shape_call *s)
{
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}
static hoop_status contiguous_forward(const hoop_call *c)
{
    hoop__copy(c, c->in[0], c->out->data);
    return HOOP_OK;
}
static void contiguous_backward(hoop_backward_call *b)
{
    hoop_pass(b, 0, b->dy[0]);
}
static const hoop_case contiguous_cases[] = {{"3x4"}, {"."}, {"0x3"}, {"2x3x5"}, {"i64:5x3<9"}, {"i32:3x4<9"}, {"u8:2x7<200"}};

const hoop_op hoop__op_contiguous = {
    .name      = "contiguous",
    .min_in    = 1,
    .max_in    = 1,
    .nout      = 1,
    .flags     = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .shape     = contiguous_shape,
    .forward   = contiguous_forward,
    .backward  = contiguous_backward,
    .reference = same_reference,
    .samples   = hoop__samples_any,
    HOOP_CASES(contiguous_cases),
};

typedef struct cast_attrs {
    int64_t dtype;
} cast_attrs;
static const hoop_field cast_fields[] = {{"dtype", 'i', offsetof(cast_attrs, dtype)}};

/**
 * hoop_cast - x in another dtype; floats to integers truncate towards zero.
 * Shape   x -> same                  Grad   dx += dy cast back (floats)
 * Dtype   any                        Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_cast(hoop_tape *t, hoop_tensor *x, hoop_dtype dtype)
{
    return hoop_op_call(t, &hoop__op_cast, &x, 1, &(cast_attrs){dtype}, NULL);
}
static hoop_status cast_shape(hoop_shape_call *s)
{
    int64_t dtype = ((const cast_attrs *)s->attrs)->dtype;
    if (dtype < 0 || dtype >= HOOP_DTYPE_COUNT) return hoop_fail(s->err, HOOP_EDTYPE, "%lld is no dtype", (long long)dtype);
    hoop__view_set(&s->out[0], (hoop_dtype)dtype, s->in[0]->ndim, s->in[0]->shape);
    return HOOP_OK;
}
static void cast_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c = ctx;
    const hoop_view *x = c->in[0], *y = c->out;
    c->kernels->cast[x->dtype][y->dtype](n, (const char *)x->data + first * (int64_t)hoop_dtype_size((hoop_dtype)x->dtype),
                                         (char *)y->data + first * (int64_t)hoop_dtype_size((hoop_dtype)y->dtype));
}
static hoop_status cast_forward(const hoop_call *c)
{
    hoop_threads_share(c->threads, hoop__view_numel(c->out), 8, 64, cast_range, c);
    return HOOP_OK;
}
static void cast_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_cast(b->t, b->dy[0], hoop_tensor_dtype(b->in[0]));
}
static const cast_attrs to_f64 = {HOOP_F64}, to_nothing = {HOOP_DTYPE_COUNT}, to_i64 = {HOOP_I64}, to_i32 = {HOOP_I32},
                        to_u8       = {HOOP_U8};
static const hoop_case cast_cases[] = {
    {"3x4", &to_f64}, {"i64:5<9", &to_f64}, {"i32:5<9", &to_f64}, {"u8:5<200", &to_u8},
    {"7+", &to_i32},  {"7", &to_i64},       {"0x3", &to_f64},     {"3", &to_nothing, HOOP_EDTYPE}};

const hoop_op hoop__op_cast = {
    .name       = "cast",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE | HOOP_OP_ANY_ORDER,
    .attrs_size = sizeof(cast_attrs),
    HOOP_FIELDS(cast_fields),
    .shape     = cast_shape,
    .forward   = cast_forward,
    .backward  = cast_backward,
    .reference = same_reference,
    .samples   = hoop__samples_any,
    HOOP_CASES(cast_cases),
};
