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

/* The checksums of a mapped field's blocks, where the file has them and they can be mapped too. */
static hoop_status sums_find(const hoop_look *l, const char *name, hoop_error *err, hoop_found *f)
{
    char        sums[HOOP_PATH_MAX];
    hoop_field  field = {.opts = {.path = sums, .use = HOOP_Y_OPTIONAL}, .object = sums};
    hoop_found  of    = {.dset = -1};
    int64_t     rows;
    hoop_status st = HOOP_OK;
    if (!l->ours || f->cut.axis != 0 || f->dset < 0 || f->offset < 0 || !hoop__h5_attr_i64(f->dset, "xxh3_64_rows", &rows))
        return HOOP_OK;
    HOOP_TRY(st, done, hoop__sums_name(name, err, sums, sizeof sums));
    HOOP_TRY(st, done, hoop__field_find(l, &field, err, &of));
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
    if (ds->shown[which].varies != (f->varies || f->offsets != NULL))
        return hoop_fail(err, HOOP_ESHAPE, "%s: rows of %s are %s of variable length, and in %s %s", path, name,
                         f->varies ? "all" : "not", first, f->varies ? "not" : "are");
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

/* Ours says which version of FORMAT.md it follows; other people's files say nothing. */
hoop_status hoop__shard_format(hid_t file, const char *path, hoop_error *err, bool *ours)
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

/* Take a field over: mapped if it can be; else its dataset stays open. */
static hoop_status field_adopt(hoop_dataset *ds, hoop_shard *s, int k, hoop_found *found, hoop_error *err)
{
    hoop_shard_field *f  = &s->field[k];
    hoop_field       *of = &ds->field[k];
    hoop_status       st;
    f->reading     = found->reading;
    f->flip        = found->flip;
    f->varies      = found->varies;
    f->nrows       = found->rows;
    f->cut         = found->cut;
    f->offsets     = found->offsets;
    found->offsets = NULL;
    if (found->offset >= 0) {
        if (s->map == NULL && (st = shard_map(s, err)) != HOOP_OK) return st;
        f->rows      = (const unsigned char *)s->map + found->offset;
        f->summed    = f->rows;
        f->sum_bytes = found->elements / found->cut.extent[0] * found->width;
        f->straight  = f->cut.nloops == 0 && f->cut.step == of->stored.numel;
        if (f->straight) f->rows += f->cut.start * found->width;
        return found->sum_rows > 0 ? hoop__sums_adopt(s, k, found->sum_rows, found->sum_offset, err) : HOOP_OK;
    }
    of->mapped = ds->info.mapped = false;
    f->block_rows                = found->block_rows;
    f->nblocks                   = (f->nrows - 1) / f->block_rows + 1;
    ds->info.chunked_bytes += f->nrows * of->row_bytes;
    if (f->block_rows * of->row_bytes > ds->info.block_bytes) ds->info.block_bytes = f->block_rows * of->row_bytes;
    f->blocks = calloc((size_t)f->nblocks + 1, sizeof *f->blocks);
    if (f->blocks == NULL)
        return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld chunks of %s", s->path, (long long)f->nblocks, of->opts.path);
    f->dset     = found->dset;
    found->dset = -1;
    return f->varies ? HOOP_OK : hoop__chunks_create(f->dset, &of->stored, &f->cut, f->flip, s->path, err, &f->chunks);
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

/* What the first shard's field is, is what the dataset's is. */
static hoop_status field_take(hoop_dataset *ds, int k, const hoop_found *found, const char *path, hoop_error *err)
{
    hoop_field *f  = &ds->field[k];
    f->stored      = found->about;
    f->read        = found->shown;
    f->row_bytes   = found->about.numel * (int64_t)hoop_dtype_size(found->about.dtype);
    f->stored.name = f->read.name = f->opts.name;
    f->stored.path = f->read.path = f->opts.path;
    f->read.role                  = f->opts.role;
    ds->shown[k]                  = f->read;
    if (!f->read.present) return HOOP_OK;
    return hoop__samples_shape(f, found->varies || found->offsets != NULL, path, err, &ds->shown[k]);
}

/* Which dataset a path is, and which piece of it: one that is called just so goes first. */
static hoop_status object_of(const hoop_look *l, hoop_field *f, hoop_error *err)
{
    size_t      name;
    hoop_status st;
    free(f->object);
    f->object = NULL;
    f->piece  = (hoop_piece){.ndim = 0};
    name      = strlen(f->opts.path);
    if (!hoop__h5_exists(l->file, f->opts.path) && (st = hoop__piece_parse(f->opts.path, err, &f->piece, &name)) != HOOP_OK)
        return st;
    f->object = strndup(f->opts.path, name);
    return f->object != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory", l->path);
}

static hoop_status field_look(const hoop_look *l, hoop_field *f, bool first, hoop_error *err, hoop_found *found)
{
    hoop_status st = first ? object_of(l, f, err) : HOOP_OK;
    if (st == HOOP_OK) st = hoop__field_find(l, f, err, found);
    return st == HOOP_OK ? hoop__offsets_find(l, &f->opts, err, found) : st;
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
    HOOP_TRY(st, done, hoop__shard_format(*file, s->path, err, &s->ours));
    look = (hoop_look){*file, s->path, s->bytes, s->ours, &ds->opts};
    for (int k = 0; k < ds->nfields; k++) HOOP_TRY(st, done, field_look(&look, &ds->field[k], i == 0, err, &found[k]));
    HOOP_TRY(st, done, hoop__samples_count(ds, s, found, err));
    HOOP_TRY(st, done, hoop__field_foreign(ds, &look, found, err));
    for (int k = 0; k < ds->nfields; k++) {
        if (i == 0) HOOP_TRY(st, done, field_take(ds, k, &found[k], s->path, err));
        HOOP_TRY(st, done, field_compare(ds, &found[k], k, s->path, err));
        HOOP_TRY(st, done, hoop__classes_read(ds, &found[k], k, i, &look, err));
        HOOP_TRY(st, done, hoop__columns_read(ds, &look, &found[k], k, err));
        ds->shown[k].checked =
            ds->shown[k].checked || found[k].shown.checked || (found[k].varies && ds->field[k].opts.length > 0);
        if (found[k].longest > ds->shown[k].longest) ds->shown[k].longest = found[k].longest;
    }
    HOOP_TRY(st, done, set_check(ds, s, *file, err));
    for (int k = 0; k < ds->nfields; k++) HOOP_TRY(st, done, sums_find(&look, ds->field[k].object, err, &found[k]));
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
        free(found[k].offsets);
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
        free(f->offsets);
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
