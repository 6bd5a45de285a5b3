/** core/optim/kinds.h - what optimisers and schedules share: a copy of a kind's options, filled and checked. */
#ifndef HOOP_OPTIM_KINDS_H
#define HOOP_OPTIM_KINDS_H

#include "hoop/option.h"

/** Copy `size` bytes of opts (NULL: zeros) to out, put defaults where they are 0, check all. Errors: HOOP_ECONFIG. */
hoop_status hoop__kind_opts(const hoop_option_table *table, size_t size, const void *opts, hoop_error *err, void *out);

#endif
