/* sequential: each child's outputs are the next one's inputs; without children it gives what it gets. */
#include "nn/module.h"

#include <string.h>

static const hoop_option rows[] = {
    {"checkpoint", HOOP_OPT_BOOL, offsetof(hoop_sequential_opts, checkpoint), "false", 0, 0, NULL, false,
     "tensors inside are made again in backward: less memory, more time"},
};

hoop_status hoop__sequence_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    hoop_shape now[HOOP_MODULE_TENSORS];
    int        n = nin;
    memcpy(out, in, (size_t)nin * sizeof *in);
    for (hoop_module *c = m->first; c != NULL; c = c->next) {
        hoop_status st;
        memcpy(now, out, (size_t)n * sizeof *out);
        st = hoop_module_build(c, n, now, &n, out, err);
        if (st != HOOP_OK) return st;
    }
    *nout = n;
    return HOOP_OK;
}

void hoop__sequence_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out, bool segments)
{
    hoop_tensor        *between[2][HOOP_MODULE_TENSORS]; /* there may be more of these than out has room for */
    hoop_tensor *const *now = in;
    int                 n = nin, turn = 0;
    for (int i = 0; i < n && m->first == NULL; i++) out[i] = in[i];
    for (const hoop_module *c = m->first; c != NULL; c = c->next, turn = 1 - turn) {
        hoop_tensor **to      = c->next == NULL ? out : between[turn];
        const int64_t segment = segments ? hoop_segment_begin(t) : -1;
        hoop_module_forward(c, t, n, now, to);
        hoop_segment_end(t, segment, to, c->nout);
        now = to;
        n   = c->nout;
    }
}

const char *hoop__sequence_output_name(const hoop_module *m, int i)
{
    return m->last == NULL ? NULL : hoop_module_output_name(m->last, i);
}

static void forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const hoop_sequential_opts *o       = hoop_module_opts(m);
    const int64_t               segment = o->checkpoint ? hoop_segment_begin(t) : -1;
    hoop__sequence_forward(m, t, nin, in, out, false);
    hoop_segment_end(t, segment, out, m->nout);
}

static int feeds(const hoop_module *m, int c, int i)
{
    (void)m;
    return c == 0 ? i : -1;
}

static const hoop_module_child children[] = {{"layers", .many = true, .help = "a list of layers"}};

const hoop_module_kind hoop__module_sequential = {
    .name         = "sequential",
    .help         = "one layer after the other",
    .example      = "{sequential: [{linear: 64}, relu]}",
    .options      = HOOP_OPTIONS(rows),
    .opts_size    = sizeof(hoop_sequential_opts),
    .build_many   = hoop__sequence_build,
    .forward_many = forward,
    .children     = children,
    .nchildren    = 1,
    .feeds        = feeds,
    .output_name  = hoop__sequence_output_name,
};
