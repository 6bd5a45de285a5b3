/*
 * What modules emitted for buffers (hoop_emit): summed exactly over leaves and ranks (tape/emitted.c), and after the step buffers
 * are what the sums make of them. A rank that saw none joins in where another did.
 */
#include "train/step.h"

#include <stdlib.h>

/* room for them, once; false: there is none */
static bool has_room(hoop_trainer *tr)
{
    hoop__step   *s = tr->step;
    const int64_t n = hoop_emitted_count(tr->params);
    if (s->emitted != NULL && s->nemitted == n) return true;
    free(s->emitted);
    s->nemitted = n;
    s->emitted  = calloc((size_t)n + 1, sizeof *s->emitted);
    for (int64_t i = 0; i < n && s->emitted != NULL; i++) hoop_exact_scalar_clear(&s->emitted[i]);
    return s->emitted != NULL;
}

hoop_status hoop__emissions_take(hoop_trainer *tr, const hoop_tape *t, hoop_error *err)
{
    const hoop_emission *e;
    const int            n = hoop_tape_emissions(t, &e);
    hoop_status          st;
    if (n == 0 || tr->step->again) return HOOP_OK; /* those of the weights that a step begins with count */
    if (!has_room(tr)) return hoop_fail(err, HOOP_ENOMEM, "no memory for what buffers become");
    st = hoop_emitted_add(t, tr->params, tr->step->emitted, err);
    if (st == HOOP_ENONFINITE) return hoop_fail_within(err, "step %lld", (long long)tr->status.step);
    tr->step->record->emissions += n;
    return st;
}

static void combine(const void *ctx, void *dst, const void *src, int64_t n)
{
    hoop_exact_scalar       *a = dst;
    const hoop_exact_scalar *b = src;
    (void)ctx;
    for (int64_t i = 0; i < n; i++) hoop_exact_scalar_merge(&a[i], &b[i]);
}

hoop_status hoop__emissions_apply(hoop_trainer *tr, hoop_error *err)
{
    static const hoop_reducer reducer = {.unit_bytes = (int64_t)sizeof(hoop_exact_scalar), .combine = combine};
    hoop__step               *s       = tr->step;
    hoop_error                local   = {.status = HOOP_OK};
    hoop_status               st;
    if (s->record->emissions == 0) return HOOP_OK; /* on no rank */
    if (!has_room(tr)) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for what buffers become");
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", local.text);
    if (hoop_comm_size(tr->comm) > 1)
        HOOP_TRY(st, done, hoop_comm_all_reduce_wait(tr->comm, s->emitted, s->nemitted, &reducer, "buffers", err));
    hoop_emitted_apply(tr->params, s->emitted);
done:
    return st;
}
