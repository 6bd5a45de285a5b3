/**
 * tests/core/tape/alloc_hooks.h - every allocation of hoop's objects, counted and made to fail.
 *
 * The program is linked with --wrap for malloc and its like, which puts these functions before all calls from hoop's own
 * objects (and the test's). Without sanitizers, those of all other libraries in the process are counted as well.
 */
#ifndef HOOP_ALLOC_HOOKS_H
#define HOOP_ALLOC_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

int64_t alloc_calls(void);                    /* from hoop's objects so far */
int64_t alloc_calls_anywhere(void);           /* of the process; without sanitizers, else as above */
void alloc_fail(int64_t nth, bool all_later); /* the nth call from now (0: the next) gives NULL, once or ever after; -1: none */
bool alloc_failed(void);                      /* did one since alloc_fail? */

#endif
