/** config/schema.h - what schema.c, choice.c, resolve.c and help.c share. */
#ifndef HOOP_LAUNCH_SCHEMA_H
#define HOOP_LAUNCH_SCHEMA_H

#include "config/tree.h"

/* One value of any option, at offset 0. */
typedef union hoop__field {
    int64_t     i;
    double      d;
    bool        b;
    int         e;
    hoop_ints   ints;
    hoop_floats floats;
    char        s[HOOP_OPT_STRING_MAX];
} hoop__field;

enum { HOOP__FORMAT_MAX = HOOP_OPT_FLOATS_MAX * 26 + 40 }; /* the longest text hoop_option_format makes */

/** The path of a row of a table. */
void hoop__row_path(const hoop_option_table *table, const hoop_option *row, char out[HOOP__PATH_MAX]);
/** Parse a given (not null) value by a row into `base` + `offset`; what is wrong is said with place and path. */
hoop_status hoop__row_parse(const hoop_option *row, const hoop_value *v, const char *path, size_t offset, hoop_error *err,
                            void *base);

/** An error that says what a table has instead of this item. */
hoop_status hoop__value_unknown(const hoop_value *item, const hoop_option_table *table, hoop_error *err);
/** "section.key" */
void hoop__join(const char *section, const char *key, char out[HOOP__PATH_MAX]);
/** Values of a section, where it is given: of pass 0 all are checked, of pass 1 put into base. `keep`: what is not given stays.
 */
hoop_status hoop__fill(const hoop_value *section, const char *name, const char *origin, const hoop_option_table *table, bool keep,
                       hoop_error *err, void *base);

/** A choice that was made. */
typedef struct hoop__made {
    const hoop_config_choice *choice;
    hoop_config_chosen       *chosen; /* NULL: only keys matter */
    int                       index;
    hoop_config_kind          kind;
    const char              **names;   /* of all kinds */
    hoop_option               key;     /* that says which */
    hoop_option_table         keys[2]; /* that one; those of the kind */
} hoop__made;

/** A schema with its choices made: tables with their values, and free keys, those of the chosen kinds among them. */
typedef struct hoop__plain {
    hoop_config_part        *parts; /* tables */
    const hoop_config_free **frees;
    hoop__made              *made;
    int                      nparts, nfrees, nmade;
} hoop__plain;

/** As `cfg` says; or, in force, as the schema's values say (HOOP_EARG: there are none); or, of neither, as by default. */
hoop_status hoop__plain_make(const hoop_config *cfg, const hoop_config_schema *schema, bool in_force, hoop_error *err,
                             hoop__plain *out);
void        hoop__plain_clear(hoop__plain *p);
/** The choice of this section, or NULL. */
const hoop__made *hoop__made_find(const hoop__plain *p, const char *section);
/** The config's value of a row of one of the parts, or NULL. */
const hoop_value *hoop__plain_get(const hoop__plain *p, const hoop_config *cfg, const hoop_option_table *table,
                                  const hoop_option *row);
/** Is this a key of kinds that were not chosen? Then *st says whether it may stand here. */
bool hoop__made_foreign(const hoop__made *m, const hoop_value *item, bool stored, hoop_error *err, hoop_status *st);

#endif
