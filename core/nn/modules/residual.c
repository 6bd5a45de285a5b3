/* residual: body(x) + shortcut(x), or body(x) + x where there is no shortcut (He et al., CVPR 2016). */
#include "hoop/ops.h"
#include "nn/module.h"

#include <string.h>

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    hoop_module *shortcut = hoop_module_find(m, "shortcut");
    hoop_shape   other[HOOP_MODULE_TENSORS];
    char         a[HOOP__SHAPE_TEXT], b[HOOP__SHAPE_TEXT];
    int          n  = nin;
    hoop_status  st = hoop_module_build(hoop_module_find(m, "body"), nin, in, nout, out, err);
    if (st != HOOP_OK) return st;
    memcpy(other, in, (size_t)nin * sizeof *in);
    if (shortcut != NULL) st = hoop_module_build(shortcut, nin, in, &n, other, err);
    if (st != HOOP_OK) return st;
    if (n != *nout)
        return hoop_fail(err, HOOP_ESHAPE, "its body gives %d tensors, and its %s %d", *nout,
                         shortcut != NULL ? "shortcut" : "input is", n);
    for (int i = 0; i < n; i++) {
        if (hoop__shape_equal(&out[i], &other[i])) continue;
        return hoop_fail(err, HOOP_ESHAPE, "its body gives %s, and %s %s: both must be the same to be added%s",
                         hoop__shape_text(&out[i], a), shortcut != NULL ? "its shortcut" : "its input is",
                         hoop__shape_text(&other[i], b),
                         shortcut != NULL ? "" : "; a shortcut of its own, such as a linear, can change the size");
    }
    return HOOP_OK;
}

static void forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const hoop_module  *body = hoop_module_find(m, "body"), *shortcut = hoop_module_find(m, "shortcut");
    hoop_tensor        *y[HOOP_MODULE_TENSORS], *s[HOOP_MODULE_TENSORS];
    hoop_tensor *const *x = in;
    hoop_module_forward(body, t, nin, in, y);
    if (shortcut != NULL) {
        hoop_module_forward(shortcut, t, nin, in, s);
        x = s;
    }
    for (int i = 0; i < body->nout; i++) out[i] = hoop_add(t, y[i], x[i]);
}

static int feeds(const hoop_module *m, int c, int i)
{
    (void)m, (void)c;
    return i;
}

static const char *output_name(const hoop_module *m, int i)
{
    return hoop_module_output_name(hoop_module_find(m, "body"), i);
}

static const hoop_module_child children[] = {
    {"body", .required = true, .help = "layers whose output is added to"},
    {"shortcut", .help = "layers from the input to there; else it is the input that is added"}};

const hoop_module_kind hoop__module_residual = {
    .name         = "residual",
    .help         = "body(x) + shortcut(x), or body(x) + x",
    .example      = "{residual: [{linear: 64}, relu]}",
    .build_many   = build,
    .forward_many = forward,
    .children     = children,
    .nchildren    = 2,
    .feeds        = feeds,
    .output_name  = output_name,
};
