/* sum, mean, max over dims; sum_to, the inverse of broadcasting. */
#include "hoop/ops.h"
#include "ops/shape.h"

#include <math.h>
#include <string.h>

typedef struct reduce_attrs {
    int64_t dims; /* bit mask */
    int64_t keep;
} reduce_attrs;
static const hoop_field   fields[] = {{"dims", 'i', offsetof(reduce_attrs, dims)}, {"keep", 'i', offsetof(reduce_attrs, keep)}};
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
    {"3", &fourth, HOOP_ESHAPE},
    {"i64:3<5", &all, HOOP_EDTYPE},
};

static const hoop_case sum_only_cases[] = {
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
    {"3x70x2", &second},
    {"2x3x2x3x2", &even},
    {"0x3", &all},
    {"0x3", &first},
    {"0x3", &second},
    {"3", &fourth, HOOP_ESHAPE},
    {"i64:3<5", &all, HOOP_EDTYPE},
};

extern const hoop_op hoop__op_sum, hoop__op_mean, hoop__op_max;

static bool reduced(const reduce_attrs *a, int d)
{
    return (a->dims >> d & 1) != 0;
}

static hoop_status reduce_shape(hoop_shape_call *s)
{
    const reduce_attrs *a = s->attrs;
    const hoop_view    *x = s->in[0];
    int64_t             shape[HOOP_MAX_DIMS];
    int                 ndim = 0;
    if (a->dims != (int64_t)HOOP_ALL_DIMS && a->dims >> x->ndim != 0) {
        return hoop_fail(s->err, HOOP_ESHAPE, "the dims 0x%llx to reduce are not all there", (unsigned long long)a->dims);
    }
    for (int d = 0; d < x->ndim; d++) {
        if (!reduced(a, d))
            shape[ndim++] = x->shape[d];
        else if (a->keep != 0)
            shape[ndim++] = 1;
    }
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, ndim, shape);
    return hoop__check_float(s, 0);
}

/* An empty set has no largest element. */
static hoop_status max_shape(hoop_shape_call *s)
{
    hoop_status st = reduce_shape(s);
    if (st == HOOP_OK && hoop__view_numel(s->in[0]) == 0 && hoop__view_numel(&s->out[0]) > 0) {
        return hoop_fail(s->err, HOOP_ESHAPE, "the largest of no elements");
    }
    return st;
}

static int64_t reduced_count(const hoop_view *x, const reduce_attrs *a)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim; d++) n *= reduced(a, d) ? x->shape[d] : 1;
    return n;
}

/* contiguous x as runs of dims of one kind, reduced or kept; size 1 joins any */
typedef struct runs {
    int     n;
    int64_t size[HOOP_MAX_DIMS];
    bool    sums[HOOP_MAX_DIMS];
} runs;

static runs runs_of(const hoop_view *x, const reduce_attrs *a)
{
    runs r = {0};
    for (int d = 0; d < x->ndim; d++) {
        if (x->shape[d] == 1) continue;
        if (r.n > 0 && r.sums[r.n - 1] == reduced(a, d))
            r.size[r.n - 1] *= x->shape[d];
        else {
            r.sums[r.n]   = reduced(a, d);
            r.size[r.n++] = x->shape[d];
        }
    }
    return r;
}

/* The next pass over x as (outer, count, inner): count is the last run that is reduced, and number `last`. Whatever comes before
 * one or no run that is kept makes it the final pass. */
typedef struct pass {
    int64_t outer, count, inner;
    int     last;
    bool    final;
} pass;

static pass pass_of(const runs *r)
{
    bool last_kept = !r->sums[r->n - 1];
    pass p         = {.outer = 1, .inner = last_kept ? r->size[r->n - 1] : 1, .last = last_kept ? r->n - 2 : r->n - 1};
    p.count        = r->size[p.last];
    p.final        = p.last <= 1;
    for (int d = 0; d < p.last; d++) p.outer *= r->size[d];
    return p;
}

/* Partial results in two halves, so that no pass reads what it writes; passes after the first need less. */
static int64_t partial_bytes(const pass *p, int64_t size)
{
    return (p->outer * p->inner * size + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

static int64_t reduce_workspace(const hoop_call *c)
{
    runs r;
    pass p;
    if (c->in[0]->ndim < 3) return 0;
    r = runs_of(c->in[0], c->attrs);
    if (r.n < 3 || hoop__view_numel(c->in[0]) == 0) return 0;
    p = pass_of(&r);
    return p.final ? 0 : 2 * partial_bytes(&p, (int64_t)hoop_dtype_size((hoop_dtype)c->in[0]->dtype));
}

enum { CALL_WEIGHT = 256 /* of a row, or a kernel's call (hoop_threads_share) */ };

typedef struct reduce_job {
    hoop_reduce_rows_fn *rows;
    hoop_reduce_cols_fn *cols;
    pass                 p;
    const char          *from;
    char                *to;
    int64_t              size;
    bool                 add;
} reduce_job;

static void rows_range(const void *ctx, int64_t begin, int64_t n)
{
    const reduce_job *j = ctx;
    j->rows(n, j->p.count, j->from + begin * j->p.count * j->size, j->p.count, j->to + begin * j->size, j->add);
}

/* of (outer, inner) results */
static void cols_range(const void *ctx, int64_t begin, int64_t n)
{
    const reduce_job *j = ctx;
    const pass       *p = &j->p;
    int64_t           o = begin / p->inner, col = begin % p->inner;
    for (int64_t m; n > 0; n -= m, o++, col = 0) {
        m = p->inner - col < n ? p->inner - col : n;
        j->cols(p->count, m, j->from + (o * p->count * p->inner + col) * j->size, p->inner,
                j->to + (o * p->inner + col) * j->size, j->add);
    }
}

/* Rows reduced: sum_rows; leading dims reduced: sum_cols; anything else: one pass for each run of reduced dims, from the last,
 * through the workspace. */
static hoop_status reduce_forward(const hoop_call *c, bool largest)
{
    const hoop_view *x = c->in[0], *y = c->out;
    int64_t          size = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype), numel = hoop__view_numel(x), half = 0;
    runs             r = runs_of(x, c->attrs);
    reduce_job       j = {.rows = largest ? c->kernels->max_rows[x->dtype] : c->kernels->sum_rows[x->dtype],
                          .cols = largest ? c->kernels->max_cols[x->dtype] : c->kernels->sum_cols[x->dtype],
                          .from = x->data,
                          .size = size};
    if (hoop__view_numel(y) == 0) return HOOP_OK;
    if (numel == 0) {
        if (!c->add) hoop__clear(c, y->data, hoop__view_numel(y) * size);
        return HOOP_OK;
    }
    if (r.n == 0 || (r.n == 1 && !r.sums[0])) {
        hoop__copy_rows(c, 1, numel * size, x->data, 0, y->data, 0);
        return HOOP_OK;
    }
    for (int number = 0;; number++) {
        pass p = j.p = pass_of(&r);
        if (number == 0) half = partial_bytes(&p, size);
        j.to  = p.final ? y->data : (char *)c->work + number % 2 * half;
        j.add = p.final && c->add;
        if (r.sums[r.n - 1])
            hoop_threads_share(c->threads, p.outer, CALL_WEIGHT + p.count * size, 1, rows_range, &j);
        else
            hoop_threads_share(c->threads, p.outer * p.inner, p.count * size + CALL_WEIGHT / p.inner, 64, cols_range, &j);
        if (p.final) return HOOP_OK;
        j.from = j.to;
        r.n    = p.last;
        r.size[p.last - 1] *= p.inner; /* the kept runs on both sides become one */
    }
}

/* The samples' dim stays, and what is summed lies behind it: where a leaf has one row, its dim is in no run, and dims on both
 * sides of it would be summed as one. */
static int reduce_samples(const hoop_samples_call *s)
{
    const reduce_attrs *a    = s->attrs;
    int                 axis = s->axis[0];
    if (reduced(a, s->axis[0])) return -1;
    for (int d = 0; d < s->axis[0]; d++) {
        if (!reduced(a, d)) continue;
        if (s->in[0]->shape[d] != 1) return -1;
        if (a->keep == 0) axis--;
    }
    return axis;
}

/* dy with the reduced dims put back as size 1 */
static hoop_tensor *with_dims(hoop_backward_call *b, hoop_tensor *y)
{
    const reduce_attrs *a = b->attrs;
    int64_t             shape[HOOP_MAX_DIMS];
    int                 ndim = hoop_tensor_ndim(b->in[0]);
    for (int d = 0; d < ndim; d++) shape[d] = reduced(a, d) ? 1 : hoop_tensor_size(b->in[0], d);
    return hoop_reshape(b->t, y, ndim, shape);
}

static void reduce_reference(const hoop_call *c, int kind /* 0 sum, 1 mean, 2 max */)
{
    const reduce_attrs *a = c->attrs;
    const hoop_view    *x = c->in[0];
    double             *y = c->out->data;
    int64_t             n = hoop__view_numel(x), m = hoop__view_numel(c->out);
    for (int64_t i = 0; i < m; i++) y[i] = kind == 2 ? -INFINITY : 0.0;
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, to = 0, step = 1;
        double  v = hoop__at(x, i);
        for (int d = x->ndim - 1; d >= 0; d--) {
            int64_t k = rest % x->shape[d];
            rest /= x->shape[d];
            if (reduced(a, d)) continue;
            to += k * step;
            step *= x->shape[d];
        }
        if (kind == 2)
            y[to] = v > y[to] ? v : y[to];
        else
            y[to] += v / (kind == 1 ? (double)reduced_count(x, a) : 1.0);
    }
}

/**
 * hoop_sum - sum over dims; 0 for no elements.
 * Shape   x [...] -> without the dims of the mask, or with size 1 there
 * Grad    dx += dy, broadcast back
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim), HOOP_EDTYPE
 */
hoop_tensor *hoop_sum(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_sum, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status sum_forward(const hoop_call *c)
{
    return reduce_forward(c, false);
}
static void sum_backward(hoop_backward_call *b)
{
    hoop_tensor *dy = with_dims(b, b->dy[0]);
    if (hoop_sink(b, 0)) hoop_expand(b->t, dy, hoop_tensor_ndim(b->in[0]), hoop_tensor_shape(b->in[0]));
}
static void sum_reference(const hoop_call *c)
{
    reduce_reference(c, 0);
}
const hoop_op hoop__op_sum = {
    .name       = "sum",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(reduce_attrs),
    HOOP_FIELDS(fields),
    .shape     = reduce_shape,
    .forward   = sum_forward,
    .workspace = reduce_workspace,
    .backward  = sum_backward,
    .reference = sum_reference,
    .samples   = reduce_samples,
    HOOP_CASES(sum_only_cases),
};

/**
 * hoop_mean - mean over dims: the sum times 1/count.
 * Shape   as hoop_sum                Grad   dx += dy / count
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim, no elements), HOOP_EDTYPE
 */
hoop_tensor *hoop_mean(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_mean, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status mean_forward(const hoop_call *c)
{
    double      d     = 1.0 / (double)reduced_count(c->in[0], c->attrs);
    float       f     = (float)d;
    hoop_view   share = {.dtype = c->out->dtype};
    hoop_call   mean  = *c;
    hoop_status st    = reduce_forward(c, false);
    share.data        = c->out->dtype == HOOP_F32 ? (void *)&f : (void *)&d;
    mean.in           = (const hoop_view *[]){c->out, &share};
    return st == HOOP_OK ? hoop__run_binary(&mean, HOOP_BINARY_mul) : st;
}
static void mean_backward(hoop_backward_call *b)
{
    hoop_tensor *dy    = with_dims(b, b->dy[0]),
                *share = hoop_scale(b->t, dy, 1.0 / (double)reduced_count(hoop_tensor_view(b->in[0]), b->attrs));
    if (hoop_sink(b, 0)) hoop_expand(b->t, share, hoop_tensor_ndim(b->in[0]), hoop_tensor_shape(b->in[0]));
}
static void mean_reference(const hoop_call *c)
{
    reduce_reference(c, 1);
}
const hoop_op hoop__op_mean = {
    .name       = "mean",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(reduce_attrs),
    HOOP_FIELDS(fields),
    .shape     = max_shape,
    .forward   = mean_forward,
    .workspace = reduce_workspace,
    .backward  = mean_backward,
    .reference = mean_reference,
    .samples   = reduce_samples,
    HOOP_CASES(cases),
};

/**
 * hoop_max - largest element over dims; NaN if there is one.
 * Shape   as hoop_sum                Grad   dx += dy at the largest, in equal parts where several are equal
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim, no elements), HOOP_EDTYPE
 */
hoop_tensor *hoop_max(hoop_tape *t, hoop_tensor *x, unsigned dims, bool keep)
{
    return hoop_op_call(t, &hoop__op_max, &x, 1, &(reduce_attrs){dims, keep}, NULL);
}
static hoop_status max_forward(const hoop_call *c)
{
    return reduce_forward(c, true);
}
static void max_backward(hoop_backward_call *b)
{
    unsigned     dims = (unsigned)((const reduce_attrs *)b->attrs)->dims;
    hoop_tensor *y = with_dims(b, b->out[0]), *dy = with_dims(b, b->dy[0]);                  /* with size 1 where reduced */
    hoop_tensor *mask = hoop_equal(b->t, b->in[0], y);                                       /* of x's shape */
    hoop_tensor *ties = hoop_sum(b->t, mask, dims, true), *share = hoop_div(b->t, dy, ties); /* as y */
    if (hoop_sink(b, 0)) hoop_mul(b->t, mask, share);
}
static void max_reference(const hoop_call *c)
{
    reduce_reference(c, 2);
}
const hoop_op hoop__op_max = {
    .name       = "max",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_OUT(0),
    .attrs_size = sizeof(reduce_attrs),
    HOOP_FIELDS(fields),
    .shape     = max_shape,
    .forward   = max_forward,
    .workspace = reduce_workspace,
    .backward  = max_backward,
    .reference = max_reference,
    .samples   = reduce_samples,
    HOOP_CASES(cases),
};

hoop_tensor *hoop_sum_to(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape)
{
    unsigned dims = 0;
    int      lead = hoop_tensor_ndim(x) - ndim;
    for (int d = 0; d < hoop_tensor_ndim(x); d++) {
        if (d < lead || (shape[d - lead] == 1 && hoop_tensor_size(x, d) != 1)) dims |= 1u << d;
    }
    if (dims != 0) x = hoop_sum(t, x, dims, true);
    return hoop_reshape(t, x, ndim, shape);
}
