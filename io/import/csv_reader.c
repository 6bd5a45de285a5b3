#include "import/csv_reader.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "import/cell.h"

static const int64_t record_max = (int64_t)1 << 30;

static bool is_blank(int ch)
{
    return ch == ' ' || ch == '\t' || ch == '\v' || ch == '\f' || ch == '\n' || ch == '\r';
}

/* ---- bytes ---- */

/* More of them; false at the end, or when reading failed (c->st). */
static bool refill(hoop_csv *c)
{
    size_t n = 0;
    if (c->ended || c->st != HOOP_OK) return false;
    c->st = hoop__source_next(c->source, c->err, &c->at, &n);
    if (c->st != HOOP_OK) n = 0;
    c->end   = c->at + n;
    c->ended = n == 0;
    return n > 0;
}

static int peek(hoop_csv *c)
{
    return c->at < c->end || refill(c) ? (unsigned char)*c->at : -1;
}

static int next(hoop_csv *c)
{
    return c->at < c->end || refill(c) ? (unsigned char)*c->at++ : -1;
}

static hoop_status fault(hoop_csv *c, int64_t line, const char *what)
{
    if (c->st == HOOP_OK) c->st = hoop_fail(c->err, HOOP_EFORMAT, "%s: line %lld%s", c->path, (long long)line, what);
    return c->st;
}

static bool room_for(hoop_csv *c, int64_t n)
{
    int64_t room = c->room == 0 ? 4096 : c->room;
    char   *grown;
    if (c->used + n <= c->room) return true;
    while (room < c->used + n) room *= 2;
    grown = room > record_max ? NULL : realloc(c->text, (size_t)room);
    if (grown == NULL) {
        if (c->st == HOOP_OK) c->st = hoop_fail(c->err, HOOP_ENOMEM, "%s: line %lld is too long", c->path, (long long)c->line);
        return false;
    }
    c->text = grown;
    c->room = room;
    return true;
}

static bool put(hoop_csv *c, int ch)
{
    if (c->used == c->room && !room_for(c, 1)) return false;
    c->text[c->used++] = (char)ch;
    return true;
}

/* ---- fields ---- */

static bool begin_field(hoop_csv *c)
{
    if (c->nfields == c->field_room) {
        const int64_t room  = c->field_room == 0 ? 64 : 2 * c->field_room;
        int64_t      *grown = realloc(c->field, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            if (c->st == HOOP_OK) c->st = hoop_fail(c->err, HOOP_ENOMEM, "%s: no memory", c->path);
            return false;
        }
        c->field      = grown;
        c->field_room = room;
    }
    c->field[c->nfields++] = c->used;
    return true;
}

/* The blanks around a field are none of it. */
static bool end_field(hoop_csv *c)
{
    int64_t *at = &c->field[c->nfields - 1];
    while (c->used > *at && is_blank((unsigned char)c->text[c->used - 1])) c->used--;
    if (!put(c, '\0')) return false;
    while (is_blank((unsigned char)c->text[*at])) ++*at;
    return true;
}

/* Bytes of the field that mean nothing to us, as far as they are there. */
static bool plain(hoop_csv *c)
{
    const char *p = c->at;
    char       *t;
    if (!room_for(c, c->end - p)) return false;
    t = c->text + c->used;
    while (p < c->end && !c->stop[(unsigned char)*p]) *t++ = *p++;
    c->used = t - c->text;
    c->at   = p;
    return true;
}

/* After the opening quote, to the closing one. */
static hoop_status quoted(hoop_csv *c)
{
    const int64_t start = c->next_line;
    char          what[64];
    for (;;) {
        int ch = next(c);
        if (ch < 0) {
            (void)snprintf(what, sizeof what, ", column %lld: a quoted field has no end", (long long)c->nfields);
            return fault(c, start, what);
        }
        if (ch == '"') {
            if (peek(c) != '"') return c->st;
            (void)next(c);
        }
        if (ch == '\n') c->next_line++;
        if (ch == '\0') return fault(c, c->next_line, ": holds a NUL byte; not text (UTF-16? --encoding UTF-16)");
        if (!put(c, ch)) return c->st;
    }
}

/* Only blanks may stand between a closing quote and the next separator. */
static hoop_status behind_quote(hoop_csv *c)
{
    char what[80];
    int  ch = peek(c);
    if (c->separator == HOOP_CSV_BLANK && is_blank(ch)) return c->st;
    while ((ch == ' ' || ch == '\t') && ch != c->separator) {
        (void)next(c);
        ch = peek(c);
    }
    if (ch < 0 || ch == c->separator || ch == '\r' || ch == '\n') return c->st;
    (void)snprintf(what, sizeof what, ", column %lld: more stands behind the quoted field's end", (long long)c->nfields);
    return fault(c, c->next_line, what);
}

static bool only_blanks(const hoop_csv *c)
{
    for (int64_t i = c->field[c->nfields - 1]; i < c->used; i++)
        if (!is_blank((unsigned char)c->text[i])) return false;
    return true;
}

/* What `plain` stopped at. *more: the record goes on. */
static hoop_status special(hoop_csv *c, bool *more)
{
    int ch = next(c);
    *more  = true;
    if (ch == '\r') { /* alone it ends a line, too: as a Mac's Excel writes it */
        if (peek(c) == '\n') (void)next(c);
        ch = '\n';
    }
    if (ch == '\n' || ch < 0) {
        *more = false;
    } else if (ch == '\0') {
        return fault(c, c->next_line, ": holds a NUL byte; not text (UTF-16? --encoding UTF-16)");
    } else if (ch == '"' && only_blanks(c)) {
        c->used = c->field[c->nfields - 1];
        if (quoted(c) == HOOP_OK) (void)behind_quote(c);
    } else if (c->separator == HOOP_CSV_BLANK && (ch == ' ' || ch == '\t')) {
        for (ch = peek(c); ch == ' ' || ch == '\t'; ch = peek(c)) (void)next(c);
        if (ch >= 0 && ch != '\n' && ch != '\r' && end_field(c)) (void)begin_field(c);
    } else if (ch == c->separator) {
        if (end_field(c)) (void)begin_field(c);
    } else {
        (void)put(c, ch);
    }
    return c->st;
}

/* ---- text ---- */

/* n bytes that end in NUL. */
static hoop_status check_text(hoop_csv *c, const char *text, int64_t n, int64_t line)
{
    const unsigned char *s = (const unsigned char *)text;
    for (int64_t i = 0; i < n;) {
        uint64_t eight;
        int      k;
        if (n - i >= 8 && (memcpy(&eight, s + i, 8), (eight & 0x8080808080808080u) == 0)) {
            i += 8;
            continue;
        }
        k = hoop__utf8((const char *)s + i);
        if (k == 0) {
            char what[128];
            (void)snprintf(what, sizeof what,
                           ": byte 0x%02x is not UTF-8; say which encoding the file has: --encoding latin1, or cp1252, ...",
                           s[i]);
            return fault(c, line, what);
        }
        i += k;
    }
    return c->st;
}

/* ---- lines that are none of the table ---- */

/* Does a comment look like a row somebody might miss? */
static bool like_a_row(hoop_csv *c, char *text)
{
    char        **field = NULL;
    const int64_t n     = hoop__csv_cut(c, text, &field);
    bool          alike = c->columns > 1 && n == c->columns;
    double        v;
    /* prose has blanks, too */
    for (int64_t i = 1; c->separator == HOOP_CSV_BLANK && alike && i < n; i++) alike = hoop__number_plain(field[i], &v);
    free(field);
    return alike;
}

/* A comment, from its sign to the line's end; kept if no record has come yet. */
static hoop_status comment(hoop_csv *c)
{
    int ch;
    c->line    = c->next_line;
    c->used    = 0;
    c->nfields = 0;
    (void)next(c);
    if (!begin_field(c)) return c->st;
    for (ch = next(c); ch >= 0 && ch != '\n' && ch != '\r'; ch = next(c))
        if (!put(c, ch == '\0' ? ' ' : ch)) return c->st;
    if (ch == '\r' && peek(c) == '\n') (void)next(c);
    if (!end_field(c) || check_text(c, c->text, c->used - 1, c->line) != HOOP_OK) return c->st;
    c->next_line++;
    if (c->comments++ == 0) c->comment_line = c->line;
    if (c->columns == 0) {
        free(c->remark);
        c->remark      = strdup(hoop__csv_field(c, 0));
        c->remark_line = c->line;
        if (c->remark == NULL) c->st = hoop_fail(c->err, HOOP_ENOMEM, "%s: no memory", c->path);
    } else if (c->alike_line == 0 && like_a_row(c, c->text + c->field[0])) {
        c->alike_line = c->line;
    }
    return c->st;
}

/* One record, of which the first byte waits. */
static hoop_status record(hoop_csv *c)
{
    bool more  = true;
    c->line    = c->next_line;
    c->used    = 0;
    c->nfields = 0;
    if (!begin_field(c)) return c->st;
    if (c->separator == HOOP_CSV_BLANK)
        while (peek(c) == ' ' || peek(c) == '\t') (void)next(c);
    while (more && c->st == HOOP_OK) {
        if (!plain(c)) return c->st;
        if (c->at == c->end && refill(c)) continue;
        if (special(c, &more) != HOOP_OK) return c->st;
    }
    if (!end_field(c)) return c->st;
    if (check_text(c, c->text, c->used - 1, c->line) != HOOP_OK) return c->st;
    c->next_line++;
    return c->st;
}

/* The first line may say what separates: sep=; */
static bool says_separator(hoop_csv *c)
{
    const char *s = c->text + c->field[0];
    if (c->line != 1 || strncasecmp(s, "sep=", 4) != 0) return false;
    if (c->nfields == 2 && s[4] == '\0' && *hoop__csv_field(c, 1) == '\0') { /* cut at the very character it names */
        c->said = true;
        return true;
    }
    if (c->nfields != 1 || (s[4] != '\0' && (s[5] != '\0' || !ispunct((unsigned char)s[4]) || s[4] == '"'))) return false;
    c->said = true;
    if (!c->given) {
        c->stop[(unsigned char)c->separator] = false;
        c->separator                         = s[4] == '\0' ? '\t' : s[4]; /* a tab is a blank at the field's end */
        c->stop[(unsigned char)c->separator] = true;
    }
    return true;
}

hoop_status hoop__csv_next(hoop_csv *c, hoop_error *err, bool *more)
{
    *more  = false;
    c->err = err;
    while (c->st == HOOP_OK) {
        const int ch = peek(c);
        if (ch < 0) break;
        if (ch == c->comment) {
            (void)comment(c);
            continue;
        }
        if (record(c) != HOOP_OK) break;
        if (c->nfields == 1 && *hoop__csv_field(c, 0) == '\0') continue;
        if (c->line == 1 && says_separator(c)) continue;
        if (c->columns == 0) c->columns = c->nfields;
        *more = true;
        break;
    }
    return c->st;
}

int64_t hoop__csv_cut(const hoop_csv *c, char *line, char ***field)
{
    const char separators[3] = {c->separator, c->separator == HOOP_CSV_BLANK ? '\t' : '\0', '\0'};
    int64_t    n             = 0;
    char      *end;
    *field = calloc(strlen(line) + 1, sizeof **field);
    if (*field == NULL) return -1;
    for (;; line = end + 1) {
        char *tail;
        while (is_blank((unsigned char)*line) && *line != c->separator) line++;
        if (c->separator == HOOP_CSV_BLANK) line += strspn(line, " \t");
        end           = line + strcspn(line, separators);
        (*field)[n++] = line;
        for (tail = end; tail > line && is_blank((unsigned char)tail[-1]);) tail--;
        if (*end == '\0' || (c->separator == HOOP_CSV_BLANK && end[strspn(end, " \t")] == '\0')) {
            *tail = '\0';
            return n;
        }
        *tail = '\0';
    }
}

/* ---- open, again, close ---- */

/* UTF-8's byte order mark is skipped; UTF-16's says what is wrong. */
static hoop_status begin(hoop_csv *c)
{
    c->next_line = 1;
    c->comments  = 0;
    c->at = c->end = NULL;
    c->ended       = false;
    c->st          = HOOP_OK;
    if (!refill(c)) return c->st;
    if (c->end - c->at >= 3 && memcmp(c->at, "\xef\xbb\xbf", 3) == 0) c->at += 3;
    if (c->end - c->at >= 2 && (memcmp(c->at, "\xff\xfe", 2) == 0 || memcmp(c->at, "\xfe\xff", 2) == 0))
        return fault(c, 1, ": begins like UTF-16: --encoding UTF-16");
    return c->st;
}

hoop_status hoop__csv_open(hoop_csv *c, const char *path, const hoop_csv_form *form, hoop_error *err)
{
    hoop_source_opts o = {
        .encoding = form->encoding, .spool_dir = form->spool_dir, .twice = true, .line = &c->next_line, .stop = form->stop};
    hoop_status st;
    memset(c, 0, sizeof *c);
    c->path                              = path;
    c->given                             = form->separator != '\0';
    c->separator                         = c->given ? form->separator : ',';
    c->comment                           = form->comment;
    c->err                               = err;
    c->stop[(unsigned char)c->separator] = true;
    c->stop['\n'] = c->stop['\r'] = c->stop['"'] = c->stop['\0'] = true;
    if (c->separator == HOOP_CSV_BLANK) c->stop['\t'] = true;
    st = hoop__source_open(path, &o, err, &c->source);
    return st == HOOP_OK ? begin(c) : st;
}

hoop_status hoop__csv_rewind(hoop_csv *c, hoop_error *err)
{
    const hoop_status st = hoop__source_rewind(c->source, err);
    c->err               = err;
    return st == HOOP_OK ? begin(c) : st;
}

void hoop__csv_close(hoop_csv *c)
{
    hoop__source_close(&c->source);
    free(c->text);
    free(c->field);
    free(c->remark);
    memset(c, 0, sizeof *c);
}

const char *hoop__csv_field(const hoop_csv *c, int64_t i)
{
    return c->text + c->field[i];
}
