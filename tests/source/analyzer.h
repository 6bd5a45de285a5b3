/*
 * Included before each source that clang-tidy reads (see `tidy`): the analyser sees one file at a time and would else believe
 * that a call which fails can return HOOP_OK, and follow paths that do not exist.
 */
#include "hoop/status.h"

#define hoop_fail(err, status, ...) ((void)(hoop_fail)(err, status, __VA_ARGS__), (status))
#define hoop_fail_within(err, ...)                                                                                               \
    __extension__({                                                                                                              \
        hoop_status hoop__failed = (hoop_fail_within)(err, __VA_ARGS__);                                                         \
        if (hoop__failed == HOOP_OK) __builtin_unreachable();                                                                    \
        hoop__failed;                                                                                                            \
    })
