/*
 * The kernels of attention. A strip is STRIP queries of a head by all keys up to the last that one of them may look at: its
 * scores are one product, each row's probabilities one pass, its outputs another product. Nothing is rescaled on the way, and
 * nothing of the size T x S is held. Masked keys within a strip add exact zeros to sums that are chains, so that neither the
 * strip's end nor its height shows in forward's bits. Backward makes the probabilities again from what is kept of each row, and
 * adds the gradients of a head's keys and values strip by strip, in ascending order.
 *
 * Dropout multiplies each row's probabilities by a mask that is a function of key, head and query; backward makes it again, a row
 * at a time.
 *
 * Sizes of strips follow from the shape alone. Threads share strips (forward) or heads of keys (backward).
 */
#include "ops/attention/attention.h"
#include "ops/random/random.h"
#include "runtime/blas.h"

#include <string.h>

enum {
    STRIP       = 64,
    FEW_QUERIES = 8,    /* of a head of keys: these are not worth arranging keys and values for */
    SMALL       = 65536 /* products of as many terms are not worth waking a thread */
};

/* what a part (a thread) works with, by its place in the part's workspace */
typedef struct part_plan {
    int64_t keys, keys_turned, values, values_turned, dkeys, dvalues, query, dy, kept, scores, dscores, ones, drop, gemm, bytes;
} part_plan;

typedef struct job {
    const hoop_call              *c;
    hoop__attention               x;
    const hoop_attention_kernels *kernels;
    hoop_dtype                    dtype;
    int64_t                       size, height, strips, group, ld; /* height of a strip; heads of queries a head of keys */
    int64_t                       parts;
    bool                          backward, arranged;
    hoop_key                      key; /* of dropout */
    part_plan                     at;
    hoop_view                     dy, grad[3];
} job;

/* rows of a matrix, ld elements apart */
typedef struct matrix {
    const char *at;
    int64_t     ld;
} matrix;

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t room(const job *j, int64_t *bytes, int64_t elements)
{
    int64_t at = *bytes;
    *bytes += (elements * j->size + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
    return at;
}

/* a product by the calling thread alone */
static hoop_call alone(const hoop_call *c)
{
    hoop_call one = *c;
    one.threads   = NULL;
    return one;
}

static void product(const job *j, hoop_gemm_args g, void *work)
{
    const hoop_call one = alone(j->c);
    g.dtype             = j->dtype;
    g.batch             = 1;
    (void)hoop__gemm(&one, &g, work); /* sizes were checked */
}

static int64_t largest_work(const job *j)
{
    const int64_t   m = j->height, s = j->x.s, d = j->x.d, e = j->x.e;
    const hoop_call one  = alone(j->c);
    hoop_gemm_args  g[]  = {{.m = m, .n = s, .k = d}, {.m = m, .n = e, .k = s}, {.m = m, .n = s, .k = e},
                            {.m = m, .n = d, .k = s}, {.m = s, .n = d, .k = m}, {.m = s, .n = e, .k = m}};
    int64_t         most = 0;
    for (int i = 0; i < (j->backward ? 6 : 2); i++) {
        int64_t bytes;
        g[i].dtype = j->dtype;
        g[i].batch = 1;
        bytes      = hoop__gemm_work_bytes(&one, &g[i]);
        if (bytes > most) most = bytes;
    }
    return most / j->size + 1;
}

static bool rows_fit(const hoop_view *x)
{
    return (x->stride[3] == 1 || x->shape[3] == 1) && (x->stride[1] >= x->shape[3] || x->shape[1] == 1);
}

static void plan_part(job *j)
{
    const hoop__attention *x  = &j->x;
    part_plan             *at = &j->at;
    at->bytes                 = 0;
    at->scores                = room(j, &at->bytes, j->height * j->ld);
    at->query                 = room(j, &at->bytes, j->height * x->d);
    at->gemm                  = room(j, &at->bytes, largest_work(j));
    if (j->arranged) at->keys_turned = room(j, &at->bytes, x->d * j->ld);
    if (j->arranged && !j->backward) at->values = room(j, &at->bytes, x->s * x->e);
    if (!j->backward) return;
    if (x->a->p > 0.0) {
        at->ones = room(j, &at->bytes, j->ld);
        at->drop = room(j, &at->bytes, j->ld);
    }
    at->dscores       = room(j, &at->bytes, j->height * j->ld);
    at->dy            = room(j, &at->bytes, j->height * x->e);
    at->kept          = room(j, &at->bytes, j->height * 2);
    at->keys          = room(j, &at->bytes, x->s * x->d);
    at->values_turned = room(j, &at->bytes, x->e * j->ld);
    at->dkeys         = room(j, &at->bytes, x->s * x->d);
    at->dvalues       = room(j, &at->bytes, x->s * x->e);
}

/* keys of a strip where no lengths are given: what it costs */
static int64_t strip_keys(const job *j, int64_t strip)
{
    const hoop__attention *x    = &j->x;
    int64_t                last = at_most((strip + 1) * j->height, x->t), keys = x->s;
    if (x->a->causal == HOOP_CAUSAL_START) keys = at_most(last, x->s);
    if (x->a->causal == HOOP_CAUSAL_END) keys = x->s - x->t + last;
    return keys < 1 ? 1 : keys;
}

static int64_t head_cost(const job *j)
{
    int64_t cost = 0;
    for (int64_t s = 0; s < j->strips; s++) cost += strip_keys(j, s);
    return cost;
}

static job job_of(const hoop_call *c, bool backward)
{
    const hoop__attention_attrs *a = c->attrs;
    job              j = {.c = c, .backward = backward, .kernels = c->kernels->attention, .dtype = (hoop_dtype)c->out->dtype};
    int64_t          items, threads = hoop_threads_count(c->threads);
    hoop__attention *x = &j.x;
    *x                 = hoop__attention_of(c->in, a);
    j.size             = (int64_t)hoop_dtype_size(j.dtype);
    if (a->p > 0.0 && c->key != NULL) j.key = hoop__random_key(c, a->site, a->call);
    j.height = at_most(STRIP, x->t);
    j.strips = j.height > 0 ? (x->t + j.height - 1) / j.height : 0;
    j.group  = x->heads / x->kv;
    j.ld     = ((x->s + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN) + 16; /* not whole pages: rows would share sets of the cache */
    j.arranged = backward || x->t * j.group > FEW_QUERIES || !rows_fit(&x->k) || !rows_fit(&x->v);
    items      = x->n * (backward ? x->kv : x->heads * j.strips);
    j.parts    = threads < items ? threads : items;
    if ((double)x->n * (double)x->heads * (double)x->t * (double)x->s * (double)(x->d + x->e) < (double)SMALL)
        j.parts = at_most(1, items);
    if (backward) {
        const hoop_view *grads[3] = {&c->out[0], c->nout > 1 ? &c->out[1] : NULL, c->nout > 2 ? &c->out[2] : NULL};
        hoop__attention_parts(grads, a, j.grad);
        j.dy = *c->in[c->nin - 1];
    }
    plan_part(&j);
    return j;
}

/* rows first .. first + n - 1 of a head of x (N, T, H, D) of sample i: where they lie, or copied */
static matrix rows_of(const job *j, const hoop_view *x, int64_t i, int64_t head, int64_t first, int64_t n, char *copy)
{
    const int64_t width = x->shape[3];
    const char   *at    = (const char *)x->data + (i * x->stride[0] + first * x->stride[1] + head * x->stride[2]) * j->size;
    if ((x->stride[3] == 1 || width == 1) && (x->stride[1] >= width || n == 1))
        return (matrix){at, x->stride[1] >= width ? x->stride[1] : width};
    for (int64_t r = 0; r < n; r++)
        j->c->kernels->copy[j->dtype](width, at + r * x->stride[1] * j->size, x->stride[3], copy + r * width * j->size, 1);
    return (matrix){copy, width};
}

/* all rows of a head of x, one behind the other */
static void take_rows(const job *j, const hoop_view *x, int64_t i, int64_t head, char *to)
{
    const int64_t n = x->shape[1], width = x->shape[3];
    const char   *at = (const char *)x->data + (i * x->stride[0] + head * x->stride[2]) * j->size;
    for (int64_t r = 0; r < n; r++)
        j->c->kernels->copy[j->dtype](width, at + r * x->stride[1] * j->size, x->stride[3], to + r * width * j->size, 1);
}

/* their transpose (D, S; ld) */
static void take_turned(const job *j, const hoop_view *x, int64_t i, int64_t head, char *to)
{
    const int64_t n = x->shape[1], width = x->shape[3];
    const char   *at = (const char *)x->data + (i * x->stride[0] + head * x->stride[2]) * j->size;
    if (x->stride[3] == 1) {
        j->kernels->turn[j->dtype](n, width, at, x->stride[1], to, j->ld);
        return;
    }
    for (int64_t d = 0; d < width; d++)
        j->c->kernels->copy[j->dtype](n, at + d * x->stride[3] * j->size, x->stride[1], to + d * j->ld * j->size, 1);
}

/* what rows of a head look at */
static hoop_attention_strip strip_of(const job *j, int64_t i, int64_t head, int64_t first, int64_t rows)
{
    const hoop__attention *x = &j->x;
    hoop_attention_strip   s = {.rows = rows, .ld = j->ld, .scale = x->scale};
    s.limit                  = hoop__attention_limit(x, i, first);
    s.slope                  = x->a->causal == HOOP_CAUSAL_NONE ? 0 : 1;
    s.keys                   = at_most(s.limit + (rows - 1) * s.slope, hoop__attention_end(x, i));
    if (s.keys < 0) s.keys = 0;
    if (x->a->mask == HOOP_MASK_ADDED || x->a->mask == HOOP_MASK_KEPT) {
        const int64_t *step = x->mask_stride;
        s.mask              = (int)x->a->mask;
        s.masks             = (const char *)x->mask->data +
                  (i * step[0] + head * step[1] + first * step[2]) * (int64_t)hoop_dtype_size((hoop_dtype)x->mask->dtype);
        s.mask_row = step[2];
        s.mask_key = step[3];
    }
    return s;
}

/* scores of a strip's queries */
static void scores_make(const job *j, char *work, const hoop_attention_strip *s, int64_t i, int64_t head, matrix q)
{
    hoop_gemm_args g = {.m = s->rows, .n = s->keys, .k = j->x.d, .a = q.at, .lda = q.ld, .c = work + j->at.scores, .ldc = j->ld};
    matrix         k = {work + j->at.keys_turned, j->ld};
    if (!j->arranged) k = rows_of(j, &j->x.k, i, head / j->group, 0, j->x.s, NULL);
    g.b   = k.at;
    g.ldb = k.ld;
    g.tb  = !j->arranged;
    product(j, g, work + j->at.gemm);
}

/* where forward keeps two numbers of each of the rows from `first` on */
static char *kept_of(const job *j, int64_t i, int64_t head, int64_t first)
{
    return (char *)j->c->out[1].data + ((i * j->x.heads + head) * j->x.t + first) * 2 * j->size;
}

/* in backward: these, whatever their strides */
static const char *kept_again(const job *j, int64_t i, int64_t head, int64_t first, int64_t rows, char *copy)
{
    const hoop_view *x  = j->c->in[j->c->nin - 2];
    const char      *at = (const char *)x->data + (i * x->stride[0] + head * x->stride[1] + first * x->stride[2]) * j->size;
    if (x->stride[3] == 1 && x->stride[2] == 2) return at;
    for (int64_t r = 0; r < rows; r++)
        j->c->kernels->copy[j->dtype](2, at + r * x->stride[2] * j->size, x->stride[3], copy + r * 2 * j->size, 1);
    return copy;
}

/* y = x times the mask of dropout, of the first n probabilities of a query */
static void drop_row(const job *j, int64_t i, int64_t head, int64_t t, int64_t n, const void *x, void *y)
{
    const double p = j->x.a->p;
    j->c->kernels->dropout[j->dtype](hoop__attention_number(&j->x, i, head, t), n, x, p, 1.0 / (1.0 - p), j->key, y, false);
}

/* keys that row r of a strip looks at; the others' probabilities are 0 */
static int64_t row_keys(const hoop_attention_strip *s, int64_t r)
{
    const int64_t n = s->limit + r * s->slope;
    return n < 0 ? 0 : at_most(n, s->keys);
}

static void strip_forward(const job *j, char *work, int64_t i, int64_t head, int64_t first)
{
    const hoop__attention     *x    = &j->x;
    const int64_t              rows = at_most(j->height, x->t - first);
    const hoop_attention_strip s    = strip_of(j, i, head, first, rows);
    const matrix               q    = rows_of(j, &x->q, i, head, first, rows, work + j->at.query);
    matrix                     v    = {work + j->at.values, x->e};
    if (!j->arranged) v = rows_of(j, &x->v, i, head / j->group, 0, x->s, NULL);
    scores_make(j, work, &s, i, head, q);
    j->kernels->forward[j->dtype](&s, work + j->at.scores, kept_of(j, i, head, first));
    for (int64_t r = 0; r < rows && x->a->p > 0.0; r++) {
        void *row = work + j->at.scores + r * j->ld * j->size;
        drop_row(j, i, head, first + r, row_keys(&s, r), row, row);
    }
    product(j,
            (hoop_gemm_args){.m   = rows,
                             .n   = x->e,
                             .k   = s.keys,
                             .a   = work + j->at.scores,
                             .lda = j->ld,
                             .b   = v.at,
                             .ldb = v.ld,
                             .c   = (char *)j->c->out[0].data + ((i * x->t + first) * x->heads + head) * x->e * j->size,
                             .ldc = x->heads * x->e},
            work + j->at.gemm);
}

/* the first strip, counted through all heads, before which there is as much work */
static int64_t strip_at(const job *j, int64_t work, int64_t per_head)
{
    int64_t strip = 0, rest = work % per_head;
    for (int64_t done = 0; done < rest && strip < j->strips; strip++) done += strip_keys(j, strip);
    return work / per_head * j->strips + strip;
}

static void forward_part(void *ctx, int64_t part)
{
    const job             *j   = ctx;
    const hoop__attention *x   = &j->x;
    const int64_t          per = head_cost(j), all = per * x->n * x->heads;
    const int64_t          end    = strip_at(j, (part + 1) * all / j->parts, per);
    char                  *work   = (char *)j->c->work + part * j->at.bytes;
    int64_t                loaded = -1;
    for (int64_t item = strip_at(j, part * all / j->parts, per); item < end; item++) {
        const int64_t of = item / j->strips, i = of / x->heads, head = of % x->heads, keys = i * x->kv + head / j->group;
        if (j->arranged && keys != loaded) {
            take_turned(j, &x->k, i, head / j->group, work + j->at.keys_turned);
            take_rows(j, &x->v, i, head / j->group, work + j->at.values);
            loaded = keys;
        }
        strip_forward(j, work, i, head, item % j->strips * j->height);
    }
}

/* BLAS counts to 2^31 - 1, and so do lengths of samples what they can */
static hoop_status check(const job *j)
{
    const hoop__attention *x    = &j->x;
    const int64_t          most = INT32_MAX;
    const hoop_view       *v[]  = {&x->q, &x->k, &x->v};
    bool                   fits = x->t <= most && j->ld <= most && x->heads * x->d <= most && x->heads * x->e <= most;
    for (int p = 0; p < 3; p++) fits &= v[p]->stride[1] <= most;
    if (!fits && hoop__gemm_kernel(j->c->kernels, j->c->blas, j->dtype) == NULL)
        return hoop_fail(j->c->err, HOOP_ESIZE, "%lld queries, %lld keys: BLAS counts to 2^31 - 1", (long long)x->t,
                         (long long)x->s);
    for (int64_t i = 0; i < x->n && x->a->mask == HOOP_MASK_LENGTHS; i++) {
        int64_t end = hoop__attention_end(x, i);
        if (end < 0 || end > x->s)
            return hoop_fail(j->c->err, HOOP_ERANGE, "sample %lld has %lld keys, and there are %lld", (long long)i,
                             (long long)end, (long long)x->s);
    }
    return HOOP_OK;
}

hoop_status hoop__attention_forward(const hoop_call *c)
{
    job         j  = job_of(c, false);
    hoop_status st = check(&j);
    if (st == HOOP_OK && j.parts > 0) hoop_threads_run(c->threads, j.parts, forward_part, &j);
    return st;
}

int64_t hoop__attention_workspace(const hoop_call *c)
{
    job j = job_of(c, false);
    return j.parts * j.at.bytes;
}

/* attention's backward of a strip of which p is dropped: what reaches a probability, and what it gave, are times its mask */
static void rows_backward(const job *j, char *work, const hoop_attention_strip *s, int64_t i, int64_t head, int64_t first,
                          char *p, char *ds, const char *kept)
{
    hoop_binary_fn *const times = j->c->kernels->binary[HOOP_BINARY_mul][j->dtype];
    char                 *drop  = work + j->at.drop, *x, *d;
    for (int64_t r = 0; r < s->rows; r++) {
        hoop_attention_strip one = *s;
        const int64_t        n   = row_keys(s, r);
        one.rows                 = 1;
        one.limit                = s->limit + r * s->slope;
        if (s->masks != NULL)
            one.masks = (const char *)s->masks + r * s->mask_row * (int64_t)hoop_dtype_size((hoop_dtype)j->x.mask->dtype);
        x = p + r * j->ld * j->size;
        d = ds + r * j->ld * j->size;
        drop_row(j, i, head, first + r, n, work + j->at.ones, drop);
        times(n, d, 1, drop, 1, d, false);
        j->kernels->backward[j->dtype](&one, x, d, kept + 2 * r * j->size);
        times(n, x, 1, drop, 1, x, false);
    }
}

static void strip_backward(const job *j, char *work, int64_t i, int64_t head, int64_t first)
{
    const hoop__attention     *x    = &j->x;
    const part_plan           *at   = &j->at;
    const int64_t              rows = at_most(j->height, x->t - first);
    const hoop_attention_strip s    = strip_of(j, i, head, first, rows);
    const matrix               q    = rows_of(j, &x->q, i, head, first, rows, work + at->query);
    const matrix               dy   = rows_of(j, &j->dy, i, head, first, rows, work + at->dy);
    const hoop_view           *dq   = &j->grad[0];
    char       *dq_at = (char *)dq->data + (i * dq->stride[0] + first * dq->stride[1] + head * dq->stride[2]) * j->size;
    char       *p = work + at->scores, *ds = work + at->dscores;
    const char *kept;
    scores_make(j, work, &s, i, head, q);
    product(j,
            (hoop_gemm_args){.m   = rows,
                             .n   = s.keys,
                             .k   = x->e,
                             .a   = dy.at,
                             .lda = dy.ld,
                             .b   = work + at->values_turned,
                             .ldb = j->ld,
                             .c   = ds,
                             .ldc = j->ld},
            work + at->gemm);
    kept = kept_again(j, i, head, first, rows, work + at->kept);
    if (x->a->p > 0.0)
        rows_backward(j, work, &s, i, head, first, p, ds, kept);
    else
        j->kernels->backward[j->dtype](&s, p, ds, kept);
    product(j,
            (hoop_gemm_args){.m   = rows,
                             .n   = x->d,
                             .k   = s.keys,
                             .a   = ds,
                             .lda = j->ld,
                             .b   = work + at->keys,
                             .ldb = x->d,
                             .c   = dq_at,
                             .ldc = dq->stride[1]},
            work + at->gemm);
    product(j,
            (hoop_gemm_args){.ta  = true,
                             .add = true,
                             .m   = s.keys,
                             .n   = x->d,
                             .k   = rows,
                             .a   = ds,
                             .lda = j->ld,
                             .b   = q.at,
                             .ldb = q.ld,
                             .c   = work + at->dkeys,
                             .ldc = x->d},
            work + at->gemm);
    product(j,
            (hoop_gemm_args){.ta  = true,
                             .add = true,
                             .m   = s.keys,
                             .n   = x->e,
                             .k   = rows,
                             .a   = p,
                             .lda = j->ld,
                             .b   = dy.at,
                             .ldb = dy.ld,
                             .c   = work + at->dvalues,
                             .ldc = x->e},
            work + at->gemm);
}

/* the gradients of a head of keys, to their places */
static void give_rows(const job *j, const hoop_view *x, int64_t i, int64_t head, const char *from)
{
    const int64_t bytes = x->shape[3] * j->size;
    char         *to    = (char *)x->data + (i * x->stride[0] + head * x->stride[2]) * j->size;
    for (int64_t r = 0; r < x->shape[1]; r++) memcpy(to + r * x->stride[1] * j->size, from + r * bytes, (size_t)bytes);
}

static void backward_part(void *ctx, int64_t part)
{
    const job             *j   = ctx;
    const hoop__attention *x   = &j->x;
    const part_plan       *at  = &j->at;
    const int64_t          all = x->n * x->kv, end = (part + 1) * all / j->parts;
    char                  *work = (char *)j->c->work + part * at->bytes;
    if (x->a->p > 0.0) {
        const float  f32 = 1.0F;
        const double f64 = 1.0;
        j->c->kernels->copy[j->dtype](x->s, j->dtype == HOOP_F32 ? (const void *)&f32 : (const void *)&f64, 0, work + at->ones,
                                      1);
    }
    for (int64_t item = part * all / j->parts; item < end; item++) {
        const int64_t i = item / x->kv, kv = item % x->kv;
        take_turned(j, &x->k, i, kv, work + at->keys_turned);
        take_rows(j, &x->k, i, kv, work + at->keys);
        take_turned(j, &x->v, i, kv, work + at->values_turned);
        memset(work + at->dkeys, 0, (size_t)(x->s * x->d * j->size));
        memset(work + at->dvalues, 0, (size_t)(x->s * x->e * j->size));
        for (int64_t head = kv * j->group; head < (kv + 1) * j->group; head++)
            for (int64_t strip = 0; strip < j->strips; strip++) strip_backward(j, work, i, head, strip * j->height);
        give_rows(j, &j->grad[1], i, kv, work + at->dkeys);
        give_rows(j, &j->grad[2], i, kv, work + at->dvalues);
    }
}

hoop_status hoop__attention_backward(const hoop_call *c)
{
    job         j  = job_of(c, true);
    hoop_status st = check(&j);
    if (st == HOOP_OK && j.parts > 0) hoop_threads_run(c->threads, j.parts, backward_part, &j);
    return st;
}

int64_t hoop__attention_backward_workspace(const hoop_call *c)
{
    job j = job_of(c, true);
    return j.parts * j.at.bytes;
}
