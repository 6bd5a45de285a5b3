/*
 * Saving. Rank 0 makes the directory, every rank copies what it is to write (rank 0 weights and buffers, each rank the optimiser
 * state of its ranges), and a task writes the copy behind the next steps. The step record tells when no rank is busy any more:
 * then ranks agree that all is on disk and hand their receipts to rank 0, whose next task publishes, again behind the steps; a
 * later record tells that it is done. So a checkpoint is agreed upon, or does not exist, and no step waits for more of a disk
 * than a new directory.
 */
#include "train/saving.h"

#include "base/clock.h"
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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const signals[] = {"none", "USR1", "USR2", "both", NULL}; /* in the order of hoop_stop_signals */
#define AT(field) offsetof(hoop__save_opts, field)
static const hoop_option rows[] = {
    {"every_steps", HOOP_OPT_INT, AT(every_steps), "0", 0, 1e15, NULL, false, "steps between checkpoints; 0: one at the end"},
    {"keep", HOOP_OPT_INT, AT(keep), "3", 0, 1e9, NULL, false, "newest checkpoints to keep; 0: all"},
    {"signals", HOOP_OPT_ENUM, AT(signals), "USR1", 0, 0, signals, false,
     "what else than SIGTERM warns of the end (mpirun passes it on to ranks): a checkpoint, and exit code 75"},
};
#undef AT
const hoop_option_table hoop__save_options = {"checkpoint", rows, (int)(sizeof rows / sizeof rows[0])};

enum stage { IDLE, WRITING, PUBLISHING };

struct hoop__save {
    hoop_run_lock            *lock; /* rank 0 */
    char                      tmp[HOOP_CHECKPOINT_PATH], run_id[24], when[HOOP__UTC], command[1024], total_steps[24];
    hoop_checkpoint_meta      meta;
    hoop_checkpoint_entry    *entry;
    int64_t                   nentries, capacity;
    char                     *copy; /* what is being written */
    size_t                    copy_size, copy_used;
    enum stage                stage;              /* the same on all ranks */
    hoop__task                task;               /* WRITING: this rank's part; PUBLISHING: rank 0 alone has one */
    hoop_checkpoint_receipt   receipt, *receipts; /* of this rank's part; of all, by rank */
    hoop_checkpoint_published published;
    bool                      best; /* what is written is the best so far */
    const char               *run_dir;
    int64_t                   keep;
    int                       rank, size;
};

/* ---- which parts of which parameters a rank holds the optimiser state of ---- */

hoop_status hoop__each_own_part(hoop_trainer *tr, hoop__part_fn *f, void *ctx, hoop_error *err)
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

int64_t hoop__state_count(const hoop_trainer *tr, int state, int param, int64_t count)
{
    int64_t   shape[HOOP_MAX_DIMS], n = 1;
    const int ndim = hoop_optim_state_shape(tr->optim, state, param, shape);
    for (int d = 0; d < ndim; d++) n *= shape[d];
    return ndim < 0 ? 0 : n < count ? n : count;
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
    size_t      at = (size_t)(hoop_params_first_block(tr->params, param) * HOOP_BLOCK + first) * hoop_dtype_size(tr->dtype);
    hoop_status st = HOOP_OK;
    for (int i = 0; i < hoop_optim_state_count(tr->optim) && st == HOOP_OK; i++) {
        hoop_checkpoint_entry e = {.name  = hoop_params_name(tr->params, param),
                                   .group = hoop_optim_state_name(tr->optim, i),
                                   .kind  = HOOP_CKPT_STATE,
                                   .dtype = tr->dtype,
                                   .order = param,
                                   .first = first,
                                   .count = count};
        e.ndim                  = hoop_optim_state_shape(tr->optim, i, param, e.shape);
        if (e.ndim < 0) continue;
        e.count = hoop__state_count(tr, i, param, count);
        st      = add_entry(ctx, &e, (const char *)hoop_optim_state(tr->optim, i) + at, err);
    }
    return st;
}

/* of an optimiser that searches */
static hoop_status add_numbers(const hoop_trainer *tr, hoop__save *s, hoop_error *err)
{
    hoop_checkpoint_entry e = {
        .name = hoop_optim_name(tr->optim), .kind = HOOP_CKPT_STATE, .dtype = HOOP_F64, .ndim = 1, .order = -1};
    int           n;
    const double *numbers = hoop_optim_numbers(tr->optim, &n);
    e.count = e.shape[0] = n;
    return numbers == NULL ? HOOP_OK : add_entry(s, &e, numbers, err);
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
        HOOP_TRY(st, done, add_numbers(tr, s, err));
        for (int i = 0; i < HOOP__WATCHES; i++) {
            hoop_checkpoint_entry e       = {.kind = HOOP_CKPT_STATE, .dtype = HOOP_F64, .ndim = 1, .order = -1};
            int                   n       = 0;
            const double         *numbers = hoop__watch_numbers(tr, i, &e.name, &n);
            e.count = e.shape[0] = n;
            if (numbers != NULL) HOOP_TRY(st, done, add_entry(s, &e, numbers, err));
        }
    }
    HOOP_TRY(st, done, hoop__each_own_part(tr, add_state_part, s, err));
    for (int64_t i = 0; i < s->nentries; i++) s->entry[i].data = s->copy + (uintptr_t)s->entry[i].data;
done:
    return st;
}

/* ---- what is done beside the steps ---- */

static hoop_status write_part(void *ctx, hoop_error *err)
{
    hoop__save *s  = ctx;
    hoop_status st = hoop_checkpoint_write_shard(s->tmp, s->rank, s->size, s->entry, s->nentries, err, &s->receipt);
    return st == HOOP_OK ? HOOP_OK : hoop_fail_within(err, "saving step %" PRId64, s->meta.step);
}

static hoop_status publish(void *ctx, hoop_error *err)
{
    hoop__save *s  = ctx;
    hoop_status st = hoop_checkpoint_publish(s->run_dir, s->lock, s->tmp, &s->meta, s->receipts, s->size, s->keep, s->best, err,
                                             &s->published);
    return st == HOOP_OK ? HOOP_OK : hoop_fail_within(err, "saving step %" PRId64, s->meta.step);
}

bool hoop__save_running(const hoop_trainer *tr)
{
    return tr->save != NULL && hoop__task_busy(&tr->save->task);
}

/* ---- from stage to stage ---- */

/* No rank is busy, or all wait here until none is: publish what was written, tell what was published. Collective. */
static hoop_status advance(hoop_trainer *tr, hoop_error *err)
{
    hoop__save *s = tr->save;
    hoop_status st;
    HOOP_TRY(st, done, hoop__task_wait(tr, &s->task, "checkpoint", err));
    if (s->stage == WRITING) {
        HOOP_TRY(st, done,
                 hoop_comm_all_gather_bytes(tr->comm, &s->receipt, (int64_t)sizeof s->receipt, "checkpoint", err, s->receipts));
        s->stage = PUBLISHING;
        if (s->rank == 0) hoop__task_start(&s->task, publish, s);
    } else {
        s->stage              = IDLE;
        tr->status.saved_step = s->meta.step;
        if (s->rank == 0 && s->published.note[0] != '\0') hoop__note(tr, "warning: %s", s->published.note);
    }
done:
    if (st != HOOP_OK) {
        hoop__task_join(&s->task);
        s->stage = IDLE;
        if (s->rank == 0) hoop_checkpoint_discard(s->tmp);
    }
    return st;
}

hoop_status hoop__save_after_step(hoop_trainer *tr, int64_t busy, hoop_error *err)
{
    return tr->save == NULL || tr->save->stage == IDLE || busy > 0 ? HOOP_OK : advance(tr, err);
}

hoop_status hoop_trainer_finish(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->save == NULL || tr->save->stage == IDLE) return HOOP_OK;
    hoop_comm_set_position(tr->comm, tr->status.step, "waiting for a checkpoint");
    while (st == HOOP_OK && tr->save->stage != IDLE) st = advance(tr, err);
    return st;
}

static void command_line(char *out, size_t size)
{
    FILE  *f = fopen("/proc/self/cmdline", "rb");
    size_t n = f == NULL ? 0 : fread(out, 1, size - 1, f);
    if (f != NULL) (void)fclose(f);
    for (size_t i = 0; i + 1 < n; i++) out[i] = out[i] == '\0' ? ' ' : out[i];
    out[n] = '\0';
}

/* Where a model predicts without targets, nothing else tells which dim of its outputs is that of classes. */
static hoop_status note_class_dims(hoop_trainer *tr, hoop_error *err)
{
    for (int k = 0; k < tr->data->ntargets; k++) {
        const hoop__field   *f = hoop__target(tr, k);
        hoop__field_meaning *m;
        if (!f->loss->classes || f->out_ndim < 2) continue;
        m = hoop__meaning_add(&tr->data->meaning, f->name, true, err);
        if (m == NULL) return HOOP_ENOMEM;
        (void)snprintf(m->class_dim, sizeof m->class_dim, "%s", f->class_first ? "first" : "last");
    }
    return HOOP_OK;
}

/* what the checkpoint will say of itself; its strings live as long as the trainer */
static hoop_status describe(hoop_trainer *tr, hoop__save *s, hoop_error *err)
{
    const char *note[6] = {"total_steps", s->total_steps};
    int64_t     step = tr->status.step, per_epoch = tr->status.steps_per_epoch;
    hoop__now_utc(false, s->when);
    command_line(s->command, sizeof s->command);
    (void)snprintf(s->total_steps, sizeof s->total_steps, "%" PRId64, tr->status.steps);
    s->meta = (hoop_checkpoint_meta){
        .step        = step,
        .epoch       = per_epoch > 0 ? step / per_epoch : 0,
        .index       = per_epoch > 0 ? step % per_epoch : step,
        .seed        = (uint64_t)tr->plan->run.seed,
        .ranks       = s->size,
        .leaves      = tr->plan->run.leaves,
        .batch       = tr->plan->run.batch,
        .run_id      = s->run_id,
        .numerics    = hoop_runtime_numerics(tr->rt, tr->dtype),
        .fingerprint = tr->plan->fingerprint,
        .optimizer   = hoop_optim_name(tr->optim),
        .config      = tr->plan->resolved,
        .version     = hoop_runtime_build(tr->rt),
        .host        = hoop_comm_host(tr->comm, s->rank),
        .time        = s->when,
        .command     = s->command,
    };
    if (tr->data->train != NULL) s->meta.data_fingerprint = hoop_dataset_about(tr->data->train)->fingerprint;
    if (note_class_dims(tr, err) != HOOP_OK) return HOOP_ENOMEM;
    return hoop__meaning_notes(&tr->data->meaning, note, 1 + hoop__weights_notes(tr, note + 2), err, &s->meta.notes,
                               &s->meta.nnotes);
}

hoop_status hoop_trainer_save(hoop_trainer *tr, hoop_error *err)
{
    hoop__save *s     = tr->save;
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    if (s == NULL) return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_save: the trainer has no run directory");
    HOOP_TRY(st, done, hoop__step_outside(tr, "hoop_trainer_save", err));
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
    (void)describe(tr, s, &local);
    if (local.status == HOOP_OK && hoop_checkpoint_tmp(s->run_dir, s->meta.step, s->run_id, &local, s->tmp) == HOOP_OK &&
        s->rank == 0 && hoop_run_lock_check(s->lock, &local) == HOOP_OK)
        (void)hoop_checkpoint_begin(s->tmp, &local);
    if (local.status == HOOP_OK) (void)copy_all(tr, s, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) {
        if (s->rank == 0) hoop_checkpoint_discard(s->tmp);
        return hoop_fail(err, st, "%s", local.text);
    }
    s->best  = tr->status.best_step == s->meta.step;
    s->stage = WRITING;
    hoop__task_start(&s->task, write_part, s);
done:
    return st;
}

/* ---- the run directory ---- */

static bool is_same_place(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Does what is resumed end this directory's line of checkpoints? Two lines in one would be told apart by nobody. */
static bool goes_on_here(const hoop_trainer *tr)
{
    const hoop_checkpoint_sound ends[] = {HOOP_CKPT_NEWEST, HOOP_CKPT_VERIFIED}; /* those after it may be damaged */
    hoop_checkpoint_choice      end;
    bool                        here = tr->opts.resume != NULL && is_same_place(tr->opts.resume, tr->opts.run_dir);
    for (int i = 0; i < 2 && tr->opts.resume != NULL && !here; i++)
        here =
            hoop_checkpoint_choose(tr->opts.run_dir, ends[i], NULL, &end) == HOOP_OK && is_same_place(tr->opts.resume, end.path);
    return here;
}

static hoop_status open_run_dir(hoop_trainer *tr, hoop__save *s, hoop_error *err)
{
    int64_t    *steps = NULL, n = 0;
    int         removed = 0;
    hoop_status st;
    HOOP_TRY(st, done, hoop_run_lock_take(tr->opts.run_dir, err, &s->lock));
    if (hoop_run_lock_note(s->lock)[0] != '\0') hoop__note(tr, "warning: %s", hoop_run_lock_note(s->lock));
    HOOP_TRY(st, done, hoop_checkpoint_sweep(tr->opts.run_dir, err, &removed));
    if (removed > 0)
        hoop__note(tr, "removed %d half-written checkpoint%s of a run that was killed", removed, removed == 1 ? "" : "s");
    HOOP_TRY(st, done, hoop_checkpoint_list(tr->opts.run_dir, err, &steps, &n));
    if (n > 0 && !goes_on_here(tr)) {
        st = hoop_fail(err, HOOP_ESTATE,
                       tr->opts.resume == NULL
                           ? "%s holds checkpoints up to step %" PRId64
                             "; --resume auto goes on from there, another --out starts anew"
                           : "%s holds checkpoints up to step %" PRId64
                             ", not those of what is resumed: --resume auto goes on from there, another --out from elsewhere",
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
    if (s == NULL) { /* the others learn of it where they agree below */
        (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for checkpoints");
        st = hoop_comm_agree_status(tr->comm, &local);
        return hoop_fail(err, st, "%s", local.text);
    }
    s->run_dir  = tr->opts.run_dir;
    s->keep     = tr->plan->save.keep;
    s->rank     = hoop_comm_rank(tr->comm);
    s->size     = hoop_comm_size(tr->comm);
    s->receipts = calloc((size_t)s->size, sizeof *s->receipts);
    if (s->receipts == NULL) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for checkpoints");
    (void)clock_gettime(CLOCK_REALTIME, &now);
    id = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec << 20 ^ (uint64_t)getpid();
    if (s->rank == 0 && local.status == HOOP_OK) (void)open_run_dir(tr, s, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", local.text);
    st = hoop_comm_broadcast(tr->comm, 0, &id, (int64_t)sizeof id, "run id", err);
    (void)snprintf(s->run_id, sizeof s->run_id, "%016" PRIx64, id);
    return st;
}

hoop_status hoop_trainer_check_run(const hoop_trainer *tr, hoop_error *err)
{
    return tr->save == NULL || tr->save->lock == NULL ? HOOP_OK : hoop_run_lock_check(tr->save->lock, err);
}

void hoop__save_destroy(hoop_trainer *tr)
{
    hoop__save *s = tr->save;
    if (s == NULL) return;
    hoop__task_join(&s->task);
    if (s->stage == WRITING && s->rank == 0) hoop_checkpoint_discard(s->tmp);
    hoop_run_lock_release(&s->lock);
    free(s->receipts);
    free(s->entry);
    free(s->copy);
    free(s);
    tr->save = NULL;
}
