/**
 * io/data/storage.h - where the elements of a dataset are: at an offset that can be mapped, or how many rows one reads at a time;
 * and whether they are there at all, since HDF5 reads what was never written, or cannot be found, as zeros.
 */
#ifndef HOOP_IO_STORAGE_H
#define HOOP_IO_STORAGE_H

#include "data/dataset.h"

/** A field of a shard that is being opened. */
typedef struct hoop_found {
    hid_t              dset;
    hoop_dataset_field about; /* as stored */
    hoop_dataset_field shown; /* as presented */
    hoop_reading       reading;
    bool               flip;       /* integers are taken with the other sign */
    char             **enum_names; /* of an enum whose codes are 0 to n - 1; free it */
    int64_t            enum_count; /* names of an enum, 0: it is none */
    hoop_cut           cut;
    int64_t            rows, offset; /* offset < 0: cannot be mapped */
    int64_t            elements;     /* of the dataset */
    int64_t            width, cell;  /* bytes of a number in the file; of an element, which may be a list of any length */
    bool               varies;       /* it is */
    int64_t           *offsets, noffsets, longest; /* of samples, and rows of the longest of these; free them */
    int64_t            block_rows;                 /* one reads at a time */
    int64_t            sum_rows, sum_offset;       /* checksums of so many rows each, at that offset of the file; 0: none */
} hoop_found;

/** The file in which fields are looked for, and how they are wanted. */
typedef struct hoop_look {
    hid_t                    file;
    const char              *path;
    int64_t                  bytes;
    bool                     ours; /* hoop wrote it */
    const hoop_dataset_opts *opts;
} hoop_look;

/* ---- field.c ---- */

/** The type of f->dset: stored dtype, width, names of an enum. *native: its bytes are those of memory. */
hoop_status hoop__field_type(hoop_found *f, const hoop_look *l, const hoop_field_opts *o, bool *native, hoop_error *err);
/** scale, netCDF's attributes, labels: f->reading and f->shown. */
hoop_status hoop__field_reading(hoop_found *f, const hoop_look *l, const hoop_field_opts *o, hoop_error *err);
/** Why `name` is no dataset of the file, with those that are there. */
hoop_status hoop__field_missing(const hoop_look *l, const char *name, hoop_error *err);
/** Attributes of ours in a file of others, which are not applied: a note of the dataset says so, once. */
hoop_status hoop__field_foreign(hoop_dataset *ds, const hoop_look *l, const hoop_found *found, hoop_error *err);

/** Find one field in an open file. f->dset < 0 afterwards: it is absent and may be. */
hoop_status hoop__field_find(const hoop_look *l, const hoop_field *of, hoop_error *err, hoop_found *f);

/* ---- block.c ---- */

/** All of it, in the dtype that it is stored as. */
hoop_status hoop__found_read(const hoop_found *f, const char *path, void *out, hoop_error *err);

/* ---- samples.c ---- */

/** The offsets of a found field that is to have them, checked. */
hoop_status hoop__offsets_find(const hoop_look *l, const hoop_field_opts *o, hoop_error *err, hoop_found *f);
/** The shard's samples, s->rows: as many of each field. */
hoop_status hoop__samples_count(const hoop_dataset *ds, hoop_shard *s, const hoop_found *found, hoop_error *err);

/* ---- classes.c ---- */

/** How many classes an open field of shard i has, and their names. */
hoop_status hoop__classes_read(hoop_dataset *ds, hoop_found *found, int field, int i, const hoop_look *l, hoop_error *err);

/* ---- storage.c ---- */

/** Fill in offset and block_rows of f, whose dset, rows, width and row shape are known. native: its type is that of memory. */
hoop_status hoop__storage_find(hoop_found *f, hid_t file, const char *path, const char *name, bool native, int64_t file_bytes,
                               hoop_error *err);

#endif
