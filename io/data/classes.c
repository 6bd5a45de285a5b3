/* How many classes a target has, and their names: of its type, of its attributes, or as it was told. */
#include <stdlib.h>
#include <string.h>

#include "data/storage.h"

static bool names_equal(char **a, char **b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0) return false;
    return true;
}

/* Names of classes: as many as there are classes, and the same in all shards that have them. */
static hoop_status names_take(hoop_field *f, char ***names, int64_t n, int64_t classes, const char *path, hoop_error *err)
{
    if (n > 0 && classes > 0 && n != classes)
        return hoop_fail(err, HOOP_EFORMAT, "%s: attribute class_names of %s has %lld names, but classes is %lld", path,
                         f->opts.path, (long long)n, (long long)classes);
    if (n > 0 && f->classes.name != NULL && (n != f->classes.n || !names_equal(*names, f->classes.name, n)))
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: the names of classes (class_names, or of an enum) of %s are not those of the shards before it",
                         path, f->opts.path);
    if (n > 0 && f->classes.name == NULL) {
        f->classes = (hoop_names){*names, n};
        *names     = NULL;
    }
    return HOOP_OK;
}

/* How many classes the file says there are (0: it does not), and their names. */
static hoop_status classes_said(hoop_field *f, hoop_found *found, const hoop_look *l, hoop_error *err, int64_t *classes)
{
    const bool  honoured = l->ours || l->opts->attributes == HOOP_ATTRIBUTES_ALL;
    const char *name     = f->opts.path;
    char      **names    = NULL;
    int64_t     n        = 0;
    hoop_status st;
    *classes = 0;
    if (honoured) {
        HOOP_TRY(st, done, hoop__h5_attr_expect(found->dset, "classes", HOOP_H5_I64, l->path, name, err));
        HOOP_TRY(st, done, hoop__h5_attr_expect(found->dset, "class_names", HOOP_H5_STRINGS, l->path, name, err));
        if (!hoop__h5_attr_i64(found->dset, "classes", classes)) *classes = 0;
        if (*classes < 0)
            return hoop_fail(err, HOOP_EFORMAT, "%s: attribute classes of %s is %lld", l->path, name, (long long)*classes);
    }
    if (found->enum_count > 0) { /* what the type says goes before what somebody wrote beside it */
        *classes = found->enum_count;
        return names_take(f, &found->enum_names, found->enum_count, *classes, l->path, err);
    }
    if (found->reading.labels == HOOP_LABELS_ONE_HOT) *classes = found->about.numel;
    if (honoured) n = hoop__h5_attr_strings(found->dset, "class_names", &names);
    st = names_take(f, &names, n, *classes, l->path, err);
done:
    free(names);
    return st;
}

hoop_status hoop__classes_read(hoop_dataset *ds, hoop_found *found, int field, int i, const hoop_look *l, hoop_error *err)
{
    hoop_field   *f    = &ds->field[field];
    const int64_t told = f->opts.classes;
    int64_t       classes;
    hoop_status   st;
    if (found->dset < 0 || f->opts.role != HOOP_TARGET) return HOOP_OK;
    if ((st = classes_said(f, found, l, err, &classes)) != HOOP_OK) return st;
    if (told > 0 && (classes > told || (classes != 0 && classes != told && found->reading.labels == HOOP_LABELS_ONE_HOT)))
        return hoop_fail(err, HOOP_EFORMAT, "%s: %s has %lld classes, and data.classes says %lld", l->path, f->opts.path,
                         (long long)classes, (long long)told);
    if (told > 0) classes = told;
    if (i > 0 && classes != ds->shown[field].classes)
        return hoop_fail(err, HOOP_EFORMAT, "%s: attribute classes of %s is %lld, but %lld in %s", l->path, f->opts.path,
                         (long long)classes, (long long)ds->shown[field].classes, ds->shard[0].path);
    ds->shown[field].classes = classes;
    return HOOP_OK;
}
