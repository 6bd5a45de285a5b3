/* radam: Adam that waits for its second moment. Liu et al., 'On the Variance of the Adaptive Learning Rate and Beyond', ICLR
 * 2020; what it divides by, and from when on, as PyTorch has it. */
#include "optim/adam.h"

#include "kernels/vmath64.h"
#include "runtime/runtime.h"

#include <math.h>

extern const hoop_optim_kind hoop__optim_radam;

#define AT(field) offsetof(hoop_radam_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-3", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "added to the gradient"},
    {"decoupled_weight_decay", HOOP_OPT_BOOL, AT(decoupled_weight_decay), "false", 0, 0, NULL, true,
     "weight_decay times lr comes off the weights"},
    {"beta1", HOOP_OPT_FLOAT, AT(beta1), "0.9", 0, 0.999999, NULL, true, "decay of the first moment"},
    {"beta2", HOOP_OPT_FLOAT, AT(beta2), "0.999", 0, 0.99999999, NULL, true, "decay of the second moment"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-8", 0, 1, NULL, true, "added to the root of the second moment"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

static void update(const hoop_optim_call *c)
{
    const hoop_radam_opts *o     = c->opts;
    const double           power = v_power_f64(o->beta2, c->step), bias2 = 1.0 - power;
    const double           most = 2.0 / (1.0 - o->beta2) - 1.0, length = most - 2.0 * (double)c->step * power / bias2;
    const bool             plain = !(length > 5.0);
    const double           rise  = (length - 4.0) * (length - 2.0) * most / ((most - 4.0) * (most - 2.0) * length);
    hoop_update            u     = {.grad_scale   = c->grad_scale,
                                    .lr           = c->lr,
                                    .weight_decay = o->weight_decay,
                                    .beta1        = o->beta1,
                                    .beta2        = o->beta2,
                                    .eps          = o->eps,
                                    .decoupled    = o->decoupled_weight_decay,
                                    .plain        = plain};
    u.step                       = c->lr / (1.0 - v_power_f64(o->beta1, c->step));
    if (!plain) u.step *= sqrt(bias2) * sqrt(rise);
    c->rt->kernels->radam[c->dtype](c->n, &u, c->w, c->g, c->state);
}

const hoop_optim_kind hoop__optim_radam = {
    .name      = "radam",
    .help      = "Adam that steps along the first moment until the second is known",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_radam_opts),
    .states    = hoop__moments,
    .update    = update,
};
