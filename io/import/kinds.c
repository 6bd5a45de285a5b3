/* Classes or numbers, numbers or columns of ones and zeros, f32 or f64, and what is missing. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/summary.h"
#include "import/table.h"

enum { PLACE = 1024 + HOOP_WHERE, LISTED = 256 };

/* ---- the target ---- */

static hoop_status too_many_classes(const hoop_table *t, int64_t i, hoop_error *err)
{
    char               where[PLACE];
    const hoop_column *c = &t->column[i];
    hoop__where(t, i, c->seen.many_line, where, sizeof where);
    return hoop_fail(err, HOOP_EFORMAT, "%s: is class number %d, %d are possible; %s", where, HOOP_CLASSES_MAX + 1,
                     HOOP_CLASSES_MAX,
                     c->words == 0 ? "for a real target: --real" : "is this column the target? --target names another");
}

/* 1,5 and 1.234,5 and 1'234 and 1,5%: numbers as people write them. */
static bool has_number_comma(const char *s)
{
    size_t n;
    s += *s == '-' || *s == '+';
    n = strspn(s, "0123456789.,' ");
    return *s >= '0' && *s <= '9' && s[strcspn(s, ",'%")] != '\0' && s[n + (s[n] == '%')] == '\0';
}

/* Are all words of the column such? They are no classes, and no words. */
static bool all_number_commas(const hoop_table *t, const hoop_column *c)
{
    double v;
    if (c->words == 0 || c->numbers + c->infinite + c->bools > 0) return false;
    for (int64_t k = 0; k < c->seen.n; k++)
        if (!has_number_comma(c->seen.word[k].text) && hoop__cell(c->seen.word[k].text, t->locale, &v) != HOOP_CELL_NA)
            return false;
    return true;
}

static hoop_status not_a_number(const hoop_table *t, int64_t i, const char *more, hoop_error *err)
{
    char               where[PLACE];
    const hoop_column *c = &t->column[i];
    hoop__where(t, i, c->word_line, where, sizeof where);
    return hoop_fail(err, HOOP_EFORMAT, "%s: '%s' is not a number%s%s", where, c->word,
                     has_number_comma(c->word) ? ": as 1234.5 it would be, without commas and signs" : "", more);
}

static hoop_status not_finite(const hoop_table *t, int64_t i, hoop_error *err)
{
    char               where[PLACE];
    const hoop_column *c = &t->column[i];
    hoop__where(t, i, c->infinite_line, where, sizeof where);
    return hoop_fail(err, HOOP_EFORMAT, "%s: '%s' is not finite", where, c->infinite_text);
}

/* Whole numbers: ids, or few that come again and again. *why: for the summary. */
static bool few_and_often(const hoop_table *t, const hoop_column *c)
{
    const int64_t n = c->labels.n;
    if (c->seen.many || n == 0 || !c->whole) return false;
    return (c->labels.ids && n <= (t->rows + 100) / n) || (n <= HOOP_INTS_MAX && c->numbers >= HOOP_INTS_EACH * n);
}

static void say_reals(const hoop_table *t, const hoop_column *c)
{
    const char *name = t->names != NULL ? t->names[t->target[0]] : "the last column";
    if (t->ntargets > 1 || t->opts->targets == HOOP_CSV_REAL || t->by_like)
        hoop__say(t->result, "target", "%lld real number%s a row%s", (long long)t->ntargets, t->ntargets == 1 ? "" : "s",
                  t->by_like        ? ", as in the set of --like"
                  : t->ntargets > 1 ? ""
                                    : ", as --real says");
    else
        hoop__say(t->result, "target", "%.64s: real numbers: %s%lld different values in %lld rows%s (--classes: classes)", name,
                  c->seen.many ? "more than " : "", (long long)c->labels.n, (long long)t->rows,
                  c->whole ? ", all of them whole" : "");
}

static void say_classes(const hoop_table *t, const hoop_column *c)
{
    char        list[LISTED], often[64] = "just these whole numbers";
    const char *name = t->names != NULL ? t->names[t->target[0]] : "the target", *why = "as --classes says", *option = "";
    if (c->labels.ids)
        (void)snprintf(list, sizeof list, "0 to %lld", (long long)c->labels.n - 1);
    else
        hoop__list(c->labels.name, c->labels.n, false, list, sizeof list);
    if (t->by_like) {
        why = "as in the set of --like";
    } else if (t->opts->targets != HOOP_CSV_CLASS && c->words > 0) {
        why = "words";
    } else if (t->opts->targets != HOOP_CSV_CLASS) {
        option = " (--real: numbers)";
        why    = "true and false";
        if (c->numbers >= HOOP_INTS_EACH * c->labels.n)
            (void)snprintf(often, sizeof often, "whole numbers, each %.3g times on average",
                           (double)c->numbers / (double)c->labels.n);
        if (c->numbers > 0) why = often;
    }
    hoop__say(t->result, "target", "%.64s: %lld classes, %s: %s%s", name, (long long)c->labels.n, list, why, option);
    if (c->labels.merged[0] != NULL)
        hoop__say(t->result, "classes", "'%.40s' and '%.40s' are one class", c->labels.merged[0], c->labels.merged[1]);
    if (c->labels.equal[0] != NULL)
        hoop__say(t->result, "classes", "'%.40s' and '%.40s' are two classes: they are compared as text, though they count alike",
                  c->labels.equal[0], c->labels.equal[1]);
    if (c->na > 0 && t->na_class)
        hoop__say(t->result, "classes", "'%.16s' is a class; an empty cell would be a missing one", c->na_text);
}

static hoop_status target_classes(hoop_table *t, hoop_column *c, hoop_error *err)
{
    const hoop_csv_targets said = t->opts->targets;
    hoop_status            st;
    /* NA among words is one, among numbers it is a hole */
    t->na_class = t->na_class || (t->by_like ? t->like.class_name != NULL : said == HOOP_CSV_CLASS || c->words > 0);
    if (t->by_like && t->like.y_class) {
        t->by_class = true;
        if (c->seen.many) return too_many_classes(t, t->target[0], err);
        if (t->like.class_name != NULL)
            return hoop__labels_like(t, t->target[0], t->like.class_name, t->like.classes, false, false, err);
        return hoop__labels_ids(t, t->target[0], t->like.classes, err);
    }
    if (t->by_like || said == HOOP_CSV_REAL || t->ntargets > 1) return HOOP_OK;
    if (said == HOOP_CSV_TARGETS_AUTO && c->words > 0 && c->numbers + c->infinite > 0)
        return not_a_number(t, t->target[0], ", others are; --classes takes all as classes, --real wants numbers", err);
    if (said == HOOP_CSV_TARGETS_AUTO && c->words == 0 && c->infinite > 0) return not_finite(t, t->target[0], err);
    if (said == HOOP_CSV_TARGETS_AUTO && all_number_commas(t, c))
        return not_a_number(t, t->target[0], "; --classes takes the values as classes", err);
    if (c->seen.many && (said == HOOP_CSV_CLASS || c->words > 0)) return too_many_classes(t, t->target[0], err);
    if ((st = hoop__labels_number(t, c, err)) != HOOP_OK) return st;
    t->by_class = said == HOOP_CSV_CLASS || c->words > 0 || (c->bools > 0 && c->numbers == 0) || few_and_often(t, c);
    return HOOP_OK;
}

static hoop_status target_kind(hoop_table *t, hoop_error *err)
{
    hoop_column *c;
    hoop_status  st;
    if (t->ntargets == 0) {
        hoop__say(t->result, "target", "none, as --no-target says");
        return HOOP_OK;
    }
    c = &t->column[t->target[0]];
    if ((st = target_classes(t, c, err)) != HOOP_OK) return st;
    if (t->by_class) {
        say_classes(t, c);
        if (c->seen.n == 0) return hoop_fail(err, HOOP_EFORMAT, "%s: the target is empty in all rows", t->csv.path);
        return HOOP_OK;
    }
    say_reals(t, c);
    for (int64_t k = 0; k < t->ntargets; k++) {
        const int64_t i = t->target[k];
        if (t->column[i].words > 0) return not_a_number(t, i, "", err);
        if (t->column[i].infinite > 0) return not_finite(t, i, err);
    }
    return HOOP_OK;
}

/* ---- features ---- */

static hoop_status words_of_feature(hoop_table *t, int64_t i, hoop_error *err)
{
    hoop_column *c = &t->column[i];
    char         more[256], where[PLACE], name[HOOP_SHOWN];
    const char  *call = t->names != NULL ? hoop__shown(t->names[i], name) : NULL;
    char         number[24];
    if (call == NULL || *call == '\0' || strchr(call, ',') != NULL) {
        (void)snprintf(number, sizeof number, "%lld", (long long)i);
        call = number;
    }
    if (c->one_hot && c->seen.many) {
        hoop__where(t, i, c->seen.many_line, where, sizeof where);
        return hoop_fail(err, HOOP_EFORMAT, "%s: is word number %lld, which --one-hot cannot take: --drop '%s'", where,
                         (long long)c->seen.max + 1, call);
    }
    if (c->one_hot) return HOOP_OK;
    if (c->numbers + c->infinite > 0 || all_number_commas(t, c)) {
        (void)snprintf(more, sizeof more, "%s; --drop '%s' leaves the column out, --one-hot '%s' takes its values as words%s",
                       c->numbers + c->infinite > 0 ? ", others are" : "", call, call,
                       c->word_line == t->first_line && t->names == NULL ? "; is the line a header: --header" : "");
        return not_a_number(t, i, more, err);
    }
    if (t->opts->no_one_hot) {
        (void)snprintf(more, sizeof more, ", and --no-one-hot wants numbers; --drop '%s' leaves the column out", call);
        return not_a_number(t, i, more, err);
    }
    if (c->seen.n > HOOP_WORDS_MAX || c->seen.many)
        return hoop_fail(
            err, HOOP_EFORMAT,
            "%s: %s holds %s%lld different words ('%s' ...), more than the %d that become columns unasked: --drop '%s' "
            "leaves it out, --one-hot '%s' takes all",
            t->csv.path, hoop__column_name(t, i, where, HOOP_WHERE), c->seen.many ? "more than " : "",
            (long long)(c->seen.n - c->seen.many), c->word, HOOP_WORDS_MAX, call, call);
    c->one_hot = true;
    return HOOP_OK;
}

static hoop_status feature_like(hoop_table *t, int64_t i, int64_t at, hoop_error *err)
{
    hoop_column     *c = &t->column[i];
    const hoop_like *l = &t->like;
    char           **word;
    size_t           n; /* of the set's name for it, "-1", say, for the last of a table without names */
    hoop_status      st;
    if (!c->one_hot) return c->words > 0 ? not_a_number(t, i, ", as they are in the set of --like", err) : HOOP_OK;
    n        = strlen(l->hot[c->group]);
    c->width = 0;
    while (at + c->width < l->nx && hoop__one_hot_of((const char *const *)l->hot, l->nhot, l->x[at + c->width]) == c->group)
        c->width++;
    word = malloc((size_t)(c->width + 1) * sizeof *word);
    if (word == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    for (int64_t k = 0; k < c->width; k++) word[k] = l->x[at + k] + n + 1;
    st = hoop__labels_like(t, i, word, c->width, false, t->opts->unknown_zero, err);
    free(word);
    return st;
}

static hoop_status feature_kinds(hoop_table *t, hoop_error *err)
{
    hoop_status st;
    t->nx = 0;
    for (int64_t k = 0; k < t->nfeatures; k++) {
        const int64_t i = t->feature[k];
        hoop_column  *c = &t->column[i];
        c->at           = t->nx;
        c->width        = 1;
        if (t->by_like) {
            if ((st = feature_like(t, i, t->nx, err)) != HOOP_OK) return st;
        } else if (c->words > 0 || c->one_hot) {
            if ((st = words_of_feature(t, i, err)) != HOOP_OK) return st;
            if ((st = hoop__labels_number(t, c, err)) != HOOP_OK) return st;
            c->width = c->labels.n;
        }
        if (!c->one_hot && c->infinite > 0) return not_finite(t, i, err);
        t->nx += c->width;
    }
    return HOOP_OK;
}

/* ---- dtypes ---- */

/* Why the column asks for f64; NULL: it does not. */
static const char *too_fine(hoop_table *t, int64_t i, char *out, size_t size)
{
    hoop_column *c      = &t->column[i];
    const double spread = c->high - c->low;
    int64_t      different;
    if (c->loss == 0 || c->numbers == 0 || !(spread > 0)) return isinf(c->loss) ? "numbers beyond f32" : NULL;
    if (isinf(c->loss)) return "numbers beyond f32";
    if (c->whole) {
        (void)snprintf(out, size, "whole numbers up to %.17g, which f32 cannot tell apart", fmax(fabs(c->low), fabs(c->high)));
        return out;
    }
    if (c->loss > 1e-6 * spread) {
        (void)snprintf(out, size, "f32 would take up to %.2g from numbers that vary by %.3g", c->loss, spread);
        return out;
    }
    c->merged = hoop__table_merged(t, i, &different);
    if (c->merged * 100 <= different) return NULL;
    (void)snprintf(out, size, "f32 would make %lld of its first %lld different values equal to others", (long long)c->merged,
                   (long long)different);
    return out;
}

/* Of x (or y): f64 where a column asks for it, unless --dtype says. */
static hoop_status dtype_of(hoop_table *t, const char *field, const int64_t *column, int64_t n, bool like, hoop_error *err,
                            bool *f64)
{
    char        why[128], name[HOOP_WHERE], where[PLACE];
    const char *text  = NULL;
    double      worst = 0;
    int64_t     i = -1, rounded = -1;
    for (int64_t k = 0; k < n && text == NULL; k++) {
        const hoop_column *c = &t->column[column[k]];
        if (c->one_hot) continue;
        i    = column[k];
        text = too_fine(t, i, why, sizeof why);
        if (c->high > c->low && c->loss / (c->high - c->low) > worst) worst = c->loss / (c->high - c->low);
    }
    for (int64_t k = 0; k < n && rounded < 0; k++)
        if (!t->column[column[k]].one_hot && t->column[column[k]].rounded_line > 0) rounded = column[k];
    *f64 = t->opts->dtype == HOOP_IMPORT_F64 || (t->opts->dtype == HOOP_IMPORT_ANY && (t->by_like ? like : text != NULL));
    for (int64_t k = 0; k < n && !*f64; k++) {
        const hoop_column *c = &t->column[column[k]];
        if (c->one_hot || c->huge_line == 0) continue;
        hoop__where(t, column[k], c->huge_line, where, sizeof where);
        return hoop_fail(err, HOOP_EFORMAT, "%s: '%g' is too large for f32; --dtype f64", where, c->huge);
    }
    if (t->opts->dtype != HOOP_IMPORT_ANY)
        hoop__say(t->result, "dtype", "%s %s, as --dtype says%s%s", field, *f64 ? "f64" : "f32",
                  text != NULL && !*f64 ? "; in " : "", text != NULL && !*f64 ? hoop__column_name(t, i, name, sizeof name) : "");
    else if (t->by_like)
        hoop__say(t->result, "dtype", "%s %s, as in the set of --like", field, *f64 ? "f64" : "f32");
    else if (text != NULL)
        hoop__say(t->result, "dtype", "%s f64, for %s: %s (--dtype f32)", field, hoop__column_name(t, i, name, sizeof name),
                  text);
    else if (worst == 0)
        hoop__say(t->result, "dtype", "%s f32%s (--dtype f64)", field, rounded < 0 ? ", which holds every number as it is" : "");
    else
        hoop__say(t->result, "dtype", "%s f32, off by at most %.2g of a column's spread (--dtype f64)", field, worst);
    if (rounded >= 0) {
        hoop__where(t, rounded, t->column[rounded].rounded_line, where, sizeof where);
        hoop__say(t->result, "dtype", "%s: a whole number beyond 2^53, which f64 rounds, too (--drop, --one-hot, --classes)",
                  where);
    }
    return HOOP_OK;
}

/* ---- missing cells ---- */

static int64_t holes_of(const hoop_table *t, int64_t i, int64_t *line)
{
    const hoop_column *c  = &t->column[i];
    const bool         na = !(t->by_class && t->na_class && c->role == HOOP_ROLE_TARGET);
    *line                 = c->empty_line;
    if (na && c->na_line > 0 && (*line == 0 || c->na_line < *line)) *line = c->na_line;
    return c->empty + (na ? c->na : 0);
}

static hoop_status refuse_holes(const hoop_table *t, int64_t i, int64_t line, int64_t columns, hoop_error *err)
{
    const hoop_column *c  = &t->column[i];
    const bool         na = line == c->na_line && line != c->empty_line, target = c->role == HOOP_ROLE_TARGET;
    char               where[PLACE], what[32];
    hoop__where(t, i, line, where, sizeof where);
    (void)snprintf(what, sizeof what, na ? "'%s' is" : "is empty,", c->na_text);
    return hoop_fail(err, HOOP_EFORMAT,
                     "%s: %s a missing value, one of %lld in %lld column%s: --missing drop leaves their rows out%s%s", where,
                     what, (long long)t->holes, (long long)columns, columns == 1 ? "" : "s",
                     target ? "" : ", --missing mean puts the column's mean",
                     na && target && t->ntargets == 1 && !t->by_like ? ", --classes takes it as a class" : "");
}

/* Leaving out rows, or a mean, is of no use here; mostly a separator ends each line. */
static hoop_status refuse_empty(const hoop_table *t, int64_t i, hoop_error *err)
{
    char       name[HOOP_WHERE];
    const bool target = t->column[i].role == HOOP_ROLE_TARGET;
    return hoop_fail(err, HOOP_EFORMAT, "%s: %s is empty in all rows: %s--drop %lld leaves it out%s", t->csv.path,
                     hoop__column_name(t, i, name, sizeof name), target ? "--target names another column, " : "", (long long)i,
                     i == t->columns - 1 ? " (does a separator end each line?)" : "");
}

static hoop_status missing(hoop_table *t, hoop_error *err)
{
    int64_t first = 0, at = -1, columns = 0, of_target = 0, empty = -1;
    if (t->dropped > 0) return HOOP_OK; /* all is known */
    t->missing = t->opts->missing;
    if (t->missing == HOOP_MISSING_AUTO)
        t->missing = t->by_like && t->like.mean != NULL ? HOOP_MISSING_MEAN : HOOP_MISSING_REFUSE;
    for (int64_t i = 0; i < t->columns; i++) {
        int64_t       line;
        const int64_t n = t->column[i].role == HOOP_ROLE_LEFT_OUT ? 0 : holes_of(t, i, &line);
        if (n == 0) continue;
        t->holes += n;
        columns++;
        if (t->column[i].role == HOOP_ROLE_TARGET) of_target += n;
        if (n == t->rows && (t->missing != HOOP_MISSING_MEAN || t->column[i].role == HOOP_ROLE_TARGET)) empty = i;
        if (at < 0 || line < first) {
            first = line;
            at    = i;
        }
    }
    if (t->holes == 0) hoop__say(t->result, "missing", "none");
    if (t->holes == 0) return HOOP_OK;
    if (empty >= 0 && !t->by_like && (t->rows > 1 || t->missing == HOOP_MISSING_DROP)) return refuse_empty(t, empty, err);
    if (t->missing == HOOP_MISSING_REFUSE) return refuse_holes(t, at, first, columns, err);
    if (t->missing == HOOP_MISSING_MEAN && of_target > 0)
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: the target is missing in %lld cells, and is not made up: --missing drop leaves their rows out",
                         t->csv.path, (long long)of_target);
    t->result->missing = t->holes;
    return HOOP_OK;
}

static hoop_status means(hoop_table *t, hoop_error *err)
{
    char name[HOOP_WHERE];
    if (t->missing != HOOP_MISSING_MEAN) return HOOP_OK;
    t->mean = calloc((size_t)t->nx + 1, sizeof *t->mean);
    if (t->mean == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    if (t->by_like && t->like.mean != NULL) {
        memcpy(t->mean, t->like.mean, (size_t)t->nx * sizeof *t->mean);
        return HOOP_OK;
    }
    for (int64_t k = 0; k < t->nfeatures; k++) {
        const hoop_column *c     = &t->column[t->feature[k]];
        const int64_t      there = t->rows - c->empty - c->na;
        if (there == 0)
            return hoop_fail(err, HOOP_EFORMAT, "%s: %s has no value, and so no mean: --drop %lld", t->csv.path,
                             hoop__column_name(t, t->feature[k], name, sizeof name), (long long)t->feature[k]);
        if (!c->one_hot) t->mean[c->at] = c->sum / (double)there;
        if (!isfinite(t->mean[c->at]))
            return hoop_fail(err, HOOP_EFORMAT, "%s: the numbers of %s are too large for a mean: --missing drop, or --drop %lld",
                             t->csv.path, hoop__column_name(t, t->feature[k], name, sizeof name), (long long)t->feature[k]);
        for (int64_t j = 0; c->one_hot && j < c->seen.n; j++)
            if (c->seen.word[j].id >= 0) t->mean[c->at + c->seen.word[j].id] += (double)c->seen.word[j].count / (double)there;
    }
    return HOOP_OK;
}

hoop_status hoop__table_kinds(hoop_table *t, hoop_error *err)
{
    hoop_status st;
    if ((st = feature_kinds(t, err)) != HOOP_OK || (st = target_kind(t, err)) != HOOP_OK || (st = missing(t, err)) != HOOP_OK ||
        (st = means(t, err)) != HOOP_OK)
        return st;
    st = dtype_of(t, "x", t->feature, t->nfeatures, t->like.x_f64, err, &t->x_f64);
    if (st == HOOP_OK && t->ntargets > 0 && !t->by_class)
        st = dtype_of(t, "y", t->target, t->ntargets, t->like.y_f64, err, &t->y_f64);
    return st;
}
