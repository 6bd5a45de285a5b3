/* Functions of the cases of attention. */
#include "golden.h"

#include <string.h>

static hoop_attention_opts options(const golden_case *c)
{
    const char *causal = golden_word(c, "causal", "none");
    return (hoop_attention_opts){
        .causal = strcmp(causal, "start") == 0 ? HOOP_CAUSAL_START
                  : strcmp(causal, "end") == 0 ? HOOP_CAUSAL_END
                                               : HOOP_CAUSAL_NONE,
        .scale  = golden_float(c, "scale", 0.0),
    };
}

static hoop_tensor *sdpa(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    const hoop_attention_opts o = options(c);
    (void)out;
    return hoop_attention(t, x[0], x[1], x[2], golden_count(c, "input") > 3 ? x[3] : NULL, &o);
}

static hoop_tensor *packed(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    const hoop_attention_opts o = options(c);
    (void)out;
    return hoop_attention_packed(t, x[0], golden_int(c, "kv_heads", 0, 0), NULL, &o);
}

static hoop_tensor *cross(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c;
    (void)out;
    return hoop_attention_cross(t, x[0], x[1], NULL, NULL);
}

static hoop_tensor *rotary(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    const hoop_rotary_opts o = {.base        = golden_float(c, "base", 0.0),
                                .interleaved = golden_int(c, "interleaved", 0, 0) != 0,
                                .dims        = golden_int(c, "dims", 0, 0),
                                .heads       = golden_int(c, "heads", 0, 0)};
    (void)out;
    return hoop_rotary(t, x[0], golden_count(c, "input") > 1 ? x[1] : NULL, &o);
}

static hoop_tensor *sines(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_sinusoidal(t, x[0], golden_count(c, "input") > 1 ? x[1] : NULL, 10000.0);
}

extern const golden_call golden_calls_attention[];
const golden_call        golden_calls_attention[] = {{"sdpa", sdpa},        {"packed", packed}, {"cross", cross},
                                                     {"rotary_of", rotary}, {"sines", sines},   {NULL, NULL}};
