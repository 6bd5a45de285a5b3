/**
 * io/data/cut.h - which part of an HDF5 dataset a field is: a piece of it, and which of its dims counts rows.
 */
#ifndef HOOP_IO_CUT_H
#define HOOP_IO_CUT_H

#include <hdf5.h>

#include "hoop/dataset.h"

enum { HOOP_CUT_DIMS = HOOP_DATASET_DIMS + 1 };

/** "[:, 0:3]" of "/u[:, 0:3]". */
typedef struct hoop_piece {
    int     ndim;                                     /* 0: all */
    int64_t first[HOOP_CUT_DIMS], end[HOOP_CUT_DIMS]; /* end -1: all from first on */
    bool    place[HOOP_CUT_DIMS];                     /* one place, whose dim is left out */
} hoop_piece;

typedef struct hoop_cut {
    int     ndim, axis;
    int64_t extent[HOOP_CUT_DIMS];                      /* of the dataset */
    int64_t first[HOOP_CUT_DIMS], count[HOOP_CUT_DIMS]; /* what is taken, of the axis all */
    bool    whole;                                      /* all, and dim 0 counts rows: as it is stored */
    /* Where a row is in a mapped dataset, in elements: it begins at start + row * step, and is `run` elements side by side for
     * each turn of nloops loops, the last the innermost. */
    int64_t start, step, run;
    int     nloops;
    int64_t turns[HOOP_CUT_DIMS], stride[HOOP_CUT_DIMS];
} hoop_cut;

/** The piece at the end of a path, if there is one; *name: how many bytes stand before it. HOOP_EARG. */
hoop_status hoop__piece_parse(const char *path, hoop_error *err, hoop_piece *out, size_t *name);
/** The part that a piece is of a dataset of these dims, and the shape of its rows. where: for errors. HOOP_ESHAPE. */
hoop_status hoop__cut_make(const hoop_piece *p, int axis, int ndim, const hsize_t *dims, const char *where, const char *path,
                           hoop_error *err, hoop_cut *out, hoop_dataset_field *about);
/** The first `most` bytes or so of a row of a mapped dataset, side by side; its elements have `width` bytes. */
void hoop__cut_pack(const hoop_cut *c, int64_t width, const unsigned char *dataset, int64_t row, int64_t most, void *out);
/** Rows of elements of `width` bytes in the order of the dataset's dims, to rows one after the other. */
void hoop__cut_turn(const hoop_cut *c, int64_t width, int64_t rows, const void *in, void *out);

#endif
