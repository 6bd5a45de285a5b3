/** base/clock.h - what time it is. */
#ifndef HOOP_LAUNCH_CLOCK_H
#define HOOP_LAUNCH_CLOCK_H

#include <stdbool.h>

/** Seconds, never backwards (CLOCK_MONOTONIC). */
double hoop__now_s(void);

enum { HOOP__UTC = 40 };
/** The date and time as ISO 8601 has them: 2026-01-31T12:00:00Z, or with fine ...00.000Z. */
void hoop__now_utc(bool fine, char out[HOOP__UTC]);

#endif
