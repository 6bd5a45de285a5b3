#include "base/h5.h"

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void hoop__h5_quiet(hoop_h5_quiet *q)
{
    if (H5Eget_auto2(H5E_DEFAULT, &q->print, &q->data) < 0) {
        q->print = NULL;
        q->data  = NULL;
    }
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void hoop__h5_restore(const hoop_h5_quiet *q)
{
    (void)H5Eset_auto2(H5E_DEFAULT, q->print, q->data);
}

enum { MESSAGE_MAX = 256 };

/* What this library cannot read since it does not know it yet: or a damaged byte, where no checksum is over it. */
static bool from_the_future(const char *why)
{
    return strstr(why, "version") != NULL && (strstr(why, "bad ") != NULL || strstr(why, "wrong ") != NULL ||
                                              strstr(why, "unknown ") != NULL || strstr(why, "unsupported ") != NULL);
}

/* How it becomes readable here. */
static void say_rewrite(char *out, size_t size)
{
    unsigned major = 0, minor = 0, release = 0;
    (void)H5get_libversion(&major, &minor, &release);
    (void)snprintf(
        out, size,
        "; written by a newer HDF5 than this one, which is %u.%u.%u? the newer one's h5repack --low=0 --high=%d (h5py: "
        "libver=('earliest', 'v1%02u')) writes it so that it can be read here",
        major, minor, release, (int)H5F_LIBVER_LATEST, minor);
}

static herr_t innermost(unsigned n, const H5E_error2_t *e, void *out)
{
    if (n == 0 && e->desc != NULL) (void)snprintf(out, MESSAGE_MAX, "%s", e->desc);
    return 0;
}

void hoop__h5_message(char *out, size_t size)
{
    char inner[MESSAGE_MAX] = "no reason given";
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, inner);
    (void)H5Eclear2(H5E_DEFAULT);
    (void)snprintf(out, size, "%s", inner);
}

hoop_status hoop__h5_fail(hoop_error *err, hoop_status status, const char *format, ...)
{
    char    inner[MESSAGE_MAX], newer[MESSAGE_MAX] = "", after[2 * MESSAGE_MAX + 16];
    va_list args;
    hoop__h5_message(inner, sizeof inner);
    if (from_the_future(inner)) say_rewrite(newer, sizeof newer);
    (void)snprintf(after, sizeof after, " (HDF5: %s)%s", inner, newer);
    va_start(args, format);
    (void)hoop_vfail(err, status, NULL, after, format, args);
    va_end(args);
    return status;
}

hid_t hoop__h5_file_type(hoop_dtype dtype)
{
    switch (dtype) {
    case HOOP_F32:
        return H5T_IEEE_F32LE;
    case HOOP_F64:
        return H5T_IEEE_F64LE;
    case HOOP_I64:
        return H5T_STD_I64LE;
    case HOOP_I32:
        return H5T_STD_I32LE;
    case HOOP_U8:
        return H5T_STD_U8LE;
    default:
        return -1;
    }
}

hid_t hoop__h5_memory_type(hoop_dtype dtype)
{
    switch (dtype) {
    case HOOP_F32:
        return H5T_NATIVE_FLOAT;
    case HOOP_F64:
        return H5T_NATIVE_DOUBLE;
    case HOOP_I64:
        return H5T_NATIVE_INT64;
    case HOOP_I32:
        return H5T_NATIVE_INT32;
    case HOOP_U8:
        return H5T_NATIVE_UINT8;
    default:
        return -1;
    }
}

/* Several threads use HDF5 at a time, and only a library built for that survives it. */
static hoop_status check_library(const char *path, hoop_error *err)
{
    hbool_t safe = 0;
    if (H5is_library_threadsafe(&safe) >= 0 && safe > 0) return HOOP_OK;
    return hoop_fail(err, HOOP_ESTATE, "%s: this HDF5 library is not thread-safe; hoop wants one built with --enable-threadsafe",
                     path);
}

hoop_status hoop__h5_open(const char *path, hoop_error *err, hid_t *file, int64_t *bytes)
{
    struct stat st;
    hid_t       fapl;
    char        why[MESSAGE_MAX], newer[MESSAGE_MAX] = "";
    int         fd;
    hoop_status safe = check_library(path, err);
    *file            = -1;
    if (safe != HOOP_OK) return safe;
    if (stat(path, &st) != 0) return hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) return hoop_fail(err, HOOP_EIO, "%s: is a directory, an HDF5 file is wanted", path);
    if (!S_ISREG(st.st_mode)) return hoop_fail(err, HOOP_EIO, "%s: not a regular file", path);
    if (st.st_size == 0) return hoop_fail(err, HOOP_EFORMAT, "%s: the file is empty (0 bytes)", path);
    if (bytes != NULL) *bytes = (int64_t)st.st_size;
    fd = open(path, O_RDONLY | O_CLOEXEC); /* what the system says against it, HDF5 does not pass on */
    if (fd < 0) return hoop_fail(err, HOOP_EIO, "%s: cannot be opened: %s", path, strerror(errno));
    (void)close(fd);
    fapl = H5Pcreate(H5P_FILE_ACCESS);
    if (fapl < 0 || H5Pset_file_locking(fapl, 0, 1) < 0) {
        (void)hoop__h5_fail(err, HOOP_EIO, "%s: cannot prepare to open", path);
        if (fapl >= 0) (void)H5Pclose(fapl);
        return HOOP_EIO;
    }
    *file = H5Fopen(path, H5F_ACC_RDONLY, fapl);
    if (*file < 0) hoop__h5_message(why, sizeof why); /* later calls clear it */
    (void)H5Pclose(fapl);
    if (*file >= 0) return HOOP_OK;
    if (H5Fis_hdf5(path) == 0) {
        (void)H5Eclear2(H5E_DEFAULT);
        return hoop_fail(err, HOOP_EFORMAT, "%s: not an HDF5 file", path);
    }
    (void)H5Eclear2(H5E_DEFAULT);
    if (from_the_future(why)) say_rewrite(newer, sizeof newer);
    return hoop_fail(err, HOOP_EFORMAT, "%s: cannot be opened%s (HDF5: %s)%s", path,
                     newer[0] == '\0' ? "; truncated or damaged?" : "", why, newer);
}

/* ---- layout ---- */

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
    hoop_status st   = check_library(path, err);
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

bool hoop__h5_exists(hid_t file, const char *name)
{
    char part[HOOP_PATH_MAX];
    /* H5Lexists wants every step of the path to be there. */
    for (size_t i = 1; name[i - 1] != '\0' && i < sizeof part; i++) {
        if (name[i] != '/' && name[i] != '\0') continue;
        memcpy(part, name, i);
        part[i] = '\0';
        if (strcmp(part, "/") != 0 && part[i - 1] != '/' && H5Lexists(file, part, H5P_DEFAULT) <= 0) return false;
        if (name[i] == '\0') break;
    }
    return true;
}

bool hoop__h5_fill_is_said(hid_t dcpl)
{
    H5D_fill_value_t kind;
    return H5Pfill_value_defined(dcpl, &kind) >= 0 && kind == H5D_FILL_VALUE_USER_DEFINED;
}
