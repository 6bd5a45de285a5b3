#include "train/trainer.h"

#include "base/host.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const losses[]     = {"cross_entropy", "mse", NULL};
static const char *const precisions[] = {"f32", "f64", NULL};
static const char *const gemms[]      = {"own", "blas", NULL};
static const char *const isas[]       = {"auto", "avx512", "avx2", "baseline", NULL};
#define AT(field) offsetof(hoop__run_opts, field)
static const hoop_option rows[] = {
    {"seed", HOOP_OPT_INT, AT(seed), "1", 0, 9e18, NULL, true, "of initialisation, sample order, dropout"},
    {"batch", HOOP_OPT_INT, AT(batch), "128", 1, 1e9, NULL, true, "samples a step, over all ranks"},
    {"leaves", HOOP_OPT_INT, AT(leaves), "auto", 1, 1048576, NULL, true,
     "fixed units the batch is cut into; as many ranks can train; auto: from batch"},
    {"epochs", HOOP_OPT_INT, AT(epochs), "0", 0, 1e9, NULL, false, "passes over the data (or steps)"},
    {"steps", HOOP_OPT_INT, AT(steps), "0", 0, 1e15, NULL, false, "updates (or epochs)"},
    {"loss", HOOP_OPT_ENUM, AT(loss), "cross_entropy", 0, 0, losses, true, "cross_entropy for classes, mse for real targets"},
    {"clip_norm", HOOP_OPT_FLOAT, AT(clip_norm), "0.0", 0, 1e30, NULL, true, "largest global norm of the gradient; 0: any"},
    {"precision", HOOP_OPT_ENUM, AT(precision), "f32", 0, 0, precisions, true, "of weights and arithmetic"},
    {"threads", HOOP_OPT_INT, AT(threads), "auto", 1, 1024, NULL, false, "of each rank; auto: the cores this rank may use"},
    {"gemm", HOOP_OPT_ENUM, AT(gemm), "own", 0, 0, gemms, true,
     "matrix products: own, by hoop's kernels (f32), or blas, by OpenBLAS"},
    {"isa", HOOP_OPT_ENUM, AT(isa), "auto", 0, 0, isas, false, "instruction set of hoop's own kernels; auto: the best here"},
};
#undef AT
const hoop_option_table hoop__run_options = {"", rows, (int)(sizeof rows / sizeof rows[0])};

double hoop__now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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
    if (tr->opts.arrays && tr->run.steps == 0)
        return hoop_config_fail(tr->config, "epochs", err, "steps on the caller's arrays have no epochs; give steps");
    return HOOP_OK;
}

/* the same config everywhere; where not, the first line that differs names both sides */
static hoop_status agree_config(hoop_trainer *tr, hoop_error *err)
{
    hoop_error  which = {.status = HOOP_OK};
    const char *line  = tr->resolved;
    hoop_status st    = hoop_comm_agree(tr->comm, "config", tr->resolved, &which);
    if (st != HOOP_EDESYNC) return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", which.text);
    for (int i = 0; i < 1000; i++) {
        char        one[160];
        const char *end     = strchr(line, '\n');
        hoop_error  differs = {.status = HOOP_OK};
        (void)snprintf(one, sizeof one, "%.*s", end == NULL ? (int)strlen(line) : (int)(end - line), line);
        st = hoop_comm_agree(tr->comm, "config", one, &differs);
        if (st != HOOP_OK) return hoop_fail(err, st, "%s", differs.text);
        if (end != NULL) line = end + 1;
    }
    return hoop_fail(err, HOOP_EDESYNC, "%s", which.text);
}

static hoop_status make_runtime(hoop_trainer *tr, hoop_error *err)
{
    hoop__cpus        mine, *all = calloc((size_t)hoop_comm_size(tr->comm), sizeof *all);
    hoop_runtime_opts opts = {.isa = isas[tr->run.isa], .blas = tr->run.gemm == 1};
    int64_t           share;
    hoop_status       st;
    if (all == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory to compare cores");
    hoop__cpus_find(&mine);
    st    = hoop_comm_all_gather_bytes(tr->comm, &mine, (int64_t)sizeof mine, "cores of each rank", err, all);
    share = st == HOOP_OK ? hoop__cpus_share(all, hoop_comm_size(tr->comm), hoop_comm_rank(tr->comm)) : 1;
    free(all);
    if (st != HOOP_OK) return st;
    opts.threads = (int)(tr->run.threads == HOOP_OPT_AUTO ? share : tr->run.threads);
    if (opts.threads > share && hoop_comm_rank(tr->comm) == 0) {
        hoop__note(tr, "warning: threads: %d, but each rank here has %lld core%s; more threads than cores run slower",
                   opts.threads, (long long)share, share == 1 ? "" : "s");
    }
    tr->status.threads = opts.threads;
    return hoop_runtime_create(&opts, err, &tr->rt);
}

/* names, shapes and numerics of all ranks */
static hoop_status agree_model(hoop_trainer *tr, hoop_error *err)
{
    char        shape[160], line[420];
    hoop_error  differs = {.status = HOOP_OK};
    hoop_status st      = hoop_comm_agree(tr->comm, "build and instruction set", hoop_runtime_numerics(tr->rt), &differs);
    int         n       = hoop_params_count(tr->params);
    if (st == HOOP_EDESYNC && !tr->exact) {
        if (hoop_comm_rank(tr->comm) == 0) hoop__note(tr, "warning: %s; with reduce: fast bits differ anyway", differs.text);
    } else if (st == HOOP_EDESYNC) {
        return hoop_fail(
            err, st,
            "%s; equal bits need equal kernels: set isa and OPENBLAS_CORETYPE to what all hosts have, or dist.reduce: fast",
            differs.text);
    } else if (st != HOOP_OK) {
        return hoop_fail(err, st, "%s", differs.text);
    }
    (void)snprintf(line, sizeof line, "%d parameters", n);
    st = hoop_comm_agree(tr->comm, "model", line, err);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        (void)snprintf(line, sizeof line, "%s %s", hoop_params_name(tr->params, i),
                       hoop_tensor_describe(hoop_params_tensor(tr->params, i), shape, sizeof shape));
        if (hoop_comm_size(tr->comm) > 1) st = hoop_comm_agree(tr->comm, "model", line, err);
    }
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
                          .kernels      = hoop_runtime_kernels(tr->rt)};
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

/* what one rank does by itself: read the config, open data, build the model */
static hoop_status create_local(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st;
    tr->dtype        = tr->run.precision == 1 ? HOOP_F64 : HOOP_F32;
    tr->input_dtype  = tr->dtype;
    tr->target_dtype = tr->run.loss == HOOP_LOSS_CROSS_ENTROPY ? HOOP_I64 : tr->dtype;
    HOOP_TRY(st, done, hoop__data_open(tr, err));
    if (tr->opts.params != NULL) {
        tr->params = tr->opts.params;
        if (hoop_params_dtype(tr->params) != tr->dtype) {
            st = hoop_config_fail(tr->config, "precision", err, "the model's parameters are %s",
                                  hoop_dtype_name(hoop_params_dtype(tr->params)));
            goto done;
        }
        HOOP_TRY(st, done, hoop_params_finalize(tr->params, NULL, err));
        for (int i = 0; i < hoop_params_count(tr->params); i++) {
            hoop_tensor *x   = hoop_params_tensor(tr->params, i);
            int64_t      out = hoop_tensor_ndim(x) > 0 ? hoop_tensor_size(x, 0) : 1;
            hoop_param_init(tr->params, i, hoop_tensor_ndim(x) < 2 ? HOOP_INIT_HE : HOOP_INIT_PYTORCH,
                            out > 0 ? hoop_tensor_numel(x) / out : 1, (uint64_t)tr->run.seed);
        }
    } else {
        HOOP_TRY(st, done, hoop__model_from_config(tr, err));
        HOOP_TRY(st, done, hoop__schema_resolve(tr, err)); /* again: output_shape is known now */
    }
    HOOP_TRY(st, done, hoop_tape_create(tr->rt, err, &tr->tape));
    HOOP_TRY(st, done, hoop_tape_bind(tr->tape, tr->params, err));
    if (!tr->opts.evaluate_only) HOOP_TRY(st, done, hoop_optim_create(&tr->optim_opts, tr->params, err, &tr->optim));
    HOOP_TRY(st, done, hoop__data_loader(tr, err));
done:
    return st;
}

static hoop_status create_all(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = hoop_config_read(tr->config, &tr->schema, err);
    if (st == HOOP_OK) st = hoop__model_check(tr, err);
    if (st == HOOP_OK) st = check_options(tr, err);
    if (st == HOOP_OK) st = check_leaves(tr, err);
    if (st == HOOP_OK) (void)hoop__schema_resolve(tr, err);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, err));
    HOOP_TRY(st, done, agree_config(tr, err));
    tr->exact = tr->dist.reduce == HOOP__REDUCE_EXACT;
    if (make_runtime(tr, err) == HOOP_OK) (void)create_local(tr, err);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, err));
    HOOP_TRY(st, done, agree_model(tr, err));
    HOOP_TRY(st, done, hoop__data_normalize(tr, err));
    if (!tr->opts.evaluate_only) {
        HOOP_TRY(st, done,
                 hoop_comm_agree(tr->comm, "training data",
                                 tr->train_set == NULL ? "" : hoop_dataset_about(tr->train_set)->fingerprint, err));
        HOOP_TRY(st, done, make_ddp(tr, err));
        HOOP_TRY(st, done, hoop__save_create(tr, err));
    }
    if (tr->opts.resume != NULL) HOOP_TRY(st, done, hoop_trainer_load(tr, tr->opts.resume, err));
done:
    return st;
}

hoop_status hoop_trainer_create(hoop_comm *comm, const hoop_config *config, const hoop_trainer_opts *opts, hoop_error *err,
                                hoop_trainer **out)
{
    static const hoop_trainer_opts defaults = {0};
    hoop_error                     local    = {.status = HOOP_OK};
    hoop_trainer                  *tr       = calloc(1, sizeof *tr);
    hoop_status                    st;
    *out = NULL;
    if (tr == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a trainer");
    tr->comm              = comm;
    tr->config            = config;
    tr->opts              = opts == NULL ? defaults : *opts;
    tr->status.saved_step = -1;
    tr->created_s         = hoop__now_s();
    tr->leaf.tr           = tr;
    hoop__schema_init(tr);
    st = create_all(tr, &local);
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
    hoop_ddp_destroy(&tr->ddp);
    hoop_optim_destroy(&tr->optim);
    hoop_tape_destroy(&tr->tape);
    hoop_model_destroy(&tr->model);
    hoop_runtime_destroy(&tr->rt);
    free(tr->resolved);
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
            if (observers[i].epoch != NULL && tr->status.epoch_end) (void)observers[i].epoch(observers[i].ctx, tr, &tr->error);
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

hoop_loss_kind hoop_trainer_loss_kind(const hoop_trainer *tr)
{
    return (hoop_loss_kind)tr->run.loss;
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
