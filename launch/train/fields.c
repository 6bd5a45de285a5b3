/* Inputs and targets by name: those of the short form, and of the caller's arrays. */
#include "train/data.h"
#include "train/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hoop_status hoop__fields_create(hoop_trainer *tr, int ninputs, int ntargets, hoop_error *err)
{
    hoop__data *d = tr->data;
    d->field      = calloc((size_t)(ninputs + ntargets), sizeof *d->field);
    if (d->field == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for inputs and targets");
    d->ninputs  = ninputs;
    d->ntargets = ntargets;
    for (int i = 0; i < ninputs; i++) {
        (void)snprintf(hoop__input(tr, i)->name, HOOP__FIELD_NAME, "x");
        hoop__input(tr, i)->dtype = tr->dtype;
    }
    for (int k = 0; k < ntargets; k++) {
        (void)snprintf(hoop__target(tr, k)->name, HOOP__FIELD_NAME, "y");
        hoop__target(tr, k)->weight   = 1;
        hoop__target(tr, k)->out_ndim = -1;
    }
    return HOOP_OK;
}

void hoop__fields_free(hoop__data *d)
{
    for (int i = 0; i < d->ninputs + d->ntargets; i++) {
        free(d->field[i].found);
        free(d->field[i].loss_opts);
        hoop__shown_free(&d->field[i]);
    }
    free(d->field);
    d->field   = NULL;
    d->ninputs = d->ntargets = 0;
}

hoop_status hoop__field_loss(const hoop_trainer *tr, hoop__field *f, const hoop_loss_kind *loss, hoop_error *err)
{
    f->loss  = loss;
    f->dtype = loss->classes ? HOOP_I64 : tr->dtype;
    if (loss->opts_size == 0) return HOOP_OK;
    f->loss_opts = calloc(1, loss->opts_size);
    if (f->loss_opts == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for the loss of %s", f->name);
    return hoop_option_defaults(&loss->options, f->loss_opts);
}

void hoop__field_shape(const hoop__field *f, int64_t n, int64_t length, int64_t full[HOOP_MAX_DIMS])
{
    full[0] = n;
    memcpy(full + 1, f->shape, (size_t)f->ndim * sizeof *full);
    if (f->varies && f->shape[0] < 0) full[1] = length;
}

/* ---- the caller's arrays ---- */

static hoop_status fill(const hoop_trainer *tr, hoop__field *f, const hoop_trainer_field *from, int least, hoop_error *err)
{
    if (from->name == NULL || from->name[0] == '\0' || strlen(from->name) >= HOOP__FIELD_NAME)
        return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: an input or target wants a name of 1 to %d bytes",
                         HOOP__FIELD_NAME - 1);
    for (const hoop__field *other = tr->data->field; other < f; other++)
        if (strcmp(other->name, from->name) == 0)
            return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: two inputs or targets are called '%s'", from->name);
    if (from->ndim < least || from->ndim >= HOOP_MAX_DIMS)
        return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: %s: ndim is %d to %d", from->name, least, HOOP_MAX_DIMS - 1);
    for (int d = 0; d < from->ndim; d++)
        if (from->shape[d] < 1 && !(d == 0 && from->shape[d] == -1 && tr->opts.evaluate_only))
            return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: %s: shape[%d] is %lld; sizes are 1 or more", from->name, d,
                             (long long)from->shape[d]);
    (void)snprintf(f->name, sizeof f->name, "%s", from->name);
    f->ndim      = from->ndim;
    f->classes   = from->classes;
    f->class_dim = from->class_dim;
    f->varies    = from->ndim > 0 && from->shape[0] < 0;
    memcpy(f->shape, from->shape, sizeof f->shape);
    return HOOP_OK;
}

static hoop_status find_loss(const char *name, const char *target, hoop_error *err, const hoop_loss_kind **out)
{
    const char           *names[64], *near;
    const hoop_loss_kind *k;
    int                   n = 0;
    *out                    = hoop_loss_find(name);
    if (*out != NULL) return HOOP_OK;
    while (n < 64 && (k = hoop_loss_get(n)) != NULL) names[n++] = k->name;
    near = hoop_nearest(name, names, n);
    return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: %s: there is no loss '%.64s'; %s %s", target, name,
                     near != NULL ? "did you mean" : "the first is", near != NULL ? near : names[0]);
}

static hoop_status named(hoop_trainer *tr, hoop_error *err)
{
    const hoop_trainer_opts *o = &tr->opts;
    hoop_status              st;
    if (!o->arrays || o->inputs == NULL || o->targets == NULL || o->input_ndim != 0 || o->target_ndim != 0 || o->classes != 0)
        return hoop_fail(
            err, HOOP_EARG,
            "hoop_trainer_opts: inputs and targets are wanted both, and without input_ndim, target_ndim and classes, "
            "which are for one of each");
    if (o->ninputs < 1 || o->ntargets < 1 || o->ninputs + o->ntargets > HOOP_DATASET_FIELDS)
        return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: %d inputs and %d targets; 1 or more of each, %d in all", o->ninputs,
                         o->ntargets, HOOP_DATASET_FIELDS);
    HOOP_TRY(st, done, hoop__fields_create(tr, o->ninputs, o->ntargets, err));
    for (int i = 0; i < o->ninputs; i++) HOOP_TRY(st, done, fill(tr, hoop__input(tr, i), &o->inputs[i], 0, err));
    for (int k = 0; k < o->ntargets; k++) {
        const hoop_trainer_field *from = &o->targets[k];
        const hoop_loss_kind     *loss = hoop__plan_loss(tr);
        HOOP_TRY(st, done, fill(tr, hoop__target(tr, k), from, o->evaluate_only ? -1 : 0, err));
        if (from->weight < 0.0 || !(from->weight <= 1e30)) {
            st = hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: %s: weight is %g; it is 0 (for 1) or more", from->name,
                           from->weight);
            goto done;
        }
        if (from->weight > 0.0) hoop__target(tr, k)->weight = from->weight;
        if (from->loss != NULL) HOOP_TRY(st, done, find_loss(from->loss, from->name, err, &loss));
        HOOP_TRY(st, done, hoop__field_loss(tr, hoop__target(tr, k), loss, err));
    }
done:
    return st;
}

static hoop_status short_form(hoop_trainer *tr, hoop_error *err)
{
    const hoop_trainer_opts *o = &tr->opts;
    hoop__field             *x, *y;
    hoop_status              st = hoop__fields_create(tr, 1, 1, err);
    if (st != HOOP_OK) return st;
    x          = hoop__input(tr, 0);
    y          = hoop__target(tr, 0);
    x->ndim    = o->input_ndim;
    y->ndim    = o->target_ndim;
    y->classes = o->classes;
    memcpy(x->shape, o->input_shape, sizeof x->shape);
    memcpy(y->shape, o->target_shape, sizeof y->shape);
    if (x->ndim < 0 || x->ndim >= HOOP_MAX_DIMS || y->ndim >= HOOP_MAX_DIMS || y->ndim < (o->evaluate_only ? -1 : 0))
        return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: input_ndim and target_ndim are 0 to %d", HOOP_MAX_DIMS - 1);
    return hoop__field_loss(tr, y, hoop__plan_loss(tr), err);
}

hoop_status hoop__fields_of_opts(hoop_trainer *tr, hoop_error *err)
{
    const bool own = tr->opts.inputs != NULL || tr->opts.targets != NULL || tr->opts.ninputs != 0 || tr->opts.ntargets != 0;
    return own ? named(tr, err) : short_form(tr, err);
}

const char *hoop__field_buffer(const hoop_trainer *tr, int k, const char *what, char out[HOOP__BUFFER_NAME])
{
    const bool input   = k < tr->data->ninputs;
    const bool several = (input ? tr->data->ninputs : tr->data->ntargets) > 1;
    (void)snprintf(out, HOOP__BUFFER_NAME, "normalize%s%s%s.%s", input ? "" : "_targets", several ? "." : "",
                   several ? tr->data->field[k].name : "", what);
    return out;
}
