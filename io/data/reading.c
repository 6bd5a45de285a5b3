#include "data/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

/* ---- netCDF's attributes: how values were packed, and which of them stand for none ---- */

/* Numbers of an attribute, rounded as the dataset's own elements are; `unsign`: those of a type that was signed. */
static hoop_status numbers(hid_t dset, const char *attr, hid_t taken, const char *path, const char *name, int64_t least,
                           int64_t most, hoop_error *err, double *out, int64_t *n)
{
    const bool whole = H5Tget_class(taken) == H5T_INTEGER, unsign = whole && H5Tget_sign(taken) == H5T_SGN_NONE;
    *n = hoop__h5_attr_f64s(dset, attr, out, most);
    if (*n < 0 && H5Aexists(dset, attr) <= 0) {
        (void)H5Eclear2(H5E_DEFAULT);
        *n = 0;
        return HOOP_OK;
    }
    if (*n < least || *n > most)
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: attribute %s of %s is not %s; data.attributes: none (--attributes none) reads what is stored", path,
                         attr, name,
                         most == 1    ? "one number"
                         : least == 2 ? "two numbers"
                                      : "1 to 16 numbers");
    for (int64_t i = 0; i < *n; i++) {
        unsigned char bytes[64];
        if (unsign && out[i] < 0) out[i] += H5Tget_size(taken) < 8 ? (double)(UINT64_C(1) << (8 * H5Tget_size(taken))) : 0x1p64;
        if (whole || H5Tget_size(taken) > sizeof bytes) continue;
        memcpy(bytes, &out[i], sizeof out[i]);
        if (H5Tconvert(H5T_NATIVE_DOUBLE, taken, 1, bytes, NULL, H5P_DEFAULT) >= 0 &&
            H5Tconvert(taken, H5T_NATIVE_DOUBLE, 1, bytes, NULL, H5P_DEFAULT) >= 0)
            memcpy(&out[i], bytes, sizeof out[i]);
    }
    return HOOP_OK;
}

/* What a netCDF library wrote where nobody wrote anything, unless an attribute says otherwise: the dataset's own fill value.
 * Bytes have none, since each of their values is common. */
static void default_fill(hid_t dset, hid_t taken, hoop_reading *v)
{
    const hid_t      dcpl = H5Dget_create_plist(dset);
    H5D_fill_value_t kind;
    double           fill;
    if (dcpl >= 0 && H5Tget_size(taken) > 1 && H5Aexists(dset, "_FillValue") == 0 && H5Pfill_value_defined(dcpl, &kind) >= 0 &&
        kind == H5D_FILL_VALUE_USER_DEFINED && H5Pget_fill_value(dcpl, H5T_NATIVE_DOUBLE, &fill) >= 0) {
        if (isnan(fill))
            v->no_nan = true;
        else
            v->missing[v->nmissing++] = fill;
    }
    if (dcpl >= 0) (void)H5Pclose(dcpl);
}

static hoop_status missing_values(hid_t dset, hid_t taken, const char *path, const char *name, hoop_error *err, hoop_reading *v)
{
    static const char *const attrs[] = {"_FillValue", "missing_value"};
    for (int a = 0; a < 2; a++) {
        double      values[HOOP_READING_MISSING];
        int64_t     n;
        hoop_status st = numbers(dset, attrs[a], taken, path, name, 1, HOOP_READING_MISSING, err, values, &n);
        if (st != HOOP_OK) return st;
        for (int64_t i = 0; i < n; i++) {
            if (isnan(values[i]))
                v->no_nan = true;
            else
                v->missing[v->nmissing++] = values[i];
        }
    }
    return HOOP_OK;
}

/* Is the attribute of a float type, where what is stored is not? */
static bool attr_is_real(hid_t dset, const char *attr)
{
    const hid_t a = H5Aopen(dset, attr, H5P_DEFAULT), type = a < 0 ? -1 : H5Aget_type(a);
    const bool  real = type >= 0 && H5Tget_class(type) == H5T_FLOAT;
    if (type >= 0) (void)H5Tclose(type);
    if (a >= 0) (void)H5Aclose(a);
    return real;
}

/* A range is of stored values, unless its type says that it is of unpacked ones (NetCDF Users' Guide, attribute conventions). */
static hoop_status valid_values(hid_t dset, hid_t taken, const char *path, const char *name, hoop_error *err, hoop_reading *v)
{
    static const char *const ends[] = {"valid_min", "valid_max"};
    double                   range[2];
    int64_t                  n;
    hoop_status              st = numbers(dset, "valid_range", taken, path, name, 2, 2, err, range, &n);
    if (st != HOOP_OK) return st;
    if (n == 2) {
        v->low     = range[0];
        v->high    = range[1];
        v->ranged  = true;
        v->of_real = attr_is_real(dset, "valid_range");
    }
    for (int e = 0; e < 2 && n != 2; e++) {
        int64_t m;
        st = numbers(dset, ends[e], taken, path, name, 1, 1, err, &range[e], &m);
        if (st != HOOP_OK) return st;
        if (m == 0) continue;
        *(e == 0 ? &v->low : &v->high) = range[e];
        v->ranged                      = true;
        v->of_real                     = v->of_real || attr_is_real(dset, ends[e]);
    }
    v->of_real = v->of_real && v->packed && H5Tget_class(taken) == H5T_INTEGER;
    return HOOP_OK;
}

void hoop__reading_none(hoop_reading *v)
{
    *v = (hoop_reading){.factor = 1, .low = -INFINITY, .high = INFINITY};
}

hoop_status hoop__reading_attributes(hid_t dset, hid_t taken, bool netcdf, const char *path, const char *name, hoop_error *err,
                                     hoop_reading *v)
{
    int64_t     nfactor, noffset;
    hoop_status st;
    HOOP_TRY(st, done, numbers(dset, "scale_factor", H5T_NATIVE_DOUBLE, path, name, 1, 1, err, &v->factor, &nfactor));
    HOOP_TRY(st, done, numbers(dset, "add_offset", H5T_NATIVE_DOUBLE, path, name, 1, 1, err, &v->offset, &noffset));
    if (!isfinite(v->factor) || v->factor == 0 || !isfinite(v->offset)) {
        st = hoop_fail(err, HOOP_EFORMAT,
                       "%s: %s has scale_factor %g and add_offset %g; finite numbers, and no factor 0, are wanted", path, name,
                       v->factor, v->offset);
        goto done;
    }
    v->packed = v->factor != 1 || v->offset != 0;
    if (netcdf) default_fill(dset, taken, v);
    HOOP_TRY(st, done, missing_values(dset, taken, path, name, err, v));
    HOOP_TRY(st, done, valid_values(dset, taken, path, name, err, v));
done:
    (void)H5Eclear2(H5E_DEFAULT);
    return st;
}

/* ---- what is presented ---- */

hoop_status hoop__reading_apply(hoop_reading *v, const hoop_dataset_field *stored, hoop_dataset_labels labels, bool narrow,
                                const char *path, hoop_error *err, hoop_dataset_field *shown)
{
    *shown    = *stored;
    v->labels = labels == HOOP_LABELS_WHOLE && !v->packed && !hoop_dtype_is_float(stored->dtype) && stored->scale == 1
                    ? HOOP_LABELS_STORED /* they are labels already */
                    : labels;
    if (v->packed) shown->dtype = narrow ? HOOP_F32 : HOOP_F64;
    if (v->labels != HOOP_LABELS_STORED) {
        shown->dtype = HOOP_I64;
        shown->scale = 1;
    }
    if (v->labels == HOOP_LABELS_ONE_HOT) {
        if (stored->ndim < 1 || stored->shape[stored->ndim - 1] != stored->numel || stored->numel < 2)
            return hoop_fail(
                err, HOOP_ESHAPE,
                "%s: data.labels: one_hot wants rows of %s with an element for each class, at least 2, and they have %lld; "
                "data.labels: auto (--labels auto) takes integers",
                path, stored->path, (long long)stored->numel);
        shown->ndim  = 0;
        shown->numel = 1;
    }
    v->used = v->packed || v->wide || v->ranged || v->no_nan || v->nmissing > 0 || v->labels != HOOP_LABELS_STORED;
    return HOOP_OK;
}

bool hoop__reading_equal(const hoop_reading *a, const hoop_reading *b)
{
    if (a->used != b->used) return false;
    if (!a->used) return true;
    return a->labels == b->labels && a->packed == b->packed && a->wide == b->wide && a->ranged == b->ranged &&
           a->of_real == b->of_real && a->no_nan == b->no_nan && a->nmissing == b->nmissing && a->factor == b->factor &&
           a->offset == b->offset && a->low == b->low && a->high == b->high &&
           memcmp(a->missing, b->missing, (size_t)a->nmissing * sizeof a->missing[0]) == 0;
}

/* ---- rows ---- */

enum { PIECE = 512 };

static void fault(hoop_reading_faults *f, hoop_fault kind, const char *path, int64_t row, int64_t element, double value)
{
    if (f->count++ > 0) return;
    *f = (hoop_reading_faults){.kind = kind, .count = 1, .row = row, .element = element, .value = value, .path = path};
}

/* Elements of a piece that stand for none, or do not fit. x: stored; real: presented, before labels are made of it; wide: as
 * stored, where some may not fit. */
static void look(const hoop_reading *v, const double *x, const double *real, const hoop_stored_I64 *wide, int64_t n,
                 int64_t first, const char *path, int64_t row, hoop_reading_faults *faults)
{
    const double *of = v->of_real ? real : x;
    for (int64_t i = 0; i < n; i++) {
        bool gone = v->no_nan && isnan(x[i]);
        for (int k = 0; k < v->nmissing; k++) gone |= x[i] == v->missing[k];
        if (v->ranged) gone |= of[i] < v->low || of[i] > v->high;
        if (gone) {
            fault(faults, HOOP_FAULT_MISSING, path, row, first + i, x[i]);
        } else if (wide != NULL && wide[i] < 0) {
            fault(faults, HOOP_FAULT_WIDE, path, row, first + i, x[i]);
            if (faults->count == 1) faults->wide = (uint64_t)wide[i];
        }
    }
}

static void put(hoop_dtype as, void *dst, int64_t at, double value)
{
    if (as == HOOP_F32)
        ((float *)dst)[at] = (float)value;
    else if (as == HOOP_F64)
        ((double *)dst)[at] = value;
    else
        ((int64_t *)dst)[at] = (int64_t)value;
}

void hoop__reading_row(const hoop_reading *v, const hoop_dataset_field *stored, const void *src, hoop_dtype as, void *dst,
                       const char *path, int64_t row, hoop_reading_faults *faults)
{
    hoop_row_cast *const read  = hoop__row_cast(stored->dtype, HOOP_F64, 1.0);
    const int64_t        width = (int64_t)hoop_dtype_size(stored->dtype), before = faults->count;
    const double         scale = v->packed || v->labels != HOOP_LABELS_STORED ? stored->scale : 1;
    int64_t              ones = 0, zeros = 0, one = 0;
    double               x[PIECE], real[PIECE];
    for (int64_t at = 0; at < stored->numel; at += PIECE) {
        const int64_t n = stored->numel - at < PIECE ? stored->numel - at : PIECE;
        read((const char *)src + at * width, x, n, 1.0);
        for (int64_t i = 0; i < n; i++) {
            if (v->wide && x[i] < 0) x[i] += 0x1p64;
            real[i] = v->packed ? (x[i] * v->factor + v->offset) * scale : x[i] * scale;
        }
        look(v, x, real, v->wide ? (const hoop_stored_I64 *)src + at : NULL, n, at, path, row, faults);
        if (v->labels == HOOP_LABELS_ONE_HOT) {
            for (int64_t i = 0; i < n; i++) {
                ones += real[i] == 1;
                zeros += real[i] == 0;
                if (real[i] == 1) one = at + i;
            }
        } else if (v->labels == HOOP_LABELS_WHOLE) {
            for (int64_t i = 0; i < n; i++) {
                const bool whole = fabs(real[i]) <= 0x1p53 && real[i] == (double)(int64_t)real[i];
                if (!whole) fault(faults, HOOP_FAULT_NOT_WHOLE, path, row, at + i, real[i]);
                if (dst != NULL) put(as, dst, at + i, whole ? real[i] : 0);
            }
        } else if (v->packed && dst != NULL) {
            for (int64_t i = 0; i < n; i++) put(as, dst, at + i, real[i]);
        }
    }
    if (v->labels == HOOP_LABELS_ONE_HOT) {
        if ((ones != 1 || zeros != stored->numel - 1) && faults->count == before)
            fault(faults, HOOP_FAULT_NOT_ONE, path, row, 0, (double)ones);
        if (dst != NULL) put(as, dst, 0, (double)one);
    } else if (v->labels == HOOP_LABELS_STORED && !v->packed && dst != NULL) {
        hoop__row_cast(stored->dtype, as, stored->scale)(src, dst, stored->numel, stored->scale);
    }
}

hoop_status hoop__reading_verdict(const hoop_reading_faults *f, const char *name, hoop_error *err)
{
    char more[64] = "";
    if (f->count == 0) return HOOP_OK;
    if (f->count > 1) (void)snprintf(more, sizeof more, " (and %lld more of what was read)", (long long)f->count - 1);
    switch (f->kind) {
    case HOOP_FAULT_MISSING:
        return hoop_fail(
            err, HOOP_ENONFINITE,
            "%s: row %lld of %s, element %lld, is missing: %.9g is its fill value (_FillValue, missing_value) or out of its "
            "valid "
            "range%s; leave such rows out, or fill them (data.attributes: none, --attributes none: values as stored)",
            f->path, (long long)f->row, name, (long long)f->element, f->value, more);
    case HOOP_FAULT_WIDE:
        return hoop_fail(err, HOOP_ERANGE, "%s: row %lld of %s, element %lld, is %llu, which does not fit in 64 signed bits%s",
                         f->path, (long long)f->row, name, (long long)f->element, (unsigned long long)f->wide, more);
    case HOOP_FAULT_NOT_WHOLE:
        return hoop_fail(err, HOOP_ERANGE, "%s: row %lld of %s is %.9g, and data.labels: whole wants whole numbers%s", f->path,
                         (long long)f->row, name, f->value, more);
    default:
        return hoop_fail(err, HOOP_ERANGE, "%s: row %lld of %s is not one 1 among zeros, as data.labels: one_hot wants it%s",
                         f->path, (long long)f->row, name, more);
    }
}
