/* A module: its place in the tree, what it registers, how it is built and run. */
#include "nn/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a */
uint64_t hoop__name_hash(const char *name)
{
    uint64_t h = 14695981039346656037u;
    for (; *name != '\0'; name++) h = (h ^ (uint8_t)*name) * 1099511628211u;
    return h;
}

hoop_status hoop__module_new(hoop_model *model, const hoop_module *parent, const hoop_module_kind *kind, const char *name,
                             const void *opts, hoop_error *err, hoop_module **out)
{
    hoop_module *m  = calloc(1, sizeof *m);
    hoop_status  st = HOOP_OK;
    int          n  = 0;
    *out            = NULL;
    if (model->nmodules >= HOOP_MODEL_MODULES) {
        free(m);
        return hoop_fail(err, HOOP_ESIZE, "a model of more than %d modules", HOOP_MODEL_MODULES);
    }
    if (m != NULL && kind->opts_size > 0) m->opts = calloc(1, kind->opts_size);
    if (m == NULL || (kind->opts_size > 0 && m->opts == NULL)) {
        free(m);
        return hoop_fail(err, HOOP_ENOMEM, "no memory for a module");
    }
    m->kind  = kind;
    m->model = model;
    m->mark  = parent == NULL ? NULL : parent->mark;
    if (opts != NULL && kind->opts_size > 0)
        memcpy(m->opts, opts, kind->opts_size);
    else if (kind->options.rows != NULL && hoop_option_defaults(&kind->options, m->opts) != HOOP_OK)
        st = hoop_fail(err, HOOP_EARG, "the option table of kind '%s' has a default that does not parse", kind->name);
    if (parent != NULL) n = snprintf(m->path, sizeof m->path, "%s%s%s", parent->path, parent->path[0] == '\0' ? "" : ".", name);
    if (st == HOOP_OK && (n < 0 || n >= HOOP__PATH_BYTES))
        st = hoop_fail(err, HOOP_EARG, "module name '%s' makes a path of more than %d characters", name, HOOP__PATH_BYTES - 1);
    if (st != HOOP_OK) {
        free(m->opts);
        free(m);
        return st;
    }
    m->site = hoop__name_hash(m->path);
    model->nmodules++;
    *out = m;
    return HOOP_OK;
}

void hoop__module_free(hoop_module *m)
{
    if (m == NULL) return;
    for (hoop_module *c = m->first, *next; c != NULL; c = next) {
        next = c->next;
        hoop__module_free(c);
    }
    hoop__module_free(m->pattern);
    free(m->said);
    free(m->opts);
    free(m);
}

/* may a container have a child of this name? */
static hoop_status check_child(const hoop_module *parent, const char *name, hoop_error *err)
{
    const hoop_module_kind *k    = parent->kind;
    const char             *near = NULL, *names[8];
    int                     n    = 0;
    if (k->nchildren == 0) return hoop_fail(err, HOOP_EARG, "module '%s' cannot stand under a %s", name, k->name);
    if (hoop_module_find(parent, name) != NULL)
        return hoop_fail(err, HOOP_EARG, "module '%s' is there already, under %s", name,
                         parent->path[0] == '\0' ? "the root" : parent->path);
    for (int i = 0; i < k->nchildren; i++) {
        if (k->children[i].many || strcmp(k->children[i].name, name) == 0) return HOOP_OK;
        if (n < 8) names[n++] = k->children[i].name;
    }
    near = hoop_nearest(name, names, n);
    return hoop_fail(err, HOOP_EARG, "a %s has no module '%s'; %s %s", k->name, name,
                     near != NULL ? "did you mean" : "the first it takes is", near != NULL ? near : names[0]);
}

hoop_status hoop__module_append(hoop_module *parent, const hoop_module_kind *kind, const char *name, const void *opts,
                                hoop_error *err, hoop_module **out)
{
    hoop_status st = hoop__module_new(parent->model, parent, kind, name, opts, err, out);
    if (st != HOOP_OK) return st;
    if (parent->first == NULL)
        parent->first = *out;
    else
        parent->last->next = *out;
    parent->last = *out;
    return HOOP_OK;
}

hoop_status hoop_module_add(hoop_module *parent, const hoop_module_kind *kind, const char *name, const void *opts,
                            hoop_error *err, hoop_module **out)
{
    hoop_module *m;
    hoop_status  st;
    if (out != NULL) *out = NULL;
    if (parent == NULL || name == NULL || name[0] == '\0' || strpbrk(name, "./") != NULL)
        return hoop_fail(err, HOOP_EARG, "hoop_module_add: a parent and a name without '.' and '/' are wanted");
    if (kind == NULL || kind->name == NULL || (kind->forward == NULL && kind->forward_many == NULL))
        return hoop_fail(err, HOOP_EARG, "module '%s': no such kind, or one without a forward", name);
    st = check_child(parent, name, err);
    if (st == HOOP_OK) st = hoop__module_append(parent, kind, name, opts, err, &m);
    if (st == HOOP_OK && out != NULL) *out = m;
    return st;
}

hoop_status hoop__module_copy(hoop_module *parent, const hoop_module *m, const char *name, hoop_error *err)
{
    hoop_module *copy;
    hoop_status  st = hoop__module_append(parent, m->kind, name, m->opts, err, &copy);
    if (st == HOOP_OK) copy->mark = m->mark;
    for (const hoop_module *c = m->first; c != NULL && st == HOOP_OK; c = c->next)
        st = hoop__module_copy(copy, c, hoop_module_name(c), err);
    return st;
}

/* ---- shapes ---- */

bool hoop__shape_equal(const hoop_shape *a, const hoop_shape *b)
{
    bool same = a->ndim == b->ndim && a->dtype == b->dtype;
    for (int d = 1; d < a->ndim && same; d++) same = a->size[d] == b->size[d];
    return same;
}

const char *hoop__shape_text(const hoop_shape *s, char out[HOOP__SHAPE_TEXT])
{
    int at = snprintf(out, HOOP__SHAPE_TEXT, "%s (N", hoop_dtype_name(s->dtype));
    for (int d = 1; d < s->ndim; d++)
        at += snprintf(out + at, (size_t)(HOOP__SHAPE_TEXT - at), s->size[d] < 0 ? ", ?" : ", %lld", (long long)s->size[d]);
    (void)snprintf(out + at, (size_t)(HOOP__SHAPE_TEXT - at), ")");
    return out;
}

hoop_status hoop__check_room(const hoop_module *m, const char *what, int ndim, const int64_t *size, hoop_error *err)
{
    int64_t bytes = (int64_t)hoop_dtype_size(hoop_module_dtype(m));
    for (int d = 0; d < ndim; d++) {
        if (__builtin_mul_overflow(bytes, size[d] > 1 ? size[d] : 1, &bytes) || bytes > (int64_t)1 << 47)
            return hoop_fail(err, HOOP_ESIZE, "%s would be more than memory holds", what);
    }
    return HOOP_OK;
}

bool hoop__spread(const hoop_ints *list, int dims, int64_t fallback, int64_t *out)
{
    if (list->n < 0 || (list->n > 1 && list->n != dims)) return false;
    for (int d = 0; d < dims; d++) out[d] = list->n == 0 ? fallback : list->v[list->n == 1 ? 0 : d];
    return true;
}

hoop_status hoop__spread_option(const char *key, const hoop_ints *list, int dims, int64_t fallback, int64_t *out, hoop_error *err)
{
    if (hoop__spread(list, dims, fallback, out)) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG, "%s: %d numbers for %d spatial dims; one for all or one each", key, list->n, dims);
}

/* ---- what kinds ask ---- */

const void *hoop_module_opts(const hoop_module *m)
{
    return m->opts;
}

void hoop_module_mark(hoop_module *m, const void *mark)
{
    m->mark = mark;
}

const char *hoop_module_path(const hoop_module *m)
{
    return m->path;
}

hoop_dtype hoop_module_dtype(const hoop_module *m)
{
    return hoop_params_dtype(m->model->params);
}

const hoop_module_kind *hoop_module_kind_of(const hoop_module *m)
{
    return m->kind;
}

const char *hoop_module_name(const hoop_module *m)
{
    const char *dot = strrchr(m->path, '.');
    return dot == NULL ? m->path : dot + 1;
}

int hoop_module_inputs(const hoop_module *m)
{
    return m->nin;
}

int hoop_module_outputs(const hoop_module *m)
{
    return m->nout;
}

const char *hoop_module_output_name(const hoop_module *m, int i)
{
    const char *name = m->kind->output_name == NULL || i < 0 || i >= m->nout ? NULL : m->kind->output_name(m, i);
    return name == NULL ? "" : name;
}

hoop_module *hoop_module_first(const hoop_module *m)
{
    return m->first;
}

hoop_module *hoop_module_next(const hoop_module *m)
{
    return m->next;
}

hoop_module *hoop_module_find(const hoop_module *m, const char *name)
{
    hoop_module *c = m->first;
    while (c != NULL && strcmp(hoop_module_name(c), name) != 0) c = c->next;
    return c;
}

/* ---- parameters and buffers ---- */

enum { NAME_BYTES = HOOP__PATH_BYTES + 40 };

/* the parameter's or buffer's whole name; HOOP_EARG where the kind asks for what it cannot have */
static hoop_status check_slot(const hoop_module *m, int slot, const char *name, char out[NAME_BYTES], hoop_error *err)
{
    int n = snprintf(out, NAME_BYTES, "%s%s%s", m->path, m->path[0] == '\0' ? "" : ".", name);
    if (n < 0 || n >= NAME_BYTES)
        return hoop_fail(err, HOOP_EARG, "'%s' makes a name of more than %d characters", name, NAME_BYTES - 1);
    if (slot < 0 || slot >= HOOP_MODULE_SLOTS)
        return hoop_fail(err, HOOP_EARG, "%s: slot %d; a module has slots 0 to %d", out, slot, HOOP_MODULE_SLOTS - 1);
    if (m->tensor[slot] != NULL) return hoop_fail(err, HOOP_EARG, "%s: slot %d is taken", out, slot);
    return HOOP_OK;
}

static hoop_status add_param(hoop_module *m, int slot, const char *name, struct hoop__init what, int ndim, const int64_t *shape,
                             hoop_error *err)
{
    char               full[NAME_BYTES];
    hoop_status        st   = check_slot(m, slot, name, full, err);
    struct hoop__init *init = st == HOOP_OK ? realloc(m->model->init, (size_t)(m->model->ninit + 1) * sizeof *init) : NULL;
    if (st != HOOP_OK) return st;
    if (init == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a module");
    m->model->init = init;
    st             = hoop_params_add(m->model->params, full, ndim, shape, err, &m->tensor[slot]);
    if (st != HOOP_OK) return st;
    what.param              = hoop_params_count(m->model->params) - 1;
    init[m->model->ninit++] = what;
    return HOOP_OK;
}

hoop_status hoop_module_param(hoop_module *m, int slot, const char *name, hoop_param_kind kind, int ndim, const int64_t *shape,
                              int64_t fan_in, hoop_error *err)
{
    return add_param(m, slot, name, (struct hoop__init){.kind = kind, .fan_in = fan_in}, ndim, shape, err);
}

void hoop__module_zero_row(hoop_module *m, int64_t row)
{
    struct hoop__init *last = &m->model->init[m->model->ninit - 1];
    last->padded            = true;
    last->zero_row          = row;
}

hoop_status hoop_module_constant(hoop_module *m, int slot, const char *name, double value, int ndim, const int64_t *shape,
                                 hoop_error *err)
{
    return add_param(m, slot, name, (struct hoop__init){.kind = HOOP_PARAM_CONSTANT, .fan_in = 1, .value = value}, ndim, shape,
                     err);
}

hoop_status hoop_module_buffer(hoop_module *m, int slot, const char *name, hoop_dtype dtype, int ndim, const int64_t *shape,
                               hoop_error *err)
{
    char        full[NAME_BYTES];
    hoop_status st = check_slot(m, slot, name, full, err);
    return st != HOOP_OK ? st : hoop_params_add_buffer(m->model->params, full, dtype, ndim, shape, err, &m->tensor[slot]);
}

hoop_status hoop_module_running(hoop_module *m, int mean, int var, int count, double momentum, hoop_error *err)
{
    return hoop_params_running(m->model->params, hoop_module_tensor(m, mean), hoop_module_tensor(m, var),
                               hoop_module_tensor(m, count), momentum, err);
}

hoop_tensor *hoop_module_tensor(const hoop_module *m, int slot)
{
    return slot >= 0 && slot < HOOP_MODULE_SLOTS ? m->tensor[slot] : NULL;
}

/* ---- build and forward ---- */

/* one tensor to one, by the rule of dtypes */
static hoop_status build_one(hoop_module *m, int nin, const hoop_shape *in, hoop_shape *out, hoop_error *err)
{
    const hoop_dtype want = m->kind->takes_indices ? HOOP_I64 : hoop_module_dtype(m);
    if (nin != 1)
        return hoop_fail(err, HOOP_ESHAPE,
                         "it takes one tensor and is given %d; a parallel whose inputs are `each` takes several", nin);
    if (in->dtype != want && want == HOOP_I64)
        return hoop_fail(err, HOOP_EDTYPE, "its input is %s, and it looks up indices, i64: only the model's inputs can be such",
                         hoop_dtype_name(in->dtype));
    if (in->dtype != want)
        return hoop_fail(err, HOOP_EDTYPE, "its input is %s, and it takes %s", hoop_dtype_name(in->dtype), hoop_dtype_name(want));
    *out       = *in;
    out->dtype = hoop_module_dtype(m);
    return m->kind->build == NULL ? HOOP_OK : m->kind->build(m, &out->ndim, out->size, err);
}

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    hoop_status st;
    for (int i = 0; i < m->kind->nchildren; i++) {
        const hoop_module_child *child = &m->kind->children[i];
        if (child->required && (child->many ? m->first == NULL : hoop_module_find(m, child->name) == NULL))
            return hoop_fail(err, HOOP_EARG, "it has no %s", child->name);
    }
    *nout  = 1;
    m->nin = nin;
    if (m->kind->build_many == NULL) return build_one(m, nin, in, out, err);
    st = m->kind->build_many(m, nin, in, nout, out, err);
    if (st == HOOP_OK && (*nout < 1 || *nout > HOOP_MODULE_TENSORS))
        st = hoop_fail(err, HOOP_EARG, "it gives %d tensors; 1 to %d can be given", *nout, HOOP_MODULE_TENSORS);
    return st;
}

static hoop_status keep_shapes(hoop_module *m, const hoop_shape *out, hoop_error *err)
{
    m->said = calloc((size_t)m->nout, sizeof *m->said);
    if (m->said == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a module");
    memcpy(m->said, out, (size_t)m->nout * sizeof *m->said);
    return HOOP_OK;
}

hoop_status hoop_module_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    hoop_error  own = {.status = HOOP_OK};
    hoop_status st;
    if (err == NULL) err = &own;
    st      = build(m, nin, in, nout, out, err);
    m->nout = *nout;
    if (st == HOOP_OK) st = keep_shapes(m, out, err);
    if (st == HOOP_OK || m->model->blamed != NULL) return st;
    if (err->status == HOOP_OK) (void)hoop_fail(err, st, "%s", hoop_status_text(st)); /* a user's kind */
    if (m->path[0] != '\0') (void)hoop_fail_within(err, "module %s (%s)", m->path, m->kind->name);
    m->model->blamed = m;
    return st;
}

/* What forward forgot to give must not be followed, nor what is not as build said. */
static void check_given(const hoop_module *m, hoop_tape *t, int i, hoop_tensor **out)
{
    const hoop_shape *said = &m->said[i];
    hoop_shape        is   = {.ndim = 0};
    char              gave[HOOP__SHAPE_TEXT], want[HOOP__SHAPE_TEXT];
    bool              same;
    if (out[i] != NULL && hoop_tape_error(t)->status != HOOP_OK) return;
    if (out[i] != NULL) {
        is   = (hoop_shape){.dtype = hoop_tensor_dtype(out[i]), .ndim = hoop_tensor_ndim(out[i])};
        same = is.ndim == said->ndim && is.dtype == said->dtype;
        for (int d = 0; d < is.ndim; d++) is.size[d] = hoop_tensor_size(out[i], d);
        for (int d = 1; d < is.ndim && same; d++) same = said->size[d] < 0 || is.size[d] == said->size[d];
        if (same) return;
        hoop_tape_fail(t, HOOP_ESHAPE, "module %s (%s): forward gave %s as output %d, and build said %s", m->path, m->kind->name,
                       hoop__shape_text(&is, gave), i, hoop__shape_text(said, want));
    } else {
        hoop_tape_fail(t, HOOP_EARG, "module %s (%s): forward gave no output %d", m->path, m->kind->name, i);
    }
    out[i] = hoop_tape_tensor(t, HOOP_F32, 0, NULL, NULL); /* of a failed tape: poison */
}

void hoop_module_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    uint64_t site = hoop_tape_set_site(t, m->site);
    if (m->kind->forward != NULL) {
        out[0] = m->kind->forward(m, t, in[0]);
    } else {
        for (int i = 0; i < m->nout; i++) out[i] = NULL;
        m->kind->forward_many(m, t, nin, in, out);
    }
    for (int i = 0; i < m->nout; i++) check_given(m, t, i, out);
    (void)hoop_tape_set_site(t, site);
}
