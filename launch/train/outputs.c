/* The outputs of a config's model: which is whose, and whether they fit the targets. */
#include "train/data.h"
#include "train/labels.h"
#include "train/plan.h"
#include "train/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which is whose ---- */

static int find_output(const hoop_trainer *tr, const char *target)
{
    for (int i = 0; i < hoop_model_outputs(tr->model); i++)
        if (strcmp(hoop_model_output_name(tr->model, i), target) == 0) return i;
    return -1;
}

/* by name where any is called as a target, else in order */
static hoop_status assign(hoop_trainer *tr, hoop_error *err)
{
    const int n     = tr->data->ntargets;
    int       named = 0;
    if (hoop_model_outputs(tr->model) != n)
        return hoop_config_fail(tr->config, "model", err, "it has %d output%s, and there %s %d target%s (%s%s)",
                                hoop_model_outputs(tr->model), hoop_model_outputs(tr->model) == 1 ? "" : "s",
                                n == 1 ? "is" : "are", n, n == 1 ? "" : "s", hoop__target(tr, 0)->name, n == 1 ? "" : ", ...");
    for (int k = 0; k < n; k++) named += find_output(tr, hoop__target(tr, k)->name) >= 0;
    for (int k = 0; k < n; k++) {
        hoop__field *f = hoop__target(tr, k);
        f->output      = named > 0 ? find_output(tr, f->name) : k;
        if (f->output < 0)
            return hoop_config_fail(tr->config, "model", err, "of its outputs none is called as the target '%s', and others are",
                                    f->name);
    }
    return HOOP_OK;
}

/* ---- does it fit? ---- */

enum { SHAPE_TEXT = 160, WHO_TEXT = HOOP__FIELD_NAME + 24 };

/* "(N, 28, 28)" */
static const char *shape_text(int ndim, const int64_t *shape, char out[SHAPE_TEXT])
{
    int at = snprintf(out, SHAPE_TEXT, "(N");
    for (int d = 0; d < ndim; d++)
        at += shape[d] < 0 ? snprintf(out + at, (size_t)(SHAPE_TEXT - at), ", *")
                           : snprintf(out + at, (size_t)(SHAPE_TEXT - at), ", %lld", (long long)shape[d]);
    (void)snprintf(out + at, (size_t)(SHAPE_TEXT - at), ")");
    return out;
}

static const char *who(const hoop_trainer *tr, const hoop__field *f, char out[WHO_TEXT])
{
    if (tr->data->ntargets == 1 && tr->model != NULL) return "the last layer";
    (void)snprintf(out, WHO_TEXT, "the output for '%s'", f->name);
    return out;
}

/* Where a loss says itself which targets belong beside which outputs. */
static hoop_status check_own(hoop_trainer *tr, const hoop__field *f, int ndim, const int64_t *shape, hoop_error *err)
{
    const char *wanted = f->loss->fits(ndim, shape, f->ndim, f->shape);
    char        out[SHAPE_TEXT], target[SHAPE_TEXT], whose[WHO_TEXT];
    if (wanted == NULL) return HOOP_OK;
    return hoop_config_fail(tr->config, "model", err, "%s has outputs %s, and the targets are %s: %s wants %s", who(tr, f, whose),
                            shape_text(ndim, shape, out), shape_text(f->ndim, f->shape, target), f->loss->name, wanted);
}

/* Are outputs (n, C, ...) meant, beside labels (n, ...)? Where (n, ..., C) fits, it is that. */
static bool is_class_first(const hoop__field *f, int ndim, const int64_t *shape)
{
    bool last = true;
    if (f->loss->fits != NULL || ndim < 2 || f->ndim != ndim - 1) return false;
    for (int d = 0; d < ndim - 1; d++) {
        last = last && f->shape[d] == shape[d];
        if (f->shape[d] != shape[d + 1]) return false;
    }
    return !last;
}

/* The same without labels: as training found it, or else where the number of classes says so. */
static bool predicts_class_first(const hoop__field *f, int ndim, const int64_t *shape)
{
    if (!f->loss->classes || f->loss->fits != NULL || ndim < 2) return false;
    if (f->class_dim != NULL) return strcmp(f->class_dim, "first") == 0;
    return f->classes > 0 && shape[0] == f->classes && (ndim >= 3 || shape[ndim - 1] != f->classes);
}

/* what is seen of outputs (n, C, ...) */
static void last_class(hoop__field *f, int ndim, const int64_t *shape)
{
    for (int d = 0; d < ndim; d++) f->out_shape[d] = shape[(d + 1) % ndim];
}

static hoop_status check_labels(hoop_trainer *tr, hoop__field *f, int ndim, const int64_t *shape, hoop_error *err)
{
    char      out[SHAPE_TEXT], label[SHAPE_TEXT], advice[HOOP__ADVICE], whose[WHO_TEXT], key[HOOP__SPEC_KEY];
    const int k = (int)(f - tr->data->field);
    bool      fit;
    if (is_class_first(f, ndim, shape)) { /* from here on as (n, ..., C) */
        f->class_first = true;
        last_class(f, ndim, shape);
        shape = f->out_shape;
    }
    if (tr->opts.evaluate_only && f->classes == 0 && ndim > 0) f->classes = shape[ndim - 1]; /* all that a trained model knows */
    if (ndim < 1 || shape[ndim - 1] < f->classes)
        return hoop_config_fail(tr->config, "model", err, "%s has %lld outputs, the data %lld classes", who(tr, f, whose),
                                (long long)(ndim > 0 ? shape[ndim - 1] : 0), (long long)f->classes);
    if (f->loss->fits != NULL) return check_own(tr, f, ndim, shape, err);
    if (f->ndim == ndim && f->shape[ndim - 1] == 1) f->ndim--; /* a column of labels is labels */
    fit = f->ndim == ndim - 1;
    for (int d = 0; d < ndim - 1 && fit; d++) fit = f->shape[d] == shape[d];
    if (fit) return HOOP_OK;
    if (ndim >= 3 && f->ndim == ndim - 1 && shape[0] == f->classes && shape[ndim - 1] != f->classes) /* masks of another size */
        return hoop_config_fail(tr->config, "model", err, "outputs %s want labels %s, and those%s%s are %s",
                                shape_text(ndim, shape, out), shape_text(ndim - 1, shape + 1, advice),
                                tr->data->ntargets == 1 ? "" : " of ", tr->data->ntargets == 1 ? "" : f->name,
                                shape_text(f->ndim, f->shape, label));
    return hoop_config_fail(
        tr->config, "model", err, "outputs %s want a label for each row of %lld, and the labels%s%s are %s%s",
        shape_text(ndim, shape, out), (long long)shape[ndim - 1], tr->data->ntargets == 1 ? "" : " of ",
        tr->data->ntargets == 1 ? "" : f->name, shape_text(f->ndim, f->shape, label),
        tr->data->train == NULL
            ? ""
            : hoop__labels_advice(tr->data->train, k, hoop__specs_key(&tr->plan->specs, k, "labels", key), advice));
}

static int64_t product(int ndim, const int64_t *shape)
{
    int64_t n = 1;
    for (int d = 0; d < ndim; d++)
        if (__builtin_mul_overflow(n, shape[d], &n)) return INT64_MAX;
    return n;
}

/* Outputs of another shape than the targets' are those in a row. */
static hoop_status check_values(hoop_trainer *tr, hoop__field *f, int ndim, const int64_t *shape, hoop_error *err)
{
    char       out[SHAPE_TEXT], target[SHAPE_TEXT], whose[WHO_TEXT];
    const bool same = ndim == f->ndim && memcmp(shape, f->shape, (size_t)ndim * sizeof *shape) == 0;
    if (f->loss->fits != NULL) return check_own(tr, f, ndim, shape, err);
    if (same) return HOOP_OK;
    if (product(ndim, shape) != hoop__field_numel(f) && !f->varies)
        return hoop_config_fail(tr->config, "model", err, "%s has %lld outputs, the targets %lld values", who(tr, f, whose),
                                (long long)product(ndim, shape), (long long)hoop__field_numel(f));
    if ((ndim > 1 && f->ndim > 1) || f->varies)
        return hoop_config_fail(tr->config, "model", err, "%s has outputs %s, and the targets are %s", who(tr, f, whose),
                                shape_text(ndim, shape, out), shape_text(f->ndim, f->shape, target));
    if (f->ndim == 0) return HOOP_OK;
    f->out_ndim = f->ndim;
    memcpy(f->out_shape, f->shape, sizeof f->out_shape);
    return HOOP_OK;
}

/* of one target: a shape that was asked for, or is now known */
static hoop_status reshape(hoop_trainer *tr, hoop__field *f, hoop_error *err)
{
    hoop_ints *as = &tr->plan->model.output_shape;
    if (tr->data->ntargets > 1 && as->n > 0)
        return hoop_config_fail(tr->config, "model.output_shape", err, "is for one target, and there are %d; take it out",
                                tr->data->ntargets);
    if (tr->data->ntargets > 1 || as->n == 0) return HOOP_OK;
    if (as->n >= HOOP_MAX_DIMS || product(as->n, as->v) != product(f->out_ndim, f->out_shape))
        return hoop_config_fail(tr->config, "model.output_shape", err, "rows of the last layer have %lld outputs",
                                (long long)product(f->out_ndim, f->out_shape));
    f->out_ndim = as->n;
    memcpy(f->out_shape, as->v, (size_t)as->n * sizeof *as->v);
    return HOOP_OK;
}

#define NOTHING "all numbers are 0, and nothing would count; at least one above 0 is wanted"

/* a list named weight of zeros alone */
static bool weighs_nothing(const hoop_option *row, const hoop_floats *list)
{
    bool all = strcmp(row->key, "weight") == 0 && list->n > 0;
    for (int i = 0; i < list->n && all; i++) all = list->v[i] == 0.0;
    return all;
}

/* Lists of its loss have a number for each value of the outputs' last dim, or one for all; weights are not all 0. */
static hoop_status check_lists(const hoop_trainer *tr, const hoop__field *f, hoop_error *err)
{
    const hoop_option_table *t    = &f->loss->options;
    const int64_t            last = f->out_ndim > 0 ? f->out_shape[f->out_ndim - 1] : 1;
    const int                k    = (int)(f - tr->data->field);
    const hoop_value        *own  = !tr->opts.arrays && k < tr->plan->specs.n ? tr->plan->specs.field[k].loss : NULL;
    for (int i = 0; i < t->count && f->loss_opts != NULL; i++) {
        const hoop_floats *list = (const void *)((const char *)f->loss_opts + t->rows[i].offset);
        char               path[HOOP__SPEC_KEY];
        if (t->rows[i].type != HOOP_OPT_FLOATS) continue;
        (void)snprintf(path, sizeof path, "loss.%s", t->rows[i].key);
        if (weighs_nothing(&t->rows[i], list))
            return own != NULL ? hoop_value_fail(own, err, "weight: " NOTHING) : hoop_config_fail(tr->config, path, err, NOTHING);
        if (list->n <= 1 || list->n == last) continue;
        if (own != NULL)
            return hoop_value_fail(own, err, "%s has %d numbers; one for each of %lld is wanted, or one for all", t->rows[i].key,
                                   list->n, (long long)last);
        return hoop_config_fail(tr->config, path, err, "%d numbers; one for each of %lld %s is wanted, or one for all", list->n,
                                (long long)last, f->loss->classes ? "classes" : "values");
    }
    return HOOP_OK;
}

/* Lists of boxes, and outputs of which something else is told. */
static hoop_status match_boxes(hoop_trainer *tr, hoop__field *f, int ndim, const int64_t *shape, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->plan->model.output_shape.n > 0)
        return hoop_config_fail(tr->config, "model.output_shape", err, "is for values, and '%s' are boxes; take it out", f->name);
    if (f->ndim >= 0) st = check_own(tr, f, ndim, shape, err);
    if (st == HOOP_OK) f->out_ndim = f->loss->told_shape(ndim, shape, f->loss_opts, f->out_shape);
    return st == HOOP_OK && f->ndim >= 0 ? hoop__shown_fits(tr, f, err) : st;
}

static hoop_status match(hoop_trainer *tr, hoop__field *f, const hoop_shape *out, hoop_error *err)
{
    const int      ndim  = out->ndim - 1;
    const int64_t *shape = out->size + 1;
    hoop_ints     *as    = &tr->plan->model.output_shape;
    hoop_status    st    = HOOP_OK;
    if (f->loss->boxes) return match_boxes(tr, f, ndim, shape, err);
    f->out_ndim = ndim;
    memcpy(f->out_shape, shape, (size_t)ndim * sizeof *shape);
    if (f->ndim < 0) f->class_first = predicts_class_first(f, ndim, shape);
    if (f->ndim < 0 && f->class_first) last_class(f, ndim, shape);
    if (f->ndim >= 0) st = f->loss->classes ? check_labels(tr, f, ndim, shape, err) : check_values(tr, f, ndim, shape, err);
    if (st == HOOP_OK) st = check_lists(tr, f, err);
    if (st != HOOP_OK) return st;
    if (tr->data->ntargets == 1 && as->n == 0 && !f->class_first &&
        (f->out_ndim != ndim || memcmp(shape, f->out_shape, (size_t)ndim * sizeof *shape) != 0)) {
        as->n = f->out_ndim;
        memcpy(as->v, f->out_shape, (size_t)as->n * sizeof *as->v);
    }
    st = reshape(tr, f, err);
    return st == HOOP_OK && f->ndim >= 0 ? hoop__shown_fits(tr, f, err) : st;
}

hoop_status hoop__outputs_match(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = assign(tr, err);
    for (int k = 0; k < tr->data->ntargets && st == HOOP_OK; k++)
        st = match(tr, hoop__target(tr, k), hoop_model_output(tr->model, hoop__target(tr, k)->output), err);
    return st;
}

/* ---- those of the caller's own model ---- */

enum { TRIED = 2 /* rows */ };

static hoop_status try_input(hoop_trainer *tr, int i, int64_t length, void **zeros, hoop_error *err)
{
    const hoop__field *f    = hoop__input(tr, i);
    size_t             size = hoop_dtype_size(f->dtype);
    int64_t            shape[HOOP_MAX_DIMS];
    hoop__field_shape(f, TRIED, length, shape);
    for (int d = 0; d <= f->ndim; d++) size *= (size_t)shape[d];
    *zeros = calloc(1, size + 1);
    if (*zeros == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %d rows of %s", TRIED, f->name);
    tr->step->in[i] = hoop_tape_wrap(tr->tape, f->dtype, f->ndim + 1, shape, *zeros);
    return HOOP_OK;
}

/* shapes of what forward makes of rows of zeros, those that vary padded to `length` */
static hoop_status try_forward(hoop_trainer *tr, int64_t length, hoop_shape *out, hoop_error *err)
{
    void       *zeros[HOOP_DATASET_FIELDS] = {NULL};
    hoop_error  why                        = {.status = HOOP_OK};
    hoop_status st                         = HOOP_OK;
    (void)hoop_tape_reset(tr->tape, NULL, NULL);
    (void)hoop_tape_set_training(tr->tape, false);
    (void)hoop_tape_set_grad(tr->tape, false);
    for (int i = 0; i < tr->data->ninputs && st == HOOP_OK; i++) st = try_input(tr, i, length, &zeros[i], err);
    if (st == HOOP_OK) hoop__model_forward(tr, tr->tape);
    for (int k = 0; k < tr->data->ntargets && st == HOOP_OK && hoop_tape_error(tr->tape)->status == HOOP_OK; k++) {
        const hoop_tensor *y = tr->step->out[k];
        char               text[SHAPE_TEXT];
        out[k] = (hoop_shape){.dtype = hoop_tensor_dtype(y), .ndim = hoop_tensor_ndim(y)};
        memcpy(out[k].size, hoop_tensor_shape(y), (size_t)out[k].ndim * sizeof *out[k].size);
        if (out[k].dtype != tr->dtype || out[k].ndim < 1 || out[k].size[0] != TRIED)
            hoop_tape_fail(tr->tape, HOOP_ESHAPE, "output %d, %s, is %s, and %s (%d, ...) is wanted", k,
                           hoop__target(tr, k)->name, hoop_tensor_describe(y, text, sizeof text), hoop_dtype_name(tr->dtype),
                           TRIED);
    }
    (void)hoop_tape_reset(tr->tape, NULL, &why);
    for (int i = 0; i < tr->data->ninputs; i++) free(zeros[i]);
    if (st == HOOP_OK && why.status != HOOP_OK)
        st = hoop_fail(err, why.status, "hoop_trainer_opts: forward, tried on %d rows of zeros: %s", TRIED, why.text);
    return st;
}

/* Twice: dims that are others where rows are padded to another length vary. */
hoop_status hoop__outputs_try(hoop_trainer *tr, hoop_error *err)
{
    hoop_shape  out[HOOP_DATASET_FIELDS], again[HOOP_DATASET_FIELDS];
    hoop_status st = try_forward(tr, 2, out, err);
    if (st == HOOP_OK) st = try_forward(tr, 3, again, err);
    for (int k = 0; k < tr->data->ntargets && st == HOOP_OK; k++) {
        for (int d = 1; d < out[k].ndim && d < again[k].ndim; d++)
            if (out[k].size[d] != again[k].size[d]) out[k].size[d] = -1;
        hoop__target(tr, k)->output = k;
        st                          = match(tr, hoop__target(tr, k), &out[k], err);
    }
    return st;
}
