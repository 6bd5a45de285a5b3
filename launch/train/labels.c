#include "train/labels.h"

#include "hoop/loss.h"
#include "hoop/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCAN_ROWS = 4096, SAMPLE_ROWS = 4096, SAMPLE_BYTES = 64 << 20, MANY_CLASSES = 65536 };

_Static_assert(HOOP_PADDING_LABEL == (int)HOOP_IGNORE_LABEL, "padding is left out by losses");

const char *hoop__loss_of(bool classes)
{
    const hoop_loss_kind *k;
    for (int i = 0; (k = hoop_loss_get(i)) != NULL; i++)
        if (k->classes == classes) return k->name;
    return "none";
}

/* ---- what targets look like ---- */

static bool one_hot(const double *row, int64_t n)
{
    int64_t ones = 0, zeros = 0;
    for (int64_t i = 0; i < n; i++) {
        ones += row[i] == 1;
        zeros += row[i] == 0;
    }
    return n > 1 && ones == 1 && zeros == n - 1;
}

static bool whole(const double *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!(row[i] >= -1e9 && row[i] <= 1e9 && row[i] == (double)(int64_t)row[i])) return false;
    return true;
}

const char *hoop__labels_advice(hoop_dataset *ds, int field, const char *key, char out[HOOP__ADVICE])
{
    const hoop_dataset_info  *info = hoop_dataset_about(ds);
    const hoop_dataset_field *y    = &info->field[field];
    const bool                real = hoop_dtype_is_float(y->dtype);
    int64_t                   n = info->length < SAMPLE_ROWS ? info->length : SAMPLE_ROWS, rows = 0, hot = 0, count = 0;
    int64_t                   index;
    double *row = y->numel >= 0 && y->numel <= SAMPLE_BYTES / 8 ? malloc((size_t)y->numel * sizeof *row + 1) : NULL;
    if (y->numel > 1 && n > SAMPLE_BYTES / 8 / y->numel) n = SAMPLE_BYTES / 8 / y->numel;
    for (int64_t i = 0; i < n && row != NULL; i++) { /* evenly spaced, first and last included */
        index = n == 1 ? 0 : (int64_t)((double)i * (double)(info->length - 1) / (double)(n - 1));
        if (hoop_dataset_read(ds, &index, 1, field, HOOP_F64, row, NULL) != HOOP_OK) break;
        rows++;
        hot += one_hot(row, y->numel);
        count += whole(row, y->numel);
    }
    free(row);
    if (rows > 0 && rows == n && 10 * hot >= 9 * rows && y->ndim == 1) /* others among them are named when they are read so */
        (void)snprintf(out, HOOP__ADVICE,
                       "; its rows are one 1 among zeros (one-hot): %s: one_hot takes them as classes 0 to %lld", key,
                       (long long)y->numel - 1);
    else if (rows > 0 && rows == n && count == rows && y->numel == 1 && real)
        (void)snprintf(out, HOOP__ADVICE,
                       "; they are whole numbers: %s: whole takes them as classes, or import again with --classes; for real "
                       "targets, loss: %s",
                       key, hoop__loss_of(false));
    else
        (void)snprintf(out, HOOP__ADVICE, real ? "; for real targets, loss: %s" : "%.0s", hoop__loss_of(false));
    return out;
}

/* ---- how many there are ---- */

const char *hoop__labels_shard(const hoop_dataset *ds, int64_t *row)
{
    int64_t length;
    for (int i = 0;; i++) {
        const char *path = hoop_dataset_path(ds, i, &length);
        if (path == NULL || *row < length) return path;
        *row -= length;
    }
}

static hoop_status wrong_label(const hoop_dataset *ds, int field, int64_t label, int64_t row, int64_t limit, const char *who,
                               hoop_error *err)
{
    const char *name = hoop_dataset_about(ds)->field[field].path, *path = hoop__labels_shard(ds, &row);
    if (limit > 0)
        return hoop_fail(err, HOOP_ERANGE, "%s: label %lld in row %lld of %s; %s 0 to %lld", path, (long long)label,
                         (long long)row, name, who, (long long)limit - 1);
    return hoop_fail(err, HOOP_ERANGE, "%s: label %lld in row %lld of %s; they start at 0 (%d is ignored)", path,
                     (long long)label, (long long)row, name, HOOP_IGNORE_LABEL);
}

/* How many rows are read at a time, and labels of them. */
typedef struct reading {
    int64_t *index, *label, *length;
    int64_t  step;
} reading;

static hoop_status reading_make(reading *r, const hoop_dataset_field *y, hoop_error *err)
{
    const int64_t most = y->varies ? 1 : SCAN_ROWS;
    r->step            = y->numel > SCAN_ROWS ? 1 : most;
    r->index           = malloc((size_t)r->step * sizeof *r->index);
    r->label           = y->numel < 0 ? NULL : malloc((size_t)(r->step * (y->numel > 0 ? y->numel : 1)) * sizeof *r->label);
    return r->index != NULL && (r->label != NULL || y->numel < 0) ? HOOP_OK
                                                                  : hoop_fail(err, HOOP_ENOMEM, "no memory to read labels");
}

/* A shard of the data, and where its samples begin. */
typedef struct shard {
    int     i;
    int64_t first, rows;
} shard;

/* The sample after `at` that brings rows not seen before: of windows that overlap only so many as cover the series. */
static int64_t next_sample(const hoop_dataset *ds, const hoop_dataset_field *y, int64_t at, shard *s)
{
    const int64_t step = y->window > 0 && y->stride > 0 && y->window > y->stride ? y->window / y->stride : 1,
                  last = s->first + s->rows - 1;
    if (at < last) return step < last - at ? at + step : last;
    s->first += s->rows;
    if (hoop_dataset_path(ds, ++s->i, &s->rows) == NULL) s->rows = 0;
    return s->first;
}

/* Labels of rows r->index[n], *count of them: where rows vary, of one row as long as it is. */
static hoop_status read_labels(hoop_dataset *ds, int field, reading *r, int64_t n, int64_t *count, hoop_error *err)
{
    const hoop_dataset_field *y = &hoop_dataset_about(ds)->field[field];
    int64_t                   length;
    int64_t                  *grown;
    hoop_status               st;
    *count = n * y->numel;
    if (!y->varies) return hoop_dataset_read(ds, r->index, n, field, HOOP_I64, r->label, err);
    st = hoop_dataset_lengths(ds, r->index, n, field, &length, err);
    if (st != HOOP_OK) return st;
    *count = length * hoop_dataset_inner(y);
    grown  = realloc(r->label, (size_t)(*count + 1) * sizeof *grown);
    if (grown == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory to read labels");
    r->label = grown;
    return hoop_dataset_read_padded(ds, r->index, n, field, HOOP_I64, length, r->label, err);
}

hoop_status hoop__labels_scan(hoop_dataset *ds, int field, int64_t limit, const char *who, const char *classes_key,
                              int64_t ignore, hoop_error *err, int64_t *classes)
{
    const hoop_dataset_info  *info     = hoop_dataset_about(ds);
    const hoop_dataset_field *y        = &info->field[field];
    reading                   r        = {0};
    shard                     at_shard = {0};
    int64_t                   most = -1, most_row = 0, all = 0, count;
    hoop_status               st = reading_make(&r, y, err);
    (void)hoop_dataset_path(ds, 0, &at_shard.rows);
    for (int64_t at = 0; at < info->length && st == HOOP_OK;) {
        int64_t n = 0;
        for (; n < r.step && at < info->length; at = next_sample(ds, y, at, &at_shard)) r.index[n++] = at;
        st = read_labels(ds, field, &r, n, &count, err);
        for (int64_t i = 0; i < count && st == HOOP_OK; i++) {
            const int64_t label = r.label[i], row = r.index[i / (count / n)];
            if (label == ignore) continue;
            if (label > most) {
                most     = label;
                most_row = row;
            }
            if ((label < 0 || (limit > 0 && label >= limit)) && label != HOOP_IGNORE_LABEL)
                st = wrong_label(ds, field, label, row, limit, who, err);
        }
        all += count;
    }
    if (st == HOOP_OK && limit == 0 && most >= MANY_CLASSES && most >= all) {
        const char *path = hoop__labels_shard(ds, &most_row);
        st               = hoop_fail(err, HOOP_ERANGE,
                                     "%s: label %lld in row %lld of %s, and there are only %lld labels: a model would get as many outputs; "
                                                   "number the classes from 0, or %s: %lld if there are so many",
                                     path, (long long)most, (long long)most_row, y->path, (long long)all, classes_key,
                       most < INT64_MAX ? (long long)most + 1 : (long long)most);
    }
    free(r.index);
    free(r.label);
    *classes = most < INT64_MAX ? most + 1 : most;
    return st;
}
