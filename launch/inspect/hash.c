#include "hoop/inspect.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 22 };

static int by_place(const void *a, const void *b)
{
    const hoop_checkpoint_tensor *const *pa = a, *const *pb = b, *x = *pa, *y = *pb;
    int                                  order = strcmp(hoop_checkpoint_kind_name(x->kind), hoop_checkpoint_kind_name(y->kind));
    if (order == 0) order = strcmp(x->group, y->group);
    return order != 0 ? order : strcmp(x->name, y->name);
}

/* i64 as 8 bytes, little endian */
static void put_i64(unsigned char *out, int64_t v)
{
    for (int i = 0; i < 8; i++) out[i] = (unsigned char)((uint64_t)v >> 8 * i);
}

static hoop_status hash_head(hoop__sha256 *h, const hoop_checkpoint_tensor *t, hoop_error *err)
{
    const char   *text[] = {t->name, t->group, hoop_dtype_name(t->dtype)};
    unsigned char sizes[8 * (HOOP_CHECKPOINT_DIMS + 1)];
    hoop_status   st = HOOP_OK;
    for (int i = 0; i < 3 && st == HOOP_OK; i++) st = hoop__sha256_update(h, text[i], strlen(text[i]) + 1, err);
    put_i64(sizes, t->ndim);
    for (int d = 0; d < t->ndim; d++) put_i64(sizes + 8 * (d + 1), t->shape[d]);
    return st != HOOP_OK ? st : hoop__sha256_update(h, sizes, 8 * ((size_t)t->ndim + 1), err);
}

static hoop_status hash_tensor(hoop_checkpoint *c, hoop__sha256 *h, const hoop_checkpoint_tensor *t, char *chunk, hoop_error *err)
{
    int64_t     width = (int64_t)hoop_dtype_size(t->dtype), most = CHUNK_BYTES / width;
    hoop_status st = hash_head(h, t, err);
    for (int64_t at = 0; at < t->numel && st == HOOP_OK; at += most) {
        int64_t n = t->numel - at < most ? t->numel - at : most;
        st        = hoop_checkpoint_read(c, t, at, n, chunk, err); /* little endian, as stored */
        if (st == HOOP_OK) st = hoop__sha256_update(h, chunk, (size_t)(n * width), err);
    }
    return st;
}

/* A hash of some of a checkpoint's tensors would look like one of all. */
static hoop_status check_complete(const hoop_checkpoint *c, hoop_error *err)
{
    const char *path = hoop_checkpoint_path(c), *slash = strrchr(path, '/');
    int         writer, writers;
    if (sscanf(slash == NULL ? path : slash + 1, "shard-%5d-of-%5d.h5", &writer, &writers) != 2 || writers <= 1) return HOOP_OK;
    return hoop_fail(err, HOOP_EFORMAT, "%s: is one of the %d files of a checkpoint; for a hash of all, name its folder", path,
                     writers);
}

/* The tensors to hash, in order: free(*out). */
static hoop_status choose(hoop_checkpoint *c, bool state, hoop_error *err, const hoop_checkpoint_tensor ***out, int64_t *n)
{
    int64_t                        all = 0, kept = 0;
    const hoop_checkpoint_tensor **list;
    while (hoop_checkpoint_tensor_at(c, all) != NULL) all++;
    list = malloc(((size_t)all + 1) * sizeof *list);
    if (list == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory to sort its tensors", hoop_checkpoint_path(c));
    for (int64_t i = 0; i < all; i++) {
        const hoop_checkpoint_tensor *t = hoop_checkpoint_tensor_at(c, i);
        if (!state && t->kind != HOOP_CKPT_PARAMETER) continue;
        if (!t->whole) {
            free(list);
            return hoop_fail(err, HOOP_EFORMAT,
                             "%s: holds only a part of %s%s%s; for a hash of all, name the checkpoint's folder",
                             hoop_checkpoint_path(c), t->group, t->group[0] != '\0' ? "/" : "", t->name);
        }
        list[kept++] = t;
    }
    if (kept == 0) {
        free(list);
        return hoop_fail(err, HOOP_EFORMAT, "%s: holds no parameters to hash", hoop_checkpoint_path(c));
    }
    qsort(list, (size_t)kept, sizeof *list, by_place);
    *out = list;
    *n   = kept;
    return HOOP_OK;
}

hoop_status hoop_checkpoint_hash(hoop_checkpoint *c, bool state, hoop_error *err, char hex[HOOP_CHECKPOINT_HASH_SIZE])
{
    const hoop_checkpoint_tensor **list  = NULL;
    hoop__sha256                  *h     = NULL;
    char                          *chunk = malloc(CHUNK_BYTES);
    int64_t                        n     = 0;
    hoop_status                    st;
    if (chunk == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory to hash", hoop_checkpoint_path(c));
    HOOP_TRY(st, done, check_complete(c, err));
    HOOP_TRY(st, done, choose(c, state, err, &list, &n));
    HOOP_TRY(st, done, hoop__sha256_create(err, &h));
    for (int64_t i = 0; i < n; i++) HOOP_TRY(st, done, hash_tensor(c, h, list[i], chunk, err));
    st = hoop__sha256_finish(h, err, NULL, hex);
done:
    hoop__sha256_destroy(&h);
    free(list);
    free(chunk);
    return st;
}
