/* After the first step a training step allocates nothing; and any allocation may fail. */
#include "tape_test.h"

#include "alloc_hooks.h"
#include "hoop/nn.h"
#include "hoop/optim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hoop_status train_step(hoop_tape *t, const test_model *m, hoop_optim *o, uint64_t step, double *value, hoop_error *err)
{
    hoop_tensor *loss;
    hoop_status  st = hoop_tape_reset(t, &(hoop_tape_key){1, step, 0}, err);
    if (st != HOOP_OK) return st;
    (void)hoop_tape_set_training(t, true);
    loss = test_model_loss(m, t);
    st   = hoop_backward(t, loss, NULL, err);
    if (st != HOOP_OK) return st;
    *value = hoop_tensor_item(loss);
    if (o != NULL) {
        (void)hoop_optim_update(o, test_rt, 0, hoop_params_nblocks(m->params), 1.0, 1.0 / 8.0, NULL);
        hoop_optim_advance(o);
        hoop_params_touch(m->params);
    }
    return HOOP_OK;
}

static void steps_do_not_allocate(void **state)
{
    hoop_tape  *t = test_tape();
    hoop_optim *o;
    test_model  m;
    double      loss = 0.0, first = 0.0;
    int64_t     hoops = 0, all = 0;
    (void)state;
    test_ok(test_model_create(&m, NULL, why));
    test_ok(hoop_optim_create(&(hoop_optim_opts){.opts = &(hoop_adam_opts){.lr = 0.01}}, m.params, why, &o));
    for (uint64_t step = 0; step < 50; step++) {
        test_ok(train_step(t, &m, o, step, &loss, why));
        if (step == 0) {
            first = loss;
            hoops = alloc_calls();
            all   = alloc_calls_anywhere();
            assert_true(hoops > 0);
        }
    }
    assert_int_equal(alloc_calls() - hoops, 0);
    assert_int_equal(alloc_calls_anywhere() - all, 0);
    assert_true(loss < first);
    hoop_optim_destroy(&o);
    hoop_tape_destroy(&t);
    test_model_destroy(&m);
}

/* as it is trained: f32, hoop's own matrix products, shared by two threads */
static void steps_on_threads_do_not_allocate(void **state)
{
    enum { BATCH = 64, IN = 256, HIDDEN = 128, OUT = 10 };
    static float   x[BATCH * IN];
    static int64_t label[BATCH];
    hoop_runtime  *rt;
    hoop_tape     *t;
    hoop_params   *p;
    hoop_optim    *o;
    hoop_tensor   *w1, *b1, *w2, *b2, *h, *loss, *in, *target;
    int64_t        hoops = 0, all = 0;
    double         first = 0.0, last = 0.0;
    (void)state;
    for (int i = 0; i < BATCH * IN; i++) x[i] = (float)hoop_random_normal((hoop_key){1, 1}, (uint64_t)i);
    for (int i = 0; i < BATCH; i++) label[i] = i % OUT;
    test_ok(hoop_runtime_create(&(hoop_runtime_opts){.threads = 2}, why, &rt));
    test_ok(hoop_tape_create(rt, why, &t));
    test_ok(hoop_params_create(HOOP_F32, why, &p));
    test_ok(hoop_params_add(p, "w1", 2, (int64_t[]){HIDDEN, IN}, why, &w1));
    test_ok(hoop_params_add(p, "b1", 1, (int64_t[]){HIDDEN}, why, &b1));
    test_ok(hoop_params_add(p, "w2", 2, (int64_t[]){OUT, HIDDEN}, why, &w2));
    test_ok(hoop_params_add(p, "b2", 1, (int64_t[]){OUT}, why, &b2));
    test_ok(hoop_params_finalize(p, NULL, why));
    for (int i = 0; i < 4; i++) test_ok(hoop_param_init(p, i, HOOP_INIT_PYTORCH, i < 2 ? IN : HIDDEN, 1));
    test_ok(hoop_optim_create(&(hoop_optim_opts){.opts = &(hoop_adam_opts){.lr = 0.01}}, p, why, &o));
    for (uint64_t step = 0; step < 20; step++) {
        test_ok(hoop_tape_reset(t, &(hoop_tape_key){1, step, 0}, why));
        (void)hoop_tape_set_training(t, true);
        in     = hoop_tape_wrap(t, HOOP_F32, 2, (int64_t[]){BATCH, IN}, x);
        target = hoop_tape_wrap(t, HOOP_I64, 1, (int64_t[]){BATCH}, label);
        h      = hoop_linear(t, in, w1, b1);
        h      = hoop_gelu(t, h, HOOP_GELU_TANH);
        h      = hoop_dropout(t, h, 0.1);
        h      = hoop_linear(t, h, w2, b2);
        loss   = hoop_cross_entropy(t, h, target);
        test_ok(hoop_backward(t, loss, NULL, why));
        (void)hoop_optim_update(o, rt, 0, hoop_params_nblocks(p), 1.0, 1.0 / BATCH, NULL);
        hoop_optim_advance(o);
        last = hoop_tensor_item(loss);
        if (step > 0) continue;
        first = last;
        hoops = alloc_calls();
        all   = alloc_calls_anywhere();
    }
    assert_int_equal(alloc_calls() - hoops, 0);
    assert_int_equal(alloc_calls_anywhere() - all, 0);
    assert_true(last < 0.5 * first);
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
    hoop_tape_destroy(&t);
    hoop_runtime_destroy(&rt);
}

/* Everything a tape does, from nothing: threads, parameters, forward, backward, second derivatives, scopes, views. */
typedef struct everything {
    hoop_runtime *rt;
    hoop_tape    *t;
    hoop_tensor  *persistent;
    test_model    m;
} everything;

static hoop_status use(everything *e, double *value, hoop_error *err)
{
    hoop_tensor *loss, *x, *y, *z, *dx, *all[3], *big, *index;
    hoop_tape   *t = e->t;
    hoop_status  st;
    int64_t      scope;
    double       second;
    HOOP_TRY(st, done, train_step(t, &e->m, NULL, 3, value, err));
    loss = test_model_loss(&e->m, t);
    HOOP_TRY(st, done, hoop_backward(t, loss, &(hoop_backward_opts){.accumulate = true}, err));
    *value += hoop_tensor_item(loss);
    x      = test_leaf(t, 6, NULL);
    y      = hoop_reshape(t, x, 2, (int64_t[]){2, 3});
    y      = hoop_transpose(t, y, 0, 1);
    z      = hoop_softmax(t, y);
    all[0] = hoop_tanh(t, z), all[1] = hoop_max(t, y, 1, true), all[2] = z;
    z     = hoop_concat(t, all, 3, 0);
    index = hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){2}, (int64_t[]){1, 0});
    z     = hoop_embedding(t, z, index);
    big   = hoop_expand(t, hoop_slice(t, z, 0, 0, 1), 2, (int64_t[]){300, 2});
    big   = hoop_matmul(t, big, hoop_transpose(t, big, 0, 1));
    z     = hoop_sum(t, big, HOOP_ALL_DIMS, false);
    HOOP_TRY(st, done, hoop_grad(t, z, &x, 1, HOOP_CREATE_GRAPH, err, &dx));
    dx = hoop_mul(t, dx, dx);
    dx = hoop_sum(t, dx, HOOP_ALL_DIMS, false);
    HOOP_TRY(st, done, hoop_grad(t, dx, &x, 1, 0, err, &y));
    *value += hoop_tensor_item(dx);
    HOOP_TRY(st, done, hoop_tape_reset(t, NULL, err));
    (void)hoop_tape_set_grad(t, false);
    y = hoop_tape_tensor(t, HOOP_F64, 1, (int64_t[]){5}, NULL);
    for (int i = 0; i < 3; i++) {
        scope = hoop_scope_begin(t);
        z     = hoop_add(t, e->m.b1, e->persistent);
        z     = hoop_add(t, z, y);
        if (hoop_tape_error(t)->status == HOOP_OK && hoop_tensor_assign(e->persistent, z, err) != HOOP_OK) return err->status;
        hoop_scope_end(t, scope, &z, scope >= 0 ? 1 : 0);
    }
    second = hoop_tensor_item(hoop_sum(t, z, 1, false));
    *value += second;
    (void)hoop_tape_set_grad(t, true);
    st = hoop_tape_reset(t, NULL, err);
done:
    return st;
}

static hoop_status begin(everything *e, hoop_error *err)
{
    hoop_status st;
    memset(e, 0, sizeof *e);
    HOOP_TRY(st, done, hoop_runtime_create(&(hoop_runtime_opts){.threads = 2}, err, &e->rt));
    HOOP_TRY(st, done, hoop_tape_create(e->rt, err, &e->t));
    HOOP_TRY(st, done, test_model_create(&e->m, NULL, err));
    HOOP_TRY(st, done, hoop_tensor_create(HOOP_F64, 1, (int64_t[]){5}, err, &e->persistent));
done:
    return st;
}

static void end(everything *e)
{
    hoop_tape_destroy(&e->t);
    hoop_tensor_destroy(&e->persistent);
    test_model_destroy(&e->m);
    hoop_runtime_destroy(&e->rt);
}

/* a store whose finalize found no memory can be finalized later */
static void finalize_again(void **state)
{
    hoop_params *p;
    hoop_tensor *x;
    (void)state;
    test_ok(hoop_params_create(HOOP_F64, why, &p));
    test_ok(hoop_params_add(p, "x", 1, (int64_t[]){3}, why, &x));
    for (int64_t n = 0; n < 2; n++) {
        hoop_error err = {.status = HOOP_OK};
        alloc_fail(n, false);
        test_failed(hoop_params_finalize(p, NULL, &err), &err, HOOP_ENOMEM, "bytes", NULL);
        alloc_fail(-1, false);
        assert_null(hoop_params_data(p));
    }
    test_ok(hoop_params_finalize(p, NULL, why));
    assert_non_null(hoop_params_data(p));
    hoop_params_destroy(&p);
}

static void any_allocation_may_fail(void **state)
{
    double     want = 0.0, value;
    everything e;
    int        failures = 0;
    (void)state;
    test_ok(begin(&e, why));
    test_ok(use(&e, &want, why));
    end(&e);
    for (int later = 0; later < 2; later++) {
        for (int64_t n = 0;; n++) {
            hoop_error  err = {.status = HOOP_OK};
            hoop_status st;
            bool        hit;
            value = 0.0;
            alloc_fail(n, later == 1);
            st = begin(&e, &err);
            if (st == HOOP_OK) st = use(&e, &value, &err);
            hit = alloc_failed();
            alloc_fail(-1, false);
            if (!hit) { /* got through before the nth */
                assert_int_equal(st, HOOP_OK);
                assert_true(value == want);
                end(&e);
                assert_true(n > 20);
                break;
            }
            failures++;
            if (st != HOOP_OK && st != HOOP_ENOMEM)
                fail_msg("allocation %lld fails: %s (%s)", (long long)n, hoop_status_name(st), err.text);
            if (st != HOOP_OK && (err.status != HOOP_ENOMEM || err.text[0] == '\0'))
                fail_msg("allocation %lld fails and the error says nothing", (long long)n);
            if (st == HOOP_OK) assert_true(value == want); /* tried again, and went well */
            if (e.persistent != NULL) {                    /* all that was begun goes on as if nothing had been */
                err.status = HOOP_OK;
                value      = 0.0;
                (void)hoop_tape_set_grad(e.t, true);
                (void)hoop_tape_reset(e.t, NULL, NULL);
                memset(hoop_tensor_data(e.persistent), 0, 5 * sizeof(double));
                hoop_tensor_touch(e.persistent);
                if (use(&e, &value, &err) != HOOP_OK) fail_msg("after allocation %lld failed: %s", (long long)n, err.text);
                assert_true(value == want);
            }
            end(&e);
        }
    }
    print_message("%d allocations failed in turn\n", failures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_do_not_allocate),
                                       cmocka_unit_test(steps_on_threads_do_not_allocate), cmocka_unit_test(finalize_again),
                                       cmocka_unit_test(any_allocation_may_fail)};
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
