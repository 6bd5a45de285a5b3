#include "train/trainer.h"

#include "base/host.h"
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const losses[]     = {"cross_entropy", "mse", NULL};
static const char *const precisions[] = {"f32", "f64", NULL};
static const char *const gemms[]      = {"own", "blas", NULL};
static const char *const isas[]       = {"auto", "avx512", "avx2", "baseline", NULL};
#define AT(field) offsetof(hoop__run_opts, field)
static const hoop_option rows[] = {
    {"seed", HOOP_OPT_INT, AT(seed), "1", 0, 0x1p63, NULL, true, "of initialisation, sample order, dropout"},
    {"batch", HOOP_OPT_INT, AT(batch), "128", 1, 1e9, NULL, true, "samples a step, over all ranks"},
    {"leaves", HOOP_OPT_INT, AT(leaves), "auto", 1, 1048576, NULL, true,
     "fixed units the batch is cut into; as many ranks can train; auto: from batch"},
    {"epochs", HOOP_OPT_INT, AT(epochs), "0", 0, 1e9, NULL, false, "passes over the data (or steps)", "steps"},
    {"steps", HOOP_OPT_INT, AT(steps), "0", 0, 1e15, NULL, false, "updates (or epochs)", "epochs"},
    {"loss", HOOP_OPT_ENUM, AT(loss), "cross_entropy", 0, 0, losses, true, "cross_entropy for classes, mse for real targets"},
    {"clip_norm", HOOP_OPT_FLOAT, AT(clip_norm), "0.0", 0, 1e30, NULL, true, "largest global norm of the gradient; 0: any"},
    {"precision", HOOP_OPT_ENUM, AT(precision), "f32", 0, 0, precisions, true, "of weights and arithmetic"},
    {"threads", HOOP_OPT_INT, AT(threads), "auto", 1, 1024, NULL, false,
     "of each rank; auto: OMP_NUM_THREADS, or else the cores this rank may use"},
    {"gemm", HOOP_OPT_ENUM, AT(gemm), "own", 0, 0, gemms, true,
     "matrix products: own, by hoop's kernels (f32), or blas, by OpenBLAS"},
    {"isa", HOOP_OPT_ENUM, AT(isa), "auto", 0, 0, isas, false, "instruction set of hoop's own kernels; auto: the best here"},
};
#undef AT
const hoop_option_table hoop__run_options = {"", rows, (int)(sizeof rows / sizeof rows[0])};

void hoop__note(const hoop_trainer *tr, const char *format, ...)
{
    char    text[HOOP_ERROR_TEXT];
    va_list args;
    if (tr->opts.note == NULL) return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tr->opts.note(tr->opts.ctx, text);
}

static int divisors(int64_t v)
{
    int n = 0;
    for (int64_t d = 1; d * d <= v; d++) n += v % d != 0 ? 0 : d * d == v ? 1 : 2;
    return n;
}

int64_t hoop_leaves_auto(int64_t batch)
{
    int64_t most = batch / 16 > 4 ? batch / 16 : 4, best = 1;
    int     best_divisors = 1;
    if (most > batch) most = batch;
    if (most > 5040) most = 5040; /* ranks beyond that are not for the default */
    for (int64_t v = 1; v <= most; v++) {
        int n = divisors(v);
        if (n > best_divisors || (n == best_divisors && (batch % v == 0 || batch % best != 0))) {
            best          = v;
            best_divisors = n;
        }
    }
    return best;
}

/* Is there a rank for every leaf, and what would do? */
static hoop_status check_leaves(hoop_trainer *tr, hoop_error *err)
{
    int     size = hoop_comm_size(tr->comm);
    int64_t fit  = size;
    if (tr->run.leaves == HOOP_OPT_AUTO) tr->run.leaves = hoop_leaves_auto(tr->run.batch);
    tr->status.leaves = tr->run.leaves;
    if (size <= tr->run.leaves) return HOOP_OK;
    for (int64_t v = size, best = 0; v < 2 * (int64_t)size && v <= tr->run.batch; v++) {
        if (divisors(v) > best) {
            best = divisors(v);
            fit  = v;
        }
    }
    if (size > tr->run.batch) {
        return hoop_config_fail(tr->config, "batch", err,
                                "%d ranks for a batch of %lld: there is no sample for each; start fewer ranks or raise batch",
                                size, (long long)tr->run.batch);
    }
    return hoop_config_fail(
        tr->config, "leaves", err,
        "%d ranks and %lld leaves: every rank needs one; `leaves: %lld` would do (it decides bits), or fewer ranks", size,
        (long long)tr->run.leaves, (long long)fit);
}

static hoop_status check_options(hoop_trainer *tr, hoop_error *err)
{
    if (tr->opts.evaluate_only) return HOOP_OK;
    if ((tr->run.epochs > 0) == (tr->run.steps > 0)) {
        return hoop_config_fail(tr->config, tr->run.epochs > 0 ? "steps" : "epochs", err, "one of epochs and steps is wanted, %s",
                                tr->run.epochs > 0 ? "not both" : "such as epochs: 10");
    }
    if (tr->optim_opts.nesterov && (tr->optim_opts.momentum <= 0.0 || tr->optim_opts.dampening != 0.0))
        return hoop_config_fail(tr->config, "optimizer.nesterov", err,
                                tr->optim_opts.kind == HOOP_SGD
                                    ? "wants a momentum above 0 and no dampening, such as optimizer.momentum: 0.9"
                                    : "is a key of sgd; leave it out, or choose optimizer.name: sgd with a momentum");
    if (tr->opts.arrays && tr->run.steps == 0)
        return hoop_config_fail(tr->config, "epochs", err, "steps on the caller's arrays have no epochs; give steps");
    if (tr->data_opts.normalize != HOOP__NORMALIZE_NONE &&
        (tr->opts.params != NULL || (tr->opts.arrays && tr->opts.resume == NULL)))
        return hoop_config_fail(tr->config, "data.normalize", err, "there is no %s to normalize; take this out",
                                tr->opts.params != NULL ? "model of a config whose input" : "training data of a config");
    if (tr->data_opts.normalize_targets == HOOP__TARGETS_STANDARD &&
        (tr->opts.params != NULL || (tr->opts.arrays && tr->opts.resume == NULL)))
        return hoop_config_fail(tr->config, "data.normalize_targets", err, "there is no %s to normalize; take this out",
                                tr->opts.params != NULL ? "model of a config whose outputs" : "training data of a config");
    if (tr->data_opts.normalize_targets == HOOP__TARGETS_STANDARD && tr->run.loss != HOOP_LOSS_MSE)
        return hoop_config_fail(tr->config, "data.normalize_targets", err, "is for real targets (loss: mse); take this out");
    return HOOP_OK;
}

/* this rank's share of its host's cores, from those of all (all[] has room for each rank) */
static hoop_status share_cores(hoop_trainer *tr, hoop__cpus *all, hoop_error *err)
{
    hoop__cpus  mine;
    int         size = hoop_comm_size(tr->comm), least;
    int64_t     share, asked = tr->run.threads == HOOP_OPT_AUTO ? hoop__cpus_asked_for() : 0;
    const char *binding;
    hoop_status st;
    hoop__cpus_find(&mine);
    st = hoop_comm_all_gather_bytes(tr->comm, &mine, (int64_t)sizeof mine, "cores of each rank", err, all);
    if (st != HOOP_OK) return st;
    share              = hoop__cpus_share(all, size, hoop_comm_rank(tr->comm));
    tr->status.threads = (int)(tr->run.threads != HOOP_OPT_AUTO ? tr->run.threads : asked > 0 ? asked : share);
    if (hoop_comm_rank(tr->comm) != 0) return HOOP_OK;
    if (asked < 0)
        hoop__note(tr, "warning: OMP_NUM_THREADS=%.40s is no number from 1 to 1024, and is ignored", getenv("OMP_NUM_THREADS"));
    if (share == 1 && (binding = hoop__cpus_bound_by()) != NULL)
        hoop__note(tr, "warning: %s=%s has bound this process, and the threads it makes, to one core: unset it to use more",
                   binding, getenv(binding));
    if (tr->run.threads == HOOP_OPT_AUTO && asked <= 0) return HOOP_OK;
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
    hoop_status st      = hoop_comm_agree(tr->comm, "build and instruction set", hoop_runtime_numerics(tr->rt), &differs);
    if (st == HOOP_EDESYNC && !tr->exact) {
        if (hoop_comm_rank(tr->comm) == 0) hoop__note(tr, "warning: %s; with reduce: fast bits differ anyway", differs.text);
        return HOOP_OK;
    }
    if (st == HOOP_EDESYNC)
        return hoop_fail(
            err, st,
            "%s; equal bits need equal kernels: set isa and OPENBLAS_CORETYPE to what all hosts have, or dist.reduce: fast",
            differs.text);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", differs.text);
}

static hoop_status agree_data(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->train_set != NULL)
        st = hoop_comm_agree(tr->comm, "training data", hoop_dataset_about(tr->train_set)->fingerprint, err);
    if (st == HOOP_OK && tr->validation_set != NULL)
        st = hoop_comm_agree(tr->comm, "validation data", hoop_dataset_about(tr->validation_set)->fingerprint, err);
    return st;
}

static hoop_status make_ddp(hoop_trainer *tr, hoop_error *err)
{
    int           n     = hoop_params_count(tr->params);
    int64_t      *first = calloc((size_t)n + 1, sizeof *first), *count = calloc((size_t)n + 1, sizeof *count);
    hoop_ddp_opts opts = {.dtype        = tr->dtype,
                          .nblocks      = hoop_params_nblocks(tr->params),
                          .nparams      = n,
                          .first_block  = first,
                          .param_blocks = count,
                          .leaves       = tr->run.leaves,
                          .exact        = tr->exact,
                          .bucket_bytes = (int64_t)(tr->dist.bucket_mb * 1048576.0),
                          .kernels      = hoop_runtime_kernels(tr->rt),
                          .runtime      = tr->rt};
    hoop_status   st   = HOOP_OK;
    if (first == NULL || count == NULL) st = hoop_fail(err, HOOP_ENOMEM, "no memory for buckets");
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        first[i] = hoop_params_first_block(tr->params, i);
        count[i] = hoop_params_nblocks_of(tr->params, i);
    }
    if (st == HOOP_OK) st = hoop_ddp_create(tr->comm, &opts, err, &tr->ddp);
    free(first);
    free(count);
    return st;
}

static hoop_status own_params(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st;
    tr->params = tr->opts.params;
    if (hoop_params_dtype(tr->params) != tr->dtype) {
        return hoop_config_fail(tr->config, "precision", err, "the model's parameters are %s",
                                hoop_dtype_name(hoop_params_dtype(tr->params)));
    }
    HOOP_TRY(st, done, hoop_params_finalize(tr->params, NULL, err));
    for (int i = 0; i < hoop_params_count(tr->params); i++) {
        hoop_tensor *x   = hoop_params_tensor(tr->params, i);
        int64_t      out = hoop_tensor_ndim(x) > 0 ? hoop_tensor_size(x, 0) : 1;
        hoop_param_init(tr->params, i, hoop_tensor_ndim(x) < 2 ? HOOP_INIT_HE : HOOP_INIT_PYTORCH,
                        out > 0 ? hoop_tensor_numel(x) / out : 1, (uint64_t)tr->run.seed);
    }
done:
    return st;
}

/* What one rank does by itself, between agreements: read the config; */
static hoop_status read_config(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st;
    HOOP_TRY(st, done, hoop_config_read(tr->config, &tr->schema, err));
    HOOP_TRY(st, done, hoop__model_check(tr, err));
    HOOP_TRY(st, done, check_options(tr, err));
    HOOP_TRY(st, done, check_leaves(tr, err));
    HOOP_TRY(st, done, hoop__schema_resolve(tr, err));
    tr->exact        = tr->dist.reduce == HOOP__REDUCE_EXACT;
    tr->dtype        = tr->run.precision == 1 ? HOOP_F64 : HOOP_F32;
    tr->input_dtype  = tr->dtype;
    tr->target_dtype = tr->run.loss == HOOP_LOSS_CROSS_ENTROPY ? HOOP_I64 : tr->dtype;
done:
    return st;
}

/* open data; */
static hoop_status open_all(hoop_trainer *tr, hoop_error *err)
{
    hoop_runtime_opts opts = {.isa = isas[tr->run.isa], .blas = tr->run.gemm == 1, .threads = tr->status.threads};
    hoop_status       st   = hoop_runtime_create(&opts, err, &tr->rt);
    return st == HOOP_OK ? hoop__data_open(tr, err) : st;
}

/* build the model and what trains it */
static hoop_status build(hoop_trainer *tr, hoop_error *err, char **model)
{
    hoop_status st;
    if (tr->opts.params != NULL) {
        HOOP_TRY(st, done, own_params(tr, err));
    } else {
        HOOP_TRY(st, done, hoop__model_from_config(tr, err));
    }
    HOOP_TRY(st, done, hoop__schema_resolve(tr, err)); /* again: output_shape and normalize_targets are known now */
    HOOP_TRY(st, done, describe_model(tr, err, model));
    HOOP_TRY(st, done, hoop_tape_create(tr->rt, err, &tr->tape));
    HOOP_TRY(st, done, hoop_tape_bind(tr->tape, tr->params, err));
    if (!tr->opts.evaluate_only) HOOP_TRY(st, done, hoop_optim_create(&tr->optim_opts, tr->params, err, &tr->optim));
    HOOP_TRY(st, done, hoop__data_loader(tr, err));
    if (tr->validation_set != NULL) tr->status.validation_samples = hoop_dataset_about(tr->validation_set)->length;
    if (!tr->opts.evaluate_only) HOOP_TRY(st, done, make_ddp(tr, err));
done:
    return st;
}

static hoop_status create_together(hoop_trainer *tr, hoop__cpus *cpus, hoop_error *err)
{
    char       *model = NULL;
    hoop_status st;
    HOOP_TRY(st, done, agree_lines(tr, "config", tr->resolved, err));
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
    HOOP_TRY(st, done, hoop__save_create(tr, err));
    if (tr->opts.resume != NULL) HOOP_TRY(st, done, hoop_trainer_load(tr, tr->opts.resume, err));
done:
    free(model);
    return st;
}

hoop_status hoop_trainer_create(hoop_comm *comm, const hoop_config *config, const hoop_trainer_opts *opts, hoop_error *err,
                                hoop_trainer **out)
{
    static const hoop_trainer_opts defaults = {0};
    hoop_error                     local    = {.status = HOOP_OK};
    hoop_trainer                  *tr       = calloc(1, sizeof *tr);
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
        tr->created_s                                      = hoop__now_s();
        tr->leaf.tr                                        = tr;
        hoop__schema_init(tr);
        (void)read_config(tr, &local);
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
    hoop_loader_destroy(&tr->loader);
    hoop_dataset_close(&tr->train_set);
    hoop_dataset_close(&tr->validation_set);
    hoop__meaning_free(&tr->meaning);
    hoop_ddp_destroy(&tr->ddp);
    hoop_optim_destroy(&tr->optim);
    hoop_tape_destroy(&tr->tape);
    if (!hoop_comm_unsettled(tr->comm)) hoop_model_destroy(&tr->model); /* else weights and gradients may still be written to */
    hoop_runtime_destroy(&tr->rt);
    free(tr->resolved);
    free(tr->target_found);
    free(tr);
    *trainer = NULL;
}

hoop_status hoop_trainer_run(hoop_trainer *tr, const hoop_observer *observers, int n, hoop_error *err)
{
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    hoop_leaf  *leaf;
    for (int i = 0; i < n; i++) {
        if (observers[i].start != NULL) (void)observers[i].start(observers[i].ctx, tr, &local);
    }
    st = hoop_comm_agree_status(tr->comm, &local);
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        st = hoop_trainer_update(tr, &local);
        for (int i = 0; i < n && st == HOOP_OK; i++) {
            if (observers[i].step != NULL) (void)observers[i].step(observers[i].ctx, tr, &tr->error);
        }
        for (int i = 0; i < n && st == HOOP_OK && tr->status.epoch_end; i++) {
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
    tr->stop = 1;
}

const hoop_trainer_status *hoop_trainer_about(hoop_trainer *tr)
{
    if (tr->loader != NULL) tr->status.stall_s = hoop_loader_stall_s(tr->loader);
    tr->status.communication_s = hoop_comm_wait_s(tr->comm);
    hoop_tape_memory(tr->tape, NULL, &tr->status.memory_peak_bytes, NULL);
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

hoop_trainer_kind hoop_trainer_loss_kind(const hoop_trainer *tr)
{
    return (hoop_trainer_kind)tr->run.loss;
}

hoop_dtype hoop_trainer_dtype(const hoop_trainer *tr)
{
    return tr->dtype;
}

const char *hoop_trainer_config(const hoop_trainer *tr)
{
    return tr->resolved;
}

int64_t hoop_trainer_save_every(const hoop_trainer *tr)
{
    return tr->save_opts.every_steps;
}
