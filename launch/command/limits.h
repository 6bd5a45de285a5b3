/** command/limits.h - what this machine can do at this moment: the rates that benchmarks are held against. */
#ifndef HOOP_COMMAND_LIMITS_H
#define HOOP_COMMAND_LIMITS_H

#include "hoop/runtime.h"

typedef struct machine_limits {
    double fma_gflops;  /* f32 fused multiply-adds in registers, one thread, the runtime's instruction set */
    double gemm_gflops; /* OpenBLAS's sgemm, 1024 x 1024 x 1024, one thread */
    double memcpy_gb_s; /* 64 MiB, bytes copied */
} machine_limits;

/** Takes about 0.3 s. Calls: Local. */
hoop_status limits_measure(hoop_runtime *rt, hoop_error *err, machine_limits *out);

#endif
