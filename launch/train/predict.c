/* A trained model's outputs for rows, in the data's units. */
#include "train/trainer.h"

#include <stdlib.h>
#include <string.h>

static int64_t product(int ndim, const int64_t *shape)
{
    int64_t n = 1;
    for (int d = 0; d < ndim; d++) n *= shape[d];
    return n;
}

hoop_dtype hoop__predict_dtype(const hoop_trainer *tr)
{
    return tr->target_mean != NULL ? HOOP_F64 : tr->dtype;
}

/* one forward pass: into `row` values of the run's precision each */
static hoop_status forward(hoop_trainer *tr, const hoop__rows *in, int64_t n, void *out, hoop_error *err)
{
    int64_t      shape[HOOP_MAX_DIMS] = {n};
    hoop_tensor *x, *y;
    memcpy(shape + 1, tr->input_shape, (size_t)tr->input_ndim * sizeof *shape);
    (void)hoop_tape_reset(tr->tape, NULL, NULL);
    (void)hoop_tape_set_training(tr->tape, false);
    (void)hoop_tape_set_grad(tr->tape, false);
    x = hoop_tape_wrap(tr->tape, in->dtype, tr->input_ndim + 1, shape, in->data);
    if (in->dtype != tr->input_dtype) x = hoop_cast(tr->tape, x, tr->input_dtype);
    y = hoop_model_forward(tr->model, tr->tape, x);
    if (in->probabilities) y = hoop_softmax(tr->tape, y);
    if (hoop_tape_error(tr->tape)->status != HOOP_OK)
        return hoop_fail(err, hoop_tape_error(tr->tape)->status, "%s", hoop_tape_error(tr->tape)->text);
    return hoop_tensor_read(y, out, err);
}

hoop_status hoop__predict(hoop_trainer *tr, const hoop__rows *in, int64_t n, void *out, hoop_dtype dtype, hoop_error *err)
{
    const int64_t  chunk = (tr->run.batch + tr->run.leaves - 1) / tr->run.leaves;
    int            ndim;
    const int64_t *shape   = hoop_model_out_shape(tr->model, &ndim);
    const int64_t  out_row = product(ndim, shape), row = product(tr->input_ndim, tr->input_shape);
    hoop__rows     part  = *in;
    void          *space = tr->target_mean == NULL ? NULL : malloc((size_t)(chunk * out_row) * hoop_dtype_size(tr->dtype) + 1);
    hoop_status    st    = HOOP_OK;
    if (tr->target_mean != NULL && space == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld rows", (long long)chunk);
    for (int64_t at = 0; at < n && st == HOOP_OK; at += chunk) {
        const int64_t m  = n - at < chunk ? n - at : chunk;
        char         *to = (char *)out + (size_t)(at * out_row) * hoop_dtype_size(dtype);
        part.data        = (const char *)in->data + (size_t)(at * row) * hoop_dtype_size(in->dtype);
        st               = forward(tr, &part, m, space != NULL ? space : to, err);
        if (st == HOOP_OK && space != NULL) hoop__targets_units(tr, space, m, to, dtype);
    }
    free(space);
    return st;
}

hoop_status hoop_trainer_predict(hoop_trainer *tr, const void *x, int64_t n, void *out, hoop_error *err)
{
    const hoop__rows in = {.data = x, .dtype = tr->input_dtype == HOOP_I64 ? HOOP_I64 : tr->dtype};
    if (tr->model == NULL) return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_predict: the model is the caller's own");
    if (tr->begun) return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_predict inside a step: after hoop_trainer_update, please");
    return hoop__predict(tr, &in, n, out, tr->dtype, err);
}
