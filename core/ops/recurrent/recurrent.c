/* recurrent: one recurrent layer in one direction. */
#include "ops/recurrent/recurrent.h"
#include "tape/tape.h"

#include <math.h>

extern const hoop_op hoop__op_recurrent, hoop__op_recurrent_grad;

static const hoop_field fields[] = {HOOP__RECURRENT_FIELDS};

int64_t hoop_cell_gates(hoop_cell_kind kind)
{
    return kind == HOOP_LSTM ? 4 : kind == HOOP_GRU ? 3 : 1;
}

hoop__places hoop__recurrent_places(const hoop__recurrent_attrs *a)
{
    int          n = 2;
    hoop__places p;
    p.b       = a->bias != 0 ? n++ : -1;
    p.r       = a->proj != 0 ? n++ : -1;
    p.h0      = a->h0 != 0 ? n++ : -1;
    p.c0      = a->c0 != 0 ? n++ : -1;
    p.lengths = a->lengths != 0 ? n++ : -1;
    return p;
}

int hoop__recurrent_gates_at(int64_t kind)
{
    return kind == HOOP_LSTM ? 3 : kind == HOOP_GRU ? 2 : -1;
}

static int recurrent_nouts(int nin, const void *attrs)
{
    const hoop__recurrent_attrs *a = attrs;
    (void)nin;
    return a->kind == HOOP_LSTM ? (a->proj != 0 ? 6 : 5) : a->kind == HOOP_GRU ? 3 : 2;
}

static uint64_t recurrent_reads(const void *attrs, int nin)
{
    const hoop__recurrent_attrs *a = attrs;
    const hoop__places           p = hoop__recurrent_places(a);
    uint64_t                     r = HOOP_READS_IN(W) | HOOP_READS_OUT(Y);
    (void)nin;
    if (p.r >= 0) r |= HOOP_READS_IN(p.r) | HOOP_READS_OUT(UNPROJECTED);
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
 *         with proj (P, H): w (G H, P), h0 (N, P) -> y (N, T, P), last h (N, P)
 * Value   s = x_t + w h + b. tanh, relu: h' = f(s). LSTM: c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c'),
 *         or proj times that. GRU: u = tanh(x_n + r (w_n h + b_n)), h' = (1 - z) u + z h with r, z = sigmoid. y_t = h'; past a
 *         row's length 0
 * Grad    dx, dh0, dc0: the fused op recurrent_grad; dw = sum over rows and steps of ds^T h, db the same of ds, dproj of dh^T h,
 *         h as it is before that
 * Dtype   f32, f64
 * Errors  HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (kind, proj), HOOP_ERANGE (lengths)
 * Source  Elman, Cognitive Science 1990; Hochreiter & Schmidhuber, Neural Computation 1997, with forget gates (Gers et al. 2000);
 *         Cho et al., EMNLP 2014, in the form that resets the product; Sak, Senior & Beaufays, Interspeech 2014 (projection)
 */
hoop_tensor *hoop_recurrent(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop_recurrent_opts *o,
                            hoop_tensor **outs)
{
    static const hoop_recurrent_opts zero  = {0};
    hoop_tensor                     *in[7] = {x, w}, *out[6] = {&t->poison, &t->poison, &t->poison}, *y;
    int                              n = 2;
    hoop__recurrent_attrs            a;
    if (o == NULL) o = &zero;
    a = (hoop__recurrent_attrs){o->kind,       o->reverse,         b != NULL,      o->h0 != NULL,
                                o->c0 != NULL, o->lengths != NULL, o->proj != NULL};
    if (b != NULL) in[n++] = b;
    if (o->proj != NULL) in[n++] = o->proj;
    if (o->h0 != NULL) in[n++] = o->h0;
    if (o->c0 != NULL) in[n++] = o->c0;
    if (o->lengths != NULL) in[n++] = o->lengths;
    y = hoop_op_call(t, &hoop__op_recurrent, in, n, &a, out);
    for (int j = 0; j < (o->kind == HOOP_LSTM ? 3 : 2) && outs != NULL; j++) outs[j] = out[j];
    return y;
}

hoop_status hoop__recurrent_flags(hoop_shape_call *s, const hoop__recurrent_attrs *a, int inputs)
{
    const hoop__places p = hoop__recurrent_places(a);
    if (a->kind < 0 || a->kind >= HOOP_CELLS) return hoop_fail(s->err, HOOP_EARG, "no kind %lld of cell", (long long)a->kind);
    for (int i = 0; i < 6; i++) {
        const int64_t flag = (const int64_t[]){a->reverse, a->bias, a->h0, a->c0, a->lengths, a->proj}[i];
        if (flag != 0 && flag != 1) return hoop_fail(s->err, HOOP_EARG, "flags are 0 or 1, not %lld", (long long)flag);
    }
    if (a->c0 != 0 && a->kind != HOOP_LSTM) return hoop_fail(s->err, HOOP_EARG, "c0 is an LSTM's");
    if (a->proj != 0 && a->kind != HOOP_LSTM) return hoop_fail(s->err, HOOP_EARG, "a projection is an LSTM's");
    if (s->nin != inputs)
        return hoop_fail(s->err, HOOP_EARG, "%d inputs where the call says %d (b %d, proj %d, h0 %d, c0 %d, lengths %d)", s->nin,
                         inputs, p.b, p.r, p.h0, p.c0, p.lengths);
    return HOOP_OK;
}

/* input i is a float (or lengths i64) of the shape */
hoop_status hoop__recurrent_input(hoop_shape_call *s, int i, const char *name, int dtype, int ndim, const int64_t *shape)
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
    const hoop__recurrent_attrs *a  = s->attrs;
    const hoop_view             *x  = s->in[X];
    const hoop__places           p  = hoop__recurrent_places(a);
    hoop_status                  st = hoop__recurrent_flags(s, a, 2 + (int)(a->bias + a->proj + a->h0 + a->c0 + a->lengths));
    int64_t                      n, steps, h, g, width;
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
    width = h;
    if (p.r >= 0) {
        width = s->in[p.r]->ndim == 2 && s->in[p.r]->shape[0] > 0 ? s->in[p.r]->shape[0] : 1;
        st    = hoop__recurrent_input(s, p.r, "proj", x->dtype, 2, (int64_t[]){width, h});
    }
    if (st == HOOP_OK) st = hoop__recurrent_input(s, W, "w", x->dtype, 2, (int64_t[]){g * h, width});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.b, "b", x->dtype, 1, (int64_t[]){g * h});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.h0, "h0", x->dtype, 2, (int64_t[]){n, width});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.c0, "c0", x->dtype, 2, (int64_t[]){n, h});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.lengths, "lengths", HOOP_I64, 1, &n);
    if (st != HOOP_OK) return st;
    hoop__view_set(&s->out[Y], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, width});
    hoop__view_set(&s->out[LAST_H], (hoop_dtype)x->dtype, 2, (int64_t[]){n, width});
    if (a->kind == HOOP_LSTM) {
        hoop__view_set(&s->out[2], (hoop_dtype)x->dtype, 2, (int64_t[]){n, h});
        hoop__view_set(&s->out[3], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, 4 * h});
        hoop__view_set(&s->out[4], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, h});
        if (p.r >= 0) hoop__view_set(&s->out[UNPROJECTED], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, h});
    }
    if (a->kind == HOOP_GRU) hoop__view_set(&s->out[2], (hoop_dtype)x->dtype, 3, (int64_t[]){n, steps, 4 * h});
    return HOOP_OK;
}

static hoop__sequence forward_of(const hoop_call *c)
{
    const hoop__recurrent_attrs *a  = c->attrs;
    const hoop_view             *y  = &c->out[Y];
    const hoop__places           p  = hoop__recurrent_places(a);
    const int64_t                gh = c->in[W]->shape[0], h = gh / hoop_cell_gates((hoop_cell_kind)a->kind), width = y->shape[2];
    hoop__sequence               s = {
                      .c       = c,
                      .dtype   = (hoop_dtype)y->dtype,
                      .cell    = c->kernels->recurrent->cell[a->kind][y->dtype],
                      .reverse = a->reverse != 0,
                      .w = {.w = c->in[W]->data, .bias = hoop__data_of(c, p.b), .ld = width, .k = width, .n = gh, .turned = true},
                      .r = {.w = hoop__data_of(c, p.r), .ld = h, .k = h, .n = width, .turned = true},
                      .width   = width,
                      .y       = y->data,
                      .first_h = hoop__data_of(c, p.h0),
                      .first_c = hoop__data_of(c, p.c0),
                      .last_h  = c->out[LAST_H].data};
    s.all = (hoop_cell){.rows   = y->shape[0],
                        .hidden = h,
                        .steps  = y->shape[1],
                        .length = hoop__data_of(c, p.lengths),
                        .x      = c->in[X]->data,
                        .y      = p.r < 0 ? y->data : c->out[UNPROJECTED].data};
    if (a->kind == HOOP_LSTM) s.all.c = c->out[2].data, s.all.cells = c->out[4].data;
    if (hoop__recurrent_gates_at(a->kind) >= 0) s.all.gates = c->out[hoop__recurrent_gates_at(a->kind)].data;
    return s;
}

static int64_t recurrent_workspace(const hoop_call *c)
{
    hoop__sequence s = forward_of(c);
    return hoop__sequence_bytes(s);
}

static hoop_status recurrent_forward(const hoop_call *c)
{
    hoop__sequence s = forward_of(c);
    return hoop__sequence_run(&s);
}

int hoop__recurrent_samples(const hoop_samples_call *s, int w, int b, int r)
{
    const hoop_dtype dtype = (hoop_dtype)s->out->dtype;
    if (hoop__gemm_kernel(s->kernels, s->blas, dtype) == NULL) return -1;
    for (int i = 0; i < s->nin; i++) {
        const bool weight = i == w || i == b || i == r;
        if (s->axis[i] != (weight ? -1 : 0)) return -1;
    }
    return 0;
}

static int recurrent_samples(const hoop_samples_call *s)
{
    const hoop__places p = hoop__recurrent_places(s->attrs);
    return hoop__recurrent_samples(s, W, p.b, p.r);
}

static double recurrent_flops(const hoop_call *c)
{
    const int    r    = hoop__recurrent_places(c->attrs).r;
    const double proj = r < 0 ? 0.0 : 2.0 * (double)hoop__view_numel(c->out) * (double)c->in[r]->shape[1];
    return 2.0 * (double)hoop__view_numel(c->in[X]) * (double)c->in[W]->shape[1] + proj;
}

static void recurrent_backward(hoop_backward_call *b)
{
    const hoop__recurrent_attrs *a    = b->attrs;
    const hoop__places           p    = hoop__recurrent_places(a);
    const bool                   lstm = a->kind == HOOP_LSTM;
    hoop__recurrent_grad_attrs   g    = {
             .of = *a, .dy = b->dy[Y] != NULL, .dh = b->dy[LAST_H] != NULL, .dc = lstm && b->dy[2] != NULL};
    hoop_tensor *in[11] = {b->in[W], b->out[Y]}, *out[5], *ds, *rows, *before;
    int64_t      gh = hoop_tensor_size(b->in[W], 0), h = hoop_tensor_size(b->in[W], 1);
    int64_t      all = hoop_tensor_size(b->out[Y], 0) * hoop_tensor_size(b->out[Y], 1);
    int          n   = 2;
    if (hoop__recurrent_gates_at(a->kind) >= 0) in[n++] = b->out[hoop__recurrent_gates_at(a->kind)];
    if (lstm) in[n++] = b->out[4];
    if (p.r >= 0) in[n++] = b->in[p.r];
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
    if (p.r >= 0 && hoop_needs(b, p.r)) {
        const int64_t units  = hoop_tensor_size(b->in[p.r], 1);
        hoop_tensor  *dh     = hoop_reshape(b->t, out[DPROJ], 2, (int64_t[]){all, h});
        hoop_tensor  *turned = hoop_transpose(b->t, dh, 0, 1);                                      /* (P, N T) */
        hoop_tensor  *u      = hoop_reshape(b->t, b->out[UNPROJECTED], 2, (int64_t[]){all, units}); /* (N T, H) */
        if (hoop_sink(b, p.r)) hoop_matmul(b->t, turned, u);
    }
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
    const hoop__recurrent_attrs *a     = attrs;
    const hoop__places           p     = hoop__recurrent_places(a);
    const hoop_dtype             dtype = hoop_tensor_dtype(in[X]);
    const int64_t n = hoop_tensor_size(in[X], 0), steps = hoop_tensor_size(in[X], 1), gh = hoop_tensor_size(in[X], 2);
    const int64_t h = hoop_tensor_size(in[W], 1), units = gh / hoop_cell_gates((hoop_cell_kind)a->kind);
    hoop_tensor  *zero = hoop_fill(t, dtype, 2, (int64_t[]){n, h}, 0.0), *b = p.b < 0 ? NULL : in[p.b];
    hoop_tensor  *none  = units == h ? zero : hoop_fill(t, dtype, 2, (int64_t[]){n, units}, 0.0);
    hoop_tensor  *state = p.h0 < 0 ? zero : in[p.h0], *cell = p.c0 < 0 ? none : in[p.c0];
    hoop_tensor **y = hoop__arena_alloc(&t->arena, steps * (int64_t)sizeof(hoop_tensor *));
    (void)nin;
    if (y == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "recurrent: no memory for %lld steps", (long long)steps);
        return;
    }
    for (int64_t i = 0; i < steps; i++) {
        const int64_t at    = a->reverse != 0 ? steps - 1 - i : i;
        hoop_tensor  *slice = hoop_slice(t, in[X], 1, at, 1), *x = hoop_reshape(t, slice, 2, (int64_t[]){n, gh});
        hoop_tensor  *g = hoop_linear(t, state, in[W], b), *c = cell, *now = cell_composite(t, a->kind, x, g, state, &c), *shown;
        if (p.r >= 0) now = hoop_linear(t, now, in[p.r], NULL);
        shown = now;
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
static double cell_reference(int64_t kind, int64_t n, int64_t width, int64_t j, const double *x, const double *w, const double *b,
                             const double *h, double *cell, double *gates)
{
    double g[4] = {0.0}, s[4] = {0.0};
    for (int64_t k = 0; k < hoop_cell_gates((hoop_cell_kind)kind); k++) {
        g[k] = gate_reference(w, b, h, width, k * n + j);
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

static void recurrent_reference(const hoop_call *c)
{
    const hoop__recurrent_attrs *a     = c->attrs;
    const hoop__places           p     = hoop__recurrent_places(a);
    const int64_t                width = c->out->shape[2], steps = c->out->shape[1], gh = c->in[W]->shape[0],
                  n = gh / hoop_cell_gates((hoop_cell_kind)a->kind), saved = hoop__recurrent_gates_at(a->kind) < 0 ? 0 : 4 * n;
    const double *x = c->in[X]->data, *w = c->in[W]->data, *b = p.b < 0 ? NULL : c->in[p.b]->data;
    double       *y = c->out->data, *u = p.r < 0 ? y : c->out[UNPROJECTED].data, *h = c->out[LAST_H].data,
           *cell  = a->kind == HOOP_LSTM ? c->out[2].data : NULL;
    double *gates = saved == 0 ? NULL : c->out[hoop__recurrent_gates_at(a->kind)].data,
           *cells = cell == NULL ? NULL : c->out[4].data;
    for (int64_t r = 0; r < c->out->shape[0]; r++) {
        const int64_t live = p.lengths < 0 ? steps : ((const int64_t *)c->in[p.lengths]->data)[r];
        for (int64_t j = r * width; j < (r + 1) * width; j++) h[j] = hoop__begin_reference(c, p.h0, j);
        for (int64_t j = r * n; j < (r + 1) * n && cell != NULL; j++) cell[j] = hoop__begin_reference(c, p.c0, j);
        for (int64_t i = 0; i < steps; i++) {
            const int64_t t = r * steps + (a->reverse != 0 ? steps - 1 - i : i), at = t - r * steps;
            for (int64_t j = 0; j < saved; j++) gates[t * saved + j] = 0.0;
            for (int64_t j = 0; j < n; j++) {
                u[t * n + j] =
                    at >= live ? 0.0
                               : cell_reference(a->kind, n, width, j, x + t * gh, w, b, h + r * width,
                                                cell == NULL ? NULL : cell + r * n + j, gates == NULL ? NULL : gates + t * saved);
                if (cells != NULL) cells[t * n + j] = at >= live ? 0.0 : cell[r * n + j];
            }
            for (int64_t j = 0; j < width && p.r >= 0; j++) {
                y[t * width + j] = 0.0;
                for (int64_t k = 0; k < n; k++) y[t * width + j] += hoop__at(c->in[p.r], j * n + k) * u[t * n + k];
            }
            for (int64_t j = 0; j < width && at < live; j++) h[r * width + j] = y[t * width + j];
        }
    }
}

/* ---- cases and rows ---- */

enum { TANH = HOOP_RNN_TANH, RELU = HOOP_RNN_RELU, LSTM = HOOP_LSTM, GRU = HOOP_GRU };
static const hoop__recurrent_attrs plain_tanh = {.kind = TANH}, tanh_all = {TANH, 1, 1, 1, 0, 1},
                                   relu_bias = {RELU, 0, 1, 0, 0, 0}, plain_lstm = {.kind = LSTM},
                                   lstm_bias = {.kind = LSTM, .bias = 1}, lstm_back = {LSTM, 1, 0, 0, 1, 0},
                                   lstm_ends = {LSTM, 0, 0, 1, 1, 1}, lstm_all = {LSTM, 1, 1, 1, 1, 1}, plain_gru = {.kind = GRU},
                                   gru_bias = {.kind = GRU, .bias = 1}, gru_all = {GRU, 1, 1, 1, 0, 1},
                                   no_kind = {.kind = HOOP_CELLS}, no_flag = {.kind = TANH, .bias = 2},
                                   c0_of_gru = {.kind = GRU, .c0 = 1}, turned = {TANH, 7, 0, 0, 0, 0},
                                   proj = {.kind = LSTM, .proj = 1}, proj_all = {LSTM, 1, 1, 1, 1, 1, 1},
                                   proj_ends = {LSTM, 0, 1, 0, 1, 1, 1}, proj_of_gru = {.kind = GRU, .proj = 1},
                                   proj_twice = {.kind = LSTM, .proj = 2};
static const hoop_case cases[]                = {
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
                   {"2x5x12 12x2 2x3", &proj},
                   {"3x2x12 12x1 1x3", &proj},
                   {"2x5x8 8x3 3x2", &proj}, /* to more than there were */
                   {"2x3x12 12x2 12 2x3 2x2 2x3 i64:2<4", &proj_all},
                   {"3x4x12 12x2 12 2x3 3x3 i64:3<5", &proj_ends},
                   {"0x3x12 12x2 2x3", &proj},
                   {"3x5x36 36x5 5x9", &proj},
                   {"3x4x6 6x2 2x2", &proj_of_gru, HOOP_EARG},
                   {"2x5x12 12x2 2x3", &proj_twice, HOOP_EARG},
                   {"2x5x12 12x3", &proj, HOOP_EARG},
                   {"2x5x12 12x2 2x4", &proj, HOOP_ESHAPE},
                   {"2x5x12 12x2 2", &proj, HOOP_ESHAPE},
                   {"2x5x12 12x3 2x3", &proj, HOOP_ESHAPE},
                   {"2x3x12 12x2 12 2x3 2x3 2x3 i64:2<4", &proj_all, HOOP_ESHAPE},
                   {"2x5x12 12x2 i64:2x3<4", &proj, HOOP_EDTYPE},
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
    .max_in     = 7,
    .nouts      = recurrent_nouts,
    .flags      = HOOP_OP_ROW_WISE,
    .reads_of   = recurrent_reads,
    .attrs_size = sizeof(hoop__recurrent_attrs),
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
