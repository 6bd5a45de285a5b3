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

hoop_status hoop__h5_library(const char *path, hoop_error *err)
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
    hoop_status safe = hoop__h5_library(path, err);
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
