/**
 * hoop/config.h - the configuration of a run: YAML with a file and line for every value, `--set` on top, checked against
 * the option tables of the components (hoop/option.h).
 *
 *     hoop_config *cfg = NULL;
 *     HOOP_TRY(st, done, hoop_config_load("model.yaml", err, &cfg));
 *     HOOP_TRY(st, done, hoop_config_set(cfg, "optimizer.lr=3e-4", err));
 *     HOOP_TRY(st, done, hoop_config_read(cfg, &schema, err));     // every key known; defaults, then the values given
 *
 * Errors are HOOP_ECONFIG and begin with the place: "model.yaml:7: optimizer.lrr: unknown key; did you mean optimizer.lr?",
 * "--set batch=x: batch: ...". Of YAML, what reads in only one way is taken: one document, maps, lists, scalars; no anchors,
 * aliases, tags, merge keys, duplicate keys, tabs in the indentation. A config is used by one thread at a time.
 */
#ifndef HOOP_CONFIG_H
#define HOOP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "hoop/option.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_config hoop_config;
/** One value of a config; it belongs to the config, and lives until that is destroyed. */
typedef struct hoop_value hoop_value;

typedef enum hoop_value_kind {
    HOOP_VALUE_NULL,   /* nothing after the colon, `null` or `~`: as if the key weren't there */
    HOOP_VALUE_SCALAR, /* a word, number or quoted string */
    HOOP_VALUE_LIST,
    HOOP_VALUE_MAP
} hoop_value_kind;

/** A key whose value has its own form (model.layers: a list of maps): any value is let through, its reader checks it. */
typedef struct hoop_config_free {
    const char *path; /* dotted */
    bool        decides_bits;
    const char *help;
    const char
        *item; /* of a map: the key that an item which is a single value stands for, `u: /u` for `u: {path: /u}`; or NULL */
    const char *fallback; /* the word that holds where none is given; NULL: then there is no value */
    bool (*idle)(const char *map,
                 const char *key); /* decides item `key` of a map that stands under `map` no bits? NULL: all do */
} hoop_config_free;

/** One of the kinds that a section may be of. */
typedef struct hoop_config_kind {
    const char             *name, *help;
    hoop_option_table       options;   /* its keys, in the choice's section; rows may be NULL */
    size_t                  opts_size; /* of the struct they fill */
    const hoop_config_free *own;       /* a key of its own form, which says the kind where no name does; NULL: none */
} hoop_config_kind;

/** A section whose keys depend on one of them: `optimizer: {name: sgd, momentum: 0.9}`, or `optimizer: sgd` for short. A key of
 *  another kind is an error that says whose it is, unless it stands at its default or the config was stored by a run. */
typedef struct hoop_config_choice {
    const char *section;                        /* "optimizer" */
    const char *key;                            /* "name" */
    const char *help;                           /* of that key */
    bool (*kind)(int i, hoop_config_kind *out); /* kind i; false: there are no more. 0 is the default */
} hoop_config_choice;

/** What a choice came to: all zero, then filled by hoop_config_read or choose; hoop_config_chosen_clear frees it. */
typedef struct hoop_config_chosen {
    int   kind; /* its number */
    void *opts; /* its struct, opts_size bytes; never NULL once filled */
} hoop_config_chosen;

/** A component's table and its struct, or a choice and its hoop_config_chosen, or a free key. `values` may be NULL where only the
 *  keys matter (check_known, help). */
typedef struct hoop_config_part {
    const hoop_option_table  *table;
    void                     *values;
    const hoop_config_choice *choice;   /* one of these three is not NULL */
    const hoop_config_free   *free_key; /* has no values */
} hoop_config_part;

/** All keys a config may have. Parts may share a section; a key stands in one of these only. */
typedef struct hoop_config_schema {
    const hoop_config_part *parts;
    int                     nparts;
} hoop_config_schema;

enum { HOOP_FINGERPRINT_SIZE = 65 }; /* 64 hex digits and a NUL */

/** Read a YAML file. Errors: HOOP_EIO (names the file), HOOP_ECONFIG, HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_config_load(const char *path, hoop_error *err, hoop_config **out);
/** Read YAML from a string; `name` stands for the file in errors. "" is a config without keys. Calls: Local. */
HOOP_API hoop_status hoop_config_parse(const char *text, const char *name, hoop_error *err, hoop_config **out);
/** As parse, for what hoop_config_resolve made: keys of kinds that were not chosen are passed over, as older versions stored all
 *  of them. Calls: Local. */
HOOP_API hoop_status hoop_config_parse_stored(const char *text, const char *name, hoop_error *err, hoop_config **out);
/** Set "dotted.key=value", the value in YAML; what stood there, a section too, is replaced. A key that says what another one of
 *  the file says in another way (steps, epochs; hoop/option.h) takes its place. Failing, it changes nothing.
 *  Calls: Local. */
HOOP_API hoop_status hoop_config_set(hoop_config *cfg, const char *assignment, hoop_error *err);
/** The same; where the way leads through a single value that a schema takes as short for a section (`optimizer: sgd` for
 *  `optimizer: {name: sgd}`, or an item of a free key), that becomes the section. Calls: Local. */
HOOP_API hoop_status hoop_config_set_in(hoop_config *cfg, const hoop_config_schema *schema, const char *assignment,
                                        hoop_error *err);
HOOP_API void        hoop_config_destroy(hoop_config **cfg);
/** The name given to load or parse. Calls: Local. */
HOOP_API const char *hoop_config_name(const hoop_config *cfg);
/** The value at a dotted path ("" is the whole), or NULL if the key isn't there. Calls: Local. */
HOOP_API const hoop_value *hoop_config_get(const hoop_config *cfg, const char *path);
/** True if the config gives the key a value, null not counted. Calls: Local. */
HOOP_API bool hoop_config_has(const hoop_config *cfg, const char *path);
/** Fail with "PLACE: path: text": for checks across keys. The place is the key's, or the file if it isn't given. Calls: Local. */
HOOP_API hoop_status hoop_config_fail(const hoop_config *cfg, const char *path, hoop_error *err, const char *format, ...)
    HOOP_PRINTF(4, 5);

/** Defaults, then the values the config gives in the table's section, checked; on failure *base is untouched. Calls: Local. */
HOOP_API hoop_status hoop_config_fill(const hoop_config *cfg, const hoop_option_table *table, hoop_error *err, void *base);
/** The kind that the config gives a choice, and its values, as hoop_config_fill. Calls: Local. */
HOOP_API hoop_status hoop_config_choose(const hoop_config *cfg, const hoop_config_choice *choice, hoop_error *err,
                                        hoop_config_chosen *out);
HOOP_API void        hoop_config_chosen_clear(hoop_config_chosen *chosen);
/** Every key of the config must be in the schema; the error suggests the nearest that is. Calls: Local. */
HOOP_API hoop_status hoop_config_check_known(const hoop_config *cfg, const hoop_config_schema *schema, hoop_error *err);
/** check_known, then fill each part that has values. Calls: Local. */
HOOP_API hoop_status hoop_config_read(const hoop_config *cfg, const hoop_config_schema *schema, hoop_error *err);

/**
 * YAML text (free() it) with every key of the schema and the value in force, in the order of the tables: what a run keeps as
 * config.yaml. It reads back to the same values, which is checked. Each part needs its values; free keys come from cfg.
 * Calls: Local.
 */
HOOP_API hoop_status hoop_config_resolve(const hoop_config *cfg, const hoop_config_schema *schema, hoop_error *err, char **out);
/** SHA-256 in hex of the keys that decide bits and their values in force, whatever their order or spelling. Calls: Local. */
HOOP_API hoop_status hoop_config_fingerprint(const hoop_config *cfg, const hoop_config_schema *schema, hoop_error *err,
                                             char out[HOOP_FINGERPRINT_SIZE]);
/**
 * HOOP_ECONFIG naming the first key that decides bits whose value in `old` (a resolved config; a key it lacks counts as its
 * default) differs from the value in force in `cfg` and the schema's structs, with both values. Calls: Local.
 */
HOOP_API hoop_status hoop_config_diff_bits(const hoop_config *old, const hoop_config *cfg, const hoop_config_schema *schema,
                                           hoop_error *err);
/** A commented YAML file (free() it) of all keys with defaults, ranges and help, for --help. Calls: Local. */
HOOP_API hoop_status hoop_config_help(const hoop_config_schema *schema, hoop_error *err, char **out);

/** A key (dotted) and what either config says, as YAML; NULL where it does not have it. */
typedef struct hoop_config_difference {
    char *key, *a, *b;
} hoop_config_difference;

/** The keys that two configs say otherwise: those of a in its order, then those of b alone; end them with
 *  hoop_config_differences_free. Errors: HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_config_compare(const hoop_config *a, const hoop_config *b, hoop_error *err,
                                         hoop_config_difference **out, int64_t *n);
HOOP_API void        hoop_config_differences_free(hoop_config_difference **list, int64_t n);

/* Values of free keys. All accept NULL as HOOP_VALUE_NULL. */
HOOP_API hoop_value_kind hoop_value_get_kind(const hoop_value *v);
/** The text of a scalar; NULL for others. Calls: Local. */
HOOP_API const char *hoop_value_text(const hoop_value *v);
/** Items of a list or map; 0 for others. Calls: Local. */
HOOP_API int hoop_value_count(const hoop_value *v);
/** Item i of a list or map, or NULL. Calls: Local. */
HOOP_API const hoop_value *hoop_value_at(const hoop_value *v, int i);
/** Key of item i of a map, or NULL. Calls: Local. */
HOOP_API const char *hoop_value_key(const hoop_value *v, int i);
/** Item of a map by its key, or NULL. Calls: Local. */
HOOP_API const hoop_value *hoop_value_find(const hoop_value *v, const char *key);
/** Parse v by one row into base + row->offset, errors with v's place and path. v must be a scalar or list. Calls: Local. */
HOOP_API hoop_status hoop_value_parse(const hoop_value *v, const hoop_option *row, hoop_error *err, void *base);
/** Fill from a map (or null) that has the table's keys and no others, as hoop_config_fill; its section is ignored. Calls: Local.
 */
HOOP_API hoop_status hoop_value_fill(const hoop_value *v, const hoop_option_table *table, hoop_error *err, void *base);
/** As fill, but a key that is not given keeps what base has. Calls: Local. */
HOOP_API hoop_status hoop_value_update(const hoop_value *v, const hoop_option_table *table, hoop_error *err, void *base);
/** The kind that v gives a choice: a name, or a map with the name and keys of the kind and no others; the section is ignored.
 *  Calls: Local. */
HOOP_API hoop_status hoop_value_choose(const hoop_value *v, const hoop_config_choice *choice, hoop_error *err,
                                       hoop_config_chosen *out);
/** Fail with "PLACE: path: text". Calls: Local. */
HOOP_API hoop_status hoop_value_fail(const hoop_value *v, hoop_error *err, const char *format, ...) HOOP_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
