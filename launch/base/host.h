/** base/host.h - what this process runs on: the cores it may use. */
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
/** Cores that may be run on, however many processors (hyper-threads) each shows: what mpirun binds to; by files of /sys below
 * `root`
 *  ("" but in tests), no more than the quota; at least 1. */
int64_t hoop__cpus_cores(const hoop__cpus *own, const char *root);
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

#endif
