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
static hoop_status field_find(const hoop_look *l, const hoop_field_opts *o, hoop_error *err, hoop_found *f)
{
    const char *name = o->path;
    hoop_status st;
    bool        native = false;
    f->dset            = -1;
    if (o->use == HOOP_Y_NONE) return HOOP_OK;
    if (!hoop__h5_exists(l->file, name)) {
        (void)H5Eclear2(H5E_DEFAULT);
        return o->use == HOOP_Y_OPTIONAL ? HOOP_OK : hoop__field_missing(l, name, err);
    }
    f->dset = H5Dopen2(l->file, name, H5P_DEFAULT);
    if (f->dset < 0) return hoop__field_missing(l, name, err);
    f->about.path = name;
    HOOP_TRY(st, done, hoop__field_type(f, l, o, &native, err));
    HOOP_TRY(st, done, field_shape(f, l->path, name, err));
    HOOP_TRY(st, done, hoop__storage_find(f, l->file, l->path, name, native, l->bytes, err));
    f->about.present = true;
    st               = hoop__field_reading(f, l, o, err);
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
    HOOP_TRY(st, done, field_find(l, &(hoop_field_opts){.path = sums, .use = HOOP_Y_OPTIONAL}, err, &of));
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
    const hoop_dataset_field *a = &ds->field[which].stored, *b = &f->about;
    const char               *name = ds->field[which].opts.path;
    char                      ours[256], theirs[256];
    const char               *first = ds->shard[0].path;
    if (a->present != b->present)
        return hoop_fail(err, HOOP_EFORMAT, "%s: %s %s, but %s", path, name, b->present ? "is there" : "is missing",
                         b->present ? "not in the first shard" : "the first shard has it");
    if (!a->present) return HOOP_OK;
    if (a->dtype != b->dtype)
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is %s, but %s in %s", path, name, hoop_dtype_name(b->dtype),
                         hoop_dtype_name(a->dtype), first);
    if (a->ndim != b->ndim || memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) != 0) {
        shape_text(a->shape, a->ndim, ours, sizeof ours);
        shape_text(b->shape, b->ndim, theirs, sizeof theirs);
        return hoop_fail(err, HOOP_ESHAPE, "%s: rows of %s have shape %s, but %s in %s", path, name, theirs, ours, first);
    }
    if (a->scale != b->scale)
        return hoop_fail(err, HOOP_EFORMAT, "%s: scale of %s is %.17g, but %.17g in %s", path, name, b->scale, a->scale, first);
    if (ds->field[which].read.dtype != f->shown.dtype) /* one was packed, the other not */
        return hoop_fail(err, HOOP_EDTYPE, "%s: %s is read as %s, but as %s in %s", path, name, hoop_dtype_name(f->shown.dtype),
                         hoop_dtype_name(ds->field[which].read.dtype), first);
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

/* Take the fields over: those that can be mapped, mapped; the others keep their dataset and file open. */
static hoop_status field_adopt(hoop_dataset *ds, hoop_shard *s, int k, hoop_found *found, hoop_error *err)
{
    hoop_shard_field *f  = &s->field[k];
    hoop_field       *of = &ds->field[k];
    hoop_status       st;
    f->reading = found->reading;
    f->flip    = found->flip;
    if (found->offset >= 0) {
        if (s->map == NULL && (st = shard_map(s, err)) != HOOP_OK) return st;
        f->rows = (const unsigned char *)s->map + found->offset;
        return found->sum_rows > 0 ? hoop__sums_adopt(s, k, found->sum_rows, found->sum_offset, err) : HOOP_OK;
    }
    of->mapped = ds->info.mapped = false;
    f->block_rows                = found->block_rows;
    f->nblocks                   = (s->rows - 1) / f->block_rows + 1;
    ds->info.chunked_bytes += s->rows * of->row_bytes;
    if (f->block_rows * of->row_bytes > ds->info.block_bytes) ds->info.block_bytes = f->block_rows * of->row_bytes;
    f->blocks = calloc((size_t)f->nblocks, sizeof *f->blocks);
    if (f->blocks == NULL)
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld chunks of %s", s->path, (long long)f->nblocks, of->opts.path);
    f->dset     = found->dset;
    found->dset = -1;
    return hoop__chunks_create(f->dset, &of->stored, f->flip, s->rows, s->path, err, &f->chunks);
}

static hoop_status shard_adopt(hoop_dataset *ds, hoop_shard *s, hoop_found *found, hid_t *file, hoop_error *err)
{
    bool handles = false;
    for (int k = 0; k < ds->nfields; k++) {
        hoop_status st;
        if (found[k].dset < 0) continue;
        if ((st = field_adopt(ds, s, k, &found[k], err)) != HOOP_OK) return st;
        handles = handles || s->field[k].blocks != NULL;
    }
    if (handles) {
        s->file = *file;
        *file   = -1;
        hoop__handles_opened(ds, s);
    }
    return HOOP_OK;
}

/* The shard's samples: as many of each field. */
static hoop_status count_samples(const hoop_dataset *ds, hoop_shard *s, const hoop_found *found, hoop_error *err)
{
    int first = -1;
    for (int k = 0; k < ds->nfields; k++) {
        if (found[k].dset < 0) continue;
        if (first < 0) {
            first   = k;
            s->rows = found[k].rows;
        } else if (found[k].rows != s->rows) {
            return hoop_fail(err, HOOP_ESHAPE, "%s: %s has %lld rows, %s has %lld", s->path, ds->field[first].opts.path,
                             (long long)s->rows, ds->field[k].opts.path, (long long)found[k].rows);
        }
    }
    return first >= 0 ? HOOP_OK : hoop_fail(err, HOOP_EFORMAT, "%s: holds none of the fields", s->path);
}

/* What the first shard's field is, is what the dataset's is. */
static void field_take(hoop_dataset *ds, int k, const hoop_found *found)
{
    hoop_field         *f     = &ds->field[k];
    hoop_dataset_field *shown = &ds->shown[k];
    f->stored                 = found->about;
    f->read                   = found->shown;
    f->row_bytes              = found->about.numel * (int64_t)hoop_dtype_size(found->about.dtype);
    f->stored.name = f->read.name = f->opts.name;
    f->stored.path = f->read.path = f->opts.path;
    f->read.role                  = f->opts.role;
    *shown                        = f->read;
}

static hoop_status set_check(const hoop_dataset *ds, hoop_shard *s, hid_t file, hoop_error *err)
{
    if (!s->ours || !hoop__h5_attr_string(file, "set", s->set, sizeof s->set)) s->set[0] = '\0';
    if (strcmp(s->set, ds->shard[0].set) == 0) return HOOP_OK;
    return hoop_fail(err, HOOP_EFORMAT, "%s: comes from another import than %s (attribute `set` differs)", s->path,
                     ds->shard[0].path);
}

static hoop_status shard_look(hoop_dataset *ds, int i, hoop_found *found, hid_t *file, hoop_error *err)
{
    hoop_shard *s = &ds->shard[i];
    hoop_look   look;
    hoop_status st;
    HOOP_TRY(st, done, hoop__shard_stat(s, err, &s->stat));
    HOOP_TRY(st, done, hoop__h5_open(s->path, err, file, &s->bytes));
    HOOP_TRY(st, done, format_check(*file, s->path, err, &s->ours));
    look = (hoop_look){*file, s->path, s->bytes, s->ours, &ds->opts};
    for (int k = 0; k < ds->nfields; k++) HOOP_TRY(st, done, field_find(&look, &ds->field[k].opts, err, &found[k]));
    HOOP_TRY(st, done, count_samples(ds, s, found, err));
    HOOP_TRY(st, done, hoop__field_foreign(ds, &look, found, err));
    for (int k = 0; k < ds->nfields; k++) {
        if (i == 0) field_take(ds, k, &found[k]);
        HOOP_TRY(st, done, field_compare(ds, &found[k], k, s->path, err));
        HOOP_TRY(st, done, hoop__classes_read(ds, &found[k], k, i, &look, err));
        HOOP_TRY(st, done, hoop__columns_read(ds, &look, &found[k], k, err));
        ds->shown[k].checked = ds->shown[k].checked || found[k].shown.checked;
    }
    HOOP_TRY(st, done, set_check(ds, s, *file, err));
    for (int k = 0; k < ds->nfields; k++) HOOP_TRY(st, done, sums_find(&look, ds->field[k].opts.path, err, &found[k]));
    st = shard_adopt(ds, s, found, file, err);
done:
    return st;
}

hoop_status hoop__shard_open(hoop_dataset *ds, int i, hoop_error *err)
{
    hoop_shard *s     = &ds->shard[i];
    hoop_found *found = calloc((size_t)ds->nfields, sizeof *found);
    hid_t       file  = -1;
    hoop_status st;
    s->file  = -1;
    s->field = calloc((size_t)ds->nfields, sizeof *s->field);
    if (found == NULL || s->field == NULL) {
        free(found);
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", s->path);
    }
    for (int k = 0; k < ds->nfields; k++) found[k].dset = s->field[k].dset = -1;
    st = shard_look(ds, i, found, &file, err);
    for (int k = 0; k < ds->nfields; k++) {
        if (found[k].dset >= 0) (void)H5Dclose(found[k].dset);
        free(found[k].enum_names);
    }
    free(found);
    if (file >= 0) (void)H5Fclose(file);
    return st;
}

void hoop__shard_close(hoop_dataset *ds, hoop_shard *s)
{
    hoop__handles_close(ds, s);
    for (int k = 0; s->field != NULL && k < ds->nfields; k++) {
        hoop_shard_field *f = &s->field[k];
        free(f->seen);
        if (f->blocks == NULL) continue;
        for (int64_t b = 0; b < f->nblocks; b++) free(f->blocks[b]);
        free(f->blocks);
        hoop__chunks_destroy(&f->chunks);
        if (f->dset >= 0) (void)H5Dclose(f->dset); /* opening had failed */
    }
    if (s->map != NULL) (void)munmap(s->map, (size_t)s->bytes);
    free(s->field);
    free(s->path);
}
