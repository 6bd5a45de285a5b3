/**
 * core/kernels/gemm.c - matrix products: compiled for f32, and for f64 with HOOP_KERNEL_F64.
 *
 * After Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", TOMS 2008, for matrices that are often thin.
 * A tile of ROWS x 2 registers of C stays in registers while k runs. One operand (q) is read a register at a time along the
 * tile's columns, the other (p) is broadcast element by element, from where it lies, with any strides. So only q ever needs
 * packing, and only where it does not already lie row by row (or is used often enough). Which of A and B is q is free: a tile
 * of C^T has q = op(A)^T, and is transposed on its way out. The cheaper is chosen; the bits are the same.
 */
#include "kernels/gemm.h"

#include "kernels/real_vec.h"

#define NOINLINE __attribute__((noinline))

enum {
#if defined(__AVX512F__)
    ROWS       = 11, /* 12 would fit, and is slower */
    PACK_TILES = 22, /* reads of q that pay for packing what lies row by row already; measured */
#else
    ROWS       = 6,
    PACK_TILES = 8,
#endif
    PACK_DEPTH = 32, /* and the k that does */
    PACK       = HOOP_GEMM_PACK_BYTES / (int)sizeof(real),
    COLS       = 2 * W,
    BROWS      = (ROWS + W - 1) / W * W /* ROWS in whole transposed blocks */
};
_Static_assert((int)COLS <= (int)HOOP_GEMM_PANEL && (int)ROWS <= (int)HOOP_GEMM_ROWS && (int)W <= (int)HOOP_GEMM_PANEL,
               "the workspace is sized for these");

/* y (W, W) = transpose of x (W, W) */
#if defined(__x86_64__) && defined(HOOP_KERNEL_F64)
#if defined(__AVX512F__)
/* four elements of two rows */
HOOP_INLINE vec rows_gather(const real *x, const real *y)
{
    return _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(x)), _mm256_loadu_pd(y), 1);
}

HOOP_INLINE void transpose(const real *x, int64_t ldx, real *y, int64_t ldy)
{
    for (int g = 0; g < W; g += 4, x += 4, y += 4 * ldy) {
        vec r0 = rows_gather(x, x + 2 * ldx), r1 = rows_gather(x + ldx, x + 3 * ldx);
        vec r2 = rows_gather(x + 4 * ldx, x + 6 * ldx), r3 = rows_gather(x + 5 * ldx, x + 7 * ldx);
        vec a = _mm512_unpacklo_pd(r0, r1), b = _mm512_unpackhi_pd(r0, r1);
        vec c = _mm512_unpacklo_pd(r2, r3), d = _mm512_unpackhi_pd(r2, r3);
        store(y, _mm512_shuffle_f64x2(a, c, 0x88));
        store(y + ldy, _mm512_shuffle_f64x2(b, d, 0x88));
        store(y + 2 * ldy, _mm512_shuffle_f64x2(a, c, 0xdd));
        store(y + 3 * ldy, _mm512_shuffle_f64x2(b, d, 0xdd));
    }
}
#elif defined(__AVX2__)
/* two elements of two rows */
HOOP_INLINE vec rows_gather(const real *x, const real *y)
{
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(x)), _mm_loadu_pd(y), 1);
}

HOOP_INLINE void transpose(const real *x, int64_t ldx, real *y, int64_t ldy)
{
    for (int g = 0; g < W; g += 2) {
        vec r0 = rows_gather(x + g, x + 2 * ldx + g), r1 = rows_gather(x + ldx + g, x + 3 * ldx + g);
        store(y + g * ldy, _mm256_unpacklo_pd(r0, r1));
        store(y + (g + 1) * ldy, _mm256_unpackhi_pd(r0, r1));
    }
}
#else
HOOP_INLINE void transpose(const real *x, int64_t ldx, real *y, int64_t ldy)
{
    vec r0 = load(x), r1 = load(x + ldx);
    store(y, _mm_unpacklo_pd(r0, r1));
    store(y + ldy, _mm_unpackhi_pd(r0, r1));
}
#endif
#elif defined(__x86_64__)
#if defined(__AVX512F__)
#define UNPACK_LOW _mm512_unpacklo_ps
#define UNPACK_HIGH _mm512_unpackhi_ps
#define SHUFFLE _mm512_shuffle_ps
#elif defined(__AVX2__)
#define UNPACK_LOW _mm256_unpacklo_ps
#define UNPACK_HIGH _mm256_unpackhi_ps
#define SHUFFLE _mm256_shuffle_ps
#else
#define UNPACK_LOW _mm_unpacklo_ps
#define UNPACK_HIGH _mm_unpackhi_ps
#define SHUFFLE _mm_shuffle_ps
#endif

/* four elements of each of the rows 0, 4, 8, ... of x: a 128-bit lane a row */
HOOP_INLINE vec rows_gather(const real *x, int64_t ld)
{
    __m128 r = _mm_loadu_ps(x);
#if defined(__AVX512F__)
    __m512 v = _mm512_castps128_ps512(r);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(x + 4 * ld), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(x + 8 * ld), 2);
    return _mm512_insertf32x4(v, _mm_loadu_ps(x + 12 * ld), 3);
#elif defined(__AVX2__)
    return _mm256_insertf128_ps(_mm256_castps128_ps256(r), _mm_loadu_ps(x + 4 * ld), 1);
#else
    (void)ld;
    return r;
#endif
}

HOOP_INLINE void transpose(const real *x, int64_t ldx, real *y, int64_t ldy)
{
    for (int g = 0; g < W; g += 4) {
        vec r0 = rows_gather(x + g, ldx), r1 = rows_gather(x + ldx + g, ldx);
        vec r2 = rows_gather(x + 2 * ldx + g, ldx), r3 = rows_gather(x + 3 * ldx + g, ldx);
        vec a = UNPACK_LOW(r0, r1), b = UNPACK_HIGH(r0, r1), c = UNPACK_LOW(r2, r3), d = UNPACK_HIGH(r2, r3);
        store(y + (g + 0) * ldy, SHUFFLE(a, c, 0x44));
        store(y + (g + 1) * ldy, SHUFFLE(a, c, 0xee));
        store(y + (g + 2) * ldy, SHUFFLE(b, d, 0x44));
        store(y + (g + 3) * ldy, SHUFFLE(b, d, 0xee));
    }
}
#else
HOOP_INLINE void transpose(const real *x, int64_t ldx, real *y, int64_t ldy)
{
    for (int i = 0; i < W; i++)
        for (int j = 0; j < W; j++) y[j * ldy + i] = x[i * ldx + j];
}
#endif

/* Where a tile's sums of one block go: C = or +=, and the bias of the columns in the end (NULL: none) */
typedef struct tile_out {
    real       *c;
    int64_t     ld, cols;
    bool        add;
    const real *bias;
} tile_out;

/* p: (rows, k), element (i, l) at p[i * step + l], or p[i + l * step] if `down`; q: k rows of `vecs` registers, ldq apart */
typedef void tile_fn(int64_t k, const real *p, int64_t step, const real *q, int64_t ldq, const tile_out *out);

/* the general case of a tile's end, from its sums (rows, width) */
static NOINLINE void tile_finish(const real *sums, int rows, int width, const tile_out *out)
{
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < out->cols; j += W) {
            real   *c = out->c + i * out->ld + j;
            int64_t n = at_most(out->cols - j, W);
            vec     v = load(sums + i * width + j);
            if (out->add) v = load_part(c, n) + v;
            if (out->bias != NULL) v = v + load_part(out->bias + j, n);
            store_part(c, v, n);
        }
    }
}

/* c + ld, step by step: else the compiler works out all rows' addresses at once, and keeps them in vector registers, where moves
 * wait behind the products */
HOOP_INLINE real *next_row(real *c, int64_t ld)
{
    c += ld;
    __asm__("" : "+r"(c));
    return c;
}

HOOP_INLINE void tile_run(const int rows, const int vecs, const bool down, int64_t k, const real *p, int64_t step, const real *q,
                          int64_t ldq, const tile_out *out)
{
    /* of three rows each: the addresses base, base + step, base + 2 step need no more registers */
    const real *base[(ROWS + 2) / 3];
    vec         acc[ROWS][2];
    real       *c    = out->c;
    int64_t     ld   = out->ld;
    const bool  full = out->cols == vecs * W;
    UNROLL (i, rows) {
        UNROLL (v, vecs) acc[i][v] = (vec){0};
    }
    UNROLL (i, (ROWS + 2) / 3) base[i] = p + 3 * i * step;
    if (k >= 64) {
        UNROLL (i, rows) {
            UNROLL (v, vecs) __builtin_prefetch(c + v * W, 1);
            c = next_row(c, ld);
        }
    }
    for (int64_t l = 0; l < k; l++, q += ldq) {
        vec b[2];
        UNROLL (v, vecs) b[v] = load(q + v * W);
        UNROLL (i, rows) {
            vec a = broadcast(down ? p[i] : base[i / 3][i % 3 * step]);
            UNROLL (v, vecs) acc[i][v] = multiply_add(a, b[v], acc[i][v]);
        }
        p += step;
        UNROLL (i, (ROWS + 2) / 3) base[i]++;
    }
    if (full) {
        if (out->add) {
            c = out->c;
            UNROLL (i, rows) {
                UNROLL (v, vecs) acc[i][v] = load(c + v * W) + acc[i][v];
                c = next_row(c, ld);
            }
        }
        if (out->bias != NULL) {
            vec b[2];
            UNROLL (v, vecs) b[v] = load(out->bias + v * W);
            UNROLL (i, rows) {
                UNROLL (v, vecs) acc[i][v] = acc[i][v] + b[v];
            }
        }
        c = out->c;
        UNROLL (i, rows) {
            UNROLL (v, vecs) store(c + v * W, acc[i][v]);
            c = next_row(c, ld);
        }
    } else {
        real sums[ROWS * COLS];
        UNROLL (i, rows) {
            UNROLL (v, vecs) store(sums + (i * vecs + v) * W, acc[i][v]);
        }
        tile_finish(sums, rows, vecs * W, out);
    }
}

#define TILE(rows, vecs, down)                                                                                                   \
    static void tile_##rows##_##vecs##_##down(int64_t k, const real *p, int64_t step, const real *q, int64_t ldq,                \
                                              const tile_out *out)                                                               \
    {                                                                                                                            \
        tile_run(rows, vecs, down, k, p, step, q, ldq, out);                                                                     \
    }

/* it would move these lines at every run: */
/* clang-format off */
#if defined(__AVX512F__)
#define TILE_ROWS(X, ...) \
    X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__) \
    X(7, __VA_ARGS__) X(8, __VA_ARGS__) X(9, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__)
#else
#define TILE_ROWS(X, ...) \
    X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)
#endif
/* clang-format on */
TILE_ROWS(TILE, 1, 0)
TILE_ROWS(TILE, 2, 0)
TILE_ROWS(TILE, 1, 1)
TILE_ROWS(TILE, 2, 1)
#define TILE_NAME(rows, vecs, down) tile_##rows##_##vecs##_##down,
/* [down][registers - 1][rows - 1] */
static tile_fn *const tiles[2][2][ROWS] = {
    {{TILE_ROWS(TILE_NAME, 1, 0)}, {TILE_ROWS(TILE_NAME, 2, 0)}},
    {{TILE_ROWS(TILE_NAME, 1, 1)}, {TILE_ROWS(TILE_NAME, 2, 1)}},
};

/* A matrix by its strides: element (i, j) at x[i * rs + j * cs]; one of them is 1 */
typedef struct matrix {
    const real *x;
    int64_t     rs, cs;
} matrix;

/* out (rows, cols), `turned` if what is computed is C^T: c then holds the transpose of out */
typedef struct product {
    int64_t     rows, cols, k;
    int64_t     tall, height, higher; /* tiles down a column; rows of each, one more of the first `higher` */
    matrix      p, q;                 /* (rows, k), (k, cols) */
    real       *c;
    int64_t     ldc;
    bool        turned, add, pack, pack_rows;
    const real *bias;
    real       *work;
} product;

static int64_t panel_width(int64_t cols)
{
    return cols <= W ? W : COLS;
}

/* a transposed block of a panel, at (l, c) of q (depth, cols) */
HOOP_INLINE void block_pack(matrix q, int64_t l, int64_t c, int64_t depth, int64_t cols, int64_t w, real *y)
{
    const real *x = q.x + c * q.cs + l;
    if (l + W <= depth && c + W <= cols) {
        transpose(x, q.cs, y + l * w + c, w);
    } else {
        real rows[W * W] = {0}, turned[W * W];
        for (int64_t i = 0; i < W && c + i < cols; i++) store(rows + i * W, load_part(x + i * q.cs, at_most(depth - l, W)));
        transpose(rows, W, turned, W);
        for (int64_t i = 0; i < W && l + i < depth; i++) store(y + (l + i) * w + c, load(turned + i * W));
    }
}

/* y: depth rows of w, from q (depth, cols), cols <= w; zeros fill up */
static void panel_pack(matrix q, int64_t depth, int64_t cols, int64_t w, real *y)
{
    if (q.cs == 1 && cols == w) {
        for (int64_t l = 0; l < depth; l++)
            for (int64_t v = 0; v < w; v += W) store(y + l * w + v, load(q.x + l * q.rs + v));
        return;
    }
    if (q.cs == 1) {
        for (int64_t l = 0; l < depth; l++)
            for (int64_t v = 0; v < w; v += W)
                store(y + l * w + v, v >= cols ? (vec){0} : load_part(q.x + l * q.rs + v, at_most(cols - v, W)));
        return;
    }
    for (int64_t c = 0; c < w; c += W)
        for (int64_t l = 0; l < depth; l += W) block_pack(q, l, c, depth, cols, w, y);
}

/* tile (rows, COLS) = transpose of c (cols, rows) */
static void tile_fetch(const real *c, int64_t ldc, int64_t rows, int64_t cols, real *tile)
{
    real turned[W * W] = {0};
    for (int64_t i = 0; i < rows; i += W) {
        for (int64_t j = 0; j < cols; j += W) {
            for (int64_t l = 0; l < W && j + l < cols; l++)
                store(turned + l * W, load_part(c + (j + l) * ldc + i, at_most(rows - i, W)));
            transpose(turned, W, tile + i * COLS + j, COLS);
        }
    }
}

/* c (cols, rows) = transpose of tile (rows, COLS), plus the bias of its columns */
static void tile_turn(const real *tile, int64_t rows, int64_t cols, real *c, int64_t ldc, const real *bias)
{
    real turned[W * W];
    for (int64_t i = 0; i < rows; i += W) {
        int64_t n = at_most(rows - i, W);
        vec     b = bias == NULL ? (vec){0} : load_part(bias + i, n);
        for (int64_t j = 0; j < cols; j += W) {
            transpose(tile + i * COLS + j, COLS, turned, W);
            for (int64_t l = 0; l < W && j + l < cols; l++) {
                vec v = load(turned + l * W);
                if (bias != NULL) v = v + b;
                store_part(c + (j + l) * ldc + i, v, n);
            }
        }
    }
}

/* the first row of tile t */
static int64_t tile_row(const product *g, int64_t t)
{
    return t * g->height + at_most(t, g->higher);
}

/* Columns start .. start + depth - 1 of the rows of tiles t .. t + n - 1: where they lie down columns, in the order that tiles
 * read them (a store of W runs over into the next column, which comes later); else row by row, at a stride that spreads them over
 * the cache's sets. */
static void rows_pack(const product *g, int64_t t, int64_t n, int64_t start, int64_t depth, real *y)
{
    const int64_t first = tile_row(g, t), rows = tile_row(g, t + n) - first;
    const real   *x = g->p.x + first * g->p.rs + start * g->p.cs;
    if (g->p.cs == 1) {
        for (int64_t i = 0; i < rows; i++) memcpy(y + i * (depth + W), x + i * g->p.rs, (size_t)depth * sizeof *y);
        return;
    }
    for (int64_t l = 0; l < depth; l++, x += g->p.cs) {
        for (int64_t i = 0; i < n; i++) {
            int64_t at = tile_row(g, t + i) - first;
            for (int64_t v = 0; v < ROWS; v += W) { /* nothing is read behind the last row */
                const int64_t left = rows - at - v;
                store(y + i * (depth * ROWS + W) + l * ROWS + v, left > 0 ? load_part(x + at + v, at_most(left, W)) : (vec){0});
            }
        }
    }
}

/* what tile t + i of a packed group reads */
static matrix rows_packed(const product *g, int64_t t, int64_t i, int64_t depth, const real *y)
{
    if (g->p.cs == 1) return (matrix){y + (tile_row(g, t + i) - tile_row(g, t)) * (depth + W), depth + W, 1};
    return (matrix){y + i * (depth * ROWS + W), 1, ROWS};
}

/* one tile over `depth` of k, of which `first` and `last` tell the ends */
static void tile_make(const product *g, matrix p, int64_t row, int64_t rows, int64_t col, int64_t cols, int64_t start,
                      int64_t depth, const real *q, int64_t ldq, real *scratch)
{
    const bool down = p.rs == 1 && p.cs != 1, last = start + depth == g->k;
    tile_fn   *run = tiles[down][cols > W][rows - 1];
    tile_out   out = {g->c + row * g->ldc + col, g->ldc, cols, g->add || start > 0, NULL};
    if (g->turned) {
        out = (tile_out){scratch, COLS, panel_width(cols), out.add, NULL};
        if (out.add) tile_fetch(g->c + col * g->ldc + row, g->ldc, rows, cols, scratch);
    }
    for (int64_t l = 0; l < depth; l += HOOP_GEMM_BLOCK) {
        int64_t k = at_most(depth - l, HOOP_GEMM_BLOCK);
        if (!g->turned && last && l + k == depth && g->bias != NULL) out.bias = g->bias + col;
        run(k, p.x + l * p.cs, down ? p.cs : p.rs, q + l * ldq, ldq, &out);
        out.add = true;
    }
    if (g->turned)
        tile_turn(scratch, rows, cols, g->c + col * g->ldc + row, g->ldc, last && g->bias != NULL ? g->bias + row : NULL);
}

/* all rows of the columns first .. first + n - 1 */
static NOINLINE void columns_make(const product *g, int64_t first, int64_t n, int64_t start, int64_t depth, real *scratch)
{
    matrix q = {g->q.x + start * g->q.rs, g->q.rs, g->q.cs};
    for (int64_t j = 0; j < n; j += COLS) {
        int64_t cols = at_most(n - j, COLS), w = panel_width(cols);
        if (g->pack || cols < w) panel_pack((matrix){q.x + (first + j) * q.cs, q.rs, q.cs}, depth, cols, w, g->work + j * depth);
    }
    for (int64_t t = 0; t < g->tall; t++) {
        int64_t row = tile_row(g, t), rows = tile_row(g, t + 1) - row, i = t % HOOP_GEMM_GROUP;
        matrix  p = {g->p.x + row * g->p.rs + start * g->p.cs, g->p.rs, g->p.cs};
        if (g->pack_rows && i == 0) rows_pack(g, t, at_most(g->tall - t, HOOP_GEMM_GROUP), start, depth, g->work + PACK);
        if (g->pack_rows) p = rows_packed(g, t - i, i, depth, g->work + PACK);
        for (int64_t j = 0; j < n; j += COLS) {
            int64_t cols = at_most(n - j, COLS), w = panel_width(cols);
            bool    packed = g->pack || cols < w;
            tile_make(g, p, row, rows, first + j, cols, start, depth, packed ? g->work + j * depth : q.x + (first + j) * q.cs,
                      packed ? w : q.rs, scratch);
        }
    }
}

/* One block of k, and q where it lies: nothing to prepare but a panel of the last columns where they fill no register. */
static NOINLINE void thin_make(const product *g)
{
    const bool    down = g->p.rs == 1 && g->p.cs != 1;
    const int64_t step = down ? g->p.cs : g->p.rs, whole = g->cols / W * W;
    int64_t       row = 0;
    for (int64_t t = 0; t < g->tall; t++) {
        int64_t     rows = g->height + (t < g->higher);
        const real *p    = g->p.x + row * g->p.rs;
        tile_out    out  = {g->c + row * g->ldc, g->ldc, COLS, g->add, g->bias};
        tile_fn    *run  = tiles[down][1][rows - 1];
        for (int64_t j = 0; j < whole; j += COLS) {
            if (j + W == whole) {
                run      = tiles[down][0][rows - 1];
                out.cols = W;
            }
            run(g->k, p, step, g->q.x + j, g->q.rs, &out);
            out.c += COLS;
            if (out.bias != NULL) out.bias += COLS;
        }
        row += rows;
    }
    if (whole < g->cols) columns_make(g, whole, g->cols - whole, 0, g->k, NULL);
}

/* Estimated cycles in tenths, a register's multiply-add being one cycle; the factors are measured. */
static int64_t cost(int64_t rows, int64_t cols, int64_t k, bool transposing, bool turned)
{
    return 10 * rows * ((cols + W - 1) / W) * k + (transposing ? 3 * cols * k : 0) + (turned ? 5 * rows * cols : 0);
}

/* a sum of no terms */
static void empty_make(const hoop_gemm *o)
{
    const real *bias = o->bias;
    real       *c    = o->c;
    for (int64_t i = 0; i < o->m && !o->add; i++)
        for (int64_t j = 0; j < o->n; j++) c[i * o->ldc + j] = bias == NULL ? 0 : bias[j];
}

void NAME(gemm)(const hoop_gemm *o, void *work)
{
    const real *a = o->a, *b = o->b;
    product g = {.rows = o->m, .cols = o->n, .k = o->k, .c = o->c, .ldc = o->ldc, .add = o->add, .bias = o->bias, .work = work};
    real    scratch[BROWS * COLS]; /* of C^T: a tile, rows past its end are zero */
    int64_t wide, deep;
    if (o->m <= 0 || o->n <= 0) return;
    if (o->k <= 0) {
        empty_make(o);
        return;
    }
    g.p      = (matrix){a, o->ta ? 1 : o->lda, o->ta ? o->lda : 1};
    g.q      = (matrix){b, o->tb ? 1 : o->ldb, o->tb ? o->ldb : 1};
    g.turned = cost(o->n, o->m, o->k, !o->ta, true) < cost(o->m, o->n, o->k, o->tb, false);
    if (g.turned) {
        matrix p = g.p;
        g.p      = (matrix){g.q.x, g.q.cs, g.q.rs};
        g.q      = (matrix){p.x, p.cs, p.rs};
        g.rows   = o->n;
        g.cols   = o->m;
    }
    g.tall   = (g.rows + ROWS - 1) / ROWS;
    g.height = g.rows / g.tall;
    g.higher = g.rows - g.height * g.tall;
    g.pack   = g.q.cs != 1 || (g.tall >= PACK_TILES && g.k > PACK_DEPTH);
    if (!g.turned && !g.pack && g.k <= HOOP_GEMM_BLOCK && g.cols * g.k <= PACK) {
        thin_make(&g);
        return;
    }
    if (g.turned) memset(scratch, 0, sizeof scratch);
    /* rows a page apart crowd into one set of the cache; what lies down columns is read in bits of lines */
    g.pack_rows = g.cols >= 128 && g.k > HOOP_GEMM_BLOCK && (g.p.cs != 1 || g.p.rs * (int64_t)sizeof(real) % 4096 == 0);
    deep        = g.pack_rows ? HOOP_GEMM_BLOCK : HOOP_GEMM_DEPTH;
    for (int64_t start = 0; start < g.k; start += deep) {
        int64_t depth = at_most(g.k - start, deep);
        wide          = PACK / depth / COLS * COLS;
        for (int64_t j = 0; j < g.cols; j += wide) columns_make(&g, j, at_most(g.cols - j, wide), start, depth, scratch);
    }
}
