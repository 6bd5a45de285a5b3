/**
 * hoop/augment.h - samples of training changed at random: what of, is a pure function of seed, epoch and sample, never of rank or
 * thread.
 *
 * Rows are changed where they stand, a leaf at a time, since partners (mixup, cutmix) come from the leaf a sample is in. Images
 * are rows (C, H, W) or (H, W); what moves their pixels moves those of all rows of that height and width, masks too.
 */
#ifndef HOOP_AUGMENT_H
#define HOOP_AUGMENT_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/option.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a kind asks of rows, and does to them. */
enum {
    HOOP_AUGMENT_IMAGES = 1, /* the first input that is an image says how large these are */
    HOOP_AUGMENT_MOVES  = 2, /* pixels: lists of places would not fit any more */
    HOOP_AUGMENT_MIXES  = 4, /* samples: all inputs are real numbers, and no rows vary */
    HOOP_AUGMENT_BOXES  = 8  /* pixels, and boxes with them */
};

struct hoop_augment_call;
typedef struct hoop_augment_kind {
    const char       *name, *help;
    hoop_option_table options;
    unsigned          what;
    /** Change sample i of the leaf, in all fields. */
    void (*sample)(const struct hoop_augment_call *c, int64_t i);
} hoop_augment_kind;

/** Bytes that hold the options of any kind. */
enum { HOOP_AUGMENT_OPTS = 64 };

/** Kind i; NULL after the last. And by its name. Calls: Local. */
HOOP_API const hoop_augment_kind *hoop_augment_get(int i);
HOOP_API const hoop_augment_kind *hoop_augment_find(const char *name);

typedef struct hoop_augment_use {
    const hoop_augment_kind *kind;
    alignas(8) char opts[HOOP_AUGMENT_OPTS]; /* those of its table */
} hoop_augment_use;

/** A leaf's rows of one field: (n, shape...), one behind the other, of f32, f64 or i64 (labels, indices). */
typedef struct hoop_augment_rows {
    void      *data;
    hoop_dtype dtype;
    bool       target, varies; /* rows that vary are left alone */
    bool    boxes;  /* unless they are lists of boxes, rows x1, y1, x2, y2 (pixels) and more: these move with the first image; */
    int64_t length; /* so many in each sample; those without an area are none */
    int     ndim;   /* of a row */
    const int64_t *shape;
} hoop_augment_rows;

/** Memory that calls keep; zero is empty. */
typedef struct hoop_augment_space {
    void   *data;
    int64_t bytes;
} hoop_augment_space;

/** A part of a sample's labels: those of row `of` of its leaf, by this share. Labels have no middle, so that a loss is made of
 * each part and added up by shares. */
typedef struct hoop_augment_part {
    int64_t of;
    double  share;
} hoop_augment_part;

typedef struct hoop_augment_leaf {
    uint64_t                 seed;
    int64_t                  epoch, n;
    const int64_t           *sample; /* the number of each in its data: what its randomness hangs on */
    int                      nfields;
    const hoop_augment_rows *field;
    hoop_augment_part *parts; /* (n, hoop_augment_parts) to be written: the labels of each sample, whose shares add up to 1 */
} hoop_augment_leaf;

enum { HOOP_AUGMENT_PARTS = 8 /* at most */ };
/** Of how many parts labels of a sample are behind all of them: 2 for each that mixes; 1: none does. Calls: Local. */
HOOP_API int hoop_augment_parts(const hoop_augment_use *uses, int n);
/** Are labels of this field made of parts? Not those of pixels which cutmix has pasted. Calls: Local. */
HOOP_API bool hoop_augment_in_parts(const hoop_augment_use *uses, int n, const hoop_augment_rows *field, int nfields, int k);

/** Can all of them be done to such rows (data is not looked at)? *bad: which not, where the error is of one. Errors: HOOP_ESHAPE,
 * HOOP_EDTYPE. Calls: Local. */
HOOP_API hoop_status hoop_augment_check(const hoop_augment_use *uses, int n, const hoop_augment_rows *field, int nfields,
                                        hoop_error *err, int *bad);
/** Do all of them, in their order, to a leaf. Errors: HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_augment_apply(const hoop_augment_use *uses, int n, const hoop_augment_leaf *leaf,
                                        hoop_augment_space *space, hoop_error *err);

#ifdef __cplusplus
}
#endif
#endif
