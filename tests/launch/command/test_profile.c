/* Where the time goes: the tables of hoop bench train --profile and hoop train --profile, and their JSON. */
#include "support.h"

#include <math.h>

static json_t *row_of(const json_t *profile, const char *name, const char *phase)
{
    size_t  i;
    json_t *row;
    json_array_foreach(json_object_get(profile, "rows"), i, row)
    {
        const json_t *p = json_object_get(row, "phase");
        if (strcmp(json_string_value(json_object_get(row, "name")), name) != 0) continue;
        if (phase == NULL ? json_is_null(p) : json_is_string(p) && strcmp(json_string_value(p), phase) == 0) return row;
    }
    return NULL;
}

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

/* Rows add up to the time that was measured around the steps, the longest first; shares and rates are of the same numbers. */
static void check_sums(const json_t *profile)
{
    double  ms = 0.0, share = 0.0, before = INFINITY;
    size_t  i;
    json_t *row;
    json_array_foreach(json_object_get(profile, "rows"), i, row)
    {
        ms += number(row, "ms_per_step");
        share += number(row, "share");
        assert_true(number(row, "ms_per_step") <= before);
        before = number(row, "ms_per_step");
    }
    /* two clocks read around the same steps: what comes between on a busy machine is no error */
    if (!(fabs(ms / number(profile, "ms_per_step") - 1.0) < 0.2) || !(fabs(share - 1.0) < 0.2))
        fail_msg("rows sum up to %g ms and %g of a step of %g ms", ms, share, number(profile, "ms_per_step"));
}

static void check_row(const json_t *profile, const char *name, const char *phase, double calls, const char *rate)
{
    const json_t *row = row_of(profile, name, phase);
    if (row == NULL) fail_msg("no row %s %s", name, phase == NULL ? "" : phase);
    assert_true(number(row, "ms_per_step") > 0.0);
    if (calls > 0.0 && number(row, "calls_per_step") != calls)
        fail_msg("%s %s: %g calls a step, not %g", name, phase, number(row, "calls_per_step"), calls);
    if (rate == NULL) return;
    if (!(number(row, rate) > 0.0) || !(number(row, "of_limit") > 0.0)) fail_msg("%s: no %s", name, rate);
}

static void bench_tells_where_the_time_goes(void **state)
{
    json_t *o, *profile;
    (void)state;
    (void)hoop("bench train tiny --warm-up 0.05 --steps 40 --profile --json --set leaves=1");
    assert_int_equal(last.code, 0);
    o       = as_json();
    profile = json_object_get(o, "profile");
    assert_int_equal(json_integer_value(json_object_get(profile, "steps")), 40);
    check_sums(profile);
    check_row(profile, "linear", "forward", 4, "gflops");
    check_row(profile, "tanh", "forward", 3, "gb_s");
    check_row(profile, "mse", "forward", 1, "gb_s");
    check_row(profile, "matmul", "backward", 7, "gflops");
    check_row(profile, "sum", "backward", 4, "gb_s");
    check_row(profile, "tanh_grad", "backward", 3, "gb_s");
    check_row(profile, "update", NULL, 1, "gb_s");
    check_row(profile, "engine, replayed", NULL, 1, NULL);
    check_row(profile, "other", NULL, 0, NULL);
    json_decref(o);
    (void)hoop("bench train tiny --warm-up 0 --steps 5 --profile --json --set capture=off");
    assert_int_equal(last.code, 0);
    o       = as_json();
    profile = json_object_get(o, "profile");
    check_row(profile, "engine", "forward", 0, NULL);
    check_row(profile, "engine", "backward", 0, NULL);
    json_decref(o);
    (void)hoop("bench train tiny --warm-up 0 --steps 5 --profile --threads 2");
    succeeded();
    said("ms/step");
    said("% of limit");
    said("\nlinear ");
    assert_null(strstr(last.out, "\033"));
    (void)hoop("bench train tiny --warm-up -1");
    failed(2, "--warm-up");
}

static void training_tells_where_the_time_goes(void **state)
{
    static const char config[] = "model: {hidden: [8]}\nthreads: 1\ndata: {train: d/train}\nbatch: 8\nleaves: 1\nsteps: 60\n";
    json_t           *o, *profile;
    (void)state;
    (void)hoop("data synth spirals --samples 80 --out d");
    succeeded();
    store("p.yaml", config, sizeof config - 1);
    (void)hoop("train p.yaml --profile 30 --json");
    assert_int_equal(last.code, 0);
    o       = as_json();
    profile = json_object_get(o, "profile");
    assert_int_equal(json_integer_value(json_object_get(profile, "steps")), 30);
    check_sums(profile);
    check_row(profile, "linear", "forward", 2, "gflops");
    check_row(profile, "data", NULL, 0, NULL);
    json_decref(o);
    assert_false(exists("runs"));
    if (hoop_ranks(2, "train p.yaml --profile 30 --set leaves=2 --out r") != 0) fail_msg("%s", last.err);
    said("reduce-scatter");
    assert_ptr_equal(strstr(strstr(last.out, "ms/step") + 1, "ms/step"), NULL); /* one rank speaks */
    assert_false(exists("r"));
    (void)hoop("train p.yaml --profile 51");
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err, "more than the 60");
    (void)hoop("train p.yaml --profile 0");
    failed(2, "--profile");
    (void)hoop("train p.yaml --json");
    failed(2, "--profile N --json");
    if (!exists("/dev/full")) skip();
    (void)hoop("train p.yaml --profile 5 >/dev/full");
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err, "standard output");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bench_tells_where_the_time_goes),
                                       cmocka_unit_test(training_tells_where_the_time_goes)};
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
