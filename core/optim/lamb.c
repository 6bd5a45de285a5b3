/* lamb: AdamW whose steps are in proportion to each parameter's norm. You et al., 'Large Batch Optimization for Deep Learning:
 * Training BERT in 76 minutes', ICLR 2020, algorithm 2, with phi(z) = z. */
#include "optim/adam.h"

#include "kernels/vmath64.h"
#include "optim/whole.h"
#include "runtime/runtime.h"

#include <math.h>

extern const hoop_optim_kind hoop__optim_lamb;

static const char *const trusts[] = {"norms", "off", NULL};
enum { TRUST_NORMS };
#define AT(field) offsetof(hoop_lamb_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-3", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "times the weights, added to the direction"},
    {"beta1", HOOP_OPT_FLOAT, AT(beta1), "0.9", 0, 0.999999, NULL, true, "decay of the first moment"},
    {"beta2", HOOP_OPT_FLOAT, AT(beta2), "0.999", 0, 0.99999999, NULL, true, "decay of the second moment"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-6", 0, 1, NULL, true, "added to the root of the second moment"},
    {"trust", HOOP_OPT_ENUM, AT(trust), "norms", 0, 0, trusts, true,
     "norms: lr is multiplied by |w| / |direction| of a parameter; off: not, as one wants of biases"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

/* moments; the sum of squares of the direction */
static double moments(const hoop_optim_call *c, const hoop_update *u)
{
    enum { PART = 8 * HOOP_BLOCK };
    const size_t size = hoop_dtype_size(c->dtype);
    double       r[PART], sum = 0.0;
    for (int64_t i = 0; i < c->n; i += PART) {
        const int64_t n  = c->n - i < PART ? c->n - i : PART;
        const size_t  at = (size_t)i * size;
        c->rt->kernels->lamb[c->dtype](n, u, (const char *)c->w + at, (const char *)c->g + at, (char *)c->state[0] + at,
                                       (char *)c->state[1] + at, r);
        sum += hoop__whole_squares(c, r, n);
    }
    return sum;
}

static void update(const hoop_optim_call *c)
{
    const hoop_lamb_opts *o = c->opts;
    hoop_update           u = {.grad_scale   = c->grad_scale,
                               .weight_decay = o->weight_decay,
                               .beta1        = o->beta1,
                               .beta2        = o->beta2,
                               .eps          = o->eps,
                               .bias1        = 1.0 - v_power_f64(o->beta1, c->step),
                               .bias2        = 1.0 - v_power_f64(o->beta2, c->step)};
    const double          w = sqrt(hoop__whole_squares(c, c->w, c->n)), r = sqrt(moments(c, &u));
    u.step = o->trust == TRUST_NORMS && w > 0.0 && r > 0.0 ? c->lr * w / r : c->lr;
    c->rt->kernels->lamb_step[c->dtype](c->n, &u, c->w, c->state[0], c->state[1]);
}

const hoop_optim_kind hoop__optim_lamb = {
    .name        = "lamb",
    .help        = "AdamW in steps in proportion to each parameter's norm; for large batches",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_lamb_opts),
    .states      = hoop__moments,
    .granularity = HOOP_BY_TENSOR,
    .update      = update,
};
