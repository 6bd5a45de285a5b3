/* The data of a config: opening, shapes and classes, loaders. Statistics are in normalize.c. */
#include "train/data.h"

#include "models/models.h"
#include "train/augment.h"
#include "train/labels.h"
#include "train/plan.h"
#include "train/sampling.h"
#include "train/task.h"
#include "train/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const normalizations[] = {"none", "standard", "channel", "all", NULL};
static const char *const targets[]        = {"auto", "none", "standard", "channel", "all", NULL};
static const char *const unknowns[]       = {"refuse", "zero", NULL};
static const char *const attributes[]     = {"auto", "all", "none", NULL};
static const char *const samplings[]      = {"once", "balanced", "weighted", NULL};
#define AT(field) offsetof(hoop__data_opts, field)
static const hoop_option rows[] = {
    {"train", HOOP_OPT_STRING, AT(train), "", 0, 0, NULL, false,
     "shard prefix, file or glob (what is in it decides bits: its fingerprint is kept)"},
    {"validation", HOOP_OPT_STRING, AT(validation), "", 0, 0, NULL, false, "the same, looked at after each epoch"},
    {"normalize", HOOP_OPT_ENUM, AT(normalize), "none", 0, 0, normalizations, true,
     "mean 0 and variance 1, from the training data: standard, of each element; channel, of each channel; all, of all elements "
     "as one; "
     "the mean is taken away in f64 where that is stored"},
    {"normalize_targets", HOOP_OPT_ENUM, AT(normalize_targets), "auto", 0, 0, targets, true,
     "of real targets the same; auto: standard, where one of at most 64 has a deviation outside 0.1 to 10, or a mean beyond 10 "
     "deviations. Losses and predictions stay in the data's units"},
    {"unknown", HOOP_OPT_ENUM, AT(unknown), "refuse", 0, 0, unknowns, false,
     "words of one-hot columns that were not seen in training; zero: none of the words"},
    {"attributes", HOOP_OPT_ENUM, AT(attributes), "auto", 0, 0, attributes, false,
     "of HDF5 files; auto: netCDF's scale_factor, _FillValue ..., and of hoop's own files scale and classes; all: these of any "
     "file; none: of own files only (what they make of the data decides bits)"},
    {"shuffle", HOOP_OPT_BOOL, AT(shuffle), "true", 0, 0, NULL, true, "each epoch in another order"},
    {"sampling", HOOP_OPT_ENUM, AT(sampling), "once", 0, 0, samplings, true,
     "once: each sample once an epoch; balanced: as often of each class; weighted: by sampling_weights. Both draw with "
     "replacement, by seed, "
     "epoch and position"},
    {"sampling_weights", HOOP_OPT_STRING, AT(sampling_weights), "", 0, 0, NULL, true,
     "HDF5 dataset of a weight for each sample, from 0"},
    {"weights", HOOP_OPT_STRING, AT(weights), "", 0, 0, NULL, true,
     "HDF5 dataset of a number for each sample of training, from 0, that what it loses is multiplied by; the mean is divided by "
     "their sum. Metrics and evaluations take all samples alike"},
    {"prefetch", HOOP_OPT_INT, AT(prefetch), "2", 0, 64, NULL, false, "steps read ahead; 0: none"},
    {"cache_mb", HOOP_OPT_INT, AT(cache_mb), "0", 0, 1 << 24, NULL, false,
     "most memory for decoded chunks, of each rank and dataset; 0: a quarter of a core's share, 64 to 1024"},
};
#undef AT
const hoop_option_table hoop__data_options = {"data", rows, (int)(sizeof rows / sizeof rows[0])};

static hoop_status open_one(hoop_trainer *tr, const char *key, const char *spec, hoop_error *err, hoop_dataset **out)
{
    hoop_dataset_opts opts = hoop__specs_dataset_opts(&tr->plan->specs, &tr->plan->data, HOOP_Y_REQUIRED);
    hoop_status       st   = hoop_dataset_open(spec, &opts, err, out);
    const char       *note;
    if (st != HOOP_OK) return hoop_fail_within(err, "%s: %s", hoop_config_name(tr->config), key);
    for (int i = 0; hoop_comm_rank(tr->comm) == 0 && (note = hoop_dataset_note(*out, i)) != NULL; i++)
        hoop__note(tr, "%s: %s", key, note);
    return HOOP_OK;
}

/* ---- what the targets are ---- */

static const hoop__spec_settings *settings(const hoop_trainer *tr, int k)
{
    return &tr->plan->specs.field[k].is;
}

/* Where hoop did not write the file, nobody has seen to it that its labels are below what its type or attribute says. (Rows of
 * one 1 among zeros are looked at as they are read.) */
static bool labels_unsure(const hoop_trainer *tr, const hoop_dataset *ds, int k)
{
    const hoop__spec_settings *is = settings(tr, k);
    return is->classes > 0 || (!hoop_dataset_about(ds)->ours && is->labels != HOOP_LABELS_ONE_HOT);
}

static const char *classes_said_by(const hoop_trainer *tr, int k, char out[128])
{
    char key[HOOP__SPEC_KEY];
    if (settings(tr, k)->classes > 0)
        (void)snprintf(out, 128, "%s says", hoop__specs_key(&tr->plan->specs, k, "classes", key));
    else
        (void)snprintf(out, 128, "%s",
                       tr->plan->data.attributes == HOOP_ATTRIBUTES_ALL ? "its type, or its attribute classes, says"
                                                                        : "the names of its type are of");
    return out;
}

/* hoop__labels_scan of field k */
static hoop_status scan(const hoop_trainer *tr, hoop_dataset *ds, int k, int64_t limit, const char *who, int64_t *classes,
                        hoop_error *err)
{
    char key[HOOP__SPEC_KEY];
    return hoop__labels_scan(ds, k, limit, who, hoop__specs_key(&tr->plan->specs, k, "classes", key),
                             hoop_loss_ignores(tr->data->field[k].loss, tr->data->field[k].loss_opts), err, classes);
}

/* hoop__labels_advice on field k */
static const char *advice_on(const hoop_trainer *tr, hoop_dataset *ds, int k, char out[HOOP__ADVICE])
{
    char key[HOOP__SPEC_KEY];
    return hoop__labels_advice(ds, k, hoop__specs_key(&tr->plan->specs, k, "labels", key), out);
}

/* Fail at what says the loss of field k: its own, or that of all. */
static hoop_status fail_loss(const hoop_trainer *tr, int k, const char *text, hoop_error *err)
{
    const hoop_value *own = tr->plan->specs.field[k].loss;
    return own != NULL ? hoop_value_fail(own, err, "%s", text) : hoop_config_fail(tr->config, "loss", err, "%s", text);
}

/* How many classes target k has: as the data say, or the config, or its labels show. */
static hoop_status count_classes(hoop_trainer *tr, hoop_dataset *ds, int k, hoop_error *err)
{
    const hoop_dataset_field *y = &hoop_dataset_about(ds)->field[k];
    hoop__field              *f = &tr->data->field[k];
    char                      advice[HOOP__ADVICE], who[128], text[HOOP_ERROR_TEXT];
    int64_t                   found;
    if (hoop_dtype_is_float(y->dtype)) {
        (void)snprintf(text, sizeof text, "%s wants integer labels, and %s of %s is %s%s", f->loss->name, y->path,
                       hoop_dataset_path(ds, 0, NULL), hoop_dtype_name(y->dtype), advice_on(tr, ds, k, advice));
        return fail_loss(tr, k, text, err);
    }
    f->classes = y->classes;
    if ((f->classes == 0 || labels_unsure(tr, ds, k)) &&
        scan(tr, ds, k, f->classes, classes_said_by(tr, k, who), &found, err) != HOOP_OK)
        return hoop_fail_within(err, "%s: data.train", hoop_config_name(tr->config));
    if (f->classes == 0) f->classes = found;
    if (f->classes == 0)
        return hoop_config_fail(tr->config, "data.train", err,
                                "%s: every label of %s is %d, which is ignored: there is nothing to learn from",
                                hoop_dataset_path(ds, 0, NULL), y->path, HOOP_IGNORE_LABEL);
    return HOOP_OK;
}

/* The size of the first input that is an image. */
static void picture_size(const hoop_trainer *tr, hoop__boxes_look *look)
{
    for (int i = 0; i < tr->data->ninputs && look->width == 0; i++) {
        const hoop__field *x = hoop__input(tr, i);
        if (x->varies || (x->ndim != 2 && x->ndim != 3)) continue;
        look->height = x->shape[x->ndim - 2];
        look->width  = x->shape[x->ndim - 1];
    }
}

/* Lists of boxes: all of them are looked at. */
static hoop_status take_boxes(hoop_trainer *tr, hoop_dataset *ds, int k, hoop_error *err)
{
    hoop__field     *f    = &tr->data->field[k];
    hoop__boxes_look look = {.classes = hoop_dataset_about(ds)->field[k].classes};
    char             who[128];
    int64_t          found;
    if (settings(tr, k)->labels != HOOP_LABELS_STORED)
        return hoop__specs_fail(tr->config, &tr->plan->specs, k, "labels", err,
                                "is for classes, and loss is %s: the class of a box is its last number; take it out",
                                f->loss->name);
    picture_size(tr, &look);
    look.who = classes_said_by(tr, k, who);
    if (hoop__boxes_scan(ds, k, &look, err, &found) != HOOP_OK)
        return hoop_fail_within(err, "%s: data.train", hoop_config_name(tr->config));
    f->classes = look.classes > 0 ? look.classes : found;
    if (f->classes == 0)
        return hoop_config_fail(tr->config, "data.train", err, "%s: no sample has a box in %s: there is nothing to learn from",
                                hoop_dataset_path(ds, 0, NULL), hoop_dataset_about(ds)->field[k].path);
    return HOOP_OK;
}

/* Real targets; (N) of them stand against (N, 1) outputs. */
static hoop_status take_values(hoop_trainer *tr, int k, hoop_error *err)
{
    const hoop__spec_settings *is = settings(tr, k);
    hoop__field               *f  = &tr->data->field[k];
    if (is->labels != HOOP_LABELS_STORED || is->classes > 0)
        return hoop__specs_fail(tr->config, &tr->plan->specs, k, is->classes > 0 ? "classes" : "labels", err,
                                "is for classes, and loss is %s; take it out, or loss: %s", f->loss->name, hoop__loss_of(true));
    if (f->ndim == 0) {
        f->ndim     = 1;
        f->shape[0] = 1;
    }
    return HOOP_OK;
}

static hoop_status shapes_from_data(hoop_trainer *tr, hoop_dataset *ds, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int k = 0; k < tr->data->ninputs + tr->data->ntargets && st == HOOP_OK; k++) {
        const hoop_dataset_field *is = &hoop_dataset_about(ds)->field[k];
        hoop__field              *f  = &tr->data->field[k];
        if (is->ndim >= HOOP_MAX_DIMS)
            return hoop_config_fail(tr->config, "data", err, "rows of %s have %d dims; at most %d", is->path, is->ndim,
                                    HOOP_MAX_DIMS - 1);
        f->ndim   = is->ndim;
        f->varies = is->varies;
        memcpy(f->shape, is->shape, (size_t)is->ndim * sizeof *is->shape);
        if (f->varies && hoop__field_asks(tr, k) >= HOOP__NORMALIZE_STANDARD)
            return hoop__specs_fail(
                tr->config, &tr->plan->specs, k, "normalize", err,
                "rows of %s vary in length, and have no mean for each element; leave it as it is: normalize: none", f->name);
        if (f->varies && k < tr->data->ninputs && hoop__transform_asks(tr, k) != NULL)
            return hoop_value_fail(hoop__transform_asks(tr, k), err,
                                   "rows of %s vary in length, and their mean is not measured; give mean and std", f->name);
        if (k < tr->data->ninputs) continue;
        st = f->loss->classes ? count_classes(tr, ds, k, err)
             : f->loss->boxes ? take_boxes(tr, ds, k, err)
                              : take_values(tr, k, err);
    }
    return st;
}

/* ---- other data, as that trained on ---- */

/* Do rows have one number of elements? Where they vary: but for how many there are of the first dim. */
static bool rows_alike(const hoop_dataset_field *a, const hoop_dataset_field *b)
{
    if (a->numel >= 0 && b->numel >= 0) return a->numel == b->numel;
    if (a->ndim != b->ndim) return false;
    for (int d = 1; d < a->ndim; d++)
        if (a->shape[d] != b->shape[d]) return false;
    return true;
}

hoop_status hoop__data_match(hoop_trainer *tr, hoop_dataset *ds, hoop_error *err)
{
    const hoop_dataset_info *info    = hoop_dataset_about(ds);
    const bool               trained = tr->data->train != NULL;
    const char              *has     = trained ? "data.train has" : "the run was trained on";
    hoop__match_opts         opts    = {.name    = trained ? hoop_dataset_path(tr->data->train, 0, NULL) : "the run",
                                        .has     = has,
                                        .zero    = tr->plan->data.unknown == HOOP__UNKNOWN_ZERO,
                                        .targets = true,
                                        .ctx     = tr->opts.ctx,
                                        .note    = hoop_comm_rank(tr->comm) == 0 ? tr->opts.note : NULL};
    hoop_status              st;
    if (info->nfields != tr->data->ninputs + tr->data->ntargets)
        return hoop_fail(err, HOOP_ESHAPE, "%s: was opened with %d fields, and the trainer has %d inputs and %d targets",
                         hoop_dataset_path(ds, 0, NULL), info->nfields, tr->data->ninputs, tr->data->ntargets);
    st   = hoop__meaning_match(&tr->data->meaning, ds, &opts, err);
    info = hoop_dataset_about(ds);
    for (int k = 0; k < info->nfields && st == HOOP_OK && trained; k++)
        if (!rows_alike(&info->field[k], &hoop_dataset_about(tr->data->train)->field[k]))
            st = hoop__meaning_other_width(&tr->data->meaning, ds, k, has, err);
    return st;
}

/* Labels that the data themselves bound, before they are numbered as those trained on. */
static hoop_status check_said(hoop_trainer *tr, hoop_dataset *ds, int k, hoop_error *err)
{
    const hoop_dataset_field *y = &hoop_dataset_about(ds)->field[k];
    char                      who[128];
    int64_t                   classes;
    if (!tr->data->field[k].loss->classes || hoop_dtype_is_float(y->dtype) || y->classes == 0 || !labels_unsure(tr, ds, k))
        return HOOP_OK;
    return scan(tr, ds, k, y->classes, classes_said_by(tr, k, who), &classes, err);
}

static hoop_status check_target(hoop_trainer *tr, hoop_dataset *ds, int k, int64_t said, hoop_error *err)
{
    const hoop_dataset_field *y = &hoop_dataset_about(ds)->field[k];
    const hoop__field        *f = &tr->data->field[k];
    char                      advice[HOOP__ADVICE];
    int64_t                   classes;
    if (f->loss->boxes) {
        hoop__boxes_look look = {.classes = f->classes, .who = "data.train has"};
        picture_size(tr, &look);
        return hoop__boxes_scan(ds, k, &look, err, &classes);
    }
    if (!f->loss->classes) return HOOP_OK;
    if (hoop_dtype_is_float(y->dtype))
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is %s; %s wants integer labels, as data.train has%s",
                         hoop_dataset_path(ds, 0, NULL), y->path, hoop_dtype_name(y->dtype), f->loss->name,
                         advice_on(tr, ds, k, advice));
    return said > 0 ? HOOP_OK : scan(tr, ds, k, f->classes, "data.train has", &classes, err);
}

/* what would otherwise come to light after an epoch */
static hoop_status check_validation(hoop_trainer *tr, hoop_error *err)
{
    hoop_dataset *ds    = tr->data->validation;
    const int     first = tr->data->ninputs, n = first + tr->data->ntargets;
    int64_t       said[HOOP_DATASET_FIELDS] = {0};
    hoop_status   st                        = HOOP_OK;
    for (int k = first; k < n && st == HOOP_OK; k++) {
        said[k] = hoop_dataset_about(ds)->field[k].classes;
        st      = check_said(tr, ds, k, err);
    }
    if (st == HOOP_OK) st = hoop__data_match(tr, ds, err);
    for (int k = first; k < n && st == HOOP_OK; k++) st = check_target(tr, ds, k, said[k], err);
    return st;
}

/* ---- values that cannot be read ---- */

static hoop_status check_sets(void *ctx, hoop_error *err)
{
    const hoop_trainer *tr = ctx;
    hoop_status         st = hoop_dataset_check(tr->data->train, err);
    if (st != HOOP_OK) return hoop_fail_within(err, "%s: data.train", hoop_config_name(tr->config));
    if (tr->data->validation == NULL) return HOOP_OK;
    st = hoop_dataset_check(tr->data->validation, err);
    return st == HOOP_OK ? HOOP_OK : hoop_fail_within(err, "%s: data.validation", hoop_config_name(tr->config));
}

static bool has_checked(const hoop_dataset *ds)
{
    for (int k = 0; ds != NULL && k < hoop_dataset_about(ds)->nfields; k++)
        if (hoop_dataset_about(ds)->field[k].checked) return true;
    return false;
}

hoop_status hoop__data_check(hoop_trainer *tr, hoop_error *err)
{
    hoop__task  task = {.joinable = false};
    hoop_status st;
    /* the same on all ranks: it shows in the fingerprint, on which they agreed */
    if (!has_checked(tr->data->train) && !has_checked(tr->data->validation)) return HOOP_OK;
    if (hoop_comm_rank(tr->comm) == 0) hoop__task_start(&task, check_sets, tr);
    st = hoop__task_wait(tr, &task, "values of the data", err);
    hoop__task_join(&task);
    return st;
}

/* ---- inputs and targets ---- */

/* The place among the config's fields of field k, by its name where the arrays are a program's; -1: the config knows none such.
 */
static int spec_of(const hoop_trainer *tr, int k)
{
    const hoop__specs    *s    = &tr->plan->specs;
    const hoop_field_role role = k < tr->data->ninputs ? HOOP_INPUT : HOOP_TARGET;
    if (!tr->opts.arrays) return k;
    for (int i = 0; i < s->n; i++)
        if (s->field[i].role == role && strcmp(s->field[i].name, tr->data->field[k].name) == 0) return i;
    return -1;
}

/* What the config says of a target's loss, where the caller does not. */
static hoop_status take_loss(hoop_trainer *tr, int k, hoop_error *err)
{
    const int                 spec = spec_of(tr, k);
    const hoop_trainer_field *own  = tr->opts.ntargets > 0 ? &tr->opts.targets[k - tr->data->ninputs] : NULL;
    hoop__field              *f    = &tr->data->field[k];
    hoop_status               st;
    if (own != NULL && own->loss != NULL) return HOOP_OK;
    free(f->loss_opts);
    f->loss_opts = NULL;
    st           = hoop__loss_read(tr->config, spec < 0 ? NULL : tr->plan->specs.field[spec].loss, err, &f->loss, &f->loss_opts);
    if (st != HOOP_OK) return st;
    f->dtype = f->loss->classes ? HOOP_I64 : tr->dtype;
    if (spec >= 0 && (own == NULL || own->weight == 0)) f->weight = tr->plan->specs.field[spec].is.weight;
    return HOOP_OK;
}

/* How many classes a target of the caller's arrays has nobody else can say. */
static hoop_status check_classes(const hoop_trainer *tr, const hoop__field *f, hoop_error *err)
{
    if (!tr->opts.arrays || tr->opts.evaluate_only || (!f->loss->classes && !f->loss->boxes) || f->classes >= 1) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: classes is wanted for %s", f->loss->name);
}

const hoop_value *hoop__field_transform(const hoop_trainer *tr, int k)
{
    const int spec = spec_of(tr, k);
    return spec < 0 ? NULL : tr->plan->specs.field[spec].transform;
}

static bool as_is(const hoop_trainer *tr)
{
    return tr->opts.params == NULL && hoop__model_kind_get(tr->plan->kind.kind)->as_is;
}

static int asks(const hoop_trainer *tr, int k)
{
    const int spec = spec_of(tr, k);
    if (spec >= 0) return tr->plan->specs.field[spec].is.normalize;
    return k < tr->data->ninputs ? tr->plan->data.normalize + HOOP__NORMALIZE_NONE : tr->plan->data.normalize_targets;
}

int hoop__field_asks(const hoop_trainer *tr, int k)
{
    return as_is(tr) ? HOOP__NORMALIZE_NONE : asks(tr, k);
}

/* Is what the config asks for possible: a model of a config, and statistics of the data or of a checkpoint? */
static hoop_status check_normalize(const hoop_trainer *tr, int k, hoop_error *err)
{
    const bool input = k < tr->data->ninputs, own = tr->opts.params != NULL;
    const int  spec = spec_of(tr, k);
    if (as_is(tr) && hoop__field_transform(tr, k) != NULL)
        return hoop_value_fail(hoop__field_transform(tr, k), err, "model.kind: %s takes numbers as they are; take this out",
                               hoop__model_kind_get(tr->plan->kind.kind)->name);
    if (spec < 0 || asks(tr, k) < HOOP__NORMALIZE_STANDARD) return HOOP_OK;
    if (as_is(tr))
        return hoop__specs_fail(tr->config, &tr->plan->specs, spec, "normalize", err,
                                "model.kind: %s takes numbers as they are; take this out",
                                hoop__model_kind_get(tr->plan->kind.kind)->name);
    if (own || (tr->opts.arrays && tr->opts.resume == NULL))
        return hoop__specs_fail(tr->config, &tr->plan->specs, spec, "normalize", err,
                                "there is no %s to normalize; take this out",
                                !own    ? "training data of a config"
                                : input ? "model of a config whose input"
                                        : "model of a config whose outputs");
    if (!input && tr->data->field[k].loss->element == NULL && !tr->opts.evaluate_only)
        return hoop__specs_fail(tr->config, &tr->plan->specs, spec, "normalize", err,
                                "is for real targets, and loss is %s; take this out", tr->data->field[k].loss->name);
    return HOOP_OK;
}

hoop_status hoop__data_fields(hoop_trainer *tr, hoop_error *err)
{
    const hoop__specs *s = &tr->plan->specs;
    hoop_status        st;
    if (tr->opts.arrays) {
        HOOP_TRY(st, done, hoop__fields_of_opts(tr, err));
    } else if (tr->opts.inputs != NULL || tr->opts.targets != NULL) {
        return hoop_fail(err, HOOP_EARG,
                         "hoop_trainer_opts: inputs and targets are those of arrays: the config has data of its own");
    } else {
        HOOP_TRY(st, done, hoop__fields_create(tr, s->inputs, s->n - s->inputs, err));
        for (int k = 0; k < s->n; k++) (void)snprintf(tr->data->field[k].name, HOOP__FIELD_NAME, "%s", s->field[k].name);
    }
    for (int k = 0; k < tr->data->ninputs + tr->data->ntargets; k++) {
        if (k >= tr->data->ninputs) {
            HOOP_TRY(st, done, take_loss(tr, k, err));
            HOOP_TRY(st, done, check_classes(tr, &tr->data->field[k], err));
        }
        HOOP_TRY(st, done, check_normalize(tr, k, err));
        HOOP_TRY(st, done, hoop__transform_check(tr, k, err));
    }
    if (tr->opts.arrays && !tr->opts.evaluate_only && tr->plan->data.weights[0] != '\0')
        return hoop_config_fail(tr->config, "data.weights", err,
                                "is of the data of a config, and samples are the caller's arrays; take it out");
    HOOP_TRY(st, done, hoop__augment_read(tr, err));
    st = hoop__shown_read(tr, err);
done:
    return st;
}

void hoop__data_close(hoop_trainer *tr)
{
    hoop__data *d = tr->data;
    hoop_loader_destroy(&d->loader);
    hoop__augment_free(&d->augment);
    free(d->drawn);
    free(d->weights);
    d->drawn = d->weights = NULL;
    hoop_dataset_close(&d->train);
    hoop_dataset_close(&d->validation);
    hoop__meaning_free(&d->meaning);
    hoop__fields_free(d);
}

hoop_status hoop__data_open(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->opts.arrays) return HOOP_OK;
    if (tr->plan->data.train[0] == '\0')
        return hoop_config_fail(tr->config, "data.train", err,
                                "where is the training data? a shard prefix, file or glob is wanted");
    HOOP_TRY(st, done, open_one(tr, "data.train", tr->plan->data.train, err, &tr->data->train));
    if (hoop_dataset_about(tr->data->train)->length == 0) {
        st = hoop_config_fail(tr->config, "data.train", err, "%s has no samples", tr->plan->data.train);
        goto done;
    }
    HOOP_TRY(st, done, shapes_from_data(tr, tr->data->train, err));
    HOOP_TRY(st, done, hoop__meaning_of(tr->data->train, err, &tr->data->meaning));
    for (int k = 0; k < tr->data->ntargets; k++)
        hoop__meaning_find(&tr->data->meaning, hoop__target(tr, k)->name)->classes = hoop__target(tr, k)->classes;
    if (tr->plan->data.validation[0] != '\0') {
        HOOP_TRY(st, done, open_one(tr, "data.validation", tr->plan->data.validation, err, &tr->data->validation));
        st = check_validation(tr, err);
        if (st != HOOP_OK) (void)hoop_fail_within(err, "%s: data.validation", hoop_config_name(tr->config));
    }
done:
    return st;
}

/* ---- loaders ---- */

hoop_loader_opts hoop__data_loader_opts(const hoop_trainer *tr)
{
    hoop_loader_opts o = {.batch    = tr->plan->run.batch,
                          .leaves   = tr->plan->run.leaves,
                          .rank     = hoop_comm_rank(tr->comm),
                          .size     = hoop_comm_size(tr->comm),
                          .seed     = (uint64_t)tr->plan->run.seed,
                          .prefetch = (int)tr->plan->data.prefetch};
    for (int k = 0; k < tr->data->ninputs + tr->data->ntargets; k++) o.as[k] = tr->data->field[k].dtype;
    return o;
}

/* Rows in random order out of chunks that do not fit the cache: each step decodes far more than it uses. */
static void note_chunks(const hoop_trainer *tr)
{
    enum { FAR = 16 };
    const hoop_dataset_info *info  = hoop_dataset_about(tr->data->train);
    const int64_t            share = (tr->plan->run.batch - 1) / hoop_comm_size(tr->comm) + 1;
    double                   used  = 0, read;
    for (int k = 0; k < info->nfields; k++)
        if (info->field[k].present && info->field[k].numel > 0)
            used += (double)share * (double)info->field[k].numel * (double)hoop_dtype_size(info->field[k].dtype);
    read = fmin((double)share * (double)info->block_bytes, (double)info->chunked_bytes);
    if (hoop_comm_rank(tr->comm) != 0 || !tr->plan->data.shuffle || info->chunked_bytes <= info->cache_bytes || read < FAR * used)
        return;
    hoop__note(
        tr,
        "warning: data.train: its chunks take up to %.0f MB each, and a step wants %.2g MB of samples: the cache of %lld MB "
        "holds part of %.0f MB; data.cache_mb: %.0f, or chunks of fewer rows, is faster",
        ceil((double)info->block_bytes / 1048576.0), used / 1048576.0, (long long)(info->cache_bytes >> 20),
        ceil((double)info->chunked_bytes / 1048576.0), ceil((double)info->chunked_bytes / 1048576.0));
}

hoop_status hoop__data_loader(hoop_trainer *tr, hoop_error *err)
{
    hoop_loader_opts opts = hoop__data_loader_opts(tr);
    hoop_status      st;
    tr->status.steps  = tr->plan->run.steps;
    tr->status.epochs = tr->plan->run.epochs;
    if (tr->opts.arrays || tr->opts.evaluate_only) return HOOP_OK;
    opts.shuffle               = tr->plan->data.shuffle;
    tr->status.steps_per_epoch = (hoop_dataset_about(tr->data->train)->length + tr->plan->run.batch - 1) / tr->plan->run.batch;
    if (tr->plan->run.epochs > 0) tr->status.steps = tr->plan->run.epochs * tr->status.steps_per_epoch;
    opts.end_step   = tr->status.steps;
    opts.first_step = tr->opts.resume != NULL ? opts.end_step : 0; /* loading seeks */
    note_chunks(tr);
    if ((st = hoop__augment_load(tr, &opts, err)) != HOOP_OK) return st;
    if ((st = hoop__sampling_load(tr, &opts, err)) != HOOP_OK) return st;
    if ((st = hoop__weights_load(tr, err)) != HOOP_OK) return st;
    st = hoop_loader_create(tr->data->train, &opts, err, &tr->data->loader);
    return st;
}
