/** command/launch_trace.h - what a run leaves in its directory, read from outside; and launch.jsonl, all that hoop launch knows.
 */
#ifndef HOOP_COMMAND_LAUNCH_TRACE_H
#define HOOP_COMMAND_LAUNCH_TRACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hoop/status.h"

/** The step of the last line of RUN/metrics.jsonl; -1: it has none. *start: that line says that a run begins behind this step. */
int64_t launch_trace_step(const char *run, bool *start);

/** How far RUN's files had come when a job was started. */
typedef struct launch_mark {
    dev_t device;
    ino_t metrics; /* the file: each run has its own */
    off_t metrics_size, log_size;
} launch_mark;
launch_mark launch_trace_mark(const char *run);
/** The step that the job started at that mark has done; -1: none yet. */
int64_t launch_trace_done(const char *run, const launch_mark *mark);
/** What that job said in log.txt of how it ended. */
typedef enum launch_said {
    LAUNCH_SAID_NOTHING /* it had not begun */,
    LAUNCH_SAID_BEGAN /* and no more */,
    LAUNCH_SAID_WHY /* that it failed, or came to its end: what its exit code tells is of its own making */
} launch_said;
launch_said launch_trace_said(const char *run, const launch_mark *mark);

/** RUN/launch.jsonl: a line for each thing that happened. It is locked as long as it is open: one hoop launch a run. */
typedef struct launch_journal {
    int     fd;
    int64_t generation; /* of the run that the one before started last; 0: there was none */
    double  started_s;  /* how long ago that was, where it is the last that is known; else < 0 */
} launch_journal;
/** RUN must be there. Errors: HOOP_EBUSY (another hoop launch looks after this run), HOOP_EIO. */
hoop_status launch_journal_open(const char *run, hoop_error *err, launch_journal *out);
/** Add {"event": event, "time": now, ...fields}; fields is taken. False: it could not be written. */
bool launch_journal_add(launch_journal *j, const char *event, json_t *fields);
void launch_journal_close(launch_journal *j);

#endif
