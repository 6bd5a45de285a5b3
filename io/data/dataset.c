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

/* The stored bytes of evenly spaced rows, first and last included, of each at most `most`. */
static hoop_status add_rows(hoop_dataset *ds, int field, int64_t count, int64_t most, hoop_sum *sum, hoop_error *err)
{
    const int64_t n = ds->info.length, row_bytes = ds->field[field].row_bytes;
    hoop_status   st = HOOP_OK;
    for (int64_t i = 0; i < count && st == HOOP_OK; i++) {
        const int64_t        at = count == 1 ? 0 : (int64_t)((__int128)i * (n - 1) / (count - 1)); /* without overflow */
        hoop_shard          *s  = hoop__shard_find(ds, at);
        const unsigned char *row;
        st = hoop__shard_row(ds, s, field, at - s->first, err, &row);
        if (st == HOOP_OK) hoop__sum_add(sum, row, row_bytes < most ? row_bytes : most);
    }
    return st;
}

static hoop_status fingerprint(hoop_dataset *ds, hoop_error *err)
{
    const int64_t n         = ds->info.length;
    hoop_sum     *sum       = hoop__sum_create();
    hoop_status   st        = HOOP_OK;
    int64_t       row_bytes = 0, count;
    bool          all;
    if (sum == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a checksum", ds->spec);
    for (int k = 0; k < ds->nfields; k++) row_bytes += ds->field[k].row_bytes;
    all   = row_bytes <= FINGERPRINT_ALL / n;
    count = all ? n : ds->info.mapped ? FINGERPRINT_ROWS : FINGERPRINT_CHUNKED_ROWS;
    if (count > n) count = n;
    add_number(sum, n);
    add_number(sum, ds->plain ? ds->shown[HOOP_FIELD_Y].classes : -ds->nfields);
    for (int k = 0; k < ds->nfields && st == HOOP_OK; k++) {
        const hoop_dataset_field *f = &ds->field[k].stored;
        if (!ds->plain) {
            add_number(sum, (int64_t)ds->field[k].opts.role);
            add_number(sum, ds->shown[k].classes);
        }
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
        if (f[k].classes < 0) return hoop_fail(err, HOOP_EARG, "%s: classes of %s is negative", ds->spec, f[k].name);
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

/* ---- gathering rows ---- */

typedef struct place {
    int64_t index, at;
} place;

static int by_index(const void *a, const void *b)
{
    const int64_t x = ((const place *)a)->index, y = ((const place *)b)->index;
    return (x > y) - (x < y);
}

static char *place_of(const hoop_gather *g, int64_t i, size_t step)
{
    return g->to != NULL ? g->to[i] : g->out + (size_t)i * step;
}

/* How a gathering brings a row from where it is stored to its place. */
typedef struct passage {
    hoop_row_cast       *cast;
    size_t               step;  /* bytes a presented row takes */
    char                *space; /* for a row of which columns are chosen; NULL: of all */
    bool                 view;
    hoop_reading_faults *faults;
} passage;

/* Row number `number` of shard s, the i-th that is wanted. */
static void carry(const hoop_dataset *ds, const hoop_gather *g, const passage *p, const hoop_shard *s, int64_t number,
                  const void *row, int64_t i)
{
    const hoop_field   *f  = &ds->field[g->field];
    const hoop_reading *r  = &s->field[g->field].reading;
    char               *to = place_of(g, i, p->step), *cast_to = p->space != NULL ? p->space : to;
    if (!r->used)
        p->cast(row, cast_to, f->read.numel, f->read.scale);
    else
        hoop__reading_row(r, &f->stored, row, g->as, cast_to, s->path, number, p->faults);
    if (p->view) hoop__view_row(ds, g->field, g->as, cast_to, to);
}

static bool given_up(const hoop_gather *g)
{
    return g->stop != NULL && atomic_load_explicit(g->stop, memory_order_relaxed);
}

/* In order of the rows, so that a chunk is read once a call however small the cache; and back the next time, so that what the
 * cache still holds, the end of the last pass, is met first. */
static hoop_status gather_blocks(hoop_dataset *ds, const hoop_gather *g, const passage *way, hoop_error *err)
{
    place      *order = malloc((size_t)g->n * sizeof *order);
    hoop_status st    = HOOP_OK;
    bool        backwards;
    if (order == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld indices", ds->spec, (long long)g->n);
    for (int64_t i = 0; i < g->n; i++) order[i] = (place){g->index[i], i};
    qsort(order, (size_t)g->n, sizeof *order, by_index);
    (void)pthread_mutex_lock(&ds->lock);
    backwards                     = ds->field[g->field].backwards;
    ds->field[g->field].backwards = !backwards;
    for (int64_t i = 0; i < g->n && st == HOOP_OK && !given_up(g); i++) {
        const place         *p = &order[backwards ? g->n - 1 - i : i];
        hoop_shard          *s = hoop__shard_find(ds, p->index);
        const unsigned char *row;
        st = hoop__shard_row(ds, s, g->field, p->index - s->first, err, &row);
        if (st == HOOP_OK) st = hoop__sums_look(ds, s, g->field, p->index - s->first, err);
        if (st == HOOP_OK) carry(ds, g, way, s, p->index - s->first, row, p->at);
    }
    (void)pthread_mutex_unlock(&ds->lock);
    free(order);
    return st == HOOP_OK ? hoop__reading_verdict(way->faults, ds->field[g->field].opts.path, err) : st;
}

static hoop_status gather_mapped(const hoop_dataset *ds, const hoop_gather *g, const passage *way, hoop_error *err)
{
    for (int64_t i = 0; i < g->n && !given_up(g); i++) {
        const hoop_shard *s   = hoop__shard_find(ds, g->index[i]);
        const int64_t     row = g->index[i] - s->first;
        const hoop_status st  = hoop__sums_look(ds, s, g->field, row, err);
        if (st != HOOP_OK) return st;
        carry(ds, g, way, s, row, s->field[g->field].rows + row * ds->field[g->field].row_bytes, i);
    }
    return hoop__reading_verdict(way->faults, ds->field[g->field].opts.path, err);
}

hoop_status hoop__dataset_gather(hoop_dataset *ds, const hoop_gather *g, hoop_error *err)
{
    const hoop_dataset_field *f;
    hoop_reading_faults       faults = {.count = 0};
    passage                   way    = {.faults = &faults};
    uint64_t                  mode;
    hoop_status               st;
    if (g->field < 0 || g->field >= ds->nfields)
        return hoop_fail(err, HOOP_EARG, "%s: field %d; 0 to %d are possible", ds->spec, g->field, ds->nfields - 1);
    f = &ds->field[g->field].read;
    if (!f->present)
        return hoop_fail(err, HOOP_EARG, "%s: the dataset was opened without %s", ds->spec, ds->field[g->field].opts.path);
    way.cast = hoop__row_cast(f->dtype, g->as, f->scale);
    if (way.cast == NULL)
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is stored as %s%s and cannot be read as %s", ds->spec, f->path,
                         hoop_dtype_name(f->dtype), f->scale != 1.0 ? " with a scale" : "", hoop_dtype_name(g->as));
    for (int64_t i = 0; i < g->n; i++)
        if (g->index[i] < 0 || g->index[i] >= ds->info.length)
            return hoop_fail(err, HOOP_ERANGE, "%s: row %lld of %lld is wanted", ds->spec, (long long)g->index[i],
                             (long long)ds->info.length);
    if (g->n == 0) return HOOP_OK;
    way.step = (size_t)ds->shown[g->field].numel * hoop_dtype_size(g->as);
    way.view = ds->field[g->field].view.from != NULL || ds->field[g->field].view.label != NULL;
    if (ds->field[g->field].view.from != NULL) {
        way.space = malloc((size_t)f->numel * hoop_dtype_size(g->as));
        if (way.space == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a row", ds->spec);
    }
    mode = hoop_fp_enter(); /* casts round and scale */
    st   = ds->field[g->field].mapped ? gather_mapped(ds, g, &way, err) : gather_blocks(ds, g, &way, err);
    hoop_fp_restore(mode);
    free(way.space);
    return st == HOOP_OK && given_up(g) ? hoop_fail(err, HOOP_EINTERRUPTED, "%s: reading was given up", ds->spec) : st;
}

hoop_status hoop_dataset_read(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, void *out,
                              hoop_error *err)
{
    return hoop__dataset_gather(ds, &(hoop_gather){.index = index, .n = n, .field = field, .as = as, .out = out}, err);
}

hoop_status hoop_dataset_read_padded(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, int64_t length,
                                     void *out, hoop_error *err)
{
    (void)length;
    return hoop_dataset_read(ds, index, n, field, as, out, err);
}

hoop_status hoop_dataset_lengths(hoop_dataset *ds, const int64_t *index, int64_t n, int field, int64_t *lengths, hoop_error *err)
{
    (void)index;
    if (field < 0 || field >= ds->nfields)
        return hoop_fail(err, HOOP_EARG, "%s: field %d; 0 to %d are possible", ds->spec, field, ds->nfields - 1);
    for (int64_t i = 0; i < n; i++) lengths[i] = ds->shown[field].ndim > 0 ? ds->shown[field].shape[0] : 1;
    return HOOP_OK;
}

/* ---- looking for what cannot be read ---- */

static hoop_status check_shard(hoop_dataset *ds, hoop_shard *s, int field, hoop_error *err)
{
    const hoop_reading *v      = &s->field[field].reading;
    hoop_reading_faults faults = {0};
    hoop_status         st     = HOOP_OK;
    for (int64_t i = 0; v->used && i < s->rows && st == HOOP_OK; i++) {
        const unsigned char *row;
        (void)pthread_mutex_lock(&ds->lock);
        st = hoop__shard_row(ds, s, field, i, err, &row);
        if (st == HOOP_OK) st = hoop__sums_look(ds, s, field, i, err);
        if (st == HOOP_OK) hoop__reading_row(v, &ds->field[field].stored, row, HOOP_F64, NULL, s->path, i, &faults);
        (void)pthread_mutex_unlock(&ds->lock);
    }
    return st == HOOP_OK ? hoop__reading_verdict(&faults, ds->field[field].opts.path, err) : st;
}

hoop_status hoop_dataset_check(hoop_dataset *ds, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < ds->info.shards && st == HOOP_OK; i++)
        for (int k = 0; k < ds->nfields && st == HOOP_OK; k++)
            if (ds->shown[k].present && ds->shown[k].checked) st = check_shard(ds, &ds->shard[i], k, err);
    return st;
}
