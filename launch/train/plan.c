/* What the config decides: the keys of its top level and of communication, leaves, and checks that need no data. */
#include "train/plan.h"

#include <stdlib.h>

#include "train/data.h"

static const char *const precisions[] = {"f32", "f64", NULL};
static const char *const gemms[]      = {"own", "blas", NULL};
static const char *const captures[]   = {"auto", "off", NULL};
static const char *const isas[]       = {"auto", "avx512", "avx2", "baseline", NULL};
#define AT(field) offsetof(hoop__run_opts, field)
static const hoop_option rows[] = {
    {"seed", HOOP_OPT_INT, AT(seed), "1", 0, 0x1p63, NULL, true, "of initialisation, sample order, dropout"},
    {"batch", HOOP_OPT_INT, AT(batch), "128", 1, 1e9, NULL, true, "samples a step, over all ranks"},
    {"leaves", HOOP_OPT_INT, AT(leaves), "auto", 1, 1048576, NULL, true,
     "fixed units the batch is cut into; as many ranks can train; auto: from batch, of at least 32 samples each where batch_norm "
     "takes "
     "statistics of them"},
    {"epochs", HOOP_OPT_INT, AT(epochs), "0", 0, 1e9, NULL, false, "passes over the data (or steps)", "steps"},
    {"steps", HOOP_OPT_INT, AT(steps), "0", 0, 1e15, NULL, false, "updates (or epochs)", "epochs"},
    {"clip_norm", HOOP_OPT_FLOAT, AT(clip_norm), "0.0", 0, 1e30, NULL, true, "largest global norm of the gradient; 0: any"},
    {"clip_value", HOOP_OPT_FLOAT, AT(clip_value), "0.0", 0, 1e30, NULL, true,
     "largest size of each element of the gradient, in place of clip_norm; 0: any"},
    {"precision", HOOP_OPT_ENUM, AT(precision), "f32", 0, 0, precisions, true, "of weights and arithmetic"},
    {"threads", HOOP_OPT_INT, AT(threads), "auto", 1, 1024, NULL, false,
     "of each rank; auto: OMP_NUM_THREADS, or else the cores this rank may use"},
    {"gemm", HOOP_OPT_ENUM, AT(gemm), "own", 0, 0, gemms, true, "matrix products: own, by hoop's kernels, or blas, by OpenBLAS"},
    {"capture", HOOP_OPT_ENUM, AT(capture), "auto", 0, 0, captures, false,
     "auto: a step whose shapes come again is recorded once and replayed; off: each step anew"},
    {"isa", HOOP_OPT_ENUM, AT(isa), "auto", 0, 0, isas, false,
     "instruction set of hoop's own kernels; auto: HOOP_ISA, or else the best of each rank's processor"},
};
#undef AT
const hoop_option_table hoop__run_options = {"", rows, (int)(sizeof rows / sizeof rows[0])};

static const char *const algorithms[] = {"auto", "ring", "mpi", NULL};
static const char *const reductions[] = {"exact", "fast", NULL};
#define AT(field) offsetof(hoop__dist_opts, field)
static const hoop_option dist_rows[] = {
    {"algorithm", HOOP_OPT_ENUM, AT(algorithm), "auto", 0, 0, algorithms, false, "of collectives"},
    {"reduce", HOOP_OPT_ENUM, AT(reduce), "exact", 0, 0, reductions, true,
     "exact: the same bits on any number of ranks; fast: sums of floats"},
    {"bucket_mb", HOOP_OPT_FLOAT, AT(bucket_mb), "4", 0.001, 65536, NULL, false, "MiB of gradients reduced at once"},
    {"timeout_s", HOOP_OPT_FLOAT, AT(timeout_s), "300", 0.1, 1e6, NULL, false,
     "seconds a wait for other ranks lasts while nothing moves; then it gives up and names who is silent"},
};
#undef AT
const hoop_option_table hoop__dist_options = {"dist", dist_rows, (int)(sizeof dist_rows / sizeof dist_rows[0])};

#define AT(field) offsetof(hoop__memory_opts, field)
static const hoop_option memory_rows[] = {
    {"limit", HOOP_OPT_FLOAT, AT(limit), "auto", 0, 1e9, NULL, false,
     "MiB that tensors of a rank may take, for each of up to four shapes of a step that are kept: as many leaves run at once as "
     "keep "
     "to it, and one that cannot is an error; auto: 256 for leaves at once, and any for one; 0: one by one, and any"},
};
#undef AT
const hoop_option_table hoop__memory_options = {"memory", memory_rows, (int)(sizeof memory_rows / sizeof memory_rows[0])};

hoop_status hoop_train_comm_opts(const hoop_config *config, hoop_error *err, hoop_comm_opts *out)
{
    static const hoop_algorithm of[] = {HOOP_ALGORITHM_AUTO, HOOP_ALGORITHM_RING, HOOP_ALGORITHM_MPI}; /* as in algorithms[] */
    hoop__dist_opts             dist = {0};
    hoop_status                 st   = hoop_config_fill(config, &hoop__dist_options, err, &dist);
    if (st == HOOP_OK) *out = (hoop_comm_opts){.algorithm = of[dist.algorithm], .timeout_s = dist.timeout_s};
    return st;
}

/* where statistics are of a leaf: samples of one at least, by default, and below which a warning says so */
enum { LEAF_SAMPLES = 32, FEW_SAMPLES = 16 };

static int divisors(int64_t v)
{
    int n = 0;
    for (int64_t d = 1; d * d <= v; d++) n += v % d != 0 ? 0 : d * d == v ? 1 : 2;
    return n;
}

/* the number up to `most` that most numbers of ranks divide */
static int64_t leaves_up_to(int64_t batch, int64_t most)
{
    int64_t best          = 1;
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

int64_t hoop_leaves_auto(int64_t batch)
{
    return leaves_up_to(batch, batch / 16 > 4 ? batch / 16 : 4);
}

/* Is there a rank for every leaf, and what would do? */
static hoop_status check_leaves(hoop_trainer *tr, hoop_error *err)
{
    int     size = hoop_comm_size(tr->comm);
    int64_t fit  = size;
    if (tr->plan->run.leaves == HOOP_OPT_AUTO) {
        tr->plan->auto_leaves = true;
        tr->plan->run.leaves  = hoop_leaves_auto(tr->plan->run.batch);
    }
    tr->status.batch  = tr->plan->run.batch;
    tr->status.leaves = tr->plan->run.leaves;
    if (size <= tr->plan->run.leaves) return HOOP_OK;
    for (int64_t v = size, best = 0; v < 2 * (int64_t)size && v <= tr->plan->run.batch; v++) {
        if (divisors(v) > best) {
            best = divisors(v);
            fit  = v;
        }
    }
    if (size > tr->plan->run.batch) {
        return hoop_config_fail(tr->config, "batch", err,
                                "%d ranks for a batch of %lld: there is no sample for each; start fewer ranks or raise batch",
                                size, (long long)tr->plan->run.batch);
    }
    return hoop_config_fail(
        tr->config, "leaves", err,
        "%d ranks and %lld leaves: every rank needs one; `leaves: %lld` would do (it decides bits), or fewer ranks", size,
        (long long)tr->plan->run.leaves, (long long)fit);
}

/* Does a module take statistics of a leaf's samples? */
static bool over_leaf(const hoop_module *m)
{
    if (hoop_module_kind_of(m)->over_leaf) return true;
    for (const hoop_module *c = hoop_module_first(m); c != NULL; c = hoop_module_next(c))
        if (over_leaf(c)) return true;
    return false;
}
static bool statistics_over_leaf(const hoop_trainer *tr)
{
    return tr->model != NULL ? over_leaf(hoop_model_root(tr->model)) : hoop_params_running_count(tr->params) > 0;
}

hoop_status hoop__plan_model_leaves(hoop_trainer *tr, hoop_error *err)
{
    if (!tr->plan->auto_leaves || !statistics_over_leaf(tr)) return HOOP_OK;
    tr->plan->run.leaves = leaves_up_to(tr->plan->run.batch, tr->plan->run.batch / LEAF_SAMPLES);
    return check_leaves(tr, err);
}

void hoop__plan_note_leaves(const hoop_trainer *tr)
{
    const int64_t leaves = tr->plan->run.leaves, each = tr->plan->run.batch / leaves;
    const int64_t rest = tr->data->train == NULL ? 0 : hoop_dataset_about(tr->data->train)->length % tr->plan->run.batch;
    if (hoop_comm_rank(tr->comm) != 0 || tr->opts.evaluate_only || !statistics_over_leaf(tr)) return;
    if (each < FEW_SAMPLES)
        hoop__note(
            tr,
            "warning: batch_norm takes statistics of a leaf, and %lld samples in %lld leaves are %lld a leaf; %d or more are "
            "wanted: fewer leaves, or a larger batch",
            (long long)tr->plan->run.batch, (long long)leaves, (long long)each, FEW_SAMPLES);
    else if (rest > 0 && rest / leaves < FEW_SAMPLES)
        hoop__note(tr,
                   "warning: batch_norm takes statistics of a leaf, and the last step of an epoch has %lld samples for %lld "
                   "lea%s; a batch that divides the samples, or leaves less behind, has %d or more in each",
                   (long long)rest, (long long)leaves, leaves == 1 ? "f" : "ves", FEW_SAMPLES);
}

static hoop_status check_options(hoop_trainer *tr, hoop_error *err)
{
    if (tr->opts.evaluate_only) return HOOP_OK;
    if ((tr->plan->run.epochs > 0) == (tr->plan->run.steps > 0)) {
        return hoop_config_fail(tr->config, tr->plan->run.epochs > 0 ? "steps" : "epochs", err,
                                "one of epochs and steps is wanted, %s",
                                tr->plan->run.epochs > 0 ? "not both" : "such as epochs: 10");
    }
    if (tr->opts.arrays && tr->plan->run.steps == 0)
        return hoop_config_fail(tr->config, "epochs", err, "steps on the caller's arrays have no epochs; give steps");
    if (tr->plan->run.clip_norm > 0.0 && tr->plan->run.clip_value > 0.0)
        return hoop_config_fail(tr->config, "clip_value", err, "one of clip_norm and clip_value is wanted, not both");
    return hoop__optim_read(tr, err);
}

hoop_status hoop__plan_read(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st;
    hoop__schema_init(tr);
    HOOP_TRY(st, done, hoop_config_read(tr->config, &tr->plan->schema, err));
    tr->dtype = tr->plan->run.precision == 1 ? HOOP_F64 : HOOP_F32;
    HOOP_TRY(st, done, hoop__specs_read(tr->config, &tr->plan->data, err, &tr->plan->specs));
    HOOP_TRY(st, done, hoop__data_fields(tr, err));
    HOOP_TRY(st, done, hoop__model_check(tr, err));
    HOOP_TRY(st, done, check_options(tr, err));
    HOOP_TRY(st, done, check_leaves(tr, err));
    HOOP_TRY(st, done, hoop__schema_resolve(tr, err));
    tr->plan->exact = tr->plan->dist.reduce == HOOP__REDUCE_EXACT;
done:
    return st;
}

const hoop_loss_kind *hoop__plan_loss(const hoop_trainer *tr)
{
    return hoop_loss_get(tr->plan->loss.kind);
}

void hoop__plan_clear(hoop__plan *plan)
{
    hoop_config_chosen_clear(&plan->kind);
    hoop_config_chosen_clear(&plan->loss);
    hoop_config_chosen_clear(&plan->optim);
    hoop_config_chosen_clear(&plan->schedule);
    free(plan->groups);
    free(plan->group_memory);
    free(plan->inits);
    free(plan->init_memory);
    free(plan->own_inits);
    free(plan->resolved);
}

hoop_runtime_opts hoop__plan_runtime(const hoop_trainer *tr)
{
    const hoop__run_opts *run  = &tr->plan->run;
    const char           *here = getenv("HOOP_ISA"); /* of hosts that differ, one may be told apart */
    const char           *isa  = run->isa != 0 ? isas[run->isa] : here != NULL && *here != '\0' ? here : NULL;
    return (hoop_runtime_opts){.isa = isa, .blas = run->gemm == 1, .threads = tr->status.threads};
}

int64_t hoop__plan_leaf_rows(const hoop_trainer *tr)
{
    return (tr->plan->run.batch + tr->plan->run.leaves - 1) / tr->plan->run.leaves;
}
