/*
 * What buffers become of what leaves emitted for them: exact sums, in the order of the store's buffers, one an element and one
 * for the weight, which whoever drives the step adds up over leaves and ranks. A buffer is their mean.
 *
 * Running statistics (hoop_params_running) are pooled: where a leaf's mean is m and its variance v, what is summed is w (m - r),
 * and w v + w (m - r)^2, with r the running mean before the step, which is the same everywhere, and near. So the variance of all
 * is the second over the weight, less the square of the first over the weight: within leaves, and between them.
 */
#include "tape/tape.h"

#include <math.h>

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

static double element(const hoop_tensor *x, int64_t i)
{
    const void *data = hoop_tensor_data(x);
    return hoop_tensor_dtype(x) == HOOP_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* the running statistics of which buffer i is the mean or the variance; NULL: none */
static const hoop_running *running_of(const hoop_params *params, int i)
{
    for (int k = 0; k < hoop_params_running_count(params); k++) {
        const hoop_running *r = hoop_params_running_get(params, k);
        if (r->mean == i || r->var == i) return r;
    }
    return NULL;
}

/* a leaf's mean, to the sums of the running mean and to those of the variance */
static bool deposit_mean(const hoop_params *params, const hoop_running *r, hoop_exact_scalar *emitted, const hoop_emission *e)
{
    const hoop_tensor *before = hoop_params_buffer(params, r->mean);
    hoop_exact_scalar *sum = emitted + sums_before(params, r->mean), *square = emitted + sums_before(params, r->var);
    const int64_t      n    = hoop_tensor_numel(e->value);
    bool               fine = true;
    for (int64_t i = 0; i < n; i++) {
        const double off = element(e->value, i) - element(before, i), x = e->weight * off, xx = x * off;
        fine &= isfinite(xx);
        hoop_exact_scalar_deposit(&sum[i], x);
        hoop_exact_scalar_deposit(&square[i], xx);
    }
    hoop_exact_scalar_deposit(&sum[n], e->weight);
    return fine;
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

static void set_element(hoop_tensor *x, int64_t i, double v)
{
    void *data = hoop_tensor_data(x);
    if (hoop_tensor_dtype(x) == HOOP_F32)
        ((float *)data)[i] = (float)v;
    else
        ((double *)data)[i] = v;
}

/* how far new statistics move the running ones; the count goes up */
static double momentum_of(const hoop_params *params, const hoop_running *r)
{
    hoop_tensor *count = r->count < 0 ? NULL : hoop_params_buffer(params, r->count);
    if (count == NULL) return r->momentum;
    ++*(int64_t *)hoop_tensor_data(count);
    hoop_tensor_touch(count);
    return r->momentum < 0.0 ? 1.0 / (double)*(int64_t *)hoop_tensor_data(count) : r->momentum;
}

/* running statistics, of the sums of both, which are empty again after that */
static void apply_running(const hoop_params *params, const hoop_running *r, hoop_exact_scalar *emitted)
{
    hoop_tensor       *mean = hoop_params_buffer(params, r->mean), *var = hoop_params_buffer(params, r->var);
    hoop_exact_scalar *sum = emitted + sums_before(params, r->mean), *square = emitted + sums_before(params, r->var);
    const int64_t      n      = hoop_tensor_numel(mean);
    const double       weight = hoop_exact_scalar_finish(&sum[n]), m = weight > 0.0 ? momentum_of(params, r) : 0.0;
    for (int64_t i = 0; i < n && weight > 0.0; i++) {
        const double off = hoop_exact_scalar_finish(&sum[i]) / weight, before = element(mean, i);
        double       v = hoop_exact_scalar_finish(&square[i]) / weight - off * off;
        set_element(mean, i, (1.0 - m) * before + m * (before + off));
        if (weight > 1.0) set_element(var, i, (1.0 - m) * element(var, i) + m * (v < 0.0 ? 0.0 : v * (weight / (weight - 1.0))));
    }
    if (weight > 0.0) hoop_tensor_touch(mean);
    if (weight > 0.0) hoop_tensor_touch(var);
    for (int64_t i = 0; i <= n; i++) {
        hoop_exact_scalar_clear(&sum[i]);
        hoop_exact_scalar_clear(&square[i]);
    }
}

/* a buffer's new value, of its sums, which are empty again after that */
static void apply(hoop_tensor *x, hoop_exact_scalar *sum)
{
    const int64_t n      = hoop_tensor_numel(x);
    const double  weight = hoop_exact_scalar_finish(&sum[n]);
    for (int64_t i = 0; i < n && weight > 0.0; i++) set_element(x, i, hoop_exact_scalar_finish(&sum[i]) / weight);
    if (weight > 0.0) hoop_tensor_touch(x);
    for (int64_t i = 0; i <= n; i++) hoop_exact_scalar_clear(&sum[i]);
}

int64_t hoop_emitted_count(const hoop_params *p)
{
    return sums_before(p, hoop_params_buffer_count(p));
}

static HOOP_NOINLINE hoop_status emitted_add(const hoop_tape *t, const hoop_params *p, hoop_exact_scalar *sums, hoop_error *err)
{
    const hoop_emission *e;
    const int            n = hoop_tape_emissions(t, &e);
    for (int k = 0; k < n; k++) {
        const hoop_running *r;
        int                 i = 0;
        bool                fine;
        while (i < hoop_params_buffer_count(p) && hoop_params_buffer(p, i) != e[k].buffer) i++;
        if (i == hoop_params_buffer_count(p))
            return hoop_fail(err, HOOP_EARG, "hoop_emit: the buffer is none of the parameters' store");
        r    = running_of(p, i);
        fine = r != NULL && r->mean == i ? deposit_mean(p, r, sums, &e[k]) : deposit(sums + sums_before(p, i), &e[k]);
        if (!fine)
            return hoop_fail(err, HOOP_ENONFINITE, "what was emitted for buffer %s is not finite", hoop_params_buffer_name(p, i));
    }
    return HOOP_OK;
}

hoop_status hoop_emitted_add(const hoop_tape *t, const hoop_params *p, hoop_exact_scalar *sums, hoop_error *err)
{
    const uint64_t    mode = hoop_fp_enter();
    const hoop_status st   = emitted_add(t, p, sums, err);
    hoop_fp_restore(mode);
    return st;
}

static HOOP_NOINLINE void emitted_apply(const hoop_params *p, hoop_exact_scalar *sums)
{
    for (int i = 0; i < hoop_params_buffer_count(p); i++) {
        hoop_tensor        *x = hoop_params_buffer(p, i);
        const hoop_running *r = running_of(p, i);
        if (r != NULL && r->mean == i) apply_running(p, r, sums);
        if (r == NULL && is_float(x)) apply(x, sums + sums_before(p, i));
    }
}

void hoop_emitted_apply(const hoop_params *p, hoop_exact_scalar *sums)
{
    const uint64_t mode = hoop_fp_enter(); /* means round */
    emitted_apply(p, sums);
    hoop_fp_restore(mode);
}
