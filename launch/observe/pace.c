#include "observe/pace.h"

#include <math.h>
#include <string.h>

void hoop__pace_begin(hoop__pace *p, const hoop__pace_mark *now)
{
    p->mark[0] = p->now = *now;
    p->n                = 1;
}

void hoop__pace_move(hoop__pace *p, const hoop__pace_mark *now)
{
    int old = 0;
    p->now  = *now;
    if (now->now_s - p->mark[p->n - 1].now_s < 1.0) return;
    while (old + 1 < p->n && now->now_s - p->mark[old + 1].now_s >= HOOP__PACE_S) old++; /* the window begins at mark[0] */
    if (old == 0 && p->n == HOOP__PACE_MARKS) old = 1;
    memmove(p->mark, p->mark + old, (size_t)(p->n - old) * sizeof p->mark[0]);
    p->n -= old;
    p->mark[p->n++] = *now;
}

static double share(double part, double whole)
{
    return fmin(1, fmax(0, part / whole));
}

hoop__pace_rates hoop__pace_of(const hoop__pace *p)
{
    const hoop__pace_mark *from = &p->mark[0], *to = &p->now;
    double                 time = to->now_s - from->now_s;
    if (!(time > 0)) return (hoop__pace_rates){NAN, NAN, NAN, NAN};
    return (hoop__pace_rates){.samples_per_s = (double)(to->samples - from->samples) / time,
                              .steps_per_s   = (double)(to->steps - from->steps) / time,
                              .stall         = share(to->stall_s - from->stall_s, time),
                              .communication = share(to->communication_s - from->communication_s, time)};
}
