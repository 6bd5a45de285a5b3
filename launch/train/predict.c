/* A trained model's outputs for rows, in the data's units. */
#include "train/data.h"
#include "train/plan.h"
#include "train/step.h"

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
    return hoop__target(tr, 0)->mean != NULL ? HOOP_F64 : tr->dtype;
}

/* one forward pass: into `row` values of the run's precision each */
static hoop_status forward(hoop_trainer *tr, const hoop__rows *in, int64_t n, void *out, hoop_error *err)
{
    int64_t      shape[HOOP_MAX_DIMS] = {n};
    hoop_tensor *x, *y;
    memcpy(shape + 1, hoop__input(tr, 0)->shape, (size_t)hoop__input(tr, 0)->ndim * sizeof *shape);
    (void)hoop_tape_reset(tr->tape, NULL, NULL);
    (void)hoop_tape_set_training(tr->tape, false);
    (void)hoop_tape_set_grad(tr->tape, false);
    x = hoop_tape_wrap(tr->tape, in->dtype, hoop__input(tr, 0)->ndim + 1, shape, in->data);
    if (in->dtype != hoop__input(tr, 0)->dtype) x = hoop_cast(tr->tape, x, hoop__input(tr, 0)->dtype);
    hoop_model_forward(tr->model, tr->tape, 1, &x, &y);
    if (in->probabilities) y = hoop_softmax(tr->tape, y);
    if (hoop_tape_error(tr->tape)->status != HOOP_OK)
        return hoop_fail(err, hoop_tape_error(tr->tape)->status, "%s", hoop_tape_error(tr->tape)->text);
    return hoop_tensor_read(y, out, err);
}

hoop_status hoop__predict(hoop_trainer *tr, const hoop__rows *in, int64_t n, void *out, hoop_dtype dtype, hoop_error *err)
{
    const int64_t     chunk = hoop__plan_leaf_rows(tr);
    const hoop_shape *y     = hoop_model_output(tr->model, 0);
    const int64_t out_row = product(y->ndim - 1, y->size + 1), row = product(hoop__input(tr, 0)->ndim, hoop__input(tr, 0)->shape);
    hoop__rows    part = *in;
    void *space = hoop__target(tr, 0)->mean == NULL ? NULL : malloc((size_t)(chunk * out_row) * hoop_dtype_size(tr->dtype) + 1);
    hoop_status st = HOOP_OK;
    if (hoop__target(tr, 0)->mean != NULL && space == NULL)
        return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld rows", (long long)chunk);
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
    const hoop__rows in = {.data = x, .dtype = hoop__input(tr, 0)->dtype == HOOP_I64 ? HOOP_I64 : tr->dtype};
    hoop_status      st;
    if (tr->model == NULL) return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_predict: the model is the caller's own");
    st = hoop__step_outside(tr, "hoop_trainer_predict", err);
    return st == HOOP_OK ? hoop__predict(tr, &in, n, out, tr->dtype, err) : st;
}
