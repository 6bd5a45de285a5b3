/* A file with its space reserved, before anything is in it. */
#include "base/h5.h"

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The groups above a dataset, made where they are missing: without times, which HDF5's own way of making them leaves in. */
static hoop_status layout_groups(hid_t file, hid_t gcpl, const char *name, const char *path, hoop_error *err)
{
    char part[HOOP_PATH_MAX];
    for (size_t i = 1; name[i] != '\0' && i < sizeof part; i++) {
        hid_t group;
        if (name[i] != '/') continue;
        memcpy(part, name, i);
        part[i] = '\0';
        if (H5Lexists(file, part, H5P_DEFAULT) > 0) continue;
        group = H5Gcreate2(file, part, H5P_DEFAULT, gcpl, H5P_DEFAULT);
        if (group < 0 || H5Gclose(group) < 0) return hoop__h5_fail(err, HOOP_EIO, "%s: cannot create group %s", path, part);
    }
    return HOOP_OK;
}

static hoop_status layout_dataset(hid_t file, hid_t dcpl, const hoop_h5_plan *p, const char *path, hoop_error *err)
{
    hsize_t     dims[HOOP_H5_DIMS];
    hid_t       space = -1, dset = -1;
    hoop_status st = HOOP_OK;
    for (int i = 0; i < p->ndim; i++) dims[i] = (hsize_t)p->shape[i];
    space = p->ndim == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(p->ndim, dims, NULL);
    if (space >= 0) dset = H5Dcreate2(file, p->name, hoop__h5_file_type(p->dtype), space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    if (dset < 0) {
        st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot create dataset %s", path, p->name);
        goto done;
    }
    for (int i = 0; i < p->nattrs; i++) HOOP_TRY(st, done, hoop__h5_attr_write(dset, &p->attrs[i], path, err));
done:
    if (dset >= 0 && H5Dclose(dset) < 0 && st == HOOP_OK) st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot close %s", path, p->name);
    if (space >= 0) (void)H5Sclose(space);
    return st;
}

/* Offsets are asked for once the file is closed and opened again: what a reader will see. */
static hoop_status layout_offsets(const char *path, hoop_h5_plan *plans, int n, hoop_error *err)
{
    hid_t       file;
    hoop_status st = hoop__h5_open(path, err, &file, NULL);
    for (int i = 0; st == HOOP_OK && i < n; i++) {
        const hid_t   dset   = H5Dopen2(file, plans[i].name, H5P_DEFAULT);
        const haddr_t offset = dset < 0 ? HADDR_UNDEF : H5Dget_offset(dset);
        const hsize_t size   = dset < 0 ? 0 : H5Dget_storage_size(dset);
        if (dset < 0 || (size > 0 && offset == HADDR_UNDEF))
            st = hoop__h5_fail(err, HOOP_EIO, "%s: dataset %s got no space", path, plans[i].name);
        else
            plans[i].offset = size == 0 ? 0 : (int64_t)offset;
        if (dset >= 0) (void)H5Dclose(dset);
    }
    if (file >= 0) (void)H5Fclose(file);
    return st;
}

static hoop_status layout_write(const char *path, hoop_h5_plan *plans, int nplans, const hoop_h5_attr *root, int nroot,
                                hoop_error *err)
{
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), fcpl = H5Pcreate(H5P_FILE_CREATE), gcpl = H5Pcreate(H5P_GROUP_CREATE),
          dcpl       = H5Pcreate(H5P_DATASET_CREATE);
    hid_t       file = -1;
    hoop_status st   = HOOP_OK;
    if (fapl < 0 || fcpl < 0 || gcpl < 0 || dcpl < 0 || H5Pset_file_locking(fapl, 0, 1) < 0 ||
        H5Pset_libver_bounds(fapl, H5F_LIBVER_V18, H5F_LIBVER_V18) < 0 || H5Pset_alignment(fapl, 512, 64) < 0 ||
        H5Pset_obj_track_times(fcpl, 0) < 0 || H5Pset_obj_track_times(gcpl, 0) < 0 || H5Pset_layout(dcpl, H5D_CONTIGUOUS) < 0 ||
        H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY) < 0 || H5Pset_fill_time(dcpl, H5D_FILL_TIME_NEVER) < 0 ||
        H5Pset_obj_track_times(dcpl, 0) < 0) {
        st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot prepare to create", path);
        goto done;
    }
    file = H5Fcreate(path, H5F_ACC_TRUNC, fcpl, fapl);
    if (file < 0) {
        st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot be created", path);
        goto done;
    }
    for (int i = 0; i < nroot; i++) HOOP_TRY(st, done, hoop__h5_attr_write(file, &root[i], path, err));
    for (int i = 0; i < nplans; i++) {
        HOOP_TRY(st, done, layout_groups(file, gcpl, plans[i].name, path, err));
        HOOP_TRY(st, done, layout_dataset(file, dcpl, &plans[i], path, err));
    }
done:
    if (file >= 0 && H5Fclose(file) < 0 && st == HOOP_OK) st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot be closed", path);
    if (dcpl >= 0) (void)H5Pclose(dcpl);
    if (gcpl >= 0) (void)H5Pclose(gcpl);
    if (fcpl >= 0) (void)H5Pclose(fcpl);
    if (fapl >= 0) (void)H5Pclose(fapl);
    return st;
}

hoop_status hoop__h5_layout(const char *path, hoop_h5_plan *plans, int nplans, const hoop_h5_attr *root, int nroot,
                            hoop_error *err)
{
    int64_t     room = 64 << 10, used;
    hoop_status st   = hoop__h5_library(path, err);
    if (st != HOOP_OK) return st;
    for (int k = 0; k < nroot; k++) room += 256 + hoop__h5_attr_bytes(&root[k]);
    /* HDF5 does not recover from a disk that fills up while it writes: it is not called unless there is room for it all. */
    for (int i = 0; i < nplans; i++) {
        int64_t numel = 1, bytes;
        room += 2048 + (int64_t)strlen(plans[i].name);
        for (int k = 0; k < plans[i].nattrs; k++) room += 256 + hoop__h5_attr_bytes(&plans[i].attrs[k]);
        for (int d = 0; d < plans[i].ndim; d++)
            if (plans[i].shape[d] < 0 || __builtin_mul_overflow(numel, plans[i].shape[d], &numel))
                return hoop_fail(err, HOOP_ESIZE, "%s: the shape of %s overflows", path, plans[i].name);
        if (__builtin_mul_overflow(numel, (int64_t)hoop_dtype_size(plans[i].dtype), &bytes) ||
            __builtin_add_overflow(room, bytes, &room))
            return hoop_fail(err, HOOP_ESIZE, "%s: the size of %s overflows", path, plans[i].name);
    }
    HOOP_TRY(st, done, hoop__file_reserve(path, room, true, err));
    HOOP_TRY(st, done, layout_write(path, plans, nplans, root, nroot, err));
    HOOP_TRY(st, done, layout_offsets(path, plans, nplans, err));
    used = hoop__file_size(path);
    HOOP_TRY(st, done, hoop__file_reserve(path, used, false, err));
done:
    if (st != HOOP_OK) (void)remove(path);
    return st;
}
