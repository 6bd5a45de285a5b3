/** io/data/virtual.h - are the parts that a virtual dataset is made of there? */
#ifndef HOOP_IO_VIRTUAL_H
#define HOOP_IO_VIRTUAL_H

#include <hdf5.h>
#include <stdint.h>

#include "hoop/status.h"

/** HOOP_EFORMAT unless all sources of dset, `name` of the file at path, are there and give `elements`. */
hoop_status hoop__virtual_check(hid_t dset, hid_t dcpl, int64_t elements, const char *path, const char *name, hoop_error *err);

#endif
