/** output/files.h - writing that either happens whole or is undone. */
#ifndef HOOP_OUTPUT_FILES_H
#define HOOP_OUTPUT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/** A file that grows by whole pieces, of one writer: what is added to `text` waits until flush. */
typedef struct hoop__appender {
    int        fd;
    char      *path;
    int64_t    size; /* of the file; -1: it is none that can be cut back */
    hoop__text text;
} hoop__appender;

/** Of a file opened with O_APPEND; fd and path (malloc'ed) become the appender's. */
void hoop__appender_begin(hoop__appender *a, int fd, char *path);
/** Write what waits, in one go; if it doesn't all fit, what was written is cut back. Nothing waits afterwards, whatever is
 *  returned. */
hoop_status hoop__appender_flush(hoop__appender *a, hoop_error *err);
/** Flush, sync if asked to, close. */
hoop_status hoop__appender_end(hoop__appender *a, bool sync, hoop_error *err);
/** Replace a file's content: temporary file beside it, synced, renamed, directory synced. At any moment the old or the new
 * stands. */
hoop_status hoop__replace_file(const char *path, const void *data, size_t size, hoop_error *err);

#endif
