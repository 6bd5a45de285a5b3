#include "import/summary.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/table.h"

void hoop__say(hoop_import_result *r, const char *about, const char *format, ...)
{
    va_list           args;
    hoop_import_line *line;
    if (r == NULL) return;
    if (r->nlines == HOOP_IMPORT_LINES) {
        line = &r->line[HOOP_IMPORT_LINES - 1];
        (void)snprintf(line->about, sizeof line->about, "more");
        (void)snprintf(line->text, sizeof line->text, "was decided than %d lines hold: it is left out here",
                       HOOP_IMPORT_LINES - 1);
        return;
    }
    line = &r->line[r->nlines++];
    (void)snprintf(line->about, sizeof line->about, "%s", about);
    va_start(args, format);
    (void)vsnprintf(line->text, sizeof line->text, format, args);
    va_end(args);
    for (char *s = line->text; *s != '\0';) { /* a name may have been cut within a character */
        const int n = hoop__utf8(s);
        if (n == 0 || (unsigned char)*s < ' ' || *s == 0x7f) *s = '?';
        s += n == 0 ? 1 : n;
    }
}

void hoop__list(const char *const *text, int64_t n, bool quoted, char *out, size_t size)
{
    size_t used = 0;
    out[0]      = '\0';
    for (int64_t i = 0; i < n; i++) {
        char shown[HOOP_SHOWN];
        if (used + HOOP_SHOWN + 32 > size) {
            (void)snprintf(out + used, size - used, ", ... (%lld more)", (long long)(n - i));
            return;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s%s%s", i > 0 ? ", " : "", quoted ? "'" : "",
                                 hoop__shown(text[i], shown), quoted ? "'" : "");
    }
}

/* ---- of a table ---- */

enum { LISTED = 300 };

static void say_form(hoop_table *t)
{
    char   source[32], text[192] = "";
    size_t n = 0;
    hoop__source_about(t->csv.source, source, sizeof source);
    if (source[0] != '\0') n += (size_t)snprintf(text + n, sizeof text - n, "; %s", source);
    if (t->opts->encoding != NULL) n += (size_t)snprintf(text + n, sizeof text - n, "; read as %.32s", t->opts->encoding);
    if (t->csv.said && !t->csv.given)
        n += (size_t)snprintf(text + n, sizeof text - n, "; cut at '%c', as its first line says (--separator)", t->csv.separator);
    if (t->csv.comments > 0)
        n +=
            (size_t)snprintf(text + n, sizeof text - n, "; %lld comment line%s left out, the first is line %lld (--comment none)",
                             (long long)t->csv.comments, t->csv.comments == 1 ? "" : "s", (long long)t->csv.comment_line);
    if (n > 0) hoop__say(t->result, "file", "%s", text + 2);
}

typedef enum which { HOT, USED, LEFT_OUT } which;

static bool is_listed(const hoop_table *t, int64_t i, which w)
{
    const hoop_column *c = &t->column[i];
    if (w == LEFT_OUT) return c->role == HOOP_ROLE_LEFT_OUT && !(i == 0 && t->plan.index_out);
    return c->role == HOOP_ROLE_FEATURE && (w == USED || c->one_hot);
}

/* Names, or numbers from 0, of such columns; how many there are. */
static int64_t listed(const hoop_table *t, which w, char *text, size_t size)
{
    int64_t n    = 0;
    size_t  used = 0;
    text[0]      = '\0';
    for (int64_t i = 0; i < t->columns; i++) {
        char name[HOOP_SHOWN];
        if (!is_listed(t, i, w)) continue;
        n++;
        if (used + HOOP_SHOWN + 32 > size) continue;
        if (t->plan.names != NULL)
            (void)hoop__shown(*t->plan.names[i] != '\0' ? t->plan.names[i] : "(no name)", name);
        else
            (void)snprintf(name, sizeof name, "%lld", (long long)i);
        used += (size_t)snprintf(text + used, size - used, "%s%s", n > 1 ? ", " : "", name);
        if (w == HOT) used += (size_t)snprintf(text + used, size - used, " (%lld)", (long long)t->column[i].width);
        if (used + HOOP_SHOWN + 32 > size) used += (size_t)snprintf(text + used, size - used, ", ...");
    }
    return n;
}

static void say_columns(hoop_table *t)
{
    char        text[LISTED];
    const char *option = t->by_like ? "as the set of --like" : "--columns, --drop";
    int64_t     n      = listed(t, USED, text, sizeof text);
    if (t->plan.names == NULL)
        hoop__say(t->result, "columns", "x has %lld, from %lld of the file's %lld (%s)", (long long)t->plan.nx, (long long)n,
                  (long long)t->columns, option);
    else
        hoop__say(t->result, "columns", "x has %lld, from %s (%s)", (long long)t->plan.nx, text, option);
    if (listed(t, HOT, text, sizeof text) > 0)
        hoop__say(t->result, "one-hot", "a column for each word of %s%s", text, t->by_like ? "" : " (--no-one-hot, --drop)");
    n = listed(t, LEFT_OUT, text, sizeof text);
    if (n > 0) hoop__say(t->result, "left out", "%lld column%s: %s", (long long)n, n == 1 ? "" : "s", text);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Columns are found again by their names. */
static void say_twins(hoop_table *t)
{
    const char **name = t->plan.names != NULL ? malloc((size_t)t->plan.nfeatures * sizeof *name) : NULL;
    if (name == NULL) return;
    for (int64_t k = 0; k < t->plan.nfeatures; k++) name[k] = t->plan.names[t->plan.feature[k]];
    qsort(name, (size_t)t->plan.nfeatures, sizeof *name, by_bytes);
    for (int64_t k = 1; k < t->plan.nfeatures; k++) {
        if (strcmp(name[k], name[k - 1]) != 0) continue;
        hoop__say(t->result, "columns", "two are called '%.64s': names cannot tell them apart in eval and predict (--drop)",
                  name[k]);
        break;
    }
    free(name);
}

static void say_missing(hoop_table *t)
{
    const char *many = t->plan.holes == 1 ? "" : "s";
    if (t->plan.holes == 0) return;
    if (t->plan.missing == HOOP_MISSING_DROP)
        hoop__say(t->result, "missing", "%lld cell%s, in the rows left out", (long long)t->plan.holes, many);
    else
        hoop__say(t->result, "missing", "%lld cell%s took %s (--missing drop)", (long long)t->plan.holes, many,
                  t->by_like && t->like.mean != NULL ? "the means of the set of --like" : "the mean of their column");
}

/* In the order a reader asks. */
static void sort_lines(hoop_import_result *r)
{
    static const char *const order[] = {"file",  "header", "rows",    "columns", "one-hot", "left out",
                                        "index", "target", "classes", "dtype",   "missing"};
    int                      at      = 0;
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (int i = at; i < r->nlines; i++) {
            const hoop_import_line line = r->line[i];
            if (strcmp(line.about, order[k]) != 0) continue;
            memmove(&r->line[at + 1], &r->line[at], (size_t)(i - at) * sizeof line);
            r->line[at++] = line;
        }
    }
}

void hoop__table_summary(hoop_table *t)
{
    say_form(t);
    if (t->plan.dropped == 0)
        hoop__say(t->result, "rows", "%lld", (long long)t->seen.rows);
    else
        hoop__say(t->result, "rows", "%lld of %lld: %lld with missing values are left out (--missing mean)",
                  (long long)t->seen.rows, (long long)t->plan.total, (long long)t->plan.dropped);
    say_columns(t);
    say_twins(t);
    say_missing(t);
    sort_lines(t->result);
}
