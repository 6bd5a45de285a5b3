#include "train/tally.h"

#include "train/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MATRIX = 1024, MOST_VALUES = 4096 };

static hoop_status make_classes(int64_t n, hoop_error *err, hoop__target_tally *t)
{
    const bool all  = n <= MOST_MATRIX;
    int64_t   *from = calloc((size_t)(3 * n + (all ? n * n : 0)), sizeof *from);
    if (from == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory to count %lld classes", (long long)n);
    t->memory    = from;
    t->classes   = n;
    t->count     = from;
    t->predicted = from + n;
    t->right     = from + 2 * n;
    t->matrix    = all ? from + 3 * n : NULL;
    return HOOP_OK;
}

/* Of fields and images that is too many to look at, and where rows vary there is no value j. */
static hoop_status make_values(const hoop__field *f, hoop_dataset *ds, int field, hoop_error *err, hoop__target_tally *t)
{
    const hoop_dataset_field *y     = &hoop_dataset_about(ds)->field[field];
    const int64_t             first = 0, n = y->numel;
    int64_t                   sums;
    if (y->varies || n > MOST_VALUES) return HOOP_OK;
    for (const char *const *name = f->loss->metrics; name != NULL && *name != NULL && t->nmetrics < HOOP__TALLY_METRICS; name++) {
        const hoop_metric *m = hoop_metric_find(*name);
        if (m != NULL && m->evaluation) t->metric[t->nmetrics++] = m;
    }
    if (t->nmetrics == 0) return HOOP_OK;
    sums      = n * t->nmetrics * HOOP_METRIC_SUMS;
    t->memory = calloc(1, (size_t)sums * sizeof *t->sums + (size_t)(n * (1 + t->nmetrics)) * sizeof(double) + 1);
    if (t->memory == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for errors of %lld targets", (long long)n);
    t->values = n;
    t->sums   = t->memory;
    t->origin = (double *)(void *)(t->sums + sums);
    t->value  = t->origin + n;
    for (int64_t i = 0; i < sums; i++) hoop_exact_scalar_clear(&t->sums[i]);
    return hoop_dataset_read(ds, &first, 1, field, HOOP_F64, t->origin, err);
}

hoop_status hoop__tally_create(const hoop_trainer *tr, hoop_dataset *ds, hoop_error *err, hoop__tally *out)
{
    hoop_status st = HOOP_OK;
    *out           = (hoop__tally){.n = tr->data->ntargets};
    out->target    = calloc((size_t)out->n + 1, sizeof *out->target);
    if (out->target == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory to count");
    for (int k = 0; k < out->n && st == HOOP_OK; k++) {
        const hoop__field *f = hoop__target(tr, k);
        if (f->loss->fits != NULL) continue; /* outputs and targets do not stand side by side */
        st = f->loss->classes ? make_classes(f->classes, err, &out->target[k])
                              : make_values(f, ds, tr->data->ninputs + k, err, &out->target[k]);
    }
    return st;
}

void hoop__tally_free(hoop__tally *t)
{
    for (int k = 0; k < t->n && t->target != NULL; k++) free(t->target[k].memory);
    free(t->target);
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

static void count_classes(hoop__target_tally *t, const hoop_tensor *out, const int64_t *label, int64_t ignore)
{
    const void      *logits  = hoop_tensor_data(out);
    const hoop_dtype dtype   = hoop_tensor_dtype(out);
    const int64_t    classes = hoop_tensor_size(out, -1), labels = hoop_tensor_numel(out) / classes;
    for (int64_t i = 0; i < labels; i++) {
        int64_t got;
        if (label[i] < 0 || label[i] >= t->classes || label[i] == ignore) continue; /* ignored, or refused by the loss */
        got = largest(logits, dtype, i * classes, classes);
        t->count[label[i]]++;
        if (got < 0 || got >= t->classes) continue;
        t->predicted[got]++;
        if (got == label[i]) t->right[got]++;
        if (t->matrix != NULL) t->matrix[label[i] * t->classes + got]++;
    }
}

/* Each leaf's sums in order of its rows, so that they do not depend on which rank has it. */
static void sum_values(const hoop__field *f, hoop__target_tally *t, const hoop_tensor *out, const void *y, int64_t n)
{
    hoop_metric_call c = {.rows         = n,
                          .width        = t->values,
                          .count        = 1,
                          .out          = hoop_tensor_data(out),
                          .target       = y,
                          .out_dtype    = hoop_tensor_dtype(out),
                          .target_dtype = f->dtype,
                          .scale        = f->std == NULL ? NULL : hoop_tensor_data(f->std),
                          .shift        = f->mean == NULL ? NULL : hoop_tensor_data(f->mean),
                          .origin       = t->origin};
    for (c.first = 0; c.first < t->values; c.first++)
        for (int m = 0; m < t->nmetrics; m++) {
            hoop_exact_scalar *sums                   = &t->sums[(c.first * t->nmetrics + m) * HOOP_METRIC_SUMS];
            double             leaf[HOOP_METRIC_SUMS] = {0};
            t->metric[m]->add(&c, leaf);
            for (int i = 0; i < t->metric[m]->nsums; i++) hoop_exact_scalar_deposit(&sums[i], leaf[i]);
        }
}

void hoop__tally_leaf(hoop_trainer *tr, hoop__tally *t, const hoop_leaf *leaf, int i)
{
    const uint64_t mode = hoop_fp_enter();
    for (int k = 0; k < t->n; k++) {
        const hoop__field      *f    = hoop__target(tr, k);
        const hoop__leaf_field *rows = &leaf->field[tr->data->ninputs + k];
        const hoop_tensor      *out  = hoop_tape_leaf_rows(leaf->tape, tr->step->out[f->output], i);
        hoop__target_tally     *mine = &t->target[k];
        if (hoop_tensor_data(out) == NULL) continue;
        if (mine->classes > 0) count_classes(mine, out, rows->rows, hoop_loss_ignores(f->loss, f->loss_opts));
        if (mine->values > 0) sum_values(f, mine, out, rows->rows, leaf->n);
    }
    hoop_fp_restore(mode);
}

static void merge(const void *ctx, void *dst, const void *src, int64_t nunits)
{
    hoop_exact_scalar       *a = dst;
    const hoop_exact_scalar *b = src;
    (void)ctx;
    for (int64_t i = 0; i < nunits; i++) hoop_exact_scalar_merge(&a[i], &b[i]);
}

static double value_of(const hoop__target_tally *t, int64_t j, int metric)
{
    double sums[HOOP_METRIC_SUMS] = {0};
    for (int i = 0; i < t->metric[metric]->nsums; i++)
        sums[i] = hoop_exact_scalar_finish(&t->sums[(j * t->nmetrics + metric) * HOOP_METRIC_SUMS + i]);
    return t->metric[metric]->value(sums, 1, NULL);
}

static void tell(hoop__target_tally *t)
{
    for (int64_t j = 0; j < t->values; j++)
        for (int m = 0; m < t->nmetrics; m++) t->value[j * t->nmetrics + m] = value_of(t, j, m);
    t->told = (hoop_tally){.classes   = t->classes,
                           .count     = t->count,
                           .predicted = t->predicted,
                           .right     = t->right,
                           .matrix    = t->matrix,
                           .values    = t->values,
                           .nmetrics  = t->nmetrics,
                           .metric    = t->metric,
                           .value     = t->value};
}

static hoop_status reduce_one(hoop_trainer *tr, hoop__target_tally *t, hoop_error *err)
{
    static const hoop_reducer sums = {.unit_bytes = (int64_t)sizeof(hoop_exact_scalar), .combine = merge};
    const hoop_reducer       *add  = hoop_reducer_of(HOOP_I64, HOOP_SUM);
    const int64_t             n    = t->classes;
    if (n > 0)
        return hoop_comm_all_reduce_wait(tr->comm, t->memory, 3 * n + (t->matrix != NULL ? n * n : 0), add, "counts of classes",
                                         err);
    if (t->values == 0) return HOOP_OK;
    return hoop_comm_all_reduce_wait(tr->comm, t->sums, t->values * t->nmetrics * HOOP_METRIC_SUMS, &sums, "errors of targets",
                                     err);
}

hoop_status hoop__tally_reduce(hoop_trainer *tr, hoop__tally *t, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int k = 0; k < t->n && st == HOOP_OK; k++) {
        if (hoop_comm_size(tr->comm) > 1) st = reduce_one(tr, &t->target[k], err);
        tell(&t->target[k]);
    }
    return st;
}
