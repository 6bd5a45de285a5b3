/* Read a dataset from end to end. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "data/dataset.h"
#include "hoop/import.h"

enum { STEP_BYTES = 1 << 20 };

typedef struct check {
    hoop_dataset       *ds;
    hoop_verify_report *report;
    int64_t             done_bytes, all_bytes;
    void (*progress)(void *ctx, double fraction);
    void *ctx;
} check;

/* Least and greatest of n stored elements; returns the place of the first that is not finite, -1 if all are. */
static int64_t extremes(hoop_dtype dtype, const void *data, int64_t n, double *low, double *high)
{
    int64_t bad = -1;
    switch (dtype) {
#define EXTREMES(NAME, name, type)                                                                                               \
    case HOOP_##NAME: {                                                                                                          \
        const hoop_stored_##NAME *x = data;                                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                                                        \
            const double v = (double)x[i];                                                                                       \
            if (!isfinite(v) && bad < 0) bad = i;                                                                                \
            if (v < *low) *low = v;                                                                                              \
            if (v > *high) *high = v;                                                                                            \
        }                                                                                                                        \
        break;                                                                                                                   \
    }
        HOOP_DTYPE_LIST(EXTREMES)
#undef EXTREMES
    default:
        break;
    }
    return bad;
}

static int64_t label_at(hoop_dtype dtype, const void *data, int64_t i)
{
    return dtype == HOOP_U8    ? ((const hoop_stored_U8 *)data)[i]
           : dtype == HOOP_I32 ? ((const hoop_stored_I32 *)data)[i]
                               : ((const hoop_stored_I64 *)data)[i];
}

static hoop_status check_labels(const hoop_shard *s, int64_t row, int64_t per, const hoop_dataset_field *f, int64_t classes,
                                hoop_dtype dtype, const void *data, int64_t n, hoop_error *err)
{
    for (int64_t i = 0; classes > 0 && i < n; i++) {
        const int64_t v = label_at(dtype, data, i);
        if (v < 0 || v >= classes)
            return hoop_fail(err, HOOP_ERANGE, "%s: row %lld of %s is class %lld; 0 to %lld are wanted", s->path,
                             (long long)(row + i / per), f->path, (long long)v, (long long)classes - 1);
    }
    return HOOP_OK;
}

/* Rows as they are presented, in *seen: free it; each has `per` elements. */
static hoop_status present(const check *c, const hoop_shard *s, int field, int64_t row, int64_t rows, int64_t per,
                           const unsigned char *data, hoop_dtype as, hoop_reading_faults *faults, hoop_error *err, char **seen)
{
    const hoop_field  *of     = &c->ds->field[field];
    hoop_dataset_field stored = of->stored;
    const size_t       step   = (size_t)per * hoop_dtype_size(as);
    if (s->field[field].varies) stored.numel = per;
    *seen = malloc((size_t)rows * step + 1);
    if (*seen == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory to read %s", s->path, of->opts.path);
    for (int64_t i = 0; i < rows; i++)
        hoop__reading_row(&s->field[field].reading, &stored, data + i * of->row_bytes, as, *seen + (size_t)i * step, s->path,
                          row + i, faults);
    return HOOP_OK;
}

/* A value that is wrong goes to `content`, and is said only if the checksum is right: else it is damage. */
static hoop_status check_rows(check *c, hoop_shard *s, int field, int64_t row, int64_t rows, hoop_sum *sum, hoop_rows *got,
                              hoop_reading_faults *faults, hoop_error *content, hoop_error *err)
{
    const hoop_dataset_field *f      = &c->ds->field[field].read;
    const void               *data   = NULL;
    const int64_t             before = faults->count;
    hoop_dtype                as     = f->dtype;
    double                    low = INFINITY, high = -INFINITY;
    char                     *seen = NULL;
    int64_t                   bad, per;
    hoop_status               st = hoop__shard_rows(c->ds, s, field, row, rows, INT64_MAX, got, err);
    if (st != HOOP_OK) return st;
    per  = s->field[field].varies ? got->n : f->numel;
    data = got->data;
    if (rows * per == 0) return HOOP_OK;
    hoop__sum_add(sum, data, got->n * c->ds->field[field].row_bytes);
    if (s->field[field].reading.used) {
        as   = f->dtype == HOOP_F32 ? HOOP_F64 : hoop_dtype_is_float(f->dtype) ? f->dtype : HOOP_I64;
        st   = present(c, s, field, row, rows, per, got->data, as, faults, err, &seen);
        data = seen;
        if (st != HOOP_OK || faults->count > before) goto done; /* said at the end, with how many there are */
    }
    bad = extremes(as, data, rows * per, &low, &high);
    if (bad >= 0) {
        (void)hoop_fail(content, HOOP_ENONFINITE, "%s: row %lld of %s, element %lld, is not finite", s->path,
                        (long long)(row + bad / per), f->path, (long long)(bad % per));
        goto done;
    }
    if (seen == NULL) { /* else it was multiplied by it */
        low *= f->scale;
        high *= f->scale;
    }
    if (fmin(low, high) < c->report->field[field].least) c->report->field[field].least = fmin(low, high);
    if (fmax(low, high) > c->report->field[field].greatest) c->report->field[field].greatest = fmax(low, high);
    if (c->ds->field[field].opts.role == HOOP_TARGET && !hoop_dtype_is_float(f->dtype))
        (void)check_labels(s, row, per, f, c->ds->shown[field].classes, as, data, rows * per, content);
done:
    free(seen);
    return st;
}

static bool stored_sum(const hoop_shard *s, const char *name, char out[HOOP_SUM_TEXT])
{
    hid_t         file, dset;
    bool          found = false;
    hoop_h5_quiet quiet;
    hoop__h5_quiet(&quiet);
    if (hoop__h5_open(s->path, NULL, &file, NULL) == HOOP_OK) {
        dset = H5Dopen2(file, name, H5P_DEFAULT);
        if (dset >= 0) {
            found = hoop__h5_attr_string(dset, "xxh3_128", out, HOOP_SUM_TEXT);
            (void)H5Dclose(dset);
        }
        (void)H5Fclose(file);
    }
    (void)H5Eclear2(H5E_DEFAULT);
    hoop__h5_restore(&quiet);
    return found;
}

static hoop_status check_field(check *c, hoop_shard *s, int field, hoop_error *err)
{
    const hoop_shard_field *f     = &s->field[field];
    const int64_t           bytes = c->ds->field[field].row_bytes;
    const int64_t           step  = f->varies ? 1 : f->rows != NULL ? STEP_BYTES / bytes + 1 : f->block_rows;
    hoop_rows               got   = {0};
    hoop_sum               *sum   = hoop__sum_create();
    char                    is[HOOP_SUM_TEXT], want[HOOP_SUM_TEXT];
    hoop_status             st = sum == NULL ? hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a checksum", s->path) : HOOP_OK;
    hoop_error              content = {0};
    hoop_reading_faults     faults  = {0};
    for (int64_t row = 0; row < f->nrows && st == HOOP_OK; row += step) {
        const int64_t rows = f->nrows - row < step ? f->nrows - row : step;
        (void)pthread_mutex_lock(&c->ds->lock);
        st = check_rows(c, s, field, row, rows, sum, &got, &faults, &content, err);
        (void)pthread_mutex_unlock(&c->ds->lock);
        c->done_bytes += rows * bytes;
        if (c->progress != NULL) c->progress(c->ctx, (double)c->done_bytes / (double)c->all_bytes);
    }
    if (st == HOOP_OK && f->cut.whole && !f->varies && stored_sum(s, c->ds->field[field].object, want)) {
        hoop__sum_end(sum, is);
        if (strcmp(is, want) != 0)
            st = hoop_fail(err, HOOP_ECHECKSUM, "%s: %s is damaged: its checksum does not match", s->path,
                           c->ds->field[field].opts.path);
        else
            c->report->checksums++;
    }
    if (st == HOOP_OK) st = hoop__reading_verdict(&faults, c->ds->field[field].opts.path, err);
    if (st == HOOP_OK && content.status != HOOP_OK) st = hoop_fail(err, content.status, "%s", content.text);
    free(got.space);
    hoop__sum_destroy(&sum);
    return st;
}

hoop_status hoop_dataset_verify(hoop_dataset *ds, void (*progress)(void *ctx, double fraction), void *ctx, hoop_error *err,
                                hoop_verify_report *report)
{
    hoop_verify_report local;
    check              c  = {.ds = ds, .report = report != NULL ? report : &local, .progress = progress, .ctx = ctx};
    hoop_status        st = HOOP_OK;
    *c.report             = (hoop_verify_report){.rows = ds->info.length};
    for (int k = 0; k < ds->nfields; k++) {
        c.report->field[k].least    = INFINITY;
        c.report->field[k].greatest = -INFINITY;
    }
    for (int i = 0; i < ds->info.shards; i++)
        for (int k = 0; k < ds->nfields; k++) c.all_bytes += ds->shard[i].field[k].nrows * ds->field[k].row_bytes;
    for (int i = 0; i < ds->info.shards && st == HOOP_OK; i++)
        for (int k = 0; k < ds->nfields && st == HOOP_OK; k++)
            if (ds->shown[k].present) st = check_field(&c, &ds->shard[i], k, err);
    return st;
}
