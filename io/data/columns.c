/* Names of columns and classes, and other views of the same rows: columns in another order, labels by another numbering. What is
 * stored, its checksums and the fingerprint know nothing of it. */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "data/storage.h"
#include "hoop/tokenizer.h"

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
    const int64_t count = f->cut.ndim == 1 ? 1 : f->cut.ndim == 2 ? f->cut.extent[1 - f->cut.axis] : -1;
    hoop_names   *kept  = &ds->field[field].columns;
    char        **names;
    int64_t       at, n = hoop__h5_attr_strings(f->dset, "columns", &names);
    hoop_status   st = HOOP_OK;
    if (n >= 0 && n != count) {
        if (ours)
            st = hoop_fail(err, HOOP_EFORMAT, "%s: attribute columns of %s has %lld names, and its rows have %lld elements", path,
                           ds->field[field].opts.path, (long long)n, (long long)count);
        n = -1;
    }
    if (n > 0 && f->cut.ndim == 2) { /* of a piece */
        n = f->about.numel;
        memmove(names, names + f->cut.first[1 - f->cut.axis], (size_t)n * sizeof *names);
    }
    if (n > 0 && kept->name != NULL && !names_equal(names, kept->name, n, &at))
        st = hoop_fail(err, HOOP_EFORMAT, "%s: column %lld of %s is called '%s', but '%s' in the shards before it", path,
                       (long long)at, ds->field[field].opts.path, names[at], kept->name[at]);
    if (st == HOOP_OK && n > 0 && kept->name == NULL) {
        *kept = (hoop_names){names, n};
        names = NULL;
    }
    free(names);
    return st;
}

/* How many tokens the first tokenizer has; it is whole, or that is said here rather than after training. */
static hoop_status count_tokens(hoop_dataset *ds, const char *line, const char *path, hoop_error *err)
{
    hoop_tokenizer   *t;
    const hoop_status st = hoop_tokenizer_parse(line, path, err, &t);
    if (st == HOOP_OK) ds->tokens = hoop_tokenizer_size(t);
    hoop_tokenizer_destroy(&t);
    return st;
}

/* The line of a stream of tokens: one for all that have some, in all shards, with as many tokens as there are classes. */
static hoop_status read_tokenizer(hoop_dataset *ds, const hoop_found *f, int field, const char *path, hoop_error *err)
{
    const char   *of = ds->field[field].opts.path;
    char        **line;
    const int64_t n       = hoop__h5_attr_strings(f->dset, "tokenizer", &line);
    int64_t       classes = 0;
    hoop_status   st      = HOOP_OK;
    if (n < 0 && H5Aexists(f->dset, "tokenizer") <= 0) return HOOP_OK;
    if (n != 1)
        st = hoop_fail(err, HOOP_EFORMAT, "%s: attribute tokenizer of %s is not one string", path, of);
    else if (ds->tokenizer != NULL && strcmp(line[0], ds->tokenizer[0]) != 0)
        st = hoop_fail(err, HOOP_EFORMAT, "%s: the tokenizer of %s is another than that of the fields or shards before it", path,
                       of);
    else if (ds->tokenizer == NULL)
        st = count_tokens(ds, line[0], path, err);
    if (st == HOOP_OK && (!hoop__h5_attr_i64(f->dset, "classes", &classes) || classes != ds->tokens))
        st = hoop_fail(err, HOOP_EFORMAT,
                       "%s: the tokenizer of %s has %lld tokens, and its attribute classes is %lld; the same "
                       "is wanted",
                       path, of, (long long)ds->tokens, (long long)classes);
    if (st == HOOP_OK && ds->tokenizer == NULL) {
        ds->tokenizer = line;
        return HOOP_OK;
    }
    free(line);
    return st;
}

hoop_status hoop__columns_read(hoop_dataset *ds, const hoop_look *l, const hoop_found *f, int field, hoop_error *err)
{
    hoop_status st;
    if (f->dset < 0 || (!l->ours && l->opts->attributes != HOOP_ATTRIBUTES_ALL)) return HOOP_OK;
    st = read_names(ds, f, field, l->ours, l->path, err);
    if (st == HOOP_OK) st = read_tokenizer(ds, f, field, l->path, err);
    if (st == HOOP_OK && ds->field[field].opts.role == HOOP_INPUT && ds->one_hot.name == NULL) {
        ds->one_hot.n = hoop__h5_attr_strings(f->dset, "one_hot", &ds->one_hot.name);
        if (ds->one_hot.n < 0) ds->one_hot.n = 0;
    }
    return st;
}

void hoop__columns_free(hoop_dataset *ds)
{
    for (int k = 0; ds->field != NULL && k < ds->nfields; k++) {
        hoop_field *f = &ds->field[k];
        free(f->columns.name);
        free(f->classes.name);
        free(f->view.columns.name);
        free(f->view.classes.name);
        free(f->view.from);
        free(f->view.label);
    }
    free(ds->one_hot.name);
    free(ds->tokenizer);
}

static const char *name_at(const hoop_names *names, int64_t i)
{
    return i < 0 || i >= names->n ? NULL : names->name[i];
}

const char *hoop_dataset_column(const hoop_dataset *ds, int field, int64_t i)
{
    if (field < 0 || field >= ds->nfields) return NULL;
    return name_at(ds->field[field].view.from != NULL ? &ds->field[field].view.columns : &ds->field[field].columns, i);
}

const char *hoop_dataset_one_hot(const hoop_dataset *ds, int64_t i)
{
    return name_at(&ds->one_hot, i);
}

const char *hoop_dataset_tokenizer(const hoop_dataset *ds)
{
    return ds->tokenizer != NULL ? ds->tokenizer[0] : NULL;
}

hoop_status hoop_tokenizer_of_dataset(const hoop_dataset *ds, hoop_error *err, hoop_tokenizer **out)
{
    const char *path = hoop_dataset_path(ds, 0, NULL);
    *out             = NULL;
    if (ds->tokenizer == NULL)
        return hoop_fail(err, HOOP_EFORMAT, "%s: has no tokenizer: it is not of text that hoop data import-text wrote", path);
    return hoop_tokenizer_parse(ds->tokenizer[0], path, err, out);
}

const char *hoop_dataset_class_name(const hoop_dataset *ds, int field, int64_t i)
{
    if (field < 0 || field >= ds->nfields) return NULL;
    return name_at(ds->field[field].view.label != NULL ? &ds->field[field].view.classes : &ds->field[field].classes, i);
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

hoop_status hoop_dataset_choose(hoop_dataset *ds, int field, const int64_t *from, const char *const *names, int64_t n,
                                hoop_error *err)
{
    const hoop_dataset_field *f;
    hoop_presented           *v;
    int64_t                  *old, *all;
    hoop_names                copy;
    hoop_status               st;
    if (field < 0 || field >= ds->nfields) return hoop_fail(err, HOOP_EARG, "%s: field %d", ds->spec, field);
    f = &ds->shown[field];
    v = &ds->field[field].view;
    if (!f->present || f->ndim > 1 || (f->ndim == 0 && n != 1))
        return hoop_fail(err, HOOP_ESHAPE, "%s: rows of %s have %d dims; of one dim columns can be chosen", ds->spec,
                         ds->field[field].opts.path, f->ndim);
    if (n < 1) return hoop_fail(err, HOOP_EARG, "%s: no columns of %s are chosen", ds->spec, ds->field[field].opts.path);
    for (int64_t i = 0; i < n; i++)
        if (from[i] < -1 || from[i] >= f->numel)
            return hoop_fail(err, HOOP_ERANGE, "%s: column %lld of %s, which has %lld", ds->spec, (long long)from[i],
                             ds->field[field].opts.path, (long long)f->numel);
    all = malloc((size_t)n * sizeof *all);
    if (all == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld columns", ds->spec, (long long)n);
    st = copy_names(names, n, err, &copy);
    if (st != HOOP_OK) {
        free(all);
        return st;
    }
    old = v->from;
    for (int64_t i = 0; i < n; i++) all[i] = from[i] < 0 ? -1 : old != NULL ? old[from[i]] : from[i];
    free(old);
    free(v->columns.name);
    v->from                = all;
    v->columns             = copy;
    ds->shown[field].numel = n;
    if (f->ndim == 1) ds->shown[field].shape[0] = n;
    return HOOP_OK;
}

hoop_status hoop_dataset_relabel(hoop_dataset *ds, int field, const int64_t *to, int64_t nto, const char *const *names, int64_t n,
                                 hoop_error *err)
{
    hoop_presented *v;
    int64_t        *all, count;
    hoop_names      copy;
    hoop_status     st;
    if (field < 0 || field >= ds->nfields || !ds->shown[field].present || hoop_dtype_is_float(ds->shown[field].dtype) || nto < 1)
        return hoop_fail(err, HOOP_EARG, "%s: holds no labels to be numbered in another way", ds->spec);
    v     = &ds->field[field].view;
    count = v->label != NULL ? v->nlabel : nto;
    all   = malloc((size_t)count * sizeof *all);
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
    free(v->label);
    free(v->classes.name);
    v->label                 = all;
    v->nlabel                = count;
    v->classes               = copy;
    ds->shown[field].classes = n;
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

void hoop__view_row(const hoop_dataset *ds, int field, hoop_dtype as, void *row, int64_t n, void *out)
{
    const hoop_presented *v    = &ds->field[field].view;
    const int64_t        *from = v->from;
    if (from != NULL) n = ds->shown[field].numel;
    if (from != NULL && as == HOOP_F32) pick_float(row, out, from, n);
    if (from != NULL && as == HOOP_F64) pick_double(row, out, from, n);
    if (from != NULL && as == HOOP_I64) pick_int64_t(row, out, from, n);
    if (from == NULL && row != out) memcpy(out, row, (size_t)n * hoop_dtype_size(as));
    if (as != HOOP_I64 || v->label == NULL) return;
    for (int64_t i = 0; i < n; i++) {
        int64_t *label = (int64_t *)out + i;
        if (*label >= 0) *label = *label < v->nlabel ? v->label[*label] : -1;
    }
}
