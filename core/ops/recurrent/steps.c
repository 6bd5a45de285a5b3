/*
 * The steps of a recurrent layer, forward and backward.
 *
 * What does not wait for the step before stands outside: x W^T of all steps is one product (hoop_linear), and so are the
 * gradients of x and of both weights. Here a step is h W^T, with W in panels that are packed once a call, and the cell
 * (kernels/recurrent.c). Rows are independent: each thread takes its share of them through all steps.
 */
#include "ops/recurrent/recurrent.h"

#include <string.h>

enum { PANEL = HOOP_GEMM_PANEL, SPREAD = 16 /* elements behind a row, so that rows do not crowd into one set of the cache */ };

static int64_t size_of(const hoop__sequence *s)
{
    return (int64_t)hoop_dtype_size(s->dtype);
}

static int64_t aligned(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

/* Cut into parts, and lay out the workspace from `work` on; returns its bytes. */
static int64_t lay_out(hoop__sequence *s, char *work)
{
    const hoop_cell *a  = &s->all;
    const int64_t    gh = s->grad ? s->k : s->n, size = size_of(s), threads = hoop_threads_count(s->c->threads);
    const hoop_gemm  step = {.tb = true, .m = a->rows, .n = s->n, .k = s->k};
    char            *at   = work;
    int64_t          sizes[4];
    s->kernel = hoop__gemm_kernel(s->c->kernels, s->c->blas, s->dtype);
    s->packed = s->kernel != NULL && a->steps > 3; /* of fewer, W is read once where it lies */
    s->parts  = s->kernel == NULL || (double)a->rows * (double)a->steps * (double)s->n * (double)s->k < 65536.0 ? 1 : threads;
    if (s->parts > a->rows) s->parts = a->rows > 0 ? a->rows : 1;
    s->all.g_row  = gh + SPREAD;
    s->all.h_row  = a->hidden + SPREAD;
    s->work_bytes = aligned(hoop_gemm_work_bytes(&step));
    sizes[0]      = aligned(a->hidden * size);
    sizes[1]      = s->packed ? aligned((s->n + PANEL - 1) / PANEL * PANEL * s->k * size) : 0;
    sizes[2]      = aligned(a->rows * s->all.g_row * size);
    sizes[3]      = aligned(a->rows * s->all.h_row * size);
    if (work != NULL) {
        s->zeros  = at, at += sizes[0];
        s->panels = at, at += sizes[1];
        s->g      = at, at += sizes[2];
        s->h      = at, at += sizes[3];
        s->work   = at;
    }
    return sizes[0] + sizes[1] + sizes[2] + sizes[3] + s->parts * s->work_bytes;
}

/* panels first .. first + count - 1: columns of op(W), k rows of PANEL each */
static void panels_pack(const void *ctx, int64_t first, int64_t count)
{
    const hoop__sequence *s    = ctx;
    const int64_t         size = size_of(s), h = s->all.hidden;
    for (int64_t j = first * PANEL; j < s->n && j < (first + count) * PANEL; j += PANEL) {
        const int64_t cols = s->n - j < PANEL ? s->n - j : PANEL;
        for (int64_t l = 0; l < s->k; l++) {
            char *to = s->panels + (j * s->k + l * PANEL) * size;
            if (s->grad) { /* columns of W lie side by side */
                memcpy(to, (const char *)s->w + (l * h + j) * size, (size_t)(cols * size));
            } else if (s->dtype == HOOP_F32) {
                const float *w = (const float *)s->w + j * h + l;
                for (int64_t i = 0; i < cols; i++) ((float *)(void *)to)[i] = w[i * h];
            } else {
                const double *w = (const double *)s->w + j * h + l;
                for (int64_t i = 0; i < cols; i++) ((double *)(void *)to)[i] = w[i * h];
            }
        }
    }
}

/* rows first .. first + m - 1 of out (m, n) = or += a (m, k) op(W); forward with the bias */
static hoop_status step_product(const hoop__sequence *s, int64_t first, int64_t m, void *work)
{
    const int64_t size = size_of(s), a_row = s->grad ? s->all.g_row : s->all.h_row, c_row = s->grad ? s->all.h_row : s->all.g_row;
    char         *a = (s->grad ? s->g : s->h) + first * a_row * size, *out = (s->grad ? s->h : s->g) + first * c_row * size;
    hoop_gemm     g = {.tb   = !s->grad,
                       .m    = m,
                       .n    = s->n,
                       .k    = s->k,
                       .a    = a,
                       .lda  = a_row,
                       .b    = s->w,
                       .ldb  = s->all.hidden,
                       .c    = out,
                       .ldc  = c_row,
                       .add  = s->grad,
                       .bias = s->bias};
    hoop_gemm_args blas;
    if (s->kernel == NULL) {
        blas = (hoop_gemm_args){.dtype = s->dtype,
                                .tb    = g.tb,
                                .add   = g.add,
                                .m     = m,
                                .n     = g.n,
                                .k     = g.k,
                                .a     = a,
                                .b     = g.b,
                                .c     = out,
                                .lda   = a_row,
                                .ldb   = g.ldb,
                                .ldc   = c_row,
                                .batch = 1,
                                .bias  = g.bias};
        return hoop__gemm(s->c, &blas, NULL);
    }
    if (!s->packed) {
        s->kernel(&g, work);
        return HOOP_OK;
    }
    g.tb  = false;
    g.ldb = PANEL;
    for (int64_t j = 0; j < s->n; j += PANEL) {
        g.n    = s->n - j < PANEL ? s->n - j : PANEL;
        g.b    = s->panels + j * s->k * size;
        g.c    = out + j * size;
        g.bias = s->bias == NULL ? NULL : (const char *)s->bias + j * size;
        s->kernel(&g, work);
    }
    return HOOP_OK;
}

/* element 0 of row `first` of an array of `width` elements a row */
static void *row_of(const hoop__sequence *s, const void *x, int64_t width, int64_t first)
{
    return x == NULL ? NULL : (char *)(uintptr_t)x + first * width * size_of(s);
}

static hoop_cell cell_of(const hoop__sequence *s, int64_t first, int64_t rows)
{
    const hoop_cell *a = &s->all;
    const int64_t    h = a->hidden, seq = a->steps * h, gh = s->grad ? s->k : s->n;
    hoop_cell        c = *a;
    c.rows             = rows;
    c.length           = a->length == NULL ? NULL : a->length + first;
    c.g                = row_of(s, s->g, a->g_row, first);
    c.h                = row_of(s, s->h, a->h_row, first);
    c.c                = row_of(s, a->c, h, first);
    c.x                = row_of(s, a->x, a->steps * gh, first);
    c.y                = row_of(s, a->y, seq, first);
    c.gates            = row_of(s, a->gates, 4 * seq, first);
    c.cells            = row_of(s, a->cells, seq, first);
    c.h0               = row_of(s, a->h0, h, first);
    c.c0               = row_of(s, a->c0, h, first);
    c.dy               = row_of(s, a->dy, seq, first);
    c.dx               = row_of(s, a->dx, a->steps * gh, first);
    c.dg               = row_of(s, a->dg, a->steps * gh, first);
    c.zeros            = s->zeros;
    return c;
}

/* rows of h, `spread` apart, from or to (rows, H); from NULL: zeros */
static void rows_begin(const hoop__sequence *s, int64_t first, int64_t rows, const void *from, char *to, int64_t to_row)
{
    const int64_t bytes = s->all.hidden * size_of(s);
    for (int64_t r = first; r < first + rows; r++) {
        if (from == NULL)
            memset(to + r * to_row * size_of(s), 0, (size_t)bytes);
        else
            memcpy(to + r * to_row * size_of(s), (const char *)from + r * bytes, (size_t)bytes);
    }
}

/* the state that each step of these rows began with */
static void states_before(const hoop__sequence *s, int64_t first, int64_t rows)
{
    const hoop_cell *a     = &s->all;
    const int64_t    bytes = a->hidden * size_of(s);
    for (int64_t r = first; r < first + rows; r++) {
        const int64_t live = a->length == NULL ? a->steps : a->length[r];
        for (int64_t t = 0; t < a->steps; t++) {
            const int64_t b    = s->reverse ? t + 1 : t - 1;
            const void   *from = b >= 0 && b < live ? (const char *)a->y + (r * a->steps + b) * bytes : NULL;
            if (from == NULL) from = a->h0 == NULL ? s->zeros : (const char *)a->h0 + r * bytes;
            memcpy((char *)s->before + (r * a->steps + t) * bytes, from, (size_t)bytes);
        }
    }
}

static hoop_status part_steps(const hoop__sequence *s, int64_t part)
{
    const hoop_cell *a     = &s->all;
    const int64_t    first = part * a->rows / s->parts, rows = (part + 1) * a->rows / s->parts - first,
                  bytes = a->hidden * size_of(s);
    char       *work    = s->work + part * s->work_bytes;
    hoop_cell   c       = cell_of(s, first, rows);
    hoop_status st      = HOOP_OK;
    rows_begin(s, first, rows, s->first_h, s->h, a->h_row);
    if (a->c != NULL) rows_begin(s, first, rows, s->first_c, a->c, a->hidden);
    for (int64_t i = 0; i < a->steps && st == HOOP_OK; i++) {
        c.at     = s->reverse != s->grad ? a->steps - 1 - i : i;
        c.before = s->reverse ? c.at + 1 : c.at - 1;
        if (!s->grad) st = step_product(s, first, rows, work);
        s->cell(&c);
        if (s->grad) st = step_product(s, first, rows, work);
    }
    for (int64_t r = first; r < first + rows; r++)
        memcpy((char *)s->last_h + r * bytes, s->h + r * a->h_row * size_of(s), (size_t)bytes);
    if (s->before != NULL) states_before(s, first, rows);
    return st;
}

static void part_run(void *ctx, int64_t part)
{
    (void)part_steps(ctx, part); /* a kernel of hoop's own does not fail */
}

static hoop_status lengths_fine(const hoop_call *c, const hoop__sequence *s)
{
    for (int64_t r = 0; r < s->all.rows && s->all.length != NULL; r++) {
        const int64_t n = s->all.length[r];
        if (n < 0 || n > s->all.steps)
            return hoop_fail(c->err, HOOP_ERANGE, "length %lld of row %lld is not between 0 and %lld", (long long)n, (long long)r,
                             (long long)s->all.steps);
    }
    return HOOP_OK;
}

int64_t hoop__sequence_bytes(hoop__sequence s)
{
    return lay_out(&s, NULL);
}

hoop_status hoop__sequence_run(hoop__sequence *s)
{
    hoop_status st = lengths_fine(s->c, s);
    if (st != HOOP_OK) return st;
    (void)lay_out(s, s->c->work);
    memset(s->zeros, 0, (size_t)(s->all.hidden * size_of(s)));
    if (s->packed) hoop_threads_share(s->c->threads, (s->n + PANEL - 1) / PANEL, 8 * PANEL * s->k, 1, panels_pack, s);
    if (s->kernel == NULL) return part_steps(s, 0);
    hoop_threads_run(s->c->threads, s->parts, part_run, s);
    return HOOP_OK;
}
