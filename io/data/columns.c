/* Names of columns and classes, and other views of the same rows: columns in another order, labels by another numbering. What is
 * stored, its checksums and the fingerprint know nothing of it. */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "data/storage.h"

static bool names_equal(char *const *a, char *const *b, int64_t n, int64_t *at)
{
    for (*at = 0; *at < n; ++*at)
        if (strcmp(a[*at], b[*at]) != 0) return false;
    return true;
}

/* Names for each of `count` columns, from an attribute: as many as there are (if not, files of others have none), and the same in
 * all shards that have them. */
static hoop_status read_names(hoop_dataset *ds, const hoop_found *f, int field, bool ours, const char *path, hoop_error *err)
{
    const int64_t count = f->about.ndim <= 1 ? f->about.numel : -1;
    hoop_names   *kept  = &ds->columns[field];
    char        **names;
    int64_t       at, n = hoop__h5_attr_strings(f->dset, "columns", &names);
    hoop_status   st = HOOP_OK;
    if (n >= 0 && n != count) {
        if (ours)
            st = hoop_fail(err, HOOP_EFORMAT, "%s: attribute columns of %s has %lld names, and its rows have %lld elements", path,
                           ds->name[field], (long long)n, (long long)f->about.numel);
        n = -1;
    }
    if (n > 0 && kept->name != NULL && !names_equal(names, kept->name, n, &at))
        st = hoop_fail(err, HOOP_EFORMAT, "%s: column %lld of %s is called '%s', but '%s' in the shards before it", path,
                       (long long)at, ds->name[field], names[at], kept->name[at]);
    if (st == HOOP_OK && n > 0 && kept->name == NULL) {
        *kept = (hoop_names){names, n};
        names = NULL;
    }
    free(names);
    return st;
}

hoop_status hoop__columns_read(hoop_dataset *ds, const hoop_look *l, const hoop_found *f, int field, hoop_error *err)
{
    hoop_status st;
    if (f->dset < 0 || (!l->ours && l->opts->attributes != HOOP_ATTRIBUTES_ALL)) return HOOP_OK;
    st = read_names(ds, f, field, l->ours, l->path, err);
    if (st == HOOP_OK && field == HOOP_FIELD_X && ds->one_hot.name == NULL) {
        ds->one_hot.n = hoop__h5_attr_strings(f->dset, "one_hot", &ds->one_hot.name);
        if (ds->one_hot.n < 0) ds->one_hot.n = 0;
    }
    return st;
}

void hoop__columns_free(hoop_dataset *ds)
{
    for (int k = 0; k < 2; k++) {
        free(ds->columns[k].name);
        free(ds->view.columns[k].name);
        free(ds->view.from[k]);
    }
    free(ds->one_hot.name);
    free(ds->view.classes.name);
    free(ds->view.label);
}

static const char *name_at(const hoop_names *names, int64_t i)
{
    return i < 0 || i >= names->n ? NULL : names->name[i];
}

const char *hoop_dataset_column(const hoop_dataset *ds, int field, int64_t i)
{
    if (field != HOOP_FIELD_X && field != HOOP_FIELD_Y) return NULL;
    return name_at(ds->view.from[field] != NULL ? &ds->view.columns[field] : &ds->columns[field], i);
}

const char *hoop_dataset_one_hot(const hoop_dataset *ds, int64_t i)
{
    return name_at(&ds->one_hot, i);
}

const char *hoop_dataset_class_name(const hoop_dataset *ds, int64_t i)
{
    if (ds->view.label != NULL) return name_at(&ds->view.classes, i);
    return i < 0 || i >= ds->nclass_names ? NULL : ds->class_names[i];
}

/* A copy in one block, as the attributes' are. */
static hoop_status copy_names(const char *const *names, int64_t n, hoop_error *err, hoop_names *out)
{
    size_t total = 0;
    char  *at;
    *out = (hoop_names){0};
    if (names == NULL || n == 0) return HOOP_OK;
    for (int64_t i = 0; i < n; i++) total += strlen(names[i]) + 1;
    out->name = malloc((size_t)n * sizeof *out->name + total);
    if (out->name == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld names", (long long)n);
    at = (char *)(out->name + n);
    for (int64_t i = 0; i < n; i++) {
        const size_t bytes = strlen(names[i]) + 1;
        out->name[i]       = memcpy(at, names[i], bytes);
        at += bytes;
    }
    out->n = n;
    return HOOP_OK;
}

static void begin_view(hoop_dataset *ds)
{
    if (!ds->view.is) ds->view.info = ds->info;
    ds->view.is = true;
}

hoop_status hoop_dataset_choose(hoop_dataset *ds, int field, const int64_t *from, const char *const *names, int64_t n,
                                hoop_error *err)
{
    const hoop_dataset_field *f;
    int64_t                  *old, *all;
    hoop_names                copy;
    hoop_status               st;
    if (field != HOOP_FIELD_X && field != HOOP_FIELD_Y) return hoop_fail(err, HOOP_EARG, "%s: field %d", ds->spec, field);
    f = &hoop_dataset_about(ds)->field[field];
    if (!f->present || f->ndim > 1 || (f->ndim == 0 && n != 1))
        return hoop_fail(err, HOOP_ESHAPE, "%s: rows of %s have %d dims; of one dim columns can be chosen", ds->spec,
                         ds->name[field], f->ndim);
    if (n < 1) return hoop_fail(err, HOOP_EARG, "%s: no columns of %s are chosen", ds->spec, ds->name[field]);
    for (int64_t i = 0; i < n; i++)
        if (from[i] < -1 || from[i] >= f->numel)
            return hoop_fail(err, HOOP_ERANGE, "%s: column %lld of %s, which has %lld", ds->spec, (long long)from[i],
                             ds->name[field], (long long)f->numel);
    all = malloc((size_t)n * sizeof *all);
    if (all == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld columns", ds->spec, (long long)n);
    st = copy_names(names, n, err, &copy);
    if (st != HOOP_OK) {
        free(all);
        return st;
    }
    old = ds->view.from[field];
    for (int64_t i = 0; i < n; i++) all[i] = from[i] < 0 ? -1 : old != NULL ? old[from[i]] : from[i];
    begin_view(ds);
    free(old);
    free(ds->view.columns[field].name);
    ds->view.from[field]             = all;
    ds->view.columns[field]          = copy;
    ds->view.info.field[field].numel = n;
    if (f->ndim == 1) ds->view.info.field[field].shape[0] = n;
    return HOOP_OK;
}

hoop_status hoop_dataset_relabel(hoop_dataset *ds, const int64_t *to, int64_t nto, const char *const *names, int64_t n,
                                 hoop_error *err)
{
    hoop_view  *v     = &ds->view;
    int64_t     count = v->label != NULL ? v->nlabel : nto;
    int64_t    *all;
    hoop_names  copy;
    hoop_status st;
    if (!ds->info.field[HOOP_FIELD_Y].present || hoop_dtype_is_float(ds->info.field[HOOP_FIELD_Y].dtype) || nto < 1)
        return hoop_fail(err, HOOP_EARG, "%s: holds no labels to be numbered in another way", ds->spec);
    all = malloc((size_t)count * sizeof *all);
    if (all == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld classes", ds->spec, (long long)count);
    st = copy_names(names, n, err, &copy);
    if (st != HOOP_OK) {
        free(all);
        return st;
    }
    for (int64_t i = 0; i < count; i++) {
        const int64_t was = v->label != NULL ? v->label[i] : i;
        all[i]            = was >= 0 && was < nto ? to[was] : was;
    }
    begin_view(ds);
    free(v->label);
    free(v->classes.name);
    v->label        = all;
    v->nlabel       = count;
    v->classes      = copy;
    v->info.classes = n;
    return HOOP_OK;
}

/* From a row as it is stored (already cast) to that which is presented. */
#define PICK(type)                                                                                                               \
    static void pick_##type(const type *row, type *out, const int64_t *from, int64_t n)                                          \
    {                                                                                                                            \
        for (int64_t i = 0; i < n; i++) out[i] = from[i] < 0 ? 0 : row[from[i]];                                                 \
    }
PICK(float)
PICK(double)
PICK(int64_t)

void hoop__view_row(const hoop_dataset *ds, int field, hoop_dtype as, void *row, void *out)
{
    const int64_t *from = ds->view.from[field], n = ds->view.info.field[field].numel;
    if (from != NULL && as == HOOP_F32) pick_float(row, out, from, n);
    if (from != NULL && as == HOOP_F64) pick_double(row, out, from, n);
    if (from != NULL && as == HOOP_I64) pick_int64_t(row, out, from, n);
    if (from == NULL && row != out) memcpy(out, row, (size_t)n * hoop_dtype_size(as));
    if (field != HOOP_FIELD_Y || as != HOOP_I64 || ds->view.label == NULL) return;
    for (int64_t i = 0; i < n; i++) {
        int64_t *label = (int64_t *)out + i;
        if (*label >= 0) *label = *label < ds->view.nlabel ? ds->view.label[*label] : -1;
    }
}
