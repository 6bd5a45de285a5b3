/** core/optim/kinds.h - what optimisers and schedules share: a copy of a kind's options, filled and checked. */
#ifndef HOOP_OPTIM_KINDS_H
#define HOOP_OPTIM_KINDS_H

#include "hoop/option.h"

#define HOOP__TOTAL_STEPS "steps behind the warm-up that it takes; auto: all there are"

/** Copy `size` bytes of opts (NULL: zeros) to out, put defaults where they are 0, check all. Errors: HOOP_ECONFIG. */
hoop_status hoop__kind_opts(const hoop_option_table *table, size_t size, const void *opts, hoop_error *err, void *out);
/** Step `step` as a share of total (HOOP_OPT_AUTO: of steps), at most 1. */
double hoop__schedule_share(int64_t total, int64_t step, int64_t steps);
/** Half a cosine from a (share 0) to b (share 1). */
double hoop__schedule_wave(double a, double b, double share);

#endif
