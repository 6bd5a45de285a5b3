/* What --like takes from a set: names, words, classes, dtypes, and the means of missing cells. */
#include <stdlib.h>
#include <string.h>

#include "base/h5.h"
#include "import/table.h"

/* Strings of an attribute, or NULL. */
static char **strings(hid_t object, const char *name, int64_t want, int64_t *n)
{
    char        **list  = NULL;
    const int64_t count = hoop__h5_attr_strings(object, name, &list);
    if (count > 0 && (want < 0 || count == want)) {
        *n = count;
        return list;
    }
    free(list);
    return NULL;
}

static hoop_status read_attributes(const char *path, hoop_error *err, hoop_like *out)
{
    hid_t       file = -1, x = -1, y = -1;
    hoop_status st = hoop__h5_open(path, err, &file, NULL);
    int64_t     n;
    if (st != HOOP_OK) return st;
    x = H5Dopen2(file, "/x", H5P_DEFAULT);
    if (out->has_y) y = H5Dopen2(file, "/y", H5P_DEFAULT);
    if (x < 0 || (out->has_y && y < 0)) {
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: has no /x, as imported sets have", path);
        goto done;
    }
    out->x   = strings(x, "columns", out->nx, &n);
    out->hot = strings(x, "one_hot", -1, &out->nhot);
    if (out->has_y) out->y = strings(y, "columns", out->ny, &n);
    if (out->has_y && out->classes > 0) out->class_name = strings(y, "class_names", out->classes, &n);
    out->mean = malloc((size_t)out->nx * sizeof *out->mean);
    if (out->mean == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    } else if (hoop__h5_attr_f64s(x, "missing_mean", out->mean, out->nx) != out->nx) {
        free(out->mean);
        out->mean = NULL;
    }
done:
    if (y >= 0) (void)H5Dclose(y);
    if (x >= 0) (void)H5Dclose(x);
    if (file >= 0) (void)H5Fclose(file);
    return st;
}

hoop_status hoop__like_read(const char *spec, hoop_error *err, hoop_like *out)
{
    hoop_dataset            *ds = NULL;
    const hoop_dataset_info *info;
    hoop_h5_quiet            quiet;
    hoop_status              st = hoop_dataset_open(spec, &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL}, err, &ds);
    if (st != HOOP_OK) return hoop_fail_within(err, "--like");
    info         = hoop_dataset_about(ds);
    out->nx      = info->field[HOOP_FIELD_X].numel;
    out->x_f64   = info->field[HOOP_FIELD_X].dtype == HOOP_F64;
    out->has_y   = info->field[HOOP_FIELD_Y].present;
    out->ny      = out->has_y ? info->field[HOOP_FIELD_Y].numel : 0;
    out->y_f64   = out->has_y && info->field[HOOP_FIELD_Y].dtype == HOOP_F64;
    out->classes = info->field[HOOP_FIELD_Y].classes;
    out->y_class = info->field[HOOP_FIELD_Y].classes > 0;
    if (info->field[HOOP_FIELD_X].ndim != 1 || !hoop_dtype_is_float(info->field[HOOP_FIELD_X].dtype)) {
        st = hoop_fail(err, HOOP_EFORMAT,
                       "--like: %s: is no set of a table: rows of x have %d dims of %s; one dim of f32 or f64 is wanted", spec,
                       info->field[HOOP_FIELD_X].ndim, hoop_dtype_name(info->field[HOOP_FIELD_X].dtype));
    } else if (out->has_y && !out->y_class && !hoop_dtype_is_float(info->field[HOOP_FIELD_Y].dtype)) {
        st = hoop_fail(err, HOOP_EFORMAT,
                       "--like: %s: is no set of a table: y is %s without a number of classes; classes, f32 or f64 are wanted",
                       spec, hoop_dtype_name(info->field[HOOP_FIELD_Y].dtype));
    } else {
        hoop__h5_quiet(&quiet);
        st = read_attributes(hoop_dataset_path(ds, 0, NULL), err, out);
        hoop__h5_restore(&quiet);
    }
    hoop_dataset_close(&ds);
    return st;
}

void hoop__like_free(hoop_like *l)
{
    free(l->x);
    free(l->y);
    free(l->hot);
    free(l->class_name);
    free(l->mean);
    *l = (hoop_like){0};
}
