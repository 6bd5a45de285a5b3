/* Numbers for texts: classes of a target, columns of ones and zeros. Texts are compared as texts; value only orders them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/table.h"

typedef struct spelled {
    double      v;
    const char *text;
    int64_t     length; /* without a fraction of zeros */
    hoop_word  *word;
    bool        real; /* has such a fraction */
} spelled;

static int by_value(const void *a, const void *b)
{
    const spelled *x = a, *y = b;
    if (x->v != y->v) return x->v < y->v ? -1 : 1;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return strcmp(x->text, y->text);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(((const spelled *)a)->text, ((const spelled *)b)->text);
}

/* "12.0" and "12" are one spelling of a whole number, "12.50" and "12.5" are two. */
static int64_t without_zeros(const char *s)
{
    const size_t sign = *s == '-' || *s == '+', digits = strspn(s + sign, "0123456789"), n = strlen(s);
    if (digits > 0 && s[sign + digits] == '.' && sign + digits + 1 + strspn(s + sign + digits + 1, "0") == n)
        return (int64_t)(sign + digits);
    return (int64_t)n;
}

static bool same(const spelled *a, const spelled *b)
{
    return a->length == b->length && memcmp(a->text, b->text, (size_t)a->length) == 0;
}

/* The name of a class: its text, without a fraction of zeros. */
static const char *name_of(hoop_labels *l, const spelled *s)
{
    char *cut;
    if (s->text[s->length] == '\0') return s->text;
    cut = strndup(s->text, (size_t)s->length);
    if (cut != NULL) l->own[l->nown++] = cut;
    return cut;
}

static bool is_id(const char *name, int64_t i)
{
    char want[24];
    (void)snprintf(want, sizeof want, "%lld", (long long)i);
    return strcmp(name, want) == 0;
}

static hoop_status number_all(hoop_table *t, hoop_labels *l, spelled *all, int64_t n, bool by_numbers, hoop_error *err)
{
    l->ids = true;
    qsort(all, (size_t)n, sizeof *all, by_numbers ? by_value : by_bytes);
    for (int64_t i = 0; i < n; i++) {
        if (i > 0 && same(&all[i], &all[i - 1])) {
            if (strcmp(all[i].text, all[i - 1].text) != 0) l->merged[0] = all[i - 1].text, l->merged[1] = all[i].text;
        } else {
            if (by_numbers && i > 0 && all[i].v == all[i - 1].v) l->equal[0] = all[i - 1].text, l->equal[1] = all[i].text;
            l->name[l->n] = name_of(l, &all[i]);
            if (l->name[l->n] == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", t->csv.path);
            if (!is_id(l->name[l->n], l->n)) l->ids = false;
            l->n++;
        }
        all[i].word->id = l->n - 1;
    }
    return HOOP_OK;
}

hoop_status hoop__labels_number(hoop_table *t, hoop_column *c, hoop_error *err)
{
    hoop_labels *l  = &c->labels;
    const size_t n  = (size_t)c->seen.n;
    const bool   na = c->na > 0 && c->role == HOOP_ROLE_TARGET, other = c->words > 0 || c->infinite > 0 || na;
    const bool   bools = c->bools > 0 && c->numbers == 0 && !other, numbers = !bools && !other;
    int64_t      kept = 0;
    spelled     *all  = malloc((n + 1) * sizeof *all);
    hoop_status  st;
    l->name = malloc((n + 2) * sizeof *l->name);
    l->own  = malloc((n + 1) * sizeof *l->own);
    if (all == NULL || l->name == NULL || l->own == NULL) {
        free(all);
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", t->csv.path);
    }
    for (size_t i = 0; i < n; i++) {
        hoop_word      *w    = &c->seen.word[i];
        spelled        *a    = &all[kept];
        const hoop_cell kind = hoop__cell(w->text, t->locale, &a->v);
        if (kind == HOOP_CELL_NA && c->role != HOOP_ROLE_TARGET) continue; /* missing */
        a->text = w->text;
        a->word = w;
        if (kind == HOOP_CELL_BOOL && bools) a->text = a->v != 0 ? "True" : "False";
        if (kind == HOOP_CELL_BOOL && numbers) a->text = a->v != 0 ? "1" : "0";
        a->length = numbers ? without_zeros(a->text) : (int64_t)strlen(a->text);
        kept++;
    }
    st = number_all(t, l, all, kept, numbers || bools, err);
    free(all);
    return st;
}

/* ---- numbers that a set gives ---- */

/* As it is written; else without a fraction of zeros; else as true or false. */
static int64_t look_up(const spelled *sorted, int64_t n, const char *text)
{
    char           cut[64];
    const int64_t  length = without_zeros(text);
    spelled        key    = {.text = text};
    const spelled *found  = bsearch(&key, sorted, (size_t)n, sizeof key, by_bytes);
    if (found == NULL && text[length] != '\0' && length < (int64_t)sizeof cut) {
        (void)snprintf(cut, sizeof cut, "%.*s", (int)length, text);
        key.text = cut;
        found    = bsearch(&key, sorted, (size_t)n, sizeof key, by_bytes);
    }
    if (found == NULL && (*text == 't' || *text == 'T' || *text == 'f' || *text == 'F')) {
        double v;
        if (hoop__cell(text, (locale_t)0, &v) == HOOP_CELL_BOOL) {
            key.text = v != 0 ? "True" : "False";
            found    = bsearch(&key, sorted, (size_t)n, sizeof key, by_bytes);
        }
    }
    return found == NULL ? -1 : found->length;
}

hoop_status hoop__labels_like(hoop_table *t, int64_t column, char **name, int64_t n, bool ids, bool zero, hoop_error *err)
{
    hoop_column *c = &t->column[column];
    hoop_labels *l = &c->labels;
    char         where[1024 + HOOP_WHERE], shown[HOOP_SHOWN];
    spelled     *sorted = malloc((size_t)(n + 1) * sizeof *sorted);
    l->name             = malloc((size_t)(n + 1) * sizeof *l->name);
    if (sorted == NULL || l->name == NULL) {
        free(sorted);
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", t->csv.path);
    }
    l->n   = n;
    l->ids = ids;
    for (int64_t i = 0; i < n; i++) {
        l->name[i] = name[i];
        sorted[i]  = (spelled){.text = name[i], .length = i};
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_bytes);
    for (int64_t i = 0; i < c->seen.n; i++) {
        hoop_word *w = &c->seen.word[i];
        double     v;
        w->id = look_up(sorted, n, w->text);
        if (w->id >= 0 || zero || (c->role != HOOP_ROLE_TARGET && hoop__cell(w->text, t->locale, &v) == HOOP_CELL_NA)) continue;
        free(sorted);
        hoop__where(t, column, w->line, where, sizeof where);
        return hoop_fail(err, HOOP_EFORMAT, "%s: '%s' is none of the %lld %s that %s has%s", where, hoop__shown(w->text, shown),
                         (long long)n, c->role == HOOP_ROLE_TARGET ? "classes" : "words", t->opts->like,
                         c->role == HOOP_ROLE_TARGET ? "" : "; --unknown zero takes such as none of them");
    }
    free(sorted);
    return HOOP_OK;
}

hoop_status hoop__labels_ids(hoop_table *t, int64_t column, int64_t classes, hoop_error *err)
{
    hoop_column *c = &t->column[column];
    char         where[1024 + HOOP_WHERE], shown[HOOP_SHOWN];
    c->labels.n   = classes;
    c->labels.ids = true;
    for (int64_t i = 0; i < c->seen.n; i++) {
        hoop_word      *w = &c->seen.word[i];
        double          v;
        const hoop_cell kind = hoop__cell(w->text, t->locale, &v);
        if ((kind == HOOP_CELL_NUMBER || kind == HOOP_CELL_BOOL) && v >= 0 && v < (double)classes && v == (double)(int64_t)v) {
            w->id = (int64_t)v;
            continue;
        }
        hoop__where(t, column, w->line, where, sizeof where);
        return hoop_fail(err, HOOP_EFORMAT, "%s: '%s' is none of the classes 0 to %lld that %s has", where,
                         hoop__shown(w->text, shown), (long long)classes - 1, t->opts->like);
    }
    return HOOP_OK;
}

void hoop__labels_free(hoop_labels *l)
{
    for (int64_t i = 0; i < l->nown; i++) free(l->own[i]);
    free(l->own);
    free(l->name);
    *l = (hoop_labels){0};
}
