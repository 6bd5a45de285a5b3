/** tests/io/io_test.h - what the tests of io share: a temporary folder, files, HDF5 files of any kind, expectations. */
#ifndef HOOP_IO_TEST_H
#define HOOP_IO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hdf5.h>

#include "hoop/dataset.h"
#include "hoop/status.h"

/** Enter a fresh folder in $TMPDIR (group set-up), and remove it with all it holds (tear-down). */
int test_enter(void **state);
int test_leave(void **state);
/** rm -rf, relative to that folder. */
void test_remove(const char *path);

char *test_load(const char *path, int64_t *n); /* free it */
void  test_store(const char *path, const void *data, int64_t n);
void  test_flip(const char *path, int64_t offset, unsigned char mask);
bool  test_exists(const char *path);
/** Files (not folders) under a path, hidden ones too. */
int test_count(const char *dir);

/** Make a folder and mount a tmpfs on it: umount() it. Who is not root does it in a user namespace of this process's own. Where
 * that is refused too: false, and a line that says so. */
bool test_small_disk(const char *dir, const char *options);

/** One dataset of a file; `type` the type in the file, `memory` that of data. chunk 0: contiguous. */
void test_h5_add(const char *path, bool create, const char *name, hid_t type, hid_t memory, int ndim, const hsize_t *shape,
                 const void *data, hsize_t chunk, int deflate);
void test_h5_attr_f64(const char *path, const char *dataset, const char *name, double value);
void test_h5_attr_i64(const char *path, const char *dataset, const char *name, int64_t value);

/** The call failed with this status, and its one line holds each of the words (NULL ends them). */
void test_failed(hoop_status st, const hoop_error *err, hoop_status want, ...);
#define test_ok(call)                                                                                                            \
    do {                                                                                                                         \
        hoop_status test_ok_st = (call);                                                                                         \
        if (test_ok_st != HOOP_OK) fail_msg("%s: %s: %s", #call, hoop_status_name(test_ok_st), err.text);                        \
    } while (0)

/** The dataset, which must open; that it cannot be opened, with both words in the error. */
hoop_dataset *test_open_set(const char *spec, const hoop_dataset_opts *o);
void          test_cannot_open(const char *spec, const hoop_dataset_opts *o, hoop_status want, const char *a, const char *b);

/** A stream of pseudo-random numbers for tests. */
uint64_t test_random(uint64_t *state);

#endif
