/**
 * hoop/dataset.h - datasets: rows of x (inputs) and y (targets) in one or more HDF5 files, the shards.
 *
 * Any HDF5 file whose named datasets have the same first length is a shard. Attributes of files that hoop wrote (see
 * io/FORMAT.md) are `scale` (f64; values read as float are multiplied by it after the cast) and on y `classes` (how many) and
 * `class_names`; in other files they mean what somebody else meant by them, and are used where that is asked for. netCDF's
 * scale_factor, add_offset, _FillValue, missing_value, valid_range, valid_min, valid_max and _Unsigned are applied; reading a
 * missing value is an error. Contiguous data is mapped, everything else is read by whole chunks through a small cache.
 */
#ifndef HOOP_DATASET_H
#define HOOP_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOOP_DATASET_DIMS = 8, HOOP_FINGERPRINT_TEXT = 33 };
/** The `field` of calls below. */
enum { HOOP_FIELD_X = 0, HOOP_FIELD_Y = 1 };

typedef struct hoop_dataset hoop_dataset;

typedef enum hoop_dataset_y { HOOP_Y_REQUIRED, HOOP_Y_OPTIONAL, HOOP_Y_NONE } hoop_dataset_y;

/** Whose attributes say how stored numbers are meant. */
typedef enum hoop_dataset_attributes {
    HOOP_ATTRIBUTES_AUTO, /* hoop's in files that hoop wrote, netCDF's in all */
    HOOP_ATTRIBUTES_ALL,  /* hoop's in files of others, too */
    HOOP_ATTRIBUTES_NONE  /* in files of others none: values are as they are stored */
} hoop_dataset_attributes;

/** How labels are stored, where that is to become integers: y is then presented as i64. */
typedef enum hoop_dataset_labels {
    HOOP_LABELS_STORED,
    HOOP_LABELS_WHOLE,  /* as whole numbers of any type, reals too */
    HOOP_LABELS_ONE_HOT /* as rows of one 1 among zeros */
} hoop_dataset_labels;

typedef struct hoop_dataset_opts {
    const char             *x, *y;       /* names of the HDF5 datasets; NULL: "/x" and "/y" */
    hoop_dataset_y          use_y;       /* OPTIONAL: absent in all shards is fine; NONE: not looked for (predict) */
    int64_t                 cache_bytes; /* for chunks, decoded; 0: a quarter of a core's share of memory, 64 MiB to 1 GiB */
    hoop_dataset_attributes attributes;
    hoop_dataset_labels     labels;
    int64_t                 classes; /* how many labels there are, where the file does not say; 0: as it says */
} hoop_dataset_opts;

typedef struct hoop_dataset_field {
    bool        present;
    const char *name;
    hoop_dtype  dtype;                    /* stored; small integers as i32 (or i64), f16 as f32, bool as u8; unpacked: real */
    int         ndim;                     /* without the first dim */
    int64_t     shape[HOOP_DATASET_DIMS]; /* without the first dim */
    int64_t     numel;                    /* elements a row */
    double      scale;                    /* 1 where there is no attribute */
    double      factor, offset;           /* of netCDF, in the first shard, and applied before; 1 and 0 where there is none */
    bool        checked;                  /* there are values that cannot be read: missing ones, or what is no label */
} hoop_dataset_field;

typedef struct hoop_dataset_info {
    int64_t            length; /* rows of all shards */
    int                shards;
    int64_t            bytes;         /* of all shard files */
    bool               mapped;        /* all fields of all shards are read without HDF5 */
    bool               ours;          /* hoop wrote all of its shards */
    int64_t            classes;       /* of y; 0: not said */
    int64_t            chunked_bytes; /* of rows that are not mapped, decoded */
    int64_t            block_bytes;   /* of these, at most so much is read at a time */
    int64_t            cache_bytes;   /* and at most so much kept */
    hoop_dataset_field field[2];      /* HOOP_FIELD_X, HOOP_FIELD_Y */
    /**
     * Identifies the data, cheaply: XXH3-128, as hex, over length, dtypes, row shapes, scales, classes and rows as stored:
     * all rows where all fields together take at most 4 MiB, else 1,024 evenly spaced ones (64 where chunks have to be
     * read), the first and last included, of each at most 4,096 bytes. It does not depend on file names, nor on how rows are cut
     * into shards.
     */
    char fingerprint[HOOP_FINGERPRINT_TEXT];
} hoop_dataset_info;

/**
 * Open a dataset. `spec` is a file, a glob ("runs/sim-*.h5", sorted by the bytes of names), or the prefix of a set:
 * "digits/train" means digits/train-00000-of-00004.h5 and on, all of which must be there (or digits/train.h5). opts may be NULL.
 * Errors, one line naming file and dataset: HOOP_EIO (missing file or shard, unreadable), HOOP_EFORMAT (empty, not HDF5,
 * truncated, dataset missing), HOOP_ESHAPE (lengths of x and y, or row shapes of shards, differ), HOOP_EDTYPE, HOOP_ESIZE.
 * Owns: caller. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_open(const char *spec, const hoop_dataset_opts *opts, hoop_error *err, hoop_dataset **out);
HOOP_API void        hoop_dataset_close(hoop_dataset **ds);
/** What it holds; lives as long as the dataset. Calls: Local. */
HOOP_API const hoop_dataset_info *hoop_dataset_about(const hoop_dataset *ds);
/** The path and the number of rows of shard i; NULL if there is none. rows may be NULL. Calls: Local. */
HOOP_API const char *hoop_dataset_path(const hoop_dataset *ds, int i, int64_t *rows);
/** Notes of what was decided when it was opened, for people, each one line: note i, NULL if there is none. Calls: Local. */
HOOP_API const char *hoop_dataset_note(const hoop_dataset *ds, int i);
/**
 * Read what is `checked`, and fail as reading would, with how many there are in a file; does nothing where nothing is. Errors:
 * HOOP_ENONFINITE (missing), HOOP_ERANGE (no label; unsigned and over 64 signed bits), HOOP_EIO. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_check(hoop_dataset *ds, hoop_error *err);
/** The name of class i, NULL if it has none. Calls: Local. */
HOOP_API const char *hoop_dataset_class_name(const hoop_dataset *ds, int64_t i);
/** The name of column i of a field whose rows have one dim (or none: column 0); NULL if it has none. Calls: Local. */
HOOP_API const char *hoop_dataset_column(const hoop_dataset *ds, int field, int64_t i);
/** Which columns of a table were written as a column for each of their words: "Sex", where x has "Sex=female" and "Sex=male";
 * NULL after the last. Calls: Local. */
HOOP_API const char *hoop_dataset_one_hot(const hoop_dataset *ds, int64_t i);
/**
 * From now on rows of a field have n columns: column from[i] of those they had, or zeros (-1), called names[i] (NULL: they have
 * no names). Nobody may be reading. What is stored, and the fingerprint, stay. Errors: HOOP_ESHAPE (rows of more than one dim),
 * HOOP_ERANGE, HOOP_ENOMEM. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_choose(hoop_dataset *ds, int field, const int64_t *from, const char *const *names, int64_t n,
                                         hoop_error *err);
/** From now on label i, below nto, is read as to[i], and a greater one as -1; there are n classes, called so. Nobody may be
 * reading. Errors: HOOP_EARG (no labels), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_dataset_relabel(hoop_dataset *ds, const int64_t *to, int64_t nto, const char *const *names, int64_t n,
                                          hoop_error *err);
/**
 * Gather rows index[n] of a field into out (n, row shape...), cast to `as` (f32, f64; i64 for integer data without scale).
 * Any number of threads may read at a time. Errors: HOOP_ERANGE (index, or what is no label), HOOP_ENONFINITE (a missing value),
 * HOOP_EDTYPE, HOOP_EIO. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_read(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, void *out,
                                       hoop_error *err);

#ifdef __cplusplus
}
#endif
#endif
