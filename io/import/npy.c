/* NumPy's .npy, as its format document (NEP 1) says: magic, version, header length, a Python dict, then the data. */
#include "import/npy.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "import/source.h"

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

static bool eat_shape(cursor *c, hoop_npy *f)
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

static hoop_status parse_dtype(hoop_npy *f, const char *descr, hoop_error *err)
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

static hoop_status parse_dict(hoop_npy *f, cursor c, hoop_error *err)
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

static hoop_status npy_shape(hoop_npy *f, size_t data_at, hoop_error *err)
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
static hoop_status npy_fits(const hoop_npy *f, hoop_error *err)
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

hoop_status hoop__npy_open(hoop_npy *f, const char *path, const char *spool_dir, hoop_error *err)
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

void hoop__npy_close(hoop_npy *f)
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
void hoop__npy_element(const hoop_npy *f, int64_t at, void *out)
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

void hoop__npy_row(const hoop_npy *f, int64_t i, char *out)
{
    const size_t size                         = hoop_dtype_size(f->dtype);
    int64_t      index[HOOP_DATASET_DIMS + 1] = {i}, at = i * f->stride[0];
    if (!f->fortran && !f->swap && f->width == (int)size && f->kind != 'b') {
        memcpy(out, f->data + i * f->row * f->width, (size_t)f->row * size);
        return;
    }
    for (int64_t k = 0; k < f->row; k++) {
        hoop__npy_element(f, at, out + (size_t)k * size);
        for (int d = f->ndim - 1; d > 0; d--) {
            at += f->stride[d];
            if (++index[d] < f->shape[d]) break;
            at -= f->shape[d] * f->stride[d];
            index[d] = 0;
        }
    }
}
