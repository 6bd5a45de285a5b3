#include "train/lists.h"

#include "train/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOXES, SCORES, LABELS, SIDES = 4 };
static const char *const names[HOOP__LISTS] = {"boxes", "scores", "labels"};

void hoop__lists_free(hoop__lists *l)
{
    free(l->box);
    free(l->score);
    free(l->label);
    free(l->end);
}

/* for n values of a size; false: there is none */
static bool grow(void *pointer, int64_t n, size_t size)
{
    void *old, *more;
    memcpy(&old, pointer, sizeof old);
    more = realloc(old, (size_t)n * size);
    if (more != NULL) memcpy(pointer, &more, sizeof more);
    return more != NULL;
}

static hoop_status make_room(hoop__lists *l, int64_t rows, int64_t boxes, hoop_error *err)
{
    const int64_t r = 2 * (l->rows + rows), b = 2 * (l->n + boxes);
    if (l->rows + rows > l->room_rows) {
        if (!grow(&l->end, r, sizeof *l->end))
            return hoop_fail(err, HOOP_ENOMEM, "no memory for boxes of %lld rows", (long long)r);
        l->room_rows = r;
    }
    if (l->n + boxes <= l->room) return HOOP_OK;
    if (!grow(&l->box, b, SIDES * sizeof *l->box) || !grow(&l->score, b, sizeof *l->score) ||
        !grow(&l->label, b, sizeof *l->label))
        return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld boxes", (long long)b);
    l->room = b;
    return HOOP_OK;
}

hoop_status hoop__lists_add(hoop__lists *l, const void *values, hoop_dtype dtype, int64_t n, int64_t most, hoop_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        if (make_room(l, 1, most, err) != HOOP_OK) return HOOP_ENOMEM;
        for (int64_t k = 0; k < most; k++) {
            const int64_t at    = (i * most + k) * HOOP_BOX_FOUND;
            const double  label = hoop__value_at(values, dtype, at + HOOP_BOX_FOUND - 1);
            if (!(label >= 0)) break; /* behind the last */
            for (int d = 0; d < SIDES; d++) l->box[l->n * SIDES + d] = (float)hoop__value_at(values, dtype, at + d);
            l->score[l->n] = (float)hoop__value_at(values, dtype, at + SIDES);
            l->label[l->n] = (int64_t)label;
            l->n++;
        }
        l->end[l->rows++] = l->n;
    }
    return HOOP_OK;
}

hoop_status hoop__lists_agree(hoop_trainer *tr, hoop__lists *l, hoop_error *err)
{
    const int   size  = hoop_comm_size(tr->comm);
    int64_t    *n     = calloc((size_t)size, sizeof *n);
    hoop_error  local = {.status = HOOP_OK};
    hoop_status st;
    if (n == NULL) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for boxes of %d ranks", size);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    HOOP_TRY(st, done, hoop_comm_all_gather_bytes(tr->comm, &l->n, (int64_t)sizeof l->n, "number of boxes", &local, n));
    l->before = l->all = 0;
    for (int r = 0; r < size; r++) {
        if (r < hoop_comm_rank(tr->comm)) l->before += n[r];
        l->all += n[r];
    }
done:
    free(n);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

void hoop__lists_sets(hoop__lists *l, const char *prefix, int64_t rows, const char *const attrs[6], const char *const *classes,
                      int64_t nclasses, hoop_output_set sets[HOOP__LIST_SETS])
{
    for (int i = 0; i < HOOP__LISTS; i++) {
        hoop_output_set *list = &sets[i], *offsets = &sets[HOOP__LISTS + i];
        (void)snprintf(l->name[i], HOOP__LIST_NAME, "/%s%s", prefix, names[i]);
        (void)snprintf(l->name[HOOP__LISTS + i], HOOP__LIST_NAME, "/%s%s_offsets", prefix, names[i]);
        memcpy(l->attrs[i], attrs, 6 * sizeof *attrs);
        l->attrs[i][6] = "offsets";
        l->attrs[i][7] = l->name[HOOP__LISTS + i];
        *list          = (hoop_output_set){.name   = l->name[i],
                                           .dtype  = i == LABELS ? HOOP_I64 : HOOP_F32,
                                           .ndim   = i == BOXES ? 2 : 1,
                                           .shape  = {l->all, SIDES},
                                           .attrs  = l->attrs[i],
                                           .nattrs = 4};
        *offsets       = (hoop_output_set){.name = l->name[HOOP__LISTS + i], .dtype = HOOP_I64, .ndim = 1, .shape = {rows + 1}};
        if (i != LABELS) continue;
        list->list_name = "class_names";
        list->list      = classes;
        list->nlist     = nclasses;
    }
}

hoop_status hoop__lists_write(const hoop__lists *l, const hoop_output *file, int set, int64_t first, hoop_error *err)
{
    const void   *values[HOOP__LISTS] = {[BOXES] = l->box, [SCORES] = l->score, [LABELS] = l->label};
    const int64_t begin               = 0;
    hoop_status   st                  = HOOP_OK;
    for (int64_t i = 0; i < l->rows; i++) l->end[i] += l->before;
    for (int i = 0; i < HOOP__LISTS && st == HOOP_OK; i++) {
        st = hoop_output_write(file, set + i, l->before, l->n, values[i], err);
        if (first == 0 && st == HOOP_OK) st = hoop_output_write(file, set + HOOP__LISTS + i, 0, 1, &begin, err);
        if (st == HOOP_OK) st = hoop_output_write(file, set + HOOP__LISTS + i, first + 1, l->rows, l->end, err);
    }
    for (int64_t i = 0; i < l->rows; i++) l->end[i] -= l->before;
    return st;
}
