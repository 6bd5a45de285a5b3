/** core/runtime/runtime.h - what an engine computes with: the kernels of this processor, threads, a cap on memory. */
#ifndef HOOP_RUNTIME_INSIDE_H
#define HOOP_RUNTIME_INSIDE_H

#include "hoop/profile.h"
#include "hoop/runtime.h"

#include "base/threads.h"
#include "kernels/kernels.h"

struct hoop_runtime {
    const hoop_kernels *kernels;
    hoop_threads       *threads;
    int64_t             memory_cap_bytes;
    bool                blas;
    hoop_profile       *profile; /* NULL: none is being made */
    char                numerics[HOOP_NFLOAT][96], build[192];
};

#endif
