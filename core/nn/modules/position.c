/* position: (N, T, C) -> same: what says where each of T stands, added. Learned: weight (length, C). */
#include "hoop/ops.h"
#include "nn/module.h"

static const char *const kinds[] = {"learned", "sinusoidal", NULL};
static const hoop_option rows[]  = {
     {"kind", HOOP_OPT_ENUM, offsetof(hoop_position_opts, kind), "learned", 0, 0, kinds, true,
      "rows of a table; or sines and cosines, of any length"},
     {"length", HOOP_OPT_INT, offsetof(hoop_position_opts, length), "0", 0, 1e9, NULL, true,
      "rows of the table: positions at most; 0: as many as the input has"},
     {"base", HOOP_OPT_FLOAT, offsetof(hoop_position_opts, base), "10000.0", 1, 1e30, NULL, true,
      "of sines: they slow down by it from the first element to the last"},
};

static hoop_status build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_position_opts *o = hoop_module_opts(m);
    int64_t                   length;
    if (*ndim != 3 || shape[2] < 1)
        return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims; (N, T, C) is wanted, C of one size", *ndim);
    if (o->kind == HOOP_POSITION_SINUSOIDAL) return HOOP_OK;
    length = o->length > 0 ? o->length : shape[1];
    if (length < 0) return hoop_fail(err, HOOP_ESHAPE, "the length of its input varies from leaf to leaf; length says the most");
    if (length < shape[1])
        return hoop_fail(err, HOOP_ESHAPE, "length: %lld positions, and its input has %lld", (long long)length,
                         (long long)shape[1]);
    return hoop_module_param(m, 0, "weight", HOOP_PARAM_TABLE, 2, (int64_t[]){length, shape[2]}, 1, err);
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_position_opts *o = hoop_module_opts(m);
    if (o->kind == HOOP_POSITION_SINUSOIDAL) return hoop_sinusoidal(t, x, NULL, o->base != 0.0 ? o->base : 10000.0);
    return hoop_position(t, x, hoop_module_tensor(m, 0), NULL);
}

const hoop_module_kind hoop__module_position = {
    .name        = "position",
    .help        = "(N, T, C) -> same: positions added, learned or as sines",
    .example     = "{position: {length: 256}}",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_position_opts),
    .main_option = "kind",
    .build       = build,
    .forward     = forward,
};
