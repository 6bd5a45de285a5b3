/* Targets that are normalised for training (data.normalize_targets): there, back, and what they lose in the data's units. */
#include "train/data.h"

#include <stdio.h>

/* "normalize_targets.mean"; of several targets "normalize_targets.NAME.mean" */
static hoop_status add(hoop_trainer *tr, const hoop__field *f, const char *what, int64_t n, hoop_error *err, hoop_tensor **out)
{
    char name[HOOP__FIELD_NAME + 32];
    if (tr->data->ntargets == 1)
        (void)snprintf(name, sizeof name, "normalize_targets.%s", what);
    else
        (void)snprintf(name, sizeof name, "normalize_targets.%s.%s", f->name, what);
    return hoop_params_add_buffer(tr->params, name, HOOP_F64, 1, &n, err, out);
}

hoop_status hoop__targets_buffers(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int k = 0; k < tr->data->ntargets && st == HOOP_OK; k++) {
        hoop__field *f = hoop__target(tr, k);
        int64_t      n = 1;
        if (!f->normalized) continue;
        for (int d = 0; d < f->out_ndim; d++) n *= f->out_shape[d];
        HOOP_TRY(st, done, add(tr, f, "mean", n, err, &f->mean));
        HOOP_TRY(st, done, add(tr, f, "std", n, err, &f->std));
    }
done:
    return st;
}

hoop_tensor *hoop__targets_wrap(const hoop_trainer *tr, hoop_tape *tape, const hoop__field *f, hoop_dtype dtype, const void *y,
                                int64_t n, int64_t length, hoop_tensor **raw)
{
    int64_t      full[HOOP_MAX_DIMS], flat[2] = {n};
    hoop_tensor *t;
    hoop__field_shape(f, n, length, full);
    if (f->mean == NULL) return hoop_tape_samples(tape, hoop_tape_wrap(tape, dtype, f->ndim + 1, full, y));
    flat[1] = hoop_tensor_numel(f->mean);
    t       = hoop_tape_samples(tape, hoop_tape_wrap(tape, dtype, 2, flat, y));
    *raw    = t;
    if (dtype != HOOP_F64) t = hoop_cast(tape, t, HOOP_F64);
    t = hoop_sub(tape, t, f->mean);
    t = hoop_div(tape, t, f->std);
    if (tr->dtype != HOOP_F64) t = hoop_cast(tape, t, tr->dtype);
    return hoop_reshape(tape, t, f->ndim + 1, full);
}

double hoop__targets_loss(const hoop_trainer *tr, const hoop__field *f, const hoop_tensor *out, hoop_dtype dtype, const void *y,
                          const double *weights, int64_t n)
{
    const double *mean = hoop_tensor_data(f->mean), *std = hoop_tensor_data(f->std);
    const void   *values = hoop_tensor_data(out);
    uint64_t      mode   = hoop_fp_enter();
    double        sum    = 0;
    for (int64_t i = 0, w = hoop_tensor_numel(f->mean); i < n * w && values != NULL; i++)
        sum +=
            (weights == NULL ? 1.0 : weights[i / w]) * f->loss->element(hoop__value_at(values, tr->dtype, i) * std[i % w],
                                                                        hoop__value_at(y, dtype, i) - mean[i % w], f->loss_opts);
    hoop_fp_restore(mode);
    return sum;
}

void hoop__targets_units(const hoop_trainer *tr, const hoop__field *f, const void *values, int64_t n, void *out, hoop_dtype dtype)
{
    const double *mean = hoop_tensor_data(f->mean), *std = hoop_tensor_data(f->std);
    uint64_t      mode = hoop_fp_enter();
    for (int64_t i = 0, w = hoop_tensor_numel(f->mean); i < n * w; i++) {
        const double v = hoop__value_at(values, tr->dtype, i) * std[i % w] + mean[i % w];
        if (dtype == HOOP_F64)
            ((double *)out)[i] = v;
        else
            ((float *)out)[i] = (float)v;
    }
    hoop_fp_restore(mode);
}
