/**
 * observe/pace.h - steps and samples a second, and the shares of waiting, over the last seconds: what was done in a window of
 * time over the length of that window by the wall clock. The time that is left follows from it. Validation and checkpoints lie in
 * it like everything else: this is how far a run gets.
 */
#ifndef HOOP_OBSERVE_PACE_H
#define HOOP_OBSERVE_PACE_H

#include <stdint.h>

/** At one moment; all but now_s add up from any beginning. */
typedef struct hoop__pace_mark {
    double  now_s, stall_s, communication_s;
    int64_t samples, steps;
} hoop__pace_mark;

enum { HOOP__PACE_S = 20 /* the window, in seconds; steps that take longer are seen whole */, HOOP__PACE_MARKS = 24 };

typedef struct hoop__pace {
    hoop__pace_mark mark[HOOP__PACE_MARKS]; /* the oldest first, a second apart at least */
    int             n;
    hoop__pace_mark now;
} hoop__pace;

typedef struct hoop__pace_rates {
    double samples_per_s, steps_per_s;
    double stall, communication; /* from 0 to 1; all NAN where no time has passed */
} hoop__pace_rates;

void             hoop__pace_begin(hoop__pace *p, const hoop__pace_mark *now);
void             hoop__pace_move(hoop__pace *p, const hoop__pace_mark *now);
hoop__pace_rates hoop__pace_of(const hoop__pace *p);

#endif
