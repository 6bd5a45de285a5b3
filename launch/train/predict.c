/* A trained model's outputs for rows, in the data's units. */
#include "train/data.h"
#include "train/plan.h"
#include "train/step.h"

#include <stdlib.h>

static int64_t out_numel(const hoop__field *f)
{
    int64_t n = 1;
    for (int d = 0; d < f->out_ndim; d++) n *= f->out_shape[d];
    return n;
}

hoop_dtype hoop__predict_dtype(const hoop_trainer *tr, int k)
{
    return hoop__target(tr, k)->mean != NULL ? HOOP_F64 : tr->dtype;
}

static hoop_dtype dtype_of(const hoop_trainer *tr, const hoop__rows *in, const hoop__field *f)
{
    return in->as_read || f->dtype == HOOP_I64 ? f->dtype : tr->dtype;
}

/* n rows as leaves of `chunk` rows each: none may have a part in another's */
static void set_leaves(hoop_tape *t, int64_t n, int64_t chunk)
{
    int64_t    rows[HOOP_LEAVES_AT_ONCE];
    uint64_t   number[HOOP_LEAVES_AT_ONCE];
    int        leaves = 0;
    hoop_error err    = {.status = HOOP_OK};
    for (int64_t at = 0; at < n; at += chunk, leaves++) {
        rows[leaves]   = n - at < chunk ? n - at : chunk;
        number[leaves] = (uint64_t)leaves;
    }
    if (leaves > 1 && hoop_tape_set_leaves(t, leaves, rows, number, &err) != HOOP_OK)
        hoop_tape_fail(t, err.status, "%s", err.text);
}

/* rows [first, first + n) of all inputs through the model: tr->step->out */
static hoop_status forward(hoop_trainer *tr, const hoop__rows *in, int64_t first, int64_t n, hoop_error *err)
{
    int64_t shape[HOOP_MAX_DIMS];
    (void)hoop_tape_reset(tr->tape, NULL, NULL);
    (void)hoop_tape_set_training(tr->tape, false);
    (void)hoop_tape_set_grad(tr->tape, false);
    hoop__leaves_limit(tr, tr->tape, n > hoop__plan_leaf_rows(tr) ? 2 : 1);
    set_leaves(tr->tape, n, hoop__plan_leaf_rows(tr));
    for (int i = 0; i < tr->data->ninputs; i++) {
        const hoop__field *f     = hoop__input(tr, i);
        const hoop_dtype   dtype = dtype_of(tr, in, f);
        size_t             row   = hoop_dtype_size(dtype);
        hoop_tensor       *x;
        hoop__field_shape(f, n, in->length != NULL ? in->length[i] : 0, shape);
        for (int d = 1; d <= f->ndim; d++) row *= (size_t)shape[d];
        x = hoop_tape_wrap(tr->tape, dtype, f->ndim + 1, shape, (const char *)in->data[i] + (size_t)first * row);
        x = hoop_tape_samples(tr->tape, x);
        if (dtype != f->dtype) x = hoop_cast(tr->tape, x, f->dtype);
        tr->step->in[i] = x;
    }
    hoop__model_forward(tr, tr->tape);
    if (hoop_tape_error(tr->tape)->status == HOOP_OK) {
        hoop__leaves_measure(tr, tr->tape, n, false);
        return HOOP_OK;
    }
    if (hoop_tape_mixed(tr->tape)) tr->step->one_by_one[false] = true;
    (void)hoop_fail(err, hoop_tape_error(tr->tape)->status, "%s", hoop_tape_error(tr->tape)->text);
    if (err->status == HOOP_ENOMEM) hoop__step_no_memory(tr, err);
    return err->status;
}

/* what is wanted of target k, to out; space: room for it before it is brought to the data's units */
static hoop_status take(hoop_trainer *tr, int k, int64_t n, bool probabilities, void *space, void *out, hoop_dtype dtype,
                        hoop_error *err)
{
    const hoop__field *f = hoop__target(tr, k);
    hoop_tensor       *y = tr->step->out[f->output];
    hoop_status        st;
    if (probabilities && f->loss->classes) y = hoop_softmax(tr->tape, y);
    if (f->loss->told != NULL) y = f->loss->told(tr->tape, y, f->loss_opts);
    if (hoop_tape_error(tr->tape)->status != HOOP_OK)
        return hoop_fail(err, hoop_tape_error(tr->tape)->status, "%s", hoop_tape_error(tr->tape)->text);
    st = hoop_tensor_read(y, f->mean != NULL ? space : out, err);
    if (st == HOOP_OK && f->mean != NULL) hoop__targets_units(tr, f, space, n, out, dtype);
    return st;
}

/* rows that go through the model together, of n */
static int64_t rows_at_once(const hoop_trainer *tr, int64_t n)
{
    const int64_t leaf = hoop__plan_leaf_rows(tr), most = hoop__leaves_rows(tr) / leaf;
    const int64_t leaves = tr->step->row_bytes == 0 || tr->step->one_by_one[false] || most < 1 ? 1
                           : most > HOOP_LEAVES_AT_ONCE                                        ? HOOP_LEAVES_AT_ONCE
                                                                                               : most;
    return n < leaves * leaf ? n : leaves * leaf;
}

/* elements of a row for which there must be room before it is brought to the data's units */
static int64_t normalized_numel(const hoop_trainer *tr)
{
    int64_t most = 0;
    for (int k = 0; k < tr->data->ntargets; k++) {
        const hoop__field *f = hoop__target(tr, k);
        if (f->mean != NULL && out_numel(f) > most) most = out_numel(f);
    }
    return most;
}

/* Rows [at, at + m); `space` is room for them. */
static hoop_status predict_some(hoop_trainer *tr, const hoop__rows *in, int64_t at, int64_t m, void *space, void *const *out,
                                const hoop_dtype *dtype, hoop_error *err)
{
    hoop_status st = forward(tr, in, at, m, err);
    for (int k = 0; k < tr->data->ntargets && st == HOOP_OK; k++) {
        char *to = (char *)out[k] + (size_t)(at * out_numel(hoop__target(tr, k))) * hoop_dtype_size(dtype[k]);
        st       = take(tr, k, m, in->probabilities, space, to, dtype[k], err);
    }
    return st;
}

hoop_status hoop__predict(hoop_trainer *tr, const hoop__rows *in, int64_t n, void *const *out, const hoop_dtype *dtype,
                          hoop_error *err)
{
    const int64_t wide  = normalized_numel(tr);
    int64_t       room  = 0, m;
    void         *space = NULL, *more;
    hoop_error    why   = {.status = HOOP_OK};
    hoop_status   st    = HOOP_OK;
    for (int64_t at = 0; at < n && st == HOOP_OK; at += m) {
        m = rows_at_once(tr, n - at);
        if (wide > 0 && m > room) {
            more = realloc(space, (size_t)(m * wide) * hoop_dtype_size(tr->dtype));
            if (more == NULL) {
                st = hoop_fail(&why, HOOP_ENOMEM, "no memory for %lld rows", (long long)m);
                break;
            }
            space = more;
            room  = m;
        }
        why.status = HOOP_OK;
        st         = predict_some(tr, in, at, m, space, out, dtype, &why);
        if (st == HOOP_OK || !hoop_tape_mixed(tr->tape)) continue;
        st = HOOP_OK; /* once more, leaf by leaf */
        m  = 0;
    }
    free(space);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", why.text);
}

static hoop_status can_predict(const hoop_trainer *tr, const char *call, hoop_error *err)
{
    if (!hoop__trainer_forwards(tr)) return hoop_fail(err, HOOP_ESTATE, "%s: the model is the caller's own", call);
    for (int i = 0; i < tr->data->ninputs; i++)
        if (hoop__field_length(hoop__input(tr, i)) < 0)
            return hoop_fail(err, HOOP_ESHAPE, "%s: rows of %s vary in length; one for all is wanted: data.inputs.%s.length",
                             call, hoop__input(tr, i)->name, hoop__input(tr, i)->name);
    return hoop__step_outside(tr, call, err);
}

hoop_status hoop_trainer_predict(hoop_trainer *tr, const void *x, int64_t n, void *out, hoop_error *err)
{
    const hoop__rows in = {.data = &x};
    hoop_status      st = can_predict(tr, "hoop_trainer_predict", err);
    if (st != HOOP_OK) return st;
    if (tr->data->ninputs != 1 || tr->data->ntargets != 1)
        return hoop_fail(err, HOOP_EARG,
                         "hoop_trainer_predict is for one input and one target, and this trainer has %d and %d: "
                         "hoop_trainer_predict_fields takes them all",
                         tr->data->ninputs, tr->data->ntargets);
    return hoop__predict(tr, &in, n, &out, &tr->dtype, err);
}

hoop_status hoop_trainer_predict_fields(hoop_trainer *tr, const void *const *inputs, int64_t n, void *const *outputs,
                                        hoop_error *err)
{
    const hoop__rows in = {.data = inputs};
    hoop_dtype       dtype[HOOP_DATASET_FIELDS];
    hoop_status      st = can_predict(tr, "hoop_trainer_predict_fields", err);
    for (int k = 0; k < tr->data->ntargets; k++) dtype[k] = tr->dtype;
    return st == HOOP_OK ? hoop__predict(tr, &in, n, outputs, dtype, err) : st;
}
