/* cumprod: running products along a dim, and the fused op that is their gradient. */
#include "ops/index/index.h"
#include "ops/reduce/reduce.h"

extern const hoop_op hoop__op_cumprod, hoop__op_cumprod_grad;

typedef struct cumprod_attrs {
    int64_t dim;
} cumprod_attrs;
static const hoop_field fields[] = {{"dim", 'i', offsetof(cumprod_attrs, dim)}};

/**
 * hoop_cumprod - products of the elements up to each, along a dim; f32 is multiplied in f64.
 * Shape   x [.., N, ..] -> same
 * Grad    dx_i += sum over k >= i of dy_k times the product up to k without x_i: nothing is divided by, so that it is right where
 *         elements are 0, too; the fused op cumprod_grad
 * Dtype   f32, f64; i64, i32, u8 -> i64          Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_cumprod(hoop_tape *t, hoop_tensor *x, int dim)
{
    return hoop_op_call(t, &hoop__op_cumprod, &x, 1, &(cumprod_attrs){dim < 0 ? dim + hoop_tensor_ndim(x) : dim}, NULL);
}
static hoop_status cumprod_shape(hoop_shape_call *s)
{
    return hoop__running_shape(s, ((const cumprod_attrs *)s->attrs)->dim);
}
static hoop_status cumprod_forward(const hoop_call *c)
{
    return hoop__running(c, HOOP_RUNNING_PROD, ((const cumprod_attrs *)c->attrs)->dim, false);
}
static void cumprod_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_cumprod_grad, (hoop_tensor *[]){b->in[0], b->dy[0]}, 2, b->attrs, NULL);
}

/* product of the line that element i, at its place `at`, is in, up to the place `last`, without the place `without` */
static double product(const hoop_view *x, int64_t i, int64_t at, int64_t inner, int64_t last, int64_t without)
{
    double p = 1.0;
    for (int64_t k = 0; k <= last; k++) p *= k == without ? 1.0 : hoop__at(x, i + (k - at) * inner);
    return p;
}
static void cumprod_reference(const hoop_call *c)
{
    const int     dim   = (int)((const cumprod_attrs *)c->attrs)->dim;
    const int64_t inner = hoop__inner(c->out, dim), size = c->out->shape[dim];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        const int64_t at = i / inner % size;
        hoop__put(c->out, i, product(c->in[0], i, at, inner, at, -1));
    }
}
static const cumprod_attrs dim0 = {0}, dim1 = {1}, dim3 = {3}, minus = {-1};
static const hoop_case     cases[] = {
        {"3x4", &dim0},
        {"3x4", &dim1},
        {"7x5x3", &dim1},
        {"5x7", &dim1},
        {"9x2", &dim0},
        {"1", &dim0},
        {"0x3", &dim1},
        {"3x0", &dim1},
        {"i64:3x4<9", &dim0},
        {"i32:3x4<9", &dim1},
        {"u8:3x5<9", &dim1},
        {"u8:3x5x2<9", &dim1},
        {"3x4", &dim3, HOOP_ESHAPE},
        {"3x4", &minus, HOOP_ESHAPE},
};
const hoop_op hoop__op_cumprod = {
    .name       = "cumprod",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(cumprod_attrs),
    HOOP_FIELDS(fields),
    .shape     = cumprod_shape,
    .forward   = cumprod_forward,
    .backward  = cumprod_backward,
    .reference = cumprod_reference,
    .samples   = hoop__running_samples,
    HOOP_CASES(cases),
};

/* cumprod_grad: x, dy of one shape -> dx */
static hoop_status grad_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__shape_same(s);
    return st != HOOP_OK ? st : hoop__running_shape(s, ((const cumprod_attrs *)s->attrs)->dim);
}
int64_t hoop__products_workspace(const hoop_call *c)
{
    return c->out->dtype == HOOP_F64 ? 0 : hoop__view_numel(c->out) * (int64_t)sizeof(double);
}
double *hoop__products_f64(const hoop_call *c)
{
    return c->out->dtype == HOOP_F64 ? c->out->data : c->work;
}
/* x as (outer, n, inner): lines first .. first + lines - 1 of outer * inner */
static void grad_range(const void *ctx, int64_t first, int64_t lines)
{
    const hoop_call *c     = ctx;
    const int        dim   = (int)((const cumprod_attrs *)c->attrs)->dim;
    const int64_t    inner = hoop__inner(c->out, dim), n = c->out->shape[dim], size = hoop__size(c->out);
    double          *s = hoop__products_f64(c);
    for (int64_t m, end = first + lines; first < end; first += m) {
        const int64_t begin = first / inner * n * inner + first % inner, at = begin * size, rest = inner - first % inner;
        m = inner == 1 || end - first < rest ? end - first : rest;
        c->kernels->reduce->cumprod_grad[c->out->dtype](n, m, (const char *)c->in[0]->data + at,
                                                        (const char *)c->in[1]->data + at, inner, inner == 1 ? n : 1, s + begin,
                                                        (char *)c->out->data + at);
    }
}
static hoop_status grad_forward(const hoop_call *c)
{
    const int64_t n = c->out->shape[((const cumprod_attrs *)c->attrs)->dim], all = hoop__view_numel(c->out);
    if (all > 0) hoop_threads_share(c->threads, all / n, 256 + 32 * n, 16, grad_range, c);
    return HOOP_OK;
}
/* x moved by so many places along a dim, with a value where nothing came */
static hoop_tensor *moved(hoop_tape *t, hoop_tensor *x, int dim, int64_t by, double value)
{
    const int     ndim = hoop_tensor_ndim(x);
    const int64_t n = hoop_tensor_size(x, dim), kept = n - (by < 0 ? -by : by);
    int64_t       pads[2 * HOOP_MAX_DIMS] = {0};
    pads[2 * (ndim - 1 - dim) + (by < 0)] = n - kept;
    x                                     = hoop_slice(t, x, dim, by < 0 ? -by : 0, kept);
    return hoop_pad(t, x, 2 * (ndim - dim), pads, HOOP_PAD_CONSTANT, value);
}
hoop_tensor *hoop__products_before(hoop_tape *t, hoop_tensor *x, int dim)
{
    x = moved(t, x, dim, 1, 1.0);
    return hoop_cumprod(t, x, dim);
}
/* dx_i = (product before i) s_i, s_i = dy_i + x_(i+1) s_(i+1): a recurrence that twice as many places see each round (Hillis and
 * Steele, Data parallel algorithms, 1986), so that it can be differentiated and takes n log n */
static hoop_tensor *grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const int     dim = (int)((const cumprod_attrs *)attrs)->dim;
    const int64_t n   = hoop_tensor_size(in[0], dim);
    hoop_tensor  *before, *s = in[1], *factor, *far;
    (void)nin;
    if (n == 0 || hoop_tensor_numel(in[0]) == 0) return hoop_mul(t, in[0], in[1]);
    factor = moved(t, in[0], dim, -1, 0.0);
    for (int64_t d = 1; d < n; d *= 2) {
        far = moved(t, s, dim, -d, 0.0);
        far = hoop_mul(t, factor, far);
        s   = hoop_add(t, s, far);
        if (2 * d >= n) break;
        far    = moved(t, factor, dim, -d, 0.0);
        factor = hoop_mul(t, factor, far);
    }
    before = hoop__products_before(t, in[0], dim);
    return hoop_mul(t, before, s);
}
static void grad_reference(const hoop_call *c)
{
    const int     dim   = (int)((const cumprod_attrs *)c->attrs)->dim;
    const int64_t inner = hoop__inner(c->out, dim), size = c->out->shape[dim];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        const int64_t at  = i / inner % size;
        double        sum = 0.0;
        for (int64_t k = at; k < size; k++)
            sum += hoop__at(c->in[1], i + (k - at) * inner) * product(c->in[0], i, at, inner, k, at);
        hoop__put(c->out, i, sum);
    }
}
static const hoop_case grad_cases[] = {
    {"3x4 3x4", &dim0},
    {"3x4 3x4", &dim1},
    {"3x5x3 3x5x3", &dim1},
    {"1 1", &dim0},
    {"0x3 0x3", &dim1},
    {"3x0 3x0", &dim1},
    {"3x4 3x4", &dim3, HOOP_ESHAPE},
    {"3x4 3x5", &dim1, HOOP_ESHAPE},
    {"3x4 3x4", &minus, HOOP_ESHAPE},
    {"3x4 i64:3x4<4", &dim1, HOOP_EDTYPE},
};
const hoop_op hoop__op_cumprod_grad = {
    .name       = "cumprod_grad",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(cumprod_attrs),
    HOOP_FIELDS(fields),
    .shape     = grad_shape,
    .forward   = grad_forward,
    .workspace = hoop__products_workspace,
    .composite = grad_composite,
    .reference = grad_reference,
    .samples   = hoop__running_samples,
    HOOP_CASES(grad_cases),
};
