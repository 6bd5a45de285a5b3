#include "train/tally.h"

#include "train/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MATRIX = 1024, MOST_TARGETS = 4096, SQUARES = 0, ABSOLUTE, VALUES, VALUES_SQUARED, SUMS };

static hoop_status make_classes(const hoop_trainer *tr, hoop_error *err, hoop__tally *t)
{
    const int64_t n    = hoop__target(tr, 0)->classes;
    const bool    all  = n <= MOST_MATRIX;
    int64_t      *from = calloc((size_t)(3 * n + (all ? n * n : 0)), sizeof *from);
    if (from == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory to count %lld classes", (long long)n);
    t->memory    = from;
    t->classes   = n;
    t->count     = from;
    t->predicted = from + n;
    t->right     = from + 2 * n;
    t->matrix    = all ? from + 3 * n : NULL;
    return HOOP_OK;
}

static hoop_status make_targets(hoop_dataset *ds, hoop_error *err, hoop__tally *t)
{
    const int64_t first = 0;
    int64_t       n     = hoop_dataset_about(ds)->field[HOOP_FIELD_Y].numel;
    if (n > MOST_TARGETS) return HOOP_OK;
    t->memory = calloc((size_t)n, SUMS * sizeof *t->sums + sizeof *t->shift + sizeof *t->error);
    if (t->memory == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for errors of %lld targets", (long long)n);
    t->targets = n;
    t->sums    = t->memory;
    t->shift   = (double *)(void *)(t->sums + SUMS * n);
    t->error   = (hoop_target_error *)(void *)(t->shift + n);
    for (int64_t i = 0; i < SUMS * n; i++) hoop_exact_scalar_clear(&t->sums[i]);
    return hoop_dataset_read(ds, &first, 1, HOOP_FIELD_Y, HOOP_F64, t->shift, err);
}

hoop_status hoop__tally_create(const hoop_trainer *tr, hoop_dataset *ds, hoop_error *err, hoop__tally *out)
{
    *out = (hoop__tally){0};
    return hoop__target(tr, 0)->loss->classes ? make_classes(tr, err, out) : make_targets(ds, err, out);
}

void hoop__tally_free(hoop__tally *t)
{
    free(t->memory);
    *t = (hoop__tally){0};
}

/* the first of the largest; -1 if any is NaN */
static int64_t largest(const void *values, hoop_dtype dtype, int64_t first, int64_t n)
{
    int64_t best = 0;
    for (int64_t c = 0; c < n; c++) {
        const double v = hoop__value_at(values, dtype, first + c);
        if (isnan(v)) return -1;
        if (v > hoop__value_at(values, dtype, first + best)) best = c;
    }
    return best;
}

static void count_classes(const hoop_trainer *tr, hoop__tally *t, const hoop_tensor *out, const int64_t *label, int64_t n)
{
    const void   *logits  = hoop_tensor_data(out);
    const int64_t classes = hoop_tensor_size(out, -1);
    for (int d = 0; d < hoop__target(tr, 0)->ndim; d++) n *= hoop__target(tr, 0)->shape[d];
    for (int64_t i = 0; i < n; i++) {
        int64_t got;
        if (label[i] < 0 || label[i] >= t->classes) continue; /* ignored, or refused by the loss */
        got = largest(logits, tr->dtype, i * classes, classes);
        t->count[label[i]]++;
        if (got < 0 || got >= t->classes) continue;
        t->predicted[got]++;
        if (got == label[i]) t->right[got]++;
        if (t->matrix != NULL) t->matrix[label[i] * t->classes + got]++;
    }
}

/* Each leaf's sums in order of its rows, so that they do not depend on which rank has it. */
static void sum_targets(const hoop_trainer *tr, hoop__tally *t, const hoop_tensor *out, const void *y, int64_t n)
{
    const void   *values = hoop_tensor_data(out);
    const double *mean   = hoop__target(tr, 0)->mean == NULL ? NULL : hoop_tensor_data(hoop__target(tr, 0)->mean),
                 *std    = hoop__target(tr, 0)->mean == NULL ? NULL : hoop_tensor_data(hoop__target(tr, 0)->std);
    for (int64_t j = 0; j < t->targets; j++) {
        double sum[SUMS] = {0};
        for (int64_t i = 0; i < n; i++) {
            const double got  = hoop__value_at(values, tr->dtype, i * t->targets + j),
                         want = hoop__value_at(y, hoop__target(tr, 0)->dtype, i * t->targets + j),
                         e = mean == NULL ? got - want : got * std[j] - (want - mean[j]), d = want - t->shift[j];
            sum[SQUARES] += e * e;
            sum[ABSOLUTE] += fabs(e);
            sum[VALUES] += d;
            sum[VALUES_SQUARED] += d * d;
        }
        for (int k = 0; k < SUMS; k++) hoop_exact_scalar_deposit(&t->sums[SUMS * j + k], sum[k]);
    }
    t->rows += n;
}

void hoop__tally_leaf(hoop_trainer *tr, hoop__tally *t, const hoop_tensor *out, const void *y, int64_t n)
{
    const uint64_t mode = hoop_fp_enter();
    if (hoop_tensor_data(out) != NULL && t->classes > 0) count_classes(tr, t, out, y, n);
    if (hoop_tensor_data(out) != NULL && t->targets > 0) sum_targets(tr, t, out, y, n);
    hoop_fp_restore(mode);
}

static void merge(const void *ctx, void *dst, const void *src, int64_t nunits)
{
    hoop_exact_scalar       *a = dst;
    const hoop_exact_scalar *b = src;
    (void)ctx;
    for (int64_t i = 0; i < nunits; i++) hoop_exact_scalar_merge(&a[i], &b[i]);
}

static hoop_target_error error_of(const hoop__tally *t, int64_t j)
{
    const double n = (double)t->rows, squares = hoop_exact_scalar_finish(&t->sums[SUMS * j + SQUARES]),
                 absolute = hoop_exact_scalar_finish(&t->sums[SUMS * j + ABSOLUTE]),
                 values   = hoop_exact_scalar_finish(&t->sums[SUMS * j + VALUES]),
                 spread   = hoop_exact_scalar_finish(&t->sums[SUMS * j + VALUES_SQUARED]) - values * values / n;
    return (hoop_target_error){sqrt(squares / n), absolute / n, spread > 0 ? 1 - squares / spread : (double)NAN};
}

hoop_status hoop__tally_reduce(hoop_trainer *tr, hoop__tally *t, hoop_error *err)
{
    static const hoop_reducer sums = {.unit_bytes = (int64_t)sizeof(hoop_exact_scalar), .combine = merge};
    const hoop_reducer       *add  = hoop_reducer_of(HOOP_I64, HOOP_SUM);
    hoop_status               st   = HOOP_OK;
    if (hoop_comm_size(tr->comm) > 1 && t->classes > 0)
        st = hoop_comm_all_reduce_wait(tr->comm, t->memory, 3 * t->classes + (t->matrix != NULL ? t->classes * t->classes : 0),
                                       add, "counts of classes", err);
    if (hoop_comm_size(tr->comm) > 1 && st == HOOP_OK && t->targets > 0)
        st = hoop_comm_all_reduce_wait(tr->comm, t->sums, SUMS * t->targets, &sums, "errors of targets", err);
    if (hoop_comm_size(tr->comm) > 1 && st == HOOP_OK) st = hoop_comm_all_reduce_wait(tr->comm, &t->rows, 1, add, "rows", err);
    for (int64_t j = 0; j < t->targets; j++) t->error[j] = error_of(t, j);
    t->told = (hoop_tally){t->classes, t->count, t->predicted, t->right, t->matrix, t->targets, t->error};
    return st;
}
