/* Clipping, by the global norm and by value. */
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

typedef struct clip_job {
    void      *g;
    hoop_dtype dtype;
    double     most;
} clip_job;

#define CLIP(dt, T)                                                                                                              \
    static HOOP_NOINLINE void clip_##dt(T *g, int64_t n, T most)                                                                 \
    {                                                                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                                                        \
            const T x = g[i] > most ? most : g[i];                                                                               \
            g[i]      = x < -most ? -most : x;                                                                                   \
        }                                                                                                                        \
    }
CLIP(f32, float)
CLIP(f64, double)
#undef CLIP

static void clip_part(const void *ctx, int64_t first, int64_t n)
{
    const clip_job *job = ctx;
    if (job->dtype == HOOP_F64)
        clip_f64((double *)job->g + first * HOOP_BLOCK, n * HOOP_BLOCK, job->most);
    else
        clip_f32((float *)job->g + first * HOOP_BLOCK, n * HOOP_BLOCK, (float)job->most);
}

void hoop_grad_clip_values(const hoop_params *params, const hoop_runtime *rt, int64_t first_block, int64_t nblocks, double most)
{
    const hoop_dtype dtype = hoop_params_dtype(params);
    const clip_job   job = {(char *)hoop_params_grad(params) + (size_t)(first_block * HOOP_BLOCK) * hoop_dtype_size(dtype), dtype,
                            most};
    const uint64_t   mode = hoop_fp_enter();
    hoop_threads_share(rt->threads, nblocks, HOOP_BLOCK * (int64_t)hoop_dtype_size(dtype), 1, clip_part, &job);
    hoop_fp_restore(mode);
}
