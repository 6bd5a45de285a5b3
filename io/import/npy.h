/** io/import/npy.h - a NumPy file, mapped: its elements and rows as they will be stored. */
#ifndef HOOP_IO_NPY_H
#define HOOP_IO_NPY_H

#include "hoop/import.h"

typedef struct hoop_npy {
    const char          *path;
    unsigned char       *map;
    size_t               bytes;
    const unsigned char *data;
    char                 kind; /* 'f', 'i', 'u', 'b' */
    int                  width;
    bool                 swap, fortran;
    hoop_dtype           dtype; /* as it will be stored */
    int                  ndim;
    int64_t              shape[HOOP_DATASET_DIMS + 1], stride[HOOP_DATASET_DIMS + 1]; /* strides in elements */
    int64_t              row;                                                         /* elements */
} hoop_npy;

/** Map it, or what is unpacked of it into spool_dir or a temporary folder. Errors: those of hoop_import_npy. */
hoop_status hoop__npy_open(hoop_npy *f, const char *path, const char *spool_dir, hoop_error *err);
void        hoop__npy_close(hoop_npy *f);
/** Element `at` of the file, in the file's order. */
void hoop__npy_element(const hoop_npy *f, int64_t at, void *out);
/** Row i, row-major. */
void hoop__npy_row(const hoop_npy *f, int64_t i, char *out);

#endif
