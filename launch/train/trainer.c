/* A trainer: its creation, in turns of what a rank does by itself and what all agree on, and the loop. */
#include "base/clock.h"
#include "base/host.h"
#include "base/text.h"
#include "train/data.h"
#include "train/plan.h"
#include "train/saving.h"
#include "train/step.h"
#include "train/watch.h"
#include "train/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* this rank's share of its host's cores, from those of all (all[] has room for each rank) */
static hoop_status share_cores(hoop_trainer *tr, hoop__cpus *all, hoop_error *err)
{
    hoop__cpus  mine;
    int         size = hoop_comm_size(tr->comm), least;
    int64_t     share, asked = tr->plan->run.threads == HOOP_OPT_AUTO ? hoop__cpus_asked_for() : 0;
    const char *binding;
    hoop_status st;
    hoop__cpus_find(&mine);
    st = hoop_comm_all_gather_bytes(tr->comm, &mine, (int64_t)sizeof mine, "cores of each rank", err, all);
    if (st != HOOP_OK) return st;
    share              = hoop__cpus_share(all, size, hoop_comm_rank(tr->comm));
    tr->status.threads = (int)(tr->plan->run.threads != HOOP_OPT_AUTO ? tr->plan->run.threads : asked > 0 ? asked : share);
    if (hoop_comm_rank(tr->comm) != 0) return HOOP_OK;
    if (asked < 0)
        hoop__note(tr, "warning: OMP_NUM_THREADS=%.40s is no number from 1 to 1024, and is ignored", getenv("OMP_NUM_THREADS"));
    if (share == 1 && (binding = hoop__cpus_bound_by()) != NULL)
        hoop__note(tr, "warning: %s=%s has bound this process, and the threads it makes, to one core: unset it to use more",
                   binding, getenv(binding));
    if (tr->plan->run.threads == HOOP_OPT_AUTO && asked <= 0) return HOOP_OK;
    share = hoop__cpus_least(all, size, &least);
    if (tr->status.threads > share) {
        hoop__note(tr, "warning: %s%d, but rank %d on %s has %lld core%s; more threads than cores run slower",
                   asked > 0 ? "OMP_NUM_THREADS=" : "threads: ", tr->status.threads, least, hoop_comm_host(tr->comm, least),
                   (long long)share, share == 1 ? "" : "s");
    }
    return HOOP_OK;
}

/* names and shapes of all parameters, a line each */
static hoop_status describe_model(const hoop_trainer *tr, hoop_error *err, char **out)
{
    hoop__text text = {0};
    char       shape[160];
    for (int i = 0; i < hoop_params_count(tr->params); i++)
        hoop__text_addf(&text, "%s %s\n", hoop_params_name(tr->params, i),
                        hoop_tensor_describe(hoop_params_tensor(tr->params, i), shape, sizeof shape));
    return hoop__text_take(&text, err, out);
}

/* The same text everywhere; where not, the first line that differs names both sides. */
static hoop_status agree_lines(hoop_trainer *tr, const char *what, const char *line, hoop_error *err)
{
    hoop_error  which = {.status = HOOP_OK};
    hoop_status st    = hoop_comm_agree(tr->comm, what, line, &which);
    if (st != HOOP_EDESYNC) return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", which.text);
    for (int i = 0; i < 1000; i++) {
        char        one[420];
        const char *end     = strchr(line, '\n');
        hoop_error  differs = {.status = HOOP_OK};
        (void)snprintf(one, sizeof one, "%.*s", end == NULL ? (int)strlen(line) : (int)(end - line), line);
        st = hoop_comm_agree(tr->comm, what, one, &differs);
        if (st != HOOP_OK) return hoop_fail(err, st, "%s", differs.text);
        if (end != NULL) line = end + 1;
    }
    return hoop_fail(err, HOOP_EDESYNC, "%s", which.text);
}

static hoop_status agree_numerics(hoop_trainer *tr, hoop_error *err)
{
    hoop_error  differs = {.status = HOOP_OK};
    hoop_status st      = hoop_comm_agree(tr->comm, "sources of hoop", hoop_runtime_sources(), err); /* they talk to each other */
    if (st != HOOP_OK) return st;
    st = hoop_comm_agree(tr->comm, "numerics", hoop_runtime_numerics(tr->rt, tr->dtype), &differs);
    if (st == HOOP_EDESYNC && !tr->plan->exact) {
        if (hoop_comm_rank(tr->comm) == 0) hoop__note(tr, "warning: %s; with reduce: fast bits differ anyway", differs.text);
        return HOOP_OK;
    }
    if (st == HOOP_EDESYNC)
        return hoop_fail(err, st,
                         "%s; equal bits need one version of hoop and, where products are OpenBLAS's, one of its kernels: set "
                         "OPENBLAS_CORETYPE to what all hosts have, or dist.reduce: fast",
                         differs.text);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", differs.text);
}

static hoop_status agree_data(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->data->train != NULL)
        st = hoop_comm_agree(tr->comm, "training data", hoop_dataset_about(tr->data->train)->fingerprint, err);
    if (st == HOOP_OK && tr->data->validation != NULL)
        st = hoop_comm_agree(tr->comm, "validation data", hoop_dataset_about(tr->data->validation)->fingerprint, err);
    return st == HOOP_OK ? hoop__weights_agree(tr, err) : st;
}

static hoop_status make_ddp(hoop_trainer *tr, hoop_error *err)
{
    int           n     = hoop_params_count(tr->params);
    int64_t      *first = calloc((size_t)n + 1, sizeof *first), *count = calloc((size_t)n + 1, sizeof *count);
    bool         *whole = calloc((size_t)n + 1, sizeof *whole);
    hoop_ddp_opts opts  = {.dtype        = tr->dtype,
                           .nblocks      = hoop_params_trained(tr->params),
                           .nparams      = n,
                           .first_block  = first,
                           .param_blocks = count,
                           .whole        = hoop_optim_granularity(tr->optim) == HOOP_BY_ELEMENT ? NULL : whole,
                           .leaves       = tr->plan->run.leaves,
                           .exact        = tr->plan->exact,
                           .bucket_bytes = (int64_t)(tr->plan->dist.bucket_mb * 1048576.0),
                           .kernels      = hoop_runtime_kernels(tr->rt),
                           .runtime      = tr->rt};
    hoop_status   st    = HOOP_OK;
    if (first == NULL || count == NULL || whole == NULL) st = hoop_fail(err, HOOP_ENOMEM, "no memory for buckets");
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        if (hoop_params_frozen(tr->params, i)) { /* none of the blocks that ranks exchange */
            first[i] = i > 0 ? first[i - 1] + count[i - 1] : 0;
            continue;
        }
        first[i] = hoop_params_first_block(tr->params, i);
        count[i] = hoop_params_nblocks_of(tr->params, i);
        whole[i] = hoop_optim_whole(tr->optim, i);
    }
    if (st == HOOP_OK) st = hoop_ddp_create(tr->comm, &opts, err, &tr->ddp);
    free(first);
    free(count);
    free(whole);
    return st;
}

/* memory of the updates of what this rank owns: not in the first step */
static hoop_status prepare_updates(hoop_trainer *tr, hoop_error *err)
{
    const hoop_ddp_range *range;
    hoop_status           st = HOOP_OK;
    int                   n;
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int i = 0; i < n && st == HOOP_OK; i++)
        st = hoop_optim_prepare(tr->optim, tr->rt, range[i].first_block, range[i].nblocks, err);
    return st;
}

/* What one rank does by itself, between agreements: open data; */
static hoop_status open_all(hoop_trainer *tr, hoop_error *err)
{
    const hoop_runtime_opts opts = hoop__plan_runtime(tr);
    hoop_status             st   = hoop_runtime_create(&opts, err, &tr->rt);
    if (st == HOOP_EARG && opts.isa != NULL && tr->plan->run.isa == 0) (void)hoop_fail_within(err, "HOOP_ISA");
    return st == HOOP_OK ? hoop__data_open(tr, err) : st;
}

/* build the model and what trains it */
static hoop_status build(hoop_trainer *tr, hoop_error *err, char **model)
{
    hoop_status st;
    if (tr->opts.params != NULL) {
        HOOP_TRY(st, done, hoop__model_from_caller(tr, err));
    } else {
        HOOP_TRY(st, done, hoop__model_from_config(tr, err));
    }
    HOOP_TRY(st, done, hoop__plan_model_leaves(tr, err));
    HOOP_TRY(st, done, hoop__schema_resolve(tr, err)); /* again: leaves, output_shape and normalize_targets are known now */
    HOOP_TRY(st, done, describe_model(tr, err, model));
    HOOP_TRY(st, done, hoop_tape_create(tr->rt, err, &tr->tape));
    HOOP_TRY(st, done, hoop_tape_bind(tr->tape, tr->params, err));
    if (!tr->opts.evaluate_only) HOOP_TRY(st, done, hoop__optim_make(tr, err));
    HOOP_TRY(st, done, hoop__step_create(tr, err));
    if (tr->opts.forward != NULL) HOOP_TRY(st, done, hoop__outputs_try(tr, err));
    HOOP_TRY(st, done, hoop__data_loader(tr, err));
    if (!tr->opts.evaluate_only) HOOP_TRY(st, done, hoop__watch_create(tr, err));
    hoop__plan_note_leaves(tr);
    if (!tr->opts.evaluate_only) hoop__optim_note(tr);
    if (tr->data->validation != NULL) tr->status.validation_samples = hoop_dataset_about(tr->data->validation)->length;
    if (!tr->opts.evaluate_only) HOOP_TRY(st, done, make_ddp(tr, err));
    if (!tr->opts.evaluate_only) HOOP_TRY(st, done, prepare_updates(tr, err));
done:
    return st;
}

static hoop_status create_together(hoop_trainer *tr, hoop__cpus *cpus, hoop_error *err)
{
    char       *model = NULL;
    hoop_status st;
    HOOP_TRY(st, done, agree_lines(tr, "config", tr->plan->resolved, err));
    HOOP_TRY(st, done, share_cores(tr, cpus, err));
    (void)open_all(tr, err);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, err));
    HOOP_TRY(st, done, hoop__data_decide(tr, err));
    (void)build(tr, err, &model);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, err));
    HOOP_TRY(st, done, agree_numerics(tr, err));
    HOOP_TRY(st, done, agree_lines(tr, "model", model, err));
    HOOP_TRY(st, done, agree_data(tr, err));
    HOOP_TRY(st, done, hoop__data_check(tr, err));
    HOOP_TRY(st, done, hoop__data_normalize(tr, err));
    HOOP_TRY(st, done, hoop__load_weights(tr, err));
    HOOP_TRY(st, done, hoop__save_create(tr, err));
    if (tr->opts.resume != NULL) HOOP_TRY(st, done, hoop_trainer_load(tr, tr->opts.resume, err));
done:
    free(model);
    return st;
}

static void release(hoop_trainer *tr)
{
    if (tr == NULL) return;
    if (tr->plan != NULL) hoop__specs_free(&tr->plan->specs);
    free(tr->plan);
    free(tr->data);
    free(tr->step);
    free(tr);
}

/* with its parts, all zero; NULL: there is no memory */
static hoop_trainer *allocate(void)
{
    hoop_trainer *tr = calloc(1, sizeof *tr);
    if (tr == NULL) return NULL;
    tr->plan = calloc(1, sizeof *tr->plan);
    tr->data = calloc(1, sizeof *tr->data);
    tr->step = calloc(1, sizeof *tr->step);
    if (tr->plan != NULL && tr->data != NULL && tr->step != NULL) return tr;
    release(tr);
    return NULL;
}

hoop_status hoop_trainer_create(hoop_comm *comm, const hoop_config *config, const hoop_trainer_opts *opts, hoop_error *err,
                                hoop_trainer **out)
{
    static const hoop_trainer_opts defaults = {0};
    hoop_error                     local    = {.status = HOOP_OK};
    hoop_trainer                  *tr       = allocate();
    hoop__cpus                    *cpus     = calloc((size_t)hoop_comm_size(comm), sizeof *cpus);
    uint64_t                       mode     = hoop_fp_enter(); /* numbers are read and written, too */
    hoop_status                    st;
    *out = NULL;
    if (tr == NULL || cpus == NULL) {
        (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for a trainer");
    } else {
        tr->comm              = comm;
        tr->config            = config;
        tr->opts              = opts == NULL ? defaults : *opts;
        tr->status.saved_step = tr->status.validation_step = -1;
        tr->step->created_s                                = hoop__now_s();
        (void)hoop__plan_read(tr, &local);
    }
    st = hoop_comm_agree_status(comm, &local);
    if (st == HOOP_OK) st = create_together(tr, cpus, &local);
    free(cpus);
    hoop_fp_restore(mode);
    if (st != HOOP_OK) {
        hoop_trainer_destroy(&tr);
        return hoop_fail(err, st, "%s", local.text);
    }
    *out = tr;
    return HOOP_OK;
}

void hoop_trainer_destroy(hoop_trainer **trainer)
{
    hoop_trainer *tr;
    if (trainer == NULL || *trainer == NULL) return;
    tr = *trainer;
    hoop__save_destroy(tr);
    hoop__step_destroy(tr);
    hoop__data_close(tr);
    hoop_ddp_destroy(&tr->ddp);
    hoop_optim_destroy(&tr->optim);
    hoop_schedule_destroy(&tr->schedule);
    hoop_tape_destroy(&tr->tape);
    if (!hoop_comm_unsettled(tr->comm)) hoop_model_destroy(&tr->model); /* else weights and gradients may still be written to */
    hoop_runtime_destroy(&tr->rt);
    hoop__plan_clear(tr->plan);
    release(tr);
    *trainer = NULL;
}

hoop_status hoop_trainer_run(hoop_trainer *tr, const hoop_observer *observers, int n, hoop_error *err)
{
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    for (int i = 0; i < n; i++) {
        if (observers[i].start != NULL) (void)observers[i].start(observers[i].ctx, tr, &local);
    }
    st = hoop_comm_agree_status(tr->comm, &local);
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        st = hoop__step_finish(tr, &local);
        for (int i = 0; i < n && st == HOOP_OK; i++) {
            if (observers[i].step != NULL) (void)observers[i].step(observers[i].ctx, tr, &tr->error);
        }
        for (int i = 0; i < n && st == HOOP_OK && (tr->status.epoch_end || tr->status.validates); i++) {
            if (observers[i].epoch != NULL) (void)observers[i].epoch(observers[i].ctx, tr, &tr->error);
        }
        if (st == HOOP_OK) st = hoop_comm_check(tr->comm, &local); /* in an observer's collective: there is no next step */
    }
    if (st == HOOP_OK && tr->error.status != HOOP_OK) (void)hoop_fail(&local, tr->error.status, "%s", tr->error.text);
    if (st == HOOP_OK) st = hoop_comm_agree_status(tr->comm, &local);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        if (observers[i].end != NULL) (void)observers[i].end(observers[i].ctx, tr, &local);
        st = hoop_comm_agree_status(tr->comm, &local);
    }
    if (st != HOOP_OK && hoop_comm_check(tr->comm, NULL) == HOOP_OK) { /* all failed together: what was being saved is whole */
        hoop_error late = {.status = HOOP_OK};
        (void)hoop_trainer_finish(tr, &late);
    }
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

void hoop_trainer_stop(hoop_trainer *tr)
{
    tr->step->stop = 1;
}

const hoop_trainer_status *hoop_trainer_about(hoop_trainer *tr)
{
    if (tr->data->loader != NULL) tr->status.stall_s = hoop_loader_stall_s(tr->data->loader);
    tr->status.communication_s   = hoop_comm_wait_s(tr->comm);
    tr->status.memory_peak_bytes = hoop__leaves_peak(tr);
    return &tr->status;
}

hoop_comm *hoop_trainer_comm(hoop_trainer *tr)
{
    return tr->comm;
}

hoop_params *hoop_trainer_params(hoop_trainer *tr)
{
    return tr->params;
}

hoop_model *hoop_trainer_model(hoop_trainer *tr)
{
    return tr->model;
}

int hoop_trainer_targets(const hoop_trainer *tr)
{
    return tr->data->ntargets;
}

hoop_target hoop_trainer_target(const hoop_trainer *tr, int i)
{
    const hoop__field *f = hoop__target(tr, i);
    if (i < 0 || i >= tr->data->ntargets) return (hoop_target){.name = NULL};
    return (hoop_target){.name     = f->name,
                         .loss     = f->loss,
                         .weight   = f->weight,
                         .classes  = f->classes,
                         .ndim     = f->out_ndim,
                         .shape    = f->out_shape,
                         .nmetrics = f->nshown};
}

hoop_dtype hoop_trainer_dtype(const hoop_trainer *tr)
{
    return tr->dtype;
}

hoop_runtime *hoop_trainer_runtime(hoop_trainer *tr)
{
    return tr->rt;
}

hoop_optim *hoop_trainer_optim(hoop_trainer *tr)
{
    return tr->optim;
}

hoop_dataset *hoop_trainer_data(hoop_trainer *tr)
{
    return tr->data->train;
}

const char *hoop_trainer_fingerprint(const hoop_trainer *tr)
{
    return tr->plan->fingerprint;
}

const char *hoop_trainer_config(const hoop_trainer *tr)
{
    return tr->plan->resolved;
}

int64_t hoop_trainer_save_every(const hoop_trainer *tr)
{
    return tr->plan->save.every_steps;
}

hoop_stop_signals hoop_trainer_stop_signals(const hoop_trainer *tr)
{
    return (hoop_stop_signals)tr->plan->save.signals;
}
