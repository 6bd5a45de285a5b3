/** command/profile.h - prints where the time of a step goes (hoop/profile.h), beside what this machine could do. */
#ifndef HOOP_COMMAND_PROFILE_H
#define HOOP_COMMAND_PROFILE_H

#include <jansson.h>

#include "command/limits.h"
#include "hoop/profile.h"

/** What --help says of the table. */
#define PROFILE_HELP                                                                                                             \
    "The profile is of rank 0: wall time by op, forward and backward apart, the\n"                                               \
    "longest first. GF/s are of products; GB/s of what else an op reads and\n"                                                   \
    "writes, its inputs and outputs once. The limit: fused multiply-adds in\n"                                                   \
    "registers, or a memcpy that moves as many bytes, measured in the same run on\n"                                             \
    "the rank's threads. engine: shapes, storage and records around ops; other:\n"                                               \
    "what is in no row."

/** What was profiled: so many steps, which took so long by another clock than the profile's. */
typedef struct profile_steps {
    hoop_profile *profile;
    int64_t       steps;
    double        seconds;
} profile_steps;

/** A table on standard output. False: no memory. Calls: Local. */
bool profile_print(const profile_steps *p, const rank_limits *limits);
/** The same for --json: {steps, ms_per_step, fma_gflops, memcpy_gb_s, rows: [{name, phase, op, calls_per_step, ...}]}. NULL: no
 * memory. Calls: Local. */
json_t *profile_json(const profile_steps *p, const rank_limits *limits);

#endif
