/* adam: Kingma & Ba, ICLR 2015. */
#include "optim/adam.h"

#include "kernels/vmath64.h"
#include "runtime/runtime.h"

extern const hoop_optim_kind hoop__optim_adam;

#define AT(field) offsetof(hoop_adam_opts, field)
const hoop_option hoop__adam_rows[HOOP__ADAM_ROWS] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-3", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true,
     "adamw: times lr, off the weights; adam: added to the gradient"},
    {"beta1", HOOP_OPT_FLOAT, AT(beta1), "0.9", 0, 0.999999, NULL, true, "decay of the first moment"},
    {"beta2", HOOP_OPT_FLOAT, AT(beta2), "0.999", 0, 0.99999999, NULL, true, "decay of the second moment"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-8", 0, 1, NULL, true, "added to the root of the second moment"},
    {"amsgrad", HOOP_OPT_BOOL, AT(amsgrad), "false", 0, 0, NULL, true, "divide by the largest second moment so far"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

int hoop__moments(const void *opts, const char **names)
{
    (void)opts;
    names[0] = "exp_avg";
    names[1] = "exp_avg_sq";
    return 2;
}

int hoop__adam_states(const void *opts, const char **names)
{
    (void)hoop__moments(opts, names);
    names[2] = "max_exp_avg_sq";
    return ((const hoop_adam_opts *)opts)->amsgrad ? 3 : 2;
}

void hoop__adam_update(const hoop_optim_call *c, bool decoupled)
{
    const hoop_adam_opts *o = c->opts;
    const hoop_update     u = {.grad_scale   = c->grad_scale,
                               .lr           = c->lr,
                               .weight_decay = o->weight_decay,
                               .beta1        = o->beta1,
                               .beta2        = o->beta2,
                               .eps          = o->eps,
                               .bias1        = 1.0 - v_power_f64(o->beta1, c->step),
                               .bias2        = 1.0 - v_power_f64(o->beta2, c->step),
                               .decoupled    = decoupled};
    c->rt->kernels->adam[c->dtype](c->n, &u, c->w, c->g, c->state[0], c->state[1], o->amsgrad ? c->state[2] : NULL);
}

static void update(const hoop_optim_call *c)
{
    hoop__adam_update(c, false);
}

const hoop_optim_kind hoop__optim_adam = {
    .name      = "adam",
    .help      = "moments of the gradient; weight decay is part of it",
    .options   = {"", hoop__adam_rows, HOOP__ADAM_ROWS},
    .opts_size = sizeof(hoop_adam_opts),
    .states    = hoop__adam_states,
    .update    = update,
};
