/* What one dataset of a file is: its type, and what its attributes make of its numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/storage.h"

/* ---- types ---- */

/* What would be right instead of a type whose elements are no numbers. */
static const char *wanted(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_COMPOUND:
        return "one array of numbers is wanted: write its fields as columns of one, or as CSV for hoop data import-csv";
    case H5T_STRING:
        return "numbers are wanted; hoop data import-csv makes classes of words";
    case H5T_ARRAY:
    case H5T_VLEN:
        return "one array of numbers, its shape (rows, ...), is wanted";
    default:
        return "float, or integer that fits in 64 signed bits, is wanted";
    }
}

/* Names of an enum whose codes are 0 to n - 1, in the order of codes, as one block; NULL where they are others. */
static hoop_status enum_names(hid_t type, int n, const char *path, hoop_error *err, char ***out)
{
    size_t total = 0;
    char  *at;
    *out = NULL;
    for (int i = 0; i < n; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        int   code;
        total += (name == NULL ? 0 : strlen(name)) + 1;
        if (name != NULL) (void)H5free_memory(name);
        if (!hoop__h5_enum_code(type, i, &code) || code < 0 || code >= n) return HOOP_OK;
    }
    *out = calloc(1, (size_t)n * sizeof **out + total);
    if (*out == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %d names", path, n);
    at = (char *)(*out + n);
    for (int i = 0; i < n; i++) { /* each code once: HDF5 keeps the values of an enum apart */
        char *name = H5Tget_member_name(type, (unsigned)i);
        int   code = 0;
        (void)hoop__h5_enum_code(type, i, &code);
        (*out)[code] = at;
        if (name != NULL) {
            memcpy(at, name, strlen(name) + 1);
            (void)H5free_memory(name);
        }
        at += strlen(at) + 1;
    }
    for (int i = 0; i < n; i++) {
        if ((*out)[i] != NULL) continue;
        free(*out);
        *out = NULL;
        break;
    }
    return HOOP_OK;
}

/* Are all codes of an enum 0 to 127, so that its bytes are the same signed or not? */
static bool codes_small(hid_t type, int n)
{
    for (int i = 0; i < n; i++) {
        int code;
        if (!hoop__h5_enum_code(type, i, &code) || code < 0 || code > 127) return false;
    }
    return true;
}

static hoop_status enum_type(hoop_found *f, hid_t type, const hoop_look *l, const hoop_field_opts *o, hoop_error *err)
{
    const int   n    = H5Tget_nmembers(type);
    const hid_t base = H5Tget_super(type);
    char        text[HOOP_H5_TYPE_NAME];
    hoop_status st = HOOP_OK;
    /* h5py's bool has signed bytes: taken as unsigned ones they can be mapped */
    f->flip = base >= 0 && H5Tget_size(base) == 1 && H5Tget_sign(base) == H5T_SGN_2 && codes_small(type, n);
    if (base >= 0) (void)H5Tclose(base);
    if (n < 1 || o->role != HOOP_TARGET || o->labels == HOOP_LABELS_WHOLE) return HOOP_OK;
    if ((st = enum_names(type, n, l->path, err, &f->enum_names)) != HOOP_OK) return st;
    if (f->enum_names != NULL) {
        f->enum_count = n;
        return HOOP_OK;
    }
    hoop__h5_type_name(type, text, sizeof text);
    return hoop_fail(
        err, HOOP_EDTYPE,
        "%s: %s is an %s, and classes are numbered 0 to %d: store such codes, or data.labels: whole (--labels whole) "
        "takes these as numbers, without names",
        l->path, o->path, text, n - 1);
}

/* netCDF's older formats knew no unsigned integers: an attribute says that they were meant. */
static bool meant_unsigned(const hoop_found *f, const hoop_look *l)
{
    char text[8];
    return !l->ours && l->opts->attributes != HOOP_ATTRIBUTES_NONE &&
           hoop__h5_attr_string(f->dset, "_Unsigned", text, sizeof text) &&
           (strcmp(text, "true") == 0 || strcmp(text, "True") == 0);
}

hoop_status hoop__field_type(hoop_found *f, const hoop_look *l, const hoop_field_opts *o, bool *native, hoop_error *err)
{
    const hid_t type  = H5Dget_type(f->dset);
    hid_t       taken = hoop__h5_taken_type(f->dset, false);
    bool        is_signed;
    hoop_status st = HOOP_OK;
    char        text[HOOP_H5_TYPE_NAME];
    if (type < 0 || taken < 0) {
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: %s has no readable type", l->path, o->path);
        goto done;
    }
    hoop__reading_none(&f->reading);
    f->cell   = (int64_t)H5Tget_size(type);
    f->width  = (int64_t)H5Tget_size(taken);
    f->varies = H5Tget_class(type) == H5T_VLEN;
    is_signed = H5Tget_class(taken) == H5T_INTEGER && H5Tget_sign(taken) == H5T_SGN_2;
    if (H5Tget_class(type) == H5T_ENUM) HOOP_TRY(st, done, enum_type(f, type, l, o, err));
    if (H5Tget_class(type) == H5T_INTEGER && is_signed && meant_unsigned(f, l)) {
        f->flip         = f->width < 8;
        f->reading.wide = f->width == 8;
    }
    if (H5Tget_class(taken) == H5T_INTEGER && !is_signed && f->width == 8) f->reading.wide = f->flip = true;
    if (f->flip) {
        (void)H5Tclose(taken);
        taken = hoop__h5_taken_type(f->dset, true);
    }
    if (taken < 0 || !hoop__h5_dtype(taken, &f->about.dtype, native)) {
        hoop__h5_type_name(type, text, sizeof text);
        st = hoop_fail(err, HOOP_EDTYPE, "%s: %s is of type %s; %s", l->path, o->path, text, wanted(type));
    }
done:
    if (taken >= 0) (void)H5Tclose(taken);
    if (type >= 0) (void)H5Tclose(type);
    (void)H5Eclear2(H5E_DEFAULT);
    return st;
}

/* ---- attributes ---- */

/* Do f32's 24 bits hold what is unpacked: 16 bits or less, by a factor and an offset that are f32 themselves? */
static bool unpacked_is_narrow(const hoop_found *f)
{
    static const char *const names[] = {"scale_factor", "add_offset"};
    bool                     narrow  = f->width <= 2 || f->about.dtype == HOOP_F32;
    for (int i = 0; i < 2; i++) {
        const hid_t attr = H5Aexists(f->dset, names[i]) > 0 ? H5Aopen(f->dset, names[i], H5P_DEFAULT) : -1,
                    type = attr < 0 ? -1 : H5Aget_type(attr);
        narrow           = narrow && (type < 0 || H5Tget_size(type) <= 4);
        if (type >= 0) (void)H5Tclose(type);
        if (attr >= 0) (void)H5Aclose(attr);
    }
    return narrow;
}

hoop_status hoop__field_reading(hoop_found *f, const hoop_look *l, const hoop_field_opts *o, hoop_error *err)
{
    const char *name  = o->path;
    hid_t       taken = -1;
    hoop_status st    = HOOP_OK;
    f->about.scale = f->about.factor = 1;
    if (l->ours || l->opts->attributes == HOOP_ATTRIBUTES_ALL) {
        HOOP_TRY(st, done, hoop__h5_attr_expect(f->dset, "scale", HOOP_H5_F64, l->path, name, err));
        if (!hoop__h5_attr_f64(f->dset, "scale", &f->about.scale)) f->about.scale = 1.0;
        if (!(f->about.scale - f->about.scale == 0.0) || f->about.scale == 0.0) {
            st = hoop_fail(err, HOOP_EFORMAT, "%s: attribute scale of %s is %g; a finite number but 0 is wanted", l->path, name,
                           f->about.scale);
            goto done;
        }
    }
    if (!l->ours && l->opts->attributes != HOOP_ATTRIBUTES_NONE) {
        taken = hoop__h5_taken_type(f->dset, f->flip);
        HOOP_TRY(
            st, done,
            hoop__reading_attributes(f->dset, taken, H5Aexists(l->file, "_NCProperties") > 0, l->path, name, err, &f->reading));
        if (f->reading.packed) {
            f->about.factor = f->reading.factor;
            f->about.offset = f->reading.offset;
        }
    }
    HOOP_TRY(st, done,
             hoop__reading_apply(&f->reading, &f->about, o->role == HOOP_TARGET ? o->labels : HOOP_LABELS_STORED,
                                 unpacked_is_narrow(f), l->path, err, &f->shown));
    f->shown.checked = f->reading.wide || f->reading.ranged || f->reading.no_nan || f->reading.nmissing > 0 ||
                       f->reading.labels != HOOP_LABELS_STORED;
done:
    if (taken >= 0) (void)H5Tclose(taken);
    (void)H5Eclear2(H5E_DEFAULT);
    return st;
}

/* An attribute of ours: of fields of which role (-1: both), and whether it is a list of names. */
typedef struct foreign_attr {
    const char *name;
    int         role;
    bool        names;
} foreign_attr;

/* Attributes called `columns` are many; these are strings, a name for each column, or as many as one likes. */
static bool may_be_names(const hoop_found *f, const char *attr)
{
    char        **list = NULL;
    const int64_t n    = hoop__h5_attr_strings(f->dset, attr, &list);
    free(list);
    return n > 0 && (strcmp(attr, "columns") != 0 || (f->about.ndim <= 1 && n == f->about.numel));
}

/* Is attribute i of ours there, and of such a kind that it could be ours? */
static bool is_foreign(const hoop_found *f, hoop_field_role role, const foreign_attr *a)
{
    return f->dset >= 0 && (a->role < 0 || a->role == (int)role) && H5Aexists(f->dset, a->name) > 0 &&
           (!a->names || may_be_names(f, a->name));
}

hoop_status hoop__field_foreign(hoop_dataset *ds, const hoop_look *l, const hoop_found *found, hoop_error *err)
{
    static const foreign_attr ours[] = {
        {"scale", -1, false},  {"classes", HOOP_TARGET, false}, {"class_names", HOOP_TARGET, false},
        {"columns", -1, true}, {"one_hot", HOOP_INPUT, true},   {"tokenizer", -1, true}};
    char   text[256] = "";
    size_t used      = 0;
    if (l->ours || l->opts->attributes != HOOP_ATTRIBUTES_AUTO || ds->foreign) return HOOP_OK;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        for (int k = 0; k < ds->nfields; k++)
            if (used < sizeof text && is_foreign(&found[k], ds->field[k].opts.role, &ours[i]))
                used += (size_t)snprintf(text + used, sizeof text - used, "%s%s of %.48s", used == 0 ? "" : ", ", ours[i].name,
                                         ds->field[k].opts.path);
    (void)H5Eclear2(H5E_DEFAULT);
    if (used == 0) return HOOP_OK;
    ds->foreign = true;
    return hoop__dataset_note(ds, err,
                              "%s: not written by hoop, so what its attributes call %s is not applied; data.attributes: all "
                              "(--attributes all) applies it",
                              l->path, text);
}

/* ---- what is not there ---- */

typedef struct found_names {
    char   text[256];
    size_t used;
    int    shown;
} found_names;

static herr_t add_name(hid_t group, const char *name, const H5O_info_t *info, void *ctx)
{
    found_names *n = ctx;
    (void)group;
    if (info->type != H5O_TYPE_DATASET || n->used >= sizeof n->text) return 0;
    if (n->shown++ == 8 || n->used + strlen(name) + 8 > sizeof n->text) {
        n->used += (size_t)snprintf(n->text + n->used, sizeof n->text - n->used, ", ...");
        return 1;
    }
    n->used += (size_t)snprintf(n->text + n->used, sizeof n->text - n->used, "%s%s", n->used == 0 ? "" : ", ", name);
    return 0;
}

hoop_status hoop__field_missing(const hoop_look *l, const char *name, hoop_error *err)
{
    found_names n    = {.used = 0};
    hoop_error  said = {.status = HOOP_OK}; /* what HDF5 had against it */
    H5O_info_t  info;
    hid_t       group = -1;
    bool        link;
    (void)hoop__h5_fail(&said, HOOP_EFORMAT, "%s: %s cannot be opened as a dataset", l->path, name);
    link = hoop__h5_exists(l->file, name);
    if (link) {
        if (H5Oexists_by_name(l->file, name, H5P_DEFAULT) == 0)
            return hoop_fail(err, HOOP_EFORMAT, "%s: %s is a link to what is not there", l->path, name);
        if (H5Oget_info_by_name2(l->file, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0 || info.type != H5O_TYPE_GROUP) {
            (void)H5Eclear2(H5E_DEFAULT);
            return hoop_fail(err, HOOP_EFORMAT, "%s", said.text);
        }
        group = H5Gopen2(l->file, name, H5P_DEFAULT);
    }
    (void)H5Ovisit2(group >= 0 ? group : l->file, H5_INDEX_NAME, H5_ITER_INC, add_name, &n, H5O_INFO_BASIC);
    if (group >= 0) (void)H5Gclose(group);
    (void)H5Eclear2(H5E_DEFAULT);
    for (char *c = n.text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    return hoop_fail(err, HOOP_EFORMAT,
                     link ? "%s: %s cannot be opened as a dataset: it is a group; %s%s" : "%s: there is no dataset %s; %s%s",
                     l->path, name, n.used == 0 ? "there is none" : "it holds ", n.text);
}

/* ---- one field of an open file ---- */

/* All of a dataset of no elements would be no piece of it. */
static hoop_status check_dims(const hoop_look *l, const hoop_field *of, const hsize_t *dims, int ndim, hoop_error *err,
                              hoop_found *f)
{
    const char *name     = of->opts.path;
    const int   axis     = of->opts.sample_axis < ndim ? of->opts.sample_axis : 0;
    bool        overflow = dims[axis] > INT64_MAX;
    int64_t     row      = 1;
    f->rows              = (int64_t)dims[axis];
    for (int d = 0; d < ndim; d++)
        if (d != axis) overflow = overflow || dims[d] > INT64_MAX || __builtin_mul_overflow(row, (int64_t)dims[d], &row);
    overflow = overflow || __builtin_mul_overflow(row, f->rows, &f->elements) || f->elements > INT64_MAX / 16;
    if (overflow) return hoop_fail(err, HOOP_ESIZE, "%s: the size of %s overflows", l->path, name);
    if (f->rows == 0 && of->opts.offsets == NULL) /* lists may all be empty */
        return hoop_fail(err, HOOP_EFORMAT, "%s: %s has no rows", l->path, name);
    return row > 0 ? HOOP_OK : hoop_fail(err, HOOP_ESHAPE, "%s: the rows of %s have no elements", l->path, name);
}

static hoop_status field_shape(const hoop_look *l, const hoop_field *of, hoop_error *err, hoop_found *f)
{
    const char *name = of->opts.path;
    hsize_t     dims[HOOP_CUT_DIMS];
    const hid_t space = H5Dget_space(f->dset);
    const int   ndim  = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    hoop_status st;
    if (ndim < 0)
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: %s has no readable shape", l->path, name);
    else if (ndim == 0 || ndim > HOOP_CUT_DIMS)
        st = hoop_fail(err, HOOP_ESHAPE, "%s: %s has %d dims; 1 to %d are possible, the first counts rows", l->path, name, ndim,
                       HOOP_CUT_DIMS);
    else if (H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: %s has no readable shape", l->path, name);
    else if (f->varies &&
             (ndim > 1 || of->piece.ndim > 0 || of->opts.offsets != NULL || of->opts.window > 0 || of->opts.horizon > 0))
        st = hoop_fail(
            err, HOOP_ESHAPE,
            "%s: rows of %s are lists of any length, in %d dim%s; one dim is possible, and no piece, window or offsets of them",
            l->path, name, ndim, ndim == 1 ? "" : "s");
    else
        st = check_dims(l, of, dims, ndim, err, f);
    if (st == HOOP_OK) st = hoop__cut_make(&of->piece, of->opts.sample_axis, ndim, dims, l->path, name, err, &f->cut, &f->about);
    if (space >= 0) (void)H5Sclose(space);
    return st;
}

hoop_status hoop__field_find(const hoop_look *l, const hoop_field *of, hoop_error *err, hoop_found *f)
{
    const hoop_field_opts *o = &of->opts;
    hoop_status            st;
    bool                   native = false;
    f->dset                       = -1;
    if (o->use == HOOP_Y_NONE) return HOOP_OK;
    if (!hoop__h5_exists(l->file, of->object)) {
        (void)H5Eclear2(H5E_DEFAULT);
        return o->use == HOOP_Y_OPTIONAL ? HOOP_OK : hoop__field_missing(l, of->object, err);
    }
    f->dset = H5Dopen2(l->file, of->object, H5P_DEFAULT);
    if (f->dset < 0) return hoop__field_missing(l, of->object, err);
    f->about.path = o->path;
    HOOP_TRY(st, done, hoop__field_type(f, l, o, &native, err));
    HOOP_TRY(st, done, field_shape(l, of, err, f));
    HOOP_TRY(st, done, hoop__storage_find(f, l->file, l->path, o->path, native, l->bytes, err));
    f->about.present = true;
    st               = hoop__field_reading(f, l, o, err);
done:
    return st;
}
