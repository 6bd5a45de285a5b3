#include "train/labels.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCAN_ROWS = 4096, SAMPLE_ROWS = 4096, SAMPLE_BYTES = 64 << 20, MANY_CLASSES = 65536 };

hoop_dataset_opts hoop__labels_dataset_opts(const hoop__data_opts *data)
{
    return (hoop_dataset_opts){.x           = data->x,
                               .y           = data->y,
                               .cache_bytes = data->cache_mb << 20,
                               .attributes  = (hoop_dataset_attributes)data->attributes,
                               .labels      = (hoop_dataset_labels)data->labels,
                               .classes     = data->classes};
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

const char *hoop__labels_advice(hoop_dataset *ds, char out[192])
{
    const hoop_dataset_info  *info = hoop_dataset_about(ds);
    const hoop_dataset_field *y    = &info->field[HOOP_FIELD_Y];
    int64_t                   n = info->length < SAMPLE_ROWS ? info->length : SAMPLE_ROWS, rows = 0, hot = 0, count = 0;
    int64_t                   index;
    double                   *row = y->numel <= SAMPLE_BYTES / 8 ? malloc((size_t)y->numel * sizeof *row) : NULL;
    if (y->numel > 1 && n > SAMPLE_BYTES / 8 / y->numel) n = SAMPLE_BYTES / 8 / y->numel;
    for (int64_t i = 0; i < n && row != NULL; i++) { /* evenly spaced, first and last included */
        index = n == 1 ? 0 : (int64_t)((double)i * (double)(info->length - 1) / (double)(n - 1));
        if (hoop_dataset_read(ds, &index, 1, HOOP_FIELD_Y, HOOP_F64, row, NULL) != HOOP_OK) break;
        rows++;
        hot += one_hot(row, y->numel);
        count += whole(row, y->numel);
    }
    free(row);
    if (rows > 0 && rows == n && 10 * hot >= 9 * rows && y->ndim == 1) /* others among them are named when they are read so */
        (void)snprintf(out, 192,
                       "; its rows are one 1 among zeros (one-hot): data.labels: one_hot takes them as classes 0 to %lld",
                       (long long)y->numel - 1);
    else if (rows > 0 && rows == n && count == rows && y->numel == 1 && hoop_dtype_is_float(y->dtype))
        (void)snprintf(
            out, 192,
            "; they are whole numbers: data.labels: whole takes them as classes, or import again with --classes; for real "
            "targets, loss: mse");
    else
        (void)snprintf(out, 192, "%s", hoop_dtype_is_float(y->dtype) ? "; for real targets, loss: mse" : "");
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

static hoop_status wrong_label(const hoop_dataset *ds, int64_t label, int64_t row, int64_t limit, const char *who,
                               hoop_error *err)
{
    const char *name = hoop_dataset_about(ds)->field[HOOP_FIELD_Y].path, *path = hoop__labels_shard(ds, &row);
    if (limit > 0)
        return hoop_fail(err, HOOP_ERANGE, "%s: label %lld in row %lld of %s; %s 0 to %lld", path, (long long)label,
                         (long long)row, name, who, (long long)limit - 1);
    return hoop_fail(err, HOOP_ERANGE, "%s: label %lld in row %lld of %s; they start at 0 (%d is ignored)", path,
                     (long long)label, (long long)row, name, HOOP_IGNORE_LABEL);
}

hoop_status hoop__labels_scan(hoop_dataset *ds, int64_t limit, const char *who, hoop_error *err, int64_t *classes)
{
    const hoop_dataset_info *info = hoop_dataset_about(ds);
    int64_t                  per = info->field[HOOP_FIELD_Y].numel, *index = malloc(SCAN_ROWS * sizeof *index), *label = NULL;
    int64_t                  step = per > SCAN_ROWS ? 1 : SCAN_ROWS, most = -1, most_row = 0;
    hoop_status              st = HOOP_OK;
    label                       = malloc((size_t)(step * (per > 0 ? per : 1)) * sizeof *label);
    if (index == NULL || label == NULL) st = hoop_fail(err, HOOP_ENOMEM, "no memory to read labels");
    for (int64_t at = 0; at < info->length && st == HOOP_OK; at += step) {
        int64_t n = info->length - at < step ? info->length - at : step;
        for (int64_t i = 0; i < n; i++) index[i] = at + i;
        st = hoop_dataset_read(ds, index, n, HOOP_FIELD_Y, HOOP_I64, label, err);
        for (int64_t i = 0; i < n * per && st == HOOP_OK; i++) {
            if (label[i] > most) {
                most     = label[i];
                most_row = at + i / per;
            }
            if ((label[i] < 0 || (limit > 0 && label[i] >= limit)) && label[i] != HOOP_IGNORE_LABEL)
                st = wrong_label(ds, label[i], at + i / per, limit, who, err);
        }
    }
    if (st == HOOP_OK && limit == 0 && most >= MANY_CLASSES && most / per >= info->length) {
        const char *path = hoop__labels_shard(ds, &most_row);
        st               = hoop_fail(err, HOOP_ERANGE,
                                     "%s: label %lld in row %lld of %s, and there are only %lld labels: a model would get as many outputs; "
                                                   "number the classes from 0, or data.classes: %lld if there are so many",
                                     path, (long long)most, (long long)most_row, info->field[HOOP_FIELD_Y].path,
                                     (long long)(info->length * per), most < INT64_MAX ? (long long)most + 1 : (long long)most);
    }
    free(index);
    free(label);
    *classes = most < INT64_MAX ? most + 1 : most;
    return st;
}
