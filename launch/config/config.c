/* config/config.c - a config as a whole: read it, set keys of it, look at it. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/yaml.h"

static hoop_status no_memory(hoop_error *err)
{
    return hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
}

static hoop_status parse(const char *text, size_t size, const char *name, hoop_error *err, hoop_config **out)
{
    hoop_config *cfg = calloc(1, sizeof *cfg);
    hoop_status  st;
    if (cfg == NULL) return no_memory(err);
    cfg->name = hoop__pool_copy(&cfg->pool, name, strlen(name));
    if (cfg->name == NULL) {
        st = no_memory(err);
    } else {
        st = hoop__yaml_read(&cfg->pool, text, size, cfg->name, true, err, &cfg->root);
    }
    if (st == HOOP_OK && cfg->root->kind == HOOP_VALUE_NULL) cfg->root->kind = HOOP_VALUE_MAP;
    if (st == HOOP_OK && cfg->root->kind != HOOP_VALUE_MAP) {
        st = hoop_value_fail(cfg->root, err, "a config is lines of `key: value`, this is a %s",
                             cfg->root->kind == HOOP_VALUE_LIST ? "list" : "single value");
    }
    if (st != HOOP_OK) {
        hoop_config_destroy(&cfg);
        return st;
    }
    *out = cfg;
    return HOOP_OK;
}

hoop_status hoop_config_parse(const char *text, const char *name, hoop_error *err, hoop_config **out)
{
    return parse(text, strlen(text), name, err, out);
}

hoop_status hoop_config_parse_stored(const char *text, const char *name, hoop_error *err, hoop_config **out)
{
    hoop_status st = parse(text, strlen(text), name, err, out);
    if (st == HOOP_OK) (*out)->stored = true;
    return st;
}

static hoop_status read_file(FILE *file, const char *path, hoop__text *text, hoop_error *err)
{
    char   part[4096];
    size_t n;
    errno = 0;
    while (text->size <= HOOP__BYTES_MAX && (n = fread(part, 1, sizeof part, file)) > 0) hoop__text_add(text, part, n);
    if (ferror(file)) return hoop_fail(err, HOOP_EIO, "%s: can't read the config: %s", path, strerror(errno));
    hoop__text_add(text, "", 0);
    return text->failed ? no_memory(err) : HOOP_OK;
}

hoop_status hoop_config_load(const char *path, hoop_error *err, hoop_config **out)
{
    hoop__text  text = {0};
    hoop_status st;
    FILE       *file = fopen(path, "rbe");
    if (file == NULL) return hoop_fail(err, HOOP_EIO, "%s: can't open the config: %s", path, strerror(errno));
    st = read_file(file, path, &text, err);
    (void)fclose(file);
    if (st == HOOP_OK) st = parse(text.data, text.size, path, err, out);
    hoop__text_clear(&text);
    return st;
}

/* "a.b.c" of `size` bytes: words of letters, digits, _ and -, dots between them. */
static bool is_path(const char *path, size_t size)
{
    size_t word  = 0;
    int    depth = 1;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c == '.') {
            if (word == 0 || ++depth > HOOP__DEPTH_MAX) return false;
            word = 0;
        } else if (!(c < 0x80 && (isalnum(c) || c == '_' || c == '-')) || ++word > HOOP__KEY_MAX) {
            return false;
        }
    }
    return word > 0;
}

/* Deeper than this the emitter and the paths in errors have no room. */
static int depth_of(const hoop_value *v)
{
    int most = 0;
    for (int i = 0; i < v->count; i++) {
        int depth = depth_of(v->items[i]);
        if (depth > most) most = depth;
    }
    return most + 1;
}

static bool is_called(const char *name, const char *path, size_t size)
{
    return strlen(name) == size && memcmp(name, path, size) == 0;
}

/* The key of the choice that is called so; NULL: there is none. */
static const char *choice_key(const hoop_config_schema *schema, const char *section, size_t size)
{
    for (int i = 0; i < schema->nparts; i++) {
        const hoop_config_choice *c = schema->parts[i].choice;
        if (c != NULL && is_called(c->section, section, size)) return c->key;
    }
    return NULL;
}

/* The key that a single value at this path stands for; NULL: none. In an item of a free key, what is called as a choice is one.
 */
static const char *short_key(const hoop_config_schema *schema, const char *path, size_t size)
{
    for (int i = 0; i < schema->nparts; i++) {
        const hoop_config_free *f = schema->parts[i].free_key;
        const size_t            n = f == NULL || f->item == NULL ? 0 : strlen(f->path);
        size_t                  item;
        if (n == 0 || size <= n || memcmp(path, f->path, n) != 0 || path[n] != '.') continue;
        item = n + 1 + strcspn(path + n + 1, ".");
        return item >= size ? f->item : choice_key(schema, path + item + 1, size - item - 1);
    }
    return choice_key(schema, path, size);
}

/* Single values on the way to `path` become the sections that they are short for. */
static hoop_status spell_out(hoop_config *cfg, const hoop_config_schema *schema, const char *path, hoop_error *err)
{
    hoop_value *v = cfg->root;
    for (const char *at = path, *dot; (dot = strchr(at, '.')) != NULL; at = dot + 1) {
        const char *key;
        int         i = 0;
        while (i < v->count && !is_called(v->items[i]->key, at, (size_t)(dot - at))) i++;
        if (i == v->count) return HOOP_OK;
        v   = v->items[i];
        key = v->kind == HOOP_VALUE_SCALAR ? short_key(schema, path, (size_t)(dot - path)) : NULL;
        if (key != NULL && !hoop__value_spell_out(&cfg->pool, v, key)) return no_memory(err);
        if (v->kind != HOOP_VALUE_MAP) return HOOP_OK; /* where it is put this is told */
    }
    return HOOP_OK;
}

hoop_status hoop_config_set(hoop_config *cfg, const char *assignment, hoop_error *err)
{
    return hoop_config_set_in(cfg, NULL, assignment, err);
}

hoop_status hoop_config_set_in(hoop_config *cfg, const hoop_config_schema *schema, const char *assignment, hoop_error *err)
{
    const char *equals = strchr(assignment, '=');
    hoop_value *item;
    hoop_status st;
    size_t      size;
    int         depth = 1;
    if (equals == NULL)
        return hoop_fail(err, HOOP_ECONFIG, "--set %s: write key=value, as in --set optimizer.lr=1e-3", assignment);
    size = (size_t)(equals - assignment);
    if (!is_path(assignment, size)) {
        return hoop_fail(err, HOOP_ECONFIG, "--set %s: '%.*s' is not a dotted key such as optimizer.lr", assignment, (int)size,
                         assignment);
    }
    char *origin = hoop__pool_take(&cfg->pool, strlen(assignment) + sizeof "--set ");
    char *path   = hoop__pool_copy(&cfg->pool, assignment, size);
    if (origin == NULL || path == NULL) return no_memory(err);
    (void)sprintf(origin, "--set %s", assignment);
    st = hoop__yaml_read(&cfg->pool, equals + 1, strlen(equals + 1), origin, false, err, &item);
    if (st != HOOP_OK) return st;
    for (const char *c = path; *c != '\0'; c++) depth += *c == '.';
    if (depth + depth_of(item) > HOOP__DEPTH_MAX + 1) {
        return hoop_fail(err, HOOP_ECONFIG, "%s: nested deeper than %d", origin, HOOP__DEPTH_MAX);
    }
    if (schema != NULL && (st = spell_out(cfg, schema, path, err)) != HOOP_OK) return st;
    return hoop__value_put(&cfg->pool, cfg->root, path, item, err);
}

void hoop_config_destroy(hoop_config **cfg)
{
    if (cfg == NULL || *cfg == NULL) return;
    hoop__pool_clear(&(*cfg)->pool);
    free(*cfg);
    *cfg = NULL;
}

const char *hoop_config_name(const hoop_config *cfg)
{
    return cfg->name;
}

const hoop_value *hoop_config_get(const hoop_config *cfg, const char *path)
{
    return hoop__value_walk(cfg->root, path);
}

bool hoop_config_has(const hoop_config *cfg, const char *path)
{
    return hoop_value_get_kind(hoop_config_get(cfg, path)) != HOOP_VALUE_NULL;
}

hoop_status hoop_config_fail(const hoop_config *cfg, const char *path, hoop_error *err, const char *format, ...)
{
    char              place[HOOP_ERROR_TEXT];
    va_list           args;
    const hoop_value *v = hoop_config_get(cfg, path);
    if (v != NULL && v != cfg->root)
        hoop__value_named(v, place, sizeof place);
    else
        (void)snprintf(place, sizeof place, "%s: %s%s", cfg->name, path, path[0] == '\0' ? "" : ": ");
    va_start(args, format);
    (void)hoop_vfail(err, HOOP_ECONFIG, place, NULL, format, args);
    va_end(args);
    return HOOP_ECONFIG;
}
