/**
 * hoop/output.h - one HDF5 file with datasets of rows, or a file of plain bytes, written by one process or shared by several:
 * predictions, say.
 *
 * One process creates it; what it gets is plain bytes that may be sent to others, and any of them write rows, in any order.
 * When all have written and synced theirs, the one that created it publishes the file under its name. Until then it stands as
 * PATH.tmp-PID, locked; what a killed process left so is removed when the next one creates the same PATH.
 */
#ifndef HOOP_OUTPUT_H
#define HOOP_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOOP_OUTPUT_PATH = 4096, HOOP_OUTPUT_SETS = 64 };

typedef struct hoop_output {
    char path[HOOP_OUTPUT_PATH], tmp[HOOP_OUTPUT_PATH];
    struct {
        int64_t rows, row_bytes, offset;
    } set[HOOP_OUTPUT_SETS];
    int  nsets;
    int  lock; /* a descriptor of the process that created it */
    bool force;
} hoop_output;

/** A dataset: `shape[ndim]` with shape[0] rows; attrs are `nattrs` pairs of name and text on it, list `nlist` texts of one more
 * attribute. */
typedef struct hoop_output_set {
    const char        *name; /* "/y" */
    hoop_dtype         dtype;
    int                ndim; /* 1 to 8 */
    int64_t            shape[8];
    const char *const *attrs;
    int                nattrs;
    const char        *list_name;
    const char *const *list;
    int64_t            nlist; /* 0: none */
} hoop_output_set;

/** Without a set: no HDF5, and any number of plain bytes, which are rows of one in set 0. */
typedef struct hoop_output_opts {
    const char            *path;
    const hoop_output_set *sets;
    int                    nsets; /* 0 to HOOP_OUTPUT_SETS */
    bool                   force; /* replace a regular file of that name; else HOOP_EIO */
} hoop_output_opts;

/** May a file be created there? hoop_output_create asks, too; before long work somebody else may. Errors: HOOP_EIO (exists, no
 * folder). Calls: Local. */
HOOP_API hoop_status hoop_output_check(const char *path, bool force, hoop_error *err);
/** Lay the file out, its space reserved. Errors: HOOP_EARG, HOOP_ESIZE, HOOP_EIO (exists, disk full ...). Calls: Local. */
HOOP_API hoop_status hoop_output_create(const hoop_output_opts *opts, hoop_error *err, hoop_output *out);
/** Write rows [first, first + n) of a set. Errors: HOOP_ERANGE, HOOP_EIO. Calls: Local. */
HOOP_API hoop_status hoop_output_write(const hoop_output *o, int set, int64_t first, int64_t n, const void *rows,
                                       hoop_error *err);
/** What this process wrote is on disk. Calls: Local. */
HOOP_API hoop_status hoop_output_sync(const hoop_output *o, hoop_error *err);
/** The process that created it, after all have synced: give the file its name. Errors: HOOP_EIO (without `force`: another file
 *  took the name meanwhile). Calls: Local. */
HOOP_API hoop_status hoop_output_publish(hoop_output *o, hoop_error *err);
/** That process: remove it instead, if it was not published. Accepts NULL, and an output that was never created (all zero).
 *  Calls: Local. */
HOOP_API void hoop_output_discard(hoop_output *o);

#ifdef __cplusplus
}
#endif
#endif
