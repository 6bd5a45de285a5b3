/* The tape: errors that stick, storage that is released, staleness, scopes, order of ready, depth, user ops. */
#include "tape_test.h"

#include "hoop/op.h"
#include "tape/tape.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ---- */

static void first_error_sticks(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *a = test_leaf(t, 3, NULL), *b = test_leaf(t, 4, NULL), *y, *z;
    hoop_error   err = {.status = HOOP_OK};
    char         place[256];
    int64_t      before, after;
    (void)state;
    (void)snprintf(place, sizeof place, "[%s:%d]", __FILE__, __LINE__ + 1);
    y = hoop_add(t, a, b);
    assert_true(hoop_tensor_is_poison(y));
    hoop_tape_memory(t, &before, NULL, NULL);
    z = hoop_matmul(t, a, y); /* does nothing: neither another error nor memory */
    z = hoop_relu(t, z);
    assert_true(hoop_tensor_is_poison(z));
    hoop_tape_memory(t, &after, NULL, NULL);
    assert_int_equal(before, after);
    test_failed(hoop_backward(t, z, NULL, &err), &err, HOOP_ESHAPE, "add: ", "f64 (3), f64 (4)", place, NULL);
    hoop_tape_fail(t, HOOP_EARG, "a later one");
    err.status = HOOP_OK;
    test_failed(hoop_tape_reset(t, NULL, &err), &err, HOOP_ESHAPE, "add: ", place, NULL);
    test_tape_ok(t);
    a = test_leaf(t, 3, NULL); /* and goes on as new */
    y = hoop_add(t, a, a);
    y = hoop_sum(t, y, HOOP_ALL_DIMS, false);
    assert_true(hoop_tensor_item(y) == 12.0);
    hoop_tape_destroy(&t);
}

/* An op without a line of its own does not claim that of the one before. */
static void places_are_honest(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *a = test_leaf(t, 3, NULL), *i;
    (void)state;
    (void)hoop_add(t, a, a);
    i = hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){3}, NULL);
    (void)(hoop_exp)(t, i);
    test_tape_failed(t, HOOP_EDTYPE, "exp: ", "[after ", __FILE__, NULL);
    i = hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){3}, NULL); /* an op of one input has its line as well */
    (void)hoop_exp(t, i);
    test_tape_failed(t, HOOP_EDTYPE, "exp: ", " [", __FILE__, NULL);
    a = test_leaf(t, 3, NULL); /* backward leaves no line of its own files behind */
    test_ok(hoop_backward(t, hoop_mul(t, a, a), NULL, why));
    i = hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){3}, NULL);
    (void)(hoop_exp)(t, i);
    assert_null(strstr(hoop_tape_error(t)->text, "core/tape"));
    test_tape_failed(t, HOOP_EDTYPE, "exp: ", NULL);
    i = hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){3}, NULL);
    (void)(hoop_exp)(t, i);
    assert_null(strstr(hoop_tape_error(t)->text, "["));
    test_tape_failed(t, HOOP_EDTYPE, "exp: ", NULL);
    hoop_tape_destroy(&t);
}

static void poison_is_safe(void **state)
{
    hoop_tape         *t = test_tape();
    hoop_tensor       *a = test_leaf(t, 3, NULL), *b = test_leaf(t, 2, NULL), *bad = hoop_mul(t, a, b);
    const hoop_tensor *x[2] = {bad, NULL};
    char               text[64];
    double             buffer[8];
    hoop_error         err;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_true(hoop_tensor_is_poison(x[i]));
        assert_int_equal(hoop_tensor_numel(x[i]), 0);
        assert_int_equal(hoop_tensor_ndim(x[i]), 0);
        assert_int_equal(hoop_tensor_size(x[i], 0), 0);
        assert_int_equal(hoop_tensor_size(x[i], -1), 0);
        assert_non_null(hoop_tensor_shape(x[i]));
        (void)hoop_tensor_dtype(x[i]);
        (void)hoop_tensor_is_contiguous(x[i]);
        assert_null(hoop_tensor_data(x[i]));
        assert_true(isnan(hoop_tensor_item(x[i])));
        assert_null(hoop_tensor_grad(x[i]));
        (void)hoop_loss_weight(x[i]);
        err.status = HOOP_OK;
        test_failed(hoop_tensor_read(x[i], buffer, &err), &err, HOOP_EARG, "poison", NULL);
        assert_string_equal(hoop_tensor_describe(x[i], text, sizeof text), i == 0 ? "poison" : "NULL");
    }
    hoop_tensor_touch(NULL);
    (void)hoop_retain(t, bad);
    (void)hoop_retain(t, NULL);
    assert_true(hoop_tensor_is_poison(hoop_tape_watch(t, bad)));
    assert_true(hoop_tensor_is_poison(hoop_tape_watch(t, NULL)));
    (void)hoop_tape_reset(t, NULL, NULL);
    (void)hoop_add(t, bad, bad); /* after the error was cleared it is still no tensor */
    test_tape_failed(t, HOOP_EARG, "add: ", NULL);
    (void)hoop_tape_watch(t, NULL);
    (void)hoop_backward(t, NULL, NULL, NULL);
    test_tape_failed(t, HOOP_EARG, NULL);
    hoop_tape_destroy(&t);
}

static void tapes_do_not_mix(void **state)
{
    hoop_tape   *t = test_tape(), *other = test_tape();
    hoop_tensor *a = test_leaf(t, 3, NULL), *b = test_leaf(other, 3, NULL), *dx, *y;
    (void)state;
    (void)hoop_add(t, a, b);
    test_tape_failed(t, HOOP_EARG, "tape", NULL);
    (void)hoop_tape_watch(t, b);
    test_tape_failed(t, HOOP_EARG, "tape", NULL);
    (void)hoop_backward(t, b, NULL, NULL);
    test_tape_failed(t, HOOP_EARG, "backward", NULL);
    a = test_leaf(t, 3, NULL);
    y = hoop_sum(t, a, 1, false);
    (void)hoop_grad(t, y, &b, 1, 0, NULL, &dx);
    test_tape_failed(t, HOOP_EARG, "tape", NULL);
    test_tape_ok(other);
    hoop_tape_destroy(&other);
    hoop_tape_destroy(&t);
    hoop_tape_destroy(&t);
    hoop_tape_destroy(NULL);
}

static void memory_cap(void **state)
{
    hoop_runtime *rt;
    hoop_tape    *t;
    hoop_tensor  *x, *y;
    int64_t       reserved;
    (void)state;
    test_ok(hoop_runtime_create(&(hoop_runtime_opts){.memory_cap_bytes = 1 << 20}, why, &rt));
    test_ok(hoop_tape_create(rt, why, &t));
    x = hoop_fill(t, HOOP_F32, 2, (int64_t[]){300, 200}, 1.0);
    y = hoop_relu(t, x);
    y = hoop_relu(t, y);
    y = hoop_relu(t, y);
    assert_false(hoop_tensor_is_poison(y));
    x = hoop_tape_wrap(t, HOOP_F32, 2, (int64_t[]){200, 300}, hoop_tensor_data(x));
    y = hoop_matmul(t, y, x);
    test_tape_failed(t, HOOP_ENOMEM, "matmul: ", "f32 (300, 300)", "360000 bytes", "1048576", NULL);
    for (int i = 0; i < 40; i++) { /* blocks of other sizes that lie idle do not count against a step that fits */
        x = hoop_fill(t, HOOP_F32, 1, (int64_t[]){100000 + 4000 * (int64_t)i}, 1.0);
        test_tape_ok(t);
        hoop_tape_memory(t, NULL, NULL, &reserved);
        assert_true(reserved <= 1 << 20);
        (void)hoop_tape_reset(t, NULL, NULL);
    }
    x = hoop_tape_tensor(t, HOOP_F64, 3, (int64_t[]){1LL << 31, 1LL << 31, 4}, NULL);
    test_tape_failed(t, HOOP_ESIZE, NULL);
    x = hoop_tape_tensor(t, HOOP_F64, 1, (int64_t[]){-1}, NULL);
    test_tape_failed(t, HOOP_ESHAPE, "negative", NULL);
    hoop_tape_destroy(&t);
    hoop_runtime_destroy(&rt);
}

/* what goes past it says what it is, and how full memory was; workspace counts, and the next step may fit */
static void memory_limit(void **state)
{
    static float x[64 * 300];
    hoop_tape   *t = test_tape();
    hoop_tensor *y;
    int64_t      live, peak;
    (void)state;
    hoop_tape_set_limit(t, 250000);
    for (int again = 0; again < 2; again++) {
        y = hoop_tape_wrap(t, HOOP_F32, 2, (int64_t[]){64, 300}, x); /* no memory of the tape's */
        y = hoop_exp(t, hoop_tanh(t, y));
        test_tape_ok(t);
        hoop_tape_memory(t, &live, NULL, NULL);
        assert_in_range(live, 2 * 76800, 250000 - 76800 / 2);
        y = hoop_add(t, y, y);
        y = hoop_add(t, y, y);
        assert_true(hoop_tensor_is_poison(y));
        hoop_tape_memory(t, NULL, &peak, NULL);
        assert_in_range(peak, 1, 250000);
        test_tape_failed(t, HOOP_ENOMEM, "add: no memory for f32 (64, 300), 76800 bytes; ", " bytes are live, ",
                         " were at most, and the limit is 250000", NULL);
    }
    hoop_tape_set_limit(t, 90000);
    y = hoop_tape_wrap(t, HOOP_F32, 2, (int64_t[]){300, 64}, x);
    y = hoop_matmul(t, y, hoop_transpose(t, y, 0, 1));
    test_tape_failed(t, HOOP_ENOMEM, "matmul: no memory for f32 (300, 300), 360000 bytes", NULL);
    hoop_tape_set_limit(t, 0);
    y = hoop_tape_wrap(t, HOOP_F32, 2, (int64_t[]){300, 64}, x);
    (void)hoop_matmul(t, y, hoop_transpose(t, y, 0, 1));
    test_tape_ok(t);
    hoop_tape_destroy(&t);
}

/* ---- released and stale ---- */

static void released_storage(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *x = test_leaf(t, 3, NULL), *h = hoop_scale(t, x, 2.0), *kept = hoop_scale(t, x, 3.0), *y, *s;
    double       buffer[3];
    hoop_error   err = {.status = HOOP_OK};
    (void)state;
    (void)hoop_retain(t, kept);
    y = hoop_mul(t, h, kept);
    s = hoop_sum(t, y, 1, false);
    test_ok(hoop_backward(t, s, NULL, why));
    assert_true(hoop_tensor_item(s) == 6.0 * 14.0); /* the loss itself may be read */
    assert_null(hoop_tensor_data(h));
    assert_null(hoop_tensor_view(h)->data);
    test_failed(hoop_tensor_read(h, buffer, &err), &err, HOOP_ERELEASED, "hoop_retain", NULL);
    test_ok(hoop_tensor_read(kept, buffer, why));
    assert_true(buffer[2] == 9.0);
    assert_true(((double *)hoop_tensor_data(hoop_tensor_grad(x)))[2] == 36.0);
    (void)hoop_exp(t, h);
    test_tape_failed(t, HOOP_ERELEASED, "exp: ", "input 0", NULL);
    hoop_tape_destroy(&t);
}

static void backward_twice(void **state)
{
    hoop_tape *t = test_tape();
    (void)state;
    for (int retain = 0; retain < 2; retain++) {
        hoop_tensor *x = test_leaf(t, 3, NULL), *h = hoop_scale(t, x, 2.0), *y = hoop_mul(t, h, h), *s = hoop_sum(t, y, 1, false);
        test_ok(hoop_backward(t, s, &(hoop_backward_opts){.retain_graph = retain == 1}, why));
        if (retain == 0) {
            hoop_error err = {.status = HOOP_OK};
            test_failed(hoop_backward(t, s, NULL, &err), &err, HOOP_ERELEASED, "mul: ", NULL);
            assert_int_equal(hoop_tape_reset(t, NULL, NULL), HOOP_ERELEASED);
            continue;
        }
        test_ok(hoop_backward(t, s, NULL, why));
        assert_true(((double *)hoop_tensor_data(hoop_tensor_grad(x)))[1] == 2.0 * 16.0);
        (void)hoop_tape_reset(t, NULL, NULL);
    }
    hoop_tape_destroy(&t);
}

static hoop_tensor *square_sum(hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *y = hoop_mul(t, x, x);
    return hoop_sum(t, y, HOOP_ALL_DIMS, false);
}

static void stale_tensors(void **state)
{
    hoop_tape   *t = test_tape();
    test_model   m;
    hoop_tensor *p, *s, *x, *value;
    hoop_error   err = {.status = HOOP_OK};
    (void)state;
    test_ok(test_model_create(&m, NULL, why));
    test_ok(hoop_tensor_create(HOOP_F64, 2, (int64_t[]){2, 3}, why, &p));
    for (int way = 0; way < 6; way++) {
        switch (way) {
        case 0:
            s = square_sum(t, m.w1);
            break;
        case 1:
            s = square_sum(t, hoop_transpose(t, m.w1, 0, 1));
            break; /* through a view */
        case 2:
            s = square_sum(t, hoop_slice(t, hoop_transpose(t, m.w1, 0, 1), 0, 1, 2));
            break;
        case 3:
            s = square_sum(t, hoop_tape_watch(t, p));
            break;
        case 4:
            x = test_leaf(t, 3, NULL);
            s = hoop_sum(t, hoop_mul(t, p, x), HOOP_ALL_DIMS, false);
            break; /* no gradient, but read */
        default:
            s = hoop_sum(t, hoop_add(t, m.w1, m.w1), HOOP_ALL_DIMS, false);
            break; /* not read by backward: fine */
        }
        test_tape_ok(t);
        if (way < 3 || way == 5)
            hoop_params_touch(m.params);
        else
            hoop_tensor_touch(p);
        err.status = HOOP_OK;
        if (way == 5) {
            test_ok(hoop_backward(t, s, NULL, why));
        } else {
            test_failed(hoop_backward(t, s, NULL, &err), &err, HOOP_ESTALE, "mul: ", way == 0 ? "first.weight" : "forward", NULL);
        }
        (void)hoop_tape_reset(t, NULL, NULL);
    }
    s     = square_sum(t, hoop_tape_watch(t, p));
    value = hoop_tape_tensor(t, HOOP_F64, 1, (int64_t[]){6}, NULL);
    test_ok(hoop_tensor_assign(p, value, why)); /* assigning is writing */
    assert_int_equal(hoop_backward(t, s, NULL, NULL), HOOP_ESTALE);
    (void)hoop_tape_reset(t, NULL, NULL);
    hoop_tensor_destroy(&p);
    hoop_tape_destroy(&t);
    test_model_destroy(&m);
}

/* ---- user's ops, and those without derivative ---- */

static hoop_status any_shape(hoop_shape_call *s)
{
    s->out[0] = *s->in[0];
    return HOOP_OK;
}
static hoop_status cube_forward(const hoop_call *c)
{
    const double *x = c->in[0]->data;
    double       *y = c->out->data;
    for (int64_t i = 0; i < c->out->shape[0]; i++) y[i] = x[i] * x[i] * x[i];
    return HOOP_OK;
}
static const hoop_op no_derivative = {
    .name = "cube_only", .min_in = 1, .max_in = 1, .nout = 1, .shape = any_shape, .forward = cube_forward};
static void cube_backward(hoop_backward_call *b) /* 3 x^2 dy */
{
    hoop_tensor *square = hoop_mul(b->t, b->in[0], b->in[0]), *slope = hoop_scale(b->t, square, 3.0);
    if (hoop_sink(b, 0)) hoop_mul(b->t, slope, b->dy[0]);
}
static const hoop_op cube = {.name     = "cube",
                             .min_in   = 1,
                             .max_in   = 1,
                             .nout     = 1,
                             .reads    = HOOP_READS_IN(0),
                             .shape    = any_shape,
                             .forward  = cube_forward,
                             .backward = cube_backward};
static void          once_backward(hoop_backward_call *b) /* the right value, by an op that cannot be differentiated */
{
    hoop_tensor *x3 = hoop_op_call(b->t, &no_derivative, &b->in[0], 1, NULL, NULL), *ratio = hoop_div(b->t, x3, b->in[0]);
    hoop_tensor *slope = hoop_scale(b->t, ratio, 3.0);
    if (hoop_sink(b, 0)) hoop_mul(b->t, slope, b->dy[0]);
}
static const hoop_op once = {.name     = "once",
                             .min_in   = 1,
                             .max_in   = 1,
                             .nout     = 1,
                             .reads    = HOOP_READS_IN(0),
                             .shape    = any_shape,
                             .forward  = cube_forward,
                             .backward = once_backward};

/* A shape rule that fails and does not say why: an error all the same, in forward and in backward. */
static hoop_status silent_shape(hoop_shape_call *s)
{
    (void)s;
    return HOOP_EDTYPE;
}
static const hoop_op silent = {
    .name = "silent", .min_in = 1, .max_in = 1, .nout = 1, .shape = silent_shape, .forward = cube_forward};
static void silent_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &silent, &b->dy[0], 1, NULL, NULL);
}
static const hoop_op loud = {.name     = "loud",
                             .min_in   = 1,
                             .max_in   = 1,
                             .nout     = 1,
                             .shape    = any_shape,
                             .forward  = cube_forward,
                             .backward = silent_backward};

static void a_silent_shape_rule_has_an_error(void **state)
{
    hoop_tape   *t   = test_tape();
    hoop_tensor *a   = test_leaf(t, 3, NULL);
    hoop_error   err = {.status = HOOP_OK};
    (void)state;
    assert_true(hoop_tensor_is_poison(hoop_op_call(t, &silent, &a, 1, NULL, NULL)));
    test_tape_failed(t, HOOP_EDTYPE, "silent: ", "f64 (3)", NULL);
    a = test_leaf(t, 3, NULL);
    a = hoop_op_call(t, &loud, &a, 1, NULL, NULL);
    assert_false(hoop_tensor_is_poison(a));
    test_failed(hoop_backward(t, hoop_sum(t, a, HOOP_ALL_DIMS, false), NULL, &err), &err, HOOP_EDTYPE, "silent: ", NULL);
    hoop_tape_destroy(&t);
}

static void derivatives_of_user_ops(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *x = test_leaf(t, 3, NULL), *y, *s, *dx, *ddx;
    (void)state;
    y = hoop_op_call(t, &cube, &x, 1, NULL, NULL);
    s = hoop_sum(t, y, 1, false);
    test_ok(hoop_grad(t, s, &x, 1, HOOP_CREATE_GRAPH, why, &dx));
    s = hoop_sum(t, dx, 1, false);
    test_ok(hoop_grad(t, s, &x, 1, HOOP_CREATE_GRAPH, why, &ddx));
    assert_true(((double *)hoop_tensor_data(dx))[1] == 12.0 && ((double *)hoop_tensor_data(ddx))[1] == 12.0);
    s = hoop_sum(t, ddx, 1, false);
    test_ok(hoop_grad(t, s, &x, 1, 0, why, &dx)); /* a third time */
    assert_true(((double *)hoop_tensor_data(dx))[2] == 6.0);
    (void)hoop_tape_reset(t, NULL, NULL);

    x = test_leaf(t, 3, NULL);
    y = hoop_op_call(t, &no_derivative, &x, 1, NULL, NULL);
    (void)hoop_backward(t, hoop_sum(t, y, 1, false), NULL, NULL);
    test_tape_failed(t, HOOP_ENODERIV, "cube_only", NULL);

    x = test_leaf(t, 3, NULL); /* a first derivative, no second */
    y = hoop_op_call(t, &once, &x, 1, NULL, NULL);
    s = hoop_sum(t, y, 1, false);
    test_ok(hoop_grad(t, s, &x, 1, HOOP_CREATE_GRAPH, why, &dx));
    assert_true(fabs(((double *)hoop_tensor_data(dx))[1] - 12.0) < 1e-12);
    (void)hoop_grad(t, hoop_sum(t, dx, 1, false), &x, 1, 0, NULL, &ddx);
    assert_true(hoop_tensor_is_poison(ddx));
    test_tape_failed(t, HOOP_ENODERIV, "cube_only", NULL);
    hoop_tape_destroy(&t);
}

/* ---- hoop_grad ---- */

/* the identity, whose composite gives its input back */
static hoop_status copy_forward(const hoop_call *c)
{
    memcpy(c->out->data, c->in[0]->data, (size_t)c->out->shape[0] * sizeof(double));
    return HOOP_OK;
}
/* x^n: its backward reads x, but for the first power */
typedef struct power_attrs {
    int64_t n;
} power_attrs;
static bool        power_saw_x;
static hoop_status power_forward(const hoop_call *c)
{
    return ((const power_attrs *)c->attrs)->n == 3 ? cube_forward(c) : copy_forward(c);
}
static uint64_t power_reads(const void *attrs, int nin)
{
    (void)nin;
    return ((const power_attrs *)attrs)->n == 3 ? HOOP_READS_IN(0) : 0;
}
static void power_backward(hoop_backward_call *b)
{
    const power_attrs *a = b->attrs;
    power_saw_x          = hoop_tensor_data(b->in[0]) != NULL;
    if (a->n == 3)
        cube_backward(b);
    else
        hoop_pass(b, 0, b->dy[0]);
}
static const hoop_op power = {.name       = "power",
                              .min_in     = 1,
                              .max_in     = 1,
                              .nout       = 1,
                              .attrs_size = sizeof(power_attrs),
                              .reads_of   = power_reads,
                              .shape      = any_shape,
                              .forward    = power_forward,
                              .backward   = power_backward};

static void what_is_read_follows_from_attributes(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 3; n += 2) {
        hoop_tape   *t = test_tape();
        hoop_tensor *x = test_leaf(t, 3, NULL), *minus = hoop_neg(t, x); /* which neg's backward does not read */
        hoop_tensor *y = hoop_op_call(t, &power, &minus, 1, &(power_attrs){n}, NULL);
        test_ok(hoop_backward(t, hoop_sum(t, y, HOOP_ALL_DIMS, false), NULL, why));
        assert_int_equal(power_saw_x, n == 3);
        assert_true(hoop_tensor_item(hoop_slice(t, hoop_tensor_grad(x), 0, 1, 1)) == (n == 3 ? -12.0 : -1.0));
        hoop_tape_destroy(&t);
    }
}

static hoop_tensor *first_input(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    (void)t, (void)nin, (void)attrs;
    return in[0];
}
static hoop_tensor *elsewhere; /* what no composite may return */
static hoop_tensor *not_an_input(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    (void)t, (void)in, (void)nin, (void)attrs;
    return elsewhere;
}
static const hoop_op same = {
    .name = "same", .min_in = 1, .max_in = 1, .nout = 1, .shape = any_shape, .forward = copy_forward, .composite = first_input};
static const hoop_op astray = {.name      = "astray",
                               .min_in    = 1,
                               .max_in    = 1,
                               .nout      = 1,
                               .shape     = any_shape,
                               .forward   = copy_forward,
                               .composite = not_an_input};

static void composite_of_an_input(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *x = test_leaf(t, 3, NULL), *h = hoop_mul(t, x, x), *y = hoop_op_call(t, &same, &h, 1, NULL, NULL), *s, *dx;
    (void)state;
    s = square_sum(t, y);
    test_ok(hoop_backward(t, s, &(hoop_backward_opts){.retain_graph = true}, why));
    assert_true(((double *)hoop_tensor_data(hoop_tensor_grad(x)))[2] == 4.0 * 27.0);
    test_ok(hoop_grad(t, s, &x, 1, HOOP_CREATE_GRAPH, why, &dx));
    s = hoop_sum(t, dx, 1, false);
    test_ok(hoop_grad(t, s, &x, 1, 0, why, &dx));
    assert_true(((double *)hoop_tensor_data(dx))[2] == 12.0 * 9.0);
    (void)hoop_tape_reset(t, NULL, NULL);
    x         = test_leaf(t, 3, NULL);
    elsewhere = hoop_mul(t, x, x);
    y         = hoop_op_call(t, &astray, &x, 1, NULL, NULL);
    (void)hoop_backward(t, y, NULL, NULL);
    test_tape_failed(t, HOOP_ENODERIV, "astray", "composite", NULL);
    hoop_tape_destroy(&t);
}

static void broken_descriptors(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_op      op[6];
    hoop_tensor *x;
    (void)state;
    for (int i = 0; i < 6; i++) op[i] = cube;
    op[0].nout    = HOOP_MAX_OUT + 1;
    op[1].nout    = 0;
    op[2].shape   = NULL;
    op[3].forward = NULL;
    op[4].max_in  = HOOP_MAX_IN + 1;
    op[5].flags   = HOOP_OP_VIEW;
    op[5].nout    = 2;
    for (int i = 0; i < 6; i++) {
        x = test_leaf(t, 3, NULL);
        assert_true(hoop_tensor_is_poison(hoop_op_call(t, &op[i], &x, 1, NULL, NULL)));
        test_tape_failed(t, HOOP_EARG, "cube", NULL);
    }
    x = test_leaf(t, 3, NULL);
    (void)hoop_op_call(t, NULL, &x, 1, NULL, NULL);
    test_tape_failed(t, HOOP_EARG, NULL);
    hoop_tape_destroy(&t);
}

/* an op of many inputs and outputs: pair i is inputs i and i + PAIRS, and output i their product */
enum { PAIRS = 40 };
static hoop_status pairs_shape(hoop_shape_call *s)
{
    for (int i = 0; i < PAIRS; i++) s->out[i] = *s->in[i];
    return HOOP_OK;
}
static hoop_status pairs_forward(const hoop_call *c)
{
    for (int i = 0; i < PAIRS; i++) {
        for (int64_t k = 0; k < c->out[i].shape[0]; k++)
            ((double *)c->out[i].data)[k] = ((double *)c->in[i]->data)[k] * ((double *)c->in[i + PAIRS]->data)[k];
    }
    return HOOP_OK;
}
static void pairs_backward(hoop_backward_call *b)
{
    for (int i = 0; i < PAIRS; i++) {
        if (b->dy[i] == NULL) continue;
        if (hoop_sink(b, i)) hoop_mul(b->t, b->dy[i], b->in[i + PAIRS]);
        if (hoop_sink(b, i + PAIRS)) hoop_mul(b->t, b->dy[i], b->in[i]);
    }
}
static const hoop_op pairs = {
    .name     = "pairs",
    .min_in   = 2 * PAIRS,
    .max_in   = 2 * PAIRS,
    .nout     = PAIRS,
    .reads    = UINT32_MAX, /* all inputs */
    .shape    = pairs_shape,
    .forward  = pairs_forward,
    .backward = pairs_backward,
};

static void many_inputs_and_outputs(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *leaf[2 * PAIRS], *in[2 * PAIRS], *out[PAIRS], *sum, *y, *dx;
    hoop_op      forgetful = pairs;
    (void)state;
    forgetful.reads &= ~HOOP_READS_IN(2 * PAIRS - 1); /* says all but those that share the last bit */
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 2 * PAIRS; i++) {
            double v = (double)(i + 1);
            leaf[i]  = test_leaf(t, 1, &v);
            in[i]    = hoop_scale(t, leaf[i], 1.0);
        }
        (void)hoop_op_call(t, pass == 0 ? &pairs : &forgetful, in, 2 * PAIRS, NULL, out);
        sum = hoop_add(t, out[0], out[PAIRS - 1]); /* the others have no gradient */
        y   = hoop_sum(t, sum, HOOP_ALL_DIMS, false);
        if (pass == 0) {
            test_ok(hoop_backward(t, y, NULL, why));
            for (int i = 0; i < PAIRS; i++) {
                dx = hoop_tensor_grad(leaf[i]);
                assert_true(i == 0 || i == PAIRS - 1 ? hoop_tensor_item(dx) == (double)(i + PAIRS + 1) : dx == NULL);
            }
            (void)hoop_tape_reset(t, NULL, NULL);
        } else {
            (void)hoop_backward(t, y, NULL, NULL);
            test_tape_failed(t, HOOP_ERELEASED, "mul", NULL);
        }
    }
    hoop_tape_destroy(&t);
}

/* of every parameter of a deep network at once */
static void grad_of_many(void **state)
{
    enum { LAYERS = 9, WIDTH = 4 };
    hoop_tape   *t = test_tape();
    hoop_params *p;
    hoop_tensor *xs[2 * LAYERS], *dxs[2 * LAYERS], *h, *s;
    (void)state;
    test_ok(hoop_params_create(HOOP_F64, why, &p));
    for (int i = 0; i < 2 * LAYERS; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "p%d", i);
        test_ok(hoop_params_add(p, name, i % 2 == 0 ? 2 : 1, (int64_t[]){WIDTH, WIDTH}, why, &xs[i]));
    }
    test_ok(hoop_params_finalize(p, NULL, why));
    for (int64_t i = 0; i < hoop_params_nblocks(p) * HOOP_BLOCK; i++)
        ((double *)hoop_params_data(p))[i] = hoop_random_normal((hoop_key){3, 4}, (uint64_t)i);
    for (int pass = 0; pass < 2; pass++) {
        h = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){1, WIDTH}, (double[]){1.0, -2.0, 0.5, 3.0});
        for (int i = 0; i < LAYERS; i++) {
            h = hoop_linear(t, h, xs[2 * i], xs[2 * i + 1]);
            h = hoop_tanh(t, h);
        }
        s = hoop_sum(t, h, HOOP_ALL_DIMS, false);
        if (pass == 0) test_ok(hoop_grad(t, s, xs, 2 * LAYERS, HOOP_RETAIN_GRAPH, why, dxs));
        test_ok(hoop_backward(t, s, NULL, why));
        for (int i = 0; i < 2 * LAYERS && pass == 0; i++) {
            assert_memory_equal(hoop_tensor_data(dxs[i]), hoop_params_grad_of(p, i),
                                (size_t)hoop_tensor_numel(xs[i]) * sizeof(double));
            assert_true(((double *)hoop_tensor_data(dxs[i]))[0] != 0.0);
        }
        test_ok(hoop_tape_reset(t, NULL, why));
    }
    hoop_tape_destroy(&t);
    hoop_params_destroy(&p);
}

static int          costly_calls;
static hoop_tensor *costly_last; /* gradient of the expensive side */
static void         costly_backward(hoop_backward_call *b)
{
    costly_calls++;
    if (hoop_sink(b, 0)) costly_last = hoop_scale(b->t, b->dy[0], 1.0);
}
static const hoop_op costly = {.name     = "costly",
                               .min_in   = 1,
                               .max_in   = 1,
                               .nout     = 1,
                               .shape    = any_shape,
                               .forward  = copy_forward,
                               .backward = costly_backward};

/* hoop_grad goes where an x is, and nowhere else: neither other leaves nor what lies behind an x is differentiated */
static void grad_walks_to_xs_only(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *x = test_leaf(t, 3, NULL), *other = test_leaf(t, 3, NULL), *a, *b, *s, *dx;
    int64_t      live, after;
    (void)state;
    for (int flags = 0; flags < 4; flags++) {
        a            = hoop_op_call(t, &costly, &other, 1, NULL, NULL);
        b            = hoop_mul(t, x, a);
        s            = square_sum(t, b);
        costly_calls = 0;
        hoop_tape_memory(t, &live, NULL, NULL);
        test_ok(hoop_grad(t, s, &x, 1, flags == 2 ? HOOP_RETAIN_GRAPH : flags, why, &dx));
        hoop_tape_memory(t, &after, NULL, NULL);
        assert_int_equal(costly_calls, 0);
        assert_true(((double *)hoop_tensor_data(dx))[2] == 2.0 * 27.0);
        if (flags == HOOP_RETAIN_GRAPH) assert_true(after - live <= 256); /* dx alone is new */
    }
    a = hoop_op_call(t, &costly, &other, 1, NULL, NULL); /* an x in the middle: what it was made from is not asked for */
    s = square_sum(t, a);
    test_ok(hoop_grad(t, s, &a, 1, HOOP_RETAIN_GRAPH, why, &dx));
    assert_true(costly_calls == 0 && ((double *)hoop_tensor_data(dx))[1] == 4.0);
    test_ok(hoop_grad(t, s, &other, 1, HOOP_RETAIN_GRAPH, why, &dx));
    assert_true(costly_calls == 1 && ((double *)hoop_tensor_data(dx))[1] == 4.0);
    test_ok(hoop_grad(t, s, (hoop_tensor *[]){a, other}, 2, HOOP_RETAIN_GRAPH, why, (hoop_tensor *[2]){NULL}));
    assert_int_equal(costly_calls, 2);
    test_ok(hoop_grad(t, s, &s, 1, HOOP_RETAIN_GRAPH, why, &dx));
    assert_true(hoop_tensor_item(dx) == 1.0);
    test_ok(hoop_grad(t, s, &x, 1, HOOP_RETAIN_GRAPH, why, &dx)); /* s does not depend on it */
    assert_true(((double *)hoop_tensor_data(dx))[1] == 0.0);
    hoop_tape_destroy(&t);
}

static void grad_leaves_the_rest_alone(void **state)
{
    hoop_tape   *t = test_tape();
    test_model   m;
    hoop_tensor *x, *other, *plain, *s, *xs[3], *dxs[3], *before;
    double       kept[3], stored[30];
    (void)state;
    test_ok(test_model_create(&m, NULL, why));
    x     = test_leaf(t, 3, NULL);
    other = test_leaf(t, 3, NULL);
    s     = square_sum(t, x);
    test_ok(hoop_backward(t, s, &(hoop_backward_opts){.retain_graph = true}, why));
    before = hoop_tensor_grad(x);
    test_ok(hoop_tensor_read(before, kept, why));
    s = hoop_add(t, s, square_sum(t, m.w1));
    test_ok(hoop_backward(t, square_sum(t, m.w1), &(hoop_backward_opts){.retain_graph = true}, why));
    memcpy(stored, hoop_params_grad_of(m.params, 0), sizeof stored);
    xs[0] = x, xs[1] = other, xs[2] = m.w1;
    test_ok(hoop_grad(t, s, xs, 3, HOOP_RETAIN_GRAPH, why, dxs));
    assert_ptr_equal(hoop_tensor_grad(x), before);
    assert_memory_equal(hoop_tensor_data(before), kept, sizeof kept);
    assert_memory_equal(hoop_params_grad_of(m.params, 0), stored, sizeof stored);
    assert_memory_equal(hoop_tensor_data(dxs[2]), stored, sizeof stored);
    assert_memory_equal(hoop_tensor_data(dxs[0]), kept, sizeof kept);
    for (int i = 0; i < 3; i++) assert_true(((double *)hoop_tensor_data(dxs[1]))[i] == 0.0); /* y does not depend on it */
    plain = test_vector(t, 3, NULL);
    (void)hoop_grad(t, s, &plain, 1, 0, NULL, dxs);
    assert_true(hoop_tensor_is_poison(dxs[0]));
    test_tape_failed(t, HOOP_EARG, "wants no gradient", NULL);
    plain = test_vector(t, 3, NULL);
    (void)hoop_backward(t, plain, NULL, NULL);
    test_tape_failed(t, HOOP_EARG, "backward", NULL);
    x     = test_leaf(t, 3, NULL); /* an intermediate, twice */
    plain = hoop_scale(t, x, 2.0);
    s     = square_sum(t, plain);
    xs[0] = xs[1] = plain, xs[2] = x;
    test_ok(hoop_grad(t, s, xs, 3, 0, why, dxs));
    assert_true(((double *)hoop_tensor_data(dxs[0]))[2] == 12.0 && ((double *)hoop_tensor_data(dxs[1]))[2] == 12.0);
    assert_true(((double *)hoop_tensor_data(dxs[2]))[2] == 24.0);
    hoop_tape_destroy(&t);
    test_model_destroy(&m);
}

/* ---- parameters are ready once, in one order ---- */

typedef struct order {
    const test_model *m;
    int               seen[16], n, polls;
    double            at_ready[5][32];
} order;

static void note_ready(void *ctx, int param)
{
    order *o = ctx;
    assert_true(o->n < 16);
    o->seen[o->n++] = param;
    memcpy(o->at_ready[param], hoop_params_grad_of(o->m->params, param),
           sizeof(double) * (size_t)(param == 2 ? 32 : hoop_tensor_numel(hoop_params_tensor(o->m->params, param))));
}
static void note_poll(void *ctx)
{
    ((order *)ctx)->polls++;
}

static void ready_order(void **state)
{
    hoop_tape *t = test_tape();
    test_model m;
    order      first = {0};
    (void)state;
    test_ok(test_model_create(&m, NULL, why));
    memset(hoop_params_grad(m.params), 0x55, (size_t)hoop_params_bytes(m.params) / 2); /* what an earlier use left */
    for (int step = 0; step < 4; step++) {
        order        o = {.m = &m};
        hoop_tensor *loss;
        (void)hoop_tape_reset(t, &(hoop_tape_key){1, (uint64_t)step, 0}, NULL);
        (void)hoop_tape_set_training(t, true);
        loss = test_model_loss(&m, t);
        test_ok(hoop_backward(
            t, loss, &(hoop_backward_opts){.ctx = &o, .ready = note_ready, .poll = note_poll, .accumulate = step > 2}, why));
        assert_int_equal(o.n, hoop_params_count(m.params));
        assert_true(o.polls > 5);
        for (int i = 0; i < o.n; i++) {
            for (int k = 0; k < i; k++) assert_int_not_equal(o.seen[i], o.seen[k]);
        }
        assert_int_equal(o.seen[o.n - 1], 2); /* the unused one last, with zero */
        for (int i = 0; i < 130; i++) assert_true(((double *)hoop_params_grad_of(m.params, 2))[i] == 0.0);
        for (int i = 0; i < o.n; i++) { /* what it was when ready, it stayed */
            int64_t n = i == 2 ? 32 : hoop_tensor_numel(hoop_params_tensor(m.params, i));
            assert_memory_equal(o.at_ready[i], hoop_params_grad_of(m.params, i), (size_t)n * sizeof(double));
        }
        if (step == 0) first = o;
        assert_memory_equal(o.seen, first.seen, sizeof o.seen);
    }
    hoop_tape_destroy(&t);
    test_model_destroy(&m);
}

/* one backward over both halves of a sum, and two that accumulate, agree */
static void leaves_accumulate(void **state)
{
    hoop_tape *t = test_tape();
    test_model m;
    double     once_[30], twice[30];
    (void)state;
    test_ok(test_model_create(&m, NULL, why));
    for (int pass = 0; pass < 2; pass++) {
        (void)hoop_tape_reset(t, NULL, NULL);
        test_ok(hoop_backward(t, test_model_loss(&m, t), &(hoop_backward_opts){.accumulate = pass > 0}, why));
        memcpy(pass == 0 ? once_ : twice, hoop_params_grad_of(m.params, 0), sizeof once_);
    }
    for (int i = 0; i < 30; i++) assert_true(fabs(twice[i] - 2.0 * once_[i]) <= 1e-14);
    (void)hoop_tape_reset(t, NULL, NULL); /* and without accumulate it begins anew */
    test_ok(hoop_backward(t, test_model_loss(&m, t), NULL, why));
    assert_memory_equal(hoop_params_grad_of(m.params, 0), once_, sizeof once_);
    hoop_tape_destroy(&t);
    test_model_destroy(&m);
}

/* ---- scopes ---- */

/* 10,000 turns of a loop that does not record: not a byte more is live, nor taken from the system, than after the first */
static void scopes_bound_memory(void **state)
{
    hoop_tape   *t = test_tape();
    test_model   m;
    hoop_tensor *start, *persistent;
    int64_t      live, reserved, first_live = 0, first_reserved = 0;
    (void)state;
    test_ok(test_model_create(&m, NULL, why));
    test_ok(hoop_tensor_create(HOOP_F64, 1, (int64_t[]){5}, why, &persistent));
    (void)hoop_scope_begin(t);
    test_tape_failed(t, HOOP_ESTATE, "recording", NULL);
    (void)hoop_tape_set_grad(t, false);
    start = test_vector(t, 5, NULL);
    for (int i = 0; i < 10000; i++) {
        int64_t      outer = hoop_scope_begin(t), inner = hoop_scope_begin(t);
        hoop_tensor *row = hoop_reshape(t, start, 2, (int64_t[]){1, 5}), *w = hoop_slice(t, m.w1, 1, 0, 5),
                    *y = hoop_matmul(t, row, w);
        hoop_tensor *z = hoop_tanh(t, y), *sum, *keep[4] = {z, start, NULL, persistent};
        hoop_scope_end(t, inner, keep, 4);
        assert_ptr_equal(keep[1], start); /* older than the scope: stays where it is */
        assert_null(keep[2]);
        assert_ptr_equal(keep[3], persistent);
        z   = hoop_reshape(t, keep[0], 1, (int64_t[]){5});
        sum = hoop_add(t, z, persistent);
        test_ok(hoop_tensor_assign(persistent, sum, why)); /* state is carried in persistent tensors */
        hoop_scope_end(t, outer, NULL, 0);
        hoop_tape_memory(t, &live, NULL, &reserved);
        if (i == 0) first_live = live, first_reserved = reserved;
        assert_int_equal(live, first_live);
        assert_int_equal(reserved, first_reserved);
    }
    test_tape_ok(t);
    {
        double sum[5], turn = 0.0;
        test_ok(hoop_tensor_read(persistent, sum, why));
        for (int k = 0; k < 5; k++) turn += ((double *)hoop_tensor_data(m.w1))[k * 6] * (double)(k + 1);
        assert_true(fabs(sum[0] - 10000.0 * tanh(turn)) < 1e-9);
    }
    hoop_scope_end(t, 7, NULL, 0);
    test_tape_failed(t, HOOP_ESTATE, "scope", NULL);
    hoop_tensor_destroy(&persistent);
    hoop_tape_destroy(&t);
    test_model_destroy(&m);
}

/* recording and backward inside a scope, against the rules, leave no loose ends */
static void scope_around_backward(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *x = test_leaf(t, 3, NULL), *s, *dx, *y;
    int64_t      scope;
    (void)state;
    (void)hoop_tape_set_grad(t, false);
    scope = hoop_scope_begin(t);
    (void)hoop_tape_set_grad(t, true);
    s = square_sum(t, x);
    test_ok(hoop_backward(t, s, NULL, why));
    assert_non_null(hoop_tensor_grad(x));
    for (int i = 0; i < 20; i++) { /* gradients of many tensors of the scope */
        hoop_tensor *leaf = test_leaf(t, 3, NULL);
        s                 = square_sum(t, leaf);
        test_ok(hoop_backward(t, s, NULL, why));
    }
    (void)hoop_tape_set_grad(t, false);
    hoop_scope_end(t, scope, NULL, 0);
    assert_null(hoop_tensor_grad(x));
    (void)hoop_tape_set_grad(t, true);
    s = square_sum(t, x);
    test_ok(hoop_grad(t, s, &x, 1, HOOP_CREATE_GRAPH, why, &dx)); /* makes tensors where those of the scope were */
    for (int32_t id = x->id + 1; id < t->tensors.n; id++) assert_null(t->slots.v[id].grad);
    y = hoop_mul(t, dx, dx);
    test_ok(hoop_backward(t, y, NULL, why));
    assert_true(((double *)hoop_tensor_data(hoop_tensor_grad(x)))[2] == 24.0);
    (void)hoop_tape_reset(t, NULL, NULL);
    x = test_leaf(t, 3, NULL);
    s = square_sum(t, x);
    test_ok(hoop_backward(t, s, NULL, why));
    assert_true(((double *)hoop_tensor_data(hoop_tensor_grad(x)))[2] == 6.0);
    hoop_tape_destroy(&t);
}

/* ---- depth ---- */

enum { DEEP = 100000 };

static void *deep(void *ok)
{
    hoop_tape   *t = NULL;
    hoop_tensor *x, *y;
    if (hoop_tape_create(test_rt, NULL, &t) != HOOP_OK) return NULL;
    x = hoop_tape_tensor(t, HOOP_F64, 1, (int64_t[]){2}, (double[]){1.0, 2.0});
    x = hoop_tape_watch(t, x);
    y = x;
    for (int i = 0; i < DEEP; i++) y = i % 2 == 0 ? hoop_shift(t, y, 1e-6) : hoop_scale(t, y, 1.0);
    if (hoop_backward(t, y, NULL, NULL) == HOOP_OK) {
        const double *g = hoop_tensor_data(hoop_tensor_grad(x));
        *(bool *)ok     = g != NULL && g[0] == 1.0 && g[1] == 1.0;
    }
    hoop_tape_destroy(&t);
    return NULL;
}

/* 100,000 nodes on a thread whose stack would not hold a frame for each */
static void deep_tape(void **state)
{
    pthread_attr_t attr;
    pthread_t      thread;
    bool           ok = false;
    (void)state;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attr, deep, &ok), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_attr_destroy(&attr);
    assert_true(ok);
}

/* ---- losses ---- */

static void losses_have_weights(void **state)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *x = test_leaf(t, 3, NULL), *target = test_vector(t, 3, (double[]){1.0, 1.0, 1.0}),
                *loss = hoop_mse(t, x, target), *own, *sum, *weight, *cast;
    int64_t scope;
    (void)state;
    assert_true(hoop_tensor_item(loss) == 5.0 && hoop_tensor_item(hoop_loss_weight(loss)) == 3.0);
    assert_null(hoop_loss_weight(x));
    sum    = hoop_sum(t, x, 1, false);
    weight = hoop_fill(t, HOOP_F64, 0, NULL, 2.0);
    own    = hoop_loss(t, sum, weight);
    test_ok(hoop_backward(t, own, NULL, why));
    assert_true(hoop_tensor_item(own) == 6.0 && hoop_tensor_item(hoop_loss_weight(own)) == 2.0); /* both after backward */
    assert_null(hoop_loss_weight(hoop_scale(t, own, 2.0)));                                      /* an op on a loss is none */
    (void)hoop_tape_set_grad(t, false);
    scope = hoop_scope_begin(t);
    loss  = hoop_mse(t, target, target);
    hoop_scope_end(t, scope, &loss, 1);
    for (int i = 0; i < 20; i++) (void)hoop_fill(t, HOOP_F64, 0, NULL, 77.0);
    assert_true(hoop_tensor_item(loss) == 0.0 && hoop_tensor_item(hoop_loss_weight(loss)) == 3.0);
    (void)hoop_tape_set_grad(t, true);
    x    = test_leaf(t, 3, NULL); /* a weight is f64 and readable after backward, however the loss goes on */
    cast = hoop_cast(t, x, HOOP_F32);
    loss = hoop_mse(t, cast, hoop_tape_tensor(t, HOOP_F32, 1, (int64_t[]){3}, NULL));
    own  = hoop_loss(t, hoop_scale(t, loss, 0.5), hoop_loss_weight(loss));
    assert_int_equal(hoop_tensor_dtype(hoop_loss_weight(loss)), HOOP_F64);
    test_ok(hoop_backward(t, own, NULL, why));
    assert_true(hoop_tensor_item(hoop_loss_weight(loss)) == 3.0 && hoop_tensor_item(hoop_loss_weight(own)) == 3.0);
    assert_true(hoop_tensor_is_poison(hoop_loss(t, x, weight)));
    assert_non_null(hoop_loss_weight(hoop_loss(t, x, weight)));
    test_tape_failed(t, HOOP_ESHAPE, "loss: ", NULL);
    hoop_tape_destroy(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composite_of_an_input),
        cmocka_unit_test(broken_descriptors),
        cmocka_unit_test(many_inputs_and_outputs),
        cmocka_unit_test(grad_of_many),
        cmocka_unit_test(grad_walks_to_xs_only),
        cmocka_unit_test(first_error_sticks),
        cmocka_unit_test(places_are_honest),
        cmocka_unit_test(poison_is_safe),
        cmocka_unit_test(tapes_do_not_mix),
        cmocka_unit_test(memory_cap),
        cmocka_unit_test(memory_limit),
        cmocka_unit_test(released_storage),
        cmocka_unit_test(backward_twice),
        cmocka_unit_test(stale_tensors),
        cmocka_unit_test(derivatives_of_user_ops),
        cmocka_unit_test(a_silent_shape_rule_has_an_error),
        cmocka_unit_test(grad_leaves_the_rest_alone),
        cmocka_unit_test(ready_order),
        cmocka_unit_test(leaves_accumulate),
        cmocka_unit_test(scopes_bound_memory),
        cmocka_unit_test(scope_around_backward),
        cmocka_unit_test(deep_tape),
        cmocka_unit_test(losses_have_weights),
        cmocka_unit_test(what_is_read_follows_from_attributes),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
