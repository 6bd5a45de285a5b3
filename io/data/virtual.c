/* Virtual datasets, made of parts of others: HDF5 reads a part whose source is not there as zeros, and says nothing. */
#include "data/virtual.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/h5.h"
#include "data/filter.h"

typedef struct source {
    char file[HOOP_PATH_MAX], dataset[HOOP_PATH_MAX];
} source;

/* Open DIR/NAME, or NAME where DIR is "", for *file; false: cannot be. */
static bool try_open(const char *dir, const char *name, hid_t *file)
{
    char full[HOOP_PATH_MAX];
    if (snprintf(full, sizeof full, "%s%s%s", dir, dir[0] == '\0' ? "" : "/", name) >= (int)sizeof full) return false;
    return hoop__h5_open(full, NULL, file, NULL) == HOOP_OK;
}

/* $HDF5_VDS_PREFIX, where ${ORIGIN} at its beginning is the folder of the file. */
static bool try_prefix(const char *dir, const char *name, hid_t *file)
{
    static const char origin[] = "${ORIGIN}";
    const char       *prefix   = getenv("HDF5_VDS_PREFIX");
    char              full[HOOP_PATH_MAX];
    if (prefix == NULL || prefix[0] == '\0') return false;
    if (strncmp(prefix, origin, sizeof origin - 1) != 0) return try_open(prefix, name, file);
    return snprintf(full, sizeof full, "%s%s", dir, prefix + sizeof origin - 1) < (int)sizeof full && try_open(full, name, file);
}

/* Where HDF5 looks for a source, in its order. */
static hid_t source_open(const char *path, const char *name)
{
    char  dir[HOOP_PATH_MAX], real[PATH_MAX];
    hid_t file = -1;
    hoop__path_dir(path, dir, sizeof dir);
    if (name[0] == '/') {
        if (try_open("", name, &file)) return file;
        name = strrchr(name, '/') + 1;
    }
    if (try_prefix(dir, name, &file) || try_open(dir, name, &file) || try_open("", name, &file)) return file;
    if (realpath(path, real) == NULL) return -1;
    hoop__path_dir(real, dir, sizeof dir);
    return try_open(dir, name, &file) ? file : -1;
}

static hoop_status source_check(const source *s, hid_t ours, const char *path, const char *name, hoop_error *err)
{
    const bool         same  = strcmp(s->file, ".") == 0;
    const hid_t        file  = same ? ours : source_open(path, s->file);
    const char *const  where = same ? path : s->file;
    H5D_space_status_t space = H5D_SPACE_STATUS_NOT_ALLOCATED;
    hid_t              dset = -1, dcpl = -1;
    hoop_status        st = HOOP_OK;
    if (file < 0)
        return hoop_fail(err, HOOP_EFORMAT, "%s: %s is virtual, and its source %s is not there, or not readable", path, name,
                         s->file);
    if (hoop__h5_exists(file, s->dataset)) dset = H5Dopen2(file, s->dataset, H5P_DEFAULT);
    if (dset < 0)
        st =
            hoop_fail(err, HOOP_EFORMAT, "%s: %s is virtual, and its source %s has no dataset %s", path, name, where, s->dataset);
    else if (H5Dget_space_status(dset, &space) < 0 || space == H5D_SPACE_STATUS_NOT_ALLOCATED)
        st = hoop_fail(err, HOOP_EFORMAT, "%s: %s is virtual, and of its source %s in %s nothing is stored", path, name,
                       s->dataset, where);
    if (st == HOOP_OK && (dcpl = H5Dget_create_plist(dset)) >= 0) {
        if (H5Pget_layout(dcpl) == H5D_CHUNKED) st = hoop__filters_check(dset, dcpl, where, s->dataset, err);
        (void)H5Pclose(dcpl);
    }
    if (dset >= 0) (void)H5Dclose(dset);
    if (!same) (void)H5Fclose(file);
    return st;
}

/* Elements that part i gives, -1: as many as its source has. */
static int64_t part_elements(hid_t dcpl, size_t i)
{
    const hid_t    space = H5Pget_virtual_vspace(dcpl, i);
    const hssize_t n     = space < 0 ? -1 : H5Sget_select_npoints(space);
    if (space >= 0) (void)H5Sclose(space);
    return (int64_t)n;
}

hoop_status hoop__virtual_check(hid_t dset, hid_t dcpl, int64_t elements, const char *path, const char *name, hoop_error *err)
{
    const hid_t ours               = H5Iget_file_id(dset); /* an external link may have led to another file */
    source     *s                  = calloc(2, sizeof *s); /* this one and the one before: a source may give many parts */
    int64_t     given              = 0;
    bool        open               = false; /* how much a part gives is not said */
    size_t      n                  = 0;
    char        its[HOOP_PATH_MAX] = "";
    hoop_status st                 = HOOP_OK;
    if (s == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    else if (ours < 0 || H5Fget_name(ours, its, sizeof its) <= 0 || H5Pget_virtual_count(dcpl, &n) < 0)
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: %s has no readable layout", path, name);
    for (size_t i = 0; i < n && st == HOOP_OK; i++) {
        source       *now  = &s[i % 2];
        const int64_t part = part_elements(dcpl, i);
        const ssize_t a    = H5Pget_virtual_filename(dcpl, i, now->file, sizeof now->file),
                      b    = H5Pget_virtual_dsetname(dcpl, i, now->dataset, sizeof now->dataset);
        open               = open || part < 0 || __builtin_add_overflow(given, part, &given);
        if (a < 0 || b < 0 || (size_t)a >= sizeof now->file || (size_t)b >= sizeof now->dataset)
            st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: the sources of %s cannot be read", path, name);
        else if (strchr(now->file, '%') != NULL || strchr(now->dataset, '%') != NULL)
            open = true; /* a pattern: as many as there are */
        else if (i == 0 || strcmp(now->file, s[1 - i % 2].file) != 0 || strcmp(now->dataset, s[1 - i % 2].dataset) != 0)
            st = source_check(now, ours, its, name, err);
    }
    if (st == HOOP_OK && !open && given < elements && !hoop__h5_fill_is_said(dcpl))
        st = hoop_fail(err, HOOP_EFORMAT, "%s: %s is virtual, and its sources give only %lld of its %lld elements", path, name,
                       (long long)given, (long long)elements);
    if (ours >= 0) (void)H5Fclose(ours);
    free(s);
    (void)H5Eclear2(H5E_DEFAULT);
    return st;
}
