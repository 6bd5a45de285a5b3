#include "train/trained.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hoop/checkpoint.h"
#include "train/data.h"
#include "train/labels.h"
#include "train/plan.h"
#include "train/tally.h"
#include "train/task.h"

/* ---- the checkpoint ---- */

/* Outputs of an mlp's last layer: of its bias (out), or of its weight (out, in) where it has none. */
static hoop_status find_outputs(const hoop_checkpoint *c, hoop_error *err, int64_t *outputs)
{
    const hoop_checkpoint_tensor *t, *last = NULL;
    for (int64_t i = 0; (t = hoop_checkpoint_tensor_at(c, i)) != NULL; i++) {
        if (t->kind == HOOP_CKPT_PARAMETER && (last == NULL || t->order >= last->order)) last = t;
    }
    if (last == NULL || last->ndim < 1 || last->shape[0] < 1) {
        return hoop_fail(err, HOOP_EFORMAT, "%s: holds no layers to compute with", hoop_checkpoint_path(c));
    }
    *outputs = last->shape[0];
    return HOOP_OK;
}

/* How many inputs a row has, where a checkpoint is older than its note of that: of an mlp's first weight (out, in). */
static void find_inputs(hoop_trained *t, const hoop_checkpoint *c)
{
    const hoop_checkpoint_tensor *w = hoop_checkpoint_find(c, HOOP_CKPT_PARAMETER, NULL, "layers.0.weight");
    if (t->meaning.shape[HOOP_FIELD_X][0] != '\0' || w == NULL || w->ndim != 2 || hoop_config_has(t->config, "model.layers"))
        return;
    (void)snprintf(t->meaning.shape[HOOP_FIELD_X], sizeof t->meaning.shape[0], "[%lld]", (long long)w->shape[1]);
}

/* Keys of which each value makes another model out of the same tensors. */
static bool is_of_model(const char *key)
{
    return strncmp(key, "model.", 6) == 0 || strcmp(key, "model") == 0 || strncmp(key, "data.normalize", 14) == 0 ||
           strcmp(key, "loss") == 0;
}

/* Those stay as the model was trained: what --set may change is how it is computed, and on which data. */
static hoop_status keep_model(const hoop_config *own, const hoop_config *changed, hoop_error *err)
{
    hoop_config_difference *list = NULL;
    int64_t                 n    = 0;
    hoop_status             st   = hoop_config_compare(own, changed, err, &list, &n);
    for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
        if (is_of_model(list[i].key))
            st = hoop_fail(err, HOOP_ECONFIG, "--set %s: %s would make another model of what was trained with %s", list[i].key,
                           list[i].b == NULL ? "none" : list[i].b, list[i].a == NULL ? "none" : list[i].a);
    }
    hoop_config_differences_free(&list, n);
    return st;
}

static hoop_status read_config(hoop_trained *t, const hoop_checkpoint *c, const char *const *set, int nset, hoop_error *err)
{
    const char  *text = hoop_checkpoint_about(c)->config;
    char         outputs[64];
    hoop_config *own = NULL;
    hoop_status  st;
    if (text[0] == '\0')
        return hoop_fail(err, HOOP_EFORMAT, "%s: has no config (is the manifest missing?); name a run or checkpoint",
                         hoop_checkpoint_path(c));
    HOOP_TRY(st, done, hoop_config_parse(text, hoop_checkpoint_path(c), err, &t->config));
    if (!hoop_config_has(t->config, "model.layers")) { /* of an mlp, `auto` is worked out from training data */
        HOOP_TRY(st, done, find_outputs(c, err, &t->outputs));
        (void)snprintf(outputs, sizeof outputs, "model.outputs=%lld", (long long)t->outputs);
        HOOP_TRY(st, done, hoop_config_set(t->config, outputs, err));
    }
    for (int i = 0; i < nset; i++) HOOP_TRY(st, done, hoop_config_set(t->config, set[i], err));
    HOOP_TRY(st, done, hoop_config_check_known(t->config, hoop_train_schema(), err));
    HOOP_TRY(st, done, hoop_config_parse(text, hoop_checkpoint_path(c), err, &own));
    if (t->outputs > 0) HOOP_TRY(st, done, hoop_config_set(own, outputs, err));
    st = keep_model(own, t->config, err);
done:
    hoop_config_destroy(&own);
    return st;
}

hoop_status hoop_trained_read(const char *path, const char *const *set, int nset, hoop_error *err, hoop_trained **out)
{
    hoop_trained    *t = calloc(1, sizeof *t);
    hoop_checkpoint *c = NULL;
    char             good[HOOP_CHECKPOINT_PATH];
    int64_t          step;
    hoop_status      st;
    *out = NULL;
    if (t == NULL || (t->path = strdup(path)) == NULL) {
        free(t);
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a model", path);
    }
    if (hoop_checkpoint_open(path, NULL, &c) != HOOP_OK) { /* the newest of a run may be damaged; one before it does */
        bool found = hoop_checkpoint_find_good(path, NULL, NULL, 0, &step, good) == HOOP_OK && step >= 0;
        HOOP_TRY(st, done, hoop_checkpoint_open(found ? good : path, err, &c));
    }
    HOOP_TRY(st, done, read_config(t, c, set, nset, err));
    HOOP_TRY(st, done, hoop__meaning_noted(c, err, &t->meaning));
    find_inputs(t, c);
    HOOP_TRY(st, done, hoop_train_comm_opts(t->config, err, &t->comm));
    *out = t;
    t    = NULL;
done:
    hoop_checkpoint_close(&c);
    hoop_trained_close(&t);
    return st;
}

/* ---- data and model ---- */

/* A first layer that takes any number of inputs is told by the model itself. */
static hoop_status check_width(const hoop_trained *t, const char *has, hoop_error *err)
{
    const hoop_dataset_field *x     = &hoop_dataset_about(t->data)->field[HOOP_FIELD_X];
    const hoop_value         *first = hoop_value_at(hoop_config_get(t->config, "model.layers"), 0);
    const char               *name  = hoop_value_text(first);
    const int64_t             wants = hoop__meaning_numel(&t->meaning, HOOP_FIELD_X);
    const bool                any   = first != NULL && (name == NULL || strcmp(name, "flatten") != 0) &&
                     (hoop_value_find(first, "linear") == NULL || x->ndim != 1);
    return wants < 0 || wants == x->numel || any ? HOOP_OK
                                                 : hoop__meaning_other_width(&t->meaning, t->data, HOOP_FIELD_X, has, err);
}

static hoop_status open_data(hoop_trained *t, const hoop_trained_opts *opts, bool first, hoop_error *err)
{
    hoop__data_opts   data = {0};
    hoop_dataset_opts how;
    hoop__match_opts  match;
    const char       *spec = opts->data, *note;
    hoop_status       st   = hoop_config_fill(t->config, &hoop__data_options, err, &data);
    if (st != HOOP_OK) return st;
    if (spec == NULL) spec = data.validation;
    if (spec[0] == '\0')
        return hoop_fail(err, HOOP_ECONFIG, "%s: its config names no validation data; which data? --data SHARDS", t->path);
    how       = hoop__labels_dataset_opts(&data);
    how.use_y = opts->targets ? HOOP_Y_REQUIRED : HOOP_Y_NONE;
    HOOP_TRY(st, done, hoop_dataset_open(spec, &how, err, &t->data));
    for (int i = 0; first && opts->note != NULL && (note = hoop_dataset_note(t->data, i)) != NULL; i++)
        opts->note(opts->ctx, note);
    if (hoop_dataset_about(t->data)->length == 0) st = hoop_fail(err, HOOP_ESHAPE, "%s: has no samples", spec);
    match = (hoop__match_opts){.name    = t->path,
                               .has     = "the run was trained on",
                               .zero    = data.unknown == HOOP__UNKNOWN_ZERO,
                               .targets = opts->targets,
                               .ctx     = opts->ctx,
                               .note    = first ? opts->note : NULL};
    if (st == HOOP_OK) st = hoop__meaning_match(&t->meaning, t->data, &match, err);
    if (st == HOOP_OK) st = check_width(t, match.has, err);
done:
    return st;
}

static hoop_status shapes(const hoop_trained *t, const hoop_trained_opts *opts, hoop_error *err, hoop_trainer_opts *out)
{
    const hoop_dataset_info  *info = hoop_dataset_about(t->data);
    const hoop_dataset_field *x = &info->field[HOOP_FIELD_X], *y = &info->field[HOOP_FIELD_Y];
    const char               *kind = hoop_value_text(hoop_config_get(t->config, "model.kind"));
    char                      advice[192];
    hoop__run_opts            run = {0};
    hoop_status               st  = hoop_config_fill(t->config, &hoop__run_options, err, &run);
    if (st != HOOP_OK) return st;
    if (x->ndim >= HOOP_MAX_DIMS || y->ndim >= HOOP_MAX_DIMS) {
        return hoop_fail(err, HOOP_ESHAPE, "%s: rows of %d dims; at most %d", hoop_dataset_path(t->data, 0, NULL), x->ndim,
                         HOOP_MAX_DIMS - 1);
    }
    *out            = (hoop_trainer_opts){.arrays        = true,
                                          .evaluate_only = true,
                                          .resume        = t->path,
                                          .classes       = t->outputs,
                                          .target_ndim   = -1,
                                          .ctx           = opts->ctx,
                                          .note          = opts->note,
                                          .progress      = opts->progress};
    out->input_ndim = x->ndim;
    memcpy(out->input_shape, x->shape, (size_t)x->ndim * sizeof *x->shape);
    if (!opts->targets) return HOOP_OK;
    out->target_ndim = y->ndim;
    memcpy(out->target_shape, y->shape, (size_t)y->ndim * sizeof *y->shape);
    if (hoop_loss_get(run.loss)->classes) {
        if (hoop_dtype_is_float(y->dtype))
            return hoop_fail(err, HOOP_EDTYPE, "%s: %s is %s, and the model was trained for classes (integer labels)%s",
                             hoop_dataset_path(t->data, 0, NULL), y->path, hoop_dtype_name(y->dtype),
                             hoop__labels_advice(t->data, advice));
        if (y->numel != 1 && (kind == NULL || strcmp(kind, "mlp") == 0))
            return hoop_fail(err, HOOP_ESHAPE, "%s: a label a row is wanted, and rows of %s have %lld elements%s",
                             hoop_dataset_path(t->data, 0, NULL), y->path, (long long)y->numel,
                             hoop__labels_advice(t->data, advice));
    } else if (y->ndim == 0) { /* (N) targets against (N, 1) outputs */
        out->target_ndim     = 1;
        out->target_shape[0] = 1;
    }
    return HOOP_OK;
}

/* which checkpoint of a run the trainer took is told by its step */
static void name_checkpoint(hoop_trained *t)
{
    int64_t *steps = NULL, n = 0;
    bool     run = hoop_checkpoint_list(t->path, NULL, &steps, &n) == HOOP_OK && n > 0;
    free(steps);
    if (run)
        (void)snprintf(t->checkpoint, sizeof t->checkpoint, "%s/checkpoints/step-%08lld", t->path,
                       (long long)hoop_trainer_about(t->trainer)->step);
    else
        (void)snprintf(t->checkpoint, sizeof t->checkpoint, "%s", t->path);
}

/* A label that the model does not know, with its row: where the file itself does not say how many there are. */
static hoop_status look_at_labels(void *ctx, hoop_error *err)
{
    hoop_trained *t = ctx;
    int64_t       found;
    return hoop__labels_scan(t->data, hoop__target(t->trainer, 0)->classes, "the model knows", err, &found);
}

static hoop_status check_labels(hoop_trained *t, hoop_error *err)
{
    hoop__task  task = {.joinable = false};
    hoop_status st;
    if (hoop_dataset_about(t->data)->field[HOOP_FIELD_Y].classes > hoop__target(t->trainer, 0)->classes)
        return hoop_fail(err, HOOP_ECONFIG, "%s: has %lld classes, the model knows %lld", hoop_dataset_path(t->data, 0, NULL),
                         (long long)hoop_dataset_about(t->data)->field[HOOP_FIELD_Y].classes,
                         (long long)hoop__target(t->trainer, 0)->classes);
    if (hoop_dataset_about(t->data)->field[HOOP_FIELD_Y].classes > 0 && hoop_dataset_about(t->data)->ours) return HOOP_OK;
    if (hoop_comm_rank(t->trainer->comm) == 0) hoop__task_start(&task, look_at_labels, t);
    st = hoop__task_wait(t->trainer, &task, "labels of the data", err);
    hoop__task_join(&task);
    return st;
}

/* of classes, or of the values of a row */
static hoop_status split_names(hoop_trained *t, hoop_error *err)
{
    hoop__run_opts run = {0};
    hoop_status    st  = hoop_config_fill(t->config, &hoop__run_options, err, &run);
    if (st != HOOP_OK) return st;
    return hoop__names_split(hoop_loss_get(run.loss)->classes ? t->meaning.names : t->meaning.columns[HOOP_FIELD_Y], err,
                             &t->names);
}

/* Shapes that do not fit are those of the rows, mostly: these are what people know. */
static hoop_status no_model(const hoop_trained *t, const hoop_error *why, hoop_error *err)
{
    const int64_t wants = hoop__meaning_numel(&t->meaning, HOOP_FIELD_X);
    if (why->status != HOOP_ESHAPE) return hoop_fail(err, why->status, "%s", why->text);
    if (wants >= 0 && wants != hoop_dataset_about(t->data)->field[HOOP_FIELD_X].numel)
        return hoop__meaning_other_width(&t->meaning, t->data, HOOP_FIELD_X, "the run was trained on", err);
    return hoop_fail(err, why->status, "the model for rows as in %s: %s", hoop_dataset_path(t->data, 0, NULL), why->text);
}

hoop_status hoop_trained_open(hoop_trained *t, hoop_comm *comm, const hoop_trained_opts *opts, hoop_error *err)
{
    hoop_trainer_opts create;
    hoop_error        local = {.status = HOOP_OK}, made = {.status = HOOP_OK};
    hoop_status       st = open_data(t, opts, hoop_comm_rank(comm) == 0, &local);
    if (st == HOOP_OK) st = shapes(t, opts, &local, &create);
    if (st == HOOP_OK) (void)split_names(t, &local);
    st = hoop_comm_agree_status(comm, &local);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", local.text);
    HOOP_TRY(st, done, hoop_comm_agree(comm, "data", hoop_dataset_about(t->data)->fingerprint, err));
    st = hoop_trainer_create(comm, t->config, &create, &made, &t->trainer);
    if (st != HOOP_OK) return no_model(t, &made, err);
    if (hoop__target(t->trainer, 0)->loss->classes && opts->targets) st = check_labels(t, err);
    if (st == HOOP_OK) {
        t->predicted = hoop__predict_dtype(t->trainer, 0);
        name_checkpoint(t);
    }
done:
    return st;
}

hoop_status hoop_trained_evaluate(hoop_trained *t, hoop_error *err, hoop_metrics_sums *sums)
{
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    hoop__tally_free(&t->tally);
    (void)hoop__tally_create(t->trainer, t->data, &local, &t->tally);
    HOOP_TRY(st, done, hoop_comm_agree_status(t->trainer->comm, &local));
    t->trainer->data->tally = &t->tally;
    st                      = hoop_trainer_evaluate(t->trainer, t->data, &local, sums);
    t->trainer->data->tally = NULL;
    if (st == HOOP_OK) st = hoop__tally_reduce(t->trainer, &t->tally, &local);
done:
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

void hoop_trained_close(hoop_trained **t)
{
    if (t == NULL || *t == NULL) return;
    hoop_trainer_destroy(&(*t)->trainer);
    hoop_dataset_close(&(*t)->data);
    hoop__tally_free(&(*t)->tally);
    hoop__names_free(&(*t)->names);
    hoop__meaning_free(&(*t)->meaning);
    hoop_config_destroy(&(*t)->config);
    free((*t)->path);
    free(*t);
    *t = NULL;
}

/* ---- what it says of itself ---- */

const hoop_comm_opts *hoop_trained_comm_opts(const hoop_trained *t)
{
    return &t->comm;
}

const char *hoop_trained_checkpoint(const hoop_trained *t)
{
    return t->checkpoint;
}

hoop_trainer *hoop_trained_trainer(const hoop_trained *t)
{
    return t->trainer;
}

hoop_dataset *hoop_trained_data(const hoop_trained *t)
{
    return t->data;
}

const char *hoop_trained_name(const hoop_trained *t, int target, int64_t i)
{
    return target == 0 && i >= 0 && i < t->names.n ? t->names.name[i] : NULL;
}

const hoop_tally *hoop_trained_tally(const hoop_trained *t, int target)
{
    return target == 0 ? &t->tally.told : NULL;
}

bool hoop_trained_output_at(const hoop_trained *t, int i, hoop_trained_output *out)
{
    const hoop_target target = hoop_trainer_target(t->trainer, i);
    if (i != 0) return false;
    *out = (hoop_trained_output){.name = "/y", .dtype = t->predicted, .ndim = target.ndim};
    memcpy(out->shape, target.shape, (size_t)target.ndim * sizeof *target.shape);
    return true;
}
