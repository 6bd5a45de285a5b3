/* One writer's file: writing it, and reading what is in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/h5.h"
#include "checkpoint/catalog.h"

static const char format_name[] = "checkpoint shard 1", format_prefix[] = "checkpoint shard ";

/* ---- writing ---- */

/* All that HDF5 needs to lay out one entry; the layout's pointers point in here. */
typedef struct row {
    char         dataset[2 * HOOP_CHECKPOINT_NAME + 48], sum[HOOP_SUM_TEXT];
    hoop_h5_attr attrs[6];
    int64_t      bytes;
    const void  *data;
} row;

static hoop_status entry_check(const hoop_checkpoint_entry *e, int64_t *numel, hoop_error *err)
{
    const char *name = e->name == NULL ? "(null)" : e->name;
    if (e->name == NULL || !hoop__checkpoint_name_ok(e->name) ||
        (e->group != NULL && e->group[0] != '\0' && !hoop__checkpoint_name_ok(e->group)))
        return hoop_fail(err, HOOP_EARG, "checkpoint: '%.300s' is no name for a tensor: 1 to 255 bytes without '/' are wanted",
                         name);
    if (e->kind >= HOOP_CKPT_KINDS || (e->kind != HOOP_CKPT_STATE && e->group != NULL && e->group[0] != '\0'))
        return hoop_fail(err, HOOP_EARG, "checkpoint: %s has a wrong kind, or a group without being state", name);
    if (!hoop__checkpoint_numel(e->dtype, e->ndim, e->shape, numel))
        return hoop_fail(err, HOOP_EARG, "checkpoint: dtype or shape of %s is not possible", name);
    if (e->first < 0 || e->count < 0 || e->first > *numel || e->count > *numel - e->first)
        return hoop_fail(err, HOOP_ERANGE, "checkpoint: elements %lld to %lld of %s, which has %lld", (long long)e->first,
                         (long long)(e->first + e->count), name, (long long)*numel);
    if (e->count > 0 && e->data == NULL) return hoop_fail(err, HOOP_EARG, "checkpoint: %s has no data", name);
    return HOOP_OK;
}

static void entry_plan(const hoop_checkpoint_entry *e, int64_t numel, row *r, hoop_h5_plan *p)
{
    r->bytes = e->count * (int64_t)hoop_dtype_size(e->dtype);
    r->data  = e->data;
    hoop__checkpoint_dataset_name(e->kind, e->group, e->name, r->dataset, sizeof r->dataset);
    hoop__sum_text(e->data, r->bytes, r->sum);
    *p          = (hoop_h5_plan){.name = r->dataset, .dtype = e->dtype, .attrs = r->attrs};
    r->attrs[0] = (hoop_h5_attr){.name = "xxh3_128", .kind = HOOP_H5_STRING, .v.string = r->sum};
    r->attrs[1] = (hoop_h5_attr){.name = "order", .kind = HOOP_H5_I64, .v.i64 = e->order};
    p->nattrs   = 2;
    if (e->count == numel) {
        p->ndim = e->ndim;
        memcpy(p->shape, e->shape, (size_t)e->ndim * sizeof e->shape[0]);
    } else {
        p->ndim     = 1;
        p->shape[0] = e->count;
        r->attrs[2] = (hoop_h5_attr){.name = "shape", .kind = HOOP_H5_I64S, .count = e->ndim, .v.i64s = e->shape};
        r->attrs[3] = (hoop_h5_attr){.name = "first", .kind = HOOP_H5_I64, .v.i64 = e->first};
        r->attrs[4] = (hoop_h5_attr){.name = "count", .kind = HOOP_H5_I64, .v.i64 = e->count};
        p->nattrs   = 5;
    }
    if (e->first > 0) { /* a writer may hold several ranges of a tensor (one of each bucket): "layers.0.weight@4096" */
        const size_t used = strlen(r->dataset);
        (void)snprintf(r->dataset + used, sizeof r->dataset - used, "@%lld", (long long)e->first);
        r->attrs[5] = (hoop_h5_attr){.name = "tensor", .kind = HOOP_H5_STRING, .v.string = e->name};
        p->nattrs   = 6;
    }
}

/* *unsynced, on success: why what is in the file may not be on disk (an errno); 0: it is. */
static hoop_status shard_write_once(const char *path, const hoop_h5_attr *root, hoop_h5_plan *plans, const row *rows, int n,
                                    int *unsynced, hoop_error *err)
{
    hoop_h5_quiet quiet;
    hoop_status   st;
    int           fd;
    hoop__h5_quiet(&quiet);
    st = hoop__h5_layout(path, plans, n, root, 3, err);
    hoop__h5_restore(&quiet);
    if (st != HOOP_OK) return st;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n && st == HOOP_OK; i++)
        st = hoop__file_write_at(fd, rows[i].data, rows[i].bytes, plans[i].offset, path, err);
    *unsynced = st == HOOP_OK && fsync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && *unsynced == 0) *unsynced = errno;
    return st;
}

static hoop_status shard_write(const char *path, int writer, int nwriters, hoop_h5_plan *plans, const row *rows, int n,
                               hoop_error *err)
{
    const hoop_h5_attr root[]   = {{.name = "hoop_format", .kind = HOOP_H5_STRING, .v.string = format_name},
                                   {.name = "writer", .kind = HOOP_H5_I64, .v.i64 = writer},
                                   {.name = "writers", .kind = HOOP_H5_I64, .v.i64 = nwriters}};
    int                unsynced = EIO, attempts = 0;
    hoop_status        st = HOOP_OK;
    /* After a failed fsync the kernel may have dropped the pages: what was written cannot be trusted, only written again. */
    while (st == HOOP_OK && unsynced != 0 && attempts < 2) {
        (void)unlink(path);
        st = shard_write_once(path, root, plans, rows, n, &unsynced, err);
        attempts++;
        if (unsynced == ENOSPC || unsynced == EDQUOT) break; /* will not be otherwise in a moment */
    }
    if (st == HOOP_OK && unsynced != 0)
        st = hoop_fail(err, HOOP_EIO, "%s: cannot be synced to disk%s: %s", path, attempts > 1 ? ", tried twice" : "",
                       strerror(unsynced));
    if (st != HOOP_OK) (void)unlink(path);
    return st;
}

hoop_status hoop_checkpoint_write_shard(const char *tmp, int writer, int nwriters, const hoop_checkpoint_entry *entries,
                                        int64_t n, hoop_error *err, hoop_checkpoint_receipt *receipt)
{
    char          path[HOOP_PATH_MAX], name[64];
    row          *rows  = NULL;
    hoop_h5_plan *plans = NULL;
    int           used  = 0;
    hoop_status   st;
    if (writer < 0 || writer >= nwriters || nwriters > 99999)
        return hoop_fail(err, HOOP_EARG, "checkpoint: writer %d of %d", writer, nwriters);
    if (n < 0 || n > 1 << 24) return hoop_fail(err, HOOP_EARG, "checkpoint: %lld entries", (long long)n);
    hoop__checkpoint_shard_file(writer, nwriters, name);
    HOOP_TRY(st, done, hoop__path_join(tmp, name, err, path, sizeof path));
    HOOP_TRY(st, done, hoop__dir_make(tmp, err));
    rows  = calloc((size_t)n + 1, sizeof *rows);
    plans = calloc((size_t)n + 1, sizeof *plans);
    if (rows == NULL || plans == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld entries", path, (long long)n);
        goto done;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t numel = 0;
        HOOP_TRY(st, done, entry_check(&entries[i], &numel, err));
        if (entries[i].count == 0 && numel > 0) continue;
        entry_plan(&entries[i], numel, &rows[used], &plans[used]);
        used++;
    }
    HOOP_TRY(st, done, shard_write(path, writer, nwriters, plans, rows, used, err));
    st = hoop__sum_file(path, err, receipt->sum, &receipt->bytes);
    if (st != HOOP_OK) (void)unlink(path);
done:
    free(plans);
    free(rows);
    return st;
}

/* ---- reading what is there ---- */

typedef struct scan {
    hid_t                file;
    const char          *path;
    int64_t              index, bytes;
    hoop_catalog        *catalog;
    hoop_checkpoint_kind kind;
    const char          *group;
    hoop_error          *err;
    hoop_status          st;
} scan;

/* Dtype, whole shape and range of a dataset from its type, space and attributes. */
static hoop_status scan_shape(scan *s, hid_t dset, hoop_catalog_tensor *t, hoop_piece *p)
{
    hoop_checkpoint_tensor *a = &t->about;
    hsize_t                 dims[HOOP_CHECKPOINT_DIMS];
    const hid_t             type = H5Dget_type(dset), space = H5Dget_space(dset);
    const int               ndim   = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    bool                    native = false,
         good    = type >= 0 && hoop__h5_dtype(type, &a->dtype, &native) && native && ndim >= 0 && ndim <= HOOP_CHECKPOINT_DIMS;
    int64_t here = 1, n;
    good         = good && (ndim == 0 || H5Sget_simple_extent_dims(space, dims, NULL) == ndim);
    for (int i = 0; good && i < ndim; i++) {
        good        = dims[i] <= INT64_MAX && !__builtin_mul_overflow(here, (int64_t)dims[i], &here);
        a->shape[i] = (int64_t)dims[i];
    }
    a->ndim  = ndim;
    p->count = here;
    n        = hoop__h5_attr_i64s(dset, "shape", a->shape, HOOP_CHECKPOINT_DIMS);
    if (good && n >= 0) {
        good = n <= HOOP_CHECKPOINT_DIMS && ndim == 1 && hoop__h5_attr_i64(dset, "first", &p->first) &&
               hoop__h5_attr_i64(dset, "count", &n) && n == here;
        a->ndim = (int)hoop__h5_attr_i64s(dset, "shape", a->shape, HOOP_CHECKPOINT_DIMS);
    }
    good = good && hoop__checkpoint_numel(a->dtype, a->ndim, a->shape, &a->numel) && p->first >= 0 && p->first <= a->numel &&
           p->count <= a->numel - p->first;
    if (!hoop__h5_attr_i64(dset, "order", &a->order)) a->order = 0;
    good = good && hoop__h5_attr_string(dset, "xxh3_128", p->sum, sizeof p->sum) && strlen(p->sum) == HOOP_SUM_TEXT - 1;
    if (space >= 0) (void)H5Sclose(space);
    if (type >= 0) (void)H5Tclose(type);
    return good ? HOOP_OK
                : hoop_fail(s->err, HOOP_EFORMAT, "%s: type, shape, range or checksum of %s are not as a checkpoint has them",
                            s->path, t->name);
}

static hoop_status scan_dataset(scan *s, hid_t dset, const char *name)
{
    hoop_catalog_tensor t = {.about.kind = s->kind};
    hoop_piece          p = {.shard = s->index};
    char                real[HOOP_CHECKPOINT_NAME];
    haddr_t             offset;
    hoop_status         st;
    if (hoop__h5_attr_string(dset, "tensor", real, sizeof real)) name = real;
    if (!hoop__checkpoint_name_ok(name))
        return hoop_fail(s->err, HOOP_EFORMAT, "%s: holds a tensor with an impossible name", s->path);
    (void)snprintf(t.name, sizeof t.name, "%s", name);
    (void)snprintf(t.group, sizeof t.group, "%s", s->group);
    st = scan_shape(s, dset, &t, &p);
    if (st != HOOP_OK) return st;
    if (p.count > 0) {
        const int64_t bytes = p.count * (int64_t)hoop_dtype_size(t.about.dtype);
        offset              = H5Dget_offset(dset);
        if (offset == HADDR_UNDEF || offset > (haddr_t)s->bytes || bytes > s->bytes - (int64_t)offset)
            return hoop_fail(s->err, HOOP_EFORMAT, "%s: truncated, or %s is not stored contiguously", s->path, name);
        p.offset = (int64_t)offset;
    }
    return hoop__catalog_add(s->catalog, &t, &p, s->path, s->err);
}

static herr_t scan_link(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    scan       *s      = ctx;
    const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    (void)info;
    if (object < 0) {
        s->st = hoop__h5_fail(s->err, HOOP_EFORMAT, "%s: %s cannot be opened", s->path, name);
    } else if (H5Iget_type(object) == H5I_DATASET) {
        s->st = scan_dataset(s, object, name);
    } else if (H5Iget_type(object) == H5I_GROUP && s->kind == HOOP_CKPT_STATE && s->group[0] == '\0' &&
               hoop__checkpoint_name_ok(name)) {
        scan inner  = *s;
        inner.group = name;
        if (H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, NULL, scan_link, &inner) < 0 && inner.st == HOOP_OK)
            inner.st = hoop__h5_fail(s->err, HOOP_EFORMAT, "%s: group %s cannot be listed", s->path, name);
        s->st = inner.st;
    } else {
        s->st = hoop_fail(s->err, HOOP_EFORMAT, "%s: %s is not a tensor", s->path, name);
    }
    if (object >= 0) (void)H5Oclose(object);
    return s->st == HOOP_OK ? 0 : -1;
}

static hoop_status scan_file(scan *s, int64_t *writers)
{
    static const char *const folders[HOOP_CKPT_KINDS] = {"/parameters", "/buffers", "/optimizer"};
    char                     format[64];
    int64_t                  writer;
    if (!hoop__h5_attr_string(s->file, "hoop_format", format, sizeof format) ||
        strncmp(format, format_prefix, strlen(format_prefix)) != 0)
        return hoop_fail(s->err, HOOP_EFORMAT, "%s: an HDF5 file, but no shard of a hoop checkpoint", s->path);
    if (strcmp(format, format_name) != 0)
        return hoop_fail(s->err, HOOP_EFORMAT, "%s: is a '%s'; this hoop reads '%s'", s->path, format, format_name);
    if (!hoop__h5_attr_i64(s->file, "writer", &writer) || !hoop__h5_attr_i64(s->file, "writers", writers) || writer < 0 ||
        writer >= *writers || *writers > 99999 || (s->index >= 0 && writer != s->index))
        return hoop_fail(s->err, HOOP_EFORMAT, "%s: says another place in the set than its name", s->path);
    if (s->index < 0) s->index = 0;
    for (int k = 0; k < HOOP_CKPT_KINDS; k++) {
        if (H5Lexists(s->file, folders[k], H5P_DEFAULT) <= 0) continue;
        s->kind  = (hoop_checkpoint_kind)k;
        s->group = "";
        if (H5Literate_by_name(s->file, folders[k], H5_INDEX_NAME, H5_ITER_INC, NULL, scan_link, s, H5P_DEFAULT) < 0 &&
            s->st == HOOP_OK)
            s->st = hoop__h5_fail(s->err, HOOP_EFORMAT, "%s: group %s cannot be listed", s->path, folders[k]);
        if (s->st != HOOP_OK) return s->st;
    }
    return HOOP_OK;
}

hoop_status hoop__shard_scan(const char *path, int64_t index, hoop_catalog *c, int64_t *writers, hoop_error *err)
{
    scan          s = {.file = -1, .path = path, .index = index, .catalog = c, .err = err, .st = HOOP_OK};
    hoop_h5_quiet quiet;
    hoop_status   st;
    hoop__h5_quiet(&quiet);
    st = hoop__h5_open(path, err, &s.file, &s.bytes);
    if (st == HOOP_OK) st = scan_file(&s, writers);
    if (s.file >= 0) (void)H5Fclose(s.file);
    (void)H5Eclear2(H5E_DEFAULT);
    hoop__h5_restore(&quiet);
    return st;
}
