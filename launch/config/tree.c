#include "config/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hoop__pool_block {
    struct hoop__pool_block *next;
    max_align_t              data[];
};

void *hoop__pool_take(hoop__pool *pool, size_t bytes)
{
    struct hoop__pool_block *block = calloc(1, sizeof *block + bytes);
    if (block == NULL) return NULL;
    block->next = pool->first;
    pool->first = block;
    return block->data;
}

char *hoop__pool_copy(hoop__pool *pool, const char *data, size_t size)
{
    char *copy = hoop__pool_take(pool, size + 1);
    if (copy != NULL && size > 0) memcpy(copy, data, size);
    return copy;
}

void hoop__pool_clear(hoop__pool *pool)
{
    struct hoop__pool_block *block = pool->first;
    while (block != NULL) {
        struct hoop__pool_block *next = block->next;
        free(block);
        block = next;
    }
    pool->first = NULL;
}

hoop_value *hoop__value_new(hoop__pool *pool, hoop_value_kind kind, const char *origin, int line)
{
    hoop_value *v = hoop__pool_take(pool, sizeof *v);
    if (v == NULL) return NULL;
    v->kind   = kind;
    v->origin = origin;
    v->line   = line;
    return v;
}

bool hoop__value_append(hoop__pool *pool, hoop_value *parent, const char *key, hoop_value *item)
{
    if (parent->count == parent->room) {
        int          room  = parent->room == 0 ? 4 : parent->room * 2;
        hoop_value **items = hoop__pool_take(pool, (size_t)room * sizeof *items);
        if (items == NULL) return false;
        if (parent->count > 0) memcpy(items, parent->items, (size_t)parent->count * sizeof *items);
        parent->items = items;
        parent->room  = room;
    }
    item->parent                   = parent;
    item->key                      = key;
    item->index                    = parent->count;
    parent->items[parent->count++] = item;
    return true;
}

static hoop_value *find(const hoop_value *map, const char *key, size_t size)
{
    if (map == NULL || map->kind != HOOP_VALUE_MAP) return NULL;
    for (int i = 0; i < map->count; i++) {
        if (strlen(map->items[i]->key) == size && memcmp(map->items[i]->key, key, size) == 0) return map->items[i];
    }
    return NULL;
}

static hoop_status no_memory(hoop_error *err)
{
    return hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
}

hoop_status hoop__value_put(hoop__pool *pool, hoop_value *root, const char *path, hoop_value *item, hoop_error *err)
{
    hoop_value *map = root;
    for (;;) {
        size_t      size  = strcspn(path, ".");
        hoop_value *there = find(map, path, size);
        bool        last  = path[size] == '\0';
        if (last && there != NULL) {
            item->parent             = map;
            item->key                = there->key;
            item->index              = there->index;
            map->items[there->index] = item;
            return HOOP_OK;
        }
        if (!last && there != NULL && there->kind == HOOP_VALUE_NULL) there->kind = HOOP_VALUE_MAP; /* `section:` left empty */
        if (!last && there != NULL && there->kind != HOOP_VALUE_MAP) {
            char place[HOOP_ERROR_TEXT], mine[HOOP_ERROR_TEXT], at[HOOP__PATH_MAX];
            hoop__value_place(item, mine, sizeof mine);
            hoop__value_place(there, place, sizeof place);
            hoop__value_path(there, at, sizeof at);
            return hoop_fail(err, HOOP_ECONFIG, "%s: %s (at %s) is a %s, not a section; %s", mine, at, place,
                             there->kind == HOOP_VALUE_LIST ? "list" : "single value",
                             there->kind == HOOP_VALUE_LIST ? "a list is set as a whole" : "it has no keys");
        }
        if (there == NULL) {
            const char *key = hoop__pool_copy(pool, path, size);
            there           = last ? item : hoop__value_new(pool, HOOP_VALUE_MAP, item->origin, item->line);
            if (key == NULL || there == NULL || !hoop__value_append(pool, map, key, there)) return no_memory(err);
        }
        if (last) return HOOP_OK;
        map = there;
        path += size + 1;
    }
}

hoop_value *hoop__value_copy(hoop__pool *pool, const hoop_value *v)
{
    const char *origin = v->origin == NULL ? NULL : hoop__pool_copy(pool, v->origin, strlen(v->origin));
    hoop_value *copy   = hoop__value_new(pool, v->kind, origin, v->line);
    if (copy == NULL || (origin == NULL && v->origin != NULL)) return NULL;
    copy->quoted = v->quoted;
    if (v->text != NULL) {
        copy->text = hoop__pool_copy(pool, v->text, strlen(v->text));
        if (copy->text == NULL) return NULL;
    }
    for (int i = 0; i < v->count; i++) {
        hoop_value *item = hoop__value_copy(pool, v->items[i]);
        const char *key  = v->items[i]->key;
        if (key != NULL) key = hoop__pool_copy(pool, key, strlen(key));
        if (item == NULL || (key == NULL && v->items[i]->key != NULL)) return NULL;
        if (!hoop__value_append(pool, copy, key, item)) return NULL;
    }
    return copy;
}

bool hoop__value_spell_out(hoop__pool *pool, hoop_value *v, const char *key)
{
    hoop_value *item = hoop__value_new(pool, HOOP_VALUE_SCALAR, v->origin, v->line);
    if (item == NULL) return false;
    item->quoted = v->quoted;
    item->text   = v->text;
    v->kind      = HOOP_VALUE_MAP;
    v->quoted    = false;
    v->text      = NULL;
    return hoop__value_append(pool, v, key, item);
}

void hoop__value_path(const hoop_value *v, char *out, size_t size)
{
    const hoop_value *chain[HOOP__DEPTH_MAX + 8];
    int               n  = 0;
    size_t            at = 0;
    for (; v != NULL && v->parent != NULL && n < (int)(sizeof chain / sizeof *chain); v = v->parent) chain[n++] = v;
    out[0] = '\0';
    while (n-- > 0 && at < size) {
        int wrote = chain[n]->key != NULL ? snprintf(out + at, size - at, "%s%s", at == 0 ? "" : ".", chain[n]->key)
                                          : snprintf(out + at, size - at, "[%d]", chain[n]->index);
        if (wrote < 0) break;
        at += (size_t)wrote;
    }
}

void hoop__value_place(const hoop_value *v, char *out, size_t size)
{
    const char *origin = v == NULL || v->origin == NULL ? "config" : v->origin;
    if (v != NULL && v->line > 0) {
        (void)snprintf(out, size, "%s:%d", origin, v->line);
    } else {
        (void)snprintf(out, size, "%s", origin);
    }
}

const hoop_value *hoop__value_walk(const hoop_value *v, const char *path)
{
    while (v != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");
        v           = find(v, path, size);
        path += size + (path[size] == '.');
    }
    return v;
}

hoop_value_kind hoop_value_get_kind(const hoop_value *v)
{
    return v == NULL ? HOOP_VALUE_NULL : v->kind;
}

const char *hoop_value_text(const hoop_value *v)
{
    return v == NULL || v->kind != HOOP_VALUE_SCALAR ? NULL : v->text;
}

int hoop_value_count(const hoop_value *v)
{
    return v == NULL ? 0 : v->count;
}

const hoop_value *hoop_value_at(const hoop_value *v, int i)
{
    return v == NULL || i < 0 || i >= v->count ? NULL : v->items[i];
}

const char *hoop_value_key(const hoop_value *v, int i)
{
    const hoop_value *item = hoop_value_at(v, i);
    return item == NULL ? NULL : item->key;
}

const hoop_value *hoop_value_find(const hoop_value *v, const char *key)
{
    return find(v, key, strlen(key));
}

void hoop__value_named(const hoop_value *v, char *out, size_t size)
{
    char place[HOOP_ERROR_TEXT], path[HOOP__PATH_MAX];
    hoop__value_place(v, place, sizeof place);
    hoop__value_path(v, path, sizeof path);
    (void)snprintf(out, size, "%s: %s%s", place, path, path[0] == '\0' ? "" : ": ");
}

hoop_status hoop_value_fail(const hoop_value *v, hoop_error *err, const char *format, ...)
{
    char    place[HOOP_ERROR_TEXT];
    va_list args;
    hoop__value_named(v, place, sizeof place);
    va_start(args, format);
    (void)hoop_vfail(err, HOOP_ECONFIG, place, NULL, format, args);
    va_end(args);
    return HOOP_ECONFIG;
}
