/* parallel: branches side by side, each fed by all inputs or by its own; their outputs, or one tensor joined of these. A branch's
 * name is that of its output. */
#include "hoop/ops.h"
#include "nn/module.h"

#include <string.h>

static const char *const joins[]  = {"none", "add", "mul", "concat", NULL};
static const char *const inputs[] = {"shared", "each", NULL};
static const hoop_option rows[]   = {
      {"join", HOOP_OPT_ENUM, offsetof(hoop_parallel_opts, join), "none", 0, 0, joins, true,
       "of the branches' outputs; none: they stay side by side; concat: over the last dim"},
      {"inputs", HOOP_OPT_ENUM, offsetof(hoop_parallel_opts, inputs), "shared", 0, 0, inputs, true,
       "shared: each branch gets all inputs; each: the first branch the first input, and so on"},
};

/* out, joined of the branches so far, and one more */
static hoop_status join_one(const hoop_module *branch, int join, const hoop_shape *of, hoop_shape *out, hoop_error *err)
{
    const int last = of->ndim - 1;
    char      a[HOOP__SHAPE_TEXT], b[HOOP__SHAPE_TEXT];
    int64_t  *size = &out->size[last];
    bool      same = out->ndim == of->ndim && out->dtype == of->dtype;
    for (int d = 1; d <= last && same; d++) same = out->size[d] == of->size[d] || (join == HOOP_JOIN_CONCAT && d == last);
    if (!same)
        return hoop_fail(err, HOOP_ESHAPE, "branch %s gives %s, and the branches before it %s: %s wants the same%s",
                         hoop_module_name(branch), hoop__shape_text(of, a), hoop__shape_text(out, b), joins[join],
                         join == HOOP_JOIN_CONCAT ? " but for the last dim" : "");
    if (join == HOOP_JOIN_CONCAT) *size = *size < 0 || of->size[last] < 0 ? -1 : *size + of->size[last];
    return HOOP_OK;
}

/* a branch's outputs, behind the *n there are or joined to them */
static hoop_status take(const hoop_module *branch, int join, int nof, const hoop_shape *of, int *n, hoop_shape *out,
                        hoop_error *err)
{
    char a[HOOP__SHAPE_TEXT];
    if (join != HOOP_JOIN_NONE && nof != 1)
        return hoop_fail(err, HOOP_ESHAPE, "branch %s gives %d tensors, and %s joins one of each branch",
                         hoop_module_name(branch), nof, joins[join]);
    if (join == HOOP_JOIN_CONCAT && of->ndim < 2)
        return hoop_fail(err, HOOP_ESHAPE, "branch %s gives %s, which has no dim behind the batch to join",
                         hoop_module_name(branch), hoop__shape_text(of, a));
    if (join != HOOP_JOIN_NONE && *n == 1) return join_one(branch, join, of, out, err);
    if (*n + nof > HOOP_MODULE_TENSORS)
        return hoop_fail(err, HOOP_ESHAPE, "its branches give more than %d tensors", HOOP_MODULE_TENSORS);
    memcpy(out + *n, of, (size_t)nof * sizeof *of);
    *n += nof;
    return HOOP_OK;
}

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const hoop_parallel_opts *o    = hoop_module_opts(m);
    const bool                each = o->inputs == HOOP_INPUTS_EACH;
    hoop_shape                of[HOOP_MODULE_TENSORS];
    int                       branches = 0, b = 0, n = 0, nof;
    for (const hoop_module *c = m->first; c != NULL; c = c->next) branches++;
    if (each && branches != nin)
        return hoop_fail(err, HOOP_ESHAPE, "its inputs are `each`, of %d branches, and it is given %d tensors", branches, nin);
    if (branches > HOOP_MODULE_TENSORS)
        return hoop_fail(err, HOOP_ESHAPE, "%d branches; at most %d", branches, HOOP_MODULE_TENSORS);
    for (hoop_module *c = m->first; c != NULL; c = c->next, b++) {
        hoop_status st = hoop_module_build(c, each ? 1 : nin, each ? in + b : in, &nof, of, err);
        if (st == HOOP_OK) st = take(c, o->join, nof, of, &n, out, err);
        if (st != HOOP_OK) return st;
    }
    *nout = n;
    return HOOP_OK;
}

static void forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const hoop_parallel_opts *o    = hoop_module_opts(m);
    const bool                each = o->inputs == HOOP_INPUTS_EACH;
    hoop_tensor              *y[HOOP_MODULE_TENSORS]; /* of all branches */
    hoop_tensor             **to = o->join == HOOP_JOIN_NONE ? out : y;
    int                       b = 0, n = 0;
    for (const hoop_module *c = m->first; c != NULL; c = c->next, b++) {
        hoop_module_forward(c, t, each ? 1 : nin, each ? in + b : in, to + n);
        n += c->nout;
    }
    if (o->join == HOOP_JOIN_NONE) return;
    out[0] = o->join == HOOP_JOIN_CONCAT ? hoop_concat(t, y, n, -1) : y[0];
    for (int i = 1; i < n && o->join != HOOP_JOIN_CONCAT; i++)
        out[0] = o->join == HOOP_JOIN_ADD ? hoop_add(t, out[0], y[i]) : hoop_mul(t, out[0], y[i]);
}

static int feeds(const hoop_module *m, int c, int i)
{
    const hoop_parallel_opts *o = hoop_module_opts(m);
    return o->inputs == HOOP_INPUTS_SHARED ? i : c == i ? 0 : -1;
}

/* the branch's name, where it is no number; of a branch with names of its own, those */
static const char *output_name(const hoop_module *m, int i)
{
    const hoop_module *c = m->first;
    const char        *name;
    if (((const hoop_parallel_opts *)hoop_module_opts(m))->join != HOOP_JOIN_NONE) return NULL;
    for (; c != NULL && i >= c->nout; c = c->next) i -= c->nout;
    if (c == NULL) return NULL;
    name = hoop_module_output_name(c, i);
    if (name[0] != '\0' || c->nout > 1) return name;
    name = hoop_module_name(c);
    return name[strspn(name, "0123456789")] == '\0' ? NULL : name;
}

static const hoop_module_child children[] = {
    {"branches", .required = true, .many = true, .named = true, .help = "a list or a map of layers"},
};

const hoop_module_kind hoop__module_parallel = {
    .name         = "parallel",
    .help         = "branches side by side; the keys of a map name their outputs",
    .example      = "{parallel: {branches: {u: [{linear: 2}], v: [{linear: 3}]}, join: concat}}",
    .options      = HOOP_OPTIONS(rows),
    .opts_size    = sizeof(hoop_parallel_opts),
    .build_many   = build,
    .forward_many = forward,
    .children     = children,
    .nchildren    = 1,
    .feeds        = feeds,
    .output_name  = output_name,
};
