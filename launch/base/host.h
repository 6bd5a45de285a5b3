/** base/host.h - what this process runs on: cores it may use, and the launcher that started it. */
#ifndef HOOP_LAUNCH_HOST_H
#define HOOP_LAUNCH_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/status.h"

enum { HOOP__HOST_NAME_MAX = 256, HOOP__CPU_BYTES = 1024 };

/** What one rank may run on. Plain bytes, the same on all ranks of a build: ranks gather it to share a host's cores. */
typedef struct hoop__cpus {
    char    host[HOOP__HOST_NAME_MAX];
    double  quota;                 /* cores' worth of time the cgroups allow all processes of it; 0: no limit */
    uint8_t mask[HOOP__CPU_BYTES]; /* bit c: may run on core c */
} hoop__cpus;

/** This process: scheduler affinity, and the tightest CPU quota of its cgroups (v1 or v2) and those above. */
void hoop__cpus_find(hoop__cpus *out);
/** Cores for rank `self` of all[n]: those of its mask, shared with the ranks of the same host whose masks meet it, and
 *  quota / ranks of that host, rounded down; at least 1. The same on all ranks for the same all[]. */
int64_t hoop__cpus_share(const hoop__cpus *all, int n, int self);
/** The smallest share of all[n], and whose it is. */
int64_t hoop__cpus_least(const hoop__cpus *all, int n, int *who);
/** The variable by which the OpenMP runtime has bound this process to a core before main (it comes with OpenBLAS), or NULL. */
const char *hoop__cpus_bound_by(void);
/** Threads that OMP_NUM_THREADS asks for, as other programs read it: a number from 1 to 1024, or the first of a list ("4,2").
 *  0: it is not set; -1: it is something else. */
int64_t hoop__cpus_asked_for(void);
/** The quota from /proc/self/cgroup, /proc/self/mountinfo and cpu.max or cpu.cfs_quota_us, all below `root` ("" but in tests). */
double hoop__cgroup_quota(const char *root);

/** Who started this process as one of several, read off the environment. */
typedef struct hoop__launcher {
    const char *name;     /* "Open MPI's mpirun"; NULL: none */
    const char *variable; /* the one that told, such as PMI_SIZE */
    int64_t     size;     /* ranks it started; -1: it doesn't say */
    int64_t     rank;     /* of this process; -1: it doesn't say */
} hoop__launcher;

hoop__launcher hoop__launcher_find(void);
/** True if MPI_Init should be called: a launcher started more than one rank, or doesn't say how many. (A lone process spends
 *  0.4 s in Open MPI's MPI_Init.) */
bool hoop__launcher_needs_mpi(const hoop__launcher *launcher);
/** True in the process that is to tell what all of a launcher's find wrong alike, such as a mistake in their command line, and
 *  to do what is done once: the first; each, where Open MPI's mpirun started several command lines. */
bool hoop__launcher_speaks(const hoop__launcher *launcher);
/** HOOP_ECOMM when the launcher started several ranks and MPI sees one: each would train alone and write the same files. */
hoop_status hoop__launcher_check(const hoop__launcher *launcher, int64_t world_size, hoop_error *err);

#endif
