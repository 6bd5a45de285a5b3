#include "hoop/nn.h"

#include "hoop/random.h"
#include "base/threads.h"
#include "kernels/vmath.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 200, CHUNK = 256 };

extern const hoop_module_kind hoop__module_sequential;

struct hoop_module {
    const hoop_module_kind *kind;
    hoop_model             *model;
    char                    path[PATH_MAX_BYTES];
    uint64_t                site; /* of its random ops: a hash of the path */
    void                   *opts;
    hoop_tensor            *tensor[HOOP_MODULE_SLOTS];
    hoop_module            *first, *last, *next; /* children, sibling */
};

struct hoop_model {
    hoop_params *params;
    hoop_module *root;
    struct init {
        int             param;
        hoop_param_kind kind;
        int64_t         fan_in;
    } * init; /* of the modules' parameters, in their order */
    int     ninit;
    int     out_ndim;
    int64_t out_shape[HOOP_MAX_DIMS];
};

/* FNV-1a */
static uint64_t hash_text(const char *s)
{
    uint64_t h = 14695981039346656037u;
    for (; *s != '\0'; s++) h = (h ^ (uint8_t)*s) * 1099511628211u;
    return h;
}

static hoop_status module_new(hoop_model *model, const hoop_module *parent, const hoop_module_kind *kind, const char *name,
                              const void *opts, hoop_error *err, hoop_module **out)
{
    hoop_module *m  = calloc(1, sizeof *m);
    hoop_status  st = HOOP_OK;
    int          n  = 0;
    *out            = NULL;
    if (m != NULL && kind->opts_size > 0) m->opts = calloc(1, kind->opts_size);
    if (m == NULL || (kind->opts_size > 0 && m->opts == NULL)) {
        free(m);
        return hoop_fail(err, HOOP_ENOMEM, "no memory for a module");
    }
    m->kind  = kind;
    m->model = model;
    if (opts != NULL)
        memcpy(m->opts, opts, kind->opts_size);
    else if (kind->options.rows != NULL && hoop_option_defaults(&kind->options, m->opts) != HOOP_OK)
        st = hoop_fail(err, HOOP_EARG, "the option table of kind '%s' has a default that does not parse", kind->name);
    if (parent != NULL) n = snprintf(m->path, sizeof m->path, "%s%s%s", parent->path, parent->path[0] == '\0' ? "" : ".", name);
    if (st == HOOP_OK && (n < 0 || n >= PATH_MAX_BYTES))
        st = hoop_fail(err, HOOP_EARG, "module name '%s' makes a path of more than %d characters", name, PATH_MAX_BYTES - 1);
    if (st != HOOP_OK) {
        free(m->opts);
        free(m);
        return st;
    }
    m->site = hash_text(m->path);
    *out    = m;
    return HOOP_OK;
}

static void module_free(hoop_module *m)
{
    if (m == NULL) return;
    for (hoop_module *c = m->first, *next; c != NULL; c = next) {
        next = c->next;
        module_free(c);
    }
    free(m->opts);
    free(m);
}

hoop_status hoop_model_create(hoop_dtype dtype, hoop_error *err, hoop_model **out)
{
    hoop_model *m = calloc(1, sizeof *m);
    hoop_status st;
    *out = NULL;
    if (m == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a model");
    HOOP_TRY(st, done, hoop_params_create(dtype, err, &m->params));
    HOOP_TRY(st, done, module_new(m, NULL, hoop_module_kind_find("sequential"), "", NULL, err, &m->root));
    *out = m;
    return HOOP_OK;
done:
    hoop_model_destroy(&m);
    return st;
}

void hoop_model_destroy(hoop_model **m)
{
    if (m == NULL || *m == NULL) return;
    module_free((*m)->root);
    hoop_params_destroy(&(*m)->params);
    free((*m)->init);
    free(*m);
    *m = NULL;
}

hoop_module *hoop_model_root(hoop_model *m)
{
    return m->root;
}

hoop_params *hoop_model_params(const hoop_model *m)
{
    return m->params;
}

hoop_status hoop_module_add(hoop_module *parent, const hoop_module_kind *kind, const char *name, const void *opts,
                            hoop_error *err, hoop_module **out)
{
    hoop_module *m;
    hoop_status  st;
    if (out != NULL) *out = NULL;
    if (parent == NULL || name == NULL || name[0] == '\0' || strpbrk(name, "./") != NULL)
        return hoop_fail(err, HOOP_EARG, "hoop_module_add: a parent and a name without '.' and '/' are wanted");
    if (kind == NULL || kind->name == NULL || kind->forward == NULL)
        return hoop_fail(err, HOOP_EARG, "module '%s': no such kind, or one without a forward", name);
    if (parent->kind != &hoop__module_sequential)
        return hoop_fail(err, HOOP_EARG, "module '%s' cannot stand under a %s", name, parent->kind->name);
    st = module_new(parent->model, parent, kind, name, opts, err, &m);
    if (st != HOOP_OK) return st;
    if (parent->first == NULL)
        parent->first = m;
    else
        parent->last->next = m;
    parent->last = m;
    if (out != NULL) *out = m;
    return HOOP_OK;
}

static hoop_status module_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    hoop_status st = m->kind->build == NULL ? HOOP_OK : m->kind->build(m, ndim, shape, err);
    if (st != HOOP_OK) return st;
    for (hoop_module *c = m->first; c != NULL; c = c->next) {
        st = module_build(c, ndim, shape, err);
        if (st != HOOP_OK) {
            if (err != NULL && err->status == HOOP_OK) (void)hoop_fail(err, st, "%s", hoop_status_text(st)); /* a user's kind */
            if (c->first == NULL) (void)hoop_fail_within(err, "module %s (%s)", c->path, c->kind->name);
            return st;
        }
    }
    return HOOP_OK;
}

hoop_status hoop_model_build(hoop_model *m, int ndim, const int64_t *shape, hoop_error *err)
{
    if (ndim < 1 || ndim > HOOP_MAX_DIMS)
        return hoop_fail(err, HOOP_ESHAPE, "a model's input has 1 to %d dims, the first the batch", HOOP_MAX_DIMS);
    memcpy(m->out_shape, shape, (size_t)ndim * sizeof *shape);
    m->out_ndim = ndim;
    return module_build(m->root, &m->out_ndim, m->out_shape, err);
}

const int64_t *hoop_model_out_shape(const hoop_model *m, int *ndim)
{
    *ndim = m->out_ndim - 1;
    return m->out_shape + 1;
}

hoop_status hoop_model_finalize(hoop_model *m, void *memory, hoop_error *err)
{
    return hoop_params_finalize(m->params, memory, err);
}

hoop_tensor *hoop_model_forward(const hoop_model *m, hoop_tape *t, hoop_tensor *x)
{
    return m->root->kind->forward(m->root, t, x);
}

/* a sequence hands each module's output to the next */
static hoop_tensor *sequential_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    for (const hoop_module *c = m->first; c != NULL; c = c->next) {
        uint64_t site = hoop_tape_set_site(t, c->site);
        x             = c->kind->forward(c, t, x);
        (void)hoop_tape_set_site(t, site);
    }
    return x;
}

const hoop_module_kind hoop__module_sequential = {.name = "sequential", .forward = sequential_forward};

const void *hoop_module_opts(const hoop_module *m)
{
    return m->opts;
}

const char *hoop_module_path(const hoop_module *m)
{
    return m->path;
}

enum { NAME_MAX_BYTES = PATH_MAX_BYTES + 40 };

/* the parameter's or buffer's whole name; HOOP_EARG where the kind asks for what it cannot have */
static hoop_status check_slot(const hoop_module *m, int slot, const char *name, char out[NAME_MAX_BYTES], hoop_error *err)
{
    int n = snprintf(out, NAME_MAX_BYTES, "%s%s%s", m->path, m->path[0] == '\0' ? "" : ".", name);
    if (n < 0 || n >= NAME_MAX_BYTES)
        return hoop_fail(err, HOOP_EARG, "'%s' makes a name of more than %d characters", name, NAME_MAX_BYTES - 1);
    if (slot < 0 || slot >= HOOP_MODULE_SLOTS)
        return hoop_fail(err, HOOP_EARG, "%s: slot %d; a module has slots 0 to %d", out, slot, HOOP_MODULE_SLOTS - 1);
    if (m->tensor[slot] != NULL)
        return hoop_fail(err, HOOP_EARG, "%s: slot %d is taken (was the model built before?)", out, slot);
    return HOOP_OK;
}

hoop_status hoop_module_param(hoop_module *m, int slot, const char *name, hoop_param_kind kind, int ndim, const int64_t *shape,
                              int64_t fan_in, hoop_error *err)
{
    char         full[NAME_MAX_BYTES];
    hoop_status  st   = check_slot(m, slot, name, full, err);
    struct init *init = st == HOOP_OK ? realloc(m->model->init, (size_t)(m->model->ninit + 1) * sizeof *init) : NULL;
    if (st != HOOP_OK) return st;
    if (init == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a module");
    m->model->init = init;
    st             = hoop_params_add(m->model->params, full, ndim, shape, err, &m->tensor[slot]);
    if (st == HOOP_OK) init[m->model->ninit++] = (struct init){hoop_params_count(m->model->params) - 1, kind, fan_in};
    return st;
}

hoop_status hoop_module_buffer(hoop_module *m, int slot, const char *name, hoop_dtype dtype, int ndim, const int64_t *shape,
                               hoop_error *err)
{
    char        full[NAME_MAX_BYTES];
    hoop_status st = check_slot(m, slot, name, full, err);
    return st != HOOP_OK ? st : hoop_params_add_buffer(m->model->params, full, dtype, ndim, shape, err, &m->tensor[slot]);
}

hoop_dtype hoop_module_dtype(const hoop_module *m)
{
    return hoop_params_dtype(m->model->params);
}

hoop_tensor *hoop_module_tensor(const hoop_module *m, int slot)
{
    return slot >= 0 && slot < HOOP_MODULE_SLOTS ? m->tensor[slot] : NULL;
}

/*
 * Weights and biases. PyTorch: both uniform within 1/sqrt(fan_in) (its Linear). He: normal of variance 2/fan_in (He et al., ICCV
 * 2015); Glorot: uniform within sqrt(6/(fan_in + fan_out)) (Glorot & Bengio, AISTATS 2010); both with biases of zero. These are
 * about sums over fan_in inputs; a table's rows are looked up, and N(0, 1) in every scheme, as PyTorch's Embedding.
 */
static HOOP_NOINLINE void param_fill(hoop_params *p, int param, hoop_param_kind kind, hoop_init init, int64_t fan_in,
                                     uint64_t seed)
{
    hoop_tensor *x       = hoop_params_tensor(p, param);
    hoop_key     key     = hoop_key_make(seed, HOOP_FOR_INIT, hash_text(hoop_params_name(p, param)), 0, 0);
    int64_t      fan_out = hoop_tensor_size(x, 0), n = hoop_tensor_numel(x);
    double       fan    = fan_in > 0 ? (double)fan_in : 1.0;
    bool         zero   = kind == HOOP_PARAM_BIAS && init != HOOP_INIT_PYTORCH;
    bool         normal = kind == HOOP_PARAM_TABLE || init == HOOP_INIT_HE;
    double       scale  = kind == HOOP_PARAM_TABLE   ? 1.0
                          : init == HOOP_INIT_HE     ? v_sqrt_f64(2.0 / fan)
                          : init == HOOP_INIT_GLOROT ? v_sqrt_f64(6.0 / (fan + (double)fan_out))
                                                     : 1.0 / v_sqrt_f64(fan);
    void        *data   = hoop_tensor_data(x);
    for (int64_t first = 0; first < n; first += CHUNK) {
        double  v[CHUNK] = {0.0};
        int64_t m        = n - first < CHUNK ? n - first : CHUNK;
        if (!zero && normal) hoop_random_normal_fill(key, (uint64_t)first, m, v);
        if (!zero && !normal) hoop_random_f64_fill(key, (uint64_t)first, m, v);
        for (int64_t i = 0; i < m && !zero; i++) v[i] = scale * (normal ? v[i] : 2.0 * v[i] - 1.0);
        for (int64_t i = 0; i < m; i++) {
            if (hoop_params_dtype(p) == HOOP_F32)
                ((float *)data)[first + i] = (float)v[i];
            else
                ((double *)data)[first + i] = v[i];
        }
    }
    hoop_tensor_touch(x);
}

static hoop_status param_init(hoop_params *p, int param, hoop_param_kind kind, hoop_init init, int64_t fan_in, uint64_t seed)
{
    uint64_t mode;
    if (param < 0 || param >= hoop_params_count(p) || (int)init < 0 || init > HOOP_INIT_GLOROT) return HOOP_EARG;
    if (hoop_params_data(p) == NULL) return HOOP_ESTATE;
    mode = hoop_fp_enter();
    param_fill(p, param, kind, init, fan_in, seed);
    hoop_fp_restore(mode);
    return HOOP_OK;
}

hoop_status hoop_param_init(hoop_params *p, int param, hoop_init init, int64_t fan_in, uint64_t seed)
{
    bool weight = param >= 0 && param < hoop_params_count(p) && hoop_tensor_ndim(hoop_params_tensor(p, param)) >= 2;
    return param_init(p, param, weight ? HOOP_PARAM_WEIGHT : HOOP_PARAM_BIAS, init, fan_in, seed);
}

hoop_status hoop_model_init(hoop_model *m, hoop_init init, uint64_t seed)
{
    hoop_status st = HOOP_OK;
    int         k  = 0;
    for (int i = 0; i < hoop_params_count(m->params) && st == HOOP_OK; i++) {
        if (k < m->ninit && m->init[k].param == i) {
            st = param_init(m->params, i, m->init[k].kind, init, m->init[k].fan_in, seed);
            k++;
        } else { /* registered by hand, before the modules' or behind them */
            st = hoop_param_init(m->params, i, init, 1, seed);
        }
    }
    return st;
}
