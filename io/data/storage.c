#include "data/storage.h"

#include <string.h>

#include "data/filter.h"
#include "data/virtual.h"

/* A block read through HDF5 is at most about this large, except where one row, or one chunk, is larger. */
enum { BLOCK_BYTES = 1 << 20, VARYING_ROWS = 256 };
static const int64_t block_bytes_max = 1 << 30;

static hoop_status never_written(const hoop_found *f, const char *path, const char *name, int64_t stored, hoop_error *err)
{
    return hoop_fail(err, HOOP_EFORMAT,
                     "%s: only %lld bytes of %s, which should have %lld, are stored; never written, or damaged?", path,
                     (long long)stored, name, (long long)(f->elements * f->cell));
}

/* An external link leads to another file, whose offsets mean nothing in this one. */
static bool in_this_file(hid_t file, hid_t dset)
{
    char          ours[HOOP_PATH_MAX], its[HOOP_PATH_MAX];
    const ssize_t a = H5Fget_name(file, ours, sizeof ours), b = H5Fget_name(dset, its, sizeof its);
    return a > 0 && a == b && (size_t)a < sizeof ours && strcmp(ours, its) == 0;
}

static hoop_status contiguous_storage(hoop_found *f, hid_t file, const char *path, const char *name, bool native,
                                      int64_t file_bytes, hoop_error *err)
{
    const int64_t bytes  = f->elements * f->cell;
    const haddr_t offset = H5Dget_offset(f->dset);
    if (offset == HADDR_UNDEF) return never_written(f, path, name, 0, err);
    if (!in_this_file(file, f->dset)) return HOOP_OK;
    if (offset > (haddr_t)file_bytes || bytes > file_bytes - (int64_t)offset)
        return hoop_fail(err, HOOP_EFORMAT, "%s: truncated: %s ends at byte %lld, the file at %lld", path, name,
                         (long long)((int64_t)offset + bytes), (long long)file_bytes);
    if (native && !f->varies) f->offset = (int64_t)offset;
    return HOOP_OK;
}

/* How many times smaller filters can make a chunk, generously (deflate: 1,032 times); 0 where one of them is not known here. */
static int64_t most_compression(hid_t dcpl)
{
    enum { EACH = 2000 };
    int64_t   most = 1;
    const int n    = H5Pget_nfilters(dcpl);
    for (int i = 0; i < n; i++) {
        unsigned           flags, config;
        size_t             count = 0;
        const H5Z_filter_t which = H5Pget_filter2(dcpl, (unsigned)i, &flags, &count, NULL, 0, NULL, &config);
        if ((which == H5Z_FILTER_DEFLATE || which == HOOP_FILTER_LZF) && most <= INT64_MAX / EACH)
            most *= EACH;
        else if (which != H5Z_FILTER_SHUFFLE && which != H5Z_FILTER_FLETCHER32)
            return 0;
    }
    return n < 0 ? 0 : most > EACH ? most : EACH; /* chunks without any may be there in part */
}

static hoop_status every_chunk(const hoop_found *f, const hsize_t *chunk, const char *path, const char *name, hoop_error *err)
{
    const hid_t space = H5Dget_space(f->dset);
    hsize_t     there = 0, wanted = 1; /* at most the elements, whose number was checked */
    hoop_status st = HOOP_OK;
    for (int d = 0; d < f->cut.ndim; d++) wanted *= ((hsize_t)f->cut.extent[d] - 1) / chunk[d] + 1;
    if (space < 0 || H5Dget_num_chunks(f->dset, space, &there) < 0)
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: the chunks of %s cannot be counted", path, name);
    else if (there < wanted)
        st = hoop_fail(err, HOOP_EFORMAT, "%s: only %llu of the %llu chunks of %s are stored; not all of it was written", path,
                       (unsigned long long)there, (unsigned long long)wanted, name);
    if (space >= 0) (void)H5Sclose(space);
    return st;
}

static hoop_status chunked_storage(hoop_found *f, hid_t dcpl, const char *path, const char *name, hoop_error *err)
{
    const int64_t row = f->about.numel * (int64_t)hoop_dtype_size(f->about.dtype), most = most_compression(dcpl),
                  stored = (int64_t)H5Dget_storage_size(f->dset);
    hsize_t     chunk[HOOP_DATASET_DIMS + 1];
    hoop_status st;
    if (H5Pget_chunk(dcpl, f->cut.ndim, chunk) != f->cut.ndim)
        return hoop__h5_fail(err, HOOP_EFORMAT, "%s: %s has no readable layout", path, name);
    f->block_rows = chunk[f->cut.axis] > (hsize_t)f->rows ? f->rows : (int64_t)chunk[f->cut.axis];
    if (f->block_rows > block_bytes_max / row) f->block_rows = block_bytes_max / row;
    if ((st = hoop__filters_check(f->dset, dcpl, path, name, err)) != HOOP_OK) return st;
    if (stored > 0 && !hoop__h5_fill_is_said(dcpl) && (st = every_chunk(f, chunk, path, name, err)) != HOOP_OK) return st;
    if (stored == 0 || (most > 0 && f->elements * f->cell / most > stored + 4096))
        return never_written(f, path, name, stored, err);
    return HOOP_OK;
}

hoop_status hoop__storage_find(hoop_found *f, hid_t file, const char *path, const char *name, bool native, int64_t file_bytes,
                               hoop_error *err)
{
    const hid_t        dcpl   = H5Dget_create_plist(f->dset);
    const H5D_layout_t layout = dcpl < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(dcpl);
    hoop_status        st     = HOOP_OK;
    f->offset                 = -1;
    f->block_rows             = 1;
    if (f->rows == 0) goto done; /* there is nothing to find */
    f->block_rows = BLOCK_BYTES / (f->about.numel * (int64_t)hoop_dtype_size(f->about.dtype));
    if (layout == H5D_LAYOUT_ERROR)
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: %s has no readable layout", path, name);
    else if (layout == H5D_CONTIGUOUS && H5Pget_external_count(dcpl) == 0)
        st = contiguous_storage(f, file, path, name, native, file_bytes, err);
    else if (layout == H5D_CHUNKED)
        st = chunked_storage(f, dcpl, path, name, err);
    else if (layout == H5D_VIRTUAL)
        st = hoop__virtual_check(f->dset, dcpl, f->elements, path, name, err);
    if (f->varies && f->block_rows > VARYING_ROWS) f->block_rows = VARYING_ROWS; /* how much that is does not show before */
    if (f->block_rows < 1) f->block_rows = 1;
    if (f->block_rows > f->rows) f->block_rows = f->rows;
done:
    if (dcpl >= 0) (void)H5Pclose(dcpl);
    (void)H5Eclear2(H5E_DEFAULT);
    return st;
}
