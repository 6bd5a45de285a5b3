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

enum { LIMITS_COPIES = 9, LIMITS_COPY_FIRST = 1 << 10, LIMITS_COPY_FACTOR = 4 }; /* of 1 KiB to 64 MiB */

/** The same of all threads of a runtime together. */
typedef struct rank_limits {
    double fma_gflops;
    double copy_gb_s[LIMITS_COPIES]; /* memcpy again and again of so much, bytes copied: from caches, then memory */
} rank_limits;

/** Takes about 0.2 s. Calls: Local. */
hoop_status limits_measure_rank(hoop_runtime *rt, hoop_error *err, rank_limits *out);
/** GB/s that a memcpy moves which reads and writes `bytes` altogether. Calls: Local. */
double limits_move(const rank_limits *l, double bytes);

#endif
