/**
 * tests/core/golden/golden.h - what PyTorch computes, read from the .golden files (golden.py says what stands in them).
 *
 * Of a family F a script F.py writes F.golden. Its cases name rows of the tables (ops, modules, losses, metrics), or functions in
 * calls_F.c where the row of an op is not what people call: golden_calls_F lists these.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hoop/op.h"
#include "hoop/ops.h"

enum { GOLDEN_OPTIONS = 16, GOLDEN_TENSORS = 64, GOLDEN_INPUTS = 16, GOLDEN_WORD = 96 };

typedef enum golden_kind { GOLDEN_CASE, GOLDEN_LAYER, GOLDEN_LOSS, GOLDEN_METRIC } golden_kind;

/** `word` says what it is: input, output, grad (of an input by number, or of a parameter by name), second, param, buffer, after.
 */
typedef struct golden_tensor {
    char       word[GOLDEN_WORD], name[GOLDEN_WORD];
    hoop_dtype dtype;
    int        ndim;
    int64_t    shape[HOOP_MAX_DIMS], numel;
    double    *v;
} golden_tensor;

typedef struct golden_option {
    char key[GOLDEN_WORD], value[256];
} golden_option;

typedef struct golden_case {
    golden_kind   kind;
    char          name[GOLDEN_WORD], where[2 * GOLDEN_WORD]; /* where: FILE:LINE NAME */
    bool          training;
    int           noptions, ntensors;
    golden_option option[GOLDEN_OPTIONS];
    golden_tensor tensor[GOLDEN_TENSORS];
} golden_case;

typedef struct golden_file golden_file;

/** The file of a family; fails the test where it cannot be read. */
golden_file *golden_open(const char *family);
/** The next case, valid until the one after; NULL: there is none. */
const golden_case *golden_next(golden_file *f);
void               golden_close(golden_file *f);

/** Tensor i of a word; NULL: none. */
const golden_tensor *golden_find(const golden_case *c, const char *word, int i);
int                  golden_count(const golden_case *c, const char *word);
/** Options: element i of a number or list, or what stands in its place. */
const char *golden_word(const golden_case *c, const char *key, const char *fallback);
int64_t     golden_int(const golden_case *c, const char *key, int i, int64_t fallback);
double      golden_float(const golden_case *c, const char *key, double fallback);
int         golden_ints(const golden_case *c, const char *key, int most, int64_t *out); /* how many there are */

/** Attributes of a row from the options, by its fields; the caller frees them. */
char *golden_attrs(const golden_case *c, const hoop_op *op);

/** x, or with option `last` of benchmarks, where it is an image (N, S.., C), as (N, C, S..); y, with it, the other way round. */
hoop_tensor *golden_image(hoop_tape *t, const golden_case *c, hoop_tensor *x);
hoop_tensor *golden_back(hoop_tape *t, const golden_case *c, hoop_tensor *y);

/** A call for the inputs x[] of a case; more outputs than the one returned go to out[1], ... (GOLDEN_INPUTS of them are there).
 */
typedef struct golden_call {
    const char *name;
    hoop_tensor *(*run)(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out);
} golden_call;

#endif
