/* Clipping by the global norm. */
#include "hoop/optim.h"

#include "runtime/runtime.h"

void hoop_grad_squares(const hoop_params *params, const hoop_runtime *rt, int64_t first_block, int64_t nblocks,
                       hoop_exact_scalar *sum)
{
    double     squares[64];
    hoop_dtype dtype = hoop_params_dtype(params);
    uint64_t   mode  = hoop_fp_enter();
    for (int64_t b = first_block; b < first_block + nblocks;) {
        int64_t n = first_block + nblocks - b < 64 ? first_block + nblocks - b : 64;
        rt->kernels->squares[dtype](n, (const char *)hoop_params_grad(params) + (size_t)(b * HOOP_BLOCK) * hoop_dtype_size(dtype),
                                    squares);
        for (int64_t i = 0; i < n; i++) hoop_exact_scalar_deposit(sum, squares[i]);
        b += n;
    }
    hoop_fp_restore(mode);
}

static HOOP_NOINLINE double clip_factor(double norm, double clip_norm)
{
    double factor = clip_norm / (norm + 1e-6);
    return clip_norm > 0.0 && factor < 1.0 ? factor : 1.0;
}

double hoop_clip_factor(double norm, double clip_norm)
{
    uint64_t mode   = hoop_fp_enter();
    double   factor = clip_factor(norm, clip_norm);
    hoop_fp_restore(mode);
    return factor;
}
