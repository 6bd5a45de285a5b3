/* sign_mean: steps of one size, whose signs are those of a mean of gradients. Chen et al., 'Symbolic Discovery of Optimization
 * Algorithms', NeurIPS 2023, algorithm 2. */
#include "hoop/optim.h"

extern const hoop_optim_kind hoop__optim_sign_mean;

typedef struct sign_mean_opts {
    double lr, beta1, beta2, weight_decay;
} sign_mean_opts;

#define AT(field) offsetof(sign_mean_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-4", 0, 1e6, NULL, true, "learning rate, before the schedule: what a step moves a weight"},
    {"beta1", HOOP_OPT_FLOAT, AT(beta1), "0.9", 0, 1, NULL, true, "share of exp_avg in the mean whose sign is the step's"},
    {"beta2", HOOP_OPT_FLOAT, AT(beta2), "0.99", 0, 1, NULL, true, "decay of exp_avg"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "times lr, off the weights"},
};
#undef AT

static int states(const void *opts, const char **names)
{
    (void)opts;
    names[0] = "exp_avg";
    return 1;
}

/* u = beta1 m + (1 - beta1) g; w = (1 - lr weight_decay) w - lr sign(u), NaN kept; m = beta2 m + (1 - beta2) g */
#define SIGN_MEAN(T, name)                                                                                                       \
    static void name(const hoop_optim_call *c)                                                                                   \
    {                                                                                                                            \
        const sign_mean_opts *o  = c->opts;                                                                                      \
        const T               b1 = (T)o->beta1, b2 = (T)o->beta2, rest1 = (T)(1.0 - o->beta1), rest2 = (T)(1.0 - o->beta2);      \
        const T               lr = (T)c->lr, keep = (T)(1.0 - c->lr * o->weight_decay), scale = (T)c->grad_scale;                \
        const T              *g = c->g;                                                                                          \
        T                    *w = c->w, *m = c->state[0];                                                                        \
        for (int64_t i = 0; i < c->n; i++) {                                                                                     \
            const T gi = g[i] * scale, u = b1 * m[i] + rest1 * gi;                                                               \
            w[i] = keep * w[i] - lr * (u > 0 ? 1 : u < 0 ? -1 : u);                                                              \
            m[i] = b2 * m[i] + rest2 * gi;                                                                                       \
        }                                                                                                                        \
    }
SIGN_MEAN(float, update_f32)
SIGN_MEAN(double, update_f64)
#undef SIGN_MEAN

static void update(const hoop_optim_call *c)
{
    if (c->dtype == HOOP_F64)
        update_f64(c);
    else
        update_f32(c);
}

const hoop_optim_kind hoop__optim_sign_mean = {
    .name      = "sign_mean",
    .help      = "steps of size lr, along the sign of a mean of gradients",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(sign_mean_opts),
    .states    = states,
    .update    = update,
};
