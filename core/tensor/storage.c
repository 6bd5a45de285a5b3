#include "tensor/storage.h"

#include "hoop/tensor.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { SMALLEST_LOG2 = 8 };

/* Classes of 2^k * {1, 1.25, 1.5, 1.75}: at most a quarter is wasted, and a size finds its list without searching. -1: too large
 */
static int class_of(int64_t bytes, int64_t *class_bytes)
{
    int     log2, quarter;
    int64_t base, step;
    if (bytes > INT64_MAX / 4) return -1;
    if (bytes < (int64_t)1 << SMALLEST_LOG2) bytes = (int64_t)1 << SMALLEST_LOG2;
    log2         = 63 - __builtin_clzll((unsigned long long)bytes);
    base         = (int64_t)1 << log2;
    step         = base / 4;
    quarter      = (int)((bytes - base + step - 1) / step);
    *class_bytes = base + quarter * step;
    return 4 * (log2 - SMALLEST_LOG2) + quarter;
}

static hoop_storage *take(hoop_cache *cache, hoop_storage *s)
{
    s->refs = 1;
    s->next = NULL;
    cache->live += s->bytes;
    if (cache->live > cache->peak) cache->peak = cache->live;
    return s;
}

enum { LARGE_PAGE = 1 << 21 };

void *hoop__memory_new(int64_t bytes)
{
    const bool    large = bytes >= 2 * LARGE_PAGE;
    const int64_t align = large ? LARGE_PAGE : HOOP_ALIGN;
    void         *p     = aligned_alloc((size_t)align, (size_t)((bytes + align - 1) / align * align));
#if defined(MADV_HUGEPAGE)
    if (large && p != NULL) (void)madvise(p, (size_t)(bytes / align * align), MADV_HUGEPAGE); /* refused: as without */
#endif
    return p;
}

/* from the system */
static hoop_storage *make(hoop_cache *cache, int c, int64_t size)
{
    hoop_storage *s;
    if (cache->cap > 0 && cache->reserved + size > cache->cap) hoop__cache_trim(cache);
    if (cache->cap > 0 && cache->reserved + size > cache->cap) return NULL;
    s = hoop__memory_new(size + HOOP_ALIGN);
    if (s == NULL) {
        hoop__cache_trim(cache);
        s = hoop__memory_new(size + HOOP_ALIGN);
    }
    if (s == NULL) return NULL;
    s->data        = (char *)s + HOOP_ALIGN;
    s->bytes       = size;
    s->class_index = c;
    cache->reserved += size;
    return take(cache, s);
}

static bool is_over(const hoop_cache *cache, int64_t size)
{
    return cache->limit > 0 && size > cache->limit - cache->live;
}

hoop_storage *hoop__storage_new(hoop_cache *cache, int64_t bytes)
{
    int64_t   size;
    const int c = class_of(bytes, &size);
    return c < 0 || is_over(cache, size) ? NULL : make(cache, c, size);
}

hoop_storage *hoop__storage_get(hoop_cache *cache, int64_t bytes)
{
    int64_t       size;
    const int     c = class_of(bytes, &size);
    hoop_storage *s;
    if (c < 0 || is_over(cache, size)) return NULL;
    s = cache->free_list[c];
    if (s == NULL) return make(cache, c, size);
    cache->free_list[c] = s->next;
    return take(cache, s);
}

void hoop__storage_put(hoop_cache *cache, hoop_storage *s)
{
    if (--s->refs > 0) return;
    cache->live -= s->bytes;
    s->next                          = cache->free_list[s->class_index];
    cache->free_list[s->class_index] = s;
}

void hoop__cache_trim(hoop_cache *cache)
{
    cache->trims++;
    for (int c = 0; c < HOOP_STORAGE_CLASSES; c++) {
        for (hoop_storage *s = cache->free_list[c], *next; s != NULL; s = next) {
            next = s->next;
            cache->reserved -= s->bytes;
            free(s);
        }
        cache->free_list[c] = NULL;
    }
}

_Static_assert(sizeof(hoop_storage) <= HOOP_ALIGN, "the header of a storage fits before its data");
