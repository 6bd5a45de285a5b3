/** base/files.h - writing that either happens whole or is undone. */
#ifndef HOOP_LAUNCH_FILES_H
#define HOOP_LAUNCH_FILES_H

#include <stddef.h>

#include "hoop/status.h"

/** Append all bytes to a file opened with O_APPEND; if they don't all fit, cut back what was written. `path` is for the error. */
hoop_status hoop__append(int fd, const char *path, const void *data, size_t size, hoop_error *err);
/** Replace a file's content: temporary file beside it, synced, renamed, directory synced. At any moment the old or the new
 * stands. */
hoop_status hoop__replace_file(const char *path, const void *data, size_t size, hoop_error *err);

#endif
