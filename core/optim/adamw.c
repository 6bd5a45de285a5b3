/* adamw: Adam with decoupled weight decay. Loshchilov & Hutter, ICLR 2019. */
#include "optim/adam.h"

extern const hoop_optim_kind hoop__optim_adamw;

static void update(const hoop_optim_call *c)
{
    hoop__adam_update(c, true);
}

const hoop_optim_kind hoop__optim_adamw = {
    .name      = "adamw",
    .help      = "Adam whose weight decay is no part of the gradient",
    .options   = {"", hoop__adam_rows, HOOP__ADAM_ROWS},
    .opts_size = sizeof(hoop_adam_opts),
    .states    = hoop__adam_states,
    .update    = update,
};
