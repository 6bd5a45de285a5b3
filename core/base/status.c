#include "hoop/status.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
} statuses[HOOP_STATUS_COUNT] = {
#define HOOP_STATUS_ROW(name, text) {"HOOP_" #name, text},
    HOOP_STATUS_LIST(HOOP_STATUS_ROW)
#undef HOOP_STATUS_ROW
};

const char *hoop_status_name(hoop_status status)
{
    return status < HOOP_STATUS_COUNT ? statuses[status].name : "HOOP_?";
}

const char *hoop_status_text(hoop_status status)
{
    return status < HOOP_STATUS_COUNT ? statuses[status].text : "unknown status";
}

/* s behind the n bytes of a text of `size`; what does not fit is left out */
static size_t append(char *text, size_t n, size_t size, const char *s)
{
    size_t bytes = strlen(s), room = size - 1 - n;
    if (bytes > room) bytes = room;
    memcpy(text + n, s, bytes);
    text[n + bytes] = '\0';
    return n + bytes;
}

hoop_status hoop_vfail(hoop_error *err, hoop_status status, const char *before, const char *after, const char *format,
                       va_list args)
{
    locale_t host;
    size_t   at, end;
    if (err == NULL || err->status != HOOP_OK) return status;
    err->status = status;
    host        = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* numbers with a point, wherever the host lives */
    at          = append(err->text, 0, sizeof err->text, before == NULL ? "" : before);
    end         = strlen(after == NULL ? "" : after);
    end         = end < sizeof err->text - at ? sizeof err->text - end : at + 1; /* room is kept for what stands behind */
    (void)vsnprintf(err->text + at, end - at, format, args);
    (void)append(err->text, strlen(err->text), sizeof err->text, after == NULL ? "" : after);
    (void)uselocale(host);
    return status;
}

hoop_status hoop_fail(hoop_error *err, hoop_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)hoop_vfail(err, status, NULL, NULL, format, args);
    va_end(args);
    return status;
}

hoop_status hoop_fail_within(hoop_error *err, const char *format, ...)
{
    hoop_error inner;
    va_list    args;
    size_t     n;
    if (err == NULL || err->status == HOOP_OK) return err == NULL ? HOOP_EARG : HOOP_OK;
    inner       = *err;
    err->status = HOOP_OK;
    va_start(args, format);
    (void)hoop_vfail(err, inner.status, NULL, ": ", format, args);
    va_end(args);
    n = strlen(err->text);
    (void)append(err->text, n, sizeof err->text, inner.text);
    return err->status;
}
