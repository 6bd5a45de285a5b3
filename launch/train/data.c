/* The data of a config: opening, shapes and classes, loaders. Statistics are in normalize.c. */
#include "train/data.h"

#include "train/labels.h"
#include "train/plan.h"
#include "train/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const normalizations[] = {"none", "standard", NULL};
static const char *const targets[]        = {"auto", "none", "standard", NULL};
static const char *const unknowns[]       = {"refuse", "zero", NULL};
static const char *const labels[]         = {"auto", "whole", "one_hot", NULL};
static const char *const attributes[]     = {"auto", "all", "none", NULL};
#define AT(field) offsetof(hoop__data_opts, field)
static const hoop_option rows[] = {
    {"train", HOOP_OPT_STRING, AT(train), "", 0, 0, NULL, false,
     "shard prefix, file or glob (what is in it decides bits: its fingerprint is kept)"},
    {"validation", HOOP_OPT_STRING, AT(validation), "", 0, 0, NULL, false, "the same, looked at after each epoch"},
    {"x", HOOP_OPT_STRING, AT(x), "/x", 0, 0, NULL, true, "HDF5 dataset of inputs"},
    {"y", HOOP_OPT_STRING, AT(y), "/y", 0, 0, NULL, true, "HDF5 dataset of targets"},
    {"normalize", HOOP_OPT_ENUM, AT(normalize), "none", 0, 0, normalizations, true,
     "standard: mean 0 and variance 1 by element, from the training data; the mean is taken away in f64 where that is stored"},
    {"normalize_targets", HOOP_OPT_ENUM, AT(normalize_targets), "auto", 0, 0, targets, true,
     "mse: standard: the same of the targets; auto: where one of at most 64 has a deviation outside 0.1 to 10, or a mean beyond "
     "10 "
     "deviations. Losses and predictions stay in the data's units"},
    {"unknown", HOOP_OPT_ENUM, AT(unknown), "refuse", 0, 0, unknowns, false,
     "words of one-hot columns that were not seen in training; zero: none of the words"},
    {"labels", HOOP_OPT_ENUM, AT(labels), "auto", 0, 0, labels, true,
     "how y holds classes; auto: as integers; whole: whole numbers of any type; one_hot: one 1 among zeros"},
    {"classes", HOOP_OPT_INT, AT(classes), "0", 0, 1e9, NULL, true,
     "how many there are; 0: as the data says, or its labels show"},
    {"attributes", HOOP_OPT_ENUM, AT(attributes), "auto", 0, 0, attributes, false,
     "of HDF5 files; auto: netCDF's scale_factor, _FillValue ..., and of hoop's own files scale and classes; all: these of any "
     "file; none: of own files only (what they make of the data decides bits)"},
    {"shuffle", HOOP_OPT_BOOL, AT(shuffle), "true", 0, 0, NULL, true, "each epoch in another order"},
    {"prefetch", HOOP_OPT_INT, AT(prefetch), "2", 0, 64, NULL, false, "steps read ahead; 0: none"},
    {"cache_mb", HOOP_OPT_INT, AT(cache_mb), "0", 0, 1 << 24, NULL, false,
     "most memory for decoded chunks, of each rank and dataset; 0: a quarter of a core's share, 64 to 1024"},
};
#undef AT
const hoop_option_table hoop__data_options = {"data", rows, (int)(sizeof rows / sizeof rows[0])};

static hoop_status open_one(hoop_trainer *tr, const char *key, const char *spec, hoop_error *err, hoop_dataset **out)
{
    hoop_dataset_opts opts = hoop__labels_dataset_opts(&tr->plan->data);
    hoop_status       st   = hoop_dataset_open(spec, &opts, err, out);
    const char       *note;
    if (st != HOOP_OK) return hoop_fail_within(err, "%s: %s", hoop_config_name(tr->config), key);
    for (int i = 0; hoop_comm_rank(tr->comm) == 0 && (note = hoop_dataset_note(*out, i)) != NULL; i++)
        hoop__note(tr, "%s: %s", key, note);
    return HOOP_OK;
}

/* Where hoop did not write the file, nobody has seen to it that its labels are below what its type or attribute says. (Rows of
 * one 1 among zeros are looked at as they are read.) */
static bool labels_unsure(const hoop_trainer *tr, const hoop_dataset *ds)
{
    return tr->plan->data.classes > 0 || (!hoop_dataset_about(ds)->ours && tr->plan->data.labels != HOOP_LABELS_ONE_HOT);
}

static const char *classes_said_by(const hoop_trainer *tr)
{
    return tr->plan->data.classes > 0                         ? "data.classes says"
           : tr->plan->data.attributes == HOOP_ATTRIBUTES_ALL ? "its type, or its attribute classes, says"
                                                              : "the names of its type are of";
}

static hoop_status shapes_from_data(hoop_trainer *tr, hoop_dataset *ds, hoop_error *err)
{
    const hoop_dataset_info  *info = hoop_dataset_about(ds);
    const hoop_dataset_field *x = &info->field[HOOP_FIELD_X], *y = &info->field[HOOP_FIELD_Y];
    if (x->ndim >= HOOP_MAX_DIMS || y->ndim >= HOOP_MAX_DIMS)
        return hoop_config_fail(tr->config, "data", err, "rows of %d and %d dims; at most %d", x->ndim, y->ndim,
                                HOOP_MAX_DIMS - 1);
    hoop__input(tr, 0)->ndim  = x->ndim;
    hoop__target(tr, 0)->ndim = y->ndim;
    memcpy(hoop__input(tr, 0)->shape, x->shape, sizeof hoop__input(tr, 0)->shape);
    memcpy(hoop__target(tr, 0)->shape, y->shape, sizeof hoop__target(tr, 0)->shape);
    if (hoop__target(tr, 0)->loss->classes) {
        char    advice[192];
        int64_t found;
        if (hoop_dtype_is_float(y->dtype))
            return hoop_config_fail(tr->config, "loss", err, "cross_entropy wants integer labels, and %s of %s is %s%s", y->path,
                                    hoop_dataset_path(ds, 0, NULL), hoop_dtype_name(y->dtype), hoop__labels_advice(ds, advice));
        hoop__target(tr, 0)->classes = info->field[HOOP_FIELD_Y].classes;
        if ((hoop__target(tr, 0)->classes == 0 || labels_unsure(tr, ds)) &&
            hoop__labels_scan(ds, hoop__target(tr, 0)->classes, classes_said_by(tr), err, &found) != HOOP_OK)
            return hoop_fail_within(err, "%s: data.train", hoop_config_name(tr->config));
        if (hoop__target(tr, 0)->classes == 0) hoop__target(tr, 0)->classes = found;
        if (hoop__target(tr, 0)->classes == 0)
            return hoop_config_fail(tr->config, "data.train", err,
                                    "%s: every label of %s is %d, which is ignored: there is nothing to learn from",
                                    hoop_dataset_path(ds, 0, NULL), y->path, HOOP_IGNORE_LABEL);
    } else if (tr->plan->data.labels != HOOP_LABELS_STORED || tr->plan->data.classes > 0) {
        return hoop_config_fail(tr->config, tr->plan->data.classes > 0 ? "data.classes" : "data.labels", err,
                                "is for classes, and loss is mse; take it out, or loss: cross_entropy");
    } else if (hoop__target(tr, 0)->ndim == 0) { /* (N) targets against (N, 1) outputs */
        hoop__target(tr, 0)->ndim     = 1;
        hoop__target(tr, 0)->shape[0] = 1;
    }
    return HOOP_OK;
}

/* Rows of ds become such as those trained on, where they say how; which of x and y are to have one width is told with it. */
hoop_status hoop__data_match(hoop_trainer *tr, hoop_dataset *ds, hoop_error *err)
{
    const bool       trained = tr->data->train != NULL;
    const char      *has     = trained ? "data.train has" : "the run was trained on";
    hoop__match_opts opts    = {.name    = trained ? hoop_dataset_path(tr->data->train, 0, NULL) : "the run",
                                .has     = has,
                                .zero    = tr->plan->data.unknown == HOOP__UNKNOWN_ZERO,
                                .targets = true,
                                .ctx     = tr->opts.ctx,
                                .note    = hoop_comm_rank(tr->comm) == 0 ? tr->opts.note : NULL};
    hoop_status      st      = hoop__meaning_match(&tr->data->meaning, ds, &opts, err);
    for (int k = 0; k < 2 && st == HOOP_OK && trained; k++)
        if (hoop_dataset_about(ds)->field[k].numel != hoop_dataset_about(tr->data->train)->field[k].numel)
            st = hoop__meaning_other_width(&tr->data->meaning, ds, k, has, err);
    return st;
}

/* what would otherwise come to light after an epoch */
static hoop_status check_validation(hoop_trainer *tr, hoop_error *err)
{
    const hoop_dataset_field *y    = &hoop_dataset_about(tr->data->validation)->field[HOOP_FIELD_Y];
    const char               *path = hoop_dataset_path(tr->data->validation, 0, NULL);
    char                      advice[192];
    int64_t                   classes;
    hoop_status               st;
    const bool                are  = hoop__target(tr, 0)->loss->classes && !hoop_dtype_is_float(y->dtype);
    const int64_t             said = hoop_dataset_about(tr->data->validation)->field[HOOP_FIELD_Y].classes;
    /* before they are numbered as those trained on */
    if (are && said > 0 && labels_unsure(tr, tr->data->validation)) {
        st = hoop__labels_scan(tr->data->validation, said, classes_said_by(tr), err, &classes);
        if (st != HOOP_OK) return st;
    }
    st = hoop__data_match(tr, tr->data->validation, err);
    if (st != HOOP_OK || !hoop__target(tr, 0)->loss->classes) return st;
    if (hoop_dtype_is_float(y->dtype))
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is %s; cross_entropy wants integer labels, as data.train has%s", path, y->path,
                         hoop_dtype_name(y->dtype), hoop__labels_advice(tr->data->validation, advice));
    return said > 0 ? HOOP_OK
                    : hoop__labels_scan(tr->data->validation, hoop__target(tr, 0)->classes, "data.train has", err, &classes);
}

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
    return ds != NULL &&
           (hoop_dataset_about(ds)->field[HOOP_FIELD_X].checked || hoop_dataset_about(ds)->field[HOOP_FIELD_Y].checked);
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

void hoop__data_close(hoop_trainer *tr)
{
    hoop__data *d = tr->data;
    hoop_loader_destroy(&d->loader);
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
    tr->data->meaning.classes = hoop__target(tr, 0)->classes;
    if (tr->plan->data.validation[0] != '\0') {
        HOOP_TRY(st, done, open_one(tr, "data.validation", tr->plan->data.validation, err, &tr->data->validation));
        st = check_validation(tr, err);
        if (st != HOOP_OK) (void)hoop_fail_within(err, "%s: data.validation", hoop_config_name(tr->config));
    }
done:
    return st;
}

hoop_loader_opts hoop__data_loader_opts(const hoop_trainer *tr)
{
    hoop_loader_opts opts = {.batch    = tr->plan->run.batch,
                             .leaves   = tr->plan->run.leaves,
                             .rank     = hoop_comm_rank(tr->comm),
                             .size     = hoop_comm_size(tr->comm),
                             .seed     = (uint64_t)tr->plan->run.seed,
                             .prefetch = (int)tr->plan->data.prefetch};
    for (int i = 0; i < tr->data->ninputs + tr->data->ntargets; i++) opts.as[i] = tr->data->field[i].dtype;
    return opts;
}

/* Rows in random order out of chunks that do not fit the cache: each step decodes far more than it uses. */
static void note_chunks(const hoop_trainer *tr)
{
    enum { FAR = 16 };
    const hoop_dataset_info *info  = hoop_dataset_about(tr->data->train);
    const int64_t            share = (tr->plan->run.batch - 1) / hoop_comm_size(tr->comm) + 1;
    double                   used  = 0, read;
    for (int k = 0; k < 2; k++)
        if (info->field[k].present)
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
    st = hoop_loader_create(tr->data->train, &opts, err, &tr->data->loader);
    return st;
}
