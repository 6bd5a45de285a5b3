/** core/runtime/blas.h - the one door to matrix products: our own kernel, or BLAS where `gemm: blas` asks for it. */
#ifndef HOOP_BLAS_H
#define HOOP_BLAS_H

#include "hoop/op.h"

#include "kernels/gemm.h"

const char *hoop__blas_name(char *out, size_t size); /* "openblas-Zen-0.3.21": its kernels and version */

/** C (m, n) row-major, ldc; op(A) (m, k); op(B) (k, n); each `batch` times at the given element strides. */
typedef struct hoop_gemm_args {
    hoop_dtype     dtype;
    bool           ta, tb, add; /* add: C += */
    int64_t        m, n, k;
    const void    *a, *b;
    void          *c;
    int64_t        lda, ldb, ldc;
    int64_t        batch;
    const int64_t *a_offset, *b_offset; /* by batch, in elements; NULL: 0 */
    int64_t        c_step;              /* elements from one C to the next */
    const void    *bias;                /* (n) added to each row; NULL: none; not with add */
} hoop_gemm_args;

/** hoop's own kernel for products of dtype: an element's bits depend on its row and its column alone. NULL under `gemm: blas`:
 * they are BLAS's, whose bits depend on the shape. */
hoop_gemm_fn *hoop__gemm_kernel(const struct hoop_kernels *kernels, bool blas, hoop_dtype dtype);

/** Scratch memory that hoop__gemm wants for args. */
int64_t hoop__gemm_work_bytes(const hoop_call *call, const hoop_gemm_args *args);
/** work: hoop__gemm_work_bytes of it, 64-aligned (NULL where that is 0). */
hoop_status hoop__gemm(const hoop_call *call, const hoop_gemm_args *args, void *work);

#endif
