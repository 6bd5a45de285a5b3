/* Rows of shards that are not mapped: blocks of whole chunks, read through HDF5 and kept while the cache has room. */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "data/chunk.h"

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

static hoop_status block_fill(hoop_dataset *ds, hoop_shard *s, int field, int64_t first, int64_t rows, void *out, hoop_error *err)
{
    const hoop_dataset_field *f                            = &ds->field[field].stored;
    hsize_t                   start[HOOP_DATASET_DIMS + 1] = {(hsize_t)first}, count[HOOP_DATASET_DIMS + 1] = {(hsize_t)rows};
    hid_t                     dset, from = -1, to = -1, type = -1, taken = -1;
    hoop_status               st;
    hoop_h5_quiet             quiet;
    hoop__h5_quiet(&quiet);
    HOOP_TRY(st, done, hoop__handles_open(ds, s, err));
    dset = s->field[field].dset;
    if (s->field[field].chunks != NULL) {
        st = hoop__chunks_read(s->field[field].chunks, dset, first, rows, out, s->path, err);
        goto done;
    }
    for (int i = 0; i < f->ndim; i++) count[i + 1] = (hsize_t)f->shape[i];
    if (s->field[field].flip) { /* the bytes as they are, which are never wider than in memory, and then converted */
        type  = H5Dget_type(dset);
        taken = hoop__h5_taken_type(dset, true);
    }
    from = H5Dget_space(dset);
    to   = H5Screate_simple(f->ndim + 1, count, NULL);
    if (from < 0 || to < 0 || H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        (s->field[field].flip && (type < 0 || taken < 0)) ||
        H5Dread(dset, type >= 0 ? type : hoop__h5_memory_type(f->dtype), to, from, H5P_DEFAULT, out) < 0 ||
        (taken >= 0 && H5Tconvert(taken, hoop__h5_memory_type(f->dtype), (size_t)(rows * f->numel), out, NULL, H5P_DEFAULT) < 0))
        st = hoop__h5_fail(err, HOOP_EIO, "%s: rows %lld to %lld of %s cannot be read", s->path, (long long)first,
                           (long long)(first + rows - 1), f->path);
done:
    if (taken >= 0) (void)H5Tclose(taken);
    if (type >= 0) (void)H5Tclose(type);
    if (to >= 0) (void)H5Sclose(to);
    if (from >= 0) (void)H5Sclose(from);
    hoop__h5_restore(&quiet);
    return st;
}

hoop_status hoop__shard_row(hoop_dataset *ds, hoop_shard *s, int field, int64_t row, hoop_error *err, const unsigned char **out)
{
    hoop_shard_field *f     = &s->field[field];
    const int64_t     bytes = ds->field[field].row_bytes;
    int64_t           k, first, rows, size;
    hoop_block       *b;
    hoop_status       st;
    if (f->rows != NULL) {
        *out = f->rows + row * bytes;
        return HOOP_OK;
    }
    k     = row / f->block_rows;
    first = k * f->block_rows;
    b     = f->blocks[k];
    if (b != NULL) {
        list_remove(ds, b);
    } else {
        rows = s->rows - first < f->block_rows ? s->rows - first : f->block_rows;
        size = rows * bytes;
        evict(ds, field, size);
        b = malloc(sizeof *b + (size_t)size);
        if (b == NULL)
            return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a chunk of %lld bytes of %s", s->path, (long long)size,
                             ds->field[field].opts.path);
        st = block_fill(ds, s, field, first, rows, b->data, err);
        if (st != HOOP_OK) {
            free(b);
            return st;
        }
        b->field  = field;
        b->bytes  = size;
        b->owner  = &f->blocks[k];
        *b->owner = b;
        ds->cached_bytes += size;
    }
    list_push(ds, b);
    ds->field[field].latest = b;
    *out                    = b->data + (row - first) * bytes;
    return HOOP_OK;
}
