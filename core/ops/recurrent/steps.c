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

/* bytes of a weight's panels */
static int64_t panel_bytes(const hoop__sequence *s, const hoop__weight *w)
{
    if (!s->packed || w->w == NULL) return 0;
    return aligned((w->n + PANEL - 1) / PANEL * PANEL * w->k * size_of(s));
}

static int64_t product_bytes(const hoop_cell *a, const hoop__weight *w)
{
    const hoop_gemm step = {.tb = true, .m = a->rows, .n = w->n, .k = w->k};
    return w->w == NULL ? 0 : aligned(hoop_gemm_work_bytes(&step));
}

/* Cut into parts, and lay out the workspace from `work` on; returns its bytes. */
static int64_t lay_out(hoop__sequence *s, char *work)
{
    const hoop_cell *a    = &s->all;
    const int64_t    size = size_of(s), threads = hoop_threads_count(s->c->threads), units = a->hidden;
    const int64_t    gh = s->grad ? s->w.k : s->w.n, bytes[2] = {product_bytes(a, &s->w), product_bytes(a, &s->r)};
    char            *at = work;
    int64_t          sizes[6], all = 0;
    s->kernel = hoop__gemm_kernel(s->c->kernels, s->c->blas, s->dtype);
    s->packed = s->kernel != NULL && a->steps > 3; /* of fewer, W is read once where it lies */
    s->parts  = s->kernel == NULL || (double)a->rows * (double)a->steps * (double)s->w.n * (double)s->w.k < 65536.0 ? 1 : threads;
    if (s->parts > a->rows) s->parts = a->rows > 0 ? a->rows : 1;
    s->all.g_row  = gh + SPREAD;
    s->all.h_row  = s->width + SPREAD;
    s->work_bytes = bytes[0] > bytes[1] ? bytes[0] : bytes[1];
    sizes[0]      = aligned((units > s->width ? units : s->width) * size);
    sizes[1]      = panel_bytes(s, &s->w);
    sizes[2]      = panel_bytes(s, &s->r);
    sizes[3]      = aligned(a->rows * s->all.g_row * size);
    sizes[4]      = aligned(a->rows * s->all.h_row * size);
    sizes[5]      = s->r.w == NULL ? 0 : aligned(a->rows * (units + SPREAD) * size);
    if (work != NULL) {
        s->zeros    = at, at += sizes[0];
        s->w.panels = at, at += sizes[1];
        s->r.panels = at, at += sizes[2];
        s->g        = at, at += sizes[3];
        s->h        = at, at += sizes[4];
        s->u        = at, at += sizes[5];
        s->work     = at;
    }
    for (int i = 0; i < 6; i++) all += sizes[i];
    return all + s->parts * s->work_bytes;
}

typedef struct packing {
    const hoop__sequence *s;
    const hoop__weight   *w;
} packing;

/* panels first .. first + count - 1: columns of op(W), k rows of PANEL each */
static void panels_pack(const void *ctx, int64_t first, int64_t count)
{
    const packing      *p    = ctx;
    const hoop__weight *v    = p->w;
    const int64_t       size = size_of(p->s), ld = v->ld;
    for (int64_t j = first * PANEL; j < v->n && j < (first + count) * PANEL; j += PANEL) {
        const int64_t cols = v->n - j < PANEL ? v->n - j : PANEL;
        for (int64_t l = 0; l < v->k; l++) {
            char *to = v->panels + (j * v->k + l * PANEL) * size;
            if (!v->turned) { /* columns of W lie side by side */
                memcpy(to, (const char *)v->w + (l * ld + j) * size, (size_t)(cols * size));
            } else if (p->s->dtype == HOOP_F32) {
                const float *w = (const float *)v->w + j * ld + l;
                for (int64_t i = 0; i < cols; i++) ((float *)(void *)to)[i] = w[i * ld];
            } else {
                const double *w = (const double *)v->w + j * ld + l;
                for (int64_t i = 0; i < cols; i++) ((double *)(void *)to)[i] = w[i * ld];
            }
        }
    }
}

/* out (m, n; out_row) = or += a (m, k; a_row) op(W) + bias */
static hoop_status multiply(const hoop__sequence *s, const hoop__weight *w, int64_t m, const void *a, int64_t a_row, void *out,
                            int64_t out_row, bool add, void *work)
{
    const int64_t  size = size_of(s);
    hoop_gemm      g    = {.tb   = w->turned,
                           .m    = m,
                           .n    = w->n,
                           .k    = w->k,
                           .a    = a,
                           .lda  = a_row,
                           .b    = w->w,
                           .ldb  = w->ld,
                           .c    = out,
                           .ldc  = out_row,
                           .add  = add,
                           .bias = w->bias};
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
                                .ldc   = out_row,
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
    for (int64_t j = 0; j < w->n; j += PANEL) {
        g.n    = w->n - j < PANEL ? w->n - j : PANEL;
        g.b    = w->panels + j * w->k * size;
        g.c    = (char *)out + j * size;
        g.bias = w->bias == NULL ? NULL : (const char *)w->bias + j * size;
        s->kernel(&g, work);
    }
    return HOOP_OK;
}

/* of rows first .. first + m - 1: forward g = h W^T + bias, in backward h += g W */
static hoop_status step_product(const hoop__sequence *s, int64_t first, int64_t m, void *work)
{
    const int64_t size = size_of(s), g_row = s->all.g_row, h_row = s->all.h_row;
    char         *g = s->g + first * g_row * size, *h = s->h + first * h_row * size;
    if (s->grad) return multiply(s, &s->w, m, g, g_row, h, h_row, true, work);
    return multiply(s, &s->w, m, h, h_row, g, g_row, false, work);
}

/* element 0 of row `first` of an array of `width` elements a row */
static void *row_of(const hoop__sequence *s, const void *x, int64_t width, int64_t first)
{
    return x == NULL ? NULL : (char *)(uintptr_t)x + first * width * size_of(s);
}

static hoop_cell cell_of(const hoop__sequence *s, int64_t first, int64_t rows)
{
    const hoop_cell *a = &s->all;
    const int64_t    h = a->hidden, seq = a->steps * h, gh = s->grad ? s->w.k : s->w.n;
    hoop_cell        c = *a;
    c.rows             = rows;
    c.length           = a->length == NULL ? NULL : a->length + first;
    c.g                = row_of(s, s->g, a->g_row, first);
    c.h_row            = s->r.w == NULL ? a->h_row : h + SPREAD;
    c.h                = row_of(s, s->r.w == NULL ? s->h : s->u, c.h_row, first);
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

/* rows of `width` elements, to_row apart, from (rows, width); from NULL: zeros */
static void rows_begin(const hoop__sequence *s, int64_t first, int64_t rows, int64_t width, const void *from, char *to,
                       int64_t to_row)
{
    const int64_t bytes = width * size_of(s);
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
    const int64_t    bytes = s->width * size_of(s);
    for (int64_t r = first; r < first + rows; r++) {
        const int64_t live = a->length == NULL ? a->steps : a->length[r];
        for (int64_t t = 0; t < a->steps; t++) {
            const int64_t b    = s->reverse ? t + 1 : t - 1;
            const void   *from = b >= 0 && b < live ? (const char *)s->y + (r * a->steps + b) * bytes : NULL;
            if (from == NULL) from = a->h0 == NULL ? s->zeros : (const char *)a->h0 + r * bytes;
            memcpy((char *)s->before + (r * a->steps + t) * bytes, from, (size_t)bytes);
        }
    }
}

/* ---- projected states ---- */

static bool still(const hoop_cell *a, int64_t r, int64_t at)
{
    return a->length != NULL && a->length[r] <= at;
}

/* h and y of a step from what the cell made, u */
static hoop_status project(const hoop__sequence *s, int64_t first, int64_t rows, int64_t at, void *work)
{
    const hoop_cell *a    = &s->all;
    const int64_t    size = size_of(s), u_row = a->hidden + SPREAD, step = s->width * size, row = a->steps * step;
    char            *y  = (char *)s->y + first * row + at * step;
    hoop_status      st = multiply(s, &s->r, rows, s->u + first * u_row * size, u_row, y, a->steps * s->width, false, work);
    for (int64_t r = first; r < first + rows; r++, y += row) {
        if (still(a, r, at))
            memset(y, 0, (size_t)step);
        else
            memcpy(s->h + r * a->h_row * size, y, (size_t)step);
    }
    return st;
}

/* in backward: the gradient of a step's h, kept, and turned back to that of u */
static hoop_status project_back(const hoop__sequence *s, int64_t first, int64_t rows, int64_t at, void *work)
{
    const hoop_cell      *a    = &s->all;
    const int64_t         size = size_of(s), u_row = a->hidden + SPREAD, step = s->width * size, row = a->steps * step;
    char                 *d   = (char *)s->dproj + first * row + at * step;
    hoop_binary_fn *const add = s->c->kernels->binary[HOOP_BINARY_add][s->dtype];
    for (int64_t r = first; r < first + rows; r++) {
        char *to = (char *)s->dproj + r * row + at * step, *h = s->h + r * a->h_row * size;
        if (still(a, r, at)) {
            memset(to, 0, (size_t)step);
            continue;
        }
        memcpy(to, h, (size_t)step);
        memset(h, 0, (size_t)step);
        if (s->dy != NULL) add(s->width, to, 1, (const char *)s->dy + r * row + at * step, 1, to, false);
    }
    return multiply(s, &s->r, rows, d, a->steps * s->width, s->u + first * u_row * size, u_row, false, work);
}

static hoop_status part_steps(const hoop__sequence *s, int64_t part)
{
    const hoop_cell *a     = &s->all;
    const int64_t    first = part * a->rows / s->parts, rows = (part + 1) * a->rows / s->parts - first,
                  bytes = s->width * size_of(s);
    char       *work    = s->work + part * s->work_bytes;
    hoop_cell   c       = cell_of(s, first, rows);
    hoop_status st      = HOOP_OK;
    rows_begin(s, first, rows, s->width, s->first_h, s->h, a->h_row);
    if (a->c != NULL) rows_begin(s, first, rows, a->hidden, s->first_c, a->c, a->hidden);
    for (int64_t i = 0; i < a->steps && st == HOOP_OK; i++) {
        c.at     = s->reverse != s->grad ? a->steps - 1 - i : i;
        c.before = s->reverse ? c.at + 1 : c.at - 1;
        if (!s->grad) st = step_product(s, first, rows, work);
        if (s->grad && s->r.w != NULL) st = project_back(s, first, rows, c.at, work);
        s->cell(&c);
        if (!s->grad && s->r.w != NULL && st == HOOP_OK) st = project(s, first, rows, c.at, work);
        if (s->grad && st == HOOP_OK) st = step_product(s, first, rows, work);
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
    memset(s->zeros, 0, (size_t)((s->all.hidden > s->width ? s->all.hidden : s->width) * size_of(s)));
    for (int i = 0; i < 2 && s->packed; i++) {
        const packing p = {s, i == 0 ? &s->w : &s->r};
        if (p.w->w != NULL)
            hoop_threads_share(s->c->threads, (p.w->n + PANEL - 1) / PANEL, 8 * PANEL * p.w->k, 1, panels_pack, &p);
    }
    if (s->kernel == NULL) return part_steps(s, 0);
    hoop_threads_run(s->c->threads, s->parts, part_run, s);
    return HOOP_OK;
}
