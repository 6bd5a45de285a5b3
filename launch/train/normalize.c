/* Statistics for `normalize: standard`: buffers of the model, from the training data. */
#include "train/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* mean and variance by element of x, in f64, rows in order (Welford, Technometrics 1962) */
typedef struct moments {
    hoop_dataset *ds;
    double       *mean, *variance, *inverse; /* inverse: 1 / deviation, 1 where there is none */
} moments;

static hoop_status find_moments(void *ctx, hoop_error *err)
{
    moments    *m      = ctx;
    int64_t     length = hoop_dataset_about(m->ds)->length, width = hoop_dataset_about(m->ds)->field[HOOP_FIELD_X].numel;
    int64_t     chunk = 256;
    double     *x     = malloc((size_t)(chunk * width + 1) * sizeof *x);
    int64_t    *index = malloc((size_t)chunk * sizeof *index);
    hoop_status st    = HOOP_OK;
    m->mean           = calloc((size_t)width + 1, sizeof *m->mean);
    m->variance       = calloc((size_t)width + 1, sizeof *m->variance);
    m->inverse        = calloc((size_t)width + 1, sizeof *m->inverse);
    if (x == NULL || index == NULL || m->mean == NULL || m->variance == NULL || m->inverse == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for statistics of the data");
    for (int64_t at = 0; at < length && st == HOOP_OK; at += chunk) {
        int64_t n = length - at < chunk ? length - at : chunk;
        for (int64_t i = 0; i < n; i++) index[i] = at + i;
        st = hoop_dataset_read(m->ds, index, n, HOOP_FIELD_X, HOOP_F64, x, err);
        for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
            for (int64_t j = 0; j < width; j++) {
                double d = x[i * width + j] - m->mean[j];
                m->mean[j] += d / (double)(at + i + 1);
                m->variance[j] += d * (x[i * width + j] - m->mean[j]);
            }
        }
    }
    for (int64_t j = 0; j < width && st == HOOP_OK; j++) {
        m->variance[j] /= (double)length;
        m->inverse[j] = m->variance[j] > 0.0 ? 1.0 / sqrt(m->variance[j]) : 1.0;
    }
    free(x);
    free(index);
    return st;
}

static hoop_tensor *find_buffer(hoop_params *params, const char *name)
{
    for (int i = 0; i < hoop_params_buffer_count(params); i++)
        if (strcmp(hoop_params_buffer_name(params, i), name) == 0) return hoop_params_buffer(params, i);
    return NULL;
}

static void store(hoop_tensor *buffer, const double *values)
{
    void *data = hoop_tensor_data(buffer);
    for (int64_t i = 0; i < hoop_tensor_numel(buffer); i++) {
        if (hoop_tensor_dtype(buffer) == HOOP_F64)
            ((double *)data)[i] = values[i];
        else
            ((float *)data)[i] = (float)values[i];
    }
}

/* Samples become f32 before their mean is taken away: where it is large, what varies is lost. */
static void note_large_means(const hoop_trainer *tr, const moments *m, int64_t width)
{
    enum { BITS_WANTED = 8 };
    int64_t many = 0, first = 0;
    for (int64_t j = width - 1; j >= 0 && tr->dtype == HOOP_F32; j--) {
        const double deviation = sqrt(m->variance[j]);
        if (deviation == 0 || fabs(m->mean[j]) < ldexp(deviation, 24 - BITS_WANTED)) continue;
        many++;
        first = j;
    }
    if (many > 0)
        hoop__note(tr,
                   "warning: data.normalize: element %lld of x has mean %.9g and deviation %.3g (%lld element%s like it): f32 "
                   "keeps little of what varies; precision: f64, or take the mean out of the data",
                   (long long)first, m->mean[first], sqrt(m->variance[first]), (long long)many, many == 1 ? "" : "s");
}

static hoop_status share(hoop_trainer *tr, hoop_tensor *buffer, const char *what, hoop_error *err)
{
    const int64_t bytes = hoop_tensor_numel(buffer) * (int64_t)hoop_dtype_size(hoop_tensor_dtype(buffer));
    hoop_status   st    = hoop_comm_broadcast(tr->comm, 0, hoop_tensor_data(buffer), bytes, what, err);
    hoop_tensor_touch(buffer);
    return st;
}

/* rank 0 looks at the data, all get the buffers; constant elements are centred only */
hoop_status hoop__data_normalize(hoop_trainer *tr, hoop_error *err)
{
    hoop__task   task = {.joinable = false};
    moments      m    = {.ds = tr->train_set};
    bool         root = hoop_comm_rank(tr->comm) == 0;
    hoop_tensor *mean, *inverse;
    hoop_status  st;
    if (tr->data_opts.normalize == HOOP__NORMALIZE_NONE || tr->train_set == NULL || tr->model == NULL || tr->opts.resume != NULL)
        return HOOP_OK;
    mean    = find_buffer(tr->params, "normalize.mean");
    inverse = find_buffer(tr->params, "normalize.inverse_std");
    if (root) hoop__task_start(&task, find_moments, &m);
    HOOP_TRY(st, done, hoop__task_wait(tr, &task, "statistics of the data", err));
    if (root) {
        store(mean, m.mean);
        store(inverse, m.inverse);
        note_large_means(tr, &m, hoop_tensor_numel(mean));
    }
    HOOP_TRY(st, done, share(tr, mean, "mean of the data", err));
    HOOP_TRY(st, done, share(tr, inverse, "deviation of the data", err));
done:
    hoop__task_join(&task);
    free(m.mean);
    free(m.variance);
    free(m.inverse);
    return st;
}
