#include "base/clock.h"

#include <stdio.h>
#include <time.h>

double hoop__now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void hoop__now_utc(bool fine, char out[HOOP__UTC])
{
    struct timespec now;
    struct tm       utc;
    char            second[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &utc);
    if (fine)
        (void)snprintf(out, HOOP__UTC, "%s.%03ldZ", second, now.tv_nsec / 1000000);
    else
        (void)snprintf(out, HOOP__UTC, "%sZ", second);
}
