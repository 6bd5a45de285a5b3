/* adagrad: Duchi, Hazan & Singer, JMLR 2011, diagonal. */
#include "hoop/optim.h"

#include "runtime/runtime.h"

extern const hoop_optim_kind hoop__optim_adagrad;

#define AT(field) offsetof(hoop_adagrad_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-2", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "added to the gradient"},
    {"lr_decay", HOOP_OPT_FLOAT, AT(lr_decay), "0.0", 0, 1e6, NULL, true, "lr is divided by 1 + lr_decay * (steps done)"},
    {"initial_accumulator_value", HOOP_OPT_FLOAT, AT(initial_accumulator_value), "0.0", 0, 1e30, NULL, true,
     "what the sums of squares begin with"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-10", 0, 1, NULL, true, "added to their root"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

static int states(const void *opts, const char **names)
{
    (void)opts;
    names[0] = "sum";
    return 1;
}

static void update(const hoop_optim_call *c)
{
    const hoop_adagrad_opts *o = c->opts;
    const hoop_update        u = {.grad_scale   = c->grad_scale,
                                  .lr           = c->lr / (1.0 + (double)(c->step - 1) * o->lr_decay),
                                  .weight_decay = o->weight_decay,
                                  .eps          = o->eps,
                                  .initial      = o->initial_accumulator_value,
                                  .first        = c->step == 1};
    c->rt->kernels->adagrad[c->dtype](c->n, &u, c->w, c->g, c->state);
}

const hoop_optim_kind hoop__optim_adagrad = {
    .name      = "adagrad",
    .help      = "the gradient by the root of the sum of its squares",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_adagrad_opts),
    .states    = states,
    .update    = update,
};
