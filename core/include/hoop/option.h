/**
 * hoop/option.h - option tables: how a component says which settings it has.
 *
 * Beside its code each component keeps a const table that maps keys to fields of its own options struct. Config errors,
 * --help, the resolved config and the fingerprint of a run are all made from these tables; there is no global struct.
 */
#ifndef HOOP_OPTION_H
#define HOOP_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hoop_option_type {
    HOOP_OPT_INT,    /* int64_t; "auto" allowed (stored as HOOP_OPT_AUTO) where the default is auto */
    HOOP_OPT_FLOAT,  /* double; "auto" likewise (HOOP_OPT_AUTO_FLOAT, which is NaN) */
    HOOP_OPT_BOOL,   /* bool */
    HOOP_OPT_ENUM,   /* int: index into choices */
    HOOP_OPT_STRING, /* char[HOOP_OPT_STRING_MAX] */
    HOOP_OPT_INTS,   /* hoop_ints: a list of int64_t; a lone number is a list of one; or one of `choices`, if there are any */
    HOOP_OPT_FLOATS  /* hoop_floats: a list of double; a lone number is a list of one */
} hoop_option_type;

enum { HOOP_OPT_STRING_MAX = 1024, HOOP_OPT_INTS_MAX = 64, HOOP_OPT_FLOATS_MAX = 1024 };
#define HOOP_OPT_AUTO INT64_MIN
#define HOOP_OPT_AUTO_FLOAT (__builtin_nan(""))
/** An explicit 0 in a double of an options struct, where plain 0 stands for the default: minus zero, which computes as 0. */
#define HOOP_ZERO (-0.0)

typedef struct hoop_ints {
    int     n; /* -1 - i: choice i in place of a list */
    int64_t v[HOOP_OPT_INTS_MAX];
} hoop_ints;

typedef struct hoop_floats {
    int    n;
    double v[HOOP_OPT_FLOATS_MAX];
} hoop_floats;

typedef struct hoop_option {
    const char        *key;
    hoop_option_type   type;
    size_t             offset;   /* offsetof(component's struct, field) */
    const char        *fallback; /* default in the same spelling as in YAML ("1e-3", "auto", "[512, 256]"); NULL: must be given */
    double             min, max; /* of INT, FLOAT and each of INTS and FLOATS; min == max == 0: no limit */
    const char *const *choices;  /* ENUM, and INTS where words may stand for a list: NULL-terminated */
    bool               decides_bits; /* part of the fingerprint: resuming with another value is refused */
    const char        *help;         /* one line, with units */
    const char        *instead_of;   /* key of the same table that says the same in another way: set on top (--set), it takes the
                                      * place of what the file says under that key; NULL: none */
} hoop_option;

/** A component's table: `rows` has `count` rows; `section` is its dotted place in the config ("optimizer"; "" for the top). */
typedef struct hoop_option_table {
    const char        *section;
    const hoop_option *rows;
    int                count;
} hoop_option_table;

/** The table of a kind (loss, optimiser, module, model, ...): an array of rows, whose section is where the kind is named. */
#define HOOP_OPTIONS(rows)                                                                                                       \
    {                                                                                                                            \
        "", rows, (int)(sizeof(rows) / sizeof(rows)[0])                                                                          \
    }

/** Parse one value (YAML spelling of a scalar, or "[a, b]") into `base` + row->offset, checking type and range. Calls: Local. */
HOOP_API hoop_status hoop_option_parse(const hoop_option *row, const char *text, void *base, hoop_error *err);
/** Fill `base` with the defaults of a table (rows without one are left zero). HOOP_ECONFIG: one of them does not parse, which
 *  is a mistake in the table. Calls: Local. */
HOOP_API hoop_status hoop_option_defaults(const hoop_option_table *table, void *base);
/**
 * For structs that C code fills: put the default where a number is 0 and that is not the default (zero a field to leave it), and
 * check all against type and range. Where 0 is meant, say HOOP_ZERO; parse stores that for "0". Errors: HOOP_ECONFIG (names the
 * key). Calls: Local.
 */
HOOP_API hoop_status hoop_option_resolve(const hoop_option_table *table, void *base, hoop_error *err);
/** Print the value in `base` as parse reads it, into out[size]. Calls: Local. */
HOOP_API void hoop_option_format(const hoop_option *row, const void *base, char *out, size_t size);
/** The row of a key, or NULL. Calls: Local. */
HOOP_API const hoop_option *hoop_option_find(const hoop_option_table *table, const char *key);
/** Of `count` words the one nearest to `word` in edit distance, or NULL if none is near enough to be meant. Calls: Local. */
HOOP_API const char *hoop_nearest(const char *word, const char *const *words, int count);

#ifdef __cplusplus
}
#endif
#endif
