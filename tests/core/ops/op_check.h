/**
 * tests/core/ops/op_check.h - what is checked of every op, one function an aspect.
 *
 * A trial is one case of one op with its inputs: keyed random numbers, rounded to f32 so that both dtypes see the same
 * values. Checks fail the running cmocka test with the op, the case and the place. Their memory is on a list that test_tidy
 * frees, failed or not; blocks are as long as their contents, so that AddressSanitizer sees every overrun.
 */
#ifndef HOOP_OP_CHECK_H
#define HOOP_OP_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hoop/op.h"
#include "hoop/ops.h"
#include "hoop/runtime.h"

enum { TRIAL_ALL_DIMS, TRIAL_FIRST_DIM, TRIAL_LAST_DIM };

typedef struct trial_input {
    hoop_view  v; /* contiguous f64 or i64, as references want it */
    int64_t    numel;
    bool       is_float;
    hoop_dtype dtype; /* of the op's call: that asked for, where the case says none */
    bool       fixed; /* the case says one */
} trial_input;

typedef struct trial {
    const hoop_op   *op;
    const hoop_case *c;
    int              index, nin, nfloat, nout;
    int              dims; /* those whose sizes are taken `times` as large as the case says */
    int64_t          times;
    trial_input      in[HOOP_MAX_IN];
    const hoop_view *views[HOOP_MAX_IN];
    hoop_view        out[HOOP_MAX_OUT]; /* of the reference, contiguous; filled by trial_reference */
    int64_t          out_numel[HOOP_MAX_OUT];
    double           span;  /* size of what is summed: the largest product of two inputs, or output */
    int64_t          terms; /* the longest dim of any input */
    char             where[160];
} trial;

/** The runtimes of the group: by instruction set (those that work here; [0] the best), and the best with two and three threads.
 */
typedef struct test_runtimes {
    hoop_runtime *isa[3], *two_threads, *three_threads;
    int           nisa;
} test_runtimes;
extern test_runtimes test_rt;

int      test_start(void **state); /* group set-up and tear-down */
int      test_stop(void **state);
int      test_tidy(void **state);    /* tear-down of a test */
void    *test_memory(int64_t bytes); /* 64-aligned, freed by test_tidy */
void    *test_mark(void);            /* test_rewind(test_mark()) frees what was taken in between */
void     test_rewind(const void *mark);
double   test_uniform(uint64_t stream, uint64_t i, double low, double high);
hoop_key test_key(uint64_t stream); /* for many: test_drawn(key, i, ..) is test_uniform(stream, i, ..) */
double   test_drawn(hoop_key key, uint64_t i, double low, double high);

/** Inputs of case `index`, and the outputs' shapes and reference values where the case is expected to work. */
void trial_make(trial *tr, const hoop_op *op, int index);
/** Case `index` with larger inputs, the largest of at least numel elements, and no reference: sizes of all dims, or of the first
 * of each input, or the last, times as much. False: it has no dim to grow, or the attributes go with no such shape. */
bool trial_grow(trial *tr, const hoop_op *op, int index, int64_t numel);
void trial_reference(trial *tr); /* outputs of the reference for the inputs as they are now */
/** What an element may be off by in dtype, where values of `size` are summed. */
double trial_tolerance(const trial *tr, hoop_dtype dtype, double size);
/** The dtype of input i where floats are `dtype`. */
hoop_dtype trial_dtype(const trial *tr, int i, hoop_dtype dtype);
/** n numbers of a trial's input, f64 or i64, in another dtype of their kind: as they are where that is theirs. */
void *trial_numbers(const void *from, int64_t n, hoop_dtype dtype);
/** The shape rule for inputs of the case's own dtypes; out gets dtypes and shapes. */
hoop_status trial_shape(const trial *tr, hoop_view *out, hoop_error *err);
/** Input i as a tensor on a tape, floats in dtype. */
hoop_tensor *trial_tensor(const trial *tr, hoop_tape *t, int i, hoop_dtype dtype);
/** Weights of output 0 in [0.5, 1.5] with either sign, rounded to f32. */
double *trial_weights(const trial *tr, uint64_t stream);
/** sum(y * w) for weights given in f64. */
hoop_tensor *weighted_sum(hoop_tape *t, hoop_tensor *y, const double *w);
/** A tensor of any dtype as doubles, in row-major order; output j of the reference. */
double *as_doubles(const trial *tr, const hoop_tensor *x);
double *reference_doubles(const trial *tr, int j);
void    same_within(const trial *tr, const char *what, int64_t n, const double *got, const double *want, double tolerance);
void    on_tape(const trial *tr, hoop_tape *t, const char *what); /* fails with the tape's error, if there is one */

hoop_tape *test_tape(hoop_runtime *rt); /* destroyed by test_tidy */

/** Outputs of the call of a trial, then the gradients of all its inputs, as they lie in memory. */
unsigned char *trial_bits(hoop_runtime *rt, const trial *tr, hoop_dtype dtype, int64_t *bytes);

/* the aspects; each takes the op as cmocka's initial state */
void check_complete(void **state);
void check_value(void **state);
void check_guards(void **state);
void check_errors(void **state);
void check_refusals(void **state);
void check_determinism(void **state);
void check_threads(void **state);
void check_gradient(void **state);
void check_accumulation(void **state);
void check_layouts(void **state);
void check_release(void **state);
void check_second(void **state);
void check_rows(void **state);
void check_leaves(void **state);

#endif
