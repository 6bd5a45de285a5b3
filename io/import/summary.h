/** io/import/summary.h - lines of a hoop_import_result. */
#ifndef HOOP_IO_SUMMARY_H
#define HOOP_IO_SUMMARY_H

#include "hoop/import.h"

/** One more line, cut to what it holds; r may be NULL. */
void hoop__say(hoop_import_result *r, const char *about, const char *format, ...) HOOP_PRINTF(3, 4);
/** "a, b, c, ... (12 more)" of n texts into out; quoted: each in '...'. */
void hoop__list(const char *const *text, int64_t n, bool quoted, char *out, size_t size);

#endif
