#include "output/log.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/files.h"

struct hoop__log {
    hoop__appender file;
    int            rank;
    hoop_error     first; /* what went wrong first */
};

/* A file of its own with the lines so far: a run that lost its lock, and wakes, adds its own to one without a name. Where there
 * is no room for two, they share it. */
static void renew(const char *path)
{
    hoop__text text = {0};
    char       part[4096];
    size_t     n;
    FILE      *file = fopen(path, "rbe");
    while (file != NULL && (n = fread(part, 1, sizeof part, file)) > 0) hoop__text_add(&text, part, n);
    if (file != NULL && !ferror(file) && !text.failed && text.size > 0)
        (void)hoop__replace_file(path, text.data, text.size, NULL);
    if (file != NULL) (void)fclose(file);
    hoop__text_clear(&text);
}

hoop_status hoop__log_open(const char *path, int rank, hoop_error *err, hoop__log **out)
{
    hoop__log  *log = calloc(1, sizeof *log);
    char       *own = strdup(path);
    hoop_status st  = log == NULL || own == NULL ? hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", path) : HOOP_OK;
    if (st == HOOP_OK) renew(path);
    int fd = st == HOOP_OK ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (st == HOOP_OK && fd < 0) st = hoop_fail(err, HOOP_EIO, "%s: can't open for writing: %s", path, strerror(errno));
    if (st != HOOP_OK) {
        free(own);
        free(log);
        return st;
    }
    log->rank = rank;
    hoop__appender_begin(&log->file, fd, own);
    *out = log;
    return HOOP_OK;
}

void hoop__log_line(hoop__log *log, const char *format, ...)
{
    hoop__text *line = log == NULL ? NULL : &log->file.text;
    char        stamp[HOOP__UTC], *text = NULL;
    va_list     args;
    int         n;
    if (log == NULL) return;
    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    hoop__now_utc(true, stamp);
    hoop__text_addf(line, "%s rank %d: ", stamp, log->rank);
    if (n < 0) text = NULL;
    for (const char *s = text == NULL ? "(out of memory)" : text; *s != '\0'; s++) {
        if (*s == '\n') {
            if (s[1] != '\0') hoop__text_adds(line, " | ");
        } else {
            hoop__text_add(line, s, 1);
        }
    }
    hoop__text_adds(line, "\n");
    (void)hoop__appender_flush(&log->file, &log->first);
    free(text);
}

hoop_status hoop__log_close(hoop__log **log, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (log == NULL || *log == NULL) return HOOP_OK;
    (void)hoop__appender_end(&(*log)->file, false, &(*log)->first);
    if ((*log)->first.status != HOOP_OK) st = hoop_fail(err, (*log)->first.status, "%s", (*log)->first.text);
    free(*log);
    *log = NULL;
    return st;
}
