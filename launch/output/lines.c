#include "output/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/files.h"

struct hoop__metrics {
    hoop__appender file;
};

/* A line to keep: a JSON object whose "step" is at most keep_until. */
static bool is_kept(const char *line, size_t size, int64_t keep_until)
{
    json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    json_t *step   = json_object_get(object, "step");
    bool    kept   = json_is_integer(step) && (int64_t)json_integer_value(step) <= keep_until;
    json_decref(object);
    return kept;
}

/* The lines of `path` to keep; *there: it is a file. */
static hoop_status filter(const char *path, int64_t keep_until, hoop_error *err, hoop__text *kept, bool *there)
{
    char   *line = NULL;
    size_t  room = 0;
    ssize_t n;
    FILE   *file = fopen(path, "rbe");
    *there       = file != NULL;
    if (file == NULL && errno == ENOENT) return HOOP_OK;
    if (file == NULL) return hoop_fail(err, HOOP_EIO, "%s: can't open: %s", path, strerror(errno));
    errno = 0;
    while ((n = getline(&line, &room, file)) > 0) {
        if (line[n - 1] == '\n' && is_kept(line, (size_t)n, keep_until)) hoop__text_add(kept, line, (size_t)n);
    }
    hoop_status st = HOOP_OK;
    if (ferror(file) || (n < 0 && !feof(file))) st = hoop_fail(err, HOOP_EIO, "%s: can't read: %s", path, strerror(errno));
    if (st == HOOP_OK && kept->failed) st = hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", path);
    free(line);
    (void)fclose(file);
    return st;
}

hoop_status hoop__metrics_open(const char *path, int64_t keep_until, hoop_error *err, hoop__metrics **out)
{
    hoop__text     kept  = {0};
    bool           there = false;
    hoop__metrics *m     = calloc(1, sizeof *m);
    char          *own   = strdup(path);
    int            fd;
    hoop_status    st = m == NULL || own == NULL ? hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", path) : HOOP_OK;
    if (st == HOOP_OK) st = filter(path, keep_until, err, &kept, &there);
    /* A file of its own in any case: a run that lost its lock, and wakes, adds its lines to one without a name. */
    if (st == HOOP_OK && there) st = hoop__replace_file(path, kept.data, kept.size, err);
    hoop__text_clear(&kept);
    fd = st == HOOP_OK ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (st == HOOP_OK && fd < 0) st = hoop_fail(err, HOOP_EIO, "%s: can't open for writing: %s", path, strerror(errno));
    if (st != HOOP_OK) {
        free(own);
        free(m);
        return st;
    }
    hoop__appender_begin(&m->file, fd, own);
    *out = m;
    return HOOP_OK;
}

/* a real, which in JSON has a point or an exponent, and is never NaN */
static void add_real(hoop__text *t, bool fixed, double real)
{
    char text[40];
    int  n;
    if (!isfinite(real)) {
        hoop__text_adds(t, isnan(real) ? "\"NaN\"" : real > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    n = snprintf(text, sizeof text, fixed && fabs(real) < 1e15 ? "%.6f" : "%.17g", real);
    for (int i = 0; i < n; i++) {
        if (strchr("0123456789+-e", text[i]) == NULL) text[i] = '.'; /* some locales' point is a comma */
    }
    hoop__text_adds(t, text);
    if (strpbrk(text, ".e") == NULL) hoop__text_adds(t, ".0");
}

/* a name of the user's inside a JSON string */
static void add_name(hoop__text *t, const char *name)
{
    for (; *name != '\0'; name++) {
        if (strchr("\"\\", *name) != NULL) hoop__text_add(t, "\\", 1);
        hoop__text_add(t, (unsigned char)*name < ' ' ? "?" : name, 1);
    }
}

void hoop__metrics_write(hoop__metrics *m, int64_t step, const hoop__metric *list, int n)
{
    hoop__text *t = &m->file.text;
    hoop__text_addf(t, "{\"step\":%" PRId64, step);
    for (int i = 0; i < n; i++) {
        hoop__text_add(t, ",\"", 2);
        if (list[i].target != NULL) add_name(t, list[i].target);
        if (list[i].target != NULL) hoop__text_add(t, ".", 1);
        if (list[i].before != NULL) hoop__text_adds(t, list[i].before);
        hoop__text_adds(t, list[i].name);
        hoop__text_add(t, "\":", 2);
        if (list[i].type == HOOP__METRIC_INT)
            hoop__text_addf(t, "%" PRId64, list[i].integer);
        else if (list[i].type == HOOP__METRIC_JSON)
            hoop__text_adds(t, list[i].json);
        else
            add_real(t, list[i].type == HOOP__METRIC_FIXED, list[i].real);
    }
    hoop__text_adds(t, "}\n");
}

hoop_status hoop__metrics_flush(hoop__metrics *m, hoop_error *err)
{
    return hoop__appender_flush(&m->file, err);
}

hoop_status hoop__metrics_close(hoop__metrics **m, hoop_error *err)
{
    hoop_status st;
    if (m == NULL || *m == NULL) return HOOP_OK;
    st = hoop__appender_end(&(*m)->file, true, err);
    free(*m);
    *m = NULL;
    return st;
}
