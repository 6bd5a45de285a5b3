/* The kinds of augmentation, what they ask of rows, and the way through a leaf. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "augment/augment.h"
#include "hoop/dataset.h"

static const hoop_augment_kind *const kinds[] = {&hoop__augment_flip,   &hoop__augment_crop,  &hoop__augment_rotate,
                                                 &hoop__augment_jitter, &hoop__augment_noise, &hoop__augment_cutout,
                                                 &hoop__augment_mixup,  &hoop__augment_cutmix};
enum { KINDS = (int)(sizeof kinds / sizeof *kinds) };

const hoop_augment_kind *hoop_augment_get(int i)
{
    return i < 0 || i >= KINDS ? NULL : kinds[i];
}

const hoop_augment_kind *hoop_augment_find(const char *name)
{
    for (int i = 0; i < KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
    return NULL;
}

static bool may_be_image(const hoop_augment_rows *r)
{
    return !r->varies && !r->boxes && (r->ndim == 2 || r->ndim == 3);
}

/* The input that says how large images are; -1: none is one. */
static int first_image(const hoop_augment_rows *field, int nfields)
{
    for (int k = 0; k < nfields; k++)
        if (!field[k].target && hoop_dtype_is_float(field[k].dtype) && may_be_image(&field[k])) return k;
    return -1;
}

/* An image of another size would stay where it is while the others move. */
static hoop_status check_sizes(const hoop_augment_kind *kind, const hoop_augment_rows *field, int nfields, hoop_error *err)
{
    const hoop_augment_rows *image     = &field[first_image(field, nfields)];
    const int64_t           *size      = image->shape + image->ndim - 2;
    int                      number[2] = {0, 0};
    for (int k = 0; k < nfields; k++) {
        const hoop_augment_rows *r   = &field[k];
        const int                i   = number[r->target]++;
        const int64_t           *own = may_be_image(r) ? r->shape + r->ndim - 2 : size;
        if (own[0] == size[0] && own[1] == size[1]) continue;
        return hoop_fail(err, HOOP_ESHAPE,
                         "%s moves pixels of images of %lld x %lld, and %s %d is of %lld x %lld, whose own would stay; one size "
                         "is wanted",
                         kind->name, (long long)size[0], (long long)size[1], r->target ? "target" : "input", i, (long long)own[0],
                         (long long)own[1]);
    }
    return HOOP_OK;
}

/* Are labels of field k those of the pixels of images? */
static bool is_mask(const hoop_augment_rows *field, int nfields, int k)
{
    const int                image = first_image(field, nfields);
    const hoop_augment_rows *r     = &field[k];
    if (image < 0 || !may_be_image(r) || r->dtype != HOOP_I64) return false;
    return r->shape[r->ndim - 2] == field[image].shape[field[image].ndim - 2] &&
           r->shape[r->ndim - 1] == field[image].shape[field[image].ndim - 1];
}

/* What stands against one kind. */
static hoop_status check(const hoop_augment_kind *kind, const hoop_augment_rows *field, int nfields, hoop_error *err)
{
    const bool images = (kind->what & HOOP_AUGMENT_IMAGES) != 0, moves = (kind->what & HOOP_AUGMENT_MOVES) != 0,
               mixes = (kind->what & HOOP_AUGMENT_MIXES) != 0;
    bool real        = false;
    if (images && first_image(field, nfields) < 0)
        return hoop_fail(err, HOOP_ESHAPE, "%s is for images, rows (C, H, W) or (H, W) of real numbers, and no input has such",
                         kind->name);
    for (int k = 0; k < nfields; k++) {
        const hoop_augment_rows *r = &field[k];
        real                       = real || (!r->target && !r->varies && hoop_dtype_is_float(r->dtype));
        if (r->boxes && moves && (kind->what & HOOP_AUGMENT_BOXES) == 0)
            return hoop_fail(err, HOOP_ESHAPE,
                             "%s moves pixels, and boxes would not be boxes any more; flip and crop move them, too", kind->name);
        if (r->boxes && moves) continue;
        if ((moves || mixes) && (r->varies || r->boxes))
            return hoop_fail(err, HOOP_ESHAPE,
                             "%s %s, and a field has rows that vary in length, which would not fit them any more", kind->name,
                             moves ? "moves pixels" : "mixes samples");
        if (mixes && !r->target && !hoop_dtype_is_float(r->dtype))
            return hoop_fail(err, HOOP_EDTYPE, "%s mixes samples, and an input is of indices, which have no middle", kind->name);
    }
    if (!real) return hoop_fail(err, HOOP_EDTYPE, "%s is for real numbers, and no input has such", kind->name);
    return images && moves ? check_sizes(kind, field, nfields, err) : HOOP_OK;
}

int hoop_augment_parts(const hoop_augment_use *uses, int n)
{
    int parts = 1;
    for (int i = 0; i < n; i++)
        if ((uses[i].kind->what & HOOP_AUGMENT_MIXES) != 0) parts *= 2;
    return parts;
}

/* Does one of them mix images whole, and one paste parts of them? */
static void find_mixes(const hoop_augment_use *uses, int n, bool *whole, bool *pastes)
{
    *whole = *pastes = false;
    for (int i = 0; i < n; i++) {
        const unsigned what = uses[i].kind->what;
        if ((what & HOOP_AUGMENT_MIXES) == 0) continue;
        if ((what & HOOP_AUGMENT_IMAGES) != 0)
            *pastes = true;
        else
            *whole = true;
    }
}

hoop_status hoop_augment_check(const hoop_augment_use *uses, int n, const hoop_augment_rows *field, int nfields, hoop_error *err,
                               int *bad)
{
    bool whole, pastes;
    find_mixes(uses, n, &whole, &pastes);
    for (int i = 0; i < n; i++) {
        hoop_status st = check(uses[i].kind, field, nfields, err);
        if (st == HOOP_OK && (uses[i].kind->what & HOOP_AUGMENT_MIXES) != 0 && whole && pastes)
            for (int k = 0; k < nfields && st == HOOP_OK; k++)
                if (is_mask(field, nfields, k))
                    st = hoop_fail(err, HOOP_ESHAPE,
                                   "%s mixes labels of pixels, and another one does so in its own way; one of them is wanted",
                                   uses[i].kind->name);
        if (st == HOOP_OK && hoop_augment_parts(uses, i + 1) > HOOP_AUGMENT_PARTS)
            st = hoop_fail(err, HOOP_ESHAPE, "%s is one too many of those that mix samples; at most %d are wanted",
                           uses[i].kind->name, 3);
        if (st == HOOP_OK) continue;
        if (bad != NULL) *bad = i;
        return st;
    }
    return HOOP_OK;
}

bool hoop_augment_in_parts(const hoop_augment_use *uses, int n, const hoop_augment_rows *field, int nfields, int k)
{
    bool whole, pastes;
    find_mixes(uses, n, &whole, &pastes);
    if (!field[k].target || field[k].dtype != HOOP_I64) return false;
    return is_mask(field, nfields, k) ? whole : whole || pastes;
}

/* Fields as calls see them; bytes of the largest row, and of all rows. */
static void begin(const hoop_augment_leaf *leaf, hoop_augment_call *c, int64_t *largest, int64_t *all)
{
    const int image = first_image(leaf->field, leaf->nfields);
    if (image >= 0) {
        const hoop_augment_rows *r = &leaf->field[image];
        c->height                  = r->shape[r->ndim - 2];
        c->width                   = r->shape[r->ndim - 1];
    }
    *largest = *all = 0;
    for (int k = 0; k < leaf->nfields; k++) {
        const hoop_augment_rows *r = &leaf->field[k];
        hoop_augment_field      *f = &c->field[c->nfields];
        if ((r->varies && !r->boxes) || r->data == NULL) continue;
        *f = (hoop_augment_field){
            .data = r->data, .dtype = r->dtype, .numel = 1, .target = r->target, .labels = r->dtype == HOOP_I64};
        for (int d = 0; d < r->ndim; d++) f->numel *= r->boxes && d == 0 ? (r->varies ? r->length : r->shape[d]) : r->shape[d];
        if (r->boxes) f->box = r->shape[1];
        f->bytes = f->numel * (int64_t)hoop_dtype_size(r->dtype);
        if (image >= 0 && may_be_image(r) && r->shape[r->ndim - 2] == c->height && r->shape[r->ndim - 1] == c->width)
            f->planes = r->ndim == 3 ? r->shape[0] : 1;
        if (f->bytes > *largest) *largest = f->bytes;
        *all += f->bytes * leaf->n;
        c->nfields++;
    }
}

hoop_status hoop_augment_apply(const hoop_augment_use *uses, int n, const hoop_augment_leaf *leaf, hoop_augment_space *space,
                               hoop_error *err)
{
    hoop_augment_call c = {.leaf = leaf};
    char             *before[HOOP_DATASET_FIELDS];
    int64_t           largest, all, bytes, parts;
    bool              mixes = false;
    begin(leaf, &c, &largest, &all);
    for (int i = 0; i < n; i++) mixes = mixes || (uses[i].kind->what & HOOP_AUGMENT_MIXES) != 0;
    c.nparts = hoop_augment_parts(uses, n);
    c.filled = 1;
    parts    = leaf->n * c.nparts;
    bytes    = largest + 16 + (mixes ? all + 8 + parts * (int64_t)sizeof(hoop_augment_part) : 0);
    if (bytes > space->bytes) {
        free(space->data);
        space->data  = malloc((size_t)bytes);
        space->bytes = space->data != NULL ? bytes : 0;
        if (space->data == NULL)
            return hoop_fail(err, HOOP_ENOMEM, "no memory to augment a leaf of %lld samples", (long long)leaf->n);
    }
    c.row    = space->data;
    c.before = before;
    for (int64_t i = 0; mixes && i < parts; i++)
        leaf->parts[i] = (hoop_augment_part){i / c.nparts, i % c.nparts == 0 ? 1.0 : 0.0};
    for (int i = 0; i < n; i++) {
        char *at = c.row + (largest + 7) / 8 * 8;
        c.opts   = uses[i].opts;
        c.number = i;
        for (int k = 0; k < c.nfields && (uses[i].kind->what & HOOP_AUGMENT_MIXES) != 0; k++) {
            before[k] = at;
            memcpy(at, c.field[k].data, (size_t)(c.field[k].bytes * leaf->n));
            at += c.field[k].bytes * leaf->n;
        }
        if ((uses[i].kind->what & HOOP_AUGMENT_MIXES) != 0) {
            at += (8 - ((uintptr_t)at & 7)) & 7;
            memcpy(at, leaf->parts, (size_t)parts * sizeof *leaf->parts);
            c.parts_before = (const hoop_augment_part *)(const void *)at;
        }
        for (int64_t s = 0; s < leaf->n; s++) uses[i].kind->sample(&c, s);
        if ((uses[i].kind->what & HOOP_AUGMENT_MIXES) != 0) c.filled *= 2;
    }
    return HOOP_OK;
}
