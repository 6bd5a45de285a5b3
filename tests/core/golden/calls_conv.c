/* Functions of the cases of conv. */
#include "golden.h"

#include <string.h>

static void three(const golden_case *c, const char *key, int64_t *to)
{
    for (int d = 0; d < 3; d++) to[d] = golden_int(c, key, d, 0);
}

static int mode_of(const golden_case *c)
{
    static const char *const modes[] = {"zeros", "reflect", "replicate", "circular"}; /* hoop_pad_mode */
    for (int i = 0; i < 4; i++)
        if (strcmp(golden_word(c, "mode", "zeros"), modes[i]) == 0) return i;
    fail_msg("%s: no such mode", c->where);
    return 0;
}

static hoop_tensor *conv(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor   *y;
    hoop_conv_opts o = {.groups = golden_int(c, "groups", 0, 0), .same = strcmp(golden_word(c, "same", "false"), "true") == 0};
    (void)out;
    o.mode = mode_of(c);
    three(c, "stride", o.stride);
    three(c, "padding", o.padding);
    three(c, "dilation", o.dilation);
    y = hoop_conv(t, golden_image(t, c, x[0]), x[1], x[2], c->noptions == 0 ? NULL : &o);
    return golden_back(t, c, y);
}

static hoop_tensor *conv_transpose(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor             *y;
    hoop_conv_transpose_opts o = {.groups = golden_int(c, "groups", 0, 0)};
    (void)out;
    three(c, "stride", o.stride);
    three(c, "padding", o.padding);
    three(c, "output_padding", o.output_padding);
    three(c, "dilation", o.dilation);
    y = hoop_conv_transpose(t, golden_image(t, c, x[0]), x[1], x[2], c->noptions == 0 ? NULL : &o);
    return golden_back(t, c, y);
}

extern const golden_call golden_calls_conv[];
const golden_call        golden_calls_conv[] = {{"conv", conv}, {"conv_transpose", conv_transpose}, {NULL, NULL}};
