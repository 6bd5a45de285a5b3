/* max, min, and where they are: argmax, argmin. */
#include "ops/reduce/reduce.h"

#include <math.h>

extern const hoop_op hoop__op_max, hoop__op_min, hoop__op_argmax, hoop__op_argmin;

static const reduce_attrs all = {HOOP_ALL_DIMS, 0}, all_kept = {HOOP_ALL_DIMS, 1}, first = {1, 0}, second = {2, 0},
                          outer = {5, 1}, fourth = {8, 0}, odd = {21, 0}, even = {10, 0};

static const hoop_case cases[] = {
    {"3x4", &all},
    {"3x4", &all_kept},
    {"3x4", &first},
    {"3x4", &second},
    {"2x3x4", &outer},
    {"2x3x4", &second},
    {".", &all},
    {"1x5", &first},
    {"70x33", &first},
    {"33x70", &second},
    {"2x3x2x3x2", &odd},
    {"2x3x2x3x2", &even},
    {"0x3", &second},
    {"i64:7x5<90", &second},
    {"i32:70x33<9000", &first},
    {"u8:3x70x2<200", &outer},
    {"u8:3x1<200", &second},
    {"3", &fourth, HOOP_ESHAPE},
    {"0x3", &first, HOOP_ESHAPE},
};

typedef struct extreme {
    const hoop_view *y;
    double           sign, best[512];
    bool             place;
} extreme;

static void take(void *ctx, int64_t to, int64_t k, double v)
{
    extreme *e = ctx;
    if (k > 0 && !(v * e->sign > e->best[to])) return;
    e->best[to] = v * e->sign;
    hoop__put(e->y, to, e->place ? (double)k : v);
}

static void reference(const hoop_call *c, double sign, bool place)
{
    extreme e = {.y = c->out, .sign = sign, .place = place};
    if (hoop__view_numel(c->out) > (int64_t)(sizeof e.best / sizeof *e.best)) return;
    for (int i = 0; i < 512; i++) e.best[i] = -(double)INFINITY;
    hoop__reduce_walk(c, take, &e);
}

/* of equal ones each has an equal part of dy */
static void backward(hoop_backward_call *b)
{
    unsigned     dims = (unsigned)((const reduce_attrs *)b->attrs)->dims;
    hoop_tensor *y = hoop__with_dims(b, b->out[0]), *dy = hoop__with_dims(b, b->dy[0]);      /* with size 1 where reduced */
    hoop_tensor *mask = hoop_equal(b->t, b->in[0], y);                                       /* of x's shape */
    hoop_tensor *ties = hoop_sum(b->t, mask, dims, true), *share = hoop_div(b->t, dy, ties); /* as y */
    if (hoop_sink(b, 0)) hoop_mul(b->t, mask, share);
}

/**
 * hoop_max - largest element over dims; NaN if there is one.
 * Shape   as hoop_sum                Grad   dx += dy at the largest, in equal parts where several are equal
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim, no elements)
 */
hoop_tensor *hoop_max(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_max, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static void max_reference(const hoop_call *c)
{
    reference(c, 1.0, false);
}
const hoop_op hoop__op_max = {
    .name  = "max",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .reads = HOOP_READS_IN(0) | HOOP_READS_OUT(0),
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = hoop__reduce_shape_some,
    .forward   = hoop__fold,
    .workspace = hoop__fold_workspace,
    .kernel    = HOOP_REDUCE_MAX,
    .backward  = backward,
    .reference = max_reference,
    HOOP_CASES(cases),
};

/**
 * hoop_min - smallest element over dims; NaN if there is one.
 * Shape   as hoop_sum                Grad   dx += dy at the smallest, in equal parts where several are equal
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim, no elements)
 */
hoop_tensor *hoop_min(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_min, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static void min_reference(const hoop_call *c)
{
    reference(c, -1.0, false);
}
const hoop_op hoop__op_min = {
    .name  = "min",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .reads = HOOP_READS_IN(0) | HOOP_READS_OUT(0),
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = hoop__reduce_shape_some,
    .forward   = hoop__fold,
    .workspace = hoop__fold_workspace,
    .kernel    = HOOP_REDUCE_MIN,
    .backward  = backward,
    .reference = min_reference,
    HOOP_CASES(cases),
};

/**
 * hoop_argmax - number of the largest of the reduced elements, in row-major order; the first of equal ones, and of NaN.
 * Shape   as hoop_sum                Grad   none
 * Dtype   any -> i64                 Errors HOOP_ESHAPE (no such dim, no elements)
 */
hoop_tensor *hoop_argmax(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_argmax, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status place_shape(hoop_shape_call *s)
{
    hoop_status st  = hoop__reduce_shape_some(s);
    s->out[0].dtype = HOOP_I64;
    return st;
}
static hoop_status argmax_forward(const hoop_call *c)
{
    return hoop__place(c, false);
}
static void argmax_reference(const hoop_call *c)
{
    reference(c, 1.0, true);
}
const hoop_op hoop__op_argmax = {
    .name  = "argmax",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = place_shape,
    .forward   = argmax_forward,
    .workspace = hoop__place_workspace,
    .reference = argmax_reference,
    HOOP_CASES(cases),
};

/**
 * hoop_argmin - number of the smallest of the reduced elements, in row-major order; the first of equal ones, and of NaN.
 * Shape   as hoop_sum                Grad   none
 * Dtype   any -> i64                 Errors HOOP_ESHAPE (no such dim, no elements)
 */
hoop_tensor *hoop_argmin(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_argmin, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status argmin_forward(const hoop_call *c)
{
    return hoop__place(c, true);
}
static void argmin_reference(const hoop_call *c)
{
    reference(c, -1.0, true);
}
const hoop_op hoop__op_argmin = {
    .name  = "argmin",
    .flags = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    HOOP__REDUCTION(reduce_attrs, hoop__reduce_fields),
    .shape     = place_shape,
    .forward   = argmin_forward,
    .workspace = hoop__place_workspace,
    .reference = argmin_reference,
    HOOP_CASES(cases),
};
