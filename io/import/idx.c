/* MNIST's IDX files, plain or gzip: two zero bytes, a type, the number of dims, each dim as big-endian u32, then the data. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "import/writer.h"

enum { TYPE_U8 = 0x08 };

typedef struct idx {
    const char *path;
    gzFile      file;
    int         ndim;
    int64_t     shape[HOOP_DATASET_DIMS + 1];
} idx;

/* zlib reads plain files as they are. A truncated stream shows as a short count, a corrupt one as an error. */
static hoop_status read_all(idx *f, void *out, int64_t n, const char *what, hoop_error *err)
{
    char *p = out;
    while (n > 0) {
        const unsigned part = n < 1 << 30 ? (unsigned)n : 1u << 30;
        const int      got  = gzread(f->file, p, part);
        int            code = Z_OK;
        const char    *text;
        if (got > 0) {
            p += got;
            n -= got;
            continue;
        }
        text = gzerror(f->file, &code);
        if (code == Z_ERRNO) return hoop_fail(err, HOOP_EIO, "%s: cannot be read: %s", f->path, strerror(errno));
        if (got < 0 && code != Z_BUF_ERROR)
            return hoop_fail(err, HOOP_EFORMAT, "%s: corrupt gzip data in %s: %s", f->path, what, text);
        return hoop_fail(err, HOOP_EFORMAT, "%s: truncated: it ends in %s", f->path, what);
    }
    return HOOP_OK;
}

static hoop_status idx_open(idx *f, const char *path, hoop_error *err)
{
    unsigned char head[4], dim[4];
    int64_t       numel = 1;
    hoop_status   st;
    f->path = path;
    f->file = gzopen(path, "rb");
    if (f->file == NULL) return hoop_fail(err, HOOP_EIO, "%s: %s", path, errno != 0 ? strerror(errno) : "no memory");
    (void)gzbuffer(f->file, 1 << 18);
    st = read_all(f, head, 4, "the header", err);
    if (st != HOOP_OK) return st;
    if (head[0] != 0 || head[1] != 0 || head[2] < 0x08 || head[2] > 0x0e || head[3] == 0)
        return hoop_fail(err, HOOP_EFORMAT, "%s: not an IDX file (it begins %02x %02x %02x %02x)", path, head[0], head[1],
                         head[2], head[3]);
    if (head[2] != TYPE_U8)
        return hoop_fail(err, HOOP_EDTYPE, "%s: IDX data of type 0x%02x; unsigned bytes (0x08) are wanted", path, head[2]);
    f->ndim = head[3];
    if (f->ndim > HOOP_DATASET_DIMS + 1)
        return hoop_fail(err, HOOP_ESHAPE, "%s: %d dims; at most %d are possible", path, f->ndim, HOOP_DATASET_DIMS + 1);
    for (int d = 0; d < f->ndim; d++) {
        st = read_all(f, dim, 4, "the header", err);
        if (st != HOOP_OK) return st;
        f->shape[d] = (int64_t)dim[0] << 24 | (int64_t)dim[1] << 16 | (int64_t)dim[2] << 8 | dim[3];
        if (f->shape[d] == 0 || __builtin_mul_overflow(numel, f->shape[d], &numel))
            return hoop_fail(err, HOOP_ESHAPE, "%s: dim %d is %lld", path, d, (long long)f->shape[d]);
    }
    return HOOP_OK;
}

/* Nothing may follow the data, and a gzip stream's own checksum must be right. */
static hoop_status idx_end(idx *f, hoop_error *err)
{
    unsigned char more;
    const int     got  = gzread(f->file, &more, 1);
    int           code = Z_OK;
    (void)gzerror(f->file, &code);
    if (got > 0) return hoop_fail(err, HOOP_EFORMAT, "%s: is longer than its header says", f->path);
    if (got < 0 || code < 0) return hoop_fail(err, HOOP_EFORMAT, "%s: truncated or corrupt gzip data at the end", f->path);
    code    = gzclose(f->file);
    f->file = NULL;
    return code == Z_OK ? HOOP_OK : hoop_fail(err, HOOP_EFORMAT, "%s: truncated or corrupt gzip data at the end", f->path);
}

static hoop_status labels_load(idx *f, unsigned char **labels, int64_t *classes, hoop_error *err)
{
    const int64_t n = f->shape[0];
    hoop_status   st;
    if (f->ndim != 1) return hoop_fail(err, HOOP_ESHAPE, "%s: labels have %d dims; 1 is wanted", f->path, f->ndim);
    *labels = malloc((size_t)n);
    if (*labels == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld labels", f->path, (long long)n);
    st       = read_all(f, *labels, n, "the labels", err);
    *classes = 1;
    for (int64_t i = 0; st == HOOP_OK && i < n; i++)
        if ((*labels)[i] + 1 > *classes) *classes = (*labels)[i] + 1;
    return st == HOOP_OK ? idx_end(f, err) : st;
}

hoop_status hoop_import_idx(const char *images, const char *labels, const hoop_import_opts *opts, hoop_error *err,
                            hoop_import_result *result)
{
    idx               x = {0}, y = {0};
    hoop_writer      *w  = NULL;
    hoop_writer_field fx = {.dtype = HOOP_U8}, fy = {.dtype = HOOP_I64};
    unsigned char    *label = NULL, *row = NULL;
    int64_t           classes = 0, bytes = 1;
    hoop_status       st;
    errno = 0;
    HOOP_TRY(st, done, idx_open(&x, images, err));
    HOOP_TRY(st, done, idx_open(&y, labels, err));
    if (x.ndim < 2) {
        st = hoop_fail(err, HOOP_ESHAPE, "%s: images have %d dim; 2 or more are wanted (are images and labels exchanged?)",
                       images, x.ndim);
        goto done;
    }
    HOOP_TRY(st, done, labels_load(&y, &label, &classes, err));
    if (x.shape[0] != y.shape[0]) {
        st = hoop_fail(err, HOOP_ESHAPE, "%s has %lld images, %s has %lld labels", images, (long long)x.shape[0], labels,
                       (long long)y.shape[0]);
        goto done;
    }
    fx.ndim = x.ndim - 1;
    for (int d = 0; d < fx.ndim; d++) bytes *= fx.shape[d] = x.shape[d + 1];
    fx.attrs[fx.nattrs++] = (hoop_h5_attr){.name = "scale", .kind = HOOP_H5_F64, .v.f64 = 1.0 / 255};
    fy.attrs[fy.nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = classes};
    row                   = malloc((size_t)bytes);
    if (row == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for an image of %lld bytes", images, (long long)bytes);
        goto done;
    }
    HOOP_TRY(st, done, hoop__writer_create(opts, x.shape[0], &fx, &fy, err, &w));
    for (int64_t i = 0; i < x.shape[0]; i++) {
        const int64_t id = label[i];
        HOOP_TRY(st, done, read_all(&x, row, bytes, "the images", err));
        HOOP_TRY(st, done, hoop__writer_row(w, row, &id, err));
    }
    HOOP_TRY(st, done, idx_end(&x, err));
    HOOP_TRY(st, done, hoop__writer_finish(w, err, result));
    if (result != NULL) result->classes = classes;
done:
    hoop__writer_destroy(&w);
    if (x.file != NULL) (void)gzclose(x.file);
    if (y.file != NULL) (void)gzclose(y.file);
    free(label);
    free(row);
    return st;
}
