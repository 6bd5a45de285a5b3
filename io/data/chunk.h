/**
 * io/data/chunk.h - chunks decoded by io itself: none, deflate, LZF, shuffle and fletcher32 filters, any dims; of a piece only
 * those it needs.
 *
 * HDF5 1.10 trusts what a filter gives and reads past its end when a damaged chunk is short. Here every size is checked, and
 * decompression runs outside of HDF5's lock. Other filters are left to H5Dread.
 */
#ifndef HOOP_IO_CHUNK_H
#define HOOP_IO_CHUNK_H

#include "data/dataset.h"

typedef struct hoop_chunks hoop_chunks;

/** NULL without error where the dataset is not chunked or has a filter that is not known here. */
hoop_status hoop__chunks_create(hid_t dset, const hoop_dataset_field *f, const hoop_cut *cut, bool flip, const char *path,
                                hoop_error *err, hoop_chunks **out);
void        hoop__chunks_destroy(hoop_chunks **c);
/** Rows [first, first + rows), first being the first row of a chunk, or any row within one chunk's rows, into out as f->dtype,
 * row after row. */
hoop_status hoop__chunks_read(const hoop_chunks *c, hid_t dset, int64_t first, int64_t rows, void *out, const char *path,
                              hoop_error *err);

#endif
