/* recurrent_grad: the fused gradient of recurrent by its inputs' share of the sums and by the states it begins with. */
#include "ops/recurrent/recurrent.h"

#include <math.h>

extern const hoop_op hoop__op_recurrent_grad;

static const hoop_field grad_fields[] = {HOOP__RECURRENT_FIELDS,
                                         {"dy", 'i', offsetof(hoop__recurrent_grad_attrs, dy)},
                                         {"dh", 'i', offsetof(hoop__recurrent_grad_attrs, dh)},
                                         {"dc", 'i', offsetof(hoop__recurrent_grad_attrs, dc)}};

hoop__grad_places hoop__recurrent_grad_places(const hoop__recurrent_grad_attrs *a)
{
    int               n = 2;
    hoop__grad_places p;
    p.gates   = hoop__recurrent_gates_at(a->of.kind) >= 0 ? n++ : -1;
    p.cells   = a->of.kind == HOOP_LSTM ? n++ : -1;
    p.r       = a->of.proj != 0 ? n++ : -1;
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
    const hoop__recurrent_attrs *of = &((const hoop__recurrent_grad_attrs *)attrs)->of;
    (void)nin;
    return hoop__recurrent_gates_at(of->kind) < 0 ? 3 : of->proj != 0 ? 5 : 4;
}

static hoop_status grad_shape(hoop_shape_call *s)
{
    const hoop__recurrent_grad_attrs *a  = s->attrs;
    const hoop__grad_places           p  = hoop__recurrent_grad_places(a);
    const hoop_view                  *y  = s->in[GRAD_Y];
    hoop_status                       st = hoop__recurrent_flags(s, &a->of, p.count);
    int64_t                           n, steps, h, gh, width;
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
    width = y->shape[2];
    h     = width;
    if (p.r >= 0) {
        h  = s->in[p.r]->ndim == 2 && s->in[p.r]->shape[1] > 0 ? s->in[p.r]->shape[1] : 1;
        st = hoop__recurrent_input(s, p.r, "proj", y->dtype, 2, (int64_t[]){width, h});
    }
    gh = h * hoop_cell_gates((hoop_cell_kind)a->of.kind);
    if (st == HOOP_OK) st = hoop__recurrent_input(s, GRAD_W, "w", y->dtype, 2, (int64_t[]){gh, width});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.gates, "gates", y->dtype, 3, (int64_t[]){n, steps, 4 * h});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.cells, "cells", y->dtype, 3, (int64_t[]){n, steps, h});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.h0, "h0", y->dtype, 2, (int64_t[]){n, width});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.c0, "c0", y->dtype, 2, (int64_t[]){n, h});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.lengths, "lengths", HOOP_I64, 1, &n);
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.dy, "dy", y->dtype, 3, (int64_t[]){n, steps, width});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.dh, "dh", y->dtype, 2, (int64_t[]){n, width});
    if (st == HOOP_OK) st = hoop__recurrent_input(s, p.dc, "dc", y->dtype, 2, (int64_t[]){n, h});
    if (st != HOOP_OK) return st;
    hoop__view_set(&s->out[DX], (hoop_dtype)y->dtype, 3, (int64_t[]){n, steps, gh});
    hoop__view_set(&s->out[BEFORE], (hoop_dtype)y->dtype, 3, (int64_t[]){n, steps, width});
    hoop__view_set(&s->out[DH0], (hoop_dtype)y->dtype, 2, (int64_t[]){n, width});
    if (p.r >= 0) hoop__view_set(&s->out[DPROJ], (hoop_dtype)y->dtype, 3, (int64_t[]){n, steps, width});
    if (a->of.kind == HOOP_LSTM) hoop__view_set(&s->out[MORE], (hoop_dtype)y->dtype, 2, (int64_t[]){n, h});
    if (a->of.kind == HOOP_GRU) hoop__view_set(&s->out[MORE], (hoop_dtype)y->dtype, 3, (int64_t[]){n, steps, gh});
    return HOOP_OK;
}

static hoop__sequence backward_of(const hoop_call *c)
{
    const hoop__recurrent_grad_attrs *a = c->attrs;
    const hoop__grad_places           p = hoop__recurrent_grad_places(a);
    const hoop_view                  *y = c->in[GRAD_Y];
    const int64_t  width = y->shape[2], gh = c->in[GRAD_W]->shape[0], h = gh / hoop_cell_gates((hoop_cell_kind)a->of.kind);
    hoop__sequence s = {.c       = c,
                        .dtype   = (hoop_dtype)y->dtype,
                        .cell    = c->kernels->recurrent->cell_grad[a->of.kind][y->dtype],
                        .reverse = a->of.reverse != 0,
                        .grad    = true,
                        .w       = {.w = c->in[GRAD_W]->data, .ld = width, .k = gh, .n = width},
                        .r       = {.w = hoop__data_of(c, p.r), .ld = h, .k = width, .n = h},
                        .width   = width,
                        .y       = y->data,
                        .dy      = p.r < 0 ? NULL : hoop__data_of(c, p.dy),
                        .dproj   = p.r < 0 ? NULL : c->out[DPROJ].data,
                        .first_h = hoop__data_of(c, p.dh),
                        .first_c = hoop__data_of(c, p.dc),
                        .last_h  = c->out[DH0].data,
                        .before  = c->out[BEFORE].data};
    s.all            = (hoop_cell){.rows   = y->shape[0],
                                   .hidden = h,
                                   .steps  = y->shape[1],
                                   .length = hoop__data_of(c, p.lengths),
                                   .y      = y->data,
                                   .gates  = (void *)(uintptr_t)hoop__data_of(c, p.gates),
                                   .cells  = (void *)(uintptr_t)hoop__data_of(c, p.cells),
                                   .h0     = hoop__data_of(c, p.h0),
                                   .c0     = hoop__data_of(c, p.c0),
                                   .dy     = p.r < 0 ? hoop__data_of(c, p.dy) : NULL,
                                   .dx     = c->out[DX].data};
    if (a->of.kind == HOOP_LSTM) s.all.c = c->out[MORE].data;
    if (a->of.kind == HOOP_GRU) s.all.dg = c->out[MORE].data;
    return s;
}

static int64_t grad_workspace(const hoop_call *c)
{
    hoop__sequence s = backward_of(c);
    return hoop__sequence_bytes(s);
}

static hoop_status grad_forward(const hoop_call *c)
{
    hoop__sequence s = backward_of(c);
    return hoop__sequence_run(&s);
}

static int grad_samples(const hoop_samples_call *s)
{
    return hoop__recurrent_samples(s, GRAD_W, -1, hoop__recurrent_grad_places(s->attrs).r);
}

static double grad_flops(const hoop_call *c)
{
    const int    r    = hoop__recurrent_grad_places(c->attrs).r;
    const double proj = r < 0 ? 0.0 : 2.0 * (double)hoop__view_numel(&c->out[DPROJ]) * (double)c->in[r]->shape[1];
    return 2.0 * (double)hoop__view_numel(&c->out[DX]) * (double)c->in[GRAD_W]->shape[1] + proj;
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

/* the gradient of unit j's h at step t (of all) of row r: of what it is projected to, turned back, or with dy */
static double unit_reference(const hoop_call *c, const hoop__grad_places *p, const double *dh, const double *dproj, int64_t r,
                             int64_t t, int64_t width, int64_t j)
{
    double sum = 0.0;
    if (p->r < 0) return dh[r * width + j] + hoop__begin_reference(c, p->dy, t * width + j);
    for (int64_t k = 0; k < width; k++) sum += dproj[t * width + k] * hoop__at(c->in[p->r], k * c->in[p->r]->shape[1] + j);
    return sum;
}

static void grad_reference(const hoop_call *c)
{
    const hoop__recurrent_grad_attrs *a     = c->attrs;
    const hoop__grad_places           p     = hoop__recurrent_grad_places(a);
    const hoop_view                  *view  = c->in[GRAD_Y];
    const int64_t                     width = view->shape[2], steps = view->shape[1], gh = c->in[GRAD_W]->shape[0],
                  n = gh / hoop_cell_gates((hoop_cell_kind)a->of.kind);
    const double *w = c->in[GRAD_W]->data, *y = view->data;
    double       *dx = c->out[DX].data, *before = c->out[BEFORE].data, *dh = c->out[DH0].data;
    double       *dc = a->of.kind == HOOP_LSTM ? c->out[MORE].data : NULL, *dg = a->of.kind == HOOP_GRU ? c->out[MORE].data : dx;
    double       *dproj = p.r < 0 ? NULL : c->out[DPROJ].data;
    for (int64_t r = 0; r < view->shape[0]; r++) {
        const int64_t live = p.lengths < 0 ? steps : ((const int64_t *)c->in[p.lengths]->data)[r];
        for (int64_t j = r * width; j < (r + 1) * width; j++) dh[j] = hoop__begin_reference(c, p.dh, j);
        for (int64_t j = r * n; j < (r + 1) * n && dc != NULL; j++) dc[j] = hoop__begin_reference(c, p.dc, j);
        for (int64_t i = 0; i < steps; i++) {
            const int64_t at = a->of.reverse != 0 ? i : steps - 1 - i, t = r * steps + at,
                          b  = a->of.reverse != 0 ? at + 1 : at - 1;
            const bool begun = b >= 0 && b < live;
            double    *extra = before + t * width, passed = 0.0;
            for (int64_t j = 0; j < gh && at >= live; j++) dx[t * gh + j] = dg[t * gh + j] = 0.0;
            for (int64_t j = 0; j < width && p.r >= 0; j++)
                dproj[t * width + j] = at >= live ? 0.0 : dh[r * width + j] + hoop__begin_reference(c, p.dy, t * width + j);
            for (int64_t j = 0; j < n && at < live; j++) {
                const int64_t from = (r * steps + b) * n + j;
                passed             = cell_grad_reference(
                                a->of.kind, n, j, unit_reference(c, &p, dh, dproj, r, t, width, j), p.r < 0 ? y[t * n + j] : 0.0,
                    p.gates < 0 ? NULL : (const double *)c->in[p.gates]->data + t * 4 * n,
                    p.cells < 0 ? NULL : (const double *)c->in[p.cells]->data + t * n,
                    p.r >= 0 ? 0.0
                                : begun  ? y[from]
                                         : hoop__begin_reference(c, p.h0, r * n + j),
                    begun ? hoop__begin_reference(c, p.cells, from) : hoop__begin_reference(c, p.c0, r * n + j),
                    dc == NULL ? NULL : dc + r * n + j, dx + t * gh, dg + t * gh);
                if (p.r < 0) extra[j] = passed;
            }
            for (int64_t j = 0; j < width && at < live; j++) {
                dh[r * width + j] = p.r < 0 ? extra[j] : 0.0;
                for (int64_t k = 0; k < gh; k++) dh[r * width + j] += dg[t * gh + k] * w[k * width + j];
            }
            for (int64_t j = 0; j < width; j++)
                extra[j] = begun ? y[(r * steps + b) * width + j] : hoop__begin_reference(c, p.h0, r * width + j);
        }
    }
}

enum { TANH = HOOP_RNN_TANH, RELU = HOOP_RNN_RELU, LSTM = HOOP_LSTM, GRU = HOOP_GRU };
static const hoop__recurrent_grad_attrs tanh_dy = {.of = {.kind = TANH}, .dy = 1}, relu_more = {{RELU, 1, 0, 1, 0, 1}, 1, 1, 0},
                                        lstm_dy = {.of = {.kind = LSTM}, .dy = 1}, lstm_dc = {{LSTM, 0, 0, 0, 1, 1}, 0, 1, 1},
                                        lstm_more = {{LSTM, 1, 0, 0, 1, 0}, 1, 0, 1}, gru_dy = {.of = {.kind = GRU}, .dy = 1},
                                        gru_more = {{GRU, 1, 0, 1, 0, 1}, 1, 1, 0}, gru_dc = {.of = {.kind = GRU}, .dc = 1},
                                        proj_dy       = {.of = {.kind = LSTM, .proj = 1}, .dy = 1},
                                        proj_ends     = {{LSTM, 0, 0, 0, 1, 1, 1}, 0, 0, 1},
                                        proj_back     = {{LSTM, 1, 0, 1, 0, 0, 1}, 1, 1, 0},
                                        proj_dh       = {.of = {.kind = LSTM, .proj = 1}, .dh = 1},
                                        gru_proj      = {.of = {.kind = GRU, .proj = 1}, .dy = 1},
                                        no_grad_kind  = {.of = {.kind = -1}, .dy = 1},
                                        no_grad_flag  = {.of = {.kind = TANH}, .dy = 3},
                                        no_of_flag    = {.of = {.kind = TANH, .reverse = 3}, .dy = 1},
                                        no_bias_there = {.of = {.kind = TANH, .bias = 3}, .dy = 1};
static const hoop_case grad_cases[]                   = {
                      {"3x3 2x4x3 2x4x3", &tanh_dy},
                      {"3x3 2x4x3 2x3 i64:2<5 2x4x3 2x3", &relu_more},
                      {"12x3 2x4x3 2x4x12 2x4x3 2x4x3", &lstm_dy},
                      {"8x2 3x4x2 3x4x8 3x4x2 3x2 i64:3<5 3x2 3x2", &lstm_dc},
                      {"8x2 2x3x2 2x3x8 2x3x2 2x2 2x3x2 2x2", &lstm_more},
                      {"9x3 2x4x3 2x4x12 2x4x3", &gru_dy},
                      {"6x2 3x4x2 3x4x8 3x2 i64:3<5 3x4x2 3x2", &gru_more},
                      {"4x1 0x3x1 0x3x4 0x3x1 0x3x1", &lstm_dy},
                      {"36x9 4x5x9 4x5x36 4x5x9 4x5x9", &lstm_dy},
                      {"12x2 2x5x2 2x5x12 2x5x3 2x3 2x5x2", &proj_dy},
                      {"12x2 2x4x2 2x4x12 2x4x3 2x3 2x3 i64:2<5 2x3", &proj_ends},
                      {"12x2 2x4x2 2x4x12 2x4x3 2x3 2x2 2x4x2 2x2", &proj_back},
                      {"8x3 2x4x3 2x4x8 2x4x2 3x2 2x3", &proj_dh},
                      {"36x5 4x5x5 4x5x36 4x5x9 5x9 4x5x5", &proj_dy},
                      {"9x3 2x4x3 2x4x12 3x3 2x4x3", &gru_proj, HOOP_EARG},
                      {"12x2 2x5x2 2x5x12 2x5x3 3x3 2x5x2", &proj_dy, HOOP_ESHAPE},
                      {"12x2 2x5x2 2x5x12 2x5x3 2 2x5x2", &proj_dy, HOOP_ESHAPE},
                      {"12x3 2x5x2 2x5x12 2x5x3 2x3 2x5x2", &proj_dy, HOOP_ESHAPE},
                      {"12x2 2x5x2 2x5x12 2x5x3 2x3 2x5x3", &proj_dy, HOOP_ESHAPE},
                      {"12x2 2x5x2 2x5x12 2x5x3 i64:2x3<3 2x5x2", &proj_dy, HOOP_EDTYPE},
                      {"12x2 2x4x2 2x4x12 2x4x3 2x3 2x3 2x4x2 2x2", &proj_back, HOOP_ESHAPE},
                      {"12x2 2x4x2 2x4x12 2x4x3 2x3 2x2 2x4x2 2x3", &proj_back, HOOP_ESHAPE},
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
    .max_in     = 11,
    .nouts      = grad_nouts,
    .flags      = HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    .attrs_size = sizeof(hoop__recurrent_grad_attrs),
    HOOP_FIELDS(grad_fields),
    .shape     = grad_shape,
    .forward   = grad_forward,
    .workspace = grad_workspace,
    .reference = grad_reference,
    .samples   = grad_samples,
    .flops     = grad_flops,
    HOOP_CASES(grad_cases),
};
