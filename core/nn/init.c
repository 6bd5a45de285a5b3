/* Initialisation: which parameter is filled how, keyed by seed and its name. */
#include "base/threads.h"
#include "hoop/random.h"
#include "kernels/vmath.h"
#include "nn/module.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 };

static void store(hoop_params *p, void *data, int64_t first, int64_t n, const double *v)
{
    for (int64_t i = 0; i < n; i++) {
        if (hoop_params_dtype(p) == HOOP_F32)
            ((float *)data)[first + i] = (float)v[i];
        else
            ((double *)data)[first + i] = v[i];
    }
}

/* a piece at a time, or all at once */
static HOOP_NOINLINE hoop_status param_fill(hoop_params *p, const hoop_init_kind *kind, const hoop_init_call *c)
{
    double      chunk[CHUNK], *all = NULL;
    int64_t     n    = hoop_tensor_numel(c->x);
    void       *data = hoop_tensor_data(c->x);
    hoop_status st   = HOOP_OK;
    if (kind->whole) {
        all = malloc((size_t)(n > 0 ? n : 1) * sizeof *all);
        st  = all == NULL ? HOOP_ENOMEM : kind->fill(c, 0, n, all);
        if (st == HOOP_OK) store(p, data, 0, n, all);
        free(all);
    }
    for (int64_t first = 0; first < n && !kind->whole && st == HOOP_OK; first += CHUNK) {
        int64_t m = n - first < CHUNK ? n - first : CHUNK;
        st        = kind->fill(c, first, m, chunk);
        store(p, data, first, m, chunk);
    }
    if (c->zero_row >= 0 && n > 0) {
        const size_t row = (size_t)(n / c->shape[0]) * hoop_dtype_size(hoop_params_dtype(p));
        memset((char *)data + (size_t)c->zero_row * row, 0, row);
    }
    hoop_tensor_touch(c->x);
    return st;
}

/* what is known of a parameter; `known` is NULL where no module registered it */
static hoop_init_call call_of(hoop_params *p, int param, const struct hoop__init *known, const void *opts, uint64_t seed)
{
    hoop_tensor   *x = hoop_params_tensor(p, param);
    hoop_init_call c = {.x        = x,
                        .key      = hoop_key_make(seed, HOOP_FOR_INIT, hoop__name_hash(hoop_params_name(p, param)), 0, 0),
                        .ndim     = hoop_tensor_ndim(x),
                        .shape    = hoop_tensor_shape(x),
                        .kind     = hoop_tensor_ndim(x) >= 2 ? HOOP_PARAM_WEIGHT : HOOP_PARAM_BIAS,
                        .fan_in   = 1,
                        .zero_row = -1,
                        .opts     = opts};
    if (known == NULL) return c;
    c.kind   = known->kind;
    c.fan_in = known->fan_in;
    c.value  = known->value;
    if (known->padded) c.zero_row = known->zero_row;
    return c;
}

static hoop_status param_init(hoop_params *p, const hoop_init_kind *kind, const hoop_init_call *c)
{
    uint64_t    mode = hoop_fp_enter();
    hoop_status st   = param_fill(p, kind, c);
    hoop_fp_restore(mode);
    return st;
}

static const hoop_init_kind *kind_of(hoop_init init)
{
    return (int)init < 0 || init > HOOP_INIT_GLOROT ? NULL : hoop_init_kind_get((int)init);
}

hoop_status hoop_param_init(hoop_params *p, int param, hoop_init init, int64_t fan_in, uint64_t seed)
{
    const hoop_init_kind *kind = kind_of(init);
    hoop_init_call        c;
    if (param < 0 || param >= hoop_params_count(p) || kind == NULL) return HOOP_EARG;
    if (hoop_params_data(p) == NULL) return HOOP_ESTATE;
    c        = call_of(p, param, NULL, NULL, seed);
    c.fan_in = fan_in;
    return param_init(p, kind, &c);
}

/* what its module said of a parameter; k goes on from call to call, as both are in one order */
static const struct hoop__init *known_of(const hoop_model *m, int param, int *k)
{
    return *k < m->ninit && m->init[*k].param == param ? &m->init[(*k)++] : NULL;
}

/* the first rule that a parameter's name is like; -1: none */
static int rule_of(const hoop_init_rule *rules, int n, const char *name)
{
    for (int r = 0; r < n; r++) {
        if (fnmatch(rules[r].match, name, 0) == 0) return r;
    }
    return -1;
}

/* every rule is to fill something */
static hoop_status check_rules(const hoop_model *m, const hoop_init_rule *rules, int n, hoop_error *err, int *bad)
{
    for (int r = 0; r < n; r++) {
        bool fills = false, like = false;
        *bad = r;
        for (int i = 0; i < hoop_params_count(m->params); i++) {
            const char *name = hoop_params_name(m->params, i);
            fills |= rule_of(rules, n, name) == r;
            like |= fnmatch(rules[r].match, name, 0) == 0;
        }
        if (fills) continue;
        if (like) return hoop_fail(err, HOOP_EARG, "all parameters like '%s' are filled by items above it", rules[r].match);
        return hoop_fail(err, HOOP_EARG, "no parameter is called '%s'; the first is %s", rules[r].match,
                         hoop_params_count(m->params) > 0 ? hoop_params_name(m->params, 0) : "none");
    }
    return HOOP_OK;
}

hoop_status hoop_model_init_rules(hoop_model *m, const hoop_init_rule *rules, int n, uint64_t seed, hoop_error *err, int *bad)
{
    hoop_status st;
    int         k = 0, none;
    if (bad == NULL) bad = &none;
    if (hoop_params_data(m->params) == NULL) return hoop_fail(err, HOOP_ESTATE, "the model is not finalized");
    st = check_rules(m, rules, n, err, bad);
    for (int i = 0; i < hoop_params_count(m->params) && st == HOOP_OK; i++) {
        const char           *name = hoop_params_name(m->params, i);
        const int             r    = rule_of(rules, n, name);
        const hoop_init_kind *kind = r < 0 ? kind_of(HOOP_INIT_PYTORCH) : rules[r].kind;
        hoop_init_call        c    = call_of(m->params, i, known_of(m, i, &k), r < 0 ? NULL : rules[r].opts, seed);
        hoop_error            why  = {.status = HOOP_OK};
        *bad                       = r;
        if (kind->check != NULL && kind->check(&c, &why) != HOOP_OK)
            return hoop_fail(err, why.status, "%s of %s: %s", kind->name, name, why.text);
        st = param_init(m->params, kind, &c);
        if (st != HOOP_OK) return hoop_fail(err, st, "%s of %s: %s", kind->name, name, hoop_status_text(st));
    }
    return st;
}

hoop_status hoop_model_init(hoop_model *m, hoop_init init, uint64_t seed)
{
    const hoop_init_rule all = {"*", kind_of(init), NULL};
    if (all.kind == NULL) return HOOP_EARG;
    return hoop_model_init_rules(m, &all, hoop_params_count(m->params) > 0 ? 1 : 0, seed, NULL, NULL);
}
