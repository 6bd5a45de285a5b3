/**
 * core/kernels/attention.h - what attention does to rows of scores between its products, and rotary positions.
 *
 * A strip is some rows of queries by all keys that they may look at. Its scores become probabilities in place; in backward they
 * are made again from what was kept of each row (its largest score, and 1 over the sum of exponentials). A row's arithmetic is
 * that of hoop_scale, hoop_add of the mask and hoop_softmax on the row: keys that are masked add exact zeros, wherever the strip
 * ends.
 */
#ifndef HOOP_ATTENTION_KERNELS_H
#define HOOP_ATTENTION_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum hoop_attention_mask { HOOP_MASK_NONE, HOOP_MASK_ADDED, HOOP_MASK_KEPT /* u8: 1 where a key may be looked at */ };

/* rows of scores (rows, keys), ld apart; row i looks at keys 0 .. limit + i slope - 1, as many of them as there are */
typedef struct hoop_attention_strip {
    int64_t     rows, keys, ld, limit, slope;
    double      scale;
    int         mask; /* hoop_attention_mask */
    const void *masks;
    int64_t     mask_row, mask_key; /* steps in elements */
} hoop_attention_strip;

/* x: scores become probabilities; kept[2 i], kept[2 i + 1]: of row i. A row that may look at nothing becomes zeros. */
typedef void hoop_attention_forward_fn(const hoop_attention_strip *s, void *x, void *kept);
/* x: scores become probabilities again; dp: their gradient becomes that of the products of queries and keys */
typedef void hoop_attention_backward_fn(const hoop_attention_strip *s, void *x, void *dp, const void *kept);
/* y (cols, rows; ldy) = transpose of x (rows, cols; ldx) */
typedef void hoop_attention_turn_fn(int64_t rows, int64_t cols, const void *x, int64_t ldx, void *y, int64_t ldy);

/**
 * Rotary positions. turns: for positions first .. first + rows - 1, of `pairs` angles each, cosine and sine; rates[i]: turns a
 * position of pair i. rotate: y (+)= x turned (back where `back`), `pairs` pairs of one head; pair i is elements i and i + pairs,
 * or 2 i and 2 i + 1 where interleaved.
 */
typedef void hoop_rotary_turns_fn(int64_t rows, int64_t pairs, int64_t first, const double *rates, void *cosine, void *sine);
typedef void hoop_rotary_rotate_fn(int64_t pairs, bool interleaved, bool back, const void *cosine, const void *sine,
                                   const void *x, void *y, bool add);

typedef struct hoop_attention_kernels {
    hoop_attention_forward_fn  *forward[2]; /* [HOOP_F32], [HOOP_F64] */
    hoop_attention_backward_fn *backward[2];
    hoop_attention_turn_fn     *turn[2];
    hoop_rotary_turns_fn       *turns[2];
    hoop_rotary_rotate_fn      *rotate[2];
} hoop_attention_kernels;

#endif
