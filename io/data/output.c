/* A file of rows: HDF5 lays it out once, then rows are plain bytes at their places (io/base/h5.h). */
#include "hoop/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/h5.h"

enum { ATTRS_MAX = 8, LIST_BYTES = 32768 /* of what HDF5 keeps of an object, 64 KiB */ };

hoop_status hoop_output_check(const char *path, bool force, hoop_error *err)
{
    char        dir[HOOP_PATH_MAX];
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) /* a rename would take a device's or a FIFO's place */
        return hoop_fail(err, HOOP_EIO, "%s: is there already, and is no regular file; choose another name", path);
    if (!force && lstat(path, &there) == 0)
        return hoop_fail(err, HOOP_EIO, "%s: is there already; choose another name, or replace it with --force", path);
    hoop__path_dir(path, dir, sizeof dir);
    return access(dir, F_OK) == 0 ? HOOP_OK : hoop_fail(err, HOOP_EIO, "%s: there is no folder %s", path, dir);
}

static hoop_status check(const hoop_output_opts *opts, hoop_error *err, hoop_output *out)
{
    if (opts->nsets < 0 || opts->nsets > HOOP_OUTPUT_SETS)
        return hoop_fail(err, HOOP_EARG, "hoop_output_create: %d datasets; at most %d", opts->nsets, HOOP_OUTPUT_SETS);
    for (int i = 0; i < opts->nsets; i++)
        if (opts->sets[i].ndim < 1 || opts->sets[i].ndim > 8 || opts->sets[i].nattrs < 0 || opts->sets[i].nattrs > ATTRS_MAX ||
            hoop_dtype_size(opts->sets[i].dtype) == 0)
            return hoop_fail(err, HOOP_EARG, "hoop_output_create: 1 to 8 dims, at most %d attributes and a dtype are wanted",
                             ATTRS_MAX);
    if (snprintf(out->path, sizeof out->path, "%s", opts->path) >= (int)sizeof out->path ||
        snprintf(out->tmp, sizeof out->tmp, "%s.tmp-%ld", opts->path, (long)getpid()) >= (int)sizeof out->tmp)
        return hoop_fail(err, HOOP_EARG, "%.64s...: the path is too long", opts->path);
    return hoop_output_check(out->path, opts->force, err);
}

/* Make and lock the temporary file. A sweep may take it away between the two: then it is made again. */
static hoop_status hold(hoop_output *o, hoop_error *err)
{
    struct stat mine, there;
    bool        stays;
    do {
        o->lock = open(o->tmp, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (o->lock < 0) return hoop_fail(err, HOOP_EIO, "%s: cannot be created: %s", o->tmp, strerror(errno));
        (void)flock(o->lock, LOCK_EX | LOCK_NB); /* where there are no locks nothing is swept */
        stays = fstat(o->lock, &mine) != 0 || (stat(o->tmp, &there) == 0 && there.st_ino == mine.st_ino);
        if (!stays) (void)close(o->lock);
    } while (!stays);
    return HOOP_OK;
}

/* What runs that were killed left beside it, PATH.tmp-PID that no one holds locked. */
static void sweep(const char *path)
{
    const char          *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    const size_t         n = strlen(name);
    char                 dir[HOOP_PATH_MAX], stale[HOOP_PATH_MAX];
    DIR                 *d;
    const struct dirent *e;
    hoop__path_dir(path, dir, sizeof dir);
    d = opendir(dir);
    while (d != NULL && (e = readdir(d)) != NULL) {
        int fd;
        if (strncmp(e->d_name, name, n) != 0 || strncmp(e->d_name + n, ".tmp-", 5) != 0 || e->d_name[n + 5] == '\0' ||
            e->d_name[n + 5 + strspn(e->d_name + n + 5, "0123456789")] != '\0' ||
            hoop__path_join(dir, e->d_name, NULL, stale, sizeof stale) != HOOP_OK)
            continue;
        fd = open(stale, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) (void)unlink(stale);
        if (fd >= 0) (void)close(fd);
    }
    if (d != NULL) (void)closedir(d);
}

typedef hoop_h5_attr set_attrs[ATTRS_MAX + 1];

static void plan_set(const hoop_output_set *set, set_attrs attrs, hoop_h5_plan *plan)
{
    *plan = (hoop_h5_plan){.name = set->name, .dtype = set->dtype, .ndim = set->ndim, .attrs = attrs, .nattrs = set->nattrs};
    memcpy(plan->shape, set->shape, (size_t)set->ndim * sizeof *set->shape);
    for (int i = 0; i < set->nattrs; i++)
        attrs[i] = (hoop_h5_attr){.name = set->attrs[2 * i], .kind = HOOP_H5_STRING, .v.string = set->attrs[2 * i + 1]};
    if (set->nlist == 0) return;
    attrs[plan->nattrs] =
        (hoop_h5_attr){.name = set->list_name, .kind = HOOP_H5_STRINGS, .count = set->nlist, .v.strings = set->list};
    if (hoop__h5_attr_bytes(&attrs[plan->nattrs]) <= LIST_BYTES) plan->nattrs++;
}

static hoop_status lay_out(const hoop_output_opts *opts, hoop_error *err, hoop_output *o)
{
    hoop_h5_plan *plans = calloc((size_t)opts->nsets, sizeof *plans);
    set_attrs    *attrs = calloc((size_t)opts->nsets, sizeof *attrs);
    hoop_h5_quiet quiet;
    hoop_status   st = HOOP_OK;
    if (plans == NULL || attrs == NULL) st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory to lay it out", o->path);
    for (int i = 0; i < opts->nsets && st == HOOP_OK; i++) plan_set(&opts->sets[i], attrs[i], &plans[i]);
    hoop__h5_quiet(&quiet);
    if (st == HOOP_OK) st = hoop__h5_layout(o->tmp, plans, opts->nsets, NULL, 0, err);
    hoop__h5_restore(&quiet);
    for (int i = 0; i < opts->nsets && st == HOOP_OK; i++) {
        int64_t row_bytes = (int64_t)hoop_dtype_size(plans[i].dtype);
        for (int d = 1; d < plans[i].ndim; d++) row_bytes *= plans[i].shape[d]; /* its product with the rows was checked */
        o->set[i].rows      = plans[i].shape[0];
        o->set[i].row_bytes = row_bytes;
        o->set[i].offset    = plans[i].offset;
    }
    free(plans);
    free(attrs);
    return st;
}

hoop_status hoop_output_create(const hoop_output_opts *opts, hoop_error *err, hoop_output *out)
{
    hoop_output o = {.nsets = opts->nsets > 0 ? opts->nsets : 1, .force = opts->force};
    hoop_status st;
    *out = (hoop_output){0};
    HOOP_TRY(st, done, check(opts, err, &o));
    sweep(o.path);
    HOOP_TRY(st, done, hold(&o, err));
    if (opts->nsets > 0) {
        st = lay_out(opts, err, &o);
    } else {
        if (ftruncate(o.lock, 0) != 0) st = hoop_fail(err, HOOP_EIO, "%s: cannot be emptied: %s", o.tmp, strerror(errno));
        o.set[0].rows      = INT64_MAX;
        o.set[0].row_bytes = 1;
    }
    if (st == HOOP_OK)
        *out = o;
    else
        (void)close(o.lock);
done:
    return st;
}

hoop_status hoop_output_write(const hoop_output *o, int set, int64_t first, int64_t n, const void *rows, hoop_error *err)
{
    hoop_status st;
    int64_t     all, row_bytes;
    int         fd;
    if (set < 0 || set >= o->nsets) return hoop_fail(err, HOOP_ERANGE, "%s: dataset %d of %d", o->path, set, o->nsets);
    all       = o->set[set].rows;
    row_bytes = o->set[set].row_bytes;
    if (first < 0 || n < 0 || first > all || n > all - first)
        return hoop_fail(err, HOOP_ERANGE, "%s: rows %lld to %lld of %lld", o->path, (long long)first, (long long)first + n,
                         (long long)all);
    if (n == 0 || row_bytes == 0) return HOOP_OK;
    fd = open(o->tmp, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return hoop_fail(err, HOOP_EIO, "%s: cannot be opened: %s", o->tmp, strerror(errno));
    st = hoop__file_write_at(fd, rows, n * row_bytes, o->set[set].offset + first * row_bytes, o->tmp, err);
    if (close(fd) != 0 && st == HOOP_OK) st = hoop_fail(err, HOOP_EIO, "%s: cannot be closed: %s", o->tmp, strerror(errno));
    return st;
}

hoop_status hoop_output_sync(const hoop_output *o, hoop_error *err)
{
    return hoop__file_sync(o->tmp, err);
}

static void release(hoop_output *o)
{
    (void)close(o->lock);
    o->tmp[0] = '\0';
}

hoop_status hoop_output_publish(hoop_output *o, hoop_error *err)
{
    char        dir[HOOP_PATH_MAX];
    hoop_status st = hoop__file_name(o->tmp, o->path, o->force, err);
    if (st != HOOP_OK) return st;
    release(o);
    hoop__path_dir(o->path, dir, sizeof dir);
    return hoop__file_sync(dir, err);
}

void hoop_output_discard(hoop_output *o)
{
    if (o == NULL || o->tmp[0] == '\0') return;
    (void)unlink(o->tmp);
    release(o);
}
