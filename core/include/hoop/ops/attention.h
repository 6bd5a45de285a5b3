/** hoop/ops/attention.h - ops: attention. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_ATTENTION_H
#define HOOP_OPS_ATTENTION_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Which keys a query may look at, besides what a mask says: all; query i the keys up to i, as PyTorch's is_causal has it; or the
 * last query the last key, the one before it those up to the last but one, ... as generation needs it where keys came before the
 * queries.
 */
typedef enum hoop_causal { HOOP_CAUSAL_NONE, HOOP_CAUSAL_START, HOOP_CAUSAL_END } hoop_causal;

typedef struct hoop_attention_opts {
    hoop_causal causal;
    double      scale;   /* of scores; 0: 1 / sqrt(D) */
    double      dropout; /* of probabilities, in training: keyed as hoop_dropout, its mask made where it is needed */
} hoop_attention_opts;

/*
 * Scaled dot-product attention: softmax(scale q k^T + mask) v by head, never holding all scores at once. A mask (NULL: none) is
 * of q's dtype and added, or u8, 1 where a key may be looked at, both broadcast to (N, H, T, S); or i64 (N): how many keys there
 * are of each sample, from the first on. A query that may look at no key gives zeros. Gradients of a mask hold T x S.
 */

/** q (N, H, T, D), k (N, K, S, D), v (N, K, S, E), H a multiple of K: each is of H / K heads of q -> (N, H, T, E), whose memory
 * is (N, T, H, E); dq, dk, dv; of an added mask as well; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG, HOOP_ERANGE (a length).
 */
HOOP_API hoop_tensor *hoop_attention(hoop_tape *t, hoop_tensor *q, hoop_tensor *k, hoop_tensor *v, hoop_tensor *mask,
                                     const hoop_attention_opts *opts);
/** The same of q, k and v that lie in one, as a linear gives them: (N, T, H + 2 kv_heads, D) -> (N, T, H, D). */
HOOP_API hoop_tensor *hoop_attention_packed(hoop_tape *t, hoop_tensor *qkv, int64_t kv_heads, hoop_tensor *mask,
                                            const hoop_attention_opts *opts);
/** The same of k and v that lie in one: q (N, T, H, D), kv (N, S, 2 K, D) -> (N, T, H, D). */
HOOP_API hoop_tensor *hoop_attention_cross(hoop_tape *t, hoop_tensor *q, hoop_tensor *kv, hoop_tensor *mask,
                                           const hoop_attention_opts *opts);

typedef struct hoop_rotary_opts {
    double  base;        /* 0: 10000 */
    bool    interleaved; /* pairs of neighbours; else of a head's halves */
    int64_t dims, heads; /* the first of a head's elements, and of the heads, that turn; 0: all */
} hoop_rotary_opts;

/* Positions. They count from `first`, i64 () or one a sample (N); NULL: from 0. */

/** Pairs of elements turned by position: (N, T, H, D) -> same; dx = dy, turned back; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE,
 * HOOP_EARG. */
HOOP_API hoop_tensor *hoop_rotary(hoop_tape *t, hoop_tensor *x, hoop_tensor *first, const hoop_rotary_opts *opts);
/** Sines and cosines added: (N, T, C) -> same; dx = dy; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (base < 1; 10000 is usual).
 */
HOOP_API hoop_tensor *hoop_sinusoidal(hoop_tape *t, hoop_tensor *x, hoop_tensor *first, double base);
/** Rows of a table added, `first` is () or NULL: x (N, T, C), w (L, C) -> like x; dx = dy, dw = dy summed over samples, there;
 * f32, f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (beyond the table). */
HOOP_API hoop_tensor *hoop_position(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *first);

#ifdef __cplusplus
}
#endif
#endif
