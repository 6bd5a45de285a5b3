/**
 * core/kernels/gemm.h - matrix products: what is asked for, and the sizes that callers and all instruction sets share.
 */
#ifndef HOOP_GEMM_H
#define HOOP_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/status.h"

/**
 * C (m, n) = or += op(A) (m, k) op(B) (k, n), row-major; op(X) = X, or X transposed where ta, tb say so. bias (n), may be NULL,
 * is added to every row; not with add. C overlaps none of the others.
 *
 * Each element is, for each block of HOOP_GEMM_BLOCK along k, a chain of fma from zero in ascending k; the blocks' sums are added
 * in order to C's old value or to the first of them, then the bias. So its bits depend on its row of A, its column of B, its
 * old value and its bias: not on m, n, the tiles, or how a caller cuts C into pieces (along m and n; along k at multiples of
 * HOOP_GEMM_BLOCK).
 */
typedef struct hoop_gemm {
    bool        ta, tb;
    int64_t     m, n, k;
    const void *a;
    int64_t     lda;
    const void *b;
    int64_t     ldb;
    void       *c;
    int64_t     ldc;
    bool        add;
    const void *bias;
} hoop_gemm;

enum {
    HOOP_GEMM_BLOCK      = 256,
    HOOP_GEMM_DEPTH      = 4 * HOOP_GEMM_BLOCK, /* of k that is packed at a time */
    HOOP_GEMM_PANEL      = 32,                  /* columns of a packed panel, at most */
    HOOP_GEMM_PACK_BYTES = 384 * 1024,          /* packed at a time: stays in a second-level cache */
    HOOP_GEMM_ROWS       = 12,                  /* rows of a tile, at most */
    HOOP_GEMM_GROUP      = 4                    /* tiles whose rows are packed together, so that lines of memory are read whole */
};

/** Bytes of work (64-byte aligned) that the product needs: from its shape alone, the same for every instruction set
 * and both types. Calls: Local. */
HOOP_API int64_t hoop_gemm_work_bytes(const hoop_gemm *g);

/** The product; work has hoop_gemm_work_bytes(g) bytes. */
typedef void hoop_gemm_fn(const hoop_gemm *g, void *work);

#endif
