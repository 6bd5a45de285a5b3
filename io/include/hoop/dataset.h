/**
 * hoop/dataset.h - datasets: samples of named fields, inputs and targets, in one or more HDF5 files, the shards.
 *
 * A sample is one row of each field. Any HDF5 file whose named datasets have the same number of rows is a shard. The short form
 * is an input x and a target y. Attributes of files that hoop wrote (see io/FORMAT.md) are `scale` (f64; values read as float are
 * multiplied by it after the cast) and on targets `classes` (how many) and `class_names`; in other files they mean what somebody
 * else meant by them, and are used where that is asked for. netCDF's scale_factor, add_offset, _FillValue, missing_value,
 * valid_range, valid_min, valid_max and _Unsigned are applied; reading a missing value is an error. Contiguous data is mapped,
 * everything else is read by whole chunks through a small cache.
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
/** Most fields of a dataset. */
enum { HOOP_DATASET_FIELDS = 64 };
/** What labels are padded with where they are of variable length: what losses leave out, HOOP_IGNORE_LABEL of hoop/ops.h. */
enum { HOOP_PADDING_LABEL = -100 };
/** The `field` of calls below, where the dataset was opened by the short form; else the place among opts.fields. */
enum { HOOP_FIELD_X = 0, HOOP_FIELD_Y = 1 };

typedef enum hoop_field_role { HOOP_INPUT, HOOP_TARGET } hoop_field_role;

typedef struct hoop_dataset hoop_dataset;

typedef enum hoop_dataset_y { HOOP_Y_REQUIRED, HOOP_Y_OPTIONAL, HOOP_Y_NONE } hoop_dataset_y;

/** Whose attributes say how stored numbers are meant. */
typedef enum hoop_dataset_attributes {
    HOOP_ATTRIBUTES_AUTO, /* hoop's in files that hoop wrote, netCDF's in all */
    HOOP_ATTRIBUTES_ALL,  /* hoop's in files of others, too */
    HOOP_ATTRIBUTES_NONE  /* in files of others none: values are as they are stored */
} hoop_dataset_attributes;

/** How labels are stored, where that is to become integers: the target is then presented as i64. */
typedef enum hoop_dataset_labels {
    HOOP_LABELS_STORED,
    HOOP_LABELS_WHOLE,  /* as whole numbers of any type, reals too */
    HOOP_LABELS_ONE_HOT /* as rows of one 1 among zeros */
} hoop_dataset_labels;

/** One field of a dataset; what is 0 or NULL is not wanted. */
typedef struct hoop_field_opts {
    const char *name; /* "u" */
    const char *path; /* HDF5 dataset, or a piece of one: "/fields/u", "/fields/u[:, 0:3]" (every dim: `:`, FROM:TO or one
                         place, which leaves the dim out; of the dim of samples only `:`) */
    hoop_field_role role;
    hoop_dataset_y  use;         /* OPTIONAL: absent in all shards is fine; NONE: not looked for (targets, in predict) */
    int             sample_axis; /* the dim of samples; rows have the others, in their order */
    /**
     * A window of a longer series: sample i of inputs is rows [i*stride, i*stride + window) of the shard's series, of shape
     * (window, row shape...). A target's last row comes `horizon` rows after the last row of the inputs' longest window (horizon
     * 1 with the inputs' window: the next token; window 6, horizon 6: the six after); with a horizon and window 0 it is that one
     * row, without the dim. No window reaches from shard to shard. stride 0 is 1; it is one for all fields.
     */
    int64_t     window, stride, horizon;
    const char *offsets; /* HDF5 dataset of N + 1 ascending offsets: sample i is rows offsets[i] to offsets[i + 1] - 1 */
    int64_t     length;  /* rows of variable length (HDF5's, or by offsets) are padded to this; 0: to the longest read together */
    hoop_dataset_labels labels;  /* of targets, as is classes */
    int64_t             classes; /* how many labels there are, where the file does not say; 0: as it says */
} hoop_field_opts;

typedef struct hoop_dataset_opts {
    const hoop_field_opts  *fields; /* NULL: x and y, the short form */
    int                     nfields;
    const char             *x, *y;       /* paths; NULL: "/x" and "/y" */
    hoop_dataset_y          use_y;       /* as `use` of a field */
    int64_t                 cache_bytes; /* for chunks, decoded; 0: a quarter of a core's share of memory, 64 MiB to 1 GiB */
    hoop_dataset_attributes attributes;
    hoop_dataset_labels     labels; /* of y, as is classes */
    int64_t                 classes;
} hoop_dataset_opts;

typedef struct hoop_dataset_field {
    bool            present;
    const char     *name; /* "x" and "y" in the short form */
    const char     *path; /* of the HDF5 dataset, or a piece of it, as it was asked for */
    hoop_field_role role;
    hoop_dtype      dtype;                    /* stored; small integers as i32 (or i64), f16 as f32, bool as u8; unpacked: real */
    int             ndim;                     /* of a row, without the dim of samples */
    int64_t         shape[HOOP_DATASET_DIMS]; /* of a row; its first dim is `length`, or -1, where it varies */
    int64_t         numel;                    /* elements a row; -1 where it varies and is not padded to one length */
    bool            varies;                   /* a row's first dim is its own, and padded: hoop_dataset_lengths */
    int64_t         longest;                  /* of all rows, where they vary; 0: not known */
    int64_t         window, stride, horizon;  /* as it was opened; 0: no window */
    int64_t         classes;                  /* of a target; 0: not said */
    double          scale;                    /* 1 where there is no attribute */
    double          factor, offset;           /* of netCDF, in the first shard, and applied before; 1 and 0 where there is none */
    bool            checked;                  /* there are values that cannot be read: missing ones, or what is no label */
} hoop_dataset_field;

/** Elements behind the first dim of a sample: of each of its rows, where it varies. Calls: Local. */
static inline int64_t hoop_dataset_inner(const hoop_dataset_field *f)
{
    int64_t n = 1;
    for (int d = 1; d < f->ndim; d++) n *= f->shape[d];
    return n;
}

typedef struct hoop_dataset_info {
    int64_t                   length; /* samples of all shards */
    int                       shards;
    int64_t                   bytes;         /* of all shard files */
    bool                      mapped;        /* all fields of all shards are read without HDF5 */
    bool                      ours;          /* hoop wrote all of its shards */
    int64_t                   chunked_bytes; /* of rows that are not mapped, decoded */
    int64_t                   block_bytes;   /* of these, at most so much is read at a time */
    int64_t                   cache_bytes;   /* and at most so much kept */
    const hoop_dataset_field *field;         /* as opts.fields; of the short form always two, HOOP_FIELD_X and HOOP_FIELD_Y */
    int                       nfields;
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
 * truncated, dataset missing), HOOP_ESHAPE (numbers of samples of fields, or row shapes of shards, differ), HOOP_EDTYPE,
 * HOOP_ESIZE, HOOP_EARG (fields that cannot be).
 * Owns: caller. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_open(const char *spec, const hoop_dataset_opts *opts, hoop_error *err, hoop_dataset **out);
HOOP_API void        hoop_dataset_close(hoop_dataset **ds);
/** The sets of a folder, sorted, each as hoop_dataset_open takes it: DIR/train of shards, DIR/a.h5 of other HDF5 files. None is
 * no error. Owns: caller, each and the list (free). Errors: HOOP_EIO, HOOP_EARG (too long a path), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_dataset_sets(const char *dir, hoop_error *err, char ***sets, int64_t *n);
/** Which fields a set of hoop's says that it has, as opts.fields takes them: *n of them, inputs first; 0 and NULL where it says
 * nothing, as one of x and y, or of others. Owns: caller, as one block (free). Errors: those of opening. Calls: Local. */
HOOP_API hoop_status hoop_dataset_fields(const char *spec, hoop_error *err, hoop_field_opts **fields, int *n);
/** What it holds; lives as long as the dataset. Calls: Local. */
HOOP_API const hoop_dataset_info *hoop_dataset_about(const hoop_dataset *ds);
/** The place of the field called so; -1 if there is none. Calls: Local. */
HOOP_API int hoop_dataset_find(const hoop_dataset *ds, const char *name);
/** The path and the number of samples of shard i; NULL if there is none. rows may be NULL. Calls: Local. */
HOOP_API const char *hoop_dataset_path(const hoop_dataset *ds, int i, int64_t *rows);
/** Notes of what was decided when it was opened, for people, each one line: note i, NULL if there is none. Calls: Local. */
HOOP_API const char *hoop_dataset_note(const hoop_dataset *ds, int i);
/**
 * Read what is `checked`, and fail as reading would, with how many there are in a file; does nothing where nothing is. Errors:
 * HOOP_ENONFINITE (missing), HOOP_ERANGE (no label; unsigned and over 64 signed bits), HOOP_EIO. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_check(hoop_dataset *ds, hoop_error *err);
/** The name of class i of a target, NULL if it has none. Calls: Local. */
HOOP_API const char *hoop_dataset_class_name(const hoop_dataset *ds, int field, int64_t i);
/** The name of column i of a field whose rows (of a window or a list, each of them) have one dim, or none: column 0; NULL if it
 * has none. Calls: Local. */
HOOP_API const char *hoop_dataset_column(const hoop_dataset *ds, int field, int64_t i);
/** Which columns of a table were written as a column for each of their words: "Sex", where x has "Sex=female" and "Sex=male"
 * (of fields, the first input that has such); NULL after the last. Calls: Local. */
HOOP_API const char *hoop_dataset_one_hot(const hoop_dataset *ds, int64_t i);
/** The line of the tokenizer that made ids of its text (hoop/tokenizer.h); NULL if there is none. Calls: Local. */
HOOP_API const char *hoop_dataset_tokenizer(const hoop_dataset *ds);
/**
 * From now on rows of a field have n columns: column from[i] of those they had, or zeros (-1), called names[i] (NULL: they have
 * no names). Nobody may be reading. What is stored, and the fingerprint, stay. Errors: HOOP_ESHAPE (rows of more than one dim),
 * HOOP_ERANGE, HOOP_ENOMEM. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_choose(hoop_dataset *ds, int field, const int64_t *from, const char *const *names, int64_t n,
                                         hoop_error *err);
/** From now on label i of a field, below nto, is read as to[i], and a greater one as -1; there are n classes, called so. Nobody
 * may be reading. Errors: HOOP_EARG (no labels), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_dataset_relabel(hoop_dataset *ds, int field, const int64_t *to, int64_t nto, const char *const *names,
                                          int64_t n, hoop_error *err);
/** How long the first dim of rows index[n] of a field is before it is padded, which is shape[0] where it does not vary (1 of
 * rows without dims). Errors: those of hoop_dataset_read. Calls: Local. */
HOOP_API hoop_status hoop_dataset_lengths(hoop_dataset *ds, const int64_t *index, int64_t n, int field, int64_t *lengths,
                                          hoop_error *err);
/**
 * Gather rows index[n] of a field into out (n, row shape...), cast to `as` (f32, f64; i64 for integer data without scale).
 * Any number of threads may read at a time. Errors: HOOP_ERANGE (index, what is no label, or a row longer than it is padded to),
 * HOOP_ENONFINITE (a missing value), HOOP_EDTYPE, HOOP_ESHAPE (rows are not padded to one length), HOOP_EIO. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_read(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, void *out,
                                       hoop_error *err);
/** The same where rows vary, into out (n, length, row shape...), padded behind each row's own length: with 0, and integer targets
 * with HOOP_PADDING_LABEL. Where rows do not vary length is not looked at. Calls: Local. */
HOOP_API hoop_status hoop_dataset_read_padded(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as,
                                              int64_t length, void *out, hoop_error *err);

#ifdef __cplusplus
}
#endif
#endif
