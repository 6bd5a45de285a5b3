/**
 * hoop/import.h - write datasets: from IDX, CSV and NumPy files, or synthetic ones; and check what is there.
 *
 * Each call writes DIR/train-00000-of-00004.h5 and on, and with a split fraction DIR/validation-... besides, which rows
 * being decided by the seed alone. Files get their names only when all of them are complete and synced; on failure nothing
 * of them is left, but where force replaces a set and naming itself fails: then train cannot be opened, and another import
 * repairs it. While one import writes to DIR another gets HOOP_EBUSY. What the files look like is said in io/FORMAT.md. The same
 * input and options give the same bytes.
 */
#ifndef HOOP_IMPORT_H
#define HOOP_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dataset.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_import_opts {
    const char *dir;    /* where to; made if it is not there */
    int64_t     shards; /* of each part; 0: 4; never more than there are rows */
    double      split;  /* fraction of rows for validation, 0 <= split < 1; at least one row where split > 0 */
    uint64_t    seed;   /* of the split, and of what is synthetic */
    bool        force;  /* replace an existing set */
    void       *ctx;
    void (*progress)(void *ctx, double fraction); /* may be NULL; called on this thread, about a hundred times */
    const volatile int *stop; /* may be NULL; when it is not 0 any more (a signal), the call ends: HOOP_EINTERRUPTED */
} hoop_import_opts;

enum { HOOP_IMPORT_LINES = 32, HOOP_IMPORT_ABOUT = 12, HOOP_IMPORT_TEXT = 480 };

/** One thing that was decided, why, and the option of the command that decides otherwise. */
typedef struct hoop_import_line {
    char about[HOOP_IMPORT_ABOUT]; /* "header", "target", "dtype" ... */
    char text[HOOP_IMPORT_TEXT];   /* one line of UTF-8 */
} hoop_import_line;

typedef struct hoop_import_result {
    int64_t          train_rows, validation_rows, classes; /* classes: 0 for real targets; of several the first that has some */
    int64_t          dropped_rows, missing;                /* rows left out; missing cells there were */
    int              nlines;
    hoop_import_line line[HOOP_IMPORT_LINES]; /* what was decided; if full, the last says so; nothing to free */
} hoop_import_result;

/**
 * MNIST's format: images (u8, any dims after the first) and labels (u8), plain or gzip, from files or pipes. x: u8 with scale
 * 1/255, y: i64 with classes 0 to the largest; labels without a 0 are numbered, and kept as `class_names`.
 * Errors: HOOP_EIO, HOOP_EFORMAT (not IDX, truncated, corrupt gzip), HOOP_ESHAPE (counts differ). result may be NULL. Calls:
 * Local.
 */
HOOP_API hoop_status hoop_import_idx(const char *images, const char *labels, const hoop_import_opts *opts, hoop_error *err,
                                     hoop_import_result *result);

typedef enum hoop_csv_header { HOOP_CSV_AUTO, HOOP_CSV_HEADER, HOOP_CSV_NO_HEADER } hoop_csv_header;
typedef enum hoop_csv_targets { HOOP_CSV_TARGETS_AUTO, HOOP_CSV_CLASS, HOOP_CSV_REAL } hoop_csv_targets;
typedef enum hoop_missing { HOOP_MISSING_AUTO, HOOP_MISSING_REFUSE, HOOP_MISSING_DROP, HOOP_MISSING_MEAN } hoop_missing;
typedef enum hoop_import_dtype { HOOP_IMPORT_ANY, HOOP_IMPORT_F32, HOOP_IMPORT_F64 } hoop_import_dtype;

/** Lists of columns: by name or number from 0, comma-separated; negative numbers count from the end. */
typedef struct hoop_csv_opts {
    const char *target;    /* columns of y; NULL: the last */
    bool        no_target; /* x only */
    const char *columns;   /* of x, in this order; NULL: all but ... */
    const char *drop;      /* ... these */
    bool        keep_index;
    /** AUTO: a header if names are used in lists, or its words stand over numbers or nowhere below, or its numbers count 0, 1, 2
     * ...; where that is in doubt it is an error. */
    hoop_csv_header header;
    /** AUTO: class if there is one target and its values are words, true and false, whole numbers of which at most 64 are
     * different and each is there 5 times on average, or just 0 .. C-1 with C*C <= rows + 100; words among numbers are an error.
     */
    hoop_csv_targets  targets;
    const char       *one_hot; /* columns whose values become columns of ones and zeros, however many, numbers too */
    bool              no_one_hot;
    hoop_missing      missing; /* AUTO: refuse; with `like` as that set was made */
    hoop_import_dtype dtype;   /* of x and real y. ANY: f32, but f64 where f32 takes more than 1e-6 of a column's spread, or makes
                                  whole numbers or more than one in 100 of the first 4,096 values equal to others */
    const char *like;          /* a set: the same columns, words, classes, dtypes, means */
    bool        unknown_zero;  /* a word that `like` has not is none of its words; else an error */
    char        separator;     /* 0: comma, or what a first line sep=; says; ' ': any run of blanks and tabs */
    int         comment;  /* lines that begin with it are left out; 0: '#', and one that looks like a row is an error; -1: none */
    const char *encoding; /* NULL: UTF-8, anything else is an error; else a name iconv knows */
} hoop_csv_opts;

/**
 * A table, as in RFC 4180 (quotes, CRLF), plain or gzip, from a file, a pipe, or "-", standard input. x: f32 or f64 (N, columns);
 * y: i64 (N) of classes, or f32 or f64 (N) or (N, targets). Classes are compared as text ("12.0" is "12"); those that are not the
 * whole numbers 0 .. C-1 are numbered in ascending order (numbers) or byte order (words) and kept as attribute `class_names`;
 * names of columns as `columns`. Words among features become a column of ones and zeros each, named COLUMN=WORD, of at most 32
 * words unasked (attribute `one_hot`: which columns). True and false are 1 and 0. A first column without a name and with distinct
 * whole numbers is the rows' index and left out. Blanks around a field do not count. Empty lines are skipped; empty fields, and
 * NaN, NA and the like among numbers, are missing values; numbers that are not finite are errors. Errors say line and column
 * (HOOP_EFORMAT). csv and result may be NULL. Calls: Local.
 */
HOOP_API hoop_status hoop_import_csv(const char *path, const hoop_csv_opts *csv, const hoop_import_opts *opts, hoop_error *err,
                                     hoop_import_result *result);

typedef struct hoop_npy_opts {
    hoop_csv_targets targets; /* AUTO: see below */
} hoop_npy_opts;

/**
 * NumPy .npy files (format 1, 2, 3; C or Fortran order, any byte order; f4 f8 i8 i4 u1, and f2 i1 i2 u2 u4 b1 as the next
 * larger of these, u8 as i8 where all of it fits), plain or gzip, from files or pipes: x of shape (N, ...), y of shape (N) or (N,
 * ...). y may be NULL. Integers y (N) become classes, i64, if at most 64 are different and each is there 5 times on average, or
 * if they are 0 .. C-1 and each is there 5 times on average or C*C <= N + 100. Where 0 is one of them and C at most 64 or twice
 * their number, they are the ids; else they are numbered, and kept as `class_names`. npy and result may be NULL. Errors:
 * HOOP_EFORMAT (truncated, bytes after the end), HOOP_EDTYPE, HOOP_ERANGE (u8 that does not fit), HOOP_ESHAPE. Calls: Local.
 */
HOOP_API hoop_status hoop_import_npy(const char *x, const char *y, const hoop_npy_opts *npy, const hoop_import_opts *opts,
                                     hoop_error *err, hoop_import_result *result);

/** One field of a set to write. */
typedef struct hoop_import_field {
    const char *name; /* "u", for dataset /u: 1 to 63 letters, digits, `_`, `-` and `.`, not dots alone; not xxh3_64, nor x for a
                         target, nor y for an input */
    const char      *path; /* of its file */
    hoop_field_role  role;
    hoop_csv_targets targets; /* of a target; AUTO: as for y above */
    double           scale;   /* attribute `scale`, which values are multiplied by as they are read; 0: none */
} hoop_import_field;

/**
 * The same of any inputs and targets, one .npy file each, in this order: each with its own dtype, row shape, classes and
 * checksums. x and y alone give the bytes that hoop_import_npy gives. Errors besides: HOOP_EARG (a name that cannot be, two
 * alike, no input, a scale that is not finite or of classes); HOOP_ESHAPE (numbers of rows differ). result may be NULL. Calls:
 * Local.
 */
HOOP_API hoop_status hoop_import_npy_fields(const hoop_import_field *fields, int nfields, const hoop_import_opts *opts,
                                            hoop_error *err, hoop_import_result *result);

/**
 * A synthetic set of `samples` samples of a kind, the same bytes for the same seed and numbers. "digits", "spirals": x and a
 * class y. "shapes": x u8 (3, 64, 64), y u8 (64, 64), a class of each pixel. "scenes": x u8 (3, 128, 128), `boxes` f32 (k, 5), a
 * list (offsets: boxes_offsets) of x1, y1, x2, y2 in pixels and a class. "heat": x and y f32 (1, 64, 64). "series": x f32 (96,
 * 1), y f32 (24). "poisson", "burgers": x f32 (3), two coordinates and what the point is for, y f32 (1), w f32 (), weights of
 * samples; with a split, validation are points of its own, where y is the solution. Calls: Local.
 */
HOOP_API hoop_status hoop_synth(const char *kind, int64_t samples, const hoop_import_opts *opts, hoop_error *err,
                                hoop_import_result *result);
/** What it is, in a line; NULL after the last. Calls: Local. */
HOOP_API const char *hoop_synth_help(int i);
/** Name of kind i, NULL after the last. Calls: Local. */
HOOP_API const char *hoop_synth_kind(int i);

typedef enum hoop_text_tokens { HOOP_TEXT_CHARACTERS, HOOP_TEXT_BYTES, HOOP_TEXT_BYTE_PAIRS } hoop_text_tokens;

typedef struct hoop_text_opts {
    hoop_text_tokens tokens;
    int64_t          vocabulary; /* ids of byte pairs, 257 to 65,536; 0: 4,096; fewer where fewer pairs are there twice */
    const char      *like;       /* a set of text: by its tokenizer, not one of its own; NULL: none */
} hoop_text_opts;

/**
 * A text, plain or gzip, from a file, a pipe, or "-", as a stream of ids, stored once: /text, u8 where 256 ids do, else i32, with
 * attributes `classes`, how many ids there are, and `tokenizer` (hoop/tokenizer.h). Samples are windows of it, which whoever
 * opens it asks for (hoop_field_opts). The split takes the end of the text, not windows of it; shards: 1 where none are said.
 * Errors, with the byte: HOOP_EFORMAT (empty; not UTF-8, where tokens are characters), HOOP_ERANGE (a character that is none of
 * those of `like`; more than 65,536), HOOP_EARG. text and result may be NULL. Calls: Local.
 */
HOOP_API hoop_status hoop_import_text(const char *path, const hoop_text_opts *text, const hoop_import_opts *opts, hoop_error *err,
                                      hoop_import_result *result);

typedef enum hoop_images_fit { HOOP_IMAGES_CROP, HOOP_IMAGES_STRETCH } hoop_images_fit;

typedef struct hoop_images_opts {
    int64_t         height, width; /* of all that is written; 0: as the first one, and all are to be of that */
    hoop_images_fit fit;           /* how others become that: of the shape wanted as much as is in their middle, or all of them */
    bool            grey;          /* one channel; else three, of grey ones too */
    bool            skip_broken;   /* files that cannot be decoded are left out; else an error */
} hoop_images_opts;

/**
 * PNG and JPEG files of a folder: FOLDER/CLASS/... are of class CLASS, in the byte order of names; FOLDER/NAME.png, and no class
 * folders: no target. x: u8 (N, channels, height, width) with `scale` 1/255; y: i64 with `class_names`. Of 16 bits the upper 8
 * are taken, alpha is left out. Files with other names than .png, .jpg, .jpeg are counted. Errors, naming the file: HOOP_EFORMAT
 * (broken; no pictures at all), HOOP_ESHAPE (another size), HOOP_EIO. images and result may be NULL. Calls: Local.
 */
HOOP_API hoop_status hoop_import_images(const char *folder, const hoop_images_opts *images, const hoop_import_opts *opts,
                                        hoop_error *err, hoop_import_result *result);

typedef struct hoop_verify_report {
    int64_t rows, checksums; /* samples read; checksums there were, all of which matched */
    struct {
        double least, greatest; /* with scale; of labels these */
    } field[HOOP_DATASET_FIELDS];
} hoop_verify_report;

/**
 * Read all of a dataset: checksums where the files have them, labels within `classes`, no NaN or infinity. The first fault is
 * the error (HOOP_ECHECKSUM, HOOP_ERANGE, HOOP_ENONFINITE ...), naming file, dataset and row. report may be NULL. Calls: Local.
 */
HOOP_API hoop_status hoop_dataset_verify(hoop_dataset *ds, void (*progress)(void *ctx, double fraction), void *ctx,
                                         hoop_error *err, hoop_verify_report *report);

#ifdef __cplusplus
}
#endif
#endif
