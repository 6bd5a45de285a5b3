/* core/kernels/gemm_work.c - the workspace of a matrix product. Compiled once. */
#include "kernels/gemm.h"

int64_t hoop_gemm_work_bytes(const hoop_gemm *g)
{
    int64_t depth = g->k < HOOP_GEMM_DEPTH ? g->k : HOOP_GEMM_DEPTH, wide = g->m > g->n ? g->m : g->n, floats = HOOP_GEMM_PACK;
    if (g->m <= 0 || g->n <= 0 || depth <= 0) return 0;
    if (wide <= HOOP_GEMM_PACK / depth) {
        floats = (wide + HOOP_GEMM_PANEL - 1) / HOOP_GEMM_PANEL * HOOP_GEMM_PANEL * depth;
        if (floats > HOOP_GEMM_PACK) floats = HOOP_GEMM_PACK;
    }
    if (g->k > HOOP_GEMM_BLOCK)
        floats = HOOP_GEMM_PACK + (HOOP_GEMM_BLOCK + HOOP_GEMM_PANEL) * HOOP_GEMM_ROWS * HOOP_GEMM_GROUP; /* and rows */
    return (floats * (int64_t)sizeof(float) + 63) / 64 * 64;
}
