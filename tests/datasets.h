/** tests/datasets.h - datasets of a test's own HDF5 file. */
#ifndef DATASETS_H
#define DATASETS_H

#include <hdf5.h>

/* stored as one type, given as another */
static inline void put_as(hid_t file, const char *name, hid_t stored, hid_t given, int ndim, const hsize_t *shape,
                          const void *values)
{
    const hid_t space = H5Screate_simple(ndim, shape, NULL);
    const hid_t set   = H5Dcreate2(file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    assert_true(H5Dclose(set) >= 0 && H5Sclose(space) >= 0);
}

static inline void put(hid_t file, const char *name, hid_t type, int ndim, const hsize_t *shape, const void *values)
{
    put_as(file, name, type, type, ndim, shape, values);
}

#endif
