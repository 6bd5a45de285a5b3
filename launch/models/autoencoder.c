/* autoencoder: linears to a few numbers and back again; its target is its input (data.targets: {image: {path: /x, loss: mse}}).
 */
#include "models/parts.h"

typedef struct autoencoder_opts {
    hoop_ints hidden;
    int64_t   latent;
    int       activation, output;
} autoencoder_opts;

static const char *const activations[] = {"relu", "tanh", "gelu", "silu", "elu", "leaky_relu", NULL};
static const char *const outputs[]     = {"none", "sigmoid", "tanh", NULL};

#define AT(field) offsetof(autoencoder_opts, field)
static const hoop_option rows[] = {
    {"hidden", HOOP_OPT_INTS, AT(hidden), "[256, 64]", 1, 1e9, NULL, true,
     "outputs of each layer before the latent one; back in turn"},
    {"latent", HOOP_OPT_INT, AT(latent), "16", 1, 1e9, NULL, true, "numbers in the middle"},
    {"activation", HOOP_OPT_ENUM, AT(activation), "relu", 0, 0, activations, true, "after each hidden layer"},
    {"output", HOOP_OPT_ENUM, AT(output), "none", 0, 0, outputs, true, "of the last layer; sigmoid: of targets from 0 to 1"},
};
#undef AT

/* n hidden layers and one more */
static hoop_status add_half(const hoop__model_call *c, const char *name, bool back, int64_t out, hoop_module **half, int *index,
                            hoop_error *err)
{
    const autoencoder_opts *o = c->opts;
    hoop_status             st;
    HOOP_TRY(st, done, hoop__part_add(c->parent, "sequential", name, NULL, err, half));
    for (int i = 0; i < o->hidden.n; i++) {
        const hoop_linear_opts hidden = {.out = o->hidden.v[back ? o->hidden.n - 1 - i : i]};
        HOOP_TRY(st, done, hoop__model_add(*half, "linear", index, &hidden, err, NULL));
        HOOP_TRY(st, done, hoop__model_add(*half, activations[o->activation], index, NULL, err, NULL));
    }
    st = hoop__model_add(*half, "linear", index, &(hoop_linear_opts){.out = out}, err, NULL);
done:
    return st;
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const autoencoder_opts *o = c->opts;
    hoop_module            *half;
    int64_t                 out;
    int                     index = 0;
    hoop_status             st;
    HOOP_TRY(st, done, hoop__model_one(c, 1, HOOP_MAX_DIMS, "rows of at least one dim", err));
    HOOP_TRY(st, done, hoop__model_outputs(c, &out, err));
    HOOP_TRY(st, done, hoop__model_flatten(c, err));
    HOOP_TRY(st, done, add_half(c, "encoder", false, o->latent, &half, &index, err));
    index = 0;
    HOOP_TRY(st, done, add_half(c, "decoder", true, out, &half, &index, err));
    if (o->output > 0) st = hoop__model_add(half, outputs[o->output], &index, NULL, err, NULL);
done:
    return st;
}

const hoop__model_kind hoop__model_autoencoder = {
    .name      = "autoencoder",
    .help      = "linears to a few numbers and back: rows (N, ...) -> (N, values), which the target, the input itself, has",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(autoencoder_opts),
    .build     = build,
};
