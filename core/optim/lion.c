/* lion: steps of one size, whose signs are those of a mean of gradients. Chen et al., 'Symbolic Discovery of Optimization
 * Algorithms', NeurIPS 2023, algorithm 2. */
#include "hoop/optim.h"

#include "runtime/runtime.h"

extern const hoop_optim_kind hoop__optim_lion;

#define AT(field) offsetof(hoop_lion_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-4", 0, 1e6, NULL, true, "learning rate, before the schedule: what a step moves a weight"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "times lr, off the weights"},
    {"beta1", HOOP_OPT_FLOAT, AT(beta1), "0.9", 0, 1, NULL, true, "share of exp_avg in the mean whose sign is the step's"},
    {"beta2", HOOP_OPT_FLOAT, AT(beta2), "0.99", 0, 1, NULL, true, "decay of exp_avg"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

static int states(const void *opts, const char **names)
{
    (void)opts;
    names[0] = "exp_avg";
    return 1;
}

static void update(const hoop_optim_call *c)
{
    const hoop_lion_opts *o = c->opts;
    const hoop_update     u = {
            .grad_scale = c->grad_scale, .lr = c->lr, .weight_decay = o->weight_decay, .beta1 = o->beta1, .beta2 = o->beta2};
    c->rt->kernels->lion[c->dtype](c->n, &u, c->w, c->g, c->state);
}

const hoop_optim_kind hoop__optim_lion = {
    .name      = "lion",
    .help      = "steps of size lr, along the sign of a mean of gradients",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_lion_opts),
    .states    = states,
    .update    = update,
};
