/** launch/command/workloads.h - the benchmark's workloads: models, and what they are trained on. */
#ifndef HOOP_WORKLOADS_H
#define HOOP_WORKLOADS_H

#include <stdint.h>

#include "hoop/dtype.h"

/** A row of inputs and of targets: floats of a shape, or integers below a number of them. */
typedef struct workload {
    const char *name, *about, *config;
    int         ndim, target_ndim;
    int64_t     shape[3], target_shape[1];
    int64_t     vocabulary; /* of inputs that are looked up; 0: they are floats */
    int64_t     classes;    /* of targets that are labels; 0: they are floats */
    int64_t     batch;      /* of one rank: more ranks do more work */
    int         steps;      /* to time, where nothing else is said */
} workload;

/** Workload i; NULL after the last. */
const workload *workload_get(int i);

#endif
