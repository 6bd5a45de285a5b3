/* What HDF5's types are: a dtype of ours, and in words. */
#include "base/h5.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool hoop__h5_type_sound(hid_t type)
{
    const size_t bits = 8 * H5Tget_size(type), precision = H5Tget_precision(type);
    const int    offset = H5Tget_offset(type);
    size_t       sign, exponent, exponent_bits, mantissa, mantissa_bits;
    if (bits == 0 || offset < 0 || precision == 0 || precision > bits || (size_t)offset > bits - precision) return false;
    if (H5Tget_class(type) != H5T_FLOAT) return true;
    return H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) >= 0 && sign < bits &&
           exponent_bits <= bits && exponent <= bits - exponent_bits && mantissa_bits <= bits && mantissa <= bits - mantissa_bits;
}

bool hoop__h5_dtype(hid_t type, hoop_dtype *out, bool *native)
{
    const size_t size = H5Tget_size(type);
    const int    c    = (int)H5Tget_class(type);
    if ((c == H5T_FLOAT || c == H5T_INTEGER) && !hoop__h5_type_sound(type)) return false;
    switch (c) {
    case H5T_FLOAT:
        if (size == 0 || size > 8) return false;
        *out = size <= 4 ? HOOP_F32 : HOOP_F64;
        break;
    case H5T_INTEGER: {
        const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
        if (size == 1 && !is_signed)
            *out = HOOP_U8;
        else if (size <= 2 || (size == 4 && is_signed))
            *out = HOOP_I32;
        else if (size <= 4 || (size == 8 && is_signed))
            *out = HOOP_I64;
        else
            return false;
        break;
    }
    default:
        return false;
    }
    *native = H5Tequal(type, hoop__h5_memory_type(*out)) > 0;
    return true;
}

/* ---- in words ---- */

typedef struct words {
    char  *out;
    size_t size, used;
} words;

static void HOOP_PRINTF(2, 3) say(words *w, const char *format, ...)
{
    va_list args;
    int     n;
    if (w->used >= w->size) return;
    va_start(args, format);
    n = vsnprintf(w->out + w->used, w->size - w->used, format, args);
    va_end(args);
    for (size_t i = w->used; i < w->size && w->out[i] != '\0'; i++) /* names come from files */
        if ((unsigned char)w->out[i] < ' ' || w->out[i] == 0x7f) w->out[i] = '?';
    w->used += n < 0 ? 0 : (size_t)n;
}

/* The first names of a compound's fields, or an enum's members. */
static void say_members(words *w, hid_t type, int n)
{
    enum { SHOWN = 6 };
    for (int i = 0; i < n && i < SHOWN; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        int   code = 0;
        say(w, "%s%.24s", i == 0 ? "" : ", ", name == NULL ? "?" : name);
        if (H5Tget_class(type) == H5T_ENUM && hoop__h5_enum_code(type, i, &code)) say(w, " = %d", code);
        if (name != NULL) (void)H5free_memory(name);
    }
    if (n > SHOWN) say(w, ", ...");
}

static void say_type(words *w, hid_t type, int depth)
{
    static const char *const names[] = {"integer",  "float",     "time", "string",          "bitfield", "opaque",
                                        "compound", "reference", "enum", "variable-length", "array"};
    const int                c       = (int)H5Tget_class(type);
    const size_t             size    = H5Tget_size(type);
    const int                members = c == H5T_COMPOUND || c == H5T_ENUM ? H5Tget_nmembers(type) : 0;
    hsize_t                  dims[H5S_MAX_RANK];
    hid_t                    base = -1;
    switch (c) {
    case H5T_FLOAT:
        say(w, "float of %zu bytes", size);
        if (size > 8) say(w, " (%zu bits are used)", H5Tget_precision(type));
        if (!hoop__h5_type_sound(type)) say(w, ", damaged");
        return;
    case H5T_STRING:
        if (H5Tis_variable_str(type) > 0)
            say(w, "string of any length");
        else
            say(w, "string of %zu bytes", size);
        return;
    case H5T_COMPOUND:
        say(w, "compound of %d fields (", members);
        say_members(w, type, members);
        say(w, ")");
        return;
    case H5T_ENUM:
        say(w, "enum of %d names (", members);
        say_members(w, type, members);
        say(w, ")");
        return;
    case H5T_VLEN:
    case H5T_ARRAY:
        say(w, c == H5T_VLEN ? "list of any length" : "array");
        if (c == H5T_ARRAY && H5Tget_array_ndims(type) > 0 && H5Tget_array_dims2(type, dims) >= 0)
            for (int d = 0; d < H5Tget_array_ndims(type); d++)
                say(w, "%s%llu%s", d == 0 ? " (" : ", ", (unsigned long long)dims[d],
                    d + 1 == H5Tget_array_ndims(type) ? ")" : "");
        base = depth < 2 ? H5Tget_super(type) : -1;
        if (base < 0) return;
        say(w, " of ");
        say_type(w, base, depth + 1);
        (void)H5Tclose(base);
        return;
    default:
        say(w, "%s%s of %zu bytes", c == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE ? "unsigned " : "",
            c >= 0 && c < (int)(sizeof names / sizeof names[0]) ? names[c] : "unknown type", size);
    }
}

void hoop__h5_type_name(hid_t type, char *out, size_t size)
{
    words w = {out, size, 0};
    out[0]  = '\0';
    say_type(&w, type, 0);
}

/* ---- enums ---- */

bool hoop__h5_enum_code(hid_t type, int i, int *out)
{
    const hid_t   base = H5Tget_super(type);
    unsigned char value[64];
    long long     code;
    bool          ok = base >= 0 && H5Tget_size(type) <= sizeof value / 2 && H5Tget_member_value(type, (unsigned)i, value) >= 0;
    if (ok) {
        const H5T_sign_t sign = H5Tget_sign(base);
        ok                    = H5Tconvert(base, H5T_NATIVE_LLONG, 1, value, NULL, H5P_DEFAULT) >= 0;
        memcpy(&code, value, sizeof code);
        ok = ok && code >= -2147483647 - 1 && code <= 2147483647 && (sign == H5T_SGN_2 || code >= 0);
        if (ok) *out = (int)code;
    }
    if (base >= 0) (void)H5Tclose(base);
    return ok;
}

hid_t hoop__h5_taken_type(hid_t dset, bool flip)
{
    const hid_t type  = H5Dget_type(dset),
                base  = type >= 0 && (H5Tget_class(type) == H5T_ENUM || H5Tget_class(type) == H5T_VLEN) ? H5Tget_super(type) : -1;
    const hid_t taken = type < 0 ? -1 : H5Tcopy(base >= 0 ? base : type); /* a type with a name would keep its file open */
    if (base >= 0) (void)H5Tclose(base);
    if (type >= 0) (void)H5Tclose(type);
    if (taken >= 0 && flip && H5Tset_sign(taken, H5Tget_sign(taken) == H5T_SGN_2 ? H5T_SGN_NONE : H5T_SGN_2) < 0) {
        (void)H5Tclose(taken);
        return -1;
    }
    return taken;
}
