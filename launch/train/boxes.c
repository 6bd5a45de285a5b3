/* Targets that are lists of boxes: what is wrong with them, and how many classes they have. */
#include "train/labels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BOX = 5 };

/* Boxes of a sample, and room for them. */
typedef struct list {
    double *value;
    int64_t n, room;
} list;

static hoop_status read_list(hoop_dataset *ds, int field, int64_t sample, list *l, hoop_error *err)
{
    double     *more;
    hoop_status st = hoop_dataset_lengths(ds, &sample, 1, field, &l->n, err);
    if (st != HOOP_OK) return st;
    if (l->n > l->room) {
        more = realloc(l->value, (size_t)l->n * BOX * sizeof *more);
        if (more == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory to read %lld boxes", (long long)l->n);
        l->value = more;
        l->room  = l->n;
    }
    return l->n == 0 ? HOOP_OK : hoop_dataset_read_padded(ds, &sample, 1, field, HOOP_F64, l->n, l->value, err);
}

/* What is wrong with a box, NULL: nothing. */
static const char *wrong(const double *v, const hoop__boxes_look *look, char text[HOOP__ADVICE])
{
    for (int k = 0; k < BOX; k++)
        if (!isfinite(v[k])) return "a number of it is not finite";
    if (!(v[2] > v[0])) return "x2 is to be more than x1";
    if (!(v[3] > v[1])) return "y2 is to be more than y1";
    if (v[4] < 0 || v[4] > 1e9 || v[4] != floor(v[4])) return "its class is to be a whole number from 0";
    if (look->width > 0 && (v[0] < 0 || v[1] < 0 || v[2] > (double)look->width || v[3] > (double)look->height)) {
        (void)snprintf(text, HOOP__ADVICE, "it is not in the picture, which is %lld wide and %lld high", (long long)look->width,
                       (long long)look->height);
        return text;
    }
    if (look->classes > 0 && v[4] >= (double)look->classes) {
        (void)snprintf(text, HOOP__ADVICE, "%s classes 0 to %lld", look->who, (long long)look->classes - 1);
        return text;
    }
    return NULL;
}

static bool is_padding(const double *v)
{
    for (int k = 0; k < BOX; k++)
        if (!(v[k] >= 0 && v[k] <= 0)) return false;
    return true;
}

static hoop_status fail_box(const hoop_dataset *ds, int field, int64_t sample, int64_t box, const double *v, const char *why,
                            hoop_error *err)
{
    const char *path = hoop__labels_shard(ds, &sample);
    return hoop_fail(err, HOOP_ERANGE, "%s: box %lld of sample %lld of %s, (%g, %g) to (%g, %g), class %g: %s", path,
                     (long long)box, (long long)sample, hoop_dataset_about(ds)->field[field].path, v[0], v[1], v[2], v[3], v[4],
                     why);
}

hoop_status hoop__boxes_scan(hoop_dataset *ds, int field, const hoop__boxes_look *look, hoop_error *err, int64_t *classes)
{
    const hoop_dataset_info  *info = hoop_dataset_about(ds);
    const hoop_dataset_field *y    = &info->field[field];
    list                      l    = {0};
    double                    last = -1;
    hoop_status               st   = HOOP_OK;
    *classes                       = 0;
    if (!hoop_dtype_is_float(y->dtype) && y->dtype != HOOP_I64 && y->dtype != HOOP_I32)
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is %s, and boxes are wanted as floats or integers of more bytes",
                         hoop_dataset_path(ds, 0, NULL), y->path, hoop_dtype_name(y->dtype));
    if (y->ndim != 2 || y->shape[1] != BOX)
        return hoop_fail(
            err, HOOP_ESHAPE,
            "%s: %s holds no lists of boxes, (boxes, 5) of each sample: x1, y1, x2, y2, class; lists are a dataset of all "
            "boxes and the offsets of each sample's",
            hoop_dataset_path(ds, 0, NULL), y->path);
    for (int64_t i = 0; i < info->length && st == HOOP_OK; i++) {
        st = read_list(ds, field, i, &l, err);
        for (int64_t b = 0; b < l.n && st == HOOP_OK; b++) {
            char        text[HOOP__ADVICE];
            const char *why;
            if (!y->varies && is_padding(l.value + b * BOX)) continue;
            why = wrong(l.value + b * BOX, look, text);
            if (why != NULL) st = fail_box(ds, field, i, b, l.value + b * BOX, why, err);
            if (st == HOOP_OK && l.value[b * BOX + 4] > last) last = l.value[b * BOX + 4];
        }
    }
    free(l.value);
    *classes = (int64_t)last + 1;
    return st;
}
