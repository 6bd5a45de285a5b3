/** support.h - what the tests of launch/config and launch/base share. */
#ifndef HOOP_TEST_SUPPORT_H
#define HOOP_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hoop/status.h"

/* A call that must succeed, with its error in the test's output; and one that must fail with a text. */
#define assert_ok(call)                                                                                                          \
    do {                                                                                                                         \
        hoop_error err = {0};                                                                                                    \
        if ((call) != HOOP_OK) fail_msg("%s: %s", hoop_status_name(err.status), err.text);                                       \
    } while (0)
#define assert_fails(wanted, words, call)                                                                                        \
    do {                                                                                                                         \
        hoop_error err = {0};                                                                                                    \
        assert_int_equal(call, wanted);                                                                                          \
        if (strstr(err.text, words) == NULL) fail_msg("error is '%s', it should have '%s'", err.text, words);                    \
    } while (0)

/* A folder of its own; removed by leave_folder with what is in it. */
static inline void enter_folder(char path[256])
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(path, 256, "%s/hoop-test-XXXXXX", tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
    if (mkdtemp(path) == NULL) fail_msg("can't make %s", path);
}

static inline void leave_folder(const char *path)
{
    char command[300];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0) fail_msg("can't remove %s", path);
}

static inline char *read_all(const char *path, size_t *size)
{
    FILE  *file = fopen(path, "rb");
    char  *text = malloc(1 << 20);
    size_t n;
    if (file == NULL || text == NULL) fail_msg("can't read %s", path);
    n       = fread(text, 1, (1 << 20) - 1, file);
    text[n] = '\0';
    (void)fclose(file);
    if (size != NULL) *size = n;
    return text;
}

static inline void write_all(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) fail_msg("can't write %s", path);
}

#endif
