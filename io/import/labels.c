/* Numbers for texts: classes of a target, columns of ones and zeros. Texts are compared as texts; value only orders them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/table.h"

typedef struct spelled {
    double      v;
    const char *text; /* the name of its class */
    hoop_word  *word;
} spelled;

static int by_value(const void *a, const void *b)
{
    const spelled *x = a, *y = b;
    const size_t   n = strlen(x->text), m = strlen(y->text);
    if (x->v != y->v) return x->v < y->v ? -1 : 1;
    if (n != m) return n < m ? -1 : 1;
    return strcmp(x->text, y->text);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(((const spelled *)a)->text, ((const spelled *)b)->text);
}

/* A whole number written as a real one, "12.0" or "1.2e+01", is "12"; "12.50" and "12.5" are two. */
static const char *canonical(const char *s, double v, char out[HOOP_SHOWN])
{
    const size_t sign = *s == '-' || *s == '+', digits = strspn(s + sign, "0123456789"), n = strlen(s);
    const bool   real = s[strspn(s, "+-.0123456789eE")] == '\0';
    if (digits > 0 && s[sign + digits] == '.' && sign + digits + 1 + strspn(s + sign + digits + 1, "0") == n &&
        sign + digits < HOOP_SHOWN)
        (void)snprintf(out, HOOP_SHOWN, "%.*s", (int)(sign + digits), s);
    else if (real && strpbrk(s, "eE") != NULL && fabs(v) <= 0x1p53 && (double)(int64_t)v == v)
        (void)snprintf(out, HOOP_SHOWN, "%lld", (long long)v);
    else
        return s;
    return out;
}

/* As canonical, kept with the labels; NULL: no memory. */
static const char *name_of(hoop_labels *l, const char *s, double v)
{
    char        text[HOOP_SHOWN], *own;
    const char *name = canonical(s, v, text);
    if (name == s) return s;
    own = strdup(name);
    if (own != NULL) l->own[l->nown++] = own;
    return own;
}

static bool is_id(const char *name, int64_t i)
{
    char want[24];
    (void)snprintf(want, sizeof want, "%lld", (long long)i);
    return strcmp(name, want) == 0;
}

static void number_all(hoop_labels *l, spelled *all, int64_t n, bool by_numbers)
{
    l->ids = true;
    qsort(all, (size_t)n, sizeof *all, by_numbers ? by_value : by_bytes);
    for (int64_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(all[i].text, all[i - 1].text) == 0) {
            if (by_numbers) l->merged[0] = all[i - 1].word->text, l->merged[1] = all[i].word->text;
        } else {
            if (by_numbers && i > 0 && all[i].v == all[i - 1].v) l->equal[0] = all[i - 1].text, l->equal[1] = all[i].text;
            l->name[l->n] = all[i].text;
            if (!is_id(all[i].text, l->n)) l->ids = false;
            l->n++;
        }
        all[i].word->id = l->n - 1;
    }
}

hoop_status hoop__labels_number(hoop_table *t, hoop_column *c, hoop_error *err)
{
    hoop_labels *l        = &c->labels;
    const size_t n        = (size_t)c->seen.texts.n;
    const bool   class_na = c->role == HOOP_ROLE_TARGET && t->plan.na_class, na = class_na && c->seen.na > 0,
               other = c->seen.words > 0 || c->seen.infinite > 0 || na;
    const bool bools = c->seen.bools > 0 && c->seen.numbers == 0 && !other, numbers = !bools && !other;
    int64_t    kept = 0;
    spelled   *all  = malloc((n + 1) * sizeof *all);
    l->name         = malloc((n + 2) * sizeof *l->name);
    l->own          = malloc((n + 1) * sizeof *l->own);
    if (all == NULL || l->name == NULL || l->own == NULL) {
        free(all);
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", t->csv.path);
    }
    for (size_t i = 0; i < n; i++) {
        hoop_word      *w    = &c->seen.texts.word[i];
        spelled        *a    = &all[kept];
        const hoop_cell kind = hoop__cell(w->text, t->locale, &a->v);
        if (kind == HOOP_CELL_NA && !class_na) continue; /* missing */
        a->text = w->text;
        a->word = w;
        if (kind == HOOP_CELL_BOOL && bools) a->text = a->v != 0 ? "True" : "False";
        if (kind == HOOP_CELL_BOOL && numbers) a->text = a->v != 0 ? "1" : "0";
        if (kind == HOOP_CELL_NUMBER && numbers) a->text = name_of(l, w->text, a->v);
        if (a->text == NULL) {
            free(all);
            return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", t->csv.path);
        }
        kept++;
    }
    number_all(l, all, kept, numbers || bools);
    free(all);
    return HOOP_OK;
}

/* ---- numbers that a set gives ---- */

/* Of n names in order of their bytes, with their numbers: as it is written; else as canonical; else as true or false. */
static int64_t look_up(const hoop_table *t, const spelled *sorted, int64_t n, const char *text)
{
    char            cut[HOOP_SHOWN];
    spelled         key   = {.text = text};
    const spelled  *found = bsearch(&key, sorted, (size_t)n, sizeof key, by_bytes);
    const hoop_cell kind  = hoop__cell(text, t->locale, &key.v);
    if (found == NULL && kind == HOOP_CELL_NUMBER) key.text = canonical(text, key.v, cut);
    if (found == NULL && kind == HOOP_CELL_BOOL) key.text = key.v != 0 ? "True" : "False";
    if (found == NULL && key.text != text) found = bsearch(&key, sorted, (size_t)n, sizeof key, by_bytes);
    return found == NULL ? -1 : (int64_t)found->v;
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
        sorted[i]  = (spelled){.text = name[i], .v = (double)i};
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_bytes);
    for (int64_t i = 0; i < c->seen.texts.n; i++) {
        hoop_word *w = &c->seen.texts.word[i];
        double     v;
        w->id = look_up(t, sorted, n, w->text);
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
    for (int64_t i = 0; i < c->seen.texts.n; i++) {
        hoop_word      *w = &c->seen.texts.word[i];
        double          v;
        const hoop_cell kind = hoop__cell(w->text, t->locale, &v);
        if ((kind == HOOP_CELL_NUMBER || kind == HOOP_CELL_BOOL) && v >= 0 && v < (double)classes && v == (double)(int64_t)v) {
            w->id = (int64_t)v;
            continue;
        }
        if (kind == HOOP_CELL_NA) continue;
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
