#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"

struct hoop__metrics {
    int   fd;
    char *path;
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

/* The lines of `path` to keep; *changed if there are others. */
static hoop_status filter(const char *path, int64_t keep_until, hoop_error *err, hoop__text *kept, bool *changed)
{
    char   *line = NULL;
    size_t  room = 0;
    ssize_t n;
    FILE   *file = fopen(path, "rbe");
    *changed     = false;
    if (file == NULL && errno == ENOENT) return HOOP_OK;
    if (file == NULL) return hoop_fail(err, HOOP_EIO, "%s: can't open: %s", path, strerror(errno));
    errno = 0;
    while ((n = getline(&line, &room, file)) > 0) {
        if (line[n - 1] == '\n' && is_kept(line, (size_t)n, keep_until)) {
            hoop__text_add(kept, line, (size_t)n);
        } else {
            *changed = true;
        }
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
    hoop__text     kept    = {0};
    bool           changed = false;
    hoop__metrics *m       = calloc(1, sizeof *m);
    hoop_status    st      = HOOP_OK;
    if (m != NULL) m->fd = -1;
    if (m == NULL || (m->path = strdup(path)) == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", path);
        goto done;
    }
    HOOP_TRY(st, done, filter(path, keep_until, err, &kept, &changed));
    if (changed) HOOP_TRY(st, done, hoop__replace_file(path, kept.data, kept.size, err));
    m->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (m->fd < 0) {
        st = hoop_fail(err, HOOP_EIO, "%s: can't open for writing: %s", path, strerror(errno));
        goto done;
    }
    *out = m;
    m    = NULL;
done:
    hoop__text_clear(&kept);
    if (m != NULL) free(m->path);
    free(m);
    return st;
}

static json_t *real_json(double real)
{
    if (isnan(real)) return json_string("NaN");
    if (isinf(real)) return json_string(real > 0 ? "Infinity" : "-Infinity");
    return json_real(real);
}

static json_t *metric_json(const hoop__metric *metric)
{
    switch (metric->type) {
    case HOOP__METRIC_REAL:
        return real_json(metric->real);
    case HOOP__METRIC_INT:
        return json_integer(metric->integer);
    case HOOP__METRIC_TEXT:
        break;
    }
    return metric->text == NULL ? json_null() : json_string(metric->text);
}

hoop_status hoop__metrics_write(hoop__metrics *m, int64_t step, const hoop__metric *list, int n, hoop_error *err)
{
    json_t     *object = json_object();
    char       *line   = NULL;
    hoop__text  text   = {0};
    hoop_status st     = HOOP_OK;
    bool        ok     = object != NULL && json_object_set_new(object, "step", json_integer(step)) == 0;
    for (int i = 0; i < n && ok; i++) ok = json_object_set_new(object, list[i].name, metric_json(&list[i])) == 0;
    if (ok) line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (line == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: step %lld: can't make a line (out of memory, or a text that isn't UTF-8)", m->path,
                       (long long)step);
    } else {
        hoop__text_addf(&text, "%s\n", line);
        st = text.failed ? hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", m->path)
                         : hoop__append(m->fd, m->path, text.data, text.size, err);
    }
    hoop__text_clear(&text);
    free(line);
    json_decref(object);
    return st;
}

hoop_status hoop__metrics_close(hoop__metrics **m, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (m == NULL || *m == NULL) return HOOP_OK;
    if (fsync((*m)->fd) != 0) st = hoop_fail(err, HOOP_EIO, "%s: can't sync: %s", (*m)->path, strerror(errno));
    if (close((*m)->fd) != 0 && st == HOOP_OK) st = hoop_fail(err, HOOP_EIO, "%s: can't close: %s", (*m)->path, strerror(errno));
    free((*m)->path);
    free(*m);
    *m = NULL;
    return st;
}
