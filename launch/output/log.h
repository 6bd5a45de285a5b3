/**
 * output/log.h - log.txt of a run: lines with time and rank, appended, each in one write. A full disk must not end a training
 * that could go on (nor do metrics and events; checkpoints do): a failed line is remembered, and told at close.
 */
#ifndef HOOP_OUTPUT_LOG_H
#define HOOP_OUTPUT_LOG_H

#include "hoop/status.h"

typedef struct hoop__log hoop__log;

/** Open or create, to append. Errors: HOOP_EIO, HOOP_ENOMEM. */
hoop_status hoop__log_open(const char *path, int rank, hoop_error *err, hoop__log **out);
/** "2026-01-31T12:00:00.123Z rank 0: text"; line breaks in the text become " | ". `log` may be NULL: nothing. */
void hoop__log_line(hoop__log *log, const char *format, ...) HOOP_PRINTF(2, 3);
/** Close; the first failure of any line. *log is destroyed whatever is returned. */
hoop_status hoop__log_close(hoop__log **log, hoop_error *err);

#endif
