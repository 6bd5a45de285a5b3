/*
 * What modules emitted for buffers (hoop_emit): summed exactly over leaves and ranks, each value times its weight, and after the
 * step the buffer is the mean. A rank that saw none joins in where another did: sums stand in the order of the store's buffers,
 * an exact scalar an element and one for the weight.
 */
#include "train/step.h"

#include <math.h>
#include <stdlib.h>

static bool is_float(const hoop_tensor *x)
{
    return hoop_dtype_is_float(hoop_tensor_dtype(x));
}

/* how many sums there are before buffer `end` */
static int64_t sums_before(const hoop_params *params, int end)
{
    int64_t n = 0;
    for (int i = 0; i < end; i++) {
        const hoop_tensor *x = hoop_params_buffer(params, i);
        if (is_float(x)) n += hoop_tensor_numel(x) + 1;
    }
    return n;
}

static int64_t count(const hoop_params *params)
{
    return sums_before(params, hoop_params_buffer_count(params));
}

/* room for them, once; false: there is none */
static bool has_room(hoop_trainer *tr)
{
    hoop__step   *s = tr->step;
    const int64_t n = count(tr->params);
    if (s->emitted != NULL && s->nemitted == n) return true;
    free(s->emitted);
    s->nemitted = n;
    s->emitted  = calloc((size_t)n + 1, sizeof *s->emitted);
    for (int64_t i = 0; i < n && s->emitted != NULL; i++) hoop_exact_scalar_clear(&s->emitted[i]);
    return s->emitted != NULL;
}

static double element(const hoop_tensor *x, int64_t i)
{
    const void *data = hoop_tensor_data(x);
    return hoop_tensor_dtype(x) == HOOP_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* false: a value is not finite */
static bool deposit(hoop_exact_scalar *sum, const hoop_emission *e)
{
    const int64_t n    = hoop_tensor_numel(e->value);
    bool          fine = true;
    for (int64_t i = 0; i < n; i++) {
        const double x = e->weight * element(e->value, i);
        fine &= isfinite(x);
        hoop_exact_scalar_deposit(&sum[i], x);
    }
    hoop_exact_scalar_deposit(&sum[n], e->weight);
    return fine;
}

hoop_status hoop__emissions_take(hoop_trainer *tr, const hoop_tape *t, hoop_error *err)
{
    const hoop_emission *e;
    const int            n = hoop_tape_emissions(t, &e);
    if (n == 0) return HOOP_OK;
    if (!has_room(tr)) return hoop_fail(err, HOOP_ENOMEM, "no memory for what buffers become");
    for (int k = 0; k < n; k++) {
        int i = 0;
        while (i < hoop_params_buffer_count(tr->params) && hoop_params_buffer(tr->params, i) != e[k].buffer) i++;
        if (i == hoop_params_buffer_count(tr->params))
            return hoop_fail(err, HOOP_EARG, "hoop_emit: the buffer is none of the trainer's parameters' store");
        if (!deposit(tr->step->emitted + sums_before(tr->params, i), &e[k]))
            return hoop_fail(err, HOOP_ENONFINITE, "step %lld: what was emitted for buffer %s is not finite",
                             (long long)tr->status.step, hoop_params_buffer_name(tr->params, i));
        tr->step->record->emissions++;
    }
    return HOOP_OK;
}

static void combine(const void *ctx, void *dst, const void *src, int64_t n)
{
    hoop_exact_scalar       *a = dst;
    const hoop_exact_scalar *b = src;
    (void)ctx;
    for (int64_t i = 0; i < n; i++) hoop_exact_scalar_merge(&a[i], &b[i]);
}

/* a buffer's new value, of its sums, which are empty again after that */
static void apply(hoop_tensor *x, hoop_exact_scalar *sum)
{
    const int64_t n      = hoop_tensor_numel(x);
    const double  weight = hoop_exact_scalar_finish(&sum[n]);
    void         *data   = hoop_tensor_data(x);
    for (int64_t i = 0; i < n && weight > 0.0; i++) {
        const double mean = hoop_exact_scalar_finish(&sum[i]) / weight;
        if (hoop_tensor_dtype(x) == HOOP_F32)
            ((float *)data)[i] = (float)mean;
        else
            ((double *)data)[i] = mean;
    }
    if (weight > 0.0) hoop_tensor_touch(x);
    for (int64_t i = 0; i <= n; i++) hoop_exact_scalar_clear(&sum[i]);
}

hoop_status hoop__emissions_apply(hoop_trainer *tr, hoop_error *err)
{
    static const hoop_reducer reducer = {.unit_bytes = (int64_t)sizeof(hoop_exact_scalar), .combine = combine};
    hoop__step               *s       = tr->step;
    hoop_error                local   = {.status = HOOP_OK};
    hoop_status               st;
    uint64_t                  mode;
    if (s->record->emissions == 0) return HOOP_OK; /* on no rank */
    if (!has_room(tr)) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for what buffers become");
    st = hoop_comm_agree_status(tr->comm, &local);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", local.text);
    if (hoop_comm_size(tr->comm) > 1)
        HOOP_TRY(st, done, hoop_comm_all_reduce_wait(tr->comm, s->emitted, s->nemitted, &reducer, "buffers", err));
    mode = hoop_fp_enter(); /* means round */
    for (int i = 0; i < hoop_params_buffer_count(tr->params); i++) {
        hoop_tensor *x = hoop_params_buffer(tr->params, i);
        if (is_float(x)) apply(x, s->emitted + sums_before(tr->params, i));
    }
    hoop_fp_restore(mode);
done:
    return st;
}
