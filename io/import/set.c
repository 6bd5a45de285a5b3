/* What a set of a table says of itself: names of columns and classes, means of missing cells. --like reads it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/set.h"

enum { NAME_MOST = 4096 }; /* bytes; each takes as much as the longest, and readers take none beyond 1 MiB */

static const char *keep(hoop_set_names *n, char *text)
{
    if (text != NULL) n->own[n->nown++] = text;
    return text;
}

/* A column's name; its number where there are none and another column needs one. */
static const char *name_of(const hoop_table *t, hoop_set_names *n, int64_t i)
{
    char *text = NULL;
    if (t->plan.names != NULL) return t->plan.names[i];
    return asprintf(&text, "%lld", (long long)i) < 0 ? NULL : keep(n, text);
}

static bool name_columns(const hoop_table *t, hoop_set_names *n)
{
    for (int64_t k = 0; k < t->plan.nfeatures; k++) {
        const hoop_column *c    = &t->column[t->plan.feature[k]];
        const char        *name = name_of(t, n, t->plan.feature[k]);
        if (name == NULL) return false;
        if (!c->one_hot) {
            n->x[c->at] = name;
            continue;
        }
        n->hot[n->nhot++] = name;
        for (int64_t j = 0; j < c->width; j++) {
            char *text = NULL;
            if (asprintf(&text, "%s=%s", name, c->labels.name[j]) < 0) return false;
            n->x[c->at + j] = keep(n, text);
        }
    }
    for (int64_t k = 0; k < t->plan.ntargets; k++)
        if ((n->y[k] = name_of(t, n, t->plan.target[k])) == NULL) return false;
    return true;
}

/* --like finds columns again by these names. */
static hoop_status check_names(const hoop_table *t, const hoop_set_names *n, hoop_error *err)
{
    for (int64_t k = 0, hot = 0; n->x != NULL && k < t->plan.nfeatures; k++) {
        const hoop_column *c    = &t->column[t->plan.feature[k]];
        const char        *mine = c->one_hot ? n->hot[hot++] : NULL;
        for (int64_t j = c->at; j < c->at + c->width; j++) {
            const int64_t of = hoop__one_hot_of(n->hot, n->nhot, n->x[j]);
            if (strlen(n->x[j]) > NAME_MOST)
                return hoop_fail(err, HOOP_EFORMAT,
                                 "%s: column %lld gives a name of %zu bytes ('%.32s...'), more than %d: --drop %lld", t->csv.path,
                                 (long long)t->plan.feature[k] + 1, strlen(n->x[j]), n->x[j], NAME_MOST,
                                 (long long)t->plan.feature[k]);
            if (of >= 0 && (mine == NULL || strcmp(n->hot[of], mine) != 0))
                return hoop_fail(
                    err, HOOP_EFORMAT,
                    "%s: '%.64s' of column %lld is called as a word of column '%.64s' is: rename one of them, or --drop %lld",
                    t->csv.path, n->x[j], (long long)t->plan.feature[k] + 1, n->hot[of], (long long)t->plan.feature[k]);
        }
    }
    return HOOP_OK;
}

/* Of classes. */
static hoop_status check_classes(const hoop_table *t, hoop_error *err)
{
    const hoop_labels *l = t->plan.by_class ? &t->column[t->plan.target[0]].labels : NULL;
    for (int64_t i = 0; l != NULL && l->name != NULL && i < l->n; i++)
        if (strlen(l->name[i]) > NAME_MOST)
            return hoop_fail(err, HOOP_EFORMAT, "%s: a class has a name of %zu bytes ('%.32s...'), more than %d", t->csv.path,
                             strlen(l->name[i]), l->name[i], NAME_MOST);
    return HOOP_OK;
}

void hoop__set_names_free(hoop_set_names *n)
{
    for (int64_t i = 0; i < n->nown; i++) free(n->own[i]);
    free(n->own);
    free(n->x);
    free(n->y);
    free(n->hot);
}

/* Names only where the file has some, or a column of words asks for them. */
static hoop_status make_names(const hoop_table *t, hoop_set_names *n, hoop_error *err)
{
    bool wanted = t->plan.names != NULL;
    for (int64_t k = 0; k < t->plan.nfeatures; k++) wanted = wanted || t->column[t->plan.feature[k]].one_hot;
    if (!wanted) return HOOP_OK;
    n->x   = calloc((size_t)t->plan.nx, sizeof *n->x);
    n->y   = calloc((size_t)t->columns, sizeof *n->y);
    n->hot = calloc((size_t)t->columns, sizeof *n->hot);
    n->own = calloc((size_t)(t->plan.nx + 2 * t->columns), sizeof *n->own);
    if (n->x == NULL || n->y == NULL || n->hot == NULL || n->own == NULL || !name_columns(t, n))
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    return check_names(t, n, err);
}

static void add_strings(hoop_writer_field *f, const char *name, const char *const *strings, int64_t n)
{
    if (strings != NULL && n > 0)
        f->attrs[f->nattrs++] = (hoop_h5_attr){.name = name, .kind = HOOP_H5_STRINGS, .count = n, .v.strings = strings};
}

hoop_status hoop__set_describe(const hoop_table *t, hoop_error *err, hoop_set_names *n, hoop_writer_field *x,
                               hoop_writer_field *y)
{
    hoop_status        st = make_names(t, n, err);
    const hoop_labels *l  = t->plan.by_class ? &t->column[t->plan.target[0]].labels : NULL;
    if (st != HOOP_OK || (st = check_classes(t, err)) != HOOP_OK) return st;
    x->dtype    = t->plan.x_f64 ? HOOP_F64 : HOOP_F32;
    x->ndim     = 1;
    x->shape[0] = t->plan.nx;
    y->dtype    = t->plan.by_class ? HOOP_I64 : t->plan.y_f64 ? HOOP_F64 : HOOP_F32;
    y->ndim     = t->plan.ntargets > 1;
    y->shape[0] = t->plan.ntargets;
    add_strings(x, "columns", n->x, t->plan.nx);
    add_strings(x, "one_hot", n->hot, n->nhot);
    if (t->plan.mean != NULL)
        x->attrs[x->nattrs++] =
            (hoop_h5_attr){.name = "missing_mean", .kind = HOOP_H5_F64S, .count = t->plan.nx, .v.f64s = t->plan.mean};
    add_strings(y, "columns", n->y, t->plan.ntargets);
    if (l != NULL) y->attrs[y->nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = l->n};
    if (l != NULL && !l->ids) add_strings(y, "class_names", l->name, l->n);
    return HOOP_OK;
}
