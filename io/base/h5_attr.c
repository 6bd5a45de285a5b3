#include "base/h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hid_t string_type(size_t length)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0) return -1;
    if (H5Tset_size(type, length == 0 ? 1 : length) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
        H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        (void)H5Tclose(type);
        return -1;
    }
    return type;
}

/* All strings side by side, padded with NUL to the longest, as HDF5 wants fixed-length ones. */
static char *pack_strings(const char *const *strings, int64_t count, size_t *length)
{
    char *block;
    *length = 1;
    if (count < 1) return NULL;
    for (int64_t i = 0; i < count; i++)
        if (strlen(strings[i]) > *length) *length = strlen(strings[i]);
    block = calloc((size_t)count, *length);
    for (int64_t i = 0; block != NULL && i < count; i++) memcpy(block + (size_t)i * *length, strings[i], strlen(strings[i]));
    return block;
}

int64_t hoop__h5_attr_bytes(const hoop_h5_attr *a)
{
    const bool  many    = a->kind == HOOP_H5_STRINGS;
    size_t      longest = 0;
    const char *s       = a->v.string;
    if (a->kind != HOOP_H5_STRING && !many) return 8 * (a->kind == HOOP_H5_I64S || a->kind == HOOP_H5_F64S ? a->count : 1);
    for (int64_t i = 0; i < (many ? a->count : 1); i++) {
        if (many) s = a->v.strings[i];
        if (strlen(s) > longest) longest = strlen(s);
    }
    return (int64_t)longest * (many ? a->count : 1);
}

hoop_status hoop__h5_attr_write(hid_t object, const hoop_h5_attr *a, const char *where, hoop_error *err)
{
    const bool many = a->kind == HOOP_H5_I64S || a->kind == HOOP_H5_F64S || a->kind == HOOP_H5_STRINGS,
               text = a->kind == HOOP_H5_STRING || a->kind == HOOP_H5_STRINGS;
    hsize_t dim     = (hsize_t)a->count;
    hid_t   space = many ? H5Screate_simple(1, &dim, NULL) : H5Screate(H5S_SCALAR), file_type = -1, memory_type = -1, attr = -1;
    size_t  length;
    char   *block    = NULL;
    const void *data = &a->v;
    hoop_status st   = HOOP_OK;
    if (a->kind == HOOP_H5_F64 || a->kind == HOOP_H5_F64S) {
        file_type   = H5Tcopy(H5T_IEEE_F64LE);
        memory_type = H5Tcopy(H5T_NATIVE_DOUBLE);
        if (many) data = a->v.f64s;
    } else if (!text) {
        file_type   = H5Tcopy(H5T_STD_I64LE);
        memory_type = H5Tcopy(H5T_NATIVE_INT64);
        if (many) data = a->v.i64s;
    } else {
        block       = pack_strings(many ? a->v.strings : &a->v.string, many ? a->count : 1, &length);
        data        = block;
        file_type   = block == NULL ? -1 : string_type(length);
        memory_type = block == NULL ? -1 : H5Tcopy(file_type);
    }
    if (space >= 0 && file_type >= 0 && memory_type >= 0)
        attr = H5Acreate2(object, a->name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attr < 0 || H5Awrite(attr, memory_type, data) < 0)
        st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot write attribute %s", where, a->name);
    if (attr >= 0 && H5Aclose(attr) < 0 && st == HOOP_OK)
        st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot close attribute %s", where, a->name);
    if (memory_type >= 0) (void)H5Tclose(memory_type);
    if (file_type >= 0) (void)H5Tclose(file_type);
    if (space >= 0) (void)H5Sclose(space);
    free(block);
    return st;
}

hoop_status hoop__h5_attr_rewrite(hid_t object, const char *name, const char *value, const char *where, hoop_error *err)
{
    const hid_t attr = H5Aopen(object, name, H5P_DEFAULT), type = attr < 0 ? -1 : H5Aget_type(attr);
    hoop_status st = HOOP_OK;
    if (type < 0 || H5Tget_size(type) != strlen(value) || H5Awrite(attr, type, value) < 0)
        st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot write attribute %s", where, name);
    if (type >= 0) (void)H5Tclose(type);
    if (attr >= 0 && H5Aclose(attr) < 0 && st == HOOP_OK)
        st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot close attribute %s", where, name);
    return st;
}

static hid_t attr_open(hid_t object, const char *name)
{
    hid_t attr = -1;
    if (H5Aexists(object, name) > 0) attr = H5Aopen(object, name, H5P_DEFAULT);
    if (attr < 0) (void)H5Eclear2(H5E_DEFAULT);
    return attr;
}

static int64_t attr_count(hid_t attr)
{
    const hid_t    space = H5Aget_space(attr);
    const hssize_t n     = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    if (space >= 0) (void)H5Sclose(space);
    return (int64_t)n;
}

/* Read `want` numbers (or up to max) of class integer or float, converted to memory_type. */
static int64_t attr_numbers(hid_t object, const char *name, hid_t memory_type, void *out, int64_t max, size_t size)
{
    const hid_t attr = attr_open(object, name), type = attr < 0 ? -1 : H5Aget_type(attr);
    int64_t     n   = -1;
    void       *all = NULL;
    if (type >= 0 &&
        (H5Tget_class(type) == H5T_INTEGER || (H5Tget_class(type) == H5T_FLOAT && memory_type == H5T_NATIVE_DOUBLE)) &&
        hoop__h5_type_sound(type)) {
        n = attr_count(attr);
        if (n < 1 || n > 1 << 20) n = -1;
        all = n < 0 ? NULL : malloc((size_t)n * size);
        if (all == NULL || H5Aread(attr, memory_type, all) < 0) n = -1;
        if (n > 0) memcpy(out, all, (size_t)(n < max ? n : max) * size);
    }
    free(all);
    if (type >= 0) (void)H5Tclose(type);
    if (attr >= 0) (void)H5Aclose(attr);
    (void)H5Eclear2(H5E_DEFAULT);
    return n;
}

bool hoop__h5_attr_i64(hid_t object, const char *name, int64_t *out)
{
    return attr_numbers(object, name, H5T_NATIVE_INT64, out, 1, sizeof *out) == 1;
}

bool hoop__h5_attr_f64(hid_t object, const char *name, double *out)
{
    return attr_numbers(object, name, H5T_NATIVE_DOUBLE, out, 1, sizeof *out) == 1;
}

int64_t hoop__h5_attr_i64s(hid_t object, const char *name, int64_t *out, int64_t max)
{
    return attr_numbers(object, name, H5T_NATIVE_INT64, out, max, sizeof *out);
}

int64_t hoop__h5_attr_f64s(hid_t object, const char *name, double *out, int64_t max)
{
    return attr_numbers(object, name, H5T_NATIVE_DOUBLE, out, max, sizeof *out);
}

int64_t hoop__h5_attr_strings(hid_t object, const char *name, char ***out)
{
    const hid_t  attr = attr_open(object, name), type = attr < 0 ? -1 : H5Aget_type(attr);
    const bool   text = type >= 0 && H5Tget_class(type) == H5T_STRING, variable = text && H5Tis_variable_str(type) > 0;
    const size_t width = text && !variable ? H5Tget_size(type) : sizeof(char *);
    int64_t      n     = text ? attr_count(attr) : -1;
    char        *raw   = NULL;
    hid_t        space = -1;
    *out               = NULL;
    if (n < 1 || n > 1 << 20 || width < 1 || width > 1 << 20 || (raw = calloc((size_t)n, width)) == NULL ||
        H5Aread(attr, type, raw) < 0)
        n = -1;
    if (n > 0) {
        size_t total = 0;
        char  *text_at;
        for (int64_t i = 0; i < n; i++) {
            const char *s = variable ? ((char **)(void *)raw)[i] : raw + (size_t)i * width;
            total += (s == NULL ? 0 : variable ? strlen(s) : strnlen(s, width)) + 1;
        }
        *out = malloc((size_t)n * sizeof(char *) + total);
        if (*out == NULL) {
            n = -1;
        } else {
            text_at = (char *)(*out + n);
            for (int64_t i = 0; i < n; i++) {
                const char  *s = variable ? ((char **)(void *)raw)[i] : raw + (size_t)i * width;
                const size_t m = s == NULL ? 0 : variable ? strlen(s) : strnlen(s, width);
                (*out)[i]      = text_at;
                if (m > 0) memcpy(text_at, s, m);
                text_at[m] = '\0';
                text_at += m + 1;
            }
        }
        if (variable && (space = H5Aget_space(attr)) >= 0) {
            (void)H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
            (void)H5Sclose(space);
        }
    }
    free(raw);
    if (type >= 0) (void)H5Tclose(type);
    if (attr >= 0) (void)H5Aclose(attr);
    (void)H5Eclear2(H5E_DEFAULT);
    return n;
}

bool hoop__h5_attr_string(hid_t object, const char *name, char *out, size_t size)
{
    char        **strings;
    const int64_t n  = hoop__h5_attr_strings(object, name, &strings);
    bool          ok = n == 1;
    if (ok) {
        const size_t m = strnlen(strings[0], size - 1);
        memcpy(out, strings[0], m);
        out[m] = '\0';
    }
    free(strings);
    return ok;
}

/* What an attribute is, in words: its value if that is one string or float, else its type. */
static void attr_say(hid_t object, const char *name, hid_t type, int64_t n, char *out, size_t size)
{
    char   text[HOOP_H5_TYPE_NAME];
    double v;
    if (n == 1 && hoop__h5_attr_string(object, name, text, sizeof text)) {
        for (char *c = text; *c != '\0'; c++)
            if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
        (void)snprintf(out, size, "the string '%s'", text);
    } else if (H5Tget_class(type) == H5T_FLOAT && hoop__h5_attr_f64(object, name, &v)) {
        (void)snprintf(out, size, "%g, stored as a float", v);
    } else {
        hoop__h5_type_name(type, text, sizeof text);
        if (n == 1)
            (void)snprintf(out, size, "of type %s", text);
        else
            (void)snprintf(out, size, "%lld values of type %s", (long long)n, text);
    }
}

hoop_status hoop__h5_attr_expect(hid_t object, const char *name, hoop_h5_attr_kind kind, const char *path, const char *where,
                                 hoop_error *err)
{
    const hid_t   attr = attr_open(object, name), type = attr < 0 ? -1 : H5Aget_type(attr);
    const int64_t n = attr < 0 ? -1 : attr_count(attr);
    const int     c = type < 0 ? -1 : (int)H5Tget_class(type);
    const bool    ok =
        kind == HOOP_H5_STRINGS ? c == H5T_STRING : n == 1 && (c == H5T_INTEGER || (c == H5T_FLOAT && kind == HOOP_H5_F64));
    char        is[HOOP_H5_TYPE_NAME + 32] = "unreadable";
    hoop_status st                         = HOOP_OK;
    if (attr >= 0 && !ok) {
        if (type >= 0) attr_say(object, name, type, n, is, sizeof is);
        st = hoop_fail(err, HOOP_EFORMAT, "%s: attribute %s of %s is %s; %s wanted", path, name, where, is,
                       kind == HOOP_H5_STRINGS ? "strings are"
                       : kind == HOOP_H5_F64   ? "one number is"
                                               : "one integer is");
    }
    if (type >= 0) (void)H5Tclose(type);
    if (attr >= 0) (void)H5Aclose(attr);
    (void)H5Eclear2(H5E_DEFAULT);
    return st;
}
