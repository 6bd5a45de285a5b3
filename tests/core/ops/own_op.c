/*
 * An op of a program's own, by public headers alone: the force of Duffing's oscillator, y = linear x + cubic x^3, element by
 * element. Below it is put into the place of hoop's table, so that test_registry runs its checks on it.
 */
#include <stddef.h>

#include "hoop/op.h"
#include "hoop/ops.h"

typedef struct duffing_attrs {
    double linear, cubic;
} duffing_attrs;
static const hoop_field fields[] = {{"linear", 'f', offsetof(duffing_attrs, linear)},
                                    {"cubic", 'f', offsetof(duffing_attrs, cubic)}};

static hoop_status duffing_shape(hoop_shape_call *s)
{
    const hoop_view *x = s->in[0];
    if (!hoop_dtype_is_float((hoop_dtype)x->dtype))
        return hoop_fail(s->err, HOOP_EDTYPE, "of f32 or f64, not %s", hoop_dtype_name((hoop_dtype)x->dtype));
    s->out[0] = *x;
    return HOOP_OK;
}

static int64_t numel(const hoop_view *v)
{
    int64_t n = 1;
    for (int d = 0; d < v->ndim; d++) n *= v->shape[d];
    return n;
}

/* elements [first, first + n), by one of the threads */
static void duffing_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call     *c = ctx;
    const duffing_attrs *a = c->attrs;
    if (c->out->dtype == HOOP_F32) {
        const float *x = c->in[0]->data, linear = (float)a->linear, cubic = (float)a->cubic;
        float       *y = c->out->data;
        for (int64_t i = first; i < first + n; i++) y[i] = x[i] * (linear + cubic * (x[i] * x[i]));
    } else {
        const double *x = c->in[0]->data;
        double       *y = c->out->data;
        for (int64_t i = first; i < first + n; i++) y[i] = x[i] * (a->linear + a->cubic * (x[i] * x[i]));
    }
}

static hoop_status duffing_forward(const hoop_call *c)
{
    hoop_call_share(c, numel(c->out), 8, duffing_range, c);
    return HOOP_OK;
}

/* dx = dy (linear + 3 cubic x^2), of ops: it can be differentiated again */
static void duffing_backward(hoop_backward_call *b)
{
    const duffing_attrs *a      = b->attrs;
    hoop_tensor         *square = hoop_mul(b->t, b->in[0], b->in[0]), *curved = hoop_scale(b->t, square, 3.0 * a->cubic);
    hoop_tensor         *slope = hoop_shift(b->t, curved, a->linear);
    if (hoop_sink(b, 0)) hoop_mul(b->t, slope, b->dy[0]);
}

static void duffing_reference(const hoop_call *c)
{
    const duffing_attrs *a = c->attrs;
    const double        *x = c->in[0]->data;
    double              *y = c->out->data;
    for (int64_t i = 0; i < numel(c->out); i++) y[i] = a->linear * x[i] + a->cubic * x[i] * x[i] * x[i];
}

static const duffing_attrs soft = {1.0, -0.25}, hard = {-1.0, 2.0};
static const hoop_case cases[] = {{"3x4", &soft}, {"67", &hard}, {"0x3", &soft}, {".", &hard}, {"i64:3<5", &soft, HOOP_EDTYPE}};

const hoop_op own_op_duffing = {
    .name       = "duffing",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0),
    .attrs_size = sizeof(duffing_attrs),
    HOOP_FIELDS(fields),
    .shape     = duffing_shape,
    .forward   = duffing_forward,
    .backward  = duffing_backward,
    .reference = duffing_reference,
    HOOP_CASES(cases),
};

/* ---- as the only op there is ---- */

int            __wrap_hoop_op_count(void);
const hoop_op *__wrap_hoop_op_get(int i);
const hoop_op *__wrap_hoop_op_find(const char *name);

int __wrap_hoop_op_count(void)
{
    return 1;
}

const hoop_op *__wrap_hoop_op_get(int i)
{
    return i == 0 ? &own_op_duffing : NULL;
}

const hoop_op *__wrap_hoop_op_find(const char *name)
{
    (void)name;
    return &own_op_duffing;
}
