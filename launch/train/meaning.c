#include "train/meaning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer lists of names are not kept. */
enum { NAMES_MAX = 1 << 16 };
static const char *const scale_keys[2] = {"x_scale", "y_scale"}, *const names_key = "class_names";

hoop_status hoop__meaning_of(const hoop_dataset *ds, hoop_error *err, hoop__meaning *out)
{
    const hoop_dataset_info *info = hoop_dataset_about(ds);
    const char              *name;
    size_t                   used = 0;
    memset(out, 0, sizeof *out);
    out->classes = info->classes;
    for (int k = 0; k < 2; k++) {
        if (info->field[k].present)
            (void)snprintf(out->scale[k], sizeof out->scale[k], "%s times %.9g",
                           hoop_dtype_is_float(info->field[k].dtype) ? "real numbers" : "integers", info->field[k].scale);
    }
    for (int64_t i = 0; (name = hoop_dataset_class_name(ds, i)) != NULL; i++) used += strlen(name) + 1;
    if (used == 0) return HOOP_OK;
    out->names = malloc(used);
    if (out->names == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for names of classes");
    used = 0;
    for (int64_t i = 0; (name = hoop_dataset_class_name(ds, i)) != NULL; i++) {
        const size_t n = strlen(name);
        if (i > 0) out->names[used - 1] = '\n';
        memcpy(out->names + used, name, n + 1);
        for (size_t k = used; k < used + n; k++)
            if ((unsigned char)out->names[k] < ' ') out->names[k] = '?';
        used += n + 1;
    }
    return HOOP_OK;
}

hoop_status hoop__meaning_noted(const hoop_checkpoint *c, hoop_error *err, hoop__meaning *out)
{
    const char *names = hoop_checkpoint_note(c, names_key);
    memset(out, 0, sizeof *out);
    for (int k = 0; k < 2; k++) {
        const char *scale = hoop_checkpoint_note(c, scale_keys[k]);
        if (scale != NULL) (void)snprintf(out->scale[k], sizeof out->scale[k], "%s", scale);
    }
    if (names == NULL) return HOOP_OK;
    out->names = strdup(names);
    return out->names != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "no memory for names of classes");
}

void hoop__meaning_free(hoop__meaning *m)
{
    free(m->names);
    m->names = NULL;
}

int64_t hoop__meaning_notes(const hoop__meaning *m, const char **out)
{
    int64_t n = 0;
    for (int k = 0; k < 2; k++) {
        if (m->scale[k][0] == '\0') continue;
        out[2 * n]       = scale_keys[k];
        out[2 * n++ + 1] = m->scale[k];
    }
    if (m->names != NULL && strlen(m->names) < NAMES_MAX) {
        out[2 * n]       = names_key;
        out[2 * n++ + 1] = m->names;
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

hoop_status hoop__meaning_compare(const hoop__meaning *a, const char *a_name, const hoop__meaning *b, const char *b_name,
                                  hoop_error *err)
{
    int64_t at;
    char    in_a[64], in_b[64];
    for (int k = 0; k < 2; k++) /* integers times 1/255 in one set may well be real numbers in the other */
        if (a->scale[k][0] != '\0' && a->scale[k][0] == b->scale[k][0] && strcmp(a->scale[k], b->scale[k]) != 0)
            return hoop_fail(err, HOOP_ECONFIG, "%s: %s is %s, but %s in %s", b_name, k == 0 ? "x" : "y", b->scale[k],
                             a->scale[k], a_name);
    if (a->names != NULL && b->names != NULL && names_differ(a->names, b->names, &at, in_a, in_b))
        return hoop_fail(err, HOOP_ECONFIG,
                         "%s: class %lld is '%s', but '%s' in %s; sets imported apart number their words apart: import both as "
                         "one file, or with numbers as classes",
                         b_name, (long long)at, in_b, in_a, a_name);
    if (a->classes > 0 && b->classes > a->classes)
        return hoop_fail(err, HOOP_ECONFIG, "%s: has %lld classes, but %lld in %s", b_name, (long long)b->classes,
                         (long long)a->classes, a_name);
    return HOOP_OK;
}
