#include "train/meaning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer lists of names are not kept. */
enum { NAMES_MAX = 1 << 16 };
static const char *const scale_keys[2] = {"x_scale", "y_scale"}, *const shape_keys[2] = {"x_shape", "y_shape"},
                         *const column_keys[2] = {"x_columns", "y_columns"}, *const names_key = "class_names",
                         *const one_hot_key = "one_hot", *const classes_key = "classes";

typedef const char *name_of(const hoop_dataset *ds, int64_t i);
static const char  *column_x(const hoop_dataset *ds, int64_t i)
{
    return hoop_dataset_column(ds, HOOP_FIELD_X, i);
}
static const char *column_y(const hoop_dataset *ds, int64_t i)
{
    return hoop_dataset_column(ds, HOOP_FIELD_Y, i);
}

static const char *class_y(const hoop_dataset *ds, int64_t i)
{
    return hoop_dataset_class_name(ds, HOOP_FIELD_Y, i);
}

/* All names, a line each; control characters become '?'. */
static hoop_status list(const hoop_dataset *ds, name_of *get, hoop_error *err, char **out)
{
    const char *name;
    size_t      used = 0;
    for (int64_t i = 0; (name = get(ds, i)) != NULL; i++) used += strlen(name) + 1;
    if (used == 0) return HOOP_OK;
    *out = malloc(used);
    if (*out == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for names");
    used = 0;
    for (int64_t i = 0; (name = get(ds, i)) != NULL; i++) {
        const size_t n = strlen(name);
        if (i > 0) (*out)[used - 1] = '\n';
        memcpy(*out + used, name, n + 1);
        for (size_t k = used; k < used + n; k++)
            if ((unsigned char)(*out)[k] < ' ') (*out)[k] = '?';
        used += n + 1;
    }
    return HOOP_OK;
}

static void shape_text(const hoop_dataset_field *f, char out[64])
{
    int at = snprintf(out, 64, "[");
    for (int d = 0; d < f->ndim && at < 64; d++)
        at += snprintf(out + at, (size_t)(64 - at), d == 0 ? "%lld" : ", %lld", (long long)f->shape[d]);
    if (at < 64) at += snprintf(out + at, (size_t)(64 - at), "]");
    if (at >= 64) out[0] = '\0';
}

hoop_status hoop__meaning_of(const hoop_dataset *ds, hoop_error *err, hoop__meaning *out)
{
    const hoop_dataset_info *info = hoop_dataset_about(ds);
    hoop_status              st;
    memset(out, 0, sizeof *out);
    out->classes = info->field[HOOP_FIELD_Y].classes;
    for (int k = 0; k < 2; k++) {
        if (!info->field[k].present) continue;
        (void)snprintf(out->scale[k], sizeof out->scale[k], "%s times %.9g",
                       hoop_dtype_is_float(info->field[k].dtype) ? "real numbers" : "integers", info->field[k].scale);
        shape_text(&info->field[k], out->shape[k]);
    }
    HOOP_TRY(st, done, list(ds, class_y, err, &out->names));
    HOOP_TRY(st, done, list(ds, column_x, err, &out->columns[HOOP_FIELD_X]));
    HOOP_TRY(st, done, list(ds, column_y, err, &out->columns[HOOP_FIELD_Y]));
    st = list(ds, hoop_dataset_one_hot, err, &out->one_hot);
done:
    if (st != HOOP_OK) hoop__meaning_free(out);
    return st;
}

static hoop_status noted(const hoop_checkpoint *c, const char *key, hoop_error *err, char **out)
{
    const char *text = hoop_checkpoint_note(c, key);
    if (text == NULL) return HOOP_OK;
    *out = strdup(text);
    return *out != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "no memory for names");
}

hoop_status hoop__meaning_noted(const hoop_checkpoint *c, hoop_error *err, hoop__meaning *out)
{
    const char *classes = hoop_checkpoint_note(c, classes_key);
    hoop_status st;
    memset(out, 0, sizeof *out);
    if (classes != NULL) out->classes = strtoll(classes, NULL, 10);
    for (int k = 0; k < 2; k++) {
        const char *scale = hoop_checkpoint_note(c, scale_keys[k]), *shape = hoop_checkpoint_note(c, shape_keys[k]);
        if (scale != NULL) (void)snprintf(out->scale[k], sizeof out->scale[k], "%s", scale);
        if (shape != NULL) (void)snprintf(out->shape[k], sizeof out->shape[k], "%s", shape);
        HOOP_TRY(st, done, noted(c, column_keys[k], err, &out->columns[k]));
    }
    HOOP_TRY(st, done, noted(c, names_key, err, &out->names));
    st          = noted(c, one_hot_key, err, &out->one_hot);
    out->before = out->columns[HOOP_FIELD_X] == NULL && out->shape[HOOP_FIELD_X][0] == '\0';
done:
    if (st != HOOP_OK) hoop__meaning_free(out);
    return st;
}

void hoop__meaning_free(hoop__meaning *m)
{
    free(m->names);
    free(m->columns[0]);
    free(m->columns[1]);
    free(m->one_hot);
    memset(m, 0, sizeof *m);
}

int64_t hoop__meaning_notes(hoop__meaning *m, const char **out)
{
    int64_t n = 0;
    (void)snprintf(m->classes_text, sizeof m->classes_text, "%lld", (long long)m->classes);
    const struct {
        const char *key, *value;
    } all[HOOP__MEANING_NOTES / 2] = {
        {scale_keys[0], m->scale[0]},    {scale_keys[1], m->scale[1]}, {shape_keys[0], m->shape[0]},
        {shape_keys[1], m->shape[1]},    {names_key, m->names},        {column_keys[0], m->columns[0]},
        {column_keys[1], m->columns[1]}, {one_hot_key, m->one_hot},    {classes_key, m->classes > 0 ? m->classes_text : NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].value == NULL || all[i].value[0] == '\0' || strlen(all[i].value) >= NAMES_MAX) continue;
        out[2 * n]       = all[i].key;
        out[2 * n++ + 1] = all[i].value;
    }
    return n;
}

int64_t hoop__meaning_numel(const hoop__meaning *m, int field)
{
    const char *at = m->shape[field];
    int64_t     n  = 1;
    if (*at++ != '[') return -1;
    while (*at != ']' && *at != '\0') {
        char *end;
        if (__builtin_mul_overflow(n, (int64_t)strtoll(at, &end, 10), &n) || end == at) return -1;
        at = end + strspn(end, ", ");
    }
    return n;
}

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

hoop_status hoop__meaning_same(const hoop__meaning *a, const char *a_name, const hoop__meaning *b, const char *b_name,
                               hoop_error *err)
{
    int64_t at;
    char    in_a[64], in_b[64];
    for (int k = 0; k < 2; k++) /* integers times 1/255 in one set may well be real numbers in the other */
        if (a->scale[k][0] != '\0' && a->scale[k][0] == b->scale[k][0] && strcmp(a->scale[k], b->scale[k]) != 0)
            return hoop_fail(err, HOOP_ECONFIG, "%s: %s is %s, but %s in %s", b_name, k == 0 ? "x" : "y", b->scale[k],
                             a->scale[k], a_name);
    for (int k = 0; k < 2; k++)
        if (a->columns[k] != NULL && b->columns[k] != NULL && names_differ(a->columns[k], b->columns[k], &at, in_a, in_b))
            return hoop_fail(err, HOOP_ECONFIG, "%s: column %lld of %s is '%s', but '%s' in %s", b_name, (long long)at,
                             k == 0 ? "x" : "y", in_b, in_a, a_name);
    if (a->names != NULL && b->names != NULL && names_differ(a->names, b->names, &at, in_a, in_b))
        return hoop_fail(err, HOOP_ECONFIG, "%s: class %lld is '%s', but '%s' in %s", b_name, (long long)at, in_b, in_a, a_name);
    if (a->classes > 0 && b->classes > a->classes)
        return hoop_fail(err, HOOP_ECONFIG, "%s: has %lld classes, but %lld in %s", b_name, (long long)b->classes,
                         (long long)a->classes, a_name);
    return HOOP_OK;
}
