/* core/kernels/gemm_work.c - the workspace of a matrix product. Compiled once. */
#include "kernels/gemm.h"

int64_t hoop_gemm_work_bytes(const hoop_gemm *g)
{
    const int64_t size  = (int64_t)sizeof(double); /* of f32 as much */
    int64_t       depth = g->k < HOOP_GEMM_DEPTH ? g->k : HOOP_GEMM_DEPTH, wide = g->m > g->n ? g->m : g->n, bytes;
    if (g->m <= 0 || g->n <= 0 || depth <= 0) return 0;
    bytes = HOOP_GEMM_PACK_BYTES;
    if (wide <= HOOP_GEMM_PACK_BYTES / (depth * size)) {
        bytes = (wide + HOOP_GEMM_PANEL - 1) / HOOP_GEMM_PANEL * HOOP_GEMM_PANEL * depth * size;
        if (bytes > HOOP_GEMM_PACK_BYTES) bytes = HOOP_GEMM_PACK_BYTES;
    }
    if (g->k > HOOP_GEMM_BLOCK) /* and rows */
        bytes = HOOP_GEMM_PACK_BYTES + (HOOP_GEMM_BLOCK + HOOP_GEMM_PANEL) * HOOP_GEMM_ROWS * HOOP_GEMM_GROUP * size;
    return (bytes + 63) / 64 * 64;
}
