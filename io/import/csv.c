/* Tables. The file is read twice: first to check every field, count rows and learn the classes, then to write. */
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/csv_reader.h"
#include "import/writer.h"

enum { CLASSES_MAX = 65536, TARGETS_MAX = 1024, SHOWN = 65 };

/* Distinct values of the target, sorted by bytes. */
typedef struct words {
    char  **word;
    int64_t n, room;
} words;

typedef struct table {
    hoop_csv             csv;
    const hoop_csv_opts *opts;
    locale_t             locale; /* "C": a decimal point is a point */
    int64_t              columns, rows, ntargets, nfeatures;
    int64_t              target[TARGETS_MAX]; /* columns of y, in the order given */
    bool                *is_target;
    bool                 header, by_class, numeric; /* numeric: all values of the target are numbers */
    bool                 many;                      /* numbers, more of them than classes are possible */
    int64_t              word_line;                 /* of the first value of the target that is no number; 0: none */
    char                 first_word[SHOWN];         /* that value */
    char               **names;                     /* of columns; NULL without header */
    words                seen;
    const char         **class_names; /* NULL: the values are the ids */
    int64_t              classes;
    float               *x, *y;
} table;

static bool parse_number(const table *t, const char *s, double *out)
{
    char *end;
    while (isspace((unsigned char)*s)) s++;
    if (*s == '\0') return false;
    *out = strtod_l(s, &end, t->locale);
    while (isspace((unsigned char)*end)) end++;
    return *end == '\0';
}

/* The beginning of a field for a message of one line. */
static const char *shown(const char *s, char out[SHOWN])
{
    size_t n = 0;
    for (; s[n] != '\0' && n < SHOWN - 1; n++) out[n] = (unsigned char)s[n] < ' ' || s[n] == 0x7f ? '?' : s[n];
    out[n] = '\0';
    return out;
}

static hoop_status bad_field(const table *t, int64_t column, const char *what, hoop_error *err)
{
    char value[SHOWN], name[SHOWN];
    (void)shown(hoop__csv_field(&t->csv, column), value);
    if (t->names != NULL)
        return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld, column %lld (%s): '%s' %s", t->csv.path, (long long)t->csv.line,
                         (long long)column + 1, shown(t->names[column], name), value, what);
    return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld, column %lld: '%s' %s", t->csv.path, (long long)t->csv.line,
                     (long long)column + 1, value, what);
}

/* A field without the blanks around it. */
static char *trimmed(table *t, int64_t column)
{
    char *s = t->csv.text + t->csv.field[column], *end;
    while (isspace((unsigned char)*s)) s++;
    for (end = s + strlen(s); end > s && isspace((unsigned char)end[-1]);) *--end = '\0';
    return s;
}

static hoop_status get_f32(table *t, int64_t column, float *out, hoop_error *err)
{
    double v;
    if (!parse_number(t, hoop__csv_field(&t->csv, column), &v))
        return bad_field(t, column,
                         *trimmed(t, column) == '\0'        ? "is empty; a number is wanted"
                         : t->rows == 0 && t->names == NULL ? "is not a number (if the line is a header: --header)"
                                                            : "is not a number",
                         err);
    *out = (float)v;
    return isfinite(*out) ? HOOP_OK : bad_field(t, column, isfinite(v) ? "is too large for f32" : "is not finite", err);
}

/* ---- header and targets ---- */

static hoop_status find_target(table *t, const char *name, size_t n, hoop_error *err, int64_t *out)
{
    char    text[256], *end;
    int64_t v;
    while (n > 0 && isspace((unsigned char)*name)) name++, n--;
    while (n > 0 && isspace((unsigned char)name[n - 1])) n--;
    if (n == 0 || n >= sizeof text)
        return hoop_fail(err, HOOP_EARG, "csv: target '%.64s' names an empty or too long column", t->opts->target);
    memcpy(text, name, n);
    text[n] = '\0';
    for (int64_t i = 0; t->names != NULL && i < t->columns; i++) {
        if (strcmp(t->names[i], text) != 0) continue;
        *out = i;
        return HOOP_OK;
    }
    errno = 0;
    v     = strtoll(text, &end, 10);
    if (*end != '\0')
        return hoop_fail(err, HOOP_EARG, "%s: there is no column '%s'%s", t->csv.path, text,
                         t->names == NULL ? " (the file has no header)" : "");
    if (v < 0) v += t->columns;
    if (errno != 0 || v < 0 || v >= t->columns)
        return hoop_fail(err, HOOP_EARG, "%s: there is no column %s of %lld%s", t->csv.path, text, (long long)t->columns,
                         t->names == NULL ? " (they are numbered from 0; if the first line names it: --header)" : "");
    *out = v;
    return HOOP_OK;
}

/* A table of one column has no features; mostly it is cut at the wrong character. */
static hoop_status one_column(const table *t, hoop_error *err)
{
    const char *first = hoop__csv_field(&t->csv, 0), *found = strpbrk(first, ";\t,|");
    if (found == NULL || *found == t->csv.separator)
        return hoop_fail(err, HOOP_EARG, "%s: it has one column, the target, and none to learn from", t->csv.path);
    if (*found == '\t')
        return hoop_fail(err, HOOP_EARG, "%s: its lines have one column when cut at '%c', and tabs: --separator tab", t->csv.path,
                         t->csv.separator);
    return hoop_fail(err, HOOP_EARG, "%s: its lines have one column when cut at '%c': --separator '%c'?", t->csv.path,
                     t->csv.separator, *found);
}

static hoop_status find_targets(table *t, hoop_error *err)
{
    const char *at = t->opts->target == NULL ? "-1" : t->opts->target;
    t->ntargets    = 0;
    memset(t->is_target, 0, (size_t)t->columns * sizeof *t->is_target);
    for (;;) {
        const size_t n = strcspn(at, ",");
        int64_t      column;
        hoop_status  st = find_target(t, at, n, err, &column);
        if (st != HOOP_OK) return st;
        if (t->is_target[column])
            return hoop_fail(err, HOOP_EARG, "%s: column %lld is twice a target", t->csv.path, (long long)column);
        if (t->ntargets == TARGETS_MAX) return hoop_fail(err, HOOP_EARG, "%s: more than %d targets", t->csv.path, TARGETS_MAX);
        t->is_target[column]     = true;
        t->target[t->ntargets++] = column;
        if (at[n] == '\0') break;
        at += n + 1;
    }
    t->nfeatures = t->columns - t->ntargets;
    return t->nfeatures > 0
               ? HOOP_OK
               : hoop_fail(err, HOOP_EARG, "%s: all of its %lld columns are targets", t->csv.path, (long long)t->columns);
}

static bool targets_are_numbers(const char *spec)
{
    for (; spec != NULL && *spec != '\0'; spec++)
        if (!isdigit((unsigned char)*spec) && strchr("-, ", *spec) == NULL) return false;
    return true;
}

/* A row of data has numbers, or at least holes; of a header's names only the first may be empty, as tools that write the
 * numbers of rows leave it. */
static bool looks_like_header(table *t)
{
    double v;
    for (int64_t i = 0; i < t->columns; i++) {
        const char *field = trimmed(t, i);
        if (parse_number(t, field, &v) || (*field == '\0' && (i > 0 || t->columns == 1))) return false;
    }
    return true;
}

static hoop_status take_names(table *t, hoop_error *err)
{
    t->names = calloc((size_t)t->columns, sizeof *t->names);
    if (t->names == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    for (int64_t i = 0; i < t->columns; i++) {
        t->names[i] = strdup(trimmed(t, i));
        if (t->names[i] == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    }
    return HOOP_OK;
}

/* Of the first record: is it a header, and which columns are which. */
static hoop_status begin(table *t, hoop_error *err)
{
    hoop_status st;
    bool        more;
    if ((st = hoop__csv_next(&t->csv, err, &more)) != HOOP_OK) return st;
    if (!more) return hoop_fail(err, HOOP_EFORMAT, "%s: the file is empty", t->csv.path);
    t->columns = t->csv.nfields;
    if (t->columns < 2) return one_column(t, err);
    t->is_target = calloc((size_t)t->columns, sizeof *t->is_target);
    t->x         = malloc((size_t)t->columns * sizeof *t->x);
    t->y         = malloc((size_t)t->columns * sizeof *t->y);
    if (t->is_target == NULL || t->x == NULL || t->y == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    t->header = t->opts->header == HOOP_CSV_HEADER;
    if (t->opts->header == HOOP_CSV_AUTO) t->header = !targets_are_numbers(t->opts->target) || looks_like_header(t);
    if (t->header && (st = take_names(t, err)) != HOOP_OK) return st;
    return find_targets(t, err);
}

/* ---- first pass ---- */

/* Words among numbers are faults of a column of numbers, unless somebody said class. */
static hoop_status see_kind(table *t, const char *value, hoop_error *err)
{
    double     v;
    const bool number = parse_number(t, value, &v), mixed = number ? !t->numeric : t->numeric && t->rows > 0;
    if (number && !isfinite(v)) return bad_field(t, t->target[0], "is not finite", err);
    if (!number && t->numeric) {
        t->numeric   = false;
        t->word_line = t->csv.line;
        (void)shown(value, t->first_word);
    }
    if (!mixed || t->opts->targets == HOOP_CSV_CLASS) return HOOP_OK;
    return hoop_fail(err, HOOP_EFORMAT,
                     "%s: line %lld, column %lld: the target '%s' is not a number, others are; --classes takes all as classes, "
                     "--real wants numbers",
                     t->csv.path, (long long)t->word_line, (long long)t->target[0] + 1, t->first_word);
}

static hoop_status see(table *t, const char *value, hoop_error *err)
{
    words            *w   = &t->seen;
    int64_t           low = 0, high = w->n;
    const hoop_status st = see_kind(t, value, err);
    if (st != HOOP_OK) return st;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        const int     c      = strcmp(value, w->word[middle]);
        if (c == 0) return HOOP_OK;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (w->n == CLASSES_MAX) {
        /* Too many to be classes; still fine where they are numbers and nobody said class. */
        if (t->opts->targets == HOOP_CSV_CLASS || !t->numeric)
            return bad_field(t, t->target[0],
                             t->numeric ? "is class number 65537, 65536 are possible; for a real target: --real"
                                        : "is class number 65537, 65536 are possible; is this column the target?",
                             err);
        t->many = true;
        return HOOP_OK;
    }
    if (w->n == w->room) {
        const int64_t room  = w->room == 0 ? 64 : 2 * w->room;
        char        **grown = realloc(w->word, (size_t)room * sizeof *grown);
        if (grown == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", t->csv.path);
        w->word = grown;
        w->room = room;
    }
    memmove(w->word + low + 1, w->word + low, (size_t)(w->n - low) * sizeof *w->word);
    w->word[low] = strdup(value);
    w->n++;
    return w->word[low] != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", t->csv.path);
}

static hoop_status check_row(table *t, hoop_error *err)
{
    hoop_status st;
    float       v;
    if (t->csv.nfields != t->columns)
        return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld has %lld columns, the first has %lld", t->csv.path,
                         (long long)t->csv.line, (long long)t->csv.nfields, (long long)t->columns);
    for (int64_t i = 0; i < t->columns; i++)
        if (!t->is_target[i] && (st = get_f32(t, i, &v, err)) != HOOP_OK) return st;
    if (t->ntargets == 1 && t->opts->targets != HOOP_CSV_REAL) {
        const char *value = trimmed(t, t->target[0]);
        if (*value == '\0') return bad_field(t, t->target[0], "is empty; a target is wanted", err);
        return see(t, value, err);
    }
    for (int64_t k = 0; k < t->ntargets; k++)
        if ((st = get_f32(t, t->target[k], &v, err)) != HOOP_OK) return st;
    return HOOP_OK;
}

typedef struct valued {
    double      v;
    const char *word;
} valued;

static int by_value(const void *a, const void *b)
{
    const double x = ((const valued *)a)->v, y = ((const valued *)b)->v;
    return (x > y) - (x < y);
}

/* What the distinct values mean: classes that are ids themselves, classes by name, or real numbers. */
static hoop_status decide(table *t, hoop_error *err)
{
    int64_t n = t->seen.n, kept = 0;
    valued *all = NULL;
    bool    ids = t->numeric;
    t->by_class = t->ntargets == 1 && t->opts->targets != HOOP_CSV_REAL;
    if (t->ntargets > 1 && t->opts->targets == HOOP_CSV_CLASS)
        return hoop_fail(err, HOOP_EARG, "%s: one target at a time can be a class", t->csv.path);
    if (!t->by_class) return HOOP_OK;
    all            = malloc((size_t)n * sizeof *all);
    t->class_names = malloc((size_t)n * sizeof *t->class_names);
    if (all == NULL || t->class_names == NULL) {
        free(all);
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", t->csv.path);
    }
    for (int64_t i = 0; i < n; i++) {
        all[i] = (valued){0, t->seen.word[i]};
        if (t->numeric) (void)parse_number(t, all[i].word, &all[i].v);
    }
    if (t->numeric) qsort(all, (size_t)n, sizeof *all, by_value);
    /* "1" and "1.0" are one class */
    for (int64_t i = 0; i < n; i++)
        if (!t->numeric || i == 0 || all[i].v != all[kept - 1].v) all[kept++] = all[i];
    n = kept;
    for (int64_t i = 0; i < n; i++) {
        t->class_names[i] = all[i].word;
        if (all[i].v != (double)i) ids = false;
    }
    free(all);
    t->classes = n;
    if (t->opts->targets == HOOP_CSV_TARGETS_AUTO && t->numeric && (t->many || !ids || n > (t->rows + 100) / n))
        t->by_class = false;
    if (!t->by_class || ids) {
        free(t->class_names);
        t->class_names = NULL;
    }
    if (!t->by_class) t->classes = 0;
    return HOOP_OK;
}

static hoop_status first_pass(table *t, hoop_error *err)
{
    hoop_status st;
    bool        more = true;
    t->numeric       = true;
    HOOP_TRY(st, done, begin(t, err));
    if (t->header) HOOP_TRY(st, done, hoop__csv_next(&t->csv, err, &more));
    for (; more; t->rows++) {
        HOOP_TRY(st, done, check_row(t, err));
        HOOP_TRY(st, done, hoop__csv_next(&t->csv, err, &more));
    }
    st = t->rows > 0 ? decide(t, err) : hoop_fail(err, HOOP_EFORMAT, "%s: there are no rows below the header", t->csv.path);
done:
    return st;
}

/* ---- second pass ---- */

static int64_t class_id(const table *t, const char *value)
{
    double v;
    if (t->class_names == NULL) return parse_number(t, value, &v) ? (int64_t)v : 0;
    for (int64_t low = 0, high = t->classes; low < high;) {
        const int64_t middle = (low + high) / 2;
        double        m      = 0;
        int           c;
        if (t->numeric) {
            (void)parse_number(t, value, &v);
            (void)parse_number(t, t->class_names[middle], &m);
            c = (v > m) - (v < m);
        } else {
            c = strcmp(value, t->class_names[middle]);
        }
        if (c == 0) return middle;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

static hoop_status write_row(table *t, hoop_writer *w, hoop_error *err)
{
    int64_t     k = 0, id;
    hoop_status st;
    for (int64_t i = 0; i < t->columns; i++)
        if (!t->is_target[i] && (st = get_f32(t, i, &t->x[k++], err)) != HOOP_OK) return st;
    if (t->by_class) {
        id = class_id(t, trimmed(t, t->target[0]));
        return hoop__writer_row(w, t->x, &id, err);
    }
    for (k = 0; k < t->ntargets; k++)
        if ((st = get_f32(t, t->target[k], &t->y[k], err)) != HOOP_OK) return st;
    return hoop__writer_row(w, t->x, t->y, err);
}

static void describe(const table *t, const char **columns, hoop_writer_field *x, hoop_writer_field *y)
{
    int64_t k   = 0;
    x->dtype    = HOOP_F32;
    x->ndim     = 1;
    x->shape[0] = t->nfeatures;
    y->dtype    = t->by_class ? HOOP_I64 : HOOP_F32;
    y->ndim     = t->ntargets > 1;
    y->shape[0] = t->ntargets;
    for (int64_t i = 0; t->names != NULL && i < t->columns; i++)
        if (!t->is_target[i]) columns[k++] = t->names[i];
    for (int64_t i = 0; t->names != NULL && i < t->ntargets; i++) columns[k++] = t->names[t->target[i]];
    if (t->names != NULL) {
        x->attrs[x->nattrs++] =
            (hoop_h5_attr){.name = "columns", .kind = HOOP_H5_STRINGS, .count = t->nfeatures, .v.strings = columns};
        y->attrs[y->nattrs++] =
            (hoop_h5_attr){.name = "columns", .kind = HOOP_H5_STRINGS, .count = t->ntargets, .v.strings = columns + t->nfeatures};
    }
    if (t->by_class) y->attrs[y->nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = t->classes};
    if (t->class_names != NULL)
        y->attrs[y->nattrs++] =
            (hoop_h5_attr){.name = "class_names", .kind = HOOP_H5_STRINGS, .count = t->classes, .v.strings = t->class_names};
}

static hoop_status second_pass(table *t, const hoop_import_opts *opts, hoop_error *err, hoop_import_result *result)
{
    hoop_writer_field x = {0}, y = {0};
    hoop_writer      *w       = NULL;
    const char      **columns = calloc((size_t)t->columns, sizeof *columns);
    bool              more;
    hoop_status       st;
    if (columns == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    describe(t, columns, &x, &y);
    HOOP_TRY(st, done, hoop__csv_rewind(&t->csv, err));
    HOOP_TRY(st, done, hoop__writer_create(opts, t->rows, &x, &y, err, &w));
    if (t->header) HOOP_TRY(st, done, hoop__csv_next(&t->csv, err, &more));
    for (int64_t i = 0; i < t->rows; i++) {
        HOOP_TRY(st, done, hoop__csv_next(&t->csv, err, &more));
        if (!more || t->csv.nfields != t->columns) {
            st = hoop_fail(err, HOOP_EIO, "%s: changed while it was being read", t->csv.path);
            goto done;
        }
        HOOP_TRY(st, done, write_row(t, w, err));
    }
    st = hoop__writer_finish(w, err, result);
    if (st == HOOP_OK && result != NULL) result->classes = t->classes;
done:
    hoop__writer_destroy(&w);
    free(columns);
    return st;
}

static void table_free(table *t)
{
    for (int64_t i = 0; t->names != NULL && i < t->columns; i++) free(t->names[i]);
    for (int64_t i = 0; i < t->seen.n; i++) free(t->seen.word[i]);
    free(t->seen.word);
    free(t->names);
    free(t->class_names);
    free(t->is_target);
    free(t->x);
    free(t->y);
    hoop__csv_close(&t->csv);
    if (t->locale != (locale_t)0) freelocale(t->locale);
    free(t);
}

hoop_status hoop_import_csv(const char *path, const hoop_csv_opts *csv, const hoop_import_opts *opts, hoop_error *err,
                            hoop_import_result *result)
{
    const hoop_csv_opts zero = {0};
    table              *t    = calloc(1, sizeof *t);
    hoop_status         st;
    if (t == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    t->opts   = csv != NULL ? csv : &zero;
    t->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (t->opts->separator == '"' || t->opts->separator == '\n' || t->opts->separator == '\r') {
        st = hoop_fail(err, HOOP_EARG, "csv: a quote or line break cannot separate");
        goto done;
    }
    HOOP_TRY(st, done, hoop__csv_open(&t->csv, path, t->opts->separator, err));
    HOOP_TRY(st, done, first_pass(t, err));
    HOOP_TRY(st, done, second_pass(t, opts, err, result));
done:
    table_free(t);
    return st;
}
