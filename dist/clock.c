/* clock.c - the time, and the patience of who waits for others. */
#include "comm_internal.h"

#include <sched.h>
#include <time.h>

enum { SPINS_BEFORE_YIELD = 2000, SPINS_BEFORE_YIELD_CROWDED = 4 };

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t hoop__clock_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC_COARSE);
}

int64_t hoop__clock_precise_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void hoop__comm_relax(const hoop_comm *c, int64_t *spins)
{
    const int64_t patience = c->host_ranks > c->host_cores ? SPINS_BEFORE_YIELD_CROWDED : SPINS_BEFORE_YIELD;
    if (++*spins > patience) (void)sched_yield();
}
