/**
 * core/kernels/conv.h - the loops of convolutions: what is asked for.
 *
 * An element (row r, column c) of y is a chain of fma from zero for each block of terms; the blocks' sums are added in order to
 * y's old value or to the first of them, then the bias. A block's terms are those of its runs, one after the other:
 *
 *     x[x_at[r] + run.x + l * x_step] * q[(run.q + l) * ldq + c],  l = 0 .. run.len - 1         (tiles)
 *     x[x_at[r] + run.x + l * x_step + c] * q[(run.q + l) * ldq + c]                            (channels)
 *
 * Forward, rows are pixels, x is an image, q the weights, runs are rows of the kernel. For the gradient of weights, rows are the
 * kernel's, x is the image, q the output's gradient, runs are rows of pixels. So an element's bits depend on its terms alone.
 */
#ifndef HOOP_KERNELS_CONV_H
#define HOOP_KERNELS_CONV_H

#include <stdbool.h>
#include <stdint.h>

/* places in elements; run.q in rows of q */
typedef struct hoop_conv_run {
    int64_t x, q, len;
} hoop_conv_run;

typedef struct hoop_conv_tiles {
    int64_t              rows, cols;
    const void          *x;
    const int64_t       *x_at; /* of each row */
    int64_t              x_step;
    const void          *q;
    int64_t              packed; /* q is as hoop_conv_pack_fn leaves it, of so many rows; 0: it lies row by row, ldq apart */
    int64_t              ldq;
    const hoop_conv_run *runs;
    const int64_t       *block; /* the runs of block b are block[b] to block[b + 1] - 1 */
    int64_t              nblocks;
    void                *y;
    const int64_t       *y_at; /* of each row */
    bool                 add;
    const void          *bias; /* of the columns; may be NULL */
    /* a block may be in several calls: its chain so far lies where y would, in `chain` */
    void *chain;
    bool  resume, open; /* the first block goes on with a chain; the last one is not at its end */
} hoop_conv_tiles;
typedef void hoop_conv_tiles_fn(const hoop_conv_tiles *g);

enum { HOOP_CONV_BLOCK = 256, HOOP_CONV_PANEL_BYTES = 128 /* of a row of packed columns, at most; it divides all */ };

/* Weights (taps, c, cols), element (t, c, j) at w[tap[t] + c * c_step + j * col_step], and rows t * nc + c of q. */
typedef struct hoop_conv_pack {
    void          *w;
    const int64_t *tap;
    int64_t        taps, nc, cols, c_step, col_step;
    void          *q;
} hoop_conv_pack;
/** q = w, in panels of columns that zeros fill up: rows * cols elements, cols rounded up to HOOP_CONV_PANEL_BYTES. */
typedef void hoop_conv_pack_fn(const hoop_conv_pack *g);
/** w = q or, add, w += q; q is plain (taps * nc, cols). */
typedef void hoop_conv_unpack_fn(const hoop_conv_pack *g, bool add);

/*
 * Winograd's F(2 x 2, 3 x 3), tiles of 2 x 2 outputs: 16 positions a tile, (tiles, channels) of each, `step` elements from one to
 * the next.
 */
enum { HOOP_CONV_RIGHT = 1, HOOP_CONV_DOWN = 2 }; /* parts of an output tile that are there, besides its first pixel */
typedef struct hoop_conv_winograd {
    int64_t        tiles, channels;
    void          *image; /* pixels: `pixel` elements to the right, `row` down */
    const int64_t *at;    /* of each tile's first pixel */
    int64_t        row, pixel;
    const uint8_t *whole; /* of each tile of outputs */
    void          *v;
    int64_t        step;
    bool           add; /* out: to what is there */
    const void    *bias;
} hoop_conv_winograd;
/** in: 4 x 4 pixels of the image to v. out: v to 2 x 2 pixels. spread: the gradient of 2 x 2 pixels to v. */
typedef void hoop_conv_winograd_fn(const hoop_conv_winograd *g);
/** As pack, of 9 taps to 16 positions of q, `step` apart; and back (the gradient of weights), as unpack. */
typedef void hoop_conv_pack4_fn(const hoop_conv_pack *g, int64_t step);
typedef void hoop_conv_unpack4_fn(const hoop_conv_pack *g, int64_t step, bool add);

/* [HOOP_F32], [HOOP_F64] */
typedef struct hoop_conv_kernels {
    hoop_conv_tiles_fn    *tiles[2], *channels[2];
    hoop_conv_pack_fn     *pack[2];
    hoop_conv_unpack_fn   *unpack[2];
    hoop_conv_winograd_fn *winograd_in[2], *winograd_out[2], *winograd_spread[2];
    hoop_conv_pack4_fn    *winograd_weight[2];
    hoop_conv_unpack4_fn  *winograd_unweight[2];
} hoop_conv_kernels;

#endif
