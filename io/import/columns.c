/* Which columns are x, which y: by --target, --drop, --columns, --like, and the row index that pandas writes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/summary.h"
#include "import/table.h"

enum { NAME_MAX_BYTES = 1024, TARGETS_MAX = 1024 };

const char *hoop__column_name(const hoop_table *t, int64_t column, char *out, size_t size)
{
    char name[HOOP_SHOWN];
    if (t->plan.names != NULL && *t->plan.names[column] != '\0')
        (void)snprintf(out, size, "column %lld (%s)", (long long)column + 1, hoop__shown(t->plan.names[column], name));
    else
        (void)snprintf(out, size, "column %lld", (long long)column + 1);
    return out;
}

void hoop__where(const hoop_table *t, int64_t column, int64_t line, char *out, size_t size)
{
    char name[HOOP_WHERE];
    (void)snprintf(out, size, "%.1000s: line %lld, %s", t->csv.path, (long long)line,
                   hoop__column_name(t, column, name, sizeof name));
}

bool hoop__names_said(const char *list)
{
    for (; list != NULL && *list != '\0'; list++)
        if (strchr("-, 0123456789", *list) == NULL) return true;
    return false;
}

/* ---- lists of columns: by name, or by number from 0, negative from the end ---- */

/* The next entry of a list, without blanks, in `out`; false at the end. */
static bool next_entry(const char **at, char out[NAME_MAX_BYTES], bool *fits)
{
    const char *s = *at, *e;
    size_t      n;
    if (s == NULL) return false;
    e   = s + strcspn(s, ",");
    *at = *e == ',' ? e + 1 : NULL;
    while (s < e && (*s == ' ' || *s == '\t')) s++;
    while (e > s && (e[-1] == ' ' || e[-1] == '\t')) e--;
    n     = (size_t)(e - s);
    *fits = n > 0 && n < NAME_MAX_BYTES;
    if (!*fits) n = 0;
    memcpy(out, s, n);
    out[n] = '\0';
    return true;
}

static hoop_status by_name(const hoop_table *t, char *const *names, const char *text, hoop_error *err, int64_t *out)
{
    *out = -1;
    for (int64_t i = 0; names != NULL && i < t->columns; i++) {
        if (strcmp(names[i], text) != 0) continue;
        if (*out >= 0)
            return hoop_fail(err, HOOP_EARG, "%s: two columns are called '%.64s': say %lld or %lld, counted from 0", t->csv.path,
                             text, (long long)*out, (long long)i);
        *out = i;
    }
    return HOOP_OK;
}

static int64_t by_number(const hoop_table *t, const char *text)
{
    char   *end;
    int64_t v;
    errno = 0;
    v     = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0) return -1;
    if (v < 0) v += t->columns;
    return v < t->columns ? v : -1;
}

static hoop_status find_column(const hoop_table *t, const char *option, const char *text, hoop_error *err, int64_t *out)
{
    hoop_status st        = by_name(t, t->plan.names, text, err, out);
    char        is_number = text[strspn(text, "-0123456789")] == '\0';
    if (st != HOOP_OK || *out >= 0) return st;
    *out = by_number(t, text);
    if (*out >= 0) return HOOP_OK;
    if (is_number)
        return hoop_fail(err, HOOP_EARG, "%s: --%s: there is no column %.32s of %lld%s", t->csv.path, option, text,
                         (long long)t->columns,
                         t->plan.names == NULL ? " (they are numbered from 0; if the first line names it: --header)" : "");
    return hoop_fail(err, HOOP_EARG, "%s: --%s: there is no column '%.64s'%s", t->csv.path, option, text,
                     t->plan.names == NULL ? " (the file has no header)" : "");
}

/* Call `put` for each column of a list. */
static hoop_status each_column(hoop_table *t, const char *option, const char *list,
                               hoop_status (*put)(hoop_table *t, int64_t column, hoop_error *err), hoop_error *err)
{
    char        text[NAME_MAX_BYTES];
    bool        fits;
    hoop_status st = HOOP_OK;
    for (const char *at = list; st == HOOP_OK && next_entry(&at, text, &fits);) {
        int64_t column;
        if (!fits) return hoop_fail(err, HOOP_EARG, "csv: --%s '%.64s' names an empty or too long column", option, list);
        st = find_column(t, option, text, err, &column);
        if (st == HOOP_OK) st = put(t, column, err);
    }
    return st;
}

/* ---- before the first pass ---- */

/* Whether the first line, or a comment, names the columns is not known yet: whatever the name may come to counts. */
static void mark(hoop_table *t, const char *name)
{
    const int64_t number = by_number(t, name);
    if (number >= 0) t->column[number].every = true;
    for (int64_t i = 0; i < t->columns && t->opts->header != HOOP_CSV_NO_HEADER; i++)
        if (strcmp(t->seen.first[i], name) == 0 || (t->seen.remark != NULL && strcmp(t->seen.remark[i], name) == 0))
            t->column[i].every = true;
}

static void mark_list(hoop_table *t, const char *list)
{
    char text[NAME_MAX_BYTES];
    bool fits;
    for (const char *at = list; next_entry(&at, text, &fits);) mark(t, text);
}

void hoop__table_mark(hoop_table *t)
{
    if (t->by_like) {
        for (int64_t i = 0; i < t->like.ny && t->like.y != NULL; i++) mark(t, t->like.y[i]);
        for (int64_t i = 0; i < t->like.nhot; i++) mark(t, t->like.hot[i]);
    }
    if (t->opts->target == NULL) t->column[t->columns - 1].every = true;
    mark_list(t, t->opts->target);
    mark_list(t, t->opts->one_hot);
}

/* ---- roles ---- */

static hoop_status put_target(hoop_table *t, int64_t i, hoop_error *err)
{
    if (t->column[i].role == HOOP_ROLE_TARGET)
        return hoop_fail(err, HOOP_EARG, "%s: column %lld is twice a target", t->csv.path, (long long)i);
    if (t->plan.ntargets == TARGETS_MAX) return hoop_fail(err, HOOP_EARG, "%s: more than %d targets", t->csv.path, TARGETS_MAX);
    t->column[i].role                  = HOOP_ROLE_TARGET;
    t->plan.target[t->plan.ntargets++] = i;
    return HOOP_OK;
}

static hoop_status put_feature(hoop_table *t, int64_t i, hoop_error *err)
{
    char name[HOOP_WHERE];
    if (t->column[i].role != HOOP_ROLE_LEFT_OUT)
        return hoop_fail(err, HOOP_EARG, "%s: --columns: %s is %s", t->csv.path, hoop__column_name(t, i, name, sizeof name),
                         t->column[i].role == HOOP_ROLE_TARGET ? "the target" : "there twice");
    t->column[i].role                    = HOOP_ROLE_FEATURE;
    t->plan.feature[t->plan.nfeatures++] = i;
    return HOOP_OK;
}

/* HOOP_ROLE_INDEX marks what is dropped until features are taken. */
static hoop_status put_drop(hoop_table *t, int64_t i, hoop_error *err)
{
    char name[HOOP_WHERE];
    if (t->column[i].role == HOOP_ROLE_TARGET)
        return hoop_fail(err, HOOP_EARG, "%s: --drop: %s is the target; --target names another, --no-target writes none",
                         t->csv.path, hoop__column_name(t, i, name, sizeof name));
    t->column[i].role = HOOP_ROLE_INDEX;
    return HOOP_OK;
}

static hoop_status put_one_hot(hoop_table *t, int64_t i, hoop_error *err)
{
    char name[HOOP_WHERE];
    if (t->column[i].role != HOOP_ROLE_FEATURE)
        return hoop_fail(err, HOOP_EARG, "%s: --one-hot: %s is no column of x", t->csv.path,
                         hoop__column_name(t, i, name, sizeof name));
    t->column[i].one_hot = true;
    return HOOP_OK;
}

/* The first column without a name and with each number once is what pandas writes for its rows. */
static hoop_status leave_out_index(hoop_table *t, hoop_error *err)
{
    if (t->plan.names == NULL || t->column[0].role != HOOP_ROLE_LEFT_OUT || t->opts->keep_index) return HOOP_OK;
    if (*t->plan.names[0] != '\0' && strncmp(t->plan.names[0], "Unnamed:", 8) != 0) return HOOP_OK;
    if (!hoop__table_counts(t)) {
        hoop__say(t->result, "index",
                  "the first column has no name; it is kept, for its values are no distinct whole numbers (--drop 0)");
        return HOOP_OK;
    }
    hoop__say(t->result, "index", "the first column has no name and counts rows: left out (--keep-index)");
    t->plan.index_out = true;
    return put_drop(t, 0, err);
}

static hoop_status features_by_options(hoop_table *t, hoop_error *err)
{
    hoop_status st;
    if (t->opts->columns != NULL) {
        if (t->opts->drop != NULL) return hoop_fail(err, HOOP_EARG, "csv: --columns and --drop: one of them is wanted");
        return each_column(t, "columns", t->opts->columns, put_feature, err);
    }
    if (t->opts->drop != NULL && (st = each_column(t, "drop", t->opts->drop, put_drop, err)) != HOOP_OK) return st;
    if ((st = leave_out_index(t, err)) != HOOP_OK) return st;
    for (int64_t i = 0; i < t->columns; i++) {
        if (t->column[i].role == HOOP_ROLE_LEFT_OUT)
            (void)put_feature(t, i, err);
        else if (t->column[i].role == HOOP_ROLE_INDEX)
            t->column[i].role = HOOP_ROLE_LEFT_OUT;
    }
    return HOOP_OK;
}

/* ---- as in a set ---- */

int64_t hoop__one_hot_of(const char *const *hot, int64_t count, const char *name)
{
    int64_t group   = -1;
    size_t  longest = 0;
    for (int64_t k = 0; k < count; k++) {
        const size_t n = strlen(hot[k]);
        if (strncmp(name, hot[k], n) != 0 || name[n] != '=' || (group >= 0 && n <= longest)) continue;
        group   = k;
        longest = n;
    }
    return group;
}

static hoop_status like_column(hoop_table *t, const char *name, bool target, hoop_error *err, int64_t *out)
{
    hoop_status st = by_name(t, t->plan.names, name, err, out);
    if (st == HOOP_OK && *out < 0 && t->plan.names == NULL) *out = by_number(t, name);
    if (st != HOOP_OK || *out >= 0) return st;
    return hoop_fail(err, HOOP_EFORMAT, "%s: there is no column '%.64s', which %s has%s%s", t->csv.path, name, t->opts->like,
                     target ? " as its target; --no-target writes x only" : "",
                     t->plan.names == NULL ? " (the file has no header)" : "");
}

static hoop_status features_by_like(hoop_table *t, hoop_error *err)
{
    const hoop_like *l = &t->like;
    hoop_status      st;
    if (l->x == NULL) return HOOP_OK;
    for (int64_t k = 0, last = -1; k < l->nx; k++) {
        const int64_t group = hoop__one_hot_of((const char *const *)l->hot, l->nhot, l->x[k]);
        int64_t       i;
        if (group >= 0 && group == last) continue;
        last = group;
        if ((st = like_column(t, group >= 0 ? l->hot[group] : l->x[k], false, err, &i)) != HOOP_OK) return st;
        if ((st = put_feature(t, i, err)) != HOOP_OK) return st;
        t->column[i].one_hot = group >= 0;
        t->column[i].group   = group;
    }
    return HOOP_OK;
}

/* By name; a set without names goes by position: all but the target. */
static hoop_status roles_by_like(hoop_table *t, hoop_error *err)
{
    const hoop_like *l  = &t->like;
    hoop_status      st = HOOP_OK;
    if (t->opts->target != NULL || t->opts->columns != NULL || t->opts->drop != NULL || t->opts->one_hot != NULL)
        return hoop_fail(err, HOOP_EARG,
                         "csv: --like says which columns are which: not with --target, --columns, --drop, --one-hot");
    for (int64_t k = 0; k < l->ny && !t->opts->no_target && l->y != NULL && st == HOOP_OK; k++) {
        int64_t i;
        st = like_column(t, l->y[k], true, err, &i);
        if (st == HOOP_OK) st = put_target(t, i, err);
    }
    if (st == HOOP_OK && l->has_y && l->y == NULL && !t->opts->no_target) st = put_target(t, t->columns - 1, err);
    if (st == HOOP_OK) st = features_by_like(t, err);
    if (st == HOOP_OK && l->x == NULL) {
        for (int64_t i = 0; i < t->columns; i++)
            if (t->column[i].role == HOOP_ROLE_LEFT_OUT) (void)put_feature(t, i, err);
        if (t->plan.nfeatures != l->nx)
            st = hoop_fail(err, HOOP_EFORMAT, "%s: %lld columns are inputs, %s has %lld, without names to go by", t->csv.path,
                           (long long)t->plan.nfeatures, t->opts->like, (long long)l->nx);
    }
    return st;
}

static hoop_status check_roles(const hoop_table *t, hoop_error *err)
{
    if (t->plan.ntargets > 1 && t->opts->targets == HOOP_CSV_CLASS)
        return hoop_fail(err, HOOP_EARG, "%s: one target at a time can be a class", t->csv.path);
    if (t->plan.nfeatures > 0) return HOOP_OK;
    if (t->plan.ntargets == t->columns)
        return hoop_fail(err, HOOP_EARG, "%s: all of its %lld columns are targets", t->csv.path, (long long)t->columns);
    return hoop_fail(err, HOOP_EARG, "%s: no column is left for x", t->csv.path);
}

hoop_status hoop__table_roles(hoop_table *t, hoop_error *err)
{
    hoop_status st;
    if (t->by_like) {
        st = roles_by_like(t, err);
        return st == HOOP_OK ? check_roles(t, err) : st;
    }
    if (!t->opts->no_target) {
        st = each_column(t, "target", t->opts->target != NULL ? t->opts->target : "-1", put_target, err);
        if (st != HOOP_OK) return st;
    } else if (t->opts->target != NULL) {
        return hoop_fail(err, HOOP_EARG, "csv: --target and --no-target: one of them is wanted");
    }
    if ((st = features_by_options(t, err)) != HOOP_OK) return st;
    if (t->opts->one_hot != NULL && (st = each_column(t, "one-hot", t->opts->one_hot, put_one_hot, err)) != HOOP_OK) return st;
    return check_roles(t, err);
}
