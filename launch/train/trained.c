#include "train/trained.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hoop/checkpoint.h"
#include "models/models.h"
#include "train/labels.h"
#include "train/tally.h"
#include "train/task.h"

/* ---- the checkpoint ---- */

/* Outputs of the last layer, of its bias (out), or of its weight (out, in) where it has none: how many classes or values there
 * are, where a checkpoint is older than its note of that. */
static hoop_status find_outputs(hoop_trained *t, const hoop_checkpoint *c, hoop_error *err)
{
    const hoop_checkpoint_tensor *p, *last = NULL;
    for (int64_t i = 0; (p = hoop_checkpoint_tensor_at(c, i)) != NULL; i++) {
        if (p->kind == HOOP_CKPT_PARAMETER && (last == NULL || p->order >= last->order)) last = p;
    }
    if (last == NULL || last->ndim < 1 || last->shape[0] < 1)
        return hoop_fail(err, HOOP_EFORMAT, "%s: holds no layers to compute with", hoop_checkpoint_path(c));
    t->outputs = last->shape[0];
    return HOOP_OK;
}

/* How many inputs a row has, the same of the first weight (out, in). */
static hoop_status find_inputs(hoop_trained *t, const hoop_checkpoint *c, hoop_error *err)
{
    const hoop_checkpoint_tensor *w = hoop_checkpoint_find(c, HOOP_CKPT_PARAMETER, NULL, "layers.0.weight");
    hoop__field_meaning          *x;
    if (t->specs.inputs != 1 || w == NULL || w->ndim != 2 || t->listed) return HOOP_OK;
    x = hoop__meaning_add(&t->meaning, t->specs.field[0].name, false, err);
    if (x == NULL) return HOOP_ENOMEM;
    if (x->shape[0] == '\0') (void)snprintf(x->shape, sizeof x->shape, "[%lld]", (long long)w->shape[1]);
    return HOOP_OK;
}

/* "data.targets.p.loss.name" */
static bool is_loss_of_field(const char *key)
{
    const char *what = strncmp(key, "data.targets.", 13) == 0 ? strchr(key + 13, '.') : NULL;
    return what != NULL && strncmp(what, ".loss", 5) == 0;
}

/* Keys of which each value makes another model out of the same tensors. */
static bool is_of_model(const char *key)
{
    return strncmp(key, "model.", 6) == 0 || strcmp(key, "model") == 0 || strncmp(key, "data.normalize", 14) == 0 ||
           strcmp(key, "loss") == 0 || strncmp(key, "loss.", 5) == 0 || is_loss_of_field(key);
}

/* "loss.score": an option of a loss that decides what is told of outputs, and no bits of the model */
static bool only_tells(const hoop_config *config, const char *key)
{
    const char           *name = hoop_value_text(hoop_config_get(config, "loss.name"));
    const hoop_loss_kind *loss;
    const hoop_option    *o;
    if (name == NULL) name = hoop_value_text(hoop_config_get(config, "loss"));
    loss = name == NULL ? NULL : hoop_loss_find(name);
    o    = loss == NULL || strncmp(key, "loss.", 5) != 0 ? NULL : hoop_option_find(&loss->options, key + 5);
    return o != NULL && !o->decides_bits;
}

static hoop_status other_model(const char *key, const char *now, const char *was, hoop_error *err)
{
    return hoop_fail(err, HOOP_ECONFIG, "--set %s: %s would make another model of what was trained with %s", key, now, was);
}

static hoop_status read_fields(const hoop_config *config, hoop_error *err, hoop__data_opts *opts, hoop__specs *out)
{
    hoop_status st = hoop_config_fill(config, &hoop__data_options, err, opts);
    if (st == HOOP_OK) st = hoop_config_fill(config, &hoop__short_options, err, opts);
    return st == HOOP_OK ? hoop__specs_read(config, opts, err, out) : st;
}

/* Do two values of configs say the same, to the letter? */
static bool same_value(const hoop_value *a, const hoop_value *b)
{
    const char *x = hoop_value_text(a), *y = hoop_value_text(b);
    bool        same = hoop_value_get_kind(a) == hoop_value_get_kind(b) && hoop_value_count(a) == hoop_value_count(b) &&
                (x == NULL || y == NULL ? x == y : strcmp(x, y) == 0);
    for (int i = 0; same && i < hoop_value_count(a); i++) {
        x    = hoop_value_key(a, i);
        y    = hoop_value_key(b, i);
        same = (x == NULL || y == NULL ? x == y : strcmp(x, y) == 0) && same_value(hoop_value_at(a, i), hoop_value_at(b, i));
    }
    return same;
}

/* Fields are called and normalised as they were; where they are read from may be another place. */
static hoop_status keep_fields(const hoop_config *own, const hoop__specs *now, hoop_error *err)
{
    static const char *const how[] = {"auto", "none", "standard", "channel", "all"}; /* HOOP__NORMALIZE_AUTO ... */
    hoop__data_opts          opts  = {0};
    hoop__specs              was   = {0};
    hoop_status              st    = read_fields(own, err, &opts, &was);
    char                     key[HOOP__SPEC_KEY];
    if (st != HOOP_OK) return st;
    for (int k = 0; (k < was.n || k < now->n) && st == HOOP_OK; k++) {
        const char *a = k < was.n ? was.field[k].name : "none", *b = k < now->n ? now->field[k].name : "none";
        if (strcmp(a, b) != 0 || was.inputs != now->inputs || was.named != now->named)
            st = other_model(k < was.inputs ? "data.inputs" : "data.targets", b, a, err);
        else if (was.field[k].is.normalize != now->field[k].is.normalize)
            st = other_model(hoop__specs_key(now, k, "normalize", key), how[now->field[k].is.normalize],
                             how[was.field[k].is.normalize], err);
        else if (!same_value(was.field[k].transform, now->field[k].transform))
            st = other_model(hoop__specs_key(now, k, "transform", key), "another list", "its own", err);
    }
    hoop__specs_free(&was);
    return st;
}

/* Those stay as the model was trained: what --set may change is how it is computed, and on which data. */
static hoop_status keep_model(const hoop_config *own, const hoop_trained *t, hoop_error *err)
{
    hoop_config_difference *list = NULL;
    int64_t                 n    = 0;
    hoop_status             st   = hoop_config_compare(own, t->config, err, &list, &n);
    for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
        if (is_of_model(list[i].key) && !only_tells(own, list[i].key))
            st = other_model(list[i].key, list[i].b == NULL ? "none" : list[i].b, list[i].a == NULL ? "none" : list[i].a, err);
    }
    hoop_config_differences_free(&list, n);
    return st == HOOP_OK ? keep_fields(own, &t->specs, err) : st;
}

const hoop__model_kind *hoop__trained_kind(const hoop_trained *t)
{
    const char *name = hoop_value_text(hoop_config_get(t->config, "model.kind"));
    return name != NULL ? hoop__model_kind_find(name) : hoop__model_kind_get(0);
}

static hoop_status read_config(hoop_trained *t, const hoop_checkpoint *c, const char *const *set, int nset, hoop_error *err)
{
    const char  *text = hoop_checkpoint_about(c)->config;
    hoop_config *own  = NULL;
    hoop_status  st;
    if (text[0] == '\0')
        return hoop_fail(err, HOOP_EFORMAT, "%s: has no config (is the manifest missing?); name a run or checkpoint",
                         hoop_checkpoint_path(c));
    HOOP_TRY(st, done, hoop_config_parse_stored(text, hoop_checkpoint_path(c), err, &t->config));
    /* that of training, there and then, and in older runs no limit at all */
    HOOP_TRY(st, done, hoop_config_set_in(t->config, hoop_train_schema(), "memory.limit=auto", err));
    for (int i = 0; i < nset; i++) HOOP_TRY(st, done, hoop_config_set_in(t->config, hoop_train_schema(), set[i], err));
    HOOP_TRY(st, done, hoop_config_check_known(t->config, hoop_train_schema(), err));
    HOOP_TRY(st, done, hoop_config_parse_stored(text, hoop_checkpoint_path(c), err, &own));
    HOOP_TRY(st, done, read_fields(t->config, err, &t->opts, &t->specs));
    t->listed = hoop_config_has(t->config, "model.layers") || hoop__trained_kind(t) != hoop__model_kind_get(0);
    st        = keep_model(own, t, err);
done:
    hoop_config_destroy(&own);
    return st;
}

hoop_status hoop_trained_read(const char *path, const char *const *set, int nset, hoop_error *err, hoop_trained **out)
{
    hoop_trained          *t = calloc(1, sizeof *t);
    hoop_checkpoint       *c = NULL;
    hoop_checkpoint_choice choice;
    hoop_status            st;
    *out = NULL;
    if (t == NULL || (t->path = strdup(path)) == NULL) {
        free(t);
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a model", path);
    }
    HOOP_TRY(st, done, hoop_checkpoint_choose(path, HOOP_CKPT_OPENS, err, &choice)); /* configs of a run are alike */
    HOOP_TRY(st, done, hoop_checkpoint_open(choice.path, err, &c));
    t->run = choice.run;
    HOOP_TRY(st, done, read_config(t, c, set, nset, err));
    HOOP_TRY(st, done, hoop__meaning_noted(c, err, &t->meaning));
    HOOP_TRY(st, done, find_inputs(t, c, err));
    if (!t->listed) HOOP_TRY(st, done, find_outputs(t, c, err));
    HOOP_TRY(st, done, hoop_train_comm_opts(t->config, err, &t->comm));
    *out = t;
    t    = NULL;
done:
    hoop_checkpoint_close(&c);
    hoop_trained_close(&t);
    return st;
}

/* ---- data and model ---- */

static const hoop_dataset_field *field(const hoop_trained *t, int k)
{
    return &hoop_dataset_about(t->data)->field[k];
}

/* Is a row of input k of another width than those trained on? A first layer that takes any is told by the model itself, and so
 * are several inputs. */
static hoop_status check_width(const hoop_trained *t, int k, const char *has, hoop_error *err)
{
    const hoop_dataset_field *x     = field(t, k);
    const hoop_value         *first = hoop_value_at(hoop_config_get(t->config, "model.layers"), 0);
    const char               *name  = hoop_value_text(first);
    const int64_t             wants = hoop__meaning_numel(&t->meaning, x->name);
    const bool                any   = first != NULL && ((name == NULL || strcmp(name, "flatten") != 0) &&
                                       (hoop_value_find(first, "linear") == NULL || x->ndim != 1));
    return wants < 0 || wants == x->numel || any ? HOOP_OK : hoop__meaning_other_width(&t->meaning, t->data, k, has, err);
}

/* Are all targets there? */
static bool has_targets(const hoop_trained *t)
{
    for (int k = t->specs.inputs; k < t->specs.n; k++)
        if (!field(t, k)->present) return false;
    return true;
}

/* opts->targets becomes true where they are to be looked at, since they are there. */
static hoop_status open_data(hoop_trained *t, hoop_trained_opts *opts, bool first, hoop_error *err)
{
    const hoop_dataset_y    use   = opts->targets ? HOOP_Y_REQUIRED : opts->beside ? HOOP_Y_OPTIONAL : HOOP_Y_NONE;
    const hoop_dataset_opts how   = hoop__specs_dataset_opts(&t->specs, &t->opts, use);
    hoop__match_opts        match = {.name    = t->path,
                                     .has     = "the run was trained on",
                                     .zero    = t->opts.unknown == HOOP__UNKNOWN_ZERO,
                                     .targets = opts->targets,
                                     .ctx     = opts->ctx,
                                     .note    = first ? opts->note : NULL};
    const char             *spec  = opts->data, *note;
    hoop_status             st;
    if (spec == NULL) spec = t->opts.validation;
    if (spec[0] == '\0')
        return hoop_fail(err, HOOP_ECONFIG, "%s: its config names no validation data; which data? --data SHARDS", t->path);
    HOOP_TRY(st, done, hoop_dataset_open(spec, &how, err, &t->data));
    if (opts->beside && has_targets(t)) opts->targets = match.targets = true;
    for (int i = 0; first && opts->note != NULL && (note = hoop_dataset_note(t->data, i)) != NULL; i++)
        opts->note(opts->ctx, note);
    if (hoop_dataset_about(t->data)->length == 0) st = hoop_fail(err, HOOP_ESHAPE, "%s: has no samples", spec);
    if (st == HOOP_OK) st = hoop__meaning_match(&t->meaning, t->data, &match, err);
    for (int k = 0; k < t->specs.inputs && st == HOOP_OK; k++) st = check_width(t, k, match.has, err);
done:
    return st;
}

static hoop_status take_shape(const hoop_trained *t, int k, hoop_error *err)
{
    const hoop_dataset_field *f = field(t, k);
    hoop_trainer_field       *g = &t->given[k];
    if (f->ndim >= HOOP_MAX_DIMS)
        return hoop_fail(err, HOOP_ESHAPE, "%s: rows of %s have %d dims; at most %d", hoop_dataset_path(t->data, 0, NULL),
                         f->path, f->ndim, HOOP_MAX_DIMS - 1);
    g->ndim = f->ndim;
    memcpy(g->shape, f->shape, (size_t)f->ndim * sizeof *f->shape);
    return HOOP_OK;
}

/* What the checkpoint keeps of the rows of a target that is not looked at, or else as many values as the last layer gives; false:
 * nothing is known. */
static bool recall_shape(const hoop_trained *t, int k)
{
    const hoop__field_meaning *m  = hoop__meaning_find(&t->meaning, t->specs.field[k].name);
    hoop_trainer_field        *g  = &t->given[k];
    const char                *at = m == NULL || m->shape[0] != '[' ? NULL : m->shape + 1;
    while (at != NULL && *at != ']' && *at != '\0' && g->ndim < HOOP_MAX_DIMS - 1) {
        g->shape[g->ndim++] = *at == '*' ? -1 : strtoll(at, NULL, 10);
        at += strcspn(at, ",]");
        at += strspn(at, ", ");
    }
    if (g->ndim == 0) { /* (N) targets against (N, 1) outputs */
        g->ndim     = 1;
        g->shape[0] = at != NULL ? 1 : t->outputs;
    }
    return at != NULL || t->outputs > 0;
}

/* how many classes target k was trained for; 0: the model, once it is built, says it */
static int64_t recall_classes(const hoop_trained *t, int k)
{
    const hoop__field_meaning *m = hoop__meaning_find(&t->meaning, t->specs.field[k].name);
    return m != NULL && m->classes > 0 ? m->classes : t->outputs;
}

/* NULL: a checkpoint from before it was kept */
static const char *recall_class_dim(const hoop_trained *t, int k)
{
    const hoop__field_meaning *m = hoop__meaning_find(&t->meaning, t->specs.field[k].name);
    return m == NULL || m->class_dim[0] == '\0' ? NULL : m->class_dim;
}

static hoop_status take_labels(const hoop_trained *t, int k, hoop_error *err)
{
    const hoop_dataset_field *y = field(t, k);
    char                      advice[HOOP__ADVICE], key[HOOP__SPEC_KEY];
    (void)hoop__specs_key(&t->specs, k, "labels", key);
    if (hoop_dtype_is_float(y->dtype))
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is %s, and the model was trained for classes (integer labels)%s",
                         hoop_dataset_path(t->data, 0, NULL), y->path, hoop_dtype_name(y->dtype),
                         hoop__labels_advice(t->data, k, key, advice));
    if (y->numel != 1 && !t->listed)
        return hoop_fail(err, HOOP_ESHAPE, "%s: a label a row is wanted, and rows of %s have %lld elements%s",
                         hoop_dataset_path(t->data, 0, NULL), y->path, (long long)y->numel,
                         hoop__labels_advice(t->data, k, key, advice));
    return take_shape(t, k, err);
}

static hoop_status take_target(const hoop_trained *t, int k, bool looked_at, hoop_error *err)
{
    hoop_trainer_field   *g = &t->given[k];
    const hoop_loss_kind *loss;
    hoop_status           st = hoop__loss_read(t->config, t->specs.field[k].loss, err, &loss, NULL);
    if (st != HOOP_OK) return st;
    if (loss->classes || loss->boxes) g->classes = recall_classes(t, k);
    if (!looked_at) {
        if (loss->classes || !recall_shape(t, k)) g->ndim = -1;
        if (loss->classes) g->class_dim = recall_class_dim(t, k);
        return HOOP_OK;
    }
    if (loss->classes) return take_labels(t, k, err);
    st = take_shape(t, k, err);
    if (st != HOOP_OK) return st;
    if (g->ndim == 0) { /* (N) targets against (N, 1) outputs */
        g->ndim     = 1;
        g->shape[0] = 1;
    }
    if (loss->fits == NULL && t->outputs > 0 && t->specs.n == t->specs.inputs + 1 && field(t, k)->numel != t->outputs)
        return hoop_fail(err, HOOP_ESHAPE, "%s: the last layer has %lld outputs, and rows of %s %lld values",
                         hoop_dataset_path(t->data, 0, NULL), (long long)t->outputs, field(t, k)->path,
                         (long long)field(t, k)->numel);
    return HOOP_OK;
}

/* Of an input without data: a row has as many tokens as come. */
static hoop_status recall_input(const hoop_trained *t, int k, hoop_error *err)
{
    const hoop__field_meaning *m = hoop__meaning_find(&t->meaning, t->specs.field[k].name);
    if (m != NULL && m->shape[0] == '[' && recall_shape(t, k)) {
        t->given[k].shape[0] = -1;
        return HOOP_OK;
    }
    return hoop_fail(err, HOOP_EFORMAT, "%s: does not say how large rows of '%s' are", t->path, t->specs.field[k].name);
}

static hoop_status shapes(hoop_trained *t, const hoop_trained_opts *opts, hoop_error *err, hoop_trainer_opts *out)
{
    hoop_status st = HOOP_OK;
    t->given       = calloc((size_t)t->specs.n + 1, sizeof *t->given);
    if (t->given == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for the fields of the data");
    for (int k = 0; k < t->specs.n && st == HOOP_OK; k++) {
        t->given[k].name = t->specs.field[k].name;
        st               = k >= t->specs.inputs ? take_target(t, k, opts->targets, err)
                           : t->data != NULL    ? take_shape(t, k, err)
                                                : recall_input(t, k, err);
    }
    *out = (hoop_trainer_opts){.arrays        = true,
                               .evaluate_only = true,
                               .resume        = t->path,
                               .inputs        = t->given,
                               .ninputs       = t->specs.inputs,
                               .targets       = t->given + t->specs.inputs,
                               .ntargets      = t->specs.n - t->specs.inputs,
                               .ctx           = opts->ctx,
                               .note          = opts->note,
                               .progress      = opts->progress};
    return st;
}

/* which checkpoint of a run the trainer took is told by its step */
static void name_checkpoint(hoop_trained *t)
{
    if (!t->run || hoop_checkpoint_step_path(t->path, hoop_trainer_about(t->trainer)->step, NULL, t->checkpoint) != HOOP_OK)
        (void)snprintf(t->checkpoint, sizeof t->checkpoint, "%s", t->path);
}

/* Does field k hold labels that the model may not know? Not where the file itself, which hoop wrote, says how many there are. */
static bool labels_unsure(const hoop_trained *t, int k)
{
    if (t->trainer->data->field[k].loss->boxes) return true;
    return t->trainer->data->field[k].loss->classes && (field(t, k)->classes == 0 || !hoop_dataset_about(t->data)->ours);
}

static hoop_status look_at_boxes(const hoop_trained *t, int k, hoop_error *err)
{
    hoop__boxes_look look = {.classes = t->trainer->data->field[k].classes, .who = "the model knows"};
    int64_t          found;
    for (int i = 0; i < t->specs.inputs && look.width == 0; i++) {
        const hoop_dataset_field *x = field(t, i);
        if (x->varies || (x->ndim != 2 && x->ndim != 3)) continue;
        look.height = x->shape[x->ndim - 2];
        look.width  = x->shape[x->ndim - 1];
    }
    return hoop__boxes_scan(t->data, k, &look, err, &found);
}

/* Such a label, with its row. */
static hoop_status look_at_labels(void *ctx, hoop_error *err)
{
    hoop_trained *t  = ctx;
    hoop_status   st = HOOP_OK;
    int64_t       found;
    char          key[HOOP__SPEC_KEY];
    for (int k = t->specs.inputs; k < t->specs.n && st == HOOP_OK; k++)
        if (t->trainer->data->field[k].loss->boxes)
            st = look_at_boxes(t, k, err);
        else if (labels_unsure(t, k))
            st = hoop__labels_scan(
                t->data, k, t->trainer->data->field[k].classes, "the model knows", hoop__specs_key(&t->specs, k, "classes", key),
                hoop_loss_ignores(t->trainer->data->field[k].loss, t->trainer->data->field[k].loss_opts), err, &found);
    return st;
}

static hoop_status check_labels(hoop_trained *t, hoop_error *err)
{
    hoop__task  task   = {.joinable = false};
    bool        unsure = false;
    hoop_status st     = HOOP_OK;
    for (int k = t->specs.inputs; k < t->specs.n; k++) {
        const int64_t knows = t->trainer->data->field[k].classes;
        unsure              = unsure || labels_unsure(t, k);
        if (t->trainer->data->field[k].loss->classes && field(t, k)->classes > knows)
            return hoop_fail(err, HOOP_ECONFIG, "%s: has %lld classes, the model knows %lld", hoop_dataset_path(t->data, 0, NULL),
                             (long long)field(t, k)->classes, (long long)knows);
    }
    if (!unsure) return HOOP_OK;
    if (hoop_comm_rank(t->trainer->comm) == 0) hoop__task_start(&task, look_at_labels, t);
    st = hoop__task_wait(t->trainer, &task, "labels of the data", err);
    hoop__task_join(&task);
    return st;
}

/* of classes, or of the values of a row */
static hoop_status split_names(hoop_trained *t, hoop_error *err)
{
    const int   n  = t->specs.n - t->specs.inputs;
    hoop_status st = HOOP_OK;
    t->target      = calloc((size_t)n, sizeof *t->target);
    if (t->target == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for names");
    for (int k = 0; k < n && st == HOOP_OK; k++) {
        const hoop__spec          *f = &t->specs.field[t->specs.inputs + k];
        const hoop__field_meaning *m = hoop__meaning_find(&t->meaning, f->name);
        const hoop_loss_kind      *loss;
        (void)snprintf(t->target[k].set, sizeof t->target[k].set, "/%s", f->name);
        st = hoop__loss_read(t->config, f->loss, err, &loss, NULL);
        if (st == HOOP_OK && m != NULL)
            st = hoop__names_split(loss->classes || loss->boxes ? m->class_names : m->columns, err, &t->target[k].names);
    }
    return st;
}

/* Shapes that do not fit are those of the rows, mostly: these are what people know. */
static hoop_status no_model(const hoop_trained *t, const hoop_error *why, hoop_error *err)
{
    if (why->status != HOOP_ESHAPE) return hoop_fail(err, why->status, "%s", why->text);
    for (int k = 0; k < t->specs.inputs; k++) {
        const int64_t wants = hoop__meaning_numel(&t->meaning, field(t, k)->name);
        if (wants >= 0 && wants != field(t, k)->numel)
            return hoop__meaning_other_width(&t->meaning, t->data, k, "the run was trained on", err);
    }
    return hoop_fail(err, why->status, "the model for rows as in %s: %s", hoop_dataset_path(t->data, 0, NULL), why->text);
}

hoop_status hoop_trained_open(hoop_trained *t, hoop_comm *comm, const hoop_trained_opts *opts, hoop_error *err)
{
    static const hoop_trained_opts none = {0};
    hoop_trainer_opts              create;
    hoop_error                     local = {.status = HOOP_OK}, made = {.status = HOOP_OK};
    const bool                     data = opts != NULL;
    hoop_trained_opts              own  = data ? *opts : none;
    hoop_status                    st   = data ? open_data(t, &own, hoop_comm_rank(comm) == 0, &local) : HOOP_OK;
    if (st == HOOP_OK) st = shapes(t, &own, &local, &create);
    if (st == HOOP_OK) (void)split_names(t, &local);
    st = hoop_comm_agree_status(comm, &local);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", local.text);
    if (data) HOOP_TRY(st, done, hoop_comm_agree(comm, "data", hoop_dataset_about(t->data)->fingerprint, err));
    st = hoop_trainer_create(comm, t->config, &create, &made, &t->trainer);
    if (st != HOOP_OK) return data ? no_model(t, &made, err) : hoop_fail(err, st, "%s", made.text);
    if (own.targets) st = check_labels(t, err);
    if (st == HOOP_OK) name_checkpoint(t);
done:
    return st;
}

/* ---- evaluation ---- */

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

void hoop_trained_close(hoop_trained **trained)
{
    hoop_trained *t = trained == NULL ? NULL : *trained;
    if (t == NULL) return;
    hoop_trainer_destroy(&t->trainer);
    hoop_dataset_close(&t->data);
    hoop__tally_free(&t->tally);
    for (int k = 0; k < t->specs.n - t->specs.inputs && t->target != NULL; k++) hoop__names_free(&t->target[k].names);
    hoop__meaning_free(&t->meaning);
    hoop__specs_free(&t->specs);
    hoop_config_destroy(&t->config);
    free(t->given);
    free(t->target);
    free(t->path);
    free(t);
    *trained = NULL;
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

static bool is_target(const hoop_trained *t, int i)
{
    return i >= 0 && i < t->specs.n - t->specs.inputs;
}

const char *hoop_trained_name(const hoop_trained *t, int target, int64_t i)
{
    const hoop__names *names = is_target(t, target) ? &t->target[target].names : NULL;
    return names != NULL && i >= 0 && i < names->n ? names->name[i] : NULL;
}

const hoop_tally *hoop_trained_tally(const hoop_trained *t, int target)
{
    return is_target(t, target) && target < t->tally.n ? &t->tally.target[target].told : NULL;
}

bool hoop_trained_output_at(const hoop_trained *t, int i, hoop_trained_output *out)
{
    const hoop__field *f;
    if (!is_target(t, i)) return false;
    f    = hoop__target(t->trainer, i);
    *out = (hoop_trained_output){.name = t->target[i].set, .dtype = hoop__predict_dtype(t->trainer, i), .ndim = f->out_ndim};
    memcpy(out->shape, f->out_shape, sizeof out->shape);
    out->boxes = f->loss->boxes;
    return true;
}
