/** import/set.h - what a set that is written of a table says of itself. */
#ifndef HOOP_IO_SET_H
#define HOOP_IO_SET_H

#include "import/table.h"
#include "import/writer.h"

/** Names of columns, and of those of words. */
typedef struct hoop_set_names {
    const char **x, **y, **hot;
    int64_t      nhot;
    char       **own; /* "Sex=male", numbers of columns without names */
    int64_t      nown;
} hoop_set_names;

/** Names, then the fields that the writer gets, which point into names and table. HOOP_EFORMAT for names that would not be found
 * again. Free the names in any case. */
hoop_status hoop__set_describe(const hoop_table *t, hoop_error *err, hoop_set_names *n, hoop_writer_field *x,
                               hoop_writer_field *y);
void        hoop__set_names_free(hoop_set_names *n);

#endif
