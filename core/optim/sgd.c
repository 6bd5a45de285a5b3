/* sgd: with momentum as in Sutskever et al., ICML 2013; Nesterov's as PyTorch has it. */
#include "hoop/optim.h"

#include "runtime/runtime.h"

extern const hoop_optim_kind hoop__optim_sgd;

#define AT(field) offsetof(hoop_sgd_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-3", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "added to the gradient"},
    {"momentum", HOOP_OPT_FLOAT, AT(momentum), "0.0", 0, 1, NULL, true, "of the sum of gradients"},
    {"dampening", HOOP_OPT_FLOAT, AT(dampening), "0.0", 0, 1, NULL, true, "of the gradient in that sum"},
    {"nesterov", HOOP_OPT_BOOL, AT(nesterov), "false", 0, 0, NULL, true, "Nesterov's momentum"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

static int states(const void *opts, const char **names)
{
    names[0] = "momentum_buffer";
    return ((const hoop_sgd_opts *)opts)->momentum > 0.0 ? 1 : 0;
}

static hoop_status check(const void *opts, hoop_error *err)
{
    const hoop_sgd_opts *o = opts;
    if (!o->nesterov || (o->momentum > 0.0 && o->dampening == 0.0)) return HOOP_OK;
    return hoop_fail(err, HOOP_ECONFIG, "nesterov: wants a momentum above 0 and no dampening, such as momentum: 0.9");
}

static void update(const hoop_optim_call *c)
{
    const hoop_sgd_opts *o = c->opts;
    const hoop_update    u = {.grad_scale   = c->grad_scale,
                              .lr           = c->lr,
                              .weight_decay = o->weight_decay,
                              .momentum     = o->momentum,
                              .dampening    = o->dampening,
                              .nesterov     = o->nesterov,
                              .first        = c->step == 1};
    c->rt->kernels->sgd[c->dtype](c->n, &u, c->w, c->g, c->state[0]);
}

const hoop_optim_kind hoop__optim_sgd = {
    .name      = "sgd",
    .help      = "steps along the gradient, or along a decaying sum of gradients",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_sgd_opts),
    .states    = states,
    .check     = check,
    .update    = update,
};
