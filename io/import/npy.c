/* NumPy's .npy, as its format document (NEP 1) says: magic, version, header length, a Python dict, then the data. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "import/ids.h"
#include "import/source.h"
#include "import/summary.h"
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
    else if ((f->kind == 'i' && f->width == 8) || (f->kind == 'u' && (f->width == 4 || f->width == 8)))
        f->dtype = HOOP_I64; /* u8: where all fit */
    else if (f->kind == 'O')
        return hoop_fail(err, HOOP_EDTYPE, "%s: NumPy dtype '%.32s': pickled Python objects; numbers are wanted: x.astype('f4')",
                         f->path, descr);
    else if (f->kind == 'U' || f->kind == 'S' || f->kind == 'a')
        return hoop_fail(err, HOOP_EDTYPE,
                         "%s: NumPy dtype '%.32s': text, and numbers are wanted; written as a table with the other columns "
                         "(pandas: to_csv) hoop data import-csv makes classes of a target's words, and columns of others'",
                         f->path, descr);
    else
        return hoop_fail(err, HOOP_EDTYPE, "%s: NumPy dtype '%.32s'; float16 to 64, int8 to 64, uint8 to 64 or bool are wanted",
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
    if ((int64_t)(f->bytes - data_at) > bytes)
        return hoop_fail(err, HOOP_EFORMAT, "%s: %lld bytes follow the end of its array; one array a file is wanted", f->path,
                         (long long)(f->bytes - data_at) - bytes);
    f->row = numel / f->shape[0];
    for (int d = 0, k; d < f->ndim; d++) {
        f->stride[d] = 1;
        for (k = f->fortran ? 0 : d + 1; k < (f->fortran ? d : f->ndim); k++) f->stride[d] *= f->shape[k];
    }
    f->data = f->map + data_at;
    return HOOP_OK;
}

/* uint64: the first row that holds more than 64 signed bits do. */
static hoop_status npy_fits(const npy *f, hoop_error *err)
{
    const int64_t        n   = f->shape[0] * f->row;
    const unsigned char *top = f->data + (f->swap ? 0 : 7); /* the byte with the highest bit */
    int64_t              row = -1, first = 0;
    uint64_t             bits = 0;
    if (f->kind != 'u' || f->width != 8) return HOOP_OK;
    for (int64_t at = 0; at < n; at++) {
        const int64_t of = f->fortran ? at % f->shape[0] : at / f->row;
        if (top[8 * at] < 0x80 || (row >= 0 && of >= row)) continue;
        row   = of;
        first = at;
    }
    if (row < 0) return HOOP_OK;
    for (int b = 0; b < 8; b++) bits |= (uint64_t)f->data[8 * first + (f->swap ? 7 - b : b)] << (8 * b);
    return hoop_fail(err, HOOP_ERANGE,
                     "%s: row %lld holds %llu, which does not fit in 64 signed bits; as float64, rounded, it would: astype('f8')",
                     f->path, (long long)row, (unsigned long long)bits);
}

static hoop_status npy_open(npy *f, const char *path, const char *spool_dir, hoop_error *err)
{
    size_t      head = 10, length;
    int64_t     bytes;
    int         fd;
    hoop_status st = hoop__source_file(path, spool_dir, err, &fd, &bytes);
    f->path        = path;
    if (st != HOOP_OK) return st;
    if (bytes > 0) f->map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (f->map == MAP_FAILED) f->map = NULL;
    if (f->map == NULL)
        return bytes == 0 ? hoop_fail(err, HOOP_EFORMAT, "%s: is empty", path)
                          : hoop_fail(err, HOOP_EIO, "%s: cannot be mapped: %s", path, strerror(errno));
    f->bytes = (size_t)bytes;
    if (f->bytes > 4 && memcmp(f->map, "PK\x03\x04", 4) == 0)
        return hoop_fail(err, HOOP_EFORMAT, "%s: is a .npz archive; unzip it and import a .npy file of it", path);
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
    if (st == HOOP_OK) st = npy_shape(f, head + length, err);
    return st == HOOP_OK ? npy_fits(f, err) : st;
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

/* ---- y ---- */

/* Integers, of one number a row; whole numbers stored as floats only where classes are asked for. */
static hoop_status load_labels(const npy *y, hoop_error *err, int64_t **out)
{
    const int64_t n  = y->shape[0];
    hoop_status   st = HOOP_OK;
    *out             = malloc((size_t)n * sizeof **out);
    if (*out == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld labels", y->path, (long long)n);
    for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
        union {
            unsigned char u8;
            int32_t       i32;
            int64_t       i64;
            float         f32;
            double        f64;
        } v;
        double real;
        element(y, i * y->stride[0], &v);
        if (y->dtype == HOOP_U8 || y->dtype == HOOP_I32 || y->dtype == HOOP_I64) {
            (*out)[i] = y->dtype == HOOP_U8 ? v.u8 : y->dtype == HOOP_I32 ? v.i32 : v.i64;
            continue;
        }
        real = y->dtype == HOOP_F32 ? (double)v.f32 : v.f64;
        if (!(fabs(real) < 0x1p63 && (double)(int64_t)real == real))
            st = hoop_fail(err, HOOP_EFORMAT, "%s: row %lld is %g; classes are whole numbers (for a real target: --real)",
                           y->path, (long long)i, real);
        else
            (*out)[i] = (int64_t)real;
    }
    return st;
}

static bool all_whole(const npy *y)
{
    int64_t    *label = NULL;
    hoop_status st    = load_labels(y, NULL, &label);
    free(label);
    return st == HOOP_OK;
}

static hoop_status classes_of(const npy *y, hoop_csv_targets said, hoop_error *err, hoop_import_result *result, int64_t **label,
                              hoop_ids *ids)
{
    hoop_status st;
    if (y->row != 1 || y->ndim > 2) {
        if (said == HOOP_CSV_CLASS)
            return hoop_fail(err, HOOP_ESHAPE, "%s: %lld numbers a row; a class is one", y->path, (long long)y->row);
        hoop__say(result, "target", "%lld numbers a row", (long long)y->row);
        return HOOP_OK;
    }
    if (said != HOOP_CSV_CLASS && (y->kind == 'f' || y->ndim == 2)) {
        hoop__say(result, "target", "%s%s", y->kind == 'f' ? "real numbers" : "integers, one in each row of a second dim",
                  said != HOOP_CSV_REAL && all_whole(y)
                      ? y->kind == 'f' ? ", all of them whole (--classes: classes)" : " (--classes: classes)"
                      : "");
        return HOOP_OK;
    }
    st = load_labels(y, err, label);
    return st == HOOP_OK ? hoop__ids_decide(*label, y->shape[0], said, false, y->path, err, result, ids) : st;
}

/* ---- rows ---- */

typedef struct nans {
    int64_t n, row;
} nans;

static void count_nans(const npy *f, const void *row, int64_t i, nans *found)
{
    const int64_t before = found->n;
    if (f->dtype == HOOP_F32)
        for (int64_t k = 0; k < f->row; k++) found->n += !isfinite(((const float *)row)[k]);
    if (f->dtype == HOOP_F64)
        for (int64_t k = 0; k < f->row; k++) found->n += !isfinite(((const double *)row)[k]);
    if (before == 0 && found->n > 0) found->row = i;
}

static hoop_status copy_rows(const npy *x, const npy *y, const int64_t *label, const hoop_ids *ids, hoop_dtype real,
                             hoop_writer *w, hoop_error *err, nans found[2])
{
    char       *row    = malloc((size_t)x->row * hoop_dtype_size(x->dtype));
    char       *target = y == NULL ? NULL : malloc((size_t)y->row * hoop_dtype_size(y->dtype));
    hoop_status st =
        row == NULL || (y != NULL && target == NULL) ? hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a row", x->path) : HOOP_OK;
    for (int64_t i = 0; i < x->shape[0] && st == HOOP_OK; i++) {
        const int64_t id = ids->by_class ? hoop__ids_of(ids, label[i]) : 0;
        float         real32;
        double        real64;
        npy_row(x, i, row);
        count_nans(x, row, i, &found[0]);
        if (label != NULL) {
            real64 = (double)label[i];
            real32 = (float)label[i];
        } else if (y != NULL) {
            npy_row(y, i, target);
            count_nans(y, target, i, &found[1]);
        }
        st = hoop__writer_row(w, row,
                              ids->by_class      ? (const void *)&id
                              : label == NULL    ? (const void *)target
                              : real == HOOP_F32 ? (const void *)&real32
                                                 : (const void *)&real64,
                              err);
    }
    free(target);
    free(row);
    return st;
}

static void say_nans(hoop_import_result *result, const char *field, const nans *found)
{
    if (found->n > 0)
        hoop__say(result, "missing", "%s: %lld values are NaN or infinite, the first in row %lld; training stops at such", field,
                  (long long)found->n, (long long)found->row);
}

static void describe(const npy *f, hoop_writer_field *out)
{
    out->dtype = f->dtype;
    out->ndim  = f->ndim - 1;
    memcpy(out->shape, f->shape + 1, (size_t)out->ndim * sizeof out->shape[0]);
}

/* Integers that are no classes are a target like any other: f32 where that holds them, else f64. */
static hoop_dtype real_of(const int64_t *label, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (label[i] > 1 << 24 || label[i] < -(1 << 24)) return HOOP_F64;
    return HOOP_F32;
}

static void say_stored(hoop_import_result *result, const char *field, const npy *f)
{
    if ((int)hoop_dtype_size(f->dtype) != f->width || (f->kind == 'u' && f->width == 8))
        hoop__say(result, "dtype", "%s %s, from %s%d", field, hoop_dtype_name(f->dtype),
                  f->kind == 'f'   ? "float"
                  : f->kind == 'u' ? "uint"
                                   : "int",
                  8 * f->width);
    else
        hoop__say(result, "dtype", "%s %s, as in the file", field, hoop_dtype_name(f->dtype));
}

hoop_status hoop_import_npy(const char *xpath, const char *ypath, const hoop_npy_opts *npy_opts, const hoop_import_opts *opts,
                            hoop_error *err, hoop_import_result *result)
{
    const hoop_csv_targets said = npy_opts != NULL ? npy_opts->targets : HOOP_CSV_TARGETS_AUTO;
    npy                    x = {0}, y = {0};
    hoop_writer_field      fx = {0}, fy = {0};
    hoop_writer           *w = NULL;
    hoop_import_result     mine;
    hoop_ids               ids      = {0};
    int64_t               *label    = NULL;
    nans                   found[2] = {0};
    hoop_status            st;
    if (result == NULL) result = &mine;
    *result = (hoop_import_result){0};
    HOOP_TRY(st, done, npy_open(&x, xpath, opts->dir, err));
    describe(&x, &fx);
    hoop__say(result, "rows", "%lld", (long long)x.shape[0]);
    if (ypath != NULL) {
        HOOP_TRY(st, done, npy_open(&y, ypath, opts->dir, err));
        if (x.shape[0] != y.shape[0]) {
            st = hoop_fail(err, HOOP_ESHAPE, "%s has %lld rows, %s has %lld", xpath, (long long)x.shape[0], ypath,
                           (long long)y.shape[0]);
            goto done;
        }
        describe(&y, &fy);
        HOOP_TRY(st, done, classes_of(&y, said, err, result, &label, &ids));
    } else {
        hoop__say(result, "target", "none");
    }
    if (ids.by_class) {
        fy.ndim = 0;
        hoop__ids_describe(&ids, &fy);
    }
    say_stored(result, "x", &x);
    if (label != NULL && !ids.by_class) {
        fy.dtype = real_of(label, y.shape[0]);
        hoop__say(result, "dtype", "y %s, from integers", hoop_dtype_name(fy.dtype));
    } else if (ypath != NULL && !ids.by_class) {
        say_stored(result, "y", &y);
    }
    HOOP_TRY(st, done, hoop__writer_create(opts, x.shape[0], &fx, ypath != NULL ? &fy : NULL, err, &w));
    HOOP_TRY(st, done, copy_rows(&x, ypath != NULL ? &y : NULL, label, &ids, fy.dtype, w, err, found));
    HOOP_TRY(st, done, hoop__writer_finish(w, err, result));
    say_nans(result, "x", &found[0]);
    say_nans(result, "y", &found[1]);
    result->classes = ids.classes;
done:
    hoop__writer_destroy(&w);
    hoop__ids_free(&ids);
    npy_close(&x);
    npy_close(&y);
    free(label);
    return st;
}
