/* Evaluation: loss and metrics of a dataset, in evaluation mode. */
#include "train/data.h"
#include "train/plan.h"
#include "train/step.h"
#include "train/tally.h"
#include "train/watch.h"

#include <math.h>
#include <string.h>

/* What an evaluation sees: sums, and the first value that makes a loss not finite. */
typedef struct seen {
    hoop__record *record;
    hoop_error   *found;
} seen;

/* as the loader gave it */
static void find_nonfinite(hoop_trainer *tr, hoop_dataset *ds, const hoop_leaf *leaf, hoop_error *found)
{
    hoop_loader_field field[HOOP_DATASET_FIELDS] = {0};
    hoop_loader_leaf  loaded                     = {.leaf = leaf->number, .n = leaf->n, .field = field, .sample = leaf->sample};
    for (int k = 0; k < tr->data->ninputs + tr->data->ntargets; k++)
        field[k] = (hoop_loader_field){leaf->field[k].rows, leaf->field[k].length, leaf->field[k].lengths};
    hoop__nonfinite_find(tr, ds, &loaded, found);
}

/* Losses and metrics of n of the listed leaves, from `first` on. False: their rows would have been mixed. */
static bool evaluate_leaves(hoop_trainer *tr, hoop_dataset *ds, int first, int n, seen *to, hoop_error *err)
{
    hoop__step *s = tr->step;
    if (!hoop__leaves_forward(tr, &s->plain, first, n, false, false)) {
        if (n > 1 && s->one_by_one[false]) return false;
        if (hoop_tape_reset(tr->tape, NULL, err) == HOOP_ENOMEM) hoop__step_no_memory(tr, err);
        return true;
    }
    hoop__leaves_measure(tr, tr->tape, s->all.n, false);
    for (int i = 0; i < n; i++) {
        hoop_leaf *leaf = &s->listed[first + i];
        hoop__record_loss(to->record, leaf->kept[0], leaf->n);
        hoop__record_targets(leaf, to->record, err);
        if (tr->data->tally != NULL) hoop__tally_leaf(tr, tr->data->tally, leaf, i);
        if (!isfinite(hoop_tensor_item(leaf->kept[0])) && to->found->status == HOOP_OK) find_nonfinite(tr, ds, leaf, to->found);
    }
    return true;
}

static hoop_status evaluate_step(hoop_trainer *tr, hoop_dataset *ds, hoop_loader *loader, seen *to, hoop_error *err)
{
    hoop__step      *s = tr->step;
    hoop_loader_leaf leaf;
    hoop_status      st = hoop_loader_next_step(loader, err, NULL);
    s->nlisted          = 0;
    s->weights          = NULL; /* all samples are alike */
    while (st == HOOP_OK && s->nlisted < s->room && hoop_loader_next_leaf(loader, &leaf))
        if (leaf.n > 0) hoop__leaf_from(&s->listed[s->nlisted++], &leaf);
    for (int at = 0; st == HOOP_OK && at < s->nlisted;) {
        const int n = s->row_bytes > 0 ? hoop__leaves_at_once(tr, at, false) : 1;
        if (evaluate_leaves(tr, ds, at, n, to, err)) at += n;
        st = err->status;
    }
    return st;
}

/* A loss that is not finite is told, with the row it comes from where that is known. */
static hoop_status tell_nonfinite(hoop_trainer *tr, bool own, hoop_error *found, hoop_error *err)
{
    const hoop_status st = hoop__nonfinite_agree(tr, found, err);
    if (st != HOOP_OK || hoop_comm_rank(tr->comm) != 0) return st;
    if (found->status == HOOP_OK && own)
        hoop__note(tr, "warning: the validation loss of step %lld is not finite; look at the data (hoop data verify)",
                   (long long)tr->status.step);
    if (found->status != HOOP_OK && own)
        hoop__note(tr, "warning: the validation loss of step %lld is not finite; %s", (long long)tr->status.step, found->text);
    if (found->status != HOOP_OK && !own) hoop__note(tr, "warning: the loss is not finite; %s", found->text);
    return HOOP_OK;
}

/* Are rows of ds of the shapes this trainer was made for? */
static hoop_status check_rows(const hoop_trainer *tr, const hoop_dataset *ds, hoop_error *err)
{
    const hoop_dataset_info *info = hoop_dataset_about(ds);
    for (int i = 0; i < tr->data->ninputs + tr->data->ntargets; i++) {
        const hoop__field *f = &tr->data->field[i];
        if (f->ndim < 0 || !info->field[i].present ||
            (hoop__field_length(f) >= 0 && info->field[i].numel != hoop__field_numel(f)))
            return hoop_fail(err, HOOP_ESHAPE, "%s: its rows of %s are not of the shape this trainer was made for",
                             hoop_dataset_path(ds, 0, NULL), f->name);
    }
    return HOOP_OK;
}

/* Weights and their mean change places. */
static void swap_mean(hoop_trainer *tr)
{
    enum { PART = 4096 };
    char  *w = hoop_params_data(tr->params), *mean = hoop_optim_ema(tr->optim), part[PART];
    size_t left = (size_t)(hoop_params_trained(tr->params) * HOOP_BLOCK) * hoop_dtype_size(tr->dtype);
    for (size_t n; left > 0; left -= n, w += n, mean += n) {
        n = left < PART ? left : PART;
        memcpy(part, w, n);
        memcpy(w, mean, n);
        memcpy(mean, part, n);
    }
    hoop_params_touch(tr->params);
}

static hoop_status evaluate(hoop_trainer *tr, hoop_dataset *ds, hoop_error *err, hoop_metrics_sums *out)
{
    hoop_loader_opts  opts   = hoop__data_loader_opts(tr);
    hoop_loader      *loader = NULL;
    bool              own    = ds == NULL; /* the config's validation data */
    hoop_error        local = {.status = HOOP_OK}, found = {.status = HOOP_OK};
    hoop__record     *r = tr->step->evaluation;
    hoop_metrics_sums sums;
    hoop_status       st;
    if (ds == NULL) ds = tr->data->validation;
    if (ds == NULL || !hoop__trainer_forwards(tr))
        return hoop_fail(err, HOOP_ESTATE, "there is no %s to evaluate",
                         ds == NULL ? "validation data" : "forward of the caller's own model");
    st = hoop__step_outside(tr, "hoop_trainer_evaluate", err);
    if (st != HOOP_OK) return st;
    if (ds != tr->data->validation) (void)hoop__data_match(tr, ds, &local);
    if (local.status == HOOP_OK) (void)check_rows(tr, ds, &local);
    hoop_comm_set_position(tr->comm, tr->status.step, "evaluation");
    hoop__record_clear(r);
    if (local.status == HOOP_OK) (void)hoop__shown_begin(tr, &local);
    opts.end_step = (hoop_dataset_about(ds)->length + tr->plan->run.batch - 1) / tr->plan->run.batch;
    if (local.status == HOOP_OK && opts.end_step > 0 && hoop_loader_create(ds, &opts, &local, &loader) == HOOP_OK) {
        for (int64_t i = 0; i < opts.end_step && local.status == HOOP_OK; i++) {
            if (evaluate_step(tr, ds, loader, &(seen){r, &found}, &local) != HOOP_OK) break;
            if (tr->opts.progress != NULL) tr->opts.progress(tr->opts.ctx, (double)(i + 1) / (double)opts.end_step);
            hoop_comm_progress(tr->comm);
        }
    }
    hoop_loader_destroy(&loader);
    if (local.status == HOOP_ERANGE) (void)hoop_fail_within(&local, "evaluation of %s", hoop_dataset_path(ds, 0, NULL));
    if (local.status != HOOP_OK) hoop__record_error(r, hoop_comm_rank(tr->comm), &local);
    HOOP_TRY(st, done, hoop__record_reduce(tr, r, "evaluation", err));
    if (local.status != HOOP_OK)
        st = hoop_fail(err, local.status, "%s", local.text);
    else
        st = hoop__record_verdict(tr, r, err);
    if (st != HOOP_OK) goto done;
    HOOP_TRY(st, done, hoop__shown_reduce(tr, err));
    hoop__record_sums(tr, r, own ? HOOP__TOLD_VALIDATION : HOOP__TOLD_OTHER, &sums);
    if (out != NULL) *out = sums;
    if (!isfinite(sums.loss) && (!own || isfinite(tr->status.validation.loss))) /* not each epoch */
        HOOP_TRY(st, done, tell_nonfinite(tr, own, &found, err));
    if (own) {
        tr->status.validation      = sums;
        tr->status.validation_step = tr->status.step;
        hoop__watch_evaluated(tr);
    }
done:
    return st;
}

hoop_status hoop_trainer_evaluate(hoop_trainer *tr, hoop_dataset *ds, hoop_error *err, hoop_metrics_sums *out)
{
    void       *mean = tr->optim == NULL || hoop_optim_step(tr->optim) == 0 ? NULL : hoop_optim_ema(tr->optim);
    hoop_status st   = HOOP_OK;
    if (mean == NULL || tr->step->begun) return evaluate(tr, ds, err, out);
    hoop_comm_set_position(tr->comm, tr->status.step, "evaluation");
    st = hoop_ddp_gather(tr->ddp, mean, err); /* each rank has kept that of its ranges */
    if (st != HOOP_OK) return st;
    swap_mean(tr);
    st = evaluate(tr, ds, err, out);
    swap_mean(tr);
    return st;
}
