/* NumPy arrays as the fields of a set, one file each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/fields.h"
#include "import/ids.h"
#include "import/npy.h"
#include "import/summary.h"

typedef struct array {
    const hoop_import_field *of;
    hoop_npy                 file;
    int64_t                 *label; /* integers of a target, one a row; NULL: none */
    hoop_ids                 ids;   /* which of them are classes */
    char                    *row;
    int64_t                  nans, nan_row; /* not finite, and where the first is */
} array;

typedef struct arrays {
    array              a[HOOP_DATASET_FIELDS];
    hoop_writer_field  field[HOOP_DATASET_FIELDS];
    int                n, ntargets;
    int64_t            rows;
    hoop_import_result mine;
} arrays;

/* ---- targets ---- */

/* Integers, of one number a row; whole numbers stored as floats only where classes are asked for. */
static hoop_status load_labels(const hoop_npy *y, hoop_error *err, int64_t **out)
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
        hoop__npy_element(y, i * y->stride[0], &v);
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

static bool all_whole(const hoop_npy *y)
{
    int64_t    *label = NULL;
    hoop_status st    = load_labels(y, NULL, &label);
    free(label);
    return st == HOOP_OK;
}

/* Classes or numbers; `of` begins the line that says which. */
static hoop_status decide_target(array *a, const char *of, hoop_error *err, hoop_import_result *result)
{
    const hoop_npy        *y    = &a->file;
    const hoop_csv_targets said = a->of->targets;
    hoop_status            st;
    if (y->row != 1 || y->ndim > 2) {
        if (said == HOOP_CSV_CLASS)
            return hoop_fail(err, HOOP_ESHAPE, "%s: %lld numbers a row; a class is one", y->path, (long long)y->row);
        hoop__say(result, "target", "%s%lld numbers a row", of, (long long)y->row);
        return HOOP_OK;
    }
    if (said != HOOP_CSV_CLASS && (y->kind == 'f' || y->ndim == 2)) {
        hoop__say(result, "target", "%s%s%s", of, y->kind == 'f' ? "real numbers" : "integers, one in each row of a second dim",
                  said != HOOP_CSV_REAL && all_whole(y)
                      ? y->kind == 'f' ? ", all of them whole (--classes: classes)" : " (--classes: classes)"
                      : "");
        return HOOP_OK;
    }
    st = load_labels(y, err, &a->label);
    return st == HOOP_OK ? hoop__ids_decide(a->label, y->shape[0], said, false, of, y->path, err, result, &a->ids) : st;
}

static hoop_status decide_targets(arrays *s, hoop_error *err, hoop_import_result *result)
{
    char        of[HOOP_FIELD_NAME + 3] = "";
    hoop_status st                      = HOOP_OK;
    if (s->ntargets == 0) hoop__say(result, "target", "none");
    for (int k = 0; k < s->n && st == HOOP_OK; k++) {
        if (s->a[k].of->role != HOOP_TARGET) continue;
        if (s->ntargets > 1) (void)snprintf(of, sizeof of, "%s: ", s->a[k].of->name);
        st = decide_target(&s->a[k], of, err, result);
        if (result->classes == 0) result->classes = s->a[k].ids.classes;
    }
    return st;
}

/* ---- what is written ---- */

/* Integers that are no classes are a target like any other: f32 where that holds them, else f64. */
static hoop_dtype real_of(const int64_t *label, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (label[i] > 1 << 24 || label[i] < -(1 << 24)) return HOOP_F64;
    return HOOP_F32;
}

static void say_stored(hoop_import_result *result, const char *field, const hoop_npy *f)
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

static hoop_status describe(const array *a, hoop_error *err, hoop_import_result *result, hoop_writer_field *out)
{
    const hoop_npy *f     = &a->file;
    const double    scale = a->of->scale;
    *out                  = (hoop_writer_field){.name = a->of->name, .role = a->of->role, .dtype = f->dtype, .ndim = f->ndim - 1};
    memcpy(out->shape, f->shape + 1, (size_t)out->ndim * sizeof out->shape[0]);
    if (!isfinite(scale) || (scale != 0 && a->ids.by_class))
        return hoop_fail(err, HOOP_EARG, "%s: scale %g of %s: %s", f->path, scale, a->of->name,
                         isfinite(scale) ? "it is classes, which have none (--real: numbers)" : "a finite number is wanted");
    if (scale != 0) out->attrs[out->nattrs++] = (hoop_h5_attr){.name = "scale", .kind = HOOP_H5_F64, .v.f64 = scale};
    if (a->ids.by_class) {
        out->ndim = 0;
        hoop__ids_describe(&a->ids, out);
    } else if (a->label != NULL) {
        out->dtype = real_of(a->label, f->shape[0]);
        hoop__say(result, "dtype", "%s %s, from integers", a->of->name, hoop_dtype_name(out->dtype));
    } else {
        say_stored(result, a->of->name, f);
    }
    return HOOP_OK;
}

static void count_nans(array *a, int64_t i)
{
    const int64_t before = a->nans;
    if (a->file.dtype == HOOP_F32)
        for (int64_t k = 0; k < a->file.row; k++) a->nans += !isfinite(((const float *)a->row)[k]);
    if (a->file.dtype == HOOP_F64)
        for (int64_t k = 0; k < a->file.row; k++) a->nans += !isfinite(((const double *)a->row)[k]);
    if (before == 0 && a->nans > 0) a->nan_row = i;
}

/* Row i of a field, as stored, in a->row. */
static void make_row(array *a, hoop_dtype dtype, int64_t i)
{
    if (a->label == NULL) {
        hoop__npy_row(&a->file, i, a->row);
        count_nans(a, i);
    } else if (a->ids.by_class) {
        *(int64_t *)a->row = hoop__ids_of(&a->ids, a->label[i]);
    } else if (dtype == HOOP_F32) {
        *(float *)a->row = (float)a->label[i];
    } else {
        *(double *)a->row = (double)a->label[i];
    }
}

static hoop_status copy_rows(arrays *s, hoop_writer *w, hoop_error *err)
{
    const void *row[HOOP_DATASET_FIELDS];
    hoop_status st = HOOP_OK;
    for (int k = 0; k < s->n; k++) {
        const size_t bytes = (size_t)s->a[k].file.row * hoop_dtype_size(s->a[k].file.dtype);
        row[k] = s->a[k].row = malloc(bytes < sizeof(double) ? sizeof(double) : bytes);
        if (row[k] == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a row", s->a[k].file.path);
    }
    for (int64_t i = 0; i < s->rows && st == HOOP_OK; i++) {
        for (int k = 0; k < s->n; k++) make_row(&s->a[k], s->field[k].dtype, i);
        st = hoop__writer_row(w, row, err);
    }
    return st;
}

static void say_nans(const arrays *s, hoop_import_result *result)
{
    for (int k = 0; k < s->n; k++)
        if (s->a[k].nans > 0)
            hoop__say(result, "missing", "%s: %lld values are NaN or infinite, the first in row %lld; training stops at such",
                      s->a[k].of->name, (long long)s->a[k].nans, (long long)s->a[k].nan_row);
}

/* ---- the whole ---- */

static hoop_status open_all(arrays *s, const hoop_import_field *fields, const char *dir, hoop_error *err)
{
    hoop_status st;
    for (int k = 0; k < s->n; k++) {
        array *a = &s->a[k];
        a->of    = &fields[k];
        if ((st = hoop__npy_open(&a->file, fields[k].path, dir, err)) != HOOP_OK) return st;
        if (k == 0) s->rows = a->file.shape[0];
        if (a->file.shape[0] != s->rows)
            return hoop_fail(err, HOOP_ESHAPE, "%s has %lld rows, %s has %lld", fields[0].path, (long long)s->rows,
                             fields[k].path, (long long)a->file.shape[0]);
        s->ntargets += fields[k].role == HOOP_TARGET;
    }
    return HOOP_OK;
}

hoop_status hoop_import_npy_fields(const hoop_import_field *fields, int nfields, const hoop_import_opts *opts, hoop_error *err,
                                   hoop_import_result *result)
{
    arrays      *s = NULL;
    hoop_writer *w = NULL;
    hoop_status  st;
    if (result != NULL) *result = (hoop_import_result){0};
    HOOP_TRY(st, done, hoop__fields_check(fields, nfields, err));
    s = calloc(1, sizeof *s);
    if (s == NULL) return hoop_fail(err, HOOP_ENOMEM, "import: no memory");
    s->n = nfields;
    if (result == NULL) result = &s->mine;
    HOOP_TRY(st, done, open_all(s, fields, opts->dir, err));
    hoop__say(result, "rows", "%lld", (long long)s->rows);
    HOOP_TRY(st, done, decide_targets(s, err, result));
    for (int k = 0; k < nfields; k++) HOOP_TRY(st, done, describe(&s->a[k], err, result, &s->field[k]));
    HOOP_TRY(st, done, hoop__writer_create(opts, s->rows, s->field, nfields, err, &w));
    HOOP_TRY(st, done, copy_rows(s, w, err));
    HOOP_TRY(st, done, hoop__writer_finish(w, err, result));
    say_nans(s, result);
done:
    hoop__writer_destroy(&w);
    for (int k = 0; s != NULL && k < s->n; k++) {
        hoop__ids_free(&s->a[k].ids);
        hoop__npy_close(&s->a[k].file);
        free(s->a[k].label);
        free(s->a[k].row);
    }
    free(s);
    return st;
}

hoop_status hoop_import_npy(const char *x, const char *y, const hoop_npy_opts *npy, const hoop_import_opts *opts, hoop_error *err,
                            hoop_import_result *result)
{
    const hoop_import_field fields[] = {
        {.name = "x", .path = x},
        {.name = "y", .path = y, .role = HOOP_TARGET, .targets = npy != NULL ? npy->targets : HOOP_CSV_TARGETS_AUTO}};
    return hoop_import_npy_fields(fields, y != NULL ? 2 : 1, opts, err, result);
}
