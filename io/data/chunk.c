#include "data/chunk.h"

#include <lzf.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/filter.h"

enum { FILTERS_MAX = 8, DIMS_MAX = HOOP_CUT_DIMS, CHECK_BYTES = 4 };

struct hoop_chunks {
    const hoop_dataset_field *field;
    const hoop_cut           *cut;
    int                       ndim;
    int64_t                   chunk[DIMS_MAX];
    int64_t                   to[DIMS_MAX]; /* from place to place of a dim in rows that are read, in elements */
    int64_t                   width, wide;  /* bytes of an element in the file; of the larger of file and memory */
    int64_t                   numel;        /* of a chunk */
    hid_t                     type, taken;  /* in the file, and what it is taken for */
    int                       nfilters;
    H5Z_filter_t              filter[FILTERS_MAX];
    int64_t                   shuffle[FILTERS_MAX]; /* bytes of an element, as the shuffle filter was told */
    int64_t expect[FILTERS_MAX]; /* bytes that come out of undoing filter i; -1: not known, it is above a compression */
};

/* ---- undoing filters ---- */

/* Fletcher's checksum over big-endian 16-bit words, modulo 65535, as HDF5 computes it. */
static uint32_t fletcher32(const unsigned char *p, int64_t n)
{
    uint32_t a = 0, b = 0;
    while (n > 1) {
        int64_t words = n / 2 < 360 ? n / 2 : 360;
        n -= 2 * words;
        for (; words > 0; words--, p += 2) {
            a += (uint32_t)p[0] << 8 | p[1];
            b += a;
        }
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    if (n == 1) {
        a += (uint32_t)p[0] << 8;
        b += a;
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
    return b << 16 | a;
}

static bool undo_fletcher(const unsigned char *in, int64_t bytes)
{
    const unsigned char *s      = in + bytes;
    const uint32_t       is     = fletcher32(in, bytes);
    const uint32_t       stored = (uint32_t)s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
    /* HDF5 before 1.6.3 wrote the bytes of each half the other way round */
    const uint32_t swapped = (is & 0x00ff00ff) << 8 | (is >> 8 & 0x00ff00ff);
    return stored == is || stored == swapped;
}

static void undo_shuffle(const unsigned char *in, unsigned char *out, int64_t bytes, int64_t width)
{
    const int64_t n = bytes / width;
    for (int64_t b = 0; b < width; b++)
        for (int64_t i = 0; i < n; i++) out[i * width + b] = in[b * n + i];
    memcpy(out + n * width, in + n * width, (size_t)(bytes - n * width));
}

/* The raw bytes of a chunk through all filters, last first; *data and *spare (each room for the largest stage) change places. */
static bool undo_filters(const hoop_chunks *c, unsigned mask, unsigned char **data, unsigned char **spare, int64_t bytes,
                         const char **what)
{
    for (int i = c->nfilters - 1; i >= 0; i--) {
        unsigned char *swap;
        uLongf         n = (uLongf)c->expect[i];
        if (mask >> i & 1) continue;
        switch (c->filter[i]) {
        case H5Z_FILTER_FLETCHER32:
            *what = "its checksum (fletcher32) does not match";
            bytes -= CHECK_BYTES;
            if (bytes < 0 || !undo_fletcher(*data, bytes)) return false;
            continue;
        case H5Z_FILTER_SHUFFLE:
            *what = "it has a wrong size";
            if (c->expect[i] >= 0 && bytes != c->expect[i]) return false;
            undo_shuffle(*data, *spare, bytes, c->shuffle[i]);
            break;
        case HOOP_FILTER_LZF:
            *what = "it cannot be decompressed";
            if ((int64_t)lzf_decompress(*data, (unsigned)bytes, *spare, (unsigned)c->expect[i]) != c->expect[i]) return false;
            bytes = c->expect[i];
            break;
        default:
            *what = "it cannot be decompressed";
            if (uncompress(*spare, &n, *data, (uLong)bytes) != Z_OK || (int64_t)n != c->expect[i]) return false;
            bytes = c->expect[i];
            break;
        }
        swap   = *data;
        *data  = *spare;
        *spare = swap;
    }
    *what = "it has a wrong size";
    return bytes == c->numel * c->width;
}

/* ---- what a dataset's chunks are ---- */

static bool known_filters(hoop_chunks *c, hid_t dcpl)
{
    const int n     = H5Pget_nfilters(dcpl);
    int64_t   bytes = c->numel * c->width;
    unsigned  edges;
    /* chunks that reach over the edge may be stored unfiltered, with nothing in their mask to say so */
    if (n < 0 || n > FILTERS_MAX || H5Pget_chunk_opts(dcpl, &edges) < 0 || edges != 0) return false;
    c->nfilters = n;
    for (int i = 0; i < n; i++) {
        unsigned flags, values[8], config;
        size_t   count = 8;
        c->filter[i]   = H5Pget_filter2(dcpl, (unsigned)i, &flags, &count, values, 0, NULL, &config);
        c->expect[i]   = bytes; /* what went into filter i when it was written */
        if ((c->filter[i] == H5Z_FILTER_DEFLATE || c->filter[i] == HOOP_FILTER_LZF) && bytes >= 0)
            bytes = -1;
        else if (c->filter[i] == H5Z_FILTER_FLETCHER32)
            bytes += bytes < 0 ? 0 : CHECK_BYTES;
        else if (c->filter[i] != H5Z_FILTER_SHUFFLE)
            return false;
        c->shuffle[i] = count > 0 && values[0] > 0 ? (int64_t)values[0] : c->width;
    }
    return true;
}

static bool chunk_shape(hoop_chunks *c, hid_t dset, hid_t dcpl, const hoop_dataset_field *f, const hoop_cut *cut, bool flip)
{
    hsize_t chunk[DIMS_MAX];
    int64_t numel = 1;
    c->field      = f;
    c->cut        = cut;
    c->ndim       = cut->ndim;
    c->type       = hoop__h5_taken_type(dset, false);
    c->taken      = hoop__h5_taken_type(dset, flip);
    if (c->type < 0 || c->taken < 0 || H5Pget_layout(dcpl) != H5D_CHUNKED || H5Pget_chunk(dcpl, c->ndim, chunk) != c->ndim)
        return false;
    c->width = (int64_t)H5Tget_size(c->type);
    c->wide  = (int64_t)hoop_dtype_size(f->dtype) > c->width ? (int64_t)hoop_dtype_size(f->dtype) : c->width;
    c->numel = 1;
    for (int d = 0; d < c->ndim; d++) {
        c->chunk[d] = (int64_t)chunk[d];
        if (chunk[d] < 1 || chunk[d] > UINT32_MAX || __builtin_mul_overflow(c->numel, c->chunk[d], &c->numel)) return false;
    }
    for (int d = c->ndim - 1; d >= 0; d--) {
        if (d == cut->axis) continue;
        c->to[d] = numel;
        numel *= cut->count[d];
    }
    c->to[cut->axis] = numel;
    /* HDF5 keeps chunks below 4 GiB */
    return c->numel <= UINT32_MAX / c->wide && known_filters(c, dcpl);
}

hoop_status hoop__chunks_create(hid_t dset, const hoop_dataset_field *f, const hoop_cut *cut, bool flip, const char *path,
                                hoop_error *err, hoop_chunks **out)
{
    const hid_t  dcpl = H5Dget_create_plist(dset);
    hoop_chunks *c    = calloc(1, sizeof *c);
    *out              = NULL;
    if (c == NULL) {
        if (dcpl >= 0) (void)H5Pclose(dcpl);
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    }
    c->type = c->taken = -1;
    if (dcpl >= 0 && chunk_shape(c, dset, dcpl, f, cut, flip))
        *out = c;
    else
        hoop__chunks_destroy(&c);
    if (dcpl >= 0) (void)H5Pclose(dcpl);
    (void)H5Eclear2(H5E_DEFAULT);
    return HOOP_OK;
}

void hoop__chunks_destroy(hoop_chunks **c)
{
    if (*c == NULL) return;
    if ((*c)->type >= 0) (void)H5Tclose((*c)->type);
    if ((*c)->taken >= 0) (void)H5Tclose((*c)->taken);
    free(*c);
    *c = NULL;
}

/* ---- reading ---- */

/* Only asked for where a chunk was never written: HDF5 1.10 does not survive every damaged fill value. */
static hoop_status fill_chunk(const hoop_chunks *c, hid_t dset, unsigned char *out, const char *path, hoop_error *err)
{
    const hid_t      dcpl    = H5Dget_create_plist(dset);
    unsigned char    one[32] = {0};
    H5D_fill_value_t kind;
    hoop_status      st = HOOP_OK;
    if (dcpl < 0 || c->width > (int64_t)sizeof one || H5Pfill_value_defined(dcpl, &kind) < 0 ||
        (kind == H5D_FILL_VALUE_USER_DEFINED && H5Pget_fill_value(dcpl, c->type, one) < 0))
        st = hoop__h5_fail(err, HOOP_EIO, "%s: %s has no readable fill value", path, c->field->path);
    for (int64_t i = 0; i < c->numel; i++) memcpy(out + i * c->width, one, (size_t)c->width);
    if (dcpl >= 0) (void)H5Pclose(dcpl);
    return st;
}

/* One chunk at `at`, decoded and converted to the field's dtype, into *data. */
static hoop_status chunk_decode(const hoop_chunks *c, hid_t dset, const hsize_t *at, unsigned char **data, unsigned char **spare,
                                int64_t room, const char *path, hoop_error *err)
{
    const char *what  = "";
    hsize_t     bytes = 0;
    uint32_t    mask  = 0;
    if (H5Dget_chunk_storage_size(dset, at, &bytes) < 0) {
        char text[256];
        hoop__h5_message(text, sizeof text);
        /* HDF5 1.10 calls a chunk that was never written an error, and tells it from a damaged index by its words alone */
        if (strstr(text, "not allocated") == NULL)
            return hoop_fail(err, HOOP_EIO, "%s: %s: the chunk at row %lld cannot be found (HDF5: %s)", path, c->field->path,
                             (long long)at[c->cut->axis], text);
        bytes = 0;
    }
    if (bytes == 0) {
        const hoop_status st = fill_chunk(c, dset, *data, path, err);
        if (st != HOOP_OK) return st;
    } else if (bytes > (hsize_t)room) {
        return hoop_fail(err, HOOP_EFORMAT, "%s: %s: the chunk at row %lld is damaged: it has a wrong size", path, c->field->path,
                         (long long)at[c->cut->axis]);
    } else {
        if (H5Dread_chunk(dset, H5P_DEFAULT, at, &mask, *data) < 0)
            return hoop__h5_fail(err, HOOP_EIO, "%s: %s: the chunk at row %lld cannot be read", path, c->field->path,
                                 (long long)at[c->cut->axis]);
        if (!undo_filters(c, mask, data, spare, (int64_t)bytes, &what))
            return hoop_fail(err, HOOP_EFORMAT, "%s: %s: the chunk at row %lld is damaged: %s", path, c->field->path,
                             (long long)at[c->cut->axis], what);
    }
    if (H5Tconvert(c->taken, hoop__h5_memory_type(c->field->dtype), (size_t)c->numel, *data, NULL, H5P_DEFAULT) < 0)
        return hoop__h5_fail(err, HOOP_EIO, "%s: %s cannot be converted", path, c->field->path);
    return HOOP_OK;
}

/* Of dim d what is read of rows [first, first + rows). */
static int64_t range(const hoop_chunks *c, int d, int64_t first, int64_t rows, int64_t *end)
{
    const int64_t begin = d == c->cut->axis ? first : c->cut->first[d];
    *end                = begin + (d == c->cut->axis ? rows : c->cut->count[d]);
    return begin;
}

/* Copy what of the chunk at `at` is in the piece of rows [first, first + rows) to its place in out, row after row. */
static void chunk_place(const hoop_chunks *c, const hsize_t *at, const unsigned char *data, int64_t first, int64_t rows,
                        unsigned char *out)
{
    const int64_t width = (int64_t)hoop_dtype_size(c->field->dtype);
    const int     last  = c->ndim - 1;
    int64_t       begin[DIMS_MAX], low[DIMS_MAX], high[DIMS_MAX], index[DIMS_MAX];
    for (int d = 0; d < c->ndim; d++) {
        int64_t end;
        begin[d] = range(c, d, first, rows, &end);
        low[d]   = (int64_t)at[d] > begin[d] ? (int64_t)at[d] : begin[d];
        high[d]  = (int64_t)at[d] + c->chunk[d] < end ? (int64_t)at[d] + c->chunk[d] : end;
        index[d] = low[d];
        if (low[d] >= high[d]) return;
    }
    for (;;) {
        const int64_t n    = high[last] - low[last];
        int64_t       from = 0, to = 0;
        int           d;
        for (d = 0; d < c->ndim; d++) {
            from = from * c->chunk[d] + index[d] - (int64_t)at[d];
            to += (index[d] - begin[d]) * c->to[d];
        }
        if (c->to[last] == 1)
            memcpy(out + to * width, data + from * width, (size_t)(n * width));
        else
            for (int64_t i = 0; i < n; i++)
                memcpy(out + (to + i * c->to[last]) * width, data + (from + i) * width, (size_t)width);
        /* the last dim went as one run */
        for (d = last - 1; d >= 0; d--) {
            if (++index[d] < high[d]) break;
            index[d] = low[d];
        }
        if (d < 0) return;
    }
}

hoop_status hoop__chunks_read(const hoop_chunks *c, hid_t dset, int64_t first, int64_t rows, void *out, const char *path,
                              hoop_error *err)
{
    /* a stage may be larger than the chunk: fletcher's bytes, and what deflate could not make smaller */
    const int64_t  room = c->numel * c->wide + (int64_t)FILTERS_MAX * CHECK_BYTES + c->numel * c->wide / 100 + 4096;
    unsigned char *data = malloc((size_t)room), *spare = malloc((size_t)room);
    hsize_t        at[DIMS_MAX], from[DIMS_MAX];
    int64_t        end[DIMS_MAX];
    hoop_status st = data == NULL || spare == NULL ? hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a chunk of %lld bytes of %s",
                                                               path, (long long)room, c->field->path)
                                                   : HOOP_OK;
    for (int d = 0; d < c->ndim; d++) at[d] = from[d] = (hsize_t)(range(c, d, first, rows, &end[d]) / c->chunk[d] * c->chunk[d]);
    while (st == HOOP_OK) {
        int d;
        st = chunk_decode(c, dset, at, &data, &spare, room, path, err);
        if (st == HOOP_OK) chunk_place(c, at, data, first, rows, out);
        for (d = c->ndim - 1; d >= 0; d--) {
            at[d] += (hsize_t)c->chunk[d];
            if ((int64_t)at[d] < end[d]) break;
            at[d] = from[d];
        }
        if (d < 0) break;
    }
    free(data);
    free(spare);
    return st;
}
