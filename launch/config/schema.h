/** config/schema.h - what schema.c and resolve.c share. */
#ifndef HOOP_LAUNCH_SCHEMA_H
#define HOOP_LAUNCH_SCHEMA_H

#include "config/tree.h"

/* One value of any option, at offset 0. */
typedef union hoop__field {
    int64_t   i;
    double    d;
    bool      b;
    int       e;
    hoop_ints ints;
    char      s[HOOP_OPT_STRING_MAX];
} hoop__field;

enum { HOOP__FORMAT_MAX = HOOP_OPT_INTS_MAX * 24 + 8 }; /* the longest text hoop_option_format makes */

/** "section.key" */
void hoop__row_path(const hoop_option_table *table, const hoop_option *row, char out[HOOP__PATH_MAX]);
/** Parse a given (not null) value by a row into `base` + `offset`; what is wrong is said with place and path. */
hoop_status hoop__row_parse(const hoop_option *row, const hoop_value *v, const char *path, size_t offset, hoop_error *err,
                            void *base);

#endif
