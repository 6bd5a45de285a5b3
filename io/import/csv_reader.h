/** io/import/csv_reader.h - records of a CSV file (RFC 4180: quotes, doubled quotes, line breaks within them, CRLF). */
#ifndef HOOP_IO_CSV_READER_H
#define HOOP_IO_CSV_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "hoop/status.h"

typedef struct hoop_csv {
    const char *path;
    FILE       *file;
    char        separator;
    int64_t     line; /* of the record's first line, from 1 */
    int64_t     next_line;
    int64_t     nfields;
    char       *text; /* the record's fields, each ended by NUL */
    int64_t     used, room;
    int64_t    *field; /* where each begins in text */
    int64_t     field_room;
} hoop_csv;

hoop_status hoop__csv_open(hoop_csv *c, const char *path, char separator, hoop_error *err);
/** Read the next record that is not an empty line; *more false at the end. */
hoop_status hoop__csv_next(hoop_csv *c, hoop_error *err, bool *more);
/** Begin again. */
hoop_status hoop__csv_rewind(hoop_csv *c, hoop_error *err);
const char *hoop__csv_field(const hoop_csv *c, int64_t i);
void        hoop__csv_close(hoop_csv *c);

#endif
