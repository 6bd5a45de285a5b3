/** io/import/cell.h - what one field of a table is: a number, true or false, missing, a word. */
#ifndef HOOP_IO_CELL_H
#define HOOP_IO_CELL_H

#include <locale.h>
#include <stdbool.h>

typedef enum hoop_cell {
    HOOP_CELL_NUMBER,
    HOOP_CELL_BOOL,     /* true or false, any case */
    HOOP_CELL_EMPTY,    /* nothing stands there */
    HOOP_CELL_NA,       /* a spelling of nothing: NaN, NA, null ... */
    HOOP_CELL_INFINITE, /* inf, or a number beyond f64 */
    HOOP_CELL_WORD
} hoop_cell;

/** *v: the number, or 0 and 1. `c`: the locale "C", in which a decimal point is a point. */
hoop_cell hoop__cell(const char *s, locale_t c, double *v);
/** Digits with a point and an exponent, whose value is found without error; false: another, or a number that needs more care. */
bool hoop__number_plain(const char *s, double *v);

/** Bytes of the UTF-8 sequence at s, which a NUL ends somewhere; 0: it is none. */
int hoop__utf8(const char *s);

enum { HOOP_SHOWN = 65 };
/** The beginning of a field for a message of one line: valid UTF-8 without control characters. Returns out. */
const char *hoop__shown(const char *s, char out[HOOP_SHOWN]);

#endif
