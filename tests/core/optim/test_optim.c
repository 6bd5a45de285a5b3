/* Optimisers and schedules: zero stands for the default, an explicit zero for zero, what is out of range is refused. */
#include "tape_test.h"

#include "hoop/optim.h"

#include <math.h>
#include <string.h>

enum { N = HOOP_BLOCK, STEPS = 5 };

static void gradient_set(hoop_params *p, int step)
{
    for (int i = 0; i < N; i++)
        ((double *)hoop_params_grad(p))[i] = i == 0 ? 0.0 : hoop_random_normal((hoop_key){5, (uint64_t)step}, (uint64_t)i);
}

/* the weights after some steps */
static void weights_of(const hoop_optim_opts *opts, double out[N])
{
    hoop_params *p;
    hoop_tensor *x;
    hoop_optim  *o;
    test_ok(hoop_params_create(HOOP_F64, why, &p));
    test_ok(hoop_params_add(p, "x", 1, (int64_t[]){N}, why, &x));
    test_ok(hoop_params_finalize(p, NULL, why));
    for (int i = 0; i < N; i++) ((double *)hoop_tensor_data(x))[i] = 0.01 * i;
    test_ok(hoop_optim_create(opts, p, why, &o));
    for (int step = 0; step < STEPS; step++) {
        gradient_set(p, step);
        hoop_optim_update(o, test_rt, 0, 1, hoop_optim_lr(o), 1.0);
        hoop_optim_advance(o);
    }
    memcpy(out, hoop_tensor_data(x), N * sizeof *out);
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

/* in the order of hoop_optim_kind: what the table's defaults give */
static void zero_is_the_default(void **state)
{
    static const char *const names[] = {"adamw", "adam", "sgd"};
    double                   zeroed[N], filled[N];
    hoop_optim_opts          opts;
    (void)state;
    test_ok(hoop_option_defaults(&hoop_optim_options, &opts));
    assert_int_equal(opts.kind, 0);
    for (int kind = HOOP_ADAMW; kind <= HOOP_SGD; kind++) {
        test_ok(hoop_option_parse(hoop_option_find(&hoop_optim_options, "name"), names[kind], &opts, why));
        assert_int_equal(opts.kind, kind);
        weights_of(&opts, filled);
        weights_of(&(hoop_optim_opts){.kind = kind}, zeroed);
        assert_memory_equal(zeroed, filled, sizeof filled);
        assert_true(zeroed[0] == 0.0 && isfinite(zeroed[1]) && zeroed[1] != 0.01); /* no gradient at 0 */
    }
    weights_of(NULL, zeroed);
    weights_of(&(hoop_optim_opts){.kind = HOOP_ADAMW, .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}, filled);
    assert_memory_equal(zeroed, filled, sizeof filled);
}

static void explicit_zero(void **state)
{
    hoop_optim_opts opts;
    double          got[N], plain[N], v = 0.0, w = 0.05;
    (void)state;
    test_ok(hoop_option_defaults(&hoop_optim_options, &opts)); /* as a config says it */
    test_ok(hoop_option_parse(hoop_option_find(&hoop_optim_options, "lr"), "0", &opts, why));
    weights_of(&opts, got);
    for (int i = 0; i < N; i++) assert_true(got[i] == 0.01 * i);
    weights_of(&(hoop_optim_opts){.beta1 = HOOP_ZERO}, got);
    weights_of(&(hoop_optim_opts){.beta1 = 0.0}, plain);
    assert_memory_not_equal(got, plain, sizeof got);
    for (int step = 0; step < STEPS; step++) { /* no first moment: the gradient itself */
        double g = hoop_random_normal((hoop_key){5, (uint64_t)step}, 5);
        v        = 0.999 * v + 0.001 * g * g;
        w -= 1e-3 * g / (sqrt(v / (1.0 - pow(0.999, step + 1))) + 1e-8);
    }
    assert_true(fabs(got[5] - w) < 1e-12);
}

static void options_are_checked(void **state)
{
    static const struct {
        hoop_optim_opts opts;
        const char     *says;
    } bad[] = {{{.lr = -1.0}, "lr"},
               {{.lr = (double)NAN}, "lr"},
               {{.lr = (double)INFINITY}, "lr"},
               {{.beta1 = 1.0}, "beta1"},
               {{.beta2 = -0.5}, "beta2"},
               {{.eps = -1e-8}, "eps"},
               {{.weight_decay = -0.1}, "weight_decay"},
               {{.kind = HOOP_SGD, .momentum = 1.5}, "momentum"},
               {{.kind = HOOP_SGD, .nesterov = true}, "nesterov"},
               {{.kind = 3}, "name"},
               {{.kind = -1}, "name"}};
    hoop_params *p;
    hoop_optim  *o;
    (void)state;
    test_ok(hoop_params_create(HOOP_F32, why, &p));
    test_ok(hoop_params_finalize(p, NULL, why));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        hoop_error err = {.status = HOOP_OK};
        test_failed(hoop_optim_create(&bad[i].opts, p, &err, &o), &err, HOOP_ECONFIG, "optimizer", bad[i].says, NULL);
        assert_null(o);
        assert_int_equal(hoop_optim_create(&bad[i].opts, p, NULL, &o), HOOP_ECONFIG);
    }
    hoop_params_destroy(&p);
}

static void schedules(void **state)
{
    hoop_schedule_opts cosine = {.kind = HOOP_SCHEDULE_COSINE, .warmup_steps = 10, .min_factor = 0.1},
                       step   = {.kind = HOOP_SCHEDULE_STEP};
    (void)state;
    for (int64_t i = 0; i < 10; i++) assert_true(hoop_schedule_factor(&cosine, i, 110) == (double)(i + 1) / 10.0);
    for (int64_t i = 10; i < 110; i++) {
        double want = 0.1 + 0.45 * (1.0 + cos(3.14159265358979323846 * (double)(i - 10) / 100.0));
        assert_true(fabs(hoop_schedule_factor(&cosine, i, 110) - want) < 1e-15);
    }
    assert_true(hoop_schedule_factor(&cosine, 10, 110) == 1.0 && hoop_schedule_factor(&cosine, 110, 110) == 0.1);
    assert_true(hoop_schedule_factor(&cosine, 60, 110) == 0.1 + 0.45); /* cos(pi / 2) is 0 */
    assert_true(hoop_schedule_factor(&(hoop_schedule_opts){0}, 77, 100) == 1.0);
    for (int64_t i = 0; i < 5000; i += 499) /* every 1000 steps by 0.1 */
        assert_true(fabs(hoop_schedule_factor(&step, i, 5000) / pow(0.1, (double)(i / 1000)) - 1.0) < 1e-15);
    step.every_steps = 7, step.gamma = HOOP_ZERO;
    assert_true(hoop_schedule_factor(&step, 6, 50) == 1.0 && hoop_schedule_factor(&step, 7, 50) == 0.0);
    step.every_steps = -1;
    assert_true(isnan(hoop_schedule_factor(&step, 7, 50)));
    step.every_steps = 1, step.gamma = 2.0;
    assert_true(isnan(hoop_schedule_factor(&step, 7, 50)));
    step.kind = 3;
    assert_true(isnan(hoop_schedule_factor(&step, 7, 50)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(zero_is_the_default), cmocka_unit_test(explicit_zero),
                                       cmocka_unit_test(options_are_checked), cmocka_unit_test(schedules)};
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
