/* The record of a step: what ranks tell each other once in it, sums, verdicts, errors, in one small all-reduce. */
#include "train/step.h"

#include "train/data.h"

#include <stdio.h>
#include <string.h>

void hoop__record_clear(hoop__record *r)
{
    memset(r, 0, sizeof *r);
    hoop_exact_scalar_clear(&r->loss);
    hoop_exact_scalar_clear(&r->weight);
    hoop_exact_scalar_clear(&r->correct);
    hoop_exact_scalar_clear(&r->counted);
    hoop_exact_scalar_clear(&r->squares);
    hoop_exact_scalar_clear(&r->units);
    r->error_rank = INT64_MAX;
}

void hoop__record_loss(hoop__record *r, hoop_tensor *loss, int64_t samples)
{
    hoop_exact_scalar_deposit(&r->loss, hoop_tensor_item(loss));
    hoop_exact_scalar_deposit(&r->weight, hoop_tensor_item(hoop_loss_weight(loss)));
    r->samples += samples;
}

/* Is x[label] the largest, and the first of these? Not if any is NaN. */
#define IS_LARGEST(T)                                                                                                            \
    static bool is_largest_##T(const T *x, int64_t n, int64_t label)                                                             \
    {                                                                                                                            \
        const T v    = x[label];                                                                                                 \
        int     more = 0;                                                                                                        \
        for (int64_t c = 0; c < label; c++) more |= !(x[c] < v);                                                                 \
        for (int64_t c = label; c < n; c++) more |= !(x[c] <= v);                                                                \
        return more == 0;                                                                                                        \
    }
IS_LARGEST(float)
IS_LARGEST(double)

/* rows whose largest logit stands at the label; rows to be ignored are not counted */
void hoop__record_accuracy(hoop__record *r, hoop_tensor *logits, hoop_tensor *label)
{
    int64_t        classes = hoop_tensor_size(logits, -1), n = hoop_tensor_numel(label), right = 0, seen = 0;
    const int64_t *want = hoop_tensor_data(label);
    const void    *data = hoop_tensor_data(logits);
    bool           f32  = hoop_tensor_dtype(logits) == HOOP_F32;
    if (data == NULL || want == NULL || classes < 1) return;
    for (int64_t i = 0; i < n; i++) {
        if (want[i] == HOOP_IGNORE_LABEL) continue;
        seen++;
        if (want[i] < 0 || want[i] >= classes) continue; /* the loss refuses it */
        right += f32 ? is_largest_float((const float *)data + i * classes, classes, want[i])
                     : is_largest_double((const double *)data + i * classes, classes, want[i]);
    }
    hoop_exact_scalar_deposit(&r->correct, (double)right);
    hoop_exact_scalar_deposit(&r->counted, (double)seen);
}

void hoop__record_error(hoop__record *r, int rank, const hoop_error *why)
{
    r->error_rank = rank;
    (void)snprintf(r->error_text, sizeof r->error_text, "%s", why->text);
}

static void combine(const void *ctx, void *dst, const void *src, int64_t nunits)
{
    hoop__record       *a = dst;
    const hoop__record *b = src;
    (void)ctx;
    for (int64_t i = 0; i < nunits; i++, a++, b++) {
        hoop_exact_scalar_merge(&a->loss, &b->loss);
        hoop_exact_scalar_merge(&a->weight, &b->weight);
        hoop_exact_scalar_merge(&a->correct, &b->correct);
        hoop_exact_scalar_merge(&a->counted, &b->counted);
        hoop_exact_scalar_merge(&a->squares, &b->squares);
        hoop_exact_scalar_merge(&a->units, &b->units);
        a->samples += b->samples;
        a->nonfinite += b->nonfinite;
        a->stop += b->stop;
        a->saving += b->saving;
        if (b->error_rank < a->error_rank) {
            a->error_rank = b->error_rank;
            memcpy(a->error_text, b->error_text, sizeof a->error_text);
        }
    }
}

hoop_status hoop__record_reduce(hoop_trainer *tr, hoop__record *r, const char *what, hoop_error *err)
{
    static const hoop_reducer reducer = {.unit_bytes = (int64_t)sizeof(hoop__record), .combine = combine};
    if (hoop_comm_size(tr->comm) == 1) return HOOP_OK;
    return hoop_comm_all_reduce_wait(tr->comm, r, 1, &reducer, what, err);
}

void hoop__record_sums(const hoop_trainer *tr, const hoop__record *r, hoop_metrics_sums *out)
{
    out->loss    = hoop_exact_scalar_finish(hoop__target(tr, 0)->mean != NULL ? &r->units : &r->loss);
    out->weight  = hoop_exact_scalar_finish(&r->weight);
    out->correct = hoop_exact_scalar_finish(&r->correct);
    out->counted = hoop_exact_scalar_finish(&r->counted);
    out->samples = r->samples;
}

/* the failing rank keeps its own error, the others learn whose it is */
hoop_status hoop__record_verdict(const hoop_trainer *tr, const hoop__record *r, hoop_error *err)
{
    if (r->error_rank == INT64_MAX) return HOOP_OK;
    if (tr->error.status != HOOP_OK) return hoop_fail(err, tr->error.status, "%s", tr->error.text);
    return hoop_fail(err, HOOP_EPEER, "rank %lld on host %s: %s", (long long)r->error_rank,
                     hoop_comm_host(tr->comm, (int)r->error_rank), r->error_text);
}
