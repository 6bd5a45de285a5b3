/**
 * io/base/h5.h - what io needs of HDF5, with HDF5's own error stack turned into hoop errors.
 *
 * Files are written in the 1.8 format, whose metadata carries HDF5's checksums: a damaged header is an error of H5Fopen, not
 * garbage. Raw data of our own files never passes through HDF5: a file is laid out with its space reserved, closed, and then
 * filled with pwrite, so that a full disk is an ordinary errno.
 */
#ifndef HOOP_IO_H5_H
#define HOOP_IO_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/status.h"

enum { HOOP_H5_DIMS = 9 };

/** HDF5's printing is switched off between quiet and restore, on this thread. */
typedef struct hoop_h5_quiet {
    H5E_auto2_t print;
    void       *data;
} hoop_h5_quiet;
void hoop__h5_quiet(hoop_h5_quiet *q);
void hoop__h5_restore(const hoop_h5_quiet *q);

/** Fail with "text: the innermost message of HDF5's error stack", and clear that stack. */
hoop_status hoop__h5_fail(hoop_error *err, hoop_status status, const char *format, ...) HOOP_PRINTF(3, 4);

/** That innermost message alone. */
void hoop__h5_message(char *out, size_t size);

/** The type in files (little endian) and in memory; negative for a value that is no dtype. */
hid_t hoop__h5_file_type(hoop_dtype dtype);
hid_t hoop__h5_memory_type(hoop_dtype dtype);
/** Do the parts of an integer's or float's bits lie within its bytes? HDF5 1.10 converts without looking. */
bool hoop__h5_type_sound(hid_t type);
/** The smallest dtype that holds every value of an HDF5 type exactly; false if there is none. *native: same bytes. */
bool hoop__h5_dtype(hid_t type, hoop_dtype *out, bool *native);
enum { HOOP_H5_TYPE_NAME = 224 };
/** What a type is, in words, for errors. */
void hoop__h5_type_name(hid_t type, char *out, size_t size);
/** The type that a dataset's elements are read as (H5Tclose it): that of its codes for an enum, of
 * its numbers for lists of any length; `flip`: with the other sign. */
hid_t hoop__h5_taken_type(hid_t dset, bool flip);
/** The code of member i of an enum; false if it is none that an int holds. */
bool hoop__h5_enum_code(hid_t type, int i, int *out);

/** Several threads use HDF5 at a time: HOOP_ESTATE for a library that is not built for that. */
hoop_status hoop__h5_library(const char *path, hoop_error *err);
/** Open for reading without file locks, after checking that it is a regular file. *bytes (may be NULL): its size. */
hoop_status hoop__h5_open(const char *path, hoop_error *err, hid_t *file, int64_t *bytes);
/** Is there a link of this path? H5Lexists alone fails where a group on the way is missing. */
bool hoop__h5_exists(hid_t file, const char *name);
/** Somebody said what stands where nothing was written. */
bool hoop__h5_fill_is_said(hid_t dcpl);

typedef enum hoop_h5_attr_kind {
    HOOP_H5_I64,
    HOOP_H5_F64,
    HOOP_H5_STRING,
    HOOP_H5_I64S,
    HOOP_H5_STRINGS,
    HOOP_H5_F64S
} hoop_h5_attr_kind;

/** An attribute to write. STRINGS: v.strings[count], stored with one fixed length. */
typedef struct hoop_h5_attr {
    const char       *name;
    hoop_h5_attr_kind kind;
    int64_t           count; /* I64S, F64S, STRINGS */
    union {
        int64_t            i64;
        double             f64;
        const char        *string;
        const int64_t     *i64s;
        const double      *f64s;
        const char *const *strings;
    } v;
} hoop_h5_attr;

/** Bytes its value takes in a file. */
int64_t     hoop__h5_attr_bytes(const hoop_h5_attr *a);
hoop_status hoop__h5_attr_write(hid_t object, const hoop_h5_attr *a, const char *where, hoop_error *err);
/** Overwrite a string attribute of the same length in place. */
hoop_status hoop__h5_attr_rewrite(hid_t object, const char *name, const char *value, const char *where, hoop_error *err);
/** HOOP_EFORMAT, with what it is, if there is one that is no I64 (one integer), F64 (one number), or STRINGS (of `where`). */
hoop_status hoop__h5_attr_expect(hid_t object, const char *name, hoop_h5_attr_kind kind, const char *path, const char *where,
                                 hoop_error *err);
/** False if there is none or it is of another kind; strings are cut to size. */
bool hoop__h5_attr_i64(hid_t object, const char *name, int64_t *out);
bool hoop__h5_attr_f64(hid_t object, const char *name, double *out);
bool hoop__h5_attr_string(hid_t object, const char *name, char *out, size_t size);
/** Up to max numbers; returns how many there are, -1 if none. */
int64_t hoop__h5_attr_i64s(hid_t object, const char *name, int64_t *out, int64_t max);
/** The same of integers and floats. */
int64_t hoop__h5_attr_f64s(hid_t object, const char *name, double *out, int64_t max);
/** All strings of a fixed- or variable-length attribute, as one block: free(*out). Count, or -1. */
int64_t hoop__h5_attr_strings(hid_t object, const char *name, char ***out);

/** A dataset to lay out: contiguous, space reserved, nothing written. */
typedef struct hoop_h5_plan {
    const char         *name; /* "/x" or "/parameters/layers.0.weight": groups are made */
    hoop_dtype          dtype;
    int                 ndim;
    int64_t             shape[HOOP_H5_DIMS];
    const hoop_h5_attr *attrs;
    int                 nattrs;
    int64_t             offset; /* out: of its first byte in the file; 0 when it has none */
} hoop_h5_plan;

/** Write a file with these datasets and root attributes, data space reserved on disk but not filled. On failure there is no file.
 */
hoop_status hoop__h5_layout(const char *path, hoop_h5_plan *plans, int nplans, const hoop_h5_attr *root, int nroot,
                            hoop_error *err);

#endif
