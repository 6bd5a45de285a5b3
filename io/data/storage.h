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
    hoop_dataset_field about;
    int64_t            rows, offset;         /* offset < 0: cannot be mapped */
    int64_t            width;                /* bytes of an element in the file */
    int64_t            block_rows;           /* one reads at a time */
    int64_t            sum_rows, sum_offset; /* checksums of so many rows each, at that offset of the file; 0: none */
} hoop_found;

bool hoop__dataset_exists(hid_t file, const char *name);
/** Fill in offset and block_rows of f, whose dset, rows, width and row shape are known. native: its type is that of memory. */
hoop_status hoop__storage_find(hoop_found *f, hid_t file, const char *path, const char *name, bool native, int64_t file_bytes,
                               hoop_error *err);
/** Somebody said what stands where nothing was written. */
bool hoop__fill_is_said(hid_t dcpl);
/** HOOP_EFORMAT unless all that the virtual dataset is made of is there. */
hoop_status hoop__virtual_check(const hoop_found *f, hid_t dcpl, const char *path, const char *name, hoop_error *err);

#endif
