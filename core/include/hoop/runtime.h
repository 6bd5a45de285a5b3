/**
 * hoop/runtime.h - what an engine runs on: an instruction set, threads, a memory cap.
 *
 * A program makes one (or several; there is no global state) and creates its tapes and stores on it. It must outlive them.
 */
#ifndef HOOP_RUNTIME_H
#define HOOP_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_runtime hoop_runtime;
struct hoop_kernels;

typedef struct hoop_runtime_opts {
    const char *isa;              /* "avx512", "avx2", "baseline"; NULL or "auto": the best here */
    int         threads;          /* of this rank, the caller's included; 0: 1 */
    int64_t     memory_cap_bytes; /* of tensors on tapes; 0: none */
    bool        blas;             /* matrix products by OpenBLAS instead of hoop's own kernels */
} hoop_runtime_opts;

/** Owns: caller. Errors: HOOP_EARG (isa, threads), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status                hoop_runtime_create(const hoop_runtime_opts *opts, hoop_error *err, hoop_runtime **out);
HOOP_API void                       hoop_runtime_destroy(hoop_runtime **rt);
HOOP_API int                        hoop_runtime_threads(const hoop_runtime *rt);
HOOP_API const struct hoop_kernels *hoop_runtime_kernels(const hoop_runtime *rt);
/** Run task(ctx, 0) .. task(ctx, n - 1) on the runtime's threads, in any order, and return when all are done. rt NULL: on this
 *  thread. Calls: Local. */
HOOP_API void hoop_runtime_run(const hoop_runtime *rt, int64_t n, void (*task)(void *ctx, int64_t i), void *ctx);
/** What decides the bits of computing in dtype (f32 or f64) beside config, data and seed. "f32-1": hoop's own arithmetic, by its
 *  number; whatever the processor, its instruction set, the compiler and libm, it has one set of bits. Where matrix products are
 *  OpenBLAS's, its kernels and version follow: "f32-1 openblas-Zen-0.3.21". Valid while rt lives. Calls: Local. */
HOOP_API const char *hoop_runtime_numerics(const hoop_runtime *rt, hoop_dtype dtype);
/** Version and a hash of hoop's sources: what is the same for all compilers and processors. Calls: Local. */
HOOP_API const char *hoop_runtime_sources(void);
/** For people: "0.1.0-4f0c2ab9e1 gcc-12.2.0 avx512 openblas-Zen-0.3.21": hoop's version and a hash of its sources, compiler,
 *  instruction set, OpenBLAS's kernels and version. Valid while rt lives. Calls: Local. */
HOOP_API const char *hoop_runtime_build(const hoop_runtime *rt);

/** Round to nearest, denormals kept, on this thread; returns what was set before, for hoop_fp_restore. Every call of hoop that
 *  computes does this by itself, so that a host built with -ffast-math (which sets flush-to-zero) changes no bits; who computes
 *  between calls what must have the same bits everywhere does it too. Calls: Local. */
HOOP_API uint64_t hoop_fp_enter(void);
HOOP_API void     hoop_fp_restore(uint64_t before);

#ifdef __cplusplus
}
#endif
#endif
