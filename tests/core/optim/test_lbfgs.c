/* L-BFGS against torch.optim.LBFGS on three functions (lbfgs.golden, written by lbfgs.py): loss and evaluations of each of 20
 * steps, and where these end; the same bits on threads and gone on with from its states; losses that are not finite; what is
 * refused. */
#include "tape_test.h"

#include "hoop/optim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 20, MOST_PARAMS = 4, MOST = 64, LINE = 8192 };
#include "lines.h"

static struct {
    int     params, ndim[MOST_PARAMS], n;
    int64_t shape[MOST_PARAMS][HOOP_MAX_DIMS];
    double  begin[MOST]; /* of all, one after the other */
} golden;

static void open_golden(void)
{
    memset(&golden, 0, sizeof golden);
    open_lines();
    while (next_line() && strncmp(line, "case ", 5) != 0) {
        double v[MOST];
        int    n;
        if (strncmp(line, "param ", 6) == 0) {
            n                          = numbers(line + 6, v);
            golden.ndim[golden.params] = n - 1;
            for (int d = 1; d < n; d++) golden.shape[golden.params][d - 1] = (int64_t)v[d];
            golden.params++;
        } else {
            assert_true(strncmp(line, "begin ", 6) == 0);
            golden.n += numbers(line + 6, golden.begin + golden.n);
        }
    }
    held = true;
}

/* ---- the functions of lbfgs.py, and their gradients ---- */

typedef double function(int n, const double *x, double *g);

static double quadratic(int n, const double *x, double *g)
{
    double f = 0, d[MOST];
    for (int i = 0; i < n; i++) d[i] = x[i] - (double)i / n;
    for (int i = 0; i < n; i++) {
        const double a = pow(10, 3.0 * i / (n - 1));
        f += a * d[i] * d[i] / 2;
        g[i] = a * d[i] + ((i > 0 ? d[i - 1] : 0) + (i + 1 < n ? d[i + 1] : 0)) / 4;
        if (i > 0) f += d[i] * d[i - 1] / 4;
    }
    return f;
}

static double rosenbrock(int n, const double *x, double *g)
{
    double f = 0;
    memset(g, 0, (size_t)n * sizeof *g);
    for (int i = 0; i + 1 < n; i++) {
        const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        f += 100 * a * a + b * b;
        g[i] += -400 * a * x[i] - 2 * b;
        g[i + 1] += 200 * a;
    }
    return f;
}

static double valleys(int n, const double *x, double *g)
{
    double f = 0;
    memset(g, 0, (size_t)n * sizeof *g);
    for (int i = 0; i < n; i++) {
        const int    j = (i + n - 1) % n;
        const double s = x[i] + 0.5 * x[j], d = 4 * s * s * s - 4 * s + 0.5;
        f += s * s * s * s - 2 * s * s + s / 2;
        g[i] += d;
        g[j] += 0.5 * d;
    }
    return f;
}

/* infinite beyond |x| = 2, and its slope there not a number */
static double walled(int n, const double *x, double *g)
{
    for (int i = 0; i < n; i++) {
        if (fabs(x[i]) < 2) continue;
        for (int k = 0; k < n; k++) g[k] = NAN;
        return x[i] > 0 ? INFINITY : NAN;
    }
    return quadratic(n, x, g);
}

static function *find(const char *name)
{
    return strcmp(name, "quadratic") == 0 ? quadratic : strcmp(name, "rosenbrock") == 0 ? rosenbrock : valleys;
}

/* ---- a store, and steps on it ---- */

static double get(hoop_dtype dtype, const void *x, int64_t i)
{
    return dtype == HOOP_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static void put(hoop_dtype dtype, void *x, int64_t i, double v)
{
    if (dtype == HOOP_F64)
        ((double *)x)[i] = v;
    else
        ((float *)x)[i] = (float)v;
}

static hoop_params *store(hoop_dtype dtype)
{
    hoop_params  *p;
    const double *from = golden.begin;
    test_ok(hoop_params_create(dtype, why, &p));
    for (int i = 0; i < golden.params; i++) {
        char         name[16];
        hoop_tensor *x;
        (void)snprintf(name, sizeof name, "p%d", i);
        test_ok(hoop_params_add(p, name, golden.ndim[i], golden.shape[i], why, &x));
    }
    test_ok(hoop_params_finalize(p, NULL, why));
    for (int i = 0; i < golden.params; i++) {
        hoop_tensor *x = hoop_params_tensor(p, i);
        for (int64_t j = 0; j < hoop_tensor_numel(x); j++) put(dtype, hoop_tensor_data(x), j, *from++);
    }
    return p;
}

static void all_values(const hoop_params *p, double *out)
{
    for (int i = 0; i < golden.params; i++) {
        const hoop_tensor *x = hoop_params_tensor(p, i);
        for (int64_t j = 0; j < hoop_tensor_numel(x); j++) *out++ = get(hoop_params_dtype(p), hoop_tensor_data(x), j);
    }
}

/* One evaluation, its gradient as a sum of two. True: there is another. */
static bool evaluate(function *f, hoop_params *p, hoop_optim *o, const hoop_runtime *rt, double *loss)
{
    double        x[MOST], g[MOST];
    const double *from = g;
    bool          again;
    all_values(p, x);
    *loss = f(golden.n, x, g);
    for (int i = 0; i < golden.params; i++)
        for (int64_t j = 0; j < hoop_tensor_numel(hoop_params_tensor(p, i)); j++)
            put(hoop_params_dtype(p), hoop_params_grad_of(p, i), j, 2.0 * *from++);
    test_ok(hoop_optim_tell(o, rt, *loss, 1.0, 0.5, why, &again));
    return again;
}

/* evaluations of one step, and the loss where it began */
static int take_step(function *f, hoop_params *p, hoop_optim *o, const hoop_runtime *rt, double *loss)
{
    double other;
    int    n = 1;
    for (bool again = evaluate(f, p, o, rt, loss); again; n++) again = evaluate(f, p, o, rt, &other);
    hoop_optim_advance(o);
    return n;
}

/* what a checkpoint holds, into another optimiser */
static hoop_optim *move_on(hoop_optim **from, const hoop_optim_opts *opts, hoop_params *p)
{
    hoop_optim   *to;
    int           n;
    const double *numbers_of;
    const size_t  size = hoop_dtype_size(hoop_params_dtype(p));
    test_ok(hoop_optim_create(opts, p, why, &to));
    numbers_of = hoop_optim_numbers(*from, &n);
    memcpy(hoop_optim_numbers(to, &n), numbers_of, (size_t)n * sizeof(double));
    for (int s = 0; s < hoop_optim_state_count(to); s++) {
        assert_string_equal(hoop_optim_state_name(*from, s), hoop_optim_state_name(to, s));
        for (int i = 0; i < golden.params; i++) {
            int64_t      shape[HOOP_MAX_DIMS];
            const size_t at = (size_t)(hoop_params_first_block(p, i) * HOOP_BLOCK) * size;
            if (hoop_optim_state_shape(to, s, i, shape) < 0) continue;
            memcpy((char *)hoop_optim_state(to, s) + at, (char *)hoop_optim_state(*from, s) + at,
                   (size_t)hoop_tensor_numel(hoop_params_tensor(p, i)) * size);
        }
    }
    hoop_optim_set_step(to, hoop_optim_step(*from));
    hoop_optim_destroy(from);
    return to;
}

static void steps(function *f, hoop_params *p, const hoop_optim_opts *opts, const hoop_runtime *rt, bool again)
{
    hoop_optim *o;
    double      loss;
    test_ok(hoop_optim_create(opts, p, why, &o));
    for (int step = 0; step < STEPS; step++) {
        if (again && step % 7 == 3) o = move_on(&o, opts, p);
        (void)take_step(f, p, o, rt, &loss);
    }
    hoop_optim_destroy(&o);
}

/* on threads, gone on with from states: the same bits, in both precisions */
static void same_any_way(function *f, const hoop_optim_opts *opts)
{
    hoop_runtime *threads;
    test_ok(hoop_runtime_create(&(hoop_runtime_opts){.threads = 3}, why, &threads));
    for (int d = 0; d < 2; d++) {
        const hoop_dtype dtype = d == 0 ? HOOP_F64 : HOOP_F32;
        hoop_params     *want  = store(dtype);
        steps(f, want, opts, test_rt, false);
        for (int way = 1; way < 4; way++) {
            hoop_params *p = store(dtype);
            double       a[MOST], b[MOST];
            steps(f, p, opts, (way & 1) != 0 ? threads : test_rt, (way & 2) != 0);
            all_values(want, a);
            all_values(p, b);
            assert_memory_equal(a, b, (size_t)golden.n * sizeof *a);
            hoop_params_destroy(&p);
        }
        hoop_params_destroy(&want);
    }
    hoop_runtime_destroy(&threads);
}

static void near(int number, const char *what, double got, double want, double most)
{
    if (!(fabs(got - want) <= most * (fabs(want) > 1.0 ? fabs(want) : 1.0)))
        fail_msg("case %d, %s: %.17g, want %.17g", number, what, got, want);
}

static void pytorchs_numbers(void **state)
{
    const hoop_optim_kind *kind  = hoop_optim_kind_find("lbfgs");
    int                    cases = 0;
    (void)state;
    open_golden();
    while (next_line()) {
        hoop_lbfgs_opts       own = {0};
        const hoop_optim_opts all = {.kind = kind, .opts = &own};
        function             *f   = find(line + 5);
        hoop_params          *p   = store(HOOP_F64);
        hoop_optim           *o;
        double                v[MOST], got[MOST], loss, want, most;
        assert_true(strncmp(line, "case ", 5) == 0);
        test_ok(hoop_option_defaults(&kind->options, &own));
        while (next_line() && strncmp(line, "option ", 7) == 0) {
            char *value = strchr(line + 7, ' ');
            *value++    = '\0';
            test_ok(hoop_option_parse(hoop_option_find(&kind->options, line + 7), value, &own, why));
        }
        assert_int_equal(sscanf(line, "rounding %lf", &most), 1);
        most = most < 1e-13 ? 1e-12 : 10 * most;
        test_ok(hoop_optim_create(&all, p, why, &o));
        for (int step = 0; step < STEPS; step++) {
            int evaluations = 0, n;
            assert_true(next_line() && sscanf(line, "step %d %lf", &evaluations, &want) == 2);
            n = take_step(f, p, o, test_rt, &loss);
            if (n != evaluations) fail_msg("case %d, step %d: %d evaluations, want %d", cases, step, n, evaluations);
            near(cases, "loss", loss, want, most);
        }
        assert_true(next_line() && strncmp(line, "end ", 4) == 0);
        assert_int_equal(numbers(line + 4, v), golden.n);
        all_values(p, got);
        for (int i = 0; i < golden.n; i++) near(cases, "weight", got[i], v[i], most);
        hoop_optim_destroy(&o);
        hoop_params_destroy(&p);
        same_any_way(f, &all);
        cases++;
    }
    (void)fclose(file);
    assert_int_equal(cases, 11);
}

/* a search turns back from where the loss is not finite; where a step begins there, it is an error */
static void walls(void **state)
{
    const hoop_lbfgs_opts far = {.lr = 1e3, .max_iter = 8, .max_eval = 100};
    const hoop_optim_opts all = {.name = "lbfgs", .opts = &far};
    hoop_params          *p;
    hoop_optim           *o;
    double                first, loss;
    bool                  again;
    (void)state;
    open_golden();
    (void)fclose(file);
    p = store(HOOP_F64);
    test_ok(hoop_optim_create(&all, p, why, &o));
    (void)take_step(walled, p, o, test_rt, &first);
    (void)take_step(walled, p, o, test_rt, &loss);
    assert_true(loss < 0.1 * first);
    assert_int_equal(hoop_optim_tell(o, test_rt, NAN, 1.0, 1.0, NULL, &again), HOOP_ENONFINITE);
    assert_false(again);
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

/* a mean of the weights, by steps; frozen parameters stay */
static void means_and_frozen(void **state)
{
    const hoop_optim_opts all = {.name = "lbfgs", .opts = &(hoop_lbfgs_opts){.max_iter = 2, .history_size = 3}, .ema_decay = 0.9};
    hoop_params          *p;
    hoop_optim           *o;
    double                loss, mean = 0;
    (void)state;
    open_golden();
    (void)fclose(file);
    p = store(HOOP_F64);
    test_ok(hoop_optim_create(&all, p, why, &o));
    assert_int_equal(hoop_optim_state_count(o), 2 + 2 * 3 + 1);
    for (int step = 0; step < 6; step++) {
        const double *w = hoop_params_data(p);
        (void)take_step(rosenbrock, p, o, test_rt, &loss);
        mean = step == 0 ? w[0] : 0.9 * mean + 0.1 * w[0];
        near(step, "ema", *(const double *)hoop_optim_ema(o), mean, 1e-12);
    }
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

/* numbers of a file that was written to by somebody else */
static void broken_numbers(void **state)
{
    enum { KEPT = 5 };
    static const double broken[] = {1e6, 4, -1, NAN};
    (void)state;
    open_golden();
    (void)fclose(file);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        hoop_params *p = store(HOOP_F64);
        hoop_optim  *o;
        hoop_error   err = {.status = HOOP_OK};
        double       loss;
        int64_t      shape[HOOP_MAX_DIMS];
        int          n;
        bool         again;
        test_ok(
            hoop_optim_create(&(hoop_optim_opts){.name = "lbfgs", .opts = &(hoop_lbfgs_opts){.history_size = 3}}, p, why, &o));
        for (int step = 0; step < 2; step++) (void)take_step(quadratic, p, o, test_rt, &loss);
        assert_true(hoop_optim_numbers(o, &n)[KEPT] == 3);
        hoop_optim_numbers(o, &n)[KEPT] = broken[i];
        for (int s = 2; s < hoop_optim_state_count(o); s++) (void)hoop_optim_state_shape(o, s, 0, shape);
        assert_int_equal(hoop_optim_tell(o, test_rt, 1.0, 1.0, 1.0, &err, &again), HOOP_EFORMAT);
        assert_non_null(strstr(err.text, "optimizer lbfgs: no search has left the numbers"));
        assert_false(again);
        hoop_optim_destroy(&o);
        hoop_params_destroy(&p);
    }
}

static void refusals(void **state)
{
    const hoop_optim_group group = {.match = "p1", .opts = &(hoop_lbfgs_opts){.lr = 0.1}};
    hoop_error             err   = {.status = HOOP_OK};
    hoop_params           *p;
    hoop_optim            *o;
    bool                   again;
    (void)state;
    open_golden();
    (void)fclose(file);
    p = store(HOOP_F64);
    assert_int_equal(hoop_optim_create(&(hoop_optim_opts){.name = "lbfgs", .groups = &group, .ngroups = 1}, p, &err, &o),
                     HOOP_ECONFIG);
    assert_non_null(strstr(err.text, "lbfgs takes all parameters as one vector"));
    assert_int_equal(
        hoop_optim_create(&(hoop_optim_opts){.name = "lbfgs", .opts = &(hoop_lbfgs_opts){.history_size = 1001}}, p, NULL, &o),
        HOOP_ECONFIG);
    test_ok(hoop_optim_create(&(hoop_optim_opts){.name = "lbfgs"}, p, why, &o));
    assert_true(hoop_optim_searches(o));
    assert_int_equal(hoop_optim_update(o, test_rt, 0, hoop_params_nblocks(p), 1.0, 1.0, NULL), HOOP_EARG);
    hoop_optim_destroy(&o);
    test_ok(hoop_optim_create(&(hoop_optim_opts){.name = "sgd"}, p, why, &o));
    assert_false(hoop_optim_searches(o));
    assert_int_equal(hoop_optim_tell(o, test_rt, 1.0, 1.0, 1.0, NULL, &again), HOOP_EARG);
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pytorchs_numbers), cmocka_unit_test(walls),    cmocka_unit_test(means_and_frozen),
        cmocka_unit_test(broken_numbers),   cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
