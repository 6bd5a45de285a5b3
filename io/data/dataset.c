#include "data/dataset.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "hoop/runtime.h"

enum { FINGERPRINT_ALL = 4 << 20, FINGERPRINT_ROWS = 1024, FINGERPRINT_CHUNKED_ROWS = 64, FINGERPRINT_ROW_BYTES = 4096 };
static const int64_t least_cache_bytes = 64 << 20, most_cache_bytes = 1 << 30;

/* A quarter of a core's share of memory: each core may have its rank, and each rank its cache. */
static int64_t default_cache_bytes(void)
{
    const int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE), cores = sysconf(_SC_NPROCESSORS_ONLN),
                  share = pages > 0 && page > 0 && cores > 0 ? pages / cores * page / 4 : 0;
    return share < least_cache_bytes ? least_cache_bytes : share > most_cache_bytes ? most_cache_bytes : share;
}

hoop_shard *hoop__shard_find(const hoop_dataset *ds, int64_t index)
{
    int low = 0, high = ds->info.shards - 1;
    while (low < high) {
        const int middle = low + (high - low + 1) / 2;
        if (ds->shard[middle].first <= index)
            low = middle;
        else
            high = middle - 1;
    }
    return &ds->shard[low];
}

static void add_number(hoop_sum *sum, int64_t v)
{
    hoop__sum_add(sum, &v, sizeof v);
}

/* How stored values are presented, from which row on; nothing where a cast and a scale are all. */
static void add_readings(const hoop_dataset *ds, int field, hoop_sum *sum)
{
    const hoop_reading *before = NULL;
    for (int i = 0; i < ds->info.shards; i++) {
        const hoop_reading *v         = &ds->shard[i].field[field].reading;
        const double        numbers[] = {v->factor, v->offset, v->low, v->high};
        if (before != NULL ? hoop__reading_equal(v, before) : !v->used) continue;
        add_number(sum, ds->shard[i].first);
        add_number(sum, v->labels);
        add_number(sum,
                   (v->packed ? 1 : 0) + (v->ranged ? 2 : 0) + (v->of_real ? 4 : 0) + (v->no_nan ? 8 : 0) + (v->wide ? 16 : 0));
        hoop__sum_add(sum, numbers, sizeof numbers);
        add_number(sum, v->nmissing);
        hoop__sum_add(sum, v->missing, v->nmissing * (int64_t)sizeof v->missing[0]);
        before = v;
    }
}

/* The stored bytes of evenly spaced samples, first and last included, of each at most `most`; how long it is, where that varies.
 */
static hoop_status add_rows(hoop_dataset *ds, int field, int64_t count, int64_t most, hoop_sum *sum, hoop_error *err)
{
    const hoop_field *f    = &ds->field[field];
    const int64_t     n    = ds->info.length;
    hoop_rows         rows = {0};
    hoop_status       st   = HOOP_OK;
    for (int64_t i = 0; i < count && st == HOOP_OK; i++) {
        const int64_t at = count == 1 ? 0 : (int64_t)((__int128)i * (n - 1) / (count - 1)); /* without overflow */
        hoop_shard   *s  = hoop__shard_find(ds, at);
        int64_t       first, bytes;
        const int64_t span = hoop__sample_rows(f, &s->field[field], at - s->first, &first);
        st                 = hoop__shard_rows(ds, s, field, first, span, most, &rows, err);
        if (st != HOOP_OK) break;
        bytes = rows.n * f->row_bytes;
        if (ds->shown[field].varies) add_number(sum, rows.n);
        hoop__sum_add(sum, rows.data, bytes < most ? bytes : most);
    }
    free(rows.space);
    return st;
}

/* Bytes of a sample of all fields; where its rows vary, as many as are looked at. */
static int64_t sample_bytes(const hoop_dataset *ds)
{
    int64_t sum = 0;
    for (int k = 0; k < ds->nfields; k++) {
        const hoop_field *f = &ds->field[k];
        int64_t           own;
        if (!ds->shown[k].present) continue;
        if (ds->shown[k].varies)
            own = FINGERPRINT_ROW_BYTES;
        else if (__builtin_mul_overflow(f->row_bytes, f->span, &own))
            return INT64_MAX;
        if (__builtin_add_overflow(sum, own, &sum)) return INT64_MAX;
    }
    return sum;
}

/* How samples are made of rows; of the short form's plain fields nothing, as there was never more to say. */
static void add_samples(const hoop_dataset *ds, int field, hoop_sum *sum)
{
    const hoop_field         *f     = &ds->field[field];
    const hoop_dataset_field *shown = &ds->shown[field];
    if (ds->plain) return;
    add_number(sum, (int64_t)shown->role);
    add_number(sum, shown->classes);
    add_number(sum, shown->window);
    add_number(sum, shown->stride);
    add_number(sum, shown->window > 0 || shown->horizon > 0 ? f->lead : 0);
    add_number(sum, shown->varies ? 1 : 0);
}

static hoop_status fingerprint(hoop_dataset *ds, hoop_error *err)
{
    const int64_t n   = ds->info.length;
    hoop_sum     *sum = hoop__sum_create();
    hoop_status   st  = HOOP_OK;
    int64_t       count;
    bool          all;
    if (sum == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a checksum", ds->spec);
    all   = sample_bytes(ds) <= FINGERPRINT_ALL / n;
    count = all ? n : ds->info.mapped ? FINGERPRINT_ROWS : FINGERPRINT_CHUNKED_ROWS;
    if (count > n) count = n;
    add_number(sum, n);
    add_number(sum, ds->plain ? ds->shown[HOOP_FIELD_Y].classes : -ds->nfields);
    for (int k = 0; k < ds->nfields && st == HOOP_OK; k++) {
        const hoop_dataset_field *f = &ds->field[k].stored;
        add_samples(ds, k, sum);
        add_number(sum, f->present);
        if (!f->present) continue;
        add_number(sum, (int64_t)f->dtype);
        add_number(sum, f->ndim);
        hoop__sum_add(sum, f->shape, f->ndim * (int64_t)sizeof f->shape[0]);
        hoop__sum_add(sum, &f->scale, sizeof f->scale);
        add_readings(ds, k, sum);
        st = add_rows(ds, k, count, all ? INT64_MAX : FINGERPRINT_ROW_BYTES, sum, err);
    }
    hoop__sum_end(sum, ds->info.fingerprint);
    hoop__sum_destroy(&sum);
    return st;
}

static hoop_status open_shards(hoop_dataset *ds, hoop_paths *paths, hoop_error *err)
{
    hoop_status   st = HOOP_OK;
    hoop_h5_quiet quiet;
    if (paths->n > INT32_MAX) return hoop_fail(err, HOOP_ESIZE, "%s: too many shards", ds->spec);
    ds->shard = calloc((size_t)paths->n, sizeof *ds->shard);
    if (ds->shard == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld shards", ds->spec, (long long)paths->n);
    hoop__h5_quiet(&quiet);
    ds->info.mapped = ds->info.ours = true;
    for (int i = 0; i < (int)paths->n && st == HOOP_OK; i++) {
        hoop_shard *s  = &ds->shard[i];
        s->path        = paths->path[i];
        paths->path[i] = NULL;
        ds->info.shards++;
        st = hoop__shard_open(ds, i, err);
        if (st != HOOP_OK) break;
        s->first      = ds->info.length;
        ds->info.ours = ds->info.ours && s->ours;
        ds->info.bytes += s->bytes;
        if (__builtin_add_overflow(ds->info.length, s->rows, &ds->info.length))
            st = hoop_fail(err, HOOP_ESIZE, "%s: the number of rows overflows", ds->spec);
    }
    hoop__h5_restore(&quiet);
    return st;
}

/* The fields as they were asked for, with texts of their own. */
static hoop_status take_fields(hoop_dataset *ds, const hoop_dataset_opts *o, hoop_error *err)
{
    const hoop_field_opts own[2] = {{.name = "x", .path = o->x != NULL ? o->x : "/x"},
                                    {.name    = "y",
                                     .path    = o->y != NULL ? o->y : "/y",
                                     .role    = HOOP_TARGET,
                                     .use     = o->use_y,
                                     .labels  = o->labels,
                                     .classes = o->classes}},
                          *f     = o->fields != NULL ? o->fields : own;
    ds->plain                    = o->fields == NULL;
    ds->nfields                  = ds->plain ? 2 : o->nfields;
    if (ds->nfields < 1 || ds->nfields > HOOP_DATASET_FIELDS)
        return hoop_fail(err, HOOP_EARG, "%s: %d fields; 1 to %d are possible", ds->spec, ds->nfields, HOOP_DATASET_FIELDS);
    ds->field = calloc((size_t)ds->nfields, sizeof *ds->field);
    ds->shown = calloc((size_t)ds->nfields, sizeof *ds->shown);
    if (ds->field == NULL || ds->shown == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", ds->spec);
    ds->info.field   = ds->shown;
    ds->info.nfields = ds->nfields;
    for (int k = 0; k < ds->nfields; k++) {
        hoop_field_opts *to = &ds->field[k].opts;
        if (f[k].name == NULL || f[k].name[0] == '\0' || f[k].path == NULL || f[k].path[0] == '\0')
            return hoop_fail(err, HOOP_EARG, "%s: field %d has no %s", ds->spec, k,
                             f[k].name == NULL || f[k].name[0] == '\0' ? "name" : "path");
        for (int j = 0; j < k; j++)
            if (strcmp(f[j].name, f[k].name) == 0)
                return hoop_fail(err, HOOP_EARG, "%s: two fields are called %s", ds->spec, f[k].name);
        *to         = f[k];
        to->name    = strdup(f[k].name);
        to->path    = strdup(f[k].path);
        to->offsets = f[k].offsets != NULL ? strdup(f[k].offsets) : NULL;
        if (to->name == NULL || to->path == NULL || (f[k].offsets != NULL && to->offsets == NULL))
            return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", ds->spec);
        ds->field[k].mapped = true;
    }
    return HOOP_OK;
}

hoop_status hoop_dataset_open(const char *spec, const hoop_dataset_opts *opts, hoop_error *err, hoop_dataset **out)
{
    const hoop_dataset_opts zero  = {0};
    hoop_paths              paths = {0};
    hoop_dataset           *ds    = NULL;
    hoop_status             st;
    *out = NULL;
    if (opts == NULL) opts = &zero;
    if (opts->cache_bytes < 0) return hoop_fail(err, HOOP_EARG, "dataset %s: cache_bytes is negative", spec);
    HOOP_TRY(st, done, hoop__spec_resolve(spec, err, &paths));
    ds = calloc(1, sizeof *ds);
    if (ds == NULL || (ds->spec = strdup(spec)) == NULL) {
        free(ds);
        ds = NULL;
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory", spec);
        goto done;
    }
    (void)pthread_mutex_init(&ds->lock, NULL);
    ds->opts             = (hoop_dataset_opts){.attributes = opts->attributes}; /* the rest is the fields' */
    ds->info.cache_bytes = opts->cache_bytes > 0 ? opts->cache_bytes : default_cache_bytes();
    ds->open_max         = hoop__handles_max();
    HOOP_TRY(st, done, take_fields(ds, opts, err));
    HOOP_TRY(st, done, hoop__samples_plan(ds, err));
    HOOP_TRY(st, done, open_shards(ds, &paths, err));
    HOOP_TRY(st, done, fingerprint(ds, err));
    *out = ds;
    ds   = NULL;
done:
    hoop_dataset_close(&ds);
    hoop__paths_free(&paths);
    return st;
}

void hoop_dataset_close(hoop_dataset **pds)
{
    hoop_dataset *ds = pds == NULL ? NULL : *pds;
    hoop_h5_quiet quiet;
    if (ds == NULL) return;
    hoop__h5_quiet(&quiet);
    for (int i = 0; i < ds->info.shards; i++) hoop__shard_close(ds, &ds->shard[i]);
    hoop__h5_restore(&quiet);
    free(ds->shard);
    hoop__columns_free(ds);
    for (int i = 0; i < ds->nnotes; i++) free(ds->note[i]);
    free(ds->note);
    free(ds->spec);
    for (int k = 0; ds->field != NULL && k < ds->nfields; k++) {
        free((char *)ds->field[k].opts.name);
        free((char *)ds->field[k].opts.path);
        free((char *)ds->field[k].opts.offsets);
        free(ds->field[k].object);
    }
    free(ds->field);
    free(ds->shown);
    (void)pthread_mutex_destroy(&ds->lock);
    free(ds);
    *pds = NULL;
}

const hoop_dataset_info *hoop_dataset_about(const hoop_dataset *ds)
{
    return &ds->info;
}

int hoop_dataset_find(const hoop_dataset *ds, const char *name)
{
    for (int k = 0; k < ds->nfields; k++)
        if (strcmp(ds->field[k].opts.name, name) == 0) return k;
    return -1;
}

const char *hoop_dataset_path(const hoop_dataset *ds, int i, int64_t *rows)
{
    if (i < 0 || i >= ds->info.shards) return NULL;
    if (rows != NULL) *rows = ds->shard[i].rows;
    return ds->shard[i].path;
}

hoop_status hoop__dataset_note(hoop_dataset *ds, hoop_error *err, const char *format, ...)
{
    char  **grown = realloc(ds->note, (size_t)(ds->nnotes + 1) * sizeof *grown);
    char    text[HOOP_ERROR_TEXT];
    va_list args;
    if (grown == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a note", ds->spec);
    ds->note = grown;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    if ((grown[ds->nnotes] = strdup(text)) == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a note", ds->spec);
    ds->nnotes++;
    return HOOP_OK;
}

const char *hoop_dataset_note(const hoop_dataset *ds, int i)
{
    return i < 0 || i >= ds->nnotes ? NULL : ds->note[i];
}
