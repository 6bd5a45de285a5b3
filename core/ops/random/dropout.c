/* dropout: keyed by seed, step, leaf, module path and number of the call; never by rank or time. */
#include "hoop/ops.h"
#include "ops/random/random.h"

extern const hoop_op hoop__op_dropout;

typedef struct dropout_attrs {
    double  p;
    int64_t site, call; /* the how manieth at its site: with the call's seed, step and leaf they make the key */
} dropout_attrs;
static const hoop_field fields[] = {
    {"p", 'f', offsetof(dropout_attrs, p)},
    {"site", 'i', offsetof(dropout_attrs, site)},
    {"call", 'i', offsetof(dropout_attrs, call)},
};

hoop_key hoop__random_key(const hoop_call *c, int64_t site, int64_t call)
{
    return hoop_key_make(c->key->seed, HOOP_FOR_OP, c->key->step, c->key->leaf,
                         (uint64_t)site * 0x9E3779B97F4A7C15u + (uint64_t)call);
}

/* few sites draw, so a list will do */
uint64_t hoop__random_call(hoop_tape *t)
{
    for (int32_t i = 0; i < t->sites.n; i++) {
        if (t->sites.v[i].site == t->site) return t->sites.v[i].calls++;
    }
    if (!HOOP_GROW(t, t->sites, t->sites.n + 1)) return 0;
    t->sites.v[t->sites.n++] = (hoop_site_count){t->site, 1};
    return 0;
}

static hoop_key key_of(const hoop_call *c)
{
    const dropout_attrs *a = c->attrs;
    return hoop__random_key(c, a->site, a->call);
}

/**
 * hoop_dropout - zero each element with probability p, scale the rest by 1 / (1 - p). The identity unless training.
 * Shape   x -> same
 * Grad    dx += dy under the same mask
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (p not in [0, 1))
 * Key     the tape's (seed, step, leaf), its site, and the number of the call at that site. Modules set the site from their path;
 *         code without modules counts all its calls at one site, so that adding one changes those after it: give each place a
 *         number of its own with hoop_tape_set_site
 * Source  Srivastava et al., JMLR 15 (2014)
 */
hoop_tensor *hoop_dropout(hoop_tape *t, hoop_tensor *x, double p)
{
    dropout_attrs attrs = {.p = p};
    bool          fine  = p >= 0.0 && p < 1.0;
    if (fine && (!t->training || p == 0.0)) return x;
    if (!fine) return hoop_op_call(t, &hoop__op_dropout, &x, 1, &attrs, NULL); /* says so, in evaluation too */
    attrs.site = (int64_t)t->site;
    attrs.call = (int64_t)hoop__random_call(t);
    return hoop_op_call(t, &hoop__op_dropout, &x, 1, &attrs, NULL);
}
hoop_tensor *hoop__dropout_of(hoop_tape *t, hoop_tensor *x, double p, int64_t site, int64_t call)
{
    return hoop_op_call(t, &hoop__op_dropout, &x, 1, &(dropout_attrs){p, site, call}, NULL);
}
static hoop_status dropout_shape(hoop_shape_call *s)
{
    double p = ((const dropout_attrs *)s->attrs)->p;
    if (!(p >= 0.0 && p < 1.0)) return hoop_fail(s->err, HOOP_EARG, "p = %g is not in [0, 1)", p);
    return hoop__shape_unary(s);
}
typedef struct dropping {
    const hoop_call *c;
    hoop_key         key;
} dropping;
static void dropout_range(const void *ctx, int64_t first, int64_t n)
{
    const dropping      *d  = ctx;
    const hoop_call     *c  = d->c;
    const dropout_attrs *a  = c->attrs;
    int64_t              at = first * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
    c->kernels->dropout[c->out->dtype](first, n, (const char *)c->in[0]->data + at, a->p, 1.0 / (1.0 - a->p), d->key,
                                       (char *)c->out->data + at, c->add);
}
static hoop_status dropout_forward(const hoop_call *c)
{
    const dropping d = {c, key_of(c)};
    hoop_threads_share(c->threads, hoop__view_numel(c->out), 20, HOOP_DROPOUT_ALIGN, dropout_range, &d);
    return HOOP_OK;
}
static void dropout_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_dropout, &b->dy[0], 1, b->attrs, NULL);
}
static void dropout_reference(const hoop_call *c)
{
    const dropout_attrs *a   = c->attrs;
    const hoop_key       key = key_of(c);
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        double keep                 = (double)hoop_random_f32(key, (uint64_t)i) >= a->p ? 1.0 / (1.0 - a->p) : 0.0;
        ((double *)c->out->data)[i] = keep * hoop__at(c->in[0], i);
    }
}
static const dropout_attrs half = {0.5, 7, 9}, tenth = {0.1, 3, 1}, whole = {1.0, 0, 0};

static const hoop_case cases[] = {
    {"3x4", &half}, {"133", &tenth}, {".", &half}, {"0x3", &half}, {"3", &whole, HOOP_EARG}, {"i64:3<4", &half, HOOP_EDTYPE},
};

const hoop_op hoop__op_dropout = {
    .name       = "dropout",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_RANDOM | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(dropout_attrs),
    HOOP_FIELDS(fields),
    .shape     = dropout_shape,
    .forward   = dropout_forward,
    .backward  = dropout_backward,
    .reference = dropout_reference,
    HOOP_CASES(cases),
};
