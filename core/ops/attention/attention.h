/** core/ops/attention/attention.h - what a call of attention computes with, for the files of this folder. */
#ifndef HOOP_ATTENTION_INTERNAL_H
#define HOOP_ATTENTION_INTERNAL_H

#include "hoop/ops.h"
#include "kernels/attention.h"
#include "ops/shape.h"

enum { HOOP_MASK_LENGTHS = HOOP_MASK_KEPT + 1 /* i64 (N) */ };

typedef struct hoop__attention_attrs {
    int64_t inputs;     /* 3: q, k, v; 2: q, and k and v in one; 1: all three in one. Behind them the mask, if there is one */
    int64_t kv_heads;   /* where inputs = 1 */
    int64_t causal;     /* hoop_causal */
    int64_t mask;       /* hoop_attention_mask, HOOP_MASK_LENGTHS */
    double  scale;      /* 0: 1 / sqrt(D) */
    double  p;          /* of the rows that are random: what of the probabilities is dropped, */
    int64_t site, call; /* and what they are keyed by (ops/random/random.h) */
} hoop__attention_attrs;

/* q (N, T, H, D), k (N, S, K, D), v (N, S, K, E), where they lie */
typedef struct hoop__attention {
    const hoop__attention_attrs *a;
    hoop_view                    q, k, v;
    const hoop_view             *mask;
    int64_t                      mask_stride[4]; /* broadcast to (N, H, T, S) */
    int64_t                      n, t, s, heads, kv, d, e;
    double                       scale;
} hoop__attention;

/* of a call whose shape rule was satisfied, or of its inputs */
hoop__attention hoop__attention_of(const hoop_view *const *in, const hoop__attention_attrs *a);
/* Where random numbers of a row of probabilities begin: number of the key 0 of query t of a head of sample i of the leaf. Rows
 * begin where the kernel of dropout may. */
int64_t hoop__attention_number(const hoop__attention *x, int64_t i, int64_t head, int64_t t);
/* q, k, v of inputs, or of gradients of their shapes */
void hoop__attention_parts(const hoop_view *const *in, const hoop__attention_attrs *a, hoop_view part[3]);
/* of sample i: how many keys there are, and how many of them query t may look at */
int64_t hoop__attention_end(const hoop__attention *x, int64_t i);
int64_t hoop__attention_limit(const hoop__attention *x, int64_t i, int64_t t);

hoop_status hoop__attention_forward(const hoop_call *c);
int64_t     hoop__attention_workspace(const hoop_call *c);
hoop_status hoop__attention_backward(const hoop_call *c);
int64_t     hoop__attention_backward_workspace(const hoop_call *c);

#endif
