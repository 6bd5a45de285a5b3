#include "command/print.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "output/terminal.h"
#include "command/command.h"

/* ---- tables ---- */

static void keep(table *t, char *cell)
{
    if (t->ncells == t->room) {
        int64_t room  = t->room == 0 ? 256 : 2 * t->room;
        char  **grown = realloc(t->cell, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            t->failed = true;
            free(cell);
            return;
        }
        t->cell = grown;
        t->room = room;
    }
    if (cell == NULL)
        t->failed = true;
    else
        t->cell[t->ncells++] = cell;
}

void table_begin(table *t, const char *const *head, int columns)
{
    *t         = (table){0};
    t->columns = columns;
    for (int i = 0; i < columns; i++) keep(t, strdup(head[i]));
}

void table_cell(table *t, const char *format, ...)
{
    char   *cell = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&cell, format, args) < 0) cell = NULL;
    va_end(args);
    keep(t, cell);
}

static const char *shown(const table *t, int64_t i, bool *right)
{
    *right = t->cell[i % t->columns][0] == '-' && t->cell[i % t->columns][1] != '\0';
    return t->cell[i] + (i < t->columns && *right ? 1 : 0);
}

/* Characters of UTF-8, as many columns of most scripts. */
static int columns_of(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

bool table_end(table *t, const char *indent)
{
    int  width[PRINT_COLUMNS] = {0};
    int  pad                  = 0;
    bool right, good = !t->failed, rows = t->ncells > t->columns;
    for (int64_t i = 0; good && i < t->ncells; i++) {
        int own = columns_of(shown(t, i, &right));
        if (own > width[i % t->columns]) width[i % t->columns] = own;
    }
    for (int64_t i = 0; good && rows && i < t->ncells; i++) {
        const char *text = shown(t, i, &right);
        bool        last = (i + 1) % t->columns == 0;
        if (i % t->columns == 0) (void)fputs(indent, stdout);
        pad += right ? width[i % t->columns] - columns_of(text) : 0;
        if (text[0] != '\0') (void)printf("%*s%s", pad, "", text); /* so that lines end without blanks */
        pad = (text[0] != '\0' ? 0 : pad) + 2 + (right ? 0 : width[i % t->columns] - columns_of(text));
        if (last) (void)putchar('\n');
        if (last) pad = 0;
    }
    for (int64_t i = 0; i < t->ncells; i++) free(t->cell[i]);
    free(t->cell);
    *t = (table){0};
    return good;
}

/* ---- values ---- */

void print_bytes(int64_t bytes, char out[PRINT_CELL])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    double                   v       = (double)bytes;
    int                      unit    = 0;
    while (v >= 999.5 && unit < 5) {
        v /= 1000;
        unit++;
    }
    (void)snprintf(out, PRINT_CELL, unit == 0 || v >= 99.95 ? "%.0f %s" : "%.1f %s", v, units[unit]);
}

void print_shape(int ndim, const int64_t *shape, char out[PRINT_SHAPE])
{
    int at = snprintf(out, PRINT_SHAPE, "[");
    for (int d = 0; d < ndim && at < PRINT_SHAPE; d++) {
        if (shape[d] < 0)
            at += snprintf(out + at, (size_t)(PRINT_SHAPE - at), d == 0 ? "*" : ", *"); /* each its own */
        else
            at += snprintf(out + at, (size_t)(PRINT_SHAPE - at), d == 0 ? "%lld" : ", %lld", (long long)shape[d]);
    }
    if (at < PRINT_SHAPE) (void)snprintf(out + at, (size_t)(PRINT_SHAPE - at), "]");
}

json_t *json_number(double v)
{
    if (isfinite(v)) return json_real(v);
    return json_string(isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
}

/* Bytes of the UTF-8 character at s, 0 where there is none: what jansson takes. */
static size_t utf8_length(const char *s)
{
    for (size_t n = 1; n <= 4; n++) {
        json_t *one = s[n - 1] == '\0' ? NULL : json_stringn(s, n);
        if (one != NULL) {
            json_decref(one);
            return n;
        }
        if (s[n - 1] == '\0') break;
    }
    return 0;
}

json_t *json_text(const char *s)
{
    json_t *text = json_string(s);
    char   *out  = text != NULL ? NULL : malloc(3 * strlen(s) + 1);
    size_t  used = 0;
    if (out == NULL) return text;
    while (*s != '\0') {
        const size_t n = utf8_length(s);
        memcpy(out + used, n > 0 ? s : "\xef\xbf\xbd", n > 0 ? n : 3);
        used += n > 0 ? n : 3;
        s += n > 0 ? n : 1;
    }
    text = json_stringn(out, used);
    free(out);
    return text;
}

json_t *json_shape(int ndim, const int64_t *shape)
{
    json_t *list = json_array();
    for (int d = 0; d < ndim; d++) (void)json_array_append_new(list, json_integer(shape[d]));
    return list;
}

bool print_json(json_t **object)
{
    int st = json_dumpf(*object, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(*object);
    *object = NULL;
    return st == 0;
}

int print_done(int code)
{
    hoop_error err = {.status = HOOP_OK};
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return code;
    (void)hoop_fail(&err, HOOP_EIO, "standard output: %s", strerror(errno));
    return command_report(&err);
}

/* ---- a percentage ---- */

enum { METER_CELLS = 24 };
#define CLEAR "\r\033[K"

void meter_begin(meter *m, const char *label)
{
    int columns;
    *m = (meter){.label = label, .last_s = hoop__now_s() + 0.2}; /* what is over sooner draws nothing */
    if (hoop__terminal_find(STDERR_FILENO, &columns) && columns > (int)strlen(label) + METER_CELLS + 8)
        (void)hoop__outlet_open(STDERR_FILENO, NULL, &m->people); /* without memory there is no meter */
}

void meter_update(void *ctx, double fraction)
{
    meter *m = ctx;
    double now;
    char   cells[METER_CELLS + 1], line[METER_CELLS + 96];
    int    full;
    if (m->people == NULL || (now = hoop__now_s()) - m->last_s < 0.1) return;
    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    full     = (int)(fraction * METER_CELLS);
    for (int i = 0; i < METER_CELLS; i++) cells[i] = i < full ? '=' : i == full ? '>' : ' ';
    cells[METER_CELLS] = '\0';
    (void)snprintf(line, sizeof line, CLEAR "%.48s [%s] %3.0f%%", m->label, cells, floor(100 * fraction));
    hoop__outlet_show(m->people, line, strlen(line));
    m->drawn  = true;
    m->last_s = now;
}

void meter_note(void *ctx, const char *text)
{
    meter *m = ctx;
    char   own[COMMAND_LINE], line[COMMAND_LINE + 16];
    if (m->people == NULL) {
        command_note(NULL, text);
        return;
    }
    (void)snprintf(line, sizeof line, "%shoop: %s\n", m->drawn ? CLEAR : "", hoop__text_printable(text, own, sizeof own));
    hoop__outlet_keep(m->people, line, strlen(line));
    m->drawn = false;
}

void meter_end(meter *m)
{
    if (m->drawn) hoop__outlet_keep(m->people, CLEAR, strlen(CLEAR));
    m->drawn = false;
    hoop__outlet_close(&m->people, COMMAND_PATIENCE_S);
}
