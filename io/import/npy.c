/* NumPy's .npy, as its format document (NEP 1) says: magic, version, header length, a Python dict, then the data. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import/writer.h"

typedef struct npy {
    const char          *path;
    unsigned char       *map;
    size_t               bytes;
    const unsigned char *data;
    char                 kind; /* 'f', 'i', 'u', 'b' */
    int                  width;
    bool                 swap, fortran;
    hoop_dtype           dtype; /* as it will be stored */
    int                  ndim;
    int64_t              shape[HOOP_DATASET_DIMS + 1], stride[HOOP_DATASET_DIMS + 1]; /* strides in elements */
    int64_t              row;                                                         /* elements */
} npy;

/* ---- the header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } ---- */

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) c->at++;
}

static bool eat(cursor *c, const char *word)
{
    const size_t n = strlen(word);
    skip_space(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0) return false;
    c->at += n;
    return true;
}

static bool eat_string(cursor *c, char *out, size_t size)
{
    size_t n = 0;
    char   quote;
    skip_space(c);
    if (c->at >= c->end || (*c->at != '\'' && *c->at != '"')) return false;
    quote = *c->at++;
    while (c->at < c->end && *c->at != quote && n + 1 < size) out[n++] = *c->at++;
    out[n] = '\0';
    return eat(c, quote == '"' ? "\"" : "'");
}

static bool eat_shape(cursor *c, npy *f)
{
    if (!eat(c, "(")) return false;
    for (f->ndim = 0; !eat(c, ")"); f->ndim++) {
        int64_t v = 0;
        skip_space(c);
        if (f->ndim == HOOP_DATASET_DIMS + 1 || c->at >= c->end || *c->at < '0' || *c->at > '9') return false;
        for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
            if (__builtin_mul_overflow(v, (int64_t)10, &v) || __builtin_add_overflow(v, (int64_t)(*c->at - '0'), &v))
                return false;
        (void)eat(c, "L"); /* Python 2's long */
        f->shape[f->ndim] = v;
        if (!eat(c, ",") && (skip_space(c), c->at >= c->end || *c->at != ')')) return false;
    }
    return true;
}

static hoop_status parse_dtype(npy *f, const char *descr, hoop_error *err)
{
    const char order = descr[0];
    f->kind          = order == '\0' ? '\0' : descr[1];
    f->width         = f->kind == '\0' ? 0 : atoi(descr + 2);
    f->swap          = order == '>';
    if (order == '\0' || strchr("<>|=", order) == NULL) f->kind = '?';
    if (f->kind == 'f' && (f->width == 2 || f->width == 4))
        f->dtype = HOOP_F32;
    else if (f->kind == 'f' && f->width == 8)
        f->dtype = HOOP_F64;
    else if ((f->kind == 'u' || f->kind == 'b') && f->width == 1)
        f->dtype = HOOP_U8;
    else if ((f->kind == 'i' && (f->width == 1 || f->width == 2 || f->width == 4)) || (f->kind == 'u' && f->width == 2))
        f->dtype = HOOP_I32;
    else if ((f->kind == 'i' && f->width == 8) || (f->kind == 'u' && f->width == 4))
        f->dtype = HOOP_I64;
    else
        return hoop_fail(err, HOOP_EDTYPE, "%s: NumPy dtype '%.32s'; float16 to 64, int8 to 64, uint8 to 32 or bool are wanted",
                         f->path, descr);
    return HOOP_OK;
}

static hoop_status parse_dict(npy *f, cursor c, hoop_error *err)
{
    char        key[32], descr[64] = "";
    const char *what  = "no Python dict: {'descr': ..., 'fortran_order': ..., 'shape': ...} is wanted";
    bool        shape = false, order = false;
    if (!eat(&c, "{")) goto bad;
    while (!eat(&c, "}")) {
        if (!eat_string(&c, key, sizeof key) || !eat(&c, ":")) goto bad;
        if (strcmp(key, "descr") == 0) {
            if (eat(&c, "["))
                return hoop_fail(err, HOOP_EDTYPE, "%s: a structured dtype; one number an element is wanted", f->path);
            what = "'descr' is not a dtype such as '<f4'";
            if (!eat_string(&c, descr, sizeof descr)) goto bad;
        } else if (strcmp(key, "fortran_order") == 0) {
            what       = "'fortran_order' is neither True nor False";
            order      = true;
            f->fortran = eat(&c, "True");
            if (!f->fortran && !eat(&c, "False")) goto bad;
        } else if (strcmp(key, "shape") == 0) {
            what  = "'shape' is not 1 to 9 numbers of 63 bits, such as (100, 28)";
            shape = true;
            if (!eat_shape(&c, f)) goto bad;
        } else {
            what = "a key is none of descr, fortran_order, shape";
            goto bad;
        }
        what = "no Python dict: , or } is missing";
        if (!eat(&c, ",") && (skip_space(&c), c.at >= c.end || *c.at != '}')) goto bad;
    }
    if (shape && order && descr[0] != '\0') return parse_dtype(f, descr, err);
    what = descr[0] == '\0' ? "'descr' is missing" : shape ? "'fortran_order' is missing" : "'shape' is missing";
bad:
    return hoop_fail(err, HOOP_EFORMAT, "%s: the .npy header cannot be read: %s", f->path, what);
}

static hoop_status npy_shape(npy *f, size_t data_at, hoop_error *err)
{
    int64_t numel = 1, bytes;
    if (f->ndim == 0) return hoop_fail(err, HOOP_ESHAPE, "%s: a scalar; the first dim must count rows", f->path);
    for (int d = 0; d < f->ndim; d++)
        if (f->shape[d] == 0 || __builtin_mul_overflow(numel, f->shape[d], &numel))
            return hoop_fail(err, HOOP_ESHAPE, "%s: dim %d is %lld%s", f->path, d, (long long)f->shape[d],
                             f->shape[d] == 0 ? "" : ": the size overflows");
    if (__builtin_mul_overflow(numel, (int64_t)8, &bytes)) return hoop_fail(err, HOOP_ESIZE, "%s: the size overflows", f->path);
    bytes = numel * f->width;
    if ((int64_t)(f->bytes - data_at) < bytes)
        return hoop_fail(err, HOOP_EFORMAT, "%s: truncated: %lld bytes of data are there, %lld are wanted", f->path,
                         (long long)(f->bytes - data_at), (long long)bytes);
    f->row = numel / f->shape[0];
    for (int d = 0, k; d < f->ndim; d++) {
        f->stride[d] = 1;
        for (k = f->fortran ? 0 : d + 1; k < (f->fortran ? d : f->ndim); k++) f->stride[d] *= f->shape[k];
    }
    f->data = f->map + data_at;
    return HOOP_OK;
}

static hoop_status npy_open(npy *f, const char *path, hoop_error *err)
{
    struct stat s;
    size_t      head = 10, length;
    const int   fd   = open(path, O_RDONLY | O_CLOEXEC);
    hoop_status st;
    f->path = path;
    if (fd < 0) return hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_size > 0)
        f->map = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (f->map == MAP_FAILED) f->map = NULL;
    if (f->map == NULL) return hoop_fail(err, HOOP_EFORMAT, "%s: empty, or not a regular file", path);
    f->bytes = (size_t)s.st_size;
    if (f->bytes < 12 || memcmp(f->map, "\x93NUMPY", 6) != 0) return hoop_fail(err, HOOP_EFORMAT, "%s: not a .npy file", path);
    if (f->map[6] < 1 || f->map[6] > 3)
        return hoop_fail(err, HOOP_EFORMAT, "%s: .npy version %d; 1 to 3 are known", path, f->map[6]);
    length = (size_t)f->map[8] | (size_t)f->map[9] << 8;
    if (f->map[6] > 1) {
        head = 12;
        length |= (size_t)f->map[10] << 16 | (size_t)f->map[11] << 24;
    }
    if (length > f->bytes - head) return hoop_fail(err, HOOP_EFORMAT, "%s: truncated in its header", path);
    st = parse_dict(f, (cursor){(const char *)f->map + head, (const char *)f->map + head + length}, err);
    return st == HOOP_OK ? npy_shape(f, head + length, err) : st;
}

static void npy_close(npy *f)
{
    if (f->map != NULL) (void)munmap(f->map, f->bytes);
    f->map = NULL;
}

/* ---- elements ---- */

static float half(uint16_t h)
{
    const int      exponent = h >> 10 & 31;
    const float    sign     = h & 0x8000 ? -1.0f : 1.0f;
    const uint16_t mantissa = h & 1023;
    if (exponent == 31) return mantissa != 0 ? NAN : sign * INFINITY;
    return sign * (exponent == 0 ? ldexpf((float)mantissa, -24) : ldexpf((float)(1024 + mantissa), exponent - 25));
}

/* Element `at` of the file, as stored dtype. Works for any alignment and byte order. */
static void element(const npy *f, int64_t at, void *out)
{
    const unsigned char *p    = f->data + at * f->width;
    uint64_t             bits = 0;
    for (int b = 0; b < f->width; b++) bits |= (uint64_t)p[f->swap ? f->width - 1 - b : b] << (8 * b);
    switch (f->dtype) {
    case HOOP_F32:
        if (f->width == 2) {
            const float v = half((uint16_t)bits);
            memcpy(out, &v, sizeof v);
        } else {
            const uint32_t v = (uint32_t)bits;
            memcpy(out, &v, sizeof v);
        }
        break;
    case HOOP_U8:
        *(unsigned char *)out = f->kind == 'b' ? bits != 0 : (unsigned char)bits;
        break;
    case HOOP_I32: {
        const int32_t v = f->kind == 'u'  ? (int32_t)bits
                          : f->width == 1 ? (int8_t)bits
                          : f->width == 2 ? (int16_t)bits
                                          : (int32_t)bits;
        memcpy(out, &v, sizeof v);
        break;
    }
    default:
        memcpy(out, &bits, sizeof bits);
        break; /* f64 bits, i64, u32 widened */
    }
}

static void npy_row(const npy *f, int64_t i, char *out)
{
    const size_t size                         = hoop_dtype_size(f->dtype);
    int64_t      index[HOOP_DATASET_DIMS + 1] = {i}, at = i * f->stride[0];
    if (!f->fortran && !f->swap && f->width == (int)size && f->kind != 'b') {
        memcpy(out, f->data + i * f->row * f->width, (size_t)f->row * size);
        return;
    }
    for (int64_t k = 0; k < f->row; k++) {
        element(f, at, out + (size_t)k * size);
        for (int d = f->ndim - 1; d > 0; d--) {
            at += f->stride[d];
            if (++index[d] < f->shape[d]) break;
            at -= f->shape[d] * f->stride[d];
            index[d] = 0;
        }
    }
}

/* Integer labels of one dim without negative values are classes. */
static bool find_classes(const npy *y, int64_t *classes)
{
    *classes = 0;
    if (y->ndim != 1 || y->kind == 'f') return false;
    for (int64_t i = 0; i < y->shape[0]; i++) {
        int64_t v = 0;
        if (y->dtype == HOOP_I32) {
            int32_t v32;
            element(y, i, &v32);
            v = v32;
        } else {
            element(y, i, &v);
        }
        if (v < 0 || v == INT64_MAX) return false;
        if (v >= *classes) *classes = v + 1;
    }
    return true;
}

static hoop_status copy_rows(const npy *x, const npy *y, bool labels, hoop_writer *w, hoop_error *err)
{
    char       *row    = malloc((size_t)x->row * hoop_dtype_size(x->dtype));
    char       *target = y == NULL ? NULL : calloc(1, (size_t)y->row * hoop_dtype_size(y->dtype) + 8);
    hoop_status st =
        row == NULL || (y != NULL && target == NULL) ? hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a row", x->path) : HOOP_OK;
    for (int64_t i = 0; i < x->shape[0] && st == HOOP_OK; i++) {
        int64_t id = 0;
        npy_row(x, i, row);
        if (y != NULL) npy_row(y, i, target);
        if (labels) {
            int32_t v32;
            memcpy(&v32, target, sizeof v32);
            memcpy(&id, target, sizeof id);
            id = y->dtype == HOOP_U8 ? (unsigned char)target[0] : y->dtype == HOOP_I32 ? v32 : id;
        }
        st = hoop__writer_row(w, row, labels ? (void *)&id : (void *)target, err);
    }
    free(target);
    free(row);
    return st;
}

static void describe(const npy *f, hoop_writer_field *out)
{
    out->dtype = f->dtype;
    out->ndim  = f->ndim - 1;
    memcpy(out->shape, f->shape + 1, (size_t)out->ndim * sizeof out->shape[0]);
}

hoop_status hoop_import_npy(const char *xpath, const char *ypath, const hoop_import_opts *opts, hoop_error *err,
                            hoop_import_result *result)
{
    npy               x = {0}, y = {0};
    hoop_writer_field fx = {0}, fy = {0};
    hoop_writer      *w       = NULL;
    int64_t           classes = 0;
    bool              labels  = false;
    hoop_status       st;
    HOOP_TRY(st, done, npy_open(&x, xpath, err));
    describe(&x, &fx);
    if (ypath != NULL) {
        HOOP_TRY(st, done, npy_open(&y, ypath, err));
        if (x.shape[0] != y.shape[0]) {
            st = hoop_fail(err, HOOP_ESHAPE, "%s has %lld rows, %s has %lld", xpath, (long long)x.shape[0], ypath,
                           (long long)y.shape[0]);
            goto done;
        }
        describe(&y, &fy);
        labels = find_classes(&y, &classes);
        if (labels) {
            fy.dtype              = HOOP_I64;
            fy.attrs[fy.nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = classes};
        }
    }
    HOOP_TRY(st, done, hoop__writer_create(opts, x.shape[0], &fx, ypath != NULL ? &fy : NULL, err, &w));
    HOOP_TRY(st, done, copy_rows(&x, ypath != NULL ? &y : NULL, labels, w, err));
    HOOP_TRY(st, done, hoop__writer_finish(w, err, result));
    if (result != NULL) result->classes = labels ? classes : 0;
done:
    hoop__writer_destroy(&w);
    npy_close(&x);
    npy_close(&y);
    return st;
}
