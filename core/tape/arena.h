/** core/tape/arena.h - bump allocation, rolled back to a mark: headers and nodes of a tape live here until its reset. */
#ifndef HOOP_ARENA_H
#define HOOP_ARENA_H

#include <stdint.h>

typedef struct hoop_arena_chunk {
    struct hoop_arena_chunk *next;
    int64_t                  used, size;
} hoop_arena_chunk;

typedef struct hoop_arena {
    hoop_arena_chunk *first, *current;
} hoop_arena;

typedef struct hoop_arena_mark {
    hoop_arena_chunk *chunk;
    int64_t           used;
} hoop_arena_mark;

void           *hoop__arena_alloc(hoop_arena *a, int64_t bytes); /* 16-aligned; NULL: out of memory */
hoop_arena_mark hoop__arena_mark(const hoop_arena *a);
void            hoop__arena_rollback(hoop_arena *a, hoop_arena_mark mark);
void            hoop__arena_destroy(hoop_arena *a);

#endif
