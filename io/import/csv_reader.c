#include "import/csv_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const int64_t record_max = (int64_t)1 << 30;

static hoop_status skip_mark(hoop_csv *c, hoop_error *err)
{
    /* UTF-8's byte order mark */
    const int a = fgetc(c->file), b = a == 0xef ? fgetc(c->file) : EOF, d = b == 0xbb ? fgetc(c->file) : EOF;
    c->next_line = 1;
    if (a == 0xef && b == 0xbb && d == 0xbf) return HOOP_OK;
    return fseek(c->file, 0, SEEK_SET) == 0
               ? HOOP_OK
               : hoop_fail(err, HOOP_EIO, "%s: cannot be read from its beginning: %s", c->path, strerror(errno));
}

hoop_status hoop__csv_open(hoop_csv *c, const char *path, char separator, hoop_error *err)
{
    memset(c, 0, sizeof *c);
    c->path      = path;
    c->separator = separator == '\0' ? ',' : separator;
    c->file      = fopen(path, "rbe");
    if (c->file == NULL) return hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    return skip_mark(c, err);
}

hoop_status hoop__csv_rewind(hoop_csv *c, hoop_error *err)
{
    rewind(c->file);
    return skip_mark(c, err);
}

void hoop__csv_close(hoop_csv *c)
{
    if (c->file != NULL) (void)fclose(c->file);
    free(c->text);
    free(c->field);
    memset(c, 0, sizeof *c);
}

const char *hoop__csv_field(const hoop_csv *c, int64_t i)
{
    return c->text + c->field[i];
}

static bool put(hoop_csv *c, int ch)
{
    if (c->used == c->room) {
        const int64_t room  = c->room == 0 ? 4096 : 2 * c->room;
        char         *grown = room > record_max ? NULL : realloc(c->text, (size_t)room);
        if (grown == NULL) return false;
        c->text = grown;
        c->room = room;
    }
    c->text[c->used++] = (char)ch;
    return true;
}

static bool begin_field(hoop_csv *c)
{
    if (c->nfields == c->field_room) {
        const int64_t room  = c->field_room == 0 ? 64 : 2 * c->field_room;
        int64_t      *grown = realloc(c->field, (size_t)room * sizeof *grown);
        if (grown == NULL) return false;
        c->field      = grown;
        c->field_room = room;
    }
    c->field[c->nfields++] = c->used;
    return true;
}

static hoop_status quoted(hoop_csv *c, hoop_error *err)
{
    const int64_t start = c->next_line;
    for (;;) {
        int ch = fgetc(c->file);
        if (ch == EOF)
            return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld, column %lld: a quoted field has no end", c->path,
                             (long long)start, (long long)c->nfields);
        if (ch == '"') {
            ch = fgetc(c->file);
            if (ch != '"') {
                (void)ungetc(ch, c->file);
                return HOOP_OK;
            }
        }
        if (ch == '\n') c->next_line++;
        if (ch == '\0')
            return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld: holds a NUL byte; not text", c->path, (long long)c->next_line);
        if (!put(c, ch)) return hoop_fail(err, HOOP_ENOMEM, "%s: line %lld is too long", c->path, (long long)start);
    }
}

/* One record from its first byte `ch` to its line's end. */
static hoop_status record(hoop_csv *c, int ch, hoop_error *err)
{
    bool        start = true, closed = false; /* closed: a quoted field was, only blanks may follow */
    hoop_status st;
    c->line    = c->next_line;
    c->used    = 0;
    c->nfields = 0;
    if (!begin_field(c)) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", c->path);
    for (;; ch = fgetc(c->file)) {
        bool fits = true;
        if (ch == '\r') {
            const int after = fgetc(c->file);
            if (after == '\n' || after == EOF)
                ch = after;
            else
                (void)ungetc(after, c->file);
        }
        if (ch == '\n' || ch == EOF) break;
        if (ch == '\0')
            return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld: holds a NUL byte; not text", c->path, (long long)c->next_line);
        if (ch == '"' && start) {
            if ((st = quoted(c, err)) != HOOP_OK) return st;
            closed = true;
        } else if (ch == c->separator) {
            fits   = put(c, '\0') && begin_field(c);
            closed = false;
        } else if (closed && ch != ' ' && ch != '\t') {
            return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld, column %lld: more stands behind the quoted field's end", c->path,
                             (long long)c->next_line, (long long)c->nfields);
        } else {
            fits = put(c, ch);
        }
        start = ch == c->separator;
        if (!fits) return hoop_fail(err, HOOP_ENOMEM, "%s: line %lld is too long", c->path, (long long)c->line);
    }
    c->next_line++;
    return put(c, '\0') ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: line %lld is too long", c->path, (long long)c->line);
}

hoop_status hoop__csv_next(hoop_csv *c, hoop_error *err, bool *more)
{
    hoop_status st;
    *more = false;
    for (;;) {
        const int ch = fgetc(c->file);
        if (ch == EOF && ferror(c->file)) return hoop_fail(err, HOOP_EIO, "%s: cannot be read: %s", c->path, strerror(errno));
        if (ch == EOF) return HOOP_OK;
        st = record(c, ch, err);
        if (st != HOOP_OK) return st;
        if (c->nfields == 1 && c->text[0] == '\0') continue;
        *more = true;
        return HOOP_OK;
    }
}
