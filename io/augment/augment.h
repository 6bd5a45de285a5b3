/** io/augment/augment.h - inside augmentation: a call, and what its rows are. */
#ifndef HOOP_IO_AUGMENT_H
#define HOOP_IO_AUGMENT_H

#include "hoop/augment.h"
#include "hoop/random.h"

/** What a field's rows are to a call. */
typedef struct hoop_augment_field {
    char      *data;
    hoop_dtype dtype;
    int64_t    numel, bytes;   /* of a row */
    int64_t    planes;         /* of an image of the call's size: its channels; 0: it is none */
    int64_t    box;            /* of lists of boxes: numbers of each; else 0 */
    bool       target, labels; /* labels: i64 */
} hoop_augment_field;

typedef struct hoop_augment_call {
    const void              *opts;
    const hoop_augment_leaf *leaf;
    int                      number; /* among the kinds of a config */
    int64_t                  height, width;
    int                      nfields;
    hoop_augment_field       field[64];
    char                    *row;            /* room for the largest row, */
    char                   **before;         /* and where samples are mixed, of each field the leaf's rows as they were, */
    const hoop_augment_part *parts_before;   /* and their parts, of which */
    int                      nparts, filled; /* there are so many of a sample, and so many say something */
} hoop_augment_call;

/** Draws of sample i, from number `first` on. */
static inline hoop_key hoop__augment_key(const hoop_augment_call *c, int64_t i)
{
    return hoop_key_make(c->leaf->seed, HOOP_FOR_AUGMENT, (uint64_t)c->leaf->epoch, (uint64_t)c->leaf->sample[i],
                         (uint64_t)c->number);
}
static inline double hoop__augment_draw(hoop_key key, uint64_t i, double low, double high)
{
    return low + (high - low) * hoop_random_f64(key, i);
}
static inline char *hoop__augment_row(const hoop_augment_field *f, int64_t i)
{
    return f->data + i * f->bytes;
}
/** Element k of a row of f32 or f64. */
static inline double hoop__augment_get(const hoop_augment_field *f, const char *row, int64_t k)
{
    return f->dtype == HOOP_F64 ? ((const double *)(const void *)row)[k] : (double)((const float *)(const void *)row)[k];
}
static inline void hoop__augment_put(const hoop_augment_field *f, char *row, int64_t k, double v)
{
    if (f->dtype == HOOP_F64)
        ((double *)(void *)row)[k] = v;
    else
        ((float *)(void *)row)[k] = (float)v;
}

extern const hoop_augment_kind hoop__augment_flip, hoop__augment_crop, hoop__augment_rotate, hoop__augment_jitter,
    hoop__augment_noise, hoop__augment_cutout, hoop__augment_mixup, hoop__augment_cutmix;

#endif
