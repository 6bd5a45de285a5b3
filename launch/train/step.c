/* One step: its leaves, backward, and the update that all ranks make together. */
#include "train/step.h"

#include "base/clock.h"
#include "train/data.h"
#include "train/plan.h"
#include "train/saving.h"
#include "train/watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

hoop_status hoop__step_create(hoop_trainer *tr, hoop_error *err)
{
    hoop__step *s       = tr->step;
    const int   fields  = tr->data->ninputs + tr->data->ntargets;
    const int   outputs = tr->model == NULL ? tr->data->ntargets : hoop_model_outputs(tr->model);
    hoop_status st;
    s->leaf.field = calloc((size_t)fields, sizeof *s->leaf.field);
    s->array      = calloc((size_t)fields, sizeof *s->array);
    s->in         = calloc((size_t)(tr->data->ninputs + outputs), sizeof(hoop_tensor *));
    if (s->leaf.field == NULL || s->array == NULL || s->in == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for leaves");
    s->out     = s->in + tr->data->ninputs;
    s->leaf.tr = tr;
    st         = hoop__record_create(tr, err);
    if (st == HOOP_OK) st = hoop__leaves_create(tr, err);
    s->leaf.tape = tr->tape;
    s->leaf.kept = s->plain.kept;
    return st;
}

void hoop__step_destroy(hoop_trainer *tr)
{
    hoop__step *s = tr->step;
    hoop__leaves_destroy(tr);
    hoop__hooks_destroy(tr);
    free(s->leaf.field);
    free((void *)s->array);
    free((void *)s->in);
    free(s->record);
    free(s->evaluation);
    free(s->emitted);
    free(s->place);
    free(s->told[0]);
    free(s->memory);
}

static void fail_locally(hoop_trainer *tr, const hoop_error *why)
{
    (void)hoop_fail(&tr->error, why->status, "%s", why->text);
}

/* how this step's samples fall on this rank's leaves */
static void plan_leaves(hoop_trainer *tr, int64_t samples)
{
    int64_t first;
    tr->step->nleaves =
        hoop_leaf_range(tr->plan->run.leaves, hoop_comm_rank(tr->comm), hoop_comm_size(tr->comm), &tr->step->first_leaf);
    tr->step->next_leaf     = tr->step->first_leaf;
    tr->step->last_nonempty = -1;
    tr->step->samples       = samples;
    for (int64_t i = tr->step->first_leaf; i < tr->step->first_leaf + tr->step->nleaves; i++) {
        if (hoop_leaf_samples(samples, tr->plan->run.leaves, i, &first) > 0) tr->step->last_nonempty = i;
    }
}

/* The rows of the next step; once more those of this one, unless they are held */
static void begin_rows(hoop_trainer *tr)
{
    const bool       reads = tr->data->loader != NULL && !tr->opts.arrays;
    hoop_loader_step step  = {.n = tr->plan->run.batch};
    hoop_error       err   = {.status = HOOP_OK};
    hoop_status      st    = HOOP_OK;
    tr->step->weights      = tr->data->weights;
    if (tr->step->again && tr->step->held) return;
    tr->step->held     = false;
    tr->step->nweights = 0;
    hoop_profile_begin(tr->rt, "data", HOOP_PHASE_OTHER, 0.0);
    if (reads && tr->step->again) st = hoop_loader_seek(tr->data->loader, tr->status.step, &err);
    if (reads && st == HOOP_OK) st = hoop_loader_next_step(tr->data->loader, &err, &step);
    if (st != HOOP_OK) fail_locally(tr, &err);
    hoop_profile_end(tr->rt);
    plan_leaves(tr, step.n);
}

bool hoop_trainer_next_step(hoop_trainer *tr)
{
    hoop_error err = {.status = HOOP_OK};
    if (tr->status.step >= tr->status.steps || tr->status.stopped || tr->status.early_stopped) return false;
    if (tr->step->begun) return true;
    tr->step->begun     = true;
    tr->step->leaf_open = false;
    hoop_comm_set_position(tr->comm, tr->status.step, "forward and backward");
    begin_rows(tr);
    hoop__record_clear(tr->step->record);
    if (hoop_ddp_begin(tr->ddp, tr->status.step, hoop_params_grad(tr->params), &err) != HOOP_OK) fail_locally(tr, &err);
    hoop_params_zero_grad(tr->params);
    tr->status.epoch = tr->status.steps_per_epoch > 0 ? tr->status.step / tr->status.steps_per_epoch : 0;
    return true; /* after a failure too: update joins the other ranks and reports it */
}

/* a step's sum is of all its leaves */
static void check_leaf_closed(hoop_trainer *tr)
{
    if (tr->step->leaf_open && tr->error.status == HOOP_OK)
        (void)hoop_fail(&tr->error, HOOP_ESTATE, "step %lld: leaf %lld went without hoop_trainer_backward",
                        (long long)tr->status.step, (long long)tr->step->next_leaf - 1);
    tr->step->leaf_open = false;
}

/* the caller's rows of a leaf: in the run's precision, or i64 for labels and indices */
static void take_arrays(hoop_trainer *tr, hoop_leaf *leaf, int64_t n)
{
    for (int i = 0; i < tr->data->ninputs + tr->data->ntargets; i++) {
        const hoop__field *f  = &tr->data->field[i];
        hoop__leaf_field  *lf = &leaf->field[i];
        *lf = (hoop__leaf_field){.rows = tr->step->array[i], .dtype = f->dtype == HOOP_I64 ? HOOP_I64 : tr->dtype};
        if (lf->rows != NULL) tr->step->array[i] += (size_t)(n * hoop__field_numel(f)) * hoop_dtype_size(lf->dtype);
    }
    leaf->n = n;
}

static bool read_leaf(hoop_trainer *tr, hoop_loader_leaf *got)
{
    bool there;
    hoop_profile_begin(tr->rt, "data", HOOP_PHASE_OTHER, 0.0);
    there = hoop_loader_next_leaf(tr->data->loader, got);
    hoop_profile_end(tr->rt);
    return there;
}

bool hoop__step_next(hoop_trainer *tr, hoop_leaf *leaf)
{
    hoop__step      *s   = tr->step;
    hoop_loader_leaf got = {0};
    while (got.n == 0) {
        if (s->next_leaf >= s->first_leaf + s->nleaves) return false;
        if (tr->opts.arrays) {
            got.n        = hoop_leaf_samples(s->samples, tr->plan->run.leaves, s->next_leaf, &got.first);
            leaf->number = s->next_leaf;
            leaf->sample = NULL;
            leaf->w      = NULL;
            leaf->parts  = NULL;
            take_arrays(tr, leaf, got.n);
        } else if (read_leaf(tr, &got)) {
            hoop__leaf_from(leaf, &got);
        } else {
            return false;
        }
        s->next_leaf++;
    }
    return true;
}

hoop_leaf *hoop_trainer_next_leaf(hoop_trainer *tr)
{
    hoop_leaf *leaf = &tr->step->leaf;
    check_leaf_closed(tr);
    if (tr->error.status != HOOP_OK || !hoop__step_next(tr, leaf)) return NULL;
    (void)hoop_tape_reset(
        tr->tape, &(hoop_tape_key){(uint64_t)tr->plan->run.seed, (uint64_t)tr->status.step, (uint64_t)leaf->number}, NULL);
    (void)hoop_tape_set_training(tr->tape, true);
    (void)hoop_tape_set_grad(tr->tape, true);
    hoop__leaves_limit(tr, tr->tape, 1);
    leaf->training      = true;
    tr->step->running   = leaf->number;
    tr->step->leaf_open = true;
    tr->step->last      = leaf->number == tr->step->last_nonempty;
    hoop__leaf_wrap(leaf);
    return leaf;
}

static void param_ready(void *ctx, int param)
{
    hoop_trainer *tr = ctx;
    if (tr->step->looks && !tr->step->again) hoop__hooks_leaf(tr, param);
    hoop_ddp_ready(tr->ddp, param, tr->step->last);
}

static void param_ready_leaves(void *ctx, int param)
{
    hoop_ddp_ready_leaves(((hoop_trainer *)ctx)->ddp, param);
}

static void sum(void *ctx, int64_t first_block, int64_t nblocks, const void *const *terms, int nterms)
{
    (void)nterms;
    hoop_ddp_sum(((hoop_trainer *)ctx)->ddp, first_block, nblocks, terms);
}

static void poll(void *ctx)
{
    hoop_ddp_poll(((hoop_trainer *)ctx)->ddp);
}

/* What next_step has zeroed is added to where there are no exact sums. */
hoop_backward_opts hoop__step_opts(hoop_trainer *tr, int n)
{
    return (hoop_backward_opts){.ctx        = tr,
                                .ready      = n > 1 ? param_ready_leaves : param_ready,
                                .sum        = n > 1 ? sum : NULL,
                                .poll       = hoop_comm_size(tr->comm) > 1 ? poll : NULL,
                                .accumulate = !tr->plan->exact};
}

/* backward to where dist wants this leaf's gradient */
static hoop_status leaf_backward(hoop_trainer *tr, hoop_tensor *loss, hoop_error *err)
{
    const hoop_backward_opts opts = hoop__step_opts(tr, 1);
    void                    *grad = hoop_params_grad(tr->params);
    hoop_status              st   = hoop_params_use_grad(tr->params, hoop_ddp_next_leaf(tr->ddp), err);
    hoop_profile_begin(tr->rt, "engine", HOOP_PHASE_BACKWARD, 0.0);
    if (st == HOOP_OK) st = hoop_backward(tr->tape, loss, &opts, err);
    hoop_profile_end(tr->rt);
    (void)hoop_params_use_grad(tr->params, grad, NULL);
    return st;
}

void hoop__step_check_loss(hoop_tape *t, const hoop_tensor *loss)
{
    if (hoop_tensor_is_poison(loss) || hoop_loss_weight(loss) != NULL) return;
    hoop_tape_fail(
        t, HOOP_EARG,
        "hoop_trainer_backward: the loss has no weight to divide by; an op on a loss gives a plain tensor: make it one "
        "by hoop_loss(t, x, hoop_loss_weight(the loss before))");
}

void hoop__step_no_memory(const hoop_trainer *tr, hoop_error *err)
{
    if (tr->plan->memory.limit > 0.0)
        (void)hoop_fail_within(err, "memory.limit of %g MiB, which one leaf of at most %lld rows does not keep",
                               tr->plan->memory.limit, (long long)hoop__plan_leaf_rows(tr));
}

void hoop__step_failed(hoop_trainer *tr, hoop_error *err)
{
    if (err->status == HOOP_ERANGE && tr->data->train != NULL)
        (void)hoop_fail_within(err, "step %lld, data %s", (long long)tr->status.step, tr->plan->data.train);
    if (err->status == HOOP_ENOMEM) hoop__step_no_memory(tr, err);
    fail_locally(tr, err);
}

void hoop_trainer_backward(hoop_trainer *tr, hoop_tensor *loss)
{
    hoop_error err = {.status = HOOP_OK};
    if (tr->error.status != HOOP_OK) return;
    if (!tr->step->leaf_open) {
        (void)hoop_fail(&tr->error, HOOP_ESTATE, "step %lld: hoop_trainer_backward without a leaf, or twice for one",
                        (long long)tr->status.step);
        return;
    }
    tr->step->leaf_open = false;
    hoop__step_check_loss(tr->tape, loss);
    if (leaf_backward(tr, loss, &err) != HOOP_OK) {
        hoop__step_failed(tr, &err);
        return;
    }
    hoop__record_loss(tr->step->record, loss, tr->step->leaf.n);
    if (tr->step->leaf.told) hoop__record_targets(&tr->step->leaf, tr->step->record, &tr->error);
    if (hoop__emissions_take(tr, tr->tape, &err) != HOOP_OK) hoop__step_failed(tr, &err);
    if (!tr->step->leaf.told && tr->data->ntargets == 1 &&
        tr->step->place[0].units != HOOP__SUM_LOSS) /* of a loss of the caller's own we know no units */
        hoop_exact_scalar_deposit(&tr->step->record->sum[tr->step->place[0].units], hoop_tensor_item(loss));
}

static void own_squares(hoop_trainer *tr)
{
    const hoop_ddp_range *range;
    int                   n;
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int i = 0; i < n; i++)
        hoop_grad_squares(tr->params, tr->rt, range[i].first_block, range[i].nblocks, &tr->step->record->squares);
}

/* The step is read once more: it is the last one. All ranks come here together. */
static hoop_status find_cause(hoop_trainer *tr, hoop_error *found, hoop_error *err)
{
    hoop_loader_leaf leaf;
    if (tr->data->loader == NULL) return HOOP_OK; /* the caller's own arrays */
    if (hoop_loader_seek(tr->data->loader, tr->status.step, NULL) == HOOP_OK &&
        hoop_loader_next_step(tr->data->loader, NULL, NULL) == HOOP_OK) {
        while (found->status == HOOP_OK && hoop_loader_next_leaf(tr->data->loader, &leaf))
            hoop__nonfinite_find(tr, tr->data->train, &leaf, found);
    }
    return hoop__nonfinite_agree(tr, found, err);
}

static hoop_status check_finite(hoop_trainer *tr, hoop_error *err)
{
    hoop_error  found = {.status = HOOP_OK};
    hoop_status st;
    double      loss = hoop_exact_scalar_finish(&tr->step->record->sum[HOOP__SUM_LOSS]),
           weight    = hoop_exact_scalar_finish(&tr->step->record->sum[HOOP__SUM_WEIGHT]);
    if (isfinite(loss) && isfinite(weight) && tr->step->record->nonfinite == 0) return HOOP_OK;
    st = find_cause(tr, &found, err);
    if (st != HOOP_OK) return st;
    if (found.status != HOOP_OK)
        return hoop_fail(err, HOOP_ENONFINITE, "step %lld: the %s is not finite; the weights are those before it. %s",
                         (long long)tr->status.step, isfinite(loss) ? "gradient" : "loss", found.text);
    return hoop_fail(err, HOOP_ENONFINITE,
                     "step %lld: the %s is not finite (loss %g); the weights are those before it. Try a smaller optimizer.lr, or "
                     "clip_norm, and look at the data (hoop data verify)",
                     (long long)tr->status.step, isfinite(loss) ? "gradient" : "loss", loss / weight);
}

/* weights, gradients and state of n blocks, read; weights and state, written */
static double update_bytes(const hoop_trainer *tr, int64_t n)
{
    return (double)(n * HOOP_BLOCK * (3 + 2 * hoop_optim_state_count(tr->optim))) * (double)hoop_dtype_size(tr->dtype);
}

/* elements of the mean gradient, the sum times scale */
static void clip_own_values(hoop_trainer *tr, double scale)
{
    const hoop_ddp_range *range;
    int                   n;
    if (!(tr->plan->run.clip_value > 0.0) || scale == 0.0) return;
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int i = 0; i < n; i++)
        hoop_grad_clip_values(tr->params, tr->rt, range[i].first_block, range[i].nblocks, tr->plan->run.clip_value / fabs(scale));
}

static __attribute__((noinline)) hoop_status update_own(hoop_trainer *tr, hoop_error *err)
{
    const hoop_ddp_range *range;
    int                   n;
    double weight = hoop_exact_scalar_finish(&tr->step->record->sum[HOOP__SUM_WEIGHT]), scale = weight > 0.0 ? 1.0 / weight : 0.0,
           factor, momentum;
    hoop_trainer_status *s  = &tr->status;
    hoop_status          st = HOOP_OK;
    s->grad_norm            = NAN;
    if (tr->plan->run.clip_norm > 0.0) {
        s->grad_norm = sqrt(hoop_exact_scalar_finish(&tr->step->record->squares)) * scale;
        scale *= hoop_clip_factor(s->grad_norm, tr->plan->run.clip_norm);
    }
    clip_own_values(tr, scale);
    factor   = hoop_schedule_factor(tr->schedule, s->step, s->steps);
    momentum = hoop_schedule_momentum(tr->schedule, s->step, s->steps);
    if (!isnan(momentum)) hoop_optim_set_momentum(tr->optim, momentum);
    s->lr = hoop_optim_lr(tr->optim) * factor;
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        hoop_profile_begin(tr->rt, "update", HOOP_PHASE_OTHER, update_bytes(tr, range[i].nblocks));
        st = hoop_optim_update(tr->optim, tr->rt, range[i].first_block, range[i].nblocks, factor, scale, err);
        hoop_profile_end(tr->rt);
    }
    return st;
}

/* The loss and the whole gradient to the optimiser, on all ranks the same, and so are the weights it asks about next. */
static hoop_status tell(hoop_trainer *tr, bool finite, hoop_error *err)
{
    const hoop__record  *r      = tr->step->record;
    hoop_trainer_status *s      = &tr->status;
    const double         weight = hoop_exact_scalar_finish(&r->sum[HOOP__SUM_WEIGHT]),
                 factor         = hoop_schedule_factor(tr->schedule, s->step, s->steps);
    /* of samples that all have the weight 0 there is nothing to lose, and nothing moves */
    const double loss = weight > 0.0 ? hoop_exact_scalar_finish(&r->sum[HOOP__SUM_LOSS]) / weight : 0.0;
    hoop_status  st;
    s->grad_norm   = NAN;
    s->lr          = hoop_optim_lr(tr->optim) * factor;
    s->evaluations = tr->step->again ? s->evaluations + 1 : 1;
    HOOP_TRY(st, done, hoop_ddp_gather(tr->ddp, hoop_params_grad(tr->params), err));
    hoop_profile_begin(tr->rt, "update", HOOP_PHASE_OTHER, 0.0);
    st = hoop_optim_tell(tr->optim, tr->rt, finite ? loss : INFINITY, factor, weight > 0.0 ? 1.0 / weight : 0.0, err,
                         &tr->step->again);
    hoop_profile_end(tr->rt);
done:
    return st;
}

static bool is_finite(const hoop__record *r)
{
    return r->nonfinite == 0 && isfinite(hoop_exact_scalar_finish(&r->sum[HOOP__SUM_LOSS])) &&
           isfinite(hoop_exact_scalar_finish(&r->sum[HOOP__SUM_WEIGHT]));
}

/* New weights, of a step that takes one loss and gradient; or the step goes on (step->again). */
static hoop_status move_weights(hoop_trainer *tr, hoop_error *err)
{
    const uint64_t mode = hoop_fp_enter(); /* factors round */
    hoop_status    st;
    if (hoop_optim_searches(tr->optim)) {
        st = tell(tr, is_finite(tr->step->record), err);
        hoop_fp_restore(mode);
        return st;
    }
    st = update_own(tr, err);
    hoop_fp_restore(mode);
    return st == HOOP_OK ? hoop_ddp_gather(tr->ddp, hoop_params_data(tr->params), err) : st; /* fails on all ranks, if at all */
}

hoop_status hoop_trainer_update(hoop_trainer *tr, hoop_error *err)
{
    hoop_trainer_status *s      = &tr->status;
    bool                 finite = true;
    hoop_error           local  = {.status = HOOP_OK};
    const bool           first  = !tr->step->again;
    hoop_status          st;
    if (!tr->step->begun) return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_update without hoop_trainer_next_step before it");
    tr->step->begun = false;
    check_leaf_closed(tr);
    if (tr->error.status == HOOP_OK && tr->step->next_leaf <= tr->step->last_nonempty) {
        (void)hoop_fail(&tr->error, HOOP_ESTATE, "hoop_trainer_update before the last leaf of the step");
    }
    if (tr->error.status != HOOP_OK || tr->step->last_nonempty < 0) hoop_ddp_skip_all(tr->ddp);
    if (hoop_ddp_reduce(tr->ddp, &local, &finite) != HOOP_OK) {
        fail_locally(tr, &local); /* if it is ours alone, the record carries it to the others */
        HOOP_TRY(st, done, hoop_comm_check(tr->comm, err));
    }
    if (tr->plan->run.clip_norm > 0.0) own_squares(tr);
    tr->step->record->nonfinite = finite ? 0 : 1;
    tr->step->record->stop      = tr->step->stop;
    tr->step->record->saving    = hoop__save_running(tr);
    if (tr->error.status != HOOP_OK) hoop__record_error(tr->step->record, hoop_comm_rank(tr->comm), &tr->error);
    HOOP_TRY(st, done, hoop__record_reduce(tr, tr->step->record, "step record", err));
    HOOP_TRY(st, done, hoop__record_verdict(tr, tr->step->record, err));
    if (first) { /* a step is told by the weights it begins with */
        HOOP_TRY(st, done, check_finite(tr, err));
        HOOP_TRY(st, done, hoop__emissions_apply(tr, err));
        hoop__hooks_step(tr);
        hoop__record_sums(tr, tr->step->record, HOOP__TOLD_LAST, &s->last);
    }
    HOOP_TRY(st, done, move_weights(tr, err));
    if (tr->step->again) goto done;
    hoop_optim_advance(tr->optim);
    s->step++;
    s->epoch_end = s->steps_per_epoch > 0 && s->step % s->steps_per_epoch == 0;
    s->validates = hoop__watch_now(tr);
    s->stopped   = tr->step->record->stop > 0;
    if (s->first_step_s == 0.0) s->first_step_s = hoop__now_s() - tr->step->created_s;
    HOOP_TRY(st, done, hoop__save_after_step(tr, tr->step->record->saving, err));
done:
    if (st != HOOP_OK) {
        s->stopped = true;
        if (tr->error.status == HOOP_OK) (void)hoop_fail(&tr->error, st, "%s", err == NULL ? hoop_status_text(st) : err->text);
    }
    return st;
}

int64_t hoop_trainer_share(const hoop_trainer *tr, int64_t *first)
{
    int64_t first_leaf, last_first,
        n        = hoop_leaf_range(tr->plan->run.leaves, hoop_comm_rank(tr->comm), hoop_comm_size(tr->comm), &first_leaf);
    int64_t last = hoop_leaf_samples(tr->plan->run.batch, tr->plan->run.leaves, first_leaf + n - 1, &last_first);
    (void)hoop_leaf_samples(tr->plan->run.batch, tr->plan->run.leaves, first_leaf, first);
    return last_first + last - *first;
}

hoop_status hoop__step_finish(hoop_trainer *tr, hoop_error *err)
{
    hoop_leaf  *leaf;
    hoop_status st;
    do {
        (void)hoop_trainer_next_step(tr);
        check_leaf_closed(tr);
        if (hoop__trainer_forwards(tr)) hoop__step_leaves(tr);
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        st = hoop_trainer_update(tr, err);
    } while (st == HOOP_OK && tr->step->again);
    return st;
}

static hoop_status begin_on_arrays(hoop_trainer *tr, const char *call, hoop_error *err)
{
    if (!tr->opts.arrays) return hoop_fail(err, HOOP_ESTATE, "%s wants a trainer made with opts.arrays", call);
    if (hoop_trainer_next_step(tr)) return HOOP_OK;
    return tr->error.status != HOOP_OK ? hoop_fail(err, HOOP_ESTATE, "the trainer ended with an error: %s", tr->error.text)
           : tr->status.stopped
               ? hoop_fail(err, HOOP_ESTATE, "the trainer was stopped after step %lld", (long long)tr->status.step)
               : hoop_fail(err, HOOP_ESTATE, "all %lld steps of the config are done", (long long)tr->status.steps);
}

hoop_status hoop_trainer_step(hoop_trainer *tr, const void *x, const void *y, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->data->ninputs != 1 || tr->data->ntargets != 1)
        return hoop_fail(err, HOOP_EARG,
                         "hoop_trainer_step is for one input and one target, and this trainer has %d and %d: "
                         "hoop_trainer_step_fields takes them all",
                         tr->data->ninputs, tr->data->ntargets);
    HOOP_TRY(st, done, begin_on_arrays(tr, "hoop_trainer_step", err));
    tr->step->array[0] = x;
    tr->step->array[1] = y;
    st                 = hoop__step_finish(tr, err);
done:
    return st;
}

hoop_status hoop_trainer_step_fields(hoop_trainer *tr, const void *const *inputs, const void *const *targets, hoop_error *err)
{
    hoop_status st;
    HOOP_TRY(st, done, begin_on_arrays(tr, "hoop_trainer_step_fields", err));
    for (int i = 0; i < tr->data->ninputs; i++) tr->step->array[i] = inputs[i];
    for (int k = 0; k < tr->data->ntargets; k++) tr->step->array[tr->data->ninputs + k] = targets[k];
    st = hoop__step_finish(tr, err);
done:
    return st;
}
