/** bench/limits.h - what this machine can do at this moment: the rates that benchmarks are held against. */
#ifndef HOOP_LIMITS_H
#define HOOP_LIMITS_H

#include "hoop/runtime.h"

typedef struct hoop__limits {
    double fma_gflops;  /* f32 fused multiply-adds in registers, one thread, the runtime's instruction set */
    double gemm_gflops; /* OpenBLAS's sgemm, 1024 x 1024 x 1024, one thread */
    double memcpy_gb_s; /* 64 MiB, bytes copied */
} hoop__limits;

/** Takes about 0.3 s. Calls: Local. */
hoop_status hoop__limits_measure(hoop_runtime *rt, hoop_error *err, hoop__limits *out);

#endif
