/* Statistics for `normalize: standard` and `normalize_targets`: buffers of the model, from the training data. */
#include "train/data.h"
#include "train/plan.h"
#include "train/saving.h"
#include "train/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* mean and variance by element of a field, in f64, rows in order (Welford, Technometrics 1962) */
typedef struct moments {
    hoop_dataset *ds;
    int           field;
    const char   *key;                       /* what they are for */
    int64_t       rows;                      /* so many, evenly spaced; all of them or at least 2 */
    double       *mean, *variance, *inverse; /* inverse: 1 / deviation, 1 where there is none */
} moments;

static void moments_free(moments *m)
{
    free(m->mean);
    free(m->variance);
    free(m->inverse);
    m->mean = m->variance = m->inverse = NULL;
}

/* "column 3 (age)", or "element 3" where there are no names or more dims. */
static const char *element_text(const hoop_dataset *ds, int field, int64_t j, char out[96])
{
    const char *name = hoop_dataset_column(ds, field, j);
    if (name != NULL)
        (void)snprintf(out, 96, "column %lld (%.48s)", (long long)j, name);
    else
        (void)snprintf(out, 96, "%s %lld", hoop_dataset_about(ds)->field[field].ndim > 1 ? "element" : "column", (long long)j);
    return out;
}

static hoop_status fail_nonfinite(const moments *m, int64_t row, int64_t j, double v, hoop_error *err)
{
    const char *path = NULL;
    int64_t     rows;
    char        element[96];
    for (int i = 0; (path = hoop_dataset_path(m->ds, i, &rows)) != NULL && row >= rows; i++) row -= rows;
    return hoop_fail(err, HOOP_ENONFINITE,
                     "%s: row %lld of %s, %s is %s, of which %s can make nothing: leave such rows out, or put a number there "
                     "(hoop data import-csv --missing mean)",
                     path, (long long)row, hoop_dataset_about(m->ds)->field[m->field].path,
                     element_text(m->ds, m->field, j, element),
                     isnan(v) ? "NaN"
                     : v > 0  ? "infinite"
                              : "-infinite",
                     m->key);
}

static hoop_status fail_spread(const moments *m, int64_t j, hoop_error *err)
{
    char element[96];
    return hoop_fail(err, HOOP_ENONFINITE, "%s: %s of %s varies by more than %s can work with, in f64: other units, please",
                     hoop_dataset_path(m->ds, 0, NULL), element_text(m->ds, m->field, j, element),
                     hoop_dataset_about(m->ds)->field[m->field].path, m->key);
}

static int64_t row_at(const moments *m, int64_t i)
{
    const int64_t length = hoop_dataset_about(m->ds)->length;
    return m->rows == length ? i : (int64_t)((__int128)i * (length - 1) / (m->rows - 1));
}

static hoop_status find_moments(void *ctx, hoop_error *err)
{
    moments    *m     = ctx;
    int64_t     width = hoop_dataset_about(m->ds)->field[m->field].numel;
    int64_t     chunk = 256;
    double     *x     = malloc((size_t)(chunk * width + 1) * sizeof *x);
    int64_t    *index = malloc((size_t)chunk * sizeof *index);
    hoop_status st    = HOOP_OK;
    m->mean           = calloc((size_t)width + 1, sizeof *m->mean);
    m->variance       = calloc((size_t)width + 1, sizeof *m->variance);
    m->inverse        = calloc((size_t)width + 1, sizeof *m->inverse);
    if (x == NULL || index == NULL || m->mean == NULL || m->variance == NULL || m->inverse == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for statistics of the data");
    for (int64_t at = 0; at < m->rows && st == HOOP_OK; at += chunk) {
        int64_t n = m->rows - at < chunk ? m->rows - at : chunk;
        for (int64_t i = 0; i < n; i++) index[i] = row_at(m, at + i);
        st = hoop_dataset_read(m->ds, index, n, m->field, HOOP_F64, x, err);
        for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
            for (int64_t j = 0; j < width; j++) {
                double d = x[i * width + j] - m->mean[j];
                if (!isfinite(x[i * width + j])) {
                    st = fail_nonfinite(m, index[i], j, x[i * width + j], err);
                    break;
                }
                m->mean[j] += d / (double)(at + i + 1);
                m->variance[j] += d * (x[i * width + j] - m->mean[j]);
            }
        }
    }
    for (int64_t j = 0; j < width && st == HOOP_OK; j++) {
        m->variance[j] /= (double)m->rows;
        m->inverse[j] = m->variance[j] > 0.0 ? 1.0 / sqrt(m->variance[j]) : 1.0;
        if (!isfinite(m->variance[j])) st = fail_spread(m, j, err);
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

/* Samples stored as f32: where the mean is large, what varies was lost when they were written. */
static void note_large_means(const hoop_trainer *tr, const moments *m, int64_t width)
{
    enum { BITS_WANTED = 8 };
    int64_t many = 0, first = 0;
    if (hoop__input(tr, 0)->dtype != HOOP_F32) return;
    for (int64_t j = width - 1; j >= 0; j--) {
        const double deviation = sqrt(m->variance[j]);
        if (deviation == 0 || fabs(m->mean[j]) < ldexp(deviation, 24 - BITS_WANTED)) continue;
        many++;
        first = j;
    }
    if (many > 0)
        hoop__note(tr,
                   "warning: data.normalize: element %lld of x has mean %.9g and deviation %.3g (%lld element%s like it): f32 "
                   "keeps little of what varies; store it as f64, or take the mean out of the data",
                   (long long)first, m->mean[first], sqrt(m->variance[first]), (long long)many, many == 1 ? "" : "s");
}

static hoop_status share(hoop_trainer *tr, hoop_tensor *buffer, const char *what, hoop_error *err)
{
    const int64_t bytes = hoop_tensor_numel(buffer) * (int64_t)hoop_dtype_size(hoop_tensor_dtype(buffer));
    hoop_status   st    = hoop_comm_broadcast(tr->comm, 0, hoop_tensor_data(buffer), bytes, what, err);
    hoop_tensor_touch(buffer);
    return st;
}

static hoop_status share_inputs(hoop_trainer *tr, hoop_error *err)
{
    hoop__task   task = {.joinable = false};
    bool         root = hoop_comm_rank(tr->comm) == 0;
    hoop_tensor *mean = find_buffer(tr->params, "normalize.mean"), *inverse = find_buffer(tr->params, "normalize.inverse_std");
    moments      m = {.ds    = tr->data->train,
                      .field = HOOP_FIELD_X,
                      .key   = "data.normalize: standard",
                      .rows  = hoop_dataset_about(tr->data->train)->length};
    hoop_status  st;
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
    moments_free(&m);
    return st;
}

/* rank 0 looks at the data, all get the buffers; constant elements are centred only */
hoop_status hoop__data_normalize(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->data->train == NULL || tr->model == NULL || tr->opts.resume != NULL) return HOOP_OK;
    if (tr->plan->data.normalize == HOOP__NORMALIZE_STANDARD) HOOP_TRY(st, done, share_inputs(tr, err));
    if (hoop__target(tr, 0)->mean == NULL) goto done;
    if (hoop__target(tr, 0)->found != NULL) {
        store(hoop__target(tr, 0)->mean, hoop__target(tr, 0)->found);
        store(hoop__target(tr, 0)->std, hoop__target(tr, 0)->found + hoop_tensor_numel(hoop__target(tr, 0)->mean));
    }
    HOOP_TRY(st, done, share(tr, hoop__target(tr, 0)->mean, "mean of the targets", err));
    HOOP_TRY(st, done, share(tr, hoop__target(tr, 0)->std, "deviation of the targets", err));
done:
    return st;
}

/* ---- what is decided before the model is built ---- */

typedef struct decision {
    int64_t input_f64, targets; /* the mean of x is taken away in f64; targets are normalised */
    int64_t asked;              /* by this column of y; -1: by the config or a checkpoint */
    double  mean, deviation;    /* of that */
} decision;

typedef struct deciding {
    hoop_trainer *tr;
    moments       y;
    decision      out;
} deciding;

/* Does a target want to be normalised? Networks begin with outputs around 0 that vary by about 1. */
static bool asks(double mean, double deviation)
{
    return deviation > 0 ? deviation < 0.1 || deviation > 10 || fabs(mean) > 10 * deviation : fabs(mean) > 10;
}

/* Of tables: the elements of a field or image are weighed against each other as they are. Looks at a sample of many rows. */
static hoop_status look_at_targets(deciding *d, hoop_error *err)
{
    enum { MOST_TARGETS = 64, ALL_ELEMENTS = 1 << 22, SAMPLE = 4096, SAMPLE_CHUNKED = 64 };
    const hoop_dataset_info  *info = hoop_dataset_about(d->y.ds);
    const hoop_dataset_field *y    = &info->field[HOOP_FIELD_Y];
    moments                   m    = d->y;
    hoop_status               st;
    if (y->ndim > 1 || y->numel > MOST_TARGETS) return HOOP_OK;
    if (info->length > ALL_ELEMENTS / y->numel) m.rows = info->mapped ? SAMPLE : SAMPLE_CHUNKED;
    st = find_moments(&m, err);
    for (int64_t j = 0; j < y->numel && st == HOOP_OK && d->out.targets == 0; j++) {
        if (!asks(m.mean[j], sqrt(m.variance[j]))) continue;
        d->out = (decision){d->out.input_f64, 1, j, m.mean[j], sqrt(m.variance[j])};
    }
    moments_free(&m);
    return st;
}

static hoop_status decide(void *ctx, hoop_error *err)
{
    deciding     *d  = ctx;
    hoop_trainer *tr = d->tr;
    hoop__peek    is = {.found = false};
    hoop_status   st = HOOP_OK;
    if (tr->opts.resume != NULL) hoop__load_peek(tr->opts.resume, &is);
    if (tr->data->train != NULL) { /* f32 and u8 are f32 already */
        const hoop_dtype x = hoop_dataset_about(tr->data->train)->field[HOOP_FIELD_X].dtype;
        d->out.input_f64   = x == HOOP_F64 || x == HOOP_I64 || x == HOOP_I32;
    }
    if (is.found) d->out.input_f64 = is.mean == HOOP_F64;
    if (hoop__target(tr, 0)->loss->element == NULL) return HOOP_OK;
    d->out.targets = tr->plan->data.normalize_targets == HOOP__TARGETS_STANDARD;
    if (tr->plan->data.normalize_targets == HOOP__TARGETS_AUTO && tr->opts.resume != NULL) d->out.targets = is.targets;
    if (tr->data->train == NULL || tr->opts.resume != NULL) return HOOP_OK;
    if (tr->plan->data.normalize_targets == HOOP__TARGETS_AUTO) st = look_at_targets(d, err);
    return st == HOOP_OK && d->out.targets != 0 ? find_moments(&d->y, err) : st;
}

/* What rank 0 found of the targets, for the buffers that are still to be made: means, then deviations. */
static hoop_status keep_targets(hoop_trainer *tr, const moments *m, hoop_error *err)
{
    const int64_t n            = hoop_dataset_about(m->ds)->field[HOOP_FIELD_Y].numel;
    hoop__target(tr, 0)->found = malloc((size_t)(2 * n) * sizeof *hoop__target(tr, 0)->found);
    if (hoop__target(tr, 0)->found == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for statistics of the targets");
    memcpy(hoop__target(tr, 0)->found, m->mean, (size_t)n * sizeof *m->mean);
    for (int64_t j = 0; j < n; j++) hoop__target(tr, 0)->found[n + j] = m->variance[j] > 0.0 ? sqrt(m->variance[j]) : 1.0;
    return HOOP_OK;
}

hoop_status hoop__data_decide(hoop_trainer *tr, hoop_error *err)
{
    hoop__task  task  = {.joinable = false};
    bool        root  = hoop_comm_rank(tr->comm) == 0;
    deciding    d     = {.tr = tr, .out = {.asked = -1}};
    hoop_error  local = {.status = HOOP_OK};
    char        element[96];
    hoop_status st = HOOP_OK;
    if (tr->opts.params == NULL && (tr->data->train != NULL || tr->opts.resume != NULL) &&
        (tr->plan->data.normalize != HOOP__NORMALIZE_NONE || hoop__target(tr, 0)->loss->element != NULL)) {
        if (tr->data->train != NULL)
            d.y = (moments){.ds    = tr->data->train,
                            .field = HOOP_FIELD_Y,
                            .key   = "loss: mse",
                            .rows  = hoop_dataset_about(tr->data->train)->length};
        if (root) hoop__task_start(&task, decide, &d);
        HOOP_TRY(st, done, hoop__task_wait(tr, &task, "statistics of the targets", err));
        if (root && d.y.mean != NULL) (void)keep_targets(tr, &d.y, &local);
        HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
        HOOP_TRY(st, done, hoop_comm_broadcast(tr->comm, 0, &d.out, (int64_t)sizeof d.out, "what to normalize", err));
        if (root && d.out.asked >= 0)
            hoop__note(
                tr,
                "targets are normalised, since %s of y has mean %.9g and deviation %.3g (data.normalize_targets: none leaves "
                "them); losses and predictions are in the data's units",
                element_text(tr->data->train, HOOP_FIELD_Y, d.out.asked, element), d.out.mean, d.out.deviation);
    }
    tr->plan->data.normalize_targets = d.out.targets != 0 ? HOOP__TARGETS_STANDARD : HOOP__TARGETS_NONE;
    hoop__target(tr, 0)->normalized  = d.out.targets != 0;
    hoop__input(tr, 0)->normalized   = tr->plan->data.normalize != HOOP__NORMALIZE_NONE;
    if (d.out.targets != 0) hoop__target(tr, 0)->dtype = HOOP_F64;
    if (d.out.input_f64 != 0 && tr->plan->data.normalize != HOOP__NORMALIZE_NONE) hoop__input(tr, 0)->dtype = HOOP_F64;
done:
    hoop__task_join(&task);
    moments_free(&d.y);
    if (local.status != HOOP_OK) (void)hoop_fail(err, local.status, "%s", local.text);
    return st;
}
