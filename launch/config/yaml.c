#include "config/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

typedef struct reader {
    yaml_parser_t parser;
    hoop__pool   *pool;
    const char   *origin, *text;
    size_t        size;
    bool          lines;
    int           values;
    hoop_error   *err;
} reader;

HOOP_PRINTF(3, 4) static hoop_status fail(const reader *r, size_t line, const char *format, ...)
{
    char    place[HOOP_ERROR_TEXT];
    va_list args;
    if (r->lines)
        (void)snprintf(place, sizeof place, "%s:%zu: ", r->origin, line + 1);
    else
        (void)snprintf(place, sizeof place, "%s: ", r->origin);
    va_start(args, format);
    (void)hoop_vfail(r->err, HOOP_ECONFIG, place, NULL, format, args);
    va_end(args);
    return HOOP_ECONFIG;
}

static hoop_status no_memory(const reader *r)
{
    return hoop_fail(r->err, HOOP_ENOMEM, "%s: out of memory for the config", r->origin);
}

static size_t line_of(const reader *r, size_t offset)
{
    size_t line = 0;
    for (size_t i = 0; i < offset && i < r->size; i++) line += r->text[i] == '\n';
    return line;
}

/* Tabs in the indentation: libyaml takes some and refuses others with words that do not say "tab". */
static hoop_status check_tabs(const reader *r)
{
    bool   indent = true;
    size_t line   = 0;
    for (size_t i = 0; i < r->size; i++) {
        if (indent && r->text[i] == '\t') return fail(r, line, "tab in the indentation; YAML wants spaces");
        if (r->text[i] == '\n') line++;
        indent = r->text[i] == '\n' || (indent && r->text[i] == ' ');
    }
    return HOOP_OK;
}

/* What libyaml says, with the line it means. */
static hoop_status syntax_error(const reader *r)
{
    const yaml_parser_t *p       = &r->parser;
    const char          *problem = p->problem == NULL ? "not YAML" : p->problem;
    if (p->error == YAML_MEMORY_ERROR) return no_memory(r);
    if (p->error == YAML_READER_ERROR) {
        return fail(r, line_of(r, p->problem_offset), "not UTF-8 text (%s, byte %zu)", problem, p->problem_offset);
    }
    size_t line = p->problem_mark.line;
    if (strstr(problem, "cannot start any token") != NULL) {
        return fail(r, line, "a value can't start with '%c'; put it in quotes",
                    p->problem_mark.index < r->size ? r->text[p->problem_mark.index] : '?');
    }
    if (p->context != NULL && (strstr(p->context, "an alias") != NULL || strstr(p->context, "an anchor") != NULL)) {
        return fail(r, line, "a value can't start with '%c'; put it in quotes",
                    strstr(p->context, "an alias") != NULL ? '*' : '&');
    }
    if (p->context != NULL && p->context_mark.line != line && r->lines) {
        return fail(r, line, "%s, %s that began in line %zu", problem, p->context, p->context_mark.line + 1);
    }
    if (p->context != NULL) return fail(r, line, "%s, %s", problem, p->context);
    return fail(r, line, "%s", problem);
}

static hoop_status next(reader *r, yaml_event_t *event)
{
    if (!yaml_parser_parse(&r->parser, event)) return syntax_error(r);
    size_t             line   = event->start_mark.line;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        fail(r, line, "aliases (*%s) are not taken: write the value out, or put it in quotes if it is text",
             (const char *)event->data.alias.anchor);
        yaml_event_delete(event);
        return HOOP_ECONFIG;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag    = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag    = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag    = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor == NULL && tag == NULL) return HOOP_OK;
    if (anchor != NULL) {
        fail(r, line, "anchors (&%s) are not taken: put the value in quotes if it is text", (const char *)anchor);
    } else {
        fail(r, line, "tags (%s) are not taken: put the value in quotes if it is text", (const char *)tag);
    }
    yaml_event_delete(event);
    return HOOP_ECONFIG;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) return true;
    }
    return false;
}

static hoop_status make_value(reader *r, hoop_value_kind kind, size_t line, hoop_value **out)
{
    if (++r->values > HOOP__VALUES_MAX) return fail(r, line, "more than %d values", HOOP__VALUES_MAX);
    *out = hoop__value_new(r->pool, kind, r->origin, r->lines ? (int)line + 1 : 0);
    return *out == NULL ? no_memory(r) : HOOP_OK;
}

static hoop_status make_scalar(reader *r, const yaml_event_t *event, hoop_value **out)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t      size = event->data.scalar.length, line = event->start_mark.line;
    hoop_status st = make_value(r, HOOP_VALUE_SCALAR, line, out);
    if (st != HOOP_OK) return st;
    if (memchr(text, '\0', size) != NULL) return fail(r, line, "a NUL character in a text");
    (*out)->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    (*out)->text   = hoop__pool_copy(r->pool, text, size);
    if ((*out)->text == NULL) return no_memory(r);
    if (!(*out)->quoted && is_null((*out)->text)) {
        (*out)->kind = HOOP_VALUE_NULL;
        (*out)->text = NULL;
    }
    return HOOP_OK;
}

/* Keys are single words: dots separate them in paths, and nothing else would survive a shell or an error message. */
static hoop_status make_key(reader *r, const hoop_value *map, const yaml_event_t *event, const char **out)
{
    size_t line = event->start_mark.line;
    if (event->type != YAML_SCALAR_EVENT) return fail(r, line, "a key must be a word, not a list or map");
    const char *text = (const char *)event->data.scalar.value;
    size_t      size = event->data.scalar.length;
    if (size == 2 && memcmp(text, "<<", 2) == 0) return fail(r, line, "merge keys (<<) are not taken: write the keys out");
    if (size == 0) return fail(r, line, "a key is empty");
    if (size > HOOP__KEY_MAX) return fail(r, line, "a key of %zu bytes; at most %d", size, HOOP__KEY_MAX);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '.') {
            return fail(r, line, "%.*s: dots are for --set; here write the key inside its section: %.*s: {...}", (int)size, text,
                        (int)i, text);
        }
        if (c <= ' ' || c == 0x7f) return fail(r, line, "a key has spaces or control characters in it");
    }
    *out = hoop__pool_copy(r->pool, text, size);
    if (*out == NULL) return no_memory(r);
    const hoop_value *twin = hoop_value_find(map, *out);
    if (twin != NULL && r->lines) return fail(r, line, "%s: key given twice, first in line %d", *out, twin->line);
    if (twin != NULL) return fail(r, line, "%s: key given twice", *out);
    if (map->count >= HOOP__KEYS_MAX) return fail(r, line, "more than %d keys in one map", HOOP__KEYS_MAX);
    return HOOP_OK;
}

/* The value that begins with *event, which is used up. Depth is bounded, so recursion is. */
static hoop_status read_value(reader *r, yaml_event_t *event, int depth, hoop_value **out)
{
    yaml_event_t    inner;
    size_t          line = event->start_mark.line;
    hoop_value_kind kind = event->type == YAML_MAPPING_START_EVENT ? HOOP_VALUE_MAP : HOOP_VALUE_LIST;
    hoop_value     *item;
    hoop_status     st;
    if (event->type == YAML_SCALAR_EVENT) {
        st = make_scalar(r, event, out);
        yaml_event_delete(event);
        return st;
    }
    yaml_event_delete(event);
    if (depth >= HOOP__DEPTH_MAX) return fail(r, line, "nested deeper than %d", HOOP__DEPTH_MAX);
    st = make_value(r, kind, line, out);
    while (st == HOOP_OK) {
        const char *key      = NULL;
        int         key_line = 0;
        if ((st = next(r, &inner)) != HOOP_OK) break;
        if (inner.type == YAML_MAPPING_END_EVENT || inner.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&inner);
            break;
        }
        if (kind == HOOP_VALUE_MAP) {
            key_line = (int)inner.start_mark.line + 1;
            st       = make_key(r, *out, &inner, &key);
            yaml_event_delete(&inner);
            if (st != HOOP_OK || (st = next(r, &inner)) != HOOP_OK) break;
        }
        if ((st = read_value(r, &inner, depth + 1, &item)) != HOOP_OK) break;
        if (key != NULL && r->lines) item->line = key_line;
        if (!hoop__value_append(r->pool, *out, key, item)) st = no_memory(r);
    }
    return st;
}

static hoop_status read_stream(reader *r, hoop_value **out)
{
    yaml_event_t event;
    hoop_status  st;
    bool         done = false;
    *out              = NULL;
    while (!done) {
        if ((st = next(r, &event)) != HOOP_OK) return st;
        size_t line = event.start_mark.line;
        switch (event.type) {
        case YAML_STREAM_END_EVENT:
            done = true;
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (*out != NULL) {
                yaml_event_delete(&event);
                return fail(r, line, "a second YAML document (---); a config is one");
            }
            break;
        case YAML_SCALAR_EVENT:
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT:
            if ((st = read_value(r, &event, 0, out)) != HOOP_OK) return st;
            continue; /* the event is used up */
        default:
            break;
        }
        yaml_event_delete(&event);
    }
    return *out == NULL ? make_value(r, HOOP_VALUE_NULL, 0, out) : HOOP_OK;
}

hoop_status hoop__yaml_read(hoop__pool *pool, const char *text, size_t size, const char *origin, bool lines, hoop_error *err,
                            hoop_value **out)
{
    reader      r = {.pool = pool, .origin = origin, .text = text, .size = size, .lines = lines, .err = err};
    hoop_value *root;
    hoop_status st;
    if (size > HOOP__BYTES_MAX) {
        return hoop_fail(err, HOOP_ECONFIG, "%s: more than %d bytes; is this a config?", origin, HOOP__BYTES_MAX);
    }
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark, as some editors begin a file */
        r.text += 3;
        r.size -= 3;
    }
    if ((st = check_tabs(&r)) != HOOP_OK) return st;
    if (!yaml_parser_initialize(&r.parser)) return no_memory(&r);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, r.size);
    st = read_stream(&r, &root);
    yaml_parser_delete(&r.parser);
    if (st == HOOP_OK) *out = root;
    return st;
}
