/* Optimisers and schedules: zero stands for the default, an explicit zero for zero, what is out of range is refused; groups of
 * parameters; ranges that keep whole what must be. */
#include "tape_test.h"

#include "hoop/optim.h"
#include "matrix_optim.h"

#include <stdlib.h>
#include <string.h>

enum { N = HOOP_BLOCK, STEPS = 5 };

static void gradient_set(hoop_params *p, int step)
{
    for (int i = 0; i < N * hoop_params_nblocks(p); i++)
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
        test_ok(hoop_optim_update(o, test_rt, 0, 1, 1.0, 1.0, why));
        hoop_optim_advance(o);
    }
    memcpy(out, hoop_tensor_data(x), N * sizeof *out);
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

static void kinds_are_whole(void **state)
{
    const hoop_optim_kind    *k;
    const hoop_schedule_kind *s;
    (void)state;
    for (int i = 0; (k = hoop_optim_kind_get(i)) != NULL; i++) {
        assert_true(k->name[0] != '\0' && k->help[0] != '\0' && (k->update != NULL) == (k->search == NULL));
        assert_ptr_equal(hoop_optim_kind_find(k->name), k);
        assert_non_null(hoop_option_find(&k->options, "lr"));
        assert_true(k->search != NULL || hoop_option_find(&k->options, "weight_decay") != NULL);
        assert_null(hoop_option_find(&k->options, "match")); /* what a group is of */
    }
    for (int i = 0; (s = hoop_schedule_kind_get(i)) != NULL; i++) {
        assert_true(s->name[0] != '\0' && s->help[0] != '\0' && (s->factor == NULL) == (s->factor_now != NULL));
        assert_ptr_equal(hoop_schedule_kind_find(s->name), s);
    }
    assert_string_equal(hoop_optim_kind_get(0)->name, "adamw");
    assert_string_equal(hoop_schedule_kind_get(0)->name, "constant");
    assert_null(hoop_optim_kind_get(-1));
    assert_null(hoop_optim_kind_find("adamax"));
    assert_null(hoop_schedule_kind_find(""));
}

static void zero_is_the_default(void **state)
{
    double zeroed[N], filled[N];
    (void)state;
    for (int i = 0; hoop_optim_kind_get(i) != NULL; i++) {
        const hoop_optim_kind *k    = hoop_optim_kind_get(i);
        void                  *opts = calloc(1, k->opts_size);
        test_ok(hoop_option_defaults(&k->options, opts));
        if (k->search != NULL) { /* test_lbfgs */
            free(opts);
            continue;
        }
        weights_of(&(hoop_optim_opts){.name = k->name, .opts = opts}, filled);
        weights_of(&(hoop_optim_opts){.kind = k}, zeroed);
        assert_memory_equal(zeroed, filled, sizeof filled);
        assert_true(zeroed[0] == 0.0 && isfinite(zeroed[1]) && zeroed[1] != 0.01); /* no gradient at 0 */
        free(opts);
    }
    weights_of(NULL, zeroed);
    weights_of(
        &(hoop_optim_opts){.name = "adamw", .opts = &(hoop_adam_opts){.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}},
        filled);
    assert_memory_equal(zeroed, filled, sizeof filled);
}

static void explicit_zero(void **state)
{
    const hoop_option_table *table = &hoop_optim_kind_find("adamw")->options;
    hoop_adam_opts           opts;
    double                   got[N], plain[N], v = 0.0, w = 0.05;
    (void)state;
    test_ok(hoop_option_defaults(table, &opts)); /* as a config says it */
    test_ok(hoop_option_parse(hoop_option_find(table, "lr"), "0", &opts, why));
    weights_of(&(hoop_optim_opts){.opts = &opts}, got);
    for (int i = 0; i < N; i++) assert_true(got[i] == 0.01 * i);
    weights_of(&(hoop_optim_opts){.opts = &(hoop_adam_opts){.beta1 = HOOP_ZERO}}, got);
    weights_of(&(hoop_optim_opts){.opts = &(hoop_adam_opts){.beta1 = 0.0}}, plain);
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
        const char    *name;
        hoop_adam_opts adam;
        hoop_sgd_opts  sgd;
        const char    *says;
    } bad[] = {{"adamw", {.lr = -1.0}, {0}, "lr"},
               {"adamw", {.lr = (double)NAN}, {0}, "lr"},
               {"adam", {.lr = (double)INFINITY}, {0}, "lr"},
               {"adam", {.beta1 = 1.0}, {0}, "beta1"},
               {"adamw", {.beta2 = -0.5}, {0}, "beta2"},
               {"adamw", {.eps = -1e-8}, {0}, "eps"},
               {"adamw", {.weight_decay = -0.1}, {0}, "weight_decay"},
               {"sgd", {0}, {.momentum = 1.5}, "momentum"},
               {"sgd", {0}, {.nesterov = true}, "nesterov: wants a momentum above 0"},
               {"sgd", {0}, {.nesterov = true, .momentum = 0.5, .dampening = 0.5}, "nesterov"},
               {"adams", {0}, {0}, "none called 'adams'; did you mean 'adam"}};
    hoop_params *p;
    hoop_optim  *o;
    (void)state;
    test_ok(hoop_params_create(HOOP_F32, why, &p));
    test_ok(hoop_params_finalize(p, NULL, why));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const bool            sgd  = strcmp(bad[i].name, "sgd") == 0;
        const hoop_optim_opts opts = {.name = bad[i].name, .opts = sgd ? (const void *)&bad[i].sgd : &bad[i].adam};
        hoop_error            err  = {.status = HOOP_OK};
        test_failed(hoop_optim_create(&opts, p, &err, &o), &err, HOOP_ECONFIG, "optimizer", bad[i].says, NULL);
        assert_null(o);
        assert_int_equal(hoop_optim_create(&opts, p, NULL, &o), HOOP_ECONFIG);
    }
    hoop_params_destroy(&p);
}

static int nine_states(const void *opts, const char **names)
{
    (void)opts;
    for (int i = 0; i < HOOP_OPTIM_STATES; i++) names[i] = "x";
    return HOOP_OPTIM_STATES + 1;
}

static void broken_kinds_are_refused(void **state)
{
    hoop_optim_kind kind = matrix_optim;
    hoop_error      err  = {.status = HOOP_OK};
    hoop_params    *p;
    hoop_optim     *o;
    (void)state;
    test_ok(hoop_params_create(HOOP_F32, why, &p));
    test_ok(hoop_params_finalize(p, NULL, why));
    kind.states = nine_states;
    test_failed(hoop_optim_create(&(hoop_optim_opts){.kind = &kind}, p, &err, &o), &err, HOOP_EARG, "9 state arrays", NULL);
    kind               = matrix_optim;
    kind.options.count = 0;
    err                = (hoop_error){.status = HOOP_OK};
    test_failed(hoop_optim_create(&(hoop_optim_opts){.kind = &kind}, p, &err, &o), &err, HOOP_EARG, "lr among its options", NULL);
    assert_null(o);
    hoop_params_destroy(&p);
}

/* ---- groups and wholes ---- */

enum { PARAMS = 5 };
static const char *const param_names[PARAMS] = {"layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias", "scale"};
static const int64_t     shapes[PARAMS][2]   = {{70, 3}, {70, 0}, {5, 70}, {5, 0}, {1, 0}}; /* 2, 1, 3, 1, 1 blocks */

static hoop_params *store(void)
{
    hoop_params *p;
    test_ok(hoop_params_create(HOOP_F64, why, &p));
    for (int i = 0; i < PARAMS; i++) {
        hoop_tensor *x;
        test_ok(hoop_params_add(p, param_names[i], shapes[i][1] > 0 ? 2 : 1, shapes[i], why, &x));
    }
    test_ok(hoop_params_finalize(p, NULL, why));
    assert_int_equal(hoop_params_nblocks(p), 8);
    for (int i = 0; i < PARAMS; i++) {
        hoop_tensor *x = hoop_params_tensor(p, i);
        for (int64_t j = 0; j < hoop_tensor_numel(x); j++) ((double *)hoop_tensor_data(x))[j] = 1.0 + 0.01 * (double)j;
    }
    return p;
}

/* steps of an optimiser whose ranges end at the blocks of `cuts` (0 ends them) */
static void train_store(hoop_params *p, const hoop_optim_opts *opts, const int64_t *cuts, hoop_optim **out)
{
    test_ok(hoop_optim_create(opts, p, why, out));
    for (int step = 0; step < STEPS; step++) {
        int64_t first = 0;
        gradient_set(p, step);
        for (int i = 0; i < PARAMS; i++) { /* behind each parameter's last element there is none */
            const int64_t n = hoop_tensor_numel(hoop_params_tensor(p, i)), all = N * hoop_params_nblocks_of(p, i);
            memset((double *)hoop_params_grad_of(p, i) + n, 0, (size_t)(all - n) * sizeof(double));
        }
        for (int i = 0; cuts[i] > 0; first = cuts[i++]) {
            test_ok(hoop_optim_update(*out, test_rt, first, cuts[i] - first, 0.5, 1.0, why));
        }
        test_ok(hoop_optim_update(*out, test_rt, first, 8 - first, 0.5, 1.0, why));
        hoop_optim_advance(*out);
    }
}

/* Each parameter ends as in a store that has the options of its group for all. */
static void groups_have_options_of_their_own(void **state)
{
    static const hoop_sgd_opts base = {.lr = 0.1, .weight_decay = 0.1}, bias = {.lr = 0.1, .weight_decay = 0.0},
                               second        = {.lr = 0.02, .weight_decay = 0.1, .momentum = 0.9};
    static const hoop_optim_group groups[]   = {{"*.bias", &bias}, {"layers.2.*", &second}};
    static const int              of[PARAMS] = {-1, 0, 1, 0, -1};
    static const int64_t          cuts[][4]  = {{0}, {1, 2, 5, 0}, {3, 6, 7, 0}};
    const hoop_sgd_opts          *alone[]    = {&bias, &second, &base};
    hoop_params                  *want[3];
    hoop_optim                   *o;
    (void)state;
    for (int g = 0; g < 3; g++) {
        want[g] = store();
        train_store(want[g], &(hoop_optim_opts){.name = "sgd", .opts = alone[g]}, cuts[0], &o);
        hoop_optim_destroy(&o);
    }
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        hoop_params *p = store();
        train_store(p, &(hoop_optim_opts){.name = "sgd", .opts = &base, .groups = groups, .ngroups = 2}, cuts[c], &o);
        assert_int_equal(hoop_optim_state_count(o), 1); /* what any group keeps */
        assert_string_equal(hoop_optim_state_name(o, 0), "momentum_buffer");
        assert_true(hoop_optim_lr(o) == 0.1);
        for (int i = 0; i < PARAMS; i++) {
            const hoop_tensor *x = hoop_params_tensor(p, i), *w = hoop_params_tensor(want[of[i] < 0 ? 2 : of[i]], i);
            assert_int_equal(hoop_optim_group_of(o, i), of[i]);
            assert_memory_equal(hoop_tensor_data(x), hoop_tensor_data(w), (size_t)hoop_tensor_numel(x) * sizeof(double));
        }
        hoop_optim_destroy(&o);
        hoop_params_destroy(&p);
    }
    for (int g = 0; g < 3; g++) hoop_params_destroy(&want[g]);
}

static void groups_are_checked(void **state)
{
    static const hoop_sgd_opts bad = {.nesterov = true}, good = {0};
    hoop_error                 err = {.status = HOOP_OK};
    hoop_params               *p   = store();
    hoop_optim                *o;
    hoop_optim_opts opts = {.name = "sgd", .groups = (hoop_optim_group[]){{"*.bias", &good}, {"*.weigth", &good}}, .ngroups = 2};
    (void)state;
    test_failed(hoop_optim_create(&opts, p, &err, &o), &err, HOOP_ECONFIG, "groups[1]", "no parameter is called like '*.weigth'",
                "layers.0.weight", NULL);
    opts.groups  = (hoop_optim_group[]){{"*.bias", &bad}};
    opts.ngroups = 1;
    err          = (hoop_error){.status = HOOP_OK};
    test_failed(hoop_optim_create(&opts, p, &err, &o), &err, HOOP_ECONFIG, "optimizer: groups[0]", "nesterov", NULL);
    opts.groups  = (hoop_optim_group[]){{"*", &good}, {"layers.*", &good}}; /* one that gets nothing is fine */
    opts.ngroups = 2;
    test_ok(hoop_optim_create(&opts, p, why, &o));
    for (int i = 0; i < PARAMS; i++) assert_int_equal(hoop_optim_group_of(o, i), 0);
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

static void matrices_stay_whole(void **state)
{
    static const bool    whole[PARAMS] = {true, false, true, false, false};
    static const int64_t cuts[][4]     = {{0}, {2, 3, 6, 0}, {6, 7, 0}};
    hoop_params         *first         = NULL;
    hoop_optim          *o;
    hoop_error           err = {.status = HOOP_OK};
    (void)state;
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        hoop_params *p = store();
        matrix_wholes = matrix_wrong = 0;
        train_store(p, &(hoop_optim_opts){.kind = &matrix_optim}, cuts[c], &o);
        assert_true(matrix_wholes == 2 * STEPS && matrix_wrong == 0);
        for (int i = 0; i < PARAMS; i++) assert_true(hoop_optim_whole(o, i) == whole[i]);
        assert_int_equal(hoop_optim_granularity(o), HOOP_BY_MATRIX);
        if (first != NULL) assert_memory_equal(hoop_params_data(p), hoop_params_data(first), 8 * N * sizeof(double));
        test_failed(hoop_optim_update(o, test_rt, 0, 1, 1.0, 1.0, &err), &err, HOOP_EARG,
                    "layers.0.weight must be updated as a whole", "block 1", NULL);
        err = (hoop_error){.status = HOOP_OK};
        test_failed(hoop_optim_update(o, test_rt, 4, 4, 1.0, 1.0, &err), &err, HOOP_EARG, "layers.2.weight", NULL);
        err = (hoop_error){.status = HOOP_OK};
        hoop_optim_destroy(&o);
        if (first == NULL)
            first = p;
        else
            hoop_params_destroy(&p);
    }
    hoop_params_destroy(&first);
}

/* ---- schedules ---- */

static double factor_of(const hoop_schedule_opts *opts, int64_t step, int64_t total)
{
    hoop_schedule *s;
    double         f;
    test_ok(hoop_schedule_create(opts, why, &s));
    f = hoop_schedule_factor(s, step, total);
    hoop_schedule_destroy(&s);
    return f;
}

static void schedules(void **state)
{
    hoop_step_opts     drops  = {0};
    hoop_schedule_opts cosine = {.name = "cosine", .opts = &(hoop_cosine_opts){.min_factor = 0.1}, .warmup_steps = 10},
                       step   = {.name = "step", .opts = &drops};
    hoop_schedule *s;
    hoop_error     err = {.status = HOOP_OK};
    (void)state;
    for (int64_t i = 0; i < 10; i++) assert_true(factor_of(&cosine, i, 110) == (double)(i + 1) / 10.0);
    for (int64_t i = 10; i < 110; i++) {
        double want = 0.1 + 0.45 * (1.0 + cos(3.14159265358979323846 * (double)(i - 10) / 100.0));
        assert_true(fabs(factor_of(&cosine, i, 110) - want) < 1e-15);
    }
    assert_true(factor_of(&cosine, 10, 110) == 1.0 && factor_of(&cosine, 110, 110) == 0.1);
    assert_true(factor_of(&cosine, 60, 110) == 0.1 + 0.45); /* cos(pi / 2) is 0 */
    assert_true(factor_of(NULL, 77, 100) == 1.0);
    for (int64_t i = 0; i < 5000; i += 499) /* every 1000 steps by 0.1 */
        assert_true(fabs(factor_of(&step, i, 5000) / pow(0.1, (double)(i / 1000)) - 1.0) < 1e-15);
    drops = (hoop_step_opts){.every_steps = 7, .gamma = HOOP_ZERO};
    assert_true(factor_of(&step, 6, 50) == 1.0 && factor_of(&step, 7, 50) == 0.0);
    drops = (hoop_step_opts){.every_steps = -1};
    test_failed(hoop_schedule_create(&step, &err, &s), &err, HOOP_ECONFIG, "schedule: every_steps", NULL);
    assert_null(s);
    drops = (hoop_step_opts){.gamma = 2.0};
    err   = (hoop_error){.status = HOOP_OK};
    test_failed(hoop_schedule_create(&step, &err, &s), &err, HOOP_ECONFIG, "gamma", NULL);
    err = (hoop_error){.status = HOOP_OK};
    test_failed(hoop_schedule_create(&(hoop_schedule_opts){.name = "sine"}, &err, &s), &err, HOOP_ECONFIG, "'sine'", NULL);
    err = (hoop_error){.status = HOOP_OK};
    test_failed(hoop_schedule_create(&(hoop_schedule_opts){.warmup_steps = -5}, &err, &s), &err, HOOP_ECONFIG, "warmup_steps",
                NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_whole),
        cmocka_unit_test(zero_is_the_default),
        cmocka_unit_test(explicit_zero),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(broken_kinds_are_refused),
        cmocka_unit_test(groups_have_options_of_their_own),
        cmocka_unit_test(groups_are_checked),
        cmocka_unit_test(matrices_stay_whole),
        cmocka_unit_test(schedules),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
