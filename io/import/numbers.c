/* f32 or f64, and what takes the place of missing cells. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/summary.h"
#include "import/table.h"

/* ---- dtypes ---- */

/* Why the column asks for f64; NULL: it does not. */
static const char *too_fine(const hoop_table *t, int64_t i, char *out, size_t size)
{
    const hoop_column_seen *c      = &t->column[i].seen;
    const double            spread = c->high - c->low;
    int64_t                 different, merged;
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
    merged = hoop__table_merged(t, i, &different);
    if (merged * 100 <= different) return NULL;
    (void)snprintf(out, size, "f32 would make %lld of its first %lld different values equal to others", (long long)merged,
                   (long long)different);
    return out;
}

/* Of x (or y): f64 where a column asks for it, unless --dtype says. */
static hoop_status dtype_of(hoop_table *t, const char *field, const int64_t *column, int64_t n, bool like, hoop_error *err,
                            bool *f64)
{
    char        why[128], name[HOOP_WHERE], where[HOOP_PLACE];
    const char *text  = NULL;
    double      worst = 0;
    int64_t     i = -1, rounded = -1;
    for (int64_t k = 0; k < n && text == NULL; k++) {
        const hoop_column *c = &t->column[column[k]];
        if (c->one_hot) continue;
        i    = column[k];
        text = too_fine(t, i, why, sizeof why);
        if (c->seen.high > c->seen.low && c->seen.loss / (c->seen.high - c->seen.low) > worst)
            worst = c->seen.loss / (c->seen.high - c->seen.low);
    }
    for (int64_t k = 0; k < n && rounded < 0; k++)
        if (!t->column[column[k]].one_hot && t->column[column[k]].seen.rounded_line > 0) rounded = column[k];
    *f64 = t->opts->dtype == HOOP_IMPORT_F64 || (t->opts->dtype == HOOP_IMPORT_ANY && (t->by_like ? like : text != NULL));
    for (int64_t k = 0; k < n && !*f64; k++) {
        const hoop_column *c = &t->column[column[k]];
        if (c->one_hot || c->seen.huge_line == 0) continue;
        hoop__where(t, column[k], c->seen.huge_line, where, sizeof where);
        return hoop_fail(err, HOOP_EFORMAT, "%s: '%g' is too large for f32; --dtype f64", where, c->seen.huge);
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
        hoop__where(t, rounded, t->column[rounded].seen.rounded_line, where, sizeof where);
        hoop__say(t->result, "dtype", "%s: a whole number beyond 2^53, which f64 rounds, too (--drop, --one-hot, --classes)",
                  where);
    }
    return HOOP_OK;
}

/* ---- missing cells ---- */

static int64_t holes_of(const hoop_table *t, int64_t i, int64_t *line)
{
    const hoop_column *c  = &t->column[i];
    const bool         na = !(t->plan.by_class && t->plan.na_class && c->role == HOOP_ROLE_TARGET);
    *line                 = c->seen.empty_line;
    if (na && c->seen.na_line > 0 && (*line == 0 || c->seen.na_line < *line)) *line = c->seen.na_line;
    return c->seen.empty + (na ? c->seen.na : 0);
}

static hoop_status refuse_holes(const hoop_table *t, int64_t i, int64_t line, int64_t columns, hoop_error *err)
{
    const hoop_column *c  = &t->column[i];
    const bool         na = line == c->seen.na_line && line != c->seen.empty_line, target = c->role == HOOP_ROLE_TARGET;
    char               where[HOOP_PLACE], what[32];
    hoop__where(t, i, line, where, sizeof where);
    (void)snprintf(what, sizeof what, na ? "'%s' is" : "is empty,", c->seen.na_text);
    return hoop_fail(err, HOOP_EFORMAT,
                     "%s: %s a missing value, one of %lld in %lld column%s: --missing drop leaves their rows out%s%s", where,
                     what, (long long)t->plan.holes, (long long)columns, columns == 1 ? "" : "s",
                     target ? "" : ", --missing mean puts the column's mean",
                     na && target && t->plan.ntargets == 1 && !t->by_like ? ", --classes takes it as a class" : "");
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
    if (t->plan.dropped > 0) return HOOP_OK; /* all is known */
    t->plan.missing = t->opts->missing;
    if (t->plan.missing == HOOP_MISSING_AUTO)
        t->plan.missing = t->by_like && t->like.mean != NULL ? HOOP_MISSING_MEAN : HOOP_MISSING_REFUSE;
    for (int64_t i = 0; i < t->columns; i++) {
        int64_t       line;
        const int64_t n = t->column[i].role == HOOP_ROLE_LEFT_OUT ? 0 : holes_of(t, i, &line);
        if (n == 0) continue;
        t->plan.holes += n;
        columns++;
        if (t->column[i].role == HOOP_ROLE_TARGET) of_target += n;
        if (n == t->seen.rows && (t->plan.missing != HOOP_MISSING_MEAN || t->column[i].role == HOOP_ROLE_TARGET)) empty = i;
        if (at < 0 || line < first) {
            first = line;
            at    = i;
        }
    }
    if (t->plan.holes == 0) hoop__say(t->result, "missing", "none");
    if (t->plan.holes == 0) return HOOP_OK;
    if (empty >= 0 && !t->by_like && (t->seen.rows > 1 || t->plan.missing == HOOP_MISSING_DROP))
        return refuse_empty(t, empty, err);
    if (t->plan.missing == HOOP_MISSING_REFUSE) return refuse_holes(t, at, first, columns, err);
    if (t->plan.missing == HOOP_MISSING_MEAN && of_target > 0)
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: the target is missing in %lld cells, and is not made up: --missing drop leaves their rows out",
                         t->csv.path, (long long)of_target);
    t->result->missing = t->plan.holes;
    return HOOP_OK;
}

static hoop_status means(hoop_table *t, hoop_error *err)
{
    char name[HOOP_WHERE];
    if (t->plan.missing != HOOP_MISSING_MEAN) return HOOP_OK;
    t->plan.mean = calloc((size_t)t->plan.nx + 1, sizeof *t->plan.mean);
    if (t->plan.mean == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    if (t->by_like && t->like.mean != NULL) {
        memcpy(t->plan.mean, t->like.mean, (size_t)t->plan.nx * sizeof *t->plan.mean);
        return HOOP_OK;
    }
    for (int64_t k = 0; k < t->plan.nfeatures; k++) {
        const hoop_column *c     = &t->column[t->plan.feature[k]];
        const int64_t      there = t->seen.rows - c->seen.empty - c->seen.na;
        if (there == 0)
            return hoop_fail(err, HOOP_EFORMAT, "%s: %s has no value, and so no mean: --drop %lld", t->csv.path,
                             hoop__column_name(t, t->plan.feature[k], name, sizeof name), (long long)t->plan.feature[k]);
        if (!c->one_hot) t->plan.mean[c->at] = c->seen.sum / (double)there;
        if (!isfinite(t->plan.mean[c->at]))
            return hoop_fail(err, HOOP_EFORMAT, "%s: the numbers of %s are too large for a mean: --missing drop, or --drop %lld",
                             t->csv.path, hoop__column_name(t, t->plan.feature[k], name, sizeof name),
                             (long long)t->plan.feature[k]);
        for (int64_t j = 0; c->one_hot && j < c->seen.texts.n; j++)
            if (c->seen.texts.word[j].id >= 0)
                t->plan.mean[c->at + c->seen.texts.word[j].id] += (double)c->seen.texts.word[j].count / (double)there;
    }
    return HOOP_OK;
}

hoop_status hoop__table_numbers(hoop_table *t, hoop_error *err)
{
    hoop_table_plan *p = &t->plan;
    hoop_status      st;
    if ((st = missing(t, err)) != HOOP_OK || (st = means(t, err)) != HOOP_OK) return st;
    st = dtype_of(t, "x", p->feature, p->nfeatures, t->like.x_f64, err, &p->x_f64);
    if (st == HOOP_OK && p->ntargets > 0 && !p->by_class)
        st = dtype_of(t, "y", p->target, p->ntargets, t->like.y_f64, err, &p->y_f64);
    return st;
}
