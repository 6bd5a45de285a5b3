/* Classes or numbers; numbers or columns of ones and zeros. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/summary.h"
#include "import/table.h"

enum { LISTED = 256 };

/* ---- the target ---- */

static hoop_status too_many_classes(const hoop_table *t, int64_t i, hoop_error *err)
{
    char               where[HOOP_PLACE];
    const hoop_column *c = &t->column[i];
    hoop__where(t, i, c->seen.texts.many_line, where, sizeof where);
    return hoop_fail(err, HOOP_EFORMAT, "%s: is class number %d, %d are possible; %s", where, HOOP_CLASSES_MAX + 1,
                     HOOP_CLASSES_MAX,
                     c->seen.words == 0 ? "for a real target: --real" : "is this column the target? --target names another");
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
    if (c->seen.words == 0 || c->seen.numbers + c->seen.infinite + c->seen.bools > 0) return false;
    for (int64_t k = 0; k < c->seen.texts.n; k++)
        if (!has_number_comma(c->seen.texts.word[k].text) &&
            hoop__cell(c->seen.texts.word[k].text, t->locale, &v) != HOOP_CELL_NA)
            return false;
    return true;
}

static hoop_status not_a_number(const hoop_table *t, int64_t i, const char *more, hoop_error *err)
{
    char               where[HOOP_PLACE];
    const hoop_column *c = &t->column[i];
    hoop__where(t, i, c->seen.word_line, where, sizeof where);
    return hoop_fail(err, HOOP_EFORMAT, "%s: '%s' is not a number%s%s", where, c->seen.word,
                     has_number_comma(c->seen.word) ? ": as 1234.5 it would be, without commas and signs" : "", more);
}

static hoop_status not_finite(const hoop_table *t, int64_t i, hoop_error *err)
{
    char               where[HOOP_PLACE];
    const hoop_column *c = &t->column[i];
    hoop__where(t, i, c->seen.infinite_line, where, sizeof where);
    return hoop_fail(err, HOOP_EFORMAT, "%s: '%s' is not finite", where, c->seen.infinite_text);
}

/* Whole numbers: ids, or few that come again and again. *why: for the summary. */
static bool few_and_often(const hoop_table *t, const hoop_column *c)
{
    const int64_t n = c->labels.n;
    if (c->seen.texts.many || n == 0 || !c->seen.whole) return false;
    return (c->labels.ids && n <= (t->seen.rows + 100) / n) || (n <= HOOP_INTS_MAX && c->seen.numbers >= HOOP_INTS_EACH * n);
}

static void say_reals(const hoop_table *t, const hoop_column *c)
{
    const char *name = t->plan.names != NULL ? t->plan.names[t->plan.target[0]] : "the last column";
    if (t->plan.ntargets > 1 || t->opts->targets == HOOP_CSV_REAL || t->by_like)
        hoop__say(t->result, "target", "%lld real number%s a row%s", (long long)t->plan.ntargets,
                  t->plan.ntargets == 1 ? "" : "s",
                  t->by_like             ? ", as in the set of --like"
                  : t->plan.ntargets > 1 ? ""
                                         : ", as --real says");
    else
        hoop__say(t->result, "target", "%.64s: real numbers: %s%lld different values in %lld rows%s (--classes: classes)", name,
                  c->seen.texts.many ? "more than " : "", (long long)c->labels.n, (long long)t->seen.rows,
                  c->seen.whole ? ", all of them whole" : "");
}

static void say_classes(const hoop_table *t, const hoop_column *c)
{
    char        list[LISTED], often[64] = "just these whole numbers";
    const char *name = t->plan.names != NULL ? t->plan.names[t->plan.target[0]] : "the target", *why = "as --classes says",
               *option = "";
    if (c->labels.ids)
        (void)snprintf(list, sizeof list, "0 to %lld", (long long)c->labels.n - 1);
    else
        hoop__list(c->labels.name, c->labels.n, false, list, sizeof list);
    if (t->by_like) {
        why = "as in the set of --like";
    } else if (t->opts->targets != HOOP_CSV_CLASS && c->seen.words > 0) {
        why = "words";
    } else if (t->opts->targets != HOOP_CSV_CLASS) {
        option = " (--real: numbers)";
        why    = "true and false";
        if (c->seen.numbers >= HOOP_INTS_EACH * c->labels.n)
            (void)snprintf(often, sizeof often, "whole numbers, each %.3g times on average",
                           (double)c->seen.numbers / (double)c->labels.n);
        if (c->seen.numbers > 0) why = often;
    }
    hoop__say(t->result, "target", "%.64s: %lld classes, %s: %s%s", name, (long long)c->labels.n, list, why, option);
    if (c->labels.merged[0] != NULL)
        hoop__say(t->result, "classes", "'%.40s' and '%.40s' are one class", c->labels.merged[0], c->labels.merged[1]);
    if (c->labels.equal[0] != NULL)
        hoop__say(t->result, "classes", "'%.40s' and '%.40s' are two classes: they are compared as text, though they count alike",
                  c->labels.equal[0], c->labels.equal[1]);
    if (c->seen.na > 0 && t->plan.na_class)
        hoop__say(t->result, "classes", "'%.16s' is a class; an empty cell would be a missing one", c->seen.na_text);
}

static hoop_status target_classes(hoop_table *t, hoop_column *c, hoop_error *err)
{
    const hoop_csv_targets said = t->opts->targets;
    hoop_status            st;
    /* NA among words is one, among numbers it is a hole */
    t->plan.na_class =
        t->plan.na_class || (t->by_like ? t->like.class_name != NULL : said == HOOP_CSV_CLASS || c->seen.words > 0);
    if (t->by_like && t->like.y_class) {
        t->plan.by_class = true;
        if (c->seen.texts.many) return too_many_classes(t, t->plan.target[0], err);
        if (t->like.class_name != NULL)
            return hoop__labels_like(t, t->plan.target[0], t->like.class_name, t->like.classes, false, false, err);
        return hoop__labels_ids(t, t->plan.target[0], t->like.classes, err);
    }
    if (t->by_like || said == HOOP_CSV_REAL || t->plan.ntargets > 1) return HOOP_OK;
    if (said == HOOP_CSV_TARGETS_AUTO && c->seen.words > 0 && c->seen.numbers + c->seen.infinite > 0)
        return not_a_number(t, t->plan.target[0], ", others are; --classes takes all as classes, --real wants numbers", err);
    if (said == HOOP_CSV_TARGETS_AUTO && c->seen.words == 0 && c->seen.infinite > 0) return not_finite(t, t->plan.target[0], err);
    if (said == HOOP_CSV_TARGETS_AUTO && all_number_commas(t, c))
        return not_a_number(t, t->plan.target[0], "; --classes takes the values as classes", err);
    if (c->seen.texts.many && (said == HOOP_CSV_CLASS || c->seen.words > 0)) return too_many_classes(t, t->plan.target[0], err);
    if ((st = hoop__labels_number(t, c, err)) != HOOP_OK) return st;
    t->plan.by_class =
        said == HOOP_CSV_CLASS || c->seen.words > 0 || (c->seen.bools > 0 && c->seen.numbers == 0) || few_and_often(t, c);
    return HOOP_OK;
}

static hoop_status target_kind(hoop_table *t, hoop_error *err)
{
    hoop_column *c;
    hoop_status  st;
    if (t->plan.ntargets == 0) {
        hoop__say(t->result, "target", "none, as --no-target says");
        return HOOP_OK;
    }
    c = &t->column[t->plan.target[0]];
    if ((st = target_classes(t, c, err)) != HOOP_OK) return st;
    if (t->plan.by_class) {
        say_classes(t, c);
        if (c->seen.texts.n == 0) return hoop_fail(err, HOOP_EFORMAT, "%s: the target is empty in all rows", t->csv.path);
        return HOOP_OK;
    }
    say_reals(t, c);
    for (int64_t k = 0; k < t->plan.ntargets; k++) {
        const int64_t i = t->plan.target[k];
        if (t->column[i].seen.words > 0) return not_a_number(t, i, "", err);
        if (t->column[i].seen.infinite > 0) return not_finite(t, i, err);
    }
    return HOOP_OK;
}

/* ---- features ---- */

static hoop_status words_of_feature(hoop_table *t, int64_t i, hoop_error *err)
{
    hoop_column *c = &t->column[i];
    char         more[256], where[HOOP_PLACE], name[HOOP_SHOWN];
    const char  *call = t->plan.names != NULL ? hoop__shown(t->plan.names[i], name) : NULL;
    char         number[24];
    if (call == NULL || *call == '\0' || strchr(call, ',') != NULL) {
        (void)snprintf(number, sizeof number, "%lld", (long long)i);
        call = number;
    }
    if (c->one_hot && c->seen.texts.many) {
        hoop__where(t, i, c->seen.texts.many_line, where, sizeof where);
        return hoop_fail(err, HOOP_EFORMAT, "%s: is word number %lld, which --one-hot cannot take: --drop '%s'", where,
                         (long long)c->seen.texts.max + 1, call);
    }
    if (c->one_hot) return HOOP_OK;
    if (c->seen.numbers + c->seen.infinite > 0 || all_number_commas(t, c)) {
        (void)snprintf(more, sizeof more, "%s; --drop '%s' leaves the column out, --one-hot '%s' takes its values as words%s",
                       c->seen.numbers + c->seen.infinite > 0 ? ", others are" : "", call, call,
                       c->seen.word_line == t->seen.first_line && t->plan.names == NULL ? "; is the line a header: --header"
                                                                                        : "");
        return not_a_number(t, i, more, err);
    }
    if (t->opts->no_one_hot) {
        (void)snprintf(more, sizeof more, ", and --no-one-hot wants numbers; --drop '%s' leaves the column out", call);
        return not_a_number(t, i, more, err);
    }
    if (c->seen.texts.n > HOOP_WORDS_MAX || c->seen.texts.many)
        return hoop_fail(
            err, HOOP_EFORMAT,
            "%s: %s holds %s%lld different words ('%s' ...), more than the %d that become columns unasked: --drop '%s' "
            "leaves it out, --one-hot '%s' takes all",
            t->csv.path, hoop__column_name(t, i, where, HOOP_WHERE), c->seen.texts.many ? "more than " : "",
            (long long)(c->seen.texts.n - c->seen.texts.many), c->seen.word, HOOP_WORDS_MAX, call, call);
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
    if (!c->one_hot) return c->seen.words > 0 ? not_a_number(t, i, ", as they are in the set of --like", err) : HOOP_OK;
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
    t->plan.nx = 0;
    for (int64_t k = 0; k < t->plan.nfeatures; k++) {
        const int64_t i = t->plan.feature[k];
        hoop_column  *c = &t->column[i];
        c->at           = t->plan.nx;
        c->width        = 1;
        if (t->by_like) {
            if ((st = feature_like(t, i, t->plan.nx, err)) != HOOP_OK) return st;
        } else if (c->seen.words > 0 || c->one_hot) {
            if ((st = words_of_feature(t, i, err)) != HOOP_OK) return st;
            if ((st = hoop__labels_number(t, c, err)) != HOOP_OK) return st;
            c->width = c->labels.n;
        }
        if (!c->one_hot && c->seen.infinite > 0) return not_finite(t, i, err);
        t->plan.nx += c->width;
    }
    return HOOP_OK;
}

hoop_status hoop__table_kinds(hoop_table *t, hoop_error *err)
{
    hoop_status st;
    if ((st = feature_kinds(t, err)) != HOOP_OK || (st = target_kind(t, err)) != HOOP_OK) return st;
    return hoop__table_numbers(t, err);
}
