/* prod and its gradient; any, all. */
#include "ops/reduce/reduce.h"

extern const hoop_op hoop__op_prod, hoop__op_prod_grad, hoop__op_any, hoop__op_all;

static const reduce_attrs all = {HOOP_ALL_DIMS, 0}, all_kept = {HOOP_ALL_DIMS, 1}, first = {1, 0}, second = {2, 0},
                          outer = {5, 1}, fourth = {8, 0}, even = {10, 0};

/* the naive ones: y = what was there, and another */
typedef struct joined {
    const hoop_view *y;
    double (*join)(double a, double b);
} joined;

static void join(void *ctx, int64_t to, int64_t k, double v)
{
    const joined *j = ctx;
    (void)k;
    hoop__put(j->y, to, j->join(hoop__at(j->y, to), v));
}

static void reference(const hoop_call *c, double none, double (*both)(double, double))
{
    joined j = {c->out, both};
    for (int64_t i = 0, m = hoop__view_numel(c->out); i < m; i++) hoop__put(c->out, i, none);
    hoop__reduce_walk(c, join, &j);
}

static double product(double a, double b)
{
    return a * b;
}
static double either(double a, double b)
{
    return a != 0.0 || b != 0.0 ? 1.0 : 0.0;
}
static double both(double a, double b)
{
    return a != 0.0 && b != 0.0 ? 1.0 : 0.0;
}

/**
 * hoop_prod - product over dims; 1 for no elements.
 * Shape   as hoop_sum                Grad   dx += dy times the product of the others, right where one is 0 too
 * Dtype   f32, f64; i64, i32, u8 -> i64          Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_prod(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_prod, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status prod_shape(hoop_shape_call *s)
{
    return hoop__fold_shape(s, HOOP_REDUCE_PROD);
}
/* Dims in the order (kept, reduced), and where each stands then. Without a dim of either kind there is one of size 1. */
typedef struct order {
    int     ndim;
    int64_t dims[HOOP_MAX_DIMS], back[HOOP_MAX_DIMS], rows, cols;
} order;
static order order_of(const hoop_tensor *x, const reduce_attrs *a)
{
    order o = {.ndim = hoop_tensor_ndim(x), .rows = 1, .cols = 1};
    int   n = 0;
    for (int kept = 1; kept >= 0; kept--) {
        for (int d = 0; d < o.ndim; d++) {
            if (hoop__reduces(a, d) == (kept == 1)) continue;
            *(kept == 1 ? &o.rows : &o.cols) *= hoop_tensor_size(x, d);
            o.back[d]   = n;
            o.dims[n++] = d;
        }
    }
    return o;
}
static void prod_backward(hoop_backward_call *b)
{
    const reduce_attrs *a = b->attrs;
    order               o = order_of(b->in[0], a);
    int64_t             shape[HOOP_MAX_DIMS];
    hoop_tensor        *x = hoop_permute(b->t, b->in[0], o.ndim, o.dims), *dx, *flat, *dy;
    if (!hoop_needs(b, 0)) return;
    for (int d = 0; d < o.ndim; d++) shape[d] = hoop_tensor_size(b->in[0], (int)o.dims[d]);
    flat = hoop_reshape(b->t, x, 2, (int64_t[]){o.rows, o.cols});
    dy   = hoop_reshape(b->t, b->dy[0], 2, (int64_t[]){o.rows, 1});
    dx   = hoop_op_call(b->t, &hoop__op_prod_grad, (hoop_tensor *[]){flat, dy}, 2, NULL, NULL);
    dx   = hoop_reshape(b->t, dx, o.ndim, shape);
    if (hoop_sink(b, 0)) hoop_permute(b->t, dx, o.ndim, o.back);
}
static void prod_reference(const hoop_call *c)
{
    reference(c, 1.0, product);
}
static const hoop_case prod_cases[] = {
    {"3x4", &all},
    {"3x4", &all_kept},
    {"3x4", &first},
    {"3x4", &second},
    {"2x3x4", &outer},
    {"2x3x4", &second},
    {".", &all},
    {"1x5", &first},
    {"7x33", &first},
    {"3x17", &second},
    {"2x3x2x3x2", &even},
    {"0x3", &all},
    {"0x3", &first},
    {"0x3", &second},
    {"i64:7x5<9", &second},
    {"i32:7x3<4", &first},
    {"u8:3x4x2<20", &outer},
    {"u8:3x1<200", &second},
    {"3", &fourth, HOOP_ESHAPE},
};
const hoop_op hoop__op_prod = {
    .name  = "prod",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .reads = HOOP_READS_IN(0),
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = prod_shape,
    .forward   = hoop__fold,
    .workspace = hoop__fold_workspace,
    .kernel    = HOOP_REDUCE_PROD,
    .backward  = prod_backward,
    .reference = prod_reference,
    HOOP_CASES(prod_cases),
};

/* prod_grad: x (R, C), dy (R, 1) -> dx (R, C): dy times the product of the row's other elements */
static hoop_status prod_grad_shape(hoop_shape_call *s)
{
    const hoop_view *x = s->in[0], *dy = s->in[1];
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (dy->dtype != x->dtype) return hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
    if (x->ndim != 2 || dy->ndim != 2 || dy->shape[0] != x->shape[0] || dy->shape[1] != 1)
        return hoop_fail(s->err, HOOP_ESHAPE, "rows (R, C) and a gradient of each (R, 1) are wanted");
    hoop__out_like(&s->out[0], x);
    return HOOP_OK;
}
static void prod_grad_range(const void *ctx, int64_t begin, int64_t n)
{
    const hoop_call *c    = ctx;
    int64_t          size = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype), cols = c->out->shape[1], row = cols * size;
    c->kernels->reduce->prod_grad[c->out->dtype](n, cols, (const char *)c->in[0]->data + begin * row,
                                                 (const char *)c->in[1]->data + begin * size,
                                                 hoop__products_f64(c) + begin * cols, (char *)c->out->data + begin * row);
}
static hoop_status prod_grad_forward(const hoop_call *c)
{
    hoop_threads_share(c->threads, c->out->shape[0], 256 + 32 * c->out->shape[1], 1, prod_grad_range, c);
    return HOOP_OK;
}
/* dy times what stands before each element, times what stands after it */
static hoop_tensor *prod_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *before, *turned, *after;
    (void)nin, (void)attrs;
    if (hoop_tensor_size(in[0], 1) == 0) return hoop_mul(t, in[0], in[1]);
    before = hoop__products_before(t, in[0], 1);
    turned = hoop_flip(t, in[0], 2);
    turned = hoop__products_before(t, turned, 1);
    after  = hoop_flip(t, turned, 2);
    before = hoop_mul(t, before, after);
    return hoop_mul(t, before, in[1]);
}
static void prod_grad_reference(const hoop_call *c)
{
    int64_t cols = c->out->shape[1];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double p = hoop__at(c->in[1], i / cols);
        for (int64_t k = 0; k < cols; k++) p *= k == i % cols ? 1.0 : hoop__at(c->in[0], i / cols * cols + k);
        ((double *)c->out->data)[i] = p;
    }
}
static const hoop_case prod_grad_cases[] = {
    {"3x4 3x1"},
    {"1x1 1x1"},
    {"5x17 5x1"},
    {"0x3 0x1"},
    {"3x0 3x1"},
    {"3x4 4x1", NULL, HOOP_ESHAPE},
    {"3x4 i64:3x1<4", NULL, HOOP_EDTYPE},
};
const hoop_op hoop__op_prod_grad = {
    .name      = "prod_grad",
    .min_in    = 2,
    .max_in    = 2,
    .nout      = 1,
    .flags     = HOOP_OP_ROW_WISE,
    .reads     = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .shape     = prod_grad_shape,
    .forward   = prod_grad_forward,
    .workspace = hoop__products_workspace,
    .composite = prod_grad_composite,
    .reference = prod_grad_reference,
    HOOP_CASES(prod_grad_cases),
};

/**
 * hoop_any - 1 where an element over dims is not 0 (NaN is not), else 0; 0 for no elements.
 * Shape   as hoop_sum                Grad   none
 * Dtype   any -> u8                  Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_any(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_any, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status any_shape(hoop_shape_call *s)
{
    return hoop__fold_shape(s, HOOP_REDUCE_ANY);
}
static void any_reference(const hoop_call *c)
{
    reference(c, 0.0, either);
}
static const hoop_case bit_cases[] = {
    {"3x4", &all},         {"u8:3x4<2", &all_kept}, {"u8:3x4<2", &first},
    {"u8:7x3<2", &second}, {"i32:2x3x4<2", &outer}, {".", &all},
    {"u8:70x3<2", &first}, {"i64:3x70<2", &second}, {"u8:2x3x2x3x2<2", &even},
    {"0x3", &first},       {"u8:3x1<200", &second}, {"3", &fourth, HOOP_ESHAPE},
};
const hoop_op hoop__op_any = {
    .name  = "any",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = any_shape,
    .forward   = hoop__fold,
    .workspace = hoop__fold_workspace,
    .kernel    = HOOP_REDUCE_ANY,
    .reference = any_reference,
    HOOP_CASES(bit_cases),
};

/**
 * hoop_all - 1 where no element over dims is 0, else 0; 1 for no elements.
 * Shape   as hoop_sum                Grad   none
 * Dtype   any -> u8                  Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_all(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_all, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status all_shape(hoop_shape_call *s)
{
    return hoop__fold_shape(s, HOOP_REDUCE_ALL);
}
static void all_reference(const hoop_call *c)
{
    reference(c, 1.0, both);
}
const hoop_op hoop__op_all = {
    .name  = "all",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = all_shape,
    .forward   = hoop__fold,
    .workspace = hoop__fold_workspace,
    .kernel    = HOOP_REDUCE_ALL,
    .reference = all_reference,
    HOOP_CASES(bit_cases),
};
