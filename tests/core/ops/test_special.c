/* What case strings cannot say: NaN, ignored labels, modes, keys, dims counted from the end, hoop_sum_to, casts. */
#include "op_check.h"

#include <cblas.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hoop_tape *begin(void)
{
    return test_tape(test_rt.isa[0]);
}

static void no_error(const hoop_tape *t)
{
    if (hoop_tape_error(t)->status != HOOP_OK) fail_msg("%s", hoop_tape_error(t)->text);
}

static hoop_tensor *vector(hoop_tape *t, int64_t n, const double *v)
{
    return hoop_tape_tensor(t, HOOP_F64, 1, &n, v);
}

static double at(const hoop_tensor *x, int64_t i)
{
    double v[8192];
    assert_true(hoop_tensor_numel(x) <= 8192 && i < hoop_tensor_numel(x));
    assert_int_equal(hoop_tensor_read(x, v, NULL), HOOP_OK);
    return v[i];
}

/* not a number goes through, and is not turned into one */
static void nan_is_kept(void **state)
{
    double       v[3] = {1.0, NAN, -2.0};
    hoop_tape   *t    = begin();
    hoop_tensor *x    = hoop_tape_watch(t, vector(t, 3, v)), *y, *other;
    (void)state;
    y = hoop_relu(t, x);
    assert_true(isnan(at(y, 1)) && at(y, 2) == 0.0);
    assert_true(isnan(hoop_tensor_item(hoop_max(t, x, 1, false))));
    assert_true(isnan(hoop_tensor_item(hoop_sum(t, x, 1, false))));
    assert_true(isnan(at(hoop_softmax(t, x), 0)));
    assert_true(isnan(hoop_tensor_item(hoop_cross_entropy(t, x, hoop_tape_tensor(t, HOOP_I64, 0, NULL, (int64_t[]){2})))));
    other = vector(t, 3, v);
    assert_true(at(hoop_equal(t, x, other), 1) == 0.0 && at(hoop_equal(t, x, other), 0) == 1.0);
    assert_true(at(hoop_greater(t, x, other), 1) == 0.0);
    v[1] = INFINITY;
    x    = vector(t, 3, v);
    assert_true(at(hoop_exp(t, x), 1) == INFINITY && at(hoop_tanh(t, x), 1) == 1.0 && at(hoop_sigmoid(t, x), 1) == 1.0);
    v[1] = -INFINITY;
    x    = vector(t, 3, v);
    assert_true(at(hoop_exp(t, x), 1) == 0.0 && at(hoop_softmax(t, x), 1) == 0.0 && at(hoop_sigmoid(t, x), 1) == 0.0);
    v[1] = -1.0;
    x    = vector(t, 3, v);
    assert_true(isnan(at(hoop_log(t, x), 1)) && isnan(at(hoop_sqrt(t, x), 1)));
    no_error(t);
}

static void softmax_of_large_numbers(void **state)
{
    double       v[3] = {1000.0, 1001.0, -1000.0};
    hoop_tape   *t    = begin();
    hoop_tensor *x = vector(t, 3, v), *p = hoop_softmax(t, x), *l = hoop_log_softmax(t, x);
    (void)state;
    assert_true(fabs(at(p, 1) - 1.0 / (1.0 + exp(-1.0))) < 1e-15 && at(p, 2) == 0.0);
    assert_true(fabs(at(l, 2) + 2001.0 + log1p(exp(-1.0))) < 1e-12);
}

static void ignored_labels(void **state)
{
    static const int64_t label[4] = {1, HOOP_IGNORE_LABEL, 0, HOOP_IGNORE_LABEL}, bad[4] = {1, -1, 0, 0};
    double               v[12];
    hoop_tape           *t = begin();
    hoop_tensor         *x, *y, *loss, *some, *few, *dx;
    (void)state;
    for (int i = 0; i < 12; i++) v[i] = test_uniform(3, (uint64_t)i, -1.0, 1.0);
    x    = hoop_tape_watch(t, hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){4, 3}, v));
    y    = hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){4}, label);
    loss = hoop_cross_entropy(t, x, y);
    assert_true(hoop_tensor_item(hoop_loss_weight(loss)) == 2.0);
    few  = hoop_slice(t, hoop_reshape(t, x, 3, (int64_t[]){2, 2, 3}), 1, 0, 1); /* rows 0 and 2 */
    some = hoop_cross_entropy(t, few, hoop_tape_tensor(t, HOOP_I64, 2, (int64_t[]){2, 1}, (int64_t[]){1, 0}));
    assert_true(fabs(hoop_tensor_item(loss) - hoop_tensor_item(some)) < 1e-15);
    assert_int_equal(hoop_grad(t, loss, &x, 1, HOOP_CREATE_GRAPH, NULL, &dx), HOOP_OK);
    for (int k = 0; k < 3; k++) assert_true(at(dx, 3 + k) == 0.0 && at(dx, 9 + k) == 0.0 && at(dx, k) != 0.0);
    dx = hoop_sum(t, hoop_mul(t, dx, dx), HOOP_ALL_DIMS, false); /* nor in second derivatives */
    assert_int_equal(hoop_grad(t, dx, &x, 1, 0, NULL, &dx), HOOP_OK);
    for (int k = 0; k < 3; k++) assert_true(at(dx, 3 + k) == 0.0 && at(dx, k) != 0.0);
    assert_true(at(hoop_one_hot(t, y, 3, HOOP_F64), 3) == 0.0);
    no_error(t);
    (void)hoop_cross_entropy(t, x, hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){4}, bad));
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ERANGE);
    assert_non_null(strstr(hoop_tape_error(t)->text, "label -1 at position 1"));
    (void)hoop_tape_reset(t, NULL, NULL);
    x    = hoop_tape_watch(t, hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){1, 3}, v)); /* nothing counts at all */
    loss = hoop_cross_entropy(t, x, hoop_tape_tensor(t, HOOP_I64, 1, (int64_t[]){1}, &label[1]));
    assert_true(hoop_tensor_item(loss) == 0.0 && hoop_tensor_item(hoop_loss_weight(loss)) == 0.0);
    assert_int_equal(hoop_backward(t, loss, NULL, NULL), HOOP_OK);
    assert_true(at(hoop_tensor_grad(x), 0) == 0.0);
}

static void dropout_is_keyed(void **state)
{
    hoop_tape    *t   = begin();
    hoop_tape_key key = {7, 3, 1};
    double        first[4096];
    int64_t       kept = 0;
    (void)state;
    for (int round = 0; round < 6; round++) {
        hoop_tensor  *x, *y, *again;
        hoop_tape_key k = key;
        if (round == 2) k.step++;
        if (round == 3) k.leaf++;
        if (round == 4) k.seed++;
        assert_int_equal(hoop_tape_reset(t, &k, NULL), HOOP_OK);
        (void)hoop_tape_set_training(t, false);
        x = hoop_fill(t, HOOP_F64, 1, (int64_t[]){4096}, 1.0);
        assert_ptr_equal(hoop_dropout(t, x, 0.25), x); /* evaluation: the identity */
        (void)hoop_tape_set_training(t, true);
        assert_ptr_equal(hoop_dropout(t, x, 0.0), x);
        if (round == 5) (void)hoop_tape_set_site(t, 99);
        y     = hoop_dropout(t, x, 0.25);
        again = hoop_dropout(t, x, 0.25);
        assert_memory_not_equal(hoop_tensor_data(y), hoop_tensor_data(again), sizeof first); /* each call draws anew */
        if (round == 0) {
            memcpy(first, hoop_tensor_data(y), sizeof first);
            for (int i = 0; i < 4096; i++) {
                assert_true(first[i] == 0.0 || fabs(first[i] - 1.0 / 0.75) < 1e-15);
                kept += first[i] != 0.0;
            }
            assert_in_range(kept, 4096 * 3 / 4 - 150, 4096 * 3 / 4 + 150);
        } else if (round == 1) {
            assert_memory_equal(hoop_tensor_data(y), first, sizeof first);
        } else {
            assert_memory_not_equal(hoop_tensor_data(y), first, sizeof first);
        }
    }
    for (int training = 0; training < 2; training++) { /* a wrong p is wrong in evaluation too */
        (void)hoop_tape_reset(t, NULL, NULL);
        (void)hoop_tape_set_training(t, training == 1);
        (void)hoop_dropout(t, hoop_fill(t, HOOP_F64, 1, (int64_t[]){3}, 1.0), training == 1 ? (double)NAN : 1.0);
        assert_int_equal(hoop_tape_error(t)->status, HOOP_EARG);
    }
}

/* Whole channels, by the number n C + c, whichever way the image lies; whole samples; mean and variance kept by alpha dropout. */
static void dropout_of_channels(void **state)
{
    enum { N = 16, C = 32, S = 4 };
    const int64_t       shape[] = {N, C, S}, last[] = {N, S, C}, one[] = {N * C};
    const hoop_tape_key key = {7, 3, 1};
    hoop_tape          *t   = begin();
    double              first[N * C], v[N * C * S], mean = 0, square = 0;
    hoop_tensor        *x, *y;
    (void)state;
    (void)hoop_tape_set_training(t, true);
    for (int way = 0; way < 3; way++) {
        assert_int_equal(hoop_tape_reset(t, &key, NULL), HOOP_OK);
        x = way == 0   ? hoop_fill(t, HOOP_F64, 1, one, 1.0)
            : way == 1 ? hoop_fill(t, HOOP_F64, 3, shape, 1.0)
                       : hoop_transpose(t, hoop_fill(t, HOOP_F64, 3, last, 1.0), 1, 2);
        y = way == 0 ? hoop_dropout(t, x, 0.5) : hoop_dropout_channels(t, x, 0.5);
        assert_int_equal(hoop_tensor_read(y, way == 0 ? first : v, NULL), HOOP_OK);
        for (int i = 0; i < N * C * S && way > 0; i++) assert_true(v[i] == first[i / S]);
    }
    assert_int_equal(hoop_tape_reset(t, &key, NULL), HOOP_OK);
    x = hoop_fill(t, HOOP_F64, 3, shape, 1.0);
    assert_int_equal(hoop_tensor_read(hoop_drop_path(t, x, 0.5), v, NULL), HOOP_OK);
    for (int i = 0; i < N * C * S; i++) assert_true(v[i] == first[i / (C * S)]);
    for (int i = 0; i < N * C * S; i++) v[i] = sqrt(3.0) * (2.0 * ((double)i + 0.5) / (N * C * S) - 1.0); /* of variance 1 */
    x = hoop_alpha_dropout(t, hoop_tape_tensor(t, HOOP_F64, 3, shape, v), 0.25);
    assert_int_equal(hoop_tensor_read(x, v, NULL), HOOP_OK);
    for (int i = 0; i < N * C * S; i++) {
        mean += v[i] / (N * C * S);
        square += v[i] * v[i] / (N * C * S);
    }
    assert_true(fabs(mean) < 0.1 && fabs(square - mean * mean - 1.0) < 0.15);
    no_error(t);
    (void)hoop_tape_set_training(t, false);
    assert_ptr_equal(hoop_dropout_channels(t, x, 0.5), x);
    assert_ptr_equal(hoop_drop_path(t, x, 0.5), x);
    assert_ptr_equal(hoop_alpha_dropout(t, x, 0.5), x);
    (void)hoop_dropout_channels(t, vector(t, 1, v), 0.5); /* wrong in training alone: it has no channels */
    no_error(t);
    (void)hoop_tape_set_training(t, true);
    (void)hoop_dropout_channels(t, vector(t, 1, v), 0.5);
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESHAPE);
}

/* what has no row of its own, and refuses */
static void activations_refuse(void **state)
{
    hoop_tape   *t = begin();
    hoop_tensor *x = hoop_fill(t, HOOP_F64, 2, (int64_t[]){3, 5}, 1.0);
    (void)state;
    assert_true(hoop_tensor_is_poison(hoop_glu(t, x, 1)));
    assert_non_null(strstr(hoop_tape_error(t)->text, "glu: dim 1 has 5 elements; an even number is wanted"));
    (void)hoop_tape_reset(t, NULL, NULL);
    x = hoop_fill(t, HOOP_F64, 2, (int64_t[]){3, 5}, 1.0);
    assert_true(hoop_tensor_is_poison(hoop_glu(t, x, 2)));
    assert_non_null(strstr(hoop_tape_error(t)->text, "glu: no dim 2"));
    (void)hoop_tape_reset(t, NULL, NULL);
    x = hoop_fill(t, HOOP_F64, 2, (int64_t[]){3, 5}, 1.0);
    assert_true(hoop_tensor_is_poison(hoop_prelu(t, x, hoop_fill(t, HOOP_F64, 1, (int64_t[]){3}, 1.0))));
    assert_non_null(strstr(hoop_tape_error(t)->text, "prelu: 3 slopes for 5 channels"));
    for (int i = 0; i < 2; i++) {
        (void)hoop_tape_reset(t, NULL, NULL);
        x = hoop_fill(t, HOOP_F64, 2, (int64_t[]){3, 5}, 1.0);
        assert_true(hoop_tensor_is_poison(i == 0 ? hoop_hardshrink(t, x, -0.5) : hoop_softshrink(t, x, (double)NAN)));
        assert_int_equal(hoop_tape_error(t)->status, HOOP_EARG);
        assert_non_null(strstr(hoop_tape_error(t)->text, i == 0 ? "hardshrink: lambda is -0.5" : "softshrink: lambda is nan"));
    }
    (void)hoop_tape_reset(t, NULL, NULL);
    x = hoop_fill(t, HOOP_F64, 2, (int64_t[]){3, 5}, 1.0);
    assert_true(hoop_tensor_is_poison(hoop_rrelu(t, x, 0.5, 0.25))); /* in evaluation, too */
    assert_non_null(strstr(hoop_tape_error(t)->text, "slopes from 0.5 to 0.25"));
}

/* slopes are drawn anew by element and call, and stay within their bounds */
static void slopes_are_random(void **state)
{
    enum { N = 4099 };
    static float y[2][N];
    hoop_tape   *t    = begin();
    double       mean = 0.0;
    (void)state;
    (void)hoop_tape_set_training(t, true);
    for (int i = 0; i < 2; i++) {
        hoop_tensor *x = hoop_fill(t, HOOP_F32, 1, (int64_t[]){N}, -1.0);
        assert_int_equal(hoop_tensor_read(hoop_rrelu(t, x, 0.25, 0.75), y[i], NULL), HOOP_OK);
    }
    for (int i = 0; i < N; i++) {
        assert_true(y[0][i] <= -0.25F && y[0][i] >= -0.75F);
        mean -= (double)y[0][i] / N;
    }
    assert_true(fabs(mean - 0.5) < 0.01);
    assert_memory_not_equal(y[0], y[1], sizeof y[0]);
    no_error(t);
}

static void lp_pool_refuses(void **state)
{
    static const struct {
        double         norm_type;
        hoop_pool_opts o;
        const char    *says;
    } bad[] = {{2.0, {.kernel = {2}, .padding = {1}}, "lp_pool: padding, dilation, count_exclude_pad or divisor_override"},
               {2.0, {.kernel = {2}, .dilation = {2}}, "lp_pool: padding"},
               {2.0, {.kernel = {2}, .count_exclude_pad = true}, "lp_pool: padding"},
               {2.0, {.kernel = {2}, .divisor_override = 3}, "lp_pool: padding"},
               {0.0, {.kernel = {2}}, "lp_pool: norm_type is 0; a number above 0 is wanted"},
               {(double)INFINITY, {.kernel = {2}}, "lp_pool: norm_type is inf"},
               {(double)NAN, {.kernel = {2}}, "lp_pool: norm_type is nan"},
               {2.0, {.kernel = {0}}, "kernel 0 in spatial dim 0"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hoop_tape   *t = begin();
        hoop_tensor *x = hoop_fill(t, HOOP_F64, 3, (int64_t[]){2, 1, 5}, 1.0);
        assert_true(hoop_tensor_is_poison(hoop_lp_pool(t, x, bad[i].norm_type, &bad[i].o)));
        assert_int_equal(hoop_tape_error(t)->status, HOOP_EARG);
        assert_non_null(strstr(hoop_tape_error(t)->text, bad[i].says));
    }
}

/* more tensors than an op has inputs, and their gradients */
static void concat_of_many(void **state)
{
    static const int counts[] = {HOOP_MAX_IN, HOOP_MAX_IN + 1, 40, 17};
    hoop_tape       *t        = begin();
    hoop_tensor     *xs[HOOP_MAX_IN + 1], *dxs[HOOP_MAX_IN + 1], *y, *s;
    (void)state;
    for (int c = 0; c < 4; c++) {
        int n = counts[c], at_row = 0;
        for (int dim = -2; dim < 1; dim += 2) {
            for (int i = 0; i < n; i++) {
                xs[i] = hoop_fill(t, HOOP_F64, 2, (int64_t[]){1 + i % 2, 3}, (double)i);
                xs[i] = hoop_tape_watch(t, xs[i]);
            }
            y      = hoop_concat(t, xs, n, dim);
            at_row = 0;
            for (int i = 0; i < n; i++) {
                for (int r = 0; r < 1 + i % 2; r++, at_row++) assert_true(at(y, 3 * at_row + 2) == (double)i);
            }
            assert_int_equal(hoop_tensor_size(y, 0), at_row);
            y = hoop_mul(t, y, y);
            s = hoop_sum(t, y, HOOP_ALL_DIMS, false);
            assert_int_equal(hoop_grad(t, s, xs, n, 0, NULL, dxs), HOOP_OK);
            for (int i = 0; i < n; i++) assert_true(at(dxs[i], 0) == 2.0 * i);
        }
    }
    (void)hoop_concat(t, xs, 0, 0);
    assert_int_equal(hoop_tape_error(t)->status, HOOP_EARG);
    (void)hoop_tape_reset(t, NULL, NULL);
    (void)hoop_slice(t, hoop_fill(t, HOOP_F64, 1, (int64_t[]){3}, 1.0), 0, INT64_MAX, INT64_MAX);
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ERANGE);
    assert_non_null(strstr(hoop_tape_error(t)->text, "9223372036854775807 elements from 9223372036854775807"));
}

/* x (2, n) in parts of its columns, of which those that `uses` takes are weighted by their number: gradients of x */
static void split_grads(int64_t n, int parts, const int64_t *sizes, bool (*uses)(int part))
{
    hoop_tape    *t = begin();
    hoop_tensor  *x = hoop_tape_watch(t, hoop_fill(t, HOOP_F64, 2, (int64_t[]){2, n}, 1.5)), *loss = NULL;
    hoop_tensor **part       = test_memory(parts * (int64_t)sizeof(hoop_tensor *));
    hoop_tensor  *first_part = hoop_split(t, x, -1, parts, sizes, part);
    no_error(t);
    assert_ptr_equal(first_part, part[0]);
    for (int i = 0; i < parts; i++) {
        hoop_tensor *sum;
        assert_int_equal(hoop_tensor_size(part[i], 1), sizes != NULL ? sizes[i] : n / parts);
        if (!uses(i)) continue;
        sum  = hoop_sum(t, hoop_scale(t, part[i], 1.0 + i), HOOP_ALL_DIMS, false);
        loss = loss == NULL ? sum : hoop_add(t, loss, sum);
    }
    assert_int_equal(hoop_backward(t, loss, NULL, NULL), HOOP_OK);
    for (int64_t i = 0, first = 0; i < parts; first += sizes != NULL ? sizes[i] : n / parts, i++) {
        for (int64_t k = first; k < first + (sizes != NULL ? sizes[i] : n / parts); k++) {
            assert_true(at(hoop_tensor_grad(x), k) == (uses((int)i) ? 1.0 + (double)i : 0.0));
            assert_true(at(hoop_tensor_grad(x), n + k) == (uses((int)i) ? 1.0 + (double)i : 0.0));
        }
    }
}
static bool every_part(int part)
{
    (void)part;
    return true;
}
static bool odd_parts(int part)
{
    return part % 2 == 1;
}

static void split_into_many(void **state)
{
    static const int64_t sizes[] = {3, 0, 1, 4};
    hoop_tape           *t       = begin();
    hoop_tensor         *part[4], *x = hoop_fill(t, HOOP_F64, 1, (int64_t[]){10}, 1.0);
    (void)state;
    split_grads(8, 4, sizes, every_part);
    split_grads(8, 4, sizes, odd_parts);
    split_grads(9, 3, NULL, every_part);
    split_grads(3 * HOOP_MAX_OUT, HOOP_MAX_OUT, NULL, odd_parts);
    split_grads(2 * HOOP_MAX_OUT + 2, HOOP_MAX_OUT + 1, NULL, every_part);
    split_grads(3 * HOOP_MAX_OUT + 5, 3 * HOOP_MAX_OUT + 5, NULL, odd_parts);
    (void)hoop_split(t, x, 0, 4, NULL, part); /* 4 times 2, not 10 */
    for (int i = 0; i < 4; i++) assert_true(hoop_tensor_is_poison(part[i]));
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESHAPE);
    assert_int_equal(hoop_tape_reset(t, NULL, NULL), HOOP_ESHAPE);
    x = hoop_fill(t, HOOP_F64, 1, (int64_t[]){10}, 1.0);
    assert_true(hoop_tensor_is_poison(hoop_split(t, x, 0, 0, NULL, part)));
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESHAPE);
}

enum { IMAGES = 2, CHANNELS = 3, HEIGHT = 5, WIDTH = 4, PIXELS = IMAGES * CHANNELS * HEIGHT * WIDTH };

/* a branch of elementwise ops on an image, and its way back: relu(a + factor) (a - relu), factor of a channel each */
static hoop_tensor *branch(hoop_tape *t, hoop_tensor *a, hoop_tensor *factor)
{
    hoop_tensor *h = hoop_add(t, a, factor), *r = hoop_relu(t, h), *d = hoop_sub(t, a, r);
    return hoop_mul(t, r, d);
}

/* The order in memory of what elementwise ops are given is that of what they give, and of gradients; numbers are the same. */
static void any_order(void **state)
{
    const int64_t usual[] = {IMAGES, CHANNELS, HEIGHT, WIDTH}, last[] = {IMAGES, HEIGHT, WIDTH, CHANNELS};
    double        image[PIXELS], turned[PIXELS], grad[PIXELS];
    hoop_tape    *t      = begin();
    hoop_tensor  *factor = hoop_tape_tensor(t, HOOP_F64, 3, (int64_t[]){CHANNELS, 1, 1}, (double[]){0.5, -0.25, 1.0});
    hoop_tensor  *x, *y, *back;
    int64_t       live, before;
    (void)state;
    for (int i = 0; i < PIXELS; i++) image[i] = test_uniform(7, (uint64_t)i, -1.0, 1.0);
    x = hoop_tape_watch(t, hoop_tape_tensor(t, HOOP_F64, 4, usual, image));
    y = branch(t, x, factor);
    assert_int_equal(hoop_backward(t, hoop_sum(t, y, HOOP_ALL_DIMS, false), NULL, NULL), HOOP_OK);
    memcpy(grad, hoop_tensor_data(hoop_tensor_grad(x)), sizeof grad);
    (void)hoop_tape_reset(t, NULL, NULL);

    for (int i = 0; i < PIXELS; i++) {
        const int w = i % WIDTH, h = i / WIDTH % HEIGHT, c = i / WIDTH / HEIGHT % CHANNELS, n = i / WIDTH / HEIGHT / CHANNELS;
        turned[((n * HEIGHT + h) * WIDTH + w) * CHANNELS + c] = image[i];
    }
    factor = hoop_tape_tensor(t, HOOP_F64, 3, (int64_t[]){CHANNELS, 1, 1}, (double[]){0.5, -0.25, 1.0});
    x      = hoop_tape_watch(t, hoop_tape_tensor(t, HOOP_F64, 4, last, turned));
    y      = branch(t, hoop_permute(t, x, 4, (int64_t[]){0, 3, 1, 2}), factor);
    back   = hoop_permute(t, y, 4, (int64_t[]){0, 2, 3, 1});
    no_error(t);
    for (int d = 0; d < 4; d++) assert_int_equal(hoop_tensor_size(y, d), usual[d]);
    assert_true(hoop_tensor_view(back)->stride[3] == 1 && hoop_tensor_view(back)->stride[0] == HEIGHT * WIDTH * CHANNELS);
    hoop_tape_memory(t, &before, NULL, NULL);
    assert_int_equal(hoop_backward(t, hoop_sum(t, back, HOOP_ALL_DIMS, false), NULL, NULL), HOOP_OK);
    back = hoop_permute(t, hoop_tensor_grad(x), 4, (int64_t[]){0, 3, 1, 2});
    back = hoop_contiguous(t, back);
    assert_memory_equal(hoop_tensor_data(back), grad, sizeof grad);
    hoop_tape_memory(t, &live, NULL, NULL);
    if (live > before) fail_msg("%lld bytes live after backward, %lld before it", (long long)live, (long long)before);
    (void)hoop_tape_reset(t, NULL, NULL);
}

/* dims turned and turned back: the tensor itself while calls are recorded, one without a gradient where they are not */
static void turned_back(void **state)
{
    hoop_tape    *t      = begin();
    hoop_tensor  *x      = hoop_tape_watch(t, hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){2, 3}, (double[]){1, 2, 3, 4, 5, 6}));
    hoop_tensor  *turned = hoop_transpose(t, x, 0, 1), *back = hoop_transpose(t, turned, 0, 1), *y;
    const double *dx;
    (void)state;
    assert_ptr_equal(back, x);
    assert_true(hoop_tape_set_grad(t, false));
    back = hoop_transpose(t, turned, 0, 1);
    (void)hoop_tape_set_grad(t, true);
    no_error(t);
    y = hoop_mul(t, x, back); /* x x, where one x is a constant */
    y = hoop_sum(t, y, HOOP_ALL_DIMS, false);
    assert_int_equal(hoop_backward(t, y, NULL, NULL), HOOP_OK);
    dx = hoop_tensor_data(hoop_tensor_grad(x));
    for (int i = 0; i < 6; i++) assert_true(dx[i] == i + 1.0);
    (void)hoop_tape_reset(t, NULL, NULL);
}

static void dims_from_the_end(void **state)
{
    hoop_tape   *t = begin();
    hoop_tensor *x = hoop_tape_tensor(t, HOOP_F64, 3, (int64_t[]){2, 3, 4}, NULL), *y;
    (void)state;
    y = hoop_transpose(t, x, -1, 0);
    assert_int_equal(hoop_tensor_size(y, 0), 4);
    y = hoop_slice(t, x, -2, 1, 2);
    assert_int_equal(hoop_tensor_size(y, 1), 2);
    y = hoop_concat(t, (hoop_tensor *[]){x, x}, 2, -1);
    assert_int_equal(hoop_tensor_size(y, -1), 8);
    y = hoop_unslice(t, x, -3, 1, 5);
    assert_int_equal(hoop_tensor_size(y, -3), 5);
    y = hoop_reshape(t, hoop_transpose(t, x, 0, 1), 2, (int64_t[]){-1, 2});
    assert_int_equal(hoop_tensor_size(y, 0), 12);
    no_error(t);
    (void)hoop_transpose(t, x, -4, 0);
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESHAPE);
    (void)hoop_tape_reset(t, NULL, NULL);
    x = hoop_tape_tensor(t, HOOP_F64, 1, (int64_t[]){2}, NULL);
    (void)hoop_concat(t, (hoop_tensor * [HOOP_MAX_IN + 1]){x}, HOOP_MAX_IN + 1, 0); /* NULL behind the first */
    assert_int_equal(hoop_tape_error(t)->status, HOOP_EARG);
    (void)hoop_tape_reset(t, NULL, NULL);
    x = hoop_tape_tensor(t, HOOP_F64, 1, (int64_t[]){2}, NULL);
    (void)hoop_reshape(t, x, HOOP_MAX_DIMS + 1, (int64_t[HOOP_MAX_DIMS + 1]){2});
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESHAPE);
    (void)hoop_tape_reset(t, NULL, NULL);
    (void)hoop_fill(t, HOOP_F32, 3, (int64_t[]){1 << 30, 1 << 30, 1 << 30}, 0.0);
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESIZE);
    (void)hoop_tape_reset(t, NULL, NULL);
    x = hoop_fill(t, HOOP_F32, 1, (int64_t[]){1}, 0.0); /* views of more bytes than there are numbers for */
    (void)hoop_expand(t, x, 2, (int64_t[]){1LL << 40, 1LL << 40});
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESIZE);
    (void)hoop_tape_reset(t, NULL, NULL);
    x = hoop_tape_wrap(t, HOOP_U8, 2, (int64_t[]){3, 0}, NULL); /* nothing, however often, stays nothing */
    x = hoop_expand(t, hoop_reshape(t, x, 3, (int64_t[]){1, 3, 0}), 3, (int64_t[]){1LL << 40, 3, 0});
    assert_int_equal(hoop_tensor_numel(x), 0);
    no_error(t);
}

static void sum_to_shapes(void **state)
{
    static const struct {
        int     ndim;
        int64_t shape[3];
        double  first;
    } to[]         = {{3, {2, 3, 4}, 1.0}, {2, {3, 4}, 2.0},  {1, {4}, 6.0},      {0, {0}, 24.0},
                      {3, {1, 3, 1}, 8.0}, {2, {1, 1}, 24.0}, {3, {2, 1, 4}, 3.0}};
    hoop_tape   *t = begin();
    hoop_tensor *x = hoop_fill(t, HOOP_F64, 3, (int64_t[]){2, 3, 4}, 1.0);
    (void)state;
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        hoop_tensor *y = hoop_sum_to(t, x, to[i].ndim, to[i].shape);
        no_error(t);
        assert_int_equal(hoop_tensor_ndim(y), to[i].ndim);
        for (int64_t k = 0; k < hoop_tensor_numel(y); k++) assert_true(at(y, k) == to[i].first);
    }
}

static void reductions_of_nothing(void **state)
{
    hoop_tape   *t = begin();
    hoop_tensor *x = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){0, 3}, NULL), *y;
    (void)state;
    y = hoop_sum(t, x, 1, false);
    assert_true(at(y, 2) == 0.0);
    y = hoop_mean(t, x, 2, false); /* of nothing, nothing */
    assert_int_equal(hoop_tensor_numel(y), 0);
    no_error(t);
    (void)hoop_max(t, x, 1, false);
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESHAPE);
    (void)hoop_tape_reset(t, NULL, NULL);
    x = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){0, 3}, NULL);
    (void)hoop_mean(t, x, HOOP_ALL_DIMS, false);
    assert_int_equal(hoop_tape_error(t)->status, HOOP_ESHAPE);
}

static void casts(void **state)
{
    hoop_tape   *t    = begin();
    double       v[4] = {1.9, -1.9, 0.0, 200.0};
    int64_t      i64[4];
    int32_t      i32[4];
    uint8_t      u8[4];
    float        f[4];
    hoop_tensor *x = hoop_tape_watch(t, vector(t, 4, v)), *y, *dx;
    (void)state;
    assert_int_equal(hoop_tensor_read(hoop_cast(t, x, HOOP_I64), i64, NULL), HOOP_OK);
    assert_int_equal(hoop_tensor_read(hoop_cast(t, x, HOOP_I32), i32, NULL), HOOP_OK);
    assert_int_equal(hoop_tensor_read(hoop_cast(t, hoop_relu(t, x), HOOP_U8), u8, NULL), HOOP_OK);
    assert_int_equal(hoop_tensor_read(hoop_cast(t, x, HOOP_F32), f, NULL), HOOP_OK);
    assert_true(i64[0] == 1 && i64[1] == -1 && i32[1] == -1 && u8[3] == 200 && f[0] == 1.9F);
    y = hoop_cast(t, x, HOOP_F32); /* the gradient comes back in the input's dtype */
    y = hoop_sum(t, hoop_mul(t, y, y), HOOP_ALL_DIMS, false);
    assert_int_equal(hoop_grad(t, y, &x, 1, 0, NULL, &dx), HOOP_OK);
    assert_int_equal(hoop_tensor_dtype(dx), HOOP_F64);
    assert_true(fabs(at(dx, 0) - 3.8) < 1e-6);
    y = hoop_cast(t, hoop_transpose(t, hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){2, 2}, v), 0, 1), HOOP_I64); /* views too */
    assert_int_equal(hoop_tensor_read(y, i64, NULL), HOOP_OK);
    assert_true(i64[1] == 0 && i64[2] == -1);
    no_error(t);
    (void)hoop_add(t, x, hoop_cast(t, x, HOOP_F32)); /* no promotion */
    assert_int_equal(hoop_tape_error(t)->status, HOOP_EDTYPE);
    assert_non_null(strstr(hoop_tape_error(t)->text, "hoop_cast"));
}

/* detach passes the value and stops the gradient */
static void detached(void **state)
{
    hoop_tape   *t    = begin();
    double       v[2] = {3.0, 4.0};
    hoop_tensor *x = hoop_tape_watch(t, vector(t, 2, v)), *y = hoop_mul(t, x, hoop_detach(t, x)), *s = hoop_sum(t, y, 1, false);
    (void)state;
    assert_int_equal(hoop_backward(t, s, NULL, NULL), HOOP_OK);
    assert_true(at(hoop_tensor_grad(x), 0) == 3.0 && at(hoop_tensor_grad(x), 1) == 4.0);
}

/* the largest of equals: their gradient is shared */
static void ties_share(void **state)
{
    hoop_tape   *t    = begin();
    double       v[4] = {2.0, 5.0, 5.0, 1.0};
    hoop_tensor *x = hoop_tape_watch(t, vector(t, 4, v)), *y = hoop_max(t, x, 1, false);
    (void)state;
    assert_int_equal(hoop_backward(t, y, NULL, NULL), HOOP_OK);
    assert_true(at(hoop_tensor_grad(x), 0) == 0.0 && at(hoop_tensor_grad(x), 1) == 0.5 && at(hoop_tensor_grad(x), 2) == 0.5);
}

/* f32 gradients of products whose parts leave f32's range, and come back into it by the others */
static void products_far_apart(void **state)
{
    static const struct {
        float  x[4], dy[4];
        double running[4], whole[4]; /* gradients by cumprod with dy, and by prod */
    } rows[] = {
        {{1e30F, 2, 1e-25F, 1e-25F}, {0, 0, 0, 1}, {2e-50, 1e-20, 2e5, 2e5}, {2e-50, 1e-20, 2e5, 2e5}},
        {{0, 1, 1e30F, 1e30F}, {1, 1, 1, 1}, {1e60, 0, 0, 0}, {1e60, 0, 0, 0}},
        {{1e-25F, 1e-25F, 1e30F, 1e30F}, {0, 0, 0, 1}, {1e35, 1e35, 1e-20, 1e-20}, {1e35, 1e35, 1e-20, 1e-20}},
    };
    hoop_tape *t = begin();
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int by = 0; by < 4; by++) { /* whole or running; one line, or lines side by side */
            const bool    running = by % 2 == 1;
            const int64_t lines = by < 2 ? 1 : 2, shape[2] = {4, lines};
            const double *want = running ? rows[r].running : rows[r].whole;
            float         v[8], w[8];
            hoop_tensor  *x, *y;
            for (int i = 0; i < 8; i++) v[i] = rows[r].x[i / lines % 4], w[i] = rows[r].dy[i / lines % 4];
            x = hoop_tape_watch(t, hoop_tape_tensor(t, HOOP_F32, 2, shape, v));
            y = running ? hoop_cumprod(t, x, 0) : hoop_prod(t, x, 1, false);
            if (running) y = hoop_mul(t, y, hoop_tape_tensor(t, HOOP_F32, 2, shape, w));
            y = hoop_sum(t, y, HOOP_ALL_DIMS, false);
            assert_int_equal(hoop_backward(t, y, NULL, NULL), HOOP_OK);
            for (int i = 0; i < 4 * lines; i++) {
                float dx[8];
                assert_int_equal(hoop_tensor_read(hoop_tensor_grad(x), dx, NULL), HOOP_OK);
                if (!(fabs((double)dx[i] - want[i / lines]) <= 1e-5 * want[i / lines] || (float)want[i / lines] == dx[i]))
                    fail_msg("row %zu, way %d: dx[%d] is %g, not %g", r, by, i, (double)dx[i], want[i / lines]);
            }
        }
    no_error(t);
}

/* products of many shapes and layouts against the sum written out; large enough for several tiles and threads */
static void matmul_shapes(void **state)
{
    static const int64_t sizes[][3] = {{1, 1, 1},    {1, 300, 1},  {300, 1, 300}, {17, 5, 257},
                                       {257, 3, 16}, {513, 7, 31}, {2, 0, 3},     {0, 4, 3}};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        int64_t m = sizes[s][0], k = sizes[s][1], n = sizes[s][2];
        double *a = test_memory(m * k * 8), *b = test_memory(k * n * 8);
        for (int64_t i = 0; i < m * k; i++) a[i] = test_uniform(1, (uint64_t)i, -1.0, 1.0);
        for (int64_t i = 0; i < k * n; i++) b[i] = test_uniform(2, (uint64_t)i, -1.0, 1.0);
        for (int way = 0; way < 4; way++) {
            hoop_tape   *t = test_tape(way % 2 == 0 ? test_rt.isa[0] : test_rt.two_threads);
            hoop_tensor *x = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){m, k}, a),
                        *y = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){k, n}, b), *z;
            const double *c;
            if (way >= 2) { /* the same matrices, lying transposed */
                x = hoop_transpose(t, hoop_contiguous(t, hoop_transpose(t, x, 0, 1)), 0, 1);
                y = hoop_transpose(t, hoop_contiguous(t, hoop_transpose(t, y, 0, 1)), 0, 1);
            }
            z = hoop_matmul(t, x, y);
            no_error(t);
            c = hoop_tensor_data(z);
            for (int64_t i = 0; i < m * n; i++) {
                double sum = 0.0;
                for (int64_t j = 0; j < k; j++) sum += a[i / n * k + j] * b[j * n + i % n];
                if (fabs(c[i] - sum) > 1e-13)
                    fail_msg("%lld x %lld x %lld: element %lld", (long long)m, (long long)k, (long long)n, (long long)i);
            }
        }
        (void)test_tidy(NULL);
    }
}

/* What holds of a row that says HOOP_OP_ROW_WISE and no more: samples in dim 0 of all, as many as the output has. Rows that are
 * joined are not. */
static void row_wise_without_a_hook(void **state)
{
    hoop_op add = *hoop_op_find("add"), concat = *hoop_op_find("concat");
    void   *op = &add;
    (void)state;
    add.samples = concat.samples = NULL;
    check_rows(&op);
    check_leaves(&op);
    op = &concat;
    check_rows(&op);
}

/* ---- einsum: what it refuses ---- */

static void einsum_refuses(void **state)
{
    static const struct refusal {
        const char *equation, *why;
        hoop_status st;
    } refusals[] = {
        {"ij,jk,kl->il", "more terms than operands", HOOP_EARG},
        {"ij->i", "fewer terms than operands", HOOP_EARG},
        {"ij,j1k->i", "letters, '...'", HOOP_EARG},
        {"ij,jk-ik", "'->' is wanted", HOOP_EARG},
        {"ij,jk->ik,", "nothing is wanted", HOOP_EARG},
        {"ij,jk->iz", "no operand has", HOOP_EARG},
        {"ij,jk->ii", "twice", HOOP_EARG},
        {"ijk,jk->i", "not the dims of operand (0)", HOOP_ESHAPE},
        {"ij,kj->ik", "several sizes", HOOP_ESHAPE},
        {"ii,jk->i", "two sizes in operand (0)", HOOP_ESHAPE},
        {"......,jk->k", "a second '...'", HOOP_EARG},
        {"", "not the dims of operand", HOOP_ESHAPE},
    };
    hoop_tape *t = begin();
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        hoop_tensor *x[2] = {hoop_fill(t, HOOP_F64, 2, (int64_t[]){3, 5}, 1.0),
                             hoop_fill(t, HOOP_F64, 2, (int64_t[]){5, 4}, 1.0)};
        assert_true(hoop_tensor_is_poison(hoop_einsum(t, refusals[i].equation, x, 2)));
        if (hoop_tape_error(t)->status != refusals[i].st || strstr(hoop_tape_error(t)->text, refusals[i].why) == NULL)
            fail_msg("'%s': %s", refusals[i].equation, hoop_tape_error(t)->text);
        (void)hoop_tape_reset(t, NULL, NULL);
    }
}

/* ---- gemm: blas reaches OpenBLAS in whatever counts its products ---- */

static int64_t products; /* of OpenBLAS */

#define COUNTED(name, T)                                                                                                         \
    void name(CBLAS_LAYOUT l, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, T alpha, const T *a,      \
              blasint lda, const T *b, blasint ldb, T beta, T *c, blasint ldc)                                                   \
    {                                                                                                                            \
        void (*real)(CBLAS_LAYOUT, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blasint, blasint, blasint, T, const T *, blasint,           \
                     const T *, blasint, T, T *, blasint);                                                                       \
        void *symbol = dlsym(RTLD_NEXT, #name);                                                                                  \
        memcpy(&real, &symbol, sizeof real);                                                                                     \
        assert_non_null(real);                                                                                                   \
        products++;                                                                                                              \
        real(l, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);                                                           \
    }
COUNTED(cblas_sgemm, float)
COUNTED(cblas_dgemm, double)

/* products of OpenBLAS in the op's cases, up to the first that has some, with a runtime */
static int64_t products_of(hoop_runtime *rt, const hoop_op *op, hoop_dtype dtype)
{
    int64_t before = products;
    for (int i = 0; i < op->ncases && products == before; i++) {
        trial        tr;
        hoop_tensor *in[HOOP_MAX_IN];
        hoop_tape   *t     = test_tape(rt);
        bool         empty = false;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        for (int k = 0; k < tr.nin; k++) {
            empty |= tr.in[k].numel == 0;
            in[k] = trial_tensor(&tr, t, k, dtype);
        }
        if (empty) continue;
        (void)hoop_op_call(t, op, in, tr.nin, tr.c->attrs, NULL);
        on_tape(&tr, t, "the call");
    }
    return products - before;
}

static void blas_reaches_all(void **state)
{
    hoop_runtime *rt;
    int           rows = 0;
    (void)state;
    assert_int_equal(hoop_runtime_create(&(hoop_runtime_opts){.blas = true}, NULL, &rt), HOOP_OK);
    for (int i = 0; i < hoop_op_count(); i++) {
        const hoop_op *op = hoop_op_get(i);
        if (op->flops == NULL || strncmp(op->name, "conv", 4) == 0) continue; /* convolutions have no product to hand over */
        rows++;
        for (hoop_dtype dtype = HOOP_F32; dtype <= HOOP_F64; dtype++) {
            if (products_of(rt, op, dtype) == 0)
                fail_msg("%s: gemm: blas does not reach OpenBLAS (%s)", op->name, hoop_dtype_name(dtype));
            if (products_of(test_rt.isa[0], op, dtype) != 0)
                fail_msg("%s: OpenBLAS is reached where it is not asked for (%s)", op->name, hoop_dtype_name(dtype));
        }
        (void)test_tidy(NULL);
    }
    assert_true(rows >= 2);
    hoop_runtime_destroy(&rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nan_is_kept, test_tidy),
        cmocka_unit_test_teardown(softmax_of_large_numbers, test_tidy),
        cmocka_unit_test_teardown(ignored_labels, test_tidy),
        cmocka_unit_test_teardown(dropout_is_keyed, test_tidy),
        cmocka_unit_test_teardown(dropout_of_channels, test_tidy),
        cmocka_unit_test_teardown(activations_refuse, test_tidy),
        cmocka_unit_test_teardown(slopes_are_random, test_tidy),
        cmocka_unit_test_teardown(lp_pool_refuses, test_tidy),
        cmocka_unit_test_teardown(concat_of_many, test_tidy),
        cmocka_unit_test_teardown(turned_back, test_tidy),
        cmocka_unit_test_teardown(dims_from_the_end, test_tidy),
        cmocka_unit_test_teardown(any_order, test_tidy),
        cmocka_unit_test_teardown(sum_to_shapes, test_tidy),
        cmocka_unit_test_teardown(reductions_of_nothing, test_tidy),
        cmocka_unit_test_teardown(casts, test_tidy),
        cmocka_unit_test_teardown(detached, test_tidy),
        cmocka_unit_test_teardown(ties_share, test_tidy),
        cmocka_unit_test_teardown(products_far_apart, test_tidy),
        cmocka_unit_test_teardown(matmul_shapes, test_tidy),
        cmocka_unit_test_teardown(split_into_many, test_tidy),
        cmocka_unit_test_teardown(row_wise_without_a_hook, test_tidy),
        cmocka_unit_test_teardown(einsum_refuses, test_tidy),
        cmocka_unit_test_teardown(blas_reaches_all, test_tidy),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
