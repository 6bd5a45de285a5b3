/* Bringing a dataset to what a model was trained on: columns and classes by name. */
#include "train/meaning.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef hoop__names names;

void hoop__names_free(names *l)
{
    free(l->name);
    free(l->text);
    *l = (names){0};
}

hoop_status hoop__names_split(const char *list, hoop_error *err, names *out)
{
    *out = (names){0};
    if (list == NULL) return HOOP_OK;
    out->n = 1;
    for (const char *c = list; *c != '\0'; c++) out->n += *c == '\n';
    out->text = strdup(list);
    out->name = calloc((size_t)out->n, sizeof *out->name);
    if (out->text == NULL || out->name == NULL) {
        hoop__names_free(out);
        return hoop_fail(err, HOOP_ENOMEM, "no memory for names");
    }
    out->name[0] = out->text;
    for (char *c = out->text, **next = out->name + 1; *c != '\0'; c++) {
        if (*c != '\n') continue;
        *c      = '\0';
        *next++ = c + 1;
    }
    return HOOP_OK;
}

/* ---- which is where ---- */

typedef struct place {
    const char *name;
    int64_t     at;
} place;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const place *)a)->name, ((const place *)b)->name);
}

/* Sorted by name: free it; HOOP_ECONFIG if one name is there twice. */
static hoop_status sorted(const names *l, const char *whose, hoop_error *err, place **out)
{
    *out = malloc((size_t)(l->n + 1) * sizeof **out);
    if (*out == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for names");
    for (int64_t i = 0; i < l->n; i++) (*out)[i] = (place){l->name[i], i};
    qsort(*out, (size_t)l->n, sizeof **out, by_name);
    for (int64_t i = 0; i + 1 < l->n; i++)
        if (strcmp((*out)[i].name, (*out)[i + 1].name) == 0)
            return hoop_fail(err, HOOP_ECONFIG, "%s: two are called '%.64s': they cannot be told apart by name", whose,
                             (*out)[i].name);
    return HOOP_OK;
}

static int64_t find(const place *sorted, int64_t n, const char *name)
{
    const place  key = {name, 0};
    const place *hit = bsearch(&key, sorted, (size_t)n, sizeof *sorted, by_name);
    return hit == NULL ? -1 : hit->at;
}

/* The group of "Sex=male" is "Sex", if that is listed: the longest that is. NULL: it stands for itself. */
static const char *group_of(const char *name, const names *groups)
{
    const char *best = NULL;
    for (int64_t g = 0; g < groups->n; g++) {
        const size_t n = strlen(groups->name[g]);
        if (strncmp(name, groups->name[g], n) == 0 && name[n] == '=' && (best == NULL || n > strlen(best)))
            best = groups->name[g];
    }
    return best;
}

static bool listed(const char *name, const names *groups)
{
    for (int64_t g = 0; name != NULL && g < groups->n; g++)
        if (strcmp(name, groups->name[g]) == 0) return true;
    return false;
}

/* ---- columns ---- */

enum { LIST_BYTES = 160, NAME_BYTES = 40 };

/* "a, b, c", shortened where there are many. */
static void list_text(const names *l, char out[LIST_BYTES])
{
    size_t used = 0;
    out[0]      = '\0';
    for (int64_t i = 0; i < l->n; i++) {
        if (used + NAME_BYTES + 8 > LIST_BYTES) {
            (void)snprintf(out + used, LIST_BYTES - used, ", ...");
            return;
        }
        used += (size_t)snprintf(out + used, LIST_BYTES - used, "%s%.*s", i > 0 ? ", " : "", NAME_BYTES, l->name[i]);
    }
}

/* "3 inputs", "1 target", "4 inputs of u": of a field whose rows have n elements */
static const char *elements_of(const hoop_dataset *ds, int field, int64_t n, char out[128])
{
    const hoop_dataset_field *f     = &hoop_dataset_about(ds)->field[field];
    const bool                plain = strcmp(f->name, f->role == HOOP_INPUT ? "x" : "y") == 0;
    (void)snprintf(out, 128, "%lld %s%s%s%.64s", (long long)n, f->role == HOOP_INPUT ? "input" : "target", n == 1 ? "" : "s",
                   plain ? "" : " of ", plain ? "" : f->name);
    return out;
}

static hoop_status fail_width(const hoop_dataset *ds, int field, const names *has, const names *wants, int64_t nhas,
                              int64_t nwants, const char *phrase, const char *why, hoop_error *err)
{
    char a[LIST_BYTES], b[LIST_BYTES], elements[128];
    list_text(has, a);
    list_text(wants, b);
    return hoop_fail(err, has->n > 0 && wants->n > 0 ? HOOP_ECONFIG : HOOP_ESHAPE, "%s: %s a row%s%s%s; %s %lld%s%s%s%s",
                     hoop_dataset_path(ds, 0, NULL), elements_of(ds, field, nhas, elements), a[0] != '\0' ? " (" : "", a,
                     a[0] != '\0' ? ")" : "", phrase, (long long)nwants, b[0] != '\0' ? " (" : "", b, b[0] != '\0' ? ")" : "",
                     why);
}

/* NULL: none */
static const char *columns_of(const hoop__meaning *m, const char *name)
{
    const hoop__field_meaning *f = hoop__meaning_find(m, name);
    return f == NULL ? NULL : f->columns;
}

hoop_status hoop__meaning_other_width(const hoop__meaning *trained, const hoop_dataset *ds, int field, const char *has,
                                      hoop_error *err)
{
    const hoop_dataset_field *f   = &hoop_dataset_about(ds)->field[field];
    hoop__meaning             own = {0};
    names                     a = {0}, b = {0};
    hoop_status               st;
    HOOP_TRY(st, done, hoop__meaning_of(ds, err, &own));
    HOOP_TRY(st, done, hoop__names_split(columns_of(&own, f->name), err, &a));
    HOOP_TRY(st, done, hoop__names_split(columns_of(trained, f->name), err, &b));
    st = fail_width(ds, field, &a, &b, f->numel, hoop__meaning_numel(trained, f->name), has, "", err);
done:
    hoop__names_free(&a);
    hoop__names_free(&b);
    hoop__meaning_free(&own);
    return st;
}

static void tell(const hoop__match_opts *o, const char *format, ...) HOOP_PRINTF(2, 3);
static void tell(const hoop__match_opts *o, const char *format, ...)
{
    char    text[HOOP_ERROR_TEXT];
    va_list args;
    if (o->note == NULL) return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    o->note(o->ctx, text);
}

/* Two sets of columns, by name. */
typedef struct pairing {
    names    wants, has, wants_groups, has_groups;
    place   *wants_by_name, *has_by_name;
    int64_t *from;
    /* the first of each, and how many */
    const char *missing, *additional, *unknown, *zero;
    int64_t     nmissing, nadditional, nunknown, nzero;
    bool        moved;
} pairing;

static void count(const char *name, const char **first, int64_t *n)
{
    if ((*n)++ == 0) *first = name;
}

static bool has_group(const pairing *p, const char *group)
{
    if (group == NULL) return false;
    if (listed(group, &p->has_groups)) return true;
    for (int64_t i = 0; i < p->has.n; i++)
        if (strncmp(p->has.name[i], group, strlen(group)) == 0 && p->has.name[i][strlen(group)] == '=') return true;
    return false;
}

static void pair(pairing *p)
{
    int64_t last = -1;
    for (int64_t i = 0; i < p->wants.n; i++) {
        const char *name = p->wants.name[i];
        p->from[i]       = find(p->has_by_name, p->has.n, name);
        if (p->from[i] >= 0) {
            p->moved = p->moved || p->from[i] < last;
            last     = p->from[i];
        } else if (has_group(p, group_of(name, &p->wants_groups))) {
            count(name, &p->zero, &p->nzero);
        } else {
            count(name, &p->missing, &p->nmissing);
        }
    }
    for (int64_t i = 0; i < p->has.n; i++) {
        const char *name = p->has.name[i];
        if (find(p->wants_by_name, p->wants.n, name) >= 0) continue;
        if (listed(group_of(name, &p->has_groups), &p->wants_groups) || group_of(name, &p->wants_groups) != NULL)
            count(name, &p->unknown, &p->nunknown);
        else
            count(name, &p->additional, &p->nadditional);
    }
}

static void and_more(const char *first, int64_t n, const char *what, char *out, size_t size)
{
    out[0] = '\0';
    if (n == 1) (void)snprintf(out, size, "%.64s is %s", first, what);
    if (n > 1) (void)snprintf(out, size, "%.64s and %lld more are %s", first, (long long)n - 1, what);
}

static hoop_status judge(const pairing *p, const hoop_dataset *ds, int field, const hoop__match_opts *o, hoop_error *err)
{
    const char *path = hoop_dataset_path(ds, 0, NULL);
    char        missing[128], additional[128], why[300];
    if (p->nmissing > 0 || p->nadditional > 0) {
        and_more(p->missing, p->nmissing, "missing", missing, sizeof missing);
        and_more(p->additional, p->nadditional, "not among these", additional, sizeof additional);
        (void)snprintf(why, sizeof why, ": %s%s%s", missing, p->nmissing > 0 && p->nadditional > 0 ? ", " : "", additional);
        return fail_width(ds, field, &p->has, &p->wants, p->has.n, p->wants.n, o->has, why, err);
    }
    if (p->nunknown > 0 && !o->zero) {
        (void)snprintf(additional, sizeof additional, " and %lld more were", (long long)p->nunknown - 1);
        return hoop_fail(
            err, HOOP_ECONFIG,
            "%s: '%.64s'%s not seen in training; --unknown zero (data.unknown: zero) takes such words as none of those", path,
            p->unknown, p->nunknown > 1 ? additional : " was");
    }
    if (p->moved)
        tell(o, "%s: columns of %s are in another order than those trained on: taken by name", path,
             hoop_dataset_about(ds)->field[field].name);
    if (p->nzero > 0)
        tell(o, "%s: has no %.64s%s: zeros are taken", path, p->zero,
             p->nzero > 1 ? " (and others of the words trained on)" : "");
    if (p->nunknown > 0)
        tell(o, "%s: %.64s%s was not seen in training: taken as none", path, p->unknown, p->nunknown > 1 ? " (and others)" : "");
    return HOOP_OK;
}

/* A field of ds, what is known of it, and of the one trained on that is called so. */
typedef struct both {
    const hoop__field_meaning *trained, *own;
    const char                *trained_one_hot, *own_one_hot;
    int                        field;
} both;

static hoop_status match_columns(const both *m, hoop_dataset *ds, const hoop__match_opts *o, hoop_error *err)
{
    const int   field = m->field;
    pairing     p     = {.moved = false};
    hoop_status st;
    if (m->trained->columns == NULL || m->own->columns == NULL) return HOOP_OK;
    if (strcmp(m->trained->columns, m->own->columns) == 0) return HOOP_OK;
    HOOP_TRY(st, done, hoop__names_split(m->trained->columns, err, &p.wants));
    HOOP_TRY(st, done, hoop__names_split(m->own->columns, err, &p.has));
    if (m->own->target && p.wants.n == 1 && p.has.n == 1 && m->trained->classes > 0) goto done; /* classes have names */
    if (!m->own->target) HOOP_TRY(st, done, hoop__names_split(m->trained_one_hot, err, &p.wants_groups));
    if (!m->own->target) HOOP_TRY(st, done, hoop__names_split(m->own_one_hot, err, &p.has_groups));
    HOOP_TRY(st, done, sorted(&p.wants, o->name, err, &p.wants_by_name));
    HOOP_TRY(st, done, sorted(&p.has, hoop_dataset_path(ds, 0, NULL), err, &p.has_by_name));
    p.from = malloc((size_t)(p.wants.n + 1) * sizeof *p.from);
    if (p.from == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for names");
        goto done;
    }
    pair(&p);
    HOOP_TRY(st, done, judge(&p, ds, field, o, err));
    st = hoop_dataset_choose(ds, field, p.from, (const char *const *)p.wants.name, p.wants.n, err);
done:
    hoop__names_free(&p.wants);
    hoop__names_free(&p.has);
    hoop__names_free(&p.wants_groups);
    hoop__names_free(&p.has_groups);
    free(p.wants_by_name);
    free(p.has_by_name);
    free(p.from);
    return st;
}

/* ---- classes ---- */

static hoop_status match_classes(const both *m, hoop_dataset *ds, const hoop__match_opts *o, hoop_error *err)
{
    const char *path  = hoop_dataset_path(ds, 0, NULL);
    names       wants = {0}, has = {0};
    place      *by_wanted = NULL;
    int64_t    *to        = NULL;
    bool        moved     = false;
    char        all[LIST_BYTES];
    hoop_status st;
    if (m->trained->class_names == NULL || m->own->class_names == NULL) return HOOP_OK;
    if (strcmp(m->trained->class_names, m->own->class_names) == 0) return HOOP_OK;
    HOOP_TRY(st, done, hoop__names_split(m->trained->class_names, err, &wants));
    HOOP_TRY(st, done, hoop__names_split(m->own->class_names, err, &has));
    HOOP_TRY(st, done, sorted(&wants, o->name, err, &by_wanted));
    to = malloc((size_t)(has.n + 1) * sizeof *to);
    if (to == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for names");
        goto done;
    }
    for (int64_t i = 0; i < has.n; i++) {
        to[i] = find(by_wanted, wants.n, has.name[i]);
        moved = moved || to[i] != i;
        if (to[i] >= 0) continue;
        list_text(&wants, all);
        st = hoop_fail(err, HOOP_ECONFIG,
                       "%s: class '%.64s' was not seen in training: %s has %s; import-csv --like takes classes from another set",
                       path, has.name[i], o->name, all);
        goto done;
    }
    if (!moved) goto done;
    tell(o, "%s: classes are numbered in another way than those trained on: taken by name", path);
    st = hoop_dataset_relabel(ds, m->field, to, has.n, (const char *const *)wants.name, wants.n, err);
done:
    hoop__names_free(&wants);
    hoop__names_free(&has);
    free(by_wanted);
    free(to);
    return st;
}

/* What names do not settle. */
static hoop_status match_rest(const both *m, const hoop_dataset *ds, const hoop__match_opts *o, hoop_error *err)
{
    hoop__field_meaning trained = *m->trained, own = *m->own;
    const hoop__meaning a = {.field = &trained, .n = 1}, b = {.field = &own, .n = 1};
    trained.class_names = trained.columns = NULL;
    own.classes                           = hoop_dataset_about(ds)->field[m->field].classes;
    return hoop__meaning_same(&a, o->name, &b, hoop_dataset_path(ds, 0, NULL), err);
}

hoop_status hoop__meaning_match(const hoop__meaning *trained, hoop_dataset *ds, const hoop__match_opts *opts, hoop_error *err)
{
    hoop__meaning own = {0};
    bool          old = trained->before;
    hoop_status   st;
    HOOP_TRY(st, done, hoop__meaning_of(ds, err, &own));
    HOOP_TRY(st, done,
             hoop__meaning_same(&(hoop__meaning){.tokenizer = trained->tokenizer}, opts->name,
                                &(hoop__meaning){.tokenizer = own.tokenizer}, hoop_dataset_path(ds, 0, NULL), err));
    for (int k = 0; k < own.n; k++) {
        const both m = {.trained         = hoop__meaning_find(trained, own.field[k].name),
                        .own             = &own.field[k],
                        .trained_one_hot = trained->one_hot,
                        .own_one_hot     = own.one_hot,
                        .field           = hoop_dataset_find(ds, own.field[k].name)};
        if (old && !m.own->target && m.own->columns != NULL) {
            tell(opts, "%s was written before names of columns were kept: those of %s are taken in their order", opts->name,
                 hoop_dataset_path(ds, 0, NULL));
            old = false;
        }
        if (m.trained == NULL) continue;
        if (!m.own->target || opts->targets) HOOP_TRY(st, done, match_columns(&m, ds, opts, err));
        if (m.own->target && opts->targets) HOOP_TRY(st, done, match_classes(&m, ds, opts, err));
        HOOP_TRY(st, done, match_rest(&m, ds, opts, err));
    }
done:
    hoop__meaning_free(&own);
    return st;
}
