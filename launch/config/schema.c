/* config/schema.c - a config against the option tables: unknown keys, and values into the components' structs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

void hoop__join(const char *section, const char *key, char out[HOOP__PATH_MAX])
{
    (void)snprintf(out, HOOP__PATH_MAX, "%s%s%s", section, section[0] == '\0' ? "" : ".", key);
}

void hoop__row_path(const hoop_option_table *table, const hoop_option *row, char out[HOOP__PATH_MAX])
{
    hoop__join(table->section, row->key, out);
}

/* ---- Values ---------------------------------------------------------------------------------------------------------- */

static bool takes_list(const hoop_option *row)
{
    return row->type == HOOP_OPT_INTS || row->type == HOOP_OPT_FLOATS;
}

/* The spelling hoop_option_parse takes: a scalar as it stands, a list as "[1, 2]". */
static hoop_status spell(const hoop_option *row, const hoop_value *v, hoop_error *err, hoop__text *t)
{
    if (v->kind == HOOP_VALUE_MAP)
        return hoop_value_fail(v, err, "is a section, it should be %s", takes_list(row) ? "a list" : "a single value");
    if (v->kind == HOOP_VALUE_LIST) {
        if (!takes_list(row)) return hoop_value_fail(v, err, "is a list, it should be a single value");
        hoop__text_adds(t, "[");
        for (int i = 0; i < v->count; i++) {
            const hoop_value *item = v->items[i];
            if (item->kind != HOOP_VALUE_SCALAR || item->quoted || strpbrk(item->text, "[],") != NULL) {
                return hoop_value_fail(item, err, row->type == HOOP_OPT_INTS ? "is not a whole number" : "is not a number");
            }
            hoop__text_addf(t, "%s%s", i == 0 ? "" : ", ", item->text);
        }
        hoop__text_adds(t, "]");
        return HOOP_OK;
    }
    if (v->quoted && row->type != HOOP_OPT_STRING && row->type != HOOP_OPT_ENUM) {
        return hoop_value_fail(v, err, "\"%s\" is text; write it without quotes", v->text);
    }
    hoop__text_adds(t, v->text);
    return HOOP_OK;
}

hoop_status hoop__row_parse(const hoop_option *row, const hoop_value *v, const char *path, size_t offset, hoop_error *err,
                            void *base)
{
    hoop_option named = *row;
    hoop__text  text  = {0};
    hoop_error  inner = {0};
    char        place[HOOP_ERROR_TEXT], *spelled;
    hoop_status st = spell(row, v, err, &text);
    if (st != HOOP_OK) {
        hoop__text_clear(&text);
        return st;
    }
    if ((st = hoop__text_take(&text, err, &spelled)) != HOOP_OK) return st;
    named.key    = path; /* the errors of hoop_option_parse begin with the key */
    named.offset = offset;
    st           = hoop_option_parse(&named, spelled, base, &inner);
    free(spelled);
    if (st == HOOP_OK) return st;
    hoop__value_place(v, place, sizeof place);
    return hoop_fail(err, st, "%s: %s", place, inner.text);
}

/* Is the value of a row, given in the file, set aside for that of the key that was --set in its place? Not for a default: that
 * says nothing. */
static bool is_replaced(const hoop_value *section, const hoop_option_table *table, const hoop_option *row, const hoop_value *v)
{
    const hoop_option *other = row->instead_of == NULL ? NULL : hoop_option_find(table, row->instead_of);
    const hoop_value  *set   = other == NULL ? NULL : hoop_value_find(section, other->key);
    hoop_option        local;
    hoop__field        field, fallback;
    char               text[2][HOOP__FORMAT_MAX];
    if (hoop_value_get_kind(set) == HOOP_VALUE_NULL || v->line == 0 || set->line > 0) return false;
    local        = *other;
    local.offset = 0;
    memset(&fallback, 0, sizeof fallback);
    memset(&field, 0, sizeof field);
    if (hoop__row_parse(&local, set, other->key, 0, NULL, &field) != HOOP_OK) return false; /* told when it is its turn */
    if (other->fallback == NULL || hoop_option_parse(&local, other->fallback, &fallback, NULL) != HOOP_OK) return true;
    hoop_option_format(&local, &field, text[0], sizeof text[0]);
    hoop_option_format(&local, &fallback, text[1], sizeof text[1]);
    return strcmp(text[0], text[1]) != 0;
}

/* The values of one section, checked into a scratch field first and then, if all are right, into the struct. */
hoop_status hoop__fill(const hoop_value *section, const char *name, const char *origin, const hoop_option_table *table, bool keep,
                       hoop_error *err, void *base)
{
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 && !keep) hoop_option_defaults(table, base);
        for (int i = 0; i < table->count; i++) {
            const hoop_option *row = &table->rows[i];
            const hoop_value  *v   = section == NULL ? NULL : hoop_value_find(section, row->key);
            char               path[HOOP__PATH_MAX];
            hoop__field        scratch;
            hoop_status        st;
            hoop__join(name, row->key, path);
            if (hoop_value_get_kind(v) == HOOP_VALUE_NULL) {
                if (row->fallback != NULL || keep) continue;
                return hoop_fail(err, HOOP_ECONFIG, "%s: %s must be given: %s", origin, path, row->help);
            }
            if (pass == 1 && is_replaced(section, table, row, v)) continue;
            st = pass == 0 ? hoop__row_parse(row, v, path, 0, err, &scratch)
                           : hoop__row_parse(row, v, path, row->offset, err, base);
            if (st != HOOP_OK) return st;
        }
    }
    return HOOP_OK;
}

hoop_status hoop_config_fill(const hoop_config *cfg, const hoop_option_table *table, hoop_error *err, void *base)
{
    const hoop_value *section = hoop_config_get(cfg, table->section);
    char              place[HOOP_ERROR_TEXT];
    (void)snprintf(place, sizeof place, "%s", cfg->name);
    if (section != NULL && section != cfg->root) hoop__value_place(section, place, sizeof place);
    if (hoop_value_get_kind(section) == HOOP_VALUE_SCALAR || hoop_value_get_kind(section) == HOOP_VALUE_LIST) {
        return hoop_value_fail(section, err, "is a section; give its keys, as in {%s: ...}",
                               table->count > 0 ? table->rows[0].key : "key");
    }
    return hoop__fill(section, table->section, place, table, false, err, base);
}

hoop_status hoop_value_parse(const hoop_value *v, const hoop_option *row, hoop_error *err, void *base)
{
    char        path[HOOP__PATH_MAX];
    hoop__field scratch;
    hoop_status st;
    if (hoop_value_get_kind(v) == HOOP_VALUE_NULL) return hoop_value_fail(v, err, "has no value");
    hoop__value_path(v, path, sizeof path);
    st = hoop__row_parse(row, v, path, 0, err, &scratch);
    return st != HOOP_OK ? st : hoop__row_parse(row, v, path, row->offset, err, base);
}

hoop_status hoop__value_unknown(const hoop_value *item, const hoop_option_table *table, hoop_error *err)
{
    const char **keys = calloc((size_t)table->count + 1, sizeof *keys);
    hoop__text   list = {0};
    const char  *near;
    hoop_status  st;
    if (keys == NULL) return hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
    for (int i = 0; i < table->count; i++) {
        keys[i] = table->rows[i].key;
        hoop__text_addf(&list, "%s%s", i == 0 ? "" : ", ", keys[i]);
    }
    near = hoop_nearest(item->key, keys, table->count);
    if (near != NULL) {
        st = hoop_value_fail(item, err, "unknown key; did you mean %s?", near);
    } else {
        st = hoop_value_fail(item, err, "unknown key; it takes %s", list.data == NULL ? "none" : list.data);
    }
    hoop__text_clear(&list);
    free(keys);
    return st;
}

static hoop_status fill_value(const hoop_value *v, const hoop_option_table *table, bool keep, hoop_error *err, void *base)
{
    char path[HOOP__PATH_MAX], place[HOOP_ERROR_TEXT];
    if (v != NULL && v->kind != HOOP_VALUE_MAP && v->kind != HOOP_VALUE_NULL) {
        return hoop_value_fail(v, err, "give its keys, as in {%s: ...}", table->count > 0 ? table->rows[0].key : "key");
    }
    for (int i = 0; i < hoop_value_count(v); i++) {
        if (hoop_option_find(table, v->items[i]->key) == NULL) return hoop__value_unknown(v->items[i], table, err);
    }
    hoop__value_path(v, path, sizeof path);
    hoop__value_place(v, place, sizeof place);
    return hoop__fill(v, path, place, table, keep, err, base);
}

hoop_status hoop_value_fill(const hoop_value *v, const hoop_option_table *table, hoop_error *err, void *base)
{
    return fill_value(v, table, false, err, base);
}

hoop_status hoop_value_update(const hoop_value *v, const hoop_option_table *table, hoop_error *err, void *base)
{
    return fill_value(v, table, true, err, base);
}

/* ---- Keys ------------------------------------------------------------------------------------------------------------ */

typedef struct key_list {
    char (*paths)[HOOP__PATH_MAX];
    const char **words;      /* scratch for hoop_nearest */
    int          own, count; /* own: may be given; those behind are of kinds that were not chosen */
} key_list;

static void clear_keys(key_list *keys)
{
    free(keys->paths);
    free(keys->words);
    *keys = (key_list){0};
}

static bool is_key(const key_list *keys, int count, const char *path)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(keys->paths[i], path) == 0) return true;
    }
    return false;
}

static void add_key(key_list *keys, const char *section, const char *key)
{
    hoop__join(section, key, keys->paths[keys->count]);
    if (!is_key(keys, keys->count, keys->paths[keys->count])) keys->count++;
}

static void list_others(const hoop__made *m, key_list *keys)
{
    hoop_config_kind k;
    for (int i = 0; m->choice->kind(i, &k); i++) {
        for (int r = 0; r < k.options.count; r++) add_key(keys, m->choice->section, k.options.rows[r].key);
        if (k.own != NULL) add_key(keys, "", k.own->path);
    }
}

static hoop_status list_keys(const hoop__plain *p, hoop_error *err, key_list *keys)
{
    hoop_config_kind k;
    int              n = p->nfrees;
    for (int i = 0; i < p->nparts; i++) n += p->parts[i].table->count;
    for (int m = 0; m < p->nmade; m++) {
        for (int i = 0; p->made[m].choice->kind(i, &k); i++) n += k.options.count + 1;
    }
    *keys       = (key_list){0};
    keys->paths = calloc((size_t)n + 1, sizeof *keys->paths);
    keys->words = calloc((size_t)n + 1, sizeof *keys->words);
    if (keys->paths == NULL || keys->words == NULL) {
        clear_keys(keys);
        return hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
    }
    for (int i = 0; i < p->nparts; i++) {
        const hoop_option_table *table = p->parts[i].table;
        for (int r = 0; r < table->count; r++) add_key(keys, table->section, table->rows[r].key);
    }
    for (int f = 0; f < p->nfrees; f++) add_key(keys, "", p->frees[f]->path);
    keys->own = keys->count;
    for (int m = 0; m < p->nmade; m++) list_others(&p->made[m], keys);
    return HOOP_OK;
}

static bool is_section(const key_list *keys, const char *path)
{
    size_t size = strlen(path);
    for (int i = 0; i < keys->own; i++) {
        if (strncmp(keys->paths[i], path, size) == 0 && (size == 0 || keys->paths[i][size] == '.')) return true;
    }
    return false;
}

static const char *last_word(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot == NULL ? path : dot + 1;
}

/* The words that may stand in a section, each once; sections among them. Returns how many; `words` points into `store`. */
static int words_of_section(const key_list *keys, const char *section, char (*store)[HOOP__KEY_MAX + 1])
{
    size_t size = strlen(section);
    int    n    = 0;
    for (int i = 0; i < keys->count; i++) {
        const char *path = keys->paths[i];
        if (size > 0 && (strncmp(path, section, size) != 0 || path[size] != '.')) continue;
        path += size + (size > 0);
        (void)snprintf(store[n], sizeof store[n], "%.*s", (int)strcspn(path, "."), path);
        bool twin = false;
        for (int k = 0; k < n; k++) twin = twin || strcmp(store[k], store[n]) == 0;
        if (!twin) {
            keys->words[n] = store[n];
            n++;
        }
    }
    return n;
}

/* Nearest first in the same section, then the same word in another, then anything alike. */
static hoop_status unknown(const hoop_value *item, const char *section, const char *path, const key_list *keys, hoop_error *err)
{
    char(*store)[HOOP__KEY_MAX + 1] = calloc((size_t)keys->count + 1, sizeof *store);
    const char *near                = NULL, *only;
    hoop__text  list                = {0};
    hoop_status st;
    int         n, same = 0;
    if (store == NULL) return hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
    n    = words_of_section(keys, section, store);
    near = hoop_nearest(item->key, keys->words, n);
    if (near != NULL) {
        st = hoop_value_fail(item, err, "unknown key; did you mean %s%s%s?", section, section[0] == '\0' ? "" : ".", near);
        free(store);
        return st;
    }
    for (int i = 0; i < n; i++) hoop__text_addf(&list, "%s%s", i == 0 ? "" : ", ", keys->words[i]);
    for (int i = 0; i < keys->count; i++) {
        keys->words[i] = keys->paths[i];
        if (strcmp(last_word(keys->paths[i]), item->key) == 0) {
            near = keys->paths[i];
            same++;
        }
    }
    only = same == 1 ? near : hoop_nearest(path, keys->words, keys->count);
    if (only != NULL) {
        st = hoop_value_fail(item, err, "unknown key; did you mean %s?", only);
    } else {
        st = hoop_value_fail(item, err, "unknown key; the keys %s%s are %s", section[0] == '\0' ? "here" : "of ", section,
                             list.data == NULL ? "none" : list.data);
    }
    hoop__text_clear(&list);
    free(store);
    return st;
}

/* What is no section of this schema though its path is that of one: null says nothing, a choice may be its name alone. */
static hoop_status check_value(const hoop_value *item, const char *path, const hoop__plain *p, const key_list *keys,
                               hoop_error *err)
{
    const char *first = NULL;
    if (item->kind == HOOP_VALUE_NULL || hoop__made_find(p, path) != NULL) return HOOP_OK;
    for (int k = 0; k < keys->own && first == NULL; k++) {
        if (strncmp(keys->paths[k], path, strlen(path)) == 0 && keys->paths[k][strlen(path)] == '.') first = keys->paths[k];
    }
    return hoop_value_fail(item, err, "is a section; give its keys, as in {%s: ...}",
                           first == NULL ? "key" : first + strlen(path) + 1);
}

static hoop_status check_map(const hoop_value *map, const char *section, const hoop__plain *p, const key_list *keys, bool stored,
                             hoop_error *err)
{
    const hoop__made *made = hoop__made_find(p, section);
    for (int i = 0; i < map->count; i++) {
        const hoop_value *item = map->items[i];
        char              path[HOOP__PATH_MAX];
        hoop_status       st = HOOP_OK;
        hoop__join(section, item->key, path);
        if (is_key(keys, keys->own, path)) continue;
        if (made != NULL && hoop__made_foreign(made, item, stored, err, &st)) {
            if (st != HOOP_OK) return st;
            continue;
        }
        if (!is_section(keys, path)) return unknown(item, section, path, keys, err);
        st = item->kind == HOOP_VALUE_MAP ? check_map(item, path, p, keys, stored, err) : check_value(item, path, p, keys, err);
        if (st != HOOP_OK) return st;
    }
    return HOOP_OK;
}

static hoop_status check_known(const hoop_config *cfg, const hoop__plain *p, hoop_error *err)
{
    key_list    keys;
    hoop_status st = list_keys(p, err, &keys);
    if (st != HOOP_OK) return st;
    st = check_map(cfg->root, "", p, &keys, cfg->stored, err);
    clear_keys(&keys);
    return st;
}

hoop_status hoop_config_check_known(const hoop_config *cfg, const hoop_config_schema *schema, hoop_error *err)
{
    hoop__plain p;
    hoop_status st = hoop__plain_make(cfg, schema, false, err, &p);
    if (st == HOOP_OK) st = check_known(cfg, &p, err);
    hoop__plain_clear(&p);
    return st;
}

/* a part that is a table; in the section of a choice that is given by its name alone, all has its default */
static hoop_status read_part(const hoop_config *cfg, const hoop__plain *p, const hoop_config_part *part, hoop_error *err)
{
    const hoop_option_table *table = part->table;
    if (hoop_value_get_kind(hoop_config_get(cfg, table->section)) == HOOP_VALUE_SCALAR &&
        hoop__made_find(p, table->section) != NULL)
        return hoop__fill(NULL, table->section, cfg->name, table, false, err, part->values);
    return hoop_config_fill(cfg, table, err, part->values);
}

hoop_status hoop_config_read(const hoop_config *cfg, const hoop_config_schema *schema, hoop_error *err)
{
    hoop__plain plain;
    hoop_status st;
    HOOP_TRY(st, done, hoop__plain_make(cfg, schema, false, err, &plain));
    HOOP_TRY(st, done, check_known(cfg, &plain, err));
    for (int p = 0; p < schema->nparts; p++) {
        const hoop_config_part *part = &schema->parts[p];
        if (part->values == NULL) continue;
        HOOP_TRY(st, done,
                 part->choice != NULL ? hoop_config_choose(cfg, part->choice, err, part->values)
                                      : read_part(cfg, &plain, part, err));
    }
done:
    hoop__plain_clear(&plain);
    return st;
}
