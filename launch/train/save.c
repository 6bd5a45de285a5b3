/*
 * Checkpoints of a trainer. Saving: rank 0 makes the directory, every rank copies what it is to write (rank 0 weights and
 * buffers, each rank the optimiser state of its ranges) and a thread writes the copy behind the next steps. The step record
 * tells when all threads are done; then rank 0 publishes. So a checkpoint is agreed upon, or does not exist.
 */
#include "train/trainer.h"
#include "train/meaning.h"

#include "hoop/checkpoint.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define AT(field) offsetof(hoop__save_opts, field)
static const hoop_option rows[] = {
    {"every_steps", HOOP_OPT_INT, AT(every_steps), "0", 0, 1e15, NULL, false, "steps between checkpoints; 0: one at the end"},
    {"keep", HOOP_OPT_INT, AT(keep), "3", 0, 1e9, NULL, false, "newest checkpoints to keep; 0: all"},
};
#undef AT
const hoop_option_table hoop__save_options = {"checkpoint", rows, (int)(sizeof rows / sizeof rows[0])};

struct hoop__save {
    hoop_run_lock         *lock; /* rank 0 */
    char                   tmp[HOOP_CHECKPOINT_PATH], run_id[24];
    hoop_checkpoint_entry *entry;
    int64_t                nentries, capacity;
    char                  *copy; /* what is being written */
    size_t                 copy_size, copy_used;
    int64_t                step, epoch, index;
    pthread_t              thread;
    bool                   running, thread_running; /* under way on all ranks; to be joined here */
    atomic_int             done;                    /* 1: written, 2: failed */
    hoop_error             error;
    int                    rank, size;
};

/* ---- which parts of which parameters a rank holds the optimiser state of ---- */

typedef hoop_status part_fn(hoop_trainer *tr, void *ctx, int param, int64_t first, int64_t count, hoop_error *err);

static hoop_status each_own_part(hoop_trainer *tr, part_fn *f, void *ctx, hoop_error *err)
{
    const hoop_ddp_range *range;
    hoop_status           st = HOOP_OK;
    int                   n;
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int p = 0; p < hoop_params_count(tr->params); p++) {
        int64_t start = hoop_params_first_block(tr->params, p) * HOOP_BLOCK,
                numel = hoop_tensor_numel(hoop_params_tensor(tr->params, p));
        for (int i = 0; i < n && st == HOOP_OK; i++) {
            int64_t from = range[i].first_block * HOOP_BLOCK - start, to = from + range[i].nblocks * HOOP_BLOCK;
            if (from < 0) from = 0;
            if (to > numel) to = numel;
            if (from < to) st = f(tr, ctx, p, from, to - from, err);
        }
    }
    return st;
}

/* ---- the copy ---- */

static hoop_status grow(hoop__save *s, size_t bytes, hoop_error *err)
{
    if (s->nentries == s->capacity) {
        int64_t                bigger = s->capacity == 0 ? 64 : 2 * s->capacity;
        hoop_checkpoint_entry *grown  = realloc(s->entry, (size_t)bigger * sizeof *grown);
        if (grown == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a checkpoint");
        s->entry    = grown;
        s->capacity = bigger;
    }
    if (s->copy_used + bytes > s->copy_size) {
        size_t bigger = 2 * s->copy_size > s->copy_used + bytes ? 2 * s->copy_size : s->copy_used + bytes;
        char  *grown  = realloc(s->copy, bigger);
        if (grown == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a checkpoint's copy of %zu bytes", bigger);
        s->copy      = grown;
        s->copy_size = bigger;
    }
    return HOOP_OK;
}

/* the data pointer holds an offset until all is copied: the copy may still move */
static hoop_status add_entry(hoop__save *s, const hoop_checkpoint_entry *e, const void *data, hoop_error *err)
{
    size_t      bytes = (size_t)e->count * hoop_dtype_size(e->dtype);
    hoop_status st    = grow(s, bytes + HOOP_ALIGN, err);
    if (st != HOOP_OK) return st;
    if (bytes > 0) memcpy(s->copy + s->copy_used, data, bytes);
    s->entry[s->nentries]        = *e;
    s->entry[s->nentries++].data = (const void *)(uintptr_t)s->copy_used;
    s->copy_used += (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
    return HOOP_OK;
}

static hoop_status add_tensor(hoop__save *s, hoop_checkpoint_kind kind, const char *name, const hoop_tensor *x, int64_t order,
                              hoop_error *err)
{
    hoop_checkpoint_entry e = {.name  = name,
                               .kind  = kind,
                               .dtype = hoop_tensor_dtype(x),
                               .ndim  = hoop_tensor_ndim(x),
                               .order = order,
                               .count = hoop_tensor_numel(x)};
    memcpy(e.shape, hoop_tensor_shape(x), sizeof e.shape);
    return add_entry(s, &e, hoop_tensor_data(x), err);
}

static hoop_status add_state_part(hoop_trainer *tr, void *ctx, int param, int64_t first, int64_t count, hoop_error *err)
{
    const hoop_tensor *x = hoop_params_tensor(tr->params, param);
    size_t      at       = (size_t)(hoop_params_first_block(tr->params, param) * HOOP_BLOCK + first) * hoop_dtype_size(tr->dtype);
    hoop_status st       = HOOP_OK;
    for (int i = 0; i < hoop_optim_state_count(tr->optim) && st == HOOP_OK; i++) {
        hoop_checkpoint_entry e = {.name  = hoop_params_name(tr->params, param),
                                   .group = hoop_optim_state_name(tr->optim, i),
                                   .kind  = HOOP_CKPT_STATE,
                                   .dtype = tr->dtype,
                                   .ndim  = hoop_tensor_ndim(x),
                                   .order = param,
                                   .first = first,
                                   .count = count};
        memcpy(e.shape, hoop_tensor_shape(x), sizeof e.shape);
        st = add_entry(ctx, &e, (const char *)hoop_optim_state(tr->optim, i) + at, err);
    }
    return st;
}

static hoop_status copy_all(hoop_trainer *tr, hoop__save *s, hoop_error *err)
{
    hoop_status st   = HOOP_OK;
    int64_t     step = hoop_optim_step(tr->optim);
    s->nentries      = 0;
    s->copy_used     = 0;
    if (s->rank == 0) {
        hoop_checkpoint_entry steps = {.name = "step", .kind = HOOP_CKPT_STATE, .dtype = HOOP_I64, .order = -1, .count = 1};
        for (int i = 0; i < hoop_params_count(tr->params); i++) {
            HOOP_TRY(
                st, done,
                add_tensor(s, HOOP_CKPT_PARAMETER, hoop_params_name(tr->params, i), hoop_params_tensor(tr->params, i), i, err));
        }
        for (int i = 0; i < hoop_params_buffer_count(tr->params); i++) {
            HOOP_TRY(st, done,
                     add_tensor(s, HOOP_CKPT_BUFFER, hoop_params_buffer_name(tr->params, i), hoop_params_buffer(tr->params, i), i,
                                err));
        }
        HOOP_TRY(st, done, add_entry(s, &steps, &step, err));
    }
    HOOP_TRY(st, done, each_own_part(tr, add_state_part, s, err));
    for (int64_t i = 0; i < s->nentries; i++) s->entry[i].data = s->copy + (uintptr_t)s->entry[i].data;
done:
    return st;
}

/* ---- writing ---- */

static void *write_thread(void *arg)
{
    hoop__save *s  = arg;
    hoop_status st = hoop_checkpoint_write_shard(s->tmp, s->rank, s->size, s->entry, s->nentries, &s->error);
    atomic_store(&s->done, st == HOOP_OK ? 1 : 2);
    return NULL;
}

static void join(hoop__save *s)
{
    if (s->thread_running) (void)pthread_join(s->thread, NULL);
    s->thread_running = false;
}

bool hoop__save_running(const hoop_trainer *tr)
{
    return tr->save != NULL && tr->save->running && atomic_load(&tr->save->done) == 0;
}

bool hoop__save_failed(const hoop_trainer *tr)
{
    return tr->save != NULL && tr->save->running && atomic_load(&tr->save->done) == 2;
}

static void command_line(char *out, size_t size)
{
    FILE  *f = fopen("/proc/self/cmdline", "rb");
    size_t n = f == NULL ? 0 : fread(out, 1, size - 1, f);
    if (f != NULL) (void)fclose(f);
    for (size_t i = 0; i + 1 < n; i++) out[i] = out[i] == '\0' ? ' ' : out[i];
    out[n] = '\0';
}

static hoop_status publish(hoop_trainer *tr, hoop_error *err)
{
    hoop__save               *s = tr->save;
    hoop_checkpoint_published published;
    char                      when[40], command[1024], steps[24];
    time_t                    now = time(NULL);
    struct tm                 utc;
    const char               *notes[2 + HOOP__MEANING_NOTES] = {"total_steps", steps};
    hoop__meaning             meaning                        = {0};
    hoop_checkpoint_meta      meta                           = {.step        = s->step,
                                                                .epoch       = s->epoch,
                                                                .index       = s->index,
                                                                .seed        = (uint64_t)tr->run.seed,
                                                                .ranks       = s->size,
                                                                .leaves      = tr->run.leaves,
                                                                .batch       = tr->run.batch,
                                                                .run_id      = s->run_id,
                                                                .numerics    = hoop_runtime_numerics(tr->rt),
                                                                .fingerprint = tr->fingerprint,
                                                                .optimizer   = hoop_optim_name(tr->optim),
                                                                .config      = tr->resolved,
                                                                .version     = HOOP_VERSION,
                                                                .host        = hoop_comm_host(tr->comm, s->rank),
                                                                .time        = when,
                                                                .command     = command,
                                                                .notes       = notes,
                                                                .nnotes      = 1};
    hoop_status               st;
    if (tr->train_set != NULL) HOOP_TRY(st, done, hoop__meaning_of(tr->train_set, err, &meaning));
    meta.nnotes += hoop__meaning_notes(&meaning, notes + 2);
    meta.data_fingerprint = tr->train_set == NULL ? NULL : hoop_dataset_about(tr->train_set)->fingerprint;
    (void)gmtime_r(&now, &utc);
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    command_line(command, sizeof command);
    (void)snprintf(steps, sizeof steps, "%" PRId64, tr->status.steps);
    st = hoop_checkpoint_publish(tr->opts.run_dir, s->tmp, &meta, tr->save_opts.keep, err, &published);
    if (st == HOOP_OK && published.note[0] != '\0') hoop__note(tr, "warning: %s", published.note);
done:
    hoop__meaning_free(&meaning);
    return st;
}

/* all threads are done and none failed */
static hoop_status complete(hoop_trainer *tr, hoop_error *err)
{
    hoop__save *s  = tr->save;
    hoop_status st = HOOP_OK;
    join(s);
    s->running = false;
    if (s->rank == 0) st = publish(tr, err);
    if (st == HOOP_OK) tr->status.saved_step = s->step;
    return st;
}

static hoop_status abandon(hoop_trainer *tr, hoop_error *err)
{
    hoop__save *s = tr->save;
    join(s);
    s->running = false;
    if (s->rank == 0) hoop_checkpoint_discard(s->tmp);
    if (s->error.status != HOOP_OK) return hoop_fail(err, s->error.status, "saving step %" PRId64 ": %s", s->step, s->error.text);
    return hoop_fail(err, HOOP_EPEER, "saving step %" PRId64 ": another rank could not write its part", s->step);
}

hoop_status hoop__save_after_step(hoop_trainer *tr, const hoop__record *r, hoop_error *err)
{
    if (tr->save == NULL || !tr->save->running) return HOOP_OK;
    if (r->save_failed > 0 && r->saving == 0) return abandon(tr, err);
    if (r->saving > 0) return HOOP_OK;
    (void)complete(tr, &tr->error); /* a failure on rank 0 goes into the next record */
    return HOOP_OK;
}

hoop_status hoop_trainer_finish(hoop_trainer *tr, hoop_error *err)
{
    hoop__save *s     = tr->save;
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    if (s == NULL || !s->running) return HOOP_OK;
    hoop_comm_set_position(tr->comm, tr->status.step, "waiting for a checkpoint");
    join(s);
    if (s->error.status != HOOP_OK)
        (void)hoop_fail(&local, s->error.status, "saving step %" PRId64 ": %s", s->step, s->error.text);
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) {
        s->running = false;
        if (s->rank == 0) hoop_checkpoint_discard(s->tmp);
    } else {
        (void)complete(tr, &local);
        st = hoop_comm_agree_status(tr->comm, &local);
    }
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

hoop_status hoop_trainer_save(hoop_trainer *tr, hoop_error *err)
{
    hoop__save *s     = tr->save;
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    if (s == NULL) return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_save: the trainer has no run directory");
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
    s->step         = tr->status.step;
    s->epoch        = tr->status.steps_per_epoch > 0 ? s->step / tr->status.steps_per_epoch : 0;
    s->index        = tr->status.steps_per_epoch > 0 ? s->step % tr->status.steps_per_epoch : s->step;
    s->error.status = HOOP_OK;
    if (hoop_checkpoint_tmp(tr->opts.run_dir, s->step, s->run_id, &local, s->tmp) == HOOP_OK && s->rank == 0)
        (void)hoop_checkpoint_begin(s->tmp, &local);
    if (local.status == HOOP_OK) (void)copy_all(tr, s, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) {
        if (s->rank == 0) hoop_checkpoint_discard(s->tmp);
        return hoop_fail(err, st, "%s", local.text);
    }
    atomic_store(&s->done, 0);
    s->running = true;
    if (pthread_create(&s->thread, NULL, write_thread, s) == 0)
        s->thread_running = true;
    else
        (void)write_thread(s);
done:
    return st;
}

/* ---- the run directory ---- */

static hoop_status open_run_dir(hoop_trainer *tr, hoop__save *s, hoop_error *err)
{
    int64_t    *steps = NULL, n = 0;
    int         removed = 0;
    hoop_status st;
    HOOP_TRY(st, done, hoop_run_lock_take(tr->opts.run_dir, err, &s->lock));
    HOOP_TRY(st, done, hoop_checkpoint_sweep(tr->opts.run_dir, err, &removed));
    if (removed > 0)
        hoop__note(tr, "removed %d half-written checkpoint%s of a run that was killed", removed, removed == 1 ? "" : "s");
    HOOP_TRY(st, done, hoop_checkpoint_list(tr->opts.run_dir, err, &steps, &n));
    if (n > 0 && tr->opts.resume == NULL) {
        st = hoop_fail(err, HOOP_ESTATE,
                       "%s holds checkpoints up to step %" PRId64 "; --resume auto goes on from there, another --out starts anew",
                       tr->opts.run_dir, steps[n - 1]);
    }
done:
    free(steps);
    return st;
}

hoop_status hoop__save_create(hoop_trainer *tr, hoop_error *err)
{
    hoop_error      local = {.status = HOOP_OK};
    struct timespec now;
    uint64_t        id;
    hoop__save     *s;
    hoop_status     st;
    if (tr->opts.run_dir == NULL || tr->opts.evaluate_only) return HOOP_OK;
    s = tr->save = calloc(1, sizeof *s);
    if (s == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for checkpoints");
    s->rank = hoop_comm_rank(tr->comm);
    s->size = hoop_comm_size(tr->comm);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    id = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec << 20 ^ (uint64_t)getpid();
    if (s->rank == 0) (void)open_run_dir(tr, s, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", local.text);
    st = hoop_comm_broadcast(tr->comm, 0, &id, (int64_t)sizeof id, "run id", err);
    (void)snprintf(s->run_id, sizeof s->run_id, "%016" PRIx64, id);
    return st;
}

void hoop__save_destroy(hoop_trainer *tr)
{
    hoop__save *s = tr->save;
    if (s == NULL) return;
    join(s);
    if (s->running && s->rank == 0) hoop_checkpoint_discard(s->tmp);
    hoop_run_lock_release(&s->lock);
    free(s->entry);
    free(s->copy);
    free(s);
    tr->save = NULL;
}

/* ---- loading ---- */

static hoop_status read_tensor(hoop_checkpoint *c, hoop_checkpoint_kind kind, const char *name, hoop_tensor *x, hoop_error *err)
{
    const hoop_checkpoint_tensor *t = hoop_checkpoint_find(c, kind, NULL, name);
    char                          shape[160];
    bool                          same;
    hoop_status                   st;
    if (t == NULL)
        return hoop_fail(err, HOOP_EFORMAT, "%s: there is no %s %s", hoop_checkpoint_path(c), hoop_checkpoint_kind_name(kind),
                         name);
    same = t->ndim == hoop_tensor_ndim(x) && t->dtype == hoop_tensor_dtype(x);
    for (int d = 0; d < t->ndim && same; d++) same = t->shape[d] == hoop_tensor_size(x, d);
    if (!same) {
        return hoop_fail(err, HOOP_ESHAPE, "%s: %s is %s of %" PRId64 " elements, the model's is %s", hoop_checkpoint_path(c),
                         name, hoop_dtype_name(t->dtype), t->numel, hoop_tensor_describe(x, shape, sizeof shape));
    }
    st = hoop_checkpoint_read(c, t, 0, t->numel, hoop_tensor_data(x), err);
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
        const hoop_checkpoint_tensor *t     = hoop_checkpoint_find(c, HOOP_CKPT_STATE, group, name);
        if (t == NULL || t->dtype != tr->dtype)
            return hoop_fail(err, HOOP_EFORMAT, "%s: there is no %s %s %s", hoop_checkpoint_path(c), hoop_dtype_name(tr->dtype),
                             group, name);
        st = hoop_checkpoint_read(c, t, first, count, (char *)hoop_optim_state(tr->optim, i) + at, err);
    }
    return st;
}

/* may this checkpoint be gone on from with this config and data? */
static hoop_status check_meta(hoop_trainer *tr, hoop_checkpoint *c, hoop_error *err)
{
    const hoop_checkpoint_meta *meta  = hoop_checkpoint_about(c);
    const char                 *total = hoop_checkpoint_note(c, "total_steps");
    hoop_config                *old   = NULL;
    hoop_status                 st;
    HOOP_TRY(st, done, hoop_config_parse(meta->config, hoop_checkpoint_path(c), err, &old));
    HOOP_TRY(st, done, hoop_config_diff_bits(old, tr->config, &tr->schema, err));
    if (tr->train_set != NULL && strcmp(meta->data_fingerprint, hoop_dataset_about(tr->train_set)->fingerprint) != 0) {
        st = hoop_fail(err, HOOP_ECONFIG, "%s was trained on other data (fingerprint %s) than %s (%s)", hoop_checkpoint_path(c),
                       meta->data_fingerprint, tr->data_opts.train, hoop_dataset_about(tr->train_set)->fingerprint);
    } else if (tr->schedule.name == HOOP_SCHEDULE_COSINE && total != NULL && strtoll(total, NULL, 10) != tr->status.steps) {
        st = hoop_config_fail(tr->config, tr->run.epochs > 0 ? "epochs" : "steps", err,
                              "%" PRId64 " steps in all, but %s was trained towards %s, which the cosine schedule depends on",
                              tr->status.steps, hoop_checkpoint_path(c), total);
    } else if (strcmp(meta->numerics, hoop_runtime_numerics(tr->rt)) != 0 && hoop_comm_rank(tr->comm) == 0) {
        hoop__note(tr, "warning: the checkpoint was computed with %s, this is %s: bits may differ from an undisturbed run",
                   meta->numerics, hoop_runtime_numerics(tr->rt));
    }
done:
    hoop_config_destroy(&old);
    return st;
}

static hoop_status load_all(hoop_trainer *tr, const char *path, hoop_error *err)
{
    hoop_checkpoint              *c = NULL;
    const hoop_checkpoint_tensor *steps;
    int64_t                       step = 0;
    hoop_status                   st;
    HOOP_TRY(st, done, hoop_checkpoint_open(path, err, &c));
    if (!tr->opts.evaluate_only) HOOP_TRY(st, done, check_meta(tr, c, err));
    for (int i = 0; i < hoop_params_count(tr->params); i++) {
        HOOP_TRY(st, done,
                 read_tensor(c, HOOP_CKPT_PARAMETER, hoop_params_name(tr->params, i), hoop_params_tensor(tr->params, i), err));
    }
    for (int i = 0; i < hoop_params_buffer_count(tr->params); i++) {
        HOOP_TRY(
            st, done,
            read_tensor(c, HOOP_CKPT_BUFFER, hoop_params_buffer_name(tr->params, i), hoop_params_buffer(tr->params, i), err));
    }
    tr->status.step = hoop_checkpoint_about(c)->step;
    if (tr->opts.evaluate_only) goto done;
    steps = hoop_checkpoint_find(c, HOOP_CKPT_STATE, NULL, "step");
    if (steps == NULL || steps->dtype != HOOP_I64 || steps->numel != 1) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: there is no optimizer state 'step'", path);
        goto done;
    }
    HOOP_TRY(st, done, hoop_checkpoint_read(c, steps, 0, 1, &step, err));
    HOOP_TRY(st, done, each_own_part(tr, read_state_part, c, err));
    hoop_optim_set_step(tr->optim, step);
    if (tr->loader != NULL && tr->status.step < tr->status.steps)
        HOOP_TRY(st, done, hoop_loader_seek(tr->loader, tr->status.step, err));
done:
    hoop_checkpoint_close(&c);
    return st;
}

/* rank 0 picks the checkpoint: of a run, the newest that is undamaged */
static void pick(hoop_trainer *tr, const char *path, char *picked, hoop_error *err)
{
    char        notes[HOOP_ERROR_TEXT], checkpoints[HOOP_CHECKPOINT_PATH];
    struct stat info;
    int64_t     step;
    (void)snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", path);
    (void)snprintf(picked, HOOP_CHECKPOINT_PATH, "%s", path);
    if (stat(checkpoints, &info) != 0) {
        hoop_checkpoint *c = NULL;
        if (hoop_checkpoint_open(path, err, &c) == HOOP_OK) (void)hoop_checkpoint_verify(c, err);
        hoop_checkpoint_close(&c);
        return;
    }
    if (hoop_checkpoint_find_good(path, err, notes, (int64_t)sizeof notes, &step, picked) != HOOP_OK) return;
    if (notes[0] != '\0') hoop__note(tr, "warning: %s", notes);
    if (step < 0)
        (void)hoop_fail(err, HOOP_EIO, "%s holds no checkpoint", path);
    else if (!tr->opts.evaluate_only)
        hoop__note(tr, "resuming from %s", picked);
}

hoop_status hoop_trainer_load(hoop_trainer *tr, const char *path, hoop_error *err)
{
    char        picked[HOOP_CHECKPOINT_PATH] = "";
    hoop_error  local                        = {.status = HOOP_OK};
    hoop_status st;
    if (hoop_comm_rank(tr->comm) == 0) pick(tr, path, picked, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", local.text);
    HOOP_TRY(st, done, hoop_comm_broadcast(tr->comm, 0, picked, (int64_t)sizeof picked, "checkpoint to resume", err));
    (void)load_all(tr, picked, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", local.text);
done:
    return st;
}
