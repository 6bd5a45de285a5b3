/* What is done to inputs before the model (data.transform): a list of layers without parameters, a part of the model. So it is
 * done in training, evaluation and prediction alike, and its statistics are in checkpoints. */
#include "models/models.h"
#include "train/data.h"
#include "train/plan.h"

#include <stdio.h>
#include <string.h>

static const char measured[] = "normalize";

/* of an item, `log1p` or {normalize: channel} */
static const char *name_of(const hoop_value *item)
{
    return hoop_value_get_kind(item) == HOOP_VALUE_MAP && hoop_value_count(item) == 1 ? hoop_value_key(item, 0)
                                                                                      : hoop_value_text(item);
}

static hoop_status unknown(const hoop_value *item, const char *name, hoop_error *err)
{
    const char             *names[64], *near;
    char                    list[HOOP_ERROR_TEXT / 2] = "";
    int                     n = 0, at = 0;
    const hoop_module_kind *k;
    for (int i = 0; n < 64 && (k = hoop_module_kind_get(i)) != NULL; i++)
        if (k->prepares) names[n++] = k->name;
    near = hoop_nearest(name, names, n);
    if (near != NULL) return hoop_value_fail(item, err, "there is no '%.64s' for inputs; did you mean %s?", name, near);
    for (int i = 0; i < n && at < (int)sizeof list; i++)
        at += snprintf(list + at, sizeof list - (size_t)at, "%s%s", i == 0 ? "" : ", ", names[i]);
    return hoop_value_fail(item, err, "'%.64s' is none of %s; layers that are trained, or random, stand in model.layers", name,
                           list);
}

hoop_status hoop__transform_check(const hoop_trainer *tr, int k, hoop_error *err)
{
    const hoop_value *list = k < tr->data->ninputs ? hoop__field_transform(tr, k) : NULL;
    const bool        data = !tr->opts.arrays || tr->opts.resume != NULL; /* there are statistics of */
    if (list == NULL) return HOOP_OK;
    if (tr->opts.params != NULL)
        return hoop_value_fail(list, err, "is a part of a config's model, and the model is the caller's own; take it out");
    if (hoop_value_get_kind(list) != HOOP_VALUE_LIST)
        return hoop_value_fail(list, err, "is a list, such as [log1p, {normalize: channel}]");
    for (int i = 0; i < hoop_value_count(list); i++) {
        const hoop_value       *item = hoop_value_at(list, i);
        const char             *name = name_of(item);
        const hoop_module_kind *kind = name == NULL ? NULL : hoop_module_kind_find(name);
        if (name == NULL) return hoop_value_fail(item, err, "is a name, or one with options, such as {clip: {min: 0}}");
        if (kind == NULL || !kind->prepares) return unknown(item, name, err);
        if (kind->takes_indices && i > 0)
            return hoop_value_fail(item, err, "is of integers as they are stored: it can only come first");
    }
    if (!data && hoop__transform_asks(tr, k) != NULL)
        return hoop_value_fail(hoop__transform_asks(tr, k), err,
                               "there is no training data of a config to measure; give mean and std");
    return HOOP_OK;
}

const hoop_value *hoop__transform_asks(const hoop_trainer *tr, int k)
{
    const hoop_value *list = hoop__field_transform(tr, k);
    for (int i = 0; i < hoop_value_count(list); i++)
        if (hoop__layers_measure(hoop_value_at(list, i))) return hoop_value_at(list, i);
    return NULL;
}

bool hoop__transform_begins(const hoop_trainer *tr, int k)
{
    const hoop_value *first = hoop_value_at(hoop__field_transform(tr, k), 0);
    return first != NULL && strcmp(name_of(first), measured) == 0;
}

/* ---- modules ---- */

/* A list that begins with one_hot: rows are read as the integers that they are. */
static hoop_status take_integers(hoop_trainer *tr, int k, const hoop_value *first, hoop_error *err)
{
    const hoop_dataset_field *is = tr->data->train == NULL ? NULL : &hoop_dataset_about(tr->data->train)->field[k];
    if (!hoop_module_kind_find(name_of(first))->takes_indices) return HOOP_OK;
    if (is != NULL && (hoop_dtype_is_float(is->dtype) || is->scale != 1))
        return hoop_value_fail(first, err, "%s takes integers, and %s is stored as %s%s", name_of(first), is->path,
                               hoop_dtype_name(is->dtype), is->scale != 1 ? " with a scale" : "");
    hoop__input(tr, k)->dtype = HOOP_I64;
    return HOOP_OK;
}

hoop_status hoop__transform_add(hoop_trainer *tr, hoop_module *root, hoop_error *err)
{
    static const hoop_parallel_opts each   = {.inputs = HOOP_INPUTS_EACH};
    const int                       n      = tr->data->ninputs;
    hoop_module                    *parent = root;
    hoop_status                     st     = HOOP_OK;
    bool                            any    = false;
    for (int i = 0; i < n; i++) any = any || hoop__field_transform(tr, i) != NULL;
    if (!any) return HOOP_OK;
    if (n > 1) st = hoop_module_add(root, hoop_module_kind_find("parallel"), "transform", &each, err, &parent);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        const hoop_value *list = hoop__field_transform(tr, i);
        hoop_module      *m;
        st = hoop_module_add(parent, hoop_module_kind_find("sequential"), n > 1 ? hoop__input(tr, i)->name : "transform", NULL,
                             err, &m);
        if (st != HOOP_OK || list == NULL) continue;
        hoop__input(tr, i)->transform = m;
        st                            = hoop__layers_add(m, list, err);
        if (st == HOOP_OK) st = take_integers(tr, i, hoop_value_at(list, 0), err);
    }
    return st;
}

/* A model of these layers alone says it. */
hoop_status hoop__transform_shape(const hoop_trainer *tr, int k, hoop_shape *x, hoop_error *err)
{
    const hoop_value *list  = hoop__field_transform(tr, k), *layer;
    hoop_model       *model = NULL;
    hoop_error        why   = {.status = HOOP_OK};
    hoop_status       st;
    if (list == NULL) return HOOP_OK;
    HOOP_TRY(st, done, hoop_model_create(tr->dtype, err, &model));
    HOOP_TRY(st, done, hoop__layers_add(hoop_model_root(model), list, err));
    st = hoop_model_build(model, 1, x, &why);
    if (st == HOOP_OK) {
        *x = *hoop_model_output(model, 0);
    } else if ((layer = hoop_model_blamed(model)) != NULL) {
        (void)hoop_value_fail(layer, err, "%s", why.text);
        err->status = st;
    } else {
        (void)hoop_value_fail(list, err, "%s", why.text);
    }
done:
    hoop_model_destroy(&model);
    return st;
}

/* ---- statistics ---- */

const hoop_module *hoop__transform_measured(const hoop_trainer *tr, int k, const hoop_module *m)
{
    const hoop_module *sequence = hoop__input(tr, k)->transform;
    if (sequence == NULL) return NULL;
    for (m = m == NULL ? hoop_module_first(sequence) : hoop_module_next(m); m != NULL; m = hoop_module_next(m))
        if (strcmp(hoop_module_kind_of(m)->name, measured) == 0 &&
            ((const hoop_normalize_opts *)hoop_module_opts(m))->mean.n == 0)
            return m;
    return NULL;
}

hoop_status hoop__transform_run(hoop_trainer *tr, int k, const hoop_module *until, int64_t n, const void *rows, hoop_error *err,
                                hoop_tensor **out)
{
    const hoop__field *f = hoop__input(tr, k);
    int64_t            shape[HOOP_MAX_DIMS];
    hoop_tensor       *x;
    (void)hoop_tape_reset(tr->tape, NULL, NULL);
    (void)hoop_tape_set_training(tr->tape, false);
    (void)hoop_tape_set_grad(tr->tape, false);
    hoop__field_shape(f, n, 0, shape);
    x = hoop_tape_wrap(tr->tape, f->dtype, f->ndim + 1, shape, rows);
    for (const hoop_module *m = hoop_module_first(f->transform); m != until; m = hoop_module_next(m)) {
        hoop_tensor *next;
        hoop_module_forward(m, tr->tape, 1, &x, &next);
        x = next;
    }
    *out = hoop_contiguous(tr->tape, x);
    if (hoop_tape_error(tr->tape)->status == HOOP_OK) return HOOP_OK;
    return hoop_fail(err, hoop_tape_error(tr->tape)->status, "%s", hoop_tape_error(tr->tape)->text);
}
