/* layers: the modules of a list, which nest: {residual: [...]}, {parallel: {branches: {u: [...], v: [...]}, join: concat}}. */
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS_MAX = 256, KEYS_MAX = 64 };

static hoop_status add_item(hoop_module *parent, const char *name, const hoop_value *item, bool list, hoop_error *err);

/* an error of the engine, with the place of what it is about */
static hoop_status placed(const hoop_value *item, hoop_status st, const hoop_error *why, hoop_error *err)
{
    if (st == HOOP_OK || st == HOOP_ENOMEM) return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", why->text);
    return hoop_value_fail(item, err, "%s", why->text);
}

static hoop_status no_such_layer(const hoop_value *item, const char *name, hoop_error *err)
{
    const char             *names[KINDS_MAX], *near;
    int                     n = 0;
    const hoop_module_kind *k;
    while (n < KINDS_MAX && (k = hoop_module_kind_get(n)) != NULL) names[n++] = k->name;
    near = hoop_nearest(name, names, n);
    if (near != NULL) return hoop_value_fail(item, err, "there is no layer '%s'; did you mean %s?", name, near);
    return hoop_value_fail(item, err, "there is no layer '%s'; hoop train --help layers lists all", name);
}

/* ---- options ---- */

static const hoop_module_child *find_child(const hoop_module_kind *kind, const char *key)
{
    for (int i = 0; i < kind->nchildren; i++) {
        if (strcmp(kind->children[i].name, key) == 0) return &kind->children[i];
    }
    return NULL;
}

static hoop_status unknown_key(const hoop_value *item, const char *key, const hoop_module_kind *kind, hoop_error *err)
{
    const char *keys[KEYS_MAX], *near;
    char        list[HOOP_ERROR_TEXT / 2] = "no keys";
    size_t      at                        = 0;
    int         n                         = 0;
    for (int i = 0; i < kind->nchildren && n < KEYS_MAX; i++) keys[n++] = kind->children[i].name;
    for (int i = 0; i < kind->options.count && n < KEYS_MAX; i++) keys[n++] = kind->options.rows[i].key;
    near = hoop_nearest(key, keys, n);
    if (near != NULL) return hoop_value_fail(item, err, "unknown key; did you mean %s?", near);
    for (int i = 0; i < n && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i == 0 ? "" : ", ", keys[i]);
    return hoop_value_fail(item, err, "unknown key; %s takes %s", kind->name, list);
}

static hoop_status missing(const hoop_value *item, const hoop_module_kind *kind, const char *key, hoop_error *err)
{
    return hoop_value_fail(item, err, "%s of %s must be given%s%s", key, kind->name, kind->example == NULL ? "" : ", as in ",
                           kind->example == NULL ? "" : kind->example);
}

/* the options of `item`'s layer from a map, a single value, or nothing; children are passed over */
static hoop_status fill(const hoop_value *item, const hoop_value *given, const hoop_module_kind *kind, hoop_error *err,
                        void *opts)
{
    const hoop_value_kind form = hoop_value_get_kind(given);
    hoop_status           st   = HOOP_OK;
    if (kind->opts_size > 0) (void)hoop_option_defaults(&kind->options, opts);
    for (int i = 0; form == HOOP_VALUE_MAP && i < hoop_value_count(given); i++) {
        const char *key = hoop_value_key(given, i);
        if (hoop_option_find(&kind->options, key) == NULL && find_child(kind, key) == NULL)
            return unknown_key(hoop_value_at(given, i), key, kind, err);
    }
    for (int r = 0; r < kind->options.count && st == HOOP_OK; r++) {
        const hoop_option *row  = &kind->options.rows[r];
        const bool         main = kind->main_option != NULL && strcmp(kind->main_option, row->key) == 0;
        const hoop_value  *v    = form == HOOP_VALUE_MAP ? hoop_value_find(given, row->key) : main ? given : NULL;
        if (hoop_value_get_kind(v) != HOOP_VALUE_NULL)
            st = hoop_value_parse(v, row, err, opts);
        else if (row->fallback == NULL)
            st = missing(item, kind, row->key, err);
    }
    return st;
}

/* ---- layers ---- */

/* `relu`, or the one key of `{linear: 512}`, whose value comes with it */
static const char *layer_name(const hoop_value *item, const hoop_value **given)
{
    *given = NULL;
    if (hoop_value_get_kind(item) != HOOP_VALUE_MAP || hoop_value_count(item) != 1) return hoop_value_text(item);
    *given = hoop_value_at(item, 0);
    return hoop_value_key(item, 0);
}

/* modules named 0, 1, ..., of a list, or by the keys of a map */
static hoop_status add_many(hoop_module *parent, const hoop_value *items, bool lists, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < hoop_value_count(items) && st == HOOP_OK; i++) {
        char number[24];
        (void)snprintf(number, sizeof number, "%d", i);
        st = add_item(parent, hoop_value_key(items, i) != NULL ? hoop_value_key(items, i) : number, hoop_value_at(items, i),
                      lists, err);
    }
    return st;
}

/* what stands under a container, from the value of one of its keys */
static hoop_status add_child(hoop_module *m, const hoop_module_child *child, const hoop_value *v, hoop_error *err)
{
    const hoop_value_kind form = hoop_value_get_kind(v);
    if (!child->many) return add_item(m, child->name, v, true, err);
    if (form == HOOP_VALUE_LIST) return add_many(m, v, child->named, err);
    if (form == HOOP_VALUE_MAP && child->named) return add_many(m, v, true, err);
    return hoop_value_fail(v, err, "%s of %s: %s is wanted", child->name, hoop_module_kind_of(m)->name, child->help);
}

static hoop_status add_children(hoop_module *m, const hoop_value *item, const hoop_value *given, hoop_error *err)
{
    const hoop_module_kind *kind = hoop_module_kind_of(m);
    hoop_status             st   = HOOP_OK;
    for (int i = 0; i < kind->nchildren && st == HOOP_OK; i++) {
        const hoop_module_child *child = &kind->children[i];
        const hoop_value        *v     = hoop_value_get_kind(given) == HOOP_VALUE_MAP ? hoop_value_find(given, child->name)
                                         : i == 0                                     ? given
                                                                                      : NULL;
        if (hoop_value_get_kind(v) != HOOP_VALUE_NULL)
            st = add_child(m, child, v, err);
        else if (child->required)
            st = missing(item, kind, child->name, err);
    }
    return st;
}

static hoop_status add_layer(hoop_module *parent, const char *as, const hoop_value *item, hoop_error *err)
{
    const hoop_value       *given;
    const char             *name = layer_name(item, &given);
    const hoop_module_kind *kind = name == NULL ? NULL : hoop_module_kind_find(name);
    const hoop_value_kind   form = hoop_value_get_kind(given);
    hoop_error              why  = {.status = HOOP_OK};
    hoop_module            *m;
    void                   *opts;
    hoop_status             st;
    if (name == NULL) return hoop_value_fail(item, err, "a layer is a name or one `name: options`, such as {linear: 512}");
    if (kind == NULL) return no_such_layer(item, name, err);
    if (kind->options.count == 0 && kind->nchildren == 0 && form != HOOP_VALUE_NULL)
        return hoop_value_fail(given, err, "%s takes no options", name);
    if (form != HOOP_VALUE_NULL && form != HOOP_VALUE_MAP && kind->main_option == NULL &&
        (kind->nchildren == 0 || form == HOOP_VALUE_SCALAR))
        return hoop_value_fail(given, err, "give its keys%s%s", kind->example == NULL ? "" : ", as in ",
                               kind->example == NULL ? "" : kind->example);
    opts = calloc(1, kind->opts_size + 1);
    if (opts == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a layer");
    st = fill(item, given, kind, err, opts);
    if (st == HOOP_OK) st = placed(item, hoop_module_add(parent, kind, as, opts, &why, &m), &why, err);
    if (st == HOOP_OK) hoop_module_mark(m, item);
    if (st == HOOP_OK) st = add_children(m, item, given, err);
    free(opts);
    return st;
}

/* a layer; where a list may stand too, a sequential of it */
static hoop_status add_item(hoop_module *parent, const char *name, const hoop_value *item, bool list, hoop_error *err)
{
    hoop_error   why = {.status = HOOP_OK};
    hoop_module *m;
    hoop_status  st;
    if (!list || hoop_value_get_kind(item) != HOOP_VALUE_LIST) return add_layer(parent, name, item, err);
    st = placed(item, hoop_module_add(parent, hoop_module_kind_find("sequential"), name, NULL, &why, &m), &why, err);
    if (st == HOOP_OK) hoop_module_mark(m, item);
    return st == HOOP_OK ? add_many(m, item, false, err) : st;
}

hoop_status hoop__layers_add(hoop_module *parent, const hoop_value *list, hoop_error *err)
{
    return add_many(parent, list, false, err);
}

/* ---- the model ---- */

bool hoop__layers_measure(const hoop_value *item)
{
    const hoop_value *given, *mean;
    const char       *name = layer_name(item, &given);
    if (name == NULL || strcmp(name, "normalize") != 0 || hoop_value_get_kind(given) == HOOP_VALUE_LIST) return false;
    mean = hoop_value_find(given, "mean");
    return hoop_value_get_kind(mean) == HOOP_VALUE_LIST ? hoop_value_count(mean) == 0
                                                        : hoop_value_get_kind(mean) == HOOP_VALUE_NULL;
}

/* The first layer, however deep, whose numbers the data would have to say; NULL: there is none. */
static const hoop_value *find_measured(const hoop_value *v)
{
    const hoop_value *found = hoop__layers_measure(v) ? v : NULL;
    for (int i = 0; i < hoop_value_count(v) && found == NULL; i++) found = find_measured(hoop_value_at(v, i));
    return found;
}

/* They are measured for data.transform alone, or come with the weights of a run; else all would be multiplied by 0. */
static hoop_status check_measured(const hoop__model_call *c, const hoop_value *list, hoop_error *err)
{
    const hoop_value *v       = find_measured(list);
    const char       *weights = hoop_value_text(hoop_config_get(c->config, "model.weights"));
    if (v == NULL || (weights != NULL && weights[0] != '\0')) return HOOP_OK;
    return hoop_value_fail(v, err, "normalize takes mean and std here; data.transform: [normalize] measures them");
}

static int find_input(const hoop__model_call *c, const char *name)
{
    for (int i = 0; i < c->ninputs; i++) {
        if (strcmp(c->inputs[i].name, name) == 0) return i;
    }
    return -1;
}

/* A branch that is called as an input, where `each` is fed by one, would be taken for that input's. */
static hoop_status check_order(const hoop__model_call *c, const hoop_value *first, hoop_error *err)
{
    const hoop_value *given, *branches;
    const char       *name = layer_name(first, &given), *inputs;
    if (name == NULL || strcmp(name, "parallel") != 0 || hoop_value_get_kind(given) != HOOP_VALUE_MAP) return HOOP_OK;
    inputs   = hoop_value_text(hoop_value_find(given, "inputs"));
    branches = hoop_value_find(given, "branches");
    if (inputs == NULL || strcmp(inputs, "each") != 0 || hoop_value_get_kind(branches) != HOOP_VALUE_MAP) return HOOP_OK;
    for (int i = 0; i < hoop_value_count(branches) && i < c->ninputs; i++) {
        const int of = find_input(c, hoop_value_key(branches, i));
        if (of >= 0 && of != i)
            return hoop_value_fail(hoop_value_at(branches, i), err,
                                   "is branch %d, whose input is '%s': put the branches in the order of the inputs, or call them "
                                   "otherwise",
                                   i, c->inputs[i].name);
    }
    return HOOP_OK;
}

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const hoop_value *list = hoop_config_get(c->config, "model.layers");
    hoop_module      *layers;
    hoop_status       st;
    if (hoop_value_get_kind(list) != HOOP_VALUE_LIST || hoop_value_count(list) == 0)
        return hoop_config_fail(c->config, "model.layers", err,
                                "a list of layers is wanted, such as [{linear: 512}, relu, {linear: 10}]");
    HOOP_TRY(st, done, check_order(c, hoop_value_at(list, 0), err));
    HOOP_TRY(st, done, hoop_module_add(c->parent, hoop_module_kind_find("sequential"), "layers", NULL, err, &layers));
    HOOP_TRY(st, done, add_many(layers, list, false, err));
    st = check_measured(c, list, err);
done:
    return st;
}

/* {repeat: {checkpoint: true}} */
static bool is_idle(const char *layer, const char *key)
{
    const hoop_module_kind *kind = hoop_module_kind_find(layer);
    const hoop_option      *row  = kind == NULL ? NULL : hoop_option_find(&kind->options, key);
    return row != NULL && !row->decides_bits;
}

static const hoop_config_free own = {
    "model.layers", true,
    "one after the other, such as [{linear: 512}, relu, {linear: 10}]; hoop train --help layers has them all", .idle = is_idle};

const hoop__model_kind hoop__model_layers = {
    .name = "layers", .help = "the layers of a list, which nest", .own = &own, .build = build};
