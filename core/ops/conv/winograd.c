/*
 * Convolutions of 3 x 3 taps by steps of 1 by Winograd's F(2 x 2, 3 x 3): all three passes. Which they are follows from the shape
 * alone. Pieces are those of a convolution by 4 x 4 taps and steps of 2, whose outputs are tiles.
 */
#include "ops/conv/conv.h"
#include "ops/shape.h"

#include <string.h>

enum {
    POSITIONS      = 16,
    LEAST_CHANNELS = 16,
    SPREAD         = 16 /* elements: positions a power of two apart crowd into sets of the cache */
};

static int64_t aligned(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

/* Tiles whose transforms are made at a time. */
static int64_t tiles_at_once(const hoop__conv_geometry *g)
{
    const int64_t channels = g->cg + g->og, n = 4096 / channels * 8;
    return n < 16 ? 16 : n > 64 ? 64 : n;
}

/* a transposed one is the convolution of its input by the flipped kernel, with the rest of the padding */
static int64_t padding_of(const hoop__conv_geometry *g, int d)
{
    return g->transposed ? 2 - g->before[d] : g->before[d];
}

bool hoop__winograd_takes(const hoop__conv_geometry *g)
{
    int64_t tiles = 1, pixels = 1;
    if (g->n == 0 || g->dims != 2 || g->groups != 1 || g->cg < LEAST_CHANNELS || g->og < LEAST_CHANNELS) return false;
    for (int d = 1; d < HOOP__CONV_DIMS; d++) {
        if (g->kernel[d] != 3 || g->stride[d] != 1 || g->dilation[d] != 1 || g->before[d] > 2) return false;
        tiles *= (g->out[d] + 1) / 2;
        pixels *= g->out[d];
    }
    return 20 * tiles <= 9 * pixels; /* products of both, and transforms */
}

/* tiles as outputs of their own */
static hoop__conv_geometry tiles_of(const hoop__conv_geometry *g)
{
    hoop__conv_geometry t = *g;
    t.transposed          = false;
    for (int d = 1; d < HOOP__CONV_DIMS; d++) {
        t.out[d]    = (g->out[d] + 1) / 2;
        t.kernel[d] = 4;
        t.stride[d] = 2;
        t.before[d] = padding_of(g, d);
    }
    return t;
}

/* tiles of a piece: where they find the image (channels of x) and the outputs (channels of y), and what of these is there */
static int64_t tiles_make(const hoop__conv_geometry *g, const hoop__conv_geometry *t, const hoop__conv_image *m, int64_t *x_at,
                          int64_t *y_at, uint8_t *whole)
{
    int64_t n = 0;
    for (int64_t s = 0; s < m->samples; s++) {
        for (int64_t i = m->low; i < m->high; i++) {
            for (int64_t j = 0; j < t->out[2]; j++, n++) {
                x_at[n] = s * m->sample + (2 * i - t->before[1]) * m->step[1] + (2 * j - t->before[2]) * m->step[2];
                y_at[n] = (((m->from + s) * g->out[1] + 2 * i) * g->out[2] + 2 * j) * g->og;
                whole[n] =
                    (uint8_t)((2 * j + 1 < g->out[2] ? HOOP_CONV_RIGHT : 0) | (2 * i + 1 < g->out[1] ? HOOP_CONV_DOWN : 0));
            }
        }
    }
    return n;
}

/* ---- what both passes have in their workspace ---- */

typedef struct plan {
    const hoop_call    *c;
    hoop__conv_geometry g, t;
    hoop__conv_pieces   pieces;
    int64_t             size, parts, at_once, tiles; /* tiles of a piece, at most */
    int64_t             v_step, m_step;              /* elements from one position to the next */
    /* bytes from the workspace's start; image and so on from a part's */
    int64_t at_weights, weight_step, at_runs, at_rows, at_sums, at_parts, at_x, at_y, at_whole, at_v, at_m, part_bytes, bytes;
} plan;

static hoop_conv_run *runs_at(const plan *p)
{
    return (hoop_conv_run *)(void *)((char *)p->c->work + p->at_runs);
}

/* the runs of `terms` neighbours by steps of `step`; rows of a product are x_step and y_step apart: rows of them */
static void plan_parts(plan *p, int64_t terms, int64_t rows)
{
    const hoop__conv_geometry *g = &p->g;
    p->at_rows    = p->at_runs + aligned((terms / HOOP_CONV_BLOCK + 2) * (int64_t)(sizeof(hoop_conv_run) + sizeof(int64_t)));
    p->at_sums    = p->at_rows + aligned(2 * rows * (int64_t)sizeof(int64_t));
    p->at_x       = aligned(p->pieces.image_bytes);
    p->at_y       = p->at_x + aligned(p->tiles * (int64_t)sizeof(int64_t));
    p->at_whole   = p->at_y + aligned(p->tiles * (int64_t)sizeof(int64_t));
    p->at_v       = p->at_whole + aligned(p->tiles);
    p->v_step     = p->at_once * g->cg + SPREAD;
    p->m_step     = p->at_once * g->og + SPREAD;
    p->at_m       = p->at_v + aligned(POSITIONS * p->v_step * p->size);
    p->part_bytes = p->at_m + aligned(POSITIONS * p->m_step * p->size);
}

static plan plan_of(const hoop_call *c, const hoop__conv_geometry *g, int threads)
{
    plan p    = {.c = c, .g = *g, .t = tiles_of(g), .size = (int64_t)hoop_dtype_size(g->dtype), .at_once = tiles_at_once(g)};
    p.pieces  = hoop__conv_cut(&p.t, threads);
    p.tiles   = p.pieces.samples * p.pieces.high * p.t.out[2];
    p.at_once = p.at_once < p.tiles ? p.at_once : p.tiles;
    return p;
}

static int64_t *numbers(const plan *p, int64_t at)
{
    return (int64_t *)(void *)((char *)p->c->work + at);
}

/* one piece's image and tiles, in `work` */
static hoop__conv_image piece_make(const plan *p, int64_t piece, const void *x, char *work, int64_t *tiles)
{
    hoop__conv_image m = hoop__conv_image_of(&p->t, &p->pieces, piece, x, work);
    *tiles             = tiles_make(&p->g, &p->t, &m, (int64_t *)(void *)(work + p->at_x), (int64_t *)(void *)(work + p->at_y),
                                    (uint8_t *)(work + p->at_whole));
    return m;
}

static hoop_conv_winograd tiles_in(const plan *p, const hoop__conv_image *m, char *work, int64_t first, int64_t n)
{
    return (hoop_conv_winograd){.tiles    = n,
                                .channels = p->g.cg,
                                .image    = (char *)(uintptr_t)m->x,
                                .at       = (const int64_t *)(const void *)(work + p->at_x) + first,
                                .row      = m->step[1],
                                .pixel    = m->step[2],
                                .v        = work + p->at_v,
                                .step     = p->v_step};
}

static hoop_conv_winograd tiles_out(const plan *p, void *y, char *work, int64_t first, int64_t n)
{
    return (hoop_conv_winograd){.tiles    = n,
                                .channels = p->g.og,
                                .image    = y,
                                .at       = (const int64_t *)(const void *)(work + p->at_y) + first,
                                .row      = p->g.out[2] * p->g.og,
                                .pixel    = p->g.og,
                                .whole    = (const uint8_t *)(work + p->at_whole) + first,
                                .v        = work + p->at_m,
                                .step     = p->m_step};
}

/* ---- forward, and transposed ---- */

static plan gather_plan(const hoop_call *c, const hoop__conv_geometry *g)
{
    const int threads = hoop_threads_count(c->threads);
    plan      p       = plan_of(c, g, threads);
    int64_t   width   = HOOP_CONV_PANEL_BYTES / p.size;
    p.parts           = threads < p.pieces.count ? threads : p.pieces.count;
    p.weight_step     = g->cg * ((g->og + width - 1) / width * width) + SPREAD;
    p.at_runs         = aligned(POSITIONS * p.weight_step * p.size);
    plan_parts(&p, g->cg, p.at_once);
    p.at_parts = p.at_sums;
    p.bytes    = p.at_parts + p.parts * p.part_bytes;
    return p;
}

static void gather_weights(const plan *p)
{
    const hoop__conv_geometry *g      = &p->g;
    int64_t                    tap[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    hoop_conv_pack             w      = {.w        = p->c->in[1]->data,
                                         .tap      = tap,
                                         .taps     = 9,
                                         .nc       = g->cg,
                                         .cols     = g->og,
                                         .c_step   = g->transposed ? 9 * g->og : 9,
                                         .col_step = g->transposed ? 9 : 9 * g->cg,
                                         .q        = p->c->work};
    for (int i = 0; i < 9 && g->transposed; i++) tap[i] = 8 - i;
    p->c->kernels->conv->winograd_weight[g->dtype](&w, p->weight_step);
}

static void gather_piece(const plan *p, int64_t piece, char *work)
{
    const hoop_call         *c     = p->c;
    const hoop_conv_kernels *k     = c->kernels->conv;
    const int                dtype = (int)p->g.dtype;
    int64_t                  tiles, blocks = (p->g.cg + HOOP_CONV_BLOCK - 1) / HOOP_CONV_BLOCK;
    hoop__conv_image         m = piece_make(p, piece, c->in[0]->data, work, &tiles);
    for (int64_t first = 0, n; first < tiles; first += n) {
        hoop_conv_winograd in, out;
        n        = tiles - first < p->at_once ? tiles - first : p->at_once;
        in       = tiles_in(p, &m, work, first, n);
        out      = tiles_out(p, c->out->data, work, first, n);
        out.add  = c->add;
        out.bias = c->nin == 3 ? c->in[2]->data : NULL;
        k->winograd_in[dtype](&in);
        for (int64_t i = 0; i < POSITIONS; i++) {
            k->tiles[dtype](&(hoop_conv_tiles){.rows    = n,
                                               .cols    = p->g.og,
                                               .x       = (char *)in.v + i * p->v_step * p->size,
                                               .x_at    = numbers(p, p->at_rows),
                                               .x_step  = 1,
                                               .q       = (char *)c->work + i * p->weight_step * p->size,
                                               .packed  = p->g.cg,
                                               .runs    = runs_at(p),
                                               .block   = (int64_t *)(void *)(runs_at(p) + blocks + 1),
                                               .nblocks = blocks,
                                               .y       = (char *)out.v + i * p->m_step * p->size,
                                               .y_at    = numbers(p, p->at_rows) + p->at_once});
        }
        k->winograd_out[dtype](&out);
    }
}

static void gather_part(void *ctx, int64_t part)
{
    const plan *p = ctx;
    for (int64_t i = part * p->pieces.count / p->parts; i < (part + 1) * p->pieces.count / p->parts; i++)
        gather_piece(p, i, (char *)p->c->work + p->at_parts + part * p->part_bytes);
}

/* runs of `terms` neighbours, x_step elements apart */
static hoop__conv_runs runs_make(const plan *p, int64_t terms, int64_t x_step)
{
    hoop__conv_runs r = {.run   = runs_at(p),
                         .block = (int64_t *)(void *)(runs_at(p) + (terms + HOOP_CONV_BLOCK - 1) / HOOP_CONV_BLOCK + 1),
                         .step  = x_step};
    hoop__conv_runs_add(&r, 0, terms);
    hoop__conv_runs_end(&r);
    return r;
}

int64_t hoop__winograd_gather_work(const hoop_call *c, const hoop__conv_geometry *g)
{
    return gather_plan(c, g).bytes;
}

void hoop__winograd_gather(const hoop_call *c, const hoop__conv_geometry *g)
{
    plan     p    = gather_plan(c, g);
    int64_t *x_at = numbers(&p, p.at_rows);
    gather_weights(&p);
    (void)runs_make(&p, g->cg, 1);
    for (int64_t i = 0; i < p.at_once; i++) {
        x_at[i]             = i * g->cg;
        x_at[p.at_once + i] = i * g->og;
    }
    hoop_threads_run(c->threads, p.parts, gather_part, &p);
}

/* ---- the weight's gradient: sums over tiles, a block of them after the other ---- */

static plan weight_plan(const hoop_call *c, const hoop__conv_geometry *g)
{
    plan p  = plan_of(c, g, 1);
    p.parts = hoop_threads_count(c->threads);
    plan_parts(&p, p.at_once, g->cg);
    p.at_parts = p.at_sums + aligned(POSITIONS * g->cg * g->og * p.size);
    p.bytes    = p.at_parts + p.part_bytes;
    return p;
}

int64_t hoop__winograd_weight_work(const hoop_call *c, const hoop__conv_geometry *g)
{
    return weight_plan(c, g).bytes;
}

/* a block of tiles, whose transforms and then whose products threads share */
typedef struct block {
    const plan             *p;
    const hoop__conv_image *m;
    char                   *work;
    const hoop__conv_runs  *runs;
    int64_t                 first, n;
    bool                    add;
} block;

static void block_transform(void *ctx, int64_t part)
{
    const block             *b     = ctx;
    const plan              *p     = b->p;
    const hoop_conv_kernels *k     = p->c->kernels->conv;
    const int64_t            first = part * b->n / p->parts, n = (part + 1) * b->n / p->parts - first;
    hoop_conv_winograd       in  = tiles_in(p, b->m, b->work, b->first + first, n);
    hoop_conv_winograd       out = tiles_out(p, p->c->in[1]->data, b->work, b->first + first, n);
    in.v                         = (char *)in.v + first * p->g.cg * p->size;
    out.v                        = (char *)out.v + first * p->g.og * p->size;
    k->winograd_in[p->g.dtype](&in);
    k->winograd_spread[p->g.dtype](&out);
}

static void block_sum(void *ctx, int64_t part)
{
    const block               *b = ctx;
    const plan                *p = b->p;
    const hoop__conv_geometry *g = &p->g;
    for (int64_t i = part * POSITIONS / p->parts; i < (part + 1) * POSITIONS / p->parts; i++) {
        p->c->kernels->conv->tiles[g->dtype](
            &(hoop_conv_tiles){.rows    = g->cg,
                               .cols    = g->og,
                               .x       = b->work + p->at_v + i * p->v_step * p->size,
                               .x_at    = numbers(p, p->at_rows),
                               .x_step  = g->cg,
                               .q       = b->work + p->at_m + i * p->m_step * p->size,
                               .ldq     = g->og,
                               .runs    = b->runs->run,
                               .block   = b->runs->block,
                               .nblocks = b->runs->nblocks,
                               .y       = (char *)p->c->work + p->at_sums + i * g->cg * g->og * p->size,
                               .y_at    = numbers(p, p->at_rows) + g->cg,
                               .add     = b->add});
    }
}

void hoop__winograd_weight(const hoop_call *c, const hoop__conv_geometry *g)
{
    plan           p    = weight_plan(c, g);
    int64_t       *x_at = numbers(&p, p.at_rows), tap[9];
    block          b    = {.p = &p, .work = (char *)c->work + p.at_parts};
    hoop_conv_pack w = {.w = c->out->data, .tap = tap, .taps = 9, .nc = g->cg, .cols = g->og, .c_step = 9, .col_step = 9 * g->cg};
    w.q              = (char *)c->work + p.at_sums;
    for (int64_t i = 0; i < g->cg; i++) {
        x_at[i]         = i;
        x_at[g->cg + i] = i * g->og;
    }
    for (int i = 0; i < 9; i++) tap[i] = i;
    for (int64_t i = 0; i < p.pieces.count; i++) {
        int64_t          tiles;
        hoop__conv_image m = piece_make(&p, i, c->in[0]->data, b.work, &tiles);
        b.m                = &m;
        for (b.first = 0; b.first < tiles; b.first += b.n) {
            hoop__conv_runs r;
            b.n    = tiles - b.first < p.at_once ? tiles - b.first : p.at_once;
            r      = runs_make(&p, b.n, g->cg);
            b.runs = &r;
            hoop_threads_run(c->threads, p.parts, block_transform, &b);
            hoop_threads_run(c->threads, p.parts, block_sum, &b);
            b.add = true;
        }
    }
    c->kernels->conv->winograd_unweight[g->dtype](&w, g->cg * g->og, c->add);
}
