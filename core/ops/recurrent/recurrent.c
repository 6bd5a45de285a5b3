/*
 * recurrent: the steps of one recurrent layer in one direction, and the fused op that is their gradient.
 *
 * What does not wait for the step before stands outside: x W^T of all steps is one product (hoop_linear), and so are the
 * gradients of x and of both weights. Here a step is h W^T, with W in panels that are packed once a call, and the cell
 * (kernels/recurrent.c). Rows are independent: each thread takes its share of them through all steps.
 */
#include "hoop/ops.h"
#include "kernels/recurrent.h"
#include "ops/shape.h"
#include "runtime/blas.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

extern const hoop_op hoop__op_recurrent, hoop__op_recurrent_grad;

/* which of its inputs a call has: flags are 0 or 1 */
typedef struct recurrent_attrs {
    int64_t kind, reverse, bias, h0, c0, lengths;
} recurrent_attrs;
#define FIELDS(of)                                                                                                               \
    {"kind", 'i', offsetof(recurrent_attrs, kind)}, {"reverse", 'i', offsetof(recurrent_attrs, reverse)},                        \
        {"bias", 'i', offsetof(recurrent_attrs, bias)}, {"h0", 'i', offsetof(recurrent_attrs, h0)},                              \
        {"c0", 'i', offsetof(recurrent_attrs, c0)},                                                                              \
    {                                                                                                                            \
        "lengths", 'i', offsetof(recurrent_attrs, lengths)                                                                       \
    }
static const hoop_field fields[] = {FIELDS(recurrent_attrs)};

/* the gradient: and which of those of the outputs came */
typedef struct grad_attrs {
    recurrent_attrs of;
    int64_t         dy, dh, dc;
} grad_attrs;
static const hoop_field grad_fields[] = {FIELDS(grad_attrs),
                                         {"dy", 'i', offsetof(grad_attrs, dy)},
                                         {"dh", 'i', offsetof(grad_attrs, dh)},
                                         {"dc", 'i', offsetof(grad_attrs, dc)}};

int64_t hoop_cell_gates(hoop_cell_kind kind)
{
    return kind == HOOP_LSTM ? 4 : kind == HOOP_GRU ? 3 : 1;
}

/* outputs: y, h, then of LSTM c, gates, cells, of GRU gates. Inputs: x, w, then b, h0, c0, lengths, as far as the call has them
 */
enum { X, W, Y = 0, LAST_H = 1 };
typedef struct places {
    int b, h0, c0, lengths; /* -1: none */
} places;

static places places_of(const recurrent_attrs *a)
{
    int    n = 2;
    places p;
    p.b       = a->bias != 0 ? n++ : -1;
    p.h0      = a->h0 != 0 ? n++ : -1;
    p.c0      = a->c0 != 0 ? n++ : -1;
    p.lengths = a->lengths != 0 ? n++ : -1;
    return p;
}

static int gates_at(int64_t kind)
{
    return kind == HOOP_LSTM ? 3 : kind == HOOP_GRU ? 2 : -1;
}

static int recurrent_nouts(int nin, const void *attrs)
{
    const int64_t kind = ((const recurrent_attrs *)attrs)->kind;
    (void)nin;
    return kind == HOOP_LSTM ? 5 : kind == HOOP_GRU ? 3 : 2;
}

static uint64_t recurrent_reads(const void *attrs, int nin)
{
    const recurrent_attrs *a = attrs;
    const places           p = places_of(a);
    uint64_t               r = HOOP_READS_IN(W) | HOOP_READS_OUT(Y);
    (void)nin;
    if (p.h0 >= 0) r |= HOOP_READS_IN(p.h0);
    if (p.c0 >= 0) r |= HOOP_READS_IN(p.c0);
    if (p.lengths >= 0) r |= HOOP_READS_IN(p.lengths);
    if (a->kind == HOOP_LSTM) r |= HOOP_READS_OUT(3) | HOOP_READS_OUT(4);
    if (a->kind == HOOP_GRU) r |= HOOP_READS_OUT(2);
    return r;
}

/**
 * hoop_recurrent - the steps of a recurrent layer in one direction.
 * Shape   x (N, T, G H) inputs' share of the gates' sums, w (G H, H), b (G H) or NULL; h0, c0 (N, H), lengths i64 (N) or NULL ->
 *         y (N, T, H), last h (N, H), of an LSTM last c (N, H)
 * Value   s = x_t + w h + b. tanh, relu: h' = f(s). LSTM: c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c').
 *         GRU: u = tanh(x_n + r (w_n h + b_n)), h' = (1 - z) u + z h with r, z = sigmoid. y_t = h'; past a row's length 0
 * Grad    dx, dh0, dc0: the fused op recurrent_grad; dw = sum over rows and steps of ds^T h, db the same of ds
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (kind), HOOP_ERANGE (lengths)
 * Source  Elman, Cognitive Science 1990; Hochreiter & Schmidhuber, Neural Computation 1997, with forget gates (Gers et al. 2000);
 * Cho et al., EMNLP 2014, in the form that resets the product
 */
hoop_tensor *hoop_recurrent(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop_recurrent_opts *o,
                            hoop_tensor **outs)
{
    static const hoop_recurrent_opts zero  = {0};
    hoop_tensor                     *in[6] = {x, w}, *out[5] = {&t->poison, &t->poison, &t->poison}, *y;
    int                              n = 2;
    recurrent_attrs                  a;
    if (o == NULL) o = &zero;
    a = (recurrent_attrs){o->kind, o->reverse, b != NULL, o->h0 != NULL, o->c0 != NULL, o->lengths != NULL};
    if (b != NULL) in[n++] = b;
    if (o->h0 != NULL) in[n++] = o->h0;
    if (o->c0 != NULL) in[n++] = o->c0;
    if (o->lengths != NULL) in[n++] = o->lengths;
    y = hoop_op_call(t, &hoop__op_recurrent, in, n, &a, out);
    for (int j = 0; j < (o->kind == HOOP_LSTM ? 3 : 2) && outs != NULL; j++) outs[j] = out[j];
    return y;
}

static hoop_status flags_fine(hoop_shape_call *s, const recurrent_attrs *a, int inputs)
{
    const places p = places_of(a);
    if (a->kind < 0 || a->kind >= HOOP_CELLS) return hoop_fail(s->err, HOOP_EARG, "no kind %lld of cell", (long long)a->kind);
    for (int i = 0; i < 5; i++) {
        const int64_t flag = (const int64_t[]){a->reverse, a->bias, a->h0, a->c0, a->lengths}[i];
        if (flag != 0 && flag != 1) return hoop_fail(s->err, HOOP_EARG, "flags are 0 or 1, not %lld", (long long)flag);
    }
    if (a->c0 != 0 && a->kind != HOOP_LSTM) return hoop_fail(s->err, HOOP_EARG, "c0 is an LSTM's");
    if (s->nin != inputs)
        return hoop_fail(s->err, HOOP_EARG, "%d inputs where the call says %d (b %d, h0 %d, c0 %d, lengths %d)", s->nin, inputs,
                         p.b, p.h0, p.c0, p.lengths);
    return HOOP_OK;
}

/* input i is a float (or lengths i64) of the shape */
static hoop_status input_fine(hoop_shape_call *s, int i, const char *name, int dtype, int ndim, const int64_t *shape)
{
    const hoop_view *v = i < 0 ? NULL : s->in[i];
    hoop_view        want;
    if (v == NULL) return HOOP_OK;
    if (v->dtype != dtype)
        return hoop_fail(s->err, HOOP_EDTYPE, "%s is %s, and %s is wanted", name, hoop_dtype_name((hoop_dtype)v->dtype),
                         hoop_dtype_name((hoop_dtype)dtype));
    hoop__view_set(&want, (hoop_dtype)dtype, ndim, shape);
    if (hoop__same_shape(v, &want)) return HOOP_OK;
    if (ndim == 1) return hoop_fail(s->err, HOOP_ESHAPE, "%s (%lld) is wanted", name, (long long)shape[0]);
    if (ndim == 2)
        return hoop_fail(s->err, HOOP_ESHAPE, "%s (%lld, %lld) is wanted", name, (long long)shape[0], (long long)shape[1]);
    return hoop_fail(s->err, HOOP_ESHAPE, "%s (%lld, %lld, %lld) is wanted", name, (long long)shape[0], (long long)shape[1],
                     (long long)shape[2]);
}

static hoop_status recurrent_shape(hoop_shape_call *s)
{
    const recurrent_attrs *a  = s->attrs;
    const hoop_view       *x  = s->in[X];
    const places           p  = places_of(a);
    hoop_status            st = flags_fine(s, a, 2 + (int)(a->bias + a->h0 + a->c0 + a->lengths));
    int64_t                n, steps, h, g;
    if (st == HOOP_OK) st = hoop__check_float(s, X);
    if (st != HOOP_OK) return st;
    if (x->ndim != 3) return hoop_fail(s->err, HOOP_ESHAPE, "x (N, T, gates) is wanted, and it has %d dims", x->ndim);
    n     = x->shape[0];
    steps = x->shape[1];
    g     = hoop_cell_gates((hoop_cell_kind)a->kind);
    h     = x->shape[2] / g;
    if (steps < 1) return hoop_fail(s->err, HOOP_ESHAPE, "x has no steps, and at least one is wanted");
    if (h * g != x->shape[2] || h < 1)
        return hoop_fail(s->err, HOOP_ESHAPE, "the last size of x, %lld, is no multiple of its %lld gates",
                         (long long)x->shape[2], (long long)g);
    st = input_fine(s, W, "w", x->dtype, 2, (int64_t[]){g * h, h});
    if (st == HOOP_OK) st = input_fine(s, p.b, "b", x->dtype, 1, (int64_t[]){g * h});
    if (st == HOOP_OK) st = input_fine(s, p.h0, "h0", x->dtype, 2, (int64_t[]){n, h});
    if (st == HOOP_OK) st = input_fine(s, p.c0, "c0", x->dtype, 2, (int64_t[]){n, h});
    if (st == HOOP_OK) st = input_fine(s, p.lengths, "lengths", HOOP_I64, 1, &n);
    if (st != HOOP_OK) return st;
    hoop__view_set(&s->out[Y], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, h});
    hoop__view_set(&s->out[LAST_H], (hoop_dtype)x->dtype, 2, (int64_t[]){n, h});
    if (a->kind == HOOP_LSTM) {
        hoop__view_set(&s->out[2], (hoop_dtype)x->dtype, 2, (int64_t[]){n, h});
        hoop__view_set(&s->out[3], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, 4 * h});
        hoop__view_set(&s->out[4], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, h});
    }
    if (a->kind == HOOP_GRU) hoop__view_set(&s->out[2], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, 4 * h});
    return HOOP_OK;
}

/* ---- the steps, for both ops ---- */

enum { PANEL = HOOP_GEMM_PANEL, SPREAD = 16 /* elements behind a row, so that rows do not crowd into one set of the cache */ };

/* all rows through all steps: (rows, k) (k, n) a step */
typedef struct sequence {
    const hoop_call *c;
    hoop_cell        all;
    hoop_cell_fn    *cell;
    hoop_gemm_fn    *kernel; /* NULL: BLAS */
    hoop_dtype       dtype;
    bool             reverse, grad, packed;
    const void      *w, *bias; /* (G H, H), (G H) */
    int64_t          k, n;
    const void      *first_h, *first_c; /* what h and c begin with, (rows, H); NULL: 0 */
    void            *last_h;
    void            *before; /* (rows, steps, H): the state before each step; grad only */
    int64_t          parts;
    char            *zeros, *panels, *g, *h, *work;
    int64_t          work_bytes;
} sequence;

static int64_t size_of(const sequence *s)
{
    return (int64_t)hoop_dtype_size(s->dtype);
}

static int64_t aligned(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

/* Cut into parts, and lay out the workspace from `work` on; returns its bytes. */
static int64_t lay_out(sequence *s, char *work)
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
    const sequence *s    = ctx;
    const int64_t   size = size_of(s), h = s->all.hidden;
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
static hoop_status step_product(const sequence *s, int64_t first, int64_t m, void *work)
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
static void *row_of(const sequence *s, const void *x, int64_t width, int64_t first)
{
    return x == NULL ? NULL : (char *)(uintptr_t)x + first * width * size_of(s);
}

static hoop_cell cell_of(const sequence *s, int64_t first, int64_t rows)
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
static void rows_begin(const sequence *s, int64_t first, int64_t rows, const void *from, char *to, int64_t to_row)
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
static void states_before(const sequence *s, int64_t first, int64_t rows)
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

static hoop_status part_steps(const sequence *s, int64_t part)
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

static hoop_status lengths_fine(const hoop_call *c, const sequence *s)
{
    for (int64_t r = 0; r < s->all.rows && s->all.length != NULL; r++) {
        const int64_t n = s->all.length[r];
        if (n < 0 || n > s->all.steps)
            return hoop_fail(c->err, HOOP_ERANGE, "length %lld of row %lld is not between 0 and %lld", (long long)n, (long long)r,
                             (long long)s->all.steps);
    }
    return HOOP_OK;
}

static hoop_status sequence_run(sequence *s)
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

/* ---- forward ---- */

static const void *data_of(const hoop_call *c, int i)
{
    return i < 0 ? NULL : c->in[i]->data;
}

static sequence forward_of(const hoop_call *c)
{
    const recurrent_attrs *a = c->attrs;
    const hoop_view       *y = &c->out[Y];
    const places           p = places_of(a);
    const int64_t          h = y->shape[2];
    sequence               s = {.c       = c,
                                .dtype   = (hoop_dtype)y->dtype,
                                .cell    = c->kernels->recurrent->cell[a->kind][y->dtype],
                                .reverse = a->reverse != 0,
                                .w       = c->in[W]->data,
                                .bias    = data_of(c, p.b),
                                .k       = h,
                                .n       = c->in[W]->shape[0],
                                .first_h = data_of(c, p.h0),
                                .first_c = data_of(c, p.c0),
                                .last_h  = c->out[LAST_H].data};
    s.all                    = (hoop_cell){.rows   = y->shape[0],
                                           .hidden = h,
                                           .steps  = y->shape[1],
                                           .length = data_of(c, p.lengths),
                                           .x      = c->in[X]->data,
                                           .y      = y->data};
    if (a->kind == HOOP_LSTM) s.all.c = c->out[2].data, s.all.cells = c->out[4].data;
    if (gates_at(a->kind) >= 0) s.all.gates = c->out[gates_at(a->kind)].data;
    return s;
}

static int64_t recurrent_workspace(const hoop_call *c)
{
    sequence s = forward_of(c);
    return lay_out(&s, NULL);
}

static hoop_status recurrent_forward(const hoop_call *c)
{
    sequence s = forward_of(c);
    return sequence_run(&s);
}

static int samples_first(const hoop_samples_call *s, int w, int b)
{
    const hoop_dtype dtype = (hoop_dtype)s->out->dtype;
    if (hoop__gemm_kernel(s->kernels, s->blas, dtype) == NULL) return -1;
    for (int i = 0; i < s->nin; i++) {
        const bool weight = i == w || i == b;
        if (s->axis[i] != (weight ? -1 : 0)) return -1;
    }
    return 0;
}

static int recurrent_samples(const hoop_samples_call *s)
{
    const recurrent_attrs *a = s->attrs;
    return samples_first(s, W, places_of(a).b);
}

static double recurrent_flops(const hoop_call *c)
{
    return 2.0 * (double)hoop__view_numel(c->in[X]) * (double)c->in[W]->shape[1];
}

/* ---- backward ---- */

/* of recurrent_grad: w, y, gates, cells, h0, c0, lengths, dy, dh, dc, as far as the call has them -> dx, the states before, dh0,
 * then of LSTM dc0, of GRU the gradient of w h + b */
typedef struct grad_places {
    int gates, cells, h0, c0, lengths, dy, dh, dc, count;
} grad_places;
enum { GRAD_W, GRAD_Y, DX = 0, BEFORE = 1, DH0 = 2, MORE = 3 };

static grad_places grad_places_of(const grad_attrs *a)
{
    int         n = 2;
    grad_places p;
    p.gates   = gates_at(a->of.kind) >= 0 ? n++ : -1;
    p.cells   = a->of.kind == HOOP_LSTM ? n++ : -1;
    p.h0      = a->of.h0 != 0 ? n++ : -1;
    p.c0      = a->of.c0 != 0 ? n++ : -1;
    p.lengths = a->of.lengths != 0 ? n++ : -1;
    p.dy      = a->dy != 0 ? n++ : -1;
    p.dh      = a->dh != 0 ? n++ : -1;
    p.dc      = a->dc != 0 ? n++ : -1;
    p.count   = n;
    return p;
}

static int grad_nouts(int nin, const void *attrs)
{
    (void)nin;
    return gates_at(((const grad_attrs *)attrs)->of.kind) >= 0 ? 4 : 3;
}

static void recurrent_backward(hoop_backward_call *b)
{
    const recurrent_attrs *a    = b->attrs;
    const places           p    = places_of(a);
    const bool             lstm = a->kind == HOOP_LSTM;
    grad_attrs             g    = {.of = *a, .dy = b->dy[Y] != NULL, .dh = b->dy[LAST_H] != NULL, .dc = lstm && b->dy[2] != NULL};
    hoop_tensor           *in[10] = {b->in[W], b->out[Y]}, *out[4], *ds, *rows, *before;
    int64_t                gh = hoop_tensor_size(b->in[W], 0), h = hoop_tensor_size(b->in[W], 1);
    int64_t                all = hoop_tensor_size(b->out[Y], 0) * hoop_tensor_size(b->out[Y], 1);
    int                    n   = 2;
    if (gates_at(a->kind) >= 0) in[n++] = b->out[gates_at(a->kind)];
    if (lstm) in[n++] = b->out[4];
    if (p.h0 >= 0) in[n++] = b->in[p.h0];
    if (p.c0 >= 0) in[n++] = b->in[p.c0];
    if (p.lengths >= 0) in[n++] = b->in[p.lengths];
    if (g.dy != 0) in[n++] = b->dy[Y];
    if (g.dh != 0) in[n++] = b->dy[LAST_H];
    if (g.dc != 0) in[n++] = b->dy[2];
    hoop_op_call(b->t, &hoop__op_recurrent_grad, in, n, &g, out);
    ds = a->kind == HOOP_GRU ? out[MORE] : out[DX];
    hoop_pass(b, X, out[DX]);
    if (p.h0 >= 0) hoop_pass(b, p.h0, out[DH0]);
    if (p.c0 >= 0) hoop_pass(b, p.c0, out[MORE]);
    rows = hoop_reshape(b->t, ds, 2, (int64_t[]){all, gh}); /* (N T, G H) */
    if (hoop_needs(b, W)) {
        hoop_tensor *turned = hoop_transpose(b->t, rows, 0, 1);                        /* (G H, N T) */
        before              = hoop_reshape(b->t, out[BEFORE], 2, (int64_t[]){all, h}); /* (N T, H) */
        if (hoop_sink(b, W)) hoop_matmul(b->t, turned, before);                        /* (G H, H) */
    }
    if (p.b >= 0 && hoop_sink(b, p.b)) hoop_sum(b->t, rows, 1, false); /* (G H) */
}

static hoop_status grad_shape(hoop_shape_call *s)
{
    const grad_attrs *a  = s->attrs;
    const grad_places p  = grad_places_of(a);
    const hoop_view  *y  = s->in[GRAD_Y];
    hoop_status       st = flags_fine(s, &a->of, p.count);
    int64_t           n, steps, h, gh;
    for (int i = 0; i < 3 && st == HOOP_OK; i++) {
        const int64_t flag = (const int64_t[]){a->dy, a->dh, a->dc}[i];
        if (flag != 0 && flag != 1) return hoop_fail(s->err, HOOP_EARG, "flags are 0 or 1, not %lld", (long long)flag);
    }
    if (st == HOOP_OK && a->dc != 0 && a->of.kind != HOOP_LSTM) return hoop_fail(s->err, HOOP_EARG, "dc is an LSTM's");
    if (st == HOOP_OK) st = hoop__check_float(s, GRAD_Y);
    if (st != HOOP_OK) return st;
    if (y->ndim != 3 || y->shape[2] < 1)
        return hoop_fail(s->err, HOOP_ESHAPE, "y (N, T, H) is wanted, and it has %d dims", y->ndim);
    n     = y->shape[0];
    steps = y->shape[1];
    h     = y->shape[2];
    gh    = h * hoop_cell_gates((hoop_cell_kind)a->of.kind);
    st    = input_fine(s, GRAD_W, "w", y->dtype, 2, (int64_t[]){gh, h});
    if (st == HOOP_OK) st = input_fine(s, p.gates, "gates", y->dtype, 3, (int64_t[]){n, steps, 4 * h});
    if (st == HOOP_OK) st = input_fine(s, p.cells, "cells", y->dtype, 3, (int64_t[]){n, steps, h});
    if (st == HOOP_OK) st = input_fine(s, p.h0, "h0", y->dtype, 2, (int64_t[]){n, h});
    if (st == HOOP_OK) st = input_fine(s, p.c0, "c0", y->dtype, 2, (int64_t[]){n, h});
    if (st == HOOP_OK) st = input_fine(s, p.lengths, "lengths", HOOP_I64, 1, &n);
    if (st == HOOP_OK) st = input_fine(s, p.dy, "dy", y->dtype, 3, (int64_t[]){n, steps, h});
    if (st == HOOP_OK) st = input_fine(s, p.dh, "dh", y->dtype, 2, (int64_t[]){n, h});
    if (st == HOOP_OK) st = input_fine(s, p.dc, "dc", y->dtype, 2, (int64_t[]){n, h});
    if (st != HOOP_OK) return st;
    hoop__view_set(&s->out[DX], (hoop_dtype)y->dtype, 3, (int64_t[]){n, steps, gh});
    hoop__view_set(&s->out[BEFORE], (hoop_dtype)y->dtype, 3, (int64_t[]){n, steps, h});
    hoop__view_set(&s->out[DH0], (hoop_dtype)y->dtype, 2, (int64_t[]){n, h});
    if (a->of.kind == HOOP_LSTM) hoop__view_set(&s->out[MORE], (hoop_dtype)y->dtype, 2, (int64_t[]){n, h});
    if (a->of.kind == HOOP_GRU) hoop__view_set(&s->out[MORE], (hoop_dtype)y->dtype, 3, (int64_t[]){n, steps, gh});
    return HOOP_OK;
}

static sequence backward_of(const hoop_call *c)
{
    const grad_attrs *a = c->attrs;
    const grad_places p = grad_places_of(a);
    const hoop_view  *y = c->in[GRAD_Y];
    const int64_t     h = y->shape[2];
    sequence          s = {.c       = c,
                           .dtype   = (hoop_dtype)y->dtype,
                           .cell    = c->kernels->recurrent->cell_grad[a->of.kind][y->dtype],
                           .reverse = a->of.reverse != 0,
                           .grad    = true,
                           .w       = c->in[GRAD_W]->data,
                           .k       = c->in[GRAD_W]->shape[0],
                           .n       = h,
                           .first_h = data_of(c, p.dh),
                           .first_c = data_of(c, p.dc),
                           .last_h  = c->out[DH0].data,
                           .before  = c->out[BEFORE].data};
    s.all               = (hoop_cell){.rows   = y->shape[0],
                                      .hidden = h,
                                      .steps  = y->shape[1],
                                      .length = data_of(c, p.lengths),
                                      .y      = y->data,
                                      .gates  = (void *)(uintptr_t)data_of(c, p.gates),
                                      .cells  = (void *)(uintptr_t)data_of(c, p.cells),
                                      .h0     = data_of(c, p.h0),
                                      .c0     = data_of(c, p.c0),
                                      .dy     = data_of(c, p.dy),
                                      .dx     = c->out[DX].data};
    if (a->of.kind == HOOP_LSTM) s.all.c = c->out[MORE].data;
    if (a->of.kind == HOOP_GRU) s.all.dg = c->out[MORE].data;
    return s;
}

static int64_t grad_workspace(const hoop_call *c)
{
    sequence s = backward_of(c);
    return lay_out(&s, NULL);
}

static hoop_status grad_forward(const hoop_call *c)
{
    sequence s = backward_of(c);
    return sequence_run(&s);
}

static int grad_samples(const hoop_samples_call *s)
{
    return samples_first(s, GRAD_W, -1);
}

static double grad_flops(const hoop_call *c)
{
    return 2.0 * (double)hoop__view_numel(&c->out[DX]) * (double)c->in[GRAD_W]->shape[1];
}

/* ---- the same in primitive ops ---- */

/* (N, 1): 1 where a row has the step, 0 past its length */
static hoop_tensor *live_at(hoop_tape *t, hoop_tensor *lengths, hoop_dtype dtype, int64_t at)
{
    hoop_tensor *n    = hoop_cast(t, lengths, dtype);
    hoop_tensor *rows = hoop_reshape(t, n, 2, (int64_t[]){hoop_tensor_size(lengths, 0), 1});
    hoop_tensor *left = hoop_shift(t, rows, -(double)at), *less = hoop_shift(t, left, -1.0);
    hoop_tensor *a = hoop_relu(t, left), *b = hoop_relu(t, less);
    return hoop_sub(t, a, b);
}

/* the step's h of sums x + g (N, G H) and the state; *cell: LSTM's */
static hoop_tensor *cell_composite(hoop_tape *t, int64_t kind, hoop_tensor *x, hoop_tensor *g, hoop_tensor *h, hoop_tensor **cell)
{
    hoop_tensor *p[4], *q[4], *sum = kind == HOOP_GRU ? x : hoop_add(t, x, g), *r, *z, *u, *i, *f, *o;
    if (kind == HOOP_RNN_TANH) return hoop_tanh(t, sum);
    if (kind == HOOP_RNN_RELU) return hoop_relu(t, sum);
    hoop_split(t, sum, 1, (int)hoop_cell_gates((hoop_cell_kind)kind), NULL, p);
    if (kind == HOOP_LSTM) {
        i     = hoop_sigmoid(t, p[0]);
        f     = hoop_sigmoid(t, p[1]);
        u     = hoop_tanh(t, p[2]);
        o     = hoop_sigmoid(t, p[3]);
        r     = hoop_mul(t, f, *cell);
        z     = hoop_mul(t, i, u);
        *cell = hoop_add(t, r, z);
        return hoop_mul(t, o, hoop_tanh(t, *cell));
    }
    hoop_split(t, g, 1, 3, NULL, q);
    r = hoop_sigmoid(t, hoop_add(t, p[0], q[0]));
    z = hoop_sigmoid(t, hoop_add(t, p[1], q[1]));
    o = hoop_mul(t, r, q[2]);
    u = hoop_tanh(t, hoop_add(t, p[2], o));
    f = hoop_sub(t, h, u);
    i = hoop_mul(t, z, f);
    return hoop_add(t, u, i);
}

/* before where a row has ended, else now */
static hoop_tensor *kept(hoop_tape *t, hoop_tensor *live, hoop_tensor *before, hoop_tensor *now)
{
    hoop_tensor *change = hoop_sub(t, now, before);
    hoop_tensor *part   = hoop_mul(t, live, change);
    return hoop_add(t, before, part);
}

static void recurrent_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor **out)
{
    const recurrent_attrs *a     = attrs;
    const places           p     = places_of(a);
    const hoop_dtype       dtype = hoop_tensor_dtype(in[X]);
    const int64_t          n = hoop_tensor_size(in[X], 0), steps = hoop_tensor_size(in[X], 1), gh = hoop_tensor_size(in[X], 2);
    const int64_t          h    = hoop_tensor_size(in[W], 1);
    hoop_tensor           *zero = hoop_fill(t, dtype, 2, (int64_t[]){n, h}, 0.0), *b = p.b < 0 ? NULL : in[p.b];
    hoop_tensor           *state = p.h0 < 0 ? zero : in[p.h0], *cell = p.c0 < 0 ? zero : in[p.c0];
    hoop_tensor          **y = hoop__arena_alloc(&t->arena, steps * (int64_t)sizeof(hoop_tensor *));
    (void)nin;
    if (y == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "recurrent: no memory for %lld steps", (long long)steps);
        return;
    }
    for (int64_t i = 0; i < steps; i++) {
        const int64_t at    = a->reverse != 0 ? steps - 1 - i : i;
        hoop_tensor  *slice = hoop_slice(t, in[X], 1, at, 1), *x = hoop_reshape(t, slice, 2, (int64_t[]){n, gh});
        hoop_tensor  *g = hoop_linear(t, state, in[W], b), *c = cell, *now = cell_composite(t, a->kind, x, g, state, &c),
                    *shown = now;
        if (p.lengths >= 0) {
            hoop_tensor *live = live_at(t, in[p.lengths], dtype, at);
            now               = kept(t, live, state, now);
            shown             = hoop_mul(t, live, now);
            if (a->kind == HOOP_LSTM) c = kept(t, live, cell, c);
        }
        state = now;
        cell  = c;
        y[at] = hoop_reshape(t, shown, 3, (int64_t[]){n, 1, h});
    }
    out[Y]      = hoop_concat(t, y, (int)steps, 1);
    out[LAST_H] = state;
    if (a->kind == HOOP_LSTM) out[2] = cell;
}

/* ---- the same, naive ---- */

static double sigmoid_reference(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* gate k of w h + b */
static double gate_reference(const double *w, const double *b, const double *h, int64_t n, int64_t k)
{
    double sum = b == NULL ? 0.0 : b[k];
    for (int64_t l = 0; l < n; l++) sum += w[k * n + l] * h[l];
    return sum;
}

/* unit j of a step: its h; gates and cells as they are saved */
static double cell_reference(int64_t kind, int64_t n, int64_t j, const double *x, const double *w, const double *b,
                             const double *h, double *cell, double *gates)
{
    double g[4] = {0.0}, s[4] = {0.0};
    for (int64_t k = 0; k < hoop_cell_gates((hoop_cell_kind)kind); k++) {
        g[k] = gate_reference(w, b, h, n, k * n + j);
        s[k] = x[k * n + j] + g[k];
    }
    if (kind == HOOP_RNN_TANH) return tanh(s[0]);
    if (kind == HOOP_RNN_RELU) return s[0] > 0.0 ? s[0] : 0.0;
    if (kind == HOOP_LSTM) {
        for (int k = 0; k < 4; k++) gates[k * n + j] = k == 2 ? tanh(s[k]) : sigmoid_reference(s[k]);
        *cell = gates[n + j] * *cell + gates[j] * gates[2 * n + j];
        return gates[3 * n + j] * tanh(*cell);
    }
    gates[j]         = sigmoid_reference(s[0]);
    gates[n + j]     = sigmoid_reference(s[1]);
    gates[2 * n + j] = tanh(x[2 * n + j] + gates[j] * g[2]);
    gates[3 * n + j] = g[2];
    return (1.0 - gates[n + j]) * gates[2 * n + j] + gates[n + j] * h[j];
}

static double begin_reference(const hoop_call *c, int i, int64_t at)
{
    return i < 0 ? 0.0 : ((const double *)c->in[i]->data)[at];
}

static void recurrent_reference(const hoop_call *c)
{
    const recurrent_attrs *a = c->attrs;
    const places           p = places_of(a);
    const int64_t          n = c->out->shape[2], steps = c->out->shape[1], gh = c->in[W]->shape[0],
                  saved = gates_at(a->kind) < 0 ? 0 : 4 * n;
    const double *x = c->in[X]->data, *w = c->in[W]->data, *b = p.b < 0 ? NULL : c->in[p.b]->data;
    double       *y = c->out->data, *h = c->out[LAST_H].data, *cell = a->kind == HOOP_LSTM ? c->out[2].data : NULL;
    double       *gates = saved == 0 ? NULL : c->out[gates_at(a->kind)].data, *cells = cell == NULL ? NULL : c->out[4].data;
    for (int64_t r = 0; r < c->out->shape[0]; r++) {
        const int64_t live = p.lengths < 0 ? steps : ((const int64_t *)c->in[p.lengths]->data)[r];
        for (int64_t j = r * n; j < (r + 1) * n; j++) {
            h[j] = begin_reference(c, p.h0, j);
            if (cell != NULL) cell[j] = begin_reference(c, p.c0, j);
        }
        for (int64_t i = 0; i < steps; i++) {
            const int64_t t = r * steps + (a->reverse != 0 ? steps - 1 - i : i), at = t - r * steps;
            for (int64_t j = 0; j < saved; j++) gates[t * saved + j] = 0.0;
            for (int64_t j = 0; j < n; j++) {
                y[t * n + j] =
                    at >= live ? 0.0
                               : cell_reference(a->kind, n, j, x + t * gh, w, b, h + r * n,
                                                cell == NULL ? NULL : cell + r * n + j, gates == NULL ? NULL : gates + t * saved);
                if (cells != NULL) cells[t * n + j] = at >= live ? 0.0 : cell[r * n + j];
            }
            for (int64_t j = 0; j < n && at < live; j++) h[r * n + j] = y[t * n + j];
        }
    }
}

/* the gradient's step t (of all) of unit j: ds to dx and, of w h + b, to dg; what h gets past the product. last: the state before
 */
static double cell_grad_reference(int64_t kind, int64_t n, int64_t j, double d, double y, const double *gates,
                                  const double *cells, double last_h, double last_c, double *dc, double *dx, double *dg)
{
    if (kind == HOOP_RNN_TANH || kind == HOOP_RNN_RELU) {
        dx[j] = kind == HOOP_RNN_TANH ? d * (1.0 - y * y) : y > 0.0 ? d : 0.0;
        dg[j] = dx[j];
        return 0.0;
    }
    if (kind == HOOP_LSTM) {
        const double i = gates[j], f = gates[n + j], u = gates[2 * n + j], o = gates[3 * n + j], s = tanh(cells[j]);
        const double e = *dc + d * o * (1.0 - s * s);
        dx[j]          = e * u * i * (1.0 - i);
        dx[n + j]      = e * last_c * f * (1.0 - f);
        dx[2 * n + j]  = e * i * (1.0 - u * u);
        dx[3 * n + j]  = d * s * o * (1.0 - o);
        for (int k = 0; k < 4; k++) dg[k * n + j] = dx[k * n + j];
        *dc = e * f;
        return 0.0;
    }
    const double r = gates[j], z = gates[n + j], u = gates[2 * n + j];
    dx[2 * n + j] = d * (1.0 - z) * (1.0 - u * u);
    dx[j]         = dx[2 * n + j] * gates[3 * n + j] * r * (1.0 - r);
    dx[n + j]     = d * (last_h - u) * z * (1.0 - z);
    dg[j]         = dx[j];
    dg[n + j]     = dx[n + j];
    dg[2 * n + j] = dx[2 * n + j] * r;
    return d * z;
}

static void grad_reference(const hoop_call *c)
{
    const grad_attrs *a    = c->attrs;
    const grad_places p    = grad_places_of(a);
    const hoop_view  *view = c->in[GRAD_Y];
    const int64_t     n = view->shape[2], steps = view->shape[1], gh = c->in[GRAD_W]->shape[0];
    const double     *w = c->in[GRAD_W]->data, *y = view->data;
    double           *dx = c->out[DX].data, *before = c->out[BEFORE].data, *dh = c->out[DH0].data;
    double *dc = a->of.kind == HOOP_LSTM ? c->out[MORE].data : NULL, *dg = a->of.kind == HOOP_GRU ? c->out[MORE].data : dx;
    for (int64_t r = 0; r < view->shape[0]; r++) {
        const int64_t live = p.lengths < 0 ? steps : ((const int64_t *)c->in[p.lengths]->data)[r];
        for (int64_t j = r * n; j < (r + 1) * n; j++) {
            dh[j] = begin_reference(c, p.dh, j);
            if (dc != NULL) dc[j] = begin_reference(c, p.dc, j);
        }
        for (int64_t i = 0; i < steps; i++) {
            const int64_t at = a->of.reverse != 0 ? i : steps - 1 - i, t = r * steps + at,
                          b  = a->of.reverse != 0 ? at + 1 : at - 1;
            const bool begun = b >= 0 && b < live;
            double    *extra = before + t * n;
            for (int64_t j = 0; j < gh && at >= live; j++) dx[t * gh + j] = dg[t * gh + j] = 0.0;
            for (int64_t j = 0; j < n && at < live; j++) {
                const int64_t from = (r * steps + b) * n + j;
                extra[j] =
                    cell_grad_reference(a->of.kind, n, j, dh[r * n + j] + begin_reference(c, p.dy, t * n + j), y[t * n + j],
                                        p.gates < 0 ? NULL : (const double *)c->in[p.gates]->data + t * 4 * n,
                                        p.cells < 0 ? NULL : (const double *)c->in[p.cells]->data + t * n,
                                        begun ? y[from] : begin_reference(c, p.h0, r * n + j),
                                        begun ? begin_reference(c, p.cells, from) : begin_reference(c, p.c0, r * n + j),
                                        dc == NULL ? NULL : dc + r * n + j, dx + t * gh, dg + t * gh);
            }
            for (int64_t j = 0; j < n && at < live; j++) {
                dh[r * n + j] = extra[j];
                for (int64_t k = 0; k < gh; k++) dh[r * n + j] += dg[t * gh + k] * w[k * n + j];
            }
            for (int64_t j = 0; j < n; j++) extra[j] = begun ? y[(r * steps + b) * n + j] : begin_reference(c, p.h0, r * n + j);
        }
    }
}

/* ---- cases and rows ---- */

enum { TANH = HOOP_RNN_TANH, RELU = HOOP_RNN_RELU, LSTM = HOOP_LSTM, GRU = HOOP_GRU };
static const recurrent_attrs plain_tanh = {.kind = TANH}, tanh_all = {TANH, 1, 1, 1, 0, 1}, relu_bias = {RELU, 0, 1, 0, 0, 0},
                             plain_lstm = {.kind = LSTM}, lstm_bias = {.kind = LSTM, .bias = 1},
                             lstm_back = {LSTM, 1, 0, 0, 1, 0}, lstm_ends = {LSTM, 0, 0, 1, 1, 1},
                             lstm_all = {LSTM, 1, 1, 1, 1, 1}, plain_gru = {.kind = GRU}, gru_bias = {.kind = GRU, .bias = 1},
                             gru_all = {GRU, 1, 1, 1, 0, 1}, no_kind = {.kind = HOOP_CELLS}, no_flag = {.kind = TANH, .bias = 2},
                             c0_of_gru = {.kind = GRU, .c0 = 1}, turned = {TANH, 7, 0, 0, 0, 0};
static const hoop_case cases[] = {
    {"3x4x5 5x5", &plain_tanh},
    {"2x3x3 3x3 3 2x3 i64:2<4", &tanh_all},
    {"2x5x2 2x2 2", &relu_bias},
    {"2x5x12 12x3", &plain_lstm},
    {"3x2x4 4x1 4", &lstm_bias},
    {"2x3x8 8x2 2x2", &lstm_back},
    {"3x4x8 8x2 3x2 3x2 i64:3<5", &lstm_ends},
    {"2x3x8 8x2 8 2x2 2x2 i64:2<4", &lstm_all},
    {"3x5x9 9x3", &plain_gru},
    {"2x1x6 6x2 6", &gru_bias},
    {"3x4x6 6x2 6 3x2 i64:3<5", &gru_all},
    {"0x3x4 4x1", &plain_lstm},
    {"4x5x36 36x9", &plain_lstm},
    {"3x4x5 5x5", &no_kind, HOOP_EARG},
    {"3x4x5 5x5 5", &no_flag, HOOP_EARG},
    {"3x4x5 5x5", &turned, HOOP_EARG},
    {"3x4x6 6x2 3x2", &c0_of_gru, HOOP_EARG},
    {"3x4x5 5x5 5", &plain_tanh, HOOP_EARG},
    {"3x4 4x4", &plain_tanh, HOOP_ESHAPE},
    {"3x0x5 5x5", &plain_tanh, HOOP_ESHAPE},
    {"3x4x5 5x4", &plain_tanh, HOOP_ESHAPE},
    {"3x4x6 6x2", &plain_lstm, HOOP_ESHAPE},
    {"3x4x4 4x1 3", &lstm_bias, HOOP_ESHAPE},
    {"2x3x8 8x2 8 2x2 1x2 i64:2<4", &lstm_all, HOOP_ESHAPE},
    {"2x3x8 8x2 8 2x3 2x2 i64:2<4", &lstm_all, HOOP_ESHAPE},
    {"2x3x8 8x2 8 2x2 2x2 i64:3<4", &lstm_all, HOOP_ESHAPE},
    {"2x3x8 8x2 8 2x2 2x2 i32:2<4", &lstm_all, HOOP_EDTYPE},
    {"2x3x8 8x2 8 2x2 i64:2x2<4 i64:2<4", &lstm_all, HOOP_EDTYPE},
    {"i64:3x4x5<3 5x5", &plain_tanh, HOOP_EDTYPE},
    {"3x4x5 i64:5x5<3", &plain_tanh, HOOP_EDTYPE},
    {"9x1x8 8x2 8 9x2 9x2 i64:9<40", &lstm_all, HOOP_ERANGE},
};

const hoop_op hoop__op_recurrent = {
    .name       = "recurrent",
    .min_in     = 2,
    .max_in     = 6,
    .nouts      = recurrent_nouts,
    .flags      = HOOP_OP_ROW_WISE,
    .reads_of   = recurrent_reads,
    .attrs_size = sizeof(recurrent_attrs),
    HOOP_FIELDS(fields),
    .shape         = recurrent_shape,
    .forward       = recurrent_forward,
    .workspace     = recurrent_workspace,
    .backward      = recurrent_backward,
    .composite_all = recurrent_composite,
    .reference     = recurrent_reference,
    .samples       = recurrent_samples,
    .flops         = recurrent_flops,
    HOOP_CASES(cases),
};

static const grad_attrs tanh_dy = {.of = {.kind = TANH}, .dy = 1}, relu_more = {{RELU, 1, 0, 1, 0, 1}, 1, 1, 0},
                        lstm_dy = {.of = {.kind = LSTM}, .dy = 1}, lstm_dc = {{LSTM, 0, 0, 0, 1, 1}, 0, 1, 1},
                        lstm_more = {{LSTM, 1, 0, 0, 1, 0}, 1, 0, 1}, gru_dy = {.of = {.kind = GRU}, .dy = 1},
                        gru_more = {{GRU, 1, 0, 1, 0, 1}, 1, 1, 0}, gru_dc = {.of = {.kind = GRU}, .dc = 1},
                        no_grad_kind = {.of = {.kind = -1}, .dy = 1}, no_grad_flag = {.of = {.kind = TANH}, .dy = 3},
                        no_of_flag    = {.of = {.kind = TANH, .reverse = 3}, .dy = 1},
                        no_bias_there = {.of = {.kind = TANH, .bias = 3}, .dy = 1};
static const hoop_case grad_cases[]   = {
      {"3x3 2x4x3 2x4x3", &tanh_dy},
      {"3x3 2x4x3 2x3 i64:2<5 2x4x3 2x3", &relu_more},
      {"12x3 2x4x3 2x4x12 2x4x3 2x4x3", &lstm_dy},
      {"8x2 3x4x2 3x4x8 3x4x2 3x2 i64:3<5 3x2 3x2", &lstm_dc},
      {"8x2 2x3x2 2x3x8 2x3x2 2x2 2x3x2 2x2", &lstm_more},
      {"9x3 2x4x3 2x4x12 2x4x3", &gru_dy},
      {"6x2 3x4x2 3x4x8 3x2 i64:3<5 3x4x2 3x2", &gru_more},
      {"4x1 0x3x1 0x3x4 0x3x1 0x3x1", &lstm_dy},
      {"36x9 4x5x9 4x5x36 4x5x9 4x5x9", &lstm_dy},
      {"3x3 2x4x3 2x4x3", &no_grad_kind, HOOP_EARG},
      {"3x3 2x4x3 2x4x3", &no_grad_flag, HOOP_EARG},
      {"3x3 2x4x3 2x4x3", &no_of_flag, HOOP_EARG},
      {"3x3 2x4x3 2x4x3", &no_bias_there, HOOP_EARG},
      {"3x3 2x4x3 2x4x3 2x3", &tanh_dy, HOOP_EARG},
      {"9x3 2x4x3 2x4x12 2x3", &gru_dc, HOOP_EARG},
      {"3x3 4x3 4x3", &tanh_dy, HOOP_ESHAPE},
      {"3x2 2x4x3 2x4x3", &tanh_dy, HOOP_ESHAPE},
      {"3x3 2x4x3 2x3x3", &tanh_dy, HOOP_ESHAPE},
      {"12x3 2x4x3 2x4x9 2x4x3 2x4x3", &lstm_dy, HOOP_ESHAPE},
      {"12x3 2x4x3 2x4x12 2x4x2 2x4x3", &lstm_dy, HOOP_ESHAPE},
      {"8x2 3x4x2 3x4x8 3x4x2 3x3 i64:3<5 3x2 3x2", &lstm_dc, HOOP_ESHAPE},
      {"8x2 3x4x2 3x4x8 3x4x2 3x2 i64:2<5 3x2 3x2", &lstm_dc, HOOP_ESHAPE},
      {"8x2 3x4x2 3x4x8 3x4x2 3x2 i64:3<5 2x2 3x2", &lstm_dc, HOOP_ESHAPE},
      {"8x2 3x4x2 3x4x8 3x4x2 3x2 i64:3<5 3x2 2", &lstm_dc, HOOP_ESHAPE},
      {"6x2 3x4x2 3x4x8 2x2 i64:3<5 3x4x2 3x2", &gru_more, HOOP_ESHAPE},
      {"8x2 3x4x2 3x4x8 3x4x2 3x2 i32:3<5 3x2 3x2", &lstm_dc, HOOP_EDTYPE},
      {"3x3 i64:2x4x3<3 2x4x3", &tanh_dy, HOOP_EDTYPE},
      {"i64:3x3<3 2x4x3 2x4x3", &tanh_dy, HOOP_EDTYPE},
      {"9x1 1x1x1 1x1x1 1x1x1", &tanh_dy, HOOP_EARG},
      {"2x2 9x1x2 9x2 i64:9<40 9x1x2 9x2", &relu_more, HOOP_ERANGE},
};

/* It has no derivative: where a gradient is recorded, recurrent's composite takes its place. */
const hoop_op hoop__op_recurrent_grad = {
    .name       = "recurrent_grad",
    .min_in     = 3,
    .max_in     = 10,
    .nouts      = grad_nouts,
    .flags      = HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    .attrs_size = sizeof(grad_attrs),
    HOOP_FIELDS(grad_fields),
    .shape     = grad_shape,
    .forward   = grad_forward,
    .workspace = grad_workspace,
    .reference = grad_reference,
    .samples   = grad_samples,
    .flops     = grad_flops,
    HOOP_CASES(grad_cases),
};
