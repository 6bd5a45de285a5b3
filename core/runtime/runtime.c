#include "hoop/runtime.h"

#include "runtime/blas.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <stdlib.h>

#include "source_id.h"

#if defined(__FAST_MATH__)
#error "hoop keeps bits: not with fast math"
#endif
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#if defined(__clang__)
#define COMPILER "clang-" TEXT(__clang_major__) "." TEXT(__clang_minor__) "." TEXT(__clang_patchlevel__)
#elif defined(__GNUC__)
#define COMPILER "gcc-" TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__) "." TEXT(__GNUC_PATCHLEVEL__)
#else
#define COMPILER "cc"
#endif

/* The arithmetic of hoop's own kernels, the same on every processor: one more where a change moves their bits. */
enum { NUMERICS_F32 = 1, NUMERICS_F64 = 1 };

static void describe(hoop_runtime *rt)
{
    static const int number[HOOP_NFLOAT] = {[HOOP_F32] = NUMERICS_F32, [HOOP_F64] = NUMERICS_F64};
    char             blas[80];
    (void)hoop__blas_name(blas, sizeof blas);
    (void)snprintf(rt->build, sizeof rt->build, "%s-%s %s %s %s", HOOP_VERSION, HOOP_SOURCE_ID, COMPILER, rt->kernels->isa, blas);
    for (int i = 0; i < HOOP_NFLOAT; i++)
        (void)snprintf(rt->numerics[i], sizeof rt->numerics[i], "%s-%d%s%s", hoop_dtype_name((hoop_dtype)i), number[i],
                       rt->blas ? " " : "", rt->blas ? blas : "");
}

hoop_status hoop_runtime_create(const hoop_runtime_opts *opts, hoop_error *err, hoop_runtime **out)
{
    static const hoop_runtime_opts defaults = {0};
    hoop_runtime                  *rt       = NULL;
    hoop_status                    st;
    int                            threads;
    *out = NULL;
    if (opts == NULL) opts = &defaults;
    threads = opts->threads == 0 ? 1 : opts->threads;
    rt      = calloc(1, sizeof *rt);
    if (rt == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a runtime");
    rt->memory_cap_bytes = opts->memory_cap_bytes;
    rt->blas             = opts->blas;
    HOOP_TRY(st, done, hoop_kernels_select(opts->isa, err, &rt->kernels));
    HOOP_TRY(st, done, hoop_threads_create(threads, err, &rt->threads));
    describe(rt);
    *out = rt;
    return HOOP_OK;
done:
    hoop_runtime_destroy(&rt);
    return st;
}

void hoop_runtime_destroy(hoop_runtime **rt)
{
    if (rt == NULL || *rt == NULL) return;
    hoop_threads_destroy(&(*rt)->threads);
    free(*rt);
    *rt = NULL;
}

int hoop_runtime_threads(const hoop_runtime *rt)
{
    return hoop_threads_count(rt->threads);
}

const struct hoop_kernels *hoop_runtime_kernels(const hoop_runtime *rt)
{
    return rt->kernels;
}

void hoop_runtime_run(const hoop_runtime *rt, int64_t n, void (*task)(void *ctx, int64_t i), void *ctx)
{
    hoop_threads_run(rt == NULL ? NULL : rt->threads, n, task, ctx);
}

const char *hoop_runtime_numerics(const hoop_runtime *rt, hoop_dtype dtype)
{
    return rt->numerics[dtype == HOOP_F64 ? HOOP_F64 : HOOP_F32];
}

const char *hoop_runtime_sources(void)
{
    return HOOP_VERSION "-" HOOP_SOURCE_ID;
}

const char *hoop_runtime_build(const hoop_runtime *rt)
{
    return rt->build;
}
