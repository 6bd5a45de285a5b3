/* rrelu: leaky_relu whose slopes are random in training. Keyed as dropout (dropout.c). */
#include "hoop/ops.h"
#include "ops/random/random.h"

extern const hoop_op hoop__op_rrelu_slope;

typedef struct rrelu_attrs {
    double  lower, upper;
    int64_t site, call;
} rrelu_attrs;
static const hoop_field fields[] = {
    {"lower", 'f', offsetof(rrelu_attrs, lower)},
    {"upper", 'f', offsetof(rrelu_attrs, upper)},
    {"site", 'i', offsetof(rrelu_attrs, site)},
    {"call", 'i', offsetof(rrelu_attrs, call)},
};

/**
 * hoop_rrelu - x, or slope x where x is not above 0, with a slope of its own for each element, uniform from lower to upper; their
 * mean unless training.
 * Shape   x -> same                  Grad   dx += dy, or slope dy
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (bounds)
 * Key     as hoop_dropout
 * Source  Xu et al., arXiv 1505.00853 (2015)
 */
hoop_tensor *hoop_rrelu(hoop_tape *t, hoop_tensor *x, double lower, double upper)
{
    rrelu_attrs  attrs = {.lower = lower, .upper = upper};
    const bool   fine  = lower <= upper && lower >= -1e30 && upper <= 1e30;
    hoop_tensor *slope;
    if (fine && !t->training) return hoop_leaky_relu(t, x, (lower + upper) / 2.0);
    if (fine) {
        attrs.site = (int64_t)t->site;
        attrs.call = (int64_t)hoop__random_call(t);
    }
    slope = hoop_op_call(t, &hoop__op_rrelu_slope, &x, 1, &attrs, NULL); /* refuses bounds, in evaluation too */
    return hoop_mul(t, x, slope);
}

/* rrelu_slope: x -> 1 where it is above 0, else a slope */
static hoop_status rrelu_shape(hoop_shape_call *s)
{
    const rrelu_attrs *a = s->attrs;
    if (!(a->lower <= a->upper && a->lower >= -1e30 && a->upper <= 1e30))
        return hoop_fail(s->err, HOOP_EARG, "slopes from %g to %g: numbers are wanted, the first not above the second", a->lower,
                         a->upper);
    return hoop__shape_unary(s);
}
typedef struct drawing {
    const hoop_call *c;
    hoop_key         key;
} drawing;
/* first is a multiple of 4: so many numbers are made at once */
static void rrelu_range(const void *ctx, int64_t first, int64_t n)
{
    const drawing     *d     = ctx;
    const rrelu_attrs *a     = d->c->attrs;
    const double       width = a->upper - a->lower;
    const hoop_view   *x = d->c->in[0], *y = d->c->out;
    uint32_t           word[4];
    for (int64_t i = first; i < first + n; i++) {
        double slope;
        if (i % 4 == 0) hoop_philox(d->key, (uint64_t)i / 4, word);
        slope = a->lower + width * ((double)(word[i % 4] >> 8) * 0x1p-24);
        if (y->dtype == HOOP_F32)
            ((float *)y->data)[i] = ((const float *)x->data)[i] > 0.0F ? 1.0F : (float)slope;
        else
            ((double *)y->data)[i] = ((const double *)x->data)[i] > 0.0 ? 1.0 : slope;
    }
}
static hoop_status rrelu_forward(const hoop_call *c)
{
    const rrelu_attrs *a = c->attrs;
    const drawing      d = {c, hoop__random_key(c, a->site, a->call)};
    hoop_threads_share(c->threads, hoop__view_numel(c->out), 40, 64, rrelu_range, &d);
    return HOOP_OK;
}
static void rrelu_reference(const hoop_call *c)
{
    const rrelu_attrs *a   = c->attrs;
    const hoop_key     key = hoop__random_key(c, a->site, a->call);
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        const double u = (double)hoop_random_f32(key, (uint64_t)i);
        hoop__put(c->out, i, hoop__at(c->in[0], i) > 0.0 ? 1.0 : a->lower + (a->upper - a->lower) * u);
    }
}
static const rrelu_attrs usual = {1.0 / 8.0, 1.0 / 3.0, 7, 9}, one = {-0.5, -0.5, 3, 1}, turned = {0.5, 0.25, 0, 0},
                         none = {0.5, (double)__builtin_nan(""), 0, 0}, endless = {-(double)__builtin_inf(), 0.25, 0, 0},
                         upwards = {0.5, (double)__builtin_inf(), 0, 0};
static const hoop_case cases[]   = {
      {"3x4", &usual},
      {"133", &usual},
      {".", &one},
      {"0x3", &usual},
      {"7x5x3", &one},
      {"3", &turned, HOOP_EARG},
      {"3", &none, HOOP_EARG},
      {"3", &endless, HOOP_EARG},
      {"3", &upwards, HOOP_EARG},
      {"i64:3<4", &usual, HOOP_EDTYPE},
};
const hoop_op hoop__op_rrelu_slope = {
    .name       = "rrelu_slope",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_RANDOM | HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    .attrs_size = sizeof(rrelu_attrs),
    HOOP_FIELDS(fields),
    .shape     = rrelu_shape,
    .forward   = rrelu_forward,
    .reference = rrelu_reference,
    HOOP_CASES(cases),
};
