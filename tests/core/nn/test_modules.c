/* Containers: names and shapes of what nests, values against the same ops by hand, gradients against differences, what is
 * refused, and that a step allocates nothing. */
#include "tape_test.h"

#include "alloc_hooks.h"
#include "hoop/nn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const hoop_shape rows4   = {.dtype = HOOP_F64, .ndim = 2, .size = {0, 4}},
                        rows3   = {.dtype = HOOP_F64, .ndim = 2, .size = {0, 3}},
                        tokens  = {.dtype = HOOP_I64, .ndim = 2, .size = {0, -1}},
                        ragged  = {.dtype = HOOP_F64, .ndim = 3, .size = {0, -1, 4}},
                        of_f32s = {.dtype = HOOP_F32, .ndim = 2, .size = {0, 4}};

static const int64_t zeros[4096]; /* any kind's options */

static hoop_module *add(hoop_module *parent, const char *kind, const char *name, const void *opts)
{
    hoop_module *m;
    test_ok(hoop_module_add(parent, hoop_module_kind_find(kind), name, opts, why, &m));
    return m;
}

static void linear(hoop_module *parent, const char *name, int64_t out)
{
    add(parent, "linear", name, &(hoop_linear_opts){.out = out});
}

static hoop_model *model(void)
{
    hoop_model *m;
    test_ok(hoop_model_create(HOOP_F64, why, &m));
    return m;
}

static void ready(hoop_model *m, int nin, const hoop_shape *in)
{
    test_ok(hoop_model_build(m, nin, in, why));
    test_ok(hoop_model_finalize(m, NULL, why));
    test_ok(hoop_model_init(m, HOOP_INIT_PYTORCH, 3));
}

static void has_params(const hoop_model *m, int n, const char *const *names)
{
    assert_int_equal(hoop_params_count(hoop_model_params(m)), n);
    for (int i = 0; i < n; i++) assert_string_equal(hoop_params_name(hoop_model_params(m), i), names[i]);
}

static void has_output(const hoop_model *m, int i, const char *name, int ndim, int64_t last)
{
    assert_true(i < hoop_model_outputs(m));
    assert_string_equal(hoop_model_output_name(m, i), name);
    assert_int_equal(hoop_model_output(m, i)->dtype, HOOP_F64);
    assert_int_equal(hoop_model_output(m, i)->ndim, ndim);
    assert_int_equal(hoop_model_output(m, i)->size[ndim - 1], last);
}

/* residual (body of two layers, a shortcut), then two branches of a name each, one of which repeats a residual without one */
static hoop_model *nested(void)
{
    hoop_model  *m = model();
    hoop_module *layers, *c, *body, *u;
    layers = add(hoop_model_root(m), "sequential", "layers", NULL);
    c      = add(layers, "residual", "0", NULL);
    add(c, "linear", "shortcut", &(hoop_linear_opts){.out = 5, .no_bias = true});
    body = add(c, "sequential", "body", NULL);
    linear(body, "0", 6);
    add(body, "tanh", "1", NULL);
    linear(body, "2", 5);
    c    = add(layers, "parallel", "1", NULL);
    u    = add(c, "sequential", "u", NULL);
    body = add(add(u, "repeat", "0", &(hoop_repeat_opts){.times = 2}), "residual", "body", NULL);
    linear(body, "body", 5);
    linear(u, "1", 2);
    linear(c, "v", 3);
    return m;
}

static void names_and_shapes(void **state)
{
    static const char *const names[] = {"layers.0.body.0.weight",   "layers.0.body.0.bias",       "layers.0.body.2.weight",
                                        "layers.0.body.2.bias",     "layers.0.shortcut.weight",   "layers.1.u.0.0.body.weight",
                                        "layers.1.u.0.0.body.bias", "layers.1.u.0.1.body.weight", "layers.1.u.0.1.body.bias",
                                        "layers.1.u.1.weight",      "layers.1.u.1.bias",          "layers.1.v.weight",
                                        "layers.1.v.bias"};
    hoop_model              *m       = nested();
    (void)state;
    ready(m, 1, &rows4);
    has_params(m, 13, names);
    assert_int_equal(hoop_model_inputs(m), 1);
    assert_int_equal(hoop_model_outputs(m), 2);
    has_output(m, 0, "u", 2, 2);
    has_output(m, 1, "v", 2, 3);
    assert_null(hoop_model_output(m, 2));
    assert_null(hoop_model_output(m, -1));
    assert_string_equal(hoop_model_output_name(m, 2), "");
    hoop_model_destroy(&m);
}

/* inputs each of their own branch: indices of rows of any length, and vectors */
static void inputs_of_their_own(void **state)
{
    const hoop_parallel_opts each  = {.inputs = HOOP_INPUTS_EACH};
    hoop_shape               in[2] = {tokens, rows3};
    hoop_model              *m     = model();
    hoop_module             *c     = add(hoop_model_root(m), "parallel", "in", &each), *text;
    (void)state;
    text = add(c, "sequential", "0", NULL);
    add(text, "embedding", "0", &(hoop_embedding_opts){.rows = 10, .width = 4});
    linear(text, "1", 7);
    linear(c, "1", 2);
    assert_true(hoop_model_takes_indices(m, 0));
    assert_false(hoop_model_takes_indices(m, 1));
    assert_false(hoop_model_takes_indices(m, 2));
    ready(m, 2, in);
    has_output(m, 0, "", 3, 7); /* a number is no name */
    has_output(m, 1, "", 2, 2);
    assert_int_equal(hoop_model_output(m, 0)->size[1], -1);
    assert_true(hoop_model_takes_indices(m, 0));
    hoop_model_destroy(&m);
}

/* rows that vary pass through linear, activations and joins */
static void sizes_that_vary(void **state)
{
    const hoop_parallel_opts join = {.join = HOOP_JOIN_CONCAT};
    hoop_model              *m    = model();
    hoop_module             *c    = add(hoop_model_root(m), "parallel", "0", &join);
    (void)state;
    linear(c, "a", 3);
    add(c, "gelu", "b", NULL);
    ready(m, 1, &ragged);
    has_output(m, 0, "", 3, 7);
    assert_int_equal(hoop_model_output(m, 0)->size[1], -1);
    hoop_model_destroy(&m);
}

/* ---- values and gradients ---- */

enum { BATCH = 5, MOST_IN = 2, MOST_OUT = 3 };

static void values(int stream, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = 2.0 * hoop_random_f64(hoop_key_make(9, HOOP_FOR_TEST, (uint64_t)stream, 0, 0), (uint64_t)i) - 1.0;
}

typedef struct run {
    hoop_model  *m;
    hoop_tape   *t;
    int          nin;
    hoop_shape   in[MOST_IN];
    double       x[MOST_IN][BATCH * 4];
    hoop_tensor *leaf[MOST_IN], *out[MOST_OUT];
} run;

/* sum over the outputs of out * w, w fixed */
static hoop_tensor *forward(run *r)
{
    hoop_tensor *sum = NULL;
    assert_int_equal(hoop_tape_reset(r->t, &(hoop_tape_key){1, 2, 3}, NULL), HOOP_OK);
    for (int i = 0; i < r->nin; i++) {
        hoop_tensor *x = hoop_tape_tensor(r->t, HOOP_F64, 2, (int64_t[]){BATCH, r->in[i].size[1]}, r->x[i]);
        r->leaf[i]     = hoop_tape_watch(r->t, x);
    }
    hoop_model_forward(r->m, r->t, r->nin, r->leaf, r->out);
    for (int k = 0; k < hoop_model_outputs(r->m); k++) {
        const int64_t n = hoop_tensor_numel(r->out[k]);
        double        w[BATCH * 16];
        hoop_tensor  *wt, *y;
        assert_true(n <= BATCH * 16);
        values(100 + k, n, w);
        wt  = hoop_tape_tensor(r->t, HOOP_F64, hoop_tensor_ndim(r->out[k]), hoop_tensor_shape(r->out[k]), w);
        y   = hoop_mul(r->t, r->out[k], wt);
        y   = hoop_sum(r->t, y, HOOP_ALL_DIMS, false);
        sum = sum == NULL ? y : hoop_add(r->t, sum, y);
    }
    test_tape_ok(r->t);
    return sum;
}

static double value(run *r)
{
    return hoop_tensor_item(forward(r));
}

static void near_difference(run *r, double *x, double grad, const char *what, int64_t i)
{
    const double at = *x, h = 0x1p-12;
    double       up, down;
    *x = at + h;
    hoop_params_touch(hoop_model_params(r->m));
    up = value(r);
    *x = at - h;
    hoop_params_touch(hoop_model_params(r->m));
    down = value(r);
    *x   = at;
    if (fabs((up - down) / (2.0 * h) - grad) > 1e-6 * (1.0 + fabs(grad)))
        fail_msg("%s[%d]: gradient %.10g, difference %.10g", what, (int)i, grad, (up - down) / (2.0 * h));
}

static void check_gradients(hoop_model *m, int nin, const hoop_shape *in)
{
    run          r = {.m = m, .t = test_tape(), .nin = nin};
    hoop_params *p;
    double       dx[MOST_IN][BATCH * 4];
    ready(m, nin, in);
    p = hoop_model_params(m);
    test_ok(hoop_tape_bind(r.t, p, why));
    (void)hoop_tape_set_training(r.t, true);
    for (int i = 0; i < nin; i++) {
        r.in[i] = in[i];
        values(i, BATCH * in[i].size[1], r.x[i]);
    }
    test_ok(hoop_backward(r.t, forward(&r), NULL, why));
    for (int i = 0; i < nin; i++) test_ok(hoop_tensor_read(hoop_tensor_grad(r.leaf[i]), dx[i], why));
    for (int i = 0; i < hoop_params_count(p); i++) {
        hoop_tensor  *w = hoop_params_tensor(p, i);
        const double *g = hoop_params_grad_of(p, i);
        for (int64_t k = 0; k < hoop_tensor_numel(w); k++)
            near_difference(&r, (double *)hoop_tensor_data(w) + k, g[k], hoop_params_name(p, i), k);
    }
    for (int i = 0; i < nin; i++)
        for (int64_t k = 0; k < BATCH * in[i].size[1]; k++) near_difference(&r, &r.x[i][k], dx[i][k], "x", k);
    hoop_tape_destroy(&r.t);
    hoop_model_destroy(&r.m);
}

static void gradients_of_nested(void **state)
{
    (void)state;
    check_gradients(nested(), 1, &rows4);
}

/* two inputs, each its own branch, joined; then branches of all, multiplied, with dropout in one */
static void gradients_of_joins(void **state)
{
    for (int join = HOOP_JOIN_ADD; join <= HOOP_JOIN_CONCAT; join++) {
        hoop_model  *m     = model();
        hoop_shape   in[2] = {rows4, rows3};
        hoop_module *root  = hoop_model_root(m), *c, *s;
        (void)state;
        c = add(root, "parallel", "in", &(hoop_parallel_opts){.join = join, .inputs = HOOP_INPUTS_EACH});
        linear(c, "a", 3);
        add(c, "sigmoid", "b", NULL);
        c = add(root, "parallel", "out", &(hoop_parallel_opts){.join = join == HOOP_JOIN_ADD ? HOOP_JOIN_MUL : HOOP_JOIN_ADD});
        linear(c, "0", 2);
        s = add(c, "sequential", "1", NULL);
        linear(s, "0", 2);
        add(s, "dropout", "1", &(hoop_dropout_opts){0.25});
        linear(c, "2", 2);
        check_gradients(m, 2, in);
    }
}

/* what lies between may be more tensors than the model gives, for which alone there is room */
static void no_more_is_given_than_asked_for(void **state)
{
    const hoop_parallel_opts join  = {.join = HOOP_JOIN_CONCAT, .inputs = HOOP_INPUTS_EACH};
    hoop_shape               in[3] = {rows4, rows3, rows4};
    double                   x[BATCH * 4];
    hoop_tape               *t = test_tape();
    hoop_tensor             *xs[3], *ys[4] = {NULL};
    hoop_model              *m = model();
    hoop_module             *c = add(hoop_model_root(m), "parallel", "in", &join);
    (void)state;
    for (int i = 0; i < 3; i++) linear(c, (const char *[]){"a", "b", "c"}[i], 2);
    c = add(hoop_model_root(m), "parallel", "out", NULL);
    for (int i = 0; i < 4; i++) linear(c, (const char *[]){"a", "b", "c", "d"}[i], 2);
    add(hoop_model_root(m), "parallel", "join", &(hoop_parallel_opts){.join = HOOP_JOIN_ADD, .inputs = HOOP_INPUTS_EACH});
    c = hoop_module_find(hoop_model_root(m), "join");
    for (int i = 0; i < 4; i++) add(c, "tanh", (const char *[]){"a", "b", "c", "d"}[i], NULL);
    ready(m, 3, in);
    values(0, BATCH * 4, x);
    for (int i = 0; i < 3; i++) xs[i] = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){BATCH, in[i].size[1]}, x);
    assert_int_equal(hoop_model_outputs(m), 1);
    hoop_model_forward(m, t, 3, xs, ys);
    test_tape_ok(t);
    assert_non_null(ys[0]);
    for (int i = 1; i < 4; i++) assert_null(ys[i]);
    hoop_tape_destroy(&t);
    hoop_model_destroy(&m);
}

/* a residual of several tensors, and a sequential that is the identity */
static void gradients_of_many(void **state)
{
    const hoop_parallel_opts each  = {.inputs = HOOP_INPUTS_EACH};
    hoop_shape               in[2] = {rows4, rows3};
    hoop_model              *m     = model();
    hoop_module             *c, *body;
    (void)state;
    c    = add(hoop_model_root(m), "residual", "0", NULL);
    body = add(c, "parallel", "body", &each);
    linear(body, "left", 4);
    add(body, "sequential", "right", NULL);
    check_gradients(m, 2, in);
}

/* the same bits as by hand */
static void values_by_hand(void **state)
{
    hoop_model  *m = nested();
    run          r = {.m = m, .nin = 1, .in = {rows4}};
    hoop_params *p;
    hoop_tensor *x, *y, *s, *by_hand;
    double       a[BATCH * 3], b[BATCH * 3];
    hoop_tensor *w[13];
    (void)state;
    ready(m, 1, &rows4);
    p = hoop_model_params(m);
    for (int i = 0; i < 13; i++) w[i] = hoop_params_tensor(p, i);
    r.t = test_tape();
    values(0, BATCH * 4, r.x[0]);
    (void)forward(&r);
    x = r.leaf[0];
    y = hoop_linear(r.t, x, w[0], w[1]);
    y = hoop_tanh(r.t, y);
    y = hoop_linear(r.t, y, w[2], w[3]);
    s = hoop_linear(r.t, x, w[4], NULL);
    x = hoop_add(r.t, y, s);
    y = x;
    for (int i = 0; i < 2; i++) {
        s = hoop_linear(r.t, y, w[5 + 2 * i], w[6 + 2 * i]);
        y = hoop_add(r.t, s, y);
    }
    by_hand = hoop_linear(r.t, y, w[9], w[10]);
    test_ok(hoop_tensor_read(r.out[0], a, why));
    test_ok(hoop_tensor_read(by_hand, b, why));
    assert_memory_equal(a, b, BATCH * 2 * sizeof *a);
    by_hand = hoop_linear(r.t, x, w[11], w[12]);
    test_ok(hoop_tensor_read(r.out[1], a, why));
    test_ok(hoop_tensor_read(by_hand, b, why));
    assert_memory_equal(a, b, BATCH * 3 * sizeof *a);
    hoop_tape_destroy(&r.t);
    hoop_model_destroy(&m);
}

/* where a step leaves the running mean of a channel of ones, from 0 */
static double running_mean(const char *kind, const void *opts)
{
    static const hoop_shape pixels = {.dtype = HOOP_F64, .ndim = 3, .size = {0, 1, 4}};
    const double            ones[] = {1, 1, 1, 1, 1, 1, 1, 1};
    hoop_tape              *t      = test_tape();
    hoop_model             *m      = model();
    hoop_tensor            *x, *y;
    hoop_exact_scalar       sums[8];
    double                  mean;
    add(hoop_model_root(m), kind, "0", opts);
    ready(m, 1, &pixels);
    test_ok(hoop_tape_bind(t, hoop_model_params(m), why));
    (void)hoop_tape_set_training(t, true);
    assert_int_equal(hoop_tape_reset(t, &(hoop_tape_key){1, 2, 3}, NULL), HOOP_OK);
    x = hoop_tape_tensor(t, HOOP_F64, 3, (int64_t[]){2, 1, 4}, ones);
    hoop_model_forward(m, t, 1, &x, &y);
    test_tape_ok(t);
    assert_true(hoop_emitted_count(hoop_model_params(m)) <= 8);
    for (int i = 0; i < 8; i++) hoop_exact_scalar_clear(&sums[i]);
    test_ok(hoop_emitted_add(t, hoop_model_params(m), sums, why));
    hoop_emitted_apply(hoop_model_params(m), sums);
    test_ok(hoop_tensor_read(hoop_params_buffer(hoop_model_params(m), 0), &mean, why));
    hoop_tape_destroy(&t);
    hoop_model_destroy(&m);
    return mean;
}

/* 0 is the default of options in C, HOOP_ZERO none */
static void momentum_of_zero(void **state)
{
    const hoop_instance_norm_opts by_default = {.track_running_stats = true},
                                  none       = {.momentum = HOOP_ZERO, .track_running_stats = true};
    (void)state;
    assert_true(fabs(running_mean("batch_norm", &(hoop_batch_norm_opts){.momentum = 0.0}) - 0.1) < 1e-15);
    assert_true(fabs(running_mean("batch_norm", &(hoop_batch_norm_opts){.momentum = 0.5}) - 0.5) < 1e-15);
    assert_true(running_mean("batch_norm", &(hoop_batch_norm_opts){.momentum = HOOP_ZERO}) == 0.0);
    assert_true(fabs(running_mean("instance_norm", &by_default) - 0.1) < 1e-15);
    assert_true(running_mean("instance_norm", &none) == 0.0);
}

static void a_step_allocates_nothing(void **state)
{
    run     r = {.m = nested(), .nin = 1, .in = {rows4}};
    int64_t before;
    (void)state;
    ready(r.m, 1, &rows4);
    r.t = test_tape();
    values(0, BATCH * 4, r.x[0]);
    for (int i = 0; i < 2; i++) test_ok(hoop_backward(r.t, forward(&r), NULL, why));
    before = alloc_calls();
    test_ok(hoop_backward(r.t, forward(&r), NULL, why));
    assert_int_equal(alloc_calls(), before);
    hoop_tape_destroy(&r.t);
    hoop_model_destroy(&r.m);
}

static hoop_status make(hoop_model **m, hoop_error *err)
{
    hoop_module *c, *body;
    hoop_status  st = hoop_model_create(HOOP_F64, err, m);
    if (st != HOOP_OK) return st;
    HOOP_TRY(st, done,
             hoop_module_add(hoop_model_root(*m), hoop_module_kind_find("repeat"), "0", &(hoop_repeat_opts){2}, err, &c));
    HOOP_TRY(st, done, hoop_module_add(c, hoop_module_kind_find("residual"), "body", NULL, err, &body));
    HOOP_TRY(st, done, hoop_module_add(body, hoop_module_kind_find("linear"), "body", &(hoop_linear_opts){.out = 4}, err, NULL));
    HOOP_TRY(st, done, hoop_model_build(*m, 1, &rows4, err));
    st = hoop_model_finalize(*m, NULL, err);
done:
    return st;
}

static void any_allocation_may_fail(void **state)
{
    hoop_status st = HOOP_ENOMEM;
    int         n  = 0;
    (void)state;
    for (; st != HOOP_OK && n < 1000; n++) {
        hoop_model *m   = NULL;
        hoop_error  err = {.status = HOOP_OK};
        alloc_fail(n, false);
        st = make(&m, &err);
        alloc_fail(-1, false);
        if (st != HOOP_OK) assert_int_equal(st, HOOP_ENOMEM);
        hoop_model_destroy(&m);
    }
    assert_true(n > 10 && n < 1000);
}

/* ---- what is refused ---- */

/* build fails, and blames one module once */
static void refused(hoop_model *m, int nin, const hoop_shape *in, hoop_status st, const char *module, const char *says)
{
    hoop_error err = {.status = HOOP_OK};
    test_failed(hoop_model_build(m, nin, in, &err), &err, st, module, says, NULL);
    if (strncmp(module, "module ", 7) == 0 && strstr(strstr(err.text, "module ") + 7, "module ") != NULL)
        fail_msg("%s", err.text);
    hoop_model_destroy(&m);
}

static hoop_module *with(hoop_model **m, const char *kind, const void *opts)
{
    *m = model();
    return add(hoop_model_root(*m), kind, "c", opts);
}

static void shapes_are_refused(void **state)
{
    hoop_shape two[2] = {rows4, rows3}, of_none = {.dtype = HOOP_F64, .ndim = 1}, wide = {.dtype = HOOP_F64, .ndim = 9},
               minus = rows4;
    hoop_model  *m;
    hoop_module *c;
    (void)state;
    minus.size[1] = -2;
    /* residual */
    linear(with(&m, "residual", NULL), "body", 5);
    refused(m, 1, &rows4, HOOP_ESHAPE, "module c (residual)", "gives f64 (N, 5), and its input is f64 (N, 4)");
    linear(with(&m, "residual", NULL), "shortcut", 5);
    refused(m, 1, &rows4, HOOP_EARG, "module c (residual)", "it has no body");
    c = with(&m, "residual", NULL);
    linear(c, "body", 5);
    linear(c, "shortcut", 6);
    refused(m, 1, &rows4, HOOP_ESHAPE, "module c (residual)", "its shortcut f64 (N, 6)");
    c = with(&m, "residual", NULL);
    add(c, "sequential", "body", NULL);
    add(add(c, "parallel", "shortcut", NULL), "relu", "0", NULL);
    refused(m, 2, two, HOOP_ESHAPE, "module c.shortcut.0 (relu)", "takes one tensor and is given 2");
    /* parallel */
    with(&m, "parallel", NULL);
    refused(m, 1, &rows4, HOOP_EARG, "module c (parallel)", "it has no branches");
    linear(with(&m, "parallel", &(hoop_parallel_opts){.inputs = HOOP_INPUTS_EACH}), "u", 5);
    refused(m, 2, two, HOOP_ESHAPE, "module c (parallel)", "of 1 branches, and it is given 2 tensors");
    for (int join = HOOP_JOIN_ADD; join <= HOOP_JOIN_CONCAT; join++) {
        c = with(&m, "parallel", &(hoop_parallel_opts){.join = join, .inputs = HOOP_INPUTS_EACH});
        add(c, "relu", "u", NULL);
        add(c, "relu", "v", NULL);
        two[1] = join == HOOP_JOIN_CONCAT ? ragged : rows3;
        refused(m, 2, two, HOOP_ESHAPE, "branch v gives f64 (N, ", "before it f64 (N, 4): ");
        c = with(&m, "parallel", &(hoop_parallel_opts){.join = join});
        add(c, "sequential", "u", NULL);
        refused(m, 2, two, HOOP_ESHAPE, "branch u gives 2 tensors", "joins one");
    }
    add(with(&m, "parallel", &(hoop_parallel_opts){.join = HOOP_JOIN_CONCAT}), "relu", "u", NULL);
    refused(m, 1, &of_none, HOOP_ESHAPE, "branch u gives f64 (N)", "no dim");
    /* others */
    add(with(&m, "repeat", &(hoop_repeat_opts){.times = 0}), "relu", "body", NULL);
    refused(m, 1, &rows4, HOOP_EARG, "module c (repeat)", "times: 0");
    add(with(&m, "repeat", &(hoop_repeat_opts){.times = 3}), "embedding", "body", &(hoop_embedding_opts){.rows = 2, .width = 2});
    refused(m, 1, &tokens, HOOP_EDTYPE, "module c.1 (embedding)", "i64");
    with(&m, "flatten", NULL);
    refused(m, 1, &ragged, HOOP_ESHAPE, "module c (flatten)", "dim 1 of its input varies");
    with(&m, "glu", NULL);
    refused(m, 1, &rows3, HOOP_ESHAPE, "module c (glu)", "dim 1 of its input has 3 elements; an even number");
    with(&m, "glu", &(int64_t){2});
    refused(m, 1, &rows4, HOOP_ESHAPE, "module c (glu)", "dim 2 is none of its 1 behind the batch");
    with(&m, "prelu", &(struct {
        int64_t n;
        double  init;
    }){3, 0.5});
    refused(m, 1, &rows4, HOOP_ESHAPE, "module c (prelu)", "3 slopes for 4 channels");
    with(&m, "hardtanh", &(double[2]){1, 1});
    refused(m, 1, &rows4, HOOP_EARG, "module c (hardtanh)", "min_val, 1, is not below max_val, 1");
    with(&m, "lstm", &(hoop_rnn_module_opts){.hidden = 3, .proj_size = 3});
    refused(m, 1, &ragged, HOOP_EARG, "module c (lstm)", "proj_size: 3 of 3 units; fewer than these");
    with(&m, "lstm", &(hoop_rnn_module_opts){.hidden = 3, .proj_size = 2, .layers = 13});
    refused(m, 1, &ragged, HOOP_EARG, "module c (lstm)", "layers: 13 in 1 directions; at most 12 in one module");
    with(&m, "rrelu", &(double[2]){0.5, 0.25});
    refused(m, 1, &rows4, HOOP_EARG, "module c (rrelu)", "lower, 0.5, is above upper, 0.25");
    for (int i = 0; i < 3; i++) {
        with(&m, i == 0 ? "softmax" : i == 1 ? "log_softmax" : "softmin", &(int64_t){i == 2 ? -2 : 2 * i});
        refused(m, 1, &rows4, HOOP_ESHAPE, "module c (", "is none of its 1 behind the batch");
    }
    with(&m, "lp_pool", zeros);
    refused(m, 1, &ragged, HOOP_EARG, "module c (lp_pool)", "norm_type: 0; a number above 0 is wanted");
    with(&m, "dropout", &(hoop_dropout_opts){.p = 0.5, .channels = true});
    refused(m, 1, &of_none, HOOP_ESHAPE, "module c (dropout)", "no dim behind the batch");
    add(hoop_model_root(m = model()), "embedding", "c", &(hoop_embedding_opts){.rows = 2, .width = 2, .padding_idx = {1, {2}}});
    refused(m, 1, &tokens, HOOP_EARG, "module c (embedding)", "padding_idx: one row of the 2");
    with(&m, "normalize", NULL);
    refused(m, 1, &ragged, HOOP_ESHAPE, "module c (normalize)", "dim 1 of its input varies");
    linear(hoop_model_root(m = model()), "c", 3);
    refused(m, 1, &tokens, HOOP_EDTYPE, "module c (linear)", "its input is i64, and it takes f64");
    linear(hoop_model_root(m = model()), "c", 3);
    refused(m, 1, &of_f32s, HOOP_EDTYPE, "module c (linear)", "its input is f32, and it takes f64");
    add(hoop_model_root(m = model()), "embedding", "c", &(hoop_embedding_opts){.rows = 2, .width = 2});
    refused(m, 1, &rows4, HOOP_EDTYPE, "module c (embedding)", "i64");
    linear(hoop_model_root(m = model()), "c", 3);
    refused(m, 2, two, HOOP_ESHAPE, "module c (linear)", "given 2");
    refused(model(), 1, &wide, HOOP_ESHAPE, "input 0 of the model", "9 dims");
    refused(model(), 1, &minus, HOOP_ESHAPE, "input 0 of the model", "size -2 in dim 1");
    refused(model(), 0, NULL, HOOP_EARG, "a model of 0 inputs", "1 to 64");
}

/* no kind divides by what a struct of zeros leaves out */
static void zeros_are_options(void **state)
{
    const hoop_shape in[] = {
        rows4, tokens, {.dtype = HOOP_F64, .ndim = 3, .size = {0, 4, 6}}, {.dtype = HOOP_F64, .ndim = 4, .size = {0, 4, 6, 6}}};
    const hoop_module_kind *k;
    (void)state;
    for (int i = 0; (k = hoop_module_kind_get(i)) != NULL; i++) {
        assert_true(k->opts_size <= sizeof zeros);
        for (size_t j = 0; j < sizeof in / sizeof *in; j++) {
            hoop_error  err = {.status = HOOP_OK};
            hoop_model *m   = model();
            add(hoop_model_root(m), k->name, "c", zeros);
            if (hoop_model_build(m, 1, &in[j], &err) != HOOP_OK) assert_non_null(strstr(err.text, "module c"));
            hoop_model_destroy(&m);
        }
    }
}

static void counts_are_refused(void **state)
{
    static const hoop_shape steps  = {.dtype = HOOP_F64, .ndim = 3, .size = {0, 6, 4}},
                            pixels = {.dtype = HOOP_F64, .ndim = 4, .size = {0, 4, 6, 6}};
    static const struct {
        const char       *kind, *says;
        const hoop_shape *in;
    } counts[] = {
        {"attention", "heads: 0; at least 1", &steps},         {"transformer_encoder_layer", "heads: 0; at least 1", &steps},
        {"group_norm", "num_groups: 0; at least 1", &pixels},  {"pixel_shuffle", "factor: 0; at least 1", &pixels},
        {"pixel_unshuffle", "factor: 0; at least 1", &pixels}, {"channel_shuffle", "groups: 0; at least 1", &pixels}};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char        module[64];
        hoop_model *m;
        with(&m, counts[i].kind, zeros);
        (void)snprintf(module, sizeof module, "module c (%s)", counts[i].kind);
        refused(m, 1, counts[i].in, HOOP_EARG, module, counts[i].says);
    }
}

/* what no step of training could run */
static void one_place_and_wide_borders_are_refused(void **state)
{
    const hoop_shape pixels = {.dtype = HOOP_F64, .ndim = 4, .size = {0, 4, 3, 6}},
                     place  = {.dtype = HOOP_F64, .ndim = 4, .size = {0, 4, 1, 1}},
                     varies = {.dtype = HOOP_F64, .ndim = 4, .size = {0, 4, 1, -1}};
    hoop_conv_layer_opts o  = {.out = 2, .kernel = {1, {3}}, .padding = {2, {1, 3}}, .padding_mode = HOOP_PAD_REFLECT};
    struct {
        hoop_ints dims;
        int       by;
        bool      keep;
    } reduce = {.dims = {2, {2, 3}}, .by = 5};
    hoop_model *m;
    (void)state;
    with(&m, "conv", &o);
    ready(m, 1, &pixels);
    hoop_model_destroy(&m);
    o.padding.v[0] = 3;
    with(&m, "conv", &o);
    refused(m, 1, &pixels, HOOP_ESHAPE, "module c (conv)", "reflect borders of 3 and 3 from the 3 elements of dim 2");
    o.padding_mode = HOOP_PAD_CIRCULAR;
    with(&m, "conv", &o);
    ready(m, 1, &pixels);
    hoop_model_destroy(&m);
    o.padding.v[1] = 7;
    with(&m, "conv", &o);
    refused(m, 1, &pixels, HOOP_ESHAPE, "module c (conv)", "circular borders of 7 and 7 from the 6 elements of dim 3");
    o.padding.n   = HOOP_CONV_SAME;
    o.kernel.v[0] = 4;
    o.dilation    = (hoop_ints){1, {3}};
    with(&m, "conv", &o);
    refused(m, 1, &pixels, HOOP_ESHAPE, "module c (conv)", "circular borders of 4 and 5 from the 3 elements of dim 2");
    with(&m, "instance_norm", zeros);
    refused(m, 1, &place, HOOP_ESHAPE, "module c (instance_norm)", "one place of each channel");
    with(&m, "instance_norm", zeros);
    ready(m, 1, &varies);
    hoop_model_destroy(&m);
    with(&m, "reduce", &reduce);
    refused(m, 1, &place, HOOP_ESHAPE, "module c (reduce)", "by: std of one element");
    with(&m, "reduce", &reduce);
    ready(m, 1, &varies);
    hoop_model_destroy(&m);
}

/* products of sizes that would overflow */
static void sizes_beyond_memory_are_refused(void **state)
{
    const hoop_shape pixels = {.dtype = HOOP_F64, .ndim = 4, .size = {0, 1, 28, 28}},
                     voxels = {.dtype = HOOP_F64, .ndim = 5, .size = {0, 1, 8, 8, 8}},
                     line   = {.dtype = HOOP_F64, .ndim = 3, .size = {0, 1, (int64_t)1 << 40}};
    const hoop_ints three = {1, {3}}, vast = {1, {1000000000}};
    hoop_model     *m;
    (void)state;
    with(&m, "conv", &(hoop_conv_layer_opts){.out = 4, .kernel = three, .dilation = vast, .padding = vast});
    refused(m, 1, &pixels, HOOP_ESIZE, "module c (conv)", "a sample with its padding");
    with(&m, "conv", &(hoop_conv_layer_opts){.out = 1000000000, .kernel = {1, {1}}, .padding = {1, {1000}}});
    refused(m, 1, &pixels, HOOP_ESIZE, "module c (conv)", "a sample of its output");
    with(&m, "conv", &(hoop_conv_layer_opts){.out = 4, .kernel = vast, .padding = vast});
    refused(m, 1, &voxels, HOOP_ESIZE, "module c (conv)", "its weight");
    with(&m, "conv_transpose", &(hoop_conv_transpose_layer_opts){.out = 4, .kernel = three, .dilation = vast, .padding = vast});
    refused(m, 1, &pixels, HOOP_ESIZE, "module c (conv_transpose)", "all that its kernel reaches");
    with(&m, "conv_transpose", &(hoop_conv_transpose_layer_opts){.out = 1000000000, .kernel = {1, {1}}, .stride = {1, {100}}});
    refused(m, 1, &pixels, HOOP_ESIZE, "module c (conv_transpose)", "a sample of its output");
    with(&m, "conv_transpose", &(hoop_conv_transpose_layer_opts){.out = 4, .kernel = vast});
    refused(m, 1, &voxels, HOOP_ESIZE, "module c (conv_transpose)", "its weight");
    with(&m, "conv_transpose", &(hoop_conv_transpose_layer_opts){.out = 4, .kernel = three, .stride = vast});
    refused(m, 1, &line, HOOP_ESIZE, "module c (conv_transpose)", "1099511627776 pixels in dim 2");
}

static void children_are_refused(void **state)
{
    hoop_error   err = {.status = HOOP_OK};
    hoop_model  *m   = model();
    hoop_module *c   = add(hoop_model_root(m), "residual", "0", NULL);
    (void)state;
    err.status = HOOP_OK;
    test_failed(hoop_module_add(c, hoop_module_kind_find("relu"), "bodi", NULL, &err, NULL), &err, HOOP_EARG,
                "a residual has no module 'bodi'", "did you mean body", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_module_add(hoop_model_root(m), hoop_module_kind_find("relu"), "0", NULL, &err, NULL), &err, HOOP_EARG,
                "'0' is there already, under the root", NULL);
    add(c, "relu", "body", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_module_add(c, hoop_module_kind_find("relu"), "body", NULL, &err, NULL), &err, HOOP_EARG,
                "'body' is there already, under 0", NULL);
    hoop_model_destroy(&m);
    /* a thousand of a thousand of a thousand */
    m = model();
    c = hoop_model_root(m);
    for (int i = 0; i < 3; i++) c = add(c, "repeat", i == 0 ? "0" : "body", &(hoop_repeat_opts){.times = 1000});
    add(c, "relu", "body", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_model_build(m, 1, &rows4, &err), &err, HOOP_ESIZE, "more than 100000 modules", NULL);
    hoop_model_destroy(&m);
}

/* ---- kinds of the user's own that take several ---- */

static int         gives;
static hoop_status swap_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    (void)m, (void)err;
    assert_int_equal(nin, 2);
    out[0] = in[1];
    out[1] = in[0];
    *nout  = gives;
    return HOOP_OK;
}
static void swap_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    (void)m, (void)t;
    out[0] = in[1];
    if (nin == 2 && gives == 2) out[1] = in[0];
}
static const hoop_module_kind swap = {.name = "swap", .build_many = swap_build, .forward_many = swap_forward};

static void kinds_of_several(void **state)
{
    hoop_shape   in[2] = {rows4, rows3};
    double       x[BATCH * 4];
    hoop_tape   *t = test_tape();
    hoop_tensor *xs[2], *ys[2];
    hoop_model  *m;
    (void)state;
    values(0, BATCH * 4, x);
    xs[0] = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){BATCH, 4}, x);
    xs[1] = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){BATCH, 3}, x);
    m     = model();
    test_ok(hoop_module_add(hoop_model_root(m), &swap, "0", NULL, why, NULL));
    gives = 2;
    ready(m, 2, in);
    hoop_model_forward(m, t, 2, xs, ys);
    test_tape_ok(t);
    assert_true(ys[0] == xs[1] && ys[1] == xs[0]);
    gives = 1; /* forgets one */
    hoop_model_forward(m, t, 2, xs, ys);
    assert_non_null(ys[1]);
    test_tape_failed(t, HOOP_EARG, "module 0 (swap)", "no output 1", NULL);
    ys[0] = ys[1] = NULL;
    hoop_model_forward(m, t, 1, xs, ys);
    assert_true(ys[0] != NULL && ys[1] != NULL);
    test_tape_failed(t, HOOP_EARG, "1 inputs", "built for 2", NULL);
    hoop_model_destroy(&m);
    for (gives = -1; gives < 100; gives += 66) {
        if (gives == 65 || gives < 1) {
            m = model();
            test_ok(hoop_module_add(hoop_model_root(m), &swap, "0", NULL, why, NULL));
            refused(m, 2, in, HOOP_EARG, "module 0 (swap)", "1 to 64 can be given");
        }
    }
    hoop_tape_destroy(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_shapes),
                                       cmocka_unit_test(inputs_of_their_own),
                                       cmocka_unit_test(sizes_that_vary),
                                       cmocka_unit_test(gradients_of_nested),
                                       cmocka_unit_test(gradients_of_joins),
                                       cmocka_unit_test(gradients_of_many),
                                       cmocka_unit_test(values_by_hand),
                                       cmocka_unit_test(momentum_of_zero),
                                       cmocka_unit_test(a_step_allocates_nothing),
                                       cmocka_unit_test(shapes_are_refused),
                                       cmocka_unit_test(zeros_are_options),
                                       cmocka_unit_test(counts_are_refused),
                                       cmocka_unit_test(sizes_beyond_memory_are_refused),
                                       cmocka_unit_test(one_place_and_wide_borders_are_refused),
                                       cmocka_unit_test(children_are_refused),
                                       cmocka_unit_test(kinds_of_several),
                                       cmocka_unit_test(any_allocation_may_fail),
                                       cmocka_unit_test(no_more_is_given_than_asked_for)};
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
