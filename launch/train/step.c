/* One step: leaves, backward, and the update that all ranks make together. */
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void fail_locally(hoop_trainer *tr, const hoop_error *why)
{
    (void)hoop_fail(&tr->error, why->status, "%s", why->text);
}

/* how this step's samples fall on this rank's leaves */
static void plan_leaves(hoop_trainer *tr, int64_t samples)
{
    int64_t first;
    tr->nleaves       = hoop_leaf_range(tr->run.leaves, hoop_comm_rank(tr->comm), hoop_comm_size(tr->comm), &tr->first_leaf);
    tr->next_leaf     = tr->first_leaf;
    tr->last_nonempty = -1;
    tr->step_samples  = samples;
    for (int64_t i = tr->first_leaf; i < tr->first_leaf + tr->nleaves; i++) {
        if (hoop_leaf_samples(samples, tr->run.leaves, i, &first) > 0) tr->last_nonempty = i;
    }
}

bool hoop_trainer_next_step(hoop_trainer *tr)
{
    hoop_loader_step step = {.n = tr->run.batch};
    hoop_error       err  = {.status = HOOP_OK};
    if (tr->status.step >= tr->status.steps || tr->status.stopped) return false;
    if (tr->begun) return true;
    tr->begun     = true;
    tr->leaf_open = false;
    hoop_comm_set_position(tr->comm, tr->status.step, "forward and backward");
    if (tr->loader != NULL && !tr->opts.arrays && hoop_loader_next_step(tr->loader, &err, &step) != HOOP_OK)
        fail_locally(tr, &err);
    plan_leaves(tr, step.n);
    hoop__record_clear(&tr->record);
    if (hoop_ddp_begin(tr->ddp, tr->status.step, hoop_params_grad(tr->params), &err) != HOOP_OK) fail_locally(tr, &err);
    hoop_params_zero_grad(tr->params);
    tr->status.epoch = tr->status.steps_per_epoch > 0 ? tr->status.step / tr->status.steps_per_epoch : 0;
    return true; /* after a failure too: update joins the other ranks and reports it */
}

static hoop_tensor *wrap_rows(hoop_trainer *tr, hoop_dtype dtype, int ndim, const int64_t *shape, int64_t n, const void *data)
{
    int64_t full[HOOP_MAX_DIMS] = {n};
    memcpy(full + 1, shape, (size_t)ndim * sizeof *shape);
    return hoop_tape_wrap(tr->tape, dtype, ndim + 1, full, data);
}

static size_t row_bytes(hoop_dtype dtype, int ndim, const int64_t *shape)
{
    size_t n = hoop_dtype_size(dtype);
    for (int d = 0; d < ndim; d++) n *= (size_t)shape[d];
    return n;
}

/* a step's sum is of all its leaves */
static void check_leaf_closed(hoop_trainer *tr)
{
    if (tr->leaf_open && tr->error.status == HOOP_OK)
        (void)hoop_fail(&tr->error, HOOP_ESTATE, "step %lld: leaf %lld went without hoop_trainer_backward",
                        (long long)tr->status.step, (long long)tr->next_leaf - 1);
    tr->leaf_open = false;
}

hoop_leaf *hoop_trainer_next_leaf(hoop_trainer *tr)
{
    hoop_loader_leaf got = {0};
    hoop_dtype       x = tr->input_dtype, y = tr->target_dtype;
    if (tr->opts.arrays && x != HOOP_I64) x = tr->dtype;
    if (tr->opts.arrays && y != HOOP_I64) y = tr->dtype;
    check_leaf_closed(tr);
    if (tr->error.status != HOOP_OK) return NULL;
    while (got.n == 0) {
        if (tr->next_leaf >= tr->first_leaf + tr->nleaves) return NULL;
        if (tr->opts.arrays) {
            got.leaf = tr->next_leaf;
            got.n    = hoop_leaf_samples(tr->step_samples, tr->run.leaves, tr->next_leaf, &got.first);
            got.x    = tr->array_x;
            got.y    = tr->array_y;
            if (tr->array_x != NULL) tr->array_x += (size_t)got.n * row_bytes(x, tr->input_ndim, tr->input_shape);
            if (tr->array_y != NULL) tr->array_y += (size_t)got.n * row_bytes(y, tr->target_ndim, tr->target_shape);
        } else if (!hoop_loader_next_leaf(tr->loader, &got)) {
            return NULL;
        }
        tr->next_leaf++;
    }
    (void)hoop_tape_reset(tr->tape, &(hoop_tape_key){(uint64_t)tr->run.seed, (uint64_t)tr->status.step, (uint64_t)got.leaf},
                          NULL);
    (void)hoop_tape_set_training(tr->tape, true);
    (void)hoop_tape_set_grad(tr->tape, true);
    tr->leaf_open = true;
    tr->leaf.n    = got.n;
    tr->leaf.x    = wrap_rows(tr, x, tr->input_ndim, tr->input_shape, got.n, got.x);
    if (x != tr->input_dtype) tr->leaf.x = hoop_cast(tr->tape, tr->leaf.x, tr->input_dtype);
    tr->leaf.y         = hoop__targets_wrap(tr, y, got.y, got.n);
    tr->leaf.raw       = got.y;
    tr->leaf.raw_dtype = y;
    tr->leaf.units     = NAN;
    return &tr->leaf;
}

hoop_tape *hoop_leaf_tape(hoop_leaf *leaf)
{
    return leaf->tr->tape;
}

hoop_tensor *hoop_leaf_input(hoop_leaf *leaf, int i)
{
    return i == 0 ? leaf->x : NULL;
}

hoop_tensor *hoop_leaf_target(hoop_leaf *leaf, int i)
{
    return i == 0 ? leaf->y : NULL;
}

hoop_tensor *hoop_trainer_loss(hoop_trainer *tr, hoop_leaf *leaf)
{
    hoop_tensor *out;
    if (tr->model == NULL) {
        hoop_tape_fail(tr->tape, HOOP_ESTATE, "hoop_trainer_loss: the model is the caller's own");
        return NULL;
    }
    out = hoop_model_forward(tr->model, tr->tape, leaf->x);
    if (tr->run.loss == HOOP_LOSS_CROSS_ENTROPY) hoop__record_accuracy(&tr->record, out, leaf->y);
    if (tr->target_mean != NULL) leaf->units = hoop__targets_squares(tr, out, leaf->raw_dtype, leaf->raw, leaf->n);
    return hoop__model_loss(tr, out, leaf->y);
}

static void param_ready(void *ctx, int param)
{
    hoop_trainer *tr = ctx;
    hoop_ddp_ready(tr->ddp, param, tr->next_leaf - 1 == tr->last_nonempty);
}

static void poll(void *ctx)
{
    hoop_ddp_poll(((hoop_trainer *)ctx)->ddp);
}

/* backward to where dist wants this leaf's gradient; what next_step has zeroed is added to where there are no exact sums */
static hoop_status leaf_backward(hoop_trainer *tr, hoop_tensor *loss, hoop_error *err)
{
    const hoop_backward_opts opts = {
        .ctx = tr, .ready = param_ready, .poll = hoop_comm_size(tr->comm) > 1 ? poll : NULL, .accumulate = !tr->exact};
    void       *grad = hoop_params_grad(tr->params);
    hoop_status st   = hoop_params_use_grad(tr->params, hoop_ddp_next_leaf(tr->ddp), err);
    if (st == HOOP_OK) st = hoop_backward(tr->tape, loss, &opts, err);
    (void)hoop_params_use_grad(tr->params, grad, NULL);
    return st;
}

void hoop_trainer_backward(hoop_trainer *tr, hoop_tensor *loss)
{
    hoop_error err = {.status = HOOP_OK};
    if (tr->error.status != HOOP_OK) return;
    if (!tr->leaf_open) {
        (void)hoop_fail(&tr->error, HOOP_ESTATE, "step %lld: hoop_trainer_backward without a leaf, or twice for one",
                        (long long)tr->status.step);
        return;
    }
    tr->leaf_open = false;
    if (!hoop_tensor_is_poison(loss) && hoop_loss_weight(loss) == NULL)
        hoop_tape_fail(
            tr->tape, HOOP_EARG,
            "hoop_trainer_backward: the loss has no weight to divide by; an op on a loss gives a plain tensor: make it one "
            "by hoop_loss(t, x, hoop_loss_weight(the loss before))");
    if (leaf_backward(tr, loss, &err) != HOOP_OK) {
        if (err.status == HOOP_ERANGE && tr->train_set != NULL) {
            (void)hoop_fail_within(&err, "step %lld, data %s", (long long)tr->status.step, tr->data_opts.train);
        }
        fail_locally(tr, &err);
        return;
    }
    hoop__record_loss(&tr->record, loss, tr->leaf.n);
    if (tr->target_mean != NULL) /* of a loss of the caller's own we know no units */
        hoop_exact_scalar_deposit(&tr->record.units, isnan(tr->leaf.units) ? hoop_tensor_item(loss) : tr->leaf.units);
}

static void own_squares(hoop_trainer *tr)
{
    const hoop_ddp_range *range;
    int                   n;
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int i = 0; i < n; i++)
        hoop_grad_squares(tr->params, tr->rt, range[i].first_block, range[i].nblocks, &tr->record.squares);
}

/* The step is read once more: it is the last one. All ranks come here together. */
static hoop_status find_cause(hoop_trainer *tr, hoop_error *found, hoop_error *err)
{
    hoop_loader_leaf leaf;
    if (tr->loader == NULL) return HOOP_OK; /* the caller's own arrays */
    if (hoop_loader_seek(tr->loader, tr->status.step, NULL) == HOOP_OK &&
        hoop_loader_next_step(tr->loader, NULL, NULL) == HOOP_OK) {
        while (found->status == HOOP_OK && hoop_loader_next_leaf(tr->loader, &leaf))
            hoop__nonfinite_find(tr, tr->train_set, &leaf, found);
    }
    return hoop__nonfinite_agree(tr, found, err);
}

static hoop_status check_finite(hoop_trainer *tr, hoop_error *err)
{
    hoop_error  found = {.status = HOOP_OK};
    hoop_status st;
    double      loss = hoop_exact_scalar_finish(&tr->record.loss), weight = hoop_exact_scalar_finish(&tr->record.weight);
    if (isfinite(loss) && isfinite(weight) && tr->record.nonfinite == 0) return HOOP_OK;
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

static __attribute__((noinline)) void update_own(hoop_trainer *tr)
{
    const hoop_ddp_range *range;
    int                   n;
    double                weight = hoop_exact_scalar_finish(&tr->record.weight), scale = weight > 0.0 ? 1.0 / weight : 0.0;
    hoop_trainer_status  *s = &tr->status;
    s->grad_norm            = NAN;
    if (tr->run.clip_norm > 0.0) {
        s->grad_norm = sqrt(hoop_exact_scalar_finish(&tr->record.squares)) * scale;
        scale *= hoop_clip_factor(s->grad_norm, tr->run.clip_norm);
    }
    s->lr = hoop_optim_lr(tr->optim) * hoop_schedule_factor(&tr->schedule, s->step, s->steps);
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int i = 0; i < n; i++) hoop_optim_update(tr->optim, tr->rt, range[i].first_block, range[i].nblocks, s->lr, scale);
}

hoop_status hoop_trainer_update(hoop_trainer *tr, hoop_error *err)
{
    hoop_trainer_status *s      = &tr->status;
    bool                 finite = true;
    hoop_error           local  = {.status = HOOP_OK};
    uint64_t             mode;
    hoop_status          st;
    if (!tr->begun) return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_update without hoop_trainer_next_step before it");
    tr->begun = false;
    check_leaf_closed(tr);
    if (tr->error.status == HOOP_OK && tr->next_leaf <= tr->last_nonempty) {
        (void)hoop_fail(&tr->error, HOOP_ESTATE, "hoop_trainer_update before the last leaf of the step");
    }
    if (tr->error.status != HOOP_OK || tr->last_nonempty < 0) hoop_ddp_skip_all(tr->ddp);
    if (hoop_ddp_reduce(tr->ddp, &local, &finite) != HOOP_OK) {
        fail_locally(tr, &local); /* if it is ours alone, the record carries it to the others */
        HOOP_TRY(st, done, hoop_comm_check(tr->comm, err));
    }
    if (tr->run.clip_norm > 0.0) own_squares(tr);
    tr->record.nonfinite = finite ? 0 : 1;
    tr->record.stop      = tr->stop;
    tr->record.saving    = hoop__save_running(tr);
    if (tr->error.status != HOOP_OK) hoop__record_error(&tr->record, hoop_comm_rank(tr->comm), &tr->error);
    HOOP_TRY(st, done, hoop__record_reduce(tr, &tr->record, "step record", err));
    HOOP_TRY(st, done, hoop__record_verdict(tr, &tr->record, err));
    HOOP_TRY(st, done, check_finite(tr, err));
    mode = hoop_fp_enter(); /* factors round */
    update_own(tr);
    hoop_fp_restore(mode);
    HOOP_TRY(st, done, hoop_ddp_gather(tr->ddp, hoop_params_data(tr->params), err));
    hoop_optim_advance(tr->optim);
    s->step++;
    s->epoch_end = s->steps_per_epoch > 0 && s->step % s->steps_per_epoch == 0;
    s->stopped   = tr->record.stop > 0;
    hoop__record_sums(tr, &tr->record, &s->last);
    if (s->first_step_s == 0.0) s->first_step_s = hoop__now_s() - tr->created_s;
    HOOP_TRY(st, done, hoop__save_after_step(tr, &tr->record, err));
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
        n        = hoop_leaf_range(tr->run.leaves, hoop_comm_rank(tr->comm), hoop_comm_size(tr->comm), &first_leaf);
    int64_t last = hoop_leaf_samples(tr->run.batch, tr->run.leaves, first_leaf + n - 1, &last_first);
    (void)hoop_leaf_samples(tr->run.batch, tr->run.leaves, first_leaf, first);
    return last_first + last - *first;
}

hoop_status hoop_trainer_step(hoop_trainer *tr, const void *x, const void *y, hoop_error *err)
{
    hoop_leaf *leaf;
    if (!tr->opts.arrays) return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_step wants a trainer made with opts.arrays");
    if (!hoop_trainer_next_step(tr)) {
        return tr->error.status != HOOP_OK ? hoop_fail(err, HOOP_ESTATE, "the trainer ended with an error: %s", tr->error.text)
               : tr->status.stopped
                   ? hoop_fail(err, HOOP_ESTATE, "the trainer was stopped after step %lld", (long long)tr->status.step)
                   : hoop_fail(err, HOOP_ESTATE, "all %lld steps of the config are done", (long long)tr->status.steps);
    }
    tr->array_x = x;
    tr->array_y = y;
    while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
    return hoop_trainer_update(tr, err);
}
