/* Gathering samples: from where their rows are stored, cast, to their places. And reading what may be none. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "hoop/runtime.h"

typedef struct place {
    int64_t index, at;
} place;

static int by_index(const void *a, const void *b)
{
    const int64_t x = ((const place *)a)->index, y = ((const place *)b)->index;
    return (x > y) - (x < y);
}

/* How a gathering brings a sample from where it is stored to its place. */
typedef struct passage {
    const hoop_field    *field;
    hoop_row_cast       *cast;
    int64_t              numel; /* elements of a row as read */
    size_t               size;  /* bytes of an element where it goes */
    size_t               step;  /* bytes a presented sample takes, where all take as many */
    char                *space; /* for a row of which columns are chosen; NULL: of all */
    bool                 view, varies;
    hoop_rows            rows;
    hoop_reading_faults *faults;
} passage;

static char *place_of(const hoop_gather *g, int64_t i, size_t step)
{
    return g->to != NULL ? g->to[i] : g->out + (size_t)i * step;
}

/* Rows of shard s, from number `number` on, to `to`, cast. */
static void cast_rows(const hoop_gather *g, const passage *p, const hoop_shard *s, int64_t number, const unsigned char *rows,
                      int64_t n, char *to)
{
    const hoop_field   *f = p->field;
    const hoop_reading *r = &s->field[g->field].reading;
    hoop_dataset_field  all;
    if (!r->used) {
        p->cast(rows, to, n * p->numel, f->read.scale);
    } else if (s->field[g->field].varies) { /* one row, of n elements */
        all       = f->stored;
        all.numel = n;
        hoop__reading_row(r, &all, rows, g->as, to, s->path, number, p->faults);
    } else {
        for (int64_t i = 0; i < n; i++)
            hoop__reading_row(r, &f->stored, rows + i * f->row_bytes, g->as, to + (size_t)(i * p->numel) * p->size, s->path,
                              number + i, p->faults);
    }
}

static void pad(const hoop_gather *g, const passage *p, char *to, int64_t n)
{
    if (g->as != HOOP_I64 || p->field->opts.role != HOOP_TARGET)
        memset(to, 0, (size_t)n * p->size);
    else
        for (int64_t i = 0; i < n; i++) ((int64_t *)(void *)to)[i] = HOOP_PADDING_LABEL;
}

static hoop_status too_long(const hoop_field *f, const hoop_shard *s, int64_t sample, int64_t n, int64_t length, hoop_error *err)
{
    return hoop_fail(
        err, HOOP_ERANGE,
        "%s: sample %lld of %s is %lld long, and is to be padded to %lld; a greater length, or 0 (as long as the longest "
        "read together), is wanted",
        s->path, (long long)sample, f->opts.name, (long long)n, (long long)length);
}

/* The n rows from `number` of shard s that are the i-th sample that is wanted. */
static hoop_status carry(const hoop_dataset *ds, const hoop_gather *g, const passage *p, const hoop_shard *s, int64_t number,
                         const unsigned char *rows, int64_t n, int64_t i, hoop_error *err)
{
    const int64_t length = !p->varies ? n : g->padded != NULL ? g->padded[i] : g->length;
    char         *to = place_of(g, i, p->step), *cast_to = p->space != NULL ? p->space : to;
    if (n > length) return too_long(p->field, s, g->index[i] - s->first, n, length, err);
    cast_rows(g, p, s, number, rows, n, cast_to);
    if (p->view) hoop__view_row(ds, g->field, g->as, cast_to, n * p->numel, to);
    if (n < length) pad(g, p, to + (size_t)(n * p->numel) * p->size, (length - n) * p->numel);
    return HOOP_OK;
}

/* The i-th sample that is wanted. */
static hoop_status bring(hoop_dataset *ds, const hoop_gather *g, passage *p, int64_t i, hoop_error *err)
{
    hoop_shard             *s = hoop__shard_find(ds, g->index[i]);
    const hoop_shard_field *f = &s->field[g->field];
    int64_t                 first;
    const int64_t           n  = hoop__sample_rows(p->field, f, g->index[i] - s->first, &first);
    hoop_status             st = HOOP_OK;
    if (g->lengths != NULL && !f->varies) {
        g->lengths[i] = n;
        return HOOP_OK;
    }
    if (f->straight) { /* the usual case, without a call */
        p->rows.data = f->rows + first * p->field->row_bytes;
        p->rows.n    = n;
    } else {
        st = hoop__shard_rows(ds, s, g->field, first, n, INT64_MAX, &p->rows, err);
    }
    if (st == HOOP_OK && g->lengths != NULL) {
        g->lengths[i] = p->rows.n;
        return HOOP_OK;
    }
    if (st == HOOP_OK) st = hoop__sums_look(ds, s, g->field, first, n, err);
    return st == HOOP_OK ? carry(ds, g, p, s, first, p->rows.data, p->rows.n, i, err) : st;
}

static bool given_up(const hoop_gather *g)
{
    return g->stop != NULL && atomic_load_explicit(g->stop, memory_order_relaxed);
}

/* In order of the rows, so that a chunk is read once a call however small the cache; and back the next time, so that what the
 * cache still holds, the end of the last pass, is met first. */
static hoop_status gather_blocks(hoop_dataset *ds, const hoop_gather *g, passage *way, hoop_error *err)
{
    hoop_field *f     = &ds->field[g->field];
    place      *order = malloc((size_t)g->n * sizeof *order);
    hoop_status st    = HOOP_OK;
    bool        backwards;
    if (order == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld indices", ds->spec, (long long)g->n);
    for (int64_t i = 0; i < g->n; i++) order[i] = (place){g->index[i], i};
    qsort(order, (size_t)g->n, sizeof *order, by_index);
    (void)pthread_mutex_lock(&ds->lock);
    backwards    = f->backwards;
    f->backwards = !backwards;
    for (int64_t i = 0; i < g->n && st == HOOP_OK && !given_up(g); i++)
        st = bring(ds, g, way, order[backwards ? g->n - 1 - i : i].at, err);
    (void)pthread_mutex_unlock(&ds->lock);
    free(order);
    return st;
}

static hoop_status gather_mapped(hoop_dataset *ds, const hoop_gather *g, passage *way, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int64_t i = 0; i < g->n && st == HOOP_OK && !given_up(g); i++) st = bring(ds, g, way, i, err);
    return st;
}

static hoop_status check_gather(const hoop_dataset *ds, const hoop_gather *g, hoop_error *err)
{
    const hoop_dataset_field *f;
    if (g->field < 0 || g->field >= ds->nfields)
        return hoop_fail(err, HOOP_EARG, "%s: field %d; 0 to %d are possible", ds->spec, g->field, ds->nfields - 1);
    f = &ds->field[g->field].read;
    if (!f->present)
        return hoop_fail(err, HOOP_EARG, "%s: the dataset was opened without %s", ds->spec, ds->field[g->field].opts.path);
    if (hoop__row_cast(f->dtype, g->as, f->scale) == NULL)
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is stored as %s%s and cannot be read as %s", ds->spec, f->path,
                         hoop_dtype_name(f->dtype), f->scale != 1.0 ? " with a scale" : "", hoop_dtype_name(g->as));
    for (int64_t i = 0; i < g->n; i++)
        if (g->index[i] < 0 || g->index[i] >= ds->info.length)
            return hoop_fail(err, HOOP_ERANGE, "%s: row %lld of %lld is wanted", ds->spec, (long long)g->index[i],
                             (long long)ds->info.length);
    return HOOP_OK;
}

hoop_status hoop__dataset_gather(hoop_dataset *ds, const hoop_gather *g, hoop_error *err)
{
    hoop_reading_faults faults = {.count = 0};
    passage             way    = {.faults = &faults};
    const hoop_field   *f;
    uint64_t            mode;
    hoop_status         st = check_gather(ds, g, err);
    if (st != HOOP_OK || g->n == 0) return st;
    f          = &ds->field[g->field];
    way.field  = f;
    way.cast   = hoop__row_cast(f->read.dtype, g->as, f->read.scale);
    way.size   = hoop_dtype_size(g->as);
    way.numel  = f->read.numel;
    way.varies = ds->shown[g->field].varies;
    way.step = (size_t)(way.varies ? g->length * hoop_dataset_inner(&ds->shown[g->field]) : ds->shown[g->field].numel) * way.size;
    way.view = f->view.from != NULL || f->view.label != NULL;
    if (f->view.from != NULL) {
        way.space = malloc((size_t)f->read.numel * way.size);
        if (way.space == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a row", ds->spec);
    }
    mode = hoop_fp_enter(); /* casts round and scale */
    st   = f->mapped ? gather_mapped(ds, g, &way, err) : gather_blocks(ds, g, &way, err);
    if (st == HOOP_OK) st = hoop__reading_verdict(&faults, f->opts.path, err);
    hoop_fp_restore(mode);
    free(way.space);
    free(way.rows.space);
    return st == HOOP_OK && given_up(g) ? hoop_fail(err, HOOP_EINTERRUPTED, "%s: reading was given up", ds->spec) : st;
}

hoop_status hoop_dataset_read(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, void *out,
                              hoop_error *err)
{
    const hoop_dataset_field *f      = field >= 0 && field < ds->nfields ? &ds->shown[field] : NULL;
    const int64_t             length = f != NULL && f->varies ? f->shape[0] : 0;
    if (length < 0 && n > 0)
        return hoop_fail(err, HOOP_ESHAPE,
                         "%s: samples of %s are each of their own length; give the field a length, or read them "
                         "padded",
                         ds->spec, f->name);
    return hoop_dataset_read_padded(ds, index, n, field, as, length, out, err);
}

hoop_status hoop_dataset_read_padded(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, int64_t length,
                                     void *out, hoop_error *err)
{
    const hoop_gather g = {.index = index, .n = n, .field = field, .as = as, .out = out, .length = length};
    return hoop__dataset_gather(ds, &g, err);
}

hoop_status hoop_dataset_lengths(hoop_dataset *ds, const int64_t *index, int64_t n, int field, int64_t *lengths, hoop_error *err)
{
    const hoop_gather         g  = {.index = index, .n = n, .field = field, .as = HOOP_F64, .lengths = lengths};
    const hoop_dataset_field *f  = field >= 0 && field < ds->nfields ? &ds->shown[field] : NULL;
    const hoop_status         st = f == NULL || f->varies ? hoop__dataset_gather(ds, &g, err) : check_gather(ds, &g, err);
    for (int64_t i = 0; st == HOOP_OK && !f->varies && i < n; i++) lengths[i] = f->ndim > 0 ? f->shape[0] : 1;
    return st;
}

/* ---- looking for what cannot be read ---- */

static hoop_status check_shard(hoop_dataset *ds, hoop_shard *s, int field, hoop_error *err)
{
    const hoop_field       *of     = &ds->field[field];
    const hoop_shard_field *f      = &s->field[field];
    hoop_reading_faults     faults = {0};
    hoop_rows               rows   = {0};
    hoop_dataset_field      stored = of->stored;
    hoop_status             st     = HOOP_OK;
    for (int64_t i = 0; (f->reading.used || f->varies) && i < f->nrows && st == HOOP_OK; i++) {
        (void)pthread_mutex_lock(&ds->lock);
        st = hoop__shard_rows(ds, s, field, i, 1, INT64_MAX, &rows, err);
        if (st == HOOP_OK) st = hoop__sums_look(ds, s, field, i, 1, err);
        if (f->varies) stored.numel = rows.n;
        if (st == HOOP_OK && f->reading.used)
            hoop__reading_row(&f->reading, &stored, rows.data, HOOP_F64, NULL, s->path, i, &faults);
        (void)pthread_mutex_unlock(&ds->lock);
        if (st == HOOP_OK && f->varies && of->opts.length > 0 && rows.n > of->opts.length)
            st = too_long(of, s, i, rows.n, of->opts.length, err);
    }
    free(rows.space);
    return st == HOOP_OK ? hoop__reading_verdict(&faults, of->opts.path, err) : st;
}

hoop_status hoop_dataset_check(hoop_dataset *ds, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < ds->info.shards && st == HOOP_OK; i++)
        for (int k = 0; k < ds->nfields && st == HOOP_OK; k++)
            if (ds->shown[k].present && ds->shown[k].checked) st = check_shard(ds, &ds->shard[i], k, err);
    return st;
}
