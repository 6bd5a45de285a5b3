/** tests/core/tape/tape_test.h - what the tests of the tape share: a runtime, a small model, expectations. */
#ifndef HOOP_TAPE_TEST_H
#define HOOP_TAPE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hoop/ops.h"
#include "hoop/params.h"
#include "hoop/runtime.h"
#include "hoop/tape.h"

extern hoop_runtime *test_rt; /* one thread */

int test_start(void **state);
int test_stop(void **state);

#define test_ok(call)                                                                                                            \
    do {                                                                                                                         \
        hoop_error  why_ = {.status = HOOP_OK};                                                                                  \
        hoop_error *why  = &why_;                                                                                                \
        hoop_status st_  = (call);                                                                                               \
        if (st_ != HOOP_OK) fail_msg("%s: %s: %s", #call, hoop_status_name(st_), why->text);                                     \
    } while (0)

/** The tape's first error is this, and its text holds each of the words (NULL ends them). Clears it. */
void test_tape_failed(hoop_tape *t, hoop_status want, ...);
/** A call failed with this status and its text holds the words. */
void test_failed(hoop_status st, const hoop_error *err, hoop_status want, ...);
/** The tape has no error. */
void test_tape_ok(const hoop_tape *t);

hoop_tape   *test_tape(void);
hoop_tensor *test_vector(hoop_tape *t, int64_t n, const double *values); /* f64 (n); NULL: 1, 2, .. n */
hoop_tensor *test_leaf(hoop_tape *t, int64_t n, const double *values);

/** An MLP over the flat store: 6 -> 5 -> 4, the second weight used under a second name too, one parameter not used. */
typedef struct test_model {
    hoop_params *params;
    hoop_tensor *w1, *b1, *w2, *b2, *unused;
} test_model;
hoop_status test_model_create(test_model *m, void *memory, hoop_error *err);
void        test_model_destroy(test_model *m);
/** Loss of eight samples, with dropout in training mode; poison if anything failed. */
hoop_tensor *test_model_loss(const test_model *m, hoop_tape *t);

#endif
