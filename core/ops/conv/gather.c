/*
 * A convolution that gathers: forward, or transposed class by class. Weights are packed once a call. Then threads take pieces:
 * the image with its padding, where each output of a class finds its taps, and the product's tile over both.
 */
#include "ops/conv/conv.h"
#include "ops/shape.h"

#include <string.h>

/* one dim of a class: taps in the order of the chain, outputs j = 0 .. count - 1 */
typedef struct axis {
    int64_t taps, tap, tap_step; /* place in the kernel */
    int64_t at, at_step;         /* the input pixel that output 0 meets by tap 0; from tap to tap */
    int64_t unit, count, x_step; /* the band's unit of output 0; from output to output */
    int64_t y, y_step;           /* output j is pixel y + j y_step */
} axis;

typedef struct class
{
    axis            axis[HOOP__CONV_DIMS];
    hoop__conv_runs runs;
    int64_t         packed; /* elements of packed weights before its own */
} class;

/* the whole call, in its workspace */
typedef struct plan {
    const hoop_call    *c;
    hoop__conv_geometry g;
    hoop__conv_pieces   pieces;
    bool                by_channel;
    int64_t             size, taps, panels; /* panels: columns of a group once they are packed */
    int64_t             classes, parts, rows;
    /* bytes from the workspace's start */
    int64_t at_packed, at_runs, at_blocks, at_taps, at_parts, part_bytes, bytes;
} plan;

static int64_t aligned(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

static int64_t divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t r = a % b;
        a         = b;
        b         = r;
    }
    return a;
}

static axis forward_axis(const hoop__conv_geometry *g, int d)
{
    return (axis){.taps     = g->kernel[d],
                  .tap_step = 1,
                  .at       = -g->before[d],
                  .at_step  = g->dilation[d],
                  .count    = g->out[d],
                  .x_step   = g->stride[d],
                  .y_step   = 1};
}

/* Outputs o with (o + before) % stride == rest meet the taps t with t dilation % stride == rest, at pixel q - (t dilation - rest)
 * / stride of the input, q = (o + before) / stride. Taps go down, so that pixels go up. */
static axis class_axis(const hoop__conv_geometry *g, int d, int64_t rest)
{
    const int64_t stride = g->stride[d], dilation = g->dilation[d], period = stride / divisor(stride, dilation);
    const int64_t first  = g->before[d] > rest ? (g->before[d] - rest + stride - 1) / stride : 0,
                  beyond = g->out[d] + g->before[d] - rest;
    axis    a   = {.tap_step = -period, .at_step = period * dilation / stride, .unit = first, .x_step = 1, .y_step = stride};
    int64_t tap = 0;
    while (tap < period && tap < g->kernel[d] && tap * dilation % stride != rest) tap++;
    if (tap < period && tap < g->kernel[d]) a.taps = (g->kernel[d] - tap + period - 1) / period;
    a.tap   = tap + (a.taps - 1) * period;
    a.at    = first - (a.taps > 0 ? (a.tap * dilation - rest) / stride : 0);
    a.count = beyond > 0 ? (beyond + stride - 1) / stride - first : 0;
    if (a.count < 0) a.count = 0;
    a.y = first * stride + rest - g->before[d];
    return a;
}

/* as many as there are outputs, if these are fewer */
static int64_t classes_of(const hoop__conv_geometry *g, int d)
{
    return !g->transposed || g->out[d] == 0 ? 1 : g->out[d] < g->stride[d] ? g->out[d] : g->stride[d];
}

static plan plan_of(const hoop_call *c, bool transposed)
{
    const hoop__conv_attrs    *a       = c->attrs;
    plan                       p       = {.c       = c,
                                          .g       = hoop__conv_geometry_of(c->in[0], c->in[1], c->out, a, transposed),
                                          .size    = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype),
                                          .classes = 1};
    const hoop__conv_geometry *g       = &p.g;
    const int                  threads = hoop_threads_count(c->threads);
    int64_t                    blocks, rows = 1, cols;
    p.by_channel = g->cg == 1 && g->og == 1;
    p.taps       = hoop__conv_taps(g);
    p.pieces     = hoop__conv_cut(g, threads);
    p.parts      = threads < p.pieces.count ? threads : p.pieces.count;
    if ((double)hoop__view_numel(c->out) * (double)g->cg * (double)p.taps < 65536.0)
        p.parts = p.pieces.count > 0; /* not worth it */
    for (int d = 0; d < HOOP__CONV_DIMS; d++) {
        p.classes *= classes_of(g, d);
        rows *= d == p.pieces.band ? p.pieces.high : g->transposed ? (g->out[d] + g->stride[d] - 1) / g->stride[d] : g->out[d];
    }
    p.rows       = rows * p.pieces.samples;
    cols         = p.by_channel ? g->groups : g->og;
    p.panels     = (cols * p.size + HOOP_CONV_PANEL_BYTES - 1) / HOOP_CONV_PANEL_BYTES * HOOP_CONV_PANEL_BYTES / p.size;
    blocks       = p.taps * g->cg / HOOP_CONV_BLOCK + 2 * p.classes;
    p.at_packed  = aligned(p.classes * (int64_t)sizeof(class));
    p.at_runs    = p.at_packed + aligned((p.by_channel ? 1 : g->groups) * p.taps * g->cg * p.panels * p.size);
    p.at_blocks  = p.at_runs + aligned((p.taps + blocks) * (int64_t)sizeof(hoop_conv_run));
    p.at_taps    = p.at_blocks + aligned((blocks + p.classes) * (int64_t)sizeof(int64_t));
    p.at_parts   = p.at_taps + aligned(p.taps * (int64_t)sizeof(int64_t));
    p.part_bytes = aligned(p.pieces.image_bytes) + aligned(2 * p.rows * (int64_t)sizeof(int64_t));
    p.bytes      = p.at_parts + p.parts * p.part_bytes;
    return p;
}

int64_t hoop__conv_gather_work(const hoop_call *c, bool transposed)
{
    hoop__conv_geometry g = hoop__conv_geometry_of(c->in[0], c->in[1], c->out, c->attrs, transposed);
    return hoop__winograd_takes(&g) ? hoop__winograd_gather_work(c, &g) : plan_of(c, transposed).bytes;
}

static char *work_at(const plan *p, int64_t at)
{
    return (char *)p->c->work + at;
}

static class *class_of(const plan *p, int64_t i)
{
    return (class *)(void *)work_at(p, 0) + i;
}

/* its weights, all groups', in the order of its taps */
static void class_pack(const plan *p, const class *k)
{
    const hoop__conv_geometry *g   = &p->g;
    int64_t                   *tap = (int64_t *)(void *)work_at(p, p->at_taps), n = 0;
    hoop_conv_pack             w = {.tap = tap, .nc = p->by_channel ? 1 : g->cg, .cols = p->by_channel ? g->groups : g->og};
    const axis                *a = k->axis;
    for (int64_t i = 0; i < a[0].taps; i++) {
        for (int64_t j = 0; j < a[1].taps; j++) {
            int64_t row = (a[0].tap + i * a[0].tap_step) * g->kernel[1] + a[1].tap + j * a[1].tap_step;
            for (int64_t l = 0; l < a[2].taps; l++) tap[n++] = row * g->kernel[2] + a[2].tap + l * a[2].tap_step;
        }
    }
    w.taps     = n;
    w.c_step   = p->taps * (g->transposed ? g->og : 1);
    w.col_step = p->taps * (g->transposed || p->by_channel ? 1 : g->cg);
    for (int64_t group = 0; group < (p->by_channel ? 1 : g->groups); group++) {
        w.w = (char *)p->c->in[1]->data + group * g->cg * g->og * p->taps * p->size;
        w.q = work_at(p, p->at_packed) + (k->packed + group * n * w.nc * p->panels) * p->size;
        p->c->kernels->conv->pack[g->dtype](&w);
    }
}

static void class_runs(const plan *p, class *k, const hoop__conv_image *m)
{
    const hoop__conv_geometry *g = &p->g;
    const axis                *a = k->axis;
    k->runs.step                 = p->by_channel ? a[2].at_step * m->step[2] : 1;
    for (int64_t i = 0; i < a[0].taps; i++) {
        for (int64_t j = 0; j < a[1].taps; j++) {
            for (int64_t l = 0; l < a[2].taps; l++) {
                int64_t x = i * a[0].at_step * m->step[0] + j * a[1].at_step * m->step[1] + l * a[2].at_step * m->step[2];
                hoop__conv_runs_add(&k->runs, x, p->by_channel ? 1 : g->cg);
            }
        }
    }
    hoop__conv_runs_end(&k->runs);
}

/* all classes: axes, packed weights, runs */
static void classes_make(const plan *p)
{
    const hoop__conv_geometry *g     = &p->g;
    hoop_conv_run             *run   = (hoop_conv_run *)(void *)work_at(p, p->at_runs);
    int64_t                   *block = (int64_t *)(void *)work_at(p, p->at_blocks), packed = 0;
    hoop__conv_image           m = hoop__conv_image_of(g, &p->pieces, 0, NULL, NULL);
    for (int64_t i = 0; i < p->classes; i++) {
        class  *k    = class_of(p, i);
        int64_t rest = i;
        *k           = (class){.packed = packed, .runs = {.run = run, .block = block}};
        for (int d = HOOP__CONV_DIMS - 1; d >= 0; d--) {
            const int64_t n = classes_of(g, d);
            k->axis[d]      = g->transposed ? class_axis(g, d, (g->before[d] + rest % n) % g->stride[d]) : forward_axis(g, d);
            rest /= n;
        }
        class_runs(p, k, &m);
        class_pack(p, k);
        packed += (p->by_channel ? 1 : g->groups) * k->runs.terms * p->panels;
        run += k->runs.nruns;
        block += k->runs.nblocks + 1;
    }
}

/* where the class's outputs in a piece find input and output; how many they are */
static int64_t rows_make(const plan *p, const class *k, const hoop__conv_image *m, int64_t *x_at, int64_t *y_at)
{
    const hoop__conv_geometry *g                    = &p->g;
    int64_t                    low[HOOP__CONV_DIMS] = {0}, high[HOOP__CONV_DIMS], n = 0, channels = g->groups * g->og;
    for (int d = 0; d < HOOP__CONV_DIMS; d++) high[d] = k->axis[d].count;
    if (m->low > k->axis[p->pieces.band].unit) low[p->pieces.band] = m->low - k->axis[p->pieces.band].unit;
    if (m->high - k->axis[p->pieces.band].unit < high[p->pieces.band])
        high[p->pieces.band] = m->high - k->axis[p->pieces.band].unit;
    for (int64_t s = 0; s < m->samples; s++) {
        for (int64_t i = low[0]; i < high[0]; i++) {
            for (int64_t j = low[1]; j < high[1]; j++) {
                const axis *a = k->axis;
                int64_t x = s * m->sample + (a[0].at + i * a[0].x_step) * m->step[0] + (a[1].at + j * a[1].x_step) * m->step[1] +
                            a[2].at * m->step[2];
                int64_t y = (m->from + s) * g->out[0] + a[0].y + i * a[0].y_step;
                y         = (y * g->out[1] + a[1].y + j * a[1].y_step) * g->out[2] + a[2].y;
                for (int64_t l = low[2]; l < high[2]; l++, n++) {
                    x_at[n] = x + l * a[2].x_step * m->step[2];
                    y_at[n] = (y + l * a[2].y_step) * channels;
                }
            }
        }
    }
    return n;
}

static void piece_run(const plan *p, int64_t piece, char *work)
{
    const hoop__conv_geometry *g    = &p->g;
    const hoop_call           *c    = p->c;
    const hoop__conv_image     m    = hoop__conv_image_of(g, &p->pieces, piece, c->in[0]->data, work);
    int64_t                   *x_at = (int64_t *)(void *)(work + aligned(p->pieces.image_bytes)), *y_at = x_at + p->rows;
    const char                *bias = c->nin == 3 ? c->in[2]->data : NULL;
    for (int64_t i = 0; i < p->classes; i++) {
        const class    *k = class_of(p, i);
        hoop_conv_tiles t = {.rows    = rows_make(p, k, &m, x_at, y_at),
                             .cols    = p->by_channel ? g->groups : g->og,
                             .x_at    = x_at,
                             .x_step  = k->runs.step,
                             .packed  = k->runs.terms,
                             .runs    = k->runs.run,
                             .block   = k->runs.block,
                             .nblocks = k->runs.nblocks,
                             .y_at    = y_at,
                             .add     = c->add};
        for (int64_t group = 0; group < (p->by_channel ? 1 : g->groups); group++) {
            t.x    = m.x + group * g->cg * p->size;
            t.q    = work_at(p, p->at_packed) + (k->packed + group * k->runs.terms * p->panels) * p->size;
            t.y    = (char *)c->out->data + group * g->og * p->size;
            t.bias = bias == NULL ? NULL : bias + group * g->og * p->size;
            (p->by_channel ? c->kernels->conv->channels : c->kernels->conv->tiles)[g->dtype](&t);
        }
    }
}

static void part_run(void *ctx, int64_t part)
{
    const plan *p = ctx;
    for (int64_t i = part * p->pieces.count / p->parts; i < (part + 1) * p->pieces.count / p->parts; i++)
        piece_run(p, i, work_at(p, p->at_parts + part * p->part_bytes));
}

hoop_status hoop__conv_gather(const hoop_call *c, bool transposed)
{
    plan p = plan_of(c, transposed);
    if (hoop__view_numel(c->out) == 0) return HOOP_OK;
    if (hoop__winograd_takes(&p.g)) {
        hoop__winograd_gather(c, &p.g);
        return HOOP_OK;
    }
    classes_make(&p);
    hoop_threads_run(c->threads, p.parts, part_run, &p);
    return HOOP_OK;
}
