/**
 * config/tree.h - the tree of values behind a config. All values and strings of a tree come from one pool and go with it;
 * each is a block of its own, so that sanitizers see its bounds.
 */
#ifndef HOOP_LAUNCH_TREE_H
#define HOOP_LAUNCH_TREE_H

#include <stdint.h>

#include "base/text.h"
#include "hoop/config.h"

enum {
    HOOP__DEPTH_MAX  = 24,      /* maps and lists inside each other */
    HOOP__VALUES_MAX = 1 << 14, /* values of one text */
    HOOP__KEYS_MAX   = 1 << 10, /* keys of one map */
    HOOP__KEY_MAX    = 63,      /* bytes of a key */
    HOOP__BYTES_MAX  = 1 << 20, /* bytes of one text */
    HOOP__PATH_MAX   = HOOP__DEPTH_MAX * 80
};

typedef struct hoop__pool {
    struct hoop__pool_block *first;
} hoop__pool;

struct hoop_value {
    hoop_value_kind   kind;
    bool              quoted; /* a scalar in quotes: text, whatever it looks like */
    int               line;   /* of the key, if it has one; from 1; 0: none (--set) */
    const char       *text;
    const char       *origin; /* file name, or the whole "--set a.b=c" */
    const hoop_value *parent;
    const char       *key;   /* in a map */
    int               index; /* in its parent */
    int               count, room;
    hoop_value      **items;
};

struct hoop_config {
    hoop__pool  pool;
    const char *name;
    hoop_value *root;   /* a map */
    bool        stored; /* by a run: keys of kinds that were not chosen are passed over */
};

/** Zeroed memory that lives as long as the pool; NULL when there is none. */
void *hoop__pool_take(hoop__pool *pool, size_t bytes);
char *hoop__pool_copy(hoop__pool *pool, const char *data, size_t size);
void  hoop__pool_clear(hoop__pool *pool);

hoop_value *hoop__value_new(hoop__pool *pool, hoop_value_kind kind, const char *origin, int line);
/** Append to a list (key NULL) or a map. False: out of memory. */
bool hoop__value_append(hoop__pool *pool, hoop_value *parent, const char *key, hoop_value *item);
/** Put `item` at a dotted path below the map `root`, making the maps on the way; a value there is replaced. HOOP_ECONFIG if
 *  the way leads through a scalar or list. */
hoop_status hoop__value_put(hoop__pool *pool, hoop_value *root, const char *path, hoop_value *item, hoop_error *err);
hoop_value *hoop__value_copy(hoop__pool *pool, const hoop_value *v);
/** A single value becomes a map of one key, which has it. False: out of memory. */
bool hoop__value_spell_out(hoop__pool *pool, hoop_value *v, const char *key);
/** "model.layers[2].dropout" */
void hoop__value_path(const hoop_value *v, char *out, size_t size);
/** "model.yaml:7" or "--set batch=x" */
void hoop__value_place(const hoop_value *v, char *out, size_t size);
/** Its place and path, as a prefix of an error: "run.yaml:3: optimizer.lr: ". */
void hoop__value_named(const hoop_value *v, char *out, size_t size);
/** The value at a dotted path below v, or NULL. */
const hoop_value *hoop__value_walk(const hoop_value *v, const char *path);

/** True if an unquoted scalar of this text would be read as something else than text: null, a bool or a number. */
bool hoop__looks_special(const char *text);
/** A map as block YAML, indented by `indent`. HOOP_ECONFIG if a text isn't UTF-8. */
hoop_status hoop__emit_block(hoop__text *t, const hoop_value *map, int indent, hoop_error *err);
/** Any value on one line. */
hoop_status hoop__emit_flow(hoop__text *t, const hoop_value *v, hoop_error *err);
/** One line that is equal for values that mean the same: keys sorted, numbers in one spelling. */
void hoop__emit_canonical(hoop__text *t, const hoop_value *v);

#endif
