/** support.h - run hoop in a folder of its own and look at what it said. */
#ifndef HOOP_COMMAND_TEST_H
#define HOOP_COMMAND_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "hoop/status.h"

/** What the last command said; kept until the next. */
typedef struct outcome {
    int  code; /* exit code, or 128 + signal */
    char out[1 << 18], err[1 << 16];
} outcome;
extern outcome last;

/** Enter a fresh folder (group set-up), and remove it with all it holds (tear-down). */
int test_enter(void **state);
int test_leave(void **state);

/** Run "hoop ARGUMENTS" through the shell, in the test's folder. The exit code. */
int hoop(const char *format, ...) HOOP_PRINTF(1, 2);
/** The same on several ranks. */
int hoop_ranks(int ranks, const char *format, ...) HOOP_PRINTF(2, 3);
/** Any command line. */
int shell(const char *format, ...) HOOP_PRINTF(1, 2);

/** It succeeded, with nothing on stderr. */
void expect_quiet_success(const char *file, int line);
/** It failed with this code, said one line on stderr that begins with "hoop" and holds each word (NULL ends them), and nothing
 *  else; a line of argp's ("Try ...") may follow. */
void expect_failure(const char *file, int line, int code, ...);
void expect_in(const char *file, int line, const char *text, const char *word);
#define succeeded() expect_quiet_success(__FILE__, __LINE__)
#define failed(...) expect_failure(__FILE__, __LINE__, __VA_ARGS__, NULL)
#define said(word) expect_in(__FILE__, __LINE__, last.out, word)

/** Standard output as JSON; json_decref it. */
json_t *as_json(void);

char *load(const char *path, int64_t *n); /* free it */
void  store(const char *path, const void *data, int64_t n);
void  flip(const char *path, int64_t offset, unsigned char mask);
bool  exists(const char *path);
/** Entries of a folder, hidden ones too, but . and .. */
int count_files(const char *dir);

#endif
