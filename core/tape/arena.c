#include "tape/arena.h"

#include <stdlib.h>

enum { FIRST_CHUNK = 64 * 1024, ARENA_ALIGN = 16 };

static void *chunk_data(hoop_arena_chunk *c)
{
    return (char *)c + ((sizeof *c + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1));
}

void *hoop__arena_alloc(hoop_arena *a, int64_t bytes)
{
    hoop_arena_chunk *c = a->current;
    void             *p;
    bytes = (bytes + ARENA_ALIGN - 1) & ~(int64_t)(ARENA_ALIGN - 1);
    while (c != NULL && c->used + bytes > c->size) {
        if (c->next == NULL || c->next->size < bytes) break;
        c       = c->next; /* left over from an earlier step: used again from its start */
        c->used = 0;
    }
    if (c == NULL || c->used + bytes > c->size) {
        int64_t           size = c == NULL ? FIRST_CHUNK : 2 * c->size;
        hoop_arena_chunk *n;
        if (size < bytes) size = bytes;
        n = malloc(sizeof *n + ARENA_ALIGN + (size_t)size);
        if (n == NULL) return NULL;
        n->used = 0;
        n->size = size;
        n->next = c == NULL ? NULL : c->next;
        if (c == NULL)
            a->first = n;
        else
            c->next = n;
        c = n;
    }
    a->current = c;
    p          = (char *)chunk_data(c) + c->used;
    c->used += bytes;
    return p;
}

hoop_arena_mark hoop__arena_mark(const hoop_arena *a)
{
    return (hoop_arena_mark){a->current, a->current == NULL ? 0 : a->current->used};
}

void hoop__arena_rollback(hoop_arena *a, hoop_arena_mark mark)
{
    a->current = mark.chunk != NULL ? mark.chunk : a->first;
    if (a->current != NULL) a->current->used = mark.chunk != NULL ? mark.used : 0;
}

void hoop__arena_destroy(hoop_arena *a)
{
    for (hoop_arena_chunk *c = a->first, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    a->first = a->current = NULL;
}
