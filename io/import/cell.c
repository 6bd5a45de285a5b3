#include "import/cell.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tokens/tokens.h"

/* What pandas and R write, and read, for nothing. */
static const char *const spellings[] = {"NaN", "NA",   "N/A",  "null", "None",   "nan",     "-nan",    "n/a",      "#N/A",
                                        "#NA", "NULL", "-NaN", "<NA>", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN", "#N/A N/A"};

/* A product or quotient of two exact doubles is rounded once, as it should be (Clinger, PLDI 1990). */
bool hoop__number_plain(const char *s, double *v)
{
    static const double power[]  = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const bool          negative = *s == '-';
    uint64_t            m        = 0;
    int                 digits = 0, e = 0, given = 0;
    bool                minus;
    if (*s == '-' || *s == '+') s++;
    for (; *s >= '0' && *s <= '9'; s++, digits++) m = 10 * m + (uint64_t)(*s - '0');
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++, digits++, e--) m = 10 * m + (uint64_t)(*s - '0');
    if (digits == 0 || digits > 19 || m > (uint64_t)1 << 53) return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        minus = *s == '-';
        if (*s == '-' || *s == '+') s++;
        if (*s < '0' || *s > '9') return false;
        for (; *s >= '0' && *s <= '9' && given < 1000; s++) given = 10 * given + (*s - '0');
        e += minus ? -given : given;
    }
    if (*s != '\0' || e < -22 || e > 22 || FLT_EVAL_METHOD != 0) return false;
    *v = e < 0 ? (double)m / power[-e] : (double)m * power[e];
    if (negative) *v = -*v;
    return true;
}

static bool is_na(const char *s)
{
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        if (strcmp(s, spellings[i]) == 0) return true;
    return false;
}

hoop_cell hoop__cell(const char *s, locale_t c, double *v)
{
    char *end;
    *v = 0;
    if (hoop__number_plain(s, v)) return HOOP_CELL_NUMBER;
    if (*s == '\0') return HOOP_CELL_EMPTY;
    if (strcasecmp(s, "true") == 0 || strcasecmp(s, "false") == 0) {
        *v = *s == 't' || *s == 'T';
        return HOOP_CELL_BOOL;
    }
    if (is_na(s)) return HOOP_CELL_NA;
    *v = strtod_l(s, &end, c);
    if (end == s || *end != '\0' || isspace((unsigned char)*s)) return HOOP_CELL_WORD;
    return isnan(*v) ? HOOP_CELL_NA : isinf(*v) ? HOOP_CELL_INFINITE : HOOP_CELL_NUMBER;
}

const char *hoop__shown(const char *s, char out[HOOP_SHOWN])
{
    size_t n = 0;
    for (; s[n] != '\0' && n < HOOP_SHOWN - 1; n++) out[n] = (unsigned char)s[n] < ' ' || s[n] == 0x7f ? '?' : s[n];
    if (s[n] != '\0') /* cut: not within a character */
        while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) n--;
    out[n] = '\0';
    return out;
}

int hoop__utf8(const char *text)
{
    int bytes; /* a NUL goes on with no character, so that none behind it is looked at */
    return hoop__character((const unsigned char *)text, 4, &bytes) < 0 ? 0 : bytes;
}
