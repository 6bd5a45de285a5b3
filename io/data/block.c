/* Rows of shards that are not mapped: blocks of whole chunks, read through HDF5 and kept while the cache has room. */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "data/chunk.h"
#include "data/storage.h"

static void list_remove(hoop_dataset *ds, hoop_block *b)
{
    *(b->newer != NULL ? &b->newer->older : &ds->newest) = b->older;
    *(b->older != NULL ? &b->older->newer : &ds->oldest) = b->newer;
}

static void list_push(hoop_dataset *ds, hoop_block *b)
{
    b->newer                                                 = NULL;
    b->older                                                 = ds->newest;
    *(ds->newest != NULL ? &ds->newest->newer : &ds->oldest) = b;
    ds->newest                                               = b;
}

/* Make room for `size` more bytes. Other fields' latest blocks stay, however large: rows of all are read in turn. */
static void evict(hoop_dataset *ds, int field, int64_t size)
{
    hoop_block *b = ds->oldest;
    while (b != NULL && ds->cached_bytes + size > ds->info.cache_bytes) {
        hoop_block *newer = b->newer;
        if (b->field == field || b != ds->field[b->field].latest) {
            if (b == ds->field[field].latest) ds->field[field].latest = NULL;
            list_remove(ds, b);
            ds->cached_bytes -= b->bytes;
            *b->owner = NULL;
            free(b);
        }
        b = newer;
    }
}

/* How a dataset is read through HDF5. */
typedef struct source {
    hid_t                     dset;
    const hoop_dataset_field *about;
    const hoop_cut           *cut;
    bool                      flip;
    const char               *path;
} source;

/* Rows in the order of the file's dims. */
static hoop_status read_in_order(const source *s, int64_t first, int64_t rows, void *out, hoop_error *err)
{
    const hoop_cut *c = s->cut;
    hsize_t         start[HOOP_CUT_DIMS], count[HOOP_CUT_DIMS];
    hid_t           from, to, type = -1, taken = -1;
    hoop_status     st = HOOP_OK;
    for (int d = 0; d < c->ndim; d++) {
        start[d] = (hsize_t)(d == c->axis ? first : c->first[d]);
        count[d] = (hsize_t)(d == c->axis ? rows : c->count[d]);
    }
    if (s->flip) { /* the bytes as they are, which are never wider than in memory, and then converted */
        type  = H5Dget_type(s->dset);
        taken = hoop__h5_taken_type(s->dset, true);
    }
    from = H5Dget_space(s->dset);
    to   = H5Screate_simple(c->ndim, count, NULL);
    if (from < 0 || to < 0 || H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        (s->flip && (type < 0 || taken < 0)) ||
        H5Dread(s->dset, type >= 0 ? type : hoop__h5_memory_type(s->about->dtype), to, from, H5P_DEFAULT, out) < 0 ||
        (taken >= 0 &&
         H5Tconvert(taken, hoop__h5_memory_type(s->about->dtype), (size_t)(rows * s->about->numel), out, NULL, H5P_DEFAULT) < 0))
        st = hoop__h5_fail(err, HOOP_EIO, "%s: rows %lld to %lld of %s cannot be read", s->path, (long long)first,
                           (long long)(first + rows - 1), s->about->path);
    if (taken >= 0) (void)H5Tclose(taken);
    if (type >= 0) (void)H5Tclose(type);
    if (to >= 0) (void)H5Sclose(to);
    if (from >= 0) (void)H5Sclose(from);
    return st;
}

static hoop_status read_rows(const source *s, int64_t first, int64_t rows, void *out, hoop_error *err)
{
    const int64_t width = (int64_t)hoop_dtype_size(s->about->dtype);
    void         *turned;
    hoop_status   st;
    if (s->cut->axis == 0) return read_in_order(s, first, rows, out, err);
    turned = malloc((size_t)(rows * s->about->numel * width));
    if (turned == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory to read %s", s->path, s->about->path);
    st = read_in_order(s, first, rows, turned, err);
    if (st == HOOP_OK) hoop__cut_turn(s->cut, width, rows, turned, out);
    free(turned);
    return st;
}

hoop_status hoop__found_read(const hoop_found *f, const char *path, void *out, hoop_error *err)
{
    const source s      = {f->dset, &f->about, &f->cut, false, path};
    hoop_chunks *chunks = NULL;
    hoop_status  st     = hoop__chunks_create(f->dset, &f->about, &f->cut, false, path, err, &chunks);
    if (st != HOOP_OK) return st;
    st = chunks != NULL ? hoop__chunks_read(chunks, f->dset, 0, f->rows, out, path, err) : read_rows(&s, 0, f->rows, out, err);
    hoop__chunks_destroy(&chunks);
    return st;
}

/* ---- rows of variable length ---- */

/* A block of what HDF5 gave: how many numbers stand before each row and before the end, then the numbers. */
static hoop_status lay_out(const source *s, hid_t base, hid_t taken, const hvl_t *list, int64_t rows, hoop_error *err,
                           hoop_block **out)
{
    const size_t   width = hoop_dtype_size(s->about->dtype), stored = H5Tget_size(base), wide = width > stored ? width : stored;
    const size_t   head  = ((size_t)rows + 1) * sizeof(int64_t);
    int64_t        total = 0, *at;
    unsigned char *data;
    for (int64_t i = 0; i < rows; i++) total += (int64_t)list[i].len;
    *out = malloc(sizeof **out + head + (size_t)total * wide);
    if (*out == NULL)
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld numbers of %s", s->path, (long long)total, s->about->path);
    (*out)->bytes = (int64_t)(head + (size_t)total * wide);
    at            = (int64_t *)(void *)(*out)->data;
    data          = (*out)->data + head;
    at[0]         = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (list[i].len > 0) memcpy(data + (size_t)at[i] * stored, list[i].p, list[i].len * stored);
        at[i + 1] = at[i] + (int64_t)list[i].len;
    }
    if (total == 0 || H5Tconvert(taken, hoop__h5_memory_type(s->about->dtype), (size_t)total, data, NULL, H5P_DEFAULT) >= 0)
        return HOOP_OK;
    free(*out);
    *out = NULL;
    return hoop__h5_fail(err, HOOP_EIO, "%s: %s cannot be converted", s->path, s->about->path);
}

static hoop_status read_varying(const source *s, int64_t first, int64_t rows, hoop_error *err, hoop_block **out)
{
    const hsize_t start = (hsize_t)first, count = (hsize_t)rows;
    const hid_t   base = hoop__h5_taken_type(s->dset, false), taken = hoop__h5_taken_type(s->dset, s->flip),
                type = base < 0 ? -1 : H5Tvlen_create(base), from = H5Dget_space(s->dset), to = H5Screate_simple(1, &count, NULL);
    hvl_t      *list = calloc((size_t)rows, sizeof *list);
    hoop_status st   = HOOP_OK;
    if (list == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory to read %s", s->path, s->about->path);
    else if (taken < 0 || type < 0 || from < 0 || to < 0 ||
             H5Sselect_hyperslab(from, H5S_SELECT_SET, &start, NULL, &count, NULL) < 0 ||
             H5Dread(s->dset, type, to, from, H5P_DEFAULT, list) < 0)
        st = hoop__h5_fail(err, HOOP_EIO, "%s: rows %lld to %lld of %s cannot be read", s->path, (long long)first,
                           (long long)(first + rows - 1), s->about->path);
    else
        st = lay_out(s, base, taken, list, rows, err, out);
    if (list != NULL && type >= 0 && to >= 0) (void)H5Dvlen_reclaim(type, to, H5P_DEFAULT, list);
    free(list);
    if (to >= 0) (void)H5Sclose(to);
    if (from >= 0) (void)H5Sclose(from);
    if (type >= 0) (void)H5Tclose(type);
    if (taken >= 0) (void)H5Tclose(taken);
    if (base >= 0) (void)H5Tclose(base);
    return st;
}

/* ---- blocks ---- */

static hoop_status block_read(hoop_dataset *ds, hoop_shard *s, int field, int64_t first, int64_t rows, hoop_error *err,
                              hoop_block **out)
{
    hoop_shard_field *f     = &s->field[field];
    const int64_t     bytes = rows * ds->field[field].row_bytes;
    source            from  = {-1, &ds->field[field].stored, &f->cut, f->flip, s->path};
    hoop_status       st;
    hoop_h5_quiet     quiet;
    *out = NULL;
    hoop__h5_quiet(&quiet);
    HOOP_TRY(st, done, hoop__handles_open(ds, s, err));
    from.dset = f->dset;
    if (f->varies) {
        st = read_varying(&from, first, rows, err, out);
        if (st == HOOP_OK) evict(ds, field, (*out)->bytes);
        goto done;
    }
    evict(ds, field, bytes);
    *out = malloc(sizeof **out + (size_t)bytes);
    if (*out == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a chunk of %lld bytes of %s", s->path, (long long)bytes,
                       ds->field[field].opts.path);
        goto done;
    }
    (*out)->bytes = bytes;
    st            = f->chunks != NULL ? hoop__chunks_read(f->chunks, f->dset, first, rows, (*out)->data, s->path, err)
                                      : read_rows(&from, first, rows, (*out)->data, err);
done:
    hoop__h5_restore(&quiet);
    if (st != HOOP_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}

/* The block that holds a row, read if it is not kept; its first row. */
static hoop_status block_of(hoop_dataset *ds, hoop_shard *s, int field, int64_t row, hoop_error *err, hoop_block **out,
                            int64_t *first)
{
    hoop_shard_field *f = &s->field[field];
    const int64_t     k = row / f->block_rows;
    hoop_block       *b = f->blocks[k];
    *first              = k * f->block_rows;
    if (b != NULL) {
        list_remove(ds, b);
    } else {
        const int64_t     rows = f->nrows - *first < f->block_rows ? f->nrows - *first : f->block_rows;
        const hoop_status st   = block_read(ds, s, field, *first, rows, err, &b);
        if (st != HOOP_OK) return st;
        b->field  = field;
        b->owner  = &f->blocks[k];
        *b->owner = b;
        ds->cached_bytes += b->bytes;
    }
    list_push(ds, b);
    ds->field[field].latest = b;
    *out                    = b;
    return HOOP_OK;
}

static hoop_status make_room(hoop_rows *r, int64_t bytes, const char *path, hoop_error *err)
{
    if (bytes <= r->room) return HOOP_OK;
    free(r->space);
    r->space = malloc((size_t)bytes);
    r->room  = r->space != NULL ? bytes : 0;
    return r->space != NULL ? HOOP_OK
                            : hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld bytes of rows", path, (long long)bytes);
}

hoop_status hoop__shard_rows(hoop_dataset *ds, hoop_shard *s, int field, int64_t first, int64_t count, int64_t most, hoop_rows *r,
                             hoop_error *err)
{
    const hoop_shard_field *f     = &s->field[field];
    const int64_t           bytes = ds->field[field].row_bytes, width = (int64_t)hoop_dtype_size(ds->field[field].stored.dtype);
    hoop_block             *b;
    int64_t                 begin;
    hoop_status             st;
    r->n = count;
    if (f->straight || count == 0) {
        r->data = f->straight ? f->rows + first * bytes : (const unsigned char *)""; /* none, but somewhere */
        return HOOP_OK;
    }
    if (f->rows != NULL && count == 1 && f->cut.nloops == 0) {
        r->data = f->rows + (f->cut.start + first * f->cut.step) * width;
        return HOOP_OK;
    }
    if (f->rows == NULL && first / f->block_rows == (first + count - 1) / f->block_rows) { /* side by side in one block */
        const int64_t *at;
        st = block_of(ds, s, field, first, err, &b, &begin);
        if (st != HOOP_OK) return st;
        r->data = b->data + (first - begin) * bytes;
        if (!f->varies) return HOOP_OK;
        at                 = (const int64_t *)(const void *)b->data;
        const int64_t rows = f->nrows - begin < f->block_rows ? f->nrows - begin : f->block_rows;
        r->n               = at[first - begin + 1] - at[first - begin];
        r->data            = b->data + (rows + 1) * (int64_t)sizeof *at + at[first - begin] * width;
        return HOOP_OK;
    }
    if (most < count * bytes) count = (most - 1) / bytes + 1;
    if ((st = make_room(r, count * bytes, s->path, err)) != HOOP_OK) return st;
    for (int64_t i = 0; i < count; i++) {
        unsigned char *to = r->space + i * bytes;
        if (f->rows != NULL) {
            hoop__cut_pack(&f->cut, width, f->rows, first + i, most - i * bytes, to);
            continue;
        }
        if ((st = block_of(ds, s, field, first + i, err, &b, &begin)) != HOOP_OK) return st;
        memcpy(to, b->data + (first + i - begin) * bytes, (size_t)bytes);
    }
    r->data = r->space;
    return HOOP_OK;
}
