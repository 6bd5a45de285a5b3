/* config/resolve.c - a config with the values in force: as YAML, as a fingerprint, against an earlier one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "config/schema.h"
#include "config/yaml.h"

static hoop_status no_memory(hoop_error *err)
{
    return hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
}

/* What hoop_option_format printed, as a value. */
static hoop_status value_of(hoop__pool *pool, const hoop_option *row, const char *text, const char *path, hoop_error *err,
                            hoop_value **out)
{
    if (row->type == HOOP_OPT_INTS || row->type == HOOP_OPT_FLOATS)
        return hoop__yaml_read(pool, text, strlen(text), path, false, err, out);
    const char *origin = hoop__pool_copy(pool, path, strlen(path));
    hoop_value *v      = hoop__value_new(pool, HOOP_VALUE_SCALAR, origin, 0);
    if (v == NULL || origin == NULL) return no_memory(err);
    v->text   = hoop__pool_copy(pool, text, strlen(text));
    v->quoted = row->type == HOOP_OPT_STRING;
    *out      = v;
    return v->text == NULL ? no_memory(err) : HOOP_OK;
}

/* A choice of a kind without keys is its name alone. */
static hoop_status shorten(hoop__pool *pool, const hoop__plain *plain, hoop_value *root, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < plain->nmade && st == HOOP_OK; i++) {
        const hoop_value *section = hoop__value_walk(root, plain->made[i].choice->section);
        if (hoop_value_count(section) == 1)
            st = hoop__value_put(pool, root, plain->made[i].choice->section, section->items[0], err);
    }
    return st;
}

/* a word as a value */
static hoop_value *word_of(hoop__pool *pool, const char *word)
{
    hoop_value *v = hoop__value_new(pool, HOOP_VALUE_SCALAR, NULL, 0);
    if (v != NULL) v->text = word;
    return v;
}

static hoop_status build_resolved(const hoop_config *cfg, const hoop__plain *plain, hoop__pool *pool, hoop_error *err,
                                  hoop_value **out)
{
    hoop_value *root = hoop__value_new(pool, HOOP_VALUE_MAP, NULL, 0), *v = NULL;
    char        path[HOOP__PATH_MAX], text[HOOP__FORMAT_MAX];
    hoop_status st;
    if (root == NULL) return no_memory(err);
    for (int p = 0; p < plain->nparts; p++) {
        const hoop_option_table *table = plain->parts[p].table;
        for (int i = 0; i < table->count; i++) {
            hoop__row_path(table, &table->rows[i], path);
            hoop_option_format(&table->rows[i], plain->parts[p].values, text, sizeof text);
            if ((st = value_of(pool, &table->rows[i], text, path, err, &v)) != HOOP_OK) return st;
            if ((st = hoop__value_put(pool, root, path, v, err)) != HOOP_OK) return st;
        }
    }
    for (int f = 0; f < plain->nfrees; f++) {
        const hoop_value *given = hoop_config_get(cfg, plain->frees[f]->path);
        if (hoop_value_get_kind(given) == HOOP_VALUE_NULL && plain->frees[f]->fallback == NULL) continue;
        v = hoop_value_get_kind(given) == HOOP_VALUE_NULL ? word_of(pool, plain->frees[f]->fallback)
                                                          : hoop__value_copy(pool, given);
        if (v == NULL) return no_memory(err);
        if ((st = hoop__value_put(pool, root, plain->frees[f]->path, v, err)) != HOOP_OK) return st;
    }
    *out = root;
    return shorten(pool, plain, root, err);
}

/* The text of `cfg`'s value of a row, spelt as hoop_option_format does; its default where it has none. */
static hoop_status reformat(const hoop_config *cfg, const hoop_option *row, const hoop_value *v, const char *path,
                            hoop_error *err, char text[HOOP__FORMAT_MAX])
{
    hoop_option local = *row;
    hoop__field field;
    hoop_status st = HOOP_OK;
    local.offset   = 0;
    memset(&field, 0, sizeof field);
    if (hoop_value_get_kind(v) != HOOP_VALUE_NULL) {
        st = hoop__row_parse(row, v, path, 0, err, &field);
    } else if (row->fallback != NULL) {
        st = hoop_option_parse(&local, row->fallback, &field, err);
    } else {
        st = hoop_fail(err, HOOP_ECONFIG, "%s: %s is missing", cfg->name, path);
    }
    if (st == HOOP_OK) hoop_option_format(&local, &field, text, HOOP__FORMAT_MAX);
    return st;
}

/* A resolved config that would read back as another run is worse than none. */
static hoop_status check_reads_back(const char *text, const hoop__plain *plain, hoop_error *err)
{
    hoop_config *back = NULL;
    char         path[HOOP__PATH_MAX], was[HOOP__FORMAT_MAX], is[HOOP__FORMAT_MAX];
    hoop_status  st = hoop_config_parse(text, "resolved config", err, &back);
    for (int p = 0; p < plain->nparts && st == HOOP_OK; p++) {
        const hoop_config_part *part = &plain->parts[p];
        for (int i = 0; i < part->table->count && st == HOOP_OK; i++) {
            const hoop_option *row = &part->table->rows[i];
            hoop__row_path(part->table, row, path);
            hoop_option_format(row, part->values, was, sizeof was);
            st = reformat(back, row, hoop__plain_get(plain, back, part->table, row), path, err, is);
            if (st == HOOP_OK && strcmp(was, is) != 0) {
                st = hoop_fail(err, HOOP_ECONFIG, "%s: the value %s would be read back as %s", path, was, is);
            }
        }
    }
    hoop_config_destroy(&back);
    return st;
}

hoop_status hoop_config_resolve(const hoop_config *cfg, const hoop_config_schema *schema, hoop_error *err, char **out)
{
    hoop__pool  pool = {0};
    hoop__text  text = {0};
    hoop__plain plain;
    hoop_value *root = NULL;
    char       *yaml = NULL;
    hoop_status st;
    HOOP_TRY(st, done, hoop__plain_make(cfg, schema, true, err, &plain));
    HOOP_TRY(st, done, build_resolved(cfg, &plain, &pool, err, &root));
    hoop__text_adds(&text, "# Every key with the value in force, as hoop wrote it at the start of the run.\n");
    HOOP_TRY(st, done, hoop__emit_block(&text, root, 0, err));
    HOOP_TRY(st, done, hoop__text_take(&text, err, &yaml));
    HOOP_TRY(st, done, check_reads_back(yaml, &plain, err));
    *out = yaml;
    yaml = NULL;
done:
    free(yaml);
    hoop__text_clear(&text);
    hoop__pool_clear(&pool);
    hoop__plain_clear(&plain);
    return st;
}

/* ---- Bits ------------------------------------------------------------------------------------------------------------ */

/* without what decides no bits */
static void leave_idle(const hoop_config_free *f, hoop_value *v)
{
    int n = 0;
    for (int i = 0; i < v->count; i++) {
        hoop_value *item = v->items[i];
        if (v->kind == HOOP_VALUE_MAP && v->key != NULL && f->idle(v->key, item->key)) continue;
        leave_idle(f, item);
        v->items[n++] = item;
    }
    v->count = n;
}

/* The value of a free key, its items spelt out. */
static hoop_status add_free(hoop__text *text, const hoop_config_free *f, const hoop_value *v, hoop_error *err)
{
    hoop__pool  pool = {0};
    const bool  own  = (f->item != NULL && v->kind == HOOP_VALUE_MAP) || f->idle != NULL;
    hoop_value *copy = own ? hoop__value_copy(&pool, v) : NULL;
    bool        good = !own || copy != NULL;
    if (f->fallback != NULL && v->kind == HOOP_VALUE_SCALAR) { /* a word as of a row */
        hoop__text_adds(text, v->text);
        return HOOP_OK;
    }
    if (copy != NULL && f->idle != NULL) leave_idle(f, copy);
    for (int i = 0; copy != NULL && good && f->item != NULL && i < copy->count; i++)
        if (copy->items[i]->kind == HOOP_VALUE_SCALAR) good = hoop__value_spell_out(&pool, copy->items[i], f->item);
    if (good) hoop__emit_canonical(text, copy != NULL ? copy : v);
    hoop__pool_clear(&pool);
    return good ? HOOP_OK : no_memory(err);
}

static hoop_status canonical_free(const hoop_config_free *f, const hoop_value *v, hoop_error *err, char **out)
{
    hoop__text  text = {0};
    hoop_status st   = HOOP_OK;
    if (f->fallback != NULL && hoop_value_get_kind(v) == HOOP_VALUE_NULL)
        hoop__text_adds(&text, f->fallback);
    else if (v == NULL)
        hoop__text_adds(&text, "null");
    else
        st = add_free(&text, f, v, err);
    if (st == HOOP_OK) return hoop__text_take(&text, err, out);
    hoop__text_clear(&text);
    return st;
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "path=value" of each key that decides bits and isn't null, malloc'ed; lines[] has room for all of the schema. */
static hoop_status bit_lines(const hoop_config *cfg, const hoop__plain *plain, hoop_error *err, char **lines, int *n)
{
    char        path[HOOP__PATH_MAX], value[HOOP__FORMAT_MAX];
    hoop__text  line = {0};
    hoop_status st   = HOOP_OK;
    for (int p = 0; p < plain->nparts && st == HOOP_OK; p++) {
        const hoop_option_table *table = plain->parts[p].table;
        for (int i = 0; i < table->count && st == HOOP_OK; i++) {
            if (!table->rows[i].decides_bits) continue;
            hoop__row_path(table, &table->rows[i], path);
            hoop_option_format(&table->rows[i], plain->parts[p].values, value, sizeof value);
            hoop__text_addf(&line, "%s=%s", path, value);
            st = hoop__text_take(&line, err, &lines[*n]);
            *n += st == HOOP_OK;
        }
    }
    for (int f = 0; f < plain->nfrees && st == HOOP_OK; f++) {
        const hoop_value *v    = hoop_config_get(cfg, plain->frees[f]->path);
        const char       *word = hoop_value_get_kind(v) == HOOP_VALUE_NULL ? plain->frees[f]->fallback : NULL;
        if (!plain->frees[f]->decides_bits || (hoop_value_get_kind(v) == HOOP_VALUE_NULL && word == NULL)) continue;
        hoop__text_addf(&line, "%s=%s", plain->frees[f]->path, word == NULL ? "" : word);
        if (word == NULL) st = add_free(&line, plain->frees[f], v, err);
        if (st == HOOP_OK) st = hoop__text_take(&line, err, &lines[*n]);
        *n += st == HOOP_OK;
    }
    hoop__text_clear(&line);
    return st;
}

hoop_status hoop_config_fingerprint(const hoop_config *cfg, const hoop_config_schema *schema, hoop_error *err,
                                    char out[HOOP_FINGERPRINT_SIZE])
{
    _Static_assert((int)HOOP_FINGERPRINT_SIZE == (int)HOOP__SHA256_HEX, "a fingerprint is a SHA-256 in hex");
    hoop__sha256 *hash = NULL;
    hoop__plain   plain;
    int           n     = 0, most;
    char        **lines = NULL;
    hoop_status   st;
    HOOP_TRY(st, done, hoop__plain_make(cfg, schema, true, err, &plain));
    most = plain.nfrees + 1;
    for (int p = 0; p < plain.nparts; p++) most += plain.parts[p].table->count;
    lines = calloc((size_t)most, sizeof *lines);
    if (lines == NULL) {
        st = no_memory(err);
        goto done;
    }
    HOOP_TRY(st, done, bit_lines(cfg, &plain, err, lines, &n));
    qsort(lines, (size_t)n, sizeof *lines, by_line);
    HOOP_TRY(st, done, hoop__sha256_create(err, &hash));
    HOOP_TRY(st, done, hoop__sha256_update(hash, "hoop config 1\n", 14, err));
    for (int i = 0; i < n; i++) { /* each with its NUL: no value can run into the next key */
        HOOP_TRY(st, done, hoop__sha256_update(hash, lines[i], strlen(lines[i]) + 1, err));
    }
    HOOP_TRY(st, done, hoop__sha256_finish(hash, err, NULL, out));
done:
    for (int i = 0; i < n; i++) free(lines[i]);
    free(lines);
    hoop__sha256_destroy(&hash);
    hoop__plain_clear(&plain);
    return st;
}

static hoop_status differs(const hoop_config *cfg, const hoop_value *now, const hoop_config *old, const hoop_value *before,
                           const char *path, const char *was, const char *is, hoop_error *err)
{
    char where[HOOP_ERROR_TEXT / 4], there[HOOP_ERROR_TEXT / 4];
    (void)snprintf(where, sizeof where, "%s", cfg->name);
    (void)snprintf(there, sizeof there, "%s", old->name);
    if (now != NULL) hoop__value_place(now, where, sizeof where);
    if (before != NULL) hoop__value_place(before, there, sizeof there);
    return hoop_fail(err, HOOP_ECONFIG,
                     "%s: %s is %.200s, but the run was started with %.200s (%s); it decides the bits of the "
                     "weights, so give the old value or start a new run",
                     where, path, is, was, there);
}

static hoop_status diff_free(const hoop_config *old, const hoop_config *cfg, const hoop_config_free *f, hoop_error *err)
{
    const hoop_value *then = hoop_config_get(old, f->path), *now = hoop_config_get(cfg, f->path);
    char             *was = NULL, *is = NULL;
    hoop_status       st = canonical_free(f, then, err, &was);
    if (st == HOOP_OK) st = canonical_free(f, now, err, &is);
    if (st == HOOP_OK && strcmp(was, is) != 0) st = differs(cfg, now, old, then, f->path, was, is, err);
    free(was);
    free(is);
    return st;
}

hoop_status hoop_config_diff_bits(const hoop_config *old, const hoop_config *cfg, const hoop_config_schema *schema,
                                  hoop_error *err)
{
    char        path[HOOP__PATH_MAX], was[HOOP__FORMAT_MAX], is[HOOP__FORMAT_MAX];
    hoop__plain plain;
    hoop_status st = hoop__plain_make(cfg, schema, true, err, &plain);
    if (st == HOOP_OK) st = hoop_config_check_known(old, schema, err);
    for (int p = 0; p < plain.nparts && st == HOOP_OK; p++) {
        const hoop_config_part *part = &plain.parts[p];
        for (int i = 0; i < part->table->count && st == HOOP_OK; i++) {
            const hoop_option *row  = &part->table->rows[i];
            const hoop_value  *then = hoop__plain_get(&plain, old, part->table, row);
            if (!row->decides_bits) continue;
            hoop__row_path(part->table, row, path);
            hoop_option_format(row, part->values, is, sizeof is);
            st = reformat(old, row, then, path, err, was);
            if (st == HOOP_OK && strcmp(was, is) != 0)
                st = differs(cfg, hoop__plain_get(&plain, cfg, part->table, row), old, then, path, was, is, err);
        }
    }
    for (int f = 0; f < plain.nfrees && st == HOOP_OK; f++) {
        if (plain.frees[f]->decides_bits) st = diff_free(old, cfg, plain.frees[f], err);
    }
    hoop__plain_clear(&plain);
    return st;
}
