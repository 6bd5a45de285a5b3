/* MNIST's IDX files, plain or gzip: two zero bytes, a type, the number of dims, each dim as big-endian u32, then the data. */
#include <stdlib.h>
#include <string.h>

#include "import/ids.h"
#include "import/source.h"
#include "import/summary.h"
#include "import/writer.h"

enum { TYPE_U8 = 0x08 };

typedef struct idx {
    const char  *path;
    hoop_source *source;
    int          ndim;
    int64_t      shape[HOOP_DATASET_DIMS + 1];
} idx;

static hoop_status read_all(idx *f, void *out, int64_t n, const char *what, hoop_error *err)
{
    int64_t           got;
    const hoop_status st = hoop__source_read(f->source, out, n, &got, err);
    if (st != HOOP_OK || got == n) return st;
    return hoop_fail(err, HOOP_EFORMAT, "%s: truncated: it ends in %s", f->path, what);
}

static hoop_status idx_open(idx *f, const char *path, const volatile int *stop, hoop_error *err)
{
    unsigned char head[4], dim[4];
    int64_t       numel = 1;
    hoop_status   st;
    f->path = path;
    if ((st = hoop__source_open(path, &(hoop_source_opts){.stop = stop}, err, &f->source)) != HOOP_OK) return st;
    if ((st = read_all(f, head, 4, "the header", err)) != HOOP_OK) return st;
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

/* Nothing may follow the data; reading on checks the end of a gzip stream, too. */
static hoop_status idx_end(idx *f, hoop_error *err)
{
    unsigned char     more;
    int64_t           got;
    const hoop_status st = hoop__source_read(f->source, &more, 1, &got, err);
    if (st != HOOP_OK || got == 0) return st;
    return hoop_fail(err, HOOP_EFORMAT, "%s: is longer than its header says", f->path);
}

static hoop_status labels_load(idx *f, hoop_error *err, int64_t **out)
{
    const int64_t  n     = f->shape[0];
    unsigned char *bytes = malloc((size_t)n);
    hoop_status    st;
    *out = malloc((size_t)n * sizeof **out);
    if (f->ndim != 1)
        st = hoop_fail(err, HOOP_ESHAPE, "%s: labels have %d dims; 1 is wanted", f->path, f->ndim);
    else if (bytes == NULL || *out == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld labels", f->path, (long long)n);
    else
        st = read_all(f, bytes, n, "the labels", err);
    for (int64_t i = 0; st == HOOP_OK && i < n; i++) (*out)[i] = bytes[i];
    free(bytes);
    return st == HOOP_OK ? idx_end(f, err) : st;
}

static hoop_status write_rows(idx *x, const int64_t *label, const hoop_ids *ids, int64_t bytes, hoop_writer *w, hoop_error *err)
{
    unsigned char *row = malloc((size_t)bytes);
    hoop_status    st  = HOOP_OK;
    if (row == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for an image of %lld bytes", x->path, (long long)bytes);
    for (int64_t i = 0; i < x->shape[0] && st == HOOP_OK; i++) {
        const int64_t id = hoop__ids_of(ids, label[i]);
        st               = read_all(x, row, bytes, "the images", err);
        if (st == HOOP_OK) st = hoop__writer_row(w, (const void *[]){row, &id}, err);
    }
    free(row);
    return st == HOOP_OK ? idx_end(x, err) : st;
}

hoop_status hoop_import_idx(const char *images, const char *labels, const hoop_import_opts *opts, hoop_error *err,
                            hoop_import_result *result)
{
    idx                x = {0}, y = {0};
    hoop_writer       *w        = NULL;
    hoop_writer_field  field[2] = {{.name = "x", .dtype = HOOP_U8}, {.name = "y", .role = HOOP_TARGET}}, *fx = &field[0];
    hoop_import_result mine;
    hoop_ids           ids   = {0};
    int64_t           *label = NULL, bytes = 1;
    hoop_status        st;
    if (result == NULL) result = &mine;
    *result = (hoop_import_result){0};
    HOOP_TRY(st, done, idx_open(&x, images, opts->stop, err));
    HOOP_TRY(st, done, idx_open(&y, labels, opts->stop, err));
    if (x.ndim < 2) {
        st = hoop_fail(err, HOOP_ESHAPE, "%s: images have %d dim; 2 or more are wanted (are images and labels exchanged?)",
                       images, x.ndim);
        goto done;
    }
    HOOP_TRY(st, done, labels_load(&y, err, &label));
    if (x.shape[0] != y.shape[0]) {
        st = hoop_fail(err, HOOP_ESHAPE, "%s has %lld images, %s has %lld labels", images, (long long)x.shape[0], labels,
                       (long long)y.shape[0]);
        goto done;
    }
    fx->ndim = x.ndim - 1;
    for (int d = 0; d < fx->ndim; d++) bytes *= fx->shape[d] = x.shape[d + 1];
    fx->attrs[fx->nattrs++] = (hoop_h5_attr){.name = "scale", .kind = HOOP_H5_F64, .v.f64 = 1.0 / 255};
    hoop__say(result, "rows", "%lld", (long long)x.shape[0]);
    HOOP_TRY(st, done, hoop__ids_decide(label, y.shape[0], HOOP_CSV_TARGETS_AUTO, true, "", labels, err, result, &ids));
    hoop__say(result, "dtype", "x u8, to be read as 0 to 1");
    hoop__ids_describe(&ids, &field[1]);
    HOOP_TRY(st, done, hoop__writer_create(opts, x.shape[0], field, 2, err, &w));
    HOOP_TRY(st, done, write_rows(&x, label, &ids, bytes, w, err));
    HOOP_TRY(st, done, hoop__writer_finish(w, err, result));
    result->classes = ids.classes;
done:
    hoop__writer_destroy(&w);
    hoop__source_close(&x.source);
    hoop__source_close(&y.source);
    hoop__ids_free(&ids);
    free(label);
    return st;
}
