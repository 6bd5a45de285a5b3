#include "ops/shape.h"

#include "hoop/ops.h"
#include "kernels/elementwise.h"

#include <string.h>

hoop_status hoop__check_float(hoop_shape_call *s, int i)
{
    if (hoop_dtype_is_float((hoop_dtype)s->in[i]->dtype)) return HOOP_OK;
    return hoop_fail(s->err, HOOP_EDTYPE, "input %d is %s and must be f32 or f64 (hoop_cast)", i,
                     hoop_dtype_name((hoop_dtype)s->in[i]->dtype));
}

static hoop_status check_same_dtype(hoop_shape_call *s, bool any)
{
    hoop_status st = any ? HOOP_OK : hoop__check_float(s, 0);
    for (int i = 1; i < s->nin && st == HOOP_OK; i++) {
        if (s->in[i]->dtype != s->in[0]->dtype) st = hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
    }
    return st;
}

void hoop__out_like(hoop_view *out, const hoop_view *x)
{
    hoop__view_set(out, (hoop_dtype)x->dtype, x->ndim, x->shape);
}

hoop_status hoop__shape_unary(hoop_shape_call *s)
{
    hoop__out_like(&s->out[0], s->in[0]);
    return hoop__check_float(s, 0);
}

hoop_status hoop__shape_unary_any(hoop_shape_call *s)
{
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}

hoop_status hoop__shape_same(hoop_shape_call *s)
{
    hoop_status st = check_same_dtype(s, false);
    for (int i = 1; i < s->nin && st == HOOP_OK; i++) {
        if (!hoop__same_shape(s->in[i], s->in[0])) st = hoop_fail(s->err, HOOP_ESHAPE, "inputs of one shape are wanted");
    }
    hoop__out_like(&s->out[0], s->in[0]);
    return st;
}

hoop_status hoop__shape_rows(hoop_shape_call *s)
{
    if (s->in[0]->ndim < 1) return hoop_fail(s->err, HOOP_ESHAPE, "a scalar has no last dim");
    return hoop__shape_same(s);
}

static hoop_status broadcast(hoop_shape_call *s, bool any)
{
    const hoop_view *a = s->in[0], *b = s->in[1];
    hoop_view       *y = &s->out[0];
    int64_t          shape[HOOP_MAX_DIMS];
    int              ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    hoop_status      st   = check_same_dtype(s, any);
    if (st != HOOP_OK) return st;
    for (int d = 0; d < ndim; d++) {
        int64_t da = d < ndim - a->ndim ? 1 : a->shape[d - (ndim - a->ndim)];
        int64_t db = d < ndim - b->ndim ? 1 : b->shape[d - (ndim - b->ndim)];
        if (da != db && da != 1 && db != 1) {
            return hoop_fail(s->err, HOOP_ESHAPE, "sizes %lld and %lld do not broadcast", (long long)da, (long long)db);
        }
        shape[d] = da == 1 ? db : da;
    }
    hoop__view_set(y, (hoop_dtype)a->dtype, ndim, shape);
    return HOOP_OK;
}

hoop_status hoop__shape_broadcast(hoop_shape_call *s)
{
    return broadcast(s, false);
}

hoop_status hoop__shape_broadcast_any(hoop_shape_call *s)
{
    return broadcast(s, true);
}

int hoop__samples_any(const hoop_samples_call *s)
{
    return s->axis[0];
}

int hoop__samples_broadcast(const hoop_samples_call *s)
{
    const hoop_view *y    = s->out;
    int              axis = -1;
    for (int i = 0; i < s->nin; i++) {
        int d = s->axis[i] + y->ndim - s->in[i]->ndim;
        if (s->axis[i] < 0) continue;
        if ((axis >= 0 && d != axis) || s->in[i]->shape[s->axis[i]] != y->shape[d]) return -1;
        axis = d;
    }
    for (int i = 0; i < s->nin && axis >= 0; i++) { /* the others are the same for each */
        int d = axis - y->ndim + s->in[i]->ndim;
        if (s->axis[i] < 0 && d >= 0 && s->in[i]->shape[d] != 1) return -1;
    }
    return axis;
}

int hoop__samples_outer(const hoop_samples_call *s)
{
    for (int i = 1; i < s->nin; i++) {
        if (s->axis[i] != s->axis[0]) return -1;
    }
    return s->axis[0] + 1 < s->in[0]->ndim ? s->axis[0] : -1;
}

void hoop__broadcast_strides(const hoop_view *x, const hoop_view *out, int64_t *stride)
{
    int lead = out->ndim - x->ndim;
    for (int d = 0; d < out->ndim; d++) stride[d] = d < lead || x->shape[d - lead] == 1 ? 0 : x->stride[d - lead];
}

void hoop__walk_next(hoop_walk *w)
{
    for (int d = w->ndim - 1; d >= 0; d--) {
        for (int k = 0; k < w->noperands; k++) w->at[k] += w->stride[k][d];
        if (++w->index[d] < w->shape[d]) return;
        for (int k = 0; k < w->noperands; k++) w->at[k] -= w->index[d] * w->stride[k][d];
        w->index[d] = 0;
    }
}

void hoop__walk_to(hoop_walk *w, int64_t i)
{
    for (int d = w->ndim - 1; d >= 0; d--) {
        w->index[d] = i % w->shape[d];
        i /= w->shape[d];
        for (int k = 0; k < w->noperands; k++) w->at[k] += w->index[d] * w->stride[k][d];
    }
}

hoop_tensor *hoop__channels_last(hoop_tape *t, hoop_tensor *x)
{
    const int ndim = hoop_tensor_ndim(x);
    int64_t   dims[HOOP_MAX_DIMS];
    if (ndim < 3) return x;
    for (int d = 0; d < ndim; d++) dims[d] = d == 0 ? 0 : d + 1 < ndim ? d + 1 : 1;
    return hoop_permute(t, x, ndim, dims);
}

hoop_tensor *hoop__channels_first(hoop_tape *t, hoop_tensor *y)
{
    const int ndim = hoop_tensor_ndim(y);
    int64_t   dims[HOOP_MAX_DIMS];
    if (ndim < 3) return y;
    for (int d = 0; d < ndim; d++) dims[d] = d == 0 ? 0 : d == 1 ? ndim - 1 : d - 1;
    return hoop_permute(t, y, ndim, dims);
}

void hoop__rows(const hoop_view *x, int64_t *rows, int64_t *cols)
{
    *cols = x->ndim > 0 ? x->shape[x->ndim - 1] : 1;
    *rows = 1;
    for (int d = 0; d + 1 < x->ndim; d++) *rows *= x->shape[d];
}

int hoop__collapse(int ndim, int64_t *shape, int64_t *const *stride, int noperands)
{
    int out = 0;
    for (int d = 1; d < ndim; d++) {
        bool even = true;
        for (int k = 0; k < noperands; k++) even &= stride[k][out] == stride[k][d] * shape[d];
        if (even) {
            shape[out] *= shape[d];
            for (int k = 0; k < noperands; k++) stride[k][out] = stride[k][d];
        } else {
            out++;
            shape[out] = shape[d];
            for (int k = 0; k < noperands; k++) stride[k][out] = stride[k][d];
        }
    }
    return ndim == 0 ? 0 : out + 1;
}

/* elements of an output in row-major order, and where the operands of each are */
typedef struct elements {
    hoop_unary_fn  *unary;  /* of operand 0, */
    hoop_binary_fn *binary; /* or of both, */
    hoop_tuned_fn  *tuned;  /* or of operand 0 and p */
    const double   *p;
    const char     *x[2];
    char           *y;
    int64_t         size, inner, shape[HOOP_MAX_DIMS], stride[2][HOOP_MAX_DIMS];
    int             ndim, noperands;
    bool            add;
} elements;

static void elements_range(const void *ctx, int64_t first, int64_t n)
{
    const elements *e = ctx;
    hoop_walk w  = {.ndim = e->ndim - 1, .shape = e->shape, .stride = {e->stride[0], e->stride[1]}, .noperands = e->noperands};
    int64_t   sa = e->stride[0][e->ndim - 1], sb = e->stride[1][e->ndim - 1], col = first % e->inner;
    char     *y = e->y + first * e->size;
    hoop__walk_to(&w, first / e->inner);
    for (int64_t m; n > 0; n -= m, col = 0) {
        const char *a = e->x[0] + (w.at[0] + col * sa) * e->size;
        m             = e->inner - col < n ? e->inner - col : n;
        if (e->tuned != NULL)
            e->tuned(m, a, sa, e->p, y, e->add);
        else if (e->noperands == 1)
            e->unary(m, a, sa, y, e->add);
        else
            e->binary(m, a, sa, e->x[1] + (w.at[1] + col * sb) * e->size, sb, y, e->add);
        y += m * e->size;
        hoop__walk_next(&w);
    }
}

enum { ELEMENTS_ALIGN = 64, CALL_WEIGHT = 256 /* of a kernel's call */ };

static hoop_status elements_run(const hoop_call *c, elements *e, int64_t weight)
{
    int64_t *strides[2] = {e->stride[0], e->stride[1]}, n = hoop__view_numel(c->out);
    if (n == 0) return HOOP_OK;
    e->y    = c->out->data;
    e->add  = c->add;
    e->size = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
    memcpy(e->shape, c->out->shape, sizeof e->shape);
    e->ndim = hoop__collapse(c->out->ndim, e->shape, strides, e->noperands);
    if (e->ndim == 0) { /* a scalar is a row of one */
        e->ndim     = 1;
        e->shape[0] = e->stride[0][0] = e->stride[1][0] = 1;
    }
    e->inner = e->shape[e->ndim - 1];
    hoop_threads_share(c->threads, n, weight * e->size + CALL_WEIGHT / e->inner, ELEMENTS_ALIGN, elements_range, e);
    return HOOP_OK;
}

/* those that move memory, and those that compute */
static int64_t unary_weight(int kernel)
{
    switch (kernel) {
    case HOOP_UNARY_neg:
    case HOOP_UNARY_relu:
    case HOOP_UNARY_reciprocal:
    case HOOP_UNARY_abs:
    case HOOP_UNARY_square:
    case HOOP_UNARY_sign:
    case HOOP_UNARY_iszero:
    case HOOP_UNARY_hardswish:
    case HOOP_UNARY_hardsigmoid:
    case HOOP_UNARY_softsign:
        return 1;
    default:
        return 4;
    }
}

static bool is_float(const hoop_call *c)
{
    return hoop_dtype_is_float((hoop_dtype)c->out->dtype);
}

hoop_status hoop__run_unary(const hoop_call *c, int kernel)
{
    elements e = {.x = {c->in[0]->data}, .noperands = 1};
    e.unary =
        is_float(c) ? c->kernels->unary[kernel][c->out->dtype] : c->kernels->elementwise->integer_unary[kernel][c->out->dtype];
    memcpy(e.stride[0], c->in[0]->stride, sizeof e.stride[0]);
    return elements_run(c, &e, unary_weight(kernel));
}

hoop_status hoop__run_binary(const hoop_call *c, int kernel)
{
    elements e = {.x = {c->in[0]->data, c->in[1]->data}, .noperands = 2};
    e.binary = is_float(c) ? c->kernels->binary[kernel][c->out->dtype] : c->kernels->elementwise->integer[kernel][c->out->dtype];
    hoop__broadcast_strides(c->in[0], c->out, e.stride[0]);
    hoop__broadcast_strides(c->in[1], c->out, e.stride[1]);
    return elements_run(c, &e, kernel == HOOP_BINARY_pow || kernel == HOOP_BINARY_atan2 || kernel == HOOP_BINARY_fmod ? 16 : 1);
}

hoop_status hoop__run_scalar(const hoop_call *c, int kernel, double b)
{
    float            f     = (float)b;
    hoop_view        value = {.dtype = c->in[0]->dtype};
    const hoop_view *in[2] = {c->in[0], &value};
    hoop_call        pair  = *c;
    value.data             = c->in[0]->dtype == HOOP_F32 ? (void *)&f : (void *)&b;
    pair.in                = in;
    pair.nin               = 2;
    return hoop__run_binary(&pair, kernel);
}

hoop_status hoop__run_tuned(const hoop_call *c, int kernel, const double *p)
{
    elements e = {.x = {c->in[0]->data}, .noperands = 1, .p = p};
    e.tuned    = c->kernels->elementwise->tuned[kernel][c->out->dtype];
    memcpy(e.stride[0], c->in[0]->stride, sizeof e.stride[0]);
    return elements_run(c, &e, kernel == HOOP_TUNED_elu || kernel == HOOP_TUNED_softplus ? 4 : 1);
}

typedef struct slopes {
    hoop_unary_grad_fn *f;
    hoop_tuned_grad_fn *tuned;
    const double       *p;
    const hoop_call    *c;
    int64_t             size;
} slopes;

static void slopes_range(const void *ctx, int64_t first, int64_t n)
{
    const slopes    *s  = ctx;
    const hoop_call *c  = s->c;
    int64_t          at = first * s->size;
    const char      *a = (const char *)c->in[0]->data + at, *dy = (const char *)c->in[1]->data + at;
    char            *dx = (char *)c->out->data + at;
    if (s->tuned != NULL)
        s->tuned(n, a, dy, s->p, dx, c->add);
    else
        s->f(n, a, dy, dx, c->add);
}

static hoop_status slopes_run(const hoop_call *c, slopes *s, int64_t weight)
{
    s->c    = c;
    s->size = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
    hoop_threads_share(c->threads, hoop__view_numel(c->out), weight * s->size, ELEMENTS_ALIGN, slopes_range, s);
    return HOOP_OK;
}

/* how much more than moving memory they are */
static int64_t slope_weight(int kernel)
{
    switch (kernel) {
    case HOOP_UNARY_GRAD_gelu:
    case HOOP_UNARY_GRAD_gelu_tanh:
    case HOOP_UNARY_GRAD_mish:
        return 8;
    case HOOP_UNARY_GRAD_silu:
    case HOOP_UNARY_GRAD_log_sigmoid:
        return 4;
    default:
        return 1;
    }
}

hoop_status hoop__run_unary_grad(const hoop_call *c, int kernel)
{
    slopes s = {.f = c->kernels->unary_grad[kernel][c->out->dtype]};
    return slopes_run(c, &s, slope_weight(kernel));
}

hoop_status hoop__run_tuned_grad(const hoop_call *c, int kernel, const double *p)
{
    slopes s = {.tuned = c->kernels->elementwise->tuned_grad[kernel][c->out->dtype], .p = p};
    return slopes_run(c, &s, kernel == HOOP_TUNED_GRAD_softplus ? 4 : 1);
}

hoop_status hoop__forward_unary(const hoop_call *c)
{
    return hoop__run_unary(c, c->op->kernel);
}

hoop_status hoop__forward_unary_grad(const hoop_call *c)
{
    return hoop__run_unary_grad(c, c->op->kernel);
}

hoop_status hoop__forward_binary(const hoop_call *c)
{
    return hoop__run_binary(c, c->op->kernel);
}

double hoop__at(const hoop_view *x, int64_t i)
{
    int64_t at = 0;
    for (int d = x->ndim - 1; d >= 0; d--) {
        at += i % x->shape[d] * x->stride[d];
        i /= x->shape[d];
    }
    return x->dtype == HOOP_F64 ? ((const double *)x->data)[at] : (double)((const int64_t *)x->data)[at];
}

void hoop__put(const hoop_view *y, int64_t i, double value)
{
    if (y->dtype == HOOP_F64)
        ((double *)y->data)[i] = value;
    else
        ((int64_t *)y->data)[i] = (int64_t)value;
}

void hoop__reference_unary(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) hoop__put(c->out, i, c->op->unary(hoop__at(c->in[0], i)));
}

void hoop__reference_binary(const hoop_call *c)
{
    hoop_view a = *c->out, b = *c->out; /* of the result's shape, walked by the operands' strides */
    a.data = c->in[0]->data;
    b.data = c->in[1]->data;
    hoop__broadcast_strides(c->in[0], c->out, a.stride);
    hoop__broadcast_strides(c->in[1], c->out, b.stride);
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++)
        hoop__put(c->out, i, c->op->binary(hoop__at(&a, i), hoop__at(&b, i)));
}
