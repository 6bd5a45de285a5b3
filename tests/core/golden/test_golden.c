/* Values, gradients and second derivatives against PyTorch's (golden.h, written by make_golden.py), in f64 and f32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hoop/ops.h"
#include "hoop/runtime.h"

enum { MOST_INPUTS = 5, MOST_ELEMENTS = 256 };

typedef struct golden_input {
    int            ndim;
    int64_t        shape[HOOP_MAX_DIMS];
    const double  *f64;
    const int64_t *i64;
    const double  *grad;
} golden_input;

typedef struct golden_case {
    const char   *name;
    int           nin;
    golden_input  in[MOST_INPUTS];
    int           out_ndim;
    int64_t       out_shape[HOOP_MAX_DIMS];
    const double *out, *w, *second;
} golden_case;

#include "golden.h"

enum { CASES = sizeof golden / sizeof golden[0] };

typedef hoop_tensor *run_fn(hoop_tape *t, hoop_tensor **x);

#define RUN(name, expression)                                                                                                    \
    static hoop_tensor *run_##name(hoop_tape *t, hoop_tensor **x)                                                                \
    {                                                                                                                            \
        return expression;                                                                                                       \
    }
RUN(add, hoop_add(t, x[0], x[1]))
RUN(sub, hoop_sub(t, x[0], x[1]))
RUN(mul, hoop_mul(t, x[0], x[1]))
RUN(div, hoop_div(t, x[0], x[1]))
RUN(neg, hoop_neg(t, x[0]))
RUN(scale, hoop_scale(t, x[0], 3.5))
RUN(shift, hoop_shift(t, x[0], 0.7))
RUN(reciprocal, hoop_reciprocal(t, x[0]))
RUN(exp, hoop_exp(t, x[0]))
RUN(log, hoop_log(t, x[0]))
RUN(sqrt, hoop_sqrt(t, x[0]))
RUN(erf, hoop_erf(t, x[0]))
RUN(tanh, hoop_tanh(t, x[0]))
RUN(sigmoid, hoop_sigmoid(t, x[0]))
RUN(relu, hoop_relu(t, x[0]))
RUN(gelu_erf, hoop_gelu(t, x[0], HOOP_GELU_ERF))
RUN(gelu_tanh, hoop_gelu(t, x[0], HOOP_GELU_TANH))
RUN(sum_outer_kept, hoop_sum(t, x[0], 5, true))
RUN(mean_middle, hoop_mean(t, x[0], 2, false))
RUN(max_ties, hoop_max(t, x[0], 2, false))
RUN(max_all, hoop_max(t, x[0], HOOP_ALL_DIMS, false))
RUN(reshape, hoop_reshape(t, x[0], 2, (int64_t[]){4, -1}))
RUN(transpose, hoop_transpose(t, x[0], 0, 2))
RUN(expand, hoop_expand(t, x[0], 3, (int64_t[]){2, 3, 4}))
RUN(slice, hoop_slice(t, x[0], 1, 1, 2))
RUN(unslice, hoop_unslice(t, x[0], 1, 2, 5))
static hoop_tensor *split_parts(hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *part[3], *product, *rest;
    hoop_split(t, x, 1, 3, (int64_t[]){2, 1, 3}, part);
    product = hoop_mul(t, part[0], part[1]);
    rest    = hoop_slice(t, part[2], 1, 1, 2);
    return hoop_add(t, product, rest);
}
RUN(split, split_parts(t, x[0]))
RUN(concat, hoop_concat(t, x, 3, 1))
RUN(matmul, hoop_matmul(t, x[0], x[1]))
RUN(matmul_broadcast, hoop_matmul(t, x[0], x[1]))
RUN(linear, hoop_linear(t, x[0], x[1], x[2]))
RUN(linear_vector, hoop_linear(t, x[0], x[1], x[2]))
RUN(softmax, hoop_softmax(t, x[0]))
RUN(log_softmax, hoop_log_softmax(t, x[0]))
RUN(cross_entropy, hoop_cross_entropy(t, x[0], x[1]))
RUN(mse, hoop_mse(t, x[0], x[1]))
RUN(embedding, hoop_embedding(t, x[0], x[1]))
static hoop_tensor *run_mlp(hoop_tape *t, hoop_tensor **x)
{
    hoop_tensor *h = hoop_linear(t, x[0], x[1], x[2]), *g = hoop_gelu(t, h, HOOP_GELU_ERF),
                *logits = hoop_linear(t, g, x[3], NULL);
    return hoop_cross_entropy(t, logits, x[4]);
}
static hoop_tensor *run_attention(hoop_tape *t, hoop_tensor **x)
{
    hoop_tensor *kt = hoop_transpose(t, x[1], 1, 2), *score = hoop_matmul(t, x[0], kt), *scaled = hoop_scale(t, score, 0.5);
    hoop_tensor *p = hoop_softmax(t, scaled);
    return hoop_matmul(t, p, x[2]);
}

#define ROW(name)                                                                                                                \
    {                                                                                                                            \
#name, run_##name                                                                                                        \
    }
static const struct row {
    const char *name;
    run_fn     *run;
} rows[] = {ROW(add),
            ROW(sub),
            ROW(mul),
            ROW(div),
            ROW(neg),
            ROW(scale),
            ROW(shift),
            ROW(reciprocal),
            ROW(exp),
            ROW(log),
            ROW(sqrt),
            ROW(erf),
            ROW(tanh),
            ROW(sigmoid),
            ROW(relu),
            ROW(gelu_erf),
            ROW(gelu_tanh),
            ROW(sum_outer_kept),
            ROW(mean_middle),
            ROW(max_ties),
            ROW(max_all),
            ROW(reshape),
            ROW(transpose),
            ROW(expand),
            ROW(slice),
            ROW(unslice),
            ROW(concat),
            ROW(matmul),
            ROW(matmul_broadcast),
            ROW(linear),
            ROW(linear_vector),
            ROW(softmax),
            ROW(log_softmax),
            ROW(cross_entropy),
            ROW(mse),
            ROW(embedding),
            ROW(mlp),
            ROW(attention),
            ROW(split)};
_Static_assert(sizeof rows / sizeof rows[0] == CASES, "a row for each case of golden.h");

static hoop_runtime *rt;
static hoop_tape    *tape;

static int start(void **state)
{
    (void)state;
    return hoop_runtime_create(NULL, NULL, &rt) == HOOP_OK && hoop_tape_create(rt, NULL, &tape) == HOOP_OK ? 0 : -1;
}
static int stop(void **state)
{
    (void)state;
    hoop_tape_destroy(&tape);
    hoop_runtime_destroy(&rt);
    return 0;
}

static hoop_tensor *tensor_of(hoop_dtype dtype, int ndim, const int64_t *shape, const double *v)
{
    float   f[MOST_ELEMENTS];
    int64_t n = 1;
    for (int d = 0; d < ndim; d++) n *= shape[d];
    assert_true(n <= MOST_ELEMENTS);
    if (dtype == HOOP_F64) return hoop_tape_tensor(tape, dtype, ndim, shape, v);
    for (int64_t i = 0; i < n; i++) f[i] = (float)v[i];
    return hoop_tape_tensor(tape, dtype, ndim, shape, f);
}

/* sums of at most 60 terms, of the size of the largest element */
static void close_to(const char *name, const char *what, hoop_dtype dtype, const hoop_tensor *x, const double *want)
{
    double  got[MOST_ELEMENTS], largest = 1.0;
    float   single[MOST_ELEMENTS];
    int64_t n   = hoop_tensor_numel(x);
    double  eps = dtype == HOOP_F64 ? 0x1p-52 : 0x1p-23;
    if (hoop_tape_error(tape)->status != HOOP_OK) fail_msg("%s, %s: %s", name, what, hoop_tape_error(tape)->text);
    assert_true(n <= MOST_ELEMENTS);
    assert_int_equal(hoop_tensor_read(x, dtype == HOOP_F64 ? (void *)got : (void *)single, NULL), HOOP_OK);
    for (int64_t i = 0; i < n && dtype == HOOP_F32; i++) got[i] = (double)single[i];
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(want[i]));
    for (int64_t i = 0; i < n; i++) {
        if (fabs(got[i] - want[i]) > 100.0 * eps * largest) {
            fail_msg("%s of %s (%s): element %lld is %.17g, PyTorch has %.17g", what, name, hoop_dtype_name(dtype), (long long)i,
                     got[i], want[i]);
        }
    }
}

static void compare(const golden_case *c, run_fn *run, hoop_dtype dtype)
{
    hoop_tensor *x[MOST_INPUTS], *leaf[MOST_INPUTS], *dx[MOST_INPUTS], *y, *w, *loss, *square, *second;
    char         what[32];
    int          n = 0, k = 0;
    assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_OK);
    for (int i = 0; i < c->nin; i++) {
        const golden_input *in = &c->in[i];
        if (in->i64 != NULL) {
            x[i] = hoop_tape_tensor(tape, HOOP_I64, in->ndim, in->shape, in->i64);
            continue;
        }
        x[i] = tensor_of(dtype, in->ndim, in->shape, in->f64);
        x[i] = leaf[n++] = hoop_tape_watch(tape, x[i]);
    }
    y = run(tape, x);
    assert_int_equal(hoop_tensor_ndim(y), c->out_ndim);
    for (int d = 0; d < c->out_ndim; d++) assert_int_equal(hoop_tensor_size(y, d), c->out_shape[d]);
    close_to(c->name, "value", dtype, y, c->out);
    w    = tensor_of(dtype, c->out_ndim, c->out_shape, c->w);
    loss = hoop_mul(tape, y, w);
    loss = hoop_sum(tape, loss, HOOP_ALL_DIMS, false);
    (void)hoop_grad(tape, loss, leaf, n, HOOP_CREATE_GRAPH, NULL, dx);
    for (int i = 0; i < c->nin; i++) {
        if (c->in[i].grad == NULL) continue;
        (void)snprintf(what, sizeof what, "gradient %d", i);
        close_to(c->name, what, dtype, dx[k++], c->in[i].grad);
    }
    square = hoop_mul(tape, dx[0], dx[0]);
    square = hoop_sum(tape, square, HOOP_ALL_DIMS, false);
    if (hoop_grad(tape, square, leaf, 1, 0, NULL, &second) == HOOP_EARG) { /* linear in x: nothing depends on it */
        assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_EARG);
        second = hoop_fill(tape, dtype, c->in[0].ndim, c->in[0].shape, 0.0);
    }
    close_to(c->name, "second derivative", dtype, second, c->second);
}

static void agrees(void **state)
{
    const struct row *row = *state;
    for (int i = 0; i < CASES; i++) {
        if (strcmp(golden[i].name, row->name) != 0) continue;
        compare(&golden[i], row->run, HOOP_F64);
        compare(&golden[i], row->run, HOOP_F32);
        return;
    }
    fail_msg("%s is not in golden.h", row->name);
}

int main(void)
{
    struct CMUnitTest tests[CASES];
    for (int i = 0; i < CASES; i++) tests[i] = (struct CMUnitTest){rows[i].name, agrees, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return _cmocka_run_group_tests("golden", tests, CASES, start, stop);
}
