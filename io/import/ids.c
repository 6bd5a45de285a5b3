#include "import/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/summary.h"

enum { CLASSES_MAX = 65536, FEW = 64, EACH = 5 };

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The different values, ascending; *n of them, more than CLASSES_MAX where it stopped at that. */
static int64_t *distinct(const int64_t *value, int64_t n, int64_t *found)
{
    enum { SLOTS = 4 * CLASSES_MAX };
    int64_t *list = malloc((size_t)(CLASSES_MAX + 1) * sizeof *list);
    int32_t *slot = malloc((size_t)SLOTS * sizeof *slot);
    *found        = 0;
    for (int64_t i = 0; slot != NULL && i < SLOTS; i++) slot[i] = -1;
    for (int64_t i = 0; list != NULL && slot != NULL && i < n && *found <= CLASSES_MAX; i++) {
        uint64_t at = (uint64_t)value[i] * 0x9e3779b97f4a7c15u >> 46;
        while (slot[at] >= 0 && list[slot[at]] != value[i]) at = (at + 1) % SLOTS;
        if (slot[at] >= 0) continue;
        slot[at]         = (int32_t)*found;
        list[(*found)++] = value[i];
    }
    if (slot == NULL) {
        free(list);
        list = NULL;
    }
    free(slot);
    if (list != NULL) qsort(list, (size_t)*found, sizeof *list, by_value);
    return list;
}

static bool make_names(hoop_ids *ids)
{
    ids->name = calloc((size_t)ids->different, sizeof *ids->name);
    for (int64_t i = 0; ids->name != NULL && i < ids->different; i++)
        if (asprintf(&ids->name[i], "%lld", (long long)ids->value[i]) < 0) {
            ids->name[i] = NULL;
            return false;
        }
    return ids->name != NULL;
}

static void say(const hoop_ids *ids, int64_t n, hoop_csv_targets said, bool always, const char *of, const int64_t *list,
                hoop_import_result *result)
{
    const char *why       = said == HOOP_CSV_CLASS ? ", as --classes says" : "";
    char        often[80] = ": just these whole numbers (--real: numbers)";
    char        names[256];
    if (n >= EACH * ids->different)
        (void)snprintf(often, sizeof often, ": whole numbers, each %.3g times on average (--real: numbers)",
                       (double)n / (double)ids->different);
    if (said == HOOP_CSV_TARGETS_AUTO && !always) why = often;
    if (!ids->by_class) {
        hoop__say(result, "target", "%sintegers: %s%lld different values in %lld rows%s", of,
                  ids->different > CLASSES_MAX ? "more than " : "", (long long)(ids->different - (ids->different > CLASSES_MAX)),
                  (long long)n, said == HOOP_CSV_REAL ? ", numbers as --real says" : ": numbers (--classes: classes)");
        return;
    }
    if (ids->name != NULL) {
        hoop__list((const char *const *)ids->name, ids->different, false, names, sizeof names);
        hoop__say(result, "target", "%s%lld classes, called %s%s", of, (long long)ids->classes, names, why);
    } else if (ids->different < ids->classes) {
        hoop__say(result, "target", "%s%lld classes, 0 to %lld, of which %lld occur%s", of, (long long)ids->classes,
                  (long long)ids->classes - 1, (long long)ids->different, why);
    } else {
        hoop__say(result, "target", "%s%lld class%s, 0 to %lld%s", of, (long long)ids->classes, ids->classes == 1 ? "" : "es",
                  (long long)list[ids->different - 1], why);
    }
}

hoop_status hoop__ids_decide(const int64_t *value, int64_t n, hoop_csv_targets said, bool always, const char *of,
                             const char *path, hoop_error *err, hoop_import_result *result, hoop_ids *out)
{
    int64_t  d, c, last;
    int64_t *list = distinct(value, n, &d);
    bool     as_they_are;
    *out = (hoop_ids){0};
    if (list == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", path);
    last           = list[d - 1];
    as_they_are    = list[0] == 0 && (last < FEW || last < 2 * d) && d <= CLASSES_MAX;
    c              = as_they_are ? last + 1 : d;
    out->different = d;
    out->by_class  = d <= CLASSES_MAX && ((d <= FEW && n >= EACH * d) || (as_they_are && (n / EACH >= c || c <= (n + 100) / c)));
    if (said == HOOP_CSV_REAL) out->by_class = false;
    if (said == HOOP_CSV_CLASS || always) out->by_class = true;
    if (out->by_class && d > CLASSES_MAX) {
        free(list);
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: more than %d different values, which are too many classes; for a real target: --real", path,
                         CLASSES_MAX);
    }
    out->classes = out->by_class ? c : 0;
    if (out->by_class && !as_they_are) {
        out->value = list;
        if (!make_names(out)) {
            hoop__ids_free(out);
            return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for classes", path);
        }
    }
    say(out, n, said, always, of, list, result);
    if (out->value == NULL) free(list);
    return HOOP_OK;
}

int64_t hoop__ids_of(const hoop_ids *ids, int64_t value)
{
    const int64_t *found;
    if (ids->value == NULL) return value;
    found = bsearch(&value, ids->value, (size_t)ids->different, sizeof value, by_value);
    return found == NULL ? 0 : found - ids->value;
}

void hoop__ids_describe(const hoop_ids *ids, hoop_writer_field *y)
{
    y->dtype              = HOOP_I64;
    y->attrs[y->nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = ids->classes};
    if (ids->name != NULL)
        y->attrs[y->nattrs++] = (hoop_h5_attr){
            .name = "class_names", .kind = HOOP_H5_STRINGS, .count = ids->classes, .v.strings = (const char *const *)ids->name};
}

void hoop__ids_free(hoop_ids *ids)
{
    for (int64_t i = 0; ids->name != NULL && i < ids->different; i++) free(ids->name[i]);
    free(ids->name);
    free(ids->value);
    *ids = (hoop_ids){0};
}
