/* Reading a checkpoint: a directory, or one shard. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/catalog.h"

struct hoop_checkpoint {
    char                 path[HOOP_CHECKPOINT_PATH], dir[HOOP_CHECKPOINT_PATH];
    hoop_checkpoint_meta meta;
    void                *owner; /* of meta's strings */
    hoop_catalog         catalog;
    int                 *fd; /* of shards, -1: not open */
};

static hoop_status shard_path(const hoop_checkpoint *c, int64_t shard, hoop_error *err, char *out)
{
    return hoop__path_join(c->dir, c->catalog.shard[shard].file, err, out, HOOP_PATH_MAX);
}

static hoop_status open_directory(hoop_checkpoint *c, hoop_error *err)
{
    char        path[HOOP_PATH_MAX];
    hoop_status st;
    HOOP_TRY(st, done, hoop__path_join(c->dir, "manifest.json", err, path, sizeof path));
    HOOP_TRY(st, done, hoop__manifest_read(path, err, &c->meta, &c->catalog, &c->owner));
    for (int64_t i = 0; i < c->catalog.nshards; i++) {
        int64_t bytes;
        HOOP_TRY(st, done, shard_path(c, i, err, path));
        bytes = hoop__file_size(path);
        if (bytes < 0)
            st = hoop_fail(err, HOOP_EIO, "%s: is missing", path);
        else if (bytes != c->catalog.shard[i].bytes)
            st = hoop_fail(err, HOOP_EFORMAT, "%s: has %lld bytes, %lld were written", path, (long long)bytes,
                           (long long)c->catalog.shard[i].bytes);
        if (st != HOOP_OK) break;
    }
done:
    return st;
}

static void empty_meta(hoop_checkpoint_meta *m)
{
    memset(m, 0, sizeof *m);
    m->run_id = m->numerics = m->fingerprint = m->data_fingerprint = m->optimizer = m->config = m->version = m->host = m->time =
        m->command                                                                                                   = "";
}

static hoop_status open_shard(hoop_checkpoint *c, hoop_error *err)
{
    const char  *slash = strrchr(c->path, '/'), *file = slash == NULL ? c->path : slash + 1;
    char         manifest[HOOP_PATH_MAX];
    hoop_catalog beside = {0};
    int64_t      writers;
    hoop_status  st;
    hoop__path_dir(c->path, c->dir, sizeof c->dir);
    if (strlen(file) >= sizeof c->catalog.shard[0].file)
        return hoop_fail(err, HOOP_EARG, "%s: too long a file name for a shard", c->path);
    c->catalog.nshards = 1;
    c->catalog.shard   = calloc(1, sizeof *c->catalog.shard);
    if (c->catalog.shard == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", c->path);
    memcpy(c->catalog.shard[0].file, file, strlen(file) + 1);
    HOOP_TRY(st, done, hoop__shard_scan(c->path, -1, &c->catalog, &writers, err));
    HOOP_TRY(st, done, hoop__catalog_finish(&c->catalog, false, c->path, err));
    c->catalog.shard[0].bytes = hoop__file_size(c->path);
    /* The manifest beside it says more; without one (a copied file) it is still readable. */
    empty_meta(&c->meta);
    if (hoop__path_join(c->dir, "manifest.json", NULL, manifest, sizeof manifest) == HOOP_OK && hoop__file_size(manifest) > 0 &&
        hoop__manifest_read(manifest, NULL, &c->meta, &beside, &c->owner) != HOOP_OK)
        empty_meta(&c->meta);
done:
    hoop__catalog_free(&beside);
    return st;
}

hoop_status hoop__checkpoint_open_at(const char *path, bool directory, hoop_error *err, hoop_checkpoint **out)
{
    hoop_checkpoint *c = calloc(1, sizeof *c);
    hoop_status      st;
    *out = NULL;
    if (c == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    if (snprintf(c->path, sizeof c->path, "%s", path) >= (int)sizeof c->path) {
        st = hoop_fail(err, HOOP_EARG, "%.64s...: the path is too long", path);
        goto done;
    }
    if (directory) memcpy(c->dir, c->path, sizeof c->dir);
    HOOP_TRY(st, done, directory ? open_directory(c, err) : open_shard(c, err));
    c->fd = malloc((size_t)c->catalog.nshards * sizeof *c->fd);
    if (c->fd == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
        goto done;
    }
    for (int64_t i = 0; i < c->catalog.nshards; i++) c->fd[i] = -1;
    *out = c;
    c    = NULL;
done:
    hoop_checkpoint_close(&c);
    return st;
}

void hoop_checkpoint_close(hoop_checkpoint **pc)
{
    hoop_checkpoint *c = pc == NULL ? NULL : *pc;
    if (c == NULL) return;
    for (int64_t i = 0; c->fd != NULL && i < c->catalog.nshards; i++)
        if (c->fd[i] >= 0) (void)close(c->fd[i]);
    free(c->fd);
    hoop__catalog_free(&c->catalog);
    hoop__manifest_release(&c->owner, &c->meta);
    free(c);
    *pc = NULL;
}

const char *hoop_checkpoint_path(const hoop_checkpoint *c)
{
    return c->path;
}

const hoop_checkpoint_meta *hoop_checkpoint_about(const hoop_checkpoint *c)
{
    return &c->meta;
}

const char *hoop_checkpoint_note(const hoop_checkpoint *c, const char *key)
{
    for (int64_t i = 0; i < c->meta.nnotes; i++)
        if (strcmp(c->meta.notes[2 * i], key) == 0) return c->meta.notes[2 * i + 1];
    return NULL;
}

const hoop_checkpoint_tensor *hoop_checkpoint_tensor_at(const hoop_checkpoint *c, int64_t i)
{
    return i < 0 || i >= c->catalog.ntensors ? NULL : &c->catalog.tensor[i].about;
}

const hoop_checkpoint_tensor *hoop_checkpoint_find(const hoop_checkpoint *c, hoop_checkpoint_kind kind, const char *group,
                                                   const char *name)
{
    if (group == NULL) group = "";
    for (int64_t i = 0; i < c->catalog.ntensors; i++) {
        const hoop_catalog_tensor *t = &c->catalog.tensor[i];
        if (t->about.kind == kind && strcmp(t->name, name) == 0 && strcmp(t->group, group) == 0) return &t->about;
    }
    return NULL;
}

/* ---- contents ---- */

static hoop_status shard_fd(hoop_checkpoint *c, int64_t shard, hoop_error *err, char *path)
{
    hoop_status st = shard_path(c, shard, err, path);
    if (st != HOOP_OK || c->fd[shard] >= 0) return st;
    c->fd[shard] = open(path, O_RDONLY | O_CLOEXEC);
    return c->fd[shard] >= 0 ? HOOP_OK : hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
}

/* The checksum of a piece's bytes: is it the one that was written down? */
static hoop_status piece_compare(const hoop_catalog_tensor *t, hoop_piece *p, const char *sum, const char *path, hoop_error *err)
{
    p->checked = strcmp(sum, p->sum) == 0;
    if (p->checked) return HOOP_OK;
    return hoop_fail(err, HOOP_ECHECKSUM, "%s: %s %s%s%s is damaged: its checksum does not match", path,
                     hoop_checkpoint_kind_name(t->about.kind), t->group, t->group[0] != '\0' ? "/" : "", t->name);
}

/* Elements [first, first + count) of the tensor, all within this piece. The piece's checksum is checked the first time. */
static hoop_status piece_read(hoop_checkpoint *c, const hoop_catalog_tensor *t, hoop_piece *p, int64_t first, int64_t count,
                              char *out, hoop_error *err)
{
    const int64_t width = (int64_t)hoop_dtype_size(t->about.dtype), bytes = p->count * width;
    char          path[HOOP_PATH_MAX], sum[HOOP_SUM_TEXT], *all = NULL;
    hoop_status   st;
    HOOP_TRY(st, done, shard_fd(c, p->shard, err, path));
    if (p->checked || (first == p->first && count == p->count)) {
        HOOP_TRY(st, done,
                 hoop__file_read_at(c->fd[p->shard], out, count * width, p->offset + (first - p->first) * width, path, err));
        if (p->checked) goto done;
        hoop__sum_text(out, bytes, sum);
        st = piece_compare(t, p, sum, path, err);
        goto done;
    }
    all = malloc((size_t)bytes);
    if (all == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory to check %s", path, t->name);
        goto done;
    }
    HOOP_TRY(st, done, hoop__file_read_at(c->fd[p->shard], all, bytes, p->offset, path, err));
    hoop__sum_text(all, bytes, sum);
    HOOP_TRY(st, done, piece_compare(t, p, sum, path, err));
    memcpy(out, all + (first - p->first) * width, (size_t)(count * width));
done:
    free(all);
    return st;
}

hoop_status hoop_checkpoint_read(hoop_checkpoint *c, const hoop_checkpoint_tensor *about, int64_t first, int64_t count, void *out,
                                 hoop_error *err)
{
    /* about is the first member of the catalogue's row */
    const hoop_catalog_tensor *t     = (const hoop_catalog_tensor *)(const void *)about;
    const int64_t              width = (int64_t)hoop_dtype_size(about->dtype), end = first + count;
    int64_t                    next = first;
    hoop_status                st   = HOOP_OK;
    if (first < 0 || count < 0 || first > about->numel || count > about->numel - first)
        return hoop_fail(err, HOOP_ERANGE, "%s: elements %lld to %lld of %s, which has %lld", c->path, (long long)first,
                         (long long)(first + count), t->name, (long long)about->numel);
    for (int64_t k = 0; k < t->npieces && st == HOOP_OK && next < end; k++) {
        hoop_piece *p   = &t->piece[k];
        int64_t     run = p->first + p->count - next;
        if (run <= 0) continue;
        if (p->first > next) break;
        if (run > end - next) run = end - next;
        st = piece_read(c, t, p, next, run, (char *)out + (next - first) * width, err);
        next += run;
    }
    if (st == HOOP_OK && next < end)
        st = hoop_fail(err, HOOP_ERANGE, "%s: element %lld of %s is in another shard", c->path, (long long)next, t->name);
    return st;
}

typedef struct placed {
    const hoop_catalog_tensor *t;
    hoop_piece                *p;
} placed;

static int by_place(const void *a, const void *b)
{
    const hoop_piece *x = ((const placed *)a)->p, *y = ((const placed *)b)->p;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

enum { VERIFY_STEP = 1 << 20 };

typedef struct pass {
    int         fd;
    const char *path;
    char       *part; /* VERIFY_STEP bytes */
    hoop_sum   *file, *piece;
} pass;

/* The next n bytes into the file's sum and, with a piece, into its own. */
static hoop_status pass_on(pass *v, int64_t from, int64_t n, bool piece, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int64_t at = 0; at < n && st == HOOP_OK; at += VERIFY_STEP) {
        const int64_t k = n - at < VERIFY_STEP ? n - at : VERIFY_STEP;
        st              = hoop__file_read_at(v->fd, v->part, k, from + at, v->path, err);
        if (st != HOOP_OK) break;
        hoop__sum_add(v->file, v->part, k);
        if (piece) hoop__sum_add(v->piece, v->part, k);
    }
    return st;
}

/* One file from its first byte to its last: its own checksum and those of its pieces, which stand in the order of their places.
 */
static hoop_status verify_shard(const hoop_catalog_shard *s, pass *v, const placed *list, int64_t n, hoop_error *err)
{
    char        sum[HOOP_SUM_TEXT];
    int64_t     at = 0;
    hoop_status st;
    hoop__sum_reset(v->file);
    for (int64_t i = 0; i < n; i++) {
        const hoop_catalog_tensor *t     = list[i].t;
        hoop_piece                *p     = list[i].p;
        const int64_t              bytes = p->count * (int64_t)hoop_dtype_size(t->about.dtype);
        hoop__sum_reset(v->piece);
        if (bytes > 0) {
            if (p->offset < at) return hoop_fail(err, HOOP_EFORMAT, "%s: %s overlaps with another tensor", v->path, t->name);
            HOOP_TRY(st, done, pass_on(v, at, p->offset - at, false, err));
            HOOP_TRY(st, done, pass_on(v, p->offset, bytes, true, err));
            at = p->offset + bytes;
        }
        hoop__sum_end(v->piece, sum);
        HOOP_TRY(st, done, piece_compare(t, p, sum, v->path, err));
    }
    HOOP_TRY(st, done, pass_on(v, at, s->bytes - at, false, err));
    hoop__sum_end(v->file, sum);
    if (s->sum[0] != '\0' && strcmp(sum, s->sum) != 0)
        st = hoop_fail(err, HOOP_ECHECKSUM, "%s: damaged outside of its tensors: the file's checksum does not match", v->path);
done:
    return st;
}

hoop_status hoop_checkpoint_verify(hoop_checkpoint *c, hoop_error *err)
{
    char        path[HOOP_PATH_MAX];
    pass        v    = {.path = path, .part = malloc(VERIFY_STEP), .file = hoop__sum_create(), .piece = hoop__sum_create()};
    placed     *list = NULL;
    int64_t     n    = 0, end;
    hoop_status st   = HOOP_OK;
    for (int64_t i = 0; i < c->catalog.ntensors; i++) n += c->catalog.tensor[i].npieces;
    list = malloc(((size_t)n + 1) * sizeof *list);
    if (v.part == NULL || v.file == NULL || v.piece == NULL || list == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory to check it", c->path);
        goto done;
    }
    n = 0;
    for (int64_t i = 0; i < c->catalog.ntensors; i++)
        for (int64_t k = 0; k < c->catalog.tensor[i].npieces; k++)
            list[n++] = (placed){&c->catalog.tensor[i], &c->catalog.tensor[i].piece[k]};
    qsort(list, (size_t)n, sizeof *list, by_place);
    for (int64_t i = 0, from = 0; i < c->catalog.nshards; i++, from = end) {
        for (end = from; end < n && list[end].p->shard == i;) end++;
        HOOP_TRY(st, done, shard_fd(c, i, err, path));
        v.fd = c->fd[i];
        HOOP_TRY(st, done, verify_shard(&c->catalog.shard[i], &v, list + from, end - from, err));
    }
done:
    hoop__sum_destroy(&v.file);
    hoop__sum_destroy(&v.piece);
    free(v.part);
    free(list);
    return st;
}
