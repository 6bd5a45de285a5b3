/**
 * io/import/writer.h - writes rows, one after another, to the shards of a training and a validation part.
 */
#ifndef HOOP_IO_WRITER_H
#define HOOP_IO_WRITER_H

#include "base/h5.h"
#include "hoop/import.h"

enum { HOOP_ATTRS_MAX = 8 };

/** What the rows look like. */
typedef struct hoop_writer_field {
    hoop_dtype   dtype;
    int          ndim; /* of a row */
    int64_t      shape[HOOP_DATASET_DIMS];
    int          nattrs;
    hoop_h5_attr attrs[HOOP_ATTRS_MAX];
} hoop_writer_field;

typedef struct hoop_writer hoop_writer;

/** Checks options, refuses to overwrite. y may be NULL. The fields' attributes must live until the writer is destroyed. */
hoop_status hoop__writer_create(const hoop_import_opts *opts, int64_t rows, const hoop_writer_field *x,
                                const hoop_writer_field *y, hoop_error *err, hoop_writer **out);
/** Add the next row, as stored. Rows are told apart into parts by their number. */
hoop_status hoop__writer_row(hoop_writer *w, const void *x, const void *y, hoop_error *err);
/** All rows are there: checksums, sync, names. */
hoop_status hoop__writer_finish(hoop_writer *w, hoop_error *err, hoop_import_result *result);
/** Removes what is not finished. */
void hoop__writer_destroy(hoop_writer **w);

#endif
