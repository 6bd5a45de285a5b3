/* cummax, cummin: the largest and the smallest of the elements up to each, and where it is. */
#include "ops/index/index.h"
#include "ops/reduce/reduce.h"

extern const hoop_op hoop__op_cummax, hoop__op_cummin;

typedef struct cummax_attrs {
    int64_t dim;
} cummax_attrs;
static const hoop_field fields[] = {{"dim", 'i', offsetof(cummax_attrs, dim)}};

static hoop_tensor *extreme(hoop_tape *t, const hoop_op *op, hoop_tensor *x, int dim, hoop_tensor **index)
{
    hoop_tensor *out[2], *y;
    y = hoop_op_call(t, op, &x, 1, &(cummax_attrs){dim < 0 ? dim + hoop_tensor_ndim(x) : dim}, out);
    if (index != NULL) *index = out[1];
    return y;
}
/**
 * hoop_cummax - largest of the elements up to each, along a dim; NaN from the first on.
 * Shape   x [.., N, ..] -> same, index (unless NULL) i64: its place in the dim, the last of equal ones
 * Grad    dx += dy at the places
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_cummax(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor **index)
{
    return extreme(t, &hoop__op_cummax, x, dim, index);
}
/** hoop_cummin - smallest of the elements up to each: as hoop_cummax. */
hoop_tensor *hoop_cummin(hoop_tape *t, hoop_tensor *x, int dim, hoop_tensor **index)
{
    return extreme(t, &hoop__op_cummin, x, dim, index);
}
static hoop_status shape(hoop_shape_call *s)
{
    hoop_status st = hoop__running_shape(s, ((const cummax_attrs *)s->attrs)->dim);
    hoop__out_like(&s->out[0], s->in[0]);
    hoop__out_like(&s->out[1], s->in[0]);
    s->out[1].dtype = HOOP_I64;
    return st;
}
/* x as (outer, n, inner): lines first .. first + lines - 1 of outer * inner */
static void range(const void *ctx, int64_t first, int64_t lines)
{
    const hoop_call *c   = ctx;
    const int        dim = (int)((const cummax_attrs *)c->attrs)->dim;
    const int64_t    n = c->out->shape[dim], inner = hoop__inner(c->out, dim), size = hoop__size(c->out);
    for (int64_t m, end = first + lines; first < end; first += m) {
        const int64_t at = first / inner * n * inner + first % inner, rest = inner - first % inner;
        m = inner == 1 || end - first < rest ? end - first : rest;
        c->kernels->reduce->running_place[c->op->kernel][c->out->dtype](n, m, (const char *)c->in[0]->data + at * size, inner,
                                                                        inner == 1 ? n : 1, (char *)c->out[0].data + at * size,
                                                                        (int64_t *)c->out[1].data + at);
    }
}
static hoop_status forward(const hoop_call *c)
{
    const int64_t n = c->out->shape[((const cummax_attrs *)c->attrs)->dim], all = hoop__view_numel(c->out);
    if (all > 0) hoop_threads_share(c->threads, all / n, 256 + 32 * n, 16, range, c);
    return HOOP_OK;
}
static void backward(hoop_backward_call *b)
{
    const int dim = (int)((const cummax_attrs *)b->attrs)->dim;
    if (b->dy[0] != NULL && hoop_sink(b, 0)) hoop__scatter_to(b->t, b->dy[0], b->out[1], dim, b->in[0]);
}
static void reference(const hoop_call *c)
{
    const int     dim   = (int)((const cummax_attrs *)c->attrs)->dim;
    const int64_t inner = hoop__inner(c->out, dim), size = c->out->shape[dim];
    const double  sign = c->op->kernel == 0 ? 1.0 : -1.0;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        const int64_t at   = i / inner % size;
        int64_t       best = 0;
        for (int64_t k = 1; k <= at; k++) {
            const double v = sign * hoop__at(c->in[0], i + (k - at) * inner);
            if (v >= sign * hoop__at(c->in[0], i + (best - at) * inner)) best = k;
        }
        hoop__put(&c->out[0], i, hoop__at(c->in[0], i + (best - at) * inner));
        hoop__put(&c->out[1], i, (double)best);
    }
}
static const cummax_attrs dim0 = {0}, dim1 = {1}, dim3 = {3}, minus = {-1};
static const hoop_case    cases[] = {
       {"3x4", &dim0},
       {"3x4", &dim1},
       {"7x5x3", &dim1},
       {"5x17", &dim1},
       {"1", &dim0},
       {"0x3", &dim1},
       {"3x0", &dim1},
       {"i64:3x4<9", &dim0},
       {"i32:3x40<9", &dim1},
       {"u8:3x7x2<250", &dim1},
       {"3x4", &dim3, HOOP_ESHAPE},
       {"3x4", &minus, HOOP_ESHAPE},
};
#define ROW                                                                                                                      \
    .min_in = 1, .max_in = 1, .nout = 2, .flags = HOOP_OP_ROW_WISE, .reads = HOOP_READS_OUT(1),                                  \
    .attrs_size = sizeof(cummax_attrs), HOOP_FIELDS(fields), .shape = shape, .forward = forward, .backward = backward,           \
    .reference = reference, .samples = hoop__running_samples, HOOP_CASES(cases)
const hoop_op hoop__op_cummax = {.name = "cummax", .kernel = 0, ROW};
const hoop_op hoop__op_cummin = {.name = "cummin", .kernel = 1, ROW};
