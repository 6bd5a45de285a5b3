/* config/help.c - all keys as a commented YAML file: `hoop train --help config`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

enum { COMMENT_COLUMN = 34 };

/* The row or free key of a path; exactly one is not NULL for every leaf of the tree below. */
static const hoop_option *find_row(const hoop__plain *plain, const char *path)
{
    char here[HOOP__PATH_MAX];
    for (int p = 0; p < plain->nparts; p++) {
        const hoop_option_table *table = plain->parts[p].table;
        for (int i = 0; i < table->count; i++) {
            hoop__row_path(table, &table->rows[i], here);
            if (strcmp(here, path) == 0) return &table->rows[i];
        }
    }
    return NULL;
}

static const hoop_config_free *find_free(const hoop__plain *plain, const char *path)
{
    for (int f = 0; f < plain->nfrees; f++) {
        if (strcmp(plain->frees[f]->path, path) == 0) return plain->frees[f];
    }
    return NULL;
}

static hoop_status put(hoop__pool *pool, hoop_value *root, const char *path, hoop_error *err)
{
    hoop_value *leaf = hoop__value_new(pool, HOOP_VALUE_NULL, NULL, 0);
    if (leaf == NULL) return hoop_fail(err, HOOP_ENOMEM, "out of memory for the help");
    return hoop__value_put(pool, root, path, leaf, err);
}

/* "whole number, 1 to 64" */
static void describe_type(const hoop_option *row, hoop__text *t)
{
    static const char *const names[] = {[HOOP_OPT_INT]    = "whole number",
                                        [HOOP_OPT_FLOAT]  = "number",
                                        [HOOP_OPT_BOOL]   = "true or false",
                                        [HOOP_OPT_STRING] = "text",
                                        [HOOP_OPT_INTS]   = "whole number, or a list of such",
                                        [HOOP_OPT_FLOATS] = "number, or a list of such"};
    if (row->type == HOOP_OPT_ENUM) {
        for (int i = 0; row->choices[i] != NULL; i++) hoop__text_addf(t, "%s%s", i == 0 ? "" : " | ", row->choices[i]);
        return;
    }
    hoop__text_adds(t, names[row->type]);
    for (int i = 0; row->choices != NULL && row->choices[i] != NULL; i++) hoop__text_addf(t, " | %s", row->choices[i]);
    if (row->min == 0 && row->max == 0) return;
    if (row->max >= 1e15) { /* no limit a user could meet */
        hoop__text_addf(t, " from %.15g", row->min);
    } else if (row->min <= -1e15) {
        hoop__text_addf(t, " up to %.15g", row->max);
    } else {
        hoop__text_addf(t, " from %.15g to %.15g", row->min, row->max);
    }
}

/* ": 1e-3         # learning rate; number from 0 *", behind a key that began `start` bytes into the text */
static hoop_status write_row(const hoop_option *row, size_t start, hoop_error *err, hoop__text *t)
{
    hoop_status st = HOOP_OK;
    hoop__text_adds(t, ":");
    if (row->fallback != NULL) {
        hoop__text_adds(t, " ");
        if (row->type == HOOP_OPT_STRING) {
            hoop_value text = {.kind = HOOP_VALUE_SCALAR, .quoted = true, .text = row->fallback};
            st              = hoop__emit_flow(t, &text, err);
        } else {
            hoop__text_adds(t, row->fallback);
        }
    }
    hoop__text_pad(t, COMMENT_COLUMN - (int)(t->size - start));
    hoop__text_adds(t, " # ");
    if (row->fallback == NULL) hoop__text_adds(t, "must be given: ");
    hoop__text_addf(t, "%s; ", row->help);
    describe_type(row, t);
    hoop__text_adds(t, row->decides_bits ? " *\n" : "\n");
    return st;
}

static void write_free(const hoop_config_free *loose, size_t start, hoop__text *t)
{
    hoop__text_addf(t, loose->fallback == NULL ? ":" : ": %s", loose->fallback);
    hoop__text_pad(t, COMMENT_COLUMN - (int)(t->size - start));
    hoop__text_addf(t, " # %s%s\n", loose->help, loose->decides_bits ? " *" : "");
}

static hoop_status write_leaf(const hoop__plain *plain, const hoop_value *leaf, int indent, hoop_error *err, hoop__text *t)
{
    char               path[HOOP__PATH_MAX];
    const size_t       start = t->size;
    const hoop_option *row;
    hoop__value_path(leaf, path, sizeof path);
    row = find_row(plain, path);
    hoop__text_pad(t, indent);
    hoop__text_adds(t, leaf->key);
    if (row != NULL) return write_row(row, start, err, t);
    write_free(find_free(plain, path), start, t);
    return HOOP_OK;
}

/* All kinds of a choice, as comments: those keys that stand above are of the first. */
static hoop_status write_kinds(const hoop_config_choice *choice, int indent, hoop_error *err, hoop__text *t)
{
    hoop_config_kind k;
    hoop_status      st = HOOP_OK;
    for (int i = 0; choice->kind(i, &k) && st == HOOP_OK; i++) {
        hoop__text_pad(t, indent);
        hoop__text_addf(t, "# %s: %s\n", k.name, k.help);
        for (int r = 0; i > 0 && r < k.options.count && st == HOOP_OK; r++) {
            const size_t start = t->size;
            hoop__text_pad(t, indent);
            hoop__text_addf(t, "#   %s", k.options.rows[r].key);
            st = write_row(&k.options.rows[r], start, err, t);
        }
        if (i > 0 && k.own != NULL) {
            const size_t start = t->size;
            hoop__text_pad(t, indent);
            hoop__text_addf(t, "#   %s", strrchr(k.own->path, '.') + 1);
            write_free(k.own, start, t);
        }
    }
    return st;
}

static hoop_status write_map(const hoop__plain *plain, const hoop_value *map, int indent, hoop_error *err, hoop__text *t)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < map->count && st == HOOP_OK; i++) {
        const hoop_value *item = map->items[i];
        char              path[HOOP__PATH_MAX];
        const hoop__made *made;
        hoop__value_path(item, path, sizeof path);
        made = hoop__made_find(plain, path);
        if (item->kind != HOOP_VALUE_MAP) {
            st = write_leaf(plain, item, indent, err, t);
            continue;
        }
        hoop__text_pad(t, indent);
        hoop__text_adds(t, item->key);
        if (made != NULL && item->count == 1) { /* its name alone */
            st = write_row(&made->key, t->size - strlen(item->key) - (size_t)indent, err, t);
        } else {
            hoop__text_adds(t, ":\n");
            st = write_map(plain, item, indent + 2, err, t);
        }
        if (st == HOOP_OK && made != NULL) st = write_kinds(made->choice, indent + 2, err, t);
    }
    return st;
}

hoop_status hoop_config_help(const hoop_config_schema *schema, hoop_error *err, char **out)
{
    hoop__pool  pool = {0};
    hoop__text  text = {0};
    hoop__plain plain;
    char        path[HOOP__PATH_MAX];
    hoop_value *root = hoop__value_new(&pool, HOOP_VALUE_MAP, NULL, 0);
    hoop_status st   = hoop__plain_make(NULL, schema, false, err, &plain);
    if (root == NULL) st = hoop_fail(err, HOOP_ENOMEM, "out of memory for the help");
    for (int p = 0; p < plain.nparts && st == HOOP_OK; p++) {
        const hoop_option_table *table = plain.parts[p].table;
        for (int i = 0; i < table->count && st == HOOP_OK; i++) {
            hoop__row_path(table, &table->rows[i], path);
            st = put(&pool, root, path, err);
        }
    }
    for (int f = 0; f < plain.nfrees && st == HOOP_OK; f++) st = put(&pool, root, plain.frees[f]->path, err);
    hoop__text_adds(
        &text, "# Every key of a config with its default. Keys marked * decide the bits of the weights:\n"
               "# a run is resumed with the same values of those, the others may change.\n"
               "# Of a section that may be of several kinds, the keys of the first stand there, those of all in comments.\n");
    if (st == HOOP_OK) st = write_map(&plain, root, 0, err, &text);
    if (st == HOOP_OK) st = hoop__text_take(&text, err, out);
    hoop__text_clear(&text);
    hoop__pool_clear(&pool);
    hoop__plain_clear(&plain);
    return st;
}
