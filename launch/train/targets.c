/* Targets that are normalised for training (data.normalize_targets): there, back, and errors in the data's units. */
#include "train/data.h"
#include "train/plan.h"

#include <string.h>

/* Values of a row. */
static int64_t width(const hoop_trainer *tr)
{
    return hoop_tensor_numel(hoop__target(tr, 0)->mean);
}

hoop_status hoop__targets_buffers(hoop_trainer *tr, hoop_error *err)
{
    int            ndim;
    const int64_t *shape = hoop_trainer_output_shape(tr, &ndim);
    int64_t        n     = 1;
    hoop_status    st;
    if (tr->plan->data.normalize_targets != HOOP__TARGETS_STANDARD) return HOOP_OK;
    for (int d = 0; d < ndim; d++) n *= shape[d];
    st = hoop_params_add_buffer(tr->params, "normalize_targets.mean", HOOP_F64, 1, &n, err, &hoop__target(tr, 0)->mean);
    if (st == HOOP_OK)
        st = hoop_params_add_buffer(tr->params, "normalize_targets.std", HOOP_F64, 1, &n, err, &hoop__target(tr, 0)->std);
    return st;
}

hoop_tensor *hoop__targets_wrap(hoop_trainer *tr, hoop_dtype dtype, const void *y, int64_t n)
{
    int64_t      full[HOOP_MAX_DIMS] = {n}, flat[2] = {n};
    hoop_tensor *t;
    memcpy(full + 1, hoop__target(tr, 0)->shape, (size_t)hoop__target(tr, 0)->ndim * sizeof *full);
    if (hoop__target(tr, 0)->mean == NULL) return hoop_tape_wrap(tr->tape, dtype, hoop__target(tr, 0)->ndim + 1, full, y);
    flat[1] = width(tr);
    t       = hoop_tape_wrap(tr->tape, dtype, 2, flat, y);
    if (dtype != HOOP_F64) t = hoop_cast(tr->tape, t, HOOP_F64);
    t = hoop_div(tr->tape, hoop_sub(tr->tape, t, hoop__target(tr, 0)->mean), hoop__target(tr, 0)->std);
    if (tr->dtype != HOOP_F64) t = hoop_cast(tr->tape, t, tr->dtype);
    return hoop_reshape(tr->tape, t, hoop__target(tr, 0)->ndim + 1, full);
}

double hoop__targets_squares(const hoop_trainer *tr, const hoop_tensor *out, hoop_dtype dtype, const void *y, int64_t n)
{
    const double *mean = hoop_tensor_data(hoop__target(tr, 0)->mean), *std = hoop_tensor_data(hoop__target(tr, 0)->std);
    const void   *values = hoop_tensor_data(out);
    uint64_t      mode   = hoop_fp_enter();
    double        sum    = 0;
    for (int64_t i = 0, w = width(tr); i < n * w && values != NULL; i++) {
        const double e = hoop__value_at(values, tr->dtype, i) * std[i % w] - (hoop__value_at(y, dtype, i) - mean[i % w]);
        sum += e * e;
    }
    hoop_fp_restore(mode);
    return sum;
}

void hoop__targets_units(const hoop_trainer *tr, const void *values, int64_t n, void *out, hoop_dtype dtype)
{
    const double *mean = hoop_tensor_data(hoop__target(tr, 0)->mean), *std = hoop_tensor_data(hoop__target(tr, 0)->std);
    uint64_t      mode = hoop_fp_enter();
    for (int64_t i = 0, w = width(tr); i < n * w; i++) {
        const double v = hoop__value_at(values, tr->dtype, i) * std[i % w] + mean[i % w];
        if (dtype == HOOP_F64)
            ((double *)out)[i] = v;
        else
            ((float *)out)[i] = (float)v;
    }
    hoop_fp_restore(mode);
}
