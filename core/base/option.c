/* core/base/option.c - values of option tables: parse, print, look up, and the nearest word to a misspelt one. */
#include "hoop/option.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"

static void *field(const hoop_option *row, void *base)
{
    return (char *)base + row->offset;
}

static bool allows_auto(const hoop_option *row)
{
    return row->fallback != NULL && strcmp(row->fallback, "auto") == 0;
}

static const char *skip_space(const char *s)
{
    while (isspace((unsigned char)*s)) s++;
    return s;
}

/* Nothing but space from s on. */
static bool at_end(const char *s)
{
    return *skip_space(s) == '\0';
}

/* A limit as it is shown: whole numbers in full. */
static const char *limit(const hoop_option *row, double v, char out[32])
{
    if (row->type != HOOP_OPT_INT && row->type != HOOP_OPT_INTS)
        (void)snprintf(out, 32, "%.15g", v);
    else
        (void)snprintf(out, 32, "%" PRId64, v >= 0x1p63 ? INT64_MAX : v <= -0x1p63 ? -INT64_MAX : (int64_t)v);
    return out;
}

static hoop_status check_range(const hoop_option *row, double value, const char *text, hoop_error *err)
{
    char least[32], most[32];
    if (row->min == 0 && row->max == 0) return HOOP_OK;
    if (value >= row->min && value <= row->max) return HOOP_OK;
    return hoop_fail(err, HOOP_ECONFIG, "%s: %s is out of range, must be %s to %s", row->key, text, limit(row, row->min, least),
                     limit(row, row->max, most));
}

/* One whole number at the start of text; *end is where it stops. */
static hoop_status scan_int(const hoop_option *row, const char *text, int64_t *value, const char **end, hoop_error *err)
{
    char     *stop;
    long long v;
    errno = 0;
    v     = strtoll(text, &stop, 10);
    *end  = stop;
    if (stop == text)
        return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' is not a whole number%s", row->key, text,
                         allows_auto(row) ? " or 'auto'" : "");
    if (errno == ERANGE || v == INT64_MIN) { /* beyond every limit */
        hoop_option wide = *row;
        if (row->min == 0 && row->max == 0) {
            wide.min = -0x1p63;
            wide.max = 0x1p63;
        }
        return check_range(&wide, v < 0 ? -INFINITY : INFINITY, text, err);
    }
    *value = v;
    return HOOP_OK;
}

static hoop_status parse_int(const hoop_option *row, const char *text, int64_t *out, hoop_error *err)
{
    const char *end;
    int64_t     v;
    hoop_status st;
    if (allows_auto(row) && strcmp(text, "auto") == 0) {
        *out = HOOP_OPT_AUTO;
        return HOOP_OK;
    }
    st = scan_int(row, text, &v, &end, err);
    if (st != HOOP_OK) return st;
    if (!at_end(end))
        return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' is not a whole number%s", row->key, text,
                         allows_auto(row) ? " or 'auto'" : "");
    st = check_range(row, (double)v, text, err);
    if (st == HOOP_OK) *out = v;
    return st;
}

static double default_of(const hoop_option *row)
{
    return row->fallback == NULL ? 0.0 : strtod(row->fallback, NULL);
}

static hoop_status parse_float(const hoop_option *row, const char *text, double *out, hoop_error *err)
{
    char       *end;
    double      v;
    hoop_status st;
    /* strtod also takes hexadecimal, inf and nan: not here */
    if (allows_auto(row) && strcmp(text, "auto") == 0) {
        *out = HOOP_OPT_AUTO_FLOAT;
        return HOOP_OK;
    }
    end = NULL;
    v   = *text == '\0' || text[strspn(text, "0123456789+-.eE \t")] != '\0' ? 0.0 : strtod(text, &end);
    if (end == NULL || end == text || !at_end(end))
        return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' is not a number%s", row->key, text, allows_auto(row) ? " or 'auto'" : "");
    if (!isfinite(v)) return hoop_fail(err, HOOP_ECONFIG, "%s: %s is too large", row->key, text);
    st = check_range(row, v, text, err);
    if (st == HOOP_OK) *out = v == 0.0 && default_of(row) != 0.0 ? HOOP_ZERO : v + 0.0; /* never minus zero by chance */
    return st;
}

static hoop_status parse_bool(const hoop_option *row, const char *text, bool *out, hoop_error *err)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' must be true or false", row->key, text);
    *out = text[0] == 't';
    return HOOP_OK;
}

static hoop_status parse_enum(const hoop_option *row, const char *text, int *out, hoop_error *err)
{
    char        names[512] = "";
    size_t      used       = 0;
    int         n          = 0;
    const char *nearest;
    for (; row->choices[n] != NULL; n++) {
        if (strcmp(row->choices[n], text) == 0) {
            *out = n;
            return HOOP_OK;
        }
    }
    for (int i = 0; i < n && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ", row->choices[i]);
    nearest = hoop_nearest(text, row->choices, n);
    if (nearest != NULL)
        return hoop_fail(err, HOOP_ECONFIG, "%s: unknown '%s', did you mean '%s'? (one of %s)", row->key, text, nearest, names);
    return hoop_fail(err, HOOP_ECONFIG, "%s: unknown '%s', must be one of %s", row->key, text, names);
}

static hoop_status parse_string(const hoop_option *row, const char *text, char *out, hoop_error *err)
{
    size_t n = strlen(text);
    if (n >= HOOP_OPT_STRING_MAX)
        return hoop_fail(err, HOOP_ECONFIG, "%s: %zu characters, at most %d fit", row->key, n, HOOP_OPT_STRING_MAX - 1);
    memcpy(out, text, n + 1);
    return HOOP_OK;
}

/* what is neither a lone number, which is a list of one, nor a choice in place of a list */
static hoop_status no_list(const hoop_option *row, const char *text, hoop_error *err)
{
    char words[256] = "";
    for (int i = 0, used = 0; row->choices != NULL && row->choices[i] != NULL && used < (int)sizeof words; i++)
        used += snprintf(words + used, sizeof words - (size_t)used, ", nor '%s'", row->choices[i]);
    return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' is neither a whole number nor a list such as [64, 32]%s", row->key, text,
                     words);
}

static hoop_status parse_lone(const hoop_option *row, const char *text, hoop_ints *out, hoop_error *err)
{
    hoop_ints   one = {.n = 1};
    const char *end = text;
    hoop_status st;
    for (int i = 0; row->choices != NULL && row->choices[i] != NULL; i++) {
        if (strcmp(row->choices[i], text) == 0) {
            *out = (hoop_ints){.n = -1 - i};
            return HOOP_OK;
        }
    }
    if (*text != '\0' && strchr("+-0123456789", *skip_space(text)) == NULL) return no_list(row, text, err);
    st = scan_int(row, text, &one.v[0], &end, err);
    if (st == HOOP_OK && !at_end(end)) st = no_list(row, text, err);
    if (st == HOOP_OK) st = check_range(row, (double)one.v[0], text, err);
    if (st == HOOP_OK) *out = one;
    return st;
}

static hoop_status parse_ints(const hoop_option *row, const char *text, hoop_ints *out, hoop_error *err)
{
    hoop_ints   list = {0};
    const char *s    = skip_space(text);
    hoop_status st;
    if (*s != '[') return parse_lone(row, text, out, err);
    s = skip_space(s + 1);
    while (*s != ']') {
        if (list.n == HOOP_OPT_INTS_MAX)
            return hoop_fail(err, HOOP_ECONFIG, "%s: more than %d numbers", row->key, HOOP_OPT_INTS_MAX);
        st = scan_int(row, s, &list.v[list.n], &s, err);
        if (st == HOOP_OK) st = check_range(row, (double)list.v[list.n], text, err);
        if (st != HOOP_OK) return st;
        list.n++;
        s = skip_space(s);
        if (*s == ',' && *skip_space(s + 1) != ']')
            s = skip_space(s + 1);
        else if (*s != ']')
            return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' is not a list such as [64, 32]", row->key, text);
    }
    if (!at_end(s + 1)) return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' is not a list such as [64, 32]", row->key, text);
    *out = list;
    return HOOP_OK;
}

/* Each number as one of FLOAT is read. */
static hoop_status parse_floats(const hoop_option *row, const char *text, hoop_floats *out, hoop_error *err)
{
    const char *s    = skip_space(text);
    const bool  list = *s == '[';
    hoop_option one  = *row;
    hoop_status st;
    out->n       = 0;
    one.fallback = NULL;
    if (list) s = skip_space(s + 1);
    while (*s != (list ? ']' : '\0')) {
        char   word[64];
        size_t n = strcspn(s, list ? ",] \t\n" : "");
        if (out->n == HOOP_OPT_FLOATS_MAX)
            return hoop_fail(err, HOOP_ECONFIG, "%s: more than %d numbers", row->key, HOOP_OPT_FLOATS_MAX);
        (void)snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), s);
        st = parse_float(&one, word, &out->v[out->n], err);
        if (st != HOOP_OK) return st;
        out->n++;
        s = skip_space(s + n);
        if (*s == ',' && *skip_space(s + 1) != ']')
            s = skip_space(s + 1);
        else if (*s != (list ? ']' : '\0'))
            return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' is not a list such as [1.0, 2.5]", row->key, text);
    }
    if (list && !at_end(s + 1)) return hoop_fail(err, HOOP_ECONFIG, "%s: '%s' is not a list such as [1.0, 2.5]", row->key, text);
    return HOOP_OK;
}

static HOOP_NOINLINE hoop_status parse(const hoop_option *row, const char *text, void *base, hoop_error *err)
{
    switch (row->type) {
    case HOOP_OPT_INT:
        return parse_int(row, text, field(row, base), err);
    case HOOP_OPT_FLOAT:
        return parse_float(row, text, field(row, base), err);
    case HOOP_OPT_BOOL:
        return parse_bool(row, text, field(row, base), err);
    case HOOP_OPT_ENUM:
        return parse_enum(row, text, field(row, base), err);
    case HOOP_OPT_STRING:
        return parse_string(row, text, field(row, base), err);
    case HOOP_OPT_INTS:
        return parse_ints(row, text, field(row, base), err);
    case HOOP_OPT_FLOATS:
        return parse_floats(row, text, field(row, base), err);
    }
    return hoop_fail(err, HOOP_EARG, "%s: unknown option type %d", row->key, (int)row->type);
}

/* Numbers are read and printed with a point, and rounded to nearest, whatever locale and mode the host has set. */
typedef struct host {
    locale_t locale;
    uint64_t mode;
} host;

static host host_leave(void)
{
    return (host){uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)), hoop_fp_enter()}; /* glibc's "C" is no allocation */
}

static void host_return(host h)
{
    hoop_fp_restore(h.mode);
    (void)uselocale(h.locale);
}

hoop_status hoop_option_parse(const hoop_option *row, const char *text, void *base, hoop_error *err)
{
    host        h  = host_leave();
    hoop_status st = parse(row, text, base, err);
    host_return(h);
    return st;
}

static size_t field_size(hoop_option_type type)
{
    switch (type) {
    case HOOP_OPT_INT:
        return sizeof(int64_t);
    case HOOP_OPT_FLOAT:
        return sizeof(double);
    case HOOP_OPT_BOOL:
        return sizeof(bool);
    case HOOP_OPT_ENUM:
        return sizeof(int);
    case HOOP_OPT_STRING:
        return HOOP_OPT_STRING_MAX;
    case HOOP_OPT_INTS:
        return sizeof(hoop_ints);
    case HOOP_OPT_FLOATS:
        return sizeof(hoop_floats);
    }
    return 0;
}

hoop_status hoop_option_defaults(const hoop_option_table *table, void *base)
{
    hoop_status first = HOOP_OK;
    for (int i = 0; i < table->count; i++) {
        const hoop_option *row = &table->rows[i];
        memset(field(row, base), 0, field_size(row->type));
        if (row->fallback != NULL) {
            hoop_status st = hoop_option_parse(row, row->fallback, base, NULL);
            if (first == HOOP_OK) first = st;
        }
    }
    return first;
}

static hoop_status resolve_row(const hoop_option *row, void *base, hoop_error *err)
{
    char    text[32];
    int64_t i;
    double  v;
    int     n = 0;
    switch (row->type) {
    case HOOP_OPT_INT:
        i = *(const int64_t *)field(row, base);
        if (i == HOOP_OPT_AUTO && allows_auto(row)) return HOOP_OK;
        if (i == 0 && row->fallback != NULL) return parse(row, row->fallback, base, err);
        (void)snprintf(text, sizeof text, "%" PRId64, i);
        return check_range(row, (double)i, text, err);
    case HOOP_OPT_FLOAT:
        v = *(const double *)field(row, base);
        if (v == 0.0 && !signbit(v) && row->fallback != NULL) return parse(row, row->fallback, base, err);
        (void)snprintf(text, sizeof text, "%g", v);
        if (isnan(v) && allows_auto(row)) return HOOP_OK;
        if (!isfinite(v)) return hoop_fail(err, HOOP_ECONFIG, "%s: %s is not a number", row->key, text);
        *(double *)field(row, base) = v + 0.0;
        return check_range(row, v, text, err);
    case HOOP_OPT_ENUM:
        while (row->choices[n] != NULL) n++;
        if (*(const int *)field(row, base) >= 0 && *(const int *)field(row, base) < n) return HOOP_OK;
        return hoop_fail(err, HOOP_ECONFIG, "%s: %d is none of its %d choices", row->key, *(const int *)field(row, base), n);
    default:
        return HOOP_OK;
    }
}

hoop_status hoop_option_resolve(const hoop_option_table *table, void *base, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    host        h  = host_leave();
    for (int i = 0; i < table->count && st == HOOP_OK; i++) st = resolve_row(&table->rows[i], base, err);
    host_return(h);
    return st;
}

/* The fewest digits that read back as the same number. */
static void format_float(double v, char *out, size_t size)
{
    v += 0.0; /* an explicit 0 is minus zero */
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, size, "%.*g", digits, v);
        if (strtod(out, NULL) == v) return;
    }
}

static void format_ints(const hoop_option *row, const hoop_ints *list, char *out, size_t size)
{
    size_t used = 0;
    if (list->n < 0) {
        (void)snprintf(out, size, "%s", row->choices[-1 - list->n]);
        return;
    }
    for (int i = 0; i < list->n && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, i == 0 ? "[" : ", ", list->v[i]);
    if (used < size) (void)snprintf(out + used, size - used, "%s", list->n == 0 ? "[]" : "]");
}

static void format_floats(const hoop_floats *list, char *out, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < list->n && used + 32 < size; i++) {
        used += (size_t)snprintf(out + used, size - used, i == 0 ? "[" : ", ");
        format_float(list->v[i], out + used, size - used);
        used += strlen(out + used);
    }
    (void)snprintf(out + used, size - used, "%s", list->n == 0 ? "[]" : "]");
}

static HOOP_NOINLINE void format(const hoop_option *row, const void *base, char *out, size_t size)
{
    const void *at = (const char *)base + row->offset;
    if (size == 0) return;
    out[0] = '\0';
    switch (row->type) {
    case HOOP_OPT_INT:
        if (*(const int64_t *)at == HOOP_OPT_AUTO)
            (void)snprintf(out, size, "auto");
        else
            (void)snprintf(out, size, "%" PRId64, *(const int64_t *)at);
        break;
    case HOOP_OPT_FLOAT:
        if (isnan(*(const double *)at))
            (void)snprintf(out, size, "auto");
        else
            format_float(*(const double *)at, out, size);
        break;
    case HOOP_OPT_BOOL:
        (void)snprintf(out, size, "%s", *(const bool *)at ? "true" : "false");
        break;
    case HOOP_OPT_ENUM:
        (void)snprintf(out, size, "%s", row->choices[*(const int *)at]);
        break;
    case HOOP_OPT_STRING:
        (void)snprintf(out, size, "%s", (const char *)at);
        break;
    case HOOP_OPT_INTS:
        format_ints(row, at, out, size);
        break;
    case HOOP_OPT_FLOATS:
        format_floats(at, out, size);
        break;
    }
}

void hoop_option_format(const hoop_option *row, const void *base, char *out, size_t size)
{
    host h = host_leave();
    format(row, base, out, size);
    host_return(h);
}

const hoop_option *hoop_option_find(const hoop_option_table *table, const char *key)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].key, key) == 0) return &table->rows[i];
    return NULL;
}

enum { WORD_MAX = 63 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap neighbours) that turn a into b; case is not counted. */
static int edit_distance(const char *a, const char *b)
{
    int m = (int)strlen(a), n = (int)strlen(b), d[3][WORD_MAX + 1];
    for (int j = 0; j <= n; j++) d[0][j] = j;
    for (int i = 1; i <= m; i++) {
        int *row = d[i % 3], *above = d[(i + 2) % 3], *above2 = d[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) && cb == tolower((unsigned char)a[i - 2]))
                row[j] = smaller(row[j], above2[j - 2] + 1);
        }
    }
    return d[m % 3][n];
}

const char *hoop_nearest(const char *word, const char *const *words, int count)
{
    const char *best   = NULL;
    size_t      length = strlen(word);
    int         least  = (int)(length + 2) / 3 + 1; /* at most a third of the letters wrong */
    if (length == 0 || length > WORD_MAX) return NULL;
    for (int i = 0; i < count; i++) {
        int d;
        if (strlen(words[i]) > WORD_MAX) continue;
        d = edit_distance(word, words[i]);
        if (d < least && d < (int)length) {
            least = d;
            best  = words[i];
        }
    }
    return best;
}
