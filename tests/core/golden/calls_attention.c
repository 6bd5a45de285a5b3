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

extern const golden_call golden_calls_attention[];
const golden_call        golden_calls_attention[] = {{"sdpa", sdpa}, {"packed", packed}, {"cross", cross}, {NULL, NULL}};
