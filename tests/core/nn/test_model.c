/* Models: initialisation by what a parameter is, kinds of modules that ask for too much, calls out of order. */
#include "tape_test.h"

#include "hoop/nn.h"

#include <math.h>
#include <string.h>

/* an embedding (rows, width) and a linear of `out` behind it, finalized */
static hoop_model *embedded_linear(hoop_dtype dtype, int64_t rows, int64_t width, int64_t out)
{
    hoop_model *m;
    test_ok(hoop_model_create(dtype, why, &m));
    test_ok(hoop_module_add(hoop_model_root(m), hoop_module_kind_find("embedding"), "table",
                            &(hoop_embedding_opts){.rows = rows, .width = width}, why, NULL));
    test_ok(hoop_module_add(hoop_model_root(m), hoop_module_kind_find("linear"), "linear", &(hoop_linear_opts){.out = out}, why,
                            NULL));
    test_ok(hoop_model_build(m, 1, &(hoop_shape){.dtype = HOOP_I64, .ndim = 1}, why));
    test_ok(hoop_model_finalize(m, NULL, why));
    return m;
}

static void moments(const hoop_model *m, const char *name, double *mean, double *std, double *most)
{
    hoop_params *p = hoop_model_params(m);
    int          i = hoop_params_find(p, name);
    double      *x, sum = 0.0, squares = 0.0;
    int64_t      n;
    assert_true(i >= 0);
    x     = hoop_tensor_data(hoop_params_tensor(p, i));
    n     = hoop_tensor_numel(hoop_params_tensor(p, i));
    *most = 0.0;
    for (int64_t k = 0; k < n; k++) {
        sum += x[k];
        squares += x[k] * x[k];
        *most = fmax(*most, fabs(x[k]));
    }
    *mean = sum / (double)n;
    *std  = sqrt(squares / (double)n - *mean * *mean);
}

/* the moments that the schemes promise, within five standard errors of 64,000 draws */
static void init_schemes(void **state)
{
    static const struct {
        hoop_init init;
        double    weight_std, weight_most, bias_most; /* fan_in 64, fan_out 1000 */
    } schemes[]   = {{HOOP_INIT_PYTORCH, 0.125 / 1.7320508, 0.125, 0.125},
                     {HOOP_INIT_HE, 0.1767767, 1.0, 0.0},
                     {HOOP_INIT_GLOROT, 0.0750939 / 1.7320508, 0.0750940, 0.0}};
    hoop_model *m = embedded_linear(HOOP_F64, 1000, 64, 1000);
    double      mean, std, most;
    (void)state;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        test_ok(hoop_model_init(m, schemes[i].init, 5));
        moments(m, "table.weight", &mean, &std, &most); /* N(0, 1), as torch.nn.Embedding */
        assert_true(fabs(mean) < 0.02 && fabs(std - 1.0) < 0.015 && most > 3.5 && most < 6.5);
        moments(m, "linear.weight", &mean, &std, &most);
        assert_true(fabs(mean) < 5.0 * schemes[i].weight_std / 252.0);
        assert_true(fabs(std / schemes[i].weight_std - 1.0) < 0.015 && most <= schemes[i].weight_most);
        moments(m, "linear.bias", &mean, &std, &most);
        assert_true(most <= schemes[i].bias_most && (schemes[i].bias_most == 0.0 || most > 0.9 * schemes[i].bias_most));
    }
    hoop_model_destroy(&m);
}

/* an element follows from seed, name and its place: not from sizes, chunks or other parameters */
static void init_is_keyed(void **state)
{
    hoop_model *a = embedded_linear(HOOP_F64, 1000, 64, 7), *b = embedded_linear(HOOP_F64, 333, 64, 3);
    (void)state;
    for (int init = HOOP_INIT_PYTORCH; init <= HOOP_INIT_GLOROT; init++) {
        if (init == HOOP_INIT_GLOROT) continue; /* its bound holds the number of outputs */
        test_ok(hoop_model_init(a, (hoop_init)init, 5));
        test_ok(hoop_model_init(b, (hoop_init)init, 5));
        for (int i = 0; i < 2; i++) {
            hoop_tensor *x = hoop_params_tensor(hoop_model_params(a), i), *y = hoop_params_tensor(hoop_model_params(b), i);
            assert_memory_equal(hoop_tensor_data(x), hoop_tensor_data(y), (size_t)hoop_tensor_numel(y) * sizeof(double));
        }
        test_ok(hoop_model_init(b, (hoop_init)init, 6));
        assert_memory_not_equal(hoop_params_data(hoop_model_params(a)), hoop_params_data(hoop_model_params(b)), 64);
    }
    hoop_model_destroy(&a);
    hoop_model_destroy(&b);
}

static void init_out_of_order(void **state)
{
    hoop_model  *m;
    hoop_tensor *x;
    (void)state;
    test_ok(hoop_model_create(HOOP_F32, why, &m));
    test_ok(hoop_params_add(hoop_model_params(m), "w", 1, (int64_t[]){3}, why, &x));
    assert_int_equal(hoop_model_init(m, HOOP_INIT_HE, 1), HOOP_ESTATE);
    assert_int_equal(hoop_param_init(hoop_model_params(m), 0, HOOP_INIT_HE, 1, 1), HOOP_ESTATE);
    test_ok(hoop_model_finalize(m, NULL, why));
    test_ok(hoop_model_init(m, HOOP_INIT_PYTORCH, 1)); /* registered by hand */
    assert_true(((float *)hoop_tensor_data(x))[0] != 0.0F);
    assert_int_equal(hoop_param_init(hoop_model_params(m), 1, HOOP_INIT_HE, 1, 1), HOOP_EARG);
    assert_int_equal(hoop_param_init(hoop_model_params(m), -1, HOOP_INIT_HE, 1, 1), HOOP_EARG);
    assert_int_equal(hoop_param_init(hoop_model_params(m), 0, (hoop_init)3, 1, 1), HOOP_EARG);
    hoop_model_destroy(&m);
}

/* Parameters of the caller's own before the modules' and behind them: each is filled as what it is. */
static void init_by_parameter(void **state)
{
    hoop_model   *plain = embedded_linear(HOOP_F64, 10, 8, 6), *m;
    hoop_tensor  *before, *behind;
    const double *w;
    (void)state;
    test_ok(hoop_model_create(HOOP_F64, why, &m));
    test_ok(hoop_params_add(hoop_model_params(m), "before", 1, (int64_t[]){3}, why, &before));
    test_ok(hoop_module_add(hoop_model_root(m), hoop_module_kind_find("embedding"), "table",
                            &(hoop_embedding_opts){.rows = 10, .width = 8}, why, NULL));
    test_ok(
        hoop_module_add(hoop_model_root(m), hoop_module_kind_find("linear"), "linear", &(hoop_linear_opts){.out = 6}, why, NULL));
    test_ok(hoop_model_build(m, 1, &(hoop_shape){.dtype = HOOP_I64, .ndim = 1}, why));
    test_ok(hoop_params_add(hoop_model_params(m), "behind", 2, (int64_t[]){3, 2}, why, &behind));
    test_ok(hoop_model_finalize(m, NULL, why));
    for (int init = HOOP_INIT_PYTORCH; init <= HOOP_INIT_GLOROT; init++) {
        test_ok(hoop_model_init(m, (hoop_init)init, 5));
        test_ok(hoop_model_init(plain, (hoop_init)init, 5));
        for (int i = 0; i < hoop_params_count(hoop_model_params(plain)); i++) {
            hoop_tensor *x = hoop_params_tensor(hoop_model_params(plain), i),
                        *y = hoop_params_tensor(hoop_model_params(m), i + 1);
            assert_string_equal(hoop_params_name(hoop_model_params(plain), i), hoop_params_name(hoop_model_params(m), i + 1));
            assert_memory_equal(hoop_tensor_data(x), hoop_tensor_data(y), (size_t)hoop_tensor_numel(x) * sizeof(double));
        }
        w = hoop_tensor_data(before);
        assert_true((w[0] == 0.0) == (init != HOOP_INIT_PYTORCH)); /* one dim is a bias */
        w = hoop_tensor_data(behind);
        assert_true(w[0] != 0.0);
    }
    hoop_model_destroy(&m);
    hoop_model_destroy(&plain);
}

/* ---- kinds of the user's own ---- */

static const hoop_shape rows_of_three = {.dtype = HOOP_F32, .ndim = 2, .size = {1, 3}};

static hoop_tensor *same_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m, (void)t;
    return x;
}
static int         asked;
static hoop_status asking_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    char        longest[300];
    hoop_status st;
    (void)ndim, (void)shape;
    memset(longest, 'n', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    if (asked == 0) return hoop_module_param(m, HOOP_MODULE_SLOTS, "w", HOOP_PARAM_WEIGHT, 1, (int64_t[]){3}, 1, err);
    if (asked == 1) return hoop_module_buffer(m, -1, "w", HOOP_F32, 1, (int64_t[]){3}, err);
    if (asked == 2) return hoop_module_param(m, 0, longest, HOOP_PARAM_WEIGHT, 1, (int64_t[]){3}, 1, err);
    st = hoop_module_buffer(m, 1, "b", HOOP_F32, 1, (int64_t[]){3}, err);
    if (asked == 3 && st == HOOP_OK) st = hoop_module_param(m, 1, "w", HOOP_PARAM_WEIGHT, 1, (int64_t[]){3}, 1, err);
    assert_null(hoop_module_tensor(m, HOOP_MODULE_SLOTS));
    assert_null(hoop_module_tensor(m, -1));
    return st;
}
static const hoop_module_kind asking = {.name = "asking", .build = asking_build, .forward = same_forward},
                              idle   = {.name = "idle"};

static void kinds_are_checked(void **state)
{
    static const char *const says[] = {"slot 64", "slot -1", "more than", "taken"};
    hoop_error               err;
    hoop_model              *m;
    hoop_module             *root, *leaf;
    (void)state;
    for (asked = 0; asked < 4; asked++) {
        test_ok(hoop_model_create(HOOP_F32, why, &m));
        test_ok(hoop_module_add(hoop_model_root(m), &asking, "part", NULL, why, NULL));
        err.status = HOOP_OK;
        test_failed(hoop_model_build(m, 1, &rows_of_three, &err), &err, HOOP_EARG, "part", says[asked], NULL);
        hoop_model_destroy(&m);
    }
    test_ok(hoop_model_create(HOOP_F32, why, &m));
    root = hoop_model_root(m);
    test_ok(hoop_module_add(root, &asking, "part", NULL, why, &leaf));
    test_ok(hoop_model_build(m, 1, &rows_of_three, why));
    err.status = HOOP_OK;
    test_failed(hoop_model_build(m, 1, &rows_of_three, &err), &err, HOOP_ESTATE, "built", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_module_add(root, hoop_module_kind_find("lienar"), "x", NULL, &err, NULL), &err, HOOP_EARG, "'x'", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_module_add(root, &idle, "x", NULL, &err, NULL), &err, HOOP_EARG, "forward", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_module_add(root, &asking, "a.b", NULL, &err, NULL), &err, HOOP_EARG, "'.'", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_module_add(leaf, &asking, "x", NULL, &err, NULL), &err, HOOP_EARG, "under a asking", NULL);
    hoop_model_destroy(&m);
}

static hoop_status silent_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    (void)m, (void)ndim, (void)shape, (void)err;
    return HOOP_ESHAPE;
}

static void a_silent_build_has_an_error(void **state)
{
    static const hoop_module_kind silent = {.name = "silent", .build = silent_build, .forward = same_forward};
    hoop_error                    err    = {.status = HOOP_OK};
    hoop_model                   *m;
    (void)state;
    test_ok(hoop_model_create(HOOP_F32, why, &m));
    test_ok(hoop_module_add(hoop_model_root(m), &silent, "part", NULL, why, NULL));
    test_failed(hoop_model_build(m, 1, &rows_of_three, &err), &err, HOOP_ESHAPE, "part", "silent", NULL);
    hoop_model_destroy(&m);
}

/* forward takes a sum where build has said nothing of it */
static hoop_tensor *summing_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_sum(t, x, 2, true);
}

static void forward_gives_what_build_said(void **state)
{
    static const hoop_module_kind summing = {.name = "summing", .forward = summing_forward};
    float                         x[6]    = {0};
    hoop_tensor                  *in, *out;
    hoop_model                   *m;
    hoop_tape                    *t = test_tape();
    (void)state;
    test_ok(hoop_model_create(HOOP_F32, why, &m));
    test_ok(hoop_module_add(hoop_model_root(m), &summing, "part", NULL, why, NULL));
    test_ok(hoop_model_build(m, 1, &rows_of_three, why));
    test_ok(hoop_model_finalize(m, NULL, why));
    in = hoop_tape_wrap(t, HOOP_F32, 2, (int64_t[]){2, 3}, x);
    hoop_model_forward(m, t, 1, &in, &out);
    test_failed(hoop_tape_error(t)->status, hoop_tape_error(t), HOOP_ESHAPE, "part", "summing", "(N, 1)", "(N, 3)", NULL);
    hoop_tape_destroy(&t);
    hoop_model_destroy(&m);
}

/* what every row of the tables says: its name, a line on it, defaults that parse */
static void rows_are_whole(void **state)
{
    static char             opts[65536];
    const hoop_module_kind *k;
    const hoop_init_kind   *init;
    (void)state;
    for (int i = 0; (k = hoop_module_kind_get(i)) != NULL; i++) {
        assert_ptr_equal(hoop_module_kind_find(k->name), k);
        if (k->help == NULL || k->opts_size > sizeof opts || hoop_option_defaults(&k->options, opts) != HOOP_OK ||
            (k->main_option != NULL && hoop_option_find(&k->options, k->main_option) == NULL))
            fail_msg("%s: a line of help, defaults that parse, and a main_option that is one of its options are wanted", k->name);
    }
    for (int i = 0; (init = hoop_init_kind_get(i)) != NULL; i++) {
        assert_ptr_equal(hoop_init_kind_find(init->name), init);
        if (init->help == NULL || init->opts_size > sizeof opts || hoop_option_defaults(&init->options, opts) != HOOP_OK)
            fail_msg("%s: a line of help and defaults that parse are wanted", init->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_whole),
                                       cmocka_unit_test(forward_gives_what_build_said),
                                       cmocka_unit_test(init_schemes),
                                       cmocka_unit_test(init_is_keyed),
                                       cmocka_unit_test(init_out_of_order),
                                       cmocka_unit_test(init_by_parameter),
                                       cmocka_unit_test(a_silent_build_has_an_error),
                                       cmocka_unit_test(kinds_are_checked)};
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
