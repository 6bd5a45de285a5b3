#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(hoop__text *t, size_t more)
{
    if (t->failed) return false;
    if (more >= SIZE_MAX / 2 - t->size) {
        t->failed = true;
        return false;
    }
    if (t->size + more + 1 > t->room) {
        size_t room = t->room < 64 ? 64 : t->room;
        while (room < t->size + more + 1) room *= 2;
        char *data = realloc(t->data, room);
        if (data == NULL) {
            t->failed = true;
            return false;
        }
        t->data = data;
        t->room = room;
    }
    return true;
}

void hoop__text_add(hoop__text *t, const char *data, size_t size)
{
    if (!make_room(t, size)) return;
    if (size > 0) memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = '\0';
}

void hoop__text_adds(hoop__text *t, const char *s)
{
    hoop__text_add(t, s, strlen(s));
}

void hoop__text_addf(hoop__text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n < 0) t->failed = true;
    if (n >= 0 && make_room(t, (size_t)n)) {
        (void)vsnprintf(t->data + t->size, (size_t)n + 1, format, again);
        t->size += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void hoop__text_pad(hoop__text *t, int n)
{
    for (; n > 0; n--) hoop__text_add(t, " ", 1);
}

/* Controls of UTF-8 beyond ASCII are C2 80 to C2 9F. */
const char *hoop__text_printable(const char *s, char *out, size_t size)
{
    static const char plain[] = "\t\n\r", letters[] = "tnr";
    size_t            at   = 0;
    int               rest = 0; /* bytes of such a control */
    for (; *s != '\0' && at + 5 <= size; s++) {
        unsigned char c = (unsigned char)*s, next = (unsigned char)s[1];
        const char   *known = strchr(plain, c);
        if (c == 0xc2 && next >= 0x80 && next < 0xa0) rest = 2;
        if (known != NULL)
            at += (size_t)snprintf(out + at, size - at, "\\%c", letters[known - plain]);
        else if (c < ' ' || c == 0x7f || rest > 0)
            at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
        else
            out[at++] = *s;
        rest -= rest > 0;
    }
    out[at] = '\0';
    return out;
}

hoop_status hoop__text_take(hoop__text *t, hoop_error *err, char **out)
{
    hoop__text_add(t, "", 0);
    if (t->failed) {
        hoop__text_clear(t);
        return hoop_fail(err, HOOP_ENOMEM, "out of memory for a text");
    }
    *out = t->data;
    *t   = (hoop__text){0};
    return HOOP_OK;
}

void hoop__text_clear(hoop__text *t)
{
    free(t->data);
    *t = (hoop__text){0};
}
