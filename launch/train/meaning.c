#include "train/meaning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer lists of names are not kept. */
enum { NAMES_MAX = 1 << 16, NAME_MAX_BYTES = 64, KEY_MAX = 128 };
static const char *const one_hot_key = "one_hot", *const tokenizer_key = "tokenizer";

/* ---- fields by name ---- */

hoop__field_meaning *hoop__meaning_find(const hoop__meaning *m, const char *name)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->field[i].name, name) == 0) return &m->field[i];
    return NULL;
}

hoop__field_meaning *hoop__meaning_add(hoop__meaning *m, const char *name, bool target, hoop_error *err)
{
    hoop__field_meaning *f = hoop__meaning_find(m, name), *grown;
    if (f != NULL) return f;
    grown = realloc(m->field, (size_t)(m->n + 1) * sizeof *grown);
    if (grown != NULL) {
        m->field = grown;
        f        = &grown[m->n];
        *f       = (hoop__field_meaning){.name = strdup(name), .target = target};
        if (f->name != NULL) {
            m->n++;
            return f;
        }
    }
    (void)hoop_fail(err, HOOP_ENOMEM, "no memory for names");
    return NULL;
}

void hoop__meaning_free(hoop__meaning *m)
{
    for (int i = 0; i < m->n; i++) {
        free(m->field[i].name);
        free(m->field[i].class_names);
        free(m->field[i].columns);
    }
    free(m->field);
    free(m->one_hot);
    free(m->tokenizer);
    free(m->notes);
    free(m->keys);
    memset(m, 0, sizeof *m);
}

/* ---- of a dataset ---- */

static hoop_status keep(char **out, const char *text, hoop_error *err)
{
    free(*out);
    *out = strdup(text);
    return *out != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "no memory for names");
}

typedef const char *name_of(const hoop_dataset *ds, int field, int64_t i);
static const char  *one_hot_of(const hoop_dataset *ds, int field, int64_t i)
{
    (void)field;
    return hoop_dataset_one_hot(ds, i);
}

/* All names, a line each; control characters become '?'. */
static hoop_status list(const hoop_dataset *ds, int field, name_of *get, hoop_error *err, char **out)
{
    const char *name;
    size_t      used = 0;
    for (int64_t i = 0; (name = get(ds, field, i)) != NULL; i++) used += strlen(name) + 1;
    if (used == 0) return HOOP_OK;
    *out = malloc(used);
    if (*out == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for names");
    used = 0;
    for (int64_t i = 0; (name = get(ds, field, i)) != NULL; i++) {
        const size_t n = strlen(name);
        if (i > 0) (*out)[used - 1] = '\n';
        memcpy(*out + used, name, n + 1);
        for (size_t k = used; k < used + n; k++)
            if ((unsigned char)(*out)[k] < ' ') (*out)[k] = '?';
        used += n + 1;
    }
    return HOOP_OK;
}

/* "[28, 28]"; "[*, 3]" where the first dim varies */
static void shape_text(const hoop_dataset_field *f, char out[64])
{
    int at = snprintf(out, 64, "[");
    for (int d = 0; d < f->ndim && at < 64; d++) {
        if (f->shape[d] < 0)
            at += snprintf(out + at, (size_t)(64 - at), "*");
        else
            at += snprintf(out + at, (size_t)(64 - at), "%lld", (long long)f->shape[d]);
        if (at < 64 && d + 1 < f->ndim) at += snprintf(out + at, (size_t)(64 - at), ", ");
    }
    if (at < 64) at += snprintf(out + at, (size_t)(64 - at), "]");
    if (at >= 64) out[0] = '\0';
}

hoop_status hoop__meaning_of(const hoop_dataset *ds, hoop_error *err, hoop__meaning *out)
{
    const hoop_dataset_info *info = hoop_dataset_about(ds);
    hoop_status              st   = HOOP_OK;
    memset(out, 0, sizeof *out);
    for (int k = 0; k < info->nfields; k++) {
        const hoop_dataset_field *f = &info->field[k];
        hoop__field_meaning      *m;
        if (!f->present) continue;
        m = hoop__meaning_add(out, f->name, f->role == HOOP_TARGET, err);
        if (m == NULL) {
            st = HOOP_ENOMEM;
            goto done;
        }
        m->classes = f->classes;
        (void)snprintf(m->scale, sizeof m->scale, "%s times %.9g", hoop_dtype_is_float(f->dtype) ? "real numbers" : "integers",
                       f->scale);
        shape_text(f, m->shape);
        HOOP_TRY(st, done, list(ds, k, hoop_dataset_column, err, &m->columns));
        if (m->target) HOOP_TRY(st, done, list(ds, k, hoop_dataset_class_name, err, &m->class_names));
    }
    HOOP_TRY(st, done, list(ds, 0, one_hot_of, err, &out->one_hot));
    if (hoop_dataset_tokenizer(ds) != NULL) st = keep(&out->tokenizer, hoop_dataset_tokenizer(ds), err);
done:
    if (st != HOOP_OK) hoop__meaning_free(out);
    return st;
}

/* ---- notes of a checkpoint ---- */

/* What is kept of a field, and the keys of x and y, the short form, which are older than names of fields. */
static const struct kept {
    const char *what, *of_x, *of_y;
} kept[] = {
    {"scale", "x_scale", "y_scale"},       {"shape", "x_shape", "y_shape"}, {"class_names", NULL, "class_names"},
    {"columns", "x_columns", "y_columns"}, {"classes", NULL, "classes"},    {"class_dim", NULL, "class_dim"},
};
enum { SCALE, SHAPE, CLASS_NAMES, COLUMNS, CLASSES, CLASS_DIM, KEPT };
_Static_assert(sizeof kept / sizeof *kept == KEPT, "a row for each");

static const char *key_of(const hoop__field_meaning *f, int i, char out[KEY_MAX])
{
    const char *own = strcmp(f->name, f->target ? "y" : "x") != 0 ? NULL : f->target ? kept[i].of_y : kept[i].of_x;
    (void)snprintf(out, KEY_MAX, own != NULL ? "%s" : "field.%s.%s", own != NULL ? own : f->name, kept[i].what);
    return out;
}

/* The field a key is of, and which of kept[]; false: of none. */
static bool parse_key(const char *key, char name[NAME_MAX_BYTES], int *which, bool *target)
{
    const char *dot = strrchr(key, '.');
    for (int i = 0; i < KEPT; i++) {
        const bool x = kept[i].of_x != NULL && strcmp(key, kept[i].of_x) == 0, y = strcmp(key, kept[i].of_y) == 0;
        *which = i;
        if (x || y) {
            *target = y;
            (void)snprintf(name, NAME_MAX_BYTES, "%s", x ? "x" : "y");
            return true;
        }
        if (dot == NULL || strncmp(key, "field.", 6) != 0 || strcmp(dot + 1, kept[i].what) != 0 || dot < key + 7) continue;
        *target = i == CLASSES || i == CLASS_NAMES || i == CLASS_DIM;
        return snprintf(name, NAME_MAX_BYTES, "%.*s", (int)(dot - key - 6), key + 6) < NAME_MAX_BYTES;
    }
    return false;
}

static hoop_status take_note(hoop__field_meaning *f, int which, const char *text, hoop_error *err)
{
    switch (which) {
    case SCALE:
        (void)snprintf(f->scale, sizeof f->scale, "%s", text);
        return HOOP_OK;
    case SHAPE:
        (void)snprintf(f->shape, sizeof f->shape, "%s", text);
        return HOOP_OK;
    case CLASSES:
        f->classes = strtoll(text, NULL, 10);
        return HOOP_OK;
    case CLASS_DIM:
        (void)snprintf(f->class_dim, sizeof f->class_dim, "%s", text);
        return HOOP_OK;
    default:
        return keep(which == COLUMNS ? &f->columns : &f->class_names, text, err);
    }
}

hoop_status hoop__meaning_noted(const hoop_checkpoint *c, hoop_error *err, hoop__meaning *out)
{
    const hoop_checkpoint_meta *meta = hoop_checkpoint_about(c);
    hoop_status                 st   = HOOP_OK;
    memset(out, 0, sizeof *out);
    out->before = true;
    for (int64_t i = 0; i < meta->nnotes; i++) {
        const char          *key = meta->notes[2 * i], *text = meta->notes[2 * i + 1];
        char                 name[NAME_MAX_BYTES];
        bool                 target;
        int                  which;
        hoop__field_meaning *f;
        if (strcmp(key, one_hot_key) == 0) HOOP_TRY(st, done, keep(&out->one_hot, text, err));
        if (strcmp(key, tokenizer_key) == 0) HOOP_TRY(st, done, keep(&out->tokenizer, text, err));
        if (!parse_key(key, name, &which, &target)) continue;
        f = hoop__meaning_add(out, name, target, err);
        if (f == NULL) {
            st = HOOP_ENOMEM;
            goto done;
        }
        f->target   = f->target || target;
        out->before = out->before && which != COLUMNS && which != SHAPE;
        HOOP_TRY(st, done, take_note(f, which, text, err));
    }
done:
    if (st != HOOP_OK) hoop__meaning_free(out);
    return st;
}

static const char *value_of(hoop__field_meaning *f, int which)
{
    (void)snprintf(f->classes_text, sizeof f->classes_text, "%lld", (long long)f->classes);
    return which == SCALE         ? f->scale
           : which == SHAPE       ? f->shape
           : which == CLASS_NAMES ? f->class_names
           : which == COLUMNS     ? f->columns
           : which == CLASS_DIM   ? f->class_dim
           : f->classes > 0       ? f->classes_text
                                  : NULL;
}

hoop_status hoop__meaning_notes(hoop__meaning *m, const char *const *first, int64_t nfirst, hoop_error *err,
                                const char *const **out, int64_t *pairs)
{
    const size_t most = (size_t)m->n * KEPT + (size_t)nfirst + 2;
    int64_t      n    = nfirst;
    free(m->notes);
    free(m->keys);
    m->notes = calloc(2 * most, sizeof *m->notes);
    m->keys  = calloc(most, KEY_MAX);
    if (m->notes == NULL || m->keys == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for names");
    for (int64_t i = 0; i < 2 * nfirst; i++) m->notes[i] = first[i];
    for (int k = 0; k < m->n; k++)
        for (int i = 0; i < KEPT; i++) {
            const char *value = value_of(&m->field[k], i);
            if (value == NULL || value[0] == '\0' || strlen(value) >= NAMES_MAX) continue;
            m->notes[2 * n]       = key_of(&m->field[k], i, m->keys + n * KEY_MAX);
            m->notes[2 * n++ + 1] = value;
        }
    if (m->one_hot != NULL && strlen(m->one_hot) < NAMES_MAX) {
        m->notes[2 * n]       = one_hot_key;
        m->notes[2 * n++ + 1] = m->one_hot;
    }
    if (m->tokenizer != NULL) {
        m->notes[2 * n]       = tokenizer_key;
        m->notes[2 * n++ + 1] = m->tokenizer;
    }
    *out   = m->notes;
    *pairs = n;
    return HOOP_OK;
}

int64_t hoop__meaning_numel(const hoop__meaning *m, const char *name)
{
    const hoop__field_meaning *f = hoop__meaning_find(m, name);
    const char                *at;
    int64_t                    n = 1;
    if (f == NULL || f->shape[0] != '[') return -1;
    at = f->shape + 1;
    while (*at != ']' && *at != '\0') {
        char *end;
        if (__builtin_mul_overflow(n, (int64_t)strtoll(at, &end, 10), &n) || end == at) return -1;
        at = end + strspn(end, ", ");
    }
    return n;
}

/* ---- alike? ---- */

/* The next line of a list into out, "(none)" behind its end. */
static const char *next_name(const char *list, char out[64], size_t *n)
{
    *n = list == NULL ? 0 : strcspn(list, "\n");
    if (list == NULL)
        (void)snprintf(out, 64, "(none)");
    else
        (void)snprintf(out, 64, "%.*s", (int)*n, list);
    return list == NULL || list[*n] == '\0' ? NULL : list + *n + 1;
}

/* The first line in which two lists differ; false if there is none. */
static bool names_differ(const char *a, const char *b, int64_t *at, char in_a[64], char in_b[64])
{
    for (*at = 0; a != NULL || b != NULL; ++*at) {
        size_t      na, nb;
        const char *after_a = next_name(a, in_a, &na), *after_b = next_name(b, in_b, &nb);
        if (a == NULL || b == NULL || na != nb || memcmp(a, b, na) != 0) return true;
        a = after_a;
        b = after_b;
    }
    return false;
}

/* " of p", where more than one target has classes; y is the one of the short form */
static const char *whose(const hoop__field_meaning *f, char out[80])
{
    (void)snprintf(out, 80, "%s%s", strcmp(f->name, "y") == 0 ? "" : " of ", strcmp(f->name, "y") == 0 ? "" : f->name);
    return out;
}

static hoop_status same_field(const hoop__field_meaning *a, const char *a_name, const hoop__field_meaning *b, const char *b_name,
                              hoop_error *err)
{
    int64_t at;
    char    in_a[64], in_b[64], of[80];
    /* integers times 1/255 in one set may well be real numbers in the other */
    if (a->scale[0] != '\0' && a->scale[0] == b->scale[0] && strcmp(a->scale, b->scale) != 0)
        return hoop_fail(err, HOOP_ECONFIG, "%s: %s is %s, but %s in %s", b_name, b->name, b->scale, a->scale, a_name);
    if (a->columns != NULL && b->columns != NULL && names_differ(a->columns, b->columns, &at, in_a, in_b))
        return hoop_fail(err, HOOP_ECONFIG, "%s: column %lld of %s is '%s', but '%s' in %s", b_name, (long long)at, b->name, in_b,
                         in_a, a_name);
    if (a->class_names != NULL && b->class_names != NULL && names_differ(a->class_names, b->class_names, &at, in_a, in_b))
        return hoop_fail(err, HOOP_ECONFIG, "%s: class %lld%s is '%s', but '%s' in %s", b_name, (long long)at, whose(b, of), in_b,
                         in_a, a_name);
    if (a->classes > 0 && b->classes > a->classes)
        return hoop_fail(err, HOOP_ECONFIG, "%s: has %lld classes%s, but %lld in %s", b_name, (long long)b->classes, whose(b, of),
                         (long long)a->classes, a_name);
    return HOOP_OK;
}

hoop_status hoop__meaning_same(const hoop__meaning *a, const char *a_name, const hoop__meaning *b, const char *b_name,
                               hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (a->tokenizer != NULL && b->tokenizer != NULL && strcmp(a->tokenizer, b->tokenizer) != 0)
        return hoop_fail(
            err, HOOP_ECONFIG,
            "%s: its text was made ids of by another tokenizer than that of %s; hoop data import-text --like takes that "
            "of another set",
            b_name, a_name);
    for (int k = 0; k < b->n && st == HOOP_OK; k++) {
        const hoop__field_meaning *other = hoop__meaning_find(a, b->field[k].name);
        if (other != NULL) st = same_field(other, a_name, &b->field[k], b_name, err);
    }
    return st;
}
