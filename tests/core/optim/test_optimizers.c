/* What optimisers make of parameters in 20 steps, held to PyTorch's numbers (optimizers.golden, written by optimizers.py) and, of
 * those it has not, to the papers' algorithms; in ranges of any cut, on threads, and gone on with from their states. */
#include "tape_test.h"

#include "hoop/optim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 20, MOST_PARAMS = 4, MOST = 64, LINE = 8192 };
#include "lines.h"

static struct golden {
    int     params, ndim[MOST_PARAMS];
    int64_t shape[MOST_PARAMS][HOOP_MAX_DIMS];
    int     n[MOST_PARAMS];
    double  begin[MOST_PARAMS][MOST], gradient[STEPS][MOST_PARAMS][MOST];
} golden;

/* by step, of a case that says them: of lr, and momentum or beta1 (0: that of the options) */
static double factors[64], momenta[64];

static void open_golden(void)
{
    int gradients = 0;
    memset(&golden, 0, sizeof golden);
    open_lines();
    while (next_line() && strncmp(line, "case ", 5) != 0) {
        double v[MOST];
        if (strncmp(line, "param ", 6) == 0) {
            const int n                = numbers(line + 6, v);
            golden.ndim[golden.params] = n - 1;
            for (int d = 1; d < n; d++) golden.shape[golden.params][d - 1] = (int64_t)v[d];
            golden.params++;
        } else if (strncmp(line, "begin ", 6) == 0) {
            golden.n[golden.params - 1] = numbers(line + 6, golden.begin[golden.params - 1]);
        } else {
            assert_true(strncmp(line, "gradient ", 9) == 0);
            numbers(line + 9, golden.gradient[gradients / golden.params][gradients % golden.params]);
            gradients++;
        }
    }
    held = true;
    assert_int_equal(gradients, STEPS * golden.params);
}

/* what stands before its cases */
static void read_golden(void)
{
    open_golden();
    (void)fclose(file);
}

/* ---- a store of these parameters ---- */

static void put(hoop_dtype dtype, void *x, int64_t i, double v)
{
    if (dtype == HOOP_F64)
        ((double *)x)[i] = v;
    else
        ((float *)x)[i] = (float)v;
}

static double get(hoop_dtype dtype, const void *x, int64_t i)
{
    return dtype == HOOP_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static hoop_params *store(hoop_dtype dtype)
{
    hoop_params *p;
    test_ok(hoop_params_create(dtype, why, &p));
    for (int i = 0; i < golden.params; i++) {
        char         name[16];
        hoop_tensor *x;
        (void)snprintf(name, sizeof name, "p%d", i);
        test_ok(hoop_params_add(p, name, golden.ndim[i], golden.shape[i], why, &x));
    }
    test_ok(hoop_params_finalize(p, NULL, why));
    for (int i = 0; i < golden.params; i++)
        for (int j = 0; j < golden.n[i]; j++) put(dtype, hoop_tensor_data(hoop_params_tensor(p, i)), j, golden.begin[i][j]);
    return p;
}

/* Step `step`, its gradient as a sum of two; `cut`: a range a parameter */
static void take_step(hoop_params *p, hoop_optim *o, const hoop_runtime *rt, int step, bool cut)
{
    const hoop_dtype dtype  = hoop_params_dtype(p);
    const double     factor = momenta[0] > 0 ? factors[step] : 1.0;
    if (momenta[0] > 0) hoop_optim_set_momentum(o, momenta[step]);
    for (int i = 0; i < golden.params; i++)
        for (int j = 0; j < golden.n[i]; j++) put(dtype, hoop_params_grad_of(p, i), j, 2.0 * golden.gradient[step][i][j]);
    if (cut)
        for (int64_t b = hoop_params_nblocks(p) - 1; b >= 0; b--) test_ok(hoop_optim_update(o, rt, b, 1, factor, 0.5, why));
    else
        test_ok(hoop_optim_update(o, rt, 0, hoop_params_nblocks(p), factor, 0.5, why));
    hoop_optim_advance(o);
}

static void copy_states(const hoop_optim *from, hoop_optim *to, const hoop_params *p)
{
    for (int s = 0; s < hoop_optim_state_count(from); s++) {
        for (int i = 0; i < golden.params; i++) {
            int64_t      shape[HOOP_MAX_DIMS], n = 1;
            const int    ndim = hoop_optim_state_shape(from, s, i, shape);
            const size_t size = hoop_dtype_size(hoop_params_dtype(p)),
                         at   = (size_t)(hoop_params_first_block(p, i) * HOOP_BLOCK) * size;
            for (int d = 0; d < ndim; d++) n *= shape[d];
            if (ndim >= 0) memcpy((char *)hoop_optim_state(to, s) + at, (char *)hoop_optim_state(from, s) + at, (size_t)n * size);
        }
    }
    hoop_optim_set_step(to, hoop_optim_step(from));
}

/* All steps; `again`: half-way by another optimiser, which has what a checkpoint holds */
static hoop_optim *run(hoop_params *p, const hoop_optim_opts *opts, const hoop_runtime *rt, bool cut, bool again)
{
    hoop_optim *o, *second;
    test_ok(hoop_optim_create(opts, p, why, &o));
    for (int step = 0; step < STEPS; step++) {
        if (again && step == STEPS / 2) {
            test_ok(hoop_optim_create(opts, p, why, &second));
            copy_states(o, second, p);
            hoop_optim_destroy(&o);
            o = second;
        }
        take_step(p, o, rt, step, cut);
    }
    return o;
}

/* Whatever way it went, the bits are the same. */
static void same_any_way(const hoop_optim_opts *opts, hoop_dtype dtype, const hoop_params *want)
{
    hoop_runtime *threads;
    test_ok(hoop_runtime_create(&(hoop_runtime_opts){.threads = 3}, why, &threads));
    for (int way = 1; way < 8; way++) {
        hoop_params *p = store(dtype);
        hoop_optim  *o = run(p, opts, (way & 4) != 0 ? threads : test_rt, (way & 1) != 0, (way & 2) != 0);
        for (int i = 0; i < golden.params; i++)
            assert_memory_equal(hoop_tensor_data(hoop_params_tensor(p, i)), hoop_tensor_data(hoop_params_tensor(want, i)),
                                (size_t)golden.n[i] * hoop_dtype_size(dtype));
        hoop_optim_destroy(&o);
        hoop_params_destroy(&p);
    }
    hoop_runtime_destroy(&threads);
}

static void near(const char *what, int number, hoop_dtype dtype, double got, double want, double scale)
{
    const double tolerance = dtype == HOOP_F64 ? 1e-12 : 2e-4;
    if (!(fabs(got - want) <= tolerance * (scale > 1.0 ? scale : 1.0)))
        fail_msg("case %d, %s, %s: %.17g, want %.17g", number, what, hoop_dtype_name(dtype), got, want);
}

static void pytorchs_numbers(void **state)
{
    int cases = 0;
    (void)state;
    open_golden();
    while (next_line()) {
        char                   what[64], *opts;
        const hoop_optim_kind *kind;
        hoop_params           *p[2];
        hoop_optim            *o[2];
        assert_true(strncmp(line, "case ", 5) == 0);
        (void)snprintf(what, sizeof what, "%s", line + 5);
        kind = hoop_optim_kind_find(what);
        assert_non_null(kind);
        opts = calloc(1, kind->opts_size);
        test_ok(hoop_option_defaults(&kind->options, opts));
        while (next_line() && strncmp(line, "option ", 7) == 0) {
            char              *value = strchr(line + 7, ' ');
            const hoop_option *row;
            *value++ = '\0';
            row      = hoop_option_find(&kind->options, line + 7);
            if (row == NULL) fail_msg("%s has no %s", what, line + 7);
            test_ok(hoop_option_parse(row, value, opts, why));
        }
        memset(momenta, 0, sizeof momenta);
        if (strncmp(line, "factors ", 8) == 0) {
            assert_int_equal(numbers(line + 8, factors), STEPS);
            assert_true(next_line() && strncmp(line, "momenta ", 8) == 0);
            assert_int_equal(numbers(line + 8, momenta), STEPS);
        } else {
            held = true;
        }
        for (int d = 0; d < 2; d++) {
            const hoop_dtype      dtype = d == 0 ? HOOP_F64 : HOOP_F32;
            const hoop_optim_opts all   = {.kind = kind, .opts = opts, .momentum = momenta[0]};
            p[d]                        = store(dtype);
            o[d]                        = run(p[d], &all, test_rt, false, false);
            same_any_way(&all, dtype, p[d]);
        }
        for (int i = 0; next_line() && strncmp(line, "end", 3) == 0; i++) {
            double    v[MOST];
            const int n = numbers(line + 3, v);
            assert_int_equal(n, golden.n[i]);
            for (int d = 0; d < 2; d++)
                for (int j = 0; j < n; j++)
                    near(what, cases, hoop_params_dtype(p[d]),
                         get(hoop_params_dtype(p[d]), hoop_tensor_data(hoop_params_tensor(p[d], i)), j), v[j], fabs(v[j]));
        }
        held = true;
        for (int at = 0; next_line() && strncmp(line, "state ", 6) == 0; at++) {
            char     *value = line + 6 + strcspn(line + 6, " ");
            double    v[MOST];
            int64_t   shape[HOOP_MAX_DIMS], numel = 1;
            int       n, ndim = -1, s = 0;
            const int i = at % golden.params;
            if (*value != '\0') *value++ = '\0';
            n = numbers(value, v);
            while (s < hoop_optim_state_count(o[0]) && strcmp(hoop_optim_state_name(o[0], s), line + 6) != 0) s++;
            if (s < hoop_optim_state_count(o[0])) ndim = hoop_optim_state_shape(o[0], s, i, shape);
            for (int d = 0; d < ndim; d++) numel *= shape[d];
            if (ndim < 0 ? n != 0 : n != numel)
                fail_msg("case %d, %s: %s of p%d: %d numbers are wanted", cases, what, line + 6, i, n);
            for (int j = 0; j < n; j++) {
                const double *x = (double *)hoop_optim_state(o[0], s) + hoop_params_first_block(p[0], i) * HOOP_BLOCK;
                near(line + 6, cases, HOOP_F64, x[j], v[j], fabs(v[j]));
            }
        }
        held = true;
        if (feof(file)) held = false;
        for (int d = 0; d < 2; d++) {
            hoop_optim_destroy(&o[d]);
            hoop_params_destroy(&p[d]);
        }
        free(opts);
        cases++;
    }
    (void)fclose(file);
    momenta[0] = 0;
    assert_int_equal(cases, 31);
}

/* ---- those PyTorch has not, as their papers say it ---- */

enum { BIG_ROWS = 37, BIG_COLS = 301, BIG = BIG_ROWS * BIG_COLS, BIG_STEPS = 3 }; /* for what comes behind these, too */

typedef struct formula {
    double w[BIG], m[BIG], v[BIG];
    int    n;
} formula;

static double norm_reference(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

/* algorithm 2 of Chen et al. 2023 */
static void lion_reference(const void *opts, formula *f, const double *g, int step)
{
    const hoop_lion_opts *o = opts;
    (void)step;
    for (int i = 0; i < f->n; i++) {
        const double d = o->maximize ? -g[i] : g[i], c = o->beta1 * f->m[i] + (1 - o->beta1) * d;
        f->w[i] -= o->lr * ((c > 0 ? 1 : c < 0 ? -1 : 0) + o->weight_decay * f->w[i]);
        f->m[i] = o->beta2 * f->m[i] + (1 - o->beta2) * d;
    }
}

/* algorithm 2 of You et al. 2020 */
static void lamb_reference(const void *opts, formula *f, const double *g, int step)
{
    const hoop_lamb_opts *o = opts;
    static double         r[BIG];
    double                w, u;
    for (int i = 0; i < f->n; i++) {
        const double d = o->maximize ? -g[i] : g[i];
        f->m[i]        = o->beta1 * f->m[i] + (1 - o->beta1) * d;
        f->v[i]        = o->beta2 * f->v[i] + (1 - o->beta2) * d * d;
        r[i]           = f->m[i] / (1 - pow(o->beta1, step)) / (sqrt(f->v[i] / (1 - pow(o->beta2, step))) + o->eps) +
               o->weight_decay * f->w[i];
    }
    w = norm_reference(f->w, f->n);
    u = norm_reference(r, f->n);
    for (int i = 0; i < f->n; i++) f->w[i] -= o->lr * (o->trust == 0 && w > 0 && u > 0 ? w / u : 1) * r[i];
}

/* algorithm 1 of You et al. 2017, lr outside of the momentum */
static void lars_reference(const void *opts, formula *f, const double *g, int step)
{
    const hoop_lars_opts *o = opts;
    const double          w = norm_reference(f->w, f->n), u = norm_reference(g, f->n);
    double                local = o->trust_coefficient * w / (u + o->weight_decay * w + o->eps);
    (void)step;
    if (o->trust_coefficient == 0.0 || w == 0 || u == 0) local = 1;
    for (int i = 0; i < f->n; i++) {
        f->m[i] = o->momentum * f->m[i] + local * ((o->maximize ? -g[i] : g[i]) + o->weight_decay * f->w[i]);
        f->w[i] -= o->lr * f->m[i];
    }
}

static void papers_numbers(void **state)
{
    const struct {
        const char *name;
        void (*step)(const void *opts, formula *f, const double *g, int step);
        const void *opts;
    } rows[] = {
        {"lion", lion_reference, &(hoop_lion_opts){.lr = 0.01, .beta1 = 0.9, .beta2 = 0.99}},
        {"lion", lion_reference,
         &(hoop_lion_opts){.lr = 0.02, .beta1 = 0.6, .beta2 = 0.8, .weight_decay = 0.3, .maximize = true}},
        {"lamb", lamb_reference, &(hoop_lamb_opts){.lr = 0.02, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-6}},
        {"lamb", lamb_reference,
         &(hoop_lamb_opts){.lr = 0.02, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-3, .weight_decay = 0.2, .maximize = true}},
        {"lamb", lamb_reference,
         &(hoop_lamb_opts){.lr = 0.02, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-6, .weight_decay = 0.2, .trust = 1}},
        {"lars", lars_reference, &(hoop_lars_opts){.lr = 2, .momentum = 0.9, .trust_coefficient = 0.02, .eps = 1e-8}},
        {"lars", lars_reference,
         &(hoop_lars_opts){
             .lr = 2, .momentum = 0.5, .trust_coefficient = 0.02, .eps = 1e-3, .weight_decay = 0.2, .maximize = true}},
        {"lars", lars_reference, &(hoop_lars_opts){.lr = 0.02, .momentum = 0.5, .trust_coefficient = HOOP_ZERO, .eps = 1e-8}},
    };
    (void)state;
    read_golden();
    for (int i = 0; i < golden.n[2]; i++) golden.begin[2][i] = 0; /* a norm of 0 */
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const hoop_optim_opts all = {.name = rows[r].name, .opts = rows[r].opts};
        for (int d = 0; d < 2; d++) {
            const hoop_dtype dtype = d == 0 ? HOOP_F64 : HOOP_F32;
            hoop_params     *p     = store(dtype);
            hoop_optim      *o     = run(p, &all, test_rt, false, false);
            same_any_way(&all, dtype, p);
            for (int i = 0; i < golden.params; i++) {
                static formula f;
                memset(&f, 0, sizeof f);
                f.n = golden.n[i];
                memcpy(f.w, golden.begin[i], sizeof golden.begin[i]);
                for (int step = 0; step < STEPS; step++) rows[r].step(rows[r].opts, &f, golden.gradient[step][i], step + 1);
                for (int j = 0; j < f.n && (dtype == HOOP_F64 || r > 1); j++) /* in f32 a sign near 0 may be the other */
                    near(rows[r].name, (int)r, dtype, get(dtype, hoop_tensor_data(hoop_params_tensor(p, i)), j), f.w[j],
                         fabs(f.w[j]));
            }
            hoop_optim_destroy(&o);
            hoop_params_destroy(&p);
        }
    }
}

/* the mean of the weights: those after the first step, then a share of what each step adds */
static void means_of_weights(void **state)
{
    const hoop_optim_opts all = {.name = "muon", .ema_decay = 0.9};
    hoop_params          *p;
    hoop_optim           *o;
    double                mean[MOST_PARAMS][MOST];
    (void)state;
    read_golden();
    p = store(HOOP_F64);
    test_ok(hoop_optim_create(&all, p, why, &o));
    assert_string_equal(hoop_optim_state_name(o, hoop_optim_state_count(o) - 1), "ema");
    for (int step = 0; step < STEPS; step++) {
        take_step(p, o, test_rt, step, step % 2 == 0);
        for (int i = 0; i < golden.params; i++) {
            const double *w = hoop_tensor_data(hoop_params_tensor(p, i));
            const double *e = (const double *)hoop_optim_ema(o) + hoop_params_first_block(p, i) * HOOP_BLOCK;
            for (int j = 0; j < golden.n[i]; j++) {
                mean[i][j] = step == 0 ? w[j] : 0.9 * mean[i][j] + 0.1 * w[j];
                near("ema", step, HOOP_F64, e[j], mean[i][j], 1.0);
            }
        }
    }
    hoop_optim_destroy(&o);
    assert_int_equal(hoop_optim_create(&(hoop_optim_opts){.ema_decay = 1.0}, p, NULL, &o), HOOP_ECONFIG);
    assert_int_equal(hoop_optim_create(&(hoop_optim_opts){.ema_decay = -0.1}, p, NULL, &o), HOOP_ECONFIG);
    hoop_params_destroy(&p);
}

/* a step with lr times 0 changes states alone, of every kind */
static void no_lr_no_step(void **state)
{
    const hoop_optim_kind *kind;
    (void)state;
    read_golden();
    for (int k = 0; (kind = hoop_optim_kind_get(k)) != NULL; k++) {
        const hoop_optim_opts all  = {.kind = kind};
        hoop_params          *p    = store(HOOP_F64);
        const size_t          size = (size_t)(hoop_params_nblocks(p) * HOOP_BLOCK) * sizeof(double);
        void                 *was  = malloc(size);
        hoop_optim           *o;
        test_ok(hoop_optim_create(&all, p, why, &o));
        if (hoop_optim_searches(o)) goto next; /* test_lbfgs */
        take_step(p, o, test_rt, 0, false);
        memcpy(was, hoop_params_data(p), size);
        test_ok(hoop_optim_update(o, test_rt, 0, hoop_params_nblocks(p), 0.0, 1.0, why));
        if (memcmp(was, hoop_params_data(p), size) != 0) fail_msg("%s: weights have changed", kind->name);
    next:
        hoop_optim_destroy(&o);
        hoop_params_destroy(&p);
        free(was);
    }
}

/* what a group keeps, and a mean of all weights */
static void groups_keep_their_own(void **state)
{
    const hoop_optim_group none = {.match = "p1", .opts = &(hoop_sgd_opts){.lr = 0.1}};
    const hoop_optim_opts  all  = {
          .name = "sgd", .opts = &(hoop_sgd_opts){.momentum = 0.9}, .groups = &none, .ngroups = 1, .ema_decay = 0.9};
    int64_t      shape[HOOP_MAX_DIMS];
    hoop_params *p;
    hoop_optim  *o;
    (void)state;
    read_golden();
    p = store(HOOP_F64);
    test_ok(hoop_optim_create(&all, p, why, &o));
    assert_int_equal(hoop_optim_state_count(o), 2);
    for (int i = 0; i < golden.params; i++) {
        assert_int_equal(hoop_optim_state_shape(o, 0, i, shape), i == 1 ? -1 : golden.ndim[i]);
        assert_int_equal(hoop_optim_state_shape(o, 1, i, shape), golden.ndim[i]);
    }
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

static void gradients_are_clipped(void **state)
{
    const double values[] = {0.3, -0.3, 0.25, -0.25, -7, 7, 0, (double)NAN, -(double)INFINITY};
    (void)state;
    read_golden();
    for (int d = 0; d < 2; d++) {
        const hoop_dtype dtype = d == 0 ? HOOP_F64 : HOOP_F32;
        hoop_params     *p     = store(dtype);
        for (int64_t b = 0; b < hoop_params_nblocks(p); b++)
            for (int i = 0; i < HOOP_BLOCK; i++) put(dtype, hoop_params_grad(p), b * HOOP_BLOCK + i, values[i % 9]);
        hoop_grad_clip_values(p, test_rt, 1, 2, 0.25); /* of four */
        for (int64_t b = 0; b < hoop_params_nblocks(p); b++)
            for (int i = 0; i < HOOP_BLOCK; i++) {
                const double got = get(dtype, hoop_params_grad(p), b * HOOP_BLOCK + i), was = values[i % 9];
                const double want = b < 1 || b > 2 ? was : was > 0.25 ? 0.25 : was < -0.25 ? -0.25 : was;
                assert_true(isnan(want) ? isnan(got) : dtype == HOOP_F64 ? got == want : (float)got == (float)want);
            }
        hoop_params_destroy(&p);
    }
}

/* ---- matrices of many blocks, and of more columns than are gone through at once, by the formulas ---- */

typedef struct big {
    int     rows, cols;
    formula f;
    double  row[BIG_COLS], col[BIG_COLS];
} big;

static double big_value(int step, int64_t i)
{
    return hoop_random_normal((hoop_key){9, (uint64_t)step}, (uint64_t)i);
}

static void adafactor_reference(big *b, const double *g, int step)
{
    static double u[BIG];
    const double  share = pow(step, -0.8), rho = fmin(1e-2, 1 / sqrt(step));
    double        mean = 0, norm = 0, squares = 0;
    for (int r = 0; r < b->rows; r++) {
        double s = 0;
        for (int c = 0; c < b->cols; c++) s += g[r * b->cols + c] * g[r * b->cols + c];
        b->row[r] += share * (s / b->cols - b->row[r]);
        mean += b->row[r] / b->rows;
    }
    for (int c = 0; c < b->cols; c++) {
        double s = 0;
        for (int r = 0; r < b->rows; r++) s += g[r * b->cols + c] * g[r * b->cols + c];
        b->col[c] += share * (s / b->rows - b->col[c]);
    }
    for (int i = 0; i < BIG; i++) {
        u[i] = g[i] / sqrt(b->row[i / b->cols] * b->col[i % b->cols] / mean);
        squares += u[i] * u[i];
        norm += b->f.w[i] * b->f.w[i];
    }
    for (int i = 0; i < BIG; i++) b->f.w[i] -= fmax(1e-3, sqrt(norm / BIG)) * rho / fmax(1, sqrt(squares / BIG)) * u[i];
}

/* z (p, q) = a x (p, q) + y (p, p) x */
static void muon_product(int p, int q, double a, const double *y, const double *x, double *z)
{
    for (int i = 0; i < p; i++)
        for (int j = 0; j < q; j++) {
            z[i * q + j] = a * x[i * q + j];
            for (int k = 0; k < p; k++) z[i * q + j] += y[i * p + k] * x[k * q + j];
        }
}

static void muon_reference(big *b, const double *g, int step)
{
    static double x[BIG], y[BIG], gram[BIG_ROWS * BIG_ROWS], poly[BIG_ROWS * BIG_ROWS];
    const bool    turned = b->rows > b->cols;
    double        norm   = 0;
    (void)step;
    for (int i = 0; i < BIG; i++) {
        const int at = turned ? i % b->cols * b->rows + i / b->cols : i;
        b->f.m[i] += 0.05 * (g[i] - b->f.m[i]);
        x[at] = g[i] + 0.95 * (b->f.m[i] - g[i]);
        norm += x[at] * x[at];
    }
    for (int i = 0; i < BIG; i++) x[i] /= sqrt(norm);
    for (int n = 0; n < 5; n++) {
        for (int i = 0; i < BIG_ROWS; i++)
            for (int j = 0; j < BIG_ROWS; j++) {
                gram[i * BIG_ROWS + j] = 0;
                for (int k = 0; k < BIG_COLS; k++) gram[i * BIG_ROWS + j] += x[i * BIG_COLS + k] * x[j * BIG_COLS + k];
            }
        for (int i = 0; i < BIG_ROWS * BIG_ROWS; i++) poly[i] = 2.0315 * gram[i];
        muon_product(BIG_ROWS, BIG_ROWS, -4.775, poly, gram, y);
        memcpy(poly, y, sizeof poly);
        muon_product(BIG_ROWS, BIG_COLS, 3.4445, poly, x, y);
        memcpy(x, y, sizeof x);
    }
    for (int i = 0; i < BIG; i++)
        b->f.w[i] = b->f.w[i] * (1 - 1e-3 * 0.1) -
                    1e-3 * sqrt(fmax(1, (double)b->rows / b->cols)) * x[turned ? i % b->cols * b->rows + i / b->cols : i];
}

static void lamb_of_big(big *b, const double *g, int step)
{
    lamb_reference(&(hoop_lamb_opts){.beta1 = 0.9, .beta2 = 0.999, .lr = 1e-3, .eps = 1e-6}, &b->f, g, step);
}

static void lars_of_big(big *b, const double *g, int step)
{
    lars_reference(&(hoop_lars_opts){.lr = 0.1, .momentum = 0.9, .trust_coefficient = 1e-3, .eps = 1e-8}, &b->f, g, step);
}

/* a store of one matrix after BIG_STEPS steps, step s of it on rt[s] */
static hoop_params *run_big(const char *name, hoop_dtype dtype, const int64_t *shape, hoop_runtime *const *rt)
{
    const int64_t n = shape[0] * shape[1];
    hoop_params  *p;
    hoop_optim   *o;
    hoop_tensor  *x;
    test_ok(hoop_params_create(dtype, why, &p));
    test_ok(hoop_params_add(p, "w", 2, shape, why, &x));
    test_ok(hoop_params_finalize(p, NULL, why));
    test_ok(hoop_optim_create(&(hoop_optim_opts){.name = name}, p, why, &o));
    for (int64_t i = 0; i < n; i++) put(dtype, hoop_tensor_data(x), i, big_value(0, i));
    for (int step = 1; step <= BIG_STEPS; step++) {
        for (int64_t i = 0; i < n; i++) put(dtype, hoop_params_grad(p), i, big_value(step, i));
        test_ok(hoop_optim_update(o, rt[step - 1], 0, hoop_params_nblocks(p), 1.0, 1.0, why));
        hoop_optim_advance(o);
    }
    hoop_optim_destroy(&o);
    return p;
}

static const struct {
    const char *name;
    void (*step)(big *b, const double *g, int step);
} bigs[] = {{"adafactor", adafactor_reference}, {"muon", muon_reference}, {"lamb", lamb_of_big}, {"lars", lars_of_big}};

static void big_matrices(void **state)
{
    static big          b;
    static double       g[BIG];
    hoop_runtime *const alone[BIG_STEPS] = {test_rt, test_rt, test_rt};
    hoop_runtime       *threads, *shared[BIG_STEPS];
    (void)state;
    test_ok(hoop_runtime_create(&(hoop_runtime_opts){.threads = 3}, why, &threads));
    for (int i = 0; i < BIG_STEPS; i++) shared[i] = threads;
    for (size_t kind = 0; kind < sizeof bigs / sizeof *bigs; kind++)
        for (int turned = 0; turned < 2; turned++) {
            memset(&b, 0, sizeof b);
            b.rows = turned ? BIG_COLS : BIG_ROWS;
            b.cols = turned ? BIG_ROWS : BIG_COLS;
            b.f.n  = BIG;
            for (int i = 0; i < BIG; i++) b.f.w[i] = big_value(0, i);
            for (int step = 1; step <= BIG_STEPS; step++) {
                for (int i = 0; i < BIG; i++) g[i] = big_value(step, i);
                bigs[kind].step(&b, g, step);
            }
            for (int d = 0; d < 2; d++) {
                const hoop_dtype dtype    = d == 0 ? HOOP_F64 : HOOP_F32;
                const int64_t    shape[2] = {b.rows, b.cols};
                hoop_params     *p        = run_big(bigs[kind].name, dtype, shape, alone);
                hoop_params     *q        = run_big(bigs[kind].name, dtype, shape, shared);
                for (int i = 0; i < BIG; i++) near(bigs[kind].name, i, dtype, get(dtype, hoop_params_data(p), i), b.f.w[i], 1.0);
                assert_memory_equal(hoop_params_data(p), hoop_params_data(q), BIG * hoop_dtype_size(dtype));
                hoop_params_destroy(&p);
                hoop_params_destroy(&q);
            }
        }
    hoop_runtime_destroy(&threads);
}

/* an optimiser's steps on a runtime of more threads than that of the first: more scratch memory, the same bits */
static void runtimes_in_turn(void **state)
{
    static const int64_t shape[2] = {600, 700};
    hoop_runtime        *threads;
    hoop_params         *p, *q;
    hoop_optim          *o;
    (void)state;
    test_ok(hoop_runtime_create(&(hoop_runtime_opts){.threads = 3}, why, &threads));
    p = run_big("muon", HOOP_F32, shape, (hoop_runtime *const[BIG_STEPS]){test_rt, test_rt, test_rt});
    q = run_big("muon", HOOP_F32, shape, (hoop_runtime *const[BIG_STEPS]){test_rt, threads, test_rt});
    test_ok(hoop_optim_create(&(hoop_optim_opts){.name = "muon"}, p, why, &o));
    assert_true(hoop_optim_work_bytes(o, test_rt, 0, hoop_params_nblocks(p)) <
                hoop_optim_work_bytes(o, threads, 0, hoop_params_nblocks(p)));
    hoop_optim_destroy(&o);
    assert_memory_equal(hoop_params_data(p), hoop_params_data(q), 600 * 700 * sizeof(float));
    hoop_params_destroy(&p);
    hoop_params_destroy(&q);
    hoop_runtime_destroy(&threads);
}

/* a matrix's singular values are near 1 in a step of muon: what it is for */
static void muon_is_near_orthogonal(void **state)
{
    const hoop_optim_opts all = {
        .name = "muon",
        .opts = &(hoop_muon_opts){
            .lr = 1.0, .weight_decay = HOOP_ZERO, .ns_steps = 12, .ns_coefficients = {3, {1.875, -1.25, 0.375}}}};
    hoop_params *p;
    hoop_optim  *o;
    (void)state;
    read_golden();
    p = store(HOOP_F64);
    test_ok(hoop_optim_create(&all, p, why, &o));
    take_step(p, o, test_rt, 0, false);
    for (int a = 0; a < 3; a++) /* rows of p1, (3, 7) */
        for (int b = 0; b < 3; b++) {
            const double *w   = hoop_tensor_data(hoop_params_tensor(p, 1));
            double        dot = 0;
            for (int j = 0; j < 7; j++)
                dot += (w[a * 7 + j] - golden.begin[1][a * 7 + j]) * (w[b * 7 + j] - golden.begin[1][b * 7 + j]);
            assert_true(fabs(dot - (a == b)) < 1e-6);
        }
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pytorchs_numbers),      cmocka_unit_test(papers_numbers),   cmocka_unit_test(gradients_are_clipped),
        cmocka_unit_test(groups_keep_their_own), cmocka_unit_test(no_lr_no_step),    cmocka_unit_test(means_of_weights),
        cmocka_unit_test(big_matrices),          cmocka_unit_test(runtimes_in_turn), cmocka_unit_test(muon_is_near_orthogonal),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
