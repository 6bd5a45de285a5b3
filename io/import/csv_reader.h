/** io/import/csv_reader.h - records of a table (RFC 4180: quotes, doubled quotes, line breaks within them, CRLF or CR), or of
 * blanks.
 */
#ifndef HOOP_IO_CSV_READER_H
#define HOOP_IO_CSV_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/status.h"
#include "import/source.h"

enum { HOOP_CSV_BLANK = ' ' }; /* a separator: any run of blanks and tabs */

typedef struct hoop_csv {
    const char  *path;
    hoop_source *source;
    char         separator;
    int          comment;   /* a line that begins with it is none of the table; -1: none is */
    bool         said;      /* sep=; stands in the first line, and is followed */
    int64_t      line;      /* of the record's first line, from 1 */
    int64_t      next_line; /* the one to be read */
    int64_t      nfields;
    char        *text; /* the record's fields without the blanks around them, each ended by NUL */
    int64_t      used, room;
    int64_t     *field; /* where each begins in text */
    int64_t      field_room;
    /* of comments */
    int64_t comments, comment_line; /* how many; the first of them */
    char   *remark;                 /* the last before the first record, without its sign; NULL: there is none */
    int64_t remark_line;
    int64_t alike_line; /* of the first that looks like a row: as many fields as the first record; 0: none does */
    int64_t columns;    /* fields of the first record */
    /* inside */
    const char *at, *end;
    bool        ended, wrong;
    hoop_error *err;
    hoop_status st;
    bool        stop[256], given;
} hoop_csv;

typedef struct hoop_csv_form {
    char                separator; /* 0: comma, or what the first line says: sep=; */
    int                 comment;   /* -1: none */
    const char         *encoding, *spool_dir;
    const volatile int *stop;
} hoop_csv_form;

hoop_status hoop__csv_open(hoop_csv *c, const char *path, const hoop_csv_form *form, hoop_error *err);
/** Read the next record that is neither an empty line nor a comment; *more false at the end. */
hoop_status hoop__csv_next(hoop_csv *c, hoop_error *err, bool *more);
/** Begin again. */
hoop_status hoop__csv_rewind(hoop_csv *c, hoop_error *err);
const char *hoop__csv_field(const hoop_csv *c, int64_t i);
/** Cut a line without quotes as records are; the fields are written into `line`, their places to *field: free it. -1: no memory.
 */
int64_t hoop__csv_cut(const hoop_csv *c, char *line, char ***field);
void    hoop__csv_close(hoop_csv *c);

#endif
