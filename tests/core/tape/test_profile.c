/* A profile: every op is counted with its work, the time of spans is apart, and all of it adds up. */
#include "tape_test.h"

#include "hoop/op.h"
#include "hoop/profile.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void spend(double seconds)
{
    const double end = now_s() + seconds;
    while (now_s() < end) {
    }
}

static const hoop_profile_row *find(hoop_profile *p, const char *name, hoop_phase phase)
{
    const hoop_profile_row *rows;
    const int               n = hoop_profile_rows(p, &rows);
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0 && rows[i].phase == phase) return &rows[i];
    return NULL;
}

static double sum_s(hoop_profile *p)
{
    const hoop_profile_row *rows;
    const int               n   = hoop_profile_rows(p, &rows);
    double                  sum = 0.0;
    for (int i = 0; i < n; i++) sum += rows[i].seconds;
    return sum;
}

static void expect(hoop_profile *p, const char *name, hoop_phase phase, int64_t calls, double flops, double bytes)
{
    const hoop_profile_row *r = find(p, name, phase);
    if (r == NULL) fail_msg("no row %s", name);
    if (r->calls != calls || r->flops != flops || r->bytes != bytes)
        fail_msg("%s: %lld calls, %g flops, %g bytes; %lld, %g and %g are right", name, (long long)r->calls, r->flops, r->bytes,
                 (long long)calls, flops, bytes);
    assert_true(r->op && r->seconds > 0.0);
}

/* x (4, 6) -> linear (5) -> relu -> mean of squares; its loss */
static double step(double *grad)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *x, *w, *b, *y;
    double       loss;
    x = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){4, 6}, NULL);
    w = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){5, 6}, NULL);
    b = hoop_tape_tensor(t, HOOP_F64, 1, (int64_t[]){5}, NULL);
    for (int i = 0; i < 30; i++) ((double *)hoop_tensor_data(w))[i] = 0.25 * (i % 7) - 0.5;
    for (int i = 0; i < 24; i++) ((double *)hoop_tensor_data(x))[i] = 0.125 * (i % 5) - 0.25;
    w = hoop_tape_watch(t, w);
    y = hoop_linear(t, x, w, b);
    y = hoop_relu(t, y);
    y = hoop_mul(t, y, y);
    y = hoop_sum(t, y, HOOP_ALL_DIMS, false);
    test_ok(hoop_backward(t, y, NULL, why));
    test_ok(hoop_tensor_read(hoop_tensor_grad(w), grad, why));
    loss = hoop_tensor_item(y);
    hoop_tape_destroy(&t);
    return loss;
}

static void ops_are_counted(void **state)
{
    hoop_profile *p;
    double        plain[30], seen[30], loss = step(plain), start, all;
    (void)state;
    test_ok(hoop_profile_create(test_rt, why, &p));
    assert_true(step(seen) == loss); /* before it is started */
    start = now_s();
    hoop_profile_start(p);
    for (int i = 0; i < 3; i++) assert_true(step(seen) == loss);
    hoop_profile_stop(p);
    all = now_s() - start;
    assert_memory_equal(plain, seen, sizeof seen);
    assert_true(step(seen) == loss); /* after it was stopped */
    expect(p, "linear", HOOP_PHASE_FORWARD, 3, 3 * 2.0 * 4 * 6 * 5, 3 * 8.0 * (24 + 30 + 5 + 20));
    expect(p, "relu", HOOP_PHASE_FORWARD, 3, 0.0, 3 * 8.0 * 40);
    expect(p, "mul", HOOP_PHASE_FORWARD, 3, 0.0, 3 * 8.0 * 60);
    expect(p, "matmul", HOOP_PHASE_BACKWARD, 3, 3 * 2.0 * 5 * 4 * 6, 3 * 8.0 * (20 + 24 + 30));
    expect(p, "relu_grad", HOOP_PHASE_BACKWARD, 3, 0.0, 3 * 8.0 * 60);
    assert_null(find(p, "linear", HOOP_PHASE_BACKWARD));
    assert_null(find(p, "matmul", HOOP_PHASE_FORWARD));
    assert_true(sum_s(p) <= all && sum_s(p) > 0.5 * all);
    hoop_profile_destroy(&p);
    assert_null(p);
}

/* Only the rows that are looked up are read; what is broadcast is read once. */
static void bytes_are_those_that_move(void **state)
{
    hoop_profile *p;
    hoop_tape    *t = test_tape();
    hoop_tensor  *table, *index, *rows, *one;
    (void)state;
    test_ok(hoop_profile_create(test_rt, why, &p));
    hoop_profile_start(p);
    table = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){100, 3}, NULL);
    table = hoop_tape_watch(t, table);
    index = hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){4}, NULL);
    rows  = hoop_embedding(t, table, index);
    one   = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){1, 3}, NULL);
    rows  = hoop_mul(t, rows, one);
    rows  = hoop_sum(t, rows, HOOP_ALL_DIMS, false);
    test_ok(hoop_backward(t, rows, NULL, why));
    hoop_profile_stop(p);
    expect(p, "embedding", HOOP_PHASE_FORWARD, 1, 0.0, 4 * (2 * 24.0 + 8));
    expect(p, "mul", HOOP_PHASE_FORWARD, 1, 0.0, 8.0 * (12 + 3 + 12));
    expect(p, "embedding_grad", HOOP_PHASE_BACKWARD, 1, 0.0, 4 * (3 * 24.0 + 8) + 100 * 24);
    hoop_tape_destroy(&t);
    hoop_profile_destroy(&p);
}

static void spans_share_no_time(void **state)
{
    hoop_profile *p, *other;
    double        all, start;
    (void)state;
    test_ok(hoop_profile_create(test_rt, why, &p));
    hoop_profile_begin(test_rt, "outer", HOOP_PHASE_OTHER, 8.0); /* nothing profiles: nothing happens */
    hoop_profile_end(test_rt);
    start = now_s();
    hoop_profile_start(p);
    spend(0.002);
    for (int i = 0; i < 2; i++) {
        hoop_profile_begin(test_rt, "outer", HOOP_PHASE_OTHER, 64.0);
        spend(0.004);
        hoop_profile_begin(test_rt, "inner", HOOP_PHASE_BACKWARD, 0.0);
        spend(0.020);
        hoop_profile_end(test_rt);
        spend(0.004);
        hoop_profile_end(test_rt);
    }
    hoop_profile_end(test_rt); /* one too many */
    spend(0.002);
    hoop_profile_stop(p);
    all = now_s() - start;
    assert_int_equal(find(p, "outer", HOOP_PHASE_OTHER)->calls, 2);
    assert_true(find(p, "outer", HOOP_PHASE_OTHER)->bytes == 128.0);
    assert_false(find(p, "outer", HOOP_PHASE_OTHER)->op);
    assert_true(find(p, "outer", HOOP_PHASE_OTHER)->seconds >= 0.016);
    assert_true(find(p, "inner", HOOP_PHASE_BACKWARD)->seconds >= 0.040);
    assert_true(find(p, "outer", HOOP_PHASE_OTHER)->seconds <= all - 0.044);
    assert_true(find(p, "other", HOOP_PHASE_OTHER)->seconds >= 0.004);
    assert_true(sum_s(p) <= all && sum_s(p) > 0.052);

    test_ok(hoop_profile_create(test_rt, why, &other)); /* the last one started looks */
    hoop_profile_start(p);
    hoop_profile_start(other);
    hoop_profile_begin(test_rt, "outer", HOOP_PHASE_OTHER, 0.0);
    hoop_profile_stop(p);
    hoop_profile_end(test_rt);
    hoop_profile_stop(other);
    assert_int_equal(find(p, "outer", HOOP_PHASE_OTHER)->calls, 2);
    assert_int_equal(find(other, "outer", HOOP_PHASE_OTHER)->calls, 1);
    hoop_profile_destroy(&other);
    hoop_profile_destroy(&p);
    hoop_profile_destroy(&p);
}

/* more spans inside each other than a stack holds, more names than there are rows: what has no place of its own is elsewhere */
static void nothing_is_lost(void **state)
{
    static char             name[600][8];
    const hoop_profile_row *rows;
    hoop_profile           *p;
    double                  start, all;
    (void)state;
    test_ok(hoop_profile_create(test_rt, why, &p));
    start = now_s();
    hoop_profile_start(p);
    for (int i = 0; i < 600; i++) {
        (void)snprintf(name[i], sizeof name[i], "%d", i);
        hoop_profile_begin(test_rt, name[i], HOOP_PHASE_OTHER, 0.0);
        spend(1e-5);
    }
    for (int i = 0; i < 600; i++) hoop_profile_end(test_rt);
    hoop_profile_begin(test_rt, "17", HOOP_PHASE_OTHER, 0.0); /* another string of this name */
    hoop_profile_end(test_rt);
    hoop_profile_stop(p);
    all = now_s() - start;
    assert_true(hoop_profile_rows(p, &rows) >= 100);
    assert_int_equal(find(p, "17", HOOP_PHASE_OTHER)->calls, 2);
    assert_true(sum_s(p) <= all && sum_s(p) >= 600 * 1e-5);
    hoop_profile_destroy(&p);
}

static void task(void *ctx, int64_t i)
{
    const hoop_runtime *rt = ctx;
    hoop_profile_begin(rt, i == 0 ? "first" : "second", HOOP_PHASE_OTHER, 0.0);
    spend(0.005);
    hoop_profile_end(rt);
}

static void other_threads_are_not_looked_at(void **state)
{
    const hoop_runtime_opts opts = {.threads = 2};
    hoop_runtime           *rt;
    hoop_profile           *p;
    const hoop_profile_row *rows;
    int                     n;
    int64_t                 calls = 0;
    cpu_set_t               set;
    (void)state;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1) skip(); /* nobody is woken for nothing */
    test_ok(hoop_runtime_create(&opts, why, &rt));
    test_ok(hoop_profile_create(rt, why, &p));
    hoop_profile_start(p);
    hoop_profile_begin(rt, "all", HOOP_PHASE_OTHER, 0.0);
    for (int i = 0; i < 8; i++) hoop_runtime_run(rt, 2, task, rt);
    hoop_profile_end(rt);
    hoop_profile_stop(p);
    n = hoop_profile_rows(p, &rows);
    for (int i = 0; i < n; i++) calls += rows[i].calls;
    assert_true(calls >= 1 && calls < 17); /* the tasks that the other thread took are not among them */
    assert_int_equal(find(p, "all", HOOP_PHASE_OTHER)->calls, 1);
    hoop_profile_destroy(&p);
    hoop_runtime_destroy(&rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ops_are_counted), cmocka_unit_test(bytes_are_those_that_move),
                                       cmocka_unit_test(spans_share_no_time), cmocka_unit_test(nothing_is_lost),
                                       cmocka_unit_test(other_threads_are_not_looked_at)};
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
