/*
 * Preloaded under AddressSanitizer, so that lsan.supp, which goes by library, can tell what Open MPI leaks from our own leaks.
 * Libraries stay loaded to the end: Open MPI unloads its plugins in MPI_Finalize, and their leaks would have no name then. And
 * formatting into new memory, which Open MPI does a lot, is done here, with frame pointers: through glibc's, which has none, the
 * leak checker does not find who called.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define VISIBLE __attribute__((visibility("default"), noinline))
#define PRINTF(at, first) __attribute__((format(printf, at, first)))

int dlclose(void *handle);
int vasprintf(char **out, const char *format, va_list args) PRINTF(2, 0);
int asprintf(char **out, const char *format, ...) PRINTF(2, 3);
int __vasprintf_chk(char **out, int flag, const char *format, va_list args) PRINTF(3, 0);
int __asprintf_chk(char **out, int flag, const char *format, ...) PRINTF(3, 4);

VISIBLE int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

static PRINTF(2, 0) int format_new(char **out, const char *format, va_list args)
{
    va_list again;
    int     n;
    va_copy(again, args);
    n    = vsnprintf(NULL, 0, format, again);
    *out = n < 0 ? NULL : malloc((size_t)n + 1);
    va_end(again);
    if (*out == NULL) return -1;
    (void)vsnprintf(*out, (size_t)n + 1, format, args);
    return n;
}

VISIBLE int vasprintf(char **out, const char *format, va_list args)
{
    return format_new(out, format, args);
}

VISIBLE int __vasprintf_chk(char **out, int flag, const char *format, va_list args)
{
    (void)flag;
    return format_new(out, format, args);
}

#define WITH_ARGUMENTS(...)                                                                                                      \
    va_list args;                                                                                                                \
    int     n;                                                                                                                   \
    va_start(args, format);                                                                                                      \
    n = format_new(__VA_ARGS__, format, args);                                                                                   \
    va_end(args);                                                                                                                \
    return n

VISIBLE int asprintf(char **out, const char *format, ...)
{
    WITH_ARGUMENTS(out);
}

VISIBLE int __asprintf_chk(char **out, int flag, const char *format, ...)
{
    (void)flag;
    WITH_ARGUMENTS(out);
}
