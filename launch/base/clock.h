/** base/clock.h - seconds, never backwards (CLOCK_MONOTONIC). */
#ifndef HOOP_LAUNCH_CLOCK_H
#define HOOP_LAUNCH_CLOCK_H

double hoop__now_s(void);

#endif
