/* One step: leaves, backward, and the update that all ranks make together. */
#include "train/step.h"

#include "base/clock.h"
#include "train/data.h"
#include "train/plan.h"
#include "train/saving.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

hoop_status hoop__step_outside(const hoop_trainer *tr, const char *what, hoop_error *err)
{
    return tr->step->begun ? hoop_fail(err, HOOP_ESTATE, "%s inside a step: after hoop_trainer_update, please", what) : HOOP_OK;
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

bool hoop_trainer_next_step(hoop_trainer *tr)
{
    hoop_loader_step step = {.n = tr->plan->run.batch};
    hoop_error       err  = {.status = HOOP_OK};
    if (tr->status.step >= tr->status.steps || tr->status.stopped) return false;
    if (tr->step->begun) return true;
    tr->step->begun     = true;
    tr->step->leaf_open = false;
    hoop_comm_set_position(tr->comm, tr->status.step, "forward and backward");
    if (tr->data->loader != NULL && !tr->opts.arrays && hoop_loader_next_step(tr->data->loader, &err, &step) != HOOP_OK)
        fail_locally(tr, &err);
    plan_leaves(tr, step.n);
    hoop__record_clear(&tr->step->record);
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
    if (tr->step->leaf_open && tr->error.status == HOOP_OK)
        (void)hoop_fail(&tr->error, HOOP_ESTATE, "step %lld: leaf %lld went without hoop_trainer_backward",
                        (long long)tr->status.step, (long long)tr->step->next_leaf - 1);
    tr->step->leaf_open = false;
}

hoop_leaf *hoop_trainer_next_leaf(hoop_trainer *tr)
{
    hoop_loader_leaf  got      = {0};
    hoop_loader_field array[2] = {{0}};
    hoop_dtype        x = hoop__input(tr, 0)->dtype, y = hoop__target(tr, 0)->dtype;
    if (tr->opts.arrays && x != HOOP_I64) x = tr->dtype;
    if (tr->opts.arrays && y != HOOP_I64) y = tr->dtype;
    check_leaf_closed(tr);
    if (tr->error.status != HOOP_OK) return NULL;
    while (got.n == 0) {
        if (tr->step->next_leaf >= tr->step->first_leaf + tr->step->nleaves) return NULL;
        if (tr->opts.arrays) {
            got.leaf = tr->step->next_leaf;
            got.n    = hoop_leaf_samples(tr->step->samples, tr->plan->run.leaves, tr->step->next_leaf, &got.first);
            array[HOOP_FIELD_X].data = tr->step->array_x;
            array[HOOP_FIELD_Y].data = tr->step->array_y;
            got.field                = array;
            if (tr->step->array_x != NULL)
                tr->step->array_x += (size_t)got.n * row_bytes(x, hoop__input(tr, 0)->ndim, hoop__input(tr, 0)->shape);
            if (tr->step->array_y != NULL)
                tr->step->array_y += (size_t)got.n * row_bytes(y, hoop__target(tr, 0)->ndim, hoop__target(tr, 0)->shape);
        } else if (!hoop_loader_next_leaf(tr->data->loader, &got)) {
            return NULL;
        }
        tr->step->next_leaf++;
    }
    (void)hoop_tape_reset(tr->tape, &(hoop_tape_key){(uint64_t)tr->plan->run.seed, (uint64_t)tr->status.step, (uint64_t)got.leaf},
                          NULL);
    (void)hoop_tape_set_training(tr->tape, true);
    (void)hoop_tape_set_grad(tr->tape, true);
    tr->step->leaf_open = true;
    tr->step->leaf.n    = got.n;
    tr->step->leaf.x = wrap_rows(tr, x, hoop__input(tr, 0)->ndim, hoop__input(tr, 0)->shape, got.n, got.field[HOOP_FIELD_X].data);
    if (x != hoop__input(tr, 0)->dtype) tr->step->leaf.x = hoop_cast(tr->tape, tr->step->leaf.x, hoop__input(tr, 0)->dtype);
    tr->step->leaf.y         = hoop__targets_wrap(tr, y, got.field[HOOP_FIELD_Y].data, got.n);
    tr->step->leaf.raw       = got.field[HOOP_FIELD_Y].data;
    tr->step->leaf.raw_dtype = y;
    tr->step->leaf.units     = NAN;
    return &tr->step->leaf;
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

hoop_tensor *hoop__step_loss(hoop_trainer *tr, hoop_tensor *out, hoop_tensor *target)
{
    if (tr->plan->run.loss == HOOP_LOSS_CROSS_ENTROPY) return hoop_cross_entropy(tr->tape, out, target);
    if (hoop_tensor_ndim(out) != hoop_tensor_ndim(target))
        out = hoop_reshape(tr->tape, out, hoop_tensor_ndim(target), hoop_tensor_shape(target));
    return hoop_mse(tr->tape, out, target);
}

hoop_tensor *hoop_trainer_loss(hoop_trainer *tr, hoop_leaf *leaf)
{
    hoop_tensor *out;
    if (tr->model == NULL) {
        hoop_tape_fail(tr->tape, HOOP_ESTATE, "hoop_trainer_loss: the model is the caller's own");
        return NULL;
    }
    hoop_model_forward(tr->model, tr->tape, 1, &leaf->x, &out);
    if (tr->plan->run.loss == HOOP_LOSS_CROSS_ENTROPY) hoop__record_accuracy(&tr->step->record, out, leaf->y);
    if (hoop__target(tr, 0)->mean != NULL) leaf->units = hoop__targets_squares(tr, out, leaf->raw_dtype, leaf->raw, leaf->n);
    return hoop__step_loss(tr, out, leaf->y);
}

static void param_ready(void *ctx, int param)
{
    hoop_trainer *tr = ctx;
    hoop_ddp_ready(tr->ddp, param, tr->step->next_leaf - 1 == tr->step->last_nonempty);
}

static void poll(void *ctx)
{
    hoop_ddp_poll(((hoop_trainer *)ctx)->ddp);
}

/* backward to where dist wants this leaf's gradient; what next_step has zeroed is added to where there are no exact sums */
static hoop_status leaf_backward(hoop_trainer *tr, hoop_tensor *loss, hoop_error *err)
{
    const hoop_backward_opts opts = {
        .ctx = tr, .ready = param_ready, .poll = hoop_comm_size(tr->comm) > 1 ? poll : NULL, .accumulate = !tr->plan->exact};
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
    if (!tr->step->leaf_open) {
        (void)hoop_fail(&tr->error, HOOP_ESTATE, "step %lld: hoop_trainer_backward without a leaf, or twice for one",
                        (long long)tr->status.step);
        return;
    }
    tr->step->leaf_open = false;
    if (!hoop_tensor_is_poison(loss) && hoop_loss_weight(loss) == NULL)
        hoop_tape_fail(
            tr->tape, HOOP_EARG,
            "hoop_trainer_backward: the loss has no weight to divide by; an op on a loss gives a plain tensor: make it one "
            "by hoop_loss(t, x, hoop_loss_weight(the loss before))");
    if (leaf_backward(tr, loss, &err) != HOOP_OK) {
        if (err.status == HOOP_ERANGE && tr->data->train != NULL) {
            (void)hoop_fail_within(&err, "step %lld, data %s", (long long)tr->status.step, tr->plan->data.train);
        }
        fail_locally(tr, &err);
        return;
    }
    hoop__record_loss(&tr->step->record, loss, tr->step->leaf.n);
    if (hoop__target(tr, 0)->mean != NULL) /* of a loss of the caller's own we know no units */
        hoop_exact_scalar_deposit(&tr->step->record.units,
                                  isnan(tr->step->leaf.units) ? hoop_tensor_item(loss) : tr->step->leaf.units);
}

static void own_squares(hoop_trainer *tr)
{
    const hoop_ddp_range *range;
    int                   n;
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int i = 0; i < n; i++)
        hoop_grad_squares(tr->params, tr->rt, range[i].first_block, range[i].nblocks, &tr->step->record.squares);
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
    double loss = hoop_exact_scalar_finish(&tr->step->record.loss), weight = hoop_exact_scalar_finish(&tr->step->record.weight);
    if (isfinite(loss) && isfinite(weight) && tr->step->record.nonfinite == 0) return HOOP_OK;
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
    double                weight = hoop_exact_scalar_finish(&tr->step->record.weight), scale = weight > 0.0 ? 1.0 / weight : 0.0;
    hoop_trainer_status  *s = &tr->status;
    s->grad_norm            = NAN;
    if (tr->plan->run.clip_norm > 0.0) {
        s->grad_norm = sqrt(hoop_exact_scalar_finish(&tr->step->record.squares)) * scale;
        scale *= hoop_clip_factor(s->grad_norm, tr->plan->run.clip_norm);
    }
    s->lr = hoop_optim_lr(tr->optim) * hoop_schedule_factor(&tr->plan->schedule, s->step, s->steps);
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
    tr->step->record.nonfinite = finite ? 0 : 1;
    tr->step->record.stop      = tr->step->stop;
    tr->step->record.saving    = hoop__save_running(tr);
    if (tr->error.status != HOOP_OK) hoop__record_error(&tr->step->record, hoop_comm_rank(tr->comm), &tr->error);
    HOOP_TRY(st, done, hoop__record_reduce(tr, &tr->step->record, "step record", err));
    HOOP_TRY(st, done, hoop__record_verdict(tr, &tr->step->record, err));
    HOOP_TRY(st, done, check_finite(tr, err));
    mode = hoop_fp_enter(); /* factors round */
    update_own(tr);
    hoop_fp_restore(mode);
    HOOP_TRY(st, done, hoop_ddp_gather(tr->ddp, hoop_params_data(tr->params), err));
    hoop_optim_advance(tr->optim);
    s->step++;
    s->epoch_end = s->steps_per_epoch > 0 && s->step % s->steps_per_epoch == 0;
    s->stopped   = tr->step->record.stop > 0;
    hoop__record_sums(tr, &tr->step->record, &s->last);
    if (s->first_step_s == 0.0) s->first_step_s = hoop__now_s() - tr->step->created_s;
    HOOP_TRY(st, done, hoop__save_after_step(tr, tr->step->record.saving, err));
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
    tr->step->array_x = x;
    tr->step->array_y = y;
    while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
    return hoop_trainer_update(tr, err);
}
