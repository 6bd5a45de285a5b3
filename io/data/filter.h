/**
 * io/data/filter.h - filters of chunks: which are here, which are not and where they come from. LZF, which h5py writes, is given
 * to HDF5 where it has none of its own.
 */
#ifndef HOOP_IO_FILTER_H
#define HOOP_IO_FILTER_H

#include <hdf5.h>

#include "hoop/status.h"

enum { HOOP_FILTER_LZF = 32000 };

/** HOOP_EFORMAT, naming the first filter of a dataset that HDF5 has not and its chunks need, and what brings it. */
hoop_status hoop__filters_check(hid_t dset, hid_t dcpl, const char *path, const char *name, hoop_error *err);

#endif
