#include "train/augment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/data.h"
#include "train/plan.h"

const hoop_config_free hoop__augment_key = {"data.augment", true,
                                            "what is done to samples in training, in this order, such as [{flip: horizontal}, "
                                            "{crop: {padding: 4}}]: each sample's own in each epoch; "
                                            "hoop train --help augment lists them",
                                            NULL};

struct hoop__augment {
    uint64_t           seed;
    int                n, nfields;
    hoop_augment_rows  field[HOOP_DATASET_FIELDS];
    hoop_augment_space space;
    hoop_augment_use   use[];
};

void hoop__augment_free(hoop__augment **a)
{
    if (*a != NULL) free((*a)->space.data);
    free(*a);
    *a = NULL;
}

/* ---- the config ---- */

static hoop_status unknown(const hoop_value *item, const char *name, hoop_error *err)
{
    const char              *names[64], *near;
    const hoop_augment_kind *k;
    char                     list[HOOP_ERROR_TEXT / 2] = "";
    size_t                   at                        = 0;
    int                      n                         = 0;
    while (n < 64 && (k = hoop_augment_get(n)) != NULL) names[n++] = k->name;
    near = hoop_nearest(name, names, n);
    if (near != NULL) return hoop_value_fail(item, err, "there is no '%.64s'; did you mean %s?", name, near);
    for (int i = 0; i < n && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i == 0 ? "" : ", ", names[i]);
    return hoop_value_fail(item, err, "there is no '%.64s'; there are %s", name, list);
}

/* `flip`, {flip: horizontal} or {flip: {axis: horizontal}} */
static hoop_status read_item(const hoop_value *item, hoop_augment_use *use, hoop_error *err)
{
    const bool               map  = hoop_value_get_kind(item) == HOOP_VALUE_MAP && hoop_value_count(item) == 1;
    const char              *name = map ? hoop_value_key(item, 0) : hoop_value_text(item);
    const hoop_value        *opts = map ? hoop_value_at(item, 0) : NULL;
    const hoop_option_table *t;
    hoop_status              st;
    if (name == NULL) return hoop_value_fail(item, err, "is a name, or one with options, such as {crop: {padding: 4}}");
    use->kind = hoop_augment_find(name);
    if (use->kind == NULL) return unknown(item, name, err);
    t  = &use->kind->options;
    st = hoop_option_defaults(t, use->opts);
    if (st != HOOP_OK || hoop_value_get_kind(opts) == HOOP_VALUE_NULL) return st;
    if (hoop_value_get_kind(opts) == HOOP_VALUE_MAP) return hoop_value_fill(opts, t, err, use->opts);
    return hoop_value_parse(opts, &t->rows[0], err, use->opts);
}

hoop_status hoop__augment_read(hoop_trainer *tr, hoop_error *err)
{
    const hoop_value *list = hoop_config_get(tr->config, hoop__augment_key.path);
    const bool        one  = hoop_value_get_kind(list) != HOOP_VALUE_LIST;
    const int         n    = one ? 1 : hoop_value_count(list);
    hoop__augment    *a;
    hoop_status       st = HOOP_OK;
    if (hoop_value_get_kind(list) == HOOP_VALUE_NULL || n == 0) return HOOP_OK;
    if (tr->opts.arrays && !tr->opts.evaluate_only)
        return hoop_value_fail(list, err, "is done to data of a config, and samples are the caller's arrays; take it out");
    a = calloc(1, sizeof *a + (size_t)n * sizeof *a->use);
    if (a == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for data.augment");
    a->n              = n;
    a->seed           = (uint64_t)tr->plan->run.seed;
    tr->data->augment = a;
    for (int i = 0; i < n && st == HOOP_OK; i++) st = read_item(one ? list : hoop_value_at(list, i), &a->use[i], err);
    return st;
}

/* ---- leaves ---- */

static hoop_status change(void *ctx, const hoop_loader_change *c, hoop_error *err)
{
    hoop__augment          *a    = ctx;
    const hoop_augment_leaf leaf = {.seed    = a->seed,
                                    .epoch   = c->epoch,
                                    .n       = c->n,
                                    .sample  = c->sample,
                                    .nfields = a->nfields,
                                    .field   = a->field,
                                    .parts   = c->extra};
    for (int k = 0; k < a->nfields; k++) {
        a->field[k].data   = c->data[k];
        a->field[k].length = c->length[k];
    }
    return hoop_augment_apply(a->use, a->n, &leaf, &a->space, err);
}

static hoop_status fail_at(const hoop_trainer *tr, int i, hoop_error *err, const char *why)
{
    const hoop_value *list = hoop_config_get(tr->config, hoop__augment_key.path);
    return hoop_value_fail(hoop_value_get_kind(list) == HOOP_VALUE_LIST ? hoop_value_at(list, i) : list, err, "%s", why);
}

/* Who mixes samples of a leaf needs two in each. */
static hoop_status check_leaves(const hoop_trainer *tr, const hoop__augment *a, hoop_error *err)
{
    const int64_t batch = tr->plan->run.batch, leaves = tr->plan->run.leaves;
    char          why[256];
    for (int i = 0; i < a->n; i++) {
        if ((a->use[i].kind->what & HOOP_AUGMENT_MIXES) == 0 || batch / leaves >= 2) continue;
        (void)snprintf(why, sizeof why,
                       "%s mixes samples of one leaf, and a batch of %lld in %lld leaves has leaves of one; at most %lld leaves "
                       "are wanted, or a batch of %lld",
                       a->use[i].kind->name, (long long)batch, (long long)leaves, (long long)(batch < 2 ? 1 : batch / 2),
                       (long long)(2 * leaves));
        return fail_at(tr, i, err, why);
    }
    return HOOP_OK;
}

int hoop__augment_parts(const hoop_trainer *tr)
{
    return tr->data->augment == NULL ? 1 : hoop_augment_parts(tr->data->augment->use, tr->data->augment->n);
}

/* Labels that are mixed want a loss that is made of samples, and the trainer's. */
static hoop_status take_parts(hoop_trainer *tr, const hoop__augment *a, hoop_error *err)
{
    char why[256];
    int  mixes = 0;
    while (mixes < a->n && (a->use[mixes].kind->what & HOOP_AUGMENT_MIXES) == 0) mixes++;
    for (int k = tr->data->ninputs; k < a->nfields; k++) {
        hoop__field *f = &tr->data->field[k];
        f->in_parts    = hoop_augment_in_parts(a->use, a->n, a->field, a->nfields, k);
        if (!f->in_parts || (f->loss->weighted != NULL && hoop__trainer_forwards(tr))) continue;
        (void)snprintf(why, sizeof why, "%s mixes labels, and %s%s", a->use[mixes].kind->name,
                       f->loss->weighted == NULL ? f->loss->name : "the loss of a loop of the caller's own",
                       f->loss->weighted == NULL ? " is not made of samples that could have shares" : " sees none of that");
        return fail_at(tr, mixes, err, why);
    }
    return HOOP_OK;
}

hoop_status hoop__augment_load(hoop_trainer *tr, hoop_loader_opts *opts, hoop_error *err)
{
    hoop__augment *a   = tr->data->augment;
    hoop_error     why = {.status = HOOP_OK};
    int            bad = 0;
    if (a == NULL) return HOOP_OK;
    a->nfields = tr->data->ninputs + tr->data->ntargets;
    for (int k = 0; k < a->nfields; k++) {
        const hoop__field *f = &tr->data->field[k];
        a->field[k]          = (hoop_augment_rows){.dtype  = f->dtype,
                                                   .target = k >= tr->data->ninputs,
                                                   .varies = f->varies,
                                                   .ndim   = f->ndim,
                                                   .shape  = f->shape,
                                                   .boxes  = k >= tr->data->ninputs && f->loss->boxes};
    }
    if (hoop_augment_check(a->use, a->n, a->field, a->nfields, &why, &bad) != HOOP_OK) return fail_at(tr, bad, err, why.text);
    if (check_leaves(tr, a, err) != HOOP_OK || take_parts(tr, a, err) != HOOP_OK) return HOOP_ECONFIG;
    if (hoop__augment_parts(tr) > 1) opts->extra = hoop__augment_parts(tr) * (int64_t)sizeof(hoop_augment_part);
    opts->change     = change;
    opts->change_ctx = a;
    return HOOP_OK;
}
