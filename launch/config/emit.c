/* config/emit.c - a tree as YAML text, and as the canonical line that a fingerprint is made of. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/tree.h"

static bool is_word(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcasecmp(text, *words) == 0) return true;
    }
    return false;
}

/* A finite decimal number, nothing around it. */
static bool scan_number(const char *text, double *value)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0') return false;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value);
}

bool hoop__looks_special(const char *text)
{
    static const char *const words[] = {"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL};
    double                   value;
    return is_word(text, words) || (text[0] != '\0' && strchr("0123456789+-.", text[0]) != NULL && scan_number(text, &value));
}

/* Text that YAML reads back as it is, without quotes, wherever it stands. */
static bool is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!word && strchr("_./+-", *c) == NULL) return false;
    }
    return text[0] != '\0' && strcmp(text, "-") != 0 && strncmp(text, "---", 3) != 0 && strncmp(text, "...", 3) != 0;
}

/* The next code point of UTF-8 text, and its length; 0 if it is none (RFC 3629: no overlong forms, no surrogates). */
static int decode(const unsigned char *s, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (n < 2) {
        *code = s[0];
        return n;
    }
    *code = s[0] & (0x7fU >> n);
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (s[i] & 0x3fU);
    }
    return *code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff) ? 0 : n;
}

/* What YAML 1.1 calls printable, less what it takes for a line break or a byte order mark. */
static bool is_printable(uint32_t code)
{
    if (code < 0xa0) return code >= 0x20 && code < 0x7f;
    return code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe && code != 0xffff;
}

/* In double quotes; false if it is not UTF-8. */
static bool quote(hoop__text *t, const char *text)
{
    uint32_t code;
    int      n;
    hoop__text_adds(t, "\"");
    for (; *text != '\0'; text += n) {
        n = decode((const unsigned char *)text, &code);
        if (n == 0) return false;
        if (code == '"' || code == '\\') {
            hoop__text_addf(t, "\\%c", (char)code);
        } else if (code == '\n') {
            hoop__text_adds(t, "\\n");
        } else if (code == '\t') {
            hoop__text_adds(t, "\\t");
        } else if (!is_printable(code)) {
            hoop__text_addf(t, code < 0x100 ? "\\x%02" PRIx32 : code < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32, code);
        } else {
            hoop__text_add(t, text, (size_t)n);
        }
    }
    hoop__text_adds(t, "\"");
    return true;
}

static hoop_status emit_text(hoop__text *t, const hoop_value *v, const char *text, bool quoted, hoop_error *err)
{
    if (is_plain(text) && !(quoted && hoop__looks_special(text))) {
        hoop__text_adds(t, text);
    } else if (!quote(t, text)) {
        return hoop_value_fail(v, err, "is not UTF-8 text, so it can't be kept in a YAML file");
    }
    return HOOP_OK;
}

hoop_status hoop__emit_flow(hoop__text *t, const hoop_value *v, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    switch (v->kind) {
    case HOOP_VALUE_NULL:
        hoop__text_adds(t, "null");
        return HOOP_OK;
    case HOOP_VALUE_SCALAR:
        return emit_text(t, v, v->text, v->quoted, err);
    case HOOP_VALUE_LIST:
    case HOOP_VALUE_MAP:
        break;
    }
    hoop__text_adds(t, v->kind == HOOP_VALUE_MAP ? "{" : "[");
    for (int i = 0; i < v->count && st == HOOP_OK; i++) {
        if (i > 0) hoop__text_adds(t, ", ");
        if (v->kind == HOOP_VALUE_MAP) {
            st = emit_text(t, v->items[i], v->items[i]->key, false, err);
            hoop__text_adds(t, ": ");
        }
        if (st == HOOP_OK) st = hoop__emit_flow(t, v->items[i], err);
    }
    hoop__text_adds(t, v->kind == HOOP_VALUE_MAP ? "}" : "]");
    return st;
}

static bool has_nested(const hoop_value *v)
{
    for (int i = 0; i < v->count; i++) {
        if (v->items[i]->kind == HOOP_VALUE_LIST || v->items[i]->kind == HOOP_VALUE_MAP) return true;
    }
    return false;
}

hoop_status hoop__emit_block(hoop__text *t, const hoop_value *map, int indent, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < map->count && st == HOOP_OK; i++) {
        const hoop_value *v = map->items[i];
        hoop__text_pad(t, indent);
        st = emit_text(t, v, v->key, false, err);
        if (st != HOOP_OK) break;
        hoop__text_adds(t, ":");
        if (v->kind == HOOP_VALUE_MAP && v->count > 0) {
            hoop__text_adds(t, "\n");
            st = hoop__emit_block(t, v, indent + 2, err);
        } else if (v->kind == HOOP_VALUE_LIST && has_nested(v)) { /* one layer a line */
            hoop__text_adds(t, "\n");
            for (int k = 0; k < v->count && st == HOOP_OK; k++) {
                hoop__text_pad(t, indent + 2);
                hoop__text_adds(t, "- ");
                st = hoop__emit_flow(t, v->items[k], err);
                hoop__text_adds(t, "\n");
            }
        } else {
            hoop__text_adds(t, " ");
            st = hoop__emit_flow(t, v, err);
            hoop__text_adds(t, "\n");
        }
    }
    return st;
}

/* 0x10, 1e1, 10 and 10.0: numbers are compared as doubles, but whole numbers that a double can't hold stand as written. */
static void canonical_scalar(hoop__text *t, const hoop_value *v)
{
    double value;
    char   out[40];
    if (!v->quoted && hoop__looks_special(v->text) && scan_number(v->text, &value)) {
        if (fabs(value) < 0x1p53 || v->text[strspn(v->text, "+-0123456789")] != '\0') {
            for (int digits = 15; digits <= 17; digits++) {
                (void)snprintf(out, sizeof out, "%.*g", digits, value == 0 ? 0.0 : value);
                if (strtod(out, NULL) == value) break;
            }
            hoop__text_adds(t, out);
        } else {
            hoop__text_adds(t, v->text + (v->text[0] == '+'));
        }
    } else if (!v->quoted && (strcasecmp(v->text, "true") == 0 || strcasecmp(v->text, "false") == 0)) {
        hoop__text_adds(t, strcasecmp(v->text, "true") == 0 ? "true" : "false");
    } else {
        (void)quote(t, v->text); /* the tree came from YAML, so it is UTF-8 */
    }
}

void hoop__emit_canonical(hoop__text *t, const hoop_value *v)
{
    if (v->kind == HOOP_VALUE_NULL) {
        hoop__text_adds(t, "null");
    } else if (v->kind == HOOP_VALUE_SCALAR) {
        canonical_scalar(t, v);
    } else if (v->kind == HOOP_VALUE_LIST) {
        hoop__text_adds(t, "[");
        for (int i = 0; i < v->count; i++) {
            if (i > 0) hoop__text_adds(t, ",");
            hoop__emit_canonical(t, v->items[i]);
        }
        hoop__text_adds(t, "]");
    } else {
        const hoop_value *last = NULL;
        hoop__text_adds(t, "{");
        for (int n = 0; n < v->count; n++) { /* in the order of the keys, whatever the order in the file */
            const hoop_value *least = NULL;
            for (int i = 0; i < v->count; i++) {
                const hoop_value *item = v->items[i];
                if (last != NULL && strcmp(item->key, last->key) <= 0) continue;
                if (least == NULL || strcmp(item->key, least->key) < 0) least = item;
            }
            if (n > 0) hoop__text_adds(t, ",");
            (void)quote(t, least->key);
            hoop__text_adds(t, ":");
            hoop__emit_canonical(t, least);
            last = least;
        }
        hoop__text_adds(t, "}");
    }
}
