/** command/print.h - what commands print: tables, sizes, shapes, a percentage on a terminal, and standard output's last word. */
#ifndef HOOP_COMMAND_PRINT_H
#define HOOP_COMMAND_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "hoop/status.h"
#include "output/outlet.h"

enum { PRINT_COLUMNS = 24, PRINT_CELL = 48, PRINT_SHAPE = 256 };

/** Rows of cells, kept until the widths are known. Zero is empty. */
typedef struct table {
    char  **cell;
    int64_t ncells, room;
    int     columns;
    bool    failed;
} table;

/** The head, one word a column: "name"; "-min" is aligned to the right. */
void table_begin(table *t, const char *const *head, int columns);
/** The next cell of the row; a row is complete with its last column. */
void table_cell(table *t, const char *format, ...) HOOP_PRINTF(2, 3);
/** Print with two spaces between columns (nothing if there are no rows) and forget. False: no memory. */
bool table_end(table *t, const char *indent);

/** "12.3 MB" into out. */
void print_bytes(int64_t bytes, char out[PRINT_CELL]);
/** "[512, 784]", "[]" for a scalar. */
void print_shape(int ndim, const int64_t *shape, char out[PRINT_SHAPE]);
/** Print a JSON object with a line break and free it. False: no memory, or it can't be written. */
bool print_json(json_t **object);
/** A number, or "NaN", "Infinity", "-Infinity": JSON has no number for them. */
json_t *json_number(double v);
/** A string of any bytes: those that are not UTF-8 become U+FFFD. */
json_t *json_text(const char *s);
/** Numbers of a shape. */
json_t *json_shape(int ndim, const int64_t *shape);
/** Flush standard output: `code`, or a failure with its line if what was printed did not get through. */
int print_done(int code);

/** How much of a long job is done, on standard error, if that is a terminal and the job lasts. Whoever does not read it holds up
 *  nothing (output/outlet.h). */
typedef struct meter {
    const char   *label;
    hoop__outlet *people; /* NULL: no terminal */
    bool          drawn;
    double        last_s;
} meter;

void meter_begin(meter *m, const char *label);
/** As a progress callback: ctx is the meter. */
void meter_update(void *ctx, double fraction);
/** As a note callback: a line that stays. */
void meter_note(void *ctx, const char *text);
void meter_end(meter *m);

#endif
