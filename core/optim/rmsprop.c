/* rmsprop: Tieleman & Hinton, lecture 6.5 of 'Neural Networks for Machine Learning', 2012; centered as in Graves, 'Generating
 * Sequences With Recurrent Neural Networks', 2013. */
#include "hoop/optim.h"

#include "runtime/runtime.h"

extern const hoop_optim_kind hoop__optim_rmsprop;

#define AT(field) offsetof(hoop_rmsprop_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-2", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "added to the gradient"},
    {"alpha", HOOP_OPT_FLOAT, AT(alpha), "0.99", 0, 0.99999999, NULL, true, "decay of the mean of squares"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-8", 0, 1, NULL, true, "added to its root"},
    {"momentum", HOOP_OPT_FLOAT, AT(momentum), "0.0", 0, 1, NULL, true, "of the sum of steps"},
    {"centered", HOOP_OPT_BOOL, AT(centered), "false", 0, 0, NULL, true, "divide by an estimate of the variance"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

static int states(const void *opts, const char **names)
{
    const hoop_rmsprop_opts *o = opts;
    names[0]                   = "square_avg";
    names[1]                   = "momentum_buffer";
    names[2]                   = "grad_avg";
    return o->centered ? 3 : o->momentum > 0.0 ? 2 : 1;
}

static int state_shape(const void *opts, int i, int ndim, const int64_t *shape, int64_t *out)
{
    (void)shape, (void)out;
    return i == 1 && !(((const hoop_rmsprop_opts *)opts)->momentum > 0.0) ? -1 : ndim;
}

static void update(const hoop_optim_call *c)
{
    const hoop_rmsprop_opts *o        = c->opts;
    const hoop_update        u        = {.grad_scale   = c->grad_scale,
                                         .lr           = c->lr,
                                         .weight_decay = o->weight_decay,
                                         .momentum     = o->momentum,
                                         .beta2        = o->alpha,
                                         .eps          = o->eps};
    void *const              state[3] = {c->state[0], o->momentum > 0.0 ? c->state[1] : NULL, o->centered ? c->state[2] : NULL};
    c->rt->kernels->rmsprop[c->dtype](c->n, &u, c->w, c->g, state);
}

const hoop_optim_kind hoop__optim_rmsprop = {
    .name        = "rmsprop",
    .help        = "the gradient by the root of a mean of its squares",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_rmsprop_opts),
    .states      = states,
    .state_shape = state_shape,
    .update      = update,
};
