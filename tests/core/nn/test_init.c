/* Ways to fill a parameter: the moments, angles and zeros that each promises, who fills what, and what goes with no parameter. */
#include "tape_test.h"

#include "hoop/nn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUT = 120, IN = 200 };

/* linears (OUT, IN) and (IN, OUT) called "a" and "b", a table of 40 rows whose third is padding */
static hoop_model *model_of(hoop_dtype dtype)
{
    hoop_model  *m;
    hoop_module *p;
    hoop_shape   in[2] = {{.dtype = dtype, .ndim = 2, .size = {-1, IN}}, {.dtype = HOOP_I64, .ndim = 2, .size = {-1, 1}}};
    test_ok(hoop_model_create(dtype, why, &m));
    test_ok(hoop_module_add(hoop_model_root(m), hoop_module_kind_find("parallel"), "p",
                            &(hoop_parallel_opts){.inputs = HOOP_INPUTS_EACH}, why, &p));
    test_ok(hoop_module_add(p, hoop_module_kind_find("sequential"), "net", NULL, why, &p));
    test_ok(hoop_module_add(p, hoop_module_kind_find("linear"), "a", &(hoop_linear_opts){.out = OUT}, why, NULL));
    test_ok(hoop_module_add(p, hoop_module_kind_find("prelu"), "slope", NULL, why, NULL));
    test_ok(hoop_module_add(p, hoop_module_kind_find("linear"), "b", &(hoop_linear_opts){.out = IN}, why, NULL));
    test_ok(hoop_module_add(hoop_module_first(hoop_model_root(m)), hoop_module_kind_find("embedding"), "table",
                            &(hoop_embedding_opts){.rows = 40, .width = 100, .padding_idx = {1, {-38}}}, why, NULL));
    test_ok(hoop_model_build(m, 2, in, why));
    test_ok(hoop_model_finalize(m, NULL, why));
    return m;
}

static const double *values(const hoop_model *m, const char *name, int64_t *n)
{
    hoop_params *p = hoop_model_params(m);
    int          i = hoop_params_find(p, name);
    assert_true(i >= 0);
    *n = hoop_tensor_numel(hoop_params_tensor(p, i));
    return hoop_tensor_data(hoop_params_tensor(p, i));
}

/* options of a kind, with its defaults, one of them another number */
static void *opts_of(const hoop_init_kind *k, const char *key, double value)
{
    char              *opts = calloc(1, k->opts_size + 1);
    const hoop_option *row  = key == NULL ? NULL : hoop_option_find(&k->options, key);
    assert_non_null(opts);
    assert_int_equal(hoop_option_defaults(&k->options, opts), HOOP_OK);
    if (row != NULL) memcpy(opts + row->offset, &value, sizeof value);
    return opts;
}

static void fill(hoop_model *m, const char *match, const char *name, const char *key, double value)
{
    const hoop_init_kind *k    = hoop_init_kind_find(name);
    void                 *opts = opts_of(k, key, value);
    test_ok(hoop_model_init_rules(m, &(hoop_init_rule){match, k, opts}, 1, 7, why, NULL));
    free(opts);
}

/* mean, standard deviation, least and largest, within five standard errors of 24,000 draws */
static void moments(void **state)
{
    static const struct {
        const char *name, *key;
        double      value, mean, std, least, most; /* fans: IN and OUT */
    } rows[] = {
        {"uniform", NULL, 0, 0.5, 0.288675, 0, 1},
        {"uniform", "a", -1, 0, 0.577350, -1, 1},
        {"normal", NULL, 0, 0, 1, -5.5, 5.5},
        {"normal", "std", 0.02, 0, 0.02, -0.11, 0.11},
        {"trunc_normal", NULL, 0, 0, 0.879626, -2, 2},
        {"trunc_normal", "a", 0.5, 1.04299, 0.38767, 0.5, 2},
        {"xavier_uniform", NULL, 0, 0, 0.0790569, -0.136931, 0.136931},
        {"xavier_normal", "gain", 2, 0, 0.158114, -0.85, 0.85},
        {"kaiming_uniform", NULL, 0, 0, 0.1, -0.173206, 0.173206},
        {"kaiming_uniform", "a", 2.2360679775, 0, 0.0408248, -0.0707107, 0.0707107},
        {"kaiming_normal", NULL, 0, 0, 0.1, -0.55, 0.55},
        {"ones", NULL, 0, 1, 0, 1, 1},
        {"zeros", NULL, 0, 0, 0, 0, 0},
        {"constant", "value", -3.5, -3.5, 0, -3.5, -3.5},
    };
    hoop_model *m = model_of(HOOP_F64);
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        double        sum = 0, squares = 0, least = INFINITY, most = -INFINITY, mean, std;
        int64_t       n;
        const double *x;
        fill(m, "*.a.weight", rows[r].name, rows[r].key, rows[r].value);
        x = values(m, "p.net.a.weight", &n);
        for (int64_t i = 0; i < n; i++) {
            sum += x[i];
            squares += x[i] * x[i];
            least = fmin(least, x[i]);
            most  = fmax(most, x[i]);
        }
        mean = sum / (double)n;
        std  = sqrt(fmax(squares / (double)n - mean * mean, 0));
        if (fabs(mean - rows[r].mean) > 5.5 * rows[r].std / sqrt((double)n) + 1e-12 ||
            fabs(std - rows[r].std) > 0.03 * rows[r].std + 1e-12 || least < rows[r].least || most > rows[r].most)
            fail_msg("%s %s: mean %g, std %g, from %g to %g", rows[r].name, rows[r].key == NULL ? "" : rows[r].key, mean, std,
                     least, most);
    }
    hoop_model_destroy(&m);
}

/* fan_out, and gains of what stands behind: the k-th number of a bound */
static void kaiming_modes(void **state)
{
    hoop_model           *m    = model_of(HOOP_F64);
    const hoop_init_kind *k    = hoop_init_kind_find("kaiming_uniform");
    char                 *opts = opts_of(k, NULL, 0);
    int64_t               n;
    const double         *x;
    double                most = 0;
    (void)state;
    test_ok(hoop_option_parse(hoop_option_find(&k->options, "mode"), "fan_out", opts, why));
    test_ok(hoop_option_parse(hoop_option_find(&k->options, "nonlinearity"), "tanh", opts, why));
    test_ok(hoop_model_init_rules(m, &(hoop_init_rule){"*.a.weight", k, opts}, 1, 7, why, NULL));
    x = values(m, "p.net.a.weight", &n);
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
    assert_true(most <= sqrt(3.0 / OUT) * 5 / 3 && most > 0.999 * sqrt(3.0 / OUT) * 5 / 3);
    free(opts);
    hoop_model_destroy(&m);
}

static void orthogonal_at(const hoop_model *m, const char *name, int64_t rows, int64_t cols)
{
    int64_t       n;
    const double *x = values(m, name, &n);
    int64_t       k = rows < cols ? rows : cols, length = rows < cols ? cols : rows, step = rows < cols ? 1 : cols;
    int64_t       next = rows < cols ? cols : 1;
    assert_int_equal(n, rows * cols);
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = i; j < k; j++) {
            double dot = 0;
            for (int64_t l = 0; l < length; l++) dot += x[i * next + l * step] * x[j * next + l * step];
            if (fabs(dot - (i == j ? 4.0 : 0.0)) > 1e-12)
                fail_msg("%s: %d and %d have the product %g", name, (int)i, (int)j, dot);
        }
    }
}

static void orthogonality(void **state)
{
    hoop_model   *m = model_of(HOOP_F64);
    int64_t       n;
    const double *x;
    double        sum = 0;
    (void)state;
    fill(m, "*[ab].weight", "orthogonal", "gain", 2);
    orthogonal_at(m, "p.net.a.weight", OUT, IN);
    orthogonal_at(m, "p.net.b.weight", IN, OUT);
    x = values(m, "p.net.a.weight", &n); /* no side is preferred: R's diagonal is positive, so Q's is not */
    for (int64_t i = 0; i < OUT; i++) sum += x[i * IN + i] > 0 ? 1 : -1;
    assert_true(fabs(sum) < 5 * sqrt((double)OUT));
    hoop_model_destroy(&m);
}

static void zeros_of_columns(void **state)
{
    hoop_model   *m = model_of(HOOP_F64);
    int64_t       n;
    const double *x;
    int           other = 0;
    (void)state;
    fill(m, "*.a.weight", "sparse", "sparsity", 0.301); /* of 120 rows 37, rounded up */
    x = values(m, "p.net.a.weight", &n);
    for (int64_t c = 0; c < IN; c++) {
        int zeros = 0;
        for (int64_t r = 0; r < OUT; r++) zeros += x[r * IN + c] == 0.0;
        assert_int_equal(zeros, 37);
        other += c > 0 && (x[c] == 0.0) != (x[0] == 0.0);
    }
    assert_true(other > 20); /* not the same rows everywhere */
    fill(m, "*.b.weight", "eye", NULL, 0);
    x = values(m, "p.net.b.weight", &n);
    for (int64_t i = 0; i < n; i++) assert_true(x[i] == (i / OUT == i % OUT ? 1.0 : 0.0));
    hoop_model_destroy(&m);
}

/* The first rule that matches; the rest as PyTorch: slopes 1/4, the padding row 0 whoever fills the table. */
static void first_match(void **state)
{
    hoop_model          *m = model_of(HOOP_F64), *plain = model_of(HOOP_F64);
    const double         seven = 7, eight = 8;
    const hoop_init_rule rules[] = {{"*.b.*", hoop_init_kind_find("constant"), &seven},
                                    {"*.weight", hoop_init_kind_find("constant"), &eight}};
    int64_t              n, k;
    const double        *x, *y;
    (void)state;
    test_ok(hoop_model_init(plain, HOOP_INIT_PYTORCH, 7));
    x = values(plain, "p.net.slope.weight", &n);
    assert_true(n == 1 && x[0] == 0.25);
    x = values(plain, "p.table.weight", &n);
    for (int64_t i = 0; i < n; i++) assert_true((x[i] == 0.0) == (i / 100 == 2));
    test_ok(hoop_model_init_rules(m, rules, 2, 7, why, NULL));
    assert_true(values(m, "p.net.b.weight", &n)[0] == 7 && values(m, "p.net.b.bias", &n)[0] == 7);
    assert_true(values(m, "p.net.a.weight", &n)[0] == 8 && values(m, "p.net.slope.weight", &n)[0] == 8);
    x = values(m, "p.table.weight", &n);
    for (int64_t i = 0; i < n; i++) assert_true(x[i] == (i / 100 == 2 ? 0.0 : 8.0));
    x = values(m, "p.net.a.bias", &n);
    y = values(plain, "p.net.a.bias", &k);
    assert_memory_equal(x, y, (size_t)n * sizeof *x);
    hoop_model_destroy(&m);
    hoop_model_destroy(&plain);
}

static void refused(hoop_model *m, const hoop_init_rule *rules, int n, hoop_status st, int which, const char *words)
{
    int        bad = -2;
    hoop_error err = {.status = HOOP_OK};
    assert_int_equal(hoop_model_init_rules(m, rules, n, 7, &err, &bad), st);
    assert_int_equal(bad, which);
    if (strstr(err.text, words) == NULL) fail_msg("'%s' does not say '%s'", err.text, words);
}

static void misfits(void **state)
{
    hoop_model           *m    = model_of(HOOP_F32);
    const hoop_init_kind *ones = hoop_init_kind_find("ones"), *eye = hoop_init_kind_find("eye");
    const hoop_init_rule  rules[] = {{"*.weight", ones, NULL}, {"*.a.weight", ones, NULL}, {"*.c.weight", ones, NULL}};
    void                 *opts    = opts_of(hoop_init_kind_find("orthogonal"), NULL, 0);
    (void)state;
    refused(m, rules, 2, HOOP_EARG, 1, "'*.a.weight' are filled by items above it");
    refused(m, rules + 1, 2, HOOP_EARG, 1, "no parameter is called '*.c.weight'");
    refused(m, &(hoop_init_rule){"*.bias", eye, NULL}, 1, HOOP_ESHAPE, 0, "eye of p.net.a.bias: it has 1 dims");
    refused(m, &(hoop_init_rule){"*.bias", hoop_init_kind_find("orthogonal"), opts}, 1, HOOP_ESHAPE, 0, "2 or more");
    refused(m, &(hoop_init_rule){"*.bias", hoop_init_kind_find("sparse"), opts}, 1, HOOP_ESHAPE, 0, "columns are of 2");
    refused(m, &(hoop_init_rule){"*.bias", hoop_init_kind_find("xavier_normal"), opts}, 1, HOOP_ESHAPE, 0, "2 or more");
    free(opts);
    opts = opts_of(hoop_init_kind_find("uniform"), "b", -1);
    refused(m, &(hoop_init_rule){"*.bias", hoop_init_kind_find("uniform"), opts}, 1, HOOP_EARG, 0, "is not below");
    free(opts);
    assert_null(hoop_init_kind_find("kaiming"));
    hoop_model_destroy(&m);
}

/* f32 is f64 rounded, whatever the way: the same draws */
static void rounded_once(void **state)
{
    hoop_model           *m = model_of(HOOP_F64), *f = model_of(HOOP_F32);
    const hoop_init_kind *k;
    (void)state;
    for (int i = 0; (k = hoop_init_kind_get(i)) != NULL; i++) {
        void         *opts = opts_of(k, "sparsity", 0.5);
        int64_t       n, same;
        const double *x;
        const float  *y;
        test_ok(hoop_model_init_rules(m, &(hoop_init_rule){"*.a.weight", k, opts}, 1, 3, why, NULL));
        test_ok(hoop_model_init_rules(f, &(hoop_init_rule){"*.a.weight", k, opts}, 1, 3, why, NULL));
        x = values(m, "p.net.a.weight", &n);
        y = (const float *)(const void *)values(f, "p.net.a.weight", &same);
        assert_int_equal(n, same);
        for (int64_t j = 0; j < n; j++) assert_true((float)x[j] == y[j]);
        free(opts);
    }
    hoop_model_destroy(&m);
    hoop_model_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),          cmocka_unit_test(kaiming_modes), cmocka_unit_test(orthogonality),
        cmocka_unit_test(zeros_of_columns), cmocka_unit_test(first_match),   cmocka_unit_test(misfits),
        cmocka_unit_test(rounded_once),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
