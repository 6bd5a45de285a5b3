/* config/choice.c - sections whose keys depend on their kind: which one a config means, and a schema with its choices made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

/* The row of the key that says the kind; *names is malloc'ed. */
static hoop_status name_row(const hoop_config_choice *choice, hoop_error *err, const char ***names, hoop_option *row)
{
    hoop_config_kind k;
    int              n = 0;
    while (choice->kind(n, &k)) n++;
    *names = calloc((size_t)n + 1, sizeof **names);
    if (*names == NULL) return hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
    for (int i = 0; i < n && choice->kind(i, &k); i++) (*names)[i] = k.name;
    *row = (hoop_option){choice->key, HOOP_OPT_ENUM, 0, (*names)[0], 0, 0, *names, true, choice->help, NULL};
    return HOOP_OK;
}

static const hoop_value *own_key(const hoop_value *section, const hoop_config_kind *k)
{
    const char *dot = k->own == NULL ? NULL : strrchr(k->own->path, '.');
    return dot == NULL ? NULL : hoop_value_find(section, dot + 1);
}

static hoop_status find_kind(const hoop_value *section, const char *path, const hoop_config_choice *choice,
                             const hoop_option *row, hoop_error *err, int *kind)
{
    const hoop_value *v = section;
    char              name[HOOP__PATH_MAX];
    hoop_config_kind  k;
    *kind = 0;
    if (hoop_value_get_kind(section) == HOOP_VALUE_LIST)
        return hoop_value_fail(section, err, "is a list, it should be one of its kinds, as in {%s: %s}", row->key, row->fallback);
    (void)snprintf(name, sizeof name, "%s", path);
    if (hoop_value_get_kind(section) == HOOP_VALUE_MAP) {
        v = hoop_value_find(section, row->key);
        hoop__join(path, row->key, name);
    }
    if (hoop_value_get_kind(v) != HOOP_VALUE_NULL) return hoop__row_parse(row, v, name, 0, err, kind);
    for (int i = 0; choice->kind(i, &k); i++) {
        if (hoop_value_get_kind(own_key(section, &k)) != HOOP_VALUE_NULL) *kind = i;
    }
    return HOOP_OK;
}

/* ---- one choice ------------------------------------------------------------------------------------------------------------ */

static hoop_status choose(const hoop_value *section, const char *path, const char *place, const hoop_config_choice *choice,
                          bool alone, hoop_error *err, hoop_config_chosen *out)
{
    hoop__made  m    = {.choice = choice};
    void       *opts = NULL;
    hoop_status st;
    HOOP_TRY(st, done, name_row(choice, err, &m.names, &m.key));
    HOOP_TRY(st, done, find_kind(section, path, choice, &m.key, err, &m.index));
    (void)choice->kind(m.index, &m.kind);
    for (int i = 0; alone && i < hoop_value_count(section); i++) {
        const hoop_value *item = hoop_value_at(section, i);
        if (strcmp(item->key, choice->key) == 0 || hoop_option_find(&m.kind.options, item->key) != NULL) continue;
        if (!hoop__made_foreign(&m, item, false, err, &st)) st = hoop__value_unknown(item, &m.kind.options, err);
        if (st != HOOP_OK) goto done;
    }
    if ((opts = calloc(1, m.kind.opts_size + 1)) == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
        goto done;
    }
    if (hoop_value_get_kind(section) != HOOP_VALUE_MAP) section = NULL;
    HOOP_TRY(st, done, hoop__fill(section, path, place, &m.kind.options, false, err, opts));
    hoop_config_chosen_clear(out);
    *out = (hoop_config_chosen){m.index, opts};
    opts = NULL;
done:
    free(opts);
    free(m.names);
    return st;
}

hoop_status hoop_config_choose(const hoop_config *cfg, const hoop_config_choice *choice, hoop_error *err, hoop_config_chosen *out)
{
    const hoop_value *section = hoop_config_get(cfg, choice->section);
    char              place[HOOP_ERROR_TEXT];
    if (section == NULL) return choose(NULL, choice->section, cfg->name, choice, false, err, out);
    hoop__value_place(section, place, sizeof place);
    return choose(section, choice->section, place, choice, false, err, out);
}

hoop_status hoop_value_choose(const hoop_value *v, const hoop_config_choice *choice, hoop_error *err, hoop_config_chosen *out)
{
    char path[HOOP__PATH_MAX], place[HOOP_ERROR_TEXT];
    hoop__value_path(v, path, sizeof path);
    hoop__value_place(v, place, sizeof place);
    return choose(v, path, place, choice, true, err, out);
}

void hoop_config_chosen_clear(hoop_config_chosen *chosen)
{
    free(chosen->opts);
    *chosen = (hoop_config_chosen){0};
}

/* ---- keys of other kinds -----------------------------------------------------------------------------------------------------
 */

/* Does a key that is not wanted say nothing? */
static bool is_default(const hoop_option *row, const hoop_value *v)
{
    hoop_option local = *row;
    hoop__field field, fallback;
    char        text[2][HOOP__FORMAT_MAX];
    local.offset = 0;
    memset(&field, 0, sizeof field);
    memset(&fallback, 0, sizeof fallback);
    if (hoop_value_get_kind(v) == HOOP_VALUE_NULL) return true;
    if (row->fallback == NULL || hoop_option_parse(&local, row->fallback, &fallback, NULL) != HOOP_OK) return false;
    if (hoop__row_parse(&local, v, row->key, 0, NULL, &field) != HOOP_OK) return false;
    hoop_option_format(&local, &field, text[0], sizeof text[0]);
    hoop_option_format(&local, &fallback, text[1], sizeof text[1]);
    return strcmp(text[0], text[1]) == 0;
}

/* Could the key, with this value, be meant for a kind? row: its option of that name, NULL: it is a key of its own form */
static bool takes(const hoop_option *row, const hoop_value *item)
{
    hoop_option local = row == NULL ? (hoop_option){0} : *row;
    hoop__field field;
    local.offset = 0;
    return row == NULL || hoop__row_parse(&local, item, row->key, 0, NULL, &field) == HOOP_OK;
}

/* The kinds that have the key, of all or of those that could take the value; *silent: it says nothing to the first */
static const char *find_owners(const hoop__made *m, const hoop_value *item, bool all, hoop__text *owners, bool *silent)
{
    const char      *first = NULL;
    hoop_config_kind k;
    for (int i = 0; m->choice->kind(i, &k); i++) {
        const hoop_option *row = hoop_option_find(&k.options, item->key);
        if ((row == NULL && own_key(item->parent, &k) != item) || !(all || takes(row, item))) continue;
        hoop__text_addf(owners, "%s%s", first == NULL ? "" : " and ", k.name);
        if (first != NULL) continue;
        *silent = row != NULL && is_default(row, item); /* of the one that is told to choose */
        first   = k.name;
    }
    return first;
}

bool hoop__made_foreign(const hoop__made *m, const hoop_value *item, bool stored, hoop_error *err, hoop_status *st)
{
    hoop__text  owners = {0};
    bool        silent = false;
    const char *first  = find_owners(m, item, false, &owners, &silent);
    if (first == NULL) first = find_owners(m, item, true, &owners, &silent);
    silent = silent || stored || hoop_value_get_kind(item) == HOOP_VALUE_NULL;
    *st    = first == NULL || silent
                 ? HOOP_OK
                 : hoop_value_fail(item, err, "is a key of %s, and the %s is %s; leave it out, or choose %s: %s",
                                owners.data == NULL ? first : owners.data, m->choice->key, m->kind.name, m->choice->key, first);
    hoop__text_clear(&owners);
    return first != NULL;
}

/* ---- all choices of a schema -------------------------------------------------------------------------------------------------
 */

static hoop_status make_one(const hoop_config *cfg, const hoop_config_part *part, bool in_force, hoop_error *err, hoop__made *m)
{
    const hoop_config_choice *choice = part->choice;
    hoop_status               st;
    *m = (hoop__made){.choice = choice, .chosen = part->values};
    if (in_force && (m->chosen == NULL || m->chosen->opts == NULL))
        return hoop_fail(err, HOOP_EARG, "section '%s' of the schema has no values", choice->section);
    st = name_row(choice, err, &m->names, &m->key);
    if (st == HOOP_OK && in_force) m->index = m->chosen->kind;
    if (st == HOOP_OK && !in_force && cfg != NULL)
        st = find_kind(hoop_config_get(cfg, choice->section), choice->section, choice, &m->key, err, &m->index);
    if (st != HOOP_OK) return st;
    (void)choice->kind(m->index, &m->kind);
    m->keys[0] = (hoop_option_table){choice->section, &m->key, 1};
    m->keys[1] = (hoop_option_table){choice->section, m->kind.options.rows, m->kind.options.count};
    return HOOP_OK;
}

hoop_status hoop__plain_make(const hoop_config *cfg, const hoop_config_schema *schema, bool in_force, hoop_error *err,
                             hoop__plain *out)
{
    const size_t n = (size_t)schema->nparts + 1;
    hoop_status  st;
    *out       = (hoop__plain){0};
    out->made  = calloc(n, sizeof *out->made);
    out->parts = calloc(2 * n, sizeof *out->parts);
    out->frees = calloc(n, sizeof *out->frees);
    if (out->made == NULL || out->parts == NULL || out->frees == NULL)
        return hoop_fail(err, HOOP_ENOMEM, "out of memory for the config");
    for (int p = 0; p < schema->nparts; p++) {
        const hoop_config_part *part = &schema->parts[p];
        hoop__made             *m    = &out->made[out->nmade];
        if (part->free_key != NULL) {
            out->frees[out->nfrees++] = part->free_key;
        } else if (part->choice == NULL) {
            if (in_force && part->values == NULL)
                return hoop_fail(err, HOOP_EARG, "section '%s' of the schema has no values", part->table->section);
            out->parts[out->nparts++] = *part;
        } else {
            out->nmade++;
            if ((st = make_one(cfg, part, in_force, err, m)) != HOOP_OK) return st;
            out->parts[out->nparts++] = (hoop_config_part){.table = &m->keys[0], .values = in_force ? &m->chosen->kind : NULL};
            out->parts[out->nparts++] = (hoop_config_part){.table = &m->keys[1], .values = in_force ? m->chosen->opts : NULL};
            if (m->kind.own != NULL) out->frees[out->nfrees++] = m->kind.own;
        }
    }
    return HOOP_OK;
}

void hoop__plain_clear(hoop__plain *p)
{
    for (int i = 0; i < p->nmade; i++) free(p->made[i].names);
    free(p->made);
    free(p->parts);
    free(p->frees);
    *p = (hoop__plain){0};
}

const hoop__made *hoop__made_find(const hoop__plain *p, const char *section)
{
    for (int i = 0; i < p->nmade; i++) {
        if (strcmp(p->made[i].choice->section, section) == 0) return &p->made[i];
    }
    return NULL;
}

const hoop_value *hoop__plain_get(const hoop__plain *p, const hoop_config *cfg, const hoop_option_table *table,
                                  const hoop_option *row)
{
    const hoop_value *section = hoop_config_get(cfg, table->section);
    const hoop__made *m       = hoop__made_find(p, table->section);
    if (hoop_value_get_kind(section) == HOOP_VALUE_SCALAR) return m != NULL && row == &m->key ? section : NULL;
    return hoop_value_find(section, row->key);
}
