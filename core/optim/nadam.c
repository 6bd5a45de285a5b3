/* nadam: Adam with Nesterov's momentum. Dozat, ICLR workshop 2016; the momentum's schedule as PyTorch has it. */
#include "optim/adam.h"

#include "kernels/vmath64.h"
#include "runtime/runtime.h"

extern const hoop_optim_kind hoop__optim_nadam;

#define AT(field) offsetof(hoop_nadam_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "2e-3", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "added to the gradient"},
    {"decoupled_weight_decay", HOOP_OPT_BOOL, AT(decoupled_weight_decay), "false", 0, 0, NULL, true,
     "weight_decay times lr comes off the weights"},
    {"beta1", HOOP_OPT_FLOAT, AT(beta1), "0.9", 0, 0.999999, NULL, true, "decay of the first moment"},
    {"beta2", HOOP_OPT_FLOAT, AT(beta2), "0.999", 0, 0.99999999, NULL, true, "decay of the second moment"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-8", 0, 1, NULL, true, "added to the root of the second moment"},
    {"momentum_decay", HOOP_OPT_FLOAT, AT(momentum_decay), "4e-3", 0, 1e6, NULL, true,
     "how fast the momentum rises from beta1 / 2 to beta1"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

/* beta1 (1 - 0.96^(step * momentum_decay) / 2) */
static double momentum(const hoop_nadam_opts *o, int64_t step)
{
    return o->beta1 * (1.0 - 0.5 * v_exp_f64((double)step * o->momentum_decay * v_log_f64(0.96)));
}

/* run[0]: the product of all momenta so far */
static void begin(const void *opts, int64_t step, double *run)
{
    run[0] = (step == 1 ? 1.0 : run[0]) * momentum(opts, step);
}

static void update(const hoop_optim_call *c)
{
    const hoop_nadam_opts *o  = c->opts;
    const double           mu = momentum(o, c->step), next = momentum(o, c->step + 1);
    const hoop_update      u = {.grad_scale   = c->grad_scale,
                                .lr           = c->lr,
                                .weight_decay = o->weight_decay,
                                .beta1        = o->beta1,
                                .beta2        = o->beta2,
                                .eps          = o->eps,
                                .bias2        = 1.0 - v_power_f64(o->beta2, c->step),
                                .decoupled    = o->decoupled_weight_decay,
                                .step         = c->lr * (1.0 - mu) / (1.0 - c->run[0]),
                                .step2        = c->lr * next / (1.0 - c->run[0] * next)};
    c->rt->kernels->nadam[c->dtype](c->n, &u, c->w, c->g, c->state);
}

const hoop_optim_kind hoop__optim_nadam = {
    .name      = "nadam",
    .help      = "Adam with Nesterov's momentum",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_nadam_opts),
    .states    = hoop__moments,
    .begin     = begin,
    .update    = update,
};
