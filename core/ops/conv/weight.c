/* conv_weight: the gradient of a convolution's weight, of its input and its output's gradient, in one op. */
#include "ops/conv/conv.h"
#include "ops/shape.h"

#include <string.h>

extern const hoop_op hoop__op_conv_weight;

/**
 * conv_weight - what a convolution's weight gets.
 * Shape   x (N, in..., C), dy (N, out..., O) -> (O, C / groups, kernel...), the kernel's sizes in the attributes
 * Value   y[o, c, t] = sum over samples and pixels p of dy[p, o] x[p stride + t dilation - padding, c]
 * Grad    dx += conv_transpose(dy, dw), ddy += conv(x, dw)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG
 * Pixels are in order over all samples, in blocks of HOOP_CONV_BLOCK: as a product with gathered patches has them.
 */
hoop_tensor *hoop__conv_weight_call(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy, const hoop__conv_attrs *a)
{
    return hoop_op_call(t, &hoop__op_conv_weight, (hoop_tensor *[]){x, dy}, 2, a, NULL);
}

static hoop_status weight_shape(hoop_shape_call *s)
{
    const hoop__conv_attrs *a = s->attrs;
    const hoop_view        *x = s->in[0], *dy = s->in[1];
    const int               dims = x->ndim - 2;
    hoop_view               w    = {0}, y;
    int64_t                 shape[HOOP_MAX_DIMS];
    hoop_shape_call         conv = *s;
    hoop_status             st;
    if (dims < 1 || dims > HOOP__CONV_DIMS || dy->ndim != x->ndim || a->groups < 1) {
        return hoop_fail(s->err, HOOP_ESHAPE, "x of %d dims, dy of %d, %lld groups; 3 to 5 dims are wanted, of both the same",
                         x->ndim, dy->ndim, (long long)a->groups);
    }
    shape[0] = dy->shape[dims + 1];
    shape[1] = x->shape[dims + 1] / a->groups;
    for (int d = 0; d < dims; d++) shape[2 + d] = a->extra[d];
    hoop__view_set(&w, (hoop_dtype)dy->dtype, dims + 2, shape);
    conv.in   = (const hoop_view *[]){x, &w};
    conv.nin  = 2;
    conv.out  = &y;
    conv.nout = 1;
    st        = hoop__conv_check(&conv, false);
    if (st == HOOP_OK && !hoop__same_shape(&y, dy)) st = hoop_fail(s->err, HOOP_ESHAPE, "dy is not of the output's shape");
    if (st == HOOP_OK) hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, dims + 2, shape);
    return st;
}

/* the whole call, in its workspace */
typedef struct plan {
    const hoop_call    *c;
    hoop__conv_geometry g;
    hoop__conv_pieces   pieces;
    bool                by_channel;                     /* threads share channels; else rows of the sums */
    int64_t             size, taps, rows, cols, groups; /* of sums: (groups, rows, cols) */
    int64_t             parts, runs;
    /* bytes from the workspace's start; the chain's is as large as the sums */
    int64_t at_chain, at_taps, at_rows, at_parts, at_blocks, part_bytes, bytes;
} plan;

enum { ALIGN = 8 /* rows of a part: whole tiles, for speed */, CHANNELS = 64 };

static int64_t aligned(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

/* work that threads share, and in which steps */
static int64_t shared(const plan *p, int64_t *step)
{
    *step = p->by_channel ? CHANNELS : ALIGN;
    return p->by_channel ? p->cols : p->groups * p->rows;
}

static plan plan_of(const hoop_call *c)
{
    plan                       p = {.c    = c,
                                    .g    = hoop__conv_geometry_of(c->in[0], c->out, c->in[1], c->attrs, false),
                                    .size = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype)};
    const hoop__conv_geometry *g = &p.g;
    int64_t                    step, all, runs = 1;
    p.by_channel = g->cg == 1 && g->og == 1;
    p.taps       = hoop__conv_taps(g);
    p.groups     = p.by_channel ? 1 : g->groups;
    p.rows       = p.taps * (p.by_channel ? 1 : g->cg);
    p.cols       = p.by_channel ? g->groups : g->og;
    p.pieces     = hoop__conv_cut(g, 1);
    all          = shared(&p, &step);
    p.parts      = (all + step - 1) / step;
    if (p.parts > hoop_threads_count(c->threads)) p.parts = hoop_threads_count(c->threads);
    if ((double)hoop__view_numel(c->in[1]) * (double)p.rows < 65536.0) p.parts = 1; /* not worth waking anybody */
    for (int d = 0; d < 2; d++) runs *= d == p.pieces.band ? p.pieces.high : g->out[d];
    runs *= p.pieces.samples;
    p.runs       = runs + runs * (p.pieces.band == 2 ? p.pieces.high : g->out[2]) / HOOP_CONV_BLOCK + 3;
    p.at_chain   = aligned(p.groups * p.rows * p.cols * p.size);
    p.at_taps    = 2 * p.at_chain;
    p.at_rows    = p.at_taps + aligned(p.taps * (int64_t)sizeof(int64_t));
    p.at_parts   = p.at_rows + aligned(2 * p.rows * (int64_t)sizeof(int64_t));
    p.at_blocks  = aligned(p.pieces.image_bytes) + aligned(p.runs * (int64_t)sizeof(hoop_conv_run));
    p.part_bytes = p.at_blocks + aligned((p.runs + 1) * (int64_t)sizeof(int64_t));
    p.bytes      = p.at_parts + p.parts * p.part_bytes;
    return p;
}

static int64_t weight_workspace(const hoop_call *c)
{
    plan p = plan_of(c);
    return hoop__winograd_takes(&p.g) ? hoop__winograd_weight_work(c, &p.g) : p.bytes;
}

static int64_t *numbers(const plan *p, int64_t at)
{
    return (int64_t *)(void *)((char *)p->c->work + at);
}

/* where each row of sums finds its pixels, and where it is; the taps' places in the weight */
static void rows_make(const plan *p, const hoop__conv_image *m)
{
    const hoop__conv_geometry *g    = &p->g;
    int64_t                   *x_at = numbers(p, p->at_rows), *y_at = x_at + p->rows, *tap = numbers(p, p->at_taps), n = 0;
    for (int64_t t = 0; t < p->taps; t++) {
        const int64_t a = t / g->kernel[2] / g->kernel[1], b = t / g->kernel[2] % g->kernel[1], e = t % g->kernel[2];
        const int64_t x = (a * g->dilation[0] - g->before[0]) * m->step[0] + (b * g->dilation[1] - g->before[1]) * m->step[1] +
                          (e * g->dilation[2] - g->before[2]) * m->step[2];
        tap[t] = t;
        for (int64_t ch = 0; ch < p->rows / p->taps; ch++, n++) {
            x_at[n] = x + ch;
            y_at[n] = n * p->cols;
        }
    }
}

/* pixels of a piece's outputs: rows of them, in order */
static hoop__conv_runs runs_make(const plan *p, const hoop__conv_image *m, char *work)
{
    const hoop__conv_geometry *g                    = &p->g;
    hoop__conv_runs            r                    = {.run   = (hoop_conv_run *)(void *)(work + aligned(p->pieces.image_bytes)),
                                                       .block = (int64_t *)(void *)(work + p->at_blocks),
                                                       .step  = g->stride[2] * m->step[2]};
    int64_t                    low[HOOP__CONV_DIMS] = {0}, high[HOOP__CONV_DIMS];
    for (int d = 0; d < HOOP__CONV_DIMS; d++) high[d] = g->out[d];
    low[p->pieces.band]  = m->low;
    high[p->pieces.band] = m->high;
    r.terms              = (((m->from * g->out[0]) + low[0]) * g->out[1] + low[1]) * g->out[2] + low[2];
    for (int64_t s = 0; s < m->samples; s++) {
        for (int64_t i = low[0]; i < high[0]; i++) {
            for (int64_t j = low[1]; j < high[1]; j++) {
                int64_t x = s * m->sample + i * g->stride[0] * m->step[0] + j * g->stride[1] * m->step[1];
                hoop__conv_runs_add(&r, x + low[2] * g->stride[2] * m->step[2], high[2] - low[2]);
            }
        }
    }
    hoop__conv_runs_end(&r);
    return r;
}

/* units first .. last - 1 of what is shared, over one piece */
static void piece_run(const plan *p, const hoop__conv_image *m, const hoop__conv_runs *r, int64_t first, int64_t last)
{
    const hoop__conv_geometry *g      = &p->g;
    const int64_t              pixels = g->n * hoop__conv_pixels(g), channels = g->groups * g->og;
    const int64_t              start = r->run[0].q, *x_at = numbers(p, p->at_rows);
    hoop_conv_tiles_fn        *run = (p->by_channel ? p->c->kernels->conv->channels : p->c->kernels->conv->tiles)[g->dtype];
    hoop_conv_tiles            t   = {.rows    = p->rows,
                                      .cols    = p->by_channel ? last - first : p->cols,
                                      .x_step  = r->step,
                                      .ldq     = channels,
                                      .runs    = r->run,
                                      .block   = r->block,
                                      .nblocks = r->nblocks,
                                      .add     = start >= HOOP_CONV_BLOCK,
                                      .resume  = start % HOOP_CONV_BLOCK != 0,
                                      .open    = r->terms % HOOP_CONV_BLOCK != 0 && r->terms < pixels};
    for (int64_t n, at = first; at < last; at += n) {
        const int64_t group = p->by_channel ? 0 : at / p->rows, row = p->by_channel ? 0 : at % p->rows;
        const int64_t x = p->by_channel ? first : group * g->cg, q = p->by_channel ? first : group * g->og;
        const int64_t y = p->by_channel ? first : group * p->rows * p->cols;
        n               = p->by_channel ? last - first : p->rows - row < last - at ? p->rows - row : last - at;
        if (!p->by_channel) t.rows = n;
        t.x     = m->x + x * p->size;
        t.q     = (const char *)p->c->in[1]->data + q * p->size;
        t.x_at  = x_at + row;
        t.y_at  = x_at + p->rows + row;
        t.y     = (char *)p->c->work + y * p->size;
        t.chain = (char *)t.y + p->at_chain;
        run(&t);
    }
}

static void part_run(void *ctx, int64_t part)
{
    const plan *p    = ctx;
    char       *work = (char *)p->c->work + p->at_parts + part * p->part_bytes;
    int64_t     step, all = shared(p, &step), steps = (all + step - 1) / step, first, last;
    first = part * steps / p->parts * step;
    last  = (part + 1) * steps / p->parts * step;
    if (last > all) last = all;
    for (int64_t i = 0; i < p->pieces.count; i++) {
        hoop__conv_image m = hoop__conv_image_of(&p->g, &p->pieces, i, p->c->in[0]->data, work);
        hoop__conv_runs  r = runs_make(p, &m, work);
        piece_run(p, &m, &r, first, last);
    }
}

static hoop_status weight_forward(const hoop_call *c)
{
    plan                       p = plan_of(c);
    const hoop__conv_geometry *g = &p.g;
    hoop__conv_image           m = hoop__conv_image_of(g, &p.pieces, 0, NULL, NULL);
    hoop_conv_pack             w = {.tap      = numbers(&p, p.at_taps),
                                    .taps     = p.taps,
                                    .nc       = p.rows / p.taps,
                                    .cols     = p.cols,
                                    .c_step   = p.taps,
                                    .col_step = p.by_channel ? p.taps : p.taps * g->cg};
    if (hoop__view_numel(c->out) == 0) return HOOP_OK;
    if (hoop__winograd_takes(g)) {
        hoop__winograd_weight(c, g);
        return HOOP_OK;
    }
    rows_make(&p, &m);
    if (g->n * hoop__conv_pixels(g) == 0)
        memset(c->work, 0, (size_t)p.at_chain); /* a sum of no terms */
    else
        hoop_threads_run(c->threads, p.parts, part_run, &p);
    for (int64_t group = 0; group < p.groups; group++) {
        w.w = (char *)c->out->data + group * p.rows * p.cols * p.size;
        w.q = (char *)c->work + group * p.rows * p.cols * p.size;
        c->kernels->conv->unpack[g->dtype](&w, c->add);
    }
    return HOOP_OK;
}

static double weight_flops(const hoop_call *c)
{
    return 2.0 * (double)hoop__view_numel(c->in[1]) * (double)c->out->shape[1] * (double)hoop__view_numel(c->out) /
           (double)(c->out->shape[0] * c->out->shape[1] + (hoop__view_numel(c->out) == 0));
}

static void weight_backward(hoop_backward_call *b)
{
    hoop_tensor            *x = b->in[0], *dy = b->in[1], *dw = b->dy[0];
    const hoop__conv_attrs *a    = b->attrs;
    const hoop__conv_attrs  back = hoop__conv_back(a, x, dw, dy);
    if (hoop_sink(b, 0)) hoop__conv_transpose_call(b->t, dy, dw, NULL, &back);
    if (hoop_sink(b, 1)) hoop__conv_call(b->t, x, dw, NULL, a);
}

static void weight_reference(const hoop_call *c)
{
    hoop__conv_geometry g    = hoop__conv_geometry_of(c->in[0], c->out, c->in[1], c->attrs, false);
    const int64_t       taps = hoop__conv_taps(&g), pixels = hoop__conv_pixels(&g);
    for (int64_t e = 0, n = hoop__view_numel(c->out); e < n; e++) {
        const int64_t t = e % taps, ch = e / taps % g.cg, o = e / taps / g.cg;
        double        sum = 0.0;
        for (int64_t p = 0; p < g.n * pixels; p++)
            sum += hoop__at(c->in[1], p * g.groups * g.og + o) * hoop__conv_pixel(c->in[0], &g, p, t, o / g.og * g.cg + ch);
        ((double *)c->out->data)[e] = sum;
    }
}

/* "x dy" of a kernel of 3, of 2 x 3, of 1 x 2 x 2; padding on one side; groups; by channel; blocks that end within pieces */
#define K(...) .extra = {__VA_ARGS__}
#define PLAIN .stride = {1, 1, 1}, .dilation = {1, 1, 1}
static const hoop__conv_attrs vast  = {.stride   = {1, 1},
                                       .dilation = {1000000000, 1000000000},
                                       .before   = {1000000000, 1000000000},
                                       .after    = {1000000000, 1000000000},
                                       K(3, 3),
                                       .groups = 1};
static const hoop__conv_attrs line  = {PLAIN, K(3), .before = {1}, .after = {1}, .groups = 1},
                              plane = {.stride = {2, 1}, .dilation = {1, 2}, K(2, 3), .before = {1, 2}, .groups = 1},
                              space = {PLAIN, K(1, 2, 2), .groups = 1}, grouped = {PLAIN, K(2, 2), .groups = 2},
                              channels = {PLAIN, K(3, 3), .before = {1, 1}, .after = {1, 1}, .groups = 5},
                              square   = {PLAIN, K(3, 3), .before = {1, 0}, .after = {1, 2}, .groups = 1},
                              none = {PLAIN, K(2), .groups = 0}, three = {PLAIN, K(1, 1), .groups = 3};
static const hoop_case cases[] = {
    {"2x5x3 2x5x4", &line},
    {"3x5x6x2 3x3x4x3", &plane},
    {"1x2x3x4x2 1x2x2x3x3", &space},
    {"2x3x3x4 2x2x2x6", &grouped},
    {"2x4x3x5 2x4x3x5", &channels},
    {"3x100x2 3x100x3", &line},
    {"1x3x2x17 1x3x2x16", &square}, /* Winograd */
    {"0x5x3 0x5x4", &line},
    {"2x5x0 2x5x4", &line},
    {"2x5x3 2x4x4", &line, HOOP_ESHAPE},
    {"2x5x3 3x5x4", &line, HOOP_ESHAPE},
    {"2x5 2x5", &line, HOOP_ESHAPE},
    {"2x5x3 2x4x4", &none, HOOP_ESHAPE},
    {"2x2x2x4 2x2x2x3", &three, HOOP_ESHAPE},
    {"2x2x2x3 2x2x2x4", &three, HOOP_ESHAPE},
    {"2x5x3 i64:2x5x4<3", &line, HOOP_EDTYPE},
    {"2x5x7x3 2x5x7x4", &vast, HOOP_ESIZE},
};

const hoop_op hoop__op_conv_weight = {
    .name       = "conv_weight",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .attrs_size = sizeof(hoop__conv_attrs),
    HOOP_FIELDS(hoop__conv_fields),
    .shape     = weight_shape,
    .forward   = weight_forward,
    .workspace = weight_workspace,
    .backward  = weight_backward,
    .reference = weight_reference,
    .flops     = weight_flops,
    HOOP_CASES(cases),
};
