/*
 * Loading. Rank 0 looks for the newest checkpoint that is undamaged, all read what they need of that one; both on tasks, while
 * the ranks go on telling each other that they are there.
 */
#include "train/saving.h"

#include "train/data.h"
#include "train/plan.h"
#include "train/step.h"
#include "train/task.h"
#include "train/watch.h"
#include "train/weights.h"

#include "hoop/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* of the other precision */
static hoop_status read_converted(hoop_checkpoint *c, const hoop_checkpoint_tensor *t, hoop_tensor *x, hoop_error *err)
{
    void       *from = malloc((size_t)t->numel * hoop_dtype_size(t->dtype) + 1);
    hoop_status st   = from == NULL ? hoop_fail(err, HOOP_ENOMEM, "no memory for %s", t->name)
                                    : hoop_checkpoint_read(c, t, 0, t->numel, from, err);
    for (int64_t i = 0; i < t->numel && st == HOOP_OK; i++) {
        if (t->dtype == HOOP_F32)
            ((double *)hoop_tensor_data(x))[i] = (double)((const float *)from)[i];
        else
            ((float *)hoop_tensor_data(x))[i] = (float)((const double *)from)[i];
    }
    free(from);
    return st;
}

static bool is_float(hoop_dtype dtype)
{
    return dtype == HOOP_F32 || dtype == HOOP_F64;
}

/* convert: may it be of the other precision? */
static hoop_status read_tensor(hoop_checkpoint *c, hoop_checkpoint_kind kind, const char *group, const char *name, bool convert,
                               hoop_tensor *x, hoop_error *err)
{
    const hoop_checkpoint_tensor *t = hoop_checkpoint_find(c, kind, group, name);
    char                          shape[160];
    bool                          same, other;
    hoop_status                   st;
    if (t == NULL)
        return hoop_fail(err, HOOP_EFORMAT, "%s: there is no %s %s", hoop_checkpoint_path(c), hoop_checkpoint_kind_name(kind),
                         name);
    other = convert && t->dtype != hoop_tensor_dtype(x) && is_float(t->dtype) && is_float(hoop_tensor_dtype(x));
    same  = t->ndim == hoop_tensor_ndim(x) && (other || t->dtype == hoop_tensor_dtype(x));
    for (int d = 0; d < t->ndim && same; d++) same = t->shape[d] == hoop_tensor_size(x, d);
    if (!same) {
        return hoop_fail(err, HOOP_ESHAPE, "%s: %s is %s of %" PRId64 " elements, the model's is %s", hoop_checkpoint_path(c),
                         name, hoop_dtype_name(t->dtype), t->numel, hoop_tensor_describe(x, shape, sizeof shape));
    }
    st = other ? read_converted(c, t, x, err) : hoop_checkpoint_read(c, t, 0, t->numel, hoop_tensor_data(x), err);
    hoop_tensor_touch(x);
    return st;
}

static hoop_status read_state_part(hoop_trainer *tr, void *ctx, int param, int64_t first, int64_t count, hoop_error *err)
{
    hoop_checkpoint *c    = ctx;
    const char      *name = hoop_params_name(tr->params, param);
    size_t           at = (size_t)(hoop_params_first_block(tr->params, param) * HOOP_BLOCK + first) * hoop_dtype_size(tr->dtype);
    hoop_status      st = HOOP_OK;
    for (int i = 0; i < hoop_optim_state_count(tr->optim) && st == HOOP_OK; i++) {
        const char                   *group = hoop_optim_state_name(tr->optim, i);
        const int64_t                 n     = hoop__state_count(tr, i, param, count);
        const hoop_checkpoint_tensor *t     = hoop_checkpoint_find(c, HOOP_CKPT_STATE, group, name);
        if (n == 0) continue;
        if (t == NULL || t->dtype != tr->dtype)
            return hoop_fail(err, HOOP_EFORMAT, "%s: there is no %s %s %s", hoop_checkpoint_path(c), hoop_dtype_name(tr->dtype),
                             group, name);
        st = hoop_checkpoint_read(c, t, first, n, (char *)hoop_optim_state(tr->optim, i) + at, err);
    }
    return st;
}

/* Of an optimiser that searches: they say which of its states there are. */
static hoop_status read_numbers(hoop_trainer *tr, hoop_checkpoint *c, hoop_error *err)
{
    int                           n;
    double                       *numbers = hoop_optim_numbers(tr->optim, &n);
    const char                   *name    = hoop_optim_name(tr->optim);
    const hoop_checkpoint_tensor *t       = numbers == NULL ? NULL : hoop_checkpoint_find(c, HOOP_CKPT_STATE, NULL, name);
    if (numbers == NULL) return HOOP_OK;
    if (t == NULL || t->dtype != HOOP_F64 || t->numel != n)
        return hoop_fail(err, HOOP_EFORMAT, "%s: there is no optimizer state '%s' of %d numbers", hoop_checkpoint_path(c), name,
                         n);
    return hoop_checkpoint_read(c, t, 0, n, numbers, err);
}

/* such an optimiser has all of them on each rank */
static hoop_status read_whole_states(hoop_trainer *tr, hoop_checkpoint *c, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int p = 0; p < hoop_params_count(tr->params) && st == HOOP_OK; p++)
        if (!hoop_params_frozen(tr->params, p))
            st = read_state_part(tr, c, p, 0, hoop_tensor_numel(hoop_params_tensor(tr->params, p)), err);
    return st;
}

/* Are names those that the checkpoint knows? Without data they are taken from it. */
static hoop_status check_meaning(hoop_trainer *tr, hoop_checkpoint *c, hoop_error *err)
{
    hoop__meaning noted = {0};
    hoop_status   st    = hoop__meaning_noted(c, err, &noted);
    if (st == HOOP_OK && tr->data->train != NULL)
        st = hoop__meaning_same(&noted, hoop_checkpoint_path(c), &tr->data->meaning, hoop_dataset_path(tr->data->train, 0, NULL),
                                err);
    if (st == HOOP_OK && tr->data->train == NULL) {
        hoop__meaning_free(&tr->data->meaning);
        tr->data->meaning        = noted;
        tr->data->meaning.before = false; /* who opened the data has said so */
        return HOOP_OK;
    }
    hoop__meaning_free(&noted);
    return st;
}

/* may this checkpoint be gone on from with this config and data? */
static hoop_status check_meta(hoop_trainer *tr, hoop_checkpoint *c, hoop_error *err)
{
    const hoop_checkpoint_meta *meta  = hoop_checkpoint_about(c);
    const char                 *total = hoop_checkpoint_note(c, "total_steps");
    hoop_config                *old   = NULL;
    hoop_status                 st;
    HOOP_TRY(st, done, hoop_config_parse_stored(meta->config, hoop_checkpoint_path(c), err, &old));
    if (!hoop_config_has(old, "data.normalize_targets")) /* older than that key */
        HOOP_TRY(st, done, hoop_config_set(old, "data.normalize_targets=none", err));
    HOOP_TRY(st, done, hoop_config_diff_bits(old, tr->config, &tr->plan->schema, err));
    if (tr->data->train != NULL && strcmp(meta->data_fingerprint, hoop_dataset_about(tr->data->train)->fingerprint) != 0) {
        st = hoop_fail(err, HOOP_ECONFIG, "%s was trained on other data (fingerprint %s) than %s (%s)", hoop_checkpoint_path(c),
                       meta->data_fingerprint, tr->plan->data.train, hoop_dataset_about(tr->data->train)->fingerprint);
    } else if (hoop_schedule_by_end(tr->schedule) && total != NULL && strtoll(total, NULL, 10) != tr->status.steps) {
        st = hoop_config_fail(tr->config, tr->plan->run.epochs > 0 ? "epochs" : "steps", err,
                              "%" PRId64 " steps in all, but %s was trained towards %s, which the %s schedule depends on",
                              tr->status.steps, hoop_checkpoint_path(c), total, hoop_schedule_about(tr->schedule)->name);
    } else if (strcmp(meta->numerics, hoop_runtime_numerics(tr->rt, tr->dtype)) != 0 && hoop_comm_rank(tr->comm) == 0) {
        hoop__note(tr, "warning: the checkpoint was computed with %s, this is %s: bits may differ from an undisturbed run",
                   meta->numerics, hoop_runtime_numerics(tr->rt, tr->dtype));
    }
    if (st == HOOP_OK) st = hoop__weights_same(tr, c, err);
    if (st == HOOP_OK) st = hoop__watch_same(tr, old, err);
done:
    hoop_config_destroy(&old);
    return st;
}

/* of an input that begins with normalize (transform.c) */
static const char *transform_mean(const hoop_trainer *tr, int k, char out[HOOP__BUFFER_NAME])
{
    const bool several = tr->data->ninputs > 1;
    (void)snprintf(out, HOOP__BUFFER_NAME, "transform%s%s.0.mean", several ? "." : "", several ? tr->data->field[k].name : "");
    return out;
}

void hoop__load_peek(const hoop_trainer *tr, const char *path, hoop__peek *out)
{
    hoop_checkpoint       *c = NULL;
    hoop_checkpoint_choice choice;
    char                   name[HOOP__BUFFER_NAME];
    *out = (hoop__peek){.found = false};
    if (hoop_checkpoint_choose(path, HOOP_CKPT_OPENS, NULL, &choice) != HOOP_OK || /* those of a run are alike */
        hoop_checkpoint_open(choice.path, NULL, &c) != HOOP_OK)
        return;
    out->found = true;
    for (int k = 0; k < tr->data->ninputs + tr->data->ntargets; k++) {
        const hoop_checkpoint_tensor *mean =
            hoop_checkpoint_find(c, HOOP_CKPT_BUFFER, NULL, hoop__field_buffer(tr, k, "mean", name));
        out->field[k].normalized = mean != NULL;
        if (mean == NULL && k < tr->data->ninputs)
            mean = hoop_checkpoint_find(c, HOOP_CKPT_BUFFER, NULL, transform_mean(tr, k, name));
        out->field[k].mean = mean != NULL ? mean->dtype : HOOP_F32;
    }
    hoop_checkpoint_close(&c);
}

/* what a task reads: the checkpoint, and what of it has no place in the trainer yet */
typedef struct reading {
    hoop_trainer    *tr;
    hoop_checkpoint *c;
    int64_t          optim_step;
    bool             begins; /* another run's weights, to begin with */
} reading;

/* What was trained and has no place in the model would be missed in its outputs: a config that was changed with --set. Those that
 * are in it have been found. */
static hoop_status check_surplus(const hoop_trainer *tr, const hoop_checkpoint *c, hoop_error *err)
{
    const hoop_checkpoint_tensor *t;
    for (int64_t i = 0; (t = hoop_checkpoint_tensor_at(c, i)) != NULL; i++) {
        const bool buffer = t->kind == HOOP_CKPT_BUFFER;
        const int  n      = buffer ? hoop_params_buffer_count(tr->params) : hoop_params_count(tr->params);
        int        k      = 0;
        if (!buffer && t->kind != HOOP_CKPT_PARAMETER) continue;
        while (k < n && strcmp(t->name, buffer ? hoop_params_buffer_name(tr->params, k) : hoop_params_name(tr->params, k)) != 0)
            k++;
        if (k == n)
            return hoop_fail(err, HOOP_ECONFIG,
                             "%s: the run was trained with the %s %s, and with what is set now the model has none",
                             hoop_checkpoint_path(c), hoop_checkpoint_kind_name(t->kind), t->name);
    }
    return HOOP_OK;
}

/* parameters and buffers */
static hoop_status read_model(const reading *r, hoop_error *err)
{
    hoop_trainer *tr = r->tr;
    hoop_status   st = HOOP_OK;
    /* who only looks at what was trained looks at the mean of the weights, where there is one */
    const bool means = tr->opts.evaluate_only && tr->plan->ema.decay > 0.0 && hoop_checkpoint_about(r->c)->step > 0;
    for (int i = 0; i < hoop_params_count(tr->params); i++) {
        const char *name = hoop_params_name(tr->params, i);
        const bool  mean = means && !hoop_params_frozen(tr->params, i);
        if (mean && hoop_checkpoint_find(r->c, HOOP_CKPT_STATE, "ema", name) == NULL) {
            st = hoop_config_fail(tr->config, "ema.decay", err, "%s keeps no mean of its weights; take ema.decay out",
                                  hoop_checkpoint_path(r->c));
            goto done;
        }
        HOOP_TRY(st, done,
                 read_tensor(r->c, mean ? HOOP_CKPT_STATE : HOOP_CKPT_PARAMETER, mean ? "ema" : NULL, name, r->begins,
                             hoop_params_tensor(tr->params, i), err));
    }
    for (int i = 0; i < hoop_params_buffer_count(tr->params); i++) {
        HOOP_TRY(st, done,
                 read_tensor(r->c, HOOP_CKPT_BUFFER, NULL, hoop_params_buffer_name(tr->params, i), r->begins,
                             hoop_params_buffer(tr->params, i), err));
    }
    if (tr->model != NULL) st = check_surplus(tr, r->c, err);
done:
    return st;
}

static hoop_status read_contents(void *ctx, hoop_error *err)
{
    reading                      *r  = ctx;
    hoop_trainer                 *tr = r->tr;
    const hoop_checkpoint_tensor *steps;
    hoop_status                   st = read_model(r, err);
    if (st != HOOP_OK || tr->opts.evaluate_only) goto done;
    steps = hoop_checkpoint_find(r->c, HOOP_CKPT_STATE, NULL, "step");
    if (steps == NULL || steps->dtype != HOOP_I64 || steps->numel != 1) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: there is no optimizer state 'step'", hoop_checkpoint_path(r->c));
        goto done;
    }
    HOOP_TRY(st, done, hoop_checkpoint_read(r->c, steps, 0, 1, &r->optim_step, err));
    for (int i = 0; i < HOOP__WATCHES; i++) {
        const char                   *name    = NULL;
        int                           n       = 0;
        double                       *numbers = hoop__watch_numbers(tr, i, &name, &n);
        const hoop_checkpoint_tensor *t       = numbers == NULL ? NULL : hoop_checkpoint_find(r->c, HOOP_CKPT_STATE, NULL, name);
        if (t != NULL && t->dtype == HOOP_F64 && t->numel == n)
            HOOP_TRY(st, done, hoop_checkpoint_read(r->c, t, 0, n, numbers, err));
    }
    HOOP_TRY(st, done, read_numbers(tr, r->c, err));
    st = hoop_optim_searches(tr->optim) ? read_whole_states(tr, r->c, err) : hoop__each_own_part(tr, read_state_part, r->c, err);
done:
    return st;
}

/* the trainer goes on from what was read */
static hoop_status take_up(hoop_trainer *tr, const reading *r, hoop_error *err)
{
    tr->status.step = hoop_checkpoint_about(r->c)->step;
    if (tr->opts.evaluate_only) return HOOP_OK;
    hoop_optim_set_step(tr->optim, r->optim_step);
    hoop__watch_resumed(tr);
    if (tr->data->loader == NULL || tr->status.step >= tr->status.steps) return HOOP_OK;
    return hoop_loader_seek(tr->data->loader, tr->status.step, err);
}

/* what rank 0's task looks for */
typedef struct picking {
    const char            *path;
    bool                   begins;
    hoop_checkpoint_choice choice;
} picking;

static hoop_status pick(void *ctx, hoop_error *err)
{
    picking *p = ctx;
    return hoop_checkpoint_choose(p->path, HOOP_CKPT_VERIFIED, err, &p->choice);
}

static hoop_status agree_on_one(hoop_trainer *tr, picking *p, hoop_error *err)
{
    hoop__task  task = {.joinable = false};
    bool        root = hoop_comm_rank(tr->comm) == 0;
    hoop_status st;
    if (root) hoop__task_start(&task, pick, p);
    HOOP_TRY(st, done, hoop__task_wait(tr, &task, "choosing a checkpoint", err));
    if (root && p->choice.notes[0] != '\0') hoop__note(tr, "warning: %s", p->choice.notes);
    if (root && p->begins) hoop__note(tr, "beginning with the weights of %s", p->choice.path);
    if (root && p->choice.run && !tr->opts.evaluate_only && !p->begins) hoop__note(tr, "resuming from %s", p->choice.path);
    st = hoop_comm_broadcast(tr->comm, 0, p->choice.path, (int64_t)sizeof p->choice.path, "checkpoint to resume", err);
done:
    hoop__task_join(&task);
    return st;
}

/* RUN/best: where a run was killed behind the checkpoint that is best and before the link was set, it is set now. What is resumed
 * may be another directory's, whose best is not here: then the best is that of what is trained from here on. */
static hoop_status keep_best(hoop_trainer *tr, hoop_error *err)
{
    const int64_t step = tr->status.best_step;
    hoop_error    why  = {.status = HOOP_OK};
    hoop_status   set  = HOOP_OK, st;
    if (tr->save == NULL || step < 0) return HOOP_OK;
    if (hoop_comm_rank(tr->comm) == 0) {
        set = hoop_checkpoint_set_best(tr->opts.run_dir, step, &why);
        if (set == HOOP_ESTATE)
            hoop__note(tr, "the best checkpoint so far, of step %" PRId64 ", is not in %s: the best is chosen anew from here on",
                       step, tr->opts.run_dir);
        else if (set != HOOP_OK)
            hoop__note(tr, "warning: %s", why.text);
    }
    st = hoop_comm_broadcast(tr->comm, 0, &set, (int64_t)sizeof set, "the best checkpoint", err);
    if (st == HOOP_OK && set == HOOP_ESTATE) hoop__watch_forget_best(tr);
    return st;
}

hoop_status hoop_trainer_load(hoop_trainer *tr, const char *path, hoop_error *err)
{
    hoop__task  task  = {.joinable = false};
    picking     p     = {.path = path};
    reading     r     = {.tr = tr};
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    HOOP_TRY(st, done, hoop__step_outside(tr, "hoop_trainer_load", err));
    hoop_comm_set_position(tr->comm, tr->status.step, "loading a checkpoint");
    HOOP_TRY(st, done, agree_on_one(tr, &p, err));
    st = hoop_checkpoint_open(p.choice.path, &task.error, &r.c);
    if (st == HOOP_OK && !tr->opts.evaluate_only) st = check_meta(tr, r.c, &task.error);
    if (st == HOOP_OK) st = check_meaning(tr, r.c, &task.error);
    if (st == HOOP_OK) hoop__task_start(&task, read_contents, &r);
    HOOP_TRY(st, done, hoop__task_wait(tr, &task, "reading a checkpoint", err));
    (void)take_up(tr, &r, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK)
        (void)hoop_fail(err, st, "%s", local.text);
    else
        st = keep_best(tr, err);
done:
    hoop__task_join(&task);
    hoop_checkpoint_close(&r.c);
    return st;
}

static hoop_status read_weights(void *ctx, hoop_error *err)
{
    return read_model(ctx, err);
}

hoop_status hoop__load_weights(hoop_trainer *tr, hoop_error *err)
{
    hoop__task  task  = {.joinable = false};
    picking     p     = {.path = tr->plan->model.weights, .begins = true};
    reading     r     = {.tr = tr, .begins = true};
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    if (p.path[0] == '\0' || tr->opts.resume != NULL || tr->opts.evaluate_only) return HOOP_OK;
    st = agree_on_one(tr, &p, &local);
    if (st == HOOP_OK) {
        if (hoop_checkpoint_open(p.choice.path, &task.error, &r.c) == HOOP_OK) hoop__task_start(&task, read_weights, &r);
        st = hoop__task_wait(tr, &task, "reading weights", &local);
    }
    hoop__task_join(&task);
    hoop_checkpoint_close(&r.c);
    if (st == HOOP_ETIMEOUT || st == HOOP_ECOMM || st == HOOP_ENOMEM) /* no fault of the config: it may go well the next time */
        return hoop_fail(err, st, "%s", local.text);
    return st == HOOP_OK ? HOOP_OK : hoop_config_fail(tr->config, "model.weights", err, "%s", local.text);
}
