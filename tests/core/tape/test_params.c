/* The flat store: names, layout, padding, the caller's memory, order of calls. */
#include "tape_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void names(void **state)
{
    hoop_params *p;
    hoop_tensor *x, *y, *b;
    char         longest[300];
    hoop_error   err   = {.status = HOOP_OK};
    const char  *bad[] = {NULL, "", "a/b", "w", "tied", "stats", longest};
    (void)state;
    memset(longest, 'n', sizeof longest);
    longest[241] = '\0';
    test_ok(hoop_params_create(HOOP_F32, why, &p));
    test_ok(hoop_params_add(p, "w", 2, (int64_t[]){3, 4}, why, &x));
    test_ok(hoop_params_alias(p, "tied", x, why));
    test_ok(hoop_params_add_buffer(p, "stats", HOOP_I64, 1, (int64_t[]){2}, why, &b));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err.status = HOOP_OK;
        test_failed(hoop_params_add(p, bad[i], 1, (int64_t[]){2}, &err, &y), &err, HOOP_EARG, "name", NULL);
        assert_null(y);
        err.status = HOOP_OK;
        test_failed(hoop_params_add_buffer(p, bad[i], HOOP_F32, 1, (int64_t[]){2}, &err, &y), &err, HOOP_EARG, "name", NULL);
        err.status = HOOP_OK;
        test_failed(hoop_params_alias(p, bad[i], x, &err), &err, HOOP_EARG, "name", NULL);
    }
    longest[240] = '\0';
    test_ok(hoop_params_add(p, longest, 0, NULL, why, &y));
    err.status = HOOP_OK;
    test_failed(hoop_params_alias(p, "other", b, &err), &err, HOOP_EARG, "other", NULL);
    assert_int_equal(hoop_params_find(p, "w"), 0);
    assert_int_equal(hoop_params_find(p, "tied"), 0);
    assert_int_equal(hoop_params_find(p, longest), 1);
    assert_int_equal(hoop_params_find(p, "stats"), -1);
    assert_int_equal(hoop_params_find(p, "nothing"), -1);
    assert_int_equal(hoop_params_count(p), 2);
    assert_int_equal(hoop_params_buffer_count(p), 1);
    assert_string_equal(hoop_params_buffer_name(p, 0), "stats");
    assert_ptr_equal(hoop_params_buffer(p, 0), b);
    hoop_params_destroy(&p);
    hoop_params_destroy(&p);
    hoop_params_destroy(NULL);
    err.status = HOOP_OK;
    test_failed(hoop_params_create(HOOP_I64, &err, &p), &err, HOOP_EDTYPE, "i64", NULL);
}

static void layout(void **state)
{
    static const int64_t sizes[]  = {1, 127, 128, 129, 0, 300};
    static const int64_t blocks[] = {1, 1, 1, 2, 0, 3};
    hoop_params         *p;
    hoop_tensor         *x[6];
    int64_t              first = 0, numel = 0;
    hoop_error           err = {.status = HOOP_OK};
    (void)state;
    for (int own = 0; own < 2; own++) {
        float *memory = NULL;
        test_ok(hoop_params_create(HOOP_F32, why, &p));
        first = numel = 0;
        for (int i = 0; i < 6; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "p%d", i);
            test_ok(hoop_params_add(p, name, 1, &sizes[i], why, &x[i]));
            assert_null(hoop_tensor_data(x[i])); /* nowhere yet */
        }
        assert_int_equal(hoop_params_bytes(p), 2 * 8 * 128 * 4);
        if (own == 1) {
            assert_int_equal(posix_memalign((void **)&memory, 64, (size_t)hoop_params_bytes(p)), 0);
            memset(memory, 0xFF, (size_t)hoop_params_bytes(p));
            err.status = HOOP_OK;
            test_failed(hoop_params_finalize(p, memory + 1, &err), &err, HOOP_EARG, "aligned", NULL);
        }
        test_ok(hoop_params_finalize(p, memory, why));
        if (own == 1) assert_ptr_equal(hoop_params_data(p), memory);
        assert_ptr_equal(hoop_params_grad(p), (float *)hoop_params_data(p) + 8 * 128);
        assert_int_equal((uintptr_t)hoop_params_data(p) % 64, 0);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(hoop_params_first_block(p, i), first);
            assert_int_equal(hoop_params_nblocks_of(p, i), blocks[i]);
            assert_ptr_equal(hoop_tensor_data(x[i]), (float *)hoop_params_data(p) + 128 * first);
            assert_ptr_equal(hoop_params_grad_of(p, i), (float *)hoop_params_grad(p) + 128 * first);
            first += blocks[i];
            numel += sizes[i];
        }
        assert_int_equal(hoop_params_nblocks(p), first);
        assert_int_equal(hoop_params_numel(p), numel);
        for (int64_t i = 0; i < 2 * 8 * 128; i++) assert_true(((float *)hoop_params_data(p))[i] == 0.0F);
        hoop_params_destroy(&p);
        free(memory);
    }
}

/* frozen ones lie behind the others, and have no gradient */
static void frozen(void **state)
{
    static const int64_t sizes[] = {1, 300, 128, 129, 0, 7};
    static const int64_t first[] = {4, 0, 3, 5, 4, 7}; /* p0, p3 and, by its second name, p5 */
    hoop_params         *p;
    hoop_tensor         *x[6];
    hoop_error           err = {.status = HOOP_OK};
    (void)state;
    test_ok(hoop_params_create(HOOP_F32, why, &p));
    for (int i = 0; i < 6; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "part.%d", i);
        test_ok(hoop_params_add(p, name, 1, &sizes[i], why, &x[i]));
    }
    test_ok(hoop_params_alias(p, "head.weight", x[5], why));
    test_failed(hoop_params_freeze(p, "part.7", &err), &err, HOOP_EARG, "'part.7'", "did you mean 'part.0'", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_params_freeze(p, "encoder.*", &err), &err, HOOP_EARG, "'encoder.*'", "the first is called 'part.0'", NULL);
    err.status = HOOP_OK;
    test_ok(hoop_params_freeze(p, "*[03]", why));
    test_ok(hoop_params_freeze(p, "part.3", why));
    test_ok(hoop_params_freeze(p, "head.*", why));
    assert_int_equal(hoop_params_bytes(p), (8 + 4) * 128 * 4);
    test_ok(hoop_params_finalize(p, NULL, why));
    assert_int_equal(hoop_params_trained(p), 4);
    assert_int_equal(hoop_params_nblocks(p), 8);
    for (int i = 0; i < 6; i++) {
        const bool is = i == 0 || i == 3 || i == 5;
        assert_int_equal(hoop_params_first_block(p, i), first[i]);
        assert_true(hoop_params_frozen(p, i) == is);
        assert_ptr_equal(hoop_tensor_data(x[i]), (float *)hoop_params_data(p) + 128 * first[i]);
        assert_ptr_equal(hoop_params_grad_of(p, i), is ? NULL : (float *)hoop_params_grad(p) + 128 * first[i]);
    }
    assert_ptr_equal(hoop_params_grad(p), (float *)hoop_params_data(p) + 8 * 128);
    test_failed(hoop_params_freeze(p, "part.1", &err), &err, HOOP_ESTATE, "'part.1'", NULL);
    hoop_params_destroy(&p);
}

static void order_of_calls(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_params *p, *q;
    hoop_tensor *x, *y, *z;
    hoop_error   err = {.status = HOOP_OK};
    (void)state;
    test_ok(hoop_params_create(HOOP_F64, why, &p));
    test_ok(hoop_params_add(p, "x", 1, (int64_t[]){3}, why, &x));
    (void)hoop_add(t, x, x);
    test_tape_failed(t, HOOP_ESTATE, "parameter x", "finalize", NULL);
    test_ok(hoop_params_finalize(p, NULL, why));
    test_failed(hoop_params_finalize(p, NULL, &err), &err, HOOP_ESTATE, NULL);
    err.status = HOOP_OK;
    test_failed(hoop_params_add(p, "y", 1, (int64_t[]){3}, &err, &y), &err, HOOP_ESTATE, "'y'", NULL);
    test_ok(hoop_params_add_buffer(p, "late", HOOP_F32, 1, (int64_t[]){3}, why, &y)); /* buffers may come at any time */
    err.status = HOOP_OK;
    test_ok(hoop_params_create(HOOP_F64, why, &q));
    test_failed(hoop_params_add(q, "huge", 2, (int64_t[]){1LL << 40, 1LL << 40}, &err, &z), &err, HOOP_ESIZE, NULL);
    err.status = HOOP_OK;
    test_failed(hoop_params_add(q, "negative", 1, (int64_t[]){-3}, &err, &z), &err, HOOP_ESHAPE, NULL);
    err.status = HOOP_OK;
    test_failed(hoop_params_add(q, "large", 1, (int64_t[]){1LL << 59}, &err, &z), &err, HOOP_ESIZE, "large", NULL);
    test_ok(hoop_params_add(q, "z", 1, (int64_t[]){3}, why, &z));
    test_ok(hoop_params_finalize(q, NULL, why));
    (void)hoop_add(t, x, z); /* one store a tape */
    test_tape_failed(t, HOOP_EARG, "two stores", NULL);
    (void)hoop_add(t, z, z); /* another after reset */
    test_tape_ok(t);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&p);
    hoop_params_destroy(&q);
}

/* a tape goes from model to model: reset forgets the store, unless it is bound */
static void stores_take_turns(void **state)
{
    hoop_tape   *t = test_tape();
    test_model   a, b;
    hoop_tensor *x, *y;
    hoop_error   err = {.status = HOOP_OK};
    (void)state;
    test_ok(test_model_create(&a, NULL, why));
    test_ok(test_model_create(&b, NULL, why));
    y = test_model_loss(&a, t);
    test_ok(hoop_backward(t, y, NULL, why));
    test_ok(hoop_tape_reset(t, NULL, why));
    x = test_vector(t, 4, NULL);
    y = test_model_loss(&b, t); /* with tensors on the tape, but none of a's */
    test_ok(hoop_backward(t, y, NULL, why));
    test_failed(hoop_tape_bind(t, a.params, &err), &err, HOOP_EARG, "in use", NULL);
    test_ok(hoop_tape_reset(t, NULL, why));
    test_model_destroy(&b);
    x = test_leaf(t, 4, NULL); /* no parameter: nothing may touch the store that is gone */
    y = hoop_mul(t, x, x);
    test_ok(hoop_backward(t, y, NULL, why));
    assert_true(((double *)hoop_tensor_data(hoop_tensor_grad(x)))[3] == 8.0);
    test_ok(hoop_tape_bind(t, a.params, why));
    test_ok(hoop_tape_reset(t, NULL, why));
    test_ok(test_model_create(&b, NULL, why));
    (void)test_model_loss(&b, t);
    test_tape_failed(t, HOOP_EARG, "two stores", "bound", NULL);
    test_ok(hoop_tape_bind(t, NULL, why));
    (void)test_model_loss(&b, t);
    test_tape_ok(t);
    hoop_tape_destroy(&t);
    test_model_destroy(&a);
    test_model_destroy(&b);
}

/* sums over the whole array must not pick up anything between parameters */
static void padding_stays_zero(void **state)
{
    hoop_tape *t = test_tape();
    test_model m;
    (void)state;
    test_ok(test_model_create(&m, NULL, why));
    for (int step = 0; step < 3; step++) {
        (void)hoop_tape_reset(t, NULL, NULL);
        test_ok(hoop_backward(t, test_model_loss(&m, t), &(hoop_backward_opts){.accumulate = step == 2}, why));
    }
    for (int i = 0; i < hoop_params_count(m.params); i++) {
        int64_t       n = hoop_tensor_numel(hoop_params_tensor(m.params, i)), end = 128 * hoop_params_nblocks_of(m.params, i);
        const double *w = hoop_tensor_data(hoop_params_tensor(m.params, i)), *g = hoop_params_grad_of(m.params, i);
        for (int64_t k = n; k < end; k++) assert_true(w[k] == 0.0 && g[k] == 0.0);
    }
    hoop_tape_destroy(&t);
    test_model_destroy(&m);
}

/* a tied weight is one parameter: one gradient, the sum of its uses */
static void tied_weights(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_params *p;
    hoop_tensor *x, *y, *s;
    (void)state;
    test_ok(hoop_params_create(HOOP_F64, why, &p));
    test_ok(hoop_params_add(p, "a", 1, (int64_t[]){2}, why, &x));
    test_ok(hoop_params_alias(p, "b", x, why));
    test_ok(hoop_params_finalize(p, NULL, why));
    ((double *)hoop_tensor_data(x))[0] = 3.0;
    ((double *)hoop_tensor_data(x))[1] = -1.0;
    hoop_tensor_touch(x);
    y = hoop_mul(t, x, hoop_params_tensor(p, hoop_params_find(p, "b")));
    y = hoop_add(t, y, x);
    s = hoop_sum(t, y, 1, false);
    test_ok(hoop_backward(t, s, NULL, why));
    assert_true(((double *)hoop_params_grad(p))[0] == 7.0 && ((double *)hoop_params_grad(p))[1] == -1.0);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&p);
}

/* gradients in the caller's array, then in the store's again; accumulation goes on where they are */
static void gradients_elsewhere(void **state)
{
    hoop_tape          *t = test_tape();
    hoop_params        *p;
    hoop_tensor        *x;
    _Alignas(64) double other[HOOP_BLOCK] = {5};
    double             *own;
    hoop_error          err = {.status = HOOP_OK};
    (void)state;
    test_ok(hoop_params_create(HOOP_F64, why, &p));
    test_ok(hoop_params_add(p, "a", 1, (int64_t[]){2}, why, &x));
    test_failed(hoop_params_use_grad(p, other, &err), &err, HOOP_ESTATE, "hoop_params_finalize", NULL);
    test_ok(hoop_params_finalize(p, NULL, why));
    own        = hoop_params_grad(p);
    own[0]     = 9;
    err.status = HOOP_OK;
    test_failed(hoop_params_use_grad(p, other + 1, &err), &err, HOOP_EARG, "aligned", NULL);
    assert_ptr_equal(hoop_params_grad(p), own);
    test_ok(hoop_params_use_grad(p, other, why));
    for (int i = 1; i <= 2; i++) {
        test_ok(hoop_backward(t, hoop_sum(t, hoop_scale(t, x, 3.0), 1, false), &(hoop_backward_opts){.accumulate = i == 2}, why));
        assert_true(hoop_params_grad(p) == other && hoop_params_grad_of(p, 0) == other);
        assert_true(other[0] == 3.0 * i && other[1] == 3.0 * i && own[0] == 9);
    }
    test_ok(hoop_params_use_grad(p, NULL, why));
    test_ok(hoop_backward(t, hoop_sum(t, x, 1, false), NULL, why));
    assert_true(hoop_params_grad(p) == own && own[0] == 1 && other[0] == 6);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&p);
}

/* persistent tensors: zeros at first, wrapped memory, assignment between dtypes and shapes */
static void persistent_tensors(void **state)
{
    hoop_tensor *a, *b, *c;
    double       memory[6] = {1, 2, 3, 4, 5, 6};
    hoop_error   err       = {.status = HOOP_OK};
    char         text[64];
    (void)state;
    test_ok(hoop_tensor_create(HOOP_F64, 2, (int64_t[]){2, 3}, why, &a));
    test_ok(hoop_tensor_wrap(HOOP_F64, 1, (int64_t[]){6}, memory, why, &b));
    for (int i = 0; i < 6; i++) assert_true(((double *)hoop_tensor_data(a))[i] == 0.0);
    test_ok(hoop_tensor_assign(a, b, why)); /* as many elements are enough */
    assert_memory_equal(hoop_tensor_data(a), memory, sizeof memory);
    assert_string_equal(hoop_tensor_describe(a, text, sizeof text), "f64 (2, 3)");
    test_ok(hoop_tensor_create(HOOP_F32, 2, (int64_t[]){2, 3}, why, &c));
    test_failed(hoop_tensor_assign(c, a, &err), &err, HOOP_ESHAPE, "f64 (2, 3)", "f32 (2, 3)", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_assign(NULL, a, &err), &err, HOOP_EARG, NULL);
    hoop_tensor_destroy(&c);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_wrap(HOOP_F32, 1, (int64_t[]){6}, NULL, &err, &c), &err, HOOP_EARG, NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_create(HOOP_F32, 9, (int64_t[9]){0}, &err, &c), &err, HOOP_ESHAPE, "9 dims", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_create((hoop_dtype)77, 0, NULL, &err, &c), &err, HOOP_EDTYPE, NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_create(HOOP_F32, 2, (int64_t[]){INT64_MAX, 2}, &err, &c), &err, HOOP_ESIZE, NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_create(HOOP_F32, 1, (int64_t[]){INT64_MAX / 8}, &err, &c), &err, HOOP_ENOMEM, NULL);
    hoop_tensor_destroy(&a);
    hoop_tensor_destroy(&b);
    hoop_tensor_destroy(NULL);
}

/* what cannot be assigned changes nothing */
static void assign_refuses(void **state)
{
    hoop_tape   *t         = test_tape();
    double       memory[6] = {1, 2, 3, 4, 5, 6}, before[6];
    hoop_tensor *x, *part, *leaf, *turned, *h, *s, *p;
    hoop_params *store;
    hoop_error   err = {.status = HOOP_OK};
    (void)state;
    memcpy(before, memory, sizeof before);
    test_ok(hoop_tensor_wrap(HOOP_F64, 2, (int64_t[]){2, 2}, memory, why, &x));
    test_ok(hoop_tensor_wrap(HOOP_F64, 2, (int64_t[]){2, 2}, memory + 2, why, &part));
    test_failed(hoop_tensor_assign(x, part, &err), &err, HOOP_EARG, "memory", NULL);
    turned     = hoop_transpose(t, x, 0, 1);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_assign(x, turned, &err), &err, HOOP_EARG, "memory", NULL);
    test_ok(hoop_tensor_assign(x, x, why));
    leaf = hoop_tape_watch(t, x); /* uses x as it is now */
    h    = hoop_mul(t, leaf, leaf);
    s    = hoop_exp(t, h);
    test_ok(hoop_backward(t, s, &(hoop_backward_opts){.retain_graph = true}, why));
    test_ok(hoop_tape_reset(t, NULL, why));
    leaf = hoop_tape_watch(t, x);
    h    = hoop_mul(t, leaf, x);
    s    = hoop_exp(t, h);
    test_ok(hoop_backward(t, s, NULL, why)); /* h is released */
    err.status = HOOP_OK;
    test_failed(hoop_tensor_assign(x, h, &err), &err, HOOP_ERELEASED, NULL);
    assert_memory_equal(memory, before, sizeof before);
    leaf       = hoop_tape_watch(t, x);
    h          = hoop_mul(t, x, leaf);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_assign(x, part, &err), &err, HOOP_EARG, NULL);
    test_ok(hoop_backward(t, h, NULL, why)); /* x's version is what it was: not stale */
    test_ok(hoop_params_create(HOOP_F64, why, &store));
    test_ok(hoop_params_add(store, "p", 1, (int64_t[]){4}, why, &p));
    err.status = HOOP_OK;
    test_failed(hoop_tensor_assign(p, x, &err), &err, HOOP_ESTATE, "finalize", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_assign(x, p, &err), &err, HOOP_ESTATE, "finalize", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tensor_read(p, before, &err), &err, HOOP_ESTATE, "finalize", NULL);
    hoop_tape_destroy(&t);
    hoop_tensor_destroy(&x);
    hoop_tensor_destroy(&part);
    hoop_params_destroy(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assign_refuses),
        cmocka_unit_test(stores_take_turns),
        cmocka_unit_test(names),
        cmocka_unit_test(layout),
        cmocka_unit_test(frozen),
        cmocka_unit_test(order_of_calls),
        cmocka_unit_test(padding_stays_zero),
        cmocka_unit_test(tied_weights),
        cmocka_unit_test(persistent_tensors),
        cmocka_unit_test(gradients_elsewhere),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
