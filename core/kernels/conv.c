/**
 * core/kernels/conv.c - the loops of convolutions: compiled for f32, and for f64 with HOOP_KERNEL_F64.
 *
 * As a matrix product's (gemm.c), a tile of ROWS x 2 registers of y stays in registers while the terms of a block run. But each
 * row of a tile has a pointer of its own, so that rows may be pixels anywhere in an image, and terms go from run to run.
 */
#include "kernels/conv.h"
#include "kernels/real_vec.h"

extern const hoop_conv_kernels HOOP_KERNEL(conv_kernels);
extern hoop_conv_tiles_fn      HOOP_KERNEL(conv_tiles_f32), HOOP_KERNEL(conv_tiles_f64);
extern hoop_conv_tiles_fn      HOOP_KERNEL(conv_channels_f32), HOOP_KERNEL(conv_channels_f64);
extern hoop_conv_pack_fn       HOOP_KERNEL(conv_pack_f32), HOOP_KERNEL(conv_pack_f64);
extern hoop_conv_unpack_fn     HOOP_KERNEL(conv_unpack_f32), HOOP_KERNEL(conv_unpack_f64);
extern hoop_conv_winograd_fn   HOOP_KERNEL(winograd_in_f32), HOOP_KERNEL(winograd_in_f64);
extern hoop_conv_winograd_fn   HOOP_KERNEL(winograd_out_f32), HOOP_KERNEL(winograd_out_f64);
extern hoop_conv_winograd_fn   HOOP_KERNEL(winograd_spread_f32), HOOP_KERNEL(winograd_spread_f64);
extern hoop_conv_pack4_fn      HOOP_KERNEL(winograd_weight_f32), HOOP_KERNEL(winograd_weight_f64);
extern hoop_conv_unpack4_fn    HOOP_KERNEL(winograd_unweight_f32), HOOP_KERNEL(winograd_unweight_f64);

enum {
#if defined(__AVX512F__)
    ROWS = 8, /* as many pointers as there are registers for */
#else
    ROWS = 6,
#endif
    COLS = 2 * W
};
_Static_assert((int)COLS *(int)sizeof(real) <= (int)HOOP_CONV_PANEL_BYTES, "the workspace is sized for panels of so much");

/* one tile, one block; pointers are at the tile's first column */
typedef struct tile {
    const real          *x, *q;
    const int64_t       *x_at, *y_at;
    int64_t              x_step, ldq, cols;
    const hoop_conv_run *run, *end;
    real                *y;
    const real          *from; /* the chain to go on with, where y is; NULL: from zero */
    const real          *bias;
    bool                 add;
} tile;
typedef void tile_fn(const tile *t);

/* sums (rows, width) to y where columns end within a register */
static __attribute__((noinline)) void tile_finish(const real *sums, int rows, int width, const tile *t)
{
    for (int i = 0; i < rows; i++) {
        real *y = t->y + t->y_at[i];
        for (int64_t j = 0; j < t->cols; j++) {
            real v = sums[i * width + j];
            if (t->add) v = y[j] + v;
            if (t->bias != NULL) v = v + t->bias[j];
            y[j] = v;
        }
    }
}

/* vecs registers of columns, the last of them in part where `part`; wide: x has columns, too (vecs is 1) */
HOOP_INLINE void tile_run(const int rows, const int vecs, const bool part, const bool wide, const tile *t)
{
    vec           acc[ROWS][2];
    const int64_t rest = t->cols - (vecs - 1) * W, x_step = t->x_step, ldq = t->ldq;
    UNROLL (i, rows) {
        UNROLL (v, vecs) {
            const real *from = t->from == NULL ? NULL : t->from + t->y_at[i] + v * W;
            acc[i][v]        = from == NULL ? (vec){0} : v + 1 == vecs && rest < (int)W ? load_part(from, rest) : load(from);
        }
    }
    for (const hoop_conv_run *r = t->run; r != t->end; r++) {
        const real *p[ROWS], *q = t->q + r->q * ldq;
        int64_t     at = 0;
        UNROLL (i, rows) p[i] = t->x + t->x_at[i] + r->x;
        for (int64_t l = r->len; l > 0; l--, q += ldq, at += x_step) {
            vec b[2];
            UNROLL (v, vecs) b[v] = part && v + 1 == vecs ? load_part(q + v * W, rest) : load(q + v * W);
            __asm__("" : "+r"(at)); /* an index of its own: else every pointer is moved at every step */
            UNROLL (i, rows) {
                vec a = !wide ? broadcast(p[i][at]) : part ? load_part(p[i] + at, rest) : load(p[i] + at);
                UNROLL (v, vecs) acc[i][v] = multiply_add(a, b[v], acc[i][v]);
            }
        }
    }
    if (rest == (int)W) {
        UNROLL (i, rows) {
            real *y = t->y + t->y_at[i];
            UNROLL (v, vecs) {
                vec s = acc[i][v];
                if (t->add) s = load(y + v * W) + s;
                if (t->bias != NULL) s = s + load(t->bias + v * W);
                store(y + v * W, s);
            }
        }
    } else {
        real sums[ROWS * COLS];
        UNROLL (i, rows) {
            UNROLL (v, vecs) store(sums + (i * vecs + v) * W, acc[i][v]);
        }
        tile_finish(sums, rows, vecs * W, t);
    }
}

#if defined(__AVX512F__)
/* Half a register of columns, of which processors that make a whole one of two halves take twice as many in the same time. */
typedef real half __attribute__((vector_size(HOOP_VEC_BYTES / 2), may_alias));
#if defined(HOOP_KERNEL_F64)
HOOP_INLINE half half_load(const real *x, unsigned mask)
{
    return _mm256_maskz_loadu_pd((__mmask8)mask, x);
}
HOOP_INLINE void half_store(real *x, half v, unsigned mask)
{
    _mm256_mask_storeu_pd(x, (__mmask8)mask, v);
}
HOOP_INLINE half half_multiply_add(real a, half b, half c)
{
    return _mm256_fmadd_pd(_mm256_set1_pd(a), b, c);
}
#else
HOOP_INLINE half half_load(const real *x, unsigned mask)
{
    return _mm256_maskz_loadu_ps((__mmask8)mask, x);
}
HOOP_INLINE void half_store(real *x, half v, unsigned mask)
{
    _mm256_mask_storeu_ps(x, (__mmask8)mask, v);
}
HOOP_INLINE half half_multiply_add(real a, half b, half c)
{
    return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c);
}
#endif
HOOP_INLINE void half_run(const int rows, const tile *t)
{
    half           acc[ROWS];
    const unsigned mask   = (1u << t->cols) - 1;
    const int64_t  x_step = t->x_step, ldq = t->ldq;
    UNROLL (i, rows) acc[i] = t->from == NULL ? (half){0} : half_load(t->from + t->y_at[i], mask);
    for (const hoop_conv_run *r = t->run; r != t->end; r++) {
        const real *p[ROWS], *q = t->q + r->q * ldq;
        int64_t     at = 0;
        UNROLL (i, rows) p[i] = t->x + t->x_at[i] + r->x;
        for (int64_t l = r->len; l > 0; l--, q += ldq, at += x_step) {
            const half b = half_load(q, mask);
            __asm__("" : "+r"(at));
            UNROLL (i, rows) acc[i] = half_multiply_add(p[i][at], b, acc[i]);
        }
    }
    UNROLL (i, rows) {
        real *y = t->y + t->y_at[i];
        if (t->add) acc[i] = half_load(y, mask) + acc[i];
        if (t->bias != NULL) acc[i] = acc[i] + half_load(t->bias, mask);
        half_store(y, acc[i], mask);
    }
}
#define HALF_TILE(rows, ...)                                                                                                     \
    static void half_tile_##rows(const tile *t)                                                                                  \
    {                                                                                                                            \
        half_run(rows, t);                                                                                                       \
    }
#define HALF_TILE_NAME(rows, ...) half_tile_##rows,
#endif

#define TILE(rows, vecs, part, wide)                                                                                             \
    static void tile_##rows##_##vecs##_##part##_##wide(const tile *t)                                                            \
    {                                                                                                                            \
        tile_run(rows, vecs, part, wide, t);                                                                                     \
    }
/* it would move these lines at every run: */
/* clang-format off */
#if defined(__AVX512F__)
#define TILE_ROWS(X, ...) \
    X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__) \
    X(7, __VA_ARGS__) X(8, __VA_ARGS__)
#else
#define TILE_ROWS(X, ...) \
    X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)
#endif
/* clang-format on */
TILE_ROWS(TILE, 1, 0, 0)
TILE_ROWS(TILE, 2, 0, 0)
TILE_ROWS(TILE, 1, 1, 0)
TILE_ROWS(TILE, 2, 1, 0)
TILE_ROWS(TILE, 1, 0, 1)
TILE_ROWS(TILE, 1, 1, 1)
#define TILE_NAME(rows, vecs, part, wide) tile_##rows##_##vecs##_##part##_##wide,
/* [part][registers - 1][rows - 1] */
static tile_fn *const tiles[2][2][ROWS] = {
    {{TILE_ROWS(TILE_NAME, 1, 0, 0)}, {TILE_ROWS(TILE_NAME, 2, 0, 0)}},
    {{TILE_ROWS(TILE_NAME, 1, 1, 0)}, {TILE_ROWS(TILE_NAME, 2, 1, 0)}},
};
static tile_fn *const wide_tiles[2][ROWS] = {{TILE_ROWS(TILE_NAME, 1, 0, 1)}, {TILE_ROWS(TILE_NAME, 1, 1, 1)}};
#if defined(__AVX512F__)
TILE_ROWS(HALF_TILE, )
static tile_fn *const half_tiles[ROWS] = {TILE_ROWS(HALF_TILE_NAME, )};
#endif

/* all rows of a tile's columns, in tiles of nearly one height */
static void block_run(const hoop_conv_tiles *g, tile *t, tile_fn *const *run)
{
    const int64_t tall = (g->rows + ROWS - 1) / ROWS, height = g->rows / tall, higher = g->rows - height * tall;
    for (int64_t i = 0, row = 0; i < tall; i++) {
        int64_t rows = height + (i < higher);
        t->x_at      = g->x_at + row;
        t->y_at      = g->y_at + row;
        run[rows - 1](t);
        row += rows;
    }
}

static void columns_run(const hoop_conv_tiles *g, int64_t col, bool wide)
{
    const int64_t width = g->cols <= W ? W : COLS, in_panel = col % width;
    tile       t = {.x_step = g->x_step, .cols = at_most(g->cols - col, wide ? W : COLS), .ldq = g->packed > 0 ? width : g->ldq};
    const bool part     = (g->packed == 0 || wide) && t.cols % W != 0;
    tile_fn *const *run = wide ? wide_tiles[part] : tiles[part][t.cols > W];
#if defined(__AVX512F__)
    if (!wide && t.cols <= W / 2) run = half_tiles;
#endif
    t.x = (const real *)g->x + (wide ? col : 0);
    t.q = (const real *)g->q + (g->packed > 0 ? (col - in_panel) * g->packed + in_panel : col);
    for (int64_t b = 0; b < g->nblocks; b++) {
        const bool last = b + 1 == g->nblocks, open = last && g->open;
        t.run  = g->runs + g->block[b];
        t.end  = g->runs + g->block[b + 1];
        t.y    = (real *)(open ? g->chain : g->y) + col;
        t.from = b == 0 && g->resume ? (const real *)g->chain + col : NULL;
        t.add  = !open && (b > 0 || g->add);
        t.bias = last && g->bias != NULL ? (const real *)g->bias + col : NULL;
        block_run(g, &t, run);
    }
}

void NAME(conv_tiles)(const hoop_conv_tiles *g)
{
    for (int64_t col = 0; col < g->cols && g->rows > 0; col += COLS) columns_run(g, col, false);
}

void NAME(conv_channels)(const hoop_conv_tiles *g)
{
    for (int64_t col = 0; col < g->cols && g->rows > 0; col += W) columns_run(g, col, true);
}

void NAME(conv_pack)(const hoop_conv_pack *g)
{
    const int64_t width = g->cols <= W ? W : COLS;
    real         *q     = g->q;
    for (int64_t col = 0; col < g->cols; col += width) {
        const int64_t cols = at_most(g->cols - col, width);
        for (int64_t t = 0; t < g->taps; t++) {
            const real *w = (const real *)g->w + g->tap[t] + col * g->col_step;
            for (int64_t c = 0; c < g->nc; c++, w += g->c_step, q += width) {
                for (int64_t j = 0; j < cols; j++) q[j] = w[j * g->col_step];
                for (int64_t j = cols; j < width; j++) q[j] = 0;
            }
        }
    }
}

void NAME(conv_unpack)(const hoop_conv_pack *g, bool add)
{
    const real *q = g->q;
    for (int64_t t = 0; t < g->taps; t++) {
        real *w = (real *)g->w + g->tap[t];
        for (int64_t c = 0; c < g->nc; c++, w += g->c_step, q += g->cols) {
            for (int64_t j = 0; j < g->cols; j++) w[j * g->col_step] = add ? w[j * g->col_step] + q[j] : q[j];
        }
    }
}

#if !defined(HOOP_KERNEL_F64)
#define BOTH(name)                                                                                                               \
    {                                                                                                                            \
        HOOP_KERNEL(name##_f32), HOOP_KERNEL(name##_f64)                                                                         \
    }
const hoop_conv_kernels HOOP_KERNEL(conv_kernels) = {
    .tiles             = BOTH(conv_tiles),
    .channels          = BOTH(conv_channels),
    .pack              = BOTH(conv_pack),
    .unpack            = BOTH(conv_unpack),
    .winograd_in       = BOTH(winograd_in),
    .winograd_out      = BOTH(winograd_out),
    .winograd_spread   = BOTH(winograd_spread),
    .winograd_weight   = BOTH(winograd_weight),
    .winograd_unweight = BOTH(winograd_unweight),
};
#endif
