/* rotary: positions as turns of pairs of a head's elements; sinusoidal: positions as sines and cosines that are added. */
#include "hoop/ops.h"
#include "kernels/attention.h"
#include "kernels/vmath.h"
#include "ops/shape.h"

#include <math.h>
#include <string.h>

extern const hoop_op hoop__op_rotary, hoop__op_sinusoidal;

static const double full_turn = 6.28318530717958647692;

/* where the first row of sample i stands */
static int64_t first_of(const hoop_view *first, int64_t i)
{
    if (first == NULL) return 0;
    return ((const int64_t *)first->data)[first->ndim == 0 ? 0 : i * first->stride[0]];
}

/* turns a position of pair p of n: base^(-p / n) / 2 pi */
static void rates_make(int64_t n, double base, double *rates)
{
    const double step = n > 0 ? v_log_f64(base) / (double)n : 0.0;
    for (int64_t p = 0; p < n; p++) rates[p] = v_exp_f64(-(double)p * step) / full_turn;
}

static hoop_status check_first(hoop_shape_call *s)
{
    const hoop_view *first = s->nin > 1 ? s->in[1] : NULL;
    if (first == NULL) return HOOP_OK;
    if (first->dtype != HOOP_I64)
        return hoop_fail(s->err, HOOP_EDTYPE, "the first position is %s and must be i64",
                         hoop_dtype_name((hoop_dtype)first->dtype));
    if (first->ndim == 0 || (first->ndim == 1 && first->shape[0] == s->in[0]->shape[0])) return HOOP_OK;
    return hoop_fail(s->err, HOOP_ESHAPE, "the first position is one (), or one a sample: (%lld)", (long long)s->in[0]->shape[0]);
}

static hoop_status check_base(hoop_shape_call *s, double base)
{
    if (base >= 1.0 && base <= 1e30) return HOOP_OK;
    return hoop_fail(s->err, HOOP_EARG, "a base of %g; it is 1 at least", base);
}

/* samples are in dim 0; the first position is that of all, or each has its own */
static int positions_samples(const hoop_samples_call *s)
{
    if (s->axis[0] != 0) return -1;
    if (s->nin == 1 || (s->axis[1] < 0 && s->in[1]->ndim == 0)) return 0;
    return s->axis[1] == 0 && s->in[1]->shape[0] == s->in[0]->shape[0] ? 0 : -1;
}

/* cosines and sines of all positions, (positions of their own, T, pairs), with rates behind them */
typedef struct turns {
    const hoop_call *c;
    const hoop_view *first;
    int64_t          own, t, pairs, size; /* samples that have positions of their own */
    double          *rates;
    char            *cosine, *sine;
} turns;

static int64_t turns_bytes(int64_t own, int64_t t, int64_t pairs, int64_t size)
{
    return (2 * own * t * pairs * size + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN + pairs * (int64_t)sizeof(double);
}

static int64_t own_of(const hoop_call *c)
{
    return c->nin > 1 && c->in[1]->ndim == 1 ? c->in[0]->shape[0] : 1;
}

static void turns_range(const void *ctx, int64_t at, int64_t n)
{
    const turns *u = ctx;
    for (int64_t m; n > 0; at += m, n -= m) {
        const int64_t sample = at / u->t, row = at % u->t, place = at * u->pairs * u->size;
        m = u->t - row < n ? u->t - row : n;
        u->c->kernels->attention->turns[u->c->out->dtype](m, u->pairs, first_of(u->first, sample) + row, u->rates,
                                                          u->cosine + place, u->sine + place);
    }
}

static turns turns_make(const hoop_call *c, int64_t t, int64_t pairs, double base)
{
    turns u  = {.c = c, .first = c->nin > 1 ? c->in[1] : NULL, .own = own_of(c), .t = t, .pairs = pairs};
    u.size   = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
    u.cosine = c->work;
    u.sine   = u.cosine + u.own * t * pairs * u.size;
    u.rates  = (double *)(void *)(u.cosine + turns_bytes(u.own, t, pairs, u.size) - pairs * (int64_t)sizeof(double));
    rates_make(pairs, base, u.rates);
    hoop_threads_share(c->threads, u.own * t, 32 * pairs, 1, turns_range, &u);
    return u;
}

/* ---- rotary ---- */

typedef struct rotary_attrs {
    double  base;
    int64_t dims, heads, interleaved, back; /* dims, heads: the first of each that turn; 0: all */
} rotary_attrs;
static const hoop_field rotary_fields[] = {
    {"base", 'f', offsetof(rotary_attrs, base)},   {"dims", 'i', offsetof(rotary_attrs, dims)},
    {"heads", 'i', offsetof(rotary_attrs, heads)}, {"interleaved", 'i', offsetof(rotary_attrs, interleaved)},
    {"back", 'i', offsetof(rotary_attrs, back)},
};

/**
 * hoop_rotary - turn pairs of a head's elements by angles that grow with the position.
 * Shape   x (N, T, H, D), first i64 () or (N) or NULL (0) -> same
 * Value   (a, b) -> (a cos u - b sin u, b cos u + a sin u), u = (first + t) base^(-p / P) for pair p of P = dims / 2. A pair is
 * elements p and p + P of a head, or 2 p and 2 p + 1 (interleaved). Elements from `dims` on and heads from `heads` on stay as
 * they are Grad    dx += dy turned back       Dtype  f32, f64 Errors  HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (options) Source  Su et
 * al., RoFormer, 2021
 */
hoop_tensor *hoop_rotary(hoop_tape *t, hoop_tensor *x, hoop_tensor *first, const hoop_rotary_opts *opts)
{
    const hoop_rotary_opts o     = opts == NULL ? (hoop_rotary_opts){0} : *opts;
    const rotary_attrs     attrs = {
            .base = o.base != 0.0 ? o.base : 10000.0, .dims = o.dims, .heads = o.heads, .interleaved = o.interleaved};
    return hoop_op_call(t, &hoop__op_rotary, (hoop_tensor *[]){x, first}, first == NULL ? 1 : 2, &attrs, NULL);
}
static int64_t rotary_dims(const hoop_view *x, const rotary_attrs *a)
{
    return a->dims > 0 ? a->dims : x->shape[3];
}
static hoop_status rotary_shape(hoop_shape_call *s)
{
    const rotary_attrs *a = s->attrs;
    const hoop_view    *x = s->in[0];
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (x->ndim != 4) return hoop_fail(s->err, HOOP_ESHAPE, "%d dims; (N, T, H, D) is wanted", x->ndim);
    if (check_base(s, a->base) != HOOP_OK) return HOOP_EARG;
    if (a->dims < 0 || rotary_dims(x, a) > x->shape[3] || rotary_dims(x, a) % 2 != 0)
        return hoop_fail(s->err, HOOP_EARG, "%lld of %lld elements turn, in pairs", (long long)rotary_dims(x, a),
                         (long long)x->shape[3]);
    if (a->heads < 0 || a->heads > x->shape[2])
        return hoop_fail(s->err, HOOP_EARG, "%lld of %lld heads turn", (long long)a->heads, (long long)x->shape[2]);
    if (a->interleaved < 0 || a->interleaved > 1 || a->back < 0 || a->back > 1)
        return hoop_fail(s->err, HOOP_EARG, "interleaved is %lld and back %lld; 0 or 1", (long long)a->interleaved,
                         (long long)a->back);
    hoop__out_like(&s->out[0], x);
    return check_first(s);
}
static int64_t rotary_workspace(const hoop_call *c)
{
    return turns_bytes(own_of(c), c->out->shape[1], rotary_dims(c->in[0], c->attrs) / 2,
                       (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype));
}
/* what stays as it is, of a head or of several */
static void keep(const hoop_call *c, int64_t n, const char *x, char *y)
{
    if (n <= 0) return;
    if (c->add)
        c->kernels->binary[HOOP_BINARY_add][c->out->dtype](n, y, 1, x, 1, y, false);
    else
        memcpy(y, x, (size_t)n * hoop_dtype_size((hoop_dtype)c->out->dtype));
}
static void rotary_range(const void *ctx, int64_t at, int64_t n)
{
    const turns        *u     = ctx;
    const hoop_call    *c     = u->c;
    const rotary_attrs *a     = c->attrs;
    const int64_t       heads = c->out->shape[2], d = c->out->shape[3], turned = a->heads > 0 ? a->heads : heads;
    for (; n > 0; at++, n--) {
        const int64_t table = (u->own > 1 ? at : at % u->t) * u->pairs * u->size;
        const char   *x     = (const char *)c->in[0]->data + at * heads * d * u->size;
        char         *y     = (char *)c->out->data + at * heads * d * u->size;
        for (int64_t h = 0; h < turned; h++, x += d * u->size, y += d * u->size) {
            c->kernels->attention->rotate[c->out->dtype](u->pairs, a->interleaved != 0, a->back != 0, u->cosine + table,
                                                         u->sine + table, x, y, c->add);
            keep(c, d - 2 * u->pairs, x + 2 * u->pairs * u->size, y + 2 * u->pairs * u->size);
        }
        keep(c, (heads - turned) * d, x, y);
    }
}
static hoop_status rotary_forward(const hoop_call *c)
{
    const int64_t rows = c->out->shape[0] * c->out->shape[1], width = c->out->shape[2] * c->out->shape[3];
    const turns u = turns_make(c, c->out->shape[1], rotary_dims(c->in[0], c->attrs) / 2, ((const rotary_attrs *)c->attrs)->base);
    if (width > 0) hoop_threads_share(c->threads, rows, 2 * width * u.size, 1, rotary_range, &u);
    return HOOP_OK;
}
static void rotary_backward(hoop_backward_call *b)
{
    rotary_attrs attrs = *(const rotary_attrs *)b->attrs;
    attrs.back         = 1 - attrs.back;
    if (hoop_sink(b, 0))
        hoop_op_call(b->t, &hoop__op_rotary, (hoop_tensor *[]){b->dy[0], b->nin > 1 ? b->in[1] : NULL}, b->nin, &attrs, NULL);
}
static void rotary_reference(const hoop_call *c)
{
    const rotary_attrs *a = c->attrs;
    const hoop_view    *x = c->in[0];
    const int64_t       t = x->shape[1], heads = x->shape[2], d = x->shape[3], pairs = rotary_dims(x, a) / 2;
    for (int64_t i = 0, n = hoop__view_numel(x); i < n; i++) {
        const int64_t head = i / d % heads, row = i / d / heads % t, e = i % d,
                      p      = a->interleaved ? e / 2 : e % (pairs > 0 ? pairs : 1);
        const bool    second = a->interleaved ? e % 2 == 1 : e >= pairs;
        const int64_t apart = a->interleaved ? 1 : pairs, other = second ? i - apart : i + apart;
        const double  u =
            (double)(first_of(c->nin > 1 ? c->in[1] : NULL, i / d / heads / t) + row) * pow(a->base, -(double)p / (double)pairs);
        double *y = (double *)c->out->data + i;
        *y        = hoop__at(x, i);
        if (e < 2 * pairs && (a->heads == 0 || head < a->heads))
            *y = *y * cos(u) + (second != (a->back != 0) ? 1.0 : -1.0) * hoop__at(x, other) * sin(u);
    }
}
static const rotary_attrs halves = {.base = 10000.0}, woven = {.base = 100.0, .interleaved = 1},
                          part       = {.base = 10000.0, .dims = 4, .heads = 2},
                          part_woven = {.base = 10.0, .dims = 2, .heads = 1, .interleaved = 1, .back = 1}, low = {.base = 0.5},
                          many = {.base = 10.0, .dims = 8}, many_heads = {.base = 10.0, .heads = 9},
                          odd_flag = {.base = 10.0, .interleaved = 2}, odd_back = {.base = 10.0, .back = -1};
static const hoop_case rotary_cases[] = {
    {"2x5x3x4", &halves},
    {"1x1x1x2 i64:.<9", &halves},
    {"3x7x1x6 i64:3<100", &woven},
    {"2x3x3x7", &part},
    {"2x3x2x5 i64:.<9", &part_woven},
    {"0x3x2x4", &halves},
    {"2x5x3x0", &halves},
    {"2x5x3x5", &halves, HOOP_EARG},
    {"2x5x3x4", &low, HOOP_EARG},
    {"2x5x3x4", &many, HOOP_EARG},
    {"2x5x3x4", &many_heads, HOOP_EARG},
    {"2x5x3x4", &odd_flag, HOOP_EARG},
    {"2x5x3x4", &odd_back, HOOP_EARG},
    {"2x5x4", &halves, HOOP_ESHAPE},
    {"2x5x3x4 i64:3<9", &halves, HOOP_ESHAPE},
    {"2x5x3x4 .", &halves, HOOP_EDTYPE},
    {"i64:2x5x3x4<9", &halves, HOOP_EDTYPE},
};

const hoop_op hoop__op_rotary = {
    .name       = "rotary",
    .min_in     = 1,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(1),
    .attrs_size = sizeof(rotary_attrs),
    HOOP_FIELDS(rotary_fields),
    .shape     = rotary_shape,
    .forward   = rotary_forward,
    .workspace = rotary_workspace,
    .backward  = rotary_backward,
    .reference = rotary_reference,
    .samples   = positions_samples,
    HOOP_CASES(rotary_cases),
};

/* ---- sinusoidal ---- */

typedef struct sinusoidal_attrs {
    double base;
} sinusoidal_attrs;
static const hoop_field sinusoidal_fields[] = {{"base", 'f', offsetof(sinusoidal_attrs, base)}};

/**
 * hoop_sinusoidal - add sines and cosines of the position.
 * Shape   x (N, T, C), first i64 () or (N) or NULL (0) -> same
 * Value   element 2 p: x + sin u, 2 p + 1: x + cos u, u = (first + t) base^(-2 p / C)
 * Grad    dx += dy                   Dtype  f32, f64
 * Errors  HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (base)
 * Source  Vaswani et al., NeurIPS 2017, 3.5
 */
hoop_tensor *hoop_sinusoidal(hoop_tape *t, hoop_tensor *x, hoop_tensor *first, double base)
{
    return hoop_op_call(t, &hoop__op_sinusoidal, (hoop_tensor *[]){x, first}, first == NULL ? 1 : 2, &(sinusoidal_attrs){base},
                        NULL);
}
static hoop_status sinusoidal_shape(hoop_shape_call *s)
{
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    if (s->in[0]->ndim != 3) return hoop_fail(s->err, HOOP_ESHAPE, "%d dims; (N, T, C) is wanted", s->in[0]->ndim);
    if (check_base(s, ((const sinusoidal_attrs *)s->attrs)->base) != HOOP_OK) return HOOP_EARG;
    hoop__out_like(&s->out[0], s->in[0]);
    return check_first(s);
}
/* base^(-p / P) is to be base^(-2 p / C): P = C / 2, for odd C half a pair more */
static double sinusoidal_base(const hoop_call *c)
{
    const int64_t width = c->out->shape[2], pairs = (width + 1) / 2;
    const double  base = ((const sinusoidal_attrs *)c->attrs)->base;
    return width % 2 == 0 ? base : v_exp_f64(v_log_f64(base) * 2.0 * (double)pairs / (double)width);
}
static int64_t sinusoidal_table(const hoop_call *c)
{
    const int64_t size = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype), pairs = (c->out->shape[2] + 1) / 2;
    return (turns_bytes(own_of(c), c->out->shape[1], pairs, size) + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}
static int64_t sinusoidal_workspace(const hoop_call *c)
{
    return sinusoidal_table(c) +
           own_of(c) * c->out->shape[1] * c->out->shape[2] * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
}
static void sinusoidal_range(const void *ctx, int64_t at, int64_t n)
{
    const turns     *u     = ctx;
    const hoop_call *c     = u->c;
    const int64_t    width = c->out->shape[2];
    const char      *table = (const char *)c->work + sinusoidal_table(c);
    for (; n > 0; at++, n--) {
        const int64_t place = at * width * u->size, from = (u->own > 1 ? at : at % u->t) * width * u->size;
        c->kernels->binary[HOOP_BINARY_add][c->out->dtype](width, (const char *)c->in[0]->data + place, 1, table + from, 1,
                                                           (char *)c->out->data + place, c->add);
    }
}
static hoop_status sinusoidal_forward(const hoop_call *c)
{
    const int64_t width = c->out->shape[2], rows = c->out->shape[0] * c->out->shape[1];
    const turns   u     = turns_make(c, c->out->shape[1], (width + 1) / 2, sinusoidal_base(c));
    char         *table = (char *)c->work + sinusoidal_table(c);
    for (int64_t r = 0; r < u.own * u.t; r++) {
        char *to = table + r * width * u.size;
        c->kernels->copy[c->out->dtype](u.pairs, u.sine + r * u.pairs * u.size, 1, to, 2);
        c->kernels->copy[c->out->dtype](width / 2, u.cosine + r * u.pairs * u.size, 1, to + u.size, 2);
    }
    if (width > 0) hoop_threads_share(c->threads, rows, width * u.size, 1, sinusoidal_range, &u);
    return HOOP_OK;
}
static void sinusoidal_backward(hoop_backward_call *b)
{
    hoop_pass(b, 0, b->dy[0]);
}
static void sinusoidal_reference(const hoop_call *c)
{
    const int64_t t = c->out->shape[1], width = c->out->shape[2];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        const int64_t row = i / width % t, e = i % width;
        const double  u = (double)(first_of(c->nin > 1 ? c->in[1] : NULL, i / width / t) + row) *
                         pow(((const sinusoidal_attrs *)c->attrs)->base, -(double)(e - e % 2) / (double)width);
        ((double *)c->out->data)[i] = hoop__at(c->in[0], i) + (e % 2 == 0 ? sin(u) : cos(u));
    }
}
static const sinusoidal_attrs common = {10000.0}, small = {2.0}, none = {0.0};
static const hoop_case        sinusoidal_cases[] = {
           {"2x5x6", &common},
           {"1x1x1", &common},
           {"3x4x5 i64:3<50", &small},
           {"2x3x4 i64:.<50", &common},
           {"2x0x4", &common},
           {"2x3x0", &common},
           {"2x3x4", &none, HOOP_EARG},
           {"2x3", &common, HOOP_ESHAPE},
           {"2x3x4 i64:3<9", &common, HOOP_ESHAPE},
           {"2x3x4 2", &common, HOOP_EDTYPE},
           {"i64:2x3x4<9", &common, HOOP_EDTYPE},
};

const hoop_op hoop__op_sinusoidal = {
    .name       = "sinusoidal",
    .min_in     = 1,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(sinusoidal_attrs),
    HOOP_FIELDS(sinusoidal_fields),
    .shape     = sinusoidal_shape,
    .forward   = sinusoidal_forward,
    .workspace = sinusoidal_workspace,
    .backward  = sinusoidal_backward,
    .reference = sinusoidal_reference,
    .samples   = positions_samples,
    HOOP_CASES(sinusoidal_cases),
};
