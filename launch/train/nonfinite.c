/* Where a loss or a gradient is not finite: is it the data? Nothing of this runs before. */
#include "train/data.h"
#include "train/labels.h"
#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The first of n values that is not finite; -1: there is none. */
static int64_t first_of(const void *values, hoop_dtype dtype, int64_t n)
{
    for (int64_t i = 0; values != NULL && i < n; i++) {
        if (dtype == HOOP_F64 && !isfinite(((const double *)values)[i])) return i;
        if (dtype == HOOP_F32 && !isfinite(((const float *)values)[i])) return i;
    }
    return -1;
}

/* The element as it is stored: f32 may not hold it. NaN where it cannot be read. */
static double stored(hoop_dataset *ds, int field, int64_t row, int64_t element)
{
    double *all   = malloc((size_t)hoop_dataset_about(ds)->field[field].numel * sizeof *all);
    double  value = NAN;
    if (all != NULL && hoop_dataset_read(ds, &row, 1, field, HOOP_F64, all, NULL) == HOOP_OK) value = all[element];
    free(all);
    return value;
}

/* What is wrong with element `at` of the leaf's rows of field k, which are `row` elements each. */
static void tell(hoop_dataset *ds, int k, const hoop_loader_leaf *leaf, int64_t at, int64_t row, hoop_error *found)
{
    const hoop_dataset_field *f      = &hoop_dataset_about(ds)->field[k];
    const int64_t             index  = at % row;
    int64_t                   sample = leaf->sample[at / row];
    const char               *name   = hoop_dataset_column(ds, k, index), *path;
    const double              value  = f->numel >= 0 ? stored(ds, k, sample, index) : (double)NAN;
    char                      where[128];
    path = hoop__labels_shard(ds, &sample);
    if (name != NULL)
        (void)snprintf(where, sizeof where, "in column '%.64s'", name);
    else
        (void)snprintf(where, sizeof where, "in element %lld", (long long)index);
    if (isfinite(value))
        (void)hoop_fail(found, HOOP_ENONFINITE, "%s: row %lld of %s is %g %s, beyond f32; precision: f64 can hold it", path,
                        (long long)sample, f->path, value, where);
    else
        (void)hoop_fail(found, HOOP_ENONFINITE, "%s: row %lld of %s is %s %s; leave such rows out, or give them a value", path,
                        (long long)sample, f->path,
                        isnan(value) ? "NaN"
                        : value > 0  ? "infinity"
                                     : "-infinity",
                        where);
}

void hoop__nonfinite_find(const hoop_trainer *tr, hoop_dataset *ds, const hoop_loader_leaf *leaf, hoop_error *found)
{
    for (int k = 0; k < tr->data->ninputs + tr->data->ntargets; k++) {
        const hoop_dataset_field *f   = &hoop_dataset_about(ds)->field[k];
        int64_t                   row = f->numel, at;
        if (!f->present) continue;
        if (row < 0) row = leaf->field[k].length * hoop_dataset_inner(f);
        at = first_of(leaf->field[k].data, tr->data->field[k].dtype, leaf->n * row);
        if (at < 0) continue;
        tell(ds, k, leaf, at, row, found);
        return;
    }
}

hoop_status hoop__nonfinite_agree(hoop_trainer *tr, hoop_error *found, hoop_error *err)
{
    hoop__record r = {.nsums = 0};
    hoop_status  st;
    hoop__record_clear(&r);
    if (found->status != HOOP_OK) hoop__record_error(&r, hoop_comm_rank(tr->comm), found);
    st     = hoop__record_reduce(tr, &r, "what is not finite", err);
    *found = (hoop_error){.status = HOOP_OK};
    if (st == HOOP_OK && r.error_rank != INT64_MAX) (void)hoop_fail(found, HOOP_ENONFINITE, "%s", r.error_text);
    return st;
}
