/* constant: lr itself. */
#include "hoop/optim.h"

extern const hoop_schedule_kind hoop__schedule_constant;

static double factor(const void *opts, int64_t step, int64_t steps)
{
    (void)opts, (void)step, (void)steps;
    return 1.0;
}

const hoop_schedule_kind hoop__schedule_constant = {.name = "constant", .help = "lr itself", .factor = factor};
