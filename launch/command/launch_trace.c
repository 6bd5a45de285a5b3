#include "command/launch_trace.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TAIL = 1 << 16, PATH_TEXT = 4096 + 32 };

static int open_in(const char *run, const char *name, int flags)
{
    char path[PATH_TEXT];
    if (snprintf(path, sizeof path, "%s/%s", run, name) >= (int)sizeof path) return -1;
    return open(path, flags | O_CLOEXEC, 0666);
}

/* The end of a file from `from` on, but no more than TAIL bytes; "" if there is nothing. False: there is more. */
static bool read_tail(int fd, off_t from, char text[TAIL + 1])
{
    struct stat info;
    ssize_t     n = 0;
    bool        all;
    text[0] = '\0';
    if (fd < 0 || fstat(fd, &info) != 0) return true;
    all = info.st_size - from <= TAIL;
    if (!all) from = info.st_size - TAIL;
    if (info.st_size > from) n = pread(fd, text, TAIL, from);
    text[n > 0 ? n : 0] = '\0';
    return all;
}

/* the last line that is complete; NULL: there is none */
static char *last_line(char *text)
{
    char *end = strrchr(text, '\n'), *begin;
    if (end == NULL) return NULL;
    *end  = '\0';
    begin = strrchr(text, '\n');
    return begin == NULL ? text : begin + 1;
}

int64_t launch_trace_step(const char *run, bool *start)
{
    char      text[TAIL + 1];
    char     *line;
    long long step;
    const int fd = open_in(run, "metrics.jsonl", O_RDONLY);
    *start       = false;
    (void)read_tail(fd, 0, text);
    if (fd >= 0) (void)close(fd);
    line = last_line(text);
    if (line == NULL || sscanf(line, "{\"step\":%lld,", &step) != 1) return -1;
    *start = strstr(line, ",\"start\":") != NULL;
    return (int64_t)step;
}

launch_mark launch_trace_mark(const char *run)
{
    launch_mark mark = {0};
    struct stat info;
    char        path[PATH_TEXT];
    if (snprintf(path, sizeof path, "%s/metrics.jsonl", run) < (int)sizeof path && stat(path, &info) == 0) {
        mark.device       = info.st_dev;
        mark.metrics      = info.st_ino;
        mark.metrics_size = info.st_size;
    }
    if (snprintf(path, sizeof path, "%s/log.txt", run) < (int)sizeof path && stat(path, &info) == 0) mark.log_size = info.st_size;
    return mark;
}

int64_t launch_trace_done(const char *run, const launch_mark *mark)
{
    const launch_mark now = launch_trace_mark(run);
    bool              start;
    int64_t           step;
    if (now.metrics == 0 || (now.metrics == mark->metrics && now.device == mark->device)) return -1;
    step = launch_trace_step(run, &start);
    return start ? -1 : step;
}

launch_said launch_trace_said(const char *run, const launch_mark *mark)
{
    char       text[TAIL + 1];
    const int  fd  = open_in(run, "log.txt", O_RDONLY);
    const bool all = read_tail(fd, mark->log_size, text);
    if (fd >= 0) (void)close(fd);
    if (strstr(text, " rank 0: failed: ") != NULL || strstr(text, " rank 0: end at step ") != NULL) return LAUNCH_SAID_WHY;
    return !all || strstr(text, " rank 0: start at step ") != NULL ? LAUNCH_SAID_BEGAN : LAUNCH_SAID_NOTHING;
}

/* ---- launch.jsonl ---- */

/* The last generation that is named in it, and whether its start is the last line. */
static void read_journal(launch_journal *j)
{
    char            text[TAIL + 1];
    const char     *line;
    struct timespec now;
    struct stat     info;
    (void)read_tail(j->fd, 0, text);
    for (const char *at = text; (at = strstr(at, "\"generation\":")) != NULL; at += 13)
        j->generation = strtoll(at + 13, NULL, 10);
    line         = last_line(text);
    j->started_s = -1;
    if (line == NULL || strncmp(line, "{\"event\":\"start\"", 16) != 0) return;
    if (fstat(j->fd, &info) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) return;
    j->started_s = (double)(now.tv_sec - info.st_mtim.tv_sec) + 1e-9 * (double)(now.tv_nsec - info.st_mtim.tv_nsec);
}

hoop_status launch_journal_open(const char *run, hoop_error *err, launch_journal *out)
{
    *out = (launch_journal){.fd = open_in(run, "launch.jsonl", O_RDWR | O_APPEND | O_CREAT)};
    if (out->fd < 0) return hoop_fail(err, HOOP_EIO, "%s/launch.jsonl: can't open for writing: %s", run, strerror(errno));
    if (flock(out->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        launch_journal_close(out);
        return hoop_fail(err, HOOP_EBUSY,
                         "%s: another hoop launch looks after this run; wait for it, or choose another directory", run);
    }
    read_journal(out);
    return HOOP_OK;
}

bool launch_journal_add(launch_journal *j, const char *event, json_t *fields)
{
    char    stamp[HOOP__UTC], *text;
    json_t *o;
    bool    good;
    hoop__now_utc(true, stamp);
    o = json_pack("{s:s, s:s}", "event", event, "time", stamp);
    if (o != NULL && fields != NULL) (void)json_object_update(o, fields);
    json_decref(fields);
    text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
    json_decref(o);
    good = text != NULL && dprintf(j->fd, "%s\n", text) > 0;
    free(text);
    return good;
}

void launch_journal_close(launch_journal *j)
{
    if (j->fd >= 0) (void)close(j->fd);
    j->fd = -1;
}
