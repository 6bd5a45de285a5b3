/* repeat: so many copies of a body one after the other, each with weights of its own. The body as it was added stays unbuilt; its
 * copies stand in its place, named "0", "1", ... */
#include "nn/module.h"

#include <stdio.h>

static const hoop_option rows[] = {
    {"times", HOOP_OPT_INT, offsetof(hoop_repeat_opts, times), NULL, 1, 1000, NULL, true, "how often"},
    {"checkpoint", HOOP_OPT_BOOL, offsetof(hoop_repeat_opts, checkpoint), "false", 0, 0, NULL, false,
     "tensors inside of each are made again in backward: less memory, more time"},
};

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const hoop_repeat_opts *o  = hoop_module_opts(m);
    hoop_status             st = HOOP_OK;
    if (o->times < 1 || o->times > 1000) return hoop_fail(err, HOOP_EARG, "times: %lld; 1 to 1000", (long long)o->times);
    m->pattern = m->first;
    m->first = m->last = NULL;
    for (int i = 0; i < (int)o->times && st == HOOP_OK; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        st = hoop__module_copy(m, m->pattern, name, err);
    }
    return st == HOOP_OK ? hoop__sequence_build(m, nin, in, nout, out, err) : st;
}

static void forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const hoop_repeat_opts *o = hoop_module_opts(m);
    hoop__sequence_forward(m, t, nin, in, out, o->checkpoint);
}

static int feeds(const hoop_module *m, int c, int i)
{
    (void)m;
    return c == 0 ? i : -1;
}

static const hoop_module_child children[] = {{"body", .required = true, .help = "layers to repeat"}};

const hoop_module_kind hoop__module_repeat = {
    .name         = "repeat",
    .help         = "so many copies of a body one after the other, each with weights of its own",
    .example      = "{repeat: {times: 3, body: [{linear: 64}, relu]}}",
    .options      = HOOP_OPTIONS(rows),
    .opts_size    = sizeof(hoop_repeat_opts),
    .build_many   = build,
    .forward_many = forward,
    .children     = children,
    .nchildren    = 1,
    .feeds        = feeds,
    .output_name  = hoop__sequence_output_name,
};
