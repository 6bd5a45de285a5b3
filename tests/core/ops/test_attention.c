/* Attention beside the same in primitive ops: the same bits forward, and of dq; queries next to one another or one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hoop/nn.h"
#include "hoop/ops.h"
#include "hoop/random.h"
#include "hoop/runtime.h"

#include <math.h>
#include <string.h>

static hoop_runtime *rt;
static hoop_tape    *tape;

static int start(void **state)
{
    (void)state;
    assert_int_equal(hoop_runtime_create(NULL, NULL, &rt), HOOP_OK);
    return hoop_tape_create(rt, NULL, &tape) == HOOP_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    hoop_tape_destroy(&tape);
    hoop_runtime_destroy(&rt);
    return 0;
}

static void fine(void)
{
    if (hoop_tape_error(tape)->status != HOOP_OK) fail_msg("%s", hoop_tape_error(tape)->text);
}

static hoop_tensor *random_tensor(hoop_dtype dtype, uint64_t stream, int64_t n, int64_t heads, int64_t rows, int64_t width)
{
    hoop_tensor *x    = hoop_tape_tensor(tape, dtype, 4, (int64_t[]){n, heads, rows, width}, NULL);
    hoop_key     key  = hoop_key_make(5, HOOP_FOR_TEST, stream, 0, 0);
    void        *data = hoop_tensor_data(x);
    for (int64_t i = 0; i < hoop_tensor_numel(x); i++) {
        float value = 4.0F * hoop_random_f32(key, (uint64_t)i) - 2.0F;
        if (dtype == HOOP_F32)
            ((float *)data)[i] = value;
        else
            ((double *)data)[i] = value;
    }
    return hoop_tape_watch(tape, x);
}

/* 0 where a query may look at a key, else -inf */
static hoop_tensor *lower(hoop_dtype dtype, int64_t t, int64_t s)
{
    hoop_tensor *x = hoop_tape_tensor(tape, dtype, 2, (int64_t[]){t, s}, NULL);
    for (int64_t i = 0; i < t * s; i++) {
        double value = i % s <= i / s ? 0.0 : -(double)INFINITY;
        if (dtype == HOOP_F32)
            ((float *)hoop_tensor_data(x))[i] = (float)value;
        else
            ((double *)hoop_tensor_data(x))[i] = value;
    }
    return x;
}

static void same(const char *what, int64_t t, int64_t s, const hoop_tensor *a, const hoop_tensor *b)
{
    const int64_t n    = hoop_tensor_numel(a);
    const size_t  size = hoop_dtype_size(hoop_tensor_dtype(a));
    char         *x = test_malloc((size_t)n * size), *y = test_malloc((size_t)n * size);
    assert_int_equal(n, hoop_tensor_numel(b));
    assert_int_equal(hoop_tensor_read(a, x, NULL), HOOP_OK);
    assert_int_equal(hoop_tensor_read(b, y, NULL), HOOP_OK);
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(x + (size_t)i * size, y + (size_t)i * size, size) != 0)
            fail_msg("%s of %d queries, %d keys: element %d of %d has other bits than by primitive ops", what, (int)t, (int)s,
                     (int)i, (int)n);
    }
    test_free(x);
    test_free(y);
}

static void bits_of(hoop_dtype dtype, bool causal, int64_t t, int64_t s, int64_t d, int64_t e)
{
    hoop_tensor *q, *k, *v, *y, *kt, *p, *z, *w, *l, *m, *dx[2];
    assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_OK);
    q  = random_tensor(dtype, 1, 2, 3, t, d);
    k  = random_tensor(dtype, 2, 2, 3, s, d);
    v  = random_tensor(dtype, 3, 2, 3, s, e);
    w  = random_tensor(dtype, 4, 2, 3, t, e);
    y  = hoop_attention(tape, q, k, v, NULL, &(hoop_attention_opts){.causal = causal ? HOOP_CAUSAL_START : HOOP_CAUSAL_NONE});
    kt = hoop_transpose(tape, k, -2, -1);
    p  = hoop_matmul(tape, q, kt);
    p  = hoop_scale(tape, p, 1.0 / sqrt((double)d));
    m  = lower(dtype, t, s);
    if (causal) p = hoop_add(tape, p, m);
    p = hoop_softmax(tape, p);
    z = hoop_matmul(tape, p, v);
    same("the output", t, s, y, z);
    l = hoop_mul(tape, y, w);
    l = hoop_sum(tape, l, HOOP_ALL_DIMS, false);
    assert_int_equal(hoop_grad(tape, l, &q, 1, HOOP_RETAIN_GRAPH, NULL, &dx[0]), HOOP_OK);
    l = hoop_mul(tape, z, w);
    l = hoop_sum(tape, l, HOOP_ALL_DIMS, false);
    assert_int_equal(hoop_grad(tape, l, &q, 1, HOOP_RETAIN_GRAPH, NULL, &dx[1]), HOOP_OK);
    same("dq", t, s, dx[0], dx[1]);
    fine();
}

/* around the height of strips, the product's blocks along k (256) and the groups of long sums (1024) */
static void bits_of_primitive_ops(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        const hoop_dtype dtype = d == 0 ? HOOP_F32 : HOOP_F64;
        bits_of(dtype, true, 1, 1, 1, 1);
        bits_of(dtype, true, 7, 7, 5, 3);
        bits_of(dtype, true, 63, 63, 16, 16);
        bits_of(dtype, true, 64, 64, 17, 8);
        bits_of(dtype, true, 130, 130, 8, 33);
        bits_of(dtype, true, 300, 300, 8, 8);
        bits_of(dtype, false, 1, 300, 64, 32);
        bits_of(dtype, false, 9, 1100, 4, 4);
        bits_of(dtype, true, 5, 70, 4, 4);
        bits_of(dtype, true, 70, 5, 4, 4);
    }
}

/* ---- dropout of probabilities ---- */

enum { DROPPED = 131 }; /* keys: a row has more numbers than the kernel makes at once */

/* what is left of probabilities: values are the unit matrix */
static hoop_tensor *probabilities(double p, bool training, uint64_t step)
{
    hoop_tensor  *q, *k, *v = NULL, *y;
    const int64_t n = 2, heads = 3, t = 70;
    assert_int_equal(hoop_tape_reset(tape, &(hoop_tape_key){.seed = 5, .step = step}, NULL), HOOP_OK);
    (void)hoop_tape_set_training(tape, training);
    q = random_tensor(HOOP_F32, 1, n, heads, t, 4);
    k = random_tensor(HOOP_F32, 2, n, heads, DROPPED, 4);
    v = hoop_one_hot(tape, hoop_arange(tape, HOOP_I64, DROPPED, 0.0, 1.0), DROPPED, HOOP_F32);
    v = hoop_expand(tape, v, 4, (int64_t[]){n, heads, DROPPED, DROPPED});
    y = hoop_attention(tape, q, k, v, NULL, &(hoop_attention_opts){.dropout = p});
    (void)hoop_tape_set_training(tape, false);
    fine();
    return y;
}

static void probabilities_are_dropped(void **state)
{
    enum { ALL = 2 * 3 * 70 * DROPPED };
    static float whole[ALL], left[ALL], again[ALL];
    int64_t      dropped = 0, alike = 0;
    (void)state;
    assert_int_equal(hoop_tensor_read(probabilities(0.25, false, 1), whole, NULL), HOOP_OK);
    assert_int_equal(hoop_tensor_read(probabilities(0.0, true, 1), left, NULL), HOOP_OK);
    assert_memory_equal(whole, left, sizeof whole);
    assert_int_equal(hoop_tensor_read(probabilities(0.25, true, 1), left, NULL), HOOP_OK);
    for (int i = 0; i < ALL; i++) {
        if (left[i] == 0.0F)
            dropped++;
        else
            assert_true(fabs((double)left[i] * 0.75 / (double)whole[i] - 1.0) < 1e-6);
    }
    assert_true(fabs((double)dropped / ALL - 0.25) < 0.01);
    assert_int_equal(hoop_tensor_read(probabilities(0.25, true, 1), again, NULL), HOOP_OK);
    assert_memory_equal(left, again, sizeof left);
    assert_int_equal(hoop_tensor_read(probabilities(0.25, true, 2), again, NULL), HOOP_OK);
    for (int i = 0; i < ALL; i++) alike += left[i] == 0.0F && again[i] == 0.0F;
    assert_true(fabs((double)alike / ALL - 0.0625) < 0.01);
    for (int64_t i = alike = 0; i < ALL / 6; i++) alike += left[i] == 0.0F && left[i + ALL / 6] == 0.0F; /* two heads */
    assert_true(fabs((double)alike / (ALL / 6.0) - 0.0625) < 0.01);
    assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_OK);
    assert_true(hoop_tensor_is_poison(
        hoop_attention_packed(tape, random_tensor(HOOP_F32, 1, 1, 2, 3, 4), 1, NULL, &(hoop_attention_opts){.dropout = 1.0})));
    assert_int_equal(hoop_tape_error(tape)->status, HOOP_EARG);
    assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_EARG);
}

/* a layer of weights 0 but for biases: what it gives is x and these, each dropped by itself */
static void encoder_layers_drop(void **state)
{
    const hoop_shape  in       = {.dtype = HOOP_F32, .ndim = 3, .size = {0, 5, 64}};
    const char *const names[3] = {"0.self_attn.out_proj.bias", "0.linear1.bias", "0.linear2.bias"};
    static float      y[3][5 * 64];
    (void)state;
    for (int of = 0; of < 3; of++) {
        hoop_model  *m;
        hoop_tensor *x, *out;
        int          count[3] = {0};
        assert_int_equal(hoop_model_create(HOOP_F32, NULL, &m), HOOP_OK);
        assert_int_equal(
            hoop_module_add(hoop_model_root(m), hoop_module_kind_find("transformer_encoder_layer"), "0",
                            &(hoop_encoder_layer_opts){.heads = 2, .feedforward = 64, .norm_first = true, .dropout = 0.5}, NULL,
                            NULL),
            HOOP_OK);
        assert_int_equal(hoop_model_build(m, 1, &in, NULL), HOOP_OK);
        assert_int_equal(hoop_model_finalize(m, NULL, NULL), HOOP_OK);
        assert_int_equal(hoop_model_init(m, HOOP_INIT_PYTORCH, 3), HOOP_OK);
        for (int i = 0; i < hoop_params_count(hoop_model_params(m)); i++) {
            hoop_tensor *w    = hoop_params_tensor(hoop_model_params(m), i);
            const char  *name = hoop_params_name(hoop_model_params(m), i);
            const bool   unit = of == 1 && strcmp(name, "0.linear2.weight") == 0; /* hands on what linear1 gives */
            for (int64_t k = 0; k < hoop_tensor_numel(w); k++)
                ((float *)hoop_tensor_data(w))[k] = strcmp(name, names[of]) == 0 || (unit && k % 65 == 0) ? 1.0F : 0.0F;
            hoop_tensor_touch(w);
        }
        assert_int_equal(hoop_tape_reset(tape, &(hoop_tape_key){.seed = 5}, NULL), HOOP_OK);
        (void)hoop_tape_set_training(tape, true);
        x = hoop_fill(tape, HOOP_F32, 3, (int64_t[]){1, 5, 64}, 0.0);
        hoop_model_forward(m, tape, 1, &x, &out);
        (void)hoop_tape_set_training(tape, false);
        fine();
        assert_int_equal(hoop_tensor_read(out, y[of], NULL), HOOP_OK);
        for (int i = 0; i < 5 * 64; i++) count[y[of][i] == 0.0F ? 0 : y[of][i] == 2.0F ? 1 : 2]++;
        if (of == 1) { /* dropped twice */
            for (int i = 0; i < 5 * 64; i++) assert_true(y[of][i] == 0.0F || y[of][i] == 4.0F);
            assert_in_range(count[2], 50, 110);
        } else {
            assert_int_equal(count[2], 0);
            assert_in_range(count[1], 120, 200);
        }
        assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_OK);
        hoop_model_destroy(&m);
    }
    assert_memory_not_equal(y[0], y[2], sizeof y[0]);
}

/* ---- generation: keys and values of what was before are in persistent tensors ---- */

enum { LENGTH = 70, BATCH = 2, WIDTH = 12, HEADS = 4, KV = 2, DIM = 6, PACKED = (HEADS + 2 * KV) * DIM };

static hoop_tensor *persistent(hoop_dtype dtype, int ndim, const int64_t *shape)
{
    hoop_tensor *x;
    assert_int_equal(hoop_tensor_create(dtype, ndim, shape, NULL, &x), HOOP_OK);
    return x;
}

typedef struct cache {
    hoop_tensor *k, *v;           /* (N, LENGTH, KV, DIM) */
    hoop_tensor *before, *length; /* (): positions so far; (N): and those of this step */
} cache;

/* positions first .. first + n - 1 of all, attending to what the cache has and to themselves */
static hoop_tensor *generate(cache *c, hoop_tensor *input, hoop_tensor *weight, int64_t first, int64_t n)
{
    const hoop_rotary_opts turn = {.heads = HEADS + KV};
    hoop_tensor           *x = hoop_slice(tape, input, 1, first, n), *y = hoop_linear(tape, x, weight, NULL), *q, *k, *v;
    ((int64_t *)hoop_tensor_data(c->before))[0] = first;
    for (int64_t i = 0; i < BATCH; i++) ((int64_t *)hoop_tensor_data(c->length))[i] = first + n;
    hoop_tensor_touch(c->before);
    hoop_tensor_touch(c->length);
    y = hoop_reshape(tape, y, 4, (int64_t[]){BATCH, n, HEADS + 2 * KV, DIM});
    y = hoop_rotary(tape, y, c->before, &turn);
    q = hoop_slice(tape, y, 2, 0, HEADS);
    k = hoop_slice(tape, y, 2, HEADS, KV);
    v = hoop_slice(tape, y, 2, HEADS + KV, KV);
    assert_int_equal(hoop_tensor_assign_part(c->k, 1, first, k, NULL), HOOP_OK);
    assert_int_equal(hoop_tensor_assign_part(c->v, 1, first, v, NULL), HOOP_OK);
    q = hoop_transpose(tape, q, 1, 2);
    k = hoop_transpose(tape, c->k, 1, 2);
    v = hoop_transpose(tape, c->v, 1, 2);
    y = hoop_attention(tape, q, k, v, c->length, &(hoop_attention_opts){.causal = HOOP_CAUSAL_END});
    y = hoop_transpose(tape, y, 1, 2); /* (N, n, H, D) */
    fine();
    return y;
}

static void generation_of(hoop_dtype dtype, const int64_t *steps)
{
    const int64_t shape[4] = {BATCH, LENGTH, KV, DIM}, batch = BATCH;
    const size_t  bytes = (size_t)BATCH * LENGTH * HEADS * DIM * hoop_dtype_size(dtype), row = bytes / (BATCH * LENGTH);
    cache         c   = {persistent(dtype, 4, shape), persistent(dtype, 4, shape), persistent(HOOP_I64, 0, NULL),
                         persistent(HOOP_I64, 1, &batch)};
    char         *all = test_malloc(bytes), *some = test_malloc(bytes);
    hoop_tensor  *x, *w, *y;
    for (int64_t first = -1, s = 0; first < LENGTH; s++) {
        const int64_t n = first < 0 ? LENGTH : steps[s - 1];
        assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_OK);
        (void)hoop_tape_set_grad(tape, false);
        x = random_tensor(dtype, 11, 1, BATCH, LENGTH, WIDTH);
        x = hoop_reshape(tape, x, 3, (int64_t[]){BATCH, LENGTH, WIDTH});
        w = random_tensor(dtype, 12, 1, 1, PACKED, WIDTH);
        w = hoop_reshape(tape, w, 2, (int64_t[]){PACKED, WIDTH});
        if (first < 0) { /* the whole sequence at once, without a cache */
            y = hoop_linear(tape, x, w, NULL);
            y = hoop_reshape(tape, y, 4, (int64_t[]){BATCH, LENGTH, HEADS + 2 * KV, DIM});
            y = hoop_rotary(tape, y, NULL, &(hoop_rotary_opts){.heads = HEADS + KV});
            y = hoop_attention_packed(tape, y, KV, NULL, &(hoop_attention_opts){.causal = HOOP_CAUSAL_START});
            assert_int_equal(hoop_tensor_read(y, all, NULL), HOOP_OK);
            first = 0;
            continue;
        }
        y = generate(&c, x, w, first, n);
        assert_int_equal(hoop_tensor_read(y, some, NULL), HOOP_OK);
        for (int64_t i = 0; i < BATCH; i++) {
            if (memcmp(some + (size_t)(i * n) * row, all + (size_t)(i * LENGTH + first) * row, (size_t)n * row) != 0)
                fail_msg("positions from %d on have other bits than in the whole sequence (%s)", (int)first,
                         hoop_dtype_name(dtype));
        }
        first += n;
    }
    (void)hoop_tape_set_grad(tape, true);
    test_free(all);
    test_free(some);
    hoop_tensor_destroy(&c.k);
    hoop_tensor_destroy(&c.v);
    hoop_tensor_destroy(&c.before);
    hoop_tensor_destroy(&c.length);
}

/* token by token, a prompt and then single ones, pieces that pass strips */
static void generation_is_the_whole(void **state)
{
    int64_t ones[LENGTH], prompt[8] = {65, 1, 1, 1, 1, 1}, pieces[3] = {3, 66, 1};
    (void)state;
    for (int i = 0; i < LENGTH; i++) ones[i] = 1;
    for (int d = 0; d < 2; d++) {
        const hoop_dtype dtype = d == 0 ? HOOP_F32 : HOOP_F64;
        generation_of(dtype, ones);
        generation_of(dtype, prompt);
        generation_of(dtype, pieces);
    }
}

/* ---- layers: leaves run at once ---- */

static void take_nothing(void *ctx, int64_t first_block, int64_t nblocks, const void *const *terms, int nterms)
{
    (void)first_block, (void)nblocks, (void)terms;
    *(int *)ctx += nterms;
}

/* positions of a table that is longer than what comes, and attention of x to itself: samples of leaves never mix */
static void leaves_at_once(void **state)
{
    const hoop_shape in      = {.dtype = HOOP_F32, .ndim = 3, .size = {0, 7, 8}};
    const int64_t    rows[2] = {1, 3};
    const uint64_t   leaf[2] = {0, 1};
    hoop_model      *m;
    hoop_tensor     *x, *y, *loss[2];
    int              terms = 0;
    (void)state;
    assert_int_equal(hoop_model_create(HOOP_F32, NULL, &m), HOOP_OK);
    assert_int_equal(hoop_module_add(hoop_model_root(m), hoop_module_kind_find("position"), "0",
                                     &(hoop_position_opts){.length = 9}, NULL, NULL),
                     HOOP_OK);
    assert_int_equal(
        hoop_module_add(hoop_model_root(m), hoop_module_kind_find("attention"), "1",
                        &(hoop_attention_layer_opts){.heads = 4, .kv_heads = 2, .causal = true, .rotary = HOOP_ROTARY_HALF}, NULL,
                        NULL),
        HOOP_OK);
    assert_int_equal(hoop_model_build(m, 1, &in, NULL), HOOP_OK);
    assert_int_equal(hoop_model_finalize(m, NULL, NULL), HOOP_OK);
    assert_int_equal(hoop_model_init(m, HOOP_INIT_PYTORCH, 3), HOOP_OK);
    assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_OK);
    assert_int_equal(hoop_tape_set_leaves(tape, 2, rows, leaf, NULL), HOOP_OK);
    x = hoop_tape_tensor(tape, HOOP_F32, 3, (int64_t[]){4, 7, 8}, NULL);
    x = hoop_tape_samples(tape, x);
    hoop_model_forward(m, tape, 1, &x, &y);
    for (int l = 0; l < 2; l++) {
        hoop_tape_set_leaf(tape, l);
        loss[l] = hoop_tape_leaf_rows(tape, y, l);
        loss[l] = hoop_sum(tape, loss[l], HOOP_ALL_DIMS, false);
    }
    fine();
    assert_int_equal(hoop_backward_leaves(tape, loss, 2, &(hoop_backward_opts){.ctx = &terms, .sum = take_nothing}, NULL),
                     HOOP_OK);
    assert_false(hoop_tape_mixed(tape));
    assert_true(terms >= 2 * hoop_params_count(hoop_model_params(m)));
    assert_int_equal(hoop_tape_reset(tape, NULL, NULL), HOOP_OK);
    hoop_model_destroy(&m);
}

static void parts_are_refused(void **state)
{
    const int64_t large[3] = {2, 5, 3}, small[3] = {2, 2, 3};
    hoop_tensor  *dst = persistent(HOOP_F32, 3, large), *src = persistent(HOOP_F32, 3, small);
    hoop_error    err = {.status = HOOP_OK};
    (void)state;
    assert_int_equal(hoop_tensor_assign_part(dst, 1, 3, src, NULL), HOOP_OK);
    assert_int_equal(hoop_tensor_assign_part(dst, -2, 0, src, NULL), HOOP_OK);
    assert_int_equal(hoop_tensor_assign_part(dst, 1, 4, src, &err), HOOP_ESHAPE);
    assert_string_equal(err.text, "hoop_tensor_assign_part: f32 (2, 2, 3) into f32 (2, 5, 3), from 4 on along dim 1");
    assert_int_equal(hoop_tensor_assign_part(dst, 1, -1, src, NULL), HOOP_ESHAPE);
    assert_int_equal(hoop_tensor_assign_part(dst, 0, 0, src, NULL), HOOP_ESHAPE);
    assert_int_equal(hoop_tensor_assign_part(dst, 7, 0, src, NULL), HOOP_ESHAPE);
    assert_int_equal(hoop_tensor_assign_part(dst, 1, 0, dst, NULL), HOOP_EARG);
    assert_int_equal(hoop_tensor_assign_part(NULL, 1, 0, src, NULL), HOOP_EARG);
    hoop_tensor_destroy(&dst);
    hoop_tensor_destroy(&src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bits_of_primitive_ops), cmocka_unit_test(probabilities_are_dropped),
                                       cmocka_unit_test(encoder_layers_drop),   cmocka_unit_test(generation_is_the_whole),
                                       cmocka_unit_test(leaves_at_once),        cmocka_unit_test(parts_are_refused)};
    return cmocka_run_group_tests(tests, start, stop);
}
