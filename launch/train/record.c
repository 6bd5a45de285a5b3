/* The record of a step: what ranks tell each other once in it, sums, verdicts, errors, in one small all-reduce. */
#include "train/step.h"

#include "train/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- its sums ---- */

/* The places of target k from sum n on, and what is kept from *kept on; returns where the next sums begin. */
static int place(const hoop_trainer *tr, int k, int n, int *kept, hoop__places *p)
{
    const hoop__field *f = hoop__target(tr, k);
    *p                   = (hoop__places){.loss = HOOP__SUM_LOSS, .kept = *kept};
    if (tr->data->ntargets > 1) {
        p->loss = n;
        n += 2;
    }
    p->units = p->loss;
    if (f->mean != NULL) p->units = n++;
    p->metrics = n;
    for (int i = 0; i < f->nsteps; i++) n += f->shown[i].use.metric->nsums;
    *kept += 4 + f->nsteps;
    return n;
}

static hoop__record *make(int nsums)
{
    hoop__record *r = calloc(1, sizeof *r + (size_t)nsums * sizeof r->sum[0]);
    if (r == NULL) return NULL;
    r->nsums = nsums;
    hoop__record_clear(r);
    return r;
}

/* of steps, and of evaluations */
static int told_metrics(const hoop__field *f, int told)
{
    return told == HOOP__TOLD_LAST ? f->nsteps : f->nshown;
}

hoop_status hoop__record_create(hoop_trainer *tr, hoop_error *err)
{
    hoop__step        *s    = tr->step;
    const int          n    = tr->data->ntargets;
    const size_t       room = n > 0 ? (size_t)n : 1;
    int                all = 0, nsums = HOOP__SUM_TARGETS;
    hoop_metric_value *value;
    for (int k = 0; k < n; k++) all += hoop__target(tr, k)->nshown;
    s->nkept   = 1;
    s->place   = calloc(room, sizeof *s->place);
    s->told[0] = calloc(HOOP__TOLD * room, sizeof **s->told);
    s->memory  = calloc((size_t)all + 1, HOOP__TOLD * sizeof *value);
    if (s->place == NULL || s->told[0] == NULL || s->memory == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for metrics");
    value = s->memory;
    for (int k = 0; k < n; k++) nsums = place(tr, k, nsums, &s->nkept, &s->place[k]);
    for (int t = 0; t < HOOP__TOLD; t++) {
        s->told[t] = s->told[0] + t * n;
        for (int k = 0; k < n; k++) {
            const hoop__field *f = hoop__target(tr, k);
            s->told[t][k]        = (hoop_target_sums){.name = f->name, .metric = value, .nmetrics = told_metrics(f, t)};
            for (int i = 0; i < s->told[t][k].nmetrics; i++, value++) {
                value->metric = f->shown[i].use.metric;
                value->name   = f->shown[i].name;
            }
        }
    }
    s->record     = make(nsums);
    s->evaluation = make(nsums);
    return s->record != NULL && s->evaluation != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "no memory for metrics");
}

void hoop__record_clear(hoop__record *r)
{
    const int64_t nsums = r->nsums;
    memset(r, 0, sizeof *r);
    r->nsums = nsums;
    hoop_exact_scalar_clear(&r->squares);
    for (int64_t i = 0; i < nsums; i++) hoop_exact_scalar_clear(&r->sum[i]);
    r->error_rank = INT64_MAX;
}

void hoop__record_loss(hoop__record *r, hoop_tensor *loss, int64_t samples)
{
    hoop_exact_scalar_deposit(&r->sum[HOOP__SUM_LOSS], hoop_tensor_item(loss));
    hoop_exact_scalar_deposit(&r->sum[HOOP__SUM_WEIGHT], hoop_tensor_item(hoop_loss_weight(loss)));
    r->samples += samples;
}

static void add_sums(hoop__record *r, int at, const hoop_tensor *sums, int n)
{
    double v[HOOP_METRIC_SUMS];
    if (hoop_tensor_is_poison(sums) || hoop_tensor_read(sums, v, NULL) != HOOP_OK) return;
    for (int i = 0; i < n; i++) hoop_exact_scalar_deposit(&r->sum[at + i], v[i]);
}

/* A leaf's sums were made in order of its rows, so that they do not depend on which rank has it. */
void hoop__record_targets(const hoop_leaf *leaf, hoop__record *r, hoop_error *err)
{
    hoop_trainer *tr = leaf->tr;
    for (int k = 0; k < tr->data->ntargets; k++) {
        hoop__field            *f    = hoop__target(tr, k);
        const hoop__places     *p    = &tr->step->place[k];
        const hoop__leaf_field *rows = &leaf->field[tr->data->ninputs + k];
        hoop_tensor *const     *kept = leaf->kept + p->kept;
        int                     at   = p->metrics;
        for (int i = 0; i < f->nsteps; at += f->shown[i++].use.metric->nsums)
            add_sums(r, at, kept[2 + i], f->shown[i].use.metric->nsums);
        if (kept[2 + f->nsteps] != NULL) hoop__shown_leaf(leaf, f, kept[2 + f->nsteps], kept[3 + f->nsteps], err);
        if (kept[1] != NULL)
            hoop_exact_scalar_deposit(&r->sum[p->units],
                                      hoop__targets_loss(tr, f, kept[1], rows->dtype, rows->rows, leaf->w, leaf->n));
        if (tr->data->ntargets == 1) continue;
        hoop_exact_scalar_deposit(&r->sum[p->loss], hoop_tensor_item(kept[0]));
        hoop_exact_scalar_deposit(&r->sum[p->loss + 1], hoop_tensor_item(hoop_loss_weight(kept[0])));
    }
}

void hoop__record_sums(const hoop_trainer *tr, const hoop__record *r, int told, hoop_metrics_sums *out)
{
    hoop_target_sums *t = tr->step->told[told];
    const int         n = tr->data->ntargets;
    for (int k = 0; k < n; k++) {
        const hoop__places *p  = &tr->step->place[k];
        hoop_metric_value  *v  = (hoop_metric_value *)t[k].metric;
        int                 at = p->metrics;
        t[k].loss              = hoop_exact_scalar_finish(&r->sum[p->units]);
        t[k].weight            = hoop_exact_scalar_finish(&r->sum[p->loss + 1]);
        for (int i = 0; i < t[k].nmetrics; i++) {
            hoop__shown *shown = &hoop__target(tr, k)->shown[i];
            if (i < hoop__target(tr, k)->nsteps) {
                for (int j = 0; j < v[i].metric->nsums; j++) v[i].sum[j] = hoop_exact_scalar_finish(&r->sum[at++]);
                v[i].value = v[i].metric->value(v[i].sum, 0, shown->opts);
                continue;
            }
            v[i].value   = hoop__shown_value(shown, told);
            v[i].list    = shown->numbers > 0 ? shown->list[told == HOOP__TOLD_OTHER] : NULL;
            v[i].numbers = shown->numbers;
            v[i].columns = shown->columns;
        }
    }
    *out = (hoop_metrics_sums){.loss     = n == 1 ? t[0].loss : hoop_exact_scalar_finish(&r->sum[HOOP__SUM_LOSS]),
                               .weight   = hoop_exact_scalar_finish(&r->sum[HOOP__SUM_WEIGHT]),
                               .samples  = r->samples,
                               .target   = t,
                               .ntargets = n};
}

/* ---- all ranks ---- */

void hoop__record_error(hoop__record *r, int rank, const hoop_error *why)
{
    r->error_rank = rank;
    (void)snprintf(r->error_text, sizeof r->error_text, "%s", why->text);
}

static void combine_one(hoop__record *a, const hoop__record *b)
{
    a->samples += b->samples;
    a->nonfinite += b->nonfinite;
    a->stop += b->stop;
    a->saving += b->saving;
    a->emissions += b->emissions;
    if (b->error_rank < a->error_rank) {
        a->error_rank = b->error_rank;
        memcpy(a->error_text, b->error_text, sizeof a->error_text);
    }
    hoop_exact_scalar_merge(&a->squares, &b->squares);
    for (int64_t i = 0; i < a->nsums; i++) hoop_exact_scalar_merge(&a->sum[i], &b->sum[i]);
}

static size_t bytes_of(const hoop__record *r)
{
    return sizeof *r + (size_t)r->nsums * sizeof r->sum[0];
}

static void combine(const void *ctx, void *dst, const void *src, int64_t nunits)
{
    const size_t bytes = bytes_of(dst);
    (void)ctx;
    for (int64_t i = 0; i < nunits; i++, dst = (char *)dst + bytes, src = (const char *)src + bytes) combine_one(dst, src);
}

hoop_status hoop__record_reduce(hoop_trainer *tr, hoop__record *r, const char *what, hoop_error *err)
{
    static const hoop_reducer bare = {.unit_bytes = (int64_t)sizeof(hoop__record), .combine = combine};
    hoop_status               st;
    if (hoop_comm_size(tr->comm) == 1) return HOOP_OK;
    tr->step->reducer = (hoop_reducer){.unit_bytes = (int64_t)bytes_of(r), .combine = combine}; /* outlives a step that fails */
    hoop_profile_begin(tr->rt, "record of the step, waiting", HOOP_PHASE_OTHER, 0.0);
    st = hoop_comm_all_reduce_wait(tr->comm, r, 1, r->nsums == 0 ? &bare : &tr->step->reducer, what, err);
    hoop_profile_end(tr->rt);
    return st;
}

/* the failing rank keeps its own error, the others learn whose it is */
hoop_status hoop__record_verdict(const hoop_trainer *tr, const hoop__record *r, hoop_error *err)
{
    if (r->error_rank == INT64_MAX) return HOOP_OK;
    if (tr->error.status != HOOP_OK) return hoop_fail(err, tr->error.status, "%s", tr->error.text);
    return hoop_fail(err, HOOP_EPEER, "rank %lld on host %s: %s", (long long)r->error_rank,
                     hoop_comm_host(tr->comm, (int)r->error_rank), r->error_text);
}
