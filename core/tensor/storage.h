/** core/tensor/storage.h - memory of tensors: blocks by size class, kept for reuse, counted by the handles that refer to them. */
#ifndef HOOP_STORAGE_H
#define HOOP_STORAGE_H

#include <stdint.h>

enum { HOOP_STORAGE_CLASSES = 240 };

typedef struct hoop_storage {
    void                *data;  /* 64-aligned, just behind this header */
    int64_t              bytes; /* of its class */
    int32_t              class_index, refs;
    struct hoop_storage *next;
} hoop_storage;

typedef struct hoop_cache {
    hoop_storage *free_list[HOOP_STORAGE_CLASSES];
    int64_t       live, peak, reserved, cap, trims; /* trims: how often idle blocks went back to the system */
    int64_t       limit;                            /* of live; 0: none */
} hoop_cache;

/* 64-aligned, for free(); much of it asks for large pages, which saves up to a third of the time of streaming through it */
void         *hoop__memory_new(int64_t bytes);
hoop_storage *hoop__storage_get(hoop_cache *cache, int64_t bytes);   /* NULL: out of memory, over the cap or the limit */
hoop_storage *hoop__storage_new(hoop_cache *cache, int64_t bytes);   /* the same, never one that was in use before */
void          hoop__storage_put(hoop_cache *cache, hoop_storage *s); /* one reference less */
void          hoop__cache_trim(hoop_cache *cache);                   /* give idle blocks back to the system */

#endif
