/** io/import/fields.h - names of the fields of a set that is written. */
#ifndef HOOP_IO_FIELDS_H
#define HOOP_IO_FIELDS_H

#include "hoop/import.h"
#include "import/writer.h"

enum { HOOP_FIELD_NAME = 63, HOOP_FIELD_PATH = HOOP_FIELD_NAME + 2 };

/** HOOP_EARG: none, too many, or no input; a name that cannot be, or two alike. */
hoop_status hoop__fields_check(const hoop_import_field *fields, int nfields, hoop_error *err);
/** "/u" for "u". */
void hoop__field_path(const char *name, char out[HOOP_FIELD_PATH]);
/** They are x, or x and y, as everybody takes them who is told of no fields. */
bool hoop__fields_short(const hoop_writer_field *fields, int nfields);

#endif
