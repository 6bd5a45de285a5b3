/* lars: SGD whose steps are in proportion to each parameter's norm. You, Gitman & Ginsburg, 'Large Batch Training of
 * Convolutional Networks', 2017, algorithm 1, but that lr is no part of the momentum, as in PyTorch's SGD: the same where it is
 * constant. */
#include "hoop/optim.h"

#include "optim/whole.h"
#include "runtime/runtime.h"

#include <math.h>

extern const hoop_optim_kind hoop__optim_lars;

#define AT(field) offsetof(hoop_lars_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "0.1", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "added to the gradient"},
    {"momentum", HOOP_OPT_FLOAT, AT(momentum), "0.9", 0, 1, NULL, true, "of the sum of gradients times the ratio"},
    {"trust_coefficient", HOOP_OPT_FLOAT, AT(trust_coefficient), "1e-3", 0, 1e6, NULL, true,
     "lr is multiplied by this * |w| / (|g| + weight_decay * |w| + eps) of a parameter; 0: not, as one wants of biases"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-8", 0, 1, NULL, true, "added to the norm of the gradient"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

static int states(const void *opts, const char **names)
{
    (void)opts;
    names[0] = "momentum_buffer";
    return 1;
}

/* what lr is multiplied by: 1 where a norm is 0 */
static double trust(const hoop_optim_call *c)
{
    const hoop_lars_opts *o = c->opts;
    double                w, g;
    if (o->trust_coefficient == 0.0) return 1.0;
    w = sqrt(hoop__whole_squares(c, c->w, c->n));
    g = sqrt(hoop__whole_squares(c, c->g, c->n)) * fabs(c->grad_scale);
    return w > 0.0 && g > 0.0 ? o->trust_coefficient * w / (g + o->weight_decay * w + o->eps) : 1.0;
}

static void update(const hoop_optim_call *c)
{
    const hoop_lars_opts *o = c->opts;
    const hoop_update     u = {
            .grad_scale = c->grad_scale, .lr = c->lr, .weight_decay = o->weight_decay, .momentum = o->momentum, .step = trust(c)};
    c->rt->kernels->lars[c->dtype](c->n, &u, c->w, c->g, c->state);
}

const hoop_optim_kind hoop__optim_lars = {
    .name        = "lars",
    .help        = "SGD with momentum, in steps in proportion to each parameter's norm; for large batches",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_lars_opts),
    .states      = states,
    .granularity = HOOP_BY_TENSOR,
    .update      = update,
};
