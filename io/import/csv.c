/* Tables. The file is read twice: first to see what is in each column, then, when all is decided, to write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/summary.h"
#include "import/table.h"
#include "import/writer.h"

static hoop_status no_memory(const hoop_table *t, hoop_error *err)
{
    return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
}

/* ---- first pass ---- */

/* A table of one column has no features; mostly it is cut at the wrong character. */
static hoop_status one_column(const hoop_table *t, hoop_error *err)
{
    const char *first = hoop__csv_field(&t->csv, 0), *found = strpbrk(first, ";\t,|"), *cut = "cut at";
    char        at[8];
    (void)snprintf(at, sizeof at, "'%c'", t->csv.separator);
    if (t->csv.separator == HOOP_CSV_BLANK) (void)snprintf(at, sizeof at, "blanks");
    if (found == NULL && t->csv.separator != HOOP_CSV_BLANK && strpbrk(first, " ") != NULL)
        return hoop_fail(err, HOOP_EARG, "%s: its lines have one column when %s %s, and blanks: --separator blank", t->csv.path,
                         cut, at);
    if (found == NULL || *found == t->csv.separator)
        return hoop_fail(err, HOOP_EARG, "%s: it has one column, the target, and none to learn from (--no-target: that is x)",
                         t->csv.path);
    if (*found == '\t')
        return hoop_fail(err, HOOP_EARG, "%s: its lines have one column when %s %s, and tabs: --separator tab", t->csv.path, cut,
                         at);
    return hoop_fail(err, HOOP_EARG, "%s: its lines have one column when %s %s: --separator '%c'?", t->csv.path, cut, at, *found);
}

static hoop_status changed(const hoop_table *t, hoop_error *err)
{
    return hoop_fail(err, HOOP_EIO, "%s: changed while it was being read", t->csv.path);
}

static bool is_hole(const hoop_table *t, int64_t i)
{
    const char *s = hoop__csv_field(&t->csv, i);
    double      v;
    hoop_cell   kind;
    if (*s == '\0') return true;
    if (t->column[i].na == 0 && !t->column[i].na_there) return false;
    if (t->by_class && t->na_class && t->column[i].role == HOOP_ROLE_TARGET) return false;
    kind = hoop__cell(s, t->locale, &v);
    return kind == HOOP_CELL_NA;
}

/* Is the record in t->csv one to leave out? */
static bool has_hole(const hoop_table *t)
{
    for (int64_t k = 0; k < t->nfeatures; k++)
        if (is_hole(t, t->feature[k])) return true;
    for (int64_t k = 0; k < t->ntargets; k++)
        if (is_hole(t, t->target[k])) return true;
    return false;
}

static hoop_status next_row(hoop_table *t, hoop_error *err)
{
    bool        more;
    hoop_status st = hoop__csv_next(&t->csv, err, &more);
    if (st != HOOP_OK) return st;
    return more && t->csv.nfields == t->columns ? HOOP_OK : changed(t, err);
}

/* To the first row of data. */
static hoop_status rewind_rows(hoop_table *t, hoop_error *err)
{
    hoop_status st = hoop__csv_rewind(&t->csv, err);
    return st == HOOP_OK && t->header ? next_row(t, err) : st;
}

/* Rows with missing values are to be left out: what is decided is decided by the others. */
static hoop_status see_whole_rows(hoop_table *t, int lines, hoop_error *err)
{
    hoop_status st;
    if (t->missing != HOOP_MISSING_DROP || t->holes == 0) return HOOP_OK;
    if ((st = rewind_rows(t, err)) != HOOP_OK) return st;
    hoop__table_forget(t);
    for (int64_t i = 0; i < t->total; i++) {
        if ((st = next_row(t, err)) != HOOP_OK) return st;
        if (has_hole(t))
            t->dropped++;
        else if ((st = hoop__table_see(t, err)) != HOOP_OK)
            return st;
    }
    t->result->dropped_rows = t->dropped;
    if (t->rows == 0)
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: each of its %lld rows has a missing value: --missing mean, or --drop their columns", t->csv.path,
                         (long long)t->total);
    t->result->nlines = lines;
    return hoop__table_kinds(t, err);
}

static hoop_status first_pass(hoop_table *t, hoop_error *err)
{
    hoop_status st;
    bool        more = true;
    int         lines;
    HOOP_TRY(st, done, hoop__csv_next(&t->csv, err, &more));
    if (!more) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: the file is empty", t->csv.path);
        goto done;
    }
    if (t->csv.nfields < 2 && !t->opts->no_target && (!t->by_like || t->like.has_y)) {
        st = one_column(t, err);
        goto done;
    }
    HOOP_TRY(st, done, hoop__table_begin(t, err));
    hoop__table_mark(t);
    for (;;) {
        HOOP_TRY(st, done, hoop__csv_next(&t->csv, err, &more));
        if (!more) break;
        HOOP_TRY(st, done, hoop__table_see(t, err));
    }
    HOOP_TRY(st, done, hoop__table_header(t, err));
    if (!t->header) HOOP_TRY(st, done, hoop__table_see_first(t, err));
    if (t->rows == 0) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: there are no rows below the header", t->csv.path);
        goto done;
    }
    t->total = t->rows;
    HOOP_TRY(st, done, hoop__table_roles(t, err));
    lines = t->result->nlines;
    HOOP_TRY(st, done, hoop__table_kinds(t, err));
    st = see_whole_rows(t, lines, err);
done:
    return st;
}

/* ---- second pass ---- */

static hoop_status get_feature(hoop_table *t, int64_t i, hoop_error *err)
{
    hoop_column     *c = &t->column[i];
    const char      *s = hoop__csv_field(&t->csv, i);
    double           v;
    const hoop_cell  kind = hoop__cell(s, t->locale, &v);
    const hoop_word *w;
    if (kind == HOOP_CELL_EMPTY || kind == HOOP_CELL_NA) {
        if (t->mean == NULL) return changed(t, err);
        memcpy(t->x + c->at, t->mean + c->at, (size_t)c->width * sizeof *t->x);
        return HOOP_OK;
    }
    if (!c->one_hot) {
        t->x[c->at] = v;
        return kind == HOOP_CELL_NUMBER || kind == HOOP_CELL_BOOL ? HOOP_OK : changed(t, err);
    }
    memset(t->x + c->at, 0, (size_t)c->width * sizeof *t->x);
    w = hoop__words_find(&c->seen, s);
    if (w != NULL && w->id >= 0 && w->id < c->width) t->x[c->at + w->id] = 1;
    if ((w == NULL && !c->seen.many) || (w != NULL && w->id < 0 && !t->opts->unknown_zero)) return changed(t, err);
    return HOOP_OK;
}

static hoop_status get_target(hoop_table *t, int64_t k, hoop_error *err)
{
    const hoop_cell kind = hoop__cell(hoop__csv_field(&t->csv, t->target[k]), t->locale, &t->y[k]);
    return kind == HOOP_CELL_NUMBER || kind == HOOP_CELL_BOOL ? HOOP_OK : changed(t, err);
}

static hoop_status write_row(hoop_table *t, hoop_writer *w, hoop_error *err)
{
    hoop_status st;
    const void *y = NULL;
    int64_t     id;
    for (int64_t k = 0; k < t->nfeatures; k++)
        if ((st = get_feature(t, t->feature[k], err)) != HOOP_OK) return st;
    for (int64_t k = 0; k < t->nx && !t->x_f64; k++) t->x32[k] = (float)t->x[k];
    if (t->by_class) {
        const hoop_word *word = hoop__words_find(&t->column[t->target[0]].seen, hoop__csv_field(&t->csv, t->target[0]));
        if (word == NULL || word->id < 0) return changed(t, err);
        id = word->id;
        y  = &id;
    } else if (t->ntargets > 0) {
        for (int64_t k = 0; k < t->ntargets; k++) {
            if ((st = get_target(t, k, err)) != HOOP_OK) return st;
            t->y32[k] = (float)t->y[k];
        }
        y = t->y_f64 ? (const void *)t->y : t->y32;
    }
    return hoop__writer_row(w, t->x_f64 ? (const void *)t->x : t->x32, y, err);
}

/* ---- what the set says of itself ---- */

enum { NAME_MOST = 4096 }; /* bytes; each takes as much as the longest, and readers take none beyond 1 MiB */

typedef struct names {
    const char **x, **y, **hot;
    int64_t      nhot;
    char       **own; /* "Sex=male", numbers of columns without names */
    int64_t      nown;
} names;

static const char *keep(names *n, char *text)
{
    if (text != NULL) n->own[n->nown++] = text;
    return text;
}

/* A column's name; its number where there are none and another column needs one. */
static const char *name_of(const hoop_table *t, names *n, int64_t i)
{
    char *text = NULL;
    if (t->names != NULL) return t->names[i];
    return asprintf(&text, "%lld", (long long)i) < 0 ? NULL : keep(n, text);
}

static bool name_columns(const hoop_table *t, names *n)
{
    for (int64_t k = 0; k < t->nfeatures; k++) {
        const hoop_column *c    = &t->column[t->feature[k]];
        const char        *name = name_of(t, n, t->feature[k]);
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
    for (int64_t k = 0; k < t->ntargets; k++)
        if ((n->y[k] = name_of(t, n, t->target[k])) == NULL) return false;
    return true;
}

/* --like finds columns again by these names. */
static hoop_status check_names(const hoop_table *t, const names *n, hoop_error *err)
{
    for (int64_t k = 0, hot = 0; n->x != NULL && k < t->nfeatures; k++) {
        const hoop_column *c    = &t->column[t->feature[k]];
        const char        *mine = c->one_hot ? n->hot[hot++] : NULL;
        for (int64_t j = c->at; j < c->at + c->width; j++) {
            const int64_t of = hoop__one_hot_of(n->hot, n->nhot, n->x[j]);
            if (strlen(n->x[j]) > NAME_MOST)
                return hoop_fail(err, HOOP_EFORMAT,
                                 "%s: column %lld gives a name of %zu bytes ('%.32s...'), more than %d: --drop %lld", t->csv.path,
                                 (long long)t->feature[k] + 1, strlen(n->x[j]), n->x[j], NAME_MOST, (long long)t->feature[k]);
            if (of >= 0 && (mine == NULL || strcmp(n->hot[of], mine) != 0))
                return hoop_fail(
                    err, HOOP_EFORMAT,
                    "%s: '%.64s' of column %lld is called as a word of column '%.64s' is: rename one of them, or --drop %lld",
                    t->csv.path, n->x[j], (long long)t->feature[k] + 1, n->hot[of], (long long)t->feature[k]);
        }
    }
    return HOOP_OK;
}

/* Of classes. */
static hoop_status check_classes(const hoop_table *t, hoop_error *err)
{
    const hoop_labels *l = t->by_class ? &t->column[t->target[0]].labels : NULL;
    for (int64_t i = 0; l != NULL && l->name != NULL && i < l->n; i++)
        if (strlen(l->name[i]) > NAME_MOST)
            return hoop_fail(err, HOOP_EFORMAT, "%s: a class has a name of %zu bytes ('%.32s...'), more than %d", t->csv.path,
                             strlen(l->name[i]), l->name[i], NAME_MOST);
    return HOOP_OK;
}

static void names_free(names *n)
{
    for (int64_t i = 0; i < n->nown; i++) free(n->own[i]);
    free(n->own);
    free(n->x);
    free(n->y);
    free(n->hot);
}

/* Names only where the file has some, or a column of words asks for them. */
static hoop_status make_names(const hoop_table *t, names *n, hoop_error *err)
{
    bool wanted = t->names != NULL;
    for (int64_t k = 0; k < t->nfeatures; k++) wanted = wanted || t->column[t->feature[k]].one_hot;
    if (!wanted) return HOOP_OK;
    n->x   = calloc((size_t)t->nx, sizeof *n->x);
    n->y   = calloc((size_t)t->columns, sizeof *n->y);
    n->hot = calloc((size_t)t->columns, sizeof *n->hot);
    n->own = calloc((size_t)(t->nx + 2 * t->columns), sizeof *n->own);
    if (n->x == NULL || n->y == NULL || n->hot == NULL || n->own == NULL || !name_columns(t, n)) return no_memory(t, err);
    return check_names(t, n, err);
}

static void add_strings(hoop_writer_field *f, const char *name, const char *const *strings, int64_t n)
{
    if (strings != NULL && n > 0)
        f->attrs[f->nattrs++] = (hoop_h5_attr){.name = name, .kind = HOOP_H5_STRINGS, .count = n, .v.strings = strings};
}

static void describe(const hoop_table *t, const names *n, hoop_writer_field *x, hoop_writer_field *y)
{
    const hoop_labels *l = t->by_class ? &t->column[t->target[0]].labels : NULL;
    x->dtype             = t->x_f64 ? HOOP_F64 : HOOP_F32;
    x->ndim              = 1;
    x->shape[0]          = t->nx;
    y->dtype             = t->by_class ? HOOP_I64 : t->y_f64 ? HOOP_F64 : HOOP_F32;
    y->ndim              = t->ntargets > 1;
    y->shape[0]          = t->ntargets;
    add_strings(x, "columns", n->x, t->nx);
    add_strings(x, "one_hot", n->hot, n->nhot);
    if (t->mean != NULL)
        x->attrs[x->nattrs++] = (hoop_h5_attr){.name = "missing_mean", .kind = HOOP_H5_F64S, .count = t->nx, .v.f64s = t->mean};
    add_strings(y, "columns", n->y, t->ntargets);
    if (l != NULL) y->attrs[y->nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = l->n};
    if (l != NULL && !l->ids) add_strings(y, "class_names", l->name, l->n);
}

static hoop_status second_pass(hoop_table *t, const hoop_import_opts *opts, hoop_error *err)
{
    hoop_writer_field x = {0}, y = {0};
    hoop_writer      *w = NULL;
    names             n = {0};
    hoop_status       st;
    t->x   = calloc((size_t)t->nx, sizeof *t->x);
    t->x32 = calloc((size_t)t->nx, sizeof *t->x32);
    t->y   = calloc((size_t)t->columns, sizeof *t->y);
    t->y32 = calloc((size_t)t->columns, sizeof *t->y32);
    if (t->x == NULL || t->x32 == NULL || t->y == NULL || t->y32 == NULL) return no_memory(t, err);
    HOOP_TRY(st, done, make_names(t, &n, err));
    HOOP_TRY(st, done, check_classes(t, err));
    describe(t, &n, &x, &y);
    HOOP_TRY(st, done, rewind_rows(t, err));
    HOOP_TRY(st, done, hoop__writer_create(opts, t->rows, &x, t->ntargets > 0 ? &y : NULL, err, &w));
    for (int64_t i = 0; i < t->total; i++) {
        HOOP_TRY(st, done, next_row(t, err));
        if (t->dropped > 0 && has_hole(t)) continue;
        HOOP_TRY(st, done, write_row(t, w, err));
    }
    hoop__table_summary(t);
    st = hoop__writer_finish(w, err, t->result);
    if (st == HOOP_OK && t->by_class) t->result->classes = t->column[t->target[0]].labels.n;
done:
    hoop__writer_destroy(&w);
    names_free(&n);
    return st;
}

static void table_free(hoop_table *t)
{
    for (int64_t i = 0; i < t->columns; i++) {
        if (t->names != NULL) free(t->names[i]);
        if (t->first != NULL) free(t->first[i]);
        if (t->column == NULL) continue;
        hoop__labels_free(&t->column[i].labels);
        hoop__words_free(&t->column[i].seen);
    }
    hoop__like_free(&t->like);
    free(t->names);
    free(t->first);
    free(t->remark);
    free(t->column);
    free(t->target);
    free(t->feature);
    free(t->bits);
    free(t->sample);
    free(t->mean);
    free(t->x);
    free(t->y);
    free(t->x32);
    free(t->y32);
    hoop__csv_close(&t->csv);
    if (t->locale != (locale_t)0) freelocale(t->locale);
    free(t);
}

static hoop_status check_opts(const hoop_csv_opts *o, hoop_error *err)
{
    if (o->separator == '"' || o->separator == '\n' || o->separator == '\r' || (unsigned char)o->separator >= 0x80)
        return hoop_fail(err, HOOP_EARG, "csv: a quote, a line break or no ASCII character cannot separate");
    if (o->comment != 0 && (o->comment == o->separator || o->comment == '"' || o->comment == '\n' || o->comment >= 0x80))
        return hoop_fail(err, HOOP_EARG, "csv: a separator, a quote or a line break cannot begin a comment");
    if (o->unknown_zero && o->like == NULL) return hoop_fail(err, HOOP_EARG, "csv: --unknown says what to do with --like");
    return HOOP_OK;
}

hoop_status hoop_import_csv(const char *path, const hoop_csv_opts *csv, const hoop_import_opts *opts, hoop_error *err,
                            hoop_import_result *result)
{
    const hoop_csv_opts zero = {0};
    hoop_import_result  mine = {0};
    hoop_table         *t    = calloc(1, sizeof *t);
    hoop_csv_form       form;
    hoop_status         st;
    if (t == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    t->opts    = csv != NULL ? csv : &zero;
    t->result  = result != NULL ? result : &mine;
    t->locale  = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    *t->result = mine;
    form       = (hoop_csv_form){.separator = t->opts->separator,
                                 .comment   = t->opts->comment == 0 ? '#' : t->opts->comment,
                                 .encoding  = t->opts->encoding,
                                 .spool_dir = opts->dir};
    HOOP_TRY(st, done, check_opts(t->opts, err));
    t->by_like = t->opts->like != NULL;
    if (t->by_like) HOOP_TRY(st, done, hoop__like_read(t->opts->like, err, &t->like));
    HOOP_TRY(st, done, hoop__csv_open(&t->csv, path, &form, err));
    HOOP_TRY(st, done, first_pass(t, err));
    st = second_pass(t, opts, err);
done:
    table_free(t);
    return st;
}
