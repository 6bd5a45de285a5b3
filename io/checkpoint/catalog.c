#include "checkpoint/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *hoop_checkpoint_kind_name(hoop_checkpoint_kind kind)
{
    static const char *const names[HOOP_CKPT_KINDS] = {"parameter", "buffer", "state"};
    return kind < HOOP_CKPT_KINDS ? names[kind] : "?";
}

bool hoop__checkpoint_name_ok(const char *name)
{
    const size_t n = strnlen(name, HOOP_CHECKPOINT_NAME);
    if (n == 0 || n >= HOOP_CHECKPOINT_NAME || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return false;
    for (size_t i = 0; i < n; i++)
        if (name[i] == '/' || (unsigned char)name[i] < 0x20 || name[i] == 0x7f) return false;
    return true;
}

void hoop__checkpoint_dataset_name(hoop_checkpoint_kind kind, const char *group, const char *name, char *out, size_t size)
{
    static const char *const folders[HOOP_CKPT_KINDS] = {"parameters", "buffers", "optimizer"};
    const bool               grouped                  = group != NULL && group[0] != '\0';
    (void)snprintf(out, size, "/%s/%s%s%s", folders[kind], grouped ? group : "", grouped ? "/" : "", name);
}

bool hoop__checkpoint_numel(hoop_dtype dtype, int ndim, const int64_t *shape, int64_t *numel)
{
    int64_t bytes = (int64_t)hoop_dtype_size(dtype);
    *numel        = 1;
    if (ndim < 0 || ndim > HOOP_CHECKPOINT_DIMS || bytes == 0) return false;
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(*numel, shape[i], numel)) return false;
    return !__builtin_mul_overflow(bytes, *numel, &bytes);
}

void hoop__checkpoint_shard_file(int64_t index, int64_t count, char out[64])
{
    (void)snprintf(out, 64, "shard-%05lld-of-%05lld.h5", (long long)index, (long long)count);
}

bool hoop__checkpoint_shard_name(const char *name, int64_t *index, int64_t *count)
{
    const size_t n = strlen(name);
    return n > 3 && strcmp(name + n - 3, ".h5") == 0 && hoop__shard_name_parse(name, "shard", index, count) && *index < *count;
}

void hoop__catalog_free(hoop_catalog *c)
{
    for (int64_t i = 0; i < c->ntensors; i++) free(c->tensor[i].piece);
    free(c->tensor);
    free(c->shard);
    memset(c, 0, sizeof *c);
}

static int compare(const hoop_catalog_tensor *a, const hoop_catalog_tensor *b, bool by_order)
{
    int c = (a->about.kind > b->about.kind) - (a->about.kind < b->about.kind);
    if (c == 0) c = strcmp(a->group, b->group);
    if (c == 0 && by_order) c = (a->about.order > b->about.order) - (a->about.order < b->about.order);
    return c != 0 ? c : strcmp(a->name, b->name);
}

static int compare_tensors(const void *a, const void *b)
{
    return compare(a, b, true);
}

static int compare_names(const void *a, const void *b)
{
    return compare(a, b, false);
}

static int compare_pieces(const void *a, const void *b)
{
    const hoop_piece *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

hoop_status hoop__catalog_add(hoop_catalog *c, const hoop_catalog_tensor *t, const hoop_piece *p, const char *where,
                              hoop_error *err)
{
    hoop_catalog_tensor *mine;
    if (c->ntensors == c->room) {
        const int64_t        room  = c->room == 0 ? 64 : 2 * c->room;
        hoop_catalog_tensor *grown = realloc(c->tensor, (size_t)room * sizeof *grown);
        if (grown == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for its catalogue", where);
        c->tensor = grown;
        c->room   = room;
    }
    mine          = &c->tensor[c->ntensors];
    *mine         = *t;
    mine->npieces = 1;
    mine->piece   = malloc(sizeof *mine->piece);
    if (mine->piece == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for its catalogue", where);
    *mine->piece = *p;
    c->ntensors++;
    return HOOP_OK;
}

/* Neighbours of the same name become one tensor with the pieces of both. */
static hoop_status merge_same(hoop_catalog *c, const char *where, hoop_error *err)
{
    int64_t n = 0;
    for (int64_t i = 0; i < c->ntensors; i++) {
        hoop_catalog_tensor *t = &c->tensor[i], *last = n > 0 ? &c->tensor[n - 1] : NULL;
        hoop_piece          *pieces;
        if (last == NULL || compare(last, t, false) != 0) {
            if (n != i) {
                c->tensor[n] = *t;
                t->piece     = NULL;
            }
            n++;
            continue;
        }
        if (last->about.dtype != t->about.dtype || last->about.ndim != t->about.ndim || last->about.order != t->about.order ||
            memcmp(last->about.shape, t->about.shape, (size_t)t->about.ndim * sizeof t->about.shape[0]) != 0)
            return hoop_fail(err, HOOP_EFORMAT, "%s: dtype, shape or order of %s %s differ between shards %lld and %lld", where,
                             hoop_checkpoint_kind_name(t->about.kind), t->name, (long long)last->piece[0].shard,
                             (long long)t->piece[0].shard);
        pieces = realloc(last->piece, (size_t)(last->npieces + t->npieces) * sizeof *pieces);
        if (pieces == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for its catalogue", where);
        memcpy(pieces + last->npieces, t->piece, (size_t)t->npieces * sizeof *pieces);
        last->piece = pieces;
        last->npieces += t->npieces;
        free(t->piece);
        t->piece = NULL;
    }
    c->ntensors = n;
    return HOOP_OK;
}

/* Each element at most once; says in about.whole whether each is there. */
static hoop_status check_pieces(hoop_catalog_tensor *t, const char *where, hoop_error *err)
{
    int64_t next   = 0;
    t->about.whole = true;
    qsort(t->piece, (size_t)t->npieces, sizeof *t->piece, compare_pieces);
    for (int64_t k = 0; k < t->npieces; k++) {
        const hoop_piece *p = &t->piece[k];
        if (p->first < next || (k > 0 && t->about.numel == 0))
            return hoop_fail(err, HOOP_EFORMAT, "%s: element %lld of %s %s is there twice", where, (long long)p->first,
                             hoop_checkpoint_kind_name(t->about.kind), t->name);
        if (p->first > next) t->about.whole = false;
        next = p->first + p->count;
    }
    if (next < t->about.numel) t->about.whole = false;
    return HOOP_OK;
}

hoop_status hoop__catalog_finish(hoop_catalog *c, bool whole, const char *where, hoop_error *err)
{
    hoop_status st;
    if (c->ntensors > 0) qsort(c->tensor, (size_t)c->ntensors, sizeof *c->tensor, compare_names);
    st = merge_same(c, where, err);
    if (st == HOOP_OK && c->ntensors > 0) qsort(c->tensor, (size_t)c->ntensors, sizeof *c->tensor, compare_tensors);
    for (int64_t i = 0; i < c->ntensors && st == HOOP_OK; i++) {
        hoop_catalog_tensor *t = &c->tensor[i];
        t->about.name          = t->name;
        t->about.group         = t->group;
        st                     = check_pieces(t, where, err);
        if (st == HOOP_OK && whole && !t->about.whole)
            st = hoop_fail(err, HOOP_EFORMAT, "%s: elements of %s %s are missing", where,
                           hoop_checkpoint_kind_name(t->about.kind), t->name);
    }
    return st;
}
