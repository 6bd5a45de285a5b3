/**
 * hoop/status.h - statuses, and the one shape every error of hoop has.
 *
 * A call that can fail returns a hoop_status and takes a hoop_error * (which may be NULL) that receives the same status
 * with one line of text: what is wrong, where, and what would be right. The library never prints, exits or aborts.
 */
#ifndef HOOP_STATUS_H
#define HOOP_STATUS_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HOOP_API __attribute__((visibility("default")))
#define HOOP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define HOOP_API
#define HOOP_PRINTF(fmt, args)
#endif

/* name, text */
#define HOOP_STATUS_LIST(X)                                                                                                      \
    X(OK, "ok")                                                                                                                  \
    X(EARG, "bad argument")                                                                                                      \
    X(ESHAPE, "shapes do not fit")                                                                                               \
    X(EDTYPE, "wrong dtype")                                                                                                     \
    X(ESIZE, "size overflows")                                                                                                   \
    X(ENOMEM, "out of memory")                                                                                                   \
    X(ERANGE, "index out of range")                                                                                              \
    X(ERELEASED, "storage was released")                                                                                         \
    X(ESTALE, "tensor was changed since it was used")                                                                            \
    X(ENODERIV, "no derivative")                                                                                                 \
    X(ENONFINITE, "not finite")                                                                                                  \
    X(EIO, "input or output failed")                                                                                             \
    X(EFORMAT, "wrong file format")                                                                                              \
    X(ECHECKSUM, "checksum mismatch")                                                                                            \
    X(ECONFIG, "bad configuration")                                                                                              \
    X(ECOMM, "communication failed")                                                                                             \
    X(ETIMEOUT, "deadline passed")                                                                                               \
    X(EDESYNC, "ranks disagree")                                                                                                 \
    X(EPEER, "another rank failed")                                                                                              \
    X(ESTATE, "call out of order")                                                                                               \
    X(EBUSY, "in use by another run")                                                                                            \
    X(EINTERRUPTED, "interrupted")

typedef enum hoop_status {
#define HOOP_STATUS_ENUM(name, text) HOOP_##name,
    HOOP_STATUS_LIST(HOOP_STATUS_ENUM)
#undef HOOP_STATUS_ENUM
        HOOP_STATUS_COUNT
} hoop_status;

enum { HOOP_ERROR_TEXT = 1024 };

typedef struct hoop_error {
    hoop_status status;
    char        text[HOOP_ERROR_TEXT];
} hoop_error;

/** "HOOP_ESHAPE"; never NULL. Calls: Local. */
HOOP_API const char *hoop_status_name(hoop_status status);
/** "shapes do not fit"; never NULL. Calls: Local. */
HOOP_API const char *hoop_status_text(hoop_status status);
/** Fill *err (if not NULL) unless it already holds an error - the first one is kept - and return status. Calls: Local. */
HOOP_API hoop_status hoop_fail(hoop_error *err, hoop_status status, const char *format, ...) HOOP_PRINTF(3, 4);
/** As hoop_fail, for functions that take a format themselves; `before` and `after` (may be NULL) stand around the text, which is
 * cut where all three are too long. Calls: Local. */
HOOP_API hoop_status hoop_vfail(hoop_error *err, hoop_status status, const char *before, const char *after, const char *format,
                                va_list args) HOOP_PRINTF(5, 0);
/** Put "text: " before the text of *err (if not NULL and holding an error), and return its status. Calls: Local. */
HOOP_API hoop_status hoop_fail_within(hoop_error *err, const char *format, ...) HOOP_PRINTF(2, 3);

/** `HOOP_TRY(st, done, call)`: st = call; on failure goto done, the function's one exit. */
#define HOOP_TRY(st, label, call)                                                                                                \
    do {                                                                                                                         \
        (st) = (call);                                                                                                           \
        if ((st) != HOOP_OK) goto label;                                                                                         \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
