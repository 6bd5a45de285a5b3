/** core/ops/random/random.h - what random ops are keyed by. */
#ifndef HOOP_OPS_RANDOM_INTERNAL_H
#define HOOP_OPS_RANDOM_INTERNAL_H

#include "ops/shape.h"
#include "tape/tape.h"

/* how often the tape's site has drawn since the reset; counts this one */
uint64_t hoop__random_call(hoop_tape *t);
/* of the tape's seed, step and leaf, and a site's call */
hoop_key hoop__random_key(const hoop_call *c, int64_t site, int64_t call);

/* dropout with the numbers of a site's call */
hoop_tensor *hoop__dropout_of(hoop_tape *t, hoop_tensor *x, double p, int64_t site, int64_t call);

#endif
