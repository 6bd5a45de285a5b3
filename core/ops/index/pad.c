/* pad, and its gradient: constant, reflected, replicated or circular borders of any dims. */
#include "ops/index/index.h"
#include "tape/tape.h"

#include <string.h>

extern const hoop_op hoop__op_pad, hoop__op_pad_grad;

typedef struct pad_attrs {
    int64_t before[HOOP_MAX_DIMS], after[HOOP_MAX_DIMS], mode; /* hoop_pad_mode */
    double  value;
} pad_attrs;
static const hoop_field fields[] = {
    {"before", 'I', offsetof(pad_attrs, before)},
    {"after", 'I', offsetof(pad_attrs, after)},
    {"mode", 'i', offsetof(pad_attrs, mode)},
    {"value", 'f', offsetof(pad_attrs, value)},
};

/* an image that lies channels-last is padded as it lies */
static hoop_tensor *pad(hoop_tape *t, const hoop_op *op, hoop_tensor *x, const pad_attrs *a)
{
    const hoop_view *v    = hoop_tensor_view(x);
    int              ndim = hoop_tensor_ndim(x);
    pad_attrs        last = *a;
    hoop_tensor     *y;
    if (ndim < 3 || hoop_tensor_is_contiguous(x) || v->stride[1] != 1) return hoop_op_call(t, op, &x, 1, a, NULL);
    for (int d = 1; d < ndim; d++) { /* (N, C, H, W) as (N, H, W, C) */
        last.before[d] = a->before[d + 1 < ndim ? d + 1 : 1];
        last.after[d]  = a->after[d + 1 < ndim ? d + 1 : 1];
    }
    y = hoop__channels_last(t, x);
    y = hoop_op_call(t, op, &y, 1, &last, NULL);
    return hoop__channels_first(t, y);
}

/**
 * hoop_pad - borders around x. pads: before and after the last dim, then those of the dim before it, ...: n numbers, 0 or more.
 * Shape   x [.., N, ..] -> [.., before + N + after, ..]
 * Value   HOOP_PAD_CONSTANT: `value`; REFLECT: what lies as far inside, without the edge; REPLICATE: the edge; CIRCULAR: the
 *         other end
 * Grad    dx += dy of the middle, and of the borders where they came from
 * Dtype   any                        Errors HOOP_EARG (pads, mode), HOOP_ESHAPE (borders wider than what they come from)
 */
hoop_tensor *hoop_pad(hoop_tape *t, hoop_tensor *x, int n, const int64_t *pads, hoop_pad_mode mode, double value)
{
    pad_attrs attrs = {.mode = mode, .value = value};
    int       ndim  = hoop_tensor_ndim(x);
    if (n < 0 || n % 2 != 0 || n > 2 * HOOP_MAX_DIMS || (n > 2 * ndim && !hoop_tensor_is_poison(x))) {
        hoop_tape_fail(t, HOOP_EARG, "pad: %d numbers; two a dim, of at most %d dims, are wanted", n, ndim);
        return &t->poison;
    }
    for (int i = 0; i < n && i / 2 < ndim; i++) (i % 2 == 0 ? attrs.before : attrs.after)[ndim - 1 - i / 2] = pads[i];
    return pad(t, &hoop__op_pad, x, &attrs);
}

/* may a dim of n elements have such borders? */
static hoop_status check_borders(hoop_shape_call *s, int d, int64_t n)
{
    const pad_attrs *a = s->attrs;
    int64_t          b = a->before[d], e = a->after[d], most = b > e ? b : e;
    if (b < 0 || e < 0) return hoop_fail(s->err, HOOP_EARG, "borders of %lld and %lld in dim %d", (long long)b, (long long)e, d);
    if (a->mode == HOOP_PAD_CONSTANT || most == 0) return HOOP_OK;
    if (a->mode == HOOP_PAD_REPLICATE ? n > 0 : most <= n - (a->mode == HOOP_PAD_REFLECT)) return HOOP_OK;
    return hoop_fail(s->err, HOOP_ESHAPE, "borders of %lld and %lld from the %lld elements of dim %d", (long long)b, (long long)e,
                     (long long)n, d);
}

static hoop_status padded_shape(hoop_shape_call *s, int sign)
{
    const pad_attrs *a                    = s->attrs;
    const hoop_view *x                    = s->in[0];
    int64_t          shape[HOOP_MAX_DIMS] = {0};
    if (a->mode < HOOP_PAD_CONSTANT || a->mode > HOOP_PAD_CIRCULAR)
        return hoop_fail(s->err, HOOP_EARG, "mode %lld is none", (long long)a->mode);
    for (int d = 0; d < HOOP_MAX_DIMS; d++) {
        int64_t     both, n = d < x->ndim ? x->shape[d] : 0;
        hoop_status st;
        if (d >= x->ndim) {
            if (a->before[d] == 0 && a->after[d] == 0) continue;
            return hoop_fail(s->err, HOOP_EARG, "borders of dim %d, which is not there", d);
        }
        if (__builtin_add_overflow(a->before[d], a->after[d], &both) || __builtin_add_overflow(n, sign * both, &shape[d]) ||
            shape[d] < 0)
            return hoop_fail(s->err, HOOP_EARG, "borders of %lld and %lld of %lld elements in dim %d", (long long)a->before[d],
                             (long long)a->after[d], (long long)n, d);
        st = check_borders(s, d, sign > 0 ? n : shape[d]);
        if (st != HOOP_OK) return st;
    }
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, x->ndim, shape);
    return HOOP_OK;
}
static hoop_status pad_shape(hoop_shape_call *s)
{
    return padded_shape(s, 1);
}

/* where element i of a padded dim comes from; -1: from nowhere */
static int64_t source(const pad_attrs *a, int d, int64_t n, int64_t i)
{
    int64_t k = i - a->before[d];
    if (k >= 0 && k < n) return k;
    if (a->mode == HOOP_PAD_CONSTANT) return -1;
    if (a->mode == HOOP_PAD_REPLICATE) return k < 0 ? 0 : n - 1;
    if (a->mode == HOOP_PAD_CIRCULAR) return k < 0 ? k + n : k - n;
    return k < 0 ? -k : 2 * n - 2 - k;
}

/* A padded tensor is (outer rows) of the last dim that has borders, whose elements are `inner` bytes that stay together. */
typedef struct job {
    const hoop_call *c;
    const hoop_view *small, *large;
    int              dim;
    int64_t          inner, size; /* bytes; of a number */
    uint64_t         value;
    int64_t          large_rows, small_rows; /* of a group: rows of `large`, and all the rows of `small` that they belong to */
} job;

static job job_of(const hoop_call *c, const hoop_view *small, const hoop_view *large)
{
    const pad_attrs *a     = c->attrs;
    job              j     = {.c = c, .small = small, .large = large, .dim = small->ndim - 1, .size = hoop__size(small)};
    int              first = 0;
    while (j.dim > 0 && a->before[j.dim] == 0 && a->after[j.dim] == 0) j.dim--;
    while (first < j.dim && a->before[first] == 0 && a->after[first] == 0) first++;
    j.inner      = hoop__inner(small, j.dim) * j.size;
    j.large_rows = j.small_rows = 1;
    for (int d = first; d < j.dim; d++) {
        j.large_rows *= large->shape[d];
        j.small_rows *= small->shape[d];
    }
    return j;
}

/* rows of `large`, one after the other: places in the dims before */
typedef struct walk {
    int64_t at[HOOP_MAX_DIMS];
} walk;

static walk walk_from(const job *j, int64_t r)
{
    walk w = {{0}};
    for (int d = j->dim - 1; d >= 0; d--) {
        w.at[d] = r % j->large->shape[d];
        r /= j->large->shape[d];
    }
    return w;
}

/* The row of `small` where this one comes from; -1: nowhere. So do *count rows from here on, at most `most`, each from the next
 * one; behind them the walk goes on. */
static int64_t source_rows(const job *j, walk *w, int64_t most, int64_t *count)
{
    const pad_attrs *a    = j->c->attrs;
    const int        last = j->dim - 1;
    int64_t          row  = 0;
    *count                = 1;
    for (int d = 0; d <= last && row >= 0; d++) {
        int64_t from = source(a, d, j->small->shape[d], w->at[d]);
        row          = from < 0 ? -1 : row * j->small->shape[d] + from;
    }
    if (last < 0) return row;
    if (w->at[last] >= a->before[last] && w->at[last] < a->before[last] + j->small->shape[last])
        *count = a->before[last] + j->small->shape[last] - w->at[last];
    else if (a->mode == HOOP_PAD_CONSTANT)
        *count = (w->at[last] < a->before[last] ? a->before[last] : j->large->shape[last]) - w->at[last];
    if (*count > most) *count = most;
    w->at[last] += *count;
    for (int d = last; d > 0 && w->at[d] == j->large->shape[d]; d--) {
        w->at[d] = 0;
        w->at[d - 1]++;
    }
    return row;
}

static void fill(const job *j, char *to, int64_t bytes)
{
    const int64_t n = bytes / j->size;
    if (n > 16 || j->size == 1)
        j->c->kernels->copy[j->large->dtype](n, &j->value, 0, to, 1);
    else if (j->size == 4)
        for (int64_t i = 0; i < n; i++) memcpy(to + 4 * i, &j->value, 4);
    else
        for (int64_t i = 0; i < n; i++) memcpy(to + 8 * i, &j->value, 8);
}

/* element k to element i */
static void put(const job *j, char *to, int64_t i, const char *from, int64_t k)
{
    if (j->inner == 4)
        memcpy(to + i * 4, from + k * 4, 4);
    else
        memcpy(to + i * j->inner, from + k * j->inner, (size_t)j->inner);
}

static void pad_range(const void *ctx, int64_t first, int64_t n)
{
    const job       *j     = ctx;
    const pad_attrs *a     = j->c->attrs;
    int64_t          small = j->small->shape[j->dim], large = j->large->shape[j->dim], before = a->before[j->dim], count;
    walk             w = walk_from(j, first);
    for (int64_t r = first; r < first + n; r += count) {
        char       *to   = (char *)j->large->data + r * large * j->inner;
        int64_t     row  = source_rows(j, &w, first + n - r, &count);
        const char *from = (const char *)j->small->data + row * small * j->inner;
        if (row < 0) {
            fill(j, to, count * large * j->inner);
            continue;
        }
        for (int64_t k = 0; k < count; k++, to += large * j->inner, from += small * j->inner) {
            memcpy(to + before * j->inner, from, (size_t)(small * j->inner));
            if (a->mode == HOOP_PAD_CONSTANT) {
                fill(j, to, before * j->inner);
                fill(j, to + (before + small) * j->inner, (large - before - small) * j->inner);
                continue;
            }
            for (int64_t i = 0; i < before; i++) put(j, to, i, from, source(a, j->dim, small, i));
            for (int64_t i = before + small; i < large; i++) put(j, to, i, from, source(a, j->dim, small, i));
        }
    }
}
static hoop_status pad_forward(const hoop_call *c)
{
    job j = job_of(c, c->in[0], c->out);
    c->kernels->cast[HOOP_F64][c->out->dtype](1, &((const pad_attrs *)c->attrs)->value, &j.value);
    if (c->out->ndim == 0) {
        memcpy(c->out->data, c->in[0]->data, (size_t)hoop__size(c->out));
    } else if (hoop__view_numel(c->out) > 0) {
        hoop_threads_share(c->threads, hoop__outer(c->out, j.dim), 64 + 2 * c->out->shape[j.dim] * j.inner, 1, pad_range, &j);
    }
    return HOOP_OK;
}
static int pad_samples(const hoop_samples_call *s)
{
    const pad_attrs *a    = s->attrs;
    int              axis = s->axis[0];
    return a->before[axis] == 0 && a->after[axis] == 0 ? axis : -1;
}
static void pad_backward(hoop_backward_call *b)
{
    const pad_attrs *a      = b->attrs;
    bool             padded = false;
    for (int d = 0; d < HOOP_MAX_DIMS; d++) padded |= a->before[d] != 0 || a->after[d] != 0;
    if (!padded)
        hoop_pass(b, 0, b->dy[0]);
    else if (hoop_sink(b, 0))
        hoop_op_call(b->t, &hoop__op_pad_grad, &b->dy[0], 1, a, NULL);
}
static void pad_reference(const hoop_call *c)
{
    const pad_attrs *a = c->attrs;
    int64_t          at[HOOP_MAX_DIMS];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        bool inside = true;
        hoop__places(c->out, i, at);
        for (int d = 0; d < c->out->ndim; d++) {
            at[d] = source(a, d, c->in[0]->shape[d], at[d]);
            inside &= at[d] >= 0;
        }
        hoop__put(c->out, i, inside ? hoop__at(c->in[0], hoop__number(c->in[0], at)) : a->value);
    }
}
static const pad_attrs constant = {{1, 0}, {2, 0}, HOOP_PAD_CONSTANT, 1.5}, sides = {{0, 2}, {0, 1}, HOOP_PAD_CONSTANT, -3},
                       reflect   = {{0, 2, 1}, {0, 1, 3}, HOOP_PAD_REFLECT, 0},
                       replicate = {{0, 3, 1}, {0, 0, 2}, HOOP_PAD_REPLICATE, 0},
                       circular = {{0, 2, 1}, {0, 1, 5}, HOOP_PAD_CIRCULAR, 0}, middle = {{0, 1}, {0, 2}, HOOP_PAD_CIRCULAR, 0},
                       outside = {{1}, {1}, HOOP_PAD_REFLECT, 0}, none = {{0}, {0}, HOOP_PAD_REFLECT, 0},
                       negative = {{-1}, {0}, HOOP_PAD_CONSTANT, 0}, negative_end = {{0}, {0, -1}, HOOP_PAD_CONSTANT, 0},
                       no_mode = {{0}, {0}, 4, 0}, far = {{0, 4}, {0, 0}, HOOP_PAD_REFLECT, 0};
static const hoop_case pad_cases[] = {
    {"3x4", &constant},
    {"3x4", &sides},
    {"2x5x7", &reflect},
    {"2x5x7", &replicate},
    {"2x5x7", &circular},
    {"2x3x5", &middle},
    {"2", &outside},
    {"3x4", &none},
    {"0x4", &constant},
    {"3x0", &constant},
    {"i64:3x4<9", &sides},
    {"u8:2x3x5<9", &middle},
    {"i32:2x5x7<9", &reflect},
    {"3x4", &negative, HOOP_EARG},
    {"3x4", &negative_end, HOOP_EARG},
    {"3x4", &no_mode, HOOP_EARG},
    {"3x4", &far, HOOP_ESHAPE},
};
const hoop_op hoop__op_pad = {
    .name       = "pad",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(pad_attrs),
    HOOP_FIELDS(fields),
    .shape     = pad_shape,
    .forward   = pad_forward,
    .backward  = pad_backward,
    .reference = pad_reference,
    .samples   = pad_samples,
    HOOP_CASES(pad_cases),
};

/* pad_grad: dy of a padded tensor -> dx: what comes from one place is added up, in ascending order */
static hoop_status pad_grad_shape(hoop_shape_call *s)
{
    hoop_status st = hoop__check_float(s, 0);
    return st == HOOP_OK ? padded_shape(s, -1) : st;
}
/* elements i to k of a row, from element from on */
static void add(const job *j, char *to, int64_t k, const char *from, int64_t i, int64_t elements)
{
    const hoop_dtype dtype = (hoop_dtype)j->large->dtype;
    const int64_t    n     = elements * j->inner / j->size;
    to += k * j->inner;
    from += i * j->inner;
    if (n == 1)
        hoop__add_one(dtype, to, 0, from, 0);
    else
        j->c->kernels->binary[HOOP_BINARY_add][dtype](n, to, 1, from, 1, to, false);
}
static void add_row(const job *j, char *to, const char *from)
{
    const pad_attrs *a     = j->c->attrs;
    const int64_t    small = j->small->shape[j->dim], large = j->large->shape[j->dim], before = a->before[j->dim];
    if (a->mode == HOOP_PAD_CONSTANT) {
        add(j, to, 0, from, before, small);
        return;
    }
    for (int64_t i = 0; i < before; i++) add(j, to, source(a, j->dim, small, i), from, i, 1);
    add(j, to, 0, from, before, small);
    for (int64_t i = before + small; i < large; i++) add(j, to, source(a, j->dim, small, i), from, i, 1);
}
/* of groups of rows with places of their own */
static void groups_grad(const job *j, int64_t first, int64_t n)
{
    const bool    copy  = ((const pad_attrs *)j->c->attrs)->mode == HOOP_PAD_CONSTANT && !j->c->add;
    const int64_t small = j->small->shape[j->dim] * j->inner, large = j->large->shape[j->dim] * j->inner,
                  before = ((const pad_attrs *)j->c->attrs)->before[j->dim] * j->inner, group = j->small_rows * small,
                  end = (first + n) * j->large_rows;
    walk    w         = walk_from(j, first * j->large_rows);
    int64_t count;
    if (!copy && !j->c->add) memset((char *)j->small->data + first * group, 0, (size_t)(n * group));
    for (int64_t r = first * j->large_rows; r < end; r += count) {
        const char *from = (const char *)j->large->data + r * large;
        int64_t     row  = source_rows(j, &w, end - r, &count);
        char       *to   = (char *)j->small->data + row * small;
        for (int64_t k = 0; k < count && row >= 0; k++, to += small, from += large) {
            if (copy)
                memcpy(to, from + before, (size_t)small);
            else
                add_row(j, to, from);
        }
    }
}
/* as many at a time as stay in a cache between being cleared and being added to */
static void pad_grad_range(const void *ctx, int64_t first, int64_t n)
{
    enum { CACHED = 65536 };
    const job    *j    = ctx;
    const int64_t each = j->small_rows * j->small->shape[j->dim] * j->inner, many = each < CACHED ? CACHED / each : 1;
    for (int64_t i = first, m; i < first + n; i += m) {
        m = first + n - i < many ? first + n - i : many;
        groups_grad(j, i, m);
    }
}
static hoop_status pad_grad_forward(const hoop_call *c)
{
    job j = job_of(c, c->out, c->in[0]);
    if (c->out->ndim == 0) {
        if (!c->add) memset(c->out->data, 0, (size_t)j.size);
        add(&j, c->out->data, 0, c->in[0]->data, 0, 1);
    } else if (hoop__view_numel(c->out) > 0) {
        hoop_threads_share(c->threads, hoop__outer(c->in[0], j.dim) / j.large_rows,
                           j.large_rows * (64 + 4 * c->in[0]->shape[j.dim] * j.inner), 1, pad_grad_range, &j);
    }
    return HOOP_OK;
}
static void pad_grad_backward(hoop_backward_call *b)
{
    pad_attrs a = *(const pad_attrs *)b->attrs;
    a.value     = 0;
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_pad, &b->dy[0], 1, &a, NULL);
}
static void pad_grad_reference(const hoop_call *c)
{
    const pad_attrs *a = c->attrs;
    double          *y = c->out->data;
    int64_t          at[HOOP_MAX_DIMS];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) y[i] = 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[0]); i < n; i++) {
        bool inside = true;
        hoop__places(c->in[0], i, at);
        for (int d = 0; d < c->out->ndim; d++) {
            at[d] = source(a, d, c->out->shape[d], at[d]);
            inside &= at[d] >= 0;
        }
        if (inside) y[hoop__number(c->out, at)] += hoop__at(c->in[0], i);
    }
}
static const hoop_case pad_grad_cases[] = {
    {"6x4", &constant},
    {"2x8x11", &reflect},
    {"2x8x10", &replicate},
    {"2x8x13", &circular},
    {"2x6x5", &middle},
    {"4", &outside},
    {"3x4", &none},
    {"3x4", &negative, HOOP_EARG},
    {"3x4", &negative_end, HOOP_EARG},
    {"3x4", &no_mode, HOOP_EARG},
    {"3x8", &far, HOOP_ESHAPE},
    {"i64:6x4<9", &constant, HOOP_EDTYPE},
};
const hoop_op hoop__op_pad_grad = {
    .name       = "pad_grad",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(pad_attrs),
    HOOP_FIELDS(fields),
    .shape     = pad_grad_shape,
    .forward   = pad_grad_forward,
    .backward  = pad_grad_backward,
    .reference = pad_grad_reference,
    .samples   = pad_samples,
    HOOP_CASES(pad_grad_cases),
};
