#include "tape_test.h"

#include <string.h>

hoop_runtime *test_rt;

int test_start(void **state)
{
    (void)state;
    return hoop_runtime_create(NULL, NULL, &test_rt) == HOOP_OK ? 0 : -1;
}

int test_stop(void **state)
{
    (void)state;
    hoop_runtime_destroy(&test_rt);
    return 0;
}

static void words_in(const char *text, va_list words)
{
    const char *w;
    while ((w = va_arg(words, const char *)) != NULL) {
        if (strstr(text, w) == NULL) fail_msg("'%s' is not in the error: %s", w, text);
    }
    if (strchr(text, '\n') != NULL) fail_msg("more than one line: %s", text);
}

void test_tape_failed(hoop_tape *t, hoop_status want, ...)
{
    const hoop_error *e = hoop_tape_error(t);
    va_list           words;
    if (e->status != want)
        fail_msg("the tape has %s (%s), and should have %s", hoop_status_name(e->status), e->text, hoop_status_name(want));
    va_start(words, want);
    words_in(e->text, words);
    va_end(words);
    assert_int_equal(hoop_tape_reset(t, NULL, NULL), want);
}

void test_failed(hoop_status st, const hoop_error *err, hoop_status want, ...)
{
    va_list words;
    if (st != want) fail_msg("%s (%s), and should be %s", hoop_status_name(st), err->text, hoop_status_name(want));
    assert_int_equal(err->status, want);
    va_start(words, want);
    words_in(err->text, words);
    va_end(words);
}

void test_tape_ok(const hoop_tape *t)
{
    if (hoop_tape_error(t)->status != HOOP_OK) fail_msg("%s", hoop_tape_error(t)->text);
}

hoop_tape *test_tape(void)
{
    hoop_tape *t;
    test_ok(hoop_tape_create(test_rt, why, &t));
    return t;
}

hoop_tensor *test_vector(hoop_tape *t, int64_t n, const double *values)
{
    double counted[64];
    assert_true(n <= 64);
    for (int64_t i = 0; i < n; i++) counted[i] = values != NULL ? values[i] : (double)(i + 1);
    return hoop_tape_tensor(t, HOOP_F64, 1, &n, counted);
}

hoop_tensor *test_leaf(hoop_tape *t, int64_t n, const double *values)
{
    hoop_tensor *x = test_vector(t, n, values);
    return hoop_tape_watch(t, x);
}

static void fill(hoop_params *p)
{
    for (int i = 0; i < hoop_params_count(p); i++) {
        double *w = hoop_tensor_data(hoop_params_tensor(p, i));
        for (int64_t k = 0; k < hoop_tensor_numel(hoop_params_tensor(p, i)); k++) {
            w[k] = hoop_random_f64(hoop_key_make(1, HOOP_FOR_TEST, (uint64_t)i, 0, 0), (uint64_t)k) - 0.5;
        }
    }
    hoop_params_touch(p);
}

hoop_status test_model_create(test_model *m, void *memory, hoop_error *err)
{
    hoop_status st;
    memset(m, 0, sizeof *m);
    HOOP_TRY(st, done, hoop_params_create(HOOP_F64, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "first.weight", 2, (int64_t[]){5, 6}, err, &m->w1));
    HOOP_TRY(st, done, hoop_params_add(m->params, "first.bias", 1, (int64_t[]){5}, err, &m->b1));
    HOOP_TRY(st, done, hoop_params_add(m->params, "unused", 1, (int64_t[]){130}, err, &m->unused));
    HOOP_TRY(st, done, hoop_params_add(m->params, "second.weight", 2, (int64_t[]){4, 5}, err, &m->w2));
    HOOP_TRY(st, done, hoop_params_add(m->params, "second.bias", 1, (int64_t[]){4}, err, &m->b2));
    HOOP_TRY(st, done, hoop_params_alias(m->params, "tied.weight", m->w2, err));
    HOOP_TRY(st, done, hoop_params_finalize(m->params, memory, err));
    fill(m->params);
    return HOOP_OK;
done:
    test_model_destroy(m);
    return st;
}

void test_model_destroy(test_model *m)
{
    hoop_params_destroy(&m->params);
}

hoop_tensor *test_model_loss(const test_model *m, hoop_tape *t)
{
    double       x[8 * 6];
    int64_t      label[8];
    hoop_tensor *in, *target, *h, *logits, *again, *both, *loss, *penalty, *w2t;
    for (int i = 0; i < 8 * 6; i++) x[i] = (double)(i % 11) * 0.1 - 0.5;
    for (int i = 0; i < 8; i++) label[i] = i % 4;
    in      = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){8, 6}, x);
    target  = hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){8}, label);
    h       = hoop_linear(t, in, m->w1, m->b1);
    h       = hoop_gelu(t, h, HOOP_GELU_ERF);
    h       = hoop_dropout(t, h, 0.25);
    logits  = hoop_linear(t, h, m->w2, m->b2);
    w2t     = hoop_transpose(t, m->w2, 0, 1); /* used a second time, as a view */
    again   = hoop_matmul(t, h, w2t);
    both    = hoop_add(t, logits, again);
    penalty = hoop_sum(t, again, HOOP_ALL_DIMS, false);
    loss    = hoop_cross_entropy(t, both, target);
    penalty = hoop_mul(t, penalty, penalty);
    penalty = hoop_scale(t, penalty, 0.01);
    return hoop_add(t, loss, penalty);
}
