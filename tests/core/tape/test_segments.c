/* Segments: what is kept of them, what runs again, and what goes wrong. That their bits are those of a pass without them, leaves
 * at once and replays too, test_leaves.c shows, and of every op the registry. */
#include "tape_test.h"

#include "hoop/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 32, WIDTH = 64, BLOCKS = 16 };

static void fill(float *x, int64_t n, uint64_t what)
{
    const hoop_key key = hoop_key_make(3, HOOP_FOR_TEST, what, 0, 0);
    for (int64_t i = 0; i < n; i++) x[i] = 0.2F * (float)hoop_random_normal(key, (uint64_t)i);
}

typedef struct chain {
    hoop_params *params;
    hoop_tensor *up[BLOCKS], *down[BLOCKS];
} chain;

static void chain_create(chain *c)
{
    test_ok(hoop_params_create(HOOP_F32, why, &c->params));
    for (int i = 0; i < BLOCKS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d.up", i);
        test_ok(hoop_params_add(c->params, name, 2, (int64_t[]){4 * WIDTH, WIDTH}, why, &c->up[i]));
        (void)snprintf(name, sizeof name, "%d.down", i);
        test_ok(hoop_params_add(c->params, name, 2, (int64_t[]){WIDTH, 4 * WIDTH}, why, &c->down[i]));
    }
    test_ok(hoop_params_finalize(c->params, NULL, why));
    fill(hoop_params_data(c->params), hoop_params_nblocks(c->params) * HOOP_BLOCK, 1);
}

/* residual blocks, each a segment or not; *inside: a tensor of the third one's own */
static hoop_tensor *chain_loss(const chain *c, hoop_tape *t, const float *x, bool segments, hoop_tensor **inside)
{
    hoop_tensor *y = hoop_tape_wrap(t, HOOP_F32, 2, (int64_t[]){ROWS, WIDTH}, x), *h;
    for (int i = 0; i < BLOCKS; i++) {
        const int64_t s = segments ? hoop_segment_begin(t) : -1;
        h               = hoop_dropout(t, hoop_gelu(t, hoop_linear(t, y, c->up[i], NULL), HOOP_GELU_ERF), 0.1);
        if (i == 2 && inside != NULL) *inside = h;
        h = hoop_linear(t, h, c->down[i], NULL);
        y = hoop_add(t, y, h);
        hoop_segment_end(t, s, &y, 1);
    }
    return hoop_sum(t, hoop_mul(t, y, y), HOOP_ALL_DIMS, false);
}

/* y = x, and how often */
static int         counted_runs;
static hoop_status counted_shape(hoop_shape_call *s)
{
    s->out[0] = *s->in[0];
    return HOOP_OK;
}
static hoop_status counted_forward(const hoop_call *c)
{
    counted_runs++;
    memcpy(c->out->data, c->in[0]->data, ROWS * WIDTH * sizeof(float));
    return HOOP_OK;
}
static void counted_backward(hoop_backward_call *b)
{
    hoop_pass(b, 0, b->dy[0]);
}
static const hoop_op counted = {.name     = "counted",
                                .min_in   = 1,
                                .max_in   = 1,
                                .nout     = 1,
                                .shape    = counted_shape,
                                .forward  = counted_forward,
                                .backward = counted_backward};

/* What a segment keeps is the next one's to read: what makes it runs once, though it is gone when backward comes there. */
static void what_is_kept_runs_once(void **state)
{
    static float x[ROWS * WIDTH];
    chain        c;
    hoop_tape   *t = test_tape();
    hoop_tensor *y;
    (void)state;
    chain_create(&c);
    fill(x, ROWS * WIDTH, 2);
    y            = hoop_tape_wrap(t, HOOP_F32, 2, (int64_t[]){ROWS, WIDTH}, x);
    counted_runs = 0;
    for (int i = 0; i < BLOCKS; i++) {
        const int64_t s = hoop_segment_begin(t);
        y               = hoop_relu(t, hoop_linear(t, y, c.up[i], NULL));
        y               = hoop_linear(t, y, c.down[i], NULL);
        y               = hoop_op_call(t, &counted, &y, 1, NULL, NULL);
        hoop_segment_end(t, s, &y, 1);
    }
    y = hoop_sum(t, hoop_mul(t, y, y), HOOP_ALL_DIMS, false);
    test_ok(hoop_backward(t, y, NULL, why));
    assert_int_equal(counted_runs, BLOCKS);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&c.params);
}

static void less_is_live(void **state)
{
    static float x[ROWS * WIDTH];
    chain        c;
    int64_t      live[2], peak[2], all;
    float       *first;
    (void)state;
    chain_create(&c);
    fill(x, ROWS * WIDTH, 2);
    all   = hoop_params_nblocks(c.params) * HOOP_BLOCK * (int64_t)sizeof(float);
    first = malloc((size_t)all);
    assert_non_null(first);
    for (int how = 0; how < 2; how++) {
        hoop_tape   *t = test_tape();
        hoop_tensor *loss;
        test_ok(hoop_tape_reset(t, &(hoop_tape_key){1, 2, 3}, why));
        (void)hoop_tape_set_training(t, true);
        loss = chain_loss(&c, t, x, how == 1, NULL);
        hoop_tape_memory(t, &live[how], NULL, NULL);
        test_ok(hoop_backward(t, loss, NULL, why));
        hoop_tape_memory(t, NULL, &peak[how], NULL);
        if (how == 0) memcpy(first, hoop_params_grad(c.params), (size_t)all);
        assert_memory_equal(first, hoop_params_grad(c.params), (size_t)all);
        hoop_tape_destroy(&t);
    }
    if (6 * live[1] > live[0] || 4 * peak[1] > peak[0])
        fail_msg("%lld bytes live after forward, %lld at most; without segments %lld and %lld", (long long)live[1],
                 (long long)peak[1], (long long)live[0], (long long)peak[0]);
    free(first);
    hoop_params_destroy(&c.params);
}

static void what_is_not_kept_is_gone(void **state)
{
    static float x[ROWS * WIDTH];
    chain        c;
    hoop_tape   *t = test_tape();
    hoop_tensor *inside, *loss, *y;
    int64_t      s;
    (void)state;
    chain_create(&c);
    fill(x, ROWS * WIDTH, 2);
    (void)chain_loss(&c, t, x, true, &inside);
    (void)hoop_neg(t, inside);
    test_tape_failed(t, HOOP_ERELEASED, "neg: ", "its segment has ended; call hoop_retain", NULL);
    s      = hoop_segment_begin(t);
    y      = hoop_tape_watch(t, test_vector(t, 3, NULL));
    inside = hoop_retain(t, hoop_exp(t, y)); /* as hoop_retain says */
    y      = hoop_mul(t, inside, inside);
    hoop_segment_end(t, s, &y, 1);
    test_tape_ok(t);
    assert_true(hoop_tensor_item(hoop_sum(t, hoop_neg(t, inside), HOOP_ALL_DIMS, false)) < 0.0);
    (void)hoop_tape_reset(t, NULL, NULL);
    /* where nothing is recorded there is no segment, and nothing goes */
    (void)hoop_tape_set_grad(t, false);
    loss = chain_loss(&c, t, x, true, &inside);
    (void)hoop_neg(t, inside);
    test_tape_ok(t);
    assert_false(hoop_tensor_is_poison(loss));
    (void)hoop_tape_set_grad(t, true);
    (void)hoop_tape_reset(t, NULL, NULL);
    hoop_segment_end(t, 0, NULL, 0);
    test_tape_failed(t, HOOP_ESTATE, "segment 0 is not under way", NULL);
    s = hoop_segment_begin(t);
    hoop_segment_end(t, s, NULL, 0);
    hoop_segment_end(t, s, NULL, 0);
    test_tape_failed(t, HOOP_ESTATE, "segment 0 is not under way", NULL);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&c.params);
}

/* of what a segment gives and takes: views that share storage, several outputs of an op, one of them kept, uses behind it of what
 * came in before, tensors that want no gradient */
static hoop_tensor *crossing(hoop_tape *t, hoop_tensor *x, bool segment)
{
    hoop_tensor  *before = hoop_exp(t, x), *mask = hoop_tanh(t, hoop_detach(t, x)), *parts[2], *y, *keep[2];
    const int64_t s = segment ? hoop_segment_begin(t) : -1;
    mask            = hoop_sigmoid(t, hoop_scale(t, mask, 3.0)); /* its nodes are not walked, but run */
    y               = hoop_mul(t, hoop_mul(t, before, before), mask);
    (void)hoop_split(t, y, 1, 2, (int64_t[]){3, 3}, parts);
    keep[0] = hoop_tanh(t, parts[1]);
    keep[0] = hoop_transpose(t, hoop_mul(t, parts[0], keep[0]), 0, 1); /* (3, 4) */
    keep[1] = parts[1];                                                /* (4, 3) */
    hoop_segment_end(t, s, keep, 2);
    y      = hoop_matmul(t, keep[1], keep[0]);
    before = hoop_mul(t, before, hoop_tanh(t, before));
    before = hoop_sum(t, before, HOOP_ALL_DIMS, false);
    return hoop_add(t, hoop_sum(t, hoop_mul(t, y, y), HOOP_ALL_DIMS, false), before);
}

static const double at[24] = {0.1, -0.3, 0.5, 0.2, 0.9, -0.7, 0.3, 0.4, -0.1, 0.6, -0.2, 0.8,
                              0.7, -0.9, 0.2, 0.1, 0.5, -0.4, 0.6, 0.3, -0.8, 0.4, 0.9,  -0.5};

static hoop_tensor *point(hoop_tape *t)
{
    return hoop_tape_watch(t, hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){4, 6}, at));
}

static void what_crosses_its_ends(void **state)
{
    double first[2][24], second[2][24], functional[2][24];
    (void)state;
    for (int how = 0; how < 2; how++) {
        hoop_tape   *t = test_tape();
        hoop_tensor *x = point(t), *y = crossing(t, x, how == 1), *dx, *ddx;
        hoop_error   err = {.status = HOOP_OK};
        test_ok(hoop_backward(t, y, &(hoop_backward_opts){.retain_graph = true}, why)); /* twice: it adds */
        test_ok(hoop_backward(t, y, NULL, why));
        memcpy(first[how], hoop_tensor_data(hoop_tensor_grad(x)), sizeof first[how]);
        test_failed(hoop_backward(t, y, NULL, &err), &err, HOOP_ERELEASED, "released", NULL);
        (void)hoop_tape_reset(t, NULL, NULL);
        x = point(t);
        test_ok(hoop_grad(t, crossing(t, x, how == 1), &x, 1, 0, why, &dx));
        memcpy(functional[how], hoop_tensor_data(dx), sizeof functional[how]);
        test_ok(hoop_tape_reset(t, NULL, why));
        x = point(t);
        test_ok(hoop_grad(t, crossing(t, x, how == 1), &x, 1, HOOP_CREATE_GRAPH, why, &dx));
        dx = hoop_sum(t, hoop_mul(t, dx, dx), HOOP_ALL_DIMS, false);
        test_ok(hoop_grad(t, dx, &x, 1, 0, why, &ddx));
        memcpy(second[how], hoop_tensor_data(ddx), sizeof second[how]);
        hoop_tape_destroy(&t);
    }
    assert_memory_equal(first[0], first[1], sizeof first[0]);
    assert_memory_equal(functional[0], functional[1], sizeof first[0]);
    assert_memory_equal(second[0], second[1], sizeof first[0]);
    for (int i = 0; i < 24; i++) assert_true(first[0][i] == 2 * functional[0][i]);
}

/* A buffer gets what the segment said when it ran forward, once; a weight that was written in between is told. */
static void emissions_and_stale_weights(void **state)
{
    hoop_params         *p;
    hoop_tape           *t = test_tape();
    hoop_tensor         *w, *mean, *x, *y;
    const hoop_emission *e;
    hoop_error           err = {.status = HOOP_OK};
    (void)state;
    test_ok(hoop_params_create(HOOP_F64, why, &p));
    test_ok(hoop_params_add(p, "w", 1, (int64_t[]){3}, why, &w));
    test_ok(hoop_params_add_buffer(p, "mean", HOOP_F64, 1, (int64_t[]){3}, why, &mean));
    test_ok(hoop_params_finalize(p, NULL, why));
    for (int how = 0; how < 2; how++) {
        int64_t s;
        (void)hoop_tape_set_training(t, true);
        x = hoop_tape_watch(t, test_vector(t, 3, NULL));
        s = hoop_segment_begin(t);
        y = hoop_exp(t, hoop_mul(t, x, w));
        hoop_emit(t, mean, y, 2.0);
        y = hoop_tanh(t, hoop_exp(t, hoop_scale(t, y, 0.5)));
        hoop_segment_end(t, s, &y, 1);
        y = hoop_sum(t, y, HOOP_ALL_DIMS, false);
        if (how == 0) {
            test_ok(hoop_backward(t, y, NULL, why));
            assert_int_equal(hoop_tape_emissions(t, &e), 1);
            assert_true(((const double *)hoop_tensor_data(e->value))[1] == 1.0 && e->weight == 2.0);
        } else {
            hoop_params_touch(p);
            test_failed(hoop_backward(t, y, NULL, &err), &err, HOOP_ESTALE, "input 1, parameter w was written", NULL);
        }
        (void)hoop_tape_reset(t, NULL, NULL);
    }
    hoop_tape_destroy(&t);
    hoop_params_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_is_live),
        cmocka_unit_test(what_is_kept_runs_once),
        cmocka_unit_test(what_is_not_kept_is_gone),
        cmocka_unit_test(what_crosses_its_ends),
        cmocka_unit_test(emissions_and_stale_weights),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
