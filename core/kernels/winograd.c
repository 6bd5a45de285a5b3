/**
 * core/kernels/winograd.c - the transforms of F(2 x 2, 3 x 3): compiled for f32, and for f64 with HOOP_KERNEL_F64.
 *
 * Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016: an output of 2 x 2 pixels is A'[(G g G') * (B'
 * d B)]A, d its 4 x 4 pixels of the input, g the kernel. 16 products over channels take the place of 36. Products are the tile's
 * (conv.c), a position of the 4 x 4 at a time over many tiles. The order of every sum is written down here.
 */
#include "kernels/conv.h"
#include "kernels/real_vec.h"

extern hoop_conv_winograd_fn NAME(winograd_in), NAME(winograd_out), NAME(winograd_spread);
extern hoop_conv_pack4_fn    NAME(winograd_weight);
extern hoop_conv_unpack4_fn  NAME(winograd_unweight);

/* B' of four, in place */
HOOP_INLINE void transform_in(vec *d, int step)
{
    vec a = d[0] - d[2 * step], b = d[step] + d[2 * step], c = d[2 * step] - d[step], e = d[step] - d[3 * step];
    d[0]        = a;
    d[step]     = b;
    d[2 * step] = c;
    d[3 * step] = e;
}

/* A' of four to two, in place */
HOOP_INLINE void transform_out(vec *m, int step)
{
    vec a = m[0] + m[step] + m[2 * step], b = m[step] - m[2 * step] - m[3 * step];
    m[0]    = a;
    m[step] = b;
}

/* A of two to four, in place */
HOOP_INLINE void transform_spread(vec *y, int step)
{
    vec a = y[0], b = y[step];
    y[step]     = a + b;
    y[2 * step] = a - b;
    y[3 * step] = -b;
}

HOOP_INLINE void store_first(real *x, vec v, int64_t n)
{
    real s[W];
    if (n == W) {
        store(x, v);
        return;
    }
    store(s, v);
    for (int64_t l = 0; l < n; l++) x[l] = s[l];
}

HOOP_INLINE void tile_in(const real *x, int64_t row, int64_t pixel, real *v, int64_t step, const bool part, int64_t n)
{
    vec d[16];
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) d[4 * i + j] = part ? load_part(x + i * row + j * pixel, n) : load(x + i * row + j * pixel);
    for (int j = 0; j < 4; j++) transform_in(d + j, 4);
    for (int i = 0; i < 4; i++) transform_in(d + 4 * i, 1);
    for (int p = 0; p < 16; p++) store_first(v + p * step, d[p], n);
}

void NAME(winograd_in)(const hoop_conv_winograd *g)
{
    const int64_t whole = g->channels / W * W;
    for (int64_t t = 0; t < g->tiles; t++) {
        const real *x = (const real *)g->image + g->at[t];
        real       *v = (real *)g->v + t * g->channels;
        for (int64_t c = 0; c < whole; c += W) tile_in(x + c, g->row, g->pixel, v + c, g->step, false, W);
        if (whole < g->channels) tile_in(x + whole, g->row, g->pixel, v + whole, g->step, true, g->channels - whole);
    }
}

HOOP_INLINE void pixel_out(real *y, vec v, int64_t n, const real *bias, bool add)
{
    real s[W];
    if (n == W) {
        if (add) v = load(y) + v;
        if (bias != NULL) v = v + load(bias);
        store(y, v);
        return;
    }
    store(s, v);
    for (int64_t l = 0; l < n; l++) {
        real u = add ? y[l] + s[l] : s[l];
        y[l]   = bias != NULL ? u + bias[l] : u;
    }
}

void NAME(winograd_out)(const hoop_conv_winograd *g)
{
    for (int64_t t = 0; t < g->tiles; t++) {
        for (int64_t c = 0; c < g->channels; c += W) {
            const real   *v    = (const real *)g->v + t * g->channels + c;
            real         *y    = (real *)g->image + g->at[t] + c;
            const real   *bias = g->bias == NULL ? NULL : (const real *)g->bias + c;
            const int64_t n    = at_most(g->channels - c, W);
            vec           m[16];
            for (int p = 0; p < 16; p++) m[p] = n == W ? load(v + p * g->step) : load_part(v + p * g->step, n);
            for (int j = 0; j < 4; j++) transform_out(m + j, 4);
            for (int i = 0; i < 2; i++) transform_out(m + 4 * i, 1);
            pixel_out(y, m[0], n, bias, g->add);
            if (g->whole[t] & HOOP_CONV_RIGHT) pixel_out(y + g->pixel, m[1], n, bias, g->add);
            if (g->whole[t] & HOOP_CONV_DOWN) pixel_out(y + g->row, m[4], n, bias, g->add);
            if (g->whole[t] == (HOOP_CONV_RIGHT | HOOP_CONV_DOWN)) pixel_out(y + g->row + g->pixel, m[5], n, bias, g->add);
        }
    }
}

void NAME(winograd_spread)(const hoop_conv_winograd *g)
{
    for (int64_t t = 0; t < g->tiles; t++) {
        for (int64_t c = 0; c < g->channels; c += W) {
            const real   *y = (const real *)g->image + g->at[t] + c;
            real         *v = (real *)g->v + t * g->channels + c;
            const int64_t n = at_most(g->channels - c, W);
            vec           m[16];
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 2; j++) {
                    const bool  there = (i == 0 || g->whole[t] & HOOP_CONV_DOWN) && (j == 0 || g->whole[t] & HOOP_CONV_RIGHT);
                    const real *from  = y + i * g->row + j * g->pixel;
                    m[4 * i + j]      = !there ? (vec){0} : n == W ? load(from) : load_part(from, n);
                }
            }
            for (int j = 0; j < 2; j++) transform_spread(m + j, 4);
            for (int i = 0; i < 4; i++) transform_spread(m + 4 * i, 1);
            for (int p = 0; p < 16; p++) store_first(v + p * g->step, m[p], n);
        }
    }
}

/* G of three to four */
HOOP_INLINE void weight_three(const real *g, int from, real *u, int to)
{
    const real ends = g[0] + g[2 * from];
    u[0]            = g[0];
    u[to]           = (real)0.5 * (ends + g[from]);
    u[2 * to]       = (real)0.5 * (ends - g[from]);
    u[3 * to]       = g[2 * from];
}

void NAME(winograd_weight)(const hoop_conv_pack *g, int64_t step)
{
    const int64_t width = g->cols <= W ? W : 2 * W;
    real         *q     = g->q;
    for (int64_t col = 0; col < g->cols; col += width) {
        for (int64_t c = 0; c < g->nc; c++, q += width) {
            for (int64_t j = 0; j < width; j++) {
                const real *w = (const real *)g->w + c * g->c_step + (col + j) * g->col_step;
                real        k[9], half[12], u[16] = {0};
                if (col + j < g->cols) {
                    for (int t = 0; t < 9; t++) k[t] = w[g->tap[t]];
                    for (int b = 0; b < 3; b++) weight_three(k + b, 3, half + b, 3);
                    for (int a = 0; a < 4; a++) weight_three(half + 3 * a, 1, u + 4 * a, 1);
                }
                for (int p = 0; p < 16; p++) q[p * step + j] = u[p];
            }
        }
    }
}

/* G' of four to three */
HOOP_INLINE void unweight_four(const vec *u, int from, vec *g, int to)
{
    const vec half = (vec){0} + (real)0.5, sum = half * (u[from] + u[2 * from]);
    g[0]      = u[0] + sum;
    g[to]     = half * (u[from] - u[2 * from]);
    g[2 * to] = sum + u[3 * from];
}

void NAME(winograd_unweight)(const hoop_conv_pack *g, int64_t step, bool add)
{
    for (int64_t c = 0; c < g->nc; c++) {
        for (int64_t col = 0; col < g->cols; col += W) {
            const real   *q = (const real *)g->q + c * g->cols + col;
            const int64_t n = at_most(g->cols - col, W);
            vec           u[16], half[12], k[9];
            real         *w = (real *)g->w + c * g->c_step + col * g->col_step, s[W];
            for (int p = 0; p < 16; p++) u[p] = load_part(q + p * step, n);
            for (int b = 0; b < 4; b++) unweight_four(u + b, 4, half + b, 4);
            for (int a = 0; a < 3; a++) unweight_four(half + 4 * a, 1, k + 3 * a, 1);
            for (int t = 0; t < 9; t++) {
                store(s, k[t]);
                for (int64_t j = 0; j < n; j++) {
                    real *to = w + g->tap[t] + j * g->col_step;
                    *to      = add ? *to + s[j] : s[j];
                }
            }
        }
    }
}
