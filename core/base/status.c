#include "hoop/status.h"

#include <locale.h>
#include <stdarg.h>
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

hoop_status hoop_fail(hoop_error *err, hoop_status status, const char *format, ...)
{
    va_list  args;
    locale_t host;
    if (err == NULL || err->status != HOOP_OK) return status;
    err->status = status;
    host        = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* numbers with a point, wherever the host lives */
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    (void)uselocale(host);
    return status;
}

hoop_status hoop_fail_within(hoop_error *err, const char *format, ...)
{
    char    inner[HOOP_ERROR_TEXT];
    va_list args;
    int     n;
    if (err == NULL || err->status == HOOP_OK) return err == NULL ? HOOP_EARG : HOOP_OK;
    memcpy(inner, err->text, sizeof inner);
    va_start(args, format);
    n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n < 0) n = 0;
    if ((size_t)n + 2 < sizeof err->text) {
        size_t room = sizeof err->text - (size_t)n - 3, used = strlen(inner);
        char  *at = err->text + n;
        memcpy(at, ": ", 2);
        memcpy(at + 2, inner, used < room ? used : room);
        at[2 + (used < room ? used : room)] = '\0';
    }
    return err->status;
}
