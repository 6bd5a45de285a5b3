/* How a reduction goes through memory. */
#include "ops/reduce/reduce.h"

#include <string.h>

const hoop_field hoop__reduce_fields[2] = {{"dims", 'i', offsetof(reduce_attrs, dims)},
                                           {"keep", 'i', offsetof(reduce_attrs, keep)}};

bool hoop__reduces(const reduce_attrs *a, int d)
{
    return (a->dims >> d & 1) != 0;
}

int64_t hoop__reduced_count(const hoop_view *x, const reduce_attrs *a)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim; d++) n *= hoop__reduces(a, d) ? x->shape[d] : 1;
    return n;
}

hoop_status hoop__reduce_shape(hoop_shape_call *s)
{
    const reduce_attrs *a = s->attrs;
    const hoop_view    *x = s->in[0];
    int64_t             shape[HOOP_MAX_DIMS];
    int                 ndim = 0;
    if (a->dims != (int64_t)HOOP_ALL_DIMS && (a->dims < 0 || a->dims >> x->ndim != 0)) {
        return hoop_fail(s->err, HOOP_ESHAPE, "the dims 0x%llx to reduce are not all there", (unsigned long long)a->dims);
    }
    for (int d = 0; d < x->ndim; d++) {
        if (!hoop__reduces(a, d))
            shape[ndim++] = x->shape[d];
        else if (a->keep != 0)
            shape[ndim++] = 1;
    }
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, ndim, shape);
    return HOOP_OK;
}

hoop_status hoop__reduce_shape_some(hoop_shape_call *s)
{
    hoop_status st = hoop__reduce_shape(s);
    if (st == HOOP_OK && hoop__reduced_count(s->in[0], s->attrs) == 0 && hoop__view_numel(&s->out[0]) > 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "of no elements");
    return st;
}

/* ---- as it lies in memory ---- */

/* Dims of x but the first, those of size 1 left out, from the outermost in memory. */
static int inner_order(const hoop_view *x, int *order)
{
    int n = 0;
    for (int d = 1; d < x->ndim; d++) {
        int at = n;
        if (x->shape[d] == 1) continue;
        while (at > 0 && x->stride[order[at - 1]] < x->stride[d]) at--;
        for (int k = n++; k > at; k--) order[k] = order[k - 1];
        order[at] = d;
    }
    return n;
}

/* without gaps in the usual order, as dim 0's stride says for one row, too: the bits of a row are those it has among others */
static bool usual(const hoop_view *x)
{
    const int64_t numel = hoop__view_numel(x);
    return hoop__view_contiguous(x) && (x->ndim == 0 || numel == 0 || x->stride[0] == numel / x->shape[0]);
}

/* x with its dims as they lie, without gaps and dim 0 outermost */
static bool lies(const hoop_view *x, const reduce_attrs *a, hoop_view *as, reduce_attrs *as_attrs)
{
    int     order[HOOP_MAX_DIMS], n;
    int64_t step = 1;
    if (usual(x)) {
        *as       = *x;
        *as_attrs = *a;
        return true;
    }
    if (x->ndim < 1) return false;
    n = inner_order(x, order);
    for (int k = n - 1; k >= 0; k--) {
        if (x->stride[order[k]] != step) return false;
        step *= x->shape[order[k]];
    }
    if (x->stride[0] != step) return false;
    as->data       = x->data;
    as->dtype      = x->dtype;
    as->ndim       = n + 1;
    as->shape[0]   = x->shape[0];
    as_attrs->keep = a->keep;
    as_attrs->dims = a->dims & 1;
    for (int k = 0; k < n; k++) {
        as->shape[k + 1] = x->shape[order[k]];
        if (hoop__reduces(a, order[k])) as_attrs->dims |= (int64_t)1 << (k + 1);
        for (int i = 0; i < k; i++) { /* what comes out is in the usual order */
            if (order[i] > order[k] && !hoop__reduces(a, order[i]) && !hoop__reduces(a, order[k])) return false;
        }
    }
    hoop__view_set(as, (hoop_dtype)x->dtype, n + 1, as->shape);
    as->data = x->data;
    return true;
}

/* reduced dims whose elements are counted lie in the usual order too */
static bool lies_in_order(const hoop_view *x, const reduce_attrs *a)
{
    int order[HOOP_MAX_DIMS], n;
    if (hoop__view_contiguous(x)) return true;
    n = inner_order(x, order);
    for (int k = 1; k < n; k++) {
        if (order[k - 1] > order[k] && hoop__reduces(a, order[k - 1]) && hoop__reduces(a, order[k])) return false;
    }
    return true;
}

hoop_status hoop__fold_shape(hoop_shape_call *s, int kind)
{
    hoop_status st  = hoop__reduce_shape(s);
    s->out[0].dtype = (int32_t)hoop_reduce_dtype(kind, (hoop_dtype)s->in[0]->dtype);
    return st;
}

/* The samples' dim stays, and what is reduced lies behind it: where a leaf has one row, its dim is in no run, and dims on both
 * sides of it would be taken as one. Another dim than the first, with one row, does not show whether there are gaps in memory: x
 * has none, then. */
int hoop__reduce_samples(const hoop_samples_call *s)
{
    const reduce_attrs *a    = s->attrs;
    const hoop_view    *x    = s->in[0];
    int                 axis = s->axis[0], to = axis;
    hoop_view           packed;
    if (hoop__reduces(a, axis)) return -1;
    for (int d = 0; d < axis; d++) {
        if (!hoop__reduces(a, d)) continue;
        if (x->shape[d] != 1) return -1;
        if (a->keep == 0) to--;
    }
    hoop__view_set(&packed, (hoop_dtype)x->dtype, x->ndim, x->shape);
    for (int d = 0; d < x->ndim && axis > 0; d++) {
        if (x->stride[d] != packed.stride[d]) return -1; /* of a dim of size 1 too: it may be the samples' size */
    }
    return to;
}

/* ---- runs and passes ---- */

/* contiguous x as runs of dims of one kind, reduced or kept; size 1 joins any */
typedef struct runs {
    int     n;
    int64_t size[HOOP_MAX_DIMS];
    bool    folds[HOOP_MAX_DIMS];
} runs;

static runs runs_of(const hoop_view *x, const reduce_attrs *a)
{
    runs r = {0};
    for (int d = 0; d < x->ndim; d++) {
        if (x->shape[d] == 1) continue;
        if (r.n > 0 && r.folds[r.n - 1] == hoop__reduces(a, d))
            r.size[r.n - 1] *= x->shape[d];
        else {
            r.folds[r.n]  = hoop__reduces(a, d);
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
    bool    final, rows;
} pass;

static pass pass_of(const runs *r)
{
    bool last_kept = !r->folds[r->n - 1];
    pass p         = {
                .outer = 1, .inner = last_kept ? r->size[r->n - 1] : 1, .last = last_kept ? r->n - 2 : r->n - 1, .rows = !last_kept};
    p.count = r->size[p.last];
    p.final = p.last <= 1;
    for (int d = 0; d < p.last; d++) p.outer *= r->size[d];
    return p;
}

static int64_t aligned(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

static int64_t size_of(int32_t dtype)
{
    return (int64_t)hoop_dtype_size((hoop_dtype)dtype);
}

/* ---- a pass by all threads ---- */

enum { CALL_WEIGHT = 256 /* of a row, or a kernel's call (hoop_threads_share) */ };

typedef struct job {
    hoop_fold_fn *fold; /* one of these */
    hoop_stat_fn *stat;
    hoop_arg_fn  *arg;
    double        param;
    bool          add;
    pass          p;
    const char   *from;
    char         *to;
    int64_t       size, to_size, weight; /* of an element; its work */
} job;

static void kernel(const job *j, int64_t rows, int64_t cols, const char *x, int64_t ld, char *y)
{
    if (j->fold != NULL)
        j->fold(rows, cols, x, ld, y, j->add);
    else if (j->stat != NULL)
        j->stat(rows, cols, x, ld, j->param, y);
    else
        j->arg(rows, cols, x, ld, (int64_t *)(void *)y);
}

static void rows_range(const void *ctx, int64_t begin, int64_t n)
{
    const job *j = ctx;
    kernel(j, n, j->p.count, j->from + begin * j->p.count * j->size, j->p.count, j->to + begin * j->to_size);
}

/* of (outer, inner) results */
static void cols_range(const void *ctx, int64_t begin, int64_t n)
{
    const job  *j = ctx;
    const pass *p = &j->p;
    int64_t     o = begin / p->inner, col = begin % p->inner;
    for (int64_t m; n > 0; n -= m, o++, col = 0) {
        m = p->inner - col < n ? p->inner - col : n;
        kernel(j, p->count, m, j->from + (o * p->count * p->inner + col) * j->size, p->inner,
               j->to + (o * p->inner + col) * j->to_size);
    }
}

static void run(const hoop_call *c, const job *j)
{
    const pass *p = &j->p;
    if (p->rows)
        hoop_threads_share(c->threads, p->outer, CALL_WEIGHT + p->count * j->weight, 1, rows_range, j);
    else
        hoop_threads_share(c->threads, p->outer * p->inner, 1 + p->count * j->weight + CALL_WEIGHT / p->inner, 64, cols_range, j);
}

/* ---- folds ---- */

static hoop_fold_fn *fold_of(const hoop_call *c, int kind, int32_t dtype, bool rows)
{
    if (kind == HOOP_REDUCE_SUM && dtype <= HOOP_F64) return rows ? c->kernels->sum_rows[dtype] : c->kernels->sum_cols[dtype];
    if (kind == HOOP_REDUCE_MAX && dtype <= HOOP_F64) return rows ? c->kernels->max_rows[dtype] : c->kernels->max_cols[dtype];
    return rows ? c->kernels->reduce->fold_rows[kind][dtype] : c->kernels->reduce->fold_cols[kind][dtype];
}

/* Partial results in two halves, so that no pass reads what it writes; passes after the first need less. */
int64_t hoop__fold_workspace(const hoop_call *c)
{
    const int        kind = c->op->kernel;
    const hoop_view *x    = c->in[0];
    hoop_view        as;
    reduce_attrs     a;
    runs             r;
    pass             p;
    int64_t          bytes = 0;
    if (hoop__view_numel(x) == 0) return 0;
    if (!lies(x, c->attrs, &as, &a)) {
        bytes = aligned(hoop__view_numel(x) * size_of(x->dtype));
        as    = *x;
        a     = *(const reduce_attrs *)c->attrs;
    }
    r = runs_of(&as, &a);
    if (r.n < 3) return bytes;
    p = pass_of(&r);
    return p.final ? bytes
                   : bytes + 2 * aligned(p.outer * p.inner * size_of((int32_t)hoop_reduce_dtype(kind, (hoop_dtype)x->dtype)));
}

/* nothing is reduced but dims of size 1 (one row), or there is nothing to be reduced (none) */
static void fold_rows_of(const hoop_call *c, int kind, const void *x, int64_t rows)
{
    job j    = {.fold    = fold_of(c, kind, c->in[0]->dtype, false),
                .add     = c->add,
                .from    = x,
                .to      = c->out->data,
                .size    = size_of(c->in[0]->dtype),
                .to_size = size_of(c->out->dtype)};
    j.p      = (pass){.outer = 1, .count = rows, .inner = hoop__view_numel(c->out)};
    j.weight = j.size;
    run(c, &j);
}

/* Rows reduced: in one pass; leading dims reduced: by columns; anything else: one pass for each run of reduced dims, from the
 * last, through the workspace. */
hoop_status hoop__fold(const hoop_call *c)
{
    const int        kind = c->op->kernel;
    const hoop_view *x = c->in[0], *y = c->out;
    int64_t          numel = hoop__view_numel(x), half = 0;
    char            *work = c->work;
    hoop_view        as;
    reduce_attrs     a;
    runs             r;
    job              j     = {.weight = size_of(x->dtype)};
    int32_t          dtype = x->dtype;
    if (hoop__view_numel(y) == 0) return HOOP_OK;
    if (numel == 0) {
        fold_rows_of(c, kind, NULL, 0);
        return HOOP_OK;
    }
    if (!lies(x, c->attrs, &as, &a)) {
        hoop__copy(c, x, work);
        a       = *(const reduce_attrs *)c->attrs;
        as      = *x;
        as.data = work;
        work += aligned(numel * size_of(x->dtype));
    }
    r      = runs_of(&as, &a);
    j.from = as.data;
    if (r.n == 0 || (r.n == 1 && !r.folds[0])) {
        if (kind <= HOOP_REDUCE_MAX && dtype <= HOOP_F64)
            hoop__copy_rows(c, 1, numel * size_of(dtype), as.data, 0, y->data, 0);
        else
            fold_rows_of(c, kind, as.data, 1);
        return HOOP_OK;
    }
    for (int number = 0;; number++) {
        pass p = j.p = pass_of(&r);
        j.fold       = fold_of(c, kind, dtype, p.rows);
        j.size       = size_of(dtype);
        dtype        = (int32_t)hoop_reduce_dtype(kind, (hoop_dtype)dtype);
        j.to_size    = size_of(dtype);
        if (number == 0) half = aligned(p.outer * p.inner * j.to_size);
        j.to  = p.final ? y->data : work + number % 2 * half;
        j.add = p.final && c->add;
        run(c, &j);
        if (p.final) return HOOP_OK;
        j.from = j.to;
        r.n    = p.last;
        r.size[p.last - 1] *= p.inner; /* the kept runs on both sides become one */
    }
}

/* ---- stats and places: one pass, of rows or of columns ---- */

static bool one_pass(const runs *r)
{
    int folds = 0;
    for (int d = 0; d < r->n; d++) folds += r->folds[d];
    return folds <= 1;
}

static int64_t pass_workspace(const hoop_call *c, bool in_order)
{
    const hoop_view *x = c->in[0];
    hoop_view        as;
    reduce_attrs     a;
    if (lies(x, c->attrs, &as, &a) && (!in_order || lies_in_order(x, c->attrs))) {
        runs r = runs_of(&as, &a);
        if (one_pass(&r)) return 0;
    }
    return hoop__view_numel(x) * size_of(x->dtype);
}

int64_t hoop__stat_workspace(const hoop_call *c)
{
    return pass_workspace(c, false);
}

int64_t hoop__place_workspace(const hoop_call *c)
{
    return pass_workspace(c, true);
}

void hoop__reduced_rows(const hoop_call *c, const hoop_view *x, void *work)
{
    const reduce_attrs *a = c->attrs;
    hoop_view           v = {.data = x->data, .dtype = x->dtype};
    for (int kept = 1; kept >= 0; kept--) {
        for (int d = 0; d < x->ndim; d++) {
            if (hoop__reduces(a, d) == (kept == 1)) continue;
            v.shape[v.ndim]    = x->shape[d];
            v.stride[v.ndim++] = x->stride[d];
        }
    }
    hoop__copy(c, &v, work);
}

/* in the rows copied to the workspace, or as it lies: kept, reduced, kept */
static void one_pass_run(const hoop_call *c, job *rows, job *cols, bool in_order)
{
    const hoop_view *x = c->in[0];
    job             *j = rows;
    hoop_view        as;
    reduce_attrs     a;
    runs             r = {.n = HOOP_MAX_DIMS};
    if (hoop__view_numel(c->out) == 0) return;
    if (lies(x, c->attrs, &as, &a) && (!in_order || lies_in_order(x, c->attrs))) r = runs_of(&as, &a);
    rows->from = x->data;
    rows->p    = (pass){.outer = hoop__view_numel(c->out), .count = hoop__reduced_count(x, c->attrs), .inner = 1, .rows = true};
    if (r.n == HOOP_MAX_DIMS || !one_pass(&r)) {
        hoop__reduced_rows(c, x, c->work);
        rows->from = c->work;
    } else if (rows->p.count > 1 && hoop__view_numel(x) > 0 && !r.folds[r.n - 1]) {
        j       = cols;
        j->p    = pass_of(&r);
        j->from = x->data;
    }
    j->to      = c->out->data;
    j->size    = size_of(x->dtype);
    j->to_size = size_of(c->out->dtype);
    run(c, j);
}

hoop_status hoop__stat(const hoop_call *c, int kind, double param)
{
    const hoop_reduce_kernels *k      = c->kernels->reduce;
    int64_t                    weight = (kind == HOOP_STAT_LOGSUMEXP ? 8 : 2) * size_of(c->in[0]->dtype);
    job                        rows   = {.stat = k->stat_rows[kind][c->in[0]->dtype], .param = param, .weight = weight},
        cols                          = {.stat = k->stat_cols[kind][c->in[0]->dtype], .param = param, .weight = weight};
    one_pass_run(c, &rows, &cols, false);
    return HOOP_OK;
}

hoop_status hoop__place(const hoop_call *c, bool smallest)
{
    const hoop_reduce_kernels *k      = c->kernels->reduce;
    int64_t                    weight = 2 * size_of(c->in[0]->dtype);
    job                        rows   = {.arg = k->arg_rows[smallest][c->in[0]->dtype], .weight = weight},
        cols                          = {.arg = k->arg_cols[smallest][c->in[0]->dtype], .weight = weight};
    one_pass_run(c, &rows, &cols, true);
    return HOOP_OK;
}

/* ---- backward, references ---- */

hoop_tensor *hoop__with_dims(hoop_backward_call *b, hoop_tensor *y)
{
    const reduce_attrs *a = b->attrs;
    int64_t             shape[HOOP_MAX_DIMS];
    int                 ndim = hoop_tensor_ndim(b->in[0]);
    for (int d = 0; d < ndim; d++) shape[d] = hoop__reduces(a, d) ? 1 : hoop_tensor_size(b->in[0], d);
    return hoop_reshape(b->t, y, ndim, shape);
}

void hoop__reduce_walk(const hoop_call *c, void (*visit)(void *ctx, int64_t to, int64_t k, double v), void *ctx)
{
    const reduce_attrs *a = c->attrs;
    const hoop_view    *x = c->in[0];
    for (int64_t i = 0, n = hoop__view_numel(x); i < n; i++) {
        int64_t rest = i, to = 0, step = 1, k = 0, k_step = 1;
        for (int d = x->ndim - 1; d >= 0; d--) {
            int64_t at = rest % x->shape[d];
            rest /= x->shape[d];
            if (hoop__reduces(a, d)) {
                k += at * k_step;
                k_step *= x->shape[d];
            } else {
                to += at * step;
                step *= x->shape[d];
            }
        }
        visit(ctx, to, k, hoop__at(x, i));
    }
}
