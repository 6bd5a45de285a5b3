/* Tables. The file is read twice: first to see what is in each column, then, when all is decided, to write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/set.h"
#include "import/summary.h"

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
    if (t->column[i].seen.na == 0 && !t->column[i].na_there) return false;
    if (t->plan.by_class && t->plan.na_class && t->column[i].role == HOOP_ROLE_TARGET) return false;
    kind = hoop__cell(s, t->locale, &v);
    return kind == HOOP_CELL_NA;
}

/* Is the record in t->csv one to leave out? */
static bool has_hole(const hoop_table *t)
{
    for (int64_t k = 0; k < t->plan.nfeatures; k++)
        if (is_hole(t, t->plan.feature[k])) return true;
    for (int64_t k = 0; k < t->plan.ntargets; k++)
        if (is_hole(t, t->plan.target[k])) return true;
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
    return st == HOOP_OK && t->plan.header ? next_row(t, err) : st;
}

/* Rows with missing values are to be left out: what is decided is decided by the others. */
static hoop_status see_whole_rows(hoop_table *t, int lines, hoop_error *err)
{
    hoop_status st;
    if (t->plan.missing != HOOP_MISSING_DROP || t->plan.holes == 0) return HOOP_OK;
    if ((st = rewind_rows(t, err)) != HOOP_OK) return st;
    hoop__table_forget(t);
    for (int64_t i = 0; i < t->plan.total; i++) {
        if ((st = next_row(t, err)) != HOOP_OK) return st;
        if (has_hole(t))
            t->plan.dropped++;
        else if ((st = hoop__table_see(t, err)) != HOOP_OK)
            return st;
    }
    t->result->dropped_rows = t->plan.dropped;
    if (t->seen.rows == 0)
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: each of its %lld rows has a missing value: --missing mean, or --drop their columns", t->csv.path,
                         (long long)t->plan.total);
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
    if (!t->plan.header) HOOP_TRY(st, done, hoop__table_see_first(t, err));
    if (t->seen.rows == 0) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: there are no rows below the header", t->csv.path);
        goto done;
    }
    t->plan.total = t->seen.rows;
    HOOP_TRY(st, done, hoop__table_roles(t, err));
    lines = t->result->nlines;
    HOOP_TRY(st, done, hoop__table_kinds(t, err));
    st = see_whole_rows(t, lines, err);
done:
    return st;
}

/* ---- second pass ---- */

/* The cells of a row, as they are read and as f32. */
typedef struct row_cells {
    double *x, *y;
    float  *x32, *y32;
} row_cells;

static hoop_status get_feature(hoop_table *t, int64_t i, row_cells *row, hoop_error *err)
{
    hoop_column     *c = &t->column[i];
    const char      *s = hoop__csv_field(&t->csv, i);
    double           v;
    const hoop_cell  kind = hoop__cell(s, t->locale, &v);
    const hoop_word *w;
    if (kind == HOOP_CELL_EMPTY || kind == HOOP_CELL_NA) {
        if (t->plan.mean == NULL) return changed(t, err);
        memcpy(row->x + c->at, t->plan.mean + c->at, (size_t)c->width * sizeof *row->x);
        return HOOP_OK;
    }
    if (!c->one_hot) {
        row->x[c->at] = v;
        return kind == HOOP_CELL_NUMBER || kind == HOOP_CELL_BOOL ? HOOP_OK : changed(t, err);
    }
    memset(row->x + c->at, 0, (size_t)c->width * sizeof *row->x);
    w = hoop__words_find(&c->seen.texts, s);
    if (w != NULL && w->id >= 0 && w->id < c->width) row->x[c->at + w->id] = 1;
    if ((w == NULL && !c->seen.texts.many) || (w != NULL && w->id < 0 && !t->opts->unknown_zero)) return changed(t, err);
    return HOOP_OK;
}

static hoop_status get_target(const hoop_table *t, int64_t k, row_cells *row, hoop_error *err)
{
    const hoop_cell kind = hoop__cell(hoop__csv_field(&t->csv, t->plan.target[k]), t->locale, &row->y[k]);
    return kind == HOOP_CELL_NUMBER || kind == HOOP_CELL_BOOL ? HOOP_OK : changed(t, err);
}

static hoop_status write_row(hoop_table *t, row_cells *row, hoop_writer *w, hoop_error *err)
{
    hoop_status st;
    const void *y = NULL;
    int64_t     id;
    for (int64_t k = 0; k < t->plan.nfeatures; k++)
        if ((st = get_feature(t, t->plan.feature[k], row, err)) != HOOP_OK) return st;
    for (int64_t k = 0; k < t->plan.nx && !t->plan.x_f64; k++) row->x32[k] = (float)row->x[k];
    if (t->plan.by_class) {
        const hoop_word *word =
            hoop__words_find(&t->column[t->plan.target[0]].seen.texts, hoop__csv_field(&t->csv, t->plan.target[0]));
        if (word == NULL || word->id < 0) return changed(t, err);
        id = word->id;
        y  = &id;
    } else if (t->plan.ntargets > 0) {
        for (int64_t k = 0; k < t->plan.ntargets; k++) {
            if ((st = get_target(t, k, row, err)) != HOOP_OK) return st;
            row->y32[k] = (float)row->y[k];
        }
        y = t->plan.y_f64 ? (const void *)row->y : row->y32;
    }
    return hoop__writer_row(w, (const void *[]){t->plan.x_f64 ? (const void *)row->x : row->x32, y}, err);
}

static hoop_status second_pass(hoop_table *t, const hoop_import_opts *opts, hoop_error *err)
{
    hoop_set_names    names    = {0};
    hoop_writer      *w        = NULL;
    row_cells         row      = {.x   = calloc((size_t)t->plan.nx, sizeof *row.x),
                                  .x32 = calloc((size_t)t->plan.nx, sizeof *row.x32),
                                  .y   = calloc((size_t)t->columns, sizeof *row.y),
                                  .y32 = calloc((size_t)t->columns, sizeof *row.y32)};
    hoop_writer_field field[2] = {{.name = "x"}, {.name = "y", .role = HOOP_TARGET}};
    hoop_status       st;
    if (row.x == NULL || row.x32 == NULL || row.y == NULL || row.y32 == NULL) {
        st = no_memory(t, err);
        goto done;
    }
    HOOP_TRY(st, done, hoop__set_describe(t, err, &names, &field[0], &field[1]));
    HOOP_TRY(st, done, rewind_rows(t, err));
    HOOP_TRY(st, done, hoop__writer_create(opts, t->seen.rows, field, t->plan.ntargets > 0 ? 2 : 1, err, &w));
    for (int64_t i = 0; i < t->plan.total; i++) {
        HOOP_TRY(st, done, next_row(t, err));
        if (t->plan.dropped > 0 && has_hole(t)) continue;
        HOOP_TRY(st, done, write_row(t, &row, w, err));
    }
    hoop__table_summary(t);
    st = hoop__writer_finish(w, err, t->result);
    if (st == HOOP_OK && t->plan.by_class) t->result->classes = t->column[t->plan.target[0]].labels.n;
done:
    hoop__writer_destroy(&w);
    hoop__set_names_free(&names);
    free(row.x);
    free(row.x32);
    free(row.y);
    free(row.y32);
    return st;
}

static void table_free(hoop_table *t)
{
    for (int64_t i = 0; i < t->columns; i++) {
        if (t->plan.names != NULL) free(t->plan.names[i]);
        if (t->seen.first != NULL) free(t->seen.first[i]);
        if (t->column == NULL) continue;
        hoop__labels_free(&t->column[i].labels);
        hoop__words_free(&t->column[i].seen.texts);
    }
    hoop__like_free(&t->like);
    free(t->plan.names);
    free(t->seen.first);
    free(t->seen.remark);
    free(t->column);
    free(t->plan.target);
    free(t->plan.feature);
    free(t->seen.bits);
    free(t->seen.sample);
    free(t->plan.mean);
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
                                 .spool_dir = opts->dir,
                                 .stop      = opts->stop};
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
