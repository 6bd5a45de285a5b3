/**
 * io/import/writer.h - writes rows, one after another, to the shards of a training and a validation part.
 */
#ifndef HOOP_IO_WRITER_H
#define HOOP_IO_WRITER_H

#include "base/h5.h"
#include "hoop/import.h"

enum { HOOP_ATTRS_MAX = 8 };

/** What a field is called, and what its rows look like. */
typedef struct hoop_writer_field {
    const char     *name; /* "u", for dataset /u; hoop__fields_check says which are possible */
    hoop_field_role role;
    hoop_dtype      dtype;
    int             ndim; /* of a row */
    int64_t         shape[HOOP_DATASET_DIMS];
    bool            list; /* a sample is several such rows: dataset /NAME_offsets says which */
    int             nattrs;
    hoop_h5_attr    attrs[HOOP_ATTRS_MAX];
} hoop_writer_field;

typedef struct hoop_writer hoop_writer;

/** Checks options, refuses to overwrite. The fields, 1 to HOOP_DATASET_FIELDS, must live until the writer is destroyed. */
hoop_status hoop__writer_create(const hoop_import_opts *opts, int64_t rows, const hoop_writer_field *fields, int nfields,
                                hoop_error *err, hoop_writer **out);
/** How many rows lists have of sample i, the same whenever it is asked; before the first row, wherever a field is a list. */
void hoop__writer_lists(hoop_writer *w, int64_t (*length)(void *ctx, int64_t i), void *ctx);
/** How many rows go to the validation part. */
int64_t hoop__writer_validation(const hoop_writer *w);
/** Validation is the last rows, not some of them; before the first row. */
void hoop__writer_in_order(hoop_writer *w);
/** Add the next n rows of the one field there is, as stored; in order. */
hoop_status hoop__writer_rows(hoop_writer *w, const void *rows, int64_t n, hoop_error *err);
/** Add the next row (of lists, rows) of each field, as stored. Rows are told apart into parts by their number. */
hoop_status hoop__writer_row(hoop_writer *w, const void *const *row, hoop_error *err);
/** All rows are there: checksums, sync, names. */
hoop_status hoop__writer_finish(hoop_writer *w, hoop_error *err, hoop_import_result *result);
/** HOOP_EINTERRUPTED once whoever imports is asked to stop: between pieces of work before rows are written (which look
 * themselves). */
hoop_status hoop__import_going(const hoop_import_opts *opts, hoop_error *err);
/** Removes what is not finished. */
void hoop__writer_destroy(hoop_writer **w);

#endif
