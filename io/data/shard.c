/* One file of a dataset: checked, then mapped or left to be read in blocks. */
#include "data/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "data/chunk.h"
#include "data/storage.h"

static void shape_text(const int64_t *shape, int ndim, char *out, size_t size)
{
    size_t used = 0;
    used += (size_t)snprintf(out, size, "(");
    for (int i = 0; i < ndim && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, i > 0 ? ", %lld" : "%lld", (long long)shape[i]);
    if (used < size) (void)snprintf(out + used, size - used, ")");
}

static hoop_status field_shape(hoop_found *f, const char *path, const char *name, hoop_error *err)
{
    hsize_t     dims[HOOP_DATASET_DIMS + 1];
    const hid_t space = H5Dget_space(f->dset);
    const int   ndim  = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    hoop_status st    = HOOP_OK;
    int64_t     bytes = 0;
    if (ndim < 0) {
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: %s has no readable shape", path, name);
    } else if (ndim == 0 || ndim > HOOP_DATASET_DIMS + 1) {
        st = hoop_fail(err, HOOP_ESHAPE, "%s: %s has %d dims; 1 to %d are possible, the first counts rows", path, name, ndim,
                       HOOP_DATASET_DIMS + 1);
    } else if (H5Sget_simple_extent_dims(space, dims, NULL) < 0) {
        st = hoop__h5_fail(err, HOOP_EFORMAT, "%s: %s has no readable shape", path, name);
    } else {
        bool overflow  = dims[0] > INT64_MAX;
        f->rows        = (int64_t)dims[0];
        f->about.ndim  = ndim - 1;
        f->about.numel = 1;
        for (int i = 0; i < ndim - 1; i++) {
            overflow = overflow || dims[i + 1] > INT64_MAX ||
                       __builtin_mul_overflow(f->about.numel, (int64_t)dims[i + 1], &f->about.numel);
            f->about.shape[i] = (int64_t)dims[i + 1];
        }
        overflow = overflow || __builtin_mul_overflow(f->about.numel, (int64_t)8, &bytes) ||
                   __builtin_mul_overflow(bytes, f->rows, &bytes);
        if (overflow)
            st = hoop_fail(err, HOOP_ESIZE, "%s: the size of %s overflows", path, name);
        else if (f->rows == 0)
            st = hoop_fail(err, HOOP_EFORMAT, "%s: %s has no rows", path, name);
        else if (f->about.numel == 0)
            st = hoop_fail(err, HOOP_ESHAPE, "%s: the rows of %s have no elements", path, name);
    }
    if (space >= 0) (void)H5Sclose(space);
    return st;
}

/* Find one field in an open file. f->dset < 0 afterwards: it is absent and may be. */
static hoop_status field_find(const hoop_look *l, const char *name, bool is_y, bool optional, hoop_error *err, hoop_found *f)
{
    hoop_status st;
    bool        native = false;
    f->dset            = -1;
    if (!hoop__h5_exists(l->file, name)) {
        (void)H5Eclear2(H5E_DEFAULT);
        return optional ? HOOP_OK : hoop__field_missing(l, name, err);
    }
    f->dset = H5Dopen2(l->file, name, H5P_DEFAULT);
    if (f->dset < 0) return hoop__field_missing(l, name, err);
    f->about.name = name;
    HOOP_TRY(st, done, hoop__field_type(f, l, name, is_y, &native, err));
    HOOP_TRY(st, done, field_shape(f, l->path, name, err));
    HOOP_TRY(st, done, hoop__storage_find(f, l->file, l->path, name, native, l->bytes, err));
    f->about.present = true;
    st               = hoop__field_reading(f, l, name, is_y, err);
done:
    return st;
}

/* The checksums of a mapped field's blocks, where the file has them and they can be mapped too. */
static hoop_status sums_find(const hoop_look *l, const char *name, hoop_error *err, hoop_found *f)
{
    char        sums[HOOP_PATH_MAX];
    hoop_found  of = {.dset = -1};
    int64_t     rows;
    hoop_status st = HOOP_OK;
    if (!l->ours || f->dset < 0 || f->offset < 0 || !hoop__h5_attr_i64(f->dset, "xxh3_64_rows", &rows)) return HOOP_OK;
    HOOP_TRY(st, done, hoop__sums_name(name, err, sums, sizeof sums));
    HOOP_TRY(st, done, field_find(l, sums, false, true, err, &of));
    if (of.dset < 0 || of.offset < 0) goto done;
    if (rows < 1 || of.about.dtype != HOOP_I64 || of.about.ndim != 0 || of.rows != (f->rows - 1) / rows + 1) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: %s does not fit attribute xxh3_64_rows of %s, which is %lld", l->path, sums, name,
                       (long long)rows);
        goto done;
    }
    f->sum_rows   = rows;
    f->sum_offset = of.offset;
done:
    if (of.dset >= 0) (void)H5Dclose(of.dset);
    return st;
}

static hoop_status field_compare(const hoop_dataset *ds, const hoop_found *f, int which, const char *path, hoop_error *err)
{
    const hoop_dataset_field *a = &ds->stored[which], *b = &f->about;
    char                      ours[256], theirs[256];
    const char               *first = ds->shard[0].path;
    if (a->present != b->present)
        return hoop_fail(err, HOOP_EFORMAT, "%s: %s %s, but %s", path, ds->name[which], b->present ? "is there" : "is missing",
                         b->present ? "not in the first shard" : "the first shard has it");
    if (!a->present) return HOOP_OK;
    if (a->dtype != b->dtype)
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is %s, but %s in %s", path, ds->name[which], hoop_dtype_name(b->dtype),
                         hoop_dtype_name(a->dtype), first);
    if (a->ndim != b->ndim || memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) != 0) {
        shape_text(a->shape, a->ndim, ours, sizeof ours);
        shape_text(b->shape, b->ndim, theirs, sizeof theirs);
        return hoop_fail(err, HOOP_ESHAPE, "%s: rows of %s have shape %s, but %s in %s", path, ds->name[which], theirs, ours,
                         first);
    }
    if (a->scale != b->scale)
        return hoop_fail(err, HOOP_EFORMAT, "%s: scale of %s is %.17g, but %.17g in %s", path, ds->name[which], b->scale,
                         a->scale, first);
    if (ds->info.field[which].dtype != f->shown.dtype) /* one was packed, the other not */
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is read as %s, but as %s in %s", path, ds->name[which],
                         hoop_dtype_name(f->shown.dtype), hoop_dtype_name(ds->info.field[which].dtype), first);
    return HOOP_OK;
}

static hoop_status shard_map(hoop_shard *s, hoop_error *err)
{
    const int   fd = open(s->path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0) return hoop_fail(err, HOOP_EIO, "%s: %s", s->path, strerror(errno));
    /* A file that shrank since it was checked would end the process with SIGBUS. */
    if (fstat(fd, &st) != 0 || st.st_size < s->bytes) {
        (void)close(fd);
        return hoop_fail(err, HOOP_EFORMAT, "%s: shrank while it was being opened", s->path);
    }
    s->map = mmap(NULL, (size_t)s->bytes, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (s->map == MAP_FAILED) {
        s->map = NULL;
        return hoop_fail(err, HOOP_EIO, "%s: cannot be mapped: %s", s->path, strerror(errno));
    }
    return HOOP_OK;
}

/* A shard of ours says which version of FORMAT.md it follows; other people's files say nothing. */
static hoop_status format_check(hid_t file, const char *path, hoop_error *err, bool *ours)
{
    enum { VERSION = 1 };
    static const char kind[] = "dataset shard ";
    char              format[64], *end;
    long long         version;
    *ours = false;
    if (!hoop__h5_attr_string(file, "hoop_format", format, sizeof format) || strncmp(format, kind, sizeof kind - 1) != 0)
        return HOOP_OK;
    version = strtoll(format + sizeof kind - 1, &end, 10);
    if (*end != '\0' || version < 1) return hoop_fail(err, HOOP_EFORMAT, "%s: attribute hoop_format is damaged", path);
    *ours = true;
    if (version <= VERSION) return HOOP_OK;
    return hoop_fail(err, HOOP_EFORMAT, "%s: is a dataset shard of version %lld; this hoop reads up to %d", path, version,
                     VERSION);
}

static bool names_equal(char **a, char **b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0) return false;
    return true;
}

/* Names of classes: as many as there are classes, and the same in all shards that have them. */
static hoop_status names_take(hoop_dataset *ds, char ***names, int64_t n, int64_t classes, const char *path, hoop_error *err)
{
    if (n > 0 && classes > 0 && n != classes)
        return hoop_fail(err, HOOP_EFORMAT, "%s: attribute class_names of %s has %lld names, but classes is %lld", path,
                         ds->name[1], (long long)n, (long long)classes);
    if (n > 0 && ds->class_names != NULL && (n != ds->nclass_names || !names_equal(*names, ds->class_names, n)))
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: the names of classes (class_names, or of an enum) of %s are not those of the shards before it",
                         path, ds->name[1]);
    if (n > 0 && ds->class_names == NULL) {
        ds->class_names  = *names;
        ds->nclass_names = n;
        *names           = NULL;
    }
    return HOOP_OK;
}

/* How many classes the file says there are (0: it does not), and their names. */
static hoop_status classes_said(hoop_dataset *ds, hoop_found *y, const hoop_look *l, hoop_error *err, int64_t *classes)
{
    const bool  honoured = l->ours || l->opts->attributes == HOOP_ATTRIBUTES_ALL;
    char      **names    = NULL;
    int64_t     n        = 0;
    hoop_status st;
    *classes = 0;
    if (honoured) {
        HOOP_TRY(st, done, hoop__h5_attr_expect(y->dset, "classes", HOOP_H5_I64, l->path, ds->name[1], err));
        HOOP_TRY(st, done, hoop__h5_attr_expect(y->dset, "class_names", HOOP_H5_STRINGS, l->path, ds->name[1], err));
        if (!hoop__h5_attr_i64(y->dset, "classes", classes)) *classes = 0;
        if (*classes < 0)
            return hoop_fail(err, HOOP_EFORMAT, "%s: attribute classes of %s is %lld", l->path, ds->name[1], (long long)*classes);
    }
    if (y->enum_count > 0) { /* what the type says goes before what somebody wrote beside it */
        *classes = y->enum_count;
        return names_take(ds, &y->enum_names, y->enum_count, *classes, l->path, err);
    }
    if (y->reading.labels == HOOP_LABELS_ONE_HOT) *classes = y->about.numel;
    if (honoured) n = hoop__h5_attr_strings(y->dset, "class_names", &names);
    st = names_take(ds, &names, n, *classes, l->path, err);
done:
    free(names);
    return st;
}

static hoop_status labels_read(hoop_dataset *ds, hoop_found *y, int i, const hoop_look *l, hoop_error *err)
{
    const int64_t told = l->opts->classes;
    int64_t       classes;
    hoop_status   st;
    if (y->dset < 0) return HOOP_OK;
    if ((st = classes_said(ds, y, l, err, &classes)) != HOOP_OK) return st;
    if (told > 0 && (classes > told || (classes != 0 && classes != told && y->reading.labels == HOOP_LABELS_ONE_HOT)))
        return hoop_fail(err, HOOP_EFORMAT, "%s: %s has %lld classes, and data.classes says %lld", l->path, ds->name[1],
                         (long long)classes, (long long)told);
    if (told > 0) classes = told;
    if (i > 0 && classes != ds->info.classes)
        return hoop_fail(err, HOOP_EFORMAT, "%s: attribute classes of %s is %lld, but %lld in %s", l->path, ds->name[1],
                         (long long)classes, (long long)ds->info.classes, ds->shard[0].path);
    ds->info.classes = classes;
    return HOOP_OK;
}

/* Take the fields over: those that can be mapped, mapped; the others keep their dataset and file open. */
static hoop_status shard_adopt(hoop_dataset *ds, hoop_shard *s, hoop_found found[2], hid_t *file, hoop_error *err)
{
    hoop_status st;
    bool        handles = false;
    for (int k = 0; k < 2; k++) {
        hoop_shard_field *f = &s->field[k];
        if (found[k].dset < 0) continue;
        f->reading = found[k].reading;
        f->flip    = found[k].flip;
        if (found[k].offset >= 0) {
            if (s->map == NULL && (st = shard_map(s, err)) != HOOP_OK) return st;
            f->rows = (const unsigned char *)s->map + found[k].offset;
            if (found[k].sum_rows > 0 && (st = hoop__sums_adopt(s, k, found[k].sum_rows, found[k].sum_offset, err)) != HOOP_OK)
                return st;
            continue;
        }
        handles         = true;
        ds->info.mapped = false;
        f->block_rows   = found[k].block_rows;
        f->nblocks      = (s->rows - 1) / f->block_rows + 1;
        ds->info.chunked_bytes += s->rows * ds->row_bytes[k];
        if (f->block_rows * ds->row_bytes[k] > ds->info.block_bytes) ds->info.block_bytes = f->block_rows * ds->row_bytes[k];
        f->blocks = calloc((size_t)f->nblocks, sizeof *f->blocks);
        if (f->blocks == NULL)
            return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld chunks of %s", s->path, (long long)f->nblocks,
                             ds->name[k]);
        f->dset       = found[k].dset;
        found[k].dset = -1;
        st            = hoop__chunks_create(f->dset, &ds->stored[k], f->flip, s->rows, s->path, err, &f->chunks);
        if (st != HOOP_OK) return st;
    }
    if (handles) {
        s->file = *file;
        *file   = -1;
        hoop__handles_opened(ds, s);
    }
    return HOOP_OK;
}

hoop_status hoop__shard_open(hoop_dataset *ds, int i, hoop_dataset_y use_y, hoop_error *err)
{
    hoop_shard *s        = &ds->shard[i];
    hoop_found  found[2] = {{.dset = -1}, {.dset = -1}};
    hid_t       file     = -1;
    hoop_look   look;
    hoop_status st;
    s->file = s->field[0].dset = s->field[1].dset = -1;
    HOOP_TRY(st, done, hoop__shard_stat(s, err, &s->stat));
    HOOP_TRY(st, done, hoop__h5_open(s->path, err, &file, &s->bytes));
    HOOP_TRY(st, done, format_check(file, s->path, err, &s->ours));
    look = (hoop_look){file, s->path, s->bytes, s->ours, &ds->opts};
    HOOP_TRY(st, done, field_find(&look, ds->name[0], false, false, err, &found[0]));
    if (use_y != HOOP_Y_NONE) HOOP_TRY(st, done, field_find(&look, ds->name[1], true, use_y == HOOP_Y_OPTIONAL, err, &found[1]));
    if (found[1].dset >= 0 && found[0].rows != found[1].rows) {
        st = hoop_fail(err, HOOP_ESHAPE, "%s: %s has %lld rows, %s has %lld", s->path, ds->name[0], (long long)found[0].rows,
                       ds->name[1], (long long)found[1].rows);
        goto done;
    }
    s->rows = found[0].rows;
    if (!s->ours || !hoop__h5_attr_string(file, "set", s->set, sizeof s->set)) s->set[0] = '\0';
    HOOP_TRY(st, done, labels_read(ds, &found[1], i, &look, err));
    HOOP_TRY(st, done, hoop__field_foreign(ds, &look, found, err));
    for (int k = 0; k < 2; k++) {
        if (i == 0) {
            ds->stored[k]      = found[k].about;
            ds->info.field[k]  = found[k].shown;
            ds->stored[k].name = ds->info.field[k].name = ds->name[k];
            ds->row_bytes[k]                            = found[k].about.numel * (int64_t)hoop_dtype_size(found[k].about.dtype);
        }
        HOOP_TRY(st, done, field_compare(ds, &found[k], k, s->path, err));
        HOOP_TRY(st, done, hoop__columns_read(ds, &look, &found[k], k, err));
        ds->info.field[k].checked = ds->info.field[k].checked || found[k].shown.checked;
    }
    if (strcmp(s->set, ds->shard[0].set) != 0) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: comes from another import than %s (attribute `set` differs)", s->path,
                       ds->shard[0].path);
        goto done;
    }
    for (int k = 0; k < 2; k++) HOOP_TRY(st, done, sums_find(&look, ds->name[k], err, &found[k]));
    HOOP_TRY(st, done, shard_adopt(ds, s, found, &file, err));
done:
    for (int k = 0; k < 2; k++) {
        if (found[k].dset >= 0) (void)H5Dclose(found[k].dset);
        free(found[k].enum_names);
    }
    if (file >= 0) (void)H5Fclose(file);
    return st;
}

void hoop__shard_close(hoop_dataset *ds, hoop_shard *s)
{
    hoop__handles_close(ds, s);
    for (int k = 0; k < 2; k++) {
        free(s->field[k].seen);
        if (s->field[k].blocks == NULL) continue;
        for (int64_t b = 0; b < s->field[k].nblocks; b++) free(s->field[k].blocks[b]);
        free(s->field[k].blocks);
        hoop__chunks_destroy(&s->field[k].chunks);
        if (s->field[k].dset >= 0) (void)H5Dclose(s->field[k].dset); /* opening had failed */
    }
    if (s->map != NULL) (void)munmap(s->map, (size_t)s->bytes);
    free(s->path);
}
