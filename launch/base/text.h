/** base/text.h - a string that grows. A failed allocation sticks: later appends do nothing and take() reports it. */
#ifndef HOOP_LAUNCH_TEXT_H
#define HOOP_LAUNCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "hoop/status.h"

typedef struct hoop__text {
    char  *data; /* NUL-terminated, or NULL while empty */
    size_t size; /* without the NUL */
    size_t room;
    bool   failed;
} hoop__text;

void hoop__text_add(hoop__text *t, const char *data, size_t size);
void hoop__text_adds(hoop__text *t, const char *s);
void hoop__text_addf(hoop__text *t, const char *format, ...) HOOP_PRINTF(2, 3);
/** Append `n` spaces. */
void hoop__text_pad(hoop__text *t, int n);
/** `s` as one line for a terminal: control characters as \n, \t, \x1b, the rest as it is; cut to `size`. Returns out. */
const char *hoop__text_printable(const char *s, char *out, size_t size);
/** Hand over the string (free() it; never NULL on success), or HOOP_ENOMEM; *t is empty afterwards. */
hoop_status hoop__text_take(hoop__text *t, hoop_error *err, char **out);
void        hoop__text_clear(hoop__text *t);

#endif
