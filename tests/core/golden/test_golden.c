/*
 * Values, gradients and second derivatives against PyTorch's, metrics against scikit-learn's, in f64 and f32: every case of the
 * .golden files. `test_golden conv` runs one family.
 */
#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hoop/loss.h"
#include "hoop/metric.h"
#include "hoop/nn.h"
#include "hoop/op.h"
#include "hoop/runtime.h"

#define FAMILY(name) extern const golden_call golden_calls_##name[];
#include "families.def"
#undef FAMILY
static const struct family {
    const char        *name;
    const golden_call *calls;
} families[] = {
#define FAMILY(name) {#name, golden_calls_##name},
#include "families.def"
#undef FAMILY
};
enum { FAMILIES = sizeof families / sizeof families[0] };

static hoop_runtime *rt;
static hoop_tape    *tape;
static hoop_model   *model;
static void         *opts;

static int start(void **state)
{
    (void)state;
    return hoop_runtime_create(NULL, NULL, &rt) == HOOP_OK && hoop_tape_create(rt, NULL, &tape) == HOOP_OK ? 0 : -1;
}
static int stop(void **state)
{
    (void)state;
    hoop_tape_destroy(&tape);
    hoop_runtime_destroy(&rt);
    return 0;
}

static void no_error(const golden_case *c, const char *what)
{
    if (hoop_tape_error(tape)->status != HOOP_OK) fail_msg("%s, %s: %s", c->where, what, hoop_tape_error(tape)->text);
}

/* numbers of a file in a dtype, as they lie in memory; freed by the caller */
static void *in_dtype(const golden_tensor *x, hoop_dtype dtype)
{
    char *data = calloc((size_t)x->numel + 1, 8);
    assert_non_null(data);
    for (int64_t i = 0; i < x->numel; i++) {
        switch (dtype) {
        case HOOP_F64:
            ((double *)(void *)data)[i] = x->v[i];
            break;
        case HOOP_F32:
            ((float *)(void *)data)[i] = (float)x->v[i];
            break;
        case HOOP_I64:
            ((int64_t *)(void *)data)[i] = (int64_t)x->v[i];
            break;
        case HOOP_I32:
            ((int32_t *)(void *)data)[i] = (int32_t)x->v[i];
            break;
        case HOOP_U8:
            ((uint8_t *)(void *)data)[i] = (uint8_t)x->v[i];
            break;
        default:
            fail_msg("dtype %d", (int)dtype);
        }
    }
    return data;
}

/* floats of the files are f64 there and take the dtype under test */
static hoop_dtype tested(const golden_tensor *x, hoop_dtype dtype)
{
    return x->dtype == HOOP_F64 ? dtype : x->dtype;
}

static hoop_tensor *tensor_of(const golden_tensor *x, hoop_dtype dtype)
{
    void        *data = in_dtype(x, tested(x, dtype));
    hoop_tensor *y    = hoop_tape_tensor(tape, tested(x, dtype), x->ndim, x->shape, data);
    free(data);
    return y;
}

static double element(const void *data, hoop_dtype dtype, int64_t i)
{
    switch (dtype) {
    case HOOP_F64:
        return ((const double *)data)[i];
    case HOOP_F32:
        return (double)((const float *)data)[i];
    case HOOP_I64:
        return (double)((const int64_t *)data)[i];
    case HOOP_I32:
        return (double)((const int32_t *)data)[i];
    default:
        return (double)((const uint8_t *)data)[i];
    }
}

/* The rounding of sums of the size of the largest element; `tolerance` of a case says how many times more. */
static void close_to(const golden_case *c, const char *what, hoop_dtype dtype, const hoop_tensor *x, const golden_tensor *want)
{
    const double eps = dtype == HOOP_F64 ? 0x1p-52 : 0x1p-23, times = golden_float(c, "tolerance", 1.0);
    double       largest = 1.0;
    void        *got     = calloc((size_t)want->numel + 1, 8);
    no_error(c, what);
    if (hoop_tensor_ndim(x) != want->ndim)
        fail_msg("%s: %s has %d dims, PyTorch's %d", c->where, what, hoop_tensor_ndim(x), want->ndim);
    for (int d = 0; d < want->ndim; d++) {
        if (hoop_tensor_size(x, d) != want->shape[d])
            fail_msg("%s: dim %d of %s has size %lld, PyTorch's %lld", c->where, d, what, (long long)hoop_tensor_size(x, d),
                     (long long)want->shape[d]);
    }
    assert_int_equal(hoop_tensor_read(x, got, NULL), HOOP_OK);
    for (int64_t i = 0; i < want->numel; i++)
        if (isfinite(want->v[i])) largest = fmax(largest, fabs(want->v[i]));
    for (int64_t i = 0; i < want->numel; i++) {
        const double v = element(got, hoop_tensor_dtype(x), i), w = want->v[i];
        if (v == w || (isnan(v) && isnan(w)) || fabs(v - w) <= 100.0 * times * eps * largest) continue;
        fail_msg("%s: %s (%s): element %lld is %.17g, PyTorch has %.17g", c->where, what, hoop_dtype_name(dtype), (long long)i, v,
                 w);
    }
    free(got);
}

/* ---- what runs ---- */

static void run_op(const struct family *family, const golden_case *c, int nin, hoop_tensor **x, hoop_tensor **out)
{
    const hoop_op *op = NULL;
    for (const golden_call *call = family->calls; call->name != NULL; call++) {
        if (strcmp(call->name, c->name) != 0) continue;
        out[0] = call->run(tape, c, x, out);
        return;
    }
    op = hoop_op_find(c->name);
    if (op == NULL) fail_msg("%s: no op of that name, and none in calls_%s.c", c->where, family->name);
    opts = golden_attrs(c, op);
    (void)hoop_op_call(tape, op, x, nin, op->attrs_size > 0 ? opts : NULL, out);
}

static void *set_options(const golden_case *c, const hoop_option_table *table, size_t size)
{
    hoop_error why = {.status = HOOP_OK};
    opts           = calloc(1, size + 1);
    assert_non_null(opts);
    if (table->rows == NULL) return opts;
    assert_int_equal(hoop_option_defaults(table, opts), HOOP_OK);
    for (int i = 0; i < c->noptions; i++) {
        const hoop_option *row = hoop_option_find(table, c->option[i].key);
        if (strcmp(c->option[i].key, "tolerance") == 0 || strncmp(c->option[i].key, "expect-", 7) == 0) continue;
        if (row == NULL) fail_msg("%s: no option %s", c->where, c->option[i].key);
        if (hoop_option_parse(row, c->option[i].value, opts, &why) != HOOP_OK) fail_msg("%s: %s", c->where, why.text);
    }
    return opts;
}

static void ok(const golden_case *c, hoop_status st, const hoop_error *why)
{
    if (st != HOOP_OK) fail_msg("%s: %s", c->where, why->text);
}

static void fill_tensor(const golden_case *c, const golden_tensor *from, hoop_tensor *to)
{
    void *data;
    if (hoop_tensor_numel(to) != from->numel)
        fail_msg("%s: %s has %lld elements, PyTorch's %lld", c->where, from->name, (long long)hoop_tensor_numel(to),
                 (long long)from->numel);
    data = in_dtype(from, hoop_tensor_dtype(to));
    if (from->numel > 0) memcpy(hoop_tensor_data(to), data, (size_t)from->numel * hoop_dtype_size(hoop_tensor_dtype(to)));
    hoop_tensor_touch(to);
    free(data);
}

static hoop_tensor *buffer_of(const golden_case *c, const char *name)
{
    const hoop_params *p = hoop_model_params(model);
    for (int i = 0; i < hoop_params_buffer_count(p); i++)
        if (strcmp(hoop_params_buffer_name(p, i) + 2, name) == 0) return hoop_params_buffer(p, i); /* behind "0." */
    fail_msg("%s: the layer has no buffer %s", c->where, name);
    return NULL;
}

static hoop_tensor *param_of(const golden_case *c, const char *name)
{
    const hoop_params *p = hoop_model_params(model);
    for (int i = 0; i < hoop_params_count(p); i++)
        if (strcmp(hoop_params_name(p, i) + 2, name) == 0) return hoop_params_tensor(p, i);
    fail_msg("%s: the layer has no parameter %s", c->where, name);
    return NULL;
}

static void make_layer(const golden_case *c, int nin, hoop_dtype dtype)
{
    const hoop_module_kind *kind = hoop_module_kind_find(c->name);
    hoop_shape              in[GOLDEN_INPUTS];
    hoop_error              why = {.status = HOOP_OK};
    if (kind == NULL) fail_msg("%s: no layer of that name", c->where);
    for (int i = 0; i < nin; i++) {
        const golden_tensor *x = golden_find(c, "input", i);
        in[i]                  = (hoop_shape){.dtype = tested(x, dtype), .ndim = x->ndim};
        memcpy(in[i].size, x->shape, sizeof in[i].size);
    }
    ok(c, hoop_model_create(dtype, &why, &model), &why);
    ok(c, hoop_module_add(hoop_model_root(model), kind, "0", set_options(c, &kind->options, kind->opts_size), &why, NULL), &why);
    ok(c, hoop_model_build(model, nin, in, &why), &why);
    ok(c, hoop_model_finalize(model, NULL, &why), &why);
    ok(c, hoop_model_init(model, HOOP_INIT_PYTORCH, 1), &why);
    if (hoop_params_count(hoop_model_params(model)) != golden_count(c, "param"))
        fail_msg("%s: %d parameters, PyTorch's has %d", c->where, hoop_params_count(hoop_model_params(model)),
                 golden_count(c, "param"));
    for (int i = 0; i < c->ntensors; i++) {
        if (strcmp(c->tensor[i].word, "param") == 0) fill_tensor(c, &c->tensor[i], param_of(c, c->tensor[i].name));
        if (strcmp(c->tensor[i].word, "buffer") == 0) fill_tensor(c, &c->tensor[i], buffer_of(c, c->tensor[i].name));
    }
}

static const hoop_loss_kind *loss_of(const golden_case *c)
{
    const hoop_loss_kind *kind = hoop_loss_find(c->name);
    if (kind == NULL) fail_msg("%s: no loss of that name", c->where);
    return kind;
}

static void run_metric(const golden_case *c, hoop_tensor **x)
{
    const hoop_metric   *m         = hoop_metric_find(c->name);
    const golden_tensor *want      = golden_find(c, "output", 0);
    const double         tolerance = golden_float(c, "tolerance", 1.0) * 1e-9;
    hoop_metric_use      use;
    hoop_tensor         *s;
    double              *sums, *got;
    int64_t              width, columns, n;
    if (m == NULL) fail_msg("%s: no metric of that name", c->where);
    use = (hoop_metric_use){
        .metric = m, .opts = set_options(c, &m->options, HOOP_METRIC_OPTS), .cut = golden_float(c, "expect-cut", 0.0)};
    s = hoop_metric_sums(tape, &use, x[0], x[1], NULL, NULL);
    no_error(c, "value");
    sums  = calloc((size_t)hoop_tensor_numel(s) + 1, sizeof *sums);
    width = hoop_tensor_dtype(x[1]) == HOOP_I64 ? hoop_tensor_size(x[0], -1)
            : hoop_tensor_ndim(x[0]) > 1        ? hoop_tensor_size(x[0], 1)
                                                : 1;
    got   = calloc((size_t)(want->numel + 1), sizeof *got);
    assert_int_equal(hoop_tensor_read(s, sums, NULL), HOOP_OK);
    n = m->numbers == NULL ? 0 : m->numbers(width, use.opts, &columns);
    if (n > 0 && n != want->numel) fail_msg("%s: is %lld numbers, not %lld", c->where, (long long)n, (long long)want->numel);
    if (n > 0)
        m->list(sums, width, use.opts, got);
    else
        got[0] = m->value(sums, width, use.opts);
    for (int64_t i = 0; i < want->numel; i++) {
        if (!(fabs(got[i] - want->v[i]) <= tolerance * fmax(1.0, fabs(want->v[i]))) && !(isnan(got[i]) && isnan(want->v[i])))
            fail_msg("%s: is %.17g, and should be %.17g", c->where, got[i], want->v[i]);
    }
    free(sums);
    free(got);
}

/* ---- a case ---- */

static hoop_tensor *weighted(hoop_tensor *y, int j)
{
    const int64_t n    = hoop_tensor_numel(y);
    const bool    f64  = hoop_tensor_dtype(y) == HOOP_F64;
    char         *data = calloc((size_t)n + 1, 8);
    hoop_tensor  *w;
    for (int64_t i = 0; i < n; i++) {
        const double v = (double)((i * 7919 + (int64_t)(j + 1) * 104729) % 2001 - 1000) / 1000.0;
        if (f64)
            ((double *)(void *)data)[i] = v;
        else
            ((float *)(void *)data)[i] = (float)v;
    }
    w = hoop_tape_tensor(tape, hoop_tensor_dtype(y), hoop_tensor_ndim(y), hoop_tensor_shape(y), data);
    free(data);
    w = hoop_mul(tape, y, w);
    return hoop_sum(tape, w, HOOP_ALL_DIMS, false);
}

static void gradients(const golden_case *c, hoop_dtype dtype, hoop_tensor **x, hoop_tensor *const *out)
{
    const golden_tensor *second = golden_find(c, "second", 0), *want;
    hoop_tensor         *by[GOLDEN_TENSORS], *dx[GOLDEN_TENSORS], *loss = NULL, *square, *d2;
    char                 what[2 * GOLDEN_WORD];
    int                  n = 0;
    for (int j = 0; golden_find(c, "output", j) != NULL; j++) {
        if (golden_find(c, "output", j)->dtype != HOOP_F64) continue;
        d2   = weighted(out[j], j);
        loss = loss == NULL ? d2 : hoop_add(tape, loss, d2);
    }
    while ((want = golden_find(c, "grad", n)) != NULL) {
        by[n] = want->name[0] >= '0' && want->name[0] <= '9' && strchr(want->name, '.') == NULL ? x[atoi(want->name)]
                                                                                                : param_of(c, want->name);
        n++;
    }
    if (n == 0) return;
    (void)hoop_grad(tape, loss, by, n, second != NULL ? HOOP_CREATE_GRAPH : 0, NULL, dx);
    for (int i = 0; i < n; i++) {
        want = golden_find(c, "grad", i);
        (void)snprintf(what, sizeof what, "gradient by %s", want->name);
        close_to(c, what, dtype, dx[i], want);
    }
    if (second == NULL) return;
    square = hoop_mul(tape, dx[0], dx[0]);
    square = hoop_sum(tape, square, HOOP_ALL_DIMS, false);
    if (hoop_grad(tape, square, by, 1, 0, NULL, &d2) == HOOP_EARG) { /* linear: nothing depends on it */
        assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_EARG);
        d2 = hoop_fill(tape, dtype, second->ndim, second->shape, 0.0);
    }
    close_to(c, "second derivative", dtype, d2, second);
}

/* A loss of samples with weights 1/2, 1, 2, 1/2 ...: a row's gradient is PyTorch's times its weight. */
static void with_weights(const golden_case *c, hoop_dtype dtype, hoop_tensor **x)
{
    const golden_tensor *want                 = golden_find(c, "grad", 0);
    const int64_t        n                    = hoop_tensor_ndim(x[0]) > 0 ? hoop_tensor_size(x[0], 0) : 0;
    int64_t              shape[HOOP_MAX_DIMS] = {n};
    hoop_tensor         *w, *loss, *dx, *by;
    double              *of;
    if (loss_of(c)->weighted == NULL || n == 0 || want == NULL || strcmp(want->name, "0") != 0) return;
    of = calloc((size_t)n, sizeof *of);
    for (int64_t i = 0; i < n; i++) of[i] = ldexp(1.0, (int)(i % 3) - 1);
    w    = hoop_tape_tensor(tape, HOOP_F64, 1, &n, of);
    loss = loss_of(c)->weighted(tape, x[0], x[1], NULL, w, opts);
    no_error(c, "value with weights of samples");
    (void)hoop_grad(tape, weighted(loss, 0), x, 1, HOOP_RETAIN_GRAPH, NULL, &dx);
    for (int64_t i = 0; i < n; i++) of[i] = 1.0 / of[i];
    for (int d = 1; d < hoop_tensor_ndim(x[0]); d++) shape[d] = 1;
    by = hoop_tape_tensor(tape, HOOP_F64, hoop_tensor_ndim(x[0]), shape, of);
    dx = hoop_mul(tape, dx, hoop_cast(tape, by, hoop_tensor_dtype(dx)));
    close_to(c, "gradient with weights of samples", dtype, dx, want);
    free(of);
}

/* what the layer's buffers become, of one leaf here */
static void buffers(const golden_case *c, hoop_dtype dtype)
{
    const hoop_params *p    = hoop_model_params(model);
    const int64_t      n    = hoop_emitted_count(p);
    hoop_exact_scalar *sums = calloc((size_t)n + 1, sizeof *sums);
    hoop_error         why  = {.status = HOOP_OK};
    for (int64_t i = 0; i < n; i++) hoop_exact_scalar_clear(&sums[i]);
    ok(c, hoop_emitted_add(tape, p, sums, &why), &why);
    hoop_emitted_apply(p, sums);
    free(sums);
    for (int i = 0; i < golden_count(c, "after"); i++) {
        const golden_tensor *want = golden_find(c, "after", i);
        close_to(c, want->name, dtype, buffer_of(c, want->name), want);
    }
}

static void compare(const struct family *family, const golden_case *c, hoop_dtype dtype)
{
    hoop_tensor *x[GOLDEN_INPUTS] = {NULL}, *out[GOLDEN_INPUTS] = {NULL};
    const int    nin = golden_count(c, "input");
    char         what[GOLDEN_WORD];
    assert_true(nin <= GOLDEN_INPUTS && golden_count(c, "output") <= GOLDEN_INPUTS);
    assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_OK);
    if (c->kind == GOLDEN_LAYER) make_layer(c, nin, dtype);
    (void)hoop_tape_set_training(tape, c->training);
    for (int i = 0; i < nin; i++) {
        const golden_tensor *in = golden_find(c, "input", i);
        x[i]                    = tensor_of(in, dtype);
        if (in->dtype == HOOP_F64) x[i] = hoop_tape_watch(tape, x[i]);
    }
    if (c->kind == GOLDEN_METRIC) {
        run_metric(c, x);
        return;
    }
    if (c->kind == GOLDEN_LAYER)
        hoop_model_forward(model, tape, nin, x, out);
    else if (c->kind == GOLDEN_LOSS)
        out[0] = loss_of(c)->forward(tape, x[0], x[1], set_options(c, &loss_of(c)->options, loss_of(c)->opts_size));
    else
        run_op(family, c, nin, x, out);
    no_error(c, "value");
    for (int j = 0; golden_find(c, "output", j) != NULL; j++) {
        (void)snprintf(what, sizeof what, "output %d", j);
        if (out[j] == NULL) fail_msg("%s: no output %d", c->where, j);
        close_to(c, what, dtype, out[j], golden_find(c, "output", j));
    }
    if (golden_word(c, "expect-weight", NULL) != NULL &&
        fabs(hoop_tensor_item(hoop_loss_weight(out[0])) - golden_float(c, "expect-weight", 0.0)) > 1e-5)
        fail_msg("%s: its weight is %g, not %g", c->where, hoop_tensor_item(hoop_loss_weight(out[0])),
                 golden_float(c, "expect-weight", 0.0));
    if (c->kind == GOLDEN_LOSS) with_weights(c, dtype, x);
    gradients(c, dtype, x, out);
    if (c->kind == GOLDEN_LAYER && c->training) buffers(c, dtype);
}

static void after_each(void)
{
    (void)hoop_tape_bind(tape, NULL, NULL);
    (void)hoop_tape_reset(tape, NULL, NULL);
    hoop_model_destroy(&model);
    free(opts);
    opts = NULL;
}

static void agrees(void **state)
{
    const struct family *family = *state;
    golden_file         *f      = golden_open(family->name);
    const golden_case   *c;
    int                  n = 0;
    for (; (c = golden_next(f)) != NULL; n++) {
        compare(family, c, HOOP_F64);
        after_each();
        compare(family, c, HOOP_F32);
        after_each();
    }
    golden_close(f);
    if (n == 0) fail_msg("%s.golden holds no case", family->name);
}

/* Rows whose numbers are seen through another case, and those that have none: PyTorch's are random, or there is nothing to
 * compute. */
static const char *const seen_in[][2] = {
    {"above", "prelu"},
    {"attention", "sdpa"},
    {"attention_dropout", NULL},
    {"batch_norm_eval", "batch_norm"},
    {"cast", NULL},
    {"channel_norm_sums", "batch_norm"},
    {"class_loss", "cross_entropy"},
    {"contiguous", NULL},
    {"conv_weight", "conv"},
    {"detach", NULL},
    {"dropout_dims", NULL},
    {"fill", NULL},
    {"kl_div_log", "kl_div"},
    {"loss", NULL},
    {"max_pool_take", "max_pool"},
    {"poisson_nll_log", "poisson_nll"},
    {"recurrent", "lstm"},
    {"relabel", "cross_entropy"},
    {"rotary", "rotary_of"},
    {"rrelu_slope", NULL},
    {"shrink", "softshrink"},
    {"sinusoidal", "position"},
};

/* " name name ... " of all cases of all files */
static char *names_of_cases(void)
{
    char  *names = NULL;
    size_t size;
    FILE  *list = open_memstream(&names, &size);
    assert_non_null(list);
    for (int i = 0; i < FAMILIES; i++) {
        golden_file       *f = golden_open(families[i].name);
        const golden_case *c;
        while ((c = golden_next(f)) != NULL) (void)fprintf(list, " %s ", c->name);
        golden_close(f);
    }
    (void)fclose(list);
    return names;
}

/* every row of the table of ops; gradients are compared in the cases of what they are of */
static void all_rows_have_numbers(void **state)
{
    char *names = names_of_cases(), word[GOLDEN_WORD + 2];
    (void)state;
    for (int i = 0; i < hoop_op_count(); i++) {
        const char  *name = hoop_op_get(i)->name, *in = name;
        const size_t n = strlen(name);
        if (n > 5 && strcmp(name + n - 5, "_grad") == 0) continue;
        for (size_t k = 0; k < sizeof seen_in / sizeof seen_in[0]; k++)
            if (strcmp(seen_in[k][0], name) == 0) in = seen_in[k][1];
        (void)snprintf(word, sizeof word, " %s ", in != NULL ? in : "");
        if (in != NULL && strstr(names, word) == NULL)
            fail_msg("%s: no case in any .golden file; where there are no such numbers, a row of seen_in says so", name);
    }
    free(names);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[FAMILIES + 1];
    size_t            n = 0;
    if (argc == 1) tests[n++] = (struct CMUnitTest)cmocka_unit_test(all_rows_have_numbers);
    for (int i = 0; i < FAMILIES; i++) {
        if (argc > 1 && strcmp(argv[1], families[i].name) != 0) continue;
        tests[n++] = (struct CMUnitTest){families[i].name, agrees, NULL, NULL, (void *)(uintptr_t)&families[i]};
    }
    return _cmocka_run_group_tests("golden", tests, n, start, stop);
}
