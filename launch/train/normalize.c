/* Statistics for `normalize: standard` and `normalize_targets`: buffers of the model, from the training data, field by field. */
#include "hoop/nn.h"
#include "train/data.h"
#include "train/plan.h"
#include "train/saving.h"
#include "train/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mean and variance of a field, in f64, rows in order (Welford, Technometrics 1962): of each element, of each channel, or of all.
 * Element e of a row counts to number e / inner % groups. */
typedef struct moments {
    hoop_trainer      *tr;
    hoop_dataset      *ds;
    int                field, over;               /* hoop_normalize_over */
    const hoop_module *until;                     /* of what is done to an input before it; NULL: of the data themselves */
    const hoop_tensor *like;                      /* its buffer, whose shape says what over and which dim */
    const char        *key;                       /* what they are for */
    int64_t            rows;                      /* so many, evenly spaced; all of them or at least 2 */
    int64_t            width, groups, inner;      /* elements of a row */
    double            *mean, *variance, *inverse; /* inverse: 1 / deviation, 1 where there is none */
    double            *x;                         /* rows, and room for them */
    void              *raw;
} moments;

enum { CHUNK = 256 };

static void moments_free(moments *m)
{
    free(m->mean);
    free(m->variance);
    free(m->inverse);
    free(m->x);
    free(m->raw);
    m->mean = m->variance = m->inverse = m->x = NULL;
    m->raw                                    = NULL;
}

/* "column 3 (age)", or "element 3" where there are no names or more dims; "channel 3". */
static const char *element_text(const moments *m, int64_t j, char out[96])
{
    const char *name = m->inner > 1 || m->until != NULL ? NULL : hoop_dataset_column(m->ds, m->field, j);
    if (name != NULL)
        (void)snprintf(out, 96, "column %lld (%.48s)", (long long)j, name);
    else if (m->groups < m->width)
        (void)snprintf(out, 96, m->groups > 1 ? "channel %lld" : "all", (long long)j);
    else
        (void)snprintf(out, 96, "%s %lld", hoop_dataset_about(m->ds)->field[m->field].ndim > 1 ? "element" : "column",
                       (long long)j);
    return out;
}

static hoop_status fail_nonfinite(const moments *m, int64_t row, int64_t j, double v, hoop_error *err)
{
    const char *path = NULL;
    int64_t     rows;
    char        element[96];
    for (int i = 0; (path = hoop_dataset_path(m->ds, i, &rows)) != NULL && row >= rows; i++) row -= rows;
    return hoop_fail(err, HOOP_ENONFINITE,
                     "%s: row %lld of %s, %s is %s%s, of which %s can make nothing: leave such rows out, or put a number there "
                     "(hoop data import-csv --missing mean)",
                     path, (long long)row, hoop_dataset_about(m->ds)->field[m->field].path, element_text(m, j, element),
                     isnan(v) ? "NaN"
                     : v > 0  ? "infinite"
                              : "-infinite",
                     m->until != NULL ? " after what is done before" : "", m->key);
}

static hoop_status fail_spread(const moments *m, int64_t j, hoop_error *err)
{
    char element[96];
    return hoop_fail(err, HOOP_ENONFINITE, "%s: %s of %s varies by more than %s can work with, in f64: other units, please",
                     hoop_dataset_path(m->ds, 0, NULL), element_text(m, j, element),
                     hoop_dataset_about(m->ds)->field[m->field].path, m->key);
}

static int64_t row_at(const moments *m, int64_t i)
{
    const int64_t length = hoop_dataset_about(m->ds)->length;
    return m->rows == length ? i : (int64_t)((__int128)i * (length - 1) / (m->rows - 1));
}

/* which elements of rows (shape[ndim]) go together, and room for their numbers */
static hoop_status set_groups(moments *m, int ndim, const int64_t *shape, hoop_error *err)
{
    int d    = m->over != HOOP_NORMALIZE_CHANNEL || ndim == 0 ? -1 : ndim > 2 ? 0 : ndim - 1;
    m->width = m->inner = 1;
    for (int i = 0; i < ndim; i++) m->width *= shape[i];
    if (m->like != NULL && hoop_tensor_numel(m->like) < m->width) {
        d = -1;
        for (int i = 0; i < ndim; i++)
            if (hoop_tensor_size(m->like, i) > 1) d = i;
        m->groups = d < 0 ? 1 : shape[d];
    } else {
        m->groups = m->like != NULL || m->over == HOOP_NORMALIZE_ELEMENT ? m->width : d < 0 ? 1 : shape[d];
    }
    if (m->groups < m->width)
        for (int i = d + 1; i < ndim; i++) m->inner *= shape[i];
    m->mean     = calloc((size_t)m->groups + 1, sizeof *m->mean);
    m->variance = calloc((size_t)m->groups + 1, sizeof *m->variance);
    m->inverse  = calloc((size_t)m->groups + 1, sizeof *m->inverse);
    m->x        = malloc((size_t)(CHUNK * m->width + 1) * sizeof *m->x);
    return m->mean != NULL && m->variance != NULL && m->inverse != NULL && m->x != NULL
               ? HOOP_OK
               : hoop_fail(err, HOOP_ENOMEM, "no memory for statistics of the data");
}

/* Rows index[n] into m->x: of the data, or of what is made of them before. */
static hoop_status read_rows(moments *m, const int64_t *index, int64_t n, hoop_error *err)
{
    const hoop_dataset_field *f = &hoop_dataset_about(m->ds)->field[m->field];
    hoop_tensor              *y;
    hoop_status               st = HOOP_OK;
    if (m->until == NULL) {
        if (m->x == NULL) st = set_groups(m, f->ndim, f->shape, err);
        return st == HOOP_OK ? hoop_dataset_read(m->ds, index, n, m->field, HOOP_F64, m->x, err) : st;
    }
    if (m->raw == NULL) m->raw = malloc((size_t)(CHUNK * f->numel + 1) * sizeof(double));
    if (m->raw == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for statistics of the data");
    HOOP_TRY(st, done, hoop_dataset_read(m->ds, index, n, m->field, m->tr->data->field[m->field].dtype, m->raw, err));
    HOOP_TRY(st, done, hoop__transform_run(m->tr, m->field, m->until, n, m->raw, err, &y));
    if (m->x == NULL) HOOP_TRY(st, done, set_groups(m, hoop_tensor_ndim(y) - 1, hoop_tensor_shape(y) + 1, err));
    for (int64_t i = 0; i < n * m->width; i++) m->x[i] = hoop__value_at(hoop_tensor_data(y), hoop_tensor_dtype(y), i);
done:
    return st;
}

/* One row; `before`: how many there were. */
static hoop_status add_row(moments *m, const double *x, int64_t row, int64_t before, hoop_error *err)
{
    const int64_t outer = m->width / (m->groups * m->inner);
    int64_t       count = before * outer * m->inner; /* in each group */
    for (int64_t o = 0; o < outer; o++, count += m->inner)
        for (int64_t j = 0; j < m->groups; j++)
            for (int64_t i = 0; i < m->inner; i++, x++) {
                const double d = *x - m->mean[j];
                if (!isfinite(*x)) return fail_nonfinite(m, row, j, *x, err);
                m->mean[j] += d / (double)(count + i + 1);
                m->variance[j] += d * (*x - m->mean[j]);
            }
    return HOOP_OK;
}

static hoop_status find_moments(void *ctx, hoop_error *err)
{
    moments    *m = ctx;
    int64_t     index[CHUNK];
    hoop_status st = HOOP_OK;
    for (int64_t at = 0; at < m->rows && st == HOOP_OK; at += CHUNK) {
        const int64_t n = m->rows - at < CHUNK ? m->rows - at : CHUNK;
        for (int64_t i = 0; i < n; i++) index[i] = row_at(m, at + i);
        st = read_rows(m, index, n, err);
        for (int64_t i = 0; i < n && st == HOOP_OK; i++) st = add_row(m, m->x + i * m->width, index[i], at + i, err);
    }
    for (int64_t j = 0, numbers = m->groups > 0 ? m->rows * (m->width / m->groups) : 0; j < m->groups && st == HOOP_OK; j++) {
        m->variance[j] /= (double)numbers;
        m->inverse[j] = m->variance[j] > 0.0 ? 1.0 / sqrt(m->variance[j]) : 1.0;
        if (!isfinite(m->variance[j])) st = fail_spread(m, j, err);
    }
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
static void note_large_means(const hoop_trainer *tr, const moments *m)
{
    enum { BITS_WANTED = 8 };
    const hoop__field *f     = &tr->data->field[m->field];
    const int64_t      width = m->groups;
    int64_t            many = 0, first = 0;
    if (f->dtype != HOOP_F32) return;
    for (int64_t j = width - 1; j >= 0; j--) {
        const double deviation = sqrt(m->variance[j]);
        if (deviation == 0 || fabs(m->mean[j]) < ldexp(deviation, 24 - BITS_WANTED)) continue;
        many++;
        first = j;
    }
    if (many > 0)
        hoop__note(tr,
                   "warning: data.normalize: element %lld of %s has mean %.9g and deviation %.3g (%lld element%s like it): f32 "
                   "keeps little of what varies; store it as f64, or take the mean out of the data",
                   (long long)first, f->name, m->mean[first], sqrt(m->variance[first]), (long long)many, many == 1 ? "" : "s");
}

static hoop_status share(hoop_trainer *tr, hoop_tensor *buffer, const char *what, hoop_error *err)
{
    const int64_t bytes = hoop_tensor_numel(buffer) * (int64_t)hoop_dtype_size(hoop_tensor_dtype(buffer));
    hoop_status   st    = hoop_comm_broadcast(tr->comm, 0, hoop_tensor_data(buffer), bytes, what, err);
    hoop_tensor_touch(buffer);
    return st;
}

/* Moments of field k of the training data; `key`: what for. */
static moments moments_of(hoop_trainer *tr, int k, int over, const char *key)
{
    return (moments){.tr    = tr,
                     .ds    = tr->data->train,
                     .field = k,
                     .over  = over,
                     .key   = key,
                     .rows  = hoop_dataset_about(tr->data->train)->length};
}

/* An input's, as it is where `mean` is to be taken away. */
static hoop_status share_input(hoop_trainer *tr, int k, const hoop_module *until, hoop_tensor *mean, hoop_tensor *inverse,
                               hoop_error *err)
{
    hoop__task  task = {.joinable = false};
    bool        root = hoop_comm_rank(tr->comm) == 0;
    moments     m    = moments_of(tr, k, 0,
                           tr->data->field[k].transform != NULL                 ? "data.transform"
                                  : hoop__field_asks(tr, k) > HOOP__NORMALIZE_STANDARD ? "data.normalize"
                                                                                       : "data.normalize: standard");
    hoop_status st;
    m.until = until;
    m.like  = mean;
    if (root) hoop__task_start(&task, find_moments, &m);
    HOOP_TRY(st, done, hoop__task_wait(tr, &task, "statistics of the data", err));
    if (root) {
        store(mean, m.mean);
        store(inverse, m.inverse);
        if (until == NULL) note_large_means(tr, &m);
    }
    HOOP_TRY(st, done, share(tr, mean, "mean of the data", err));
    HOOP_TRY(st, done, share(tr, inverse, "deviation of the data", err));
done:
    hoop__task_join(&task);
    moments_free(&m);
    return st;
}

static hoop_status share_normalized(hoop_trainer *tr, int k, hoop_error *err)
{
    char         name[HOOP__BUFFER_NAME];
    hoop_tensor *mean    = find_buffer(tr->params, hoop__field_buffer(tr, k, "mean", name)),
                *inverse = find_buffer(tr->params, hoop__field_buffer(tr, k, "inverse_std", name));
    return share_input(tr, k, NULL, mean, inverse, err);
}

/* each from what is made of the data before it */
static hoop_status share_transform(hoop_trainer *tr, int k, hoop_error *err)
{
    const hoop_module *m  = NULL;
    hoop_status        st = HOOP_OK;
    while (st == HOOP_OK && (m = hoop__transform_measured(tr, k, m)) != NULL)
        st = share_input(tr, k, m == hoop_module_first(tr->data->field[k].transform) ? NULL : m, hoop_module_tensor(m, 0),
                         hoop_module_tensor(m, 1), err);
    return st;
}

static hoop_status share_target(hoop_trainer *tr, hoop__field *f, hoop_error *err)
{
    hoop_status st;
    if (f->found != NULL) {
        store(f->mean, f->found);
        store(f->std, f->found + hoop_tensor_numel(f->mean));
    }
    st = share(tr, f->mean, "mean of the targets", err);
    return st == HOOP_OK ? share(tr, f->std, "deviation of the targets", err) : st;
}

/* rank 0 looks at the data, all get the buffers; constant elements are centred only */
hoop_status hoop__data_normalize(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->data->train == NULL || tr->model == NULL || tr->opts.resume != NULL) return HOOP_OK;
    for (int k = 0; k < tr->data->ninputs && st == HOOP_OK; k++) {
        if (tr->data->field[k].normalized) st = share_normalized(tr, k, err);
        if (st == HOOP_OK) st = share_transform(tr, k, err);
    }
    for (int k = 0; k < tr->data->ntargets && st == HOOP_OK; k++)
        if (hoop__target(tr, k)->mean != NULL) st = share_target(tr, hoop__target(tr, k), err);
    return st;
}

/* ---- what is decided before the model is built ---- */

/* Of one field. */
typedef struct decision {
    int64_t normalize, f64;  /* f64: the mean of an input is taken away in f64 */
    int64_t asked;           /* by this column of a target; -1: by the config or a checkpoint */
    double  mean, deviation; /* of that */
} decision;

typedef struct deciding {
    hoop_trainer *tr;
    moments      *found; /* of targets that are normalised */
    decision     *out;
} deciding;

/* Does a target want to be normalised? Networks begin with outputs around 0 that vary by about 1. */
static bool asks(double mean, double deviation)
{
    return deviation > 0 ? deviation < 0.1 || deviation > 10 || fabs(mean) > 10 * deviation : fabs(mean) > 10;
}

/* Of tables: the elements of a field or image are weighed against each other as they are. Looks at a sample of many rows. */
static hoop_status look_at_target(const moments *all, decision *out, hoop_error *err)
{
    enum { MOST_TARGETS = 64, ALL_ELEMENTS = 1 << 22, SAMPLE = 4096, SAMPLE_CHUNKED = 64 };
    const hoop_dataset_info  *info = hoop_dataset_about(all->ds);
    const hoop_dataset_field *y    = &info->field[all->field];
    moments                   m    = *all;
    hoop_status               st;
    if (y->ndim > 1 || y->numel > MOST_TARGETS || y->varies) return HOOP_OK;
    if (info->length > ALL_ELEMENTS / y->numel) m.rows = info->mapped ? SAMPLE : SAMPLE_CHUNKED;
    st = find_moments(&m, err);
    for (int64_t j = 0; j < y->numel && st == HOOP_OK && out->normalize == 0; j++) {
        if (!asks(m.mean[j], sqrt(m.variance[j]))) continue;
        *out = (decision){.normalize = 1, .asked = j, .mean = m.mean[j], .deviation = sqrt(m.variance[j])};
    }
    moments_free(&m);
    return st;
}

static void decide_input(const hoop_trainer *tr, int k, const hoop__peek *is, decision *out)
{
    out->normalize = hoop__field_asks(tr, k) >= HOOP__NORMALIZE_STANDARD;
    if (tr->data->train != NULL) { /* f32 and u8 are f32 already */
        const hoop_dtype x = hoop_dataset_about(tr->data->train)->field[k].dtype;
        out->f64           = x == HOOP_F64 || x == HOOP_I64 || x == HOOP_I32;
    }
    if (is->found) out->f64 = is->field[k].mean == HOOP_F64;
}

static hoop_status decide_target(deciding *d, int k, const hoop__peek *is, decision *out, hoop_error *err)
{
    hoop_trainer *tr    = d->tr;
    const int     asked = hoop__field_asks(tr, k);
    hoop_status   st    = HOOP_OK;
    if (tr->data->field[k].loss->element == NULL) return HOOP_OK; /* of classes, say */
    out->normalize = asked >= HOOP__NORMALIZE_STANDARD;
    if (asked == HOOP__NORMALIZE_AUTO && tr->opts.resume != NULL) out->normalize = is->field[k].normalized;
    if (tr->data->train == NULL || tr->opts.resume != NULL) return HOOP_OK;
    d->found[k] = moments_of(tr, k, asked > HOOP__NORMALIZE_STANDARD ? asked - HOOP__NORMALIZE_STANDARD : 0, "normalize_targets");
    if (asked == HOOP__NORMALIZE_AUTO) st = look_at_target(&d->found[k], out, err);
    return st == HOOP_OK && out->normalize != 0 ? find_moments(&d->found[k], err) : st;
}

static hoop_status decide(void *ctx, hoop_error *err)
{
    deciding           *d  = ctx;
    const hoop_trainer *tr = d->tr;
    const int           n  = tr->data->ninputs + tr->data->ntargets;
    hoop__peek          is = {.found = false};
    hoop_status         st = HOOP_OK;
    if (tr->opts.resume != NULL) hoop__load_peek(tr, tr->opts.resume, &is);
    for (int k = 0; k < n && st == HOOP_OK; k++) {
        d->out[k] = (decision){.asked = -1};
        if (k < tr->data->ninputs)
            decide_input(tr, k, &is, &d->out[k]);
        else
            st = decide_target(d, k, &is, &d->out[k], err);
    }
    return st;
}

/* What rank 0 found of a target, for the buffers that are still to be made: means, then deviations, of each element. */
static hoop_status keep_target(hoop__field *f, const moments *m, hoop_error *err)
{
    const int64_t n = m->width;
    f->found        = malloc((size_t)(2 * n) * sizeof *f->found);
    if (f->found == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for statistics of the targets");
    for (int64_t e = 0; e < n; e++) {
        const int64_t j = e / m->inner % m->groups;
        f->found[e]     = m->mean[j];
        f->found[n + e] = m->variance[j] > 0.0 ? sqrt(m->variance[j]) : 1.0;
    }
    return HOOP_OK;
}

static void tell_asked(hoop_trainer *tr, int k, const decision *d)
{
    const moments      m       = {.ds = tr->data->train, .field = k, .inner = 1};
    const hoop__specs *fields  = &tr->plan->specs;
    const bool         several = tr->data->ntargets > 1;
    char               element[96], key[128];
    hoop__note(tr,
               "targets%s%s are normalised, since %s of %s has mean %.9g and deviation %.3g (%s: none leaves them); losses and "
               "predictions are in the data's units",
               several ? " of " : "", several ? tr->data->field[k].name : "", element_text(&m, d->asked, element),
               tr->data->field[k].name, d->mean, d->deviation, hoop__specs_key(fields, k, "normalize", key));
}

static void take_decisions(hoop_trainer *tr, const decision *d)
{
    hoop__data *data = tr->data;
    for (int k = 0; k < data->ninputs + data->ntargets; k++) {
        hoop__field *f = &data->field[k];
        f->normalized  = d[k].normalize != 0;
        if (f->normalized && (k >= data->ninputs || d[k].f64 != 0)) f->dtype = HOOP_F64;
        if (k < data->ninputs && d[k].f64 != 0 && hoop__transform_begins(tr, k)) f->dtype = HOOP_F64;
    }
}

static bool anything_to_decide(const hoop_trainer *tr)
{
    bool any = false;
    if (tr->opts.params != NULL || (tr->data->train == NULL && tr->opts.resume == NULL)) return false;
    for (int k = 0; k < tr->data->ninputs + tr->data->ntargets; k++)
        any = any || (k < tr->data->ninputs ? hoop__field_asks(tr, k) != HOOP__NORMALIZE_NONE || hoop__transform_begins(tr, k)
                                            : tr->data->field[k].loss->element != NULL);
    return any;
}

hoop_status hoop__data_decide(hoop_trainer *tr, hoop_error *err)
{
    const int   n     = tr->data->ninputs + tr->data->ntargets;
    hoop__task  task  = {.joinable = false};
    bool        root  = hoop_comm_rank(tr->comm) == 0;
    deciding    d     = {.tr = tr, .found = calloc((size_t)n, sizeof *d.found), .out = calloc((size_t)n, sizeof *d.out)};
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st    = HOOP_OK;
    if (d.found == NULL || d.out == NULL) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for statistics of the data");
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    if (anything_to_decide(tr)) {
        if (root) hoop__task_start(&task, decide, &d);
        HOOP_TRY(st, done, hoop__task_wait(tr, &task, "statistics of the targets", err));
        for (int k = tr->data->ninputs; k < n && root && local.status == HOOP_OK; k++)
            if (d.found[k].mean != NULL) (void)keep_target(&tr->data->field[k], &d.found[k], &local);
        HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
        HOOP_TRY(st, done, hoop_comm_broadcast(tr->comm, 0, d.out, n * (int64_t)sizeof *d.out, "what to normalize", err));
        for (int k = tr->data->ninputs; k < n && root; k++)
            if (d.out[k].asked >= 0 && d.out[k].normalize != 0) tell_asked(tr, k, &d.out[k]);
        take_decisions(tr, d.out);
    }
    /* what a resolved config of x and y says; of named fields, it stays as it was, and a checkpoint tells */
    if (!tr->plan->specs.named)
        tr->plan->data.normalize_targets = !hoop__target(tr, 0)->normalized                     ? HOOP__NORMALIZE_NONE
                                           : hoop__field_asks(tr, 1) > HOOP__NORMALIZE_STANDARD ? hoop__field_asks(tr, 1)
                                                                                                : HOOP__NORMALIZE_STANDARD;
done:
    hoop__task_join(&task);
    for (int k = 0; k < n && d.found != NULL; k++) moments_free(&d.found[k]);
    free(d.found);
    free(d.out);
    if (local.status != HOOP_OK) (void)hoop_fail(err, local.status, "%s", local.text);
    return st;
}
