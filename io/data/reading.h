/**
 * io/data/reading.h - how stored elements become what a dataset presents, where that is more than a cast and a scale: netCDF's
 * packed and missing values, labels that are stored as something else, unsigned integers of 8 bytes.
 *
 * A row is looked at as it is read: what is missing, or no label, is counted, and its first place kept.
 */
#ifndef HOOP_IO_READING_H
#define HOOP_IO_READING_H

#include <hdf5.h>

#include "hoop/dataset.h"

enum { HOOP_READING_MISSING = 16 /* of an attribute; all together: */, HOOP_READING_MOST = 2 * HOOP_READING_MISSING + 1 };

typedef struct hoop_reading {
    bool                used;   /* false: a cast and a scale are all */
    hoop_dataset_labels labels; /* of y: stored as what */
    bool                packed; /* presented = stored * factor + offset, in f64 */
    bool                wide;   /* stored as unsigned integers of 8 bytes: what is negative here does not fit */
    bool   ranged, of_real;     /* low and high are there; of_real: they are of what is presented, not of what is stored */
    bool   no_nan;              /* NaN is missing */
    int    nmissing;
    double factor, offset, low, high, missing[HOOP_READING_MOST];
} hoop_reading;

typedef enum hoop_fault {
    HOOP_FAULT_NONE,
    HOOP_FAULT_MISSING,
    HOOP_FAULT_WIDE,
    HOOP_FAULT_NOT_WHOLE,
    HOOP_FAULT_NOT_ONE
} hoop_fault;

/** What was wrong with the rows looked at: the first, and how many elements (of one-hot labels: rows). */
typedef struct hoop_reading_faults {
    hoop_fault  kind;
    int64_t     count, row, element;
    double      value;
    uint64_t    wide; /* what did not fit */
    const char *path;
} hoop_reading_faults;

/** Nothing but a cast and a scale. */
void hoop__reading_none(hoop_reading *v);
/** The attributes of netCDF on dset, whose elements are read as being of type `taken`; netcdf: a netCDF library wrote the file.
 */
hoop_status hoop__reading_attributes(hid_t dset, hid_t taken, bool netcdf, const char *path, const char *name, hoop_error *err,
                                     hoop_reading *v);
/** From what is stored to what is presented; set also v->used. labels: how y is wanted; narrow: f32 holds what is packed. */
hoop_status hoop__reading_apply(hoop_reading *v, const hoop_dataset_field *stored, hoop_dataset_labels labels, bool narrow,
                                const char *path, hoop_error *err, hoop_dataset_field *shown);
/** One row to `as` at dst (NULL: it is only looked at). path and row are where it is, for faults. */
void hoop__reading_row(const hoop_reading *v, const hoop_dataset_field *stored, const void *src, hoop_dtype as, void *dst,
                       const char *path, int64_t row, hoop_reading_faults *faults);
/** HOOP_OK where nothing was wrong. */
hoop_status hoop__reading_verdict(const hoop_reading_faults *faults, const char *name, hoop_error *err);
/** Do two views present the same stored elements alike? */
bool hoop__reading_equal(const hoop_reading *a, const hoop_reading *b);

#endif
